"""Figures by queue and interval, and agents' time by state, folded from queue visits and spans.

The live figures of today and the intervals of last year come from this same fold: a visit is
put in as often as it changes, and what it counted for before is taken out first. So repeated
and late entries change nothing.

Intervals have 15 or 30 minutes of real time from the site's local midnight on; a day on which
the clocks change has 92 or 100 quarters. A visit counts in the interval in which the call
entered the queue (or, when asked for, was answered or ended); agents' time is cut at borders.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from reporting.figures import (
    SHORT_ABANDON_S,
    THRESHOLD_S,
    Tally,
    abandon_rate,
    abandon_rate_without_short,
    acw,
    aht,
    asa,
    check_books,
    occupancy,
    service_levels,
    transfer_rate,
)

Attribution = Literal["entered", "answered", "ended"]
BUSY = ("talking", "held", "consulting", "conference", "wrap-up")
"""Agent states that count as work in the occupancy."""


@dataclass(slots=True)
class Visit:
    """One visit of a call to a queue, with the conversation it led to.

    Moments are UTC epoch seconds; None is "not yet". A call that is handed over from agent to
    agent is still the same visit: talk, hold and wrap-up are those of all its agents together.
    """

    queue: str
    entered: float
    kind: str = "call"  # or "callback", "outbound"
    left: float | None = None
    outcome: str = ""  # see acd.decisions.CallLeft; "" while waiting
    waited_s: float | None = None
    agent: str = ""
    ended: float | None = None  # of the conversation
    talk_s: float | None = None
    hold_s: float | None = None
    wrap_up_s: float | None = None
    why: dict[str, Any] | None = None
    transferred: bool = False  # its agent gave it away: to a queue, an agent, outside, ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a queue promises: T, S and the share aimed for."""

    threshold_s: float = THRESHOLD_S
    short_s: float = SHORT_ABANDON_S
    target: float = 0.8


def usual_limits(queue: str) -> Limits:
    """The same limits for each queue."""
    return Limits()


def count(visit: Visit, limits: Limits) -> Tally:
    """What one visit counts for."""
    tally = Tally()
    if visit.kind == "callback":
        tally.callbacks_queued = 1
        if visit.outcome in ("reached", "answered"):
            tally.callbacks_reached = 1
        elif visit.outcome:
            tally.callbacks_expired = 1
        else:
            tally.callbacks_waiting = 1
        return tally
    if visit.kind == "outbound":
        tally.placed = 1
        tally.placed_reached = int(visit.outcome == "reached")
        return tally
    tally.offered = 1
    tally.transferred = int(visit.transferred)
    if visit.outcome:
        tally.leave(
            visit.outcome,
            visit.waited_s or 0.0,
            threshold_s=limits.threshold_s,
            short_s=limits.short_s,
        )
        if visit.ended is not None:
            tally.handle(visit.talk_s or 0.0, visit.hold_s or 0.0, visit.wrap_up_s or 0.0)
    else:
        tally.waiting = 1
    return tally


class Calendar:
    """Intervals of `minutes` in `zone`."""

    def __init__(self, zone: str, minutes: int = 15) -> None:
        if minutes not in (15, 30):
            raise ValueError("intervals have 15 or 30 minutes")
        self.zone = ZoneInfo(zone)
        self.minutes = minutes
        self._days: list[float] = []  # midnights met so far, in order

    def midnight(self, at: float) -> float:
        """When the site's day of `at` began."""
        found = bisect_right(self._days, at)
        if found and at < self._days[found - 1] + 82_800:  # the shortest day has 23 hours
            return self._days[found - 1]
        start = self._start(datetime.fromtimestamp(at, self.zone).date())
        if found == 0 or self._days[found - 1] != start:
            self._days.insert(found, start)
            del self._days[:-400]
        return start

    def next_midnight(self, at: float) -> float:
        """When the site's day of `at` ends."""
        return self._start(datetime.fromtimestamp(at, self.zone).date() + timedelta(days=1))

    def _start(self, day: date) -> float:
        return datetime.combine(day, time(), self.zone).timestamp()

    def start(self, at: float) -> float:
        """The start of the interval that `at` is in."""
        day = self.midnight(at)
        length = self.minutes * 60
        return day + (at - day) // length * length

    def end(self, at: float) -> float:
        """The end of the interval that `at` is in; never past midnight."""
        return min(self.start(at) + self.minutes * 60, self.next_midnight(at))

    def between(self, since: float, until: float) -> Iterator[float]:
        """The starts of all intervals that touch [since, until)."""
        at = self.start(since)
        while at < until:
            yield at
            at = self.end(at)

    def local(self, at: float) -> str:
        """ISO 8601 with the site's offset."""
        return datetime.fromtimestamp(at, self.zone).isoformat()


