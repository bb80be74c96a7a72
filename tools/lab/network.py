"""The public telephone network, played by a second Asterisk: callers, numbers, desk phones.

It listens on 127.0.0.2, so that a call center on 127.0.0.1 knows it by its address.
Everybody on the network records what they hear and sends a tone: customers one, whether they
call or are called, and agents' desk phones another.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cti.asterisk.ami import Ami, AmiError, AmiSettings, Frame
from cti.asterisk.configuration import AsteriskConfig, render
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout, free_ports
from cti.asterisk.server import AsteriskServer
from tools.lab.center import Center
from tools.lab.sound import Recording

ADDRESS = "127.0.0.2"
CALLER_TONE_HZ = 700
DESK_TONE_HZ = 1300
LONGEST_S = 1800

_PJSIP = """
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
"""

_DESK_PHONE = """
[desk-{agent}]
type=registration
outbound_auth=desk-{agent}
transport=udp
server_uri=sip:127.0.0.1:{cc}
client_uri=sip:desk-{agent}@127.0.0.1:{cc}
contact_user=desk{agent}
retry_interval=2
[desk-{agent}]
type=auth
auth_type=userpass
username=desk-{agent}
password={secret}
"""

# What a phone or number does is a global variable: "answer", "busy", "decline", "drop" (answer
# and hang up), anything else: ring on. It is looked at again while it rings.
_DIALPLAN = r"""
[net]
exten => _desk.,1,Goto(act,${{EXTEN}},1)
exten => _+X.,1,Goto(act,n${{EXTEN:1}},1)
exten => _X.,1,Goto(act,n${{EXTEN}},1)
[act]
exten => h,1,NoOp()
exten => _[a-z].,1,Set(WHO=${{EXTEN}})
 same => n,UserEvent(Rung,Who: ${{WHO}},From: ${{CALLERID(num)}})
 same => n,Ringing()
 same => n(again),Set(ACT=${{GLOBAL(ACT_${{WHO}})}})
 same => n,GotoIf($["${{ACT}}" = "busy"]?busy)
 same => n,GotoIf($["${{ACT}}" = "decline"]?decline)
 same => n,GotoIf($["${{ACT}}" = "answer"]?answer)
 same => n,GotoIf($["${{ACT}}" = "drop"]?drop)
 same => n,Wait(0.05)
 same => n,Goto(again)
 same => n(answer),Answer()
 same => n,Set(HEARD={folder}/${{WHO}}-${{UNIQUEID}})
 same => n,UserEvent(Answered,Who: ${{WHO}},File: ${{HEARD}}.wav)
 same => n,ExecIf($["${{WHO:0:1}}" = "n"]?Playtones({caller_tone}):Playtones({desk_tone}))
 same => n,Record(${{HEARD}}.wav,0,{longest},kq)
 same => n,Hangup()
 same => n(drop),Answer()
 same => n,Hangup()
 same => n(busy),Hangup(17)
 same => n(decline),Hangup(21)
[caller]
exten => s,1,Playtones({caller_tone})
 same => n,Record(${{HEARD}}.wav,0,{longest},kq)
exten => h,1,NoOp()
[cc-entry]
[cc-agent]
"""


class Network:
    """The process; `start` and `stop` may run in different event loops."""

    def __init__(self, install: AsteriskInstall, folder: Path) -> None:
        self.folder = folder
        self._install = install
        self._layout = Layout(folder / "net")
        self.identity: Identity = self._layout.identity(free_ports(rtp_ports=400))
        self.port = self.identity.ports.sip
        self.server: AsteriskServer | None = None

    async def start(self, center: Center) -> None:
        """Start, with the center's desk phones; returns at once, they register by themselves."""
        dialplan = _DIALPLAN.format(
            folder=self.folder,
            desk_tone=DESK_TONE_HZ,
            caller_tone=CALLER_TONE_HZ,
            longest=LONGEST_S,
        )
        config = AsteriskConfig(sip_address=ADDRESS)
        files = render(config, self._layout, self._install, self.identity, dialplan)
        # A silence of its own would replace the tone that a recording caller sends.
        files["asterisk.conf"] = files["asterisk.conf"].replace("transmit_silence=yes\n", "")
        pjsip = _PJSIP.format(address=ADDRESS, net=self.port, cc=center.ports.sip)
        for agent, secret in center.desk_secrets.items():
            port = center.desk_port(agent)
            pjsip += _DESK_PHONE.format(agent=agent, secret=secret, cc=port)
        files["pjsip.conf"] = pjsip
        self.server = AsteriskServer(self._install, self._layout, self.identity, files)
        await self.server.start()

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop(graceful_s=1.0)


@dataclass
class Heard:
    """A phone or number that answered, and where its recording is."""

    who: str
    file: Path


