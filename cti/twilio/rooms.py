"""The conference of a conversation: the two who talk are brought into it, and moved in it.

Plain calls are one leg that has dialled the other. When the first order comes that this
cannot do, both are told to go to a conference:

    REST: redirect the leg that was dialled ──▶ its document: the conference
      └─ so the other's <Dial> ends ──▶ its next document: the conference
    both have joined ──▶ the order is carried out, as every later one, on a participant

If the redirect is refused, the two still talk and nothing has happened. Who is in the
conference is heard from its webhooks, and looked up when they do not come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cti import commands as c
from cti.calls import Supervision
from cti.twilio.book import Book, OrderError
from cti.twilio.http import RestError, RestRefused, RestUnreachable
from cti.twilio.live import Live, Party, Room

log = logging.getLogger(__name__)

Work = Callable[[Live], Awaitable[None]]

_PENDING_MAX = 20
_ENTER_S = 8.0
_LOOK_S = 1.0  # without a word from Twilio for so long, we look for ourselves
_JOIN_S = 4.0


class Rooms:
    """Moves legs into conferences and changes them there. Raises `RestError`, `OrderError`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    # Orders -------------------------------------------------------------------------------

    def carry_out(self, order: c.Order, work: Work) -> None:
        """Begin `work` on the order's call; one order after the other for each conversation.

        Raises `OrderError` when nobody talks with the caller. What comes of it later is
        reported: by `work`, or as the order's failure.
        """
        call = self._book.calls.get(order.call_id)
        if call is None:
            raise OrderError("no such call on this switch")
        self._talks(call)
        if call.pending >= _PENDING_MAX:
            raise OrderError("too many orders at once")
        call.pending += 1
        self._book.spawn(self._work(call, order, work))

    def begin(self, call: Live) -> None:
        """Bring the two who have just begun to talk into a conference. If it cannot be done
        now, the first order that needs it tries again."""
        self._book.spawn(self._begin(call))

    async def _begin(self, call: Live) -> None:
        try:
            async with call.lock:
                self._talks(call)
                await self.enter(call)
        except (RestError, OrderError) as error:
            log.warning("call %s: not in a conference yet: %s", call.call_id, error)

    async def _work(self, call: Live, order: c.Order, work: Work) -> None:
        try:
            async with call.lock:
                self._talks(call)
                await work(call)
                self._book.keep(call)
        except (RestError, OrderError) as error:
            self._book.order_failed(order, error)
        except Exception as error:
            log.exception("order failed: %s", type(order).__name__)
            self._book.order_failed(order, error)
        finally:
            call.pending -= 1

    def _talks(self, call: Live) -> None:
        if not self._book.is_live(call) or not call.talks:
            raise OrderError("nobody talks with the caller")

    # Into it ------------------------------------------------------------------------------

    async def enter(self, call: Live) -> None:
        """Both who talk are in a conference when this returns."""
        if call.room is Room.IN:
            return
        if not call.other_sid or not call.sid:
            raise OrderError("it is not known yet who talks")
        if call.room is Room.NO or not await self._both_in(call):
            await self._send_both(call)
            await self._until_in(call)
        call.room = Room.IN
        self._book.keep(call)

    async def _send_both(self, call: Live) -> None:
        call.enter_room()
        self._book.keep(call)
        urls = self._book.urls
        if call.agent_dialled:
            dialled, url = call.sid, urls.again(call.call_id, call.turn)
        else:
            dialled, url = call.other_sid, urls.room(call.call_id, call.offer_id or "-")
        number = call.room_no
        try:
            await self._book.open_rest.redirect(dialled, url, urls.fallback)
        except (RestRefused, RestUnreachable) as error:
            unknown = isinstance(error, RestUnreachable) and error.sent
            still = call.room is Room.ENTERING and call.room_no == number and not call.leaving
            if still and not unknown:
                call.not_entered()
                self._book.keep(call)
                if isinstance(error, RestRefused) and error.call_is_over:
                    self._book.nudge(call)  # the one who was dialled is gone: ask for the end
            raise

    async def _until_in(self, call: Live) -> None:
        number, loop = call.room_no, asyncio.get_running_loop()
        deadline = loop.time() + _ENTER_S
        while not call.room_sid or not {call.sid, call.other_sid} <= call.in_room:
            if not await self._changed(call, _LOOK_S) and await self._both_in(call):
                break
            self._still(call, number)
            if loop.time() > deadline:
                raise OrderError("the two did not come together in a conference")
        self._still(call, number)

    async def _both_in(self, call: Live) -> bool:
        """Look for ourselves."""
        rest = self._book.open_rest
        call.room_sid = call.room_sid or await rest.room(call.room_name)
        if not call.room_sid:
            return False
        call.in_room.update(await rest.in_room(call.room_sid))
        return {call.sid, call.other_sid} <= call.in_room

    def _still(self, call: Live, number: int) -> None:
        if not self._book.is_live(call) or call.leaving or call.room_no != number:
            raise OrderError("the conversation is over")

    async def _changed(self, call: Live, within_s: float) -> bool:
        call.room_changed.clear()
        try:
            async with asyncio.timeout(within_s):
                await call.room_changed.wait()
        except TimeoutError:
            return False
        return True

    # In it --------------------------------------------------------------------------------

    async def hold(self, call: Live, sid: str) -> None:
        music = self._book.urls.hold(call.call_id)
        await self._when_there(
            call, sid, lambda: self._book.open_rest.hold(call.room_sid, sid, music)
        )

    async def retrieve(self, call: Live, sid: str) -> None:
        await self._when_there(call, sid, lambda: self._book.open_rest.retrieve(call.room_sid, sid))

    async def mute(self, call: Live, on: bool) -> None:
        """Nobody hears the agent, or everybody again."""
        sid = call.other_sid
        await self._when_there(call, sid, lambda: self._book.open_rest.mute(call.room_sid, sid, on))

    async def supervise(self, call: Live, party: Party, mode: Supervision) -> None:
        coached = call.other_sid if mode is Supervision.WHISPER else ""
        await self._when_there(
            call,
            party.sid,
            lambda: self._book.open_rest.supervise(
                call.room_sid, party.sid, muted=mode is Supervision.LISTEN, coached=coached
            ),
        )

    async def announce(self, call: Live, url: str) -> None:
        """Play a document to the caller."""
        await self._when_there(
            call, call.sid, lambda: self._book.open_rest.announce(call.room_sid, call.sid, url)
        )

    async def _when_there(self, call: Live, sid: str, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask, again while Twilio does not find the leg in the conference: it is on its way."""
        number, loop = call.room_no, asyncio.get_running_loop()
        deadline = loop.time() + _JOIN_S
        while True:
            try:
                await ask()
            except RestRefused as refused:
                late = loop.time() > deadline or sid in call.left_room
                if late or not refused.call_is_over:
                    raise
                await self._changed(call, 0.25)
                self._still(call, number)
            else:
                self._still(call, number)
                return
