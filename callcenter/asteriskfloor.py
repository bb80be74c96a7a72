"""An Asterisk of our own among the switches: files, process, ARI, link."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import structlog
from starlette.types import ASGIApp

from callcenter.access import AsteriskPhones
from callcenter.demo import DEMO_WEB_CALLER
from config.settings import Settings, secret_from_environment
from config.site import AsteriskSwitch, Site, TwilioSwitch
from cti.asterisk.ami import AmiSettings
from cti.asterisk.ari import AriClient
from cti.asterisk.configuration import PEER_CONTEXT, AgentLine, AsteriskConfig, Peer, Trunk, render
from cti.asterisk.dialplan import Dialplan
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import DEFAULT_PORTS, Identity, Layout, Ports, write_private
from cti.asterisk.link import AsteriskLink
from cti.asterisk.recording import Recorder
from cti.asterisk.server import AsteriskFailed, AsteriskServer
from cti.calls import Prompt
from cti.dialing import DialRules
from cti.prompts import PromptFailed, PromptStore
from cti.speech import EspeakSynthesiser, SpeechTools
from ivr.flow import all_speech

log = structlog.get_logger("callcenter.asteriskfloor")

ONLY = "asterisk"  # the name of the one Asterisk of a site that names no switches
RESTART_MOST_S = 10.0  # between two tries to start an Asterisk that ends again and again
STABLE_AFTER_S = 60.0
RTP_PORTS = 4000


# A company without a trunk cannot call back. In the demonstration this robot is everybody.
DEMO_DIALPLAN = """
[cc-demo]
exten => h,1,NoOp()
exten => _[0-9+]!,1,Ringing()
 same => n,Wait(3)
 same => n,Answer()
 same => n,Wait(1)
 same => n,Playback(hello-world)
 same => n,Wait(600)
"""


def demo_trunk(identity: Identity) -> Trunk:
    """A trunk that leads back to this Asterisk, where a robot answers."""
    here = f"127.0.0.1:{identity.ports.sip}"
    return Trunk("demo", ("127.0.0.1",), here, context="cc-demo")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one Asterisk of ours is: its name, its folders, its ports and passwords."""

    name: str
    layout: Layout
    identity: Identity
    sip_address: str


def place_of(settings: Settings, site: Site, name: str) -> Place:
    """Where the Asterisk of this name is. Raises ValueError and OSError."""
    switch = site.switches.get(name)
    folder = settings.var / (ONLY if name == ONLY else f"{ONLY}-{name}")
    if name == ONLY and settings.asterisk_folder is not None:
        folder = settings.asterisk_folder
    layout = Layout(folder.absolute())
    if not isinstance(switch, AsteriskSwitch):
        identity = layout.identity(_wanted_ports(settings))
        return Place(name, layout, identity, settings.sip_address)
    asterisks = [one.id for one in site.switches.values() if isinstance(one, AsteriskSwitch)]
    named = _named_ports(switch)
    preferred = replace(_ports_of_nth(asterisks.index(name)), **named)
    identity = layout.identity(preferred=preferred)
    if (wanted := replace(identity.ports, **named)) != identity.ports:
        identity = layout.identity(wanted)
    return Place(name, layout, identity, switch.sip_address or settings.sip_address)


def other_places(settings: Settings, site: Site, name: str) -> Iterator[Place]:
    """Where the site's other Asterisks are, as far as that can be known."""
    for switch in site.switches.values():
        if isinstance(switch, AsteriskSwitch) and switch.id != name:
            try:
                yield place_of(settings, site, switch.id)
            except (ValueError, OSError) as error:
                log.warning("a switch has no place", switch=switch.id, why=str(error))


def _reached_at(place: Place) -> str:
    """The address where the others on this machine find it."""
    address = ip_address(place.sip_address)
    if not address.is_unspecified:
        return place.sip_address
    return "127.0.0.1" if address.version == 4 else "::1"


def _ports_of_nth(n: int) -> Ports:
    """Ports of its own for each of several Asterisks, as far as they are free."""
    base = DEFAULT_PORTS
    first = base.rtp_first + (n % 10) * RTP_PORTS
    return Ports(
        base.ami + n,
        base.http + n,
        base.sip + 10 * n,
        base.agi + n,
        first,
        first + RTP_PORTS - 1,
    )


def _named_ports(switch: AsteriskSwitch) -> dict[str, int]:
    named = {
        "ami": switch.ami_port,
        "http": switch.http_port,
        "sip": switch.sip_port,
        "agi": switch.agi_port,
        "rtp_first": switch.rtp_first_port,
        "rtp_last": switch.rtp_last_port,
    }
    return {name: port for name, port in named.items() if port}


