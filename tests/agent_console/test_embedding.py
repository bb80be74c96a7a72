"""The console inside another page, in a real browser: who may, and what the two say."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

from agent_console.http_limits import embedded_headers, security_headers
from agent_console.settings import ConsoleSettings
from tools.build_front_end import build

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "embedded-console.js"
PAGE = """<!doctype html><title>CRM</title>
<iframe id="console" src="{console}/embed" allow="microphone; autoplay"
        width="900" height="700"></iframe>
<script type="module">
import {{ EmbeddedConsole }} from "./embedded-console.js";
window.phone = new EmbeddedConsole(document.getElementById("console"), "{console}");
window.heard = [];
for (const event of ["state", "call.offered", "call.answered", "call.ended"])
  phone.on(event, (data) => heard.push([event, data]));
window.answerOf = async (type, args) => {{
  try {{ return await phone.ask(type, args, 2000); }}
  catch (error) {{ return error.code; }}
}};
</script>"""


class Parent:
    """Another program's page, on an origin of its own."""

    def __init__(self, host: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.origin = f"http://{host}:{self.port}"
        self.console = ""

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(console=self.console), content_type="text/html")

    async def script(self, request: web.Request) -> web.Response:
        return web.Response(text=EXAMPLE.read_text(), content_type="text/javascript")


@pytest.fixture
async def parent() -> AsyncIterator[Any]:
    """`await parent("localhost")`: a page that holds the console."""
    runners = []

    async def start(host: str = "127.0.0.1") -> Parent:
        parent = Parent(host)
        app = web.Application()
        app.router.add_get("/", parent.page)
        app.router.add_get("/embedded-console.js", parent.script)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", parent.port).start()
        return parent

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM and os.environ.get("CI") != "true":
        pytest.skip("no Chromium on PATH")
    build()
    flags = ["--no-first-run", "--disable-background-networking"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        await chromium.close()


async def shown_inside(browser: Browser, parent: Parent, console: Any) -> tuple[Page, list[str]]:
    parent.console = console.url
    page = await browser.new_page()
    page.set_default_timeout(8000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(parent.origin)
    return page, said


@pytest.mark.browser
async def test_an_allowed_page_holds_the_console_and_drives_it(
    start_console: Any, parent: Any, browser: Browser
) -> None:
    """Log-in inside the frame, hello, orders with their answers, and events of a call."""
    crm = await parent()
    console = await start_console(embed_origins=(crm.origin,))
    page, _ = await shown_inside(browser, crm, console)
    frame = page.frame_locator("#console")
    await frame.get_by_test_id("login-name").fill("anna")
    await frame.get_by_test_id("login-password").fill("anna")
    await frame.get_by_test_id("login-submit").click()
    await frame.get_by_test_id("sign-in").click()
    await expect(frame.get_by_test_id("state")).to_have_text("Not ready")
    told = await page.evaluate("phone.hello()")
    assert (told["version"], told["state"], told["call"]) == (1, "not ready", None)
    assert await page.evaluate("answerOf('ready', {})") is None
    await expect(frame.get_by_test_id("state")).to_have_text("Ready")
    assert await page.evaluate("answerOf('not_ready', {reason: 'lunch'})") is None
    answers = {
        "hang_up": "no-call",
        "answer": "no-call",
        "constructor": "unknown-type",
        "nothing": "unknown-type",
        "dial": "bad-arguments",
    }
    for type_, code in answers.items():
        assert await page.evaluate(f"answerOf('{type_}', {{number: 'x'}})") == code, type_
    assert await page.evaluate("answerOf('state', {v: 2})") == "unknown-version"

    play = console.play
    caller = play._arrive(time.time())
    play.waiting.remove(caller)
    person = play.people["anna"]
    person.call = play._card(caller, time.time())
    play._set(person, "reserved")
    person.deadline = time.time() + 15
    play.publish()
    await page.wait_for_function("heard.some(([event]) => event === 'call.offered')")
    play._answer(person, time.time())
    await page.wait_for_function("heard.some(([event]) => event === 'call.answered')")
    assert await page.evaluate("answerOf('hold', {})") is None
    assert ("hold", "anna") in [told[:2] for told in play.told]
    assert await page.evaluate("answerOf('hang_up', {})") is None
    await page.wait_for_function("heard.some(([event]) => event === 'call.ended')")
    offered = await page.evaluate("heard.find(([event]) => event === 'call.offered')[1]")
    assert offered["id"] == caller.call_id
    assert offered["place"] == "ringing"


@pytest.mark.browser
async def test_a_foreign_page_sees_and_hears_nothing(
    start_console: Any, parent: Any, browser: Browser
) -> None:
    """The browser shows no console in it; and a message from it would not be listened to."""
    crm, foreign = await parent(), await parent("localhost")
    console = await start_console(embed_origins=(crm.origin,))
    page, said = await shown_inside(browser, foreign, console)
    await page.wait_for_function("typeof answerOf === 'function'")
    assert await page.evaluate("answerOf('hello', {})") == "no-answer"
    assert any("frame-ancestors" in text for text in said), said
    nobody = await start_console()
    page, said = await shown_inside(browser, foreign, nobody)
    await page.wait_for_function("typeof answerOf === 'function'")
    assert await page.evaluate("answerOf('hello', {})") == "no-answer"
    # A window that was opened, not framed, is no parent either.
    page = await browser.new_page()
    await page.goto(foreign.origin)
    assert (
        await page.evaluate(
            f"""async () => {{
          const other = window.open("{console.url}/embed");
          await new Promise((done) => setTimeout(done, 1500));
          let answered = false;
          addEventListener("message", () => (answered = true));
          other.postMessage({{v: 1, id: 1, type: "hello"}}, "*");
          await new Promise((done) => setTimeout(done, 500));
          return answered;
        }}"""
        )
        is False
    )


@pytest.mark.browser
async def test_a_dial_link_fills_in_and_does_not_dial(start_console: Any, browser: Browser) -> None:
    """`/?dial=…` of another program opens the dialog with the number; the agent presses Call."""
    console = await start_console()
    page = await browser.new_page()
    page.set_default_timeout(8000)
    await page.goto(f"{console.url}/?dial=+14165550123")
    await page.get_by_test_id("login-name").fill("anna")
    await page.get_by_test_id("login-password").fill("anna")
    await page.get_by_test_id("login-submit").click()
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("dial-number")).to_have_value("+14165550123")
    assert "dial=" not in page.url
    await expect(page.get_by_test_id("dial-number")).to_be_focused()
    assert [told for told in console.play.told if told[0] == "dial"] == []
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("dial-dialog")).not_to_be_visible()
    assert [told[0] for told in console.play.told if told[0] == "dial"] == ["dial"]


