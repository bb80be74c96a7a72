"""Several queues and pools of agents on the virtual switch, against exactly computed results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from acd import decisions as d
from acd.site import Agent, Queue, Site
from callcenter.simulate import Params, Simulation
from cti.virtual.callers import Caller, poisson, together
from reporting.erlang import erlang_c
from tests.simulation.batches import BATCHES, misses
from tests.simulation.chains import State, priority_waits, stationary

HANDLE_S = 120.0
WARM_UP = 600

Callers = Iterator[tuple[float, Caller]]


def callers(seed: int, per_hour: dict[str, float], patience_s: float | None = None) -> Callers:
    """A Poisson stream for each queue."""
    return together(
        *(
            poisson(seed + n, per_hour=rate, talk_s=HANDLE_S, patience_s=patience_s, dnis=queue)
            for n, (queue, rate) in enumerate(per_hour.items())
        )
    )


def pool(name: str, size: int, *queues: str, order: dict[str, int] | None = None) -> list[Agent]:
    """Agents who are all alike."""
    return [Agent(f"{name}-{n}", queues=queues, order=order or {}) for n in range(size)]


class Run:
    """A simulated floor; per batch and queue the mean wait, and shares of the callers."""

    def __init__(self, site: Site, calls: int, callers: Callers) -> None:
        agents = len(site.agents)
        params = Params(agents=agents, calls=calls, warm_up_calls=WARM_UP, handle_time_s=HANDLE_S)
        self.figures: dict[str, list[float]] = {}
        self._size = calls // BATCHES
        self._sums: Counter[str] = Counter()
        simulation = Simulation(params, site=site, callers=callers)
        simulation.counter.on_left = self._left
        simulation.run()

    def _left(self, left: d.CallLeft) -> None:
        sums, queue, wait = self._sums, left.queue, left.waited_s
        sums["all"] += 1
        sums[f"{queue} left"] += 1
        sums[f"{queue} wait_s"] += wait
        sums[f"{queue} waited"] += wait > 0.0
        sums[f"{queue} abandoned"] += left.outcome == "abandoned"
        if left.outcome == "answered":
            sums[f"{queue} by {left.agent.split('-')[0]}"] += 1
        if sums["all"] == self._size:
            for name, total in sums.items():
                if name != "all" and not name.endswith(" left"):
                    mean = total / sums[f"{name.split(' ')[0]} left"]
                    self.figures.setdefault(name, []).append(mean)
            self._sums = Counter(dict.fromkeys(sums, 0))


@pytest.mark.parametrize(
    ("gold", "plain", "agents"), [(60.0, 90.0, 6), (10.0, 15.0, 1), (300.0, 250.0, 20)]
)
def test_a_class_with_priority_waits_as_long_as_theory_says(
    gold: float, plain: float, agents: int
) -> None:
    """Who comes first must come first, and be neither faster nor slower than that."""
    queues = (Queue("gold", priority=1, wrap_up_s=0.0), Queue("plain", wrap_up_s=0.0))
    site = Site(queues, tuple(pool("a", agents, "gold", "plain")))
    found = Run(site, 30_000, callers(51, {"gold": gold, "plain": plain})).figures
    rates = (gold / 3600, plain / 3600)
    first, second = priority_waits(rates, HANDLE_S, agents)
    wait = erlang_c(sum(rates), HANDLE_S, agents, 0.0).probability_of_wait
    theory = {
        "gold wait_s": first,
        "plain wait_s": second,
        "gold waited": wait,
        "plain waited": wait,
    }
    figures = {name: found[name] for name in theory}
    assert misses(figures, theory) == {}
    swapped = {"gold wait_s": second, "plain wait_s": first}
    assert set(misses({name: found[name] for name in swapped}, swapped)) == set(swapped)


def chain_of_classes(
    rates: tuple[float, float], agents: int, patience_s: float
) -> dict[str, float]:
    """Two classes who give up, the first served first: states (busy, first wait, second wait)."""
    (first, second), mu, theta, most = rates, 1.0 / HANDLE_S, 1.0 / patience_s, 30

    def moves(state: State) -> Iterator[tuple[State, float]]:
        busy, one, two = state
        if busy < agents:
            yield (busy + 1, 0, 0), first + second
            yield (busy - 1, 0, 0), busy * mu
            return
        yield (busy, one + 1, two), first * (one < most)
        yield (busy, one, two + 1), second * (two < most)
        yield (busy, one - 1, two), one * theta
        yield (busy, one, two - 1), two * theta
        if one:
            yield (busy, one - 1, two), busy * mu
        elif two:
            yield (busy, one, two - 1), busy * mu
        else:
            yield (busy - 1, 0, 0), busy * mu

    share = stationary((0, 0, 0), moves)
    in_line = [sum(state[k] * part for state, part in share.items()) for k in (1, 2)]
    wait = sum(part for state, part in share.items() if state[0] == agents)
    return {
        "gold waited": wait,
        "plain waited": wait,
        "gold wait_s": in_line[0] / first,  # Little's law
        "plain wait_s": in_line[1] / second,
        "gold abandoned": in_line[0] * theta / first,
        "plain abandoned": in_line[1] * theta / second,
    }


def test_classes_who_give_up_do_so_as_often_as_their_chain_says() -> None:
    """Impatience and priority together: no formula has them, but a chain of states does."""
    site = Site(
        (Queue("gold", priority=1, wrap_up_s=0.0), Queue("plain", wrap_up_s=0.0)),
        tuple(pool("a", 5, "gold", "plain")),
    )
    found = Run(site, 20_000, callers(61, {"gold": 70.0, "plain": 100.0}, 90.0)).figures
    theory = chain_of_classes((70 / 3600, 100 / 3600), 5, 90.0)
    assert misses({name: found[name] for name in theory}, theory) == {}
