"""The figures of this moment: the last hour by the minute, the interval and the day that run.

`LiveFigures` is the fold of the interval reports (`reporting.intervals`), fed with the same
visits, parts and spans; it only keeps them in two more sizes of bucket. A rolling window begins
at a full minute: "the last 15 minutes" are the minute that runs and the 15 before it. Memory is
bounded: for each queue and agent at most an hour of minutes, a day of intervals, and a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reporting.figures import Tally
from reporting.intervals import NOTHING, IntervalFold, Place, Scope, Span, add_time, cut

MINUTE_S = 60.0
ROLLING = {"15": 15, "30": 30, "60": 60}
"""The rolling windows by name, in minutes."""
WINDOWS = (*ROLLING, "interval", "day")
KEPT_S = 60 * MINUTE_S  # of minutes, before the one that runs
_MOST_MINUTES = 90  # then those that are too old are dropped


def minute(at: float) -> float:
    """The start of the minute that `at` is in."""
    return at // MINUTE_S * MINUTE_S


def window_start(window: str, now: float) -> float:
    """When a rolling window begins."""
    return minute(now) - ROLLING[window] * MINUTE_S


@dataclass(slots=True)
class LiveFigures(IntervalFold):
    """Tallies of every queue and agent for each of `WINDOWS`."""

    _minutes: dict[tuple[Scope, str], dict[float, Tally]] = field(default_factory=dict)
    _days: dict[tuple[Scope, str], dict[float, Tally]] = field(default_factory=dict)
    _open: dict[str, Span] = field(default_factory=dict)

    def now_in(self, span: Span) -> None:
        """An agent is in a state from `span.start` on."""
        self._open[span.agent] = span

    def windows(self, scope: Scope, ident: str, now: float) -> dict[str, Tally]:
        """What is counted of a queue or agent in each window; new tallies, to be kept or changed.

        A window counts the visits that entered in it, the parts that began in it, and the time
        that agents spent in it, the state of this moment included.
        """
        interval = self.calendar.start(now)
        table = self.tallies if scope == "queue" else self.agents
        found = self._rolling(self._minutes.get((scope, ident), {}), now)
        found["interval"] = table.get((ident, interval), NOTHING).copy()
        if scope == "agent":
            for name in ROLLING:
                self._add_now(found[name], ident, window_start(name, now), now)
            self._add_now(found["interval"], ident, interval, now)
        found["day"] = self.day(scope, ident, now)
        return found

    def day(self, scope: Scope, ident: str, now: float) -> Tally:
        """What is counted of a queue or agent since midnight."""
        midnight = self.calendar.midnight(now)
        found = self._days.get((scope, ident), {}).get(midnight, NOTHING).copy()
        if scope == "agent":
            self._add_now(found, ident, midnight, now)
        return found

    def _add_now(self, tally: Tally, agent: str, since: float, now: float) -> None:
        """The state that an agent is in is not over yet."""
        span = self._open.get(agent)
        if span is not None:
            seconds = now - max(span.start, self._until.get(agent, 0.0), since)
            if seconds > 0:
                add_time(tally, span.state, seconds)

    @staticmethod
    def _rolling(minutes: dict[float, Tally], now: float) -> dict[str, Tally]:
        """Each longer window is the shorter one and the minutes before it."""
        latest = minute(now)
        starts = sorted(start for start in minutes if latest - KEPT_S <= start <= latest)
        found: dict[str, Tally] = {}
        sum_ = Tally()
        for name in ROLLING:
            since = window_start(name, now)
            while starts and starts[-1] >= since:
                sum_ += minutes[starts.pop()]
            found[name] = sum_.copy()
        return found

    def known(self, scope: Scope) -> list[str]:
        """The ids of which anything was counted lately."""
        ids = {ident for kind, ident in (*self._minutes, *self._days) if kind == scope}
        if scope == "agent":
            ids |= self._open.keys()
        return sorted(ids)

    def forget(self, before: float) -> None:
        """Drop days and intervals that begin before `before`, but not the last hour's minutes."""
        for owner, days in list(self._days.items()):
            self._days[owner] = {day: tally for day, tally in days.items() if day >= before}
            if not self._days[owner]:
                del self._days[owner]
        latest = max((max(m) for m in self._minutes.values() if m), default=0.0)
        for owner, minutes in list(self._minutes.items()):
            _prune(minutes, latest)
            if not minutes:
                del self._minutes[owner]
        for ident, span in list(self._open.items()):
            if span.state == "offline" and span.start < before:
                del self._open[ident]
        # A call of the last hour may yet change, whatever day it is.
        IntervalFold.forget(self, min(before, self.calendar.start(max(0.0, latest - KEPT_S))))

    def _buckets(self, place: Place) -> Iterator[tuple[dict[Any, Tally], Any]]:
        yield from IntervalFold._buckets(self, place)
        scope, ident, at = place
        yield self._minutes_of(scope, ident, minute(at)), minute(at)
        yield self._days.setdefault((scope, ident), {}), self.calendar.midnight(at)

    def _minutes_of(self, scope: Scope, ident: str, start: float) -> dict[float, Tally]:
        """Where a minute is, or is to be, without those that are too old."""
        minutes = self._minutes.setdefault((scope, ident), {})
        if start not in minutes and len(minutes) >= _MOST_MINUTES:
            _prune(minutes, max(max(minutes), start))
        return minutes

    def _day(self, scope: Scope, ident: str, at: float) -> Tally:
        days = self._days.setdefault((scope, ident), {})
        return days.setdefault(self.calendar.midnight(at), Tally())

    def _spend(self, agent: str, state: str, start: float, end: float) -> None:
        IntervalFold._spend(self, agent, state, start, end)
        calendar = self.calendar
        for day, seconds in cut(start, end, calendar.midnight, calendar.next_midnight):
            add_time(self._day("agent", agent, day), state, seconds)
        lately = max(start, minute(end) - KEPT_S)
        for begin, seconds in cut(lately, end, minute, lambda at: minute(at) + MINUTE_S):
            minutes = self._minutes_of("agent", agent, begin)
            add_time(minutes.setdefault(begin, Tally()), state, seconds)


def _prune(minutes: dict[float, Tally], latest: float) -> None:
    for start in [start for start in minutes if start < latest - KEPT_S]:
        del minutes[start]


def together(several: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    """Several queues or agents as one: a team, the site."""
    sums = {window: Tally() for window in WINDOWS}
    for windows in several:
        for window, tally in windows.items():
            sums[window] += tally
    return sums
