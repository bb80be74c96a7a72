"""The link to a real Asterisk: real calls from a second Asterisk, real audio, real hang-ups."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place, Prompt

pytestmark = pytest.mark.asterisk

HELLO = c.PlayPrompts((Prompt("hello"),))


def desk_phone(agent: str) -> Phone:
    return Phone(PhoneKind.DESK, agent)


async def arrive(desk, **how) -> tuple[str, Path]:
    record = await desk.call(**how)
    arrived = await desk.facts.wait(e.CallArrived)
    return arrived.call_id, record


async def wait_in_queue(desk, call_id: str, **how) -> None:
    desk.link.execute(c.StartWaiting(call_id, "sales", 1700000000.5, **how))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)


async def waiting(desk, **how) -> tuple[str, Path]:
    call_id, record = await arrive(desk, **how)
    await wait_in_queue(desk, call_id)
    return call_id, record


def offer(desk, call_id: str, agent: str = "anna", name: str = "o1", ring_s: float = 8.0) -> None:
    desk.link.execute(c.OfferCall(call_id, name, agent, desk_phone(agent), ring_s))


async def talking(desk) -> tuple[str, Path]:
    call_id, record = await waiting(desk)
    offer(desk, call_id)
    await desk.facts.wait(e.OfferAnswered, call_id=call_id, offer_id="o1", agent_id="anna")
    return call_id, record


async def test_the_menu_reads_digits_and_the_caller_waits(desk):
    """The first half of a call: arrival with ANI and DNIS, digits, and a place in the queue."""
    record = await desk.call("5001", ani="15550111", before=1.5, keys="42")
    arrived = await desk.facts.wait(e.CallArrived)
    assert (arrived.ani, arrived.ani_name, arrived.dnis, arrived.trunk) == (
        "15550111",
        "Test Caller",
        "5001",
        "main",
    )
    ask = c.CollectDigits((Prompt("one"), Prompt("two")), 2, 5.0, 3.0)
    desk.link.execute(c.RunStep(arrived.call_id, 7, ask, "{}"))
    done = await desk.facts.wait(e.StepFinished)
    assert (done.step_no, done.outcome, done.digits) == (7, "digits", "42")
    await wait_in_queue(desk, arrived.call_id)
    await desk.caller_hangs_up(record)
    ended = await desk.facts.wait(e.CallEnded, call_id=arrived.call_id)
    assert ended.by is EndedBy.CALLER


async def test_silence_in_the_menu_is_a_timeout(desk):
    """A caller who presses nothing must come back to the flow on time."""
    call_id, _ = await arrive(desk)
    started = asyncio.get_running_loop().time()
    desk.link.execute(c.RunStep(call_id, 1, c.CollectDigits((), 1, 1.0, 1.0)))
    done = await desk.facts.wait(e.StepFinished)
    assert (done.outcome, done.digits) == ("timeout", "")
    assert 0.9 < asyncio.get_running_loop().time() - started < 2.5


async def test_the_terminator_ends_the_digits(desk):
    """Callers end a number with the pound key."""
    call_id, _ = await arrive(desk, before=1.0, keys="123#")
    desk.link.execute(c.RunStep(call_id, 1, c.CollectDigits((Prompt("number"),), 10, 5.0, 5.0)))
    done = await desk.facts.wait(e.StepFinished)
    assert (done.outcome, done.digits) == ("digits", "123")


async def test_a_prompt_that_cannot_be_rendered_fails_the_step(desk):
    """A broken synthesiser must lead somewhere else, never to silence."""
    call_id, _ = await arrive(desk)
    desk.link.execute(c.RunStep(call_id, 1, c.PlayPrompts((Prompt("broken"),))))
    assert (await desk.facts.wait(e.StepFinished)).outcome == "failed"
    desk.link.execute(c.RunStep(call_id, 2, HELLO))
    assert (await desk.facts.wait(e.StepFinished, step_no=2)).outcome == "done"


async def test_a_prompt_file_that_is_missing_fails_the_step(desk):
    """The same for a recording that was deleted."""
    call_id, _ = await arrive(desk)

    async def nowhere(prompt):
        return "/nonexistent/prompt"

    desk.link._calls.get(call_id).session._prompt_path = nowhere
    desk.link.execute(c.RunStep(call_id, 1, HELLO))
    assert (await desk.facts.wait(e.StepFinished)).outcome == "failed"


async def test_a_caller_who_hangs_up_in_the_menu_ends_the_call(desk):
    """An abandoned menu is one ended call, and no step is reported after it."""
    call_id, record = await arrive(desk)
    desk.link.execute(c.RunStep(call_id, 1, c.CollectDigits((Prompt("x"),), 1, 20.0)))
    await asyncio.sleep(0.5)
    await desk.caller_hangs_up(record)
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.CALLER
    await asyncio.sleep(0.2)
    assert desk.facts.of(e.StepFinished) == []
    assert len(desk.facts.of(e.CallEnded)) == 1


async def test_the_wait_is_visited_when_due_and_by_a_digit(desk):
    """Announcements and the callback offer happen in the middle of waiting."""
    call_id, _ = await arrive(desk, before=3.0, keys="5")
    await wait_in_queue(desk, call_id, visit_after_s=1.0, digits="1")
    due = await desk.facts.wait(e.WaitVisited)
    assert due.digit == ""
    desk.link.execute(c.RunStep(call_id, 1, HELLO))
    await desk.facts.wait(e.StepFinished)
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0, visit_after_s=60, digits="5"))
    await desk.facts.wait(e.CallWaiting, skip=1)
    assert (await desk.facts.wait(e.WaitVisited, skip=1)).digit == "5"


async def test_both_hear_each_other_and_the_agent_hangs_up(desk, lab, hearing):
    """The product's heart: music, then both directions of audio, then a clean end."""
    call_id, record = await waiting(desk)
    await asyncio.sleep(1.5)
    offer(desk, call_id)
    await desk.facts.wait(e.OfferRinging, offer_id="o1")
    await desk.facts.wait(e.OfferAnswered, offer_id="o1")
    await asyncio.sleep(2.0)
    await desk.phone_hangs_up("deskanna")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    caller = await hearing(f"{record}-heard.wav")
    agent = await hearing(f"{record}-deskanna-heard.wav")
    assert caller.loudness(0.5, 1.5) > 0.003, "the caller heard no music"
    assert caller.tone(1300, -1.5) > 0.5, "the caller did not hear the agent"
    assert agent.tone(700, -1.0) > 0.5, "the agent did not hear the caller"


