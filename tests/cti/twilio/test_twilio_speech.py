"""Menus that are spoken to: what is recognised, and what becomes of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from config.yaml_lines import load_yaml
from cti import events as e
from cti.calls import Prompt
from cti.commands import CollectDigits
from cti.twilio.hearing import digits_said
from cti.twilio.settings import TwilioSettings
from cti.twilio.twiml import Documents
from cti.twilio.urls import Urls
from ivr.parsing import parse_flow
from tests.cti.twilio.conftest import SITE, World

WORDS = (("billing", "1"), ("bill", "1"), ("new order", "2"), ("order", "3"), ("café", "4"))
CHINESE = (("账单", "1"), ("销售", "2"), ("sales", "2"))

# what is said | the words | the digits
ROWS = """\
billing please | WORDS | 1
BILLING. | WORDS | 1
The bill, or billing? | WORDS | 1
a new order | WORDS | 2
New  Order! | WORDS | 2
order | WORDS | 3
Un CAFÉ, s'il vous plaît | WORDS | 4
billing or an order | WORDS |
reorder | WORDS |
billings | WORDS |
 | WORDS |
?!… | WORDS |
我想问一下账单。 | CHINESE | 1
销售 | CHINESE | 2
Sales, please | CHINESE | 2
账单还是销售 | CHINESE |
"""


@pytest.mark.parametrize("row", ROWS.splitlines())
def test_what_was_said_stands_for_one_choice_or_for_none(row: str) -> None:
    """A caller who is taken for something else has lost more than one who is asked again."""
    said, words, digits = (cell.strip() for cell in row.split("|"))
    assert digits_said(said, {"WORDS": WORDS, "CHINESE": CHINESE}[words]) == digits


@pytest.mark.parametrize("said", ["\x00\ud83d" * 500, "a" * 100_000, "(" * 400, "'" * 400])
def test_anything_may_be_said(said: str) -> None:
    """What Twilio heard is text from outside."""
    assert digits_said(said, WORDS) == ""


def document(language: str, words: tuple[tuple[str, str], ...]) -> ET.Element:
    made = TwilioSettings("AC" + "5" * 32, "token", "https://calls.example.com/twilio")
    step = CollectDigits((Prompt("Hello", "en"), Prompt("?", language)), words=words)
    text = Documents(made, Urls(made.public_url)).step(step, "https://x.example/then")
    gather = ET.fromstring(text).find("Gather")
    assert gather is not None
    return gather


def test_twilio_listens_in_the_language_of_the_question() -> None:
    """The tags for hearing are not those for speaking; without words nothing is listened for."""
    english = document("en", WORDS)
    assert english.get("input") == "dtmf speech"
    assert english.get("language") == "en-US"
    assert english.get("hints") == "billing,bill,new order,order,café"
    assert document("zh", CHINESE).get("language") == "cmn-Hans-CN"
    silent = document("en", ())
    assert silent.get("input") == "dtmf"
    assert silent.get("hints") is None


SPOKEN = """\
languages: [en]
fallback: {queue: support}
steps:
  menu:
    do: menu
    text: "Say sales or support, or press 1 or 2."
    invalid: "There is no such choice."
    silence: "We did not understand."
    choices:
      "1": {next: sales, say: [sales, new order]}
      "2": {next: support, say: [support, help]}
  sales: {do: queue, queue: sales}
  support: {do: queue, queue: support}
"""


async def test_a_menu_is_spoken_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not understood is asked again; then the word leads where its key leads."""
    loaded = load_yaml(SPOKEN, "flows/main.yaml")
    flow = parse_flow(loaded.value, loaded.line, "flows/main.yaml")
    site = replace(SITE, flows={**SITE.flows, "main": flow})
    monkeypatch.setattr("tests.cti.twilio.conftest.SITE", site)
    center = await world.open()
    first = world.twilio.call_in(keys=["say:a banana, please", "say:Sales, please."])
    second = world.twilio.call_in(number="+12025550101", keys=["2"])
    await world.until(lambda: center.count(e.CallWaiting) >= 2, "both wait", 10.0)
    steps = [x for x in center.facts if isinstance(x, e.StepFinished)]
    told = [(x.outcome, x.digits) for x in steps if x.call_id == world.call_id(first)]
    assert told[:2] == [("timeout", ""), ("digits", "1")]
    assert any("did not understand" in text for text in first.heard)
    queues = [center.fold.calls[world.call_id(leg)].queue for leg in (first, second)]
    assert queues == ["sales", "support"]
