"""Alerts: looked after with the figures, written down, shown, counted and logged.

What is raised, cleared and acknowledged is an entry of the journal, and the records' fold
(`reporting.alerts.AlertBook`) makes of it which alerts stand: so a restart changes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from acd import decisions as d
from agent_console.live import SUPERVISOR
from callcenter.figuresnow import FiguresNow, Store
from callcenter.metrics import Metrics
from config.site import Site
from reporting.alerts import (
    Alert,
    AlertAcknowledged,
    AlertBook,
    AlertCleared,
    AlertRaised,
    AlertRule,
    Reading,
    Told,
)
from reporting.definitions import ALL, NOW, Figure

log = structlog.get_logger("callcenter.alerting")

LANGUAGES = ("en", "zh")
_WINDOWS = {
    "15": ("last 15 min", "最近 15 分钟"),
    "30": ("last 30 min", "最近 30 分钟"),
    "60": ("last 60 min", "最近 60 分钟"),
    "interval": ("this quarter of an hour", "本刻钟"),
    "day": ("today", "今天"),
}
_ALL_QUEUES = ("all queues", "全部队列")


class Alerting:
    """Holds the rules against the figures. `note` writes an entry down and folds it."""

    def __init__(
        self,
        *,
        book: AlertBook,
        store: Store,
        metrics: Metrics,
        site: Callable[[], Site],
        name_of: Callable[[str, str, str], str],
        note: Callable[[object, float], object],
        now: Callable[[], float],
        midnight: Callable[[float], float],
    ) -> None:
        """`name_of` gives the name of a ("queue", id) or ("team", id) in a language."""
        self._book = book
        self._store = store
        self._metrics = metrics
        self._site = site
        self._name_of = name_of
        self._note = note
        self._now = now
        self._midnight = midnight

    def watch(self, figures: FiguresNow) -> None:
        """After each look: raise, clear, and show what is different."""
        site, now = self._site(), self._now()

        def read(rule: AlertRule, target: str) -> Reading:
            return _reading(figures, rule, target)

        def targets(rule: AlertRule) -> Iterable[str]:
            return _targets(site, rule)

        for told in self._book.look(site.alert_rules(), targets, read, now):
            self._tell(told, now)
        self._book.forget(self._midnight(now))
        self.publish()

    def acknowledge(self, by: str, alert: str) -> d.Refused | None:
        """Somebody has seen it; a refusal when there is nothing to be seen (any more)."""
        standing = self._book.standing.get(alert)
        if standing is None:
            return d.Refused("AlertAcknowledged", "alert-over", "This alert does not stand.")
        if standing.acknowledged is None:
            self._note(AlertAcknowledged(alert, by), self._now())
            self.publish()
        return None

    def _tell(self, told: Told, now: float) -> None:
        if isinstance(told, AlertRaised):
            self._metrics.alerts_raised.labels(told.rule).inc()
            log.warning(
                "alert", alert=told.alert, value=told.value, limit=told.threshold, about=told.about
            )
        elif isinstance(told, AlertCleared):
            log.info("alert over", alert=told.alert, value=told.value, why=told.why)
        self._note(told, now)

    # Showing -------------------------------------------------------------------------------

    def publish(self) -> None:
        """Put what stands, and what was over today, before the supervisors."""
        shown = {f"alert:{one.raised.alert}": one for one in self._book.standing.values()}
        for number, one in enumerate(self._book.over):
            shown[f"alert:{one.raised.alert}@{one.since:.3f}.{number}"] = one
        for key, alert in shown.items():
            self._store.put(SUPERVISOR, key, self.entity(alert))
        for key in self._store.keys(SUPERVISOR):
            if key.startswith("alert:") and key not in shown:
                self._store.drop(SUPERVISOR, key)
        self._metrics.alerts.clear()
        for one in self._book.standing.values():
            self._metrics.alerts.labels(one.raised.rule).inc()

    def all(self) -> Sequence[dict[str, Any]]:
        """What stands, the latest first, then what was over today."""
        standing = sorted(self._book.standing.values(), key=lambda one: -one.since)
        return [self.entity(one) for one in (*standing, *reversed(self._book.over))]

    def entity(self, alert: Alert) -> dict[str, Any]:
        """As `agent_console.protocol.AlertLive`."""
        raised = alert.raised
        return {
            "alert": raised.alert,
            "rule": raised.rule,
            "figure": raised.figure,
            "scope": raised.scope,
            "target": raised.target,
            "window": raised.window,
            "value": raised.value,
            "threshold": raised.threshold,
            "clear": raised.clear,
            "about": raised.about,
            "since": alert.since,
            "text": {language: self._sentence(raised, language) for language in LANGUAGES},
            "acknowledged": alert.acknowledged,
            "by": alert.by,
            "cleared": alert.cleared,
            "why": alert.why,
        }

    def _sentence(self, raised: AlertRaised, language: str) -> str:
        chinese = language == "zh"
        figure = ALL.get(raised.figure)
        if figure is None:
            return f"{raised.alert}: {raised.value:g}"
        whose = _ALL_QUEUES[chinese]
        if raised.target:
            whose = self._name_of(raised.scope, raised.target, language)
        value, limit = _shown(figure, raised.value), _shown(figure, raised.threshold)
        window = _WINDOWS.get(raised.window, ("", ""))[chinese]
        name = figure.name[language]
        if chinese:
            told = f"{whose}：{name} {value}（限值 {limit}{f'，{window}' if window else ''}）"
        else:
            name = name[0].lower() + name[1:]
            told = f"{whose}: {name} {value} (limit {limit}{f', {window}' if window else ''})"
        return f"{told} {raised.about}".rstrip()


def _targets(site: Site, rule: AlertRule) -> Iterable[str]:
    if rule.scope == "site":
        return ("",)
    known = site.queues if rule.scope == "queue" else site.team_members()
    if rule.target:
        return (rule.target,) if rule.target in known else ()
    return known


def _reading(figures: FiguresNow, rule: AlertRule, target: str) -> Reading:
    found, figure = figures.seen.get((rule.scope, target)), ALL.get(rule.figure)
    if found is None or figure is None:
        return Reading(None)
    windows, moment = found
    if rule.figure in NOW:
        about = _differences(figures, target) if rule.figure == "books_out" else ""
        return Reading(figure.of(moment), about=about)
    tally = windows[rule.window or "day"]
    counted = int(getattr(tally, figure.least)) if figure.least else None
    return Reading(figure.of(tally), counted)


def _differences(figures: FiguresNow, queue: str) -> str:
    """The numbers that differ: what the engine has, and what the records have."""
    return "; ".join(
        f"{name}: {engine} / {records}" for name, (engine, records) in figures.books(queue).items()
    )


def _shown(figure: Figure, value: float) -> str:
    if figure.unit == "share":
        return f"{100 * value:.3g}%"
    if figure.unit == "s":
        return f"{int(value) // 60}:{int(value) % 60:02}"
    return f"{value:g}"
