"""Whole calls over the trunk, with agents on desk phones: every way that a call can go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tools.lab.network import CALLER_TONE_HZ, DESK_TONE_HZ, complete

if TYPE_CHECKING:
    from tests.e2e.conftest import World
    from tools.lab.console import Console

pytestmark = [pytest.mark.asterisk]

QUICK, SHORT = "303", "304"  # straight to the queues of these names


def kinds(record: dict[str, Any]) -> list[str]:
    return [entry["kind"] for entry in record["timeline"]]


async def grown(world: World, before: dict[str, dict[str, int]], queue: str) -> dict[str, int]:
    """By how much a queue's counts have grown; those that have not are left out."""
    after = (await world.books())[queue]
    then = before.get(queue, {})
    return {name: n - then.get(name, 0) for name, n in after.items() if n != then.get(name, 0)}


async def test_both_hear_each_other_and_either_may_hang_up_first(world: World) -> None:
    """The plainest call, ended once by the caller and once by the agent, is complete."""
    before = await world.books()
    anna = await world.agent("anna")
    for ended_by in ("caller", "agent"):
        ani = world.stranger()
        caller = await world.lines.call(QUICK, ani)
        desk = await anna.until_state("talking")
        assert desk["call"]["ani"] == ani
        await asyncio.sleep(1.5)
        if ended_by == "caller":
            await caller.hang_up()
        else:
            await anna.do("hang_up", call_id=desk["call"]["call_id"])
            await caller.until_over()
        await anna.wrap_up("solved", f"ended by the {ended_by}", then="ready")
        await anna.until_state("ready")

        heard = await caller.heard()
        told = await complete(world.lines.last_heard("deskanna"))
        assert heard.tone_s(DESK_TONE_HZ) > 0.8
        assert told.tone_s(CALLER_TONE_HZ) > 0.8
        assert heard.share(CALLER_TONE_HZ) < 0.05, "the caller hears an echo"

        record = await world.record(ani, outcome="answered")
        assert record["note"] == f"ended by the {ended_by}"
        assert record["disposition"] == "solved"
        assert record["call"]["agent"] == "Anna Kowalska"
        ended = next(entry for entry in record["timeline"] if entry["kind"] == "ended")
        assert ended["data"]["by"] == ended_by
        moments = record["moments"]
        names = ("arrived", "menu_ended", "queued", "offered", "rang", "answered", "ended")
        in_order = [moments[name] for name in (*names, "wrap_up_ended")]
        assert in_order == sorted(in_order), moments
        assert record["call"]["talk_s"] == pytest.approx(
            moments["ended"] - moments["answered"], abs=0.5
        )
    assert await grown(world, before, "quick") == {"offered": 2, "answered": 2}


async def test_a_caller_gives_up_in_the_queue(world: World) -> None:
    """Nobody was free: one abandon, and the next free agent is not rung for a ghost."""
    before = await world.books()
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    row = await world.row(ani, outcome="waiting")
    boss = await world.boss()
    waiting = await boss.until(lambda: boss.get(f"waiting:{row['call_id']}"), "the waiting call")
    assert waiting["position"] == 1
    assert waiting["why"]["text"]["en"]
    await asyncio.sleep(1.2)
    await caller.hang_up()
    record = await world.record(ani, outcome="abandoned")
    assert record["call"]["waited_s"] >= 1.0
    assert kinds(record).count("abandoned") == 1
    assert (await caller.heard()).loudness(0.5) > 0.005, "no music while waiting"
    await boss.until(lambda: not boss.all("waiting"), "an empty line")
    anna = await world.agent("anna")
    await asyncio.sleep(0.5)
    assert anna.state == "ready"
    assert world.lines.rung == []
    assert await grown(world, before, "quick") == {"offered": 1, "abandoned": 1}


async def test_a_caller_gives_up_while_the_phone_rings(world: World) -> None:
    """The phone stops, the agent is ready with the same idle clock, one abandon is counted."""
    before = await world.books()
    anna = await world.agent("anna", act="ring")
    ready_since = anna.desk["since"]
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    await world.lines.until_rung("deskanna")
    await anna.until_state("reserved")
    await caller.hang_up()
    desk = await anna.until_state("ready")
    assert desk["call"] is None
    assert desk["since"] >= ready_since
    record = await world.record(ani, outcome="abandoned")
    assert kinds(record).count("abandoned") == 1
    assert "cancelled" in kinds(record)
    await world.lines.phone("anna", "answer")
    await asyncio.sleep(0.6)
    assert not [heard for heard in world.lines.answered if heard.who == "deskanna"], "a ghost ring"
    assert anna.state == "ready"
    assert await grown(world, before, "quick") == {"offered": 1, "abandoned": 1}


async def test_an_agent_who_does_not_answer_is_passed_over(world: World) -> None:
    """RONA: the agent is not ready for "no answer", the caller is offered on, at the same place."""
    before = await world.books()
    anna = await world.agent("anna", act="ring")
    ben = await world.agent("ben", ready=False)
    first, second = world.stranger(), world.stranger()
    await world.lines.call(SHORT, first)
    await world.lines.until_rung("deskanna")
    await world.lines.call(SHORT, second)
    await world.row(second, outcome="waiting")
    desk = await anna.until_state("not ready")
    assert desk["reason"] == "no answer"
    await ben.do("ready")
    desk = await ben.until_state("talking")
    assert desk["call"]["ani"] == first, "the caller lost the place"
    for caller in world.lines.callers:
        await caller.hang_up()
    await ben.wrap_up()
    record = await world.record(first)
    assert record["call"]["outcome"] == "answered"
    story = [kind for kind in kinds(record) if kind in ("offered", "unanswered", "answered")]
    assert story == ["offered", "unanswered", "offered", "answered"]
    assert await grown(world, before, "short") == {"offered": 2, "answered": 1, "abandoned": 1}


