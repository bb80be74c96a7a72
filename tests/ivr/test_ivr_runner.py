"""The runner, step by step: what a caller hears, presses, and where it leads."""

from __future__ import annotations

import re

import pytest

from config.yaml_lines import load_yaml
from ivr.actions import (
    AskHours,
    Collect,
    Digits,
    Done,
    EnterQueue,
    Failed,
    HangUp,
    Hours,
    IvrTrail,
    KeepWaiting,
    Say,
    TakeCallback,
    Timeout,
    Transfer,
)
from ivr.flow import Fallback, Flow, Goto
from ivr.parsing import parse_flow
from ivr.runner import Turn, again, fallback, resume, start
from ivr.skillneeds import Need
from ivr.state import StateBroken, from_text

ENTRY = """\
languages: [en, zh]
fallback: {queue: support, needs: {english: 2}, priority: 3}
language_needs: {zh: {mandarin: 5}}
steps:
  hello:
    do: say
    text: {en: "Hello {customer.name}", zh: "您好 {customer.name}"}
    next: ask
  ask:
    do: menu
    label: Main
    text: {en: "Press 1", zh: "请按 1"}
    invalid: {en: "Wrong key", zh: "错了"}
    silence: {en: "Are you there", zh: "在吗"}
    choices:
      "1": {next: sales, label: Sales, say: {en: [sales, buy], zh: [销售]}}
      "2": {next: order, label: Orders}
      "3": {next: hours, label: Hours}
      "4": {next: ask, label: 中文, language: zh}
      "5": {next: pin}
      "6": {next: vip}
      "7": {next: out}
      "8": {next: last_words}
    retries: 1
  order:
    do: collect
    variable: order
    label: Order number
    text: {en: "Your order", zh: "订单"}
    min_digits: 3
    max_digits: 6
    retries: 1
    next: thanks
    otherwise: sales
  thanks:
    do: say
    text: {en: "Order {order}. {{ok}}", zh: "订单 {order}"}
    next: vip
  pin:
    do: collect
    variable: pin
    secret: true
    text: {en: "Your pin", zh: "密码"}
    max_digits: 4
    next: vip
  hours:
    do: hours
    calendar: office
    open: sales
    closed: last_words
    holiday: out
  vip:
    do: if
    variable: customer.tier
    one_of: [gold, silver]
    then: mark
    else: sales
  mark:
    do: set
    variables: {status: "tier {customer.tier}"}
    next: best
  best:
    do: queue
    queue: gold
    needs: {mandarin: 2, billing: 4}
    priority: 9
  sales: {do: queue, queue: sales}
  out: {do: transfer, number: "+14165550123"}
  last_words:
    do: say
    interrupt: false
    text: {en: "We are closed", zh: "已下班"}
    next: bye
  bye: {do: hang_up, served: true}
"""

WAIT = """\
kind: wait
languages: [en, zh]
digits: ["1"]
steps:
  pressed: {do: if, variable: digit, is: "1", then: offer, else: long}
  long: {do: if, variable: expected_wait_s, at_least: 600, then: sorry, else: tell}
  sorry:
    do: say
    text: {en: "About {expected_wait_minutes} minutes", zh: "约 {expected_wait_minutes} 分钟"}
    next: tell
  tell:
    do: say
    text: {en: "Number {position}", zh: "第 {position} 位"}
    next: back
  back: {do: wait}
  offer:
    do: offer_callback
    text: {en: "Call {number}?", zh: "拨打 {number}？"}
    ask_number: {en: "Type it", zh: "输入"}
    confirm: {en: "It is {number}", zh: "是 {number}"}
    invalid: {en: "Not that one", zh: "不行"}
    retries: 1
    accepted: bye
    next: back
  bye: {do: hang_up, served: true}
"""


def flow_of(text: str, name: str) -> Flow:
    loaded = load_yaml(text, name)
    return parse_flow(loaded.value, loaded.line, name)


