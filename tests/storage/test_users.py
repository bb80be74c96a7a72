"""Users, passwords and server-side sessions."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import argon2
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from agent_console import ports
from storage.users import UnknownUser, User, UserExists, Users

# Quick enough for tests; only the test of timing uses the real cost.
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def users(engine: AsyncEngine, clock: Clock) -> Users:
    made = Users(engine, clock=clock, hasher=CHEAP, max_age_s=1000, max_idle_s=300, cache_s=1)
    await made.create("anna", "Anna Li", "agent", PASSWORD, agent_id="agent-anna", language="zh")
    return made


def test_users_are_what_the_console_asks_for(engine: AsyncEngine) -> None:
    """The console's port is met by shape alone; a renamed method must fail here."""
    accounts: ports.Accounts = Users(engine)
    user: ports.User = User("u", "U", "agent", "", "en")
    assert (accounts, user) is not None


async def test_right_password_wrong_password_nobody(users: Users) -> None:
    """The one question that everything else hangs on."""
    assert await users.verify("anna", PASSWORD) == User(
        "anna", "Anna Li", "agent", "agent-anna", "zh"
    )
    assert await users.verify("  ANNA ", PASSWORD) is not None
    for name, password in (
        ("anna", "correct horse "),
        ("anna", ""),
        ("bob", PASSWORD),
        ("", ""),
        ("anna\0", PASSWORD),
        ("\udc80" * 500, "\udc80"),
        ("anna' OR '1'='1", PASSWORD),
        ("anna", PASSWORD * 1000),
    ):
        assert await users.verify(name, password) is None


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(engine: AsyncEngine) -> None:
    """Else anybody can find out who works here."""
    users = Users(engine)
    await users.create("anna", "Anna", "agent", PASSWORD)
    await users.verify("nobody", PASSWORD)  # makes the hash that nobody has

    async def median(name: str) -> float:
        times = []
        for _ in range(5):
            before = time.perf_counter()
            assert await users.verify(name, "wrong password") is None
            times.append(time.perf_counter() - before)
        return statistics.median(times)

    known, unknown = await median("anna"), await median("nobody")
    assert 0.4 < unknown / known < 2.5


async def test_the_loop_goes_on_while_a_password_is_checked(engine: AsyncEngine) -> None:
    """A tenth of a second of argon2 in the loop would be heard by every caller."""
    users = Users(engine)
    await users.create("anna", "Anna", "agent", PASSWORD)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.002)
            turns += 1

    counting = asyncio.create_task(count())
    await asyncio.gather(*(users.verify("anna", "wrong password") for _ in range(4)))
    counting.cancel()
    assert turns >= 10


async def test_nothing_secret_is_in_the_database(
    users: Users, engine: AsyncEngine, sqlite_url: str
) -> None:
    """A stolen backup must not let anybody in."""
    token = await users.new_session("anna")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1")
    files = Path(sqlite_url.removeprefix("sqlite:///")).parent.glob("callcenter.db*")
    stored = b"".join(file.read_bytes() for file in files)
    assert b"argon2id" in stored
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored


async def test_hashes_of_older_settings_are_replaced(engine: AsyncEngine, users: Users) -> None:
    """Raising the cost must reach people who never change their password, and not log them out."""
    token = await users.new_session("anna")
    stronger = Users(engine, clock=users._clock, hasher=argon2.PasswordHasher(2, 64, 1))
    assert await stronger.verify("anna", PASSWORD) is not None
    async with engine.connect() as connection:
        stored = await connection.scalar(sa.text("SELECT password_hash FROM users"))
    assert "m=64,t=2" in str(stored)
    assert await stronger.session_user(token) is not None
    assert await stronger.verify("anna", PASSWORD) is not None


@pytest.mark.parametrize(
    ("user_id", "role", "password"),
    [
        ("", "agent", PASSWORD),
        ("x" * 65, "agent", PASSWORD),
        ("a\nb", "agent", PASSWORD),
        ("bob", "root", PASSWORD),
        ("bob", "agent", "short"),
        ("bob", "agent", "x" * 1025),
    ],
)
async def test_bad_users_are_refused(users: Users, user_id: str, role: str, password: str) -> None:
    """What nobody can log in with, or what rights nobody defined, must not get in."""
    with pytest.raises(ValueError, match=r"user id|role|password"):
        await users.create(user_id, "Bob", role, password)
    assert len(await users.list_users()) == 1


