"""The relay of browser phones' SIP: what passes, what does not, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from agent_console.sip_relay import NotForUs, speaker_of

ME = "agent-anna"


def sip(
    method: str = "REGISTER",
    *,
    from_: str = f'"Anna" <sip:{ME}@callcenter.invalid>;tag=a1',
    to: str = f"<sip:{ME}@callcenter.invalid>",
    uri: str = "sip:callcenter.invalid",
    more: str = "",
    body: str = "",
) -> str:
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\nMax-Forwards: 69\r\n"
        f"To: {to}\r\nFrom: {from_}\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n{more}"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    )


IN_DIALOG = "<sip:100@callcenter.invalid>;tag=theirs"
OTHER = "<sip:agent-ben@callcenter.invalid>"


@pytest.mark.parametrize(
    ("message", "speaker"),
    [
        (sip(), ME),
        (sip(to=f"<sip:{ME}@callcenter.invalid>", from_=f"<sip:{ME}@x>;tag=1"), ME),
        (sip(from_=f"sip:{ME}@x;tag=1", to=f"sip:{ME}@x"), ME),
        (sip("INVITE", to="<sip:100@x>", body="v=0\r\nś=王\r\n"), ME),
        (sip("INVITE", to="<sip:100@x>", from_=f'"A \\" <sip:b@c>" <sip:{ME}@x>;tag=1'), ME),
        (sip("INVITE", to=IN_DIALOG, from_='"Who" <sip:anything@x>;tag=2'), ""),
        (sip("INVITE", to="<sip:10.0.0.1:5060>;tag=2"), ""),
        (sip("BYE", to=IN_DIALOG), ""),
        (sip("INFO", to=IN_DIALOG, body="Signal=1"), ""),
        (sip("ACK", to=IN_DIALOG), ""),
        (sip("CANCEL", to="<sip:100@x>"), ME),
        (sip("OPTIONS", to="<sip:100@x>"), ME),
        ("SIP/2.0 200 OK\r\nVia: x\r\nFrom: whatever\r\nContent-Length: 0\r\n\r\n", ""),
        ("SIP/2.0 180 Ringing\r\nl: 0\r\n\r\n", ""),
        ("\r\n\r\n", ""),
        ("\r\n", ""),
        (sip().replace("From:", "f :").replace("To:", "T:").replace("Content-Length", "L"), ME),
        (sip().replace('From: "Anna" ', 'From: "Anna"\r\n  '), ME),
    ],
)
def test_what_a_phone_sends_passes_in_its_own_name(message: str, speaker: str) -> None:
    """Real phones write SIP in many ways; all of them are read."""
    assert speaker_of(message) == speaker


TWO = sip("INVITE", to="<sip:100@x>") + sip("INVITE", to="<sip:100@x>", from_=OTHER)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "hello\r\n\r\n",
        sip()[:-2],
        sip(to=OTHER),
        sip("MESSAGE"),
        sip("REFER", to=IN_DIALOG),
        sip("SUBSCRIBE"),
        sip("PUBLISH"),
        sip("BYE"),
        sip("INFO", to="<sip:100@x>"),
        sip("invite", to="<sip:100@x>"),
        sip("INVITE", to="<sip:100@x>", from_="<sip:x.invalid>;tag=1"),
        sip("INVITE", to="<sip:100@x>", from_="<tel:+14165550100>;tag=1"),
        sip("INVITE", to="<sip:100@x>", from_=f"<sip:{ME}@x>;tag=1, {OTHER}"),
        sip("INVITE", to="<sip:100@x>", from_=f"<sip:{ME}:pw@x>;tag=1"),
        sip("INVITE", to="<sip:100@x>", from_=""),
        sip(more=f"From: {OTHER}\r\n"),
        sip(more=f"f: {OTHER}\r\n"),
        sip(more="l: 5\r\n"),
        sip("INVITE", to="<sip:100@x>", more=f"P-Asserted-Identity: {OTHER}\r\n"),
        sip("INVITE", to="<sip:100@x>", more=f"Remote-Party-ID: {OTHER}\r\n"),
        sip(more="X: a\nFrom: <sip:agent-ben@x>\r\n"),
        sip(more="X: a\rFrom: <sip:agent-ben@x>\r\n"),
        sip(more="X: a\0b\r\n"),
        sip(more="not a header\r\n"),
        sip(more="Nämé: x\r\n"),
        sip().replace("Content-Length: 0", "Content-Length: 5"),
        sip().replace("Content-Length: 0", "Content-Length: -1"),
        sip().replace("Content-Length: 0", "Content-Length: ٣"),
        sip("INVITE", to="<sip:100@x>", body="v=0").replace("Length: 3", "Length: 0"),
        sip("INVITE", to="<sip:100@x>", body="v=0").replace("Content-Length: 3\r\n", ""),
        TWO,
        "\r\n\r\n" + sip("INVITE", from_=OTHER),
        "\r\n" + sip(),
        sip(uri="sip:a b"),
        sip().replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
    ],
)
def test_what_is_not_one_plain_message_of_a_phone_does_not_pass(message: str) -> None:
    """Smuggling: two messages in one, two names in one message, line ends inside of a header."""
    with pytest.raises(NotForUs):
        speaker_of(message)


@given(st.text(max_size=300) | st.builds(lambda a, b: sip()[:a] + b + sip()[a:],
                                         st.integers(0, 200), st.text(max_size=8)))  # fmt: skip
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a browser sends is either read or refused."""
    try:
        speaker = speaker_of(text)
    except NotForUs:
        return
    assert isinstance(speaker, str)


