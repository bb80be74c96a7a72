"""The whole state as JSON-able data, and back.

Order matters and is kept: visits by their number, timers with theirs, finished calls by
age. Sorted lines and idle lists follow from what is kept, so they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import convert, json

from acd import items, overflowing, presence
from acd.agents import AgentRecord
from acd.choice import History
from acd.counters import Books, QueueCounts
from acd.earlier import need_rows, queue_row, site_row
from acd.items import Desk, Item
from acd.legs import OpenLeg
from acd.lines import QueueState, Visit
from acd.offers import OpenOffer
from acd.places import Place, Told
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
    "busy_since",
    "load",
    "load_at",
    "extended_s",
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
    "ages_from",
    "steps",
    "first",
    "preferred",
    "preferred_until",
    "preferred_why",
    "ageing_timer",
    "caller",
    "kept",
    "stays",
    "promised",
    "expiry_timer",
)
_ITEM_FIELDS: Final = ("state", "offer", "deadline", "timer", "again", "work")


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
        "items": [_item(item) for item in floor.work.items.values()],
        "items_over": list(floor.work.over),
        "timers": floor.timers.snapshot(),
        "over": floor.over_in_order(),
        "queues": {queue.id: _queue(queue) for queue in (*floor.queues.values(), *_retired(floor))},
        "shares": _shares(floor),
        "places": [[caller, list(queues), *rest] for caller, (queues, *rest) in floor.places],
        "turned": [[call, list(been)] for call, been in floor.turned],
        "sent": [[call, list(been)] for call, been in floor.sent],
        "counts": {
            queue: {
                "calls": _books(counts.calls),
                "callbacks": _books(counts.callbacks),
                "outbound": _books(counts.outbound),
                "turned_away": dict(counts.turned_away),
            }
            for queue, counts in floor.counts.items()
        },
    }


def _queue(queue: QueueState) -> dict[str, Any]:
    """What is kept of a queue beside its visits."""
    return {
        "closed": [queue.closed.since, queue.closed.timer, queue.closed_why],
        "alone": [queue.alone.since, queue.alone.timer],
        "turn": queue.turn,
        "pace": queue.pace.snapshot(),
        "jumps": queue.jumps.snapshot(),
    }


def _plain(config: Any) -> Any:
    """A configuration, or a part of one, as JSON has it."""
    return json.decode(json.encode(config))


def _retired(floor: Floor) -> list[QueueState]:
    found = {visit.queue.id: visit.queue for visit in floor.visits.values() if visit.queue.retired}
    for item in floor.work.items.values():
        queue = item.line.queue
        if queue.retired:
            found[queue.id] = queue
    return list(found.values())


def _agent(agent: AgentRecord) -> dict[str, Any]:
    row = {name: getattr(agent, name) for name in _AGENT_FIELDS}
    return (
        {"id": agent.id, "idle": agent.is_idle, **row, "history": _history(agent)}
        | ({"config": _plain(agent.configured)} if agent.removed else {})
        | ({} if agent.desk is None else {"desk": _desk(agent.desk)})
        | ({} if agent.staffing == AS_CONFIGURED else {"staffing": _plain(agent.staffing)})
    )


def _history(agent: AgentRecord) -> dict[str, Any]:
    return {
        queue: [known.offer, known.offered_at, known.answered, known.turn]
        for queue, known in agent.history.items()
    }


def _shares(floor: Floor) -> list[list[Any]]:
    """The turns of each group, named by one of its agents."""
    return sorted(
        [min(group.members), group.shares.base, dict(group.shares.turns)]
        for group in floor.matching.groups()
        if group.shares is not None and group.shares.turns and group.members
    )


def _desk(desk: Desk) -> dict[str, Any]:
    return {"free_since": desk.free_since, "seq": desk.seq, "items": list(desk.items)}


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
        "only": visit.line.only,
        "others": list(visit.others),
        "came_from": list(visit.came_from),
        "told": None if visit.told is None else list(visit.told),
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
        "round": offer.round,
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


def _item(item: Item) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in _ITEM_FIELDS}
    return {
        "id": item.id,
        "queue": item.line.queue.id,
        "needs": _plain(item.needs),
        "priority": item.priority,
        "arrived": item.arrived,
        "seq": item.seq,
        "agent": "" if item.holder is None else item.holder.id,
        "asked": list(item.asked),
        **row,
    }


def _books(books: Books) -> dict[str, Any]:
    return {"offered": books.offered, "completed": books.completed, "left": dict(books.left)}


# Back ------------------------------------------------------------------------------------


def site_of(snapshot: Mapping[str, Any]) -> Site:
    """The site that was in force; `ValueError` for a snapshot of another version."""
    if snapshot.get("version") != VERSION:
        raise ValueError(f"a snapshot of version {snapshot.get('version')!r}, not {VERSION}")
    return convert(site_row(snapshot["site"]), Site)


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
        counts.turned_away = dict(row.get("turned_away", {}))
    for call in snapshot["over"]:
        floor.remember_over(call)
    for queue_id, row in snapshot.get("queues", {}).items():
        if queue_id in floor.queues:  # before agents find their places by it
            floor.queues[queue_id].turn = row.get("turn", 0.0)
    _fill_agents(floor, snapshot["agents"])
    for agent, base, turns in snapshot.get("shares", ()):
        shares = floor.agents[agent].group.shares
        if shares is not None:
            shares.base, shares.turns = base, dict(turns)
    presence.rebuild(floor)
    queues = _fill_visits(floor, snapshot["visits"], snapshot["retired"])
    for caller, been, *rest in snapshot.get("places", ()):
        floor.places.keep(caller, Place(tuple(been), *rest))
    for call, been in snapshot.get("turned", ()):
        floor.turned.keep(call, tuple(been))
    for call, been in snapshot.get("sent", ()):
        floor.sent.keep(call, tuple(been))
    for row in snapshot["offers"]:
        offer = OpenOffer(
            row["id"],
            floor.visits[row["call"]],
            floor.agents[row["agent"]],
            row["started"],
            row["deadline"],
            row.get("round", ""),
        )
        offer.timer = row["timer"]
        offer.rang = row["rang"]
        floor.offers[offer.id] = offer
    for row in snapshot.get("legs", ()):
        leg = OpenLeg(row["id"], row["call"], floor.agents[row["agent"]], row["deadline"])
        leg.timer = row["timer"]
        leg.answered = row["answered"]
        floor.legs[leg.id] = leg
    _fill_items(floor, snapshot, queues)
    floor.timers.restore(snapshot["timers"])
    rows = snapshot.get("queues", {})
    for state in queues.values():
        _fill_queue(floor, state, rows.get(state.id))


def _fill_queue(floor: Floor, queue: QueueState, row: Mapping[str, Any] | None) -> None:
    if row is None:  # of an older version: nobody knows since when
        if queue.alone.since is not None:
            overflowing.begin(floor, queue, queue.alone)
        return
    queue.closed.since, queue.closed.timer, queue.closed_why = row["closed"]
    queue.alone.since, queue.alone.timer = row["alone"]
    queue.turn = row.get("turn", 0.0)
    queue.pace.restore(row["pace"])
    queue.jumps.restore(row["jumps"])


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
        for queue, (offer, offered_at, answered, turn) in row.get("history", {}).items():
            known_of = agent.history[queue] = History(turn)
            known_of.offer, known_of.offered_at, known_of.answered = offer, offered_at, answered
        if row["idle"]:
            floor.matching.add_idle(agent)


def _fill_visits(
    floor: Floor, rows: list[dict[str, Any]], retired: list[dict[str, Any]]
) -> dict[str, QueueState]:
    """Returns every queue, also those that are no longer configured."""
    queues = dict(floor.queues)
    for config in retired:
        queue = queues[config["id"]] = QueueState(
            convert(queue_row(config), Queue), floor.counts.setdefault(config["id"], QueueCounts())
        )
        queue.retired = True
    for row in rows:
        needs = convert(need_rows(row["needs"]), tuple[SkillNeed, ...])
        queue = queues[row["queue"]]
        line = floor.matching.line(queue, needs, row.get("steps", 0), row.get("only", ""))
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
            setattr(visit, name, row.get(name, getattr(visit, name)))
        told = row.get("told")
        visit.told = None if told is None else Told(*told)
        visit.came_from = tuple(row["came_from"])
        visit.missed_by = tuple(row.get("missed_by", ()))
        visit.others = tuple(row.get("others", ()))
        line.visits += 1
        floor.visits[visit.call] = visit
        if visit.place == "waiting":
            line.add(visit)
            if line.only:
                floor.agents[line.only].wanted[line] = None
    return queues


def _fill_items(floor: Floor, snapshot: Mapping[str, Any], queues: dict[str, QueueState]) -> None:
    for row in snapshot.get("items", ()):
        needs = convert(row["needs"], tuple[SkillNeed, ...])
        line = floor.matching.line(queues[row["queue"]], needs)
        item = Item(row["id"], line, needs, row["priority"], row["arrived"], row["seq"])
        for name in _ITEM_FIELDS:
            setattr(item, name, row[name])
        item.asked = tuple(row["asked"])
        item.holder = floor.agents[row["agent"]] if row["agent"] else None
        line.visits += 1
        floor.work.items[item.id] = item
        if item.offer:
            floor.work.offers[item.offer] = item
    for over in snapshot.get("items_over", ()):
        floor.work.remember_over(over)
    for row in snapshot["agents"]:
        if "desk" in row:
            kept = row["desk"]
            desk = floor.agents[row["id"]].desk = Desk(kept["free_since"], kept["seq"])
            desk.items = {item: floor.work.items[item] for item in kept["items"]}
    items.restored(floor)
