"""kill -9 of our process, again and again, with callers everywhere."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from callcenter.pastdays.reading import Rerun, start_before
from callcenter.pastdays.same import compare
from cti.asterisk.ami import AmiError
from storage.database import open_engine
from storage.journal import Journal
from tools.lab.console import Console, Refused
from tools.lab.network import CALLER_TONE_HZ, DESK_TONE_HZ, Caller, complete

if TYPE_CHECKING:
    from tests.e2e.conftest import World

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]

KILLS = int(os.environ.get("CALLCENTER_KILLS", "20"))
QUICK, MENU = "303", "310"
BARE, BARE_MENU = "305", "315"
LONGEST_GAP_S = 0.5
FINAL = ("answered", "abandoned", "overflowed", "callback", "withdrawn", "switch-lost")


@dataclass
class Round:
    """Who is where when our process dies."""

    number: int
    ringing: Caller
    menu: Caller
    waiting: list[Caller]
    late: Caller
    entered: dict[str, float] = field(default_factory=dict)  # by the caller's number
    gone: list[Caller] = field(default_factory=list)


class Story:
    """The same four people on the floor over all rounds, and one conversation that goes on."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.outcomes: dict[str, str] = {}  # what must have become of each caller
        self.up_in_s: list[float] = []

    async def begin(self) -> None:
        world = self.world
        self.boss = await world.boss()
        self.anna = await world.agent("anna")
        self.talker = await world.lines.call(QUICK, world.stranger())
        self.outcomes[self.talker.ani] = "answered"
        await self.anna.until_state("talking")
        self.ben = await world.agent("ben", act="ring", ready=False)
        self.chen = await world.agent("chen", ready=False)
        self.consoles = (self.boss, self.anna, self.ben, self.chen)

    async def fill(self, number: int) -> Round:
        """One caller rings at Ben, one is in the menu, three wait, one is just arriving."""
        world, lines = self.world, self.world.lines
        await lines.phone("ben", "ring")
        await self.ben.do("ready")
        menu = await lines.dial(MENU, world.stranger())
        rung = sum(who == "deskben" for who, _ in lines.rung)
        ringing = await lines.call(QUICK, world.stranger())
        await lines.until_rung("deskben", rung + 1)
        waiting = []
        for _ in range(3):
            caller = await lines.call(QUICK, world.stranger())
            await world.row(caller.ani, outcome="waiting")
            waiting.append(caller)
        await world.row(menu.ani, outcome="in menu")
        order = [caller.ani for caller in waiting]
        await self.boss.until(lambda: [r["caller_ani"] for r in self.line()] == order, "the line")
        entered = {row["caller_ani"]: row["entered"] for row in self.line()}
        late = await lines.dial(QUICK, world.stranger())
        await asyncio.sleep(self.dice.uniform(0.0, 0.25))
        return Round(number, ringing, menu, waiting, late, entered)

    def line(self) -> list[dict[str, Any]]:
        """The waiting callers as the supervisor sees them, by position, with their numbers."""
        rows = sorted(self.boss.all("waiting"), key=lambda row: row["position"])
        return [
            row | {"caller_ani": (self.boss.get(f"call:{row['call_id']}") or {}).get("ani", "")}
            for row in rows
        ]

    async def die_and_come_back(self, now: Round) -> None:
        """What happens meanwhile differs from round to round."""
        center = self.world.center
        before = [console.snapshots for console in self.consoles]
        center.kill()
        match now.number % 3:
            case 1:  # the second in the line gives up while nobody of ours is there
                await now.waiting[1].hang_up()
                now.gone.append(now.waiting.pop(1))
            case 2:  # the agent picks up while nobody of ours is there
                await self.world.lines.phone("ben", "answer")
        began = time.monotonic()
        center.spawn()
        await asyncio.to_thread(center.wait_ready, 30.0)
        self.up_in_s.append(time.monotonic() - began)
        for console, count in zip(self.consoles, before, strict=True):
            await console.until(
                lambda console=console, count=count: (
                    console.connected and console.snapshots > count
                ),
                "the console's return",
            )

    async def check_nothing_is_lost(self, now: Round) -> None:
        expected = [caller.ani for caller in now.waiting]

        def in_line() -> list[dict[str, Any]] | None:
            line = [row for row in self.line() if row["caller_ani"] in now.entered]
            return line if [row["caller_ani"] for row in line] == expected else None

        line = await self.boss.until(in_line, f"the line {expected}")
        for row in line:
            assert row["entered"] == pytest.approx(now.entered[row["caller_ani"]], abs=0.01)
        assert self.anna.state == "talking"
        assert self.anna.call is not None
        assert self.anna.call["ani"] == self.talker.ani
        assert self.chen.state == "not ready"
        if now.number % 3 != 2:
            assert self.ben.state == "reserved", "the phone stopped ringing"
            await self.world.lines.phone("ben", "answer")
        desk = await self.ben.until_state("talking")
        assert desk["call"]["ani"] == now.ringing.ani

    async def drain(self, now: Round) -> None:
        """The menu goes on, and everybody is served in the order of arrival."""
        world, boss = self.world, self.boss
        await world.row(now.late.ani, outcome="waiting")
        for _ in range(20):  # as a caller would, who hears the question again
            await now.menu.press("1")
            if any(row["caller_ani"] == now.menu.ani for row in self.line()):
                break
            await asyncio.sleep(0.3)
        order = [caller.ani for caller in (*now.waiting, now.late, now.menu)]
        await boss.until(lambda: [r["caller_ani"] for r in self.line()] == order, f"line {order}")
        served = []
        await self.chen.do("ready")
        for caller in (*now.waiting, now.late, now.menu):
            desk = await self.chen.until_state("talking")
            served.append(desk["call"]["ani"])
            await caller.hang_up()
            last = caller is now.menu
            await self.chen.wrap_up(then="not_ready" if last else "ready")
        assert served == order
        await self.chen.until_state("not ready")
        await now.ringing.hang_up()
        await self.ben.wrap_up(then="not_ready")
        await self.ben.until_state("not ready")
        for caller in (now.ringing, *now.waiting, now.late, now.menu):
            self.outcomes[caller.ani] = "answered"
        for caller in now.gone:
            self.outcomes[caller.ani] = "abandoned"

    async def end(self) -> None:
        await self.talker.hang_up()
        await self.anna.wrap_up()
        for recording, tone in (
            (await self.talker.heard(), DESK_TONE_HZ),
            (await complete(self.world.lines.last_heard("deskanna")), CALLER_TONE_HZ),
        ):
            assert recording.longest_gap_s(tone) <= LONGEST_GAP_S
            assert recording.tone_s(tone) > recording.length_s - 1.5


