"""A demonstration company's customers: always the same 200, with numbers nobody has.

The telephone numbers lie in the ranges kept free for fiction: 555-01xx in North America
and 020 7946 0xxx in London. Only the dates depend on when they are made.
"""

from __future__ import annotations

import random
import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from crm_link.customers import CustomerStore, insert_customers
from crm_link.fields import Fields
from crm_link.tables import contacts, customers, notes, orders

DEMO_CUSTOMERS = 200
DEMO_KNOWN_NUMBER = "+12025550100"  # one customer: Grace Chen, gold
DEMO_SHARED_NUMBER = "+12025550199"  # two customers: Oliver and Mia Bennett
DEMO_UNKNOWN_NUMBER = "+12025550198"  # nobody's

_DAY_S = 86_400.0
_AREAS = ("212", "312", "415", "617", "206", "305", "416", "604")

_GIVEN = """Emma Liam Olivia Noah Ava Ethan Sophia Lucas Isabella Mason Amelia Logan Charlotte
James Harper Henry Evelyn Jack Abigail Leo Ella Samuel Scarlett David Grace Joseph Chloe Owen
Lily Wyatt Aria Gabriel Zoe Julian Nora Isaac Hannah Caleb Stella Ryan Aurora Nathan Lucy Adam
Clara Simon Ruby Felix Alice Hugo"""
_FAMILY = """Smith Johnson Brown Taylor Miller Wilson Moore Clark Lewis Walker Hall Young King
Wright Scott Green Baker Adams Nelson Carter Mitchell Roberts Turner Phillips Campbell Parker
Evans Edwards Collins Stewart Morris Rogers Reed Cook Morgan Bell Murphy Bailey Rivera Cooper
O'Brien D'Souza García Müller Nguyễn Kowalski"""
_CHINESE_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
_CHINESE_GIVEN = """伟 芳 秀英 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀兰 霞 平 刚 桂英 子轩
雨桐 浩然 欣怡 梓涵 思远 嘉怡 志强"""
_COMPANIES = """Northwind Traders|Harbour Freight Lines|Maple Street Dental|Bluebird Coffee|
Summit Outfitters|Cedar & Stone|Lakeside Printing|Orchard Foods|Copperfield Books|Ironbridge Tools|
云帆科技|锦绣纺织|长河物流|青石茶业|北辰电子""".replace("\n", "").split("|")
_TOPICS_EN = (
    ("billing question", "solved"),
    ("asked when the order will arrive", "solved"),
    ("changed the delivery address", "solved"),
    ("complained about a late delivery", "follow-up"),
    ("asked for a quotation", "follow-up"),
    ("returned a damaged item", "solved"),
)
_TOPICS_ZH = (
    ("询问发票", "solved"),
    ("咨询售后维修", "follow-up"),
    ("查询订单物流", "solved"),
    ("更改收货地址", "solved"),
)
_NOTES = (
    "Prefers to be called after 4 pm.",
    "Always asks for a copy of the invoice by e-mail.",
    "Please speak slowly; hard of hearing.",
    "Long-standing customer, very friendly.",
)
_CHANNELS = ("phone", "phone", "phone", "email", "chat")
_AGENTS = ("Anna", "Ben", "Chen Wei", "Dora")
_STATUSES = ("delivered", "delivered", "delivered", "shipped", "in progress", "returned")


class _Person(NamedTuple):
    customer_id: str
    fields: Fields


async def seed_demo(store: CustomerStore, *, now: float | None = None) -> int:
    """Make the demonstration customers unless they are there; how many were made."""
    people = demo_people()
    dice = random.Random(2027)
    moment = time.time() if now is None else now
    async with store.writing() as connection:
        first = people[0].customer_id
        if await connection.scalar(sa.select(customers.c.id).where(customers.c.id == first)):
            return 0
        await insert_customers(connection, people, moment)
        for table, rows in (
            (contacts, [r for p in people for r in _contact_rows(p, dice, moment)]),
            (orders, [r for p in people for r in _order_rows(p, dice, moment)]),
            (notes, [r for p in people for r in _note_rows(p, dice, moment)]),
        ):
            await connection.execute(sa.insert(table), rows)
    return len(people)


