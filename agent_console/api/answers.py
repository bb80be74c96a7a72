"""What the API answers: JSON, or a problem by RFC 9457 with a stable `code`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

PROBLEM = "application/problem+json"

# The API's own codes; what the floor refuses has its own (see each order).
CODES: dict[str, tuple[int, str]] = {
    "no-key": (401, "There is no `Authorization: Bearer` header with a key."),
    "unknown-key": (401, "No such key."),
    "expired-key": (401, "The key's time is over."),
    "revoked-key": (401, "The key was shut out."),
    "scope-missing": (403, "The key does not have the scope that this needs; `scope` names it."),
    "not-your-agent": (403, "The key is bound to one agent, and this is about another."),
    "supervisors-only": (403, "A key that is bound to an agent may not do this."),
    "not-found": (404, "There is nothing at this address, or no such thing."),
    "method-not-allowed": (405, "This address takes other methods; see `Allow`."),
    "too-late": (408, "The body did not arrive in time."),
    "outcome-unknown": (
        409,
        "An order with this idempotency key was begun and then interrupted: look what came of it.",
    ),
    "too-large": (413, "The body is too large."),
    "not-json": (415, "The body must be sent as application/json."),
    "bad-request": (422, "The body or query is not as described; `errors` says where."),
    "bad-idempotency-key": (422, "An idempotency key has 1 to 64 visible ASCII characters."),
    "idempotency-key-reused": (422, "The same idempotency key came with another order."),
    "actor-needed": (422, "Nobody has this call: name the `agent` who acts."),
    "too-many-requests": (429, "Too many requests; `Retry-After` says when to go on."),
    "too-many-idempotency-keys": (429, "Too many idempotency keys in 24 hours."),
    "internal": (500, "This failed; the log has it under `instance`."),
    "try-again": (503, "Something that this needs is away for the moment."),
}


def problem(
    status: int,
    code: str,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """A refusal. `instance` names this very occurrence, also in the log."""
    body = {
        "type": f"urn:callcenter:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or CODES.get(code, (status, code))[1],
        "code": code,
        "instance": f"urn:uuid:{uuid.uuid4()}",
        **more,
    }
    return Response(
        msgspec.json.encode(body), status, headers=dict(headers or {}), media_type=PROBLEM
    )


def known_problem(code: str, **more: object) -> Response:
    """One of `CODES`."""
    status, detail = CODES[code]
    return problem(status, code, detail, **more)  # type: ignore[arg-type]
