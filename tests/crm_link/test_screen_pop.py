"""The screen pop: there in time, late, or saying why not; never in the way of the call."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

from agent_console import ports, protocol
from callcenter.floor import CustomerWriter
from crm_link.customers import CustomerStore
from crm_link.demo import DEMO_KNOWN_NUMBER, DEMO_SHARED_NUMBER, DEMO_UNKNOWN_NUMBER, seed_demo
from crm_link.desk import CustomerDesk
from crm_link.records import Customer, Record
from crm_link.screen_pop import ScreenPop
from crm_link.sources import CustomerSource, DatabaseSource, Found


def a_customer(customer_id: str = "c-1", **fields: Any) -> Customer:
    customer: Any = {
        "customer_id": customer_id, "name": "Grace", "company": "", "tier": "gold", "email": "",
        "language": "en", "phones": ["+12025550100"], "account_number": "", "contacts": [],
        "orders": [], "notes": [], **fields,
    }  # fmt: skip
    made: Customer = customer
    return made


def a_match(customer_id: str = "c-1") -> Any:
    return {"customer_id": customer_id, "name": "Grace", "company": "", "account_number": ""}


NONSENSE: Any = [{"name": 5}]


class FakeSource:
    """Answers what it is told to, as slowly as it is told to, and counts."""

    def __init__(self, answer: Any = None, delay_s: float = 0.0) -> None:
        self.answer = answer if answer is not None else Found([a_match()], a_customer())
        self.delay_s = delay_s
        self.asked = 0
        self.now = 0
        self.most = 0

    async def look_up(self, e164: str) -> Found:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.now -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: Found = self.answer
        return answer

    async def get(self, customer_id: str) -> Customer | None:
        await asyncio.sleep(self.delay_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return a_customer(customer_id) if customer_id.startswith("c-") else None


class Screen:
    """What an agent's console was told."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Record]] = []

    def __call__(self, call_id: str, record: Record) -> None:
        self.shown.append((call_id, record))

    @property
    def states(self) -> list[str]:
        return [record["status"] for _, record in self.shown]


async def until(true: Callable[[], bool], timeout_s: float = 3.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.005)


def test_ports_are_met() -> None:
    """The composition root hands these over by shape alone; mypy and this hold the shapes."""
    store: Any = None
    pop = ScreenPop(FakeSource())
    desk = CustomerDesk(store, pop)
    customers: ports.Customers = desk
    writer: CustomerWriter = desk
    source: CustomerSource = DatabaseSource(store)
    assert (customers, writer, source) is not None


async def test_one_several_none(store: CustomerStore) -> None:
    """The three things that a number can mean, on the real records."""
    await seed_demo(store)
    screen = Screen()
    pop = ScreenPop(DatabaseSource(store), on_record=screen)
    for call_id, number in (
        ("one", DEMO_KNOWN_NUMBER),
        ("two", DEMO_SHARED_NUMBER),
        ("nobody", DEMO_UNKNOWN_NUMBER),
    ):
        pop.begin(call_id, number)
        record = pop.record(call_id)
        assert record is not None
        assert record["status"] == "looking"
        assert record.keys() == protocol.Record.__required_keys__
    await until(lambda: len(screen.shown) == 3)
    records = dict(screen.shown)
    assert records["one"]["status"] == "found"
    assert records["one"]["customer"] is not None
    assert records["one"]["customer"].keys() == protocol.Customer.__required_keys__
    assert records["two"]["status"] == "several"
    assert [m["name"] for m in records["two"]["matches"]] == ["Mia Bennett", "Oliver Bennett"]
    assert records["two"]["matches"][0].keys() == protocol.Match.__required_keys__
    assert (records["nobody"]["status"], records["nobody"]["number"]) == (
        "none", DEMO_UNKNOWN_NUMBER,
    )  # fmt: skip
    await pop.close()


@pytest.mark.parametrize(
    ("number", "message"),
    [("", "the number is withheld"), ("anonymous", "the number is withheld"),
     ("1001", "not a telephone number"), ("<script>" * 2000, "not a telephone number")],
)  # fmt: skip
async def test_no_number_is_no_look_up(number: str, message: str) -> None:
    """The agent gets an empty form at once."""
    source = FakeSource()
    pop = ScreenPop(source)
    pop.begin("c", number)
    record = pop.record("c")
    assert record is not None
    assert (record["status"], record["number"], record["message"]) == ("none", "", message)
    await asyncio.sleep(0.01)
    assert source.asked == 0


async def test_a_slow_source_shows_looking_and_then_the_record() -> None:
    """The phone rings on time; the record arrives late."""
    screen = Screen()
    pop = ScreenPop(FakeSource(delay_s=0.3), on_record=screen)
    before = time.perf_counter()
    pop.begin("c", "2025550100")
    assert time.perf_counter() - before < 0.05
    await asyncio.sleep(0.1)
    record = pop.record("c")
    assert record is not None
    assert record["status"] == "looking"
    assert screen.shown == []
    await until(lambda: screen.states == ["found"])
    await pop.close()


@pytest.mark.parametrize(
    ("answer", "delay_s", "message"),
    [
        (None, 60.0, "no answer within 0.2 s"),
        (ConnectionError("refused"), 0.0, "the customer records cannot be reached"),
        (Exception("\x00\udc80" * 1000), 0.0, "the customer records cannot be reached"),
        (Found(NONSENSE), 0.0, "the customer records cannot be reached"),
        (Found([a_match()], NONSENSE[0]), 0.0, "the customer records cannot be reached"),
        ("<html>502 Bad Gateway</html>", 0.0, "the customer records cannot be reached"),
        (Found([], a_customer(name="x" * 600_000)), 0.0, "the customer records cannot be reached"),
    ],
)
async def test_a_broken_source_says_so(answer: Any, delay_s: float, message: str) -> None:
    """Down, hanging or talking nonsense: the agent is told, and can look again."""
    screen = Screen()
    source = FakeSource(answer, delay_s)
    pop = ScreenPop(source, on_record=screen, timeout_s=0.2)
    pop.begin("c", "2025550100")
    await until(lambda: screen.states == ["failed"])
    assert screen.shown[0][1]["message"] == message
    source.answer, source.delay_s = Found([a_match()], a_customer()), 0.0
    pop.retry("c")
    await until(lambda: screen.states == ["failed", "looking", "found"])
    await pop.close()


