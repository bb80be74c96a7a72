"""Whole calls through the router, over the simulated Twilio."""

from __future__ import annotations

from acd import facts as f
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, PhoneKind
from tests.cti.twilio.conftest import Center, World
from tests.cti.twilio.fake_twilio import Leg, Phone

ANNA = "client:anna"


async def talking(world: World, center: Center) -> tuple[Leg, str]:
    """Anna talks with a caller."""
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    return caller, world.call_id(caller)


async def test_a_call_from_the_menu_to_the_agent_and_its_end(world: World) -> None:
    """The nine steps of a call are real on Twilio too: this is what the link is for."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    assert caller.peer is world.twilio.leg_to(ANNA)
    assert any("For sales, press 1" in text for text in caller.heard)
    caller.hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    assert center.of(call_id)[0] == "CallArrived"
    assert center.of(call_id)[-4:] == ["CallWaiting", "OfferRinging", "OfferAnswered", "CallEnded"]
    assert center.last(e.CallEnded).by is EndedBy.CALLER
    record = center.fold.calls[call_id]
    assert record.outcome == "answered"
    assert center.last(e.CallArrived).ani == "+12025550100"
    assert world.twilio.live == []


async def test_the_agent_hangs_up(world: World) -> None:
    """Who ended the call is in the records, so the two sides must be told apart."""
    center = await world.open()
    caller, _ = await talking(world, center)
    world.twilio.leg_to(ANNA).hang_up()
    await world.until(lambda: center.count(e.CallEnded), "the call ends")
    assert center.last(e.CallEnded).by is EndedBy.AGENT
    await world.until(lambda: not caller.live, "the caller's leg ends too")


async def test_the_hang_up_button(world: World) -> None:
    """An agent hangs up in the console, not at the phone, and both legs must end."""
    center = await world.open()
    _, call_id = await talking(world, center)
    center.router.execute(c.HangUpCall(call_id, "agent"))
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    assert center.last(e.CallEnded).by is EndedBy.AGENT
    await world.until(lambda: not world.twilio.live, "both legs end")
    assert center.count(e.CallEnded) == 1


async def test_waiting_is_visited_and_goes_on(world: World) -> None:
    """The caller hears the position, then music, and is still in line when an agent comes."""
    center = await world.open()
    caller = world.twilio.call_in(keys=["1", "1"])
    call_id = world.call_id(caller)
    heard = caller.heard
    await world.until(lambda: "You are number 1 in the queue." in heard, "the position is told")
    await world.until(lambda: heard[-1] == "[waltz.mp3]", "there is music again")
    names = center.of(call_id)
    assert names[names.index("CallWaiting") :] == [
        "CallWaiting",
        "WaitVisited",
        "StepFinished",
        "CallWaiting",
    ]
    center.staff("anna")
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    assert center.fold.calls[call_id].queue == "sales"


async def test_a_second_announcement_comes_in_its_time(world: World) -> None:
    """One announcement and then silence for ever would make callers give up."""
    center = await world.open()
    caller = world.twilio.call_in(keys=["1", "1"])
    told = "You are number 1 in the queue."
    await world.until(lambda: caller.heard.count(told) == 2, "it is told again", 12.0)
    assert center.of(world.call_id(caller)).count("WaitVisited") == 2


async def test_nobody_answers_and_the_next_agent_gets_the_call(world: World) -> None:
    """The caller keeps the place in front; the agent who let it ring is not ready."""
    world.twilio.phones[ANNA] = Phone("no-answer")
    center = await world.open()
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.state("anna") == "reserved", "it rings at anna's")
    center.staff("dana")
    await world.until(lambda: center.state("dana") == "talking", "dana talks")
    assert center.state("anna") == "not ready"
    failed = center.last(e.OfferFailed)
    assert failed.why is OfferFailure.NO_ANSWER
    names = center.of(world.call_id(caller))
    at = names.index("OfferFailed")
    assert names[at - 1 : at + 4] == [
        "OfferRinging",
        "OfferFailed",
        "CallWaiting",
        "OfferRinging",
        "OfferAnswered",
    ]


async def test_refused_unreachable_and_not_registered_are_told_apart(world: World) -> None:
    """Three different outcomes, never one: each leaves the agent in another state."""
    center = await world.open()
    rows = (
        ("busy", OfferFailure.REFUSED, "not ready"),
        ("failed", OfferFailure.UNREACHABLE, "fault"),
        ("silent", OfferFailure.UNREACHABLE, "fault"),
    )
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.count(e.CallWaiting), "the caller waits")
    for count, (act, why, state) in enumerate(rows, 1):
        world.twilio.phones[ANNA] = Phone(act)
        if count == 1:
            center.staff("anna")
        else:
            center.router.act(f.AgentReady("anna"))
        await world.until(
            lambda count=count: center.count(e.OfferFailed) == count,  # type: ignore[misc]
            f"{act} is told",
        )
        assert (act, center.last(e.OfferFailed).why) == (act, why)
        assert center.state("anna") == state
    assert caller.live


async def test_the_caller_gives_up_while_waiting_and_while_ringing(world: World) -> None:
    """An abandoned call is one, whether a phone rang or not, and no phone goes on ringing."""
    world.twilio.phones[ANNA] = Phone("no-answer")
    center = await world.open()
    first = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.count(e.CallWaiting), "the first waits")
    first.hang_up()
    await world.until(lambda: center.count(e.CallEnded) == 1, "the first is gone")
    center.staff("anna")
    second = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.count(e.OfferRinging), "it rings")
    second.hang_up()
    await world.until(lambda: center.count(e.CallEnded) == 2, "the second is gone")
    assert center.last(e.OfferFailed).why is OfferFailure.CALLER_GONE
    assert center.state("anna") == "ready"
    await world.until(lambda: not world.twilio.live, "nothing rings")
    for leg in (first, second):
        assert "abandoned" in center.fold.calls[world.call_id(leg)].outcome


async def test_hold_and_retrieve_twice_then_the_caller_hangs_up(world: World) -> None:
    """On hold the two hear music and silence, not each other; then they talk as before."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    agent = world.twilio.leg_to(ANNA)
    for count in (1, 2):
        center.router.execute(c.HoldCall(call_id))
        await world.until(lambda: center.state("anna") == "held", f"held {count}")
        assert caller.peer is None
        await world.until(lambda: caller.heard[-1] == "[waltz.mp3]", "music")
        center.router.execute(c.RetrieveCall(call_id))
        await world.until(lambda: center.state("anna") == "talking", f"retrieved {count}")
        await world.until(lambda: caller.peer is agent, "they are connected")
    assert center.of(call_id)[-4:] == ["CallHeld", "CallRetrieved"] * 2
    caller.hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    assert center.last(e.CallEnded).by is EndedBy.CALLER
    await world.until(lambda: not world.twilio.live, "the agent's leg ends")


