"""Call control on the virtual switch: what people do with calls, and what becomes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from agent_console.ports import Refusal
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, LegState, Place
from cti.virtual.callers import Customer
from cti.virtual.phones import AT_ONCE, Act, Reaction, always

OUTSIDE = "+14165550142"


async def talking(center: Any, agent: str = "anna", **how: Any) -> str:
    """A caller talks with `agent`, the only one who is ready by then."""
    await center.staff(agent)
    call: str = center.call(**{"talk_s": 6000.0, "patience_s": 6000.0, **how})
    await center.until(lambda: center.state(agent) == "talking")
    return call


async def refusal(deed: Awaitable[Any]) -> str:
    """The code with which a deed is refused."""
    with pytest.raises(Refusal) as refused:
        await deed
    assert refused.value.message.endswith(".")
    return refused.value.code


def verbs(center: Any, call: str) -> list[str]:
    return [
        entry.decode()["verb"]
        for entry in center.journal.entries
        if entry.kind == "CallAction" and entry.call_id == call
    ]


# Transfers ---------------------------------------------------------------------------------


async def test_a_call_is_transferred_to_another_queue_and_answered_there(opened: Any) -> None:
    """The caller is not lost, the first agent wraps up, the next one has the caller."""
    center = await opened()
    call = await talking(center)
    await center.floor.transfer("anna", call, "queue", "support")
    await center.run(1.0)
    assert center.state("anna") == "wrap-up"
    assert center.router.engine.visit(call).queue == "support"
    await center.staff("ben")
    await center.until(lambda: center.state("ben") == "talking")
    live = center.router.book.get(call)
    assert (live.agent, live.queue, live.place) == ("ben", "support", Place.TALKING)
    assert verbs(center, call) == ["transfer"]


async def test_the_giver_still_wraps_up_while_another_has_the_call(opened: Any) -> None:
    """After-call work belongs to an agent's part of a call, not to the call."""
    center = await opened()
    call = await talking(center)
    await center.floor.transfer("anna", call, "queue", "sales")
    await center.staff("dana")
    await center.until(lambda: center.state("dana") == "talking")
    mine, theirs = center.desk("anna")["call"], center.desk("dana")["call"]
    assert (mine["call_id"], mine["place"]) == (call, "ended")
    assert (theirs["call_id"], theirs["place"]) == (call, "talking")
    assert await refusal(center.floor.hold("anna", call)) == "not-talking"
    assert await refusal(center.floor.hang_up("anna", call)) == "call-over"
    await center.floor.wrap_up("anna", call, "solved", "went to Dana", "ready")
    assert center.router.call_of("anna") is None
    assert center.router.book.get(call).agent == "dana"
    await center.floor.hang_up("dana", call)
    await center.run(1.0)
    await center.floor.wrap_up("dana", call, "solved", "", "ready")
    assert center.router.book.calls == {}


async def test_a_call_given_to_an_agent_rings_there_first(opened: Any) -> None:
    """A transfer to a person is an offer to that person, whoever has been idle for longer."""
    center = await opened()
    call = await talking(center)
    await center.staff("ben", "dana")
    await center.run(5.0)
    await center.floor.transfer("anna", call, "agent", "dana")
    await center.until(lambda: center.state("dana") == "talking")
    assert center.state("ben") == "ready"
    assert center.router.book.get(call).agent == "dana"


async def test_a_call_that_its_target_does_not_take_waits_in_the_queue(opened: Any) -> None:
    """Nobody is lost because a colleague did not answer."""
    react = {"dana": Reaction(Act.REFUSE, 2.0)}
    center = await opened(phones=lambda agent: react.get(agent, AT_ONCE))
    call = await talking(center)
    await center.staff("dana")
    await center.floor.transfer("anna", call, "agent", "dana")
    await center.until(lambda: center.state("dana") == "not ready")
    assert center.router.engine.visit(call).place in ("waiting", "offered")
    await center.floor.wrap_up("anna", call, "", "", "ready")
    await center.until(lambda: center.state("anna") == "talking")
    assert center.router.book.get(call).agent == "anna"


async def test_a_transfer_outside_ends_the_call_for_us(opened: Any) -> None:
    """The agent is free of it, and the record says where it went."""
    center = await opened()
    call = await talking(center)
    await center.floor.transfer("anna", call, "number", OUTSIDE)
    await center.run(1.0)
    assert center.state("anna") == "wrap-up"
    assert center.router.engine.visit(call) is None
    done = [x for x in center.journal.entries if x.kind == "CallCompleted"][-1].decode()
    assert (done["by"], done["onward"]) == ("transferred", "outside")


