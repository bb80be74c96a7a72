"""Records, live figures taken up from disk, and contacts: the same on PostgreSQL as on SQLite."""

from __future__ import annotations

from typing import Any

import pytest

from reporting.contacts import contacts
from reporting.intervals import Calendar
from reporting.live import LiveFigures
from reporting.records import RecordFold
from reporting.store import History
from storage.database import opened

DAY = 1_700_006_400.0


def answered(fold: RecordFold, call: str, at: float) -> None:
    """The same caller each time, served by the menu as well as by an agent."""
    q = {"call": call, "queue": "a", "entered": at}
    left = {**q, "outcome": "answered", "waited_s": 5.0, "agent": "x"}
    done = {**q, "agent": "x", "talk_s": 60.0, "hold_s": 0.0, "wrap_up_s": 5.0}
    fold.feed("switch", "CallArrived", call, {"ani": "+1", "dnis": "2"}, at)
    fold.feed("ivr", "FlowStarted", call, {"flow": "main"}, at)
    fold.feed("ivr", "FlowEnded", call, {"how": "queue", "served": True}, at)
    fold.feed("decision", "CallEntered", call, {**q, "kind": "call"}, at)
    fold.feed("decision", "CallLeft", call, left, at + 5)
    fold.feed("decision", "CallCompleted", call, done, at + 65)
    fold.feed("switch", "CallEnded", call, {"by": "caller"}, at + 65)
    fold.feed("decision", "WrapUpEnded", call, done, at + 70)
    for state, since in (("talking", at + 5), ("wrap-up", at + 65), ("ready", at + 70)):
        changed = {"agent": "x", "state": state, "since": since}
        fold.feed("decision", "AgentChanged", "", changed, since)


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
async def test_figures_of_the_day_are_read_alike(kind: str, request: pytest.FixtureRequest) -> None:
    """Types and sums differ between databases; figures must not."""
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)
    for number in range(4):
        answered(fold, f"c{number}", DAY + 3600.0 * number)
    item: dict[str, Any] = {"item": "i1", "queue": "a", "agent": "x", "entered": DAY}
    for state in ("queued", "done"):
        fold.feed("decision", "ItemChanged", "", {**item, "state": state}, DAY + 9)
    now = DAY + 3600.0 * 3 + 100.0
    async with opened(request.getfixturevalue(kind)) as engine:
        assert await History(engine, fold, zone="UTC", now=lambda: now).save() == 4
        again = LiveFigures(Calendar("UTC"))
        history = History(engine, RecordFold(intervals=again), zone="UTC", now=lambda: now)
        assert await history.seed(again, now) == 5
        found = await contacts(engine, since=DAY, until=now, repeat_days=7.0)
        queues, agents = await history.totals(since=DAY, until=now)
    assert again.day("queue", "a", now) == live.day("queue", "a", now) == queues["a"]
    # The state of now is in no table yet: a restart has it from the snapshot.
    assert again.day("agent", "x", now).busy_s == pytest.approx(4 * 65.0)
    assert agents["x"].answered == queues["a"].answered == 4
    assert (queues["a"].items_done, agents["x"].wrap_up_s) == (1, 20.0)
    assert (found.menu_entered, found.menu_served, found.menu_back) == (4, 4, 3)
    assert (found.contacts, found.repeats, found.line_s) == (4, 3, 4 * 65.0)
