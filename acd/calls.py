"""What callers and calls do: come, wait, give up, talk, end."""

from __future__ import annotations

from math import inf
from typing import Final

from acd import callbacks, desk, legs, offers, places
from acd import decisions as d
from acd import facts as f
from acd.agents import AgentRecord
from acd.decisions import CallCompleted
from acd.floor import Floor
from acd.lines import (
    CONNECTED,
    DIALLING,
    LEAVING,
    OFFERED,
    WAITING,
    Visit,
)
from acd.refusals import Refusal
from acd.site import SkillNeed
from acd.states import CONFERENCE, CONSULTING, WITH_CALLER, WRAP_UP
from acd.timers import NO_TIMER

CALLER_GONE: Final = d.Reason("caller-gone")
SWITCH_LOST: Final = d.Reason("switch-lost")
FOUND: Final = d.Reason("found-connected")
ELSEWHERE: Final = d.Reason("agent-elsewhere")
BUSY_WITH_CALL: Final = d.Reason("call-elsewhere")


def queued(floor: Floor, fact: f.CallQueued) -> None:
    """A caller comes: to an idle agent at once, or into the line."""
    call = fact.call
    if call in floor.visits:
        raise Refusal("call-known", f"call {call} is in a queue or with an agent already")
    if call in floor.over:
        raise Refusal("call-over", f"call {call} is over")
    visit = _new_visit(floor, call, fact.queue, fact.needs, fact.priority, fact.entered)
    been = floor.sent.take(call)
    if been is not None:  # sent out of a line before: not to the same places again
        visit.came_from = tuple(place for place in been if place != fact.queue)
    visit.stays = fact.stays
    visit.caller = fact.caller
    if fact.preferred:
        visit.preferred, visit.preferred_why = fact.preferred, fact.preferred_why
        limit_s = fact.preferred_s if 0.0 < fact.preferred_s < inf else 0.0
        visit.preferred_until = visit.entered + limit_s
    reason = places.give_back(floor, visit) if fact.caller else None
    floor.enter(visit, reason)
    floor.seek_agent(visit)


def _new_visit(
    floor: Floor,
    call: str,
    queue_id: str,
    needs: tuple[SkillNeed, ...],
    priority: int,
    entered: float | None,
) -> Visit:
    queue = floor.queues.get(queue_id)
    if queue is None:
        raise Refusal("unknown-queue", f"no queue {queue_id}")
    now = floor.now
    if entered is None or not entered <= now:
        entered = now
    line = floor.matching.line(queue, needs)
    return Visit(call, "call", line, needs, priority, entered, entered, floor.next_seq())


def caller_gone(floor: Floor, fact: f.CallerGone) -> None:
    """The caller hung up. The same news about a connected call ends that call."""
    if legs.end_all(floor, fact.call) and fact.call not in floor.visits:
        return
    visit = floor.visit(fact.call)
    if visit.place == CONNECTED:
        _complete(floor, visit, "caller")
    elif visit.kind != "call":
        raise Refusal("is-callback", f"{fact.call} is a callback: nobody is on the line")
    else:
        _leave(floor, visit, "abandoned", CALLER_GONE)


def withdrawn(floor: Floor, fact: f.CallWithdrawn) -> None:
    """The call goes somewhere else, and may come back to a queue later."""
    visit = floor.visit(fact.call)
    if visit.kind != "call":
        raise Refusal("is-callback", f"{fact.call} is a callback: cancel it")
    if visit.place == CONNECTED:
        raise Refusal("call-connected", f"call {fact.call} is with agent {visit.agent}")
    _leave(floor, visit, "withdrawn", d.Reason("withdrawn", {"why": fact.why}), final=False)


def ended(floor: Floor, fact: f.CallEnded) -> None:
    """The call is over on the switch, wherever it was, and its legs with it."""
    if legs.end_all(floor, fact.call) and fact.call not in floor.visits:
        return  # its agent had left it to somebody outside
    visit = floor.visit(fact.call)
    if visit.place == CONNECTED:
        _complete(floor, visit, fact.by)
    elif visit.kind == "outbound":
        _not_placed(floor, visit, fact.by)
    elif visit.kind == "callback":
        if visit.place != DIALLING:
            raise Refusal("not-connected", f"callback {fact.call} is not on the line")
        why = {"agent": callbacks.AGENT_GONE, "switch lost": "unreachable"}
        callbacks.not_reached(floor, visit, why.get(fact.by, "no answer"))
    elif fact.by == "switch lost":
        _leave(floor, visit, "switch lost", SWITCH_LOST)
    elif fact.by == "caller":
        _leave(floor, visit, "abandoned", CALLER_GONE)
    else:
        _leave(floor, visit, "withdrawn", d.Reason("withdrawn", {"why": fact.by}))


