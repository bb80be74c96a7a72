"""The leg that an offer rings, and the two legs of a callback: how they are doing."""

from __future__ import annotations

from collections.abc import Mapping

from cti import events as e
from cti.calls import Place
from cti.twilio import rounds
from cti.twilio.book import FINAL, Book
from cti.twilio.live import Live, Room
from cti.twilio.parties import Parties

Params = Mapping[str, str]


class Legs:
    """Status callbacks may come twice, late or in any order: each says only what is new."""

    def __init__(self, book: Book, parties: Parties) -> None:
        self._book = book
        self._parties = parties

    def progress(self, call: Live, leg: str, params: Params) -> None:
        """A leg that we rang: an agent's phone, a callback's customer, or a further party."""
        sid, status = params.get("CallSid", ""), params.get("CallStatus", "")
        party = call.parties.get(leg)
        if party is not None:
            self._parties.progress(call, party, params)
        elif status in FINAL and call.room is not Room.NO and sid:
            if sid == call.sid:
                self._book.lead_over(call, status)  # a callback's customer
            elif sid == call.other_sid:
                self._parties.other_left(call)
        elif leg in call.ringing:
            rounds.progress(self._book, call, call.ringing[leg], params)
        elif call.offer_id == leg and status not in FINAL:
            self._dialled(call, sid, status)

    def _dialled(self, call: Live, sid: str, status: str) -> None:
        """The leg that the lead dialled. Its end is told by the lead."""
        if call.connected or call.cancelled:
            return
        call.other_sid = sid
        if status == "ringing" and call.callback is None:
            self._rings(call)
        elif status == "in-progress" and not call.confirms:
            self._book.answered(call, sid)

    def lead(self, call: Live, offer_id: str, params: Params) -> None:
        """The agent's leg of a callback, which we created."""
        if call.offer_id != offer_id or call.callback is None:
            return
        self.learn_sid(call, params)
        sid, status = params.get("CallSid", ""), params.get("CallStatus", "")
        if status in FINAL and sid == call.sid:
            self._book.lead_over(call, status)
        elif status in FINAL and sid == call.other_sid:
            self._parties.other_left(call)
        elif status == "ringing" and not call.agent_answered:
            self._rings(call)

    def learn_sid(self, call: Live, params: Params) -> None:
        """A webhook may be here before the answer to our creating the call is."""
        sid = params.get("CallSid", "")
        if sid and not call.sid:
            call.sid = sid
            self._book.calls.add(call)
            self._book.keep(call)

    def _rings(self, call: Live) -> None:
        if not call.rang and call.place is Place.RINGING and not call.cancelled:
            call.rang = True
            self._book.report(e.OfferRinging(call.call_id, call.offer_id, call.agent_id))

    def confirmed(self, call: Live, offer_id: str, params: Params) -> str:
        """Somebody pressed a key at an outside phone: it is a person, and the call is theirs."""
        documents = self._book.documents
        rings = call.offer_id == offer_id or offer_id in call.ringing
        if not rings or call.cancelled or not params.get("Digits"):
            return documents.hang_up()
        if offer_id in call.ringing:
            call.ringing[offer_id].sid = params.get("CallSid", "")
        self._book.answered(call, params.get("CallSid", ""))
        return documents.nothing() if call.connected else documents.hang_up()

    def aside(self, call: Live, sid: str) -> str:
        """What a leg hears that is not the one our documents steer: its state says."""
        documents = self._book.documents
        party = call.party_of(sid)
        if party is not None:
            return self._parties.picked_up(call, party, None)
        if sid == call.other_sid and call.room is not Room.NO and not call.leaving:
            return documents.party_room(call)
        return documents.hang_up()

    def hold(self, call: Live) -> str:
        """What a leg on hold hears."""
        music = "default" if call.wait is None else call.wait.music
        return self._book.documents.on_hold(music)
