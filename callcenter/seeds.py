"""Random small days on the virtual switch, each one repeatable from its seed.

    python -m callcenter.seeds 17            replay seed 17, every step printed
    python -m callcenter.seeds 0 --count 10000

A seed makes a site (queues, skills, overflow), agents who refuse, let it ring, vanish, sign out
and come back, who transfer, park, pick, consult, confer, hand over, dial out and supervise, and
callers who press keys, ask to be called back and give up, also in the ring. Facts are repeated at
random. After every step the real engine, the real routing, the call book, the call records and
the switch are compared (`Watch`), and the engine with its ledger (`acd.invariants`); then people
calm down and everything must drain.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.site import Agent, Onward, Queue, Rule, Site, SkillNeed
from callcenter import happenings as h
from callcenter.callbook import CallBook
from callcenter.routing import Routing
from cti import commands as c
from cti import events as e
from cti.calls import Leg, LegState, Phone, PhoneKind, Place, Prompt, Supervision
from cti.virtual.callers import Caller, Customer
from cti.virtual.phones import Act, Phones, Reaction, careless
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from reporting.figures import check_books
from reporting.intervals import Calendar, IntervalFold
from reporting.records import RecordFold

CONVERSATION = ("talking", "held", "consulting", "conference")
CALLS = 40
CALM_AT_S = 900.0
DRAINED_BY_S = 12_000.0
MOST_OFFER_S = 40.0  # longest ring (20 s), the engine's margin, and slack
SKILLS = ("billing", "chinese")


class Violation(AssertionError):  # noqa: N818 - it is what it is called
    """Something that must always hold did not. Says how to see it again."""

    def __init__(self, seed: int, at: float, what: str) -> None:
        super().__init__(
            f"seed {seed}, {at:.3f} s: {what}\nreplay: python -m callcenter.seeds {seed}"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a day came to."""

    calls: int
    steps: int
    answered: int
    abandoned: int
    callbacks: int
    refused_facts: int
    transferred: int
    handed_over: int
    conferences: int
    placed: int


