"""Calls through the router on the virtual switch, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from agent_console.ports import Refusal
from cti import events as e
from cti.calls import EndedBy
from cti.virtual.phones import Act, Reaction, always
from ivr.actions import Collect


async def test_a_call_goes_the_nine_steps(opened: Any) -> None:
    """The whole way of a call, from arrival to wrap-up, is the product's first promise."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=60.0)
    await center.run(90.0)
    record = center.fold.calls[call]
    assert record.outcome == "answered"
    assert record.agent == "anna"
    assert record.talk_s == pytest.approx(60.0, abs=1.0)
    moments = record.moments()
    order = ["arrived", "menu_ended", "queued", "offered", "rang", "answered", "ended"]
    times = [moments[name] for name in order]
    assert None not in times
    assert times == sorted(times)
    assert center.state("anna") == "wrap-up"
    await center.floor.wrap_up("anna", call, "solved", "all well", "ready")
    assert center.state("anna") == "ready"
    assert center.fold.calls[call].disposition == "solved"


async def test_the_menu_choice_decides_queue_and_skill(opened: Any) -> None:
    """Step 5: who presses 3 for technical support must not reach somebody from sales."""
    center = await opened()
    await center.staff("dana", "ben")
    call = center.call(digits=("1", "3"), talk_s=5.0)
    await center.run(60.0)
    assert center.fold.calls[call].agent == "ben"
    assert center.fold.calls[call].queue == "support"


async def test_no_answer_offers_the_next_agent_and_keeps_the_place(opened: Any) -> None:
    """RONA: the caller is not the one who pays for an agent who is not at the desk."""

    def phones(agent: str) -> Reaction:
        return Reaction(Act.IGNORE if agent == "anna" else Act.ANSWER)

    center = await opened(phones=phones)
    await center.staff("anna")
    call = center.call(talk_s=30.0)
    await center.run(10.0)
    later = center.call(talk_s=30.0)
    await center.run(40.0)
    await center.staff("dana")
    await center.run(5.0)
    first, second = center.fold.calls[call], center.fold.calls[later]
    assert first.offers[0].outcome == "unanswered"
    assert first.agent == "dana"
    assert second.agent == ""
    assert center.state("anna") == "not ready"
    assert center.router.engine.agent_view("anna").reason == "no answer"


async def test_a_caller_who_gives_up_while_it_rings_leaves_the_agent_ready(opened: Any) -> None:
    """A hang-up in the ring is the caller's, never the agent's miss."""
    center = await opened(phones=always(Reaction(Act.IGNORE)))
    await center.staff("anna")
    call = center.call(patience_s=4.0)
    await center.run(40.0)
    assert center.outcome(call) == "abandoned"
    assert center.state("anna") == "ready"


async def test_a_caller_leaves_a_number_and_is_called_back_in_turn(opened: Any) -> None:
    """The callback keeps the caller's place and is dialled when an agent is free."""
    center = await opened()
    call = center.call(digits=("1", "1", "1", "1"), wait_digit="", patience_s=600.0)
    await center.run(90.0)
    assert center.outcome(call) == "callback"
    later = center.call(talk_s=10.0)
    await center.run(60.0)
    await center.staff("anna")
    await center.run(5.0)
    callback = center.fold.calls[f"cb-{call}"]
    assert callback.agent == "anna"
    assert callback.outcome == "talking"
    assert center.outcome(later) == "waiting"


async def test_a_callback_is_not_promised_when_it_cannot_be_saved(opened: Any) -> None:
    """No false acknowledgement: without a disk the caller goes on waiting, with the old place."""
    center = await opened()
    call = center.call(digits=("1", "1", "1", "1"), patience_s=600.0)
    center.journal.healthy = False
    await center.run(60.0)
    assert center.outcome(call) == "waiting"
    view = center.router.engine.visit(call)
    assert view is not None
    assert view.place == "waiting"


async def test_a_full_journal_never_drops_a_call(opened: Any) -> None:
    """The disk is full: live calls go on, people are told that nothing can be saved."""
    center = await opened()
    await center.staff("anna")
    center.journal.broken = True
    center.journal.healthy = False
    call = center.call(talk_s=60.0)
    await center.run(40.0)
    assert center.state("anna") == "talking"
    assert center.outcome(call) == "talking"
    with pytest.raises(Refusal) as refused:
        await center.floor.not_ready("anna", "lunch")
    assert refused.value.code == "cannot-save"


