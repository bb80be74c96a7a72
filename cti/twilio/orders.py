"""Orders, carried out: most become the next document of the caller, who is told to ask for it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Phone, PhoneKind, Place
from cti.dialing import Dialing, DialRefusedError
from cti.twilio.book import Book
from cti.twilio.live import Hold, Live, Move
from cti.twilio.rest import RestError, RestRefused
from cti.twilio.urls import TOKEN

log = logging.getLogger(__name__)


class OrderError(Exception):
    """The order does not fit the call; nothing was done."""


class Orders:
    """Carries out orders on the live calls. Never raises; what fails becomes `OrderFailed`.

    Nothing is reported from inside `execute`: a failure follows a moment later.
    """

    def __init__(self, book: Book, dialing: Dialing) -> None:
        self._book = book
        self._dialing = dialing
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
        except (OrderError, DialRefusedError) as error:
            self._failed_soon(order, str(error))
        except Exception as error:
            log.exception("order failed: %s", type(order).__name__)
            self._failed_soon(order, f"{type(error).__name__}: {error}")

    def _failed_soon(self, order: c.Order, why: str) -> None:
        fact = e.OrderFailed(order.call_id, type(order).__name__, why)
        asyncio.get_running_loop().call_soon(self._book.report, fact)

    def _call(self, order: c.Order) -> Live:
        call = self._book.calls.get(order.call_id)
        if call is None:
            raise OrderError("no such call on this switch")
        return call

    # The caller ---------------------------------------------------------------------------

    def _run_step(self, order: c.RunStep) -> None:
        call = self._call(order)
        if call.place is not Place.ENTRY and not call.visiting:
            raise OrderError("no open voice session")
        call.flow_state = order.flow_state
        call.resume = False
        call.set_plan(order)
        self._book.bring(call, order, lambda: self._drop(call, order))

    def _start_waiting(self, order: c.StartWaiting) -> None:
        call = self._call(order)
        if call.place is Place.RINGING and call.callback is None:
            # A phone rings for the caller, whose visit that ended; when nobody answers, the
            # caller comes back by itself.
            log.info("call %s: not sent to wait, offer %s is open", call.call_id, call.offer_id)
            return
        if call.place not in (Place.ENTRY, Place.WAITING):
            raise OrderError("the caller is not in a voice session")
        call.wait = order
        call.resume = False
        call.set_plan(order)
        self._book.keep(call)
        self._book.bring(call, order, lambda: self._drop(call, order))

    def _offer(self, order: c.OfferCall) -> None:
        call = self._call(order)
        if call.place is not Place.WAITING:
            raise OrderError("the caller is not waiting")
        if not TOKEN.fullmatch(order.offer_id):
            raise OrderError("the offer's name cannot stand in an address")
        self._reachable(order.phone)
        call.stop_visits()
        call.place, call.visiting, call.step = Place.RINGING, False, None
        call.offer_id, call.agent_id, call.ring_s = order.offer_id, order.agent_id, order.ring_s
        call.rang = call.cancelled = call.resume = False
        call.confirms = self._confirms(order.phone)
        call.set_plan(order)
        self._book.keep(call)
        self._book.bring(call, order, lambda: self._not_offered(call, order))

    def _not_offered(self, call: Live, order: c.OfferCall) -> None:
        """Twilio did not take the order: the caller is where he was, or gone."""
        if call.plan is order:
            call.plan = None
            call.no_offer()
            call.place = Place.WAITING
            self._book.arm_visit(call)

    def _drop(self, call: Live, order: c.Order) -> None:
        if call.plan is order:
            call.plan = None

    def _cancel(self, order: c.CancelOffer) -> None:
        call = self._call(order)
        if call.offer_id != order.offer_id:
            raise OrderError("that offer is not open")
        if call.connected:
            raise OrderError("the offer was answered")
        call.cancelled = True
        if call.callback is not None:
            self._end_by_rest(call, order)
            return
        call.set_plan(Move.BACK)
        self._book.bring(call, order)

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._call(order)
        self._outside(order.number)
        if call.callback is not None:
            self._send_customer_away(call, order)
            return
        call.set_plan(order)
        self._book.bring(call, order, lambda: self._drop(call, order))

    # Hold ---------------------------------------------------------------------------------

    def _hold(self, order: c.HoldCall) -> None:
        call = self._call(order)
        if call.place is not Place.TALKING or call.hold is not Hold.NO or not call.other_sid:
            raise OrderError("the call is not talking")
        call.hold = Hold.BEGINNING
        self._book.keep(call)
        self._move_other(call, order, Hold.NO)

    def _retrieve(self, order: c.RetrieveCall) -> None:
        call = self._call(order)
        if call.place is not Place.HELD or call.hold is not Hold.ON:
            raise OrderError("the call is not held")
        call.hold = Hold.ENDING
        self._move_other(call, order, Hold.ON)

    def _send_customer_away(self, call: Live, order: c.TransferCall) -> None:
        if not call.connected:
            raise OrderError("the customer is not there yet")
        call.transfer = order
        self._move_other(call, order, call.hold)

    def _move_other(self, call: Live, order: c.Order, before: Hold) -> None:
        """Tell the other leg to ask what to do. The lead comes by itself: the bridge ends."""
        began = call.hold

        async def move() -> None:
            url = self._book.urls.other(call.call_id)
            rest = self._book.rest
            try:
                if rest is None:
                    raise OrderError("the link is stopped")
                await rest.redirect(call.other_sid, url, self._book.urls.fallback)
            except (RestError, OrderError) as error:
                call.transfer = None
                if isinstance(error, RestRefused) and error.call_is_over and call.parted:
                    self._book.other_left(call)
                elif call.hold is began:
                    call.hold = before
                    self._book.keep(call)
                self._book.order_failed(order, error)

        self._book.spawn(move())

    # Callbacks ----------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._book.calls:
            raise OrderError("the call is live already")
        if not TOKEN.fullmatch(order.call_id) or not TOKEN.fullmatch(order.offer_id):
            raise OrderError("the call's name cannot stand in an address")
        self._outside(order.number)
        address = self._reachable(order.phone)
        shown = order.caller_id or self._book.settings.caller_id
        if not shown:
            raise OrderError("a callback needs a caller id that belongs to the account")
        call = Live(order.call_id, "", Place.RINGING)
        call.ani = call.dnis = order.number
        call.callback = order
        call.offer_id, call.agent_id, call.ring_s = order.offer_id, order.agent_id, order.ring_s
        call.confirms = False
        self._book.calls.add(call)
        self._book.keep(call)
        self._book.spawn(self._create(call, order, address, shown))

    async def _create(self, call: Live, order: c.DialCallback, address: str, shown: str) -> None:
        urls, rest = self._book.urls, self._book.rest
        try:
            if rest is None:
                raise OrderError("the link is stopped")
            sid = await rest.create(
                address,
                shown,
                urls.agent(call.call_id, order.offer_id),
                urls.fallback,
                urls.lead(call.call_id, order.offer_id),
                max(5, min(600, math.ceil(order.ring_s))),
            )
        except (RestError, OrderError) as error:
            if not call.sid:  # no webhook has come of it
                self._book.forget(call)
                self._book.order_failed(order, error)
            return
        if not self._book.is_live(call):
            if not self._book.calls.has_ended(sid):
                self._book.hang_up(sid)  # cancelled while it was being created
        elif not call.sid:
            call.sid = sid
            self._book.calls.add(call)
            self._book.keep(call)

    # The end ------------------------------------------------------------------------------

    def _hang_up(self, order: c.HangUpCall) -> None:
        call = self._call(order)
        # The console's hang-up button is the agent's hang-up, as on the other switches.
        call.ended_by = EndedBy.AGENT if order.why == "agent" else EndedBy.SYSTEM
        call.why = order.why
        if call.answer is not None:
            call.set_plan(Move.HANG_UP)
        else:
            self._end_by_rest(call, order)

    def _end_by_rest(self, call: Live, order: c.Order) -> None:
        if not call.sid:  # being created: `_create` hangs up when it knows what
            soon = asyncio.get_running_loop().call_soon
            soon(lambda: self._book.end(call, EndedBy.SYSTEM, "cancelled"))
            return

        async def hang_up() -> None:
            try:
                if self._book.rest is None:
                    raise OrderError("the link is stopped")
                await self._book.rest.hang_up(call.sid)
            except (RestError, OrderError) as error:
                self._book.order_failed(order, error)
            else:
                self._book.end(call, call.lead_by, "hung up")

        self._book.spawn(hang_up())

    # Who may be dialled -------------------------------------------------------------------

    def _reachable(self, phone: Phone) -> str:
        if phone.kind is PhoneKind.OUTSIDE:
            return self._outside(phone.address)
        address = self._book.settings.address(phone)
        if not address:
            raise OrderError(f"there is no {phone.kind.value} phone to ring over Twilio")
        return address

    def _outside(self, number: str) -> str:
        return self._dialing.check(number, asyncio.get_running_loop().time())

    def _confirms(self, phone: Phone) -> bool:
        return phone.kind is PhoneKind.OUTSIDE and self._book.settings.confirm_outside
