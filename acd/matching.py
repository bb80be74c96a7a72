"""Who may serve whom, and who comes first.

Agents with the same queues and skills form a `Group`. A group knows the lines it may
serve, a line knows the groups that may serve it and keeps their idle agents in order.
At rest no line has both a caller and an idle agent, so only what has just changed (one
caller, or one agent) is ever matched.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from acd.agents import AgentRecord
from acd.lines import Key, Line, QueueState, Visit
from acd.site import Agent, SkillNeed

MAX_UNUSED_LINES = 1_000
Signature = tuple[tuple[str, ...], tuple[tuple[str, int], ...]]


class Group:
    """Agents whom routing can't tell apart."""

    __slots__ = ("lines", "members", "queues", "skills")

    def __init__(self, agent: Agent) -> None:
        self.queues = frozenset(agent.queues)
        self.skills = dict(agent.skills)
        self.lines: list[Line] = []
        self.members: dict[str, AgentRecord] = {}

    def serves(self, line: Line) -> bool:
        """Whether these agents may take the callers of `line`."""
        return line.queue.id in self.queues and self.able(line.levels)

    def able(self, levels: list[tuple[str, int]]) -> bool:
        """Whether these agents have all the skills. A loop, for it runs for each group."""
        skills = self.skills
        for skill, level in levels:  # noqa: SIM110 - twice as fast as all(...)
            if skills.get(skill, 0) < level:
                return False
        return True


class Matching:
    """The lines, the groups, and the first of each for the other."""

    __slots__ = ("_base", "_groups", "_groups_of", "_lines")

    def __init__(self) -> None:
        self._lines: dict[tuple[str, tuple[SkillNeed, ...]], Line] = {}
        self._base: dict[str, Line] = {}
        self._groups: dict[Signature, Group] = {}
        self._groups_of: dict[str, list[Group]] = {}  # by queue

    # Building --------------------------------------------------------------------------

    def line(self, queue: QueueState, needs: tuple[SkillNeed, ...]) -> Line:
        """The line of `queue` for a call that needs `needs` beside what the queue needs."""
        if not needs:
            base = self._base.get(queue.id)
            if base is not None and base.queue is queue:
                return base
        merged = merged_needs(queue.config.needs, needs)
        line = self._lines.get((queue.id, merged))
        if line is None or line.queue is not queue:
            line = self._new_line(queue, merged)
        if not needs:
            self._base[queue.id] = line
        return line

    def _new_line(self, queue: QueueState, needs: tuple[SkillNeed, ...]) -> Line:
        if len(self._lines) >= MAX_UNUSED_LINES:
            self._drop_unused()
        line = self._lines[queue.id, needs] = Line(queue, needs)
        queue.lines.append(line)
        for group in self._groups_of.get(queue.id, ()):
            if group.able(line.levels):
                self._link(group, line)
        line.idle.sort()
        return line

    def _drop_unused(self) -> None:
        in_use = {id(line) for line in self._base.values()}
        for key, line in list(self._lines.items()):
            if line.visits == 0 and id(line) not in in_use:
                del self._lines[key]
                line.queue.lines.remove(line)
                for group in line.groups:
                    group.lines.remove(line)

    @staticmethod
    def _link(group: Group, line: Line) -> None:
        group.lines.append(line)
        line.groups.append(group)
        for agent in group.members.values():
            if agent.idle_key is not None:
                line.idle.append(agent.idle_key)

    def group(self, agent: Agent) -> Group:
        """The group of agents like this one."""
        signature = (tuple(sorted(set(agent.queues))), tuple(sorted(agent.skills.items())))
        group = self._groups.get(signature)
        if group is None:
            group = self._groups[signature] = Group(agent)
            for queue in group.queues:
                self._groups_of.setdefault(queue, []).append(group)
            for line in self._lines.values():
                if group.serves(line):
                    self._link(group, line)
        return group

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
            line.groups.remove(group)
        for queue in group.queues:
            self._groups_of[queue].remove(group)
        self._groups = {key: kept for key, kept in self._groups.items() if kept is not group}

    # Idle agents -----------------------------------------------------------------------

    @staticmethod
    def add_idle(agent: AgentRecord) -> None:
        """The agent may be offered calls from now on."""
        assert agent.idle_since is not None
        key = agent.idle_key = (agent.idle_since, agent.idle_seq, agent)
        for line in agent.group.lines:
            idle = line.idle
            if not idle or key > idle[-1]:
                idle.append(key)
            else:
                insort(idle, key)

    @staticmethod
    def remove_idle(agent: AgentRecord) -> None:
        """The agent may not be offered calls any more."""
        key = agent.idle_key
        if key is None:
            return
        agent.idle_key = None
        for line in agent.group.lines:
            idle = line.idle
            del idle[0 if idle[0] is key else bisect_left(idle, key)]

    # Choosing --------------------------------------------------------------------------

    @staticmethod
    def first_caller(agent: AgentRecord) -> tuple[Visit | None, int]:
        """Whom the agent should take, and how many wait that the agent could take."""
        first: Key | None = None
        waiting = 0
        for line in agent.group.lines:
            callers = line.callers
            if callers:
                waiting += len(callers)
                if first is None or callers[0] < first:
                    first = callers[0]
        return (first[3] if first else None), waiting


def merged_needs(first: Iterable[SkillNeed], second: Iterable[SkillNeed]) -> tuple[SkillNeed, ...]:
    """Both lists of needs as one, each skill once at its highest level, by name."""
    levels: dict[str, int] = {}
    for need in (*first, *second):
        levels[need.skill] = max(need.level, levels.get(need.skill, need.level))
    return tuple(SkillNeed(skill, level) for skill, level in sorted(levels.items()))
