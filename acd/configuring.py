"""A new configuration while calls are in the house: nobody is lost, nobody is cut off."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from acd import ageing, items, offers, overflowing, preferring, presence, staffing
from acd import decisions as d
from acd import facts as f
from acd.agents import AgentRecord
from acd.counters import QueueCounts
from acd.lines import CONNECTED, WAITING, QueueState, Visit
from acd.matching import Matching
from acd.refusals import Refusal
from acd.site import Site
from acd.states import OFFLINE, READY
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.floor import Floor

AGENT_REMOVED: Final = d.Reason("agent-removed")
STAFFING_NARROWED: Final = d.Reason("staffing-narrowed")


def configured(floor: Floor, fact: f.Configured) -> None:
    """Take up a new configuration.

    Waiting callers of a removed queue go to its overflow queue, else to the first queue.
    Agents who are removed finish their call; their ringing offers go to others.
    """
    problem = mistake(fact.site) or _loses_callers(floor, fact.site)
    if problem:
        raise Refusal("bad-site", problem)
    known = set(floor.agents)
    narrowed = install(floor, fact.site)
    for agent in list(floor.agents.values()):
        if agent.id not in known:
            floor.tell(agent)
    for agent in narrowed:
        staffing.tell(floor, agent, STAFFING_NARROWED)
    _remove_agents(floor)
    for visit in in_order(floor):
        if visit.place == WAITING and visit.queue.retired:
            floor.leave_line(visit)
            floor.rehome(visit)
            floor.put_back(visit)
    items.rehome_all(floor)
    match_all(floor)


def mistake(site: Site) -> str:
    """What is wrong with a site in itself; "" for nothing."""
    queues = [queue.id for queue in site.queues]
    agents = [agent.id for agent in site.agents]
    if len(set(queues)) != len(queues):
        return "two queues have one id"
    if len(set(agents)) != len(agents):
        return "two agents have one id"
    known = set(queues)
    for agent in site.agents:
        for queue in agent.queues:
            if queue not in known:
                return f"agent {agent.id} serves the unknown queue {queue}"
        if not _is_weight(agent.weight):
            return f"agent {agent.id} has the weight {agent.weight}"
        if any(number < 1 for number in agent.order.values()):
            return f"agent {agent.id} has an order of less than 1"
    for one in site.queues:
        if not _is_weight(one.weight):
            return f"queue {one.id} has the weight {one.weight}"
        if one.ring_several < 1:
            return f"queue {one.id} rings {one.ring_several} phones"
        moments = (one.threshold_s, one.first_after_s or 0.0, *(step.after_s for step in one.relax))
        if not all(map(isfinite, moments)):
            return f"queue {one.id} has a time that never comes"
    if not isfinite(site.priority_worth_s or 0.0):
        return f"a point of priority is worth {site.priority_worth_s} s"
    return ""


def _is_weight(weight: float) -> bool:
    return isfinite(weight) and weight > 0


def _loses_callers(floor: Floor, site: Site) -> str:
    if not site.queues and any(visit.place != CONNECTED for visit in floor.visits.values()):
        return "callers wait and no queue would be left"
    return ""


def install(floor: Floor, site: Site) -> list[AgentRecord]:
    """Rebuild queues, groups and lines for `site`; every visit and agent keeps its state.

    Returns the agents whose live staffing lost a queue by it.
    """
    floor.site = site
    floor.ranks = len({queue.priority for queue in site.queues}) > 1
    old = floor.queues
    relax = {queue.id: queue.config.relax for queue in old.values()}
    floor.queues = {queue.id: _queue_state(floor, queue.id) for queue in site.queues}
    for queue in site.queues:
        floor.queues[queue.id].configure(queue)
        floor.queues[queue.id].share(site)
    before = floor.matching
    floor.matching = Matching(floor.queues.values(), share_by_weight=site.sharing == "weight")
    for gone in old.values():
        gone.retired = gone.id not in floor.queues
        gone.lines.clear()
        gone.callers = 0
        if gone.retired:
            for spell in (gone.alone, gone.closed):  # who comes back begins anew
                overflowing.end(floor, spell)
    for queue_state in floor.queues.values():
        floor.matching.line(queue_state, ())
    narrowed = _install_agents(floor, site)
    floor.matching.take_shares(before, floor.queues)
    presence.rebuild(floor)
    for queue_state in floor.queues.values():
        overflowing.reinstall(floor, queue_state)
    for visit in floor.visits.values():
        if visit.queue.config.relax != relax.get(visit.queue.id):
            visit.steps = 0
        visit.first = False  # is found out anew
        _install_visit(floor, visit)
    items.installed(floor)
    floor.agents_version += 1
    return narrowed


def _queue_state(floor: Floor, queue_id: str) -> QueueState:
    known = floor.queues.get(queue_id)
    if known is not None:
        return known
    for visit in floor.visits.values():  # a removed queue comes back before its last call left
        if visit.queue.id == queue_id:
            visit.queue.retired = False
            return visit.queue
    for item in floor.work.items.values():
        if item.line.queue.id == queue_id:
            item.line.queue.retired = False
            return item.line.queue
    counts = floor.counts.setdefault(queue_id, QueueCounts())
    config = next(queue for queue in floor.site.queues if queue.id == queue_id)
    return QueueState(config, counts)


def _install_agents(floor: Floor, site: Site) -> list[AgentRecord]:
    wanted = {agent.id: agent for agent in site.agents}
    for agent in floor.agents.values():
        agent.removed = agent.id not in wanted
    narrowed = []
    for config in site.agents:
        known = floor.agents.get(config.id)
        if known is None:
            group = floor.matching.group(config)
            known = floor.agents[config.id] = AgentRecord(config, group, floor.now)
        if staffing.installed(floor, known, config):
            narrowed.append(known)
        floor.matching.join_group(known)
    for place, config in enumerate(site.agents):
        floor.agents[config.id].position = place
    for agent in floor.agents.values():
        agent.wanted.clear()
        agent.own_keys.clear()
        for queue in [queue for queue in agent.history if queue not in floor.queues]:
            del agent.history[queue]
        if agent.removed:  # in a group of its former kind, till the call is over
            staffing.forget(agent)
            floor.matching.join_group(agent)
            agent.idle_key = None
        elif agent.is_idle:
            agent.idle_key = None
            floor.matching.add_idle(agent)
    return narrowed


def _install_visit(floor: Floor, visit: Visit) -> None:
    in_line = visit.key is not None
    visit.key = None
    visit.line = floor.matching.line(visit.queue, visit.needs, visit.steps)
    visit.line.visits += 1
    if in_line:
        floor.timers.cancel(visit.timer)
        visit.timer = NO_TIMER
        ageing.stop(floor, visit)
        floor.put_back(visit)


def _remove_agents(floor: Floor) -> None:
    for agent in [agent for agent in floor.agents.values() if agent.removed]:
        offer = floor.offers.get(agent.offer)
        if offer is not None:
            offers.close(floor, offer, "cancelled", AGENT_REMOVED)
        if agent.call:  # talking, wrapping up, or a callback being dialled
            agent.want(OFFLINE)
            preferring.let_go(floor, agent)
            floor.tell(agent)
        else:
            floor.forget(agent)
        if offer is not None and not offer.visit.offer:
            floor.rehome(offer.visit)
            floor.put_back(offer.visit)


def in_order(floor: Floor) -> list[Visit]:
    """Every visit in a line, in the order of serving over all queues."""
    return [key[-1] for key in sorted(v.key for v in floor.visits.values() if v.key is not None)]


def match_all(floor: Floor) -> None:
    """Offer every waiting call that an idle agent may take, the first ones first."""
    if any(agent.state == READY for agent in floor.agents.values()):
        for visit in in_order(floor):
            floor.seek_agent_if_waiting(visit)
