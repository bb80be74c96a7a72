"""What all capabilities of the virtual switch share: its calls, the phones, the clock, the sink."""

from __future__ import annotations

from collections.abc import Callable

from cti import commands as c
from cti import events as e
from cti.calls import CONVERSATION, Leg, LegState, OfferFailure, Place, Supervision
from cti.link import FactSink
from cti.virtual.callers import Caller, Customer
from cti.virtual.phones import AT_ONCE, Phones, Reaction
from cti.virtual.scheduling import Scheduler, Timer


class Party:
    """A further party of a call. Timers are None when not running."""

    __slots__ = ("agent", "leaves", "leg_id", "mode", "number", "ring", "state")

    def __init__(
        self, leg_id: str, agent: str, number: str, mode: Supervision | None = None
    ) -> None:
        self.leg_id = leg_id
        self.agent = agent
        self.number = number
        self.mode = mode
        self.state = LegState.RINGING
        self.ring: Timer | None = None
        self.leaves: Timer | None = None

    def leg(self) -> Leg:
        return Leg(self.leg_id, self.agent, self.number, self.state, self.mode)


class Rival:
    """One more phone that rings for the same caller: its own offer, and what its agent does."""

    __slots__ = ("offer", "reaction", "ring")

    def __init__(self, offer: c.OfferCall, reaction: Reaction) -> None:
        self.offer = offer
        self.reaction = reaction
        self.ring: Timer | None = None


class Call:
    """One live call. Timers are None when not running."""

    __slots__ = (
        "agent",
        "agent_gone",
        "arrived_told",
        "caller",
        "collecting",
        "desk",
        "flow_state",
        "id",
        "muted",
        "offer",
        "parties",
        "partner",
        "patience",
        "paused",
        "place",
        "press",
        "pressed",
        "reaction",
        "recorded_since",
        "recording",
        "ring",
        "rivals",
        "stays",
        "step",
        "step_no",
        "talk",
        "visiting",
        "wait",
    )

    def __init__(self, call_id: str, caller: Caller) -> None:
        self.id = call_id
        self.caller = caller
        self.place = Place.ENTRY
        self.arrived_told = False
        self.flow_state = ""
        self.wait: c.StartWaiting | None = None
        self.offer: c.OfferCall | c.DialCallback | None = None
        self.reaction: Reaction = AT_ONCE
        self.rivals: dict[str, Rival] = {}  # by offer id: phones that ring beside the offer's
        self.agent = ""  # whose phone rings for the call or talks
        self.agent_gone = False  # hung up while a party rang, who is to have the call
        self.partner: Party | None = None  # to whom the agent before handed it over
        self.parties: dict[str, Party] | None = None  # further ones, by leg id
        self.muted = False
        self.recording = ""  # the id of the recording that runs
        self.recorded_since = 0.0
        self.paused = False
        self.visiting = False
        self.pressed = 0  # how many entries of caller.digits are used up
        self.step_no = 0
        # the step that waits for keys, or that one of them ends
        self.collecting: c.CollectDigits | c.RecordMessage | None = None
        self.patience: Timer | None = None
        self.stays: Timer | None = None
        self.press: Timer | None = None
        self.step: Timer | None = None  # the running voice step, or the next visit
        self.ring: Timer | None = None
        self.talk: Timer | None = None  # the caller hangs up, or the customer reacts
        self.desk: Timer | None = None  # the agent hangs up

    def rings(self, agent: str) -> str:
        """The offer for which this agent's phone rings; "" for none."""
        if self.place is not Place.RINGING or self.offer is None:
            return ""
        if self.agent == agent:
            return self.offer.offer_id
        found = (rival.offer for rival in self.rivals.values() if rival.offer.agent_id == agent)
        return next((offer.offer_id for offer in found), "")

    def party(self, leg_id: str) -> Party | None:
        """The further party of this leg id."""
        return None if self.parties is None else self.parties.get(leg_id)

    def consulted(self) -> Party | None:
        """The party of a consultation: none in a conference, and no supervisor."""
        if self.parties is None or self.place is Place.CONFERENCE:
            return None
        return next((party for party in self.parties.values() if party.mode is None), None)


