"""What the engine is told, past tense. Ids are text; the time is given beside the fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acd.site import Site, SkillNeed


@dataclass(frozen=True, slots=True)
class Configured:
    """The site's routing configuration is now this one."""

    site: Site


@dataclass(frozen=True, slots=True)
class AgentSignedIn:
    """An agent opened a shift. `phone_up`: the phone can be rung already.

    `answer_s`: how much longer than it rings this phone may take to answer (an outside
    phone asks for a digit first).
    """

    agent: str
    phone_up: bool = True
    answer_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentSignedOut:
    """Wants to go; during a call this becomes the intent."""

    agent: str


@dataclass(frozen=True, slots=True)
class AgentReady:
    """Wants calls; during a call or wrap-up this becomes the intent (see `WrapUpDone`)."""

    agent: str


@dataclass(frozen=True, slots=True)
class AgentNotReady:
    """Wants no calls, for `reason`; during a call or wrap-up this becomes the intent."""

    agent: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PhoneFailed:
    """The agent's phone cannot be rung."""

    agent: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class PhoneHealthy:
    """The agent's phone can be rung."""

    agent: str


@dataclass(frozen=True, slots=True)
class ConsoleLost:
    """The agent's last console went away without signing out."""

    agent: str


@dataclass(frozen=True, slots=True)
class ConsoleBack:
    """The agent has a console again."""

    agent: str


