"""What a queue's rules decide is carried out: at the door, in the line, by the hours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from acd import decisions as d
from acd.site import Occasion, Onward, Rule
from agent_console.ports import Refusal
from config.check import load_site
from config.hours import Calendar
from config.settings import DEMO_SITE
from config.site import Announcement, Site
from cti import commands as c
from cti import events as e
from ivr import flow as steps
from ivr.flow import Fallback, Flow, Speech

DEMO = load_site(DEMO_SITE)
OUTSIDE = "+14165550177"
STAYS: dict[str, Any] = {"patience_s": 9000.0, "talk_s": 20.0}


def entry(ident: str, *ways: steps.Step, kind: str = "entry") -> Flow:
    """A flow of these steps, the first of which is the start."""
    start, languages = ways[0].id, ("en", "zh")
    by_id = {step.id: step for step in ways}
    return Flow(ident, f"{ident}.yaml", kind, start, languages, by_id, Fallback("support"))


def say(ident: str, text: str, then: str) -> steps.Say:
    return steps.Say(ident, 1, Speech({"en": text, "zh": text}), then, interrupt=False)


GOODBYE = entry("goodbye", say("sorry", "We are closed.", "bye"), steps.HangUp("bye", 1))
BACK = entry("back", say("sorry", "One more moment.", "in"), steps.Queue("in", 1, "support"))
ROUND = entry("round", steps.Queue("again", 1, "sales"))


def site(*rules: tuple[Occasion, str, str, float], **sales: Any) -> Site:
    """The demonstration, with rules for sales: occasion, kind, target, limit."""
    written = tuple(Rule(when, Onward(kind, to), limit) for when, kind, to, limit in rules)  # type: ignore[arg-type]
    queue = replace(DEMO.queues["sales"], **{"rules": written, **sales})
    support = replace(DEMO.queues["support"], rules=(), hours="")
    flows = {**DEMO.flows, **{flow.id: flow for flow in (GOODBYE, BACK, ROUND)}}
    return replace(DEMO, queues={"sales": queue, "support": support}, flows=flows)


def kinds(center: Any, call: str) -> list[str]:
    return [moment.kind for moment in center.fold.calls[call].timeline]


def told(center: Any, kind: type) -> list[Any]:
    return [e.decode() for e in center.journal.entries if e.kind == kind.__name__]


async def in_line(center: Any, call: str) -> float:
    """Let time pass till the call is in its line; since when."""
    await center.until(lambda: center.router.engine.visit(call) is not None)
    return center.router.engine.visit(call).entered


# At the door ----------------------------------------------------------------------------------


async def test_a_caller_of_a_closed_queue_hears_so_and_goes(opened: Any) -> None:
    """The menu of the rule is heard, and the queue never counted the caller as waiting."""
    center = await opened(site=site(("closed", "flow", "goodbye", 0.0)))
    await center.floor.close_queue("zoe", "sales", "fire drill")
    call = center.call(**STAYS)
    await center.until(lambda: call not in center.switch.live)
    assert center.outcome(call) == "turned away"
    moment = next(m for m in center.fold.calls[call].timeline if m.kind == "turned-away")
    assert moment.data == {"queue": "sales", "to": "flow", "target": "goodbye"}
    assert moment.reason["code"] == "turned-closed"
    assert moment.reason["data"]["why"] == "fire drill"
    assert "CallEntered" not in center.journal.kinds(call)


async def test_a_caller_goes_from_a_closed_queue_to_an_open_one(opened: Any) -> None:
    """The other queue is asked as well, and takes the caller in."""
    center = await opened(site=site(("closed", "queue", "support", 0.0)))
    await center.floor.close_queue("zoe", "sales", "")
    call = center.call(**STAYS)
    await center.run(20.0)
    assert center.router.engine.visit(call).queue == "support"
    assert center.outcome(call) == "waiting"


async def test_a_caller_of_a_closed_queue_is_led_outside_if_that_number_may_be_dialled(
    opened: Any,
) -> None:
    """The rules of transfers hold here, too: else the caller waits."""
    center = await opened(site=site(("closed", "number", OUTSIDE, 0.0)))
    await center.floor.close_queue("zoe", "sales", "")
    call = center.call(**STAYS)
    await center.until(lambda: call not in center.switch.live)
    assert center.fold.calls[call].cause == "transferred"

    dear = await opened(site=site(("closed", "number", "+8821655501", 0.0)))
    await dear.floor.close_queue("zoe", "sales", "")
    call = dear.call(**STAYS)
    await dear.run(20.0)
    assert dear.router.engine.visit(call).queue == "sales"


async def test_who_is_led_in_a_circle_waits_in_the_end(opened: Any) -> None:
    """A menu that puts callers back into the closed queue keeps nobody going round for ever."""
    center = await opened(site=site(("closed", "flow", "round", 0.0)))
    await center.floor.close_queue("zoe", "sales", "")
    call = center.call(**STAYS)
    await center.run(20.0)
    assert center.router.engine.visit(call).queue == "sales"
    assert center.journal.kinds(call).count("CallTurnedAway") == 5


async def test_nobody_signed_in_and_too_many_waiting_lead_elsewhere(opened: Any) -> None:
    """Each occasion has its own reason in the record."""
    rules = site(("nobody", "flow", "goodbye", 0.0), ("full", "queue", "support", 1.0))
    center = await opened(site=rules)
    alone = center.call(**STAYS)
    await center.until(lambda: alone not in center.switch.live)
    await center.staff("dana")
    await center.floor.not_ready("dana", "lunch")
    first, second = center.call(**STAYS), center.call(**STAYS)
    await center.run(20.0)
    assert center.router.engine.visit(first).queue == "sales"
    assert center.router.engine.visit(second).queue == "support"
    reasons = [one["reason"]["code"] for one in told(center, d.CallTurnedAway)]
    assert reasons == ["turned-nobody", "turned-full"]


async def test_an_agent_cannot_send_a_caller_into_a_closed_queue(opened: Any) -> None:
    """Refused before anything happens: the caller stays with the agent."""
    center = await opened(site=site())
    await center.staff("anna")
    call = center.call(**{**STAYS, "talk_s": 900.0})
    await center.until(lambda: center.state("anna") == "talking")
    await center.floor.close_queue("zoe", "support", "")
    before = center.router.engine.snapshot()
    with pytest.raises(Refusal) as refused:
        await center.floor.transfer("anna", call, "queue", "support")
    assert refused.value.code == "queue-closed"
    assert center.router.engine.snapshot() == before
    assert center.state("anna") == "talking"


# In the line ----------------------------------------------------------------------------------


async def test_who_has_waited_too_long_comes_to_a_menu_and_from_there_into_a_queue(
    opened: Any,
) -> None:
    """The way goes on with skills and priority; the first queue counts the caller as overflowed."""
    center = await opened(site=site(("waited", "flow", "back", 60.0), wait_flow=""))
    call = center.call(**STAYS)
    await center.run(30.0)
    needs = center.router.engine.visit(call).needs
    await center.run(60.0)
    visit = center.router.engine.visit(call)
    assert (visit.queue, visit.needs) == ("support", needs)
    assert [v.outcome for v in center.fold.calls[call].visits] == ["overflowed", ""]
    assert "sent-on" in kinds(center, call)
    await center.staff("anna")
    await center.until(lambda: center.state("anna") == "talking")


async def test_an_announcement_gives_way_to_where_the_caller_is_sent(opened: Any) -> None:
    """While something is spoken the switch cannot move the caller: it goes on in that session."""
    center = await opened(site=site(("waited", "flow", "goodbye", 30.0)))
    call = center.call(**STAYS)
    entered = await in_line(center, call)
    await center.run(entered + 29.5 - center.time.now())
    center.switch.press(call, "1")
    await center.run(1.0)
    assert center.fold.calls[call].visits[0].outcome == "overflowed"
    await center.until(lambda: call not in center.switch.live)
    assert center.fold.calls[call].cause == "flow"


async def test_what_is_refused_during_an_announcement_leaves_nobody_between_queue_and_menu(
    opened: Any,
) -> None:
    """Neither a number that is not dialled nor a menu that cannot speak loses the caller."""
    for kind, to, order in (
        ("number", OUTSIDE, c.TransferCall),
        ("flow", "goodbye", c.RunStep),
    ):
        center = await opened(site=site(("waited", kind, to, 30.0)))
        call = center.call(**STAYS)
        entered = await in_line(center, call)
        await center.run(entered + 29.5 - center.time.now())
        center.switch.press(call, "1")
        await center.run(0.3)
        Refusing(center, lambda one, wrong=order: isinstance(one, wrong))
        await center.run(60.0)
        visit = center.router.engine.visit(call)
        assert visit is not None, kind
        assert visit.place == "waiting"
        await center.staff("anna")
        await center.until(lambda: center.state("anna") == "talking")  # noqa: B023


async def test_who_has_waited_too_long_goes_outside(opened: Any) -> None:
    """For us the call is over then."""
    center = await opened(site=site(("waited", "number", OUTSIDE, 30.0)))
    call = center.call(**STAYS)
    await center.run(60.0)
    assert call not in center.switch.live
    assert center.fold.calls[call].cause == "transferred"
    assert center.fold.calls[call].visits[0].outcome == "overflowed"
    assert center.router.book.calls == {}


class Refusing:
    """Stands before the switch and refuses some orders."""

    def __init__(self, center: Any, wrong: Callable[[c.Order], bool]) -> None:
        self.center, self.refused = center, []
        self._execute, self._wrong = center.switch.execute, wrong
        center.switch.execute = self.execute

    def execute(self, order: c.Order) -> None:
        if not self._wrong(order):
            self._execute(order)
            return
        self.refused.append(order)
        fact = e.OrderFailed(order.call_id, type(order).__name__, "no trunk")
        self.center.time.soon(self.center.router.receive, fact)


async def test_whom_the_switch_will_not_send_on_waits_at_the_old_place(opened: Any) -> None:
    """The caller does not pay: the place is kept, and it is not tried over and over."""
    center = await opened(site=site(("waited", "number", OUTSIDE, 30.0)))
    switch = Refusing(center, lambda order: isinstance(order, c.TransferCall))
    first = center.call(**STAYS)
    await center.run(10.0)
    second = center.call(**STAYS)
    await center.run(90.0)
    assert [w.call for w in center.router.engine.waiting("sales")] == [first, second]
    assert len(switch.refused) == 2
    await center.staff("dana")
    await center.until(lambda: center.state("dana") == "talking")
    assert center.router.call_of("dana").call_id == first


async def test_a_menu_that_is_gone_does_not_lose_the_caller(opened: Any) -> None:
    """The configuration changed meanwhile: the caller waits on."""
    center = await opened(site=site(("waited", "flow", "nowhere", 30.0)))
    call = center.call(**STAYS)
    await center.run(90.0)
    assert center.router.engine.visit(call).queue == "sales"
    assert center.outcome(call) == "waiting"


async def test_nobody_there_and_closing_time_send_callers_on(opened: Any) -> None:
    """Who waits in a queue that everybody has left, or that has closed, does not wait all night."""
    rules = site(("left-alone", "flow", "goodbye", 20.0), ("closing", "flow", "goodbye", 60.0))
    center = await opened(site=rules)
    await center.staff("dana")
    await center.floor.not_ready("dana", "lunch")
    alone = center.call(**STAYS)
    await center.run(20.0)
    await center.floor.sign_out("dana")
    await center.run(10.0)
    assert alone in center.switch.live
    await center.until(lambda: alone not in center.switch.live)
    assert center.fold.calls[alone].visits[0].outcome == "overflowed"

    await center.staff("dana")
    await center.floor.not_ready("dana", "lunch")
    late = center.call(**STAYS)
    await center.run(20.0)
    await center.floor.close_queue("zoe", "sales", "")
    await center.run(50.0)
    assert late in center.switch.live
    await center.until(lambda: late not in center.switch.live)
    reasons = [one["reason"]["code"] for one in told(center, d.SendOn)]
    assert reasons == ["left-alone", "closing-time"]


async def test_a_caller_on_the_way_elsewhere_survives_the_process(opened: Any) -> None:
    """Killed between the decision and the order: the next life waits on and sends the caller."""
    center = await opened(site=site(("waited", "flow", "goodbye", 30.0), wait_flow=""))
    call = center.call(**STAYS)
    await center.run(20.0)
    center.switch.execute = lambda order: None  # the order never reaches the switch
    await center.until(lambda: bool(told(center, d.SendOn)))
    center.die()
    del center.switch.execute
    again = await opened(after=center)
    await again.until(lambda: call not in again.switch.live)
    assert again.fold.calls[call].cause == "flow"
    assert again.router.book.calls == {}


# Hours ----------------------------------------------------------------------------------------


def office(center_site: Site, now: float) -> Site:
    """Sales by hours that begin ten minutes after `now` and last an hour."""
    local = datetime.fromtimestamp(now, ZoneInfo("America/Toronto"))
    minute = local.hour * 60 + local.minute + 10
    hours = Calendar(
        "office", "America/Toronto", weekly=dict.fromkeys(range(7), ((minute, minute + 60),))
    )
    queues = {**center_site.queues, "sales": replace(center_site.queues["sales"], hours="office")}
    return replace(center_site, queues=queues, calendars={"office": hours})


async def test_a_queue_opens_and_closes_by_its_calendar_to_the_minute(opened: Any) -> None:
    """Nobody has to do anything, also after a restart in between."""
    center = await opened(site=office(site(), 1_800_000_000.0))
    begun = center.time.now()
    opens = begun - begun % 60 + 600.0
    assert not center.router.opening.is_open("sales")
    await center.run(opens - 1.0 - center.time.now())
    assert not center.router.opening.is_open("sales")
    await center.run(2.0)
    assert center.router.opening.is_open("sales")
    assert [x["open"] for x in told(center, d.QueueChanged)] == [False, True]
    center.die()
    center.time.run(until=opens + 3000.0)
    again = await opened(after=center)
    assert again.router.opening.is_open("sales")
    await again.run(opens + 3601.0 - again.time.now())
    assert not again.router.opening.is_open("sales")
    assert [x["open"] for x in told(again, d.QueueChanged)] == [False, True, False]


async def test_what_a_supervisor_says_of_a_queue_holds_until_it_is_taken_back(opened: Any) -> None:
    """Over a restart and over the calendar's own times."""
    center = await opened(site=office(site(), 1_800_000_000.0))
    await center.floor.open_queue("zoe", "sales")
    assert center.router.opening.is_open("sales")
    await center.floor.close_queue("zoe", "sales", "water in the cellar")
    center.die()
    again = await opened(after=center)
    assert not again.router.opening.is_open("sales")
    await again.run(1200.0)  # the calendar has opened meanwhile
    assert not again.router.opening.is_open("sales")
    await again.floor.queue_by_hours("zoe", "sales")
    assert again.router.opening.is_open("sales")
    with pytest.raises(Refusal) as refused:
        await again.floor.close_queue("zoe", "nowhere", "")
    assert refused.value.code == "unknown-queue"


