"""From the switch's word to the agent's screen, with a thousand calls alive.

    python -m benchmarks.console_events [--calls 1000] [--events 600] [--rate 50] [--keep] [--json]

The whole system (journal, records, board, websockets) runs in a process of its own on the
virtual switch, with as many agents talking as calls are alive. Some of them are seen through
consoles of this process. Callers are held and retrieved at a steady pace; measured is the time
from the link reporting `CallHeld` or `CallRetrieved` to the change on the agent's own websocket
and on the supervisor's. Both processes read the same monotonic clock. Figures go to
`benchmarks/results/console_events.json`, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import argon2
import yaml

from agent_console.auth import SESSION
from benchmarks import figures
from callcenter.access import NoPhones
from callcenter.benching.measure import machine, quantiles
from callcenter.logs import set_up_logs
from callcenter.switches import Switch, VirtualFloor
from callcenter.system import System
from config.settings import Settings
from cti import commands as c
from cti import events as e
from cti.virtual.callers import Caller
from cti.virtual.phones import Act, Reaction, always
from cti.virtual.scheduling import RealTime
from cti.virtual.switch import VirtualSwitch
from storage.database import open_engine, upgrade
from storage.users import Users
from tools.lab.center import free_port

SEEN = 20  # agents with a console
BOSS = "boss"
_FLOW = """
kind: entry
languages: [en]
start: go
fallback: {queue: bench}
steps:
  go: {do: queue, queue: bench}
"""


def agent_name(number: int) -> str:
    return f"a{number:04d}"


def write_site(folder: Path, agents: int) -> None:
    """One queue, a number that leads there, and many agents."""
    names = [agent_name(number) for number in range(agents)]
    site = {
        "company": "Benchmark",
        "time_zone": "UTC",
        "region": "US",
        "languages": ["en"],
        "default_flow": "straight",
        "numbers": {"100": {"flow": "straight"}},
        "queues": {"bench": {"wrap_up_s": 0}},
        "agents": {name: {"name": name, "queues": ["bench"]} for name in names},
    }
    (folder / "flows").mkdir(parents=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
    (folder / "flows" / "straight.yaml").write_text(_FLOW)


# The system, in its own process -----------------------------------------------------------


class Watched(System):
    """The product on a virtual switch whose people answer at once; it notes what it is told."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        at_once = always(Reaction(Act.ANSWER, after_s=0.0, ring_delay_s=0.0))
        agents = self.site.agents
        self.virtual = VirtualSwitch("virtual", RealTime(), phones=at_once, agents=agents)
        self.told: list[tuple[str, str, float]] = []  # agent, new state, when

    async def _virtual(self) -> Switch:
        return VirtualFloor(self.virtual, None, NoPhones())

    def _on_fact(self, fact: e.Fact) -> None:
        if isinstance(fact, e.CallHeld | e.CallRetrieved):
            call = self.router.book.get(fact.call_id)
            state = "held" if isinstance(fact, e.CallHeld) else "talking"
            self.told.append((call.agent if call else "", state, time.monotonic()))
        super()._on_fact(fact)


async def play(folder: Path, port: int, calls: int, events: int, rate: float) -> None:
    """Run it; told "go" on standard input, let things happen, then print when each did."""
    settings = Settings(var=folder / "var", site=folder / "site", port=port, switch="virtual")
    system = Watched(settings)
    await system.start()
    link = system.virtual
    for number in range(calls):
        agent = agent_name(number)
        await system.floor.sign_in(agent, "browser")
        await system.floor.ready(agent)
        link.call_in(Caller(ani=f"+1202555{number:04d}", dnis="100", talk_s=3600.0))
        await asyncio.sleep(0)
    while sum(1 for call in system.router.book.calls.values() if call.answered) < calls:
        await asyncio.sleep(0.1)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    seen = [call for call in system.router.book.calls.values() if call.agent < agent_name(SEEN)]
    dice, held = random.Random(1), set[str]()
    for _ in range(events):
        call = dice.choice(seen)
        order = c.RetrieveCall if call.call_id in held else c.HoldCall
        held ^= {call.call_id}
        system.router.execute(order(call.call_id))
        await asyncio.sleep(1 / rate)
    await asyncio.sleep(1.0)
    print(json.dumps(system.told), flush=True)
    await system.stop()


# The consoles, here -----------------------------------------------------------------------


