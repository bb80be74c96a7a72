"""What one decision of the routing engine costs, by the number of agents, callers and queues.

    python -m benchmarks.engine_cost [--seconds 3] [--keep] [--json]

Drives `acd.engine.Engine` alone with the facts of a floor (callers come, are answered, hang up,
give up; agents refuse now and then) and times each `handle`: on a "calm" floor, where a caller
finds a free agent, and on a "full" one, where as many callers wait as there are agents. Given are
facts and decisions per second of one core, the time of one `handle` in microseconds (median, p99,
worst), and how many bytes an agent and a waiting call take (tracemalloc).
"""

from __future__ import annotations

import argparse
import gc
import itertools
import platform
import random
import statistics
import time
import tracemalloc
from collections import deque
from collections.abc import Callable
from typing import Any

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Agent, Queue, Site, SkillNeed
from benchmarks import figures

SIZES = ((10, 1), (100, 10), (1_000, 1), (1_000, 200), (10_000, 1), (10_000, 2_000))
"""Agents (and waiting callers), and queues."""
MOST_P99_US = 1_000.0  # at 10,000 agents
MOST_RATIO = 3.0  # of the cost of a decision at 10,000 agents to that at 10
LANGUAGES = ("en", "fr", "zh", "de")
STEP_S = 0.001  # engine time between two facts


def site_of(agents: int, queues: int) -> Site:
    """Agents of two queues (if there are as many) with one of four languages as a skill each."""
    names = tuple(f"q{n}" for n in range(queues))
    dice = random.Random(agents)
    return Site(
        # so long that about one agent in fifteen is in wrap-up
        tuple(Queue(name, wrap_up_s=0.2 * agents * STEP_S) for name in names),
        tuple(
            Agent(
                f"agent-{n}",
                queues=tuple(dice.sample(names, min(queues, 2))),
                skills={dice.choice(LANGUAGES): dice.randint(1, 10)},
            )
            for n in range(agents)
        ),
    )