# Who calls ------------------------------------------------------------------------------------


async def test_priority_is_the_sum_of_number_tier_and_choice(opened: Any) -> None:
    """And the record says what it is made of."""
    worth = site()
    numbers = {**worth.numbers, "100": replace(worth.number("100"), priority=3)}
    center = await opened(site=replace(worth, numbers=numbers, tiers={"gold": 20}))
    center.router.menus.customer_of = lambda call: {"customer.tier": "gold"}
    call = center.call(**STAYS)
    await center.run(20.0)
    assert center.router.engine.visit(call).priority == 23 + worth.queues["sales"].priority
    moment = next(m for m in center.fold.calls[call].timeline if m.kind == "ranked")
    assert moment.data == {"priority": 23, "parts": {"number": 3, "tier": 20}, "tier": "gold"}


async def test_the_last_agent_is_waited_for_and_not_for_ever(opened: Any) -> None:
    """Who spoke to the customer last comes first, for as long as the queue says."""
    prefers = site(preferred=DEMO.queues["sales"].preferred)
    center = await opened(site=prefers)
    known = {"customer.last_agent": "dana", "customer.last_contact": f"{center.time.now():.0f}"}
    center.router.menus.customer_of = lambda call: known
    await center.staff("anna", "dana")
    first = center.call(**{**STAYS, "talk_s": 900.0})
    await center.until(lambda: center.state("dana") == "talking")
    assert center.router.call_of("dana").call_id == first
    second = center.call(**STAYS)
    await center.until(lambda: center.state("anna") == "talking")
    offered = next(m for m in center.fold.calls[first].timeline if m.kind == "offered")
    assert offered.reason["code"].startswith("preferred")
    assert center.router.call_of("anna").call_id == second


