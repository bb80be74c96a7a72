"""A callback at a chosen time, as the caller hears and presses it."""

from __future__ import annotations

import pytest

from config.yaml_lines import load_yaml
from ivr import actions as a
from ivr.flow import Flow
from ivr.parsing import parse_flow
from ivr.runner import again, resume, start
from ivr.state import MAX_STATE
from ivr.times import Slot, chosen, kept, page_of

FLOW = """\
kind: wait
languages: [en, zh]
steps:
  ask:
    do: offer_callback
    text: {en: "Press 1, 2 or 3.", zh: "请按 1、2 或 3。"}
    ask_number: {en: "Your number?", zh: "您的号码？"}
    confirm: {en: "You entered {number}.", zh: "您输入的是 {number}。"}
    at: "3"
    times: {en: "For {time}, press {key}.", zh: "{time}请按 {key}。"}
    more: {en: "For others, press {key}.", zh: "其他请按 {key}。"}
    confirm_time: {en: "We call {number} {time}.", zh: "{time}致电 {number}。"}
    no_time: {en: "There is no time.", zh: "没有时间。"}
    accepted: bye
    next: music
  bye: {do: hang_up, served: true}
  music: {do: wait}
"""
MONDAY = 1_800_000_000 - 1_800_000_000 % 60
SLOTS = tuple(
    Slot(MONDAY + n * 3600, n // 3, n // 3 % 7, 9 + 4 * (n % 3), 30 * (n % 2)) for n in range(6)
)


def flow() -> Flow:
    loaded = load_yaml(FLOW, "wait.yaml")
    return parse_flow(loaded.value, loaded.line, "wait.yaml")


def texts(action: a.Action) -> list[str]:
    assert isinstance(action, a.Collect)
    return [prompt.text for prompt in action.prompts]


def test_a_caller_chooses_a_time_on_the_second_page() -> None:
    """Four at once, each with its key; the chosen one is said again, and noted."""
    turn = start(flow(), {"ani": "+12025550100"}, "en")
    turn = resume(flow(), turn.state, a.Digits("3"))
    assert isinstance(turn.action, a.AskTimes)
    turn = resume(flow(), turn.state, a.Times(SLOTS))
    said = texts(turn.action)
    assert said[0] == "For today at 9 AM, press 1."
    assert said[1] == "For today at 1 30 PM, press 2."
    assert said[-1] == "For others, press 9."
    assert len(said) == 5
    turn = resume(flow(), turn.state, a.Digits("9"))
    turn = resume(flow(), turn.state, a.Times(SLOTS))
    assert texts(turn.action)[0] == "For tomorrow at 1 PM, press 1."
    turn = resume(flow(), turn.state, a.Digits("2"))
    (confirm,) = texts(turn.action)
    assert confirm.endswith("tomorrow at 5 30 PM.")
    assert len(turn.state) <= MAX_STATE
    turn = resume(flow(), turn.state, a.Digits("1"))
    assert turn.action == a.TakeCallback("+12025550100", SLOTS[5].due)
    turn = resume(flow(), turn.state, a.Done())
    assert turn.trail[0].value == "+12025550100 tomorrow at 5 30 PM"
    assert isinstance(turn.action, a.HangUp)


def test_a_wrong_key_and_a_broken_session_ask_for_the_times_anew() -> None:
    """They may be others by then."""
    turn = start(flow(), {"ani": "+12025550100"}, "en")
    turn = resume(flow(), turn.state, a.Digits("3"))
    turn = resume(flow(), turn.state, a.Times(SLOTS))
    assert isinstance(again(flow(), turn.state).action, a.AskTimes)
    assert isinstance(resume(flow(), turn.state, a.Digits("7")).action, a.AskTimes)


def test_without_a_time_to_choose_the_caller_may_still_be_called_back() -> None:
    """The question comes again, after saying so."""
    turn = start(flow(), {"ani": "+12025550100"}, "en")
    turn = resume(flow(), turn.state, a.Digits("3"))
    turn = resume(flow(), turn.state, a.Times(()))
    assert texts(turn.action) == ["There is no time.", "Press 1, 2 or 3."]
    turn = resume(flow(), turn.state, a.Digits("1"))
    assert turn.action == a.TakeCallback("+12025550100", None)


def test_without_a_number_shown_it_is_asked_for() -> None:
    """And the time stays chosen."""
    turn = start(flow(), {"ani": ""}, "zh")
    assert texts(turn.action) == ["您的号码？"]  # no number: no time either, yet
    known = start(flow(), {"ani": "+12025550100"}, "zh")
    known = resume(flow(), known.state, a.Digits("3"))
    known = resume(flow(), known.state, a.Times(SLOTS))
    assert texts(known.action)[0] == "今天 9 点请按 1。"
    known = resume(flow(), known.state, a.Digits("1"))
    known = resume(flow(), known.state, a.Digits("2"))  # another number
    assert texts(known.action) == ["您的号码？"]
    known = resume(flow(), known.state, a.Digits("4165550123"))
    known = resume(flow(), known.state, a.Digits("1"))
    assert known.action == a.TakeCallback("4165550123", SLOTS[0].due)


@pytest.mark.parametrize("text", ["", "x", "1,2", "999999999999999"])
def test_what_was_kept_wrongly_is_no_time(text: str) -> None:
    """What comes back from a switch is not trusted."""
    assert chosen(text, "1") is None
    assert chosen(kept(SLOTS[:4]), "5") is None
    assert chosen(kept(SLOTS[:4]), "*") is None


def test_pages_go_round() -> None:
    """After the last page comes the first one."""
    assert page_of(SLOTS, 2) == (SLOTS[:4], True)
    assert page_of(SLOTS[:3], 5) == (SLOTS[:3], False)
    assert page_of((), 0) == ((), False)
