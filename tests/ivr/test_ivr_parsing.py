"""Mistakes in flows: each is found, at its line, with a fix."""

from __future__ import annotations

import pytest

from config.yaml_lines import load_yaml
from ivr.flow import Flow, Menu
from ivr.mistakes import Mistake, Mistakes
from ivr.parsing import parse_flow

GOOD = """\
title: Test
languages: [en, zh]
fallback: {queue: support}
steps:
  hello:
    do: say
    text: {en: Hello, zh: 你好}
    next: ask
  ask:
    do: menu
    text: {en: "Press 1", zh: "请按 1"}
    choices:
      1: {next: sales, label: Sales, say: {en: [sales, new order], zh: [销售]}}
      "2": number
    otherwise: sales
  number:
    do: collect
    variable: order
    text: {en: "Your number", zh: "号码"}
    max_digits: 8
    next: sales
  sales:
    do: queue
    queue: sales
    needs: {billing: 3}
"""


def parse(text: str, file: str = "flows/test.yaml") -> Flow:
    loaded = load_yaml(text, file)
    return parse_flow(loaded.value, loaded.line, file)


def mistakes(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(Mistakes) as caught:
        parse(text)
    return caught.value.mistakes


def test_a_sound_flow_is_read_whole() -> None:
    """The reader must keep every field: what it drops, callers would miss."""
    flow = parse(GOOD)
    assert (flow.id, flow.kind, flow.start) == ("test", "entry", "hello")
    menu = flow.steps["ask"]
    assert isinstance(menu, Menu)
    assert [(choice.digit, choice.next, choice.label) for choice in menu.choices] == [
        ("1", "sales", "Sales"),
        ("2", "number", ""),
    ]
    assert menu.speech.texts == {"en": "Press 1", "zh": "请按 1"}
    assert menu.line == 9
    assert menu.choices[0].say == {"en": ("sales", "new order"), "zh": ("销售",)}


EVERY = "do: menu\n    every_language: true"

# what is changed in GOOD | by what | line: message; fix
ROWS = """\
do: menu | do: mneu | 10: unknown step kind 'mneu'; did you mean 'menu'?
do: say | say: x | 5: step 'hello' has no 'do'; add 'do: …' with one of
next: ask | next: aks | 8: step 'hello' leads to 'aks', which does not exist; did you mean 'ask'?
{next: sales, label | {next: slaes, label | 13: step 'ask' leads to 'slaes', which does not
"2": number | "2": numbr | 14: step 'ask' leads to 'numbr', which does not exist;
"2": number | "3": sales | 16: no step leads to 'number'; lead a step to it or delete it
"2": number | "22": number | 14: choice '22'; use one key of 0-9
1: {next: sales | 1: {nxt: sales | 13: choice '1' has an unknown key 'nxt'; did you mean 'next'?
, zh: 你好 |  | 7: 'text' has no text for language 'zh'; add 'zh: …'
zh: 你好 | zh: "" | 7: 'text' is empty in 'zh'; write a text
zh: 你好 | zh: 你好, fr: Salut | 7: 'text' of step 'hello' has an unknown key 'fr'
{en: Hello, zh: 你好} | Hello | 7: 'text' is in one language only; write it for en and zh
{en: Hello, zh: 你好} | 5 | 7: 'text' is 5; write a text for en and zh
Hello, | "Hello {cutsomer.name}", | 7: unknown variable 'cutsomer.name'; did you mean 'cust
Hello, | "Hello {", | 7: a brace that is not around a variable name; write {name}
variable: order | variable: ani | 18: the variable 'ani' is given with the call; rename it
variable: order | variable: "or der" | 18: 'variable' is 'or der'; start with a letter
{en: [sales, new order], zh: [销售]} | [sales] | 13: 'say' is in one language only; write {en: […]
[sales, new order] | sales | 13: 'en' is 'sales'; write a list: one '- …' line for each
[sales, new order] | ["sales!"] | 13: 'en' holds 'sales!'; write what is said, such as
[sales, new order] | [a,b,c,d,e,f,g,h,i,j,k] | 13: 11 words for one key; use at most 10
zh: [销售] | fr: [ventes] | 13: 'say' of choice '1' has an unknown key 'fr'
"2": number | "2": {next: number, say: {en: [Sales]}} | 14: 'Sales' is said for '1' and for '2';
do: menu | {MENU} | 14: 'say' in a menu of every language; leave it out: a switch listens in one
max_digits: 8 | max_digits: 80 | 20: 'max_digits' is 80; use 1 to 32
max_digits: 8 | max_digits: eight | 20: 'max_digits' is 'eight'; write a number
max_digits: 8 | max_digitz: 8 | 20: step 'number' has an unknown key 'max_digitz'; did you mean
fallback: {queue: support} | start: hello | 1: the flow has no 'fallback'; add 'fallback: {queue
title: Test | start: helo | 1: there is no step 'helo'; did you mean 'hello'?
title: Test | kind: entri | 1: unknown kind 'entri'; did you mean 'entry'?
title: Test | digits: ["1"] | 1: 'digits' in an entry flow; only wait flows have 'digits'
languages: [en, zh] | languages: [english, zh] | 2: 'languages' holds 'english'; write a language
otherwise: sales | otherwise: ask | 9: a caller who presses nothing goes round for ever: ask → ask;
otherwise: sales | otherwise: hello | 5: a caller who presses nothing goes round for ever: hello →
needs: {billing: 3} | needs: {billing: 30} | 25: 'billing' is 30; use 1 to 10
do: queue | do: wait | 23: 'wait' in an entry flow; use 'queue'
do: queue | do: offer_callback | 23: 'offer_callback' in an entry flow; only waiting callers keep
title: Test | kind: wait | 3: 'fallback' in a wait flow; delete it: when a visit breaks
Hello, | "{LONG}", | 7: 'en' is 1001 characters long; use at most 1000
"""


@pytest.mark.parametrize("row", [row for row in ROWS.splitlines() if row], ids=str)
def test_a_mistake_names_its_line_and_its_fix(row: str) -> None:
    """People repair a flow from the message alone, so the literal message counts."""
    old, new, expected = row.replace("{LONG}", "x" * 1001).replace("{MENU}", EVERY).split(" | ", 2)
    assert GOOD.count(old) >= 1, "the row changes nothing"
    found = mistakes(GOOD.replace(old, new, 1))
    said = [str(mistake).removeprefix("flows/test.yaml:") for mistake in found]
    assert any(text.startswith(expected.strip()) for text in said), said


def test_all_mistakes_are_reported_at_once() -> None:
    """A person should not have to run the check once per mistake."""
    text = GOOD.replace("do: say", "do: sya").replace("max_digits: 8", "max_digits: x")
    text = text.replace("queue: sales", "quue: sales")
    lines = {mistake.line for mistake in mistakes(text)}
    assert lines == {6, 20, 22, 24}


def test_one_mistake_is_not_repeated_as_others() -> None:
    """A step that cannot be read must not make every step around it look wrong as well."""
    found = mistakes(GOOD.replace("do: menu", "do: mneu"))
    assert [mistake.line for mistake in found] == [10]


def test_secret_digits_cannot_be_read_by_any_step() -> None:
    """A card number that a template could speak would end up in prompts and logs."""
    text = GOOD.replace("variable: order", "variable: card\n    secret: true")
    text = text.replace("en: Hello,", 'en: "Hello {card}",')
    assert "the secret digits 'card' are kept nowhere" in str(mistakes(text)[0])


def test_flows_that_could_keep_too_much_are_refused() -> None:
    """The state travels in a channel variable; its bound must hold for every flow that loads."""
    extra = "".join(
        f"  c{n}:\n    do: collect\n    variable: v{n}\n    text: {{en: a, zh: b}}\n"
        f"    max_digits: 32\n    next: {'sales' if n == 7 else f'c{n + 1}'}\n"
        for n in range(8)
    )
    text = GOOD.replace('"2": number', '"2": number\n      "3": c0') + extra
    assert "the flow's variables can take" in str(mistakes(text)[0])


@pytest.mark.parametrize("document", [None, 5, "x", [], [1], {}, {"steps": 5}, {"steps": {1: 2}}])
def test_documents_of_any_shape_are_refused_not_crashed_on(document: object) -> None:
    """What stands in a file is up to people."""
    with pytest.raises(Mistakes):
        parse_flow(document, lambda path: 1, "flows/x.yaml")
