"""Callers who would rather be called back: as soon as it is their turn, or at a chosen time.

queued (its caller still on the line) ─▶ queued ─▶ offered to an agent
    ─▶ dialling ─▶ reached | retry (later again) | expired
due later ─▶ queued ─▶ ...

A callback as soon as possible keeps its caller's place. One at a chosen time is in no line
before; then it comes before all others of its priority, as if it had arrived `EARLY_S` before
the time. Each is given up `Queue.callback_expires_s` after it was asked for or due, or when its
attempts are used up. What was promised is a time: kept when the customer was reached at most
`Queue.callback_window_s` after it, late when afterwards, failed when never.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from acd import ageing, offers
from acd import decisions as d
from acd import facts as f
from acd.lines import (
    CONNECTED,
    DIALLING,
    LATER,
    LEAVING,
    OFFERED,
    PARKED,
    RETRY,
    WAITING,
    Visit,
)
from acd.refusals import Refusal
from acd.states import NOT_READY
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor

GOODBYE_S: Final = 60.0
"""How long a callback waits for its caller to hang up, so that the line is not busy."""

EARLY_S: Final = 86_400.0
"""A chosen time counts as an arrival so long before it: nobody has waited for longer."""

MOST_AHEAD_S: Final = 366 * 86_400.0
"""So far ahead a time may be chosen."""

EXPIRY_AGAIN_S: Final = 10.0
"""A callback that cannot be given up just now, though its time is over, is after so long."""

AGENT_GONE: Final = "agent gone"

TAKEN: Final = d.Reason("callback-taken")
NOT_NEEDED: Final = d.Reason("callback-not-needed")
DIAL_TIME_OVER: Final = d.Reason("dial-time-over")


def requested(floor: Floor, fact: f.CallbackRequested) -> None:
    """The callback takes the caller's place; the caller is about to hang up."""
    visit = floor.visit(fact.call)
    if visit.kind != "call" or visit.place not in (WAITING, OFFERED):
        raise Refusal("call-not-waiting", f"call {fact.call} does not wait")
    if fact.callback in floor.visits or fact.callback in floor.over:
        raise Refusal("callback-known", f"callback {fact.callback} exists already")
    if not fact.number:
        raise Refusal("no-number", "a callback needs a number")
    due_at = _chosen(floor, fact.due)
    freed: list[AgentRecord] = []
    if visit.place == WAITING:
        floor.leave_line(visit)
    else:
        freed = offers.cancel_all(floor, visit, TAKEN)
    visit.place = LEAVING
    visit.successor = fact.callback
    _park(floor, visit, fact, due_at)
    for agent in freed:
        floor.settle(agent)


def _park(floor: Floor, visit: Visit, fact: f.CallbackRequested, due_at: float | None) -> None:
    callback = Visit(
        fact.callback,
        "callback",
        floor.matching.line(visit.queue, visit.needs, visit.steps),  # no agent is preferred
        visit.needs,
        visit.priority,
        visit.entered,
        visit.arrived,
        visit.seq,
    )
    callback.steps = visit.steps
    callback.place = PARKED
    callback.origin = visit.call
    callback.number = fact.number
    callback.timer = floor.timers.start(floor.now + GOODBYE_S, "goodbye", fact.callback)
    callback.promised = due_at
    floor.enter(callback)
    _set_due(floor, callback, due_at)
    _tell(floor, callback)


def _chosen(floor: Floor, due_at: float | None) -> float | None:
    """The chosen time; one that is over already is now."""
    if due_at is None:
        return None
    if not isfinite(due_at) or due_at - floor.now > MOST_AHEAD_S:
        raise Refusal("bad-time", f"{due_at} is no time for a callback")
    return max(due_at, floor.now)


def _set_due(floor: Floor, callback: Visit, due_at: float | None) -> None:
    """When it begins, where it then stands in the line, and when it is given up."""
    begins = floor.now if due_at is None else due_at
    if due_at is not None:
        callback.arrived = due_at - EARLY_S
        if due_at > floor.now or callback.ages_from > floor.now:  # else: has waited till now
            callback.ages_from = due_at
            ageing.renewed(callback)
            floor.take_line(callback)
    callback.due = begins if begins > floor.now else None
    floor.timers.cancel(callback.expiry_timer)
    expires = begins + callback.queue.config.callback_expires_s
    callback.expiry_timer = floor.timers.start(expires, "callback-expiry", callback.call)


def _tell(floor: Floor, callback: Visit) -> None:
    floor.tell_callback(callback, "queued" if callback.due is None else "due later")


