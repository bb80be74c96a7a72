"""People on the virtual switch who act at once: whoever writes a test or clicks in a demonstration.

A person is named by an agent's id, by an outside number, or by the number a caller calls from.
Who is not on the phone does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from cti import commands as c
from cti.calls import LegState, OfferFailure, Place
from cti.virtual.endings import Endings
from cti.virtual.exchange import Call, Exchange, Party
from cti.virtual.parties import Parties
from cti.virtual.ringing import Ringing
from cti.virtual.voice import Voice


class People:
    """Pick up, say no, hang up, press keys."""

    def __init__(
        self,
        exchange: Exchange,
        endings: Endings,
        voice: Voice,
        ringing: Ringing,
        parties: Parties,
    ) -> None:
        self._x = exchange
        self._endings = endings
        self._voice = voice
        self._ringing = ringing
        self._parties = parties

    def picks_up(self, who: str) -> None:
        """Whose phone rings answers it."""
        self._x.time.soon(self._picks_up, who)

    def says_no(self, who: str) -> None:
        """Whose phone rings refuses; outside: the line is busy."""
        self._x.time.soon(self._says_no, who)

    def hangs_up(self, who: str) -> None:
        """Who is on the phone, or calls, hangs up."""
        self._x.time.soon(self._hangs_up, who)

    def presses(self, who: str, keys: str) -> None:
        """A caller presses keys, in a menu or while waiting."""
        self._x.time.soon(self._presses, (who, keys))

    def _picks_up(self, who: str) -> None:
        for call in self._calls():
            if offer_id := call.rings(who):
                self._ringing.answers(call, offer_id)
            elif _dialled(call) == who:
                self._ringing.customer_does(call, "answer")
            elif (party := _party(call, who)) is not None:
                self._parties.answer(call, party)

    def _says_no(self, who: str) -> None:
        for call in self._calls():
            if offer_id := call.rings(who):
                self._ringing.refuses(call, offer_id)
            elif _dialled(call) == who:
                self._ringing.customer_does(call, "busy")
            elif (party := _party(call, who)) is not None and party.state is LegState.RINGING:
                self._parties.leave(call, party, OfferFailure.REFUSED)

    def _hangs_up(self, who: str) -> None:
        for call in self._calls():
            if (party := _party(call, who)) is not None:
                self._parties.leave(call, party)
            elif call.partner is not None and who in (call.partner.agent, call.partner.number):
                self._parties.leave(call, call.partner)
            elif call.agent == who:
                self._endings.agent_leaves(call)
            elif call.caller.ani == who:
                self._endings.caller_leaves(call)

    def _presses(self, what: tuple[str, str]) -> None:
        who, keys = what
        for call in self._calls():
            if call.caller.ani == who:
                self._voice.enters(call, keys)

    def _calls(self) -> Iterator[Call]:
        return iter(list(self._x.calls.values()))


def _party(call: Call, who: str) -> Party | None:
    parties = (call.parties or {}).values()
    return next((one for one in parties if who in (one.agent, one.number) and who), None)


def _dialled(call: Call) -> str:
    """Whom a callback dials, its agent being there already."""
    offer = call.offer
    dialled = isinstance(offer, c.DialCallback) and call.place is Place.TALKING
    return offer.number if dialled and isinstance(offer, c.DialCallback) else ""