@pytest.mark.browser
async def test_the_link_into_another_program_is_a_link_and_only_to_the_web(
    start_console: Any, browser: Browser
) -> None:
    """Beside the record, opened without a way back; whatever else a server says is no link."""
    console = await start_console()
    page = await browser.new_page()
    page.set_default_timeout(8000)
    await page.goto(console.url)
    await page.get_by_test_id("login-name").fill("anna")
    await page.get_by_test_id("login-password").fill("anna")
    await page.get_by_test_id("login-submit").click()
    await page.get_by_test_id("sign-in").click()
    play = console.play
    caller = play._arrive(time.time())
    play.waiting.remove(caller)
    person = play.people["anna"]
    person.call = play._card(caller, time.time())
    play._set(person, "reserved")
    play.publish()
    play._record(person, "found", play.customers.all["c2"])
    link = page.get_by_test_id("record-elsewhere")
    await expect(link).to_have_attribute("href", "https://crm.example.com/customers/c2")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await expect(link).to_have_attribute("target", "_blank")
    await expect(link).to_contain_text("crm.example.com")
    record = dict(play.live.get("agent:anna", "record"))
    for url in ("javascript:alert(1)", "data:text/html,x", "//evil.example.com", ""):
        play.live.put("agent:anna", "record", {**record, "url": url})
        await expect(link).to_have_count(0)
        play.live.put("agent:anna", "record", record)
        await expect(link).to_have_count(1)


def test_only_the_embedded_page_may_be_framed_and_only_by_whom_is_named() -> None:
    """Every other address stays shut against clickjacking."""
    plain = ConsoleSettings(origins=("https://calls.example.com",))
    assert embedded_headers(plain) == security_headers(plain)
    some = ConsoleSettings(
        origins=("https://calls.example.com",),
        embed_origins=("https://crm.example.com", "https://desk.example.com"),
    )
    wanted = "frame-ancestors https://crm.example.com https://desk.example.com"
    headers = embedded_headers(some)
    assert headers["Content-Security-Policy"].split("; ")[-1] == wanted
    assert "X-Frame-Options" not in headers
    assert "frame-ancestors 'none'" in security_headers(some)["Content-Security-Policy"]
    assert security_headers(some)["X-Frame-Options"] == "DENY"


async def test_the_embedded_page_is_served_with_its_own_headers(start_console: Any) -> None:
    """At /embed and nowhere else, also not at an address that looks like it."""
    console = await start_console(embed_origins=("https://crm.example.com",))
    for path, framed in (("/embed", True), ("/embed/", False), ("/desk", False), ("/", False)):
        _, _, answer = await console.ask("GET", path, headers={"Accept": "text/html"})
        policy = answer.headers["Content-Security-Policy"]
        assert ("frame-ancestors https://crm.example.com" in policy) == framed, path
