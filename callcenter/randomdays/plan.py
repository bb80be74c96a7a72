"""What is to happen on a random day, as data: so that it can be repeated, and made smaller.

Each happening throws dice of its own (`Happening.dice`). What it does depends on the state that it
meets, but not on what else is planned: taking one away leaves the others as they are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from acd.site import Site
from callcenter.randomdays.sites import calls_of, random_site
from callcenter.randomdays.story import line, told

CALLS = 40
CHATS_A_DAY = 20
CALM_AT_S = 900.0  # from then on nobody misbehaves
_LAST_CALL_S = CALM_AT_S * 0.8
_PACE_S = 8.0  # between two moments of an agent
_RARE = (("doors", 0.6, 4), ("staffing", 0.4, 3), ("configuration", 0.2, 2), ("restart", 0.3, 1))
"""What only happens on some days: kind, share of the days, how often at most."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is to happen `at_s`.

    `kind` is "call" (somebody calls), "chat" (somebody writes), "agent" (`who` may do
    something), "doors" (a queue opens or closes), "staffing" (a supervisor changes what an agent
    does), "configuration" (the site is another one) or "restart" (the engine dies and comes back
    from its snapshot).
    """

    number: int
    at_s: float
    kind: str
    who: str = ""

    def dice(self, seed: int) -> random.Random:
        """The dice of this happening on the day of `seed`."""
        return random.Random(seed << 20 | self.number)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole day. The shares are probabilities: of a fact told twice, of what phones do."""

    seed: int
    site: Site
    happenings: tuple[Happening, ...]
    repeats: float = 0.0
    refuses: float = 0.0
    ignores: float = 0.0
    unreachable: float = 0.0

    def __str__(self) -> str:
        shares = ("repeats", "refuses", "ignores", "unreachable")
        given = [f"{name}={getattr(self, name)}" for name in shares if getattr(self, name)]
        lines = [f"seed {self.seed} {' '.join(given)}".rstrip()]
        site = self.site
        lines += map(told, (replace(site, queues=(), agents=()), *site.queues, *site.agents))
        lines += [line(x.at_s, f"{x.kind} {x.who or x.number}") for x in self.happenings]
        return "\n".join(lines)


def plan_of(seed: int) -> Plan:
    """The random day of `seed`."""
    dice = random.Random(seed)
    site = random_site(dice)
    moments = sorted(_moments(dice, site))
    return Plan(
        seed,
        site,
        tuple(Happening(n, at, kind, who) for n, (at, kind, who) in enumerate(moments, 1)),
        repeats=dice.choice((0.0, 0.05, 0.2)),
        refuses=dice.choice((0.0, 0.2)),
        ignores=dice.choice((0.0, 0.2)),
        unreachable=dice.choice((0.0, 0.2)),
    )


def _moments(dice: random.Random, site: Site) -> Iterator[tuple[float, str, str]]:
    for _ in range(CALLS):
        yield dice.uniform(0, _LAST_CALL_S), "call", ""
    for _ in range(CHATS_A_DAY if len(calls_of(site)) < len(site.queues) else 0):
        yield dice.uniform(0, _LAST_CALL_S), "chat", ""
    for agent in site.agents:
        at = dice.expovariate(1 / _PACE_S)
        while at < CALM_AT_S:
            yield at, "agent", agent.id
            at += dice.expovariate(1 / _PACE_S)
    for kind, share, most in _RARE:
        if dice.random() < share:
            for _ in range(dice.randint(1, most)):
                yield dice.uniform(0, CALM_AT_S), kind, ""
