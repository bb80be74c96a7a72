"""Who asks: keys, their scopes, and how often. What no rule allows is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog
from starlette.requests import HTTPConnection

from agent_console.api.answers import CODES
from agent_console.api.ports import ApiSettings, Key, Keys
from agent_console.pace import Bucket, Pace, address_key
from agent_console.ports import Refusal
from agent_console.problems import TryAgain

log = structlog.get_logger(__name__)


class Denied(Refusal):
    """Not let in. `more` and `headers` go into the answer."""

    def __init__(self, code: str, headers: dict[str, str] | None = None, **more: object) -> None:
        status, detail = CODES[code]
        super().__init__(code, detail, status)
        self.headers = headers or {}
        self.more = more


class Guard:
    """Lets programs in by their keys."""

    def __init__(self, keys: Keys, settings: ApiSettings, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._requests = Pace(settings.requests_per_minute)
        self._wrong = Pace(settings.wrong_keys_per_minute)

    async def key(self, connection: HTTPConnection) -> Key:
        """Whose key came with it; raises `Denied`, or `TryAgain` when nobody can say."""
        host = connection.client.host if connection.client else ""
        wrong = self._wrong.of(address_key(host))
        scheme, _, text = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise _unknown("no-key")
        key = await self._look_up(text.strip())
        if key is None:
            # Only wrong ones are counted: a stranger must not shut out who shares an address.
            if not wrong.take():
                raise Denied("too-many-requests", {"Retry-After": _seconds(wrong.wait_s)})
            log.warning("api-key-unknown", address=address_key(host))
            raise _unknown("unknown-key")
        if (why := self.over(key)) is not None:
            raise _unknown(why)
        return key

    def over(self, key: Key) -> str | None:
        """Why the key opens nothing any more; None when it does."""
        if key.revoked is not None:
            return "revoked-key"
        if key.expires is not None and key.expires <= self._clock():
            return "expired-key"
        return None

    async def still(self, text: str) -> bool:
        """Whether a key that was good is good; True while nobody can say."""
        try:
            key = await self._look_up(text)
        except TryAgain:
            return True
        return key is not None and self.over(key) is None

    async def _look_up(self, text: str) -> Key | None:
        try:
            return await self._keys.verify(text)
        except Exception as wrong:
            log.error("api-key-not-looked-up", exc_info=wrong)
            raise TryAgain from wrong

    def pace(self, key: Key) -> dict[str, str]:
        """Count one request; the headers that tell of it. Raises `Denied`."""
        bucket = self._requests.of(key.key_id)
        allowed = bucket.take()
        headers = self._headers(bucket)
        if not allowed:
            raise Denied("too-many-requests", {**headers, "Retry-After": _seconds(bucket.wait_s)})
        return headers

    def _headers(self, bucket: Bucket) -> dict[str, str]:
        most = self._settings.requests_per_minute
        return {
            "RateLimit-Limit": str(most),
            "RateLimit-Remaining": str(int(bucket.left)),
            "RateLimit-Reset": str(math.ceil((most - bucket.left) * 60 / most)),
        }


def check_scope(key: Key, scope: str) -> None:
    """Default deny: a scope that the key does not have. "" needs any key."""
    if scope and scope not in key.scopes:
        raise Denied("scope-missing", scope=scope)


def _unknown(code: str) -> Denied:
    return Denied(code, {"WWW-Authenticate": 'Bearer realm="callcenter"'})


def _seconds(wait_s: float) -> str:
    return str(max(1, math.ceil(wait_s)))
