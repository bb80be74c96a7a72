"""Reads a calendar of opening hours from `site.yaml`.

office:
  time_zone: America/Toronto          # the site's when left out
  week: {weekdays: "09:00-17:30", saturday: ["10:00-12:00", "13:00-16:00"]}
  holidays: {country: CA, subdivision: ON}
  dates: {"2026-12-24": "09:00-12:00", "2026-12-27": closed}
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from config.hours import DAY, WEEKDAYS, Calendar, Span, holidays_known
from ivr.mistakes import closest, suggestion
from ivr.reading import Section, shown

_SPAN = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])\s*-\s*([01]?[0-9]|2[0-4]):([0-5][0-9])")
_SPAN_FORM = 'write spans such as "09:00-17:30", or closed'
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GROUPS = {"weekdays": range(5), "weekend": range(5, 7), "daily": range(7)}


def read_calendar(name: str, part: Section, site_zone: str) -> Calendar:
    """One calendar; mistakes go into the section's report."""
    always = part.flag("always")
    zone = read_time_zone(part, "time_zone", site_zone)
    weekly = _week(part.section("week"))
    country, subdivision = _holidays(part.section("holidays"))
    dates = _dates(part.section("dates"))
    if not always and not weekly and not dates:
        part.missing("week", "add 'week:' with opening hours, or 'always: true'")
    part.close()
    return Calendar(name, zone, always, weekly, country, subdivision, dates)


def _week(week: Section) -> dict[int, tuple[Span, ...]]:
    spans: dict[int, tuple[Span, ...]] = {}
    # Groups first, so that a single day overrules its group wherever it stands.
    for key in sorted(week.names(), key=lambda name: name not in _GROUPS):
        found = _spans(week, key)
        if key in _GROUPS:
            spans.update(dict.fromkeys(_GROUPS[key], found))
        elif key in WEEKDAYS:
            spans[WEEKDAYS.index(key)] = found
        else:
            fix = suggestion(key, (*WEEKDAYS, *_GROUPS))
            week.wrong(key, f"unknown day {shown(key)}", fix)
    return spans


def _spans(part: Section, key: str) -> tuple[Span, ...]:
    value = part.take(key)
    written = value if isinstance(value, list) else [value]
    if written == ["closed"] or written == [None]:
        return ()
    found: list[Span] = []
    for text in written:
        match = _SPAN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            part.wrong(key, f"opening hours {shown(text)}", _SPAN_FORM)
            continue
        start = int(match[1]) * 60 + int(match[2])
        end = int(match[3]) * 60 + int(match[4])
        if start >= DAY or end > DAY or start == end:
            part.wrong(key, f"opening hours {shown(text)}", "end them later than they begin")
            continue
        found.append((start, end if end > start else end + DAY))
    return tuple(sorted(found))


def _holidays(part: Section) -> tuple[str, str]:
    country = part.text("country", "" if not part.names() else None, limit=8)
    subdivision = part.text("subdivision", "", limit=16)
    part.close()
    if country and (problem := holidays_known(country, subdivision)):
        part.wrong("", f"unknown holidays {shown(country)} {shown(subdivision)}", problem[:120])
        return "", ""
    return country, subdivision


def _dates(part: Section) -> dict[str, tuple[Span, ...] | Literal["closed", "holiday"]]:
    found: dict[str, tuple[Span, ...] | Literal["closed", "holiday"]] = {}
    for day in part.names():
        if not _is_date(day):
            part.wrong(day, f"the date {shown(day)}", 'write a date such as "2026-12-24"')
        value = part.take(day)
        if value == "closed" or value == "holiday":
            found[day] = "closed" if value == "closed" else "holiday"
        else:
            found[day] = _spans(part, day)
    return found


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(_DATE.fullmatch(text))


def read_time_zone(section: Section, key: str, default: str | None) -> str:
    """An IANA time zone that this machine knows."""
    name = section.text(key, default, limit=64)
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        section.wrong(key, f"unknown time zone {shown(name)}", _zone_fix(name))
        return default or "UTC"
    return name or "UTC"


def _zone_fix(name: str) -> str:
    near = closest(name, available_timezones())
    return f"did you mean {near!r}?" if near else "use an IANA name such as America/Toronto"
