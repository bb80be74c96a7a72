"""Several phones that ring for one caller: one Dial, an offer for each phone.

The caller's channel carries the others' phones in CC_ALSO ("<offer>~&PJSIP/desk-ben…") and
who they are in CC_ROUND ("<offer>|<offer>~<agent>~<dialled>|…"), both begun by the offer whose
Redirect they belong to, so that they mean nothing to any other.

Asterisk tells of each phone by DialBegin and DialEnd, and why it failed by its Hangup. Of a
phone that is not registered it tells nothing: its offer ends with the round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cti import events as e
from cti.asterisk.ami import Frame
from cti.asterisk.live import Live, LiveCalls, Rung
from cti.asterisk.outcomes import offer_failure
from cti.calls import OfferFailure

MAX_PHONES = 10
"""How many phones may ring for one caller."""


class Rounds:
    """Keeps the phones of rounds up to date and reports what becomes of their offers.

    `hang_up` ends a channel, `bring_back` takes a caller away from a phone that should not ring,
    `name` notes on the switch who has the call.
    """

    def __init__(
        self,
        calls: LiveCalls,
        report: Callable[[e.Fact], None],
        hang_up: Callable[[str], None],
        bring_back: Callable[[Live], None],
        name: Callable[[Live], None],
    ) -> None:
        self._calls = calls
        self._report = report
        self._hang_up = hang_up
        self._bring_back = bring_back
        self._name = name

    def begins(self, call: Live, event: Frame) -> None:
        """A phone rings."""
        dialled = event.get("DialString")
        rung = next((one for one in call.ringing.values() if one.dialled == dialled), None)
        if rung is None:
            self._bring_back(call)  # an order of before a reconnect was carried out only now
            return
        rung.channel = event.get("DestChannel")
        self._calls.add_rung(call, rung, event.get("DestUniqueid"))
        if rung.cancelled:
            self._hang_up(rung.channel)
        else:
            self._report(e.OfferRinging(call.call_id, rung.offer_id, rung.agent_id))

    def ends(self, call: Live, event: Frame) -> Rung | None:
        """A phone has stopped ringing. Returns it when it was answered."""
        channel = event.get("DestChannel")
        rung = next((one for one in call.ringing.values() if one.channel == channel), None)
        if rung is None:
            return None
        rung.status = event.get("DialStatus")
        return rung if rung.status == "ANSWER" and not call.cancelled else None

    def hung_up(self, event: Frame) -> None:
        """A phone's channel is gone. The last one's end is told by the dialplan."""
        found = self._calls.on_rung(event.get("Uniqueid"))
        if found is None:
            return
        call, rung = found
        if call.ringing.get(rung.offer_id) is not rung:
            return
        if rung.status in ("ANSWER", "CANCEL") and not rung.cancelled:
            return  # CANCEL: the caller is gone, or on the way back
        rung.cause = event.get("Cause")
        if len(call.ringing) > 1 and not call.cancelled:
            self._forget(call, rung)
            self._lead(call, next(iter(call.ringing.values())))
            self._report(_failed(call, rung))

    def answered(self, call: Live, rung: Rung) -> list[e.Fact]:
        """One has the caller; returns the ends of the others' offers."""
        others = [one for one in call.ringing.values() if one is not rung]
        renamed = call.offer_id != rung.offer_id or call.round_id != rung.offer_id
        self._lead(call, rung)
        facts: list[e.Fact] = [
            _failed(call, one, OfferFailure.CANCELLED if one.channel else None) for one in others
        ]
        self.forget(call)
        if renamed:
            self._name(call)
        return facts

    def over(self, call: Live, why: OfferFailure | None = None) -> list[e.Fact]:
        """The round is over for everybody; returns the ends of the offers.

        `why` is the same for all, or what became of each phone.
        """
        facts: list[e.Fact] = [_failed(call, one, why) for one in call.ringing.values()]
        self.forget(call)
        return facts

    def cancel(self, call: Live, offer_id: str) -> bool:
        """One phone stops ringing. False when it is the last: the caller is to be brought back."""
        rung = call.ringing[offer_id]
        if all(one.cancelled for one in call.ringing.values() if one is not rung):
            return False
        rung.cancelled = True
        if rung.channel:
            self._hang_up(rung.channel)
        return True

    def found(self, call: Live, ringing: Sequence[Rung]) -> None:
        """The call was found on the switch, with these phones that ring for it."""
        self.forget(call)
        call.ringing = {rung.offer_id: rung for rung in ringing}
        call.round_id = call.offer_id if ringing else ""
        for rung in ringing:
            if rung.uniqueid:
                self._calls.add_rung(call, rung, rung.uniqueid)

    def forget(self, call: Live) -> None:
        """Nobody rings any more."""
        for rung in list(call.ringing.values()):
            self._forget(call, rung)
        call.round_id = ""

    def _forget(self, call: Live, rung: Rung) -> None:
        del call.ringing[rung.offer_id]
        self._calls.forget_rung(rung)

    @staticmethod
    def _lead(call: Live, rung: Rung) -> None:
        call.offer_id, call.agent_id = rung.offer_id, rung.agent_id


def _failed(call: Live, rung: Rung, why: OfferFailure | None = None) -> e.OfferFailed:
    if why is None:
        why = offer_failure(rung.status, rung.cause)
        why = OfferFailure.CANCELLED if rung.cancelled else why
    return e.OfferFailed(call.call_id, rung.offer_id, rung.agent_id, why)


def variables(round_id: str, others: Sequence[Rung], technologies: Sequence[str]) -> dict[str, str]:
    """What the caller's channel carries; `technologies` are the others' ("PJSIP" or "Local")."""
    also = "".join(f"&{tech}/{one.dialled}" for tech, one in zip(technologies, others, strict=True))
    rows = [f"{one.offer_id}~{one.agent_id}~{one.dialled}" for one in others]
    return {"CC_ALSO": f"{round_id}~{also}", "CC_ROUND": "|".join((round_id, *rows))}


def is_phone(rung: Rung, channel: str) -> bool:
    """Whether this channel's name is that of the phone that was dialled for the offer."""
    dialled = rung.dialled.removesuffix("/n")
    if channel.startswith("PJSIP/"):
        dialled = dialled.rpartition("@")[2]  # over a trunk or to a peer: its name
    return channel.partition("/")[2].rpartition("-")[0] == dialled


def read(text: str, offer_id: str) -> list[Rung]:
    """The other phones of the round that this offer began; none when it began none."""
    begun_by, *rows = text.split("|")
    if begun_by != offer_id or not offer_id:
        return []
    fields = [row.split("~") for row in rows[:MAX_PHONES]]
    # Of a Local channel's dial string the last field has a "~" of its own.
    return [Rung(row[0], row[1], "~".join(row[2:])) for row in fields if len(row) >= 3]
