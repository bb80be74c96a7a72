"""Checks what must always hold, from the outside.

A `Ledger` keeps its own books from nothing but the facts and the decisions; it shares no
code and no state with the engine, so a mistake in the engine can't hide in both. A
`CheckedEngine` drives an engine with a ledger beside it, and compares the two.

    I1  conservation: offered = open + every final outcome
    I2  one final outcome for each stay in a queue, and none for who is not there
    I3  an agent has one open offer or leg at most, and is reserved before the phone rings
    I4  a caller has one connected agent at most, an agent one caller; an agent on a further
        leg is reserved or talking for exactly that leg
    I5  nobody with more right to the agent waits, and nobody idle for longer could serve,
        unless a person chose (a call was picked, assigned, transferred to an agent, dialled)
    I6  no idle agent beside a waiting caller whom the agent may take
    I9  the notices, folded, are the live state
    I11 durations are not negative and sum to the total
    I12 every offer ends once and in bounded time, and the ringing is stopped

Work items have theirs in `acd.item_invariants`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from acd import decisions as d
from acd import facts as f
from acd.item_invariants import ItemLedger
from acd.rightful import TOLERANCE_S, Rights, Stay
from acd.rule_invariants import RuleLedger
from acd.site import Agent, Queue, Site
from acd.states import TABLE, WITH_CALLER
from acd.views import VisitView

CALL_OUTCOMES: Final = frozenset(
    {"answered", "abandoned", "overflowed", "callback", "withdrawn", "switch lost"}
)
CALLBACK_OUTCOMES: Final = frozenset({"reached", "expired", "overflowed", "withdrawn"})
OUTBOUND_OUTCOMES: Final = frozenset({"reached", "not reached"})
OUTCOMES: Final = {
    "call": CALL_OUTCOMES,
    "callback": CALLBACK_OUTCOMES,
    "outbound": OUTBOUND_OUTCOMES,
}
MOVED: Final = frozenset({"overflow", "left-alone", "closing-time"})
"""Reasons by which the rules of a queue move those who wait."""
CHOSEN_EARLY_S: Final = 86_400.0
CHOSEN: Final = frozenset({"picked", "assigned", "transferred-to-agent", "dialled"})
"""Offers that a person chose: fairness does not apply to them."""
AWAY: Final = ("offline", "not ready", "fault")
OFFER_OUTCOMES: Final = frozenset({"accepted", "refused", "unanswered", "unreachable", "cancelled"})


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. `invariant` is such as "I5"."""

    invariant: str
    now: float
    text: str


