"""The journal: numbers, order, acknowledgement, ownership, reading."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from cti.events import CallArrived
from storage.database import opened
from storage.journal import (
    Journal,
    JournalClosed,
    JournalFenced,
    JournalFull,
    JournalUnavailable,
)


@pytest.fixture
async def journal(engine: AsyncEngine) -> AsyncIterator[Journal]:
    opened_journal = Journal(engine)
    await opened_journal.open()
    yield opened_journal
    await opened_journal.close()


def put(journal: Journal, n: int = 1, call_id: str = "c-1", stream: str = "acd") -> int:
    seq = 0
    for i in range(n):
        seq = journal.append(stream, "CallQueued", call_id, {"n": i}, 1000.0 + i)
    return seq


async def seqs(journal: Journal, **how: Any) -> list[int]:
    return [entry.seq async for entry in journal.read(**how)]


async def test_what_was_appended_is_read_back(journal: Journal) -> None:
    """An entry must come back as it went in, time, call and data."""
    fact = CallArrived("c-9", "main", "+12025550100", 'Bob"\r\n<script>', "100", "itsp")
    seq = journal.append("switch", "CallArrived", "c-9", fact, 1764000000.25)
    await journal.committed(seq)
    (entry,) = [e async for e in journal.read()]
    assert (entry.seq, entry.at, entry.stream, entry.kind, entry.call_id) == (
        1, 1764000000.25, "switch", "CallArrived", "c-9",
    )  # fmt: skip
    assert entry.decode(CallArrived) == fact
    assert entry.decode()["ani"] == "+12025550100"


async def test_numbers_have_no_gaps_over_restarts(engine: AsyncEngine) -> None:
    """A gap would be indistinguishable from a lost entry."""
    for _ in range(3):
        journal = Journal(engine)
        await journal.open()
        put(journal, 7)
        assert await journal.close() == 0
    assert await seqs(Journal(engine)) == list(range(1, 22))
    assert journal.last_at == 1006.0


async def test_the_clock_can_go_on_from_the_last_moment(engine: AsyncEngine) -> None:
    """Engine time must not run backwards over a restart, whatever the system clock does."""
    for expected in (0.0, 1004.0):
        journal = Journal(engine)
        await journal.open()
        assert journal.last_at == expected
        put(journal, 5)
        journal.append("acd", "Late", "", {}, 3.0)
        await journal.close()


async def test_appending_does_not_wait(journal: Journal) -> None:
    """The one loop appends in the middle of routing: not a single turn may pass."""
    task = asyncio.current_task()
    assert task is not None
    put(journal, 5000)
    assert journal.status.committed_seq == 0, "nothing else can have run"
    await journal.committed(5000)
    assert journal.status.committed_seq == 5000


async def test_data_is_taken_as_it_is_now(journal: Journal) -> None:
    """A dict that changes after the call must not change what happened."""
    data = {"state": "before"}
    seq = journal.append("acd", "X", "", data, 1.0)
    data["state"] = "after"
    await journal.committed(seq)
    assert [e.decode() async for e in journal.read()] == [{"state": "before"}]


async def test_hostile_text_never_poisons_the_batch(journal: Journal) -> None:
    """One caller name in broken UTF-8 must not stop the journal of everybody's calls."""
    hostile = "a\0b\udc80c" + "\U0001f600" * 10 + "x" * 10_000

    @dataclass(frozen=True, slots=True)
    class Fact:
        name: str

    for call_id in ("c\0\udcff", "c-2"):
        journal.append("switch", hostile[:10], call_id, Fact(hostile), 1.0)
    seq = journal.append("switch", "X", "", {hostile: [hostile]}, 1.0)
    await journal.committed(seq)
    entries = [e async for e in journal.read()]
    assert entries[0].call_id == "c\ufffd?"
    assert entries[1].decode()["name"].endswith("x" * 10_000)
    assert "\udc80" not in entries[2].data.decode()


async def test_what_cannot_be_stored_is_refused_at_once(journal: Journal) -> None:
    """A number must not be given to an entry that can never be written."""
    with pytest.raises(TypeError):
        journal.append("acd", "X", "", object(), 1.0)
    for moment in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not a time"):
            journal.append("acd", "X", "", {}, moment)
    assert journal.last_seq == 0
    await journal.committed(put(journal))
    assert await seqs(journal) == [1]


async def test_reading_by_range_call_and_stream(journal: Journal) -> None:
    """A call's timeline and a replay from a snapshot need their part of the journal only."""
    put(journal, 3, "c-1", "switch")
    put(journal, 3, "c-2", "acd")
    await journal.committed(put(journal, 3, "", "person"))
    assert await seqs(journal, after_seq=2, until_seq=5) == [3, 4, 5]
    assert await seqs(journal, call_id="c-2") == [4, 5, 6]
    assert await seqs(journal, streams=["person", "switch"]) == [1, 2, 3, 7, 8, 9]
    assert await seqs(journal, streams=[]) == []
    assert await seqs(journal, call_id="") == []


