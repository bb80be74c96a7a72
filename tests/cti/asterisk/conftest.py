"""A call center's Asterisk, a second one that plays the public network and the desk phones,
and what a test needs to place calls, to press keys and to listen."""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy
import pytest

from cti import commands as c
from cti.asterisk.ami import Ami, AmiError, AmiSettings, Frame
from cti.asterisk.configuration import AgentLine, AsteriskConfig, Peer, Trunk, render
from cti.asterisk.dialplan import Dialplan
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout, free_ports
from cti.asterisk.link import AsteriskLink
from cti.asterisk.recording import Recorder
from cti.asterisk.server import AsteriskFailed, AsteriskServer
from cti.calls import Phone, PhoneKind, Prompt
from cti.dialing import DialRules
from cti.events import CallArrived, CallWaiting, Fact, LegAnswered, OfferAnswered

F = TypeVar("F")
SECRET = "desk-secret-1"
AGENTS = ("anna", "bert", "cleo")
CALLER_TONE_HZ = 700
PHONE_TONE_HZ = 1300
OUTSIDE = "+49301234"
# Who sends which tone; whoever is not named sends the phone's.
TONES_HZ = {"caller": CALLER_TONE_HZ, "deskanna": PHONE_TONE_HZ, "deskbert": 1700}
TONES_HZ |= {"deskcleo": 2100, "n49301234": 1000}

_NET_PJSIP = """
[global]
type=global
endpoint_identifier_order=ip,username
[udp]
type=transport
protocol=udp
bind={address}:{net}
[cc]
type=endpoint
context=net
aors=cc
disallow=all
allow=ulaw
direct_media=no
from_user=
[cc]
type=aor
contact=sip:127.0.0.1:{cc}
[cc]
type=identify
endpoint=cc
match=127.0.0.1
{more}
"""

_NET_PHONE = """
[{name}]
type=registration
outbound_auth={name}
transport=udp
server_uri=sip:{where}
client_uri=sip:{name}@{where}
contact_user={user}
retry_interval=2
[{name}]
type=auth
auth_type=userpass
username={name}
password={secret}
"""

# What a phone or an outside number does is a global variable, set by the test.
_NET_DIALPLAN = r"""
[net]
exten => _desk.,1,Goto(act,${EXTEN},1)
exten => _+X.,1,Goto(act,n${EXTEN:1},1)
exten => _X.,1,Goto(act,n${EXTEN},1)
[act]
exten => _[a-z].,1,Set(ACT=${GLOBAL(ACT_${EXTEN})})
 same => n,UserEvent(Rung,Who: ${EXTEN},From: ${CALLERID(num)},Act: ${ACT})
 same => n,GotoIf($["${ACT}" = "refuse"]?refuse)
 same => n,GotoIf($["${ACT}" = "decline"]?decline)
 same => n,GotoIf($["${ACT}" = "congestion"]?congestion)
 same => n,Ringing()
 same => n,GotoIf($["${ACT}" = "ring"]?ring)
 same => n,Wait(${IF($["${ACT}" = "late"]?2.5:0.3)})
 same => n,Answer()
 same => n,GotoIf($["${ACT}" = "drop"]?drop)
 same => n,GotoIf($["${ACT}" = "menu"]?menu)
 same => n,ExecIf($["${ACT:0:5}" = "press"]?Wait(2.5))
 same => n,ExecIf($["${ACT:0:5}" = "press"]?SendDTMF(${ACT:5},250,150))
 same => n,ExecIf($["${ACT}" = "short"]?Wait(1))
 same => n,GotoIf($["${ACT}" = "short"]?drop)
 same => n,Set(TONE=${GLOBAL(TONE_${EXTEN})})
 same => n,UserEvent(Listens,Who: ${EXTEN})
 same => n,Playtones(${IF($["${TONE}" = ""]?1300:${TONE})})
 same => n,Record(${GLOBAL(REC)}-${EXTEN}-heard.wav,0,60,kq)
 same => n(drop),Hangup()
 same => n(refuse),Hangup(17)
 same => n(decline),Hangup(21)
 same => n(congestion),Hangup(34)
 same => n(ring),Wait(60)
 same => n(menu),Read(KEYS,,32,t(),1,3)
 same => n,UserEvent(Keys,Got: ${KEYS})
 same => n,Wait(60)
[caller]
exten => s,1,Wait(${BEFORE})
 same => n,ExecIf($[${LEN(${KEYS})} > 0]?SendDTMF(${KEYS},250,150))
 same => n,Playtones(700)
 same => n,UserEvent(Listens,Who: caller)
 same => n,Record(${REC}-heard.wav,0,60,kq)
[cc-entry]
[cc-agent]
"""


