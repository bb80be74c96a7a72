"""Orders that a switch link carries out, imperative.

An order never waits: the link starts it and reports what came of it as a fact
(`OrderFailed` when the switch refuses).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cti.calls import Phone, Prompt, Supervision


@dataclass(frozen=True, slots=True)
class PlayPrompts:
    """Voice step: say the prompts one after the other."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class CollectDigits:
    """Voice step: say the prompts and read digits; a digit cuts the prompts short.

    Ends after `max_digits`, at `terminator` (not part of the digits), or when
    `first_timeout_s` (after the prompts) or `between_timeout_s` runs out. `words` are
    (what may be said instead, the digits that it stands for); a switch that does not
    recognise speech leaves them aside.
    """

    prompts: tuple[Prompt, ...]
    max_digits: int = 1
    first_timeout_s: float = 5.0
    between_timeout_s: float = 3.0
    terminator: str = "#"
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordMessage:
    """Voice step: say the prompts, give a tone, and record what the caller says.

    Ends at `terminator`, after `silence_s` of silence, after `max_s`, or when the caller hangs
    up. `RecordingStarted` and `RecordingStopped` tell of the recording, also of that of a caller
    who has hung up; the step ends as "done", or as "timeout" when nothing was said.
    """

    prompts: tuple[Prompt, ...]
    recording_id: str
    max_s: float = 120.0
    silence_s: float = 5.0
    terminator: str = "#"


VoiceStep = PlayPrompts | CollectDigits | RecordMessage


@dataclass(frozen=True, slots=True)
class RunStep:
    """Run one voice step in the call's open voice session; ends as `StepFinished`.

    `flow_state` is kept with the call on the switch and comes back in
    `IvrResumed` when the session breaks.
    """

    call_id: str
    step_no: int
    step: VoiceStep
    flow_state: str = ""


@dataclass(frozen=True, slots=True)
class StartWaiting:
    """Let the caller wait with music; `CallWaiting` follows, then `WaitVisited` when due.

    Closes the open voice session; takes a caller who talks (or is held) away from the
    agent, whose leg ends and every further leg with it. `queue` and `entered_at` (UTC
    epoch seconds) stay with the call on the switch. `visit_after_s` is when the next
    announcement is due. Digits of `digits` open a visit at once.
    """

    call_id: str
    queue: str
    entered_at: float
    music: str = "default"
    visit_after_s: float = 30.0
    digits: str = ""


@dataclass(frozen=True, slots=True)
class AlsoRing:
    """One more phone that rings for the same caller, by an offer of its own."""

    offer_id: str
    agent_id: str
    phone: Phone


@dataclass(frozen=True, slots=True)
class OfferCall:
    """Ring an agent's phone for a waiting caller; those in `also` ring at the same time.

    Each offer has its own facts. Who answers first has the caller: `OfferAnswered`, then the
    others end as `OfferFailed` ("cancelled"). `CancelOffer` for one leaves the others ringing;
    `CallWaiting` follows the last that failed.
    """

    call_id: str
    offer_id: str
    agent_id: str
    phone: Phone
    ring_s: float
    also: tuple[AlsoRing, ...] = ()

    @property
    def phones(self) -> tuple[AlsoRing, ...]:
        """All that are to ring."""
        return (AlsoRing(self.offer_id, self.agent_id, self.phone), *self.also)


@dataclass(frozen=True, slots=True)
class CancelOffer:
    """Stop ringing; the caller goes back to the wait treatment."""

    call_id: str
    offer_id: str


@dataclass(frozen=True, slots=True)
class DialCallback:
    """Ring the agent, then the customer, as a new call with the given id.

    `caller_id` is the number shown to the customer. Calls that agents place
    themselves are carried out by the same order.
    """

    call_id: str
    offer_id: str
    agent_id: str
    phone: Phone
    number: str
    caller_id: str
    ring_s: float
    dial_s: float


@dataclass(frozen=True, slots=True)
class HoldCall:
    """Let the caller hear music; the agent hears silence."""

    call_id: str


