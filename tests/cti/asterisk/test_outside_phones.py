"""Agents at outside phones: only a digit shows that it is the agent who answered."""

from __future__ import annotations

import asyncio

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place
from tests.cti.asterisk.conftest import OUTSIDE, desk_phone

pytestmark = pytest.mark.asterisk

AT_HOME = Phone(PhoneKind.OUTSIDE, OUTSIDE)
HOME = "n49301234"


def offer(call: str, name: str = "o1", ring_s: float = 3.0) -> c.OfferCall:
    return c.OfferCall(call, name, "anna", AT_HOME, ring_s)


async def test_the_digit_connects_and_until_then_the_caller_hears_music(desk, ears):
    """Picking up is not enough; then it is a call like any other, with hold and consultation."""
    await desk.phone(HOME, "press1")
    call = await desk.waiting()
    desk.do(offer(call))
    await desk.facts.wait(e.OfferRinging, agent_id="anna")
    await ears.phase("asked", music="caller")
    assert desk.facts.of(e.OfferAnswered) == []
    await desk.facts.wait(e.OfferAnswered, call_id=call, offer_id="o1", agent_id="anna")
    await ears.phase("talking", caller=HOME, **{HOME: "caller"})
    desk.do(c.HoldCall(call))
    await desk.facts.wait(e.CallHeld)
    await ears.phase("held", music="caller", **{HOME: ""})
    desk.consult(call, "bert")
    await desk.facts.wait(e.LegAnswered, leg_id="l1")
    await ears.phase("asking", music="caller", deskbert=HOME, **{HOME: "deskbert"})
    desk.do(c.JoinLegs(call))
    await desk.facts.wait(e.ConferenceBegan)
    await ears.phase("three", caller=f"{HOME} deskbert", **{HOME: "caller deskbert"})
    await desk.phone_hangs_up(HOME)
    await desk.facts.wait(e.CallHandedOver, leg_id="l1", agent_id="bert")
    desk.do(c.HangUpCall(call))
    await desk.facts.wait(e.CallEnded)
    await desk.nobody_left()
    await ears.check()


async def test_without_the_digit_nobody_is_connected_and_the_caller_waits_on(desk):
    """A voice mailbox, somebody else who hangs up, silence: each has its own outcome."""
    call = await desk.waiting()
    for number, (act, why) in enumerate(
        (
            ("ring", OfferFailure.NO_ANSWER),
            ("refuse", OfferFailure.REFUSED),
            ("congestion", OfferFailure.UNREACHABLE),
            ("drop", OfferFailure.REFUSED),
            ("short", OfferFailure.REFUSED),
            ("answer", OfferFailure.NO_ANSWER),
        )
    ):
        await desk.phone(HOME, act)
        desk.do(offer(call, f"o{number}"))
        failed = await desk.facts.wait(e.OfferFailed, 25.0, offer_id=f"o{number}")
        assert (failed.agent_id, failed.why) == ("anna", why), act
        await desk.facts.wait(e.CallWaiting, skip=number + 1)
    desk.do(c.OfferCall(call, "desk", "bert", desk_phone("bert"), 8.0))
    await desk.facts.wait(e.OfferAnswered, offer_id="desk")
    assert len(desk.facts.of(e.OfferAnswered)) == 1


async def test_taking_the_call_back_while_the_digit_is_asked_for(desk):
    """Somebody else is to have the call: the agent outside is hung up, the caller waits."""
    await desk.phone(HOME, "answer")
    call = await desk.waiting()
    desk.do(offer(call))
    await desk.facts.wait(e.OfferRinging)
    await asyncio.sleep(1.5)
    desk.do(c.CancelOffer(call, "o1"))
    await desk.facts.wait(e.OfferFailed, why=OfferFailure.CANCELLED)
    await desk.facts.wait(e.CallWaiting, skip=1)
    async with asyncio.timeout(6):
        while "1 active channel\n" not in await desk.lab.office.console("core show channels count"):
            await asyncio.sleep(0.1)


