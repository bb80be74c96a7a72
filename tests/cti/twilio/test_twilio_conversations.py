"""Conversations over the simulated Twilio: who hears whom, and what Twilio is asked for."""

from __future__ import annotations

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Supervision
from tests.cti.twilio.conftest import Center, World
from tests.cti.twilio.fake_twilio import Leg
from tests.cti.twilio.fake_twilio import Phone as Behaviour

ANNA, DANA, SAM = "client:anna", "client:dana", "client:sam"
EXPERT = "+14165550155"


async def talking(world: World, center: Center) -> tuple[Leg, str]:
    """Anna talks with a caller."""
    center.staff("anna")
    caller = world.twilio.call_in(keys=["1", "1"])
    await world.until(lambda: center.state("anna") == "talking", "anna talks")
    await world.until(lambda: caller.peer is not None, "they hear each other")
    return caller, world.call_id(caller)


def dial(call_id: str, who: str = "dana", leg: str = "l1") -> c.DialLeg:
    outside = who.startswith("+")
    phone = Phone(PhoneKind.OUTSIDE if outside else PhoneKind.BROWSER, who)
    return c.DialLeg(call_id, leg, "" if outside else who, phone, "+14165550100", 20.0)


def supervise(call_id: str, mode: Supervision, leg: str = "s1") -> c.SuperviseCall:
    return c.SuperviseCall(call_id, leg, "sam", Phone(PhoneKind.BROWSER, "sam"), mode, 20.0)


async def told(world: World, center: Center, order: c.Order, fact: type[object]) -> None:
    """Give an order, and wait for one more fact of this kind."""
    before = center.count(fact)
    center.link.execute(order)
    await world.until(lambda: center.count(fact) > before, f"{fact.__name__} of {order}")


async def consulting(world: World, center: Center, who: str = "dana") -> tuple[Leg, str, Leg]:
    """Anna talks with `who`, and her caller hears music."""
    caller, call_id = await talking(world, center)
    await told(world, center, dial(call_id, who), e.LegAnswered)
    party = world.twilio.leg_to(who if who.startswith("+") else f"client:{who}")
    anna = world.twilio.leg_to(ANNA)
    await world.until(lambda: party.peer is anna, "they consult")
    return caller, call_id, party


async def test_a_plain_call_costs_no_conference(world: World) -> None:
    """Conferences are paid for by the minute, so a call that needs none has none."""
    center = await world.open()
    caller, _ = await talking(world, center)
    caller.hang_up()
    await world.until(lambda: center.state("anna") == "wrap-up", "anna is in wrap-up")
    assert world.twilio.rooms.conferences == {}
    assert [path for method, path, _ in world.twilio.requests if "Conferences" in path] == []


async def test_a_consultation_from_its_ringing_to_the_hand_over(world: World) -> None:
    """The caller hears music and never the two, the agent hears it ring, and all are let go."""
    world.twilio.phones[DANA] = Behaviour(after_s=4.0)
    center = await world.open()
    caller, call_id, dana = await consulting(world, center)
    anna = world.twilio.leg_to(ANNA)
    assert caller.talks_with == []
    await world.until(lambda: caller.heard[-1] == "[waltz.mp3]", "the caller hears music")
    assert "[ringing]" in anna.heard
    assert "[ringing]" not in caller.heard
    await told(world, center, c.SwapLegs(call_id, "l1"), e.LegsSwapped)
    assert not center.last(e.LegsSwapped).caller_held
    assert caller.peer is anna
    await world.until(lambda: dana.heard == ["[waltz.mp3]"], "dana hears music")
    await told(world, center, c.SwapLegs(call_id, "l1"), e.LegsSwapped)
    assert center.last(e.LegsSwapped).caller_held
    await told(world, center, c.HandOver(call_id, "l1"), e.CallHandedOver)
    assert caller.peer is dana
    await world.until(lambda: not anna.live, "anna is out")
    dana.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends")
    assert center.last(e.CallEnded).by is EndedBy.AGENT
    names = center.of(call_id)
    assert names[names.index("OfferAnswered") + 1 :] == [
        "CallHeld",
        "LegRinging",
        "LegAnswered",
        "LegsSwapped",
        "LegsSwapped",
        "CallHandedOver",
        "CallEnded",
    ]
    await world.until(lambda: not world.twilio.live, "everybody is let go")


