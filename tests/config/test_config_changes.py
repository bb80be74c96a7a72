"""When a calendar opens and closes next: exactly, also on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.hours import Calendar, hours_state, next_change

ZONES = (
    "UTC",
    "America/Toronto",
    "Europe/Berlin",
    "Asia/Shanghai",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/St_Johns",
    "Pacific/Apia",  # left out a whole day in 2011
)
# Where clocks change in some of the zones, and an ordinary week.
STARTS = ("2026-03-06", "2026-03-27", "2026-04-03", "2026-10-02", "2026-10-23", "2026-10-30")
SPANS = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 900)).map(
        lambda span: (span[0], span[0] + span[1])
    ),
    max_size=3,
).map(tuple)
CALENDARS = st.builds(
    Calendar,
    id=st.just("c"),
    time_zone=st.sampled_from(ZONES),
    weekly=st.dictionaries(st.integers(0, 6), SPANS, max_size=7),
    country=st.sampled_from(("", "CA", "DE")),
    dates=st.dictionaries(
        st.sampled_from(("2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01")),
        st.one_of(SPANS, st.sampled_from(("closed", "holiday"))),
        max_size=2,
    ),
)


def utc(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@settings(max_examples=60, deadline=None)
@given(CALENDARS, st.sampled_from(STARTS), st.integers(0, 3 * 86_400))
def test_nothing_changes_before_the_next_change(
    calendar: Calendar, start: str, later_s: int
) -> None:
    """Between now and the next change the state is one and the same, and there another."""
    now = utc(start) + later_s
    state = hours_state(calendar, now)
    change = next_change(calendar, now)
    end = min(change, now + 3 * 86_400) if change is not None else now + 3 * 86_400
    moment = now
    while moment < end:
        assert hours_state(calendar, moment) == state, datetime.fromtimestamp(moment, UTC)
        moment += 420.0
    assert hours_state(calendar, end - 1.0) == state
    if change is not None:
        assert change > now
        assert hours_state(calendar, change) != state


DAY_SHIFT = Calendar(
    "d", "America/Toronto", weekly=dict.fromkeys(range(5), ((9 * 60, 17 * 60),)), country="CA"
)
NIGHT = Calendar("n", "America/Toronto", weekly=dict.fromkeys(range(7), ((90, 150),)))


@pytest.mark.parametrize(
    ("calendar", "now", "then"),
    [
        pytest.param(DAY_SHIFT, "2026-06-03T08:00", "2026-06-03T09:00", id="opens today"),
        pytest.param(DAY_SHIFT, "2026-06-03T12:00", "2026-06-03T17:00", id="closes today"),
        pytest.param(DAY_SHIFT, "2026-06-06T12:00", "2026-06-08T09:00", id="after the weekend"),
        pytest.param(DAY_SHIFT, "2026-06-30T18:00", "2026-07-01T00:00", id="a holiday begins"),
        pytest.param(NIGHT, "2026-03-08T01:45", "2026-03-08T03:00", id="clocks are put on"),
        pytest.param(NIGHT, "2026-11-01T01:45", "2026-11-01T01:00:00-05:00", id="put back"),
        pytest.param(NIGHT, "2026-11-01T01:10:00-05:00", "2026-11-01T01:30:00-05:00", id="again"),
    ],
)
def test_the_next_change_is_exact(calendar: Calendar, now: str, then: str) -> None:
    """Queues open and close to the second, on any day of the year."""

    def at(text: str) -> float:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else utc(text, calendar.time_zone)

    assert next_change(calendar, at(now)) == at(then)


def test_a_calendar_that_never_changes_has_no_next_change() -> None:
    """Always open, or never: nothing to wake for."""
    assert next_change(Calendar("a", always=True), utc("2026-06-03")) is None
    assert next_change(Calendar("never"), utc("2026-06-03")) is None
