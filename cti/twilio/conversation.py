"""What is done in a conversation: hold, mute, digits, further parties, supervision, hand-over.

Every order here is checked when its turn comes, carried out on the participants of the call's
conference, and told when Twilio has taken it.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable

from cti import commands as c
from cti import events as e
from cti.calls import LegState, OfferFailure, Phone, Place, Supervision
from cti.twilio.book import Book, OrderError
from cti.twilio.http import RestError, RestRefused
from cti.twilio.live import Live, Party
from cti.twilio.parties import Parties
from cti.twilio.phones import Phones
from cti.twilio.rooms import Rooms
from cti.twilio.urls import TOKEN

_PARTIES_MAX = 16
_DTMF = re.compile(r"[0-9*#A-D]{1,64}")


class Conversation:
    """Carries out orders on calls that are talked on. `execute` of the link never raises: what
    is raised here becomes `OrderFailed` there."""

    def __init__(self, book: Book, rooms: Rooms, parties: Parties, phones: Phones) -> None:
        self._book = book
        self._rooms = rooms
        self._parties = parties
        self._phones = phones
        self.orders: dict[type, Callable[..., None]] = {
            c.HoldCall: self._hold,
            c.RetrieveCall: self._retrieve,
            c.MuteAgent: self._mute,
            c.SendDigits: self._send_digits,
            c.DialLeg: self._dial,
            c.EndLeg: self._end,
            c.SwapLegs: self._swap,
            c.JoinLegs: self._join,
            c.HandOver: self._hand_over,
            c.SuperviseCall: self._supervise,
            c.ChangeSupervision: self._change_supervision,
        }

    # Hold, mute, digits -------------------------------------------------------------------

    def _hold(self, order: c.HoldCall) -> None:
        async def work(call: Live) -> None:
            if call.place is not Place.TALKING or call.consulted is not None:
                raise OrderError("the call is not talking")
            await self._rooms.enter(call)
            await self._rooms.hold(call, call.sid)
            call.place = Place.HELD
            self._book.report(e.CallHeld(call.call_id))

        self._rooms.carry_out(order, work)

    def _retrieve(self, order: c.RetrieveCall) -> None:
        async def work(call: Live) -> None:
            if call.place is not Place.HELD or call.consulted is not None:
                raise OrderError("the call is not held")
            await self._rooms.retrieve(call, call.sid)
            call.place = Place.TALKING
            self._book.report(e.CallRetrieved(call.call_id))

        self._rooms.carry_out(order, work)

    def _mute(self, order: c.MuteAgent) -> None:
        async def work(call: Live) -> None:
            await self._rooms.enter(call)
            await self._rooms.mute(call, order.on)
            self._book.report(e.AgentMuted(call.call_id, order.on))

        self._rooms.carry_out(order, work)

    def _send_digits(self, order: c.SendDigits) -> None:
        if not _DTMF.fullmatch(order.digits):
            raise OrderError("these are no digits")

        async def work(call: Live) -> None:
            if call.place not in (Place.TALKING, Place.CONFERENCE):
                raise OrderError("the caller hears music")
            await self._rooms.enter(call)
            # They may be secret: in no address, in no log, and given out once.
            token = secrets.token_urlsafe(12)
            call.digits[token] = order.digits
            try:
                await self._rooms.announce(call, self._book.urls.digits(call.call_id, token))
            except RestError:
                call.digits.pop(token, None)
                raise
            self._book.report(e.DigitsSent(call.call_id, len(order.digits)))

        self._rooms.carry_out(order, work)

    # Further parties ------------------------------------------------------------------------

    def _dial(self, order: c.DialLeg) -> None:
        self._may_ring(order)
        address = self._phones.address(order.phone)

        async def work(call: Live) -> None:
            shown = order.caller_id or self._shown(call)
            self._has_room(call, order.leg_id)
            if call.consulted is not None:
                raise OrderError("a consultation is open already")
            await self._rooms.enter(call)
            consults = call.place is not Place.CONFERENCE
            party = self._new_party(order, order.phone)
            party.confirms = bool(order.agent_id) and self._phones.confirms(order.phone)
            if call.place is Place.TALKING:
                await self._rooms.hold(call, call.sid)
                call.place = Place.CONSULTING
                self._book.report(e.CallHeld(call.call_id))
            elif consults:
                call.place = Place.CONSULTING
            if self._book.is_live(call):
                await self._ring(call, party, address, shown, heard=consults)

        self._rooms.carry_out(order, work)

    def _supervise(self, order: c.SuperviseCall) -> None:
        self._may_ring(order)
        address = self._phones.address(order.phone)

        async def work(call: Live) -> None:
            self._has_room(call, order.leg_id)
            await self._rooms.enter(call)
            party = self._new_party(order, order.phone)
            party.mode = order.mode
            party.confirms = self._phones.confirms(order.phone)
            await self._ring(call, party, address, self._shown(call), heard=False)

        self._rooms.carry_out(order, work)

    @staticmethod
    def _may_ring(order: c.DialLeg | c.SuperviseCall) -> None:
        if not TOKEN.fullmatch(order.leg_id):
            raise OrderError("the leg's name cannot stand in an address")

    @staticmethod
    def _has_room(call: Live, leg_id: str) -> None:
        if leg_id in call.parties or leg_id == call.offer_id:
            raise OrderError("the leg exists already")
        if len(call.parties) >= _PARTIES_MAX:
            raise OrderError("too many are in the call")

    def _shown(self, call: Live) -> str:
        """The number that is shown to who is rung; it must belong to the account."""
        shown = self._book.settings.caller_id or ("" if call.callback else call.dnis)
        if not shown:
            raise OrderError("a caller id that belongs to the account is needed")
        return shown

    def _new_party(self, order: c.DialLeg | c.SuperviseCall, phone: Phone) -> Party:
        number = phone.address if not order.agent_id else ""
        party = Party(order.leg_id, order.agent_id, number)
        party.dialled_at, party.ring_s = self._book.clock(), order.ring_s
        return party

    async def _ring(
        self, call: Live, party: Party, address: str, shown: str, *, heard: bool
    ) -> None:
        """Ring a further party. Who is let in without a question is invited by Twilio itself,
        so that the ringing can be heard; the others ask us when they have picked up."""
        book, urls = self._book, self._book.urls
        call.parties[party.leg_id] = party
        book.keep(call)
        progress = urls.leg(call.call_id, party.leg_id)
        ring_s = _ring_s(party.ring_s)
        try:
            if party.joins:
                sid = await book.open_rest.invite(
                    call.room_sid, address, shown, progress, ring_s, heard=heard
                )
            else:
                ask = urls.agent(call.call_id, party.leg_id)
                sid = await book.open_rest.create(
                    address, shown, ask, urls.fallback, progress, ring_s
                )
        except RestError as error:
            if not party.sid and call.parties.get(party.leg_id) is party:
                book.not_rung(party.leg_id, error)
                self._parties.over(call, party, OfferFailure.UNREACHABLE)
            return
        if call.parties.get(party.leg_id) is party:
            party.sid = sid
            book.calls.add(call)
            self._parties.watch(call, party)
        elif not party.sid:
            book.hang_up(sid)  # the call went on without it while it was being created

    def _end(self, order: c.EndLeg) -> None:
        async def work(call: Live) -> None:
            party = self._party(call, order.leg_id)
            if party.sid:
                await self._book.open_rest.hang_up(party.sid)
            self._parties.over(call, party)

        self._rooms.carry_out(order, work)

    @staticmethod
    def _party(call: Live, leg_id: str) -> Party:
        party = call.parties.get(leg_id)
        if party is None:
            raise OrderError("no such leg")
        return party

    def _answered(self, call: Live, leg_id: str) -> Party:
        party = self._party(call, leg_id)
        if not party.answered:
            raise OrderError("the party has not answered")
        return party

    def _swap(self, order: c.SwapLegs) -> None:
        async def work(call: Live) -> None:
            party = self._answered(call, order.leg_id)
            if call.consulted is not party:
                raise OrderError("the party is not consulted")
            to_party = party.state is LegState.HELD
            first, then = (call.sid, party.sid) if to_party else (party.sid, call.sid)
            await self._rooms.hold(call, first)
            try:
                await self._rooms.retrieve(call, then)
            except RestRefused:
                await self._rooms.retrieve(call, first)
                raise
            party.state = LegState.TALKING if to_party else LegState.HELD
            call.place = Place.CONSULTING if to_party else Place.TALKING
            self._book.report(e.LegsSwapped(call.call_id, party.leg_id, to_party))

        self._rooms.carry_out(order, work)

    def _join(self, order: c.JoinLegs) -> None:
        async def work(call: Live) -> None:
            party = call.consulted
            if party is None or not party.answered:
                raise OrderError("nobody is consulted who has answered")
            for sid in self._parties.held(call, party):
                await self._rooms.retrieve(call, sid)
            party.state = LegState.TALKING
            call.place = Place.CONFERENCE
            self._book.report(e.ConferenceBegan(call.call_id))

        self._rooms.carry_out(order, work)

    def _hand_over(self, order: c.HandOver) -> None:
        async def work(call: Live) -> None:
            party = self._answered(call, order.leg_id)
            if party.mode is not None:
                await self._rooms.supervise(call, party, Supervision.BARGE)
            try:
                for sid in self._parties.held(call, party):
                    await self._rooms.retrieve(call, sid)
            except RestError:
                if party.mode is not None:
                    await self._rooms.supervise(call, party, party.mode)
                raise
            if call.parties.get(party.leg_id) is not party:
                raise OrderError("the party has left")
            for fact in self._parties.take_over(call, party):
                self._book.report(fact)

        self._rooms.carry_out(order, work)

    def _change_supervision(self, order: c.ChangeSupervision) -> None:
        async def work(call: Live) -> None:
            party = self._answered(call, order.leg_id)
            if party.mode is None:
                raise OrderError("the leg is no supervisor's")
            await self._rooms.supervise(call, party, order.mode)
            party.mode = order.mode
            self._book.report(e.SupervisionChanged(call.call_id, party.leg_id, order.mode))

        self._rooms.carry_out(order, work)


def _ring_s(ring_s: float) -> int:
    """Twilio rings for 5 to 600 whole seconds."""
    return max(5, min(600, math.ceil(ring_s if math.isfinite(ring_s) else 600.0)))
