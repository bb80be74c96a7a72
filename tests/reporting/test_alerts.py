"""Alerts: raised after a while, cleared after a while, never flapping, the same after a restart."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from reporting.alerts import (
    MOST_KEPT,
    AlertAcknowledged,
    AlertBook,
    AlertCleared,
    AlertRaised,
    AlertRule,
    Reading,
    name_of,
)
from reporting.records import RecordFold

LEVEL = AlertRule(
    "level", "service_level", window="30", below=0.7, clear=0.8, for_s=60.0, clear_for_s=30.0
)
WAIT = AlertRule("wait", "longest_wait_s", above=60.0, clear=20.0, for_s=10.0, clear_for_s=0.0)


class Desk:
    """Looks every second at one queue."""

    def __init__(self, rule: AlertRule) -> None:
        self.book = AlertBook()
        self.rule = rule
        self.now = 0.0
        self.told: list[tuple[str, float]] = []
        self.queues = ["sales"]
        self.reading = Reading(None)

    def look(self, value: float | None, seconds: int = 1, counted: int | None = None) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.reading = Reading(value, counted)
            rules = {self.rule.id: self.rule}
            for told in self.book.look(rules, self._targets, self._read, self.now):
                assert self.book.apply(told, self.now)
                self.told.append((type(told).__name__.removeprefix("Alert"), self.now))

    def _read(self, rule: AlertRule, target: str) -> Reading:
        return self.reading

    def _targets(self, rule: AlertRule) -> Iterable[str]:
        return self.queues


def test_an_alert_is_raised_and_cleared_after_a_while() -> None:
    """What is over before anybody could look is not worth a look."""
    desk = Desk(LEVEL)
    desk.look(0.5, 59)
    desk.look(0.9)
    desk.look(0.5, 61)
    assert desk.told == [("Raised", 121.0)]
    desk.look(0.85, 29)
    desk.look(0.79)
    desk.look(0.85, 31)
    assert desk.told == [("Raised", 121.0), ("Cleared", 182.0)]
    assert [(a.since, a.cleared) for a in desk.book.over] == [(121.0, 182.0)]


def test_between_the_two_thresholds_nothing_changes() -> None:
    """Around one threshold a figure crosses it all day; between two it does not."""
    desk = Desk(LEVEL)
    for _ in range(200):
        desk.look(0.71)
        desk.look(0.79)
    assert desk.told == []
    desk.look(0.6, 100)
    for _ in range(200):
        desk.look(0.69)
        desk.look(0.79)
    assert [name for name, _ in desk.told] == ["Raised"]


def test_a_figure_of_few_calls_is_no_alert() -> None:
    """The first caller of the morning who hangs up is a service level of 0 %."""
    desk = Desk(LEVEL)
    desk.look(0.0, 200, counted=9)
    assert desk.told == []
    desk.look(0.0, 61, counted=10)
    assert [name for name, _ in desk.told] == ["Raised"]
    desk.look(None, 31)  # and when nobody calls any more it is over
    assert [name for name, _ in desk.told] == ["Raised", "Cleared"]


def test_above_works_like_below() -> None:
    """Waits are bad when they are long; the threshold itself is still good."""
    desk = Desk(WAIT)
    desk.look(60.0, 100)
    assert desk.told == []
    desk.look(60.1, 11)
    desk.look(21.0, 50)
    desk.look(20.0)
    assert desk.told == [("Raised", 111.0), ("Cleared", 162.0)]


@pytest.mark.parametrize("seed", range(20))
def test_no_figure_makes_it_flap(seed: int) -> None:
    """Raised and cleared take turns, each after its time, whatever the figure does."""
    dice = random.Random(seed)
    desk, value = Desk(LEVEL), 0.75
    for _ in range(3000):
        value = min(1.0, max(0.0, value + dice.uniform(-0.08, 0.08)))
        desk.look(None if dice.random() < 0.01 else value)
    times = [moment for _, moment in desk.told]
    names = [name for name, _ in desk.told]
    assert names == ["Raised", "Cleared"] * (len(names) // 2) + ["Raised"] * (len(names) % 2)
    for index, (before, after) in enumerate(pairwise(times)):
        assert after - before >= (LEVEL.clear_for_s if index % 2 == 0 else LEVEL.for_s)


def test_what_nobody_looks_at_any_more_is_cleared() -> None:
    """A queue that is gone, or a rule that was taken out, leaves no alert behind."""
    desk = Desk(WAIT)
    desk.look(100.0, 11)
    desk.queues = []
    desk.look(100.0)
    assert [name for name, _ in desk.told] == ["Raised", "Cleared"]
    assert [alert.why for alert in desk.book.over] == ["gone"]
    assert not desk.book.standing


def test_acknowledging_keeps_it_but_tells_who_knows() -> None:
    """Seen is not solved; a second one who presses changes nothing."""
    desk = Desk(WAIT)
    desk.look(100.0, 11)
    assert desk.book.apply(AlertAcknowledged("wait:sales", "sam"), 12.0)
    assert not desk.book.apply(AlertAcknowledged("wait:sales", "zoe"), 13.0)
    assert not desk.book.apply(AlertAcknowledged("wait:gone", "zoe"), 13.0)
    alert = desk.book.standing["wait:sales"]
    assert (alert.by, alert.acknowledged, alert.since) == ("sam", 12.0, 11.0)


def test_names_are_those_of_the_rule_and_of_what_it_is_about() -> None:
    """Programs know an alert again by its name."""
    assert name_of(WAIT, "sales") == "wait:sales"
    assert name_of(AlertRule("x", "waiting", target="sales"), "sales") == "x"
    assert name_of(AlertRule("all", "waiting", "site"), "") == "all"


def test_the_fold_of_what_was_told_is_the_book() -> None:
    """After a restart the same alerts stand, raised when they were; a snapshot says the same."""
    desk = Desk(WAIT)
    entries: list[tuple[Any, float]] = []
    for value in (100.0, 5.0, 100.0):
        before = len(desk.told)
        desk.look(value, 12)
        assert len(desk.told) == before + 1
    for alert in desk.book.over:
        entries.append((alert.raised, alert.since))
        entries.append((AlertCleared(alert.raised.alert, 5.0), alert.cleared or 0.0))
    entries += [(alert.raised, alert.since) for alert in desk.book.standing.values()]
    fold = RecordFold()
    for told, moment in entries:
        data = {name: getattr(told, name) for name in type(told).__slots__}
        assert fold.feed("alert", type(told).__name__, "", data, moment)
        assert not fold.feed("alert", type(told).__name__, "", data, moment)
    assert fold.alerts.snapshot() == desk.book.snapshot()
    again = AlertBook()
    again.restore(json.loads(json.dumps(fold.alerts.snapshot())))
    assert again.snapshot() == desk.book.snapshot()


def test_what_is_kept_of_a_day_is_bounded_and_ends_at_midnight() -> None:
    """A rule that raises every minute fills no memory; yesterday is in the journal."""
    book = AlertBook()
    for number in range(MOST_KEPT + 50):
        raised = AlertRaised("a", "a", "waiting", "site", "", "", 1.0, 0.0, 0.0)
        assert book.apply(raised, number * 10.0)
        assert book.apply(AlertCleared("a", 0.0), number * 10.0 + 5.0)
    assert len(book.over) == MOST_KEPT
    book.forget((MOST_KEPT + 40) * 10.0)
    assert len(book.over) == 10
