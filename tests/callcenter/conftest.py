"""A whole router on the virtual switch in virtual time, with the demonstration's menus."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from acd.engine import Engine
from acd.site import Site as RoutingSite
from agent_console.live import LiveStore, agent_room
from agent_console.ports import Refusal
from callcenter import restart
from callcenter.board import Board
from callcenter.floor import Floor
from callcenter.menus import Menus
from callcenter.metrics import Metrics
from callcenter.router import Router
from callcenter.siteview import SiteView
from config.check import load_site
from config.settings import DEMO_SITE
from config.site import Site
from cti.virtual.callers import Caller, Customer
from cti.virtual.phones import AT_ONCE, Phones, always
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch, answering
from reporting.intervals import Calendar
from reporting.live import LiveFigures
from reporting.records import RecordFold

START = 1_800_000_000.0
SITE = load_site(DEMO_SITE)


@dataclass(frozen=True)
class Entry:
    """A journal entry as the storage gives it back."""

    seq: int
    at: float
    stream: str
    kind: str
    call_id: str
    data: bytes

    def decode(self) -> Any:
        return msgspec.json.decode(self.data)


class MemoryJournal:
    """The journal's face, in memory; `broken` makes it refuse like a full disk."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.broken = False
        self.healthy = True
        self.commits_left: int | None = None  # then the disk fails
        self.snapshots: list[Any] = []

    def append(self, stream: str, kind: str, call_id: str, data: object, at: float) -> int:
        if self.broken:
            raise RuntimeError("the journal is full")
        seq = len(self.entries) + 1
        self.entries.append(Entry(seq, at, stream, kind, call_id, msgspec.json.encode(data)))
        return seq

    async def committed(self, seq: int, timeout_s: float = 5.0) -> None:
        if self.commits_left is not None:
            self.commits_left -= 1
        if not self.healthy or (self.commits_left or 0) < 0:
            raise RuntimeError("not on disk")

    @property
    def last_at(self) -> float:
        return max((entry.at for entry in self.entries), default=0.0)

    async def read(self, after_seq: int = 0) -> AsyncIterator[Entry]:
        for entry in self.entries[after_seq:]:
            yield entry

    async def load_snapshot(self, *, before: int | None = None) -> Any:
        known = [one for one in self.snapshots if before is None or one.seq < before]
        return known[-1] if known else None

    async def save_snapshot(self, seq: int, at: float, blob: bytes) -> None:
        self.snapshots.append(SimpleNamespace(seq=seq, at=at, blob=blob))

    def kinds(self, call_id: str = "") -> list[str]:
        return [e.kind for e in self.entries if not call_id or e.call_id == call_id]


class NoCustomers:
    """Customer records for the floor: one known customer."""

    def __init__(self) -> None:
        self.contacts: list[tuple[str, dict[str, str]]] = []
        self.away = 0  # how often they fail

    async def choose(self, call_id: str, customer_id: str) -> str | None:
        return "Grace Chen" if customer_id == "c1" else None

    async def create(self, call_id: str, fields: Mapping[str, str]) -> tuple[str, str]:
        if not fields.get("name"):
            raise ValueError("A name is needed.")
        return "c2", fields["name"]

    async def contact(self, customer_id: str, **what: str) -> None:
        if self.away > 0:
            self.away -= 1
            raise OSError("the records are away")
        self.contacts.append((customer_id, what))


