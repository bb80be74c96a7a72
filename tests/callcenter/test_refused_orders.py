"""A switch that says no: nobody is left in silence, nobody is blamed, nothing spins."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from callcenter.door import Door
from config.check import load_site
from config.settings import DEMO_SITE
from cti import commands as c
from cti import events as e

SPINNING = 300  # orders of one kind; by then something goes round in circles


class Refusing:
    """Stands before a switch and refuses what `wrong` says, as long as it says so."""

    def __init__(self, center: Any, wrong: Any) -> None:
        self.center = center
        self.wrong = wrong
        self.orders: list[c.Order] = []
        self.refused: list[c.Order] = []
        self._carry_out = center.switch.execute
        center.switch.execute = self

    def __call__(self, order: c.Order) -> None:
        self.orders.append(order)
        if not self.wrong(order):
            self._carry_out(order)
            return
        self.refused.append(order)
        if len(self.refused) < SPINNING:
            fact = e.OrderFailed(order.call_id, type(order).__name__, "refused")
            self.center.time.soon(self.center.router.receive, fact)


def _of(*kinds: type) -> Any:
    return lambda order: isinstance(order, kinds)


async def test_a_caller_who_cannot_be_put_to_the_music_is_put_there_later(opened: Any) -> None:
    """Asked again once a second, not as fast as the machine can; the caller is not lost."""
    center = await opened()
    call = center.call(patience_s=900.0)
    switch = Refusing(center, _of(c.StartWaiting))
    await center.until(lambda: bool(switch.refused))
    await center.run(6.0)
    assert 4 <= len(switch.refused) <= 8
    switch.wrong = _of()
    await center.run(5.0)
    assert center.outcome(call) == "waiting"


async def test_nothing_is_asked_of_a_switch_that_is_away(opened: Any) -> None:
    """Orders that failed wait for the link, without a word in the journal meanwhile."""
    center = await opened()
    call = center.call(patience_s=900.0)
    switch = Refusing(center, _of(c.StartWaiting))
    await center.until(lambda: bool(switch.refused))
    center.router.receive(e.LinkDown("virtual", "cut"))
    entries = len(center.journal.entries)
    await center.run(30.0)
    assert len(center.journal.entries) - entries < 5
    switch.wrong = _of()
    center.router.receive(e.LinkUp("virtual", center.switch.live))
    await center.run(5.0)
    assert center.outcome(call) == "waiting"


async def test_who_can_never_be_moved_is_let_go(opened: Any) -> None:
    """A call that the switch knows nothing of must not hold up agents for ever."""
    center = await opened()
    call = center.call(patience_s=900.0)
    await center.until(lambda: call in center.fold.calls and center.outcome(call) == "waiting")
    Refusing(center, lambda order: order.call_id == call)
    await center.staff("anna")
    await center.run(60.0)
    assert center.router.book.get(call) is None
    assert center.router.engine.visit(call) is None
    assert center.state("anna") == "ready"


async def test_a_refused_voice_step_leads_to_the_queue(opened: Any) -> None:
    """A menu that cannot be played is no reason to keep a caller from the agents."""
    center = await opened()
    call = center.call(patience_s=900.0)
    switch = Refusing(center, _of(c.RunStep))
    await center.run(1.0)
    assert center.outcome(call) == "waiting"
    assert center.fold.calls[call].queue == "support"
    await center.run(100.0)
    assert len(switch.refused) < 10


async def test_an_order_refused_once_blames_nobody(opened: Any) -> None:
    """The same agent gets the call a moment later, and never knows."""
    center = await opened()
    await center.staff("anna")
    switch = Refusing(center, lambda order: isinstance(order, c.OfferCall) and not switch.refused)
    call = center.call(talk_s=60.0)
    await center.until(lambda: bool(switch.refused))
    await center.run(3.0)
    assert center.outcome(call) == "talking"
    outcomes = [offer.outcome for offer in center.fold.calls[call].offers]
    assert outcomes == ["cancelled", "accepted"]


async def test_a_phone_that_cannot_be_dialled_is_out_of_order(opened: Any) -> None:
    """One agent with an impossible phone must not keep a caller from all the others."""
    center = await opened()
    await center.staff("anna")
    await center.run(1.0)
    await center.staff("dana")
    Refusing(center, lambda order: isinstance(order, c.OfferCall) and order.agent_id == "anna")
    call = center.call(talk_s=60.0)
    await center.until(lambda: center.state("anna") == "reserved")
    await center.run(5.0)
    assert center.state("anna") == "fault"
    assert center.fold.calls[call].agent == "dana"


async def test_an_offer_refused_during_an_announcement_is_made_after_it(opened: Any) -> None:
    """The parked offer waits for the music, and the music must not wait for the offer."""
    center = await opened()
    call = center.call(patience_s=900.0, talk_s=60.0)
    await center.until(lambda: "WaitVisited" in center.journal.kinds(call))
    switch = Refusing(center, lambda order: isinstance(order, c.OfferCall) and not switch.refused)
    await center.staff("anna")
    await center.until(lambda: bool(switch.refused))
    await center.run(3.0)
    assert center.outcome(call) == "talking"
    assert center.state("anna") == "talking"


async def test_a_queue_that_is_gone_does_not_lose_the_caller(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow named a queue that the engine does not know (any more)."""
    center = await opened()
    enter = Door.enter

    def wrong(self: Door, call: Any, action: Any, language: str = "") -> None:
        if action.why == "chosen":
            center.router.routing.queue_call(call.call_id, "nowhere", center.router.now())
        else:
            enter(self, call, action, language)

    monkeypatch.setattr(Door, "enter", wrong)
    call = center.call(patience_s=900.0)
    await center.run(20.0)
    assert center.outcome(call) == "waiting"
    assert center.fold.calls[call].queue == "support"


