"""The customer's record on the agent's screen: there in time, the right one, and gone after."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent_console.live import agent_room
from callcenter import happenings as h
from callcenter.pops import Pops
from crm_link.screen_pop import ScreenPop
from crm_link.sources import Found
from cti.virtual.callers import Customer

KNOWN = "+12025550100"
NAMES = {"c1": "Grace Chen", "c2": "Mo Farouk"}


class Records:
    """One customer by number, another whom an agent may choose."""

    async def look_up(self, e164: str) -> Found:
        customer = await self.get("c1") if e164 == KNOWN else None
        return Found([], customer)

    async def get(self, customer_id: str) -> Any:
        fields = ("company", "tier", "email", "language", "account_number")
        rest: dict[str, Any] = dict.fromkeys(fields, "")
        rest |= {name: [] for name in ("phones", "contacts", "orders", "notes")}
        return {"customer_id": customer_id, "name": NAMES[customer_id], **rest}


@pytest.fixture
def popping(opened: Any) -> Any:
    """`await popping(…)`: like `opened`, with customer records."""

    async def build(**how: Any) -> Any:
        center = await opened(**how)
        _with_pops(center)
        await _settle()
        return center

    return build


def _with_pops(center: Any) -> None:
    def matched(call_id: str, customer_id: str, name: str) -> None:
        center.router.note(h.CustomerMatched(call_id, customer_id, name), center.time.now())

    center.screen_pop = ScreenPop(Records())
    center.router.pops = Pops(center.screen_pop, center.store, matched)
    center.router.show_records()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def _shown(center: Any, agent: str) -> str:
    record = center.store.get(agent_room(agent), "record")
    return "" if record is None or record["customer"] is None else record["customer"]["name"]


async def test_the_record_is_there_while_the_phone_rings_and_gone_after_the_work(
    popping: Any,
) -> None:
    """Step 8: looked for in the menu, on the screen at the offer, off it after the wrap-up."""
    center = await popping()
    await center.staff("anna")
    call = center.call(talk_s=10.0)
    await center.run(1.0)
    await _settle()
    await center.until(lambda: center.state("anna") == "talking")
    assert _shown(center, "anna") == "Grace Chen"
    await center.until(lambda: center.state("anna") == "wrap-up")
    assert _shown(center, "anna") == "Grace Chen"
    await center.floor.wrap_up("anna", call, "solved", "", "ready")
    assert center.store.get(agent_room("anna"), "record") is None


async def test_a_restart_shows_the_record_again_and_keeps_the_agents_choice(
    popping: Any,
) -> None:
    """Who was chosen by hand is not replaced by whoever has the number."""
    center = await popping()
    await center.staff("anna")
    call = center.call(talk_s=100.0)
    await center.until(lambda: center.state("anna") == "talking")
    center.router.note(h.CustomerMatched(call, "c2", "Mo Farouk"), center.time.now())
    center.die()
    again = await popping(after=center)
    assert _shown(again, "anna") == "Mo Farouk"
    assert again.router.book.get(call).customer_id == "c2"


async def test_a_second_call_within_seconds_is_matched_too(popping: Any) -> None:
    """The answer from memory is an answer: the call's record names the customer."""
    center = await popping()
    for _ in range(2):
        call = center.call()
        await center.run(0.5)
        await _settle()
        assert center.fold.calls[call].customer == "Grace Chen"


async def test_a_callback_shows_who_asked_for_it(popping: Any) -> None:
    """Called back at a friend's number, it is still the same customer."""
    center = await popping(customers=lambda number: Customer("busy", 5.0))
    call = center.call(digits=("1", "1", "1", "2", "4165550123#", "1"), patience_s=600.0)
    await center.run(1.0)
    await _settle()
    await center.until(lambda: call not in center.switch.live, within_s=120.0)
    await center.staff("anna")
    await center.run(1.0)
    await _settle()
    assert center.desk("anna")["call"]["ani"] == "+14165550123"
    assert _shown(center, "anna") == "Grace Chen"
    await center.run(10.0)
    assert center.store.get(agent_room("anna"), "record") is None