class AsteriskFloor:
    """Our own Asterisk: configuration, process, ARI, prompts, link.

    `peers` are the other Asterisks of the site, which phones registered there are led to;
    `on_gone` is told when the process has ended by itself.
    """

    kind = "asterisk"
    webhooks: tuple[str, ASGIApp] | None = None

    def __init__(
        self,
        place: Place,
        settings: Settings,
        site: Site,
        install: AsteriskInstall,
        prompts: PromptStore | None,
        peers: Iterable[Place] = (),
        on_gone: Callable[[], None] = lambda: None,
    ) -> None:
        self.place = place
        self.layout = place.layout
        self._peers = tuple(peers)
        self._on_gone = on_gone
        self._site = site
        self._settings = settings
        identity = place.identity
        self.config = self._config(site)
        self._trunk = next((t.name for t in self.config.trunks if t.contact), "")
        files = render(self.config, self.layout, install, identity, self._dialplan(site))
        self.server = AsteriskServer(install, self.layout, identity, files)
        self.ari = AriClient(identity, self.config)
        caller = DEMO_WEB_CALLER if settings.demo else ("", "")
        self.phones = AsteriskPhones(self.ari, identity.ports.http, self._web_target, caller)
        self._prompts = prompts
        self.link = AsteriskLink(
            place.name,
            ami=AmiSettings(identity.ports.ami, identity.ami_user, identity.ami_secret),
            agi_port=identity.ports.agi,
            prompt_path=self._prompt_path,
            trunk=self._trunk,
            dialling=dial_rules(site),
            recorder=Recorder(self.layout.recordings, self.layout.control_socket),
        )
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def can_dial(self) -> bool:
        return bool(self._trunk)

    def _config(self, site: Site) -> AsteriskConfig:
        settings = self._settings
        desks = desk_secrets(settings.var, site)
        config = asterisk_config(settings, site, desks, self.place.name)
        peers = tuple(Peer(p.name, _reached_at(p), p.identity.ports.sip) for p in self._peers)
        config = replace(config, sip_address=self.place.sip_address, peers=peers)
        alone = not peers  # or the robot's address would be that of the others
        if settings.demo and alone and not any(trunk.contact for trunk in config.trunks):
            trunk = demo_trunk(self.place.identity)
            return replace(config, trunks=(*config.trunks, trunk))
        return config

    def _dialplan(self, site: Site) -> str:
        away = site.when_away
        plan = Dialplan(
            link=self.place.name,
            agi_port=self.place.identity.ports.agi,
            trunk=self._trunk,
            fallback=self._fallback(site),
            fallback_ring_s=int(away.ring_s),
            away_s=int(away.after_s),
        )
        return plan.text() + DEMO_DIALPLAN

    def _fallback(self, site: Site) -> str:
        """Who is rung while we are away: a desk phone, wherever it is registered."""
        ring = site.when_away.ring
        if not ring:
            return ""
        home = _ends_at(site, site.agents[ring].switch if ring in site.agents else "")
        led = "" if home == self.place.name else f"@peer-{home}"
        return f"PJSIP/desk-{ring}{led}"

    def _web_target(self) -> str:
        return next(iter(self._site.numbers), "100")

    async def _prompt_path(self, prompt: Prompt) -> str:
        if self._prompts is None:
            raise PromptFailed("there is no synthesiser: install espeak-ng and sox")
        return str(await self._prompts.path(prompt))

    async def start(self) -> None:
        """Start Asterisk, or take over the one that outlived us. Raises `AsteriskFailed`."""
        began = await self.server.start()
        version = self.server.install.version
        log.info("asterisk is running", switch=self.place.name, how=began.value, version=version)
        keeping = asyncio.create_task(keep_running(self.server, self._ended))
        self._tasks.add(keeping)

    def _ended(self, why: str) -> None:
        self.link.switch_ended(why)
        try:
            self._on_gone()
        except Exception:  # whatever is wrong with its calls, it has to be started again
            log.exception("not everybody could be told that a switch is gone")

    async def begin(self) -> None:
        task = asyncio.create_task(self._prerender())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def back(self) -> None:
        await self.phones.push_again()

    def check(self, site: Site) -> None:
        self._files(self._config(site), site)

    async def reload(self, site: Site) -> None:
        config = self._config(site)
        files = self._files(config, site)
        self._site, self.config = site, config
        await self.server.reload(files)
        await self.begin()

    def _files(self, config: AsteriskConfig, site: Site) -> dict[str, str]:
        identity, install = self.place.identity, self.server.install
        return render(config, self.layout, install, identity, self._dialplan(site))

    async def _prerender(self) -> None:
        if self._prompts is not None:
            failed = await self._prompts.prerender(common_prompts(self._site))
            for prompt, why in failed:
                log.warning("prompt cannot be rendered", text=prompt.text[:60], why=why)

    async def let_go(self) -> None:
        await self._end_tasks()
        self.server.leave_running()

    async def stop(self) -> None:
        await self._end_tasks()
        await self.server.stop()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ari.close()


