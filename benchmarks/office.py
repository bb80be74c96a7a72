"""A whole office to be measured: the product as a process, callers and desk phones around it.

Everybody hears and sends sound, so the CPU of Asterisk here is that of real calls.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from cti.asterisk.install import obtain_asterisk
from tools.lab.center import DESK_AGENTS, SUPERVISOR, Center, Site
from tools.lab.console import Console
from tools.lab.network import ADDRESS, Caller, Lines, Network

NUMBER = "300"
_FLOW = """
kind: entry
languages: [en, zh]
start: go
fallback: {queue: bench}
steps:
  go: {do: queue, queue: bench}
"""


def change_site(site: Site) -> None:
    """One queue without wrap-up, and a number that leads straight there."""
    quiet = {"first_s": 600, "every_s": 3600}
    site["queues"]["bench"] = {"ring_s": 30, "wrap_up_s": 0, "wait": quiet}
    for agent in site["agents"].values():
        agent["queues"] = ["bench"] if agent["queues"] else []
    site["numbers"][NUMBER] = {"flow": "to_bench"}


@dataclass
class Office:
    """A running center, its switches' names ("" for the only one), and its people."""

    center: Center
    lines: Lines
    boss: Console
    agents: dict[str, Console]
    switches: tuple[str, ...]

    def pids(self) -> dict[str, int]:
        """The processes that are measured: ours, and each Asterisk."""
        process = self.center.process
        if process is None:
            raise RuntimeError("the center does not run")
        found = {"callcenter": process.pid}
        for name in self.switches:
            pid = self.center.asterisk_pid(name)
            if pid is None:
                raise RuntimeError(f"no Asterisk {name}")
            found[f"asterisk {name}".strip()] = pid
        return found

    async def talking(self, caller_id: str, switch: str = "") -> tuple[Caller, str, str]:
        """Somebody calls and is answered: the caller, the agent, our id of the call."""
        port = self.center.switch_ports[switch].sip if switch else 0
        caller = await self.lines.call(NUMBER, caller_id, port=port)
        async with asyncio.timeout(10):
            while True:
                for name, console in self.agents.items():
                    call = console.call
                    if console.state == "talking" and call and call["ani"] == caller_id:
                        return caller, name, str(call["call_id"])
                await asyncio.sleep(0.005)

    async def all_ready(self) -> None:
        for console in self.agents.values():
            await console.until_state("ready")


@asynccontextmanager
async def office(
    *, switches: tuple[str, ...] = (), staff: tuple[str, ...] = DESK_AGENTS
) -> AsyncIterator[Office]:
    """Start it with these Asterisks (none named: one) and agents who answer at once."""
    install = await obtain_asterisk()
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"cc-bench-{os.getuid()}-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "net").mkdir()
        (folder / "cc").mkdir()
        network = Network(install, folder / "net")
        homes = dict(zip(DESK_AGENTS, cycle(switches), strict=False)) if switches else {}
        center = Center(
            folder / "cc",
            trunk=(ADDRESS, network.port),
            change=change_site,
            flows={"to_bench": _FLOW},
            switches=switches,
            homes=homes,
        )
        stack.callback(center.clean_up)
        await center.start()
        await network.start(center)
        stack.push_async_callback(network.stop)
        lines = await Lines(network).open()
        stack.push_async_callback(lines.close)
        await lines.phone(SUPERVISOR, "answer")
        boss = await Console(center.url, SUPERVISOR).open()
        stack.push_async_callback(boss.close)
        await boss.begin_shift(ready=False)
        agents: dict[str, Console] = {}
        for name in staff:
            await lines.phone(name, "answer")
            agents[name] = await Console(center.url, name).open()
            stack.push_async_callback(agents[name].close)
            await agents[name].begin_shift()
        yield Office(center, lines, boss, agents, switches or ("",))
