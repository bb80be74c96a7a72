"""Several queues and pools of agents on the virtual switch, against exactly computed results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from acd import decisions as d
from acd.site import Agent, Onward, Queue, Rule, Site
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
                if name != "all":  # of all callers who left one queue, else of those of this one
                    share = name.endswith(" left")
                    of = sums["all" if share else f"{name.split(' ')[0]} left"]
                    self.figures.setdefault(name, []).append(total / of)
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


def chain_of_pools(
    rates: tuple[float, float], sizes: tuple[int, int], patience_s: float
) -> dict[str, float]:
    """Pool 1 serves the first queue; pool 2 its own queue first, and helps out with the other.

    States (first pool and queue, second pool and queue): callers of the first queue wait only
    when both pools are busy, so each number tells who is busy and who waits.
    """
    (one, two), mu, theta, most = rates, 1.0 / HANDLE_S, 1.0 / patience_s, 35
    first, second = sizes

    def moves(state: State) -> Iterator[tuple[State, float]]:
        i, j = state
        wait = (max(0, i - first), max(0, j - second))
        if i >= first and j < second:
            yield (i, j + 1), one  # the second pool helps out
        else:
            yield (i + 1, j), one * (wait[0] < most)
        yield (i, j + 1), two * (wait[1] < most)
        yield (i - 1, j), min(i, first) * mu + wait[0] * theta
        # a free agent of the second pool takes its own callers first, then the others
        helps = wait[0] > 0 and wait[1] == 0
        yield ((i - 1, j) if helps else (i, j - 1)), min(j, second) * mu
        yield (i, j - 1), wait[1] * theta

    share = stationary((0, 0), moves)
    line = [sum(max(0, s[k] - sizes[k]) * part for s, part in share.items()) for k in (0, 1)]
    busy = [sum(min(s[k], sizes[k]) * part for s, part in share.items()) for k in (0, 1)]
    full = sum(part for (i, j), part in share.items() if i >= first and j >= second)
    return {
        "one waited": full,
        "two waited": sum(part for (_, j), part in share.items() if j >= second),
        "one wait_s": line[0] / one,  # Little's law
        "two wait_s": line[1] / two,
        "one abandoned": line[0] * theta / one,
        "two abandoned": line[1] * theta / two,
        "one by first": busy[0] * mu / one,
    }


def test_a_second_pool_helps_out_as_much_as_its_chain_says() -> None:
    """Whom a queue asks first, and whom an agent takes first, make one exact Markov chain."""
    site = Site(
        (Queue("one", wrap_up_s=0.0), Queue("two", wrap_up_s=0.0)),
        (
            *pool("first", 4, "one"),
            *pool("second", 3, "one", "two", order={"one": 2, "two": 1}),
        ),
    )
    found = Run(site, 30_000, callers(71, {"one": 140.0, "two": 60.0}, 100.0)).figures
    theory = chain_of_pools((140 / 3600, 60 / 3600), (4, 3), 100.0)
    assert misses({name: found[name] for name in theory}, theory) == {}


def chain_of_overflow(
    rates: tuple[float, float], sizes: tuple[int, int], room: int, patience_s: float
) -> dict[str, float]:
    """Two queues with a pool each: who finds `room` waiting in the first one goes to the second.

    States (callers of the first queue, callers of the second), busy or waiting.
    """
    (one, two), mu, theta, most = rates, 1.0 / HANDLE_S, 1.0 / patience_s, 40
    first, second = sizes

    def moves(state: State) -> Iterator[tuple[State, float]]:
        i, j = state
        there = j - second < most
        if i - first < room:
            yield (i + 1, j), one
            yield (i, j + 1), two * there
        else:
            yield (i, j + 1), (one + two) * there
        yield (i - 1, j), min(i, first) * mu + max(0, i - first) * theta
        yield (i, j - 1), min(j, second) * mu + max(0, j - second) * theta

    share = stationary((0, 0), moves)
    over = sum(part for (i, _), part in share.items() if i - first >= room)
    line = [sum(max(0, s[k] - sizes[k]) * part for s, part in share.items()) for k in (0, 1)]
    taken = (one * (1.0 - over), two + one * over)
    return {
        "one wait_s": line[0] / taken[0],
        "two wait_s": line[1] / taken[1],
        "one abandoned": line[0] * theta / taken[0],
        "two abandoned": line[1] * theta / taken[1],
        "one left": taken[0] / (one + two),
    }


def test_a_full_queue_overflows_as_often_as_its_chain_says() -> None:
    """Two pools with overflow: what the first cannot take is one more load for the second."""
    full = Rule("full", Onward("queue", "two"), 2.0)
    site = Site(
        (Queue("one", wrap_up_s=0.0, rules=(full,)), Queue("two", wrap_up_s=0.0)),
        (*pool("first", 3, "one"), *pool("second", 4, "two")),
    )
    found = Run(site, 30_000, callers(81, {"one": 110.0, "two": 70.0}, 90.0)).figures
    theory = chain_of_overflow((110 / 3600, 70 / 3600), (3, 4), 2, 90.0)
    assert misses({name: found[name] for name in theory}, theory) == {}