class Broken(AssertionError):  # noqa: N818 - a finding, not a failure of the program
    """Raised by `Ledger.demand` when something was violated."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("\n".join(f"{v.invariant} at {v.now}: {v.text}" for v in violations))
        self.first = violations[0]


@dataclass(slots=True)
class _Ringing:
    call: str
    agent: str
    deadline: float
    round: str = ""  # of several phones that ring at once
    stopped: bool = False  # a CancelOffer went out


@dataclass(frozen=True, slots=True)
class _Place:
    """What a caller leaves who gives up or is cut off."""

    queues: frozenset[str]
    arrived: float
    priority: int
    gone: float


class Ledger:
    """Independent books over one engine's facts and decisions."""

    def __init__(self, site: Site) -> None:
        self.violations: list[Violation] = []
        self.now = 0.0
        self.stays: dict[str, Stay] = {}
        self.offers: dict[str, _Ringing] = {}
        self.agents: dict[str, d.AgentChanged] = {}
        self.connected: dict[str, tuple[str, float]] = {}  # call to agent and when
        self.legs: dict[str, tuple[str, str]] = {}  # leg to call and agent
        self.entered: dict[tuple[str, str], int] = {}  # (queue, kind) to number
        self.left: dict[tuple[str, str], Counter[str]] = {}  # (queue, kind) to outcomes
        self._offer_ids: set[str] = set()
        self._asked: dict[str, f.CallQueued] = {}
        self._wishes: dict[str, f.CallQueued] = {}  # asked and not entered yet
        self._requested: dict[str, f.CallbackRequested] = {}
        self._park: dict[str, float | None] = {}  # calls that enter a line again, transferred
        self._gone: set[str] = set()
        self._arrivals: dict[str, tuple[float, int]] = {}
        self._last_seq = 0
        self._lost_offer = ""
        self._kept: dict[str, _Place] = {}  # by caller
        self._been: dict[str, set[str]] = {}  # calls that rules have moved, to where they were
        self.turned_away: dict[str, int] = {}  # by queue
        self._staffed: dict[str, dict[str, Any]] = {}  # agent to the parts that were changed
        self._misses: dict[str, int | None] = {}  # agent to unanswered offers in a row, if known
        self._missed: dict[str, set[str]] = {}  # call to agents who missed it and stayed ready
        self._rona: dict[str, tuple[str | None, str]] = {}
        # who has just missed one: what has to follow (None: not known), the call
        self.rights = Rights(site)
        self._configure(site)
        self.rules = RuleLedger(self, self._broken)
        self.rules.at_rest()
        self.items = ItemLedger(self, self._broken)

    @property
    def people(self) -> Mapping[str, Agent]:
        """Who does what, as in force."""
        return self._people

    @property
    def queues(self) -> Mapping[str, Queue]:
        """The queues that are configured."""
        return self._queues

    def _configure(self, site: Site) -> None:
        self.rights.configure(site)
        self._queues = self.rights.queues
        self._configured: dict[str, Agent] = {agent.id: agent for agent in site.agents}
        self._people = self.rights.people = dict(self._configured)  # as in force
        for agent, parts in list(self._staffed.items()):
            if agent not in self._configured:
                del self._staffed[agent]
                continue
            if "queues" in parts:
                parts["queues"] = tuple(q for q in parts["queues"] if q in self._queues)
            if "order" in parts:
                parts["order"] = {q: n for q, n in parts["order"].items() if q in self._queues}
            self._staff(agent)

    def _staffing(self, fact: f.AgentStaffed) -> None:
        parts = {} if fact.reset else dict(self._staffed.get(fact.agent, {}))
        for part in ("queues", "skills", "order"):
            wanted, configured = getattr(fact, part), getattr(self._configured[fact.agent], part)
            if wanted is not None:
                parts[part] = wanted
            same = set if part == "queues" else dict
            if part in parts and same(parts[part]) == same(configured):
                del parts[part]
        self._staffed[fact.agent] = parts
        self._staff(fact.agent)

    def _staff(self, agent: str) -> None:
        self._people[agent] = replace(self._configured[agent], **self._staffed[agent])

    def demand(self) -> None:
        """Raise `Broken` with everything that was violated."""
        if self.violations:
            raise Broken(self.violations)

    def _broken(self, invariant: str, text: str) -> None:
        self.violations.append(Violation(invariant, self.now, text))

    # Taking in ---------------------------------------------------------------------------

    def saw(self, fact: f.Fact | None, decisions: Sequence[d.Decision], now: float) -> None:
        """One `handle` (or a `tick`, with None for the fact) and what it decided.

        Give ticks their own call, before the fact: then each list belongs to one moment
        and the timers before it.
        """
        self.now = max(self.now, now)
        refused = bool(decisions) and isinstance(decisions[-1], d.Refused)
        if fact is not None and not refused:
            self._before(fact)
        for decision in decisions:
            self._take(decision)
        if fact is not None and not refused:
            self._after(fact)
            if isinstance(fact, f.EntryAsked):
                away = [x for x in decisions if isinstance(x, d.CallTurnedAway)]
                self.rules.asked(fact, away[0] if away else None)
        self._lost_offer = ""
        self._rona.clear()
        self.rules.at_rest()
        self._at_rest()

    def _before(self, fact: f.Fact) -> None:
        self.items.before(fact)
        self.rules.before(fact)
        if isinstance(fact, f.CallQueued):
            self._asked[fact.call] = self._wishes[fact.call] = fact
        elif isinstance(fact, f.CallbackRequested):
            self._requested[fact.callback] = fact
        elif isinstance(fact, f.CallbackRescheduled):
            self._choose(self.stays[fact.callback], self.now if fact.due is None else fact.due)
        elif isinstance(fact, f.Configured):
            self._configure(fact.site)
            self._served_no_more()
        elif isinstance(fact, f.AgentStaffed):
            self._staffing(fact)
            self._served_no_more()
        elif isinstance(fact, f.AgentReady):
            if self.agents[fact.agent].state not in (*WITH_CALLER, "reserved", "wrap-up"):
                self._misses.pop(fact.agent, None)
        elif isinstance(fact, f.CallTransferred):
            self._transfer(fact)
        elif isinstance(fact, f.LegOffered):
            self.legs[fact.leg] = (fact.call, fact.agent)
        elif isinstance(fact, f.LegAnswered):
            self._misses.pop(self.legs[fact.leg][1], None)
        elif isinstance(fact, f.LegOver):
            _, agent = self.legs.pop(fact.leg, ("", ""))
            self._misses[agent] = None
        elif isinstance(fact, f.CallHandedOver):
            taken = {leg for leg, of in self.legs.items() if of == (fact.call, fact.agent)}
            self._drop_legs(taken)
        elif isinstance(fact, f.CallFoundConnected):
            if fact.call not in self.stays:  # new to us, whatever was asked for it once
                self._asked.pop(fact.call, None)
        elif isinstance(fact, f.OfferLost):
            self._lost_offer = fact.offer
        elif isinstance(fact, f.Resumed):
            for ringing in self.offers.values():
                ringing.deadline += fact.away_s
            for stay in self.stays.values():
                if stay.parked_until is not None:
                    stay.parked_until += fact.away_s
        elif isinstance(fact, f.CallerGone):
            self._gone.add(fact.call)
        if isinstance(fact, f.CallerGone | f.CallEnded | f.CallTransferred):
            self._drop_legs({leg for leg, (call, _) in self.legs.items() if call == fact.call})

    def _drop_legs(self, legs: set[str]) -> None:
        for leg in legs:
            del self.legs[leg]

    def _transfer(self, fact: f.CallTransferred) -> None:
        if fact.queue:
            before = self._asked.get(fact.call)
            caller = before.caller if before is not None else ""
            self._asked[fact.call] = f.CallQueued(
                fact.call, fact.queue, fact.needs, fact.priority, caller=caller
            )
            self._park[fact.call] = self.now + fact.park_s if fact.park_s > 0 else None
        else:
            self._arrivals.pop(fact.call, None)
        self._been.pop(fact.call, None)

    def _after(self, fact: f.Fact) -> None:
        if isinstance(fact, (f.CallerGone, f.CallWithdrawn)) or (
            isinstance(fact, f.CallEnded) and not self._is_callback(fact.call)
        ):
            if fact.call in self.stays:
                self._broken("I2", f"{fact.call} is gone and still in a queue")
            if fact.call in self.connected:
                self._broken("I4", f"{fact.call} is gone and still connected")
        elif isinstance(fact, f.CallTransferred) and fact.call in self.connected:
            self._broken("I4", f"{fact.call} was transferred and is still connected")

    def _is_callback(self, call: str) -> bool:
        return call in self.stays and self.stays[call].kind == "callback"

    def _take(self, x: d.Decision) -> None:
        if isinstance(x, d.AgentChanged):
            self._agent(x)
        elif isinstance(x, d.Offer | d.Callback):
            self._offer(x)
        elif isinstance(x, d.OfferItem):
            self.items.offer(x)
        elif isinstance(x, d.ItemChanged):
            if x.reason.code == "item-unanswered" and x.item in self.items.items:
                self._misses[self.items.items[x.item].agent] = None
            elif x.state == "working":
                self._misses.pop(x.agent, None)
            self.items.changed(x)
        elif isinstance(x, d.OfferEnded):
            self._offer_ended(x)
        elif isinstance(x, d.CancelOffer):
            self._cancel(x)
        elif isinstance(x, d.CallEntered):
            self._enter(x)
        elif isinstance(x, d.CallLeft):
            self.rules.moved(x)
            self._leave(x)
        elif isinstance(x, d.QueueChanged):
            self.rules.changed(x)
        elif isinstance(x, d.PositionTold):
            self.rules.position(x)
        elif isinstance(x, d.CallCompleted):
            self._complete(x)
        elif isinstance(x, d.CallTaken):
            self._misses.pop(x.agent, None)
            self._connected(x.call, x.agent)
        elif isinstance(x, d.CancelLeg):
            self._misses[x.agent] = None
            if self.legs.pop(x.leg, None) is None:
                self._broken("I3", f"{x.leg} is cancelled but was not open")
        elif isinstance(x, d.CallbackChanged):
            self._callback(x)
        elif isinstance(x, d.CallTurnedAway):
            self.turned_away[x.queue] = self.turned_away.get(x.queue, 0) + 1
            if x.call in self.stays and self.stays[x.call].queue == x.queue:
                self._broken("I2", f"{x.call} is turned away from {x.queue}, where it is")
        elif isinstance(x, d.SendOn):
            self._missed.pop(x.call, None)
            self._arrivals.pop(x.call, None)
            if x.call in self.stays:
                self._broken("I2", f"{x.call} is sent to {x.kind} {x.target} and still in a queue")
        elif isinstance(x, d.StaffingChanged):
            known = self._people[x.agent]
            if (x.queues, x.skills, x.order) != (known.queues, known.skills, known.order):
                self._broken("I9", f"{x.agent} is told to do {x.queues}, {x.skills}")
        elif isinstance(x, d.WrapUpEnded) and x.wrap_up_s < 0:
            self._broken("I11", f"wrap-up of {x.wrap_up_s} s for {x.call}")

    # Calls -------------------------------------------------------------------------------

    def _enter(self, x: d.CallEntered) -> None:
        if x.call in self.stays:
            self._broken("I2", f"{x.call} entered {x.queue} while in {self.stays[x.call].queue}")
        if x.call in self._gone:
            self._broken("I2", f"{x.call} entered {x.queue} after it was gone")
        self.entered[x.queue, x.kind] = self.entered.get((x.queue, x.kind), 0) + 1
        asked = self._asked.get(x.call)
        request = self._requested.get(x.call) if x.kind == "callback" else None
        parked = False
        if request is not None and x.call not in self._arrivals:
            origin = self.stays.get(request.call)
            if origin is not None:
                parked, origin.in_line = True, False
                self._arrivals[x.call] = (origin.arrived, origin.seq)
                asked = self._asked.get(request.call)
        elif request is not None:
            asked = self._asked.get(request.call)
        if x.call not in self._arrivals:
            self._last_seq += 1
            self._arrivals[x.call] = (x.entered, self._last_seq)
        arrived, seq = self._arrivals[x.call]
        self.stays[x.call] = Stay(
            x.call,
            x.queue,
            x.kind,
            x.entered,
            arrived,
            seq,
            asked.priority if asked else 0,
            asked.needs if asked else (),
            in_line=not parked and x.kind != "outbound",
            parked=parked,
            parked_until=self._park.pop(x.call, None),
            ages_from=x.entered,
        )
        if x.call in self._been:
            self._been[x.call].discard(x.queue)
        if request is not None and parked and request.due is not None:
            self._choose(self.stays[x.call], request.due)
        wish = self._wishes.pop(x.call, None)
        if wish is not None:
            self._prefer(self.stays[x.call], wish)
            self._give_back(self.stays[x.call], wish.caller, x.reason)
        elif x.reason is not None:
            self._broken("I5", f"{x.call} has a place for {x.reason.code} without coming")

    def _give_back(self, stay: Stay, caller: str, reason: d.Reason | None) -> None:
        """A caller who was cut off has the old place, once and within the grace."""
        place = self._kept.get(caller)
        if place is None or stay.queue not in place.queues:
            place = None
        else:
            del self._kept[caller]
            if self.now - place.gone > self.rights.site.place_grace_s:
                place = None
        if (place is None) != (reason is None):
            self._broken("I5", f"{stay.call} of {caller!r} has the place {place}, told {reason}")
        if place is not None:
            stay.arrived = min(stay.arrived, place.arrived)
            stay.priority = max(stay.priority, place.priority)
            self._asked[stay.call] = replace(self._asked[stay.call], priority=stay.priority)
            self._arrivals[stay.call] = (stay.arrived, stay.seq)

    def _choose(self, stay: Stay, due: float) -> None:
        """A callback at a chosen time is in no line before, and then counts as a day early."""
        due = max(due, self.now)
        stay.arrived = due - CHOSEN_EARLY_S
        if due > self.now or stay.ages_from > self.now:
            stay.ages_from = due
        stay.later = due > self.now
        self._arrivals[stay.call] = (stay.arrived, stay.seq)

    def _prefer(self, stay: Stay, asked: f.CallQueued) -> None:
        """The agent who is waited for in this queue, unless calls are not wanted there now."""
        agent = self.agents.get(asked.preferred)
        if agent is None or stay.queue not in self._queues_of(asked.preferred):
            return
        if not (agent.state in AWAY or agent.intent != "ready" or _paused(agent)):
            stay.preferred = asked.preferred
            stay.preferred_until = stay.entered + asked.preferred_s

    def _queues_of(self, agent: str) -> tuple[str, ...]:
        known = self._people.get(agent)
        return known.queues if known is not None else ()

    def _served_no_more(self) -> None:
        """Nobody waits for an agent who does not serve the queue any more."""
        for stay in self.stays.values():
            if stay.preferred and stay.queue not in self._queues_of(stay.preferred):
                stay.preferred = ""

    def _leave(self, x: d.CallLeft) -> None:
        stay = self.stays.pop(x.call, None)
        if stay is None:
            self._broken("I2", f"{x.call} left {x.queue} as {x.outcome} without being there")
            return
        if (stay.queue, stay.kind, stay.entered) != (x.queue, x.kind, x.entered):
            self._broken("I2", f"{x.call} left {x.queue} but had entered {stay.queue}")
        if x.outcome not in OUTCOMES[x.kind]:
            self._broken("I2", f"{x.call} left as {x.outcome}, which is no outcome")
        self.left.setdefault((x.queue, x.kind), Counter())[x.outcome] += 1
        if x.waited_s < 0 or x.entered + x.waited_s > self.now + TOLERANCE_S:
            self._broken("I11", f"{x.call} waited {x.waited_s} s")
        if stay.offers:
            self._broken("I12", f"{x.call} left as {x.outcome} while {stay.offers} ring")
        if x.outcome in ("answered", "reached"):
            self._misses.pop(x.agent, None)
            self._connect(x)
        elif x.outcome != "overflowed":
            self._freed_place(x)
        asked = self._asked.get(x.call) if x.kind == "call" else None
        if asked is not None and asked.caller and x.outcome in ("abandoned", "switch lost"):
            queues = frozenset((x.queue, *self._been.get(x.call, ())))
            place = _Place(queues, stay.arrived, stay.priority, self.now)
            if self.rights.site.place_grace_s > 0:
                self._kept[asked.caller] = place
        self._moved(x)
        if x.outcome != "overflowed":
            self._missed.pop(x.call, None)

    def _moved(self, x: d.CallLeft) -> None:
        """Rules move nobody in a circle: to no queue that was left, to no other place twice."""
        if x.reason.code not in MOVED:
            if x.outcome != "overflowed":  # a removed queue: it has been left all the same
                self._been.pop(x.call, None)
            else:
                self._been.setdefault(x.call, set()).add(x.queue)
            return
        been = self._been.setdefault(x.call, set())
        kind, to = x.reason.data["kind"], str(x.reason.data["to"])
        place = to if kind == "queue" else f"{kind} {to}"
        if place in been or place == x.queue:
            self._broken("I2", f"{x.call} is moved to {place} again")
        been.add(x.queue if kind == "queue" else place)

    def _connect(self, x: d.CallLeft) -> None:
        if x.call in self._gone:
            self._broken("I2", f"{x.call} was gone and is shown as {x.outcome}")
        self._connected(x.call, x.agent)
        if x.kind != "outbound":
            self.rights.answered(x.agent, x.queue)

    def _connected(self, call: str, agent: str) -> None:
        if call in self.connected:
            self._broken("I4", f"{call} is connected twice")
        if any(known == agent for known, _ in self.connected.values()):
            self._broken("I4", f"{agent} is connected with two callers")
        self.connected[call] = (agent, self.now)

    def _freed_place(self, x: d.CallLeft) -> None:
        self._arrivals.pop(x.call, None)
        if x.reason.code == "callback-cancelled":  # a caller who is still there waits on
            caller = self.stays.get(self._requested[x.call].call)
            if caller is not None and not caller.offers:
                caller.in_line = True
        for callback, request in self._requested.items():
            if request.call == x.call and callback in self.stays:
                stay = self.stays[callback]
                stay.in_line, stay.parked = stay.in_line or stay.parked, False

    def _complete(self, x: d.CallCompleted) -> None:
        agent, since = self.connected.pop(x.call, ("", 0.0))
        if agent != x.agent:
            self._broken("I4", f"{x.call} ended with {x.agent}, was connected with {agent!r}")
            return
        if x.talk_s < 0 or x.hold_s < 0:
            self._broken("I11", f"{x.call} talked {x.talk_s} s and was held {x.hold_s} s")
        if abs(x.talk_s + x.hold_s - (self.now - since)) > TOLERANCE_S:
            self._broken("I11", f"{x.call}: talk and hold do not sum to {self.now - since} s")

    def _promise(self, x: d.CallbackChanged, stay: Stay) -> str:
        """What became of the time that the customer chose."""
        queue = self._queues.get(stay.queue)
        if x.promised is None or queue is None or x.state not in ("reached", "expired"):
            return x.promise if queue is None else ""
        if x.state == "expired":
            return "failed"
        return "kept" if self.now <= x.promised + queue.callback_window_s else "late"

    def _callback(self, x: d.CallbackChanged) -> None:
        stay = self.stays.get(x.callback)
        if stay is None:
            return
        stay.taken = x.state == "dialling"
        if x.state in ("retry", "dialling"):
            stay.in_line = False
        elif x.state == "queued":
            stay.in_line, stay.later = not stay.parked, False
        if x.promise != self._promise(x, stay):
            self._broken("I1", f"{x.callback} is {x.state}, the promise {x.promise!r}: {x}")

    # Offers ------------------------------------------------------------------------------

    def _offer(self, x: d.Offer | d.Callback) -> None:
        if x.offer in self._offer_ids:
            self._broken("I12", f"{x.offer} was used before")
        self._offer_ids.add(x.offer)
        if any(open_.agent == x.agent for open_ in self.offers.values()):
            self._broken("I3", f"{x.agent} gets {x.offer} beside another open offer")
        if any(agent == x.agent for _, agent in self.legs.values()):
            self._broken("I3", f"{x.agent} gets {x.offer} while on a leg")
        agent = self.agents.get(x.agent)
        if agent is None or agent.state != "reserved" or agent.offer != x.offer:
            self._broken("I3", f"{x.agent} is not reserved for {x.offer}")
        stay = self.stays.get(x.call)
        if stay is None:
            self._broken("I2", f"{x.offer} is for {x.call}, which is in no queue")
        else:
            self._rings_too(x, stay)
            if x.reason.code not in CHOSEN:
                self._fair(x, stay)
            stay.offers.add(x.offer)
            stay.away = True
            stay.in_line = stay.parked = False
            if stay.kind != "outbound":
                self.rights.offered(x.agent, stay.queue)
        round_ = x.round if isinstance(x, d.Offer) else ""
        self.offers[x.offer] = _Ringing(x.call, x.agent, x.deadline, round_)

    def _rings_too(self, x: d.Offer | d.Callback, stay: Stay) -> None:
        """Several phones ring for a call only where the queue wants it, all at once."""
        rounds = {self.offers[offer].round for offer in stay.offers}
        if rounds and (not isinstance(x, d.Offer) or rounds != {x.round} or "" in rounds):
            self._broken("I3", f"{x.call} rings at two agents")
        queue = self._queues.get(stay.queue)
        if rounds and (queue is None or len(stay.offers) >= queue.ring_several):
            self._broken("I3", f"{x.call} rings at more agents than {stay.queue} wants")

    def _fair(self, x: d.Offer | d.Callback, stay: Stay) -> None:
        if not self.rights.may(x.agent, stay, self.now):
            self._broken("I5", f"{x.agent} may not serve {x.call} of {stay.queue}")
        if stay.kind == "outbound" or stay.later or self._is_parked(stay):
            self._broken("I5", f"{x.agent} gets {x.call}, which is in no line")
        for other in self.stays.values():
            if (
                other is not stay
                and self.in_line(other)
                and not self._is_parked(other, slack_s=TOLERANCE_S)  # another timer of this moment
                and self.rights.may(x.agent, other, self.now, surely=True)
                and self.rights.comes_before(other, stay, x.agent, self.now)
            ):
                self._broken("I5", f"{x.agent} gets {x.call} before {other.call}")
        if x.agent != stay.preferred:
            self._chosen(x, stay)

    def _chosen(self, x: d.Offer | d.Callback, stay: Stay) -> None:
        """Nobody is idle whom the queue would rather have asked."""
        missed = self._missed.get(x.call, set())
        mine = self.agents.get(x.agent)
        for agent in self.agents.values():
            idle = agent.state == "ready" and not _paused(agent)
            if not idle or not self.rights.may(agent.agent, stay, self.now, surely=True):
                continue
            if x.agent in missed:
                if agent.agent not in missed:
                    self._broken("I5", f"{x.agent} missed {x.call} before {agent.agent} is asked")
            elif (
                mine is not None
                and agent.agent not in missed
                and self.rights.asked_before(agent, mine, stay, self.now)
            ):
                self._broken("I5", f"{x.agent} gets {x.call}, but {agent.agent} is idle, too")

    def in_line(self, stay: Stay, *, surely: bool = False) -> bool:
        """Whether it waits to be offered; `surely`: whatever timer of this moment comes first."""
        slack_s = TOLERANCE_S if surely else -TOLERANCE_S
        return stay.in_line and not stay.later and not self._is_parked(stay, slack_s)

    def _is_parked(self, stay: Stay, slack_s: float = -TOLERANCE_S) -> bool:
        until = stay.parked_until
        return until is not None and self.now < until + slack_s

    def _offer_ended(self, x: d.OfferEnded) -> None:
        ringing = self.offers.pop(x.offer, None)
        if ringing is None:
            self._broken("I12", f"{x.offer} ended as {x.outcome} without being open")
            return
        if x.outcome not in OFFER_OUTCOMES:
            self._broken("I12", f"{x.offer} ended as {x.outcome}, which is no outcome")
        if x.lasted_s < 0:
            self._broken("I11", f"{x.offer} lasted {x.lasted_s} s")
        if x.outcome == "cancelled" and not ringing.stopped and x.offer != self._lost_offer:
            self._broken("I12", f"{x.offer} was cancelled, but the phone rings on")
        stay = self.stays.get(x.call)
        if x.outcome == "accepted":
            self._misses.pop(x.agent, None)
        if stay is not None:
            stay.offers.discard(x.offer)
            stay.taken = stay.taken or x.outcome == "accepted"
            stay.in_line = not stay.taken and not stay.offers and stay.kind != "outbound"
            if x.agent == stay.preferred and x.outcome not in ("accepted", "cancelled"):
                stay.preferred = ""
            if x.outcome == "unanswered" and stay.kind != "outbound":
                self._unanswered(x, stay)

    def _unanswered(self, x: d.OfferEnded, stay: Stay) -> None:
        """What has to become of the agent, by the queue's rule."""
        queue, known = self._queues.get(stay.queue), self._misses.get(x.agent, 0)
        if queue is None or known is None:
            self._misses[x.agent] = None
            self._rona[x.agent] = (None, x.call)
            return
        misses, rule = known + 1, queue.rona
        then = rule.then if misses >= rule.misses else ""
        if self.agents[x.agent].intent != "ready":
            then = "not ready"
        if not then:
            self._missed.setdefault(x.call, set()).add(x.agent)
        self._rona[x.agent] = (then, x.call)
        self._misses[x.agent] = 0 if then else misses

    def _missed_one(self, x: d.AgentChanged, then: str | None, call: str) -> None:
        if then is None:
            if x.state == "ready" and not _paused(x):
                self._missed.setdefault(call, set()).add(x.agent)
            return
        done = {
            "": (x.state, x.reason) != ("not ready", "no answer"),
            "not ready": (x.state, x.reason) == ("not ready", "no answer"),
            "pause": x.state != "ready" or (x.idle_since is None and x.deadline is not None),
            "sign out": x.state == "offline",
        }
        if not done[then]:
            self._broken("I6", f"{x.agent} did not answer and is {x.state}, not {then or 'ready'}")

    def _cancel(self, x: d.CancelOffer) -> None:
        ringing = self.offers.get(x.offer)
        if ringing is not None:
            ringing.stopped = True
        elif x.offer not in self._offer_ids:
            self._broken("I12", f"{x.offer} is cancelled but was never made")

    # Agents ------------------------------------------------------------------------------

    def _agent(self, x: d.AgentChanged) -> None:
        before = self.agents.get(x.agent)
        old = before.state if before is not None else "offline"
        if x.state != old and x.state not in _FOLLOWERS[old]:
            self._broken("I9", f"{x.agent} went from {old} to {x.state}")
        kept = before is None or before.idle_since in (None, x.idle_since)
        if (old, x.state) == ("reserved", "ready") and not (kept or _paused(x)):
            self._broken("I5", f"{x.agent} lost the place among the idle, and never talked")
        self.rights.agent(before, x, self.now)
        if x.agent in self._rona:
            self._missed_one(x, *self._rona.pop(x.agent))
        if x.state in AWAY:
            self._misses.pop(x.agent, None)
        if x.state in AWAY or x.intent != "ready" or _paused(x):
            self._let_go(x.agent)
        if x.since > self.now + TOLERANCE_S:
            self._broken("I11", f"{x.agent} is {x.state} since the future")
        self.agents[x.agent] = x

    def _let_go(self, agent: str) -> None:
        """Nobody waits any more for an agent who takes no calls now."""
        for stay in self.stays.values():
            if stay.preferred == agent:
                stay.preferred = ""

    def _at_rest(self) -> None:
        """What must hold between two facts."""
        for offer, ringing in self.offers.items():
            if ringing.call not in self.stays:
                self._broken("I12", f"{offer} rings for {ringing.call}, which does not wait")
            if self.now > ringing.deadline + TOLERANCE_S:
                self._broken("I12", f"{offer} is open after its deadline")
        talking: dict[str, str] = {}
        for agent in self.agents.values():
            if agent.leg:
                self._on_leg(agent)
            elif agent.state in WITH_CALLER:
                if agent.call in talking:
                    self._broken("I4", f"{agent.call} talks with two agents")
                talking[agent.call] = agent.agent
            elif agent.state == "reserved":
                self._reserved(agent)
        on_legs = {(a.leg, a.call, a.agent) for a in self.agents.values() if a.leg}
        if on_legs != {(leg, *of) for leg, of in self.legs.items()}:
            self._broken("I4", f"on legs {sorted(on_legs)}, open {self.legs}")
        if talking != {call: agent for call, (agent, _) in self.connected.items()}:
            self._broken("I4", f"talking {talking}, connected {self.connected}")
        self._nobody_idle()
        self.items.at_rest()

    def _on_leg(self, agent: d.AgentChanged) -> None:
        if agent.state not in ("reserved", "talking") or agent.offer:
            self._broken("I4", f"{agent.agent} is {agent.state} on leg {agent.leg}")
        if agent.state == "reserved" and (
            agent.deadline is None or self.now > agent.deadline + TOLERANCE_S
        ):
            self._broken("I12", f"{agent.agent} is stuck in reserved for leg {agent.leg}")

    def _reserved(self, agent: d.AgentChanged) -> None:
        if agent.deadline is None or self.now > agent.deadline + TOLERANCE_S:
            self._broken("I12", f"{agent.agent} is stuck in reserved")
        if agent.offer and agent.offer not in self.offers:
            self._broken("I12", f"{agent.agent} is reserved for {agent.offer}, which is over")
        if not agent.offer and agent.call not in self.stays:
            self._broken("I12", f"{agent.agent} is reserved for {agent.call}, which is over")

    def _nobody_idle(self) -> None:
        ready = []
        for agent in self.agents.values():
            if agent.state == "ready" and not _paused(agent):
                ready.append(agent.agent)
            elif agent.state == "ready" and self.now > (agent.deadline or 0.0) + TOLERANCE_S:
                self._broken("I6", f"{agent.agent} is paused for longer than was said")
        if not ready:
            return
        for stay in self.stays.values():
            if self.in_line(stay):
                for one in ready:
                    if self.rights.may(one, stay, self.now, surely=True):
                        self._broken("I6", f"{one} is idle beside {stay.call}")

    # Comparing ---------------------------------------------------------------------------

    def compare(self, engine: Looking) -> None:
        """The engine's own state against these books (I1, I9, I16)."""
        self._compare_counts(engine)
        self.items.compare(engine)
        open_calls = {view.call: view for view in engine.visits()}
        for call, stay in self.stays.items():
            view = open_calls.pop(call, None)
            if view is None or view.place == "connected":
                self._broken("I1", f"{call} is in {stay.queue} by the notices, not in the engine")
            elif (view.place == "offered") != bool(stay.offers):
                self._broken("I1", f"{call} is {view.place} but its offers are {stay.offers}")
        for call, view in open_calls.items():
            if view.place != "connected" or call not in self.connected:
                self._broken("I1", f"{call} is {view.place} in the engine only")
        for agent, told in self.agents.items():
            if agent in engine.agents and engine.agent_view(agent) != told:
                self._broken("I9", f"{agent}: told {told}, is {engine.agent_view(agent)}")
        for agent, does in self._people.items():
            if engine.agents[agent].config != does:
                self._broken("I9", f"{agent} does {engine.agents[agent].config}, not {does}")

    def _compare_counts(self, engine: Looking) -> None:
        inside = Counter((stay.queue, stay.kind) for stay in self.stays.values())
        for queue, counts in engine.counts.items():
            turned = sum(counts.turned_away.values())
            if turned != self.turned_away.get(queue, 0):
                self._broken("I1", f"{queue} turned away {turned}, not as told")
            for kind in OUTCOMES:
                books = counts.of(kind)
                left: Mapping[str, int] = self.left.get((queue, kind), {})
                there = inside[queue, kind]
                offered = self.entered.get((queue, kind), 0)
                if (books.offered, books.left, books.open) != (offered, left, there):
                    self._broken(
                        "I1",
                        f"{queue} {kind}: offered {books.offered}, left {books.left}, open "
                        f"{books.open}; by the notices {offered}, {left}, {there}",
                    )

    def drained(self) -> None:
        """Call when nobody should be left: I1 and I12 at the end of a run."""
        left = [*self.stays, *self.connected, *self.offers, *self.legs, *self.items.items]
        if left:
            self._broken("I1", f"left over: {left}")


