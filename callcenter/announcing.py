"""What a waiting caller hears between the music, and when: each queue's plan of announcements.

An announcement is due so long after the caller came into the queue, and perhaps again and again.
What a caller has heard is folded from the journal, so that nothing is said twice over a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from callcenter.callbook import LiveCall
from config.site import Announcement
from ivr.flow import Flow

SOONEST_S = 1.0
NOTHING_S = 3600.0  # nothing is due: how long the switch waits before it asks again
EARLY_S = 3.0  # switches count whole seconds


class Plans(Protocol):
    """What is needed of the site's configuration."""

    def plan(self, queue: str) -> Sequence[Announcement]:
        """The announcements of a queue."""
        ...

    def flow(self, flow_id: str) -> Flow | None: ...


@dataclass(frozen=True, slots=True)
class Due:
    """An announcement of a plan: its place there, its flow, the how manieth time."""

    place: int
    flow: Flow
    visit: int


class Announcing:
    """Says which announcement is next for a call. `announced` of the call has what was told."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._just: dict[str, int] = {}  # call to what was begun last

    def forget(self, call_id: str) -> None:
        """The caller waits no more."""
        self._just.pop(call_id, None)

    def digits(self, queue: str) -> str:
        """The keys that open a visit at once."""
        flows = (self._plans.flow(one.flow) for one in self._plans.plan(queue))
        keys = (key for flow in flows if flow is not None for key in flow.wait_digits)
        return "".join(dict.fromkeys(keys))

    def first_in(self, queue: str) -> float:
        """Seconds from entering the queue to the first announcement."""
        first = min((one.after_s for one in self._plans.plan(queue)), default=NOTHING_S)
        return max(SOONEST_S, first)

    def next_in(self, call: LiveCall, now: float) -> float:
        """Seconds of music until the next announcement."""
        plan = self._plans.plan(call.queue)
        just = self._just.get(call.call_id)
        soonest = NOTHING_S
        for place, one in enumerate(plan):
            at = _due_at(call, place, one)
            if place == just and one.every_s is not None:
                at = now + one.every_s  # of music in between, however long it took to say
            if at is not None:
                soonest = min(soonest, at - now)
        return max(SOONEST_S, soonest)

    def due(self, call: LiveCall, now: float) -> Due | None:
        """The announcement whose time has come."""
        found: tuple[float, int, Flow] | None = None
        for place, one in enumerate(self._plans.plan(call.queue)):
            at, flow = _due_at(call, place, one), self._plans.flow(one.flow)
            if at is None or flow is None or at > now + EARLY_S:
                continue
            if found is None or at < found[0]:
                found = at, place, flow
        return None if found is None else self._begun(call, found[1], found[2])

    def pressed(self, call: LiveCall, digit: str) -> Due | None:
        """What answers a key that the caller pressed while waiting."""
        for place, one in enumerate(self._plans.plan(call.queue)):
            flow = self._plans.flow(one.flow)
            if flow is not None and digit in flow.wait_digits:
                return self._begun(call, place, flow)
        return None

    def _begun(self, call: LiveCall, place: int, flow: Flow) -> Due:
        self._just[call.call_id] = place
        times, _ = call.announced.get(str(place), (0, 0.0))
        return Due(place, flow, times + 1)


def _due_at(call: LiveCall, place: int, one: Announcement) -> float | None:
    """When this call is to hear an announcement next; None for never again."""
    times, last = call.announced.get(str(place), (0, 0.0))
    if not times:
        return (call.arrived if call.entered is None else call.entered) + one.after_s
    return None if one.every_s is None else last + one.every_s
