"""Why a call is where it is: asked of the engine now, and kept with the call as it changes.

An offer carries its reason by itself. For who waits it is looked at every few seconds, and
written down when it is another one: a line in the call's timeline, a bounded number of times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from acd import decisions as d
from callcenter import happenings as h
from callcenter.callbook import LiveCall
from cti.calls import Place

if TYPE_CHECKING:
    from callcenter.router import Router

log = structlog.get_logger("callcenter.whys")

EVERY_S = 5
MOST_LOOKS = 500  # at a time: of more callers the others' turn comes the next time
MOST_WHYS = 30  # of one call
NO_REASON = "not-waiting"


class Whys:
    """Looks at the waiting calls in turn. `look` is called every `EVERY_S` seconds."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._turn: list[str] = []

    def now(self, call_id: str) -> d.Reason | None:
        """Why the call waits, or rings or talks with whom it does; None where there is nothing
        to say (in a menu, over, unknown)."""
        router = self._router
        call = router.book.get(call_id)
        if call is None:
            return None
        reason = router.engine.why_waiting(call_id, router.now())
        if reason.code != NO_REASON and call.place is not Place.RINGING:
            return reason
        return call.reason if call.agent else None

    def look(self) -> None:
        """Write down what has changed for who waits."""
        router = self._router
        if not self._turn:
            self._turn = [c.call_id for c in router.book.calls.values() if _waits(c)]
        looked, self._turn = self._turn[:MOST_LOOKS], self._turn[MOST_LOOKS:]
        for call_id in looked:
            call = router.book.get(call_id)
            if call is not None and _waits(call) and call.whys < MOST_WHYS:
                self._explain(call)

    def _explain(self, call: LiveCall) -> None:
        router = self._router
        now = router.now()
        reason = router.engine.why_waiting(call.call_id, now)
        if reason.code not in (NO_REASON, call.why):
            router.note(h.WaitExplained(call.call_id, call.queue, reason), now)


def _waits(call: LiveCall) -> bool:
    return call.place is Place.WAITING and call.ended is None
