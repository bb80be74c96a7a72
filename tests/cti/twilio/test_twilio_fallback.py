"""The document that keeps callers while we are away, hosted by a server for files."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from cti import commands as c
from cti import events as e
from tests.cti.twilio.conftest import World
from tests.cti.twilio.test_twilio_conversations import talking, told

SORRY = "right with you"


@contextlib.asynccontextmanager
async def hosted(folder: Path) -> AsyncIterator[str]:
    """A web server that has files and answers GET, as any host of files does."""
    app = web.Application()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_callers_are_kept_by_the_file_and_come_back(world: World, tmp_path: Path) -> None:
    """The real file, really hosted: a sentence, a pause, and the caller asks for us again,
    for as long as it takes; then the menu begins as if nothing had been."""
    center = await world.open()
    center.link.write_fallback(tmp_path / "twilio.xml")
    await world.die()
    async with hosted(tmp_path) as base:
        world.twilio.fallback = f"{base}/twilio.xml"
        caller = world.twilio.call_in(keys=["1", "1"])
        await world.until(
            lambda: sum(SORRY in text for text in caller.heard) >= 3, "kept, again and again", 15.0
        )
        center = await world.open(fallback_url=world.twilio.fallback)
        await world.until(lambda: center.count(e.CallWaiting), "the caller waits", 10.0)
        assert center.count(e.CallArrived) == 1


async def test_every_leg_has_the_hosted_file_to_fall_back_on(world: World, tmp_path: Path) -> None:
    """A caller whom REST has moved, and an agent: both are kept when we die."""
    center = await world.open()
    center.link.write_fallback(tmp_path / "twilio.xml")
    await world.die()
    async with hosted(tmp_path) as base:
        world.twilio.fallback = f"{base}/twilio.xml"
        center = await world.open(fallback_url=world.twilio.fallback)
        caller, call_id = await talking(world, center)
        order = c.StartWaiting(call_id, "support", 1.0, visit_after_s=60.0, digits="1")
        await told(world, center, order, e.CallWaiting)
        await world.die()
        caller.press("1")
        await world.until(lambda: SORRY in caller.heard[-1], "the file keeps the caller", 10.0)
        center = await world.open(fallback_url=world.twilio.fallback)
        await world.until(lambda: center.of(call_id)[-1] == "CallWaiting", "waits again", 10.0)
    posted = [form for _, _, form in world.twilio.requests if "FallbackUrl" in form]
    assert posted
    assert {(x["FallbackUrl"], x["FallbackMethod"]) for x in posted} == {
        (world.twilio.fallback, "GET")
    }
