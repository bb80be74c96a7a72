"""The figures of a call center: what is counted, and each figure's exact meaning.

A `Tally` holds counts and sums; the functions here turn it into figures, and
`reporting.definitions` gives each a name, a version and its formula in words. A figure whose
denominator is zero is None, never zero.

Notation: O offered, H answered, A abandoned, F flowed out, S short abandons, T threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

FLOWED_OUT = ("overflowed", "callback", "withdrawn", "switch lost")
"""Outcomes of a queue visit that are neither answered nor abandoned."""

SHORT_ABANDON_S = 5.0
THRESHOLD_S = 20.0


Changes = list[tuple[str, float]]
"""Fields of a `Tally`, and what is added to each."""


@dataclass(slots=True)
class Tally:
    """Counts and sums (seconds) of queue visits; `+=` and `-=` work field by field.

    Callbacks are visits of their own and are counted apart: a caller who left a number has
    flowed out of the line, and the callback is neither offered nor abandoned again.
    """

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    flowed_out: int = 0
    waiting: int = 0  # entered and not left yet
    waited: int = 0  # left after waiting at all
    short_abandoned: int = 0
    answered_within: int = 0
    abandoned_within: int = 0
    overflowed: int = 0
    callback: int = 0
    withdrawn: int = 0
    switch_lost: int = 0
    handled: int = 0  # answered and over
    transferred: int = 0  # answered and given away by an agent, at least once
    wait_s: float = 0.0  # of all that left
    answered_wait_s: float = 0.0
    abandoned_wait_s: float = 0.0
    longest_wait_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    callbacks_queued: int = 0
    callbacks_reached: int = 0
    callbacks_expired: int = 0
    callbacks_waiting: int = 0
    callbacks_kept: int = 0  # reached by the chosen time and its window
    callbacks_late: int = 0
    callbacks_failed: int = 0
    callback_attempts: int = 0  # of the callbacks that are over
    placed: int = 0  # calls that agents dialled themselves: in no other count
    placed_reached: int = 0
    turned_away: int = 0  # not let into the line: offered to nobody, in no other count
    waits_told: int = 0  # answered callers who had heard an expected wait
    waits_right: int = 0  # of those, whose wait was within the range that they had heard
    items_queued: int = 0  # work items that are no calls: in no other count
    items_done: int = 0
    items_withdrawn: int = 0
    busy_s: float = 0.0  # agents' time: talking, held, consulting, in conferences, wrap-up
    ready_s: float = 0.0
    signed_in_s: float = 0.0
    menu_entered: int = 0  # calls, by where they began (see `reporting.contacts`)
    menu_served: int = 0
    menu_back: int = 0
    contacts: int = 0
    repeats: int = 0
    line_s: float = 0.0  # calls' time on the lines to outside
    cost: float = 0.0  # of agents and lines, in the site's currency

    def leave(
        self,
        outcome: str,
        waited_s: float,
        *,
        threshold_s: float = THRESHOLD_S,
        short_s: float = SHORT_ABANDON_S,
    ) -> None:
        """Count the end of a visit: `answered`, `abandoned`, or one of `FLOWED_OUT`."""
        self.wait_s += waited_s
        if waited_s > 0.0:
            self.waited += 1
            if waited_s > self.longest_wait_s:
                self.longest_wait_s = waited_s
        if outcome == "answered":
            self.answered += 1
            self.answered_wait_s += waited_s
            if waited_s <= threshold_s:
                self.answered_within += 1
        elif outcome == "abandoned":
            self.abandoned += 1
            self.abandoned_wait_s += waited_s
            if waited_s < short_s:
                self.short_abandoned += 1
            if waited_s <= threshold_s:
                self.abandoned_within += 1
        else:
            self.flowed_out += 1
            name = outcome.replace(" ", "_")
            if name not in ("overflowed", "callback", "switch_lost"):
                name = "withdrawn"
            setattr(self, name, getattr(self, name) + 1)

    def handle(self, talk_s: float, hold_s: float, wrap_up_s: float) -> None:
        """Count an answered call that is over."""
        self.handled += 1
        self.talk_s += talk_s
        self.hold_s += hold_s
        self.wrap_up_s += wrap_up_s

    def __iadd__(self, other: Tally) -> Tally:
        for name, value in zip(_SUMS, _sums_of(other), strict=True):
            if value:  # most are zero
                setattr(self, name, getattr(self, name) + value)
        if other.longest_wait_s > self.longest_wait_s:
            self.longest_wait_s = other.longest_wait_s
        return self

    def __isub__(self, other: Tally) -> Tally:
        """Take out what was added before; the longest wait stays."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) - getattr(other, name))
        return self

    def copy(self) -> Tally:
        """Another one with the same counts."""
        return Tally(*_all_of(self))

    def changes_to(self, other: Tally) -> Changes:
        """What has to be added to each field to come to `other`."""
        return [
            (name, after - before)
            for name, before, after in zip(_SUMS, _sums_of(self), _sums_of(other), strict=True)
            if before != after
        ]

    def change(self, changes: Changes, longest_wait_s: float) -> None:
        """Add these; the longest wait is at least this."""
        for name, change in changes:
            setattr(self, name, getattr(self, name) + change)
        if longest_wait_s > self.longest_wait_s:
            self.longest_wait_s = longest_wait_s