async def test_a_long_read_is_paged_and_ends(journal: Journal) -> None:
    """Reading while calls go on must not run after its own tail for ever."""
    await journal.committed(put(journal, 4_100))
    count = 0
    async for _ in journal.read():
        count += 1
        if count % 1000 == 0:
            await journal.committed(put(journal, 500))
    assert count == 4_100


async def test_reading_a_call_uses_the_index(engine: AsyncEngine) -> None:
    """Opening a timeline in a journal of a year must not read the year."""
    async with engine.connect() as connection:
        plan = await connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM journal WHERE seq > 0 AND seq <= 9 "
            "AND call_id = 'c' AND call_id != '' ORDER BY seq LIMIT 9"
        )
        assert "ix_journal_call" in str(plan.all())


async def test_a_full_buffer_says_so(engine: AsyncEngine) -> None:
    """Memory is bounded, and what is not taken is never dropped in silence."""
    alarms: list[tuple[str, bool]] = []
    journal = Journal(engine, max_entries=10, on_alarm=lambda c, t: alarms.append((c, t is None)))
    await journal.open()
    put(journal, 10)
    for _ in range(3):
        with pytest.raises(JournalFull):
            put(journal)
    assert journal.status.refused == 3
    assert not journal.healthy
    assert journal.last_seq == 10
    await journal.committed(10)
    await journal.committed(put(journal))
    assert alarms == [("journal-full", False), ("journal-full", True)]
    assert journal.healthy
    await journal.close()
    assert await seqs(journal) == list(range(1, 12))


async def test_the_buffer_is_bounded_in_bytes_too(engine: AsyncEngine) -> None:
    """Few entries of a megabyte each are as dangerous as many small ones."""
    journal = Journal(engine, max_bytes=10_000)
    await journal.open()
    for _ in range(11):
        journal.append("acd", "X", "", "x" * 900, 1.0)
    with pytest.raises(JournalFull):
        journal.append("acd", "X", "", "x" * 900, 1.0)
    assert journal.status.buffered_bytes <= 10_000
    await journal.close()
    assert journal.status.buffered_bytes == 0


async def test_waiting_for_what_was_never_taken_is_a_mistake(journal: Journal) -> None:
    """It would otherwise wait for ever, or acknowledge somebody else's entry."""
    with pytest.raises(ValueError, match="never taken"):
        await journal.committed(1)


async def test_a_closed_journal_takes_nothing(engine: AsyncEngine) -> None:
    """An entry after the last write would be lost."""
    journal = Journal(engine)
    with pytest.raises(JournalClosed):
        put(journal)
    await journal.open()
    await journal.close()
    with pytest.raises(JournalClosed):
        put(journal)


# Ownership ---------------------------------------------------------------------------------


async def test_a_deposed_writer_is_refused_by_storage(engine: AsyncEngine) -> None:
    """Two processes on one journal would interleave two histories (I10)."""
    alarms: list[str] = []
    old = Journal(engine, on_alarm=lambda code, _text: alarms.append(code))
    await old.open()
    await old.committed(put(old, 3))
    new = Journal(engine)
    await new.open()
    assert new.epoch > old.epoch
    assert new.last_seq == 3
    await new.committed(put(new, 2))
    with pytest.raises(JournalFenced):
        await old.committed(put(old))
    with pytest.raises(JournalFenced):
        put(old)
    with pytest.raises(JournalUnavailable):
        await old.save_snapshot(3, 1.0, b"")
    assert alarms == ["journal-fenced"]
    assert not old.healthy
    assert await old.close() == 1
    await new.close()
    assert await seqs(new) == [1, 2, 3, 4, 5]
    async with engine.connect() as connection:
        epochs = (await connection.scalars(sa.text("SELECT epoch FROM journal ORDER BY seq"))).all()
    assert epochs == [1, 1, 1, 2, 2]


async def test_epochs_only_rise(engine: AsyncEngine) -> None:
    """A number used twice would let a deposed owner back in."""
    epochs = [await Journal(engine).open_epoch() for _ in range(5)]
    assert epochs == [1, 2, 3, 4, 5]


# Storage that fails ------------------------------------------------------------------------


