"""The switch under the call center: a real Asterisk of our own, or the virtual one."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from agent_console.ports import Phones
from callcenter.access import AsteriskPhones, NoPhones
from callcenter.demo import DEMO_WEB_CALLER
from config.settings import Settings, secret_from_environment
from config.site import Site
from cti.asterisk.ami import AmiSettings
from cti.asterisk.ari import AriClient
from cti.asterisk.configuration import AgentLine, AsteriskConfig, Trunk, render
from cti.asterisk.dialplan import Dialplan
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import DEFAULT_PORTS, Identity, Layout, Ports, write_private
from cti.asterisk.link import AsteriskLink
from cti.asterisk.server import AsteriskFailed, AsteriskServer
from cti.calls import Prompt
from cti.dialing import DialRules
from cti.link import SwitchLink
from cti.prompts import PromptFailed, PromptStore
from cti.speech import EspeakSynthesiser, SpeechTools
from cti.virtual.callers import townspeople
from cti.virtual.phones import Act, Reaction, always
from cti.virtual.scheduling import RealTime
from cti.virtual.switch import VirtualSwitch
from cti.virtual.town import Town
from ivr.flow import all_speech

log = structlog.get_logger("callcenter.switches")

LINK = "asterisk"
ANSWERS_AFTER_S = 4.0
RESTART_MOST_S = 10.0  # between two tries to start an Asterisk that ends again and again
STABLE_AFTER_S = 60.0


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


class Switch(Protocol):
    """One switch with everything around it."""

    @property
    def kind(self) -> str: ...
    @property
    def link(self) -> SwitchLink: ...
    @property
    def phones(self) -> Phones: ...

    async def start(self) -> None:
        """Bring it up, before the link connects."""
        ...

    async def begin(self) -> None:
        """The router is live: what goes on in the background may start."""
        ...

    async def back(self) -> None:
        """The link found its switch (again)."""
        ...

    async def reload(self, site: Site) -> None:
        """The site's configuration changed; calls go on. Raises before it changes anything."""
        ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class VirtualFloor:
    """The virtual switch with callers who keep calling."""

    link: VirtualSwitch
    town: Town | None
    phones: Phones
    kind: str = "virtual"

    async def start(self) -> None:
        return

    async def begin(self) -> None:
        if self.town is not None:
            self.town.start()

    async def back(self) -> None:
        return

    async def reload(self, site: Site) -> None:
        return

    async def stop(self) -> None:
        if self.town is not None:
            self.town.stop()


def virtual_switch(
    site: Site, callers: tuple[tuple[str, str], ...], *, per_hour: float = 90.0
) -> VirtualFloor:
    """Phones answer by themselves after a few seconds; `callers` are (number, name)."""
    time = RealTime()
    phones = always(Reaction(Act.ANSWER, after_s=ANSWERS_AFTER_S, ring_delay_s=0.2))
    switch = VirtualSwitch("virtual", time, phones=phones, agents=site.agents)
    town = None
    if callers:
        numbers = tuple(site.numbers) or ("100",)
        people = townspeople(secrets.randbits(32), numbers=callers, dnis=numbers)
        town = Town(switch, time, people, per_hour=per_hour)
    return VirtualFloor(switch, town, NoPhones())


