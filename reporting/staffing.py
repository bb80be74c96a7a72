"""How many agents an interval needs: the fewest with which theory promises the goal.

Each interval is taken by itself, as if it went on for ever with its own load. That is the usual
way (stationary, independent, period by period), and good as long as calls are short against
the interval. With patience it is Erlang A, without it Erlang C (`reporting.erlang`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reporting.erlang import Expected, erlang_a, erlang_c
from reporting.figures import SHORT_ABANDON_S, THRESHOLD_S

MOST_AGENTS = 100_000


@dataclass(frozen=True, slots=True)
class Demand:
    """What comes in within one interval: `calls` that take an agent `handle_s` each.

    `patience_s` is how long a caller is ready to wait on average; None: for ever. Raises
    ValueError for what cannot be.
    """

    calls: float
    handle_s: float
    interval_s: float = 1800.0
    patience_s: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.calls) and self.calls >= 0):
            raise ValueError("calls cannot be negative")
        if not (math.isfinite(self.handle_s) and self.handle_s > 0):
            raise ValueError("the handle time must be above 0")
        if not (math.isfinite(self.interval_s) and self.interval_s > 0):
            raise ValueError("the interval must be longer than 0")
        if self.patience_s is not None and not self.patience_s > 0:
            raise ValueError("patience must be above 0; leave it out for endless patience")

    @property
    def load(self) -> float:
        """In erlang: so many agents would be busy all the time."""
        return self.calls * self.handle_s / self.interval_s


@dataclass(frozen=True, slots=True)
class Goal:
    """What is promised; a limit that is None is not asked for.

    `level` is the share (service level "standard") to be answered within `threshold_s`.
    Raises ValueError for a goal that cannot be met by any number of agents.
    """

    level: float | None = 0.8
    threshold_s: float = THRESHOLD_S
    max_abandon_rate: float | None = None
    max_asa_s: float | None = None
    max_occupancy: float | None = None
    short_s: float = SHORT_ABANDON_S

    def __post_init__(self) -> None:
        if self.level is not None and not 0 < self.level < 1:
            raise ValueError("the service level must be between 0 and 1")
        if not self.threshold_s >= 0 or not self.short_s >= 0:
            raise ValueError("a time limit cannot be negative")
        for name, limit in (
            ("abandon rate", self.max_abandon_rate),
            ("speed of answer", self.max_asa_s),
            ("occupancy", self.max_occupancy),
        ):
            if limit is not None and not limit > 0:
                raise ValueError(f"the highest {name} must be above 0")
        limits = (self.level, self.max_abandon_rate, self.max_asa_s, self.max_occupancy)
        if all(limit is None for limit in limits):
            raise ValueError("a goal needs a service level or another limit")

    def is_met_by(self, expected: Expected) -> bool:
        """Whether these figures keep every promise."""
        return (
            (self.level is None or expected.service_levels["standard"] >= self.level)
            and _within(expected.abandon_rate, self.max_abandon_rate)
            and _within(expected.mean_wait_answered_s, self.max_asa_s)
            and _within(expected.occupancy, self.max_occupancy)
        )


def _within(value: float, limit: float | None) -> bool:
    return limit is None or value <= limit


def expected_with(demand: Demand, agents: int, goal: Goal) -> Expected | None:
    """What theory says of so many agents; None when the line would grow for ever."""
    rate = demand.calls / demand.interval_s
    if agents < 1 or rate <= 0.0:
        return None
    if demand.patience_s is not None:
        patience_s = demand.patience_s
        return erlang_a(rate, demand.handle_s, agents, patience_s, goal.threshold_s, goal.short_s)
    if demand.load >= agents:
        return None
    return erlang_c(rate, demand.handle_s, agents, goal.threshold_s)


def agents_needed(demand: Demand, goal: Goal) -> int:
    """The fewest agents that meet the goal; 0 for an interval without calls.

    Every figure of the goal gets better with each agent more, so halving finds the first.
    ValueError when more than `MOST_AGENTS` would be needed.
    """
    if demand.calls == 0:
        return 0

    def enough(agents: int) -> bool:
        expected = expected_with(demand, agents, goal)
        return expected is not None and goal.is_met_by(expected)

    too_few, step = 0, 1
    many = max(1, math.ceil(min(demand.load, MOST_AGENTS)))
    while not enough(many):
        if many >= MOST_AGENTS:
            raise ValueError(f"more than {MOST_AGENTS} agents would be needed")
        too_few, many, step = many, min(many + step, MOST_AGENTS), step * 2
    while many - too_few > 1:
        middle = (too_few + many) // 2
        if enough(middle):
            many = middle
        else:
            too_few = middle
    return many


def scheduled(agents: int, shrinkage: float) -> int:
    """How many to put on the roster, when the share `shrinkage` of them is away at any time."""
    if not 0 <= shrinkage < 1:
        raise ValueError("shrinkage must be at least 0 and below 1")
    return math.ceil(agents / (1.0 - shrinkage) - 1e-9)
