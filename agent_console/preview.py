"""The console without a call center behind it: for working on the pages, and for tests.

    python -m agent_console.preview --port 8099

runs the real application over a small play in memory: callers arrive, wait, are offered, talk
and hang up, and the agent "anna" is offered calls whenever she is ready. Log-ins: anna/anna
(agent), ben/ben (agent), sam/sam (supervisor), admin/admin.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI

from agent_console.app import create_app, listen, serve_options
from agent_console.live import EVERYONE, SUPERVISOR, LiveStore, agent_room
from agent_console.ports import Refusal
from agent_console.protocol import (
    AgentLive,
    CallCard,
    CallDetail,
    CallRow,
    Choice,
    Customer,
    Desk,
    Match,
    QueueLive,
    Record,
    SipAccess,
    Today,
    Why,
)
from agent_console.settings import ConsoleSettings


def both(en: str, zh: str) -> dict[str, str]:
    return {"en": en, "zh": zh}


def why(code: str, en: str, zh: str, **data: object) -> Why:
    return {"code": code, "data": data, "text": both(en, zh)}


@dataclass(frozen=True, slots=True)
class PreviewUser:
    user_id: str
    name: str
    role: str
    agent_id: str
    language: str = "en"


USERS = {
    "anna": PreviewUser("u-anna", "Anna Lindqvist", "agent", "anna"),
    "ben": PreviewUser("u-ben", "Ben Okafor", "agent", "ben"),
    "sam": PreviewUser("u-sam", "Sam Supervisor", "supervisor", ""),
    "admin": PreviewUser("u-admin", "Ada Admin", "admin", ""),
}


class PreviewAccounts:
    """Passwords are the names; sessions live in memory. `users` may be changed by tests."""

    def __init__(self) -> None:
        self.users: dict[str, PreviewUser] = dict(USERS)
        self.sessions: dict[str, str] = {}

    async def verify(self, name: str, password: str) -> PreviewUser | None:
        return self.users.get(name) if name == password else None

    async def new_session(self, user_id: str) -> str:
        token = secrets.token_urlsafe(24)
        self.sessions[token] = user_id
        return token

    async def session_user(self, token: str) -> PreviewUser | None:
        wanted = self.sessions.get(token)
        return next((u for u in self.users.values() if u.user_id == wanted), None)

    async def end_session(self, token: str) -> None:
        self.sessions.pop(token, None)

    async def end_sessions_of(self, user_id: str) -> None:
        for token in [t for t, owner in self.sessions.items() if owner == user_id]:
            del self.sessions[token]


class PreviewPhones:
    """No switch, so no browser phone; with a `sip_url` it hands out made-up log-ins."""

    def __init__(self, sip_url: str = "") -> None:
        self._sip_url = sip_url

    @property
    def sip_url(self) -> str:
        return self._sip_url

    async def agent_access(self, agent: str) -> SipAccess:
        return self._access(f"agent-{agent}", "")

    async def caller_access(self, visitor: str) -> SipAccess:
        return self._access(f"web-{visitor}", "sip:100@callcenter.invalid")

    def _access(self, user: str, target: str) -> SipAccess:
        if not self._sip_url:
            raise Refusal("no-browser-phone", "There is no switch for a browser phone here.", 409)
        return {
            "uri": f"sip:{user}@callcenter.invalid",
            "user": user,
            "password": secrets.token_urlsafe(12),
            "ws": "/sip",
            "expires": time.time() + 3600,
            "target": target,
        }


# The company -------------------------------------------------------------------------------

QUEUES = {
    "billing": both("Billing", "账单"),
    "support": both("Support", "技术支持"),
}
AGENTS = {
    "anna": ("Anna Lindqvist", ["billing", "support"], {"billing": 5, "support": 3, "zh": 4}),
    "ben": ("Ben Okafor", ["support"], {"support": 5}),
    "chen": ("Chen Wei 陈伟", ["billing", "support"], {"billing": 3, "zh": 10}),
    "dora": ("Dora Keller", ["billing"], {"billing": 4}),
    "eli": ("Eli Brandt", ["support"], {"support": 2}),
    "fay": ("Fay O'Neill", ["billing"], {"billing": 1}),
}
REASONS: list[Choice] = [
    {"id": "break", "label": both("Break", "休息")},
    {"id": "lunch", "label": both("Lunch", "午餐")},
    {"id": "training", "label": both("Training", "培训")},
    {"id": "no answer", "label": both("No answer", "未接听")},
]
DISPOSITIONS: list[Choice] = [
    {"id": "solved", "label": both("Solved", "已解决")},
    {"id": "follow-up", "label": both("Follow-up needed", "需要跟进")},
    {"id": "wrong-number", "label": both("Wrong number", "打错电话")},
]
NAMES = (
    "Grace Hopper",
    "王小明",
    "Amélie Laurent",
    "<img src=x onerror=alert(1)>",
    "Jonas Schmidt",
    "",
    "Ngozi Adeyemi",
    "李娜",
)
QUIET = {"offline", "not ready"}


def a_customer(number: int, phone: str = "+14165550100") -> Customer:
    now = time.time()
    return {
        "customer_id": f"c{number}",
        "name": NAMES[number % len(NAMES)] or "Unknown Person",
        "company": ("Acme Corp", "北京贸易有限公司", "")[number % 3],
        "tier": ("gold", "standard", "silver")[number % 3],
        "email": f"customer{number}@example.com",
        "language": ("en", "zh")[number % 2],
        "phones": [phone],
        "account_number": f"A-{10000 + number}",
        "contacts": [
            {
                "at": now - 86400 * (n + 1),
                "channel": ("phone", "email", "chat")[n % 3],
                "summary": ("Invoice 4711 twice in the post", "Asked for a new password")[n % 2],
                "agent": "Dora Keller",
                "disposition": "solved",
            }
            for n in range(4)
        ],
        "orders": [
            {
                "number": str(20000 + number * 10 + n),
                "at": now - 86400 * 3 * (n + 1),
                "status": ("shipped", "open", "returned")[n % 3],
                "total": f"{n * 13 + 9}.90 EUR",
            }
            for n in range(3)
        ],
        "notes": [{"at": now - 9e5, "author": "Sam Supervisor", "text": "Prefers mornings."}],
    }


class PreviewCustomers:
    """Forty people in memory."""

    def __init__(self) -> None:
        self.all: dict[str, Customer] = {}
        for number in range(40):
            self.all[f"c{number}"] = a_customer(number, f"+1416555{number:04d}")

    async def search(self, text: str, limit: int) -> Sequence[Match]:
        found = [
            c
            for c in self.all.values()
            if text.casefold() in f"{c['name']} {c['company']} {c['phones']}".casefold()
        ]
        return [as_match(c) for c in found[:limit]]

    async def get(self, customer_id: str) -> Customer | None:
        return self.all.get(customer_id)

    async def add_note(self, customer_id: str, author: str, text: str) -> Customer:
        customer = self.all[customer_id]
        customer["notes"].insert(0, {"at": time.time(), "author": author, "text": text})
        return customer

    async def import_csv(self, data: bytes) -> dict[str, Any]:
        lines = data.decode(errors="replace").splitlines()
        bad = [n for n, line in enumerate(lines, 1) if "," not in line]
        return {
            "created": len(lines) - len(bad),
            "updated": 0,
            "rejected": [{"line": n, "why": "one column only", "text": lines[n - 1]} for n in bad],
        }

    async def export_csv(self) -> str:
        rows = [f"{c['customer_id']},{c['phones'][0]}" for c in self.all.values()]
        return "\r\n".join(["id,phone", *rows, ""])


def as_match(customer: Customer) -> Match:
    return {
        "customer_id": customer["customer_id"],
        "name": customer["name"],
        "company": customer["company"],
        "account_number": customer["account_number"],
    }


# The play ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Person:
    """An agent in the play. `next_at`: when the play moves this agent on; 0 for never."""

    id: str
    state: str = "offline"
    since: float = 0.0
    reason: str = ""
    intent: str = ""
    intent_reason: str = ""
    deadline: float | None = None
    phone: str = "desk"
    call: CallCard | None = None
    next_at: float = 0.0
    handled: int = 0
    played: bool = True  # moved by the play and not by a person


@dataclass(slots=True)
class Figures:
    offered: int = 40
    answered: int = 36
    abandoned: int = 3
    short_abandoned: int = 1
    waits_s: float = 400.0
    within: int = 30


@dataclass(slots=True)
class Caller:
    call_id: str
    queue: str
    number: int
    entered: float
    patience_s: float
    ani: str = ""
    name: str = ""
    row: CallRow = field(default_factory=dict)  # type: ignore[assignment]


class Play:
    """A floor, a history and callers, without a switch; also `Floor` and `History`."""

    def __init__(self, live: LiveStore, customers: PreviewCustomers, seed: int = 7) -> None:
        self.live = live
        self.customers = customers
        self.random = random.Random(seed)
        self.people = {id_: Person(id_, since=time.time()) for id_ in AGENTS}
        self.figures = {queue: Figures() for queue in QUEUES}
        self.waiting: list[Caller] = []
        self.rows: dict[str, CallRow] = {}
        self.told: list[tuple[str, ...]] = []  # what the floor was asked, for tests
        self._count = 0
        for person in self.people.values():
            if person.id not in ("anna", "ben"):
                self._set(person, "ready")
                person.next_at = time.time() + self.random.uniform(3, 40)
        self.publish_site()
        self.publish()

    # Floor --------------------------------------------------------------------------------

    async def sign_in(self, agent: str, phone: str) -> None:
        person = self._person(agent, "sign_in", phone)
        if phone == "browser":
            raise Refusal("no-browser-phone", "There is no switch for a browser phone here.")
        if person.state != "offline":
            raise Refusal("signed-in-already", "Signed in already.")
        person.phone, person.played = phone, False
        self._set(person, "not ready", reason="")

    async def sign_out(self, agent: str) -> None:
        person = self._person(agent, "sign_out")
        if person.call:
            person.intent = "offline"
        else:
            self._set(person, "offline")
        self.publish()

    async def ready(self, agent: str) -> None:
        person = self._signed_in(agent, "ready")
        if person.call:
            person.intent = "ready"
        else:
            self._set(person, "ready")
            person.next_at = time.time() + 4
        self.publish()

    async def not_ready(self, agent: str, reason: str) -> None:
        person = self._signed_in(agent, "not_ready", reason)
        if person.call:
            person.intent, person.intent_reason = "not ready", reason
        else:
            self._set(person, "not ready", reason=reason)
        self.publish()

    async def decline(self, agent: str, offer_id: str) -> None:
        person = self._signed_in(agent, "decline", offer_id)
        if not person.call or person.state != "reserved" or person.call["offer_id"] != offer_id:
            raise Refusal("offer-gone", "This offer is over.")
        self._end(person, "abandoned")
        person.call = None
        self._set(person, "not ready", reason="break")

    async def hang_up(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "hang_up", call_id)
        self._wrap(person)

    async def hold(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "hold", call_id)
        self._set(person, "held")

    async def retrieve(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "retrieve", call_id)
        self._set(person, "talking")

    async def wrap_up(
        self, agent: str, call_id: str, disposition: str, note: str, then: str
    ) -> None:
        person = self._on_call(agent, "wrap_up", call_id, disposition, note, then)
        if person.state != "wrap-up":
            raise Refusal("not-in-wrap-up", "The call is not over yet.")
        if then:
            person.intent = then.replace("_", " ")
        self._finish(person)

    async def extend_wrap_up(self, agent: str, by_s: float) -> None:
        person = self._signed_in(agent, "extend_wrap_up", str(by_s))
        if person.state != "wrap-up" or person.deadline is None:
            raise Refusal("not-in-wrap-up", "There is nothing to extend.")
        person.deadline += by_s
        self.publish()

    async def choose_customer(self, agent: str, call_id: str, customer_id: str) -> None:
        person = self._on_call(agent, "choose_customer", call_id, customer_id)
        customer = self.customers.all.get(customer_id)
        if customer is None:
            raise Refusal("not-found", "There is no such customer.", 404)
        self._record(person, "found", customer)

    async def create_customer(self, agent: str, call_id: str, fields: Mapping[str, str]) -> str:
        person = self._on_call(agent, "create_customer", call_id)
        number = len(self.customers.all)
        customer = a_customer(number)
        customer["name"] = fields.get("name", "")
        customer["contacts"], customer["orders"], customer["notes"] = [], [], []
        self.customers.all[customer["customer_id"]] = customer
        self._record(person, "found", customer)
        return customer["customer_id"]

    async def console_lost(self, agent: str) -> None:
        self.told.append(("console_lost", agent))

    async def console_back(self, agent: str) -> None:
        self.told.append(("console_back", agent))

    async def set_agent_state(self, by: str, agent: str, state: str, reason: str) -> None:
        self.told.append(("set_agent_state", by, agent, state, reason))
        if agent not in self.people:
            raise Refusal("not-found", "There is no such agent.", 404)
        self._set(self.people[agent], state, reason=reason)

    def _person(self, agent: str, *what: str) -> Person:
        self.told.append((what[0], agent, *what[1:]))
        return self.people[agent]

    def _signed_in(self, agent: str, *what: str) -> Person:
        person = self._person(agent, *what)
        if person.state == "offline":
            raise Refusal("not-signed-in", "Sign in first.")
        return person

    def _on_call(self, agent: str, *what: str) -> Person:
        person = self._signed_in(agent, *what)
        if not person.call or person.call["call_id"] != what[1]:
            raise Refusal("call-gone", "You are not on this call.")
        return person

    # History ------------------------------------------------------------------------------

    async def calls(self, *, since: float, until: float, limit: int) -> Sequence[CallRow]:
        rows = [row for row in self.rows.values() if since <= row["arrived"] <= until]
        return rows[-limit:]

    async def call(self, call_id: str) -> CallDetail | None:
        row = self.rows.get(call_id)
        if row is None:
            return None
        at = row["arrived"]
        chosen = why(
            "longest-idle",
            "Skill billing ≥ 1: 3 agents, 1 ready; idle longest",
            "技能 账单 ≥ 1:3 名坐席,1 名就绪;空闲最久",
        )
        return {
            "call": row,
            "timeline": [
                {"at": at, "kind": "arrived", "text": both("Arrived", "来电"), "data": {}},
                {"at": at + 4, "kind": "menu", "text": both("Pressed 2", "按了 2"), "data": {}},
                {"at": at + 5, "kind": "queued", "text": both("Queued", "排队"), "data": {}},
                {
                    "at": at + 9,
                    "kind": "offered",
                    "text": both("Offered to Anna", "分配给 Anna"),
                    "why": chosen,
                    "data": {"agent": "anna"},
                },
            ],
            "moments": {"arrived": at, "queued": at + 5, "answered": None, "ended": row["ended"]},
            "disposition": "",
            "note": "",
        }

    async def intervals(
        self, *, since: float, until: float, minutes: int, queue: str
    ) -> Sequence[dict[str, Any]]:
        step = minutes * 60
        start = since - since % step
        rows = []
        for at in range(int(start), int(until), step)[:400]:
            for name in QUEUES:
                if queue in ("", name):
                    rows.append(self._interval(float(at), float(step), name))
        return rows

    def _interval(self, at: float, step: float, queue: str) -> dict[str, Any]:
        dice = random.Random(f"{at}{queue}")
        answered, abandoned = dice.randint(8, 40), dice.randint(0, 5)
        flowed, waiting = dice.randint(0, 2), 0
        within = dice.randint(answered // 2, answered)
        final = answered + abandoned + flowed
        return {
            "start": at,
            "end": at + step,
            "queue": queue,
            "offered": final + waiting,
            "answered": answered,
            "abandoned": abandoned,
            "short_abandoned": 0,
            "flowed_out": flowed,
            "waiting": waiting,
            "service_level": {
                "standard": within / final,
                "negative": within / final,
                "ignored": within / final,
                "positive": within / final,
                "handled_only": within / answered,
            },
            "abandon_rate": abandoned / final,
            "asa_s": dice.uniform(4, 40),
            "aht_s": dice.uniform(150, 260),
            "balanced": True,
        }

    async def intervals_csv(self, *, since: float, until: float, minutes: int, queue: str) -> str:
        rows = await self.intervals(since=since, until=until, minutes=minutes, queue=queue)
        names = ("start", "queue", "offered", "answered", "abandoned", "flowed_out")
        lines = [",".join(str(row[name]) for name in names) for row in rows]
        return "\r\n".join([",".join(names), *lines, ""])

    # What happens by itself ---------------------------------------------------------------

    async def run(self) -> None:
        """Play on, for ever."""
        while True:
            await asyncio.sleep(0.5)
            self.step(time.time())

    def step(self, now: float) -> None:
        if self.random.random() < 0.12 and len(self.waiting) < 9:
            self._arrive(now)
        for caller in [c for c in self.waiting if now - c.entered > c.patience_s]:
            self.waiting.remove(caller)
            self.figures[caller.queue].abandoned += 1
            caller.row.update(
                {"outcome": "abandoned", "ended": now, "waited_s": now - caller.entered}
            )
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
        if person.state == "ready":
            self._offer(person, now)
        elif person.state == "reserved":
            self._answer(person, now)
        elif person.state == "talking":
            self._wrap(person)
        elif person.state == "not ready" and person.played:
            self._set(person, "ready")
            person.next_at = now + self.random.uniform(3, 15)

    def _offer(self, person: Person, now: float) -> None:
        queues = AGENTS[person.id][1]
        caller = next((c for c in self.waiting if c.queue in queues), None)
        if caller is None:
            if person.played:
                return
            caller = self._arrive(now)
            caller.queue = caller.row["queue"] = queues[0]
        self.waiting.remove(caller)
        person.call = self._card(caller, now)
        self._set(person, "reserved")
        person.deadline = now + 15
        person.next_at = now + (self.random.uniform(1, 5) if person.played else 8)
        caller.row.update({"agent": person.id, "outcome": "ringing"})
        if not person.played:
            self._record(person, "looking")
            asyncio.get_running_loop().call_later(1.2, self._look_up, person, caller)

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

    def _wrap(self, person: Person) -> None:
        assert person.call is not None
        now = time.time()
        person.call.update({"place": "ended", "ended": now})
        self._end(person, "answered")
        person.handled += 1
        self._set(person, "wrap-up")
        person.deadline = now + (self.random.uniform(4, 12) if person.played else 30)
        self.publish()

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
        if person.call and state in ("talking", "held"):
            person.call["place"] = state
            person.next_at = time.time() + 45 if state == "talking" else 0.0
        self.publish()

    def _card(self, caller: Caller, now: float) -> CallCard:
        return {
            "call_id": caller.call_id,
            "direction": "inbound",
            "place": "ringing",
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

    def publish_site(self) -> None:
        self.live.put(
            EVERYONE,
            "site",
            {
                "company": "Preview Ltd.",
                "queues": [{"id": id_, "label": label} for id_, label in QUEUES.items()],
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

    def publish(self) -> None:
        for queue in QUEUES:
            figures = self._queue(queue)
            self.live.put(SUPERVISOR, f"queue:{queue}", figures)
            for agent, (_, queues, _skills) in AGENTS.items():
                if queue in queues:
                    self.live.put(agent_room(agent), f"queue:{queue}", figures)
        for person in self.people.values():
            self.live.put(agent_room(person.id), "desk", self._desk(person))
            self.live.put(SUPERVISOR, f"agent:{person.id}", self._agent(person))
            if person.call is None:
                self.live.drop(agent_room(person.id), "record")
        here = {f"waiting:{c.call_id}" for c in self.waiting}
        for key in self.live.keys(SUPERVISOR):
            if key.startswith("waiting:") and key not in here:
                self.live.drop(SUPERVISOR, key)
        for position, caller in enumerate(self.waiting, 1):
            self._publish_waiting(position, caller)
        for row in self.rows.values():
            self.live.put(SUPERVISOR, f"call:{row['call_id']}", row)

    def _publish_waiting(self, position: int, caller: Caller) -> None:
        self.live.put(
            SUPERVISOR,
            f"waiting:{caller.call_id}",
            {
                "call_id": caller.call_id,
                "kind": "call",
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
            if queue in AGENTS[person.id][1]:
                states[person.state] = states.get(person.state, 0) + 1
        return {
            "id": queue,
            "name": QUEUES[queue]["en"],
            "waiting": len(mine),
            "longest_since": min(mine, default=None),
            "callbacks": 1 if queue == "billing" else 0,
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
            "phone": {"kind": person.phone, "up": person.state != "offline"},
            "call": person.call,
            "today": self._today(person),
        }

    def _agent(self, person: Person) -> AgentLive:
        name, queues, skills = AGENTS[person.id]
        return {
            "id": person.id,
            "name": name,
            "state": person.state,
            "since": person.since,
            "reason": person.reason,
            "intent": person.intent,
            "call_id": person.call["call_id"] if person.call else "",
            "queue": person.call["queue"] if person.call else "",
            "caller": person.call["ani_local"] if person.call else "",
            "phone": {"kind": person.phone, "up": person.state != "offline"},
            "queues": queues,
            "skills": skills,
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
        }
        self.live.put(agent_room(person.id), "record", record)


# Running it --------------------------------------------------------------------------------


def preview_app(settings: ConsoleSettings, sip_url: str = "") -> tuple[FastAPI, Play]:
    """The real application over the play."""
    live = LiveStore()
    customers = PreviewCustomers()
    play = Play(live, customers)
    app = create_app(
        floor=play,
        phones=PreviewPhones(sip_url),
        history=play,
        customers=customers,
        accounts=PreviewAccounts(),
        live=live,
        settings=settings,
        metrics=lambda: b"# HELP preview 1 in a preview\npreview 1\n",
        health=lambda: {"ready": True, "switch_up": True},
    )
    return app, play


def preview_settings(port: int, also: Sequence[str] = ()) -> ConsoleSettings:
    here = tuple(f"http://{host}:{port}" for host in ("127.0.0.1", "localhost"))
    return ConsoleSettings(
        origins=(*here, *also),
        company="Preview Ltd.",
        demo=True,
        web_phone_caller="Grace Hopper",
        demo_users=[
            {"name": name, "password": name, "role": user.role} for name, user in USERS.items()
        ],
    )


async def _serve(port: int, also: Sequence[str]) -> None:
    settings = preview_settings(port, also)
    app, play = preview_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, **serve_options(settings)))
    with listen("127.0.0.1", port) as listening:
        running = asyncio.create_task(play.run())
        print(f"http://127.0.0.1:{port}/  log in as anna/anna, sam/sam or admin/admin", flush=True)
        try:
            await server.serve(sockets=[listening])
        finally:
            running.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument(
        "--origin",
        action="append",
        default=["http://localhost:5173", "http://127.0.0.1:5173"],
        help="another address from which the pages are loaded (a development server)",
    )
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.origin))


if __name__ == "__main__":
    main()