FLOW = flow_of(ENTRY, "main.yaml")
WAITING = flow_of(WAIT, "wait.yaml")
BOB = {"ani": "+14165551234", "dnis": "100", "customer.name": "Bob", "customer.tier": "gold"}


def said(turn: Turn) -> list[str]:
    assert isinstance(turn.action, Say | Collect)
    return [prompt.text for prompt in turn.action.prompts]


def press(turn: Turn, *keys: str, flow: Flow = FLOW) -> Turn:
    for key in keys:
        turn = resume(flow, turn.state, Digits(key) if key else Timeout())
    return turn


def test_a_greeting_is_said_with_the_question_so_that_a_key_cuts_it() -> None:
    """Callers who know the menu must not have to hear the greeting out."""
    turn = start(FLOW, BOB)
    assert said(turn) == ["Hello Bob", "Press 1"]
    assert turn.trail == ()
    assert turn.language == ""


def test_a_key_leads_to_its_queue_and_leaves_a_trail() -> None:
    """Routing and the agent's screen both live from the choice."""
    turn = press(start(FLOW, BOB), "1")
    assert turn.action == EnterQueue("sales")
    assert turn.trail == (IvrTrail("menu", "Sales", "1"),)


def test_a_wrong_key_and_silence_are_answered_differently() -> None:
    """ "Wrong key" said to a silent caller would confuse."""
    first = start(FLOW, BOB)
    assert said(press(first, "9")) == ["Wrong key", "Press 1"]
    assert said(press(first, "")) == ["Are you there", "Press 1"]


def test_what_may_be_said_stands_beside_the_keys_in_the_language_spoken() -> None:
    """A switch that hears must know the words, and only those of the language it listens in."""
    english = start(FLOW, BOB)
    assert isinstance(english.action, Collect)
    assert english.action.words == (("sales", "1"), ("buy", "1"))
    chinese = press(english, "4")
    assert isinstance(chinese.action, Collect)
    assert chinese.action.words == (("销售", "1"),)
    order = press(english, "2")
    assert isinstance(order.action, Collect)
    assert order.action.words == ()


def test_retries_without_a_rule_end_in_the_fallback_queue_with_the_reason() -> None:
    """A caller who cannot use the keypad must reach a person."""
    turn = press(start(FLOW, BOB), "9", "")
    assert turn.action == EnterQueue(
        "support", (Need("english", 2),), 3, "fallback: no usable answer at 'ask'"
    )
    assert turn.trail[-1].what == "fallback"


def test_a_menu_can_switch_the_language_for_everything_after_it() -> None:
    """The rest of the flow, and the skills it asks for, follow the caller's language."""
    turn = press(start(FLOW, BOB), "4")
    assert said(turn) == ["请按 1"]
    assert turn.language == "zh"
    assert IvrTrail("language", "中文", "zh") in turn.trail
    assert press(turn, "1").action == EnterQueue("sales", (Need("mandarin", 5),))


def test_the_language_of_the_number_is_used_from_the_start() -> None:
    """Who dials the Chinese number must not hear English first."""
    assert said(start(FLOW, BOB, "zh")) == ["您好 Bob", "请按 1"]
    assert said(start(FLOW, BOB, "xx")) == ["Hello Bob", "Press 1"]


def test_collected_digits_are_checked_kept_and_spoken_digit_by_digit() -> None:
    """ "Order one hundred thousand" helps nobody."""
    asked = press(start(FLOW, BOB), "2")
    assert isinstance(asked.action, Collect)
    assert (asked.action.max_digits, asked.action.terminator) == (6, "#")
    assert said(press(asked, "12")) == ["Your order"]
    turn = press(asked, "10042")
    assert said(turn) == ["Order 1 0 0 4 2. {ok}"]
    assert turn.trail == (IvrTrail("digits", "Order number", "10042"),)
    assert press(asked, "", "").action == EnterQueue("sales")


