"""What is journaled besides switch facts, engine facts and decisions; and the journal's wire form.

Each class's name is the `kind` of its journal entry. Streams: "switch" (`cti.events`),
"acd" (`acd.facts`), "decision" (`acd.decisions`), "alert" (`reporting.alerts`), "ivr", "person"
and "crm" (here).
What the engine makes of the "acd" stream is all that it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import msgspec

import acd.decisions
import acd.facts
import cti.events
from acd.earlier import site_row
from reporting.alerts import AlertAcknowledged, AlertCleared, AlertRaised


@dataclass(frozen=True, slots=True)
class FlowStarted:
    """A menu began to talk with the caller."""

    call_id: str
    flow: str
    language: str


@dataclass(frozen=True, slots=True)
class Trail:
    """One thing the caller did in the menu: never a secret digit."""

    call_id: str
    what: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Announced:
    """A waiting caller hears an announcement of the queue's plan (its `place`), the nth time."""

    call_id: str
    queue: str
    flow: str
    place: int
    times: int


@dataclass(frozen=True, slots=True)
class WaitExplained:
    """Why a caller waits, which is another reason than before."""

    call_id: str
    queue: str
    reason: acd.decisions.Reason


@dataclass(frozen=True, slots=True)
class MessageAsked:
    """A caller is about to leave a message for `box`, as this recording."""

    call_id: str
    recording_id: str
    box: str
    ani: str
    customer_id: str = ""
    customer_name: str = ""


@dataclass(frozen=True, slots=True)
class VoicemailLeft:
    """A caller has left a message; it can be heard once it is kept (`RecordingKept`)."""

    call_id: str
    recording_id: str
    box: str
    ani: str
    customer_id: str
    customer_name: str
    length_s: float


@dataclass(frozen=True, slots=True)
class VoicemailDone:
    """Somebody has dealt with a message; `by` is a user's id or a key."""

    call_id: str
    recording_id: str
    box: str
    by: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """The priority with which a caller enters a queue, and what it is made of.

    `parts` are points by "number" (that was dialled), "tier" (of the customer) and "choice" (in
    the menu).
    """

    call_id: str
    queue: str
    priority: int
    parts: dict[str, int]
    tier: str = ""


@dataclass(frozen=True, slots=True)
class FlowEnded:
    """The menu let go of the caller: `how` is "queue", "transfer", "hang up" or "broken"."""

    call_id: str
    how: str
    why: str = ""
    queue: str = ""
    served: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class ShiftBegan:
    """An agent signed in at the console with this kind of phone."""

    agent: str
    phone: str


@dataclass(frozen=True, slots=True)
class WrapUpSaved:
    """What the agent wrote down after the call."""

    call_id: str
    agent: str
    disposition: str
    note: str


@dataclass(frozen=True, slots=True)
class SupervisorActed:
    """A supervisor changed something for somebody else."""

    by: str
    agent: str
    what: str


@dataclass(frozen=True, slots=True)
class QueueOverridden:
    """A supervisor says that a queue is "open" or "closed", or follows its "hours" again."""

    queue: str
    state: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ItemFiled:
    """What a work item is about, for people. `by` is a user, or `key:NAME`."""

    item: str
    title: str
    link: str
    by: str


@dataclass(frozen=True, slots=True)
class CallAction:
    """Somebody did something with a call: `verb` is one of `agent_console.ports.Floor`'s.

    `by` is an agent's or a user's id. `detail` says to whom or what; never digits.
    """

    call_id: str
    by: str
    verb: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LegPlaced:
    """A further party is being rung: the agent, or "" and the number of somebody outside.

    `supervision` is "" or how a supervisor joins ("listen", "whisper", "barge").
    """

    call_id: str
    leg_id: str
    by: str
    agent: str = ""
    number: str = ""
    supervision: str = ""


@dataclass(frozen=True, slots=True)
class RecordingKept:
    """A recording is in our store, from where those who may can hear it."""

    call_id: str
    recording_id: str
    agent: str
    length_s: float
    channels: int


@dataclass(frozen=True, slots=True)
class RecordingHeard:
    """Somebody listened to a recording; `by` is a user's id."""

    call_id: str
    recording_id: str
    by: str


@dataclass(frozen=True, slots=True)
class CustomerMatched:
    """Whose record the call shows, found by number or chosen by the agent."""

    call_id: str
    customer_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """A callback, or another call that we place, is dialled on this switch."""

    call_id: str
    link: str


@dataclass(frozen=True, slots=True)
class PhoneLed:
    """A phone of the call is on another switch, `link`; "": on the call's own (again).

    `leg_id` is "" for the phone of the agent whose call it is.
    """

    call_id: str
    leg_id: str
    link: str


@dataclass(frozen=True, slots=True)
class CallMissed:
    """A call that we had on the books was not on its switch any more after our absence."""

    call_id: str


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The engine's clock rang: what it decided then is not decided again after a restart."""


_STREAM_OF: dict[type, str] = {
    **dict.fromkeys(get_args(cti.events.Fact), "switch"),
    **dict.fromkeys(get_args(acd.facts.Fact), "acd"),
    **dict.fromkeys(get_args(acd.decisions.Decision), "decision"),
    FlowStarted: "ivr",
    Trail: "ivr",
    FlowEnded: "ivr",
    Announced: "ivr",
    WaitExplained: "ivr",
    MessageAsked: "ivr",
    VoicemailLeft: "ivr",
    VoicemailDone: "person",
    Ranked: "ivr",
    ShiftBegan: "person",
    WrapUpSaved: "person",
    SupervisorActed: "person",
    ItemFiled: "person",
    QueueOverridden: "person",
    CallAction: "person",
    LegPlaced: "person",
    RecordingKept: "switch",
    RecordingHeard: "person",
    CustomerMatched: "crm",
    CallPlaced: "switch",
    PhoneLed: "switch",
    CallMissed: "switch",
    DeadlinePassed: "acd",
    AlertRaised: "alert",
    AlertCleared: "alert",
    AlertAcknowledged: "alert",
}
_CLASS_OF: dict[tuple[str, str], type] = {
    (stream, cls.__name__): cls for cls, stream in _STREAM_OF.items()
}


def stream_of(entry: object) -> str:
    """The journal stream that an entry belongs to."""
    return _STREAM_OF[type(entry)]


def call_of(entry: Any) -> str:
    """The call (or callback) that an entry is about, or ""."""
    if isinstance(entry, acd.decisions.CallbackChanged):
        return entry.callback
    for name in ("call_id", "call", "callback"):
        found = getattr(entry, name, "")
        if found:
            return str(found)
    return ""


def as_dict(entry: object) -> dict[str, Any]:
    """The entry as plain JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(entry)
    return plain


def from_dict(stream: str, kind: str, data: dict[str, Any]) -> object | None:
    """The entry again, or None for a kind that this version does not know."""
    cls = _CLASS_OF.get((stream, kind))
    if cls is acd.facts.Configured:
        data = {"site": site_row(data["site"])}
    return None if cls is None else msgspec.convert(data, cls)
