"""The product as its users run it, a public network with callers and phones, and a browser."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cti.asterisk.install import AsteriskInstall
from tools.build_front_end import build
from tools.lab.center import Center, Site
from tools.lab.console import Console, Refused
from tools.lab.network import ADDRESS, Lines, Network
from tools.lab.pages import Pages, chromium_program, open_browser

# Numbers that lead straight to a queue, so that a test need not sit through the menu.
STRAIGHT = {"301": "sales", "302": "support", "303": "quick", "304": "short", "305": "bare"}
# Menus that wait for a long time: 1 leads to the queue.
MENUS = {"310": "quick", "315": "bare"}

_STRAIGHT_FLOW = """
kind: entry
languages: [en, zh]
start: go
fallback: {{queue: {queue}}}
steps:
  go: {{do: queue, queue: {queue}}}
"""
_MENU_FLOW = """
kind: entry
languages: [en, zh]
start: ask
fallback: {{queue: {queue}}}
steps:
  ask:
    do: menu
    label: Patience
    text: {{en: "Press 1.", zh: "请按 1。"}}
    choices: {{"1": {{next: go, label: Patience}}}}
    timeout_s: 60
    retries: 10
    otherwise: go
  go: {{do: queue, queue: {queue}}}
"""


def flows() -> dict[str, str]:
    texts = {f"to_{queue}": _STRAIGHT_FLOW.format(queue=queue) for queue in STRAIGHT.values()}
    return texts | {f"ask_{queue}": _MENU_FLOW.format(queue=queue) for queue in MENUS.values()}


def change_site(site: Site) -> None:
    """Three queues more, served by everybody, and numbers that lead there.

    `quick` is left alone by announcements, `short` rings shortly, `bare` has nothing but music.
    """
    quiet = {"flow": "wait", "first_s": 600, "every_s": 3600}
    levels = {"within_s": 20, "target": 0.8}
    site["queues"] |= {
        "quick": {"ring_s": 30, "wrap_up_s": 20, "wait": quiet, "service_level": levels},
        "short": {"ring_s": 3, "wrap_up_s": 20, "wait": quiet, "service_level": levels},
        "bare": {"ring_s": 30, "wrap_up_s": 20, "callback": False, "service_level": levels},
    }
    for agent in site["agents"].values():
        if agent["queues"]:  # the supervisor serves none
            agent["queues"] = [*agent["queues"], "quick", "short", "bare"]
    site["numbers"] |= {number: {"flow": f"to_{queue}"} for number, queue in STRAIGHT.items()}
    site["numbers"] |= {number: {"flow": f"ask_{queue}"} for number, queue in MENUS.items()}


COUNTS = ("offered", "answered", "abandoned", "flowed_out", "waiting", "callbacks_reached")
_strangers = itertools.count(100)


@dataclass
class World:
    """Everything around one test: the center, the network, people's consoles."""

    center: Center
    lines: Lines
    consoles: list[Console] = field(default_factory=list)

    async def person(self, name: str) -> Console:
        """Somebody logs in, with a program instead of a page."""
        console = await Console(self.center.url, name).open()
        self.consoles.append(console)
        return console

    async def agent(
        self, name: str, *, act: str = "answer", phone: str = "desk", ready: bool = True
    ) -> Console:
        """An agent begins a shift on the desk phone, which does `act` when it rings."""
        await self.lines.phone(name, act)
        console = await self.person(name)
        await console.begin_shift(phone, ready=ready)
        return console

    def stranger(self) -> str:
        """A number that nobody has called from before."""
        return f"+1613555{next(_strangers):04d}"

    async def boss(self) -> Console:
        """The supervisor's console."""
        known = next((one for one in self.consoles if one.name == "sam"), None)
        return known or await self.person("sam")

    async def row(self, ani: str, **like: Any) -> dict[str, Any]:
        """The supervisor's line of the call from this number, as soon as it is like that."""
        boss = await self.boss()

        def find() -> dict[str, Any] | None:
            rows = [row for row in boss.all("call") if row["ani"] == ani]
            fits = (row for row in rows if all(row[key] == value for key, value in like.items()))
            return next(fits, None)

        return await boss.until(find, f"a call from {ani} with {like}")

    async def record(self, ani: str, **like: Any) -> dict[str, Any]:
        """The whole record of the call from this number, once it is over."""
        boss = await self.boss()
        row = await self.row(ani, **like)
        call_id = row["call_id"]
        await boss.until(lambda: boss.get(f"call:{call_id}")["ended"], f"the end of {call_id}")
        found: dict[str, Any] = await boss.ask(f"/api/calls/{call_id}")
        return found

    async def books(self) -> dict[str, dict[str, int]]:
        """Today's counts by queue; each interval must balance, and the page must agree."""
        boss = await self.boss()
        now = time.time()
        report = await boss.ask("/api/reports/intervals", since=now - 7200, until=now + 60)
        sums: dict[str, dict[str, int]] = {}
        for row in report["rows"]:
            assert row["balanced"], row
            queue = sums.setdefault(row["queue"], dict.fromkeys(COUNTS, 0))
            for name in COUNTS:
                queue[name] += row[name]
        return sums

    async def everybody_goes_home(self) -> None:
        """No call lives and nobody is signed in, as before the test."""
        with suppress(OSError):
            await self.lines.close()
        try:
            if self.center.ready():
                await self._empty_the_floor()
        finally:
            for console in self.consoles:
                await console.close()

    async def _empty_the_floor(self) -> None:
        boss = await self.person("sam")
        for agent in [one["id"] for one in boss.all("agent") if one["state"] != "offline"]:
            with suppress(Refused):
                await boss.do("set_agent_state", agent=agent, state="offline")
        for console in self.consoles:
            if console.state == "wrap-up":
                with suppress(Refused):
                    await console.wrap_up()
        await boss.until(
            lambda: all(one["state"] == "offline" for one in boss.all("agent")),
            "an empty floor",
            25.0,
        )