@pytest.mark.parametrize("how", ["busy", "decline", "console"])
async def test_a_refused_call_goes_to_the_next_agent(world: World, how: str) -> None:
    """Whether the phone is busy, its key says no or the console does: the caller is kept."""
    before = await world.books()
    anna = await world.agent("anna", act="ring" if how == "console" else how)
    ben = await world.agent("ben")
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    if how == "console":
        await world.lines.until_rung("deskanna")
        call = await anna.until(lambda: anna.call, "the offer")
        await anna.do("decline", offer_id=call["offer_id"])
    desk = await anna.until_state("not ready")
    assert desk["reason"] == "declined"
    desk = await ben.until_state("talking")
    assert desk["call"]["ani"] == ani
    await asyncio.sleep(0.8)
    await caller.hang_up()
    await ben.wrap_up()
    assert (await caller.heard()).tone_s(DESK_TONE_HZ) > 0.4
    record = await world.record(ani, outcome="answered")
    assert "refused" in kinds(record)
    assert await grown(world, before, "quick") == {"offered": 1, "answered": 1}


async def test_a_ringing_phone_stops_when_its_agent_is_moved_away(world: World) -> None:
    """The switch stops that phone and rings the next one: nobody is blamed, the caller waits on."""
    anna = await world.agent("anna", act="ring")
    boss, ani = await world.boss(), world.stranger()
    caller = await world.lines.call(QUICK, ani)
    await world.lines.until_rung("deskanna")
    await anna.until(lambda: anna.call, "the offer")
    ben = await world.agent("ben")
    await boss.do("staff", agent="anna", queues=["bare"])
    try:
        desk = await ben.until_state("talking")
        assert desk["call"]["ani"] == ani
        assert (await anna.until_state("ready"))["call"] is None
        await asyncio.sleep(0.8)
        await caller.hang_up()
        await ben.wrap_up()
        assert (await caller.heard()).tone_s(DESK_TONE_HZ) > 0.4
        record = await world.record(ani, outcome="answered")
        assert "unanswered" not in kinds(record)
    finally:
        await boss.do("reset_staffing", agent="anna")


async def test_a_callback_is_promised_and_kept(world: World) -> None:
    """Left a number (press 1, then 1): the place is kept, and both hear each other later."""
    before = await world.books()
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    await world.row(ani, outcome="waiting")
    await asyncio.sleep(0.5)
    await caller.press("1")
    await asyncio.sleep(2.5)
    await caller.press("1")
    await caller.until_over(timeout_s=15)
    first = await world.record(ani, direction="inbound")
    assert first["call"]["outcome"] == "callback"
    boss = await world.boss()
    line = await boss.until(lambda: boss.all("waiting"), "the callback in the line")
    assert [one["kind"] for one in line] == ["callback"]
    assert line[0]["entered"] == pytest.approx(first["moments"]["queued"], abs=0.1)

    await world.lines.number(ani, "answer")
    anna = await world.agent("anna")
    desk = await anna.until_state("talking", timeout_s=15)
    assert desk["call"]["direction"] == "callback"
    assert desk["call"]["ani"] == ani
    await asyncio.sleep(1.5)
    who = f"n{ani.lstrip('+')}"
    assert [number for phone, number in world.lines.rung if phone == who] == ["+14165550100"]
    await anna.do("hang_up", call_id=desk["call"]["call_id"])
    await anna.wrap_up("solved", "called back")
    customer = await complete(world.lines.last_heard(who))
    agent = await complete(world.lines.last_heard("deskanna"))
    assert customer.tone_s(DESK_TONE_HZ) > 0.8
    assert agent.tone_s(CALLER_TONE_HZ) > 0.8
    record = await world.record(ani, direction="callback")
    assert record["call"]["outcome"] == "reached"
    assert record["note"] == "called back"
    assert await grown(world, before, "quick") == {
        "offered": 1,
        "flowed_out": 1,
        "callbacks_reached": 1,
    }


async def test_hold_gives_the_caller_music_and_takes_it_away(world: World) -> None:
    """Hold and retrieve from the console: music for the caller, then the agent again."""
    anna = await world.agent("anna")
    ani = world.stranger()
    caller = await world.lines.call(QUICK, ani)
    desk = await anna.until_state("talking")
    call_id = desk["call"]["call_id"]
    await asyncio.sleep(1.0)
    await anna.do("hold", call_id=call_id)
    await anna.until_state("held")
    await asyncio.sleep(1.5)
    await anna.do("retrieve", call_id=call_id)
    await anna.until_state("talking")
    await asyncio.sleep(1.5)
    await caller.hang_up()
    await anna.wrap_up()
    heard = await caller.heard()
    assert heard.share(DESK_TONE_HZ, 0.4, 0.9) > 0.8
    assert heard.share(DESK_TONE_HZ, 1.6, 2.3) < 0.2
    assert heard.loudness(1.6, 2.3) > 0.003, "silence on hold"
    assert heard.share(DESK_TONE_HZ, -0.9, -0.2) > 0.8
    record = await world.record(ani)
    assert [kind for kind in kinds(record) if kind in ("held", "retrieved")] == [
        "held",
        "retrieved",
    ]


async def customers_shown(agent: Console) -> dict[str, Any]:
    record: dict[str, Any] = await agent.until(
        lambda: (r := agent.get("record")) and r["status"] != "looking" and r, "a record"
    )
    return record
