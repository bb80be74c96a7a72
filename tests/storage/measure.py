"""Figures of journal and look-up: `PYTHONPATH=. .venv/bin/python tests/storage/measure.py`."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time

from crm_link.customers import CustomerStore, insert_customers
from crm_link.fields import Fields
from storage.database import opened
from storage.journal import Journal

ENTRIES = 200_000
CUSTOMERS = 100_000


def _ms(times: list[float]) -> str:
    ordered = sorted(times)
    return (
        f"median {statistics.median(ordered) * 1e3:.2f} ms, "
        f"p99 {ordered[int(len(ordered) * 0.99)] * 1e3:.2f} ms"
    )


async def _journal(journal: Journal) -> None:
    data = {"call": "c-000000123", "queue": "billing", "reason": {"code": "longest-idle"}}
    before, seq = time.perf_counter(), 0
    for n in range(ENTRIES):
        seq = journal.append("decision", "Offer", f"c-{n // 20}", data, 1.0)
        if n % 200 == 0:
            await asyncio.sleep(0)
    appended = time.perf_counter() - before
    await journal.committed(seq, 60)
    rate = ENTRIES / (time.perf_counter() - before)
    print(f"journal: append {appended / ENTRIES * 1e6:.1f} us, {rate:,.0f} rows/s to disk")
    waits = []
    for _ in range(300):
        before = time.perf_counter()
        await journal.committed(journal.append("person", "Ready", "", data, 1.0))
        waits.append(time.perf_counter() - before)
    print(f"journal: append to acknowledged {_ms(waits)}")


async def _customers(store: CustomerStore) -> None:
    numbers = [f"+1{200 + n % 700}{2_000_000 + n}" for n in range(CUSTOMERS)]
    for start in range(0, CUSTOMERS, 2_000):
        many = [
            (f"c-{n}", Fields(f"Name {n}", phones=(numbers[n],)))
            for n in range(start, start + 2_000)
        ]
        async with store.writing() as connection:
            await insert_customers(connection, many, 1.0)
    dice = random.Random(1)
    find, whole = [], []
    for _ in range(1_000):
        number = dice.choice(numbers)
        before = time.perf_counter()
        await store.find_by_number(number)
        find.append(time.perf_counter() - before)
        before = time.perf_counter()
        await store.look_up(number)
        whole.append(time.perf_counter() - before)
    print(f"{CUSTOMERS:,} customers: find by number {_ms(find)}; whole record {_ms(whole)}")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with opened(f"sqlite:///{folder}/measure.db") as engine:
            journal = Journal(engine)
            await journal.open()
            await _journal(journal)
            await journal.close()
            await _customers(CustomerStore(engine))


asyncio.run(main())