class Day:
    """One random day. `trace` is told every fact, order and decision.

    `engine_of` makes the engine; the tests plant bugs with it.
    """

    def __init__(
        self,
        seed: int,
        *,
        trace: Callable[[float, object], None] | None = None,
        engine_of: Callable[[Site], Engine] = Engine,
    ) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.time = VirtualTime()
        self.site = random_site(self.dice)
        self.engine = engine_of(self.site)
        self.calm = False
        self._trace = trace
        phones = self._phones()
        self.switch = VirtualSwitch("v", self.time, phones=phones, customers=self._customer)
        self.checked = CheckedEngine(self.engine)
        self.routing = Routing(self.checked, self._execute, self._notice, other=self._menu)
        self.watch = Watch(self)
        self.steps = 0
        self.refused = 0
        self._step_no = 0
        self._number = 0  # of the last leg, or call that an agent placed
        self._repeat = self.dice.choice((0.0, 0.05, 0.2))
        self.switch.connect(self._sink)
        for agent in self.site.agents:
            self.act(f.AgentSignedIn(agent.id))
            self.act(f.AgentReady(agent.id))
            self.time.after(self.dice.expovariate(1 / 30), self._agent_does, agent.id)
        for _ in range(CALLS):
            self.time.after(self.dice.uniform(0, CALM_AT_S * 0.8), self._someone_calls)
        self.time.after(CALM_AT_S, self._calm_down)

    def run(self) -> Outcome:
        """The whole day; raises `Violation`."""
        try:
            self.time.run(
                deadline=self.checked.deadline,
                tick=self.routing.tick,
                until=DRAINED_BY_S,
                after_each=self._after_step,
            )
        except Violation:
            raise
        except Exception as error:
            raise Violation(
                self.seed, self.time.time, f"{type(error).__name__}: {error}"
            ) from error
        self.checked.ledger.drained()
        for broken in self.checked.ledger.violations:
            self.fail(f"{broken.invariant}: {broken.text}")
        self.watch.at_the_end()
        watch = self.watch
        return Outcome(
            CALLS,
            self.steps,
            watch.answered,
            watch.abandoned,
            watch.callbacks,
            self.refused,
            watch.transferred,
            watch.handed_over,
            watch.conferences,
            watch.placed,
        )

    def fail(self, what: str) -> None:
        raise Violation(self.seed, self.time.time, what)

    # Wiring --------------------------------------------------------------------------------

    def act(self, fact: f.Fact) -> None:
        self._tell(fact)
        self.routing.act(fact, self.time.time)

    def _sink(self, fact: e.Fact) -> None:
        times = 2 if self._repeat and self.dice.random() < self._repeat else 1
        for _ in range(times):
            self._tell(fact)
            self.watch.feed(fact)
            self.routing.on_fact(fact, self.time.time)

    def _execute(self, order: c.Order) -> None:
        self._tell(order)
        self.switch.execute(order)

    def _notice(self, decision: d.Decision) -> None:
        self._tell(decision)
        if isinstance(decision, d.Refused):
            self.refused += 1
            return
        self.watch.feed(decision)
        self.watch.decided(decision)

    def _tell(self, what: object) -> None:
        if self._trace is not None:
            self._trace(self.time.time, what)

    def _after_step(self) -> None:
        self.steps += 1
        self.watch.at_rest()

    # Callers -------------------------------------------------------------------------------

    def _someone_calls(self, _: object) -> None:
        dice = self.dice
        self.switch.call_in(
            Caller(
                ani=f"+4930{dice.randrange(1000):03d}",
                dnis="100",
                digits=("1",),
                wait_digit="1" if dice.random() < 0.15 else "",
                wait_digit_after_s=dice.uniform(0, 40),
                patience_s=dice.choice((0.0, 3.0, 20.0, 90.0, 600.0)) * dice.random(),
                stays_s=dice.choice((0.5, 2.0, 1e4, 1e4, 1e4, 1e4)),
                talk_s=dice.uniform(1, 120) if dice.random() < 0.8 else None,
            )
        )

    def _menu(self, fact: e.Fact, now: float) -> None:
        dice = self.dice
        match fact:
            case e.CallArrived():
                if dice.random() < 0.3:
                    self._say(fact.call_id)
                else:
                    self._enter(fact.call_id)
            case e.IvrResumed():
                self._say(fact.call_id)
            case e.StepFinished():
                if self.routing.knows(fact.call_id):
                    self.routing.wait_again(fact.call_id)
                else:
                    self._enter(fact.call_id)
            case e.WaitVisited(call_id=call, digit="1"):
                self.act(f.CallbackRequested(call, f"cb-{call}", "+49301"))
                self._execute(c.HangUpCall(call, "callback promised"))
            case e.WaitVisited(call_id=call):
                view = self.engine.visit(call)
                # Records know a visit by queue and moment: not twice in one moment, please.
                if dice.random() < 0.1 and view is not None and view.entered < now:
                    self.act(f.CallWithdrawn(call, "elsewhere"))
                    self._enter(call)
                else:
                    self._say(call)

    def _say(self, call: str) -> None:
        self._step_no += 1
        step = c.PlayPrompts((Prompt("x" * self.dice.randrange(1, 80)),))
        self._execute(c.RunStep(call, self._step_no, step))

    def _enter(self, call: str) -> None:
        dice = self.dice
        queue = dice.choice(self.site.queues)
        needs = (SkillNeed(dice.choice(SKILLS), dice.randint(1, 3)),) if dice.random() < 0.3 else ()
        self.routing.queue_call(
            call,
            queue.id,
            self.time.time,
            needs=needs,
            priority=dice.choice((0, 0, 0, 1)),
            visit_after_s=dice.choice((0.0, 7.0, 25.0)),
            digits="1",
        )

    def _customer(self, number: str) -> Customer:
        dice = self.dice
        outcome = dice.choice(("answer", "answer", "busy", "no answer", "unreachable"))
        return Customer(outcome, dice.uniform(0, 40), dice.uniform(1, 60))

    # Agents --------------------------------------------------------------------------------

    def _phones(self) -> Phones:
        dice = self.dice
        wild = careless(
            self.seed,
            refuse=dice.choice((0.0, 0.2)),
            ignore=dice.choice((0.0, 0.2)),
            unreachable=dice.choice((0.0, 0.2)),
        )

        def ring(agent: str) -> Reaction:
            return Reaction(Act.ANSWER, 1.0, hang_up_after_s=60.0) if self.calm else wild(agent)

        return ring

    def _agent_does(self, agent: str) -> None:
        if self.calm:
            return
        dice = self.dice
        view = self.engine.agent_view(agent)
        pace_s = 8.0 if view.state in CONVERSATION else 25.0
        self.time.after(dice.expovariate(1 / pace_s), self._agent_does, agent)
        roll = dice.random()
        if view.leg and roll < 0.5:
            self.switch.people.hangs_up(agent)
        elif view.call and view.state in CONVERSATION and roll < 0.6:
            self._in_call(agent, view.call, view.state)
        elif roll < 0.45:
            self._tell(f"{agent} wants calls")
            self._back_to_work(agent)
        elif roll < 0.55:
            self.act(f.AgentNotReady(agent, "lunch"))
        elif roll < 0.60:
            self.act(f.AgentSignedOut(agent))
        elif roll < 0.65:
            self.act(f.ConsoleLost(agent))
        elif roll < 0.70:
            self.switch.phone_down(agent)
        elif roll < 0.75:
            self.act(f.WrapUpExtended(agent, 20.0))
        elif roll < 0.80:
            self.act(f.WrapUpDone(agent))
        elif view.offer and roll < 0.90:
            self.act(f.OfferDeclined(view.offer))
            self._execute(c.CancelOffer(view.call, view.offer))
        elif view.state in ("ready", "not ready") and roll > 0.9:
            self._own_wish(agent)

    def _in_call(self, agent: str, call: str, state: str) -> None:
        roll, legs = self.dice.random(), [x for x in self.switch.legs(call) if not x.supervision]
        if roll < 0.12:
            self.switch.agent_hangs_up(call)
        elif roll < 0.16:
            self._execute(c.HangUpCall(call, "agent"))
        elif legs and roll < 0.85:
            self._with_party(call, state, self.dice.choice(legs))
        elif state in ("talking", "held") and not legs and roll < 0.28:
            self._give_away(agent, call)
        elif roll < 0.85:
            self._consult(agent, call)
        elif state == "talking":
            self._execute(c.HoldCall(call))
        else:
            self._execute(c.RetrieveCall(call))

    def _with_party(self, call: str, state: str, leg: Leg) -> None:
        """Whatever the button is pressed for, fitting or not: the switch may refuse."""
        roll = self.dice.random()
        if roll < 0.25:
            self._execute(c.HandOver(call, leg.leg_id))
        elif roll < 0.5:
            self._execute(c.JoinLegs(call))
        elif roll < 0.7:
            self._execute(c.SwapLegs(call, leg.leg_id))
        else:
            self.routing.parties.end(call, leg.leg_id, back=state != "conference")

    def _give_away(self, agent: str, call: str) -> None:
        """To a queue, to another agent, to nobody for a while, to a menu, outside."""
        dice, now = self.dice, self.time.time
        view = self.engine.visit(call)
        if view is None or view.entered == now:  # see `_menu`
            return
        queue = dice.choice(self.site.queues).id
        gone = dice.choice(
            (
                f.CallTransferred(call, queue, priority=dice.choice((0, 1))),
                f.CallTransferred(call, view.queue, dice.choice(self.site.agents).id),
                f.CallTransferred(call, view.queue, park_s=dice.uniform(5.0, 60.0)),
                f.CallTransferred(call, onward="menu"),
                f.CallTransferred(call, onward="outside"),
            )
        )
        if gone.agent == agent:
            return
        order: c.StartWaiting | c.StartMenu | c.TransferCall
        if gone.queue:
            order = c.StartWaiting(call, gone.queue, now, visit_after_s=7.0, digits="1")
        elif gone.onward == "menu":
            order = c.StartMenu(call, "menu:")
        else:
            order = c.TransferCall(call, "+49302")
        self.routing.transfer(gone, order, now)

    def _consult(self, agent: str, call: str) -> None:
        dice = self.dice
        everybody = [one.id for one in self.site.agents]
        ready = [one for one in everybody if self.engine.agent_view(one).state == "ready"]
        party = dice.choice((*ready, *ready, *ready, "", "", *everybody))
        phone = Phone(PhoneKind.BROWSER if party else PhoneKind.OUTSIDE, party or "+49303")
        leg = self._new_id("leg")
        self._ring(agent, c.DialLeg(call, leg, party, phone, "", dice.choice((3.0, 20.0))))

    def _own_wish(self, agent: str) -> None:
        """Pick a caller out of turn, place a call, join somebody's conversation."""
        dice, visits = self.dice, self.engine.visits()
        roll = dice.random()
        if roll < 0.3:
            queue = dice.choice(self.site.queues).id
            self.act(f.CallDialled(self._new_id("out"), agent, queue, "+49304"))
        elif visits and roll < 0.6:
            self.act(f.CallPicked(dice.choice(visits).call, agent, dice.choice(("", "boss"))))
        elif visits:
            call, phone = dice.choice(visits).call, Phone(PhoneKind.BROWSER, agent)
            mode = dice.choice(tuple(Supervision))
            order = c.SuperviseCall(call, self._new_id("leg"), agent, phone, mode, 20.0)
            self._ring(agent, order)

    def _ring(self, by: str, order: c.DialLeg | c.SuperviseCall) -> None:
        look = self.switch.look(order.call_id)
        if look is None or look[0].value not in CONVERSATION or not look[1]:
            return
        self._tell(order)
        if self.routing.parties.dial(order, self.time.time) is None:
            mode = order.mode.value if isinstance(order, c.SuperviseCall) else ""
            number = "" if order.agent_id else order.phone.address
            placed = h.LegPlaced(order.call_id, order.leg_id, by, order.agent_id, number, mode)
            self.watch.feed(placed)

    def _new_id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"

    def _back_to_work(self, agent: str) -> None:
        if self.engine.agent_view(agent).state == "offline":
            self.act(f.AgentSignedIn(agent))
        self.switch.phone_up(agent)
        self.act(f.ConsoleBack(agent))
        self.act(f.PhoneHealthy(agent))
        self.act(f.AgentReady(agent))

    def _calm_down(self, _: object) -> None:
        """From now on nobody misbehaves, and whoever is out comes back."""
        self.calm = True
        for agent in self.site.agents:
            view = self.engine.agent_view(agent.id)
            if view.state not in ("ready", "reserved", "wrap-up", *CONVERSATION):
                self._back_to_work(agent.id)
            elif (
                view.leg
                or view.state in ("consulting", "conference")
                or (view.state == "talking" and self.time.time > CALM_AT_S + 1000.0)
            ):
                self.switch.people.hangs_up(agent.id)
            elif view.state == "held":
                for leg in self.switch.legs(view.call):
                    self.routing.parties.end(view.call, leg.leg_id, back=True)
                self._execute(c.RetrieveCall(view.call))
            if view.state != "ready":
                self.act(f.AgentReady(agent.id))
        if self.engine.visits() or self.switch.live:
            self.time.after(10.0, self._calm_down)


