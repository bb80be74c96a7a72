"""Orders that come faster than a channel can follow them."""

from __future__ import annotations

import asyncio

from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind

DESK = Phone(PhoneKind.DESK, "anna")


async def test_hold_and_retrieve_as_fast_as_a_program_can(desk):
    """Asterisk loses channels that are moved too fast: each gets the time to arrive."""
    record = await desk.call()
    call = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.StartWaiting(call, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting)
    desk.link.execute(c.OfferCall(call, "o1", "anna", DESK, 10.0))

    def at_once(fact: object) -> None:
        if isinstance(fact, e.OfferAnswered):
            desk.link.execute(c.HoldCall(call))
        elif isinstance(fact, e.CallHeld):
            desk.link.execute(c.RetrieveCall(call))
        elif isinstance(fact, e.CallRetrieved) and len(desk.facts.of(e.CallHeld)) < 20:
            desk.link.execute(c.HoldCall(call))

    desk.facts.hook = at_once
    await desk.facts.wait(e.CallRetrieved, skip=19, timeout_s=30)
    assert desk.facts.of(e.OrderFailed) == []
    await asyncio.sleep(0.3)
    await desk.caller_hangs_up(record)
    assert (await desk.facts.wait(e.CallEnded)).by.value == "caller"
    await desk.nobody_left()


async def test_legs_swapped_joined_and_handed_over_as_fast_as_a_program_can(desk):
    """Every order follows the fact of the one before: nobody is lost on the way."""
    call = await desk.consulting()
    swaps = 0

    def at_once(fact: object) -> None:
        nonlocal swaps
        if isinstance(fact, e.LegsSwapped):
            swaps += 1
            desk.do(c.SwapLegs(call, "l1") if swaps < 15 else c.JoinLegs(call))
        elif isinstance(fact, e.ConferenceBegan):
            desk.do(c.HandOver(call, "l1"))
        elif isinstance(fact, e.CallHandedOver):
            desk.do(c.HoldCall(call))
        elif isinstance(fact, e.CallHeld):
            desk.do(c.RetrieveCall(call))

    desk.facts.hook = at_once
    desk.do(c.SwapLegs(call, "l1"))
    await desk.facts.wait(e.CallRetrieved, timeout_s=20)
    assert swaps == 15
    await asyncio.sleep(0.5)
    assert desk.facts.of(e.OrderFailed) == desk.facts.of(e.CallEnded) == []
    desk.facts.hook = None
    await desk.phone_hangs_up("deskbert")
    assert (await desk.facts.wait(e.CallEnded)).by.value == "agent"
    await desk.nobody_left()