@dataclass
class Caller:
    """Somebody who called the center."""

    lines: Lines
    name: str
    ani: str
    dnis: str
    file: Path
    answered: bool = False
    over: bool = False
    cause: str = ""

    async def press(self, digits: str, between_s: float = 0.25) -> None:
        """Keys, as RFC 4733 events."""
        for digit in digits:
            await self.lines.request(
                Action="PlayDTMF", Channel=self.name, Digit=digit, Duration="120"
            )
            await asyncio.sleep(between_s)

    async def hang_up(self) -> None:
        with suppress(AmiError):
            await self.lines.request(Action="Hangup", Channel=self.name, Cause="16")
        await self.until_over()

    async def until_over(self, timeout_s: float = 10.0) -> None:
        await self.lines.until(lambda: self.over, f"the end of {self.name}", timeout_s)

    async def heard(self) -> Recording:
        """The whole of what the caller heard; the call must be over."""
        return await complete(self.file)


@dataclass
class Lines:
    """The network during one test: places calls, and sets what phones do."""

    network: Network
    ami: Ami = field(init=False)
    callers: list[Caller] = field(default_factory=list)
    rung: list[tuple[str, str]] = field(default_factory=list)  # who, and whose number was shown
    answered: list[Heard] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        identity = self.network.identity
        settings = AmiSettings(identity.ports.ami, identity.ami_user, identity.ami_secret)
        self.ami = Ami(settings, self._on_event)

    async def open(self) -> Lines:
        self.ami.connect()
        async with asyncio.timeout(5):
            while not self.ami.up:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        return self

    async def close(self) -> None:
        """End every call and let go."""
        await self.hang_up_all()
        await self.ami.stop()

    async def hang_up_all(self) -> None:
        for frame in (await self.ami.request({"Action": "Status"})).items:
            if channel := frame.get("Channel"):
                with suppress(AmiError):
                    await self.request(Action="Hangup", Channel=channel, Cause="16")

    async def phone(self, agent: str, act: str) -> None:
        """What an agent's desk phone does from now on."""
        await self._set(f"ACT_desk{agent}", act)

    async def number(self, number: str, act: str) -> None:
        """What an outside number ("+1202…") does from now on."""
        await self._set(f"ACT_n{number.lstrip('+')}", act)

    async def call(self, dnis: str, ani: str, *, name: str = "", port: int = 0) -> Caller:
        """Somebody dials the center; returns when it has answered."""
        caller = await self.dial(dnis, ani, name=name, port=port)
        await self.until(lambda: caller.answered or caller.over, f"an answer for {ani}")
        assert caller.answered, f"{ani} was refused: {caller.cause}"
        return caller

    async def dial(self, dnis: str, ani: str, *, name: str = "", port: int = 0) -> Caller:
        """Somebody dials the center; of its several switches, the one at this SIP port."""
        channel = f"caller-{next(_numbers)}"
        file = self.network.folder / f"{channel}.wav"
        caller = Caller(self, channel, ani, dnis, file)
        self.callers.append(caller)
        await self.ami.request(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/cc/sip:{dnis}@127.0.0.1:{port}" if port else f"PJSIP/{dnis}@cc",
                "Context": "caller",
                "Exten": "s",
                "Priority": "1",
                "CallerID": f'"{name}" <{ani}>' if name else ani,
                "ChannelId": channel,
                "Async": "true",
                "Timeout": "20000",
                "Variable": [f"HEARD={file.with_suffix('')}"],
            }
        )
        return caller

    async def until(
        self, what: Callable[[], object], says: str = "", timeout_s: float = 10.0
    ) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not what():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"the network never saw {says or what}") from None

    async def until_rung(self, who: str, times: int = 1, timeout_s: float = 10.0) -> None:
        """`who` is "deskanna", or "n1202…" for a number."""
        await self.until(
            lambda: sum(w == who for w, _ in self.rung) >= times, f"{who} ringing", timeout_s
        )

    def last_heard(self, who: str) -> Path:
        """The recording of the last conversation of a phone or number."""
        return next(heard.file for heard in reversed(self.answered) if heard.who == who)

    async def request(self, **headers: str) -> None:
        reply = await self.ami.request(headers)
        if not reply.ok:
            raise AmiError(reply.message)

    async def _set(self, name: str, value: str) -> None:
        await self.request(Action="Setvar", Variable=name, Value=value)

    def _on_event(self, frame: Frame) -> None:
        match frame.name:
            case "UserEvent" if frame.get("UserEvent") == "Rung":
                self.rung.append((frame.get("Who"), frame.get("From")))
            case "UserEvent" if frame.get("UserEvent") == "Answered":
                self.answered.append(Heard(frame.get("Who"), Path(frame.get("File"))))
            case "OriginateResponse" | "Hangup":
                for caller in self.callers:
                    if caller.name == frame.get("Uniqueid"):
                        caller.answered |= frame.get("Response") == "Success"
                        if frame.name == "Hangup" or frame.get("Response") == "Failure":
                            caller.over = True
                            caller.cause = frame.get("Cause-txt") or frame.get("Reason")
        self._changed.set()


_numbers = itertools.count(1)


async def complete(file: Path) -> Recording:
    """A recording that is no longer written to."""
    return await asyncio.to_thread(_complete, file)


def _complete(file: Path, within_s: float = 10.0) -> Recording:
    size, deadline = -1, time.monotonic() + within_s
    while not file.exists() or file.stat().st_size != size or size <= 44:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{file} is not there, or still grows")
        size = file.stat().st_size if file.exists() else -1
        time.sleep(0.15)
    return Recording(file)
