"""Another program drives calls on a real Asterisk, over the API alone; audio says that it is so."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import websockets

from tools.lab.network import DESK_TONE_HZ, complete

if TYPE_CHECKING:
    from tests.e2e.conftest import World

pytestmark = [pytest.mark.asterisk]

QUICK = "303"
OUTSIDE = "+14165550142"
SCOPES = "calls:read,calls:control,agents:read,agents:control,events:read"
HELD_S = 2.0


class Program:
    """A program with a key: gives orders, and hears events."""

    def __init__(self, url: str, key: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}
        self.http = http
        self.events: list[dict[str, Any]] = []

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        url = f"{self.url}/api/v1{path}"
        given = {"json": body} if method == "POST" else {}
        async with self.http.request(method, url, headers=self.headers, **given) as answer:
            told = await answer.json(content_type=None)
            assert answer.status == 200, told
            return told

    async def order(self, path: str, **body: Any) -> Any:
        return (await self.ask("POST", path, **body))["result"]

    async def listen(self) -> None:
        address = f"{self.url.replace('http', 'ws')}/api/v1/events"
        async with websockets.connect(
            address, additional_headers=self.headers, proxy=None
        ) as stream:
            async for frame in stream:
                self.events.append(json.loads(frame))

    async def until(self, type_: str, like: Callable[[Any], bool] = lambda data: True) -> Any:
        """The data of the first such event."""
        async with asyncio.timeout(15):
            while True:
                for event in self.events:
                    if event["type"] == type_ and like(event["data"]):
                        return event["data"]
                await asyncio.sleep(0.02)


def new_key(world: World) -> str:
    """By the command, beside the running process."""
    made = subprocess.run(
        [sys.executable, "-m", "callcenter", "key", "new", "crm", "--scopes", SCOPES],
        env=world.center._environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


async def test_a_program_drives_real_calls(world: World) -> None:
    """Shift, hold, consultation, conference, hang-up and click-to-dial, without any console."""
    key = await asyncio.to_thread(new_key, world)
    for agent in ("anna", "ben"):
        await world.lines.phone(agent, "answer")
    await world.lines.number(OUTSIDE, "answer")
    async with aiohttp.ClientSession() as http:
        program = Program(world.center.url, key, http)
        listening = asyncio.create_task(program.listen())
        for agent in ("anna", "ben"):
            await program.order(f"/agents/{agent}/sign-in", phone="desk")
        await program.order("/agents/anna/ready")
        ani = world.stranger()
        caller = await world.lines.call(QUICK, ani)
        answered = await program.until("call.answered", lambda d: d["call"]["from"] == ani)
        call = answered["call"]["id"]
        assert answered["agent"] == "anna"
        await asyncio.sleep(1.0)
        await program.order(f"/calls/{call}/hold")
        await program.until("call.held", lambda d: d["call"]["id"] == call)
        await asyncio.sleep(HELD_S)
        await program.order(f"/calls/{call}/retrieve")
        await program.until("call.retrieved", lambda d: d["call"]["id"] == call)
        await program.order("/agents/ben/ready")
        leg = await program.order(f"/calls/{call}/consult", kind="agent", to="ben")
        await program.until("call.leg_answered", lambda d: d["leg"] == leg)
        await program.order(f"/calls/{call}/conference")
        await program.until("call.conference", lambda d: d["call"]["id"] == call)
        shown = (await program.ask("GET", f"/calls/{call}"))["call"]["live"]
        assert (shown["place"], [one["agent"] for one in shown["legs"]]) == ("conference", ["ben"])
        await asyncio.sleep(1.0)
        await program.order(f"/calls/{call}/hang-up")
        ended = await program.until("call.ended", lambda d: d["call"]["id"] == call)
        assert ended["answered"]
        await caller.until_over()
        await program.order(f"/calls/{call}/wrap-up", disposition="solved", agent="anna")

        heard = await caller.heard()
        assert heard.tone_s(DESK_TONE_HZ) > 1.2
        music_s = heard.length_s - heard.tone_s(DESK_TONE_HZ)
        assert music_s > HELD_S * 0.7, "the caller was not on hold"
        told = await program.ask("GET", f"/calls/{call}")
        actions = [entry for entry in told["timeline"] if "key:crm" in json.dumps(entry)]
        assert len(actions) >= 4, told["timeline"]

        out = await program.order("/agents/anna/calls", number=OUTSIDE)
        await program.until("call.dialled", lambda d: d["call"]["id"] == out)
        await program.until("call.answered", lambda d: d["call"]["id"] == out)
        await asyncio.sleep(2.0)
        await program.order(f"/calls/{out}/hang-up")
        ended = await program.until("call.ended", lambda d: d["call"]["id"] == out)
        assert (ended["call"]["to"], ended["answered"]) == (OUTSIDE, True)
        await program.order(f"/calls/{out}/wrap-up", disposition="solved", agent="anna")
        outside = await complete(world.lines.last_heard(f"n{OUTSIDE[1:]}"))
        assert outside.tone_s(DESK_TONE_HZ) > 0.5
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
