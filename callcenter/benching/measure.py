"""Stop-watches: CPU time of a process, quantiles, and an ear on Asterisk's manager interface."""

from __future__ import annotations

import asyncio
import math
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cti.asterisk.ami import Ami, AmiSettings, Frame
from cti.asterisk.layout import Identity

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has spent so far, user and system, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of one process over a load, without what it spends when idle."""

    total_s: float
    idle_s: float

    @property
    def load_s(self) -> float:
        return max(0.0, self.total_s - self.idle_s)


class CpuWatch:
    """CPU of several processes over one load.

    `idle` first, for as long as wanted; then `start`, the load, `stop`.
    """

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._idle_rate = dict.fromkeys(pids, 0.0)
        self._began: dict[str, float] = {}
        self._at = 0.0

    async def idle(self, seconds: float) -> None:
        """Measure what the processes spend while nobody calls."""
        before, at = self._read(), time.monotonic()
        await asyncio.sleep(seconds)
        lasted = time.monotonic() - at
        self._idle_rate = {
            name: (now - before[name]) / lasted for name, now in self._read().items()
        }

    def start(self) -> None:
        self._began, self._at = self._read(), time.monotonic()

    def stop(self) -> dict[str, Spent]:
        lasted = time.monotonic() - self._at
        return {
            name: Spent(now - self._began[name], self._idle_rate[name] * lasted)
            for name, now in self._read().items()
        }

    def _read(self) -> dict[str, float]:
        return {name: cpu_s(pid) for name, pid in self._pids.items()}


def quantiles(values_s: Sequence[float]) -> dict[str, float | None]:
    """p50, p99 and max in milliseconds (nearest rank); None when there are no values."""
    if not values_s:
        return {"p50": None, "p99": None, "max": None}
    ordered = sorted(values_s)

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return {
        "p50": round(rank(0.50) * 1000, 2),
        "p99": round(rank(0.99) * 1000, 2),
        "max": round(ordered[-1] * 1000, 2),
    }


@dataclass
class Tap:
    """Listens to Asterisk beside whoever else does, and notes when what happened.

    A caller waits from `UserEvent(CallWaiting)` (ours) or `QueueCallerJoin` (app_queue); the
    phone rings from `DialBegin`. All three are stamped here, as they come in.
    """

    identity: Identity
    waiting: dict[str, float] = field(default_factory=dict)
    ringing: dict[str, float] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    _ami: Ami | None = None

    async def __aenter__(self) -> Tap:
        who = self.identity
        up = asyncio.Event()
        settings = AmiSettings(who.ports.ami, who.ami_user, who.ami_secret)
        self._ami = Ami(settings, self._on_event, on_up=up.set)
        self._ami.connect()
        try:
            async with asyncio.timeout(10):
                await up.wait()
        except BaseException:
            await self._ami.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ami is not None:
            await self._ami.stop()

    def clear(self) -> None:
        self.waiting.clear()
        self.ringing.clear()
        self.answered.clear()

    def waits_s(self) -> list[float]:
        """From waiting to ringing, for each caller who got that far."""
        return [
            self.ringing[call] - at for call, at in self.waiting.items() if call in self.ringing
        ]

    def _on_event(self, event: Frame) -> None:
        at = time.monotonic()
        name = event.name
        if name == "QueueCallerJoin" or (
            name == "UserEvent" and event.get("UserEvent") == "CallWaiting"
        ):
            self.waiting.setdefault(event.get("Uniqueid"), at)
        elif name == "DialBegin":
            self.ringing.setdefault(event.get("Uniqueid"), at)
        elif name == "DialEnd" and event.get("DialStatus") == "ANSWER":
            self.answered.add(event.get("Uniqueid"))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {
        "cpu": model,
        "cores": os.cpu_count() or 0,
        "system": platform.system(),
        "load_1m": round(os.getloadavg()[0], 2),
    }
