"""Pictures of the pages for the documentation, from a fresh demonstration with real calls.

    python -m tools.take_screenshots            into docs/images
    python -m tools.take_screenshots FOLDER

Starts a call center and a public network in a folder of its own, puts the calls of an invented
working day on its books, and then lets people call, ring, talk and wait. Takes about a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from callcenter.siteview import SiteView
from config.check import load_site
from crm_link.demo import DEMO_KNOWN_NUMBER, demo_people
from cti.asterisk.install import obtain_asterisk
from reporting.intervals import Calendar
from reporting.records import RecordFold
from reporting.store import History
from storage.database import open_engine, upgrade
from tools.build_front_end import ROOT, build
from tools.lab.center import Center, Site
from tools.lab.console import Console, Refused
from tools.lab.network import ADDRESS, Lines, Network
from tools.lab.pages import Pages, hears_tone, open_browser

SIZE = {"width": 1360, "height": 860}
SALES, SUPPORT, TECHNICAL = "+14165550101", "+14165550102", "+14165550103"
CHINESE_CALLER = "+12025550102"
AFTERNOON = 16  # what the site's clock shows, whenever this is run

_FLOW = """
kind: entry
languages: [en, zh]
start: ask
fallback: {{queue: {queue}}}
language_needs: {{en: {{english: 5}}, zh: {{mandarin: 5}}}}
steps:
  ask:
    do: menu
    label: {label}
    text: {{en: "For {label}, press 1.", zh: "请按 1。"}}
    choices: {{"1": {{next: go, label: {label}}}}}
    timeout_s: 1
    retries: 0
    otherwise: go
  go: {{do: queue, queue: {queue}{more}}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "images")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    build()
    home = Path(tempfile.mkdtemp(prefix="cc-shots-"))
    try:
        asyncio.run(take_all(home, folder))
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def take_all(home: Path, folder: Path) -> None:
    """Start everything, act the scenes, and stop everything whatever happens."""
    install = await obtain_asterisk()
    network_home, center_home = home / "n", home / "c"
    network_home.mkdir()
    center_home.mkdir()
    network = Network(install, network_home)
    flows = {
        "sales_line": _FLOW.format(queue="sales", label="Sales", more=""),
        "support_line": _FLOW.format(queue="support", label="Support", more=""),
        "technical_line": _FLOW.format(
            queue="support", label="Technical", more=", needs: {technical: 5}"
        ),
    }
    center = Center(center_home, trunk=(ADDRESS, network.port), change=prepare, flows=flows)
    try:
        await invent_a_day(center)
        await asyncio.to_thread(center.spawn)
        await network.start(center)
        await asyncio.to_thread(center.wait_ready)
        async with open_browser(center.url) as pages, AsyncExitStack() as stack:
            lines = await Lines(network).open()
            stack.push_async_callback(lines.close)
            await Scenes(center, lines, pages, stack, folder).act()
    finally:
        await network.stop()
        await asyncio.to_thread(center.clean_up)


def prepare(site: Site) -> None:
    """Numbers that lead straight to a queue, and a clock that shows an afternoon."""
    # Etc/GMT-3 is three hours ahead of UTC.
    ahead = (AFTERNOON - datetime.now(UTC).hour + 11) % 24 - 11
    site["time_zone"] = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
    site["numbers"] |= {
        SALES: {"flow": "sales_line"},
        SUPPORT: {"flow": "support_line"},
        TECHNICAL: {"flow": "technical_line"},
    }
    for queue in site["queues"].values():
        queue["wait"] |= {"first_s": 4, "every_s": 60}
        queue["wrap_up_s"] = 90
    site["queues"]["sales"]["ring_s"] = 10


# The day before this minute --------------------------------------------------------------------


async def invent_a_day(center: Center) -> None:
    """Calls since nine in the morning, written to disk as the product itself would."""
    site = load_site(center.site)
    url = f"sqlite+aiosqlite:///{(center.var / 'callcenter.db').absolute()}"
    await upgrade(url)
    database = open_engine(url)
    fold = RecordFold(local=SiteView(lambda: site).local)
    now = time.time()
    start = Calendar(site.time_zone).midnight(now) + 9 * 3600
    dice = random.Random(5)
    at = start
    for number in range(1000):
        busy = 1.6 if 10 <= (at - start) / 3600 + 9 <= 14 else 1.0
        at += dice.expovariate(busy / 200)
        if at > now - 900:
            break
        for entry in invented_call(f"asterisk-{number:04d}", at, dice):
            fold.feed(*entry)
    history = History(database, fold, zone=site.time_zone, now=lambda: now)
    await history.save()
    await database.dispose()


