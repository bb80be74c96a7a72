"""What an agent did by the own will, told apart from what routing made of it."""

from __future__ import annotations

from typing import Any

import pytest

from acd import decisions as d
from acd import facts as f
from callcenter.pastdays.figures import OTHER_WORK
from callcenter.pastdays.shifts import AWAY, Desks, Lapse, Shifts
from cti.virtual.phones import Act

A = "anna"
WHY = d.Reason("x")


def state(name: str, reason: str = "", **how: Any) -> d.AgentChanged:
    given = {"intent": "ready", "intent_reason": "", "call": "", "offer": "", "leg": ""} | how
    return d.AgentChanged(
        A,
        name,
        0.0,
        reason,
        given["intent"],
        given["intent_reason"],
        given["call"],
        given["offer"],
        None,
        None,
        given["leg"],
    )


def told(*story: tuple[float, Any]) -> Shifts:
    """Calls of the range are named "c…"."""
    shifts = Shifts()
    desks = Desks(shifts, lambda call: call.startswith("c"))
    for at, decision in story:
        match decision:
            case d.Offer():
                desks.offered(decision, at)
            case d.OfferEnded():
                desks.offer_ended(decision, at)
            case _:
                desks.changed(decision, at)
    desks.end(1000.0)
    return shifts


def offer(call: str = "c1") -> d.Offer:
    return d.Offer("o1", call, A, "sales", 15.0, 0.0, WHY)


def ended(outcome: str, lasted_s: float, call: str = "c1") -> d.OfferEnded:
    return d.OfferEnded("o1", call, A, outcome, lasted_s)


def test_a_day_with_a_break() -> None:
    """In, ready, lunch, ready, out: as it was pressed."""
    shifts = told(
        (1.0, state("not ready", intent="not ready")),
        (2.0, state("ready")),
        (3.0, state("reserved", call="c1")),
        (4.0, state("talking", call="c1")),
        (5.0, state("wrap-up", call="c1")),
        (6.0, state("ready")),
        (7.0, state("not ready", "lunch", intent="not ready")),
        (8.0, state("ready")),
        (9.0, state("offline", intent="offline")),
    )
    assert shifts.presence == [
        (1.0, f.AgentSignedIn(A)),
        (1.0, f.AgentNotReady(A, "not ready")),
        (2.0, f.AgentReady(A)),
        (7.0, f.AgentNotReady(A, "lunch")),
        (8.0, f.AgentReady(A)),
        (9.0, f.AgentSignedOut(A)),
    ]
    assert shifts.lapses == {}


def test_a_wish_counts_from_when_it_was_pressed() -> None:
    """During a call: the break begins when the agent says so, whatever is being talked."""
    talking = {"call": "c1", "intent": "not ready", "intent_reason": "lunch"}
    shifts = told(
        (1.0, state("ready")),
        (2.0, state("talking", call="c1")),
        (3.0, state("talking", **talking)),
        (4.0, state("wrap-up", **talking)),
        (5.0, state("not ready", "lunch", intent="not ready")),
    )
    assert shifts.presence[2:] == [(3.0, f.AgentNotReady(A, "lunch"))]


def test_a_phone_that_was_let_ring_is_a_lapse_and_no_break() -> None:
    """Not there without a word, from the ringing on until Ready is pressed."""
    shifts = told(
        (1.0, state("ready")),
        (10.0, offer()),
        (10.0, state("reserved", call="c1")),
        (25.0, ended("unanswered", 15.0)),
        (25.0, state("not ready", "no answer", intent="not ready")),
        (90.0, state("ready")),
    )
    assert shifts.lapses == {A: [Lapse(10.0, 90.0, Act.IGNORE, 15.0)]}
    assert shifts.presence[2:] == [(90.0, f.AgentReady(A))]


def test_a_lapse_ends_with_the_shift_or_with_what_is_known() -> None:
    """Whoever refused and went home, and whoever never said anything again."""
    refused = (
        (1.0, state("ready")),
        (10.0, offer()),
        (12.0, ended("refused", 2.0)),
        (12.0, state("not ready", "declined", intent="not ready")),
    )
    gone = told(*refused, (50.0, state("offline", intent="offline")))
    assert gone.lapses == {A: [Lapse(10.0, 50.0, Act.REFUSE, 2.0)]}
    assert gone.presence[-1] == (50.0, f.AgentSignedOut(A))
    assert told(*refused).lapses == {A: [Lapse(10.0, 1000.0, Act.REFUSE, 2.0)]}


def test_where_a_missed_call_costs_nothing_the_lapse_is_the_ringing() -> None:
    """With a rule of several misses the agent stays ready."""
    shifts = told(
        (1.0, state("ready")),
        (10.0, offer()),
        (25.0, ended("unanswered", 15.0)),
        (25.0, state("ready")),
    )
    assert shifts.lapses == {A: [Lapse(10.0, 25.0, Act.IGNORE, 15.0)]}


def test_a_break_that_refuses_a_ringing_phone_is_a_break() -> None:
    """Pressing Not ready while it rings is no carelessness."""
    shifts = told(
        (1.0, state("ready")),
        (10.0, offer()),
        (12.0, ended("refused", 2.0)),
        (12.0, state("not ready", "lunch", intent="not ready")),
        (60.0, state("ready")),
    )
    assert shifts.lapses == {}
    assert shifts.presence[2:] == [(12.0, f.AgentNotReady(A, "lunch")), (60.0, f.AgentReady(A))]


@pytest.mark.parametrize(
    "busy", [{"call": "out-1"}, {"call": "c1", "leg": "leg-1"}, {"call": "before"}]
)
def test_other_work_is_time_away(busy: dict[str, str]) -> None:
    """A call that the agent placed, a further leg, a call from before the range."""
    shifts = told(
        (1.0, state("ready")),
        (2.0, state("talking", **busy)),
        (3.0, state("ready")),
    )
    assert shifts.presence[2:] == [(2.0, f.AgentNotReady(A, OTHER_WORK)), (3.0, f.AgentReady(A))]


def test_a_broken_phone_is_time_away() -> None:
    """Until it is whole again."""
    shifts = told((1.0, state("ready")), (2.0, state("fault", "unplugged")), (3.0, state("ready")))
    assert shifts.presence[2:] == [(2.0, f.AgentNotReady(A, "unplugged")), (3.0, f.AgentReady(A))]


def test_while_our_process_was_away_nobody_got_a_call() -> None:
    """Also not in the simulation: it would be better than the day could have been."""
    shifts = Shifts()
    desks = Desks(shifts, lambda call: True)
    desks.changed(state("ready"), 1.0)
    desks.away(10.0, 40.0)
    desks.changed(state("not ready", "lunch", intent="not ready"), 50.0)
    desks.away(60.0, 70.0)
    assert shifts.presence[2:] == [
        (10.0, f.AgentNotReady(A, AWAY)),
        (40.0, f.AgentReady(A)),
        (50.0, f.AgentNotReady(A, "lunch")),
    ]


def test_only_callers_phones_tell_how_fast_an_agent_is() -> None:
    """Answers are kept, shorter than the ringing; other offers say nothing."""
    shifts = told((1.0, offer()), (5.0, ended("accepted", 4.0)))
    assert shifts.answer_s == {A: [4.0]}
    assert told((1.0, offer()), (31.0, ended("accepted", 30.0))).answer_s == {A: [14.5]}
    other = told((1.0, offer("out-1")), (16.0, ended("unanswered", 15.0, "out-1")))
    assert (other.answer_s, other.lapses) == ({}, {})
    assert told((16.0, ended("unanswered", 15.0, "chat-1"))).lapses == {}
