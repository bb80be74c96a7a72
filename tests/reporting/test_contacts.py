"""Menus that were enough, callers who come back, time on the lines: from the calls on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reporting.contacts import contacts
from reporting.definitions import values
from reporting.figures import Tally
from reporting.records import RecordFold
from reporting.store import History
from reporting.tables import METADATA

DAY = 1_700_006_400.0
HOUR = 3600.0


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/records.db")
    async with made.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield made
    await made.dispose()


def call(fold: RecordFold, at: float, ani: str, *, served: bool = False, agent: str = "") -> None:
    """A call of two minutes: served in the menu, answered by an agent, or hung up in the menu."""
    name = f"c{len(fold.calls)}"
    end = at + 120.0
    fold.feed("switch", "CallArrived", name, {"ani": ani, "dnis": "1"}, at)
    fold.feed("ivr", "FlowStarted", name, {"flow": "main", "language": "en"}, at)
    if served:
        fold.feed("ivr", "FlowEnded", name, {"how": "hang up", "served": True}, end)
    if agent:
        q = {"call": name, "queue": "a", "entered": at + 10.0}
        left = {**q, "outcome": "answered", "waited_s": 5.0, "agent": agent}
        fold.feed("decision", "CallEntered", name, {**q, "kind": "call"}, at + 10.0)
        fold.feed("decision", "CallLeft", name, left, at + 15.0)
        done = {**q, "agent": agent, "talk_s": 105.0, "hold_s": 0.0}
        fold.feed("decision", "CallCompleted", name, done, end)
    fold.feed("switch", "CallEnded", name, {"by": "caller"}, end)


async def counted(engine: AsyncEngine, fold: RecordFold, repeat_days: float = 7.0) -> Tally:
    await History(engine, fold, zone="UTC", now=lambda: DAY).save()
    return await contacts(engine, since=DAY, until=DAY + 24 * HOUR, repeat_days=repeat_days)


async def test_a_menu_contains_who_was_served_and_does_not_come_back(engine: AsyncEngine) -> None:
    """Hanging up in a menu is no success, and neither is calling again an hour later."""
    fold = RecordFold()
    call(fold, DAY + 1 * HOUR, "+1", served=True)
    call(fold, DAY + 2 * HOUR, "+2", served=True)
    call(fold, DAY + 3 * HOUR, "+3")
    call(fold, DAY + 4 * HOUR, "+4", served=True)
    call(fold, DAY + 27 * HOUR, "+4")  # the next day, but within 24 hours
    call(fold, DAY + 5 * HOUR, "+2", agent="x")
    call(fold, DAY + 30 * HOUR, "+1")  # later than that
    call(fold, DAY + 6 * HOUR, "", served=True)  # withheld: nobody can tell
    tally = await counted(engine, fold)
    assert (tally.menu_entered, tally.menu_served, tally.menu_back) == (6, 4, 2)
    found = values(tally, "site")
    assert (found["containment"], found["true_containment"]) == (0.6667, 0.3333)
    assert tally.line_s == 6 * 120.0


@pytest.mark.parametrize(("days", "repeats"), [(7.0, 2), (1.0, 1)])
async def test_who_talked_with_an_agent_days_before_has_come_back(
    engine: AsyncEngine, days: float, repeats: int
) -> None:
    """A repeat is a contact after a contact; a call that nobody answered is none."""
    fold = RecordFold()
    call(fold, DAY - 48 * HOUR, "+1", agent="x")
    call(fold, DAY - 20 * HOUR, "+2", agent="x")
    call(fold, DAY - 1 * HOUR, "+3")
    call(fold, DAY - 200 * HOUR, "+4", agent="x")
    for number in range(1, 5):
        call(fold, DAY + number * HOUR, f"+{number}", agent="y")
    tally = await counted(engine, fold, days)
    assert (tally.contacts, tally.repeats) == (4, repeats)
    assert values(tally, "site")["first_contact_resolution"] == 1 - repeats / 4


async def test_a_day_without_calls_has_no_figures(engine: AsyncEngine) -> None:
    """None is not zero."""
    tally = await counted(engine, RecordFold())
    assert tally == Tally()
    assert values(tally, "site")["containment"] is None
