"""The legs besides the lead: how they are doing, and what they hear when they are on their own."""

from __future__ import annotations

from collections.abc import Mapping

from cti import events as e
from cti.calls import Place
from cti.twilio.book import FINAL, Book
from cti.twilio.live import Hold, Live

Params = Mapping[str, str]

_LEAD_COMES_S = 3.0


class Legs:
    """Status callbacks may come twice, late or in any order: each says only what is new."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def dialled(self, call: Live, offer_id: str, params: Params) -> None:
        """The leg that the lead dialled: an agent's phone, or a callback's customer."""
        if call.offer_id != offer_id:
            return
        sid, status = params.get("CallSid", ""), params.get("CallStatus", "")
        if status in FINAL:
            if sid == call.other_sid and (call.parted or call.hold is Hold.BEGINNING):
                self._book.other_left(call)
            return
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
        status = params.get("CallStatus", "")
        if status in FINAL:
            self._book.lead_over(call, status)
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
        if call.offer_id != offer_id or call.cancelled or not params.get("Digits"):
            return documents.hang_up()
        self._book.answered(call, params.get("CallSid", ""))
        return documents.nothing() if call.connected else documents.hang_up()

    def other(self, call: Live, params: Params) -> str:
        """What the other leg of a call hears that is or was on hold: its state says."""
        book = self._book
        url = book.urls.other(call.call_id)
        if params.get("CallStatus", "") in FINAL:
            return book.documents.nothing()
        if call.transfer is not None:
            return self._sent_away(call)
        if call.hold is Hold.BEGINNING:
            book.later(_LEAD_COMES_S, lambda: self._fetch_lead(call))
        if call.hold is Hold.ENDING:
            call.hold, call.place = Hold.NO, Place.TALKING
            book.keep(call)
            book.report(e.CallRetrieved(call.call_id))
        if call.hold is Hold.NO:
            if params.get("DialCallStatus") or not call.parted:
                return book.documents.hang_up()  # the lead is gone
            return book.documents.fetch(book.queue_of(call), url)
        if call.callback is None:
            return book.documents.silence(url)  # the agent
        return book.documents.waiting("default", "", url)

    def _fetch_lead(self, call: Live) -> None:
        """The other leg has left, and the lead has not noticed: they were never connected."""
        if self._book.is_live(call) and call.hold is Hold.BEGINNING:
            self._book.nudge(call)

    def _sent_away(self, call: Live) -> str:
        order = call.transfer
        assert order is not None
        settings = self._book.settings
        lead = call.sid
        self._book.transferred(call)
        self._book.hang_up(lead)
        return self._book.documents.transfer(order.number, settings.caller_id or call.dnis)

    def hold(self, call: Live) -> str:
        """What the lead hears while it is kept in a queue."""
        if call.callback is not None:
            return self._book.documents.on_hold("")  # an agent
        music = "default" if call.wait is None else call.wait.music
        return self._book.documents.on_hold(music)
