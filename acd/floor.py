"""The state of the whole floor, and the few steps that every change is made of.

The handlers of facts (`desk`, `calls`, `offers`, `transfers`, `legs`, ...) use these
steps and nothing else, so the rules that always hold are kept here: an agent is among
the idle ones exactly while ready, and at rest no caller waits whom an idle agent may take.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from acd import decisions as d
from acd import offers, rona
from acd.agents import AgentRecord, IdleKey
from acd.choice import key_of
from acd.counters import QueueCounts
from acd.decisions import AgentChanged, CallEntered, CallLeft
from acd.legs import OpenLeg
from acd.lines import CONNECTED, DIALLING, PARKED, WAITING, QueueState, Visit
from acd.matching import Matching
from acd.offers import OpenOffer
from acd.refusals import Refusal
from acd.site import Rule, Site
from acd.states import NOT_READY, OFFLINE, READY, TABLE, Event
from acd.timers import NO_TIMER, Timers

DIAL_LIMIT_S: Final = 120.0
"""How long a callback's customer may be dialled before the engine gives up by itself."""

MAX_OVER = 1_000
"""How many finished calls are remembered, to know a late fact from a new call."""

CONNECTION_LOST: Final = "connection lost"
PHONE: Final = "phone"
QUEUE_REMOVED: Final = d.Reason("queue-removed")
NOT_PLACED: Final = d.Reason("not-placed")


