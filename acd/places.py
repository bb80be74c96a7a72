"""Places in a line: kept for callers who were cut off, and who came in front of whom."""

from __future__ import annotations

from collections import deque
from math import isfinite
from typing import TYPE_CHECKING, Final, NamedTuple

from acd import decisions as d

if TYPE_CHECKING:
    from acd.floor import Floor
    from acd.lines import Key, Visit

MAX_PLACES: Final = 10_000
"""How many callers' places are kept at a time; the oldest go first."""

MAX_JUMPS: Final = 64
"""How many of those who came in front of others a queue remembers; the oldest go first."""

LEAVES_A_PLACE: Final = frozenset({"abandoned", "switch lost"})


# Kept places -------------------------------------------------------------------------------


class Place(NamedTuple):
    """The place of a caller who is gone: the queues, the order in them, since when."""

    queues: tuple[str, ...]
    arrived: float
    priority: int
    gone: float


def keep(floor: Floor, visit: Visit, outcome: str) -> None:
    """A visit ends before anybody answered: whether the place is kept for a while."""
    if not visit.caller or outcome not in LEAVES_A_PLACE or floor.site.place_grace_s <= 0:
        return
    queues = (*visit.came_from, visit.queue.id)
    place = Place(queues, visit.arrived, visit.priority, floor.now)
    floor.places.keep(visit.caller, place)


def give_back(floor: Floor, visit: Visit) -> d.Reason | None:
    """A caller comes: back to the old place, if there is one for this queue. It is used once.

    The wait counts from now, for the figures; the order is by the first arrival.
    """
    place = floor.places.get(visit.caller) if visit.caller else None
    if place is None or visit.queue.id not in place.queues:
        return None
    floor.places.take(visit.caller)
    away_s = floor.now - place.gone
    if away_s > floor.site.place_grace_s:
        return None
    visit.arrived = min(visit.arrived, place.arrived)
    visit.priority = max(visit.priority, place.priority)
    visit.kept = True
    return d.Reason("place-kept", {"away_s": away_s})


# Who came in front -------------------------------------------------------------------------


class Told(NamedTuple):
    """What a caller heard last: the position, and the numbers behind it."""

    position: int
    jumps: int  # of those who came in front of others, so many were known then
    agents: int
    low_s: float | None
    high_s: float | None


class Jumps:
    """Who has come in front of others in a queue, and why; the last ones."""

    __slots__ = ("_last", "number")

    def __init__(self) -> None:
        self.number = 0
        self._last: deque[tuple[tuple[float, float, int], str]] = deque(maxlen=MAX_JUMPS)

    def add(self, key: Key, why: str) -> None:
        """Somebody with an older arrival or a higher priority is in the line."""
        self.number += 1
        self._last.append((key[:3], why))

    def before(self, key: Key, since: int) -> dict[str, int]:
        """How many came in front of `key` after the first `since`, by why."""
        found: dict[str, int] = {}
        new = min(self.number - since, len(self._last))
        mine = key[:3]
        for at in range(len(self._last) - new, len(self._last)):
            other, why = self._last[at]
            if other < mine:
                found[why] = found.get(why, 0) + 1
        return found

    def snapshot(self) -> list[list[object]]:
        """The last ones as [rank, moment, number, why], then how many there were.

        A rank without end is written as text, which every kind of JSON can hold.
        """
        rows: list[list[object]] = [
            [rank if isfinite(rank) else str(rank), moment, number, why]
            for (rank, moment, number), why in self._last
        ]
        return [*rows, [self.number]]

    def restore(self, rows: list[list[object]]) -> None:
        """Take over what `snapshot` gave."""
        self._last.clear()
        for rank, moment, number, why in rows[:-1]:
            key = (float(str(rank)), float(str(moment)), int(str(number)))
            self._last.append((key, str(why)))
        self.number = int(str(rows[-1][0]))


def joined(visit: Visit, now: float) -> None:
    """A visit is in the line, maybe in front of others: note it then, and why."""
    queue = visit.queue
    last = max(line.callers[-1] for line in queue.lines if line.callers)
    queue.hindmost = last[:3]
    if last is not visit.key:
        assert visit.key is not None
        queue.jumps.add(visit.key, _why_in_front(visit, now))


def _why_in_front(visit: Visit, now: float) -> str:
    """One of "first" (has waited for too long), "kept", "callback", "earlier" (an older arrival:
    overflow, transfer), "returned" (a phone rang for nothing) and "priority".
    """
    if visit.first:
        return "first"
    if visit.kept:
        return "kept"
    if visit.kind == "callback":
        return "callback"
    if visit.arrived < visit.entered:
        return "earlier"
    return "returned" if visit.entered < now else "priority"