@pytest.mark.parametrize(
    "message",
    [
        sip(from_=" " * 60_000 + "x"),
        sip(from_="<sip:a@b>" + "; " * 30_000),
        sip(from_='"' + "\\" * 60_000),
        sip(more="X: a\r\n" + " b\r\n" * 15_000),
        sip(more="X: a\r\n" * 8_000),
    ],
)
def test_a_hostile_message_is_read_in_no_time(message: str) -> None:
    """Patterns that take quadratic time would let one phone stop the whole console."""
    began = time.perf_counter()
    with pytest.raises(NotForUs):
        speaker_of(message)
    assert time.perf_counter() - began < 0.1


class Switch:
    """The switch's websocket: keeps what it hears, says what it is told to say."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.connections: list[ServerConnection] = []
        self.url = ""
        self.reads = asyncio.Event()
        self.reads.set()

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        while True:
            await self.reads.wait()
            try:
                self.heard.put_nowait(await connection.recv())
            except websockets.ConnectionClosed:
                return

    async def hears(self) -> str | bytes:
        async with asyncio.timeout(3):
            return await self.heard.get()


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    fake = Switch()
    async with serve(
        fake.handle,
        "127.0.0.1",
        0,
        subprotocols=["sip"],  # type: ignore[list-item]
        compression=None,
        max_queue=1,
    ) as server:
        fake.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
        yield fake


def cookies(console: Any, *answers: Any) -> str:
    return "; ".join(
        part.partition(";")[0] for a in answers for part in a.headers.getall("Set-Cookie")
    )


async def phone(console: Any, name: str = "anna") -> str:
    """The cookies of an agent with a phone."""
    session = await console.log_in(name)
    status, access, answer = await console.ask("POST", "/api/phone", cookie=session)
    assert (status, access["user"], access["ws"]) == (200, f"agent-{name}", "/sip")
    return session + "; " + cookies(console, answer)


async def visitor(console: Any, cookie: str = "") -> tuple[str, dict[str, Any]]:
    status, access, answer = await console.ask("POST", "/api/webphone", cookie=cookie)
    assert status == 200
    return cookies(console, answer), access


SIP = {"path": "/sip", "subprotocols": ["sip"]}


async def test_sip_passes_both_ways_as_it_is(start_console: Any, switch: Switch) -> None:
    """A phone behind the relay must not notice it."""
    console = await start_console(switch.url)
    cookie = await phone(console)
    async with console.socket(cookie=cookie, **SIP) as line:
        assert line.subprotocol == "sip"
        register = sip(more="X-Name: 王\r\n")
        await line.send(register)
        assert await switch.hears() == register
        for answer in ("SIP/2.0 200 OK\r\nX: é\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"):
            await switch.connections[0].send(answer)
            async with asyncio.timeout(2):
                assert await line.recv() == answer


@pytest.mark.parametrize(
    "message",
    [
        sip(from_=OTHER, to=OTHER),
        sip("INVITE", to="<sip:100@x>", from_=f"{OTHER};tag=1"),
        sip("INVITE", to="<sip:100@x>", from_="<sip:AGENT-ANNA@x>;tag=1"),
        sip("INVITE", to="<sip:100@x>", from_="<sip:agent-ann%61@x>;tag=1"),
    ],
)
async def test_nobody_speaks_in_anothers_name(
    start_console: Any, switch: Switch, message: str
) -> None:
    """Anna's browser must not register as Ben, nor call as Ben."""
    console = await start_console(switch.url)
    async with console.socket(cookie=await phone(console), **SIP) as line:
        await line.send(message)
        assert await console.closed(line) == 4403
    assert switch.heard.empty()


