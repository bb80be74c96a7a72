"""Facts that a switch link reports, past tense.

Facts carry no time: the router stamps them as they enter its inbox, so that one
clock orders everything. `call_id` is ours, unique over all links for ever, and
stays with the call through transfers. Text from outside (names, numbers) is
hostile: links bound its length and replace control characters, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from cti.calls import EndedBy, Leg, OfferFailure, PhoneKind, Place, Supervision


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A call reached the switch, was answered, and waits for its first step."""

    call_id: str
    link: str
    ani: str  # who calls, as the trunk gave it; "" when withheld
    ani_name: str
    dnis: str  # the number that was dialled
    trunk: str


@dataclass(frozen=True, slots=True)
class CallAdopted:
    """A live call was found on the switch after our restart or a lost connection.

    `queue`, `entered_at` (UTC epoch seconds), `agent_id`, `offer_id` and
    `flow_state` are what the call itself carries; each may be empty. `legs` are the
    further parties that live with the call, `also` the other phones that ring for it, each by
    the ids of its offer and its agent.
    """

    call_id: str
    link: str
    ani: str
    ani_name: str
    dnis: str
    trunk: str
    place: Place
    queue: str = ""
    entered_at: float = 0.0
    agent_id: str = ""
    offer_id: str = ""
    flow_state: str = ""
    legs: tuple[Leg, ...] = ()
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IvrResumed:
    """The voice session of a call broke (our restart) and is open again, or `StartMenu` opened it.

    `flow_state` is the opaque text given with the last `RunStep`.
    """

    call_id: str
    flow_state: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A voice step ended. `outcome` is "done", "digits", "timeout" or "failed"."""

    call_id: str
    step_no: int
    outcome: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class CallWaiting:
    """The caller hears the wait treatment and can be moved to an agent.

    Sent on entering and again each time the caller is back (after an offer that
    failed, after an announcement).
    """

    call_id: str


@dataclass(frozen=True, slots=True)
class WaitVisited:
    """A voice session opened in the middle of waiting and wants steps.

    `digit` is what the caller pressed, or "" when the announcement was due.
    """

    call_id: str
    digit: str = ""


@dataclass(frozen=True, slots=True)
class OfferRinging:
    """The agent's phone is ringing."""

    call_id: str
    offer_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class OfferAnswered:
    """The agent answered; the two parties are connected (callbacks: the agent only)."""

    call_id: str
    offer_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class OfferFailed:
    """The offer is over without an answer."""

    call_id: str
    offer_id: str
    agent_id: str
    why: OfferFailure


@dataclass(frozen=True, slots=True)
class CallbackConnected:
    """The customer answered the call that we placed for a callback."""

    call_id: str
    offer_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """The customer was not reached. `why` is "busy", "no answer", "unreachable" or "agent gone"."""

    call_id: str
    offer_id: str
    agent_id: str
    why: str


@dataclass(frozen=True, slots=True)
class CallHeld:
    """The agent put the caller on hold."""

    call_id: str


@dataclass(frozen=True, slots=True)
class CallRetrieved:
    """The held caller is talking again."""

    call_id: str


@dataclass(frozen=True, slots=True)
class AgentMuted:
    """Nobody hears the agent (`on`), or everybody again."""

    call_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class DigitsSent:
    """`count` digits were played to the caller's side. Not which: they may be secret."""

    call_id: str
    count: int


@dataclass(frozen=True, slots=True)
class LegRinging:
    """A further party's phone rings. `agent_id` is "" for somebody outside."""

    call_id: str
    leg_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A further party talks with the agent, is in the conference, or (a supervisor) listens."""

    call_id: str
    leg_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class LegFailed:
    """A further party was not reached."""

    call_id: str
    leg_id: str
    agent_id: str
    why: OfferFailure


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A further party that had answered is gone; the call goes on without it."""

    call_id: str
    leg_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class LegsSwapped:
    """The agent talks with the party (`caller_held`), or with the caller while the party waits."""

    call_id: str
    leg_id: str
    caller_held: bool


@dataclass(frozen=True, slots=True)
class ConferenceBegan:
    """Caller, agent and every further party (supervisors aside) talk together."""

    call_id: str


@dataclass(frozen=True, slots=True)
class CallHandedOver:
    """The agent is out; the caller talks with the party of this leg, which is no further leg now.

    `agent_id` is the new agent of the call, "" when it is somebody outside. Other legs of a
    conference go on.
    """

    call_id: str
    leg_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class SupervisionChanged:
    """A supervisor who is in the call listens, whispers or barges in from now on."""

    call_id: str
    leg_id: str
    mode: Supervision


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """What is said is recorded from now on (or: still is, found after our restart)."""

    call_id: str
    recording_id: str


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """Nothing that is said from now on gets into the recording."""

    call_id: str
    recording_id: str


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """What is said gets into the recording again."""

    call_id: str
    recording_id: str


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    """The recording is complete. `address` is where the switch left it: a file that we can
    read ("file:" address) or an https address that the link can fetch. A switch that needs a
    while for the file tells it after `CallEnded`.
    """

    call_id: str
    recording_id: str
    address: str = ""
    length_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over on the switch. `cause` is the switch's own word for it."""

    call_id: str
    by: EndedBy
    cause: str = ""


@dataclass(frozen=True, slots=True)
class PhoneUp:
    """An agent's phone became reachable (registered)."""

    agent_id: str
    link: str
    phone: PhoneKind = PhoneKind.BROWSER


@dataclass(frozen=True, slots=True)
class PhoneDown:
    """An agent's phone is no longer reachable."""

    agent_id: str
    link: str
    why: str = ""
    phone: PhoneKind = PhoneKind.BROWSER


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The link speaks with its switch and has reported all live calls as `CallAdopted`.

    `calls` are the ids of every call that lives on the switch now: a call that we
    remember and that is not among them ended while we were away. `switch_age_s` is for
    how long the switch has been running (to the second; 0 when it does not say): calls
    older than that were lost with it.
    """

    link: str
    calls: tuple[str, ...] = ()
    switch_age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link lost its switch. Calls go on there; we cannot see or move them."""

    link: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderFailed:
    """The switch refused an order, or nobody knows whether it was carried out.

    `leg_id` is the further leg that the order was about, "" when it was about none.
    """

    call_id: str
    order: str  # the order's class name
    why: str
    outcome_unknown: bool = False
    leg_id: str = ""


Fact = (
    CallArrived
    | CallAdopted
    | IvrResumed
    | StepFinished
    | CallWaiting
    | WaitVisited
    | OfferRinging
    | OfferAnswered
    | OfferFailed
    | CallbackConnected
    | CallbackFailed
    | CallHeld
    | CallRetrieved
    | AgentMuted
    | DigitsSent
    | LegRinging
    | LegAnswered
    | LegFailed
    | LegEnded
    | LegsSwapped
    | ConferenceBegan
    | CallHandedOver
    | SupervisionChanged
    | RecordingStarted
    | RecordingPaused
    | RecordingResumed
    | RecordingStopped
    | CallEnded
    | PhoneUp
    | PhoneDown
    | LinkUp
    | LinkDown
    | OrderFailed
)
