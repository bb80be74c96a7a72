"""Keys of programs: random, shown once, stored as a hash; and the answers to their orders.

A key is `cck_<id>_<secret>`. The id (8 hexadecimal digits) is for people and look-ups; the
secret has 256 random bits, so a plain SHA-256 is enough and costs nothing at each request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.tables import api_answers, api_keys

MARK = "cck"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SCOPE = re.compile(r"[a-z]+:[a-z]+")
TOKEN_MAX = 200
SEEN_EVERY_S = 60.0
CACHED_KEYS = 10_000
ANSWERS_FOR_S = 24 * 3600.0
ANSWERS_PER_KEY = 20_000
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class UnknownKey(LookupError):  # noqa: N818 - says what is, not that something broke
    """There is no such key."""


class KeyExists(ValueError):  # noqa: N818
    """There is a key of that name already."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a program may do. Moments are UTC epoch seconds; `agent` "" acts for everybody."""

    key_id: str
    name: str
    scopes: frozenset[str]
    agent: str
    created: float
    expires: float | None = None
    revoked: float | None = None
    last_used: float | None = None


class ApiKeys:
    """Keys in the database. `clock` gives UTC epoch seconds.

    A look-up is answered from memory for `cache_s`; what another process changed is seen then.
    """

    def __init__(
        self, engine: AsyncEngine, *, clock: Callable[[], float] = time.time, cache_s: float = 1.0
    ) -> None:
        self._engine = engine
        self._writes = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._clock = clock
        self._cache_s = cache_s
        self._cache: OrderedDict[str, tuple[ApiKey, float]] = OrderedDict()

    async def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        agent: str = "",
        expires: float | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and the text that only its owner ever sees.

        Raises `KeyExists`, and ValueError for a bad name or scope.
        """
        wanted = frozenset(scopes)
        if not NAME.fullmatch(name):
            raise ValueError("a key's name has 1 to 64 of A-Z a-z 0-9 . _ - (not first)")
        if not wanted or any(not SCOPE.fullmatch(scope) for scope in wanted):
            raise ValueError("a key needs scopes such as calls:read")
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        text = f"{MARK}_{key_id}_{secret}"
        key = ApiKey(key_id, name, wanted, agent, self._clock(), expires)
        try:
            async with self._writes.begin() as connection:
                await connection.execute(
                    sa.insert(api_keys).values(
                        id=key_id,
                        name=name,
                        hash=_hash(text),
                        scopes=" ".join(sorted(wanted)),
                        agent=agent,
                        created=key.created,
                        expires=expires,
                    )
                )
        except sa.exc.IntegrityError:
            raise KeyExists(
                f"there is a key {name} already (a revoked one keeps its name)"
            ) from None
        return key, text

    async def verify(self, text: str) -> ApiKey | None:
        """The key whose text this is, even when it is expired or revoked: look at it; or None."""
        if len(text) > TOKEN_MAX or not text.isascii():
            return None
        hashed, now = _hash(text), self._clock()
        cached = self._cache.get(hashed)
        if cached is not None and now < cached[1]:
            return cached[0]
        mark, _, rest = text.partition("_")
        key_id = rest.partition("_")[0] if mark == MARK else ""
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(sa.select(api_keys).where(api_keys.c.id == key_id))
            ).first()
        # An unknown id is compared too: the time tells nothing about which ids there are.
        if not hmac.compare_digest(_NOBODY if row is None else row.hash, hashed) or row is None:
            return None
        key = _key(row)
        if now - (key.last_used or 0.0) >= SEEN_EVERY_S:
            await self._saw(key_id, now)
        self._cache[hashed] = (key, now + self._cache_s)
        self._cache.move_to_end(hashed)
        while len(self._cache) > CACHED_KEYS:
            self._cache.popitem(last=False)
        return key

    async def _saw(self, key_id: str, now: float) -> None:
        # That nothing can be written at the moment is no reason to refuse a read.
        with suppress(SQLAlchemyError, OSError):
            async with self._writes.begin() as connection:
                await connection.execute(
                    sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used=now)
                )

    async def revoke(self, which: str) -> ApiKey:
        """Shut a key out for good, by its id or name. Raises `UnknownKey`."""
        async with self._writes.begin() as connection:
            found = (
                await connection.execute(
                    sa.select(api_keys).where((api_keys.c.id == which) | (api_keys.c.name == which))
                )
            ).first()
            if found is None:
                raise UnknownKey(f"there is no key {which[:64]}")
            if found.revoked is None:
                await connection.execute(
                    sa.update(api_keys)
                    .where(api_keys.c.id == found.id)
                    .values(revoked=self._clock())
                )
        self._cache.clear()
        return _key(found)

    async def list_keys(self) -> list[ApiKey]:
        """All keys, the newest last."""
        async with self._engine.connect() as connection:
            rows = (
                await connection.execute(sa.select(api_keys).order_by(api_keys.c.created))
            ).all()
        return [_key(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an order with the same idempotency key came to; `status` 0: nobody knows.

    `fingerprint` says which order that was.
    """

    fingerprint: str
    status: int
    body: bytes


class TooManyAnswers(Exception):  # noqa: N818
    """This key has used up its idempotency keys for the moment."""


class ApiAnswers:
    """Orders that carried an idempotency key, for 24 hours. `clock` gives UTC epoch seconds."""

    def __init__(self, engine: AsyncEngine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._writes = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._clock = clock

    async def begin(self, key_id: str, name: str, fingerprint: str) -> Answered | None:
        """Write down that this order is being carried out: None. Or what it came to before.

        Raises `TooManyAnswers`.
        """
        try:
            return await self._begin(key_id, name, fingerprint)
        except sa.exc.IntegrityError:
            # Another process began it in the same moment; now its note can be read.
            return await self._begin(key_id, name, fingerprint)

    async def _begin(self, key_id: str, name: str, fingerprint: str) -> Answered | None:
        now = self._clock()
        this = (api_answers.c.key_id == key_id) & (api_answers.c.idempotency_key == name)
        async with self._writes.begin() as connection:
            await connection.execute(
                sa.delete(api_answers).where(api_answers.c.at < now - ANSWERS_FOR_S)
            )
            row = (await connection.execute(sa.select(api_answers).where(this))).first()
            if row is not None:
                return Answered(row.fingerprint, row.status or 0, row.body or b"")
            count = await connection.scalar(
                sa.select(sa.func.count()).where(api_answers.c.key_id == key_id)
            )
            if (count or 0) >= ANSWERS_PER_KEY:
                raise TooManyAnswers
            await connection.execute(
                sa.insert(api_answers).values(
                    key_id=key_id, idempotency_key=name, fingerprint=fingerprint, at=now
                )
            )
        return None

    async def finish(self, key_id: str, name: str, status: int, body: bytes) -> None:
        """Keep the answer."""
        await self._change(key_id, name, {"status": status, "body": body})

    async def forget(self, key_id: str, name: str) -> None:
        """The order changed nothing: it may be tried again under the same key."""
        await self._change(key_id, name, None)

    async def _change(self, key_id: str, name: str, values: dict[str, Any] | None) -> None:
        this = (api_answers.c.key_id == key_id) & (api_answers.c.idempotency_key == name)
        change: Any = sa.delete(api_answers) if values is None else sa.update(api_answers)
        change = change.where(this)
        async with self._writes.begin() as connection:
            await connection.execute(change if values is None else change.values(values))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(row: Any) -> ApiKey:
    scopes = frozenset(row.scopes.split())
    return ApiKey(
        row.id, row.name, scopes, row.agent, row.created, row.expires, row.revoked, row.last_used
    )
