"""The expected wait against what then happened, on floors of known arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.expected import NORMAL_90, _quantile
from acd.reasons import sentence
from acd.site import Agent, Queue, Site, SkillNeed

HANDLE_S = 180.0
Entry = tuple[str, tuple[SkillNeed, ...], int]


@dataclass
class Told:
    """What one caller heard, and how long the wait was then."""

    queue: str
    low_s: float
    high_s: float
    waited_s: float


@dataclass
class Day:
    """Poisson arrivals, exponential calls and patience; every caller who waits is told."""

    site: Site
    entries: Callable[[Random], Entry]
    every_s: float  # mean time between two callers
    patience_s: float = 0.0  # 0: nobody gives up
    seed: int = 1
    told: list[Told] = field(default_factory=list)

    def run(self, callers: int) -> list[Told]:
        """The callers of a day; the first tenth teaches the engine and is not told."""
        dice = Random(self.seed)
        engine = Engine(self.site)
        for agent in self.site.agents:
            engine.handle(f.AgentSignedIn(agent.id), 0.0)
            engine.handle(f.AgentReady(agent.id), 0.0)
        heard: dict[str, tuple[float, d.PositionTold]] = {}
        events: list[tuple[float, int, f.Fact]] = []
        at, last = 0.0, 0
        for number in range(callers):
            at += dice.expovariate(1 / self.every_s)
            queue, needs, priority = self.entries(dice)
            heappush(events, (at, last, f.CallQueued(f"c{number}", queue, needs, priority)))
            last += 1
        while events:
            now, _, fact = heappop(events)
            for x in engine.handle(fact, now):
                if isinstance(x, d.Offer):
                    heappush(events, (now, last, f.OfferAccepted(x.offer)))
                    last += 1
                elif isinstance(x, d.CallLeft) and x.outcome == "answered":
                    length_s = dice.expovariate(1 / HANDLE_S)
                    heappush(events, (now + length_s, last, f.CallEnded(x.call)))
                    last += 1
                    if x.call in heard:
                        since, what = heard.pop(x.call)
                        assert what.low_s is not None
                        assert what.high_s is not None
                        self.told.append(Told(x.queue, what.low_s, what.high_s, now - since))
            if isinstance(fact, f.CallQueued):
                if self.patience_s:
                    gone = now + dice.expovariate(1 / self.patience_s)
                    heappush(events, (gone, last, f.CallerGone(fact.call)))
                    last += 1
                for x in engine.handle(f.PositionAsked(fact.call), now):
                    late = int(fact.call[1:]) > callers / 10
                    if isinstance(x, d.PositionTold) and x.low_s is not None and late:
                        heard[fact.call] = (now, x)
        return self.told


def covered(told: list[Told]) -> float:
    """The share of the waits that were in their range."""
    return sum(one.low_s <= one.waited_s <= one.high_s for one in told) / len(told)


def people(number: int, *queues: str, first: int = 0, **skills: int) -> tuple[Agent, ...]:
    """Agents who do the same."""
    return tuple(Agent(f"a{first + n}", queues=queues, skills=skills) for n in range(number))


def line(name: str, **more: object) -> Queue:
    """A queue without wrap-up."""
    return Queue(name, wrap_up_s=0.0, **more)  # type: ignore[arg-type]


GERMAN = (SkillNeed("german"),)
DAYS = {
    "one agent": Day(
        Site((line("q"),), people(1, "q")), lambda dice: ("q", (), 0), HANDLE_S / 0.85
    ),
    "ten agents": Day(
        Site((line("q"),), people(10, "q")), lambda dice: ("q", (), 0), HANDLE_S / 9.2
    ),
    "ten agents, half too few, callers give up": Day(
        Site((line("q"),), people(10, "q")), lambda dice: ("q", (), 0), HANDLE_S / 15, 300.0
    ),
    "two queues share all agents": Day(
        Site((line("q"), line("r")), people(8, "q", "r")),
        lambda dice: (dice.choice("qqqr"), (), 0),
        HANDLE_S / 7.4,
    ),
    "a small queue whose agents also serve a big one": Day(
        Site((line("q"), line("r")), (*people(4, "q", "r"), *people(8, "r", first=4))),
        lambda dice: (dice.choice("qrrrr"), (), 0),
        HANDLE_S / 11,
    ),
    "a queue for some of the agents first": Day(
        Site((line("q", priority=1), line("r")), people(8, "q", "r")),
        lambda dice: (dice.choice("qrr"), (), 0),
        HANDLE_S / 7.2,
    ),
    "one caller in five goes first": Day(
        Site((line("q"),), people(8, "q")),
        lambda dice: ("q", (), dice.choice((0, 0, 0, 0, 3))),
        HANDLE_S / 7.3,
    ),
    "one queue, two languages": Day(
        Site((line("q"),), (*people(6, "q"), *people(3, "q", first=6, german=1))),
        lambda dice: ("q", dice.choice(((), (), (), GERMAN)), 0),
        HANDLE_S / 8.2,
    ),
}


@pytest.mark.parametrize("name", DAYS)
def test_the_range_is_kept_as_often_as_it_says(name: str) -> None:
    """A caller who hears "two to four minutes" is answered in that time in four of five cases."""
    told = DAYS[name].run(4_000)
    assert len(told) > 500
    assert 0.7 <= covered(told) <= 0.9
    middle_s = sum(one.low_s + one.high_s for one in told) / 2 / len(told)
    waited_s = sum(one.waited_s for one in told) / len(told)
    assert middle_s == pytest.approx(waited_s, rel=0.25)


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [(1.0, 0.1054, 2.3026), (5.0, 0.4865, 1.5987), (10.0, 0.6221, 1.4206), (50.0, 0.8236, 1.1850)],
)
def test_quantiles_are_those_of_the_gamma_distribution(
    shape: float, low: float, high: float
) -> None:
    """The approximation is good to a hundredth of the mean from the tables' values."""
    assert _quantile(shape, -NORMAL_90) == pytest.approx(low, abs=0.011)
    assert _quantile(shape, NORMAL_90) == pytest.approx(high, abs=0.026)


