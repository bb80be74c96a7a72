"""panoramisk's defects with the manager interface, each shown on plain panoramisk and gone in ours.

The numbers are those of the list that the hardening was made from; the voice sessions'
defects (1 and 16) are in test_agi_defects.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from panoramisk import Manager
from panoramisk.call_manager import CallManager

from cti.asterisk.ami import (
    Ami,
    AmiError,
    AmiSettings,
    BadAction,
    Frame,
    NotSent,
    OutcomeUnknown,
    Protocol,
    Reply,
)

Answer = Callable[[dict[str, str], asyncio.StreamWriter], None]
BOOTED = "Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n"


class FakeAsterisk:
    """Speaks the manager interface; what it does with an action is up to the test."""

    def __init__(self) -> None:
        self.actions: list[dict[str, str]] = []
        self.connections = 0
        self.accept_login = True
        self.answer: Answer = lambda action, writer: None
        self.writer: asyncio.StreamWriter | None = None
        self.port = 0
        self.tasks: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writer = writer
        self.tasks.append(asyncio.current_task())
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                pairs = (line.partition(": ") for line in block.split("\r\n") if line)
                action = {key: value for key, _, value in pairs}
                self.actions.append(action)
                if action.get("Action") == "Login":
                    self.login(action, writer)
                else:
                    self.answer(action, writer)
        writer.close()

    def login(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        if self.accept_login:
            self.reply(action, writer, "Success", "Authentication accepted")
            writer.write(BOOTED.encode())
        else:
            self.reply(action, writer, "Error", "Authentication failed")
            writer.close()

    def reply(
        self, action: dict[str, str], writer: asyncio.StreamWriter, response: str, message: str
    ) -> None:
        actionid = action["ActionID"]
        text = f"Response: {response}\r\nActionID: {actionid}\r\nMessage: {message}\r\n\r\n"
        writer.write(text.encode())

    def say(self, text: str | bytes) -> None:
        assert self.writer is not None
        self.writer.write(text if isinstance(text, bytes) else text.encode())

    def named(self, name: str) -> list[dict[str, str]]:
        return [action for action in self.actions if action.get("Action") == name]


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    """A manager interface on a free port."""
    fake = FakeAsterisk()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    yield fake
    server.close()
    for task in fake.tasks:
        task.cancel()
    await asyncio.gather(*fake.tasks, return_exceptions=True)


class Plain:
    """Plain panoramisk, with the shortest times that it knows."""

    def __init__(self, port: int, **more: object) -> None:
        self.manager = Manager(
            host="127.0.0.1",
            port=port,
            username="u",
            secret="s",
            reconnect_timeout=0,
            loop=asyncio.get_running_loop(),
            **more,
        )

    async def connect(self) -> Manager:
        self.manager.connect()
        await until(lambda: self.manager.authenticated)
        return self.manager

    async def end(self) -> None:
        """It has no way to end (defect 9): put it out of action by hand."""
        self.manager.connect = lambda *_: None  # type: ignore[method-assign]
        self.manager.close()
        await asyncio.sleep(0.05)


@pytest.fixture
async def plain(asterisk: FakeAsterisk) -> AsyncIterator[Plain]:
    """Plain panoramisk, made harmless after the test."""
    made = Plain(asterisk.port)
    yield made
    await made.end()


class Ours:
    """Our link with everything it reported."""

    def __init__(self, port: int, **more: object) -> None:
        self.frames: list[Frame] = []
        self.ups = 0
        self.downs: list[str] = []
        settings = {"retry_first_s": 0.02, "retry_most_s": 0.05, "request_timeout_s": 0.2, **more}
        self.ami = Ami(
            AmiSettings(port, "u", "s", **settings),  # type: ignore[arg-type]
            self.frames.append,
            on_up=self._up,
            on_down=self.downs.append,
        )

    def _up(self) -> None:
        self.ups += 1

    async def connect(self) -> Ami:
        self.ami.connect()
        await until(lambda: self.ami.up)
        return self.ami


@pytest.fixture
async def ours(asterisk: FakeAsterisk) -> AsyncIterator[Ours]:
    """Our link, stopped after the test."""
    made = Ours(asterisk.port)
    yield made
    await made.ami.stop()


async def until(true: Callable[[], object], timeout_s: float = 3.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.005)


TWO_EVENTS = "Event: A\r\nN: 1\r\n\r\nEvent: B\r\nN: 2\r\n\r\n"


async def test_2_an_exception_in_the_sink(asterisk, plain, ours, caplog):
    """A bug in one handler must not cost the connection and the events behind."""
    seen = []
    manager = await plain.connect()
    manager.register_event("A", lambda m, event: 1 / 0)
    manager.register_event("B", lambda m, event: seen.append(event))
    asterisk.say(TWO_EVENTS)
    await until(lambda: asterisk.connections > 1)
    assert seen == [], "plain panoramisk drops the rest"
    await plain.end()

    names = []

    def sink(frame):
        if frame.name == "A":
            raise ZeroDivisionError
        names.append(frame.name)

    ours.ami._sink = sink
    await ours.connect()
    asterisk.say(TWO_EVENTS)
    await until(lambda: "B" in names)
    assert ours.downs == []
    assert "could not be handled" in caplog.text


async def test_3_successfully_queued_without_async(asterisk, plain, ours):
    """An answer of Asterisk must never take the link down."""
    asterisk.answer = lambda action, writer: asterisk.reply(
        action, writer, "Success", "Originate successfully queued"
    )
    manager = await plain.connect()
    manager.send_action({"Action": "Originate", "Channel": "x"})
    await until(lambda: asterisk.connections > 1)
    await plain.end()

    ami = await ours.connect()
    reply = await ami.request({"Action": "Originate", "Channel": "x"})
    assert reply.ok
    assert ours.downs == []


async def test_4_queue_add_is_answered(asterisk, plain, ours):
    """An order that was carried out must not look as if it hung."""
    asterisk.answer = lambda action, writer: asterisk.reply(
        action, writer, "Success", "Added interface to queue"
    )
    manager = await plain.connect()
    future = manager.send_action({"Action": "QueueAdd", "Queue": "q"})
    await until(lambda: asterisk.named("QueueAdd"))
    await asyncio.sleep(0.1)
    assert not future.done(), "plain panoramisk waits for ever"

    ami = await ours.connect()
    assert (await ami.request({"Action": "QueueAdd", "Queue": "q"})).ok


async def test_5_every_request_ends(asterisk, plain, ours):
    """A switch that does not answer must not hold the caller of a request, nor its memory."""
    manager = await plain.connect()
    future = manager.send_action({"Action": "Silence"})
    await asyncio.sleep(0.3)
    assert not future.done(), "plain panoramisk has no time limit"
    future.cancel()
    assert len(manager.protocol.responses) == 1, "plain panoramisk keeps what was given up"

    ami = await ours.connect()
    with pytest.raises(OutcomeUnknown, match="no answer within"):
        await ami.request({"Action": "Silence"})
    given_up = asyncio.ensure_future(ami.request({"Action": "Silence"}, timeout_s=60))
    await asyncio.sleep(0.02)
    given_up.cancel()
    await asyncio.wait({given_up})
    assert ami.protocol.responses == {}


async def test_6_nothing_is_sent_twice(asterisk, plain, ours):
    """An Originate that is sent again is a second call to a customer."""

    def cut(action, writer):
        if action["Action"] == "Originate":
            writer.transport.abort()

    asterisk.answer = cut
    manager = await plain.connect()
    manager.send_action({"Action": "Originate", "Channel": "x"})
    await until(lambda: len(asterisk.named("Originate")) > 1)
    await plain.end()

    asterisk.actions.clear()
    ami = await ours.connect()
    with pytest.raises(OutcomeUnknown, match="link dropped"):
        await ami.request({"Action": "Originate", "Channel": "x"})
    with pytest.raises(NotSent):
        await ami.request({"Action": "Originate", "Channel": "y"})
    await until(lambda: ours.ups == 2)
    await asyncio.sleep(0.1)
    assert [action["Channel"] for action in asterisk.named("Originate")] == ["x"]


async def test_7_a_half_open_link_is_noticed(asterisk):
    """A switch that went silent without closing must be found out."""
    plain = Plain(asterisk.port, ping_delay=0, ping_interval=0.05)
    plain.manager.ping_interval = 0.05
    manager = await plain.connect()
    await until(lambda: len(asterisk.named("Ping")) > 3)
    assert manager._connected, "plain panoramisk pings and never looks for the answer"
    manager.pinger.cancel()
    manager.ping = lambda: None
    await plain.end()

    ours = Ours(asterisk.port, ping_every_s=0.05, ping_deadline_s=0.1)
    await ours.connect()
    await until(lambda: ours.downs)
    assert "no sign of life" in ours.downs[0]
    await ours.ami.stop()


async def test_8_a_refused_login_is_said_and_not_hammered(asterisk, ours, caplog):
    """A wrong password must be visible, and must not look like an attack."""
    asterisk.accept_login = False
    plain = Plain(asterisk.port)
    with caplog.at_level(logging.INFO):
        plain.manager.connect()
        await until(lambda: len(asterisk.named("Login")) > 5)
        await plain.end()
    told = [record.getMessage().lower() for record in caplog.records]
    assert not any("refuse" in text or "authentication" in text for text in told)

    asterisk.actions.clear()
    caplog.clear()
    ours.ami.connect()
    await until(lambda: ours.ami.logins_refused)
    await asyncio.sleep(0.3)
    assert len(asterisk.named("Login")) == 1
    assert "refuses the manager login" in caplog.text
    assert "next try in 30 s" in caplog.text


async def test_9_close_during_back_off_is_final(asterisk):
    """What was stopped must stay stopped."""
    plain = Plain(asterisk.port)
    manager = await plain.connect()
    manager.reconnect_timeout = 0.1
    asterisk.writer.transport.abort()
    await until(lambda: not manager._connected)
    manager.close()
    await until(lambda: asterisk.connections > 1)
    await plain.end()

    ours = Ours(asterisk.port, retry_first_s=0.1, retry_most_s=0.1)
    await ours.connect()
    asterisk.writer.transport.abort()
    await until(lambda: ours.downs)
    before = asterisk.connections
    await ours.ami.stop()
    await asyncio.sleep(0.3)
    assert asterisk.connections == before


@pytest.mark.parametrize(
    "name",
    [
        "Bob\r\n\r\nAction: Command\r\nCommand: core stop now",
        "Bob\nAction: x",
        "Bob\rx",
        "Bob\0x",
    ],
)
async def test_10_a_line_break_never_becomes_an_action(asterisk, ours, name):
    """Injection through a caller's name: refused, and not one byte is sent."""
    plain = Plain(asterisk.port)
    manager = await plain.connect()
    sent = bytearray()
    manager.protocol.transport = type("T", (), {"write": sent.extend, "close": lambda s: None})()
    manager.send_action({"Action": "Setvar", "Value": name})
    assert name.encode() in bytes(sent), "plain panoramisk writes it as it is"
    await plain.end()

    ami = await ours.connect()
    before = len(asterisk.actions)
    for headers in ({"Action": "Setvar", "Value": name}, {"Action": "Setvar", name: "x"}):
        with pytest.raises(BadAction):
            ami.order(headers)
    with pytest.raises(BadAction):
        ami.order({"Action": "Originate", "Variable": ["A=1", f"B={name}"]})
    await asyncio.sleep(0.05)
    assert len(asterisk.actions) == before
    assert ami.protocol.responses == {}