class Center:
    """One life of the process: built on a journal and a switch that may be older than it."""

    def __init__(
        self,
        time: VirtualTime,
        switch: VirtualSwitch,
        journal: MemoryJournal,
        engine: Engine,
        site: Site = SITE,
    ) -> None:
        self.site = site
        self.time = time
        self.switch = switch
        self.journal = journal
        self.work: list[asyncio.Task[None]] = []
        self.postponed: list[Awaitable[None]] | None = None  # a list: work waits in there
        self.dead = False
        self.view = SiteView(lambda: self.site)
        calendar = Calendar(site.time_zone)
        self.figures = LiveFigures(calendar, self.view.limits)
        self.fold = RecordFold(intervals=self.figures, sentence=self.view.sentence)
        menus = Menus(
            self.view,
            committed=journal.committed,
            customer_of=lambda call_id: {},
            spawn=self._spawn,
        )
        metrics = Metrics()
        self.router = Router(
            engine=engine,
            journal=journal,
            fold=self.fold,
            menus=menus,
            metrics=metrics,
            now=time.now,
            caller_id=self.view.caller_id,
            address=self.view.phone_address,
            later=lambda delay, action: time.after(
                delay, lambda _: None if self.dead else action()
            ),
        )
        self.router.links[switch.name] = switch
        self.store = LiveStore()
        self.board = Board(
            store=self.store,
            router=self.router,
            engine=engine,
            fold=self.fold,
            figures=self.figures,
            metrics=metrics,
            site=lambda: self.site,
            local=self.view.local,
        )
        self.customers = NoCustomers()
        self.floor = Floor(
            self.router,
            journal,
            self.customers,
            dispositions=lambda: {one.id for one in site.dispositions},
            phones=lambda agent: {phone.kind for phone in site.agents[agent].phones},
            spawn=self._spawn,
            skills=lambda: site.skills,
            token=lambda: f"{self.router.last_seq:016x}",  # the same on each run of a seed
        )

    def _spawn(self, work: Awaitable[None]) -> None:
        if self.postponed is not None:
            self.postponed.append(work)
            return

        async def run() -> None:
            await work

        self.work.append(asyncio.get_running_loop().create_task(run()))

    async def start(self) -> Center:
        kept = await restart.load(self.journal)
        last_at = self.journal.last_at
        await restart.replay(self.journal, kept, self.router)
        away_s = self.time.now() - last_at if last_at else 0.0
        restart.take_up(self.router, self.site.routing(), away_s)
        self.router.board = self.board
        self.board.touch_all()
        self.switch.connect(self.router.receive)
        await self.run(0.0)
        for agent in self.router.phones.chosen:  # browsers reconnect within a second or two
            await self.floor.console_back(agent)
        return self

    async def run(self, seconds: float) -> None:
        """Let virtual time pass; what was spawned gets its turn at every step."""
        until = self.time.now() + seconds
        self.time.settle()
        await self._turns()
        while (due := self.time.next_at()) is not None and due <= until:
            self.time.step()
            self.time.settle()
            await self._turns()
        self.time.time = max(self.time.time, until)

    async def until(self, what: Callable[[], bool], within_s: float = 60.0) -> None:
        """Let time pass till something is so."""
        for _ in range(int(within_s / 0.1)):
            if what():
                return
            await self.run(0.1)
        raise AssertionError("it never came to that")

    async def _turns(self) -> None:
        self.work = [task for task in self.work if not task.done() or task.result() is not None]
        while self.work:
            task = self.work.pop()
            await task
            self.time.settle()

    async def staff(self, *agents: str) -> None:
        """Sign in and press Ready."""
        for agent in agents:
            await self.floor.sign_in(agent, "browser")
            await self.floor.ready(agent)

    def caller(self, **how: Any) -> Caller:
        """By default somebody who presses English, sales."""
        given: dict[str, Any] = {"ani": "+12025550100", "dnis": "100", "digits": ("1", "1")}
        return Caller(**{**given, **how})

    def call(self, **how: Any) -> str:
        """Somebody calls; see `caller`."""
        return self.switch.call_in(self.caller(**how))

    def state(self, agent: str) -> str:
        return self.router.engine.agent_view(agent).state

    async def drain(self) -> None:
        """Everybody does what is due until no call is left, and then no work either."""
        for n in range(100):
            for visit in self.router.engine.visits():
                if visit.place == "due later":  # hours ahead
                    await self.floor.call_back_now("zoe", visit.call)
            for agent in self.router.engine.agents:
                self.switch.phone_up(agent)
                call = self.router.call_of(agent)
                with contextlib.suppress(Refusal):
                    if self.state(agent) == "offline":
                        await self.floor.sign_in(agent, "browser")
                    elif self.state(agent) in ("not ready", "fault"):
                        await self.floor.ready(agent)
                    elif self.state(agent) == "held" and call is not None:
                        await self.floor.retrieve(agent, call.call_id)
                    elif self.state(agent) in ("consulting", "conference") or (
                        self.state(agent) == "talking" and n > 50  # nobody else hangs up
                    ):
                        self.switch.people.hangs_up(agent)
                    elif self.state(agent) == "wrap-up" and call is not None:
                        await self.floor.wrap_up(agent, call.call_id, "", "", "ready")
            if not self.router.book.calls and not self.switch.live:
                return
            await self.run(20.0)
        raise AssertionError(f"never over: {self.router.book.calls}, {self.switch.live}")

    def desk(self, agent: str) -> Any:
        """What the agent's console shows."""
        self.board.publish()
        return self.store.get(agent_room(agent), "desk")

    def outcome(self, call_id: str) -> str:
        return self.fold.calls[call_id].outcome

    def die(self) -> None:
        """kill -9: nothing is said to anybody, and no timer of ours rings any more."""
        self.switch.disconnect()
        self.dead = True


Opening = Callable[..., Awaitable[Center]]


@pytest.fixture
def opened() -> Opening:
    """`await opened(phones=…)`: a call center on a fresh switch; `after=old`: its next life."""

    async def build(
        *,
        phones: Phones | None = None,
        customers: Callable[[str], Customer] = answering,
        site: Site = SITE,
        after: Center | None = None,
    ) -> Center:
        if after is not None:
            kept = await restart.load(after.journal)
            engine = restart.engine_of(kept)
            center = Center(after.time, after.switch, after.journal, engine, after.site)
            return await center.start()
        time = VirtualTime(START)
        switch = VirtualSwitch(
            "virtual",
            time,
            phones=phones or always(AT_ONCE),
            customers=customers,
            agents=site.agents,
        )
        return await Center(time, switch, MemoryJournal(), Engine(RoutingSite()), site).start()

    return build