def _leave(
    floor: Floor, visit: Visit, outcome: str, reason: d.Reason, *, final: bool = True
) -> None:
    """End a visit before any agent was connected."""
    rang_at = visit.agent
    freed: list[AgentRecord] = []
    if visit.place == WAITING:
        floor.leave_line(visit)
    elif visit.place == OFFERED:
        freed = offers.cancel_all(floor, visit, reason)
    elif visit.place == LEAVING:
        outcome, reason = "callback", callbacks.TAKEN
    floor.finish(visit, outcome, reason, rang_at, final=final)
    for agent in freed:
        floor.settle(agent)
    if visit.successor:
        callbacks.caller_left(floor, visit.successor)


def _not_placed(floor: Floor, visit: Visit, by: str) -> None:
    """A call that an agent wanted to place ends before anybody was reached."""
    if visit.place == DIALLING:
        callbacks.not_reached(floor, visit, callbacks.AGENT_GONE if by == "agent" else "no answer")
        return
    offer = floor.offers[visit.offer]
    offers.close(floor, offer, "cancelled", d.Reason("withdrawn", {"why": by}))
    floor.put_back(visit)
    floor.settle(offer.agent)


def _complete(floor: Floor, visit: Visit, by: str) -> None:
    """End a connected call; the agent's after-call work begins."""
    legs.end_all(floor, visit.call)
    agent = part_over(floor, visit, by)
    visit.books.completed += 1
    floor.drop(visit, final=True)
    after_call(floor, agent, visit)


def part_over(floor: Floor, visit: Visit, by: str, onward: str = "") -> AgentRecord:
    """The agent's part of a connected call is complete; who has the call then is for others.

    Follow with `after_call`.
    """
    now = floor.now
    hold_s = visit.hold_s
    if visit.held_since is not None:
        hold_s += now - visit.held_since
    visit.hold_s, visit.held_since = 0.0, None
    agent = floor.agents[visit.agent]
    talk_s = max(0.0, now - visit.answered - hold_s)
    visit.queue.pace.talk.add(talk_s + hold_s)
    floor.out.append(
        CallCompleted(visit.call, visit.queue.id, agent.id, by, talk_s, hold_s, onward)
    )
    return agent


def after_call(floor: Floor, agent: AgentRecord, visit: Visit) -> None:
    """Begin the after-call work for a part of `visit` that is over; may be over at once."""
    wrap_up_s = visit.queue.config.wrap_up_s
    if wrap_up_s is not None and wrap_up_s <= 0:
        floor.step(agent, "ended")
        desk.end_wrap_up(floor, agent, forced=False)
        return
    if wrap_up_s is not None:
        agent.deadline = floor.now + wrap_up_s
        agent.timer = floor.timers.start(agent.deadline, "wrap-up", agent.id)
    floor.move(agent, "ended")


def held(floor: Floor, fact: f.CallHeld) -> None:
    """The caller hears music."""
    visit, agent = floor.connected(fact.call)
    if visit.held_since is not None:
        raise Refusal("no-change", f"call {fact.call} is held already")
    visit.held_since = floor.now
    floor.move(agent, "held")


def retrieved(floor: Floor, fact: f.CallRetrieved) -> None:
    """The two talk again; a third party of a consultation waits, or all others have left."""
    visit, agent = floor.connected(fact.call)
    if visit.held_since is None and agent.state != CONFERENCE:
        raise Refusal("no-change", f"call {fact.call} is not held")
    _music_over(floor, visit)
    floor.move(agent, "retrieved")


def _music_over(floor: Floor, visit: Visit) -> None:
    if visit.held_since is not None:
        visit.hold_s += floor.now - visit.held_since
        visit.held_since = None


