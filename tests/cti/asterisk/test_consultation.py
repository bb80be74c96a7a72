"""Consultations on a real Asterisk: who hears whom, and that nobody is lost whoever leaves."""

from __future__ import annotations

import asyncio

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Leg, LegState, OfferFailure, Phone, PhoneKind, Place

pytestmark = pytest.mark.asterisk


async def test_who_hears_whom_from_the_question_to_the_hand_over(desk, ears):
    """While the agent asks, the caller hears music and neither of them; then who has the call."""
    call = await desk.talking()
    await ears.phase("talking", caller="deskanna", deskanna="caller")
    await desk.phone("deskbert", "ring")
    desk.consult(call, "bert", ring_s=3.0)
    await desk.facts.wait(e.CallHeld, call_id=call)
    await desk.facts.wait(e.LegRinging, leg_id="l1", agent_id="bert")
    await ears.phase("ringing", music="caller deskanna")  # the agent hears it ring
    await desk.facts.wait(e.LegFailed, leg_id="l1", why=OfferFailure.NO_ANSWER)
    await ears.phase("nobody there", music="caller", deskanna="")
    await desk.phone("deskbert", "answer")
    desk.consult(call, "bert", "l2")
    await desk.facts.wait(e.LegAnswered, leg_id="l2", agent_id="bert")
    await ears.phase("consulting", music="caller", deskanna="deskbert", deskbert="deskanna")
    desk.do(c.SwapLegs(call, "l2"))
    await desk.facts.wait(e.LegsSwapped, leg_id="l2", caller_held=False)
    await ears.phase("swapped", music="deskbert", deskanna="caller", caller="deskanna")
    desk.do(c.SwapLegs(call, "l2"))
    await desk.facts.wait(e.LegsSwapped, leg_id="l2", caller_held=True)
    await ears.phase("back", music="caller", deskanna="deskbert", deskbert="deskanna")
    desk.do(c.HandOver(call, "l2"))
    over = await desk.facts.wait(e.CallHandedOver)
    assert (over.call_id, over.leg_id, over.agent_id) == (call, "l2", "bert")
    await ears.phase("handed over", caller="deskbert", deskbert="caller")
    desk.do(c.HoldCall(call))
    await desk.facts.wait(e.CallHeld, skip=1)
    await ears.phase("held by bert", music="caller", deskbert="")
    desk.do(c.RetrieveCall(call))
    await desk.facts.wait(e.CallRetrieved)
    await ears.phase("retrieved", caller="deskbert", deskbert="caller")
    await desk.phone_hangs_up("deskbert")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    assert len(desk.facts.of(e.CallHeld)) == 2, "the first hold lasts through the consultation"
    assert desk.facts.of(e.OrderFailed) == []
    await desk.nobody_left()
    await ears.check()


async def test_a_party_that_is_not_reached_says_why_and_the_agent_takes_the_caller_back(desk, ears):
    """Four ways to get nobody; after each the caller still hears music, and can be retrieved."""
    call = await desk.talking()
    desk.do(c.HoldCall(call))
    await desk.facts.wait(e.CallHeld)
    for act, agent, why in (
        ("ring", "bert", OfferFailure.NO_ANSWER),
        ("refuse", "bert", OfferFailure.REFUSED),
        ("congestion", "bert", OfferFailure.UNREACHABLE),
        ("answer", "gone", OfferFailure.UNREACHABLE),
        ("answer", "nobody", OfferFailure.UNREACHABLE),
    ):
        await desk.phone("deskbert", act)
        desk.consult(call, agent, f"{agent}-{act}", ring_s=1.0)
        failed = await desk.facts.wait(e.LegFailed, leg_id=f"{agent}-{act}")
        assert (failed.agent_id, failed.why) == (agent, why), act
    await desk.phone("deskbert", "ring")
    desk.consult(call, "bert", "at-once")
    desk.do(c.EndLeg(call, "at-once"))
    await desk.facts.wait(e.LegFailed, leg_id="at-once", why=OfferFailure.CANCELLED)
    desk.consult(call, "bert", "later")
    await desk.facts.wait(e.LegRinging, leg_id="later")
    desk.do(c.EndLeg(call, "later"))
    await desk.facts.wait(e.LegFailed, leg_id="later", why=OfferFailure.CANCELLED)
    desk.do(c.RetrieveCall(call))
    await desk.facts.wait(e.CallRetrieved)
    await ears.phase("retrieved", caller="deskanna", deskanna="caller")
    assert len(desk.facts.of(e.CallHeld)) == 1
    assert desk.facts.of(e.OrderFailed) == []
    desk.do(c.HangUpCall(call))
    await desk.facts.wait(e.CallEnded)
    await desk.nobody_left()
    await ears.check()


