"""What docs/writing-a-switch-link.md shows is true: its rows, its scenarios, its example."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.contract.notation import ROWS, Scenario, parse
from tests.contract.on_virtual import OnVirtual
from tests.contract.stage import Theatre

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-switch-link.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def _scenarios() -> list[Scenario]:
    return [scenario for block in _blocks("contract") for scenario in parse(block, "the page")]


def test_the_example_of_a_new_switch_plays_the_pages_scenario() -> None:
    """Who begins with the example begins with something that works."""
    (program,) = _blocks("python")
    example: dict[str, Any] = {}
    exec(compile(program, "the page", "exec"), example)
    smallest = _scenarios()[-1]
    failed = asyncio.run(Theatre(example["OnWaitingRoom"]()).play([smallest]))
    assert failed == {smallest.title: ""}


def test_what_the_example_cannot_do_is_shown_row_by_row() -> None:
    """A failed scenario says which row, what was told before it, and why an order was refused."""
    (program,) = _blocks("python")
    example: dict[str, Any] = {}
    exec(compile(program, "the page", "exec"), example)
    whole = _scenarios()[0]
    (why,) = asyncio.run(Theatre(example["OnWaitingRoom"]()).play([whole])).values()
    assert "'OfferRinging anna': OrderFailed OfferCall came" in why
    assert "OfferCall: not on this switch" in why
    assert "    CallWaiting" in why


def test_the_first_scenario_is_what_switches_do() -> None:
    """The page's picture of the notation is played like any other scenario."""
    first = _scenarios()[0]
    assert asyncio.run(Theatre(OnVirtual()).play([first])) == {first.title: ""}


def test_the_table_has_every_row_there_is() -> None:
    """Nobody must read the parser to write a scenario."""
    (table,) = re.findall(r"^\| people \|.*?\n\n", PAGE, re.M | re.S)
    examples = re.findall(r"`([^`]+)`", table)
    (scenario,) = parse("= rows\n" + "\n".join(examples))
    assert len(scenario.rows) == len(examples)
    assert {row.verb for row in scenario.rows} == set(ROWS)
