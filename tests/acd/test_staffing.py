"""What a supervisor makes an agent do, live: at once, for good, and beside the configuration."""

from __future__ import annotations

import json

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import CheckedEngine
from acd.site import Agent, Queue, Site, SkillNeed

SITE = Site(
    (Queue("sales"), Queue("support"), Queue("vip", needs=(SkillNeed("german", 3),))),
    (
        Agent("anna", queues=("sales",), skills={"german": 2}),
        Agent("bob", queues=("support",)),
    ),
)


class Floor:
    """An engine under its ledger; `at` is the time of the last fact."""

    def __init__(self, *ready: str) -> None:
        self.engine = Engine(SITE)
        self.checked = CheckedEngine(self.engine)
        self.at = 0.0
        for agent in ready:
            self.tell(f.AgentSignedIn(agent), f.AgentReady(agent))

    def tell(self, *facts: f.Fact) -> list[d.Decision]:
        """Each a second after the one before; what was decided."""
        decisions: list[d.Decision] = []
        for fact in facts:
            self.at += 1.0
            decisions += self.checked.handle(fact, self.at)
        return decisions

    def restart(self) -> None:
        """From a snapshot that went through JSON."""
        state = json.loads(json.dumps(self.engine.snapshot()))
        self.engine = Engine.restore(self.engine.site, state)
        assert self.engine.snapshot() == state
        self.checked.engine = self.engine


def offers(decisions: list[d.Decision]) -> list[tuple[str, str]]:
    return [(x.call, x.agent) for x in decisions if isinstance(x, d.Offer)]


def test_a_waiting_caller_is_offered_to_who_is_made_able_to_take_it() -> None:
    """Help that a supervisor sends arrives in the same moment."""
    floor = Floor("anna")
    assert not offers(floor.tell(f.CallQueued("c1", "support"), f.CallQueued("c2", "support")))
    decided = floor.tell(f.AgentStaffed("anna", queues=("sales", "support"), by="zoe"))
    assert offers(decided) == [("c1", "anna")]
    told = decided[0]
    assert isinstance(told, d.StaffingChanged)
    assert (told.queues, told.reason) == (("sales", "support"), d.Reason("staffed", {"by": "zoe"}))


def test_a_new_level_opens_the_queue_that_asks_for_it() -> None:
    """Skills count from the moment they are given."""
    floor = Floor("anna")
    floor.tell(f.CallQueued("c1", "vip"), f.AgentStaffed("anna", queues=("sales", "vip")))
    assert offers(floor.tell(f.AgentStaffed("anna", skills={"german": 3}))) == [("c1", "anna")]


def test_a_ringing_call_that_no_longer_fits_goes_to_somebody_else() -> None:
    """The caller keeps the place, and the agent stays ready with the same idle clock."""
    floor = Floor("anna", "bob")
    idle_since = floor.engine.agent_view("anna").idle_since
    floor.tell(f.CallQueued("c1", "sales"), f.AgentStaffed("bob", queues=("sales", "support")))
    decided = floor.tell(f.AgentStaffed("anna", queues=("support",), by="zoe"))
    cancelled = next(x for x in decided if isinstance(x, d.CancelOffer))
    assert cancelled.reason == d.Reason("restaffed", {"by": "zoe"})
    assert offers(decided) == [("c1", "bob")]
    anna = floor.engine.agent_view("anna")
    assert (anna.state, anna.idle_since) == ("ready", idle_since)


def test_a_call_in_progress_is_never_touched() -> None:
    """Only the next call is another one."""
    floor = Floor("anna")
    floor.tell(f.CallQueued("c1", "sales"), f.OfferAccepted("o1"))
    floor.tell(f.AgentStaffed("anna", queues=("support",)), f.CallQueued("c2", "support"))
    assert floor.engine.agent_view("anna").state == "talking"
    decided = floor.tell(f.CallEnded("c1"), f.WrapUpDone("anna"), f.AgentReady("anna"))
    assert offers(decided) == [("c2", "anna")]


def test_a_call_that_a_person_gave_to_the_agent_rings_on() -> None:
    """It never was a matter of queues and skills."""
    floor = Floor("anna")
    floor.tell(f.CallQueued("c1", "support"), f.CallPicked("c1", "anna", "zoe"))
    decided = floor.tell(f.AgentStaffed("anna", skills={}))
    assert [type(x) for x in decided] == [d.StaffingChanged]