async def test_a_call_with_an_agent_outside_is_taken_up_after_a_restart(desk, ears):
    """Ringing and talking, through the two channels that stand between them."""
    await desk.phone(HOME, "ring")
    call = await desk.waiting()
    desk.do(offer(call, ring_s=30.0))
    await desk.facts.wait(e.OfferRinging)
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    assert (await desk.facts.wait(e.CallAdopted)).place is Place.RINGING
    desk.do(c.CancelOffer(call, "o1"))
    await desk.facts.wait(e.CallWaiting)
    await desk.phone(HOME, "press1")
    desk.do(offer(call, "o2"))
    await desk.facts.wait(e.OfferAnswered, offer_id="o2")
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted)
    assert (adopted.place, adopted.agent_id, adopted.offer_id) == (Place.TALKING, "anna", "o2")
    desk.do(c.HoldCall(call))
    await desk.facts.wait(e.CallHeld)
    desk.do(c.RetrieveCall(call))
    await desk.facts.wait(e.CallRetrieved)
    await ears.phase("talking", caller=HOME, **{HOME: "caller"})
    await desk.phone_hangs_up(HOME)
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    await desk.nobody_left()
    await ears.check()


async def test_a_callback_is_dialled_only_when_the_agent_outside_has_confirmed(desk):
    """The customer must not be rung to talk with a mailbox."""
    await desk.phone("n49305555", "answer")
    for number, (act, why) in enumerate(
        (
            ("press2", OfferFailure.NO_ANSWER),
            ("drop", OfferFailure.REFUSED),
            ("ring", OfferFailure.NO_ANSWER),
            ("refuse", OfferFailure.REFUSED),
        )
    ):
        await desk.phone(HOME, act)
        desk.do(callback(f"cb-{number}"))
        failed = await desk.facts.wait(e.OfferFailed, 25.0, call_id=f"cb-{number}")
        assert failed.why is why, act
    assert "n49305555" not in await desk.rung()
    await desk.phone(HOME, "press1")
    desk.do(callback("cb-9"))
    await desk.facts.wait(e.OfferAnswered, call_id="cb-9")
    await desk.facts.wait(e.CallbackConnected, call_id="cb-9")
    desk.do(c.HangUpCall("cb-9"))
    await desk.facts.wait(e.CallEnded, call_id="cb-9")
    await desk.nobody_left()


def callback(call: str) -> c.DialCallback:
    return c.DialCallback(call, "o9", "anna", AT_HOME, "+49305555", "+4930777", 2.0, 5.0)


async def test_an_agent_outside_is_consulted_only_after_the_digit(desk, ears):
    """A consulted mailbox would hear what is not meant for it; a party outside is no agent."""
    call = await desk.talking()
    for act, why in (("press2", OfferFailure.NO_ANSWER), ("drop", OfferFailure.REFUSED)):
        await desk.phone(HOME, act)
        desk.do(c.DialLeg(call, act, "bert", AT_HOME, "", 3.0))
        failed = await desk.facts.wait(e.LegFailed, 25.0, leg_id=act)
        assert (failed.agent_id, failed.why) == ("bert", why)
    assert desk.facts.of(e.LegAnswered) == []
    await desk.phone(HOME, "press1")
    desk.do(c.DialLeg(call, "l1", "bert", AT_HOME, "", 3.0))
    await desk.facts.wait(e.LegAnswered, leg_id="l1", agent_id="bert")
    await ears.phase("asking", music="caller", deskanna=HOME, **{HOME: "deskanna"})
    desk.do(c.EndLeg(call, "l1"))
    await desk.facts.wait(e.LegEnded, leg_id="l1")
    await desk.phone(HOME, "answer")
    desk.consult(call, "outside", "l2")
    await desk.facts.wait(e.LegAnswered, leg_id="l2", agent_id="")
    desk.do(c.HangUpCall(call))
    await desk.facts.wait(e.CallEnded)
    await desk.nobody_left()
    await ears.check()


@pytest.mark.parametrize("prompt", ["/nonexistent/prompt", "bad${SHELL(x)}", None])
async def test_without_our_prompt_the_digit_is_still_asked_for(desk, lab, prompt):
    """A synthesiser that fails, or a file that is gone: Asterisk's own sound says it."""

    async def path(_: object) -> str:
        if prompt is None:
            raise RuntimeError("no synthesiser")
        return prompt

    await desk.disconnect()
    await lab.office.restart()  # forgets the prompt of the link before
    await desk.connect(prompt_path=path)
    await desk.phone(HOME, "press1")
    call = await desk.waiting()
    desk.do(offer(call))
    await desk.facts.wait(e.OfferAnswered, 12.0, call_id=call)


async def test_a_site_may_trust_its_outside_phones(desk):
    """Without the digit whoever picks up is connected."""
    await desk.disconnect()
    await desk.connect(confirm_outside=False)
    await desk.phone(HOME, "answer")
    call = await desk.waiting()
    desk.do(offer(call))
    await desk.facts.wait(e.OfferAnswered, call_id=call)
