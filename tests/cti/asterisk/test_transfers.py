"""Blind transfers on a real Asterisk: to a queue, a menu, a number outside; and dialling out."""

from __future__ import annotations

import asyncio

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Phone, PhoneKind, Place, Prompt
from cti.dialing import DialRules
from tests.cti.asterisk.conftest import OUTSIDE, desk_phone

pytestmark = pytest.mark.asterisk

PLACES = ("talking", "held", "ringing", "consulting", "swapped", "conference", "dialled")


async def in_place(desk, place: str) -> str:
    """A call that is there; "dialled" is one that the agent placed."""
    await desk.phone("n49301234", "answer")
    if place == "dialled":
        desk.do(dial_out())
        await desk.facts.wait(e.CallbackConnected)
        return "out-1"
    if place in ("talking", "held", "ringing"):
        call = await desk.talking()
    else:
        call = await desk.consulting()
    if place == "held":
        desk.do(c.HoldCall(call))
        await desk.facts.wait(e.CallHeld)
    elif place == "ringing":
        await desk.phone("deskbert", "ring")
        desk.consult(call, "bert")
        await desk.facts.wait(e.LegRinging)
    elif place == "swapped":
        desk.do(c.SwapLegs(call, "l1"))
        await desk.facts.wait(e.LegsSwapped)
    elif place == "conference":
        desk.do(c.JoinLegs(call))
        await desk.facts.wait(e.ConferenceBegan)
    await asyncio.sleep(0.3)
    return call


def dial_out(**more) -> c.DialCallback:
    order = {"number": OUTSIDE, "caller_id": "+4930777", **more}
    phone = desk_phone("anna")
    return c.DialCallback("out-1", "o7", "anna", phone, ring_s=5.0, dial_s=5.0, **order)


def told_of_legs(desk, place: str, before: e.Fact) -> None:
    """Every further leg was told as over, before that."""
    over = desk.facts.of(e.LegFailed if place == "ringing" else e.LegEnded)
    expected = 1 if place in ("ringing", "consulting", "swapped", "conference") else 0
    assert len(over) == expected
    told = [id(fact) for fact in desk.facts.seen]
    for fact in over:
        assert told.index(id(fact)) < told.index(id(before))


async def alone_in_the_office(desk) -> None:
    """Nobody but the caller has a channel."""
    async with asyncio.timeout(6):
        while "\n1 active channel\n" not in "\n" + (
            text := await desk.lab.office.console("core show channels count")
        ):
            await asyncio.sleep(0.1)
    assert "1 active channel" in text


@pytest.mark.parametrize("place", PLACES)
async def test_a_caller_is_sent_to_a_queue_from_anywhere(desk, ears, place):
    """The agent and every further party are out; the caller waits with music, and is served."""
    call = await in_place(desk, place)
    waited = len(desk.facts.of(e.CallWaiting))
    desk.do(c.StartWaiting(call, "support", 1700000001.5))
    waiting = await desk.facts.wait(e.CallWaiting, call_id=call, skip=waited)
    told_of_legs(desk, place, waiting)
    await alone_in_the_office(desk)
    listened = place in ("consulting", "dialled")  # elsewhere it is enough that they are in it
    caller = "n49301234" if place == "dialled" else "caller"
    if listened:
        await ears.phase("waiting", music=caller)
    await desk.phone("deskcleo", "answer")
    desk.do(c.OfferCall(call, "o2", "cleo", desk_phone("cleo"), 8.0))
    await desk.facts.wait(e.OfferAnswered, call_id=call, agent_id="cleo")
    if listened:
        await ears.phase("served", deskcleo=caller, **{caller: "deskcleo"})
    assert desk.facts.of(e.CallEnded) == []
    await desk.phone_hangs_up("deskcleo")
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.AGENT
    assert desk.facts.of(e.OfferFailed) == []
    assert desk.facts.of(e.OrderFailed) == []
    await desk.nobody_left()
    if listened:
        await ears.check()