@pytest.mark.parametrize(
    ("raw", "lost", "kept"),
    [("Zoë 王".encode(), "Zo", "Zoë 王"), (b"Zo\xeb", "Zo", "Zo�")],
)
async def test_11_characters_survive(asterisk, plain, ours, raw, lost, kept):
    """A name is not shortened because it was cut by a read or written in another alphabet."""
    names = []
    manager = await plain.connect()
    manager.register_event("N", lambda m, event: names.append(event["Name"]))
    await ours.connect()
    data = b"Event: N\r\nName: " + raw + b"\r\n\r\n"
    cut = data.index(raw) + 3  # inside a character
    for protocol in (manager.protocol, ours.ami.protocol):
        protocol.data_received(data[:cut])
        protocol.data_received(data[cut:])
    assert names[0].startswith(lost)
    assert names[0] != kept
    assert ours.frames[-1].get("Name") == kept


async def test_12_order_is_kept(asterisk, plain, ours):
    """The answer to an order and the events around it are one story."""
    seen = []

    def chatter(action, writer):
        if action["Action"] == "Status":
            asterisk.reply(action, writer, "Success", "one")
            writer.write(b"Event: Two\r\nX: 1\r\n\r\n")

    asterisk.answer = chatter
    manager = await plain.connect()
    manager.register_event("Two", lambda m, event: seen.append("two"))
    future = manager.send_action({"Action": "Status"})
    future.add_done_callback(lambda _: seen.append("one"))
    await until(lambda: len(seen) == 2)
    assert seen == ["two", "one"], "plain panoramisk tells the answer after the event"

    ours.ami._sink = lambda frame: seen.append(frame.name.lower())
    ami = await ours.connect()
    seen.clear()
    ami.order({"Action": "Status"}, lambda outcome: seen.append(outcome.message))
    await until(lambda: len(seen) == 2)
    assert seen == ["one", "two"]


