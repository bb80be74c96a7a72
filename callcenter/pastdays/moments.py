"""Moments as people type and read them, in the site's time zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


class BadRange(ValueError):  # noqa: N818 - says what is wrong
    """A moment that cannot be read, or a range that ends before it begins."""


def read_range(since: str, until: str, zone: str) -> tuple[float | None, float | None]:
    """From and to as UTC epoch seconds; None for what was left out.

    A date alone means the whole day: from its midnight, to the midnight after. Raises
    `BadRange`.
    """
    begin = _moment(since, zone, whole_day=False) if since else None
    end = _moment(until, zone, whole_day=True) if until else None
    if begin is not None and end is not None and begin >= end:
        raise BadRange(f"--from {since} is not before --to {until}.")
    return begin, end


def _moment(text: str, zone: str, *, whole_day: bool) -> float:
    place = ZoneInfo(zone)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        day += timedelta(days=1 if whole_day else 0)
        return datetime.combine(day, time(), place).timestamp()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRange(
            f"“{text}” is no date (2026-03-02) and no date with a time (2026-03-02T09:30)."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=place)).timestamp()


def told(moment: float, zone: str) -> str:
    """Date and time of day, "2026-03-02 09:30:00"."""
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
