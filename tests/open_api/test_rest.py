"""REST v1 against a running call center: every verb, every answer as described."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agent_console import ports
from agent_console.api.orders import ORDERS
from agent_console.api.routes import all_routes
from agent_console.api.scopes import SCOPES
from agent_console.verbs import VERBS

ROOT = Path(__file__).parents[2]


def verbs_of(protocol: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if name[0] != "_"}


def test_every_verb_has_a_route() -> None:
    """A new verb of the floor must not be forgotten by the API."""
    wanted = verbs_of(ports.Floor) | verbs_of(ports.CallControl)
    assert {order.verb for order in ORDERS} == wanted
    assert len({(order.method, order.path) for order in ORDERS}) == len(ORDERS)
    assert set(VERBS) <= wanted


def test_every_route_asks_for_a_scope_there_is() -> None:
    """Only the key's own page needs no scope; no scope is there for nothing."""
    routes = all_routes()
    assert [route.path for route in routes if not route.scope] == ["/key"]
    assert {route.scope for route in routes if route.scope} | {"events:read"} == set(SCOPES)


def test_the_refusals_that_are_described_are_the_floors() -> None:
    """A program is written against these codes."""
    files = [*(ROOT / "callcenter").glob("*.py"), *(ROOT / "acd").glob("*.py")]
    said = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', "\n".join(f.read_text() for f in files)))
    described = {code for order in ORDERS for code in order.refusals}
    assert described - said == set()


async def described(center: Any) -> Any:
    return (await center.ask("GET", "/openapi.json", key=None))[1]


def fits(document: Any, path: str, method: str, status: int, told: Any) -> None:
    """The answer is as the description says."""
    operation = document["paths"][path][method]
    answer = operation["responses"].get(str(status)) or operation["responses"]["4XX"]
    (content,) = answer["content"].values()
    schema = {**content["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(told)


async def test_a_call_is_controlled_and_the_timeline_names_the_key(center: Any) -> None:
    """Another program drives an agent's call from its ring to its note, and it shows who did."""
    document = await described(center)
    call = await center.talking()
    await center.done(f"/calls/{call}/hold")
    path = "/calls/{call_id}"
    status, told, _ = await center.ask("GET", f"/calls/{call}")
    fits(document, path, "get", status, told)
    shown = told["call"]
    assert (shown["from"], shown["agent"], shown["queue"]) == ("+12025550100", "anna", "sales")
    assert shown["live"]["place"] == "held"
    await center.done(f"/calls/{call}/retrieve")
    status, told, _ = await center.ask("GET", f"/calls/{call}/record")
    fits(document, f"{path}/record", "get", status, told)
    customer = await center.done(f"/calls/{call}/new-customer", fields={"name": "Grace Chen"})
    assert (await center.ask("GET", f"/customers/{customer}"))[1]["name"] == "Grace Chen"
    await center.done(f"/calls/{call}/hang-up")
    state = center.system.router.engine.agent_view
    await center.until(lambda: state("anna").state == "wrap-up")
    await center.done(f"/calls/{call}/wrap-up", disposition="solved", note="ok", then="ready")
    journal = [entry async for entry in center.system.journal.read(call_id=call)]
    acted = [entry.decode() for entry in journal if entry.kind == "CallAction"]
    assert {"hold", "retrieve", "hang_up"} <= {one["verb"] for one in acted}
    assert {one["by"] for one in acted} == {"key:everything"}
    people = [e.decode() async for e in center.system.journal.read(streams=["person"])]
    by = {one["what"]: one["by"] for one in people if "what" in one}
    assert by == {"sign_in": "key:everything", "ready": "key:everything"}


async def test_click_to_dial_transfer_and_consultation(center: Any) -> None:
    """The verbs that other programs want most, in one shift."""
    document = await described(center)
    for agent in ("anna", "dana"):
        await center.done(f"/agents/{agent}/sign-in", phone="browser")
    call = await center.done("/agents/anna/calls", number="+14165550123")
    live = await center.until(lambda: center.system.router.book.get(call))
    assert live.direction == "outbound"
    status, told, _ = await center.ask("GET", "/calls?live=true&agent=anna")
    fits(document, "/calls", "get", status, told)
    assert [one["to"] for one in told["calls"]] == ["+14165550123"]
    await center.until(lambda: live.place.value == "talking" and live.answered)
    await center.done("/agents/dana/ready")
    leg = await center.done(f"/calls/{call}/consult", kind="agent", to="dana")
    await center.until(lambda: leg in live.legs and live.legs[leg].state.value == "talking")
    await center.done(f"/calls/{call}/conference")
    await center.until(lambda: live.place.value == "conference")
    shown = (await center.ask("GET", f"/calls/{call}"))[1]["call"]["live"]
    assert [(one["id"], one["agent"]) for one in shown["legs"]] == [(leg, "dana")]
    await center.done(f"/calls/{call}/legs/{leg}/end")
    await center.until(lambda: leg not in live.legs)
    status, told, _ = await center.ask(
        "POST", f"/calls/{call}/transfer", json={"kind": "queue", "to": "nowhere"}
    )
    assert (status, told["code"]) == (422, "unknown-queue")
    fits(document, "/calls/{call_id}/transfer", "post", status, told)


async def test_the_floor_is_read_as_described(center: Any) -> None:
    """What a wallboard or a planning tool reads has the fields of the description."""
    document = await described(center)
    await center.done("/agents/anna/sign-in", phone="browser")
    for path in ("/agents", "/queues", "/key", "/customers?q=grace", "/calls", "/webhooks"):
        status, told, _ = await center.ask("GET", path)
        assert status == 200
        fits(document, path.partition("?")[0], "get", status, told)
    agents = (await center.ask("GET", "/agents"))[1]["agents"]
    assert {one["id"]: one["state"] for one in agents}["anna"] == "not ready"
    status, told, _ = await center.ask("GET", "/agents/anna")
    fits(document, "/agents/{agent}", "get", status, told)
    status, told, _ = await center.ask("GET", "/queues/sales")
    fits(document, "/queues/{queue}", "get", status, told)
    assert (await center.ask("GET", "/queues/nowhere"))[0] == 404


async def test_past_calls_come_page_by_page(center: Any) -> None:
    """`next` leads through a day without a gap."""
    made = [await center.calls(digits=(), stays_s=0.2) for _ in range(3)]
    records = center.system.records.calls
    await center.until(lambda: all(c in records and records[c].ended is not None for c in made))
    seen: list[str] = []
    query = "?limit=1"
    while True:
        _, told, _ = await center.ask("GET", f"/calls{query}")
        seen += [call["id"] for call in told["calls"]]
        if told["next"] is None:
            break
        query = f"?limit=1&until={told['next']!r}"
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))


