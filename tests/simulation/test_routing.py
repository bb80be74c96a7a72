"""The translation between switch and engine, fact by fact: what live and simulated calls share."""

from __future__ import annotations

from typing import Any

import pytest

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Agent, Queue, Site
from callcenter.routing import Routing
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place

ANNA, BOB = "anna", "bob"


class Desk:
    """Routing with the real engine, two agents ready, and a switch that only writes down."""

    def __init__(self, *ready: str) -> None:
        agents = tuple(Agent(name, queues=("q",)) for name in (ANNA, BOB))
        self.engine = Engine(Site((Queue("q", wrap_up_s=0.0, callback_retry_s=10.0),), agents))
        self.orders: list[c.Order] = []
        self.notices: list[d.Decision] = []
        self.others: list[e.Fact] = []
        self.now = 100.0
        self.reachable = True
        self.routing = self.fresh()
        for agent in ready:
            self.routing.act(f.AgentSignedIn(agent), self.now)
            self.routing.act(f.AgentReady(agent), self.now)

    def fresh(self) -> Routing:
        """Routing without a past, as after a restart."""
        return Routing(
            self.engine,
            self.orders.append,
            self.notices.append,
            other=lambda fact, now: self.others.append(fact),
            phone=lambda agent: Phone(PhoneKind.DESK, agent),
            caller_id=lambda queue: "+4930",
            reachable=lambda call: self.reachable,
        )

    def on(self, *facts: e.Fact) -> None:
        for fact in facts:
            self.now += 1.0
            self.routing.on_fact(fact, self.now)

    def wait(self, call: str = "c1") -> None:
        self.routing.queue_call(call, "q", self.now)
        self.on(e.CallWaiting(call))

    def offers(self) -> list[str]:
        return [o.offer_id for o in self.orders if isinstance(o, c.OfferCall)]

    def place(self, call: str = "c1") -> str:
        view = self.engine.visit(call)
        return "" if view is None else view.place

    def left(self) -> list[str]:
        return [n.outcome for n in self.notices if isinstance(n, d.CallLeft)]


def test_the_engine_hears_of_a_call_when_it_can_be_moved_but_counts_from_the_queue() -> None:
    """An offer for a caller who is still in the menu would tear the voice session apart."""
    desk = Desk(ANNA)
    desk.routing.queue_call("c1", "q", 100.0)
    assert isinstance(desk.orders[-1], c.StartWaiting)
    assert desk.place() == ""
    desk.on(e.CallWaiting("c1"))
    offer = desk.orders[-1]
    assert isinstance(offer, c.OfferCall)
    assert offer.phone == Phone(PhoneKind.DESK, ANNA)
    view = desk.engine.visit("c1")
    assert view is not None
    assert view.entered == 100.0


def test_a_caller_who_hangs_up_on_the_way_never_was_in_the_line() -> None:
    """No phone must ring for a caller who left before the music began."""
    desk = Desk(ANNA)
    desk.routing.queue_call("c1", "q", 100.0)
    desk.on(e.CallEnded("c1", EndedBy.CALLER), e.CallWaiting("c1"))
    assert desk.offers() == []
    assert desk.left() == []
    assert not desk.routing.knows("c1")


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        (OfferFailure.NO_ANSWER, "unanswered"),
        (OfferFailure.REFUSED, "refused"),
        (OfferFailure.UNREACHABLE, "unreachable"),
        (OfferFailure.CANCELLED, "cancelled"),
    ],
)
def test_the_next_phone_rings_when_the_caller_is_back_at_the_music(
    why: OfferFailure, outcome: str
) -> None:
    """The engine decides at once, the switch needs a moment: the order must wait for it."""
    desk = Desk(ANNA, BOB)
    desk.wait()
    (first,) = desk.offers()
    desk.on(e.OfferFailed("c1", first, ANNA, why))
    ended = [n for n in desk.notices if isinstance(n, d.OfferEnded)]
    assert [n.outcome for n in ended] == [outcome]
    assert desk.place() == "offered"
    assert desk.offers() == [first]
    desk.on(e.CallWaiting("c1"))
    assert len(desk.offers()) == 2


def test_a_repeated_word_does_not_move_a_ringing_caller() -> None:
    """Said twice, "waits" came after the order to ring; the next order would be refused."""
    desk = Desk(ANNA, BOB)
    desk.wait()
    desk.on(e.CallWaiting("c1"))
    (first,) = desk.offers()
    desk.on(e.OfferFailed("c1", first, ANNA, OfferFailure.REFUSED))
    assert desk.offers() == [first]


