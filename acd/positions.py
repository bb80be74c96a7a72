"""What a caller hears of position and expected wait, and why the position is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acd import decisions as d
from acd import expected, views
from acd import facts as f
from acd.lines import WAITING, Visit
from acd.places import Told
from acd.refusals import Refusal

if TYPE_CHECKING:
    from acd.floor import Floor

CAME_IN_FRONT: Final = ("priority", "earlier", "kept", "callback", "returned", "first")
"""Why somebody came in front, as `acd.places` says it."""


def asked(floor: Floor, fact: f.PositionAsked) -> None:
    """Tell it, and remember what was told."""
    visit = floor.visit(fact.call)
    if visit.place != WAITING:
        raise Refusal("call-not-waiting", f"call {fact.call} does not wait")
    position = views.position(floor, fact.call)
    assert position is not None
    found = expected.of_call(floor, visit)
    before = visit.told
    low_s, high_s = (None, None) if found is None else (found.low_s, found.high_s)
    reason = _reason(visit, position, found)
    visit.told = Told(
        position,
        visit.queue.jumps.number,
        0 if found is None else found.agents,
        low_s,
        high_s,
    )
    floor.out.append(
        d.PositionTold(
            visit.call,
            visit.queue.id,
            position,
            None if before is None else before.position,
            low_s,
            high_s,
            reason,
        )
    )


def _reason(visit: Visit, position: int, found: expected.Expected | None) -> d.Reason:
    """How the position came about; the data has the range, what it comes from, and the last one."""
    before = visit.told
    data: dict[str, d.Value] = {"position": position}
    if found is not None:
        data |= found.data()
    if before is None:
        return d.Reason("position-first-told", data)
    data["before"] = before.position
    if before.low_s is not None:
        data |= {
            "low_before_s": before.low_s,
            "high_before_s": before.high_s,
            "agents_before": before.agents,
        }
    if position < before.position:
        return d.Reason("position-better", data)
    if position == before.position:
        return d.Reason("position-same", data)
    assert visit.key is not None
    came = visit.queue.jumps.before(visit.key, before.jumps)
    data |= {name: came.get(name, 0) for name in CAME_IN_FRONT}
    if not came:  # nobody came in front in the line: it was while a phone rang, or by other rules
        data["meanwhile"] = position - before.position
    return d.Reason("position-worse", data)
