"""One Asterisk, the same callers and phones three times: app_queue, bare Dial, and us.

    folder ─▶ Asterisk with app_queue ─▶ load 1: Queue()   (app_queue)
                      │                 ─▶ load 2: Dial()    (the floor)
                      └── goes on running, taken over by `python -m callcenter up`
                                        ─▶ load 3: the whole system, agents at their consoles

CPU is read from /proc for each process over its load, less what it spends when idle. Each
contender has one connection to Asterisk's manager interface meanwhile: we our link, the others
the listener that stamps who waits and who rings (a company has at least a wallboard there).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.metadata
import math
import os
import platform
import random
import signal
import socket
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from callcenter.asteriskfloor import desk_secrets
from callcenter.benching import company
from callcenter.benching.consoles import Consoles
from callcenter.benching.measure import CpuWatch, Spent, Tap, machine, quantiles
from callcenter.benching.sipp import SippLoad, SippProgram, obtain_sipp
from config.settings import Settings
from config.site import Site
from cti.asterisk.install import AsteriskInstall, obtain_asterisk
from cti.asterisk.layout import Layout, Ports, free_ports
from cti.asterisk.server import AsteriskServer, find_process
from cti.debian import ProgressSink, silent
from storage.database import open_engine
from storage.journal import Journal

PREFIX = f"cc-bench-{os.getuid()}-"
TAIL_S = 2.0  # records are saved once a second: what a call costs after its end counts too
Step = Callable[[str], None]


class BenchFailed(Exception):  # noqa: N818 - reads as what happened
    """The benchmark could not be carried out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` in calls per second; a caller stays `hold_s`; `idle_s` is each idle baseline.

    `staff`: so many agents; None: more than can be busy at once.
    """

    calls: int = 300
    rate: float = 10.0
    hold_s: float = 2.0
    idle_s: float = 4.0
    warm_up: int = 20
    staff: int | None = None

    @property
    def agents(self) -> int:
        if self.staff is not None:
            return self.staff
        return min(900, math.ceil(self.rate * (self.hold_s + 1.0)) + 5)


@dataclass(frozen=True, slots=True)
class Round:
    """One load on one contender."""

    spent: Mapping[str, Spent]
    waits_s: tuple[float, ...]
    failed: int


async def bench_queue(
    plan: Plan, *, runs: int = 1, step: Step = lambda what: None, progress: ProgressSink = silent
) -> dict[str, Any]:
    """Run the comparison `runs` times; the medians, as one JSON object.

    Raises `BenchFailed`, `SippFailed`, `AsteriskUnavailable` or `AsteriskFailed`.
    """
    sweep()
    install = await obtain_asterisk(progress)
    sipp = await obtain_sipp(progress)
    found = []
    for number in range(runs):
        prefix = f"run {number + 1} of {runs}: " if runs > 1 else ""
        found.append(await _run(plan, install, sipp, lambda what, p=prefix: step(p + what)))  # type: ignore[misc]
    result = _median(found)
    return {
        "calls": plan.calls,
        "rate": plan.rate,
        "hold_s": plan.hold_s,
        "agents": plan.agents,
        "runs": runs,
        **result,
        "how": {
            "cpu_ms_per_call": "/proc/<pid>/stat over the load, less idle",
            "wait_to_ring_ms": "an AMI listener beside ours: UserEvent CallWaiting to DialBegin",
            "app_queue_wait_to_ring_ms": "the same listener: QueueCallerJoin to DialBegin",
            "offer_to_record_ms": "journal: the offer's moment; websocket: the record's frame",
        },
        "versions": {
            "callcenter": importlib.metadata.version("callcenter"),
            "asterisk": install.version,
            "sipp": sipp.version,
            "python": platform.python_version(),
        },
        "machine": machine(),
        **({"each_run": found} if runs > 1 else {}),
    }


async def _run(
    plan: Plan, install: AsteriskInstall, sipp: SippProgram, step: Step
) -> dict[str, Any]:
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(private_folder())
        bench = await Bench.prepare(plan, folder, install, sipp)
        stack.push_async_callback(bench.end)
        step("starting Asterisk")
        await bench.start_asterisk()
        step(f"{plan.calls} calls through app_queue")
        queue = await bench.through_asterisk(lambda place: company.NUMBER)
        step(f"{plan.calls} calls through a bare Dial")
        dial = await bench.through_asterisk(lambda n: company.floor_number(n, plan.agents))
        step("starting the call center")
        await bench.hand_over()
        step(f"{plan.calls} calls through the call center")
        try:
            ours, offers_s = await bench.through_us()
        except (OSError, ConnectionClosed) as error:  # its /proc entry or its websocket is gone
            raise BenchFailed(bench.why_ended()) from error
        return _figures(plan, queue, dial, ours, offers_s)


class Bench:
    """Everything that one run holds open."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        settings: Settings,
        site: Site,
        server: AsteriskServer,
        load: SippLoad,
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.settings = settings
        self.site = site
        self.server = server
        self.load = load
        self.tokens: dict[str, str] = {}
        self.numbers: list[str] = []
        self.product: asyncio.subprocess.Process | None = None

    @classmethod
    async def prepare(
        cls, plan: Plan, folder: Path, install: AsteriskInstall, sipp: SippProgram
    ) -> Bench:
        site = company.write_site(folder / "site", plan.agents)
        # Only what is given here: the caller's environment may configure a real site.
        given = {
            "var": folder / "var",
            "site": folder / "site",
            "asterisk_folder": folder / "asterisk",
            "switch": "asterisk",
            "synthesiser": "none",
            "port": _quiet_port(),
        }
        defaults = {name: field.default for name, field in Settings.model_fields.items()}
        settings = Settings(**{**defaults, **given})
        settings.var.mkdir()
        layout = Layout(folder / "asterisk")
        identity = layout.identity(_quiet_ports())
        files = company.contender_files(settings, site, layout, install, identity)
        server = AsteriskServer(install, layout, identity, files)
        load = SippLoad(
            sipp,
            folder / "sipp",
            sip_port=identity.ports.sip,
            phone_port=_quiet_port(),
        )
        bench = cls(plan, folder, settings, site, server, load)
        bench.tokens, bench.numbers = await company.seed(settings, site)
        return bench

    async def end(self) -> None:
        """Stop every process; safe to call at any point."""
        await self.load.stop()
        await self._stop_product()
        with contextlib.suppress(Exception):
            await self.server.stop(graceful_s=2.0)

    # The contenders ------------------------------------------------------------------------

    async def start_asterisk(self) -> None:
        """Asterisk with both rivals' dialplans, and every phone registered."""
        await self.server.start()
        secrets = desk_secrets(self.settings.var, self.site)
        await self.load.register({f"desk-{agent}": secrets[agent] for agent in self.site.agents})
        await self.load.start_phones()

    async def through_asterisk(self, dialled: Callable[[int], str]) -> Round:
        """One load that Asterisk carries alone."""
        watch = CpuWatch(asterisk=self.asterisk_pid())
        async with Tap(self.server.identity) as tap:
            return await self._load(watch, tap, dialled, tap.clear)

    async def hand_over(self) -> None:
        """Start the product on the same, running Asterisk."""
        self.server.leave_running()
        given = {
            f"CALLCENTER_{name.upper()}": str(getattr(self.settings, name))
            for name in ("var", "site", "asterisk_folder", "switch", "synthesiser", "port")
        }
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CALLCENTER_")}
        if kept := os.environ.get("CALLCENTER_ASTERISK"):
            clean["CALLCENTER_ASTERISK"] = kept
        with (self.folder / "callcenter.log").open("wb") as log:
            self.product = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "callcenter", "up"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**clean, **given},
                start_new_session=True,
            )
        await self._wait_ready()

    async def through_us(self) -> tuple[Round, list[float]]:
        """Our load; and how long each record took from its offer.

        CPU is measured without the listener: our own link is the one connection to the
        manager interface then, as the listener is for the others. A second, shorter load with
        the listener tells the delays.
        """
        assert self.product is not None
        consoles = Consoles(self.settings.port, self.tokens)
        try:
            await consoles.open()
            await consoles.ping()
            watch = CpuWatch(asterisk=self.asterisk_pid(), callcenter=self.product.pid)
            measured = await self._load(watch, None, lambda n: company.NUMBER, consoles.clear)
            answered, offers = await self._journal()
            shown = {call: at + consoles.clock.offset for call, at in consoles.records.items()}
            async with Tap(self.server.identity) as tap:
                calls = self.callers(max(self.plan.calls // 2, 1), lambda n: company.NUMBER)
                run = await self.load.call(calls, self.plan.rate, self.plan.hold_s)
                await asyncio.sleep(0.2)
            await consoles.ping()
        finally:
            await consoles.close()
        # The journal tells all answered calls of this life: those of the warm-up too.
        failed = max(0, self.plan.calls + self.plan.warm_up - answered) + measured.failed
        failed += len(calls) - min(run.succeeded, len(tap.answered))
        round_ = Round(measured.spent, tuple(tap.waits_s()), failed)
        return round_, [at - offers[call] for call, at in shown.items() if call in offers]

    # Parts ---------------------------------------------------------------------------------

    async def _load(
        self,
        watch: CpuWatch,
        tap: Tap | None,
        dialled: Callable[[int], str],
        begin: Callable[[], None],
    ) -> Round:
        """Warm up, take the idle baseline, call `begin`, measure."""
        plan = self.plan
        if plan.warm_up:
            await self.load.call(self.callers(plan.warm_up, dialled), plan.rate, plan.hold_s)
        await asyncio.sleep(1.0)
        await watch.idle(plan.idle_s)
        begin()
        watch.start()
        run = await self.load.call(self.callers(plan.calls, dialled), plan.rate, plan.hold_s)
        await asyncio.sleep(TAIL_S)
        spent = watch.stop()
        if tap is None:
            return Round(spent, (), plan.calls - run.succeeded)
        good = min(run.succeeded, len(tap.answered))
        return Round(spent, tuple(tap.waits_s()), plan.calls - good)

    def callers(self, count: int, dialled: Callable[[int], str]) -> list[tuple[str, str]]:
        """So many (number of the caller, number dialled)."""
        numbers = self.numbers
        return [(numbers[n % len(numbers)], dialled(n)) for n in range(count)]

    def asterisk_pid(self) -> int:
        """Asterisk's process. Raises `BenchFailed` when it has ended."""
        pid = find_process(self.server.layout)
        if pid is None:
            raise BenchFailed(f"Asterisk has ended: {self.server.log_tail()[-500:]}")
        return pid

    async def _wait_ready(self, limit_s: float = 60.0) -> None:
        url = f"http://127.0.0.1:{self.settings.port}/readyz"
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if self.product is None or self.product.returncode is not None:
                break
            if await asyncio.to_thread(_answers, url):
                return
            await asyncio.sleep(0.1)
        raise BenchFailed(f"the call center did not come up: {self._product_says()}")

    def why_ended(self) -> str:
        """What became of the measured processes, in the middle of a load."""
        product = self.product
        if product is not None and product.returncode is not None:
            status = product.returncode
            return f"the call center ended (status {status}): {self._product_says()}"
        if find_process(self.server.layout) is None:
            return f"Asterisk ended: {self.server.log_tail()[-1500:]}"
        return f"the call center broke off: {self._product_says()}"

    def _product_says(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "callcenter.log").read_text(errors="replace")[-1500:]
        return ""

    async def _journal(self) -> tuple[int, dict[str, float]]:
        """How many calls were answered, and when each was first offered, by the journal."""
        await asyncio.sleep(0.5)  # commits are milliseconds behind
        database = open_engine(self.settings.database)
        offers: dict[str, float] = {}
        answered = 0
        try:
            async for entry in Journal(database).read(streams=["decision", "switch"]):
                if entry.kind == "Offer":
                    offers.setdefault(entry.call_id, entry.at)
                elif entry.kind == "OfferAnswered":
                    answered += 1
        finally:
            await database.dispose()
        return answered, offers

    async def _stop_product(self) -> None:
        product, self.product = self.product, None
        if product is None or product.returncode is not None:
            return
        product.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                await product.wait()
        except TimeoutError:
            product.kill()
            await product.wait()


def _figures(
    plan: Plan, queue: Round, dial: Round, ours: Round, offers_s: list[float]
) -> dict[str, Any]:
    def per_call(round_: Round, name: str) -> float:
        return round(round_.spent[name].load_s * 1000 / plan.calls, 2)

    asterisk, own = per_call(ours, "asterisk"), per_call(ours, "callcenter")
    failed = {"app_queue": queue.failed, "callcenter": ours.failed, "dial_floor": dial.failed}
    return {
        "cpu_ms_per_call": {
            "app_queue": per_call(queue, "asterisk"),
            "asterisk": asterisk,
            "callcenter": own,
            "sum": round(asterisk + own, 2),
            "dial_floor": per_call(dial, "asterisk"),
        },
        "wait_to_ring_ms": quantiles(ours.waits_s),
        "app_queue_wait_to_ring_ms": quantiles(queue.waits_s),
        "offer_to_record_ms": quantiles(offers_s),
        "records_shown": len(offers_s),
        "failed_calls": sum(failed.values()),
        "failed": failed,
    }


def _median(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure; failures are added up."""
    result: dict[str, Any] = {}
    for name, value in found[0].items():
        if name == "failed":
            result[name] = {key: sum(one[name][key] for one in found) for key in value}
        elif name == "failed_calls":
            result[name] = sum(one[name] for one in found)
        elif isinstance(value, dict):
            values = {key: [one[name][key] for one in found] for key in value}
            result[name] = {
                key: None if None in all_ else round(statistics.median(all_), 2)
                for key, all_ in values.items()
            }
        else:
            result[name] = statistics.median([one[name] for one in found])
    return result


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - our own process
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _quiet_port() -> int:
    """A port that is free, and that the system does not give to outgoing connections."""
    for _ in range(100):
        port = random.randrange(10_000, 32_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                probe = held.enter_context(socket.socket(socket.AF_INET, kind))
                probe.bind(("127.0.0.1", port))
            return port
    raise BenchFailed("there is no free port")


def _quiet_ports() -> Ports:
    ami, http, sip, agi = (_quiet_port() for _ in range(4))
    return dataclasses.replace(free_ports(rtp_ports=2000), ami=ami, http=http, sip=sip, agi=agi)


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A short private folder, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / "owner").write_text(str(os.getpid()))
    try:
        yield folder
    finally:
        _clear(folder)


def sweep() -> None:
    """End what a killed run left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner = int((folder / "owner").read_text())
        except (OSError, ValueError):
            continue
        if not Path(f"/proc/{owner}").exists():
            _clear(folder)


def _clear(folder: Path) -> None:
    """End every process that works in the folder, and remove it."""
    pid = find_process(Layout(folder / "asterisk"))
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    company.remove(folder)