async def test_three_and_four_talk_together(world: World) -> None:
    """Everybody hears everybody; who joins later is rung without disturbing the others."""
    center = await world.open()
    caller, call_id, dana = await consulting(world, center)
    anna = world.twilio.leg_to(ANNA)
    await told(world, center, c.JoinLegs(call_id), e.ConferenceBegan)
    everybody = {caller, anna, dana}
    assert all(set(leg.talks_with) == everybody - {leg} for leg in everybody)
    rung = [leg.heard.count("[ringing]") for leg in (caller, anna, dana)]
    await told(world, center, dial(call_id, EXPERT, "l2"), e.LegAnswered)
    assert [leg.heard.count("[ringing]") for leg in (caller, anna, dana)] == rung
    everybody.add(world.twilio.leg_to(EXPERT))
    await world.until(
        lambda: all(set(leg.talks_with) == everybody - {leg} for leg in everybody), "four talk"
    )
    world.twilio.leg_to(EXPERT).hang_up()
    await world.until(lambda: center.count(e.LegEnded), "one is gone")
    assert center.last(e.LegEnded).leg_id == "l2"
    assert set(caller.talks_with) == {anna, dana}
    caller.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends with the caller")
    await world.until(lambda: not world.twilio.live, "everybody is let go")


async def test_an_agent_who_hangs_up_leaves_the_caller_with_the_party(world: World) -> None:
    """Hanging up is how people transfer at any telephone; the caller must not be thrown out."""
    center = await world.open()
    caller, _, expert = await consulting(world, center, EXPERT)
    world.twilio.leg_to(ANNA).hang_up()
    await world.until(lambda: center.count(e.CallHandedOver), "it is handed over")
    await world.until(lambda: caller.peer is expert, "they talk")
    assert center.last(e.CallHandedOver).agent_id == ""
    expert.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends")
    assert center.last(e.CallEnded).by is EndedBy.SYSTEM
    await world.until(lambda: not caller.live, "the caller is let go")


async def test_who_hears_a_supervisor(world: World) -> None:
    """Listening is silent, whispering is for the agent alone, barging in is for both."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    anna = world.twilio.leg_to(ANNA)
    await told(world, center, supervise(call_id, Supervision.WHISPER), e.LegAnswered)
    sam = world.twilio.leg_to(SAM)
    await world.until(lambda: len(sam.talks_with) == 2, "sam hears both")
    hears = world.twilio.rooms.hears
    assert (hears(anna, sam), hears(caller, sam)) == (True, False)
    for mode, anna_hears, caller_hears in (
        (Supervision.BARGE, True, True),
        (Supervision.LISTEN, False, False),
        (Supervision.WHISPER, True, False),
    ):
        change = c.ChangeSupervision(call_id, "s1", mode)
        await told(world, center, change, e.SupervisionChanged)
        assert (hears(anna, sam), hears(caller, sam)) == (anna_hears, caller_hears), mode
        assert hears(anna, caller)
        assert hears(caller, anna)
    assert "[ringing]" not in caller.heard + anna.heard
    await told(world, center, c.HandOver(call_id, "s1"), e.CallHandedOver)
    assert center.last(e.CallHandedOver).agent_id == "sam"
    assert caller.peer is sam
    await world.until(lambda: not anna.live, "anna is out")


async def test_a_supervisor_listens_from_the_first_moment_unheard(world: World) -> None:
    """A supervisor who is heard for half a second has disturbed the conversation."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, supervise(call_id, Supervision.LISTEN), e.LegAnswered)
    sam = world.twilio.leg_to(SAM)
    await world.until(lambda: len(sam.talks_with) == 2, "sam hears both")
    assert caller.peer is world.twilio.leg_to(ANNA)
    updates = [form for _, path, form in world.twilio.requests if path.endswith(f"{sam.sid}.json")]
    assert updates == []
    sam.hang_up()
    await world.until(lambda: center.count(e.LegEnded), "sam is gone")
    assert caller.peer is world.twilio.leg_to(ANNA)


