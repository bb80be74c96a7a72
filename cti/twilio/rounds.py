"""Several phones that ring for one caller: one <Dial> with a noun for each offer.

Twilio connects whoever answers first and ends the others. A phone that is busy or fails says so
by its own status callback; that nobody answered, and that the caller is gone, is told for all of
them by the leg that dials.
"""

from __future__ import annotations

from collections.abc import Mapping

from cti import events as e
from cti.twilio.book import FINAL, STOPPED_ITSELF, Book
from cti.twilio.live import Live, Rung

MAX_PHONES = 10
"""How many phones may ring for one caller; Twilio's own bound."""


def progress(book: Book, call: Live, rung: Rung, params: Mapping[str, str]) -> None:
    """How one of the phones is doing; said twice or late, it says nothing new."""
    sid, status = params.get("CallSid", ""), params.get("CallStatus", "")
    rung.sid = rung.sid or sid
    if call.connected or call.cancelled:
        return
    if status in FINAL:
        rung.status = status
        _stopped(book, call, rung)
    elif rung.cancelled:
        book.hang_up(sid)
    elif status == "ringing" and not rung.rang:
        rung.rang = True
        book.report(e.OfferRinging(call.call_id, rung.offer_id, rung.agent_id))
    elif status == "in-progress" and not rung.confirms:
        book.answered(call, sid)


def _stopped(book: Book, call: Live, rung: Rung) -> None:
    if len(call.ringing) == 1 or not (rung.cancelled or rung.status in STOPPED_ITSELF):
        return  # told by the leg that dials
    del call.ringing[rung.offer_id]
    call.lead_round(next(iter(call.ringing.values())))
    book.report(book.rung_failed(call, rung))


def cancel(book: Book, call: Live, offer_id: str) -> bool:
    """One phone stops ringing. False when it is the last: the caller is to be brought back."""
    rung = call.ringing[offer_id]
    if all(one.cancelled for one in call.ringing.values() if one is not rung):
        return False
    rung.cancelled = True
    if rung.sid:
        book.hang_up(rung.sid)
    return True
