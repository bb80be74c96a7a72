"""What people see: the live store is what a fresh look would show, and nothing of what is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acd import facts as f
from agent_console.live import EVERYONE, SUPERVISOR, LiveStore, agent_room
from callcenter.board import MAX_CALL_ROWS, Board
from callcenter.metrics import Metrics
from cti.virtual.callers import Customer
from cti.virtual.phones import careless


def _entities(store: Any, agents: Any) -> dict[str, Any]:
    rooms = [EVERYONE, SUPERVISOR, *map(agent_room, agents)]
    return {
        f"{room} {key}": store.get(room, key)
        for room in rooms
        for key in store.keys(room)
        if key != "record"
    }


def _fresh(center: Any) -> Any:
    """The entities that a board without a past builds from the state of now."""
    store = LiveStore()
    board = Board(
        store=store,
        router=center.router,
        engine=center.router.engine,
        fold=center.fold,
        figures=center.figures,
        metrics=Metrics(),
        site=lambda: center.site,
        local=center.view.local,
    )
    board.touch_all()
    board.publish()
    return store


def _without_clocks(entities: dict[str, Any]) -> dict[str, Any]:
    """Today's occupancy and reasons with a duration depend on when they were looked at."""
    plain = {}
    for key, value in entities.items():
        plain[key] = {k: v for k, v in value.items() if k not in ("today", "why")}
    return plain


@pytest.mark.parametrize("seed", range(8))
async def test_the_store_is_what_a_fresh_look_shows(opened: Any, wild_dice: Any, seed: int) -> None:
    """Whatever happened, in whatever order: no row is missing, stale or left over."""
    center = await opened(
        phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05),
        customers=lambda number: Customer("busy" if seed % 2 else "answer", 3.0, 20.0),
    )
    await center.staff("anna", "dana")
    dice = wild_dice(seed)
    for _ in range(12):
        await dice.happen(center, 10)
        center.board.publish()
        agents = list(center.router.engine.agents)
        shown = _without_clocks(_entities(center.store, agents))
        assert shown == _without_clocks(_entities(_fresh(center), agents))


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_stays_of_calls_that_are_over(opened: Any, wild_dice: Any, seed: int) -> None:
    """After the last call: no waiting row, no card, no memory of any single call."""
    center = await opened(
        phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05),
        customers=lambda number: Customer("no answer" if seed % 2 else "answer", 3.0, 20.0),
    )
    await center.staff("anna", "dana", "ben")
    await wild_dice(seed).happen(center, 80)
    await center.drain()
    center.board.publish()
    keys = set(center.store.keys(SUPERVISOR)) | set(center.store.keys(EVERYONE))
    messages = {f"voicemail:{one}" for one in center.router.voicemails.open}  # wait for people
    kinds = {key.partition(":")[0] for key in keys - messages}
    assert kinds == {"agent", "colleague", "queue", "call"}
    for agent in center.router.engine.agents:
        assert center.store.get(agent_room(agent), "desk")["call"] is None
        assert center.store.get(SUPERVISOR, f"agent:{agent}")["call_id"] == ""
    router = center.router
    assert router.book.calls == {}
    assert router.routing._lines == {}
    assert router.menus._visits == {}
    assert router.menus.announcing._just == {}
    assert router.menus.door._hops == {}
    assert router._retries._tries == {}
    assert router.engine.visits() == []
    assert not any(center.board._waiting.values())


async def test_a_callback_that_is_due_again_is_in_the_line_for_all_to_see(opened: Any) -> None:
    """Nothing else happens in the moment in which a callback comes back to its queue."""
    center = await opened(customers=lambda number: Customer("busy", 3.0))
    call = center.call(digits=("1", "1", "1", "1"), patience_s=600.0)
    await center.until(lambda: call in center.switch.live, within_s=5.0)
    await center.until(lambda: call not in center.switch.live, within_s=90.0)
    await center.staff("anna")
    await center.run(10.0)
    await center.floor.not_ready("anna", "lunch")
    center.board.publish()
    row = f"waiting:cb-{call}"
    assert center.store.get(SUPERVISOR, row) is None
    await center.run(130.0)
    center.board.publish()
    assert center.store.get(SUPERVISOR, row)["kind"] == "callback"
    assert center.store.get(EVERYONE, "queue:sales")["callbacks"] == 1


async def test_who_is_no_longer_configured_is_no_longer_shown(opened: Any) -> None:
    """After a reload: no agent, desk, queue or caller of what is gone."""
    center = await opened()
    await center.staff("dana")
    await center.floor.not_ready("dana", "lunch")
    waits = center.call(patience_s=900.0)
    await center.run(20.0)
    center.board.publish()
    assert center.store.get(SUPERVISOR, f"waiting:{waits}")["queue"] == "sales"
    site = center.site
    agents = {a.id: replace(a, queues=("support",)) for a in site.agents.values() if a.id != "dana"}
    support = replace(site.queues["support"], rules=())
    center.site = replace(site, agents=agents, queues={"support": support})
    assert center.router.act(f.Configured(center.site.routing())) is None
    center.board.touch_all()
    center.board.publish()
    assert "agent:dana" not in center.store.keys(SUPERVISOR)
    assert center.store.keys(agent_room("dana")) == []
    assert "queue:sales" not in center.store.keys(EVERYONE)
    assert center.store.get(SUPERVISOR, f"waiting:{waits}")["queue"] == "support"


async def test_one_row_that_cannot_be_built_does_not_stop_the_others(opened: Any) -> None:
    """A slip in one entity must not freeze everybody's screen."""
    center = await opened()
    await center.staff("anna", "dana")
    local = center.board._local

    def broken(number: str) -> str:
        if number == "+12025550666":
            raise RuntimeError("no such thing as this number")
        return str(local(number))

    center.board._local = broken
    bad = center.call(ani="+12025550666", talk_s=30.0)
    good = center.call(talk_s=30.0)
    await center.until(lambda: center.state("dana") == "talking")
    center.board.publish()
    assert center.store.get(SUPERVISOR, "agent:dana")["state"] == "talking"
    assert center.store.get(SUPERVISOR, f"call:{good}")["outcome"] == "talking"
    assert center.fold.calls[bad].outcome == "talking"


async def test_yesterdays_calls_make_room(opened: Any) -> None:
    """The list of calls is bounded, and so is what the store keeps of it."""
    center = await opened()
    for number in range(MAX_CALL_ROWS + 20):
        center.board.put_call_row(f"c{number}", {"call_id": f"c{number}", "arrived": 0.0})
    rows = [key for key in center.store.keys(SUPERVISOR) if key.startswith("call:")]
    assert len(rows) == MAX_CALL_ROWS
    assert "call:c0" not in rows
    center.board.refresh()
    assert not any(key.startswith("call:") for key in center.store.keys(SUPERVISOR))
