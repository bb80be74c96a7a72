"""The voice sessions break: the caller hears music and comes back to the same step."""

from __future__ import annotations

import asyncio

import pytest

from cti import events as e

pytestmark = pytest.mark.asterisk

PROMPT_HZ = 440


async def at_the_question(office):
    caller, call = await office.caller("310")
    await office.until(lambda: "Press 1." in office.prompts, "the question")
    await asyncio.sleep(0.6)  # its prompt is over, or nearly
    return caller, call


async def chooses(office, caller, call):
    """The menu still works: 1 leads to the queue."""
    await caller.press("1")
    await office.until(lambda: office.engine.visit(call), "the caller in the queue")


@pytest.mark.parametrize("fault", ["latency_s", "slice_bytes", "bytes_per_s"])
async def test_a_bad_line_changes_nothing_but_the_pace(office, fault):
    """Late, in pieces or slow: the same menu, the same choice."""
    setattr(office.agi, fault, {"latency_s": 0.2, "slice_bytes": 1, "bytes_per_s": 3000.0}[fault])
    caller, call = await office.caller("310")
    await office.until(lambda: "Press 1." in office.prompts, "the question")
    await asyncio.sleep(1.5)
    await chooses(office, caller, call)
    assert office.of(e.IvrResumed) == []


@pytest.mark.parametrize("how", ["cut", "reset"])
async def test_a_session_that_breaks_in_a_step_goes_on_at_that_step(office, how):
    """No greeting again, no silence: music, and the question once more."""
    caller, call = await at_the_question(office)
    office.agi.refuse = True
    getattr(office.agi, how)()
    await asyncio.sleep(2.5)
    office.prompts.clear()
    office.agi.heal()
    await office.wait(e.IvrResumed, call_id=call)
    await office.until(lambda: office.prompts, "a prompt")
    assert office.prompts == ["Press 1."]
    await asyncio.sleep(0.6)
    await chooses(office, caller, call)
    await caller.hang_up()
    heard = await caller.heard()
    away = heard.part(1.8, 3.4)
    assert float(abs(away).max()) > 0.01, "silence instead of music"
    assert len(office.journal.of("FlowStarted", call_id=call)) == 1


async def test_a_session_that_breaks_while_it_speaks_goes_on_at_that_step(office):
    """Broken in the middle of an answer: half a line is no answer."""
    office.agi.bytes_per_s = 0.0
    caller, call = await at_the_question(office)
    office.agi.reset()
    await office.wait(e.IvrResumed, call_id=call)
    await asyncio.sleep(0.8)
    await chooses(office, caller, call)


async def test_a_caller_who_leaves_a_silent_session_leaves_nothing_behind(office):
    """Half-open: the hang-up comes over the manager connection, the session hears nothing."""
    caller, call = await at_the_question(office)
    office.agi.go_dark()
    await caller.hang_up()
    await office.wait(e.CallEnded, call_id=call)
    await office.until(lambda: office.link._agi.sessions == 0, "no session", 5.0)


async def test_a_hang_up_that_neither_connection_told_is_found(office):
    """Both are away or silent as the caller leaves; the list of calls has the last word."""
    caller, call = await at_the_question(office)
    office.agi.go_dark()
    office.goes_away()
    await office.is_down()
    await caller.hang_up()
    await asyncio.sleep(0.3)
    await office.comes_back("a hang-up that nobody told")
    await office.until(lambda: office.router.book.get(call) is None, "no such call", 5.0)


async def test_a_waiting_caller_whose_visit_breaks_waits_on(office):
    """An announcement falls out; the place in the line does not."""
    caller, call = await office.waiting()
    office.agi.refuse = True
    await caller.press("1")  # opens a visit, which nobody answers
    await asyncio.sleep(1.0)
    office.agi.heal()
    assert office.engine.visit(call).place == "waiting"
    await office.agent("anna")
    await office.wait(e.OfferAnswered, call_id=call, agent_id="anna")