async def test_a_muted_agent_hears_and_is_not_heard(world: World) -> None:
    """What the agent says to a colleague in the room is not for the caller."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    anna = world.twilio.leg_to(ANNA)
    for on in (True, False):
        await told(world, center, c.MuteAgent(call_id, on), e.AgentMuted)
        assert world.twilio.rooms.hears(caller, anna) is not on
        assert world.twilio.rooms.hears(anna, caller)


async def test_digits_go_to_the_caller_only_and_into_no_address(world: World) -> None:
    """A card number typed into somebody's menu is nobody else's to hear or to read."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, c.SendDigits(call_id, "4111#"), e.DigitsSent)
    assert center.last(e.DigitsSent).count == 5
    await world.until(lambda: "(4111#)" in caller.heard, "they are played")
    assert "(4111#)" not in world.twilio.leg_to(ANNA).heard
    sent = [url for url, _ in world.twilio.sent] + [str(x) for x in world.twilio.requests]
    assert [text for text in sent if "4111" in text] == []
    # Once: whoever asks again gets nothing.
    url = next(url for url, _ in world.twilio.sent if "/digits/" in url)
    _, text = await world.twilio.post(url, world.twilio.parameters(caller))
    assert "4111" not in text


async def test_a_blind_transfer_out_of_a_conference_lets_everybody_go(world: World) -> None:
    """The caller waits, alone, and the next agent gets a plain call."""
    center = await world.open()
    caller, call_id, _ = await consulting(world, center)
    await told(world, center, c.JoinLegs(call_id), e.ConferenceBegan)
    await told(world, center, supervise(call_id, Supervision.LISTEN), e.LegAnswered)
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    order = c.StartWaiting(call_id, "support", 1.0, visit_after_s=60.0)
    await told(world, center, order, e.CallWaiting)
    await world.until(lambda: world.twilio.live == [caller], "the others are out")
    await world.until(lambda: center.count(e.RecordingStopped), "nothing is recorded any more")
    assert {x.leg_id for x in center.facts if isinstance(x, e.LegEnded)} == {"l1", "s1"}
    ben = Phone(PhoneKind.BROWSER, "ben")
    await told(world, center, c.OfferCall(call_id, "o9", "ben", ben, 15.0), e.OfferAnswered)
    await world.until(lambda: caller.peer is world.twilio.leg_to("client:ben"), "they talk")
    assert caller.bridge is not None
    # And once more into a conference, another one.
    await told(world, center, c.HoldCall(call_id), e.CallHeld)
    assert caller.peer is None
    assert len(world.twilio.rooms.conferences) == 2


async def test_to_a_menu_and_back_to_a_queue(world: World) -> None:
    """A survey after the talk: the caller is in a voice session again, the agent is free."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, c.StartMenu(call_id, "nobody:knows"), e.IvrResumed)
    assert center.last(e.IvrResumed).flow_state == "nobody:knows"
    assert caller.live
    await world.until(lambda: world.twilio.live == [caller], "anna is out")


async def test_a_party_at_an_outside_phone_presses_a_key(world: World) -> None:
    """The voice mail of an agent's mobile must not get into a conversation."""
    number = "+14165550177"
    world.twilio.phones[number] = Behaviour(keys=())
    center = await world.open()
    _, call_id = await talking(world, center)
    mobile = Phone(PhoneKind.OUTSIDE, number)
    order = c.DialLeg(call_id, "l1", "dana", mobile, "+14165550100", 20.0)
    await told(world, center, order, e.LegFailed)
    assert center.last(e.LegFailed).why is OfferFailure.NO_ANSWER
    assert center.count(e.LegAnswered) == 0
    world.twilio.phones[number] = Behaviour(keys=("5",))
    order = c.DialLeg(call_id, "l2", "dana", mobile, "+14165550100", 20.0)
    await told(world, center, order, e.LegAnswered)
    anna = world.twilio.leg_to(ANNA)
    await world.until(lambda: anna.peer is world.twilio.leg_to(number), "they consult")
    assert center.of(call_id).count("CallHeld") == 1


