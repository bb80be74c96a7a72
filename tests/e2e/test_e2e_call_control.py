"""Call control on a real Asterisk with real browsers: who hears whom is measured by tones."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tools.lab.network import CALLER_TONE_HZ
from tools.lab.pages import hears_only, hears_tone

if TYPE_CHECKING:
    from tests.e2e.conftest import World
    from tools.lab.network import Caller
    from tools.lab.pages import Pages

pytestmark = [pytest.mark.asterisk, pytest.mark.browser]

ANNA, BEN, SAM, CALLER = 440, 950, 1700, CALLER_TONE_HZ
QUICK = "303"
OUTSIDE = "+14165550142"
SOON_MS = 15_000


async def is_in(page: Page, state: str) -> None:
    await expect(page.get_by_test_id("state")).to_have_attribute(
        "data-state", state, timeout=SOON_MS
    )


async def be_ready(page: Page) -> None:
    await page.get_by_test_id("ready").click()
    await is_in(page, "ready")


async def save(page: Page, then: str = "ready") -> None:
    """Through the wrap-up, by keyboard."""
    await is_in(page, "wrap-up")
    await page.keyboard.press("1")
    await page.keyboard.press("Control+Enter")
    await is_in(page, then)


async def two_desks(pages: Pages) -> tuple[Page, Page]:
    """Anna is ready; Ben has begun the shift and waits."""
    anna, ben = await asyncio.gather(
        pages.open_desk("anna", hertz=ANNA), pages.open_desk("ben", hertz=BEN, ready=False)
    )
    return anna, ben


async def talks(world: World, page: Page) -> Caller:
    """A stranger calls and is answered at this desk."""
    caller = await world.lines.call(QUICK, world.stranger())
    await page.get_by_test_id("answer").click()
    await is_in(page, "talking")
    await hears_tone(page, CALLER)
    return caller


async def give(page: Page, to: str, key: str = "Enter") -> None:
    """T, a few letters, Enter (or Shift+Enter to ask first)."""
    await page.keyboard.press("t")
    await page.get_by_test_id("transfer-search").fill(to)
    await expect(page.get_by_test_id("transfer-blind")).to_be_enabled()
    await page.keyboard.press(key)
    await expect(page.get_by_test_id("transfer-dialog")).to_be_hidden()


# Plays, and tells for each tenth of a second whether its tone is on the channel (caller left,
# agents right).
LISTEN = """async (player, tones) => {
  await player.play();
  const bytes = await (await fetch(player.src)).arrayBuffer();
  const sound = await new AudioContext({ sampleRate: 8000 }).decodeAudioData(bytes);
  const share = (samples, hertz) => {
    let energy = 0, re = 0, im = 0;
    samples.forEach((x, i) => {
      const angle = (2 * Math.PI * hertz * i) / sound.sampleRate;
      energy += x * x;
      re += x * Math.cos(angle);
      im += x * Math.sin(angle);
    });
    return energy > 1e-3 ? (2 * (re * re + im * im)) / (samples.length * energy) : 0;
  };
  const step = sound.sampleRate / 10;
  const tenths = (channel, hertz) => {
    const data = sound.getChannelData(channel);
    const found = [];
    for (let at = 0; at + step <= data.length; at += step)
      found.push(share(data.subarray(at, at + step), hertz) > 0.6);
    return found;
  };
  return {
    channels: sound.numberOfChannels,
    tones: tones.map(([channel, hertz]) => tenths(channel, hertz)),
  };
}"""


def _runs(tenths: list[bool]) -> list[str]:
    """What one hears, one after the other; shorter than half a second does not count."""
    runs = [(heard, len(list(group))) for heard, group in itertools.groupby(tenths)]
    long = [heard for heard, length in runs if length >= 5]
    return ["heard" if heard else "left out" for heard, _ in itertools.groupby(long)]


def verbs(record: dict[str, Any]) -> list[str]:
    """What people did with the call."""
    return [e["data"]["verb"] for e in record["timeline"] if "verb" in e["data"]]


async def test_a_colleague_is_asked_joined_and_left_with_the_caller(
    world: World, pages: Pages
) -> None:
    """Consultation, swap, conference and leaving it; then blind to a queue, back to the first."""
    anna, ben = await two_desks(pages)
    caller = await talks(world, anna)
    await be_ready(ben)
    await give(anna, "okafor", "Shift+Enter")
    await expect(ben.get_by_test_id("whose")).to_contain_text("Anna Kowalska asks you")
    await ben.get_by_test_id("answer").click()
    await expect(anna.get_by_test_id("consult")).to_have_attribute("data-state", "talking")
    await hears_only(anna, BEN, not_=(CALLER,))
    await hears_only(ben, ANNA, not_=(CALLER,))
    await anna.keyboard.press("s")
    await expect(anna.get_by_test_id("consult")).to_have_attribute("data-state", "held")
    await hears_only(anna, CALLER, not_=(BEN,))
    await hears_only(ben, not_=(ANNA, CALLER))
    await anna.keyboard.press("j")
    await expect(anna.get_by_test_id("conference-list")).to_contain_text("3 in the conference")
    await hears_only(anna, CALLER, BEN)
    await hears_only(ben, CALLER, ANNA)
    await anna.keyboard.press("m")
    await expect(anna.get_by_test_id("mute")).to_have_attribute("aria-pressed", "true")
    await hears_only(ben, CALLER, not_=(ANNA,))
    await anna.keyboard.press("m")
    await hears_only(ben, CALLER, ANNA)
    await anna.keyboard.press("l")
    await is_in(anna, "wrap-up")
    await expect(ben.get_by_test_id("call-card")).to_have_attribute("data-part", "own")
    await hears_only(ben, CALLER, not_=(ANNA,))

    await save(anna)
    await give(ben, "quick")
    await anna.get_by_test_id("answer").click()
    await hears_only(anna, CALLER, not_=(BEN,))
    await is_in(ben, "wrap-up")
    await asyncio.sleep(1.0)
    await anna.keyboard.press("x")
    await caller.until_over()
    await save(ben)
    await save(anna)

    heard = await caller.heard()
    assert heard.share(ANNA, -0.9, -0.1) > 0.8, "the last agent was not heard"
    assert heard.tone_s(BEN, 0.3) > 0.5, "the colleague was not heard"
    record = await world.record(caller.ani)
    assert record["call"]["agent"] == "Anna Kowalska"
    who = [part["agent"] for part in record["segments"]]
    assert who.count("Anna Kowalska") >= 2
    assert "Ben Okafor" in who
    wanted = ["consult", "swap", "conference", "complete", "transfer", "hang_up"]
    assert [verb for verb in verbs(record) if verb in wanted] == wanted


async def test_a_call_is_handed_over_and_given_back_unseen(world: World, pages: Pages) -> None:
    """Hand-over after asking, then blind to an agent; the recording leaves out what it should."""
    anna, ben = await two_desks(pages)
    caller = await talks(world, anna)
    await be_ready(ben)
    recording = anna.get_by_test_id("recording")
    await anna.keyboard.press("o")
    await expect(recording).to_have_attribute("data-state", "on")
    await asyncio.sleep(1.5)
    await anna.keyboard.press("p")
    await expect(recording).to_have_attribute("data-state", "paused")
    await asyncio.sleep(1.5)
    await anna.keyboard.press("p")
    await expect(recording).to_have_attribute("data-state", "on")
    await asyncio.sleep(1.0)

    await give(anna, "okafor", "Shift+Enter")
    await ben.get_by_test_id("answer").click()
    await expect(anna.get_by_test_id("complete")).to_be_visible()
    await hears_only(ben, ANNA)
    await anna.keyboard.press("e")
    await hears_only(ben, CALLER, not_=(ANNA,))
    await save(anna)
    await give(ben, "kowalska")
    await anna.get_by_test_id("answer").click()
    await hears_only(anna, CALLER, not_=(BEN,))
    await is_in(ben, "wrap-up")
    await caller.hang_up()
    await save(anna)
    await save(ben)

    record = await world.record(caller.ani)
    assert [part["agent"] for part in record["segments"] if part["role"] == "agent"] == [
        "Anna Kowalska",
        "Ben Okafor",
        "Anna Kowalska",
    ]
    boss = await pages.open_as("sam")
    await boss.get_by_test_id(f"call-{record['call']['call_id']}").click()
    player = boss.get_by_test_id("recordings").locator("audio").first
    await expect(player).to_be_visible(timeout=SOON_MS)
    played = await player.evaluate(LISTEN, [[0, CALLER], [1, ANNA], [1, BEN]])
    assert played["channels"] == 2
    caller_s, anna_s, ben_s = played["tones"]
    # From the start: heard, left out for a second and a half, heard again.
    assert _runs(caller_s)[:3] == ["heard", "left out", "heard"], caller_s
    assert _runs(anna_s)[:3] == ["heard", "left out", "heard"], anna_s
    last = max(at for at, heard in enumerate(anna_s) if heard)
    assert any(ben_s[last:]), "the colleague who got the caller is not in it"
    assert not any(ben_s[:last]), "the consultation, which the caller did not hear, is in it"
    await boss.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")


async def test_a_supervisor_is_heard_by_whom_the_mode_says(world: World, pages: Pages) -> None:
    """Listen, whisper, barge, take over: measured at agent, caller and supervisor."""
    anna = await pages.open_desk("anna", hertz=ANNA)
    caller = await talks(world, anna)
    boss = await pages.open_as("sam", hertz=SAM)
    # One press begins the supervisor's own phone, and listens.
    await boss.get_by_test_id("listen-anna").click()
    bar = boss.get_by_test_id("supervise-bar")
    await expect(bar).to_have_attribute("data-mode", "listen", timeout=SOON_MS)
    await expect(anna.get_by_test_id("listeners")).to_contain_text("Sam Rivera listens")
    await hears_only(boss, CALLER, ANNA)
    await hears_only(anna, CALLER, not_=(SAM,))
    await boss.keyboard.press("w")
    await expect(bar).to_have_attribute("data-mode", "whisper")
    await hears_only(anna, CALLER, SAM)
    await asyncio.sleep(1.5)
    await boss.keyboard.press("b")
    await expect(bar).to_have_attribute("data-mode", "barge")
    await hears_only(anna, CALLER, SAM)
    await asyncio.sleep(1.5)
    await expect(boss.get_by_test_id("take-over")).to_be_enabled()
    await boss.keyboard.press("v")
    await is_in(anna, "wrap-up")
    await hears_only(boss, CALLER, not_=(ANNA,))
    await asyncio.sleep(1.0)
    await caller.hang_up()
    heard = await caller.heard()
    assert 1.0 < heard.tone_s(SAM, 0.3) < heard.tone_s(ANNA, 0.3), "whispering reached the caller"
    assert heard.share(SAM, -0.9, -0.2) > 0.8, "the supervisor did not get the caller"
    await save(anna)
    await (await world.boss()).wrap_up("solved")


async def test_calls_are_placed_parked_and_picked(world: World, pages: Pages) -> None:
    """A number is called from the page; a caller is parked by one agent, picked by another."""
    await world.lines.number(OUTSIDE, "answer")
    anna, ben = await two_desks(pages)
    await anna.keyboard.press("c")
    await anna.get_by_test_id("dial-number").fill(OUTSIDE)
    await anna.keyboard.press("Enter")
    # The agent's own phone answers by itself.
    await hears_tone(anna, CALLER)
    await expect(anna.get_by_test_id("call-card")).to_contain_text("555-0142")
    await is_in(anna, "talking")
    await anna.keyboard.press("x")
    await save(anna)

    caller = await talks(world, anna)
    await anna.keyboard.press("g")
    await is_in(anna, "wrap-up")
    await ben.get_by_test_id("pick").click()
    await hears_only(ben, CALLER, not_=(ANNA,))
    await caller.hang_up()
    await save(anna)
    await save(ben, "not ready")
    record = await world.record(caller.ani)
    assert [verb for verb in verbs(record) if verb in ("park", "pick")] == ["park", "pick"]
