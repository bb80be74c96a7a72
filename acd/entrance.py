"""At the door of a queue: whether a caller may wait there, and where to otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from acd import decisions as d
from acd import expected, overflowing
from acd import facts as f
from acd.refusals import Refusal
from acd.site import Occasion, Rule

if TYPE_CHECKING:
    from acd.floor import Floor
    from acd.lines import QueueState


def asked(floor: Floor, fact: f.EntryAsked) -> None:
    """Let the caller in (by saying nothing), or turn the caller away.

    A caller who is sent from queue to queue is never sent back to one of them; the way ends
    where the caller may wait, or at a target that is no queue.
    """
    queue = floor.queues.get(fact.queue)
    if queue is None:
        raise Refusal("unknown-queue", f"no queue {fact.queue}")
    if fact.call in floor.over:
        raise Refusal("call-over", f"call {fact.call} is over")
    visit = floor.visits.get(fact.call)
    if visit is not None and visit.queue is queue:
        return  # inside already
    been = floor.turned.take(fact.call) or ()
    if queue.id in been:  # not by our sending: the caller has chosen it again
        been = ()
    been = (*been, queue.id)
    for rule in queue.config.rules:
        fits = _AT_THE_DOOR.get(rule.when)
        reason = fits(floor, queue, rule, fact) if fits is not None else None
        if reason is not None and overflowing.leads(floor, rule.to, been):
            _turn_away(floor, fact.call, queue, rule, reason, been)
            return


def _turn_away(
    floor: Floor, call: str, queue: QueueState, rule: Rule, reason: d.Reason, been: tuple[str, ...]
) -> None:
    if rule.to.kind == "queue":
        floor.turned.keep(call, been)
    queue.counts.turn_away(rule.when)
    floor.out.append(d.CallTurnedAway(call, queue.id, rule.to.kind, rule.to.target, reason))


def _closed(floor: Floor, queue: QueueState, rule: Rule, fact: f.EntryAsked) -> d.Reason | None:
    since = queue.closed.since
    if since is None:
        return None
    return d.Reason("turned-closed", {"why": queue.closed_why, "since": since})


def _nobody(floor: Floor, queue: QueueState, rule: Rule, fact: f.EntryAsked) -> d.Reason | None:
    if queue.attended:
        return None
    return d.Reason("turned-nobody", {"staffed": queue.config.staffed})


def _full(floor: Floor, queue: QueueState, rule: Rule, fact: f.EntryAsked) -> d.Reason | None:
    if queue.callers < rule.limit:
        return None
    return d.Reason("turned-full", {"waiting": queue.callers, "limit": rule.limit})


def _wait(floor: Floor, queue: QueueState, rule: Rule, fact: f.EntryAsked) -> d.Reason | None:
    found = expected.at_the_end(floor, queue, fact.needs, fact.priority)
    if found is None or found.low_s <= rule.limit:
        return None
    data: dict[str, d.Value] = {"limit_s": rule.limit, **found.data()}
    return d.Reason("turned-wait", data)


_AT_THE_DOOR: Mapping[
    Occasion, Callable[[Floor, QueueState, Rule, f.EntryAsked], d.Reason | None]
] = MappingProxyType({"closed": _closed, "nobody": _nobody, "full": _full, "expected-wait": _wait})
"""What is looked at before the caller is let in: why not, or None."""