async def test_a_callback_has_every_call_control(world: World) -> None:
    """There the agent has dialled the caller, and nobody should notice the difference."""
    center = await world.open()
    phone, number = Phone(PhoneKind.BROWSER, "anna"), "+12025550100"
    order = c.DialCallback("cb-1", "o1", "anna", phone, number, "+14165550100", 15.0, 20.0)
    await told(world, center, order, e.CallbackConnected)
    customer, anna = world.twilio.leg_to(number), world.twilio.leg_to(ANNA)
    await told(world, center, c.StartRecording("cb-1", "r1"), e.RecordingStarted)
    (recording,) = world.twilio.rooms.recordings.values()
    assert recording.leg is customer
    await told(world, center, dial("cb-1"), e.LegAnswered)
    await world.until(lambda: "[waltz.mp3]" in customer.heard, "the customer hears music")
    dana = world.twilio.leg_to(DANA)
    await world.until(lambda: anna.peer is dana, "they consult")
    await told(world, center, c.HandOver("cb-1", "l1"), e.CallHandedOver)
    await world.until(lambda: customer.peer is dana, "they talk")
    await told(world, center, c.StartWaiting("cb-1", "sales", 1.0), e.CallWaiting)
    await world.until(lambda: world.twilio.live == [customer], "dana is out")
    customer.hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends")
    assert center.last(e.CallEnded).by is EndedBy.CALLER


async def test_a_customer_is_taken_out_of_a_plain_callback(world: World) -> None:
    """The agent's leg leads there; it must end, and the customer must wait."""
    center = await world.open()
    phone, number = Phone(PhoneKind.BROWSER, "anna"), "+12025550100"
    order = c.DialCallback("cb-1", "o1", "anna", phone, number, "+14165550100", 15.0, 20.0)
    await told(world, center, order, e.CallbackConnected)
    customer = world.twilio.leg_to(number)
    await told(world, center, c.StartWaiting("cb-1", "sales", 1.0), e.CallWaiting)
    await world.until(lambda: world.twilio.live == [customer], "anna is out")
    await world.until(lambda: "[waltz.mp3]" in customer.heard, "the customer hears music")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_words_of_twilio_that_come_twice_late_or_never(world: World, seed: int) -> None:
    """Every fact once and in its order, whatever the network does with the webhooks."""
    twilio = world.twilio
    twilio.random.seed(seed)
    center = await world.open(check_s=0.3)
    caller, call_id = await talking(world, center)
    twilio.duplicates, twilio.shuffle_s, twilio.lost = 0.5, 4.0, 0.25
    await told(world, center, dial(call_id), e.LegAnswered)
    await told(world, center, c.SwapLegs(call_id, "l1"), e.LegsSwapped)
    await told(world, center, c.JoinLegs(call_id), e.ConferenceBegan)
    await told(world, center, supervise(call_id, Supervision.LISTEN), e.LegAnswered)
    await told(world, center, c.HandOver(call_id, "l1"), e.CallHandedOver)
    await world.until(lambda: caller.peer is twilio.leg_to(DANA), "they talk")
    twilio.leg_to(DANA).hang_up()
    await world.until(lambda: center.count(e.CallEnded), "it ends", 15.0)
    await world.until(lambda: not twilio.live, "everybody is let go")
    names = center.of(call_id)
    assert names[names.index("OfferAnswered") + 1 :] == [
        "CallHeld",
        "LegRinging",
        "LegAnswered",
        "LegsSwapped",
        "ConferenceBegan",
        "LegRinging",
        "LegAnswered",
        "LegEnded",
        "CallHandedOver",
        "CallEnded",
    ]