async def test_deeds_that_do_not_fit_are_refused_and_change_nothing(opened: Any) -> None:
    """Every refusal is typed, and afterwards everything is as it was."""
    center = await opened(phones=always(Reaction(Act.IGNORE)))
    await center.staff("anna")
    call = center.call()
    await center.run(20.0)
    assert center.state("anna") == "reserved"
    before = center.router.engine.snapshot()
    for deed, code in (
        (center.floor.hang_up("anna", call), "still-ringing"),
        (center.floor.hold("anna", call), "not-talking"),
        (center.floor.retrieve("anna", call), "not-held"),
        (center.floor.wrap_up("anna", call, "solved", "", ""), "still-talking"),
        (center.floor.wrap_up("anna", call, "nonsense", "", ""), "unknown-disposition"),
        (center.floor.hang_up("dana", call), "not-your-call"),
        (center.floor.decline("anna", "o-999"), "offer-over"),
        (center.floor.sign_in("anna", "pigeon"), "unknown-phone"),
        (center.floor.sign_in("dana", "desk"), "no-such-phone"),
    ):
        with pytest.raises(Refusal) as refused:
            await deed
        assert refused.value.code == code
    assert center.router.engine.snapshot() == before


async def test_declining_offers_the_next_agent(opened: Any) -> None:
    """An agent may refuse: that is one outcome of three, and the caller goes on to the next."""
    center = await opened(phones=always(Reaction(Act.IGNORE)))
    await center.staff("anna")
    call = center.call()
    await center.run(20.0)
    offer = center.fold.calls[call].offers[-1].offer
    await center.floor.decline("anna", offer)
    await center.run(1.0)
    assert [o.outcome for o in center.fold.calls[call].offers] == ["refused"]
    assert center.state("anna") == "not ready"
    assert center.outcome(call) == "waiting"


async def test_secret_digits_are_written_nowhere(opened: Any) -> None:
    """A card number typed on the keypad must never reach the journal."""
    center = await opened()
    call = center.call(digits=())
    await center.run(1.0)
    visit = center.router.menus._visits[call]
    visit.action = Collect((), secret=True)
    center.router.receive(e.StepFinished(call, visit.step_no, "digits", "4111111111111111"))
    finished = [entry for entry in center.journal.entries if entry.kind == "StepFinished"]
    assert finished[-1].decode()["digits"] == "*" * 16


async def test_a_bad_fact_does_not_stop_the_others(opened: Any) -> None:
    """One fact that breaks our code must not take other callers with it."""
    center = await opened()
    await center.staff("anna")
    center.router.receive(e.CallEnded("never-heard-of", EndedBy.CALLER))
    center.router.receive(e.StepFinished("never-heard-of", 1, "digits", "1"))
    center.router.receive(e.WaitVisited("never-heard-of"))
    center.router.receive(e.OfferAnswered("never-heard-of", "o1", "anna"))
    call = center.call(talk_s=10.0)
    await center.run(60.0)
    assert center.outcome(call) == "answered"


async def test_an_arrival_told_again_after_the_end_makes_no_second_call(opened: Any) -> None:
    """I8: a late repetition must not leave a caller who is not there."""
    center = await opened()
    call = center.call(stays_s=2.0)
    await center.run(5.0)
    center.router.receive(e.CallArrived(call, "virtual", "+12025550100", "", "100", "t"))
    await center.run(60.0)
    assert center.router.book.calls == {}
    assert center.journal.kinds(call).count("CallArrived") == 1


async def test_a_voice_session_that_comes_back_in_the_queue_keeps_the_place(opened: Any) -> None:
    """The menu is behind the caller: it is not begun again, and the queue not entered twice."""
    center = await opened()
    call = center.call(patience_s=900.0)
    await center.run(20.0)
    entered = center.router.engine.visit(call).entered
    center.router.receive(e.IvrResumed(call, ""))
    await center.run(60.0)
    assert center.router.engine.visit(call).entered == entered
    assert center.journal.kinds(call).count("CallEntered") == 1
    assert center.journal.kinds(call).count("FlowStarted") == 1


async def test_late_news_of_an_ended_call_starts_nothing(opened: Any) -> None:
    """A visit told after the end runs no flow and stays in no memory."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=5.0)
    await center.until(lambda: center.state("anna") == "wrap-up")
    center.router.receive(e.WaitVisited(call))
    assert center.router.menus._visits == {}
    assert center.router.menus.announcing._just == {}
