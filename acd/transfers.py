"""Calls that change hands: transferred, handed over, parked, picked up out of turn."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from acd import calls, legs, offers
from acd import decisions as d
from acd import facts as f
from acd.lines import PARKED, WAITING, Visit
from acd.refusals import Refusal
from acd.states import READY, WITH_CALLER
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor

TRANSFERRED: Final = "transferred"
OUTSIDE: Final = "outside"


def transferred(floor: Floor, fact: f.CallTransferred) -> None:
    """The agent's part is complete; the call waits again, or is elsewhere.

    The switch has done it: a queue that is not configured (any more) is no reason to lose
    the caller, who then waits for the queue that the call came from.
    """
    visit, giver = floor.connected(fact.call)
    if not fact.queue:
        legs.end_all(floor, fact.call)
        _leaves(floor, visit, fact.onward or OUTSIDE)
        return
    if not floor.queues:
        raise Refusal("unknown-queue", f"no queue {fact.queue}")
    target = floor.agents.get(fact.agent) if fact.agent else None
    parked = isfinite(fact.park_s) and fact.park_s > 0
    onward = "parked" if parked else "agent" if fact.agent else "queue"
    legs.end_all(floor, fact.call)
    calls.part_over(floor, visit, TRANSFERRED, onward)
    visit.books.completed += 1
    floor.drop(visit, final=False)
    again = _visit_again(floor, visit, fact)
    floor.enter(again)
    if parked:
        again.due = floor.now + fact.park_s
        floor.put_back(again)
    elif target is not None and target.state == READY:
        _ring(floor, again, target, d.Reason("transferred-to-agent", {"by": giver.id}))
    else:
        floor.put_back(again)  # in line before the giver looks for work
    calls.after_call(floor, giver, visit)
    floor.seek_agent_if_waiting(again)


def _visit_again(floor: Floor, visit: Visit, fact: f.CallTransferred) -> Visit:
    """Another visit of the same call, with its old place by arrival."""
    queue = floor.queues.get(fact.queue) or floor.queues.get(visit.queue.id)
    if queue is None:
        queue = floor.queues[floor.fallback(visit.queue)]
    line = floor.matching.line(queue, fact.needs)
    again = Visit(
        visit.call,
        "call",
        line,
        fact.needs,
        fact.priority,
        floor.now,
        visit.arrived,
        visit.seq,
    )
    again.caller = visit.caller
    return again


def _leaves(floor: Floor, visit: Visit, onward: str) -> None:
    """The call is no business of any agent or queue now; from a menu it may come back."""
    giver = calls.part_over(floor, visit, TRANSFERRED, onward)
    visit.books.completed += 1
    floor.drop(visit, final=onward == OUTSIDE)
    calls.after_call(floor, giver, visit)


def handed_over(floor: Floor, fact: f.CallHandedOver) -> None:
    """The giver is out, the taker has the caller; the visit and its figures go on.

    A taker who by our books cannot have the call is treated as somebody outside: the giver
    is out in any case.
    """
    visit, giver = floor.connected(fact.call)
    taker = floor.agents.get(fact.agent) if fact.agent else None
    if taker is giver:
        raise Refusal("no-change", f"call {fact.call} is with agent {giver.id}")
    leg = legs.of_agent(floor, fact.call, taker.id) if taker is not None else None
    if taker is None or (leg is None and taker.state in WITH_CALLER):
        _leaves(floor, visit, OUTSIDE)
        return
    if leg is None:
        waiting = calls.clear_agent(floor, taker)
        if waiting is not None:
            floor.rehome(waiting)
            floor.put_back(waiting)
    else:
        waiting = None
        if not leg.answered:  # the news of the answer has been overtaken
            legs.answered(floor, f.LegAnswered(leg.id))
        legs.close(floor, leg)
    calls.part_over(floor, visit, TRANSFERRED, "agent")
    _take(floor, visit, taker, giver, found=leg is None)
    calls.after_call(floor, giver, visit)
    if waiting is not None:
        floor.seek_agent_if_waiting(waiting)


def _take(
    floor: Floor, visit: Visit, taker: AgentRecord, giver: AgentRecord, *, found: bool
) -> None:
    visit.agent = taker.id
    visit.answered = floor.now
    taker.call = visit.call
    taker.queue = visit.queue.id
    taker.idle_since = None
    if taker.busy_since is None:
        taker.busy_since = floor.now
    taker.misses = 0
    floor.out.append(d.CallTaken(visit.call, visit.queue.id, taker.id, giver.id))
    if found:
        floor.move(taker, "found-talking")
    else:
        floor.tell(taker)


def picked(floor: Floor, fact: f.CallPicked) -> None:
    """Out of turn, because a person wants it so."""
    agent = floor.agent(fact.agent)
    visit = floor.visit(fact.call)
    parked = visit.kind == "call" and visit.place == PARKED
    if visit.place != WAITING and not parked:
        raise Refusal("call-not-waiting", f"call {fact.call} does not wait")
    legs.refuse_unless_free(agent, own=not fact.by)
    if parked:
        floor.timers.cancel(visit.timer)
        visit.timer = NO_TIMER
    else:
        floor.leave_line(visit)
    reason = d.Reason("assigned", {"by": fact.by}) if fact.by else d.Reason("picked")
    _ring(floor, visit, agent, reason)


def _ring(floor: Floor, visit: Visit, agent: AgentRecord, reason: d.Reason) -> None:
    floor.matching.remove_idle(agent)
    offers.make(floor, visit, agent, 1, 1, reason)


def park_time_over(floor: Floor, call: str) -> None:
    """Nobody has picked the call up: back to the line, in the order of its arrival."""
    visit = floor.visits[call]
    visit.timer = NO_TIMER
    visit.due = None
    floor.out.append(d.CallParked(visit.call, visit.queue.id, None))
    floor.back_in_line(visit)


def dialled(floor: Floor, fact: f.CallDialled) -> None:
    """An agent places a call: first the agent's own phone rings."""
    agent = floor.agent(fact.agent)
    queue = floor.queues.get(fact.queue)
    if queue is None:
        raise Refusal("unknown-queue", f"no queue {fact.queue}")
    if fact.call in floor.visits or fact.call in floor.over:
        raise Refusal("call-known", f"call {fact.call} exists already")
    if not fact.number:
        raise Refusal("no-number", "there is no number to call")
    legs.refuse_unless_free(agent, own=True)
    line = floor.matching.line(queue, ())
    now = floor.now
    visit = Visit(fact.call, "outbound", line, (), 0, now, now, floor.next_seq())
    visit.number = fact.number
    floor.enter(visit)
    _ring(floor, visit, agent, d.Reason("dialled"))
