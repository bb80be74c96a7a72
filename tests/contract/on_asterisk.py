"""The contract suite's driver for a real Asterisk: a second one is the network and the phones.

Every phone and number there rings until the test redirects its channel; a caller is a channel
that waits, presses keys when told to, and hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import wave
from collections.abc import Callable, Mapping
from pathlib import Path

from cti.asterisk.ami import Ami, AmiError, AmiSettings, Frame
from cti.asterisk.configuration import AgentLine, AsteriskConfig, Trunk, render
from cti.asterisk.dialplan import Dialplan
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout, free_ports
from cti.asterisk.link import AsteriskLink
from cti.asterisk.recording import Recorder
from cti.asterisk.server import AsteriskFailed, AsteriskServer
from cti.calls import Phone, PhoneKind, Prompt
from cti.dialing import DialRules
from cti.link import FactSink, SwitchLink
from tests.contract.driver import AGENTS, GONE

SLOTS = 8
SECRET = "desk-secret-1"
POLL_S = 0.02
REACTION_S = 0.2  # nobody hangs up in the instant in which something else happens
RINGS_WITHIN_S = 5.0
LISTENING_S = 0.6  # from the order of a step until Asterisk takes keys

_PJSIP = """
[global]
type=global
endpoint_identifier_order=ip,username
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{net}
[cc]
type=endpoint
context=net
aors=cc
disallow=all
allow=ulaw
direct_media=no
[cc]
type=aor
contact=sip:127.0.0.1:{cc}
[cc]
type=identify
endpoint=cc
match=127.0.0.1
"""
_PHONE = """
[{name}]
type=registration
outbound_auth={name}
transport=udp
server_uri=sip:127.0.0.1:{cc}
client_uri=sip:{name}@127.0.0.1:{cc}
contact_user={name}
retry_interval=2
[{name}]
type=auth
auth_type=userpass
username={name}
password={secret}
"""
_DIALPLAN = r"""
[net]
exten => _[+a-z0-9].,1,Ringing()
 same => n,Wait(120)
[does]
exten => answer,1,Answer()
 same => n,Playtones(1300)
 same => n,Wait(600)
exten => refuse,1,Hangup(17)
[caller]
exten => s,1,Playtones(700)
 same => n,Wait(600)
