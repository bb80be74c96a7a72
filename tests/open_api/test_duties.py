"""Over the API: what agents do, changed live; and work items from other programs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acd import facts as f
from acd.site import Queue
from tests.open_api.test_events import heard, is_type


@pytest.fixture
async def tasked(center: Any) -> Any:
    """With a queue for tasks, which anna has room for."""
    router = center.system.router
    site = router.engine.site
    agents = tuple(
        replace(agent, queues=(*agent.queues, "tasks"), capacity={"task": 1})
        if agent.id == "anna"
        else agent
        for agent in site.agents
    )
    site = replace(site, queues=(*site.queues, Queue("tasks", work="task")), agents=agents)
    assert router.act(f.Configured(site)) is None
    return center


async def test_staffing_is_put_seen_heard_of_and_taken_back(tasked: Any) -> None:
    """PUT changes what is named, DELETE is as configured; the stream says who did it."""
    async with tasked.stream("?types=agent.staffing") as stream:
        status, told, _ = await tasked.ask(
            "PUT", "/agents/emeka/staffing", json={"queues": ["sales"], "order": {"sales": 2}}
        )
        assert (status, told["done"]) == (200, True)
        event = (await heard(stream, is_type("agent.staffing")))[-1]["data"]
    assert (event["queues"], event["order"]) == (["sales"], {"sales": 2})
    assert (event["by"], event["why"]) == ("key:everything", "staffed")
    agent = (await tasked.ask("GET", "/agents/emeka"))[1]
    assert (agent["queues"], agent["order"]) == (["sales"], {"sales": 2})
    assert "sales" not in agent["configured"]["queues"]
    assert (await tasked.ask("DELETE", "/agents/emeka/staffing"))[0] == 200
    assert (await tasked.ask("GET", "/agents/emeka"))[1]["configured"] is None
    status, told, _ = await tasked.ask("DELETE", "/agents/emeka/staffing")
    assert (status, told["code"]) == (409, "no-change")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"queues": ["nowhere"]}, "unknown-queue"),
        ({"skills": {"juggling": 1}}, "unknown-skill"),
        ({"skills": {"german": 11}}, "bad-request"),
        ({"queues": "sales"}, "bad-request"),
        ({"by": "sam"}, "bad-request"),
    ],
)
async def test_staffing_that_cannot_be_is_refused(tasked: Any, body: Any, code: str) -> None:
    """A typing mistake of a program takes nobody out of the queues."""
    assert (await tasked.ask("PUT", "/agents/emeka/staffing", json=body))[1]["code"] == code


async def test_an_item_goes_its_way_over_the_api(tasked: Any) -> None:
    """Brought, offered, accepted and done by programs alone; each step is told."""
    await tasked.done("/agents/anna/sign-in", phone="browser")
    await tasked.done("/agents/anna/ready")
    async with tasked.stream("?types=item.*") as stream:
        item = await tasked.done(
            "/items", queue="tasks", title="Check", link="https://crm.example.com/1"
        )
        found = (await tasked.ask("GET", f"/items/{item}"))[1]
        assert (found["state"], found["agent"], found["by"]) == (
            "offered",
            "anna",
            "key:everything",
        )
        await tasked.done(f"/agents/anna/item-offers/{found['offer_id']}/accept")
        assert (await tasked.ask("GET", "/agents/anna"))[1]["items"] == {"task": 1}
        assert [one["id"] for one in (await tasked.ask("GET", "/items"))[1]["items"]] == [item]
        await tasked.done(f"/items/{item}/done")
        events = (await heard(stream, is_type("item.done")))[1:]
    states = ["item.queued", "item.offered", "item.working", "item.done"]
    assert [event["type"] for event in events] == states
    assert {event["data"]["item"] for event in events} == {item}
    assert (await tasked.ask("GET", f"/items/{item}"))[0] == 404
    status, told, _ = await tasked.ask("POST", f"/items/{item}/done")
    assert (status, told["code"]) == (404, "not-your-item")


async def test_items_are_refused_where_they_do_not_belong(tasked: Any) -> None:
    """Callers' queues take no items, one id is one item, and links lead to the web."""
    given = {"queue": "tasks", "title": "Check", "item_id": "t-1"}
    assert await tasked.done("/items", **given) == "t-1"
    for change, code in (
        ({}, "item-known"),
        ({"item_id": "t-2", "queue": "sales"}, "not-for-items"),
        ({"item_id": "t-2", "queue": "nowhere"}, "unknown-queue"),
        ({"item_id": "t-2", "link": "javascript:alert(1)"}, "bad-link"),
        ({"item_id": "t-2", "title": ""}, "bad-request"),
    ):
        assert (await tasked.ask("POST", "/items", json={**given, **change}))[1]["code"] == code
    await tasked.done("/items/t-1/withdraw", why="answered")
    assert (await tasked.ask("GET", "/items"))[1]["items"] == []


async def test_a_key_of_one_agent_sees_and_does_only_that_agents(tasked: Any) -> None:
    """A program of one person is not a supervisor's."""
    key = await tasked.new_key("anna", agent="anna")
    await tasked.done("/items", queue="tasks", title="Check", item_id="t-1")
    assert (await tasked.ask("GET", "/items/t-1", key=key))[0] == 404
    assert (await tasked.ask("GET", "/items", key=key))[1]["items"] == []
    for method, path in (
        ("PUT", "/agents/anna/staffing"),
        ("DELETE", "/agents/anna/staffing"),
        ("POST", "/agents/anna/end-wrap-up"),
        ("POST", "/items/t-1/withdraw"),
    ):
        status, told, _ = await tasked.ask(method, path, key=key, json={})
        assert (status, told["code"]) == (403, "supervisors-only"), path
