"""`callcenter bench …`: the benchmarks that need a real Asterisk."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from callcenter.benching.consoles import ConsoleFailed
from callcenter.benching.queue import BenchFailed, Plan, bench_queue
from callcenter.benching.sipp import SippFailed
from callcenter.benching.waiting import bench_waiting
from cti.asterisk.install import AsteriskUnavailable
from cti.asterisk.server import AsteriskFailed
from cti.debian import Progress

app = typer.Typer(help="Measure this machine, side by side with what others would use.")
_says = Console(stderr=True)

WAITING_ROWS = (
    ("music alone (the floor)", ("music",)),
    ("Asterisk with app_queue", ("app_queue",)),
    ("Asterisk under us", ("asterisk",)),
    ("our process", ("callcenter",)),
    ("both together", ("asterisk", "callcenter")),
)


@app.callback()
def bench() -> None:
    """Measure this machine, side by side with what others would use."""


@app.command()
def queue(
    calls: Annotated[int, typer.Option(min=1, max=20_000, help="Calls of each contender.")] = 300,
    rate: Annotated[float, typer.Option(min=0.1, max=200, help="Calls per second.")] = 10.0,
    hold_s: Annotated[float, typer.Option(min=1.0, max=120, help="How long a call lasts.")] = 2.0,
    runs: Annotated[int, typer.Option(min=1, max=20, help="Repeat; medians are shown.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """On one Asterisk: its own queue, a bare Dial, and this call center, with the same calls."""
    plan = Plan(calls=calls, rate=rate, hold_s=hold_s)
    result = _run(lambda: bench_queue(plan, runs=runs, step=_step, progress=_progress))
    if as_json:
        print(json.dumps(result))
    else:
        show_queue(result, Console())
    if result["failed_calls"]:
        _says.print(f"[red]{result['failed_calls']} calls failed: {result['failed']}[/]")
        raise SystemExit(1)


@app.command()
def waiting(
    callers: Annotated[
        list[int] | None,
        typer.Option(min=1, max=900, help="Callers who wait, and agents; may be given again."),
    ] = None,
    watch_s: Annotated[float, typer.Option(min=1.0, max=300, help="How long they wait.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """On one Asterisk: what a full line costs in its own queue and in this call center."""
    sizes = tuple(callers or (10, 100, 300))
    result = _run(lambda: bench_waiting(sizes, watch_s=watch_s, step=_step, progress=_progress))
    if as_json:
        print(json.dumps(result))
    else:
        show_waiting(result, Console())


def _run(measure: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """The figures; or the end, with a word why there are none."""
    try:
        return asyncio.run(_interruptible(measure))
    except (BenchFailed, SippFailed, ConsoleFailed, AsteriskUnavailable, AsteriskFailed) as error:
        _says.print(f"[red]{error}[/]", highlight=False)
        raise SystemExit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        _says.print("Stopped; nothing is left running.")
        raise SystemExit(130) from None


async def _interruptible(
    measure: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
) -> dict[str, Any]:
    """SIGTERM ends it like Ctrl-C: in order, with every process stopped."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await measure()


def _step(what: str) -> None:
    _says.print(f"[dim]{what} …[/]", highlight=False)


def _progress(progress: Progress) -> None:
    if not progress.total:
        _step(progress.step)


def show_queue(result: dict[str, Any], out: Console) -> None:
    """The figures as tables for people."""
    cpu = result["cpu_ms_per_call"]
    table = Table(title=f"CPU per call, {result['calls']} calls at {result['rate']:g}/s")
    for column in ("", "ms", "× app_queue"):
        table.add_column(column, justify="left" if not column else "right")
    for label, name in (
        ("Asterisk with app_queue", "app_queue"),
        ("Asterisk under us", "asterisk"),
        ("our process", "callcenter"),
        ("both together", "sum"),
        ("bare Dial (the floor)", "dial_floor"),
    ):
        ratio = cpu[name] / cpu["app_queue"] if cpu["app_queue"] else float("nan")
        table.add_row(label, f"{cpu[name]:.2f}", f"{ratio:.2f}")
    out.print(table)
    times = Table(title="Delays in milliseconds")
    for column in ("", "median", "p99", "longest"):
        times.add_column(column, justify="left" if not column else "right")
    for label, name in (
        ("caller waits → phone rings, ours", "wait_to_ring_ms"),
        ("caller waits → phone rings, app_queue", "app_queue_wait_to_ring_ms"),
        ("offer → record on the agent's screen", "offer_to_record_ms"),
    ):
        row = result[name]
        cells = ["–" if row[key] is None else f"{row[key]:.1f}" for key in ("p50", "p99", "max")]
        times.add_row(label, *cells)
    out.print(times)


def show_waiting(result: dict[str, Any], out: Console) -> None:
    """The figures as a table for people."""
    table = Table(title="CPU of a full line, in milliseconds")
    for column in ("callers, agents", "", "a second of waiting", "a call connected"):
        table.add_column(column, justify="left" if not column else "right")
    for row in result["sizes"]:
        for label, names in WAITING_ROWS:
            costs = [row[name] for name in names]
            per_s = sum(cost["waiting_ms_per_s"] for cost in costs)
            per_call = sum(cost["connected_ms_per_call"] for cost in costs)
            connected = f"{per_call:.2f}" if names != ("music",) else "–"
            table.add_row(str(row["callers"]), label, f"{per_s:.2f}", connected)
    out.print(table)
