"""What the rules of matching promise over many calls, and for any requirement."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.matching import MAX_UNUSED_LINES
from acd.site import Agent, Choice, Queue, Relax, Site, SkillNeed
from acd.skills import able, canonical, relaxed, text

SKILLS = ("a", "b", "c")
one_need = st.builds(SkillNeed, st.sampled_from(SKILLS), st.integers(1, 5), st.booleans())
need = st.builds(
    lambda one, others: SkillNeed(one.skill, one.level, one.below, tuple(others)),
    one_need,
    st.lists(one_need, max_size=3),
)
needs = st.lists(need, max_size=4).map(tuple)
levels = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 6))
steps = st.lists(
    st.builds(
        Relax,
        st.just(1.0),
        st.integers(0, 4),
        st.lists(st.sampled_from(SKILLS), max_size=2).map(tuple),
    ),
    max_size=3,
)


@given(needs, levels)
def test_one_form_asks_for_the_same(asked: tuple[SkillNeed, ...], skills: dict[str, int]) -> None:
    """Callers who are put into one line by the form of their needs belong into it."""
    form = canonical(asked)
    assert able(skills, form) == able(skills, asked)
    assert canonical(form) == form
    assert canonical(reversed(asked)) == form
    assert not form or text(form)


@given(needs, levels, steps)
def test_whoever_could_serve_can_serve_after_a_step(
    asked: tuple[SkillNeed, ...], skills: dict[str, int], taken: list[Relax]
) -> None:
    """Relaxing only ever adds agents, whatever is asked for."""
    for number in range(len(taken)):
        if able(skills, relaxed(asked, tuple(taken[:number]))):
            assert able(skills, relaxed(asked, tuple(taken[: number + 1])))


class Floor:
    """A checked engine on which everybody answers at once and every call is short."""

    def __init__(self, site: Site) -> None:
        self.engine = Engine(site)
        self.checked = CheckedEngine(self.engine)
        self.now = 0.0
        self.calls = 0

    def tell(self, fact: f.Fact) -> list[d.Offer]:
        decisions = self.checked.handle(fact, self.now)
        assert not any(isinstance(x, d.Refused) for x in decisions), decisions
        return [x for x in decisions if isinstance(x, d.Offer)]

    def ready(self, *agents: str) -> None:
        for agent in agents:
            if self.engine.agents[agent].state == "offline":
                self.tell(f.AgentSignedIn(agent))
            self.tell(f.AgentReady(agent))

    def call(self, queue: str) -> list[d.Offer]:
        self.calls += 1
        return self.tell(f.CallQueued(f"c{self.calls}", queue))

    def talk(self, offer: d.Offer) -> list[d.Offer]:
        """The call is answered and over in the same moment; who gets offers by that."""
        self.tell(f.OfferAccepted(offer.offer))
        return self.tell(f.CallEnded(offer.call))


weights = st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=2, max_size=4)


@settings(max_examples=30, deadline=None)
@given(weights)
def test_weighted_agents_get_calls_in_proportion(given_weights: list[float]) -> None:
    """After any number of calls nobody is more than one call of the own away from the share."""
    names = [f"a{n}" for n in range(len(given_weights))]
    agents = [Agent(a, queues=("q",), weight=w) for a, w in zip(names, given_weights, strict=True)]
    floor = Floor(Site((Queue("q", wrap_up_s=0.0, choice="weighted"),), tuple(agents)))
    floor.ready(*names)
    had: Counter[str] = Counter()
    for _ in range(60):
        floor.now += 1.0
        (offer,) = floor.call("q")
        had[offer.agent] += 1
        floor.talk(offer)
        turns = [had[a] / w for a, w in zip(names, given_weights, strict=True)]
        assert max(turns) - min(turns) <= 1 / min(given_weights) + 1e-9


def test_whoever_comes_back_is_not_flooded() -> None:
    """A day of the others' calls is not owed to somebody who was away."""
    names = ("anna", "bob")
    site = Site(
        (Queue("q", wrap_up_s=0.0, choice="weighted"),),
        tuple(Agent(name, queues=("q",)) for name in names),
    )
    floor = Floor(site)
    floor.ready(*names)
    floor.talk(floor.call("q")[0])
    floor.tell(f.AgentNotReady("bob", "lunch"))
    for _ in range(40):
        floor.now += 1.0
        floor.talk(floor.call("q")[0])
    floor.ready("bob")
    had: Counter[str] = Counter()
    for _ in range(10):
        (offer,) = floor.call("q")
        had[offer.agent] += 1
        floor.talk(offer)
    assert abs(had["anna"] - had["bob"]) <= 2


@settings(max_examples=15, deadline=None)
@given(weights)
def test_queues_get_calls_in_proportion(given_weights: list[float]) -> None:
    """While all of them have callers, queues are served by their weight, whoever came first."""
    names = [f"q{n}" for n in range(len(given_weights))]
    queues = [Queue(q, wrap_up_s=0.0, weight=w) for q, w in zip(names, given_weights, strict=True)]
    floor = Floor(Site(tuple(queues), (Agent("anna", queues=tuple(names)),), sharing="weight"))
    for name in names:
        for _ in range(12):
            floor.call(name)
    had: Counter[str] = Counter()
    floor.tell(f.AgentSignedIn("anna"))
    (offer,) = floor.tell(f.AgentReady("anna"))
    while max(had.values(), default=0) < 12:  # one is empty then
        had[offer.queue] += 1
        turns = [had[q] / w for q, w in zip(names, given_weights, strict=True)]
        assert max(turns) - min(turns) <= 1 / min(given_weights) + 1e-9
        (offer, *_) = floor.talk(offer)


