"""What the flow runner asks for (actions) and what it is told (answers).

One action is out at a time. `Say`, `Collect`, `RecordMessage`, `AskHours`, `AskTimes` and
`TakeCallback` are answered through `ivr.runner.resume`; `EnterQueue`, `KeepWaiting`, `Transfer`
and `HangUp` end the flow (answer them with `Failed` only when they could not be carried out).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ivr.skillneeds import Need
from ivr.times import Slot


class Prompt(NamedTuple):
    """One thing to say: filled-in text, its language, and a recording to play instead."""

    text: str
    language: str
    recording: str = ""


class IvrTrail(NamedTuple):
    """One thing that happened in the menu, for the agent's screen and the call record.

    `what` is "menu", "digits", "language", "hours", "callback", "silence", "invalid"
    or "fallback".
    """

    what: str
    label: str
    value: str


# Actions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    """Say the prompts; answer with `Done`."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class Collect:
    """Say the prompts and read digits; answer with `Digits` or `Timeout`.

    When `secret`, the digits must be kept out of logs, journal and records. `words` are (what
    may be said instead, the digits that it stands for), in the language of the last prompt.
    """

    prompts: tuple[Prompt, ...]
    max_digits: int = 1
    first_timeout_s: float = 5.0
    between_timeout_s: float = 3.0
    terminator: str = "#"
    secret: bool = False
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordMessage:
    """Say the prompts, give a tone, record what is said; answer with `Done`, or `Timeout` when
    nothing was said.
    """

    prompts: tuple[Prompt, ...]
    box: str  # for whom it is
    max_s: float = 120.0
    silence_s: float = 5.0


@dataclass(frozen=True, slots=True)
class AskHours:
    """Answer with the state of this calendar now (`Hours`)."""

    calendar: str


@dataclass(frozen=True, slots=True)
class AskTimes:
    """Answer with the times at which the caller may be called back (`Times`)."""


@dataclass(frozen=True, slots=True)
class EnterQueue:
    """Put the caller into `queue`; in a wait flow: move the caller to this other queue.

    `why` is "chosen" or "fallback: " and what went wrong.
    """

    queue: str
    needs: tuple[Need, ...] = ()
    priority: int = 0
    why: str = "chosen"


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """Back to the music, until the next visit. `why` is "" or "fallback: …"."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class TakeCallback:
    """Note a callback to `number` (as typed or as the ANI came) in the caller's place, or at
    the moment `due` (UTC epoch seconds) that the caller chose.

    Answer with `Done` once it is noted, or `Failed` when the number is refused: the
    caller is then asked for another one.
    """

    number: str
    due: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send the caller to an outside number."""

    number: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call. `served`: the menu gave the caller what was wanted (containment)."""

    why: str
    served: bool = False


Action = (
    Say
    | Collect
    | RecordMessage
    | AskHours
    | AskTimes
    | EnterQueue
    | KeepWaiting
    | TakeCallback
    | Transfer
    | HangUp
)
FINAL = (EnterQueue, KeepWaiting, Transfer, HangUp)


# Answers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """Said, or noted."""


@dataclass(frozen=True, slots=True)
class Digits:
    """What the caller pressed, without the terminator. Kept out of `repr`: it may be secret."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timeout:
    """The caller pressed nothing."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The action could not be carried out."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """The state of the calendar that was asked for."""

    state: Literal["open", "closed", "holiday"]


@dataclass(frozen=True, slots=True)
class Times:
    """When the caller may be called back, in order; none is an answer, too."""

    slots: tuple[Slot, ...]


Answer = Done | Digits | Timeout | Failed | Hours | Times
