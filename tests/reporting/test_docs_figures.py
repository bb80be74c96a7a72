"""What docs/figures.md says is tried: the table of figures, the example, the course of an alert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporting.alerts import AlertBook, AlertRule, Reading
from reporting.definitions import ALL, FIGURES, values
from reporting.intervals import Calendar, Limits, Span, Visit
from reporting.live import WINDOWS, LiveFigures
from reporting.segments import AGENT, Segment

PAGE = (Path(__file__).parents[2] / "docs" / "figures.md").read_text("utf-8")
NOW = 1_700_010_000.0


def rows(head: str) -> Iterator[list[str]]:
    """The cells of the table whose head is this."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line == head:
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    return
                yield [cell.strip() for cell in row[1:-1].split("|")]


def test_the_page_lists_every_figure_as_it_is_defined() -> None:
    """A formula on a page that is not the one of the program is worse than none."""
    page = list(rows("| id | name | formula | unit | of |"))
    assert page == [
        [f"`{one.id}`", one.name["en"], one.formula["en"], one.unit, ", ".join(one.scopes)]
        for one in ALL.values()
    ]


def seconds(cell: str) -> float:
    return float(cell or 0)


def example() -> dict[str, float | None]:
    """The figures of the example's calls and of its agent's hour."""
    live = LiveFigures(Calendar("UTC"), lambda queue: Limits(20.0, 5.0))
    start = NOW - 3500.0
    worked_s = 0.0
    for number, row in enumerate(
        rows("| waited s | left | talk s | hold s | wrap-up s | onward |")
    ):
        waited, outcome, talk, hold, wrap, onward = row
        visit = Visit("q", start + number * 60.0)
        if outcome:
            visit.waited_s = seconds(waited)
            visit.left, visit.outcome = visit.entered + visit.waited_s, outcome
        if outcome == "answered":
            visit.talk_s, visit.hold_s, visit.wrap_up_s = (
                seconds(talk),
                seconds(hold),
                seconds(wrap),
            )
            visit.ended, visit.transferred = NOW, bool(onward)
            worked_s += visit.talk_s + visit.hold_s + visit.wrap_up_s
            part = Segment(AGENT, "q", visit.entered, "anna", "", NOW, visit.talk_s)
            live.put_part(("p", number), part)
        live.put(number, visit)
    assert worked_s == 780.0
    at = start
    for state, length in (("talking", worked_s), ("ready", 1200.0), ("not ready", 420.0)):
        live.spend(Span("anna", state, "", at, at + length))
        at += length
    tally = live.windows("queue", "q", NOW)["60"]
    time = live.windows("agent", "anna", NOW)["60"]
    assert time.signed_in_s == pytest.approx(2400.0)
    tally.busy_s, tally.ready_s, tally.signed_in_s = time.busy_s, time.ready_s, time.signed_in_s
    return values(tally, "queue")


def test_the_example_comes_to_what_the_page_says() -> None:
    """Whoever doubts a number reckons it by hand, with this."""
    found = example()
    told = {name.strip("`"): float(value) for name, value in rows("| figure | value |")}
    assert set(told) <= set(FIGURES)
    assert {name: found[name] for name in told} == pytest.approx(told, abs=5e-5)


def test_the_page_lists_every_window() -> None:
    """Windows are named in rules and in the API."""
    found = [name for cell, _ in rows("| window | from |") for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(found) == WINDOWS


def test_an_alert_takes_the_course_that_the_page_tells() -> None:
    """The rule of the page, looked at every second."""
    rule = AlertRule(
        "slow-support", "service_level", "queue", "support", "30", below=0.7, clear=0.8
    )
    given = re.search(r"for_s: (\d+), clear_for_s: (\d+)", PAGE)
    assert given
    assert (float(given[1]), float(given[2])) == (rule.for_s, 30.0)
    rule = AlertRule(**{**{n: getattr(rule, n) for n in rule.__slots__}, "clear_for_s": 30.0})
    course = [
        (int(at), float(level), int(calls), alert)
        for at, level, calls, alert in rows("| second | service level | calls | alert |")
    ]
    book, told = AlertBook(), []
    for (at, level, calls, _), (until, *_) in zip(course, [*course[1:], (700,)], strict=False):
        for second in range(at, until):
            reading = Reading(level, calls)
            for one in book.look(
                {rule.id: rule}, lambda r: ("support",), lambda r, t, x=reading: x, float(second)
            ):
                book.apply(one, float(second))
            if second == at:
                told.append("raised" if book.standing else "")
    assert told == [alert for _, _, _, alert in course]
