"""The figures of a call center: what is counted, and each figure's exact meaning.

A `Tally` holds counts and sums; `FIGURES` turns a tally into figures, each with a name, a
version and its formula in words. A figure whose denominator is zero is None, never zero.

Notation: O offered, H answered, A abandoned, F flowed out, S short abandons, T threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

FLOWED_OUT = ("overflowed", "callback", "withdrawn", "switch lost")
"""Outcomes of a queue visit that are neither answered nor abandoned."""

SHORT_ABANDON_S = 5.0
THRESHOLD_S = 20.0


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
    placed: int = 0  # calls that agents dialled themselves: in no other count
    placed_reached: int = 0

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
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_wait_s = max(self.longest_wait_s, other.longest_wait_s)
        return self

    def __isub__(self, other: Tally) -> Tally:
        """Take out what was added before; the longest wait stays."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) - getattr(other, name))
        return self


_SUMS = tuple(field.name for field in fields(Tally) if field.name != "longest_wait_s")


def check_books(tally: Tally, waiting: int | None = None) -> int:
    """How far the books are out: O - (H + A + F + still waiting). Zero, or there is a bug.

    `waiting` is the number counted elsewhere (the live queue); left out, the tally's own.
    """
    still = tally.waiting if waiting is None else waiting
    return tally.offered - (tally.answered + tally.abandoned + tally.flowed_out + still)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its definition. `unit` is "share" (0 to 1), "s" or "count"."""

    id: str
    name: dict[str, str]
    version: int
    formula: str
    unit: str
    of: Callable[[Tally], float | None]


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


def _level(kind: str) -> Callable[[Tally], float | None]:
    return lambda tally: service_level(tally, kind)


FIGURES: dict[str, Figure] = {
    figure.id: figure
    for figure in (
        Figure(
            "service_level",
            {"en": "Service level", "zh": "服务水平"},
            1,
            "answered within T / (answered + abandoned + flowed out - short abandons)",
            "share",
            _level("standard"),
        ),
        Figure(
            "service_level_negative",
            {"en": "Service level (abandons count against)", "zh": "服务水平（放弃计为未达标）"},
            1,
            "answered within T / offered",
            "share",
            _level("negative"),
        ),
        Figure(
            "service_level_ignored",
            {"en": "Service level (early abandons ignored)", "zh": "服务水平（忽略早期放弃）"},
            1,
            "answered within T / (offered - abandoned within T)",
            "share",
            _level("ignored"),
        ),
        Figure(
            "service_level_positive",
            {
                "en": "Service level (early abandons count as met)",
                "zh": "服务水平（早期放弃计为达标）",
            },
            1,
            "(answered within T + abandoned within T) / offered",
            "share",
            _level("positive"),
        ),
        Figure(
            "service_level_handled_only",
            {"en": "Service level (answered calls only)", "zh": "服务水平（仅已接来电）"},
            1,
            "answered within T / answered",
            "share",
            _level("handled_only"),
        ),
        Figure(
            "abandon_rate",
            {"en": "Abandon rate", "zh": "放弃率"},
            1,
            "abandoned / offered",
            "share",
            abandon_rate,
        ),
        Figure(
            "abandon_rate_without_short",
            {"en": "Abandon rate without short abandons", "zh": "放弃率（不含短放弃）"},
            1,
            "(abandoned - short abandons) / (offered - short abandons)",
            "share",
            abandon_rate_without_short,
        ),
        Figure(
            "asa_s",
            {"en": "Average speed of answer", "zh": "平均应答速度"},
            1,
            "sum of the waits of answered calls / answered; waiting starts on entering the queue",
            "s",
            asa,
        ),
        Figure(
            "aht_s",
            {"en": "Average handle time", "zh": "平均处理时长"},
            1,
            "(talk + hold + wrap-up) / answered calls that are over; ring time is not in it",
            "s",
            aht,
        ),
        Figure(
            "acw_s",
            {"en": "Average after-call work", "zh": "平均话后处理时长"},
            1,
            "wrap-up / answered calls that are over",
            "s",
            acw,
        ),
        Figure(
            "transfer_rate",
            {"en": "Transfer rate", "zh": "转接率"},
            1,
            "answered calls that an agent gave away / answered; each queue visit counts by itself",
            "share",
            transfer_rate,
        ),
        Figure(
            "books",
            {"en": "Books check (0 when they balance)", "zh": "账目核对（平衡时为0）"},
            1,
            "offered - (answered + abandoned + flowed out + still waiting)",
            "count",
            lambda tally: float(check_books(tally)),
        ),
    )
}


def definitions() -> list[dict[str, object]]:
    """Each figure's id, name, version, formula and unit, for hovers and schemas."""
    rows: list[dict[str, object]] = [
        {"id": f.id, "name": f.name, "version": f.version, "formula": f.formula, "unit": f.unit}
        for f in FIGURES.values()
    ]
    rows.append(
        {
            "id": "occupancy",
            "name": {"en": "Occupancy", "zh": "占用率"},
            "version": 1,
            "formula": "(talk + hold + wrap-up) / (talk + hold + wrap-up + ready)",
            "unit": "share",
        }
    )
    return rows
