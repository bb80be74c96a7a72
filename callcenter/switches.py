"""The switches under the call center: one or several, each brought up by itself.

A switch that does not start is an alarm and is tried again; the others work meanwhile.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp

from agent_console.ports import Phones
from callcenter.access import NoPhones
from config.site import Site
from cti.link import FactSink, SwitchLink
from cti.virtual.callers import townspeople
from cti.virtual.phones import Act, Reaction, always
from cti.virtual.scheduling import RealTime
from cti.virtual.switch import VirtualSwitch
from cti.virtual.town import Town

log = structlog.get_logger("callcenter.switches")

ANSWERS_AFTER_S = 4.0
AGAIN_FIRST_S = 5.0  # a switch that did not start, and from then on twice as long each time
AGAIN_MOST_S = 60.0

Alarm = Callable[[str, dict[str, str] | None], None]


class Switch(Protocol):
    """One switch with everything around it. It is named by its link."""

    @property
    def kind(self) -> str: ...
    @property
    def link(self) -> SwitchLink: ...
    @property
    def phones(self) -> Phones: ...
    @property
    def can_dial(self) -> bool:
        """Whether calls to outside numbers can be placed here."""
        ...

    @property
    def webhooks(self) -> tuple[str, ASGIApp] | None:
        """What wants to be asked over HTTP, and below which path."""
        ...

    async def begin(self) -> None:
        """The router is live: what goes on in the background may start."""
        ...

    async def back(self) -> None:
        """The link found its switch (again)."""
        ...

    def check(self, site: Site) -> None:
        """Whether this configuration can be taken up. Raises `ConfigProblem`."""
        ...

    async def reload(self, site: Site) -> None:
        """The site's configuration changed and was checked; calls go on."""
        ...

    async def let_go(self) -> None:
        """Leave the switch as it is, with its calls; somebody may take it over."""
        ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class VirtualFloor:
    """The virtual switch with callers who keep calling."""

    link: VirtualSwitch
    town: Town | None
    phones: Phones
    kind: str = "virtual"
    can_dial: bool = True
    webhooks: tuple[str, ASGIApp] | None = None

    async def begin(self) -> None:
        if self.town is not None:
            self.town.start()

    async def back(self) -> None:
        return

    def check(self, site: Site) -> None:
        return

    async def reload(self, site: Site) -> None:
        return

    async def let_go(self) -> None:
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


Build = Callable[[], Awaitable[Switch]]
"""Brings one switch up, before its link connects. Raises when it does not start."""


class Switches:
    """All switches by name; `up` are those that have started.

    `on_new` is told of each switch that has started, before its link connects.
    """

    def __init__(
        self,
        builds: Mapping[str, Build],
        *,
        alarm: Alarm,
        spawn: Callable[[Awaitable[Any]], None],
        on_new: Callable[[Switch], None],
    ) -> None:
        self.up: dict[str, Switch] = {}
        self._builds = dict(builds)
        self._alarm = alarm
        self._spawn = spawn
        self._on_new = on_new
        self._late: list[str] = []
        self._sink: FactSink | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all switches, also those that have not started yet."""
        named = [name for name in self._builds if name in self.up or name in self._late]
        return tuple(dict.fromkeys((*named, *self.up)))

    @property
    def kind(self) -> str:
        """ "asterisk" where one of them is, as browsers can phone there; else the first's kind."""
        kinds = [switch.kind for switch in self.up.values()]
        return "asterisk" if "asterisk" in kinds else kinds[0]

    @property
    def outgoing(self) -> Sequence[str]:
        """The switches that calls to outside numbers may be placed on, in the site's order."""
        return [name for name in self.up if self.up[name].can_dial]

    def phones_of(self, name: str) -> Phones | None:
        """The browser phones' log-ins at one switch, None where there are none."""
        switch = self.up.get(name)
        return switch.phones if switch is not None and switch.phones.sip_url() else None

    @property
    def any_up(self) -> bool:
        return any(switch.link.up for switch in self.up.values())

    def is_up(self, name: str) -> bool:
        """Whether a switch has started and its link has it."""
        return name in self.up and self.up[name].link.up

    async def start(self) -> None:
        """Bring all of them up, side by side. Raises what the first says when none starts."""
        names = tuple(self._builds)
        outcomes = await asyncio.gather(*map(self._bring_up, names), return_exceptions=True)
        failed = {n: o for n, o in zip(names, outcomes, strict=True) if o is not None}
        for name, error in failed.items():
            if not isinstance(error, Exception) or len(failed) == len(names):
                raise error
            self._not_started(name, error)
        self._late = list(failed)

    async def connect(self, sink: FactSink) -> None:
        """Let the links report. What has not started yet follows as soon as it has."""
        self._sink = sink
        for name in list(self.up):
            try:
                await self.up[name].link.start(sink)
            except OSError as error:
                if len(self.up) == 1 and not self._late:
                    raise
                await self.up.pop(name).let_go()
                self._not_started(name, error)
                self._late.append(name)
        for name in self._late:
            self._spawn(self._start_late(name))

    async def begin(self) -> None:
        for switch in list(self.up.values()):
            await switch.begin()

    async def back(self, name: str) -> None:
        if name in self.up:
            await self.up[name].back()

    async def reload(self, site: Site) -> None:
        """Raises `ConfigProblem` before anything has changed.

        A switch that does not take it (it hangs, say) is an alarm: it keeps what it has.
        """
        for switch in self.up.values():
            switch.check(site)
        for name, switch in list(self.up.items()):  # one may start meanwhile
            try:
                await switch.reload(site)
            except Exception as error:
                log.exception("a switch did not take the new configuration", switch=name)
                self._alarm(f"switch-reload-{name}", _not_reloaded(name, str(error)[:300]))
            else:
                self._alarm(f"switch-reload-{name}", None)

    async def disconnect(self) -> None:
        """Let go of the switches; calls live on there."""
        self._sink = None
        await asyncio.gather(*(switch.link.stop() for switch in self.up.values()))

    async def stop(self) -> None:
        stops = (switch.stop() for switch in self.up.values())
        for outcome in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(outcome, BaseException):
                log.error("a switch did not stop", exc_info=outcome)

    async def _bring_up(self, name: str) -> None:
        switch = await self._builds[name]()
        self.up[switch.link.name] = switch
        self.up = {name: self.up[name] for name in self.names if name in self.up}
        self._on_new(switch)

    async def _start_late(self, name: str) -> None:
        wait_s = AGAIN_FIRST_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(AGAIN_MOST_S, wait_s * 2)
            if self._sink is None:
                return  # we are stopping
            try:
                await self._bring_up(name)
                await self.up[name].link.start(self._sink)
            except Exception as error:
                if (switch := self.up.pop(name, None)) is not None:
                    await switch.let_go()
                self._not_started(name, error)
                continue
            self._alarm(f"switch-start-{name}", None)
            log.warning("a switch has started late", switch=name)
            await self.up[name].begin()
            return

    def _not_started(self, name: str, error: Exception) -> None:
        log.error("a switch does not start", switch=name, why=str(error)[-2000:])
        why = str(error)[:300]
        self._alarm(
            f"switch-start-{name}",
            {
                "en": f"Switch {name} does not start, the others work: {why}",
                "zh": f"交换机 {name} 无法启动，其他交换机正常工作：{why}",
            },
        )


def _not_reloaded(name: str, why: str) -> dict[str, str]:
    return {
        "en": f"Switch {name} did not take the new configuration and keeps the old one: {why}",
        "zh": f"交换机 {name} 未能采用新配置，继续使用旧配置：{why}",
    }
