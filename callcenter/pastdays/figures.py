"""What days came to, counted the same way whether they really happened or were simulated."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass

from acd import decisions as d
from callcenter import happenings as h
from reporting.figures import Tally, abandon_rate, aht, asa, occupancy, service_level
from reporting.intervals import BUSY, Limits, count
from reporting.records import RecordFold

OTHER_WORK = "other work"
"""The not-ready reason of simulated agents who really did something else than these calls."""

_VISITS = frozenset(("CallEntered", "CallLeft", "CallCompleted", "CallTaken", "WrapUpEnded"))


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one queue, or of all together, by the definitions of `reporting.figures`.

    Shares are between 0 and 1 (service level: standard); None where nothing was counted.
    """

    offered: int
    answered: int
    abandoned: int
    flowed_out: int
    turned_away: int
    service_level: float | None
    abandon_rate: float | None
    asa_s: float | None
    aht_s: float | None
    occupancy: float | None
    longest_wait_s: float


class Account:
    """Takes decisions in their order and counts the visits that began in [since, until).

    `skip` are calls that are in no figure, `limits` what each queue promises.
    """

    def __init__(
        self,
        since: float,
        until: float,
        limits: Callable[[str], Limits],
        skip: Container[str] = (),
    ) -> None:
        self._since, self._until = since, until
        self._limits = limits
        self._skip = skip
        self._fold = RecordFold()
        self._away: list[d.CallTurnedAway] = []
        self._spans: dict[str, tuple[str, float]] = {}  # agent to kind of time and its begin
        self._spent: dict[str, dict[str, float]] = {}  # agent to kind of time, seconds

    def decided(self, decision: d.Decision, at: float) -> None:
        """Take one decision."""
        if isinstance(decision, d.AgentChanged):
            self.agent(decision, at)
        elif isinstance(decision, d.CallTurnedAway):
            if self._since <= at < self._until and decision.call not in self._skip:
                self._away.append(decision)
        elif type(decision).__name__ in _VISITS:
            data = h.as_dict(decision)
            self._fold.feed("decision", type(decision).__name__, h.call_of(decision), data, at)

    def agent(self, changed: d.AgentChanged, at: float) -> None:
        """An agent's state from now on."""
        kind = "ready" if changed.state == "ready" else ""
        away_for_work = changed.state == "not ready" and changed.reason == OTHER_WORK
        if changed.state in BUSY or away_for_work:
            kind = "busy"
        before = self._spans.get(changed.agent)
        if before is not None and before[0] == kind:
            return
        self._close(changed.agent, at)
        self._spans[changed.agent] = (kind, at)

    def _close(self, agent: str, at: float) -> None:
        kind, begin = self._spans.get(agent, ("", at))
        seconds = min(at, self._until) - max(begin, self._since)
        if kind and seconds > 0.0:
            spent = self._spent.setdefault(agent, {})
            spent[kind] = spent.get(kind, 0.0) + seconds

    def figures(self, agents_of: Mapping[str, Iterable[str]]) -> dict[str, Figures]:
        """By queue, "" for all together; `agents_of` says whose time is a queue's."""
        for agent in list(self._spans):
            self._close(agent, self._until)
        self._spans.clear()
        tallies: dict[str, Tally] = {queue: Tally() for queue in agents_of}
        for record in self._fold.calls.values():
            for visit in record.visits:
                inside = self._since <= visit.entered < self._until
                if inside and record.call_id not in self._skip:
                    tally = tallies.setdefault(visit.queue, Tally())
                    tally += count(visit, self._limits(visit.queue))
        for away in self._away:
            tallies.setdefault(away.queue, Tally()).turned_away += 1
        whole = Tally()
        for tally in tallies.values():
            whole += tally
        found = {"": _figures(whole, self._occupancy(self._spent))}
        for queue, tally in sorted(tallies.items()):
            if tally.offered or tally.turned_away:
                found[queue] = _figures(tally, self._occupancy(agents_of.get(queue, ())))
        return found

    def _occupancy(self, agents: Iterable[str]) -> float | None:
        spent = [self._spent.get(agent, {}) for agent in agents]
        return occupancy(
            sum(times.get("busy", 0.0) for times in spent),
            sum(times.get("ready", 0.0) for times in spent),
        )


def _figures(tally: Tally, occupied: float | None) -> Figures:
    return Figures(
        tally.offered,
        tally.answered,
        tally.abandoned,
        tally.flowed_out,
        tally.turned_away,
        service_level(tally),
        abandon_rate(tally),
        asa(tally),
        aht(tally),
        occupied,
        tally.longest_wait_s,
    )
