"""After the process was away: every open deadline moves by the time of our absence."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

from acd import ageing, callbacks
from acd import facts as f
from acd.lines import LATER, RETRY
from acd.refusals import Refusal

if TYPE_CHECKING:
    from acd.floor import Floor


def went_away(fact: f.Resumed, now: float) -> float:
    """When the absence began. Deadlines before that were ours to keep, and were kept."""
    return now - fact.away_s if _possible(fact.away_s) else -inf


def _possible(away_s: float) -> bool:
    return isfinite(away_s) and away_s >= 0


def resumed(floor: Floor, fact: f.Resumed) -> None:
    """Move the deadlines and make known those that people see."""
    away_s = fact.away_s
    if not _possible(away_s):
        raise Refusal("bad-duration", f"cannot have been away for {away_s} s")
    floor.timers.shift(away_s)
    ageing.resumed(floor)
    for offer in floor.offers.values():
        offer.deadline += away_s
    for item in floor.work.offers.values():
        if item.deadline is not None:
            item.deadline += away_s
    for leg in floor.legs.values():
        leg.deadline += away_s
    for agent in floor.agents.values():
        if agent.paused_until is not None:
            agent.paused_until += away_s
        if agent.deadline is not None:
            agent.deadline += away_s
            floor.tell(agent)
    for visit in floor.visits.values():
        if visit.due is None:
            continue
        if visit.place == LATER:
            callbacks.set_off(floor, visit)
        elif visit.kind == "call" or visit.place == RETRY:
            visit.due += away_s
            floor.tell_callback(visit, "retry")