async def test_the_caller_hangs_up(desk):
    """Who ended the call is told from who left first."""
    call_id, record = await talking(desk)
    await desk.caller_hangs_up(record)
    assert (await desk.facts.wait(e.CallEnded, call_id=call_id)).by is EndedBy.CALLER
    assert desk.facts.of(e.OfferFailed) == []


async def test_we_hang_up(desk):
    """An order of ours is neither the caller's nor the agent's doing."""
    call_id, _ = await talking(desk)
    desk.link.execute(c.HangUpCall(call_id, "closing time"))
    ended = await desk.facts.wait(e.CallEnded, call_id=call_id)
    assert (ended.by, ended.cause) == (EndedBy.SYSTEM, "closing time")


@pytest.mark.parametrize(
    ("act", "agent", "why"),
    [
        ("ring", "anna", OfferFailure.NO_ANSWER),
        ("refuse", "anna", OfferFailure.REFUSED),
        ("decline", "anna", OfferFailure.REFUSED),
        ("congestion", "anna", OfferFailure.UNREACHABLE),
        ("answer", "gone", OfferFailure.UNREACHABLE),
        ("answer", "nobody", OfferFailure.UNREACHABLE),
    ],
)
async def test_an_offer_that_fails_says_why_and_the_caller_waits_on(desk, act, agent, why):
    """No answer, refusal and unreachable are different outcomes, and none loses the caller."""
    call_id, _ = await waiting(desk)
    await desk.phone("deskanna", act)
    offer(desk, call_id, agent, ring_s=2.0)
    failed = await desk.facts.wait(e.OfferFailed)
    assert (failed.offer_id, failed.agent_id, failed.why) == ("o1", agent, why)
    await desk.facts.wait(e.CallWaiting, skip=1)
    offer(desk, call_id, "bert", "o2")
    await desk.facts.wait(e.OfferAnswered, offer_id="o2", agent_id="bert")


async def test_a_caller_who_gives_up_while_it_rings_ends_the_offer(desk):
    """The agent's phone must not ring for somebody who is gone."""
    call_id, record = await waiting(desk)
    await desk.phone("deskanna", "ring")
    offer(desk, call_id)
    await desk.facts.wait(e.OfferRinging)
    await desk.caller_hangs_up(record)
    assert (await desk.facts.wait(e.OfferFailed)).why is OfferFailure.CALLER_GONE
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.CALLER
    assert len(desk.facts.of(e.OfferFailed)) == 1


