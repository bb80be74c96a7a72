"""Who is in the preview's play."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_console.protocol import CallCard, CallRow


@dataclass(slots=True)
class Person:
    """An agent in the play. `next_at`: when the play moves this agent on; 0 for never."""

    id: str
    state: str = "offline"
    since: float = 0.0
    reason: str = ""
    intent: str = ""
    intent_reason: str = ""
    deadline: float | None = None
    phone: str = "desk"
    call: CallCard | None = None
    next_at: float = 0.0
    handled: int = 0
    played: bool = True  # moved by the play and not by a person
    host: str = ""  # whose call this agent is a party of
    leg: str = ""


@dataclass(slots=True)
class Figures:
    offered: int = 40
    answered: int = 36
    abandoned: int = 3
    short_abandoned: int = 1
    waits_s: float = 400.0
    within: int = 30


@dataclass(slots=True)
class Caller:
    call_id: str
    queue: str
    number: int
    entered: float
    patience_s: float
    ani: str = ""
    name: str = ""
    row: CallRow = field(default_factory=dict)  # type: ignore[assignment]
    parked: float = 0.0  # since when; 0 for not
