"""Our process dies, Twilio does not answer, webhooks come twice and out of order."""

from __future__ import annotations

import pytest

from acd import facts as f
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place, Supervision
from tests.cti.twilio.conftest import Center, World
from tests.cti.twilio.fake_twilio import Leg
from tests.cti.twilio.fake_twilio import Phone as Behaviour

ANNA = "client:anna"


async def waiting(world: World, center: Center) -> tuple[Leg, str]:
    """A caller has heard the first announcement and hears music."""
    caller = world.twilio.call_in(keys=["1", "1"])
    call_id = world.call_id(caller)
    await world.until(
        lambda: center.of(call_id).count("CallWaiting") == 2, "the caller is with the music"
    )
    return caller, call_id


async def talking(world: World, center: Center) -> tuple[Leg, str]:
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    return caller, world.call_id(caller)


async def test_waiting_callers_keep_their_place_over_a_kill(world: World) -> None:
    """Who came first is served first, whatever became of our process meanwhile."""
    center = await world.open()
    first, first_id = await waiting(world, center)
    second, _ = await waiting(world, center)
    await world.die()
    await world.sleep(10.0)
    assert first.live
    assert second.live
    center = await world.open()
    adopted = [x for x in center.facts if isinstance(x, e.CallAdopted)]
    assert [x.place for x in adopted] == [Place.WAITING] * 2
    assert {x.queue for x in adopted} == {"sales"}
    center.staff("anna")
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    assert first.peer is not None
    assert center.of(first_id)[-1] == "OfferAnswered"
    assert center.link.live == tuple(x.call_id for x in adopted)


async def test_the_menu_goes_on_where_it_was(world: World) -> None:
    """Nobody wants to hear the greeting again because our process was replaced."""
    center = await world.open()
    caller = world.twilio.call_in(keys=["1"])
    await world.until(lambda: any("For sales" in text for text in caller.heard), "the menu")
    heard = len(caller.heard)
    await world.die()
    caller.press("1")  # Twilio asks us, and finds nobody
    await world.until(lambda: "right with you" in caller.heard[-1], "the fallback keeps the caller")
    center = await world.open()
    await world.until(lambda: center.count(e.IvrResumed), "the menu is back")
    assert center.last(e.IvrResumed).flow_state != ""
    await world.until(lambda: "For sales" in caller.heard[-1], "the same menu")
    assert not any("Thank you for calling" in text for text in caller.heard[heard:])
    caller.press("1")
    await world.until(lambda: center.count(e.CallWaiting), "the caller waits")
    assert center.count(e.CallArrived) == 0


async def test_talking_goes_on_and_its_end_is_noticed(world: World) -> None:
    """The two never notice that we were away; the record is complete all the same."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await world.die()
    center = await world.open()
    assert center.last(e.CallAdopted).place is Place.TALKING
    assert center.state("anna") == "talking"
    center.link.execute(c.HoldCall(call_id))
    await world.until(lambda: center.state("anna") == "held", "hold works as before")
    world.twilio.leg_to(ANNA).hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    assert center.last(e.CallEnded).by is EndedBy.AGENT
    await world.until(lambda: not caller.live, "the caller is let go")


async def test_held_over_a_kill(world: World) -> None:
    """The music goes on, and the agent finds the call held and can take it back."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    center.link.execute(c.HoldCall(call_id))
    await world.until(lambda: center.state("anna") == "held", "held")
    await world.die()
    center = await world.open()
    assert center.last(e.CallAdopted).place is Place.HELD
    center.link.execute(c.RetrieveCall(call_id))
    await world.until(lambda: caller.peer is not None, "they talk again")
    assert center.state("anna") == "talking"


async def test_answered_while_we_were_away(world: World) -> None:
    """The phone rang when we died and was answered after: the two talk, and we learn it."""
    world.twilio.phones[ANNA] = Behaviour(after_s=6.0)
    center = await world.open()
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.count(e.OfferRinging), "it rings")
    await world.die()
    await world.until(lambda: caller.peer is not None, "anna answers")
    center = await world.open()
    assert center.last(e.CallAdopted).place is Place.TALKING
    await world.until(lambda: center.state("anna") == "talking", "anna talks")


async def test_ringing_when_we_died_and_nobody_answered(world: World) -> None:
    """The caller comes back to the line by way of the fallback, in the old place."""
    world.twilio.phones[ANNA] = Behaviour("no-answer")
    center = await world.open()
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.count(e.OfferRinging), "it rings")
    await world.die()
    await world.until(lambda: "right with you" in caller.heard[-1], "the fallback", 10.0)
    world.twilio.phones[ANNA] = Behaviour()
    center = await world.open()
    assert center.last(e.CallAdopted).place is Place.WAITING
    await world.until(lambda: center.state("anna") == "talking", "anna gets the call", 10.0)
    assert caller.peer is not None


