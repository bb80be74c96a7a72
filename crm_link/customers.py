"""The customer records in the product's own database.

Write transactions are short: on SQLite the journal waits for the same lock.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from crm_link.fields import NAME_MAX, NOTE_MAX, Fields, check, clean, clean_note, fold
from crm_link.numbers import digits_of, to_e164
from crm_link.reading import WITH_NUMBER, is_id, whole, with_parts
from crm_link.records import Customer, Match
from crm_link.tables import contacts, customers, notes, orders, phones

MATCHES_MAX = 100
SEARCH_WORDS_MAX = 8


class UnknownCustomer(LookupError):  # noqa: N818 - says what is, not that something broke
    """There is no customer of that id."""


class AccountTaken(ValueError):  # noqa: N818
    """Another customer has that account number."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was known of an erased person: for whoever keeps copies elsewhere."""

    customer_id: str
    numbers: tuple[str, ...]
    call_ids: tuple[str, ...]


class CustomerStore:
    """Customers, their numbers, contacts, orders and notes.

    `region` is where numbers without a country code belong; `clock` gives UTC epoch seconds.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        region: str = "US",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.engine = engine
        self.region = region
        self._writes = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._clock = clock

    # Finding -------------------------------------------------------------------------------

    async def find_by_number(self, e164: str, limit: int = 20) -> list[Match]:
        """The customers with this number, by name."""
        async with self.engine.connect() as connection:
            return [_match(row) for row in await _with_number(connection, e164, limit)]

    async def look_up(self, e164: str, limit: int = 20) -> tuple[list[Match], Customer | None]:
        """The customers with this number and, when there is only one, the whole record."""
        async with self.engine.connect() as connection:
            rows = await _with_number(connection, e164, limit)
            record = await with_parts(connection, rows[0]) if len(rows) == 1 else None
            return [_match(row) for row in rows], record

    async def get(self, customer_id: str) -> Customer | None:
        """One whole record; the newest 50 of contacts, orders and notes."""
        async with self.engine.connect() as connection:
            return await whole(connection, customer_id)

    async def search(self, text: str, limit: int = 20) -> list[Match]:
        """Customers in whose name, company, e-mail or account number every word of `text`
        occurs, or in whose telephone numbers its digits do."""
        words = fold(clean(text[:NAME_MAX], NAME_MAX)).split()[:SEARCH_WORDS_MAX]
        if not words:
            return []
        found = sa.and_(*(customers.c.search_text.contains(w, autoescape=True) for w in words))
        digits = self._digits(text)
        if digits:
            with_number = sa.select(phones.c.customer_id).where(phones.c.number.contains(digits))
            found = sa.or_(found, customers.c.id.in_(with_number))
        query = (
            sa.select(customers)
            .where(found, customers.c.erased.is_(None))
            .order_by(customers.c.name, customers.c.id)
            .limit(_bounded(limit))
        )
        async with self.engine.connect() as connection:
            return [_match(row) for row in await connection.execute(query)]

    def _digits(self, text: str) -> str:
        """The digits to look for when `text` can be (part of) a telephone number."""
        number = to_e164(text, self.region)
        if number is not None:
            return number[1:]
        if any(c.isalpha() for c in text):
            return ""
        digits = digits_of(text).lstrip("0")
        return digits if len(digits) >= 3 else ""

    # Changing ------------------------------------------------------------------------------

    async def create(self, fields: Mapping[str, str], *, customer_id: str = "") -> Customer:
        """A new customer; `fields` as in `crm_link.fields`, several phones separated by ";".

        Raises ValueError with a message for people (`AccountTaken` is one).
        """
        checked = check(fields, self.region)
        new_id = customer_id or new_customer_id()
        async with self._writes.begin() as connection:
            await _refuse_taken_account(connection, checked.account_number, new_id)
            await insert_customers(connection, [(new_id, checked)], self._clock())
            return await _known(connection, new_id)

    async def update(self, customer_id: str, fields: Mapping[str, str]) -> Customer:
        """Change the given fields. Raises `UnknownCustomer`, ValueError."""
        async with self._writes.begin() as connection:
            base = await fields_of(connection, customer_id)
            checked = check(fields, self.region, base)
            await _refuse_taken_account(connection, checked.account_number, customer_id)
            await update_customer(connection, customer_id, checked, self._clock())
            return await _known(connection, customer_id)

    async def add_note(self, customer_id: str, author: str, text: str) -> Customer:
        """Write a note; the whole record. Raises `UnknownCustomer`, ValueError."""
        note = clean_note(text)
        async with self._writes.begin() as connection:
            await fields_of(connection, customer_id)
            await connection.execute(
                sa.insert(notes).values(
                    customer_id=customer_id,
                    at=self._clock(),
                    author=clean(author, NAME_MAX),
                    text=note,
                )
            )
            return await _known(connection, customer_id)

    async def add_contact(
        self,
        customer_id: str,
        *,
        summary: str,
        agent: str,
        disposition: str,
        channel: str = "phone",
        call_id: str = "",
        at: float | None = None,
    ) -> None:
        """Write the contact history. Raises `UnknownCustomer`.

        Said again for the same call and agent, it replaces what was said before; without a
        summary, the one from before stays.
        """
        row = {
            "customer_id": customer_id,
            "at": self._clock() if at is None else at,
            "channel": channel,
            "summary": clean(summary[:NOTE_MAX], NOTE_MAX),
            "agent": agent,
            "disposition": disposition,
            "call_id": call_id,
        }
        async with self._writes.begin() as connection:
            await fields_of(connection, customer_id)
            if call_id:
                before = (
                    contacts.c.customer_id == customer_id,
                    contacts.c.call_id == call_id,
                    contacts.c.agent == agent,
                )
                said = await connection.scalar(sa.select(contacts.c.summary).where(*before))
                row["summary"] = row["summary"] or said or ""
                await connection.execute(sa.delete(contacts).where(*before))
            await connection.execute(sa.insert(contacts).values(row))

    async def add_order(
        self, customer_id: str, *, number: str, at: float, status: str, total: str
    ) -> None:
        """Write an order. Raises `UnknownCustomer`."""
        async with self._writes.begin() as connection:
            await fields_of(connection, customer_id)
            await connection.execute(
                sa.insert(orders).values(
                    customer_id=customer_id, number=number, at=at, status=status, total=total
                )
            )

    async def erase(self, customer_id: str) -> Erased:
        """Forget a person. Raises `UnknownCustomer`.

        Name, numbers, address, notes and what was said go, on SQLite from the file too.
        The empty shell, and that there were contacts and orders, stay: totals don't change.
        """
        of_customer = {"customer_id": customer_id}
        async with self._writes.begin() as connection:
            base = await fields_of(connection, customer_id)
            calls = await connection.scalars(
                sa.select(contacts.c.call_id).where(
                    contacts.c.customer_id == customer_id, contacts.c.call_id != ""
                )
            )
            erased = Erased(customer_id, base.phones, tuple(sorted(set(calls))))
            for table in (phones, notes):
                await connection.execute(sa.delete(table).filter_by(**of_customer))
            await connection.execute(
                sa.update(contacts).filter_by(**of_customer).values(summary="")
            )
            await connection.execute(sa.update(orders).filter_by(**of_customer).values(number=""))
            await connection.execute(
                sa.update(customers)
                .where(customers.c.id == customer_id)
                .values(
                    name="",
                    company="",
                    email="",
                    language="",
                    account_number=None,
                    owner="",
                    search_text="",
                    erased=self._clock(),
                )
            )
        await self._sweep()
        return erased

    async def _sweep(self) -> None:
        """SQLite: bring the erasure from the write-ahead log into the file, and empty the log."""
        if self.engine.dialect.name != "sqlite":
            return
        async with self.engine.execution_options(sqlite_begin="NONE").connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A write transaction, for whoever writes many customers: keep it short."""
        return self._writes.begin()

    # All of them ---------------------------------------------------------------------------

    async def totals(self) -> dict[str, int]:
        """How many customers (erased shells included), contacts, orders and notes there are."""
        async with self.engine.connect() as connection:
            return {
                name: int(await connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0)
                for name, t in (
                    ("customers", customers),
                    ("contacts", contacts),
                    ("orders", orders),
                    ("notes", notes),
                )
            }

    async def page(self, after_id: str, size: int) -> list[tuple[str, Fields]]:
        """Customers in the order of their ids, `size` at a time: for exports."""
        async with self.engine.connect() as connection:
            rows = (
                await connection.execute(
                    sa.select(customers)
                    .where(customers.c.id > after_id, customers.c.erased.is_(None))
                    .order_by(customers.c.id)
                    .limit(size)
                )
            ).all()
            numbers = await _numbers_of(connection, [row.id for row in rows])
        return [(row.id, _row_fields(row, numbers.get(row.id, ()))) for row in rows]


