"""The contract suite's driver for the virtual switch, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from cti.calls import Phone, PhoneKind
from cti.link import FactSink, SwitchLink
from cti.virtual.callers import BY_HAND, Caller, Customer
from cti.virtual.phones import Act, Reaction
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from tests.contract.driver import GONE

TICK_S = 0.05


class OnVirtual:
    """Satisfies `Driver`. One scenario at a time: none waits for the clock."""

    name = "virtual"
    slots = 1
    unlike: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._time = VirtualTime(1_800_000_000.0)
        self._switch = VirtualSwitch(
            self.name, self._time, phones=_phone, customers=lambda number: Customer(BY_HAND)
        )
        self._count = 0
        self._sink: FactSink | None = None

    @property
    def link(self) -> SwitchLink:
        return self._switch

    async def start(self, sink: FactSink) -> None:
        self._sink = sink
        await self._switch.start(sink)

    async def stop(self) -> None:
        await self._switch.stop()

    async def restart(self) -> None:
        assert self._sink is not None
        self._switch.disconnect()
        self._switch.connect(self._sink)

    def agent(self, name: str, slot: int) -> str:
        return name

    def phone(self, agent: str) -> Phone:
        return Phone(PhoneKind.BROWSER, agent)

    def outside(self, number: int, slot: int) -> str:
        return f"+1416555030{number}"

    def caller(self, slot: int) -> str:
        return f"+1416555{self._count:04d}"

    async def call_in(self, caller: str) -> None:
        self._switch.call_in(Caller(caller, "100"))

    async def presses(self, caller: str, keys: str) -> None:
        self._switch.people.presses(caller, keys)

    async def answers(self, who: str) -> None:
        self._switch.people.picks_up(who)

    async def refuses(self, who: str) -> None:
        self._switch.people.says_no(who)

    async def hangs_up(self, who: str) -> None:
        self._switch.people.hangs_up(who)

    async def until(self, so: Callable[[], bool], within_s: float) -> bool:
        end = self._time.now() + within_s
        self._time.settle()
        while not so() and self._time.now() < end:
            self._time.run(until=self._time.now() + TICK_S)
            await asyncio.sleep(0)
        return so()

    async def nothing_left(self, slot: int) -> str:
        self._count += 1  # the next caller is somebody else
        return ", ".join(self._switch.live)


def _phone(agent: str) -> Reaction:
    return Reaction(Act.UNREACHABLE if agent == GONE else Act.BY_HAND)