def test_an_uninterruptible_text_is_a_step_of_its_own() -> None:
    """The last words before a hang-up must be heard."""
    turn = press(start(FLOW, BOB), "8")
    assert turn.action == Say(turn.action.prompts)  # type: ignore[union-attr]
    assert said(turn) == ["We are closed"]
    assert resume(FLOW, turn.state, Done()).action == HangUp("flow", served=True)


def test_secret_digits_are_handed_over_once_and_kept_nowhere() -> None:
    """A card number must be in no state, trail, action or repr."""
    asked = press(start(FLOW, BOB), "5")
    assert isinstance(asked.action, Collect)
    assert asked.action.secret
    answer = Digits("4711")
    turn = resume(FLOW, asked.state, answer)
    assert turn.secrets == (("pin", "4711"),)
    shown = f"{answer!r} {turn!r} {from_text(turn.state)!r}"
    assert "4711" not in shown
    assert turn.trail == (IvrTrail("digits", "pin", "…"),)
    assert resume(FLOW, turn.state, Done()).secrets == ()
    wrong = resume(FLOW, asked.state, Digits("471*"))
    assert "471" not in repr(wrong) + repr(from_text(wrong.state))


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("open", EnterQueue("sales")),
        ("holiday", Transfer("+14165550123")),
    ],
)
def test_hours_branch(state: str, action: object) -> None:
    """Open and holiday lead to different steps."""
    asked = press(start(FLOW, BOB), "3")
    assert asked.action == AskHours("office")
    turn = resume(FLOW, asked.state, Hours(state))  # type: ignore[arg-type]
    assert turn.action == action
    assert turn.trail == (IvrTrail("hours", "office", state),)


def test_conditions_and_values_set_decide_the_queue() -> None:
    """A gold customer goes to the gold queue, with the step's own needs and priority."""
    turn = press(start(FLOW, BOB), "6")
    assert turn.action == EnterQueue("gold", (Need("mandarin", 2), Need("billing", 4)), 9)
    assert press(start(FLOW, {"ani": "1"}), "6").action == EnterQueue("sales")


def test_the_higher_of_two_needs_counts() -> None:
    """The language's level must not lower the step's, nor the other way round."""
    turn = press(start(FLOW, BOB, "zh"), "6")
    assert turn.action == EnterQueue("gold", (Need("mandarin", 5), Need("billing", 4)), 9)
    harder = flow_of(ENTRY.replace("{mandarin: 2, ", "{mandarin: 7, "), "main.yaml")
    turn = press(start(harder, BOB, "zh"), "6", flow=harder)
    assert turn.action == EnterQueue("gold", (Need("mandarin", 7), Need("billing", 4)), 9)


def test_every_step_counts_its_own_tries() -> None:
    """A slip in the menu must not use up the tries of the next question."""
    asked = press(start(FLOW, BOB), "9", "2")
    assert said(press(asked, "")) == ["Your order"]


def test_a_failed_transfer_brings_the_caller_to_the_fallback() -> None:
    """An outside number that cannot be reached must not end in silence."""
    out = press(start(FLOW, BOB), "7")
    assert out.action == Transfer("+14165550123")
    turn = resume(FLOW, out.state, Failed("busy"))
    assert turn.action == EnterQueue(
        "support", (Need("english", 2),), 3, "fallback: step 'out' failed: busy"
    )
    assert resume(FLOW, turn.state, Failed("full")).action == HangUp(
        "fallback: step 'out' failed: full"
    )


def test_again_repeats_the_question_without_the_greeting() -> None:
    """After our restart the caller hears the menu, not the welcome, and keeps the language."""
    assert said(again(FLOW, start(FLOW, BOB).state)) == ["Press 1"]
    turn = press(start(FLOW, BOB), "4", "2")
    back = again(FLOW, turn.state)
    assert said(back) == ["订单"]
    assert said(press(back, "777")) == ["订单 7 7 7"]


def test_again_repeats_what_was_only_half_said() -> None:
    """Who was being told that the office is closed must hear it before the hang-up."""
    turn = press(start(FLOW, BOB), "8")
    assert said(again(FLOW, turn.state)) == ["We are closed"]


