"""Intervals: where a visit counts, how days with a clock change are cut, agents' time."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from reporting.figures import Tally, check_books
from reporting.intervals import (
    Calendar,
    IntervalFold,
    Limits,
    Span,
    Visit,
    interval_row,
    occupancy_of,
    time_by_interval,
    time_by_state,
)


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "minutes", "intervals"),
    [
        ("Europe/Berlin", "2025-03-30", 15, 92),
        ("Europe/Berlin", "2025-10-26", 15, 100),
        ("Europe/Berlin", "2025-06-01", 15, 96),
        ("Europe/Berlin", "2025-10-26", 30, 50),
        ("America/Toronto", "2025-03-09", 15, 92),
        ("Asia/Kathmandu", "2025-03-09", 30, 48),
        ("Africa/Cairo", "2025-04-25", 15, 92),  # the clock jumps at midnight itself
        ("Asia/Shanghai", "2025-03-30", 15, 96),
    ],
)
def test_a_day_has_as_many_intervals_as_it_has_time(
    zone: str, day: str, minutes: int, intervals: int
) -> None:
    """An hour that is missing or comes twice must neither lose nor merge calls."""
    calendar = Calendar(zone, minutes)
    midnight = at(f"{day}T12:00", zone)
    start, end = calendar.midnight(midnight), calendar.next_midnight(midnight)
    starts = list(calendar.between(start, end))
    assert len(starts) == intervals
    assert all(b - a == minutes * 60 for a, b in pairwise(starts))
    assert all(calendar.start(s + 1) == s for s in starts)


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """02:30 happens twice in October; the two must not share an interval."""
    calendar = Calendar("Europe/Berlin")
    first = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=0).timestamp()
    assert calendar.start(first) != calendar.start(first + 3600)
    assert calendar.local(first) != calendar.local(first + 3600)


def test_midnights_are_found_in_any_order() -> None:
    """History is asked for in any order, and the calendar remembers days."""
    calendar = Calendar("Europe/Berlin")
    days = [at(f"2025-{m:02}-{d:02}T00:00") for m in (10, 3, 6) for d in (26, 25, 27)]
    for day in [*days, *reversed(days)]:
        assert calendar.midnight(day) == day
        assert calendar.midnight(day + 80_000) == day
        assert calendar.midnight(day - 1) != day


def test_a_call_counts_where_it_entered() -> None:
    """A call that enters at 9:59 and is answered at 10:01 belongs to the line of 9:45."""
    entered = at("2025-06-02T09:59:30")
    visit = Visit("billing", entered, "call", entered + 90, "answered", 90.0, "anna")
    visit.ended, visit.talk_s, visit.hold_s = entered + 2000, 1910.0, 0.0
    for attribution, start in (
        ("entered", "2025-06-02T09:45"),
        ("answered", "2025-06-02T10:00"),
        ("ended", "2025-06-02T10:30"),
    ):
        fold = IntervalFold(Calendar("Europe/Berlin"), attribution=attribution)  # type: ignore[arg-type]
        fold.put("c1", visit)
        assert list(fold.tallies) == [("billing", at(start))]


def test_putting_a_visit_again_replaces_it() -> None:
    """Repeated entries and later changes of one call must not count it twice."""
    fold = IntervalFold(Calendar("UTC"))
    visit = Visit("q", 1000.0)
    fold.put("c1", visit)
    fold.put("c1", visit)
    assert fold.total("q", 0.0) == Tally(offered=1, waiting=1)
    visit.left, visit.outcome, visit.waited_s = 1004.0, "abandoned", 4.0
    for _ in range(3):
        fold.put("c1", visit)
    total = fold.total("q", 0.0)
    assert (total.offered, total.abandoned, total.short_abandoned, total.waiting) == (1, 1, 1, 0)
    assert check_books(total) == 0


def test_each_queue_keeps_its_own_promise() -> None:
    """The threshold is a queue's, not the site's."""
    fold = IntervalFold(Calendar("UTC"), lambda q: Limits(10.0 if q == "fast" else 60.0))
    for queue in ("fast", "slow"):
        fold.put(queue, Visit(queue, 0.0, "call", 30.0, "answered", 30.0))
    assert fold.total("fast", 0.0).answered_within == 0
    assert fold.total("slow", 0.0).answered_within == 1


def test_callbacks_are_not_offered_again() -> None:
    """The caller who left a number has flowed out; the callback must not lower any rate."""
    fold = IntervalFold(Calendar("UTC"))
    fold.put("c1", Visit("q", 0.0, "call", 50.0, "callback", 50.0))
    fold.put("cb", Visit("q", 0.0, "callback", 900.0, "reached", 900.0, "anna"))
    total = fold.total("q", 0.0)
    assert (total.offered, total.flowed_out, total.callbacks_reached) == (1, 1, 1)
    assert total.answered == total.abandoned == check_books(total) == 0


def test_agent_time_is_cut_at_the_borders() -> None:
    """A 52-minute talk posted whole into the interval of its end shows an agent at 350 %."""
    calendar = Calendar("UTC")
    spans = [Span("anna", "talking", "", 600.0, 600.0 + 52 * 60), Span("anna", "ready", "", 3720.0)]
    times = time_by_interval(spans, calendar, 0.0, 4500.0)
    assert times[0.0] == {"anna": {"talking": 300.0}}
    assert times[900.0] == times[1800.0] == times[2700.0] == {"anna": {"talking": 900.0}}
    assert times[3600.0] == {"anna": {"talking": 120.0, "ready": 780.0}}
    assert occupancy_of(times[3600.0].values()) == 120 / 900
    whole = time_by_state(spans, 0.0, 4500.0)
    assert whole == {"anna": {"talking": 3120.0, "ready": 780.0}}


def test_a_row_shows_whether_its_books_balance() -> None:
    """A report that hides its own mistake is worse than none."""
    good = Tally(offered=1, answered=1)
    bad = Tally(offered=2, answered=1)
    calendar = Calendar("UTC")
    assert interval_row("q", calendar, 0.0, good, Limits())["balanced"] is True
    row = interval_row("q", calendar, 0.0, bad, Limits())
    assert (row["balanced"], row["books"]) == (False, 1)


def test_odd_intervals_are_refused() -> None:
    """Seven-minute intervals would not fit an hour."""
    with pytest.raises(ValueError, match="15 or 30"):
        Calendar("UTC", 7)
