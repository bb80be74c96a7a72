"""Alerts: a figure that is beyond its threshold for a while, until it is well back for a while.

    quiet ──beyond the threshold──▶ pending ──still so after for_s──▶ RAISED
      ▲                                │ back                            │ back past `clear`
      └────────────────────────────────┘                                 ▼
      └──────────still so after clear_for_s──────────────────────── recovering
                                                   (beyond `clear` again: raised)

Pure: `AlertBook.look` takes the figures of a moment and gives what is to be told;
`AlertBook.apply` folds what was told (it is in the journal), so that after a restart the same
alerts stand, raised when they were. Only how long something has been pending is begun anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import msgspec

Scope = Literal["queue", "team", "site"]
MOST_KEPT = 200  # of what has been over since midnight
MOST_STANDING = 2_000


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When a figure (`reporting.definitions`) of something is an alert.

    It is beyond the threshold when `above` (or `below`) it, and well back when at `clear` or on
    the good side of it. `target` "" stands for each queue (or team) by itself. `window` is one
    of `reporting.live.WINDOWS`, "" for figures of the moment. Shares and means count only with
    at least `least` calls behind them.
    """

    id: str
    figure: str
    scope: Scope = "queue"
    target: str = ""
    window: str = ""
    above: float | None = None
    below: float | None = None
    clear: float = 0.0
    for_s: float = 60.0
    clear_for_s: float = 60.0
    least: int = 10

    @property
    def threshold(self) -> float:
        """The number that must not be passed."""
        return self.above if self.above is not None else self.below or 0.0

    def beyond(self, value: float) -> bool:
        """Whether this is worth an alert, if it stays."""
        if self.above is not None:
            return value > self.above
        return value < (self.below or 0.0)

    def well(self, value: float) -> bool:
        """Whether this is good enough to end one, if it stays."""
        return value <= self.clear if self.above is not None else value >= self.clear


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """A figure has been beyond its threshold for the rule's time. `about` adds numbers."""

    alert: str  # the rule's id, with what it is about: "slow-answers:sales" (see `name_of`)
    rule: str
    figure: str
    scope: str
    target: str
    window: str
    value: float
    threshold: float
    clear: float
    about: str = ""


@dataclass(frozen=True, slots=True)
class AlertCleared:
    """The figure is well back; or `why` says that nobody looks any more: "gone"."""

    alert: str
    value: float | None
    why: str = ""
    scope: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class AlertAcknowledged:
    """Somebody has seen it: it stays, but calls for nobody any more. `by` is a user's id."""

    alert: str
    by: str


