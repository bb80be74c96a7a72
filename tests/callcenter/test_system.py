"""The composition root on the virtual switch, with a real database on disk."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent_console.ports import Refusal
from callcenter.demo import DEMO_PASSWORD
from callcenter.system import System
from config.settings import DEMO_SITE, Settings
from config.site import Site
from cti.virtual.callers import Caller
from cti.virtual.switch import VirtualSwitch
from ivr.mistakes import Mistake


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """`await started()` brings up a system; each one is stopped at the end."""
    systems: list[System] = []
    site = tmp_path / "site"
    shutil.copytree(DEMO_SITE, site)

    async def start(**changes: Any) -> System:
        given = {
            "var": tmp_path / "var",
            "site": site,
            "switch": "virtual",
            "port": _free_port(),
            "demo": False,
        }
        system = System(Settings(**{**given, **changes}))
        systems.append(system)
        await system.start()
        return system

    yield start
    for system in systems:
        await system.stop()


async def _until(what: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not what():
            await asyncio.sleep(0.02)


def _switch(system: System) -> VirtualSwitch:
    link = system.switches.up["virtual"].link
    assert isinstance(link, VirtualSwitch)
    return link


async def test_people_log_in_and_see_the_floor(started: Any) -> None:
    """From the log-in to the live snapshot: the console's whole way through real storage."""
    system = await started(demo=True)
    base = system.settings.base_url
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        headers = {"Origin": base}
        login = {"name": "sam", "password": DEMO_PASSWORD}
        async with session.post(f"{base}/api/login", json=login, headers=headers) as response:
            assert response.status == 200, await response.text()
        async with session.ws_connect(f"{base}/live", headers=headers) as socket_:
            await socket_.send_json({"t": "hello", "epoch": "", "seq": 0})
            snapshot = await socket_.receive_json(timeout=5)
            assert snapshot["t"] == "snapshot"
            assert {"me", "site", "queue:sales", "agent:anna"} <= set(snapshot["put"])
            assert snapshot["put"]["site"]["company"] == "Harbour Lights Electronics"


async def test_new_rights_end_what_is_open(started: Any) -> None:
    """A password that was changed because it leaked must close the thief's page at once."""
    system = await started(demo=True)
    base = system.settings.base_url
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        headers = {"Origin": base}
        login = {"name": "sam", "password": DEMO_PASSWORD}
        async with session.post(f"{base}/api/login", json=login, headers=headers) as response:
            assert response.status == 200
        async with session.ws_connect(f"{base}/live", headers=headers) as socket_:
            await socket_.send_json({"t": "hello", "epoch": "", "seq": 0})
            await socket_.receive_json(timeout=5)
            await system.users.set_password("sam", "another one for sam")
            async with asyncio.timeout(2):  # sessions are looked at far less often
                while not socket_.closed:
                    await socket_.receive()
            assert socket_.close_code == 4401


async def test_a_locked_database_drops_no_call_and_promises_nothing(
    started: Any, tmp_path: Path
) -> None:
    """Somebody else holds the database: calls go on, people are told, nothing is lost."""
    system = await started()
    await system.floor.sign_in("anna", "browser")
    await system.floor.ready("anna")
    lock = sqlite3.connect(tmp_path / "var" / "callcenter.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        call = _switch(system).call_in(
            Caller(ani="+12025550100", dnis="200", digits=("1",), press_after_s=0.1, talk_s=60.0)
        )
        await _until(lambda: system.journal.status.buffered > 0)
        await _until(lambda: not system.journal.healthy)
        with pytest.raises(Refusal) as refused:
            await system.floor.not_ready("anna", "lunch")
        assert refused.value.code == "cannot-save"
        await _until(lambda: call in system.records.calls)
        assert system.router.book.get(call) is not None
        alarm = "alarm:journal-unavailable"
        await _until(lambda: system.live.get("supervisor", alarm) is not None)
    finally:
        lock.rollback()
        lock.close()
    await _until(lambda: system.journal.healthy and system.journal.status.buffered == 0)
    assert system.live.get("supervisor", "alarm:journal-unavailable") is None
    await system.floor.not_ready("anna", "lunch")
    kinds = [entry.kind async for entry in system.journal.read(call_id=call)]
    assert kinds[0] == "CallArrived"


async def test_a_broken_configuration_is_refused_and_the_old_one_stays(
    started: Any, tmp_path: Path
) -> None:
    """A slip in a text editor must not take the company's phones down."""
    system = await started()
    before = system.router.engine.site
    file = tmp_path / "site" / "site.yaml"
    good = file.read_text()
    file.write_text(good.replace("flow: main", "flow: mian", 1))
    assert not await system.reload()
    assert system.router.engine.site is before
    alarm = system.live.get("supervisor", "alarm:config-refused")
    assert "site.yaml:" in alarm["text"]["en"]
    assert "mian" in alarm["text"]["en"]
    file.write_text(good.replace("ring_s: 15", "ring_s: 17", 1))
    assert await system.reload()
    assert system.live.get("supervisor", "alarm:config-refused") is None
    assert [q.ring_s for q in system.router.engine.site.queues if q.id == "sales"] == [17.0]


