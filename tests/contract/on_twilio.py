"""The contract suite's driver for Twilio: its webhooks and REST, simulated over real HTTP.

The people are those of the simulation, whose time runs `SPEED` times as fast as the clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from cti.calls import Phone, PhoneKind
from cti.link import FactSink, SwitchLink
from cti.twilio.link import TwilioLink
from tests.contract.driver import AGENTS, GONE
from tests.cti.twilio.conftest import RULES, World
from tests.cti.twilio.fake_twilio import BY_HAND
from tests.cti.twilio.fake_twilio import Leg as TwilioLeg
from tests.cti.twilio.fake_twilio import Phone as TwilioPhone

SPEED = 10.0
SLOTS = 8
POLL_S = 0.02
RINGS_WITHIN_S = 5.0
OUR_NUMBER = "+14165550100"


class OnTwilio:
    """Satisfies `Driver`."""

    name = "twilio"
    slots = SLOTS
    unlike: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._link: TwilioLink | None = None
        self._world: World | None = None
        self._sink: FactSink | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="cc-contract-")
        self._callers: dict[str, TwilioLeg] = {}

    @property
    def link(self) -> SwitchLink:
        assert self._link is not None
        return self._link

    @property
    def world(self) -> World:
        assert self._world is not None
        return self._world

    async def start(self, sink: FactSink) -> None:
        world = self._world = World(Path(self._folder.name), SPEED)
        await world.start()
        world.twilio.phones = {
            address: TwilioPhone(BY_HAND)
            for slot in range(SLOTS)
            for address in (
                *(f"client:{self.agent(name, slot)}" for name in AGENTS),
                *(self.outside(number, slot) for number in (0, 1)),
            )
        }
        world.twilio.phones[f"client:{GONE}"] = TwilioPhone("silent")
        self._sink = sink
        await self._open()

    async def _open(self) -> None:
        """A link, until it is up."""
        assert self._sink is not None
        world = self.world
        everybody = [self.agent(name, slot) for slot in range(SLOTS) for name in AGENTS]
        self._link = TwilioLink(
            self.name,
            world.settings(phones=tuple((a, PhoneKind.BROWSER) for a in (*everybody, GONE))),
            dialling=RULES,
            later=world.time.later,
            clock=world.time.monotonic,
        )
        await self._link.start(self._sink)
        world.center = SimpleNamespace(link=self._link)  # type: ignore[assignment]
        async with asyncio.timeout(10):
            while not self._link.up:
                await asyncio.sleep(POLL_S)

    async def restart(self) -> None:
        assert self._link is not None
        self.world.center = None
        await self._link.stop()
        await self._open()

    async def stop(self) -> None:
        await self.world.stop()
        self._folder.cleanup()
        twilio = self.world.twilio
        assert (twilio.violations, twilio.errors) == ([], [])

    # Who is who ----------------------------------------------------------------------------

    def agent(self, name: str, slot: int) -> str:
        return name if name == GONE else f"{name}{slot}"

    def phone(self, agent: str) -> Phone:
        return Phone(PhoneKind.BROWSER, agent)

    def outside(self, number: int, slot: int) -> str:
        return f"+1416557{slot:02d}0{number}"

    def caller(self, slot: int) -> str:
        return f"+1416556{slot:04d}"

    # People --------------------------------------------------------------------------------

    async def call_in(self, caller: str) -> None:
        self._callers[caller] = self.world.twilio.call_in(caller, OUR_NUMBER)

    async def presses(self, caller: str, keys: str) -> None:
        self._callers[caller].press(keys)

    async def answers(self, who: str) -> None:
        await self._tell(who, "answer")

    async def refuses(self, who: str) -> None:
        await self._tell(who, "busy")

    async def _tell(self, who: str, what: str) -> None:
        await self.until(lambda: bool(self._legs_of(who)), RINGS_WITHIN_S)
        for leg in self._legs_of(who):
            leg.does.put_nowait(what)

    async def hangs_up(self, who: str) -> None:
        for leg in [self._callers[who]] if who in self._callers else self._legs_of(who):
            if leg.live:
                leg.hang_up()

    def _legs_of(self, who: str) -> list[TwilioLeg]:
        address = who if who.startswith("+") else f"client:{who}"
        return [leg for leg in self.world.twilio.live if leg.to == address]

    # Looking -------------------------------------------------------------------------------

    async def until(self, so: Callable[[], bool], within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not so():
                    await asyncio.sleep(POLL_S)
        return so()

    async def nothing_left(self, slot: int) -> str:
        everybody = [self.agent(name, slot) for name in AGENTS]
        everybody += [self.outside(number, slot) for number in (0, 1)]

        def left() -> list[str]:
            return [who for who in everybody if self._legs_of(who)]

        await self.until(lambda: not left(), 5.0)
        return ", ".join(left())
