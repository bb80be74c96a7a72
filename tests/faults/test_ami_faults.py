"""The AMI connection breaks in every way while callers wait, ring and talk."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cti import events as e
from cti.calls import Place

pytestmark = pytest.mark.asterisk

DESK_TONE_HZ = 1300


@dataclass(frozen=True)
class Fault:
    """`begin` and `end` it; does the link notice (`down`)?"""

    begin: Callable[[Any], Awaitable[None] | None]
    end: Callable[[Any], None] = lambda proxy: proxy.heal()
    down: bool = True


def _set(**values: Any) -> Callable[[Any], None]:
    def begin(proxy: Any) -> None:
        for name, value in values.items():
            setattr(proxy, name, value)

    return begin


def _gone(kind: str) -> Callable[[Any], None]:
    """Broken, and nobody gets through until it ends."""

    def begin(proxy: Any) -> None:
        proxy.refuse = True
        getattr(proxy, kind)()

    return begin


async def _sent(proxy: Any, *frames: bytes) -> None:
    await proxy.flood(frames)


FAULTS = {
    "a cut": Fault(_gone("cut")),
    "a reset": Fault(_gone("reset")),
    "a reset in a burst": Fault(lambda proxy: proxy.reset_after(150)),
    "half-open": Fault(lambda proxy: proxy.go_dark()),
    "half-open, nobody new": Fault(_gone("go_dark")),
    "a long silence": Fault(lambda proxy: proxy.hold()),
    "an oversized frame": Fault(lambda proxy: _sent(proxy, b"Event: X\r\nA: ", b"x" * 5_000_000)),
    "garbage": Fault(lambda proxy: _sent(proxy, b"\0\xff\xfe garbage: "), down=False),
    "half a frame": Fault(lambda proxy: _sent(proxy, b"Event: Hangup\r\nUniq"), down=False),
    "latency": Fault(_set(latency_s=0.4), down=False),
    "one-byte slices": Fault(_set(slice_bytes=1), down=False),
    "a slow line": Fault(_set(bytes_per_s=4000.0), down=False),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_calls_outlive_a_fault(office, name):
    """Who talks talks on, who waits keeps the place, who left is gone, who came is there."""
    fault = FAULTS[name]
    await office.agent("anna")
    talker, talking = await office.talking("anna")
    await office.agent("ben")
    leaver, leaving = await office.talking("ben")
    await office.agent("chen", "ring")
    _, ringing = await office.ringing("chen")
    _, waiting = await office.waiting()

    begun = fault.begin(office.ami)
    if begun is not None:
        await begun
    await leaver.hang_up()
    newcomer = await office.lines.call("301", office.stranger())
    if fault.down:
        await office.is_down()
    await asyncio.sleep(0.5)
    fault.end(office.ami)
    ended = time.monotonic()
    if fault.down:
        await office.is_back(ended, name)

    await office.until_state("ben", "wrap-up", 5.0)
    new = await office.until(lambda: office.book_of(newcomer), "the newcomer")
    await office.until(lambda: office.engine.visit(new.call_id), "the newcomer in the queue")
    assert office.place(talking) is Place.TALKING
    assert office.place(ringing) is Place.RINGING
    waits = [one.call for one in office.engine.waiting("plain")]
    assert waits == [waiting, new.call_id]
    assert [office.state(who) for who in ("anna", "chen")] == ["talking", "reserved"]

    await office.lines.phone("chen", "answer")
    await office.wait(e.OfferAnswered, call_id=ringing, agent_id="chen")
    await office.floor.wrap_up("ben", leaving, "", "", "ready")
    await office.wait(e.OfferAnswered, call_id=waiting, agent_id="ben")
    await talker.hang_up()
    await office.until_state("anna", "wrap-up")
    assert office.blamed("ben") == office.blamed("chen") == []
    assert office.outcome(leaving) == office.outcome(talking) == "answered"
    assert (await talker.heard()).longest_gap_s(DESK_TONE_HZ) < 0.5


async def test_reconnecting_again_and_again_costs_no_memory(open_office):
    """A line that breaks all day must not fill the machine: connections leave nothing behind."""
    office = await open_office(retry_first_s=0.02, retry_most_s=0.05)
    await office.agent("anna")
    await office.talking("anna")

    async def break_it(times: int) -> None:
        for _ in range(times):
            ups = len(office.of(e.LinkUp))
            office.ami.reset()
            await office.until(lambda ups=ups: len(office.of(e.LinkUp)) > ups, "LinkUp")
            office.facts[:-20], office.stamps[:-20] = [], []
            office.journal.entries.clear()

    await break_it(5)
    tracemalloc.start()
    try:
        await break_it(5)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        await break_it(20)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    office.measured("memory kept by each of 20 reconnections, kB", (after - before) / 20_000)
    assert (after - before) / 20 < 10_000
    assert len(asyncio.all_tasks()) < 40