async def test_a_cancelled_offer_brings_the_caller_back(desk):
    """Overflow and a signed-out agent take back what already rings."""
    call_id, _ = await waiting(desk)
    await desk.phone("deskanna", "ring")
    offer(desk, call_id)
    await desk.facts.wait(e.OfferRinging)
    desk.link.execute(c.CancelOffer(call_id, "o1"))
    assert (await desk.facts.wait(e.OfferFailed)).why is OfferFailure.CANCELLED
    await desk.facts.wait(e.CallWaiting, skip=1)
    offer(desk, call_id, "bert", "o2")
    await desk.facts.wait(e.OfferAnswered, offer_id="o2")


async def test_an_order_of_before_a_reconnect_rings_nobody_in_anothers_name(desk):
    """Asterisk may carry out late what we took for lost: the caller comes back and is offered."""
    call_id, _ = await waiting(desk)
    await desk.phone("deskbert", "ring")
    offer(desk, call_id, "bert", "o2")
    await desk.facts.wait(e.OfferRinging, offer_id="o2")
    late = {"Channel": desk.link._calls.get(call_id).channel, "Exten": "8~desk~anna~o1"}
    late |= {"Action": "Redirect", "Context": "cc-connect", "Priority": "1"}
    await desk.link._ami.request(late)
    assert (await desk.facts.wait(e.OfferFailed, offer_id="o2")).agent_id == "bert"
    await desk.facts.wait(e.CallWaiting, skip=1)
    offer(desk, call_id, "cleo", "o3")
    await desk.facts.wait(e.OfferAnswered, offer_id="o3", agent_id="cleo")
    assert [fact.offer_id for fact in desk.facts.of(e.OfferRinging)] == ["o2", "o3"]
    assert len(desk.facts.of(e.OfferAnswered)) == 1


async def test_orders_may_be_given_from_inside_the_sink(desk):
    """The router answers facts with orders at once."""

    def answer(fact):
        if isinstance(fact, e.CallArrived):
            desk.link.execute(c.RunStep(fact.call_id, 1, HELLO))
        elif isinstance(fact, e.StepFinished):
            desk.link.execute(c.StartWaiting(fact.call_id, "sales", 1.0))
        elif isinstance(fact, e.CallWaiting):
            offer(desk, fact.call_id)

    desk.facts.hook = answer
    await desk.call()
    await desk.facts.wait(e.OfferAnswered)


async def test_hold_and_retrieve(desk, hearing):
    """Held, the caller hears music and not the agent; retrieved, they hear each other again."""
    call_id, record = await talking(desk)
    await asyncio.sleep(1.0)
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld, call_id=call_id)
    await asyncio.sleep(2.0)
    desk.link.execute(c.RetrieveCall(call_id))
    await desk.facts.wait(e.CallRetrieved, call_id=call_id)
    await asyncio.sleep(2.0)
    await desk.phone_hangs_up("deskanna")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    caller = await hearing(f"{record}-heard.wav")
    agent = await hearing(f"{record}-deskanna-heard.wav")
    assert caller.loudness(-3.6, -2.4) > 0.003, "no music on hold"
    assert caller.tone(1300, -3.6, -2.4) < 0.1, "the held caller heard the agent"
    assert agent.tone(700, -3.6, -2.4) < 0.1, "the agent heard the held caller"
    assert caller.tone(1300, -1.2) > 0.5
    assert agent.tone(700, -1.2) > 0.5


@pytest.mark.parametrize("who", ["agent", "caller"])
async def test_hanging_up_during_hold_ends_the_call(desk, who):
    """Nobody may be left with the music after the other has gone."""
    call_id, record = await talking(desk)
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld)
    await asyncio.sleep(0.3)
    if who == "agent":
        await desk.phone_hangs_up("deskanna")
    else:
        await desk.caller_hangs_up(record)
    ended = await desk.facts.wait(e.CallEnded, call_id=call_id)
    assert ended.by is (EndedBy.AGENT if who == "agent" else EndedBy.CALLER)
    await desk.nobody_left()


