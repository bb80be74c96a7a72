"""Orders, carried out: one order, one action (or one in the call's voice session)."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence

from cti import commands as c
from cti import events as e
from cti.asterisk.ami import AmiError, Done, NotSent, OutcomeUnknown, Reply
from cti.asterisk.live import Live, LiveCalls
from cti.asterisk.phones import endpoint_kind, is_agent_id
from cti.calls import EndedBy, Phone, PhoneKind, Place
from cti.dialing import Dialing, DialRefusedError

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[A-Za-z0-9_.:@+-]{1,40}")
_DIGITS = re.compile(r"[0-9*#]{0,12}")
_EXTENSION_MAX = 79

Headers = Mapping[str, str | Sequence[str]]


class OrderError(Exception):
    """The order cannot be carried out; nothing was sent."""


class Orders:
    """Carries out orders on the live calls. Never raises; what fails becomes `OrderFailed`.

    `ask` sends one action (raises `AmiError`), `report` tells a fact now, and
    `report_soon` a moment later: nothing is reported from inside `execute`.
    """

    def __init__(
        self,
        calls: LiveCalls,
        ask: Callable[[Headers, Done], object],
        report: Callable[[e.Fact], None],
        report_soon: Callable[[e.Fact], None],
        dialing: Dialing,
        trunk: str,
    ) -> None:
        self._calls = calls
        self._ask = ask
        self._report = report
        self._report_soon = report_soon
        self._dialing = dialing
        self._trunk = trunk
        self._orders: dict[type, Callable[..., None]] = {
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.OfferCall: self._offer,
            c.CancelOffer: self._cancel,
            c.DialCallback: self._dial_callback,
            c.HoldCall: self._hold,
            c.RetrieveCall: self._retrieve,
            c.TransferCall: self._transfer,
            c.HangUpCall: self._hang_up,
        }

    def execute(self, order: c.Order) -> None:
        try:
            self._orders[type(order)](order)
        except (AmiError, DialRefusedError, OrderError) as error:
            self._order_failed(order, str(error))
        except Exception as error:
            log.exception("order failed: %r", order)
            self._order_failed(order, f"{type(error).__name__}: {error}")

    def end_channel(self, channel: str) -> None:
        """Hang up a channel that nobody else would end; nobody waits for the outcome."""
        try:
            self._order({"Action": "Hangup", "Channel": channel, "Cause": "16"})
        except AmiError as error:
            log.warning("cannot hang up %s: %s", channel, error)

    def _order_failed(self, order: c.Order, why: str, unknown: bool = False) -> None:
        self._report_soon(e.OrderFailed(order.call_id, type(order).__name__, why, unknown))

    def _run_step(self, order: c.RunStep) -> None:
        call = self._call(order)
        if call.session is None or not call.session.run(order):
            raise OrderError("no open voice session")

    # Waiting --------------------------------------------------------------------------

    def _start_waiting(self, order: c.StartWaiting) -> None:
        call = self._call(order)
        variables = {
            "CC_QUEUE": _token(order.queue, "queue"),
            "CC_ENTERED": f"{order.entered_at:.3f}",
            "CC_MUSIC": _token(order.music, "music class"),
            "CC_VISIT": str(max(1, min(3600, math.ceil(_finite(order.visit_after_s))))),
            "CC_DIGITS": _digits(order.digits),
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
        channel = call.caller_channel
        for name, value in variables.items():
            self._order(_setvar(channel, name, value))
        self._redirect(order, channel, "cc-wait", "s")

    # Offers ---------------------------------------------------------------------------

    def _offer(self, order: c.OfferCall) -> None:
        call = self._call(order)
        if call.offer_id:
            raise OrderError(f"offer {call.offer_id} is open")
        kind = endpoint_kind(order.phone.kind)
        agent = self._agent(order.agent_id)
        ring = max(1, min(600, math.ceil(order.ring_s)))
        exten = f"{ring}~{kind}~{agent}~{_token(order.offer_id, 'offer')}"
        if len(exten) > _EXTENSION_MAX:
            raise OrderError("the offer's name is too long")
        if order.phone.kind is PhoneKind.OUTSIDE:
            number = self._outside(order.phone.address)
            self._order(_setvar(call.channel, "CC_NUMBER", number))
        self._redirect(order, call.channel, "cc-connect", exten, failed=self._offer_not_begun)
        call.offer_id, call.agent_id = order.offer_id, order.agent_id
        call.place = Place.RINGING
        call.cancelled = False

    def _offer_not_begun(self, order: c.Order) -> None:
        """The Redirect was refused: the caller is where he was, or gone."""
        call = self._calls.get(order.call_id)
        if call is not None and getattr(order, "offer_id", "") == call.offer_id:
            call.offer_id = call.agent_id = ""
            call.place = Place.WAITING

    def _cancel(self, order: c.CancelOffer) -> None:
        call = self._call(order)
        if call.offer_id != order.offer_id:
            raise OrderError("that offer is not open")
        if call.connected:
            raise OrderError("the offer was answered")
        call.cancelled = True
        if call.callback:
            target = call.channel or call.uniqueid
            self._order({"Action": "Hangup", "Channel": target, "Cause": "16"}, order)
        else:
            self._redirect(order, call.channel, "cc-wait", "s", "back")

    # Callbacks ------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._calls:
            raise OrderError("the call is live already")
        number = self._outside(order.number)
        variables = {
            "CC_CALL": _token(order.call_id, "call", 80),
            "CC_CALLBACK": "1",
            "CC_OFFER": _token(order.offer_id, "offer"),
            "CC_AGENT": self._agent(order.agent_id),
            "CC_NUMBER": number,
            "CC_DNIS": number,
            "CC_TRUNK": f"trunk-{self._trunk}",
            "CC_CALLER_ID": order.caller_id if _dialable(order.caller_id) else "",
            "CC_DIAL": str(max(1, min(600, math.ceil(order.dial_s)))),
            "CC_MUSIC": "default",
        }
        uniqueid = f"{order.call_id}~{order.offer_id}"
        call = Live(order.call_id, "", uniqueid, Place.RINGING, order.offer_id, order.agent_id)
        call.callback = True
        self._order(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{self._endpoint(order.phone, order.agent_id)}",
                "Context": "cc-callback",
                "Exten": "s",
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

    def _endpoint(self, phone: Phone, agent_id: str) -> str:
        if phone.kind is PhoneKind.OUTSIDE:
            return f"{self._outside(phone.address)}@trunk-{self._trunk}"
        return f"{endpoint_kind(phone.kind)}-{self._agent(agent_id)}"

    # Hold, transfer, end --------------------------------------------------------------

    def _hold(self, order: c.HoldCall) -> None:
        call = self._call(order)
        if call.place is not Place.TALKING or not call.connected:
            raise OrderError("the call is not talking")
        if call.callback:
            self._caller_leads(call)
        headers = {
            "Action": "Redirect",
            "Channel": call.channel,
            "Context": "cc-hold",
            "Exten": call.peer,
            "Priority": "1",
            "ExtraChannel": call.peer,
            "ExtraContext": "cc-hold-agent",
            "ExtraExten": call.channel,
            "ExtraPriority": "1",
        }
        call.place = Place.HELD
        self._order(
            headers,
            order,
            lambda _: self._report(e.CallHeld(call.call_id)),
            lambda _: setattr(call, "place", Place.TALKING),
        )

    def _caller_leads(self, call: Live) -> None:
        """From now on the customer's channel carries a callback, as in every other call."""
        agent = call.channel
        customer = call.peer
        for name, value in (
            ("CC_CALL", call.call_id),
            ("CC_OFFER", call.offer_id),
            ("CC_AGENT", call.agent_id),
            ("CC_TRUNK", f"trunk-{self._trunk}"),
            ("CC_MUSIC", "default"),
        ):
            self._order(_setvar(customer, name, value))
        self._order(_setvar(agent, "CC_CALL", ""))
        agent_uniqueid = call.uniqueid
        self._calls.move(call, customer, call.peer_uniqueid)
        call.peer, call.peer_uniqueid = agent, agent_uniqueid
        call.callback = False

    def _retrieve(self, order: c.RetrieveCall) -> None:
        call = self._call(order)
        if call.place is not Place.HELD:
            raise OrderError("the call is not held")

        def retrieved(_: Reply) -> None:
            call.place = Place.TALKING
            self._report(e.CallRetrieved(call.call_id))

        self._redirect(order, call.channel, "cc-retrieve", "s", done=retrieved)

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._call(order)
        number = self._outside(order.number)

        def transferred(_: Reply) -> None:
            if call.call_id in self._calls:
                self._calls.forget(call)
                self._report(e.CallEnded(call.call_id, EndedBy.SYSTEM, "transferred"))

        self._redirect(order, call.caller_channel, "cc-transfer", number, done=transferred)

    def _hang_up(self, order: c.HangUpCall) -> None:
        call = self._call(order)
        # The console's hang-up button is the agent's hang-up, as on the virtual switch.
        call.ends_by = EndedBy.AGENT if order.why == "agent" else EndedBy.SYSTEM
        call.why = order.why
        target = call.channel or call.uniqueid
        try:
            self._order({"Action": "Hangup", "Channel": target, "Cause": "16"}, order)
        except NotSent:
            if call.session is not None and call.session.hang_up():
                return  # the voice session does not need the manager connection
            call.ends_by, call.why = None, ""
            raise
        if call.place is Place.HELD and call.peer:
            self._order({"Action": "Hangup", "Channel": call.peer, "Cause": "16"})

    # Orders to Asterisk ---------------------------------------------------------------

    def _call(self, order: c.Order) -> Live:
        call = self._calls.get(order.call_id)
        if call is None:
            raise OrderError("no such call on this switch")
        return call

    def _redirect(
        self,
        order: c.Order,
        channel: str,
        context: str,
        exten: str,
        priority: str = "1",
        *,
        done: Callable[[Reply], None] | None = None,
        failed: Callable[[c.Order], None] | None = None,
    ) -> None:
        self._order(
            {
                "Action": "Redirect",
                "Channel": channel,
                "Context": context,
                "Exten": exten,
                "Priority": priority,
            },
            order,
            done,
            failed,
        )

    def _order(
        self,
        headers: Mapping[str, str | list[str]],
        order: c.Order | None = None,
        done: Callable[[Reply], None] | None = None,
        failed: Callable[[c.Order], None] | None = None,
    ) -> None:
        """Send one action; what comes of it belongs to `order` (None: nobody waits)."""

        def settled(outcome: Reply | AmiError) -> None:
            if isinstance(outcome, Reply) and outcome.ok:
                if done is not None:
                    done(outcome)
                return
            unknown = isinstance(outcome, OutcomeUnknown)
            why = outcome.message if isinstance(outcome, Reply) else str(outcome)
            if order is None:
                log.warning("%s: %s", headers["Action"], why)
                return
            if failed is not None and not unknown:
                failed(order)
            self._order_failed(order, why, unknown)

        self._ask(headers, settled)

    def _outside(self, number: str) -> str:
        if not self._trunk:
            raise OrderError("there is no trunk to dial over")
        return self._dialing.check(number, asyncio.get_running_loop().time())

    @staticmethod
    def _agent(agent_id: str) -> str:
        if not is_agent_id(agent_id):
            raise OrderError("not an agent's id")
        return agent_id


def _setvar(channel: str, name: str, value: str) -> dict[str, str]:
    return {"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value}


def _token(text: str, what: str, most: int = 40) -> str:
    if len(text) > most or not _TOKEN.fullmatch(text[:40]) or not _TOKEN.fullmatch(text[-40:]):
        raise OrderError(f"{what}: {text[:40]!r} cannot be kept on a channel")
    return text


def _digits(text: str) -> str:
    if not _DIGITS.fullmatch(text):
        raise OrderError("not digits")
    return text


def _dialable(number: str) -> bool:
    return re.fullmatch(r"\+?[0-9]{2,18}", number) is not None


def _finite(seconds: float) -> float:
    return seconds if math.isfinite(seconds) else 3600.0
