"""Opening hours: weekly spans, public holidays, and single dates, in a calendar's own zone.

A span belongs to the day it begins on, also when it runs past midnight. A single date
overrules the public holiday, which overrules the week. On the days when clocks change,
spans follow the wall clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays

State = Literal["open", "closed", "holiday"]
Span = tuple[int, int]  # minutes of the day; the end may be past 1440
DAY = 1440
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
