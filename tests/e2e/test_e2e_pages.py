"""Whole calls with Chromium as the agent, the supervisor and the caller's web phone."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Page, expect

from crm_link.demo import DEMO_KNOWN_NUMBER, DEMO_SHARED_NUMBER
from tools.lab.network import ADDRESS, CALLER_TONE_HZ
from tools.lab.pages import hears_no_tone, hears_something, hears_tone
from tools.lab.sip_caller import SipCaller

if TYPE_CHECKING:
    from tests.e2e.conftest import World
    from tools.lab.pages import Pages

pytestmark = [pytest.mark.asterisk, pytest.mark.browser]

AGENT_HZ, VISITOR_HZ = 440, 880
MAIN, SALES, SUPPORT, QUICK = "100", "301", "302", "303"
SOON_MS = 15_000


async def photograph(page: Page, name: str) -> None:
    """Keep a picture of the page where CALLCENTER_SCREENSHOTS names a folder."""
    if folder := os.environ.get("CALLCENTER_SCREENSHOTS"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def is_in(page: Page, state: str) -> None:
    await expect(page.get_by_test_id("state")).to_have_attribute(
        "data-state", state, timeout=SOON_MS
    )


async def wrap_up(page: Page, disposition: str, note: str = "") -> None:
    await is_in(page, "wrap-up")
    await page.get_by_test_id(f"disposition-{disposition}").click()
    await page.get_by_test_id("wrap-up-note").fill(note)
    await page.get_by_test_id("wrap-up-ready").click()
    await is_in(page, "ready")


async def queue_figures(page: Page, queue: str) -> dict[str, int]:
    row = page.get_by_test_id(f"queue-{queue}")
    names = ("waiting", "offered", "answered", "abandoned")
    return {name: int(await row.get_by_test_id(f"queue-{name}").inner_text()) for name in names}


async def test_from_the_trunk_to_the_customer_record(world: World, pages: Pages) -> None:
    """The whole of the product in one call: menu, music, record, conversation, wrap-up, figures."""
    agent = await pages.open_desk("anna", hertz=AGENT_HZ, ready=False)
    boss = await pages.open_as("sam")
    await expect(boss.get_by_test_id("queue-sales")).to_be_visible()
    figures = await queue_figures(boss, "sales")

    caller = await world.lines.call(MAIN, DEMO_KNOWN_NUMBER)
    began = time.monotonic()
    await asyncio.sleep(3.0)
    await caller.press("1")
    await asyncio.sleep(2.5)
    await caller.press("1")
    row = await world.row(DEMO_KNOWN_NUMBER, outcome="waiting")
    call_id = row["call_id"]
    shown = boss.get_by_test_id(f"waiting-{call_id}")
    await expect(shown).to_contain_text("Grace Chen")
    await expect(shown).to_contain_text("Sales")
    await expect(shown.get_by_test_id("waiting-why")).not_to_be_empty()
    await photograph(boss, "supervisor-waiting")

    await agent.get_by_test_id("ready").click()
    card = agent.get_by_test_id("call-card")
    await expect(card).to_have_attribute("data-place", "ringing")
    # Before answering: who calls, why it came here, what was pressed in the menu.
    await expect(agent.get_by_test_id("record-name")).to_have_text("Grace Chen")
    await expect(agent.get_by_test_id("tier")).to_have_text("Gold")
    await expect(agent.get_by_test_id("why")).to_contain_text("only")
    await expect(agent.get_by_test_id("trail")).to_contain_text("Sales")
    await expect(card).to_have_attribute("data-place", "ringing")
    rang_at = time.monotonic() - began
    await asyncio.sleep(1.5)
    await photograph(agent, "desk-ringing")
    await agent.get_by_test_id("answer").click()
    await is_in(agent, "talking")
    answered_at = time.monotonic() - began
    await hears_tone(agent, CALLER_TONE_HZ)
    await expect(boss.get_by_test_id("agent-anna")).to_have_attribute("data-state", "talking")
    await asyncio.sleep(1.5)
    await photograph(agent, "desk-talking")
    await agent.get_by_test_id("hang-up").click()
    await caller.until_over()
    await expect(boss.get_by_test_id("agent-anna")).to_have_attribute("data-state", "wrap-up")
    await photograph(agent, "desk-wrap-up")
    await wrap_up(agent, "sale", "Wants the blue one, delivered on Friday.")

    heard = await caller.heard()
    assert heard.loudness(0.5, 2.5) > 0.01, "no greeting"
    assert heard.loudness(rang_at + 0.2, answered_at - 0.2) > 0.003, "no music while waiting"
    assert heard.share(AGENT_HZ, -1.3, -0.3) > 0.8, "the agent was not heard"

    record = await world.record(DEMO_KNOWN_NUMBER, outcome="answered")
    assert record["call"]["customer"] == "Grace Chen"
    assert record["disposition"] == "sale"
    assert record["note"] == "Wants the blue one, delivered on Friday."
    assert None not in record["moments"].values(), record["moments"]
    chosen = [e["data"]["value"] for e in record["timeline"] if e["data"].get("what") == "menu"]
    assert chosen == ["1", "1"]
    offered = next(entry for entry in record["timeline"] if entry["kind"] == "offered")
    assert "idle" in offered["why"]["text"]["en"]
    grown = {"waiting": 0, "offered": 1, "answered": 1, "abandoned": 0}
    for name, count in grown.items():
        await expect(
            boss.get_by_test_id("queue-sales").get_by_test_id(f"queue-{name}")
        ).to_have_text(str(figures[name] + count))
    await boss.get_by_test_id(f"call-{call_id}").click()
    timeline = boss.get_by_test_id("timeline")
    await expect(timeline).to_contain_text("Offered to Anna Kowalska")
    await expect(timeline).to_contain_text("Customer: Grace Chen")
    await expect(boss.get_by_test_id("detail-disposition")).to_have_text("Sale")
    await expect(boss.get_by_test_id("detail-note")).to_contain_text("the blue one")
    await photograph(boss, "call-timeline")


async def test_the_caller_hangs_up_first(world: World, pages: Pages) -> None:
    """The page notices, the sound ends, and the agent goes through wrap-up to ready."""
    agent = await pages.open_desk("anna", hertz=AGENT_HZ)
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    await agent.get_by_test_id("answer").click()
    await is_in(agent, "talking")
    await hears_tone(agent, CALLER_TONE_HZ)
    await caller.hang_up()
    await is_in(agent, "wrap-up")
    await expect(agent.get_by_test_id("mute")).to_be_hidden()
    await wrap_up(agent, "solved")
    record = await world.record(ani, outcome="answered")
    ended = next(entry for entry in record["timeline"] if entry["kind"] == "ended")
    assert ended["data"]["by"] == "caller"


async def test_from_the_web_phone_to_the_agents_browser(world: World, pages: Pages) -> None:
    """Nobody needs a telephone: digits reach the menu, both hear each other, hold is music."""
    agent = await pages.open_desk("anna", hertz=AGENT_HZ)
    visitor = await pages.open("/call", hertz=VISITOR_HZ, viewport={"width": 420, "height": 800})
    await expect(visitor.get_by_test_id("dial")).to_be_enabled()
    await photograph(visitor, "web-phone")
    await visitor.get_by_test_id("dial").click()
    await expect(visitor.get_by_test_id("call-phase")).to_have_attribute("data-phase", "up")
    await hears_something(visitor)
    await asyncio.sleep(2.5)
    await visitor.get_by_test_id("digit-1").click()
    await asyncio.sleep(2.5)
    await visitor.get_by_test_id("digit-0").click()
    await photograph(visitor, "web-phone-in-call")
    await expect(agent.get_by_test_id("answer")).to_be_visible(timeout=SOON_MS)
    trail = agent.get_by_test_id("trail")
    await expect(trail).to_contain_text("Anyone")
    await expect(agent.get_by_test_id("call-queue")).to_have_text("Support")
    await expect(agent.get_by_test_id("record-name")).to_have_text("Grace Chen")
    await agent.keyboard.press("a")
    await is_in(agent, "talking")
    await hears_tone(agent, VISITOR_HZ)
    await hears_tone(visitor, AGENT_HZ)

    await agent.keyboard.press("h")
    await is_in(agent, "held")
    await hears_no_tone(visitor, AGENT_HZ)
    await hears_something(visitor)
    await agent.keyboard.press("h")
    await is_in(agent, "talking")
    await hears_tone(agent, VISITOR_HZ)
    await hears_tone(visitor, AGENT_HZ)

    await visitor.get_by_test_id("hang-up").click()
    await is_in(agent, "wrap-up")
    await wrap_up(agent, "solved")


async def test_an_unknown_caller_becomes_a_customer(world: World, pages: Pages) -> None:
    """A form with the number filled in; the next call from there shows who it is."""
    agent = await pages.open_desk("anna", hertz=AGENT_HZ)
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    await expect(agent.get_by_test_id("record-none")).to_be_visible()
    await expect(agent.get_by_test_id("customer-phone")).to_have_value(ani)
    await agent.get_by_test_id("answer").click()
    await is_in(agent, "talking")
    await agent.get_by_test_id("customer-name").fill("Nils Ny")
    await agent.get_by_test_id("create-customer").click()
    await expect(agent.get_by_test_id("record-name")).to_have_text("Nils Ny")
    await caller.hang_up()
    await wrap_up(agent, "solved", "new customer")
    assert (await world.record(ani))["call"]["customer"] == "Nils Ny"

    again = await world.lines.call(QUICK, ani)
    await expect(agent.get_by_test_id("record-name")).to_have_text("Nils Ny")
    await expect(agent.get_by_test_id("contacts")).to_contain_text("new customer")
    await again.hang_up()
    await is_in(agent, "ready")


async def test_two_customers_with_one_number_are_a_choice(world: World, pages: Pages) -> None:
    """Never the wrong record: the agent asks who it is and chooses."""
    agent = await pages.open_desk("anna", hertz=AGENT_HZ)
    caller = await world.lines.call(QUICK, DEMO_SHARED_NUMBER)
    matches = agent.get_by_test_id("matches").first
    await expect(matches).to_contain_text("Oliver Bennett")
    await expect(matches).to_contain_text("Mia Bennett")
    await photograph(agent, "desk-choice")
    await agent.get_by_test_id("answer").click()
    await is_in(agent, "talking")
    await matches.get_by_role("listitem").filter(has_text="Mia").get_by_role("button").click()
    await expect(agent.get_by_test_id("record-name")).to_have_text("Mia Bennett")
    await caller.hang_up()
    await wrap_up(agent, "solved")
    record = await world.record(DEMO_SHARED_NUMBER)
    assert record["call"]["customer"] == "Mia Bennett"


# What stands between the quotes of From, and what of it must be seen. A telephone's name field
# ends after 79 characters.
HOSTILE = {
    "markup": (b"<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    "quotes": (rb"\"'`;--</script><svg onload=alert(2)>", "'`;--</script><svg onload=alert(2)>"),
    "long": (b"L" * 200, "L" * 79),
    "broken": (b"J\xf6rg \xff\xfe\xc3", "rg "),
    "dialplan": (b"${SHELL(id)}@500,1", "${SHELL(id)}@500,1"),
}
MARKUP = "img, main svg[onload], main script"


async def test_hostile_names_are_only_text(world: World, pages: Pages) -> None:
    """A caller's name may be anything; it never becomes markup, and the call goes through."""
    agent = await pages.open_desk("anna", hertz=AGENT_HZ)
    boss = await pages.open_as("sam")
    await expect(boss.get_by_test_id("queues")).to_be_visible()
    for what, (name, expected) in HOSTILE.items():
        ani = world.stranger()
        async with SipCaller(ADDRESS, ("127.0.0.1", world.center.ports.sip)) as caller:
            await caller.call(QUICK, ani, name)
            await expect(agent.get_by_test_id("caller-number")).to_contain_text(ani[-4:])
            await expect(agent.get_by_test_id("caller-name")).to_contain_text(expected)
            row = await world.row(ani)
            shown = boss.get_by_test_id(f"call-{row['call_id']}")
            await expect(shown).to_contain_text(expected)
            for page in (agent, boss):
                assert await page.locator(MARKUP).count() == 0, what
            await photograph(agent, f"hostile-{what}")
            await agent.get_by_test_id("answer").click()
            await is_in(agent, "talking")
            await caller.hang_up()
        await wrap_up(agent, "solved")
        await shown.click()
        await expect(boss.get_by_test_id("timeline")).to_contain_text("Entered the queue")
        assert await boss.locator(MARKUP).count() == 0, what
        await boss.keyboard.press("Escape")
        assert (await world.record(ani))["call"]["outcome"] == "answered"


