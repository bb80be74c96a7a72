"""What does not fit the state is refused with a stable code, and nothing has changed."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import get_args

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import HANDLERS, Engine
from acd.site import Agent, Queue, Site

SITE = Site(
    (Queue("q"), Queue("other")),
    (
        Agent("anna", queues=("q",)),
        Agent("bob", queues=("q",)),
        Agent("cleo", queues=("q",)),
        Agent("dan", queues=("other",)),
        Agent("eve", queues=("other",)),
    ),
)
NOW = 100.0


def busy_floor() -> Engine:
    """anna talks with c1 and has dan on a leg, bob rings for c2, eve has a break without a phone.

    c3 waits, k4 is a callback, c5 is over.
    """
    engine = Engine(SITE)
    for agent in ("anna", "bob"):
        engine.handle(f.AgentSignedIn(agent), 0.0)
        engine.handle(f.AgentReady(agent), 0.0)
    engine.handle(f.CallQueued("c1", "q"), 1.0)
    engine.handle(f.OfferAccepted("o1"), 2.0)
    engine.handle(f.CallQueued("c2", "q"), 90.0)
    engine.handle(f.OfferRang("o2"), 91.0)
    engine.handle(f.CallQueued("c3", "q"), 91.0)
    engine.handle(f.CallQueued("c4", "q"), 91.0)
    engine.handle(f.CallbackRequested("c4", "k4", "+15550100"), 92.0)
    engine.handle(f.CallQueued("c5", "q"), 92.0)
    engine.handle(f.CallerGone("c5"), 92.0)
    engine.handle(f.ConsoleLost("bob"), 95.0)
    engine.handle(f.PhoneFailed("cleo"), 95.0)
    engine.handle(f.AgentSignedIn("dan"), 95.0)
    engine.handle(f.AgentReady("dan"), 95.0)
    engine.handle(f.LegOffered("l1", "c1", "dan"), 95.0)
    engine.handle(f.LegAnswered("l1"), 96.0)
    engine.handle(f.AgentSignedIn("eve", False), 96.0)
    engine.tick(NOW)
    return engine


ROWS: list[tuple[f.Fact, str]] = [
    (f.AgentSignedIn("nobody"), "unknown-agent"),
    (f.AgentSignedIn("anna"), "already-signed-in"),
    (f.AgentSignedOut("nobody"), "unknown-agent"),
    (f.AgentSignedOut("cleo"), "not-signed-in"),
    (f.AgentReady("cleo"), "not-signed-in"),
    (f.AgentReady("anna"), "no-change"),
    (f.AgentReady("bob"), "no-change"),
    (f.AgentNotReady("cleo", "tea"), "not-signed-in"),
    (f.PhoneFailed("cleo"), "no-change"),
    (f.PhoneHealthy("anna"), "no-change"),
    (f.ConsoleLost("bob"), "no-change"),
    (f.ConsoleLost("cleo"), "not-signed-in"),
    (f.ConsoleBack("anna"), "no-change"),
    (f.CallQueued("c1", "q"), "call-known"),
    (f.CallQueued("c3", "other"), "call-known"),
    (f.CallQueued("c5", "q"), "call-over"),
    (f.CallQueued("c9", "nowhere"), "unknown-queue"),
    (f.EntryAsked("c9", "nowhere"), "unknown-queue"),
    (f.EntryAsked("c5", "q"), "call-over"),
    (f.QueueOpened("nowhere"), "unknown-queue"),
    (f.QueueOpened("q"), "no-change"),
    (f.QueueClosed("nowhere"), "unknown-queue"),
    (f.PositionAsked("c9"), "unknown-call"),
    (f.PositionAsked("c5"), "call-over"),
    (f.PositionAsked("c1"), "call-not-waiting"),
    (f.PositionAsked("c2"), "call-not-waiting"),
    (f.CallerGone("c5"), "call-over"),
    (f.CallerGone("c9"), "unknown-call"),
    (f.CallerGone("k4"), "is-callback"),
    (f.CallWithdrawn("c1", "voicemail"), "call-connected"),
    (f.CallWithdrawn("k4", "voicemail"), "is-callback"),
    (f.OfferRang("o1"), "offer-over"),
    (f.OfferRang("o2"), "no-change"),
    (f.OfferAccepted("o1"), "offer-over"),
    (f.OfferAccepted("o99"), "offer-over"),
    (f.OfferDeclined("o1"), "offer-over"),
    (f.OfferUnanswered("o1"), "offer-over"),
    (f.OfferUnreachable("o1"), "offer-over"),
    (f.OfferLost("o1"), "offer-over"),
    (f.CallHeld("c3"), "not-connected"),
    (f.CallRetrieved("c1"), "no-change"),
    (f.CallEnded("c5"), "call-over"),
    (f.CallEnded("c9"), "unknown-call"),
    (f.CallEnded("k4"), "not-connected"),
    (f.CallFoundConnected("c3", "q", "nobody", 1.0), "unknown-agent"),
    (f.CallFoundConnected("c3", "q", "anna", 1.0), "agent-busy"),
    (f.CallFoundConnected("c1", "q", "bob", 1.0), "call-connected"),
    (f.CallFoundConnected("c5", "q", "bob", 1.0), "call-over"),
    (f.CallTransferred("c3", "q"), "not-connected"),
    (f.CallTransferred("c9", "q"), "unknown-call"),
    (f.CallTransferred("c5", onward="outside"), "call-over"),
    (f.CallHandedOver("c3", "dan"), "not-connected"),
    (f.CallHandedOver("c1", "anna"), "no-change"),
    (f.CallPicked("c3", "nobody"), "unknown-agent"),
    (f.CallPicked("c9", "eve"), "unknown-call"),
    (f.CallPicked("c1", "eve"), "call-not-waiting"),
    (f.CallPicked("c2", "eve"), "call-not-waiting"),
    (f.CallPicked("k4", "eve"), "call-not-waiting"),
    (f.CallPicked("c3", "anna"), "agent-not-ready"),
    (f.CallPicked("c3", "dan"), "agent-not-ready"),
    (f.CallPicked("c3", "eve", by="zoe"), "agent-not-ready"),
    (f.CallPicked("c3", "eve"), "phone-down"),
    (f.CallDialled("c9", "nobody", "q", "+1"), "unknown-agent"),
    (f.CallDialled("c9", "eve", "nowhere", "+1"), "unknown-queue"),
    (f.CallDialled("c3", "eve", "q", "+1"), "call-known"),
    (f.CallDialled("c5", "eve", "q", "+1"), "call-known"),
    (f.CallDialled("c9", "eve", "q", ""), "no-number"),
    (f.CallDialled("c9", "anna", "q", "+1"), "agent-not-ready"),
    (f.CallDialled("c9", "cleo", "q", "+1"), "agent-not-ready"),
    (f.CallDialled("c9", "eve", "q", "+1"), "phone-down"),
    (f.LegOffered("l2", "c1", "nobody"), "unknown-agent"),
    (f.LegOffered("l1", "c1", "eve"), "leg-known"),
    (f.LegOffered("l2", "c3", "eve"), "not-connected"),
    (f.LegOffered("l2", "c9", "eve"), "unknown-call"),
    (f.LegOffered("l2", "c1", "anna"), "own-call"),
    (f.LegOffered("l2", "c1", "bob"), "agent-not-ready"),
    (f.LegOffered("l2", "c1", "dan", own=True), "agent-not-ready"),
    (f.LegOffered("l2", "c1", "eve"), "agent-not-ready"),
    (f.LegOffered("l2", "c1", "eve", own=True), "phone-down"),
    (f.LegOffered("l2", "c1", "cleo", own=True), "agent-not-ready"),
    (f.LegAnswered("l9"), "leg-over"),
    (f.LegAnswered("l1"), "no-change"),
    (f.LegOver("l9"), "leg-over"),
    (f.ConsultBegan("c3"), "not-connected"),
    (f.ConsultEnded("c1"), "no-change"),
    (f.ConferenceBegan("c3"), "not-connected"),
    (f.WrapUpDone("dan"), "not-in-wrap-up"),
    (f.AgentReady("dan"), "no-change"),
    (f.WrapUpDone("anna"), "not-in-wrap-up"),
    (f.WrapUpExtended("anna", 5.0), "not-in-wrap-up"),
    (f.CallbackRequested("c1", "k1", "+1"), "call-not-waiting"),
    (f.CallbackRequested("c4", "k1", "+1"), "call-not-waiting"),
    (f.CallbackRequested("k4", "k1", "+1"), "call-not-waiting"),
    (f.CallbackRequested("c3", "k4", "+1"), "callback-known"),
    (f.CallbackRequested("c3", "k1", ""), "no-number"),
    (f.CallbackRequested("c3", "k1", "+1", float("nan")), "bad-time"),
    (f.CallbackRequested("c3", "k1", "+1", float("inf")), "bad-time"),
    (f.CallbackRequested("c3", "k1", "+1", 1e12), "bad-time"),
    (f.CallbackRescheduled("c3"), "not-a-callback"),
    (f.CallbackRescheduled("k9"), "unknown-call"),
    (f.CallbackRescheduled("k4", float("nan")), "bad-time"),
    (f.CallbackConnected("k4"), "not-dialling"),
    (f.CallbackConnected("c1"), "not-a-callback"),
    (f.CallbackFailed("k4", "busy"), "not-dialling"),
    (f.CallbackCancelled("c3"), "not-a-callback"),
    (f.CallbackCancelled("k9"), "unknown-call"),
    (f.Resumed(-1.0), "bad-duration"),
    (f.Resumed(float("nan")), "bad-duration"),
    (f.Configured(Site((Queue("q"), Queue("q")))), "bad-site"),
    (f.Configured(Site((Queue("q"),), (Agent("anna", queues=("gone",)),))), "bad-site"),
    (f.Configured(Site((Queue("q"),), (Agent("anna"), Agent("anna")))), "bad-site"),
    (f.Configured(Site()), "bad-site"),
]


@pytest.mark.parametrize(("fact", "code"), ROWS)
def test_refused_and_nothing_changed(fact: f.Fact, code: str) -> None:
    """A late, repeated or impossible fact is harmless and says what is wrong with it."""
    engine = busy_floor()
    before = json.dumps(engine.snapshot(), sort_keys=True)
    decisions = engine.handle(fact, NOW)
    assert [(type(x), getattr(x, "code", "")) for x in decisions] == [(d.Refused, code)]
    assert decisions[0].fact == type(fact).__name__  # type: ignore[union-attr]
    assert decisions[0].message  # type: ignore[union-attr]
    assert json.dumps(engine.snapshot(), sort_keys=True) == before


def test_every_fact_has_a_handler() -> None:
    """A fact without a handler would be refused for ever."""
    assert set(HANDLERS) == set(get_args(f.Fact))


def test_every_fact_is_refused_on_an_empty_floor_or_means_it() -> None:
    """Nothing that a fresh engine is told can make it fail."""
    values = {"str": "x", "float": 1.0, "float | None": 1.0, "int": 1, "bool": True}
    for kind in HANDLERS:
        if kind is f.Configured:
            continue
        given = {
            field.name: values[str(field.type)]
            for field in fields(kind)
            if str(field.type) in values
        }
        decisions = Engine(Site()).handle(kind(**given), 1.0)
        codes = [x.code for x in decisions if isinstance(x, d.Refused)]
        assert codes or kind is f.Resumed, kind


def test_an_unknown_fact_is_refused() -> None:
    """A journal of a newer version must not stop an older one."""
    decisions = Engine(SITE).handle("news", 1.0)  # type: ignore[arg-type]
    assert [x.code for x in decisions if isinstance(x, d.Refused)] == ["unknown-fact"]


def test_a_wrong_site_is_an_error_of_who_builds_the_engine() -> None:
    """At the start there is nothing to keep, so there is nothing to refuse softly."""
    with pytest.raises(ValueError, match="one id"):
        Engine(Site((Queue("q"), Queue("q"))))


def test_wrap_up_cannot_be_extended_by_nonsense() -> None:
    """A wish from outside must not make a deadline that never comes, or that has passed."""
    engine = busy_floor()
    engine.handle(f.CallEnded("c1"), NOW)
    before = engine.snapshot()
    for by_s in (0.0, -5.0, float("inf"), float("nan"), 1e9):
        decisions = engine.handle(f.WrapUpExtended("anna", by_s), NOW)
        assert [x.code for x in decisions if isinstance(x, d.Refused)] == ["bad-duration"]
    assert engine.snapshot() == before


def test_a_wrap_up_that_cannot_be_made_longer_says_how_much_is_left() -> None:
    """An agent who asks for too much is told what to ask for."""
    engine = Engine(Site((Queue("q", extend_s=60.0),), (Agent("anna", queues=("q",)),)))
    for fact in (
        f.AgentSignedIn("anna"),
        f.AgentReady("anna"),
        f.CallQueued("c1", "q"),
        f.OfferAccepted("o1"),
        f.CallEnded("c1"),
        f.WrapUpExtended("anna", 45.0),
    ):
        engine.handle(fact, 1.0)
    assert engine.extension_left_s("anna") == 15.0
    refused = engine.handle(f.WrapUpExtended("anna", 16.0), 2.0)[-1]
    assert isinstance(refused, d.Refused)
    assert (refused.code, refused.message) == (
        "extension-over",
        "the wrap-up can be made longer by 15 s more, not 16",
    )