@pytest.mark.parametrize("how", ["the party hangs up", "the agent ends it", "while it waits"])
async def test_a_party_that_leaves_is_told_and_the_call_goes_on(desk, ears, how):
    """After the consultation agent and caller find each other again."""
    call = await desk.consulting()
    await asyncio.sleep(0.3)
    if how == "while it waits":
        desk.do(c.SwapLegs(call, "l1"))
        await desk.facts.wait(e.LegsSwapped)
    if how == "the agent ends it":
        desk.do(c.EndLeg(call, "l1"))
    else:
        await desk.phone_hangs_up("deskbert")
    await desk.facts.wait(e.LegEnded, leg_id="l1", agent_id="bert")
    if how != "while it waits":
        await ears.phase("alone", music="caller", deskanna="")
        desk.do(c.RetrieveCall(call))
        await desk.facts.wait(e.CallRetrieved)
    await ears.phase("together", caller="deskanna", deskanna="caller")
    await desk.caller_hangs_up(desk.record)
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.CALLER
    await desk.nobody_left()
    await ears.check()


@pytest.mark.parametrize("when", ["answered", "swapped", "ringing", "while we are away"])
async def test_an_agent_who_hangs_up_leaves_the_caller_with_the_party(desk, ears, when):
    """To hang up completes the transfer, also of a phone that still rings."""
    call = await desk.talking()
    await desk.phone("deskbert", "late" if when == "ringing" else "answer")
    desk.consult(call, "bert")
    fact = e.LegRinging if when == "ringing" else e.LegAnswered
    await desk.facts.wait(fact, leg_id="l1")
    if when == "swapped":
        desk.do(c.SwapLegs(call, "l1"))
        await desk.facts.wait(e.LegsSwapped)
    if when == "while we are away":
        await desk.disconnect()
    await asyncio.sleep(0.3)
    await desk.phone_hangs_up("deskanna")
    if when == "while we are away":
        await asyncio.sleep(0.5)
        desk.facts.seen.clear()
        await desk.connect()
        adopted = await desk.facts.wait(e.CallAdopted)
        assert (adopted.place, adopted.agent_id, adopted.legs) == (Place.TALKING, "bert", ())
    else:
        await desk.facts.wait(e.CallHandedOver, leg_id="l1", agent_id="bert")
    await ears.phase("transferred", caller="deskbert", deskbert="caller")
    assert desk.facts.of(e.CallEnded) == []
    await desk.phone_hangs_up("deskbert")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    await desk.nobody_left()
    await ears.check()


async def test_an_agent_who_hangs_up_on_a_phone_that_nobody_answers_ends_the_call(desk):
    """The caller is not left with the music for ever, and is told as ended by the agent."""
    call = await desk.talking()
    await desk.phone("deskbert", "ring")
    desk.consult(call, "bert", ring_s=2.0)
    await desk.facts.wait(e.LegRinging)
    await desk.phone_hangs_up("deskanna")
    await desk.facts.wait(e.LegFailed, leg_id="l1", why=OfferFailure.NO_ANSWER)
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.AGENT
    await desk.nobody_left()


@pytest.mark.parametrize("when", ["ringing", "answered", "swapped"])
async def test_a_caller_who_hangs_up_takes_everybody_along(desk, when):
    """No phone rings on, and nobody talks on, for a caller who is gone."""
    call = await desk.talking()
    await desk.phone("deskbert", "ring" if when == "ringing" else "answer")
    desk.consult(call, "bert")
    await desk.facts.wait(e.LegRinging if when == "ringing" else e.LegAnswered)
    if when == "swapped":
        desk.do(c.SwapLegs(call, "l1"))
        await desk.facts.wait(e.LegsSwapped)
    await asyncio.sleep(0.2)
    await desk.caller_hangs_up(desk.record)
    ended = await desk.facts.wait(e.CallEnded, call_id=call)
    assert ended.by is EndedBy.CALLER
    told = e.LegFailed if when == "ringing" else e.LegEnded
    fact = await desk.facts.wait(told, leg_id="l1")
    assert desk.facts.seen.index(fact) < desk.facts.seen.index(ended)
    await desk.nobody_left()


