"""Two Asterisks under one call center, and a third that plays the public network.

    callers, desk phones ── east ─┐
                             │    ├── one process: one ACD
    callers, desk phones ── west ─┘

Callers of both wait in one line for agents on either; the sound across is measured. Then one
of the two is killed with everybody in mid-call.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cti.asterisk.install import AsteriskInstall
from tools.lab.center import Center, Site
from tools.lab.console import Console
from tools.lab.network import (
    ADDRESS,
    CALLER_TONE_HZ,
    DESK_TONE_HZ,
    Caller,
    Lines,
    Network,
    complete,
)

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]

STRAIGHT = "301"
HOMES = {"anna": "east", "ben": "east", "chen": "west", "emeka": "west"}
LONGEST_GAP_S = 0.5
_FLOW = """
kind: entry
languages: [en, zh]
start: go
fallback: {queue: plain}
steps:
  go: {do: queue, queue: plain}
"""
_strangers = itertools.count(100)


def change_site(site: Site) -> None:
    """One quiet queue for everybody."""
    quiet = {"flow": "wait", "first_s": 600, "every_s": 3600}
    site["queues"]["plain"] = {"ring_s": 30, "wrap_up_s": 0, "wait": quiet}
    for agent in site["agents"].values():
        agent["queues"] = ["plain"]
    site["numbers"][STRAIGHT] = {"flow": "to_plain"}


@dataclass
class Pair:
    """The center on its two switches, and everybody around it."""

    center: Center
    lines: Lines
    boss: Console
    agents: dict[str, Console] = field(default_factory=dict)

    async def agent(self, name: str) -> Console:
        await self.lines.phone(name, "answer")
        console = await Console(self.center.url, name).open()
        self.agents[name] = console
        await console.begin_shift()
        return console

    async def calls(self, switch: str) -> Caller:
        """Somebody calls in at one of the switches."""
        ani = f"+1613555{next(_strangers):04d}"
        return await self.lines.call(STRAIGHT, ani, port=self.center.switch_ports[switch].sip)

    async def row(self, caller: Caller, **like: Any) -> dict[str, Any]:
        """The supervisor's line of a call, as soon as it is like that."""

        def find() -> dict[str, Any] | None:
            rows = (row for row in self.boss.all("call") if row["ani"] == caller.ani)
            fits = (row for row in rows if all(row[key] == value for key, value in like.items()))
            return next(fits, None)

        return await self.boss.until(find, f"a call of {caller.ani} with {like}", 20.0)

    async def talks(self, caller: Caller) -> str:
        """The agent whom the caller talks with."""
        call_id = (await self.row(caller, outcome="talking"))["call_id"]
        for name, console in self.agents.items():
            if (console.call or {}).get("call_id") == call_id:
                return name
        raise AssertionError(f"nobody has the call of {caller.ani}")

    async def switch_is(self, name: str, up: bool, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while (await asyncio.to_thread(self.center.health)).get("switches", {}).get(name) is not up:
            assert time.monotonic() < deadline, f"{name} never {'up' if up else 'down'}"
            await asyncio.sleep(0.05)


@pytest.fixture
async def pair(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]
) -> AsyncIterator[Pair]:
    network = Network(asterisk_install, asterisk_folder())
    center = Center(
        asterisk_folder(),
        trunk=(ADDRESS, network.port),
        change=change_site,
        flows={"to_plain": _FLOW},
        switches=("east", "west"),
        homes=HOMES,
    )
    made: list[Any] = []
    try:
        center.spawn()
        await network.start(center)
        await asyncio.to_thread(center.wait_ready)
        lines = await Lines(network).open()
        made.append(lines)
        boss = await Console(center.url, "sam").open()
        made.append(boss)
        pair = Pair(center, lines, boss)
        for switch in ("east", "west"):
            await pair.switch_is(switch, up=True)
        yield pair
        made.extend(pair.agents.values())
        center.check_alive()
    finally:
        for one in reversed(made):
            await one.close()
        await asyncio.to_thread(center.clean_up)
        await network.stop()
        if keep := os.environ.get("CALLCENTER_KEEP_LOGS"):
            Path(keep, "pair.log").write_bytes(center.log.read_bytes())


async def test_callers_of_both_reach_agents_on_either(pair: Pair) -> None:
    """Whoever has been idle the longest gets the call, wherever both of them are."""
    for agent in HOMES:
        await pair.agent(agent)
    met: set[tuple[str, str]] = set()
    for round_ in range(3):
        callers = [(s, await pair.calls(s)) for s in ("east", "west", "west", "east")]
        for switch, caller in callers:
            met.add((switch, HOMES[await pair.talks(caller)]))
        await asyncio.sleep(1.5)
        for switch, caller in callers:
            agent = await pair.talks(caller)
            await caller.hang_up()
            heard = await caller.heard()
            told = await complete(pair.lines.last_heard(f"desk{agent}"))
            where = f"round {round_}: {switch} to {agent}"
            assert heard.tone_s(DESK_TONE_HZ) > 1.0, where
            assert told.tone_s(CALLER_TONE_HZ) > 1.0, where
        for agent in HOMES:
            await pair.agents[agent].until_state("ready")
    assert met >= {("east", "west"), ("west", "east")}