@dataclass
class Lab:
    """Both Asterisks of a test module."""

    office: AsteriskServer
    network: AsteriskServer
    folder: Path
    tone: Path
    count: int = 0


@pytest.fixture(scope="module")
def lab(asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]) -> Iterator[Lab]:
    """Started once for a module; each test's calls are ended by the test."""
    lab = start_lab(asterisk_install, asterisk_folder)
    try:
        yield lab
    finally:
        stop_lab(lab)


def start_lab(
    install: AsteriskInstall,
    folder: Callable[[], Path],
    *,
    network_address: str = "127.0.0.1",
    peers: tuple[Peer, ...] = (),
    phones_elsewhere: Mapping[str, str] | None = None,
) -> Lab:
    """Both Asterisks, running. `phones_elsewhere`: more desk phones, and where they register."""
    for attempt in range(3):
        lab = _lab(install, folder(), folder(), network_address, peers, phones_elsewhere or {})
        try:
            asyncio.run(_begin(lab))
            break
        except AsteriskFailed:  # somebody else took one of our free ports meanwhile
            stop_lab(lab)
            if attempt == 2:
                raise
    return lab


def stop_lab(lab: Lab) -> None:
    asyncio.run(_end(lab))


def _lab(
    install: AsteriskInstall,
    folder: Path,
    net_folder: Path,
    address: str,
    peers: tuple[Peer, ...],
    phones: Mapping[str, str],
) -> Lab:
    office_layout, net_layout = Layout(folder / "a"), Layout(net_folder / "a")
    office_id, net_id = office_layout.identity(free_ports()), net_layout.identity(free_ports())
    config = AsteriskConfig(
        agents=tuple(AgentLine(agent, desk_secret=SECRET) for agent in (*AGENTS, "gone")),
        trunks=(Trunk("main", (address,), f"{address}:{net_id.ports.sip}"),),
        peers=peers,
    )
    plan = Dialplan("t", office_id.ports.agi, trunk="main", away_s=8)
    office_files = render(config, office_layout, install, office_id, plan.text())
    net_files = render(AsteriskConfig(), net_layout, install, net_id, _NET_DIALPLAN)
    # A silence of its own would replace the tone that a recording caller sends.
    net_files["asterisk.conf"] = net_files["asterisk.conf"].replace("transmit_silence=yes\n", "")
    net_files["pjsip.conf"] = _net_pjsip(net_id, office_id, address, peers, phones)
    tone = folder / "tone"
    write_tone(tone.with_suffix(".wav"), 440, 1.0)
    return Lab(
        AsteriskServer(install, office_layout, office_id, office_files),
        AsteriskServer(install, net_layout, net_id, net_files),
        folder,
        tone,
    )


async def _begin(lab: Lab) -> None:
    await lab.office.start()
    await lab.network.start()
    async with asyncio.timeout(15):
        while (await lab.office.console("pjsip show contacts")).count("desk") < 2 * len(AGENTS):
            await asyncio.sleep(0.1)


async def _end(lab: Lab) -> None:
    await lab.network.stop(graceful_s=1.0)
    await lab.office.stop(graceful_s=1.0)


def _net_pjsip(
    net: Identity,
    office: Identity,
    address: str,
    peers: tuple[Peer, ...],
    elsewhere: Mapping[str, str],
) -> str:
    others = "".join(f"match={peer.address}\n" for peer in peers)
    text = _NET_PJSIP.format(address=address, net=net.ports.sip, cc=office.ports.sip, more=others)
    here = f"127.0.0.1:{office.ports.sip}"
    for agent, where in {**dict.fromkeys(AGENTS, here), **elsewhere}.items():
        text += _NET_PHONE.format(
            name=f"desk-{agent}", user=f"desk{agent}", where=where, secret=SECRET
        )
    return text


def desk_phone(agent: str) -> Phone:
    return Phone(PhoneKind.DESK, agent)


def ami_settings(identity: Identity, **more: object) -> AmiSettings:
    return AmiSettings(identity.ports.ami, identity.ami_user, identity.ami_secret, **more)  # type: ignore[arg-type]


