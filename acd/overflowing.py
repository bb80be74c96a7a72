"""Those who wait go on to elsewhere: the rules of a queue for its line.

    a call's own time in the line      ─▶ "waited"      a timer of the call
    nobody has been there for so long  ─▶ "left-alone"  one timer of the queue
    closed for so long                 ─▶ "closing"     one timer of the queue

At such a time every rule for the line is looked at in its order: the first one whose occasion
has lasted long enough and that leads somewhere is taken. A caller for whom all of those are
passed over waits on and is looked at again after `AGAIN_S`. Callbacks stay: nobody is on the line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from acd import decisions as d
from acd.lines import WAITING, QueueState, Spell, Visit
from acd.site import CALL, Occasion, Onward, Rule
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.floor import Floor

AGAIN_S: Final = 15.0
"""After so long a rule that was passed over (the other queue was full or closed) is tried again."""

_BEGAN: Mapping[Occasion, Callable[[Visit], float | None]] = MappingProxyType(
    {
        "waited": lambda visit: visit.entered,
        "left-alone": lambda visit: visit.queue.alone.since,
        "closing": lambda visit: visit.queue.closed.since,
    }
)
"""Since when the occasion lasts for a visit; None: it is not so."""

_REASONS: Mapping[Occasion, Callable[[dict[str, d.Value]], d.Reason]] = MappingProxyType(
    {
        "waited": lambda data: d.Reason("overflow", data),
        "left-alone": lambda data: d.Reason("left-alone", data),
        "closing": lambda data: d.Reason("closing-time", data),
    }
)


# Where a rule leads ------------------------------------------------------------------------


def exists(floor: Floor, to: Onward, been: Collection[str]) -> bool:
    """Whether the target is one for this caller at all; `been`: queues and other places."""
    if to.kind == "queue":
        target = floor.queues.get(to.target)
        return target is not None and target.config.work == CALL and to.target not in been
    return place(to) not in been and bool(to.target or to.kind == "voicemail")


def leads(floor: Floor, to: Onward, been: Collection[str]) -> bool:
    """Whether the caller can go there now: a queue is open and not full."""
    if not exists(floor, to, been):
        return False
    if to.kind != "queue":
        return True
    target = floor.queues[to.target]
    return target.closed.since is None and target.callers < target.room


def place(to: Onward) -> str:
    """A target that is no queue, as it stands among the places where a call has been."""
    return f"{to.kind} {to.target}"


# The timers --------------------------------------------------------------------------------


def watch(floor: Floor, visit: Visit) -> None:
    """A call has joined its line: set its timer, if any rule may ever apply to it."""
    due = _next_due(floor, visit, 0.0)
    if due < inf:
        visit.timer = floor.timers.start(due, "overflow", visit.call)


def _next_due(floor: Floor, visit: Visit, again_s: float) -> float:
    """When the rules are to be looked at for this call alone; infinity for never.

    A time that is over already counts as `again_s` from now.
    """
    now = floor.now
    first = inf
    for rule in visit.queue.moves:
        since = _BEGAN[rule.when](visit)
        if since is None or not exists(floor, rule.to, _been(visit, rule.to)):
            continue
        due = since + rule.limit
        if due <= now and again_s:
            due = now + again_s
        elif due > now and rule.when != "waited":
            continue  # the queue's own timer
        first = min(first, due)
    return first


def overflow_due(floor: Floor, call: str) -> None:
    """A call has waited for as long as a rule says."""
    visit = floor.visits[call]
    visit.timer = NO_TIMER
    _look(floor, visit)


def left_alone_for_long(floor: Floor, queue_id: str) -> None:
    """Nobody has been there for as long as a rule says."""
    queue = floor.queues.get(queue_id)
    if queue is not None:
        _spell_lasts(floor, queue, queue.alone)


def closed_for_long(floor: Floor, queue_id: str) -> None:
    """The queue has been closed for as long as a rule says."""
    queue = floor.queues.get(queue_id)
    if queue is not None:
        _spell_lasts(floor, queue, queue.closed)


def _spell_lasts(floor: Floor, queue: QueueState, spell: Spell) -> None:
    spell.timer = NO_TIMER
    for key in list(queue.waiting()):
        visit = key[3]
        if visit.kind == "call" and visit.place == WAITING and visit.queue is queue:
            floor.timers.cancel(visit.timer)
            visit.timer = NO_TIMER
            _look(floor, visit)
    _start(floor, queue, spell, floor.now)


def begin(floor: Floor, queue: QueueState, spell: Spell) -> None:
    """From now on the queue is closed, or left alone."""
    spell.since = floor.now
    _start(floor, queue, spell, -inf)  # a rule that bears no waiting is due at once


def end(floor: Floor, spell: Spell) -> None:
    """It is over."""
    spell.since = None
    floor.timers.cancel(spell.timer)
    spell.timer = NO_TIMER


def reinstall(floor: Floor, queue: QueueState) -> None:
    """The rules may be others: set the queue's timers anew."""
    for spell in (queue.alone, queue.closed):
        floor.timers.cancel(spell.timer)
        spell.timer = NO_TIMER
        _start(floor, queue, spell, floor.now)


def _start(floor: Floor, queue: QueueState, spell: Spell, after: float) -> None:
    """Set the queue's timer for the first rule that comes due later than `after`."""
    since = spell.since
    if since is None or not queue.moves:
        return
    ends = [since + rule.limit for rule in queue.moves if rule.when == spell.when]
    first = min((due for due in ends if due > after), default=inf)
    if first < inf:
        spell.timer = floor.timers.start(first, spell.when, queue.id)


# Going on ----------------------------------------------------------------------------------


def _been(visit: Visit, to: Onward) -> Collection[str]:
    if visit.stays and to.kind != "queue":
        return (place(to),)
    return (*visit.came_from, visit.queue.id)


def _look(floor: Floor, visit: Visit) -> None:
    """Take the first rule that fits, or look again when another one may."""
    rule = _rule_for(floor, visit)
    if rule is not None:
        _go_on(floor, visit, rule)
        return
    due = _next_due(floor, visit, AGAIN_S)
    if due < inf:
        visit.timer = floor.timers.start(due, "overflow", visit.call)


def _rule_for(floor: Floor, visit: Visit) -> Rule | None:
    for rule in visit.queue.moves:
        since = _BEGAN[rule.when](visit)
        if (
            since is not None
            and since + rule.limit <= floor.now
            and leads(floor, rule.to, _been(visit, rule.to))
        ):
            return rule
    return None


def _go_on(floor: Floor, visit: Visit, rule: Rule) -> None:
    queue, to = visit.queue, rule.to
    data: dict[str, d.Value] = {"after_s": rule.limit, "kind": to.kind, "to": to.target}
    reason = _REASONS[rule.when](data)
    floor.leave_line(visit)
    if to.kind == "queue":
        floor.move_visit(visit, to.target, reason)
        floor.seek_agent(visit)
        return
    floor.sent.keep(visit.call, (*visit.came_from, place(to)))
    floor.finish(visit, "overflowed", reason, final=False)
    floor.out.append(d.SendOn(visit.call, queue.id, to.kind, to.target, reason))
