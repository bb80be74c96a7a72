"""Whole calls through the router, over the simulated Twilio."""

from __future__ import annotations

from cti import events as e
from cti.calls import EndedBy
from tests.cti.twilio.conftest import World


async def test_a_call_from_the_menu_to_the_agent_and_its_end(world: World) -> None:
    """The nine steps of a call are real on Twilio too: this is what the link is for."""
    center = await world.open()
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    assert caller.peer is world.twilio.leg_to("client:anna")
    call_id = world.call_id(caller)
    caller.hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    names = center.of(call_id)
    assert names[0] == "CallArrived"
    assert names[-4:] == ["CallWaiting", "OfferRinging", "OfferAnswered", "CallEnded"]
    assert center.last(e.CallEnded).by is EndedBy.CALLER
    assert center.fold.calls[call_id].outcome == "answered"
