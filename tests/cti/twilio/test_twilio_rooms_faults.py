"""Conversations in a conference when our process dies, or Twilio refuses or does not answer."""

from __future__ import annotations

import pytest

from acd import facts as f
from cti import commands as c
from cti import events as e
from cti.calls import (
    EndedBy,
    LegState,
    OfferFailure,
    Phone,
    PhoneKind,
    Place,
    Supervision,
)
from cti.twilio.live import Room
from tests.cti.twilio.conftest import World
from tests.cti.twilio.fake_twilio import Phone as Behaviour
from tests.cti.twilio.test_twilio_conversations import (
    ANNA,
    DANA,
    EXPERT,
    SAM,
    consulting,
    dial,
    supervise,
    talking,
    told,
)

# Our process dies --------------------------------------------------------------------------


async def test_a_consultation_over_a_kill(world: World) -> None:
    """The two consult on and the caller hears music; afterwards every button works."""
    center = await world.open()
    caller, call_id, dana = await consulting(world, center)
    await world.die()
    assert dana.peer is world.twilio.leg_to(ANNA)
    center = await world.open()
    adopted = center.last(e.CallAdopted)
    assert adopted.place is Place.CONSULTING
    assert [(x.leg_id, x.agent_id, x.state) for x in adopted.legs] == [
        ("l1", "dana", LegState.TALKING)
    ]
    await told(world, center, c.SwapLegs(call_id, "l1"), e.LegsSwapped)
    await told(world, center, c.JoinLegs(call_id), e.ConferenceBegan)
    assert len(caller.talks_with) == 2
    await told(world, center, c.HandOver(call_id, "l1"), e.CallHandedOver)
    assert caller.peer is dana


async def test_a_party_that_answers_while_we_are_away(world: World) -> None:
    """The agent talks with the party all the same, and we learn of it."""
    world.twilio.phones[DANA] = Behaviour(after_s=8.0)
    center = await world.open()
    _, call_id = await talking(world, center)
    await told(world, center, dial(call_id), e.LegRinging)
    await world.die()
    anna, dana = world.twilio.leg_to(ANNA), world.twilio.leg_to(DANA)
    await world.until(lambda: dana.peer is anna, "they consult")
    center = await world.open()
    (leg,) = center.last(e.CallAdopted).legs
    assert leg.state is LegState.TALKING
    await told(world, center, c.EndLeg(call_id, "l1"), e.LegEnded)
    await told(world, center, c.RetrieveCall(call_id), e.CallRetrieved)


async def test_a_supervisor_who_answers_while_we_are_away(world: World) -> None:
    """The fallback keeps the supervisor, who comes in unheard as soon as we are there."""
    world.twilio.phones[SAM] = Behaviour(after_s=6.0)
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, supervise(call_id, Supervision.LISTEN), e.LegRinging)
    await world.die()
    sam = world.twilio.leg_to(SAM)
    await world.until(lambda: "right with you" in "".join(sam.heard), "the fallback", 10.0)
    center = await world.open()
    await world.until(lambda: len(sam.talks_with) == 2, "sam hears both", 10.0)
    assert not world.twilio.rooms.hears(caller, sam)
    assert center.count(e.LegAnswered) == 1


async def test_who_has_left_while_we_were_away(world: World) -> None:
    """The call is told as it is now: one party gone, the agent gone, the other has the caller."""
    center = await world.open()
    caller, call_id, dana = await consulting(world, center)
    await told(world, center, c.JoinLegs(call_id), e.ConferenceBegan)
    await told(world, center, dial(call_id, EXPERT, "l2"), e.LegAnswered)
    await world.die()
    dana.hang_up()
    world.twilio.leg_to(ANNA).hang_up()
    center = await world.open()
    adopted = center.last(e.CallAdopted)
    assert (adopted.place, adopted.agent_id, adopted.legs) == (Place.TALKING, "", ())
    assert caller.peer is world.twilio.leg_to(EXPERT)
    caller.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends")
    await world.until(lambda: not world.twilio.live, "everybody is let go")


