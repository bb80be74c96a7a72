"""Who may serve whom, and who comes first.

Agents with the same queues, skills and order form a `Group`. A group knows the lines it may
serve, a line knows the groups that may serve it and keeps their idle agents in order.
At rest no line has both a caller and an idle agent, so only what has just changed (one
caller, or one agent) is ever matched.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Collection, Iterable
from typing import Final

from acd.agents import AgentRecord
from acd.choice import begin_turns, is_usual, key_of, usual_key
from acd.lines import Key, Line, QueueState, Visit
from acd.sharing import Shares, Standing, standing
from acd.site import Agent, SkillNeed
from acd.skills import Requirement, able, both, canonical, relaxed

MAX_UNUSED_LINES: Final = 1_000
"""How many lines there may be beside the queues' own before unused ones are dropped."""

LINES_OF_A_QUEUE: Final = 8
"""With many queues there may be so many for each: or a line is made anew for every other call."""

_LOOKED_AT: Final = 4  # lines that are looked at for each new one: more than one, so they sink

Identity = tuple[str, Requirement, frozenset[str], str]
Signature = tuple[tuple[str, ...], tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]


class Group:
    """Agents whom routing can't tell apart."""

    __slots__ = ("lines", "members", "order", "own", "queues", "shares", "signature", "skills")

    def __init__(self, agent: Agent, signature: Signature) -> None:
        self.signature = signature
        self.queues = frozenset(agent.queues)
        self.skills = dict(agent.skills)
        self.order = dict(agent.order)
        self.lines: dict[Line, None] = {}  # in the order of their coming
        self.own: dict[Line, None] = {}  # those where idle agents have a place of their own
        self.members: dict[str, AgentRecord] = {}
        self.shares: Shares | None = None  # when the queues' calls are shared by weight

    def serves(self, line: Line) -> bool:
        """Whether these agents may take the callers of `line`."""
        if line.only:
            return False  # its callers wait for one agent, who knows of them
        queues = self.queues
        if line.queue.id not in queues and queues.isdisjoint(line.also):
            return False
        return self.able(line.needs)

    def able(self, needs: Requirement) -> bool:
        """Whether these agents have all the skills."""
        return able(self.skills, needs)


