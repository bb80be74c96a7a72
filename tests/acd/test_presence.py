"""Who is there for a queue, counted step by step, against a count of everybody."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from acd import facts as f
from acd.engine import Engine
from acd.lines import QueueState
from acd.presence import at_work
from acd.site import Agent, Onward, Queue, Rule, Site

ALONE = (Rule("left-alone", Onward("voicemail"), 30.0),)
SITE = Site(
    (
        Queue("any", rules=ALONE),
        Queue("work", staffed="working", rules=ALONE),
        Queue("free", staffed="ready", wrap_up_s=0.0),
    ),
    (
        Agent("anna", queues=("any", "work", "free"), skills={"german": 3}),
        Agent("bob", queues=("any", "free")),
        Agent("cleo", queues=("work", "free"), skills={"german": 1}),
    ),
)
FEWER = Site(
    (SITE.queues[0], Queue("free", staffed="working")),
    (Agent("anna", queues=("free",)), Agent("dan", queues=("any", "free"))),
)
AWAY = {
    "signed in": {"offline"},
    "working": {"offline", "not ready", "fault"},
    "ready": {"offline", "not ready", "fault", "reserved", "talking", "held", "wrap-up"},
}
agents = st.sampled_from(["anna", "bob", "cleo", "dan"])
some_queues = st.sets(st.sampled_from(["any", "work", "free"])).map(sorted).map(tuple)
facts = st.one_of(
    st.builds(f.AgentSignedIn, agents),
    st.builds(f.AgentReady, agents),
    st.builds(f.AgentReady, agents),
    st.builds(f.AgentNotReady, agents),
    st.builds(f.AgentSignedOut, agents),
    st.builds(f.PhoneFailed, agents),
    st.builds(f.PhoneHealthy, agents),
    st.builds(f.WrapUpDone, agents),
    st.builds(f.AgentStaffed, agents, some_queues),
    st.builds(f.AgentStaffed, agents, skills=st.sampled_from([{}, {"german": 3}, {"german": 5}])),
    st.builds(f.AgentStaffed, agents, reset=st.just(True)),
    st.builds(f.CallQueued, st.sampled_from("123456789"), st.sampled_from(["any", "free"])),
    st.builds(f.OfferAccepted, st.sampled_from(["o1", "o2", "o3", "o4"])),
    st.builds(f.CallEnded, st.sampled_from("123456789")),
    st.sampled_from([f.Configured(SITE), f.Configured(FEWER)]),
)


def _there(engine: Engine, queue: QueueState) -> tuple[int, int]:
    """How many agents of the queue are there by its own words, and how many are at work."""
    states = [
        agent.state
        for agent in engine.agents.values()
        if queue.id in agent.config.queues and not agent.removed
    ]
    return (
        sum(state not in AWAY[queue.config.staffed] for state in states),
        sum(state not in AWAY["working"] for state in states),
    )


@given(st.lists(facts, max_size=60))
def test_counts_are_those_of_everybody(told: list[f.Fact]) -> None:
    """However agents come, go and are moved about, a queue knows whether somebody is there."""
    engine = Engine(SITE)
    since: dict[str, float | None] = dict.fromkeys(engine._floor.queues, 0.0)
    for now, fact in enumerate(told, start=1):
        engine.handle(fact, float(now))
        if now % 20 == 0:
            engine = Engine.restore(engine.site, json.loads(json.dumps(engine.snapshot())))
        for gone in since.keys() - engine._floor.queues.keys():
            del since[gone]
        for queue in engine._floor.queues.values():
            there, working = _there(engine, queue)
            assert bool(queue.attended) == bool(there)
            assert at_work(queue) == working
            if there:
                since[queue.id] = None
            elif since.get(queue.id) is None:
                since[queue.id] = float(now)
            assert queue.alone.since == since[queue.id]
            assert all(team.members for team in queue.teams)
            assert len({team.key for team in queue.teams}) == len(queue.teams)
