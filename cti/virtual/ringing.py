"""Offers and callbacks on the virtual switch: ringing agents' phones, dialling customers."""

from __future__ import annotations

from cti import commands as c
from cti import events as e
from cti.calls import OfferFailure, Place
from cti.virtual.callers import BY_HAND, Caller, Customer
from cti.virtual.endings import Endings
from cti.virtual.exchange import Call, Exchange, Rival, stop
from cti.virtual.phones import Act
from cti.virtual.voice import Voice


class Ringing:
    """From the order to ring until the two talk, or it has come to nothing."""

    def __init__(self, exchange: Exchange, endings: Endings, voice: Voice) -> None:
        self._x = exchange
        self._endings = endings
        self._voice = voice
        self.orders = {
            c.OfferCall: self._offer_call,
            c.CancelOffer: self._cancel_offer,
            c.DialCallback: self._dial_callback,
        }

    # Offers --------------------------------------------------------------------------------

    def _offer_call(self, order: c.OfferCall) -> None:
        call = self._x.calls.get(order.call_id)
        if call is None or call.place is not Place.WAITING or call.offer is not None:
            self._x.refuse(order, "the caller is not waiting")
            return
        if call.step is not None:
            call.step.cancel()
            call.step = None
        call.visiting = False
        call.place = Place.RINGING
        self._ring_agent(call, order)
        for one in order.also:
            offer = c.OfferCall(call.id, one.offer_id, one.agent_id, one.phone, order.ring_s)
            self._ring_rival(call, offer)

    def _ring_agent(self, call: Call, order: c.OfferCall | c.DialCallback) -> None:
        call.offer = order
        agent = order.agent_id
        reaction = call.reaction = self._x.phones(agent)
        if reaction.act is Act.UNREACHABLE or not self._x.reachable(agent):
            self._x.time.soon(self._unreachable, (call, order.offer_id))
            return
        self._x.busy[agent] = call.id
        call.agent = agent
        what = (call, order.offer_id)
        if reaction.ring_delay_s > 0.0:
            call.ring = self._x.time.after(reaction.ring_delay_s, self._rings, what)
        else:
            self._x.time.soon(self._rings, what)

    def _rings(self, what: tuple[Call, str]) -> None:
        call, offer_id = what
        offer = call.offer
        if offer is None or offer.offer_id != offer_id:
            return
        call.ring = None
        self._x.report(e.OfferRinging(call.id, offer.offer_id, offer.agent_id))
        if call.offer is not offer:
            return  # cancelled by whoever heard of it
        reaction = call.reaction
        act = reaction.act
        left_s = offer.ring_s - reaction.ring_delay_s
        if act is Act.ANSWER and reaction.after_s < left_s:
            if reaction.after_s > 0.0:
                call.ring = self._x.time.after(reaction.after_s, self.answer, call)
            else:
                self.answer(call)
        elif act is Act.REFUSE and reaction.after_s < left_s:
            call.ring = self._x.time.after(reaction.after_s, self.refuse, call)
        else:
            call.ring = self._x.time.after(left_s, self._rings_out, call)

    def answer(self, call: Call) -> None:
        """The agent picks up."""
        offer = call.offer
        if offer is None or call.place is not Place.RINGING:
            return
        stop(call.ring)
        stop(call.patience)
        stop(call.press)
        call.ring = call.patience = call.press = None
        call.place = Place.TALKING
        lost = self._x.drop_rivals(call, OfferFailure.CANCELLED)
        if isinstance(offer, c.DialCallback):
            customer = self._x.customers(offer.number)
            if customer.outcome == BY_HAND:
                customer = Customer("no answer", offer.dial_s)
            delay = min(customer.after_s, offer.dial_s)
            call.talk = self._x.time.after(delay, self._customer_reacts, (call, customer))
        else:
            self._talk_for(call, call.caller.talk_s)
        self._x.report(e.OfferAnswered(call.id, offer.offer_id, offer.agent_id))
        for fact in lost:
            self._x.report(fact)

    def _talk_for(self, call: Call, caller_s: float | None) -> None:
        agent_s = call.reaction.hang_up_after_s
        if caller_s is not None:
            call.talk = self._x.time.after(caller_s, self._endings.caller_leaves, call)
        if agent_s is not None:
            call.desk = self._x.time.after(agent_s, self._endings.agent_leaves, call)

    def refuse(self, call: Call) -> None:
        """The agent says no."""
        self.over(call, OfferFailure.REFUSED)

    def _rings_out(self, call: Call) -> None:
        self.over(call, OfferFailure.NO_ANSWER)

    def _unreachable(self, what: tuple[Call, str]) -> None:
        call, offer_id = what
        if call.offer is not None and call.offer.offer_id == offer_id:
            self.over(call, OfferFailure.UNREACHABLE)

    def over(self, call: Call, why: OfferFailure) -> None:
        """The phone stops ringing. When it was the last one, the caller hears the music again."""
        if call.rivals and call.offer is not None and call.place is Place.RINGING:
            failed = e.OfferFailed(call.id, call.offer.offer_id, call.offer.agent_id, why)
            self._promote(call)
            self._x.report(failed)
            return
        if call.place is Place.RINGING and isinstance(call.offer, c.OfferCall):
            self._x.time.soon(self._voice.waits, call)
        self._endings.offer_over(call, why)

    def _cancel_offer(self, order: c.CancelOffer) -> None:
        call = self._x.calls.get(order.call_id)
        if call is not None:
            self._x.time.soon(self._cancelled, (call, order.offer_id))

    def _cancelled(self, what: tuple[Call, str]) -> None:
        call, offer_id = what
        offer = call.offer
        if (rival := call.rivals.get(offer_id)) is not None:
            self._x.report(self._x.drop_rival(call, rival, OfferFailure.CANCELLED))
            return
        if offer is None or offer.offer_id != offer_id:
            return
        if isinstance(offer, c.DialCallback) and call.place is not Place.RINGING:
            self._x.forget(call)  # the agent was there already, the customer was being dialled
            gone = OfferFailure.CANCELLED
            self._x.report(e.OfferFailed(call.id, offer_id, offer.agent_id, gone))
        else:
            self.over(call, OfferFailure.CANCELLED)

    # Several phones ------------------------------------------------------------------------

    def _ring_rival(self, call: Call, offer: c.OfferCall) -> None:
        """Ring one more phone for the caller."""
        agent = offer.agent_id
        rival = call.rivals[offer.offer_id] = Rival(offer, self._x.phones(agent))
        what = (call, offer.offer_id)
        if rival.reaction.act is Act.UNREACHABLE or not self._x.reachable(agent):
            self._x.time.soon(self._rival_unreachable, what)
            return
        self._x.busy[agent] = call.id
        if rival.reaction.ring_delay_s > 0.0:
            rival.ring = self._x.time.after(rival.reaction.ring_delay_s, self._rival_rings, what)
        else:
            self._x.time.soon(self._rival_rings, what)

    def _rival_rings(self, what: tuple[Call, str]) -> None:
        call, offer_id = what
        rival = call.rivals.get(offer_id)
        if rival is None:
            self._rings(what)  # if the offer's own phone has stopped meanwhile: it is this now
            return
        self._x.report(e.OfferRinging(call.id, offer_id, rival.offer.agent_id))
        if call.rivals.get(offer_id) is not rival:
            return
        reaction = rival.reaction
        left_s = rival.offer.ring_s - reaction.ring_delay_s
        does = {Act.ANSWER: self._rival_answers, Act.REFUSE: self._rival_refuses}.get(reaction.act)
        if does is not None and reaction.after_s < left_s:
            rival.ring = self._x.time.after(reaction.after_s, does, what)
        else:
            rival.ring = self._x.time.after(left_s, self._rival_rings_out, what)

    def _rival_answers(self, what: tuple[Call, str]) -> None:
        call, offer_id = what
        if offer_id in call.rivals:
            self._change_places(call, offer_id)
        if call.offer is not None and call.offer.offer_id == offer_id:
            self.answer(call)

    def _rival_refuses(self, what: tuple[Call, str]) -> None:
        self.rival_over(*what, OfferFailure.REFUSED)

    def _rival_rings_out(self, what: tuple[Call, str]) -> None:
        self.rival_over(*what, OfferFailure.NO_ANSWER)

    def _rival_unreachable(self, what: tuple[Call, str]) -> None:
        self.rival_over(*what, OfferFailure.UNREACHABLE)

    def rival_over(self, call: Call, offer_id: str, why: OfferFailure) -> None:
        """The phone of this offer, one of several or by now the only one, stops ringing."""
        rival = call.rivals.get(offer_id)
        if rival is not None:
            self._x.report(self._x.drop_rival(call, rival, why))
        elif call.offer is not None and call.offer.offer_id == offer_id:
            self.over(call, why)

    def _promote(self, call: Call) -> None:
        """The offer's own phone is out: another one of those that ring is the offer's."""
        self._x.busy.pop(call.agent, None)
        stop(call.ring)
        rival = call.rivals.pop(next(iter(call.rivals)))
        call.offer, call.reaction, call.ring = rival.offer, rival.reaction, rival.ring
        call.agent = rival.offer.agent_id if self._x.busy.get(rival.offer.agent_id) else ""

    def _change_places(self, call: Call, offer_id: str) -> None:
        """The phone that is answered becomes the offer's; the offer's own is one of the others."""
        own = call.offer
        rival = call.rivals.pop(offer_id)
        assert isinstance(own, c.OfferCall)
        other = call.rivals[own.offer_id] = Rival(own, call.reaction)
        other.ring = call.ring
        call.offer, call.reaction, call.ring = rival.offer, rival.reaction, rival.ring
        call.agent = rival.offer.agent_id

    # Callbacks -----------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._x.calls:
            self._x.refuse(order, "the call exists already")
            return
        call = Call(order.call_id, Caller(ani=order.number, dnis=order.caller_id))
        call.arrived_told = True
        call.place = Place.RINGING
        self._x.calls[call.id] = call
        self._ring_agent(call, order)

    def customer_does(self, call: Call, outcome: str) -> None:
        """The customer who is being dialled answers, or is "busy"."""
        if isinstance(call.offer, c.DialCallback) and call.place is Place.TALKING:
            stop(call.talk)
            self._customer_reacts((call, Customer(outcome, 0.0, None)))

    def _customer_reacts(self, what: tuple[Call, Customer]) -> None:
        call, customer = what
        call.talk = None
        offer = call.offer
        if not isinstance(offer, c.DialCallback):
            return
        if customer.outcome == "answer" and customer.after_s <= offer.dial_s:
            call.offer = c.OfferCall(
                call.id, offer.offer_id, offer.agent_id, offer.phone, offer.ring_s
            )
            self._talk_for(call, customer.talk_s)
            self._x.report(e.CallbackConnected(call.id, offer.offer_id, offer.agent_id))
        else:
            why = customer.outcome if customer.after_s <= offer.dial_s else "no answer"
            self._endings.callback_over(call, offer, why)

    # Phones --------------------------------------------------------------------------------

    def answers(self, call: Call, offer_id: str) -> None:
        """The agent of this offer picks up."""
        self._rival_answers((call, offer_id))

    def refuses(self, call: Call, offer_id: str) -> None:
        """The agent of this offer says no."""
        self.rival_over(call, offer_id, OfferFailure.REFUSED)

    def phone_lost(self, call: Call, agent: str) -> None:
        """The agent's phone that rings for the call, or talks, is not there any more."""
        if call.place is Place.RINGING:
            self.rival_over(call, call.rings(agent), OfferFailure.UNREACHABLE)
        else:
            self._endings.agent_leaves(call)
