"""Who may log in: users, their passwords (argon2), and server-side sessions.

A session token is 256 random bits; only its SHA-256 is stored. A session ends by age,
by idleness, by logging out, and with all others of its user when the password or the
role changes or the user is disabled.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import argon2
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.tables import sessions, users

ROLES = ("agent", "supervisor", "admin")
PASSWORD_MIN, PASSWORD_MAX = 8, 1024
ID_MAX = 64
NAME_MAX = 200
# Each check takes 64 MB and 0.1 s of a core: a burst of log-ins must not take the machine.
CHECKS_AT_ONCE = 2
SEEN_EVERY_S = 60.0
CACHED_SESSIONS = 10_000


class UserExists(ValueError):  # noqa: N818 - says what is, not that something broke
    """There is a user of that id already."""


class UnknownUser(LookupError):  # noqa: N818
    """There is no user of that id."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who may log in with `user_id`. `agent_id` is "" for one who takes no calls."""

    user_id: str
    name: str
    role: str
    agent_id: str
    language: str
    disabled: bool = False


def login_id(text: str) -> str:
    """The one spelling of a user id, without spaces around it, in lower case; "" if it is none."""
    name = unicodedata.normalize("NFKC", text[: 2 * ID_MAX]).strip().casefold()
    return name if name.isprintable() and len(name) <= ID_MAX else ""


