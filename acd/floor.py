"""The state of the whole floor, and the few steps that every change is made of.

The handlers of facts (`desk`, `calls`, `offers`, `transfers`, `legs`, ...) use these
steps and nothing else, so the rules that always hold are kept here: an agent is among
the idle ones exactly while ready, and at rest no caller waits whom an idle agent may take.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from acd import (
    ageing,
    choice,
    overflowing,
    pairing,
    places,
    preferring,
    presence,
    rona,
)
from acd import decisions as d
from acd.agents import AgentRecord
from acd.counters import QueueCounts
from acd.decisions import AgentChanged, CallEntered, CallLeft
from acd.items import Work
from acd.legs import OpenLeg
from acd.lines import CONNECTED, DIALLING, PARKED, WAITING, QueueState, Visit
from acd.matching import Matching
from acd.offers import OpenOffer
from acd.places import MAX_PLACES, Place
from acd.presence import LEVEL, Presence
from acd.recent import Recent
from acd.refusals import Refusal
from acd.site import CALL, Site
from acd.states import NOT_READY, OFFLINE, READY, TABLE, Event
from acd.timers import NO_TIMER, Timers

DIAL_LIMIT_S: Final = 120.0
"""How long a callback's customer may be dialled before the engine gives up by itself."""

MAX_SENT: Final = 10_000
"""Of how many calls that were sent out of a line it is remembered where they have been."""