@pytest.mark.parametrize("kind", ["client", "outside", "callback"])
async def test_a_site_may_begin_every_conversation_in_a_conference(world: World, kind: str) -> None:
    """Then nothing at all is heard of a supervisor who joins: nobody is moved any more."""
    center = await world.open(conference_always=True)
    if kind == "callback":
        phone, number = Phone(PhoneKind.BROWSER, "anna"), "+12025550100"
        order = c.DialCallback("cb-1", "o1", "anna", phone, number, "+14165550100", 15.0, 20.0)
        await told(world, center, order, e.CallbackConnected)
        caller, call_id, agent = world.twilio.leg_to(number), "cb-1", world.twilio.leg_to(ANNA)
    elif kind == "client":
        caller, call_id = await talking(world, center)
        agent = world.twilio.leg_to(ANNA)
    else:
        mobile = "+14165550177"
        world.twilio.phones[mobile] = Behaviour(keys=("5",))
        center.router.phones._address = lambda agent, kind: mobile
        center.staff("anna", phone=PhoneKind.OUTSIDE)
        caller = world.twilio.call_in(keys=["1", "1"])
        await world.until(lambda: center.count(e.OfferAnswered), "anna talks")
        call_id, agent = world.call_id(caller), world.twilio.leg_to(mobile)
    rooms = world.twilio.rooms
    await world.until(lambda: rooms.hears(caller, agent), "they are in a conference")
    conference = list(rooms.conferences)
    asked = len(world.twilio.sent)
    await told(world, center, supervise(call_id, Supervision.LISTEN), e.LegAnswered)
    assert list(rooms.conferences) == conference
    moved = [url for url, said in world.twilio.sent[asked:] if said.get("CallSid") == caller.sid]
    assert moved == []
    caller.hang_up()
    await world.until(lambda: not world.twilio.live, "everybody is let go")


@pytest.mark.parametrize("kind", ["offer", "callback", "party"])
async def test_an_answer_that_twilio_never_told(world: World, kind: str) -> None:
    """Taken for ringing, a conversation would be broken off when its ringing time is over."""
    center = await world.open(check_s=60.0)
    if kind == "party":
        _, call_id = await talking(world, center)
        await told(world, center, c.HoldCall(call_id), e.CallHeld)
    world.twilio.lost = 1.0
    if kind == "offer":
        center.staff("anna")
        caller = world.twilio.call_in(keys=["1", "1"])
        await world.until(lambda: center.state("anna") == "talking", "it is found out")
        assert caller.peer is world.twilio.leg_to(ANNA)
    elif kind == "callback":
        phone, number = Phone(PhoneKind.BROWSER, "anna"), "+12025550100"
        order = c.DialCallback("cb-1", "o1", "anna", phone, number, "+14165550100", 15.0, 20.0)
        await told(world, center, order, e.CallbackConnected)
    else:
        await told(world, center, dial(call_id), e.LegAnswered)
        assert center.of(call_id)[-2:] == ["LegRinging", "LegAnswered"]


async def test_a_consulted_agent_and_a_supervisor_at_sip_phones(world: World) -> None:
    """Agents may sit at another telephone system, which Twilio reaches by SIP."""
    center = await world.open(desk_address="sip:{agent}@pbx.example.com")
    caller, call_id = await talking(world, center)
    desk = Phone(PhoneKind.DESK, "dana")
    order = c.DialLeg(call_id, "l1", "dana", desk, "+14165550100", 20.0)
    await told(world, center, order, e.LegAnswered)
    dana = world.twilio.leg_to("sip:dana@pbx.example.com")
    await world.until(lambda: dana.peer is world.twilio.leg_to(ANNA), "they consult")
    await told(world, center, c.HandOver(call_id, "l1"), e.CallHandedOver)
    desk = Phone(PhoneKind.DESK, "sam")
    join = c.SuperviseCall(call_id, "s1", "sam", desk, Supervision.WHISPER, 20.0)
    await told(world, center, join, e.LegAnswered)
    sam = world.twilio.leg_to("sip:sam@pbx.example.com")
    await world.until(lambda: len(sam.talks_with) == 2, "sam hears both")
    assert world.twilio.rooms.hears(dana, sam)
    assert not world.twilio.rooms.hears(caller, sam)
