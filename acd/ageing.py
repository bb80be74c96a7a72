"""What waiting changes: a requirement relaxes, a preferred agent is no longer waited for, and
who has waited too long comes first.

All of it happens while a visit is in no line: before it is put into one, and at a timer of its
own, by which it leaves its line and finds the right one. The times count from entering the
queue, our own absence included: it is the caller who has waited. Who has chosen a time to be
called back has not waited before it.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from acd import decisions as d
from acd import preferring
from acd.skills import both, relaxed, text
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.floor import Floor
    from acd.lines import Visit


def apply(floor: Floor, visit: Visit) -> None:
    """Do what is due by now; the visit then belongs to the right line, and is in none."""
    config = visit.queue.config
    while visit.steps < len(config.relax):
        if visit.ages_from + config.relax[visit.steps].after_s > floor.now:
            break
        visit.steps += 1
        _tell_relaxed(floor, visit)
    if config.first_after_s is not None and visit.ages_from + config.first_after_s <= floor.now:
        visit.first = True
    floor.take_line(visit, preferring.waits_for(floor, visit))


def _tell_relaxed(floor: Floor, visit: Visit) -> None:
    config = visit.queue.config
    needs, also = asked(visit, visit.steps)
    reason = d.Reason(
        "relaxed",
        {
            "step": visit.steps,
            "steps": len(config.relax),
            "after_s": config.relax[visit.steps - 1].after_s,
            "needs": needs,
            "also": list(also),
        },
    )
    floor.out.append(d.RequirementRelaxed(visit.call, visit.queue.id, needs, also, reason))


def asked(visit: Visit, steps: int) -> tuple[str, tuple[str, ...]]:
    """What is asked for after so many steps, as text, and the other queues that may serve."""
    config = visit.queue.config
    taken = config.relax[:steps]
    needs = text(relaxed(both(config.needs, visit.needs), taken))
    return needs, tuple(dict.fromkeys(queue for step in taken for queue in step.also))


def next_step(visit: Visit) -> float:
    """When the requirement relaxes next; infinity for never."""
    relax = visit.queue.config.relax
    return visit.ages_from + relax[visit.steps].after_s if visit.steps < len(relax) else inf


def start(floor: Floor, visit: Visit) -> None:
    """The visit has joined its line: set the timer for what comes next."""
    next_ = _next_due(visit)
    if next_ < inf:
        visit.ageing_timer = floor.timers.start(next_, "ageing", visit.call)


def _next_due(visit: Visit) -> float:
    moment = next_step(visit)
    first_after_s = visit.queue.config.first_after_s
    if first_after_s is not None and not visit.first:
        moment = min(moment, visit.ages_from + first_after_s)
    return min(moment, visit.preferred_until) if visit.line.only else moment


def stop(floor: Floor, visit: Visit) -> None:
    """The visit has left its line."""
    floor.timers.cancel(visit.ageing_timer)
    visit.ageing_timer = NO_TIMER


def due(floor: Floor, call: str) -> None:
    """A waiting visit has become older by a step."""
    visit = floor.visits[call]
    floor.leave_line(visit)
    floor.seek_agent(visit)


def resumed(floor: Floor) -> None:
    """Every timer has been moved by our absence; these go by what the caller has waited.

    What came due meanwhile is due at once for all: nobody is matched before everybody has aged.
    """
    for visit in list(floor.visits.values()):
        if not visit.ageing_timer:
            continue
        if _next_due(visit) <= floor.now:
            floor.leave_line(visit)
            floor.put_back(visit)
            floor.loose.append(visit)
        else:
            stop(floor, visit)
            start(floor, visit)


def renewed(visit: Visit) -> None:
    """Another queue: begin anew."""
    visit.steps = 0
    visit.first = False
