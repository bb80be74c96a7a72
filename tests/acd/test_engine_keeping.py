"""Keeping and restoring the engine, and the bounds of what it keeps."""

from __future__ import annotations

import json

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.floor import MAX_OVER, MAX_SENT, MAX_TURNED
from acd.invariants import CheckedEngine
from acd.matching import MAX_UNUSED_LINES
from acd.offers import OFFER_MARGIN_S
from acd.places import MAX_JUMPS, MAX_PLACES
from acd.site import Agent, Onward, Queue, Rona, Rule, Site, SkillNeed
from acd.skills import canonical
from acd.timers import Timers

SITE = Site((Queue("q"), Queue("other")), (Agent("anna", queues=("q",)),))


def test_restored_under_another_site_nobody_is_lost() -> None:
    """The configuration may change while the process is down."""
    engine = Engine(SITE)
    engine.handle(f.CallQueued("c1", "q"), 10.0)
    state = json.loads(json.dumps(engine.snapshot()))
    moved = Site((Queue("other"),), (Agent("bob", queues=("other",)),))
    restored = Engine.restore(moved, state)
    assert restored.site == moved
    assert [entry.call for entry in restored.waiting("other")] == ["c1"]
    assert restored.deadline() == 10.0
    decisions = restored.tick(11.0)
    assert [x.outcome for x in decisions if isinstance(x, d.CallLeft)] == ["overflowed"]
    assert [x.queue for x in decisions if isinstance(x, d.CallEntered)] == ["other"]
    assert restored.tick(11.0) == []
    assert set(restored.agents) == {"bob"}


def test_a_snapshot_of_another_version_is_not_guessed_at() -> None:
    """Better no state than a wrong one: the journal has it all."""
    with pytest.raises(ValueError, match="version"):
        Engine.restore(SITE, {**Engine(SITE).snapshot(), "version": 0})


def test_a_snapshot_from_before_legs_and_outgoing_calls_is_taken_up() -> None:
    """An update in the middle of the day keeps every call where it is."""
    engine = Engine(SITE)
    engine.handle(f.AgentSignedIn("anna"), 1.0)
    engine.handle(f.AgentReady("anna"), 1.0)
    engine.handle(f.CallQueued("c1", "q"), 2.0)
    engine.handle(f.OfferAccepted("o1"), 3.0)
    engine.handle(f.CallQueued("c2", "q"), 4.0)
    state = json.loads(json.dumps(engine.snapshot()))
    older = json.loads(json.dumps(state))
    del older["legs"]
    for agent in older["agents"]:
        del agent["leg"], agent["answer_s"]
    for books in older["counts"].values():
        del books["outbound"]
    assert Engine.restore(SITE, older).snapshot() == state


def test_a_snapshot_from_before_rules_and_places_is_taken_up() -> None:
    """What an older version did not keep begins now: every queue open, nobody left alone yet."""
    site = Site((Queue("q", rules=(Rule("left-alone", Onward("voicemail"), 30.0),)),))
    engine = Engine(site)
    engine.handle(f.CallQueued("c1", "q"), 100.0)
    older = json.loads(json.dumps(engine.snapshot()))
    for key in ("queues", "places", "turned", "sent"):
        del older[key]
    for key in ("caller", "kept", "stays", "promised", "expiry_timer", "told"):
        del older["visits"][0][key]
    del older["counts"]["q"]["turned_away"]
    older["now"] = 1_000.0
    older["timers"] = older["timers"][-1:]
    older["visits"][0]["timer"] = 0
    restored = Engine.restore(site, older)
    assert not restored.closed("q")
    assert restored.tick(1_029.0) == []
    assert [x.call for x in restored.tick(1_030.0) if isinstance(x, d.SendOn)] == ["c1"]


def test_what_is_remembered_of_callers_is_bounded() -> None:
    """A flood of strangers costs so much memory and no more; the last ones are known."""
    site = Site(
        (
            Queue("q", rules=(Rule("nobody", Onward("queue", "r")),)),
            Queue("r", rules=(Rule("left-alone", Onward("voicemail")),)),
            Queue("s"),
        ),
        place_grace_s=1e6,
    )
    engine = Engine(site)
    for number in range(MAX_PLACES + 10):
        engine.handle(f.EntryAsked(f"c{number}", "q"), 1.0)
        engine.handle(f.CallQueued(f"c{number}", "s", caller=f"+{number}"), 1.0)
        engine.handle(f.CallerGone(f"c{number}"), 1.0)
        if number < MAX_SENT + 10:
            engine.handle(f.CallQueued(f"v{number}", "r"), 1.0)
            engine.tick(1.0)
    state = engine.snapshot()
    kept = (len(state["places"]), len(state["turned"]), len(state["sent"]))
    assert kept == (MAX_PLACES, MAX_TURNED, MAX_SENT)
    for number in range(MAX_JUMPS + 10):
        engine.handle(f.CallQueued(f"p{number}", "s", priority=number), 2.0)
    assert len(engine.snapshot()["queues"]["s"]["jumps"]) == MAX_JUMPS + 1
    last = f"+{MAX_PLACES + 9}"
    entered = [engine.handle(f.CallQueued(f"b{who}", "s", caller=who), 3.0) for who in ("+0", last)]
    assert [x[0].reason is not None for x in entered if isinstance(x[0], d.CallEntered)] == [
        False,
        True,
    ]


