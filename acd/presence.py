"""Who is there for a queue: counted as agents come and go, not looked up.

Agents of the same queues and skills are a `Team`. A change of an agent is a step in the numbers
of one team; its queues are only touched when the first of a team comes or the last one goes.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Final

from acd import overflowing
from acd.states import (
    CONFERENCE,
    CONSULTING,
    FAULT,
    HELD,
    NOT_READY,
    OFFLINE,
    READY,
    RESERVED,
    TALKING,
    WRAP_UP,
    State,
)

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor
    from acd.lines import QueueState
    from acd.matching import Group

LEVEL: Final[dict[State, int]] = {
    OFFLINE: 0,
    NOT_READY: 1,
    FAULT: 1,
    RESERVED: 2,
    TALKING: 2,
    HELD: 2,
    CONSULTING: 2,
    CONFERENCE: 2,
    WRAP_UP: 2,
    READY: 3,
}
"""How much an agent in this state is there: 1 signed in, 2 at work, 3 ready."""

WORKING: Final = 2
READY_LEVEL: Final = 3


TeamKey = tuple[tuple[str, ...], tuple[tuple[str, int], ...]]


class Team:
    """The agents of the same queues and skills.

    `there[n]` of them are there at level n or higher; `by_level[n]` are the queues for which
    that is what counts.
    """

    __slots__ = ("by_level", "key", "members", "queues", "skills", "there")

    def __init__(self, key: TeamKey, queues: tuple[QueueState, ...]) -> None:
        self.key = key
        self.queues = queues
        self.skills = dict(key[1])
        self.by_level = [
            tuple(queue for queue in queues if queue.level == n) for n in range(READY_LEVEL + 1)
        ]
        self.there = [0] * (READY_LEVEL + 1)
        self.members = 0  # whatever their state

    def __lt__(self, other: Team) -> bool:
        """An order that does not depend on who came first."""
        return self.key < other.key


class Presence:
    """The teams of a floor."""

    __slots__ = ("_teams", "version")

    def __init__(self) -> None:
        self._teams: dict[TeamKey, Team] = {}
        self.version = 0  # another one when an agent has changed teams

    def join(self, floor: Floor, group: Group) -> Team:
        """The team of agents like those of `group`, with one more."""
        key = (tuple(sorted(group.queues)), tuple(sorted(group.skills.items())))
        team = self._teams.get(key)
        if team is None:
            known = tuple(floor.queues[queue] for queue in key[0] if queue in floor.queues)
            team = self._teams[key] = Team(key, known)
            for queue in known:
                insort(queue.teams, team)
        team.members += 1
        return team

    def leave(self, team: Team) -> None:
        """One agent less, who is not counted as there any more."""
        team.members -= 1
        if not team.members:
            del self._teams[team.key]
            for queue in team.queues:
                queue.teams.remove(team)


def moved(floor: Floor, agent: AgentRecord) -> None:
    """The agent's state is another one: count it in the team."""
    level = 0 if agent.removed else LEVEL[agent.state]
    before, agent.level = agent.level, level
    team = agent.team
    if team is None or level == before:
        return
    if level > before:
        for n in range(before + 1, level + 1):
            team.there[n] += 1
            if team.there[n] == 1 and team.by_level[n]:
                _came(floor, team.by_level[n])
    else:
        for n in range(level + 1, before + 1):
            team.there[n] -= 1
            if team.there[n] == 0 and team.by_level[n]:
                _went(floor, team.by_level[n])


def _came(floor: Floor, queues: tuple[QueueState, ...]) -> None:
    for queue in queues:
        queue.attended += 1
        if queue.attended == 1:
            overflowing.end(floor, queue.alone)


def _went(floor: Floor, queues: tuple[QueueState, ...]) -> None:
    for queue in queues:
        queue.attended -= 1
        if queue.attended == 0:
            overflowing.begin(floor, queue, queue.alone)


def regrouped(floor: Floor, agent: AgentRecord) -> None:
    """The agent serves other queues, or has other skills, from now on."""
    floor.presence.version += 1
    before, level = agent.team, agent.level
    agent.team, agent.level = floor.presence.join(floor, agent.group), 0
    moved(floor, agent)  # first there, then away here: no queue of both is left alone between
    if before is not None:
        for n in range(1, level + 1):
            before.there[n] -= 1
            if before.there[n] == 0 and before.by_level[n]:
                _went(floor, before.by_level[n])
        floor.presence.leave(before)


def rebuild(floor: Floor) -> None:
    """Count everybody anew, for a new configuration or after a restore."""
    version = floor.presence.version + 1
    presence = floor.presence = Presence()
    presence.version = version
    for queue in floor.queues.values():
        queue.teams.clear()
        queue.attended = 0
    for agent in floor.agents.values():
        agent.level = 0
        agent.team = None
        if not agent.removed:
            team = agent.team = presence.join(floor, agent.group)
            agent.level = LEVEL[agent.state]
            for n in range(1, agent.level + 1):
                team.there[n] += 1
                if team.there[n] == 1:
                    for queue in team.by_level[n]:
                        queue.attended += 1
    for queue in floor.queues.values():
        if queue.attended:
            overflowing.end(floor, queue.alone)
        elif queue.alone.since is None:
            overflowing.begin(floor, queue, queue.alone)


def at_work(queue: QueueState) -> int:
    """How many agents of the queue are at work: ready, being rung, talking or wrapping up."""
    return sum(team.there[WORKING] for team in queue.teams)
