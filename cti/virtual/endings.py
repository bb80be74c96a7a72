"""How calls end on the virtual switch: for everybody, whoever hangs up."""

from __future__ import annotations

from cti import commands as c
from cti import events as e
from cti.calls import CONVERSATION, EndedBy, LegState, OfferFailure, Place
from cti.virtual.exchange import Call, Exchange, Party


class Endings:
    """Hang-ups, and the orders that end a call."""

    def __init__(self, exchange: Exchange) -> None:
        self._x = exchange
        self.orders = {c.HangUpCall: self._hang_up, c.TransferCall: self._transfer}

    def _hang_up(self, order: c.HangUpCall) -> None:
        call = self._x.calls.get(order.call_id)
        if call is None:
            self._x.refuse(order, "no such call")
            return
        by = EndedBy.AGENT if order.why == "agent" else EndedBy.SYSTEM
        self._x.time.soon(self._ends, (call, by, order.why))

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._x.calls.get(order.call_id)
        if call is None:
            self._x.refuse(order, "no such call")
        else:
            self._x.time.soon(self._ends, (call, EndedBy.SYSTEM, "transferred"))

    def _ends(self, what: tuple[Call, EndedBy, str]) -> None:
        self.end(*what)

    def caller_leaves(self, call: Call) -> None:
        """The caller hangs up, wherever the call is."""
        self.end(call, EndedBy.CALLER, "normal")

    def agent_leaves(self, call: Call) -> None:
        """The agent hangs up. A party who has answered goes on with the caller.

        A consulted party who still rings goes on ringing for the caller.
        """
        if call.place not in CONVERSATION or not call.agent:
            return
        heir = self._heir(call)
        if heir is not None:
            for fact in hand_over(self._x, call, heir):
                self._x.report(fact)
        elif call.consulted() is not None:
            self._x.free_agent(call)
            call.agent_gone = True
        else:
            self.end(call, EndedBy.AGENT, "normal")

    def partner_leaves(self, call: Call) -> None:
        """Whoever got the call from its agent hangs up: an agent like any other, or outside."""
        if call.agent:
            self.agent_leaves(call)
        else:
            self.end(call, EndedBy.SYSTEM, "normal")

    @staticmethod
    def _heir(call: Call) -> Party | None:
        """Who has the caller when the agent is gone: another agent before somebody outside."""
        answered = [
            party
            for party in (call.parties or {}).values()
            if party.mode is None and party.state is not LegState.RINGING
        ]
        return min(answered, key=lambda party: not party.agent, default=None)

    def offer_over(self, call: Call, why: OfferFailure) -> None:
        """Nobody took the ringing call; the attempt of a callback ends with that."""
        offer = call.offer
        if offer is None or call.place is not Place.RINGING:
            return
        failed = e.OfferFailed(call.id, offer.offer_id, offer.agent_id, why)
        rivals = self._x.drop_rivals(call, why)
        if isinstance(offer, c.DialCallback):
            self._x.forget(call)
        else:
            self._x.free_agent(call)
        for fact in (failed, *rivals):
            self._x.report(fact)

    def callback_over(self, call: Call, offer: c.DialCallback, why: str) -> None:
        """The customer was not reached."""
        self._x.forget(call)
        self._x.report(e.CallbackFailed(call.id, offer.offer_id, offer.agent_id, why))

    def end(self, call: Call, by: EndedBy, cause: str) -> None:
        """Over for everybody in it; told once."""
        if call.place is Place.ENDED:
            return
        offer, place = call.offer, call.place
        if isinstance(offer, c.DialCallback):
            if place is Place.RINGING:
                self.offer_over(call, OfferFailure.CANCELLED)
            else:
                self.callback_over(call, offer, "agent gone")
            return
        if call.parties is not None or call.recording:
            facts = [*self._x.drop_all(call), *self._x.stop_recording(call)]
        else:
            facts = []
        facts += self._x.drop_rivals(call, OfferFailure.CALLER_GONE)
        self._x.forget(call)
        for fact in facts:
            self._x.report(fact)
        if place is Place.RINGING and offer is not None:
            gone = OfferFailure.CALLER_GONE
            self._x.report(e.OfferFailed(call.id, offer.offer_id, offer.agent_id, gone))
        self._x.report(e.CallEnded(call.id, by, cause))


def hand_over(exchange: Exchange, call: Call, heir: Party) -> list[e.Fact]:
    """The agent is out and `heir`, who has answered, has the caller.

    Supervisors watched the agent's conversation and leave with it; a consulted party that
    is not the heir leaves, members of a conference stay. Returns the facts to be told.
    """
    assert call.parties is not None
    consulted = call.consulted()
    out = [p for p in call.parties.values() if p.mode is not None or p is consulted]
    facts = [exchange.drop(call, party) for party in out if party is not heir]
    del call.parties[heir.leg_id]
    if not call.parties:
        call.parties = None
    exchange.free_agent(call)
    call.agent, call.partner = heir.agent, heir
    if heir.agent:
        exchange.busy[heir.agent] = call.id
    heir.mode, heir.state = None, LegState.TALKING
    call.place = Place.TALKING if call.parties is None else Place.CONFERENCE
    facts.append(e.CallHandedOver(call.id, heir.leg_id, heir.agent))
    return facts