async def keep_running(server: AsteriskServer, ended: Callable[[str], None]) -> None:
    """Start Asterisk again whenever it ends by itself; `ended` hears of it first. For ever."""
    loop = asyncio.get_running_loop()
    wait_s, running_since = 0.0, loop.time()
    while True:
        await server.wait_exit()
        log.error("asterisk has ended; its calls are lost", last_words=server.log_tail()[-2000:])
        ended("the switch ended")
        if loop.time() - running_since > STABLE_AFTER_S:
            wait_s = 0.0
        while not server.running:
            await asyncio.sleep(wait_s)
            wait_s = min(RESTART_MOST_S, wait_s + 1.0)
            try:
                await server.restart()
            except (AsteriskFailed, OSError) as error:
                log.error("asterisk does not start", why=str(error)[-2000:], next_s=wait_s)
            except Exception:
                log.exception("asterisk does not start", next_s=wait_s)
        running_since = loop.time()
        log.warning("asterisk runs again")


def common_prompts(site: Site, positions: int = 10) -> Iterable[Prompt]:
    """Everything the flows say without knowing the caller, and the first positions in line."""
    for flow in site.flows.values():
        for language, text, recording in all_speech(flow):
            if "{position}" in text and text.count("{") == 1:
                for position in range(1, positions + 1):
                    yield Prompt(text.replace("{position}", str(position)), language, recording)
            elif "{" not in text:
                yield Prompt(text, language, recording)


def prompt_store(folder: Path, settings: Settings, speech: SpeechTools) -> PromptStore:
    """Rendered prompts, for all Asterisks of this machine."""
    recordings = settings.site_folder.absolute() / "recordings"
    return PromptStore(folder, EspeakSynthesiser(speech), speech, recordings)


def dial_rules(site: Site) -> DialRules:
    """Which outside numbers a switch may dial."""
    callbacks, transfers = site.callback_numbers, site.transfer_numbers
    return DialRules(
        tuple({*callbacks.allow, *transfers.allow}), tuple({*callbacks.refuse, *transfers.refuse})
    )


def _wanted_ports(settings: Settings) -> Ports | None:
    """The ports that were asked for; None (any that are free) when nobody asked."""
    wanted = Ports(
        settings.ami_port,
        settings.asterisk_http_port,
        settings.sip_port,
        settings.agi_port,
        settings.rtp_first_port,
        settings.rtp_last_port,
    )
    return None if wanted == DEFAULT_PORTS else wanted


def asterisk_config(
    settings: Settings, site: Site, desks: dict[str, str], name: str = ONLY
) -> AsteriskConfig:
    """What the site wants of its Asterisk of this name."""
    lines = tuple(
        AgentLine(
            agent.id,
            browser=any(phone.kind == "browser" for phone in agent.phones),
            desk_secret=desks.get(agent.id, ""),
        )
        for agent in site.agents.values()
    )
    trunks = tuple(
        Trunk(
            trunk.id,
            trunk.addresses,
            trunk.contact,
            trunk.codecs,
            trunk.user,
            secret_from_environment(trunk.password_env) if trunk.password_env else "",
            trunk.register,
        )
        for trunk in site.trunks.values()
        if _ends_at(site, trunk.switch) == name
    )
    # Twilio's calls to agents' phones may ring these and reach nothing else.
    clouds = tuple(
        Trunk(switch.id, switch.sip_addresses, context=PEER_CONTEXT)
        for switch in site.switches.values()
        if isinstance(switch, TwilioSwitch) and switch.sip_addresses
    )
    return AsteriskConfig(
        agents=lines,
        trunks=(*trunks, *clouds),
        sip_address=settings.sip_address,
        public_address=settings.public_address,
        local_networks=settings.local_networks,
        stun_server=settings.stun_server,
    )


def _ends_at(site: Site, named: str) -> str:
    """The Asterisk of a trunk or a phone: the one it names, else the first."""
    asterisks = (one.id for one in site.switches.values() if isinstance(one, AsteriskSwitch))
    return named or next(asterisks, ONLY)


def desk_secrets(var: Path, site: Site) -> dict[str, str]:
    """The SIP password of each agent's desk phone: made once, kept where only we can read."""
    file = var / "desk-phones.json"
    try:
        kept: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        kept = {}
    wanted = [
        agent.id
        for agent in site.agents.values()
        if any(phone.kind == "desk" for phone in agent.phones)
    ]
    if any(agent not in kept for agent in wanted):
        kept |= {agent: secrets.token_urlsafe(18) for agent in wanted if agent not in kept}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, json.dumps(kept, indent=1) + "\n")
    return {agent: kept[agent] for agent in wanted}
