"""How fast a queue is served, learned from what has happened in it. Durations in seconds."""

from __future__ import annotations

from typing import Final

MEMORY: Final = 60
"""About so many of the last calls decide."""

START: Final = 3
"""So many calls the start value counts for."""

OUTLIER: Final = 5.0
"""Longer than so many times the mean counts as that: one odd call does not change a morning."""

LEAST_S: Final = 60.0
"""For that, a mean counts as at least so much."""

LEAST_HANDLE_S: Final = 1.0
"""No call keeps an agent busy for less."""

TALK_S: Final = 180.0
RING_S: Final = 5.0
WRAP_UP_S: Final = 30.0
GAP_S: Final = 600.0
"""Start values: where a queue begins before anything is known."""

PATIENCE_MEMORY: Final = 300
"""About so many of the last callers decide how patient callers are."""

PATIENT_S: Final = 1_800.0
"""So much waiting without giving up counts as seen at the start."""

QUIET: Final = 3.0
"""Nobody has come for so many times the usual gap: callers come more rarely now."""


class Smoothed:
    """An exponentially smoothed mean, with a start value."""

    __slots__ = ("mean", "seen")

    def __init__(self, start: float) -> None:
        self.mean = start
        self.seen = 0

    def add(self, value: float) -> None:
        """Take one more observation into the mean. Written out: it runs for every call."""
        seen, mean = self.seen, self.mean
        if seen < MEMORY:
            self.seen = seen = seen + 1
        most = OUTLIER * mean if mean > LEAST_S else OUTLIER * LEAST_S
        self.mean = mean + ((value if value < most else most) - mean) / (START + seen)


class Pace:
    """What one queue's calls take of an agent, and how patient its callers are."""

    __slots__ = ("abandoned", "gap", "last", "ranked", "ring", "talk", "waited_s", "wrap_up")

    def __init__(self, wrap_up_s: float | None) -> None:
        self.ring = Smoothed(RING_S)
        self.talk = Smoothed(TALK_S)  # with the time on hold
        self.wrap_up = Smoothed(WRAP_UP_S if wrap_up_s is None else min(wrap_up_s, WRAP_UP_S))
        self.gap = Smoothed(GAP_S)  # between two arrivals
        self.ranked = Smoothed(0.0)  # the share of callers with a priority of their own
        self.last = 0.0  # arrival
        self.abandoned = 0.0
        self.waited_s = 0.0

    @property
    def known(self) -> bool:
        """Whether any call has been handled yet."""
        return self.talk.seen > 0

    @property
    def handle_s(self) -> float:
        """For how long a call keeps an agent busy: ringing, talk, hold and wrap-up."""
        return max(LEAST_HANDLE_S, self.ring.mean + self.talk.mean + self.wrap_up.mean)

    @property
    def impatience(self) -> float:
        """How many of those who wait give up in a second, each.

        Abandons by the sum of all waiting is the maximum-likelihood estimate of the rate of
        an exponential patience whose observations end when somebody answers (Brown et al.,
        "Statistical Analysis of a Telephone Call Center", JASA 2005, 5.1).
        """
        return self.abandoned / (self.waited_s + PATIENT_S)

    def came(self, now: float, priority: int) -> None:
        """A caller comes. Told where it matters: where some callers are served before others."""
        if self.last:
            self.gap.add(now - self.last)
        self.last = now
        if priority > 0 or self.ranked.mean:
            self.ranked.add(1.0 if priority > 0 else 0.0)

    def arrivals(self, now: float) -> float:
        """How many callers come in a second; less than was seen when nobody has come for long."""
        return 1.0 / max(self.gap.mean, (now - self.last) / QUIET, 1e-3)

    def left(self, waited_s: float, *, abandoned: bool) -> None:
        """A caller does not wait any more."""
        keep = 1.0 - 1.0 / PATIENCE_MEMORY
        self.waited_s = self.waited_s * keep + waited_s
        self.abandoned = self.abandoned * keep + (1.0 if abandoned else 0.0)

    def _means(self) -> tuple[Smoothed, ...]:
        return (self.ring, self.talk, self.wrap_up, self.gap, self.ranked)

    def snapshot(self) -> dict[str, list[float]]:
        """Everything as numbers."""
        return {
            "means": [one.mean for one in self._means()],
            "seen": [one.seen for one in self._means()],
            "patience": [self.last, self.waited_s, self.abandoned],
        }

    def restore(self, numbers: dict[str, list[float]]) -> None:
        """Take over what `snapshot` gave."""
        pairs = zip(self._means(), numbers["means"], numbers["seen"], strict=True)
        for one, mean, seen in pairs:
            one.mean, one.seen = float(mean), int(seen)
        self.last, self.waited_s, self.abandoned = map(float, numbers["patience"])
