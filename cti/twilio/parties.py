"""Further parties of a call, and who is in its conference: what Twilio says of them.

Twilio tells of a leg twice, as a call and as a participant; each word may come twice, late or
never. Whichever comes first counts, and what came later says nothing new.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping

from cti import events as e
from cti.calls import LegState, OfferFailure, Place
from cti.twilio.book import FINAL, Book, OrderError, dial_failure
from cti.twilio.http import RestError
from cti.twilio.live import Live, Party, Room
from cti.twilio.rooms import Rooms

log = logging.getLogger(__name__)

Params = Mapping[str, str]

_LOOK_S = 5.0
_BY_CALLER_S = 0.3  # the end of the caller may be told so much after the agent's
_UNREACHABLE_SHARE = 0.5  # of the ringing time: who was never rung and fails sooner is away


class Parties:
    """What becomes of the legs in a conversation."""

    def __init__(self, book: Book, rooms: Rooms) -> None:
        self._book = book
        self._rooms = rooms

    # As a call ----------------------------------------------------------------------------

    def progress(self, call: Live, party: Party, params: Params) -> None:
        """The progress of a leg that we rang for a further party."""
        self.learn_sid(call, party, params)
        status = params.get("CallStatus", "")
        if status in FINAL:
            self.over(call, party, self._why(party, status))
        elif status == "ringing":
            self._rings(call, party)
        elif status == "in-progress" and party.joins:
            self.answered(call, party)

    def learn_sid(self, call: Live, party: Party, params: Params) -> None:
        """A webhook may be here before the answer to our ringing is."""
        sid = params.get("CallSid", "")
        if sid and not party.sid:
            party.sid = sid
            self._book.calls.add(call)
            self._book.keep(call)

    def _why(self, party: Party, status: str) -> OfferFailure:
        """A Twilio Client that is not there is "no answer" too, but at once."""
        rung_s = self._book.clock() - party.dialled_at
        if status == "no-answer" and not party.rang and rung_s < party.ring_s * _UNREACHABLE_SHARE:
            return OfferFailure.UNREACHABLE
        return dial_failure(status)

    def _rings(self, call: Live, party: Party) -> None:
        if not party.rang and not party.answered:
            party.rang = True
            self._book.report(e.LegRinging(call.call_id, party.leg_id, party.agent_id))

    def answered(self, call: Live, party: Party) -> None:
        """The party is with the agent, or in the conference."""
        self._rings(call, party)  # if that is still unsaid
        if party.answered or call.parties.get(party.leg_id) is not party:
            return
        party.state = LegState.TALKING if party.mode is None else LegState.SUPERVISING
        self._book.keep(call)
        self._book.report(e.LegAnswered(call.call_id, party.leg_id, party.agent_id))
        if call.agent_gone and party.mode is None and self._book.is_live(call):
            self._give(call, party)

    def picked_up(self, call: Live, party: Party, key: str | None) -> str:
        """What somebody hears who picked up. `key`: pressed; None when it was not asked for."""
        documents = self._book.documents
        if party.confirms and not party.answered:
            if key is None:
                return documents.confirm(call.call_id, party.leg_id)
            if not key:
                return documents.hang_up()
        self.answered(call, party)
        if call.parties.get(party.leg_id) is not party or call.leaving:
            return documents.hang_up()
        return documents.party_room(call, party)

    # Answered, and nobody told us -----------------------------------------------------------

    def watch_dialled(self, call: Live) -> None:
        """Look now and then whether the leg that the lead dials has been answered: that is told
        once, and a conversation that we take for ringing would be broken off in time."""
        offer = call.offer_id
        self._book.later(_LOOK_S, lambda: self._book.spawn(self._look_dialled(call, offer)))

    async def _look_dialled(self, call: Live, offer: str) -> None:
        if not self._rings_still(call, offer) or call.confirms:
            return  # a key that is pressed is asked about, and asked again
        with contextlib.suppress(RestError):
            sid = await self._book.open_rest.talks_with(call.sid)
            if sid and self._rings_still(call, offer):
                self._book.answered(call, sid)
        if self._rings_still(call, offer):
            self.watch_dialled(call)

    def _rings_still(self, call: Live, offer: str) -> bool:
        rings = call.place is Place.RINGING and call.offer_id == offer and not call.cancelled
        live = self._book.rest is not None and self._book.is_live(call)
        return rings and not call.connected and live

    def watch(self, call: Live, party: Party) -> None:
        """The same for a further party."""
        self._book.later(_LOOK_S, lambda: self._book.spawn(self._look(call, party)))

    async def _look(self, call: Live, party: Party) -> None:
        rings = call.parties.get(party.leg_id) is party and not party.answered
        if not rings or not party.joins or self._book.rest is None:
            return
        with contextlib.suppress(RestError):
            if party.sid and await self._book.open_rest.status(party.sid) == "in-progress":
                self.answered(call, party)
        self.watch(call, party)

    # As a participant -----------------------------------------------------------------------

    def event(self, call: Live, number: int, params: Params) -> None:
        """Somebody came into the conference, or left it."""
        if number != call.room_no or call.room is Room.NO:
            return
        what, sid = params.get("StatusCallbackEvent", ""), params.get("CallSid", "")
        call.room_sid = call.room_sid or params.get("ConferenceSid", "")
        if what == "participant-join" and sid not in call.left_room:
            call.in_room.add(sid)
            party = call.party_of(sid)
            if party is not None and party.joins:
                self.answered(call, party)
        elif what == "participant-leave":
            call.in_room.discard(sid)
            if sid != call.sid:
                call.left_room.add(sid)
                self._left(call, sid, params.get("ParticipantCallStatus", ""))
        call.room_changed.set()

    def _left(self, call: Live, sid: str, status: str) -> None:
        party = call.party_of(sid)
        if party is not None:
            self.over(call, party, self._why(party, status))
        elif sid == call.other_sid and call.room is Room.IN:
            self.other_left(call)

    # Gone ---------------------------------------------------------------------------------

    def over(self, call: Live, party: Party, why: OfferFailure = OfferFailure.CANCELLED) -> None:
        """A further party is out; the call goes on without it."""
        if call.parties.get(party.leg_id) is not party:
            return
        consulted = call.consulted is party
        fact = self._book.party_out(call, party, why)
        others = any(other.mode is None for other in call.parties.values())
        if consulted:
            call.place = Place.TALKING if party.state is LegState.HELD else Place.HELD
        elif call.place is Place.CONFERENCE and not others:
            call.place = Place.TALKING
        self._book.keep(call)
        self._book.report(fact)
        if call.agent_gone and party.mode is None:
            self._caller_alone(call)

    def other_left(self, call: Live) -> None:
        """The agent is gone. A party who has answered goes on with the caller, and one who
        rings, rings on for the caller; else it is over.
        """
        if call.leaving or call.agent_gone or not self._book.is_live(call):
            return
        heir = self.heir(call)
        if heir is not None:
            self._give(call, heir)
        elif call.consulted is not None:
            self._book.calls.forget_leg(call.other_sid)
            call.agent_gone, call.other_sid = True, ""
            self._book.keep(call)
        else:
            self._caller_alone(call)

    def _give(self, call: Live, heir: Party) -> None:
        held = self.held(call, heir)
        for fact in self.take_over(call, heir):
            self._book.report(fact)
        self._book.spawn(self._connect(call, held))

    def _caller_alone(self, call: Live) -> None:
        """The call is over: by the caller, if Twilio says so a moment later. When a caller hangs
        up, the ends of all legs are told at once and in any order."""
        by, lead = call.other_by, call.sid

        def over() -> None:
            if self._book.is_live(call):
                self._book.end(call, by, "completed")
                self._book.hang_up(lead)

        self._book.later(_BY_CALLER_S, over)

    @staticmethod
    def heir(call: Live) -> Party | None:
        """Who has the caller when the agent is gone: another agent before somebody outside."""
        answered = [one for one in call.parties.values() if one.mode is None and one.answered]
        return min(answered, key=lambda party: not party.agent_id, default=None)

    @staticmethod
    def held(call: Live, heir: Party) -> list[str]:
        """Who of the two hears music now."""
        caller = [call.sid] if call.place in (Place.HELD, Place.CONSULTING) else []
        return caller + ([heir.sid] if heir.state is LegState.HELD else [])

    def take_over(self, call: Live, heir: Party) -> list[e.Fact]:
        """The agent is out and `heir`, who has answered, has the caller; what is to be said.

        Supervisors watched the agent's conversation and leave with it; a consulted party that
        is not the heir leaves, members of a conference stay.
        """
        agent, consulted = call.other_sid, call.consulted
        out = [p for p in call.parties.values() if p.mode is not None or p is consulted]
        facts = [self._book.party_out(call, party) for party in out if party is not heir]
        call.parties.pop(heir.leg_id, None)
        call.agent_id, call.other_sid, call.offer_id = heir.agent_id, heir.sid, ""
        call.outsider, call.agent_gone = not heir.agent_id, False
        others = any(party.mode is None for party in call.parties.values())
        call.place = Place.CONFERENCE if others else Place.TALKING
        self._book.calls.forget_leg(agent)
        self._book.calls.add(call)
        self._book.hang_up(agent)
        self._book.keep(call)
        facts.append(e.CallHandedOver(call.call_id, heir.leg_id, heir.agent_id))
        return facts

    async def _connect(self, call: Live, held: list[str]) -> None:
        """Nobody hears music any more."""
        async with call.lock:
            for sid in held:
                try:
                    await self._rooms.retrieve(call, sid)
                except (RestError, OrderError) as error:
                    log.error("call %s: a party cannot be retrieved: %s", call.call_id, error)
