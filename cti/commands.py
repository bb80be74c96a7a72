"""Orders that a switch link carries out, imperative.

An order never waits: the link starts it and reports what came of it as a fact
(`OrderFailed` when the switch refuses).
"""

from __future__ import annotations

from dataclasses import dataclass

from cti.calls import Phone, Prompt


@dataclass(frozen=True, slots=True)
class PlayPrompts:
    """Voice step: say the prompts one after the other."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class CollectDigits:
    """Voice step: say the prompts and read digits; a digit cuts the prompts short.

    Ends after `max_digits`, at `terminator` (not part of the digits), or when
    `first_timeout_s` (after the prompts) or `between_timeout_s` runs out.
    """

    prompts: tuple[Prompt, ...]
    max_digits: int = 1
    first_timeout_s: float = 5.0
    between_timeout_s: float = 3.0
    terminator: str = "#"


VoiceStep = PlayPrompts | CollectDigits


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

    Closes the open voice session. `queue` and `entered_at` (UTC epoch seconds)
    stay with the call on the switch. `visit_after_s` is when the next
    announcement is due. Digits of `digits` open a visit at once.
    """

    call_id: str
    queue: str
    entered_at: float
    music: str = "default"
    visit_after_s: float = 30.0
    digits: str = ""


@dataclass(frozen=True, slots=True)
class OfferCall:
    """Ring an agent's phone for a waiting caller."""

    call_id: str
    offer_id: str
    agent_id: str
    phone: Phone
    ring_s: float


@dataclass(frozen=True, slots=True)
class CancelOffer:
    """Stop ringing; the caller goes back to the wait treatment."""

    call_id: str
    offer_id: str


@dataclass(frozen=True, slots=True)
class DialCallback:
    """Ring the agent, then the customer, as a new call with the given id.

    `caller_id` is the number shown to the customer.
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
    | HangUpCall
)
