"""Opening hours: weekly spans, public holidays, and single dates, in a calendar's own zone.

A span belongs to the day it begins on, also when it runs past midnight. A single date
overrules the public holiday, which overrules the week. On the days when clocks change,
spans follow the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays

State = Literal["open", "closed", "holiday"]
Span = tuple[int, int]  # minutes of the day; the end may be past 1440
DAY = 1440
CHANGES_WITHIN_DAYS = 400
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a part of the company answers calls.

    `weekly` holds the spans of each weekday (0 is Monday). `country` and `subdivision`
    name the public holidays ("" for none). `dates` overrules: a tuple of spans, or
    "closed" or "holiday", for an ISO date.
    """

    id: str
    time_zone: str = "UTC"
    always: bool = False
    weekly: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    country: str = ""
    subdivision: str = ""
    dates: Mapping[str, tuple[Span, ...] | Literal["closed", "holiday"]] = field(
        default_factory=dict
    )


def hours_state(calendar: Calendar, utc: float) -> State:
    """The state of a calendar at a moment (UTC epoch seconds)."""
    if calendar.always:
        return "open"
    local = datetime.fromtimestamp(utc, UTC).astimezone(ZoneInfo(calendar.time_zone))
    minute = local.hour * 60 + local.minute + local.second / 60
    today = local.date()
    if today > date.min:
        before = _spans(calendar, today - timedelta(days=1))
        if isinstance(before, tuple) and _within(before, minute + DAY):
            return "open"
    spans = _spans(calendar, today)
    if isinstance(spans, tuple):
        return "open" if _within(spans, minute) else "closed"
    return spans


def moments(calendar: Calendar, after: float, minutes: Sequence[int], days: int) -> Iterator[float]:
    """The moments (UTC) at these minutes of a day when the calendar is open.

    In order, later than `after`, till `days` days ahead. A time that the clocks skip is
    the one an hour later.
    """
    zone = ZoneInfo(calendar.time_zone)
    today = datetime.fromtimestamp(after, UTC).astimezone(zone).date()
    for ahead in range(days + 1):
        day = today + timedelta(days=ahead)
        for minute in sorted(minutes):
            wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
            moment = wall.timestamp()
            if moment > after and hours_state(calendar, moment) == "open":
                yield moment


def next_change(calendar: Calendar, after: float) -> float | None:
    """The first moment (UTC) later than `after` when the state is another one than at `after`.

    None when there is none within `CHANGES_WITHIN_DAYS`.
    """
    if calendar.always:
        return None
    now = hours_state(calendar, after)
    zone = ZoneInfo(calendar.time_zone)
    first = datetime.fromtimestamp(after, UTC).astimezone(zone).date() - timedelta(days=1)
    for ahead in range(CHANGES_WITHIN_DAYS + 2):
        # What the span of a day reaches into the next is looked at there, with what begins then.
        for moment in _edges(calendar, first + timedelta(days=ahead), zone):
            if moment > after and hours_state(calendar, moment) != now:
                return moment
    return None


def _edges(calendar: Calendar, day: date, zone: ZoneInfo) -> list[float]:
    """Every moment of a local day when the state may change, in order.

    Where clocks are put back a time of day comes twice, so both are there; where they are put on,
    the moment of it is there, at which a time that is skipped has passed.
    """
    minutes = {0}
    for ago in (0, 1):
        spans = _spans(calendar, day - timedelta(days=ago))
        if isinstance(spans, tuple):
            minutes.update(edge - ago * DAY for span in spans for edge in span)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    moments = {
        midnight.replace(hour=minute // 60, minute=minute % 60, fold=fold).timestamp()
        for minute in minutes
        if 0 <= minute < DAY
        for fold in (0, 1)
    }
    moments.update(_clocks_changed(day, zone))
    return sorted(moments)


def _clocks_changed(day: date, zone: ZoneInfo) -> list[float]:
    """The moment of this local day at which the clocks are put on or back, if there is one."""
    after = day + timedelta(days=1)
    low = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    high = datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()

    def offset(moment: float) -> timedelta | None:
        return datetime.fromtimestamp(moment, UTC).astimezone(zone).utcoffset()

    before = offset(low)
    if offset(high) == before:
        return []
    while high - low > 1.0:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == before else (low, middle)
    return [high]


def _spans(calendar: Calendar, day: date) -> tuple[Span, ...] | Literal["closed", "holiday"]:
    special = calendar.dates.get(day.isoformat())
    if special is not None:
        return special
    if calendar.country and day in _holidays(calendar.country, calendar.subdivision, day.year):
        return "holiday"
    return calendar.weekly.get(day.weekday(), ())


def _within(spans: tuple[Span, ...], minute: float) -> bool:
    return any(start <= minute < end for start, end in spans)


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=year))


def holidays_known(country: str, subdivision: str) -> str:
    """What is wrong with a country and subdivision code, or "" when both are known."""
    try:
        _holidays(country, subdivision, 2026)
    except NotImplementedError as error:
        return str(error)
    return ""