class Users:
    """Users and sessions in the database. `clock` gives UTC epoch seconds.

    Looking up a session is answered from memory for `cache_s`; a change made through this
    object is seen at once, one made by another process after `cache_s`. `on_rights` is called
    with the id of a user whose sessions ended by such a change: password, role, shut out.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        clock: Callable[[], float] = time.time,
        max_age_s: float = 16 * 3600.0,
        max_idle_s: float = 4 * 3600.0,
        cache_s: float = 1.0,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        self._engine = engine
        self._writes = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._clock = clock
        self._max_age_s = max_age_s
        self._max_idle_s = max_idle_s
        self._cache_s = cache_s
        self._hasher = hasher or argon2.PasswordHasher()
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._cache: dict[str, tuple[User, float, float]] = {}  # token hash: user, until, expires
        self._generation = 0
        self.on_rights: Callable[[str], None] = lambda user_id: None
        self._nobody = ""  # the hash that a password for an unknown user is checked against

    # Users ---------------------------------------------------------------------------------

    async def create(
        self,
        user_id: str,
        name: str,
        role: str,
        password: str,
        *,
        agent_id: str = "",
        language: str = "en",
    ) -> User:
        """A new user. Raises `UserExists`, and ValueError for a bad id, role or password."""
        user = User(
            _checked_id(user_id), _checked_name(name), _checked_role(role), agent_id, language
        )
        hashed = await self._hash(_checked_password(password))
        try:
            async with self._writes.begin() as connection:
                await connection.execute(
                    sa.insert(users).values(
                        id=user.user_id,
                        name=user.name,
                        role=user.role,
                        agent_id=user.agent_id,
                        language=user.language,
                        password_hash=hashed,
                        disabled=False,
                        created=self._clock(),
                    )
                )
        except sa.exc.IntegrityError:
            raise UserExists(f"there is a user {user.user_id} already") from None
        return user

    async def verify(self, name: str, password: str) -> User | None:
        """The user whose id and password these are, or None.

        An unknown id takes as long as a wrong password. A hash made with older settings is
        replaced on the way.
        """
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(sa.select(users).where(users.c.id == login_id(name)))
            ).first()
        stored = row.password_hash if row is not None else await self._nobodys_hash()
        right = len(password) <= PASSWORD_MAX and await self._check(stored, password)
        if row is None or not right or row.disabled:
            return None
        if self._hasher.check_needs_rehash(stored):
            await self._change(row.id, {"password_hash": await self._hash(password)}, keep=True)
        return _user(row)

    async def set_password(self, user_id: str, password: str) -> None:
        """A new password; ends all sessions of the user. Raises `UnknownUser`, ValueError."""
        hashed = await self._hash(_checked_password(password))
        await self._change(user_id, {"password_hash": hashed})

    async def set_role(self, user_id: str, role: str, *, agent_id: str | None = None) -> None:
        """A new role; ends all sessions of the user. Raises `UnknownUser`, ValueError."""
        values = {"role": _checked_role(role)}
        if agent_id is not None:
            values["agent_id"] = agent_id
        await self._change(user_id, values)

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        """Shut a user out, or let the user in again; ends all sessions. Raises `UnknownUser`."""
        await self._change(user_id, {"disabled": disabled})

    async def set_language(self, user_id: str, language: str) -> None:
        """What language the console speaks to this user. Sessions go on."""
        await self._change(user_id, {"language": language}, keep=True)

    async def get(self, user_id: str) -> User | None:
        """One user."""
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(sa.select(users).where(users.c.id == login_id(user_id)))
            ).first()
        return None if row is None else _user(row)

    async def list_users(self) -> list[User]:
        """All users, by id."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(sa.select(users).order_by(users.c.id))).all()
        return [_user(row) for row in rows]

    async def _change(self, user_id: str, values: dict[str, Any], *, keep: bool = False) -> None:
        of_user = users.c.id == login_id(user_id)
        async with self._writes.begin() as connection:
            changed = await connection.execute(sa.update(users).where(of_user).values(values))
            if changed.rowcount != 1:
                raise UnknownUser(f"there is no user {user_id[:ID_MAX]}")
            if not keep:
                await _delete_sessions(connection, sessions.c.user_id == login_id(user_id))
        self._forget()
        if not keep:
            self.on_rights(login_id(user_id))

    # Passwords -----------------------------------------------------------------------------

    async def _hash(self, password: str) -> str:
        async with self._checks:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def _check(self, stored: str, password: str) -> bool:
        async with self._checks:
            return await asyncio.to_thread(self._matches, stored, _normal(password))

    def _matches(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _nobodys_hash(self) -> str:
        if not self._nobody:
            self._nobody = await self._hash(secrets.token_hex())
        return self._nobody

    # Sessions ------------------------------------------------------------------------------

    async def new_session(self, user_id: str) -> str:
        """A fresh session; its token. Raises `UnknownUser`. Sessions that are over are cleared."""
        token, now = secrets.token_urlsafe(32), self._clock()
        try:
            await self._store_session(login_id(user_id), _token_hash(token), now)
        except sa.exc.IntegrityError:
            raise UnknownUser(f"there is no user {user_id[:ID_MAX]!r}") from None
        return token

    async def _store_session(self, user_id: str, token_hash: str, now: float) -> None:
        async with self._writes.begin() as connection:
            await _delete_sessions(
                connection,
                (sessions.c.expires < now) | (sessions.c.last_seen < now - self._max_idle_s),
            )
            await connection.execute(
                sa.insert(sessions).values(
                    token_hash=token_hash,
                    user_id=user_id,
                    created=now,
                    last_seen=now,
                    expires=now + self._max_age_s,
                )
            )

    async def session_user(self, token: str) -> User | None:
        """Whose session this is, as the user is now; None when it is over."""
        hashed, now = _token_hash(token), self._clock()
        known = self._cache.get(hashed)
        if known is not None and now < known[1] and now < known[2]:
            return known[0]
        generation = self._generation
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(
                    sa.select(users, sessions.c.last_seen, sessions.c.expires)
                    .join(sessions, sessions.c.user_id == users.c.id)
                    .where(sessions.c.token_hash == hashed)
                )
            ).first()
        if row is None or row.disabled or not self._alive(row.last_seen, row.expires, now):
            self._cache.pop(hashed, None)
            return None
        if now - row.last_seen >= SEEN_EVERY_S:
            await self._saw(hashed, now)
        user = _user(row)
        if generation == self._generation:
            if len(self._cache) >= CACHED_SESSIONS:
                self._cache.clear()
            self._cache[hashed] = (user, now + self._cache_s, row.expires)
        return user

    def _alive(self, last_seen: float, expires: float, now: float) -> bool:
        return now < expires and now - last_seen < self._max_idle_s

    async def _saw(self, hashed: str, now: float) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(
                sa.update(sessions).where(sessions.c.token_hash == hashed).values(last_seen=now)
            )

    async def end_session(self, token: str) -> None:
        """Log out. Harmless when there is no such session."""
        async with self._engine.begin() as connection:
            await _delete_sessions(connection, sessions.c.token_hash == _token_hash(token))
        self._forget()

    async def end_sessions_of(self, user_id: str) -> None:
        """Log this user out everywhere."""
        async with self._engine.begin() as connection:
            await _delete_sessions(connection, sessions.c.user_id == login_id(user_id))
        self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._cache.clear()


async def _delete_sessions(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> None:
    await connection.execute(sa.delete(sessions).where(which))


def _user(row: Any) -> User:
    return User(row.id, row.name, row.role, row.agent_id, row.language, row.disabled)


def _token_hash(token: str) -> str:
    return hashlib.sha256(token[:256].encode("utf-8", "replace")).hexdigest()


def _normal(password: str) -> bytes:
    # The same password typed on two keyboards can differ in how its accents are composed.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


def _checked_id(text: str) -> str:
    name = login_id(text)
    if not name:
        raise ValueError(f"a user id has 1 to {ID_MAX} printable characters")
    return name


def _checked_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise ValueError(f"a user's name has 1 to {NAME_MAX} printable characters")
    return name


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise ValueError(f"the role must be one of {', '.join(ROLES)}, not {role!r}")
    return role


def _checked_password(password: str) -> str:
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise ValueError(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    return password