# Shared with the CSV import, which writes many in one transaction -------------------------------


def new_customer_id() -> str:
    """An id that says nothing about the customer."""
    return f"c-{secrets.token_hex(8)}"


async def insert_customers(
    connection: AsyncConnection, many: Sequence[tuple[str, Fields]], now: float
) -> None:
    """Insert checked customers under the given ids."""
    if not many:
        return
    await connection.execute(
        sa.insert(customers),
        [{"id": i, **_columns(f), "created": now, "updated": now} for i, f in many],
    )
    await _insert_phones(connection, many)


async def update_customer(
    connection: AsyncConnection, customer_id: str, fields: Fields, now: float
) -> None:
    """Replace a customer's own fields and numbers."""
    await connection.execute(
        sa.update(customers)
        .where(customers.c.id == customer_id)
        .values({**_columns(fields), "updated": now})
    )
    await connection.execute(sa.delete(phones).where(phones.c.customer_id == customer_id))
    await _insert_phones(connection, [(customer_id, fields)])


async def _insert_phones(connection: AsyncConnection, many: Iterable[tuple[str, Fields]]) -> None:
    rows = [
        {"customer_id": customer_id, "number": number, "position": position}
        for customer_id, fields in many
        for position, number in enumerate(fields.phones)
    ]
    if rows:
        await connection.execute(sa.insert(phones), rows)


