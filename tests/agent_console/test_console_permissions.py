"""Who may do what: the table of permissions against every route and verb there is."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest
import websockets
from fastapi import APIRouter, Depends, FastAPI

from agent_console import permissions, verbs
from agent_console.auth import guard
from agent_console.permissions import ROUTES
from agent_console.ports import Floor
from agent_console.preview import preview_app, preview_settings

LOG_INS = {"signed-out": "", "agent": "anna", "supervisor": "sam", "admin": "admin"}
NOT_DECIDED_BY_ROLE = {("WS", "/live"), ("WS", "/sip")}


def declared(routes: Any) -> set[tuple[str, str]]:
    """Every (method, path) of an application, also of the routers it includes."""
    found: set[tuple[str, str]] = set()
    for route in routes:
        if inner := getattr(route, "original_router", None):
            found |= declared(inner.routes)
        elif hasattr(route, "methods"):
            found |= {(method, route.path) for method in route.methods or ()}
        else:
            found.add(("WS", route.path))
    return found


def test_the_table_names_exactly_the_routes_there_are() -> None:
    """A new route without a row, or a row without a route, must not go unnoticed."""
    app, _ = preview_app(preview_settings(1))
    assert declared(app.routes) == set(ROUTES)


def test_what_changes_something_is_below_api() -> None:
    """The Origin check looks only there."""
    changing = {path for method, path in ROUTES if method not in ("GET", "WS")}
    assert changing
    assert all(path.startswith("/api/") for path in changing)


def test_the_verbs_are_the_floor_and_nothing_else() -> None:
    """Each verb has a row, a model and a method; the floor's own signals are no verbs."""
    assert set(verbs.VERBS) == set(permissions.VERBS)
    methods = {name for name, _ in inspect.getmembers(Floor, inspect.isfunction) if name[0] != "_"}
    assert set(verbs.VERBS) == methods - {"console_lost", "console_back"}


# Rows: what is asked, then who is let through. A role that is not named is refused.
ROWS = """
GET  /api/welcome                                        signed-out agent supervisor admin
GET  /api/me                                                        agent supervisor admin
GET  /api/calls?since=0&until=9                                           supervisor admin
GET  /api/calls/call-0001                                                 supervisor admin
GET  /api/recordings/call-0001-1                                    agent supervisor admin
GET  /api/customers?q=a                                             agent supervisor admin
GET  /api/customers/c1                                              agent supervisor admin
GET  /api/customers.csv                                                   supervisor admin
GET  /api/reports/intervals?since=0&until=3600                            supervisor admin
GET  /api/reports/intervals.csv?since=0&until=3600                        supervisor admin
POST /api/customers/c1/notes                                        agent supervisor admin
POST /api/customers.csv                                                   supervisor admin
POST /api/phone                                                     agent supervisor admin
POST /api/webphone                                       signed-out agent supervisor admin
POST /api/login                                          signed-out agent supervisor admin
POST /api/logout                                         signed-out agent supervisor admin
GET  /healthz                                            signed-out agent supervisor admin
GET  /readyz                                             signed-out agent supervisor admin
GET  /metrics                                            signed-out agent supervisor admin
GET  /desk                                               signed-out agent supervisor admin
""".strip().splitlines()


@pytest.mark.parametrize("role", LOG_INS)
async def test_each_route_lets_in_exactly_its_roles(console: Any, role: str) -> None:
    """The table is enforced by the running server, for every role, also signed-out."""
    for row in ROWS:
        method, path, *allowed = row.split()
        cookie = await console.log_in(LOG_INS[role]) if LOG_INS[role] else ""
        more: dict[str, Any] = {}
        if method == "POST" and path == "/api/customers.csv":
            more = {"data": b"a,b", "headers": {"Content-Type": "text/csv"}}
        elif path == "/api/login":
            more = {"json": {"name": "anna", "password": "anna"}}
        elif method == "POST" and path.endswith("notes"):
            more = {"json": {"text": "a note"}}
        status, told, _ = await console.ask(method, path, cookie=cookie, **more)
        refused = status == 401 or (status == 403 and "role" in str(told))
        assert refused == (role not in allowed), f"{role}: {row} -> {status} {told}"
        if refused:
            assert status == (401 if role == "signed-out" else 403)