async def test_nobody_is_left_with_the_caller_while_we_are_away(world: World) -> None:
    """The agent said goodbye and hung up; nobody keeps the caller in silence for ever."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, c.MuteAgent(call_id, True), e.AgentMuted)
    await world.die()
    world.twilio.leg_to(ANNA).hang_up()
    center = await world.open()
    assert center.last(e.LinkUp).calls == (call_id,) or center.count(e.CallAdopted) == 0
    await world.until(lambda: not caller.live, "the caller is let go")
    await world.until(lambda: center.router.book.get(call_id) is None, "the books are right")


@pytest.mark.parametrize("kind", ["call", "callback"])
async def test_killed_on_the_way_into_the_conference(world: World, kind: str) -> None:
    """Both are moved and find nobody to ask; when we are back they are together again."""
    center = await world.open()
    if kind == "call":
        caller, call_id = await talking(world, center)
    else:
        call_id, number = "cb-1", "+12025550100"
        phone = Phone(PhoneKind.BROWSER, "anna")
        order = c.DialCallback(call_id, "o1", "anna", phone, number, "+14165550100", 15.0, 20.0)
        await told(world, center, order, e.CallbackConnected)
        caller = world.twilio.leg_to(number)
    anna = world.twilio.leg_to(ANNA)
    await world.until(lambda: caller.peer is anna, "they talk")
    world.twilio.rest_delay_s = 4.0
    asked = len(world.twilio.requests)
    center.link.execute(c.MuteAgent(call_id, True))
    await world.until(lambda: len(world.twilio.requests) > asked, "Twilio has the order")
    await world.die()
    world.twilio.rest_delay_s = 0.0
    await world.until(lambda: "right with you" in "".join(caller.heard), "the fallback", 15.0)
    center = await world.open()
    assert center.last(e.CallAdopted).place is Place.TALKING
    await world.until(lambda: caller.peer is anna, "they are together", 15.0)
    await told(world, center, c.HoldCall(call_id), e.CallHeld)
    assert caller.peer is None
    caller.hang_up()
    await world.until(lambda: not world.twilio.live, "everybody is let go")


async def test_killed_on_the_way_to_a_queue(world: World) -> None:
    """The order was kept before it was given: the caller comes to the music, the agent goes."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, c.HoldCall(call_id), e.CallHeld)
    world.twilio.rest_delay_s = 60.0
    center.link.execute(c.StartWaiting(call_id, "support", 1.0, visit_after_s=60.0))
    await world.sleep(2.0)
    await world.die()
    world.twilio.rest_delay_s = 0.0
    center = await world.open()
    assert center.last(e.CallAdopted).place is Place.WAITING
    assert center.last(e.CallAdopted).queue == "support"
    await world.until(lambda: world.twilio.live == [caller], "the agent is out")
    await world.until(lambda: caller.heard[-1] == "[waltz.mp3]", "the caller hears music", 10.0)
    ben = Phone(PhoneKind.BROWSER, "ben")
    await told(world, center, c.OfferCall(call_id, "o9", "ben", ben, 15.0), e.OfferAnswered)
    assert caller.peer is world.twilio.leg_to("client:ben")


# Twilio refuses, or does not answer --------------------------------------------------------


async def test_a_conversation_that_cannot_enter_a_conference_goes_on(world: World) -> None:
    """Twilio is in trouble: the button fails, the two go on talking."""
    center = await world.open(rest_tries=1, check_s=30.0)
    caller, call_id = await talking(world, center)
    anna = world.twilio.leg_to(ANNA)
    for order in (c.HoldCall(call_id), dial(call_id), c.MuteAgent(call_id, True)):
        world.twilio.rest_status = 503
        await told(world, center, order, e.OrderFailed)
        world.twilio.rest_status = 200
        assert caller.peer is anna
    live = center.link._book.calls.get(call_id)
    assert live is not None
    assert live.room is Room.NO
    await told(world, center, c.HoldCall(call_id), e.CallHeld)
    assert caller.peer is None


