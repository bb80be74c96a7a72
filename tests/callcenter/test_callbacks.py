"""Callers who would rather be called back: a promise is kept, or it is not made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent_console.live import SUPERVISOR
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


def choosing(minutes: tuple[int, ...]) -> Any:
    """The demonstration, whose callers may choose one of these minutes of the day with 3."""
    said = Speech({"en": "For {time}, press {key}.", "zh": "{time}请按 {key}。"})
    flow = SITE.flows["wait"]
    offer = flow.steps["callback"]
    assert isinstance(offer, OfferCallback)
    offer = replace(offer, at="3", times=said, confirm_time=offer.confirm)
    flows = {**SITE.flows, "wait": replace(flow, steps={**flow.steps, "callback": offer})}
    queue = replace(SITE.queues["sales"], callback_times=minutes)
    return replace(SITE, flows=flows, queues={**SITE.queues, "sales": queue})


async def test_a_callback_at_a_chosen_time_is_kept_over_a_restart(opened: Any) -> None:
    """Nobody is rung before; then the promise is kept, and the record says so."""
    zone = ZoneInfo(SITE.time_zone)
    now = datetime.fromtimestamp(START, zone)
    minute = (now.hour * 60 + now.minute + 30) % 1440
    center = await opened(site=choosing((minute,)))
    await center.staff("anna")
    await center.floor.not_ready("anna", "lunch")
    call = center.call(digits=("1", "1", "1", "3", "1", "1"), patience_s=900.0)
    await center.until(lambda: call not in center.switch.live, within_s=90.0)
    assert center.outcome(call) == "callback"
    await center.floor.ready("anna")
    await center.run(60.0)
    visit = center.router.engine.visit(f"cb-{call}")
    assert visit.place == "due later"
    wall = datetime.fromtimestamp(visit.due, zone)
    assert (wall.hour * 60 + wall.minute, wall.second) == (minute, 0)
    assert center.state("anna") == "ready"
    center.die()
    again = await opened(after=center)
    await again.run(visit.due - again.time.now() - 5.0)
    assert again.state("anna") == "ready"
    await again.until(lambda: again.state("anna") == "talking")
    record = again.fold.calls[f"cb-{call}"]
    assert record.outcome == "talking"
    changed = [entry.decode() for entry in again.journal.entries if entry.kind == "CallbackChanged"]
    assert changed[-1]["promise"] == "kept"


async def test_a_supervisor_moves_a_callback_and_calls_it_off(opened: Any) -> None:
    """Another time, now, or not at all; each is refused once the callback is over."""
    center = await opened()
    call = center.call(digits=DIGITS, patience_s=600.0)
    await center.until(lambda: call not in center.switch.live, within_s=90.0)
    callback = f"cb-{call}"
    due = center.time.now() + 3600.0

    def shown() -> Any:
        center.board.publish()
        return center.store.get(SUPERVISOR, f"callback:{callback}")

    assert (shown()["due"], shown()["attempts"]) == (None, 0)
    await center.floor.move_callback("zoe", callback, due)
    assert shown()["due"] == due
    assert center.router.engine.visit(callback).due == due
    await center.floor.call_back_now("zoe", callback)
    assert center.router.engine.visit(callback).place == "waiting"
    await center.floor.cancel_callback("zoe", callback, "solved by mail")
    assert shown() is None
    for deed in (
        center.floor.cancel_callback("zoe", callback, ""),
        center.floor.move_callback("zoe", callback, due),
        center.floor.call_back_now("zoe", callback),
    ):
        with pytest.raises(Refusal) as refused:
            await deed
        assert refused.value.code == "unknown-callback"
