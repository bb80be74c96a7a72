"""Orders that a switch refused: tried again once a second, so that nobody stays in silence.

Never faster, for a switch that refuses everything must not be asked in a circle; and not for
ever, for a call that cannot be moved at all must not hold up the agents.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import structlog

from cti import commands as c
from cti import events as e

if TYPE_CHECKING:
    from callcenter.router import Router

log = structlog.get_logger("callcenter.retries")

AGAIN_S = 1.0
MOST_TRIES = 10  # in a row, of one call, while its switch can be reached
TRIED_AGAIN = frozenset(("StartWaiting", "TransferCall", "OfferCall", "CallQueued", "HangUpCall"))


class Retries:
    """What becomes of refused orders, by call."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._due: set[tuple[str, str]] = set()
        self._tries: dict[str, int] = {}

    def failed(self, fact: e.OrderFailed) -> None:
        """An order failed, or a fact of a call could not be told to the engine."""
        log.warning("order failed", order=fact.order, why=fact.why)
        if fact.order == "RunStep":
            self._router.menus.rescue(fact.call_id)
        elif fact.order in TRIED_AGAIN:
            self._soon(fact.call_id, fact.order)

    def forget(self, call_id: str) -> None:
        """The caller is where we want them, or the call is over."""
        self._tries.pop(call_id, None)

    def _soon(self, call_id: str, order: str) -> None:
        if (call_id, order) not in self._due:
            self._due.add((call_id, order))
            self._router.later(AGAIN_S, functools.partial(self._again, call_id, order))

    def _again(self, call_id: str, order: str) -> None:
        self._due.discard((call_id, order))
        router = self._router
        call = router.book.get(call_id)
        if call is None or call.ended is not None:
            return
        if not router.reachable(call_id):
            self._soon(call_id, order)
            return
        tries = self._tries[call_id] = self._tries.get(call_id, 0) + 1
        if tries > MOST_TRIES:
            log.error("the switch takes no orders for a call: let go", call_id=call_id)
            router.execute(c.HangUpCall(call_id, "lost"))
            router.missed(call_id)
        elif order != "HangUpCall":
            router.menus.rescue(call_id)
        elif not call.agent:  # who talks with an agent is the agent's to let go
            router.execute(c.HangUpCall(call_id, "again"))
