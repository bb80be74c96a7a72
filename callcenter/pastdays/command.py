"""`callcenter replay`: real days again, to the same decisions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from callcenter import saying
from callcenter.pastdays import moments
from callcenter.pastdays.reading import NothingToRun, Rerun, extent, start_before
from callcenter.pastdays.same import Comparison, compare
from callcenter.siteview import wall_clock
from config.check import ConfigErrors, load_site
from config.settings import Settings
from storage.database import open_engine
from storage.journal import Journal

out = Console()


def replay(
    since: Annotated[
        str, typer.Option("--from", help="Date, or date and time; left out: the earliest.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Date (that day included), or date and time; left out: now.")
    ] = "",
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Differences to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run real days again: every decision must be the same. Dates are of the site's time zone."""
    settings = saying.settings()
    try:
        zone = load_site(settings.site_folder).time_zone
        begin, end = moments.read_range(since, until, zone)
        found = asyncio.run(_compare(settings, zone, begin, end, most))
    except ConfigErrors as errors:
        saying.show_mistakes(errors)
        raise SystemExit(2) from None
    except (NothingToRun, moments.BadRange) as problem:
        raise saying.refuse(_explained(problem, zone)) from None
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        show_comparison(found, zone)
    raise SystemExit(1 if found.differences else 0)


async def _compare(
    settings: Settings, zone: str, since: float | None, until: float | None, most: int
) -> Comparison:
    async with opened_journal(settings) as journal:
        start = await start_before(journal, since)
        with moving(zone, start.at, until) as progress:
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


async def _nothing(journal: Journal, zone: str) -> NothingToRun:
    ends = await extent(journal)
    told = [] if ends is None else [moments.told(at, zone) for at in ends]
    what = f"; it has {told[0]} to {told[1]}" if told else ""
    return NothingToRun(f"The journal has nothing in this range{what}.", None)


@contextlib.asynccontextmanager
async def opened_journal(settings: Settings) -> AsyncIterator[Journal]:
    """The journal of this installation, for reading only: it may be in use. `NothingToRun`."""
    engine = open_database(settings)
    where = engine.url.render_as_string(hide_password=True)
    try:
        yield Journal(engine)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        why = str(getattr(error, "orig", None) or error)
        raise NothingToRun(f"There is no journal in {where}: {why}", None) from None
    finally:
        await engine.dispose()


def open_database(settings: Settings) -> Any:
    """The database of this installation. `NothingToRun` when there is none."""
    url = sa.engine.make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise NothingToRun(
            f"There is no database {url.database}. CALLCENTER_VAR (or CALLCENTER_DATABASE_URL) "
            "says where the call center keeps it.",
            None,
        )
    return open_engine(settings.database)


@contextlib.contextmanager
def moving(zone: str, since: float | None, until: float | None) -> Any:
    """A progress bar that shows the moment that has been reached."""
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading the journal", total=None)
        yield partial(_moved, bar, task, zone, since, until or time.time())


def _moved(
    bar: Progress, task: TaskID, zone: str, since: float | None, until: float, at: float
) -> None:
    total = until - since if since is not None else None
    done = at - since if since is not None else 0.0
    bar.update(task, description=moments.told(at, zone), total=total, completed=done)


def _explained(problem: Exception, zone: str) -> str:
    """What is wrong; where the journal begins, if that is what it is about."""
    message, *more = problem.args
    if more and more[0] is not None:
        return f"{message} The earliest that can be run again is {moments.told(more[0], zone)}."
    return str(message)


def show_comparison(found: Comparison, zone: str, console: Console = out) -> None:
    """For people: what was compared, and the first differences."""
    say: Callable[[str], None] = partial(
        console.print, highlight=False, markup=False, soft_wrap=True
    )
    assert found.first_at is not None
    assert found.last_at is not None
    span = f"{moments.told(found.first_at, zone)} to {moments.told(found.last_at, zone)}"
    say(
        f"{span} ({zone}): {found.facts:,} facts, {found.decisions:,} decisions, "
        f"run again in {found.took_s:.1f} s."
    )
    if found.cut_off:
        say(f"{found.cut_off} of the last decisions are not in the journal (yet).")
    if not found.differences:
        console.print("[green]Every decision is the same.[/]", highlight=False)
        return
    what = "fact was" if found.differences == 1 else "facts were"
    first = f"the first {len(found.first)}" if len(found.first) < found.differences else "all"
    console.print(
        f"[red]{found.differences:,} {what} decided upon otherwise[/]; {first}:", highlight=False
    )
    for one in found.first:
        say(f"\n{moments.told(one.at, zone)}  {one.fact} {one.call}  (entry {one.seq})")
        for then in one.then or ["nothing"]:
            say(f"  then  {then}")
        for now in one.now or ["nothing"]:
            say(f"  now   {now}")
    if found.differences > 1:
        say("\nWhat comes after the first may differ because of it.")