def test_nobody_waits_for_ever_behind_higher_priority() -> None:
    """With `first_after_s` the wait is bounded by it and the calls that began before."""
    bound_s, talk_s = 60.0, 10.0
    site = Site(
        (
            Queue("vip", priority=9, wrap_up_s=0.0),
            Queue("q", wrap_up_s=0.0, first_after_s=bound_s),
        ),
        (Agent("anna", queues=("vip", "q"), order={"q": 2}),),
    )
    floor = Floor(site)
    floor.ready("anna")
    (offer,) = floor.call("vip")
    floor.call("q")
    patient = f"c{floor.calls}"
    while offer.call != patient:
        floor.call("vip")  # more than one agent can serve
        floor.call("vip")
        floor.tell(f.OfferAccepted(offer.offer))
        floor.now += talk_s
        (offer,) = floor.tell(f.CallEnded(offer.call))
        assert floor.now <= bound_s + talk_s
    assert offer.reason.code == "starved"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1.0, 4000.0), min_size=4, max_size=12), st.randoms())
def test_least_occupied_is_who_was_busy_least(talks: list[float], r: object) -> None:
    """The order of logarithms is the order of the smoothed averages, reckoned from all spells."""
    names = ("anna", "bob", "cleo")
    site = Site(
        (Queue("q", wrap_up_s=0.0, choice="least-occupied"),),
        tuple(Agent(name, queues=("q",)) for name in names),
    )
    floor = Floor(site)
    floor.ready(*names)
    for talk_s in talks:
        (offer,) = floor.call("q")  # the ledger beside reckons who has to be asked
        floor.tell(f.OfferAccepted(offer.offer))
        floor.now += talk_s
        floor.tell(f.CallEnded(offer.call))
        floor.now += 7.0
    floor.checked.ledger.demand()


@pytest.mark.parametrize("choice", ["round-robin", "fewest-calls", "weighted", "least-occupied"])
def test_what_a_choice_remembers_is_bounded(choice: Choice) -> None:
    """A row for each agent and queue at the most, whatever the number of calls; kept in JSON."""
    names = ("anna", "bob")
    site = Site(
        (Queue("q", wrap_up_s=0.0, choice=choice), Queue("other", wrap_up_s=0.0)),
        tuple(Agent(name, queues=("q", "other")) for name in names),
    )
    floor = Floor(site)
    floor.ready(*names)
    for number in range(30):
        floor.now += 1.0
        floor.talk(floor.call("q" if number % 3 else "other")[0])
    for agent in floor.engine.agents.values():
        assert set(agent.history) <= {"q"}
    state = json.loads(json.dumps(floor.engine.snapshot()))
    assert Engine.restore(site, state).snapshot() == state


def test_a_snapshot_from_before_all_this_is_taken_up() -> None:
    """An update in the middle of the day keeps every call where it is."""
    site = Site((Queue("q"),), (Agent("anna", queues=("q",)), Agent("bob", queues=("q",))))
    floor = Floor(site)
    floor.ready("anna", "bob")
    for _ in range(3):
        floor.call("q")
    state = json.loads(json.dumps(floor.engine.snapshot()))
    older = json.loads(json.dumps(state))
    del older["shares"]
    for agent in older["agents"]:
        for name in ("history", "load", "load_at", "busy_since"):
            del agent[name]
    for visit in older["visits"]:
        for name in ("only", "others", "steps", "first", "preferred", "ageing_timer"):
            del visit[name]
    for offer in older["offers"]:
        del offer["round"]
    again = Engine.restore(site, older)
    assert [x.place for x in again.visits()] == [x.place for x in floor.engine.visits()]
    assert again.handle(f.CallerGone("c1"), 1.0) == floor.engine.handle(f.CallerGone("c1"), 1.0)


def test_steps_of_waiting_do_not_pile_up_lines() -> None:
    """Ever new needs, each with its steps: lines that nobody uses are dropped again."""
    relax = (Relax(1.0, lower_by=1), Relax(2.0, lower_by=1))
    site = Site((Queue("q", relax=relax),), (Agent("anna", queues=("q",)),))
    engine = Engine(site)
    now = 0.0
    for number in range(MAX_UNUSED_LINES):
        now += 5.0
        engine.handle(f.CallQueued("x", "q", (SkillNeed(f"skill{number}", 3),)), now)
        engine.handle(f.CallWithdrawn("x", "elsewhere"), now + 3.0)
    assert len(engine._floor.queues["q"].lines) <= MAX_UNUSED_LINES + 5


@pytest.mark.parametrize(
    "site",
    [
        Site((Queue("q", weight=0.0),)),
        Site((Queue("q", weight=float("inf")),)),
        Site((Queue("q", ring_several=0),)),
        Site((Queue("q", first_after_s=float("nan")),)),
        Site((Queue("q", relax=(Relax(float("inf")),)),)),
        Site((Queue("q"),), priority_worth_s=float("nan")),
        Site((Queue("q"),), (Agent("anna", queues=("q",), weight=-1.0),)),
        Site((Queue("q"),), (Agent("anna", queues=("q",), order={"q": 0}),)),
    ],
)
def test_impossible_weights_and_orders_are_refused(site: Site) -> None:
    """A weight of nothing would divide by zero on the first call, and no time is no order."""
    with pytest.raises(ValueError, match=r"queue q|agent anna|priority"):
        Engine(site)