async def test_a_hang_up_that_failed_is_tried_again(opened: Any) -> None:
    """Who was told goodbye must not listen to silence."""
    center = await opened()
    call = center.call(digits=("1", "1", "1", "1"), patience_s=900.0)
    switch = Refusing(center, _of(c.HangUpCall))
    await center.until(lambda: bool(switch.refused), within_s=90.0)
    switch.wrong = _of()
    await center.run(3.0)
    assert call not in center.switch.live
    assert center.outcome(call) == "callback"


@pytest.fixture
def transferring(tmp_path: Path) -> Any:
    """The demonstration, with a menu and a wait flow that send callers to an outside number."""
    shutil.copytree(DEMO_SITE, tmp_path / "site")
    transfer = 'do: transfer\n    number: "+14165550177"\n'
    main = tmp_path / "site" / "flows" / "main.yaml"
    anyone = "anyone:\n    do: queue\n    queue: support\n"
    main.write_text(main.read_text().replace(anyone, f"anyone:\n    {transfer}"))
    wait = tmp_path / "site" / "flows" / "wait.yaml"
    wait.write_text(
        wait.read_text()
        .replace("goodbye:\n    do: hang_up\n    served: true\n", f"goodbye:\n    {transfer}")
        .replace("then: callback\n    else: placed", "then: goodbye\n    else: placed")
    )
    return load_site(tmp_path / "site")


async def test_a_failed_transfer_of_the_menu_ends_in_a_queue(
    opened: Any, transferring: Any
) -> None:
    """The trunk is down: the caller is not left alone with a dead line."""
    center = await opened(site=transferring)
    Refusing(center, _of(c.TransferCall))
    call = center.call(digits=("1", "0"), patience_s=900.0)
    await center.run(30.0)
    assert center.outcome(call) == "waiting"


async def test_a_failed_transfer_of_a_waiting_caller_keeps_the_place(
    opened: Any, transferring: Any
) -> None:
    """One stay in the queue, counted once, with the time of the first entry."""
    center = await opened(site=transferring)
    switch = Refusing(center, _of(c.TransferCall))
    call = center.call(wait_digit="1", wait_digit_after_s=25.0, patience_s=900.0)
    await center.until(lambda: bool(switch.refused))
    await center.run(5.0)
    assert center.outcome(call) == "waiting"
    assert len(center.fold.calls[call].visits) == 1
    switch.wrong = _of()
    center.switch.press(call, "1")
    await center.run(5.0)
    assert center.outcome(call) == "withdrawn"
    assert center.router.book.calls == {}


@pytest.mark.parametrize(
    ("kind", "to"), [("queue", "support"), ("flow", "main"), ("number", "+14165550142")]
)
async def test_a_transfer_that_nobody_answered_and_that_was_done_is_known(
    opened: Any, kind: str, to: str
) -> None:
    """Or the agent would have a call for ever whose caller waits somewhere for nobody."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=6000.0, patience_s=6000.0)
    await center.until(lambda: center.state("anna") == "talking")
    carry_out = center.switch.execute

    def doubtful(order: c.Order) -> None:
        center.switch.execute = carry_out
        name = type(order).__name__
        fact = e.OrderFailed(order.call_id, name, "no answer in time", outcome_unknown=True)
        center.time.soon(center.router.receive, fact)
        center.time.after(1.0, carry_out, order)

    center.switch.execute = doubtful
    await center.floor.transfer("anna", call, kind, to)
    await center.run(3.0)
    assert center.state("anna") == "wrap-up"
    visit = center.router.engine.visit(call)
    assert (visit is not None and visit.queue == "support") == (kind == "queue")


async def test_a_call_that_ended_while_nobody_looked_leaves_no_party_behind(opened: Any) -> None:
    """Neither a reserved colleague nor anything in memory."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=6000.0, patience_s=6000.0)
    await center.until(lambda: center.state("anna") == "talking")
    await center.staff("dana")
    await center.floor.consult("anna", call, "agent", "dana")
    await center.until(lambda: center.state("dana") == "talking")
    center.router.receive(e.LinkUp("virtual", ()))
    await center.run(1.0)
    assert center.state("dana") == "ready"
    assert center.router.routing.parties._legs == {}