OUTSIDE = "+14165550142"
AGENTS = ("anna", "dana", "ben", "emeka")


class Dice(random.Random):
    """A wild floor: callers who leave, wait, overflow and ask for callbacks, restless agents."""

    async def happen(self, center: Center, steps: int) -> list[str]:
        """Let things happen; the calls that came in."""
        calls = []
        for _ in range(steps):
            if self.random() < 0.6:
                calls.append(self.somebody_calls(center))
            await center.run(self.choice((0.1, 2.0, 9.0)) * self.random())
            for agent in self.sample(AGENTS, 2):
                with contextlib.suppress(Refusal):
                    await self.agent_does(center, agent)
        return calls

    def somebody_calls(self, center: Center) -> str:
        menu = (self.choice("12"), self.choice("1123"))
        wish = self.choice(((), (), ("", "1", "1"), ("1", "1"), ("1", "2", "9")))
        return center.call(
            ani=f"+1202555{self.randrange(10_000):04d}",
            digits=menu[: self.choice((1, 2, 2, 2))] + wish,
            patience_s=self.choice((3.0, 60.0, 400.0)) * self.random(),
            wait_digit=self.choice(("", "", "1")),
            wait_digit_after_s=self.uniform(1.0, 60.0),
            talk_s=self.uniform(2.0, 60.0),
        )

    async def agent_does(self, center: Center, agent: str) -> None:
        floor, call = center.floor, center.router.call_of(agent)
        mine = call.call_id if call is not None else ""
        match center.state(agent):
            case "offline":
                await floor.sign_in(agent, "browser")
            case "ready":
                if self.random() < 0.1:
                    await self.own_wish(center, agent)
                elif self.random() < 0.1:
                    await self.choice((floor.sign_out, lambda who: floor.not_ready(who, "lunch")))(
                        agent
                    )
            case "reserved" if call is not None and self.random() < 0.2:
                await floor.decline(agent, call.offer_id)
            case "talking" if self.random() < 0.4:
                await self.in_call(center, agent, mine)
            case "consulting" | "conference" if self.random() < 0.6:
                await self.with_party(center, agent, mine)
            case "held" if call is not None and call.consulted() is None:
                await floor.retrieve(agent, mine)
            case "wrap-up" if self.random() < 0.5:
                await floor.wrap_up(agent, mine, "solved", "noted", self.choice(("", "ready")))
            case "not ready" | "fault" if self.random() < 0.7:
                center.switch.phone_up(agent)
                await floor.ready(agent)
        if self.random() < 0.02:
            center.switch.phone_down(agent)

    async def in_call(self, center: Center, agent: str, call: str) -> None:
        floor, other = center.floor, self.choice(AGENTS)
        queue = self.choice(tuple(center.site.queues))
        deeds: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: floor.hold(agent, call),
            lambda: floor.hang_up(agent, call),
            lambda: floor.mute(agent, call, self.random() < 0.5),
            lambda: floor.record(agent, call, self.choice(("start", "stop", "pause"))),
            lambda: floor.transfer(agent, call, "queue", queue),
            lambda: floor.transfer(agent, call, "agent", other),
            lambda: floor.transfer(agent, call, "flow", center.site.default_flow),
            lambda: floor.transfer(agent, call, "number", OUTSIDE),
            lambda: floor.park(agent, call),
            lambda: floor.consult(agent, call, "agent", other),
            lambda: floor.consult(agent, call, "agent", other),
            lambda: floor.consult(agent, call, "number", OUTSIDE),
        )
        await self.choice(deeds)()

    async def with_party(self, center: Center, agent: str, call: str) -> None:
        floor, live = center.floor, center.router.book.get(call)
        leg = next(iter(live.legs), "") if live is not None else ""
        deeds: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: floor.swap(agent, call),
            lambda: floor.complete(agent, call),
            lambda: floor.conference(agent, call),
            lambda: floor.end_leg(agent, call, leg),
            lambda: floor.hang_up(agent, call),
        )
        await self.choice(deeds)()

    async def own_wish(self, center: Center, agent: str) -> None:
        floor, calls = center.floor, list(center.router.book.calls) or [""]
        call = self.choice(calls)
        deeds: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: floor.dial(agent, OUTSIDE, ""),
            lambda: floor.pick(agent, call),
            lambda: floor.assign("zoe", call, agent),
            lambda: floor.supervise(agent, call, self.choice(("listen", "barge", "off"))),
            lambda: floor.close_queue("zoe", self.choice(("sales", "support")), "drill"),
            lambda: floor.queue_by_hours("zoe", self.choice(("sales", "support"))),
        )
        await self.choice(deeds)()


@pytest.fixture
def wild_dice() -> Callable[[int], Dice]:
    """`wild_dice(seed).happen(center, steps)`."""
    return Dice