class Floor:
    """Everything the engine knows. `now` is the time of the fact or timer at hand."""

    __slots__ = (
        "_over_order",
        "agents",
        "agents_version",
        "counts",
        "last_offer",
        "last_seq",
        "legs",
        "matching",
        "now",
        "offers",
        "out",
        "over",
        "queues",
        "site",
        "timers",
        "visits",
    )

    def __init__(self) -> None:
        self.site = Site()
        self.now = 0.0
        self.out: list[d.Decision] = []
        self.agents: dict[str, AgentRecord] = {}
        self.queues: dict[str, QueueState] = {}
        self.visits: dict[str, Visit] = {}
        self.offers: dict[str, OpenOffer] = {}
        self.legs: dict[str, OpenLeg] = {}
        self.counts: dict[str, QueueCounts] = {}
        self.timers = Timers()
        self.matching = Matching()
        self.over: set[str] = set()
        self._over_order: deque[str] = deque()
        self.last_offer = 0
        self.last_seq = 0
        self.agents_version = 0

    def next_seq(self) -> int:
        """A number that orders what came at the same time."""
        self.last_seq = number = self.last_seq + 1
        return number

    def agent(self, agent_id: str) -> AgentRecord:
        """The agent, or a refusal."""
        agent = self.agents.get(agent_id)
        if agent is None:
            raise Refusal("unknown-agent", f"no agent {agent_id}")
        return agent

    def visit(self, call: str) -> Visit:
        """The open visit of a call or callback, or a refusal."""
        visit = self.visits.get(call)
        if visit is None:
            if call in self.over:
                raise Refusal("call-over", f"call {call} is over")
            raise Refusal("unknown-call", f"call {call} is in no queue and with no agent")
        return visit

    def connected(self, call: str) -> tuple[Visit, AgentRecord]:
        """A connected call and the agent whose call it is, or a refusal."""
        visit = self.visit(call)
        if visit.place != CONNECTED:
            raise Refusal("not-connected", f"call {call} is not with an agent")
        return visit, self.agents[visit.agent]

    def remember_over(self, call: str) -> None:
        """A call that never comes back; late facts about it are refused for a while."""
        if call not in self.over:
            self.over.add(call)
            self._over_order.append(call)
            if len(self._over_order) > MAX_OVER:
                self.over.discard(self._over_order.popleft())

    def over_in_order(self) -> list[str]:
        """The remembered finished calls, oldest first."""
        return list(self._over_order)

    # Agents ----------------------------------------------------------------------------

    def move(self, agent: AgentRecord, event: Event, reason: str = "") -> None:
        """Put an agent into the state that the table says, and make it known.

        Written out, for it is the engine's busiest step: `step`, then `tell`.
        """
        agent.state = state = TABLE[agent.state][event]
        agent.since = now = self.now
        agent.reason = reason
        self.agents_version += 1
        self.out.append(
            AgentChanged(
                agent.id,
                state,
                now,
                reason,
                agent.intent,
                agent.intent_reason,
                agent.call,
                agent.offer,
                agent.deadline,
                agent.idle_since,
                agent.leg,
            )
        )

    def step(self, agent: AgentRecord, event: Event, reason: str = "") -> None:
        """Like `move`, silently: another step follows in the same instant."""
        agent.state = TABLE[agent.state][event]
        agent.since = self.now
        agent.reason = reason
        self.agents_version += 1

    def tell(self, agent: AgentRecord) -> None:
        """Make the agent's state known."""
        self.out.append(agent.view())

    def stop(self, agent: AgentRecord, event: Event, reason: str = "") -> None:
        """Move an agent to a state without calls and without an idle clock."""
        self.matching.remove_idle(agent)
        agent.idle_since = None
        rona.begin_anew(self, agent)
        self.move(agent, event, reason)
        if agent.state == OFFLINE:
            self.timers.cancel(agent.grace_timer)
            agent.grace_timer = NO_TIMER
            agent.console_out = False
        if agent.removed:
            self.forget(agent)

    def forget(self, agent: AgentRecord) -> None:
        """Drop an agent who is no longer configured and has no call; signs them out first."""
        if agent.state != OFFLINE:
            agent.want(OFFLINE)
            agent.removed = False
            self.stop(agent, "signed-out")
        self.agents.pop(agent.id, None)
        agent.group.members.pop(agent.id, None)

    def settle(self, agent: AgentRecord) -> None:
        """Nothing is left to do: the agent becomes what the intent says.

        An idle clock that still runs (nobody talked) goes on.
        """
        if agent.removed:
            agent.want(OFFLINE)
        if agent.intent == OFFLINE:
            self.stop(agent, "signed-out")
        elif agent.intent == NOT_READY:
            self.stop(agent, "not-ready", agent.intent_reason)
        elif not agent.phone_up:
            self.stop(agent, "phone-failed", PHONE)
        elif agent.console_out:
            agent.want(NOT_READY, CONNECTION_LOST)
            self.stop(agent, "console-lost", CONNECTION_LOST)
        else:
            self.become_ready(agent, "free")

    def become_ready(self, agent: AgentRecord, event: Event) -> None:
        """The agent takes the first caller there is, or waits for one."""
        agent.want(READY)
        if agent.paused_until is not None:
            rona.stay_paused(self, agent)
            return
        if agent.idle_since is None:
            agent.idle_since = self.now
            agent.idle_seq = self.next_seq()
        self.move(agent, event)
        self.find_work(agent)

    def find_work(self, agent: AgentRecord) -> None:
        """An agent who is ready, and not among the idle ones, takes a caller or joins them."""
        visit, waiting = self.matching.first_caller(agent)
        while visit is not None and self._idle_for_longer(visit, agent):
            self.leave_line(visit)
            self.seek_agent(visit)
            visit, waiting = self.matching.first_caller(agent)
        if visit is None:
            self.matching.add_idle(agent)
        else:
            self.leave_line(visit)
            offers.make(self, visit, agent, 1 + len(visit.line.idle), waiting)

    @staticmethod
    def _idle_for_longer(visit: Visit, agent: AgentRecord) -> bool:
        """Whether another idle agent comes before `agent`, when both came free at once."""
        if not visit.line.idle:
            return False
        first, missed = _asked_first(visit), visit.missed_by
        mine = key_of(agent, visit.line)
        return (first[-1].id in missed, first) < (agent.id in missed, mine)

    # Visits ----------------------------------------------------------------------------

    def enter(self, visit: Visit) -> None:
        """A new visit is in the books; it is not in its line yet."""
        self.visits[visit.call] = visit
        visit.line.visits += 1
        self.tell_entered(visit)

    def tell_entered(self, visit: Visit) -> None:
        """Count the entry and make it known."""
        visit.books.offered += 1
        queue = visit.queue
        self.out.append(
            CallEntered(
                visit.call,
                queue.id,
                visit.entered,
                queue.config.priority + visit.priority,
                visit.kind,
            )
        )

    def seek_agent(self, visit: Visit) -> None:
        """Offer a visit that is in no line to the longest idle agent, or put it back."""
        idle = visit.line.idle
        if idle and visit.kind != "outbound" and (visit.due is None or not self._is_parked(visit)):
            agent = _asked_first(visit)[-1]
            among = len(idle)
            self.matching.remove_idle(agent)
            offers.make(self, visit, agent, among, 1)
        else:
            self.put_back(visit)

    def put_back(self, visit: Visit) -> None:
        """Let a visit wait at its place, by priority and arrival.

        A parked call is parked for the rest of its time; a call that an agent wanted to
        place and that nobody places any more is over.
        """
        if visit.kind == "outbound":
            self.finish(visit, "not reached", NOT_PLACED)
            return
        if visit.due is not None and self._is_parked(visit):
            visit.place = PARKED
            visit.timer = self.timers.start(visit.due, "park", visit.call)
            self.out.append(d.CallParked(visit.call, visit.queue.id, visit.due))
            return
        visit.place = WAITING
        visit.line.add(visit)
        if visit.queue.config.rules and visit.kind == "call" and self.overflow_target(visit):
            after_s = self.overflow_after_s(visit.queue)
            visit.timer = self.timers.start(visit.entered + after_s, "overflow", visit.call)

    def _is_parked(self, visit: Visit) -> bool:
        """Whether a call that is in no line is parked for some more time."""
        if visit.due is not None and visit.due <= self.now:
            visit.due = None
        return visit.due is not None

    def back_in_line(self, visit: Visit) -> None:
        """After an offer that came to nothing: the next agent, or the old place."""
        self.rehome(visit)
        self.seek_agent(visit)

    def rehome(self, visit: Visit) -> None:
        """A visit of a queue that is no longer configured goes to another one."""
        if visit.queue.retired and visit.kind != "outbound":
            self.move_visit(visit, self.fallback(visit.queue), QUEUE_REMOVED)

    def seek_agent_if_waiting(self, visit: Visit) -> None:
        """Match a visit in line again, after agents have changed."""
        if visit.key is not None and visit.line.idle:
            self.leave_line(visit)
            self.seek_agent(visit)

    def leave_line(self, visit: Visit) -> None:
        """Out of the line, with its timer."""
        visit.line.remove(visit)
        self.timers.cancel(visit.timer)
        visit.timer = NO_TIMER

    def finish(
        self, visit: Visit, outcome: str, reason: d.Reason, agent: str = "", *, final: bool = True
    ) -> None:
        """End a visit that is in no line and with no agent. `final`: the call never comes back."""
        self.timers.cancel(visit.timer)
        visit.timer = NO_TIMER
        self.drop(visit, final=final)
        visit.books.leave(outcome)
        self.tell_left(visit, outcome, reason, agent)

    def tell_left(self, visit: Visit, outcome: str, reason: d.Reason, agent: str = "") -> None:
        """Make the end of a visit known."""
        self.out.append(
            CallLeft(
                visit.call,
                visit.queue.id,
                visit.entered,
                outcome,
                self.now - visit.entered,
                agent,
                reason,
                visit.kind,
            )
        )

    def drop(self, visit: Visit, *, final: bool) -> None:
        """Forget a visit."""
        del self.visits[visit.call]
        visit.line.visits -= 1
        if final:
            self.remember_over(visit.call)

    def overflow_target(self, visit: Visit) -> str:
        """Where the visit overflows to; "" for nowhere. Nobody goes round in a circle."""
        rule = _overflow_rule(visit.queue)
        target = rule.to.target if rule is not None else ""
        if target not in self.queues or target == visit.queue.id:
            return ""
        return "" if target in visit.came_from else target

    def fallback(self, queue: QueueState) -> str:
        """Where the callers of a removed queue go."""
        rule = _overflow_rule(queue)
        target = rule.to.target if rule is not None else ""
        return target if target in self.queues else next(iter(self.queues))

    @staticmethod
    def overflow_after_s(queue: QueueState) -> float:
        """How long callers of a queue wait before they go to another one."""
        rule = _overflow_rule(queue)
        return rule.limit if rule is not None else 0.0

    def move_visit(self, visit: Visit, to: str, reason: d.Reason) -> None:
        """End the visit as overflowed and begin one in another queue.

        The new visit's wait counts from now, but its place in the line is by the original
        arrival: who has waited long is not sent to the end of another line.
        """
        visit.books.leave("overflowed")
        self.tell_left(visit, "overflowed", reason)
        visit.came_from = (*visit.came_from, visit.queue.id)
        visit.line.visits -= 1
        visit.queue = self.queues[to]
        visit.line = self.matching.line(visit.queue, visit.needs)
        visit.line.visits += 1
        visit.entered = self.now
        self.tell_entered(visit)

    def dial(self, visit: Visit, agent: AgentRecord, offer_id: str) -> None:
        """The agent is there: the switch dials the customer now."""
        visit.place = DIALLING
        visit.offer = offer_id  # over, but it names the dialling to the switch
        visit.agent = agent.id
        visit.attempts += 1
        deadline = self.now + DIAL_LIMIT_S
        visit.timer = self.timers.start(deadline, "dial", visit.call)
        agent.call = visit.call
        agent.queue = visit.queue.id
        agent.misses = 0
        agent.deadline = deadline
        self.tell(agent)
        self.tell_callback(visit, "dialling")

    def tell_callback(self, visit: Visit, state: str) -> None:
        """Make a callback's state known; other visits have none."""
        if visit.kind != "callback":
            return
        self.out.append(
            d.CallbackChanged(
                visit.call,
                visit.origin,
                visit.queue.id,
                visit.number,
                state,
                visit.attempts,
                visit.due,
            )
        )


def _asked_first(visit: Visit) -> IdleKey:
    """The first of the idle agents of a line; who missed this very call comes last."""
    idle, missed = visit.line.idle, visit.missed_by
    if not missed:
        return idle[0]
    return next((key for key in idle if key[-1].id not in missed), idle[0])


def _overflow_rule(queue: QueueState) -> Rule | None:
    """The rule by which those who have waited too long go to another queue."""
    for rule in queue.config.rules:
        if rule.when == "waited" and rule.to.kind == "queue":
            return rule
    return None
