"""What the preview's consoles see: entities built from the play."""

from __future__ import annotations

import time
from typing import Any

from agent_console.live import EVERYONE, SUPERVISOR, LiveStore, agent_room
from agent_console.preview.company import (
    AGENTS,
    DISPOSITIONS,
    FLOWS,
    QUEUES,
    REASONS,
    SKILLS,
    SPEED_DIALS,
    PreviewCustomers,
    as_match,
    both,
    why,
)
from agent_console.preview.figures import publish_alert, publish_figures
from agent_console.preview.history import PreviewHistory
from agent_console.preview.people import Caller, Figures, Person
from agent_console.protocol import (
    AgentLive,
    CallCard,
    Customer,
    Desk,
    Duties,
    ItemCard,
    ParkedCall,
    QueueLive,
    Record,
    Today,
)

PARKED_S = 120.0


class Stage(PreviewHistory):
    """Everybody in the play, and how they are shown."""

    def __init__(self, live: LiveStore, customers: PreviewCustomers) -> None:
        super().__init__()
        self.live = live
        self.customers = customers
        self.people = {id_: Person(id_, since=time.time()) for id_ in AGENTS}
        self.duties: dict[str, Duties] = {
            id_: {"queues": list(queues), "skills": dict(skills), "order": {}}
            for id_, (_, queues, skills) in AGENTS.items()
        }
        self.items: dict[str, list[ItemCard]] = {id_: [] for id_ in AGENTS}
        self.figures = {queue: Figures() for queue in QUEUES}
        self.waiting: list[Caller] = []
        self.doors: dict[str, tuple[bool, str]] = {}  # queue to open, and who says so
        self.parked: list[Caller] = []
        self.told: list[tuple[str, ...]] = []  # what the floor was asked, for tests

    def publish_site(self) -> None:
        self.live.put(
            EVERYONE,
            "site",
            {
                "company": "Preview Ltd.",
                "queues": [{"id": id_, "label": label} for id_, label in QUEUES.items()],
                "skills": [{"id": id_, "label": label} for id_, label in SKILLS.items()],
                "flows": FLOWS,
                "speed_dials": SPEED_DIALS,
                "not_ready_reasons": REASONS,
                "dispositions": DISPOSITIONS,
                "switch": "virtual",
                "switch_up": True,
                "demo": True,
                "time_zone": "Europe/Berlin",
            },
        )
        self.live.put(
            SUPERVISOR,
            "alarm:preview",
            {
                "code": "preview",
                "since": time.time(),
                "text": both("This is a play: no real calls.", "这是演示:没有真实通话。"),
            },
        )
        publish_alert(self.live)

    def publish(self) -> None:
        for queue in QUEUES:
            figures = self._queue(queue)
            self.live.put(SUPERVISOR, f"queue:{queue}", figures)
            for agent, duties in self.duties.items():
                if queue in duties["queues"]:
                    self.live.put(agent_room(agent), f"queue:{queue}", figures)
        publish_figures(self.live, self.figures)
        self._publish_parked()
        for person in self.people.values():
            self._publish_colleague(person)
            self.live.put(agent_room(person.id), "desk", self._desk(person))
            self.live.put(SUPERVISOR, f"agent:{person.id}", self._agent(person))
            if person.call is None:
                self.live.drop(agent_room(person.id), "record")
        lines = [*self.parked, *self.waiting]
        here = {f"waiting:{c.call_id}" for c in lines}
        for key in self.live.keys(SUPERVISOR):
            if key.startswith("waiting:") and key not in here:
                self.live.drop(SUPERVISOR, key)
        for position, caller in enumerate(lines, 1 - len(self.parked)):
            self._publish_waiting(max(0, position), caller)
        for row in self.rows.values():
            self.live.put(SUPERVISOR, f"call:{row['call_id']}", row)

    def _publish_colleague(self, person: Person) -> None:
        queues = self.duties[person.id]["queues"]
        name = AGENTS[person.id][0]
        shown = {"id": person.id, "name": name, "state": person.state, "queues": queues}
        self.live.put(EVERYONE, f"colleague:{person.id}", shown)

    def _publish_parked(self) -> None:
        for agent, duties in self.duties.items():
            room = agent_room(agent)
            mine = {f"parked:{c.call_id}": c for c in self.parked if c.queue in duties["queues"]}
            for key in self.live.keys(room):
                if key.startswith("parked:") and key not in mine:
                    self.live.drop(room, key)
            for key, caller in mine.items():
                shown: ParkedCall = {
                    "call_id": caller.call_id,
                    "queue": caller.queue,
                    "caller": caller.row["caller"],
                    "caller_name": caller.name,
                    "since": caller.parked,
                    "until": caller.parked + PARKED_S,
                }
                self.live.put(room, key, shown)

    def _publish_waiting(self, position: int, caller: Caller) -> None:
        self.live.put(
            SUPERVISOR,
            f"waiting:{caller.call_id}",
            {
                "call_id": caller.call_id,
                "kind": "call",
                "parked": bool(caller.parked),
                "queue": caller.queue,
                "caller": caller.row["caller"],
                "caller_name": caller.name,
                "entered": caller.entered,
                "position": position,
                "priority": 0,
                "why": why(
                    "all-busy",
                    "Skill billing ≥ 3: 4 agents, 3 talking, 1 in wrap-up.",
                    "技能 账单 ≥ 3:4 名坐席,3 名通话中,1 名话后处理中。",
                    talking=3,
                ),
            },
        )

    def _queue(self, queue: str) -> QueueLive:
        figures = self.figures[queue]
        mine = [c.entered for c in self.waiting if c.queue == queue]
        final = max(1, figures.answered + figures.abandoned - figures.short_abandoned)
        states: dict[str, int] = {}
        for person in self.people.values():
            if queue in self.duties[person.id]["queues"]:
                states[person.state] = states.get(person.state, 0) + 1
        return {
            "id": queue,
            "name": QUEUES[queue]["en"],
            "work": "call",
            "waiting": len(mine),
            "longest_since": min(mine, default=None),
            "callbacks": 1 if queue == "billing" else 0,
            "open": self.doors.get(queue, (True, ""))[0],
            "opened_by": self.doors.get(queue, (True, ""))[1],
            "offered": figures.offered,
            "answered": figures.answered,
            "abandoned": figures.abandoned,
            "short_abandoned": figures.short_abandoned,
            "flowed_out": 0,
            "service_level": {
                "standard": figures.within / final,
                "negative": figures.within / max(1, figures.offered),
                "ignored": figures.within / max(1, figures.offered - 1),
                "positive": (figures.within + 1) / max(1, figures.offered),
                "handled_only": figures.within / max(1, figures.answered),
            },
            "threshold_s": 20.0,
            "target": 0.8,
            "abandon_rate": figures.abandoned / max(1, figures.offered),
            "asa_s": figures.waits_s / max(1, figures.answered),
            "aht_s": 182.0,
            "agents": states,
        }

    def _today(self, person: Person) -> Today:
        return {
            "handled": person.handled,
            "aht_s": 182.0 if person.handled else None,
            "wrap_up_s": 21.5 if person.handled else None,
            "occupancy": 0.71 if person.handled else None,
        }

    def _desk(self, person: Person) -> Desk:
        return {
            "state": person.state,
            "since": person.since,
            "reason": person.reason,
            "intent": person.intent,
            "intent_reason": person.intent_reason,
            "deadline": person.deadline,
            "extend_left_s": 120.0,
            "phone": {"kind": person.phone, "up": person.state != "offline"},
            "phones": [
                {"kind": "browser", "number": ""},
                {"kind": "desk", "number": ""},
                {"kind": "outside", "number": "(416) 555-0190"},
            ],
            "call": self._card_of(person),
            "items": self.items[person.id],
            "capacity": {"chat": 2, "task": 1},
            "today": self._today(person),
        }

    def _card_of(self, person: Person) -> CallCard | None:
        """The agent's own call, or the one that the agent is a party of."""
        host = self.people[person.host].call if person.host else None
        if host is None:
            return person.call
        me = next((leg for leg in host["legs"] if leg["id"] == person.leg), None)
        if me is None:
            return None
        seen = host.copy()
        seen["part"] = "supervisor" if me["supervision"] else "party"
        seen["leg_id"], seen["whose"] = me["id"], AGENTS[person.host][0]
        if me["state"] == "ringing":
            seen["place"], seen["offer_id"] = "ringing", me["id"]
        seen["muted"] = False
        seen["why"] = why(
            "asked",
            f"{AGENTS[person.host][0]} asks you about this caller.",
            f"{AGENTS[person.host][0]} 就这位来电者向您咨询。",
        )
        return seen

    def _agent(self, person: Person) -> AgentLive:
        name, duties = AGENTS[person.id][0], self.duties[person.id]
        _, queues, skills = AGENTS[person.id]
        configured: Duties = {"queues": list(queues), "skills": dict(skills), "order": {}}
        call = self._card_of(person)
        own = person.call
        return {
            "id": person.id,
            "name": name,
            "state": person.state,
            "since": person.since,
            "reason": person.reason,
            "intent": person.intent,
            "place": own["place"] if own else "",
            "muted": own["muted"] if own else False,
            "recording": own["recording"] if own else "",
            "legs": own["legs"] if own else [],
            "call_id": call["call_id"] if call else "",
            "queue": call["queue"] if call else "",
            "caller": call["ani_local"] if call else "",
            "phone": {"kind": person.phone, "up": person.state != "offline"},
            "deadline": person.deadline,
            "queues": duties["queues"],
            "skills": duties["skills"],
            "order": duties["order"],
            "configured": None if duties == configured else configured,
            "capacity": {"chat": 2, "task": 1},
            "items": {"task": len(self.items[person.id])} if self.items[person.id] else {},
            "today": self._today(person),
        }

    def _record(self, person: Person, status: Any, customer: Customer | None = None) -> None:
        assert person.call is not None
        several = [as_match(c) for c in list(self.customers.all.values())[:3]]
        record: Record = {
            "call_id": person.call["call_id"],
            "status": status,
            "number": person.call["ani"],
            "customer": customer if status == "found" else None,
            "matches": several if status == "several" else [],
            "message": "The customer system does not answer." if status == "failed" else "",
            "url": f"https://crm.example.com/customers/{customer['customer_id']}"
            if customer
            else "",
        }
        self.live.put(agent_room(person.id), "record", record)
