"""The virtual switch: every fact and order of the call model, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count, repeat
from typing import Any

import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place, Prompt
from cti.link import SwitchLink
from cti.virtual.callers import Caller, Customer, poisson, townspeople
from cti.virtual.phones import Act, Phones, Reaction, always, careless
from cti.virtual.scheduling import RealTime, VirtualTime
from cti.virtual.switch import VirtualSwitch
from cti.virtual.town import Town

BROWSER = Phone(PhoneKind.BROWSER, "anna")


class Bench:
    """A switch with a sink that writes facts down and may answer them."""

    def __init__(
        self,
        phones: Phones | None = None,
        customers: Callable[[str], Customer] | None = None,
        agents: tuple[str, ...] = (),
    ) -> None:
        self.time = VirtualTime()
        more: dict[str, Any] = {} if customers is None else {"customers": customers}
        self.switch = VirtualSwitch("v", self.time, phones=phones, agents=agents, **more)
        self.facts: list[tuple[float, e.Fact]] = []
        self.answers: dict[type, Callable[[Any], object]] = {}
        self.inside = False
        self.switch.connect(self.sink)
        self.facts.clear()

    def sink(self, fact: e.Fact) -> None:
        assert not self.inside, "a fact was reported from inside an order"
        self.facts.append((self.time.now(), fact))
        answer = self.answers.get(type(fact))
        if answer is not None:
            answer(fact)

    def order(self, *orders: c.Order) -> None:
        self.inside = True
        for order in orders:
            self.switch.execute(order)
        self.inside = False

    def run(self, until: float = 1000.0) -> list[str]:
        self.time.run(until=until)
        return self.names()

    def names(self) -> list[str]:
        return [type(fact).__name__ for _, fact in self.facts]

    def last(self, kind: type) -> Any:
        return next(fact for _, fact in reversed(self.facts) if type(fact) is kind)

    def when(self, kind: type) -> list[float]:
        return [at for at, fact in self.facts if type(fact) is kind]

    def waiting_call(self, caller: Caller, **wait: Any) -> str:
        """A call that is in the wait treatment at time 0."""
        call = self.switch.call_in(caller)
        self.time.settle()
        self.order(c.StartWaiting(call, "q", 0.0, **{"visit_after_s": 0.0, **wait}))
        self.time.settle()
        return call

    def offer(self, call: str, offer: str = "o1", agent: str = "anna", ring_s: float = 15) -> None:
        self.order(c.OfferCall(call, offer, agent, BROWSER, ring_s))


def test_it_satisfies_the_port() -> None:
    """Whatever runs on a real switch must run on this one."""
    link: SwitchLink = VirtualSwitch("v", VirtualTime())
    assert (link.name, link.up) == ("v", False)


def test_a_call_from_arrival_to_the_callers_hang_up() -> None:
    """The plain way of a call is what every demonstration and simulation is made of."""
    bench = Bench(always(Reaction(Act.ANSWER, after_s=3.0, ring_delay_s=0.5)))
    call = bench.waiting_call(Caller("+49", "100", "Eve", talk_s=60.0))
    bench.offer(call)
    assert bench.run() == [
        "CallArrived",
        "CallWaiting",
        "OfferRinging",
        "OfferAnswered",
        "CallEnded",
    ]
    assert bench.last(e.CallArrived) == e.CallArrived(call, "v", "+49", "Eve", "100", "virtual")
    assert [at for at, _ in bench.facts] == [0.0, 0.0, 0.5, 3.5, 63.5]
    assert bench.last(e.CallEnded).by is EndedBy.CALLER
    assert bench.switch.live == ()


@pytest.mark.parametrize(
    ("act", "why", "at"),
    [
        (Act.REFUSE, OfferFailure.REFUSED, 4.0),
        (Act.IGNORE, OfferFailure.NO_ANSWER, 15.0),
        (Act.UNREACHABLE, OfferFailure.UNREACHABLE, 0.0),
    ],
)
def test_a_failed_offer_brings_the_caller_back(act: Act, why: OfferFailure, at: float) -> None:
    """Three different outcomes, and each time the caller can be moved again."""
    bench = Bench(always(Reaction(act, after_s=4.0)))
    call = bench.waiting_call(Caller())
    bench.offer(call)
    bench.run()
    assert bench.last(e.OfferFailed) == e.OfferFailed(call, "o1", "anna", why)
    assert bench.names()[-2:] == ["OfferFailed", "CallWaiting"]
    assert bench.when(e.OfferFailed) == [at]
    assert bench.switch.live == (call,)


def test_an_answer_that_would_come_after_the_ringing_is_none() -> None:
    """The phone stops at ring_s, whatever its owner meant to do."""
    bench = Bench(always(Reaction(Act.ANSWER, after_s=15.0)))
    call = bench.waiting_call(Caller())
    bench.offer(call, ring_s=15.0)
    bench.run()
    assert bench.last(e.OfferFailed).why is OfferFailure.NO_ANSWER


def test_a_caller_who_gives_up_in_the_ring_ends_the_ringing() -> None:
    """The agent must not be left with a ringing phone, nor be blamed."""
    bench = Bench(always(Reaction(Act.IGNORE)))
    call = bench.waiting_call(Caller(patience_s=5.0))
    bench.offer(call)
    bench.run()
    assert bench.names()[-2:] == ["OfferFailed", "CallEnded"]
    assert bench.last(e.OfferFailed).why is OfferFailure.CALLER_GONE
    assert bench.when(e.CallEnded) == [5.0]


def test_cancelling_an_offer_stops_the_ringing_once() -> None:
    """A cancelled offer must neither be answered later nor be reported twice."""
    bench = Bench(always(Reaction(Act.ANSWER, after_s=5.0)))
    call = bench.waiting_call(Caller(talk_s=10.0))
    bench.offer(call)
    bench.run(until=2.0)
    bench.order(c.CancelOffer(call, "o1"), c.CancelOffer(call, "o1"))
    names = bench.run()
    assert names.count("OfferFailed") == 1
    assert bench.last(e.OfferFailed).why is OfferFailure.CANCELLED
    assert "OfferAnswered" not in names


def test_a_busy_phone_is_unreachable_for_a_second_call() -> None:
    """An agent has one pair of ears; a wrong router must find that out."""
    bench = Bench()
    first, second = bench.waiting_call(Caller(talk_s=50.0)), bench.waiting_call(Caller())
    bench.offer(first)
    bench.run(until=1.0)
    bench.offer(second, "o2")
    bench.run(until=2.0)
    assert bench.last(e.OfferFailed) == e.OfferFailed(
        second, "o2", "anna", OfferFailure.UNREACHABLE
    )


@pytest.mark.parametrize("way", ["agent script", "agent by hand", "order", "order by agent"])
def test_who_ends_a_conversation_is_told(way: str) -> None:
    """Reports tell callers' hang-ups from agents' ones."""
    hang_up = 20.0 if way == "agent script" else None
    bench = Bench(always(Reaction(hang_up_after_s=hang_up)))
    call = bench.waiting_call(Caller())
    bench.offer(call)
    bench.run(until=10.0)
    if way == "agent by hand":
        bench.switch.agent_hangs_up(call)
    elif way == "order":
        bench.order(c.HangUpCall(call, "closed"))
    elif way == "order by agent":
        bench.order(c.HangUpCall(call, "agent"))
    bench.run()
    by = EndedBy.SYSTEM if way == "order" else EndedBy.AGENT
    assert bench.last(e.CallEnded).by is by
    assert bench.names().count("CallEnded") == 1


def test_hold_and_retrieve_fit_their_states() -> None:
    """Holding twice must be refused, not counted twice."""
    bench = Bench()
    call = bench.waiting_call(Caller(talk_s=60.0))
    bench.order(c.HoldCall(call))
    bench.offer(call)
    bench.run(until=1.0)
    bench.order(c.HoldCall(call), c.HoldCall(call), c.RetrieveCall(call), c.RetrieveCall(call))
    names = bench.run()
    assert [n for n in names if n in ("CallHeld", "CallRetrieved")] == ["CallHeld", "CallRetrieved"]
    assert names.count("OrderFailed") == 3


def test_a_held_caller_can_hang_up() -> None:
    """People hang up on music."""
    bench = Bench()
    call = bench.waiting_call(Caller(talk_s=5.0))
    bench.offer(call)
    bench.run(until=1.0)
    bench.order(c.HoldCall(call))
    assert bench.run()[-2:] == ["CallHeld", "CallEnded"]


def test_voice_steps_take_time_and_digits_come_from_the_script() -> None:
    """Menus are tried out on this switch, time-outs too."""
    bench = Bench()
    call = bench.switch.call_in(Caller(digits=("2", "10042#99", ""), press_after_s=1.0))
    prompts = (Prompt("x" * 50),)
    steps: list[c.VoiceStep] = [
        c.PlayPrompts(prompts),
        c.CollectDigits(prompts, 1),
        c.CollectDigits(prompts, 8),
        c.CollectDigits(prompts, 1, first_timeout_s=5.0),
    ]

    def next_step(fact: e.CallArrived | e.StepFinished) -> None:
        number = 0 if isinstance(fact, e.CallArrived) else fact.step_no + 1
        if number < len(steps):
            bench.order(c.RunStep(call, number, steps[number], f"state-{number}"))

    bench.answers = {e.CallArrived: next_step, e.StepFinished: next_step}
    bench.run()
    finished = [fact for _, fact in bench.facts if isinstance(fact, e.StepFinished)]
    assert [(f.outcome, f.digits) for f in finished] == [
        ("done", ""),
        ("digits", "2"),
        ("digits", "10042"),
        ("timeout", ""),
    ]
    assert bench.when(e.StepFinished)[0] == pytest.approx(3.0)
    assert bench.when(e.StepFinished)[-1] > bench.when(e.StepFinished)[-2] + 5.0


def test_a_step_without_a_session_is_refused() -> None:
    """An announcement into music would be heard by nobody."""
    bench = Bench()
    call = bench.waiting_call(Caller())
    bench.order(c.RunStep(call, 1, c.PlayPrompts(())), c.RunStep("nobody", 1, c.PlayPrompts(())))
    assert bench.run().count("OrderFailed") == 2


def test_announcements_visit_a_waiting_caller_again_and_again() -> None:
    """The caller hears the position each half minute, and the visits start over after each."""
    bench = Bench()

    def say(fact: e.WaitVisited) -> None:
        bench.order(c.RunStep(fact.call_id, 1, c.PlayPrompts((Prompt("x" * 50),))))

    def back(fact: e.StepFinished) -> None:
        bench.order(c.StartWaiting(fact.call_id, "q", 0.0, visit_after_s=30.0))

    bench.answers = {e.WaitVisited: say, e.StepFinished: back}
    bench.waiting_call(Caller(patience_s=100.0), visit_after_s=30.0)
    bench.run()
    assert bench.when(e.WaitVisited) == pytest.approx([30.0, 63.0, 96.0])
    assert bench.when(e.CallEnded) == [100.0]


def test_a_digit_opens_a_visit_at_once_if_it_is_awaited() -> None:
    """The caller presses 1 to be called back; other keys do nothing."""
    bench = Bench()
    call = bench.waiting_call(Caller(wait_digit="1", wait_digit_after_s=7.0), digits="1")
    bench.switch.press(call, "5")
    bench.run()
    assert bench.when(e.WaitVisited) == [7.0]
    assert bench.last(e.WaitVisited).digit == "1"


def test_an_offer_interrupts_an_announcement() -> None:
    """A free agent is better news than the position in the line."""
    bench = Bench()
    call = bench.waiting_call(Caller(talk_s=10.0), visit_after_s=5.0)
    bench.run(until=5.0)
    bench.order(c.RunStep(call, 1, c.PlayPrompts((Prompt("x" * 50),))))
    bench.offer(call)
    names = bench.run()
    assert "StepFinished" not in names
    assert names[-1] == "CallEnded"


def test_patience_counts_from_the_first_wait_only() -> None:
    """An announcement or a failed offer must not make callers patient again."""
    bench = Bench(always(Reaction(Act.REFUSE, after_s=4.0)))
    call = bench.waiting_call(Caller(patience_s=10.0))
    bench.offer(call)
    bench.run()
    assert bench.when(e.CallEnded) == [10.0]


@pytest.mark.parametrize(
    ("customer", "fact", "why"),
    [
        (Customer(talk_s=30.0), "CallEnded", ""),
        (Customer("busy", 3.0), "CallbackFailed", "busy"),
        (Customer("answer", 99.0), "CallbackFailed", "no answer"),
    ],
)
def test_callbacks_ring_the_agent_then_the_customer(
    customer: Customer, fact: str, why: str
) -> None:
    """The promise to call back is carried out in this order, each end has its own outcome."""
    bench = Bench(customers=lambda number: customer)
    bench.order(c.DialCallback("cb", "o1", "anna", BROWSER, "+49301", "+4930", 15.0, 20.0))
    names = bench.run()
    assert names[:2] == ["OfferRinging", "OfferAnswered"]
    assert names[-1] == fact
    if why:
        assert bench.last(e.CallbackFailed).why == why
        assert "CallbackConnected" not in names
    else:
        assert "CallbackConnected" in names
    assert bench.switch.live == ()


def test_a_callback_whose_agent_does_not_answer_dials_nobody() -> None:
    """A customer who is rung by an empty chair will not pick up twice."""
    bench = Bench(always(Reaction(Act.IGNORE)))
    bench.order(c.DialCallback("cb", "o1", "anna", BROWSER, "+49301", "", 15.0, 20.0))
    assert bench.run() == ["OfferRinging", "OfferFailed"]
    assert bench.switch.live == ()


def test_an_agent_who_leaves_while_the_customer_is_dialled() -> None:
    """The customer must not be connected to nobody."""
    bench = Bench(customers=lambda number: Customer(after_s=10.0))
    bench.order(c.DialCallback("cb", "o1", "anna", BROWSER, "+49301", "", 15.0, 20.0))
    bench.run(until=5.0)
    bench.switch.agent_hangs_up("cb")
    assert bench.run()[-1] == "CallbackFailed"
    assert bench.last(e.CallbackFailed).why == "agent gone"


def test_transfer_outside_ends_the_call_for_us() -> None:
    """What happens at the other number is not ours to count."""
    bench = Bench()
    call = bench.waiting_call(Caller())
    bench.order(c.TransferCall(call, "+49302"))
    assert bench.run()[-1] == "CallEnded"
    assert bench.last(e.CallEnded).cause == "transferred"


def test_a_lost_phone_gives_the_caller_back_or_ends_the_talk() -> None:
    """Unplugging a ringing phone is no refusal; unplugging a talking one ends the call."""
    bench = Bench(always(Reaction(Act.ANSWER, after_s=5.0)), agents=("anna", "bob"))
    ringing = bench.waiting_call(Caller())
    bench.offer(ringing)
    bench.run(until=1.0)
    bench.switch.phone_down("anna")
    bench.run(until=2.0)
    assert bench.last(e.OfferFailed).why is OfferFailure.UNREACHABLE
    bench.offer(ringing, "o2", "bob")
    bench.run(until=10.0)
    bench.switch.phone_down("bob")
    bench.switch.phone_down("bob")
    assert bench.run()[-1] == "CallEnded"
    assert bench.names().count("PhoneDown") == 4  # browser and desk phone, of each
    bench.switch.phone_up("anna")
    bench.run(until=1001.0)
    assert bench.last(e.PhoneUp).agent_id == "anna"


def test_people_can_answer_and_refuse_by_hand() -> None:
    """In a demonstration somebody clicks."""
    bench = Bench(always(Reaction(Act.BY_HAND)))
    call = bench.waiting_call(Caller())
    bench.offer(call)
    bench.run(until=3.0)
    bench.switch.agent_refuses("o1")
    bench.run(until=4.0)
    bench.offer(call, "o2")
    bench.run(until=5.0)
    bench.switch.agent_answers("o2")
    bench.switch.agent_answers("o1")
    bench.run(until=6.0)
    assert bench.last(e.OfferFailed).why is OfferFailure.REFUSED
    assert bench.names()[-1] == "OfferAnswered"


def test_live_calls_are_reported_to_a_restarted_router() -> None:
    """Calls outlive our process: each place must be adopted, and silence ends with a resume."""
    bench = Bench(always(Reaction(Act.ANSWER, after_s=20.0)), agents=("anna",))
    menu = bench.switch.call_in(Caller())
    bench.time.settle()
    bench.order(c.RunStep(menu, 3, c.CollectDigits(()), "flow:3"))
    waiting = bench.waiting_call(Caller(), visit_after_s=8.0)
    ringing = bench.waiting_call(Caller())
    bench.offer(ringing, ring_s=40.0)
    gone = bench.waiting_call(Caller(patience_s=6.0))
    bench.run(until=5.0)
    bench.switch.disconnect()
    assert not bench.switch.up
    born = bench.switch.call_in(Caller())
    bench.facts.clear()
    bench.run(until=10.0)
    assert bench.facts == []
    bench.switch.connect(bench.sink)
    adopted = {f.call_id: f for _, f in bench.facts if isinstance(f, e.CallAdopted)}
    assert {call: f.place for call, f in adopted.items()} == {
        menu: Place.ENTRY,
        waiting: Place.WAITING,
        ringing: Place.RINGING,
    }
    assert (adopted[ringing].offer_id, adopted[ringing].agent_id) == ("o1", "anna")
    assert adopted[waiting].queue == "q"
    assert bench.last(e.LinkUp).calls == (menu, waiting, ringing, born)
    assert gone not in bench.last(e.LinkUp).calls
    assert bench.last(e.CallArrived).call_id == born
    assert bench.last(e.IvrResumed) == e.IvrResumed(menu, "flow:3")
    assert bench.last(e.PhoneUp).agent_id == "anna"
    bench.run(until=30.0)
    assert bench.last(e.OfferAnswered).call_id == ringing


def test_an_order_for_a_call_that_is_gone_is_refused() -> None:
    """Orders cross hang-ups; they must come back as facts, not as errors."""
    bench = Bench()
    phone = BROWSER
    bench.order(
        c.StartWaiting("x", "q", 0.0),
        c.OfferCall("x", "o", "anna", phone, 5.0),
        c.HoldCall("x"),
        c.TransferCall("x", "1"),
        c.HangUpCall("x"),
        c.CancelOffer("x", "o"),
    )
    assert bench.run() == ["OrderFailed"] * 5


def test_the_same_seed_gives_the_same_day() -> None:
    """A failing simulation must be repeatable from its seed."""

    def day(seed: int) -> list[tuple[float, e.Fact]]:
        bench = Bench(careless(seed, refuse=0.2, ignore=0.2, unreachable=0.1))
        bench.answers[e.CallArrived] = lambda f: bench.order(
            c.StartWaiting(f.call_id, "q", bench.time.now(), visit_after_s=0.0)
        )
        number = count()

        def try_again(call: str) -> None:
            bench.offer(call, f"o{next(number)}")

        bench.answers[e.CallWaiting] = lambda f: bench.time.after(1.0, try_again, f.call_id)
        callers = poisson(seed, per_hour=100, talk_s=20.0, patience_s=40.0)
        at = 0.0
        for _ in range(50):
            gap, caller = next(callers)
            at += gap
            bench.time.after(at, bench.switch.call_in, caller)
        bench.time.run(until=7200.0)
        return bench.facts

    assert day(3) == day(3)
    assert day(3) != day(4)


def test_virtual_time_keeps_order_and_limits() -> None:
    """Actions of one moment run in their order, consequences before later causes."""
    time = VirtualTime(100.0)
    seen: list[object] = []
    time.after(5.0, seen.append, "later")
    time.after(1.0, seen.append, "first")
    time.after(1.0, lambda _: time.soon(seen.append, "consequence"))
    time.after(1.0, seen.append, "second")
    cancelled = time.after(2.0, seen.append, "never")
    cancelled.cancel()
    time.run(until=103.0)
    assert seen == ["first", "consequence", "second"]
    assert time.now() == 103.0
    ticks: list[float] = []
    deadlines = [104.0, 105.0]
    time.run(
        deadline=lambda: deadlines[0] if deadlines else None,
        tick=lambda now: ticks.append(deadlines.pop(0)),
    )
    assert (ticks, seen[-1], time.now()) == ([104.0, 105.0], "later", 105.0)


async def test_the_same_switch_runs_in_real_time() -> None:
    """A demonstration without Asterisk is this switch on the event loop."""
    time = RealTime(speed=200.0)
    switch = VirtualSwitch("v", time, agents=("anna",))
    facts: list[e.Fact] = []
    ended = asyncio.Event()

    def sink(fact: e.Fact) -> None:
        facts.append(fact)
        if isinstance(fact, e.CallArrived):
            switch.execute(c.StartWaiting(fact.call_id, "q", time.now(), visit_after_s=0.0))
        elif isinstance(fact, e.CallWaiting):
            switch.execute(c.OfferCall(fact.call_id, "o1", "anna", BROWSER, 15.0))
        elif isinstance(fact, e.CallEnded):
            ended.set()

    await switch.start(sink)
    assert switch.up
    town = Town(switch, time, repeat(Caller(talk_s=2.0)), per_hour=1.0)
    town.start()
    town.start()
    async with asyncio.timeout(5):
        await ended.wait()
    town.stop()
    await switch.stop()
    kinds = [type(fact).__name__ for fact in facts]
    assert kinds[-4:] == ["CallWaiting", "OfferRinging", "OfferAnswered", "CallEnded"]
    assert time.now() > 1.6e9


def test_a_town_leaves_a_house_without_agents_in_peace() -> None:
    """An evening with nobody signed in must not fill the memory with callers."""
    bench = Bench()
    people = townspeople(5, numbers=(("+49301", "Eve"),), dnis=("100", "200"))
    town = Town(bench.switch, bench.time, people, per_hour=3600.0, most=4)
    town.start()
    bench.time.run(until=300.0)
    assert len(bench.switch.live) == 4
    callers = [fact for _, fact in bench.facts if isinstance(fact, e.CallArrived)]
    assert {fact.dnis for fact in callers} <= {"100", "200"}


def test_arrivals_are_as_many_as_asked_for() -> None:
    """The simulation is only as right as its callers."""
    callers = poisson(1, per_hour=360.0, talk_s=100.0, patience_s=50.0)
    sample = [next(callers) for _ in range(20_000)]
    assert sum(gap for gap, _ in sample) / 20_000 == pytest.approx(10.0, rel=0.03)
    assert sum(x.talk_s or 0.0 for _, x in sample) / 20_000 == pytest.approx(100.0, rel=0.03)
    assert sum(x.patience_s for _, x in sample) / 20_000 == pytest.approx(50.0, rel=0.03)
