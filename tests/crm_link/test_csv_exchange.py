"""Customers from and to CSV files: what is taken, what is refused, what is harmless."""

from __future__ import annotations

import asyncio
import csv
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_link.csv_exchange import BadFile, export_csv, harmless, import_csv, read_csv
from crm_link.customers import CustomerStore
from crm_link.demo import seed_demo


def rejected(text: str) -> list[tuple[int, str]]:
    return [(r["line"], r["why"]) for r in read_csv(text.encode(), "US").rejected]


@pytest.mark.parametrize(
    "data",
    [
        "account_number,name,phone\nA-1,Zoë,2025550100\n".encode(),
        "\ufeffAccount Number;Full Name;Telephone\r\nA-1;Zoë;2025550100\r\n".encode(),
        "Account-No.\tNAME\tmobile\nA-1\tZoë\t2025550100".encode("utf-16"),
        "id,name,tel\nA-1,Zoë,2025550100\n".encode("latin-1"),
        "客户编号,姓名,电话\nA-1,Zoë,2025550100\n".encode(),
        b'"id","name","phone1","phone2"\n"A-1","Zo\xc3\xab","2025550100",""\n\n\n',
    ],
)
async def test_forgiving_about_form(store: CustomerStore, data: bytes) -> None:
    """The file comes out of some old system; nobody should have to edit it first."""
    report = await import_csv(store, data)
    assert (report["created"], report["rejected"]) == (1, [])
    _, zoe = await store.look_up("+12025550100")
    assert zoe is not None
    assert (zoe["name"], zoe["account_number"]) == ("Zoë", "A-1")


async def test_each_bad_line_is_reported_and_the_others_taken(store: CustomerStore) -> None:
    """One typing error in line 700 must not cost the other 9,999 customers, nor be hidden."""
    report = await import_csv(
        store,
        b"account,name,phone,email,tier\n"
        b"A-1,Good One,2025550100,,gold\n"
        b"A-2,Bad Phone,12,,\n"
        b"A-3,,2025550102,,\n"
        b"A-4,Bad Tier,,,platinum\n"
        b"A-5,Too,many,cells,gold,here\n"
        b'A-6,"Quo"te,,,\n'
        b"A-1,Twice,2025550100,,\n"
        b",Nobody,,,\n"
        b'A-7,"Two\nlines",,,\n'
        b"A-8,Bad Mail,,nobody,\n"
        b"A-9,Short line\n",
    )
    assert (report["created"], report["rejected_total"]) == (3, 8)
    assert [(r["line"], r["why"]) for r in report["rejected"]] == [
        (3, "'12' is no telephone number"),
        (4, "a customer needs a name"),
        (5, "the tier must be standard, silver or gold, not 'platinum'"),
        (6, "6 cells, but 5 columns"),
        (7, "not well-formed CSV: ',' expected after '\"'"),
        (8, "the same customer as in line 2"),
        (9, "needs an account number, an e-mail address or a telephone number"),
        (12, "'nobody' is no e-mail address"),
    ]
    assert report["rejected"][0]["text"] == "A-2,Bad Phone,12,,"
    assert [m["name"] for m in await store.search("A-")] == ["Good One", "Short line", "Two lines"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\n", "no column is called"),
        (b"phone,mail\n1,2\n", "no column is called “name”; there are: phone, mail"),
        (b'id,name\nA,"never ends\nB,x\n', "line 2: a quotation mark opens here and never closes"),
        (b"\x00\x01\x02" * 50, "no text file"),
        (b"\xff\xfe\x00", "UTF-16"),
        (",".join(f"c{n}" for n in range(65)).encode(), "more than 64 columns"),
        (b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
        (b"id,name\n" + b"\n" * 200_000, "more than 200000 lines"),
    ],
)
async def test_what_is_no_list_of_customers_is_refused_whole(
    store: CustomerStore, data: bytes, message: str
) -> None:
    """Better nothing than half of a file that was misread."""
    with pytest.raises(BadFile, match=message):
        await import_csv(store, data)
    assert (await store.totals())["customers"] == 0


