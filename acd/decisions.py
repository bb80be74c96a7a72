"""What the engine decides (orders, imperative) and makes known (notices, past tense).

Times are engine time in seconds; `*_s` are durations. Every order carries its `Reason`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. `code` is stable and in kebab-case; `data` fills its sentence (`acd.reasons`)."""

    code: str
    data: dict[str, Value] = field(default_factory=dict)


# Orders -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """Ring `agent` for `call`; the engine has reserved the agent already.

    When several phones ring for one call, each has its offer; they come one after the other
    in one list of decisions and have the same `round` (else ""). The first that is accepted
    has the call; the engine then ends the others with `CancelOffer`.
    """

    offer: str
    call: str
    agent: str
    queue: str
    ring_s: float
    deadline: float
    reason: Reason
    round: str = ""


@dataclass(frozen=True, slots=True)
class SendOn:
    """Take a waiting call elsewhere ("flow", "voicemail" or "number"); it is in no line now.

    Its visit has ended as "overflowed". When the switch cannot, the call is queued again.
    """

    call: str
    queue: str
    kind: str
    target: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class OfferItem:
    """Show a work item to `agent`, who accepts or declines before `deadline`."""

    offer: str
    item: str
    agent: str
    queue: str
    work: str
    deadline: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Callback:
    """Ring `agent`, then dial `number`, for the callback `call` or a call that `agent` places."""

    offer: str
    call: str
    agent: str
    queue: str
    number: str
    ring_s: float
    deadline: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class CancelOffer:
    """Stop ringing for this offer."""

    offer: str
    call: str
    agent: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class CancelLeg:
    """Stop ringing a further leg's agent, or take the agent off it."""

    leg: str
    call: str
    agent: str
    reason: Reason


# Notices ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallTurnedAway:
    """The call may not wait in this queue and goes to `kind`, `target` (`acd.site.Onward`).

    It was never offered there: it counts as turned away, in no other figure.
    """

    call: str
    queue: str
    kind: str
    target: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """The queue is open or closed now, by the hours or by somebody."""

    queue: str
    open: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class PositionTold:
    """What the caller is about to hear, and why it is worse than the last time, if it is.

    `before` is the position told before (None: the first time). The expected wait from now on
    is `low_s` to `high_s` (None: nothing to go by); `reason` has what it was reckoned from.
    """

    call: str
    queue: str
    position: int
    before: int | None
    low_s: float | None
    high_s: float | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class RequirementRelaxed:
    """From now on agents who have `needs` (of this and the `also` queues) may serve the call."""

    call: str
    queue: str
    needs: str
    also: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class StaffingChanged:
    """What an agent does from now on; `reason` says who changed it."""

    agent: str
    queues: tuple[str, ...]
    skills: Mapping[str, int]
    order: Mapping[str, int]
    reason: Reason


@dataclass(frozen=True, slots=True)
class ItemChanged:
    """A work item's state: "queued", "offered", "working", "done" or "withdrawn"."""

    item: str
    queue: str
    work: str
    state: str
    agent: str
    entered: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class CallEntered:
    """The call is in the queue's line (also after an overflow, also a callback).

    `reason` is set when the place is not the last one ("place-kept").
    """

    call: str
    queue: str
    entered: float
    priority: int
    kind: str  # "call", "callback" or "outbound" (in no line: an agent dials)
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class CallLeft:
    """The call's visit to this queue is over, once and for all.

    `outcome` is "answered", "abandoned", "overflowed", "callback" (left a number),
    "withdrawn" (went elsewhere), "switch lost"; for callbacks "reached" or "expired"; for
    calls that agents place "reached" or "not reached". A call that is transferred to a queue
    begins another visit there; one that is handed over from agent to agent does not.
    `waited_s` counts from entering the queue, ringing included.
    """

    call: str
    queue: str
    entered: float
    outcome: str
    waited_s: float
    agent: str
    reason: Reason
    kind: str = "call"


@dataclass(frozen=True, slots=True)
class OfferEnded:
    """`outcome` is "accepted", "refused", "unanswered", "unreachable" or "cancelled"."""

    offer: str
    call: str
    agent: str
    outcome: str
    lasted_s: float


@dataclass(frozen=True, slots=True)
class CallCompleted:
    """An agent's part of a call ended. Wrap-up follows as `WrapUpEnded`.

    `onward` is "" when the call is over, else where it went on: "queue", "agent", "parked",
    "menu" or "outside"; `by` is then "transferred".
    """

    call: str
    queue: str
    agent: str
    by: str
    talk_s: float
    hold_s: float
    onward: str = ""


@dataclass(frozen=True, slots=True)
class CallTaken:
    """The call is `agent`'s from now on, handed over by `giver` in the middle of the visit.

    It was in no queue between: the visit goes on, and its figures with it.
    """

    call: str
    queue: str
    agent: str
    giver: str


@dataclass(frozen=True, slots=True)
class CallParked:
    """The call is offered to nobody before `until`; None: it is in the queue's line now."""

    call: str
    queue: str
    until: float | None


@dataclass(frozen=True, slots=True)
class WrapUpEnded:
    """The after-call work for `call` is over; `forced` when its time ran out."""

    call: str
    queue: str
    agent: str
    wrap_up_s: float
    forced: bool


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """The agent's whole public state after a change.

    `idle_since` is what longest-idle counts from; a caller who hangs up while the
    phone rings does not reset it. `leg` is set while the agent has (or is being rung for)
    only a further leg of `call`, which is somebody else's.
    """

    agent: str
    state: str
    since: float
    reason: str
    intent: str
    intent_reason: str
    call: str
    offer: str
    deadline: float | None
    idle_since: float | None
    leg: str = ""


@dataclass(frozen=True, slots=True)
class CallbackChanged:
    """`state` is "queued", "due later", "dialling", "retry", "reached", "expired" or "cancelled".

    `promised`: the time that the caller chose, None for as soon as possible; `promise` is ""
    (open, nothing was promised, or cancelled), "kept" (reached at most
    `Queue.callback_window_s` after it), "late" (reached afterwards) or "failed" (given up).
    """

    callback: str
    call: str  # the call in which it was asked for
    queue: str
    number: str
    state: str
    attempts: int
    due: float | None
    promised: float | None = None
    promise: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A fact did not fit the state; nothing was changed.

    `code` is stable ("unknown-agent", "offer-over", ...); `message` is for people.
    Late and repeated facts from a switch are refused the same way, which is harmless.
    """

    fact: str
    code: str
    message: str


Decision = (
    Offer
    | SendOn
    | OfferItem
    | CallTurnedAway
    | QueueChanged
    | PositionTold
    | RequirementRelaxed
    | StaffingChanged
    | ItemChanged
    | Callback
    | CancelOffer
    | CancelLeg
    | CallEntered
    | CallLeft
    | OfferEnded
    | CallCompleted
    | CallTaken
    | CallParked
    | WrapUpEnded
    | AgentChanged
    | CallbackChanged
    | Refused
)
