"""People at their pages, in a real browser."""

from __future__ import annotations

import os
import shutil
import time

from playwright.async_api import Page

from agent_console.preview import Caller, Person, Play

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
SOON_MS = 8000

# Keeps every peer connection within reach of the test.
KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) { super(...args); window.connections.push(this); }
};
"""


async def log_in(page: Page, url: str, name: str) -> None:
    await page.goto(url)
    await page.get_by_test_id("login-name").fill(name)
    await page.get_by_test_id("login-password").fill(name)
    await page.get_by_test_id("login-submit").click()


def ring(play: Play, agent: str, name: str = "Grace Hopper") -> Person:
    """The play's next caller rings at this agent."""
    caller: Caller = play._arrive(time.time())
    play.waiting.remove(caller)
    caller.name = name
    person = play.people[agent]
    person.call = play._card(caller, time.time())
    play._set(person, "reserved")
    person.deadline = time.time() + 15
    play.publish()
    return person
