"""Asterisk itself is stopped, killed or shut down with calls on it."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from callcenter.asteriskfloor import keep_running
from cti import events as e
from cti.asterisk.ami import AmiSettings
from cti.calls import EndedBy, Place

pytestmark = pytest.mark.asterisk

NUMBER = "+12025550144"


async def busy_floor(office):
    """Two talk, one rings, one is owed a callback, two wait, one is in the menu."""
    calls = {}
    for agent in ("anna", "ben"):
        await office.agent(agent)
        _, calls[agent] = await office.talking(agent)
    await office.agent("chen", "ring")
    _, calls["rings"] = await office.ringing("chen")
    calls["callback"] = await office.callback(NUMBER)
    _, calls["first"] = await office.waiting()
    _, calls["second"] = await office.waiting()
    _, calls["menu"] = await office.caller("310")
    return calls


async def everybody_was_lost(office, calls):
    """Each call ended once, with its switch; nobody is blamed, the callback is still owed."""
    for name in ("anna", "ben", "rings", "first", "second", "menu"):
        ended = await office.wait(e.CallEnded, 20.0, call_id=calls[name])
        assert ended.by is EndedBy.SWITCH_LOST, (name, ended)
        assert len(office.of(e.CallEnded, call_id=calls[name])) == 1
    for name in ("rings", "first", "second"):
        assert office.outcome(calls[name]) == "switch lost", name
    assert [office.state(agent) for agent in ("anna", "ben")] == ["wrap-up", "wrap-up"]
    assert office.blamed("chen") in ([], ["unreachable"])
    assert office.engine.visit(calls["callback"]).kind == "callback"


async def it_works_again(office, calls):
    """The callback is placed, and a new caller is served."""
    await office.lines.number(NUMBER, "answer")
    await office.lines.phone("chen", "answer")
    await office.until(
        lambda: (visit := office.engine.visit(calls["callback"])) and visit.place == "connected",
        "the callback",
        12.0,
    )
    await office.floor.wrap_up("anna", calls["anna"], "", "", "ready")
    _, call = await office.caller()
    await office.wait(e.OfferAnswered, call_id=call)


@pytest.mark.slow
async def test_asterisk_is_killed_and_starts_again(office):
    """A crash costs the calls, and nothing else: agents, places and promises are kept."""
    calls = await busy_floor(office)
    server = office.lab.office
    keeping = asyncio.create_task(keep_running(server, office.link.switch_ended))
    try:
        os.kill(server.pid, signal.SIGKILL)
        killed = time.monotonic()
        await everybody_was_lost(office, calls)
        await office.until(lambda: not office.link.up, "LinkDown")
        await office.until(lambda: office.link.up, "LinkUp", 20.0)
        await it_works_again(office, calls)
        took = time.monotonic() - killed
        office.measured("serving again after a crash of Asterisk, s", took)
        assert took < 10.0
    finally:
        keeping.cancel()


@pytest.mark.slow
async def test_asterisk_is_shut_down_and_starts_again(office):
    """An orderly stop hangs up on everybody first: that is not the callers' doing."""
    calls = await busy_floor(office)
    server = office.lab.office
    os.kill(server.pid, signal.SIGTERM)
    await everybody_was_lost(office, calls)
    await office.is_down()
    await server.restart()
    await office.until(lambda: office.link.up, "LinkUp", 5.0)
    await it_works_again(office, calls)


@pytest.mark.slow
async def test_asterisk_is_frozen_for_ten_seconds(office):
    """Nothing is closed, nothing answers: noticed, said, and all is right when it goes on."""
    await office.agent("anna")
    _, talking = await office.talking("anna")
    await office.agent("chen", "ring")
    _, ringing = await office.ringing("chen")
    leaver, leaving = await office.waiting()
    _, waiting = await office.waiting()
    pid = office.lab.office.pid
    os.kill(pid, signal.SIGSTOP)
    frozen = time.monotonic()
    try:
        await office.agent("ben")  # the offer goes out before anybody can know
        await office.is_down(5.0)
        await asyncio.sleep(10.0 - (time.monotonic() - frozen))
    finally:
        os.kill(pid, signal.SIGCONT)
    thawed = time.monotonic()
    await office.is_back(thawed, "SIGSTOP")
    await office.until(lambda: office.state("ben") == "talking", "ben with the first who waited")
    assert office.router.call_of("ben").call_id == leaving
    assert office.place(talking) is Place.TALKING
    assert office.engine.visit(waiting).place == "waiting"
    await office.lines.phone("chen", "answer")
    await office.until(lambda: office.state("chen") == "talking", "chen talking")
    assert office.router.call_of("chen").call_id == ringing
    await leaver.hang_up()
    await office.until_state("ben", "wrap-up")
    for agent in ("anna", "ben", "chen"):
        assert "unanswered" not in office.blamed(agent)
        assert "refused" not in office.blamed(agent)


@pytest.mark.slow
async def test_asterisk_is_to_stop_gracefully(office):
    """It waits for its calls: who hangs up meanwhile has hung up, and is not lost."""
    await office.agent("anna")
    _, talking = await office.talking("anna")
    leaver, leaving = await office.waiting()
    server = office.lab.office
    stopping = asyncio.create_task(server.console("core stop gracefully"))
    try:
        await asyncio.sleep(0.5)
        await leaver.hang_up()
        ended = await office.wait(e.CallEnded, call_id=leaving)
        assert ended.by is EndedBy.CALLER
        assert office.outcome(leaving) == "abandoned"
        assert office.place(talking) is Place.TALKING
        await office.lines.hang_up_all()
        await office.is_down()
    finally:
        await stopping
        await server.wait_exit()
        await server.restart()
    await office.until(lambda: office.link.up, "LinkUp", 10.0)


async def test_our_own_pause_is_not_the_switchs_silence(open_office):
    """A process that was held up must not take its switch for dead: the answer was there."""
    office = await open_office(ping_every_s=0.2, ping_deadline_s=0.3)
    ami, pings = office.link._ami, []
    send = ami._send

    def send_and_pause(headers, **more):
        action = send(headers, **more)
        if headers["Action"] == "Ping":
            pings.append(headers)
            asyncio.get_running_loop().call_soon(time.sleep, 0.6)
        return action

    ami._send = send_and_pause
    await office.until(lambda: len(pings) == 3, "three pings")
    await asyncio.sleep(0.2)
    assert office.of(e.LinkDown) == []
    assert office.link.up


def test_a_silent_switch_is_noticed_within_seconds():
    """Half-open connections: what is lost meanwhile is what callers wait for nothing."""
    settings = AmiSettings(1, "u", "s")
    assert settings.ping_every_s + settings.ping_deadline_s <= 6.0
