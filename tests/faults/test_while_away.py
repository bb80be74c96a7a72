"""The manager connection is away, and life goes on: nobody is blamed, nobody is lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from agent_console.ports import Refusal
from cti import commands as c
from cti import events as e
from cti.calls import Place, Prompt

pytestmark = pytest.mark.asterisk

NUMBER = "+12025550123"


@pytest.mark.slow
async def test_a_ring_that_ends_while_we_are_away_is_nobodys_fault(office):
    """The phone rang out, or did not: we cannot know, so the agent is asked again."""
    await office.agent("chen", "ring")
    _, call = await office.ringing("chen", "302")  # rings for three seconds
    office.goes_away()
    await office.is_down()
    await asyncio.sleep(9.0)  # longer than the ring, and than the engine waits for news of it
    await office.lines.phone("chen", "answer")
    await office.comes_back("an outage longer than a ring")
    await office.wait(e.OfferAnswered, call_id=call, agent_id="chen")
    assert "unanswered" not in office.blamed("chen")


async def test_who_comes_while_we_are_away_keeps_the_needs_and_the_place(office):
    """The voice menu works without the manager connection; what it found out must not be lost."""
    office.goes_away()
    await office.is_down()
    first, first_call = await office.caller("303")  # needs somebody technical
    await asyncio.sleep(0.3)
    _, second_call = await office.caller("301")
    await asyncio.sleep(0.3)
    await office.comes_back("callers who came meanwhile")
    await office.until(lambda: len(office.engine.waiting("plain")) == 2, "two in line")
    assert [one.call for one in office.engine.waiting("plain")] == [first_call, second_call]
    assert "technical" in office.engine.visit(first_call).needs
    await office.agent("anna", "busy")
    await office.until(lambda: office.blamed("anna") == ["refused"], "anna refuses")
    await office.agent("ben", "busy")
    await office.until(lambda: office.blamed("ben") == ["refused"], "ben refuses")
    await office.agent("emeka")
    await office.wait(e.OfferAnswered, call_id=second_call, agent_id="emeka")
    await first.hang_up()
    await office.until(lambda: office.outcome(first_call) == "abandoned", "one caller less")


async def test_a_menu_ends_its_call_while_we_are_away(office):
    """A caller who is done must not sit in silence because an order cannot be given."""
    caller, call = await office.caller("310")
    await office.until(lambda: "Press 1." in office.prompts, "the question")
    office.goes_away()
    await office.is_down()
    await asyncio.sleep(0.5)
    await caller.press("9")
    await caller.until_over(4.0)
    await office.comes_back("a menu that ended")
    await office.until(lambda: office.router.book.get(call) is None, "no such call any more")


async def test_a_menu_leads_to_the_queue_while_we_are_away(office):
    """The voice session needs no manager connection; the agent is rung when it is back."""
    await office.agent("anna")
    caller, call = await office.caller("310")
    await office.until(lambda: "Press 1." in office.prompts, "the question")
    office.goes_away()
    await office.is_down()
    await asyncio.sleep(0.5)
    await caller.press("1")
    await asyncio.sleep(0.7)
    await office.comes_back("a menu that led to a queue")
    await office.wait(e.OfferAnswered, call_id=call, agent_id="anna")


async def test_an_order_that_fails_is_not_given_again_in_a_circle(office):
    """With both connections away nothing can be done for a caller; trying must not cost much."""
    _, call = await office.caller("310")
    office.goes_away()
    office.agi.refuse = True
    office.agi.reset()
    await office.is_down()
    before = len(office.journal.entries)
    prompt = c.PlayPrompts((Prompt("x"),))
    office.router.execute(c.RunStep(call, 999, prompt))
    await asyncio.sleep(1.0)
    assert len(office.journal.entries) - before < 20
    office.agi.heal()
    await office.comes_back("both connections")
    await office.until(
        lambda: office.of(e.IvrResumed, call_id=call) or office.engine.visit(call),
        "the caller looked after again",
    )


async def test_people_are_told_that_the_switch_cannot_be_reached(office):
    """A button that does nothing is worse than one that says why."""
    await office.agent("anna")
    _, call = await office.talking("anna")
    office.goes_away()
    await office.is_down()
    for deed in (office.floor.hang_up, office.floor.hold):
        with pytest.raises(Refusal) as refused:
            await deed("anna", call)
        assert refused.value.code == "switch-away"
    await office.comes_back("a refused button")
    await office.floor.hang_up("anna", call)
    await office.until_state("anna", "wrap-up")


async def test_an_offer_lost_on_its_way_is_made_again(office):
    """The order was written and never arrived: nobody refused anything."""
    _, call = await office.waiting()
    office.ami.hold(down=False)
    await office.agent("anna")
    await asyncio.sleep(0.2)
    office.goes_away()
    await office.is_down()
    office.ami.release()
    await asyncio.sleep(0.2)
    await office.comes_back("an offer lost on its way")
    await office.wait(e.OfferAnswered, call_id=call, agent_id="anna")
    assert office.blamed("anna") == []


@pytest.mark.parametrize("act", ["answer", "ring"])
async def test_an_offer_whose_answer_was_lost_is_found(office, act):
    """The order arrived, the phone rings or was answered, and we know nothing of it."""
    _, call = await office.waiting()
    office.ami.hold(up=False)
    await office.agent("anna", act)
    await office.lines.until_rung("deskanna")
    await office.is_down()
    office.ami.refuse = True
    office.ami.reset()
    await asyncio.sleep(0.3)
    await office.comes_back("an offer whose answer was lost")
    await office.lines.phone("anna", "answer")
    await office.until_state("anna", "talking")
    await office.until(lambda: office.place(call) is Place.TALKING, "the two talking")
    assert len(office.journal.of("Offer", call=call)) == 1
    assert office.blamed("anna") == []


@pytest.mark.parametrize("when", ["agent rings", "agent answered meanwhile", "customer rings"])
async def test_a_callback_outlives_a_cut(office, when):
    """The agent's phone rings, or the customer's: both will talk, and nobody is dialled twice."""
    callback = await office.callback(NUMBER)
    await office.lines.number(NUMBER, "ring")
    await office.agent("anna", "answer" if when == "customer rings" else "ring")
    await office.lines.until_rung("deskanna")
    if when == "customer rings":
        await office.lines.until_rung("n12025550123")
    await asyncio.sleep(0.2)
    office.goes_away()
    await office.is_down()
    if when == "agent answered meanwhile":
        await office.lines.phone("anna", "answer")
        await office.lines.until_rung("n12025550123")
    await office.comes_back("a cut in a callback")
    await asyncio.sleep(0.2)
    await office.lines.phone("anna", "answer")
    visit = office.engine.visit(callback)
    assert visit.place == ("offered" if when == "agent rings" else "dialling"), visit
    await office.lines.number(NUMBER, "answer")
    await office.until(lambda: office.engine.visit(callback).place == "connected", "the two talk")
    await office.lines.until_rung("n12025550123")
    rung = Counter(who for who, _ in office.lines.rung)
    assert rung["n12025550123"] == rung["deskanna"] == 1
    assert office.blamed("anna") == []


async def test_a_callback_lost_on_its_way_is_dialled_when_we_are_back(office):
    """The order never arrived: the agent's phone is not broken, the customer is still owed."""
    callback = await office.callback(NUMBER)
    await office.lines.number(NUMBER, "answer")
    office.ami.hold(down=False)
    await office.agent("anna")
    await asyncio.sleep(0.2)
    office.goes_away()
    await office.is_down()
    office.ami.release()
    await asyncio.sleep(0.2)
    await office.comes_back("a callback lost on its way")
    await office.until(
        lambda: (v := office.engine.visit(callback)) and v.place == "connected", "the two talk"
    )
    assert office.blamed("anna") == []


