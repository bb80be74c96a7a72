"""Conferences on a real Asterisk: who hears whom, who may leave, and that nobody stays alone."""

from __future__ import annotations

import asyncio

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import MOST_LEGS, EndedBy, Leg, LegState, OfferFailure, Place
from tests.cti.asterisk.conftest import OUTSIDE

pytestmark = pytest.mark.asterisk


async def conference(desk) -> str:
    """Caller, anna and bert (leg "l1") speak together."""
    call = await desk.consulting()
    desk.do(c.JoinLegs(call))
    await desk.facts.wait(e.ConferenceBegan, call_id=call)
    return call


async def rooms(lab) -> str:
    """What Asterisk says of its conference rooms."""
    return await lab.office.console("confbridge list")


async def test_who_hears_whom_while_people_come_and_go(desk, lab, ears):
    """Everybody hears everybody else and not themselves; two who are left talk on directly."""
    await desk.phone("n49301234", "answer")
    call = await conference(desk)
    await ears.phase(
        "three",
        caller="deskanna deskbert",
        deskanna="caller deskbert",
        deskbert="caller deskanna",
    )
    desk.consult(call, "outside", "l2")
    await desk.facts.wait(e.LegAnswered, leg_id="l2", agent_id="")
    await ears.phase(
        "four",
        caller="deskanna deskbert n49301234",
        deskanna="caller deskbert n49301234",
        deskbert="caller deskanna n49301234",
        n49301234="caller deskanna deskbert",
    )
    assert desk.shown["n49301234"] == "+4930999"
    desk.do(c.EndLeg(call, "l2"))
    await desk.facts.wait(e.LegEnded, leg_id="l2")
    assert "trunk-main" in await rooms(lab)
    await desk.phone_hangs_up("deskanna")
    await desk.facts.wait(e.CallHandedOver, leg_id="l1", agent_id="bert")
    await ears.phase("two", caller="deskbert", deskbert="caller")
    assert "trunk-main" not in await rooms(lab), "two talk without a conference room"
    desk.do(c.HoldCall(call))
    await desk.facts.wait(e.CallHeld, skip=1)
    await ears.phase("held", music="caller", deskbert="")
    desk.do(c.RetrieveCall(call))
    await desk.facts.wait(e.CallRetrieved)
    desk.consult(call, "cleo", "l3")
    await desk.facts.wait(e.LegAnswered, leg_id="l3")
    await ears.phase("asked by bert", music="caller", deskbert="deskcleo", deskcleo="deskbert")
    await desk.caller_hangs_up(desk.record)
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.CALLER
    await desk.nobody_left()
    assert desk.facts.of(e.OrderFailed) == []
    await ears.check()


async def test_a_conference_can_begin_while_the_party_waits(desk, ears):
    """Whoever of the two the agent talks with: joined, all three hear each other."""
    call = await desk.consulting()
    desk.do(c.SwapLegs(call, "l1"))
    await desk.facts.wait(e.LegsSwapped)
    desk.do(c.JoinLegs(call))
    await desk.facts.wait(e.ConferenceBegan)
    await ears.phase(
        "three",
        caller="deskanna deskbert",
        deskanna="caller deskbert",
        deskbert="caller deskanna",
    )
    await desk.phone_hangs_up("deskbert")
    await desk.facts.wait(e.LegEnded, leg_id="l1", agent_id="bert")
    await ears.phase("two", caller="deskanna", deskanna="caller")
    await desk.phone_hangs_up("deskanna")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    await desk.nobody_left()
    await ears.check()


@pytest.mark.parametrize("away", [False, True])
async def test_a_caller_who_leaves_ends_the_conference(desk, away):
    """There is nothing to talk about without the caller; with us away it is the same."""
    call = await conference(desk)
    await asyncio.sleep(0.5)  # Asterisk keeps the announcer of a room that ends as it opens
    if away:
        await desk.disconnect()
    await desk.caller_hangs_up(desk.record)
    if away:
        await desk.nobody_left()
        desk.facts.seen.clear()
        await desk.connect()
        assert (await desk.facts.wait(e.LinkUp)).calls == ()
        return
    ended = await desk.facts.wait(e.CallEnded, call_id=call)
    assert ended.by is EndedBy.CALLER
    left = await desk.facts.wait(e.LegEnded, leg_id="l1")
    assert desk.facts.seen.index(left) < desk.facts.seen.index(ended)
    await desk.nobody_left()


