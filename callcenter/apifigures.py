"""Figures and alerts for other programs (`agent_console.api.ports.Figures`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from callcenter.alerting import Alerting
from callcenter.figuresnow import FiguresNow
from reporting.definitions import definitions, values, values_now
from reporting.figures import Tally
from reporting.store import History

Contacts = Callable[[float, float], Awaitable[Tally]]


class ApiFigures:
    """Live figures from the counters, those of a past span from the records."""

    def __init__(
        self,
        live: FiguresNow,
        history: History,
        alerting: Alerting,
        *,
        contacts: Contacts,
        name_of: Callable[[str, str], str],
    ) -> None:
        self._live = live
        self._history = history
        self._contacts = contacts
        self._name_of = name_of
        self.alerts = alerting.all

    def definitions(self) -> Sequence[dict[str, Any]]:
        """See `reporting.definitions`."""
        return definitions()

    async def now(self, scope: str, ident: str, window: str) -> Sequence[dict[str, Any]]:
        """The rows of a scope, or the one with this id, in one of `reporting.live.WINDOWS`."""
        since, until = self._live.since(window), self._live.now()
        found = await self._live.several(scope, self._wanted(scope, ident))
        return [
            {
                **self._row(scope, one, windows[window], since, until),
                "window": window,
                "values": {**values_now(moment, scope), **values(windows[window], scope)},
            }
            for one, (windows, moment) in found.items()
        ]

    async def past(
        self, scope: str, ident: str, since: float, until: float
    ) -> Sequence[dict[str, Any]]:
        """The same of a span of its own, from what is on disk and in memory."""
        queues, agents = await self._history.totals(since=since, until=until)
        whole = await self._contacts(since, until) if scope == "site" else Tally()
        rows = []
        for one in self._wanted(scope, ident):
            tally = self._live.tally_of(scope, one, queues, agents)
            if scope == "site":
                tally = self._live.with_contacts(tally, whole)
            rows.append(self._row(scope, one, tally, since, until))
        return rows

    def _wanted(self, scope: str, ident: str) -> Iterable[str]:
        known = self._live.ids(scope)
        if not ident or scope == "site":
            return known
        return (ident,) if ident in known else ()

    def _row(
        self, scope: str, ident: str, tally: Tally, since: float, until: float
    ) -> dict[str, Any]:
        return {
            "scope": scope,
            "id": ident,
            "name": self._name_of(scope, ident) if ident else "",
            "window": "",
            "since": since,
            "until": until,
            "values": values(tally, scope),
            "counts": {name: value for name, value in asdict(tally).items() if value},
        }
