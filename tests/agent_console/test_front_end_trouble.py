"""What a switch did not do is said on the call card, in the agent's language."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.agent_console.browsing import log_in, ring

pytestmark = [pytest.mark.browser]


async def test_what_did_not_come_about_stands_on_the_card(
    start_console: Callable[..., Awaitable[Any]], open_page: Callable[..., Awaitable[Page]]
) -> None:
    """A button that did nothing, without a word, is the worst of answers."""
    console = await start_console()
    play = console.play
    page = await open_page()
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    person = ring(play, "anna")
    play._answer(person, time.time())
    person.next_at = 0.0
    await expect(page.get_by_test_id("call-card")).to_have_attribute("data-place", "talking")
    await expect(page.get_by_test_id("trouble")).to_be_hidden()
    text = {"en": "Ben <b> did not answer", "zh": "Ben 无人应答"}
    person.call["trouble"] = {"at": time.time(), "text": text}
    play.publish()
    await expect(page.get_by_test_id("trouble")).to_have_text("Ben <b> did not answer")
    person.call["trouble"] = None
    play.publish()
    await expect(page.get_by_test_id("trouble")).to_be_hidden()