def demo_people() -> list[_Person]:
    """The customers themselves: the named ones that tours and tests call, then the others."""
    named = [
        Fields("Grace Chen", "云帆科技", "gold", "grace.chen@example.com", "en",
               "AC-10001", (DEMO_KNOWN_NUMBER, "+442079460100")),
        Fields("Oliver Bennett", "", "silver", "oliver@example.com", "en",
               "AC-10002", (DEMO_SHARED_NUMBER,)),
        Fields("Mia Bennett", "Bluebird Coffee", "standard", "mia@example.com", "en",
               "AC-10003", (DEMO_SHARED_NUMBER, "+12025550101")),
        Fields("王秀英", "锦绣纺织", "gold", "wang.xiuying@example.com", "zh",
               "AC-10004", ("+12025550102",)),
    ]  # fmt: skip
    dice = random.Random(2026)
    others = [_someone(n, dice) for n in range(len(named), DEMO_CUSTOMERS)]
    return [_Person(f"demo-{n:03d}", f) for n, f in enumerate([*named, *others], start=1)]


def _someone(n: int, dice: random.Random) -> Fields:
    chinese = dice.random() < 0.35
    name = (
        dice.choice(_CHINESE_FAMILY) + dice.choice(_CHINESE_GIVEN.split())
        if chinese
        else f"{dice.choice(_GIVEN.split())} {dice.choice(_FAMILY.split())}"
    )
    return Fields(
        name=name,
        company=dice.choice(_COMPANIES) if dice.random() < 0.4 else "",
        tier=dice.choices(("standard", "silver", "gold"), weights=(70, 20, 10))[0],
        email=f"customer{n}@example.com",
        language="zh" if chinese else "en",
        account_number=f"AC-{10_001 + n}",
        phones=tuple(_number(n, k) for k in range(dice.choice((1, 1, 1, 2, 2, 3)))),
    )


def _number(n: int, k: int) -> str:
    """A number of its own for the k-th telephone of the n-th customer."""
    if k == 1:
        return f"+442079460{200 + n:03d}"
    area = _AREAS[n // 100 + (2 if k else 0)]
    return f"+1{area}55501{n % 100:02d}"


def _contact_rows(person: _Person, dice: random.Random, now: float) -> list[dict[str, Any]]:
    rows = []
    for _ in range(dice.randint(1, 5)):
        summary, disposition = dice.choice(
            _TOPICS_ZH if person.fields.language == "zh" else _TOPICS_EN
        )
        rows.append(
            {
                "customer_id": person.customer_id,
                "at": now - dice.uniform(0.5, 200) * _DAY_S,
                "channel": dice.choice(_CHANNELS),
                "summary": summary,
                "agent": dice.choice(_AGENTS),
                "disposition": disposition,
                "call_id": "",
            }
        )
    return rows


def _order_rows(person: _Person, dice: random.Random, now: float) -> list[dict[str, Any]]:
    number = int(person.customer_id[-3:])
    return [
        {
            "customer_id": person.customer_id,
            "number": f"{20_000 + number * 10 + n}",
            "at": now - dice.uniform(1, 300) * _DAY_S,
            "status": dice.choice(_STATUSES),
            "total": f"${dice.randint(12, 900)}.{dice.randint(0, 99):02d}",
        }
        for n in range(dice.randint(1, 6))
    ]


def _note_rows(person: _Person, dice: random.Random, now: float) -> list[dict[str, Any]]:
    if dice.random() < 0.6:
        return []
    return [
        {
            "customer_id": person.customer_id,
            "at": now - dice.uniform(2, 100) * _DAY_S,
            "author": dice.choice(_AGENTS),
            "text": "请用普通话联系。" if person.fields.language == "zh" else dice.choice(_NOTES),
        }
    ]
