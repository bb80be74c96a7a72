"""The number of agents that an interval needs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.erlang import erlang_c
from reporting.staffing import Demand, Goal, agents_needed, expected_with, scheduled

demands = st.builds(
    Demand,
    calls=st.floats(0.5, 5000.0),
    handle_s=st.floats(20.0, 900.0),
    interval_s=st.sampled_from((900.0, 1800.0)),
    patience_s=st.one_of(st.none(), st.floats(5.0, 3600.0)),
)
goals = st.builds(
    Goal,
    level=st.floats(0.1, 0.99),
    threshold_s=st.floats(0.0, 120.0),
    max_abandon_rate=st.one_of(st.none(), st.floats(0.005, 0.3)),
    max_asa_s=st.one_of(st.none(), st.floats(0.5, 120.0)),
    max_occupancy=st.one_of(st.none(), st.floats(0.3, 0.95)),
)


@pytest.mark.parametrize(
    ("level", "agents"), [(0.38, 11), (0.64, 12), (0.79, 13), (0.80, 14), (0.88, 14), (0.9, 15)]
)
def test_the_published_table_is_answered_backwards(level: float, agents: int) -> None:
    """100 calls per half hour of 180 s each: the table of Erlang C says who reaches which level."""
    demand = Demand(calls=100, handle_s=180.0, interval_s=1800.0)
    assert agents_needed(demand, Goal(level, 20.0)) == agents


@settings(max_examples=100, deadline=None)
@given(demands, goals)
def test_the_answer_is_the_fewest_that_are_enough(demand: Demand, goal: Goal) -> None:
    """One agent less breaks the promise, the answer keeps it."""
    agents = agents_needed(demand, goal)
    kept = expected_with(demand, agents, goal)
    assert kept is not None
    assert goal.is_met_by(kept)
    less = expected_with(demand, agents - 1, goal)
    assert less is None or not goal.is_met_by(less)


@settings(max_examples=100, deadline=None)
@given(demands, st.integers(1, 800))
def test_every_agent_more_makes_every_figure_better(demand: Demand, agents: int) -> None:
    """That is what makes it right to search by halving."""
    goal = Goal()
    fewer, more = (expected_with(demand, n, goal) for n in (agents, agents + 1))
    if fewer is None:
        return
    assert more is not None
    slack = 1e-9
    assert more.service_levels["standard"] >= fewer.service_levels["standard"] - slack
    assert more.abandon_rate <= fewer.abandon_rate + slack
    assert more.mean_wait_answered_s <= fewer.mean_wait_answered_s + 1e-6
    assert more.occupancy <= fewer.occupancy + slack


@settings(max_examples=100, deadline=None)
@given(demands, goals, st.floats(1.05, 3.0))
def test_more_calls_never_need_fewer_agents(demand: Demand, goal: Goal, factor: float) -> None:
    """A busier interval is never cheaper."""
    more = Demand(demand.calls * factor, demand.handle_s, demand.interval_s, demand.patience_s)
    assert agents_needed(more, goal) >= agents_needed(demand, goal)


def test_thousands_of_agents_are_no_special_case() -> None:
    """Big houses get the same care: near the square root rule, and quickly enough for a table."""
    demand = Demand(calls=60_000, handle_s=300.0, interval_s=1800.0)  # 10,000 erlang
    agents = agents_needed(demand, Goal())
    assert 10_000 < agents < 10_000 + 2 * 10_000**0.5
    patient = Demand(60_000, 300.0, 1800.0, patience_s=120.0)
    assert agents_needed(patient, Goal(max_abandon_rate=0.02)) < agents


def test_impatient_callers_need_fewer_agents() -> None:
    """Who gives up makes room: Erlang C plans too many where people hang up."""
    goal = Goal(0.8, 20.0)
    endless = agents_needed(Demand(100, 180.0), goal)
    assert agents_needed(Demand(100, 180.0, patience_s=60.0), goal) < endless


def test_no_calls_need_nobody() -> None:
    """An empty interval is not an error."""
    assert agents_needed(Demand(0, 180.0), Goal()) == 0
    assert expected_with(Demand(0, 180.0), 3, Goal()) is None


def test_without_patience_it_is_erlang_c() -> None:
    """The two theories are chosen by what is known of the callers."""
    expected = expected_with(Demand(100, 180.0), 14, Goal())
    assert expected == erlang_c(100 / 1800, 180.0, 14, 20.0)
    assert expected_with(Demand(100, 180.0), 10, Goal()) is None


@pytest.mark.parametrize(
    ("agents", "shrinkage", "rostered"), [(14, 0.0, 14), (14, 0.3, 20), (7, 0.3, 10), (0, 0.3, 0)]
)
def test_the_roster_makes_up_for_who_is_away(agents: int, shrinkage: float, rostered: int) -> None:
    """Breaks, training and illness: ten on the roster are seven at the desk."""
    assert scheduled(agents, shrinkage) == rostered


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Demand(-1, 180.0),
        lambda: Demand(float("nan"), 180.0),
        lambda: Demand(10, 0.0),
        lambda: Demand(10, 180.0, 0.0),
        lambda: Demand(10, 180.0, patience_s=0.0),
        lambda: Goal(1.0),
        lambda: Goal(None),
        lambda: Goal(0.8, -1.0),
        lambda: Goal(0.8, max_occupancy=0.0),
        lambda: scheduled(3, 1.0),
        lambda: agents_needed(Demand(1e9, 600.0), Goal()),
    ],
)
def test_what_cannot_be_is_refused(wrong: object) -> None:
    """A plan for nonsense would be believed."""
    assert callable(wrong)
    with pytest.raises(ValueError, match=r"must|cannot|needs|more than"):
        wrong()
