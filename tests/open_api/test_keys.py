"""Who is let in: keys, scopes, pace; and orders that come twice."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import websockets
from typer.testing import CliRunner

from agent_console.api.routes import Route, all_routes
from agent_console.api.scopes import SCOPES
from callcenter.cli import app
from callcenter.keys import parse_expiry
from storage.apikeys import ApiKeys

PLAIN = {"call_id": "c1", "agent": "anna", "offer_id": "o1", "leg_id": "l1", "queue": "sales"}
PLAIN |= {"recording_id": "rec-1", "customer_id": "c-1", "webhook_id": "wh_1", "letter_id": "1"}
PLAIN |= {"item_id": "i-1", "callback": "cb-1", "recording": "rec-1", "alert": "x"}


def address(route: Route) -> str:
    query = "?q=x" if route.path == "/customers" else ""
    return route.path.format(**PLAIN) + query


def body(route: Route) -> dict[str, Any]:
    return {"json": route.example or {}} if route.body is not None else {}


async def test_every_route_and_scope(center: Any) -> None:
    """The whole matrix: a route opens for its own scope and for no other; default deny."""
    keys = {scope: await center.new_key(scope.replace(":", "-"), scope) for scope in SCOPES}
    for route in all_routes():
        if not route.scope:
            continue
        for scope, key in keys.items():
            status, told, _ = await center.ask(route.method, address(route), key=key, **body(route))
            refused = status == 403 and told["code"] == "scope-missing"
            assert refused == (scope != route.scope), (route.method, route.path, scope, told)
            if refused:
                assert told["scope"] == route.scope
    for scope, key in keys.items():
        if scope != "events:read":
            with pytest.raises(websockets.InvalidStatus) as refusal:
                async with center.stream(key=key):
                    pass
            assert refusal.value.response.status_code == 403


async def test_missing_wrong_expired_and_revoked_keys(center: Any) -> None:
    """Four ways of not being let in, each with its own code, and no way around the header."""
    keys = ApiKeys(center.system.database)
    _, expired = await keys.create("old", ["queues:read"], expires=time.time() - 1)
    _, revoked = await keys.create("out", ["queues:read"])
    await keys.revoke("out")
    good = center.key
    for header, code in (
        ("", "no-key"),
        (f"Basic {good}", "no-key"),
        ("Bearer", "no-key"),
        ("Bearer cck_00000000_x", "unknown-key"),
        (f"Bearer {good}x", "unknown-key"),
        (f"Bearer {good[:-1]}", "unknown-key"),
        (f"Bearer {good.upper()}", "unknown-key"),
        ("Bearer " + "x" * 5000, "unknown-key"),
        ("Bearer ' OR 1=1 --", "unknown-key"),
        ("Bearer schlüssel", "unknown-key"),
        (f"Bearer {expired}", "expired-key"),
        (f"Bearer {revoked}", "revoked-key"),
    ):
        headers = {"Authorization": header} if header else {}
        status, told, answer = await center.ask("GET", "/queues", key=None, headers=headers)
        assert (status, told["code"]) == (401, code), header
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await center.ask("GET", f"/queues?key={good}", key=None))[0] == 401
    cookie = {"Cookie": f"callcenter_session={good}; authorization={good}"}
    assert (await center.ask("GET", "/queues", key=None, headers=cookie))[0] == 401
    assert (await center.ask("GET", "/queues"))[0] == 200


async def test_a_session_of_the_console_opens_nothing_here(start_center: Any) -> None:
    """A foreign page that makes a browser ask must not act with the browser's cookie."""
    center = await start_center(demo=True)
    origin = {"Origin": center.url}
    login = {"name": "sam", "password": "harbour-demo"}
    async with center.http.post(f"{center.url}/api/login", json=login, headers=origin) as answer:
        cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
    headers = {**origin, "Cookie": cookie}
    status, told, _ = await center.ask("POST", "/agents/anna/ready", key=None, headers=headers)
    assert (status, told["code"]) == (401, "no-key")