def _begin(floor: Floor, callback: Visit) -> None:
    """Into the line, or wait for the time."""
    floor.timers.cancel(callback.timer)
    callback.timer = NO_TIMER
    if callback.due is not None and callback.due > floor.now:
        callback.place = LATER
        set_off(floor, callback)
        return
    if callback.due is not None:
        callback.due = None
        floor.tell_callback(callback, "queued")
    floor.back_in_line(callback)


def set_off(floor: Floor, callback: Visit) -> None:
    """Set the timer of a chosen time: it is a time of day, and moves with nothing."""
    floor.timers.cancel(callback.timer)
    assert callback.due is not None
    callback.timer = floor.timers.start(callback.due, "callback-due", callback.call)


def caller_left(floor: Floor, callback_id: str) -> None:
    """The caller has hung up: from now on the number can be dialled."""
    callback = _of(floor, callback_id)
    if callback is not None and callback.place == PARKED:
        _begin(floor, callback)


def goodbye_over(floor: Floor, callback_id: str) -> None:
    """The caller has not hung up for long; the callback may begin all the same."""
    _begin(floor, floor.visits[callback_id])


def due(floor: Floor, callback_id: str) -> None:
    """The chosen time has come."""
    _begin(floor, floor.visits[callback_id])


def rescheduled(floor: Floor, fact: f.CallbackRescheduled) -> None:
    """Another time; the attempts that were made still count."""
    visit = _callback(floor, fact.callback)
    if visit.place not in (WAITING, OFFERED, PARKED, RETRY, LATER):
        raise Refusal("callback-begun", f"callback {fact.callback} has begun")
    due_at = _chosen(floor, fact.due)
    freed: list[AgentRecord] = []
    if visit.place == WAITING:
        floor.leave_line(visit)
    elif visit.place == OFFERED:
        freed = offers.cancel_all(floor, visit, d.Reason("callback-moved", {"by": fact.by}))
    if due_at is not None and not fact.by:
        visit.promised = due_at
    parked = visit.place == PARKED
    _set_due(floor, visit, floor.now if due_at is None else due_at)
    _tell(floor, visit)
    if not parked:  # else its caller is still on the line
        _begin(floor, visit)
    for agent in freed:
        floor.settle(agent)


def expiry_due(floor: Floor, callback_id: str) -> None:
    """Nobody was reached in all the time. An attempt that goes on is waited for, and so is a
    caller who has not hung up yet.
    """
    visit = floor.visits[callback_id]
    visit.expiry_timer = NO_TIMER
    if visit.place in (OFFERED, DIALLING, PARKED):
        again = floor.now + EXPIRY_AGAIN_S
        visit.expiry_timer = floor.timers.start(again, "callback-expiry", visit.call)
        return
    if visit.place == WAITING:
        floor.leave_line(visit)
    _expire(floor, visit, d.Reason("callback-out-of-time", {"attempts": visit.attempts}))


def _expire(floor: Floor, visit: Visit, reason: d.Reason) -> None:
    visit.due = None
    floor.tell_callback(visit, "expired", "failed" if visit.promised is not None else "")
    floor.finish(visit, "expired", reason)


def promise_on_reaching(floor: Floor, visit: Visit) -> str:
    """What became of the promise, now that the customer is on the line."""
    if visit.promised is None:
        return ""
    window_s = visit.queue.config.callback_window_s
    return "kept" if floor.now <= visit.promised + window_s else "late"


def connected(floor: Floor, fact: f.CallbackConnected) -> None:
    """The customer answered and talks with the agent."""
    visit = _dialled(floor, fact.callback)
    if visit.place == OFFERED:  # the news of the agent's answer has been overtaken
        offer = floor.offers[visit.offer]
        offers.close(floor, offer, "accepted")
        floor.dial(visit, offer.agent, offer.id)
    if visit.place != DIALLING:
        raise Refusal("not-dialling", f"nobody is being dialled for {fact.callback}")
    floor.timers.cancel(visit.timer)
    visit.timer = NO_TIMER
    visit.offer = ""
    agent = floor.agents[visit.agent]
    agent.deadline = None
    offers.connect(floor, visit, agent, offers.REACHED, "answered")
    floor.tell_callback(visit, "reached", promise_on_reaching(floor, visit))


def failed(floor: Floor, fact: f.CallbackFailed) -> None:
    """The customer was not reached."""
    visit = _dialled(floor, fact.callback)
    if visit.place != DIALLING:
        raise Refusal("not-dialling", f"nobody is being dialled for {fact.callback}")
    not_reached(floor, visit, fact.why)


def dial_time_over(floor: Floor, callback_id: str) -> None:
    """The switch has been silent about a dialled customer: stop it and try again later."""
    visit = floor.visits[callback_id]
    not_reached(floor, visit, "no answer", DIAL_TIME_OVER)


