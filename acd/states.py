"""The agent states and what leads from one to the other: one literal table.

The table is the whole truth: the engine moves an agent only by looking up
`TABLE[state][event]`, and the diagram in the documentation is drawn from it
(`acd.diagram`). An agent on a further leg of somebody else's call is reserved, then talking,
and leaves the leg through a wrap-up of no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

State = Literal[
    "offline",
    "not ready",
    "ready",
    "reserved",
    "talking",
    "held",
    "consulting",
    "conference",
    "wrap-up",
    "fault",
]

OFFLINE: Final = "offline"
NOT_READY: Final = "not ready"
READY: Final = "ready"
RESERVED: Final = "reserved"  # a phone rings, or the agent hears a callback being dialled
TALKING: Final = "talking"
HELD: Final = "held"
CONSULTING: Final = "consulting"  # with a third party, while the caller hears music
CONFERENCE: Final = "conference"
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
    "retrieved",  # only caller and agent talk (again)
    "consulting",
    "consult-ended",  # the third party is gone, the caller still hears music
    "conference",
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
        "offered": RESERVED,  # by the agent's own wish: picks a call up, dials, supervises
        "found-talking": TALKING,
    },
    READY: {
        "not-ready": NOT_READY,
        "no-answer": NOT_READY,  # a work item
        "console-lost": NOT_READY,
        "phone-failed": FAULT,
        "offered": RESERVED,
        "free": READY,  # a pause after missed calls is over
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
        "consulting": CONSULTING,  # back to the third party
        "conference": CONFERENCE,
        "ended": WRAP_UP,
    },
    HELD: {
        "retrieved": TALKING,
        "consulting": CONSULTING,
        "conference": CONFERENCE,
        "ended": WRAP_UP,
    },
    CONSULTING: {
        "retrieved": TALKING,  # the third party waits meanwhile
        "consult-ended": HELD,
        "conference": CONFERENCE,
        "ended": WRAP_UP,
    },
    CONFERENCE: {
        "held": HELD,
        "consulting": CONSULTING,
        "retrieved": TALKING,  # the others have left
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

WITH_CALLER: Final = (TALKING, HELD, CONSULTING, CONFERENCE)
"""The states of an agent who has a call (or, when talking, is on a leg of one)."""

TABLE: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {state: MappingProxyType(row) for state, row in _TABLE.items()}
)

Intent = Literal["ready", "not ready", "offline"]
"""What an agent becomes when the present call and its after-call work are over."""
