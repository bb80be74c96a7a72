"""Figures by queue, agent and interval, folded from queue visits, agents' parts and spans.

The live figures of today (`reporting.live`) and the intervals of last year come from this same
fold: a visit is put in as often as it changes, and what it counted for before is taken out
first. So repeated and late entries change nothing. An agent's spans follow each other, so that
time is counted once: what lies before what was counted already is left out.

Intervals have 15 or 30 minutes of real time from the site's local midnight on; a day on which
the clocks change has 92 or 100 quarters. A visit counts in the interval in which the call
entered the queue (or, when asked for, was answered or ended), an agent's part of a call in that
in which it began; agents' time is cut at borders.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
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
    promises_kept,
    service_levels,
    transfer_rate,
)
from reporting.segments import AGENT, Segment

Attribution = Literal["entered", "answered", "ended"]
Scope = Literal["queue", "agent"]
Place = tuple[Scope, str, float]
"""Whose (scope and id) a count is, and the moment that it belongs to."""
OFFLINE, READY = "offline", "ready"
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
    kind: str = "call"  # or "callback", "outbound", "item", "turned away"
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
    promise: str = ""  # callbacks at a chosen time: "kept", "late" or "failed"
    attempts: int = 0  # callbacks: how often the customer was dialled
    told_at: float | None = None  # when the caller first heard an expected wait ...
    told_low_s: float | None = None  # ... from then on, at least ...
    told_high_s: float | None = None  # ... and at most


NOTHING = Tally()
"""For comparing; never changed."""


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
    other = _OTHER_KINDS.get(visit.kind)
    if other is not None:
        other(visit, tally)
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
        if visit.outcome == "answered" and visit.told_at is not None and visit.left is not None:
            wait_s = max(0.0, visit.left - visit.told_at)
            tally.waits_told = 1
            tally.waits_right = int(
                (visit.told_low_s or 0.0) <= wait_s <= (visit.told_high_s or math.inf)
            )
    else:
        tally.waiting = 1
    return tally


def _count_callback(visit: Visit, tally: Tally) -> None:
    tally.callbacks_queued = 1
    if not visit.outcome:
        tally.callbacks_waiting = 1
        return
    if visit.outcome in ("reached", "answered"):
        tally.callbacks_reached = 1
    else:
        tally.callbacks_expired = 1
    tally.callback_attempts = visit.attempts
    tally.callbacks_kept = int(visit.promise == "kept")
    tally.callbacks_late = int(visit.promise == "late")
    tally.callbacks_failed = int(visit.promise == "failed")


def _count_outbound(visit: Visit, tally: Tally) -> None:
    tally.placed = 1
    tally.placed_reached = int(visit.outcome == "reached")


def _count_item(visit: Visit, tally: Tally) -> None:
    tally.items_queued = 1
    tally.items_done = int(visit.outcome == "done")
    tally.items_withdrawn = int(visit.outcome == "withdrawn")


def _count_turned_away(visit: Visit, tally: Tally) -> None:
    tally.turned_away = 1


_OTHER_KINDS: dict[str, Callable[[Visit, Tally], None]] = {
    "callback": _count_callback,
    "outbound": _count_outbound,
    "item": _count_item,
    "turned away": _count_turned_away,
}


def count_part(part: Segment) -> Tally:
    """What an agent's part of a call counts for, in the agent's own figures."""
    tally = Tally(answered=1, transferred=int(part.how.startswith("to ")))
    if part.ended is not None:
        tally.handle(part.talk_s or 0.0, part.hold_s or 0.0, part.wrap_up_s or 0.0)
    return tally


def add_time(tally: Tally, state: str, seconds: float) -> None:
    """Count an agent's time in a state; being offline is none."""
    if state == OFFLINE:
        return
    tally.signed_in_s += seconds
    if state in BUSY:
        tally.busy_s += seconds
    elif state == READY:
        tally.ready_s += seconds


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


@dataclass(frozen=True, slots=True)
class Span:
    """An agent was in `state` from `start` to `end` (None: still is)."""

    agent: str
    state: str
    reason: str
    start: float
    end: float | None = None


