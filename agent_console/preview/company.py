"""The preview's company: its people, queues and customers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent_console.ports import Refusal
from agent_console.protocol import Choice, Customer, Match, SipAccess, SpeedDial, Why


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
    "sam": PreviewUser("u-sam", "Sam Supervisor", "supervisor", "sam"),
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

    def sip_url(self, at: str = "") -> str:
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
    "sam": ("Sam Supervisor", [], {}),
}
SKILLS: dict[str, dict[str, str]] = {
    "billing": both("Billing", "账务"),
    "support": both("Technology", "技术"),
    "zh": both("Chinese", "中文"),
}
PLAYED = ("chen", "dora", "eli", "fay")  # who work by themselves
FLOWS: list[Choice] = [
    {"id": "main", "label": both("Main menu", "主菜单")},
    {"id": "survey", "label": both("Survey", "满意度调查")},
]
SPEED_DIALS: list[SpeedDial] = [
    {"number": "+14165550142", "label": both("Warehouse", "仓库")},
    {"number": "+14165550177", "label": both("Night service", "夜间服务")},
]
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
