"""A login that is refused, and more events than anybody could want."""

from __future__ import annotations

import asyncio
import logging
import time
import tracemalloc
from dataclasses import replace

import pytest

from cti import events as e
from cti.asterisk.ami import AmiSettings
from cti.calls import Place

pytestmark = pytest.mark.asterisk

EVENTS = 50_000


def test_a_refused_login_waits_half_a_minute():
    """Asterisk's own guard and its log must not be hammered."""
    assert AmiSettings(1, "u", "s").retry_refused_s == 30.0


async def test_a_refused_login_is_said_and_is_no_storm(office, caplog):
    """The password was changed at the switch: an alarm, few tries, and back when it fits."""
    await office.agent("anna")
    _, call = await office.talking("anna")
    server = office.lab.office
    good = server._files["manager.conf"]
    secret = server.identity.ami_secret
    office.link._ami.settings = replace(office.settings, retry_refused_s=1.0)
    await server.reload({**server._files, "manager.conf": good.replace(secret, "other-secret-1")})
    try:
        with caplog.at_level(logging.ERROR, "cti.asterisk.ami"):
            office.ami.reset()
            await office.until(lambda: office.link._ami.logins_refused >= 2, "two refusals", 6.0)
        before = office.ami.accepted
        await asyncio.sleep(2.0)
        assert office.ami.accepted - before <= 4
        assert "refuses the manager login" in caplog.text
        whys = [fact.why for fact in office.of(e.LinkDown)]
        assert any("login" in why for why in whys), whys
        assert len(whys) <= 2  # said again for the new reason, not for every try
    finally:
        await server.reload({**server._files, "manager.conf": good})
    await office.until(lambda: office.link.up, "LinkUp", 5.0)
    assert office.place(call) is Place.TALKING


def flood(count: int):
    """What a busy switch tells: channels that nobody here knows."""
    for n in range(count):
        yield (
            f"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/other-{n:08x}\r\n"
            f"Uniqueid: other-{n}\r\nLinkedid: other-{n}\r\nCallerIDNum: 1555\r\n"
            f"Cause: 16\r\nCause-txt: Normal Clearing\r\n\r\n"
        ).encode()


async def test_a_flood_of_events(office):
    """50,000 events at once: none is dropped, nothing piles up, others get their turns."""
    await office.agent("anna")
    talker, call = await office.talking("anna")
    ami = office.link._ami
    seen, take = 0, ami._sink

    def count(frame):
        nonlocal seen
        seen += frame.get("Uniqueid").startswith("other-")
        take(frame)

    ami._sink = count
    longest = [0.0]

    async def longest_turn():
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], time.perf_counter() - before)

    await office.ami.flood(flood(1000))
    await office.until(lambda: seen == 1000, "the first events")
    # While it floods, the caller hangs up: that must not be lost among the others.
    feeling = asyncio.create_task(longest_turn())
    began = time.perf_counter()
    flooding = asyncio.create_task(office.ami.flood(flood(EVENTS)))
    await talker.hang_up()
    await flooding
    await office.until(lambda: seen == 1000 + EVENTS, "all events", 30.0)
    office.measured("events of the flood in a second", EVENTS / (time.perf_counter() - began))
    feeling.cancel()
    await office.until_state("anna", "wrap-up")
    assert longest[0] < 0.1
    office.measured("longest turn of the loop in the flood, s", longest[0])

    tracemalloc.start()  # makes everything slow: not while time is taken
    try:
        before, _ = tracemalloc.get_traced_memory()
        await office.ami.flood(flood(EVENTS // 2))
        await office.until(lambda: seen == 1000 + EVENTS + EVENTS // 2, "all events", 30.0)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    office.measured("memory kept after the flood, MB", (after - before) / 1e6)
    assert after - before < 2_000_000
    assert peak - before < 16_000_000
    assert len(office.of(e.LinkDown)) == 0
    assert office.outcome(call) == "answered"