Entry = tuple[str, str, str, dict[str, Any], float]
_AGENTS = {"sales": ("anna", "chen", "dana"), "support": ("ben", "emeka", "chen")}


def invented_call(call: str, at: float, dice: random.Random) -> list[Entry]:
    """One call's journal entries: answered by somebody, or given up."""
    person = dice.choice(demo_people())
    queue = dice.choice(("sales", "support", "support"))
    agent = dice.choice(_AGENTS[queue])
    wait = 1.5 if dice.random() < 0.7 else dice.expovariate(1 / 30)
    q = {"call": call, "queue": queue, "entered": at + 12}
    arrived = {"call_id": call, "link": "asterisk", "trunk": "public", "dnis": "100"}
    known = {"customer_id": person.customer_id, "name": person.fields.name}
    entries: list[Entry] = [
        ("switch", "CallArrived", call, {**arrived, "ani": person.fields.phones[0]}, at),
        ("crm", "CustomerMatched", call, known, at + 0.01),
        ("decision", "CallEntered", call, {**q, "kind": "call"}, at + 12),
    ]
    left = at + 12 + wait
    if wait > 45 or dice.random() < 0.03:
        gone = {**q, "outcome": "abandoned", "waited_s": wait, "agent": ""}
        over = ("switch", "CallEnded", call, {"call_id": call, "by": "caller"}, left)
        return [*entries, ("decision", "CallLeft", call, gone, left), over]
    talk, wrap_up = dice.lognormvariate(5.1, 0.6), dice.uniform(8, 45)
    ended = left + talk
    answered = {**q, "outcome": "answered", "waited_s": wait, "agent": agent}
    done = {**q, "agent": agent, "by": "caller", "talk_s": talk, "hold_s": 0.0}
    return [
        *entries,
        ("decision", "CallLeft", call, answered, left),
        ("decision", "CallCompleted", call, done, ended),
        ("switch", "CallEnded", call, {"call_id": call, "by": "caller"}, ended),
        ("decision", "WrapUpEnded", call, {**done, "wrap_up_s": wrap_up}, ended + wrap_up),
    ]


# The scenes ------------------------------------------------------------------------------------