def test_an_answer_that_crosses_our_cancelling_is_believed() -> None:
    """Two people who talk do talk; the record must say so, and nobody else may be rung."""
    desk = Desk(ANNA)
    desk.wait()
    (offer,) = desk.offers()
    desk.routing.act(f.AgentNotReady(ANNA, "lunch"), desk.now)
    assert isinstance(desk.orders[-1], c.CancelOffer)
    desk.on(e.OfferAnswered("c1", offer, ANNA))
    assert desk.place() == "connected"
    assert desk.left() == ["answered"]
    desk.on(e.CallEnded("c1", EndedBy.AGENT))
    assert desk.place() == ""


def test_who_is_gone_in_the_ring_is_an_abandon_and_no_blame() -> None:
    """Callers' hang-ups while ringing counted as the agent's miss make agents distrust figures."""
    desk = Desk(ANNA)
    desk.wait()
    (offer,) = desk.offers()
    desk.on(
        e.OfferFailed("c1", offer, ANNA, OfferFailure.CALLER_GONE),
        e.CallEnded("c1", EndedBy.CALLER),
    )
    assert desk.left() == ["abandoned"]
    assert desk.engine.agent_view(ANNA).state == "ready"
    assert not [n for n in desk.notices if isinstance(n, d.Refused)]


def test_a_refused_order_is_nobodys_fault_and_no_circle() -> None:
    """A switch that refuses everything must not be asked again at once, for ever."""
    desk = Desk(ANNA)
    desk.wait()
    desk.on(e.OrderFailed("c1", "OfferCall", "no such channel"))
    assert len(desk.offers()) == 1
    assert desk.engine.agent_view(ANNA).state == "reserved"
    assert isinstance(desk.others[-1], e.OrderFailed)
    desk.on(e.CallWaiting("c1"))
    assert len(desk.offers()) == 2


def test_a_callback_waits_for_the_end_of_its_last_attempt() -> None:
    """Two live attempts under one id could not be told apart on the switch."""
    desk = Desk(ANNA, BOB)
    callback = _callback(desk)
    first = desk.orders[-1]
    assert isinstance(first, c.DialCallback)
    assert first.caller_id == "+4930"
    desk.routing.act(f.AgentNotReady(first.agent_id, "lunch"), desk.now)
    assert isinstance(desk.orders[-1], c.CancelOffer)
    desk.on(e.OfferFailed(callback, first.offer_id, first.agent_id, OfferFailure.CANCELLED))
    second = desk.orders[-1]
    assert isinstance(second, c.DialCallback)
    assert second.agent_id != first.agent_id
    desk.on(
        e.OfferAnswered(callback, second.offer_id, second.agent_id),
        e.CallbackConnected(callback, second.offer_id, second.agent_id),
        e.CallEnded(callback, EndedBy.CALLER),
    )
    assert desk.left() == ["callback", "reached"]
    assert desk.place(callback) == ""


def _callback(desk: Desk) -> str:
    for agent in (ANNA, BOB):
        desk.routing.act(f.AgentNotReady(agent, "x"), desk.now)
    desk.wait()
    desk.routing.act(f.CallbackRequested("c1", "cb", "+49301"), desk.now)
    desk.on(e.CallEnded("c1", EndedBy.CALLER))
    for agent in (ANNA, BOB):
        desk.routing.act(f.AgentReady(agent), desk.now)
    return "cb"


def test_orders_wait_while_the_switch_cannot_be_reached() -> None:
    """Calls go on there; an order into the void would blame an agent for silence."""
    desk = Desk()
    desk.wait()
    desk.reachable = False
    desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    desk.routing.act(f.AgentReady(ANNA), desk.now)
    assert desk.offers() == []
    desk.reachable = True
    desk.routing.go_on(desk.now)
    assert len(desk.offers()) == 1


@pytest.mark.parametrize(
    ("place", "was", "now"),
    [
        (Place.WAITING, "waiting", "waiting"),
        (Place.WAITING, "offered", "offered"),
        (Place.RINGING, "offered", "offered"),
        (Place.TALKING, "offered", "connected"),
        (Place.TALKING, "waiting", "connected"),
        (Place.HELD, "connected", "connected"),
        (Place.WAITING, "", "waiting"),
        (Place.TALKING, "", "connected"),
    ],
)
def test_after_a_restart_the_switch_is_right(place: Place, was: str, now: str) -> None:
    """Whatever happened while we were away, the engine must end up with what is."""
    desk = Desk(*([] if was in ("waiting", "") else [ANNA]))
    offer = ""
    if was:
        desk.wait()
        offer = (desk.offers() or [""])[0]
    else:
        desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    if was == "connected":
        desk.on(e.OfferAnswered("c1", offer, ANNA))
        offer = ""
    if was == "waiting":
        desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    fresh = Routing(desk.engine, desk.orders.append, desk.notices.append)
    here: dict[str, Any] = {"queue": "q", "entered_at": 50.0}
    if place is not Place.WAITING:
        here |= {"agent_id": ANNA, "offer_id": offer or "o1"}
    fact = e.CallAdopted("c1", "v", "", "", "", "", place, **here)
    fresh.taking_up.call(fact, was, offer, desk.now)
    assert desk.place() == now
    assert fresh.knows("c1")
    if not was:
        view = desk.engine.visit("c1")
        assert view is not None
        assert view.entered == 50.0