async def test_smuggled_messages_do_not_reach_the_switch(
    start_console: Any, switch: Switch
) -> None:
    """Two messages in one frame, of which the second would be in Ben's name."""
    console = await start_console(switch.url)
    async with console.socket(cookie=await phone(console), **SIP) as line:
        await line.send(TWO)
        assert await console.closed(line) == 4400
    assert switch.heard.empty()


async def test_without_ticket_session_origin_or_subprotocol_no_line(
    start_console: Any, switch: Switch
) -> None:
    """Each guard alone must keep strangers from the switch."""
    console = await start_console(switch.url)
    whole = await phone(console)
    session, ticket = whole.split("; ")
    bens = (await phone(console, "ben")).split("; ")
    forged = ticket[:-4] + ("AAAA" if ticket[-4:] != "AAAA" else "BBBB")
    rows: list[dict[str, Any]] = [
        {"cookie": ""},
        {"cookie": session},
        {"cookie": ticket},
        {"cookie": f"{session}; {forged}"},
        {"cookie": f"{session}; {ticket}x"},
        {"cookie": f"{session}; callcenter_phone=.."},
        {"cookie": f"{session}; callcenter_phone=é"},
        {"cookie": f"{session}; {bens[1]}"},
        {"cookie": f"{session}; {ticket.replace('_phone', '_visitor')}"},
        {"cookie": whole, "origin": None},
        {"cookie": whole, "origin": "null"},
        {"cookie": whole, "origin": "http://evil.example"},
        {"cookie": whole, "subprotocols": None},
        {"cookie": whole, "subprotocols": ["chat"]},
    ]
    for row in rows:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with console.socket(**{**SIP, **row}):
                pass
        assert refused.value.response.status_code == 403, row
    assert switch.connections == []
    async with console.socket(cookie=whole, **SIP):
        pass


async def test_a_ticket_runs_out(start_console: Any, switch: Switch) -> None:
    """A ticket found in an old browser must not be good for ever."""
    console = await start_console(switch.url, ticket_s=-1.0)
    cookie = await phone(console)
    with pytest.raises(websockets.InvalidStatus):
        async with console.socket(cookie=cookie, **SIP):
            pass


async def test_a_ticket_outlives_our_restart(start_console: Any, switch: Switch) -> None:
    """After a restart phones reconnect by themselves, in mid-call, with what they have."""
    before = await start_console(switch.url, secret=b"kept over restarts")
    cookie = await phone(before)
    after = await start_console(switch.url, secret=b"kept over restarts")
    token = cookie.partition(";")[0].partition("=")[2]
    after.accounts.sessions[token] = "u-anna"
    async with after.socket(cookie=cookie, **SIP) as line:
        await line.send(sip())
        assert await switch.hears() == sip()
    stranger = await start_console(switch.url, secret=b"a quite different one")
    stranger.accounts.sessions[token] = "u-anna"
    with pytest.raises(websockets.InvalidStatus):
        async with stranger.socket(cookie=cookie, **SIP):
            pass


async def test_logging_out_cuts_the_line(start_console: Any, switch: Switch) -> None:
    """A phone must not stay registered for somebody who logged out."""
    console = await start_console(switch.url)
    cookie = await phone(console)
    async with console.socket(cookie=cookie, **SIP) as line:
        await console.ask("POST", "/api/logout", cookie=cookie)
        assert await console.closed(line) == 4401


async def test_a_phone_is_not_a_console(start_console: Any, switch: Switch) -> None:
    """An agent whose page is gone is not there, even while a phone's line lingers."""
    console = await start_console(switch.url)
    async with console.socket(cookie=await phone(console), **SIP):
        assert console.app.state.consoles.agents == set()
    assert console.play.told == []


async def test_a_visitor_calls_without_logging_in(start_console: Any, switch: Switch) -> None:
    """Anyone can try the web phone, in a name that the server chose."""
    console = await start_console(switch.url)
    cookie, access = await visitor(console)
    assert access["target"]
    mine = f"<sip:{access['user']}@callcenter.invalid>"
    async with console.socket(cookie=cookie, **SIP) as line:
        invite = sip("INVITE", from_=f"{mine};tag=1", to="<sip:100@callcenter.invalid>")
        await line.send(invite)
        assert await switch.hears() == invite
        await line.send(sip("INVITE", to="<sip:100@x>"))
        assert await console.closed(line) == 4403
    again, access_again = await visitor(console, cookie)
    assert access_again["user"] == access["user"], "a reload is the same visitor"
    assert again