async def test_who_is_cut_off_and_calls_again_has_the_old_place(opened: Any) -> None:
    """Within the grace, known by the number; the record says so."""
    center = await opened(site=replace(site(), place_grace_s=120.0))
    cut = center.call(**{**STAYS, "ani": "+12025550111"})
    await center.run(15.0)
    other = center.call(**STAYS)
    await center.run(15.0)
    center.switch.caller_hangs_up(cut)
    await center.run(10.0)
    again = center.call(**{**STAYS, "ani": "+12025550111"})
    await center.run(15.0)
    assert [w.call for w in center.router.engine.waiting("sales")] == [again, other]
    queued = next(m for m in center.fold.calls[again].timeline if m.kind == "queued")
    assert queued.reason["code"] == "place-kept"


# While waiting --------------------------------------------------------------------------------


async def test_announcements_follow_their_plan_over_a_restart(opened: Any) -> None:
    """Each at its time, none twice, and what was said is kept with the call."""
    hint = entry("hint", say("text", "Did you know?", "on"), steps.Wait("on", 1), kind="wait")
    thanks = entry("thanks", say("text", "Thank you.", "on"), steps.Wait("on", 1), kind="wait")
    plan = (Announcement("hint", 20.0), Announcement("thanks", 5.0, 30.0))
    planned = site(announcements=plan, wait_flow="")
    center = await opened(
        site=replace(planned, flows={**planned.flows, "hint": hint, "thanks": thanks})
    )
    call = center.call(**STAYS)
    entered = await in_line(center, call)
    await center.run(entered + 30.0 - center.time.now())
    center.die()
    center.time.run(until=center.time.now() + 2.0)
    again = await opened(after=center)
    await again.run(entered + 78.0 - again.time.now())
    heard = [
        (entry.decode()["flow"], entry.at - entered)
        for entry in again.journal.entries
        if entry.kind == "Announced"
    ]
    assert [name for name, _ in heard] == ["thanks", "hint", "thanks", "thanks"]
    expected = [5.0, 20.0, 36.0, 67.0]
    assert [at for _, at in heard] == pytest.approx(expected, abs=3.0)


