"""Callbacks over the simulated Twilio: the agent first, then the customer."""

from __future__ import annotations

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind
from tests.cti.twilio.conftest import Center, World
from tests.cti.twilio.fake_twilio import Phone as Behaviour

ANNA = "client:anna"
CUSTOMER = "+12025550100"


def dial(center: Center, call_id: str = "cb-1", offer: str = "o1", **more: object) -> None:
    given: dict[str, object] = {
        "agent_id": "anna",
        "phone": Phone(PhoneKind.BROWSER, "anna"),
        "number": CUSTOMER,
        "caller_id": "+14165550100",
        "ring_s": 15.0,
        "dial_s": 20.0,
    }
    order = c.DialCallback(call_id=call_id, offer_id=offer, **{**given, **more})  # type: ignore[arg-type]
    center.link.execute(order)


async def test_a_callback_asked_for_in_the_queue(world: World) -> None:
    """The promise made to a waiting caller is kept when an agent comes, in the same place."""
    center = await world.open()
    caller = world.twilio.call_in(number=CUSTOMER, keys=["1", "1", "1", "1"])
    await world.until(lambda: not caller.live, "the caller has left the number")
    call_id = world.call_id(caller)
    assert "Thank you. We will call you back" in " ".join(caller.heard)
    center.staff("anna")
    await world.until(lambda: center.count(e.CallbackConnected), "they talk", 10.0)
    agent = world.twilio.leg_to(ANNA)
    await world.until(lambda: agent.peer is not None, "they are connected")
    assert agent.peer is world.twilio.leg_to(CUSTOMER)
    assert center.of(f"cb-{call_id}") == ["OfferRinging", "OfferAnswered", "CallbackConnected"]
    assert center.state("anna") == "talking"
    agent.peer.hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    assert center.last(e.CallEnded).by is EndedBy.CALLER
    creates = [x for x in world.twilio.requests if x[0] == "POST" and x[1].endswith("/Calls.json")]
    assert len(creates) == 1
    assert creates[0][2]["From"] == "+14165550100"


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("busy", OfferFailure.REFUSED),
        ("no-answer", OfferFailure.NO_ANSWER),
        ("failed", OfferFailure.UNREACHABLE),
    ],
)
async def test_the_agent_of_a_callback_does_not_take_it(
    world: World, act: str, why: OfferFailure
) -> None:
    """The customer must not be dialled for nobody; the reason is told as for any offer."""
    world.twilio.phones[ANNA] = Behaviour(act)
    center = await world.open()
    dial(center)
    await world.until(lambda: center.count(e.OfferFailed), "it is told")
    assert center.last(e.OfferFailed).why is why
    assert [leg for leg in world.twilio.legs.values() if leg.to == CUSTOMER] == []
    assert center.link.live == ()


@pytest.mark.parametrize(
    ("act", "why"),
    [("busy", "busy"), ("no-answer", "no answer"), ("failed", "unreachable")],
)
async def test_the_customer_of_a_callback_is_not_reached(world: World, act: str, why: str) -> None:
    """The engine tries again or gives up by the reason; the agent is free at once."""
    world.twilio.phones[CUSTOMER] = Behaviour(act)
    center = await world.open()
    dial(center)
    await world.until(lambda: center.count(e.CallbackFailed), "it is told")
    assert center.last(e.CallbackFailed).why == why
    await world.until(lambda: not world.twilio.live, "the agent's leg ends")
    assert center.count(e.CallEnded) == 0


async def test_the_agent_leaves_before_the_customer_answers(world: World) -> None:
    """A customer who picks up must not hear silence."""
    world.twilio.phones[CUSTOMER] = Behaviour(after_s=60.0)
    center = await world.open()
    dial(center)
    await world.until(lambda: center.count(e.OfferAnswered), "anna is there")
    await world.until(lambda: len(world.twilio.live) == 2, "the customer is dialled")
    world.twilio.leg_to(ANNA).hang_up()
    await world.until(lambda: center.count(e.CallbackFailed), "it is told")
    assert center.last(e.CallbackFailed).why == "agent gone"
    await world.until(lambda: not world.twilio.live, "the customer's phone is still")