def test_a_dialled_callback_is_waited_for_even_when_the_next_one_is_taken_back() -> None:
    """The attempt before still lives on the switch: it cannot be there twice."""
    desk = Desk()
    desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    desk.routing.act(f.AgentSignedIn(BOB), desk.now)
    _callback(desk)
    dialled = [o for o in desk.orders if isinstance(o, c.DialCallback)]
    assert len(dialled) == 1
    desk.routing.act(f.OfferDeclined(dialled[0].offer_id), desk.now)  # the next one is parked
    desk.routing.act(f.AgentNotReady(BOB, "x"), desk.now)  # ... and taken back
    desk.routing.act(f.AgentReady(BOB), desk.now)  # ... and made again
    assert [o for o in desk.orders if isinstance(o, c.DialCallback)] == dialled
    desk.on(e.OfferFailed("cb", dialled[0].offer_id, ANNA, OfferFailure.CANCELLED))
    assert len([o for o in desk.orders if isinstance(o, c.DialCallback)]) == 2


def test_a_callback_found_ringing_is_not_dialled_beside_itself() -> None:
    """After a restart the attempt of the life before has to end before the next begins."""
    desk = Desk()
    desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    desk.routing.act(f.AgentSignedIn(BOB), desk.now)
    _callback(desk)
    (first,) = [o for o in desk.orders if isinstance(o, c.DialCallback)]
    desk.routing = desk.fresh()
    fact = e.CallAdopted(
        "cb", "v", "", "", "", "", Place.RINGING, agent_id=ANNA, offer_id=first.offer_id
    )
    desk.routing.taking_up.call(fact, "offered", first.offer_id, desk.now, callback=True)
    desk.routing.act(f.OfferDeclined(first.offer_id), desk.now)
    desk.routing.go_on(desk.now)
    assert [o for o in desk.orders if isinstance(o, c.DialCallback)] == [first]
    desk.on(e.OfferFailed("cb", first.offer_id, ANNA, OfferFailure.CANCELLED))
    assert len([o for o in desk.orders if isinstance(o, c.DialCallback)]) == 2


def test_a_callback_found_while_its_customer_is_dialled_goes_on() -> None:
    """The agent answered before we went: the end of the dialling frees the agent."""
    desk = Desk()
    desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    desk.routing.act(f.AgentSignedIn(BOB), desk.now)
    _callback(desk)
    (first,) = [o for o in desk.orders if isinstance(o, c.DialCallback)]
    desk.on(e.OfferAnswered("cb", first.offer_id, ANNA))
    assert desk.place("cb") == "dialling"
    desk.routing = desk.fresh()
    fact = e.CallAdopted(
        "cb", "v", "", "", "", "", Place.RINGING, agent_id=ANNA, offer_id=first.offer_id
    )
    desk.routing.taking_up.call(fact, "dialling", first.offer_id, desk.now, callback=True)
    assert desk.place("cb") == "dialling"
    desk.on(e.CallbackFailed("cb", first.offer_id, ANNA, "busy"))
    assert desk.place("cb") == "retry"


def test_the_end_of_a_callbacks_attempt_is_told_once_or_twice() -> None:
    """Some switches say of a failed attempt that its call ended, too: the next one lives on."""
    desk = Desk()
    desk.routing.act(f.AgentSignedIn(ANNA), desk.now)
    desk.routing.act(f.AgentSignedIn(BOB), desk.now)
    _callback(desk)
    (first,) = [o for o in desk.orders if isinstance(o, c.DialCallback)]
    desk.on(e.OfferAnswered("cb", first.offer_id, ANNA))
    desk.on(e.CallbackFailed("cb", first.offer_id, ANNA, "agent gone"))
    desk.on(e.CallEnded("cb", EndedBy.AGENT))
    second = [o for o in desk.orders if isinstance(o, c.DialCallback)][-1]
    assert second.agent_id == BOB
    desk.on(e.OfferAnswered("cb", second.offer_id, BOB))
    assert desk.place("cb") == "dialling"
    desk.on(e.CallbackConnected("cb", second.offer_id, BOB))
    assert desk.place("cb") == "connected"
    desk.on(e.CallEnded("cb", EndedBy.CALLER))
    assert desk.place("cb") == ""
