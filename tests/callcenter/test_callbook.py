"""What is known of the live calls, and what agents see of theirs."""

from __future__ import annotations

from typing import Any

from acd import decisions as d
from acd import facts as f
from callcenter import happenings as h
from callcenter.callbook import CallBook
from cti import events as e
from cti.calls import EndedBy, Leg, LegState, OfferFailure, Place, Supervision
from cti.virtual.callers import Customer
from cti.virtual.phones import Act, Reaction, always

CALLBACK_DIGITS = ("1", "1", "1", "1")  # language, sales, "leave a number", "yes, this one"


async def test_the_next_agent_sees_the_call_ring(opened: Any) -> None:
    """The end of the refused offer comes after the next one began and must not hide it."""
    center = await opened(phones=always(Reaction(Act.BY_HAND)))
    await center.staff("anna", "dana")
    call = center.call()
    await center.run(20.0)
    first = center.desk("anna")["call"]
    await center.floor.decline("anna", first["offer_id"])
    await center.run(1.0)
    assert center.desk("anna")["call"] is None
    card = center.desk("dana")["call"]
    assert (card["call_id"], card["place"]) == (call, "ringing")
    await center.floor.decline("dana", card["offer_id"])


async def test_an_agent_is_rid_of_a_callback_that_was_not_reached(opened: Any) -> None:
    """Customer busy: nothing of the attempt stays on the agent's desk, and none of it for ever."""
    center = await opened(customers=lambda number: Customer("busy", after_s=3.0))
    call = center.call(digits=CALLBACK_DIGITS, patience_s=600.0)
    await center.run(90.0)
    await center.staff("anna")
    await center.run(1.0)
    assert center.desk("anna")["call"]["call_id"] == f"cb-{call}"
    await center.run(10.0)
    assert center.state("anna") == "ready"
    assert center.desk("anna")["call"] is None
    assert center.router.book.get(f"cb-{call}").place is Place.WAITING
    await center.run(400.0)  # three attempts, then it is given up
    assert center.outcome(f"cb-{call}") == "expired"
    assert center.desk("anna")["call"] is None
    assert center.router.book.calls == {}


async def test_a_callback_is_answered_when_the_customer_is(opened: Any) -> None:
    """An agent who hears a customer's phone ring is not talking with the customer."""
    center = await opened(customers=lambda number: Customer("answer", 5.0, talk_s=20.0))
    call = center.call(digits=CALLBACK_DIGITS, patience_s=600.0)
    await center.run(90.0)
    await center.staff("anna")
    await center.run(2.0)
    card = center.desk("anna")["call"]
    assert (card["direction"], card["place"], card["answered"]) == ("callback", "talking", None)
    await center.run(5.0)
    assert center.desk("anna")["call"]["answered"] is not None
    await center.run(20.0)
    assert center.state("anna") == "wrap-up"
    await center.floor.wrap_up("anna", f"cb-{call}", "solved", "", "ready")
    assert center.desk("anna")["call"] is None
    assert center.router.book.calls == {}