async def test_the_supervisor_sees_the_floor(world: World, pages: Pages) -> None:
    """Positions and reasons of those who wait, states of those who work, and every other page."""
    boss = await pages.open_as("sam")
    ben = await world.agent("ben")
    talking = await world.lines.call(QUICK, world.stranger())
    await ben.until_state("talking")
    await expect(boss.get_by_test_id("agent-ben")).to_have_attribute("data-state", "talking")
    for position in (1, 2):
        ani = world.stranger()
        await world.lines.call(QUICK, ani)
        row = await world.row(ani, outcome="waiting")
        shown = boss.get_by_test_id(f"waiting-{row['call_id']}")
        await expect(shown.get_by_role("cell").first).to_have_text(str(position))
        why = shown.get_by_test_id("waiting-why")
        await expect(why).to_contain_text("talking" if position == 1 else re.compile(r"\d"))
    await photograph(boss, "supervisor")
    await talking.hang_up()
    await expect(boss.get_by_test_id("agent-ben")).to_have_attribute("data-state", "wrap-up")
    await boss.goto(f"{pages.url}/reports")
    await expect(boss.get_by_test_id("books")).to_have_attribute("data-wrong", "0")
    await photograph(boss, "reports")
    await boss.goto(f"{pages.url}/wall")
    await expect(boss.get_by_test_id("wall-quick")).to_be_visible()
    await photograph(boss, "wall")
