"""Deadlines in order of their time, and of their setting when the time is equal.

A timer is a kind and an id, so that it can be written to a snapshot. Cancelled
timers stay in the heap until they surface or outnumber the live ones.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import inf

NO_TIMER = 0
_SLACK = 64  # dead entries that are tolerated in any case


class Timers:
    """A heap of deadlines with cancelling. All times are engine time in seconds."""

    __slots__ = ("_heap", "_last", "_live")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._live: dict[int, tuple[float, str, str]] = {}
        self._last = NO_TIMER

    def start(self, due: float, kind: str, about: str) -> int:
        """Set a timer; the result cancels it."""
        self._last = number = self._last + 1
        self._live[number] = (due, kind, about)
        heappush(self._heap, (due, number))
        return number

    def cancel(self, number: int) -> None:
        """Forget a timer; one that has fired, or `NO_TIMER`, is no mistake."""
        if self._live.pop(number, None) is None:
            return
        if len(self._heap) > _SLACK + 2 * len(self._live):
            self._heap = [(due, n) for n, (due, _, _) in self._live.items()]
            heapify(self._heap)

    @property
    def earliest(self) -> float:
        """No live timer is due before this; infinity when there is none. Cheap."""
        heap = self._heap
        return heap[0][0] if heap else inf

    def next_due(self) -> float | None:
        """When the next live timer is due."""
        heap, live = self._heap, self._live
        while heap:
            if heap[0][1] in live:
                return heap[0][0]
            heappop(heap)
        return None

    def pop_due(self, until: float) -> tuple[float, str, str] | None:
        """Take the next timer due at or before `until`, as (due, kind, about)."""
        heap, live = self._heap, self._live
        while heap and heap[0][0] <= until:
            timer = live.pop(heappop(heap)[1], None)
            if timer is not None:
                return timer
        return None

    def shift(self, by_s: float) -> None:
        """Move every timer to later."""
        self._live = {n: (due + by_s, kind, about) for n, (due, kind, about) in self._live.items()}
        self._heap = [(due, n) for n, (due, _, _) in self._live.items()]
        heapify(self._heap)

    def snapshot(self) -> list[list[object]]:
        """Every live timer as [number, due, kind, about], then the last number given out."""
        rows: list[list[object]] = [
            [number, due, kind, about] for number, (due, kind, about) in sorted(self._live.items())
        ]
        return [*rows, [self._last]]

    def restore(self, rows: list[list[object]]) -> None:
        """Take over what `snapshot` gave."""
        self._live = {
            int(str(n)): (float(str(due)), str(kind), str(about))
            for n, due, kind, about in rows[:-1]
        }
        self._last = int(str(rows[-1][0]))
        self._heap = [(due, n) for n, (due, _, _) in self._live.items()]
        heapify(self._heap)
