"""Who waits, and in which order.

A `Visit` is one stay of one call (or callback) in one queue. A `Line` holds the visits
of one queue that ask for the same skills, so whoever may take the first of a line may
take all of it. A queue's line-up is the merge of its lines.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge
from math import inf
from typing import TYPE_CHECKING, Final, Literal

from acd.choice import REMEMBERS
from acd.counters import Books, QueueCounts
from acd.pace import Pace
from acd.places import Jumps, Told
from acd.sharing import key_of
from acd.site import Occasion, Queue, Site, SkillNeed, Staffed
from acd.skills import text
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import IdleKey
    from acd.expected import Reach
    from acd.matching import Group
    from acd.presence import Team

Place = Literal[
    "waiting", "offered", "dialling", "connected", "leaving", "parked", "retry", "due later"
]

WAITING: Final = "waiting"  # in its line
OFFERED: Final = "offered"  # an agent's phone rings
DIALLING: Final = "dialling"  # the agent is there, the customer is dialled
CONNECTED: Final = "connected"
LEAVING: Final = "leaving"  # asked for a callback and has not hung up yet
PARKED: Final = "parked"  # who picks it gets it; callback: its caller has not hung up yet
RETRY: Final = "retry"  # callback: will be tried again later
LATER: Final = "due later"  # callback: at a time that was chosen

Kind = Literal["call", "callback", "outbound"]
Key = tuple[float, float, int, "Visit"]
"""The order of serving: rank, earlier moment, earlier seen (`acd.sharing.key_of`)."""


STAFFED: Final[dict[Staffed, int]] = {"signed in": 1, "working": 2, "ready": 3}
"""From which level on an agent counts as being there (`acd.presence.LEVEL`)."""

IN_LINE: Final = ("waited", "left-alone", "closing")
"""The occasions of rules for those who wait already."""


class Spell:
    """For how long a queue has been closed, or left alone, and what waits for its length."""

    __slots__ = ("since", "timer", "when")

    def __init__(self, when: Occasion) -> None:
        self.when: Occasion = when
        self.since: float | None = None  # None: it is not
        self.timer = NO_TIMER  # of the queue's rules for this occasion


class QueueState:
    """A configured queue and its running parts.

    `moves` are its rules for those who wait; `room`: with so many callers it is full; `ages`:
    waiting changes how its callers are matched (`acd.ageing`); `remembers`: its choice needs to
    know who had its calls (`acd.choice`); `lag_s`, `worth_s`: for the
    order of serving (`acd.sharing`).
    """

    __slots__ = (
        "ages",
        "alone",
        "attended",
        "callers",
        "closed",
        "closed_why",
        "config",
        "counts",
        "hindmost",
        "id",
        "jumps",
        "lag_s",
        "level",
        "lines",
        "moves",
        "pace",
        "remembers",
        "retired",
        "room",
        "teams",
        "turn",
        "worth_s",
    )

    def __init__(self, config: Queue, counts: QueueCounts) -> None:
        self.id = config.id
        self.counts = counts
        self.lines: list[Line] = []
        self.callers = 0  # calls in the line; callbacks are not counted
        self.closed = Spell("closing")
        self.closed_why = ""
        self.alone = Spell("left-alone")  # nobody is there
        self.teams: list[Team] = []  # who serves the queue (`acd.presence`)
        self.attended = 0  # teams of which somebody is there
        self.pace = Pace(config.wrap_up_s)
        self.jumps = Jumps()
        self.hindmost: tuple[float, ...] = (inf,)  # nobody in the line comes after this key
        self.configure(config)
        self.retired = False  # no longer configured; its last calls still refer to it
        self.turn = 0.0  # how far the agents of a weighted queue are (`acd.choice`)
        self.lag_s = 0.0
        self.worth_s: float | None = None

    def configure(self, config: Queue) -> None:
        """Go by another configuration of the same queue."""
        self.config = config
        self.level = STAFFED[config.staffed]
        self.moves = tuple(rule for rule in config.rules if rule.when in IN_LINE)
        self.room = min((r.limit for r in config.rules if r.when == "full"), default=inf)
        self.remembers = config.choice in REMEMBERS
        self.ages = bool(config.relax) or config.first_after_s is not None

    def share(self, site: Site) -> None:
        """Go by the site's rules of who comes first."""
        self.lag_s = self.config.threshold_s if site.sharing == "target" else 0.0
        self.worth_s = site.priority_worth_s

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
        "reach",
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
        self.reach: Reach | None = None  # see `acd.expected`

    def add(self, visit: Visit) -> None:
        """Put a visit at its place."""
        key = visit.key = key_of(visit)
        callers = self.callers
        if not callers or key > callers[-1]:
            callers.append(key)
        else:
            insort(callers, key)
        if visit.kind == "call":
            self.queue.callers += 1

    def remove(self, visit: Visit) -> None:
        """Take a visit out."""
        key = visit.key
        assert key is not None
        callers = self.callers
        del callers[0 if callers[0] is key else bisect_left(callers, key)]
        visit.key = None
        if visit.kind == "call":
            self.queue.callers -= 1


class Visit:
    """One stay of a call in a queue.

    `entered` counts for the figures of this queue; `arrived` counts for the order and is
    older after an overflow or a transfer. `priority` is the call's own, without the queue's.
    A visit of kind "outbound" is in no line: its agent dials, for the account of the queue.
    """

    __slots__ = (
        "ageing_timer",
        "agent",
        "ages_from",
        "answered",
        "arrived",
        "attempts",
        "call",
        "caller",
        "came_from",
        "due",
        "entered",
        "expiry_timer",
        "first",
        "held_since",
        "hold_s",
        "kept",
        "key",
        "kind",
        "line",
        "missed_by",
        "needs",
        "number",
        "offer",
        "origin",
        "others",
        "place",
        "preferred",
        "preferred_until",
        "preferred_why",
        "priority",
        "promised",
        "queue",
        "seq",
        "stays",
        "steps",
        "successor",
        "timer",
        "told",
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
        self.others: tuple[str, ...] = ()  # further offers, while several phones ring
        self.ages_from = entered  # the queue's times for waiting callers count from then
        self.steps = 0  # of the queue's `relax` that have been taken
        self.first = False  # has waited for `first_after_s`
        self.preferred = ""  # the agent who is asked before others, "" for nobody (any more)
        self.preferred_until = 0.0
        self.preferred_why = ""
        self.ageing_timer = NO_TIMER  # in the line: when waiting changes something
        self.answered = 0.0
        self.held_since: float | None = None
        self.hold_s = 0.0
        self.timer = NO_TIMER  # overflow, retry, dialling or parking, as the place has it
        self.came_from: tuple[str, ...] = ()  # queues left by overflow, places sent on to
        self.caller = ""  # who calls, "" for unknown
        self.kept = False  # at the place of an earlier call of this caller
        self.stays = False  # rules send it on no more
        self.told: Told | None = None  # the position that the caller heard last
        self.missed_by: tuple[str, ...] = ()  # agents who let it ring out: asked last
        self.successor = ""  # the callback that took this call's place
        # callbacks only
        self.origin = ""  # the call in which it was asked for
        self.number = ""
        self.attempts = 0
        self.due: float | None = None  # and parked calls: when to go back to the line
        self.promised: float | None = None  # the time that the customer chose
        self.expiry_timer = NO_TIMER  # given up then

    def __lt__(self, other: Visit) -> bool:
        """The last word on the order: a callback and its caller have the same place."""
        return self.call < other.call

    @property
    def books(self) -> Books:
        """Where this visit is counted."""
        return self.queue.counts.of(self.kind)