async def told_once(console: Console, calls: list[dict[str, Any]]) -> None:
    """Each call ends once, and leaves its queue once."""
    for row in calls:
        record = await console.ask(f"/api/calls/{row['call_id']}")
        kinds = [entry["kind"] for entry in record["timeline"]]
        assert sum(kind in FINAL for kind in kinds) == 1, (row, kinds)
        # Who arrived in the instant of the kill is known only since the switch told of it.
        assert kinds[0] in ("arrived", "adopted"), (row, kinds)
        assert kinds.count("arrived") == (kinds[0] == "arrived"), (row, kinds)
        for once in ("queued", "ended"):
            assert kinds.count(once) == 1, (row, kinds)


async def the_figures_agree(boss: Console, queue: str, books: dict[str, int]) -> None:
    """Live counters are those of the report, and the engine's books never differed from them."""

    def agree() -> bool:
        day = (boss.get(f"figures:queue:{queue}") or {"windows": {"day": {}}})["windows"]["day"]
        names = ("offered", "answered", "abandoned", "flowed_out")
        return all(day.get(name) == books[name] for name in names)

    await boss.until(agree, f"the live figures of {queue} as in {books}")
    assert [alert for alert in boss.all("alert") if alert["rule"] == "books"] == []


async def test_nothing_is_lost_or_counted_twice(world: World) -> None:
    """Callers in the menu, in the line, ringing and talking survive our death, in order."""
    seed = int(os.environ.get("CALLCENTER_SEED", "1"))
    began = time.time()
    story = Story(world, random.Random(seed))
    await story.begin()
    for number in range(KILLS):
        try:
            now = await story.fill(number)
            await story.die_and_come_back(now)
            await story.check_nothing_is_lost(now)
            await story.drain(now)
        except BaseException as error:
            error.add_note(f"in round {number} of seed {seed}")
            raise
    await story.end()

    boss = story.boss
    told = await boss.ask("/api/calls", since=began - 5, until=time.time() + 5, limit=1000)
    calls = told["calls"]
    assert {row["ani"]: row["outcome"] for row in calls} == story.outcomes
    assert len(calls) == len(story.outcomes)
    await told_once(boss, calls)
    books = (await world.books())["quick"]
    answered = sum(outcome == "answered" for outcome in story.outcomes.values())
    assert books == {
        "offered": len(story.outcomes),
        "answered": answered,
        "abandoned": len(story.outcomes) - answered,
        "flowed_out": 0,
        "waiting": 0,
        "callbacks_reached": 0,
    }
    await the_figures_agree(boss, "quick", books)
    assert statistics.median(story.up_in_s) < 10, story.up_in_s
    print(f"\n{KILLS} kills; up again in {min(story.up_in_s):.1f}-{max(story.up_in_s):.1f} s")


