"""Hearing recordings over HTTP: who may, in which pieces, and what hostile requests get."""

from __future__ import annotations

from typing import Any

import pytest

from agent_console.preview.recordings import LENGTH_S, RATE_HZ

PATH = "/api/recordings/call-0001-1"
SIZE = 44 + int(LENGTH_S * RATE_HZ) * 4


async def ask(console: Any, who: str, path: str = PATH, **headers: str) -> tuple[int, Any, bytes]:
    cookie = await console.log_in(who) if who else ""
    given = {"Cookie": cookie, **headers} if cookie else headers
    async with console.http.get(f"{console.url}{path}", headers=given) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_supervisor_hears_a_whole_recording_and_it_is_written_down(console: Any) -> None:
    """The sound as it is kept, never cached, and the book says who heard it."""
    status, headers, body = await ask(console, "sam")
    assert (status, len(body), body[:4]) == (200, SIZE, b"RIFF")
    assert headers["Content-Type"] == "audio/wav"
    assert headers["Accept-Ranges"] == "bytes"
    assert "no-store" in headers["Cache-Control"]
    user = console.accounts.users["sam"].user_id
    assert console.app.state.recordings.heard_by == [("call-0001-1", user)]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, SIZE),
        ("bytes=-50", SIZE - 50, SIZE),
        ("bytes=-999999999", 0, SIZE),
        ("bytes=10-999999999999", 10, SIZE),
    ],
)
async def test_a_player_seeks_by_ranges(console: Any, asked: str, start: int, end: int) -> None:
    """A piece is exactly what was asked for, and says where it belongs."""
    _, _, whole = await ask(console, "sam")
    status, headers, body = await ask(console, "sam", Range=asked)
    assert body == whole[start:end]
    if (start, end) == (0, SIZE):
        assert status == 200
    else:
        assert status == 206
        assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (f"bytes={SIZE}-", 416),
        ("bytes=-0", 416),
        ("bytes=99999999999999-", 416),
        ("bytes=9-3", 200),
        ("bytes=-", 200),
        ("bytes=0-0,2-2", 200),
        ("bytes=" + ",".join(["0-"] * 1000), 200),
        ("bytes=" + "1" * 4000 + "-", 200),
        ("bytes=0-1" + "0" * 300, 200),
        ("lines=1-2", 200),
        ("bytes=a-b", 200),
        ("bytes=\u0660-\u0665", 200),
    ],
)
async def test_hostile_ranges_get_the_whole_or_nothing(
    console: Any, asked: str, status: int
) -> None:
    """Bounded work for every header: no pieces by the thousand, no error of ours."""
    got, headers, body = await ask(console, "sam", Range=asked)
    assert got == status
    assert len(body) == (SIZE if status == 200 else 0)
    if status == 416:
        assert headers["Content-Range"] == f"bytes */{SIZE}"


async def test_agents_hear_their_own_calls_if_the_site_lets_them(console: Any) -> None:
    """Others' recordings do not exist for an agent: 404, as for one that never was."""
    assert (await ask(console, "anna"))[0] == 200
    status, _, other = await ask(console, "ben")
    assert status == 404
    assert other == (await ask(console, "ben", "/api/recordings/no-such-1"))[2]
    console.app.state.recordings.agents_hear_own = False
    assert (await ask(console, "anna"))[0] == 404
    assert (await ask(console, "admin"))[0] == 200
    assert (await ask(console, ""))[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/recordings/..%2f..%2fetc%2fpasswd",
        "/api/recordings/%2e%2e",
        "/api/recordings/call-0001-1%00",
        "/api/recordings/call-0001-1%0d%0aX: y",
        "/api/recordings/" + "a" * 5000,
        "/api/recordings/%ff",
    ],
)
async def test_ids_that_lead_elsewhere_lead_nowhere(console: Any, path: str) -> None:
    """An id is never a path."""
    status, _, body = await ask(console, "sam", path)
    assert status == 404
    assert b"root:" not in body
    assert console.app.state.recordings.heard_by == []
