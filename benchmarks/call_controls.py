"""What each call control costs on a real Asterisk, in CPU of Asterisk and of our process.

    python -m benchmarks.call_controls [--calls 6] [--keep] [--json]

Every call lasts as long as every other (sound flows both ways all the time), so what a path
costs more than `plain` is what the control itself costs. CPU is user and system time over the
path's calls, less idle time, divided by the calls. Figures go to
`benchmarks/results/call_controls.json`. A path that is refused says why and is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks import figures
from benchmarks.office import Office, office
from callcenter.benching.measure import CpuWatch, machine
from tools.lab.console import Console, Refused

LASTS_S = 1.6  # every call, from its answer
IDLE_S = 2.0
OTHERS_S = 10.0
AFTERWARDS_S = 1.0  # what is done behind a call's back belongs to it

Path_ = Callable[[Office, Console, str], Awaitable[None]]
_strangers = itertools.count(1000)


def _other(where: Office, mine: Console) -> str:
    """Somebody else who is ready."""
    return next(
        name
        for name, console in where.agents.items()
        if console is not mine and console.state == "ready"
    )


async def _until_leg(console: Console, state: str) -> None:
    def there() -> bool:
        legs = (console.call or {}).get("legs") or []
        return any(leg["state"] == state for leg in legs)

    await console.until(there, f"a leg that is {state}")


async def plain(where: Office, agent: Console, call_id: str) -> None:
    """Nothing but the conversation."""


async def hold(where: Office, agent: Console, call_id: str) -> None:
    await agent.do("hold", call_id=call_id)
    await agent.until_state("held")
    await agent.do("retrieve", call_id=call_id)
    await agent.until_state("talking")


async def blind_transfer(where: Office, agent: Console, call_id: str) -> None:
    other = _other(where, agent)
    await agent.do("transfer", call_id=call_id, kind="agent", to=other)
    console = where.agents[other]
    await console.until(lambda: (console.call or {}).get("call_id") == call_id, "the call")
    await console.until_state("talking")


async def consult_and_complete(where: Office, agent: Console, call_id: str) -> None:
    await agent.do("consult", call_id=call_id, kind="agent", to=_other(where, agent))
    await _until_leg(agent, "talking")
    await agent.do("complete", call_id=call_id)
    await agent.until(lambda: agent.call is None, "the end of the agent's part")


async def conference(where: Office, agent: Console, call_id: str) -> None:
    await agent.do("consult", call_id=call_id, kind="agent", to=_other(where, agent))
    await _until_leg(agent, "talking")
    await agent.do("conference", call_id=call_id)
    await agent.until_state("conference")


async def recording(where: Office, agent: Console, call_id: str) -> None:
    await agent.do("record", call_id=call_id, action="start")
    await agent.until(lambda: (agent.call or {}).get("recording"), "the recording")


async def supervision(where: Office, agent: Console, call_id: str) -> None:
    await where.boss.do("supervise", call_id=call_id, mode="listen")
    await _until_leg(agent, "supervising")


PATHS: tuple[Path_, ...] = (
    plain,
    hold,
    blind_transfer,
    consult_and_complete,
    conference,
    supervision,
    recording,  # last: recordings are worked on after their calls
)


async def one_call(where: Office, path: Path_) -> None:
    """A call from its beginning to everybody being ready again."""
    caller, name, call_id = await where.talking(f"+1613555{next(_strangers):04d}")
    ends = time.monotonic() + LASTS_S
    try:
        await path(where, where.agents[name], call_id)
        await asyncio.sleep(max(0.0, ends - time.monotonic()))
    finally:
        await caller.hang_up()
        for console in (*where.agents.values(), where.boss):
            async with asyncio.timeout(OTHERS_S):
                await console.until(lambda c=console: c.call is None, "no call")  # type: ignore[misc]
        await where.all_ready()


async def measure_path(where: Office, path: Path_, calls: int) -> dict[str, Any]:
    """Milliseconds of CPU for each call of one path."""
    try:
        await one_call(where, path)  # warm
    except (Refused, AssertionError, TimeoutError) as error:
        return {"refused": str(error).partition("\n")[0][:200]}
    watch = CpuWatch(**where.pids())
    await watch.idle(IDLE_S)
    watch.start()
    for _ in range(calls):
        await one_call(where, path)
    await asyncio.sleep(AFTERWARDS_S)
    spent = watch.stop()
    ours = spent.pop("callcenter").load_s
    theirs = sum(one.load_s for one in spent.values())
    return {
        "callcenter_ms": round(ours / calls * 1000, 2),
        "asterisk_ms": round(theirs / calls * 1000, 2),
        "sum_ms": round((ours + theirs) / calls * 1000, 2),
    }


async def measure(calls: int) -> dict[str, Any]:
    async with office() as where:
        paths = {}
        for path in PATHS:
            paths[path.__name__] = await measure_path(where, path, calls)
    return {"machine": machine(), "calls": calls, "lasts_s": LASTS_S, "paths": paths}


def main() -> None:
    """Measure each path, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=6, help="of each path")
    figures.add_arguments(parser)
    asked = parser.parse_args()
    result = asyncio.run(measure(asked.calls))
    if figures.hand_out("call_controls", result, asked):
        return
    for name, row in result["paths"].items():
        print(f"{name:>22}: {row}")


if __name__ == "__main__":
    main()