def _busy(agents: int = 3) -> Engine:
    """Everybody talks, after a first round of calls of three minutes."""
    engine = Engine(Site((line("q"), line("r", priority=3)), people(agents, "q", "r")))
    for agent in engine.site.agents:
        engine.handle(f.AgentSignedIn(agent.id), 0.0)
        engine.handle(f.AgentReady(agent.id), 0.0)
    for at in (1.0, 181.0):
        for number in range(agents):
            offered = engine.handle(f.CallQueued(f"c{at}-{number}", "q"), at)
            offer = next(x for x in offered if isinstance(x, d.Offer))
            engine.handle(f.OfferAccepted(offer.offer), at)
        if at == 1.0:
            for number in range(agents):
                engine.handle(f.CallEnded(f"c{at}-{number}"), 181.0)
    return engine


def test_nothing_known_or_nobody_there_is_no_expectation() -> None:
    """No number is better than a made-up one."""
    engine = Engine(Site((line("q"),), people(1, "q")))
    assert engine.expected_wait("q", 1) is None
    assert engine.expected_wait("nowhere", 1) is None
    assert engine.expected_wait_of("nobody") is None
    engine = _busy(1)
    assert engine.expected_wait("q", 1) is not None
    engine.handle(f.CallQueued("w", "q", GERMAN), 200.0)
    assert engine.expected_wait_of("w") is None  # nobody speaks it
    engine.handle(f.AgentSignedOut("a0"), 200.0)
    engine.handle(f.CallEnded("c181.0-0"), 201.0)
    assert engine.expected_wait("q", 1) is None
    (told,) = engine.handle(f.PositionAsked("w"), 202.0)
    assert isinstance(told, d.PositionTold)
    assert (told.position, told.low_s, told.high_s) == (1, None, None)


@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 5))
def test_further_back_is_never_sooner(agents: int, callers: int, ahead: int) -> None:
    """Each position waits at least as long as the one before; more agents never make it longer."""
    engine = _busy(agents)
    for number in range(callers):
        engine.handle(f.CallQueued(f"w{number}", "q"), 200.0)
    for number in range(ahead):
        engine.handle(f.CallQueued(f"v{number}", "r"), 200.0)
    found = [engine.expected_wait("q", position) for position in range(1, callers + 2)]
    ranges = [one for one in found if one is not None]
    assert len(ranges) == callers + 1
    for one in ranges:
        assert 0 <= one.low_s <= one.mean_s <= one.high_s
        assert (one.agents, one.elsewhere) == (agents, ahead)
    for one, after in pairwise(ranges):
        assert one.low_s <= after.low_s
        assert one.mean_s < after.mean_s
        assert one.high_s < after.high_s
    in_line = [engine.expected_wait_of(f"w{number}") for number in range(callers)]
    assert [one.ahead for one in in_line if one is not None] == list(range(callers))


def test_looking_changes_nothing() -> None:
    """Screens may ask as often as they like: the day is the same without them."""
    engine, other = _busy(), _busy()
    for number in range(5):
        for one in (engine, other):
            one.handle(f.CallQueued(f"w{number}", "q"), 200.0 + number)
        assert engine.expected_wait("q", 3) is not None
        assert engine.expected_wait_of("w0") is not None
    assert engine.handle(f.PositionAsked("w4"), 300.0) == other.handle(f.PositionAsked("w4"), 300.0)
    assert engine.snapshot() == other.snapshot()


def test_the_reason_says_what_it_was_reckoned_from() -> None:
    """A caller who complains can be told why the range was what it was, in both languages."""
    engine = _busy()
    engine.handle(f.CallQueued("w", "q"), 200.0)
    (told,) = engine.handle(f.PositionAsked("w"), 201.0)
    assert isinstance(told, d.PositionTold)
    assert told.reason.data["agents"] == 3
    assert told.low_s is not None
    assert told.high_s is not None
    assert told.low_s < 60.0 < told.high_s  # three agents, three minutes
    assert sentence(told.reason, "en") == (
        f"position 1; expected wait {round(told.low_s)} to {round(told.high_s)} s, "
        "with 3 agents at work"
    )
    assert sentence(told.reason, "zh").startswith("第 1 位；预计等待")
    engine.handle(f.AgentSignedOut("a0"), 202.0)
    engine.handle(f.CallEnded("c181.0-0"), 203.0)
    (worse,) = engine.handle(f.PositionAsked("w"), 204.0)
    assert isinstance(worse, d.PositionTold)
    assert worse.reason.code == "position-same"
    assert (worse.reason.data["agents_before"], worse.reason.data["agents"]) == (3, 2)
