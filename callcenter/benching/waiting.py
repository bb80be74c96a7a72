"""What a full line costs: as many callers wait as there are agents, in app_queue and with us.

On one Asterisk, with the same SIPp callers and registered phones each time:

    music   callers who hear the waiting music, and are in no queue: the floor
    queue   the same callers wait in `Queue()`; its members are all paused
    ours    the same callers wait with us; our agents are signed in and not ready

First everybody waits, and CPU is read over `watch_s`; then all agents become ready at once, and CPU
is read until the line is empty. CPU is from /proc for each process, less what it spends when idle.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed

from callcenter.benching import company
from callcenter.benching.consoles import Consoles
from callcenter.benching.measure import CpuWatch, Spent, machine
from callcenter.benching.queue import Bench, BenchFailed, Plan, Step, private_folder, sweep
from callcenter.benching.sipp import CallerRun, obtain_sipp
from cti.asterisk.ami import Ami, AmiSettings
from cti.asterisk.control import console_command
from cti.asterisk.install import obtain_asterisk
from cti.debian import ProgressSink, silent

ARRIVE_PER_S = 20.0
_SETTLE_S = 1.5
_READY_PER_S = 50.0  # consoles that press a button, or members that are unpaused


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of one process: milliseconds per second of waiting, and per call that is connected."""

    waiting_ms_per_s: float
    connected_ms_per_call: float


async def bench_waiting(
    sizes: tuple[int, ...],
    *,
    watch_s: float = 10.0,
    step: Step = lambda what: None,
    progress: ProgressSink = silent,
) -> dict[str, Any]:
    """The comparison for each number of callers (and agents), as one JSON object.

    Raises `BenchFailed`, `SippFailed`, `AsteriskUnavailable` or `AsteriskFailed`.
    """
    sweep()
    install = await obtain_asterisk(progress)
    sipp = await obtain_sipp(progress)
    rows = []
    for size in sizes:
        async with contextlib.AsyncExitStack() as stack:
            folder = stack.enter_context(private_folder())
            plan = Plan(calls=size, rate=ARRIVE_PER_S, hold_s=_hold_s(size, watch_s), staff=size)
            bench = await Bench.prepare(plan, folder, install, sipp)
            stack.push_async_callback(bench.end)
            try:
                rows.append(await _Line(bench, size, watch_s, step).run())
            except (OSError, ConnectionClosed) as error:
                raise BenchFailed(bench.why_ended()) from error
    return {"watch_s": watch_s, "sizes": rows, "asterisk": install.version, "machine": machine()}


def _hold_s(size: int, watch_s: float) -> float:
    """How long a caller stays: till the last one has come, waited and been connected."""
    return size / ARRIVE_PER_S + _SETTLE_S + watch_s + _connect_s(size) + _SETTLE_S


def _connect_s(size: int) -> float:
    return size / _READY_PER_S * 2 + 3.0


class _Line:
    def __init__(self, bench: Bench, size: int, watch_s: float, step: Step) -> None:
        self._bench = bench
        self._size = size
        self._watch_s = watch_s
        self._step = step

    async def run(self) -> dict[str, Any]:
        """All three."""
        bench, size = self._bench, self._size
        self._step(f"{size} callers and agents: starting Asterisk")
        await bench.start_asterisk()
        members = [f"PJSIP/desk-{agent}" for agent in bench.site.agents]
        await self._members("pause", members)
        self._step(f"{size} callers hear music")
        manager = await self._listen()
        try:
            music = await self._through(self._watch(), company.MUSIC_NUMBER, None, 0)
            self._step(f"{size} callers wait in app_queue")
            queue = await self._through(
                self._watch(), company.NUMBER, lambda: self._members("unpause", members), size
            )
        finally:
            await manager.stop()
        self._step(f"{size} callers wait with us")
        await bench.hand_over()
        ours = await self._with_us()
        return {
            "callers": size,
            "agents": size,
            "music": asdict(music["asterisk"]),
            "app_queue": asdict(queue["asterisk"]),
            "asterisk": asdict(ours["asterisk"]),
            "callcenter": asdict(ours["callcenter"]),
        }

    async def _with_us(self) -> dict[str, Cost]:
        bench = self._bench
        consoles = Consoles(bench.settings.port, bench.tokens)
        try:
            await consoles.open()
            await consoles.all_do("not_ready", reason="")
            return await self._through(
                self._watch(), company.NUMBER, lambda: consoles.all_do("ready"), self._size
            )
        finally:
            await consoles.close()

    def _watch(self) -> CpuWatch:
        pids = {"asterisk": self._bench.asterisk_pid()}
        if self._bench.product is not None:
            pids["callcenter"] = self._bench.product.pid
        return CpuWatch(**pids)

    async def _through(
        self,
        watch: CpuWatch,
        number: str,
        work: Callable[[], Awaitable[None]] | None,
        answered: int,
    ) -> dict[str, Cost]:
        """Everybody calls `number` and waits; then `work` begins, if there is any."""
        bench, size = self._bench, self._size
        await watch.idle(bench.plan.idle_s)
        calling = asyncio.create_task(
            bench.load.call(bench.callers(size, lambda n: number), ARRIVE_PER_S, bench.plan.hold_s)
        )
        try:
            await asyncio.sleep(size / ARRIVE_PER_S + _SETTLE_S)
            waiting = await self._measure(watch, asyncio.sleep(self._watch_s))
            connecting = dict.fromkeys(waiting, Spent(0.0, 0.0))
            if work is not None:
                connecting = await self._measure(watch, self._connect(work))
                await self._check_connected(answered)
            run: CallerRun = await calling
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        if run.succeeded < size:
            raise BenchFailed(f"{size - run.succeeded} of {size} calls to {number} failed")
        return {
            name: Cost(
                round(waiting[name].load_s * 1000 / self._watch_s, 2),
                round(connecting[name].load_s * 1000 / size, 2),
            )
            for name in waiting
        }

    @staticmethod
    async def _measure(watch: CpuWatch, during: Awaitable[None]) -> dict[str, Spent]:
        watch.start()
        await during
        return watch.stop()

    async def _connect(self, work: Callable[[], Awaitable[None]]) -> None:
        until = asyncio.get_running_loop().time() + _connect_s(self._size)
        await work()
        await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()))

    async def _check_connected(self, wanted: int) -> None:
        """Every caller talks with somebody, or the figure would be of fewer calls."""
        text = await console_command(
            self._bench.server.layout.control_socket, "core show channels count"
        )
        channels = int(text.split()[0])
        if channels < 2 * wanted:
            raise BenchFailed(f"{wanted} callers were to talk, but there are {channels} channels")

    async def _members(self, what: str, members: list[str]) -> None:
        socket = self._bench.server.layout.control_socket
        for member in members:
            said = await console_command(socket, f"queue {what} member {member} queue bench")
            if "paused" not in said:
                raise BenchFailed(f"app_queue would not {what} {member}: {said}")

    async def _listen(self) -> Ami:
        """One connection to the manager interface, as we have one."""
        who, up = self._bench.server.identity, asyncio.Event()
        settings = AmiSettings(who.ports.ami, who.ami_user, who.ami_secret)
        manager = Ami(settings, lambda event: None, on_up=up.set)
        manager.connect()
        async with asyncio.timeout(10):
            await up.wait()
        return manager