async def test_a_refused_callback_leaves_nothing_behind(opened: Any) -> None:
    """A request that came too late made no callback, so there is none to remember."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=30.0)
    await center.run(20.0)
    refused = center.router.act(f.CallbackRequested(call, f"cb-{call}", "+12025550100"))
    assert refused is not None
    assert set(center.router.book.calls) == {call}


async def test_a_found_call_of_nobody_we_know_is_forgotten_at_its_end(opened: Any) -> None:
    """Somebody who left the company still talks: the call is over when it is over."""
    center = await opened()
    center.router.receive(
        e.CallAdopted("c-1", "virtual", "", "", "100", "t", Place.TALKING, "sales", 1.0, "gone")
    )
    assert center.router.book.get("c-1") is not None
    center.router.receive(e.CallEnded("c-1", EndedBy.CALLER))
    assert center.router.book.calls == {}


def test_further_parties_come_and_go() -> None:
    """A leg is in the book from the order on, and gone with its end, the call, or as its agent."""
    book, at = CallBook(), 10.0
    book.apply(e.CallArrived("c1", "v", "+1", "", "100", "t"), at)
    book.apply(d.CallEntered("c1", "q", at, 0, "call"), at)
    book.apply(d.CallLeft("c1", "q", at, "answered", 0.0, "anna", d.Reason("answered")), at)
    book.apply(h.LegPlaced("c1", "l1", "anna", "bob"), 11.0)
    book.apply(h.LegPlaced("c1", "l2", "zoe", "zoe", "", "listen"), 11.0)
    book.apply(h.LegPlaced("c1", "l3", "anna", "", "+49301"), 11.0)
    book.apply(e.LegAnswered("c1", "l1", "bob"), 12.0)
    book.apply(e.LegAnswered("c1", "l2", "zoe"), 12.5)
    book.apply(e.LegFailed("c1", "l3", "", OfferFailure.NO_ANSWER), 13.0)
    book.apply(e.SupervisionChanged("c1", "l2", Supervision.BARGE), 13.0)
    call = book.calls["c1"]
    assert call.legs == {
        "l1": Leg("l1", "bob", "", LegState.TALKING),
        "l2": Leg("l2", "zoe", "", LegState.SUPERVISING, Supervision.BARGE),
    }
    assert call.consulted() is call.legs["l1"]
    assert call.leg_of("zoe") is call.legs["l2"]
    assert call.leg_since == {"l1": 12.0, "l2": 13.0}
    book.apply(e.LegsSwapped("c1", "l1", False), 14.0)
    assert call.legs["l1"].state is LegState.HELD
    book.apply(e.ConferenceBegan("c1"), 15.0)
    book.apply(_state("anna", "conference", "c1"), 15.0)
    assert (call.legs["l1"].state, call.place) == (LegState.TALKING, Place.CONFERENCE)
    assert call.consulted() is None
    book.apply(e.LegEnded("c1", "l2", "zoe"), 16.0)
    book.apply(e.CallHandedOver("c1", "l1", "bob"), 16.0)
    book.apply(d.CallCompleted("c1", "q", "anna", "transferred", 6.0, 0.0, "agent"), 16.0)
    book.apply(d.CallTaken("c1", "q", "bob", "anna"), 16.0)
    assert (call.legs, call.agent, call.place) == ({}, "bob", Place.TALKING)
    mine, theirs = call.as_seen_by("anna"), call.as_seen_by("bob")
    assert (mine.place, mine.agent, mine.ended) == (Place.ENDED, "anna", 16.0)
    assert theirs is call
    book.apply(d.WrapUpEnded("c1", "q", "anna", 1.0, False), 17.0)
    assert call.parts == {}
    assert not call.wrapped_up
    book.apply(e.CallEnded("c1", EndedBy.CALLER), 20.0)
    book.apply(d.CallCompleted("c1", "q", "bob", "caller", 4.0, 0.0), 20.0)
    assert "c1" in book.calls
    book.apply(d.WrapUpEnded("c1", "q", "bob", 1.0, False), 21.0)
    assert book.calls == {}


def test_a_call_is_kept_for_all_who_wrap_it_up() -> None:
    """The last agent may be done with it before the first."""
    book = CallBook()
    book.apply(e.CallArrived("c1", "v", "+1", "", "100", "t"), 1.0)
    book.apply(d.CallEntered("c1", "q", 1.0, 0, "call"), 1.0)
    book.apply(d.CallLeft("c1", "q", 1.0, "answered", 0.0, "anna", d.Reason("answered")), 1.0)
    book.apply(d.CallCompleted("c1", "q", "anna", "transferred", 1.0, 0.0, "queue"), 2.0)
    book.apply(d.CallEntered("c1", "r", 2.0, 0, "call"), 2.0)
    book.apply(d.CallLeft("c1", "r", 2.0, "answered", 1.0, "bob", d.Reason("answered")), 3.0)
    book.apply(e.CallEnded("c1", EndedBy.CALLER), 5.0)
    book.apply(d.CallCompleted("c1", "r", "bob", "caller", 2.0, 0.0), 5.0)
    book.apply(d.WrapUpEnded("c1", "r", "bob", 1.0, False), 6.0)
    seen = book.calls["c1"].as_seen_by("anna")
    assert (seen.queue, seen.answered, seen.ended) == ("q", 1.0, 2.0)
    book.apply(d.WrapUpEnded("c1", "q", "anna", 9.0, False), 11.0)
    assert book.calls == {}


def test_a_book_of_an_older_version_is_taken_up() -> None:
    """Its calls know nothing of legs and parts, and end all the same."""
    old = [{"call_id": "c1", "link": "v", "agent": "anna", "answered": 1.0, "ended": 5.0}]
    book = CallBook()
    book.restore(old)
    book.apply(d.WrapUpEnded("c1", "q", "anna", 1.0, False), 6.0)
    assert book.calls == {}


def _state(agent: str, state: str, call: str) -> d.AgentChanged:
    return d.AgentChanged(agent, state, 1.0, "", "ready", "", call, "", None, None)
