"""What happens by itself in the preview: people call, wait, ring, talk and go."""

from __future__ import annotations

import asyncio
import random
import time

from agent_console.live import SUPERVISOR, LiveStore
from agent_console.preview.company import AGENTS, NAMES, PLAYED, QUEUES, PreviewCustomers, why
from agent_console.preview.people import Caller, Person
from agent_console.preview.shown import PARKED_S, Stage
from agent_console.protocol import CallCard, CallRow

TALKING = ("talking", "held", "consulting", "conference")


class Moves(Stage):
    """Moves everybody on when their time has come."""

    def __init__(self, live: LiveStore, customers: PreviewCustomers, seed: int = 7) -> None:
        super().__init__(live, customers)
        self.random = random.Random(seed)
        self._count = 0
        self._later: dict[str, float] = {}  # legs of people outside, and when they answer
        for person in self.people.values():
            if person.id in PLAYED:
                self._set(person, "ready")
                person.next_at = time.time() + self.random.uniform(3, 40)
        self.publish_site()
        self.publish()

    def step(self, now: float) -> None:
        if self.random.random() < 0.12 and len(self.waiting) < 9:
            self._arrive(now)
        for caller in [c for c in self.waiting if now - c.entered > c.patience_s]:
            self.waiting.remove(caller)
            self.figures[caller.queue].abandoned += 1
            caller.row.update(
                {"outcome": "abandoned", "ended": now, "waited_s": now - caller.entered}
            )
        for caller in [c for c in self.parked if now - c.parked > PARKED_S]:
            self.parked.remove(caller)
            caller.parked = 0.0
            self.waiting.append(caller)
        for person in self.people.values():
            self._move(person, now)
        self.publish()

    def _arrive(self, now: float) -> Caller:
        self._count += 1
        number = self._count
        queue = self.random.choice(list(QUEUES))
        row: CallRow = {
            "call_id": f"call-{number:04d}",
            "arrived": now,
            "direction": "inbound",
            "ani": f"+1416555{number % 1000:04d}",
            "caller": f"(416) 555-{number % 1000:04d}",
            "caller_name": NAMES[number % len(NAMES)],
            "customer": NAMES[number % len(NAMES)],
            "dnis": "100",
            "queue": queue,
            "agent": "",
            "outcome": "waiting",
            "waited_s": None,
            "talk_s": None,
            "ended": None,
        }
        caller = Caller(
            row["call_id"],
            queue,
            number,
            now,
            self.random.uniform(20, 120),
            row["ani"],
            row["caller_name"],
            row,
        )
        self.figures[queue].offered += 1
        self.waiting.append(caller)
        self.rows[caller.call_id] = row
        if len(self.rows) > 200:
            oldest = next(iter(self.rows))
            del self.rows[oldest]
            self.live.drop(SUPERVISOR, f"call:{oldest}")
        return caller

    def _move(self, person: Person, now: float) -> None:
        if person.deadline is not None and person.state == "wrap-up" and now >= person.deadline:
            self._finish(person)
            return
        if not person.next_at or now < person.next_at:
            return
        if person.host:
            self._leg_moves(person)
        elif person.state == "ready":
            self._offer(person, now)
        elif person.state == "reserved":
            self._answer(person, now)
        elif person.state == "talking":
            self._wrap(person)
        elif person.state == "not ready" and person.played:
            self._set(person, "ready")
            person.next_at = now + self.random.uniform(3, 15)

    def _leg_moves(self, person: Person) -> None:
        """A further party answers; who only plays goes after a while."""
        raise NotImplementedError

    def _offer(self, person: Person, now: float) -> None:
        queues = self.duties[person.id]["queues"]
        caller = next((c for c in self.waiting if c.queue in queues), None)
        if caller is None:
            if person.played:
                return
            caller = self._arrive(now)
            caller.queue = caller.row["queue"] = queues[0]
        self.waiting.remove(caller)
        self._ring(person, caller, now)

    def _ring(self, person: Person, caller: Caller, now: float) -> CallCard:
        card = person.call = self._card(caller, now)
        self._set(person, "reserved")
        person.deadline = now + 15
        person.next_at = now + (self.random.uniform(1, 5) if person.played else 8)
        caller.row.update({"agent": person.id, "outcome": "ringing"})
        if not person.played:
            self._record(person, "looking")
            asyncio.get_running_loop().call_later(1.2, self._look_up, person, caller)
        return card

    def _look_up(self, person: Person, caller: Caller) -> None:
        if not person.call or person.call["call_id"] != caller.call_id:
            return
        status = ("found", "several", "found", "none", "found", "failed")[caller.number % 6]
        self._record(person, status, self.customers.all[f"c{caller.number % 40}"])

    def _answer(self, person: Person, now: float) -> None:
        assert person.call is not None
        person.call.update({"place": "talking", "answered": now})
        waited_s = person.call["waited_s"] = now - person.call["entered"]
        figures = self.figures[person.call["queue"]]
        figures.answered += 1
        figures.waits_s += waited_s
        figures.within += waited_s <= 20
        if row := self.rows.get(person.call["call_id"]):
            row.update({"outcome": "talking", "waited_s": person.call["waited_s"]})
        self._set(person, "talking")
        person.next_at = now + (self.random.uniform(15, 60) if person.played else 60)

    def _wrap(self, person: Person, outcome: str = "answered") -> None:
        """The agent's part is over; `outcome` "" leaves the call's row to whoever has it now."""
        assert person.call is not None
        now = time.time()
        for other in self.people.values():
            if other.host == person.id:
                self._free(other)
        person.call = {**person.call, "place": "ended", "ended": now, "legs": [], "recording": ""}
        if outcome:
            self._end(person, outcome)
        person.handled += 1
        self._set(person, "wrap-up")
        person.deadline = now + (self.random.uniform(4, 12) if person.played else 30)
        self.publish()

    def _free(self, party: Person) -> None:
        """No longer a party of somebody's call."""
        host = self.people[party.host].call if party.host else None
        if host is not None:
            host["legs"] = [leg for leg in host["legs"] if leg["id"] != party.leg]
        party.host = party.leg = ""
        self._set(party, "ready" if AGENTS[party.id][1] else "not ready")
        party.next_at = time.time() + (self.random.uniform(3, 20) if party.played else 30)

    def _finish(self, person: Person) -> None:
        person.call = None
        state, reason = person.intent or "ready", person.intent_reason
        person.intent = person.intent_reason = ""
        if person.played and self.random.random() < 0.2:
            state, reason = "not ready", "break"
        self._set(person, state, reason=reason if state == "not ready" else "")
        person.next_at = time.time() + (self.random.uniform(3, 20) if person.played else 4)

    def _end(self, person: Person, outcome: str) -> None:
        assert person.call is not None
        if row := self.rows.get(person.call["call_id"]):
            now = time.time()
            talked = None if person.call["answered"] is None else now - person.call["answered"]
            row.update({"outcome": outcome, "ended": now, "talk_s": talked})

    def _set(self, person: Person, state: str, reason: str = "") -> None:
        person.state, person.since, person.reason = state, time.time(), reason
        person.deadline, person.next_at = None, 0.0
        if person.call and state in TALKING:
            person.call["place"] = state
            person.next_at = time.time() + 45 if state == "talking" else 0.0
        self.publish()

    def _card(self, caller: Caller, now: float) -> CallCard:
        return {
            "call_id": caller.call_id,
            "part": "own",
            "leg_id": "",
            "whose": "",
            "direction": "inbound",
            "place": "ringing",
            "muted": False,
            "recording": "",
            "recorded": "on demand",
            "legs": [],
            "offer_id": f"offer-{caller.number}",
            "queue": caller.queue,
            "queue_name": QUEUES[caller.queue]["en"],
            "ani": caller.ani,
            "ani_local": caller.row["caller"],
            "ani_name": caller.name,
            "dnis": "100",
            "entered": caller.entered,
            "waited_s": None,
            "offered": now,
            "answered": None,
            "ended": None,
            "why": why(
                "longest-idle",
                "You have been idle longest of 2 agents with this skill.",
                "在 2 名具备该技能的坐席中,您空闲时间最长。",
                agents=2,
            ),
            "trail": [
                {"at": now - 20, "what": "language", "label": "Language", "value": "English"},
                {"at": now - 15, "what": "menu", "label": "Billing", "value": "2"},
                {"at": now - 9, "what": "digits", "label": "Order number", "value": "10042"},
            ],
        }

    # What is shown ------------------------------------------------------------------------