@dataclass
class Screen:
    """One person's websocket: when each state of each agent was seen on it."""

    name: str
    states: list[tuple[str, str, float]] = field(default_factory=list)
    _last: dict[str, str] = field(default_factory=dict)

    async def watch(
        self, session: aiohttp.ClientSession, url: str, opened: Callable[[], None]
    ) -> None:
        async with session.ws_connect(f"{url}/live", max_msg_size=0) as socket:
            await socket.send_json({"t": "hello", "epoch": "", "seq": 0})
            async for message in socket:
                at = time.monotonic()
                frame = json.loads(message.data)
                if frame["t"] == "snapshot":
                    opened()
                for key, value in (frame.get("put") or {}).items():
                    self._see(key, value, at)

    def _see(self, key: str, value: Any, at: float) -> None:
        kind, _, agent = key.partition(":")
        if kind == "desk":
            agent = self.name
        elif kind != "agent" or self.name != BOSS:
            return
        if self._last.get(agent) != value["state"]:
            self._last[agent] = value["state"]
            self.states.append((agent, value["state"], at))


def delays(told: list[tuple[str, str, float]], seen: list[tuple[str, str, float]]) -> list[float]:
    """For each thing that was told, how long till it was seen (in seconds)."""
    found = []
    by_agent: dict[str, list[tuple[str, float]]] = {}
    for agent, state, at in seen:
        by_agent.setdefault(agent, []).append((state, at))
    for agent, state, at in told:
        moments = [when for what, when in by_agent.get(agent, ()) if what == state and when >= at]
        if moments:
            found.append(moments[0] - at)
    return found


async def tokens_of(folder: Path, names: list[str]) -> dict[str, str]:
    """Accounts for these people, and their sessions."""
    settings = Settings(var=folder / "var", site=folder / "site")
    settings.var.mkdir()
    await upgrade(settings.database)
    database = open_engine(settings.database)
    try:
        quick = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        users = Users(database, hasher=quick)
        for name in names:
            role = "supervisor" if name == BOSS else "agent"
            agent = "" if name == BOSS else name
            await users.create(name, name, role, f"{name}-bench", agent_id=agent)
        return {name: await users.new_session(name) for name in names}
    finally:
        await database.dispose()


async def measure(calls: int, events: int, rate: float) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="cc-bench-"))
    try:
        write_site(folder / "site", calls)
        names = [BOSS, *(agent_name(number) for number in range(min(SEEN, calls)))]
        tokens = await tokens_of(folder, names)
        return await _measure(folder, tokens, calls, events, rate)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(
    folder: Path, tokens: dict[str, str], calls: int, events: int, rate: float
) -> dict[str, Any]:
    port = free_port()
    system = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.console_events", "--play", str(folder)),
        *("--port", str(port), "--calls", str(calls)),
        *("--events", str(events), "--rate", str(rate)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    assert system.stdin is not None
    assert system.stdout is not None
    screens = [Screen(name) for name in tokens]
    watching: list[asyncio.Task[None]] = []
    try:
        if (await system.stdout.readline()).strip() != b"ready":
            raise RuntimeError("the system did not start")
        url = f"http://localhost:{port}"
        open_screens: list[str] = []
        async with aiohttp.ClientSession() as session:
            for screen in screens:
                cookie = {"Origin": url, "Cookie": f"{SESSION}={tokens[screen.name]}"}
                session.headers.clear()
                session.headers.update(cookie)
                opened = lambda name=screen.name: open_screens.append(name)  # noqa: E731
                watching.append(asyncio.create_task(screen.watch(session, url, opened)))
                async with asyncio.timeout(20):
                    while len(open_screens) < len(watching):
                        await asyncio.sleep(0.01)
            system.stdin.write(b"go\n")
            await system.stdin.drain()
            told = [tuple(one) for one in json.loads(await system.stdout.readline())]
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        await system.wait()
    finally:
        if system.returncode is None:
            system.kill()
            await system.wait()
    own = [one for screen in screens if screen.name != BOSS for one in screen.states]
    boss = [one for screen in screens if screen.name == BOSS for one in screen.states]
    own_s, boss_s = delays(told, own), delays(told, boss)
    return {
        "machine": machine(),
        "live_calls": calls,
        "consoles": len(screens),
        "events": len(told),
        "rate": rate,
        "seen": {"agent": len(own_s), "supervisor": len(boss_s)},
        "agent_ms": quantiles(own_s),
        "supervisor_ms": quantiles(boss_s),
    }


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="alive at once")
    parser.add_argument("--events", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=50.0, help="events per second")
    parser.add_argument("--play", type=Path, help="run the system: for the benchmark itself")
    parser.add_argument("--port", type=int, default=0)
    figures.add_arguments(parser)
    asked = parser.parse_args()
    if asked.play is not None:
        set_up_logs("error")
        with suppress(KeyboardInterrupt):
            asyncio.run(play(asked.play, asked.port, asked.calls, asked.events, asked.rate))
        return
    result = asyncio.run(measure(asked.calls, asked.events, asked.rate))
    if figures.hand_out("console_events", result, asked):
        return
    for name, row in result.items():
        print(f"{name:>14}: {row}")


if __name__ == "__main__":
    main()
