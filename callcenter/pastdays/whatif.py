"""Side by side: what really happened, the same simulated, and under another configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import fmean

from acd import decisions as d
from acd.site import Site
from callcenter.pastdays.again import (
    NOBODY,
    Habits,
    Offered,
    Simulated,
    agents_of,
    habits_of,
    simulate_again,
)
from callcenter.pastdays.figures import Figures
from callcenter.pastdays.observed import Observed
from reporting.intervals import Limits

SAME_S = 1.0  # offers that are not further apart are the same decision


class CannotCompare(ValueError):  # noqa: N818 - says what is wrong
    """The other configuration does not fit these days."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over all seeds; None where it was not defined."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Parting:
    """A caller whom the two configurations serve differently; each as (moment, agent, reason).

    None for no (further) offer; `then_end` and `now_end` are how the wait ended.
    """

    call: str
    at: float
    then: Offered | None
    now: Offered | None
    then_end: d.CallLeft | d.CallTurnedAway | None
    now_end: d.CallLeft | d.CallTurnedAway | None


@dataclass(frozen=True, slots=True)
class SideBySide:
    """By queue, "" for all: what really happened, and both simulations over all seeds."""

    really: dict[str, Figures]
    present: dict[str, dict[str, Spread]]
    other: dict[str, dict[str, Spread]]
    seeds: int
    partings: list[Parting]  # of the first seed, in the order of their moments
    habits: Habits
    idle: list[str]  # new agents of the other configuration, who have no shift on these days
    left_out: int  # callbacks that were promised before these days


def changed(site: Site, *, without: Iterable[str] = (), add: Mapping[str, str]) -> Site:
    """The site with fewer agents, and with more: each new id (key) is like another (value).

    Who is there already stays as configured. Raises `CannotCompare` for unknown agents.
    """
    known = {agent.id: agent for agent in site.agents}
    agents = dict(known)
    for gone in without:
        if agents.pop(gone, None) is None:
            raise CannotCompare(f"There is no agent “{gone}” to leave out.")
    for new, like in add.items():
        if new in agents:
            continue
        if like not in known:
            raise CannotCompare(f"There is no agent “{like}” to be like.")
        agents[new] = replace(known[like], id=new, name=new)
    return replace(site, agents=tuple(agents.values()))


def compare_sites(
    day: Observed,
    other: Site,
    limits: Callable[[str], Limits],
    *,
    shifts: Mapping[str, str],
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    most: int = 10,
    progress: Callable[[int], None] = lambda runs: None,
) -> SideBySide:
    """Simulate `day` as it was and under `other`, with each seed. Raises `CannotCompare`.

    `shifts`: who of `other` works when whom; everybody else works the own hours, if any.
    """
    missing = set(day.queues) - {queue.id for queue in other.queues}
    if missing:
        names = ", ".join(sorted(missing))
        raise CannotCompare(f"Callers asked for a queue that is not in the other site: {names}.")
    if not day.journeys:
        raise CannotCompare("Nobody called in this range: there is nothing to simulate.")
    on_duty = {fact.agent for _, fact in day.shifts.presence}
    absent = set(shifts.values()) - on_duty
    if absent:
        raise CannotCompare(f"Not there on these days: {', '.join(sorted(absent))}.")
    habits = habits_of(day)
    runs: dict[bool, list[Simulated]] = {False: [], True: []}
    for number, (seed, under) in enumerate(
        ((seed, under) for seed in seeds for under in (False, True)), start=1
    ):
        site, given = (other, shifts) if under else (None, NOBODY)
        runs[under].append(simulate_again(day, habits, limits, site=site, seed=seed, shifts=given))
        progress(number)
    present = {one.id for one in day.site.agents}
    return SideBySide(
        day.account.figures(agents_of(day.site)),
        _spread(runs[False]),
        _spread(runs[True]),
        len(seeds),
        list(_partings(runs[False][0], runs[True][0]))[:most],
        habits,
        sorted({one.id for one in other.agents} - present - on_duty - set(shifts)),
        day.left_out,
    )


def _spread(runs: Sequence[Simulated]) -> dict[str, dict[str, Spread]]:
    queues = sorted({queue for run in runs for queue in run.figures})
    return {
        queue: {
            field.name: _of([getattr(run.figures[queue], field.name) for run in runs])
            for field in fields(Figures)
        }
        for queue in queues
        if all(queue in run.figures for run in runs)
    }


def _of(values: Iterable[float | None]) -> Spread:
    known = [float(value) for value in values if value is not None]
    return Spread(fmean(known), min(known), max(known)) if known else Spread(None, None, None)


def _partings(then: Simulated, now: Simulated) -> Iterator[Parting]:
    """Callers in the order in which the two runs first did something else with one."""
    found = []
    for call in {*then.offers, *now.offers, *then.ends, *now.ends}:
        first = _first_other(then.offers.get(call, []), now.offers.get(call, []))
        if first is not None:
            was, is_ = first
            at = min(one.at for one in first if one is not None)
            found.append(Parting(call, at, was, is_, then.ends.get(call), now.ends.get(call)))
    return iter(sorted(found, key=lambda one: (one.at, one.call)))


def _first_other(
    then: Sequence[Offered], now: Sequence[Offered]
) -> tuple[Offered | None, Offered | None] | None:
    for number in range(max(len(then), len(now))):
        was = then[number] if number < len(then) else None
        is_ = now[number] if number < len(now) else None
        if was is None or is_ is None:
            return was, is_
        if was.agent != is_.agent or abs(was.at - is_.at) > SAME_S:
            return was, is_
    return None
