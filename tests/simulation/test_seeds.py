"""Random small days: every invariant holds in each, and planted bugs are caught."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Site
from callcenter.randomdays.day import Day, Violation
from callcenter.randomdays.many import Played, explain, play_many
from callcenter.randomdays.plan import Plan, plan_of
from callcenter.randomdays.shrinking import shrink, violation_of
from cti import commands as c
from cti import events as e
from cti.calls import OfferFailure

SEEDS = int(os.environ.get("CALLCENTER_SEEDS", "1000"))
CORES = os.cpu_count() or 1


def test_no_day_breaks_an_invariant() -> None:
    """Refusals, silence, lost phones and repeated facts in any order must leave one true story."""
    total = Played()
    for played in play_many(range(SEEDS), workers=CORES):
        total += played
    if total.violations:
        others = "\n".join(map(str, total.violations[1:]))
        pytest.fail(f"{explain(total.violations[0])}\n\n{others}")
    # The days must be worth their name: everything happened, and not only now and then.
    rare = {name: total.in_days[name] for name in USUAL if total.in_days[name] < SEEDS * 0.1}
    assert rare == {}


USUAL = (
    "AgentChanged conference",
    "AgentChanged consulting",
    "AgentChanged fault",
    "AgentChanged held",
    "CallCompleted agent",
    "CallCompleted menu",
    "CallCompleted outside",
    "CallCompleted parked",
    "CallCompleted queue",
    "CallLeft abandoned",
    "CallLeft answered",
    "CallLeft callback",
    "CallLeft expired",
    "CallLeft not reached",
    "CallLeft overflowed",
    "CallLeft reached",
    "CallLeft withdrawn",
    "CallTaken",
    "CallbackChanged retry",
    "Offer longest-idle",
    "Offer only-free",
    "Offer picked",
    "OfferEnded cancelled",
    "OfferEnded refused",
    "OfferEnded unanswered",
    "OfferEnded unreachable",
)


def test_a_seed_replays_exactly() -> None:
    """A failure that cannot be seen again cannot be mended."""

    def story(seed: int) -> list[tuple[float, str]]:
        told: list[tuple[float, str]] = []
        Day(seed, trace=lambda at, what: told.append((at, repr(what)))).run()
        return told

    assert story(11) == story(11)
    assert story(11) != story(12)


def test_leaving_one_thing_out_leaves_the_others_as_they_are() -> None:
    """A day can only be made small if its parts do not hang together by their dice."""
    plan = plan_of(11)
    calls = [x for x in plan.happenings if x.kind == "call"]

    def callers(plan: Plan) -> list[str]:
        told: list[str] = []
        Day(plan, trace=lambda at, what: told.append(f"{at} {what!r}")).run()
        return [line for line in told if "CallArrived" in line]

    without = replace(plan, happenings=tuple(x for x in plan.happenings if x is not calls[5]))
    lost = set(callers(plan)) - set(callers(without))
    assert {line.split("call_id='")[1].split("'")[0] for line in lost} == {f"c{calls[5].number}"}


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

    with pytest.raises(Violation, match=r"replay: callcenter seeds \d+"):
        days()


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

    def days() -> None:
        for seed in range(20):
            day = Day(seed)
            bug(day)
            day.run()

    with pytest.raises(Violation):
        days()


def test_a_day_with_a_planted_bug_is_made_small() -> None:
    """Nobody finds a mistake among thousands of steps; among a dozen everybody does."""
    for bug in (CountedTwice, StuckInReserved, ConsultedAgentGetsAnOffer):
        for seed in range(30):
            small = shrink(plan_of(seed), bug)
            if small is not None:
                break
        else:
            pytest.fail(f"{bug.__name__} was not caught")
        assert len(small.plan.happenings) <= 5, small
        assert len(small.plan.site.queues) == 1
        assert len(small.plan.site.agents) <= 3
        assert len(small.story(bug).splitlines()) < 60
        assert violation_of(small.plan, bug) is not None
        assert violation_of(small.plan) is None  # it is the bug, not the day