def random_site(dice: random.Random) -> Site:
    """One to three queues and two to six agents, one of whom can do everything."""
    names = [f"q{n}" for n in range(dice.randint(1, 3))]
    queues = tuple(
        Queue(
            name,
            priority=dice.choice((0, 0, 5)),
            ring_s=dice.choice((5.0, 10.0, 20.0)),
            wrap_up_s=dice.choice((0.0, 10.0, 30.0)),
            needs=(SkillNeed("billing", 1),) if dice.random() < 0.2 else (),
            rules=(Rule("waited", Onward("queue", names[(n + 1) % len(names)]), 30.0),)
            if len(names) > 1 and dice.random() < 0.5
            else (),
            callback_attempts=dice.randint(1, 3),
            callback_retry_s=dice.choice((30.0, 120.0)),
        )
        for n, name in enumerate(names)
    )
    able = Agent("able", queues=tuple(names), skills=dict.fromkeys(SKILLS, 10))
    others = [
        Agent(
            f"agent-{n}",
            queues=tuple(sorted(dice.sample(names, dice.randint(1, len(names))))),
            skills={s: dice.randint(1, 5) for s in SKILLS if dice.random() < 0.6},
        )
        for n in range(dice.randint(1, 5))
    ]
    return Site(queues, (able, *others), console_grace_s=5.0)


