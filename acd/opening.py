"""Queues open and close; the calendars live outside. Who waits is still served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd import decisions as d
from acd import facts as f
from acd import overflowing
from acd.refusals import Refusal

if TYPE_CHECKING:
    from acd.floor import Floor
    from acd.lines import QueueState


def opened(floor: Floor, fact: f.QueueOpened) -> None:
    """Callers may come."""
    queue = _queue(floor, fact.queue)
    if queue.closed.since is None:
        raise Refusal("no-change", f"queue {queue.id} is open already")
    overflowing.end(floor, queue.closed)
    queue.closed_why = ""
    floor.out.append(d.QueueChanged(queue.id, True, d.Reason("queue-opened", {"by": fact.by})))


def closed(floor: Floor, fact: f.QueueClosed) -> None:
    """The rules for a closed queue hold from now on, at the door and in the line."""
    queue = _queue(floor, fact.queue)
    if queue.closed.since is not None:
        raise Refusal("no-change", f"queue {queue.id} is closed already")
    queue.closed_why = fact.why
    overflowing.begin(floor, queue, queue.closed)
    reason = d.Reason("queue-closed", {"why": fact.why, "by": fact.by})
    floor.out.append(d.QueueChanged(queue.id, False, reason))


def _queue(floor: Floor, queue_id: str) -> QueueState:
    queue = floor.queues.get(queue_id)
    if queue is None:
        raise Refusal("unknown-queue", f"no queue {queue_id}")
    return queue
