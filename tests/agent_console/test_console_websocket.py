"""The live websocket against a real server: order, limits, resuming, slow readers, presence."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_console import consoles
from agent_console.app import listen
from agent_console.consoles import Close
from agent_console.live import EVERYONE
from agent_console.ports import Refusal
from agent_console.websocket import read_frame


async def test_what_a_verb_changed_comes_before_its_answer(console: Any) -> None:
    """When the page hears "done", it must already show what was done."""
    async with console.console("anna") as screen:
        assert screen.entities["desk"]["state"] == "offline"
        await screen.do("sign_in", phone="desk")
        assert screen.entities["desk"]["state"] == "not ready"


async def test_the_snapshot_holds_what_is_mine_and_nothing_else(console: Any) -> None:
    """An agent sees the own desk and queues; who takes no calls sees the floor and no desk."""
    async with console.console("anna") as agent, console.console("admin") as supervisor:
        assert agent.entities["me"]["agent_id"] == "anna"
        kinds = {key.partition(":")[0] for key in agent.entities}
        assert kinds == {"me", "site", "desk", "queue", "colleague"}
        assert supervisor.entities["me"]["role"] == "admin"
        assert "desk" not in supervisor.entities
        assert "agent:anna" in supervisor.entities


async def test_a_console_resumes_from_its_last_number(console: Any) -> None:
    """After a lost connection only what was missed is sent, and the state is the same."""
    cookie = await console.log_in("sam")
    store = console.play.live
    async with console.console(cookie=cookie) as screen:
        epoch, seq, entities = screen.epoch, screen.seq, dict(screen.entities)
    store.put("supervisor", "call:x", {"n": 1})
    store.drop("supervisor", "alarm:preview")
    async with console.socket(cookie=cookie) as socket_again:
        await socket_again.send(json.dumps({"t": "hello", "epoch": epoch, "seq": seq}))
        resumed = json.loads(await socket_again.recv())
        delta = json.loads(await socket_again.recv())
    assert (resumed["t"], resumed["seq"]) == ("resumed", seq)
    assert delta["put"]["call:x"] == {"n": 1}
    assert delta["drop"] == ["alarm:preview"]
    entities.update(delta["put"])
    for key in delta["drop"]:
        del entities[key]
    async with console.console(cookie=cookie) as fresh:
        assert fresh.entities == entities


async def test_one_persons_resume_point_is_of_no_use_to_another(console: Any) -> None:
    """Anna's page with Sam's resume point gets Anna's snapshot."""
    async with console.console("sam") as sam:
        epoch, seq = sam.epoch, sam.seq
    async with console.socket(cookie=await console.log_in("anna")) as anna:
        await anna.send(json.dumps({"t": "hello", "epoch": epoch, "seq": seq}))
        frame = json.loads(await anna.recv())
    assert frame["t"] == "snapshot"
    assert not [key for key in frame["put"] if key.startswith("agent:")]


