"""Waiting callers whom the engine sends elsewhere: to a menu, the voicemail, a number outside.

A part of `callcenter.routing`. The engine has let go of the caller; it is ordered as soon as the
switch can move the caller, or done in the voice session that is open. What the switch refuses,
or what is not there, lets the caller wait again at the old place, and stay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from acd import decisions as d
from acd import facts as f
from cti import commands as c

if TYPE_CHECKING:
    from callcenter.routing import Line, Routing

ANOTHER_VISIT_S = 0.001  # later than the visit that has ended, by which the two are told apart
SENDS = frozenset(("StartMenu", "TransferCall"))

Onward = Callable[[d.SendOn], c.StartMenu | c.TransferCall | None]
InSession = Callable[[d.SendOn], None]


def sent_order(sent: d.SendOn) -> c.StartMenu | c.TransferCall | None:
    """What is ordered where every menu and number is there and may be used."""
    if sent.kind == "number":
        return c.TransferCall(sent.call, sent.target)
    return c.StartMenu(sent.call, f"{sent.target}:")


class Sending:
    """`onward` gives the order (None: not possible), `in_session` begins the menu of one where a
    voice session is open."""

    def __init__(self, routing: Routing, onward: Onward, in_session: InSession) -> None:
        self._routing = routing
        self._onward = onward
        self._in_session = in_session
        self._decided: deque[str] = deque()  # not looked at yet

    def decided(self, sent: d.SendOn) -> None:
        """The engine sends a caller on. Done by `go`, after everything else that was decided:
        a menu may put the caller back into a line at once."""
        line = self._routing.line(sent.call)
        line.sent, line.parked = sent, None
        line.offers.clear()
        self._decided.append(sent.call)

    def go(self, now: float) -> None:
        """Carry out what was decided, where the caller can be moved now."""
        while self._decided:
            self.move(self._decided.popleft(), now)

    def move(self, call_id: str, now: float) -> bool:
        """The caller can be moved now, perhaps: to where the caller was sent, if anywhere."""
        line = self._routing.known_line(call_id)
        if line is None or line.sent is None:
            return False
        if not self._routing.reachable(call_id):
            return True
        if line.movable or line.visited:
            self._move(line, line.sent, now)
        return True

    def _move(self, line: Line, sent: d.SendOn, now: float) -> None:
        order = self._onward(sent)
        if order is None:
            self._stay(line, sent, now)
        elif line.visited and isinstance(order, c.StartMenu):
            self._routing.forget(sent.call)  # the menu has the caller, who may come back
            self._in_session(sent)
        else:
            line.movable = line.visited = False
            self._routing.execute(order)

    def refused(self, call_id: str, order: str, now: float) -> bool:
        """The switch refused an order; True when it was one of ours."""
        line = self._routing.known_line(call_id)
        if line is None or line.sent is None or order not in SENDS:
            return False
        self._stay(line, line.sent, now)
        return True

    def _stay(self, line: Line, sent: d.SendOn, now: float) -> None:
        line.sent = None
        queued = line.queued or f.CallQueued(sent.call, sent.queue)
        place = queued.entered
        if place is None:
            place = now if line.wait is None else line.wait.entered_at
        again = replace(queued, queue=sent.queue, entered=place + ANOTHER_VISIT_S, stays=True)
        self._routing.enter(again, now)
        self._routing.wait_again(sent.call)