class Watch:
    """Compares engine, switch and records. Knows the engine only by its decisions and views."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
        self.offers: dict[str, tuple[str, str, float]] = {}  # open: agent, call, since
        self.over: set[str] = set()  # offers that ended
        self.visits: dict[tuple[str, str, float], str] = {}  # open "" or outcome
        self.answered = self.abandoned = self.callbacks = 0
        self.transferred = self.handed_over = self.conferences = self.placed = 0
        self.book = CallBook()
        self._changed = True

    def feed(self, entry: Any) -> None:
        stream, kind = h.stream_of(entry), type(entry).__name__
        at, data = self.day.time.time, h.as_dict(entry)
        self.fold.feed(stream, kind, h.call_of(entry), data, at)
        self.book.apply(entry, at)
        self.conferences += isinstance(entry, e.ConferenceBegan)

    def decided(self, decision: d.Decision) -> None:
        """I2, I3, I11, I12 and the offers' own order, by the decisions alone."""
        match decision:
            case d.Offer() | d.Callback():
                self._offered(decision)
            case d.OfferEnded():
                self._offer_ended(decision)
            case d.CallEntered():
                self._changed = True
                key = (decision.call, decision.queue, decision.entered)
                self._not(self.visits.get(key) == "", f"entered twice: {decision}")
                self.visits[key] = ""
            case d.CallLeft():
                self._left(decision)
            case d.CallCompleted():
                self._not(decision.talk_s < 0 or decision.hold_s < 0, f"negative: {decision}")
                self.transferred += bool(decision.onward)
            case d.CallTaken():
                self.handed_over += 1
            case d.WrapUpEnded():
                self._not(decision.wrap_up_s < 0, f"negative wrap-up: {decision}")

    def _offered(self, offer: d.Offer | d.Callback) -> None:
        for agent, call, _ in self.offers.values():
            self._not(agent == offer.agent, f"I3: {agent} gets {offer.offer} with one open")
            self._not(call == offer.call, f"two phones ring for {call}")
        self._not(offer.offer in self.over, f"offer id used again: {offer.offer}")
        self.offers[offer.offer] = (offer.agent, offer.call, self.day.time.time)

    def _offer_ended(self, ended: d.OfferEnded) -> None:
        known = self.offers.pop(ended.offer, None)
        if known is None:
            self.day.fail(f"I12: offer ended twice or never made: {ended}")
        self.over.add(ended.offer)
        self._not(not 0 <= ended.lasted_s <= MOST_OFFER_S, f"I12: offer lasted: {ended}")

    def _left(self, left: d.CallLeft) -> None:
        self._changed = True
        key = (left.call, left.queue, left.entered)
        self._not(self.visits.get(key) != "", f"I2: left twice or never entered: {left}")
        self._not(left.waited_s < 0, f"I11: negative wait: {left}")
        self.visits[key] = left.outcome
        self.answered += left.outcome == "answered"
        self.abandoned += left.outcome == "abandoned"
        self.callbacks += left.outcome == "reached" and left.kind == "callback"
        self.placed += left.outcome == "reached" and left.kind == "outbound"

    def at_rest(self) -> None:
        """I1, I4, I12, I16: after a step everybody must tell the same story."""
        day = self.day
        now = day.time.time
        for offer, (agent, _, since) in self.offers.items():
            self._not(now - since > MOST_OFFER_S, f"I12: {agent} still has {offer}")
        views = day.engine.visits()
        talking = [v.agent for v in views if v.place in ("connected", "dialling")]
        self._not(len(talking) != len(set(talking)), f"I4: one agent in two calls: {talking}")
        for view in views:
            self._compare(view)
        known = {view.call for view in views}
        for call in day.switch.live:
            look = day.switch.look(call)
            lost = look is not None and look[0] is not Place.ENTRY and call not in known
            outside = look is not None and look[0].value in CONVERSATION and not look[1]
            self._not(lost and not outside, f"the engine does not know {call}: {look}")
            self._compare_book(call)
        if self._changed:
            self._changed = False
            self._books(views)

    def _compare(self, view: Any) -> None:
        """One visit in the engine against the same call on the switch."""
        look = self.day.switch.look(view.call)
        where = look[0] if look is not None else None
        expected: dict[str, Sequence[Place | None]] = {
            "waiting": (Place.WAITING, Place.ENTRY),
            "offered": (Place.RINGING,),
            "connected": tuple(map(Place, CONVERSATION)),
            "leaving": (Place.WAITING, Place.ENTRY),
            "dialling": (Place.TALKING,),
            "parked": (None,) if view.kind == "callback" else (Place.WAITING, Place.ENTRY),
            "retry": (None,),
        }
        fits = (
            (None,) if (view.kind, view.place) == ("callback", "waiting") else expected[view.place]
        )
        self._not(where not in fits, f"engine: {view}; switch: {look}")
        if look is not None and view.place in ("offered", "connected", "dialling"):
            # Who hung up while a party rings leaves the caller to the party, if it answers.
            left = not look[1] and look[0] is Place.CONSULTING
            self._not(look[1] != view.agent and not left, f"engine: {view}; switch: {look}")
        if look is not None and view.place == "connected":
            self._compare_parties(view, look[0])

    def _compare_parties(self, view: Any, place: Place) -> None:
        """Who is in the conversation, and how, by engine and by switch."""
        day = self.day
        legs = {leg.leg_id: leg for leg in day.switch.legs(view.call)}
        agents = {leg_id for leg_id, leg in legs.items() if leg.agent_id}
        known = set(day.engine.legs(view.call))
        self._not(agents != known, f"legs of {view.call}: engine {known}, switch {agents}")
        for leg_id in agents:
            one, leg = day.engine.agent_view(legs[leg_id].agent_id), legs[leg_id]
            reserved = one.state == "reserved"
            fits = one.leg == leg_id and reserved == (leg.state is LegState.RINGING)
            self._not(not fits, f"{leg_id} on the switch: {leg}; engine: {one}")
        state = day.engine.agent_view(view.agent).state
        parties = [leg for leg in legs.values() if leg.supervision is None]
        rings = place is Place.CONSULTING and parties[0].state is LegState.RINGING
        wrong = state != ("held" if rings else place.value)
        self._not(wrong, f"{view.agent} is {state} by the engine, {place} {legs}")

    def _compare_book(self, call: str) -> None:
        """What consoles show, against the switch."""
        known, look = self.book.get(call), self.day.switch.look(call)
        if known is None or look is None or not look[1] or look[0].value not in CONVERSATION:
            return
        legs = {leg.leg_id: leg for leg in self.day.switch.legs(call)}
        self._not(known.legs != legs, f"book: {known.legs}; switch: {legs}")
        self._not(known.agent != look[1], f"book: {known.agent} has {call}; switch: {look}")

    def _books(self, views: Sequence[Any]) -> None:
        """I1, I16: records, engine and interval figures count the same callers."""
        intervals = self.fold.intervals
        assert intervals is not None
        for queue in self.day.site.queues:
            total = intervals.total(queue.id, 0.0)
            inside = sum(
                v.kind == "call" and v.queue == queue.id and v.place != "connected" for v in views
            )
            self._not(check_books(total) != 0, f"I1: books of {queue.id}: {total}")
            self._not(total.waiting != inside, f"I1: {queue.id}: {inside} wait, {total}")

    def at_the_end(self) -> None:
        """I6, I12: once faults stop, nobody waits and nothing is open."""
        day = self.day
        self._not(bool(day.engine.visits()), f"I6: still there: {day.engine.visits()}")
        self._not(bool(day.switch.live), f"still on the switch: {day.switch.live}")
        self._not(bool(self.offers), f"I12: open offers: {self.offers}")
        open_visits = [key for key, outcome in self.visits.items() if not outcome]
        self._not(bool(open_visits), f"I1: no outcome: {open_visits}")
        self._not(bool(self.book.calls), f"still in the book: {self.book.calls}")
        self._not(
            bool(day.engine.agents) and any(a.leg for a in day.engine.agents.values()), "legs"
        )
        unfinished = [r.call_id for r in self.fold.calls.values() if r.ended is None]
        self._not(bool(unfinished), f"records without an end: {unfinished}")
        self._parts()
        intervals = self.fold.intervals
        assert intervals is not None
        answered = sum(t.answered for t in intervals.tallies.values())
        self._not(answered != self.answered, f"I16: {answered} answered, {self.answered} told")
        handled = sum(t.handled for t in intervals.tallies.values())
        self._not(handled != self.answered, f"I16: {self.answered} answered, {handled} handled")

    def _parts(self) -> None:
        """I11: the parts of a call follow each other, and the books have all of their time."""
        in_parts = 0.0
        for record in self.fold.calls.values():
            until = 0.0
            for part in record.segments:
                if part.role != "agent":
                    continue
                seen = (record.call_id, part)
                spent_s = (part.talk_s or 0.0) + (part.hold_s or 0.0)
                lasted_s = (part.ended or 0.0) - part.began
                self._not(abs(spent_s - lasted_s) > 1e-6, f"I11: {lasted_s} s: {seen}")
                self._not(part.began < until or part.wrap_up_s is None, f"I11: {seen}")
                until = part.ended or 0.0
                if record.visits[part.visit].kind == "call":
                    in_parts += spent_s + (part.wrap_up_s or 0.0)
        intervals = self.fold.intervals
        assert intervals is not None
        handled_s = sum(t.talk_s + t.hold_s + t.wrap_up_s for t in intervals.tallies.values())
        self._not(abs(handled_s - in_parts) > 1e-3, f"I11: {handled_s} s, parts {in_parts} s")

    def _not(self, wrong: bool, what: str) -> None:
        if wrong:
            self.day.fail(what)


def main(
    seed: Annotated[int, typer.Argument(help="The seed, or the first one.")],
    count: Annotated[int, typer.Option(help="How many seeds.")] = 1,
) -> None:
    """Replay a seed with every step printed, or run many."""
    if count == 1:
        outcome = Day(seed, trace=lambda at, what: print(f"{at:10.3f}  {what}")).run()
        print(outcome)
        return
    for number in range(seed, seed + count):
        Day(number).run()
    print(f"{count} seeds, no violation")


if __name__ == "__main__":
    typer.run(main)
