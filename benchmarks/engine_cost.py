"""What one decision of the routing engine costs, by the number of agents.

    python -m benchmarks.engine_cost [--seconds 3] [--json]

Drives `acd.engine.Engine` alone with the facts of a busy floor (callers come, are answered,
hang up, give up; agents refuse now and then) and times each `handle`. The figures go to
`benchmarks/results/engine_cost.json`: facts and decisions per second of one core, and the time
of one `handle` in microseconds (median, p99, worst).
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import statistics
import sys
import time
from collections import deque
from typing import Any

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Agent, Queue, Site, SkillNeed
from benchmarks import figures

SIZES = (10, 1_000, 10_000)
LANGUAGES = ("en", "fr", "zh", "de")
STEP_S = 0.001  # engine time between two facts


def site_of(agents: int) -> Site:
    """As many agents, a queue for each 50 of them (ten at most), four languages as skills."""
    queues = tuple(f"q{n}" for n in range(max(1, min(10, agents // 50))))
    dice = random.Random(agents)
    return Site(
        # so long that about one agent in twenty is in wrap-up
        tuple(Queue(name, wrap_up_s=0.2 * agents * STEP_S) for name in queues),
        tuple(
            Agent(
                f"agent-{n}",
                queues=tuple(dice.sample(queues, min(len(queues), 2))),
                skills={dice.choice(LANGUAGES): dice.randint(1, 10)},
            )
            for n in range(agents)
        ),
    )


class Floor:
    """Feeds an engine with a floor that is 95 % busy and has a line of callers."""

    def __init__(self, agents: int, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        self.site = site_of(agents)
        self.engine = Engine(self.site)
        self.now = 0.0
        self.ringing: deque[d.Offer] = deque()
        self.talking: deque[str] = deque()
        self.waiting: dict[str, None] = {}  # in the order of their coming
        self.calls = 0
        self.most_waiting = max(5, agents // 10)
        self.took: list[int] = []
        self.decisions = 0
        for agent in self.site.agents:
            self.tell(f.AgentSignedIn(agent.id))
            self.tell(f.AgentReady(agent.id))

    def tell(self, fact: f.Fact) -> None:
        self.now += STEP_S
        began = time.perf_counter_ns()
        decided = self.engine.handle(fact, self.now)
        self.took.append(time.perf_counter_ns() - began)
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
        dice = self.dice
        if self.ringing:
            offer = self.ringing.popleft()
            if dice.random() < 0.02:
                self.waiting[offer.call] = None
                self.tell(f.OfferDeclined(offer.offer))
                self.tell(f.AgentReady(offer.agent))
            else:
                self.tell(f.OfferAccepted(offer.offer))
                self.talking.append(offer.call)
        elif len(self.waiting) > self.most_waiting and dice.random() < 0.1:
            gone = next(iter(self.waiting))
            del self.waiting[gone]
            self.tell(f.CallerGone(gone))
        elif len(self.talking) > 0.9 * len(self.site.agents) or (
            self.talking and len(self.waiting) > self.most_waiting
        ):
            self.tell(f.CallEnded(self.talking.popleft()))
        else:
            self._call()

    def _call(self) -> None:
        self.calls += 1
        call = f"c{self.calls}"
        needs = (SkillNeed(self.dice.choice(LANGUAGES), 3),) if self.dice.random() < 0.3 else ()
        self.waiting[call] = None
        self.tell(f.CallQueued(call, self.dice.choice(self.site.queues).id, needs))


def measure(agents: int, seconds: float) -> dict[str, Any]:
    """Run one floor for about `seconds` after it has filled."""
    floor = Floor(agents)
    for _ in range(agents * 3):
        floor.next()
    floor.took.clear()
    floor.decisions = 0
    gc.collect()
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        for _ in range(50):
            floor.next()
    took = sorted(floor.took)
    spent_s = sum(took) / 1e9
    return {
        "agents": agents,
        "facts": len(took),
        "facts_per_s": round(len(took) / spent_s),
        "decisions_per_s": round(floor.decisions / spent_s),
        "handle_us": {
            "p50": round(statistics.median(took) / 1e3, 2),
            "p99": round(took[int(len(took) * 0.99)] / 1e3, 2),
            "max": round(took[-1] / 1e3, 2),
        },
    }


def main() -> None:
    """Measure each size, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per number of agents")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    sizes = [measure(agents, asked.seconds) for agents in SIZES]
    result: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "sizes": sizes,
    }
    figures.keep("engine_cost", result)
    if asked.json:
        json.dump(result, sys.stdout)
        print()
        return
    for row in sizes:
        us = row["handle_us"]
        print(
            f"{row['agents']:>6} agents: {row['decisions_per_s']:>8} decisions/s, "
            f"handle p50 {us['p50']} us, p99 {us['p99']} us"
        )


if __name__ == "__main__":
    main()
