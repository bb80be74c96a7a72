"""RONA (ring no answer): what becomes of an agent who lets calls ring out (`acd.site.Rona`).

Misses in a row are counted, whatever the queue; an answer, or going ready by oneself, begins
anew. Before the limit the agent stays ready and keeps the idle clock. A pause is being ready
without an idle clock, with a deadline: nothing is offered, and afterwards the agent is the one
who became idle last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acd.site import Rona
from acd.states import NOT_READY, OFFLINE, READY
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor

NO_ANSWER: Final = "no answer"
_DEFAULT: Final = Rona()


def rule_of(floor: Floor, queue: str) -> Rona:
    """The rule of a queue; the usual one for a queue that is gone."""
    known = floor.queues.get(queue)
    return _DEFAULT if known is None else known.config.rona


def missed(floor: Floor, agent: AgentRecord, rule: Rona) -> bool:
    """Place an agent who did not answer and has nothing any more; whether it was the limit.

    Who stays ready is settled by the caller of this, once others have been asked.
    """
    agent.misses += 1
    if agent.intent != READY:
        _not_ready(floor, agent)
    elif agent.misses < rule.misses:
        return False
    elif rule.then == "pause":
        _end_pause(floor, agent)  # missed on a leg during a pause
        agent.misses = 0
        floor.matching.remove_idle(agent)  # who missed a work item is among the idle
        agent.idle_since = None
        agent.paused_until = floor.now + rule.pause_s
        agent.pause_timer = floor.timers.start(agent.paused_until, "pause", agent.id)
        floor.settle(agent)
    elif rule.then == "sign out":
        agent.misses = 0
        agent.want(OFFLINE)
        floor.stop(agent, "signed-out", NO_ANSWER)
    else:
        _not_ready(floor, agent)
    return True


def _not_ready(floor: Floor, agent: AgentRecord) -> None:
    agent.misses = 0
    agent.want(NOT_READY, NO_ANSWER)
    floor.stop(agent, "no-answer", NO_ANSWER)


def stay_paused(floor: Floor, agent: AgentRecord) -> None:
    """Ready again before the pause is over: as before, nothing is offered."""
    agent.deadline = agent.paused_until
    floor.move(agent, "free", NO_ANSWER)


def begin_anew(floor: Floor, agent: AgentRecord) -> None:
    """No misses, and no pause any more."""
    agent.misses = 0
    _end_pause(floor, agent)


def _end_pause(floor: Floor, agent: AgentRecord) -> None:
    if agent.paused_until is not None:
        floor.timers.cancel(agent.pause_timer)
        agent.pause_timer = NO_TIMER
        agent.paused_until = None
        if agent.state == READY:
            agent.deadline = None


def pause_over(floor: Floor, agent_id: str) -> None:
    """Offers again, as who became idle last; one who is busy meanwhile hears nothing of it."""
    agent = floor.agents[agent_id]
    _end_pause(floor, agent)
    if agent.state == READY:
        floor.become_ready(agent, "free")
