"""The live calls, folded from the same entries that the journal keeps.

Replaying a journal into an empty book gives the book that the running system had,
so a restart needs no other memory. Who rings, talks and waits is what the engine decided,
never what a switch or a person asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from acd import decisions as d
from callcenter import happenings as h
from cti import events as e
from cti.calls import Leg, Place

MAX_TRAIL = 100
MAX_OVER = 1_000  # finished calls that are remembered, to know a late fact from a new call


@dataclass(slots=True)
class LiveCall:
    """What is known of one call while it lives and until its wrap-up is over."""

    call_id: str
    link: str = ""
    direction: str = "inbound"
    ani: str = ""
    ani_name: str = ""
    dnis: str = ""
    trunk: str = ""
    place: Place = Place.ENTRY
    arrived: float = 0.0
    flow: str = ""
    language: str = ""
    trail: list[tuple[float, str, str, str]] = field(default_factory=list)
    queue: str = ""
    entered: float | None = None
    offer_id: str = ""
    agent: str = ""
    offered: float | None = None
    rang: float | None = None
    answered: float | None = None
    ended: float | None = None
    waited_s: float | None = None
    reason: d.Reason | None = None
    customer_id: str = ""
    customer_name: str = ""
    wrapped_up: bool = False
    legs: dict[str, Leg] = field(default_factory=dict)  # further parties, by leg id
    muted: bool = False
    recording: str = ""  # the id of the recording that runs, "" for none
    recording_paused: bool = False
    number: str = ""  # outbound: what was dialled

    @property
    def over(self) -> bool:
        """Nobody needs this call any more."""
        return self.ended is not None and (self.answered is None or self.wrapped_up)


class CallBook:
    """All live calls by id. `on_over` is told of each call that nobody needs any more."""

    def __init__(self, on_over: Callable[[str], None] = lambda call_id: None) -> None:
        self.calls: dict[str, LiveCall] = {}
        self._on_over = on_over
        self._over: OrderedDict[str, None] = OrderedDict()
        self._apply: dict[type, Any] = {
            e.CallArrived: self._arrived,
            e.CallAdopted: self._adopted,
            e.CallEnded: self._ended,
            e.CallHeld: lambda x, at: self._place(x.call_id, Place.HELD),
            e.CallRetrieved: lambda x, at: self._place(x.call_id, Place.TALKING),
            e.OfferRinging: self._ringing,
            e.CallWaiting: self._waiting,
            h.FlowStarted: self._flow_started,
            h.FlowEnded: self._flow_ended,
            h.Trail: self._trail,
            h.CustomerMatched: self._matched,
            h.CallPlaced: self._placed,
            h.CallMissed: self._ended,
            d.CallEntered: self._entered,
            d.CallLeft: self._left,
            d.Offer: self._offered,
            d.Callback: self._offered,
            d.OfferEnded: self._offer_ended,
            d.WrapUpEnded: self._wrapped_up,
            d.CallCompleted: self._completed,
            d.CallbackChanged: self._callback_changed,
        }

    def apply(self, entry: object, at: float) -> None:
        """Take one journal entry."""
        known = self._apply.get(type(entry))
        if known is not None:
            known(entry, at)

    def snapshot(self) -> list[LiveCall]:
        """All of it, ready to be encoded."""
        return list(self.calls.values())

    def restore(self, kept: object) -> None:
        """Become what a decoded `snapshot` says."""
        calls = msgspec.convert(kept, list[LiveCall])
        self.calls = {call.call_id: call for call in calls}

    def get(self, call_id: str) -> LiveCall | None:
        return self.calls.get(call_id)

    def has_had(self, call_id: str) -> bool:
        """Whether the call lives or was over lately."""
        return call_id in self.calls or call_id in self._over

    def of_link(self, link: str) -> list[LiveCall]:
        """Calls that should be living on this switch."""
        return [c for c in self.calls.values() if c.link == link and c.ended is None]

    # What switches say ---------------------------------------------------------------------

    def _arrived(self, x: e.CallArrived, at: float) -> None:
        if x.call_id not in self.calls:
            self.calls[x.call_id] = LiveCall(
                x.call_id, x.link, "inbound", x.ani, x.ani_name, x.dnis, x.trunk, arrived=at
            )

    def _adopted(self, x: e.CallAdopted, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is None:
            call = self.calls[x.call_id] = LiveCall(
                x.call_id, x.link, "inbound", x.ani, x.ani_name, x.dnis, x.trunk, arrived=at
            )
            call.queue = x.queue
            call.entered = x.entered_at or None
        call.link = x.link
        if x.place is not Place.WAITING or not call.offer_id:  # else the offer is yet to ring
            call.place = x.place

    def _place(self, call_id: str, place: Place) -> None:
        call = self.calls.get(call_id)
        if call is not None and call.ended is None:
            call.place = place

    def _waiting(self, x: e.CallWaiting, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None and call.place is Place.RINGING and not call.offer_id:
            call.place = Place.WAITING

    def _ringing(self, x: e.OfferRinging, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None and call.offer_id == x.offer_id:
            call.rang, call.place = at, Place.RINGING

    def _ended(self, x: e.CallEnded | h.CallMissed, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is None:
            return
        if call.direction == "callback" and call.answered is None:
            return  # only this attempt ended; the engine says when the callback is over
        call.ended, call.place = at, Place.ENDED
        self._forget(call)

    def _placed(self, x: h.CallPlaced, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.link = x.link

    # Menus and records ---------------------------------------------------------------------

    def _flow_started(self, x: h.FlowStarted, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.flow, call.language = x.flow, x.language or call.language

    def _flow_ended(self, x: h.FlowEnded, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.queue = x.queue or call.queue
            call.language = x.language or call.language

    def _trail(self, x: h.Trail, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None and len(call.trail) < MAX_TRAIL:
            call.trail.append((at, x.what, x.label, x.value))

    def _matched(self, x: h.CustomerMatched, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.customer_id, call.customer_name = x.customer_id, x.name

    # What the engine decided ---------------------------------------------------------------

    def _entered(self, x: d.CallEntered, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None and x.kind == "callback":
            call = self.calls[x.call] = LiveCall(
                x.call, direction="callback", place=Place.WAITING, arrived=at
            )
        if call is not None:
            call.queue, call.entered = x.queue, x.entered
            if call.place is Place.ENTRY:
                call.place = Place.WAITING

    def _offered(self, x: d.Offer | d.Callback, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None:
            return
        call.offer_id, call.agent, call.offered = x.offer, x.agent, at
        call.rang, call.reason = None, x.reason
        call.place = Place.RINGING

    def _offer_ended(self, x: d.OfferEnded, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None or call.offer_id != x.offer:
            return
        if x.outcome != "accepted":
            self._put_back(call)
        elif call.direction == "callback":
            call.place = Place.TALKING  # with the agent, while the customer is dialled

    @staticmethod
    def _put_back(call: LiveCall) -> None:
        """Nobody's call at the moment."""
        call.offer_id, call.agent, call.offered, call.rang = "", "", None, None
        if call.ended is None:
            call.place = Place.WAITING

    def _left(self, x: d.CallLeft, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None:
            return
        call.waited_s = x.waited_s
        if x.outcome in ("answered", "reached"):
            call.agent, call.answered = x.agent, at
            if call.place is not Place.HELD:
                call.place = Place.TALKING

    def _completed(self, x: d.CallCompleted, at: float) -> None:
        call = self.calls.get(x.call)
        if call is not None:
            call.ended = call.ended or at
            call.place = Place.ENDED

    def _wrapped_up(self, x: d.WrapUpEnded, at: float) -> None:
        call = self.calls.get(x.call)
        if call is not None:
            call.wrapped_up = True
            self._forget(call)

    def _callback_changed(self, x: d.CallbackChanged, at: float) -> None:
        call = self.calls.get(x.callback)
        if call is None:
            return
        if not call.ani:
            self._begin_callback(call, x)
        if x.state in ("queued", "retry", "expired", "cancelled"):
            self._put_back(call)
        if x.state in ("expired", "cancelled"):
            call.ended, call.place = at, Place.ENDED
            self._forget(call)

    def _begin_callback(self, call: LiveCall, x: d.CallbackChanged) -> None:
        call.ani = call.dnis = x.number
        first = self.calls.get(x.call)
        if first is not None:
            call.link, call.ani_name = first.link, first.ani_name
            call.dnis, call.trunk = first.dnis, first.trunk
            call.language, call.trail = first.language, list(first.trail)
            call.customer_id, call.customer_name = first.customer_id, first.customer_name

    def _forget(self, call: LiveCall) -> None:
        if call.over and self.calls.pop(call.call_id, None) is not None:
            self._over[call.call_id] = None
            if len(self._over) > MAX_OVER:
                self._over.popitem(last=False)
            self._on_over(call.call_id)
