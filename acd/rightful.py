"""Who has the right to an agent, and to a caller: what `acd.invariants` holds the engine to.

Reckoned slowly, from plain data, each time anew, by the words of `acd.site`; it shares no code and
no state with the engine. Times that are exactly due at this moment may be seen either way:
`surely` asks for what holds in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Final

from acd.decisions import AgentChanged
from acd.site import CALL, Agent, Queue, Site, SkillNeed
from acd.states import WITH_CALLER

TOLERANCE_S: Final = 1e-5
_TAU_S: Final = 1800.0  # least occupied: how fast what was busy is forgotten
_REMEMBERING: Final = ("round-robin", "fewest-calls", "least-occupied")
_BUSY: Final = frozenset({*WITH_CALLER, "wrap-up"})

Rank = tuple[float, ...]


@dataclass(slots=True)
class Stay:
    """A call in a queue, as the notices tell."""

    call: str
    queue: str
    kind: str
    entered: float
    arrived: float
    seq: int
    priority: int  # the call's own
    needs: tuple[SkillNeed, ...]
    in_line: bool = True
    later: bool = False  # a callback whose time has not come
    parked: bool = False  # a callback whose caller may still be on the line
    parked_until: float | None = None  # a parked call: in no line before
    offers: set[str] = field(default_factory=set)  # what rings for it
    taken: bool = False  # somebody has answered
    away: bool = False  # since the position was told a phone has rung, or the rules are others
    ages_from: float = 0.0  # what waiting changes counts from then
    preferred: str = ""  # the agent who is waited for
    preferred_until: float = 0.0


class Rights:
    """The rules of a site, and what has to be remembered of its agents to judge by them."""

    def __init__(self, site: Site) -> None:
        self.people: dict[str, Agent] = {}  # as in force: the ledger keeps it
        self._offers: dict[tuple[str, str], int] = {}  # (agent, queue) to the last one's number
        self._answered: dict[tuple[str, str], int] = {}  # ... to calls since signing in
        self._busy: dict[str, list[tuple[float, float]]] = {}  # agent to spells: from, to
        self._busy_since: dict[str, float] = {}
        self._number = 0
        self._forgotten: set[str] = set()  # queues that did not always count the same
        self.queues: dict[str, Queue] = {}
        self.configure(site)

    def configure(self, site: Site) -> None:
        """Go by this site; `people` is set by the ledger."""
        before = {queue.id: queue.choice for queue in self.queues.values()}
        self.site = site
        self.queues = {queue.id: queue for queue in site.queues}
        self._forgotten |= {q.id for q in site.queues if before.get(q.id, q.choice) != q.choice}
        self._position = {agent.id: n for n, agent in enumerate(site.agents)}

    # Remembering ---------------------------------------------------------------------------

    def agent(self, before: AgentChanged | None, x: AgentChanged, now: float) -> None:
        """An agent's state has changed."""
        if x.state == "offline":
            for key in [key for key in self._answered if key[0] == x.agent]:
                del self._answered[key]
        if x.state in _BUSY:
            self._busy_since.setdefault(x.agent, now)
        elif x.agent in self._busy_since:
            self._busy.setdefault(x.agent, []).append((self._busy_since.pop(x.agent), now))

    def offered(self, agent: str, queue: str) -> None:
        """A call of the queue rings at the agent's."""
        self._number += 1
        self._offers[agent, queue] = self._number

    def answered(self, agent: str, queue: str) -> None:
        """The agent has a call of the queue."""
        self._answered[agent, queue] = self._answered.get((agent, queue), 0) + 1

    # Callers -------------------------------------------------------------------------------

    def may(self, agent_id: str, stay: Stay, now: float, *, surely: bool = False) -> bool:
        """Whether the agent may be given this caller now."""
        agent, queue = self.people.get(agent_id), self.queues.get(stay.queue)
        if agent is None or queue is None:
            return False
        if stay.preferred:
            over_s = now - stay.preferred_until
            if agent_id == stay.preferred and (over_s < -TOLERANCE_S or not surely):
                return queue.id in agent.queues
            if over_s < (TOLERANCE_S if surely else -TOLERANCE_S):
                return False
        slack_s = -TOLERANCE_S if surely else TOLERANCE_S
        needs, also = _asked(queue, stay, now - stay.ages_from + slack_s)
        if not {queue.id, *also}.intersection(agent.queues):
            return False
        return all(_holds(agent.skills, need) for need in needs)

    def comes_before(self, one: Stay, other: Stay, agent_id: str, now: float) -> bool:
        """Whether the agent surely has to be given `one` before `other`."""
        first = self._is_first(one, now - TOLERANCE_S), self._is_first(other, now + TOLERANCE_S)
        if any(first):
            by_arrival = (one.arrived, one.seq) < (other.arrived, other.seq)
            return first[0] and (not first[1] or by_arrival)
        mine, theirs = self._order_of(agent_id, one), self._order_of(agent_id, other)
        if mine != theirs:
            return mine < theirs
        priority = self._priority(one), self._priority(other)
        worth_s = self.site.priority_worth_s
        if worth_s is None and priority[0] != priority[1]:
            return priority[0] > priority[1]
        if self.site.sharing == "weight" and one.queue != other.queue:
            return False  # a question of many calls, not of one
        return self._moment(one, worth_s) < self._moment(other, worth_s)

    def _is_first(self, stay: Stay, now: float) -> bool:
        queue = self.queues.get(stay.queue)
        limit_s = queue.first_after_s if queue is not None else None
        return limit_s is not None and now >= stay.ages_from + limit_s

    def _order_of(self, agent_id: str, stay: Stay) -> int:
        agent = self.people.get(agent_id)
        return agent.order.get(stay.queue, 1) if agent is not None else 1

    def _priority(self, stay: Stay) -> int:
        queue = self.queues.get(stay.queue)
        return stay.priority + (queue.priority if queue is not None else 0)

    def _moment(self, stay: Stay, worth_s: float | None) -> tuple[float, int]:
        """When the caller's time has come, the earlier the better."""
        queue = self.queues.get(stay.queue)
        due_s = queue.threshold_s if queue is not None and self.site.sharing == "target" else 0.0
        return (stay.arrived + due_s - self._priority(stay) * (worth_s or 0.0), stay.seq)

    # Agents --------------------------------------------------------------------------------

    def asked_before(self, one: AgentChanged, other: AgentChanged, stay: Stay, now: float) -> bool:
        """Whether the queue's choice surely is `one` before `other`; both may be given the call."""
        mine, theirs = self._order_of(one.agent, stay), self._order_of(other.agent, stay)
        if mine != theirs:
            return mine < theirs
        ranks = [self._rank(x.agent, stay, now) for x in (one, other)]
        if ranks[0] is None or ranks[1] is None:
            return False
        if any(abs(a - b) > 1e-9 for a, b in zip(*ranks, strict=True)):
            return ranks[0] < ranks[1]
        if one.idle_since is None or other.idle_since is None:
            return False
        return one.idle_since < other.idle_since

    def _rank(self, agent_id: str, stay: Stay, now: float) -> Rank | None:
        """By the queue's choice, less is asked first; None where one call cannot tell."""
        queue, agent = self.queues[stay.queue], self.people[agent_id]
        unknown = queue.id in self._forgotten or queue.work != CALL  # work items count there, too
        if unknown and queue.choice in _REMEMBERING:
            return None
        match queue.choice:
            case "longest-idle":
                return ()
            case "linear":
                return (self._position[agent_id],)
            case "round-robin":
                number = self._offers.get((agent_id, queue.id))
                return None if number is None else (number,)
            case "fewest-calls":
                return (self._answered.get((agent_id, queue.id), 0),)
            case "least-occupied":
                return (self._occupancy(agent_id, now),)
            case "best-skill" | "closest-skill":
                needs, _ = _asked(queue, stay, now - stay.ages_from)
                if not needs:
                    return () if queue.choice == "best-skill" else None
                level = _level(agent.skills, needs)
                return (-level if queue.choice == "best-skill" else level,)
        return None  # weighted: a question of many calls

    def _occupancy(self, agent_id: str, now: float) -> float:
        return sum(
            exp((end - now) / _TAU_S) - exp((begin - now) / _TAU_S)
            for begin, end in self._busy.get(agent_id, ())
        )