async def test_an_order_that_fails_in_the_conference_changes_nothing(world: World) -> None:
    """Hold is refused: the call is talked on, and the same button works a moment later."""
    center = await world.open(rest_tries=1, check_s=30.0)
    caller, call_id = await talking(world, center)
    await told(world, center, c.MuteAgent(call_id, True), e.AgentMuted)
    for order in (
        c.HoldCall(call_id),
        c.MuteAgent(call_id, False),
        c.SendDigits(call_id, "1"),
        c.StartRecording(call_id, "r1"),
        c.StartWaiting(call_id, "support", 1.0),
        c.StartMenu(call_id, "x"),
        c.TransferCall(call_id, "+14165550123"),
    ):
        world.twilio.rest_status = 503
        await told(world, center, order, e.OrderFailed)
        world.twilio.rest_status = 200
        assert center.last(e.OrderFailed).order == type(order).__name__
        assert not center.last(e.OrderFailed).outcome_unknown
    anna = world.twilio.leg_to(ANNA)
    assert world.twilio.rooms.hears(anna, caller)
    await told(world, center, c.MuteAgent(call_id, False), e.AgentMuted)
    assert caller.peer is anna
    order = c.StartWaiting(call_id, "support", 1.0, visit_after_s=60.0)
    await told(world, center, order, e.CallWaiting)


async def test_a_party_that_twilio_will_not_ring(world: World) -> None:
    """The agent must be told at once, and can take the caller back."""
    center = await world.open(check_s=30.0)
    _, call_id = await talking(world, center)
    await told(world, center, c.HoldCall(call_id), e.CallHeld)
    world.twilio.rest_status = 400
    await told(world, center, dial(call_id), e.LegFailed)
    world.twilio.rest_status = 200
    assert center.last(e.LegFailed).why is OfferFailure.UNREACHABLE
    await told(world, center, c.RetrieveCall(call_id), e.CallRetrieved)


async def test_a_party_rung_after_we_gave_up(world: World) -> None:
    """Nobody waits for that phone any more, so it must stop ringing."""
    world.twilio.phones[DANA] = Behaviour("no-answer")
    center = await world.open(rest_timeout_s=0.3, check_s=30.0)
    _, call_id = await talking(world, center)
    await told(world, center, c.HoldCall(call_id), e.CallHeld)
    world.twilio.rest_delay_s = 12.0
    await told(world, center, dial(call_id), e.LegFailed)
    world.twilio.rest_delay_s = 0.0
    rung = [path for method, path, _ in world.twilio.requests if path.endswith("icipants.json")]
    assert len(rung) == 1
    await world.until(lambda: any(x.to == DANA for x in world.twilio.legs.values()), "it rings")
    await world.until(lambda: not any(x.to == DANA for x in world.twilio.live), "it stops")


async def test_a_caller_left_alone_while_rest_is_away(world: World) -> None:
    """The hang-up that could not be ordered is ordered again when Twilio answers."""
    center = await world.open(rest_tries=1, check_s=0.5)
    caller, call_id = await talking(world, center)
    await told(world, center, c.MuteAgent(call_id, True), e.AgentMuted)
    world.twilio.rest_status = 503
    world.twilio.leg_to(ANNA).hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends for us")
    assert center.last(e.CallEnded).by is EndedBy.AGENT
    await world.sleep(5.0)
    assert caller.live
    world.twilio.rest_status = 200
    await world.until(lambda: not caller.live, "the caller is let go")


@pytest.mark.parametrize("who", ["caller", "agent"])
async def test_a_hang_up_on_the_way_into_the_conference(world: World, who: str) -> None:
    """Somebody leaves in the very moment in which the two are moved: nobody stays behind."""
    center = await world.open(check_s=0.5)
    for count, delay_s in enumerate((0.0, 0.2, 0.6, 1.0, 2.0), 1):
        if count > 1:
            await world.until(lambda: center.state("anna") == "wrap-up", "wrap-up", 15.0)
            center.router.act(f.WrapUpDone("anna"))
            caller = world.twilio.call_in(keys=["1", "1"])
            await world.until(lambda: center.state("anna") == "talking", "anna talks")
            call_id = world.call_id(caller)
        else:
            caller, call_id = await talking(world, center)
        anna = world.twilio.leg_to(ANNA)
        center.link.execute(c.HoldCall(call_id))
        await world.sleep(delay_s)
        (caller if who == "caller" else anna).hang_up()
        await world.until(lambda count=count: center.count(e.CallEnded) == count, "the end", 15.0)
        await world.until(lambda: not world.twilio.live, f"nobody stays ({delay_s})", 15.0)
