"""The journal when storage is locked, full or killed: nothing acknowledged is ever lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.database import open_engine, prepare_sqlite, upgrade
from storage.journal import Journal, JournalUnavailable

REPEATS = 20


def put(journal: Journal, n: int = 1, filler: int = 10) -> int:
    seq = 0
    for _ in range(n):
        seq = journal.append("acd", "CallQueued", "c-1", "x" * filler, 1.0)
    return seq


async def seqs(journal: Journal) -> list[int]:
    return [entry.seq async for entry in journal.read()]


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program holds the database's write lock."""
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_locked_database_delays_and_loses_nothing(
    engine: AsyncEngine, sqlite_url: str
) -> None:
    """A backup tool that holds the lock for two seconds must cost no entry and no false yes."""
    alarms: list[tuple[str, bool]] = []
    journal = Journal(engine, on_alarm=lambda code, text: alarms.append((code, text is None)))
    await journal.open()
    await journal.committed(put(journal, 5))
    with locked(sqlite_url):
        end = time.monotonic() + 2.0
        seq = put(journal, 3)
        with pytest.raises(JournalUnavailable):
            await journal.committed(seq, timeout_s=0.5)
        worst = 0.0
        while time.monotonic() < end:
            before = time.monotonic()
            seq = put(journal)
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before)
        assert journal.status.committed_seq == 5
        assert not journal.healthy
        refused_at = time.monotonic()
        with pytest.raises(JournalUnavailable, match="has been failing"):
            await journal.committed(seq, timeout_s=1.0)
        assert time.monotonic() - refused_at < 0.1, "known trouble is said at once"
    await journal.committed(seq, timeout_s=5.0)
    assert journal.healthy
    assert journal.status.error == ""
    assert alarms == [("journal-unavailable", False), ("journal-unavailable", True)]
    assert worst < 0.5, "the loop was never held up by the lock"
    await journal.close()
    assert await seqs(journal) == list(range(1, seq + 1))


async def test_a_short_lock_raises_no_alarm(engine: AsyncEngine, sqlite_url: str) -> None:
    """An alarm for every busy moment is an alarm that nobody reads."""
    alarms: list[str] = []
    journal = Journal(engine, on_alarm=lambda code, _: alarms.append(code))
    await journal.open()
    with locked(sqlite_url):
        seq = put(journal)
        await asyncio.sleep(0.4)
    await journal.committed(seq)
    assert alarms == []
    await journal.close()


async def test_a_full_disk_delays_and_loses_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says FULL; calls go on; once there is room everything is written, in order."""
    await upgrade(sqlite_url)
    engine = open_engine(sqlite_url)
    room = {"pages": 60}

    def prepare(connection: sqlite3.Connection) -> None:  # again after each failure
        prepare_sqlite(connection)
        connection.execute(f"PRAGMA max_page_count={room['pages']}")

    monkeypatch.setattr("storage.sqlite_writer.prepare_sqlite", prepare)
    alarms: list[tuple[str, bool]] = []
    journal = Journal(engine, on_alarm=lambda code, text: alarms.append((code, text is None)))
    await journal.open()
    acknowledged = await _acknowledge_until_full(journal)
    assert acknowledged > 0
    assert "full" in journal.status.error
    before = await journal.stored_seq()
    assert acknowledged <= before
    last = put(journal, 50, filler=2_000)
    await asyncio.sleep(1.2)
    assert alarms == [("journal-unavailable", False)]
    assert not journal.healthy
    room["pages"] = 100_000
    await journal.committed(last, timeout_s=10.0)
    assert alarms[-1] == ("journal-unavailable", True)
    await journal.close()
    assert await seqs(journal) == list(range(1, last + 1))
    await engine.dispose()


async def _acknowledge_until_full(journal: Journal) -> int:
    acknowledged = 0
    for _ in range(200):
        seq = put(journal, 5, filler=2_000)
        try:
            await journal.committed(seq, timeout_s=0.5)
        except JournalUnavailable:
            return acknowledged
        acknowledged = seq
    pytest.fail("the disk never became full")


async def test_closing_while_locked_ends_in_time_and_says_what_is_lost(
    engine: AsyncEngine, sqlite_url: str
) -> None:
    """Ctrl-C must end the program even when the disk does not answer."""
    journal = Journal(engine)
    await journal.open()
    with locked(sqlite_url):
        seq = put(journal, 4)
        waiting = asyncio.create_task(journal.committed(seq, timeout_s=30.0))
        await asyncio.sleep(0.05)
        before = time.monotonic()
        assert await journal.close(timeout_s=0.3) == 4
        assert time.monotonic() - before < 2.0
        with pytest.raises(JournalUnavailable):
            await waiting
    assert await seqs(journal) == []


async def test_the_pool_being_used_up_does_not_stop_the_journal(engine: AsyncEngine) -> None:
    """A slow report that takes every connection must not stop anybody's Ready."""
    journal = Journal(engine)
    await journal.open()
    held = []
    pool = engine.sync_engine.pool
    for _ in range(14):
        held.append(await engine.connect())
    await journal.committed(put(journal), timeout_s=2.0)
    for connection in held:
        await connection.close()
    assert "Pool size" in pool.status()
    await journal.close()


@pytest.mark.slow
async def test_kill_nine_loses_nothing_that_was_acknowledged(sqlite_url: str) -> None:
    """I7: what was acknowledged is there after kill -9 in mid-write, without a gap, each time."""
    await upgrade(sqlite_url)
    dice = random.Random(9)
    end = 0
    for repeat in range(REPEATS):
        acknowledged = await _run_and_kill(sqlite_url, dice.uniform(0.0, 0.15))
        numbers = _stored(sqlite_url)
        assert numbers == list(range(1, len(numbers) + 1)), f"a gap in run {repeat}"
        assert len(numbers) >= acknowledged, f"an acknowledged entry was lost in run {repeat}"
        assert acknowledged > end, "the run got to its acknowledgements"
        end = len(numbers)


async def _run_and_kill(url: str, after_s: float) -> int:
    """Start a writer, let it acknowledge, kill it; the last number that it acknowledged."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("journal_child.py")),
        url,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    try:
        first = await asyncio.wait_for(child.stdout.readline(), 20)
        await asyncio.sleep(after_s)
    finally:
        child.send_signal(signal.SIGKILL)
    rest = (await child.stdout.read()).split(b"\n")
    await child.wait()
    # The last piece may be half a line only: it was cut off while it was being said.
    return int([first.strip(), *rest[:-1]][-1])


def _stored(url: str) -> list[int]:
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return [n for (n,) in connection.execute("SELECT seq FROM journal ORDER BY seq")]