async def test_a_callback_rings_the_agent_and_then_the_customer(desk, hearing):
    """A customer who left a number is dialled once the agent is on the line."""
    await desk.phone("n49301234", "answer")
    desk.link.execute(callback())
    await desk.facts.wait(e.OfferRinging, call_id="cb-1", offer_id="o9", agent_id="anna")
    await desk.facts.wait(e.OfferAnswered, call_id="cb-1")
    await desk.facts.wait(e.CallbackConnected, call_id="cb-1", agent_id="anna")
    await asyncio.sleep(1.5)
    await desk.phone_hangs_up("n49301234")
    assert (await desk.facts.wait(e.CallEnded, call_id="cb-1")).by is EndedBy.CALLER
    await desk.nobody_left()


def callback(**more) -> c.DialCallback:
    order = {"ring_s": 5.0, "dial_s": 5.0, "number": "+49301234", **more}
    return c.DialCallback("cb-1", "o9", "anna", desk_phone("anna"), caller_id="+4930999", **order)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("ring", OfferFailure.NO_ANSWER),
        ("refuse", OfferFailure.REFUSED),
        ("decline", OfferFailure.REFUSED),
    ],
)
async def test_a_callback_whose_agent_does_not_answer(desk, act, why):
    """The customer must not be dialled when no agent is there."""
    await desk.phone("deskanna", act)
    desk.link.execute(callback(ring_s=2.0))
    assert (await desk.facts.wait(e.OfferFailed, call_id="cb-1")).why is why
    assert desk.facts.of(e.CallbackConnected) == []
    await desk.nobody_left()


@pytest.mark.parametrize(
    ("act", "why"), [("ring", "no answer"), ("refuse", "busy"), ("congestion", "unreachable")]
)
async def test_a_callback_whose_customer_is_not_reached(desk, act, why):
    """The agent hears of it and is free again."""
    await desk.phone("n49301234", act)
    desk.link.execute(callback(dial_s=2.0))
    assert (await desk.facts.wait(e.CallbackFailed)).why == why
    await desk.facts.wait(e.CallEnded, call_id="cb-1")
    await desk.nobody_left()


async def test_a_callback_can_be_held_and_ended_by_the_agent(desk):
    """A callback is a call like any other once the two are talking."""
    await desk.phone("n49301234", "answer")
    desk.link.execute(callback())
    await desk.facts.wait(e.CallbackConnected)
    desk.link.execute(c.HoldCall("cb-1"))
    await desk.facts.wait(e.CallHeld)
    await asyncio.sleep(0.5)
    desk.link.execute(c.RetrieveCall("cb-1"))
    await desk.facts.wait(e.CallRetrieved)
    await asyncio.sleep(0.5)
    await desk.phone_hangs_up("deskanna")
    assert (await desk.facts.wait(e.CallEnded, call_id="cb-1")).by is EndedBy.AGENT
    await desk.nobody_left()


async def test_a_transfer_sends_the_caller_outside(desk):
    """The caller goes on talking to somebody else; for us the call is over."""
    await desk.phone("n49301234", "answer")
    call_id, _ = await talking(desk)
    desk.link.execute(c.TransferCall(call_id, "+49301234"))
    ended = await desk.facts.wait(e.CallEnded, call_id=call_id)
    assert (ended.by, ended.cause) == (EndedBy.SYSTEM, "transferred")
    await asyncio.sleep(1.0)
    assert "n49301234" in await desk.rung()


@pytest.mark.parametrize(
    "number",
    ["+1900123", "500&PJSIP/+1416@x", "${SHELL(id)}", "+49301\r\nAction: x", "", "+49" * 9],
)
async def test_a_transfer_to_a_forbidden_number_is_refused(desk, number):
    """Toll fraud: only listed numbers, only digits, and nothing reaches the trunk."""
    call_id, _ = await talking(desk)
    desk.link.execute(c.TransferCall(call_id, number))
    failed = await desk.facts.wait(e.OrderFailed)
    assert (failed.call_id, failed.order) == (call_id, "TransferCall")
    assert desk.facts.of(e.CallEnded) == []
    assert await desk.rung() == ["deskanna"]


async def test_phones_come_and_go(desk, lab):
    """Routing must know which phones can ring."""
    await desk.facts.wait(e.PhoneUp, agent_id="anna", phone=PhoneKind.DESK)
    await desk.facts.wait(e.PhoneDown, agent_id="gone", phone=PhoneKind.DESK)
    await _tell_phone(desk, lab, "unregister", e.PhoneDown)
    await _tell_phone(desk, lab, "register", e.PhoneUp, skip=1)


