"""A plan of agents by interval: its rows, and how people, spreadsheets and pictures get it."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reporting.chart import Legend, Panel, svg
from reporting.staffing import Demand, Goal, agents_needed, expected_with, scheduled


@dataclass(frozen=True, slots=True)
class Row:
    """One interval of the plan. Shares are between 0 and 1; None where there are no calls.

    `agents` are at work at any time, `scheduled` on the roster.
    """

    day: str  # a weekday, or ""
    interval: str  # its begin, as "09:30", or as the forecast has it
    calls: float
    handle_time_s: float
    agents: int
    scheduled: int
    service_level: float | None
    abandon_rate: float | None
    asa_s: float | None
    occupancy: float | None
    needed: bool = True  # False: shown for comparison


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed, and what it was reckoned from."""

    title: str
    rows: list[Row]
    goal: Goal
    shrinkage: float
    patience_s: float | None
    basis: str


def needed_row(day: str, interval: str, demand: Demand, goal: Goal, away: float) -> Row:
    """The interval with the agents that it needs, when the share `away` of the roster is away."""
    return row_with(day, interval, demand, goal, away, agents_needed(demand, goal))


def row_with(
    day: str,
    interval: str,
    demand: Demand,
    goal: Goal,
    away: float,
    agents: int,
    *,
    needed: bool = True,
) -> Row:
    """The interval with so many agents."""
    expected = expected_with(demand, agents, goal)
    return Row(
        day,
        interval,
        demand.calls,
        demand.handle_s,
        agents,
        scheduled(agents, away),
        None if expected is None else expected.service_levels["standard"],
        None if expected is None else expected.abandon_rate,
        None if expected is None else expected.mean_wait_answered_s,
        None if expected is None else expected.occupancy,
        needed,
    )


# Out -----------------------------------------------------------------------------------------


def show(plan: Plan, console: Console) -> None:
    """The plan as a table, with what it promises and was reckoned from."""
    dated, single = any(row.day for row in plan.rows), not all(row.needed for row in plan.rows)
    table = Table(title=escape(plan.title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    if dated:
        table.add_column("day", no_wrap=True)
    if not single:
        table.add_column("interval", no_wrap=True)
    numbers = () if single else ("calls", "AHT, s")
    roster = ("roster",) if plan.shrinkage else ()
    figures = ("service\nlevel", "abandons", "ASA, s", "occupancy")
    for title in (*numbers, "agents", *roster, *figures):
        table.add_column(title, justify="right", no_wrap=True)
    before = ""
    for row in plan.rows:
        cells = [row.day if row.day != before else ""] if dated else []
        before = row.day
        if not single:
            calls = f"{row.calls:.1f}".removesuffix(".0")
            cells += [escape(row.interval), calls, f"{row.handle_time_s:.0f}"]
        cells += [str(row.agents), str(row.scheduled)] if roster else [str(row.agents)]
        if row.service_level is None:
            cells += ["–", "–", "–", "–"] if row.calls == 0 else ["the line grows for ever"]
        else:
            cells += [_percent(row.service_level), _percent(row.abandon_rate)]
            cells += [f"{row.asa_s:.1f}", _percent(row.occupancy)]
        style = "bold" if single and row.needed else "dim" if single else ""
        table.add_row(*cells, style=style)
    console.print(table)
    for line in (_promise(plan), plan.basis):
        if line:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}".replace("%", " %")


def _promise(plan: Plan) -> str:
    goal = plan.goal
    said = []
    if goal.level is not None:
        said.append(f"{goal.level * 100:g} % within {goal.threshold_s:g} s")
    if goal.max_abandon_rate is not None:
        said.append(f"at most {goal.max_abandon_rate * 100:g} % give up")
    if goal.max_asa_s is not None:
        said.append(f"ASA at most {goal.max_asa_s:g} s")
    if goal.max_occupancy is not None:
        said.append(f"occupancy at most {goal.max_occupancy * 100:g} %")
    theory = "Erlang C: nobody gives up"
    if plan.patience_s is not None:
        theory = f"Erlang A: mean patience {plan.patience_s:.0f} s"
    away = f"; {plan.shrinkage * 100:g} % of the roster away" if plan.shrinkage else ""
    return f"Goal: {', '.join(said)}{away}. {theory}."


def csv_of(plan: Plan) -> str:
    """One line per interval; shares as decimals, empty for "not defined"."""
    names = [name for name in asdict(plan.rows[0]) if name != "needed"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({k: _cell(v) for k, v in asdict(row).items()} for row in plan.rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def picture_of(plan: Plan) -> str:
    """The plan as SVG: agents by interval, or the service level by number of agents."""
    if not all(row.needed for row in plan.rows):
        return _picture_of_one(plan)
    title = f"{plan.title}: agents needed"
    panels = []
    for day in dict.fromkeys(row.day for row in plan.rows):
        rows = [row for row in plan.rows if row.day == day]
        panels.append(
            Panel(
                day,
                [row.interval for row in rows],
                [row.agents for row in rows],
                [row.scheduled for row in rows] if plan.shrinkage else (),
                [row.calls for row in rows],
            )
        )
    on_roster = "on the roster" if plan.shrinkage else ""
    return svg(title, panels, Legend("agents", "interval", on_roster, "calls"))


def _picture_of_one(plan: Plan) -> str:
    rows = plan.rows
    needed = next(number for number, row in enumerate(rows) if row.needed)
    panel = Panel(
        "",
        [str(row.agents) for row in rows],
        [None if row.service_level is None else 100.0 * row.service_level for row in rows],
        line=[row.asa_s for row in rows],
        marked=needed,
    )
    legend = Legend("service level, %", "agents", line="ASA, s", marked="needed")
    return svg(plan.title, [panel], legend)