def test_the_rows_cover_every_route() -> None:
    """A route that the rows forget would be an untested right."""
    asked = {(row.split()[0], row.split()[1].partition("?")[0]) for row in ROWS}
    concrete = {
        (
            m,
            p.replace("{call_id}", "call-0001")
            .replace("{customer_id}", "c1")
            .replace("{recording_id}", "call-0001-1"),
        )
        for m, p in set(ROUTES) - NOT_DECIDED_BY_ROLE
    }
    assert {(m, p.replace("/{path:path}", "/desk")) for m, p in concrete} <= asked


SAMPLES: dict[str, dict[str, Any]] = {
    "sign_in": {"phone": "desk"},
    "sign_out": {},
    "ready": {},
    "not_ready": {"reason": "break"},
    "decline": {"offer_id": "o"},
    "hang_up": {"call_id": "c"},
    "hold": {"call_id": "c"},
    "retrieve": {"call_id": "c"},
    "wrap_up": {"call_id": "c", "disposition": "d", "note": "", "then": ""},
    "extend_wrap_up": {"by_s": 30},
    "choose_customer": {"call_id": "c", "customer_id": "c1"},
    "create_customer": {"call_id": "c", "fields": {"name": "x"}},
    "set_agent_state": {"agent": "ben", "state": "not ready", "reason": "break"},
    "acknowledge_alert": {"alert": "long-wait:billing"},
    "voicemail_done": {"recording": "vm-1"},
    "cancel_callback": {"callback": "cb", "why": "solved"},
    "move_callback": {"callback": "cb", "due": 1800000000.0},
    "call_back_now": {"callback": "cb"},
    "close_queue": {"queue": "billing", "why": "fire drill"},
    "open_queue": {"queue": "billing"},
    "queue_by_hours": {"queue": "billing"},
    "mute": {"call_id": "c", "on": True},
    "send_digits": {"call_id": "c", "digits": "1*#"},
    "dial": {"number": "+14165550100", "queue": ""},
    "transfer": {"call_id": "c", "kind": "queue", "to": "billing"},
    "consult": {"call_id": "c", "kind": "agent", "to": "ben"},
    "swap": {"call_id": "c"},
    "complete": {"call_id": "c"},
    "conference": {"call_id": "c"},
    "end_leg": {"call_id": "c", "leg_id": "l"},
    "park": {"call_id": "c"},
    "pick": {"call_id": "c"},
    "record": {"call_id": "c", "action": "pause"},
    "assign": {"call_id": "c", "agent": "ben"},
    "supervise": {"call_id": "c", "mode": "listen"},
    "take_over": {"call_id": "c"},
    "staff": {"agent": "ben", "queues": ["billing"], "skills": {"german": 3}},
    "reset_staffing": {"agent": "ben"},
    "end_wrap_up": {"agent": "ben"},
    "add_item": {"queue": "billing", "title": "Check an address"},
    "withdraw_item": {"item_id": "i", "why": "answered"},
    "accept_item": {"offer_id": "o"},
    "decline_item": {"offer_id": "o"},
    "finish_item": {"item_id": "i"},
}
BY_USER = {  # carried out in the user's own name
    *("staff", "reset_staffing", "end_wrap_up", "add_item", "withdraw_item"),
    *("set_agent_state", "assign", "acknowledge_alert"),
    *(
        "voicemail_done",
        "cancel_callback",
        "move_callback",
        "call_back_now",
        "close_queue",
        "open_queue",
        "queue_by_hours",
    ),
}
WRONG: dict[str, dict[str, Any]] = {
    "acknowledge_alert": {"alert": ""},
    "voicemail_done": {},
    "cancel_callback": {"callback": ""},
    "move_callback": {"callback": "cb", "due": "tomorrow"},
    "call_back_now": {"callback": "cb", "due": 1.0},
    "close_queue": {"queue": "billing", "why": "x" * 201},
    "open_queue": {"queue": ""},
    "queue_by_hours": {},
    "mute": {"call_id": "c", "on": "yes"},
    "send_digits": {"call_id": "c", "digits": "12w34"},
    "dial": {"number": "+1416555" + "0" * 60, "queue": ""},
    "transfer": {"call_id": "c", "kind": "somebody", "to": "ben"},
    "consult": {"call_id": "c", "kind": "queue", "to": "billing"},
    "swap": {},
    "complete": {"call_id": "c", "leg_id": "l"},
    "conference": {"call_id": ["c"]},
    "end_leg": {"call_id": "c"},
    "park": {"call_id": ""},
    "pick": {"call_id": "c" * 201},
    "record": {"call_id": "c", "action": "erase"},
    "assign": {"call_id": "c"},
    "supervise": {"call_id": "c", "mode": "shout"},
    "take_over": {"call_id": "c", "agent": "ben"},
    "staff": {"agent": "ben", "skills": {"german": 11}},
    "reset_staffing": {},
    "end_wrap_up": {"agent": ""},
    "add_item": {"queue": "billing", "title": ""},
    "withdraw_item": {"item_id": "i", "agent": "ben"},
    "accept_item": {},
    "decline_item": {"offer_id": ["o"]},
    "finish_item": {"item_id": "i" * 201},
}


