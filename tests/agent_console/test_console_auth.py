"""Logging in and out, and who is believed to be whom."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
import websockets

GOOD = {"name": "anna", "password": "anna"}


async def test_log_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(console: Any) -> None:
    """A stolen or foreign-sent session cookie would be the whole house's key."""
    status, me, answer = await console.ask("POST", "/api/login", json=GOOD)
    assert (status, me["role"], me["agent_id"]) == (200, "agent", "anna")
    (cookie,) = answer.headers.getall("Set-Cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host(start_console: Any) -> None:
    """Over https the session must never travel in the clear, nor be set by a sister host."""
    console = await start_console(origins=("https://calls.example.com",))
    status, _, answer = await console.ask(
        "POST", "/api/login", json=GOOD, origin="https://calls.example.com"
    )
    assert status == 200
    (cookie,) = answer.headers.getall("Set-Cookie")
    assert cookie.startswith("__Host-callcenter_session=")
    assert "; Secure" in cookie
    assert "domain" not in cookie.lower()
    assert answer.headers["Strict-Transport-Security"]
    token = cookie.partition(";")[0].partition("=")[2]
    status, _, _ = await console.ask("GET", "/api/me", cookie=f"callcenter_session={token}")
    assert status == 401, "the unprotected cookie name is not read on an https-only console"


async def test_a_planted_session_id_opens_nothing(console: Any) -> None:
    """Session fixation: an attacker's preset id must not become the victim's session."""
    planted = "callcenter_session=chosen-by-the-attacker"
    fresh = await console.log_in("anna", cookie=planted)
    assert "chosen-by-the-attacker" not in fresh
    assert (await console.ask("GET", "/api/me", cookie=planted))[0] == 401
    assert (await console.ask("GET", "/api/me", cookie=fresh))[0] == 200


async def test_logging_in_again_ends_the_session_before(console: Any) -> None:
    """A new person at the same browser must not leave the last one logged in."""
    first = await console.log_in("anna")
    async with console.console(cookie=first) as screen:
        second = await console.log_in("sam", cookie=first)
        assert await screen.closed() == 4401
    assert first != second
    assert (await console.ask("GET", "/api/me", cookie=first))[0] == 401


async def test_logging_out_ends_session_cookie_and_sockets(console: Any) -> None:
    """After "log out" nothing of the session may live on, not even an open page."""
    cookie = await console.log_in("anna")
    async with console.console(cookie=cookie) as screen:
        status, _, answer = await console.ask("POST", "/api/logout", cookie=cookie)
        assert status == 200
        assert 'callcenter_session=""' in answer.headers.getall("Set-Cookie")[0]
        assert await screen.closed() == 4401
    assert (await console.ask("GET", "/api/me", cookie=cookie))[0] == 401


async def test_log_out_of_one_browser_leaves_the_other_logged_in(console: Any) -> None:
    """Two browsers of one person are two sessions."""
    here, there = await console.log_in("anna"), await console.log_in("anna")
    async with console.console(cookie=there) as screen:
        await console.ask("POST", "/api/logout", cookie=here)
        assert (await screen.do("sign_in", phone="desk"))["t"] == "done"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "anna", "password": "wrong"},
        {"name": "nobody", "password": "nobody"},
        {"name": "anna'--", "password": "' OR 1=1"},
    ],
)
async def test_wrong_credentials_are_refused_alike(console: Any, body: dict[str, str]) -> None:
    """The answer must not tell whether a name exists."""
    status, told, answer = await console.ask("POST", "/api/login", json=body)
    assert (status, told["code"]) == (401, "bad-credentials")
    assert told["message"] == "Name or password is wrong."
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"not json",
        b'{"name":"anna"}',
        b'{"name":"anna","password":5}',
        b'{"name":"anna","password":"anna","role":"admin"}',
        b'{"name":"' + b"a" * 300 + b'","password":"x"}',
        b'{"name":"\\ud800","password":"x"}',
        b"[" * 30_000,
    ],
)
async def test_a_malformed_log_in_is_a_bad_request(console: Any, body: bytes) -> None:
    """Hostile bodies are the client's mistake, never a 500, and are never echoed."""
    status, told, _ = await console.ask(
        "POST", "/api/login", data=body, headers={"Content-Type": "application/json"}
    )
    assert (status, told["code"]) in ((422, "bad-request"), (400, "bad-request"))
    assert "'input':" not in str(told)


async def test_guessing_one_account_is_slowed_and_others_are_not(start_console: Any) -> None:
    """Passwords are guessed online only slowly, without locking the house out."""
    console = await start_console(logins_per_minute_account=3)
    wrong = {"name": "anna", "password": "x"}
    for _ in range(3):
        assert (await console.ask("POST", "/api/login", json=wrong))[0] == 401
    for name in ("anna", " ANNA ", "ａｎｎａ"):
        status, told, answer = await console.ask(
            "POST", "/api/login", json={"name": name, "password": "x"}
        )
        assert (status, told["code"]) == (429, "too-many-attempts"), name
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    await console.log_in("sam")


