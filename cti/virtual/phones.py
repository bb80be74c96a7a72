"""How the agents' virtual phones behave when they are rung."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What the person at the phone does."""

    ANSWER = "answer"
    REFUSE = "refuse"
    IGNORE = "ignore"  # lets it ring
    UNREACHABLE = "unreachable"  # the phone is not there
    BY_HAND = "by hand"  # waits for VirtualSwitch.agent_answers or agent_refuses


@dataclass(frozen=True, slots=True)
class Reaction:
    """`act` comes `after_s` of ringing, which begins `ring_delay_s` after the order.

    `hang_up_after_s`: the agent ends the call after so much talking, unless the caller did.
    """

    act: Act = Act.ANSWER
    after_s: float = 0.0
    ring_delay_s: float = 0.0
    hang_up_after_s: float | None = None


Phones = Callable[[str], Reaction]
"""Asked with the agent's id, once for each time the phone is rung."""

AT_ONCE = Reaction()


def always(reaction: Reaction) -> Phones:
    """Phones that all do the same each time."""
    return lambda agent: reaction


def careless(seed: int, *, refuse: float, ignore: float, unreachable: float) -> Phones:
    """Phones that refuse, ring out or are unreachable with the given probabilities."""
    dice = random.Random(seed)

    def react(agent: str) -> Reaction:
        roll = dice.random()
        delay = dice.choice((0.0, 0.2, 1.0))
        after = dice.uniform(0.0, 12.0)
        hang_up = dice.uniform(1.0, 120.0) if dice.random() < 0.3 else None
        if roll < refuse:
            return Reaction(Act.REFUSE, after, delay)
        if roll < refuse + ignore:
            return Reaction(Act.IGNORE, 0.0, delay)
        if roll < refuse + ignore + unreachable:
            return Reaction(Act.UNREACHABLE)
        return Reaction(Act.ANSWER, after, delay, hang_up)

    return react
