"""The whole state as JSON-able data, and back.

Order matters and is kept: visits by their number, timers with theirs, finished calls by
age. Sorted lines and idle lists follow from what is kept, so they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import convert, json

from acd.agents import AgentRecord
from acd.counters import Books, QueueCounts
from acd.legs import OpenLeg
from acd.lines import QueueState, Visit
from acd.offers import OpenOffer
from acd.site import Agent, Queue, Site, SkillNeed
from acd.staffing import AS_CONFIGURED, Staffing

if TYPE_CHECKING:
    from acd.floor import Floor

VERSION: Final = 1

_AGENT_FIELDS: Final = (
    "state",
    "since",
    "reason",
    "intent",
    "intent_reason",
    "idle_since",
    "idle_seq",
    "call",
    "queue",
    "offer",
    "leg",
    "deadline",
    "timer",
    "grace_timer",
    "console_out",
    "phone_up",
    "answer_s",
    "misses",
    "paused_until",
    "pause_timer",
    "removed",
)
_VISIT_FIELDS: Final = (
    "place",
    "offer",
    "agent",
    "answered",
    "held_since",
    "hold_s",
    "timer",
    "successor",
    "origin",
    "number",
    "attempts",
    "due",
)


def take(floor: Floor) -> dict[str, Any]:
    """The state of the floor; nothing in it is shared with the floor."""
    return {
        "version": VERSION,
        "now": floor.now,
        "last_offer": floor.last_offer,
        "last_seq": floor.last_seq,
        "site": _plain(floor.site),
        "agents": [_agent(agent) for agent in floor.agents.values()],
        "retired": [_plain(queue.config) for queue in _retired(floor)],
        "visits": [_visit(visit) for visit in floor.visits.values()],
        "offers": [_offer(offer) for offer in floor.offers.values()],
        "legs": [_leg(leg) for leg in floor.legs.values()],
        "timers": floor.timers.snapshot(),
        "over": floor.over_in_order(),
        "counts": {
            queue: {
                "calls": _books(counts.calls),
                "callbacks": _books(counts.callbacks),
                "outbound": _books(counts.outbound),
            }
            for queue, counts in floor.counts.items()
        },
    }


def _plain(config: Any) -> Any:
    """A configuration, or a part of one, as JSON has it."""
    return json.decode(json.encode(config))


def _retired(floor: Floor) -> list[QueueState]:
    found = {visit.queue.id: visit.queue for visit in floor.visits.values() if visit.queue.retired}
    return list(found.values())


def _agent(agent: AgentRecord) -> dict[str, Any]:
    row = {name: getattr(agent, name) for name in _AGENT_FIELDS}
    return (
        {"id": agent.id, "idle": agent.is_idle, **row}
        | ({"config": _plain(agent.configured)} if agent.removed else {})
        | ({} if agent.staffing == AS_CONFIGURED else {"staffing": _plain(agent.staffing)})
    )


def _visit(visit: Visit) -> dict[str, Any]:
    row = {name: getattr(visit, name) for name in _VISIT_FIELDS}
    return {
        "call": visit.call,
        "kind": visit.kind,
        "queue": visit.queue.id,
        "needs": _plain(visit.needs),
        "priority": visit.priority,
        "entered": visit.entered,
        "arrived": visit.arrived,
        "seq": visit.seq,
        "came_from": list(visit.came_from),
        "missed_by": list(visit.missed_by),
        **row,
    }


def _offer(offer: OpenOffer) -> dict[str, Any]:
    return {
        "id": offer.id,
        "call": offer.visit.call,
        "agent": offer.agent.id,
        "started": offer.started,
        "deadline": offer.deadline,
        "timer": offer.timer,
        "rang": offer.rang,
    }


def _leg(leg: OpenLeg) -> dict[str, Any]:
    return {
        "id": leg.id,
        "call": leg.call,
        "agent": leg.agent.id,
        "deadline": leg.deadline,
        "timer": leg.timer,
        "answered": leg.answered,
    }


def _books(books: Books) -> dict[str, Any]:
    return {"offered": books.offered, "completed": books.completed, "left": dict(books.left)}


# Back ------------------------------------------------------------------------------------


def site_of(snapshot: Mapping[str, Any]) -> Site:
    """The site that was in force; `ValueError` for a snapshot of another version."""
    if snapshot.get("version") != VERSION:
        raise ValueError(f"a snapshot of version {snapshot.get('version')!r}, not {VERSION}")
    return convert(snapshot["site"], Site)


def fill(floor: Floor, snapshot: Mapping[str, Any]) -> None:
    """Put the state of `snapshot` into a floor that has its site and nothing else."""
    floor.now = snapshot["now"]
    floor.last_offer = snapshot["last_offer"]
    floor.last_seq = snapshot["last_seq"]
    for queue, row in snapshot["counts"].items():
        counts = floor.counts.setdefault(queue, QueueCounts())
        _fill_books(counts.calls, row["calls"])
        _fill_books(counts.callbacks, row["callbacks"])
        if "outbound" in row:  # not in snapshots of older versions, like legs
            _fill_books(counts.outbound, row["outbound"])
    for call in snapshot["over"]:
        floor.remember_over(call)
    _fill_agents(floor, snapshot["agents"])
    _fill_visits(floor, snapshot["visits"], snapshot["retired"])
    for row in snapshot["offers"]:
        offer = OpenOffer(
            row["id"],
            floor.visits[row["call"]],
            floor.agents[row["agent"]],
            row["started"],
            row["deadline"],
        )
        offer.timer = row["timer"]
        offer.rang = row["rang"]
        floor.offers[offer.id] = offer
    for row in snapshot.get("legs", ()):
        leg = OpenLeg(row["id"], row["call"], floor.agents[row["agent"]], row["deadline"])
        leg.timer = row["timer"]
        leg.answered = row["answered"]
        floor.legs[leg.id] = leg
    floor.timers.restore(snapshot["timers"])


def _fill_books(books: Books, row: Mapping[str, Any]) -> None:
    books.offered = row["offered"]
    books.completed = row["completed"]
    books.left = dict(row["left"])


def _fill_agents(floor: Floor, rows: list[dict[str, Any]]) -> None:
    known = floor.agents
    floor.agents = {}  # in the order of the snapshot
    for row in rows:
        agent = known.get(row["id"])
        if agent is None:
            config = convert(row["config"], Agent)
            agent = AgentRecord(config, floor.matching.group(config), floor.now)
            agent.group.members[agent.id] = agent
        floor.agents[agent.id] = agent
        if "staffing" in row:
            floor.matching.leave_group(agent)
            agent.staffing = convert(row["staffing"], Staffing)
            agent.config = agent.staffing.over(agent.configured)
            floor.matching.join_group(agent)
        for name in _AGENT_FIELDS:
            setattr(agent, name, row.get(name, getattr(agent, name)))
        if row["idle"]:
            floor.matching.add_idle(agent)


def _fill_visits(floor: Floor, rows: list[dict[str, Any]], retired: list[dict[str, Any]]) -> None:
    queues = dict(floor.queues)
    for config in retired:
        queue = queues[config["id"]] = QueueState(
            convert(config, Queue), floor.counts.setdefault(config["id"], QueueCounts())
        )
        queue.retired = True
    for row in rows:
        needs = convert(row["needs"], tuple[SkillNeed, ...])
        line = floor.matching.line(queues[row["queue"]], needs)
        visit = Visit(
            row["call"],
            row["kind"],
            line,
            needs,
            row["priority"],
            row["entered"],
            row["arrived"],
            row["seq"],
        )
        for name in _VISIT_FIELDS:
            setattr(visit, name, row[name])
        visit.came_from = tuple(row["came_from"])
        visit.missed_by = tuple(row.get("missed_by", ()))
        line.visits += 1
        floor.visits[visit.call] = visit
        if visit.place == "waiting":
            line.add(visit)
