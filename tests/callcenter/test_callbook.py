"""What is known of the live calls, and what agents see of theirs."""

from __future__ import annotations

from typing import Any

from acd import facts as f
from cti import events as e
from cti.calls import EndedBy, Place
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