async def test_a_site_that_takes_long_to_read_holds_up_no_call(
    started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site of thousands of agents takes seconds; whoever asks again meanwhile is next."""
    system = await started()
    reading, let_go, asked = threading.Event(), threading.Event(), []

    def slowly(folder: Path, old: Site) -> tuple[Site, tuple[Mistake, ...]]:
        asked.append(folder)
        reading.set()
        assert let_go.wait(20.0)
        return old, ()

    monkeypatch.setattr("callcenter.system.reload_site", slowly)
    both = [asyncio.create_task(system.reload()) for _ in range(2)]
    await _until(reading.is_set)
    call = _switch(system).call_in(Caller(ani="+12025550100", dnis="200", digits=("1",)))
    await _until(lambda: system.router.book.get(call) is not None)
    assert len(asked) == 1
    let_go.set()
    assert await asyncio.gather(*both) == [True, True]
    assert len(asked) == 2


async def test_a_second_start_keeps_everything(started: Any) -> None:
    """Data, accounts and figures survive an orderly restart."""
    first = await started(demo=True)
    call = _switch(first).call_in(Caller(ani="+12025550100", dnis="200", digits=("1",), stays_s=3))
    await _until(lambda: call in first.records.calls)
    await _until(lambda: first.records.calls[call].ended is not None, 15)
    await first.stop()
    second = await started(demo=True)
    assert await second.users.verify("anna", DEMO_PASSWORD) is not None
    assert (await second.customers.totals())["customers"] == 200
    detail = await second.history.call(call)
    assert detail is not None
    assert detail["call"]["ani"] == "+12025550100"


async def test_without_the_demonstration_there_are_no_accounts(started: Any) -> None:
    """No default password outside the demonstration."""
    system = await started()
    assert await system.users.list_users() == []
    assert (await system.customers.totals())["customers"] == 0


async def test_the_demonstrations_log_ins_end_with_it(started: Any) -> None:
    """Whoever tried the demonstration and goes on in earnest has no well-known passwords."""
    first = await started(demo=True)
    await first.users.set_password("ben", "something of his own")
    await first.stop()
    second = await started()
    for name in ("anna", "sam", "admin"):
        assert await second.users.verify(name, DEMO_PASSWORD) is None
    assert await second.users.verify("ben", "something of his own") is not None


async def test_the_virtual_agents_are_back_after_a_restart(started: Any) -> None:
    """A second `make run` without Asterisk must not be a call center without agents."""
    first = await started(demo=True)
    await _until(lambda: first.router.engine.agent_view("fang").state != "offline")
    await first.stop()
    second = await started(demo=True)
    record = second.router.engine.agents["fang"]
    await _until(lambda: not record.grace_timer)
    assert not record.console_out
    assert record.state in ("ready", "reserved", "talking", "wrap-up")


async def test_agents_have_their_grace_when_the_switch_is_slow_to_come(
    started: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting Asterisk takes longer than consoles are waited for; nobody could come earlier."""
    file = tmp_path / "site" / "site.yaml"
    file.write_text(file.read_text().replace("console_grace_s: 10", "console_grace_s: 1"))
    first = await started()
    await first.floor.sign_in("anna", "browser")
    await first.floor.ready("anna")
    await first.stop()
    bring_up = System._bring_up_switches

    async def slowly(self: System) -> Any:
        await asyncio.sleep(1.5)
        return await bring_up(self)

    monkeypatch.setattr(System, "_bring_up_switches", slowly)
    second = await started()
    await second.floor.console_back("anna")
    await asyncio.sleep(1.2)
    second.router.catch_up()
    assert second.router.engine.agent_view("anna").state == "ready"


async def test_half_a_character_in_a_name_is_no_reason_to_lose_records(started: Any) -> None:
    """Broken UTF-8 from a trunk goes through journal, records, history and screens."""
    system = await started()
    caller = Caller(ani="+12025550100", name="Jos\udce9 <script>", dnis="200", stays_s=0.5)
    call = _switch(system).call_in(caller)
    await _until(lambda: call in system.records.calls)
    await _until(lambda: system.records.calls[call].ended is not None)
    await _until(lambda: call not in system.records._dirty)
    after = _switch(system).call_in(Caller(ani="+12025550101", dnis="200", stays_s=0.5))
    await _until(lambda: after in system.records.calls)
    await _until(lambda: system.records.calls[after].ended is not None)
    await _until(lambda: after not in system.records._dirty)
    await system.stop()
    again = await started()
    detail = await again.history.call(call)
    assert "<script>" in detail["call"]["caller_name"]


async def test_two_processes_never_share_one_journal(started: Any) -> None:
    """A second start on the same data takes over; the first one must notice and end."""
    first = await started()
    second = await started()
    first.router.note(_shift("anna"), first.clock.now())
    async with asyncio.timeout(5):
        await first.must_end.wait()
    assert second.journal.healthy


def _shift(agent: str) -> object:
    from callcenter.happenings import ShiftBegan

    return ShiftBegan(agent, "browser")