async def _tell_phone(desk, lab, what, fact, skip=0):
    """A phone in the middle of a transaction ignores what it is told: tell it again."""
    for _ in range(8):
        await lab.network.console(f"pjsip send {what} desk-cleo")
        with contextlib.suppress(AssertionError):
            await desk.facts.wait(fact, 4.0, agent_id="cleo", phone=PhoneKind.DESK, skip=skip)
            return
    raise AssertionError(f"no {fact.__name__} though the phone was told to {what}")


async def test_live_calls_are_taken_up_by_a_new_process(desk):
    """Our restart: every call comes back with its place, queue, agent and entry time."""
    menu, _ = await arrive(desk)
    desk.link.execute(c.RunStep(menu, 1, HELLO, '{"step": "ask", "say": "ä,$\\n"}'))
    await desk.facts.wait(e.StepFinished)
    desk.facts.seen.clear()
    queued, _ = await waiting(desk)
    desk.facts.seen.clear()
    rings, _ = await waiting(desk)
    await desk.phone("deskbert", "ring")
    offer(desk, rings, "bert", "o2", ring_s=60)
    await desk.facts.wait(e.OfferRinging)
    desk.facts.seen.clear()
    talks, _ = await talking(desk)
    await desk.disconnect()
    desk.facts.seen.clear()
    await asyncio.sleep(0.5)
    await desk.connect()
    adopted = {fact.call_id: fact for fact in desk.facts.of(e.CallAdopted)}
    assert {call: fact.place for call, fact in adopted.items()} == {
        menu: Place.ENTRY,
        queued: Place.WAITING,
        rings: Place.RINGING,
        talks: Place.TALKING,
    }
    one = adopted[talks]
    assert (one.queue, one.entered_at, one.agent_id, one.offer_id) == (
        "sales",
        1700000000.5,
        "anna",
        "o1",
    )
    assert (one.ani, one.dnis, one.trunk) == ("15550100", "5000", "main")
    assert (adopted[rings].agent_id, adopted[rings].offer_id) == ("bert", "o2")
    up = desk.facts.of(e.LinkUp)[0]
    assert set(up.calls) == set(adopted)
    assert desk.facts.seen.index(up) > desk.facts.seen.index(one)
    resumed = await desk.facts.wait(e.IvrResumed, call_id=menu)
    assert resumed.flow_state == '{"step": "ask", "say": "ä,$\\n"}'
    desk.link.execute(c.RunStep(menu, 2, HELLO))
    await desk.facts.wait(e.StepFinished, call_id=menu, step_no=2)
    desk.link.execute(c.CancelOffer(rings, "o2"))
    await desk.facts.wait(e.OfferFailed, call_id=rings, why=OfferFailure.CANCELLED)
    await desk.facts.wait(e.CallWaiting, call_id=rings)
    desk.link.execute(c.HoldCall(talks))
    await desk.facts.wait(e.CallHeld, call_id=talks)
    await desk.facts.wait(e.PhoneUp, agent_id="cleo", phone=PhoneKind.DESK)
    offer(desk, queued, "cleo", "o3")
    await desk.facts.wait(e.OfferAnswered, call_id=queued, agent_id="cleo")


async def test_a_call_that_ended_while_we_were_away_is_not_on_the_list(desk):
    """A hang-up that we missed is found by comparing lists."""
    call_id, record = await talking(desk)
    desk.link._ami.protocol.transport.abort()
    await desk.facts.wait(e.LinkDown)
    desk.link.execute(c.HangUpCall(call_id))
    assert not (await desk.facts.wait(e.OrderFailed)).outcome_unknown
    await desk.caller_hangs_up(record)
    up = await desk.facts.wait(e.LinkUp, skip=1)
    assert up.calls == ()


async def test_the_link_comes_back_within_five_seconds_with_its_calls(desk):
    """A cut of the manager connection costs nothing but a moment's sight."""
    call_id, _ = await talking(desk)
    started = asyncio.get_running_loop().time()
    desk.link._ami.protocol.transport.abort()
    up = await desk.facts.wait(e.LinkUp, skip=1)
    assert asyncio.get_running_loop().time() - started < 5.0
    assert up.calls == (call_id,)
    assert (await desk.facts.wait(e.CallAdopted)).place is Place.TALKING
    await desk.phone_hangs_up("deskanna")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT


async def test_callers_hear_music_while_we_are_away_and_the_menu_goes_on(desk, hearing):
    """Kill -9 in the menu: music, then the flow goes on from its step."""
    call_id, record = await arrive(desk)
    desk.link.execute(c.RunStep(call_id, 1, HELLO, "state-1"))
    await desk.facts.wait(e.StepFinished)
    await desk.disconnect()
    await asyncio.sleep(2.5)
    await desk.connect()
    assert (await desk.facts.wait(e.IvrResumed)).flow_state == "state-1"
    await desk.caller_hangs_up(record)
    assert (await hearing(f"{record}-heard.wav")).loudness(-2.0) > 0.003


async def test_new_calls_get_the_fallback_when_we_stay_away(desk):
    """Nobody is kept on the line for ever by a process that does not come back."""
    await desk.disconnect()
    record = await desk.call()
    await asyncio.sleep(13.0)
    await desk.nobody_left()
    assert Path(f"{record}-heard.wav").exists()


async def test_a_hang_up_missed_in_a_voice_session_is_found(desk):
    """The Hangup event can be lost with the link; the session's own end still tells."""
    call_id, record = await arrive(desk)
    desk.link._happenings._events.pop("Hangup")
    await desk.caller_hangs_up(record)
    ended = await desk.facts.wait(e.CallEnded, call_id=call_id)
    assert ended.cause == "hang-up was missed"


async def test_waiting_callers_hear_music_while_we_are_away_and_can_be_offered_after(desk, hearing):
    """Kill -9 with callers in the queue: the announcement falls out, the music does not."""
    call_id, record = await arrive(desk)
    await wait_in_queue(desk, call_id, visit_after_s=1.0)
    await desk.disconnect()
    await asyncio.sleep(3.0)
    desk.facts.seen.clear()
    await desk.connect()
    adopted = await desk.facts.wait(e.CallAdopted)
    assert (adopted.call_id, adopted.place, adopted.queue) == (call_id, Place.WAITING, "sales")
    offer(desk, call_id)
    await desk.facts.wait(e.OfferAnswered)
    await desk.caller_hangs_up(record)
    assert (await hearing(f"{record}-heard.wav")).loudness(0.8, 2.8) > 0.003


async def test_an_answer_that_crosses_our_cancelling_leaves_one_outcome(desk):
    """The agent picks up in the moment in which we take the call back."""
    for delay_s in (0.28, 0.30, 0.32, 0.34):  # the phone answers after 0.3 s
        desk.facts.seen.clear()
        call_id, record = await waiting(desk)
        offer(desk, call_id)
        await desk.facts.wait(e.OfferRinging)
        await asyncio.sleep(delay_s)
        desk.link.execute(c.CancelOffer(call_id, "o1"))
        await asyncio.sleep(0.5)
        answered = desk.facts.of(e.OfferAnswered)
        failed = desk.facts.of(e.OfferFailed)
        assert len(answered) + len(failed) == 1, desk.facts.seen
        await desk.caller_hangs_up(record)
        await desk.facts.wait(e.CallEnded, call_id=call_id)
        await desk.nobody_left()


async def test_a_caller_who_leaves_in_the_moment_of_the_answer_is_one_call(desk):
    """Both orders of the two: one end, and no phone that goes on ringing."""
    for delay_s in (0.25, 0.28, 0.30, 0.32, 0.35):
        desk.facts.seen.clear()
        call_id, record = await waiting(desk)
        offer(desk, call_id)
        await desk.facts.wait(e.OfferRinging)
        await asyncio.sleep(delay_s)
        await desk.caller_hangs_up(record)
        await desk.facts.wait(e.CallEnded, call_id=call_id)
        await desk.nobody_left()
        answered = desk.facts.of(e.OfferAnswered)
        failed = desk.facts.of(e.OfferFailed)
        assert len(answered) + len(failed) == 1, desk.facts.seen
        assert len(desk.facts.of(e.CallEnded)) == 1


async def test_a_crash_of_asterisk_ends_its_calls(desk, lab):
    """Calls do not outlive their switch: they end as lost, and the link comes back."""
    call_id, _ = await talking(desk)
    os.kill(lab.office.pid, signal.SIGKILL)
    await desk.facts.wait(e.LinkDown)
    desk.facts.seen.clear()
    await lab.office.restart()
    ended = await desk.facts.wait(e.CallEnded, timeout_s=20, call_id=call_id)
    assert ended.by is EndedBy.SWITCH_LOST
    up = await desk.facts.wait(e.LinkUp)
    assert up.calls == ()
    assert desk.facts.seen.index(ended) < desk.facts.seen.index(up)