async def test_one_user_per_id(users: Users) -> None:
    """A second Anna in capitals would be a way around the first one's password."""
    with pytest.raises(UserExists):
        await users.create("Anna", "Another", "admin", PASSWORD)


async def test_a_session_lives_and_ends(users: Users) -> None:
    """Logging out ends this session and no other."""
    first, second = await users.new_session("anna"), await users.new_session("anna")
    assert first != second
    assert len(first) >= 40
    user = await users.session_user(first)
    assert user is not None
    assert user.user_id == "anna"
    await users.end_session(first)
    await users.end_session("no such token")
    assert await users.session_user(first) is None
    assert await users.session_user(second) is not None
    for nonsense in ("", "x", "\udc80", "x" * 100_000):
        assert await users.session_user(nonsense) is None


async def test_sessions_end_by_age_and_idleness(users: Users, clock: Clock) -> None:
    """A forgotten browser must not stay logged in."""
    token = await users.new_session("anna")
    for _ in range(4):
        clock.now += 200
        assert await users.session_user(token) is not None, "use keeps it alive"
    clock.now += 199
    assert await users.session_user(token) is not None
    clock.now += 2
    assert await users.session_user(token) is None, "but not beyond its age"
    token = await users.new_session("anna")
    clock.now += 301
    assert await users.session_user(token) is None


@pytest.mark.parametrize("change", ["password", "role", "disabled", "all"])
async def test_changes_of_rights_end_sessions_at_once(users: Users, change: str) -> None:
    """Who was shut out a second ago must not act now, cache or not."""
    token = await users.new_session("anna")
    assert await users.session_user(token) is not None
    match change:
        case "password":
            await users.set_password("anna", "another password")
            assert await users.verify("anna", PASSWORD) is None
            assert await users.verify("anna", "another password") is not None
        case "role":
            await users.set_role("anna", "supervisor", agent_id="")
        case "disabled":
            await users.set_disabled("anna", True)
            assert await users.verify("anna", PASSWORD) is None
        case _:
            await users.end_sessions_of("anna")
    assert await users.session_user(token) is None
    again = await users.new_session("anna")
    assert (await users.session_user(again) is None) == (change == "disabled")


async def test_another_process_s_change_is_seen_soon(
    users: Users, engine: AsyncEngine, clock: Clock
) -> None:
    """The cache may be late by its second, not more."""
    token = await users.new_session("anna")
    assert await users.session_user(token) is not None
    await Users(engine, hasher=CHEAP).set_disabled("anna", True)
    clock.now += 1.1
    assert await users.session_user(token) is None


async def test_old_sessions_are_cleared_away(
    users: Users, engine: AsyncEngine, clock: Clock
) -> None:
    """The table must not grow for ever."""
    for _ in range(5):
        await users.new_session("anna")
    clock.now += 2000
    await users.new_session("anna")
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM sessions")) == 1


async def test_unknown_users_cannot_be_changed(users: Users) -> None:
    """A typing error must not look like success."""
    with pytest.raises(UnknownUser):
        await users.set_password("bob", PASSWORD)
    with pytest.raises(UnknownUser):
        await users.new_session("bob")
    assert await users.get("bob") is None


async def test_users_on_postgresql(postgres_url: str) -> None:
    """The same calls on the other database."""
    from storage.database import opened

    async with opened(postgres_url) as engine:
        users = Users(engine, hasher=CHEAP)
        await users.create("anna", "Anna", "agent", PASSWORD)
        with pytest.raises(UserExists):
            await users.create("anna", "Anna", "agent", PASSWORD)
        token = await users.new_session("anna")
        assert await users.session_user(token) is not None
        assert await users.verify("an\0na", PASSWORD) is None
        await users.set_disabled("anna", True)
        assert await users.session_user(token) is None
