"""kill -9 of the real process, while programs give orders and listen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import websockets

from storage.apikeys import ApiKeys
from storage.database import opened
from tests.open_api.conftest import free_port

KILLS = 3


class Process:
    """`callcenter up` on the virtual switch, on one database, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CALLCENTER_")},
            "CALLCENTER_VAR": str(folder),
            "CALLCENTER_PORT": str(self.port),
            "CALLCENTER_SWITCH": "virtual",
            "CALLCENTER_WEBHOOK_HOSTS": "127.0.0.1",
        }

    async def start(self, http: aiohttp.ClientSession) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "callcenter", "up"),
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(60):
            while True:
                try:
                    async with http.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


async def test_what_was_answered_is_told_after_every_kill(tmp_path: Path, receiver: Any) -> None:
    """Each acknowledged order is on the stream once and in order, and reaches the webhook."""
    process = Process(tmp_path)
    headers = {"Content-Type": "application/json"}
    told: list[dict[str, Any]] = []
    acknowledged: list[str] = []

    async def listen(key: str) -> None:
        after = 0
        while True:
            address = f"{process.url.replace('http', 'ws')}/api/v1/events?after={after}"
            try:
                async with websockets.connect(
                    address, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None
                ) as stream:
                    async for frame in stream:
                        event = json.loads(frame)
                        after = event["sequence"]
                        if event["type"] == "agent.state" and event["data"]["agent"] == "anna":
                            told.append(event)
            except (websockets.WebSocketException, OSError):
                await asyncio.sleep(0.05)

    async with aiohttp.ClientSession() as http:
        await process.start(http)
        async with opened(f"sqlite:///{tmp_path / 'callcenter.db'}") as engine:
            scopes = ["agents:control", "events:read", "webhooks:manage"]
            _, key = await ApiKeys(engine).create("k", scopes)
        headers["Authorization"] = f"Bearer {key}"

        async def order(path: str, body: dict[str, Any]) -> bool:
            try:
                async with http.post(
                    f"{process.url}/api/v1{path}", json=body, headers=headers
                ) as answer:
                    return answer.status in (200, 201)
            except aiohttp.ClientError:
                return False

        hook = {"name": "h", "url": receiver.url, "types": ["agent.state"]}
        assert await order("/webhooks", hook)
        assert await order("/agents/anna/sign-in", {"phone": "browser"})
        listening = asyncio.create_task(listen(key))
        number = 0
        for _ in range(KILLS):
            ends = time.monotonic() + 0.5
            while time.monotonic() < ends:
                number += 1
                if await order("/agents/anna/not-ready", {"reason": f"r{number}"}):
                    acknowledged.append(f"r{number}")
            task = asyncio.create_task(order("/agents/anna/not-ready", {"reason": "half"}))
            await process.kill()
            await task
            await process.start(http)
        assert await order("/agents/anna/not-ready", {"reason": "end"})

        def reasons(events: list[dict[str, Any]]) -> list[str]:
            return [event["data"]["reason"] for event in events]

        def hooked() -> list[dict[str, Any]]:
            return [e for e in receiver.events if e["data"]["agent"] == "anna"]

        async with asyncio.timeout(60):
            while "end" not in reasons(told) or "end" not in reasons(hooked()):
                await asyncio.sleep(0.05)
        listening.cancel()
        await process.kill()
    assert len(acknowledged) > 3 * KILLS
    sequences = [event["sequence"] for event in told]
    assert sequences == sorted(set(sequences))  # each once, in order
    kept = [reason for reason in reasons(told) if reason in set(acknowledged)]
    assert kept == acknowledged
    once = list(dict.fromkeys(event["sequence"] for event in hooked()))
    assert once == sorted(once)  # what came twice came in its turn
    first = {event["sequence"]: event for event in hooked()}
    assert [first[n] for n in once if n in first] == [e for e in told if e["sequence"] in first]
    assert set(acknowledged) <= set(reasons(hooked()))
