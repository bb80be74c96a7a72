"""Whole days in bad weather: delays, losses, repetitions, breaks, refused orders."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import Phone, PhoneKind
from cti.virtual.callers import Caller
from cti.virtual.phones import Act, Reaction, always
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from cti.virtual.weather import EVERY, FAIR, Weather
from tests.simulation.weather_day import Day, in_fair_weather

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_weather_every_call_ends_once_and_is_counted(seed: int) -> None:
    """I1 to I12 and I16 with lost, repeated, late and reordered facts, and refused orders."""

    async def whole() -> None:
        day = Day(seed)
        await day.run()
        await day.check()

    asyncio.run(whole())


@pytest.mark.parametrize("seed", range(6))
def test_what_is_told_twice_changes_nothing(seed: int) -> None:
    """I8: the same calls, records, figures and agents' times, whether each fact came twice.

    But for the opening of a voice session: told again, the menu begins again.
    """

    async def picture(times: int) -> object:
        day = Day(seed, FAIR)
        router = day.center.router
        take = router.receive

        def receive(fact: e.Fact) -> None:
            for _ in range(1 if isinstance(fact, e.WaitVisited | e.IvrResumed) else times):
                take(fact)

        router.receive = receive  # type: ignore[method-assign]
        await day.run()
        return day.center.fold.calls, day.center.fold.spans, day.tally(), router.engine.snapshot()

    once, twice = (asyncio.run(picture(times)) for times in (1, 2))
    assert once == twice


def test_the_same_seed_gives_the_same_journal_to_the_byte() -> None:
    """A failure seen once can be looked at as often as needed, on any machine."""
    days = [_journal(seed, hashing) for seed, hashing in ((7, "1"), (7, "2"), (8, "1"))]
    assert len(days[0]) > 100_000
    assert days[0] == days[1]
    assert days[0] != days[2]


def _journal(seed: int, hashing: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation.weather_day", str(seed)],
        cwd=PROJECT,
        env={"PYTHONHASHSEED": hashing},
        capture_output=True,
        check=True,
    ).stdout


class Bench:
    """A switch in some weather, and what is heard of it."""

    def __init__(self, weather: Weather, seed: int = 1) -> None:
        self.time = VirtualTime()
        phones = always(Reaction(Act.ANSWER, 1.0))
        self.switch = VirtualSwitch("v", self.time, phones=phones, weather=weather, seed=seed)
        self.facts: list[tuple[float, e.Fact]] = []
        self.switch.connect(lambda fact: self.facts.append((self.time.now(), fact)))
        self.facts.clear()

    def becomes(self, weather: Weather) -> None:
        """From now on this weather."""
        assert self.switch.passage is not None
        self.switch.passage.weather = weather

    def names(self) -> list[str]:
        return [type(fact).__name__ for _, fact in self.facts]

    def waits(self, **how: float) -> str:
        """A caller who waits."""
        call = self.switch.call_in(Caller(**how))
        self.time.run(until=self.time.now() + 1.0)
        self.switch.execute(c.StartWaiting(call, "q", 0.0, visit_after_s=0.0))
        self.time.run(until=self.time.now() + 5.0)
        return call


def _ring(call: str) -> c.OfferCall:
    return c.OfferCall(call, "o1", "anna", Phone(PhoneKind.BROWSER, "anna"), 15.0)


def test_what_was_lost_is_heard_when_the_link_asks_again() -> None:
    """A lost word costs seconds, never a call."""
    bench = Bench(Weather(lost=1.0, noticed_after_s=5.0))
    call = bench.waits()
    assert bench.names() == ["LinkDown", "CallAdopted", "LinkUp"]
    bench.becomes(FAIR)
    bench.switch.caller_hangs_up(call)
    bench.time.run(until=30.0)
    assert bench.names()[-1] == "CallEnded"


def test_a_call_that_ended_unheard_is_not_among_those_that_live() -> None:
    """The list of live calls is what tells that a call is over."""
    bench = Bench(Weather())
    call = bench.waits()
    bench.becomes(Weather(lost=1.0, noticed_after_s=3.0))
    bench.switch.caller_hangs_up(call)
    bench.time.run(until=30.0)
    assert "CallEnded" not in bench.names()
    assert bench.facts[-1][1] == e.LinkUp("v", ())


def test_a_broken_link_takes_no_orders_and_comes_back_by_itself() -> None:
    """While the link is down an order is refused at once, not kept for later."""
    bench = Bench(Weather(break_every_s=50.0, break_s=4.0))
    call = bench.waits()
    while bench.names()[-1] != "LinkDown":
        bench.time.step()
    down_at = bench.facts[-1][0]
    assert not bench.switch.up
    bench.switch.execute(_ring(call))
    bench.time.settle()
    while bench.names()[-1] != "LinkUp":
        bench.time.step()
    assert bench.names()[-4:] == ["LinkDown", "OrderFailed", "CallAdopted", "LinkUp"]
    assert bench.time.now() == pytest.approx(down_at + 4.0)


@pytest.mark.parametrize("seed", range(8))
def test_nobody_knows_whether_an_order_was_carried_out(seed: int) -> None:
    """It is said so, the link breaks, and afterwards the switch tells what is true."""
    bench = Bench(Weather(break_s=2.0), seed)
    call = bench.waits()
    bench.becomes(Weather(unknown={"OfferCall": 1.0}, break_s=2.0))
    before = len(bench.facts)
    bench.switch.execute(_ring(call))
    bench.time.run(until=bench.time.now() + 2.5)
    facts = [fact for _, fact in bench.facts[before:]]
    assert e.OrderFailed(call, "OfferCall", "nobody answered", outcome_unknown=True) in facts
    adopted = next(fact for fact in facts if isinstance(fact, e.CallAdopted))
    assert (adopted.place.value, adopted.offer_id) in (("talking", "o1"), ("waiting", ""))


def test_both_fates_of_an_unanswered_order_occur() -> None:
    """Only then is the ignorance real."""
    fates = set()
    for seed in range(20):
        bench = Bench(Weather(break_s=2.0), seed)
        call = bench.waits()
        bench.becomes(Weather(unknown={EVERY: 1.0}))
        bench.switch.execute(_ring(call))
        bench.time.run(until=bench.time.now() + 2.5)
        look = bench.switch.look(call)
        fates.add(look[0].value if look is not None else "")
    assert fates == {"waiting", "talking"}


def test_refusals_are_drawn_for_each_kind_of_order() -> None:
    """A switch that refuses holds may well take everything else."""
    bench = Bench(Weather(refused={"HoldCall": 1.0}))
    call = bench.waits()
    bench.switch.execute(_ring(call))
    bench.time.run(until=bench.time.now() + 3.0)
    bench.switch.execute(c.HoldCall(call))
    bench.switch.execute(c.MuteAgent(call, True))
    bench.time.run(until=bench.time.now() + 1.0)
    assert bench.names()[-3:] == ["OfferAnswered", "OrderFailed", "AgentMuted"]


def test_delays_keep_the_order_and_late_facts_do_not() -> None:
    """One connection never reorders; several webhooks do."""
    calls = [Caller(stays_s=float(n)) for n in range(1, 200)]
    orders = {}
    for late in (0.0, 0.5):
        bench = Bench(Weather(fact_delay_s=0.5, late=late, late_s=3.0, noticed_after_s=1e6))
        ids = [bench.switch.call_in(caller) for caller in calls]
        bench.time.run(until=300.0)
        ended = [fact.call_id for _, fact in bench.facts if isinstance(fact, e.CallEnded)]
        assert sorted(ended) == sorted(ids)
        orders[late] = ended == ids
        at = [when for when, fact in bench.facts if isinstance(fact, e.CallEnded)]
        assert 0.3 < sum(when - n for n, when in enumerate(at, 1)) / len(at) < 4.0
    assert orders == {0.0: True, 0.5: False}


def test_a_fact_that_is_told_twice_is_told_twice_in_a_row() -> None:
    """Repetitions reach us as a switch makes them."""
    bench = Bench(Weather(twice=1.0))
    bench.waits()
    assert bench.names() == ["CallArrived", "CallArrived", "CallWaiting", "CallWaiting"]


def test_a_phone_does_not_ring_on_for_a_call_that_was_given_up_while_the_link_was_down() -> None:
    """The agent would answer to nobody, and a customer be rung for nothing."""

    async def whole() -> None:
        center = await in_fair_weather(Reaction(Act.IGNORE))
        await center.staff("anna")
        call = await center.floor.dial("anna", "+12025550177", "sales")
        await center.run(2.0)
        assert center.switch.live == (call,)
        passage = center.switch.passage
        assert passage is not None
        passage.weather = Weather(unknown={"MuteAgent": 1.0}, break_s=3.0)
        center.switch.execute(c.MuteAgent(call, True))  # nobody answers: the link breaks
        await center.run(1.0)
        offer = center.router.book.calls[call].offer_id
        await center.floor.decline("anna", offer)
        assert call not in center.router.book.calls
        assert center.switch.live == (call,)
        await center.run(5.0)
        assert center.switch.live == ()
        assert call not in center.router.book.calls

    asyncio.run(whole())
