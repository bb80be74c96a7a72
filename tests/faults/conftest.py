"""A whole office on a real Asterisk, with faults between the two.

    public network ── SIP, RTP ── office Asterisk ── AMI ── FaultProxy ── link ── router
                                        └─────────── AGI ── FaultProxy ─────┘

The router is the real one, its engine checked by independent books at every step.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import shutil
import signal
import statistics
import struct
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
import yaml

from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.site import Site as RoutingSite
from agent_console.live import LiveStore
from callcenter.board import Board
from callcenter.callbook import LiveCall
from callcenter.floor import Floor
from callcenter.menus import Menus
from callcenter.metrics import Metrics
from callcenter.router import Router
from callcenter.siteview import SiteView
from config.check import load_site
from config.settings import DEMO_SITE
from config.site import Site
from cti import events as e
from cti.asterisk.ami import AmiSettings
from cti.asterisk.configuration import AgentLine, AsteriskConfig, Trunk, render
from cti.asterisk.dialplan import Dialplan
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Layout, free_ports
from cti.asterisk.link import AsteriskLink
from cti.asterisk.server import AsteriskServer
from cti.calls import Place, Prompt
from cti.dialing import DialRules
from reporting.intervals import Calendar, check_books
from reporting.live import LiveFigures
from reporting.records import RecordFold
from tools.fault_proxy import FaultProxy
from tools.lab.network import ADDRESS, Caller, Lines, Network

T = TypeVar("T")
F = TypeVar("F", bound=e.Fact)
AGENTS = ("anna", "ben", "chen", "emeka")
SECRET = "desk-secret-{}"
LINK = "t"

# Numbers that lead straight to a queue; MENU asks for a key first and waits long for it.
SALES, BRIEF, NEEDY, MENU = "301", "302", "303", "310"
_QUIET = {"flow": "wait", "first_s": 600, "every_s": 3600}
_STRAIGHT = """
kind: entry
languages: [en, zh]
start: go
fallback: {{queue: plain}}
steps:
  go: {{do: queue, queue: {queue}{more}}}
"""
_MENU_FLOW = """
kind: entry
languages: [en, zh]
start: hello
fallback: {queue: plain}
steps:
  hello: {do: say, text: {en: "Hello.", zh: "您好。"}, next: ask}
  ask:
    do: menu
    label: Patience
    text: {en: "Press 1.", zh: "请按 1。"}
    choices: {"1": {next: go, label: Plain}, "9": {next: bye, label: Bye}}
    timeout_s: 60
    retries: 10
    otherwise: go
  go: {do: queue, queue: plain}
  bye: {do: hang_up, served: true}
"""

_measured: dict[str, list[float]] = {}


def measure(what: str, value: float) -> None:
    """Keep a figure for the summary at the end of the run."""
    _measured.setdefault(what, []).append(value)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _measured:
        terminalreporter.section("measured")
    for what, values in sorted(_measured.items()):
        terminalreporter.write_line(
            f"{what}: median {statistics.median(values):.3f}, most {max(values):.3f}"
            f" of {len(values)}"
        )


class _Plain(yaml.SafeDumper):
    """Writes values out: a site has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# What does not change from test to test --------------------------------------------------------


@dataclass
class Lab:
    """The office's Asterisk and the public network, started once for all tests."""

    office: AsteriskServer
    network: Network
    site: Site
    tone: Path


@pytest.fixture(scope="session")
def lab(asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]) -> Iterator[Lab]:
    folder = asterisk_folder()
    network = Network(asterisk_install, asterisk_folder())
    layout = Layout(folder / "a")
    identity = layout.identity(free_ports(rtp_ports=400))
    config = AsteriskConfig(
        agents=tuple(AgentLine(agent, desk_secret=SECRET.format(agent)) for agent in AGENTS),
        trunks=(Trunk("public", (ADDRESS,), f"{ADDRESS}:{network.port}"),),
    )
    # The port of voice sessions is the proxy's; the link listens somewhere behind it.
    plan = Dialplan(LINK, identity.ports.agi, trunk="public")
    files = render(config, layout, asterisk_install, identity, plan.text())
    office = AsteriskServer(asterisk_install, layout, identity, files)
    tone = folder / "tone"
    _write_tone(tone.with_suffix(".wav"), 440, 0.4)
    center = SimpleNamespace(
        ports=identity.ports,
        desk_secrets={agent: SECRET.format(agent) for agent in AGENTS},
        desk_port=lambda agent: identity.ports.sip,
    )

    async def begin() -> None:
        await asyncio.gather(office.start(), network.start(center))  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            while (await office.console("pjsip show contacts")).count("desk") < 2 * len(AGENTS):
                await asyncio.sleep(0.1)

    async def end() -> None:
        if office.pid is not None:
            os.kill(office.pid, signal.SIGCONT)
        await asyncio.gather(office.stop(graceful_s=1.0), network.stop())

    try:
        asyncio.run(begin())
        yield Lab(office, network, _site(folder), tone)
    finally:
        asyncio.run(end())


