"""Reading one whole customer record in two questions: the customer, and all that hangs on it.

The statements are built once: a screen pop asks them for every call.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_link.records import Contact, Customer, NoteRow, OrderRow
from crm_link.tables import contacts, customers, notes, orders, phones

HISTORY_SHOWN = 50
ID_MAX = 64

WITH_NUMBER = (
    sa.select(customers)
    .join(phones, phones.c.customer_id == customers.c.id)
    .where(phones.c.number == sa.bindparam("number"), customers.c.erased.is_(None))
    .order_by(customers.c.name, customers.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_CUSTOMER = sa.select(customers).where(
    customers.c.id == sa.bindparam("customer"), customers.c.erased.is_(None)
)


def _part(kind: str, table: sa.Table, *texts: sa.Column[str]) -> sa.Select[Any]:
    """The newest rows of one table, all parts with the same columns."""
    empty: list[sa.ColumnElement[Any]] = [sa.literal_column("''") for _ in range(4 - len(texts))]
    newest = (
        sa.select(
            sa.literal_column(f"'{kind}'").label("kind"),
            table.c.at.label("at"),
            table.c.id.label("number"),
            *(text.label(name) for text, name in zip([*texts, *empty], "abcd", strict=True)),
        )
        .where(table.c.customer_id == sa.bindparam("customer"))
        .order_by(table.c.at.desc(), table.c.id.desc())
        .limit(HISTORY_SHOWN)
    )
    return sa.select(newest.subquery())


_PHONES = sa.select(
    sa.literal_column("'phone'").label("kind"),
    sa.cast(0, sa.Double).label("at"),
    sa.cast(-phones.c.position, sa.BigInteger).label("number"),
    phones.c.number.label("a"),
    *(sa.literal_column("''").label(name) for name in "bcd"),
).where(phones.c.customer_id == sa.bindparam("customer"))
_union = sa.union_all(
    _PHONES,
    _part(
        "contact",
        contacts,
        contacts.c.channel,
        contacts.c.summary,
        contacts.c.agent,
        contacts.c.disposition,
    ),
    _part("order", orders, orders.c.number, orders.c.status, orders.c.total),
    _part("note", notes, notes.c.author, notes.c.text),
).subquery()
_PARTS = sa.select(_union).order_by(_union.c.at.desc(), _union.c.number.desc())


async def whole(connection: AsyncConnection, customer_id: str) -> Customer | None:
    """One whole record; None for an unknown or erased customer."""
    if not is_id(customer_id):
        return None
    row = (await connection.execute(_CUSTOMER, {"customer": customer_id})).first()
    return None if row is None else await with_parts(connection, row)


def is_id(text: str) -> bool:
    """Whether it can be a customer's id at all."""
    return text.isascii() and text.isprintable() and len(text) <= ID_MAX


async def with_parts(connection: AsyncConnection, row: Any) -> Customer:
    """The whole record of a customer whose own row is read; the newest 50 of each history."""
    customer = Customer(
        customer_id=row.id,
        name=row.name,
        company=row.company,
        tier=row.tier,
        email=row.email,
        language=row.language,
        phones=[],
        account_number=row.account_number or "",
        owner=row.owner,
        contacts=[],
        orders=[],
        notes=[],
    )
    for kind, at, _, a, b, c, d in await connection.execute(_PARTS, {"customer": row.id}):
        if kind == "phone":
            customer["phones"].append(a)
        elif kind == "contact":
            customer["contacts"].append(
                Contact(at=at, channel=a, summary=b, agent=c, disposition=d)
            )
        elif kind == "order":
            customer["orders"].append(OrderRow(number=a, at=at, status=b, total=c))
        else:
            customer["notes"].append(NoteRow(at=at, author=a, text=b))
    return customer