async def test_the_database_has_no_key(center: Any, tmp_path: Path) -> None:
    """Whoever steals the database has no key in hand."""
    secret = center.key.split("_", 2)[2]
    await center.ask("GET", "/queues")
    data = b"".join(file.read_bytes() for file in (tmp_path / "var").glob("callcenter.db*"))
    assert b"everything" in data
    assert secret.encode() not in data
    assert center.key.encode() not in data


async def test_a_key_of_one_agent_is_not_anothers(center: Any) -> None:
    """An agent's own CRM acts for that agent alone, and sees only that agent's calls."""
    call = await center.talking("anna")
    mine = await center.new_key("annas", agent="anna")
    other = await center.new_key("danas", agent="dana")
    for method, path, given, code in (
        ("POST", "/agents/anna/not-ready", {"reason": "lunch"}, "not-your-agent"),
        ("POST", f"/calls/{call}/hold", {"agent": "anna"}, "not-your-agent"),
        ("POST", f"/calls/{call}/hold", {}, "not-your-call"),
        ("POST", "/agents/dana/state", {"state": "ready"}, "supervisors-only"),
        ("POST", f"/calls/{call}/supervise", {"mode": "listen"}, "supervisors-only"),
        ("POST", f"/calls/{call}/assign", {"agent": "dana"}, "supervisors-only"),
        ("GET", f"/calls/{call}", None, "not-found"),
        ("GET", f"/calls/{call}/record", None, "not-found"),
        ("GET", "/agents/anna", None, "not-your-agent"),
        ("GET", "/webhooks", None, "supervisors-only"),
    ):
        more = {} if given is None else {"json": given}
        _, told, _ = await center.ask(method, path, key=other, **more)
        assert told["code"] == code, (method, path, told)
    assert (await center.ask("GET", "/calls", key=other))[1]["calls"] == []
    assert len((await center.ask("GET", "/agents", key=other))[1]["agents"]) == 1
    assert [c["id"] for c in (await center.ask("GET", "/calls", key=mine))[1]["calls"]] == [call]
    await center.done(f"/calls/{call}/hold", key=mine)


@pytest.mark.parametrize(
    "ident", ["%00", "..%2f..%2fetc", "x" * 300, "'%20OR%201=1", "%ff", "a%0d%0ab", "🦜", "%20"]
)
async def test_hostile_ids_are_not_found(center: Any, ident: str) -> None:
    """Ids are looked up, never interpreted."""
    for path in (f"/calls/{ident}", f"/agents/{ident}", f"/queues/{ident}", f"/customers/{ident}"):
        status, told, _ = await center.ask("GET", path)
        assert (status, told["code"]) == (404, "not-found"), path
    status, told, _ = await center.ask("POST", f"/calls/{ident}/hold", json={})
    assert (status, told["code"]) == (404, "not-found")
    status, told, _ = await center.ask("POST", f"/calls/{ident}/hold", json={"agent": "anna"})
    assert status in (404, 409), told
    assert (await center.ask("GET", f"/webhooks/wh/dead-letters?after={ident}"))[0] in (404, 422)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (
            {"data": b"x" * 70_000, "headers": {"Content-Type": "application/json"}},
            413,
            "too-large",
        ),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "not-json"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 422, "bad-request"),
        ({"data": b"\xff", "headers": {"Content-Type": "application/json"}}, 422, "bad-request"),
        (
            {"data": b"[" * 30_000, "headers": {"Content-Type": "application/json"}},
            422,
            "bad-request",
        ),
        ({"json": [1]}, 422, "bad-request"),
        ({"json": {"reason": "lunch", "more": 1}}, 422, "bad-request"),
        ({"json": {"reason": 5}}, 422, "bad-request"),
        ({"json": {"reason": "x" * 201}}, 422, "bad-request"),
        ({"json": {}}, 422, "bad-request"),
    ],
)
async def test_what_is_not_as_described_is_refused(
    center: Any, sent: dict[str, Any], status: int, code: str
) -> None:
    """Unknown fields, wrong types and oversized bodies change nothing, and are told where."""
    got, told, _ = await center.ask("POST", "/agents/anna/not-ready", **sent)
    assert (got, told["code"]) == (status, code)
    assert "Traceback" not in str(told)
    assert center.system.router.engine.agent_view("anna").state == "offline"