def _write_tone(path: Path, hertz: float, seconds: float) -> None:
    """A sine at 8 kHz: every prompt sounds like this."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        turns = (2 * math.pi * hertz * n / 8000 for n in range(int(8000 * seconds)))
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(t))) for t in turns))


def _site(folder: Path) -> Site:
    """The demonstration's site with quiet queues, and numbers that lead straight to them."""
    root = folder / "site"
    shutil.copytree(DEMO_SITE, root)
    file = root / "site.yaml"
    site: dict[str, Any] = yaml.safe_load(file.read_text())
    common = {"wrap_up_s": 60, "wait": _QUIET}
    site["queues"] |= {
        "plain": {"ring_s": 30, "callback": {"attempts": 3, "retry_s": 120}, **common},
        "brief": {"ring_s": 3, **common},
    }
    for agent in site["agents"].values():
        agent["queues"] = [*agent["queues"], "plain", "brief"]
    needs = ", needs: {technical: 9}"
    texts = {
        SALES: ("plain", _STRAIGHT.format(queue="plain", more="")),
        BRIEF: ("brief", _STRAIGHT.format(queue="brief", more="")),
        NEEDY: ("needy", _STRAIGHT.format(queue="plain", more=needs)),
        MENU: ("menu", _MENU_FLOW),
    }
    for number, (name, text) in texts.items():
        (root / "flows" / f"to_{name}.yaml").write_text(text)
        site["numbers"][number] = {"flow": f"to_{name}"}
    file.write_text(yaml.dump(site, Dumper=_Plain, allow_unicode=True, sort_keys=False))
    return load_site(root)


# One test ----------------------------------------------------------------------------------


class MemoryJournal:
    """The journal's face, in memory."""

    healthy = True

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str, Any, float]] = []

    def append(self, stream: str, kind: str, call_id: str, data: object, at: float) -> int:
        self.entries.append((stream, kind, call_id, data, at))
        return len(self.entries)

    async def committed(self, seq: int, timeout_s: float = 5.0) -> None:
        return None

    def of(self, kind: str, **like: Any) -> list[dict[str, Any]]:
        """Every entry of a kind with these values, oldest first."""
        return [
            data
            for _, found, _, data, _ in self.entries
            if found == kind and all(data.get(key) == value for key, value in like.items())
        ]