def test_again_repeats_a_final_action() -> None:
    """If we died between the decision and the order, the caller still gets to the queue."""
    turn = press(start(FLOW, BOB), "1")
    assert again(FLOW, turn.state).action == EnterQueue("sales")
    broken = press(start(FLOW, BOB), "9", "")
    repeated = again(FLOW, broken.state).action
    assert isinstance(repeated, EnterQueue)
    assert repeated.queue == "support"


@pytest.mark.parametrize("state", ["", "x", "####", "e30", "A" * 5000, "bnVsbA", "W10", "\n", "é"])
def test_a_state_that_nobody_can_read_leads_to_the_fallback(state: str) -> None:
    """The channel variable may be lost or cut; the caller must not be."""
    for turn in (resume(FLOW, state, Done()), again(FLOW, state)):
        assert isinstance(turn.action, EnterQueue)
        assert turn.action.why.startswith("fallback: the state cannot be read")


def test_a_flow_that_changed_under_a_caller_leads_to_the_fallback() -> None:
    """A reload may delete the step that a caller stands in, or the whole flow."""
    turn = press(start(FLOW, BOB), "2")
    shorter = flow_of(ENTRY.replace("order", "parcel"), "main.yaml")
    action = resume(shorter, turn.state, Digits("123")).action
    assert isinstance(action, EnterQueue)
    assert "'order' is gone" in action.why
    assert isinstance(resume(WAITING, turn.state, Digits("1")).action, KeepWaiting)


def test_a_circle_without_the_caller_is_broken() -> None:
    """Flows built past the checks must not hang the router."""
    steps = {"a": Goto("a", 1, "b"), "b": Goto("b", 2, "a")}
    flow = Flow("x", "x.yaml", "entry", "a", ("en",), steps, Fallback("support"))
    action = start(flow, {}).action
    assert isinstance(action, EnterQueue)
    assert action.why == "fallback: more than 200 steps without the caller"


def test_a_caller_who_presses_for_ever_comes_to_an_end() -> None:
    """A stuck key must not hold a line for days."""
    turn = start(FLOW, BOB)
    presses = 0
    while not isinstance(turn.action, EnterQueue) and presses < 300:
        turn = press(turn, "4")
        presses += 1
    assert presses == 200
    assert isinstance(turn.action, EnterQueue)
    assert "more than 200 turns" in turn.action.why


def test_hostile_values_are_spoken_as_harmless_text() -> None:
    """Names come from outside: they must not become templates, markup or endless speech."""
    name = 'Bob {ani} <img src=x onerror=1>"\r\nEXEC System\x00 ' + "x" * 10_000
    turn = start(FLOW, {**BOB, "customer.name": name})
    text = said(turn)[0]
    assert text.startswith("Hello Bob ani img src x onerror 1 EXEC System")
    assert len(text) < 80
    assert not set(text) & set('{}<>"\r\n\x00')


def test_wait_visits_say_position_and_go_back_to_the_music() -> None:
    """Step 6 of a call: the caller hears the position."""
    turn = start(WAITING, {"position": 3, "visit": 1, "waited_s": 12.5}, "zh")
    assert said(turn) == ["第 3 位"]
    assert resume(WAITING, turn.state, Done()).action == KeepWaiting()


def test_expected_wait_is_spoken_in_whole_minutes_rounded_up() -> None:
    """A promise rounded down is broken."""
    turn = start(WAITING, {"position": 3, "expected_wait_s": 601})
    assert said(turn) == ["About 11 minutes", "Number 3"]
    assert said(start(WAITING, {"position": 3, "expected_wait_s": None})) == ["Number 3"]


def offered(**given: str) -> Turn:
    return start(WAITING, {"digit": "1", "position": 2, **given})


