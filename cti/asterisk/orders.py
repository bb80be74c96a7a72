"""Orders, carried out: one order, one action (or one in the call's voice session)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from cti import commands as c
from cti import events as e
from cti.asterisk import rounds
from cti.asterisk.actions import (
    Actions,
    Handler,
    OrderError,
    dialable,
    digits,
    token,
    whole_seconds,
)
from cti.asterisk.actions import agent as agent_name
from cti.asterisk.actions import peer as peer_name
from cti.asterisk.ami import AmiError, NotSent, Reply
from cti.asterisk.live import Live, Rung, pack_flow
from cti.asterisk.phones import endpoint_kind
from cti.calls import EndedBy, Phone, PhoneKind, Place
from cti.dialing import DialRefusedError

log = logging.getLogger(__name__)

_EXTENSION_MAX = 79
_ASKED = (PhoneKind.OUTSIDE,)


class Part(Protocol):
    """Lets go of the further legs of a call that leaves its agent.

    `soon`: from inside `execute`, where nothing may be reported at once.
    """

    def __call__(self, call: Live, *, soon: bool = False) -> None: ...


class Orders:
    """Carries out orders on the live calls. Never raises; what fails becomes `OrderFailed`.

    `others` are handlers of further orders, each module's own. `confirm_outside`: an agent
    at an outside number has to press 1 to be connected. `stop_one` ends the ringing of one of
    several phones (False: it is the last).
    """

    def __init__(
        self,
        actions: Actions,
        part: Part,
        *others: Mapping[type, Handler],
        stop_one: Callable[[Live, str], bool] = lambda call, offer_id: False,
        confirm_outside: bool = True,
    ) -> None:
        self._do = actions
        self._part = part
        self._stop_one = stop_one
        self._confirm_outside = confirm_outside
        self._calls = actions.calls
        self._orders: dict[type, Handler] = {
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.OfferCall: self._offer,
            c.CancelOffer: self._cancel,
            c.DialCallback: self._dial_callback,
            c.HoldCall: self._hold,
            c.RetrieveCall: self._retrieve,
            c.TransferCall: self._transfer,
            c.StartMenu: self._start_menu,
            c.HangUpCall: self._hang_up,
        }
        for handlers in others:
            self._orders.update(handlers)

    def execute(self, order: c.Order) -> None:
        handle = self._orders.get(type(order))
        try:
            if handle is None:
                raise OrderError("this switch cannot do that")
            handle(order)
        except (AmiError, DialRefusedError, OrderError) as error:
            self._do.order_failed(order, str(error))
        except Exception as error:
            log.exception("order failed: %r", order)
            self._do.order_failed(order, f"{type(error).__name__}: {error}")

    def _run_step(self, order: c.RunStep) -> None:
        call = self._do.call(order)
        if call.session is None or not call.session.run(order):
            raise OrderError("no open voice session")

    # Waiting --------------------------------------------------------------------------

    def _start_waiting(self, order: c.StartWaiting) -> None:
        call = self._do.call(order)
        variables = {
            "CC_QUEUE": token(order.queue, "queue"),
            "CC_ENTERED": f"{order.entered_at:.3f}",
            "CC_MUSIC": token(order.music, "music class"),
            "CC_VISIT": str(whole_seconds(order.visit_after_s, 3600)),
            "CC_DIGITS": digits(order.digits),
        }
        if call.session is not None and call.session.open:
            # CC_NEXT last: before it stands, a broken session means "try again".
            if not call.session.finish({**variables, "CC_NEXT": "wait"}):
                raise OrderError("the voice session takes no more")
            return
        if call.offer_id and not call.connected:
            # A phone rings for the caller, whose visit that ended; when nobody answers,
            # the dialplan brings the caller back by itself.
            log.info("call %s: not sent to wait, offer %s is open", call.call_id, call.offer_id)
            return
        self._take_away(call, order, variables, "cc-wait", "1", Place.WAITING)

    def _start_menu(self, order: c.StartMenu) -> None:
        call = self._do.call(order)
        if call.session is not None and call.session.open:
            raise OrderError("a voice session is open")
        if call.offer_id and not call.connected:
            raise OrderError("a phone rings for the caller")
        try:
            flow = pack_flow(order.flow_state)
        except ValueError as error:
            raise OrderError(str(error)) from error
        # As a call whose session broke: the flow goes on where this state says.
        variables = {"CC_FLOW": flow, "CC_TRIES": "1", "CC_NEXT": ""}
        self._take_away(call, order, variables, "cc-in", "visit", Place.ENTRY)

    def _take_away(
        self,
        call: Live,
        order: c.Order,
        variables: Mapping[str, str],
        context: str,
        priority: str,
        place: Place,
    ) -> None:
        """Take the caller elsewhere; an agent's leg ends, and every further one with it."""
        if call.callback:
            self._do.caller_leads(call)
        agent = call.peer
        for name, value in {**variables, "CC_HEIR": "", "CC_PARKED": "", "CC_LEAVES": "1"}.items():
            self._do.set(call.channel, name, value)
        was = replace(call)

        def not_taken(_: c.Order) -> None:
            if call.place is not place or call.offer_id or call.peer:
                return  # something else has happened to the call meanwhile
            call.offer_id, call.agent_id = was.offer_id, was.agent_id
            call.peer, call.peer_uniqueid = was.peer, was.peer_uniqueid
            call.connected, call.place = was.connected, was.place
            self._stays(call)

        self._do.redirect(
            order,
            call.channel,
            context,
            "s",
            priority,
            done=lambda _: self._do.end_channel(agent) if agent else None,
            failed=not_taken,
        )
        if agent:
            self._part(call, soon=True)
            call.offer_id = call.agent_id = call.peer = call.peer_uniqueid = ""
            call.connected = False
        call.place = place

    def _stays(self, call: Live) -> None:
        """The caller was about to leave a conference, or whoever was there, and does not."""
        try:
            self._do.set(call.caller_channel, "CC_LEAVES", "")
        except AmiError as error:
            log.warning("call %s: %s", call.call_id, error)

    # Offers ---------------------------------------------------------------------------

    def _offer(self, order: c.OfferCall) -> None:
        call = self._do.call(order)
        if call.offer_id:
            raise OrderError(f"offer {call.offer_id} is open")
        if order.also:
            self._offer_several(call, order)
        else:
            self._offer_one(call, order)

    def _offer_several(self, call: Live, order: c.OfferCall) -> None:
        """One Dial for all. It is begun by a phone that is registered, if there is one."""
        if len(order.also) >= rounds.MAX_PHONES:
            raise OrderError(f"more than {rounds.MAX_PHONES} phones at once")
        first, *others = sorted(order.phones, key=lambda one: one.phone.kind in _ASKED)
        rungs = [self._rung(one, order.ring_s) for one in (first, *others)]
        techs = [self._technology(one.phone) for one in others]
        for name, value in rounds.variables(first.offer_id, rungs[1:], techs).items():
            self._do.set(call.channel, name, value)
        begun = replace(
            order, offer_id=first.offer_id, agent_id=first.agent_id, phone=first.phone, also=()
        )
        self._offer_one(call, begun)
        call.ringing = {one.offer_id: one for one in rungs}
        call.round_id = first.offer_id

    def _rung(self, one: c.AlsoRing, ring_s: float) -> Rung:
        """One of several phones: its offer, and what Dial is given for it."""
        if one.phone.kind is PhoneKind.OUTSIDE and self._confirm_outside:
            number = self._do.outside(one.phone.address)
            dialled = f"{whole_seconds(ring_s)}~{number}@cc-outside/n"
        else:
            dialled = self._do.endpoint(one.phone, one.agent_id)
        return Rung(token(one.offer_id, "offer"), agent_name(one.agent_id), dialled)

    def _technology(self, phone: Phone) -> str:
        return "Local" if phone.kind is PhoneKind.OUTSIDE and self._confirm_outside else "PJSIP"

    def _offer_one(self, call: Live, order: c.OfferCall) -> None:
        outside = order.phone.kind is PhoneKind.OUTSIDE
        ask = outside and self._confirm_outside
        kind = "ask" if ask else endpoint_kind(order.phone.kind)
        agent = agent_name(order.agent_id)
        ring = whole_seconds(order.ring_s)
        exten = f"{ring}~{kind}~{agent}~{token(order.offer_id, 'offer')}"
        if order.phone.via:
            exten += f"~{peer_name(order.phone.via)}"
        if len(exten) > _EXTENSION_MAX:
            raise OrderError("the offer's name is too long")
        if outside:
            number = self._do.outside(order.phone.address)
            self._do.set(call.channel, "CC_NUMBER", number)
        self._do.redirect(order, call.channel, "cc-connect", exten, failed=self._offer_not_begun)
        call.offer_id, call.agent_id = order.offer_id, order.agent_id
        call.rings = f"PJSIP/{kind}-{agent}-"
        if order.phone.via:
            call.rings = f"PJSIP/peer-{order.phone.via}-"
        elif outside:
            call.rings = "Local/" if ask else f"PJSIP/trunk-{self._do.trunk}-"
        call.place = Place.RINGING
        call.cancelled = False

    def _offer_not_begun(self, order: c.Order) -> None:
        """The Redirect was refused: the caller is where he was, or gone."""
        call = self._calls.get(order.call_id)
        offer_id = getattr(order, "offer_id", "")
        if call is not None and (offer_id == call.offer_id or offer_id in call.ringing):
            call.offer_id = call.agent_id = call.round_id = ""
            call.ringing.clear()
            call.place = Place.WAITING

    def _cancel(self, order: c.CancelOffer) -> None:
        call = self._do.call(order)
        if call.offer_id != order.offer_id and order.offer_id not in call.ringing:
            raise OrderError("that offer is not open")
        if call.connected:
            raise OrderError("the offer was answered")
        if call.cancelled:
            return  # it is being taken back already
        if order.offer_id in call.ringing and self._stop_one(call, order.offer_id):
            return  # the others go on ringing
        call.cancelled = True
        if call.callback:
            target = call.channel or call.uniqueid
            self._do.send({"Action": "Hangup", "Channel": target, "Cause": "16"}, order)
        else:
            self._do.redirect(order, call.channel, "cc-wait", "s", "back")

    # Callbacks ------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._calls:
            raise OrderError("the call is live already")
        number = self._do.outside(order.number)
        variables = {
            "CC_CALL": token(order.call_id, "call", 80),
            "CC_CALLBACK": "1",
            "CC_OFFER": token(order.offer_id, "offer"),
            "CC_AGENT": agent_name(order.agent_id),
            "CC_NUMBER": number,
            "CC_DNIS": number,
            "CC_TRUNK": f"trunk-{self._do.trunk}",
            "CC_CALLER_ID": order.caller_id if dialable(order.caller_id) else "",
            "CC_DIAL": str(whole_seconds(order.dial_s)),
            "CC_MUSIC": "default",
        }
        ask = self._confirm_outside and order.phone.kind is PhoneKind.OUTSIDE
        uniqueid = f"{order.call_id}~{order.offer_id}"
        call = Live(order.call_id, "", uniqueid, Place.RINGING, order.offer_id, order.agent_id)
        call.callback = True
        self._do.send(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{self._do.endpoint(order.phone, order.agent_id)}",
                "Context": "cc-callback",
                "Exten": "confirm" if ask else "s",
                "Priority": "1",
                "Timeout": str(max(1000, min(600_000, math.ceil(order.ring_s * 1000)))),
                "CallerID": number,
                "ChannelId": uniqueid,
                "Async": "true",
                "Variable": [f"{name}={value}" for name, value in variables.items()],
            },
            order,
            failed=self._callback_not_begun,
        )
        self._calls.add(call)

    def _callback_not_begun(self, order: c.Order) -> None:
        call = self._calls.get(order.call_id)
        if call is not None and not call.agent_answered:
            self._calls.forget(call)

    # Hold, transfer, end --------------------------------------------------------------

    def _hold(self, order: c.HoldCall) -> None:
        call = self._do.call(order)
        if call.place is not Place.TALKING or not call.connected:
            raise OrderError("the call is not talking")
        if call.consulted is not None:
            raise OrderError("a party is being consulted")
        if call.callback:
            self._do.caller_leads(call)
        call.place = Place.HELD
        self._do.redirect(
            order,
            call.channel,
            "cc-hold",
            call.peer,
            extra=(call.peer, "cc-hold-agent", call.channel),
            done=lambda _: self._do.report(e.CallHeld(call.call_id)),
            failed=lambda _: setattr(call, "place", Place.TALKING),
        )

    def _retrieve(self, order: c.RetrieveCall) -> None:
        call = self._do.call(order)
        if call.place is not Place.HELD:
            raise OrderError("the call is not held")

        def retrieved(_: Reply) -> None:
            call.place = Place.TALKING
            self._do.report(e.CallRetrieved(call.call_id))

        self._do.redirect(order, call.channel, "cc-retrieve", "s", done=retrieved)

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._do.call(order)
        number = self._do.outside(order.number)
        agent = "" if call.callback else call.peer

        def transferred(_: Reply) -> None:
            if agent:
                self._do.end_channel(agent)
            if call.call_id in self._calls:
                self._part(call)
                self._calls.forget(call)
                self._do.report(e.CallEnded(call.call_id, EndedBy.SYSTEM, "transferred"))

        self._do.set(call.caller_channel, "CC_LEAVES", "1")
        self._do.redirect(
            order,
            call.caller_channel,
            "cc-transfer",
            number,
            done=transferred,
            failed=lambda _: self._stays(call),
        )

    def _hang_up(self, order: c.HangUpCall) -> None:
        call = self._do.call(order)
        # The console's hang-up button is the agent's hang-up, as on the virtual switch.
        call.ends_by = EndedBy.AGENT if order.why == "agent" else EndedBy.SYSTEM
        call.why = order.why
        target = call.channel or call.uniqueid
        try:
            self._do.send({"Action": "Hangup", "Channel": target, "Cause": "16"}, order)
        except NotSent:
            if call.session is not None and call.session.hang_up():
                return  # the voice session does not need the manager connection
            call.ends_by, call.why = None, ""
            raise
        if call.peer and call.place in (Place.HELD, Place.CONSULTING, Place.CONFERENCE):
            self._do.end_channel(call.peer)
