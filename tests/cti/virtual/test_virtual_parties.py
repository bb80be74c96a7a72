"""Further parties on the virtual switch: what the contract suite leaves to each switch.

The plain ways of consultations, conferences and supervision are played in `tests/contract`.
"""

from __future__ import annotations

from typing import Any

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, LegState, OfferFailure, Phone, PhoneKind, Place, Supervision
from cti.virtual.callers import Caller, Customer
from cti.virtual.phones import Act, Phones, Reaction, always
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch


def _phone(agent: str) -> Phone:
    return Phone(PhoneKind.BROWSER, agent)


def dial(call: str, who: str, leg: str = "leg", ring_s: float = 20.0) -> c.DialLeg:
    """Agents by their id, others by their number."""
    if who.startswith("+"):
        return c.DialLeg(call, leg, "", Phone(PhoneKind.OUTSIDE, who), "+4930", ring_s)
    return c.DialLeg(call, leg, who, _phone(who), "", ring_s)


class Bench:
    """A switch on which anna talks with a caller, and what is heard of it from then on."""

    def __init__(self, phones: Phones | None = None, **more: Any) -> None:
        self.time = VirtualTime()
        self.switch = VirtualSwitch(
            "v", self.time, phones=phones or always(Reaction(Act.ANSWER, 2.0)), **more
        )
        self.facts: list[e.Fact] = []
        self.switch.connect(self.facts.append)
        self.call = self.talking("anna", Caller(ani="+491"))
        self.facts.clear()

    def talking(self, agent: str, caller: Caller) -> str:
        call = self.switch.call_in(caller)
        self.time.settle()
        self.order(c.StartWaiting(call, "q", 0.0, visit_after_s=0.0))
        self.order(c.OfferCall(call, f"o-{agent}", agent, _phone(agent), 15.0))
        self.run(3.0)
        return call

    def order(self, *orders: c.Order) -> None:
        for order in orders:
            self.switch.execute(order)
        self.time.settle()

    def run(self, seconds: float) -> None:
        self.time.run(until=self.time.now() + seconds)

    def consult(self, who: str = "ben") -> None:
        self.order(dial(self.call, who))
        self.run(3.0)

    def names(self) -> list[str]:
        """What was heard since the last time."""
        names = [type(fact).__name__ for fact in self.facts]
        self.facts.clear()
        return names

    def adopted(self) -> e.CallAdopted:
        """The call as a restarted process finds it."""
        found: list[e.Fact] = []
        self.switch.disconnect()
        self.switch.connect(found.append)
        (one,) = (fact for fact in found if isinstance(fact, e.CallAdopted))
        return one


def test_parties_are_found_again_after_a_restart() -> None:
    """Whoever is in the call must be on the screen again, and be removable."""
    bench = Bench(customers=lambda number: Customer(after_s=2.0, talk_s=None))
    bench.consult()
    leg = bench.adopted().legs[0]
    assert (leg.leg_id, leg.agent_id, leg.state) == ("leg", "ben", LegState.TALKING)
    assert bench.adopted().place is Place.CONSULTING
    bench.order(c.SwapLegs(bench.call, "leg"))
    assert bench.adopted().legs[0].state is LegState.HELD
    bench.order(c.JoinLegs(bench.call))
    bench.order(c.SuperviseCall(bench.call, "sup", "sue", _phone("sue"), Supervision.WHISPER, 9.0))
    bench.order(dial(bench.call, "+4930123", "out"))
    adopted = bench.adopted()
    assert adopted.place is Place.CONFERENCE
    assert {(leg.leg_id, leg.number, leg.state, leg.supervision) for leg in adopted.legs} == {
        ("leg", "", LegState.TALKING, None),
        ("sup", "", LegState.RINGING, Supervision.WHISPER),
        ("out", "+4930123", LegState.RINGING, None),
    }


def test_who_got_the_call_is_its_agent_after_a_restart() -> None:
    """Nobody may be shown as talking who has left."""
    bench = Bench()
    bench.consult()
    bench.order(c.HandOver(bench.call, "leg"))
    adopted = bench.adopted()
    assert (adopted.place, adopted.agent_id, adopted.legs) == (Place.TALKING, "ben", ())


def test_an_agent_on_the_phone_cannot_be_a_party() -> None:
    """One pair of ears each, whether for a call of their own or somebody else's."""
    bench = Bench()
    bench.talking("ben", Caller(ani="+492"))
    bench.facts.clear()
    bench.consult("ben")
    assert bench.names() == ["CallHeld", "LegFailed"]
    bench.order(dial(bench.call, "anna"))
    assert bench.facts == [e.LegFailed(bench.call, "leg", "anna", OfferFailure.UNREACHABLE)]


def test_a_phone_is_free_again_when_its_leg_is_over() -> None:
    """A consulted agent who hung up can be given a call."""
    bench = Bench()
    bench.consult()
    bench.switch.people.hangs_up("ben")
    bench.run(1.0)
    bench.talking("ben", Caller(ani="+492"))
    assert bench.names()[-1] == "OfferAnswered"


@pytest.mark.parametrize("place", ["ringing", "talking"])
def test_an_unplugged_phone_takes_only_its_party_away(place: str) -> None:
    """The call is its caller's and its agent's."""
    bench = Bench()
    bench.order(dial(bench.call, "ben"))
    if place == "talking":
        bench.run(3.0)
    bench.facts.clear()
    bench.switch.phone_down("ben")
    bench.run(1.0)
    assert bench.names()[-1] == ("LegFailed" if place == "ringing" else "LegEnded")
    bench.order(c.RetrieveCall(bench.call))
    assert bench.names() == ["CallRetrieved"]


