"""Starting again, stopping, and running without any Asterisk."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from crm_link.demo import DEMO_KNOWN_NUMBER
from tools.lab.console import Console

if TYPE_CHECKING:
    from tests.e2e.conftest import CenterFactory, World


@pytest.mark.asterisk
async def test_a_second_start_is_quick_and_keeps_everything(world: World) -> None:
    """Ctrl-C stops Asterisk too; the next `up` is there in seconds with all data."""
    center = world.center
    anna = await world.agent("anna")
    caller = await world.lines.call("303", DEMO_KNOWN_NUMBER)
    await anna.until_state("talking")
    await world.row(DEMO_KNOWN_NUMBER, customer="Grace Chen")
    await caller.hang_up()
    await anna.wrap_up("sale", "bought two")
    before = await world.record(DEMO_KNOWN_NUMBER, outcome="answered")
    pid = center.asterisk_pid()
    assert pid is not None

    assert await asyncio.to_thread(center.interrupt) == 0
    assert center.asterisk_pid() is None, "Asterisk was left behind"
    up_in_s = await center.start()
    assert up_in_s < 15
    assert center.asterisk_pid() not in (None, pid)
    boss = await world.boss()
    await boss.until(lambda: boss.snapshots >= 2 and boss.connected, "the console's return")
    after = await boss.ask(f"/api/calls/{before['call']['call_id']}")
    assert after == before
    assert boss.get(f"call:{before['call']['call_id']}") == before["call"]
    await boss.until(lambda: boss.get("queue:quick")["answered"] == 1, "today's figures")
    found = await boss.ask("/api/customers", q="Grace Chen")
    customer = await boss.ask(f"/api/customers/{found['customers'][0]['customer_id']}")
    assert customer["contacts"][0]["summary"] == "bought two"
    # The same phones, the same numbers: the next call goes through.
    again = await world.lines.call("303", world.stranger())
    await again.hang_up()


@pytest.mark.asterisk
async def test_ctrl_c_after_a_kill_stops_the_asterisk_that_outlived_us(world: World) -> None:
    """The Asterisk that was taken over is ours to stop, with the calls that are in it."""
    center = world.center
    caller = await world.lines.call("303", world.stranger())
    pid = center.asterisk_pid()
    center.kill()
    assert center.asterisk_pid() == pid
    await center.start()
    assert center.asterisk_pid() == pid, "a second Asterisk was started"
    assert not caller.over
    assert await asyncio.to_thread(center.interrupt) == 0
    assert center.asterisk_pid() is None
    await caller.until_over()
    await center.start()
    record = await world.record(caller.ani)
    assert record["call"]["outcome"] in ("switch lost", "ended in menu")


async def test_without_asterisk_virtual_callers_call(make_center: CenterFactory) -> None:
    """`--switch virtual`: the console lives, agents sign in, and calls flow by themselves."""
    center = make_center(switch="virtual")
    began = time.monotonic()
    await center.start()
    assert time.monotonic() - began < 15
    boss = await Console(center.url, "sam").open()
    anna = await Console(center.url, "anna").open()
    try:
        assert boss.get("site")["switch"] == "virtual"
        await anna.begin_shift("desk")
        await boss.until(lambda: boss.all("call"), "a virtual call", 60)
        # One caller in ten presses nothing and is in the menu for long: any other will do.
        await boss.until(
            lambda: any(row["outcome"] != "in menu" for row in boss.all("call")),
            "a call that leaves the menu",
            180,
        )
        assert [one["state"] for one in boss.all("agent")].count("offline") < 6
    finally:
        await boss.close()
        await anna.close()
    assert await asyncio.to_thread(center.interrupt) == 0