def test_it_holds_across_a_restart_and_a_new_configuration_until_it_is_reset() -> None:
    """What the configuration says is kept beside it, and comes back with a reset."""
    floor = Floor("anna")
    floor.tell(f.AgentStaffed("anna", queues=("support",), order={"support": 2}))
    floor.restart()
    assert floor.engine.agents["anna"].config.queues == ("support",)
    new = Site(SITE.queues, (Agent("anna", queues=("vip",), skills={"french": 1}), SITE.agents[1]))
    floor.tell(f.Configured(new))
    anna = floor.engine.agents["anna"]
    assert (anna.config.queues, dict(anna.config.skills)) == (("support",), {"french": 1})
    assert anna.configured.queues == ("vip",)
    reset = floor.tell(f.AgentStaffed("anna", reset=True, by="zoe"))[0]
    assert isinstance(reset, d.StaffingChanged)
    assert (reset.queues, reset.order) == (("vip",), {})
    assert reset.reason == d.Reason("staffing-reset", {"by": "zoe"})


def test_a_removed_queue_goes_out_of_it_and_does_not_come_back() -> None:
    """Who serves what is never left to a name that may mean something else later."""
    floor = Floor("anna")
    floor.tell(f.AgentStaffed("anna", queues=("sales", "support"), order={"support": 2}))
    fewer = Site((SITE.queues[0], SITE.queues[2]), (SITE.agents[0], Agent("bob")))
    told = [x for x in floor.tell(f.Configured(fewer)) if isinstance(x, d.StaffingChanged)]
    assert [(x.queues, x.order, x.reason.code) for x in told] == [
        (("sales",), {}, "staffing-narrowed")
    ]
    floor.tell(f.Configured(SITE))
    assert floor.engine.agents["anna"].config.queues == ("sales",)


def test_back_to_the_configuration_by_hand_is_a_reset() -> None:
    """What does not differ is not remembered as a difference."""
    floor = Floor("anna")
    floor.tell(f.AgentStaffed("anna", queues=("support",), skills={"german": 9}))
    floor.tell(f.AgentStaffed("anna", queues=("sales",)))
    back = floor.tell(f.AgentStaffed("anna", skills={"german": 2}))[0]
    assert isinstance(back, d.StaffingChanged)
    assert back.reason.code == "staffing-reset"
    assert "staffing" not in floor.engine.snapshot()["agents"][0]


def test_nothing_of_it_is_left_behind_in_the_matching() -> None:
    """A day of changes must not slow routing down."""
    floor = Floor("anna")
    for level in (5, 6, 7, 8, 2):
        floor.tell(f.AgentStaffed("anna", skills={"german": level}))
    assert len(floor.engine._floor.matching._groups) == 2
    line = floor.engine._floor.queues["sales"].lines[0]
    assert [list(group.members) for group in line.groups] == [["anna"]]


REFUSED = [
    (f.AgentStaffed("nobody", queues=()), "unknown-agent"),
    (f.AgentStaffed("anna", queues=("nowhere",)), "unknown-queue"),
    (f.AgentStaffed("anna", order={"nowhere": 1}), "unknown-queue"),
    (f.AgentStaffed("anna", queues=("support", "support")), "bad-staffing"),
    (f.AgentStaffed("anna", skills={"german": 0}), "bad-staffing"),
    (f.AgentStaffed("anna", skills={"german": 11}), "bad-staffing"),
    (f.AgentStaffed("anna", skills={"": 1}), "bad-staffing"),
    (f.AgentStaffed("anna", order={"sales": 0}), "bad-staffing"),
    (f.AgentStaffed("anna", queues=("sales",)), "no-change"),
    (f.AgentStaffed("anna", reset=True), "no-change"),
]


@pytest.mark.parametrize(("fact", "code"), REFUSED)
def test_refused_and_nothing_changed(fact: f.AgentStaffed, code: str) -> None:
    """What cannot be is said at once, and the agent does what the agent did."""
    floor = Floor("anna", "bob")
    before = json.dumps(floor.engine.snapshot(), sort_keys=True)
    assert [getattr(x, "code", "") for x in floor.checked.handle(fact, floor.at)] == [code]
    assert json.dumps(floor.engine.snapshot(), sort_keys=True) == before
