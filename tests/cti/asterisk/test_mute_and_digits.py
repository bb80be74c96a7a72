"""The agent's mute key, and digits for the menus of others, on a real Asterisk."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind

pytestmark = pytest.mark.asterisk


async def talking(desk) -> tuple[str, object]:
    record = await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    desk.link.execute(c.OfferCall(call_id, "o1", "anna", Phone(PhoneKind.DESK, "anna"), 8.0))
    await desk.facts.wait(e.OfferAnswered, call_id=call_id)
    return call_id, record


async def talking_outside(desk, act: str) -> str:
    await desk.phone("n49301234", act)
    phone = Phone(PhoneKind.DESK, "anna")
    desk.link.execute(c.DialCallback("cb-1", "o9", "anna", phone, "+49301234", "+4930999", 5, 5))
    await desk.facts.wait(e.CallbackConnected, call_id="cb-1")
    return "cb-1"


async def test_a_muted_agent_is_heard_by_nobody_through_hold_until_unmuted(desk, hearing):
    """Mute is about who is heard, and nothing but unmuting may bring the agent back."""
    call_id, record = await talking(desk)
    await asyncio.sleep(1.0)
    desk.link.execute(c.MuteAgent(call_id, True))
    await desk.facts.wait(e.AgentMuted, call_id=call_id, on=True)
    await asyncio.sleep(0.8)
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld)
    await asyncio.sleep(0.3)
    desk.link.execute(c.RetrieveCall(call_id))
    await desk.facts.wait(e.CallRetrieved)
    await asyncio.sleep(1.2)
    desk.link.execute(c.MuteAgent(call_id, False))
    await desk.facts.wait(e.AgentMuted, on=False)
    await asyncio.sleep(1.2)
    await desk.phone_hangs_up("deskanna")
    await desk.facts.wait(e.CallEnded)
    caller = await hearing(f"{record}-heard.wav")
    agent = await hearing(f"{record}-deskanna-heard.wav")
    print(
        [round(caller.tone(1300, -x / 5, -(x - 1) / 5 or None), 2) for x in range(40, 0, -1)],
        [round(caller.loudness(-x / 5, -(x - 1) / 5 or None), 3) for x in range(40, 0, -1)],
    )
    assert caller.tone(1300, -1.0, -0.2) > 0.5, "unmuted, the agent is not heard"
    assert caller.loudness(-2.2, -1.5) < 0.001, "the muted agent was heard after hold"
    assert caller.loudness(-3.3, -2.9) < 0.001, "the muted agent was heard"
    assert caller.tone(1300, -4.3, -3.8) > 0.5, "before, the agent was not heard"
    assert agent.tone(700, -1.9, -0.1) > 0.5, "a muted agent still hears the caller"


async def test_digits_reach_the_menu_of_others_exactly_and_no_log(desk, lab, caplog):
    """An account number typed for a bank's menu arrives whole, in order, and stays secret."""
    caplog.set_level(logging.DEBUG)
    call_id = await talking_outside(desk, "menu")
    order = c.SendDigits(call_id, "2890#,4w*D")
    assert "2890" not in repr(order)
    desk.link.execute(order)
    desk.link.execute(c.SendDigits(call_id, "71"))  # pressed while the others are playing
    first = await desk.facts.wait(e.DigitsSent, timeout_s=12)
    second = await desk.facts.wait(e.DigitsSent, timeout_s=12, skip=1)
    assert (first.count, second.count) == (8, 2)
    async with asyncio.timeout(10):
        while not desk.keys:
            await asyncio.sleep(0.1)
    assert desk.keys == ["2890#4*D71"]
    logs = "".join(file.read_text(errors="replace") for file in lab.office.layout.log.iterdir())
    assert "2890" not in logs
    assert "2890" not in caplog.text


async def test_what_is_no_digits_is_refused_without_being_repeated(desk):
    """Neither an injection nor a typing mistake reaches the switch or a log."""
    call_id = await talking_outside(desk, "answer")
    for count, digits in enumerate(("", "12x", "1" * 33, "1\r\nAction: Logoff", "${X}", "w,")):
        desk.link.execute(c.SendDigits(call_id, digits))
        failed = await desk.facts.wait(e.OrderFailed, skip=count)
        assert (failed.order, failed.why) == ("SendDigits", "not digits")
    assert desk.facts.of(e.DigitsSent) == []


async def test_mute_and_digits_need_a_conversation(desk):
    """Before the agent is there, there is nobody to mute and no one to press keys."""
    await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.MuteAgent(call_id, True))
    desk.link.execute(c.SendDigits(call_id, "1"))
    await desk.facts.wait(e.OrderFailed, order="MuteAgent")
    await desk.facts.wait(e.OrderFailed, order="SendDigits")
