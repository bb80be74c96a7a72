"""The average week of the past."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reporting.demand import past_demand
from reporting.intervals import Visit

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def answered(text: str, waited_s: float = 10.0) -> Visit:
    done = at(text) + 300.0
    return Visit(
        "sales", at(text), "call", at(text), "answered", waited_s, "a", done, 100.0, 20.0, 30.0
    )


def test_two_mondays_are_averaged() -> None:
    """Three calls at half past nine on one Monday, one on the next: two on a usual Monday."""
    visits = [answered("2026-03-02T09:35")] * 3 + [answered("2026-03-09T09:59")]
    found = past_demand(
        visits, at("2026-03-02T00:00"), at("2026-03-16T00:00"), zone="Europe/Berlin"
    )
    assert found.calls[0, 570] == 2.0
    assert sum(found.calls.values()) == 2.0
    assert len(found.calls) == 7 * 48
    assert (found.offered, found.handle_s) == (4, 150.0)
    assert found.patience.mean_s is None


def test_a_range_may_begin_and_end_in_the_middle_of_a_day() -> None:
    """A slot counts as often as it lies in the range."""
    visits = [answered("2026-03-02T15:00"), answered("2026-03-09T08:00")]
    found = past_demand(
        visits, at("2026-03-02T12:00"), at("2026-03-09T12:00"), zone="Europe/Berlin", minutes=15
    )
    assert found.calls[0, 15 * 60] == 1.0
    assert found.calls[0, 8 * 60] == 1.0


def test_patience_and_handle_time_come_from_the_same_visits() -> None:
    """Who gave up tells of patience, who was answered of both."""
    gone = Visit("sales", at("2026-03-02T09:00"), "call", at("2026-03-02T09:01"), "abandoned", 60.0)
    waits = Visit("sales", at("2026-03-02T09:00"))
    visits = [gone, waits, answered("2026-03-02T09:00", 40.0)]
    found = past_demand(
        visits, at("2026-03-02T00:00"), at("2026-03-03T00:00"), zone="Europe/Berlin"
    )
    assert found.patience.mean_s == 100.0
    assert found.handle_s == 150.0
    assert found.offered == 3


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """On the day the clocks go back, half past two is there twice: its calls are shared out."""
    twice = at("2026-10-25T02:30")
    visits = [
        Visit("sales", twice, outcome="answered", waited_s=1.0),
        Visit("sales", twice + 3600.0, outcome="answered", waited_s=1.0),
    ]
    found = past_demand(
        visits, at("2026-10-25T00:00"), at("2026-10-26T00:00"), zone="Europe/Berlin"
    )
    assert found.calls[6, 150] == 1.0


def test_other_intervals_are_refused() -> None:
    """The reports know 15 and 30 minutes."""
    with pytest.raises(ValueError, match="15 or 30"):
        past_demand([], 0.0, 86_400.0, zone="UTC", minutes=20)
