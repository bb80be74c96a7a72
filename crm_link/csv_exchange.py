"""Customers from and to CSV files.

Reading is forgiving about form (UTF-8 with or without a mark, UTF-16 with one, Latin-1;
comma, semicolon or tab; many names for a column) and strict about content: a line that
cannot be taken is left out and reported with its number and the reason.

What a file does is decided before anything is written: it is read and checked as a
whole. It is then written in short transactions of 200 lines, not in one, because the
journal of live calls waits for the same lock on SQLite. An import that was cut off is
simply repeated: a line finds its customer by account number, else by e-mail, else by
name together with a telephone number, and the same file twice changes nothing.

A cell that a spreadsheet would run as a formula (it begins with = + - @, or with a tab)
is exported behind an apostrophe; on the way in such beginnings are taken off.
"""

from __future__ import annotations

import asyncio
import codecs
import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_link.customers import (
    CustomerStore,
    fields_of_many,
    insert_customers,
    new_customer_id,
    update_customer,
)
from crm_link.fields import FIELD_NAMES, Fields, check
from crm_link.tables import customers, phones

BYTES_MAX = 20 * 1024 * 1024
LINES_MAX = 200_000
COLUMNS_MAX = 64
CELL_MAX = 4_000
REJECTED_SHOWN = 1_000
TEXT_SHOWN = 200
BATCH = 200
PAUSE_S = 0.01

COLUMNS = ("account_number", "name", "company", "tier", "email", "language", "owner", "phones")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

# Column headings that mean a field, folded, with spaces, dots and dashes as "_".
_HEADINGS = {
    "account_number": "account_number account account_no accountnumber account_id external_id id "
    "customer_id customer_number customer_no 账号 客户编号 客户号",
    "name": "name full_name fullname customer customer_name contact 姓名 名称 客户 客户姓名",
    "company": "company organisation organization firm account_name 公司 单位",
    "tier": "tier level segment value class 等级 级别",
    "email": "email e_mail mail email_address 邮箱 电子邮件",
    "language": "language lang locale 语言",
    "owner": "owner account_owner account_manager agent 负责人 客户经理",
    "phones": "phones phone phone_number telephone tel mobile cell number phone_1 phone_2 phone_3 "
    "phone1 phone2 phone3 mobile_phone home_phone work_phone 电话 手机 手机号 电话号码",
}
HEADINGS = {alias: field for field, aliases in _HEADINGS.items() for alias in aliases.split()}


class BadFile(ValueError):  # noqa: N818 - says what the file is
    """Nothing of the file can be taken; the message says why, for people."""


