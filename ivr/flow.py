"""A call flow: the steps that a caller is led through. Immutable; ids of steps are texts.

A flow of kind "entry" takes a new call as far as a queue. A flow of kind "wait" is run at
every visit to a waiting caller and ends in `wait` (back to the music), a callback, a
hang-up or another queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ivr.skillneeds import Need

# Given by the router at `start` (a flow cannot write them). Durations in seconds.
GIVEN = (
    "ani",
    "dnis",
    "language",  # "" until the number or the caller chose one
    "position",
    "visit",  # 1 at the first visit to a waiting caller
    "waited_s",
    "expected_wait_s",  # from now on, at most in nine of ten cases; "" when nobody knows
    "expected_low_s",  # ... and at least
    "digit",  # what was pressed while waiting, or ""
)
# Made from the given ones, rounded up to whole minutes, for speaking.
DERIVED = {"waited_minutes": "waited_s", "expected_wait_minutes": "expected_wait_s"}
# Made from the given ones in the words of each language: "between 2 and 4 minutes".
WORDED = {"expected_wait": ("expected_low_s", "expected_wait_s")}
CUSTOMER_FIELDS = (
    "customer.name",
    "customer.company",
    "customer.tier",
    "customer.language",
    "customer.account_number",
    "customer.customer_id",
)


@dataclass(frozen=True, slots=True)
class Speech:
    """What to say: a template for each language, and recordings to be used instead.

    With `every_language` all of them are spoken, each in its own language.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    recordings: Mapping[str, str] = field(default_factory=dict)
    every_language: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """Say or play something and go on. A key press cuts it short when `interrupt`."""

    id: str
    line: int
    speech: Speech
    next: str
    interrupt: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """One key of a menu; `language` switches the caller's language.

    `say` is what may be said instead of pressing it, by language: a switch that recognises
    speech listens for it, any other leaves it aside.
    """

    digit: str
    next: str
    label: str = ""
    language: str = ""
    say: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Menu:
    """Ask for one key. After `retries` repetitions: `otherwise`, or the flow's fallback."""

    id: str
    line: int
    speech: Speech
    choices: tuple[Choice, ...]
    label: str = ""
    timeout_s: float = 5.0
    retries: int = 2
    invalid: Speech | None = None
    silence: Speech | None = None
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Collect:
    """Ask for digits into `variable`. Secret ones are handed over once and kept nowhere."""

    id: str
    line: int
    speech: Speech
    variable: str
    next: str
    label: str = ""
    min_digits: int = 1
    max_digits: int = 16
    terminator: str = "#"
    timeout_s: float = 8.0
    between_timeout_s: float = 4.0
    retries: int = 2
    secret: bool = False
    invalid: Speech | None = None
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Set:
    """Give variables a value (templates); "language" may be one of them."""

    id: str
    line: int
    variables: Mapping[str, str]
    next: str


@dataclass(frozen=True, slots=True)
class Hours:
    """Branch on a calendar."""

    id: str
    line: int
    calendar: str
    open: str
    closed: str
    holiday: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Put the caller into a queue; ends the flow."""

    id: str
    line: int
    queue: str
    needs: tuple[Need, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Back to the music; ends a visit (wait flows only)."""

    id: str
    line: int


@dataclass(frozen=True, slots=True)
class OfferCallback:
    """Ask for consent to a callback, to the caller's number or to one typed in.

    `accepted` follows when it is noted; `next` when the caller does not want it. With a key `at`
    the caller may choose a time: `times` says one ({time}, {key}), `more` that there are others,
    `confirm_time` asks once more with {time} and {number}, `no_time` says that there is none.
    """

    id: str
    line: int
    speech: Speech  # consent: {number} is the caller's own
    ask_number: Speech
    confirm: Speech  # {number} is the one typed in
    accepted: str
    next: str
    invalid: Speech | None = None
    accept: str = "1"
    other: str = "2"
    timeout_s: float = 6.0
    retries: int = 2
    at: str = ""
    times: Speech | None = None
    more: Speech | None = None
    confirm_time: Speech | None = None
    no_time: Speech | None = None


