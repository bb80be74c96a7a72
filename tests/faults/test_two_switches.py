"""Two Asterisks under one call center, and a third that plays the public network.

    callers, desk phones ── east ─┐
                             │    ├── one process: one ACD
    callers, desk phones ── west ─┘

Callers of both wait in one line for agents on either; the sound across is measured. Then one
of the two is killed with everybody in mid-call.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cti.asterisk.install import AsteriskInstall
from tools.lab.center import Center, Site
from tools.lab.console import Console, Refused
from tools.lab.network import (
    ADDRESS,
    CALLER_TONE_HZ,
    DESK_TONE_HZ,
    Caller,
    Lines,
    Network,
    complete,
)

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]

STRAIGHT = "301"
HOMES = {"anna": "east", "ben": "east", "chen": "west", "emeka": "west"}
LONGEST_GAP_S = 0.5
_FLOW = """
kind: entry
languages: [en, zh]
start: go
fallback: {queue: plain}
steps:
  go: {do: queue, queue: plain}
"""
_strangers = itertools.count(100)


def change_site(site: Site) -> None:
    """One quiet queue for everybody."""
    quiet = {"flow": "wait", "first_s": 600, "every_s": 3600}
    site["queues"]["plain"] = {"ring_s": 30, "wrap_up_s": 0, "wait": quiet}
    for agent in site["agents"].values():
        agent["queues"] = ["plain"] if agent["queues"] else []
    site["numbers"][STRAIGHT] = {"flow": "to_plain"}


@dataclass
class Pair:
    """The center on its two switches, and everybody around it."""

    center: Center
    lines: Lines
    boss: Console
    agents: dict[str, Console] = field(default_factory=dict)
    on_break: bool = False

    async def agent(self, name: str) -> Console:
        await self.lines.phone(name, "answer")
        console = await Console(self.center.url, name).open()
        self.agents[name] = console
        await console.begin_shift()
        return console

    async def goes_home(self, name: str) -> None:
        """No shift is left over for the next test."""
        busy = ("reserved", "talking", "held")
        boss = self.boss
        with suppress(AssertionError):  # a test that failed leaves all sorts of things
            await boss.until(lambda: boss.get(f"agent:{name}")["state"] not in busy, "idle")
        with suppress(Refused):
            await boss.do("set_agent_state", agent=name, state="offline")

    async def calls(self, switch: str) -> Caller:
        """Somebody calls in at one of the switches."""
        ani = f"+1613555{next(_strangers):04d}"
        return await self.lines.call(STRAIGHT, ani, port=self.center.switch_ports[switch].sip)

    async def talking(self, agent: str, switch: str) -> Caller:
        """A caller on this switch with this agent; all agents were sent on a break before."""
        if not self.on_break:
            self.on_break = True
            for console in self.agents.values():
                await console.do("not_ready", reason="meeting")
        await self.agents[agent].do("ready")
        await self.agents[agent].until_state("ready")
        caller = await self.calls(switch)
        assert await self.talks(caller) == agent
        return caller

    async def row(self, caller: Caller, **like: Any) -> dict[str, Any]:
        """The supervisor's line of a call, as soon as it is like that."""

        def find() -> dict[str, Any] | None:
            rows = (row for row in self.boss.all("call") if row["ani"] == caller.ani)
            fits = (row for row in rows if all(row[key] == value for key, value in like.items()))
            return next(fits, None)

        return await self.boss.until(find, f"a call of {caller.ani} with {like}", 20.0)

    async def talks(self, caller: Caller) -> str:
        """The agent whom the caller talks with."""
        call_id = (await self.row(caller, outcome="talking"))["call_id"]
        async with asyncio.timeout(5):
            while True:  # the supervisor may hear of it before the agent
                for name, console in self.agents.items():
                    if (console.call or {}).get("call_id") == call_id:
                        return name
                await asyncio.sleep(0.02)

    async def record(self, caller: Caller) -> dict[str, Any]:
        """The whole record of a call that is over, or soon will be."""
        call_id = (await self.row(caller))["call_id"]
        await self.boss.until(
            lambda: self.boss.get(f"call:{call_id}")["ended"], f"the end of {caller.ani}", 20.0
        )
        found: dict[str, Any] = await self.boss.ask(f"/api/calls/{call_id}")
        return found

    async def leaves_a_number(self, caller: Caller) -> None:
        """A waiting caller asks to be called back."""
        await self.row(caller, outcome="waiting")
        await asyncio.sleep(0.5)
        await caller.press("1")
        await asyncio.sleep(2.5)
        await caller.press("1")
        await caller.until_over(timeout_s=20)

    async def forgets(self, callers: list[Caller], agents: tuple[str, ...]) -> None:
        """People hang up who talk with a switch that is gone, as they would."""
        desks = [f"desk{agent}" for agent in agents]
        for frame in (await self.lines.ami.request({"Action": "Status"})).items:
            if frame.get("Exten") in desks:
                await self.lines.request(Action="Hangup", Channel=frame.get("Channel"))
        for caller in callers:
            await caller.hang_up()

    async def phone_of(self, console: Console) -> dict[str, Any]:
        """A log-in for the agent's browser phone."""
        async with console.http.post(f"{self.center.url}/api/phone") as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def sip_answers(self, console: Console, path: str) -> bool:
        """Whether a switch answers a phone there (it asks for the password, as it should)."""
        user = f"agent-{console.name}"
        register = (
            "REGISTER sip:callcenter.invalid SIP/2.0\r\n"
            f"Via: SIP/2.0/WS x.invalid;branch=z9hG4bK{time.monotonic_ns()}\r\n"
            f"From: <sip:{user}@callcenter.invalid>;tag=t\r\n"
            f"To: <sip:{user}@callcenter.invalid>\r\n"
            f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{user}@x.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            async with console.http.ws_connect(
                f"{self.center.url}{path}", protocols=["sip"]
            ) as phone:
                await phone.send_str(register)
                answer = await phone.receive_str(timeout=5)
                return answer.startswith("SIP/2.0 401")
        except (aiohttp.ClientError, TypeError, TimeoutError):
            return False

    async def switch_is(self, name: str, up: bool, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while (await asyncio.to_thread(self.center.health)).get("switches", {}).get(name) is not up:
            assert time.monotonic() < deadline, f"{name} never {'up' if up else 'down'}"
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def network(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]
) -> Iterator[Network]:
    network = Network(asterisk_install, asterisk_folder())
    yield network
    asyncio.run(network.stop())


@pytest.fixture(scope="module")
def center(network: Network, asterisk_folder: Callable[[], Path]) -> Iterator[Center]:
    """A running center on two Asterisks, for all tests here."""
    center = Center(
        asterisk_folder(),
        trunk=(ADDRESS, network.port),
        change=change_site,
        flows={"to_plain": _FLOW},
        switches=("east", "west"),
        homes=HOMES,
    )
    try:
        center.spawn()
        asyncio.run(network.start(center))
        center.wait_ready()
        yield center
    finally:
        center.clean_up()
        if keep := os.environ.get("CALLCENTER_KEEP_LOGS"):
            Path(keep, "two-switches.log").write_bytes(center.log.read_bytes())


@pytest.fixture
async def pair(center: Center, network: Network) -> AsyncIterator[Pair]:
    """Both switches are up, everybody is ready; nobody is there afterwards."""
    lines = await Lines(network).open()
    boss = await Console(center.url, "sam").open()
    pair = Pair(center, lines, boss)
    try:
        for switch in ("east", "west"):
            await pair.switch_is(switch, up=True)
        for agent in HOMES:
            await pair.agent(agent)
        yield pair
        center.check_alive()
    finally:
        await lines.close()
        for agent in pair.agents:
            await pair.goes_home(agent)
        for console in (boss, *pair.agents.values()):
            await console.close()


async def test_callers_of_both_reach_agents_on_either(pair: Pair) -> None:
    """Whoever has been idle the longest gets the call, wherever both of them are."""
    met: set[tuple[str, str]] = set()
    # Agents stay in their order: each meets a caller of either switch.
    for round_ in ("east west west east", "west west east east", "west east east west"):
        callers = [(switch, await pair.calls(switch)) for switch in round_.split()]
        for switch, caller in callers:
            met.add((switch, HOMES[await pair.talks(caller)]))
        await asyncio.sleep(1.5)
        for switch, caller in callers:
            agent = await pair.talks(caller)
            await caller.hang_up()
            heard = await caller.heard()
            told = await complete(pair.lines.last_heard(f"desk{agent}"))
            where = f"round {round_}: {switch} to {agent}"
            assert heard.tone_s(DESK_TONE_HZ) > 1.0, where
            assert told.tone_s(CALLER_TONE_HZ) > 1.0, where
        for agent in HOMES:
            await pair.agents[agent].until_state("ready")
    assert len(met) == 4


async def test_a_colleague_on_the_other_switch_is_asked_and_gets_the_caller(pair: Pair) -> None:
    """Consultation, conference and hand-over do not care where phones are registered."""
    caller = await pair.calls("east")
    first = await pair.talks(caller)
    agent = pair.agents[first]
    call_id = agent.call["call_id"]
    other = next(name for name in HOMES if HOMES[name] != HOMES[first])
    party = pair.agents[other]
    await party.until_state("ready")
    await agent.do("consult", call_id=call_id, kind="agent", to=other)
    await agent.until(lambda: leg_state(agent) == "talking", "the colleague")
    await agent.do("conference", call_id=call_id)
    await agent.until_state("conference")
    await asyncio.sleep(1.0)
    await agent.do("complete", call_id=call_id)
    await agent.until_state("ready")
    assert await pair.talks(caller) == other
    await asyncio.sleep(1.5)
    await caller.hang_up()
    heard = await caller.heard()
    told = await complete(pair.lines.last_heard(f"desk{other}"))
    assert heard.share(DESK_TONE_HZ, -1.2, -0.2) > 0.5
    assert told.share(CALLER_TONE_HZ, -1.2, -0.2) > 0.5


def leg_state(console: Console) -> str:
    """Of the only further party of the agent's call."""
    legs = (console.call or {}).get("legs") or [{}]
    return str(legs[0].get("state", ""))


async def test_one_is_killed_and_the_other_never_notices(pair: Pair) -> None:
    """Its calls are lost, its callers' callbacks are kept, and it comes back by itself."""
    center, lines = pair.center, pair.lines
    east_east, west_east, west_west, east_west = [
        await pair.talking(agent, switch)
        for agent, switch in zip(HOMES, ("east", "west", "west", "east"), strict=True)
    ]
    promised = await pair.calls("east")
    await pair.leaves_a_number(promised)
    await lines.number(promised.ani, "answer")
    waiting = {switch: [await pair.calls(switch) for _ in range(2)] for switch in ("east", "west")}
    for caller in (*waiting["east"], *waiting["west"]):
        await pair.row(caller, outcome="waiting")

    across = lines.last_heard("deskemeka")
    os.kill(center.asterisk_pid("east"), signal.SIGKILL)
    killed = time.monotonic()
    for caller in (east_east, east_west, *waiting["east"]):
        record = await pair.record(caller)
        ended = next(entry for entry in record["timeline"] if entry["kind"] == "ended")
        assert ended["data"]["by"] == "switch lost", caller.ani
    await pair.forgets([east_east, east_west, *waiting["east"]], ("anna", "ben"))
    # The phone in the west that talked with the east is not left with a dead call.
    assert (await complete(across)).tone_s(CALLER_TONE_HZ) > 0.5
    # The agent of the west is free again: the callback was first in the line, and goes out there.
    called = await pair.agents["emeka"].until_state("talking")
    assert called["call"]["ani"] == promised.ani
    assert called["call"]["direction"] == "callback"
    await pair.switch_is("east", up=True)
    back_s = time.monotonic() - killed
    assert back_s < 20.0

    # Its agents take calls again, the oldest first: the one whose agent was lost with it.
    served = [west_east, waiting["west"][0]]
    for caller in served:
        assert HOMES[await pair.talks(caller)] == "east"
    newcomer = await pair.calls("east")
    await pair.row(newcomer, outcome="waiting")
    await waiting["west"][1].hang_up()
    await pair.agents["emeka"].do("hang_up", call_id=called["call"]["call_id"])
    assert await pair.talks(newcomer) == "emeka"
    await asyncio.sleep(1.0)
    for caller in (newcomer, *served, west_west):
        agent = await pair.talks(caller)
        await caller.hang_up()
        heard = await caller.heard()
        told = await complete(lines.last_heard(f"desk{agent}"))
        assert heard.tone_s(DESK_TONE_HZ) > 0.5, caller.ani
        assert told.tone_s(CALLER_TONE_HZ) > 0.5, caller.ani
        if caller is west_west:
            assert agent == "chen"
            assert heard.longest_gap_s(DESK_TONE_HZ) <= LONGEST_GAP_S
            assert told.longest_gap_s(CALLER_TONE_HZ) <= LONGEST_GAP_S


async def test_our_restart_finds_the_calls_of_both(pair: Pair) -> None:
    """kill -9 of our process: nobody hears it, wherever caller and agent are."""
    callers = [await pair.calls(switch) for switch in ("east", "west", "west", "east")]
    agents = [await pair.talks(caller) for caller in callers]
    waiting = [await pair.calls(switch) for switch in ("west", "east")]
    for caller in waiting:
        await pair.row(caller, outcome="waiting")
    pair.center.kill()
    snapshots = {name: console.snapshots for name, console in pair.agents.items()}
    pair.center.spawn()
    await asyncio.to_thread(pair.center.wait_ready)
    for name, console in pair.agents.items():
        await console.until(
            lambda c=console, n=name: c.connected and c.snapshots > snapshots[n], "a new snapshot"
        )
    await pair.boss.until(lambda: pair.boss.connected, "the supervisor's console")
    assert [await pair.talks(caller) for caller in callers] == agents
    files = {agent: pair.lines.last_heard(f"desk{agent}") for agent in agents}
    for caller, agent in zip(callers, agents, strict=True):
        await caller.hang_up()
        heard = await caller.heard()
        told = await complete(files[agent])
        assert heard.longest_gap_s(DESK_TONE_HZ) <= LONGEST_GAP_S, agent
        assert told.longest_gap_s(CALLER_TONE_HZ) <= LONGEST_GAP_S, agent
    for caller in waiting:
        await pair.talks(caller)
        await caller.hang_up()


async def test_a_browser_finds_the_other_switch(pair: Pair) -> None:
    """The switch where an agent's browser registers is frozen: the next log-in is elsewhere."""
    center, ben = pair.center, pair.agents["ben"]
    assert (await pair.phone_of(ben))["ws"] == "/sip?at=east"
    assert await pair.sip_answers(ben, "/sip?at=east")
    assert not await pair.sip_answers(ben, "/sip?at=north")
    west_west = await pair.calls("west")
    agent = await pair.talks(west_west)
    pid = center.asterisk_pid("east")
    os.kill(pid, signal.SIGSTOP)
    try:
        await pair.switch_is("east", up=False)
        access = await pair.phone_of(ben)
        assert access["ws"] == "/sip?at=west"
        assert await pair.sip_answers(ben, access["ws"])
    finally:
        os.kill(pid, signal.SIGCONT)
    thawed = time.monotonic()
    await pair.switch_is("east", up=True)
    assert time.monotonic() - thawed < 5.0
    assert (await pair.phone_of(ben))["ws"] == "/sip?at=east"
    if HOMES[agent] == "west":
        await west_west.hang_up()
        heard = await west_west.heard()
        assert heard.longest_gap_s(DESK_TONE_HZ) <= LONGEST_GAP_S