def _paused(agent: d.AgentChanged) -> bool:
    """Ready without an idle clock, till a deadline: nothing is offered."""
    return agent.state == "ready" and agent.idle_since is None and agent.deadline is not None


def _followers() -> dict[str, frozenset[str]]:
    """The states that may be told after each: by one event, or by a wrap-up of no time."""
    rows: dict[str, frozenset[str]] = {s: frozenset(row.values()) for s, row in TABLE.items()}
    return {s: row | (rows["wrap-up"] if "wrap-up" in row else row) for s, row in rows.items()}


_FOLLOWERS: Final = _followers()


class Looking(Protocol):
    """What a ledger compares itself with."""

    @property
    def agents(self) -> Any: ...
    @property
    def counts(self) -> Any: ...
    def visits(self) -> list[VisitView]: ...
    def agent_view(self, agent: str) -> d.AgentChanged: ...


class Driven(Looking, Protocol):
    """An engine: see `acd.engine.Engine`."""

    @property
    def site(self) -> Site: ...
    def handle(self, fact: f.Fact, now: float) -> list[d.Decision]: ...
    def tick(self, now: float) -> list[d.Decision]: ...
    def deadline(self) -> float | None: ...


class CheckedEngine:
    """An engine with a ledger beside it; stands in for the engine in any simulation.

    `every`: how many facts lie between two comparisons with the engine's own state.
    With `strict`, the first violation raises `Broken`.
    """

    def __init__(self, engine: Driven, *, every: int = 1, strict: bool = True) -> None:
        self.engine = engine
        self.ledger = Ledger(engine.site)
        self._every = every
        self._strict = strict
        self._taken = 0

    def handle(self, fact: f.Fact, now: float) -> list[d.Decision]:
        """See `Engine.handle`."""
        before = self.tick(now - fact.away_s if isinstance(fact, f.Resumed) else now)
        decisions = self.engine.handle(fact, now)
        self.ledger.saw(fact, decisions, now)
        self._compare()
        return before + decisions

    def tick(self, now: float) -> list[d.Decision]:
        """See `Engine.tick`. Each timer is taken at its own time."""
        decisions: list[d.Decision] = []
        while (due := self.engine.deadline()) is not None and due <= now:
            decisions += self._tick(due)
        return decisions + self._tick(now)

    def _tick(self, now: float) -> list[d.Decision]:
        decisions = self.engine.tick(now)
        self.ledger.saw(None, decisions, now)
        if self._strict:
            self.ledger.demand()
        return decisions

    def deadline(self) -> float | None:
        """See `Engine.deadline`."""
        return self.engine.deadline()

    def _compare(self) -> None:
        self._taken += 1
        if self._taken % self._every == 0:
            self.ledger.compare(self.engine)
        if self._strict:
            self.ledger.demand()


__all__ = [
    "Broken",
    "CheckedEngine",
    "Driven",
    "Ledger",
    "Looking",
    "Violation",
]
