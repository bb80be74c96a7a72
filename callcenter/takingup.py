"""What lives on a switch after our absence, and what ended there: the engine follows it.

A part of `callcenter.routing`. Nobody is blamed for what happened while nobody looked.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from acd import facts as f
from cti import commands as c
from cti import events as e
from cti.calls import CONVERSATION, EndedBy, Place

if TYPE_CHECKING:
    from callcenter.routing import Line, Routing

SWITCH_LOST = EndedBy.SWITCH_LOST.value


class TakingUp:
    """Brings the engine's picture of calls to the switch's."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing

    def call(
        self,
        fact: e.CallAdopted,
        place: str,
        offer: str,
        now: float,
        *,
        others: Collection[str] = (),
        callback: bool = False,
        agent: str = "",
        legs: Collection[str] = (),
    ) -> None:
        """Take up a live call found on the switch: the engine's picture follows the switch's.

        `place` is where the engine has the call ("" when it has none: `acd.lines`), `offer`
        its open offer (`others`: when several phones ring), `agent` who has it, `legs` its open
        legs. Nobody is blamed for an offer that our absence ended.
        """
        if fact.place is Place.ENTRY:
            # Its voice session comes back by itself (IvrResumed).
            if place == "connected":
                self._routing.act(f.CallTransferred(fact.call_id, onward="menu"), now)
            self._routing.forget_sent(fact.call_id)
            return
        line = self._routing.line(fact.call_id)
        if callback and fact.place is Place.RINGING:
            self._dialled(line, fact, place, offer, now)
            return
        if line.wait is None and fact.queue:
            line.wait = self._routing.wait_order(fact.call_id, fact.queue, fact.entered_at)
        offers = {offer, *others} - {""}
        rings = dict([(fact.offer_id, fact.agent_id), *fact.also])
        if fact.place in CONVERSATION:
            self._talking(line, fact, place, offers, agent, now)
            self._routing.parties.take_up(fact, legs, now)
        elif fact.place is Place.RINGING and offers & rings.keys():
            line.offers, line.movable = {one: rings[one] for one in rings if one in offers}, False
            for one in sorted(rings.keys() - offers):
                self._routing.execute(c.CancelOffer(fact.call_id, one))
            self._lost(offers - rings.keys(), now)
        elif not place and not fact.queue:
            self._routing.forget(fact.call_id)
        else:
            for one in rings if fact.place is Place.RINGING else ():
                self._routing.execute(c.CancelOffer(fact.call_id, one))
            self._waiting(line, fact, place, offers, now)

    def _dialled(self, line: Line, fact: e.CallAdopted, place: str, offer: str, now: float) -> None:
        """A callback's attempt lives on the switch: the agent's phone or the customer's rings."""
        line.dialled = fact.offer_id
        if fact.offer_id == offer:
            line.talking = place == "dialling"
            line.offers = {} if line.talking else {offer: fact.agent_id}
            return
        self._routing.execute(c.CancelOffer(fact.call_id, fact.offer_id))
        if place == "offered" and (line.parked is None or line.parked.offer_id != offer):
            self._routing.act(f.OfferLost(offer, "the switch does not ring any more"), now)

    def _talking(
        self,
        line: Line,
        fact: e.CallAdopted,
        place: str,
        offers: Collection[str],
        agent: str,
        now: float,
    ) -> None:
        line.talking, line.parked, line.entry = True, None, None
        line.offers.clear()
        if place == "offered" and fact.offer_id in offers:
            self._routing.act(f.OfferAccepted(fact.offer_id), now)
        elif place != "connected":
            self._routing.act(
                f.CallFoundConnected(fact.call_id, fact.queue, fact.agent_id, fact.entered_at), now
            )
        elif fact.agent_id and fact.agent_id != agent:
            self._routing.act(f.CallHandedOver(fact.call_id, fact.agent_id), now)

    def _waiting(
        self, line: Line, fact: e.CallAdopted, place: str, offers: Collection[str], now: float
    ) -> None:
        line.movable, line.visited = fact.place is Place.WAITING, False
        if line.sent is not None and not place:
            return  # decided while the switch was away: done as soon as we go on
        if place == "connected":  # away from the agent, while nobody looked
            self._routing.act(f.CallTransferred(fact.call_id, fact.queue), now)
            return
        entry, line.entry = line.entry, None  # we may have missed that the caller waits by now
        if place == "offered" and (line.parked is None or line.parked.offer_id not in offers):
            self._lost(offers, now)
        elif not place:
            place_kept = f.CallQueued(fact.call_id, fact.queue, entered=fact.entered_at or None)
            self._routing.act(entry or place_kept, now)

    def _lost(self, offers: Collection[str], now: float) -> None:
        """These offers came to nothing while nobody looked."""
        for offer in sorted(offers):
            self._routing.act(f.OfferLost(offer, "the switch does not ring any more"), now)

    def missed(self, call_id: str, now: float, *, lost: bool = False) -> None:
        """A call ended while nobody looked: a caller who waited has given up, then or later.

        `lost`: the whole switch ended, and the call with it.
        """
        self._routing.parties.call_over(call_id, now)
        self._routing.act(f.CallEnded(call_id, SWITCH_LOST) if lost else f.CallerGone(call_id), now)
        self._routing.forget(call_id)

    def callback_missed(self, call_id: str, offer: str, now: float) -> None:
        """A callback's attempt is not on its switch any more, or never was.

        `offer` is "" when no attempt is due: one whose end was not told held up the next.
        """
        line = self._routing.known_line(call_id)
        if line is not None:
            line.dialled = ""
        if not offer:
            return
        if line is not None and line.offer == offer and line.parked is not None:
            return  # decided while the switch was away: dialled as soon as we go on
        # One of the two fits: the agent's phone rang, or the customer's.
        self._routing.act(f.OfferLost(offer, "the switch does not ring any more"), now)
        self._routing.act(f.CallbackFailed(call_id, "unreachable"), now)