@dataclass(slots=True)
class IntervalFold:
    """Tallies by queue and interval; put visits in as often as they change."""

    calendar: Calendar
    limits: Callable[[str], Limits] = usual_limits
    attribution: Attribution = "entered"
    tallies: dict[tuple[str, float], Tally] = field(default_factory=dict)
    _counted: dict[Hashable, tuple[tuple[str, float], Tally]] = field(default_factory=dict)

    def put(self, key: Hashable, visit: Visit) -> None:
        """Count `visit`, known as `key`, as it is now."""
        before = self._counted.get(key)
        if before is not None:
            self.tallies[before[0]] -= before[1]
        place = (visit.queue, self.calendar.start(self._moment(visit)))
        counted = count(visit, self.limits(visit.queue))
        self._counted[key] = (place, counted)
        self.tallies.setdefault(place, Tally())
        self.tallies[place] += counted

    def _moment(self, visit: Visit) -> float:
        if self.attribution == "entered" or visit.left is None:
            return visit.entered
        if self.attribution == "answered" or visit.ended is None:
            return visit.left
        return visit.ended

    def total(self, queue: str, since: float, until: float = float("inf")) -> Tally:
        """All intervals of a queue that start in [since, until), added up."""
        sum_ = Tally()
        for (name, start), tally in self.tallies.items():
            if name == queue and since <= start < until:
                sum_ += tally
        return sum_

    def forget(self, before: float) -> None:
        """Drop intervals that start before `before`; their visits must not be put in again."""
        self.tallies = {p: t for p, t in self.tallies.items() if p[1] >= before}
        self._counted = {k: c for k, c in self._counted.items() if c[0][1] >= before}


@dataclass(frozen=True, slots=True)
class Span:
    """An agent was in `state` from `start` to `end` (None: still is)."""

    agent: str
    state: str
    reason: str
    start: float
    end: float | None = None


def time_by_state(spans: Iterable[Span], since: float, until: float) -> dict[str, dict[str, float]]:
    """Seconds by agent and state within [since, until); open spans reach to `until`."""
    times: dict[str, dict[str, float]] = {}
    for span in spans:
        end = until if span.end is None else min(span.end, until)
        seconds = end - max(span.start, since)
        if seconds > 0:
            states = times.setdefault(span.agent, {})
            states[span.state] = states.get(span.state, 0.0) + seconds
    return times


def time_by_interval(
    spans: Iterable[Span], calendar: Calendar, since: float, until: float
) -> dict[float, dict[str, dict[str, float]]]:
    """Seconds by interval start, agent and state: each span cut at the borders."""
    times: dict[float, dict[str, dict[str, float]]] = {}
    for span in spans:
        at = max(span.start, since)
        last = until if span.end is None else min(span.end, until)
        while at < last:
            border = min(calendar.end(at), last)
            states = times.setdefault(calendar.start(at), {}).setdefault(span.agent, {})
            states[span.state] = states.get(span.state, 0.0) + border - at
            at = border
    return times


def busy_and_ready(states: dict[str, float]) -> tuple[float, float]:
    """Working and ready seconds of the given times by state."""
    return sum(states.get(state, 0.0) for state in BUSY), states.get("ready", 0.0)


def occupancy_of(times: Iterable[dict[str, float]]) -> float | None:
    """The occupancy of several agents together."""
    pairs = [busy_and_ready(states) for states in times]
    return occupancy(sum(busy for busy, _ in pairs), sum(ready for _, ready in pairs))


def interval_row(
    queue: str, calendar: Calendar, start: float, tally: Tally, limits: Limits
) -> dict[str, Any]:
    """One row of the interval report: counts, figures, and the books check."""
    out = check_books(tally)
    return {
        "queue": queue,
        "start": start,
        "end": calendar.end(start),
        "start_local": calendar.local(start),
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        "short_abandoned": tally.short_abandoned,
        "flowed_out": tally.flowed_out,
        "overflowed": tally.overflowed,
        "callback": tally.callback,
        "withdrawn": tally.withdrawn,
        "switch_lost": tally.switch_lost,
        "waiting": tally.waiting,
        "answered_within": tally.answered_within,
        "abandoned_within": tally.abandoned_within,
        "threshold_s": limits.threshold_s,
        "short_s": limits.short_s,
        "target": limits.target,
        "service_level": service_levels(tally),
        "abandon_rate": abandon_rate(tally),
        "abandon_rate_without_short": abandon_rate_without_short(tally),
        "asa_s": asa(tally),
        "aht_s": aht(tally),
        "acw_s": acw(tally),
        "transferred": tally.transferred,
        "transfer_rate": transfer_rate(tally),
        "longest_wait_s": tally.longest_wait_s,
        "talk_s": tally.talk_s,
        "hold_s": tally.hold_s,
        "wrap_up_s": tally.wrap_up_s,
        "placed": tally.placed,
        "placed_reached": tally.placed_reached,
        "callbacks_queued": tally.callbacks_queued,
        "callbacks_reached": tally.callbacks_reached,
        "callbacks_expired": tally.callbacks_expired,
        "callbacks_waiting": tally.callbacks_waiting,
        "books": out,
        "balanced": out == 0,
    }