class AsteriskFloor:
    """Our own Asterisk: configuration, process, ARI, prompts, link."""

    kind = "asterisk"

    def __init__(
        self,
        settings: Settings,
        site: Site,
        install: AsteriskInstall,
        speech: SpeechTools | None,
    ) -> None:
        folder = settings.asterisk_folder or settings.var / "asterisk"
        self.layout = Layout(folder.absolute())
        self._site = site
        self._settings = settings
        identity = self.layout.identity(_wanted_ports(settings))
        self.config = self._config(site, identity)
        trunk = next((t.name for t in self.config.trunks if t.contact), "")
        self._dialplan = _dialplan(site, identity.ports.agi, trunk)
        text = self._dialplan.text() + DEMO_DIALPLAN
        files = render(self.config, self.layout, install, identity, text)
        self.server = AsteriskServer(install, self.layout, identity, files)
        self.ari = AriClient(identity, self.config)
        caller = DEMO_WEB_CALLER if settings.demo else ("", "")
        self.phones = AsteriskPhones(self.ari, identity.ports.http, self._web_target, caller)
        self._prompts = _prompt_store(self.layout, settings, speech)
        self.link = AsteriskLink(
            LINK,
            ami=AmiSettings(identity.ports.ami, identity.ami_user, identity.ami_secret),
            agi_port=identity.ports.agi,
            prompt_path=self._prompt_path,
            trunk=trunk,
            dialling=DialRules(
                tuple({*site.callback_numbers.allow, *site.transfer_numbers.allow}),
                tuple({*site.callback_numbers.refuse, *site.transfer_numbers.refuse}),
            ),
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def _config(self, site: Site, identity: Identity) -> AsteriskConfig:
        config = asterisk_config(self._settings, site, desk_secrets(self._settings.var, site))
        if self._settings.demo and not any(trunk.contact for trunk in config.trunks):
            return replace(config, trunks=(*config.trunks, demo_trunk(identity)))
        return config

    def _web_target(self) -> str:
        return next(iter(self._site.numbers), "100")

    async def _prompt_path(self, prompt: Prompt) -> str:
        if self._prompts is None:
            raise PromptFailed("there is no synthesiser: install espeak-ng and sox")
        return str(await self._prompts.path(prompt))

    async def start(self) -> None:
        """Start Asterisk, or take over the one that outlived us. Raises `AsteriskFailed`."""
        began = await self.server.start()
        log.info("asterisk is running", how=began.value, version=self.server.install.version)
        keeping = asyncio.create_task(keep_running(self.server, self.link.switch_ended))
        self._tasks.add(keeping)

    async def begin(self) -> None:
        task = asyncio.create_task(self._prerender())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def back(self) -> None:
        await self.phones.push_again()

    async def reload(self, site: Site) -> None:
        server = self.server
        config = self._config(site, server.identity)
        dialplan = _dialplan(site, self._dialplan.agi_port, self._dialplan.trunk)
        text = dialplan.text() + DEMO_DIALPLAN
        files = render(config, self.layout, server.install, server.identity, text)
        self._site, self.config, self._dialplan = site, config, dialplan
        await server.reload(files)
        await self.begin()

    async def _prerender(self) -> None:
        if self._prompts is not None:
            failed = await self._prompts.prerender(common_prompts(self._site))
            for prompt, why in failed:
                log.warning("prompt cannot be rendered", text=prompt.text[:60], why=why)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ari.close()
        if self._prompts is not None:
            await self._prompts.close()
        await self.server.stop()


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


def _prompt_store(
    layout: Layout, settings: Settings, speech: SpeechTools | None
) -> PromptStore | None:
    if speech is None or settings.synthesiser == "none":
        return None
    recordings = settings.site_folder.absolute() / "recordings"
    return PromptStore(layout.sounds, EspeakSynthesiser(speech), speech, recordings)


def _dialplan(site: Site, agi_port: int, trunk: str) -> Dialplan:
    away = site.when_away
    return Dialplan(
        link=LINK,
        agi_port=agi_port,
        trunk=trunk,
        fallback=f"PJSIP/desk-{away.ring}" if away.ring else "",
        fallback_ring_s=int(away.ring_s),
        away_s=int(away.after_s),
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


def asterisk_config(settings: Settings, site: Site, desks: dict[str, str]) -> AsteriskConfig:
    """What the site wants of its Asterisk."""
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
    )
    return AsteriskConfig(
        agents=lines,
        trunks=trunks,
        sip_address=settings.sip_address,
        public_address=settings.public_address,
        local_networks=settings.local_networks,
        stun_server=settings.stun_server,
    )


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