async def test_look_ups_at_once_are_bounded() -> None:
    """A dead CRM must neither get a thousand connections nor keep a thousand waiting for ever."""
    source = FakeSource(delay_s=0.02)
    screen = Screen()
    pop = ScreenPop(source, on_record=screen, at_once=4, waiting_max=20, cache_size=0)
    for n in range(50):
        pop.begin(f"c-{n}", f"2025550{n:03d}")
    overflowing = pop.record("c-49")
    assert overflowing is not None
    assert (overflowing["status"], overflowing["message"]) == ("failed", "too many look-ups wait")
    await until(lambda: len(screen.shown) == 20)
    assert (source.most, source.asked) == (4, 20)
    await pop.close()


async def test_calls_are_bounded_and_forgotten() -> None:
    """A call whose end was missed must not stay in memory for ever."""
    source = FakeSource(delay_s=60.0)
    pop = ScreenPop(source, calls_max=3)
    for n in range(5):
        pop.begin(f"c-{n}", f"202555010{n}")
    assert [pop.record(f"c-{n}") is None for n in range(5)] == [True, True, False, False, False]
    pop.forget("c-4")
    pop.forget("never began")
    await asyncio.sleep(0.02)
    assert source.now == 2, "the forgotten calls' look-ups were stopped"
    await pop.close()
    assert source.now == 0
    gc.collect()


async def test_the_same_number_is_asked_once_in_a_while() -> None:
    """The begin in the menu, the offer, the next offer: one question."""
    source, screen = FakeSource(), Screen()
    pop = ScreenPop(source, on_record=screen, cache_s=0.2)
    pop.begin("a", "2025550100")
    pop.begin("a", "+1 202 555 0100")
    await until(lambda: screen.states == ["found"])
    pop.begin("b", "2025550100")
    again = pop.record("b")
    assert again is not None
    assert (again["status"], again["call_id"], source.asked) == ("found", "b", 1)
    await asyncio.sleep(0.25)
    pop.begin("c", "2025550100")
    await until(lambda: len(screen.shown) == 2)
    assert source.asked == 2
    await pop.close()


async def test_a_choice_replaces_the_question() -> None:
    """The agent picks one of several; a look-up that is still running must not undo it."""
    source, screen = FakeSource(Found([a_match("c-1"), a_match("c-2")])), Screen()
    pop = ScreenPop(source, on_record=screen)
    pop.begin("call", "2025550100")
    await until(lambda: screen.states == ["several"])
    source.delay_s = 0.1
    pop.retry("call")
    await until(lambda: source.now == 1)
    source.delay_s = 0.0
    assert (await pop.choose("call", "nobody")) is None
    chosen = await pop.choose("call", "c-2")
    assert chosen is not None
    await asyncio.sleep(0.2)
    record = pop.record("call")
    assert record is not None
    assert record["customer"] is not None
    assert screen.states == ["several", "looking", "found"]
    assert (record["status"], record["customer"]["customer_id"]) == ("found", "c-2")
    source.answer = ConnectionError("down")
    assert await pop.choose("call", "c-1") is None
    assert pop.record("call") == record
    await pop.close()


async def test_a_screen_that_fails_stops_nothing() -> None:
    """A fault in the console must not end the look-ups of others."""

    def broken(_call_id: str, _record: Record) -> None:
        raise RuntimeError("console gone")

    pop = ScreenPop(FakeSource(), on_record=broken)
    pop.begin("c", "2025550100")
    record = pop.record("c")
    while record is not None and record["status"] == "looking":
        await asyncio.sleep(0.005)
        record = pop.record("c")
    assert record is not None
    assert record["status"] == "found"
    await pop.close()


async def test_the_desk_keeps_screens_up_to_date(store: CustomerStore) -> None:
    """A note, a new customer, a wrap-up or an erasure shows on every screen with that customer."""
    await seed_demo(store)
    screen = Screen()
    pop = ScreenPop(DatabaseSource(store), on_record=screen)
    desk = CustomerDesk(store, pop)
    pop.begin("call", DEMO_UNKNOWN_NUMBER)
    await until(lambda: screen.states == ["none"])
    customer_id, name = await desk.create("call", {"name": "New", "phone": DEMO_UNKNOWN_NUMBER})
    assert name == "New"
    await desk.add_note(customer_id, "anna", "hello")
    await desk.contact(
        customer_id, call_id="call", summary="talked", agent="anna", disposition="resolved"
    )
    shown = screen.shown[-1][1]["customer"]
    assert shown is not None
    assert (shown["notes"][0]["text"], shown["contacts"][0]["summary"]) == ("hello", "talked")
    pop.begin("next", DEMO_UNKNOWN_NUMBER)
    await until(lambda: screen.shown[-1][0] == "next")
    await desk.erase(customer_id)
    for call_id in ("call", "next"):
        record = pop.record(call_id)
        assert record is not None
        assert (record["status"], record["customer"], record["number"]) == ("none", None, "")
    assert await desk.choose("call", customer_id) is None
    with pytest.raises(ValueError, match="telephone"):
        await desk.create("call", {"name": "Bad", "phone": "1"})
    await pop.close()