def _asked(
    queue: Queue, stay: Stay, waited_s: float
) -> tuple[list[Sequence[SkillNeed]], list[str]]:
    """What is asked for after so much waiting: of each row one is enough; and the other queues."""
    steps = []
    for step in queue.relax:
        if step.after_s > waited_s:
            break
        steps.append(step)
    lower_by = sum(max(0, step.lower_by) for step in steps)
    dropped = {skill for step in steps for skill in step.drop}
    rows: list[Sequence[SkillNeed]] = []
    for need in (*queue.needs, *stay.needs):
        one_of = (need, *need.others)
        if not any(one.skill in dropped for one in one_of):
            rows.append([_lowered(one, lower_by) for one in one_of])
    return rows, [other for step in steps for other in step.also]


def _lowered(need: SkillNeed, by: int) -> SkillNeed:
    level = need.level if need.below else max(1, need.level - by)
    return SkillNeed(need.skill, level, need.below)


def _holds(skills: Mapping[str, int], one_of: Sequence[SkillNeed]) -> bool:
    return any(_one_holds(skills, need) for need in one_of)


def _one_holds(skills: Mapping[str, int], need: SkillNeed) -> bool:
    level = skills.get(need.skill, 0)
    return level < need.level if need.below else level >= need.level


def _level(skills: Mapping[str, int], rows: Sequence[Sequence[SkillNeed]]) -> int:
    """The levels in what is asked for, added up; a skill that two rows ask for counts once."""
    plain = {row[0].skill for row in rows if len(row) == 1 and not row[0].below}
    total = sum(skills.get(skill, 0) for skill in plain)
    return total + sum(max(_levels(skills, row), default=0) for row in rows if len(row) > 1)


def _levels(skills: Mapping[str, int], row: Sequence[SkillNeed]) -> Iterator[int]:
    return (skills[one.skill] for one in row if not one.below and _one_holds(skills, one))