async def test_a_callback_is_cancelled_while_it_rings(world: World) -> None:
    """The phone of an agent who may not take it any more must stop ringing."""
    world.twilio.phones[ANNA] = Behaviour("no-answer")
    center = await world.open()
    dial(center)
    await world.until(lambda: center.count(e.OfferRinging), "it rings")
    center.link.execute(c.CancelOffer("cb-1", "o1"))
    await world.until(lambda: center.count(e.OfferFailed), "it is told")
    assert center.last(e.OfferFailed).why is OfferFailure.CANCELLED
    await world.until(lambda: not world.twilio.live, "nothing rings")


async def test_a_callback_goes_on_hold_and_the_agent_ends_it(world: World) -> None:
    """In a callback the agent's leg leads; hold and the end must work the other way round."""
    center = await world.open()
    dial(center)
    await world.until(lambda: center.count(e.CallbackConnected), "they talk")
    agent, customer = world.twilio.leg_to(ANNA), world.twilio.leg_to(CUSTOMER)
    center.link.execute(c.HoldCall("cb-1"))
    await world.until(lambda: center.count(e.CallHeld), "held")
    await world.until(lambda: "[waltz.mp3]" in customer.heard, "the customer hears music")
    assert agent.heard == []
    center.link.execute(c.RetrieveCall("cb-1"))
    await world.until(lambda: agent.peer is customer, "they talk again")
    agent.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends")
    assert center.last(e.CallEnded).by is EndedBy.AGENT
    await world.until(lambda: not world.twilio.live, "the customer's leg ends")


async def test_a_customer_is_transferred(world: World) -> None:
    """Only the customer goes to the outside number, not the agent whose leg leads."""
    center = await world.open()
    dial(center)
    await world.until(lambda: center.count(e.CallbackConnected), "they talk")
    customer = world.twilio.leg_to(CUSTOMER)
    center.link.execute(c.TransferCall("cb-1", "+14165550123"))
    await world.until(lambda: center.count(e.CallEnded), "for us it ends")
    await world.until(lambda: customer.peer is not None, "the customer talks")
    assert customer.peer is world.twilio.leg_to("+14165550123")
    assert [leg for leg in world.twilio.live if leg.to == ANNA] == []
    customer.hang_up()


async def test_a_create_is_never_sent_twice(world: World) -> None:
    """An answer that does not come leaves us not knowing; a second call would ring twice."""
    center = await world.open(rest_timeout_s=0.3, check_s=30.0)
    world.twilio.rest_hangs = True
    dial(center)
    await world.until(lambda: center.count(e.OrderFailed), "it is told")
    failed = center.last(e.OrderFailed)
    assert (failed.order, failed.outcome_unknown) == ("DialCallback", True)
    await world.sleep(20.0)
    creates = [x for x in world.twilio.requests if x[0] == "POST"]
    assert len(creates) == 1
    world.twilio.rest_hangs = False


async def test_a_create_that_was_carried_out_after_all(world: World) -> None:
    """Nobody waits for that call any more, so its phone must not go on ringing."""
    world.twilio.phones[ANNA] = Behaviour("no-answer")
    center = await world.open(rest_timeout_s=0.3, check_s=30.0)
    world.twilio.rest_delay_s = 12.0
    dial(center)
    await world.until(lambda: center.count(e.OrderFailed), "we give up")
    world.twilio.rest_delay_s = 0.0
    await world.until(lambda: world.twilio.legs, "Twilio creates it")
    await world.until(lambda: not world.twilio.live, "and we end it")
    assert center.count(e.OfferRinging) == 0


@pytest.mark.parametrize(
    "number", ["+19005550000", "500&PJSIP/itsp/1416", "${SHELL(id)}", "+99912345", "", "sip:x@y"]
)
async def test_numbers_that_may_not_be_dialled(world: World, number: str) -> None:
    """Toll fraud: what is not on the list is refused before a byte is sent."""
    center = await world.open()
    before = len([x for x in world.twilio.requests if x[0] == "POST"])
    dial(center, number=number)
    await world.until(lambda: center.count(e.OrderFailed), "it is refused")
    assert len([x for x in world.twilio.requests if x[0] == "POST"]) == before
    assert center.link.live == ()