async def test_gone_while_we_were_away(world: World) -> None:
    """Twilio's list of calls says who gave up; nobody waits for ever on our books."""
    center = await world.open()
    caller, call_id = await waiting(world, center)
    await world.die()
    caller.hang_up()
    center = await world.open()
    assert center.last(e.LinkUp).calls == ()
    assert "abandoned" in center.fold.calls[call_id].outcome
    assert center.router.book.get(call_id) is None


async def test_a_caller_who_came_while_we_were_away(world: World) -> None:
    """The fallback keeps a new caller too, and the menu begins when we are there."""
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: caller.heard, "the fallback speaks")
    center = await world.open()
    await world.until(lambda: center.count(e.CallWaiting), "the caller waits", 10.0)
    assert center.of(world.call_id(caller))[0] == "CallArrived"


async def test_a_lost_file_of_calls_costs_the_menu_not_the_caller(world: World) -> None:
    """A machine that dies may lose our file; Twilio still has the caller."""
    center = await world.open()
    caller, call_id = await waiting(world, center)
    await world.die()
    (world.folder / "twilio.calls").unlink()
    center = await world.open()
    assert call_id in center.last(e.LinkUp).calls
    assert caller.live


async def test_a_damaged_file_of_calls(world: World) -> None:
    """One bad line must not take the other calls with it."""
    center = await world.open()
    _, call_id = await waiting(world, center)
    await world.die()
    file = world.folder / "twilio.calls"
    file.write_bytes(b'\xff\xfe{]\n["twilio-CAx",{"sid":1}]\n' + file.read_bytes() + b'["half')
    center = await world.open()
    assert call_id in center.link.live


async def test_every_webhook_twice_and_statuses_out_of_order(world: World) -> None:
    """The same facts come out, whatever Twilio repeats or delays (the answers too)."""
    world.twilio.duplicates = 1.0
    world.twilio.shuffle_s = 3.0
    center = await world.open()
    caller, call_id = await talking(world, center)
    center.link.execute(c.HoldCall(call_id))
    await world.until(lambda: center.state("anna") == "held", "held")
    center.link.execute(c.RetrieveCall(call_id))
    await world.until(lambda: caller.peer is not None, "they talk again")
    caller.hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    await world.sleep(8.0)
    names = [name for name in center.of(call_id) if name != "OfferRinging"]
    assert names == [
        "CallArrived",
        "StepFinished",
        "StepFinished",
        "StepFinished",
        "CallWaiting",
        "OfferAnswered",
        "CallHeld",
        "CallRetrieved",
        "CallEnded",
    ]
    assert center.of(call_id).count("OfferRinging") <= 1
    assert center.last(e.CallEnded).by is EndedBy.CALLER
    assert center.fold.calls[call_id].outcome == "answered"


async def test_the_word_of_an_answer_never_comes(world: World) -> None:
    """A lost status callback must not turn a conversation into an abandoned call."""
    center = await world.open()
    world.twilio.shuffle_s = 2000.0
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: caller.peer is not None, "they talk")
    world.twilio.leg_to(ANNA).hang_up()
    await world.until(lambda: center.count(e.CallEnded), "the end comes with the dial's action")
    assert center.of(world.call_id(caller))[-2:] == ["OfferAnswered", "CallEnded"]
    assert center.last(e.CallEnded).by is EndedBy.AGENT


async def test_a_hang_up_that_nobody_told_is_found(world: World) -> None:
    """A number whose status callback is not set up must not leave ghosts in the line."""
    world.twilio.status_url = ""
    center = await world.open()
    caller, call_id = await waiting(world, center)
    caller.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it is found")
    assert "abandoned" in center.fold.calls[call_id].outcome


async def test_rest_is_away_and_comes_back(world: World) -> None:
    """The link is down, offers wait, and when it is up they go out without a word."""
    center = await world.open()
    caller, _ = await waiting(world, center)
    world.twilio.rest_status = 503
    await world.until(lambda: center.count(e.LinkDown), "down")
    assert not center.link.up
    center.staff("anna")
    await world.sleep(10.0)
    assert caller.live
    world.twilio.rest_status = 200
    await world.until(lambda: center.count(e.LinkUp) == 2, "up again")
    await world.until(lambda: center.state("anna") == "talking", "anna talks", 15.0)


async def test_one_request_that_fails_is_tried_again(world: World) -> None:
    """Redirecting is safe to repeat, so a hiccup of Twilio's costs half a second."""
    center = await world.open(check_s=30.0)
    _, call_id = await waiting(world, center)
    world.twilio.rest_status = 500
    phone = Phone(PhoneKind.BROWSER, "anna")
    center.link.execute(c.OfferCall(call_id, "o1", "anna", phone, 15.0))
    await world.sleep(2.0)
    world.twilio.rest_status = 200
    await world.until(lambda: center.count(e.OfferAnswered), "it got through")
    assert center.count(e.OrderFailed) == 0


