"""What the engine knows of a site: queues, skills, agents. Immutable; times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CALL = "call"
"""The kind of work that is a voice call; any other kind ("chat", "task") is a work item."""

# Skills -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SkillNeed:
    """A skill that the agent must have at `level` or higher (1 to 10); `below`: must not.

    With `others`, one of them is enough as well ("german>=5 or english>=8"; they have no
    others themselves). A requirement is a tuple of needs that must all hold.
    """

    skill: str
    level: int = 1
    below: bool = False
    others: tuple[SkillNeed, ...] = ()


@dataclass(frozen=True, slots=True)
class Relax:
    """From `after_s` in the queue on the requirement is less strict; steps add up in order.

    Levels sink by `lower_by` (never below 1), the skills of `drop` are not asked for any
    more, and agents of the queues in `also` may serve the caller, too.
    """

    after_s: float
    lower_by: int = 0
    drop: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


# Choosing ---------------------------------------------------------------------------------

Choice = Literal[
    "longest-idle",
    "least-occupied",  # by a decaying average of busy time: its order never changes while idle
    "round-robin",  # who was offered a call of this queue least recently
    "linear",  # in the order of the configuration, always from the top
    "fewest-calls",  # of this queue, since signing in
    "best-skill",  # the highest levels in what is asked for
    "closest-skill",  # the lowest levels that are enough: experts stay free
    "weighted",  # calls in proportion to `Agent.weight`
]
"""How a queue picks among its idle agents; who is idle longest decides between equals."""

Sharing = Literal["arrival", "weight", "target"]
"""Which of the queues that share an agent comes first, when the callers' priority is equal:

"arrival": the caller who came first; "weight": queues get calls in proportion to
`Queue.weight`; "target": the caller whose `Queue.threshold_s` is over first.
"""

# Before and while waiting -----------------------------------------------------------------

Onwards = Literal["queue", "flow", "voicemail", "number"]


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a caller goes who does not (or no longer) wait: the id or number is `target`."""

    kind: Onwards
    target: str = ""


Occasion = Literal[
    "closed",  # at the door: the queue is closed
    "nobody",  # at the door: nobody is there (`Queue.staffed`)
    "full",  # at the door: `limit` callers wait already
    "expected-wait",  # at the door: the least expected wait is above `limit` seconds
    "waited",  # in the line for `limit` seconds
    "left-alone",  # in the line, and nobody has been there for `limit` seconds
    "closing",  # in the line, and the queue has been closed for `limit` seconds
]


@dataclass(frozen=True, slots=True)
class Rule:
    """On this occasion the caller goes on to `to`. The first rule that fits is taken.

    A rule whose queue is unknown, closed, full or was left before by this caller is passed
    over, and so is another place out of the line where this caller has been sent before; with
    no rule that fits the caller waits (the caller is never the one who pays). In the line, a rule
    that was passed over is tried again a little later. Callbacks stay.
    """

    when: Occasion
    to: Onward
    limit: float = 0.0


Staffed = Literal["signed in", "working", "ready"]
"""What counts as somebody being there: any state but offline; that, without not ready and
fault; ready only."""

Missed = Literal["not ready", "pause", "sign out"]


@dataclass(frozen=True, slots=True)
class Rona:
    """What becomes of an agent who lets calls of a queue ring out (ring no answer).

    After `misses` in a row (an answer, or going ready by oneself, begins anew) the agent is
    made "not ready", gets no offer for `pause_s` ("pause": stays ready), or is signed out.
    Before that the agent stays ready and is asked last for this caller.
    """

    misses: int = 1
    then: Missed = "not ready"
    pause_s: float = 30.0


# Queues, agents ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """A line of callers, or of work items when `work` is not "call"."""

    id: str
    name: str = ""
    work: str = CALL
    # who comes first
    priority: int = 0  # higher is served first, among the queues of one agent
    weight: float = 1.0
    threshold_s: float = 20.0  # of the service level
    first_after_s: float | None = None  # who has waited so long comes before all who have not
    # who gets the call
    choice: Choice = "longest-idle"
    ring_several: int = 1  # so many phones ring at once, and who answers first has the call
    needs: tuple[SkillNeed, ...] = ()
    relax: tuple[Relax, ...] = ()
    ring_s: float = 15.0
    rona: Rona = field(default_factory=Rona)
    # before and while waiting
    rules: tuple[Rule, ...] = ()
    staffed: Staffed = "signed in"
    # after the call
    wrap_up_s: float | None = 30.0  # None: wrap-up has no forced end; 0: no wrap-up
    extend_s: float | None = None  # the most that one wrap-up may be extended by; None: any
    # callbacks
    callback_attempts: int = 3
    callback_retry_s: float = 300.0
    callback_window_s: float = 900.0  # a chosen time is kept when reached within so long after
    callback_expires_s: float = 86_400.0  # given up so long after it was asked for or due


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who takes work of `queues` (by id) with `skills` (name to level).

    `order` (queue to number, 1 when not named): a queue asks agents of a lower number first,
    and an agent takes callers of the queue with the lower number first, whatever their
    priority. `capacity` (kind of work to number): how many at a time; kinds that are not
    named: one call, and no other work.
    """

    id: str
    name: str = ""
    queues: tuple[str, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)
    order: Mapping[str, int] = field(default_factory=dict)
    weight: float = 1.0
    capacity: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """The whole routing configuration. Ids are unique; agents name only known queues.

    `priority_worth_s`: a point of priority counts as so many seconds of waiting, so that
    patience overtakes rank; None: higher priority always comes first (`first_after_s` is
    then the bound on starvation).
    """

    queues: tuple[Queue, ...] = ()
    agents: tuple[Agent, ...] = ()
    sharing: Sharing = "arrival"
    priority_worth_s: float | None = None
    console_grace_s: float = 10.0  # no offers this long after an agent's console is lost
    place_grace_s: float = 0.0  # who is cut off and calls again within it has the place back