async def test_the_same_file_twice_changes_nothing(store: CustomerStore) -> None:
    """An import that was cut off is repeated; a nightly import must not make doubles."""
    data = (
        b"account,name,phone,email\nA-1,Ann,2025550100,\n,Bob,2025550101,b@example.com\n"
        b",Cid,2025550102,\n"
    )
    assert (await import_csv(store, data))["created"] == 3
    report = await import_csv(store, data)
    assert (report["created"], report["updated"], report["unchanged"]) == (0, 0, 3)
    changed = await import_csv(store, data.replace(b"Ann", b"Anne"))
    assert (changed["created"], changed["updated"], changed["unchanged"]) == (0, 1, 2)
    assert (await store.totals())["customers"] == 3


async def test_an_empty_cell_deletes_nothing(store: CustomerStore) -> None:
    """A file that has only names must not take everybody's telephone number away."""
    await import_csv(store, b"id,name,tier,phone\nA-1,Ann,gold,2025550100\n")
    await import_csv(store, b"id,name,tier,company\nA-1,Anne,,Acme\n")
    _, ann = await store.look_up("+12025550100")
    assert ann is not None
    assert (ann["name"], ann["tier"], ann["company"]) == ("Anne", "gold", "Acme")


async def test_columns_that_mean_nothing_are_named(store: CustomerStore) -> None:
    """Somebody must be able to see that “Phnoe” was not understood."""
    report = await import_csv(store, b"id,name,Phnoe,\nA-1,Ann,2025550100,\n")
    assert report["ignored_columns"] == ["Phnoe"]


async def test_what_was_exported_comes_back_unchanged(store: CustomerStore) -> None:
    """Export, edit, import is how people work; what they did not touch must not change."""
    await seed_demo(store)
    text = await export_csv(store)
    report = await import_csv(store, text.encode())
    assert (report["unchanged"], report["rejected"]) == (200, [])
    assert await export_csv(store) == text


FORMULAS = ['=HYPERLINK("http://x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1"]


@pytest.mark.parametrize("formula", FORMULAS)
async def test_formulas_run_nowhere(store: CustomerStore, formula: str) -> None:
    """A caller's name must not become a program in the supervisor's spreadsheet."""
    await store.create({"name": formula, "company": formula, "account_number": formula})
    for row in csv.reader(io.StringIO(await export_csv(store), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    line = io.StringIO()
    csv.writer(line).writerows([["id", "name"], ["A-1", formula]])
    reading = read_csv(line.getvalue().encode(), "US")
    names = [x.fields.name for x in reading.lines]
    assert not any(name.startswith(("=", "+", "-", "@", "\t", "\r")) for name in names)
    assert harmless(formula) == f"'{formula}"


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Somebody will drop a photograph on the import button."""
    for head in (b"", b"id,name,phone\n"):
        try:
            reading = read_csv(head + data, "US")
        except BadFile:
            continue  # the one error that says something to people
        assert all(line.fields.name for line in reading.lines)
        assert all(r["why"] and len(r["text"]) <= 200 for r in reading.rejected)


async def test_other_writers_get_their_turn_during_a_large_import(store: CustomerStore) -> None:
    """On SQLite the journal waits for the same lock: an import must not stop the calls' journal."""
    from storage.journal import Journal

    rows = "\n".join(f"A-{n},Name {n},+1312{2_000_000 + n}" for n in range(4_000))
    journal = Journal(store.engine)
    await journal.open()
    work = asyncio.create_task(import_csv(store, f"id,name,tel\n{rows}".encode()))
    waits = []
    while not work.done():
        before = time.perf_counter()
        await journal.committed(journal.append("person", "Ready", "", {}, 1.0), timeout_s=5.0)
        waits.append(time.perf_counter() - before)
    assert (await work)["created"] == 4_000
    assert len(waits) >= 10
    assert max(waits) < 1.0
    await journal.close()