@pytest.mark.parametrize("away", [False, True])
async def test_nobody_stays_alone_in_a_room(desk, away):
    """When everybody else has left, the last one is hung up; with us away it is the same."""
    call = await conference(desk)
    if away:
        await desk.disconnect()
        await desk.phone_hangs_up("deskbert")
        await asyncio.sleep(0.3)
        await desk.phone_hangs_up("deskanna")
    else:
        await desk.phone("deskcleo", "ring")
        desk.consult(call, "cleo", "l2")  # so that the room stays open
        await desk.facts.wait(e.LegRinging, leg_id="l2")
        await desk.phone_hangs_up("deskbert")
        await desk.facts.wait(e.LegEnded, leg_id="l1")
        await desk.phone_hangs_up("deskanna")
        await desk.facts.wait(e.LegFailed, leg_id="l2", why=OfferFailure.CANCELLED)
        assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.AGENT
    await desk.nobody_left()


async def test_the_agent_chooses_who_has_the_call_then(desk, ears):
    """Of several the one who is named; the call ends as the switch's when nobody of us is in it."""
    await desk.phone("n49301234", "answer")
    call = await conference(desk)
    desk.consult(call, "outside", "l2")
    await desk.facts.wait(e.LegAnswered, leg_id="l2")
    desk.do(c.HandOver(call, "l2"))
    await desk.facts.wait(e.CallHandedOver, leg_id="l2", agent_id="")
    await ears.phase(
        "without anna",
        caller="deskbert n49301234",
        deskbert="caller n49301234",
        n49301234="caller deskbert",
    )
    await desk.phone_hangs_up("deskbert")
    await desk.facts.wait(e.LegEnded, leg_id="l1")
    await ears.phase("outside", caller="n49301234", n49301234="caller")
    await desk.phone_hangs_up("n49301234")
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.SYSTEM
    await desk.nobody_left()
    await ears.check()


async def test_a_conference_is_taken_up_after_a_restart(desk, ears):
    """Killed in the middle of it: place and legs are told, and orders go on working."""
    await desk.phone("n49301234", "answer")
    call = await conference(desk)
    desk.consult(call, "outside", "l2")
    await desk.facts.wait(e.LegAnswered, leg_id="l2")
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    assert (adopted.place, adopted.agent_id) == (Place.CONFERENCE, "anna")
    assert set(adopted.legs) == {
        Leg("l1", "bert", "", LegState.TALKING),
        Leg("l2", "", OUTSIDE, LegState.TALKING),
    }
    await ears.phase("adopted", caller="deskanna deskbert n49301234")
    desk.consult(call, "cleo", "l3")
    await desk.facts.wait(e.LegAnswered, leg_id="l3")
    desk.do(c.EndLeg(call, "l1"))
    await desk.facts.wait(e.LegEnded, leg_id="l1")
    desk.do(c.EndLeg(call, "l2"))
    await desk.facts.wait(e.LegEnded, leg_id="l2")
    await ears.phase("three", caller="deskanna deskcleo")
    await desk.disconnect()
    await desk.phone_hangs_up("deskanna")
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    over = await desk.facts.wait(e.CallHandedOver, leg_id="l3", agent_id="cleo")
    assert desk.facts.seen.index(adopted) < desk.facts.seen.index(over)
    await ears.phase("cleo's", caller="deskcleo", deskcleo="caller")
    await desk.phone_hangs_up("deskcleo")
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.AGENT
    await ears.check()


async def test_a_conference_is_bounded_and_cannot_be_held(desk):
    """Wrong and endless orders are refused, and the conference goes on."""
    call = await conference(desk)
    await desk.phone("n49301234", "ring")
    for number in range(2, MOST_LEGS + 1):
        desk.consult(call, "outside", f"l{number}", ring_s=20.0)
    await desk.facts.wait(e.LegRinging, skip=MOST_LEGS - 1)
    assert desk.facts.of(e.OrderFailed) == []
    desk.consult(call, "cleo", "one-more")
    desk.do(c.HoldCall(call))
    desk.do(c.RetrieveCall(call))
    desk.do(c.JoinLegs(call))
    desk.do(c.SwapLegs(call, "l1"))
    desk.do(c.HandOver(call, "l2"))
    await asyncio.sleep(0.3)
    refused = [fact.order for fact in desk.facts.of(e.OrderFailed)]
    wrong = ["DialLeg", "HoldCall", "RetrieveCall", "JoinLegs", "SwapLegs", "HandOver"]
    assert refused == wrong
    desk.do(c.HangUpCall(call))
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.SYSTEM
    assert len(desk.facts.of(e.LegFailed)) == MOST_LEGS - 1
    await desk.nobody_left()