@dataclass
class Office:
    """The router on the real link, and everything around it."""

    lab: Lab
    lines: Lines
    ami: FaultProxy
    agi: FaultProxy
    settings: AmiSettings
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    facts: list[e.Fact] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    prompts: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        site = self.lab.site
        self.view = SiteView(lambda: site)
        calendar = Calendar(site.time_zone)
        self.intervals = LiveFigures(calendar, self.view.limits)
        self.fold = RecordFold(intervals=self.intervals, sentence=self.view.sentence)
        self.engine = Engine(RoutingSite())
        menus = Menus(
            self.view,
            committed=self.journal.committed,
            customer_of=lambda call_id: {},
            spawn=self._spawn,
        )
        metrics = Metrics()
        self.router = Router(
            engine=self.engine,
            journal=self.journal,
            fold=self.fold,
            menus=menus,
            metrics=metrics,
            now=time.time,
            caller_id=self.view.caller_id,
            address=self.view.phone_address,
        )
        self.checked = CheckedEngine(self.engine)
        self.router.routing.engine.engine = self.checked  # type: ignore[attr-defined]
        self.store = LiveStore()
        self.router.board = Board(
            store=self.store,
            router=self.router,
            engine=self.engine,
            fold=self.fold,
            figures=self.intervals,
            metrics=metrics,
            site=lambda: site,
            local=self.view.local,
        )
        self.floor = Floor(
            self.router,
            self.journal,
            None,  # type: ignore[arg-type]  # no customer records here
            dispositions=lambda: {one.id for one in site.dispositions},
            phones=lambda agent: {phone.kind for phone in site.agents[agent].phones},
            spawn=self._spawn,
        )
        self.link = AsteriskLink(
            LINK,
            ami=self.settings,
            agi_port=0,
            prompt_path=self._prompt_path,
            trunk="public",
            dialling=DialRules(allowed_prefixes=("+1",)),
        )
        self.router.links[LINK] = self.link

    async def _prompt_path(self, prompt: Prompt) -> str:
        self.prompts.append(prompt.text)
        return str(self.lab.tone)

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        task = asyncio.get_running_loop().create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _take(self, fact: e.Fact) -> None:
        self.facts.append(fact)
        self.stamps.append(time.monotonic())
        self.router.receive(fact)
        self._changed.set()

    async def open(self) -> Office:
        self.router.act(f.Configured(self.lab.site.routing()))
        await self.link.start(self._take)
        await self.wait(e.LinkUp)
        return self

    # Waiting ---------------------------------------------------------------------------------

    async def until(self, what: Callable[[], T], says: str = "", timeout_s: float = 8.0) -> T:
        """What `what` gives as soon as it is true; looked at after every fact and in between."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := what()):
                    self._changed.clear()
                    try:
                        async with asyncio.timeout(0.02):
                            await self._changed.wait()
                    except TimeoutError:
                        continue
                return found
        except TimeoutError:
            seen = "\n".join(map(repr, self.facts[-40:]))
            raise AssertionError(f"never {says or what}; the last facts:\n{seen}") from None

    async def wait(self, kind: type[F], timeout_s: float = 8.0, skip: int = 0, **like: Any) -> F:
        """The fact of this kind and these values, seen or yet to come."""
        await self.until(
            lambda: len(self.of(kind, **like)) > skip, f"{kind.__name__} {like}", timeout_s
        )
        return self.of(kind, **like)[skip]

    def of(self, kind: type[F], **like: Any) -> list[F]:
        return [
            fact
            for fact in self.facts
            if isinstance(fact, kind)
            and all(getattr(fact, key) == value for key, value in like.items())
        ]

    async def is_down(self, timeout_s: float = 8.0) -> None:
        await self.until(lambda: not self.link.up, "LinkDown", timeout_s)

    async def is_back(self, since: float, what: str, within_s: float = 5.0) -> float:
        """The link is up again; how long that took since the fault's end (monotonic)."""
        await self.until(lambda: self.link.up, "LinkUp", within_s)
        moments = zip(self.facts, self.stamps, strict=True)
        up = max(at for fact, at in moments if isinstance(fact, e.LinkUp))
        took = max(0.0, up - since)  # some faults end by themselves
        measure("back after a fault, s", took)
        measure(f"back after {what}, s", took)
        assert took < within_s
        return took

    # People ----------------------------------------------------------------------------------

    async def agent(self, name: str, act: str = "answer") -> str:
        """Signs in with the desk phone, which does `act` when it rings, and presses Ready."""
        await self.lines.phone(name, act)
        await self.floor.sign_in(name, "desk")
        await self.floor.ready(name)
        return name

    def state(self, agent: str) -> str:
        return self.engine.agent_view(agent).state

    def shown(self, agent: str) -> tuple[str, str]:
        """State and reason."""
        view = self.engine.agent_view(agent)
        return view.state, view.reason

    async def until_state(self, agent: str, state: str, timeout_s: float = 8.0) -> None:
        await self.until(
            lambda: self.state(agent) == state,
            f"{agent} {state}, is {self.shown(agent)}",
            timeout_s,
        )

    def stranger(self) -> str:
        """A number that nobody has called from before."""
        return f"+1613555{next(_strangers):04d}"

    async def caller(self, dnis: str = SALES) -> tuple[Caller, str]:
        """Somebody calls; the caller and our id of the call."""
        caller = await self.lines.call(dnis, self.stranger())
        call = await self.until(lambda: self.book_of(caller), f"a call of {caller.ani}")
        return caller, call.call_id

    def book_of(self, caller: Caller) -> LiveCall | None:
        calls = self.router.book.calls.values()
        return next((one for one in calls if one.ani == caller.ani), None)

    async def waiting(self, dnis: str = SALES) -> tuple[Caller, str]:
        """Somebody who waits in a queue."""
        caller, call = await self.caller(dnis)
        await self.until(lambda: self.engine.visit(call) is not None, f"{call} in a queue")
        return caller, call

    async def talking(self, agent: str) -> tuple[Caller, str]:
        """Somebody who talks with this agent, the only one who is ready."""
        caller, call = await self.caller()
        await self.wait(e.OfferAnswered, call_id=call, agent_id=agent)
        return caller, call

    async def ringing(self, agent: str, dnis: str = SALES) -> tuple[Caller, str]:
        """Somebody for whom this agent's phone rings; it rings on until it is told otherwise."""
        caller, call = await self.caller(dnis)
        await self.wait(e.OfferRinging, call_id=call, agent_id=agent)
        return caller, call

    async def callback(self, number: str) -> str:
        """A caller who waited leaves this number and hangs up; the callback's id."""
        caller, call = await self.waiting()
        self.router.act(f.CallbackRequested(call, f"cb-{call}", number))
        await caller.hang_up()
        await self.until(lambda: self.engine.visit(call) is None, f"the end of {call}")
        return f"cb-{call}"

    def goes_away(self) -> None:
        """The manager connection breaks and does not come back until `comes_back`."""
        self.ami.refuse = True
        self.ami.reset()

    async def comes_back(self, after: str) -> None:
        ended = time.monotonic()
        self.ami.heal()
        await self.is_back(ended, after)

    async def phone_hangs_up(self, agent: str) -> None:
        await self._hang_up_calls_of(f"desk{agent}")

    async def number_hangs_up(self, number: str) -> None:
        await self._hang_up_calls_of("n" + number.lstrip("+"))

    async def _hang_up_calls_of(self, who: str) -> None:
        for frame in (await self.lines.ami.request({"Action": "Status"})).items:
            if frame.get("Exten") == who:
                await self.lines.request(Action="Hangup", Channel=frame.get("Channel"))

    def place(self, call: str) -> Place | None:
        found = self.router.book.get(call)
        return None if found is None else found.place

    def outcome(self, call: str) -> str:
        return self.fold.calls[call].outcome

    def blamed(self, agent: str) -> list[str]:
        """How this agent's offers ended, except well."""
        return [
            one["outcome"]
            for one in self.journal.of("OfferEnded", agent=agent)
            if one["outcome"] not in ("accepted", "cancelled")
        ]

    measured = staticmethod(measure)

    # Rules -----------------------------------------------------------------------------------

    def check_books(self) -> None:
        """Nothing counted twice or lost: engine, its ledger and the intervals agree."""
        self.checked.ledger.compare(self.engine)
        self.checked.ledger.demand()
        for (queue, _), tally in self.intervals.tallies.items():
            assert check_books(tally) == 0, (queue, tally)

    async def drain(self) -> None:
        """Everybody hangs up and goes home; the books balance and nothing is left."""
        for proxy in (self.ami, self.agi):
            proxy.heal()
        await self.until(lambda: self.link.up, "LinkUp", 15.0)
        await self.lines.hang_up_all()
        for callback in self.engine.visits():
            if callback.kind == "callback" and callback.place != "connected":
                self.router.act(f.CallbackCancelled(callback.call, "end of the test"))
        await self.until(lambda: not self.engine.visits(), f"nobody, but {self.engine.visits()}")
        await self.until(lambda: not self.link._calls.ids, "no call on the link")
        for agent in self.engine.agents:
            call = self.router.call_of(agent)
            if self.state(agent) == "wrap-up" and call is not None:
                await self.floor.wrap_up(agent, call.call_id, "", "", "")
        await self.until(
            lambda: not self.router.book.calls, f"no call, but {self.router.book.calls}"
        )
        self.check_books()
        self.checked.ledger.drained()
        self.checked.ledger.demand()
        await self._nobody_left()

    async def _nobody_left(self) -> None:
        async with asyncio.timeout(8):
            while "0 active channels" not in await self.lab.office.console(
                "core show channels count"
            ):
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await self.link.stop()
        await self.ami.stop()
        await self.agi.stop()