Told = AlertRaised | AlertCleared | AlertAcknowledged


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure now. `value` None: there is nothing to go by, which is no alert.

    `counted` is how many calls are behind it (None: it is no share or mean).
    """

    value: float | None
    counted: int | None = None
    about: str = ""


# The figure of a rule for one queue, team or the site, now.
Read = Callable[[AlertRule, str], Reading]
# What a rule is about: the ids of its scope.
Targets = Callable[[AlertRule], Iterable[str]]


@dataclass(slots=True)
class Alert:
    """One alert, standing or over."""

    raised: AlertRaised
    since: float
    acknowledged: float | None = None
    by: str = ""
    cleared: float | None = None
    why: str = ""


class AlertBook:
    """Which alerts stand, and what has been over today."""

    def __init__(self) -> None:
        self.standing: dict[str, Alert] = {}
        self.over: deque[Alert] = deque(maxlen=MOST_KEPT)
        self._turning: dict[str, float] = {}  # alert to when it began to be pending or to recover

    # Looking -------------------------------------------------------------------------------

    def look(
        self, rules: Mapping[str, AlertRule], targets: Targets, read: Read, now: float
    ) -> list[AlertRaised | AlertCleared]:
        """What is to be told now: the caller writes it down, and gives it to `apply`."""
        told: list[AlertRaised | AlertCleared] = []
        looked: set[str] = set()
        for rule in rules.values():
            for target in targets(rule):
                alert = name_of(rule, target)
                looked.add(alert)
                said = self._look(alert, rule, target, read(rule, target), now)
                if said is not None:
                    told.append(said)
        for alert in [alert for alert in self._turning if alert not in looked]:
            del self._turning[alert]
        for alert, standing in self.standing.items():
            if alert not in looked:
                raised = standing.raised
                told.append(AlertCleared(alert, None, "gone", raised.scope, raised.target))
        return told

    def _look(
        self, alert: str, rule: AlertRule, target: str, reading: Reading, now: float
    ) -> AlertRaised | AlertCleared | None:
        value = reading.value
        if alert in self.standing:
            # Without calls there is nothing that could get better: that ends it, too.
            if value is not None and not rule.well(value):
                self._turning.pop(alert, None)
                return None
            cleared = AlertCleared(alert, value, "", rule.scope, target)
            return self._after(alert, rule.clear_for_s, now, cleared)
        few = reading.counted is not None and reading.counted < rule.least
        if value is None or few or not rule.beyond(value):
            self._turning.pop(alert, None)
            return None
        if len(self.standing) >= MOST_STANDING:
            return None
        raised = AlertRaised(
            alert,
            rule.id,
            rule.figure,
            rule.scope,
            target,
            rule.window,
            value,
            rule.threshold,
            rule.clear,
            reading.about,
        )
        return self._after(alert, rule.for_s, now, raised)

    def _after(
        self, alert: str, wait_s: float, now: float, told: AlertRaised | AlertCleared
    ) -> AlertRaised | AlertCleared | None:
        since = self._turning.setdefault(alert, now)
        return told if now - since >= wait_s else None

    # Folding -------------------------------------------------------------------------------

    def feed(self, kind: str, data: Mapping[str, Any], at: float) -> bool:
        """Take an entry of the journal; False when it is none of ours, or changed nothing."""
        told = _TOLD.get(kind)
        return told is not None and self.apply(msgspec.convert(data, told), at)

    def apply(self, told: Told, at: float) -> bool:
        """Take what was told; False when it changed nothing."""
        match told:
            case AlertRaised():
                if told.alert in self.standing:
                    return False
                self._turning.pop(told.alert, None)
                self.standing[told.alert] = Alert(told, at)
            case AlertCleared():
                alert = self.standing.pop(told.alert, None)
                if alert is None:
                    return False
                self._turning.pop(told.alert, None)
                self.over.append(replace(alert, cleared=at, why=told.why))
            case AlertAcknowledged():
                alert = self.standing.get(told.alert)
                if alert is None or alert.acknowledged is not None:
                    return False
                alert.acknowledged, alert.by = at, told.by
        return True

    def forget(self, before: float) -> None:
        """Drop what was over before `before`."""
        while self.over and (self.over[0].cleared or 0.0) < before:
            self.over.popleft()

    def snapshot(self) -> dict[str, Any]:
        """All that `apply` made, as JSON values."""
        return {
            "standing": [asdict(alert) for alert in self.standing.values()],
            "over": [asdict(alert) for alert in self.over],
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Become what `snapshot` gave ({} for nothing)."""
        standing = [_alert(row) for row in kept.get("standing", ())]
        self.standing = {alert.raised.alert: alert for alert in standing}
        self.over = deque((_alert(row) for row in kept.get("over", ())), maxlen=MOST_KEPT)
        self._turning = {}


BOOKS = AlertRule("books", "books_out", above=0.0, for_s=0.0, least=0)
"""Books that are out of balance are always an alert."""


def usual_rules(queues: Mapping[str, tuple[float, float]]) -> tuple[AlertRule, ...]:
    """The rules of a site that names none. `queues`: threshold in seconds and target of each.

    An alert is what the supervisor's page shows in red: three times the threshold, a tenth
    below the target.
    """
    found: list[AlertRule] = []
    for queue, (threshold_s, target) in queues.items():
        found += (
            AlertRule(
                f"long-wait-{queue}",
                "longest_wait_s",
                target=queue,
                above=3 * threshold_s,
                clear=threshold_s,
                for_s=5.0,
                clear_for_s=30.0,
            ),
            AlertRule(
                f"service-level-{queue}",
                "service_level",
                target=queue,
                window="30",
                below=max(0.0, target - 0.1),
                clear=target,
            ),
        )
    return (
        *found,
        AlertRule("abandon-rate", "abandon_rate", window="30", above=0.1, clear=0.05),
        AlertRule("unstaffed", "unstaffed", above=0.0, for_s=30.0, clear_for_s=10.0),
        BOOKS,
    )


def name_of(rule: AlertRule, target: str) -> str:
    """What the alert of a rule about something is called, for ever."""
    return rule.id if target == rule.target else f"{rule.id}:{target}"


def _alert(row: Mapping[str, Any]) -> Alert:
    return msgspec.convert(row, Alert)


_TOLD: dict[str, type[Told]] = {
    one.__name__: one for one in (AlertRaised, AlertCleared, AlertAcknowledged)
}