class FlakyJournal(Journal):
    """Fails before, in, or after the transaction; after means that it was committed."""

    def __init__(self, engine: AsyncEngine, dice: random.Random) -> None:
        super().__init__(engine, batch=7, linger_s=0.0)
        self._dice = dice

    async def _store(self, rows: Any) -> None:
        fault = self._dice.random()
        if fault < 0.2:
            raise OperationalError("BEGIN", {}, Exception("connection lost"))
        await super()._store(rows[: self._dice.randint(1, len(rows))] if fault < 0.4 else rows)
        if fault < 0.6:
            raise OperationalError("COMMIT", {}, Exception("outcome unknown"))
        if fault < 0.65:
            raise RuntimeError("a fault of our own")


@pytest.mark.parametrize("seed", range(10))
async def test_failures_at_any_moment_keep_order_and_number(
    engine: AsyncEngine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a commit of unknown outcome a row must be neither lost nor written twice."""
    monkeypatch.setattr("storage.journal.BACK_OFF_S", (0.0005, 0.001))
    dice = random.Random(seed)
    journal = FlakyJournal(engine, dice)
    await journal.open()
    for n in range(60):
        seq = put(journal, dice.randint(1, 4), call_id=f"c-{n}")
        if dice.random() < 0.3:
            await journal.committed(seq)
            assert await journal.stored_seq() >= seq
    await journal.committed(seq)
    await journal.close()
    assert await seqs(journal) == list(range(1, seq + 1))


async def test_a_journal_that_was_cut_short_is_not_continued(engine: AsyncEngine) -> None:
    """If committed rows are gone (a restored backup), writing on would hide the hole."""
    journal = Journal(engine)
    await journal.open()
    await journal.committed(put(journal, 5))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM journal WHERE seq > 3")
    with pytest.raises(JournalFenced, match="did not get"):
        await journal.committed(put(journal))
    assert "ends at 3" in journal.status.error
    await journal.close()


# Snapshots ---------------------------------------------------------------------------------


async def test_the_newest_snapshot_is_given_and_two_are_kept(journal: Journal) -> None:
    """A restart folds from the newest; the one before is for when that one is bad."""
    assert await journal.load_snapshot() is None
    assert await journal.first_snapshot_at() is None
    for n in (1, 2, 3, 4, 4):
        put(journal)
        await journal.save_snapshot(n, float(n), bytes([n]) * 1000)
    snapshot = await journal.load_snapshot()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.at, snapshot.blob) == (4, 4.0, b"\4" * 1000)
    async with journal._engine.connect() as connection:
        assert (
            await connection.scalars(sa.text("SELECT seq FROM snapshots ORDER BY 1"))
        ).all() == [1, 3, 4]  # 1: the day's first


async def test_the_first_snapshot_of_each_day_stays(journal: Journal) -> None:
    """A day of last month can be run again from its morning, not from the beginning of time."""
    day = 86_400.0
    moments = [10.0, 60.0, day - 1, day + 5, day + 65, 3 * day, 3 * day + 60, 3 * day + 120]
    for n, at in enumerate(moments, 1):
        put(journal)
        await journal.save_snapshot(n, at, bytes([n]))
    async with journal._engine.connect() as connection:
        kept = (await connection.scalars(sa.text("SELECT seq FROM snapshots ORDER BY 1"))).all()
    assert kept == [1, 4, 6, 7, 8]
    assert await journal.first_snapshot_at() == 10.0
    for by, seq in ((day + 5, 4), (3 * day - 1, 4), (3 * day, 6), (9 * day, 8)):
        found = await journal.load_snapshot(by)
        assert found is not None
        assert (found.seq, found.blob) == (seq, bytes([seq]))
    assert await journal.load_snapshot(9.0) is None


async def test_a_snapshot_is_never_ahead_of_its_journal(engine: AsyncEngine) -> None:
    """State that contains an entry which is not on disk would survive a crash without it."""
    journal = Journal(engine, linger_s=0.05)
    await journal.open()
    seq = put(journal, 100)
    await journal.save_snapshot(seq, 1.0, b"state")
    assert await journal.stored_seq() == seq
    await journal.close()


# PostgreSQL --------------------------------------------------------------------------------


async def test_the_journal_on_postgresql(postgres_url: str) -> None:
    """Outgrown installations keep the same journal on PostgreSQL, fencing included."""
    async with opened(postgres_url) as engine:
        old = Journal(engine)
        await old.open()
        await old.committed(put(old, 2500))
        await old.save_snapshot(2500, 1.0, b"x")
        new = Journal(engine)
        await new.open()
        with pytest.raises(JournalFenced):
            await old.committed(put(old))
        await new.committed(put(new, 2))
        assert await seqs(new) == list(range(1, 2503))
        assert await seqs(new, call_id="c-1", after_seq=2500) == [2501, 2502]
        await old.close()
        await new.close()