def consult_began(floor: Floor, fact: f.ConsultBegan) -> None:
    """The agent talks with a third party; for the caller this is being on hold."""
    visit, agent = floor.connected(fact.call)
    if agent.state == CONSULTING:
        raise Refusal("no-change", f"agent {agent.id} consults already")
    if visit.held_since is None:
        visit.held_since = floor.now
    floor.move(agent, "consulting")


def consult_ended(floor: Floor, fact: f.ConsultEnded) -> None:
    """The agent hears nobody, the caller music."""
    _, agent = floor.connected(fact.call)
    if agent.state != CONSULTING:
        raise Refusal("no-change", f"agent {agent.id} does not consult")
    floor.move(agent, "consult-ended")


def conference_began(floor: Floor, fact: f.ConferenceBegan) -> None:
    """The caller hears everybody: no more music."""
    visit, agent = floor.connected(fact.call)
    if agent.state == CONFERENCE:
        raise Refusal("no-change", f"call {fact.call} is a conference already")
    _music_over(floor, visit)
    floor.move(agent, "conference")


def found_connected(floor: Floor, fact: f.CallFoundConnected) -> None:
    """The switch says that the two talk, so they do, whatever we thought of either."""
    agent = floor.agent(fact.agent)
    if agent.state in WITH_CALLER and not agent.leg:
        raise Refusal("agent-busy", f"agent {agent.id} talks with {agent.call}")
    if fact.call in floor.over:
        raise Refusal("call-over", f"call {fact.call} is over")
    visit = floor.visits.get(fact.call)
    if visit is not None and visit.place == CONNECTED:
        raise Refusal("call-connected", f"call {fact.call} is with agent {visit.agent}")
    if visit is None and not floor.queues:
        raise Refusal("unknown-queue", f"no queue {fact.queue}")
    freed = _clear_call(floor, visit, agent) if visit is not None else []
    waiting_again = clear_agent(floor, agent)
    if waiting_again is not None:  # in line before anybody chooses among the line
        floor.rehome(waiting_again)
        floor.put_back(waiting_again)
    if visit is None:
        queue_id = fact.queue if fact.queue in floor.queues else next(iter(floor.queues))
        visit = _new_visit(floor, fact.call, queue_id, (), 0, fact.entered)
        floor.enter(visit)
    offers.connect(floor, visit, agent, FOUND, "found-talking")
    if visit.kind == "callback":
        floor.tell_callback(visit, "reached", callbacks.promise_on_reaching(floor, visit))
    if visit.successor:
        callbacks.not_needed(floor, visit)
    for other in freed:
        floor.settle(other)
    if waiting_again is not None:
        floor.seek_agent_if_waiting(waiting_again)


def _clear_call(floor: Floor, visit: Visit, agent: AgentRecord) -> list[AgentRecord]:
    """Take a call from where we thought it was. Returns other agents who are now free."""
    if visit.place == WAITING:
        floor.leave_line(visit)
        return []
    if visit.place == OFFERED:
        mine = floor.offers.get(agent.offer)
        if mine is not None and mine.visit is visit:
            offers.close(floor, mine, "accepted")
        return offers.cancel_all(floor, visit, BUSY_WITH_CALL)
    if visit.place == DIALLING:
        other = callbacks.release(floor, visit, agent, BUSY_WITH_CALL)
        return [] if other is None else [other]
    floor.timers.cancel(visit.timer)
    visit.timer = NO_TIMER
    visit.due = None
    return []


def clear_agent(floor: Floor, agent: AgentRecord) -> Visit | None:
    """Take an agent from whatever we thought. Returns a visit that has to wait again."""
    floor.matching.remove_idle(agent)
    if agent.leg:
        legs.take_off(floor, floor.legs[agent.leg], ELSEWHERE)
        return None
    if agent.state == WRAP_UP:
        desk.close_wrap_up(floor, agent, forced=False)
        return None
    offer = floor.offers.get(agent.offer)
    if offer is not None:
        offers.close(floor, offer, "cancelled", ELSEWHERE)
        return None if offer.visit.offer else offer.visit
    if agent.call:
        visit = floor.visits[agent.call]
        callbacks.release(floor, visit, None, ELSEWHERE)
        visit.attempts -= 1
        floor.tell_callback(visit, "queued")
        return visit
    return None
