"""Several phones ring for one caller: whoever answers first has the call, and nobody is blamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.check import load_site
from config.settings import DEMO_SITE
from config.site import Site
from cti.virtual.phones import Act, Reaction, always

DEMO = load_site(DEMO_SITE)


def site(**sales: Any) -> Site:
    """The demonstration, where two phones ring for each caller of sales."""
    queue = replace(DEMO.queues["sales"], ring_several=2, **sales)
    return replace(DEMO, queues={**DEMO.queues, "sales": queue})


async def ringing(opened: Any, **how: Any) -> tuple[Any, str]:
    """Anna's and Dana's phones ring for a caller of sales till somebody does something."""
    phones = always(Reaction(Act.BY_HAND))
    center = await opened(site=site(**how), phones=phones)
    await center.staff("anna", "dana")
    call = center.call(talk_s=30.0, patience_s=900.0)
    await center.until(lambda: center.state("dana") == "reserved")
    await center.run(1.0)
    return center, call


async def test_both_see_the_call_and_the_first_who_answers_has_it(opened: Any) -> None:
    """The other is as ready as before, with the same idle clock and no miss."""
    center, call = await ringing(opened)
    idle = center.router.engine.agent_view("anna").idle_since
    shown = {agent: center.desk(agent)["call"] for agent in ("anna", "dana")}
    assert {card["call_id"] for card in shown.values()} == {call}
    assert {card["place"] for card in shown.values()} == {"ringing"}
    assert shown["anna"]["offer_id"] != shown["dana"]["offer_id"]
    center.switch.agent_answers(shown["dana"]["offer_id"])
    await center.run(1.0)
    assert center.state("dana") == "talking"
    assert center.state("anna") == "ready"
    assert center.router.engine.agent_view("anna").idle_since == idle
    assert center.desk("anna")["call"] is None
    assert center.desk("dana")["call"]["place"] == "talking"
    await center.run(60.0)
    record = center.fold.calls[call]
    assert (record.outcome, record.agent) == ("answered", "dana")


async def test_one_who_declines_leaves_the_other_ringing(opened: Any) -> None:
    """Only who said no is not ready; the call waits for the other one."""
    center, call = await ringing(opened)
    await center.floor.decline("anna", center.desk("anna")["call"]["offer_id"])
    await center.run(1.0)
    assert center.state("anna") == "not ready"
    assert center.state("dana") == "reserved"
    center.switch.agent_answers(center.desk("dana")["call"]["offer_id"])
    await center.run(60.0)
    assert center.fold.calls[call].agent == "dana"


async def test_nobody_answers(opened: Any) -> None:
    """Both missed it; the caller keeps the place and gets the next one who comes."""
    center, call = await ringing(opened, ring_s=5.0)
    await center.run(10.0)
    assert (center.state("anna"), center.state("dana")) == ("not ready", "not ready")
    entered = center.router.engine.visit(call).entered
    await center.floor.ready("anna")
    await center.until(lambda: center.state("anna") == "reserved")
    assert center.router.engine.visit(call).entered == entered


async def test_a_caller_who_gives_up_frees_both(opened: Any) -> None:
    """Neither is blamed for a caller who hangs up in the ring."""
    center, call = await ringing(opened)
    center.switch.caller_hangs_up(call)
    await center.run(1.0)
    assert (center.state("anna"), center.state("dana")) == ("ready", "ready")
    assert center.outcome(call) == "abandoned"


@pytest.mark.parametrize("who", ["anna", "dana"])
async def test_killed_while_both_ring(opened: Any, who: str) -> None:
    """The phones ring on without us; whoever answered meanwhile, or later, has the call."""
    center, call = await ringing(opened)
    offers = {agent: center.desk(agent)["call"]["offer_id"] for agent in ("anna", "dana")}
    center.die()
    if who == "anna":
        center.switch.agent_answers(offers["anna"])
    await center.run(1.0)
    after = await opened(after=center)
    if who == "dana":
        assert (after.state("anna"), after.state("dana")) == ("reserved", "reserved")
        after.switch.agent_answers(offers["dana"])
    await after.run(1.0)
    other = "dana" if who == "anna" else "anna"
    assert (after.state(who), after.state(other)) == ("talking", "ready")
    await after.run(60.0)
    assert after.fold.calls[call].agent == who
