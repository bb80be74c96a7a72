"""The pages in a real browser: over the preview's play, and the browser phone over real media."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from playwright.async_api import Page, expect
from websockets.asyncio.server import ServerConnection

from agent_console.live import SUPERVISOR
from agent_console.preview import Play
from tests.agent_console.browsing import SOON_MS, log_in, ring

pytestmark = [pytest.mark.browser]

HEARD_ENERGY = """async () => {
  let energy = 0;
  for (const connection of window.connections)
    for (const part of (await connection.getStats()).values())
      if (part.type === 'inbound-rtp') energy += part.totalAudioEnergy ?? 0;
  return energy;
}"""

StartConsole = Callable[..., Awaitable[Any]]
OpenPage = Callable[..., Awaitable[Page]]


# The pages ---------------------------------------------------------------------------------


async def test_a_wrong_password_is_told_and_a_demo_chip_logs_in(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """The first page that anybody sees: errors in plain words, and one click in the demo."""
    console = await start_console()
    page = await open_page()
    await page.goto(console.url)
    await page.get_by_test_id("login-name").fill("anna")
    await page.get_by_test_id("login-password").fill("wrong")
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("login-problem")).to_have_text("Name or password is wrong.")
    await page.get_by_test_id("demo-sam").click()
    await expect(page.get_by_test_id("queues")).to_be_visible()
    assert page.url.endswith("/supervisor")


async def test_a_shift_by_keyboard_from_sign_in_to_the_saved_note(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """The whole way of a call at the desk, with the record there before anybody talks."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    state = page.get_by_test_id("state")
    await expect(state).to_have_text("Not ready")
    await page.keyboard.press("r")
    await expect(state).to_have_text("Ready")

    person = ring(play, "anna")
    play._record(person, "looking")
    await expect(page.get_by_test_id("call-card")).to_have_attribute("data-place", "ringing")
    await expect(page.get_by_test_id("caller-name")).to_have_text("Grace Hopper")
    await expect(page.get_by_test_id("why")).to_contain_text("idle longest")
    await expect(page.get_by_test_id("record-looking")).to_be_visible()
    play._record(person, "found", play.customers.all["c2"])
    await expect(page.get_by_test_id("record-name")).to_have_text("Amélie Laurent")

    play._answer(person, time.time())
    await expect(state).to_have_text("Talking")
    await page.keyboard.press("h")
    await expect(state).to_have_text("On hold")
    await expect(page.get_by_test_id("hold")).to_be_enabled()
    await page.keyboard.press("h")
    await expect(state).to_have_text("Talking")
    await page.get_by_test_id("wrap-up-note").fill("Wants the invoice <b>again</b>")
    await page.get_by_test_id("state").click()
    await page.keyboard.press("x")
    await expect(state).to_have_text("Wrap-up")
    # What was typed during the call is still there, and goes with the wrap-up.
    await page.keyboard.press("2")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_test_id("idle")).to_be_visible()
    saved = [told for told in play.told if told[0] == "wrap_up"]
    assert saved[0][3:] == ("follow-up", "Wants the invoice <b>again</b>", "ready")


