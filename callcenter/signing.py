"""Signatures of webhooks, by the Standard Webhooks specification (version 1, symmetric).

    webhook-id: ev_1234
    webhook-timestamp: 1764115200
    webhook-signature: v1,<base64 of HMAC-SHA256(secret, "{id}.{timestamp}.{body}")>

A secret is `whsec_` and the base64 of its bytes. While there are two, both sign, and the header
has both signatures with a space between: receivers take whichever they know.
"""

from __future__ import annotations

import base64
import hmac
import secrets as random
from collections.abc import Sequence

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits."""
    return PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What goes beside the body."""
    text = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signed = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        signed.append("v1," + base64.b64encode(hmac.digest(key, text, "sha256")).decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }
