"""Further legs: agents on the phone for somebody else's call, consulted or listening in.

A leg reserves its agent like an offer does, but it is no call of that agent's: it has no
place in any line, no after-call work, and the agent's own books know nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acd import decisions as d
from acd import facts as f
from acd import rona
from acd.offers import DECLINED, OFFER_MARGIN_S
from acd.refusals import Refusal
from acd.states import NOT_READY, READY
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor

RING_S: Final = 30.0
"""How long the phone of a further leg rings, at the most."""

RING_TIME_OVER: Final = d.Reason("ring-time-over")


class OpenLeg:
    """An agent who is being rung for a further leg of a call, or is on it."""

    __slots__ = ("agent", "answered", "call", "deadline", "id", "timer")

    def __init__(self, leg: str, call: str, agent: AgentRecord, deadline: float) -> None:
        self.id = leg
        self.call = call
        self.agent = agent
        self.deadline = deadline
        self.timer = NO_TIMER
        self.answered = False


def offered(floor: Floor, fact: f.LegOffered) -> None:
    """Reserve the agent; the switch rings."""
    agent = floor.agent(fact.agent)
    if fact.leg in floor.legs:
        raise Refusal("leg-known", f"leg {fact.leg} is open already")
    visit, owner = floor.connected(fact.call)
    if owner is agent:
        raise Refusal("own-call", f"{fact.call} is the call of agent {agent.id}")
    refuse_unless_free(agent, own=fact.own)
    floor.matching.remove_idle(agent)
    deadline = floor.now + RING_S + agent.answer_s + OFFER_MARGIN_S
    leg = OpenLeg(fact.leg, fact.call, agent, deadline)
    leg.timer = floor.timers.start(leg.deadline, "leg", leg.id)
    floor.legs[leg.id] = leg
    agent.leg = leg.id
    agent.call = fact.call
    agent.queue = visit.queue.id
    agent.deadline = leg.deadline
    floor.move(agent, "offered")


def refuse_unless_free(agent: AgentRecord, *, own: bool) -> None:
    """Whether a phone may be rung that routing did not choose; `own`: the agent asked for it."""
    if agent.state != READY and not (own and agent.state == NOT_READY):
        raise Refusal("agent-not-ready", f"agent {agent.id} is {agent.state}")
    if not agent.phone_up:
        raise Refusal("phone-down", f"the phone of agent {agent.id} cannot be rung")


def _open(floor: Floor, leg_id: str) -> OpenLeg:
    leg = floor.legs.get(leg_id)
    if leg is None:
        raise Refusal("leg-over", f"leg {leg_id} is over or was never rung")
    return leg


def answered(floor: Floor, fact: f.LegAnswered) -> None:
    """The agent is on the leg."""
    leg = _open(floor, fact.leg)
    if leg.answered:
        raise Refusal("no-change", f"leg {fact.leg} is answered already")
    floor.timers.cancel(leg.timer)
    leg.timer = NO_TIMER
    leg.answered = True
    leg.agent.deadline = None
    leg.agent.idle_since = None
    leg.agent.busy_since = floor.now
    leg.agent.misses = 0
    floor.move(leg.agent, "answered")


def over(floor: Floor, fact: f.LegOver) -> None:
    """The leg ended, or came to nothing."""
    leg = _open(floor, fact.leg)
    if leg.answered:
        close(floor, leg)
        _free(floor, leg)
    elif fact.why == "no answer":
        _missed(floor, leg)
    elif fact.why == "refused":
        close(floor, leg)
        leg.agent.want(NOT_READY, DECLINED)
        floor.stop(leg.agent, "declined", DECLINED)
    elif fact.why == "unreachable":
        broke(floor, leg, fact.why, None)
    else:
        close(floor, leg)
        floor.settle(leg.agent)


def ring_time_over(floor: Floor, leg_id: str) -> None:
    """The switch has been silent about a ringing phone for too long."""
    leg = floor.legs[leg_id]
    _tell_cancel(floor, leg, RING_TIME_OVER)
    _missed(floor, leg)


def _missed(floor: Floor, leg: OpenLeg) -> None:
    rule = rona.rule_of(floor, leg.agent.queue)
    close(floor, leg)
    if not rona.missed(floor, leg.agent, rule):
        floor.settle(leg.agent)


def broke(floor: Floor, leg: OpenLeg, why: str, cancel: d.Reason | None) -> None:
    """The phone of a ringing leg is broken."""
    if cancel is not None:
        _tell_cancel(floor, leg, cancel)
    close(floor, leg)
    if leg.agent.intent == READY:
        floor.stop(leg.agent, "unreachable", why)
    else:
        floor.settle(leg.agent)


def take_off(floor: Floor, leg: OpenLeg, reason: d.Reason) -> None:
    """The agent is elsewhere; where, is for the caller of this to say."""
    _tell_cancel(floor, leg, reason)
    close(floor, leg)
    if leg.answered:
        floor.step(leg.agent, "ended")


def end_all(floor: Floor, call: str) -> bool:
    """The call is over, or away from all its legs. Whether there were any."""
    if not floor.legs:
        return False
    found = [leg for leg in floor.legs.values() if leg.call == call]
    for leg in found:
        close(floor, leg)
    for leg in found:
        _free(floor, leg)
    return bool(found)


def close(floor: Floor, leg: OpenLeg) -> None:
    """Forget a leg; its agent is then for the caller of this to place."""
    floor.timers.cancel(leg.timer)
    del floor.legs[leg.id]
    agent = leg.agent
    agent.leg = agent.call = agent.queue = ""
    agent.deadline = None


def _free(floor: Floor, leg: OpenLeg) -> None:
    if leg.answered:
        floor.step(leg.agent, "ended")
    floor.settle(leg.agent)


def _tell_cancel(floor: Floor, leg: OpenLeg, reason: d.Reason) -> None:
    floor.out.append(d.CancelLeg(leg.id, leg.call, leg.agent.id, reason))


def of_agent(floor: Floor, call: str, agent: str) -> OpenLeg | None:
    """The leg that an agent has on a call."""
    leg = floor.legs.get(floor.agents[agent].leg)
    return leg if leg is not None and leg.call == call else None