def test_an_outside_phone_has_time_for_its_digit() -> None:
    """Nobody is blamed while they press the digit; the time is kept over a restart."""
    engine = Engine(SITE)
    engine.handle(f.AgentSignedIn("anna", answer_s=12.0), 0.0)
    engine = Engine.restore(SITE, json.loads(json.dumps(engine.snapshot())))
    engine.handle(f.AgentReady("anna"), 1.0)
    (offer,) = [x for x in engine.handle(f.CallQueued("c1", "q"), 2.0) if isinstance(x, d.Offer)]
    assert offer.deadline == 2.0 + offer.ring_s + 12.0 + OFFER_MARGIN_S


def test_legs_and_parked_calls_are_kept() -> None:
    """After a restore they end, and go back to the line, as they would have."""
    site = Site((Queue("q", wrap_up_s=0.0),), (Agent("anna", queues=("q",)), Agent("bob")))
    engine = Engine(site)
    for agent in ("anna", "bob"):
        engine.handle(f.AgentSignedIn(agent), 1.0)
        engine.handle(f.AgentReady(agent), 1.0)
    for call, at in (("c1", 2.0), ("c2", 5.0)):
        engine.handle(f.CallQueued(call, "q"), at)
        engine.handle(f.OfferAccepted(f"o{call[1]}"), at + 1)
        if call == "c1":
            engine.handle(f.CallTransferred(call, "q", park_s=60.0), at + 2)
    engine.handle(f.LegOffered("l1", "c2", "bob"), 7.0)
    restored = Engine.restore(site, json.loads(json.dumps(engine.snapshot())))
    for one in (engine, restored):
        decisions = [*one.handle(f.LegAnswered("l1"), 8.0), *one.handle(f.CallEnded("c2"), 9.0)]
        states = [(x.agent, x.state) for x in decisions if isinstance(x, d.AgentChanged)]
        assert states == [("bob", "talking"), ("bob", "ready"), ("anna", "ready")]
        assert [x.call for x in one.tick(65.0) if isinstance(x, d.Offer)] == ["c1"]
    assert restored.snapshot() == engine.snapshot()


def test_offer_ids_go_on_after_a_restore() -> None:
    """An id of an offer that is over must never name another one."""
    engine = Engine(SITE)
    engine.handle(f.AgentSignedIn("anna"), 0.0)
    engine.handle(f.AgentReady("anna"), 0.0)
    engine.handle(f.CallQueued("c1", "q"), 1.0)
    engine.handle(f.CallerGone("c1"), 2.0)
    engine = Engine.restore(SITE, engine.snapshot())
    offers = [x.offer for x in engine.handle(f.CallQueued("c2", "q"), 3.0) if type(x) is d.Offer]
    assert offers == ["o2"]


def test_an_agent_who_never_answers_is_remembered_once() -> None:
    """A caller whom nobody answers for hours costs no more than one for whom it rings once."""
    queue = Queue("q", ring_s=5.0, rona=Rona(3, "pause", 5.0))
    engine = Engine(Site((queue,), (Agent("anna", queues=("q",)),)))
    engine.handle(f.AgentSignedIn("anna"), 0.0)
    engine.handle(f.AgentReady("anna"), 0.0)
    engine.handle(f.CallQueued("c1", "q"), 1.0)
    rung = engine.tick(3600.0)
    assert sum(isinstance(x, d.Offer) for x in rung) > 100
    assert engine.snapshot()["visits"][0]["missed_by"] == ["anna"]


def test_finished_calls_are_remembered_for_a_bounded_while() -> None:
    """Late facts are known for what they are, and memory does not grow with the years."""
    engine = Engine(SITE)
    for number in range(MAX_OVER + 10):
        engine.handle(f.CallQueued(f"c{number}", "q"), 1.0)
        engine.handle(f.CallerGone(f"c{number}"), 1.0)
    assert len(engine.snapshot()["over"]) == MAX_OVER
    last = f"c{MAX_OVER + 9}"
    codes = [
        x.code
        for call in ("c0", last)
        for x in engine.handle(f.CallerGone(call), 2.0)
        if isinstance(x, d.Refused)
    ]
    assert codes == ["unknown-call", "call-over"]


