"""What a caller can put into a SIP message must arrive as harmless text, on a real Asterisk."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from cti import commands as c
from cti import events as e
from cti.asterisk.dialplan import EVENTS_USED
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind

pytestmark = pytest.mark.asterisk

_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class RawCaller(asyncio.DatagramProtocol):
    """A caller whose every byte the test chooses."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.codes: list[int] = []
        self.answered = asyncio.Event()
        self.to = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.own = b"127.0.0.1:%d" % transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr) -> None:
        if not data.startswith(b"SIP/2.0 "):
            return
        code = int(data[8:11])
        self.codes.append(code)
        for line in data.split(b"\r\n"):
            if line.lower().startswith(b"to:"):
                self.to = line[3:].strip()
        if code == 200 and b"INVITE" in data:
            self.send(b"ACK")
        if code >= 200:
            self.answered.set()

    def invite(self, user: bytes, from_: bytes) -> None:
        self.id = uuid.uuid4().hex.encode()
        self.uri = b"sip:%s@127.0.0.1:%d" % (user, self.port)
        self.from_ = from_ + b";tag=" + self.id[:8]
        self.to = b"<" + self.uri + b">"
        self.send(b"INVITE", _SDP)

    def send(self, method: bytes, body: bytes = b"") -> None:
        number = b"2" if method == b"BYE" else b"1"
        lines = [
            method + b" " + self.uri + b" SIP/2.0",
            b"Via: SIP/2.0/UDP " + self.own + b";branch=z9hG4bK" + self.id + method,
            b"Max-Forwards: 70",
            b"From: " + self.from_,
            b"To: " + self.to,
            b"Call-ID: " + self.id,
            b"CSeq: " + number + b" " + method,
            b"Contact: <sip:raw@" + self.own + b">",
            b"Content-Type: application/sdp",
            b"Content-Length: %d" % len(body),
        ]
        data = b"\r\n".join(lines) + b"\r\n\r\n" + body
        self.transport.sendto(data, ("127.0.0.1", self.port))


@pytest.fixture
async def raw(lab):
    """A raw SIP caller; hangs up after the test."""
    port = lab.office.identity.ports.sip
    transport, caller = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: RawCaller(port), local_addr=("127.0.0.1", 0)
    )
    yield caller
    transport.close()


PLAIN_URI = b"<sip:15550123@127.0.0.1>"
INJECTION = b"%0d%0a%0d%0aEvent: Injected%0d%0aUniqueid: 1%0d%0a%0d%0a"

