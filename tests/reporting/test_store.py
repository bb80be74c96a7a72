"""Finished calls on disk: saved once, read with what is still in memory, figures the same."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reporting.intervals import Calendar, IntervalFold
from reporting.live import LiveFigures
from reporting.records import RecordFold
from reporting.store import History
from reporting.tables import METADATA, call_records

DAY = 1_700_006_400.0  # a UTC midnight


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/records.db")
    async with made.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield made
    await made.dispose()


def history_of(engine: AsyncEngine, fold: RecordFold, **more: Any) -> History:
    return History(engine, fold, zone="UTC", now=lambda: DAY + 80_000.0, **more)


def feed_call(
    fold: RecordFold, call: str, at: float, outcome: str, waited_s: float, onward: str = ""
) -> None:
    q = {"call": call, "queue": "billing", "entered": at}
    agent = "anna" if outcome == "answered" else ""
    left = {**q, "outcome": outcome, "waited_s": waited_s, "agent": agent}
    left["reason"] = {"code": "longest-idle", "data": {"agents": ["anna"]}}
    end = at + waited_s
    fold.feed("switch", "CallArrived", call, {"ani": "+49", "ani_name": "<b>", "dnis": "1"}, at)
    fold.feed("decision", "CallEntered", call, {**q, "kind": "call"}, at)
    fold.feed("decision", "CallLeft", call, left, end)
    if outcome == "answered":
        done = {**q, "agent": agent, "talk_s": 60.0, "hold_s": 0.0, "wrap_up_s": 5.0}
        done["onward"] = onward
        fold.feed("decision", "CallCompleted", call, done, end + 60)
        fold.feed("decision", "WrapUpEnded", call, done, end + 65)
        end += 60
    fold.feed("switch", "CallEnded", call, {"by": "caller"}, end)


async def test_memory_and_disk_show_one_history(engine: AsyncEngine) -> None:
    """A call must be in the list once, whether it is only in memory, only on disk, or in both."""
    fold = RecordFold()
    history = history_of(engine, fold)
    feed_call(fold, "old", DAY + 10, "answered", 12.0)
    assert await history.save() == 1
    fold.forget(before=DAY + 1e6)
    feed_call(fold, "both", DAY + 20, "abandoned", 3.0)
    assert await history.save() == 1
    feed_call(fold, "new", DAY + 30, "answered", 40.0)
    rows = await history.calls(since=DAY, until=DAY + 100, limit=10)
    assert [row["call_id"] for row in rows] == ["new", "both", "old"]
    assert [row["outcome"] for row in rows] == ["answered", "abandoned", "answered"]
    assert len(await history.calls(since=DAY, until=DAY + 100, limit=2)) == 2
    old, new = await history.call("old"), await history.call("new")
    assert old is not None
    assert new is not None
    assert [e["kind"] for e in old["timeline"]] == [e["kind"] for e in new["timeline"]]
    assert old["call"]["caller_name"] == "<b>"
    assert await history.call("never") is None


async def test_figures_are_the_same_from_disk_and_from_memory(engine: AsyncEngine) -> None:
    """Live and historical figures that disagree are both distrusted."""
    fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
    history = history_of(engine, fold)
    for n in range(300):
        outcome = ("answered", "answered", "abandoned", "overflowed")[n % 4]
        onward = "outside" if n % 8 == 1 else ""
        feed_call(fold, f"c{n}", DAY + n * 37.0, outcome, float(n % 50), onward)
    live = await history.intervals(since=DAY, until=DAY + 86_400, minutes=15, queue="")
    assert fold.intervals is not None
    total = fold.intervals.total("billing", DAY)
    assert await history.save() == 300
    fold.forget(before=DAY + 1e6)
    assert fold.calls == {}
    stored = await history.intervals(since=DAY, until=DAY + 86_400, minutes=15, queue="billing")
    assert stored == live
    assert sum(row["transferred"] for row in stored) == total.transferred > 0
    assert all(row["balanced"] for row in stored)
    assert sum(row["offered"] for row in stored) == 300
    assert total.offered == 300
    assert total.answered == sum(row["answered"] for row in stored)
    halves = await history.intervals(since=DAY, until=DAY + 86_400, minutes=30, queue="")
    assert sum(row["answered_within"] for row in halves) == total.answered_within


async def test_saving_again_after_a_replay_changes_nothing(engine: AsyncEngine) -> None:
    """After a crash the journal is folded again from before what was saved."""
    for _ in range(2):
        fold = RecordFold()
        history = history_of(engine, fold)
        feed_call(fold, "c1", DAY + 10, "answered", 12.0)
        for state, since in (("ready", DAY), ("talking", DAY + 22), ("ready", DAY + 87)):
            data = {"agent": "anna", "state": state, "since": since, "reason": ""}
            fold.feed("decision", "AgentChanged", "", data, since)
        assert await history.save() == 1
    fold.forget(before=DAY + 1e6)
    rows = await history.intervals(since=DAY, until=DAY + 900, minutes=15, queue="")
    assert [row["offered"] for row in rows] == [1]


async def test_occupancy_is_of_the_queues_agents(engine: AsyncEngine) -> None:
    """Agents of other queues must not water down a queue's occupancy."""
    fold = RecordFold()
    history = history_of(engine, fold, agents_of=lambda queue: ("anna",))
    feed_call(fold, "c1", DAY + 10, "answered", 0.0)
    for agent in ("anna", "bob"):
        states = (("ready", DAY), ("talking", DAY + 100), ("not ready", DAY + 400))
        for state, since in states if agent == "anna" else states[:1]:
            data = {"agent": agent, "state": state, "since": since, "reason": ""}
            fold.feed("decision", "AgentChanged", "", data, since)
    for _ in range(2):  # before and after saving
        rows = await history.intervals(since=DAY, until=DAY + 900, minutes=15, queue="")
        assert rows[0]["occupancy"] == 0.75
        await history.save()