class Scenes:
    """People who call, ring, talk and wait, and a camera."""

    def __init__(
        self, center: Center, lines: Lines, pages: Pages, stack: AsyncExitStack, folder: Path
    ) -> None:
        self.center = center
        self.lines = lines
        self.pages = pages
        self.stack = stack
        self.folder = folder
        self.zone = load_site(center.site).time_zone

    async def act(self) -> None:
        for number in (DEMO_KNOWN_NUMBER, CHINESE_CALLER):
            await self.lines.number(number, "answer")
        boss = await self.page("sam")
        await self.web_phone()
        await self.fill_the_floor()
        desk = await self.ring_grace()
        await self.shoot(desk, "desk-ringing")
        await desk.get_by_test_id("answer").click()
        await hears_tone(desk, 700)
        await desk.get_by_test_id("disposition-sale").click()
        await desk.get_by_test_id("wrap-up-note").fill("Wants two more of order 20013, by Friday.")
        await desk.get_by_test_id("record-start").click()
        await asyncio.sleep(7)
        await self.shoot(desk, "desk-talking")
        await self.shoot(boss, "supervisor")
        await self.ask_dana(desk)
        await self.listen_in(boss)
        await self.chinese_desk()
        await desk.get_by_test_id("hang-up").click()
        await expect(desk.get_by_test_id("state")).to_have_attribute("data-state", "wrap-up")
        await self.shoot(desk, "desk-wrap-up")
        await desk.get_by_test_id("wrap-up-ready").click()
        await self.timeline(boss)
        for path, name, ready in (("/reports", "reports", "books"), ("/wall", "wall", "wall")):
            await boss.goto(self.pages.url + path)
            await boss.get_by_test_id(ready).wait_for()
            await self.shoot(boss, name)

    async def page(self, name: str, **more: Any) -> Page:
        return await self.pages.open_as(
            name, viewport=SIZE, timezone_id=self.zone, device_scale_factor=1, **more
        )

    async def agent(self, name: str, *, act: str = "answer", ready: bool = True) -> Console:
        await self.lines.phone(name, act)
        console = await Console(self.center.url, name).open()
        self.stack.push_async_callback(console.close)
        await console.begin_shift("desk", ready=ready)
        return console

    async def shoot(self, page: Page, name: str, *, blur: bool = True) -> None:
        await page.mouse.move(0, 0)
        if blur:
            await page.evaluate("document.activeElement?.blur?.()")
        await asyncio.sleep(0.4)
        await page.screenshot(path=str(self.folder / f"{name}.png"), animations="disabled")

    async def fill_the_floor(self) -> None:
        """Ben talks, Emeka is at lunch, and in the line for the technicians three wait."""
        people = [person.fields for person in demo_people()]
        ben = await self.agent("ben")
        emeka = await self.agent("emeka", ready=False)
        await emeka.do("not_ready", reason="lunch")
        await self.lines.call(SUPPORT, people[7].phones[0], name=people[7].name)
        await ben.until_state("talking")
        for person in people[10:13]:
            await self.lines.call(TECHNICAL, person.phones[0])
            await asyncio.sleep(2.5)

    async def ring_grace(self) -> Page:
        """Grace Chen comes through the menu; 陈静 does not answer, so Anna is rung."""
        chen = await self.agent("chen", act="ring")
        caller = await self.lines.call("100", DEMO_KNOWN_NUMBER)
        for key in "11":
            await asyncio.sleep(3)
            await caller.press(key)
        await self.lines.until_rung("deskchen", timeout_s=20)
        desk = await self.pages.open_desk(
            "anna", hertz=440, viewport=SIZE, timezone_id=self.zone, ready=False
        )
        await chen.until_state("not ready", timeout_s=20)
        await chen.do("sign_out")
        await asyncio.sleep(5)
        await desk.get_by_test_id("ready").click()
        await expect(desk.get_by_test_id("record-name")).to_have_text("Grace Chen")
        await asyncio.sleep(1)
        return desk

    async def ask_dana(self, desk: Page) -> None:
        """Anna looks for somebody who knows, and asks Dana while Grace Chen hears music."""
        dana = await self.pages.open_desk("dana", hertz=950)
        await desk.get_by_test_id("transfer").click()
        await desk.get_by_test_id("target-agent-dana").click()
        await self.shoot(desk, "desk-transfer", blur=False)
        await desk.get_by_test_id("transfer-ask").click()
        await dana.get_by_test_id("answer").click()
        await expect(desk.get_by_test_id("consult")).to_have_attribute("data-state", "talking")
        await asyncio.sleep(4)
        await self.shoot(desk, "desk-consult")
        await desk.get_by_test_id("consult-cancel").click()
        await expect(desk.get_by_test_id("consult")).to_be_hidden()

    async def listen_in(self, boss: Page) -> None:
        """Sam whispers something to Anna."""
        await boss.get_by_test_id("listen-anna").click()
        bar = boss.get_by_test_id("supervise-bar")
        await expect(bar).to_have_attribute("data-mode", "listen")
        await boss.get_by_test_id("mode-whisper").click()
        await expect(bar).to_have_attribute("data-mode", "whisper")
        await asyncio.sleep(3)
        await self.shoot(boss, "supervisor-listening")
        await boss.get_by_test_id("supervise-off").click()
        await expect(bar).to_be_hidden()

    async def web_phone(self) -> None:
        visitor = await self.pages.open("/call", hertz=880, viewport=SIZE)
        await visitor.get_by_test_id("dial").click()
        await expect(visitor.get_by_test_id("call-phase")).to_have_attribute("data-phase", "up")
        await asyncio.sleep(2)
        await visitor.get_by_test_id("digit-1").click()
        await asyncio.sleep(1)
        await self.shoot(visitor, "web-phone")
        await visitor.get_by_test_id("hang-up").click()

    async def chinese_desk(self) -> None:
        """The same desk in Chinese and dark, with a Chinese customer on the line."""
        dark: dict[str, Any] = {"color_scheme": "dark", "locale": "zh-CN", "timezone_id": self.zone}
        desk = await self.pages.open_desk("chen", hertz=440, viewport=SIZE, **dark)
        caller = await self.lines.call("200", CHINESE_CALLER)
        answer = desk.get_by_test_id("answer")
        for _ in range(20):
            await asyncio.sleep(2)
            await caller.press("1")
            if await answer.is_visible():
                break
        await answer.click()
        await hears_tone(desk, 700)
        await asyncio.sleep(4)
        await self.shoot(desk, "desk-chinese-dark")
        await desk.get_by_test_id("hang-up").click()

    async def timeline(self, boss: Page) -> None:
        """The call that Anna has just wrapped up."""
        with suppress(Refused):
            grace = boss.locator("[data-testid^='call-asterisk']").filter(has_text="Grace Chen")
            await grace.filter(has_text="Anna").first.click()
        await boss.get_by_test_id("timeline").wait_for()
        await self.shoot(boss, "timeline")


if __name__ == "__main__":
    main()