async def test_ping_is_answered_while_a_verb_takes_its_time(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow journal must not look like a dead connection."""
    go_on = asyncio.Event()

    async def slow(agent: str) -> None:
        await go_on.wait()

    monkeypatch.setattr(console.play, "ready", slow)
    async with console.console("anna") as screen:
        await screen.send({"t": "do", "id": 1, "verb": "ready", "args": {}})
        await screen.send({"t": "ping", "id": 2})
        pong = await screen.until(lambda f: f["t"] == "pong")
        assert pong["id"] == 2
        assert abs(pong["now"] - time.time()) < 5
        go_on.set()
        assert (await screen.until(lambda f: f["t"] == "done"))["id"] == 1


async def test_verbs_are_done_in_the_order_in_which_they_were_sent(console: Any) -> None:
    """Ready, then not ready, must not end as ready."""
    async with console.console("anna") as screen:
        verbs = [
            ("sign_in", {"phone": "desk"}),
            *[("ready", {}), ("not_ready", {"reason": "x"})] * 4,
        ]
        for number, (verb, args) in enumerate(verbs):
            await screen.send({"t": "do", "id": number, "verb": verb, "args": args})
        await screen.until(lambda f: f.get("id") == len(verbs) - 1)
    told = [t[0] for t in console.play.told if not t[0].startswith("console")]
    assert told == [verb for verb, _ in verbs]


async def test_a_verb_under_way_is_finished_when_the_page_goes(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal may have half of it: closing the browser must not cut a verb in two."""
    begun, finished = asyncio.Event(), asyncio.Event()

    async def slow(agent: str) -> None:
        begun.set()
        await asyncio.sleep(0.1)
        finished.set()

    monkeypatch.setattr(console.play, "ready", slow)
    async with console.console("anna") as screen:
        await screen.send({"t": "do", "id": 1, "verb": "ready", "args": {}})
        await begun.wait()
        screen.socket.transport.abort()
    async with asyncio.timeout(2):
        await finished.wait()


async def test_too_many_verbs_at_once_are_refused(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue of verbs behind a stuck one is bounded, and says so."""
    go_on = asyncio.Event()

    async def stuck(agent: str) -> None:
        await go_on.wait()

    monkeypatch.setattr(console.play, "ready", stuck)
    async with console.console("anna") as screen:
        for number in range(20):
            await screen.send({"t": "do", "id": number, "verb": "ready", "args": {}})
        refused = [await screen.until(lambda f: f["t"] == "refused") for _ in range(3)]
        assert {frame["code"] for frame in refused} == {"busy"}
        go_on.set()


@pytest.mark.parametrize(
    ("verb", "args", "code"),
    [
        ("fly", {}, "unknown-verb"),
        ("console_lost", {}, "unknown-verb"),
        ("__init__", {}, "unknown-verb"),
        ("sign_in", {}, "bad-arguments"),
        ("sign_in", {"phone": "pigeon"}, "bad-arguments"),
        ("sign_in", {"phone": "desk", "more": 1}, "bad-arguments"),
        ("not_ready", {"reason": 5}, "bad-arguments"),
        ("not_ready", {"reason": "x" * 500}, "bad-arguments"),
        ("extend_wrap_up", {"by_s": -5}, "bad-arguments"),
        ("extend_wrap_up", {"by_s": 1e300}, "bad-arguments"),
        ("extend_wrap_up", {"by_s": True}, "bad-arguments"),
        ("hang_up", {"call_id": ""}, "bad-arguments"),
        ("wrap_up", {"call_id": "c", "disposition": "d", "then": "fly"}, "bad-arguments"),
        ("create_customer", {"call_id": "c", "fields": {"name": {"x": 1}}}, "bad-arguments"),
        ("ready", {}, "not-signed-in"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_code(
    console: Any, verb: str, args: dict[str, Any], code: str
) -> None:
    """A refusal is an answer: the console stays open and nothing has changed."""
    async with console.console("anna") as screen:
        answer = await screen.do(verb, **args)
        assert (answer["t"], answer["code"]) == ("refused", code)
        assert (await screen.do("sign_in", phone="desk"))["t"] == "done"


async def test_half_an_emoji_does_not_lose_the_note(console: Any) -> None:
    """A text field that cuts at a length may send half a character."""
    async with console.console("anna") as screen:
        await screen.do("sign_in", phone="desk")
        assert (await screen.do("not_ready", reason="lunch \ud83c"))["t"] == "done"
        assert screen.entities["desk"]["reason"] == "lunch ?"


async def test_a_failing_floor_is_a_refusal_that_tells_nothing(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug behind a verb must neither close the console nor show its insides."""

    async def broken(agent: str) -> None:
        raise RuntimeError("password is hunter2")

    async def refusing(agent: str) -> None:
        raise Refusal("call-gone", "The caller has hung up.")

    monkeypatch.setattr(console.play, "ready", broken)
    monkeypatch.setattr(console.play, "sign_out", refusing)
    async with console.console("anna") as screen:
        answer = await screen.do("ready")
        assert answer["code"] == "internal"
        assert "hunter2" not in json.dumps(answer)
        answer = await screen.do("sign_out")
        assert (answer["code"], answer["message"]) == ("call-gone", "The caller has hung up.")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", 4400),
        ("", 4400),
        ("null", 4400),
        ("[]", 4400),
        ("{}", 4400),
        ('{"t":"snapshot"}', 4400),
        ('{"t":"hello"}', 4400),
        ('{"t":"do"}', 4400),
        ('{"t":"do","id":-1,"verb":"ready"}', 4400),
        ('{"t":"do","id":1e999,"verb":"ready"}', 4400),
        ('{"t":"do","id":1,"verb":"ready","args":[]}', 4400),
        ("[" * 16_000, 4400),
        ('{"t":"ping","id":1,"x":"' + "x" * 16_400 + '"}', 1009),
        ("é" * 9000, 1009),
        ("x" * 65_000, 1009),
        ("x" * 200_000, 1009),
        (b'{"t":"ping","id":1}', 4400),
    ],
)
async def test_hostile_frames_close_the_console(
    console: Any, frame: str | bytes, code: int
) -> None:
    """What no page of ours sends ends the connection, with a code that says why."""
    async with console.console("anna") as screen:
        await screen.socket.send(frame)
        assert await screen.closed() == code
    async with console.console("anna") as screen:
        assert screen.entities, "the server lives on"