async def test_an_order_that_fails_for_good_leaves_the_caller_waiting(world: World) -> None:
    """The engine is told, and the caller is where he was: with the music, movable."""
    center = await world.open(check_s=30.0, rest_tries=1)
    caller, call_id = await waiting(world, center)
    world.twilio.rest_status = 403
    phone = Phone(PhoneKind.BROWSER, "anna")
    center.link.execute(c.OfferCall(call_id, "o1", "anna", phone, 15.0))
    await world.until(lambda: center.count(e.OrderFailed), "it is told")
    failed = center.last(e.OrderFailed)
    assert (failed.order, failed.outcome_unknown) == ("OfferCall", False)
    world.twilio.rest_status = 200
    assert caller.live
    center.link.execute(c.OfferCall(call_id, "o2", "anna", phone, 15.0))
    await world.until(lambda: center.count(e.OfferAnswered), "the next order works")


@pytest.mark.parametrize(
    "order",
    [
        c.RunStep("nobody", 1, c.PlayPrompts(())),
        c.StartWaiting("nobody", "sales", 0.0),
        c.OfferCall("nobody", "o", "anna", Phone(PhoneKind.BROWSER, "anna"), 5.0),
        c.CancelOffer("nobody", "o"),
        c.HoldCall("nobody"),
        c.RetrieveCall("nobody"),
        c.TransferCall("nobody", "+14165550123"),
        c.HangUpCall("nobody"),
    ],
)
async def test_an_order_for_nobody_is_refused_later(world: World, order: c.Order) -> None:
    """Every order has an end that the router hears of, and never from inside `execute`."""
    center = await world.open()
    before = len(center.facts)
    center.link.execute(order)
    assert len(center.facts) == before
    await world.until(lambda: center.count(e.OrderFailed), "it is told")
    assert center.last(e.OrderFailed).order == type(order).__name__


async def test_orders_that_do_not_fit_change_nothing(world: World) -> None:
    """After a refusal the call is as it was."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    phone = Phone(PhoneKind.BROWSER, "dana")
    orders: tuple[c.Order, ...] = (
        c.RunStep(call_id, 9, c.PlayPrompts(())),
        c.OfferCall(call_id, "o9", "dana", phone, 5.0),
        c.CancelOffer(call_id, "o9"),
        c.RetrieveCall(call_id),
        c.JoinLegs(call_id),
        c.SwapLegs(call_id, "l9"),
        c.HandOver(call_id, "l9"),
        c.EndLeg(call_id, "l9"),
        c.ChangeSupervision(call_id, "l9", Supervision.BARGE),
        c.SendDigits(call_id, "12 34"),
        c.StopRecording(call_id, "r9"),
        c.TransferCall(call_id, "+19005550000"),
        c.DialLeg(call_id, "l9", "", Phone(PhoneKind.OUTSIDE, "+19005550000"), "", 5.0),
        c.DialLeg(call_id, "l/9", "dana", phone, "", 5.0),
        c.DialLeg(call_id, "l9", "dana", Phone(PhoneKind.DESK, "dana"), "", 5.0),
    )
    for count, order in enumerate(orders, 1):
        center.link.execute(order)
        await world.until(
            lambda count=count: center.count(e.OrderFailed) == count,  # type: ignore[misc]
            f"{order} is refused",
        )
    assert caller.peer is world.twilio.leg_to(ANNA)
    assert center.state("anna") == "talking"


async def test_answer_and_abandon_in_the_same_moment(world: World) -> None:
    """One disposition and no ghost, whichever of the two Twilio tells first."""
    center = await world.open()
    center.staff("anna")
    for count, delay_s in enumerate((0.9, 0.98, 1.0, 1.02, 1.1), 1):
        world.twilio.phones[ANNA] = Behaviour(after_s=1.0, rings_after_s=0.0)
        caller = world.twilio.call_in(keys=["1", "1"])
        call_id = world.call_id(caller)
        await world.until(lambda: any(leg.to == ANNA for leg in world.twilio.live), "it is dialled")
        await world.sleep(delay_s)
        caller.hang_up()
        await world.until(
            lambda count=count: center.count(e.CallEnded) == count,  # type: ignore[misc]
            "the end",
        )
        await world.until(lambda: not world.twilio.live, "nothing rings")
        record = center.fold.calls[call_id]
        answered = "OfferAnswered" in center.of(call_id)
        assert (record.outcome == "answered") == answered, (delay_s, record.outcome)
        if answered:
            center.router.act(f.WrapUpDone("anna"))
        await world.until(lambda: center.state("anna") == "ready", "anna is ready")
    assert center.count(e.OfferFailed) + center.count(e.OfferAnswered) == 5
    for fact in center.facts:
        if isinstance(fact, e.OfferFailed):
            assert fact.why is OfferFailure.CALLER_GONE
