"""`callcenter staff`: how many agents each interval needs, from numbers, a forecast or the past."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from callcenter import saying
from callcenter.pastdays import moments
from callcenter.pastdays.reading import NothingToRun
from callcenter.pastdays.storage import opened_database
from callcenter.staffplan import Plan, csv_of, needed_row, picture_of, row_with, show
from config.settings import Settings
from config.site import Site
from reporting.demand import PastDemand, past_demand, past_visits
from reporting.figures import THRESHOLD_S
from reporting.staffing import Demand, Goal, agents_needed

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CALLS, GOAL = "Where the calls come from", "What is promised"
AROUND = 3  # so many agents fewer and more are shown for a single interval
MOST_ROWS = 10_000  # of a forecast
out = Console()


class BadPlan(ValueError):  # noqa: N818 - says what is wrong
    """What was asked for cannot be planned."""


def staff(
    calls: Annotated[
        float | None, typer.Option(help="Calls in one interval.", rich_help_panel=CALLS)
    ] = None,
    handle_time_s: Annotated[
        float | None,
        typer.Option(help="Mean handle time; left out: as in the past.", rich_help_panel=CALLS),
    ] = None,
    forecast: Annotated[
        Path | None,
        typer.Option(help="A CSV file: interval,calls[,handle_time_s].", rich_help_panel=CALLS),
    ] = None,
    since: Annotated[
        str, typer.Option("--from", help="From the past: first day.", rich_help_panel=CALLS)
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="From the past: last day.", rich_help_panel=CALLS)
    ] = "",
    queue: Annotated[
        str, typer.Option(help="From the past: this queue; left out: all.", rich_help_panel=CALLS)
    ] = "",
    target: Annotated[
        str,
        typer.Option(
            help="80/20: 80 % within 20 s. Left out: the queue's own, or 80/20.",
            rich_help_panel=GOAL,
        ),
    ] = "",
    patience_s: Annotated[
        float | None,
        typer.Option(help="Mean patience; 0: endless. Left out: as in the past, or endless."),
    ] = None,
    max_abandon: Annotated[
        float | None, typer.Option(help="At most so many % give up.", rich_help_panel=GOAL)
    ] = None,
    max_asa_s: Annotated[
        float | None, typer.Option(help="Highest average wait.", rich_help_panel=GOAL)
    ] = None,
    max_occupancy: Annotated[
        float | None, typer.Option(help="At most so many % busy.", rich_help_panel=GOAL)
    ] = None,
    shrinkage: Annotated[
        float, typer.Option(help="So many % of the roster are away: breaks, training, ill.")
    ] = 0.0,
    interval: Annotated[int, typer.Option(help="Minutes of an interval: 15 or 30.")] = 30,
    picture: Annotated[Path | None, typer.Option(help="Write a picture here (SVG).")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Agents needed per interval, by Erlang A, or by Erlang C when nobody gives up.

    From numbers (--calls, --handle-time-s), a forecast (--forecast) or the past (--from, --to).
    """
    asked = _Asked(target, patience_s, max_abandon, max_asa_s, max_occupancy, shrinkage, interval)
    try:
        if since or until:
            if calls is not None or forecast is not None:
                raise BadPlan("Give --calls, --forecast or --from and --to, not several of them.")
            plan = _from_the_past(asked, since, until, queue, handle_time_s)
        elif forecast is not None:
            plan = _from_a_forecast(asked, forecast, handle_time_s)
        elif calls is not None and handle_time_s is not None:
            plan = _from_numbers(asked, calls, handle_time_s)
        else:
            raise BadPlan("Give --calls and --handle-time-s, or --forecast FILE, or --from.")
        if picture is not None:
            picture.write_text(picture_of(plan), "utf-8")
    except NothingToRun as problem:
        raise saying.refuse(str(problem.args[0])) from None
    except OSError as problem:
        raise saying.refuse(f"{problem.filename}: {problem.strerror}") from None
    except ValueError as problem:
        raise saying.refuse(str(problem)) from None
    if as_json:
        print(json.dumps(asdict(plan)))
    elif as_csv:
        print(csv_of(plan), end="")
    else:
        show(plan, out)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options that every plan has. Percents are as people type them."""

    target: str
    patience_s: float | None
    max_abandon: float | None
    max_asa_s: float | None
    max_occupancy: float | None
    shrinkage: float
    minutes: int

    def goal(self, usual: tuple[float, float] = (0.8, THRESHOLD_S)) -> Goal:
        """The goal; `usual` is what holds when none is given. ValueError."""
        level, threshold_s = usual if not self.target else _target(self.target)
        return Goal(
            level,
            threshold_s,
            max_abandon_rate=_share(self.max_abandon, "--max-abandon"),
            max_asa_s=self.max_asa_s,
            max_occupancy=_share(self.max_occupancy, "--max-occupancy"),
        )

    def away(self) -> float:
        """The shrinkage as a share. ValueError."""
        if not 0 <= self.shrinkage < 100:
            raise BadPlan("--shrinkage must be at least 0 and below 100 %.")
        return self.shrinkage / 100.0

    def length_s(self) -> float:
        if self.minutes not in (15, 30):
            raise BadPlan("--interval must be 15 or 30 minutes.")
        return self.minutes * 60.0

    def patience(self, usual: float | None = None) -> float | None:
        """None for endless."""
        return usual if self.patience_s is None else self.patience_s or None


def _target(text: str) -> tuple[float, float]:
    level, _, threshold = text.partition("/")
    try:
        return float(level) / 100.0, float(threshold)
    except ValueError:
        raise BadPlan(f"--target {text}: write it like 80/20, for 80 % within 20 s.") from None


def _share(percent: float | None, name: str) -> float | None:
    if percent is None:
        return None
    if not 0 < percent <= 100:
        raise BadPlan(f"{name} is in percent: above 0, at most 100.")
    return percent / 100.0


# Where the numbers come from -----------------------------------------------------------------


def _from_numbers(asked: _Asked, calls: float, handle_s: float) -> Plan:
    """One interval, with some agents fewer and more beside what is needed."""
    goal, patience_s, length_s = asked.goal(), asked.patience(), asked.length_s()
    demand = Demand(calls, handle_s, length_s, patience_s)
    needed = agents_needed(demand, goal)
    around = range(max(1, needed - AROUND), needed + AROUND + 1) if needed else (0,)
    rows = [row_with("", "", demand, goal, asked.away(), n, needed=n == needed) for n in around]
    title = f"{calls:g} calls in {asked.minutes} min, {handle_s:g} s each"
    return Plan(title, rows, goal, asked.away(), patience_s, "")


def _from_a_forecast(asked: _Asked, file: Path, handle_s: float | None) -> Plan:
    goal, patience_s, length_s = asked.goal(), asked.patience(), asked.length_s()
    rows = []
    for number, line in _lines(file):
        try:
            calls, own_s = _number(line, 1, "calls"), _number(line, 2, "handle time", handle_s)
            demand = Demand(calls, own_s, length_s, patience_s)
        except ValueError as problem:
            raise BadPlan(f"{file}:{number}: {problem}") from None
        rows.append(needed_row("", line[0].strip(), demand, goal, asked.away()))
    if not rows:
        raise BadPlan(f"{file} has no intervals: one line each, interval,calls.")
    return Plan(f"Forecast {file.name}", rows, goal, asked.away(), patience_s, "")


def _lines(file: Path) -> Iterable[tuple[int, list[str]]]:
    """The lines that have something, but for a heading."""
    text = file.read_text("utf-8-sig")
    found = [(n, line) for n, line in enumerate(csv.reader(io.StringIO(text)), 1) if any(line)]
    if found and [cell.strip().lower() for cell in found[0][1][:2]] == ["interval", "calls"]:
        found = found[1:]
    if len(found) > MOST_ROWS:
        raise BadPlan(f"{file} has more than {MOST_ROWS} intervals.")
    return found


def _number(line: list[str], column: int, name: str, usual: float | None = None) -> float:
    """What a cell says; `usual` when it says nothing. ValueError."""
    text = line[column].strip() if column < len(line) else ""
    if not text:
        if usual is None:
            option = "; add a third column or --handle-time-s" if column == 2 else ""
            raise ValueError(f"no {name}{option}")
        return usual
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"the {name} “{text[:40]}” is no number") from None


def _from_the_past(
    asked: _Asked, since: str, until: str, queue: str, handle_s: float | None
) -> Plan:
    settings = saying.settings()
    site = saying.site(settings.site_folder)
    if queue and queue not in site.queues:
        raise BadPlan(f"There is no queue “{queue}”; there are {', '.join(site.queues)}.")
    begin, end = moments.read_range(since, until, site.time_zone)
    if begin is None:
        raise BadPlan("Give --from too: the first day to look at.")
    now = time.time()
    end = now if end is None else end
    length_s = asked.length_s()
    past = asyncio.run(_past(settings, site, begin, end, queue, asked.minutes))
    if not past.offered:
        raise BadPlan("No calls are saved in this range.")
    handle_s = handle_s or past.handle_s
    if handle_s is None:
        raise BadPlan("Nobody was answered in this range: give --handle-time-s.")
    patience_s = asked.patience(past.patience.mean_s)
    known = site.queues.get(queue)
    usual = (known.target, known.threshold_s) if known is not None else (0.8, THRESHOLD_S)
    goal = asked.goal(usual)
    rows = [
        needed_row(
            WEEKDAYS[day],
            f"{minute // 60:02}:{minute % 60:02}",
            Demand(calls, handle_s, length_s, patience_s),
            goal,
            asked.away(),
        )
        for (day, minute), calls in _busy(past).items()
    ]
    name = site.label(known.labels, site.languages[0]) if known is not None else "all queues"
    first, last = (moments.told(at, site.time_zone)[:10] for at in (begin, end - 1.0))
    basis = f"{past.offered:,} calls, {first} to {last}."
    return Plan(f"An average week, {name}", rows, goal, asked.away(), patience_s, basis)


async def _past(
    settings: Settings, site: Site, since: float, until: float, queue: str, minutes: int
) -> PastDemand:
    async with opened_database(settings) as engine:
        visits = await past_visits(engine, since, until, queue)
    return past_demand(visits, since, until, zone=site.time_zone, minutes=minutes)


def _busy(past: PastDemand) -> dict[tuple[int, int], float]:
    """Each weekday from its first to its last interval with calls."""
    found: dict[tuple[int, int], float] = {}
    for day in range(7):
        slots = [slot for slot in past.calls if slot[0] == day]
        some = [slot for slot in slots if past.calls[slot] > 0]
        if some:
            found |= {slot: past.calls[slot] for slot in slots if some[0] <= slot <= some[-1]}
    return found
