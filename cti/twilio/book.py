"""The live calls, and what may happen to each of them: kept, moved on, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Container, Coroutine, Iterable, Iterator
from typing import Any

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Place
from cti.twilio.hangups import HangUps
from cti.twilio.http import RestError, RestRefused, RestUnreachable
from cti.twilio.keeping import pack, unpack
from cti.twilio.live import Live, LiveCalls, Party, Room, Rung, Timer
from cti.twilio.memory import Memory
from cti.twilio.rest import Rest
from cti.twilio.settings import TwilioSettings
from cti.twilio.twiml import Documents
from cti.twilio.unfiled import Unfiled
from cti.twilio.urls import Urls

log = logging.getLogger(__name__)

Later = Callable[[float, Callable[[], None]], Timer]

_BRIDGED_S = 0.5  # from the key pressed until the two are connected
_NOT_YET_TRIES = 4
_NOT_YET_S = 0.25
_NUDGE_LOST_S = 10.0  # Twilio has asked long before, or never will
_DIALLED_ENDED = {
    "busy": OfferFailure.REFUSED,
    "no-answer": OfferFailure.NO_ANSWER,
    "failed": OfferFailure.UNREACHABLE,
    "canceled": OfferFailure.CANCELLED,
}
STOPPED_ITSELF = ("busy", "failed")  # of several phones: the others go on ringing
FINAL = frozenset(("completed", "busy", "no-answer", "failed", "canceled"))


def dial_failure(status: str) -> OfferFailure:
    """What Twilio's word for a dialled leg that was not connected means to us."""
    return _DIALLED_ENDED.get(status, OfferFailure.NO_ANSWER)


def _silent(rung: Rung, why: OfferFailure) -> bool:
    """Whether a phone that never rang had ended before somebody else answered."""
    return rung.status == "no-answer" and why is OfferFailure.CANCELLED