# What stands in the From header, and the name that must come out (None: any harmless text).
NAMES = {
    "quotes": (b'"Bob \\"the\\" Builder" ' + PLAIN_URI, 'Bob "the" Builder'),
    "markup": (
        b'"<script>alert(1)</script>" ' + PLAIN_URI,
        "<script>alert(1)</script>",
    ),
    "expression": (b'"${SHELL(id)}$[1+1]" ' + PLAIN_URI, "${SHELL(id)}$[1+1]"),
    "dialplan": (b'"x,1)System(id)&PJSIP/y" ' + PLAIN_URI, "x,1)System(id)&PJSIP/y"),
    "backslash": (b'"back\\\\slash\\\\n" ' + PLAIN_URI, "back\\slash\\n"),
    "chinese": ('"王小明" '.encode() + PLAIN_URI, "王小明"),
    "broken UTF-8": (b'"Zo\xeb \xff\xfe" ' + PLAIN_URI, "Zo� ��"),
    "agi header": (b'"agi_arg_1: t-evil" ' + PLAIN_URI, "agi_arg_1: t-evil"),
    "control": (b'"a\x01b\x1bc" ' + PLAIN_URI, None),
    "escaped line break in the number": (
        b'"Eve" <sip:1555' + INJECTION.replace(b": ", b"%3a%20") + b"@127.0.0.1>",
        None,
    ),
    "escaped line break in the name": (b'"Eve' + INJECTION + b'" ' + PLAIN_URI, None),
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_name_is_text(desk, raw, name):
    """Nothing in a caller's name or number is evaluated, adds a line or stops the call."""
    from_, wanted = NAMES[name]
    frames = []
    sink = desk.link._ami._sink
    desk.link._ami._sink = lambda frame: (frames.append(frame), sink(frame))
    raw.invite(b"5000", from_)
    arrived = await desk.facts.wait(e.CallArrived)
    assert arrived.dnis == "5000"
    assert arrived.call_id.startswith("t-")
    if wanted is not None:
        assert (arrived.ani_name, arrived.ani) == (wanted, "15550123")
    for text in (arrived.ani, arrived.ani_name):
        assert not any(ord(char) < 32 for char in text)
    call_id = arrived.call_id
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    desk.link.execute(c.OfferCall(call_id, "o1", "anna", Phone(PhoneKind.DESK, "anna"), 5))
    await desk.facts.wait(e.OfferAnswered)
    raw.send(b"BYE")
    assert (await desk.facts.wait(e.CallEnded, call_id=call_id)).by is EndedBy.CALLER
    assert {frame.name for frame in frames} <= set(EVENTS_USED)
    assert desk.facts.of(e.OfferFailed) == []


@pytest.mark.parametrize("dialled", [b"!nobody", b"5000"])
async def test_a_line_break_in_a_number_adds_no_event(desk, raw, dialled):
    """An escaped line break is a real one for Asterisk: it must not become an event for us."""
    frames = []
    sink = desk.link._ami._sink
    desk.link._ami._sink = lambda frame: (frames.append(frame), sink(frame))
    raw.invite(dialled, b"<sip:1" + INJECTION.replace(b": ", b"%3a%20") + b"@127.0.0.1>")
    await asyncio.wait_for(raw.answered.wait(), 5)
    raw.send(b"BYE")
    await asyncio.sleep(0.5)
    assert {frame.name for frame in frames} <= set(EVENTS_USED)
    assert not any("Injected" in frame.fields() for frame in frames)


async def test_a_name_of_ten_kilobytes_is_cut(desk, raw):
    """A huge name neither stops the call nor travels on."""
    raw.invite(b"5000", b'"' + b"N" * 1800 + b'" ' + PLAIN_URI)
    arrived = await desk.facts.wait(e.CallArrived)
    assert set(arrived.ani_name) == {"N"}
    assert len(arrived.ani_name) <= 256
    raw.send(b"BYE")
    await desk.facts.wait(e.CallEnded)


@pytest.mark.parametrize(
    ("dialled", "dnis"),
    [
        (b"%24%7bSHELL(id)%7d", None),
        (b"5000%0d%0aAction:%20x", None),
        (b"5000,1)", None),
        (b"h", None),
        (b"+4930123", "+4930123"),
        (b"support", "support"),
    ],
)
async def test_a_hostile_dialled_number_is_answered_or_refused(desk, raw, dialled, dnis):
    """The dialled number chooses the flow and nothing else."""
    raw.invite(dialled, PLAIN_URI)
    await asyncio.wait_for(raw.answered.wait(), 5)
    if dnis is not None:
        assert (await desk.facts.wait(e.CallArrived)).dnis == dnis
    for arrived in desk.facts.of(e.CallArrived):
        assert set(arrived.dnis) <= set("0123456789abcdefghijklmnopqrstuvwxyzSHELLActionx+*#_.")
        raw.send(b"BYE")
        await desk.facts.wait(e.CallEnded)


async def test_an_agents_phone_can_dial_nothing(desk, lab):
    """Toll fraud from a stolen phone: there is nothing behind an agent's line."""
    await desk.phone("n49301234", "answer")
    calls = "channel originate Local/+49301234@cc-agent application Wait 2"
    await lab.office.console(calls)
    await asyncio.sleep(1.0)
    assert await desk.rung() == []
    await desk.nobody_left()


async def test_text_in_our_own_orders_is_refused_not_sent(desk):
    """The same attack from our side: through names that people choose."""
    await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    phone = Phone(PhoneKind.DESK, "anna")
    bad = "x\r\n\r\nAction: Hangup\r\nChannel: /.*/"
    for order in (
        c.StartWaiting(call_id, bad, 1.0),
        c.StartWaiting(call_id, "sales", 1.0, music=bad),
        c.StartWaiting(call_id, "sales", 1.0, digits=bad),
        c.OfferCall(call_id, bad, "anna", phone, 5),
        c.OfferCall(call_id, "o1", "anna&PJSIP/evil", phone, 5),
        c.OfferCall(call_id, "o1", bad, phone, 5),
        c.DialCallback("cb", "o1", "anna", phone, bad, "+4930", 5, 5),
        c.DialCallback(bad, "o1", "anna", phone, "+49301234", "+4930", 5, 5),
    ):
        desk.facts.seen.clear()
        desk.link.execute(order)
        failed = await desk.facts.wait(e.OrderFailed)
        assert failed.order == type(order).__name__
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    desk.link.execute(c.OfferCall(call_id, "o2", "gone", Phone(PhoneKind.DESK, "gone"), 5))
    assert (await desk.facts.wait(e.OfferFailed)).why is OfferFailure.UNREACHABLE