@dataclass(frozen=True, slots=True)
class Voicemail:
    """Record a message for `box` (a queue's id), ended by '#', silence or the time.

    `next` follows, also when the caller said nothing.
    """

    id: str
    line: int
    speech: Speech
    box: str
    next: str
    max_s: float = 120.0
    silence_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """To an outside number; ends the flow."""

    id: str
    line: int
    number: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""

    id: str
    line: int
    served: bool = False


@dataclass(frozen=True, slots=True)
class Goto:
    id: str
    line: int
    next: str


@dataclass(frozen=True, slots=True)
class If:
    """Branch on a variable. `test`: is, is_not, one_of, at_least, less_than, given."""

    id: str
    line: int
    variable: str
    test: str
    values: tuple[str, ...]
    then: str
    otherwise: str


Step = (
    Say
    | Menu
    | Collect
    | Set
    | Hours
    | Queue
    | Wait
    | OfferCallback
    | Voicemail
    | Transfer
    | HangUp
    | Goto
    | If
)


@dataclass(frozen=True, slots=True)
class Fallback:
    """Where a caller goes when the flow breaks."""

    queue: str
    line: int = 0
    needs: tuple[Need, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow. `languages[0]` is spoken until the caller chose one.

    `language_needs` are skills that every queue step asks for in that language.
    `wait_digits` are the keys that open a visit at once (wait flows).
    """

    id: str
    file: str
    kind: str  # "entry" or "wait"
    start: str
    languages: tuple[str, ...]
    steps: Mapping[str, Step]
    fallback: Fallback | None
    language_needs: Mapping[str, tuple[Need, ...]] = field(default_factory=dict)
    wait_digits: str = ""
    title: str = ""
    uses: frozenset[str] = frozenset()  # the variables that some step reads


def exits(step: Step) -> tuple[tuple[str, str], ...]:
    """Every way out of a step: (the key that names it, the step it leads to)."""
    match step:
        case Say() | Set() | Goto() | Voicemail():
            return (("next", step.next),)
        case Menu():
            chosen = tuple((f"choices/{choice.digit}", choice.next) for choice in step.choices)
            return (*chosen, ("otherwise", step.otherwise)) if step.otherwise else chosen
        case Collect():
            onward = (("next", step.next),)
            return (*onward, ("otherwise", step.otherwise)) if step.otherwise else onward
        case Hours():
            return (("open", step.open), ("closed", step.closed), ("holiday", step.holiday))
        case OfferCallback():
            return (("accepted", step.accepted), ("next", step.next))
        case If():
            return (("then", step.then), ("else", step.otherwise))
        case Queue() | Wait() | Transfer() | HangUp():
            return ()


def silent_exits(step: Step) -> tuple[str, ...]:
    """Where a caller who presses nothing may come to from this step."""
    match step:
        case Menu() | Collect():
            return (step.otherwise,) if step.otherwise else ()
        case OfferCallback():
            return (step.next,)
        case _:
            return tuple(target for _, target in exits(step))


def speeches(step: Step) -> tuple[tuple[str, Speech], ...]:
    """Everything a step may say, with the key that names it."""
    found: list[tuple[str, Speech | None]] = []
    match step:
        case Say() | Voicemail():
            found = [("text", step.speech)]
        case Menu():
            found = [("text", step.speech), ("invalid", step.invalid), ("silence", step.silence)]
        case Collect():
            found = [("text", step.speech), ("invalid", step.invalid)]
        case OfferCallback():
            found = [
                ("text", step.speech),
                ("ask_number", step.ask_number),
                ("confirm", step.confirm),
                ("invalid", step.invalid),
                ("times", step.times),
                ("more", step.more),
                ("confirm_time", step.confirm_time),
                ("no_time", step.no_time),
            ]
        case _:
            pass
    return tuple((key, speech) for key, speech in found if speech is not None)


def all_speech(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """(language, template, recording) of everything the flow can say, for rendering ahead."""
    for step in flow.steps.values():
        for _, speech in speeches(step):
            for language in dict.fromkeys((*speech.texts, *speech.recordings)):
                yield language, speech.texts.get(language, ""), speech.recordings.get(language, "")