class Matching:
    """The lines, the groups, and the first of each for the other."""

    __slots__ = (
        "_base",
        "_groups",
        "_groups_of",
        "_lines",
        "_lines_of",
        "_looked",
        "_shared",
        "_weighted",
    )

    def __init__(self, queues: Iterable[QueueState] = (), *, share_by_weight: bool = False) -> None:
        self._shared = share_by_weight
        self._weighted = {queue.id: queue for queue in queues if queue.config.choice == "weighted"}
        self._lines: dict[Identity, Line] = {}
        self._base: dict[str, Line] = {}
        self._looked: deque[Identity] = deque()  # every line, the one looked at longest ago first
        self._lines_of: dict[str, dict[Line, None]] = {}  # by the queues whose agents may serve
        self._groups: dict[Signature, Group] = {}
        self._groups_of: dict[str, dict[Group, None]] = {}  # by queue

    # Building --------------------------------------------------------------------------

    def line(
        self,
        queue: QueueState,
        needs: tuple[SkillNeed, ...],
        steps: int = 0,
        only: str = "",
    ) -> Line:
        """The line of `queue` for a call that needs `needs` beside what the queue needs.

        `steps`: of the queue's `relax` have been taken; `only`: the agent it waits for.
        """
        if not needs and not steps and not only:
            base = self._base.get(queue.id)
            if base is None or base.queue is not queue:
                base = self._base[queue.id] = self._found(queue, canonical(queue.config.needs))
            return base
        asked = both(queue.config.needs, needs)
        if not steps:
            return self._found(queue, asked, frozenset(), only)
        taken = queue.config.relax[:steps]
        also = frozenset(other for step in taken for other in step.also) - {queue.id}
        return self._found(queue, relaxed(asked, taken), also, only)

    def _found(
        self,
        queue: QueueState,
        needs: Requirement,
        also: frozenset[str] = frozenset(),
        only: str = "",
    ) -> Line:
        identity = (queue.id, needs, also, only)
        line = self._lines.get(identity)
        if line is None or line.queue is not queue:
            if line is None:
                self._looked.append(identity)
            line = self._lines[identity] = self._new_line(queue, needs, also, only)
            self._drop_unused()
        return line

    def _new_line(
        self, queue: QueueState, needs: Requirement, also: frozenset[str], only: str
    ) -> Line:
        line = Line(queue, needs, also, only)
        queue.lines.append(line)
        if only:
            return line
        for source in (queue.id, *sorted(also)):
            self._lines_of.setdefault(source, {})[line] = None
            for group in self._groups_of.get(source, ()):
                if group.able(needs) and not (also and group in line.groups):
                    self._link(group, line)
        line.idle.sort()
        return line

    def _drop_unused(self) -> None:
        """Keep the number of lines within bounds, a few at a time."""
        queues = len(self._base)
        most = max(MAX_UNUSED_LINES + queues, LINES_OF_A_QUEUE * queues)
        for _ in range(_LOOKED_AT):
            if len(self._looked) <= most:
                return
            identity = self._looked.popleft()
            line = self._lines[identity]
            if line.visits or self._base.get(line.queue.id) is line:  # in use, or a queue's own
                self._looked.append(identity)
            else:
                del self._lines[identity]
                self._drop_line(line)

    def _drop_line(self, line: Line) -> None:
        line.queue.lines.remove(line)
        for source in (line.queue.id, *line.also):
            self._lines_of.get(source, {}).pop(line, None)
        for group in line.groups:
            del group.lines[line]
            group.own.pop(line, None)
        for *_, agent in line.idle:
            agent.own_keys.pop(line, None)

    @staticmethod
    def _link(group: Group, line: Line) -> None:
        group.lines[line] = line.groups[group] = None
        usual = is_usual(line.queue, group.order)
        if not usual:
            group.own[line] = None
        for agent in group.members.values():
            key = agent.idle_key
            if key is not None:
                if not usual:
                    key = agent.own_keys[line] = key_of(agent, line)
                line.idle.append(key)

    def group(self, agent: Agent) -> Group:
        """The group of agents like this one."""
        signature = (
            tuple(sorted(set(agent.queues))),
            tuple(sorted(agent.skills.items())),
            tuple(sorted(agent.order.items())),
        )
        group = self._groups.get(signature)
        if group is None:
            group = self._groups[signature] = Group(agent, signature)
            if self._shared:
                group.shares = Shares()
            for queue in signature[0]:
                self._groups_of.setdefault(queue, {})[group] = None
                for line in self._lines_of.get(queue, ()):
                    if line not in group.lines and group.serves(line):
                        self._link(group, line)
        return group

    def groups(self) -> Iterable[Group]:
        """Every group."""
        return self._groups.values()

    def join_group(self, agent: AgentRecord) -> None:
        """Put an agent who is in no group among those who do the same."""
        agent.group = self.group(agent.config)
        agent.group.members[agent.id] = agent

    def leave_group(self, agent: AgentRecord) -> None:
        """Take an agent out of the group, and of the idle ones; `join_group` is to follow."""
        self.remove_idle(agent)
        group = agent.group
        del group.members[agent.id]
        if not group.members:
            self._drop_group(group)

    def _drop_group(self, group: Group) -> None:
        for line in group.lines:
            del line.groups[group]
        for queue in group.queues:
            del self._groups_of[queue][group]
        del self._groups[group.signature]

    # Idle agents -----------------------------------------------------------------------

    def add_idle(self, agent: AgentRecord) -> None:
        """The agent may be offered calls from now on."""
        if self._weighted:
            begin_turns(agent, self._weighted)
        group = agent.group
        own = group.own
        usual = agent.idle_key = usual_key(agent)
        for line in group.lines:
            key = usual
            if own and line in own:
                key = agent.own_keys[line] = key_of(agent, line)
            idle = line.idle
            if not idle or key > idle[-1]:
                idle.append(key)
            else:
                insort(idle, key)

    @staticmethod
    def remove_idle(agent: AgentRecord) -> None:
        """The agent may not be offered calls any more."""
        usual = agent.idle_key
        if usual is None:
            return
        agent.idle_key = None
        group = agent.group
        own = group.own
        for line in group.lines:
            key = agent.own_keys.pop(line) if own and line in own else usual
            idle = line.idle
            del idle[0 if idle[0] is key else bisect_left(idle, key)]

    # Choosing --------------------------------------------------------------------------

    @staticmethod
    def first_caller(agent: AgentRecord) -> tuple[Visit | None, int]:
        """Whom the agent should take, and how many wait that the agent could take."""
        group = agent.group
        if group.order or agent.wanted or group.shares is not None:
            return _first_of(agent, group)
        first: Key | None = None
        waiting = 0
        for line in group.lines:
            callers = line.callers
            if callers:
                waiting += len(callers)
                if first is None or callers[0] < first:
                    first = callers[0]
        return (first[3] if first else None), waiting

    # Shares by weight ------------------------------------------------------------------

    @staticmethod
    def count(agent: AgentRecord, queue: QueueState) -> None:
        """A caller of `queue` who is in no line any more is for this agent, by the rules."""
        group = agent.group
        if group.shares is not None:
            group.shares.took(queue, {line.queue.id for line in group.lines if line.callers})

    def take_shares(self, before: Matching, queues: Collection[str]) -> None:
        """Go on with the turns of the same groups of an earlier configuration."""
        for signature, group in self._groups.items():
            known = before._groups.get(signature)
            if not group.members or known is None:
                continue
            if group.shares is not None and known.shares is not None:
                group.shares = known.shares
                group.shares.keep_only(queues)


def _first_of(agent: AgentRecord, group: Group) -> tuple[Visit | None, int]:
    """`first_caller`, where queues have an order or a weight, or callers want this agent."""
    shares, order = group.shares, group.order
    first: Standing | None = None
    waiting = 0
    for line in (*group.lines, *agent.wanted):
        callers = line.callers
        if callers:
            waiting += len(callers)
            queue = line.queue.id
            turn = 0.0 if shares is None else shares.turn(queue)
            found = standing(callers[0], order.get(queue, 1), turn)
            if first is None or found < first:
                first = found
    return (first[3][3] if first else None), waiting
