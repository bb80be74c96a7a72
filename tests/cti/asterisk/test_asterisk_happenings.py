"""Events in orders that a test switch seldom produces: duplicated, late, crossing."""

from __future__ import annotations

import pytest

from cti import events as e
from cti.asterisk.ami import Frame
from cti.asterisk.happenings import Happenings
from cti.asterisk.live import Live, LiveCalls
from cti.calls import EndedBy, OfferFailure, Place


class World:
    """One ringing call, and what is reported of it."""

    def __init__(self, **call: object) -> None:
        self.calls = LiveCalls()
        self.facts: list[e.Fact] = []
        self.ended: list[str] = []
        self.call = Live("m-1", "PJSIP/t-1", "u1", Place.RINGING, "o1", "anna")
        for key, value in call.items():
            setattr(self.call, key, value)
        self.calls.add(self.call)
        self.brought_back: list[Live] = []
        self.happenings = Happenings(
            self.calls,
            self.facts.append,
            self.ended.append,
            bring_back=self.brought_back.append,
        )

    def event(self, name: str, **fields: str) -> list[e.Fact]:
        self.facts.clear()
        lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in fields.items())]
        self.happenings.take(Frame("\r\n".join(lines).encode()))
        return self.facts

    def dial(self, status: str = "") -> list[e.Fact]:
        where = {"Uniqueid": "u1", "DestUniqueid": "u2", "DestChannel": "PJSIP/desk-anna-2"}
        if not status:
            return self.event("DialBegin", **where)
        return self.event("DialEnd", DialStatus=status, **where)


def test_an_answer_after_our_cancelling_is_not_told():
    """The caller is on the way back to the music: nobody is connected."""
    world = World(cancelled=True)
    assert world.dial("ANSWER") == []
    assert world.event("UserEvent", UserEvent="CallWaiting", Call="m-1") == [
        e.OfferFailed("m-1", "o1", "anna", OfferFailure.CANCELLED),
        e.CallWaiting("m-1"),
    ]


def test_a_late_end_of_an_old_offer_is_not_taken_for_the_new_one():
    """I8: late facts change nothing."""
    world = World()
    late = {"UserEvent": "OfferEnded", "Call": "m-1", "Offer": "o0", "Status": "NOANSWER"}
    assert world.event("UserEvent", **late) == []
    assert world.call.offer_id == "o1"


def test_events_twice_are_one_fact():
    """I8: duplicated facts change nothing."""
    world = World()
    ended = {"UserEvent": "OfferEnded", "Call": "m-1", "Offer": "o1", "Status": "BUSY"}
    assert len(world.event("UserEvent", **ended)) == 1
    assert world.event("UserEvent", **ended) == []
    assert len(world.event("Hangup", Uniqueid="u1")) == 1
    assert world.event("Hangup", Uniqueid="u1") == []


def test_the_phones_own_hold_key_is_seen():
    """Agents also hold with the phone; the caller's phone has no say in that."""
    world = World()
    world.dial()
    world.dial("ANSWER")
    assert world.event("Hold", Channel="PJSIP/t-1") == []
    assert world.event("Hold", Channel="PJSIP/desk-anna-2") == [e.CallHeld("m-1")]
    assert world.event("Hold", Channel="PJSIP/desk-anna-2") == []
    assert world.event("Unhold", Channel="PJSIP/desk-anna-2") == [e.CallRetrieved("m-1")]


def test_the_sink_may_give_the_next_offer_at_once():
    """An offer given in answer to a failed one must not be reported as waiting."""
    world = World(cancelled=True)

    def sink(fact: e.Fact) -> None:
        world.facts.append(fact)
        if isinstance(fact, e.OfferFailed):
            world.call.offer_id = "o2"

    world.happenings._report = sink
    facts = world.event("UserEvent", UserEvent="CallWaiting", Call="m-1")
    assert [type(fact) for fact in facts] == [e.OfferFailed]


@pytest.mark.parametrize(
    ("reason_first", "cause", "why"),
    [
        (True, "21", OfferFailure.REFUSED),
        (False, "21", OfferFailure.REFUSED),
        (True, "19", OfferFailure.UNREACHABLE),
    ],
)
def test_a_callbacks_refusal_needs_both_words(reason_first, cause, why):
    """Originate's answer and the channel's end come in either order."""
    world = World(callback=True, channel="")
    world.event("DialBegin", DestUniqueid="u1", DestChannel="PJSIP/desk-anna-1")
    said = ("OriginateResponse", {"Uniqueid": "u1", "Response": "Failure", "Reason": "0"})
    gone = ("Hangup", {"Uniqueid": "u1", "Cause": cause})
    first, second = (said, gone) if reason_first else (gone, said)
    assert world.event(first[0], **first[1]) == []
    assert world.event(second[0], **second[1]) == [e.OfferFailed("m-1", "o1", "anna", why)]
    assert world.calls.ids == ()


def test_a_callback_to_a_phone_that_is_not_there_ends_at_once():
    """No channel was ever made, so no channel's end will come."""
    world = World(callback=True, channel="")
    facts = world.event("OriginateResponse", Uniqueid="u1", Response="Failure", Reason="0")
    assert facts == [e.OfferFailed("m-1", "o1", "anna", OfferFailure.UNREACHABLE)]


def test_a_callbacks_agent_who_leaves_before_the_customer_answers():
    """The customer was not reached, and not for a reason of the customer's."""
    world = World(callback=True, agent_answered=True)
    assert world.event("Hangup", Uniqueid="u1") == [
        e.CallbackFailed("m-1", "o1", "anna", "agent gone"),
        e.CallEnded("m-1", EndedBy.AGENT, ""),
    ]


def test_a_held_agent_who_hangs_up_ends_the_callers_music():
    """Nobody waits for somebody who is gone."""
    world = World(place=Place.HELD, peer="PJSIP/desk-anna-2", connected=True)
    assert world.event("Hangup", Uniqueid="u2", Channel="PJSIP/desk-anna-2") == []
    assert world.ended == ["PJSIP/t-1"]
    assert world.event("Hangup", Uniqueid="u1") == [e.CallEnded("m-1", EndedBy.AGENT, "")]


@pytest.mark.parametrize(
    "name", ["Hangup", "DialBegin", "DialEnd", "UserEvent", "Hold", "Nonsense"]
)
def test_events_of_strangers_change_nothing(name):
    """Other channels of the same switch are not ours."""
    world = World()
    assert world.event(name, Uniqueid="x", Channel="PJSIP/x", UserEvent="CallWaiting") == []
    assert world.calls.ids == ("m-1",)


def test_a_phone_that_is_not_the_offers_is_not_told_as_its_agent():
    """A Redirect carried out only after a reconnect rings somebody else: the caller comes back."""
    world = World(offer_id="o2", agent_id="bert", rings="PJSIP/desk-bert-")
    assert world.dial() == []
    assert world.dial("ANSWER") == [], "nobody is told to talk with the wrong agent"
    assert world.brought_back == [world.call]
    assert world.event("UserEvent", UserEvent="CallWaiting", Call="m-1") == [
        e.OfferFailed("m-1", "o2", "bert", OfferFailure.CANCELLED),
        e.CallWaiting("m-1"),
    ]


def test_the_phone_of_the_offer_is_told_as_its_agent():
    """The same with the right phone."""
    world = World(rings="PJSIP/desk-anna-")
    assert world.dial() == [e.OfferRinging("m-1", "o1", "anna")]
    assert world.dial("ANSWER") == [e.OfferAnswered("m-1", "o1", "anna")]
    assert world.brought_back == []
