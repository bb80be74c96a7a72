"""panoramisk's defects with voice sessions (1 and 16), shown on plain panoramisk and gone in ours,
and the bounds and attacks of our FastAGI server."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from panoramisk.fast_agi import Application, Request

from cti.asterisk.agi import (
    AgiClosed,
    AgiError,
    AgiLimits,
    AgiRefused,
    AgiServer,
    AgiTimeout,
    BadArgument,
    Session,
    quote,
)

HEADERS = b"agi_network_script: go\nagi_request: agi://x/go\nagi_channel: PJSIP/x-1\n\n"


class FakeChannel:
    """Plays Asterisk in one voice session: reads commands, answers as the test says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def expect(self) -> str:
        return (await self.reader.readline()).decode().rstrip("\n")

    def say(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.encode())


Part = Callable[[FakeChannel], Awaitable[None]]


@pytest.fixture
async def server() -> AsyncIterator[AgiServer]:
    """Ours, with short limits."""
    made = AgiServer(0, limits=AgiLimits(header_timeout_s=0.3, command_timeout_s=0.3, sessions=5))
    await made.start()
    yield made
    await made.stop()


async def dial(port: int) -> FakeChannel:
    return FakeChannel(*await asyncio.open_connection("127.0.0.1", port))


async def play(server: AgiServer, script: Part, handler: Callable[[Session], Awaitable[object]]):
    """One session: `script` is Asterisk's part, `handler` ours; what ours returned or raised."""
    result: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def go(session: Session) -> None:
        try:
            result.set_result(await handler(session))
        except Exception as error:
            result.set_result(error)

    server.add_route("go", go)
    channel = await dial(server.port)
    channel.say(HEADERS)
    asterisk = asyncio.ensure_future(script(channel))
    try:
        return await asyncio.wait_for(result, 3)
    finally:
        asterisk.cancel()
        await asyncio.gather(asterisk, return_exceptions=True)
        channel.writer.close()
        server.del_route("go")


async def play_plain(script: Part, handler: Callable[[Request], Awaitable[object]]):
    """The same with plain panoramisk."""
    result: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def go(request: Request) -> None:
        try:
            result.set_result(await handler(request))
        except Exception as error:
            result.set_result(error)

    app = Application()
    app.add_route("go", go)
    server = await asyncio.start_server(app.handler, "127.0.0.1", 0)
    channel = await dial(server.sockets[0].getsockname()[1])
    channel.say(HEADERS)
    asterisk = asyncio.ensure_future(script(channel))
    try:
        return await asyncio.wait_for(result, 3)
    finally:
        asterisk.cancel()
        await asyncio.gather(asterisk, return_exceptions=True)
        channel.writer.close()
        server.close()
        await asyncio.sleep(0.01)


_CONNECT_AND_CLOSE = """
import asyncio, sys
async def main():
    if sys.argv[1] == "plain":
        from panoramisk.fast_agi import Application
        server = await asyncio.start_server(Application().handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    else:
        from cti.asterisk.agi import AgiServer
        server = AgiServer(0)
        await server.start()
        port = server.port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await asyncio.sleep(0.3)
    print("alive", flush=True)
asyncio.run(main())
"""


@pytest.mark.parametrize("which", ["plain", "ours"])
def test_1_a_bare_connection_does_not_stop_the_program(which):
    """A port scan must not spin the event loop for ever."""
    command = [sys.executable, "-c", _CONNECT_AND_CLOSE, which]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=4)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    assert output == ("" if which == "plain" else "alive\n")


async def hangup_between(channel: FakeChannel) -> None:
    await channel.expect()
    channel.say("HANGUP\n200 result=0\n")
    await channel.expect()
    channel.say("200 result=1 (second)\n")


async def test_16_hangup_is_no_answer(server):
    """An answer that is shifted by one makes every later answer a lie."""

    async def plain(request):
        await request.send_command("STREAM FILE x")
        return (await request.send_command("GET VARIABLE y"))["result"]

    assert (await play_plain(hangup_between, plain))[0] == "0", "the first command's answer"

    async def ours(session):
        first = await session.command("STREAM", "FILE", "x")
        return first.result, session.hung_up, await session.get_variable("y")

    assert await play(server, hangup_between, ours) == ("0", True, "second")


async def long_usage(channel: FakeChannel) -> None:
    await channel.expect()
    channel.say("520-Invalid command syntax.  Proper usage follows:\nUsage: A\n B\n")
    channel.say("520 End of proper usage.\n")
    await channel.expect()
    channel.say("200 result=1 (right)\n")


async def test_16_a_long_usage_text_is_read_to_its_end(server):
    """A mistake of ours in one command must not spoil the next."""

    async def plain(request):
        await request.send_command("WRONG")
        return await request.send_command("GET VARIABLE y")

    outcome = await play_plain(long_usage, plain)
    assert not isinstance(outcome, dict) or outcome.get("result") != ("1", "right")

    async def ours(session):
        with pytest.raises(AgiRefused, match="520"):
            await session.command("WRONG")
        return await session.get_variable("y")

    assert await play(server, long_usage, ours) == "right"


async def test_16_a_plain_function_can_be_a_route(server):
    """The documented way to add a route must work on today's Python."""
    with pytest.raises(AttributeError):
        Application().add_route("go", lambda request: None)
    called = asyncio.Event()
    server.add_route("go", lambda session: called.set())
    channel = await dial(server.port)
    channel.say(HEADERS)
    await asyncio.wait_for(called.wait(), 1)
    channel.writer.close()