@dataclass
class Facts:
    """Everything that a link reported, and a way to wait for more."""

    seen: list[Fact] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    hook: Callable[[Fact], None] | None = None

    def __call__(self, fact: Fact) -> None:
        self.seen.append(fact)
        self._changed.set()
        if self.hook is not None:
            self.hook(fact)

    async def wait(self, kind: type[F], timeout_s: float = 8.0, skip: int = 0, **like: object) -> F:
        """The fact of this kind and these values, seen or yet to come."""

        def find() -> F | None:
            fits = [
                fact
                for fact in self.seen
                if isinstance(fact, kind)
                and all(getattr(fact, key) == value for key, value in like.items())
            ]
            return fits[skip] if len(fits) > skip else None

        try:
            async with asyncio.timeout(timeout_s):
                while (fact := find()) is None:
                    self._changed.clear()
                    await self._changed.wait()
                return fact
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} {like}; seen: {self.seen}") from None

    def of(self, kind: type) -> list[Fact]:
        return [fact for fact in self.seen if isinstance(fact, kind)]


class Desk:
    """One test's view: the link, its facts, the network's AMI."""

    def __init__(self, lab: Lab, network: Ami) -> None:
        self.lab = lab
        self.network = network
        self.facts = Facts()
        self.link: AsteriskLink | None = None
        self.prompts: list[Prompt] = []
        self.shown: dict[str, str] = {}  # whose number a phone showed last
        self._rung: list[str] = []
        self.listens: dict[str, float] = {}  # since when somebody hears, on the loop's clock
        self.record: Path | None = None  # the base name of the last call's recordings
        self.keys: list[str] = []  # what the menu of a number with the act "menu" has read

    async def prompt_path(self, prompt: Prompt) -> str:
        self.prompts.append(prompt)
        if prompt.text == "broken":
            raise RuntimeError("the synthesiser failed")
        return str(self.lab.tone)

    async def connect(self, **more: object) -> AsteriskLink:
        """Start a link (again), with more settings; returns when it is up."""
        identity = self.lab.office.identity
        layout = self.lab.office.layout
        settings: dict[str, Any] = {
            "ami": ami_settings(identity),
            "agi_port": identity.ports.agi,
            "prompt_path": self.prompt_path,
            "trunk": "main",
            "dialling": DialRules(("+49", "0800"), barred_prefixes=("+49900",)),
            "recorder": Recorder(layout.recordings, layout.control_socket),
            **more,
        }
        self.link = AsteriskLink("t", **settings)
        await self.link.start(self.facts)
        async with asyncio.timeout(5):
            while not self.link.up:
                await asyncio.sleep(0.01)
        return self.link

    async def disconnect(self) -> None:
        if self.link is not None:
            await self.link.stop()
            self.link = None

    async def phone(self, who: str, act: str) -> None:
        """What a desk phone ("deskanna") or a number ("n49301") does from now on."""
        await self._global(f"ACT_{who}", act)

    async def tone(self, who: str, hertz: int) -> None:
        """What a phone sends from its next call on, instead of `PHONE_TONE_HZ`."""
        await self._global(f"TONE_{who}", str(hertz))

    async def _global(self, name: str, value: str) -> None:
        await self.network.request({"Action": "Setvar", "Variable": name, "Value": value})

    async def call(
        self, dnis: str = "5000", *, ani: str = "15550100", before: float = 0.3, keys: str = ""
    ) -> Path:
        """A caller dials in; returns the base name of the recordings."""
        record = await self.new_recordings()
        await self.network.request(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{dnis}@cc",
                "Context": "caller",
                "Exten": "s",
                "Priority": "1",
                "CallerID": f'"Test Caller" <{ani}>',
                "ChannelId": record.name,
                "Async": "true",
                "Variable": [f"REC={record}", f"BEFORE={before}", f"KEYS={keys}"],
            }
        )
        return record

    async def new_recordings(self) -> Path:
        """What is heard from now on is kept under this base name."""
        self.lab.count += 1
        self.record = self.lab.folder / f"call{self.lab.count}"
        await self._global("REC", str(self.record))
        return self.record

    async def caller_hangs_up(self, record: Path) -> None:
        await self.network.request({"Action": "Hangup", "Channel": record.name, "Cause": "16"})

    async def phone_hangs_up(self, who: str) -> None:
        for frame in await self._channels():
            if frame.get("Exten") == who or frame.get("DNID") == who:
                channel = frame.get("Channel")
                await self.network.request({"Action": "Hangup", "Channel": channel})

    async def press(self, who: str, key: str) -> None:
        """A key of a phone that is talking, as it reaches the office."""
        for frame in await self._channels():
            if who in (frame.get("Exten"), frame.get("DNID")):
                channel = frame.get("Channel")
                await self.network.request(
                    {"Action": "PlayDTMF", "Channel": channel, "Digit": key, "Duration": "120"}
                )

    async def rung(self) -> list[str]:
        """Which phones and numbers the office has dialled in this test."""
        return self._rung

    async def nobody_left(self, timeout_s: float = 6.0) -> None:
        """No channel is left in the office."""
        async with asyncio.timeout(timeout_s):
            while "0 active channels" not in (
                text := await self.lab.office.console("core show channels count")
            ):
                await asyncio.sleep(0.1)
        assert "0 active" in text

    def on_network_event(self, frame: Frame) -> None:
        if frame.get("UserEvent") == "Rung":
            self._rung.append(frame.get("Who"))
            self.shown[frame.get("Who")] = frame.get("From")
        elif frame.get("UserEvent") == "Listens":
            self.listens[frame.get("Who")] = asyncio.get_running_loop().time()
        elif frame.get("UserEvent") == "Keys":
            self.keys.append(frame.get("Got"))

    async def _channels(self) -> list[Frame]:
        return list((await self.network.request({"Action": "Status"})).items)

    async def send(self, order: c.Order) -> None:
        self.do(order)

    def do(self, order: c.Order) -> None:
        assert self.link is not None
        self.link.execute(order)

    async def waiting(self, **how: object) -> str:
        """A caller who waits in the queue; returns the call's id."""
        skip = len(self.facts.of(CallArrived))
        await self.call(**how)  # type: ignore[arg-type]
        call_id = (await self.facts.wait(CallArrived, skip=skip)).call_id
        self.do(c.StartWaiting(call_id, "sales", 1700000000.5))
        await self.facts.wait(CallWaiting, call_id=call_id)
        return call_id

    async def talking(self, agent: str = "anna") -> str:
        """A caller who talks with an agent at a desk phone; returns the call's id."""
        call_id = await self.waiting()
        self.do(c.OfferCall(call_id, "o1", agent, desk_phone(agent), 8.0))
        await self.facts.wait(OfferAnswered, call_id=call_id)
        return call_id

    async def consulting(self, party: str = "bert") -> str:
        """As `talking`, and the agent talks with a consulted party, leg "l1"."""
        call_id = await self.talking()
        self.consult(call_id, party)
        await self.facts.wait(LegAnswered, leg_id="l1")
        return call_id

    def consult(self, call_id: str, party: str, leg: str = "l1", ring_s: float = 8.0) -> None:
        """Dial an agent, or "outside", as a further leg."""
        agent = "" if party == "outside" else party
        phone = desk_phone(party) if agent else Phone(PhoneKind.OUTSIDE, OUTSIDE)
        self.do(c.DialLeg(call_id, leg, agent, phone, "+4930999", ring_s))


