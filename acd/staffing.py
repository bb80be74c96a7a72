"""A supervisor changes what an agent does, live: queues, skills, order.

The configuration stays beside it (`AgentRecord.configured`); what is in force is
`AgentRecord.config`. A change holds across restarts and new configurations until it is taken
back. A queue that is not configured any more goes out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from acd import decisions as d
from acd import facts as f
from acd import offers, preferring, presence
from acd.refusals import Refusal
from acd.site import Agent

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor
    from acd.lines import Line
    from acd.matching import Group
    from acd.offers import OpenOffer

HIGHEST_LEVEL: Final = 10


@dataclass(frozen=True, slots=True)
class Staffing:
    """What differs from the configuration of an agent; None: nothing in this part."""

    queues: tuple[str, ...] | None = None
    skills: Mapping[str, int] | None = None
    order: Mapping[str, int] | None = None

    def over(self, configured: Agent) -> Agent:
        """The agent as in force."""
        return replace(
            configured,
            queues=configured.queues if self.queues is None else self.queues,
            skills=configured.skills if self.skills is None else self.skills,
            order=configured.order if self.order is None else self.order,
        )


AS_CONFIGURED: Final = Staffing()


def staffed(floor: Floor, fact: f.AgentStaffed) -> None:
    """Change it at once; the agent's call goes on, and callers who fit now are offered."""
    agent = floor.agent(fact.agent)
    if agent.removed:
        raise Refusal("unknown-agent", f"agent {fact.agent} is no longer configured")
    _refuse_impossible(floor, fact)
    wanted = _wanted(agent, fact)
    if wanted == agent.staffing:
        raise Refusal("no-change", f"agent {agent.id} is staffed so already")
    agent.staffing = wanted
    before = agent.group
    idle = agent.is_idle
    floor.matching.leave_group(agent)
    agent.config = wanted.over(agent.configured)
    floor.matching.join_group(agent)
    presence.regrouped(floor, agent)
    preferring.let_go(floor, agent, agent.group.queues)
    floor.agents_version += 1
    if agent.desk is not None:
        floor.work.changed[agent.id] = agent
    code = "staffing-reset" if wanted == AS_CONFIGURED else "staffed"
    tell(floor, agent, d.Reason(code, {"by": fact.by}))
    if idle:
        floor.find_work(agent)
        return
    offer = floor.offers.get(agent.offer)
    if offer is not None and _fits_no_more(offer, before):
        _take_back(floor, offer, fact.by)


def _refuse_impossible(floor: Floor, fact: f.AgentStaffed) -> None:
    queues = fact.queues or ()
    for queue in (*queues, *(fact.order or {})):
        if queue not in floor.queues:
            raise Refusal("unknown-queue", f"no queue {queue}")
    if len(set(queues)) != len(queues):
        raise Refusal("bad-staffing", "a queue is named twice")
    for skill, level in (fact.skills or {}).items():
        if not skill or not 1 <= level <= HIGHEST_LEVEL:
            raise Refusal("bad-staffing", f"skill {skill}: a level is 1 to {HIGHEST_LEVEL}")
    if any(number < 1 for number in (fact.order or {}).values()):
        raise Refusal("bad-staffing", "an order is 1 or more")


def _wanted(agent: AgentRecord, fact: f.AgentStaffed) -> Staffing:
    """The change on top of the one before; what is as configured is no change."""
    known = AS_CONFIGURED if fact.reset else agent.staffing
    queues = known.queues if fact.queues is None else fact.queues
    skills = known.skills if fact.skills is None else dict(fact.skills)
    order = known.order if fact.order is None else dict(fact.order)
    configured = agent.configured
    return Staffing(
        None if queues is None or set(queues) == set(configured.queues) else queues,
        None if skills == configured.skills else skills,
        None if order == configured.order else order,
    )


def _fits_no_more(offer: OpenOffer, before: Group) -> bool:
    """A call that a person gave to this agent, or that the agent places, never fitted."""
    line = offer.visit.line
    if offer.visit.kind == "outbound" or not _serves(before, line):
        return False
    return not _serves(offer.agent.group, line)


def _serves(group: Group, line: Line) -> bool:
    """Also a line whose callers wait for one agent, in which no group is."""
    if line.only:
        return line.queue.id in group.queues and group.able(line.needs)
    return group.serves(line)


def _take_back(floor: Floor, offer: OpenOffer, by: str) -> None:
    """Nobody is to blame: the caller keeps the place, the agent the idle clock."""
    offers.close(floor, offer, "cancelled", d.Reason("restaffed", {"by": by}))
    offers.keep_place(floor, offer)


def installed(floor: Floor, agent: AgentRecord, configured: Agent) -> bool:
    """A new configuration, under the change; whether the change lost a queue by it."""
    agent.configured = configured
    before = agent.staffing
    agent.staffing = Staffing(
        None if before.queues is None else tuple(q for q in before.queues if q in floor.queues),
        before.skills,
        None if before.order is None else _known(floor, before.order),
    )
    agent.config = agent.staffing.over(configured)
    return agent.staffing != before


def forget(agent: AgentRecord) -> None:
    """The agent is not configured any more; who comes back begins as configured."""
    agent.staffing = AS_CONFIGURED
    agent.config = agent.configured


def _known(floor: Floor, order: Mapping[str, int]) -> dict[str, int]:
    return {queue: number for queue, number in order.items() if queue in floor.queues}


def tell(floor: Floor, agent: AgentRecord, reason: d.Reason) -> None:
    """Make known what the agent does from now on."""
    known = agent.config
    floor.out.append(
        d.StaffingChanged(agent.id, known.queues, dict(known.skills), dict(known.order), reason)
    )