MAX_TURNED: Final = 1_000
"""Of how many callers it is remembered which queues have just turned them away."""

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
        "loose",
        "matching",
        "now",
        "offers",
        "out",
        "over",
        "places",
        "presence",
        "queues",
        "ranks",
        "sent",
        "site",
        "timers",
        "turned",
        "visits",
        "work",
    )

    def __init__(self) -> None:
        self.site = Site()
        self.now = 0.0
        self.out: list[d.Decision] = []
        self.agents: dict[str, AgentRecord] = {}
        self.queues: dict[str, QueueState] = {}
        self.visits: dict[str, Visit] = {}
        self.loose: list[Visit] = []  # in line, and to be matched when the step is complete
        self.offers: dict[str, OpenOffer] = {}
        self.legs: dict[str, OpenLeg] = {}
        self.counts: dict[str, QueueCounts] = {}
        self.timers = Timers()
        self.matching = Matching()
        self.presence = Presence()
        self.ranks = False  # whether some queues come before others
        self.places: Recent[Place] = Recent(MAX_PLACES)  # by caller
        self.turned: Recent[tuple[str, ...]] = Recent(MAX_TURNED)  # calls at the door
        self.sent: Recent[tuple[str, ...]] = Recent(MAX_SENT)  # calls: where they have been
        self.over: set[str] = set()
        self._over_order: deque[str] = deque()
        self.work = Work()
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
        if LEVEL[state] != agent.level:
            presence.moved(self, agent)
        if agent.desk is not None:
            self.work.changed[agent.id] = agent
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
        agent.state = state = TABLE[agent.state][event]
        agent.since = self.now
        agent.reason = reason
        self.agents_version += 1
        if LEVEL[state] != agent.level:
            presence.moved(self, agent)
        if agent.desk is not None:
            self.work.changed[agent.id] = agent

    def tell(self, agent: AgentRecord) -> None:
        """Make the agent's state known."""
        self.out.append(agent.view())

    def stop(self, agent: AgentRecord, event: Event, reason: str = "") -> None:
        """Move an agent to a state without calls and without an idle clock."""
        self.matching.remove_idle(agent)
        agent.idle_since = None
        if agent.busy_since is not None:
            choice.worked(agent, agent.busy_since, self.now)
        rona.begin_anew(self, agent)
        self.move(agent, event, reason)
        if agent.state == OFFLINE:
            self.timers.cancel(agent.grace_timer)
            agent.grace_timer = NO_TIMER
            agent.console_out = False
        if agent.wanted:
            preferring.let_go(self, agent)
        if agent.removed:
            self.forget(agent)

    def forget(self, agent: AgentRecord) -> None:
        """Drop an agent who is no longer configured and has no call; signs them out first."""
        if agent.state != OFFLINE:
            agent.want(OFFLINE)
            agent.removed = False
            self.stop(agent, "signed-out")
        self.agents.pop(agent.id, None)
        if agent.id in agent.group.members:
            self.matching.leave_group(agent)

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
        if agent.busy_since is not None:
            choice.worked(agent, agent.busy_since, self.now)
        if agent.paused_until is not None:
            rona.stay_paused(self, agent)
            preferring.let_go(self, agent)
            return
        if agent.idle_since is None:
            agent.idle_since = self.now
            agent.idle_seq = self.next_seq()
            if agent.history and agent.state in choice.AWAY:
                choice.came_back(agent, self.queues)
        self.move(agent, event)
        pairing.find_work(self, agent)

    def find_work(self, agent: AgentRecord) -> None:
        """An agent who is ready, and not among the idle ones, takes a caller or joins them."""
        pairing.find_work(self, agent)

    # Visits ----------------------------------------------------------------------------

    def enter(self, visit: Visit, reason: d.Reason | None = None) -> None:
        """A new visit is in the books; it is not in its line yet. `reason`: of its place."""
        self.visits[visit.call] = visit
        visit.line.visits += 1
        self.tell_entered(visit, reason)

    def tell_entered(self, visit: Visit, reason: d.Reason | None = None) -> None:
        """Count the entry and make it known."""
        visit.books.offered += 1
        queue = visit.queue
        if (self.ranks or visit.priority or queue.pace.ranked.mean) and visit.kind == "call":
            queue.pace.came(self.now, visit.priority)
        self.out.append(
            CallEntered(
                visit.call,
                queue.id,
                visit.entered,
                queue.config.priority + visit.priority,
                visit.kind,
                reason,
            )
        )

    def seek_agent(self, visit: Visit) -> None:
        """Offer a visit that is in no line to the idle agent whom its queue chooses, or put it
        back."""
        if self.loose:  # others may have more right to an idle agent
            self.put_back(visit)
            self.loose.append(visit)
            return
        if visit.kind != "outbound" and (visit.due is None or not self._is_parked(visit)):
            if visit.queue.ages or visit.preferred:
                ageing.apply(self, visit)
            agent = pairing.first_idle(self, visit)
            if agent is not None:
                pairing.offer(self, visit, agent, 1)
                return
        self.put_back(visit)

    def match_loose(self) -> None:
        """A step is complete: match whom it left in line beside idle agents."""
        loose, self.loose = self.loose, []
        for visit in loose:
            self.seek_agent_if_waiting(visit)

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
        queue = visit.queue
        if queue.ages or visit.preferred:
            ageing.apply(self, visit)
        visit.place = WAITING
        line = visit.line
        line.add(visit)
        if line.only:
            self.agents[line.only].wanted[line] = None
        if queue.ages or line.only:
            ageing.start(self, visit)
        if queue.moves and visit.kind == "call":
            overflowing.watch(self, visit)
        assert visit.key is not None
        if visit.key < queue.hindmost:
            places.joined(visit, self.now)
        else:
            queue.hindmost = visit.key[:3]

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
        while visit.key is not None and pairing.first_idle(self, visit) is not None:
            pairing.pair(self, visit)

    def leave_line(self, visit: Visit) -> None:
        """Out of the line, with its timers."""
        line = visit.line
        line.remove(visit)
        if line.only and not line.callers:
            del self.agents[line.only].wanted[line]
        self.timers.cancel(visit.timer)
        visit.timer = NO_TIMER
        if visit.ageing_timer:
            ageing.stop(self, visit)

    def take_line(self, visit: Visit, only: str = "") -> None:
        """The visit, which is in no line, belongs to the one of its queue, needs and age."""
        line = self.matching.line(visit.queue, visit.needs, visit.steps, only)
        if line is not visit.line:
            visit.line.visits -= 1
            visit.line = line
            line.visits += 1

    def finish(
        self, visit: Visit, outcome: str, reason: d.Reason, agent: str = "", *, final: bool = True
    ) -> None:
        """End a visit that is in no line and with no agent. `final`: the call never comes back."""
        self.timers.cancel(visit.timer)
        visit.timer = NO_TIMER
        self.drop(visit, final=final)
        self.count_left(visit, outcome)
        self.tell_left(visit, outcome, reason, agent)

    def count_left(self, visit: Visit, outcome: str) -> None:
        """Put the end of a visit into the books, and learn from it."""
        visit.books.leave(outcome)
        if visit.kind == "call":
            waited_s = self.now - visit.entered
            visit.queue.pace.left(waited_s, abandoned=outcome == "abandoned")
            if visit.caller:
                places.keep(self, visit, outcome)
        elif visit.expiry_timer and outcome != "overflowed":  # in another queue its time goes on
            self.timers.cancel(visit.expiry_timer)
            visit.expiry_timer = NO_TIMER

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

    def fallback(self, queue: QueueState) -> str:
        """Where the callers of a removed queue go: where its rules would lead them, or the first.

        Rules for those who wait come before those for the door, and a queue for calls before
        any other.
        """
        known = [one.id for one in self.queues.values() if one.config.work == CALL]
        known = known or list(self.queues)
        rules = (*queue.moves, *queue.config.rules)
        named = [rule.to.target for rule in rules if rule.to.kind == "queue"]
        return next((target for target in named if target in known), known[0])

    def move_visit(self, visit: Visit, to: str, reason: d.Reason) -> None:
        """End the visit as overflowed and begin one in another queue.

        The new visit's wait counts from now, but its place in the line is by the original
        arrival: who has waited long is not sent to the end of another line.
        """
        self.count_left(visit, "overflowed")
        self.tell_left(visit, "overflowed", reason)
        visit.told = None
        visit.came_from = (*visit.came_from, visit.queue.id)
        visit.line.visits -= 1
        visit.queue = self.queues[to]
        visit.preferred = ""
        ageing.renewed(visit)
        visit.line = self.matching.line(visit.queue, visit.needs)
        visit.line.visits += 1
        visit.entered = visit.ages_from = self.now
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

    def tell_callback(self, visit: Visit, state: str, promise: str = "") -> None:
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
                visit.promised,
                promise,
            )
        )