class Floor:
    """Feeds an engine: with `line` waiting callers, or (0) with four agents in five talking.

    `clock` times each `handle`, in nanoseconds.
    """

    def __init__(
        self, site: Site, line: int, clock: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self.clock = clock
        self.dice = random.Random(1)
        self.site = site
        self.engine = Engine(site)
        self.now = 0.0
        self.line = line
        self.busy = len(site.agents) if line else round(len(site.agents) * 0.8)
        self.ringing: deque[d.Offer] = deque()
        self.talking: deque[str] = deque()
        self.waiting: dict[str, None] = {}  # in the order of their coming
        self.calls = 0
        self.took: list[int] = []
        self.decisions = 0
        for agent in site.agents:
            self.tell(f.AgentSignedIn(agent.id))
            self.tell(f.AgentReady(agent.id))

    def fill(self) -> None:
        """Until the floor is as busy as wanted; then count anew."""
        while len(self.talking) < self.busy * 0.9:
            self._answer() if self.ringing else self._call()
        while len(self.waiting) < self.line:
            self._call()
        for _ in range(len(self.site.agents)):
            self.next()
        self.took.clear()
        self.decisions = 0
        gc.collect()

    def tell(self, fact: f.Fact) -> None:
        self.now += STEP_S
        began = self.clock()
        decided = self.engine.handle(fact, self.now)
        self.took.append(self.clock() - began)
        self.decisions += len(decided)
        for decision in decided:
            if type(decision) is d.Offer:
                self.ringing.append(decision)
                self.waiting.pop(decision.call, None)
            elif type(decision) is d.CancelOffer:
                # A wrap-up ended just before the caller gave up: offered and taken back at once.
                self.ringing = deque(o for o in self.ringing if o.offer != decision.offer)
            elif type(decision) is d.Refused:
                raise AssertionError(f"the floor told nonsense: {decision}")

    def next(self) -> None:
        """One thing that happens on the floor."""
        if self.ringing:
            self._answer()
        elif len(self.waiting) > self.line and self.dice.random() < 0.2:
            gone = next(iter(self.waiting))
            del self.waiting[gone]
            self.tell(f.CallerGone(gone))
        elif self.talking and (
            len(self.talking) >= self.busy or (self.line and len(self.waiting) >= self.line)
        ):
            self.tell(f.CallEnded(self.talking.popleft()))
        else:
            self._call()

    def _answer(self) -> None:
        offer = self.ringing.popleft()
        if self.dice.random() < 0.02:
            self.waiting[offer.call] = None
            self.tell(f.OfferDeclined(offer.offer))
            self.tell(f.AgentReady(offer.agent))
        else:
            self.tell(f.OfferAccepted(offer.offer))
            self.talking.append(offer.call)

    def _call(self) -> None:
        self.calls += 1
        call = f"c{self.calls}"
        needs = (SkillNeed(self.dice.choice(LANGUAGES), 3),) if self.dice.random() < 0.3 else ()
        self.waiting[call] = None
        self.tell(f.CallQueued(call, self.dice.choice(self.site.queues).id, needs))


def measure(
    agents: int,
    queues: int,
    floor: str,
    seconds: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Any]:
    """Run one floor ("calm" or "full") for about `seconds` after it has filled."""
    run = Floor(site_of(agents, queues), agents if floor == "full" else 0, clock)
    run.fill()
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        for _ in range(50):
            run.next()
    took = sorted(run.took)
    spent_s = sum(took) / 1e9
    return {
        "agents": agents,
        "queues": queues,
        "floor": floor,
        "waiting": len(run.waiting),
        "facts": len(took),
        "facts_per_s": round(len(took) / spent_s),
        "decisions_per_s": round(run.decisions / spent_s),
        "decision_us": round(spent_s * 1e6 / run.decisions, 2),
        "handle_us": {
            "p50": round(statistics.median(took) / 1e3, 2),
            "p99": round(took[int(len(took) * 0.99)] / 1e3, 2),
            "max": round(took[-1] / 1e3, 2),
        },
    }


def memory(many: int = 5_000) -> dict[str, int]:
    """Bytes that an agent takes (signed in, with the site's part), and a waiting call."""
    site = site_of(many, 10)
    gc.collect()
    tracemalloc.start()
    engine = Engine(site)
    for agent in site.agents:
        engine.handle(f.AgentSignedIn(agent.id), 0.0)
    gc.collect()
    with_agents = tracemalloc.get_traced_memory()[0]
    for n in range(many):
        engine.handle(f.CallQueued(f"c{n}", f"q{n % 10}"), 1.0)
    gc.collect()
    with_calls = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return {
        "agent_bytes": round(with_agents / many),
        "waiting_call_bytes": round((with_calls - with_agents) / many),
    }


def all_sizes(seconds: float) -> dict[str, Any]:
    """Every size on both floors, the dearest decision at 10,000 agents to that at 10, memory."""
    sizes = [
        measure(agents, queues, floor, seconds)
        for (agents, queues), floor in itertools.product(SIZES, ("calm", "full"))
    ]
    most = max(agents for agents, _ in SIZES)
    ratio = max(
        row["decision_us"] / small["decision_us"]
        for row, small in itertools.product(sizes, sizes)
        if row["agents"] == most and small["agents"] == 10 and row["floor"] == small["floor"]
    )
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "sizes": sizes,
        "ratio": round(ratio, 2),
        "memory": memory(),
    }


def main() -> None:
    """Measure each size; print or keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each size and floor")
    figures.add_arguments(parser)
    asked = parser.parse_args()
    result = all_sizes(asked.seconds)
    if figures.hand_out("engine_cost", result, asked):
        return
    for row in result["sizes"]:
        us = row["handle_us"]
        print(
            f"{row['agents']:>6} agents, {row['queues']:>5} queues, {row['waiting']:>6} wait: "
            f"{row['decisions_per_s']:>8} decisions/s, p50 {us['p50']} us, p99 {us['p99']} us"
        )
    print(f"a decision at {SIZES[-1][0]:,} agents costs {result['ratio']} times that at 10")
    print(", ".join(f"{name}: {size}" for name, size in result["memory"].items()))


if __name__ == "__main__":
    main()
