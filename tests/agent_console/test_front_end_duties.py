"""Live staffing and work items in a real browser over the preview's play."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from agent_console.preview import Play
from tests.agent_console.browsing import log_in, ring

pytestmark = [pytest.mark.browser]

StartConsole = Callable[..., Awaitable[Any]]
OpenPage = Callable[..., Awaitable[Page]]


async def floor(start_console: StartConsole, open_page: OpenPage) -> tuple[Page, Play]:
    console = await start_console()
    page = await open_page()
    await log_in(page, console.url, "sam")
    await page.goto(f"{console.url}/supervisor")
    await expect(page.get_by_test_id("agents")).to_be_visible()
    return page, console.play


async def test_a_supervisor_changes_an_agents_duties_and_takes_it_back(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """What differs from the configuration is marked, saved at once, and undone with one press."""
    page, play = await floor(start_console, open_page)
    await page.get_by_test_id("staff-anna").click()
    await expect(page.get_by_test_id("staffing-differs")).to_have_text("As configured.")
    await expect(page.get_by_test_id("save-staffing")).to_be_disabled()
    support = page.get_by_test_id("staffing-queue-support")
    await support.get_by_role("checkbox").uncheck()
    await expect(support).to_contain_text("taken away")
    await page.get_by_test_id("staffing-queue-billing").get_by_role("combobox").select_option("2")
    chinese = page.get_by_test_id("staffing-skill-zh")
    await chinese.get_by_role("combobox").select_option("9")
    await expect(chinese).to_contain_text("configured: 4")
    await page.get_by_test_id("save-staffing").click()

    await expect(page.get_by_test_id("restaffed-anna")).to_be_visible()
    assert play.duties["anna"] == {
        "queues": ["billing"],
        "skills": {"billing": 5, "support": 3, "zh": 9},
        "order": {"billing": 2},
    }
    await page.get_by_test_id("undo").click()
    await expect(page.get_by_test_id("undo-bar")).to_have_count(0)
    await expect(page.get_by_test_id("restaffed-anna")).to_have_count(0)
    assert play.duties["anna"]["queues"] == ["billing", "support"]


async def test_the_form_goes_back_to_the_configuration_and_says_why_it_was_refused(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Reset fills the form in as configured; a refusal stands where the button is."""
    page, play = await floor(start_console, open_page)
    await play.staff("sam", "anna", ["support"], None, None, False)
    await page.get_by_test_id("staff-anna").click()
    await expect(page.get_by_test_id("staffing-differs")).to_contain_text("Differs")
    await page.get_by_test_id("staffing-reset").click()
    await expect(page.get_by_test_id("staffing-differs")).to_have_text("As configured.")
    del play.people["anna"]
    await page.get_by_test_id("save-staffing").click()
    await expect(page.get_by_test_id("refusal")).to_contain_text("This agent is not known.")


async def test_agents_are_added_to_a_queue_together_and_taken_back_together(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """A queue in need gets several helpers at once, and one press sends them all back."""
    page, play = await floor(start_console, open_page)
    await page.get_by_test_id("agents-of-billing").click()
    for agent in ("ben", "eli"):
        await page.get_by_test_id(f"queue-agent-{agent}").get_by_role("checkbox").check()
    await page.get_by_test_id("save-queue-agents").click()
    await expect(page.get_by_test_id("undo-bar")).to_contain_text("2 agents are changed")
    assert play.duties["ben"]["queues"] == ["support", "billing"]
    assert play.duties["eli"]["queues"] == ["support", "billing"]
    await page.get_by_test_id("undo").click()
    await expect(page.get_by_test_id("undo-bar")).to_have_count(0)
    assert play.duties["ben"]["queues"] == play.duties["eli"]["queues"] == ["support"]


async def test_work_items_are_handled_by_keyboard_beside_a_call(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Y accepts, U declines, F finishes the only open one; a link leads to the web or nowhere."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_attribute("data-state", "not ready")
    await play.add_item("sam", "billing", "First", "https://crm.example.com/1", "t-1", {}, 0)
    await play.add_item("sam", "billing", "Second", "javascript:alert(1)", "t-2", {}, 0)
    first, second = page.get_by_test_id("item-t-1"), page.get_by_test_id("item-t-2")
    await expect(first.get_by_role("link")).to_have_attribute("href", "https://crm.example.com/1")
    await expect(first.get_by_role("link")).to_have_attribute("rel", "noopener noreferrer")
    await expect(second).to_contain_text("Second")
    await expect(second.get_by_role("link")).to_have_count(0)
    await page.keyboard.press("y")
    await expect(first).to_have_attribute("data-state", "working")
    await expect(first.get_by_test_id("item-done")).to_be_enabled()
    await page.keyboard.press("u")
    await expect(second).to_have_count(0)
    ring(play, "anna")
    await expect(page.get_by_test_id("call-card")).to_be_visible()
    await expect(first.get_by_test_id("item-done")).to_be_enabled()
    await page.keyboard.press("f")
    await expect(first).to_have_count(0)
    assert [told[0] for told in play.told if "item" in told[0] and told[0] != "add_item"] == [
        "accept_item",
        "decline_item",
        "finish_item",
    ]


async def test_a_pause_is_seen_with_its_end_by_agent_and_supervisor(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Nobody wonders why a ready agent gets no calls."""
    page, play = await floor(start_console, open_page)
    person = play.people["dora"]
    person.state, person.played, person.next_at = "ready", False, 0.0
    person.reason, person.deadline = "no answer", time.time() + 90
    play.publish()
    await expect(page.get_by_test_id("paused-dora")).to_contain_text("offers again in 1:")
