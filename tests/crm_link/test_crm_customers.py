"""The customer records in the product's own database."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_console import protocol
from crm_link import records
from crm_link.customers import AccountTaken, CustomerStore, UnknownCustomer
from crm_link.demo import (
    DEMO_CUSTOMERS,
    DEMO_KNOWN_NUMBER,
    DEMO_SHARED_NUMBER,
    DEMO_UNKNOWN_NUMBER,
    demo_people,
    seed_demo,
)

GRACE = {
    "name": "Grace Chen",
    "company": "云帆科技",
    "tier": "gold",
    "email": "Grace@Example.com",
    "language": "zh-CN",
    "account_number": "AC-1",
    "owner": "anna",
    "phones": "202-555-0100; +44 20 7946 0100",
}
HOSTILE = "<img src=x onerror=alert(1)>\r\n'; DROP TABLE customers;--\0\u202e"


@pytest.mark.parametrize("name", ["Contact", "OrderRow", "NoteRow", "Customer", "Match", "Record"])
def test_shapes_are_those_of_the_console(name: str) -> None:
    """The two packages don't import each other; only this keeps their fields the same."""
    ours, theirs = getattr(records, name), getattr(protocol, name)
    assert ours.__required_keys__ == theirs.__required_keys__
    assert ours.__optional_keys__ == theirs.__optional_keys__


async def test_a_customer_comes_back_as_made(store: CustomerStore) -> None:
    """What the form says is what the next agent sees."""
    made = await store.create(GRACE)
    assert made == await store.get(made["customer_id"])
    assert dict(made) == {
        "customer_id": made["customer_id"],
        "name": "Grace Chen",
        "company": "云帆科技",
        "tier": "gold",
        "email": "grace@example.com",
        "language": "zh-CN",
        "phones": ["+12025550100", "+442079460100"],
        "account_number": "AC-1",
        "owner": "anna",
        "contacts": [],
        "orders": [],
        "notes": [],
    }


async def test_found_by_each_number(store: CustomerStore) -> None:
    """A customer calls from any of their telephones; two customers may share one."""
    grace = await store.create(GRACE)
    other = await store.create({"name": "Adam", "phone": "2025550100"})
    both = await store.find_by_number("+12025550100")
    assert [m["name"] for m in both] == ["Adam", "Grace Chen"]
    matches, customer = await store.look_up("+442079460100")
    assert customer == await store.get(grace["customer_id"])
    assert matches == [
        {
            "customer_id": grace["customer_id"],
            "name": "Grace Chen",
            "company": "云帆科技",
            "account_number": "AC-1",
        }
    ]
    assert await store.look_up("+12025550100") == (both, None)
    assert await store.look_up("+12025550177") == ([], None)
    assert other["phones"] == ["+12025550100"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs a name"),
        ({"name": " \t\0"}, "needs a name"),
        ({"name": "x" * 201}, "name: longer than 200"),
        ({"name": "x" * 10_000_000}, "name: longer than 200"),
        ({"name": "A", "tier": "platinum"}, "the tier must be standard, silver or gold"),
        ({"name": "A", "email": "nobody"}, "no e-mail address"),
        ({"name": "A", "email": "javascript:alert(1)@x"}, "no e-mail address"),
        ({"name": "A", "language": "Klingon!"}, "no language"),
        ({"name": "A", "phone": "12"}, "no telephone number"),
        ({"name": "A", "phones": ";".join(f"202555{n:04d}" for n in range(11))}, "more than 10"),
        ({"name": "A", "shoe_size": "44"}, "there is no field 'shoe_size'"),
    ],
)
async def test_bad_fields_are_refused(
    store: CustomerStore, fields: dict[str, str], message: str
) -> None:
    """The agent must read what is wrong, and nothing must have been written."""
    with pytest.raises(ValueError, match=message):
        await store.create(fields)
    assert (await store.totals())["customers"] == 0


async def test_hostile_text_is_only_text(store: CustomerStore) -> None:
    """Names are made of anything; they must come back as one harmless line, and break nothing."""
    made = await store.create({"name": HOSTILE, "company": HOSTILE[:90] + "\udc80"})
    assert made["name"] == "<img src=x onerror=alert(1)> '; DROP TABLE customers;--"
    noted = await store.add_note(made["customer_id"], HOSTILE, f"one{HOSTILE}\n\ntwo")
    assert "\0" not in noted["notes"][0]["text"]
    assert noted["notes"][0]["text"].endswith("\n\ntwo")
    assert [m["name"] for m in await store.search("drop table")] == [made["name"]]
    for text in ("%", "_", "'", "\0", "\udc80", "\\", "%' OR 1=1 --", "x" * 100_000):
        await store.search(text)
    assert await store.search("zz%") == []
    for customer_id in ("", "\udc80", "\0", "x" * 10_000, "' OR 1=1"):
        assert await store.get(customer_id) is None


async def test_an_account_number_belongs_to_one(store: CustomerStore) -> None:
    """Two customers under one account would each see the other's orders."""
    await store.create(GRACE)
    other = await store.create({"name": "Adam"})
    with pytest.raises(AccountTaken):
        await store.create({"name": "Eve", "account_number": "AC-1"})
    with pytest.raises(AccountTaken):
        await store.update(other["customer_id"], {"account_number": "AC-1"})
    assert (await store.totals())["customers"] == 2


