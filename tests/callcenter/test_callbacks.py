"""Callers who would rather be called back: a promise is kept, or it is not made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent_console.ports import Refusal
from cti import events as e
from cti.virtual.phones import Act, Reaction, always
from ivr.flow import OfferCallback, Speech
from tests.callcenter.conftest import SITE, START

DIGITS = ("1", "1", "1", "1")  # English, sales, "leave a number", "yes, this one"


async def _at_the_promise(center: Any, call: str) -> Any:
    """Stop where the callback is about to be promised; returns what remains to be done."""
    center.postponed = []
    await center.until(lambda: bool(center.postponed), within_s=90.0)
    (rest,), center.postponed = center.postponed, None
    return rest


async def test_who_is_offered_to_an_agent_meanwhile_is_not_called_back(opened: Any) -> None:
    """An agent came free in the very moment: better a person now than a promise."""
    center = await opened(phones=always(Reaction(Act.BY_HAND)))
    call = center.call(digits=DIGITS, patience_s=600.0, talk_s=30.0)
    rest = await _at_the_promise(center, call)
    await center.staff("anna")
    offer = center.desk("anna")["call"]["offer_id"]
    await rest
    await center.run(1.0)
    center.switch.agent_answers(offer)
    await center.run(1.0)
    assert center.outcome(call) == "talking"
    assert f"cb-{call}" not in center.fold.calls
    await center.run(60.0)
    await center.drain()


async def test_a_promise_that_is_not_saved_in_the_end_is_taken_back(opened: Any) -> None:
    """The disk failed between the two: the caller waits on at the old place, counted once."""
    center = await opened()
    call = center.call(digits=DIGITS, patience_s=600.0, talk_s=30.0)
    center.journal.commits_left = 1
    await center.until(lambda: "CallbackCancelled" in center.journal.kinds(), within_s=90.0)
    await center.run(30.0)
    center.journal.commits_left = None
    assert center.outcome(call) == "waiting"
    assert center.router.engine.position(call) == 1
    assert call in center.switch.live
    await center.staff("anna")
    await center.run(10.0)
    assert center.outcome(call) == "talking"
    assert [visit.outcome for visit in center.fold.calls[call].visits] == ["answered"]


async def test_nothing_is_promised_that_the_journal_did_not_take(opened: Any) -> None:
    """A journal that is full: what is on disk says nothing of this callback."""
    center = await opened()
    call = center.call(digits=DIGITS, patience_s=600.0)
    rest = await _at_the_promise(center, call)
    center.journal.broken = True
    await rest
    await center.run(60.0)
    assert center.outcome(call) == "waiting"
    assert center.router.engine.position(call) == 1


async def test_who_was_promised_a_callback_is_not_kept_on_the_line(opened: Any) -> None:
    """The voice session broke after the promise: there is nothing more to wait for."""
    for news in (e.OrderFailed("", "RunStep", "no open voice session"), e.WaitVisited("")):
        center = await opened()
        call = center.call(digits=DIGITS, patience_s=6000.0)
        await center.until(lambda c=center: "CallbackRequested" in c.journal.kinds(), 90.0)
        fields = {name: getattr(news, name) for name in news.__slots__} | {"call_id": call}
        center.router.receive(type(news)(**fields))
        await center.run(1.0)
        assert call not in center.switch.live
        assert center.outcome(call) == "callback"
        assert center.router.engine.visit(f"cb-{call}").place == "waiting"


async def test_a_promise_outlives_us(opened: Any) -> None:
    """Killed while the caller hears "we will call you": it is said to its end, and kept."""
    center = await opened()
    call = center.call(digits=DIGITS, patience_s=6000.0)
    await center.until(lambda: "CallbackRequested" in center.journal.kinds(), within_s=90.0)
    center.die()
    again = await opened(after=center)
    await again.run(15.0)
    assert call not in again.switch.live
    await again.staff("anna")
    await again.run(5.0)
    assert again.outcome(f"cb-{call}") == "talking"
