"""A busy morning at the demonstration's desks, in a real journal: a kill in the middle, lunch, and
a meeting of sales, who close their queue for it.

The same on each run: all chance is from one seed. On the virtual switch, in virtual time.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from acd import facts as f
from agent_console.ports import Refusal
from callcenter import restart
from cti.virtual.callers import Caller
from cti.virtual.phones import Act, Reaction
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from reporting.store import History
from storage.database import opened
from storage.journal import Journal
from tests.callcenter.conftest import SITE, Center

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=ZoneInfo("America/Toronto")).timestamp()
ON_DUTY = ("anna", "ben", "dana", "emeka")
PATIENCE_S = 100.0
TALK_S = 150.0
PER_HOUR = 85.0
LASTS_S = 2.5 * 3600.0
CLOSED = (MORNING + 0.8 * LASTS_S, MORNING + 0.85 * LASTS_S)
BACK_AT_ONCE = ("no answer", "connection lost")


class Morning:
    """The switch with its callers and phones, and life after life of the process."""

    def __init__(self, engine: Any, seed: int = 1) -> None:
        self.engine = engine
        self.time = VirtualTime(MORNING)
        self.dice = random.Random(seed)
        self.switch = VirtualSwitch("virtual", self.time, phones=self._phone, agents=SITE.agents)

    def _phone(self, agent: str) -> Reaction:
        if self.dice.random() < 0.03:
            return Reaction(Act.IGNORE)
        return Reaction(after_s=self.dice.uniform(1.5, 6.0))

    def _calls(self, left: Any) -> None:
        """Somebody calls who presses English, then sales or support; and the next one will."""
        dice = self.dice
        self.switch.call_in(
            Caller(
                ani=f"+1202555{dice.randrange(10_000):04d}",
                dnis="100",
                digits=("1", dice.choice("12"), *("" for _ in range(9))),
                patience_s=dice.expovariate(1 / PATIENCE_S),
                talk_s=dice.expovariate(1 / TALK_S),
            )
        )
        if next(left, None) is not None:
            self.time.after(dice.expovariate(PER_HOUR / 3600.0), self._calls, left)

    async def begin(self) -> Center:
        journal = Journal(self.engine)
        await journal.open()
        routing = restart.engine_of(await restart.load(journal))
        center = Center(self.time, self.switch, journal, routing, SITE)  # type: ignore[arg-type]
        return await center.start()

    async def work(self, center: Center, until: float) -> None:
        """Agents do what is due till then: ready again, after-call work done, lunch at half."""
        while self.time.now() < until:
            await center.run(min(15.0, until - self.time.now()))
            for agent in ON_DUTY:
                call = center.router.call_of(agent)
                state = center.state(agent)
                missed = center.router.engine.agent_view(agent).reason in BACK_AT_ONCE
                with contextlib.suppress(Refusal):
                    if state == "wrap-up" and call is not None and self.dice.random() < 0.4:
                        await center.floor.wrap_up(agent, call.call_id, "solved", "", "")
                    elif state == "fault" or (state == "not ready" and missed):
                        await center.floor.ready(agent)

    async def live(self) -> None:
        center = await self.begin()
        await center.staff(*ON_DUTY)
        self.time.after(5.0, self._calls, itertools.repeat(0, int(PER_HOUR * LASTS_S / 3600.0)))
        await self.work(center, MORNING + 0.4 * LASTS_S)
        await restart.keep(center.journal, center.router)
        await self.work(center, MORNING + 0.5 * LASTS_S)
        await _on_disk(center)
        center.die()  # kill -9; what the switch does meanwhile, nobody sees
        self.time.run(until=self.time.now() + 20.0)
        center = await self.begin()
        await center.floor.not_ready("dana", "lunch")
        await self.work(center, MORNING + 0.7 * LASTS_S)
        await center.floor.ready("dana")
        await self.work(center, CLOSED[0])
        center.router.act(f.QueueClosed("sales", "meeting", "sam"))
        await self.work(center, CLOSED[1])
        center.router.act(f.QueueOpened("sales", "sam"))
        await self.work(center, MORNING + LASTS_S + 900.0)
        history = History(
            self.engine,
            center.fold,
            zone=SITE.time_zone,
            now=self.time.now,
            limits=center.view.limits,
        )
        await history.save()
        await restart.keep(center.journal, center.router)
        center.die()
        await center.journal.close()  # type: ignore[attr-defined]


async def _on_disk(center: Center) -> None:
    """What is on disk when it dies is the same each time, so that the day is."""
    await center.journal.committed(center.journal.last_seq)  # type: ignore[attr-defined]


async def busy_morning(folder: Path) -> None:
    """Leave the morning's database in `folder`."""
    async with opened(f"sqlite:///{folder}/callcenter.db") as engine:
        await Morning(engine).live()
