"""Random small days: every invariant holds in each, and planted bugs are caught."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Site
from callcenter.seeds import Day, Outcome, Violation
from cti import commands as c
from cti import events as e
from cti.calls import OfferFailure

SEEDS = int(os.environ.get("CALLCENTER_SEEDS", "200"))
PART = 20


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_day_breaks_an_invariant(first: int) -> None:
    """Refusals, silence, lost phones and repeated facts in any order must leave one true story."""
    total: Counter[str] = Counter()
    for seed in range(first, first + PART):
        outcome = Day(seed).run()  # a violation names the command that replays its seed
        total += Counter({name: getattr(outcome, name) for name in Outcome.__slots__})
    # The days must be worth their name: something of everything happened.
    assert total["answered"] > 5 * PART
    assert total["abandoned"] > 2 * PART
    assert total["callbacks"] > 0
    assert total["refused_facts"] > PART
    assert total["transferred"] > PART / 2
    assert total["handed_over"] + total["conferences"] > 0
    assert total["placed"] > 0


def test_a_seed_replays_exactly() -> None:
    """A failure that cannot be seen again cannot be mended."""

    def story(seed: int) -> list[tuple[float, str]]:
        told: list[tuple[float, str]] = []
        Day(seed, trace=lambda at, what: told.append((at, repr(what)))).run()
        return told

    assert story(11) == story(11)
    assert story(11) != story(12)


class Broken(Engine):
    """The real engine with a planted bug."""

    def tick(self, now: float) -> list[d.Decision]:
        return self.spoil(super().tick(now))

    def handle(self, fact: f.Fact, now: float) -> list[d.Decision]:
        if self.swallow(fact):
            return []
        return self.spoil(super().handle(fact, now))

    def swallow(self, fact: f.Fact) -> bool:
        return False

    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return decisions


class LeavesWithoutAbandon(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.CallerGone)


class StuckInReserved(Broken):
    def swallow(self, fact: f.Fact) -> bool:
        return isinstance(fact, f.OfferUnanswered | f.OfferDeclined | f.OfferUnreachable)


class CountedTwice(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        left = [x for x in decisions if isinstance(x, d.CallLeft)]
        return [*decisions, *left]


class GoneShownAsAnswered(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [
            replace(x, outcome="answered")
            if isinstance(x, d.CallLeft) and x.outcome == "abandoned"
            else x
            for x in decisions
        ]


class TwoAgentsForOneCall(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        more = [
            replace(x, offer=x.offer + "b", agent="able")
            for x in decisions
            if isinstance(x, d.Offer) and x.agent != "able"
        ]
        return [*decisions, *more]


class ForgetsTheEndOfAnOffer(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [x for x in decisions if not isinstance(x, d.OfferEnded)]


class BackwardsClock(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [
            replace(x, talk_s=-x.talk_s - 1) if isinstance(x, d.CallCompleted) else x
            for x in decisions
        ]


class LosesTheLine(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [x for x in decisions if not isinstance(x, d.CallEntered)]


class ConsultedAgentGetsAnOffer(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        on_legs = [agent.id for agent in self.agents.values() if agent.leg]
        more = [
            replace(x, offer=x.offer + "b", agent=agent)
            for x in decisions
            if isinstance(x, d.Offer)
            for agent in on_legs[:1]
        ]
        return [*decisions, *more]


class TransferredCallerCountedTwice(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        gone = {x.call for x in decisions if isinstance(x, d.CallCompleted) and x.onward}
        again = [x for x in decisions if isinstance(x, d.CallEntered) and x.call in gone]
        return [*decisions, *again]


class HandsOverWithoutTelling(Broken):
    def spoil(self, decisions: list[d.Decision]) -> list[d.Decision]:
        return [x for x in decisions if not isinstance(x, d.CallTaken)]


@pytest.mark.parametrize(
    "bug",
    [
        ConsultedAgentGetsAnOffer,
        TransferredCallerCountedTwice,
        HandsOverWithoutTelling,
        LeavesWithoutAbandon,
        StuckInReserved,
        CountedTwice,
        GoneShownAsAnswered,
        TwoAgentsForOneCall,
        ForgetsTheEndOfAnOffer,
        BackwardsClock,
        LosesTheLine,
    ],
)
def test_a_planted_bug_in_the_engine_is_caught(bug: Callable[[Site], Engine]) -> None:
    """A harness that has never caught anything may be unable to."""

    def days() -> None:
        for seed in range(30):
            Day(seed, engine_of=bug).run()

    with pytest.raises(Violation, match=r"replay: python -m callcenter\.seeds \d+"):
        days()


def _drop_caller_gone(day: Day) -> None:
    """A ringing leg that outlives its caller: the link never says that the caller left."""
    sink = day._sink

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
    sink = day._sink
    day.switch.connect(lambda fact: None if isinstance(fact, e.LegEnded) else sink(fact))


@pytest.mark.parametrize("bug", [_drop_caller_gone, _ignore_cancel, _lose_the_end_of_legs])
def test_a_planted_bug_in_the_link_is_caught(bug: Callable[[Day], None]) -> None:
    """Switch links are where most call centers go wrong; the comparison must see it."""

    def days() -> None:
        for seed in range(20):
            day = Day(seed)
            bug(day)
            day.run()

    with pytest.raises(Violation):
        days()
