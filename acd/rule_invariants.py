"""What must always hold of the rules of queues, checked from the outside, beside `acd.invariants`.

A caller is turned away, or moved out of the line, by a rule whose occasion is true, to where that
rule leads; nobody comes in past a rule that fits. A position that is told is the one in the line,
and never worse than the last one without a reason.

Reckoned slowly, from the notices and the words of `acd.site`; it shares nothing with the engine.
What only the engine can know (the expected wait) is taken as it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from acd import decisions as d
from acd import facts as f
from acd.rightful import TOLERANCE_S, Rights, Stay
from acd.site import CALL, Queue, Rule

_THERE: Final[Mapping[str, frozenset[str]]] = {
    "signed in": frozenset({"offline"}),
    "working": frozenset({"offline", "not ready", "fault"}),
}
"""In which states an agent is not there; "ready" asks for that state alone."""

_TURNED: Final[Mapping[str, str]] = {
    "turned-closed": "closed",
    "turned-nobody": "nobody",
    "turned-full": "full",
    "turned-wait": "expected-wait",
}
_MOVED: Final[Mapping[str, str]] = {
    "overflow": "waited",
    "left-alone": "left-alone",
    "closing-time": "closing",
}
_CAUSES: Final = frozenset(
    {"priority", "earlier", "kept", "callback", "returned", "first", "meanwhile"}
)
"""Why somebody came in front of a caller."""


class Floor(Protocol):
    """What the other ledger knows."""

    now: float
    agents: dict[str, d.AgentChanged]
    stays: dict[str, Stay]
    rights: Rights

    def in_line(self, stay: Stay, *, surely: bool = False) -> bool: ...


class RuleLedger:
    """Books of its own over the rules of queues. `broken` takes invariant and text."""

    def __init__(self, floor: Floor, broken: Callable[[str, str], None]) -> None:
        self._floor = floor
        self._broken = broken
        self._closed: dict[str, float] = {}  # queue to since when
        self._alone: dict[str, float] = {}  # queue to since when nobody has been there
        self._sent: dict[str, tuple[str, ...]] = {}  # call to the queues that turned it away

    def before(self, fact: f.Fact) -> None:
        """A fact that is about to be carried out."""
        if isinstance(fact, f.QueueOpened):
            self._closed.pop(fact.queue, None)
        elif isinstance(fact, f.QueueClosed):
            self._closed.setdefault(fact.queue, self._floor.now)
        elif isinstance(fact, f.Configured):
            for stay in self._floor.stays.values():
                stay.away = True

    # The door ------------------------------------------------------------------------------

    def asked(self, fact: f.EntryAsked, away: d.CallTurnedAway | None) -> None:
        """A caller was at the door."""
        stay = self._floor.stays.get(fact.call)
        if stay is not None and stay.queue == fact.queue:
            return
        been = self._sent.pop(fact.call, ())
        been = (*(been if fact.queue not in been else ()), fact.queue)
        queue = self._floor.rights.queues[fact.queue]
        if away is None:
            self._comes_in(fact.call, queue, been)
            return
        if away.kind == "queue":
            self._sent[fact.call] = been
        occasion, to = _TURNED.get(away.reason.code), (away.kind, away.target)
        rules = [rule for rule in queue.rules if rule.when == occasion and _place(rule) == to]
        if not any(self._fits(rule, queue, away.reason) for rule in rules):
            self._broken("I5", f"{away.call} is turned away from {queue.id} by no rule: {away}")
        elif not self._leads(to, been):
            self._broken("I5", f"{away.call} is turned away to {to}, where it may not go")

    def _comes_in(self, call: str, queue: Queue, been: tuple[str, ...]) -> None:
        for rule in queue.rules:
            known = rule.when in ("closed", "nobody", "full")
            if known and self._fits(rule, queue, None) and self._leads(_place(rule), been):
                self._broken("I5", f"{call} comes into {queue.id} past {rule}")

    def _fits(self, rule: Rule, queue: Queue, told: d.Reason | None) -> bool:
        """Whether the occasion of a rule for the door is true."""
        match rule.when:
            case "closed":
                return queue.id in self._closed
            case "nobody":
                return not self._attended(queue)
            case "full":
                return self._callers(queue.id) >= rule.limit
            case _:
                low_s = told.data.get("low_s") if told is not None else None
                return isinstance(low_s, float) and low_s > rule.limit

    def _leads(self, to: tuple[str, str], been: tuple[str, ...], *, by_timer: bool = False) -> bool:
        """Whether it may go there; `by_timer`: other timers of this moment may not be over yet."""
        kind, target = to
        if kind != "queue":
            return True
        queue = self._floor.rights.queues.get(target)
        if queue is None or queue.work != CALL or target in been or target in self._closed:
            return False
        rooms = [rule.limit for rule in queue.rules if rule.when == "full"]
        return not rooms or self._callers(queue.id, surely=by_timer) < min(rooms)

    def _callers(self, queue: str, *, surely: bool = False) -> int:
        return sum(
            stay.queue == queue and stay.kind == "call" and self._floor.in_line(stay, surely=surely)
            for stay in self._floor.stays.values()
        )

    def _attended(self, queue: Queue) -> bool:
        """Whether anybody who serves the queue is there."""
        away = _THERE.get(queue.staffed)
        for agent in self._floor.agents.values():
            config = self._floor.rights.people.get(agent.agent)
            if config is None or queue.id not in config.queues:
                continue
            if agent.state == "ready" if away is None else agent.state not in away:
                return True
        return False

    # The line ------------------------------------------------------------------------------

    def changed(self, x: d.QueueChanged) -> None:
        """A queue is told to be open or closed."""
        if x.open is (x.queue in self._closed):
            self._broken("I9", f"{x.queue} is told to be open: {x.open}")

    def moved(self, x: d.CallLeft) -> None:
        """A rule has taken a caller out of the line."""
        occasion = _MOVED.get(x.reason.code)
        queue = self._floor.rights.queues.get(x.queue)
        if occasion is None or queue is None:
            return
        to = (str(x.reason.data["kind"]), str(x.reason.data["to"]))
        alone = self._alone.get(x.queue)
        if alone is None and not self._attended(queue):
            alone = self._floor.now  # the last one has left in this very moment
        since = {"waited": x.entered, "left-alone": alone}.get(occasion, self._closed.get(x.queue))
        limits = [
            rule.limit for rule in queue.rules if rule.when == occasion and _place(rule) == to
        ]
        lasted_s = -1.0 if since is None else self._floor.now - since
        if not any(limit <= lasted_s + TOLERANCE_S for limit in limits):
            self._broken("I5", f"{x.call} is moved by no rule of {x.queue}: {x.reason}")
        elif not self._leads(to, (x.queue,), by_timer=True):
            self._broken("I5", f"{x.call} is moved to {to}, where it may not go")

    def position(self, x: d.PositionTold) -> None:
        """A caller is told the position."""
        mine = self._floor.stays.get(x.call)
        if mine is None or not (self._floor.in_line(mine) or mine.parked):
            self._broken("I5", f"{x.call} is told position {x.position} and does not wait")
            return
        rights, now = self._floor.rights, self._floor.now
        others = [
            other
            for other in self._floor.stays.values()
            if other is not mine
            and other.queue == mine.queue
            and (self._floor.in_line(other) or other.parked)
        ]
        # a callback whose caller does not hang up begins all the same, some time
        surely = sum(
            rights.comes_before(other, mine, "", now) for other in others if not other.parked
        )
        perhaps = sum(not rights.comes_before(mine, other, "", now) for other in others)
        if not surely < x.position <= perhaps + 1:
            self._broken("I5", f"{x.call} is told position {x.position}, and is at {surely + 1}")
        if x.before is not None and x.position > x.before:
            causes = {name for name in _CAUSES if x.reason.data.get(name)}
            if not mine.away:
                causes.discard("meanwhile")
            if x.reason.code != "position-worse" or not causes:
                self._broken("I5", f"{x.call} falls from {x.before} to {x.position}: {x.reason}")
        mine.away = False

    def at_rest(self) -> None:
        """Nothing happens any more at this moment."""
        queues = self._floor.rights.queues
        for gone in [*self._closed.keys() - queues, *self._alone.keys() - queues]:
            self._closed.pop(gone, None)
            self._alone.pop(gone, None)
        for queue in queues.values():
            if self._attended(queue):
                self._alone.pop(queue.id, None)
            else:
                self._alone.setdefault(queue.id, self._floor.now)


def _place(rule: Rule) -> tuple[str, str]:
    return (rule.to.kind, rule.to.target)