class OrderError(Exception):
    """The order does not fit the call; nothing was done."""


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
        self.urls = Urls(settings.public_url, settings.fallback_url)
        self.documents = Documents(settings, self.urls)
        self.calls = LiveCalls()
        self.memory = Memory(settings.state_file)
        self.rest: Rest | None = None
        self.unfiled = Unfiled(self.memory)
        self.hangups = HangUps(lambda: self.open_rest)
        self.on_rung: Callable[[Live], None] = lambda call: None
        self.on_answered: Callable[[Live], None] = lambda call: None
        self._report = report
        self._silent = False
        self.clock = clock
        self.later = later
        self._trouble = trouble
        self._tasks: set[asyncio.Task[None]] = set()

    def report(self, fact: e.Fact) -> None:
        """Tell a fact now."""
        if not self._silent:
            self._report(fact)

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """What is found out in here is told by the caller, in other words."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

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

    # Kept and forgotten -----------------------------------------------------------------

    def keep(self, call: Live) -> None:
        if self.is_live(call):
            self.memory.keep(call.call_id, pack(call))

    def forget(self, call: Live) -> None:
        call.stop_visits()
        if call.recording is not None:  # it ends with its leg
            self.unfiled.add(call, call.recording)
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
        facts = self.parties_out(call)
        self.forget(call)
        if call.room is not Room.NO:
            self.hang_up(call.other_sid)
        for fact in facts:
            self.report(fact)
        if call.callback is None or call.connected:
            self._say_ended(call, call.ended_by or by, call.why or cause)
        elif callback_why:
            self._callback_failed(call, callback_why)
        elif call.cancelled or not call.agent_answered:
            why = OfferFailure.CANCELLED if call.cancelled else call.failed
            self._offer_failed(call, why or OfferFailure.CANCELLED)
        else:
            self._callback_failed(call, "agent gone")

    def part(self, call: Live) -> None:
        """The caller is out of the conversation: so is everybody else. Nothing is recorded on."""
        if not call.leaving:
            return
        facts = self.parties_out(call)
        agent = call.other_sid
        self.calls.forget_leg(agent)
        self.stop_recording(call)
        call.no_offer()
        call.no_room()
        call.callback = None
        self.hang_up(agent)
        for fact in facts:
            self.report(fact)

    def party_out(
        self, call: Live, party: Party, why: OfferFailure = OfferFailure.CANCELLED
    ) -> e.Fact:
        """A further party is gone, or has to go; what is to be said. `why`: it had not answered."""
        call.parties.pop(party.leg_id, None)
        self.calls.forget_leg(party.sid)
        self.hang_up(party.sid)
        if party.answered:
            return e.LegEnded(call.call_id, party.leg_id, party.agent_id)
        return e.LegFailed(call.call_id, party.leg_id, party.agent_id, why)

    def remember(self, kept: dict[str, dict[str, Any]]) -> None:
        """Take up what the memory kept over a restart."""
        for name, data in kept.items():
            try:
                if not self.unfiled.remember(name, data):
                    self.calls.add(unpack(name, data))
            except (ValueError, KeyError, TypeError):
                log.exception("link %s: call %s cannot be taken up", self.name, name)

    def parties_out(self, call: Live) -> list[e.Fact]:
        return [self.party_out(call, party) for party in list(call.parties.values())]

    def transferred(self, call: Live) -> None:
        """The caller is on the way to an outside number: for us that is the end."""
        if self.is_live(call):
            self.part(call)
            self.forget(call)
            self.report(e.CallEnded(call.call_id, EndedBy.SYSTEM, "transferred"))

    def _say_ended(self, call: Live, by: EndedBy, cause: str) -> None:
        gone = OfferFailure.CALLER_GONE if by is EndedBy.CALLER else OfferFailure.CANCELLED
        self.offers_over(call, call.open_offers, gone)
        self.report(e.CallEnded(call.call_id, by, cause))

    def offers_over(self, call: Live, rang: Iterable[Rung], why: OfferFailure) -> None:
        """Nobody took the call, at the one phone or at any of several."""
        for rung in rang:
            self.report(self.rung_failed(call, rung, why))

    @staticmethod
    def rung_failed(
        call: Live, rung: Rung, why: OfferFailure = OfferFailure.CANCELLED
    ) -> e.OfferFailed:
        """The end of one of several phones: `why`, unless it ended by itself."""
        if rung.cancelled:
            why = OfferFailure.CANCELLED
        elif rung.status in STOPPED_ITSELF:
            why = dial_failure(rung.status)
        elif not rung.rang and (why is OfferFailure.NO_ANSWER or _silent(rung, why)):
            why = OfferFailure.UNREACHABLE  # a Twilio Client that is not there never rings
        return e.OfferFailed(call.call_id, rung.offer_id, rung.agent_id, why)

    def _lead_round(self, call: Live, sid: str) -> list[Rung]:
        """Whose phone this leg is, has the call. Returns the others."""
        rung = next((one for one in call.ringing.values() if sid and one.sid == sid), None)
        rung = rung or call.ringing[call.offer_id]
        call.lead_round(rung)
        others = [one for one in call.ringing.values() if one is not rung]
        call.ringing.clear()
        return others

    def _offer_failed(self, call: Live, why: OfferFailure) -> None:
        self.report(e.OfferFailed(call.call_id, call.offer_id, call.agent_id, why))

    def _callback_failed(self, call: Live, why: str) -> None:
        self.report(e.CallbackFailed(call.call_id, call.offer_id, call.agent_id, why))

    def answered(self, call: Live, sid: str) -> None:
        """The dialled leg is connected with the lead."""
        if call.connected or call.cancelled or call.place is not Place.RINGING:
            return
        others = self._lead_round(call, sid) if call.ringing else []
        call.other_sid = sid or call.other_sid
        call.connected = True
        call.place = Place.TALKING
        call.stop_visits()
        self.calls.add(call)
        self.keep(call)
        fact = e.OfferAnswered if call.callback is None else e.CallbackConnected
        self.report(fact(call.call_id, call.offer_id, call.agent_id))
        for rung in others:
            self.report(self.rung_failed(call, rung))
        if self.settings.conference_always:
            self.later(_BRIDGED_S if call.confirms else 0.0, lambda: self.on_answered(call))

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
        for left in range(_NOT_YET_TRIES, -1, -1):
            again = self.urls.again(call.call_id, call.turn)
            try:
                await self.open_rest.redirect(call.sid, again, self.urls.fallback)
                break
            except RestError as error:
                over = isinstance(error, RestRefused) and error.call_is_over
                if not over or not await self._lives(call) or not left:
                    call.nudge = None
                    self._nudge_failed(call, error)
                    return
            # Our answer to its last webhook is on the way to it still.
            await asyncio.sleep(_NOT_YET_S)
            if call.nudge is not nudge:
                break

        def lost() -> None:
            if call.nudge is nudge:
                call.nudge = None

        call.orders.clear()
        self.later(_NUDGE_LOST_S, lost)

    async def _lives(self, call: Live) -> bool:
        """Twilio says that the call cannot be changed: has it ended unheard?"""
        status = await self.fate(call.sid)
        if status:
            self.lead_over(call, status)
        return not status

    async def fate(self, sid: str) -> str:
        """How a leg ended, "" when it lives or nobody knows."""
        try:
            status = await self.open_rest.status(sid)
        except RestError:
            return ""  # the next list of calls tells
        return status if status in FINAL else "" if status else "gone"

    def _nudge_failed(self, call: Live, error: RestError) -> None:
        orders, call.orders = call.orders, []
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

    @property
    def open_rest(self) -> Rest:
        """Raises `RestUnreachable` when the link is stopped."""
        if self.rest is None:
            raise RestUnreachable("the link is stopped", sent=False)
        return self.rest

    def hang_up(self, sid: str) -> None:
        """End a leg that nobody else would end; nobody waits for the outcome."""
        if sid:
            self.spawn(self.hangups.end(sid))

    def hang_up_again(self, live: Container[str]) -> None:
        """Legs that had to end while Twilio did not answer, and that still live."""
        for sid in self.hangups.left(live):
            self.hang_up(sid)

    def stop_recording(self, call: Live) -> None:
        """Record no more; `RecordingStopped` follows when Twilio has the file."""
        recording, call.recording = call.recording, None
        if recording is not None and recording.sid:
            self.unfiled.add(call, recording)
            self.spawn(self.end_recording(call.sid, recording.sid))

    async def end_recording(self, sid: str, recording: str) -> None:
        """End a recording that nobody waits for."""
        try:
            await self.open_rest.stop_recording(sid, recording)
        except RestError as error:
            log.warning("link %s: cannot stop recording %s: %s", self.name, sid, error)

    def not_rung(self, leg_id: str, error: RestError) -> None:
        """A leg was not rung, as far as we know; if it was, its webhooks are told so."""
        log.warning("link %s: leg %s cannot be rung: %s", self.name, leg_id, error)
        if isinstance(error, RestUnreachable):
            self._trouble(str(error))

    def order_failed(self, order: c.Order, error: Exception) -> None:
        unknown = isinstance(error, RestUnreachable) and error.sent
        if isinstance(error, RestUnreachable):
            self._trouble(str(error))
        self.report(e.OrderFailed(*c.named(order), str(error), unknown, c.leg_of(order)))
