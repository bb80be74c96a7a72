"""Supervisors in conversations: ChanSpy on the agent's channel.

The supervisor's phone is a leg of the call like every other. Its channel runs `cc-supervise`,
which hears what the agent's channel hears and says; whispering and barging in are other
options of the same. Neither the agent's nor the caller's channel is moved for it, so neither
hears anything of a supervisor who comes, changes the mode, or leaves. (Whoever barges into a
conference is a member of it.)

What ChanSpy whispers into a channel is not in that channel's recording: neither a whisper, which
is right, nor what somebody says who barges into a conversation of two.
"""

from __future__ import annotations

from collections.abc import Mapping

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions, Handler, OrderError, token, whole_seconds
from cti.asterisk.actions import agent as agent_name
from cti.asterisk.ami import Frame, Reply
from cti.asterisk.live import Live, LiveLeg
from cti.asterisk.outcomes import originate_failure
from cti.calls import LegState, OfferFailure, PhoneKind, Place, Supervision

LEGS_MAX = 16

# ChanSpy's options for each mode.
_HOW: Mapping[Supervision, str] = {
    Supervision.LISTEN: "",
    Supervision.WHISPER: "w",
    Supervision.BARGE: "B",
}


class Supervisors:
    """Carries out `SuperviseCall` and `ChangeSupervision`, and tells what becomes of the phone.

    To end a supervisor's leg and to hand the call over to it is as with every further leg.
    """

    def __init__(self, actions: Actions) -> None:
        self._do = actions
        self._calls = actions.calls
        self.orders: dict[type, Handler] = {
            c.SuperviseCall: self._supervise,
            c.ChangeSupervision: self._change,
        }
        self.events = {
            "DialBegin": self._on_dial_begin,
            "OriginateResponse": self._on_originate,
            "Hangup": self._on_hangup,
            "UserEvent/SupervisorIn": self._on_answered,
        }

    def _supervise(self, order: c.SuperviseCall) -> None:
        call = self._do.call(order)
        if not call.connected or not call.agent_channel:
            raise OrderError("no agent talks with the caller")
        if order.leg_id in call.legs:
            raise OrderError("that leg is there already")
        if len(call.legs) >= LEGS_MAX:
            raise OrderError("too many are in this call")
        outside = order.phone.kind is PhoneKind.OUTSIDE
        leg = LiveLeg(
            token(order.leg_id, "leg"),
            agent_name(order.agent_id),
            f"{call.call_id}~{order.leg_id}",
            order.phone.address if outside else "",
            supervision=order.mode,
        )
        variables = {
            "CC_LEG": leg.leg_id,
            "CC_LEG_CALL": token(call.call_id, "call", 80),
            "CC_LEG_AGENT": leg.agent_id,
            "CC_LEG_NUMBER": leg.number,
            "CC_LEG_MODE": order.mode.value,
            "CC_WITH": call.agent_channel,
            "CC_HOW": _HOW[order.mode],
            "CC_MUSIC": "default",
        }
        self._do.send(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{self._do.endpoint(order.phone, order.agent_id)}",
                "Context": "cc-supervise",
                "Exten": "s",
                "Priority": "1",
                "Timeout": str(whole_seconds(order.ring_s) * 1000),
                "CallerID": "Supervision",
                "ChannelId": leg.uniqueid,
                "Async": "true",
                "Variable": [f"{name}={value}" for name, value in variables.items()],
            },
            order,
            failed=lambda _: self._calls.forget_leg(call, leg),
        )
        self._calls.add_leg(call, leg)

    def _change(self, order: c.ChangeSupervision) -> None:
        call = self._do.call(order)
        leg = call.legs.get(order.leg_id)
        if leg is None or leg.supervision is None or not leg.answered:
            raise OrderError("no such supervisor is in this call")
        self._do.set(leg.channel, "CC_HOW", _HOW[order.mode])
        self._do.set(leg.channel, "CC_LEG_MODE", order.mode.value)

        def changed(_: Reply) -> None:
            leg.supervision = order.mode
            self._do.report(e.SupervisionChanged(call.call_id, leg.leg_id, order.mode))

        context, exten, priority = self._place(call, order.mode)
        self._do.redirect(order, leg.channel, context, exten, priority, done=changed)

    @staticmethod
    def _place(call: Live, mode: Supervision) -> tuple[str, str, str]:
        """Where in the dialplan a supervisor belongs: ChanSpy reaches two, a room all of them."""
        if mode is Supervision.BARGE and call.place is Place.CONFERENCE:
            return "cc-conference", call.channel, "1"
        return "cc-supervise", "s", "in"

    # What becomes of the phone --------------------------------------------------------

    def _on_dial_begin(self, event: Frame) -> None:
        found = self._supervisor(event.get("DestUniqueid"))
        if found is None:
            return
        call, leg = found
        leg.channel = event.get("DestChannel")
        if leg.cancelled:
            self._do.end_channel(leg.channel)
        else:
            self._do.report(e.LegRinging(call.call_id, leg.leg_id, leg.agent_id))

    def _on_answered(self, event: Frame) -> None:
        call = self._calls.get(event.get("Call"))
        leg = None if call is None else call.legs.get(event.get("Leg"))
        if call is None or leg is None or leg.answered or leg.cancelled:
            return
        leg.state = LegState.SUPERVISING
        if leg.supervision is Supervision.BARGE and call.place is Place.CONFERENCE:
            self._do.redirect(None, leg.channel, *self._place(call, leg.supervision))
        self._do.report(e.LegAnswered(call.call_id, leg.leg_id, leg.agent_id))

    def _on_originate(self, event: Frame) -> None:
        found = self._supervisor(event.get("Uniqueid"))
        if found is not None:
            found[1].reason = event.get("Reason") or "0"
            self._not_answered(*found)

    def _on_hangup(self, event: Frame) -> None:
        found = self._supervisor(event.get("Uniqueid"))
        if found is None:
            return
        call, leg = found
        leg.cause = event.get("Cause") or "0"
        if leg.answered:
            self._calls.forget_leg(call, leg)
            self._do.report(e.LegEnded(call.call_id, leg.leg_id, leg.agent_id))
        else:
            self._not_answered(call, leg)

    def _not_answered(self, call: Live, leg: LiveLeg) -> None:
        """Both the answer to Originate and the channel's end are needed to say why."""
        if not leg.answered and leg.reason and (leg.cause or not leg.channel):
            why = originate_failure(leg.reason, leg.cause)
            why = OfferFailure.CANCELLED if leg.cancelled else why
            self._calls.forget_leg(call, leg)
            self._do.report(e.LegFailed(call.call_id, leg.leg_id, leg.agent_id, why))

    def _supervisor(self, uniqueid: str) -> tuple[Live, LiveLeg] | None:
        found = self._calls.on_leg(uniqueid)
        return None if found is None or found[1].supervision is None else found
