"""What holds for every flow, every caller and every state."""

from __future__ import annotations

import contextlib
import dataclasses
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.check import load_site
from config.settings import DEMO_SITE
from ivr import actions, runner
from ivr.actions import FINAL, Answer, Digits, Done, Failed, Hours, Timeout
from ivr.flow import CUSTOMER_FIELDS, GIVEN, Flow, all_speech
from ivr.state import MAX_STATE, PHASES, State, StateBroken, from_text, to_text
from ivr.templates import MAX_FILLED, fill, harmless, stray_brace

DEMO = load_site(DEMO_SITE)
FLOWS = sorted(DEMO.flows)

answers: st.SearchStrategy[Answer] = st.one_of(
    st.just(Done()),
    st.just(Timeout()),
    st.text("0123456789*#ABCD", max_size=20).map(Digits),
    st.sampled_from("0123456789").map(Digits),
    st.text(max_size=8).map(Digits),
    st.sampled_from(["open", "closed", "holiday"]).map(lambda state: Hours(state)),  # type: ignore[arg-type]
)
given_values = st.dictionaries(
    st.sampled_from([*GIVEN, *CUSTOMER_FIELDS, "hostile"]),
    st.one_of(st.text(max_size=200), st.integers(), st.floats(), st.none()),
)
languages = st.sampled_from(["", "en", "zh", "xx"])


def right_answer(action: actions.Action, dice: random.Random) -> Answer:
    """An answer of the kind that the action asks for."""
    match action:
        case actions.Collect():
            digits = "".join(dice.choice("0123456789*") for _ in range(dice.randrange(12)))
            return dice.choice([Timeout(), Digits(digits), Digits(dice.choice("012345"))])
        case actions.AskHours():
            return Hours(dice.choice(["open", "closed", "holiday"]))  # type: ignore[arg-type]
        case actions.TakeCallback():
            return dice.choice([Done(), Failed("refused")])
        case _:
            return dice.choice([Done(), Done(), Done(), Failed("broken")])


@given(st.sampled_from(FLOWS), given_values, languages, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_every_caller_comes_to_an_end(
    name: str, variables: dict[str, str | int | float | None], language: str, seed: int
) -> None:
    """Whatever callers press, they reach a queue, a person or a hang-up, never silence."""
    flow, dice = DEMO.flows[name], random.Random(seed)
    turn = runner.start(flow, variables, language)
    for _ in range(runner.TURN_BOUND + 1):
        assert len(turn.state) <= MAX_STATE
        if isinstance(turn.action, FINAL):
            break
        step = runner.again if dice.random() < 0.1 else None
        if step is None:
            turn = runner.resume(flow, turn.state, right_answer(turn.action, dice))
        else:
            turn = step(flow, turn.state)
    assert isinstance(turn.action, FINAL)


@given(st.sampled_from(FLOWS), given_values, st.lists(answers, max_size=30))
@settings(max_examples=300, deadline=None)
def test_answers_of_any_kind_in_any_order_never_break_a_flow(
    name: str, variables: dict[str, str | int | float | None], given_answers: list[Answer]
) -> None:
    """Late and repeated answers come from switches; each must still give an action."""
    flow = DEMO.flows[name]
    turn = runner.start(flow, variables)
    for answer in given_answers:
        turn = runner.resume(flow, turn.state, answer, variables)
        assert len(turn.state) <= MAX_STATE
        if isinstance(turn.action, actions.EnterQueue):
            assert turn.action.queue in DEMO.queues
        if isinstance(turn.action, actions.Say | actions.Collect):
            assert all(len(prompt.text) <= MAX_FILLED for prompt in turn.action.prompts)


@pytest.mark.parametrize("name", ["main", "wait"])
def test_a_silent_caller_is_through_within_a_minute_of_prompts(name: str) -> None:
    """Who presses nothing (an old telephone) must reach a person soon."""
    flow = DEMO.flows[name]
    turn = runner.start(flow, {"position": 1})
    count = 0
    while not isinstance(turn.action, FINAL) and count < 20:
        ask = isinstance(turn.action, actions.AskHours)
        turn = runner.resume(flow, turn.state, Hours("open") if ask else Timeout())
        count += 1
    assert count <= 8
    assert isinstance(turn.action, actions.EnterQueue | actions.KeepWaiting)


ids = st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True)
states = st.builds(
    State,
    flow=ids,
    step=ids,
    phase=st.sampled_from(PHASES),
    language=st.sampled_from(["", "en", "zh-Hant-TW"]),
    tries=st.integers(0, 99),
    turns=st.integers(0, 200),
    number=st.from_regex(r"(\+?[0-9]{3,15})?", fullmatch=True),
    collected=st.dictionaries(ids, st.text("0123456789", max_size=12), max_size=3),
    given=st.dictionaries(st.sampled_from(GIVEN), st.text(min_size=1, max_size=10), max_size=2),
)


