"""What virtual callers do, and generators of them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heapreplace


@dataclass(frozen=True, slots=True)
class Caller:
    """One call, as its caller lives it.

    `digits` holds what is entered at each `CollectDigits` step, in order; "" (or nothing
    left) means that the caller presses nothing, letters are a word that is said.
    `patience_s` runs from the first wait (anew after a conversation); `stays_s` from the
    arrival, whatever happens. `talk_s` is how long the caller talks before hanging up; None
    leaves that to the agent. `message_s` is said wherever a message can be left.
    """

    ani: str = ""
    dnis: str = ""
    name: str = ""
    trunk: str = "virtual"
    digits: tuple[str, ...] = ()
    press_after_s: float = 1.0
    wait_digit: str = ""  # pressed once while waiting ...
    wait_digit_after_s: float = 0.0  # ... so long after the first wait began
    patience_s: float = math.inf
    stays_s: float = math.inf
    talk_s: float | None = None
    message_s: float = 4.0  # what the caller says after the tone; 0: nothing


BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Customer:
    """What happens when an outside number is dialled.

    `outcome`: "answer", "busy", "no answer", "unreachable", or `BY_HAND`: it rings till
    somebody says (`VirtualSwitch.number_answers`). `after_s` of ringing; `talk_s` is how long
    they talk before they hang up, None leaves that to the others.
    """

    outcome: str = "answer"
    after_s: float = 2.0
    talk_s: float | None = 60.0


def poisson(
    seed: int,
    *,
    per_hour: float,
    talk_s: float,
    patience_s: float | None = None,
    dnis: str = "100",
) -> Iterator[tuple[float, Caller]]:
    """Endless (gap in seconds, caller): Poisson arrivals, exponential talk and patience.

    Each kind of number has a stream of its own, so that changing one mean leaves the
    other streams as they were.
    """
    gaps, talks, patiences = (random.Random(f"{seed}/{what}") for what in "gtp")
    gap, talk, patience = gaps.expovariate, talks.expovariate, patiences.expovariate
    rate = per_hour / 3600.0
    while True:
        yield (
            gap(rate),
            Caller(
                dnis=dnis,
                patience_s=patience(1.0 / patience_s) if patience_s else math.inf,
                talk_s=talk(1.0 / talk_s),
            ),
        )


def together(*streams: Iterator[tuple[float, Caller]]) -> Iterator[tuple[float, Caller]]:
    """Endless streams of (gap in seconds, caller) as one, in the order of arrival."""
    coming = [(gap, n, caller) for n, (gap, caller) in enumerate(map(next, streams))]
    heapify(coming)
    now = 0.0
    while True:
        at, n, caller = coming[0]
        gap, following = next(streams[n])
        heapreplace(coming, (at + gap, n, following))
        yield at - now, caller
        now = at


def townspeople(
    seed: int, *, numbers: tuple[tuple[str, str], ...], dnis: tuple[str, ...], menu: str = "12"
) -> Iterator[Caller]:
    """Endless callers for a demonstration: `numbers` are (number, name); some are strangers."""
    dice = random.Random(seed)
    while True:
        stranger = not numbers or dice.random() < 0.15
        ani, name = ("", "") if stranger else dice.choice(numbers)
        if stranger and dice.random() < 0.7:
            ani = f"+1416555{dice.randrange(10000):04d}"
        yield Caller(
            ani=ani,
            name=name,
            dnis=dice.choice(dnis),
            digits=tuple(dice.choice(menu) for _ in range(3)) if dice.random() < 0.9 else (),
            press_after_s=dice.uniform(0.5, 3.0),
            patience_s=30.0 + dice.expovariate(1 / 120.0),
            talk_s=20.0 + dice.expovariate(1 / 60.0),
        )
