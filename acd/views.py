"""Looking at the floor without changing it: positions, reasons, numbers."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from heapq import merge
from math import inf
from typing import TYPE_CHECKING

from acd import ageing
from acd.decisions import Reason, Value
from acd.lines import (
    CONNECTED,
    DIALLING,
    LATER,
    LEAVING,
    OFFERED,
    PARKED,
    RETRY,
    WAITING,
    Kind,
    Line,
    Place,
    Visit,
)
from acd.states import (
    CONFERENCE,
    CONSULTING,
    FAULT,
    HELD,
    NOT_READY,
    OFFLINE,
    READY,
    RESERVED,
    TALKING,
    WITH_CALLER,
    WRAP_UP,
)

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor
    from acd.items import Item


PAUSED = "paused"
"""Ready, but nothing is offered for a while (RONA)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One caller (or callback) in a queue's line. `priority` includes the queue's."""

    position: int
    call: str
    kind: Kind
    entered: float
    priority: int
    needs: str


@dataclass(frozen=True, slots=True)
class VisitView:
    """Where a call or callback is. `place` is one of `acd.lines.Place`.

    `due`: when a callback is tried again, or a parked call goes back to the line.
    """

    call: str
    kind: Kind
    queue: str
    place: Place
    entered: float
    priority: int
    needs: str
    agent: str
    offer: str
    number: str
    attempts: int
    due: float | None
    others: tuple[str, ...] = ()  # more open offers, when several phones ring


def waiting(floor: Floor, queue_id: str) -> list[Waiting]:
    """See `Engine.waiting`."""
    queue = floor.queues.get(queue_id)
    if queue is None:
        return []
    return [
        Waiting(
            number,
            visit.call,
            visit.kind,
            visit.entered,
            queue.config.priority + visit.priority,
            visit.line.needs_text,
        )
        for number, (*_, visit) in enumerate(queue.waiting(), start=1)
    ]


def visit(floor: Floor, call: str) -> VisitView | None:
    """See `Engine.visit`."""
    found = floor.visits.get(call)
    return None if found is None else _view(found)


def visits(floor: Floor) -> list[VisitView]:
    """See `Engine.visits`."""
    return [_view(found) for found in floor.visits.values()]


def _view(found: Visit) -> VisitView:
    return VisitView(
        found.call,
        found.kind,
        found.queue.id,
        found.place,
        found.entered,
        found.queue.config.priority + found.priority,
        found.line.needs_text,
        found.agent,
        found.offer,
        found.number,
        found.attempts,
        found.due,
        found.others,
    )


def position(floor: Floor, call: str) -> int | None:
    """See `Engine.position`."""
    found = floor.visits.get(call)
    if found is None or found.key is None:
        return None
    return 1 + sum(bisect_left(line.callers, found.key) for line in found.queue.lines)


def why_waiting(floor: Floor, call: str, now: float) -> Reason:
    """See `Engine.why_waiting`."""
    found = floor.visits.get(call)
    if found is None or found.place == CONNECTED:
        return Reason("not-waiting")
    if found.place in (OFFERED, DIALLING):
        if found.place == DIALLING:
            return Reason("dialling", {"agent": found.agent})
        rings = (floor.offers[offer].agent.id for offer in (found.offer, *found.others))
        return Reason("ringing", {"agent": ", ".join(rings)})
    if found.place == LATER:
        return Reason("callback-due-later", {"until": found.due})
    if found.place == RETRY:
        return Reason("callback-retry", {"until": found.due, "attempts": found.attempts})
    if found.place == PARKED and found.kind == "call":
        return Reason("parked", {"until": found.due})
    if found.place in (LEAVING, PARKED):
        return Reason("callback-asked" if found.place == LEAVING else "callback-parked")
    assert found.place == WAITING
    return _why_in_line(floor, found, now)


def _why_in_line(floor: Floor, found: Visit, now: float) -> Reason:
    line = found.line
    data: dict[str, Value] = {
        "needs": line.needs_text,
        "position": position(floor, found.call),
        "waited_s": max(0.0, now - found.entered),
    }
    if found.queue.ages:
        data |= _what_waiting_brings(found)
    if line.only:
        data |= {"why": found.preferred_why, "until": found.preferred_until}
        return Reason("waiting-for-agent", data | {"agent": line.only})
    tally = _tally(floor, line)
    able = sum(tally.states.values())
    working = sum(tally.states.get(state, 0) for state in (RESERVED, *WITH_CALLER, WRAP_UP))
    if found.queue.closed.since is not None and not working + tally.states.get(READY, 0):
        closed: dict[str, Value] = {
            "since": found.queue.closed.since,
            "why": found.queue.closed_why,
        }
        return Reason("closed-and-alone", data | closed)
    if not able:
        staffed = any(found.queue.id in agent.group.queues for agent in floor.agents.values())
        return Reason("nobody-has-skills" if staffed and line.needs else "nobody-serves", data)
    signed_in = able - tally.states.get(OFFLINE, 0)
    if not signed_in:
        return Reason("nobody-signed-in", data | {"agents": able})
    data["agents"] = signed_in
    names: tuple[tuple[str, str], ...] = (
        ("ready", READY),
        ("reserved", RESERVED),
        ("talking", TALKING),
        ("held", HELD),
        ("consulting", CONSULTING),
        ("conference", CONFERENCE),
        ("wrap_up", WRAP_UP),
        ("paused", PAUSED),
        ("not_ready", NOT_READY),
        ("fault", FAULT),
    )
    for name, state in names:
        data[name] = tally.states.get(state, 0)
    data["wrap_up_until"] = tally.wrap_up_until
    return Reason("all-busy" if working else "nobody-ready", data)


def _what_waiting_brings(found: Visit) -> dict[str, Value]:
    """When less is asked for, and what then; whether the caller comes before all others."""
    data: dict[str, Value] = {"first": found.first}
    until = ageing.next_step(found)
    if until < inf:
        needs, also = ageing.asked(found, found.steps + 1)
        data |= {"relaxed_at": until, "relaxed_needs": needs, "relaxed_also": list(also)}
    return data


@dataclass(slots=True)
class _Tally:
    version: int
    states: dict[str, int]
    wrap_up_until: float | None


def _tally(floor: Floor, line: Line) -> _Tally:
    """The agents who may serve a line, by state; counted again only after a change."""
    known = line.tally
    if isinstance(known, _Tally) and known.version == floor.agents_version:
        return known
    members = (agent for group in line.groups for agent in group.members.values())
    line.tally = tally = _count(floor.agents_version, list(members))
    return tally


def _count(version: int, members: list[AgentRecord]) -> _Tally:
    states: dict[str, int] = {}
    until: float | None = None
    for agent in members:
        paused = agent.state == READY and agent.paused_until is not None
        state = PAUSED if paused else agent.state
        states[state] = states.get(state, 0) + 1
        if (
            agent.state == WRAP_UP
            and agent.deadline is not None
            and (until is None or agent.deadline < until)
        ):
            until = agent.deadline
    return _Tally(version, states, until)


@dataclass(frozen=True, slots=True)
class ItemView:
    """Where a work item is. `state`: "queued", "offered" or "working"."""

    item: str
    queue: str
    work: str
    state: str
    agent: str
    offer: str
    entered: float
    deadline: float | None
    priority: int
    needs: str


def item(floor: Floor, item_id: str) -> ItemView | None:
    """See `Engine.item`."""
    found = floor.work.items.get(item_id)
    return None if found is None else _item(found)


def items(floor: Floor) -> list[ItemView]:
    """See `Engine.items`."""
    return [_item(found) for found in floor.work.items.values()]


def items_of(floor: Floor, agent: str) -> list[ItemView]:
    """See `Engine.items_of`."""
    known = floor.agents.get(agent)
    if known is None or known.desk is None:
        return []
    return [_item(found) for found in known.desk.items.values()]


def items_waiting(floor: Floor, queue_id: str) -> list[ItemView]:
    """See `Engine.items_waiting`."""
    queue = floor.queues.get(queue_id)
    if queue is None:
        return []
    lines = (floor.work.lines[line].waiting for line in queue.lines if line in floor.work.lines)
    return [_item(key[-1]) for key in merge(*lines)]


def _item(found: Item) -> ItemView:
    return ItemView(
        found.id,
        found.line.queue.id,
        found.work,
        found.state,
        "" if found.holder is None else found.holder.id,
        found.offer,
        found.arrived,
        found.deadline,
        found.line.queue.config.priority + found.priority,
        found.line.needs_text,
    )


def agents_by_state(floor: Floor, queue_id: str) -> dict[str, int]:
    """See `Engine.agents_by_state`."""
    states: dict[str, int] = {}
    for agent in floor.agents.values():
        if queue_id in agent.group.queues:
            states[agent.state] = states.get(agent.state, 0) + 1
    return states
