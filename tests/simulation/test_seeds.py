"""Random small days: every invariant holds in each, and a day that breaks one is made small."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import get_args

import pytest
from typer.testing import CliRunner

from acd.site import Choice
from callcenter.cli import app
from callcenter.randomdays.day import Day
from callcenter.randomdays.many import Played, explain, play_many
from callcenter.randomdays.plan import Plan, plan_of
from callcenter.randomdays.shrinking import shrink, violation_of
from tests.simulation.broken_engines import (
    ConsultedAgentGetsAnOffer,
    CountedTwice,
    StuckInReserved,
)

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
    rare = {name: total.in_days[name] for name in USUAL if total.in_days[name] < SEEDS * 0.03}
    assert rare == {}


USUAL = (
    *(f"AgentChanged {state}" for state in ("conference", "consulting", "fault", "held")),
    *(f"CallCompleted {onward}" for onward in ("agent", "menu", "outside", "parked", "queue")),
    "CallEntered place-kept",
    *(f"CallLeft {outcome}" for outcome in ("abandoned", "answered", "callback", "expired")),
    *(f"CallLeft {outcome}" for outcome in ("not reached", "overflowed", "reached", "withdrawn")),
    "CallTaken",
    *(f"CallTurnedAway turned-{why}" for why in ("closed", "full", "nobody", "wait")),
    *(f"CallbackChanged {state}" for state in ("due later", "retry")),
    *(f"ItemChanged {state}" for state in ("done", "withdrawn", "working")),
    *(f"Offer {choice}" for choice in get_args(Choice)),
    *(f"Offer {why}" for why in ("first-in-order", "only-free", "picked", "preferred-agent")),
    *(f"Offer {why}" for why in ("ring-several", "starved", "transferred-to-agent")),
    *(f"OfferEnded {how}" for how in ("cancelled", "refused", "unanswered", "unreachable")),
    *(f"PositionTold position-{how}" for how in ("better", "same", "worse")),
    "QueueChanged",
    "RequirementRelaxed",
    *(f"SendOn {why}" for why in ("closing-time", "left-alone", "overflow")),
    "StaffingChanged",
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


def test_a_day_with_a_planted_bug_is_made_small() -> None:
    """Nobody finds a mistake among thousands of steps; among a dozen everybody does."""
    for bug in (CountedTwice, StuckInReserved, ConsultedAgentGetsAnOffer):
        for seed in range(30):
            small = shrink(plan_of(seed), bug)
            if small is not None:
                break
        else:
            pytest.fail(f"{bug.__name__} was not caught")
        assert len(small.plan.happenings) <= 6, small
        assert len(small.plan.site.queues) == 1
        assert len(small.plan.site.agents) <= 4
        assert len(small.story(bug).splitlines()) < 80
        assert violation_of(small.plan, bug) is not None
        assert violation_of(small.plan) is None  # it is the bug, not the day


def test_the_command_plays_one_day_or_many_and_makes_small_what_breaks() -> None:
    """What a failing test names must be what a person can type."""
    run = CliRunner()
    one = run.invoke(app, ["seeds", "11"])
    assert one.exit_code == 0
    assert "CallArrived(call_id=c" in one.stdout
    assert "seed 11: " in one.stdout.splitlines()[-1]
    many = run.invoke(app, ["seeds", "11", "--count", "3"])
    assert many.exit_code == 0
    assert many.stdout.splitlines()[-1].startswith("3 days, ")
    assert "no violation" in run.invoke(app, ["seeds", "11", "--shrink"]).stdout