async def test_13_events_with_our_action_id_are_events(asterisk, plain, ours):
    """The end of an Originate is told in an event that carries the order's id."""

    def early(action, writer):
        text = f"Event: OriginateResponse\r\nActionID: {action['ActionID']}\r\nReason: 4\r\n\r\n"
        writer.write(text.encode())

    asterisk.answer = early
    seen = []
    manager = await plain.connect()
    manager.register_event("OriginateResponse", lambda m, event: seen.append(event))
    manager.send_action({"Action": "Originate", "Async": "true"})
    await until(lambda: asterisk.named("Originate"))
    await asyncio.sleep(0.1)
    assert seen == []

    ami = await ours.connect()
    ami.order({"Action": "Originate", "Async": "true"})
    await until(lambda: any(frame.name == "OriginateResponse" for frame in ours.frames))


async def test_14_memory_is_bounded(asterisk, plain):
    """A frame without an end must cost the connection, not the machine."""
    manager = await plain.connect()
    for _ in range(10):
        manager.protocol.data_received(b"x" * 1_000_000)
    assert len(manager.protocol.queue[0]) > 9_000_000, "plain panoramisk keeps everything"
    manager.protocol.queue.clear()

    ours = Ours(asterisk.port)
    ami = await ours.connect()
    protocol = ami.protocol
    for _ in range(5):
        protocol.data_received(b"x" * 1_000_000)
    assert protocol.closed
    assert "a frame of more than" in ours.downs[0]
    await until(lambda: ours.ups == 2)
    await ours.ami.stop()


