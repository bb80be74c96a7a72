"""REST, pages and headers against a real server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent_console.ports import Refusal
from agent_console.settings import ConsoleSettings

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv; charset=utf-8"}


async def test_the_log_in_page_knows_the_demo_only_in_a_demo(start_console: Any) -> None:
    """Demo passwords must never be told by a real installation."""
    demo = await start_console()
    _, told, _ = await demo.ask("GET", "/api/welcome")
    assert told["company"] == "Preview Ltd."
    assert {"name": "anna", "password": "anna", "role": "agent"} in told["demo_users"]
    real = await start_console(demo=False)
    _, told, _ = await real.ask("GET", "/api/welcome")
    assert (told["demo"], told["demo_users"]) == (False, [])


async def test_the_first_answer_tells_who_is_logged_in(start_console: Any) -> None:
    """A page must learn that nobody is logged in without an error in the browser's log."""
    console = await start_console()
    assert (await console.ask("GET", "/api/welcome"))[1]["me"] is None
    cookie = await console.log_in("anna")
    told = (await console.ask("GET", "/api/welcome", cookie=cookie))[1]["me"]
    assert told == (await console.ask("GET", "/api/me", cookie=cookie))[1]
    stale = (await console.ask("GET", "/api/welcome", cookie="callcenter_session=gone"))[1]
    assert stale["me"] is None


async def test_a_call_is_found_by_its_id_and_an_unknown_one_is_404(console: Any) -> None:
    """A wrong link must say so, and must not be an error of ours."""
    cookie = await console.log_in("sam")
    console.play._arrive(1000.0)
    status, told, _ = await console.ask("GET", "/api/calls/call-0001", cookie=cookie)
    assert (status, told["call"]["call_id"]) == (200, "call-0001")
    for unknown in ("nope", "..%2f..%2fetc", "%00", "x" * 300, "'%20OR%201=1", "%ff"):
        status, told, answer = await console.ask("GET", f"/api/calls/{unknown}", cookie=cookie)
        assert (status, told["code"]) == (404, "not-found"), unknown
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert told["message"] == told["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "since=0",
        "since=nan&until=5",
        "since=0&until=inf",
        "since=5&until=1",
        "since=-1&until=1",
        "since=0&until=99999999",
        "since=0&until=1&limit=0",
        "since=0&until=1&limit=100000",
        "since=0&until=1&limit=x",
    ],
)
async def test_a_senseless_span_is_a_bad_request(console: Any, query: str) -> None:
    """A query must not make the database count for an hour."""
    cookie = await console.log_in("sam")
    status, told, _ = await console.ask("GET", f"/api/calls?{query}", cookie=cookie)
    assert (status, told["code"]) == (422, "bad-request")


async def test_calls_intervals_and_their_csv(console: Any) -> None:
    """The report page lives on these three."""
    cookie = await console.log_in("sam")
    console.play._arrive(1000.0)
    _, told, _ = await console.ask("GET", "/api/calls?since=0&until=2000", cookie=cookie)
    assert [row["call_id"] for row in told["calls"]] == ["call-0001"]
    span = "since=0&until=7200&minutes=30&queue=billing"
    _, told, _ = await console.ask("GET", f"/api/reports/intervals?{span}", cookie=cookie)
    assert len(told["rows"]) == 4
    _, text, answer = await console.ask("GET", f"/api/reports/intervals.csv?{span}", cookie=cookie)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert len(text.splitlines()) == 5


async def test_customers_are_found_and_noted_in_the_users_name(console: Any) -> None:
    """A note's author is who is logged in, whatever the page says."""
    cookie = await console.log_in("anna")
    _, told, _ = await console.ask("GET", "/api/customers?q=hopper&limit=2", cookie=cookie)
    assert len(told["customers"]) == 2
    customer = told["customers"][0]["customer_id"]
    hostile = "<script>alert(1)</script>\u2028"
    status, told, _ = await console.ask(
        "POST", f"/api/customers/{customer}/notes", json={"text": hostile}, cookie=cookie
    )
    assert status == 200
    assert (told["notes"][0]["author"], told["notes"][0]["text"]) == ("Anna Lindqvist", hostile)
    forged = {"text": "x", "author": "Sam"}
    path = f"/api/customers/{customer}/notes"
    assert (await console.ask("POST", path, json=forged, cookie=cookie))[0] == 422
    status, told, _ = await console.ask(
        "POST", "/api/customers/nobody/notes", json={"text": "x"}, cookie=cookie
    )
    assert (status, told["code"]) == (404, "not-found")


