"""The web pages in Chromium, driven by Playwright; tones in place of microphones."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from tools.lab.center import PASSWORD

FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
SOON_MS = 15_000

# A microphone that hums one tone, and an ear at everything that is received.
_EAR = """
(() => {
  const hertz = %(hertz)d;
  let context;
  const audio = () => (context ??= new AudioContext());
  if (hertz) navigator.mediaDevices.getUserMedia = async () => {
    const tone = audio().createOscillator();
    tone.frequency.value = hertz;
    const gain = audio().createGain();
    gain.gain.value = 0.3;
    const out = audio().createMediaStreamDestination();
    tone.connect(gain).connect(out);
    tone.start();
    return out.stream;
  };
  const ears = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      this.addEventListener("track", (event) => {
        const ear = audio().createAnalyser();
        ear.fftSize = 8192;
        ear.smoothingTimeConstant = 0;
        audio().createMediaStreamSource(new MediaStream([event.track])).connect(ear);
        ears.push(ear);
      });
    }
  };
  // The share of the last instant's energy within 25 Hz of a tone, and how loud it all is (dB).
  window.heard = (wanted) => {
    const ear = ears.at(-1);
    if (!ear) return { share: 0, loud: -200 };
    const levels = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(levels);
    const width = audio().sampleRate / ear.fftSize;
    let all = 0, near = 0;
    levels.forEach((db, bin) => {
      const power = Number.isFinite(db) ? 10 ** (db / 10) : 0;
      all += power;
      if (Math.abs(bin * width - wanted) < 25) near += power;
    });
    return { share: all ? near / all : 0, loud: 10 * Math.log10(all || 1e-20) };
  };
})();
"""


def chromium_program() -> str:
    """Chromium's path; as root on Debian it is installed when missing. "" when there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), "")
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    packages = ("chromium", "fonts-dejavu-core", "fonts-noto-cjk")
    for words in (("update",), ("install", "-y", "--no-install-recommends", *packages)):
        subprocess.run(  # noqa: S603
            ["apt-get", "-q", *words],  # noqa: S607
            env=environment,
            timeout=600,
            check=False,
            **quiet,  # type: ignore[call-overload]
        )
    return shutil.which("chromium") or ""


class Pages:
    """Pages of separate people; `troubles` holds errors of the pages themselves."""

    def __init__(self, browser: Browser, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self.troubles: list[str] = []
        self.dialogs: list[str] = []
        self._browser = browser
        self._stack = stack

    async def open(self, path: str = "/", *, hertz: int = 0, **context: Any) -> Page:
        """A new person's page. `hertz`: the tone that their microphone hums."""
        options: dict[str, Any] = {
            "locale": "en-GB",
            "viewport": {"width": 1360, "height": 860},
            "permissions": ["microphone"],
        }
        own = await self._browser.new_context(**options | context)
        self._stack.push_async_callback(own.close)
        page = await own.new_page()
        page.set_default_timeout(SOON_MS)
        await page.add_init_script(_EAR % {"hertz": hertz})
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._on_console)
        page.on("dialog", self._on_dialog)
        await page.goto(self.url + path)
        return page

    async def open_as(self, name: str, *, path: str = "", hertz: int = 0, **context: Any) -> Page:
        """A page of somebody who logs in; `path` is gone to afterwards."""
        page = await self.open(hertz=hertz, **context)
        await page.get_by_test_id("login-name").fill(name)
        await page.get_by_test_id("login-password").fill(PASSWORD)
        await page.get_by_test_id("login-submit").click()
        await page.get_by_test_id("log-out").wait_for()
        if path:
            await page.goto(self.url + path)
        return page

    async def open_desk(
        self, name: str, *, phone: str = "browser", hertz: int = 0, ready: bool = True, **more: Any
    ) -> Page:
        """An agent's page with the shift begun."""
        page = await self.open_as(name, hertz=hertz, **more)
        await page.get_by_test_id(f"phone-{phone}").check(force=True)
        await page.get_by_test_id("sign-in").click()
        await expect(page.get_by_test_id("phone-state")).to_have_attribute(
            "data-up", "true", timeout=SOON_MS
        )
        if ready:
            await page.get_by_test_id("ready").click()
            await expect(page.get_by_test_id("state")).to_have_attribute("data-state", "ready")
        return page

    def _on_console(self, said: Any) -> None:
        # What the browser itself says of a lost connection or a refused request is no trouble.
        browsers = ("Failed to load resource", "WebSocket connection")
        if said.type == "error" and not any(words in said.text for words in browsers):
            self.troubles.append(said.text)

    async def _on_dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        await dialog.dismiss()


@asynccontextmanager
async def open_browser(url: str) -> AsyncIterator[Pages]:
    """Chromium, and at the end none of it."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        browser = await playwright.chromium.launch(executable_path=chromium_program(), args=FLAGS)
        stack.push_async_callback(browser.close)
        yield Pages(browser, url, stack)


async def hears_tone(page: Page, hertz: int, *, timeout_ms: int = SOON_MS) -> None:
    """Return as soon as what the page receives is clearly this tone."""
    await page.wait_for_function(
        "(hertz) => { const h = window.heard(hertz); return h.share > 0.6 && h.loud > -60; }",
        arg=hertz,
        timeout=timeout_ms,
        polling=100,
    )


async def hears_no_tone(page: Page, hertz: int, *, timeout_ms: int = SOON_MS) -> None:
    """Return as soon as this tone is not in what the page receives."""
    await page.wait_for_function(
        "(hertz) => { const h = window.heard(hertz); return h.share < 0.1 || h.loud < -75; }",
        arg=hertz,
        timeout=timeout_ms,
        polling=100,
    )


async def hears_something(page: Page, *, timeout_ms: int = SOON_MS) -> None:
    """Return as soon as the page receives anything louder than silence."""
    await page.wait_for_function(
        "() => window.heard(1000).loud > -60", timeout=timeout_ms, polling=50
    )


async def hears_only(
    page: Page, *tones: int, not_: tuple[int, ...] = (), timeout_ms: int = SOON_MS
) -> None:
    """Return as soon as the page receives each of these tones at once, and none of `not_`."""
    await page.wait_for_function(
        """({ tones, not_ }) => {
          const isHeard = (hertz, least) => {
            const heard = window.heard(hertz);
            return heard.share > least && heard.loud > -60;
          };
          const all = tones.every((hertz) => isHeard(hertz, 0.1));
          return all && !not_.some((hertz) => isHeard(hertz, 0.02));
        }""",
        arg={"tones": list(tones), "not_": list(not_)},
        timeout=timeout_ms,
        polling=100,
    )
