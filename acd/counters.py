"""What has been counted per queue, from the same steps that make the notices."""

from __future__ import annotations


class Books:
    """One queue's calls, its callbacks, or what its agents dialled: what came in, how it left.

    offered = still open + the sum of `left`, at every moment. `completed` are
    connected calls (in `left` as "answered" or "reached") that have ended since.
    """

    __slots__ = ("completed", "left", "offered")

    def __init__(self) -> None:
        self.offered = 0
        self.completed = 0
        self.left: dict[str, int] = {}

    def leave(self, outcome: str) -> None:
        """Count one visit that ended."""
        self.left[outcome] = self.left.get(outcome, 0) + 1

    @property
    def connected(self) -> int:
        """Calls that are talking now."""
        return self.left.get("answered", 0) + self.left.get("reached", 0) - self.completed

    @property
    def open(self) -> int:
        """Visits that have not left yet: waiting, ringing, or a callback to come."""
        return self.offered - sum(self.left.values())


class QueueCounts:
    """The books of one queue since the engine began; kept when the queue is removed.

    `turned_away`: callers who were not let in, by the rule's occasion (`acd.site.Occasion`).
    They were never offered to the queue and stand in no book.
    """

    __slots__ = ("callbacks", "calls", "outbound", "turned_away")

    def __init__(self) -> None:
        self.calls = Books()
        self.callbacks = Books()
        self.outbound = Books()
        self.turned_away: dict[str, int] = {}

    def turn_away(self, occasion: str) -> None:
        """Count one caller who was not let in."""
        self.turned_away[occasion] = self.turned_away.get(occasion, 0) + 1

    def of(self, kind: str) -> Books:
        """The books for "call", "callback" or "outbound"."""
        if kind == "call":
            return self.calls
        return self.callbacks if kind == "callback" else self.outbound
