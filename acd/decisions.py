"""What the engine decides (orders, imperative) and makes known (notices, past tense).

Times are engine time in seconds; `*_s` are durations. Every order carries its `Reason`.
"""

from __future__ import annotations

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
    """Ring `agent` for `call`; the engine has reserved the agent already."""

    offer: str
    call: str
    agent: str
    queue: str
    ring_s: float
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
class CallEntered:
    """The call is in the queue's line (also after an overflow, also a callback)."""

    call: str
    queue: str
    entered: float
    priority: int
    kind: str  # "call", "callback" or "outbound" (in no line: an agent dials)


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
    """`state` is "queued", "dialling", "retry", "reached", "expired" or "cancelled"."""

    callback: str
    call: str  # the call in which it was asked for
    queue: str
    number: str
    state: str
    attempts: int
    due: float | None


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
