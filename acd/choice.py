"""How a queue picks among its idle agents: `Queue.choice`, one row of a table for each.

A line keeps its idle agents sorted by a key that is given when an agent becomes idle and does
not change while the agent is, so the best one is the first and nobody is searched for:

    (the agent's order for the queue, the rank below, idle since, who began to be idle first)

What is remembered for it is kept per agent, and per agent and queue only where the queue's
choice asks for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from math import exp, inf, log
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from acd.decisions import Value
from acd.site import Choice
from acd.skills import level_of
from acd.states import FAULT, NOT_READY, OFFLINE, READY, State

if TYPE_CHECKING:
    from acd.agents import AgentRecord, IdleKey
    from acd.lines import Line, QueueState

TAU_S: Final = 1800.0
"""The time constant of occupancy: exponential smoothing in continuous time (R. G. Brown,
"Smoothing, Forecasting and Prediction of Discrete Time Series", 1963). What was half an hour
ago counts e times less than what is now."""

AWAY: Final[frozenset[State]] = frozenset({OFFLINE, NOT_READY, FAULT, READY})
"""Who comes back from here had no chance of a call meanwhile (ready: from a pause)."""

_NEVER: Final = 1 << 40
"""More than there are agents: who was never offered a call comes before all who were."""


class History:
    """What a queue's choice remembers of one agent."""

    __slots__ = ("answered", "offer", "offered_at", "turn")

    def __init__(self, turn: float = 0.0) -> None:
        self.offer = 0  # the number of the last offer of this queue
        self.offered_at: float | None = None
        self.answered = 0  # calls of this queue since signing in
        self.turn = turn  # weighted: rises with every call, by less for a greater weight


def _history(agent: AgentRecord, queue: QueueState) -> History:
    known = agent.history.get(queue.id)
    if known is None:
        known = agent.history[queue.id] = History(queue.turn)
    return known


# Ranks: the lower is asked first ----------------------------------------------------------


def _least_occupied(agent: AgentRecord, line: Line) -> float:
    """All idle agents' averages sink by the same factor, exp(-t/tau), so their logarithms
    keep their distance: ln(load) + (when it was that) / tau."""
    return log(agent.load) + agent.load_at / TAU_S if agent.load > 0.0 else -inf


def _round_robin(agent: AgentRecord, line: Line) -> float:
    known = agent.history.get(line.queue.id)
    return known.offer if known is not None and known.offer else agent.position - _NEVER


def _linear(agent: AgentRecord, line: Line) -> float:
    return agent.position


def _fewest_calls(agent: AgentRecord, line: Line) -> float:
    known = agent.history.get(line.queue.id)
    return known.answered if known is not None else 0


def _best_skill(agent: AgentRecord, line: Line) -> float:
    return -level_of(agent.config.skills, line.needs)


def _closest_skill(agent: AgentRecord, line: Line) -> float:
    """Where nothing is asked for, who has the least skills in all is the cheapest to give."""
    skills = agent.config.skills
    return level_of(skills, line.needs) if line.needs else sum(skills.values())


def _weighted(agent: AgentRecord, line: Line) -> float:
    """Stride scheduling (C. A. Waldspurger, W. E. Weihl, 1995): lowest turn first, and a call
    moves the turn on by one over the weight. Agents of other queues are asked last."""
    queue = line.queue
    return _history(agent, queue).turn if queue.id in agent.group.queues else inf


RANKS: Final[Mapping[Choice, Callable[[AgentRecord, Line], float] | None]] = MappingProxyType(
    {
        "longest-idle": None,
        "least-occupied": _least_occupied,
        "round-robin": _round_robin,
        "linear": _linear,
        "fewest-calls": _fewest_calls,
        "best-skill": _best_skill,
        "closest-skill": _closest_skill,
        "weighted": _weighted,
    }
)

REMEMBERS: Final[frozenset[Choice]] = frozenset({"round-robin", "fewest-calls", "weighted"})


def usual_key(agent: AgentRecord) -> IdleKey:
    """The place of an idle agent in a line that goes by the idle time alone."""
    assert agent.idle_since is not None
    return (1, 0.0, agent.idle_since, agent.idle_seq, agent)


def is_usual(queue: QueueState, order: Mapping[str, int]) -> bool:
    """Whether agents with this order have their `usual_key` in the lines of the queue."""
    return RANKS[queue.config.choice] is None and order.get(queue.id, 1) == 1


def key_of(agent: AgentRecord, line: Line) -> IdleKey:
    """The place of an idle agent in any line."""
    queue = line.queue
    rank = RANKS[queue.config.choice]
    order = agent.group.order.get(queue.id, 1)
    _, usual, idle_since, idle_seq, _ = usual_key(agent)
    return (order, usual if rank is None else rank(agent, line), idle_since, idle_seq, agent)


# Remembering ------------------------------------------------------------------------------


def begin_turns(agent: AgentRecord, queues: Mapping[str, QueueState]) -> None:
    """The agent is about to be idle: in each of the weighted `queues` there is a turn to go by."""
    for queue_id, queue in queues.items():
        if queue_id in agent.group.queues:
            _history(agent, queue)


def offered(agent: AgentRecord, queue: QueueState, number: int, now: float) -> None:
    """Offer `number`, of a queue that remembers, is for this agent."""
    known = _history(agent, queue)
    known.offer, known.offered_at = number, now
    queue.turn = max(queue.turn, known.turn)


def counted(agent: AgentRecord, queue: QueueState) -> None:
    """The agent has one more call (or work item) of a queue that remembers."""
    known = _history(agent, queue)
    known.answered += 1
    known.turn += 1.0 / agent.config.weight


def worked(agent: AgentRecord, began: float, now: float) -> None:
    """Call and after-call work are over: take their time into the average."""
    agent.busy_since = None
    before = agent.load * exp((agent.load_at - began) / TAU_S)
    agent.load = 1.0 - (1.0 - before) * exp((began - now) / TAU_S)
    agent.load_at = now


def occupancy(agent: AgentRecord, now: float) -> float:
    """The average of an idle agent's busy time now, 0 to 1."""
    return agent.load * exp((agent.load_at - now) / TAU_S)


def came_back(agent: AgentRecord, queues: Mapping[str, QueueState]) -> None:
    """Who was away is not owed the calls of that time: the turns catch up."""
    for queue_id, known in agent.history.items():
        queue = queues.get(queue_id)
        if queue is not None:
            known.turn = max(known.turn, queue.turn)


def new_shift(agent: AgentRecord) -> None:
    """Calls are counted from signing in on."""
    for known in agent.history.values():
        known.answered = 0


# Telling why ------------------------------------------------------------------------------


def equals(idle: list[IdleKey]) -> int:
    """How many idle agents have the first one's order; the rest are asked after them."""
    return bisect_left(idle, (idle[0][0] + 1,))


def figures(agent: AgentRecord, line: Line, now: float) -> dict[str, Value]:
    """What the choice went by, beside the idle time."""
    queue = line.queue
    match queue.config.choice:
        case "least-occupied":
            return {"occupancy": occupancy(agent, now)}
        case "round-robin":
            at = agent.history[queue.id].offered_at if queue.id in agent.history else None
            return {"turn_s": None if at is None else now - at}
        case "linear":
            return {"place": agent.position + 1}
        case "fewest-calls":
            return {"calls": int(_fewest_calls(agent, line))}
        case "best-skill" | "closest-skill":
            return {"level": level_of(agent.config.skills, line.needs)}
        case "weighted":
            return {"weight": agent.config.weight}
        case _:
            return {}