async def test_a_body_without_an_end_is_cut_off(center: Any) -> None:
    """Also one that does not say how long it is."""

    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 4096

    headers = {"Content-Type": "application/json"}
    status, told, _ = await center.ask(
        "POST", "/agents/anna/not-ready", data=endless(), headers=headers
    )
    assert (status, told["code"]) == (413, "too-large")


async def test_a_key_that_asks_too_often_waits(start_center: Any) -> None:
    """One program's loop must not take the call center; others go on."""
    center = await start_center(api_requests_per_minute=5)
    first, second = [await center.new_key(name) for name in ("first", "second")]
    for left in range(4, -1, -1):
        status, _, answer = await center.ask("GET", "/queues", key=first)
        assert status == 200
        assert answer.headers["RateLimit-Remaining"] == str(left)
    status, told, answer = await center.ask("GET", "/queues", key=first)
    assert (status, told["code"]) == (429, "too-many-requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert answer.headers["RateLimit-Limit"] == "5"
    assert (await center.ask("GET", "/queues", key=second))[0] == 200


async def test_guessing_keys_is_slowed_and_hurts_only_the_guesser(center: Any) -> None:
    """Wrong keys are paced by address; a good key from the same address still opens."""
    codes = set()
    for _ in range(40):
        codes.add((await center.ask("GET", "/queues", key="cck_12345678_guess"))[1]["code"])
    assert codes == {"unknown-key", "too-many-requests"}
    assert (await center.ask("GET", "/queues"))[0] == 200


# Idempotency --------------------------------------------------------------------------------------


def once(name: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": name}}


async def dialled(center: Any) -> int:
    acts = [e.kind async for e in center.system.journal.read() if e.kind == "CallDialled"]
    return len(acts)


async def test_an_order_that_comes_twice_is_done_once(center: Any, start_center: Any) -> None:
    """A program that heard no answer asks again, even after our restart: one call is placed."""
    await center.done("/agents/anna/sign-in", phone="browser")
    order = {"json": {"number": "+14165550123"}}
    status, told, answer = await center.ask("POST", "/agents/anna/calls", **order, **once("k1"))
    assert status == 200
    assert "Idempotency-Replayed" not in answer.headers
    again = await center.ask("POST", "/agents/anna/calls", **order, **once("k1"))
    assert again[:2] == (status, told)
    assert again[2].headers["Idempotency-Replayed"] == "true"
    other = {"json": {"number": "+14165550124"}}
    status, why, _ = await center.ask("POST", "/agents/anna/calls", **other, **once("k1"))
    assert (status, why["code"]) == (422, "idempotency-key-reused")
    key = center.key
    await center.system.stop()
    center = await start_center()
    center.key = key
    third = await center.ask("POST", "/agents/anna/calls", **order, **once("k1"))
    assert third[:2] == (200, told)
    assert await dialled(center) == 1


async def test_duplicates_at_the_same_moment_are_one(center: Any) -> None:
    """Twenty at once: one call, and everybody gets its id."""
    await center.done("/agents/anna/sign-in", phone="browser")
    order = {"json": {"number": "+14165550123"}}
    answers = await asyncio.gather(
        *(center.ask("POST", "/agents/anna/calls", **order, **once("k2")) for _ in range(20))
    )
    assert {(status, told["result"]) for status, told, _ in answers} == {
        (200, answers[0][1]["result"])
    }
    assert await dialled(center) == 1


async def test_the_idempotency_keys_of_two_programs_are_their_own(center: Any) -> None:
    """Nobody gets the answer of another."""
    await center.done("/agents/anna/sign-in", phone="browser")
    other = await center.new_key("other")
    for key in ("", other):
        path = "/agents/anna/console-back"
        status, _, answer = await center.ask("POST", path, key=key, **once("k3"))
        assert status == 200
        assert "Idempotency-Replayed" not in answer.headers


async def test_an_interrupted_order_is_not_repeated_blindly(center: Any, tmp_path: Path) -> None:
    """Killed between the deed and the answer: nobody knows, so nobody does it again."""
    path = "/agents/anna/sign-out"
    await center.ask("POST", path, **once("k4"))
    with sqlite3.connect(tmp_path / "var" / "callcenter.db", timeout=10) as database:
        database.execute("UPDATE api_answers SET status = NULL WHERE idempotency_key = 'k4'")
    status, told, _ = await center.ask("POST", path, **once("k4"))
    assert (status, told["code"]) == (409, "outcome-unknown")


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "ключ"])
async def test_a_senseless_idempotency_key_is_refused(center: Any, name: str) -> None:
    """Bounded and printable, or not at all."""
    status, told, _ = await center.ask(
        "POST", "/agents/anna/ready", headers={"Idempotency-Key": name}
    )
    assert (status, told["code"]) == (422, "bad-idempotency-key")


