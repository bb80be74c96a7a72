"""The live calls, folded from the same entries that the journal keeps.

Replaying a journal into an empty book gives the book that the running system had,
so a restart needs no other memory. Who rings, talks and waits is what the engine decided,
never what a switch or a person asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from acd import decisions as d
from acd import facts as f
from callcenter import happenings as h
from cti import events as e
from cti.calls import Leg, LegState, OfferFailure, Place, Supervision

MAX_TRAIL = 100
_PLACES = {
    "talking": Place.TALKING,
    "held": Place.HELD,
    "consulting": Place.CONSULTING,
    "conference": Place.CONFERENCE,
}
_WANTED = frozenset(  # orders that the agent of a call gives; the others are ours
    (
        "TransferCall",
        "StartWaiting",
        "StartMenu",
        "DialLeg",
        "HandOver",
        "JoinLegs",
        "SwapLegs",
        "HoldCall",
        "RetrieveCall",
        "MuteAgent",
        "SendDigits",
        "StartRecording",
    )
)
MAX_OVER = 1_000  # finished calls that are remembered, to know a late fact from a new call


@dataclass(slots=True)
class Part:
    """An agent's part of a call that is over, till the agent's after-call work for it is."""

    queue: str
    entered: float | None
    waited_s: float | None
    offered: float | None
    answered: float | None
    ended: float
    reason: d.Reason | None


@dataclass(slots=True)
class Trouble:
    """What did not come about that the agent of a call wanted; gone with the next deed.

    `what` is the order that the switch refused, or "LegFailed" for a party that was not
    reached: the `agent` or `number`, and `why`.
    """

    at: float
    what: str
    agent: str = ""
    number: str = ""
    why: str = ""


@dataclass(slots=True)
class LiveCall:
    """What is known of one call while it lives and until all wrap-ups for it are over.

    `agent` is whose call it is now (or whose phone rings), "" for nobody or for somebody
    outside who got it. `parts` are the agents whose part is over and who still wrap it up,
    by id; see `as_seen_by`.
    """

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
    leg_since: dict[str, float] = field(default_factory=dict)  # since when each leg is as it is
    led: dict[str, str] = field(default_factory=dict)  # phones on other switches: leg ("" is the
    # agent's) to that switch
    parts: dict[str, Part] = field(default_factory=dict)
    trouble: Trouble | None = None
    round: str = ""  # several phones ring, or did last
    rings: dict[str, str] = field(default_factory=dict)  # those of them that do: agent to offer
    queued: f.CallQueued | None = None  # with which wishes it was let into a queue last
    sent: d.SendOn | None = None  # on the way elsewhere, not there yet
    announced: dict[str, tuple[int, float]] = field(default_factory=dict)  # in this queue: place
    # in its plan to how often, and when last
    asked_in: str = ""  # callback: the call in which it was asked for
    promised: float | None = None  # callback: the time that the customer chose
    why: str = ""  # the code of why it waits, as written down last
    whys: int = 0  # how often it was
    rank: dict[str, int] = field(default_factory=dict)  # see `callcenter.happenings.Ranked`
    reached: bool = False  # callback, outbound: the customer is (or was) on the line

    def is_led_over(self, link: str) -> bool:
        """Whether the phone of its agent is at this switch, and the call at another."""
        return self.ended is None and self.led.get("") == link

    @property
    def over(self) -> bool:
        """Nobody needs this call any more."""
        if self.ended is None or self.parts:
            return False
        return self.answered is None or self.wrapped_up

    def as_seen_by(self, agent: str) -> LiveCall:
        """The call as it is for `agent`: over, when only the wrap-up of the agent's part is left.

        Somebody else may have it by now; what is changed here changes the call of nobody.
        """
        if agent in self.rings and agent != self.agent:
            return replace(self, agent=agent, offer_id=self.rings[agent])
        part = self.parts.get(agent)
        if part is None or agent in (self.agent, *(leg.agent_id for leg in self.legs.values())):
            return self
        return replace(
            self,
            place=Place.ENDED,
            agent=agent,
            offer_id="",
            queue=part.queue,
            entered=part.entered,
            waited_s=part.waited_s,
            offered=part.offered,
            answered=part.answered,
            ended=part.ended,
            reason=part.reason,
            trail=[step for step in self.trail if step[0] <= part.ended],
            legs={},
            leg_since={},
            led={},
            parts={},
            muted=False,
            recording="",
            recording_paused=False,
            trouble=None,
        )

    def leg_of(self, agent: str) -> Leg | None:
        """The further leg that this agent has on the call."""
        return next((leg for leg in self.legs.values() if agent and leg.agent_id == agent), None)

    def consulted(self) -> Leg | None:
        """The party of a consultation, ringing, talking or waiting; None in a conference."""
        if self.place is Place.CONFERENCE:
            return None
        return next((leg for leg in self.legs.values() if leg.supervision is None), None)


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
            e.LegAnswered: self._leg_answered,
            e.LegFailed: self._leg_failed,
            e.LegEnded: self._leg_over,
            e.LegsSwapped: self._legs_swapped,
            e.ConferenceBegan: self._conference,
            e.CallHandedOver: self._leg_over,
            e.SupervisionChanged: self._supervision,
            e.OrderFailed: self._order_failed,
            e.AgentMuted: self._muted,
            e.RecordingStarted: self._recording,
            e.RecordingPaused: self._recording,
            e.RecordingResumed: self._recording,
            e.RecordingStopped: self._recording,
            h.LegPlaced: self._leg_placed,
            h.CallAction: self._action,
            h.FlowStarted: self._flow_started,
            h.FlowEnded: self._flow_ended,
            h.Trail: self._trail,
            h.Announced: self._announced,
            h.WaitExplained: self._explained,
            h.Ranked: self._ranked,
            f.CallQueued: self._queued,
            h.CustomerMatched: self._matched,
            h.CallPlaced: self._placed,
            h.PhoneLed: lambda x, at: self._led(x.call_id, x.leg_id, x.link),
            h.CallMissed: self._ended,
            d.CallEntered: self._entered,
            d.CallLeft: self._left,
            d.SendOn: self._sent_on,
            d.Offer: self._offered,
            d.Callback: self._offered,
            d.OfferEnded: self._offer_ended,
            d.WrapUpEnded: self._wrapped_up,
            d.CallCompleted: self._completed,
            d.CallTaken: self._taken,
            d.AgentChanged: self._agent_changed,
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
        there = {leg.leg_id: leg for leg in x.legs}
        call.leg_since = {leg_id: call.leg_since.get(leg_id, at) for leg_id in there}
        call.legs = there

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
        if call is not None and x.offer_id in (call.offer_id, *call.rings.values()):
            call.rang, call.place = at, Place.RINGING

    def _ended(self, x: e.CallEnded | h.CallMissed, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is None:
            return
        if call.direction == "callback" and not call.reached and call.answered is None:
            return  # only this attempt ended; the engine says when the callback is over
        call.ended, call.place = at, Place.ENDED
        call.legs, call.leg_since = {}, {}
        call.recording, call.recording_paused, call.muted = "", False, False
        self._forget(call)

    def _led(self, call_id: str, leg_id: str, link: str) -> None:
        call = self.calls.get(call_id)
        if call is not None:
            call.led.pop(leg_id, None)
            if link:
                call.led[leg_id] = link

    def _placed(self, x: h.CallPlaced, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.link = x.link

    # Further parties, recording ------------------------------------------------------------

    def _leg_placed(self, x: h.LegPlaced, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None and call.ended is None:
            mode = Supervision(x.supervision) if x.supervision else None
            self._put_leg(call, Leg(x.leg_id, x.agent, x.number, LegState.RINGING, mode), at)

    @staticmethod
    def _put_leg(call: LiveCall, leg: Leg, at: float) -> None:
        call.legs[leg.leg_id] = leg
        call.leg_since[leg.leg_id] = at

    def _leg_answered(self, x: e.LegAnswered, at: float) -> None:
        call = self.calls.get(x.call_id)
        leg = None if call is None else call.legs.get(x.leg_id)
        if call is not None and leg is not None:
            state = LegState.TALKING if leg.supervision is None else LegState.SUPERVISING
            self._put_leg(call, replace(leg, state=state), at)

    def _leg_failed(self, x: e.LegFailed, at: float) -> None:
        call = self.calls.get(x.call_id)
        leg = None if call is None else call.legs.get(x.leg_id)
        if call is not None and leg is not None:
            given_up = x.why in (OfferFailure.CANCELLED, OfferFailure.CALLER_GONE)
            if leg.supervision is None and not given_up:
                call.trouble = Trouble(at, "LegFailed", leg.agent_id, leg.number, x.why.value)
        self._leg_over(x, at)

    def _action(self, x: h.CallAction, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None and x.verb != "supervise":
            call.trouble = None

    def _leg_over(self, x: e.LegFailed | e.LegEnded | e.CallHandedOver, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.legs.pop(x.leg_id, None)
            call.leg_since.pop(x.leg_id, None)
            link = call.led.pop(x.leg_id, "")
            if isinstance(x, e.CallHandedOver):
                self._led(x.call_id, "", link)

    def _legs_swapped(self, x: e.LegsSwapped, at: float) -> None:
        call = self.calls.get(x.call_id)
        leg = None if call is None else call.legs.get(x.leg_id)
        if call is not None and leg is not None:
            state = LegState.TALKING if x.caller_held else LegState.HELD
            self._put_leg(call, replace(leg, state=state), at)

    def _conference(self, x: e.ConferenceBegan, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is None:
            return
        for leg in list(call.legs.values()):
            if leg.state is LegState.HELD:
                self._put_leg(call, replace(leg, state=LegState.TALKING), at)

    def _supervision(self, x: e.SupervisionChanged, at: float) -> None:
        call = self.calls.get(x.call_id)
        leg = None if call is None else call.legs.get(x.leg_id)
        if call is not None and leg is not None:
            self._put_leg(call, replace(leg, supervision=x.mode), at)

    def _order_failed(self, x: e.OrderFailed, at: float) -> None:
        """What the agent wanted is not done. A party whom the switch would not ring is none."""
        call = self.calls.get(x.call_id)
        if call is None:
            return
        if x.order in _WANTED and call.agent and call.answered is not None:
            call.trouble = Trouble(at, x.order)
        if x.order not in ("DialLeg", "SuperviseCall"):
            return
        for leg in list(call.legs.values()):
            supervises = leg.supervision is not None
            meant = x.leg_id in ("", leg.leg_id) and supervises == (x.order == "SuperviseCall")
            if meant and leg.state is LegState.RINGING:
                del call.legs[leg.leg_id], call.leg_since[leg.leg_id]

    def _muted(self, x: e.AgentMuted, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.muted = x.on

    def _recording(
        self,
        x: e.RecordingStarted | e.RecordingPaused | e.RecordingResumed | e.RecordingStopped,
        at: float,
    ) -> None:
        call = self.calls.get(x.call_id)
        if call is None or call.ended is not None:
            return
        if isinstance(x, e.RecordingStarted):
            call.recording, call.recording_paused = x.recording_id, False
        elif call.recording == x.recording_id:
            call.recording_paused = isinstance(x, e.RecordingPaused)
            if isinstance(x, e.RecordingStopped):
                call.recording = ""

    # Menus and records ---------------------------------------------------------------------

    def _flow_started(self, x: h.FlowStarted, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.flow, call.language = x.flow, x.language or call.language
            call.sent = None

    def _flow_ended(self, x: h.FlowEnded, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.queue = x.queue or call.queue
            call.language = x.language or call.language

    def _trail(self, x: h.Trail, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None and len(call.trail) < MAX_TRAIL:
            call.trail.append((at, x.what, x.label, x.value))

    def _announced(self, x: h.Announced, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.announced[str(x.place)] = (x.times, at)

    def _explained(self, x: h.WaitExplained, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.why, call.whys = x.reason.code, call.whys + 1

    def _ranked(self, x: h.Ranked, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.rank = dict(x.parts)

    def _queued(self, x: f.CallQueued, at: float) -> None:
        call = self.calls.get(x.call)
        if call is not None:
            call.queued = x

    def _matched(self, x: h.CustomerMatched, at: float) -> None:
        call = self.calls.get(x.call_id)
        if call is not None:
            call.customer_id, call.customer_name = x.customer_id, x.name

    # What the engine decided ---------------------------------------------------------------

    def _entered(self, x: d.CallEntered, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None and x.kind in ("callback", "outbound"):
            call = self.calls[x.call] = LiveCall(
                x.call, direction=x.kind, place=Place.WAITING, arrived=at
            )
        if call is not None:
            call.queue, call.entered, call.announced = x.queue, x.entered, {}
            call.sent = None
            if call.place is Place.ENTRY:
                call.place = Place.WAITING

    def _offered(self, x: d.Offer | d.Callback, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None:
            return
        call.offered, call.rang, call.reason = at, None, x.reason
        begun, call.round = call.round, x.round if isinstance(x, d.Offer) else ""
        if not call.round or call.round != begun:
            call.rings = {}
            call.offer_id, call.agent = x.offer, x.agent
        if call.round:
            call.rings[x.agent] = x.offer
        call.place = Place.RINGING
        if isinstance(x, d.Callback) and not call.ani:
            call.ani = call.number = x.number

    def _offer_ended(self, x: d.OfferEnded, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None or x.offer not in (call.offer_id, *call.rings.values()):
            return
        if x.outcome == "accepted":
            call.offer_id, call.agent, call.rings = x.offer, x.agent, {}
        elif call.rings:
            del call.rings[x.agent]
        if x.outcome != "accepted" and call.offer_id == x.offer:
            if call.rings:
                call.agent, call.offer_id = next(iter(call.rings.items()))
            else:
                self._put_back(call)
        elif x.outcome == "accepted" and call.direction != "inbound" and not call.reached:
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
            call.reached = x.outcome == "reached" or call.reached
            if call.place is not Place.HELD:
                call.place = Place.TALKING
        elif x.kind == "outbound":
            call.ended, call.place = call.ended or at, Place.ENDED
            self._forget(call)

    def _sent_on(self, x: d.SendOn, at: float) -> None:
        """On the way to a menu, the voicemail or somebody outside."""
        call = self.calls.get(x.call)
        if call is not None and call.ended is None:
            call.place, call.entered, call.sent = Place.ENTRY, None, x

    def _completed(self, x: d.CallCompleted, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None:
            return
        call.parts[x.agent] = Part(
            x.queue, call.entered, call.waited_s, call.offered, call.answered, at, call.reason
        )
        call.muted, call.trouble = False, None
        if not x.onward:
            call.ended = call.ended or at
            call.place = Place.ENDED
            return
        call.agent, call.answered, call.offered, call.offer_id = "", None, None, ""
        if x.onward in ("queue", "agent", "parked"):
            call.place = Place.WAITING
        elif call.ended is not None:
            call.place = Place.ENDED
        elif x.onward == "menu":
            call.place, call.entered, call.waited_s = Place.ENTRY, None, None
        else:
            call.place = Place.TALKING  # with somebody outside

    def _taken(self, x: d.CallTaken, at: float) -> None:
        call = self.calls.get(x.call)
        if call is not None and call.ended is None:
            call.agent, call.queue = x.agent, x.queue
            call.reason = d.Reason("taken", {"by": x.giver})
            call.offered, call.answered = at, at
            call.place = Place.TALKING

    def _agent_changed(self, x: d.AgentChanged, at: float) -> None:
        """Whoever has a call knows best whether it is held, a consultation, a conference."""
        if x.state not in _PLACES or not x.call or x.leg:
            return
        call = self.calls.get(x.call)
        if call is not None and call.agent == x.agent and call.ended is None:
            call.place = _PLACES[x.state]

    def _wrapped_up(self, x: d.WrapUpEnded, at: float) -> None:
        call = self.calls.get(x.call)
        if call is None:
            return
        call.parts.pop(x.agent, None)
        if call.ended is not None and call.agent in ("", x.agent):
            call.wrapped_up = True
        self._forget(call)

    def _callback_changed(self, x: d.CallbackChanged, at: float) -> None:
        call = self.calls.get(x.callback)
        if call is None:
            return
        call.promised = x.promised
        if not call.ani:
            self._begin_callback(call, x)
        if x.state in ("queued", "due later", "retry", "expired", "cancelled"):
            self._put_back(call)
        if x.state in ("expired", "cancelled"):
            call.ended, call.place = at, Place.ENDED
            self._forget(call)

    def _begin_callback(self, call: LiveCall, x: d.CallbackChanged) -> None:
        call.ani = call.dnis = x.number
        call.asked_in = x.call
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
