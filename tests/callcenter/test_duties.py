"""Live staffing, wrap-up and work items, as people and programs do them on a whole router."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acd.reasons import sentence
from acd.site import Rona
from agent_console.live import EVERYONE, SUPERVISOR
from agent_console.ports import Refusal
from config.check import load_site
from config.settings import DEMO_SITE
from config.site import Queue, Site
from cti.virtual.phones import Act, always

DEMO = load_site(DEMO_SITE)
STAYS: dict[str, Any] = {"patience_s": 9000.0, "talk_s": 20.0}


def site(**support: Any) -> Site:
    """The demonstration with a queue for tasks that anna and dana have room for."""
    agents = {
        name: replace(
            DEMO.agents[name],
            queues=(*DEMO.agents[name].queues, "tasks"),
            capacity={"task": 1},
        )
        for name in ("anna", "dana")
    }
    tasks = Queue("tasks", {"en": "Tasks", "zh": "任务"}, work="task", callback=False)
    queues = {**DEMO.queues, "tasks": tasks}
    queues["sales"] = replace(queues["sales"], **support)
    return replace(DEMO, queues=queues, agents={**DEMO.agents, **agents})


def row(center: Any, agent: str) -> Any:
    center.board.publish()
    return center.store.get(SUPERVISOR, f"agent:{agent}")


def told(center: Any, kind: str) -> list[Any]:
    return [entry.decode() for entry in center.journal.entries if entry.kind == kind]


# Staffing -------------------------------------------------------------------------------------


async def test_a_supervisor_moves_an_agent_and_a_caller_rings_there(opened: Any) -> None:
    """The change is on everybody's screen, in the journal under the supervisor's name, and kept."""
    center = await opened()
    queues = list(center.router.engine.agents["emeka"].config.queues)
    assert "sales" not in queues
    await center.staff("emeka")
    call = center.call(**STAYS)
    await center.until(lambda: center.router.engine.visit(call) is not None)
    await center.run(5.0)
    assert center.state("emeka") == "ready"
    await center.floor.staff("u-sam", "emeka", ["sales"], None, {"sales": 2}, False)
    await center.until(lambda: center.state("emeka") == "talking")
    seen = row(center, "emeka")
    assert (seen["queues"], seen["order"]) == (["sales"], {"sales": 2})
    assert seen["configured"]["queues"] == queues
    assert center.store.get(EVERYONE, "colleague:emeka")["queues"] == ["sales"]
    assert told(center, "SupervisorActed")[-1] == {
        "by": "u-sam",
        "agent": "emeka",
        "what": "staffing",
    }

    center.die()
    again = await opened(after=center)
    assert list(again.router.engine.agents["emeka"].config.queues) == ["sales"]
    await again.floor.reset_staffing("u-sam", "emeka")
    assert row(again, "emeka")["configured"] is None
    assert row(again, "emeka")["queues"] == queues


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("emeka", ["nowhere"], None, None, False), "unknown-queue"),
        (("emeka", None, {"juggling": 3}, None, False), "unknown-skill"),
        (("nobody", ["sales"], None, None, False), "unknown-agent"),
        (("emeka", None, None, None, True), "no-change"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    opened: Any, change: Any, code: str
) -> None:
    """A misspelt name must not take an agent out of the queues."""
    center = await opened()
    before = center.router.engine.snapshot()
    with pytest.raises(Refusal) as why:
        await center.floor.staff("u-sam", *change)
    assert why.value.code == code
    assert center.router.engine.snapshot() == before


# Wrap-up, RONA --------------------------------------------------------------------------------


async def test_a_supervisor_ends_somebodys_wrap_up(opened: Any) -> None:
    """The agent is what the agent wanted to be afterwards; what was said of it stands."""
    center = await opened(site=site(wrap_up_s=None))
    await center.staff("anna")
    center.call(**STAYS)
    await center.until(lambda: center.state("anna") == "wrap-up", within_s=90.0)
    await center.floor.end_wrap_up("u-sam", "anna")
    assert center.state("anna") == "ready"
    with pytest.raises(Refusal) as why:
        await center.floor.end_wrap_up("u-sam", "anna")
    assert why.value.code == "not-in-wrap-up"


async def test_the_console_knows_how_much_longer_a_wrap_up_may_be(opened: Any) -> None:
    """A button that would be refused is not offered."""
    center = await opened(site=site(wrap_up_s=300.0, extend_s=90.0))
    await center.staff("anna")
    center.call(**STAYS)
    await center.until(lambda: center.state("anna") == "wrap-up", within_s=90.0)
    assert center.desk("anna")["extend_left_s"] == 90.0
    await center.floor.extend_wrap_up("anna", 60.0)
    assert center.desk("anna")["extend_left_s"] == 30.0
    with pytest.raises(Refusal) as why:
        await center.floor.extend_wrap_up("anna", 60.0)
    assert why.value.code == "extension-over"


async def test_a_pause_after_a_missed_call_is_seen_and_ends(opened: Any) -> None:
    """The agent and the supervisor see why nothing comes, and until when."""
    center = await opened(
        site=site(rona=Rona(1, "pause", 40.0), ring_s=5.0), phones=always(Act.IGNORE)
    )
    await center.staff("anna")
    center.call(patience_s=20.0)
    await center.until(lambda: center.desk("anna")["reason"] == "no answer", within_s=60.0)
    desk = center.desk("anna")
    assert (desk["state"], desk["deadline"]) == ("ready", desk["since"] + 40.0)
    assert row(center, "anna")["deadline"] == desk["deadline"]
    waits = center.call(patience_s=10.0)
    await center.until(lambda: center.router.engine.visit(waits) is not None)
    why = center.router.engine.why_waiting(waits, center.router.now())
    assert sentence(why, "en").endswith("1 paused for not answering")
    await center.run(41.0)
    assert (center.desk("anna")["reason"], center.desk("anna")["deadline"]) == ("", None)


async def test_no_caller_is_sent_to_a_queue_for_items(opened: Any) -> None:
    """Nobody there would answer."""
    center = await opened(site=site())
    await center.staff("anna")
    call = center.call(**STAYS)
    await center.until(lambda: center.state("anna") == "talking")
    with pytest.raises(Refusal) as why:
        await center.floor.transfer("anna", call, "queue", "tasks")
    assert why.value.code == "unknown-queue"
    assert center.state("anna") == "talking"


# Work items -----------------------------------------------------------------------------------


async def test_an_item_is_offered_accepted_and_done(opened: Any) -> None:
    """Title and link are on the agent's screen at once, the counts on the supervisor's."""
    center = await opened(site=site())
    await center.staff("anna")
    item = await center.floor.add_item(
        "u-sam", "tasks", "Check an address", "https://crm.example.com/10042", "", {}, 0
    )
    card = center.desk("anna")["items"][0]
    assert (card["title"], card["link"]) == ("Check an address", "https://crm.example.com/10042")
    assert (card["state"], card["queue_name"], card["work"]) == ("offered", "Tasks", "task")
    assert card["why"]["text"]["en"].startswith("the only agent with room")
    await center.floor.accept_item("anna", card["offer_id"])
    assert center.desk("anna")["items"][0]["state"] == "working"
    assert row(center, "anna")["items"] == {"task": 1}
    await center.floor.add_item("u-sam", "tasks", "Another", "", "t-2", {}, 0)
    center.board.publish()
    assert center.store.get(EVERYONE, "queue:tasks")["waiting"] == 1
    await center.floor.finish_item("anna", item)
    assert [one["title"] for one in center.desk("anna")["items"]] == ["Another"]
    assert center.router.items.items.keys() == {"t-2"}
    with pytest.raises(Refusal) as why:
        await center.floor.finish_item("anna", item)
    assert why.value.code == "not-your-item"


async def test_items_outlive_the_process(opened: Any) -> None:
    """After kill -9 the agent has the same items on the screen, title and all."""
    center = await opened(site=site())
    await center.staff("anna")
    await center.floor.add_item("u-sam", "tasks", "Check an address", "", "t-1", {}, 0)
    await center.floor.accept_item("anna", center.desk("anna")["items"][0]["offer_id"])
    await center.floor.add_item("u-sam", "tasks", "Waits", "", "t-2", {}, 3)
    before = center.desk("anna")["items"]
    center.die()
    again = await opened(after=center)
    assert again.desk("anna")["items"] == before
    assert again.router.items.items["t-2"].title == "Waits"
    await again.floor.withdraw_item("u-sam", "t-2", "answered")
    await again.floor.withdraw_item("u-sam", "t-1", "answered")
    assert again.desk("anna")["items"] == []
    assert not again.router.items.items


async def test_an_offer_that_nobody_takes_leaves_the_screen(opened: Any) -> None:
    """What is declined, or offered in vain, is on the next screen and no longer on this one."""
    center = await opened(site=site())
    await center.staff("anna", "dana")
    await center.floor.add_item("u-sam", "tasks", "Check an address", "", "t-1", {}, 0)
    first, second = ("anna", "dana") if center.desk("anna")["items"] else ("dana", "anna")
    await center.floor.decline_item(first, center.desk(first)["items"][0]["offer_id"])
    assert center.desk(first)["items"] == []
    assert center.state(first) == "ready"
    offer = center.desk(second)["items"][0]["offer_id"]
    with pytest.raises(Refusal) as why:
        await center.floor.accept_item(first, offer)
    assert why.value.code == "offer-over"
    await center.run(20.0)
    assert center.desk(second)["items"] == []
    assert center.state(second) == "not ready"


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example.com",
        "http://",
        "https://ex ample.com",
        'https://example.com/"onclick="',
        "HTTPS:example.com",
        "file:///etc/passwd",
        "https://example.com/\u202e",
        "http://[::1",
    ],
)
async def test_a_link_goes_to_the_web_or_is_refused(opened: Any, link: str) -> None:
    """An agent clicks on it: nothing but a page may come of that."""
    center = await opened(site=site())
    with pytest.raises(Refusal) as why:
        await center.floor.add_item("u-sam", "tasks", "x", link, "", {}, 0)
    assert why.value.code == "bad-link"
    assert not center.router.engine.items()
