"""`make bench`: every benchmark, a table of each, and the figures in benchmarks/results/.

    python -m benchmarks [--quick] [--runs 3]

Absolute figures belong to one machine; the ratios between contenders that ran beside each
other are what `docs/performance.md` shows. A benchmark that cannot run here says why, the
others run all the same, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import engine_cost, figures
from callcenter.bench import show_queue, show_waiting

LIMIT_S = 1800.0
SCREENS = ("agent", "supervisor")
out = Console()


def run(title: str, module: str, *arguments: str) -> dict[str, Any] | None:
    """Run one benchmark in a process of its own; its figures, or None when it failed."""
    out.print(f"[dim]{title} …[/]", highlight=False)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        out.print(f"[red]{title}: no figures (exit status {done.returncode})[/]")
        return None
    if done.returncode != 0:
        out.print(f"[red]{title}: failed (exit status {done.returncode})[/]")
        return None
    return found


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table whose first column is text."""
    table = Table(title=title)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(f"{x:,}" if isinstance(x, int | float) else str(x) for x in row))
    out.print(table)


def engine(quick: bool) -> bool:
    """What a decision costs; fails when it costs more than it may."""
    few = ("--seconds", "0.3") if quick else ("--keep",)
    result = run("routing engine", "benchmarks.engine_cost", "--json", *few)
    if result is None:
        return False
    show(
        f"Routing engine alone, one core; at most {result['ratio']} times the cost at 10 agents",
        ("agents, queues", "waiting", "decisions/s", "p50 µs", "p99 µs"),
        [
            (
                f"{row['agents']:,}, {row['queues']:,}",
                row["waiting"],
                row["decisions_per_s"],
                row["handle_us"]["p50"],
                row["handle_us"]["p99"],
            )
            for row in result["sizes"]
        ],
    )
    return bool(result["ratio"] <= engine_cost.MOST_RATIO) and all(
        row["handle_us"]["p99"] <= engine_cost.MOST_P99_US for row in result["sizes"]
    )


def frames(quick: bool) -> bool:
    few = ("--seconds", "0.5", "--sessions", "300") if quick else ("--keep",)
    result = run("manager interface", "benchmarks.ami_frames", "--json", *few)
    if result is None:
        return False
    show(
        "Manager interface and voice sessions, per CPU second",
        ("", "ours", "plain panoramisk", "bare loop"),
        [
            ("frames", *(result["frames_per_s"][x] for x in ("ours", "panoramisk", "bare"))),
            (
                "voice sessions",
                result["agi_sessions"]["ours"]["per_cpu_s"],
                result["agi_sessions"]["panoramisk"]["per_cpu_s"],
                "–",
            ),
        ],
    )
    return True


def simulation(quick: bool) -> bool:
    """The real engine on the virtual switch: simulated calls per second."""
    calls = 5_000 if quick else 100_000
    result = run(
        "simulation",
        "callcenter",
        "simulate",
        *("--arrivals-per-hour", "200", "--handle-time-s", "180", "--agents", "12"),
        *("--calls", str(calls), "--threshold-s", "20", "--seed", "1", "--json"),
    )
    if result is None:
        return False
    result["calls_per_s"] = round(calls / result["wall_s"])
    if not quick:
        figures.keep("simulation", result)
    show(
        "Simulation: the real engine on the virtual switch",
        ("", "calls/s"),
        [(f"{calls:,} calls, 12 agents", result["calls_per_s"])],
    )
    return True


def queue(quick: bool, runs: int) -> bool:
    size = ("--calls", "30", "--runs", "1") if quick else ("--calls", "300", "--runs", str(runs))
    result = run(
        "one Asterisk: app_queue, Dial, us",
        "callcenter",
        *("bench", "queue", "--rate", "10", *size, "--json"),
    )
    if result is None:
        return False
    if not quick:
        figures.keep("queue", result)
    show_queue(result, out)
    return True


def waiting(quick: bool) -> bool:
    """What a full line costs on one Asterisk, in app_queue and with us."""
    few = ("--callers", "10", "--watch-s", "3") if quick else ()
    result = run("a full line: app_queue, us", "callcenter", "bench", "waiting", "--json", *few)
    if result is None:
        return False
    if not quick:
        figures.keep("waiting", result)
    show_waiting(result, out)
    return True


def controls(quick: bool) -> bool:
    """What each call control costs on a real Asterisk."""
    few = ("--calls", "2") if quick else ("--keep",)
    result = run("call controls", "benchmarks.call_controls", "--json", *few)
    if result is None:
        return False
    show(
        "CPU of a call with …, ms",
        ("", "our process", "Asterisk", "together"),
        [
            (
                name,
                row.get("callcenter_ms", "–"),
                row.get("asterisk_ms", "–"),
                row.get("sum_ms", "–"),
            )
            for name, row in result["paths"].items()
        ],
    )
    return not any("refused" in row for row in result["paths"].values())


def consoles(quick: bool) -> bool:
    """From the switch to the screens, with a thousand calls alive."""
    few = ("--calls", "100", "--events", "100") if quick else ("--keep",)
    result = run("events to consoles", "benchmarks.console_events", "--json", *few)
    if result is None:
        return False
    show(
        f"From the switch to the screen, {result['live_calls']} calls alive, ms",
        ("", "p50", "p99"),
        [(who, result[f"{who}_ms"]["p50"], result[f"{who}_ms"]["p99"]) for who in SCREENS],
    )
    return True


def switches(quick: bool) -> bool:
    """What a call costs our process beside one, two and four Asterisks."""
    few = ("--calls", "6") if quick else ("--keep",)
    result = run("several switches", "benchmarks.many_switches", "--json", *few)
    if result is None:
        return False
    show(
        "CPU of a call with several Asterisks, ms",
        ("switches", "our process", "all Asterisks"),
        [(str(r["switches"]), r["callcenter_ms"], r["asterisk_ms"]) for r in result["sizes"]],
    )
    return True


def webhooks(quick: bool) -> bool:
    """How fast Twilio's webhooks are answered, over real HTTP."""
    few = ("--webhooks", "300") if quick else ("--keep",)
    result = run("Twilio's webhooks", "benchmarks.twilio_webhooks", "--json", *few)
    if result is None:
        return False
    show(
        f"Twilio's webhooks, {result['per_s']} a second, ms",
        ("", "p50", "p99"),
        [
            ("all", result["ms"]["p50"], result["ms"]["p99"]),
            *((name, ms["p50"], ms["p99"]) for name, ms in result["ms_by_webhook"].items()),
        ],
    )
    return not result["failed"]


def main() -> int:
    """All of them; 0 when every one gave its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some minutes, nothing is kept")
    parser.add_argument("--runs", type=int, default=3, help="of the comparison on Asterisk")
    asked = parser.parse_args()
    quick: bool = asked.quick
    good = [
        engine(quick),
        frames(quick),
        simulation(quick),
        queue(quick, asked.runs),
        waiting(quick),
        controls(quick),
        consoles(quick),
        switches(quick),
        webhooks(quick),
    ]
    if not quick:
        out.print("The figures are in benchmarks/results/.", highlight=False)
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