async def test_14_a_peer_that_does_not_read_is_refused(asterisk, ours):
    """What cannot be sent is refused while it still can be told."""
    ami = await ours.connect()
    protocol = ami.protocol
    protocol.transport.get_write_buffer_size = lambda: 10_000_000
    with pytest.raises(NotSent, match="does not read"):
        ami.order({"Action": "Ping"})
    del protocol.transport.get_write_buffer_size


async def test_15_calls_are_told_apart(asterisk):
    """Two calls in one second are two calls; panoramisk's CallManager makes them one."""
    manager = CallManager(host="127.0.0.1", port=asterisk.port)
    for uniqueid in ("1700000000.1", "1700000000.2"):
        event = type("Event", (), {"uniqueid": uniqueid, "uniqueid1": ""})()
        manager.handle_calls(manager, event)
    assert len(manager.calls_queues) == 1
    assert not issubclass(Ami, CallManager)


async def test_lists_are_whole_and_in_order(asterisk, ours):
    """Taking up live calls rests on lists: every item, then the end."""

    def channels(action, writer):
        key = f"ActionID: {action['ActionID']}\r\n"
        writer.write(f"Response: Success\r\n{key}EventList: start\r\n\r\n".encode())
        for n in range(3):
            writer.write(f"Event: Status\r\n{key}N: {n}\r\n\r\n".encode())
        writer.write(f"Event: StatusComplete\r\n{key}EventList: Complete\r\n\r\n".encode())

    asterisk.answer = channels
    ami = await ours.connect()
    reply = await ami.request({"Action": "Status"})
    assert [item.get("N") for item in reply.items] == ["0", "1", "2"]
    assert ami.protocol.lists == 0