async def test_the_position_that_is_said_is_written_down_and_why_it_is_worse(opened: Any) -> None:
    """A caller who falls back has a reason in the record."""
    worth = replace(site(), tiers={"gold": 20}, priority_worth_s=None)
    center = await opened(site=worth)
    call = center.call(**STAYS)
    await center.run(15.0)
    center.router.menus.customer_of = lambda call: {"customer.tier": "gold"}
    center.call(**STAYS)
    await center.run(60.0)
    said = [x for x in told(center, d.PositionTold) if x["call"] == call]
    assert [(x["position"], x["before"]) for x in said] == [(1, None), (2, 1)]
    assert said[1]["reason"]["code"] == "position-worse"
    assert said[1]["reason"]["data"]["priority"] == 1


# Voicemail ------------------------------------------------------------------------------------


async def test_a_message_is_left_listed_over_a_restart_and_dealt_with(opened: Any) -> None:
    """Who may not wait leaves a message for the queue; it waits for people until one has it."""
    center = await opened(site=site(("closed", "voicemail", "", 0.0)))
    await center.floor.close_queue("zoe", "sales", "")
    call = center.call(**STAYS, message_s=12.0)
    await center.until(lambda: call not in center.switch.live)
    center.die()
    again = await opened(after=center)
    (message,) = again.router.voicemails.open.values()
    assert (message.box, message.ani, message.call_id) == ("sales", "+12025550100", call)
    assert message.length_s == pytest.approx(12.0, abs=0.5)
    assert {"turned-away", "voicemail"} <= set(kinds(again, call))
    await again.floor.voicemail_done("zoe", message.recording_id)
    assert again.router.voicemails.open == {}
    with pytest.raises(Refusal) as refused:
        await again.floor.voicemail_done("zoe", message.recording_id)
    assert refused.value.code == "unknown-voicemail"


async def test_a_message_of_somebody_who_hangs_up_is_kept_and_silence_is_none(opened: Any) -> None:
    """Most callers just hang up when they have said it."""
    center = await opened(site=site(("waited", "voicemail", "office", 20.0), wait_flow=""))
    call = center.call(**STAYS, message_s=90.0)
    await center.until(lambda: bool(told(center, e.RecordingStarted)))
    await center.run(8.0)
    center.switch.caller_hangs_up(call)
    await center.run(1.0)
    (message,) = center.router.voicemails.open.values()
    assert message.box == "office"
    silent = center.call(**STAYS, message_s=0.0)
    await center.until(lambda: silent not in center.switch.live)
    assert center.fold.calls[silent].trail[-1]["value"] == "nothing said"
    assert list(center.router.voicemails.open) == [message.recording_id]
