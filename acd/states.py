"""The agent states and what leads from one to the other: one literal table.

The table is the whole truth: the engine moves an agent only by looking up
`TABLE[state][event]`, and the diagram in the documentation is drawn from it
(`acd.diagram`). Consulting and conference will become rows like `held`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

State = Literal["offline", "not ready", "ready", "reserved", "talking", "held", "wrap-up", "fault"]

OFFLINE: Final = "offline"
NOT_READY: Final = "not ready"
READY: Final = "ready"
RESERVED: Final = "reserved"  # a phone rings, or the agent hears a callback being dialled
TALKING: Final = "talking"
HELD: Final = "held"
WRAP_UP: Final = "wrap-up"
FAULT: Final = "fault"

Event = Literal[
    "signed-in",  # begins a shift
    "signed-out",  # ends it, now or by an intent whose time has come
    "ready",  # the agent presses Ready
    "not-ready",  # the agent (or a supervisor) wants a break, now or by an intent
    "free",  # nothing is left to do and the agent wants calls
    "offered",
    "answered",
    "declined",
    "no-answer",
    "unreachable",
    "held",
    "retrieved",
    "ended",
    "phone-failed",
    "console-lost",  # and past its grace
    "found-talking",  # the switch says so, whatever we thought
]

_TABLE: dict[State, dict[Event, State]] = {
    OFFLINE: {
        "signed-in": NOT_READY,
        "found-talking": TALKING,
    },
    NOT_READY: {
        "ready": READY,
        "not-ready": NOT_READY,  # another reason
        "phone-failed": FAULT,  # wants to be ready without a phone
        "signed-out": OFFLINE,
        "found-talking": TALKING,
    },
    READY: {
        "not-ready": NOT_READY,
        "console-lost": NOT_READY,
        "phone-failed": FAULT,
        "offered": RESERVED,
        "signed-out": OFFLINE,
        "found-talking": TALKING,
    },
    RESERVED: {
        "answered": TALKING,
        "declined": NOT_READY,
        "no-answer": NOT_READY,
        "unreachable": FAULT,
        "free": READY,  # the caller is gone: same idle clock
        "not-ready": NOT_READY,
        "console-lost": NOT_READY,
        "phone-failed": FAULT,
        "signed-out": OFFLINE,
        "found-talking": TALKING,
    },
    TALKING: {
        "held": HELD,
        "ended": WRAP_UP,
    },
    HELD: {
        "retrieved": TALKING,
        "ended": WRAP_UP,
    },
    WRAP_UP: {
        "free": READY,
        "not-ready": NOT_READY,
        "console-lost": NOT_READY,
        "phone-failed": FAULT,
        "signed-out": OFFLINE,
        "found-talking": TALKING,
    },
    FAULT: {
        "ready": READY,
        "free": READY,  # the phone is healthy again
        "not-ready": NOT_READY,
        "console-lost": NOT_READY,
        "signed-out": OFFLINE,
        "found-talking": TALKING,
    },
}

TABLE: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {state: MappingProxyType(row) for state, row in _TABLE.items()}
)

Intent = Literal["ready", "not ready", "offline"]
"""What an agent becomes when the present call and its after-call work are over."""