FRAMES = (
    '{"t":"hello","epoch":"abc.def","seq":17}',
    '{"t":"do","id":5,"verb":"ready","args":{"a":[1,{"b":null}]}}',
    '{"t":"ping","id":6}',
)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80),
        st.builds(
            lambda frame, at, bit, cut: frame[:at] + bit + frame[at + cut :],
            st.sampled_from(FRAMES),
            st.integers(0, 60),
            st.text(max_size=3) | st.sampled_from(['"', "{", "1e999", "\\ud800", "NaN", "-"]),
            st.integers(0, 5),
        ),
    )
)
def test_no_frame_breaks_the_reader(text: str) -> None:
    """Whatever a browser sends is a frame or a reason to close."""
    frame = read_frame(text)
    assert frame == Close.BAD_FRAME or hasattr(frame, "__struct_fields__")


async def test_a_flood_is_closed(console: Any) -> None:
    """A page gone mad must not take the server with it."""
    async with console.console("anna") as screen:
        for number in range(200):
            try:
                await screen.send({"t": "ping", "id": number})
            except websockets.ConnectionClosed:
                break
        assert await screen.closed() == 4429


async def test_who_does_not_say_hello_is_let_go(start_console: Any) -> None:
    """An open connection that says nothing holds memory for nothing."""
    console = await start_console(hello_within_s=0.1)
    cookie = await console.log_in("anna")
    async with console.socket(cookie=cookie) as silent:
        assert await console.closed(silent) == 4408
    async with console.socket(cookie=cookie) as rude:
        await rude.send('{"t":"ping","id":1}')
        assert await console.closed(rude) == 4408


async def test_one_user_cannot_take_all_places(start_console: Any) -> None:
    """Bounded per user, so that a page that reconnects in a loop shuts out nobody else."""
    console = await start_console(sockets_per_user=2)
    cookie = await console.log_in("anna")
    async with console.console(cookie=cookie), console.console(cookie=cookie):
        with pytest.raises(websockets.InvalidStatus):
            async with console.socket(cookie=cookie):
                pass
        async with console.console("sam") as other:
            assert other.entities
    async with console.console(cookie=cookie) as again:
        assert again.entities


async def hello_and_stop_reading(console: Any, cookie: str) -> socket.socket:
    """A browser that stands still: its machine is up, but nothing is read."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", int(console.url.rpartition(":")[2])))
    request = (
        f"GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Origin: {console.url}\r\nCookie: {cookie}\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    assert b"101" in await loop.sock_recv(raw, 4096)
    hello = b'{"t":"hello"}'
    masked = bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello
    await loop.sock_sendall(raw, masked)
    return raw


async def test_a_browser_that_stands_still_slows_nobody(start_console: Any) -> None:
    """One frozen page must not delay the others, and is let go in the end."""
    console = await start_console(slow_after_s=1.0, gather_s=0.0)
    store = console.play.live
    cookie = await console.log_in("sam")
    frozen = await hello_and_stop_reading(console, cookie)
    try:
        async with console.console(cookie=cookie) as screen:
            took = []
            for number in range(300):
                sent = time.perf_counter()
                store.put(EVERYONE, "ballast", {"n": number, "pad": "x" * 20_000})
                await screen.until(
                    lambda f, n=number: f.get("put", {}).get("ballast", {}).get("n") == n
                )
                took.append(time.perf_counter() - sent)
            took.sort()
            assert took[len(took) // 2] < 0.05
            assert took[-1] < 0.5, "the frozen page held up the others"
            assert len(console.app.state.consoles) == 2
            async with asyncio.timeout(8):
                while len(console.app.state.consoles) > 1:
                    await asyncio.sleep(0.05)
            store.put(EVERYONE, "ballast", "after")
            await screen.until(lambda f: f.get("put", {}).get("ballast") == "after")
    finally:
        frozen.close()


async def test_a_connection_that_takes_nothing_dies_by_itself() -> None:
    """TCP itself gives up on a stopped browser; else its buffer would be held for ever."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("TCP_USER_TIMEOUT is a Linux option")
    lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"x" * 8_000_000)

        def connection_lost(self, exc: BaseException | None) -> None:
            lost.set_result(exc)

    loop = asyncio.get_running_loop()
    with listen("127.0.0.1", 0, gone_after_s=1.0) as listening, socket.socket() as frozen:
        server = await loop.create_server(Server, sock=listening)
        frozen.setblocking(False)
        frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(frozen, listening.getsockname())
        async with asyncio.timeout(15):
            assert isinstance(await lost, OSError)
        server.close()
        await server.wait_closed()