@dataclass(frozen=True, slots=True)
class EntryAsked:
    """May `call` wait in `queue`? Answered by nothing (yes), or by `CallTurnedAway`.

    Asked before the caller is told to wait; a `CallQueued` that follows is never turned away.
    """

    call: str
    queue: str
    needs: tuple[SkillNeed, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class CallQueued:
    """A caller waits in `queue`. `entered` restores an earlier place (engine time).

    `preferred`: the agent who is waited for up to `preferred_s` from entering on, unless that
    agent is offline, not ready or broken; `preferred_why` is "last agent" or "owner".
    `caller`: who calls ("" for unknown), to give a place back (`Site.place_grace_s`).
    `stays`: the queue's rules send this call on no more; the switch has refused to move it.
    """

    call: str
    queue: str
    needs: tuple[SkillNeed, ...] = ()
    priority: int = 0
    entered: float | None = None
    preferred: str = ""
    preferred_s: float = 0.0
    preferred_why: str = ""
    caller: str = ""
    stays: bool = False


@dataclass(frozen=True, slots=True)
class QueueOpened:
    """The queue's opening hours began, or somebody opened it (`by`)."""

    queue: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class QueueClosed:
    """The queue's opening hours are over, or somebody closed it. Who waits is still served.

    `why` is "hours", "holiday" or what a person says.
    """

    queue: str
    why: str = "hours"
    by: str = ""


@dataclass(frozen=True, slots=True)
class PositionAsked:
    """The caller is about to hear position and expected wait; answered by `PositionTold`."""

    call: str


@dataclass(frozen=True, slots=True)
class AgentStaffed:
    """A supervisor (`by`) changes what an agent does, in force until it is changed again.

    None leaves a part as it is. `reset`: back to the configuration. A call that the agent
    has goes on; a ringing offer that no longer fits is taken back.
    """

    agent: str
    queues: tuple[str, ...] | None = None
    skills: Mapping[str, int] | None = None
    order: Mapping[str, int] | None = None
    reset: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class ItemQueued:
    """A work item that is no call (a chat, a task) waits in `queue`, whose `work` says its kind."""

    item: str
    queue: str
    needs: tuple[SkillNeed, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ItemDone:
    """The agent has finished the work item; the capacity is free again."""

    item: str


@dataclass(frozen=True, slots=True)
class ItemWithdrawn:
    """Nobody needs the work item done any more, wherever it is."""

    item: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller hung up before being connected: waiting, or while a phone rang."""

    call: str


@dataclass(frozen=True, slots=True)
class CallWithdrawn:
    """The call left its queue for something else (`why`: "voicemail", "outside number", ...)."""

    call: str
    why: str


@dataclass(frozen=True, slots=True)
class OfferRang:
    """The agent's phone started to ring."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferAccepted:
    """The agent answered and is connected (callbacks: before the customer is dialled)."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferDeclined:
    """The agent refused the offer."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferUnanswered:
    """The phone rang to its end (RONA)."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferUnreachable:
    """The phone could not be rung, or broke while ringing."""

    offer: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class CallHeld:
    call: str


@dataclass(frozen=True, slots=True)
class CallRetrieved:
    call: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A connected call is over; `by` is "caller", "agent", "system" or "switch lost"."""

    call: str
    by: str = "caller"


@dataclass(frozen=True, slots=True)
class CallFoundConnected:
    """Found on the switch after a restart: `agent` talks with `call`, unknown to us till now."""

    call: str
    queue: str
    agent: str
    entered: float


@dataclass(frozen=True, slots=True)
class CallTransferred:
    """The agent gave the call away, and the switch has done it: the agent's part is complete.

    With a `queue` the call waits there again, in the order of its first arrival. `agent`
    asks for one agent (refused before when not ready): that phone rings first, and the
    queue is for when it comes to nothing. With `park_s` the call is offered to nobody but
    who picks it, until that time is over. Without a `queue` it went elsewhere
    (`onward`: "menu", "outside").
    """

    call: str
    queue: str = ""
    agent: str = ""
    needs: tuple[SkillNeed, ...] = ()
    priority: int = 0
    park_s: float = 0.0
    onward: str = ""


@dataclass(frozen=True, slots=True)
class CallHandedOver:
    """The agent left the caller with `agent` (whose leg it was), or with somebody outside ("")."""

    call: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class CallPicked:
    """An agent (or the supervisor `by`, for one) takes this waiting or parked call out of turn.

    Who picks may be ready or not ready; whom a supervisor assigns a call has to be ready.
    """

    call: str
    agent: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class LegOffered:
    """Reserve `agent` for a further leg of somebody else's call; refused unless ready.

    `own`: the agent's own wish (a supervisor joins), possible when not ready, too.
    """

    leg: str
    call: str
    agent: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """The agent of a reserved leg is on the phone."""

    leg: str


@dataclass(frozen=True, slots=True)
class LegOver:
    """The leg is over, or came to nothing: `why` is "ended", "no answer", "refused",
    "unreachable" or "cancelled". No wrap-up follows; an agent who did not answer is
    treated as in `OfferUnanswered`, one who refused as in `OfferDeclined`.
    """

    leg: str
    why: str = "ended"


@dataclass(frozen=True, slots=True)
class ConsultBegan:
    """The caller hears music and the agent talks with a third party."""

    call: str


@dataclass(frozen=True, slots=True)
class ConsultEnded:
    """The third party is gone; the caller still hears music (`CallRetrieved` says otherwise)."""

    call: str


@dataclass(frozen=True, slots=True)
class ConferenceBegan:
    """Caller, agent and others talk together."""

    call: str


@dataclass(frozen=True, slots=True)
class CallDialled:
    """An agent places a call: ring the agent's phone, then `number`, for the account of `queue`.

    Allowed when ready or not ready, never during another call. Not counted as offered; it ends
    in wrap-up when the customer was reached, else in what the agent was before.
    """

    call: str
    agent: str
    queue: str
    number: str


@dataclass(frozen=True, slots=True)
class WrapUpDone:
    """The agent finished the after-call work."""

    agent: str


@dataclass(frozen=True, slots=True)
class WrapUpExtended:
    """The agent needs `by_s` more seconds of after-call work."""

    agent: str
    by_s: float


@dataclass(frozen=True, slots=True)
class CallbackRequested:
    """A waiting caller left a number; `callback` takes the caller's place in the queue.

    With `due` (a chosen time, engine time) it comes before whoever is in the line then, but for
    those of a higher priority. A time that is over is now; one more than a year ahead is refused.
    """

    call: str
    callback: str
    number: str
    due: float | None = None


@dataclass(frozen=True, slots=True)
class CallbackRescheduled:
    """Call back at `due` instead, or as soon as possible (None).

    A time that the customer chose is the promise from now on; one that somebody else (`by`)
    chose leaves the promise as it was. Possible until the customer is dialled.
    """

    callback: str
    due: float | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class CallbackConnected:
    """The customer answered."""

    callback: str


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """The customer was not reached: "busy", "no answer", "unreachable", "agent gone"."""

    callback: str
    why: str


@dataclass(frozen=True, slots=True)
class CallbackCancelled:
    """Nobody needs this callback any more."""

    callback: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OfferLost:
    """The offer is gone and nobody is to blame (a restart, the switch was lost).

    The agent becomes ready again with the same idle clock, the caller keeps the place.
    """

    offer: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The process was away for `away_s`: every open deadline moves by that much.

    Handled before any deadline is looked at, so that nobody is blamed for our absence.
    """

    away_s: float


Fact = (
    Resumed
    | EntryAsked
    | QueueOpened
    | QueueClosed
    | PositionAsked
    | AgentStaffed
    | ItemQueued
    | ItemDone
    | ItemWithdrawn
    | OfferLost
    | Configured
    | AgentSignedIn
    | AgentSignedOut
    | AgentReady
    | AgentNotReady
    | PhoneFailed
    | PhoneHealthy
    | ConsoleLost
    | ConsoleBack
    | CallQueued
    | CallerGone
    | CallWithdrawn
    | OfferRang
    | OfferAccepted
    | OfferDeclined
    | OfferUnanswered
    | OfferUnreachable
    | CallHeld
    | CallRetrieved
    | CallEnded
    | CallFoundConnected
    | CallTransferred
    | CallHandedOver
    | CallPicked
    | CallDialled
    | LegOffered
    | LegAnswered
    | LegOver
    | ConsultBegan
    | ConsultEnded
    | ConferenceBegan
    | WrapUpDone
    | WrapUpExtended
    | CallbackRequested
    | CallbackRescheduled
    | CallbackConnected
    | CallbackFailed
    | CallbackCancelled
)
