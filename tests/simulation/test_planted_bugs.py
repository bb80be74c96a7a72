"""Mistakes planted in the engine, in its rules and in the link: random days find each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import acd.callbacks
import acd.choice
import acd.lines
import acd.matching
import acd.offers
import acd.overflowing
import acd.places
import acd.preferring
import acd.rona
from acd.engine import Engine
from acd.lines import Key, QueueState, Visit
from acd.sharing import Standing
from callcenter.randomdays.day import Day, Violation
from cti import commands as c
from cti import events as e
from cti.calls import OfferFailure
from tests.simulation import broken_engines as broken


def caught(days: int, day: Callable[[int], Day]) -> str:
    """What the first of so many days says that finds something, "" for none."""
    for seed in range(days):
        try:
            day(seed).run()
        except Violation as violation:
            return str(violation)
    return ""


SAID = [
    broken.BackwardsClock,
    broken.BreaksPromisesUnseen,
    broken.ConsultedAgentGetsAnOffer,
    broken.CountedTwice,
    broken.DeafToHours,
    broken.DeafToStaffing,
    broken.ForgetsTheEndOfAnOffer,
    broken.GoneShownAsAnswered,
    broken.HandsOverWithoutTelling,
    broken.LeavesWithoutAbandon,
    broken.LetsEverybodyIn,
    broken.LosesTheLine,
    broken.OneMoreChat,
    broken.SendsOnWithoutSayingSo,
    broken.StuckInReserved,
    broken.TellsWrongPositions,
    broken.TransferredCallerCountedTwice,
    broken.TwoAgentsForOneCall,
]


@pytest.mark.parametrize("bug", SAID)
def test_an_engine_that_hears_or_says_wrong_things_is_caught(bug: type[Engine]) -> None:
    """A harness that has never caught anything may be unable to."""
    assert "replay: callcenter seeds" in caught(60, lambda seed: Day(seed, engine_of=bug))


def _choice_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.choice, "RANKS", dict.fromkeys(acd.choice.RANKS))


def _order_of_queues_is_ignored(patch: pytest.MonkeyPatch) -> None:
    standing = acd.matching.standing

    def flat(key: Any, order: int, turn: float) -> Standing:
        return standing(key, 1, turn)

    patch.setattr(acd.matching, "standing", flat)


def _requirements_never_relax(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.matching, "relaxed", lambda needs, steps: needs)


def _nobody_has_waited_for_too_long(patch: pytest.MonkeyPatch) -> None:
    key_of = acd.lines.key_of

    def blind(visit: Visit) -> Key:
        first, visit.first = visit.first, False
        key = key_of(visit)
        visit.first = first
        return key

    patch.setattr(acd.lines, "key_of", blind)


def _favourites_are_waited_for_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.preferring, "_is_worth_it", lambda floor, visit: True)


def _losers_of_a_round_ring_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.offers, "cancel_all", lambda floor, visit, reason: [])


def _full_and_closed_queues_take_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.overflowing, "leads", acd.overflowing.exists)


def _targets_and_priorities_are_worth_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(QueueState, "share", lambda queue, site: None)


def _no_miss_has_consequences(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.rona, "missed", lambda floor, agent, rule: False)


def _chosen_times_are_now(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.callbacks, "_chosen", lambda floor, due: None if due is None else floor.now)


def _no_place_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(acd.places, "give_back", lambda floor, visit: None)


RULES = [
    _choice_is_ignored,
    _chosen_times_are_now,
    _favourites_are_waited_for_without_end,
    _full_and_closed_queues_take_everybody,
    _losers_of_a_round_ring_on,
    _no_miss_has_consequences,
    _no_place_is_kept,
    _nobody_has_waited_for_too_long,
    _order_of_queues_is_ignored,
    _requirements_never_relax,
    _targets_and_priorities_are_worth_nothing,
]


@pytest.mark.parametrize("bug", RULES)
def test_an_engine_that_breaks_a_rule_is_caught(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule of a site is checked by somebody who reckons it anew."""
    bug(monkeypatch)
    assert re.search(r" s: I\d+", caught(80, Day))  # a rule is broken, nothing just stumbles


def _drop_caller_gone(day: Day) -> None:
    """A ringing leg that outlives its caller: the link never says that the caller left."""
    sink = day.sink

    def deaf(fact: e.Fact) -> None:
        gone = isinstance(fact, e.OfferFailed) and fact.why is OfferFailure.CALLER_GONE
        if not gone and not isinstance(fact, e.CallEnded):
            sink(fact)

    day.switch.connect(deaf)


def _ignore_cancel(day: Day) -> None:
    """A link that loses the order to stop ringing."""
    execute: Any = day.switch.execute

    def lossy(order: c.Order) -> None:
        if not isinstance(order, c.CancelOffer):
            execute(order)

    day.switch.execute = lossy  # type: ignore[method-assign]


def _lose_the_end_of_legs(day: Day) -> None:
    """A link that does not say when a consulted party has left."""
    sink = day.sink
    day.switch.connect(lambda fact: None if isinstance(fact, e.LegEnded) else sink(fact))


@pytest.mark.parametrize("bug", [_drop_caller_gone, _ignore_cancel, _lose_the_end_of_legs])
def test_a_planted_bug_in_the_link_is_caught(bug: Callable[[Day], None]) -> None:
    """Switch links are where most call centers go wrong; the comparison must see it."""

    def day(seed: int) -> Day:
        made = Day(seed)
        bug(made)
        return made

    assert caught(20, day)