async def settled(console: Any) -> list[tuple[str, str]]:
    await console.app.state.consoles.settle()
    return [told for told in console.play.told if told[0].startswith("console_")]


async def gone(console: Any, left: int) -> None:
    async with asyncio.timeout(3):
        while len(console.app.state.consoles) > left:
            await asyncio.sleep(0.01)


async def test_presence_is_told_for_the_first_and_the_last_console(console: Any) -> None:
    """Two tabs are one agent: closing one of them is not leaving."""
    cookie = await console.log_in("anna")
    async with console.console(cookie=cookie):
        assert await settled(console) == [("console_back", "anna")]
        async with console.console(cookie=cookie):
            pass
        await gone(console, 1)
        assert await settled(console) == [("console_back", "anna")]
        assert console.app.state.consoles.agents == {"anna"}
    await gone(console, 0)
    assert await settled(console) == [("console_back", "anna"), ("console_lost", "anna")]
    assert console.app.state.consoles.agents == set()


async def test_a_browser_that_dies_is_a_lost_console(console: Any) -> None:
    """A crash sends no close frame; the agent must not be offered calls for ever after."""
    async with console.console("anna") as screen:
        screen.socket.transport.abort()
        await gone(console, 0)
        assert (await settled(console))[-1] == ("console_lost", "anna")


async def test_presence_that_could_not_be_told_is_told_later(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the journal is away consoles stay open; an agent who left must still become known."""
    failures = 2
    lost = console.play.console_lost

    async def broken_at_first(agent: str) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OSError("the journal is away")
        await lost(agent)

    monkeypatch.setattr(consoles, "_FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(console.play, "console_lost", broken_at_first)
    async with console.console("anna") as screen:
        assert (await screen.do("sign_in", phone="desk"))["t"] == "done"
    await gone(console, 0)
    assert (await settled(console))[-1] == ("console_lost", "anna")
    assert failures == -1


async def test_presence_is_never_told_in_the_wrong_order(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow "lost" overtaken by a quick "back" would leave the agent lost for good."""
    lost = console.play.console_lost

    async def slow(agent: str) -> None:
        await asyncio.sleep(0.2)
        await lost(agent)

    monkeypatch.setattr(console.play, "console_lost", slow)
    cookie = await console.log_in("anna")
    async with console.console(cookie=cookie):
        await settled(console)
    await gone(console, 0)
    async with console.console(cookie=cookie):
        told = [what for what, _ in await settled(console)]
        assert told == ["console_back", "console_lost", "console_back"]


async def test_hostile_text_is_carried_as_text(console: Any) -> None:
    """A caller's name that is a script must reach the page unchanged, as a JSON string."""
    names = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        'a"b\\c\r\n\0\u2028\u2029',
        "javascript:alert(1)",
        "王小明 👩‍💻",
        "x" * 10_000,
    ]
    async with console.console("anna") as screen:
        console.play.live.put(EVERYONE, "names", names)
        await screen.until(lambda f: "names" in f.get("put", {}))
        assert screen.entities["names"] == names


async def test_stopping_the_server_closes_consoles_so_that_they_come_back(console: Any) -> None:
    """At a restart pages must reconnect at once, not be logged out."""
    async with console.console("anna") as screen:
        console.server.should_exit = True
        assert await screen.closed() in (1001, 1012)