class Rejected(TypedDict):
    """A line that was left out."""

    line: int
    why: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One checked line. `given` names the fields that the file has something to say about."""

    number: int
    text: str
    fields: Fields
    given: frozenset[str]


@dataclass(slots=True)
class Reading:
    """What a file says: the lines that can be taken, and those that cannot."""

    lines: list[Line]
    rejected: list[Rejected]
    rejected_total: int = 0
    ignored_columns: tuple[str, ...] = ()

    def reject(self, line: int, why: str, text: str) -> None:
        """Leave a line out; the first thousand are reported one by one."""
        self.rejected_total += 1
        if len(self.rejected) < REJECTED_SHOWN:
            self.rejected.append(Rejected(line=line, why=why, text=_shown(text)))


# In ---------------------------------------------------------------------------------------------


async def import_csv(store: CustomerStore, data: bytes) -> dict[str, Any]:
    """Take the customers of a file; {"created", "updated", "unchanged", "rejected", …}.

    "rejected" lists at most a thousand lines {line, why, text}; "rejected_total" counts all.
    Raises `BadFile` when the file as a whole is no list of customers.
    """
    reading = await asyncio.to_thread(read_csv, data, store.region)
    counts = {"created": 0, "updated": 0, "unchanged": 0}
    for start in range(0, len(reading.lines), BATCH):
        if start:
            await asyncio.sleep(PAUSE_S)  # lets the journal have the lock
        await _write(store, reading.lines[start : start + BATCH], reading, counts)
    reading.rejected.sort(key=lambda rejected: rejected["line"])
    return {
        **counts,
        "rejected": reading.rejected,
        "rejected_total": reading.rejected_total,
        "ignored_columns": list(reading.ignored_columns),
    }


def read_csv(data: bytes, region: str) -> Reading:
    """Read and check a whole file. Raises `BadFile`."""
    text = _decoded(data)
    reading = Reading([], [])
    rows = _rows(text, reading)
    header = next((cells for _, cells in rows), None)
    if header is None:
        raise BadFile("the file is empty")
    columns = _columns(header)
    known = set(columns)
    ignored = tuple(_shown(h) for h, c in zip(header, columns, strict=True) if not c and h.strip())
    reading.ignored_columns = ignored
    if "name" not in known:
        raise BadFile(f"no column is called “name”; there are: {_shown(', '.join(header))}")
    seen: dict[tuple[str, str], int] = {}
    for number, cells in rows:
        if any(cell.strip() for cell in cells):
            _take(reading, number, cells, columns, region, seen)
    return reading


def _take(
    reading: Reading,
    number: int,
    cells: Sequence[str],
    columns: Sequence[str],
    region: str,
    seen: dict[tuple[str, str], int],
) -> None:
    text = ",".join(cells)
    if len(cells) > len(columns):
        reading.reject(number, f"{len(cells)} cells, but {len(columns)} columns", text)
        return
    try:
        given = _given(cells, columns)
        fields = check(given, region)
        key = _key(fields)
    except ValueError as error:
        reading.reject(number, str(error), text)
        return
    if key in seen:
        reading.reject(number, f"the same customer as in line {seen[key]}", text)
        return
    seen[key] = number
    reading.lines.append(Line(number, _shown(text), fields, frozenset(given)))


def _given(cells: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """The fields of a line that have something in them; several phone columns become one."""
    given: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        if len(cell) > CELL_MAX:
            raise ValueError(f"a cell of more than {CELL_MAX} characters")
        value = _harmless_in(cell, column)
        if column and value:
            given[column] = f"{given[column]};{value}" if column in given else value
    return given


def _harmless_in(cell: str, column: str) -> str:
    value = cell.strip().removeprefix("'").strip()
    return value if column == "phones" else value.lstrip("=+-@\t\r ")


def _key(fields: Fields) -> tuple[str, str]:
    """What tells this customer from others in a file and in the database."""
    if fields.account_number:
        return "account_number", fields.account_number
    if fields.email:
        return "email", fields.email
    if fields.phones:
        return "name and phone", f"{fields.name}\n{fields.phones[0]}"
    raise ValueError("needs an account number, an e-mail address or a telephone number")


def _decoded(data: bytes) -> str:
    if len(data) > BYTES_MAX:
        raise BadFile(f"the file is larger than {BYTES_MAX // 1024 // 1024} MB")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise BadFile("the file says it is UTF-16, and is not") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text[:10_000]:
        raise BadFile("this is no text file")
    return text


def _rows(text: str, reading: Reading) -> Iterator[tuple[int, list[str]]]:
    """Each line's number and cells; a malformed line is rejected by itself.

    Raises `BadFile` at the bound on lines, and where a quotation mark swallows the rest.
    """
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        if number > LINES_MAX:
            raise BadFile(f"more than {LINES_MAX} lines")
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise BadFile(
                    f"line {number}: a quotation mark opens here and never closes"
                ) from None
            reading.reject(number, f"not well-formed CSV: {error}", "")
            continue
        yield number, cells


def _columns(header: Sequence[str]) -> list[str]:
    """The field that each column means, "" for none."""
    if len(header) > COLUMNS_MAX:
        raise BadFile(f"more than {COLUMNS_MAX} columns")
    columns: list[str] = []
    for heading in header:
        folded = "_".join(heading.strip().casefold().replace(".", " ").replace("-", " ").split())
        field = HEADINGS.get(folded, "")
        columns.append("" if field in columns and field != "phones" else field)
    return columns


async def _write(
    store: CustomerStore, lines: Sequence[Line], reading: Reading, counts: dict[str, int]
) -> None:
    async with store.writing() as connection:
        known = await _known(connection, lines)
        stored = await fields_of_many(connection, list(known.values()))
        fresh: list[tuple[str, Fields]] = []
        for line in lines:
            customer_id = known.get(_key(line.fields))
            if customer_id is None:
                fresh.append((new_customer_id(), line.fields))
                continue
            before = stored[customer_id]
            after = _merged(before, line)
            if after == before:
                counts["unchanged"] += 1
            else:
                await update_customer(connection, customer_id, after, time.time())
                counts["updated"] += 1
        await insert_customers(connection, fresh, time.time())
    counts["created"] += len(fresh)


def _merged(before: Fields, line: Line) -> Fields:
    """An empty cell says nothing; it does not delete."""
    values = {
        name: getattr(line.fields if name in line.given else before, name) for name in FIELD_NAMES
    }
    return Fields(**values)


async def _known(connection: AsyncConnection, lines: Sequence[Line]) -> dict[tuple[str, str], str]:
    """The customers that these lines are about, by key."""
    living = customers.c.erased.is_(None)
    accounts = [x.fields.account_number for x in lines if x.fields.account_number]
    emails = [x.fields.email for x in lines if x.fields.email and not x.fields.account_number]
    numbers = [
        x.fields.phones[0]
        for x in lines
        if x.fields.phones and not x.fields.email and not x.fields.account_number
    ]
    by_account = sa.select(customers.c.id, customers.c.account_number)
    by_email = sa.select(customers.c.id, customers.c.email)
    by_number = sa.select(customers.c.id, customers.c.name, phones.c.number).join(phones)
    found: dict[tuple[str, str], str] = {}
    for customer_id, account in await connection.execute(
        by_account.where(customers.c.account_number.in_(accounts), living)
    ):
        found["account_number", account] = customer_id
    for customer_id, email in await connection.execute(
        by_email.where(customers.c.email.in_(emails), living).order_by(customers.c.created)
    ):
        found.setdefault(("email", email), customer_id)
    for customer_id, name, number in await connection.execute(
        by_number.where(phones.c.number.in_(numbers), living).order_by(customers.c.created)
    ):
        found.setdefault(("name and phone", f"{name}\n{number}"), customer_id)
    return found


def _shown(text: str) -> str:
    kept = "".join(c if c.isprintable() else " " for c in text[: TEXT_SHOWN + 1])
    return kept if len(kept) <= TEXT_SHOWN else kept[: TEXT_SHOWN - 1] + "…"


# Out --------------------------------------------------------------------------------------------


async def export_csv(store: CustomerStore) -> str:
    """All customers; what `import_csv` takes back without a change."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    after = ""
    while page := await store.page(after, 1_000):
        for _, fields in page:
            writer.writerow([harmless(_cell(fields, column)) for column in COLUMNS])
        after = page[-1][0]
    return out.getvalue()


def harmless(cell: str) -> str:
    """The cell such that no spreadsheet runs it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _cell(fields: Fields, column: str) -> str:
    value = getattr(fields, column)
    return ";".join(value) if column == "phones" else str(value)
