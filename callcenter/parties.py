"""Further parties of calls: what a switch says of a leg becomes what the engine knows of it.

A part of `callcenter.routing`. A consulted agent or a supervisor is reserved by the engine
before the phone rings; somebody outside is no business of the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from acd import decisions as d
from acd import facts as f
from cti import commands as c
from cti import events as e
from cti.calls import LegState, OfferFailure, Place

_WHY = {
    OfferFailure.NO_ANSWER: "no answer",
    OfferFailure.REFUSED: "refused",
    OfferFailure.UNREACHABLE: "unreachable",
}


@dataclass(slots=True)
class _Leg:
    call_id: str
    leg_id: str
    agent: str  # "" for somebody outside
    supervises: bool
    answered: bool = False
    back: bool = False  # ended by the agent, who wants to talk with the caller again


class Parties:
    """The open legs of all calls. `act` tells the engine, `execute` the switch."""

    def __init__(
        self,
        act: Callable[[f.Fact, float], Sequence[d.Decision]],
        execute: Callable[[c.Order], None],
    ) -> None:
        self._act = act
        self._execute = execute
        self._legs: dict[str, _Leg] = {}
        self._conferences: set[str] = set()
        self.on: dict[type, Callable[..., None]] = {
            e.LegAnswered: self._answered,
            e.LegFailed: self._failed,
            e.LegEnded: self._ended,
            e.LegsSwapped: self._swapped,
            e.ConferenceBegan: self._conference,
            e.CallHandedOver: self._handed_over,
        }

    # What people want ----------------------------------------------------------------------

    def dial(self, order: c.DialLeg | c.SuperviseCall, now: float) -> d.Refused | None:
        """Reserve the agent, if it is one, and ring; or the engine's refusal."""
        supervises = isinstance(order, c.SuperviseCall)
        if order.agent_id:
            offered = f.LegOffered(order.leg_id, order.call_id, order.agent_id, supervises)
            for decision in self._act(offered, now):
                if isinstance(decision, d.Refused):
                    return decision
        self._legs[order.leg_id] = _Leg(order.call_id, order.leg_id, order.agent_id, supervises)
        self._execute(order)
        return None

    def end(self, call_id: str, leg_id: str, *, back: bool) -> None:
        """End a leg. With `back` the agent then talks with the caller again."""
        leg = self._legs.get(leg_id)
        if leg is not None:
            leg.back = back
        self._execute(c.EndLeg(call_id, leg_id))

    # What the engine and the switch say ----------------------------------------------------

    def cancel(self, cancel: d.CancelLeg) -> None:
        """The engine has given up on a leg."""
        self._execute(c.EndLeg(cancel.call, cancel.leg))

    def order_failed(self, fact: e.OrderFailed, now: float) -> None:
        """The switch would not ring a party: nobody's fault."""
        if fact.order not in ("DialLeg", "SuperviseCall"):
            return
        supervises = fact.order == "SuperviseCall"
        for leg in self._of(fact.call_id):
            meant = fact.leg_id in ("", leg.leg_id)
            if meant and not leg.answered and leg.supervises is supervises:
                del self._legs[leg.leg_id]
                self._over(leg, "cancelled", now)

    def call_over(self, call_id: str, now: float) -> None:
        """The call is over on its switch, and so are its legs."""
        if not self._legs and not self._conferences:
            return
        self._conferences.discard(call_id)
        for leg in self._of(call_id):
            del self._legs[leg.leg_id]
            self._over(leg, "ended", now)

    def take_up(self, fact: e.CallAdopted, known: Collection[str], now: float) -> None:
        """After a restart: `known` are the legs that the engine has for this call."""
        there = {leg.leg_id: leg for leg in fact.legs}
        self._conferences.discard(fact.call_id)
        for gone in self._of(fact.call_id):  # also those outside, whom the engine does not know
            del self._legs[gone.leg_id]
        for leg_id in known:
            if leg_id not in there:
                self._act(f.LegOver(leg_id, "cancelled"), now)
        for leg_id, leg in there.items():
            answered = leg.state is not LegState.RINGING
            supervises = leg.supervision is not None
            self._legs[leg_id] = _Leg(fact.call_id, leg_id, leg.agent_id, supervises, answered)
            if leg.agent_id and leg_id not in known:
                self._act(f.LegOffered(leg_id, fact.call_id, leg.agent_id, own=True), now)
            if leg.agent_id and answered:
                self._act(f.LegAnswered(leg_id), now)
        # What does not fit is refused, harmlessly: the engine knows it already.
        if fact.place is Place.CONFERENCE:
            self._conferences.add(fact.call_id)
            self._act(f.ConferenceBegan(fact.call_id), now)
        elif fact.place is Place.CONSULTING and self._talks_with(fact.call_id):
            self._act(f.ConsultBegan(fact.call_id), now)
        elif fact.place in (Place.HELD, Place.CONSULTING):
            self._act(f.ConsultEnded(fact.call_id), now)
            self._act(f.CallHeld(fact.call_id), now)
        else:
            self._act(f.CallRetrieved(fact.call_id), now)

    def _of(self, call_id: str) -> list[_Leg]:
        return [leg for leg in self._legs.values() if leg.call_id == call_id]

    def _talks_with(self, call_id: str) -> bool:
        """Whether anybody but supervisors has answered."""
        return any(leg.answered and not leg.supervises for leg in self._of(call_id))

    def _answered(self, fact: e.LegAnswered, now: float) -> None:
        leg = self._legs.get(fact.leg_id)
        if leg is None:
            return
        leg.answered = True
        if leg.agent:
            self._act(f.LegAnswered(leg.leg_id), now)
        if not leg.supervises and leg.call_id not in self._conferences:
            self._act(f.ConsultBegan(leg.call_id), now)

    def _failed(self, fact: e.LegFailed, now: float) -> None:
        leg = self._legs.pop(fact.leg_id, None)
        if leg is not None:
            self._over(leg, _WHY.get(fact.why, "cancelled"), now)
            self._back_to_caller(leg)

    def _ended(self, fact: e.LegEnded, now: float) -> None:
        leg = self._legs.pop(fact.leg_id, None)
        if leg is None:
            return
        self._over(leg, "ended", now)
        if leg.supervises:
            return
        if leg.call_id not in self._conferences:
            self._act(f.ConsultEnded(leg.call_id), now)
            self._back_to_caller(leg)
        elif not self._talks_with(leg.call_id):
            self._conferences.discard(leg.call_id)
            self._act(f.CallRetrieved(leg.call_id), now)

    def _over(self, leg: _Leg, why: str, now: float) -> None:
        if leg.agent:
            self._act(f.LegOver(leg.leg_id, why), now)

    def _back_to_caller(self, leg: _Leg) -> None:
        if leg.back and leg.call_id not in self._conferences:
            self._execute(c.RetrieveCall(leg.call_id))

    def _swapped(self, fact: e.LegsSwapped, now: float) -> None:
        swapped = f.ConsultBegan if fact.caller_held else f.CallRetrieved
        self._act(swapped(fact.call_id), now)

    def _conference(self, fact: e.ConferenceBegan, now: float) -> None:
        self._conferences.add(fact.call_id)
        self._act(f.ConferenceBegan(fact.call_id), now)

    def _handed_over(self, fact: e.CallHandedOver, now: float) -> None:
        self._legs.pop(fact.leg_id, None)
        self._act(f.CallHandedOver(fact.call_id, fact.agent_id), now)
        if fact.call_id not in self._conferences:
            return
        if self._talks_with(fact.call_id):
            self._act(f.ConferenceBegan(fact.call_id), now)
        else:
            self._conferences.discard(fact.call_id)