@dataclass(frozen=True, slots=True)
class RetrieveCall:
    """Connect the held caller and the agent again."""

    call_id: str


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Send the caller to an outside number; for us the call then ends."""

    call_id: str
    number: str


@dataclass(frozen=True, slots=True)
class StartMenu:
    """Take the caller to a voice session of its own, away from any agent.

    `IvrResumed` with this `flow_state` follows. The agent's leg ends.
    """

    call_id: str
    flow_state: str


@dataclass(frozen=True, slots=True)
class MuteAgent:
    """Let nobody hear the agent (`on`), or everybody again; `AgentMuted` follows."""

    call_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Play DTMF digits to the caller's side (to menus of others); `DigitsSent` follows.

    1 to 32 of `0-9*#A-D`; "w" and "," pause for half a second and a second. They may be
    secret and are never shown.
    """

    call_id: str
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DialLeg:
    """Bring in a further party. `caller_id` is shown to outside numbers.

    From a conversation of two (or a held call) this is a consultation: the caller hears
    music (`CallHeld`, unless held already), the agent hears the ringing (`LegRinging`) and
    talks with the party (`LegAnswered`). In a conference the party joins at its answer.
    `LegFailed` leaves the caller on hold and the agent in silence (or the conference as it was).
    `agent_id` is "" for a party outside.
    """

    call_id: str
    leg_id: str
    agent_id: str
    phone: Phone
    caller_id: str
    ring_s: float


@dataclass(frozen=True, slots=True)
class EndLeg:
    """Stop ringing (`LegFailed`, cancelled) or hang up (`LegEnded`) a further party.

    After a consultation the caller is still on hold and the agent hears silence.
    """

    call_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class SwapLegs:
    """Consultation: the agent talks with the other of caller and party; `LegsSwapped` follows."""

    call_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class JoinLegs:
    """Consultation: caller, agent and party talk together; `ConferenceBegan` follows."""

    call_id: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """The agent leaves the caller with a party that answered: `CallHandedOver` follows.

    Completes a consultation; in a conference the agent leaves and the others go on.
    For a supervisor's leg it is the take-over: the supervisor has the caller, the agent is out.
    """

    call_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class SuperviseCall:
    """Ring a supervisor's phone and let them into a conversation without disturbing it.

    `LegRinging`, then `LegAnswered` or `LegFailed`. Ends by `EndLeg`, by hanging up, and with
    the call. `agent_id` is the supervisor's.
    """

    call_id: str
    leg_id: str
    agent_id: str
    phone: Phone
    mode: Supervision
    ring_s: float


@dataclass(frozen=True, slots=True)
class ChangeSupervision:
    """Listen, whisper or barge from now on; `SupervisionChanged` follows."""

    call_id: str
    leg_id: str
    mode: Supervision


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record what is said; `RecordingStarted` follows, and `RecordingStopped` at the latest
    with the call. `stereo`: the caller left, everybody else right.
    """

    call_id: str
    recording_id: str
    stereo: bool = True


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Leave out what is said from now on (card data): silence of the same length, or nothing."""

    call_id: str
    recording_id: str


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """Record again what is said from now on; `RecordingResumed` follows."""

    call_id: str
    recording_id: str


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Complete the recording; `RecordingStopped` follows, and the call goes on."""

    call_id: str
    recording_id: str


@dataclass(frozen=True, slots=True)
class HangUpCall:
    """End the call for everyone in it."""

    call_id: str
    why: str = ""


Order = (
    RunStep
    | StartWaiting
    | OfferCall
    | CancelOffer
    | DialCallback
    | HoldCall
    | RetrieveCall
    | TransferCall
    | StartMenu
    | MuteAgent
    | SendDigits
    | DialLeg
    | EndLeg
    | SwapLegs
    | JoinLegs
    | HandOver
    | SuperviseCall
    | ChangeSupervision
    | StartRecording
    | PauseRecording
    | ResumeRecording
    | StopRecording
    | HangUpCall
)


def named(order: Order) -> tuple[str, str]:
    """The call that an order is about, and the order's name, as `OrderFailed` has them."""
    return order.call_id, type(order).__name__


def leg_of(order: Order) -> str:
    """The further leg that an order is about, "" when it is about none."""
    return str(getattr(order, "leg_id", ""))
