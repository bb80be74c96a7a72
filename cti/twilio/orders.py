"""Orders, carried out: most become the next document of the caller, who is told to ask for it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Place
from cti.dialing import DialRefusedError
from cti.twilio import rounds
from cti.twilio.book import Book, OrderError
from cti.twilio.http import RestError
from cti.twilio.live import Live, Move, Rung
from cti.twilio.phones import Phones
from cti.twilio.urls import TOKEN

log = logging.getLogger(__name__)


class Orders:
    """Carries out orders on the live calls. Never raises; what fails becomes `OrderFailed`.

    Nothing is reported from inside `execute`: a failure follows a moment later.
    """

    def __init__(
        self, book: Book, phones: Phones, others: Mapping[type, Callable[..., None]]
    ) -> None:
        self._book = book
        self._phones = phones
        self._orders: dict[type, Callable[..., None]] = {
            **others,
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.OfferCall: self._offer,
            c.CancelOffer: self._cancel,
            c.DialCallback: self._dial_callback,
            c.TransferCall: self._transfer,
            c.StartMenu: self._start_menu,
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
        fact = e.OrderFailed(*c.named(order), why, leg_id=c.leg_of(order))
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
        before = call.wait
        self._take_away(call, order)
        call.wait = order
        call.resume = False
        self._book.keep(call)
        self._book.bring(call, order, lambda: self._not_away(call, order, before))

    def _start_menu(self, order: c.StartMenu) -> None:
        call = self._call(order)
        before = call.wait
        self._take_away(call, order)
        call.wait = None
        call.flow_state = order.flow_state
        self._book.keep(call)
        self._book.bring(call, order, lambda: self._not_away(call, order, before))

    def _take_away(self, call: Live, order: c.StartWaiting | c.StartMenu | c.TransferCall) -> None:
        """The caller's next document is this order's, wherever the caller is now."""
        if call.in_conversation:
            call.caller_leaves()
        elif call.place not in (Place.ENTRY, Place.WAITING):
            raise OrderError("the caller cannot be moved")
        call.set_plan(order)

    def _not_away(self, call: Live, order: c.Order, before: c.StartWaiting | None) -> None:
        """Twilio did not take the order: everybody is where they were."""
        if call.plan is order:
            call.plan = None
            call.wait = before
            if call.leaving:
                call.caller_stays()
            self._book.keep(call)

    def _offer(self, order: c.OfferCall) -> None:
        call = self._call(order)
        if call.place is not Place.WAITING:
            raise OrderError("the caller is not waiting")
        if not TOKEN.fullmatch(order.offer_id):
            raise OrderError("the offer's name cannot stand in an address")
        self._phones.address(order.phone)
        call.ringing = self._round(order)
        call.stop_visits()
        call.place, call.visiting, call.step = Place.RINGING, False, None
        call.offer_id, call.agent_id, call.ring_s = order.offer_id, order.agent_id, order.ring_s
        call.rang = call.cancelled = call.resume = False
        call.confirms = self._phones.confirms(order.phone)
        call.set_plan(order)
        self._book.keep(call)
        self._book.bring(call, order, lambda: self._not_offered(call, order))

    def _round(self, order: c.OfferCall) -> dict[str, Rung]:
        """The phones, when there are several; raises for one that may not be rung."""
        if not order.also:
            return {}
        if len(order.also) >= rounds.MAX_PHONES:
            raise OrderError(f"more than {rounds.MAX_PHONES} phones at once")
        found = {}
        for one in order.phones:
            if not TOKEN.fullmatch(one.offer_id):
                raise OrderError("the offer's name cannot stand in an address")
            if one.offer_id != order.offer_id:
                self._phones.address(one.phone)
            confirms = self._phones.confirms(one.phone)
            found[one.offer_id] = Rung(one.offer_id, one.agent_id, confirms)
        return found

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
        if call.offer_id != order.offer_id and order.offer_id not in call.ringing:
            raise OrderError("that offer is not open")
        if call.connected:
            raise OrderError("the offer was answered")
        if order.offer_id in call.ringing and rounds.cancel(self._book, call, order.offer_id):
            return  # the others go on ringing
        call.cancelled = True
        if call.callback is not None:
            self._end_by_rest(call, order)
            return
        call.set_plan(Move.BACK)
        self._book.bring(call, order)

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._call(order)
        self._phones.outside(order.number)
        before = call.wait
        self._take_away(call, order)
        self._book.keep(call)
        self._book.bring(call, order, lambda: self._not_away(call, order, before))

    # Callbacks ----------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._book.calls:
            raise OrderError("the call is live already")
        if not TOKEN.fullmatch(order.call_id) or not TOKEN.fullmatch(order.offer_id):
            raise OrderError("the call's name cannot stand in an address")
        self._phones.outside(order.number)
        address = self._phones.address(order.phone)
        shown = order.caller_id or self._book.settings.caller_id
        if not shown:
            raise OrderError("a callback needs a caller id that belongs to the account")
        call = Live(order.call_id, "", Place.RINGING)
        call.ani = call.dnis = order.number
        call.callback = order
        call.offer_id, call.agent_id, call.ring_s = order.offer_id, order.agent_id, order.ring_s
        call.agent_dialled = True
        self._book.calls.add(call)
        self._book.keep(call)
        self._book.spawn(self._create(call, order, address, shown))

    async def _create(self, call: Live, order: c.DialCallback, address: str, shown: str) -> None:
        urls = self._book.urls
        try:
            sid = await self._book.open_rest.create(
                address,
                shown,
                urls.agent(call.call_id, order.offer_id),
                urls.fallback,
                urls.lead(call.call_id, order.offer_id),
                max(5, min(600, math.ceil(order.ring_s))),
            )
        except RestError as error:
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
                await self._book.open_rest.hang_up(call.sid)
            except RestError as error:
                self._book.order_failed(order, error)
            else:
                self._book.end(call, call.lead_by, "hung up")

        self._book.spawn(hang_up())