[cc-entry]
[cc-agent]
"""


class OnAsterisk:
    """Satisfies `Driver`. `install` is where Asterisk is, `folder` makes short new folders."""

    name = "asterisk"
    slots = SLOTS
    unlike: Mapping[str, str] = {}

    def __init__(self, install: AsteriskInstall, folder: Callable[[], Path]) -> None:
        self._install = install
        self._folder = folder
        self._phones = [self.agent(name, slot) for slot in range(SLOTS) for name in AGENTS]
        self._link: AsteriskLink | None = None
        self._network: Ami | None = None
        self._servers: list[AsteriskServer] = []
        self._sink: FactSink | None = None
        self._calls_made = 0
        self._callers: dict[str, str] = {}  # the channel of each caller

    @property
    def link(self) -> SwitchLink:
        assert self._link is not None
        return self._link

    # Up and down ---------------------------------------------------------------------------

    async def start(self, sink: FactSink) -> None:
        for attempt in range(3):
            try:
                office, network = await self._start_both()
                break
            except AsteriskFailed:  # somebody else took one of our free ports meanwhile
                await self._stop_servers()
                if attempt == 2:
                    raise
        async with asyncio.timeout(30):
            while (await office.console("pjsip show contacts")).count("/sip:desk-") < len(
                self._phones
            ):
                await asyncio.sleep(0.2)
        self._network = Ami(_ami(network.identity), _ignore)
        self._network.connect()
        _write_silence(self._prompt.with_suffix(".wav"), 0.5)
        self._sink = sink
        await self._open()
        await _becomes(lambda: self._network is not None and self._network.up)

    async def _open(self) -> None:
        """A link, until it is up."""
        office = self._servers[0]
        assert self._sink is not None
        link = self._link = AsteriskLink(
            self.name,
            ami=_ami(office.identity),
            agi_port=office.identity.ports.agi,
            prompt_path=self._prompt_path,
            trunk="main",
            dialling=DialRules(allowed_prefixes=("+1416",), per_minute=1000),
            recorder=Recorder(office.layout.recordings, office.layout.control_socket),
        )
        await link.start(self._sink)
        await _becomes(lambda: link.up)

    async def restart(self) -> None:
        assert self._link is not None
        await self._link.stop()
        await self._open()

    @property
    def _prompt(self) -> Path:
        return self._servers[0].layout.root.parent / "silence"

    async def _prompt_path(self, prompt: Prompt) -> str:
        return str(self._prompt)

    async def _start_both(self) -> tuple[AsteriskServer, AsteriskServer]:
        layouts = Layout(self._folder() / "a"), Layout(self._folder() / "a")
        office_id, net_id = (layout.identity(free_ports()) for layout in layouts)
        config = AsteriskConfig(
            agents=tuple(AgentLine(agent, desk_secret=SECRET) for agent in (*self._phones, GONE)),
            trunks=(Trunk("main", ("127.0.0.1",), f"127.0.0.1:{net_id.ports.sip}"),),
        )
        plan = Dialplan(self.name, office_id.ports.agi, trunk="main", away_s=8)
        office = render(config, layouts[0], self._install, office_id, plan.text())
        network = render(AsteriskConfig(), layouts[1], self._install, net_id, _DIALPLAN)
        ports = {"net": net_id.ports.sip, "cc": office_id.ports.sip}
        network["pjsip.conf"] = _PJSIP.format(**ports) + "".join(
            _PHONE.format(name=f"desk-{agent}", secret=SECRET, **ports) for agent in self._phones
        )
        self._servers = [
            AsteriskServer(self._install, layouts[0], office_id, office),
            AsteriskServer(self._install, layouts[1], net_id, network),
        ]
        for server in self._servers:
            await server.start()
        return self._servers[0], self._servers[1]

    async def stop(self) -> None:
        if self._link is not None:
            await self._link.stop()
        if self._network is not None:
            await self._network.stop()
        await self._stop_servers()

    async def _stop_servers(self) -> None:
        for server in reversed(self._servers):
            await server.stop(graceful_s=1.0)
            shutil.rmtree(server.layout.root.parent, ignore_errors=True)
        self._servers = []

    # Who is who ----------------------------------------------------------------------------

    def agent(self, name: str, slot: int) -> str:
        return name if name == GONE else f"{name}{slot}"

    def phone(self, agent: str) -> Phone:
        return Phone(PhoneKind.DESK, agent)

    def outside(self, number: int, slot: int) -> str:
        return f"+1416555{slot:02d}0{number}"

    def caller(self, slot: int) -> str:
        return f"1416556{slot:04d}"

    # People --------------------------------------------------------------------------------

    async def call_in(self, caller: str) -> None:
        self._calls_made += 1
        self._callers[caller] = channel = f"caller-{caller}-{self._calls_made}"
        await self._ask(
            {
                "Action": "Originate",
                "Channel": "PJSIP/100@cc",
                "Context": "caller",
                "Exten": "s",
                "Priority": "1",
                "CallerID": f'"Test Caller" <{caller}>',
                "ChannelId": channel,
                "Async": "true",
            }
        )

    async def presses(self, caller: str, keys: str) -> None:
        await asyncio.sleep(LISTENING_S)
        for key in keys:
            channel = self._callers[caller]
            await self._ask(
                {"Action": "PlayDTMF", "Channel": channel, "Digit": key, "Duration": "150"}
            )
            await asyncio.sleep(0.3)

    async def answers(self, who: str) -> None:
        await self._tell(who, "answer")

    async def refuses(self, who: str) -> None:
        await self._tell(who, "refuse")

    async def _tell(self, who: str, what: str) -> None:
        async with asyncio.timeout(RINGS_WITHIN_S):
            while not (channels := await self._channels_of(who)):
                await asyncio.sleep(POLL_S)
        for channel in channels:
            await self._ask(
                {
                    "Action": "Redirect",
                    "Channel": channel,
                    "Context": "does",
                    "Exten": what,
                    "Priority": "1",
                }
            )

    async def hangs_up(self, who: str) -> None:
        await asyncio.sleep(REACTION_S)
        channels = [self._callers[who]] if who in self._callers else await self._channels_of(who)
        for channel in channels:
            with contextlib.suppress(AmiError):
                await self._ask({"Action": "Hangup", "Channel": channel, "Cause": "16"})

    async def _channels_of(self, who: str) -> list[str]:
        """The channels on which somebody is rung or talks in the network."""
        extension = who if who.startswith("+") else f"desk-{who}"
        assert self._network is not None
        reply = await self._network.request({"Action": "Status"})
        return [
            frame.get("Channel")
            for frame in reply.items
            if extension in (frame.get("DNID"), frame.get("Exten"))
        ]

    async def _ask(self, action: dict[str, str]) -> None:
        assert self._network is not None
        await self._network.request(action)

    # Looking -------------------------------------------------------------------------------

    async def until(self, so: Callable[[], bool], within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not so():
                    await asyncio.sleep(POLL_S)
        return so()

    async def nothing_left(self, slot: int) -> str:
        ours = [self.agent(name, slot) for name in AGENTS]
        ours += [self.outside(number, slot) for number in (0, 1)]
        left: list[str] = []
        for _ in range(50):
            left = [who for who in ours if await self._channels_of(who)]
            if not left:
                break
            await asyncio.sleep(0.1)
        return ", ".join(left)


def _ami(identity: Identity) -> AmiSettings:
    return AmiSettings(identity.ports.ami, identity.ami_user, identity.ami_secret)


async def _becomes(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not so():
            await asyncio.sleep(POLL_S)


def _write_silence(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(16000 * seconds)))


def _ignore(frame: Frame) -> None:
    """What the network's Asterisk tells is of no use here."""