async def test_a_caller_can_be_sent_to_a_menu(opened: Any) -> None:
    """From the menu the caller comes to a queue again, as after the first one."""
    center = await opened()
    call = await talking(center)
    flow = center.site.default_flow
    await center.floor.transfer("anna", call, "flow", flow)
    await center.run(0.5)
    assert center.state("anna") == "wrap-up"
    assert center.router.book.get(call).place in (Place.ENTRY, Place.WAITING)
    await center.until(lambda: center.state("anna") == "talking", 120.0)
    assert center.router.book.get(call).agent == "anna"


@pytest.mark.parametrize("order", [c.StartWaiting, c.StartMenu, c.TransferCall])
async def test_a_transfer_that_the_switch_refuses_leaves_the_call(opened: Any, order: type) -> None:
    """The conversation goes on as if nothing had been asked."""
    center = await opened()
    call = await talking(center)
    execute = center.switch.execute

    def refuse(given: c.Order) -> None:
        if isinstance(given, order):
            center.time.soon(
                lambda _: center.router.receive(e.OrderFailed(call, order.__name__, "no")), None
            )
        else:
            execute(given)

    center.switch.execute = refuse
    to = {c.StartWaiting: ("queue", "support"), c.StartMenu: ("flow", center.site.default_flow)}
    kind, target = to.get(order, ("number", OUTSIDE))
    await center.floor.transfer("anna", call, kind, target)
    await center.run(15.0)
    assert center.state("anna") == "talking"
    assert center.router.book.get(call).place is Place.TALKING
    said = center.desk("anna")["call"]["trouble"]["text"]
    assert said["en"] == "The call could not be given away; you still have it."
    center.switch.execute = execute
    await center.floor.hold("anna", call)
    assert center.desk("anna")["call"]["trouble"] is None
    await center.floor.hang_up("anna", call)
    await center.run(1.0)
    assert center.fold.calls[call].outcome == "answered"


async def test_a_caller_who_hangs_up_during_a_transfer_was_not_transferred(opened: Any) -> None:
    """The hang-up was first: the conversation ended by the caller."""
    center = await opened()
    call = await talking(center)
    center.switch.execute = lambda order: None
    await center.floor.transfer("anna", call, "queue", "support")
    center.router.receive(e.CallEnded(call, EndedBy.CALLER))
    done = [x for x in center.journal.entries if x.kind == "CallCompleted"][-1].decode()
    assert (done["by"], done["onward"]) == ("caller", "")


async def test_a_parked_call_is_picked_by_whom_it_is_for(opened: Any) -> None:
    """Nobody else's phone rings for it meanwhile."""
    center = await opened()
    call = await talking(center)
    await center.floor.park("anna", call)
    await center.staff("ben", "dana")
    await center.run(60.0)
    assert {center.state("ben"), center.state("dana")} == {"ready"}
    assert center.router.engine.visit(call).place == "parked"
    await center.floor.pick("ben", call)
    await center.until(lambda: center.state("ben") == "talking")
    assert verbs(center, call) == ["park", "pick"]


async def test_a_parked_call_that_nobody_picks_goes_back_to_the_line(opened: Any) -> None:
    """Parking is no way to lose a caller."""
    center = await opened()
    call = await talking(center)
    await center.floor.park("anna", call)
    await center.staff("dana")
    await center.run(119.0)
    assert center.state("dana") == "ready"
    await center.until(lambda: center.state("dana") == "talking")
    assert center.router.book.get(call).agent == "dana"


async def test_a_supervisor_assigns_a_waiting_call(opened: Any) -> None:
    """Out of turn, to somebody who is ready."""
    center = await opened()
    call = center.call(patience_s=6000.0, digits=("1", "1"))
    await center.run(20.0)
    assert await refusal(center.floor.assign("zoe", call, "ben")) == "agent-not-ready"
    await center.staff("ben")
    await center.floor.assign("zoe", call, "ben")
    await center.until(lambda: center.state("ben") == "talking")
    assert center.desk("ben")["call"]["why"]["code"] == "assigned"