async def test_customers_come_and_go_as_csv(console: Any) -> None:
    """Import says which lines it did not take; only text/csv is taken."""
    cookie = await console.log_in("sam")
    path = "/api/customers.csv"
    status, told, _ = await console.ask(
        "POST", path, data=b"a,b\nbroken\nc,d\n", headers=CSV, cookie=cookie
    )
    assert (status, told["created"]) == (200, 2)
    assert [row["line"] for row in told["rejected"]] == [2]
    status, text, _ = await console.ask("GET", path, cookie=cookie)
    assert (status, text.splitlines()[0]) == (200, "id,phone")
    for sent_as in ({"Content-Type": "text/plain"}, JSON):
        status, _, _ = await console.ask("POST", path, data=b"a,b", headers=sent_as, cookie=cookie)
        assert status == 415
    assert (await console.ask("POST", path, headers=CSV, cookie=cookie))[0] == 422


async def chunks(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 1000


async def test_oversized_bodies_are_refused(start_console: Any) -> None:
    """413, with and without a declared length, before anything is done with the body."""
    console = await start_console(body_limit=10_000, import_limit=20_000)
    for body in (b"x" * 10_001, chunks(11)):
        status, told, _ = await console.ask("POST", "/api/login", data=body, headers=JSON)
        assert (status, told["code"]) == (413, "too-large")
    cookie = await console.log_in("sam")
    for body in (b"x" * 20_001, chunks(21)):
        status, told, _ = await console.ask(
            "POST", "/api/customers.csv", data=body, headers=CSV, cookie=cookie
        )
        assert (status, told["code"]) == (413, "too-large")
    status, _, _ = await console.ask(
        "POST", "/api/customers.csv", data=b"a,b\n" * 4000, headers=CSV, cookie=cookie
    )
    assert status == 200


async def test_a_body_that_never_ends_is_not_waited_for(start_console: Any) -> None:
    """A slow sender must not hold a request open for ever."""
    console = await start_console(body_within_s=0.2)
    port = int(console.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /api/login HTTP/1.1\r\nHost: x\r\nOrigin: {console.url}\r\n"
        f"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode()
    )
    async with asyncio.timeout(3):
        assert b"408" in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nope", 404, "not-found"),
        ("GET", "/nope", 404, "not-found"),
        ("GET", "/openapi.json", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("DELETE", "/api/me", 405, "method-not-allowed"),
        ("PUT", "/api/login", 405, "method-not-allowed"),
        ("POST", "/desk", 405, "method-not-allowed"),
    ],
)
async def test_what_is_not_there_is_a_problem(
    console: Any, method: str, path: str, status: int, code: str
) -> None:
    """Every error has the same form, so that the page can show it."""
    got, told, answer = await console.ask(method, path)
    assert (got, told["code"], told["status"]) == (status, code, status)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_bug_is_a_problem_without_its_insides(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the trace under an incident number; the page has only the number."""

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password is hunter2")

    async def refusing(*_: object, **__: object) -> None:
        raise Refusal("crm-away", "The customer system does not answer.", 502)

    cookie = await console.log_in("sam")
    monkeypatch.setattr(console.play, "call", broken)
    status, told, answer = await console.ask("GET", "/api/calls/x", cookie=cookie)
    assert (status, told["code"]) == (500, "internal")
    assert len(told["incident"]) == 8
    assert "hunter2" not in json.dumps(told)
    assert "Content-Security-Policy" in answer.headers
    monkeypatch.setattr(console.play, "call", refusing)
    status, told, _ = await console.ask("GET", "/api/calls/x", cookie=cookie)
    assert (status, told["code"]) == (502, "crm-away")


async def test_machines_can_ask_for_health_and_figures(console: Any, start_console: Any) -> None:
    """Monitoring needs no log-in, but figures are not for everybody."""
    assert (await console.ask("GET", "/healthz"))[:2] == (200, {"ok": True})
    status, told, _ = await console.ask("GET", "/readyz")
    assert (status, told["ready"]) == (200, True)
    status, text, _ = await console.ask("GET", "/metrics")
    assert (status, "preview 1" in text) == (200, True)
    passed_on = {"X-Forwarded-For": "203.0.113.5"}
    assert (await console.ask("GET", "/metrics", headers=passed_on))[0] == 403
    guarded = await start_console(metrics_token="token-of-prometheus")
    assert (await guarded.ask("GET", "/metrics"))[0] == 403
    for given, expected in (("Bearer wrong", 403), ("Bearer é", 403),
                            ("Bearer token-of-prometheus", 200)):  # fmt: skip
        headers = {"Authorization": given}
        assert (await guarded.ask("GET", "/metrics", headers=headers))[0] == expected


# Pages -------------------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A front end as the build leaves it, and a secret beside it."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>Call center</title>")
    (static / "assets" / "main-abc123.js").write_text("export const x = 1;")
    (static / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "static-other").mkdir()
    (tmp_path / "static-other" / "x").write_text("secret")
    (static / "link").symlink_to(tmp_path / "secret.txt")
    return static


@pytest.mark.parametrize("path", ["/", "/desk", "/supervisor", "/reports/x", "/call", "/login"])
async def test_every_page_is_the_one_page(start_console: Any, built: Path, path: str) -> None:
    """A reload on any page must come back to it."""
    console = await start_console(static=built)
    status, text, answer = await console.ask("GET", path)
    assert (status, "Call center" in text) == (200, True)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_who_types_a_wrong_address_reads_a_page(start_console: Any, built: Path) -> None:
    """JSON is for programs: people get a page that leads back, still with 404."""
    console = await start_console(static=built)
    reader = {"Accept": "text/html,application/xhtml+xml"}
    status, text, answer = await console.ask("GET", "/nothing", headers=reader)
    assert (status, "Call center" in text) == (404, True)
    assert answer.headers["Content-Type"].startswith("text/html")
    for path in ("/api/nothing", "/assets/nothing.js"):
        status, told, _ = await console.ask("GET", path, headers=reader)
        assert (status, told["code"]) == (404, "not-found")


async def test_hashed_assets_are_kept_and_others_asked_for(start_console: Any, built: Path) -> None:
    """A new version must show at once, and cost nothing when nothing is new."""
    console = await start_console(static=built)
    _, _, answer = await console.ask("GET", "/assets/main-abc123.js")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "javascript" in answer.headers["Content-Type"]
    _, _, answer = await console.ask("GET", "/icon.svg")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert (await console.ask("GET", "/assets/main-old.js"))[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/../static-other/x",
        "/link",
        "/assets",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/assets/%00",
        "/" + "a/" * 300,
        "/" + "a" * 300,
        "/index.html/../../secret.txt",
    ],
)
async def test_nothing_outside_the_built_pages_is_served(
    start_console: Any, built: Path, path: str
) -> None:
    """Path traversal: raw requests, since a client would tidy the path."""
    console = await start_console(static=built)
    port = int(console.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] in (b"404", b"400")
    assert b"secret\n" not in answer
    assert b"root:" not in answer


async def test_a_hostile_range_costs_nothing(start_console: Any, built: Path) -> None:
    """Thousands of overlapping ranges must not be answered with thousands of parts."""
    console = await start_console(static=built)
    ranges = "bytes=" + ",".join(f"{n}-" for n in range(1000))
    _, _, answer = await console.ask("GET", "/icon.svg", headers={"Range": ranges})
    assert int(answer.headers["Content-Length"]) < 20_000


async def test_without_a_front_end_the_page_says_what_to_do(
    start_console: Any, tmp_path: Path
) -> None:
    """A fresh checkout must not show an empty page."""
    console = await start_console(static=tmp_path)
    status, text, _ = await console.ask("GET", "/desk")
    assert (status, "make front-end" in text) == (503, True)


@pytest.mark.parametrize("path", ["/", "/api/me", "/nope", "/healthz", "/api/welcome"])
async def test_every_answer_has_the_strict_headers(console: Any, path: str) -> None:
    """One answer without them is where the script gets in."""
    _, _, answer = await console.ask("GET", path)
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "'self' ws://127.0.0.1:" in policy["connect-src"]
    assert "unsafe" not in str(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert "Server" not in answer.headers
    if path.startswith("/api/"):
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "origin",
    ["", "calls.example.com", "https://calls.example.com/", "HTTPS://a", "ftp://a", "https://"],
)
def test_an_origin_that_could_never_match_is_refused_at_once(origin: str) -> None:
    """A typing mistake in the settings must be told at the start, not by refused log-ins."""
    with pytest.raises(ValueError, match="origin"):
        ConsoleSettings(origins=(origin,))
    with pytest.raises(ValueError, match="origin"):
        ConsoleSettings(origins=())
