"""What a call costs our process when it serves one, two and four Asterisks.

    python -m benchmarks.many_switches [--calls 48] [--keep] [--json]

The same calls at the same pace, spread over the switches in turn; agents' phones are spread as
well, so with several switches most callers are put through to a phone on another one. Figures go
to `benchmarks/results/many_switches.json`: CPU milliseconds of our process for each call (it
should be the same for each number of switches) and of all Asterisks together.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from typing import Any

from benchmarks import figures
from benchmarks.office import Office, office
from callcenter.benching.measure import CpuWatch, machine

SIZES = (1, 2, 4)
TALK_S = 0.3
IDLE_S = 3.0
_strangers = itertools.count(1000)


async def one_call(where: Office, switch: str) -> None:
    caller, name, _ = await where.talking(f"+1613555{next(_strangers):04d}", switch)
    await asyncio.sleep(TALK_S)
    await caller.hang_up()
    await where.agents[name].until_state("ready")


async def some_calls(where: Office, calls: int, at_once: int = 3) -> None:
    """`calls` in all, a few at a time; the switches take turns."""
    turns = iter([switch for _, switch in zip(range(calls), itertools.cycle(where.switches))])

    async def one_after_the_other() -> None:
        for switch in turns:
            await one_call(where, switch)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


async def measure_size(size: int, calls: int) -> dict[str, Any]:
    names = tuple(f"s{number}" for number in range(1, size + 1))
    async with office(switches=names) as where:
        await some_calls(where, 2 * size)
        watch = CpuWatch(**where.pids())
        await watch.idle(IDLE_S)
        watch.start()
        await some_calls(where, calls)
        spent = watch.stop()
    ours = spent.pop("callcenter")
    return {
        "switches": size,
        "callcenter_ms": round(ours.load_s / calls * 1000, 2),
        "asterisk_ms": round(sum(one.load_s for one in spent.values()) / calls * 1000, 2),
    }


async def measure(calls: int) -> dict[str, Any]:
    sizes = [await measure_size(size, calls) for size in SIZES]
    return {"machine": machine(), "calls": calls, "sizes": sizes}


def main() -> None:
    """Measure each number of switches, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=48, help="for each number of switches")
    figures.add_arguments(parser)
    asked = parser.parse_args()
    result = asyncio.run(measure(asked.calls))
    if figures.hand_out("many_switches", result, asked):
        return
    for row in result["sizes"]:
        print(row)


if __name__ == "__main__":
    main()
