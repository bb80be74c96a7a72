"""Live figures: what a rolling window and the day say is the sum over the raw visits and spans."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from reporting.figures import Tally, check_books
from reporting.intervals import (
    Calendar,
    Limits,
    Span,
    Visit,
    add_time,
    count,
    count_part,
)
from reporting.live import KEPT_S, ROLLING, WINDOWS, LiveFigures, together, window_start
from reporting.records import RecordFold
from reporting.segments import AGENT, Segment

OUTCOMES = ("answered", "answered", "abandoned", "overflowed", "callback", "withdrawn")
STATES = ("ready", "reserved", "talking", "held", "wrap-up", "not ready", "offline")


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def same(found: Tally, wanted: Tally) -> None:
    """Counts to the call; sums of seconds as far as floats go."""
    for name in Tally.__slots__:
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1e-6), name


class Day:
    """A random day, put into the fold step by step, and kept raw."""

    def __init__(self, seed: int, live: LiveFigures, now: float) -> None:
        self.dice = random.Random(seed)
        self.live = live
        self.now = now
        self.visits: list[Visit] = []
        self.parts: list[Segment] = []
        self.spans: list[Span] = []
        self.open: dict[str, Span] = {}

    def step(self) -> None:
        """A moment later something has happened."""
        dice = self.dice
        self.now += dice.choice((0.0, 1.0, 20.0, 61.0, 400.0)) * dice.random()
        happened = dice.choice((self.enter, self.enter, self.leave, self.talk, self.work))
        happened()
        if dice.random() < 0.02:  # told again: nothing changes
            for visit in self.visits[-5:]:
                self.put(visit)

    def put(self, visit: Visit) -> None:
        self.live.put(id(visit), visit)

    def enter(self) -> None:
        self.visits.append(Visit(self.dice.choice("ab"), self.now))
        self.put(self.visits[-1])

    def leave(self) -> None:
        waiting = [visit for visit in self.visits if not visit.outcome]
        if waiting:
            visit = self.dice.choice(waiting)
            visit.left, visit.outcome = self.now, self.dice.choice(OUTCOMES)
            visit.waited_s = self.now - visit.entered
            if visit.outcome == "answered":
                self.parts.append(Segment(AGENT, visit.queue, self.now, self.dice.choice("xy")))
                self.live.put_part(f"p{len(self.parts) - 1}", self.parts[-1])
            self.put(visit)

    def talk(self) -> None:
        for number, part in enumerate(self.parts):
            if part.ended is None and self.dice.random() < 0.5:
                part.ended, part.talk_s, part.hold_s = self.now, self.now - part.began, 0.0
                part.how = self.dice.choice(("caller", "to queue"))
                self.live.put_part(f"p{number}", part)

    def work(self) -> None:
        agent, state = self.dice.choice("xy"), self.dice.choice(STATES)
        before = self.open.get(agent)
        if before is not None and before.start < self.now:
            self.spans.append(Span(agent, before.state, "", before.start, self.now))
            self.live.spend(self.spans[-1])
        self.open[agent] = Span(agent, state, "", self.now)
        self.live.now_in(self.open[agent])

    def wanted(self, scope: str, ident: str, since: float) -> Tally:
        """The same from the raw day: no bucket, no replacing."""
        sum_ = Tally()
        if scope == "queue":
            for visit in self.visits:
                if visit.queue == ident and since <= visit.entered <= self.now:
                    sum_ += count(visit, Limits())
            return sum_
        for part in self.parts:
            if part.agent == ident and since <= part.began <= self.now:
                sum_ += count_part(part)
        for span in [*self.spans, *self.open.values()]:
            if span.agent == ident:
                end = self.now if span.end is None else min(span.end, self.now)
                add_time(sum_, span.state, max(0.0, end - max(span.start, since)))
        return sum_

    def check(self) -> None:
        calendar = self.live.calendar
        starts = {name: window_start(name, self.now) for name in ROLLING}
        starts["interval"] = calendar.start(self.now)
        starts["day"] = calendar.midnight(self.now)
        for scope, ident in (("queue", "a"), ("queue", "b"), ("agent", "x"), ("agent", "y")):
            found = self.live.windows(scope, ident, self.now)  # type: ignore[arg-type]
            assert set(found) == set(WINDOWS)
            for window, since in starts.items():
                same(found[window], self.wanted(scope, ident, since))
                assert scope == "agent" or check_books(found[window]) == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", "2025-06-02T21:00"),  # over an ordinary midnight
        ("Europe/Berlin", "2025-10-25T22:30"),  # the day of 25 hours
        ("America/Toronto", "2025-03-08T22:30"),  # the day of 23 hours
        ("Asia/Kathmandu", "2025-06-02T22:00"),  # a quarter of an hour off
    ],
)
def test_each_window_is_the_sum_over_the_raw_day(zone: str, start: str, seed: int) -> None:
    """Rolling, interval and day equal what the raw visits, parts and spans in them add up to."""
    day = Day(seed, LiveFigures(Calendar(zone)), at(start, zone))
    for number in range(500):
        day.step()
        if number % 20 == 0:
            day.live.forget(day.live.calendar.midnight(day.now))
            day.check()
    assert day.live.calendar.midnight(day.now) > at(start, zone)


def test_at_midnight_the_day_is_empty_and_the_last_hour_is_not() -> None:
    """The wall at 00:00:01 shows no call of today, and the last hour as it was."""
    midnight = at("2025-06-03T00:00", "Europe/Berlin")
    live = LiveFigures(Calendar("Europe/Berlin"))
    live.put("c", Visit("a", midnight - 600.0, "call", midnight - 590.0, "answered", 10.0))
    live.spend(Span("x", "ready", "", midnight - 600.0, midnight - 100.0))
    live.now_in(Span("x", "talking", "", midnight - 100.0))
    live.forget(midnight)
    queue, agent = (live.windows(s, i, midnight + 1.0) for s, i in (("queue", "a"), ("agent", "x")))
    assert (queue["day"].offered, queue["interval"].offered) == (0, 0)
    assert (queue["15"].offered, queue["60"].answered) == (1, 1)
    assert agent["day"].busy_s == pytest.approx(1.0)
    assert (agent["60"].ready_s, agent["60"].busy_s) == (500.0, 101.0)


def test_time_that_is_told_again_counts_once() -> None:
    """A restart folds spans again that are on disk already."""
    live = LiveFigures(Calendar("UTC"))
    for span in (
        Span("x", "ready", "", 0.0, 100.0),
        Span("x", "talking", "", 100.0, 160.0),
        Span("x", "ready", "", 0.0, 100.0),
        Span("x", "talking", "", 100.0, 170.0),
    ):
        live.spend(span)
    tally = live.day("agent", "x", 170.0)
    assert (tally.ready_s, tally.busy_s) == (100.0, 70.0)


def test_a_queue_of_a_year_takes_no_more_memory_than_one_of_a_day() -> None:
    """Buckets are dropped, whoever calls whenever: nothing grows with the number of calls."""
    live = LiveFigures(Calendar("UTC"))
    for number in range(40_000):
        entered = number * 97.0
        live.put(number, Visit("a", entered, "call", entered + 9.0, "answered", 9.0))
        live.spend(Span("x", "ready", "", entered, entered + 97.0))
        live.settle([number])
        if number % 500 == 0:
            live.forget(live.calendar.midnight(entered))
    assert len(live._counted) == 0
    assert all(len(minutes) <= 91 for minutes in live._minutes.values())
    assert sum(len(days) for days in live._days.values()) <= 4
    assert len(live.tallies) + len(live.agents) <= 2 * 110


def test_several_are_added_up_window_by_window() -> None:
    """A team is its agents, the site is its queues."""
    live = LiveFigures(Calendar("UTC"))
    for queue in "ab":
        live.put(queue, Visit(queue, 10_000.0))
    sums = together(live.windows("queue", queue, 10_001.0) for queue in "ab")
    assert {tally.offered for tally in sums.values()} == {2}
    assert set(sums) == set(WINDOWS)


def fed(fold: RecordFold, kind: str, data: dict[str, Any], moment: float, call: str = "c1") -> None:
    fold.feed("decision", kind, call, {"call": call, "queue": "a", **data}, moment)


def test_who_is_turned_away_is_in_no_other_count() -> None:
    """A caller whom the queue did not let in was not offered to it, and waited in no line."""
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)
    fold.feed("switch", "CallArrived", "c1", {"ani": "1", "dnis": "2"}, 10.0)
    for _ in range(2):
        fed(fold, "CallTurnedAway", {"kind": "voicemail", "target": "box"}, 12.0)
    assert fold.calls["c1"].outcome == "turned away"
    assert (fold.calls["c1"].queued, fold.calls["c1"].waited_s) == (None, None)
    assert live.day("queue", "a", 20.0) == Tally(turned_away=1)


@pytest.mark.parametrize(("waited_s", "right"), [(50.0, 1), (29.0, 0), (91.0, 0)])
def test_what_a_caller_was_told_is_held_against_the_wait(waited_s: float, right: int) -> None:
    """The expected wait is stored with the wait that then happened; later words do not help."""
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)
    fed(fold, "CallEntered", {"entered": 100.0, "kind": "call"}, 100.0)
    fed(fold, "PositionTold", {"position": 2, "low_s": 30.0, "high_s": 90.0}, 105.0)
    fed(fold, "PositionTold", {"position": 1, "low_s": 0.0, "high_s": 999.0}, 130.0)
    left = 105.0 + waited_s
    told = {"entered": 100.0, "outcome": "answered", "waited_s": left - 100.0, "agent": "x"}
    fed(fold, "CallLeft", told, left)
    tally = live.day("queue", "a", left)
    assert (tally.waits_told, tally.waits_right) == (1, right)


@pytest.mark.parametrize("promise", ["kept", "late", "failed"])
def test_promised_callbacks_are_kept_late_or_failed(promise: str) -> None:
    """A chosen time is a promise; how it ended and in how many attempts is counted once."""
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)
    fed(fold, "CallEntered", {"entered": 5.0, "kind": "callback"}, 5.0, "cb")
    state = "expired" if promise == "failed" else "reached"
    left = {"entered": 5.0, "outcome": state, "waited_s": 1.0, "agent": "x", "kind": "callback"}
    fed(fold, "CallLeft", left, 6.0, "cb")
    changed = {"callback": "cb", "state": state, "attempts": 2, "number": "1", "promise": promise}
    for _ in range(2):
        fed(fold, "CallbackChanged", changed, 6.0, "cb")
    tally = live.day("queue", "a", 7.0)
    kept = (tally.callbacks_kept, tally.callbacks_late, tally.callbacks_failed)
    assert kept == tuple(int(promise == name) for name in ("kept", "late", "failed"))
    assert (tally.callback_attempts, tally.offered) == (2, 0)


def test_the_horizon_is_an_hour() -> None:
    """The longest window must not be longer than what is kept."""
    assert max(ROLLING.values()) * 60.0 == KEPT_S


def test_work_items_are_counted_by_themselves_and_survive_a_snapshot() -> None:
    """A chat or a task is in no figure of calls; what is taken up again counts once."""
    live = LiveFigures(Calendar("UTC"))
    fold = RecordFold(intervals=live)

    def told(item: str, state: str, moment: float, agent: str = "") -> bool:
        data = {"item": item, "queue": "a", "work": "task", "state": state, "agent": agent}
        return fold.feed("decision", "ItemChanged", "", {**data, "entered": 10.0}, moment)

    assert told("i1", "queued", 10.0)
    assert told("i2", "queued", 10.0)
    assert told("i3", "queued", 10.0)
    told("i1", "working", 20.0, "x")
    assert told("i1", "done", 30.0, "x")
    assert not told("i1", "done", 31.0, "x")
    assert told("i2", "withdrawn", 40.0)
    wanted = Tally(items_queued=3, items_done=1, items_withdrawn=1)
    assert live.day("queue", "a", 50.0) == wanted
    again = LiveFigures(Calendar("UTC"))
    later = RecordFold(intervals=again)
    later.restore(json.loads(msgspec.json.encode(fold.snapshot())))
    assert again.day("queue", "a", 50.0) == wanted
    assert set(later.take_items()) == {"i1", "i2"}
    assert set(later.items_in_memory()) == {"i3"}
