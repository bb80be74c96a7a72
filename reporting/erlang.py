"""Queueing theory for checking the simulation and for planning: Erlang C and Erlang A.

Poisson arrivals at rate lambda, exponential handling with mean `handle_s`, `agents` servers,
first come first served. Rates are per second, times in seconds. Both are stable numerically
up to many thousands of agents, and take about a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NEGLIGIBLE = 45.0  # a density of e to the minus that
PANELS = 60  # at most, to one side
# Gauss-Legendre of ten points on (-1/2, 1/2): distance from the middle, weight; both signs.
GAUSS = (
    (0.07443716949081560, 0.1477621123573765),
    (0.21669769706462360, 0.1346333596549982),
    (0.33970478414951225, 0.1095431812579911),
    (0.43253168334449230, 0.0747256745752903),
    (0.48695326425858590, 0.0333356721543441),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What theory says. `service_levels` has the keys of `reporting.figures.SERVICE_LEVELS`."""

    probability_of_wait: float
    mean_wait_s: float
    mean_wait_answered_s: float
    abandon_rate: float
    occupancy: float
    service_levels: dict[str, float]


def blocking(agents: int, load: float) -> float:
    """Erlang B by its recurrence: the share of calls that find all agents busy and leave."""
    b = 1.0
    for i in range(1, agents + 1):
        b = load * b / (i + load * b)
    return b


def erlang_c(arrivals_per_s: float, handle_s: float, agents: int, threshold_s: float) -> Expected:
    """Endless patience. ValueError when the agents cannot keep up (load >= agents)."""
    load = arrivals_per_s * handle_s
    if load >= agents:
        raise ValueError(f"{agents} agents cannot carry a load of {load:.3f} erlang")
    rho = load / agents
    b = blocking(agents, load)
    wait = b / (1.0 - rho * (1.0 - b))
    asa = wait * handle_s / (agents - load)
    level = 1.0 - wait * math.exp(-(agents - load) * threshold_s / handle_s)
    levels = dict.fromkeys(("standard", "negative", "ignored", "positive", "handled_only"), level)
    return Expected(wait, asa, asa, 0.0, rho, levels)


def erlang_a(
    arrivals_per_s: float,
    handle_s: float,
    agents: int,
    patience_s: float,
    threshold_s: float,
    short_s: float = 5.0,
) -> Expected:
    """M/M/n+M: waiting callers give up after an exponential time with mean `patience_s`.

    ValueError for fewer than one agent, or a rate or time that is not above 0. By the density
    of the wait V that a caller with endless patience would have (Baccelli and Hebuterne 1981;
    Zeltyn and Mandelbaum 2005): with theta = 1 / patience, c = agents / handle time and pi the
    probability of agents - 1 calls in the house,

        v(x) = lambda pi exp(lambda (1 - e^(-theta x)) / theta - c x)  for x > 0,
        P(V = 0) = pi / B,  B = Erlang B of agents - 1.

    A caller is answered when the own patience R exceeds V, and waits min(V, R).
    """
    if agents < 1 or min(arrivals_per_s, handle_s, patience_s) <= 0.0:
        raise ValueError("agents, arrivals, handle time and patience must be above 0")
    wait = _Wait(arrivals_per_s, agents / handle_s, 1.0 / patience_s)
    at_once = _at_once(wait, agents, arrivals_per_s * handle_s)

    def everybody(x: float) -> float:
        return 1.0

    def stays(x: float) -> float:
        return math.exp(-x / patience_s)

    def leaves(x: float) -> float:
        return -math.expm1(-x / patience_s)

    whole = at_once + wait.mass(everybody, 0.0)

    def left_by(t: float) -> tuple[float, float]:
        """Of all callers: those who waited and were answered by `t`, and who gave up by `t`."""
        gave_up = wait.mass(leaves, 0.0, t) + leaves(t) * wait.mass(everybody, t)
        return wait.mass(stays, 0.0, t) / whole, gave_up / whole

    abandon = wait.mass(leaves, 0.0) / whole
    answered = 1.0 - abandon
    within, short = left_by(threshold_s), left_by(short_s)
    h_t = at_once / whole + within[0]
    levels = {
        "standard": h_t / (1.0 - short[1]),
        "negative": h_t,
        "ignored": h_t / (1.0 - within[1]),
        "positive": h_t + within[1],
        "handled_only": h_t / answered,
    }
    return Expected(
        probability_of_wait=wait.mass(everybody, 0.0) / whole,
        mean_wait_s=abandon * patience_s,
        mean_wait_answered_s=wait.mass(lambda x: x * stays(x), 0.0) / whole / answered,
        abandon_rate=abandon,
        occupancy=min(1.0, arrivals_per_s * handle_s * answered / agents),
        service_levels=levels,
    )


def _at_once(wait: _Wait, agents: int, load: float) -> float:
    """P(V = 0) in the units of `wait`: 1 / B, scaled as its density is."""
    b = blocking(agents - 1, load)
    log_b = math.log(b) if b > 0.0 else -math.inf
    return math.exp(min(-log_b - wait.peak, 700.0))


class _Wait:
    """The density of the wait, but for a factor: e to the `peak` is taken out of it.

    Its logarithm is concave: around one peak it is large, and small everywhere else. The
    integrals are sums over panels that grow with the distance from the peak.
    """

    def __init__(self, lam: float, c: float, theta: float) -> None:
        self.lam, self.c, self.theta = lam, c, theta
        at = max(0.0, math.log(lam / c) / theta)
        self.peak = 0.0
        self.peak = self.exponent(at)
        width = 1.0 / (math.sqrt(c * theta) + abs(c - lam) + theta)
        self.panels = [*self._panels(at, -width), *self._panels(at, width)]

    def exponent(self, x: float) -> float:
        return -self.lam * math.expm1(-self.theta * x) / self.theta - self.c * x - self.peak

    def _panels(self, at: float, width: float) -> Iterator[tuple[float, float]]:
        """From the peak to one side, till the density is negligible or the wait is 0."""
        x = at
        for doubled in range(PANELS):
            if x <= 0.0 > width or self.exponent(x) < -NEGLIGIBLE:
                return
            end = max(0.0, x + width * 2.0 ** (doubled // 2))
            yield min(x, end), max(x, end)
            x = end

    def mass(self, of: Callable[[float], float], since: float, until: float = math.inf) -> float:
        """The integral of `of` times lambda exp(exponent) from `since` to `until`."""
        total = 0.0
        for begin, end in self.panels:
            low, high = max(begin, since), min(end, until)
            if low >= high:
                continue
            middle, width = (low + high) / 2.0, high - low
            for node, weight in GAUSS:
                for x in (middle - node * width, middle + node * width):
                    total += width * weight * of(x) * math.exp(self.exponent(x))
        return self.lam * total