async def test_nothing_can_be_sent_while_the_link_is_down(asterisk, ours):
    """An order must be refused at once, so that the router knows."""
    with pytest.raises(NotSent):
        ours.ami.order({"Action": "Ping"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Action": "X", "Value": "x" * 1200},
        {"Action": "X", "Variable": [f"A{n}=1" for n in range(200)]},
        {"Action": "X", "A: B": "x"},
        {"Action": "X", "": "x"},
        {"Action": "X", "Value": "\ud800"},
        {"Action": "X", "Value": 5},
    ],
)
async def test_what_asterisk_would_cut_is_refused(asterisk, ours, headers):
    """Asterisk drops long lines and later ones without a word; we refuse them aloud."""
    ami = await ours.connect()
    with pytest.raises(BadAction):
        ami.order(headers)


async def test_an_exception_in_a_reply_callback_costs_nothing_else(asterisk, ours, caplog):
    """The same as for events."""
    asterisk.answer = lambda action, writer: asterisk.reply(action, writer, "Success", "ok")
    ami = await ours.connect()
    ami.order({"Action": "Ping"}, lambda outcome: 1 / 0)
    assert (await ami.request({"Action": "Ping"})).message == "ok"
    assert ours.downs == []


async def test_pending_orders_fail_once_when_the_link_drops(asterisk, ours):
    """Whoever waits for an answer hears exactly once that nobody knows."""
    outcomes: list[Reply | AmiError] = []
    ami = await ours.connect()
    ami.order({"Action": "Silence"}, outcomes.append)
    asterisk.writer.transport.abort()
    await until(lambda: outcomes)
    await asyncio.sleep(0.3)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown]


class NoTransport(asyncio.Transport):
    """Goes nowhere."""

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def abort(self):
        pass

    def close(self):
        pass


def protocol_for(frames: list[Frame]) -> Protocol:
    protocol = Protocol(Ami(AmiSettings(1, "u", "s"), frames.append))
    protocol.connection_made(NoTransport())
    return protocol


async def test_hostile_frames_never_crash_and_never_eat_their_neighbours():
    """100,000 damaged frames: every whole one behind them still arrives."""
    import random

    random.seed(7)
    frames: list[Frame] = []
    protocol = protocol_for(frames)
    logging.getLogger("cti.asterisk.ami").disabled = True
    pieces = (
        b"Event: ",
        b"Response: ",
        b"ActionID: ",
        b"\r\n",
        b": ",
        b"\xff\xfe",
        b"\n",
        b"\r",
        b"x",
    )
    sent = 0
    for _ in range(1000):
        block = bytearray()
        for _ in range(100):
            junk = b"".join(random.choices(pieces, k=random.randrange(6))).replace(b"\r\n\r\n", b"")
            block += junk.rstrip(b"\r\n") + b"\r\n\r\n"
        sent += 1
        block += b"Event: Good\r\nN: %d\r\n\r\n" % sent
        start = 0
        while start < len(block):
            step = random.randrange(1, 400)
            protocol.data_received(bytes(block[start : start + step]))
            start += step
    logging.getLogger("cti.asterisk.ami").disabled = False
    good = [frame.get("N") for frame in frames if frame.name == "Good"]
    assert good == [str(n) for n in range(1, sent + 1)]
    assert not protocol.closed


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100, 10_000])
async def test_frames_are_the_same_however_they_are_cut(size):
    """The network cuts where it likes."""
    frames: list[Frame] = []
    protocol = protocol_for(frames)
    data = b"Asterisk Call Manager/9.0.0\r\n" + b"".join(
        b"Event: E%d\r\nName: \xe7\x8e\x8b%d\r\n\r\n" % (n, n) for n in range(20)
    )
    for start in range(0, len(data), size):
        protocol.data_received(data[start : start + size])
    assert [(frame.name, frame.get("Name")) for frame in frames] == [
        (f"E{n}", f"王{n}") for n in range(20)
    ]
    assert protocol.version == "9.0.0"
