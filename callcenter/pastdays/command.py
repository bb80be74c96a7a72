"""`callcenter replay`: real days again, to the same decisions or under other circumstances."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from acd.site import Site as RoutingSite
from callcenter import saying
from callcenter.pastdays import moments, tables
from callcenter.pastdays.observed import Observed, observe
from callcenter.pastdays.reading import NothingToRun, Rerun, extent, start_before
from callcenter.pastdays.same import Comparison, compare
from callcenter.pastdays.storage import opened_journal
from callcenter.pastdays.whatif import CannotCompare, SideBySide, changed, compare_sites
from callcenter.siteview import SiteView, wall_clock
from config.settings import Settings
from config.site import Site
from storage.journal import Journal

WHAT_IF = "What if (the same callers and shifts, simulated)"
out = Console()


def replay(
    since: Annotated[
        str,
        typer.Option(
            "--from", help="Date, or date and time (of the site); left out: the earliest."
        ),
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Date (that day included), or date and time; left out: now.")
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(help="Another site's folder.", rich_help_panel=WHAT_IF),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AGENT", help="This agent had not been there.", rich_help_panel=WHAT_IF
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NEW=AGENT",
            help="One more, with the skills and shifts of AGENT.",
            rich_help_panel=WHAT_IF,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(min=1, max=100, help="Simulations of each side.", rich_help_panel=WHAT_IF),
    ] = 5,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Differences to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run real days again, from the journal; every decision must be the same (else exit code 1).

    With --config, --without or --add: what the same callers would have met, side by side.
    """
    settings = saying.settings()
    site = saying.site(settings.site_folder)
    other = None if config is None else saying.site(config)
    zone = site.time_zone
    try:
        begin, end = moments.read_range(since, until, zone)
        if config is None and not without and not add:
            _show_same(asyncio.run(_same(settings, zone, begin, end, most)), zone, as_json)
            return
        asked = _WhatIf(settings, site, other, without or [], _pairs(add or ()), seeds, most)
        sides = asyncio.run(asked.sides(begin, end))
    except (NothingToRun, moments.BadRange, CannotCompare) as problem:
        raise saying.refuse(_explained(problem, zone)) from None
    if as_json:
        print(json.dumps(tables.sides_as_json(sides, zone)))
    else:
        view = SiteView(lambda: site)
        tables.show_sides(sides, zone, view.name_of, asked.title(config), out)


def _show_same(found: Comparison, zone: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        tables.show_comparison(found, zone, out)
    if found.differences:
        raise SystemExit(1)


async def _same(
    settings: Settings, zone: str, since: float | None, until: float | None, most: int
) -> Comparison:
    async with opened_journal(settings) as journal:
        start = await start_before(journal, since)
        with _moving(zone, start.at, until) as progress:
            began = time.perf_counter()
            found = await compare(
                Rerun(journal, start),
                until=until if until is not None else float("inf"),
                most=most,
                clock=partial(wall_clock, zone),
                progress=progress,
            )
            found.took_s = time.perf_counter() - began
        if found.last_at is None or (since is not None and found.last_at < since):
            raise await _nothing(journal, zone)
    return found


@dataclass(frozen=True, slots=True)
class _WhatIf:
    """The question: what is to be otherwise."""

    settings: Settings
    site: Site
    other: Site | None
    without: Sequence[str]
    add: Mapping[str, str]
    seeds: int
    most: int

    def title(self, config: Path | None) -> str:
        """What the other side is, in a word or two."""
        parts = [str(config)] if config is not None else []
        parts += [f"without {one}" for one in self.without]
        parts += [f"with {one}" for one in self.add]
        return ", ".join(parts)

    async def sides(self, since: float | None, until: float | None) -> SideBySide:
        """Read the days, then simulate them with every seed."""
        zone, view = self.site.time_zone, SiteView(lambda: self.site)
        async with opened_journal(self.settings) as journal:
            start = await start_before(journal, since)
            ends = await extent(journal)
            last = ends[1] + 0.001 if ends is not None else 0.0
            with _moving(zone, start.at, until) as progress:
                day = await observe(
                    Rerun(journal, start),
                    since,
                    last if until is None else min(until, last),
                    view.limits,
                    progress,
                )
            if day is None:
                raise await _nothing(journal, zone)
        with _counting(2 * self.seeds) as progress_of_runs:
            return compare_sites(
                day,
                self._changed(day),
                view.limits,
                shifts=self.add,
                seeds=range(1, self.seeds + 1),
                most=self.most,
                progress=progress_of_runs,
            )

    def _changed(self, day: Observed) -> RoutingSite:
        base = day.site if self.other is None else self.other.routing()
        return changed(base, without=self.without, add=self.add)


def _pairs(given: Iterable[str]) -> dict[str, str]:
    found = {}
    for text in given:
        new, _, like = text.partition("=")
        if not new or not like:
            raise CannotCompare(f"--add {text}: write NEW=AGENT, such as extra=anna.")
        found[new] = like
    return found


async def _nothing(journal: Journal, zone: str) -> NothingToRun:
    ends = await extent(journal)
    told = [] if ends is None else [moments.told(at, zone) for at in ends]
    what = f"; it has {told[0]} to {told[1]}" if told else ""
    return NothingToRun(f"The journal has nothing in this range{what}.", None)


def _explained(problem: Exception, zone: str) -> str:
    """What is wrong; where the journal begins, if that is what it is about."""
    message, *more = problem.args
    if more and more[0] is not None:
        return f"{message} The earliest that can be run again is {moments.told(more[0], zone)}."
    return str(message)


@contextlib.contextmanager
def _moving(
    zone: str, since: float | None, until: float | None
) -> Iterator[Callable[[float], None]]:
    """A progress bar that shows the moment that has been reached."""
    until = until or time.time()
    with _bar() as bar:
        task = bar.add_task("reading the journal", total=None)

        def moved(at: float) -> None:
            began = at if since is None else since
            total = until - began if since is not None else None
            bar.update(task, description=moments.told(at, zone), total=total, completed=at - began)

        yield moved


@contextlib.contextmanager
def _counting(total: int) -> Iterator[Callable[[int], None]]:
    with _bar() as bar:
        task = bar.add_task("simulating", total=total)
        yield lambda done: bar.update(task, completed=done)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
