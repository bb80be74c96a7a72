"""Opening hours: weeks, holidays, single dates, midnight and clock changes."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from config.hours import Calendar, hours_state, moments
from config.hours_reading import read_calendar
from config.yaml_lines import load_yaml
from ivr.reading import Report, Section

OFFICE = """\
time_zone: America/Toronto
week:
  weekdays: "09:00-17:30"
  friday: ["08:00-12:00", "13:00-24:00"]
  saturday: "22:00-02:00"
  sunday: closed
holidays: {country: CA, subdivision: "ON"}
dates:
  "2026-12-24": "09:00-12:00"
  "2026-12-25": "10:00-11:00"
  "2026-12-29": closed
  "2026-12-30": holiday
"""


def read(text: str, site_zone: str = "UTC") -> tuple[Calendar, list[str]]:
    loaded = load_yaml(text, "x.yaml")
    report = Report("x.yaml", loaded.line)
    calendar = read_calendar("office", Section(report, (), loaded.value, "hours"), site_zone)
    return calendar, [str(mistake) for mistake in report.mistakes]


CALENDAR, MISTAKES = read(OFFICE)

# local time in Toronto | state | why
ROWS = """\
2026-11-23 08:59 | closed  | Monday, before opening
2026-11-23 09:00 | open    | the first minute
2026-11-23 17:29 | open    | the last minute
2026-11-23 17:30 | closed  | the end is not in it
2026-11-27 12:30 | closed  | Friday's lunch overrules the weekdays
2026-11-27 23:59 | open    | Friday until midnight
2026-11-28 00:00 | closed  | and not longer
2026-11-28 22:00 | open    | Saturday night
2026-11-29 01:59 | open    | Saturday's span goes on in Sunday
2026-11-29 02:00 | closed  | until two
2026-11-29 12:00 | closed  | Sunday
2026-07-01 10:00 | holiday | Canada Day
2026-12-24 10:00 | open    | a single date
2026-12-24 13:00 | closed  | shorter than the week says
2026-12-25 10:30 | open    | a single date overrules the public holiday
2026-12-29 10:00 | closed  | closed for once
2026-12-30 10:00 | holiday | a holiday of our own
2026-03-06 08:00 | open    | Friday, two days before the clocks go forward
2026-03-09 09:00 | open    | Monday after the clocks went forward
2026-11-02 09:00 | open    | Monday after the clocks went back
2026-11-02 08:59 | closed  | one minute before
"""


@pytest.mark.parametrize("row", ROWS.splitlines())
def test_the_state_at_a_local_time(row: str) -> None:
    """Hours are the wall clock's, in the calendar's own zone."""
    when, state, _ = (part.strip() for part in row.split("|"))
    local = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("America/Toronto"))
    assert MISTAKES == []
    assert hours_state(CALENDAR, local.timestamp()) == state


def test_always_is_always() -> None:
    """A line that never closes must not depend on any calendar."""
    assert hours_state(Calendar("x", always=True), 0.0) == "open"


def test_the_sites_zone_is_used_when_none_is_named() -> None:
    """A calendar without a zone must not silently mean UTC."""
    calendar, _ = read("week: {daily: '09:00-10:00'}", "Asia/Shanghai")
    at = datetime(2026, 11, 24, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    assert hours_state(calendar, at) == "open"
    assert hours_state(calendar, at + 8 * 3600) == "closed"


def test_a_time_that_the_clocks_skip_is_an_hour_later() -> None:
    """A callback that is promised for it has to be made all the same, and once."""
    zone = ZoneInfo("America/Toronto")
    always = Calendar("x", "America/Toronto", always=True)
    for day, shown in (((2026, 3, 8), ["03:30"]), ((2026, 11, 1), ["02:30"])):
        midnight = datetime(*day, tzinfo=zone).timestamp()
        found = moments(always, midnight, (2 * 60 + 30,), 0)
        assert [datetime.fromtimestamp(one, zone).strftime("%H:%M") for one in found] == shown


# what is written | the mistake
WRONG = [
    ("week: {mondy: closed}", "x.yaml:1: unknown day 'mondy'; did you mean 'monday'?"),
    ("week: {monday: 9-17}", "x.yaml:1: opening hours '9-17'; write spans such as"),
    ("week: {monday: '25:00-26:00'}", "x.yaml:1: opening hours '25:00-26:00'; write spans"),
    ("week: {monday: '09:00-24:30'}", "x.yaml:1: opening hours '09:00-24:30'; end them later"),
    ("week: {monday: '09:00-09:00'}", "x.yaml:1: opening hours '09:00-09:00'; end them later"),
    ("time_zone: Europe/Berln\nalways: true", "x.yaml:1: unknown time zone 'Europe/Berln'; did"),
    ("time_zone: ../etc/passwd\nalways: true", "x.yaml:1: unknown time zone '../etc/passwd'; use"),
    ("always: true\nholidays: {country: XQ}", "x.yaml:2: unknown holidays 'XQ'"),
    ("always: true\nholidays: {country: CA, subdivision: QQ}", "x.yaml:2: unknown holidays 'CA'"),
    ("always: true\ndates:\n  '2026-02-30': closed", "x.yaml:3: the date '2026-02-30'; write"),
    ("always: maybe", "x.yaml:1: 'always' is 'maybe'; write true or false"),
    ("{}", "x.yaml:1: hours has no 'week'; add 'week:' with opening hours"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_mistakes_in_hours(text: str, message: str) -> None:
    """A wrong line must be refused, not read as always closed."""
    _, mistakes = read(text)
    assert mistakes
    assert mistakes[0].startswith(message)
