"""What `callcenter replay` found, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from acd import decisions as d
from callcenter.pastdays import moments
from callcenter.pastdays.again import Habits, Offered
from callcenter.pastdays.figures import Figures
from callcenter.pastdays.same import Comparison, reason_told
from callcenter.pastdays.whatif import Parting, SideBySide, Spread
from callcenter.siteview import wall_clock

ALL = ""
ROWS = (
    ("offered", "offered", "count"),
    ("service_level", "service level", "share"),
    ("abandon_rate", "abandon rate", "share"),
    ("asa_s", "ASA, s", "s"),
    ("aht_s", "AHT, s", "s"),
    ("occupancy", "occupancy", "share"),
    ("longest_wait_s", "longest wait, s", "s"),
    ("flowed_out", "flowed out", "count"),
    ("turned_away", "turned away", "count"),
)
_RARE = ("flowed_out", "turned_away")  # not shown where it never happens
MUCH = {"service_level": 0.05, "abandon_rate": 0.03}  # a model that is further off is doubtful
NameOf = Callable[[str, str], str]


def _sayer(console: Console) -> Callable[[str], None]:
    return partial(console.print, highlight=False, markup=False, soft_wrap=True)


def show_comparison(found: Comparison, zone: str, console: Console) -> None:
    """What was compared, and the first differences."""
    say = _sayer(console)
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
    shown = len(found.first)
    first = "the first" if shown == 1 else f"the first {shown}"
    more = f"; {first}:" if shown < found.differences else ":"
    console.print(
        f"[red]{found.differences:,} {what} decided upon otherwise[/]{more}", highlight=False
    )
    for one in found.first:
        say(f"\n{moments.told(one.at, zone)}  {one.fact} {one.call}  (entry {one.seq})")
        for then in one.then or ["nothing"]:
            say(f"  then  {then}")
        for now in one.now or ["nothing"]:
            say(f"  now   {now}")
    if found.differences > 1:
        say("\nWhat comes after the first may differ because of it.")


# Under other circumstances -------------------------------------------------------------------


def show_sides(sides: SideBySide, zone: str, name_of: NameOf, other: str, console: Console) -> None:
    """Really, simulated, and under the other configuration, side by side; and what parts them."""
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("", no_wrap=True)
    for title in ("really", "simulated", escape(other)):
        table.add_column(title, justify="right", no_wrap=True)
    for queue in sides.really | sides.other:
        name = "all" if queue == ALL else name_of("queue", queue)
        table.add_row(f"[bold]{escape(name)}[/]")
        for row in _rows(sides, queue):
            table.add_row(*row)
    console.print(table)
    say = _sayer(console)
    say(
        f"\nSimulated: the mean of {sides.seeds} seeds (lowest–highest). ASA: average speed of "
        "answer; AHT: average handle time."
    )
    for doubt in _doubts(sides):
        console.print(f"[yellow]{doubt}[/]", highlight=False, soft_wrap=True)
    say(_patience_told(sides.habits, name_of))
    if sides.left_out:
        say(f"Left out of the simulations: callbacks that were promised before, {sides.left_out}.")
    if sides.idle:
        who = ", ".join(name_of("agent", one) for one in sides.idle)
        say(f"Not there on these days: {who}. Give a shift with --add {sides.idle[0]}=AGENT.")
    if not sides.partings:
        say("No caller was served differently.")
        return
    say("\nThe first callers who are served differently:")
    for one in sides.partings:
        for line in _parting_told(one, zone, name_of):
            say(line)


def _rows(sides: SideBySide, queue: str) -> Iterator[tuple[str, ...]]:
    really = sides.really.get(queue)
    present, other = sides.present.get(queue, {}), sides.other.get(queue, {})
    for field, title, unit in ROWS:
        value = getattr(really, field) if really is not None else None
        spreads = [side.get(field) for side in (present, other)]
        if field in _RARE and not value and not any(one and one.high for one in spreads):
            continue
        yield (f"  {title}", _number(value, unit), *(_spread(one, unit) for one in spreads))


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "share":
        return f"{value:.1%}".replace("%", " %")
    return f"{value:,.1f}" if unit == "s" else f"{value:,.0f}"


def _spread(spread: Spread | None, unit: str) -> str:
    if spread is None or spread.mean is None:
        return "–"
    mean, low, high = (_number(v, unit) for v in (spread.mean, spread.low, spread.high))
    return mean if low == high else f"{mean} ({low.removesuffix(' %')}–{high.removesuffix(' %')})"


def _doubts(sides: SideBySide) -> Iterator[str]:
    """Where the simulation of what really was is not what really was."""
    really: Figures = sides.really[ALL]
    for field, title, unit in ROWS:
        value, spread = getattr(really, field), sides.present.get(ALL, {}).get(field)
        if field not in MUCH or value is None or spread is None or spread.mean is None:
            continue
        if abs(spread.mean - value) > MUCH[field]:
            yield (
                f"Doubtful: the {title} really was {_number(value, unit)}, simulated it is "
                f"{_number(spread.mean, unit)}. The last column may be as far off."
            )


def _patience_told(habits: Habits, name_of: NameOf) -> str:
    told = []
    for queue, found in habits.patience.items():
        name = "all" if queue == ALL else name_of("queue", queue)
        if found.mean_s is None or found.low_s is None or found.high_s is None:
            told.append(f"{name}: nobody gave up")
            continue
        half_s = habits.survival[queue].median_s()
        half = "" if half_s is None else f", half of the callers within {half_s:.0f} s"
        interval = f"{found.low_s:.0f} to {found.high_s:.0f}"
        told.append(f"{name} {found.mean_s:.0f} s ({interval}; {found.abandons} gave up{half})")
    return f"Mean patience, 95 %: {'; '.join(told)}."


def _parting_told(one: Parting, zone: str, name_of: NameOf) -> Iterator[str]:
    yield f"\n{moments.told(one.at, zone)}  {one.call}"
    for title, offered, end in (
        ("simulated", one.then, one.then_end),
        ("other", one.now, one.now_end),
    ):
        yield f"  {title:<11}{_offered_told(offered, end, zone, name_of)}"


def _offered_told(
    offered: Offered | None, end: d.CallLeft | d.CallTurnedAway | None, zone: str, name_of: NameOf
) -> str:
    clock = partial(wall_clock, zone)
    if offered is not None:
        who = name_of("agent", offered.agent)
        return f"{clock(offered.at)} to {who}: {reason_told(offered.reason, clock)}"
    if end is None:
        return "to nobody"
    if isinstance(end, d.CallTurnedAway):
        return f"turned away: {reason_told(end.reason, clock)}"
    return f"to nobody else: {end.outcome} after {end.waited_s:.0f} s"


def sides_as_json(sides: SideBySide, zone: str) -> dict[str, Any]:
    """The same for programs: shares between 0 and 1, moments as UTC epoch seconds."""
    clock = partial(wall_clock, zone)

    def offered(one: Offered | None, end: d.CallLeft | d.CallTurnedAway | None) -> dict[str, Any]:
        told = "" if one is None else reason_told(one.reason, clock)
        return {
            "at": None if one is None else one.at,
            "agent": None if one is None else one.agent,
            "reason": None if one is None else {**asdict(one.reason), "text": told},
            "outcome": getattr(end, "outcome", "turned away") if end is not None else None,
            "waited_s": getattr(end, "waited_s", None),
        }

    return {
        "seeds": sides.seeds,
        "really": {queue or "all": asdict(one) for queue, one in sides.really.items()},
        "simulated": _spreads_as_json(sides.present),
        "other": _spreads_as_json(sides.other),
        "patience": {
            queue or "all": {
                **asdict(one),
                "median_s": sides.habits.survival[queue].median_s()
                if queue in sides.habits.survival
                else None,
            }
            for queue, one in sides.habits.patience.items()
        },
        "doubts": list(_doubts(sides)),
        "without_a_shift": sides.idle,
        "callbacks_left_out": sides.left_out,
        "first_differences": [
            {
                "call": one.call,
                "at": one.at,
                "simulated": offered(one.then, one.then_end),
                "other": offered(one.now, one.now_end),
            }
            for one in sides.partings
        ],
    }


def _spreads_as_json(sides: dict[str, dict[str, Spread]]) -> dict[str, Any]:
    return {
        queue or "all": {field: asdict(spread) for field, spread in spreads.items()}
        for queue, spreads in sides.items()
    }