@pytest.fixture
async def desk(lab: Lab) -> AsyncIterator[Desk]:
    """A link that is up, and phones that answer."""
    sinks: list[Callable[[Frame], None]] = []
    network = Ami(ami_settings(lab.network.identity), lambda frame: [sink(frame) for sink in sinks])
    network.connect()
    async with asyncio.timeout(5):
        while not network.up:
            await asyncio.sleep(0.01)
    desk = Desk(lab, network)
    sinks.append(desk.on_network_event)
    for agent in AGENTS:
        await desk.phone(f"desk{agent}", "answer")
    for who, hertz in TONES_HZ.items():
        await desk.tone(who, hertz)
    await desk.new_recordings()
    await desk.connect()
    try:
        yield desk
    finally:
        await desk.disconnect()
        for frame in (await network.request({"Action": "Status"})).items:
            if channel := frame.get("Channel"):
                with contextlib.suppress(AmiError):
                    await network.request({"Action": "Hangup", "Channel": channel})
        await network.stop()
        await lab.office.console("channel request hangup all")


def write_tone(path: Path, hertz: float, seconds: float) -> None:
    """A sine at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = (
            int(9000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(int(8000 * seconds))
        )
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


def samples_of(path: Path) -> numpy.ndarray:
    """A recording as floats between -1 and 1."""
    with wave.open(str(path), "rb") as file:
        raw = file.readframes(file.getnframes())
    return numpy.frombuffer(raw, dtype="<i2").astype(float) / 32768


def rms(samples: numpy.ndarray) -> float:
    return float(numpy.sqrt(numpy.mean(samples**2))) if samples.size else 0.0


def share_of(samples: numpy.ndarray, hertz: float) -> float:
    """How much of the energy lies within 20 Hz of this frequency (0 to 1)."""
    if samples.size < 1000:
        return 0.0
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(samples.size))) ** 2
    frequencies = numpy.fft.rfftfreq(samples.size, 1 / 8000)
    total = float(spectrum.sum()) or 1.0
    return float(spectrum[abs(frequencies - hertz) < 20].sum()) / total


class Recording:
    """What somebody heard. Times in seconds; negative ones count from the end."""

    def __init__(self, path: Path) -> None:
        self.samples = samples_of(path)

    def part(self, start_s: float, end_s: float | None = None) -> numpy.ndarray:
        end = None if end_s is None else int(end_s * 8000)
        return self.samples[int(start_s * 8000) : end]

    def loudness(self, start_s: float, end_s: float | None = None) -> float:
        """Root mean square, 0 to 1."""
        return rms(self.part(start_s, end_s))

    def tone(self, hertz: float, start_s: float, end_s: float | None = None) -> float:
        """The share of this tone in what was heard, 0 to 1."""
        return share_of(self.part(start_s, end_s), hertz)


class Ears:
    """Who hears whom in each phase of a call, measured in what everybody has recorded."""

    def __init__(self, desk: Desk, load: Callable[[str], Awaitable[Recording]]) -> None:
        self._desk = desk
        self._load = load
        self._phases: dict[str, tuple[float, float]] = {}
        self._expected: list[tuple[str, str, set[str], bool]] = []

    async def phase(self, name: str, music: str = "", **hears: str) -> None:
        """For a while everybody shall hear just these: `caller="deskanna deskbert"`.

        Those of `music` hear music (or ringing) and nobody. `check` measures, after the call.
        """
        await asyncio.sleep(0.4)  # whatever was on its way
        start = asyncio.get_running_loop().time()
        await asyncio.sleep(1.2)
        self._phases[name] = (start, asyncio.get_running_loop().time())
        await asyncio.sleep(0.4)  # a recording may lack a moment and run ahead
        for who, others in hears.items():
            self._expected.append((name, who, set(others.split()), False))
        for who in music.split():
            self._expected.append((name, who, set(), True))

    async def check(self) -> None:
        recordings = {}
        for name, who, others, music in self._expected:
            if who not in recordings:
                path = self._desk.record if who == "caller" else f"{self._desk.record}-{who}"
                recordings[who] = await self._load(f"{path}-heard.wav")
            since = self._desk.listens[who]
            start, end = (at - since for at in self._phases[name])
            part = recordings[who].part(max(start, 0.0), end)
            assert part.size > 4000, f"{name}: {who} was not there"
            shares = {other: share_of(part, TONES_HZ[other]) for other in TONES_HZ}
            loud = rms(part) > 0.003
            heard = {other for other, share in shares.items() if loud and share > 0.1}
            assert heard == others, f"{name}: {who} heard {shares}, {rms(part):.3f} loud"
            if music:
                assert loud, f"{name}: {who} heard no music"


@pytest.fixture
def ears(desk: Desk, hearing: Callable[[str], Awaitable[Recording]]) -> Ears:
    return Ears(desk, hearing)


@pytest.fixture
def hearing(lab: Lab) -> Callable[[str], object]:
    """Waits until the network's calls are over and a recording is complete, and opens it."""

    async def load(name: str) -> Recording:
        path = Path(name)
        size = -1
        async with asyncio.timeout(10):
            while "0 active channels" not in await lab.network.console("core show channels count"):
                await asyncio.sleep(0.1)
            while not path.exists() or path.stat().st_size != size or size <= 44:
                size = path.stat().st_size if path.exists() else -1
                await asyncio.sleep(0.3)
        return Recording(path)

    return load
