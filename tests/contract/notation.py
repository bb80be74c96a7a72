"""The notation of the contract suite: scenarios as rows of text.

    = A caller is put through, held, and hangs up
    caller calls
        CallArrived
    wait
        CallWaiting
    ring anna
        OfferRinging anna
    anna answers
        OfferAnswered anna
    hold
        CallHeld
    caller hangs up
        CallEnded caller
    record: held 1, ended by caller

A row at the margin is an order that we give or something that people do (`ROWS` below, which
is the whole vocabulary). Indented rows are the facts that follow: all of them, in this order.
A fact after `~` may come anywhere from there on, one after `?` may come or not, where switches
differ by nature. `#` begins a comment. Facts are written as `told` writes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cti import events as e


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `verb` is a key of `ROWS` with its words, "fact", "any", "maybe" or "record"."""

    line: int
    text: str
    verb: str
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class Scenario:
    title: str
    rows: list[Row] = field(default_factory=list)


class BadNotation(ValueError):  # noqa: N818 - it is what it is called
    """A row that nobody understands; says which."""


WHO = "(anna|ben|cleo|sue|gone|outside|other)"
MODE = "(listen|whisper|barge)"
SECONDS = r"(?: for (\d+) s)?"
ROWS = {
    # people
    "calls": "caller calls",
    "presses": r"caller presses ([0-9*#]+)",
    "caller hangs up": "caller hangs up",
    "answers": f"{WHO} answers",
    "refuses": f"{WHO} refuses",
    "hangs up": f"{WHO} hangs up",
    "restart": "we are killed and start again",
    # voice steps and waiting
    "say": "say (.+)",
    "ask": r"ask for (\d+) digits?(?: within (\d+) s)?",
    "message": "take a message",
    "wait": r"wait(?:, visit after (\d+) s)?(?:, visit at ([0-9*#]+))?",
    "menu": r"menu (\S+)",
    # offers and callbacks
    "ring": f"ring {WHO}(?: and {WHO})?{SECONDS}",
    "stop ringing": f"stop ringing {WHO}",
    "call back": f"call outside back through {WHO}",
    # in a conversation
    "hold": "hold",
    "retrieve": "retrieve",
    "mute": "(mute|unmute)",
    "send": r"send ([0-9*#]+)",
    "transfer": "transfer to (outside|other)",
    "hang up": f"hang up(?: for {WHO})?",
    # further parties
    "dial": f"(?:consult|add) {WHO}{SECONDS}",
    "drop": f"drop {WHO}",
    "swap": f"swap with {WHO}",
    "join": "join",
    "hand over": f"hand over to {WHO}",
    "supervise": f"let {WHO} {MODE}",
    "change": f"change {WHO} to {MODE}",
    # recording
    "start": "start recording",
    "pause": "pause recording",
    "resume": "resume recording",
    "stop": "stop recording",
}
_PATTERNS = {verb: re.compile(pattern) for verb, pattern in ROWS.items()}


def read(path: Path) -> list[Scenario]:
    """The scenarios of a file; raises `BadNotation`."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, name: str = "text") -> list[Scenario]:
    """The scenarios of a text; raises `BadNotation` with the line."""
    found: list[Scenario] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].rstrip() if raw.lstrip().startswith("#") else raw.rstrip()
        if not line:
            continue
        if line.startswith("= "):
            found.append(Scenario(line[2:].strip()))
            continue
        row = _row(number, line)
        if row is None or not found:
            raise BadNotation(f"{name}:{number}: {line.strip()!r} is nothing we know")
        found[-1].rows.append(row)
    titles = [one.title for one in found]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise BadNotation(f"{name}: two scenarios are called {twice[0]!r}")
    return found


def _row(number: int, line: str) -> Row | None:
    text = line.strip()
    if line[0].isspace():
        verb = {"~": "any", "?": "maybe"}.get(text[0], "fact")
        fact = text.lstrip("~? ")
        return Row(number, fact, verb) if fact.partition(" ")[0] in _SHOWN else None
    if text.startswith("record: "):
        return Row(number, text.removeprefix("record: "), "record")
    for verb, pattern in _PATTERNS.items():
        match = pattern.fullmatch(text)
        if match is not None:
            return Row(number, text, verb, tuple(word or "" for word in match.groups()))
    return None


# What is shown of each fact besides its name. `who` is a person's name in the scenario.
_SHOWN: dict[str, tuple[str, ...]] = {
    "CallArrived": (),
    "CallAdopted": ("place", "who", "with"),
    "IvrResumed": ("flow_state",),
    "StepFinished": ("outcome", "digits"),
    "CallWaiting": (),
    "WaitVisited": ("digit",),
    "OfferRinging": ("who",),
    "OfferAnswered": ("who",),
    "OfferFailed": ("who", "why"),
    "CallbackConnected": ("who",),
    "CallbackFailed": ("who", "why"),
    "CallHeld": (),
    "CallRetrieved": (),
    "AgentMuted": ("on",),
    "DigitsSent": ("count",),
    "LegRinging": ("who",),
    "LegAnswered": ("who",),
    "LegFailed": ("who", "why"),
    "LegEnded": ("who",),
    "LegsSwapped": ("who", "caller_held"),
    "ConferenceBegan": (),
    "CallHandedOver": ("who",),
    "SupervisionChanged": ("who", "mode"),
    "RecordingStarted": (),
    "RecordingPaused": (),
    "RecordingResumed": (),
    "RecordingStopped": (),
    "CallEnded": ("by",),
    "OrderFailed": ("order",),
}
_BOOLEANS = {"on": ("off", "on"), "caller_held": ("caller talks", "caller held")}


def told(fact: e.Fact, who: str, parties: str = "") -> str:
    """A fact in the words of the notation; `who` is whom it is about, `parties` who is there too.

    Parties are written as "with ben talking and sue supervising".
    """
    name = type(fact).__name__
    words = [name]
    for shown in _SHOWN.get(name, ()):
        value: Any = {"who": who, "with": parties}.get(shown)
        if value is None:
            value = getattr(fact, shown)
        words.append(_BOOLEANS[shown][value] if isinstance(value, bool) else str(value))
    return " ".join(word for word in words if word)
