"""The queueing theory that the simulation is measured by."""

from __future__ import annotations

import math
import random

import pytest

from reporting.erlang import erlang_a, erlang_c


@pytest.mark.parametrize(
    ("agents", "wait", "level", "asa_s", "occupancy"),
    [
        (11, 0.6821182, 0.3896138, 122.7813, 0.909),
        (12, 0.4493882, 0.640158, 40.4449, 0.833),
        (13, 0.2852705, 0.7955948, 17.1162, 0.769),
        (14, 0.1741319, 0.88835, 7.83594, 0.714),
    ],
)
def test_erlang_c_gives_the_published_table(
    agents: int, wait: float, level: float, asa_s: float, occupancy: float
) -> None:
    """The measure itself must be right before anything is measured by it."""
    theory = erlang_c(200 / 3600, 180.0, agents, 20.0)
    assert theory.probability_of_wait == pytest.approx(wait, abs=5e-7)
    assert theory.service_levels["standard"] == pytest.approx(level, abs=5e-6)
    assert theory.mean_wait_s == pytest.approx(asa_s, rel=5e-6)
    assert theory.occupancy == pytest.approx(occupancy, abs=5e-4)


def test_too_few_agents_are_refused() -> None:
    """With load above the agents the line grows for ever; any figure would be a lie."""
    with pytest.raises(ValueError, match="cannot carry"):
        erlang_c(200 / 3600, 180.0, 10, 20.0)


def test_endless_patience_makes_erlang_a_into_erlang_c() -> None:
    """The two theories must meet where they describe the same house."""
    a = erlang_a(200 / 3600, 180.0, 12, 1e7, 20.0)
    c = erlang_c(200 / 3600, 180.0, 12, 20.0)
    assert a.probability_of_wait == pytest.approx(c.probability_of_wait, rel=1e-3)
    assert a.mean_wait_answered_s == pytest.approx(c.mean_wait_s, rel=1e-3)
    assert a.service_levels["negative"] == pytest.approx(c.service_levels["negative"], rel=1e-3)


def test_erlang_a_keeps_its_own_identities() -> None:
    """Flow in equals flow out, and Little's law holds, at overload too."""
    lam, handle, agents, patience = 400 / 3600, 180.0, 15, 45.0
    theory = erlang_a(lam, handle, agents, patience, 20.0)
    served = lam * (1.0 - theory.abandon_rate)
    assert theory.occupancy == pytest.approx(served * handle / agents, rel=1e-9)
    assert theory.mean_wait_s == pytest.approx(theory.abandon_rate * patience, rel=1e-12)
    assert theory.abandon_rate > 0.2


def test_erlang_a_distribution_agrees_with_a_direct_experiment() -> None:
    """The split of waits by T has no table; Lindley-like sampling of one caller checks it."""
    lam, handle, agents, patience, limit = 200 / 3600, 180.0, 10, 60.0, 20.0
    theory = erlang_a(lam, handle, agents, patience, limit)
    dice = random.Random(7)
    free = [0.0] * agents  # when each agent is free next
    now = 0.0
    total = in_time = gave_up_in_time = answered = 0
    waits = 0.0
    for _ in range(200_000):
        now += dice.expovariate(lam)
        first = min(range(agents), key=free.__getitem__)
        wait = max(0.0, free[first] - now)
        stays = dice.expovariate(1 / patience)
        total += 1
        if stays < wait:
            gave_up_in_time += stays <= limit
            continue
        answered += 1
        waits += wait
        in_time += wait <= limit
        free[first] = now + wait + dice.expovariate(1 / handle)
    assert in_time / total == pytest.approx(theory.service_levels["negative"], abs=0.006)
    positive = (in_time + gave_up_in_time) / total
    assert positive == pytest.approx(theory.service_levels["positive"], abs=0.006)
    assert in_time / answered == pytest.approx(theory.service_levels["handled_only"], abs=0.006)
    assert waits / answered == pytest.approx(theory.mean_wait_answered_s, rel=0.04)
    assert not math.isnan(theory.mean_wait_s)


def _by_the_chain(lam: float, handle: float, agents: int, patience: float) -> tuple[float, ...]:
    """Erlang A by the stationary probabilities of how many calls are in the house."""
    logs = [0.0]
    while len(logs) <= agents or logs[-1] > max(logs) - 60.0:
        k = len(logs)
        logs.append(
            logs[-1] + math.log(lam / (min(k, agents) / handle + max(k - agents, 0) / patience))
        )
    weights = [math.exp(value - max(logs)) for value in logs]
    pi = [weight / sum(weights) for weight in weights]
    waiting = sum(max(k - agents, 0) * p for k, p in enumerate(pi))
    busy = sum(min(k, agents) * p for k, p in enumerate(pi))
    return sum(pi[agents:]), waiting / patience / lam, busy / agents


@pytest.mark.parametrize(
    ("lam", "handle", "agents", "patience"),
    [
        (200 / 3600, 180.0, 10, 60.0),
        (14 / 3600, 180.0, 1, 60.0),
        (1.0, 300.0, 1, 30.0),  # three hundred times too much
        (5.0, 300.0, 1500, 90.0),
        (5.0, 300.0, 1400, 5.0),
        (10.0, 300.0, 2000, 600.0),
        (20.0, 300.0, 6100, 60.0),
        (0.001, 60.0, 20, 60.0),  # nearly nobody
        (200 / 3600, 180.0, 12, 1e8),
    ],
)
def test_erlang_a_agrees_with_its_chain_at_any_size(
    lam: float, handle: float, agents: int, patience: float
) -> None:
    """By integrals or by summing states: two ways of reckoning, one result."""
    theory = erlang_a(lam, handle, agents, patience, 20.0)
    found = (theory.probability_of_wait, theory.abandon_rate, theory.occupancy)
    assert found == pytest.approx(_by_the_chain(lam, handle, agents, patience), rel=1e-9)
    assert all(0.0 <= level <= 1.0 + 1e-12 for level in theory.service_levels.values())


@pytest.mark.parametrize("wrong", [(0.0, 180.0, 3, 60.0), (0.1, 180.0, 0, 60.0), (0.1, 1.0, 1, 0)])
def test_senseless_numbers_are_refused(wrong: tuple[float, float, int, float]) -> None:
    """A house without agents or calls has no figures."""
    with pytest.raises(ValueError, match="above 0"):
        erlang_a(*wrong, 20.0)