@pytest.mark.parametrize("role", ["agent", "supervisor", "admin"])
async def test_each_verb_is_done_exactly_for_its_roles(console: Any, role: str) -> None:
    """A console that sends another role's verb by hand gets a refusal, and nothing happens."""
    assert set(SAMPLES) == set(permissions.VERBS)
    for verb, args in SAMPLES.items():
        async with console.console(LOG_INS[role]) as screen:
            before = len(console.play.told)
            answer = await screen.do(verb, **args)
            reached = [told for told in console.play.told[before:] if told[0] == verb]
            allowed = role in permissions.VERBS[verb]
            takes_calls = verb in BY_USER or role != "admin"
            assert bool(reached) == (allowed and takes_calls), (verb, answer)
            if not allowed:
                assert answer["code"] == "forbidden"
            elif not takes_calls:
                assert answer["code"] == "takes-no-calls"


async def test_arguments_of_call_control_are_checked_before_anything_is_done(console: Any) -> None:
    """What does not fit a verb's model is refused, and the floor does not hear of it."""
    async with console.console("sam") as screen:
        for verb, args in WRONG.items():
            before = list(console.play.told)
            answer = await screen.do(verb, **args)
            assert (answer["t"], answer["code"]) == ("refused", "bad-arguments"), verb
            assert console.play.told == before


@pytest.mark.parametrize("role", ["", "Admin", "agent ", "root", "visitor", "signed-out"])
async def test_an_unknown_role_may_do_nothing(console: Any, role: str) -> None:
    """Default deny: a role that nobody knows has no rights, however it came about."""
    cookie = await console.log_in("admin")
    accounts = console.accounts
    accounts.users["admin"] = dataclasses.replace(accounts.users["admin"], role=role)
    assert (await console.ask("GET", "/api/me", cookie=cookie))[0] == 403
    assert (await console.ask("GET", "/api/customers.csv", cookie=cookie))[0] == 403
    with pytest.raises(websockets.InvalidStatus):
        async with console.socket(cookie=cookie):
            pass


async def test_a_route_without_a_row_is_refused_to_all(console: Any) -> None:
    """Default deny must hold for the route that somebody adds and forgets in the table."""
    app: FastAPI = console.app
    forgotten = APIRouter(dependencies=[Depends(guard)])

    @forgotten.get("/forgotten")
    async def secret() -> str:
        return "secret"

    app.include_router(forgotten)
    app.router.routes.insert(0, app.router.routes.pop())
    cookie = await console.log_in("admin")
    status, told, _ = await console.ask("GET", "/forgotten", cookie=cookie)
    assert (status, told["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "forged",
    [
        {"agent": "ben"},
        {"agent_id": "ben"},
        {"role": "supervisor"},
        {"by": "sam"},
    ],
)
async def test_who_acts_is_not_taken_from_the_client(console: Any, forged: dict[str, str]) -> None:
    """Anna's page must not be able to act as Ben, or as a supervisor."""
    async with console.console("anna") as screen:
        answer = await screen.do("sign_in", phone="desk", **forged)
        assert (answer["t"], answer["code"]) == ("refused", "bad-arguments")
        assert (await screen.do("sign_in", phone="desk"))["t"] == "done"
    assert [t[1] for t in console.play.told if t[0] == "sign_in"] == ["anna"]


async def test_a_supervisors_act_carries_the_supervisors_name(console: Any) -> None:
    """Who set an agent's state must be the one who is logged in."""
    async with console.console("sam") as screen:
        assert (await screen.do("set_agent_state", **SAMPLES["set_agent_state"]))["t"] == "done"
    assert ("set_agent_state", "u-sam", "ben", "not ready", "break") in console.play.told
