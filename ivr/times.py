"""Times that a caller may choose for a callback: how they are said, offered and remembered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PAGE = 4  # times offered at once, on the keys 1 to 4
MORE = "9"
_KEPT = re.compile(r"([0-9]{8})([0-9]{2})([0-6])([0-9]{2})([0-9]{2})")
_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A whole minute (UTC epoch seconds) with its wall clock: so many days `ahead`, Monday is 0."""

    due: int
    ahead: int
    weekday: int
    hour: int
    minute: int

    def words(self, language: str) -> str:
        """ "tomorrow at 2 30 PM"; in languages without words of their own in English."""
        if language.partition("-")[0] == "zh":
            near = ("今天", "明天")
            day = near[self.ahead] if self.ahead < len(near) else _DAYS["zh"][self.weekday]
            return f"{day} {self.hour} 点" + (f" {self.minute:02d} 分" if self.minute else "")
        near = ("today", "tomorrow")
        day = near[self.ahead] if self.ahead < len(near) else f"on {_DAYS['en'][self.weekday]}"
        minute = f" {self.minute:02d}" if self.minute else ""
        return f"{day} at {self.hour % 12 or 12}{minute} {'AM' if self.hour < 12 else 'PM'}"


def page_of(slots: Sequence[Slot], page: int) -> tuple[tuple[Slot, ...], bool]:
    """The times of a page (after the last one the first again), and whether there are others."""
    pages = max(1, -(-len(slots) // PAGE))
    at = page % pages * PAGE
    return tuple(slots[at : at + PAGE]), pages > 1


def kept(slots: Sequence[Slot]) -> str:
    """The times of a page, short enough to be kept with the call on the switch."""
    return ",".join(
        f"{one.due // 60:08d}{min(one.ahead, 99):02d}{one.weekday}{one.hour:02d}{one.minute:02d}"
        for one in slots
    )


def chosen(text: str, key: str) -> Slot | None:
    """The time behind a key, of what `kept` gave; None for no such key."""
    slots = text.split(",")
    if not key.isdigit() or not 1 <= int(key) <= len(slots):
        return None
    match = _KEPT.fullmatch(slots[int(key) - 1])
    if match is None:
        return None
    minutes, ahead, weekday, hour, minute = map(int, match.groups())
    return Slot(minutes * 60, ahead, weekday, hour, minute)