async def test_the_web_phone_can_be_off_and_is_paced(start_console: Any, switch: Switch) -> None:
    """A site may not want it, and nobody may order a thousand phones."""
    off = await start_console(switch.url, web_phone=False)
    status, told, _ = await off.ask("POST", "/api/webphone")
    assert (status, told["code"]) == (404, "web-phone-off")
    assert (await off.ask("GET", "/api/welcome"))[1]["web_phone"] is False
    console = await start_console(switch.url, web_phones_per_minute_address=2, visitor_sockets=1)
    cookie, _ = await visitor(console)
    await visitor(console)
    status, told, _ = await console.ask("POST", "/api/webphone")
    assert (status, told["code"]) == (429, "too-many-attempts")
    async with console.socket(cookie=cookie, **SIP):
        with pytest.raises(websockets.InvalidStatus):
            async with console.socket(cookie=cookie, **SIP):
                pass


async def test_agent_and_web_phone_in_one_browser(start_console: Any, switch: Switch) -> None:
    """Trying the system alone: agent in one tab, caller in the other, one jar of cookies."""
    console = await start_console(switch.url)
    mine = await phone(console)
    theirs, access = await visitor(console)
    jar = f"{mine}; {theirs}"
    async with console.socket(cookie=jar, **SIP) as one, console.socket(cookie=jar, **SIP) as two:
        await one.send(sip())
        assert await switch.hears() == sip()
        call = sip("INVITE", from_=f"<sip:{access['user']}@x>;tag=1", to="<sip:100@x>")
        await two.send(call)
        assert await switch.hears() == call


async def test_on_the_virtual_switch_there_is_no_browser_phone(console: Any) -> None:
    """The page is told why, instead of a phone that never registers."""
    cookie = await console.log_in("anna")
    status, told, _ = await console.ask("POST", "/api/phone", cookie=cookie)
    assert (status, told["code"]) == (409, "no-browser-phone")
    admin = await console.log_in("admin")
    status, told, _ = await console.ask("POST", "/api/phone", cookie=admin)
    assert (status, told["code"]) == (403, "takes-no-calls")


async def test_a_switch_that_is_away_closes_the_line_and_nothing_else(start_console: Any) -> None:
    """The phone tries again by itself; the console goes on."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        console = await start_console(f"ws://127.0.0.1:{nobody.getsockname()[1]}/ws")
        async with console.socket(cookie=await phone(console), **SIP) as line:
            assert await console.closed(line) == 4502


async def test_each_side_closing_closes_the_other(start_console: Any, switch: Switch) -> None:
    """A line with one end must not linger."""
    console = await start_console(switch.url)
    cookie = await phone(console)
    async with console.socket(cookie=cookie, **SIP) as line:
        await line.send(sip())
        await switch.hears()
        await switch.connections[0].close()
        assert await console.closed(line) == 4502
    async with console.socket(cookie=cookie, **SIP) as line:
        await line.send(sip())
        await switch.hears()
        line.transport.abort()
        async with asyncio.timeout(3):
            await switch.connections[1].wait_closed()
    async with asyncio.timeout(3):
        while len(console.app.state.consoles):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("frame", "code"),
    [("x" * 70_000, 1009), (b"\xff\xfe", 4400), ("hello", 4400), (sip("MESSAGE"), 4400)],
)
async def test_hostile_frames_close_the_line(
    start_console: Any, switch: Switch, frame: str | bytes, code: int
) -> None:
    """Nothing that is not a phone's SIP reaches the switch."""
    console = await start_console(switch.url)
    async with console.socket(cookie=await phone(console), **SIP) as line:
        await line.send(frame)
        assert await console.closed(line) == code
    assert switch.heard.empty()


async def test_a_slow_switch_slows_its_phone_and_fills_no_memory(
    start_console: Any, switch: Switch
) -> None:
    """Back-pressure: what the switch does not take, the browser keeps."""
    console = await start_console(switch.url, sip_messages_per_s=1e6, sip_messages_burst=1_000_000)
    async with console.socket(cookie=await phone(console), **SIP) as line:
        await line.send(sip())
        await switch.hears()
        switch.reads.clear()
        big = sip("INFO", to=IN_DIALOG, body="x" * 60_000)
        sent = 0
        try:
            async with asyncio.timeout(2):
                while sent < 2000:
                    await line.send(big)
                    sent += 1
        except TimeoutError:
            pass
        assert sent < 2000, "the relay took 120 MB for a switch that reads nothing"
        switch.reads.set()
        for _ in range(sent):
            assert len(await switch.hears()) == len(big)


async def test_a_flood_of_sip_is_closed(start_console: Any, switch: Switch) -> None:
    """A page gone mad must not ring a thousand phones."""
    console = await start_console(switch.url, sip_messages_per_s=1.0, sip_messages_burst=5)
    async with console.socket(cookie=await phone(console), **SIP) as line:
        for _ in range(6):
            await line.send(sip())
        assert await console.closed(line) == 4429
