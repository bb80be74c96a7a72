"""How fast Twilio's webhooks are answered: the whole system here, the simulated Twilio there.

    python -m benchmarks.twilio_webhooks [--webhooks 2000] [--rate 100] [--keep] [--json]

The system runs as a process of its own with one Twilio account; this process is Twilio, with
callers who choose in the menu, wait, are put through and hang up. Every webhook is signed and
sent over real HTTP, and its time is taken from here: from the request to the end of the answer,
signature, flow, routing and journal included. Twilio gives a webhook 15 seconds; our aim is a p99
under 200 ms. Figures go to `benchmarks/results/twilio_webhooks.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent_console.ports import Refusal
from benchmarks import figures
from callcenter import twiliofloor
from callcenter.benching.measure import CpuWatch, machine, quantiles
from callcenter.system import System
from config.settings import DEMO_SITE, Settings
from config.site import Site, TwilioSwitch
from tests.cti.twilio.fake_twilio import FakeTwilio, Phone

TOKEN_ENV = "CALLCENTER_BENCH_TOKEN"
DESK = "sip:desk-{agent}@pbx.example.com"
NUMBER, KEYS = "200", ["1"]
SPEED = 4.0  # callers and phones, not we
STAYS_S = 12.0  # of the callers' time
WARM_UP_CALLS = 30
IDLE_S = 2.0


# The system, as a process of its own -------------------------------------------------------


async def serve(port: int, api_url: str, account: str, folder: Path) -> None:
    """Run the system until a signal ends it; its agents are ready at desk phones."""
    asked = twiliofloor.twilio_settings

    def settings(switch: TwilioSwitch, site: Site, var: Path) -> Any:
        return replace(asked(switch, site, var), api_url=api_url)

    twiliofloor.twilio_settings = settings
    cloud = TwilioSwitch(
        id="cloud",
        account_sid=account,
        auth_token_env=TOKEN_ENV,
        public_url=f"http://localhost:{port}/twilio",
        caller_id="+14165550100",
        desk_address=DESK,
    )
    system = System(Settings(var=folder, site=DEMO_SITE, port=port))
    system.site = replace(system.site, switches={"cloud": cloud})
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await system.start()
    try:
        while not system.switches.is_up("cloud"):
            await asyncio.sleep(0.05)
        for agent in system.site.agents:
            with contextlib.suppress(Refusal):
                await system.floor.sign_in(agent, "desk")
                await system.floor.ready(agent)
        print("ready", flush=True)
        await stop.wait()
    finally:
        await system.stop()


@contextlib.asynccontextmanager
async def running(twilio: FakeTwilio) -> AsyncIterator[int]:
    """The system with this Twilio; its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://localhost:{port}/twilio"
    twilio.voice_url, twilio.status_url = f"{base}/voice", f"{base}/status"
    twilio.fallback = f"{base}/fallback"
    folder = Path(tempfile.mkdtemp(prefix=f"cc-bench-{os.getuid()}-"))
    given = ("--serve", str(port), twilio.api_url, twilio.account, str(folder))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.twilio_webhooks", *given),
        env={**os.environ, TOKEN_ENV: twilio.token},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while (line := await process.stdout.readline()).strip() != b"ready":
                if not line:
                    raise RuntimeError("the system did not start")
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


# Twilio ------------------------------------------------------------------------------------


async def caller(twilio: FakeTwilio, number: int) -> None:
    """Calls, chooses, stays a while, and hangs up."""
    leg = twilio.call_in(f"+1613{number:07d}", NUMBER, keys=list(KEYS))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(leg.gone.wait(), STAYS_S / twilio.speed)
    leg.hang_up()


async def callers(twilio: FakeTwilio, count: int, per_s: float, first: int) -> None:
    """So many callers, so many a second, until the last has gone."""
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / per_s - loop.time()))
        tasks.append(asyncio.create_task(caller(twilio, first + number)))
    await asyncio.gather(*tasks)
    await twilio.sleep(2.0)


async def measure(webhooks: int, rate: float) -> dict[str, Any]:
    twilio = FakeTwilio(speed=SPEED)
    twilio.checks = False  # it shares the machine with what is measured
    await twilio.start()
    try:
        async with running(twilio) as pid:
            for agent in ("chen", "ben", "anna", "dana"):
                twilio.phones[DESK.format(agent=agent)] = Phone(after_s=0.5, hang_up_after_s=3.0)
            await callers(twilio, WARM_UP_CALLS, 5.0, 0)
            each = len(twilio.latencies) / WARM_UP_CALLS
            count = max(1, round(webhooks / each))
            watch = CpuWatch(callcenter=pid)
            await watch.idle(IDLE_S)
            del twilio.latencies[:], twilio.sent[:], twilio.errors[:]
            watch.start()
            loop = asyncio.get_running_loop()
            began = loop.time()
            await callers(twilio, count, rate / each, WARM_UP_CALLS)
            took_s = loop.time() - began
            spent = watch.stop()["callcenter"]
    finally:
        await twilio.stop()
    by_route: dict[str, list[float]] = {}
    for (url, _), taken in zip(twilio.sent, twilio.latencies, strict=True):
        by_route.setdefault(urlsplit(url).path.split("/")[2], []).append(taken)
    return {
        "machine": machine(),
        "webhooks": len(twilio.latencies),
        "calls": count,
        "per_s": round(len(twilio.latencies) / took_s, 1),
        "ms": quantiles(twilio.latencies),
        "ms_by_webhook": {name: quantiles(found) for name, found in sorted(by_route.items())},
        "cpu_ms_per_webhook": round(spent.load_s / len(twilio.latencies) * 1000, 2),
        "cpu_ms_per_call": round(spent.load_s / count * 1000, 2),
        "failed": len(twilio.errors),
    }


def main() -> None:
    """Measure, print, and keep the figures when asked."""
    if sys.argv[1:2] == ["--serve"]:
        port, api_url, account, folder = sys.argv[2:6]
        asyncio.run(serve(int(port), api_url, account, Path(folder)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--webhooks", type=int, default=2000, help="about so many, at most 20000")
    parser.add_argument("--rate", type=float, default=100.0, help="webhooks a second, at most 500")
    figures.add_arguments(parser)
    asked = parser.parse_args()
    result = asyncio.run(measure(min(20_000, asked.webhooks), min(500.0, asked.rate)))
    if figures.hand_out("twilio_webhooks", result, asked):
        return
    for name, value in result.items():
        print(name, value)


if __name__ == "__main__":
    main()