def test_a_callback_to_the_callers_own_number_needs_one_key() -> None:
    """Consent is asked for, the number is spoken, one key confirms."""
    turn = offered(ani="+14165551234")
    assert said(turn) == ["Call 1 4 1 6 5 5 5 1 2 3 4?"]
    taken = press(turn, "1", flow=WAITING)
    assert taken.action == TakeCallback("+14165551234")
    assert again(WAITING, taken.state).action == taken.action
    done = resume(WAITING, taken.state, Done())
    assert done.action == HangUp("flow", served=True)
    assert done.trail == (IvrTrail("callback", "offer", "+14165551234"),)


def test_another_number_is_typed_and_confirmed() -> None:
    """A mistyped number would mean a callback that never arrives."""
    typed = press(offered(ani="+14165551234"), "2", "4165550199", flow=WAITING)
    assert said(typed) == ["It is 4 1 6 5 5 5 0 1 9 9"]
    assert said(again(WAITING, typed.state)) == ["It is 4 1 6 5 5 5 0 1 9 9"]
    taken = press(typed, "1", flow=WAITING)
    assert taken.action == again(WAITING, taken.state).action == TakeCallback("4165550199")
    done = resume(WAITING, taken.state, Done())
    assert done.trail == (IvrTrail("callback", "offer", "4165550199"),)
    assert from_text(done.state).number == ""
    assert said(press(typed, "2", flow=WAITING)) == ["Type it"]


def test_going_on_to_wait_is_no_event() -> None:
    """Every visit ends in silence; noting each would bury what the caller really did."""
    menu = "{do: menu, text: {en: a, zh: b}, choices: {'1': bye}, retries: 0, otherwise: back}"
    flow = flow_of(
        WAIT.replace("next: back\n  back:", f"next: ask\n  ask: {menu}\n  back:"), "w.yaml"
    )
    turn = press(start(flow, {"position": 1}), "", flow=flow)
    assert turn.action == KeepWaiting()
    assert turn.trail == ()


@pytest.mark.parametrize("ani", ["", "anonymous", "Bob<1>", "12", "+1416555123456789"])
def test_a_withheld_number_is_asked_for_at_once(ani: str) -> None:
    """Without a usable ANI there is nothing to confirm."""
    assert said(offered(ani=ani)) == ["Type it"]


def test_a_refused_number_is_asked_for_again_and_then_waiting_goes_on() -> None:
    """The router refuses premium numbers; the caller must not lose the place over it."""
    taken = press(offered(ani="+19005551234"), "1", flow=WAITING)
    asked = resume(WAITING, taken.state, Failed("not allowed"))
    assert said(asked) == ["Not that one", "Type it"]
    assert press(asked, "12", "", flow=WAITING).action == KeepWaiting()


def test_a_caller_who_ignores_the_offer_goes_on_waiting() -> None:
    """Silence is no consent."""
    turn = offered(ani="+14165551234")
    assert press(turn, "", "", flow=WAITING).action == KeepWaiting()
    assert press(turn, "9", "9", flow=WAITING).action == KeepWaiting()


def test_a_broken_wait_visit_goes_back_to_the_music() -> None:
    """The place in the queue is worth more than an announcement."""
    turn = offered(ani="+14165551234")
    action = resume(WAITING, turn.state, Failed("no audio")).action
    assert action == KeepWaiting("fallback: step 'offer' failed: no audio")


def test_the_router_can_send_a_caller_to_the_fallback() -> None:
    """When the switch cannot run any step the flow must still be left by its own rule."""
    action = fallback(FLOW, "no voice").action
    assert action == EnterQueue("support", (Need("english", 2),), 3, "fallback: no voice")


def test_a_state_is_plain_enough_for_a_channel_variable() -> None:
    """Commas, quotes, `$` or `}` would be read by the dialplan."""
    turn = press(start(FLOW, {**BOB, "customer.name": '${SHELL(id)},"}|&'}), "2")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,699}", turn.state)


@pytest.mark.parametrize("text", ["", "e30", "eyJmIjoxfQ", "-", "\ud800"])
def test_foreign_states_are_refused_by_type(text: str) -> None:
    """The reader trusts nothing that comes back from a switch."""
    with pytest.raises(StateBroken):
        from_text(text)
