"""The memory of a running flow, as a short text that a switch can keep with the call.

The text is base64url of compact JSON: letters, digits, '-' and '_' only, under
`MAX_STATE` characters. It holds where the caller is, what was collected (never secret
digits) and those given variables that the flow reads. A text that was not written here
is refused with `StateBroken`; nothing in it is trusted.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field

MAX_STATE = 699
_MAX_JSON = MAX_STATE * 3 // 4  # bytes
_TEXT = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_STATE}}}")
_MAX_GIVEN = 40  # characters kept of one given variable
_MAX_VARIABLES = 40
PHASES = (
    "do",  # the step has not asked for anything yet
    "said",  # a Say is out; the step is the last one it speaks for
    "ask",  # digits of a menu or a collect step, or consent to a callback
    "type",  # the caller types a number for the callback
    "sure",  # the caller confirms the typed number
    "take",  # TakeCallback is out
    "times",  # AskTimes is out
    "when",  # the caller chooses one of the times
    "record",  # RecordMessage is out
    "hours",  # AskHours is out
    "end",  # a final action is out
    "fallback",  # the fallback's final action is out
)


class StateBroken(ValueError):  # noqa: N818 - says what happened to the state
    """The text is no state of ours."""


@dataclass(slots=True)
class State:
    """Where a caller is in a flow. Changed only by the runner, within one turn."""

    flow: str
    step: str
    phase: str = "do"
    language: str = ""
    tries: int = 0
    turns: int = 0
    number: str = ""  # typed in for a callback
    collected: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)


def to_text(state: State, keep: frozenset[str]) -> str:
    """The state as text. Of the given variables only those in `keep` that fit are kept."""
    kept: dict[str, str] = {}
    collected = dict(state.collected)
    document = {
        "f": state.flow,
        "s": state.step,
        "p": state.phase,
        "l": state.language,
        "t": state.tries,
        "n": state.turns,
        "k": state.number,
        "c": collected,
        "g": kept,
    }
    body = _json(document)
    while len(body) > _MAX_JSON and collected:  # parsing keeps flows from coming this far
        del collected[max(collected, key=lambda name: len(name) + len(collected[name]))]
        body = _json(document)
    given = [(name, value[:_MAX_GIVEN]) for name, value in state.given.items() if name in keep]
    for name, value in sorted(given, key=lambda pair: (len(pair[1]), pair[0])):
        if not value:
            continue
        kept[name] = value
        longer = _json(document)
        if len(longer) > _MAX_JSON:
            del kept[name]
        else:
            body = longer
    return base64.urlsafe_b64encode(body).decode("ascii").rstrip("=")


def from_text(text: str) -> State:
    """The state that `to_text` wrote. Raises StateBroken for anything else."""
    if not _TEXT.fullmatch(text):
        raise StateBroken("not a state text")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        document = json.loads(raw.decode("utf-8"))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise StateBroken("not a state text") from error
    if not isinstance(document, dict) or set(document) != set("fspltnkcg"):
        raise StateBroken("not a state document")
    state = State(
        flow=_short(document["f"]),
        step=_short(document["s"]),
        phase=_short(document["p"]),
        language=_short(document["l"]),
        tries=_count(document["t"]),
        turns=_count(document["n"]),
        number=_short(document["k"]),
        collected=_texts(document["c"]),
        given=_texts(document["g"]),
    )
    if state.phase not in PHASES:
        raise StateBroken("unknown phase")
    return state


def _json(document: object) -> bytes:
    # A lone surrogate from a broken name must not stop a call.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _short(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise StateBroken("not a short text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_000_000:
        raise StateBroken("not a count")
    return value


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > _MAX_VARIABLES:
        raise StateBroken("not variables")
    return {_short(name): _short(text) for name, text in value.items()}