def test_ever_new_skill_needs_do_not_pile_up() -> None:
    """Each call may ask for another skill; routing stays right and lines are bounded."""
    site = Site(
        (Queue("q", wrap_up_s=0.0),), (Agent("anna", queues=("q",), skills={"billing": 5}),)
    )
    engine = Engine(site)
    checked = CheckedEngine(engine)
    checked.handle(f.AgentSignedIn("anna"), 0.0)
    checked.handle(f.AgentReady("anna"), 0.0)
    checked.handle(f.CallQueued("kept", "q", (SkillNeed("odd", 1),)), 0.0)
    for number in range(MAX_UNUSED_LINES + 50):
        checked.handle(f.CallQueued("x", "q", (SkillNeed(f"skill{number}", 1),)), 1.0)
        checked.handle(f.CallWithdrawn("x", "elsewhere"), 1.0)
    found = checked.handle(f.CallQueued("c", "q", (SkillNeed("billing", 5),)), 2.0)
    assert [x.agent for x in found if isinstance(x, d.Offer)] == ["anna"]
    assert [(w.call, w.position) for w in engine.waiting("q")] == [("kept", 1)]
    assert len(engine._floor.queues["q"].lines) <= MAX_UNUSED_LINES + 3


def test_ever_new_needs_of_items_do_not_pile_up() -> None:
    """A program that asks for other skills with every item does not fill the memory."""
    most = 2 * MAX_UNUSED_LINES
    skills = {f"s{number}": 1 for number in range(most)}
    anna = Agent("anna", queues=("chats",), skills=skills, capacity={"chat": 1})
    engine = Engine(Site((Queue("chats", work="chat"),), (anna,)))
    engine.handle(f.AgentSignedIn("anna"), 0.0)
    engine.handle(f.AgentReady("anna"), 0.0)
    for number, skill in enumerate(skills):
        out = engine.handle(f.ItemQueued(f"i{number}", "chats", (SkillNeed(skill),)), 1.0)
        [offer] = [x.offer for x in out if isinstance(x, d.OfferItem)]
        engine.handle(f.OfferAccepted(offer), 1.0)
        engine.handle(f.ItemDone(f"i{number}"), 1.0)
    assert len(engine._floor.work.lines) == 1
    assert len(engine._floor.matching._lines) < most


def test_needs_of_queue_and_call_add_up() -> None:
    """The stricter of two levels counts."""
    merged = canonical((SkillNeed("b", 2), SkillNeed("a", 1), SkillNeed("b", 1), SkillNeed("a", 3)))
    assert merged == (SkillNeed("a", 3), SkillNeed("b", 2))


def test_cancelled_timers_do_not_pile_up() -> None:
    """Almost every ring timer is cancelled; the heap must not keep them all."""
    timers = Timers()
    keep = timers.start(9e9, "wrap-up", "anna")
    for number in range(10_000):
        timers.cancel(timers.start(1e6 + number, "offer", "o"))
    assert len(timers._heap) < 200
    assert timers.next_due() == 9e9
    timers.cancel(keep)
    timers.cancel(keep)
    assert timers.next_due() is None
    assert timers.pop_due(1e12) is None


def test_timers_of_one_moment_fire_in_the_order_of_their_setting() -> None:
    """Without this, a replay could decide differently."""
    timers = Timers()
    for name in ("b", "a", "c"):
        timers.start(5.0, "offer", name)
    restored = Timers()
    restored.restore(timers.snapshot())
    assert [restored.pop_due(5.0) for _ in range(4)] == [
        (5.0, "offer", "b"),
        (5.0, "offer", "a"),
        (5.0, "offer", "c"),
        None,
    ]


def test_how_late_a_tick_comes_makes_no_difference() -> None:
    """fold(journal) = live state, whatever the latency of the loop was."""

    def run(ticks: bool) -> tuple[list[d.Decision], dict[str, object]]:
        engine = Engine(Site((Queue("q", ring_s=5.0, wrap_up_s=3.0),), SITE.agents))
        decisions: list[d.Decision] = []
        for at, fact in (
            (0.0, f.AgentSignedIn("anna")),
            (1.0, f.AgentReady("anna")),
            (2.0, f.CallQueued("c1", "q")),
            (3.0, f.OfferAccepted("o1")),
            (4.0, f.CallQueued("c2", "q")),
            (5.0, f.CallEnded("c1")),
            (60.0, f.CallerGone("c2")),
        ):
            while ticks and (due := engine.deadline()) is not None and due <= at:
                decisions += engine.tick(due)
            decisions += engine.handle(fact, at)
        return decisions, engine.snapshot()

    assert run(ticks=True) == run(ticks=False)
    assert any(isinstance(x, d.WrapUpEnded) and x.wrap_up_s == 3.0 for x in run(ticks=False)[0])