async def test_one_address_cannot_try_all_accounts(start_console: Any) -> None:
    """Spraying one password over many names is guessing too."""
    console = await start_console(logins_per_minute_address=5)
    statuses = [
        (await console.ask("POST", "/api/login", json={"name": f"n{n}", "password": "x"}))[0]
        for n in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2


async def test_logging_in_rightly_uses_nothing_up(start_console: Any) -> None:
    """At nine o'clock a whole office logs in from one address."""
    console = await start_console(logins_per_minute_account=3, logins_per_minute_address=3)
    for _ in range(8):
        await console.log_in("anna")


ORIGINS = [
    (None, 403),
    ("null", 403),
    ("http://evil.example", 403),
    ("{url}.evil.example", 403),
    ("{url}/", 403),
    ("https{rest}", 403),
    ("http://127.0.0.1", 403),
    ("{upper}", 403),
    ("{url}", 200),
]


@pytest.mark.parametrize(("origin", "expected"), ORIGINS)
async def test_a_change_must_come_from_our_own_page(
    console: Any, origin: str | None, expected: int
) -> None:
    """Cross-site request forgery: the Origin must be exactly ours."""
    sent = origin and origin.format(
        url=console.url, rest=console.url[4:], upper=console.url.replace("http", "HTTP")
    )
    status, told, _ = await console.ask("POST", "/api/login", json=GOOD, origin=sent)
    assert status == expected
    if status == 403:
        assert told["code"] == "foreign-origin"


@pytest.mark.parametrize(("origin", "expected"), ORIGINS)
async def test_a_websocket_must_come_from_our_own_page(
    console: Any, origin: str | None, expected: int
) -> None:
    """Cross-site websocket hijacking: refused before the websocket is accepted."""
    cookie = await console.log_in("anna")
    sent = origin and origin.format(
        url=console.url, rest=console.url[4:], upper=console.url.replace("http", "HTTP")
    )
    if expected == 200:
        async with console.socket(cookie=cookie, origin=sent) as socket:
            await socket.send('{"t":"hello"}')
            assert "snapshot" in await socket.recv()
        return
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with console.socket(cookie=cookie, origin=sent):
            pass
    assert refused.value.response.status_code == 403
    assert console.play.told == [], "a refused websocket is not a console"


@pytest.mark.parametrize("origins", [("http://evil", "{url}"), ("{url}", "http://evil")])
async def test_two_origins_are_none(console: Any, origins: tuple[str, str]) -> None:
    """A header smuggled in beside the browser's own must not count."""
    first, second = (origin.format(url=console.url) for origin in origins)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(console.url.rpartition(":")[2]))
    writer.write(
        f"POST /api/logout HTTP/1.1\r\nHost: x\r\nOrigin: {first}\r\n"
        f"Origin: {second}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b"403" in status


@pytest.mark.parametrize(
    "sent_as", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_only_json_changes_anything(console: Any, sent_as: str) -> None:
    """Forms need no permission to be sent from other sites; JSON does."""
    status, _, _ = await console.ask(
        "POST",
        "/api/login",
        data=b'{"name":"anna","password":"anna"}',
        headers={"Content-Type": sent_as},
    )
    assert status == 415


@pytest.mark.parametrize("cookie", ["", "callcenter_session=", "callcenter_session=" + "x" * 4000])
async def test_without_a_session_no_websocket(console: Any, cookie: str) -> None:
    """Live figures and verbs are for people who are logged in."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with console.socket(cookie=cookie):
            pass
    assert refused.value.response.status_code == 403


async def test_a_changed_role_closes_the_console_at_the_next_verb(console: Any) -> None:
    """Rights that were taken away must not live on in an open websocket."""
    async with console.console("sam") as screen:
        accounts = console.accounts
        accounts.users["sam"] = dataclasses.replace(accounts.users["sam"], role="agent")
        args = {"agent": "anna", "state": "offline", "reason": ""}
        await screen.send({"t": "do", "id": 1, "verb": "set_agent_state", "args": args})
        assert await screen.closed() == 4401
    assert not [t for t in console.play.told if t[0] == "set_agent_state"]


async def test_a_session_that_ends_elsewhere_closes_the_console(start_console: Any) -> None:
    """Another process may end a session; a silent console must notice by itself."""
    console = await start_console(check_session_every_s=0.05)
    async with console.console("sam") as screen:
        await console.accounts.end_sessions_of("u-sam")
        assert await screen.closed() == 4401


async def test_end_user_closes_all_consoles_of_a_user_at_once(console: Any) -> None:
    """Shutting a user out must take effect now, in every browser."""
    async with (
        console.console("sam") as one,
        console.console("sam") as two,
        console.console("anna") as other,
    ):
        console.app.state.consoles.end_user("u-sam")
        assert (await one.closed(), await two.closed()) == (4401, 4401)
        assert (await other.do("sign_in", phone="desk"))["t"] == "done"


async def test_when_storage_is_away_people_are_asked_to_try_again(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is down must not look like a wrong password, nor close open consoles."""
    cookie = await console.log_in("anna")

    async def broken(*_: object) -> None:
        raise OSError("database is locked")

    async with console.console(cookie=cookie) as screen:
        monkeypatch.setattr(console.accounts, "session_user", broken)
        monkeypatch.setattr(console.accounts, "verify", broken)
        status, told, _ = await console.ask("POST", "/api/login", json=GOOD)
        assert (status, told["code"]) == (503, "try-again")
        status, told, _ = await console.ask("GET", "/api/me", cookie=cookie)
        assert (status, told["code"]) == (503, "try-again")
        assert (await screen.do("sign_in", phone="desk"))["code"] == "try-again"
        assert console.play.people["anna"].state == "offline"
