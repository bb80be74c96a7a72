"""Further parties of a call: consultation, conference, hand-over.

    talking ──DialLeg──▶ consulting ⇄ SwapLegs ──JoinLegs──▶ conference ⇄ DialLeg, EndLeg
       ▲                     │ party gone: held                   │ two are left
       └──── HandOver, or the agent hangs up: the party has the caller

Every leg is an Originate with a channel of its own; what it does after its answer stands in
`cti.asterisk.legs_plan`. Two parties talk in a plain bridge; three and more in a ConfBridge.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions, Handler, OrderError, dialable, token, whole_seconds
from cti.asterisk.actions import agent as agent_name
from cti.asterisk.ami import AmiError, Frame, Reply
from cti.asterisk.live import Live, LiveLeg
from cti.asterisk.outcomes import ANSWERED, UNCONFIRMED, originate_failure
from cti.calls import MOST_LEGS, EndedBy, LegState, OfferFailure, PhoneKind, Place

log = logging.getLogger(__name__)


class Legs:
    """Carries out the orders on further legs, and reports what becomes of them.

    `confirm_outside`: an agent at an outside number has to press 1 to be connected.
    """

    def __init__(self, actions: Actions, *, confirm_outside: bool = True) -> None:
        self._do = actions
        self._calls = actions.calls
        self._confirm_outside = confirm_outside
        self._heirs: dict[str, str] = {}  # call id to the leg that is to have a conference
        self._unwanted: set[str] = set()  # uniqueids of channels on their way, to be ended
        self.orders: dict[type, Handler] = {
            c.DialLeg: self._dial,
            c.EndLeg: self._end,
            c.SwapLegs: self._swap,
            c.JoinLegs: self._join,
            c.HandOver: self._hand_over,
        }
        self.events = {
            "DialBegin": self._on_dial_begin,
            "OriginateResponse": self._on_originate,
            "Hangup": self._on_hangup,
            "UserEvent/LegAnswered": self._on_answered,
            "UserEvent/LegUnconfirmed": self._on_unconfirmed,
            "UserEvent/HandedOver": self._on_handed_over,
        }

    # Dialling -------------------------------------------------------------------------

    def _dial(self, order: c.DialLeg) -> None:
        call = self._conversation(order)
        if order.leg_id in call.legs:
            raise OrderError("the leg exists already")
        if call.consulted is not None:
            raise OrderError("a consultation is open already")
        if call.place not in (Place.TALKING, Place.HELD, Place.CONFERENCE):
            raise OrderError("nobody talks with the caller")
        if len(call.talking_legs) >= MOST_LEGS:
            raise OrderError("too many are in the call")
        outside = order.phone.kind is PhoneKind.OUTSIDE
        if not order.agent_id and not outside:
            raise OrderError("a party that is no agent has a number")
        agent_id = agent_name(order.agent_id) if order.agent_id else ""
        leg = LiveLeg(
            token(order.leg_id, "leg"),
            agent_id,
            f"{call.call_id}~{order.leg_id}",
            order.phone.address if outside else "",
        )
        dialled = self._do.endpoint(order.phone, agent_id)
        if call.place is Place.CONFERENCE:
            self._ring(call, leg, order, dialled, "room")
            self._calls.add_leg(call, leg)
        else:
            self._consult(call, leg, order, dialled)

    def _consult(self, call: Live, leg: LiveLeg, order: c.DialLeg, dialled: str) -> None:
        """The caller hears music (already, or from now on), the agent hears ringing."""
        held, callback = call.place is Place.HELD, call.callback
        if callback:
            self._do.caller_leads(call)
        agent = call.peer
        self._do.set(agent, "CC_RING", str(whole_seconds(order.ring_s)))
        self._do.set(call.channel, "CC_HEIR", leg.leg_id)

        def parted(_: Reply) -> None:
            if not held:
                self._do.report(e.CallHeld(call.call_id))
            if call.legs.get(leg.leg_id) is not leg:
                return  # the call has left its agent meanwhile
            try:
                self._ring(call, leg, order, dialled, "s")
            except AmiError:
                self._failed(call, leg, OfferFailure.UNREACHABLE)

        def not_parted(_: c.Order) -> None:
            self._calls.forget_leg(call, leg)
            call.place = Place.HELD if held else Place.TALKING

        if held:
            self._do.redirect(order, agent, "cc-ringing-agent", "s", done=parted, failed=not_parted)
        else:
            self._do.redirect(
                order,
                call.channel,
                "cc-hold",
                agent,
                extra=(agent, "cc-hold-ring", call.channel),
                done=parted,
                failed=not_parted,
            )
        call.place = Place.CONSULTING
        self._calls.add_leg(call, leg)

    def _ring(self, call: Live, leg: LiveLeg, order: c.DialLeg, dialled: str, to: str) -> None:
        if leg.cancelled:
            self._failed(call, leg, OfferFailure.CANCELLED)
            return
        outside = order.phone.kind is PhoneKind.OUTSIDE
        confirm = self._confirm_outside and outside and leg.agent_id != ""
        variables = {
            "CC_LEG": leg.leg_id,
            "CC_LEG_CALL": call.call_id,
            "CC_LEG_AGENT": leg.agent_id,
            "CC_LEG_NUMBER": leg.number,
            "CC_LEG_TO": to,
            "CC_WITH": call.peer,
            "CC_CALLER": call.channel,
            "CC_MUSIC": "default",
        }
        self._do.send(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{dialled}",
                "Context": "cc-leg",
                "Exten": "confirm" if confirm else to,
                "Priority": "1",
                "Timeout": str(max(1000, min(600_000, math.ceil(order.ring_s * 1000)))),
                "CallerID": order.caller_id if dialable(order.caller_id) else "",
                "ChannelId": leg.uniqueid,
                "Async": "true",
                "Variable": [f"{name}={value}" for name, value in variables.items()],
            },
            order,
            refused=lambda: self._failed(call, leg, OfferFailure.UNREACHABLE),
        )

    def _on_dial_begin(self, event: Frame) -> None:
        uniqueid = event.get("DestUniqueid")
        if uniqueid in self._unwanted:
            self._do.end_channel(event.get("DestChannel"))
        found = self._calls.on_leg(uniqueid)
        if found is None:
            return
        call, leg = found
        if leg.channel or leg.supervision is not None:
            return
        leg.channel = event.get("DestChannel")
        if leg.cancelled:
            self._do.end_channel(leg.channel)
        else:
            self._do.report(e.LegRinging(call.call_id, leg.leg_id, leg.agent_id))

    def _on_originate(self, event: Frame) -> None:
        self._unwanted.discard(event.get("Uniqueid"))
        found = self._calls.on_leg(event.get("Uniqueid"))
        if found is None or found[1].supervision is not None:
            return
        call, leg = found
        if event.get("Response") == "Success":
            leg.reason = leg.reason or ANSWERED
        else:
            leg.reason = event.get("Reason") or "0"
        self._not_answered(call, leg)

    def _on_unconfirmed(self, event: Frame) -> None:
        found = self._told(event)
        if found is not None:
            found[1].reason = UNCONFIRMED

    def _not_answered(self, call: Live, leg: LiveLeg) -> None:
        """Both the answer to Originate and the channel's end are needed to say why."""
        if leg.answered or not leg.reason or (leg.channel and not leg.cause):
            return
        why = originate_failure(leg.reason, leg.cause)
        self._failed(call, leg, OfferFailure.CANCELLED if leg.cancelled else why)

    def _failed(self, call: Live, leg: LiveLeg, why: OfferFailure) -> None:
        if call.legs.get(leg.leg_id) is leg:
            quiet = call.consulted is leg and not call.agent_gone
            fact = e.LegFailed(call.call_id, leg.leg_id, leg.agent_id, why)
            self._without(call, leg, fact)
            if quiet and call.place is Place.HELD:
                self._redirect_unasked(call.peer, "cc-held-agent", "s")

    def _on_answered(self, event: Frame) -> None:
        found = self._told(event)
        if found is None:
            return
        call, leg = found
        if leg.answered or leg.cancelled:
            return
        leg.state = LegState.TALKING
        self._do.report(e.LegAnswered(call.call_id, leg.leg_id, leg.agent_id))

    # Orders about a leg ---------------------------------------------------------------

    def _end(self, order: c.EndLeg) -> None:
        call = self._do.call(order)
        leg = self._leg(call, order.leg_id)
        if leg.channel or leg.answered:
            self._do.send({"Action": "Hangup", "Channel": leg.channel, "Cause": "16"}, order)
        leg.cancelled = not leg.answered  # a channel that is not there yet ends as it begins

    def _swap(self, order: c.SwapLegs) -> None:
        call = self._conversation(order)
        leg = self._answered(call, order.leg_id)
        if call.consulted is not leg:
            raise OrderError("the party is not consulted")
        to_caller = leg.state is LegState.TALKING

        def swapped(_: Reply) -> None:
            if call.legs.get(leg.leg_id) is leg:
                leg.state = LegState.HELD if to_caller else LegState.TALKING
                call.place = Place.TALKING if to_caller else Place.CONSULTING
                fact = e.LegsSwapped(call.call_id, leg.leg_id, caller_held=not to_caller)
                self._do.report(fact)

        if to_caller:
            self._do.set(call.channel, "CC_PARKED", leg.channel)
            extra = (call.channel, "cc-retrieve", "s")
            self._do.redirect(order, leg.channel, "cc-leg-parked", "s", extra=extra, done=swapped)
        else:
            self._do.set(call.channel, "CC_PARKED", "")
            extra = (call.channel, "cc-hold", call.peer)
            self._do.redirect(order, leg.channel, "cc-leg", "talk", extra=extra, done=swapped)

    def _join(self, order: c.JoinLegs) -> None:
        call = self._conversation(order)
        leg = call.consulted
        if leg is None or not leg.answered:
            raise OrderError("nobody is consulted who has answered")
        room = call.channel
        # The two who talk first and together, so that neither is left behind in their bridge.
        other, third = call.channel, leg.channel
        if leg.state is LegState.TALKING:
            other, third = third, other

        def joined(_: Reply) -> None:
            call.place = Place.CONFERENCE
            leg.state = LegState.TALKING
            self._do.report(e.ConferenceBegan(call.call_id))
            self._settle(call)

        extra = (other, "cc-conference", room)
        self._do.redirect(None, call.peer, "cc-conference", room, extra=extra)
        self._do.redirect(order, third, "cc-conference", room, done=joined)

    def _hand_over(self, order: c.HandOver) -> None:
        call = self._conversation(order)
        leg = self._answered(call, order.leg_id)
        if call.callback:
            self._do.caller_leads(call)
        agent = call.peer
        if call.place is Place.CONFERENCE:
            if leg.supervision is not None:
                self._do.redirect(None, leg.channel, "cc-conference", call.channel)
            self._heirs[call.call_id] = leg.leg_id
            self._do.send({"Action": "Hangup", "Channel": agent, "Cause": "16"}, order)
            return
        self._do.redirect(
            order,
            leg.channel,
            "cc-hold-agent",
            call.channel,
            extra=(call.channel, "cc-handed-over", leg.channel),
            done=lambda _: self._do.end_channel(agent),
        )

    def _conversation(self, order: c.Order) -> Live:
        call = self._do.call(order)
        if not call.connected or not call.peer or call.agent_gone:
            raise OrderError("no agent talks with the caller")
        if not call.agent_id:
            raise OrderError("no agent is in the call")
        return call

    @staticmethod
    def _leg(call: Live, leg_id: str) -> LiveLeg:
        leg = call.legs.get(leg_id)
        if leg is None:
            raise OrderError("no such leg")
        return leg

    def _answered(self, call: Live, leg_id: str) -> LiveLeg:
        leg = self._leg(call, leg_id)
        if not leg.answered:
            raise OrderError("the party has not answered")
        return leg

    # Who leaves -----------------------------------------------------------------------

    def _on_hangup(self, event: Frame) -> None:
        found = self._calls.on_leg(event.get("Uniqueid"))
        if found is not None:
            if found[1].supervision is None:
                self._leg_hung_up(*found, event.get("Cause"))
            return
        if not self._calls.any_legs:
            return
        channel, uniqueid = event.get("Channel"), event.get("Uniqueid")
        for call in self._calls:
            if call.legs and call.is_peer(channel, uniqueid) and not call.callback:
                self._agent_hung_up(call)
                return

    def _leg_hung_up(self, call: Live, leg: LiveLeg, cause: str) -> None:
        leg.cause = cause or "0"
        if leg.answered:
            self._without(call, leg, e.LegEnded(call.call_id, leg.leg_id, leg.agent_id))
        else:
            self._not_answered(call, leg)

    def _without(self, call: Live, leg: LiveLeg, fact: e.Fact) -> None:
        """The call goes on without this party."""
        consulted = call.consulted is leg
        self._calls.forget_leg(call, leg)
        if consulted:
            call.place = Place.TALKING if leg.state is LegState.HELD else Place.HELD
        self._settle(call)
        self._do.report(fact)
        if consulted and call.agent_gone:
            self._end_call(call)

    def _agent_hung_up(self, call: Live) -> None:
        if call.ends_by is not None:
            return  # it ends for everybody, by an order
        if call.place is Place.CONFERENCE:
            self._agent_left(call)
            return
        party = call.consulted
        if party is None:
            return  # a supervisor's leg only: it ends as in any conversation
        call.agent_gone = True
        if not party.answered:
            # It rings on for the caller, who hears music; at its answer the two are joined.
            self._set_unasked(call.channel, "CC_PEER", party.channel or party.uniqueid)

    def _agent_left(self, call: Live) -> None:
        """The others go on: one of them has the call now."""
        wanted = call.legs.get(self._heirs.pop(call.call_id, ""))
        there = [leg for leg in call.talking_legs if leg.answered]
        heir = wanted or min(there, key=lambda leg: not leg.agent_id, default=None)
        if heir is None:
            self._end_call(call)
            return
        self._set_unasked(call.channel, "CC_PEER", heir.channel)
        self._set_unasked(call.channel, "CC_AGENT", heir.agent_id)
        self._now_with(call, heir)

    def _on_handed_over(self, event: Frame) -> None:
        found = self._told(event)
        if found is None:
            return
        call, leg = found
        call.place = Place.TALKING
        for other in list(call.legs.values()):
            if other is not leg:
                self._drop(call, other, self._do.report)
        self._now_with(call, leg)

    def _now_with(self, call: Live, leg: LiveLeg) -> None:
        self._calls.forget_leg(call, leg)
        call.peer, call.peer_uniqueid = leg.channel, leg.uniqueid
        call.agent_id = leg.agent_id
        call.agent_gone = False
        self._settle(call)
        self._do.report(e.CallHandedOver(call.call_id, leg.leg_id, leg.agent_id))

    def _settle(self, call: Live) -> None:
        """Two who are left in a room talk on in a plain bridge."""
        if call.place is Place.CONFERENCE and not call.talking_legs:
            call.place = Place.TALKING
            extra = (call.peer, "cc-hold-agent", call.channel)
            self._redirect_unasked(call.channel, "cc-retrieve", "s", extra)

    def _end_call(self, call: Live) -> None:
        """Nobody is left whom the caller could talk with."""
        call.ends_by = call.ends_by or EndedBy.AGENT
        self._do.end_channel(call.channel)

    # For the rest of the link ---------------------------------------------------------

    def part(self, call: Live, *, soon: bool = False) -> None:
        """The call ends or leaves its agent: every further leg is out, and told as that.

        `soon`: from inside `execute`, where nothing may be reported at once.
        """
        self._heirs.pop(call.call_id, None)
        call.agent_gone = False
        for leg in list(call.legs.values()):
            self._drop(call, leg, self._do.report_soon if soon else self._do.report)

    def _drop(self, call: Live, leg: LiveLeg, report: Callable[[e.Fact], None]) -> None:
        self._calls.forget_leg(call, leg)
        if leg.channel:
            self._do.end_channel(leg.channel)
        elif not leg.cause:
            self._unwanted.add(leg.uniqueid)
        who = (call.call_id, leg.leg_id, leg.agent_id)
        failed = OfferFailure.CANCELLED
        report(e.LegEnded(*who) if leg.answered else e.LegFailed(*who, failed))

    def take_up(self) -> None:
        """After a restart: what the dialplan could not settle without us."""
        self._unwanted.clear()
        for call in self._calls:
            if call.place is Place.CONFERENCE:
                if not call.peer:
                    self._agent_left(call)
                self._settle(call)

    def _told(self, event: Frame) -> tuple[Live, LiveLeg] | None:
        call = self._calls.get(event.get("Call"))
        leg = None if call is None else call.legs.get(event.get("Leg"))
        return None if call is None or leg is None else (call, leg)

    def _set_unasked(self, channel: str, name: str, value: str) -> None:
        try:
            self._do.set(channel, name, value)
        except AmiError as error:
            log.warning("cannot set %s of %s: %s", name, channel, error)

    def _redirect_unasked(
        self, channel: str, context: str, exten: str, extra: tuple[str, str, str] | None = None
    ) -> None:
        try:
            self._do.redirect(None, channel, context, exten, extra=extra)
        except AmiError as error:
            log.warning("cannot move %s to %s: %s", channel, context, error)