_SUMS = tuple(field.name for field in fields(Tally) if field.name != "longest_wait_s")
_sums_of: Callable[[Tally], tuple[float, ...]] = attrgetter(*_SUMS)
_all_of: Callable[[Tally], tuple[Any, ...]] = attrgetter(*(field.name for field in fields(Tally)))


def check_books(tally: Tally, waiting: int | None = None) -> int:
    """How far the books are out: O - (H + A + F + still waiting). Zero, or there is a bug.

    `waiting` is the number counted elsewhere (the live queue); left out, the tally's own.
    """
    still = tally.waiting if waiting is None else waiting
    return tally.offered - (tally.answered + tally.abandoned + tally.flowed_out + still)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def service_level(tally: Tally, kind: str = "standard") -> float | None:
    """`kind`: standard, negative, ignored, positive, handled_only. ValueError for others."""
    t, within = tally, tally.answered_within
    if kind == "standard":
        return _share(within, t.answered + t.abandoned + t.flowed_out - t.short_abandoned)
    if kind == "negative":
        return _share(within, t.offered)
    if kind == "ignored":
        return _share(within, t.offered - t.abandoned_within)
    if kind == "positive":
        return _share(within + t.abandoned_within, t.offered)
    if kind == "handled_only":
        return _share(within, t.answered)
    raise ValueError(f"no service level of kind {kind!r}")


SERVICE_LEVELS = ("standard", "negative", "ignored", "positive", "handled_only")


def service_levels(tally: Tally) -> dict[str, float | None]:
    """All kinds of service level by name."""
    return {kind: service_level(tally, kind) for kind in SERVICE_LEVELS}


def abandon_rate(tally: Tally) -> float | None:
    """A / O."""
    return _share(tally.abandoned, tally.offered)


def abandon_rate_without_short(tally: Tally) -> float | None:
    """(A - S) / (O - S)."""
    return _share(tally.abandoned - tally.short_abandoned, tally.offered - tally.short_abandoned)


def asa(tally: Tally) -> float | None:
    """Average speed of answer in seconds: sum of waits of answered calls / H."""
    return _share(tally.answered_wait_s, tally.answered)


def aht(tally: Tally) -> float | None:
    """Average handle time in seconds: (talk + hold + wrap-up) / H, of the calls that are over."""
    return _share(tally.talk_s + tally.hold_s + tally.wrap_up_s, tally.handled)


def acw(tally: Tally) -> float | None:
    """Average after-call work in seconds: wrap-up / H, of the calls that are over."""
    return _share(tally.wrap_up_s, tally.handled)


def transfer_rate(tally: Tally) -> float | None:
    """Transferred / H. A call counts once, however often it changed hands in one visit."""
    return _share(tally.transferred, tally.answered)


def occupancy(busy_s: float, ready_s: float) -> float | None:
    """(talk + hold + wrap-up) / (talk + hold + wrap-up + ready); reserved counts as neither."""
    return _share(busy_s, busy_s + ready_s)


def utilisation(tally: Tally) -> float | None:
    """(talk + hold + wrap-up + ready) / signed in."""
    return _share(tally.busy_s + tally.ready_s, tally.signed_in_s)


def cost_per_call(tally: Tally) -> float | None:
    """(agents' paid time x rate + time on the lines x rate) / H; None without rates."""
    return _share(tally.cost, tally.answered) if tally.cost else None


def waits_right(tally: Tally) -> float | None:
    """Waits within the range that the caller had heard / answered callers who heard one."""
    return _share(tally.waits_right, tally.waits_told)


def promises_kept(tally: Tally) -> float | None:
    """Kept / (kept + late + failed), of the callbacks at a time that the caller chose."""
    return _share(
        tally.callbacks_kept,
        tally.callbacks_kept + tally.callbacks_late + tally.callbacks_failed,
    )


def attempts_per_callback(tally: Tally) -> float | None:
    """Attempts / callbacks that are over."""
    return _share(tally.callback_attempts, tally.callbacks_reached + tally.callbacks_expired)


def containment(tally: Tally) -> float | None:
    """Ended in the menu by a step marked "served" / entered the menu."""
    return _share(tally.menu_served, tally.menu_entered)


def true_containment(tally: Tally) -> float | None:
    """The same without the callers who came back within 24 hours."""
    return _share(tally.menu_served - tally.menu_back, tally.menu_entered)


def first_contact_resolution(tally: Tally) -> float | None:
    """1 - repeats / resolved: a repeat is a caller whom an agent talked with days before."""
    repeated = _share(tally.repeats, tally.contacts)
    return None if repeated is None else 1.0 - repeated
