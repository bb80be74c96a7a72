"""Call control in a real browser over the preview's play: by keyboard, and shown as it is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from agent_console.preview import Person, Play
from tests.agent_console.browsing import log_in, ring

pytestmark = [pytest.mark.browser]

StartConsole = Callable[..., Awaitable[Any]]
OpenPage = Callable[..., Awaitable[Page]]


async def begin(page: Page, url: str, name: str) -> None:
    """Log in and start the shift."""
    await log_in(page, url, name)
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("state")).to_have_attribute("data-state", "not ready")


async def talk(page: Page, play: Play, agent: str) -> Person:
    """The agent talks with a caller, for as long as nobody ends it."""
    person = ring(play, agent)
    play._answer(person, time.time())
    person.next_at = 0.0
    await expect(page.get_by_test_id("call-card")).to_have_attribute("data-place", "talking")
    return person


def answers(play: Play, agent: str) -> None:
    """The agent's ringing phone is answered now."""
    play.people[agent].next_at = 1.0
    play.step(time.time())


def asked(play: Play, verb: str) -> list[tuple[str, ...]]:
    """What the floor was asked with this verb, the verb and the agent left out."""
    return [told[2:] for told in play.told if told[0] == verb]


async def test_a_call_is_given_away_by_keyboard_alone(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """T, a few letters, Enter: and who cannot be rung is shown with the reason, and not rung."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await begin(page, console.url, "anna")
    person = await talk(page, play, "anna")
    assert person.call is not None
    call_id = person.call["call_id"]

    await page.keyboard.press("t")
    search = page.get_by_test_id("transfer-search")
    await expect(search).to_be_focused()
    # Who is ready stands above who is not.
    names = await page.locator("[data-testid^=target-agent]").all_inner_texts()
    assert names.index(next(n for n in names if n.startswith("Ben"))) > names.index(
        next(n for n in names if n.startswith("Dora"))
    )
    await page.keyboard.type("okafor")
    await expect(page.get_by_test_id("transfer-hint")).to_contain_text("not signed in")
    await expect(page.get_by_test_id("transfer-blind")).to_be_disabled()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Shift+Enter")
    await expect(page.get_by_test_id("transfer-dialog")).to_be_visible()
    assert asked(play, "transfer") == asked(play, "consult") == []

    # Somebody becomes ready while the dialogue is open: it shows at once.
    play._set(play.people["ben"], "ready")
    await expect(page.get_by_test_id("transfer-blind")).to_be_enabled()
    await search.fill("")
    await page.keyboard.type("support")
    # What is named as typed stands first, before the people of that queue.
    queue = page.get_by_test_id("target-queue-support")
    await expect(queue).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowDown")
    await expect(queue).to_have_attribute("aria-selected", "false")
    await page.keyboard.press("ArrowUp")
    await expect(queue).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_test_id("transfer-ask")).to_be_disabled()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("state")).to_have_text("Wrap-up")
    await expect(page.get_by_test_id("transfer-dialog")).to_be_hidden()
    assert asked(play, "transfer") == [(call_id, "queue", "support")]
    assert call_id in [caller.call_id for caller in play.waiting]


async def test_a_number_is_typed_and_a_refusal_stays_in_the_dialogue(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """What is refused has changed nothing, and the next try is one key away."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await begin(page, console.url, "anna")
    await talk(page, play, "anna")
    await page.keyboard.press("t")
    await page.keyboard.type("dora")
    play.people["dora"].state = "talking"  # in this very moment
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("refusal").first).to_contain_text("cannot be rung")
    await expect(page.get_by_test_id("transfer-dialog")).to_be_visible()
    await expect(page.get_by_test_id("call-card")).to_have_attribute("data-place", "talking")
    await page.get_by_test_id("transfer-search").fill("(416) 555-0177")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("state")).to_have_text("Wrap-up")
    assert asked(play, "transfer")[-1][1:] == ("number", "4165550177")


