"""Callers who have waited too long go to another queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd import decisions as d

if TYPE_CHECKING:
    from acd.floor import Floor


def overflow_due(floor: Floor, call: str) -> None:
    """Move a waiting call to where its queue overflows."""
    visit = floor.visits[call]
    target = floor.overflow_target(visit)
    floor.leave_line(visit)
    after_s = floor.overflow_after_s(visit.queue)
    floor.move_visit(visit, target, d.Reason("overflow", {"after_s": after_s, "to": target}))
    floor.seek_agent(visit)