async def test_the_description_is_sound_and_complete(center: Any) -> None:
    """Clients are generated from it: every reference leads somewhere, every body has an example."""
    document = await described(center)
    assert document["openapi"] == "3.1.0"
    text = json.dumps(document)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in document["components"]["schemas"], name
    operations = [o for methods in document["paths"].values() for o in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert operation["description"], operation["operationId"]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and document["components"]["schemas"][
            body["schema"]["$ref"].rsplit("/", 1)[1]
        ].get("required"):
            schema = {**body["schema"], "components": document["components"]}
            jsonschema.Draft202012Validator(schema).validate(body["example"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/calls/x/hold", 405, "method-not-allowed"),
        ("GET", "/", 404, "not-found"),
        ("GET", "/agents/", 404, "not-found"),
    ],
)
async def test_a_wrong_address_is_a_problem(
    center: Any, method: str, path: str, status: int, code: str
) -> None:
    """Errors have one form, also those of the server itself."""
    got, told, answer = await center.ask(method, path)
    assert (got, told["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    wanted = {"type", "title", "status", "detail", "code", "instance"}
    assert wanted <= set(told)


async def test_why_a_call_waits_is_told_now_and_afterwards(center: Any) -> None:
    """In both languages, as data and as a sentence; also once the call is over."""
    document = await described(center)
    call = await center.calls(patience_s=600.0)
    await center.until(lambda: center.system.router.engine.visit(call) is not None)
    center.system.router.whys.look()
    status, told, _ = await center.ask("GET", f"/calls/{call}/why?language=zh")
    fits(document, "/calls/{call_id}/why", "get", status, told)
    assert told["now"]["code"] == "nobody-signed-in"
    assert told["now"]["text"].startswith("没有")
    assert [one["code"] for one in told["before"] if one["kind"] == "waits"] == ["nobody-signed-in"]
    status, told, _ = await center.ask("GET", f"/calls/{call}/why")
    assert "signed in" in told["now"]["text"]
    assert (await center.ask("GET", "/calls/nobody/why"))[0] == 404


async def test_a_queue_is_closed_and_follows_its_hours_again(center: Any) -> None:
    """By another program, under the name of its key."""
    await center.done("/queues/sales/close", why="fire drill")
    assert not center.system.router.opening.is_open("sales")
    assert center.system.router.opening.overrides["sales"].by == "key:everything"
    await center.done("/queues/sales/hours")
    assert center.system.router.opening.is_open("sales")
    status, told, _ = await center.ask("POST", "/queues/nowhere/open", json={})
    assert (status, told["code"]) == (404, "unknown-queue")


async def test_who_is_to_be_called_back_is_listed_and_moved(center: Any) -> None:
    """Another program sees when, how often tried and what was promised, and changes it."""
    document = await described(center)
    call = await center.calls(digits=("1", "1", "1", "1"), patience_s=600.0)
    await center.until(lambda: f"cb-{call}" in center.system.router.book.calls, 40.0)
    status, told, _ = await center.ask("GET", "/callbacks")
    fits(document, "/callbacks", "get", status, told)
    (row,) = told["callbacks"]
    assert (row["id"], row["asked_in"], row["attempts"]) == (f"cb-{call}", call, 0)
    await center.done(f"/callbacks/cb-{call}/move", due=center.system.clock.now() + 3600.0)
    status, told, _ = await center.ask("GET", "/callbacks")
    assert told["callbacks"][0]["due"] is not None
    await center.done(f"/callbacks/cb-{call}/now")
    await center.done(f"/callbacks/cb-{call}/cancel", why="solved")
    assert (await center.ask("GET", "/callbacks"))[1] == {"callbacks": []}
