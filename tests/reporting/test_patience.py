"""Patience from censored waits."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from reporting.patience import Survival, Wait, patience_of


def _waits(seed: int, mean_s: float, offered_s: float, callers: int = 2000) -> list[Wait]:
    """Callers with exponential patience, each of whom would be answered at some time."""
    dice = random.Random(seed)
    found = []
    for _ in range(callers):
        patience, answer = dice.expovariate(1 / mean_s), dice.expovariate(1 / offered_s)
        found.append(Wait(min(patience, answer), patience < answer))
    return found


def test_a_known_patience_is_found_in_its_own_interval() -> None:
    """95 of 100 intervals must hold the truth: neither too sure nor too shy."""
    hits = 0
    for seed in range(200):
        found = patience_of(_waits(seed, 90.0, 30.0, 400))
        assert found.low_s is not None
        assert found.high_s is not None
        hits += found.low_s <= 90.0 <= found.high_s
    assert 182 <= hits <= 198


def test_leaving_out_the_answered_would_be_badly_wrong() -> None:
    """The mean wait of those who gave up is no estimate: it is what everybody takes at first."""
    waits = _waits(1, 90.0, 30.0)
    naive = statistics.fmean(wait.waited_s for wait in waits if wait.gave_up)
    found = patience_of(waits)
    assert found.mean_s == pytest.approx(90.0, rel=0.12)
    assert naive < 30.0


def test_nobody_gave_up_means_that_nothing_is_known() -> None:
    """Endless patience is what such a day looks like."""
    assert patience_of([Wait(30.0, False)]).mean_s is None
    assert patience_of([]).mean_s is None
    assert patience_of([Wait(0.0, True)]).mean_s is None
    assert Survival([Wait(30.0, False)], math.inf).outlasting(0.5, 3.0) == math.inf
    assert Survival([], math.inf).median_s() is None


def test_kaplan_and_meier_by_hand() -> None:
    """Five callers, three of whom gave up, one at the moment another was answered."""
    waits = [Wait(s, g) for s, g in ((1, True), (2, False), (3, True), (3, False), (5, True))]
    survival = Survival(waits, 10.0)
    assert survival.times == [1, 3, 5]
    assert survival.shares == pytest.approx([4 / 5, 4 / 5 * 2 / 3, 0.0])
    assert survival.share(0.5) == 1.0
    assert survival.share(1.0) == pytest.approx(0.8)
    assert survival.share(4.9) == pytest.approx(8 / 15)
    assert survival.median_s() == 5
    assert survival.outlasting(0.9, 0.0) == 1
    assert survival.outlasting(0.7, 2.0) == 3
    assert survival.outlasting(0.5, 4.0) == 5


def test_patience_of_any_shape_is_recovered() -> None:
    """People who hear “three minutes” leave around then: no exponential, and found as it is."""
    dice = random.Random(3)
    waits = []
    for _ in range(6000):
        patience = dice.gauss(180.0, 20.0) if dice.random() < 0.7 else dice.uniform(0.0, 60.0)
        answer = dice.expovariate(1 / 150.0)
        waits.append(Wait(min(patience, answer), patience < answer))
    survival = Survival(waits, patience_of(waits).mean_s or 0.0)
    assert survival.share(60.0) == pytest.approx(0.7, abs=0.03)
    assert survival.share(180.0) == pytest.approx(0.35, abs=0.04)


def test_draws_have_the_distribution_that_was_seen() -> None:
    """Conditioned on a wait that was outlasted, too: with exponential patience it is forgotten."""
    waits = _waits(5, 60.0, 60.0, 4000)
    survival = Survival(waits, 60.0)
    dice = random.Random(8)
    drawn = [survival.outlasting(1.0 - dice.random(), 40.0) for _ in range(4000)]
    assert min(drawn) > 40.0
    assert statistics.fmean(drawn) == pytest.approx(100.0, rel=0.05)
    assert sum(one > 40.0 + 60.0 * math.log(2) for one in drawn) / 4000 == pytest.approx(
        0.5, abs=0.04
    )


def test_beyond_the_last_abandon_patience_goes_on() -> None:
    """Whoever outlasted everybody is not taken to hang up at once, nor to wait for ever."""
    survival = Survival([Wait(10.0, True), Wait(20.0, False), Wait(30.0, False)], 60.0)
    assert survival.share(70.0) == pytest.approx(2 / 3 * math.exp(-1.0))
    assert survival.outlasting(math.exp(-1.0), 30.0) == pytest.approx(90.0)
    assert survival.outlasting(math.exp(-0.5), 10.0) == pytest.approx(40.0)
