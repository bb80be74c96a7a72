"""The suite itself: a switch that is wrong in one way is told apart from one that is right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cti import events as e
from cti.calls import EndedBy, OfferFailure
from cti.link import FactSink
from tests.contract.notation import BadNotation, parse, read
from tests.contract.on_virtual import OnVirtual
from tests.contract.stage import Theatre

SCENARIOS = read(Path(__file__).with_name("scenarios.txt"))
Lie = Callable[[Any], Iterator[Any]]


def _says_nothing_of_hold(fact: Any) -> Iterator[Any]:
    if not isinstance(fact, e.CallHeld):
        yield fact


def _ends_twice(fact: Any) -> Iterator[Any]:
    yield fact
    if isinstance(fact, e.CallEnded):
        yield fact


def _knows_no_reasons(fact: Any) -> Iterator[Any]:
    yield replace(fact, why=OfferFailure.NO_ANSWER) if isinstance(fact, e.OfferFailed) else fact


def _blames_the_caller(fact: Any) -> Iterator[Any]:
    yield replace(fact, by=EndedBy.CALLER) if isinstance(fact, e.CallEnded) else fact


def _mixes_agents_up(fact: Any) -> Iterator[Any]:
    yield replace(fact, agent_id="cleo") if isinstance(fact, e.LegAnswered) else fact


def _answers_for_outsiders(fact: Any) -> Iterator[Any]:
    whose = isinstance(fact, e.CallHandedOver) and fact.agent_id == ""
    yield replace(fact, agent_id="anna") if whose else fact


def _forgets_parties(fact: Any) -> Iterator[Any]:
    yield replace(fact, legs=()) if isinstance(fact, e.CallAdopted) else fact


def _loses_digits(fact: Any) -> Iterator[Any]:
    yield replace(fact, digits=fact.digits[:-1]) if isinstance(fact, e.StepFinished) else fact


class Lying(OnVirtual):
    """The virtual switch, whose link tells something else."""

    def __init__(self, lie: Lie) -> None:
        super().__init__()
        self._lie = lie

    async def start(self, sink: FactSink) -> None:
        def tell(fact: e.Fact) -> None:
            for told in self._lie(fact):
                sink(told)

        await super().start(tell)


@pytest.mark.parametrize(
    "lie",
    [
        _says_nothing_of_hold,
        _ends_twice,
        _knows_no_reasons,
        _blames_the_caller,
        _mixes_agents_up,
        _answers_for_outsiders,
        _forgets_parties,
        _loses_digits,
    ],
)
def test_a_link_that_tells_it_wrong_fails(lie: Lie) -> None:
    """What the suite lets pass would be believed by everything above it."""
    failed = asyncio.run(Theatre(Lying(lie)).play(SCENARIOS))
    assert any(failed.values())


def test_a_phone_that_rings_on_after_the_call_fails() -> None:
    """Nobody may be left alone on the line, even when every word was right."""

    class Leaving(OnVirtual):
        async def nothing_left(self, slot: int) -> str:
            await super().nothing_left(slot)
            return "ben"

    failed = asyncio.run(Theatre(Leaving()).play(SCENARIOS[:1]))
    assert all("still there: ben" in why for why in failed.values())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("= one\ncaller dances", "text:2: 'caller dances' is nothing we know"),
        ("= one\nring dave", "text:2: 'ring dave' is nothing we know"),
        ("= one\nhold\n    CallHelt", "text:3: 'CallHelt' is nothing we know"),
        ("hold", "text:1: 'hold' is nothing we know"),
        ("= one\n= two\n= one", "text: two scenarios are called 'one'"),
    ],
)
def test_a_row_that_nobody_understands_is_named(text: str, why: str) -> None:
    """A slip must not become a scenario that tests nothing."""
    with pytest.raises(BadNotation) as caught:
        parse(text)
    assert str(caught.value) == why