class Busy:
    """Agents who work by themselves, and callers who call, wait and give up by themselves."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.over = False
        self.away: list[tuple[float, float]] = []  # from when to when we were dead
        self.ended: dict[str, float] = {}  # when a caller's end was seen

    def nobody_could_know(self, ani: str, talked_s: float) -> bool:
        """Whether a conversation began and ended while we were dead; its end is seen within 1 s."""
        end = self.ended[ani]
        return any(died <= end - talked_s and end - 1.0 <= back for died, back in self.away)

    async def agent(self, console: Console) -> None:
        """Talks for a moment, hangs up or lets the caller do it, wraps up, and again."""
        while not self.over:
            try:
                await console.until(lambda: console.state in ("talking", "wrap-up") or self.over)
                call = console.call
                if console.state == "talking" and call is not None:
                    await asyncio.sleep(self.dice.uniform(0.5, 1.5))
                    await console.do("hang_up", call_id=call["call_id"])
                    await console.until(lambda: console.state != "talking")
                elif console.state == "wrap-up":
                    await console.wrap_up(then="ready")
            except (Refused, AssertionError):
                await asyncio.sleep(0.1)  # the connection went, or the caller was quicker

    async def caller(self) -> None:
        """Waits for a while; who is in the menu presses a key now and then."""
        menu = self.dice.random() < 0.3
        patience_s = self.dice.choice((1.0, 3.0, 10.0, 15.0, 15.0))
        caller = await self.world.lines.dial(BARE_MENU if menu else BARE, self.world.stranger())
        until = time.monotonic() + patience_s
        while time.monotonic() < until and not caller.over:
            await asyncio.sleep(0.5)
            if menu and caller.answered and not caller.over:
                with suppress(AmiError):
                    await caller.press("1")
        await caller.hang_up()
        self.ended[caller.ani] = time.monotonic()

    async def kill(self, times: int) -> None:
        center = self.world.center
        for _ in range(times):
            await asyncio.sleep(self.dice.uniform(2.0, 4.0))
            died = time.monotonic()
            center.kill()
            await asyncio.sleep(self.dice.uniform(0.0, 0.5))
            center.spawn()
            await asyncio.to_thread(center.wait_ready, 60.0)
            self.away.append((died, time.monotonic()))
        await asyncio.sleep(2.0)


async def test_killed_in_the_thick_of_it(world: World) -> None:
    """Whatever we were doing when we died, the books agree with what each caller heard."""
    dice = random.Random(int(os.environ.get("CALLCENTER_SEED", "1")))
    began = time.time()
    before = (await world.books()).get("bare", {})
    busy = Busy(world, dice)
    agents = [await world.agent(name) for name in ("anna", "ben", "chen")]
    working = [asyncio.create_task(busy.agent(console)) for console in agents]
    killing = asyncio.create_task(busy.kill(max(2, KILLS // 4)))
    calling = []
    while not killing.done():
        calling.append(asyncio.create_task(busy.caller()))
        await asyncio.sleep(dice.uniform(0.15, 0.6))
    await killing
    await asyncio.gather(*calling)
    boss = await world.boss()
    for console in agents:
        await console.until_state("ready", timeout_s=30)
    busy.over = True
    await asyncio.gather(*working)

    told = await boss.ask("/api/calls", since=began, until=time.time() + 5, limit=1000)
    outcomes = {row["ani"]: row["outcome"] for row in told["calls"]}
    assert len(outcomes) == len(told["calls"]), "a call is there twice"
    assert all(row["ended"] for row in told["calls"])
    wrong = []
    for caller in world.lines.callers:
        talked_s = (await caller.heard()).tone_s(DESK_TONE_HZ) if caller.answered else 0.0
        outcome = outcomes.pop(caller.ani, "unknown")
        # Who hung up in the very moment of the answer may be either.
        right = {"answered"} if talked_s > 0.2 else {"abandoned", "ended in menu", "unknown"}
        unsure = 0 < talked_s <= 0.2 or busy.nobody_could_know(caller.ani, talked_s)
        if outcome not in right and not (unsure or outcome == "answered"):
            wrong.append((caller.ani, outcome, talked_s))
    assert wrong == []
    assert outcomes == {}, "calls that nobody made"
    after = (await world.books())["bare"]
    await the_figures_agree(boss, "bare", after)
    counts = {name: after[name] - before.get(name, 0) for name in after}
    rows = [row["outcome"] for row in told["calls"]]
    assert counts["answered"] == rows.count("answered")
    assert counts["abandoned"] == rows.count("abandoned")
    assert counts["offered"] == counts["answered"] + counts["abandoned"]
    assert world.center.health()["live_calls"] == 0
    print(f"\n{len(rows)} callers, {rows.count('answered')} answered, {max(2, KILLS // 4)} kills")


async def test_the_journal_comes_to_the_same_decisions_again(world: World) -> None:
    """All that this installation has lived through, each kill included, is decided again alike."""
    engine = open_engine(f"sqlite:///{world.center.var}/callcenter.db")
    try:
        journal = Journal(engine)
        found = await compare(Rerun(journal, await start_before(journal, None)))
    finally:
        await engine.dispose()
    assert found.facts > 0
    assert found.differences == 0, found.first
    print(f"\n{found.facts} facts, {found.decisions} decisions")
