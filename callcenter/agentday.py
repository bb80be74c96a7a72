"""Each agent's day: calls handled, and time by state, folded from the engine's notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from acd import decisions as d
from reporting.figures import occupancy
from reporting.intervals import busy_and_ready


@dataclass(slots=True)
class _Day:
    midnight: float
    handled: int = 0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    states: dict[str, float] = field(default_factory=dict)


class AgentDays:
    """Since midnight of the site. `midnight(at)` is when the day of `at` began."""

    def __init__(self, midnight: Callable[[float], float]) -> None:
        self._midnight = midnight
        self._days: dict[str, _Day] = {}
        self._open: dict[str, tuple[str, float]] = {}  # state and since when

    def apply(self, entry: object, at: float) -> None:
        """Take one journal entry."""
        match entry:
            case d.CallCompleted():
                day = self._day(entry.agent, at)
                day.handled += 1
                day.talk_s += entry.talk_s
                day.hold_s += entry.hold_s
            case d.WrapUpEnded():
                self._day(entry.agent, at).wrap_up_s += entry.wrap_up_s
            case d.AgentChanged():
                state, since = self._open.get(entry.agent, ("", entry.since))
                if state == entry.state:
                    return
                if state:
                    self._spend(entry.agent, state, since, entry.since)
                self._open[entry.agent] = (entry.state, entry.since)

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON values."""
        return {
            "days": {agent: asdict(day) for agent, day in self._days.items()},
            "open": {agent: list(span) for agent, span in self._open.items()},
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Become what `snapshot` gave ({} for nothing)."""
        self._days = {agent: _Day(**day) for agent, day in kept.get("days", {}).items()}
        self._open = {agent: (span[0], span[1]) for agent, span in kept.get("open", {}).items()}

    def today(self, agent: str, now: float) -> dict[str, Any]:
        """As `agent_console.protocol.Today`."""
        day = self._of(agent, now)
        states = dict(day.states)
        state, since = self._open.get(agent, ("", now))
        if state:
            states[state] = states.get(state, 0.0) + max(0.0, now - max(since, day.midnight))
        busy_s, ready_s = busy_and_ready(states)
        spent_s = day.talk_s + day.hold_s + day.wrap_up_s
        return {
            "handled": day.handled,
            "aht_s": spent_s / day.handled if day.handled else None,
            "wrap_up_s": day.wrap_up_s / day.handled if day.handled else None,
            "occupancy": occupancy(busy_s, ready_s),
        }

    def _spend(self, agent: str, state: str, since: float, until: float) -> None:
        day = self._day(agent, until)
        seconds = until - max(since, day.midnight)
        if seconds > 0:
            day.states[state] = day.states.get(state, 0.0) + seconds

    def _day(self, agent: str, at: float) -> _Day:
        day = self._days[agent] = self._of(agent, at)
        return day

    def _of(self, agent: str, at: float) -> _Day:
        midnight = self._midnight(at)
        day = self._days.get(agent)
        return day if day is not None and day.midnight >= midnight else _Day(midnight)
