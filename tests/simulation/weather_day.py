"""A day of the whole router in bad weather; as a program it prints the day's journal.

python -m tests.simulation.weather_day 17
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sys

import structlog

from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.site import Site
from agent_console.ports import Refusal
from callcenter import restart
from cti.virtual.callers import Customer
from cti.virtual.phones import Reaction, always, careless
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from cti.virtual.weather import EVERY, FAIR, Weather
from reporting.figures import Tally, check_books
from tests.callcenter.conftest import SITE, START, Center, Dice, MemoryJournal

STEPS = 150
OUTSIDE = "+12025550177"
ALONE = ("transfer", "consult", "consult", "consult", "park", "mute", "record", "send_digits")
TOGETHER = ("swap", "conference", "conference", "complete", "end_leg", "consult", "mute", "hold")
SPELLS_S = 120.0  # fair weather after a bad one must be over within this time


def weather_of(dice: random.Random) -> Weather:
    """Some of everything: often none of it, sometimes a lot."""

    def share(most: float) -> float:
        return dice.choice((0.0, most / 10, most)) * dice.random()

    return Weather(
        fact_delay_s=dice.choice((0.0, 0.005, 0.2)),
        order_delay_s=dice.choice((0.0, 0.005, 0.2)),
        late=share(0.1),
        late_s=dice.uniform(0.1, 4.0),
        lost=share(0.1),
        twice=share(0.3),
        noticed_after_s=dice.uniform(0.5, 10.0),
        break_every_s=dice.choice((0.0, 40.0, 300.0)),
        break_s=dice.uniform(0.1, 8.0),
        refused={EVERY: share(0.1), "OfferCall": share(0.3), "RunStep": share(0.3)},
        unknown={EVERY: share(0.05)},
    )


async def in_fair_weather(reaction: Reaction) -> Center:
    """A center whose phones all react like that, on a switch in weather that may change."""
    time = VirtualTime(START)
    switch = VirtualSwitch(
        "virtual", time, phones=always(reaction), agents=SITE.agents, weather=FAIR
    )
    return await Center(time, switch, MemoryJournal(), Engine(Site())).start()


class Day:
    """`await Day(seed).run()`: bad weather, or `weather`, then fair till the last call is over."""

    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self.dice = Dice(seed)
        outcomes = ("answer", "answer", "busy", "no answer")
        self.weather = weather_of(self.dice) if weather is None else weather
        time = VirtualTime(START)
        self.switch = VirtualSwitch(
            "virtual",
            time,
            phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05),
            customers=lambda number: Customer(
                self.dice.choice(outcomes), self.dice.uniform(0, 20), self.dice.uniform(1, 60)
            ),
            agents=SITE.agents,
            weather=self.weather,
            seed=seed,
        )
        self.journal = MemoryJournal()
        engine = Engine(Site())
        self.center = Center(time, self.switch, self.journal, engine)
        tokens = random.Random(f"{seed}/tokens")
        self.center.floor._token = lambda: f"{tokens.getrandbits(64):016x}"
        self.checked = CheckedEngine(engine)
        self.center.router.routing.engine.engine = self.checked  # type: ignore[attr-defined]

    async def run(self) -> None:
        """Raises when an invariant is broken, or the day does not end."""
        center = await self.center.start()
        for _ in range(STEPS):
            await self.dice.happen(center, 1)
            for agent in self.dice.sample(sorted(SITE.agents), 3):
                with contextlib.suppress(Refusal):
                    await self._controls(agent)
        assert self.switch.passage is not None
        self.switch.passage.weather = FAIR
        await center.run(SPELLS_S)
        await center.drain()
        self.checked.ledger.drained()
        self.checked.ledger.demand()

    async def _controls(self, agent: str) -> None:
        """Somebody does something with a call: their own, or another's."""
        floor, dice = self.center.floor, self.dice
        call = self.center.router.call_of(agent)
        if call is None:
            await self._meddles(agent)
            return
        mine, legs = call.call_id, list(call.legs)
        other = dice.choice(sorted(SITE.agents))
        kind, to = dice.choice(
            (("agent", other), ("number", OUTSIDE), ("queue", "support"), ("flow", "main"))
        )
        deed = dice.choice(TOGETHER if legs else ALONE)
        match deed:
            case "transfer":
                await floor.transfer(agent, mine, kind, to)
            case "consult":
                number = kind == "number"
                whom = ("number", OUTSIDE) if number else ("agent", other)
                await floor.consult(agent, mine, *whom)
            case "end_leg" if legs:
                await floor.end_leg(agent, mine, dice.choice(legs))
            case "swap" | "conference" | "complete" | "park" | "hold":
                await getattr(floor, deed)(agent, mine)
            case "mute":
                await floor.mute(agent, mine, dice.random() < 0.5)
            case "record":
                action = dice.choice(("start", "pause", "resume", "stop"))
                await floor.record(agent, mine, action)
            case "send_digits":
                await floor.send_digits(agent, mine, "12#")

    async def _meddles(self, agent: str) -> None:
        floor, dice = self.center.floor, self.dice
        answered = dice.random() < 0.6
        calls = [
            call.call_id
            for call in self.center.router.book.calls.values()
            if (call.answered is not None) is answered and call.ended is None
        ]
        if dice.random() < 0.1:
            await floor.dial(agent, OUTSIDE, "sales")
        if not calls:
            return
        call = dice.choice(calls)
        deeds = ("supervise", "supervise", "take_over", "off") if answered else ("pick", "assign")
        match dice.choice(deeds):
            case "pick":
                await floor.pick(agent, call)
            case "assign":
                await floor.assign("sam", call, agent)
            case "supervise":
                await floor.supervise(agent, call, dice.choice(("listen", "whisper", "barge")))
            case "take_over":
                await floor.take_over(agent, call)
            case "off":
                await floor.supervise(agent, call, "off")

    def tally(self) -> Tally:
        total = Tally()
        intervals = self.center.fold.intervals
        assert intervals is not None
        for tally in intervals.tallies.values():
            total += tally
        return total

    async def check(self) -> None:
        """After the day: every call ended once and is counted, and the journal says the same."""
        records = self.center.fold.calls.values()
        assert not [record.call_id for record in records if record.ended is None]
        assert check_books(self.tally()) == 0
        kept = await restart.load(self.journal)
        again = Center(self.center.time, self.switch, self.journal, restart.engine_of(kept))
        await restart.replay(self.journal, kept, again.router)
        assert again.router.engine.snapshot() == self.center.router.engine.snapshot()
        assert again.router.book.calls == self.center.router.book.calls
        assert again.fold.calls == self.center.fold.calls

    def written(self) -> bytes:
        """The journal, a line for each entry."""
        lines = (
            f"{x.seq} {x.at!r} {x.stream} {x.kind} {x.call_id} ".encode() + x.data + b"\n"
            for x in self.journal.entries
        )
        return b"".join(lines)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    day = Day(int(sys.argv[1]))
    asyncio.run(day.run())
    sys.stdout.buffer.write(day.written())


if __name__ == "__main__":
    main()