async def test_after_hold_either_side_ends_the_call(world: World) -> None:
    """After hold each leg stands for itself; neither may be left behind on the line."""
    center = await world.open()
    for count, end in enumerate(("agent on hold", "caller on hold", "agent after hold"), 1):
        if count > 1:
            center.router.act(f.WrapUpDone("anna"))
        caller = world.twilio.call_in(keys=["1", "1"])
        if count == 1:
            center.staff("anna")
        await world.until(lambda: center.state("anna") == "talking", "anna talks")
        call_id = world.call_id(caller)
        agent = world.twilio.leg_to(ANNA)
        center.router.execute(c.HoldCall(call_id))
        await world.until(lambda: center.state("anna") == "held", "held")
        if end == "agent after hold":
            center.router.execute(c.RetrieveCall(call_id))
            await world.until(lambda: caller.peer is agent, "talking again")  # noqa: B023
        (caller if end == "caller on hold" else agent).hang_up()
        await world.until(lambda: center.count(e.CallEnded) == count, end)  # noqa: B023
        by = EndedBy.CALLER if end == "caller on hold" else EndedBy.AGENT
        assert (end, center.last(e.CallEnded).by) == (end, by)
        await world.until(lambda: not world.twilio.live, f"{end}: both legs end")


async def test_a_transfer_takes_the_call_away_and_frees_the_agent(world: World) -> None:
    """For us the call ends; the caller talks with the outside number, and rules say which."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    center.router.execute(c.TransferCall(call_id, "+19005550000"))
    await world.until(lambda: center.count(e.OrderFailed), "a premium number is refused")
    assert caller.peer is not None
    center.router.execute(c.TransferCall(call_id, "+14165550123"))
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is free")
    ended = center.last(e.CallEnded)
    assert (ended.by, ended.cause) == (EndedBy.SYSTEM, "transferred")
    await world.until(lambda: caller.peer is not None, "the caller talks again")
    assert caller.peer is not None
    assert caller.peer.to == "+14165550123"
    caller.hang_up()


async def test_an_outside_phone_must_press_a_key(world: World) -> None:
    """The voice mail of an agent's mobile must not take calls."""
    number = "+14165550177"
    world.twilio.phones[number] = Phone(keys=())
    center = await world.open(desk_address="sip:{agent}@pbx.example.com")
    center.router.phones._address = lambda agent, kind: number
    caller = world.twilio.call_in(keys=["1", "1"])
    center.staff("anna", phone=PhoneKind.OUTSIDE)
    await world.until(lambda: center.count(e.OfferFailed) == 1, "voice mail took it")
    assert center.last(e.OfferFailed).why is OfferFailure.NO_ANSWER
    assert center.count(e.OfferAnswered) == 0
    world.twilio.phones[number] = Phone(keys=("5",))
    center.router.act(f.AgentReady("anna"))
    await world.until(lambda: center.state("anna") == "talking", "a person took it")
    await world.until(lambda: caller.peer is world.twilio.leg_to(number), "they are connected")


async def test_a_desk_phone_is_dialled_by_sip(world: World) -> None:
    """An agent may sit on another switch, which Twilio reaches by SIP."""
    center = await world.open(desk_address="sip:{agent}@pbx.example.com")
    center.router.phones._address = lambda agent, kind: agent
    center.staff("anna", phone=PhoneKind.DESK)
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    assert caller.peer is world.twilio.leg_to("sip:anna@pbx.example.com")


async def test_an_offer_is_withdrawn(world: World) -> None:
    """A supervisor signs the agent out while the phone rings: it stops, the caller waits on."""
    world.twilio.phones[ANNA] = Phone("no-answer")
    center = await world.open()
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.count(e.OfferRinging), "it rings")
    ringing = world.twilio.leg_to(ANNA)
    center.router.act(f.AgentSignedOut("anna"))
    await world.until(lambda: not ringing.live, "the phone stops")
    await world.until(lambda: center.of(world.call_id(caller))[-1] == "CallWaiting", "waits on")
    assert center.last(e.OfferFailed).why is OfferFailure.CANCELLED
    assert caller.live
