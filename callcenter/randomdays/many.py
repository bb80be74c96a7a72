"""Plays many days, on several processor cores if wanted."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from callcenter.randomdays.day import Day, Violation
from callcenter.randomdays.plan import plan_of
from callcenter.randomdays.shrinking import shrink

_PART = 10  # days that a process plays before it tells


@dataclass(slots=True)
class Played:
    """What some days came to: `met` as in `Outcome`, `in_days` in how many of them each was met."""

    days: int = 0
    steps: int = 0
    met: Counter[str] = field(default_factory=Counter)
    in_days: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def __iadd__(self, other: Played) -> Played:
        self.days += other.days
        self.steps += other.steps
        self.met += other.met
        self.in_days += other.in_days
        self.violations += other.violations
        return self


def play(seeds: Sequence[int]) -> Played:
    """These days, one after the other."""
    played = Played()
    for seed in seeds:
        played.days += 1
        try:
            outcome = Day(plan_of(seed)).run()
        except Violation as violation:
            played.violations.append(violation)
            continue
        played.steps += outcome.steps
        played.met += outcome.met
        played.in_days += Counter(dict.fromkeys(outcome.met, 1))
    return played


def play_many(seeds: range, *, workers: int = 1) -> Iterator[Played]:
    """These days in parts, each when it is done; violations do not end it.

    With several `workers` each is a process of its own, begun afresh.
    """
    parts = [seeds[n : n + _PART] for n in range(0, len(seeds), _PART)]
    if workers <= 1 or len(parts) <= 1:
        yield from map(play, parts)
        return
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=fresh) as pool:
        yield from pool.map(play, parts)


def explain(violation: Violation) -> str:
    """What was broken, how to see it again, and the small day that breaks the same."""
    small = shrink(plan_of(violation.seed))
    if small is None:
        return f"{violation}\n(not broken when played again)"
    return (
        f"{violation}\n\nthe same, made small ({small.days} days played; "
        f"callcenter seeds {violation.seed} --shrink):\n\n{small}"
    )