async def silent(channel: FakeChannel) -> None:
    await channel.expect()
    await asyncio.sleep(10)


async def test_a_command_has_a_time_limit(server):
    """A channel that does not answer must not hold its session for ever."""
    outcome = await play(server, silent, lambda session: session.command("ANSWER"))
    assert isinstance(outcome, AgiTimeout)


async def closes(channel: FakeChannel) -> None:
    await channel.expect()
    channel.writer.close()


async def test_the_end_of_the_session_is_an_error(server):
    """An empty answer would look like an unset variable."""
    outcome = await play(server, closes, lambda session: session.get_variable("x"))
    assert isinstance(outcome, AgiClosed)


async def garbage(channel: FakeChannel) -> None:
    await channel.expect()
    channel.say("\xff\xfe what?\n")


async def test_what_is_no_answer_ends_the_session(server):
    """A session that is out of step must not go on."""
    outcome = await play(server, garbage, lambda session: session.get_variable("x"))
    assert isinstance(outcome, AgiClosed)


@pytest.mark.parametrize(
    ("argument", "wire"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ('Bob" EXEC System x', '"Bob\\" EXEC System x"'),
        ("back\\slash", '"back\\\\slash"'),
        ("${SHELL(id)}", '"${SHELL(id)}"'),
        ("王小明", '"王小明"'),
    ],
)
def test_every_argument_is_one_word(argument, wire):
    """Text from outside stays one argument, whatever stands in it."""
    assert quote(argument) == wire


@pytest.mark.parametrize(
    "argument", ["a\nEXEC System x", "a\rb", "a\0b", "x" * 3000, "\ud800", "王" * 900]
)
async def test_what_cannot_be_one_command_is_refused(server, argument):
    """Injection and cutting: refused before a byte is sent."""
    got = []

    async def script(channel):
        got.append(await channel.expect())

    async def ours(session):
        with pytest.raises(BadArgument):
            await session.execute("Set", argument)
        return "refused"

    assert await play(server, script, ours) == "refused"
    assert got in ([], [""])


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"agi_x: " + b"y" * 100_000 + b"\n\n",
        b"agi_x: y\n" * 1000 + b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff" * 500,
        HEADERS.replace(b": go", b": nowhere"),
    ],
)
async def test_a_stranger_is_closed_in_bounded_time(server, first):
    """Whoever connects and does not speak the protocol is gone soon."""
    server.add_route("go", lambda session: None)
    channel = await dial(server.port)
    channel.say(first)
    assert await asyncio.wait_for(channel.reader.read(), 2) == b""
    channel.writer.close()
    await asyncio.sleep(0.01)
    assert server.sessions == 0


async def test_the_number_of_sessions_is_bounded(server):
    """A flood is refused, loudly, and what is open goes on."""
    open_ones = [await dial(server.port) for _ in range(5)]
    await asyncio.sleep(0.05)
    more = await dial(server.port)
    try:
        got = await asyncio.wait_for(more.reader.read(), 2)
    except ConnectionResetError:
        got = b""
    assert got == b""
    assert server.refused == 1
    for channel in (*open_ones, more):
        channel.writer.close()


async def test_watch_returns_when_the_caller_is_gone_and_can_be_given_up(server):
    """A session that waits for orders must notice the hang-up without asking."""

    async def script(channel):
        await channel.expect()
        channel.say("200 result=0\n")
        await asyncio.sleep(0.05)
        channel.say("HANGUP\n")
        await asyncio.sleep(1)

    async def ours(session):
        watching = asyncio.ensure_future(session.watch())
        await asyncio.sleep(0.02)
        watching.cancel()
        await asyncio.wait({watching})
        await session.command("ANSWER")
        await asyncio.wait_for(session.watch(), 1)
        return session.hung_up

    assert await play(server, script, ours) is True


async def test_two_tasks_cannot_mix_their_answers(server):
    """One lock for each session."""

    async def script(channel):
        for _ in range(20):
            name = (await channel.expect()).rpartition(" ")[2]
            channel.say(f"200 result=1 ({name})\n")

    async def ours(session):
        names = [f"v{n}" for n in range(20)]
        return await asyncio.gather(*(session.get_variable(name) for name in names)) == names

    assert await play(server, script, ours) is True


async def test_100000_hostile_lines(server):
    """No line of the other side crashes a session or is taken for two answers."""
    random.seed(3)
    pieces = [
        "200",
        "result=",
        "HANGUP",
        "520-",
        "520 ",
        "100",
        " ",
        "(",
        ")",
        "\xff",
        "-1",
        "=",
        "x",
    ]
    lines = ["".join(random.choices(pieces, k=random.randrange(7))) for _ in range(100_000)]

    class Replay:
        """A reader that gives prepared lines."""

        def __init__(self) -> None:
            self.lines = iter(lines)

        async def readuntil(self, _: bytes) -> bytes:
            line = next(self.lines, None)
            if line is None:
                raise asyncio.IncompleteReadError(b"", None)
            return line.encode("latin-1") + b"\n"

    class Nowhere:
        class transport:  # noqa: N801
            abort = staticmethod(lambda: None)

        write = staticmethod(lambda data: None)

    session = Session(server, {}, Replay(), Nowhere(), AgiLimits())
    ended = 0
    while next(session.reader.lines, None) is not None:
        try:
            await session.command("NOOP")
        except AgiError:
            ended += 1
    assert ended > 1000