async def test_an_agent_on_a_break_may_pick_a_caller(opened: Any) -> None:
    """Picking is the agent's own wish; afterwards the break goes on."""
    center = await opened()
    call = center.call(patience_s=6000.0, digits=("1", "1"), talk_s=10.0)
    await center.run(20.0)
    await center.floor.sign_in("anna", "browser")
    await center.floor.not_ready("anna", "lunch")
    await center.floor.pick("anna", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    await center.floor.wrap_up("anna", call, "", "", "")
    assert center.state("anna") == "not ready"


# Consultations ------------------------------------------------------------------------------


async def consulting(center: Any, kind: str = "agent", to: str = "dana") -> tuple[str, str]:
    call = await talking(center)
    if kind == "agent":
        await center.staff(to)
    leg = await center.floor.consult("anna", call, kind, to)
    await center.until(lambda: center.state("anna") == "consulting")
    return call, leg


async def test_an_agent_asks_a_colleague_and_goes_back_to_the_caller(opened: Any) -> None:
    """The caller hears music meanwhile; the colleague is free again, without after-call work."""
    center = await opened()
    call, leg = await consulting(center)
    assert center.state("dana") == "talking"
    card = center.desk("dana")["call"]
    assert card["call_id"] == call
    assert center.router.book.get(call).place is Place.CONSULTING
    await center.floor.end_leg("anna", call, leg)
    await center.until(lambda: center.state("anna") == "talking")
    assert center.state("dana") == "ready"
    assert center.desk("dana")["call"] is None
    assert center.router.book.get(call).legs == {}


async def test_the_colleague_hangs_up_and_the_caller_stays_on_hold(opened: Any) -> None:
    """The agent decides when to go back: nobody is surprised by an open line."""
    center = await opened()
    call, _ = await consulting(center)
    await center.floor.hang_up("dana", call)
    await center.run(2.0)
    assert (center.state("anna"), center.state("dana")) == ("held", "ready")
    await center.floor.retrieve("anna", call)
    await center.run(1.0)
    assert center.state("anna") == "talking"


async def test_somebody_outside_is_consulted_and_gets_the_caller(opened: Any) -> None:
    """The call lives on without an agent of ours, and is forgotten when it ends."""
    center = await opened(customers=lambda number: Customer("answer", 1.0, talk_s=30.0))
    call, leg = await consulting(center, "number", OUTSIDE)
    assert center.router.book.get(call).legs[leg].number == OUTSIDE
    await center.floor.complete("anna", call)
    await center.run(1.0)
    assert center.state("anna") == "wrap-up"
    await center.floor.wrap_up("anna", call, "solved", "", "ready")
    live = center.router.book.get(call)
    assert (live.agent, live.ended) == ("", None)
    center.switch.caller_hangs_up(call)
    await center.run(1.0)
    assert center.router.book.calls == {}
    assert center.state("anna") == "ready"


async def test_a_consulted_agent_takes_the_caller(opened: Any) -> None:
    """Attended transfer: the second agent has the call with everything that belongs to it."""
    center = await opened()
    call, _ = await consulting(center)
    await center.floor.complete("anna", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    assert center.state("dana") == "talking"
    assert center.router.book.get(call).agent == "dana"
    assert center.desk("anna")["call"]["place"] == "ended"
    await center.floor.hold("dana", call)
    await center.run(1.0)
    await center.floor.retrieve("dana", call)
    await center.run(1.0)
    await center.floor.hang_up("dana", call)
    await center.until(lambda: center.state("dana") == "wrap-up")
    await center.drain()


async def test_brokering_between_caller_and_colleague(opened: Any) -> None:
    """Swapping changes who hears music, as often as wanted."""
    center = await opened()
    call, leg = await consulting(center)
    await center.floor.swap("anna", call)
    await center.until(lambda: center.state("anna") == "talking")
    assert center.router.book.get(call).legs[leg].state is LegState.HELD
    assert await refusal(center.floor.hold("anna", call)) == "not-talking"
    await center.floor.swap("anna", call)
    await center.until(lambda: center.state("anna") == "consulting")
    assert center.router.book.get(call).legs[leg].state is LegState.TALKING
    await center.floor.swap("anna", call)
    await center.run(1.0)
    await center.floor.end_leg("anna", call, leg)
    await center.run(1.0)
    assert (center.state("anna"), center.state("dana")) == ("talking", "ready")
    assert "OrderFailed" not in center.journal.kinds()


async def test_three_talk_together_and_the_agent_leaves(opened: Any) -> None:
    """A conference goes on without the one who began it."""
    center = await opened(customers=lambda number: Customer("answer", 1.0, talk_s=600.0))
    call, _ = await consulting(center)
    await center.floor.conference("anna", call)
    await center.until(lambda: center.state("anna") == "conference")
    third = await center.floor.consult("anna", call, "number", OUTSIDE)
    await center.until(lambda: center.router.book.get(call).legs[third].state is LegState.TALKING)
    assert center.state("anna") == "conference"
    await center.floor.complete("anna", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    live = center.router.book.get(call)
    assert (live.agent, list(live.legs)) == ("dana", [third])
    assert center.state("dana") == "conference"
    await center.floor.end_leg("dana", call, third)
    await center.until(lambda: center.state("dana") == "talking")


async def test_a_party_that_cannot_be_rung_takes_no_other_one_along(opened: Any) -> None:
    """Two are being added to a conference; the one whose phone rings is still reserved for it."""
    slow = {"ben": Reaction(after_s=10.0)}
    center = await opened(phones=lambda agent: slow.get(agent, AT_ONCE))
    call, _ = await consulting(center)
    await center.floor.conference("anna", call)
    await center.until(lambda: center.state("anna") == "conference")
    await center.staff("ben")
    rings = await center.floor.consult("anna", call, "agent", "ben")
    carry_out = center.switch.execute

    def refuse(order: c.Order) -> None:
        center.switch.execute = carry_out
        fact = e.OrderFailed(order.call_id, "DialLeg", "barred", leg_id=order.leg_id)
        center.time.soon(center.router.receive, fact)

    center.switch.execute = refuse
    refused = await center.floor.consult("anna", call, "number", OUTSIDE)
    await center.run(1.0)
    legs = center.router.book.get(call).legs
    assert (rings in legs, refused in legs) == (True, False)
    assert center.state("ben") == "reserved"
    await center.until(lambda: center.state("ben") == "talking")
    assert center.router.book.get(call).legs[rings].state is LegState.TALKING


async def test_a_switch_says_which_party_it_does_not_ring(opened: Any) -> None:
    """Of several that are being rung, nobody else is meant."""
    center = await opened()
    call = await talking(center)
    center.switch.execute(c.EndLeg(call, "leg-1"))
    await center.run(0.1)
    failed = [x.decode() for x in center.journal.entries if x.kind == "OrderFailed"]
    assert [(one["order"], one["leg_id"]) for one in failed] == [("EndLeg", "leg-1")]


async def test_a_colleague_who_does_not_answer_leaves_the_caller_on_hold(opened: Any) -> None:
    """The agent may go back at once, which gives the ringing up."""
    center = await opened(phones=lambda agent: AT_ONCE if agent == "anna" else Reaction(Act.IGNORE))
    call = await talking(center)
    await center.staff("dana")
    await center.floor.consult("anna", call, "agent", "dana")
    await center.run(5.0)
    assert (center.state("anna"), center.state("dana")) == ("held", "reserved")
    assert await refusal(center.floor.complete("anna", call)) == "not-answered"
    await center.floor.retrieve("anna", call)
    await center.until(lambda: center.state("anna") == "talking")
    assert center.state("dana") == "ready"
    assert center.desk("anna")["call"]["trouble"] is None  # given up by herself
    await center.floor.consult("anna", call, "agent", "dana")
    await center.run(60.0)
    assert (center.state("anna"), center.state("dana")) == ("held", "not ready")
    name = center.site.agents["dana"].name
    assert center.desk("anna")["call"]["trouble"]["text"]["en"] == f"{name} did not answer"


async def test_a_colleague_refuses_a_consultation(opened: Any) -> None:
    """Refusing a leg is refusing an offer: not ready, with the reason."""
    center = await opened(
        phones=lambda agent: AT_ONCE if agent == "anna" else Reaction(Act.BY_HAND)
    )
    call = await talking(center)
    await center.staff("dana")
    leg = await center.floor.consult("anna", call, "agent", "dana")
    await center.run(1.0)
    await center.floor.decline("dana", leg)
    await center.run(1.0)
    assert center.state("dana") == "not ready"
    assert center.router.book.get(call).legs == {}


async def test_a_call_that_ends_takes_its_parties_along(opened: Any) -> None:
    """Nobody stays talking to nobody on our books."""
    center = await opened()
    call, _ = await consulting(center)
    center.switch.caller_hangs_up(call)
    await center.run(2.0)
    assert (center.state("anna"), center.state("dana")) == ("wrap-up", "ready")


# Supervisors --------------------------------------------------------------------------------


async def supervised(center: Any, mode: str = "listen") -> str:
    """Emeka, on a break, joins Anna's call."""
    call = await talking(center)
    await center.floor.sign_in("emeka", "browser")
    await center.floor.supervise("emeka", call, mode)
    await center.until(lambda: center.state("emeka") == "talking")
    return call


async def test_a_supervisor_listens_whispers_and_leaves(opened: Any) -> None:
    """The conversation and its agent know nothing of it; the break goes on afterwards."""
    center = await opened()
    call = await supervised(center)
    assert center.state("anna") == "talking"
    await center.floor.supervise("emeka", call, "whisper")
    await center.run(1.0)
    (leg,) = center.router.book.get(call).legs.values()
    assert (leg.agent_id, leg.supervision, leg.state) == (
        "emeka",
        "whisper",
        LegState.SUPERVISING,
    )
    await center.floor.consult("anna", call, "number", OUTSIDE)  # a supervisor is no party
    await center.run(1.0)
    await center.floor.supervise("emeka", call, "off")
    await center.until(lambda: center.state("emeka") == "not ready")
    assert await refusal(center.floor.supervise("emeka", call, "off")) == "not-supervising"


async def test_a_supervisor_takes_the_call_over(opened: Any) -> None:
    """The agent is out and wraps up; the supervisor has the caller."""
    center = await opened()
    call = await supervised(center)
    await center.floor.take_over("emeka", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    assert center.router.book.get(call).agent == "emeka"
    assert center.state("emeka") == "talking"
    await center.floor.hang_up("emeka", call)
    await center.until(lambda: center.state("emeka") == "wrap-up")


# Calls that agents place --------------------------------------------------------------------


async def test_an_agent_calls_somebody(opened: Any) -> None:
    """Own phone first, then the customer; after-call work as for any call."""
    center = await opened(customers=lambda number: Customer("answer", 2.0, talk_s=20.0))
    await center.staff("anna")
    call = await center.floor.dial("anna", "(416) 555-0142", "sales")
    await center.run(1.0)
    live = center.router.book.get(call)
    assert (live.direction, live.number, live.queue) == ("outbound", OUTSIDE, "sales")
    await center.until(lambda: center.state("anna") == "talking")
    await center.until(lambda: center.state("anna") == "wrap-up")
    await center.floor.wrap_up("anna", call, "solved", "", "ready")
    assert center.router.book.calls == {}
    counts = center.router.engine.counts["sales"]
    assert (counts.calls.offered, counts.outbound.left) == (0, {"reached": 1})


async def test_a_call_that_reaches_nobody_leaves_the_agent_as_before(opened: Any) -> None:
    """No after-call work for a busy line; a break stays a break."""
    center = await opened(customers=lambda number: Customer("busy", 2.0))
    await center.floor.sign_in("anna", "browser")
    await center.floor.not_ready("anna", "lunch")
    await center.floor.dial("anna", OUTSIDE, "")
    await center.until(lambda: center.state("anna") == "reserved")
    await center.until(lambda: center.state("anna") == "not ready")
    assert center.router.engine.agent_view("anna").reason == "lunch"
    assert center.router.book.calls == {}


async def test_a_call_that_an_agent_placed_can_be_transferred(opened: Any) -> None:
    """From then on its customer waits like any caller, and may hang up like one."""
    center = await opened(customers=lambda number: Customer("answer", 1.0, talk_s=600.0))
    await center.staff("anna")
    call = await center.floor.dial("anna", OUTSIDE, "sales")
    await center.until(lambda: center.state("anna") == "talking")
    await center.floor.transfer("anna", call, "queue", "support")
    await center.run(1.0)
    assert center.router.engine.visit(call).kind == "call"
    center.switch.caller_hangs_up(call)
    await center.run(1.0)
    assert center.router.engine.visit(call) is None
    await center.floor.wrap_up("anna", call, "", "", "ready")
    assert center.router.book.calls == {}


async def test_dialling_like_mad_is_stopped(opened: Any) -> None:
    """A stolen log-in is no way to run up a telephone bill; and it leaves a trace."""
    center = await opened(customers=lambda number: Customer("busy", 0.1))
    await center.staff("anna")
    for _ in range(20):
        await center.floor.dial("anna", OUTSIDE, "")
        await center.until(lambda: center.state("anna") == "ready")
    assert await refusal(center.floor.dial("anna", OUTSIDE, "")) == "too-many-dials"
    last = [x for x in center.journal.entries if x.kind == "CallAction"][-1].decode()
    assert (last["by"], last["verb"], last["call_id"]) == ("anna", "dial", "")
    await center.run(60.0)
    await center.floor.dial("anna", OUTSIDE, "")


# In the conversation ------------------------------------------------------------------------


async def test_mute_digits_and_recording(opened: Any) -> None:
    """What the switch says of them is what people see; digits are never written down."""
    center = await opened()
    call = await talking(center)
    floor, book = center.floor, center.router.book
    await floor.mute("anna", call, True)
    await floor.record("anna", call, "start")
    await floor.send_digits("anna", call, "4711#")
    await center.run(1.0)
    live = book.get(call)
    assert live.muted
    assert live.recording
    assert await refusal(floor.record("anna", call, "start")) == "recording-already"
    await floor.record("anna", call, "pause")
    await center.run(1.0)
    assert book.get(call).recording_paused
    await floor.record("anna", call, "resume")
    await floor.mute("anna", call, False)
    await center.run(1.0)
    assert not book.get(call).recording_paused
    assert not book.get(call).muted
    await floor.record("anna", call, "stop")
    await center.run(1.0)
    assert await refusal(floor.record("anna", call, "stop")) == "not-recording"
    assert not any(b"4711" in entry.data for entry in center.journal.entries)


# Refusals -----------------------------------------------------------------------------------


async def test_what_does_not_fit_is_refused_and_changes_nothing(opened: Any) -> None:
    """Each with a code for programs and a sentence for people."""
    center = await opened()
    call = await talking(center)
    floor = center.floor
    rows: list[tuple[Callable[[], Awaitable[Any]], str]] = [
        (lambda: floor.mute("ben", call, True), "not-your-call"),
        (lambda: floor.retrieve("anna", call), "not-held"),
        (lambda: floor.swap("anna", call), "not-consulting"),
        (lambda: floor.conference("anna", call), "not-consulting"),
        (lambda: floor.complete("anna", call), "not-consulting"),
        (lambda: floor.end_leg("anna", call, "l-9"), "no-such-leg"),
        (lambda: floor.record("anna", call, "pause"), "not-recording"),
        (lambda: floor.record("anna", call, "burn"), "unknown-action"),
        (lambda: floor.send_digits("anna", call, "abc"), "bad-digits"),
        (lambda: floor.transfer("anna", call, "queue", "nowhere"), "unknown-queue"),
        (lambda: floor.transfer("anna", call, "flow", "nowhere"), "unknown-flow"),
        (lambda: floor.transfer("anna", call, "agent", "nobody"), "unknown-agent"),
        (lambda: floor.transfer("anna", call, "agent", "ben"), "agent-not-ready"),
        (lambda: floor.transfer("anna", call, "agent", "anna"), "yourself"),
        (lambda: floor.transfer("anna", call, "number", "+8816 12345"), "number-not-allowed"),
        (lambda: floor.transfer("anna", call, "number", "Local/1@evil"), "number-not-allowed"),
        (lambda: floor.transfer("anna", call, "moon", "x"), "unknown-kind"),
        (lambda: floor.consult("anna", call, "agent", "ben"), "agent-not-ready"),
        (lambda: floor.consult("anna", call, "queue", "sales"), "unknown-kind"),
        (lambda: floor.consult("anna", call, "number", "sip:x"), "number-not-allowed"),
        (lambda: floor.dial("anna", OUTSIDE, ""), "not-free"),
        (lambda: floor.dial("ben", OUTSIDE, ""), "not-free"),
        (lambda: floor.dial("anna", OUTSIDE, "nowhere"), "unknown-queue"),
        (lambda: floor.pick("ben", call), "call-not-waiting"),
        (lambda: floor.assign("zoe", call, "ben"), "call-not-waiting"),
        (lambda: floor.supervise("ben", call, "listen"), "not-free"),
        (lambda: floor.supervise("anna", call, "listen"), "own-call"),
        (lambda: floor.supervise("ben", call, "stare"), "unknown-mode"),
        (lambda: floor.supervise("ben", "c-9", "listen"), "not-talking"),
        (lambda: floor.take_over("ben", call), "not-your-call"),
        (lambda: floor.take_over("anna", call), "not-supervising"),
    ]
    before, written = center.router.engine.snapshot(), len(center.journal.entries)
    for deed, code in rows:
        assert await refusal(deed()) == code
    assert center.router.engine.snapshot() == before
    traces = [entry.decode() for entry in center.journal.entries[written:]]
    tried = "refused: a number that may not be dialled"  # somebody should see who tries
    assert [(x["by"], x["verb"], x["detail"]) for x in traces] == [
        ("anna", "transfer", tried),
        ("anna", "transfer", tried),
        ("anna", "consult", tried),
    ]


async def test_without_a_disk_or_a_switch_nothing_is_begun(opened: Any) -> None:
    """Refused before anything has happened, in words."""
    center = await opened()
    call = await talking(center)
    floor = center.floor
    center.journal.healthy = False
    for deed in (
        lambda: floor.transfer("anna", call, "queue", "support"),
        lambda: floor.park("anna", call),
        lambda: floor.consult("anna", call, "number", OUTSIDE),
        lambda: floor.mute("anna", call, True),
    ):
        assert await refusal(deed()) == "cannot-save"
    center.journal.healthy = True
    center.switch.disconnect()
    center.router.receive(e.LinkDown("virtual", "cut"))
    for deed in (
        lambda: floor.transfer("anna", call, "queue", "support"),
        lambda: floor.consult("anna", call, "number", OUTSIDE),
        lambda: floor.mute("anna", call, True),
    ):
        assert await refusal(deed()) == "switch-away"
    assert center.router.engine.agent_view("anna").state == "talking"


async def test_a_party_of_a_call_cannot_give_it_away(opened: Any) -> None:
    """Whose call it is decides; a consulted colleague may only leave."""
    center = await opened(phones=always(AT_ONCE))
    call, leg = await consulting(center)
    floor = center.floor
    for deed in (
        lambda: floor.transfer("dana", call, "queue", "support"),
        lambda: floor.complete("dana", call),
        lambda: floor.end_leg("dana", call, leg),
        lambda: floor.hold("dana", call),
        lambda: floor.mute("dana", call, True),
    ):
        assert await refusal(deed()) == "not-your-call"


# Restart ------------------------------------------------------------------------------------


@pytest.mark.parametrize("conference", [False, True])
async def test_a_consultation_survives_a_restart(opened: Any, conference: bool) -> None:
    """Who talks with whom is as before, and the verbs go on working."""
    center = await opened()
    call, leg = await consulting(center)
    if conference:
        await center.floor.conference("anna", call)
        await center.until(lambda: center.state("anna") == "conference")
    center.die()
    center = await opened(after=center)
    await center.run(1.0)
    expected = "conference" if conference else "consulting"
    assert (center.state("anna"), center.state("dana")) == (expected, "talking")
    assert list(center.router.book.get(call).legs) == [leg]
    await center.floor.complete("anna", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    assert center.router.book.get(call).agent == "dana"


async def test_what_happened_while_we_were_away_is_taken_up(opened: Any) -> None:
    """The colleague hung up, or the caller was handed over, and nobody of us saw it."""
    center = await opened()
    call, _ = await consulting(center)
    center.die()
    center.switch.people.hangs_up("dana")
    await center.run(1.0)
    center = await opened(after=center)
    await center.run(1.0)
    assert (center.state("anna"), center.state("dana")) == ("held", "ready")
    await center.floor.retrieve("anna", call)
    await center.run(1.0)
    await center.staff("dana") if center.state("dana") == "offline" else None
    await center.floor.consult("anna", call, "agent", "dana")
    await center.until(lambda: center.state("anna") == "consulting")
    center.die()
    center.switch.agent_hangs_up(call)
    await center.run(1.0)
    center = await opened(after=center)
    await center.run(1.0)
    assert center.router.book.get(call).agent == "dana"
    assert (center.state("anna"), center.state("dana")) == ("wrap-up", "talking")


async def test_a_transfer_that_nobody_saw_done_is_taken_up(opened: Any) -> None:
    """We died between the order and its result: the caller waits where the switch says."""
    center = await opened()
    call = await talking(center)
    center.switch.disconnect()  # the order still gets there, the news of it does not
    center.router.choice.reachable = lambda call_id: True
    await center.floor.transfer("anna", call, "queue", "support")
    await center.run(1.0)
    center.die()
    center = await opened(after=center)
    await center.run(1.0)
    assert center.state("anna") == "wrap-up"
    assert center.router.engine.visit(call).queue == "support"
    assert center.fold.calls[call].segments[0].how == "to queue"


async def test_a_call_is_given_away_once(opened: Any) -> None:
    """A button pressed twice sends nobody to two places."""
    center = await opened()
    call = await talking(center)
    await center.floor.transfer("anna", call, "queue", "support")
    assert await refusal(center.floor.park("anna", call)) == "leaving-already"
    await center.run(1.0)
    assert center.router.engine.visit(call).queue == "support"


async def test_time_with_somebody_outside_is_a_part_of_the_call(opened: Any) -> None:
    """Where the caller's time went is in the record, also when it was not with us."""
    center = await opened(customers=lambda number: Customer("answer", 1.0, talk_s=30.0))
    call, _ = await consulting(center, "number", OUTSIDE)
    await center.floor.complete("anna", call)
    await center.until(lambda: center.fold.calls[call].ended is not None, 120.0)
    record = center.fold.calls[call]
    mine, asked, outside = record.segments
    assert (mine.role, mine.agent, mine.how) == ("agent", "anna", "to outside")
    assert (asked.role, asked.number, asked.how) == ("consulted", OUTSIDE, "took over")
    assert (outside.role, outside.number, outside.ended) == ("outside", OUTSIDE, record.ended)
    assert outside.began == mine.ended


@pytest.mark.parametrize("done", ["waits", "is outside", "is in a menu"])
async def test_of_two_transfers_the_one_that_was_done_counts(opened: Any, done: str) -> None:
    """The switch was slow, the agent asked for something else meanwhile: what is so is so."""
    center = await opened()
    call = await talking(center)
    center.switch.execute = lambda order: None  # slow indeed
    first = ("queue", "support") if done == "waits" else ("number", OUTSIDE)
    second = ("number", OUTSIDE) if done == "waits" else ("queue", "support")
    await center.floor.transfer("anna", call, *first)
    await center.run(20.0)
    await center.floor.transfer("anna", call, *second)
    facts = {
        "waits": e.CallWaiting(call),
        "is outside": e.CallEnded(call, EndedBy.SYSTEM, "transferred"),
        "is in a menu": e.IvrResumed(call, f"{center.site.default_flow}:"),
    }
    center.router.receive(facts[done])
    assert center.state("anna") == "wrap-up"
    visit = center.router.engine.visit(call)
    assert (visit.queue if visit is not None else "") == ("support" if done == "waits" else "")


async def test_a_caller_comes_to_the_menu_that_the_agent_chose(opened: Any) -> None:
    """Not to the one of the number that was dialled, which the caller has been through."""
    center = await opened()
    main = center.site.flows[center.site.default_flow]
    flows = {**center.site.flows, "billing": replace(main, id="billing")}
    center = await opened(site=replace(center.site, flows=flows))
    call = await talking(center)
    await center.floor.transfer("anna", call, "flow", "billing")
    await center.run(0.5)
    begun = [x.decode()["flow"] for x in center.journal.entries if x.kind == "FlowStarted"]
    assert begun == [main.id, "billing"]
    assert center.router.book.get(call).flow == "billing"


async def test_a_conference_that_ended_while_the_switch_was_away_is_over(opened: Any) -> None:
    """Whoever left meanwhile, also somebody outside: the next consultation is one."""
    center = await opened(customers=lambda number: Customer("answer", 1.0, talk_s=600.0))
    call, leg = await consulting(center)
    await center.floor.conference("anna", call)
    await center.until(lambda: center.state("anna") == "conference")
    other = await center.floor.consult("anna", call, "number", OUTSIDE)
    await center.until(lambda: center.router.book.get(call).legs[other].state is LegState.TALKING)
    center.switch.disconnect()
    center.router.receive(e.LinkDown("virtual", "cut"))
    for gone in (leg, other):
        center.switch.execute(c.EndLeg(call, gone))
    await center.run(1.0)
    center.switch.connect(center.router.receive)
    await center.run(1.0)
    assert (center.state("anna"), center.router.book.get(call).legs) == ("talking", {})
    await center.staff("ben")
    again = await center.floor.consult("anna", call, "agent", "ben")
    await center.until(lambda: center.state("ben") == "talking")
    assert center.state("anna") == "consulting"
    await center.floor.end_leg("anna", call, again)
    await center.run(1.0)
    assert center.state("anna") == "talking"