def start_network(network: Network, center: Center) -> None:
    asyncio.run(network.start(center))


CenterFactory = Callable[..., Center]


@pytest.fixture(scope="session")
def pages_are_built() -> None:
    """The web pages of these sources."""
    build()


@pytest.fixture(scope="module")
def make_center(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path], pages_are_built: None
) -> Iterator[CenterFactory]:
    """Makes centers that are not started yet, and ends all of them, whatever happens."""
    made: list[Center] = []

    def make(**options: Any) -> Center:
        center = Center(asterisk_folder(), **options)
        made.append(center)
        return center

    yield make
    for center in made:
        center.clean_up()
        if keep := os.environ.get("CALLCENTER_KEEP_LOGS"):
            shutil.copy(center.log, Path(keep) / f"{center.folder.name}.log")


@pytest.fixture(scope="module")
def network(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]
) -> Iterator[Network]:
    """The public network; started by `center`, which it needs to know."""
    network = Network(asterisk_install, asterisk_folder())
    yield network
    asyncio.run(network.stop())


@pytest.fixture(scope="module")
def center(make_center: CenterFactory, network: Network) -> Center:
    """A running center with its trunk to the network, shared by the tests of a module."""
    center = make_center(trunk=(ADDRESS, network.port), change=change_site, flows=flows())
    center.spawn()
    start_network(network, center)
    center.wait_ready()
    return center


@pytest.fixture
async def world(center: Center, network: Network) -> AsyncIterator[World]:
    """A quiet floor before and after the test."""
    world = World(center, await Lines(network).open())
    yield world
    await world.everybody_goes_home()
    center.check_alive()


@pytest.fixture
async def pages(center: Center) -> AsyncIterator[Pages]:
    """Chromium's pages on the center; none may have had an error of its own."""
    if not chromium_program():
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium on PATH, and it cannot be installed")
        pytest.skip("no Chromium on PATH")
    async with open_browser(center.url) as pages:
        yield pages
    assert pages.troubles == []
    assert pages.dialogs == []
