"""The same invariants, searched for by a machine that can make a failure small."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.site import Agent, Onward, Queue, Relax, Rule, Site, SkillNeed
from acd.views import VisitView

SITE = Site(
    (
        Queue(
            "q",
            wrap_up_s=10.0,
            choice="fewest-calls",
            first_after_s=12.0,
            relax=(Relax(4.0, lower_by=2), Relax(9.0, also=("last",))),
            rules=(
                Rule("closed", Onward("queue", "last")),
                Rule("waited", Onward("queue", "last"), 15.0),
                Rule("left-alone", Onward("voicemail"), 20.0),
            ),
        ),
        Queue(
            "last",
            priority=1,
            wrap_up_s=0.0,
            choice="closest-skill",
            ring_several=2,
            callback_attempts=2,
            callback_retry_s=20.0,
            callback_window_s=10.0,
            callback_expires_s=300.0,
            staffed="ready",
            rules=(
                Rule("full", Onward("flow", "full"), 2.0),
                Rule("nobody", Onward("queue", "q")),
                Rule("closing", Onward("number", "+15550199"), 5.0),
            ),
        ),
    ),
    (
        Agent("anna", queues=("q", "last"), skills={"german": 3}, order={"last": 2}),
        Agent("bob", queues=("q",)),
        Agent("cleo", queues=("last",), skills={"german": 1}),
    ),
    place_grace_s=30.0,
)
FEWER = Site(
    (Queue("last", choice="weighted", callback_attempts=2),),
    (Agent("anna", queues=("last",)), Agent("cleo", queues=("last",), skills={"german": 1})),
)
agents = st.sampled_from(["anna", "bob", "cleo"])
needs = st.sampled_from([(), (SkillNeed("german", 1),), (SkillNeed("german", 3),)])
picks = st.integers(0, 10)


class Floor(RuleBasedStateMachine):
    """Agents, callers, a switch and a configuration, in any order at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(SITE)
        self.checked = CheckedEngine(self.engine)
        self.journal: list[tuple[f.Fact, float]] = []
        self.now = 0.0
        self.calls = 0

    def tell(self, fact: f.Fact) -> list[d.Decision]:
        self.journal.append((fact, self.now))
        return self.checked.handle(fact, self.now)

    def pick(self, number: int, *places: str) -> VisitView | None:
        found = [view for view in self.engine.visits() if view.place in places]
        return found[number % len(found)] if found else None

    def some(self) -> bool:
        return bool(self.engine.visits())

    @initialize(ready=st.sets(agents))
    def open_up(self, ready: set[str]) -> None:
        for agent in sorted(ready):
            self.tell(f.AgentSignedIn(agent))
            self.tell(f.AgentReady(agent))

    @rule(by_s=st.sampled_from([0.5, 3.0, 10.0, 25.0, 200.0]), early=st.booleans())
    def time_passes(self, by_s: float, early: bool) -> None:
        self.now += by_s
        if early:
            self.checked.tick(self.now)

    @rule(
        queue=st.sampled_from(["q", "last"]),
        needs=needs,
        priority=st.sampled_from([0, 0, 2]),
        waited_s=st.sampled_from([None, 5.0]),
        caller=st.sampled_from(["", "+1", "+2"]),
        preferred=st.sampled_from(["", "", "anna", "bob"]),
        preferred_s=st.sampled_from([0.0, 5.0, 40.0]),
    )
    def call(
        self,
        queue: str,
        needs: tuple[SkillNeed, ...],
        priority: int,
        waited_s: float | None,
        caller: str,
        preferred: str,
        preferred_s: float,
    ) -> None:
        self.calls += 1
        call = f"c{self.calls}"
        entered = None if waited_s is None else self.now - waited_s
        self.tell(
            f.CallQueued(
                call, queue, needs, priority, entered, preferred, preferred_s, "owner", caller
            )
        )

    @rule(queue=st.sampled_from(["q", "last"]), closes=st.booleans())
    def hours(self, queue: str, closes: bool) -> None:
        self.tell(f.QueueClosed(queue) if closes else f.QueueOpened(queue))

    @rule(queue=st.sampled_from(["q", "last"]))
    def comes_to_the_door(self, queue: str) -> None:
        """However the queues send the caller, the way ends, and no queue is met twice."""
        self.calls += 1
        met: list[str] = []
        while queue:
            assert queue not in met
            met.append(queue)
            turned = self.tell(f.EntryAsked(f"c{self.calls}", queue))
            queue = next(
                (x.target for x in turned if isinstance(x, d.CallTurnedAway) and x.kind == "queue"),
                "",
            )

    @precondition(some)
    @rule(number=picks)
    def hears_the_position(self, number: int) -> None:
        """What is told is the place in the line."""
        view = self.pick(number, "waiting")
        if view is None:
            return
        told = [x for x in self.tell(f.PositionAsked(view.call)) if isinstance(x, d.PositionTold)]
        if told:  # else a rule has just moved the call
            line = self.engine.waiting(told[0].queue)
            assert line[told[0].position - 1].call == view.call

    @rule(agent=agents, phone_up=st.booleans())
    def sign_in(self, agent: str, phone_up: bool) -> None:
        self.tell(f.AgentSignedIn(agent, phone_up))

    @rule(agent=agents, kind=st.sampled_from([f.AgentSignedOut, f.AgentReady, f.WrapUpDone]))
    def person(self, agent: str, kind: type) -> None:
        self.tell(kind(agent))

    @rule(agent=agents, reason=st.sampled_from(["", "lunch"]))
    def pause(self, agent: str, reason: str) -> None:
        self.tell(f.AgentNotReady(agent, reason))

    @rule(
        agent=agents,
        kind=st.sampled_from([f.PhoneFailed, f.PhoneHealthy, f.ConsoleLost, f.ConsoleBack]),
    )
    def machine(self, agent: str, kind: type) -> None:
        self.tell(kind(agent))

    @rule(agent=agents, by_s=st.sampled_from([1.0, 30.0]))
    def extend(self, agent: str, by_s: float) -> None:
        self.tell(f.WrapUpExtended(agent, by_s))

    @precondition(some)
    @rule(
        number=picks,
        kind=st.sampled_from(
            [
                f.OfferRang,
                f.OfferAccepted,
                f.OfferAccepted,
                f.OfferDeclined,
                f.OfferUnanswered,
                f.OfferUnreachable,
                f.OfferLost,
            ]
        ),
        twice=st.booleans(),
    )
    def offer(self, number: int, kind: type, twice: bool) -> None:
        view = self.pick(number, "offered")
        if view is None:
            return
        ringing = (view.offer, *self.engine._floor.visits[view.call].others)
        offer = ringing[number % len(ringing)]
        self.tell(kind(offer))
        if twice:  # I8: news that comes again changes nothing
            self.checked.tick(self.now)  # back in line, the time to overflow may be over
            before = self.engine.snapshot()
            assert isinstance(self.tell(kind(offer))[-1], d.Refused)
            assert self.engine.snapshot() == before

    @precondition(some)
    @rule(
        number=picks,
        kind=st.sampled_from([f.CallerGone, f.CallHeld, f.CallRetrieved, f.CallEnded]),
    )
    def caller(self, number: int, kind: type) -> None:
        view = self.pick(number, "waiting", "offered", "connected", "leaving", "dialling")
        if view is not None:
            self.tell(kind(view.call))

    @precondition(some)
    @rule(number=picks, by=st.sampled_from(["agent", "system", "switch lost"]))
    def end(self, number: int, by: str) -> None:
        view = self.pick(number, "waiting", "offered", "connected", "leaving", "dialling")
        if view is not None:
            self.tell(f.CallEnded(view.call, by))

    @precondition(some)
    @rule(number=picks)
    def withdraw(self, number: int) -> None:
        view = self.pick(number, "waiting", "offered", "leaving", "connected")
        if view is not None:
            self.tell(f.CallWithdrawn(view.call, "voicemail"))

    @precondition(some)
    @rule(number=picks, in_s=st.sampled_from([None, None, -5.0, 8.0, 100.0]))
    def ask_for_callback(self, number: int, in_s: float | None) -> None:
        view = self.pick(number, "waiting", "offered")
        if view is not None:
            due = None if in_s is None else self.now + in_s
            self.tell(f.CallbackRequested(view.call, f"k{view.call}", "+15550100", due))

    @precondition(some)
    @rule(number=picks, in_s=st.sampled_from([None, 3.0, 100.0]), by=st.sampled_from(["", "zoe"]))
    def move_callback(self, number: int, in_s: float | None, by: str) -> None:
        view = self.pick(number, "waiting", "offered", "parked", "retry", "due later", "dialling")
        if view is not None:
            due = None if in_s is None else self.now + in_s
            self.tell(f.CallbackRescheduled(view.call, due, by))

    @precondition(some)
    @rule(
        number=picks,
        why=st.sampled_from(["", "busy", "agent gone", "cancelled"]),
    )
    def callback(self, number: int, why: str) -> None:
        view = self.pick(number, "dialling", "offered", "parked", "retry", "due later")
        if view is None:
            return
        if why == "":
            self.tell(f.CallbackConnected(view.call))
        elif why == "cancelled":
            self.tell(f.CallbackCancelled(view.call))
        else:
            self.tell(f.CallbackFailed(view.call, why))

    @rule(number=picks, agent=agents, known=st.booleans())
    def found_talking(self, number: int, agent: str, known: bool) -> None:
        view = self.pick(number, "waiting", "offered", "leaving", "parked", "retry", "dialling")
        if known and view is not None:
            self.tell(f.CallFoundConnected(view.call, view.queue, agent, view.entered))
        elif not known:
            self.calls += 1
            self.tell(f.CallFoundConnected(f"c{self.calls}", "q", agent, self.now - 5.0))

    @precondition(some)
    @rule(
        number=picks,
        queue=st.sampled_from(["q", "last", ""]),
        to=st.sampled_from(["", "", "anna", "bob", "cleo"]),
        park_s=st.sampled_from([0.0, 0.0, 8.0]),
        onward=st.sampled_from(["menu", "outside"]),
    )
    def transfer(self, number: int, queue: str, to: str, park_s: float, onward: str) -> None:
        view = self.pick(number, "connected")
        if view is not None and queue:
            self.tell(f.CallTransferred(view.call, queue, to, park_s=park_s))
        elif view is not None:
            self.tell(f.CallTransferred(view.call, onward=onward))

    @precondition(some)
    @rule(number=picks, agent=agents, by=st.sampled_from(["", "zoe"]))
    def pick_up(self, number: int, agent: str, by: str) -> None:
        view = self.pick(number, "waiting", "parked")
        if view is not None:
            self.tell(f.CallPicked(view.call, agent, by))

    @rule(agent=agents, queue=st.sampled_from(["q", "last"]))
    def dial(self, agent: str, queue: str) -> None:
        self.calls += 1
        self.tell(f.CallDialled(f"d{self.calls}", agent, queue, "+15550100"))

    @precondition(some)
    @rule(number=picks, agent=agents, own=st.booleans(), answered=st.booleans())
    def leg(self, number: int, agent: str, own: bool, answered: bool) -> None:
        view = self.pick(number, "connected")
        if view is None:
            return
        self.calls += 1
        self.tell(f.LegOffered(f"l{self.calls}", view.call, agent, own))
        if answered:
            self.tell(f.LegAnswered(f"l{self.calls}"))

    @rule(
        number=picks,
        why=st.sampled_from(["ended", "no answer", "refused", "unreachable", "cancelled"]),
    )
    def leg_over(self, number: int, why: str) -> None:
        self.tell(f.LegOver(f"l{self.calls - number % 3}", why))

    @precondition(some)
    @rule(number=picks, agent=st.sampled_from(["", "anna", "bob", "cleo"]))
    def hand_over(self, number: int, agent: str) -> None:
        view = self.pick(number, "connected")
        if view is not None:
            self.tell(f.CallHandedOver(view.call, agent))

    @precondition(some)
    @rule(
        number=picks,
        kind=st.sampled_from([f.ConsultBegan, f.ConsultEnded, f.ConferenceBegan]),
    )
    def confer(self, number: int, kind: type) -> None:
        view = self.pick(number, "connected")
        if view is not None:
            self.tell(kind(view.call))

    @rule(
        agent=agents,
        queues=st.sampled_from([None, ("q",), ("last", "q"), ()]),
        skills=st.sampled_from([None, {"german": 3}, {}]),
        reset=st.booleans(),
    )
    def staff(
        self,
        agent: str,
        queues: tuple[str, ...] | None,
        skills: dict[str, int] | None,
        reset: bool,
    ) -> None:
        self.tell(f.AgentStaffed(agent, queues, skills, None, reset, "zoe"))

    @rule(site=st.sampled_from([SITE, FEWER]))
    def configure(self, site: Site) -> None:
        self.tell(f.Configured(site))

    @rule(away_s=st.sampled_from([0.0, 4.0, 60.0]))
    def restart(self, away_s: float) -> None:
        """The process dies and comes back from a snapshot."""
        self.checked.tick(self.now)
        state = json.loads(json.dumps(self.engine.snapshot()))
        self.engine = Engine.restore(self.engine.site, state)
        assert self.engine.snapshot() == state
        self.checked.engine = self.engine
        self.now += away_s
        self.tell(f.Resumed(away_s))

    @invariant()
    def wakes_in_time(self) -> None:
        """A deadline that nobody is told of would never be kept."""
        deadlines = [
            agent.deadline for agent in self.engine.agents.values() if agent.deadline is not None
        ]
        if deadlines:
            due = self.engine.deadline()
            assert due is not None
            assert due <= min(deadlines)

    def teardown(self) -> None:
        """fold(journal) = live state, and nobody is left over when all go home."""
        self.checked.tick(self.now)
        folded = Engine(SITE)
        for fact, at in self.journal:
            folded.handle(fact, at)
        folded.tick(self.now)
        assert folded.snapshot() == self.engine.snapshot()
        for _ in range(3):
            for view in self.engine.visits():
                ending = f.CallbackCancelled if view.kind == "callback" else f.CallerGone
                self.tell(ending(view.call))
                self.tell(f.CallEnded(view.call))
        for leg in list(self.checked.ledger.legs):
            self.tell(f.LegOver(leg))
        for agent in list(self.engine.agents):
            self.tell(f.WrapUpDone(agent))
            self.tell(f.AgentSignedOut(agent))
        self.checked.ledger.drained()
        self.checked.ledger.demand()


class TestRouting(Floor.TestCase):  # type: ignore[misc]
    """I1-I6, I8, I9, I11, I12 in whatever order a search comes upon."""

    settings = settings(
        max_examples=80,
        stateful_step_count=60,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