@dataclass(slots=True)
class IntervalFold:
    """Tallies by queue or agent and interval; put in what changes as often as it changes.

    `key` names a visit or a part: what it counted for before is replaced. What will change no
    more can be settled, and is then forgotten.
    """

    calendar: Calendar
    limits: Callable[[str], Limits] = usual_limits
    attribution: Attribution = "entered"
    tallies: dict[tuple[str, float], Tally] = field(default_factory=dict)  # of queues
    agents: dict[tuple[str, float], Tally] = field(default_factory=dict)
    _counted: dict[Hashable, tuple[Place, Tally]] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)  # agents' time is counted up to then

    def put(self, key: Hashable, visit: Visit) -> None:
        """Count `visit`, known as `key`, as it is now."""
        place: Place = ("queue", visit.queue, self._moment(visit))
        self._put(key, place, count(visit, self.limits(visit.queue)))

    def put_part(self, key: Hashable, part: Segment) -> None:
        """Count an agent's part of a call as it is now; other roles count for nothing."""
        if part.role == AGENT:
            self._put(key, ("agent", part.agent, part.began), count_part(part))

    def _put(self, key: Hashable, place: Place, counted: Tally) -> None:
        before = self._counted.get(key)
        self._counted[key] = (place, counted)
        if before is None:
            self._count(place, NOTHING, counted)
        elif before[0] == place:
            self._count(place, before[1], counted)
        else:
            self._count(*before, NOTHING)
            self._count(place, NOTHING, counted)

    def spend(self, span: Span) -> None:
        """Count an agent's time in a state that is over; repeated and earlier time is left out."""
        start = max(span.start, self._until.get(span.agent, 0.0))
        if span.end is None or span.end <= start:
            return
        self._until[span.agent] = span.end
        self._spend(span.agent, span.state, start, span.end)

    def _spend(self, agent: str, state: str, start: float, end: float) -> None:
        for begin, seconds in cut(start, end, self.calendar.start, self.calendar.end):
            add_time(self.agents.setdefault((agent, begin), Tally()), state, seconds)

    def _count(self, place: Place, before: Tally, after: Tally) -> None:
        """Something at this place counted for `before`, and counts for `after` now."""
        changes = before.changes_to(after)
        if changes:
            for table, key in self._buckets(place):
                found = table.get(key)
                if found is not None:
                    found.change(changes, after.longest_wait_s)
                elif after is not NOTHING:  # also when it was forgotten meanwhile
                    table[key] = after.copy()

    def _buckets(self, place: Place) -> Iterator[tuple[dict[Any, Tally], Any]]:
        """Where a place is counted: tables and keys."""
        scope, ident, at = place
        yield self.tallies if scope == "queue" else self.agents, (ident, self.calendar.start(at))

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

    def settle(self, keys: Iterable[Hashable]) -> None:
        """These will not change any more; what they counted for stays."""
        for key in keys:
            self._counted.pop(key, None)

    def settle_all_but(self, keys: Container[Hashable]) -> None:
        """Everything else will not change any more."""
        self._counted = {key: counted for key, counted in self._counted.items() if key in keys}

    def forget(self, before: float) -> None:
        """Drop intervals that start before `before`; their visits must not be put in again."""
        for table in (self.tallies, self.agents):
            for place in [place for place in table if place[1] < before]:
                del table[place]
        start = self.calendar.start
        self._counted = {k: c for k, c in self._counted.items() if start(c[0][2]) >= before}


def cut(
    since: float,
    until: float,
    start_of: Callable[[float], float],
    end_of: Callable[[float], float],
) -> Iterator[tuple[float, float]]:
    """The pieces of [since, until) that lie in different intervals: their starts, and seconds."""
    at = since
    while at < until:
        border = min(end_of(at), until)
        yield start_of(at), border - at
        at = border


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
        first = max(span.start, since)
        last = until if span.end is None else min(span.end, until)
        for begin, seconds in cut(first, last, calendar.start, calendar.end):
            states = times.setdefault(begin, {}).setdefault(span.agent, {})
            states[span.state] = states.get(span.state, 0.0) + seconds
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
        "callbacks_kept": tally.callbacks_kept,
        "callbacks_late": tally.callbacks_late,
        "callbacks_failed": tally.callbacks_failed,
        "promises_kept": promises_kept(tally),
        "turned_away": tally.turned_away,
        "items_queued": tally.items_queued,
        "items_done": tally.items_done,
        "items_withdrawn": tally.items_withdrawn,
        "waits_told": tally.waits_told,
        "waits_right": tally.waits_right,
        "books": out,
        "balanced": out == 0,
    }