@pytest.mark.parametrize("swapped", [False, True])
async def test_a_consultation_is_taken_up_after_a_restart(desk, ears, swapped):
    """Killed in the middle of it: the same legs, the same people hear each other, orders work."""
    call = await desk.consulting()
    if swapped:
        desk.do(c.SwapLegs(call, "l1"))
        await desk.facts.wait(e.LegsSwapped)
    await desk.disconnect()
    desk.facts.seen.clear()
    await asyncio.sleep(0.3)
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    assert adopted.agent_id == "anna"
    assert adopted.place is (Place.TALKING if swapped else Place.CONSULTING)
    state = LegState.HELD if swapped else LegState.TALKING
    assert adopted.legs == (Leg("l1", "bert", "", state),)
    desk.do(c.SwapLegs(call, "l1"))
    await desk.facts.wait(e.LegsSwapped, caller_held=swapped)
    desk.do(c.HandOver(call, "l1"))
    await desk.facts.wait(e.CallHandedOver, leg_id="l1", agent_id="bert")
    await ears.phase("handed over", caller="deskbert", deskbert="caller")
    await desk.phone_hangs_up("deskbert")
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.AGENT
    await desk.nobody_left()
    await ears.check()


async def test_a_phone_that_rings_is_taken_up_after_a_restart(desk):
    """The leg is known again while it rings, and can be ended."""
    call = await desk.talking()
    await desk.phone("deskbert", "ring")
    desk.consult(call, "bert", ring_s=30.0)
    await desk.facts.wait(e.LegRinging)
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    assert adopted.place is Place.CONSULTING
    assert adopted.legs == (Leg("l1", "bert", "", LegState.RINGING),)
    desk.do(c.EndLeg(call, "l1"))
    await desk.facts.wait(e.LegFailed, leg_id="l1", why=OfferFailure.CANCELLED)
    desk.do(c.RetrieveCall(call))
    await desk.facts.wait(e.CallRetrieved)


async def test_orders_that_do_not_fit_are_refused_and_change_nothing(desk):
    """Every wrong step gets an answer, and the consultation goes on as it was."""
    call = await desk.waiting()
    wrong = [
        c.DialLeg(call, "l1", "bert", Phone(PhoneKind.DESK, "bert"), "", 5.0),
        c.EndLeg(call, "l1"),
        c.SwapLegs(call, "l1"),
        c.JoinLegs(call),
        c.HandOver(call, "l1"),
        c.DialLeg("no-call", "l1", "bert", Phone(PhoneKind.DESK, "bert"), "", 5.0),
    ]
    for order in wrong:
        desk.do(order)
    desk.do(c.OfferCall(call, "o1", "anna", Phone(PhoneKind.DESK, "anna"), 8.0))
    await desk.facts.wait(e.OfferAnswered)
    assert len(desk.facts.of(e.OrderFailed)) == len(wrong)
    desk.facts.seen.clear()
    desk.consult(call, "bert")
    await desk.facts.wait(e.LegAnswered)
    wrong = [
        c.DialLeg(call, "l1", "cleo", Phone(PhoneKind.DESK, "cleo"), "", 5.0),
        c.DialLeg(call, "l2", "cleo", Phone(PhoneKind.DESK, "cleo"), "", 5.0),
        c.DialLeg(call, "l${SHELL(x)}", "cleo", Phone(PhoneKind.DESK, "cleo"), "", 5.0),
        c.DialLeg(call, "l2", "../x", Phone(PhoneKind.DESK, "cleo"), "", 5.0),
        c.DialLeg(call, "l2", "", Phone(PhoneKind.DESK, "cleo"), "", 5.0),
        c.HoldCall(call),
        c.RetrieveCall(call),
        c.EndLeg(call, "l2"),
        c.SwapLegs(call, "l2"),
        c.HandOver(call, "l2"),
    ]
    for order in wrong:
        desk.do(order)
    await asyncio.sleep(0.3)
    assert len(desk.facts.of(e.OrderFailed)) == len(wrong)
    desk.do(c.EndLeg(call, "l1"))
    await desk.facts.wait(e.LegEnded, leg_id="l1")
    assert await desk.rung() == ["deskanna", "deskbert"]