def test_parties_do_what_their_script_says() -> None:
    """Simulations consult people who answer, talk for a while, and go."""
    bench = Bench(customers=lambda number: Customer("answer", 4.0, 30.0))
    bench.order(dial(bench.call, "+4930123"))
    bench.run(5.0)
    assert bench.names() == ["CallHeld", "LegRinging", "LegAnswered"]
    bench.run(30.0)
    assert bench.names() == ["LegEnded"]


def test_the_script_of_who_got_the_call_goes_on() -> None:
    """Somebody outside who has the caller hangs up some day, and the call is over."""
    bench = Bench(customers=lambda number: Customer("answer", 2.0, 30.0))
    bench.consult("+4930123")
    bench.order(c.HandOver(bench.call, "leg"))
    bench.facts.clear()
    bench.order(c.HoldCall(bench.call))
    assert bench.names() == ["OrderFailed"]  # there is no agent who could hold
    bench.run(40.0)
    assert bench.facts == [e.CallEnded(bench.call, EndedBy.SYSTEM, "normal")]
    assert bench.switch.live == ()


def test_another_agent_inherits_a_conference_before_somebody_outside() -> None:
    """When its agent hangs up, the call goes to who can be reached on the floor."""
    bench = Bench(customers=lambda number: Customer("answer", 1.0, None))
    bench.consult("+4930123")
    bench.order(c.JoinLegs(bench.call), dial(bench.call, "ben", "second"))
    bench.run(3.0)
    bench.facts.clear()
    bench.switch.agent_hangs_up(bench.call)
    bench.run(1.0)
    assert bench.facts == [e.CallHandedOver(bench.call, "second", "ben")]
    assert bench.adopted().place is Place.CONFERENCE


def test_who_takes_over_during_a_consultation_has_the_caller_alone() -> None:
    """The agent's private talk ends with the agent's part; the supervisor talks with the caller."""
    bench = Bench()
    bench.consult()
    bench.order(c.SuperviseCall(bench.call, "sup", "sue", _phone("sue"), Supervision.LISTEN, 9.0))
    bench.run(3.0)
    bench.facts.clear()
    bench.order(c.HandOver(bench.call, "sup"))
    assert bench.names() == ["LegEnded", "CallHandedOver"]
    assert (bench.adopted().place, bench.adopted().legs) == (Place.TALKING, ())


def test_supervisors_go_with_the_agent_whom_they_heard() -> None:
    """The new agent's conversation is not listened to by accident."""
    bench = Bench()
    bench.order(c.SuperviseCall(bench.call, "sup", "sue", _phone("sue"), Supervision.LISTEN, 9.0))
    bench.run(3.0)
    bench.consult()
    bench.facts.clear()
    bench.order(c.HandOver(bench.call, "leg"))
    assert bench.names() == ["LegEnded", "CallHandedOver"]


def test_a_party_who_does_not_answer_an_agent_who_hung_up_ends_the_call() -> None:
    """Nobody would ever come back to the caller."""
    bench = Bench(lambda agent: Reaction(Act.IGNORE if agent == "ben" else Act.ANSWER, 2.0))
    bench.order(dial(bench.call, "ben", ring_s=10.0))
    bench.run(1.0)
    bench.switch.agent_hangs_up(bench.call)
    bench.run(5.0)
    assert bench.names() == ["CallHeld", "LegRinging"]
    bench.run(10.0)
    assert bench.names() == ["LegFailed", "CallEnded"]


def test_back_in_the_queue_the_callers_patience_begins_anew() -> None:
    """A transferred caller waits like everybody else, and may give up like everybody else."""
    bench = Bench()
    call = bench.talking("ben", Caller(ani="+492", patience_s=50.0, talk_s=100.0))
    bench.run(60.0)
    bench.facts.clear()
    bench.order(c.StartWaiting(call, "q", 0.0, visit_after_s=0.0))
    bench.run(49.0)
    assert bench.names() == ["CallWaiting"]
    bench.run(2.0)
    assert bench.names() == ["CallEnded"]


def test_a_call_that_leaves_its_agent_takes_its_recording_along_to_the_end() -> None:
    """What is said to the next agent is another recording."""
    bench = Bench()
    bench.order(c.StartRecording(bench.call, "r1"))
    bench.run(7.0)
    bench.facts.clear()
    bench.order(c.StartMenu(bench.call, "survey"))
    assert bench.facts == [
        e.RecordingStopped(bench.call, "r1", "virtual:r1", 7.0),
        e.IvrResumed(bench.call, "survey"),
    ]


def test_a_word_counts_as_the_digits_that_it_stands_for() -> None:
    """Menus that can be spoken to are tried out here; a word that nobody awaits is no answer."""
    bench = Bench()
    call = bench.switch.call_in(Caller(digits=("Billing", "nonsense")))
    bench.time.settle()
    step = c.CollectDigits((), first_timeout_s=4.0, words=(("sales", "1"), ("billing", "2")))
    for number in (1, 2):
        bench.order(c.RunStep(call, number, step))
        bench.run(10.0)
    finished = [fact for fact in bench.facts if isinstance(fact, e.StepFinished)]
    assert [(fact.outcome, fact.digits) for fact in finished] == [("digits", "2"), ("timeout", "")]


@pytest.mark.parametrize("digits", ["", "w,", "12x", "1" * 33, "1\n2"])
def test_only_digits_are_sent(digits: str) -> None:
    """What a keypad does not have is refused, and never repeated in the refusal."""
    bench = Bench()
    bench.order(c.SendDigits(bench.call, digits))
    (refused,) = bench.facts
    assert isinstance(refused, e.OrderFailed)
    assert refused.order == "SendDigits"
    assert not digits or digits not in repr(refused)
