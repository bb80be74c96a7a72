"""Who waits, and in which order.

A `Visit` is one stay of one call (or callback) in one queue. A `Line` holds the visits
of one queue that ask for the same skills, so whoever may take the first of a line may
take all of it. A queue's line-up is the merge of its lines.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge
from typing import TYPE_CHECKING, Final, Literal

from acd.counters import Books, QueueCounts
from acd.site import Queue, SkillNeed
from acd.skills import text
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import IdleKey
    from acd.matching import Group

Place = Literal["waiting", "offered", "dialling", "connected", "leaving", "parked", "retry"]

WAITING: Final = "waiting"  # in its line
OFFERED: Final = "offered"  # an agent's phone rings
DIALLING: Final = "dialling"  # the agent is there, the customer is dialled
CONNECTED: Final = "connected"
LEAVING: Final = "leaving"  # asked for a callback and has not hung up yet
PARKED: Final = "parked"  # who picks it gets it; callback: its caller has not hung up yet
RETRY: Final = "retry"  # callback: will be tried again later

Kind = Literal["call", "callback", "outbound"]
Key = tuple[float, float, int, "Visit"]
"""The order of serving: rank, earlier moment, earlier seen (`acd.sharing.key_of`)."""


class QueueState:
    """A configured queue and its running parts."""

    __slots__ = ("config", "counts", "id", "lines", "retired", "turn")

    def __init__(self, config: Queue, counts: QueueCounts) -> None:
        self.id = config.id
        self.config = config
        self.counts = counts
        self.lines: list[Line] = []
        self.retired = False  # no longer configured; its last calls still refer to it
        self.turn = 0.0  # how far the agents of a weighted queue are (`acd.choice`)

    def waiting(self) -> Iterator[Key]:
        """The waiting visits in the order of serving."""
        return merge(*(line.callers for line in self.lines))


class Line:
    """The waiting visits of a queue whom the same agents may serve, and who is idle for them.

    What makes it this line: the queue, the `needs` (in `acd.skills.canonical` form), the other
    queues whose agents may serve it (`also`), and the one agent whom its callers wait for
    (`only`; "" for everybody).

    Both are sorted lists: exact at any moment, the first in O(1), a position in
    O(log n), and an insertion moves 8 bytes for each entry behind it.
    """

    __slots__ = (
        "also",
        "callers",
        "groups",
        "idle",
        "needs",
        "needs_text",
        "only",
        "queue",
        "tally",
        "visits",
    )

    def __init__(
        self,
        queue: QueueState,
        needs: tuple[SkillNeed, ...],
        also: frozenset[str] = frozenset(),
        only: str = "",
    ) -> None:
        self.queue = queue
        self.needs = needs
        self.also = also
        self.only = only
        self.needs_text = text(needs)
        self.callers: list[Key] = []
        self.idle: list[IdleKey] = []
        self.groups: dict[Group, None] = {}  # in the order of their coming
        self.visits = 0  # open visits that belong here, waiting or not
        self.tally: object = None  # see `acd.views`

    def add(self, visit: Visit) -> None:
        """Put a visit at its place."""
        key: Key = (
            -(self.queue.config.priority + visit.priority),
            visit.arrived,
            visit.seq,
            visit,
        )
        visit.key = key
        callers = self.callers
        if not callers or key > callers[-1]:
            callers.append(key)
        else:
            insort(callers, key)

    def remove(self, visit: Visit) -> None:
        """Take a visit out."""
        key = visit.key
        assert key is not None
        callers = self.callers
        del callers[0 if callers[0] is key else bisect_left(callers, key)]
        visit.key = None


class Visit:
    """One stay of a call in a queue.

    `entered` counts for the figures of this queue; `arrived` counts for the order and is
    older after an overflow or a transfer. `priority` is the call's own, without the queue's.
    A visit of kind "outbound" is in no line: its agent dials, for the account of the queue.
    """

    __slots__ = (
        "agent",
        "answered",
        "arrived",
        "attempts",
        "call",
        "came_from",
        "due",
        "entered",
        "held_since",
        "hold_s",
        "key",
        "kind",
        "line",
        "missed_by",
        "needs",
        "number",
        "offer",
        "origin",
        "place",
        "priority",
        "queue",
        "seq",
        "successor",
        "timer",
    )

    def __init__(
        self,
        call: str,
        kind: Kind,
        line: Line,
        needs: tuple[SkillNeed, ...],
        priority: int,
        entered: float,
        arrived: float,
        seq: int,
    ) -> None:
        self.call = call
        self.kind: Kind = kind
        self.line = line
        self.queue = line.queue
        self.needs = needs
        self.priority = priority
        self.entered = entered
        self.arrived = arrived
        self.seq = seq
        self.key: Key | None = None
        self.place: Place = WAITING
        self.offer = ""
        self.agent = ""
        self.answered = 0.0
        self.held_since: float | None = None
        self.hold_s = 0.0
        self.timer = NO_TIMER  # overflow, retry, dialling or parking, as the place has it
        self.came_from: tuple[str, ...] = ()  # queues left by overflow
        self.missed_by: tuple[str, ...] = ()  # agents who let it ring out: asked last
        self.successor = ""  # the callback that took this call's place
        # callbacks only
        self.origin = ""  # the call in which it was asked for
        self.number = ""
        self.attempts = 0
        self.due: float | None = None  # and parked calls: when to go back to the line

    def __lt__(self, other: Visit) -> bool:
        """The last word on the order: a callback and its caller have the same place."""
        return self.call < other.call

    @property
    def books(self) -> Books:
        """Where this visit is counted."""
        return self.queue.counts.of(self.kind)