class Exchange:
    """The state of the switch, and the two things that every capability does: report and refuse."""

    def __init__(
        self,
        name: str,
        time: Scheduler,
        phones: Phones,
        customers: Callable[[str], Customer],
    ) -> None:
        self.name = name
        self.time = time
        self.phones = phones
        self.customers = customers
        self.calls: dict[str, Call] = {}
        self.busy: dict[str, str] = {}  # agent to call
        self.down: set[str] = set()  # agents whose phones are not there
        self.sink: FactSink | None = None  # None: nobody listens

    def report(self, fact: e.Fact) -> None:
        """Tell what has happened, after the state says so."""
        if self.sink is not None:
            self.sink(fact)

    def report_soon(self, *facts: e.Fact) -> None:
        """Tell it as soon as the present fact or order is dealt with."""
        for fact in facts:
            self.time.soon(self.report, fact)

    def refuse(self, order: c.Order, why: str) -> None:
        """The order does not fit; nothing has changed."""
        self.report_soon(e.OrderFailed(*c.named(order), why, leg_id=c.leg_of(order)))

    def talking(self, order: c.Order) -> Call | None:
        """The order's call if an agent is in it; else the order is refused."""
        call = self.calls.get(order.call_id)
        if call is None:
            self.refuse(order, "no such call")
        elif call.place not in CONVERSATION or isinstance(call.offer, c.DialCallback):
            self.refuse(order, f"nobody talks with the caller: {call.place.value}")
        elif not call.agent:
            self.refuse(order, "no agent is in the call")
        else:
            return call
        return None

    def reachable(self, agent: str) -> bool:
        """Whether the agent's phone is there and free."""
        return agent not in self.busy and agent not in self.down

    def free_agent(self, call: Call) -> None:
        """The agent's phone has no more to do with this call."""
        if call.agent:
            self.busy.pop(call.agent, None)
            call.agent = ""
        stop(call.ring)
        stop(call.desk)
        call.ring = call.desk = None
        if call.partner is not None:
            stop(call.partner.leaves)
        call.offer = call.partner = None
        call.muted = call.agent_gone = False

    def drop_rival(self, call: Call, rival: Rival, why: OfferFailure) -> e.Fact:
        """A phone beside the offer's stops ringing; returns the fact to be told."""
        del call.rivals[rival.offer.offer_id]
        stop(rival.ring)
        if self.busy.get(rival.offer.agent_id) == call.id:
            del self.busy[rival.offer.agent_id]
        return e.OfferFailed(call.id, rival.offer.offer_id, rival.offer.agent_id, why)

    def drop_rivals(self, call: Call, why: OfferFailure) -> list[e.Fact]:
        """All of them; returns the facts to be told."""
        return [self.drop_rival(call, rival, why) for rival in list(call.rivals.values())]

    def drop(self, call: Call, party: Party, why: OfferFailure = OfferFailure.CANCELLED) -> e.Fact:
        """A further party is out; returns the fact to be told. `why`: if it did not answer."""
        assert call.parties is not None
        del call.parties[party.leg_id]
        if not call.parties:
            call.parties = None
        self.forget_party(party)
        if party.state is LegState.RINGING:
            return e.LegFailed(call.id, party.leg_id, party.agent, why)
        return e.LegEnded(call.id, party.leg_id, party.agent)

    def forget_party(self, party: Party) -> None:
        """Its phone is free and does nothing more."""
        self.busy.pop(party.agent, None)
        stop(party.ring)
        stop(party.leaves)

    def drop_all(self, call: Call) -> list[e.Fact]:
        """Every further party is out; returns the facts to be told."""
        return [self.drop(call, party) for party in list((call.parties or {}).values())]

    def stop_recording(self, call: Call) -> list[e.Fact]:
        """No recording runs any more; returns the facts to be told."""
        if not call.recording:
            return []
        length_s = self.time.now() - call.recorded_since
        name, call.recording, call.paused = call.recording, "", False
        return [e.RecordingStopped(call.id, name, f"virtual:{name}", length_s)]

    def forget(self, call: Call) -> None:
        """The call is over: nothing of it stays."""
        self.free_agent(call)
        call.place = Place.ENDED
        self.calls.pop(call.id, None)
        for timer in (call.patience, call.stays, call.press, call.step, call.talk):
            if timer is not None:
                timer.cancel()


def stop(timer: Timer | None) -> None:
    """Never run it, if there is one."""
    if timer is not None:
        timer.cancel()
