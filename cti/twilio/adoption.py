"""Taking up live calls: what we remember, set right by what Twilio says lives.

Twilio's list of calls has each leg, its parent and its status; queue, entry time and flow
state are in our own memory. The list wins.
"""

from __future__ import annotations

from collections.abc import Iterable

from cti import events as e
from cti.calls import LegState, Place
from cti.twilio.book import Book
from cti.twilio.live import Live, Room, Rung
from cti.twilio.parties import Parties
from cti.twilio.rest import Leg

_TALKING = "in-progress"


class Legs:
    """Twilio's legs, by id and by parent."""

    def __init__(self, legs: Iterable[Leg]) -> None:
        self.by_sid = {leg.sid: leg for leg in legs}
        self._children: dict[str, list[Leg]] = {}
        for leg in self.by_sid.values():
            if leg.parent_sid:
                self._children.setdefault(leg.parent_sid, []).append(leg)

    def child(self, sid: str) -> Leg | None:
        """The leg that this one dialled; the one that talks before one that rings."""
        children = self._children.get(sid, [])
        talking = (leg for leg in children if leg.status == _TALKING)
        return next(talking, children[0] if children else None)

    def inbound(self) -> list[str]:
        """Calls that somebody placed to us."""
        return [
            leg.sid
            for leg in self.by_sid.values()
            if leg.direction == "inbound" and not leg.parent_sid
        ]


def set_right(call: Live, legs: Legs, parties: Parties) -> bool:
    """Bring what we remember of a call to what Twilio says. False when nobody is left in it.

    The lead must be among the legs.
    """
    if call.room is not Room.NO and not call.leaving:
        return _set_room_right(call, legs, parties)
    child = legs.child(call.sid)
    if child is not None:
        call.other_sid = child.sid
        rung = next((one for one in call.ringing.values() if one.sid == child.sid), call)
        if child.status != _TALKING or rung.confirms:
            return True
        if isinstance(rung, Rung):
            call.lead_round(rung)
            call.ringing.clear()
        call.connected, call.place = True, Place.TALKING
        call.agent_answered = call.agent_answered or call.callback is not None
        return True
    if call.callback is not None:
        return not call.connected or call.leaving
    if call.place is Place.RINGING:
        call.no_offer()  # the ringing came to its end; the caller is on the way back
        call.place = Place.WAITING
    # Talking, and nobody there: the agent hung up, and the fallback keeps the caller.
    return call.place is not Place.TALKING or call.leaving


def _set_room_right(call: Live, legs: Legs, parties: Parties) -> bool:
    """Who is gone is taken out without a word: the call is told anew as it is."""
    for party in list(call.parties.values()):
        leg = legs.by_sid.get(party.sid)
        if leg is None:
            parties.over(call, party)
        elif leg.status == _TALKING and party.joins and not party.answered:
            party.state = LegState.TALKING
        elif not party.answered:
            parties.watch(call, party)
    if call.agent_gone:
        return call.consulted is not None
    if call.other_sid not in legs.by_sid:
        parties.other_left(call)
    return call.agent_gone or call.other_sid in legs.by_sid


def adopted(call: Live, link: str) -> e.CallAdopted:
    wait = call.wait
    return e.CallAdopted(
        call_id=call.call_id,
        link=link,
        ani=call.ani,
        ani_name=call.ani_name,
        dnis=call.dnis,
        trunk="twilio",
        place=call.place,
        queue="" if wait is None else wait.queue,
        entered_at=0.0 if wait is None else wait.entered_at,
        agent_id=call.agent_id,
        offer_id=call.offer_id,
        flow_state=call.flow_state,
        legs=tuple(party.leg() for party in call.parties.values()),
        also=tuple(
            (rung.offer_id, rung.agent_id)
            for rung in call.ringing.values()
            if rung.offer_id != call.offer_id
        ),
    )


def restore(book: Book, legs: Legs, parties: Parties) -> None:
    """After a restart: forget what has ended meanwhile, and set the rest right."""
    for call in book.calls:
        if call.callback is not None and not call.sid:
            book.forget(call)  # our creating it and our end crossed; its webhooks are told so
        elif call.sid not in legs.by_sid:
            book.forget(call)
        elif not set_right(call, legs, parties):
            book.forget(call)
            book.hang_up(call.sid)
        elif call.leaving:
            _bring_away(book, call)
        elif call.place is Place.RINGING:
            parties.watch_dialled(call)
        elif call.place is Place.WAITING and not call.visiting and call.wait is not None:
            call.visit_at = book.clock() + call.wait.visit_after_s
            book.arm_visit(call)


def _bring_away(book: Book, call: Live) -> None:
    """We died between an order that takes the caller away and its webhook: carry it out."""
    book.part(call)
    call.place = Place.ENTRY if call.wait is None else Place.WAITING
    call.resume = call.place is Place.ENTRY
    book.nudge(call)


def take_up(book: Book, parties: Parties, found: list[Leg], *, restarted: bool) -> None:
    """Report what lives, then that the link is up. A call that is not named has ended.

    If it was only REST that was away, webhooks have told us everything meanwhile: the list
    is older than they are, and judges nothing.
    """
    legs = Legs(found)
    if restarted:
        with book.silence():
            restore(book, legs, parties)
    for call in book.calls:
        call.missing = 0
        book.keep(call)
        book.report(adopted(call, book.name))
    known = dict.fromkeys(book.calls.ids)
    known |= dict.fromkeys(f"{book.name}-{sid}" for sid in legs.inbound())
    ended = (sid for sid in legs.inbound() if book.calls.has_ended(sid))
    for sid in ended:
        known.pop(f"{book.name}-{sid}", None)
    book.report(e.LinkUp(book.name, tuple(known)))


def compare(book: Book, parties: Parties, found: list[Leg]) -> None:
    """Between restarts: a hang-up that nobody told us is found out here.

    The list is made status by status, and legs change while it is: who is missing twice is
    looked up before it counts as gone.
    """
    there = {leg.sid: leg.status for leg in found}
    book.hang_up_again(there)
    for call in book.calls:
        gone = []
        for party in list(call.parties.values()):
            party.missing = party.missing + 1 if party.sid and party.sid not in there else 0
            if party.missing >= 2:
                gone.append(party.sid)
            elif party.joins and there.get(party.sid) == _TALKING:
                parties.answered(call, party)  # and nobody told us
        lead_gone = bool(call.sid) and call.sid not in there
        other_gone = call.room is not Room.NO and call.talks and call.other_sid not in there
        call.missing = call.missing + 1 if lead_gone or other_gone else 0
        if call.missing >= 2:
            gone += [call.sid] if lead_gone else [call.other_sid]
        for sid in gone:
            book.spawn(_gone(book, parties, call, sid))


async def _gone(book: Book, parties: Parties, call: Live, sid: str) -> None:
    """What becomes of a call of whose legs one is not listed."""
    status = await book.fate(sid)
    if not status or not book.is_live(call):
        return
    party = call.party_of(sid)
    if party is not None:
        parties.over(call, party)
    elif sid == call.sid:
        book.lead_over(call, "completed")
    elif sid == call.other_sid:
        parties.other_left(call)