async def test_nothing_is_remembered_of_calls_that_are_over(popping: Any) -> None:
    """Whatever way they end, and for callbacks that were never reached too."""
    center = await popping(customers=lambda number: Customer("no answer", 2.0))
    await center.staff("anna")
    for how in (
        {"stays_s": 2.0},
        {"patience_s": 3.0},
        {"talk_s": 5.0},
        {"digits": ("1", "1", "1", "1"), "patience_s": 300.0},
    ):
        center.call(**{"talk_s": 5.0, **how})
        await center.run(2.0)
    await center.floor.not_ready("anna", "lunch")
    missed = center.call(patience_s=900.0)
    await center.run(20.0)
    assert center.outcome(missed) == "waiting"
    center.switch._calls.pop(missed)
    center.switch.connect(center.router.receive)
    await center.run(600.0)
    await center.drain()
    await _settle()
    pops = center.router.pops
    assert pops._calls == {}
    assert pops._told == {}
    assert dict(center.screen_pop._pops) == {}


async def test_a_consulted_colleague_sees_the_record_while_on_the_line(popping: Any) -> None:
    """Whoever is asked about a customer knows which one; afterwards it is gone there, not here."""
    center = await popping()
    await center.staff("anna")
    call = center.call(ani=KNOWN, talk_s=600.0)
    await center.until(lambda: center.state("anna") == "talking")
    await center.staff("dana")
    await _settle()
    leg = await center.floor.consult("anna", call, "agent", "dana")
    await center.until(lambda: center.state("dana") == "talking")
    assert (_shown(center, "anna"), _shown(center, "dana")) == ("Grace Chen", "Grace Chen")
    await center.floor.end_leg("anna", call, leg)
    await center.until(lambda: center.state("dana") == "ready")
    assert (_shown(center, "anna"), _shown(center, "dana")) == ("Grace Chen", "")


async def test_the_record_goes_with_the_caller_from_agent_to_agent(popping: Any) -> None:
    """The giver has it to the end of the own after-call work, the taker to the end of theirs."""
    center = await popping()
    await center.staff("anna")
    call = center.call(ani=KNOWN, talk_s=600.0)
    await center.until(lambda: center.state("anna") == "talking")
    await center.staff("dana")
    await _settle()
    await center.floor.consult("anna", call, "agent", "dana")
    await center.until(lambda: center.state("anna") == "consulting")
    await center.floor.complete("anna", call)
    await center.until(lambda: center.state("anna") == "wrap-up")
    assert (_shown(center, "anna"), _shown(center, "dana")) == ("Grace Chen", "Grace Chen")
    await center.floor.wrap_up("anna", call, "solved", "", "not_ready")
    assert (_shown(center, "anna"), _shown(center, "dana")) == ("", "Grace Chen")
    await center.floor.transfer("dana", call, "queue", center.site.agents["emeka"].queues[0])
    await center.until(lambda: center.state("dana") == "wrap-up")
    await center.floor.sign_in("emeka", "browser")
    await center.floor.pick("emeka", call)
    await center.until(lambda: center.state("emeka") == "talking")
    assert (_shown(center, "dana"), _shown(center, "emeka")) == ("Grace Chen", "Grace Chen")


async def test_a_supervisor_sees_the_record_of_the_call_that_is_listened_to(popping: Any) -> None:
    """Helping needs the same picture that the agent has."""
    center = await popping()
    await center.staff("anna")
    call = center.call(ani=KNOWN, talk_s=600.0)
    await center.until(lambda: center.state("anna") == "talking")
    await center.floor.sign_in("emeka", "browser")
    await _settle()
    await center.floor.supervise("emeka", call, "listen")
    await center.until(lambda: center.state("emeka") == "talking")
    assert _shown(center, "emeka") == "Grace Chen"
    await center.floor.supervise("emeka", call, "off")
    await center.until(lambda: center.state("emeka") == "not ready")
    assert _shown(center, "emeka") == ""