def _columns(fields: Fields) -> dict[str, Any]:
    return {
        "name": fields.name,
        "company": fields.company,
        "tier": fields.tier,
        "email": fields.email,
        "language": fields.language,
        "account_number": fields.account_number or None,
        "owner": fields.owner,
        "search_text": fields.search_text,
    }


def _row_fields(row: Any, numbers: Sequence[str]) -> Fields:
    return Fields(
        name=row.name,
        company=row.company,
        tier=row.tier,
        email=row.email,
        language=row.language,
        account_number=row.account_number or "",
        owner=row.owner,
        phones=tuple(numbers),
    )


# Reading one record ---------------------------------------------------------------------------


async def fields_of(connection: AsyncConnection, customer_id: str) -> Fields:
    """A customer's own fields. Raises `UnknownCustomer`."""
    if not is_id(customer_id):
        raise UnknownCustomer("there is no such customer")
    found = await fields_of_many(connection, [customer_id])
    if customer_id not in found:
        raise UnknownCustomer("there is no such customer")
    return found[customer_id]


async def fields_of_many(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Fields]:
    """The own fields of several customers, by id; those unknown are left out."""
    rows = (
        await connection.execute(
            sa.select(customers).where(customers.c.id.in_(ids), customers.c.erased.is_(None))
        )
    ).all()
    numbers = await _numbers_of(connection, [row.id for row in rows])
    return {row.id: _row_fields(row, numbers.get(row.id, ())) for row in rows}


async def _numbers_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = await connection.execute(
        sa.select(phones.c.customer_id, phones.c.number)
        .where(phones.c.customer_id.in_(ids))
        .order_by(phones.c.customer_id, phones.c.position)
    )
    for row in rows:
        found.setdefault(row.customer_id, []).append(row.number)
    return found


async def _known(connection: AsyncConnection, customer_id: str) -> Customer:
    customer = await whole(connection, customer_id)
    if customer is None:
        raise UnknownCustomer("there is no such customer")
    return customer


async def _with_number(connection: AsyncConnection, e164: str, limit: int) -> Sequence[sa.Row[Any]]:
    asked = {"number": e164, "most": _bounded(limit)}
    return (await connection.execute(WITH_NUMBER, asked)).all()


async def _refuse_taken_account(
    connection: AsyncConnection, account_number: str, customer_id: str
) -> None:
    if not account_number:
        return
    other = await connection.scalar(
        sa.select(customers.c.id).where(
            customers.c.account_number == account_number, customers.c.id != customer_id
        )
    )
    if other is not None:
        raise AccountTaken(f"another customer has the account number {account_number}")


def _match(row: Any) -> Match:
    return Match(
        customer_id=row.id,
        name=row.name,
        company=row.company,
        account_number=row.account_number or "",
    )


def _bounded(limit: int) -> int:
    return max(1, min(limit, MATCHES_MAX))