async def test_a_callback_that_ended_while_we_were_away_is_tried_again(office):
    """The customer did not answer, unseen by us: one attempt, and the agent is free."""
    callback = await office.callback(NUMBER)
    await office.lines.number(NUMBER, "ring")
    await office.agent("anna")
    await office.lines.until_rung("n12025550123")
    office.goes_away()
    await office.is_down()
    await office.lines.number(NUMBER, "busy")
    await asyncio.sleep(0.5)
    await office.comes_back("a callback that ended")
    await office.until_state("anna", "ready")
    assert office.engine.visit(callback).place == "retry"


async def test_hold_and_its_end_are_seen_after_a_cut(office):
    """A held caller hears music on, and is retrieved after it."""
    await office.agent("anna")
    _, call = await office.talking("anna")
    await office.floor.hold("anna", call)
    await office.until_state("anna", "held")
    office.goes_away()
    await office.is_down()
    await office.comes_back("a cut while held")
    assert office.state("anna") == "held"
    await office.floor.retrieve("anna", call)
    await office.until_state("anna", "talking")
    await office.phone_hangs_up("anna")
    await office.until_state("anna", "wrap-up")


async def test_fifty_cuts_in_a_row(office):
    """Whatever moment a cut hits: the calls of each second are all whole."""
    for name in ("anna", "ben", "chen"):
        await office.agent(name)
    began = time.monotonic()
    cuts = 0
    while time.monotonic() - began < 6.0:
        caller = await office.lines.dial("301", office.stranger())
        await asyncio.sleep(0.12)
        office.ami.reset()
        cuts += 1
        await asyncio.sleep(0.1)
        if cuts % 3 == 0:
            await caller.hang_up()
        for agent in ("anna", "ben", "chen"):
            call = office.router.call_of(agent)
            if office.state(agent) == "wrap-up" and call is not None:
                await office.floor.wrap_up(agent, call.call_id, "", "", "ready")
    assert cuts > 15
    assert [office.blamed(agent) for agent in ("anna", "ben", "chen")] == [[], [], []]
