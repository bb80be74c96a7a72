"""The figures and their definitions."""

from __future__ import annotations

import pytest

from reporting.definitions import ALL, definitions
from reporting.figures import (
    Tally,
    abandon_rate,
    abandon_rate_without_short,
    acw,
    aht,
    asa,
    check_books,
    occupancy,
    service_level,
    service_levels,
)


def tally_of(*visits: tuple[str, float]) -> Tally:
    tally = Tally()
    for outcome, waited_s in visits:
        tally.offered += 1
        tally.leave(outcome, waited_s, threshold_s=20.0, short_s=5.0)
    return tally


def test_standard_service_level_is_the_published_example() -> None:
    """The default definition must be the one of the glossary: 200/(300+100-50) = 57.14 %."""
    tally = Tally(offered=400, answered=300, abandoned=100, short_abandoned=50, answered_within=200)
    assert service_level(tally) == pytest.approx(0.5714, abs=5e-5)


def test_each_kind_of_service_level_counts_abandons_its_own_way() -> None:
    """A figure under another's name misleads whoever staffs by it."""
    tally = tally_of(
        *[("answered", 10.0)] * 6,
        *[("answered", 30.0)] * 2,
        ("abandoned", 3.0),
        ("abandoned", 15.0),
        ("abandoned", 40.0),
        ("overflowed", 60.0),
    )
    assert service_levels(tally) == {
        "standard": 6 / 11,
        "negative": 6 / 12,
        "ignored": 6 / 10,
        "positive": 8 / 12,
        "handled_only": 6 / 8,
    }
    assert abandon_rate(tally) == 3 / 12
    assert abandon_rate_without_short(tally) == 2 / 11
    assert asa(tally) == (6 * 10 + 2 * 30) / 8


def test_nothing_counted_gives_no_figure_rather_than_zero() -> None:
    """A quiet queue has no service level; 0 % would raise an alarm and 100 % would flatter."""
    assert set(service_levels(Tally()).values()) == {None}
    assert abandon_rate(Tally()) is asa(Tally()) is aht(Tally()) is occupancy(0, 0) is None


def test_handle_time_leaves_out_calls_that_are_not_over() -> None:
    """A running call has no length yet; counting it would pull the average down all day."""
    tally = tally_of(("answered", 1.0), ("answered", 1.0))
    tally.handle(100.0, 20.0, 30.0)
    assert (aht(tally), acw(tally)) == (150.0, 30.0)


def test_borders_belong_to_the_promise() -> None:
    """An answer at exactly T is within T; a caller who waited S is no short abandon."""
    tally = tally_of(("answered", 20.0), ("abandoned", 5.0), ("abandoned", 4.999))
    assert (tally.answered_within, tally.short_abandoned) == (1, 1)


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        ("overflowed", "overflowed"),
        ("callback", "callback"),
        ("withdrawn", "withdrawn"),
        ("switch lost", "switch_lost"),
        ("something new", "withdrawn"),
    ],
)
def test_whatever_leaves_without_answer_or_abandon_has_flowed_out(outcome: str, field: str) -> None:
    """The books must balance whatever way a call left."""
    tally = tally_of((outcome, 7.0))
    assert (tally.flowed_out, getattr(tally, field), check_books(tally)) == (1, 1, 0)


def test_books_show_a_call_that_nobody_accounts_for() -> None:
    """The check must be able to fail, or it proves nothing."""
    tally = tally_of(("answered", 1.0), ("abandoned", 1.0))
    tally.offered += 2
    tally.waiting = 1
    assert (check_books(tally), check_books(tally, waiting=2)) == (1, 0)


def test_adding_and_taking_out_are_opposites() -> None:
    """Live figures replace what a visit counted for before; a remainder would grow all day."""
    one, other = tally_of(("answered", 4.0)), tally_of(("abandoned", 3.0))
    one.handle(10.0, 1.0, 2.0)
    sum_ = Tally()
    sum_ += one
    sum_ += other
    sum_ -= other
    assert sum_ == one


def test_every_figure_tells_its_definition() -> None:
    """A number whose meaning nobody can look up is argued about instead of used."""
    for figure in ALL.values():
        assert set(figure.formula) == {"en", "zh"}
        assert all(figure.formula.values())
        assert figure.version >= 1
        assert set(figure.name) == {"en", "zh"}
    assert {d["id"] for d in definitions()} >= {"service_level", "abandon_rate", "occupancy"}


def test_unknown_service_level_is_refused() -> None:
    """A typing mistake must not silently give another figure."""
    with pytest.raises(ValueError, match="kind"):
        service_level(Tally(), "optimistic")
