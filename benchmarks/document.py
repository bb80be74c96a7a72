"""Writes the figures of `benchmarks/results/` into `docs/performance.md`, between its markers.

python -m benchmarks.document
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks import figures
from callcenter.bench import WAITING_ROWS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"


def table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def queue() -> str:
    """The comparison on one Asterisk."""
    kept = figures.kept("queue")
    cpu, ring = kept["cpu_ms_per_call"], kept["wait_to_ring_ms"]
    theirs, record = kept["app_queue_wait_to_ring_ms"], kept["offer_to_record_ms"]
    base = cpu["app_queue"]
    names = (
        ("Asterisk's own app_queue", "app_queue"),
        ("Asterisk under us", "asterisk"),
        ("our process", "callcenter"),
        ("Asterisk and ours together", "sum"),
        ("a bare Dial (the floor)", "dial_floor"),
    )
    text = table(
        ("CPU per call", "ms", "ratio to app_queue"),
        [(name, cpu[key], f"{cpu[key] / base:.2f}") for name, key in names],
    )
    text += "\n" + table(
        ("delay", "p50 ms", "p99 ms"),
        [
            ("caller waits → phone rings, ours", ring["p50"], ring["p99"]),
            ("caller waits → phone rings, app_queue", theirs["p50"], theirs["p99"]),
            ("offer → record on the agent's websocket", record["p50"], record["p99"]),
        ],
    )
    machine = kept["machine"]
    return text + (
        f"\nMedians of {kept['runs']} × {kept['calls']} calls at {kept['rate']:g}/s; "
        f"{kept['failed_calls']} calls failed; {machine['cores']} cores, load average "
        f"{machine['load_1m']} at the start.\n"
    )


def waiting() -> str:
    """A full line, in app_queue and with us."""
    kept = figures.kept("waiting")
    rows = [
        (
            size["callers"],
            label,
            round(sum(size[name]["waiting_ms_per_s"] for name in names), 2),
            "" if names == ("music",) else sum(size[n]["connected_ms_per_call"] for n in names),
        )
        for size in kept["sizes"]
        for label, names in WAITING_ROWS
    ]
    head = ("callers, agents", "", "ms per second of waiting", "ms per call connected")
    machine = kept["machine"]
    return table(head, rows) + (
        f"\n{machine['cores']} cores, load average {machine['load_1m']} at the end.\n"
    )


def engine() -> str:
    """What a decision costs."""
    kept = figures.kept("engine_cost")
    text = table(
        ("agents", "queues", "callers waiting", "decisions/s", "p50 µs", "p99 µs"),
        [
            (
                f"{size['agents']:,}",
                f"{size['queues']:,}",
                f"{size['waiting']:,}",
                f"{size['decisions_per_s']:,}",
                size["handle_us"]["p50"],
                size["handle_us"]["p99"],
            )
            for size in kept["sizes"]
        ],
    )
    memory = kept["memory"]
    return text + (
        f"\nA decision at 10,000 agents costs at most {kept['ratio']} times one at 10. "
        f"An agent takes {memory['agent_bytes']:,} bytes, a waiting call "
        f"{memory['waiting_call_bytes']:,}.\n"
    )


def frames() -> str:
    """Reading AMI and serving FastAGI."""
    kept = figures.kept("ami_frames")
    rate, ratio, agi = kept["frames_per_s"], kept["ratio"], kept["agi_sessions"]
    return table(
        ("", "ours", "panoramisk 1.4", "bare parser", "ours to panoramisk"),
        [
            (
                "AMI frames/s",
                f"{rate['ours']:,}",
                f"{rate['panoramisk']:,}",
                f"{rate['bare']:,}",
                ratio["frames_ours_to_panoramisk"],
            ),
            (
                "FastAGI sessions per CPU second",
                f"{agi['ours']['per_cpu_s']:,}",
                f"{agi['panoramisk']['per_cpu_s']:,}",
                "",
                ratio["sessions_ours_to_panoramisk"],
            ),
        ],
    )


def simulation() -> str:
    """The simulator's pace."""
    kept = figures.kept("simulation")
    return (
        f"{kept['calls_per_cpu_s']:,.0f} calls per CPU second ({kept['offered']:,} calls); "
        f"service level {kept['service_level']['standard']:.4f}, "
        f"P(wait) {kept['probability_of_wait']:.4f}.\n"
    )


PATHS = {
    "plain": "the conversation alone",
    "hold": "hold and retrieve",
    "blind_transfer": "blind transfer",
    "consult_and_complete": "consultation, completed",
    "conference": "conference of three",
    "recording": "recording",
    "supervision": "a supervisor listens",
}


def call_controls() -> str:
    """What each call control costs."""
    kept = figures.kept("call_controls")
    rows = [
        (PATHS[name], row["callcenter_ms"], row["asterisk_ms"], row["sum_ms"])
        for name, row in kept["paths"].items()
        if "refused" not in row
    ]
    text = table(("a call with …", "our process ms", "Asterisk ms", "together ms"), rows)
    return text + f"\n{kept['calls']} calls each, {kept['lasts_s']:g} s of sound both ways.\n"


def console_events() -> str:
    """From the switch to the screens."""
    kept = figures.kept("console_events")
    rows = [
        (name, kept[key]["p50"], kept[key]["p99"])
        for name, key in (
            ("the agent's own screen", "agent_ms"),
            ("the supervisor's, who sees all", "supervisor_ms"),
        )
    ]
    text = table(("switch's word → screen", "p50 ms", "p99 ms"), rows)
    return text + (
        f"\n{kept['events']} events at {kept['rate']:g}/s, {kept['live_calls']} calls alive, "
        f"{kept['consoles']} consoles open.\n"
    )


def many_switches() -> str:
    """One process on one, two and four Asterisks."""
    kept = figures.kept("many_switches")
    rows = [(r["switches"], r["callcenter_ms"], r["asterisk_ms"]) for r in kept["sizes"]]
    text = table(("Asterisks", "our process, ms per call", "all Asterisks, ms per call"), rows)
    return text + f"\n{kept['calls']} calls each, spread over the switches.\n"


def twilio_webhooks() -> str:
    """How fast Twilio is answered."""
    kept = figures.kept("twilio_webhooks")
    rows = [("all", kept["ms"]["p50"], kept["ms"]["p99"])]
    rows += [(name, ms["p50"], ms["p99"]) for name, ms in kept["ms_by_webhook"].items()]
    return table(("webhook", "p50 ms", "p99 ms"), rows) + (
        f"\n{kept['webhooks']} webhooks of {kept['calls']} calls, {kept['per_s']:g} a second; "
        f"{kept['failed']} failed. {kept['cpu_ms_per_webhook']} ms of CPU each, "
        f"{kept['cpu_ms_per_call']} ms a call.\n"
    )


NEWER = (waiting, call_controls, console_events, many_switches, twilio_webhooks)
PARTS = (queue, engine, frames, simulation, *NEWER)


def main() -> None:
    """Fill every marked place of the page; one without a kept result stays as it is."""
    page = PAGE.read_text(encoding="utf-8")
    for part in PARTS:
        if part in NEWER and not figures.is_kept(part.__name__):
            continue
        name = part.__name__
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        page = re.sub(pattern, rf"\g<1>{part()}\g<2>", page, flags=re.DOTALL)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
