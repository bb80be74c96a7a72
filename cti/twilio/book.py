"""The live calls, and what may happen to each of them: kept, moved on, ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Place
from cti.twilio.live import Live, LiveCalls, Timer, pack
from cti.twilio.memory import Memory
from cti.twilio.rest import Rest, RestError, RestRefused, RestUnreachable
from cti.twilio.settings import TwilioSettings
from cti.twilio.twiml import Documents
from cti.twilio.urls import Urls

log = logging.getLogger(__name__)

Later = Callable[[float, Callable[[], None]], Timer]

_NUDGE_LOST_S = 10.0  # Twilio has asked long before, or never will
_DIALLED_ENDED = {
    "busy": OfferFailure.REFUSED,
    "no-answer": OfferFailure.NO_ANSWER,
    "failed": OfferFailure.UNREACHABLE,
    "canceled": OfferFailure.CANCELLED,
}
FINAL = frozenset(("completed", "busy", "no-answer", "failed", "canceled"))


def dial_failure(status: str) -> OfferFailure:
    """What Twilio's word for a dialled leg that was not connected means to us."""
    return _DIALLED_ENDED.get(status, OfferFailure.NO_ANSWER)


class Book:
    """What webhooks, orders and the list of calls do to a live call.

    `report` tells a fact now, `later` runs something after some seconds, `clock` is monotonic
    seconds, `trouble` is told that Twilio did not answer. `rest` is None while stopped.
    """

    def __init__(
        self,
        name: str,
        settings: TwilioSettings,
        *,
        report: Callable[[e.Fact], None],
        later: Later,
        clock: Callable[[], float],
        trouble: Callable[[str], None],
    ) -> None:
        self.name = name
        self.settings = settings
        self.urls = Urls(settings.public_url)
        self.documents = Documents(settings, self.urls)
        self.calls = LiveCalls()
        self.memory = Memory(settings.state_file)
        self.rest: Rest | None = None
        self.report = report
        self.clock = clock
        self.later = later
        self._trouble = trouble
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("link %s: background work failed", self.name, exc_info=error)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for call in self.calls:
            call.stop_visits()

    def is_live(self, call: Live) -> bool:
        return self.calls.get(call.call_id) is call

    def queue_of(self, call: Live) -> str:
        """Where the lead of a call on hold is kept. Twilio's queues stay for ever, so there is
        one for each agent (who has one call), not one for each call."""
        return f"{self.name}-{call.agent_id}"[:64]

    # Kept and forgotten -----------------------------------------------------------------

    def keep(self, call: Live) -> None:
        if self.is_live(call):
            self.memory.keep(call.call_id, pack(call))

    def forget(self, call: Live) -> None:
        call.stop_visits()
        self.calls.forget(call)
        self.memory.forget(call.call_id, call.sid)
        call.wake.set()

    # The end ----------------------------------------------------------------------------

    def lead_over(self, call: Live, status: str) -> None:
        """The lead's own call is over: the caller has hung up, or a callback's agent."""
        if call.callback is not None and not call.agent_answered and not call.cancelled:
            call.failed = dial_failure(status)
        self.end(call, call.lead_by, status)

    def end(self, call: Live, by: EndedBy, cause: str, *, callback_why: str = "") -> None:
        """The call is over; say so once. Whoever we made hang up did it, not who was seen."""
        if not self.is_live(call):
            return
        self.forget(call)
        if call.parted and call.other_sid:
            self.hang_up(call.other_sid)
        if call.callback is None or call.connected:
            self._say_ended(call, call.ended_by or by, call.why or cause)
        elif callback_why:
            self._callback_failed(call, callback_why)
        elif call.cancelled or not call.agent_answered:
            why = OfferFailure.CANCELLED if call.cancelled else call.failed
            self._offer_failed(call, why or OfferFailure.CANCELLED)
        else:
            self._callback_failed(call, "agent gone")

    def transferred(self, call: Live) -> None:
        """The caller is on the way to an outside number: for us that is the end."""
        if self.is_live(call):
            other = call.other_sid if call.parted and call.callback is None else ""
            self.forget(call)
            self.hang_up(other)
            self.report(e.CallEnded(call.call_id, EndedBy.SYSTEM, "transferred"))

    def _say_ended(self, call: Live, by: EndedBy, cause: str) -> None:
        if call.offer_id and not call.connected:
            gone = by is EndedBy.CALLER
            self._offer_failed(call, OfferFailure.CALLER_GONE if gone else OfferFailure.CANCELLED)
        self.report(e.CallEnded(call.call_id, by, cause))

    def _offer_failed(self, call: Live, why: OfferFailure) -> None:
        self.report(e.OfferFailed(call.call_id, call.offer_id, call.agent_id, why))

    def _callback_failed(self, call: Live, why: str) -> None:
        self.report(e.CallbackFailed(call.call_id, call.offer_id, call.agent_id, why))

    def other_left(self, call: Live) -> None:
        """The other leg of a call that is or was on hold is gone: the lead is alone."""
        lead = call.sid
        self.end(call, call.other_by, "completed")
        self.hang_up(lead)

    def answered(self, call: Live, sid: str) -> None:
        """The dialled leg is connected with the lead."""
        if call.connected or call.cancelled or call.place is not Place.RINGING:
            return
        call.other_sid = sid or call.other_sid
        call.connected = True
        call.place = Place.TALKING
        call.stop_visits()
        self.keep(call)
        fact = e.OfferAnswered if call.callback is None else e.CallbackConnected
        self.report(fact(call.call_id, call.offer_id, call.agent_id))

    # Moving on --------------------------------------------------------------------------

    def bring(self, call: Live, order: c.Order, undo: Callable[[], None] | None = None) -> None:
        """Make the lead ask for its next document, which the call's plan says.

        What cannot be ordered is reported as `order`'s failure, after `undo`.
        """
        if call.answer is not None or call.asked_again:
            return  # it is asking at this moment, or will within a second
        call.orders.append((order, undo))
        self.nudge(call)

    def nudge(self, call: Live) -> None:
        """Tell the lead, over REST, to ask for its next document."""
        if call.nudge is None:
            call.nudge = nudge = object()
            self.spawn(self._redirect_lead(call, nudge))

    async def _redirect_lead(self, call: Live, nudge: object) -> None:
        again = self.urls.again(call.call_id, call.turn)
        try:
            await self._rest().redirect(call.sid, again, self.urls.fallback)
        except RestError as error:
            call.nudge = None
            self._nudge_failed(call, error)
            return

        def lost() -> None:
            if call.nudge is nudge:
                call.nudge = None

        call.orders.clear()
        self.later(_NUDGE_LOST_S, lost)

    def _nudge_failed(self, call: Live, error: RestError) -> None:
        orders, call.orders = call.orders, []
        if isinstance(error, RestRefused) and error.call_is_over:
            self.spawn(self.make_sure(call))
        for order, undo in orders:
            if undo is not None:
                undo()
            self.order_failed(order, error)

    def visit(self, call: Live) -> None:
        """An announcement is due: the caller must come and hear it."""
        call.visit = None
        if not self.is_live(call) or call.place is not Place.WAITING or call.visiting:
            return
        busy = call.plan is not None or call.answer is not None or call.nudge is not None
        if busy or call.asked_again:
            call.visit_at = self.clock() + 1.0
            self.arm_visit(call)
            return
        call.visit_due = True
        self.nudge(call)
        call.visit_at = self.clock() + _NUDGE_LOST_S  # once more, in case it gets lost
        self.arm_visit(call)

    def arm_visit(self, call: Live) -> None:
        if call.visit is not None:
            call.visit.cancel()
            call.visit = None
        if call.visit_at > 0.0:
            delay_s = max(0.5, call.visit_at - self.clock())
            call.visit = self.later(delay_s, lambda: self.visit(call))

    # Twilio -----------------------------------------------------------------------------

    def _rest(self) -> Rest:
        if self.rest is None:
            raise RestUnreachable("the link is stopped", sent=False)
        return self.rest

    def hang_up(self, sid: str) -> None:
        """End a leg that nobody else would end; nobody waits for the outcome."""
        if sid:
            self.spawn(self._hang_up(sid))

    async def _hang_up(self, sid: str) -> None:
        try:
            await self._rest().hang_up(sid)
        except RestError as error:
            log.warning("link %s: cannot hang up %s: %s", self.name, sid, error)

    async def make_sure(self, call: Live) -> None:
        """Twilio says that the call cannot be changed: has it ended unheard?"""
        try:
            status = await self._rest().status(call.sid)
        except RestError:
            return  # the next list of calls tells
        if not status or status in FINAL:
            self.lead_over(call, status or "gone")

    def order_failed(self, order: c.Order, error: Exception) -> None:
        unknown = isinstance(error, RestUnreachable) and error.sent
        if isinstance(error, RestUnreachable):
            self._trouble(str(error))
        self.report(e.OrderFailed(order.call_id, type(order).__name__, str(error), unknown))