def not_reached(floor: Floor, visit: Visit, why: str, cancel: d.Reason | None = None) -> None:
    """Free the agent, and try again later if attempts are left.

    An agent who hangs up meanwhile has declined: the callback is not to blame and goes
    to the next agent at its place. A call that the agent placed is over.
    """
    agent = floor.agents[visit.agent]
    release(floor, visit, None, cancel)
    if visit.kind == "outbound":
        floor.finish(visit, "not reached", d.Reason("not-reached", {"why": why}), agent.id)
        floor.settle(agent)
        return
    if why == AGENT_GONE:
        visit.attempts -= 1
        agent.want(NOT_READY, offers.DECLINED)
        floor.stop(agent, "declined", offers.DECLINED)
        floor.tell_callback(visit, "queued")
        floor.back_in_line(visit)
        return
    config = visit.queue.config
    if visit.attempts >= config.callback_attempts:
        data: dict[str, d.Value] = {"attempts": visit.attempts, "why": why}
        _expire(floor, visit, d.Reason("callback-expired", data))
    else:
        visit.place = RETRY
        visit.due = floor.now + config.callback_retry_s
        visit.timer = floor.timers.start(visit.due, "retry", visit.call)
        floor.tell_callback(visit, "retry")
    floor.settle(agent)


def release(
    floor: Floor, visit: Visit, keep: AgentRecord | None, cancel: d.Reason | None
) -> AgentRecord | None:
    """Take a customer who is being dialled from the agent. Returns the agent, unless it is `keep`.

    `cancel` also stops the dialling, when the switch does not know yet.
    """
    floor.timers.cancel(visit.timer)
    visit.timer = NO_TIMER
    agent = floor.agents[visit.agent]
    if cancel is not None and agent is not keep:
        floor.out.append(d.CancelOffer(visit.offer, visit.call, agent.id, cancel))
    visit.agent = visit.offer = ""
    agent.call = agent.queue = ""
    agent.deadline = None
    return None if agent is keep else agent


def retry_due(floor: Floor, callback_id: str) -> None:
    """Back to the line, at the old place."""
    visit = floor.visits[callback_id]
    visit.timer = NO_TIMER
    visit.due = None
    floor.tell_callback(visit, "queued")
    floor.back_in_line(visit)


def cancelled(floor: Floor, fact: f.CallbackCancelled) -> None:
    """Nobody needs it any more. A caller who is still on the line waits on, at the old place."""
    visit = _callback(floor, fact.callback)
    if visit.place == CONNECTED:
        raise Refusal("callback-connected", f"callback {fact.callback} is being talked to")
    caller = floor.visits.get(visit.origin)
    if caller is not None and caller.place != LEAVING:
        caller = None
    withdraw(floor, visit, d.Reason("callback-cancelled", {"why": fact.why}), caller)


def not_needed(floor: Floor, caller: Visit) -> None:
    """The caller talks with an agent after all."""
    visit = _of(floor, caller.successor)
    caller.successor = ""
    if visit is not None and visit.place != CONNECTED:
        withdraw(floor, visit, NOT_NEEDED)


def withdraw(floor: Floor, visit: Visit, reason: d.Reason, caller: Visit | None = None) -> None:
    """End a callback that is not connected; `caller` takes the place in the line again."""
    agent: AgentRecord | None = None
    if visit.place == WAITING:
        floor.leave_line(visit)
    elif visit.place == OFFERED:
        offer = floor.offers[visit.offer]
        agent = offer.agent
        offers.close(floor, offer, "cancelled", reason)
    elif visit.place == DIALLING:
        agent = release(floor, visit, None, reason)
    visit.due = None
    floor.tell_callback(visit, "cancelled")
    floor.finish(visit, "withdrawn", reason)
    if caller is not None:
        caller.successor = ""
        floor.rehome(caller)
        floor.put_back(caller)
    if agent is not None:
        floor.settle(agent)
    if caller is not None:
        floor.seek_agent_if_waiting(caller)


def _of(floor: Floor, callback_id: str) -> Visit | None:
    """The callback that a caller has; one that was reached and transferred is a call by now."""
    visit = floor.visits.get(callback_id)
    return visit if visit is not None and visit.kind == "callback" else None


def _dialled(floor: Floor, call: str) -> Visit:
    visit = floor.visit(call)
    if visit.kind == "call":
        raise Refusal("not-a-callback", f"{call} is a call")
    return visit


def _callback(floor: Floor, callback_id: str) -> Visit:
    visit = _dialled(floor, callback_id)
    if visit.kind != "callback":
        raise Refusal("not-a-callback", f"{callback_id} was dialled by an agent")
    return visit