async def test_update_changes_only_what_is_given(store: CustomerStore) -> None:
    """A form with two fields must not empty the others."""
    made = await store.create(GRACE)
    after = await store.update(made["customer_id"], {"tier": "silver", "phones": "2025550111"})
    assert after == {**made, "tier": "silver", "phones": ["+12025550111"]}
    assert await store.find_by_number("+12025550100") == []
    with pytest.raises(UnknownCustomer):
        await store.update("nobody", {"tier": "gold"})


@pytest.mark.parametrize(
    "text",
    ["grace", "CHEN gra", "云帆", "AC-1", "grace@", "202 555 0100", "5550100", "+1 202-555-0100"],
)
async def test_search_finds(store: CustomerStore, text: str) -> None:
    """Agents type whatever the caller says: a name, a part of it, a number, an account."""
    await store.create(GRACE)
    await store.create({"name": "Adam", "phone": "3125550111"})
    assert [m["name"] for m in await store.search(text)] == ["Grace Chen"]


async def test_search_is_bounded(store: CustomerStore) -> None:
    """An empty box or a single letter must not bring the whole company to the browser."""
    for n in range(120):
        await store.create({"name": f"Adam {n}"})
    assert await store.search("  ") == []
    assert len(await store.search("adam", limit=10_000)) == 100
    assert len(await store.search("adam", limit=-5)) == 1


async def test_contact_history_is_newest_first_and_idempotent(store: CustomerStore) -> None:
    """A wrap-up that is saved again (a retry, a correction) is one contact, and keeps its note."""
    made = await store.create(GRACE)
    customer_id = made["customer_id"]
    for summary in ("first try", "corrected", ""):
        await store.add_contact(
            customer_id, call_id="call-1", summary=summary, agent="anna", disposition="resolved"
        )
    await store.add_contact(
        customer_id, call_id="call-1", summary="after transfer", agent="ben",
        disposition="x", at=1_764_000_001.0,
    )  # fmt: skip
    for n in range(60):
        await store.add_contact(
            customer_id, summary=f"old {n}", agent="", disposition="", channel="email", at=float(n)
        )
    customer = await store.get(customer_id)
    assert customer is not None
    assert [c["summary"] for c in customer["contacts"][:3]] == [
        "after transfer", "corrected", "old 59",
    ]  # fmt: skip
    assert len(customer["contacts"]) == 50
    with pytest.raises(UnknownCustomer):
        await store.add_contact("nobody", summary="", agent="", disposition="")


async def test_erasing_leaves_totals_and_nothing_else(store: CustomerStore, tmp_path: Path) -> None:
    """Zero hits anywhere, in the file's free pages and log too; the figures stay as they were."""
    traces = {
        "name": "Zebediah Quux", "company": "Xyzzy Plugh", "email": "zeb@plugh.example",
        "account_number": "AC-77441", "phones": "2025550142",
    }  # fmt: skip
    for n in range(30):
        await store.create({"name": f"Neighbour {n}", "phones": f"31255501{n:02d}"})
    made = await store.create(traces)
    customer_id = made["customer_id"]
    await store.add_note(customer_id, "anna", "lives in Frobozz")
    await store.add_order(customer_id, number="ORD-5150", at=1.0, status="shipped", total="$5")
    await store.add_contact(
        customer_id, call_id="c-1", summary="asked about Frobozz", agent="anna", disposition="done"
    )
    before = await store.totals()
    erased = await store.erase(customer_id)
    assert (erased.numbers, erased.call_ids) == (("+12025550142",), ("c-1",))
    assert await store.get(customer_id) is None
    assert await store.find_by_number("+12025550142") == []
    assert await store.search("zebediah") == []
    assert await store.search("") == []
    after = await store.totals()
    assert {**after, "notes": 0} == {**before, "notes": 0}
    stored = b"".join(f.read_bytes() for f in tmp_path.glob("callcenter.db*")).lower()
    for trace in (
        "zebediah",
        "xyzzy",
        "zeb@plugh",
        "ac-77441",
        "2025550142",
        "frobozz",
        "ord-5150",
    ):
        assert trace.encode() not in stored, trace
    assert b"neighbour 7" in stored, "the files were really looked at"
    with pytest.raises(UnknownCustomer):
        await store.erase(customer_id)
    await store.create({"name": "New", "account_number": "AC-77441"})


async def test_the_demonstration_is_always_the_same(store: CustomerStore) -> None:
    """The tour and the end-to-end tests call these numbers."""
    assert await seed_demo(store) == DEMO_CUSTOMERS
    assert await seed_demo(store) == 0
    assert (await store.totals())["customers"] == DEMO_CUSTOMERS
    _, known = await store.look_up(DEMO_KNOWN_NUMBER)
    assert known is not None
    assert known["name"] == "Grace Chen"
    assert known["orders"]
    assert known["contacts"]
    assert len(await store.find_by_number(DEMO_SHARED_NUMBER)) == 2
    assert await store.find_by_number(DEMO_UNKNOWN_NUMBER) == []
    assert demo_people() == demo_people()


def test_the_demonstration_calls_nobody() -> None:
    """A demo that dials real people is a scandal: only numbers kept for fiction, each once."""
    numbers = [n for person in demo_people() for n in person.fields.phones]
    for number in numbers:
        fictional = number.startswith("+442079460") or number[5:10] == "55501"
        assert fictional, number
        assert len(number) in (12, 13)
    assert len(numbers) - len(set(numbers)) == 1
    assert {len(p.fields.phones) for p in demo_people()} == {1, 2, 3}
    assert {p.fields.tier for p in demo_people()} == {"standard", "silver", "gold"}
    assert 40 <= sum(p.fields.language == "zh" for p in demo_people()) <= 110
