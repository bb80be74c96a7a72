"""`callcenter seeds`: random days with faults, each one repeatable (`callcenter.randomdays`)."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from callcenter.randomdays.day import Day, Violation
from callcenter.randomdays.many import Played, explain, play_many
from callcenter.randomdays.plan import plan_of
from callcenter.randomdays.shrinking import shrink
from callcenter.randomdays.story import line

_MOST_SHOWN = 3  # violations that are explained: each takes some hundred days to make small


def seeds(
    first: Annotated[int, typer.Argument(min=0, help="The seed, or the first one.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes that play them.")] = 1,
    small: Annotated[
        bool, typer.Option("--shrink", help="Of one seed: make the day small that breaks a rule.")
    ] = False,
) -> None:
    """Play random days under every invariant: one with each step printed, or many."""
    if count > 1:
        _many(range(first, first + count), workers)
    elif small:
        _small(first)
    else:
        _one(first)


def _one(seed: int) -> None:
    try:
        outcome = Day(plan_of(seed), trace=lambda at, what: print(line(at, what))).run()
    except Violation as violation:
        print(violation)
        raise SystemExit(1) from None
    for name, times in sorted(outcome.met.items()):
        print(f"{times:6}  {name}")
    print(f"seed {seed}: {outcome.steps} steps, no violation")


def _small(seed: int) -> None:
    found = shrink(plan_of(seed))
    if found is None:
        print(f"seed {seed}: no violation")
        return
    print(found)
    raise SystemExit(1)


def _many(wanted: range, workers: int) -> None:
    total = Played()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("days", total=len(wanted))
        for played in play_many(wanted, workers=workers):
            total += played
            bar.update(
                task,
                completed=total.days,
                description=f"days, {len(total.violations)} violations",
            )
    for name, times in sorted(total.met.items()):
        print(f"{times:8} in {total.in_days[name]:6} days  {name}")
    for violation in total.violations[:_MOST_SHOWN]:
        print(explain(violation), end="\n\n")
    for violation in total.violations[_MOST_SHOWN:]:
        print(violation, end="\n\n")
    print(f"{total.days} days, {total.steps} steps, {len(total.violations)} violations")
    if total.violations:
        raise SystemExit(1)
