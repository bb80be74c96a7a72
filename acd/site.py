"""What the engine knows of a site: queues, skills, agents. Immutable; times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SkillNeed:
    """A skill that the agent must have, at this level or higher (1 to 10)."""

    skill: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Queue:
    """A line of callers. `overflow_to` is another queue; None means that nobody overflows."""

    id: str
    name: str = ""
    priority: int = 0  # higher is served first, among the queues of one agent
    ring_s: float = 15.0
    wrap_up_s: float | None = 30.0  # None: wrap-up has no forced end; 0: no wrap-up
    needs: tuple[SkillNeed, ...] = ()
    overflow_after_s: float | None = None
    overflow_to: str | None = None
    callback_attempts: int = 3
    callback_retry_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who takes calls of `queues` (by id) with `skills` (name to level)."""

    id: str
    name: str = ""
    queues: tuple[str, ...] = ()
    skills: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """The whole routing configuration. Ids are unique; agents name only known queues."""

    queues: tuple[Queue, ...] = ()
    agents: tuple[Agent, ...] = ()
    console_grace_s: float = 10.0  # no offers this long after an agent's console is lost
    place_grace_s: float = 0.0
