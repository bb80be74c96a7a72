"""Agents' consoles without a browser: the real websocket, one per agent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from agent_console.auth import SESSION

_SHOWN = frozenset(("found", "several", "none", "failed"))


class ConsoleFailed(Exception):  # noqa: N818 - reads as what happened
    """A console could not do what an agent does."""


@dataclass
class EngineClock:
    """Turns our monotonic clock into the engine's time, bounded by pings both ways.

    Both count the same monotonic clock of the machine; only the offset is unknown. Each
    ping bounds it, and the bounds of all pings together are narrower than one trip.
    """

    low: float = float("-inf")
    high: float = float("inf")

    def learn(self, sent: float, said: float, got: float) -> None:
        self.low = max(self.low, said - got)
        self.high = min(self.high, said - sent)

    @property
    def offset(self) -> float:
        return (self.low + self.high) / 2

    @property
    def error_s(self) -> float:
        return (self.high - self.low) / 2


@dataclass
class Consoles:
    """All agents' consoles. `records`: call to when its record was on the agent's screen."""

    port: int
    tokens: Mapping[str, str]
    records: dict[str, float] = field(default_factory=dict)  # monotonic
    clock: EngineClock = field(default_factory=EngineClock)
    _sockets: dict[str, ClientConnection] = field(default_factory=dict)
    _readers: list[asyncio.Task[None]] = field(default_factory=list)
    _answers: dict[tuple[str, int], asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _numbers: int = 0

    async def open(self) -> None:
        """Connect all, sign in with the desk phone, press Ready."""
        for agent in self.tokens:
            await self._connect(agent)
            await self._do(agent, "sign_in", phone="desk")
            await self._do(agent, "ready")

    async def all_do(self, verb: str, **args: object) -> None:
        """Everybody presses that button, one after the other."""
        for agent in self.tokens:
            await self._do(agent, verb, **args)

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        for socket in self._sockets.values():
            socket.transport.abort()
        self._sockets.clear()

    def clear(self) -> None:
        """Forget the records that were shown so far."""
        self.records.clear()

    async def ping(self, times: int = 20) -> None:
        """Learn the engine's clock."""
        agent = next(iter(self._sockets))
        for _ in range(times):
            sent = time.monotonic()
            pong = await self._ask(agent, {"t": "ping"})
            self.clock.learn(sent, float(pong["now"]), float(pong["got"]))
            await asyncio.sleep(0.06)  # within the pace of a console

    async def _connect(self, agent: str) -> None:
        origin = f"http://localhost:{self.port}"
        socket = await connect(
            f"ws://127.0.0.1:{self.port}/live",
            origin=origin,  # type: ignore[arg-type]  # a NewType of str
            additional_headers={"Cookie": f"{SESSION}={self.tokens[agent]}"},
            compression=None,
            max_size=None,
        )
        self._sockets[agent] = socket
        await socket.send(json.dumps({"t": "hello", "epoch": "", "seq": 0}))
        self._readers.append(asyncio.create_task(self._read(agent, socket)))

    async def _do(self, agent: str, verb: str, **args: object) -> None:
        answer = await self._ask(agent, {"t": "do", "verb": verb, "args": args})
        if answer["t"] != "done":
            raise ConsoleFailed(f"{agent} could not {verb}: {answer.get('message')}")

    async def _ask(self, agent: str, frame: dict[str, Any]) -> dict[str, Any]:
        self._numbers += 1
        number = self._numbers
        future = asyncio.get_running_loop().create_future()
        self._answers[agent, number] = future
        try:
            await self._sockets[agent].send(json.dumps({**frame, "id": number}))
            async with asyncio.timeout(10):
                answer: dict[str, Any] = await future
                return answer
        finally:
            del self._answers[agent, number]

    async def _read(self, agent: str, socket: ClientConnection) -> None:
        async for text in socket:
            got = time.monotonic()
            if '"record":{' in text:
                self._record(json.loads(text), got)
            elif '"t":"delta"' not in text[:12]:
                answer = json.loads(text)
                future = self._answers.get((agent, answer.get("id", 0)))
                if future is not None and not future.done():
                    future.set_result({**answer, "got": got})

    def _record(self, frame: dict[str, Any], got: float) -> None:
        record = frame["put"]["record"]
        if record["status"] in _SHOWN:
            self.records.setdefault(record["call_id"], got)