async def test_a_colleague_is_asked_swapped_with_and_joined(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Consultation by keyboard: who talks with whom is told at every step, on both desks."""
    console = await start_console()
    play: Play = console.play
    anna, ben = await open_page(), await open_page()
    await begin(anna, console.url, "anna")
    await begin(ben, console.url, "ben")
    await ben.keyboard.press("r")
    await expect(ben.get_by_test_id("state")).to_have_text("Ready")
    await talk(anna, play, "anna")

    await anna.keyboard.press("t")
    await anna.keyboard.type("okafor")
    await anna.keyboard.press("Shift+Enter")
    consult = anna.get_by_test_id("consult")
    await expect(consult).to_have_attribute("data-state", "ringing")
    await expect(anna.get_by_test_id("complete")).to_be_hidden()
    card = ben.get_by_test_id("call-card")
    await expect(card).to_have_attribute("data-part", "party")
    await expect(ben.get_by_test_id("whose")).to_contain_text("Anna Lindqvist asks you")
    answers(play, "ben")
    await expect(consult).to_contain_text("You talk with Ben Okafor")
    await expect(anna.get_by_test_id("consult-caller")).to_contain_text("music")
    await anna.keyboard.press("s")
    await expect(consult).to_contain_text("Ben Okafor waits")
    await expect(anna.get_by_test_id("consult-caller")).to_have_text("You talk with the caller.")
    await anna.keyboard.press("j")
    people = anna.get_by_test_id("conference-list")
    await expect(people).to_contain_text("3 in the conference")
    await expect(ben.get_by_test_id("conference-list")).to_contain_text("Anna Lindqvist")

    await anna.keyboard.press("t")
    await expect(anna.get_by_test_id("transfer-blind")).to_be_hidden()
    await anna.keyboard.type("+1 416 555 0142")
    await anna.keyboard.press("Enter")
    play.step(time.time() + 5)
    await expect(people).to_contain_text("4 in the conference")
    await anna.get_by_test_id("remove-+14165550142").click()
    await expect(people).to_contain_text("3 in the conference")
    await anna.keyboard.press("l")
    await expect(anna.get_by_test_id("state")).to_have_text("Wrap-up")
    await expect(card).to_have_attribute("data-part", "own")
    await expect(card).to_have_attribute("data-place", "talking")


async def test_who_is_asked_may_leave_and_the_caller_stays(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """X at the asked colleague's desk ends that part only; C at the asker's goes back."""
    console = await start_console()
    play: Play = console.play
    anna, ben = await open_page(), await open_page()
    await begin(anna, console.url, "anna")
    await begin(ben, console.url, "ben")
    await ben.keyboard.press("r")
    await talk(anna, play, "anna")
    for leave in ("ben", "anna"):
        await expect(ben.get_by_test_id("state")).to_have_text("Ready")
        await anna.keyboard.press("t")
        await anna.keyboard.type("okafor")
        await anna.keyboard.press("Shift+Enter")
        await expect(ben.get_by_test_id("call-card")).to_be_visible()
        answers(play, "ben")
        await expect(anna.get_by_test_id("swap")).to_be_visible()
        await (ben if leave == "ben" else anna).keyboard.press("x" if leave == "ben" else "c")
        await expect(anna.get_by_test_id("consult")).to_be_hidden()
        await expect(anna.get_by_test_id("state")).to_have_text("Talking")
        await expect(ben.get_by_test_id("idle")).to_be_visible()


async def test_recording_and_mute_show_what_the_server_says(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Card data is kept out by one key, and nobody believes to be muted who is not."""
    console = await start_console()
    play: Play = console.play
    page, boss = await open_page(), await open_page()
    await begin(page, console.url, "anna")
    person = await talk(page, play, "anna")
    await log_in(boss, console.url, "sam")
    recording = page.get_by_test_id("recording")
    await expect(recording).to_have_attribute("data-state", "")
    for key, state in (("o", "on"), ("p", "paused"), ("p", "on"), ("o", "")):
        await page.keyboard.press(key)
        await expect(recording).to_have_attribute("data-state", state)
        if state:
            mark = {"on": "Recording", "paused": "Recording paused"}[state]
            await expect(boss.get_by_test_id("recorded-anna")).to_have_text(mark)
    assert [args[1] for args in asked(play, "record")] == ["start", "pause", "resume", "stop"]

    # Where calls are always recorded the agent may pause only; where never, nothing is offered.
    assert person.call is not None
    person.call.update({"recorded": "always", "recording": "on"})
    play.publish()
    await expect(page.get_by_test_id("record-pause")).to_be_visible()
    await expect(page.get_by_test_id("record-stop")).to_be_hidden()
    person.call.update({"recorded": "never", "recording": ""})
    play.publish()
    await expect(page.get_by_test_id("record-start")).to_be_hidden()

    await page.keyboard.press("m")
    await expect(page.get_by_test_id("mute")).to_have_attribute("aria-pressed", "true")
    await expect(boss.get_by_test_id("agent-anna")).to_contain_text("Muted")
    # Another program of the agent's has unmuted: the page follows.
    assert person.call is not None
    person.call["muted"] = False
    play.publish()
    await expect(page.get_by_test_id("mute")).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_test_id("muted")).to_be_hidden()


