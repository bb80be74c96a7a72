"""Bringing callers and idle agents together, the same way from both sides.

A caller who comes takes the first idle agent of the line; an agent who becomes free takes the
first caller. When several of both are there at once (a new configuration, staff changed live,
a preferred agent who left) a pair is made of two who are each other's first: then nobody with
more right to the agent waits, and nobody with more right to the caller is idle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd import offers
from acd.choice import equals

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor
    from acd.lines import Visit


def first_idle(floor: Floor, visit: Visit) -> AgentRecord | None:
    """Who should get the visit now: by the queue's choice, who let it ring out before last."""
    line = visit.line
    if line.only:
        agent = floor.agents[line.only]
        return agent if agent.is_idle else None
    idle = line.idle
    if not idle:
        return None
    missed_by = visit.missed_by
    if missed_by:
        return next((key[-1] for key in idle if key[-1].id not in missed_by), idle[0][-1])
    return idle[0][-1]


def find_work(floor: Floor, agent: AgentRecord) -> None:
    """An agent who is ready, and not among the idle ones, takes a caller or joins them."""
    visit, waiting = floor.matching.first_caller(agent)
    if visit is None:
        floor.matching.add_idle(agent)
    elif not visit.line.idle:
        floor.leave_line(visit)
        offers.make(floor, visit, agent, 1, waiting)
    else:
        floor.matching.add_idle(agent)
        while agent.is_idle and visit is not None:
            pair(floor, visit)
            visit, _ = floor.matching.first_caller(agent)


def pair(floor: Floor, visit: Visit) -> None:
    """Offer this waiting visit, or one with more right to the agent that it would get.

    Looking for the pair can come round to the same agent where agents see the order of callers
    differently (shares by weight are kept for each group of agents); any of the circle will do.
    """
    agent = first_idle(floor, visit)
    asked: set[str] = set()
    waiting = 1
    while agent is not None and agent.id not in asked:
        asked.add(agent.id)
        first, waiting = floor.matching.first_caller(agent)
        if first is None or first is visit:
            break
        visit = first
        agent = first_idle(floor, visit)
    assert agent is not None  # who has a first caller is idle for that caller
    floor.leave_line(visit)
    offer(floor, visit, agent, waiting)


def offer(floor: Floor, visit: Visit, agent: AgentRecord, waiting: int) -> None:
    """Ring the idle agent (and others, where the queue rings several) for a visit in no line."""
    line = visit.line
    idle = line.idle
    if line.only:
        floor.matching.remove_idle(agent)
        offers.make(floor, visit, agent, 1, waiting)
        return
    if visit.missed_by:
        idle = [key for key in idle if key[-1].id not in visit.missed_by] or idle
    phones = line.queue.config.ring_several
    if phones > 1 and len(idle) > 1 and visit.kind == "call":
        several = [key[-1] for key in idle[:phones]]
        for one in several:
            floor.matching.remove_idle(one)
        offers.make_round(floor, visit, several, waiting)
        return
    free = len(idle)
    among = free if idle[0][0] == idle[-1][0] else equals(idle)
    floor.matching.remove_idle(agent)
    offers.make(floor, visit, agent, among, waiting, later=free - among)
