"""What agents do, and what happens to their phones and consoles."""

from __future__ import annotations

from math import isfinite
from typing import Final

from acd import choice, legs, offers, preferring, rona
from acd import decisions as d
from acd import facts as f
from acd.agents import AgentRecord
from acd.floor import CONNECTION_LOST, PHONE, Floor
from acd.refusals import Refusal
from acd.states import (
    FAULT,
    NOT_READY,
    OFFLINE,
    READY,
    RESERVED,
    WITH_CALLER,
    WRAP_UP,
    Intent,
)
from acd.timers import NO_TIMER

MAX_EXTENSION_S: Final = 24 * 3600.0

SIGNED_OUT: Final = d.Reason("agent-signed-out")
PAUSED: Final = d.Reason("agent-not-ready")
PHONE_FAILED: Final = d.Reason("phone-failed")


def _no_change(agent: AgentRecord) -> Refusal:
    return Refusal("no-change", f"agent {agent.id} is so already")


def _signed_in(floor: Floor, agent_id: str) -> AgentRecord:
    agent = floor.agent(agent_id)
    if agent.state == OFFLINE:
        raise Refusal("not-signed-in", f"agent {agent_id} is not signed in")
    return agent


def _busy(agent: AgentRecord) -> bool:
    """With a call, after one, on (or rung for) a leg, or while a customer is dialled.

    Wishes then become the intent.
    """
    state = agent.state
    return state == WRAP_UP or state in WITH_CALLER or (state == RESERVED and not agent.offer)


def _intend(floor: Floor, agent: AgentRecord, intent: Intent, reason: str = "") -> None:
    if agent.intent == intent and agent.intent_reason == (reason if intent == NOT_READY else ""):
        raise _no_change(agent)
    agent.want(intent, reason)
    if intent != READY:
        preferring.let_go(floor, agent)
    floor.tell(agent)


def signed_in(floor: Floor, fact: f.AgentSignedIn) -> None:
    """Begin a shift as not ready. Coming back during a call takes back an earlier sign-out."""
    agent = floor.agent(fact.agent)
    if agent.removed:
        raise Refusal("unknown-agent", f"agent {fact.agent} is no longer configured")
    if agent.state != OFFLINE:
        if agent.intent != OFFLINE:
            raise Refusal("already-signed-in", f"agent {fact.agent} is signed in already")
        _has_phone(agent, fact)
        _console_is_there(floor, agent)
        _intend(floor, agent, NOT_READY)
        return
    _has_phone(agent, fact)
    choice.new_shift(agent)
    agent.want(NOT_READY)
    floor.move(agent, "signed-in")


def _has_phone(agent: AgentRecord, fact: f.AgentSignedIn) -> None:
    agent.phone_up = fact.phone_up
    agent.answer_s = fact.answer_s if isfinite(fact.answer_s) and fact.answer_s > 0 else 0.0


def signed_out(floor: Floor, fact: f.AgentSignedOut) -> None:
    """End the shift; during a call, after it."""
    agent = _signed_in(floor, fact.agent)
    if _busy(agent):
        _intend(floor, agent, OFFLINE)
        return
    offer = floor.offers.get(agent.offer)
    if offer is not None:
        offers.close(floor, offer, "refused", SIGNED_OUT)
    agent.want(OFFLINE)
    floor.stop(agent, "signed-out")
    if offer is not None:
        offers.ask_others(floor, offer)


def ready(floor: Floor, fact: f.AgentReady) -> None:
    """Want calls. Without a phone this is a fault that heals with the phone."""
    agent = _signed_in(floor, fact.agent)
    if agent.removed:
        raise Refusal("unknown-agent", f"agent {fact.agent} is no longer configured")
    if _busy(agent) or agent.state == RESERVED:  # a phone that rings, maybe by the own wish
        _intend(floor, agent, READY)
    elif agent.state == READY:
        if agent.paused_until is None:
            raise _no_change(agent)
        rona.begin_anew(floor, agent)
        floor.become_ready(agent, "free")
    elif agent.console_out:
        raise Refusal("connection-lost", f"agent {agent.id} has no console")
    elif agent.phone_up:
        floor.become_ready(agent, "ready")
    elif agent.state == FAULT:
        raise Refusal("phone-down", f"the phone of agent {agent.id} cannot be rung")
    else:
        agent.want(READY)
        floor.stop(agent, "phone-failed", PHONE)


def not_ready(floor: Floor, fact: f.AgentNotReady) -> None:
    """Want no calls; a phone that rings is refused by it."""
    agent = _signed_in(floor, fact.agent)
    if _busy(agent):
        _intend(floor, agent, NOT_READY, fact.reason)
        return
    if agent.state == NOT_READY and agent.reason == fact.reason:
        raise _no_change(agent)
    offer = floor.offers.get(agent.offer)
    agent.want(NOT_READY, fact.reason)
    if offer is not None:
        offers.refuse(floor, offer, fact.reason, PAUSED)
        return
    floor.stop(agent, "not-ready", fact.reason)


def phone_failed(floor: Floor, fact: f.PhoneFailed) -> None:
    """The phone cannot be rung: no more offers, and a ringing one goes to the next agent."""
    agent = floor.agent(fact.agent)
    if not agent.phone_up:
        raise _no_change(agent)
    agent.phone_up = False
    if agent.state == READY:
        floor.stop(agent, "phone-failed", fact.why or PHONE)
    elif agent.offer:
        offers.broke(floor, floor.offers[agent.offer], fact.why or PHONE, PHONE_FAILED)
    elif agent.leg and agent.state == RESERVED:
        legs.broke(floor, floor.legs[agent.leg], fact.why or PHONE, PHONE_FAILED)


def phone_healthy(floor: Floor, fact: f.PhoneHealthy) -> None:
    """The phone can be rung (again)."""
    agent = floor.agent(fact.agent)
    if agent.phone_up and agent.state != FAULT:
        raise _no_change(agent)
    agent.phone_up = True
    if agent.state == FAULT:
        floor.settle(agent)


def console_lost(floor: Floor, fact: f.ConsoleLost) -> None:
    """Nothing happens before the grace is over; a call never ends by this."""
    agent = _signed_in(floor, fact.agent)
    if agent.console_out or agent.grace_timer:
        raise _no_change(agent)
    due = floor.now + floor.site.console_grace_s
    agent.grace_timer = floor.timers.start(due, "console", agent.id)


def console_grace_over(floor: Floor, agent_id: str) -> None:
    """No offers for an agent who cannot see them."""
    agent = floor.agents[agent_id]
    agent.grace_timer = NO_TIMER
    agent.console_out = True
    if agent.state in (READY, FAULT):
        agent.want(NOT_READY, CONNECTION_LOST)
        floor.stop(agent, "console-lost", CONNECTION_LOST)


def console_back(floor: Floor, fact: f.ConsoleBack) -> None:
    """Within the grace nothing has happened; later the agent has to press Ready."""
    agent = _signed_in(floor, fact.agent)
    if not agent.console_out and not agent.grace_timer:
        raise _no_change(agent)
    _console_is_there(floor, agent)


def _console_is_there(floor: Floor, agent: AgentRecord) -> None:
    floor.timers.cancel(agent.grace_timer)
    agent.grace_timer = NO_TIMER
    agent.console_out = False


def wrap_up_done(floor: Floor, fact: f.WrapUpDone) -> None:
    """The after-call work is over."""
    end_wrap_up(floor, _wrapping_up(floor, fact.agent), forced=False)


def wrap_up_time_over(floor: Floor, agent_id: str) -> None:
    """The queue's time for after-call work is over."""
    end_wrap_up(floor, floor.agents[agent_id], forced=True)


def wrap_up_extended(floor: Floor, fact: f.WrapUpExtended) -> None:
    """More time for the after-call work."""
    agent = _wrapping_up(floor, fact.agent)
    if agent.deadline is None:
        raise Refusal("no-deadline", f"the wrap-up of agent {agent.id} has no forced end")
    if not (isfinite(fact.by_s) and 0 < fact.by_s <= MAX_EXTENSION_S):
        raise Refusal("bad-duration", f"cannot extend by {fact.by_s} s")
    left_s = extension_left_s(floor, agent)
    if left_s is not None and fact.by_s > left_s:
        raise Refusal(
            "extension-over",
            f"the wrap-up can be made longer by {left_s:g} s more, not {fact.by_s:g}",
        )
    agent.extended_s += fact.by_s
    floor.timers.cancel(agent.timer)
    agent.deadline += fact.by_s
    agent.timer = floor.timers.start(agent.deadline, "wrap-up", agent.id)
    floor.tell(agent)


def extension_left_s(floor: Floor, agent: AgentRecord) -> float | None:
    """By how much the present wrap-up may still be made longer; None: without a bound."""
    queue = floor.queues.get(agent.queue)
    most_s = None if queue is None else queue.config.extend_s
    return None if most_s is None else max(0.0, most_s - agent.extended_s)


def end_wrap_up(floor: Floor, agent: AgentRecord, *, forced: bool) -> None:
    """Close the after-call work and do what the agent wants next."""
    close_wrap_up(floor, agent, forced=forced)
    floor.settle(agent)


def close_wrap_up(floor: Floor, agent: AgentRecord, *, forced: bool) -> None:
    """Close the after-call work; the agent is for the caller of this to place."""
    floor.timers.cancel(agent.timer)
    agent.timer = NO_TIMER
    agent.deadline = None
    agent.extended_s = 0.0
    wrap_up_s = floor.now - agent.since
    queue = floor.queues.get(agent.queue)
    if queue is not None:
        queue.pace.wrap_up.add(wrap_up_s)
    floor.out.append(d.WrapUpEnded(agent.call, agent.queue, agent.id, wrap_up_s, forced))
    agent.call = agent.queue = ""


def _wrapping_up(floor: Floor, agent_id: str) -> AgentRecord:
    agent = floor.agent(agent_id)
    if agent.state != WRAP_UP:
        raise Refusal("not-in-wrap-up", f"agent {agent_id} is {agent.state}")
    return agent