_strangers = itertools.count(100)
_WENT_WELL = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    report = yield
    if call.when == "call":
        item.stash[_WENT_WELL] = report.passed
    return report


OfficeFactory = Callable[..., Awaitable[Office]]


@pytest.fixture
async def open_office(lab: Lab) -> AsyncIterator[OfficeFactory]:
    """`await open_office(ping_every_s=…)`: the office with these settings of the AMI link."""
    offices: list[Office] = []

    async def build(**settings: Any) -> Office:
        identity = lab.office.identity
        ami = await FaultProxy(lambda: identity.ports.ami).start()
        agi = FaultProxy(lambda: offices[-1].link.agi_port)
        await agi.start(identity.ports.agi)
        given = {"ping_every_s": 1.0, "ping_deadline_s": 1.0, **settings}
        chosen = AmiSettings(ami.port, identity.ami_user, identity.ami_secret, **given)
        lines = await Lines(lab.network).open()
        office = Office(lab, lines, ami, agi, chosen)
        offices.append(office)
        return await office.open()

    yield build
    for office in offices:
        await office.lines.close()
        await office.close()
        await lab.office.console("channel request hangup all")


@pytest.fixture
async def office(
    open_office: OfficeFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Office]:
    """An office whose link is up. After a test that went well it drains, and its books balance."""
    office = await open_office()
    yield office
    if request.node.stash.get(_WENT_WELL, False):
        await office.drain()