@given(states)
def test_a_state_comes_back_as_it_was(state: State) -> None:
    """What the switch keeps is all that we know after a restart."""
    before = dataclasses.replace(
        state,
        given={
            name: text.encode("utf-8", "replace").decode() for name, text in state.given.items()
        },
    )
    assert from_text(to_text(state, frozenset(GIVEN))) == before


@given(
    st.dictionaries(ids, st.text(max_size=64), max_size=8),
    st.dictionaries(st.sampled_from([*GIVEN, *CUSTOMER_FIELDS]), st.text(max_size=300)),
)
@example({f"v{n}": "9" * 64 for n in range(9)}, {"customer.name": "陈" * 99})
def test_a_state_never_outgrows_its_bound(
    collected: dict[str, str], values: dict[str, str]
) -> None:
    """A longer value would be cut by the switch, and a cut state is a lost place."""
    state = State("f" * 32, "s" * 32, "fallback", "zh-Hant-TW", 9, 200, "+" + "1" * 15)
    state.collected, state.given = dict(collected), dict(values)
    text = to_text(state, frozenset(values))
    assert len(text) <= MAX_STATE
    assert from_text(text).step == "s" * 32


@given(st.one_of(st.text(max_size=800), st.binary(max_size=300).map(lambda b: b.hex())))
@example("eyJmIjoi")
def test_any_text_is_a_state_or_is_refused(text: str) -> None:
    """A foreign or damaged channel variable must never raise anything else."""
    with contextlib.suppress(StateBroken):
        from_text(text)
    for flow in DEMO.flows.values():
        assert isinstance(runner.again(flow, text).action, FINAL)


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_filled_in_value_is_harmless_and_bounded(template: str, value: str) -> None:
    """Values are data: they are bounded, and never read as a template or as markup."""
    text = harmless(value)
    assert len(text) <= 60
    assert not set(text) & set('{}<>|$`;"\\\r\n\t\0')
    filled = fill("[{customer.name}]", {"customer.name": value}, frozenset())
    assert filled == f"[{text}]"
    assert len(fill(template, {}, frozenset())) <= MAX_FILLED


@pytest.mark.parametrize("name", FLOWS)
def test_every_demo_prompt_exists_in_both_languages(name: str) -> None:
    """A caller who chose Chinese must not meet English, nor silence."""
    flow: Flow = DEMO.flows[name]
    assert flow.languages == ("en", "zh")
    by_language: dict[str, list[str]] = {"en": [], "zh": []}
    for language, text, _ in all_speech(flow):
        by_language[language].append(text)
        assert text.strip()
        assert not stray_brace(text)
    assert len(by_language["en"]) == len(by_language["zh"]) >= 1
    assert all(any("一" <= char <= "鿿" for char in text) for text in by_language["zh"])
    assert not any("一" <= char <= "鿿" for text in by_language["en"] for char in text)
