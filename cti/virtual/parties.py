"""Further parties of a call on the virtual switch: consultations, conferences, supervisors."""

from __future__ import annotations

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, LegState, OfferFailure, PhoneKind, Place
from cti.virtual.callers import BY_HAND, Customer
from cti.virtual.endings import Endings, hand_over
from cti.virtual.exchange import Call, Exchange, Party, stop
from cti.virtual.phones import Act, Reaction

MOST_PARTIES = 16
_OUTCOMES = {
    "answer": Act.ANSWER,
    "busy": Act.REFUSE,
    "no answer": Act.IGNORE,
    BY_HAND: Act.BY_HAND,
}


class Parties:
    """Legs by their ids: dialled, answered, swapped, joined, handed the call, gone."""

    def __init__(self, exchange: Exchange, endings: Endings) -> None:
        self._x = exchange
        self._endings = endings
        self.orders = {
            c.DialLeg: self._dial,
            c.EndLeg: self._end,
            c.SwapLegs: self._swap,
            c.JoinLegs: self._join,
            c.HandOver: self._hand_over,
            c.SuperviseCall: self._supervise,
            c.ChangeSupervision: self._change_supervision,
        }

    # Ringing -------------------------------------------------------------------------------

    def _dial(self, order: c.DialLeg) -> None:
        call = self._x.talking(order)
        if call is None or not self._has_room(call, order):
            return
        if call.consulted() is not None:
            self._x.refuse(order, "a consultation is open already")
            return
        if call.place is Place.TALKING:
            self._x.report_soon(e.CallHeld(call.id))
        if call.place is not Place.CONFERENCE:
            call.place = Place.CONSULTING
        number = "" if order.agent_id else order.phone.address
        self._ring(call, Party(order.leg_id, order.agent_id, number), order.ring_s)

    def _supervise(self, order: c.SuperviseCall) -> None:
        call = self._x.talking(order)
        if call is not None and self._has_room(call, order):
            outside = order.phone.kind is PhoneKind.OUTSIDE
            number = order.phone.address if outside else ""
            party = Party(order.leg_id, order.agent_id, number, order.mode)
            self._ring(call, party, order.ring_s)

    def _has_room(self, call: Call, order: c.DialLeg | c.SuperviseCall) -> bool:
        if call.party(order.leg_id) is not None:
            self._x.refuse(order, "the leg exists already")
        elif len(call.parties or ()) >= MOST_PARTIES:
            self._x.refuse(order, "too many are in the call")
        else:
            return True
        return False

    def _ring(self, call: Call, party: Party, ring_s: float) -> None:
        call.parties = call.parties or {}
        call.parties[party.leg_id] = party
        agent = party.agent
        reaction = self._x.phones(agent) if agent else _of(self._x.customers(party.number))
        if reaction.act is Act.UNREACHABLE or (agent and not self._x.reachable(agent)):
            self._x.time.soon(self._unreachable, (call, party))
            return
        if agent:
            self._x.busy[agent] = call.id
        what = (call, party, reaction, ring_s)
        if reaction.ring_delay_s > 0.0:
            party.ring = self._x.time.after(reaction.ring_delay_s, self._rings, what)
        else:
            self._x.time.soon(self._rings, what)

    def _rings(self, what: tuple[Call, Party, Reaction, float]) -> None:
        call, party, reaction, ring_s = what
        if call.party(party.leg_id) is not party:
            return
        party.ring = None
        self._x.report(e.LegRinging(call.id, party.leg_id, party.agent))
        if call.party(party.leg_id) is not party:
            return  # cancelled by whoever heard of it
        left_s = ring_s - reaction.ring_delay_s
        hang_up_s = reaction.hang_up_after_s
        if reaction.act is Act.ANSWER and reaction.after_s < left_s:
            party.ring = self._x.time.after(
                reaction.after_s, self._answers, (call, party, hang_up_s)
            )
        elif reaction.act is Act.REFUSE and reaction.after_s < left_s:
            party.ring = self._x.time.after(reaction.after_s, self._refuses, (call, party))
        else:
            party.ring = self._x.time.after(left_s, self._rings_out, (call, party))

    def answer(self, call: Call, party: Party) -> None:
        """The party picks up by hand."""
        self._answers((call, party, None))

    def _answers(self, what: tuple[Call, Party, float | None]) -> None:
        call, party, hang_up_s = what
        if call.party(party.leg_id) is not party or party.state is not LegState.RINGING:
            return
        stop(party.ring)
        party.ring = None
        party.state = LegState.TALKING if party.mode is None else LegState.SUPERVISING
        if hang_up_s is not None:
            party.leaves = self._x.time.after(hang_up_s, self._leaves, (call, party))
        self._x.report(e.LegAnswered(call.id, party.leg_id, party.agent))
        if call.agent_gone and call.party(party.leg_id) is party and party.mode is None:
            for fact in hand_over(self._x, call, party):
                self._x.report(fact)

    def _unreachable(self, what: tuple[Call, Party]) -> None:
        self._out(*what, OfferFailure.UNREACHABLE)

    def _refuses(self, what: tuple[Call, Party]) -> None:
        self._out(*what, OfferFailure.REFUSED)

    def _rings_out(self, what: tuple[Call, Party]) -> None:
        self._out(*what, OfferFailure.NO_ANSWER)

    def _leaves(self, what: tuple[Call, Party]) -> None:
        self.leave(*what)

    def leave(self, call: Call, party: Party, why: OfferFailure = OfferFailure.REFUSED) -> None:
        """The party hangs up, or refuses (`why`) while it rings; the call's partner ends it."""
        if call.partner is party:
            self._endings.partner_leaves(call)
        else:
            self._out(call, party, why)

    def _out(self, call: Call, party: Party, why: OfferFailure) -> None:
        if call.party(party.leg_id) is party:
            alone = call.agent_gone and party.mode is None
            self._x.report(self._without(call, party, why))
            if alone:
                self._nobody_left(call)

    def _without(
        self, call: Call, party: Party, why: OfferFailure = OfferFailure.CANCELLED
    ) -> e.Fact:
        """The call goes on without the party: the place, and what is to be told."""
        consulted, talking = call.consulted() is party, party.state is not LegState.HELD
        fact = self._x.drop(call, party, why)
        others = any(p.mode is None for p in (call.parties or {}).values())
        if consulted:
            call.place = Place.HELD if talking else Place.TALKING
        elif call.place is Place.CONFERENCE and not others:
            call.place = Place.TALKING
        return fact

    # Orders about a leg --------------------------------------------------------------------

    def _end(self, order: c.EndLeg) -> None:
        call = self._x.calls.get(order.call_id)
        party = None if call is None else call.party(order.leg_id)
        if call is None or party is None:
            self._x.refuse(order, "no such leg")
        else:
            alone = call.agent_gone and party.mode is None
            self._x.report_soon(self._without(call, party))
            if alone:
                self._x.time.soon(self._nobody_left, call)

    def _nobody_left(self, call: Call) -> None:
        self._endings.end(call, EndedBy.AGENT, "normal")

    def _answered(
        self, order: c.SwapLegs | c.HandOver | c.ChangeSupervision
    ) -> tuple[Call, Party] | None:
        """The order's call and party; refused when there is none or it has not answered."""
        call = self._x.talking(order)
        if call is None:
            return None
        party = call.party(order.leg_id)
        if party is None:
            self._x.refuse(order, "no such leg")
        elif party.state is LegState.RINGING:
            self._x.refuse(order, "the party has not answered")
        else:
            return call, party
        return None

    def _swap(self, order: c.SwapLegs) -> None:
        found = self._answered(order)
        if found is None:
            return
        call, party = found
        if call.consulted() is not party:
            self._x.refuse(order, "the party is not consulted")
            return
        caller_held = party.state is LegState.HELD
        party.state = LegState.TALKING if caller_held else LegState.HELD
        call.place = Place.CONSULTING if caller_held else Place.TALKING
        self._x.report_soon(e.LegsSwapped(call.id, party.leg_id, caller_held))

    def _join(self, order: c.JoinLegs) -> None:
        call = self._x.talking(order)
        if call is None:
            return
        party = call.consulted()
        if party is None or party.state is LegState.RINGING:
            self._x.refuse(order, "nobody is consulted who has answered")
            return
        party.state = LegState.TALKING
        call.place = Place.CONFERENCE
        self._x.report_soon(e.ConferenceBegan(call.id))

    def _hand_over(self, order: c.HandOver) -> None:
        found = self._answered(order)
        if found is not None:
            self._x.report_soon(*hand_over(self._x, *found))

    def _change_supervision(self, order: c.ChangeSupervision) -> None:
        found = self._answered(order)
        if found is None:
            return
        call, party = found
        if party.mode is None:
            self._x.refuse(order, "the leg is no supervisor's")
            return
        party.mode = order.mode
        self._x.report_soon(e.SupervisionChanged(call.id, party.leg_id, order.mode))


def _of(customer: Customer) -> Reaction:
    """Somebody outside as a phone that reacts."""
    act = _OUTCOMES.get(customer.outcome, Act.UNREACHABLE)
    return Reaction(act, customer.after_s, 0.0, customer.talk_s)
