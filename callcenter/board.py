"""What consoles see: entities of `agent_console.protocol`, built from the live state.

Whoever changes something touches it; once per turn of the loop what was touched is built
and put into the live store, which sends nothing for what came out the same. Queues and colleagues
are built at most once a second: they go to every console, and every caller in a line is shown
with a position.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from acd import decisions as d
from acd.agents import AgentRecord
from acd.engine import Engine
from acd.lines import PARKED
from acd.site import CALL
from acd.staffing import AS_CONFIGURED
from acd.views import ItemView, Waiting
from agent_console.live import EVERYONE, SUPERVISOR, agent_room
from callcenter.callbook import LiveCall
from callcenter.cards import Cards, recording, why
from callcenter.metrics import Metrics
from callcenter.router import Router
from callcenter.siteview import wall_clock
from config.site import Site
from cti.calls import Place
from reporting.figures import abandon_rate, acw, aht, asa, occupancy, service_levels
from reporting.live import LiveFigures
from reporting.records import RecordFold

log = structlog.get_logger("callcenter.board")

QUEUE_EVERY_S = 1.0
MAX_CALL_ROWS = 300
MAX_WAITING_ROWS = 200  # per queue; beyond that the count tells


class Store(Protocol):
    """What the board needs of `agent_console.live.LiveStore`."""

    def put(self, room: str, key: str, value: Any) -> bool: ...
    def drop(self, room: str, key: str) -> bool: ...
    def keys(self, room: str) -> list[str]: ...


def _configured(record: AgentRecord) -> dict[str, Any] | None:
    """What the configuration says of an agent whom a supervisor has set otherwise."""
    if record.staffing == AS_CONFIGURED:
        return None
    agent = record.configured
    return {
        "queues": list(agent.queues),
        "skills": dict(agent.skills),
        "order": dict(agent.order),
    }


def _by_kind(items: Sequence[ItemView]) -> dict[str, int]:
    """How many there are of each kind of work."""
    found: dict[str, int] = {}
    for item in items:
        found[item.work] = found.get(item.work, 0) + 1
    return found


class Board:
    """Builds and publishes. `local` formats a number for people."""

    def __init__(
        self,
        *,
        store: Store,
        router: Router,
        engine: Engine,
        fold: RecordFold,
        figures: LiveFigures,
        metrics: Metrics,
        site: Callable[[], Site],
        local: Callable[[str], str],
    ) -> None:
        self._store = store
        self._router = router
        self._engine = engine
        self._fold = fold
        self._figures = figures
        self._metrics = metrics
        self._site = site
        self._local = local
        self._cards = Cards(local, self._clock)
        self._agents: set[str] = set()
        self._calls: set[str] = set()
        self._queues: set[str] = set()
        self._colleagues: set[str] = set()
        self._parked: dict[str, frozenset[str]] = {}  # call to the agents who may pick it
        self._queue_timer: asyncio.TimerHandle | None = None
        self._queues_at = -math.inf
        self._waiting: dict[str, set[str]] = {}  # queue to the rows that are out
        self._call_rows: dict[str, float] = {}  # when the calls that are out arrived, oldest first
        self._scheduled = False

    # What changed --------------------------------------------------------------------------

    def touch_agent(self, agent: str) -> None:
        self._agents.add(agent)
        self._colleagues.add(agent)
        record = self._engine.agents.get(agent)
        if record is not None:
            self._queues.update(record.config.queues)
        self._schedule()

    def touch_staffing(self, agent: str) -> None:
        """The agent does something else now: in other queues, for other parked calls."""
        self.touch_agent(agent)
        for queue in self._site().queues:
            self.touch_queue(queue)
        for call_id in self._parked:
            self.touch_call(call_id)

    def touch_call(self, call_id: str) -> None:
        self._calls.add(call_id)
        call = self._router.book.get(call_id)
        if call is not None:
            parties = (call.agent, *(leg.agent_id for leg in call.legs.values()), *call.parts)
            self._agents.update(agent for agent in parties if agent)
        self._schedule()

    def touch_queue(self, queue: str) -> None:
        self._queues.add(queue)
        self._schedule()

    def touch_message(self, recording_id: str) -> None:
        """A caller's message has come, or somebody has dealt with it."""
        message = self._router.voicemails.open.get(recording_id)
        key = f"voicemail:{recording_id}"
        if message is None:
            self._store.drop(SUPERVISOR, key)
            return
        entity = {
            "id": recording_id,
            "call_id": message.call_id,
            "box": message.box,
            "caller": self._local(message.ani),
            "caller_name": message.customer_name,
            "at": message.at,
            "length_s": message.length_s,
        }
        self._store.put(SUPERVISOR, key, entity)

    def touch_all(self) -> None:
        """Everything, once: at the start and after a new configuration."""
        for agent in (*self._engine.agents, *self._shown(SUPERVISOR, "agent:")):
            self.touch_agent(agent)
        self.refresh()
        for call_id in self._fold.calls:
            self.touch_call(call_id)
        for message in self._router.voicemails.open:
            self.touch_message(message)

    def refresh(self) -> None:
        """What changes by itself: figures start anew at midnight, callbacks become due."""
        for queue in (*self._site().queues, *self._shown(EVERYONE, "queue:")):
            self.touch_queue(queue)
        midnight = self._midnight()
        for call_id, arrived in list(self._call_rows.items()):
            if arrived < midnight and self._router.book.get(call_id) is None:
                self._drop_call(call_id)

    def _shown(self, room: str, prefix: str) -> list[str]:
        keys = self._store.keys(room)
        return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]

    def _midnight(self) -> float:
        return self._figures.calendar.midnight(self._router.now())

    def alarm(self, code: str, text: dict[str, str] | None) -> None:
        """Show an alarm to supervisors, or with None take it away."""
        key = f"alarm:{code}"
        if text is None:
            self._store.drop(SUPERVISOR, key)
        else:
            since = self._router.now()
            self._store.put(SUPERVISOR, key, {"code": code, "since": since, "text": text})

    def publish(self) -> None:
        """Show at once what was touched, whatever the pace of the queues."""
        if self._queue_timer is not None:
            self._queue_timer.cancel()
        self._queues_due()

    def _schedule(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._scheduled = False
        calls, self._calls = self._calls, set()
        self._build(calls, self._put_call)
        agents, self._agents = self._agents, set()
        self._build(agents, self._put_agent)
        self._publish_queues()

    def _build(self, ids: Iterable[str], put: Callable[[str], None]) -> None:
        """Each by itself: one that cannot be built must not keep the others from people."""
        for ident in ids:
            try:
                put(ident)
            except Exception:
                self._metrics.errors.labels("board").inc()
                log.exception("cannot be shown", what=put.__name__, id=ident)

    def _publish_queues(self) -> None:
        if not (self._queues or self._colleagues) or self._queue_timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._queues_at + QUEUE_EVERY_S - loop.time()
        if wait > 0:
            self._queue_timer = loop.call_later(wait, self._queues_due)
            return
        self._queues_at = loop.time()
        queues, self._queues = self._queues, set()
        self._build(queues, self._put_queue)
        colleagues, self._colleagues = self._colleagues, set()
        self._build(colleagues, self._put_colleague)
        self._metrics.live_calls.set(len(self._router.book.calls))

    def _queues_due(self) -> None:
        self._queue_timer = None
        self._queues_at = -math.inf
        self._publish()

    # Building ------------------------------------------------------------------------------

    def _put_agent(self, agent: str) -> None:
        record = self._engine.agents.get(agent)
        if record is None:  # no longer configured, and done with the last call
            self._store.drop(SUPERVISOR, f"agent:{agent}")
            room = agent_room(agent)
            for key in self._store.keys(room):
                if key in ("desk", "record") or key.startswith("parked:"):
                    self._store.drop(room, key)
            return
        site, known, view = self._site(), record.config, record.view()
        phone = self._phone(agent)
        call = self._router.call_of(agent)
        own = call if call is not None and call.agent == agent and not view.leg else None
        today = self._today(agent)
        items = self._engine.items_of(agent)
        self._store.put(
            SUPERVISOR,
            f"agent:{agent}",
            {
                "id": agent,
                "name": known.name,
                "state": view.state,
                "since": view.since,
                "reason": view.reason,
                "intent": view.intent,
                "place": own.place.value if own is not None else "",
                "muted": own.muted if own is not None else False,
                "recording": recording(own),
                "legs": [] if own is None else self._cards.legs(own, own.legs.values(), site),
                "call_id": call.call_id if call is not None else "",
                "queue": call.queue if call is not None else "",
                "caller": self._caller(call),
                "phone": phone,
                "deadline": view.deadline,
                "queues": list(known.queues),
                "skills": dict(known.skills),
                "order": dict(known.order),
                "configured": _configured(record),
                "capacity": {w: n for w, n in known.capacity.items() if w != CALL},
                "items": _by_kind(items),
                "today": today,
            },
        )
        self._store.put(
            agent_room(agent),
            "desk",
            {
                "state": view.state,
                "since": view.since,
                "reason": view.reason,
                "intent": view.intent,
                "intent_reason": view.intent_reason,
                "deadline": self._deadline(view, call, site),
                "extend_left_s": self._engine.extension_left_s(agent),
                "phone": phone,
                "phones": [
                    {
                        "kind": one.kind,
                        "number": self._local(one.address) if one.kind == "outside" else "",
                    }
                    for one in (site.agents[agent].phones if agent in site.agents else ())
                ],
                "call": None if call is None else self._cards.card(call, agent, site),
                "items": [self._item(item, site) for item in items],
                "capacity": {w: n for w, n in known.capacity.items() if w != CALL},
                "today": today,
            },
        )

    def _item(self, item: ItemView, site: Site) -> dict[str, Any]:
        """As `agent_console.protocol.ItemCard`."""
        known = self._router.items.items.get(item.item)
        queue = site.queues.get(item.queue)
        reason = None if known is None else d.Reason(known.why, known.data)
        return {
            "item_id": item.item,
            "offer_id": item.offer,
            "queue": item.queue,
            "queue_name": (
                item.queue if queue is None else site.label(queue.labels, site.languages[0])
            ),
            "work": item.work,
            "title": "" if known is None else known.title,
            "link": "" if known is None else known.link,
            "state": item.state,
            "since": item.entered if known is None else known.since,
            "entered": item.entered,
            "deadline": item.deadline,
            "why": why(reason, self._clock),
        }

    def _today(self, agent: str) -> dict[str, Any]:
        """As `agent_console.protocol.Today`."""
        day = self._figures.day("agent", agent, self._router.now())
        return {
            "handled": day.handled,
            "aht_s": aht(day),
            "wrap_up_s": acw(day),
            "occupancy": occupancy(day.busy_s, day.ready_s),
        }

    def _clock(self, moment: float) -> str:
        return wall_clock(self._site().time_zone, moment)

    @staticmethod
    def _deadline(view: d.AgentChanged, call: LiveCall | None, site: Site) -> float | None:
        """When what runs now is over. A phone stops ringing before the engine gives up on it."""
        if call is None or call.place is not Place.RINGING or call.offered is None or view.leg:
            return view.deadline
        queue = site.queues.get(call.queue)
        return view.deadline if queue is None else call.offered + queue.ring_s

    def _phone(self, agent: str) -> dict[str, Any]:
        phones = self._router.phones
        kind = phones.kind_of(agent)
        return {"kind": kind.value, "up": phones.is_up(agent, kind) is True}

    def _caller(self, call: LiveCall | None) -> str:
        if call is None:
            return ""
        return call.customer_name or call.ani_name or self._local(call.ani)

    def _put_colleague(self, agent: str) -> None:
        record = self._engine.agents.get(agent)
        if record is None or agent not in self._site().agents:
            self._store.drop(EVERYONE, f"colleague:{agent}")
            return
        known = record.config
        shown = {"id": agent, "name": known.name, "state": record.view().state}
        self._store.put(EVERYONE, f"colleague:{agent}", {**shown, "queues": list(known.queues)})

    def _put_parked(self, call_id: str) -> None:
        """A parked call is in no line: whoever serves its queue may pick it."""
        visit = self._engine.visit(call_id)
        call = self._router.book.get(call_id)
        before = self._parked.get(call_id, frozenset())
        if visit is None or call is None or visit.kind != "call" or visit.place != PARKED:
            if call_id in self._parked:
                del self._parked[call_id]
                self._store.drop(SUPERVISOR, f"waiting:{call_id}")
            for agent in before:
                self._store.drop(agent_room(agent), f"parked:{call_id}")
            return
        caller, name = self._local(call.ani), self._caller(call)
        self._store.put(
            SUPERVISOR,
            f"waiting:{call_id}",
            {
                "call_id": call_id,
                "kind": "call",
                "parked": True,
                "queue": visit.queue,
                "caller": caller,
                "caller_name": name,
                "entered": visit.entered,
                "position": 0,
                "priority": visit.priority,
                "why": why(self._engine.why_waiting(call_id, self._router.now()), self._clock),
            },
        )
        entity = {
            "call_id": call_id,
            "queue": visit.queue,
            "caller": caller,
            "caller_name": name,
            "since": visit.entered,
            "until": visit.due,
        }
        agents = self._engine.agents.values()
        may = frozenset(one.config.id for one in agents if visit.queue in one.config.queues)
        for agent in before - may:
            self._store.drop(agent_room(agent), f"parked:{call_id}")
        for agent in may:
            self._store.put(agent_room(agent), f"parked:{call_id}", entity)
        self._parked[call_id] = may

    def _put_callback(self, call_id: str) -> None:
        """Somebody who is to be called back, till an agent is about to."""
        visit, call = self._engine.visit(call_id), self._router.book.get(call_id)
        key = f"callback:{call_id}"
        if visit is None or call is None or visit.kind != "callback" or visit.agent:
            self._store.drop(SUPERVISOR, key)
            return
        entity = {
            "id": call_id,
            "queue": visit.queue,
            "caller": self._local(visit.number),
            "caller_name": call.customer_name,
            "attempts": visit.attempts,
            "due": visit.due,
            "promised": call.promised,
        }
        self._store.put(SUPERVISOR, key, entity)

    def _put_queue(self, queue: str) -> None:
        site = self._site()
        known = site.queues.get(queue)
        now = self._router.now()
        line = self._engine.waiting(queue)
        self._put_waiting(queue, line, now)
        if known is None:
            self._store.drop(EVERYONE, f"queue:{queue}")
            self._waiting.pop(queue, None)
            return
        callers = [entry for entry in line if entry.kind == "call"]
        entered = [entry.entered for entry in callers]
        if known.work != CALL:
            entered = [item.entered for item in self._engine.items_waiting(queue)]
        day = self._figures.day("queue", queue, now)
        self._metrics.waiting.labels(queue).set(len(callers))
        self._store.put(
            EVERYONE,
            f"queue:{queue}",
            {
                "id": queue,
                "name": site.label(known.labels, site.languages[0]),
                "work": known.work,
                "waiting": len(entered),
                "longest_since": min(entered, default=None),
                "callbacks": len(line) - len(callers),
                "open": self._router.opening.is_open(queue),
                "opened_by": self._router.opening.said_by(queue),
                "offered": day.offered,
                "answered": day.answered,
                "abandoned": day.abandoned,
                "short_abandoned": day.short_abandoned,
                "flowed_out": day.flowed_out,
                "service_level": service_levels(day),
                "threshold_s": known.threshold_s,
                "target": known.target,
                "abandon_rate": abandon_rate(day),
                "asa_s": asa(day),
                "aht_s": aht(day),
                "agents": self._engine.agents_by_state(queue),
            },
        )

    def _put_waiting(self, queue: str, line: Sequence[Waiting], now: float) -> None:
        out: set[str] = set()
        for entry in line[:MAX_WAITING_ROWS]:
            call = self._router.book.get(entry.call)
            out.add(entry.call)
            self._store.put(
                SUPERVISOR,
                f"waiting:{entry.call}",
                {
                    "call_id": entry.call,
                    "kind": entry.kind,
                    "parked": False,
                    "queue": queue,
                    "caller": self._local(call.ani) if call is not None else "",
                    "caller_name": self._caller(call),
                    "entered": entry.entered,
                    "position": entry.position,
                    "priority": entry.priority,
                    "why": why(self._engine.why_waiting(entry.call, now), self._clock),
                },
            )
        for gone in self._waiting.get(queue, set()) - out:
            elsewhere = any(gone in others for q, others in self._waiting.items() if q != queue)
            if not elsewhere and gone not in self._parked:
                self._store.drop(SUPERVISOR, f"waiting:{gone}")
        self._waiting[queue] = out

    def _put_call(self, call_id: str) -> None:
        self._put_parked(call_id)
        self._put_callback(call_id)
        record = self._fold.calls.get(call_id)
        if record is not None:
            self.put_call_row(call_id, self._fold.row(record))

    def put_call_row(self, call_id: str, row: Mapping[str, Any]) -> None:
        """Show one of today's calls; the oldest rows make room."""
        self._store.put(SUPERVISOR, f"call:{call_id}", row)
        self._call_rows.setdefault(call_id, row["arrived"])
        while len(self._call_rows) > MAX_CALL_ROWS:
            self._drop_call(next(iter(self._call_rows)))

    def _drop_call(self, call_id: str) -> None:
        del self._call_rows[call_id]
        self._store.drop(SUPERVISOR, f"call:{call_id}")