async def test_a_broken_database_loses_nothing(engine: AsyncEngine) -> None:
    """Calls go on while the database is away; their records are written when it is back."""
    fold = RecordFold()
    heard: list[bool] = []
    history = history_of(engine, fold, on_error=lambda error: heard.append(error is not None))
    feed_call(fold, "c1", DAY + 10, "answered", 12.0)
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE queue_visits RENAME TO gone"))
    with pytest.raises(sa.exc.OperationalError):
        await history.save()
    running = asyncio.create_task(history.run(every_s=0.01))
    async with asyncio.timeout(5):
        while not heard:
            await asyncio.sleep(0.005)
        async with engine.begin() as connection:
            assert (await connection.execute(sa.select(call_records))).all() == []
            await connection.execute(sa.text("ALTER TABLE gone RENAME TO queue_visits"))
        while heard[-1]:
            await asyncio.sleep(0.005)
    running.cancel()
    async with engine.connect() as connection:
        saved = (await connection.execute(sa.select(call_records.c.call_id))).scalars().all()
    assert saved == ["c1"]


async def test_csv_has_what_the_page_has(engine: AsyncEngine) -> None:
    """The export must carry the same figures and the books check, with local times."""
    fold = RecordFold()
    history = history_of(engine, fold)
    feed_call(fold, "c1", DAY + 10, "answered", 12.0)
    feed_call(fold, "c2", DAY + 11, "abandoned", 8.0)
    text = await history.intervals_csv(since=DAY, until=DAY + 900, minutes=15, queue="")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["queue"] == "billing"
    assert row["start_local"].endswith("+00:00")
    assert (row["offered"], row["service_level_standard"], row["books"]) == ("2", "0.5", "0")
    assert row["abandon_rate"] == "0.5"


async def test_wrong_intervals_are_refused(engine: AsyncEngine) -> None:
    """The console must get a clear error, not odd figures."""
    with pytest.raises(ValueError, match="15 or 30"):
        await history_of(engine, RecordFold()).intervals(since=0, until=1, minutes=1, queue="")


async def test_migration_builds_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    """A column that only one of the two knows would be found by a customer's upgrade."""
    from storage.database import opened

    async with opened(f"sqlite:///{tmp_path}/migrated.db") as migrated, migrated.connect() as c:
        found = await c.run_sync(_tables)
    made = create_async_engine("sqlite+aiosqlite://")
    async with made.begin() as connection:
        await connection.run_sync(METADATA.create_all)
        wanted = await connection.run_sync(_tables)
    await made.dispose()
    assert found == wanted


def _tables(connection: sa.Connection) -> dict[str, Any]:
    inspector = sa.inspect(connection)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted((i["name"], tuple(i["column_names"])) for i in inspector.get_indexes(name)),
        )
        for name in METADATA.tables
    }


async def test_finished_calls_leave_memory_and_stay_in_lists_and_figures(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy day fills no memory: what is on disk is read from there, and counted as before."""
    monkeypatch.setattr("reporting.records.MOST_ENDED", 10)
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)
    history = history_of(engine, fold)
    for number in range(60):
        outcome = ("answered", "abandoned")[number % 2]
        feed_call(fold, f"c{number}", DAY + number * 10.0, outcome, 8.0)
    before = live.day("queue", "billing", DAY + 80_000.0)
    fold.forget(DAY)
    assert len(fold.calls) == 60, "what is not on disk stays"
    await history.save()
    fold.forget(DAY)
    assert len(fold.calls) == 10
    assert live.day("queue", "billing", DAY + 80_000.0) == before
    assert len(live._counted) < 25
    rows = await history.calls(since=DAY, until=DAY + 86_400, limit=100)
    assert len(rows) == 60
    queues, agents = await history.totals(since=DAY, until=DAY + 86_400)
    assert (queues["billing"].offered, agents["anna"].answered) == (60, 30)


async def test_a_call_that_somebody_wraps_up_stays_in_memory(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its after-call work is still to be counted."""
    monkeypatch.setattr("reporting.records.MOST_ENDED", 0)
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)
    q = {"call": "c1", "queue": "billing", "entered": DAY}
    left = {**q, "outcome": "answered", "waited_s": 5.0, "agent": "anna"}
    fold.feed("switch", "CallArrived", "c1", {"ani": "+49", "dnis": "1"}, DAY)
    fold.feed("decision", "CallEntered", "c1", {**q, "kind": "call"}, DAY)
    fold.feed("decision", "CallLeft", "c1", left, DAY + 5)
    done = {**q, "agent": "anna", "talk_s": 60.0, "hold_s": 0.0, "wrap_up_s": 25.0}
    fold.feed("decision", "CallCompleted", "c1", done, DAY + 65)
    state = {"agent": "anna", "state": "wrap-up", "since": DAY + 65}
    fold.feed("decision", "AgentChanged", "", state, DAY + 65)
    fold.feed("switch", "CallEnded", "c1", {"by": "caller"}, DAY + 65)
    await history_of(engine, fold).save()
    fold.forget(DAY + 1e6)
    assert set(fold.calls) == {"c1"}
    fold.feed("decision", "WrapUpEnded", "c1", done, DAY + 90)
    assert live.day("agent", "anna", DAY + 100).wrap_up_s == 25.0