# The command line ---------------------------------------------------------------------------------


def test_until_when_a_key_lives() -> None:
    """Spans and dates; what is over already is a slip."""
    assert parse_expiry("") is None
    assert parse_expiry("90d", 1000.0) == 1000.0 + 90 * 86400
    assert parse_expiry("12h", 0.0) == 12 * 3600
    assert parse_expiry("2100-01-01", 0.0) == 4102444800.0
    for wrong in ("soon", "2001-01-01", "5", "-5d", "d", "9999999d", "9" * 400 + "h"):
        with pytest.raises(ValueError, match=wrong):
            parse_expiry(wrong, 2e9)


def test_keys_are_made_listed_and_revoked_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown once, alone on standard output; afterwards only the name and what it may."""
    monkeypatch.setenv("CALLCENTER_VAR", str(tmp_path))
    runner = CliRunner()

    def told(*words: str) -> Any:
        return runner.invoke(app, ["key", *words])

    made = told("new", "crm", "--scopes", "calls:read, queues:read", "--expires", "90d")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert re.fullmatch(r"cck_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", key)
    listed = told("list").stdout
    assert "crm" in listed
    assert key not in listed
    assert told("new", "crm", "--scopes", "calls:read").exit_code == 1
    assert told("new", "other", "--scopes", "calls:everything").exit_code == 1
    assert told("new", "bad name", "--scopes", "calls:read").exit_code == 1
    assert told("new", "late", "--scopes", "calls:read", "--expires", "2001-01-01").exit_code == 1
    bound = told("new", "annas", "--scopes", "calls:read", "--agent", "anna")
    assert bound.exit_code == 0
    assert told("new", "x", "--scopes", "calls:read", "--agent", "nobody").exit_code == 1
    assert told("revoke", "crm").exit_code == 0
    assert "revoked" in told("list").stdout
    assert told("revoke", "nobody").exit_code == 1


async def test_wild_bodies_break_nothing(start_center: Any) -> None:
    """Whatever a program sends to any route: an answer as described, never a fault of ours."""
    center = await start_center(api_requests_per_minute=100_000)
    center.key = await center.new_key("wild")
    call = await center.talking()
    dice = random.Random(20261126)
    words = ["", "anna", "sales", call, "🦜", "\x00", "a" * 300, "\u2028", "+1900", "%s", "{ani}"]

    def thing(depth: int = 0) -> Any:
        kind = dice.randrange(8 if depth < 2 else 6)
        simple = (None, dice.random() < 0.5, dice.randrange(-5, 10**12), -1.5, 1e308)
        if kind < 5:
            return dice.choice(words) if kind > 2 else dice.choice(simple)
        if kind == 5:
            return dice.choice(["ready", "agent", "number", "start", "listen", "browser"])
        if kind == 6:
            return [thing(depth + 1) for _ in range(dice.randrange(4))]
        return {dice.choice(words): thing(depth + 1) for _ in range(dice.randrange(4))}

    for _ in range(6):
        for route in all_routes():
            names = set(route.body.model_fields) if route.body is not None else set()
            given = {name: thing() for name in names if dice.random() < 0.9}
            if dice.random() < 0.1:
                given[dice.choice(words)] = thing()
            path = route.path.format(**{**PLAIN, "call_id": dice.choice([call, "c1"])})
            status, told, _ = await center.ask(route.method, path, json=given)
            assert status < 500 or told["code"] in ("switch-away", "try-again"), (path, told)
    assert (await center.ask("GET", "/calls?live=true"))[0] == 200