@pytest.mark.parametrize("place", ["talking", "consulting", "dialled"])
async def test_a_caller_is_sent_to_a_menu(desk, place):
    """A voice session opens with the flow's state, steps run there, and a queue may follow."""
    call = await in_place(desk, place)
    desk.do(c.StartMenu(call, '{"step": "survey", "say": "ä"}'))
    resumed = await desk.facts.wait(e.IvrResumed, call_id=call)
    assert resumed.flow_state == '{"step": "survey", "say": "ä"}'
    told_of_legs(desk, place, resumed)
    desk.do(c.RunStep(call, 1, c.PlayPrompts((Prompt("hello"),)), "next"))
    assert (await desk.facts.wait(e.StepFinished, call_id=call, step_no=1)).outcome == "done"
    await alone_in_the_office(desk)
    waited = len(desk.facts.of(e.CallWaiting))
    desk.do(c.StartWaiting(call, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call, skip=waited)
    desk.do(c.StartMenu(call, "again"))
    await desk.facts.wait(e.IvrResumed, call_id=call, flow_state="again")
    desk.do(c.StartMenu(call, "twice"))
    assert (await desk.facts.wait(e.OrderFailed)).order == "StartMenu"
    desk.do(c.HangUpCall(call))
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.SYSTEM
    await desk.nobody_left()


@pytest.mark.parametrize("place", ["held", "consulting", "conference", "dialled"])
async def test_a_caller_is_sent_outside_from_anywhere(desk, place):
    """For us the call is over, and everybody of us is out of it."""
    await desk.phone("n49305555", "answer")
    call = await in_place(desk, place)
    desk.do(c.TransferCall(call, "+49305555"))
    ended = await desk.facts.wait(e.CallEnded, call_id=call)
    assert (ended.by, ended.cause) == (EndedBy.SYSTEM, "transferred")
    told_of_legs(desk, place, ended)
    async with asyncio.timeout(6):
        while "2 active channels" not in await desk.lab.office.console("core show channels count"):
            await asyncio.sleep(0.1)
    assert "n49305555" in await desk.rung()
    assert len(desk.facts.of(e.CallEnded)) == 1


@pytest.mark.parametrize("place", PLACES)
async def test_we_hang_up_wherever_the_call_is(desk, place):
    """An order to end the call ends it for everybody, and is told once."""
    call = await in_place(desk, place)
    desk.do(c.HangUpCall(call, "closing time"))
    ended = await desk.facts.wait(e.CallEnded, call_id=call)
    assert (ended.by, ended.cause) == (EndedBy.SYSTEM, "closing time")
    told_of_legs(desk, place, ended)
    await desk.nobody_left()
    assert len(desk.facts.of(e.CallEnded)) == 1


@pytest.mark.parametrize("who", ["the caller", "the party"])
async def test_a_call_handed_to_somebody_outside_lives_until_one_of_them_hangs_up(desk, ears, who):
    """No agent is in it any more; it keeps its id, and tells who ended it."""
    await desk.phone("n49301234", "answer")
    call = await desk.consulting("outside")
    desk.do(c.HandOver(call, "l1"))
    await desk.facts.wait(e.CallHandedOver, leg_id="l1", agent_id="")
    await ears.phase("handed over", caller="n49301234", n49301234="caller")
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    assert (adopted.agent_id, adopted.legs) == ("", ())
    if who == "the caller":
        await desk.caller_hangs_up(desk.record)
    else:
        await desk.phone_hangs_up("n49301234")
    ended = await desk.facts.wait(e.CallEnded, call_id=call)
    assert ended.by is (EndedBy.CALLER if who == "the caller" else EndedBy.SYSTEM)
    await desk.nobody_left()
    await ears.check()


async def test_an_agent_dials_out_with_a_number_of_their_own_and_consults(desk, ears):
    """The customer sees the agent's number; the call can do what every other can."""
    call = await in_place(desk, "dialled")
    assert desk.shown["n49301234"] == "+4930777"
    await ears.phase("talking", n49301234="deskanna", deskanna="n49301234")
    desk.consult(call, "bert")
    await desk.facts.wait(e.LegAnswered, leg_id="l1")
    await ears.phase("asking", music="n49301234", deskanna="deskbert", deskbert="deskanna")
    await desk.disconnect()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted, call_id=call)
    assert (adopted.place, adopted.agent_id) == (Place.CONSULTING, "anna")
    desk.do(c.HandOver(call, "l1"))
    await desk.facts.wait(e.CallHandedOver, leg_id="l1", agent_id="bert")
    await ears.phase("bert's", n49301234="deskbert", deskbert="n49301234")
    await desk.phone_hangs_up("n49301234")
    assert (await desk.facts.wait(e.CallEnded, call_id=call)).by is EndedBy.CALLER
    await desk.nobody_left()
    await ears.check()


@pytest.mark.parametrize(
    "number", ["+49900123", "+1900123", "5000", "+49&PJSIP/1@x", "${SHELL(x)}"]
)
async def test_forbidden_numbers_are_dialled_by_no_order(desk, number):
    """Toll fraud: premium numbers are refused for every way to dial, and nothing changes."""
    call = await desk.talking()
    outside = Phone(PhoneKind.OUTSIDE, number)
    for order in (
        c.DialLeg(call, "l1", "", outside, "", 5.0),
        c.DialLeg(call, "l1", "bert", outside, "", 5.0),
        c.TransferCall(call, number),
        dial_out(number=number),
        c.DialCallback("out-2", "o7", "bert", outside, OUTSIDE, "", 5.0, 5.0),
    ):
        count = len(desk.facts.of(e.OrderFailed))
        desk.do(order)
        failed = await desk.facts.wait(e.OrderFailed, skip=count)
        assert failed.order == type(order).__name__
    assert await desk.rung() == ["deskanna"]
    assert desk.facts.of(e.CallHeld) == desk.facts.of(e.CallEnded) == []


async def test_all_ways_to_dial_share_one_bound(desk):
    """A stolen console cannot dial more than so many numbers a minute, by whatever order."""
    await desk.disconnect()
    await desk.connect(dialling=DialRules(("+49",), per_minute=3))
    await desk.phone("n49301234", "ring")
    call = await desk.talking()
    for number in range(2):
        desk.consult(call, "outside", f"l{number}", ring_s=1.0)
        await desk.facts.wait(e.LegFailed, leg_id=f"l{number}")
    desk.do(dial_out())
    await desk.facts.wait(e.OfferRinging, call_id="out-1")
    for order in (
        c.DialLeg(call, "l9", "", Phone(PhoneKind.OUTSIDE, OUTSIDE), "", 5.0),
        c.TransferCall(call, OUTSIDE),
        c.DialCallback("out-2", "o8", "bert", desk_phone("bert"), OUTSIDE, "", 5.0, 5.0),
    ):
        desk.do(order)
    await asyncio.sleep(0.3)
    refused = [fact.why for fact in desk.facts.of(e.OrderFailed)]
    assert refused == ["more than 3 numbers were dialled in a minute"] * 3