async def test_an_unsaved_note_survives_a_reload(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """A reload in the middle comes back to the same call and the same words."""
    console = await start_console()
    page = await open_page()
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_text("Not ready")
    person = ring(console.play, "anna")
    console.play._answer(person, time.time())
    await page.get_by_test_id("wrap-up-note").fill("half a sentence")
    await page.reload()
    await expect(page.get_by_test_id("state")).to_have_text("Talking")
    await expect(page.get_by_test_id("wrap-up-note")).to_have_value("half a sentence")


async def test_several_and_none_lead_to_a_record(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """A shared number becomes a choice, an unknown one a form with the number filled in."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_text("Not ready")
    person = ring(play, "anna")
    play._record(person, "several")
    await page.get_by_test_id("choose-c1").click()
    await expect(page.get_by_test_id("record-name")).to_have_text("王小明")
    assert person.call is not None
    play._record(person, "none")
    await expect(page.get_by_test_id("customer-phone")).to_have_value(person.call["ani"])
    await page.get_by_test_id("customer-name").fill("Nils Ny")
    await page.get_by_test_id("create-customer").click()
    await expect(page.get_by_test_id("record-name")).to_have_text("Nils Ny")
    await page.get_by_test_id("note-text").fill("<script>broken()</script>")
    await page.get_by_test_id("note-save").click()
    await expect(page.get_by_test_id("notes")).to_contain_text("<script>broken()</script>")


async def test_a_lost_connection_shows_at_once_and_comes_back_by_itself(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Nobody may work on figures that stand still without knowing it."""
    console = await start_console()
    page = await open_page()
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_text("Not ready")
    await page.context.set_offline(True)
    console.app.state.consoles.end_all()
    await expect(page.get_by_test_id("reconnecting")).to_be_visible(timeout=1000)
    await expect(page.get_by_test_id("ready")).to_be_disabled()
    # What happens meanwhile is there afterwards.
    ring(console.play, "anna")
    await page.context.set_offline(False)
    await expect(page.get_by_test_id("reconnecting")).to_be_hidden()
    await expect(page.get_by_test_id("call-card")).to_have_attribute("data-place", "ringing")
    await expect(page.get_by_test_id("ready")).to_be_enabled()


async def test_a_refusal_is_shown_in_the_readers_language(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Nothing is shown as done that was refused, and the reason is readable."""
    console = await start_console()
    page = await open_page("zh-CN")
    await page.goto(console.url)
    await expect(page.get_by_test_id("login-submit")).to_have_text("登录")
    await log_in(page, console.url, "anna")
    # The account says English; who chooses another language keeps it.
    await expect(page.get_by_test_id("sign-in")).to_have_text("Start shift")
    await page.get_by_test_id("language").click()
    await page.reload()
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_text("示忙")
    ring(console.play, "anna")
    console.play.people["anna"].state = "talking"  # answered in this very moment
    await page.get_by_test_id("decline").click()
    await expect(page.get_by_test_id("refusal")).to_contain_text("未执行")
    await expect(page.get_by_test_id("call-card")).to_have_attribute("data-place", "ringing")


async def test_the_supervisor_sees_and_acts(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Queues, waiting callers with the reason, agents, calls with their story, all live."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await log_in(page, console.url, "sam")
    await expect(page.get_by_test_id("waiting-none")).to_be_visible()
    caller = play._arrive(time.time())
    play.publish()
    row = page.get_by_test_id(f"waiting-{caller.call_id}")
    await expect(row.get_by_test_id("waiting-why")).to_contain_text("3 talking")
    queue = page.get_by_test_id(f"queue-{caller.queue}")
    await expect(queue.get_by_test_id("queue-waiting")).to_have_text("1")

    await page.get_by_test_id("set-chen").click()
    await page.get_by_test_id("set-chen-not ready:lunch").click()
    await expect(page.get_by_test_id("agent-chen")).to_have_attribute("data-state", "not ready")

    await page.get_by_test_id("calls-filter").fill("no such caller")
    await expect(page.get_by_test_id("calls")).to_be_hidden()
    await page.get_by_test_id("calls-filter").fill("")
    await page.get_by_test_id(f"call-{caller.call_id}").click()
    await expect(page.get_by_test_id("timeline")).to_contain_text("Offered to Anna")
    await expect(page.get_by_test_id("timeline")).to_contain_text("idle longest")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("drawer")).to_be_hidden()


async def test_the_supervisor_calls_a_callback_off(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """When, how often tried and what was promised is seen; the choice is carried out."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await log_in(page, console.url, "sam")
    callback = {
        "id": "cb-1",
        "queue": "billing",
        "caller": "(416) 555-0100",
        "caller_name": "",
        "attempts": 2,
        "due": time.time() + 60.0,
        "promised": time.time() + 60.0,
    }
    play.live.put(SUPERVISOR, "callback:cb-1", callback)
    row = page.get_by_test_id("callback-cb-1")
    await expect(row).to_contain_text("tried 2 times")
    await expect(row).to_contain_text("promised for")
    await page.get_by_test_id("set-callback-cb-1").click()
    await page.get_by_test_id("set-callback-cb-1-off").click()
    await expect(page.get_by_test_id("set-callback-cb-1")).to_be_enabled()
    assert ("cancel_callback", "u-sam", "cb-1", "") in play.told


async def test_the_supervisor_closes_a_queue_and_deals_with_a_message(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """One button away; who said so stands beside it, and the hours rule again on request."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await log_in(page, console.url, "sam")
    await expect(page.get_by_test_id("door-billing")).to_be_hidden()
    await page.get_by_test_id("set-door-billing").click()
    await page.get_by_test_id("set-door-billing-close").click()
    await expect(page.get_by_test_id("door-billing")).to_contain_text("Closed")
    await page.get_by_test_id("set-door-billing").click()
    await page.get_by_test_id("set-door-billing-hours").click()
    await expect(page.get_by_test_id("door-billing")).to_be_hidden()
    message = {
        "id": "vm-1",
        "call_id": "call-0001",
        "box": "billing",
        "caller": "+14165550100",
        "caller_name": "Grace <b>Chen",
        "at": time.time(),
        "length_s": 12.0,
    }
    play.live.put(SUPERVISOR, "voicemail:vm-1", message)
    row = page.get_by_test_id("message-vm-1")
    await expect(row).to_contain_text("Grace <b>Chen")
    await row.get_by_role("button", name="Dealt with").click()
    await expect(row).to_be_hidden()
    assert ("voicemail_done", "u-sam", "vm-1") in play.told


async def test_figures_have_windows_and_definitions_and_alerts_are_seen(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """A supervisor switches the span, reads what a figure means, and says that an alert is seen."""
    console = await start_console()
    page = await open_page()
    await log_in(page, console.url, "sam")
    offered = page.get_by_test_id("queue-billing").get_by_test_id("queue-offered")
    day = await offered.inner_text()
    await page.get_by_test_id("window-15").click()
    await expect(offered).not_to_have_text(day)
    await expect(page.get_by_test_id("books-billing")).to_have_text("✓")
    await page.get_by_test_id("tab-team").click()
    await expect(page.get_by_test_id("figures-team")).to_contain_text("North")
    await page.get_by_test_id("tab-agent").click()
    await page.get_by_test_id("figures-agent-anna").get_by_role("button").click()
    await expect(page.get_by_test_id("figure-occupancy")).to_contain_text("busy / (busy + ready)")
    await page.get_by_test_id("drawer").get_by_role("button", name="Close").click()
    await expect(page.get_by_test_id("drawer")).to_have_count(0)
    await expect(page.get_by_test_id("alert-badge")).to_have_text("1")
    alert = page.get_by_test_id("alert-long-wait:billing")
    await expect(alert).to_contain_text("longest wait 1:35")
    await alert.get_by_role("button").click()
    await expect(alert).to_contain_text("seen at")
    await expect(page.get_by_test_id("alert-badge")).to_have_count(0)
    assert ("acknowledge_alert", "u-sam", "long-wait:billing") in console.play.told
    await page.goto(f"{console.url}/wall")
    await expect(page.get_by_test_id("wall-alerts")).to_contain_text("longest wait 1:35")
    await expect(page.get_by_test_id("window-15")).to_have_attribute("aria-pressed", "true")


async def test_hostile_text_is_only_text_everywhere(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """A caller's name may be anything; it may never become markup or break the page."""
    hostile = (
        '"><img src=x onerror="window.broken=1"><svg onload="window.broken=1">\u202e\x00'
        + "长" * 3000
    )
    console = await start_console()
    play: Play = console.play
    desk, floor = await open_page(), await open_page()
    await log_in(desk, console.url, "anna")
    await desk.get_by_test_id("sign-in").click()
    await expect(desk.get_by_test_id("state")).to_have_text("Not ready")
    await log_in(floor, console.url, "sam")
    caller = play._arrive(time.time())
    caller.name = caller.row["caller_name"] = caller.row["customer"] = hostile
    play.live.put(SUPERVISOR, "alarm:h", {"code": "h", "since": 0.0, "text": {"en": hostile}})
    person = ring(play, "anna", hostile)
    customer = dict(play.customers.all["c3"], name=hostile, company=hostile, tier=hostile)
    play._record(person, "found", customer)  # type: ignore[arg-type]
    await expect(desk.get_by_test_id("record-name")).to_contain_text("onerror")
    await expect(floor.get_by_test_id(f"waiting-{caller.call_id}")).to_contain_text("onerror")
    for page in (desk, floor):
        assert await page.evaluate("window.broken") is None
        assert await page.locator("img").count() == 0


async def test_reports_and_wall(start_console: StartConsole, open_page: OpenPage) -> None:
    """The day's figures with the books check, their CSV, and the wall."""
    console = await start_console()
    page = await open_page()
    await log_in(page, console.url, "sam")
    await expect(page.get_by_test_id("queues")).to_be_visible()
    await page.goto(f"{console.url}/reports")
    await expect(page.get_by_test_id("books")).to_have_attribute("data-wrong", "0")
    await expect(page.get_by_test_id("report-total")).to_be_visible()
    await page.get_by_test_id("report-queue").select_option("billing")
    await expect(page.get_by_test_id("report").locator("tbody tr")).to_have_count(48)
    async with page.expect_download() as download:
        await page.get_by_test_id("report-csv").click()
    assert (await download.value).suggested_filename.endswith(".csv")
    await page.goto(f"{console.url}/wall")
    await expect(page.get_by_test_id("wall-billing")).to_be_visible()


async def test_the_day_is_told_by_the_sites_clock(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """A reader elsewhere must not take the site's noon for his own."""
    console = await start_console()
    page = await open_page(timezone_id="Asia/Tokyo", viewport={"width": 1360, "height": 860})
    await log_in(page, console.url, "sam")
    await expect(page.get_by_test_id("zone")).to_contain_text("Europe/Berlin")
    await page.goto(f"{console.url}/reports")
    await expect(page.get_by_test_id("zone")).to_contain_text("Europe/Berlin")
    await page.get_by_test_id("report-queue").select_option("billing")
    first = page.get_by_test_id("report").locator("tbody th").first
    await expect(first).to_have_text("00:00–00:30")
    # Everything fits; with every definition the rest is hinted at, and the interval stays.
    hint = page.get_by_role("button", name="More columns")
    await expect(hint).to_have_count(0)
    await page.get_by_test_id("report-every").check()
    await hint.click()
    await expect(page.get_by_role("button", name="Back to the first columns")).to_be_visible()
    await expect(first).to_be_in_viewport()


async def test_a_first_visit_leaves_no_error_and_shows_the_way(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """The browser's log stays clean for real trouble, and a stranger knows what to do."""
    console = await start_console(sip_url="ws://127.0.0.1:9/")
    page = await open_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(console.url)
    await expect(page.get_by_test_id("tour").get_by_role("listitem")).to_have_count(3)
    await expect(page.get_by_test_id("tour-call")).to_have_attribute("href", "/call")
    await page.goto(f"{console.url}/call")
    await expect(page.get_by_test_id("calling-as")).to_contain_text("Grace Hopper")
    await expect(page.get_by_test_id("mic-help")).to_be_visible()
    assert said == []
    answer = await page.goto(f"{console.url}/nothing/here")
    assert answer is not None
    assert answer.status == 404
    await expect(page.get_by_test_id("not-found")).to_contain_text("/nothing/here")
    await page.get_by_role("link").click()
    await expect(page.get_by_test_id("login-submit")).to_be_visible()


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
async def test_the_desks_bar_keeps_to_one_line(
    start_console: StartConsole, open_page: OpenPage, language: str
) -> None:
    """At 1280 the bar must not jump to two lines when the phone rings."""
    console = await start_console()
    page = await open_page(language, viewport={"width": 1280, "height": 800})
    await page.goto(console.url)
    await page.evaluate("l => localStorage.setItem('console.language', l)", language[:2])
    await log_in(page, console.url, "anna")
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_attribute("data-state", "not ready")
    for state in ("ready", "talking", "wrap-up"):
        if state == "talking":
            console.play._answer(ring(console.play, "anna"), time.time())
        elif state == "wrap-up":
            await page.get_by_test_id("hang-up").click()
        else:
            await page.get_by_test_id("ready").click()
        await expect(page.get_by_test_id("state")).to_have_attribute("data-state", state)
        bar = await page.locator(".state-bar").bounding_box()
        assert bar is not None
        assert bar["height"] < 75, state


# The browser phone -------------------------------------------------------------------------


class MeetingPoint:
    """The least that two browser phones need of a switch: registers, and passes on to the other.

    `seen` has the first line of each message, with who sent it.
    """

    def __init__(self) -> None:
        self.phones: dict[str, ServerConnection] = {}
        self.contacts: dict[str, str] = {}
        self.seen: list[tuple[str, str]] = []
        self.offers: list[str] = []
        self.url = ""

    async def serve(self, phone: ServerConnection) -> None:
        user = ""
        async for raw in phone:
            text = raw if isinstance(raw, str) else raw.decode()
            if not text.strip():
                continue
            first = text.split("\r\n", 1)[0]
            if not user:
                found = re.search(r"^From:[^<]*<sip:([^@]+)@", text, re.MULTILINE)
                user = found[1] if found else "?"
                self.phones[user] = phone
            self.seen.append((user, first))
            if first.startswith("REGISTER"):
                await phone.send(self._registered(user, text))
                continue
            if first.startswith("INVITE"):
                self.offers.append(text)
            other = next((u for u in self.phones if u != user), "")
            if other and first.startswith("INVITE"):
                text = f"INVITE {self.contacts[other]} SIP/2.0\r\n" + text.split("\r\n", 1)[1]
            if other:
                await self.phones[other].send(text)

    def _registered(self, user: str, request: str) -> str:
        contact = re.search(r"^Contact: (<[^>]+>)", request, re.MULTILINE)
        if contact:
            self.contacts[user] = contact[1].strip("<>")
        kept = [
            line + (";tag=meeting" if line.startswith("To:") and ";tag=" not in line else "")
            for line in request.split("\r\n")
            if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
        ]
        expires = f"Contact: {contact[1]};expires=60" if contact else "Content-Type: text/plain"
        return "\r\n".join(["SIP/2.0 200 OK", *kept, expires, "Content-Length: 0", "", ""])

    def said(self, user: str, method: str) -> int:
        return sum(1 for who, line in self.seen if who.startswith(user) and line.startswith(method))


@asynccontextmanager
async def meeting_point() -> AsyncIterator[MeetingPoint]:
    meeting = MeetingPoint()
    async with websockets.serve(
        meeting.serve,
        "127.0.0.1",
        0,
        subprotocols=["sip"],  # type: ignore[list-item]
        compression=None,
    ) as server:
        meeting.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield meeting


class SwitchedPlay:
    """Makes the play's site one with a real switch, and lets agents sign in on the browser."""

    def __init__(self, play: Play) -> None:
        self.play = play
        site = dict(play.live.get("everyone", "site"), switch="asterisk")
        play.live.put("everyone", "site", site)
        play.sign_in = self.sign_in  # type: ignore[method-assign]

    async def sign_in(self, agent: str, phone: str) -> None:
        person = self.play.people[agent]
        person.phone, person.played = phone, False
        self.play._set(person, "not ready")


async def hears(page: Page) -> None:
    """Within seconds the page has received sound that is not silence."""
    await page.wait_for_function(f"async () => (await ({HEARD_ENERGY})()) > 1e-5", timeout=SOON_MS)


@pytest.mark.slow
async def test_a_call_from_the_web_phone_to_the_agents_browser_and_back(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Both browser phones through the real relay: both hear each other, digits go as RTP."""
    async with meeting_point() as meeting:
        console = await start_console(sip_url=meeting.url)
        play: Play = console.play
        SwitchedPlay(play)
        agent = await open_page()
        await log_in(agent, console.url, "anna")
        await agent.get_by_test_id("phone-browser").check(force=True)
        await agent.get_by_test_id("sign-in").click()
        await expect(agent.get_by_test_id("phone-state")).to_have_attribute("data-up", "true")
        assert meeting.said("agent-anna", "REGISTER") == 1

        caller = await open_page(viewport={"width": 390, "height": 800})
        await caller.goto(f"{console.url}/call")
        await caller.get_by_test_id("dial").click()
        await expect(caller.get_by_test_id("call-phase")).to_have_attribute(
            "data-phase", "progress"
        )

        person = ring(play, "anna")
        await expect(agent.get_by_test_id("answer")).to_be_visible()
        await agent.keyboard.press("a")
        play._answer(person, time.time())
        await expect(caller.get_by_test_id("call-phase")).to_have_attribute("data-phase", "up")
        await expect(agent.get_by_test_id("mute")).to_be_visible()
        await hears(agent)
        await hears(caller)
        assert "telephone-event/48000" in meeting.offers[0]
        assert "telephone-event/8000" not in meeting.offers[0]
        await caller.get_by_test_id("digit-2").click()
        await expect(caller.get_by_test_id("sent-digits")).to_have_text("Sent: 2")

        await agent.keyboard.press("m")
        await expect(agent.get_by_test_id("mute")).to_have_attribute("aria-pressed", "true")
        await agent.keyboard.press("m")

        # The switch's BYE never came: the server's word alone ends the sound.
        play._wrap(person)
        await expect(caller.get_by_test_id("call-problem")).to_have_text("Call ended")
        assert meeting.said("agent-anna", "BYE") == 1
        await expect(agent.get_by_test_id("state")).to_have_text("Wrap-up")


@pytest.mark.slow
async def test_declining_and_leaving_end_what_they_should(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Decline answers 486 and leaves the agent free; a closed caller's page hangs up."""
    async with meeting_point() as meeting:
        console = await start_console(sip_url=meeting.url)
        play: Play = console.play
        SwitchedPlay(play)
        agent = await open_page()
        await log_in(agent, console.url, "anna")
        await agent.get_by_test_id("phone-browser").check(force=True)
        await agent.get_by_test_id("sign-in").click()
        await expect(agent.get_by_test_id("phone-state")).to_have_attribute("data-up", "true")
        caller = await open_page()
        await caller.goto(f"{console.url}/call")
        await caller.get_by_test_id("dial").click()
        await expect(caller.get_by_test_id("call-phase")).to_have_attribute(
            "data-phase", "progress"
        )
        ring(play, "anna")
        await agent.get_by_test_id("decline").click()
        await expect(caller.get_by_test_id("call-problem")).to_contain_text("busy")
        await expect(agent.get_by_test_id("state")).to_have_text("Not ready")

        await caller.get_by_test_id("dial").click()
        person = ring(play, "anna")
        await agent.get_by_test_id("answer").click()
        play._answer(person, time.time())
        await expect(caller.get_by_test_id("call-phase")).to_have_attribute("data-phase", "up")
        await caller.goto("about:blank")
        await expect(agent.get_by_test_id("no-sound")).to_be_visible()
        assert meeting.said("web-", "BYE") == 1


@pytest.mark.slow
async def test_a_reload_in_mid_call_says_honestly_that_its_sound_is_gone(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """The call is shown again, the line is up again, and the missing sound is not hidden."""
    async with meeting_point() as meeting:
        console = await start_console(sip_url=meeting.url)
        SwitchedPlay(console.play)
        agent = await open_page()
        await log_in(agent, console.url, "anna")
        await agent.get_by_test_id("phone-browser").check(force=True)
        await agent.get_by_test_id("sign-in").click()
        await expect(agent.get_by_test_id("phone-state")).to_have_attribute("data-up", "true")
        person = ring(console.play, "anna")
        console.play._answer(person, time.time())
        await agent.reload()
        await expect(agent.get_by_test_id("call-card")).to_have_attribute("data-place", "talking")
        await expect(agent.get_by_test_id("phone-state")).to_have_attribute("data-up", "true")
        await expect(agent.get_by_test_id("no-sound")).to_be_visible()
        assert meeting.said("agent-anna", "REGISTER") == 2


async def test_a_refused_microphone_is_explained(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """The commonest trouble with browser phones, told with its remedy."""
    async with meeting_point() as meeting:
        console = await start_console(sip_url=meeting.url)
        page = await open_page()
        await page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () =>"
            " Promise.reject(new DOMException('no', 'NotAllowedError'));"
        )
        await page.goto(f"{console.url}/call")
        await page.get_by_test_id("dial").click()
        await expect(page.get_by_test_id("call-problem")).to_contain_text("allow the microphone")
        await expect(page.get_by_test_id("dial")).to_be_enabled()