async def test_what_the_switch_did_not_do_is_told_at_the_call(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """An order that was taken and came to nothing: the agent hears of it, not only the log."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await begin(page, console.url, "anna")
    person = await talk(page, play, "anna")
    assert person.call is not None
    person.call["trouble"] = {"at": 1.0, "text": {"en": "<b>Not reached.</b>", "zh": "未接通。"}}
    play.publish()
    await expect(page.get_by_test_id("trouble")).to_have_text("<b>Not reached.</b>")
    person.call["trouble"] = None
    play.publish()
    await expect(page.get_by_test_id("trouble")).to_be_hidden()


async def test_a_parked_caller_is_picked_by_a_colleague(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """G parks; whoever serves the queue sees the caller, how long still, and picks."""
    console = await start_console()
    play: Play = console.play
    anna, ben = await open_page(), await open_page()
    await begin(anna, console.url, "anna")
    await begin(ben, console.url, "ben")
    person = await talk(anna, play, "anna")
    assert person.call is not None
    person.call["queue"] = "support"
    await anna.keyboard.press("g")
    await expect(anna.get_by_test_id("state")).to_have_text("Wrap-up")
    parked = ben.get_by_test_id("parked")
    await expect(parked).to_contain_text("Grace Hopper")
    await expect(parked).to_contain_text("back in line in")
    await parked.get_by_test_id("pick").click()
    await expect(ben.get_by_test_id("call-card")).to_have_attribute("data-place", "ringing")
    await expect(ben.get_by_test_id("parked")).to_be_hidden()
    assert play.parked == []


@pytest.mark.parametrize(("key", "dialogue"), [("c", "dial-dialog"), ("?", "help")])
async def test_a_call_that_rings_is_not_behind_a_dialogue(
    start_console: StartConsole, open_page: OpenPage, key: str, dialogue: str
) -> None:
    """An open dialogue takes keys and clicks: it gives way, or the call would be missed."""
    console = await start_console()
    page = await open_page()
    await begin(page, console.url, "anna")
    await page.keyboard.press(key)
    await expect(page.get_by_test_id(dialogue)).to_be_visible()
    ring(console.play, "anna")
    await expect(page.get_by_test_id(dialogue)).to_be_hidden()
    await page.keyboard.press("d")
    await expect(page.get_by_test_id("decline")).to_be_hidden()
    assert [told[0] for told in console.play.told if told[0] == "decline"] == ["decline"]


async def test_a_call_is_placed_and_bad_numbers_are_told_before_anything_is_dialled(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """C, the number, Enter; what is no number is told here, what is forbidden by the server."""
    console = await start_console()
    play: Play = console.play
    page = await open_page()
    await begin(page, console.url, "anna")
    await page.keyboard.press("c")
    await expect(page.get_by_test_id("dial-number")).to_be_focused()
    await page.keyboard.type("sip:evil@example.org")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("dial-problem")).to_contain_text("3 to 15 digits")
    assert asked(play, "dial") == []
    await page.get_by_test_id("dial-number").fill("+19005550100")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("refusal")).to_contain_text("may not be called")
    await page.get_by_test_id("dial-number").fill("+1 (416) 555-0142")
    await page.get_by_test_id("dial-queue").select_option("support")
    await page.get_by_test_id("dial").click()
    await expect(page.get_by_test_id("dial-dialog")).to_be_hidden()
    assert asked(play, "dial")[-1] == ("+14165550142", "support")
    card = page.get_by_test_id("call-card")
    await expect(card).to_contain_text("Calling…")
    # The agent asked for it: there is nothing to answer.
    await expect(page.get_by_test_id("decline")).to_have_text("CancelX")


async def test_a_supervisor_listens_whispers_barges_in_and_takes_over(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """One press starts the supervisor's phone and listens; the agent sees who is there."""
    console = await start_console()
    play: Play = console.play
    anna, boss = await open_page(), await open_page()
    await begin(anna, console.url, "anna")
    await talk(anna, play, "anna")
    await log_in(boss, console.url, "sam")
    await boss.get_by_test_id("listen-anna").click()
    bar = boss.get_by_test_id("supervise-bar")
    await expect(bar).to_have_attribute("data-mode", "joining")
    answers(play, "sam")
    for key, mode, words in (
        ("", "listen", "Sam Supervisor listens"),
        ("w", "whisper", "Sam Supervisor whispers"),
        ("b", "barge", "Sam Supervisor talks with you"),
        ("l", "listen", "Sam Supervisor listens"),
    ):
        if key:
            await expect(boss.get_by_test_id("mode-listen")).to_be_enabled()
            await boss.keyboard.press(key)
        await expect(bar).to_have_attribute("data-mode", mode)
        await expect(anna.get_by_test_id("listeners")).to_have_text(words)
    await expect(boss.get_by_test_id("others-anna")).to_contain_text("listens")
    await boss.keyboard.press("x")
    await expect(bar).to_be_hidden()
    await expect(anna.get_by_test_id("listeners")).to_be_hidden()

    await boss.get_by_test_id("set-anna").click()
    await boss.get_by_test_id("set-anna-whisper").click()
    await expect(bar).to_be_visible()
    answers(play, "sam")
    await expect(bar).to_have_attribute("data-mode", "whisper")
    await boss.keyboard.press("v")
    await expect(anna.get_by_test_id("state")).to_have_text("Wrap-up")
    await expect(boss.get_by_test_id("own-call")).to_be_visible()
    await boss.get_by_test_id("own-call").get_by_role("link").click()
    await expect(boss.get_by_test_id("call-card")).to_have_attribute("data-part", "own")


async def test_a_supervisor_without_a_phone_is_told_what_is_missing(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """An administrator who takes no calls presses Listen: a sentence, and nothing is asked."""
    console = await start_console()
    play: Play = console.play
    anna, boss = await open_page(), await open_page()
    await begin(anna, console.url, "anna")
    await talk(anna, play, "anna")
    await log_in(boss, console.url, "admin")
    await boss.get_by_test_id("listen-anna").click()
    await expect(boss.get_by_test_id("refusal")).to_contain_text("You need a phone of your own")
    assert asked(play, "supervise") == []


async def test_a_waiting_caller_is_assigned_out_of_turn(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """The supervisor chooses among those who are ready, or takes the caller."""
    console = await start_console()
    play: Play = console.play
    boss = await open_page()
    await log_in(boss, console.url, "sam")
    caller = play._arrive(time.time())
    play.publish()
    await boss.get_by_test_id(f"take-{caller.call_id}").click()
    await boss.get_by_test_id(f"take-{caller.call_id}-chen").click()
    await expect(boss.get_by_test_id("agent-chen")).to_have_attribute("data-state", "reserved")
    assert ("assign", "u-sam", caller.call_id, "chen") in play.told
    await boss.get_by_test_id(f"call-{caller.call_id}").click()
    await expect(boss.get_by_test_id("segments")).to_contain_text("Gave it to an agent")
    await expect(boss.get_by_test_id("recordings").locator("audio")).to_have_attribute(
        "src", f"/api/recordings/{caller.call_id}-1"
    )


async def test_a_shift_can_begin_on_each_phone_that_the_site_gives(
    start_console: StartConsole, open_page: OpenPage
) -> None:
    """Browser, desk and outside phone are offered, the outside one with its number."""
    console = await start_console()
    play: Play = console.play
    site = dict(play.live.get("everyone", "site"), switch="asterisk")
    play.live.put("everyone", "site", site)
    page = await open_page()
    await log_in(page, console.url, "anna")
    for kind in ("browser", "desk", "outside"):
        await expect(page.get_by_test_id(f"phone-{kind}")).to_be_attached()
    await expect(page.get_by_test_id("sign-in-card")).to_contain_text("(416) 555-0190 rings")
    await page.get_by_test_id("phone-outside").check(force=True)
    await page.get_by_test_id("sign-in").click()
    await expect(page.get_by_test_id("phone-state")).to_contain_text("Outside phone")
    assert asked(play, "sign_in") == [("outside",)]
    # The next shift begins with the same choice.
    await page.get_by_test_id("sign-out").click()
    await expect(page.get_by_test_id("phone-outside")).to_be_checked()
