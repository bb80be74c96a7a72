"""Rules of queues on a real Asterisk: turned away, sent on, left alone, cut off and back."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import change_site, flows, start_network
from tools.lab.center import Center, Site
from tools.lab.network import ADDRESS, CALLER_TONE_HZ, Network, complete
from tools.lab.sound import Recording

if TYPE_CHECKING:
    from tests.e2e.conftest import CenterFactory, World

pytestmark = [pytest.mark.asterisk]

OUTSIDE = "+14165550142"
NUMBERS = {"401": "shut", "402": "slow", "403": "away", "404": "alone", "405": "wide", "406": "box"}
_FLOW = """
kind: entry
languages: [en, zh]
start: go
fallback: {{queue: support}}
steps:
  go: {{do: queue, queue: {queue}}}
"""
_MESSAGE = """
kind: entry
languages: [en, zh]
start: sorry
fallback: {{queue: support}}
steps:
  sorry:
    do: say
    interrupt: false
    text: {{en: "Sorry, nobody can take your call at this moment.", zh: "抱歉。"}}
    next: {then}
  bye: {{do: hang_up}}
  in: {{do: queue, queue: wide}}
"""


_TELL = """
kind: wait
languages: [en, zh]
start: say
steps:
  say:
    do: say
    interrupt: false
    text: {en: "Number {position}.", zh: "第 {position} 位。"}
    next: on
  on: {do: wait}
"""


def change(site: Site) -> None:
    """Queues that nobody may wait in for long."""
    change_site(site)
    quiet = {"wrap_up_s": 5, "wait": {"music": "default"}, "callback": False}
    site["place_grace_s"] = 60
    site["queues"] |= {
        "shut": {**quiet, "closed": {"flow": "message"}},
        "slow": {**quiet, "overflow": {"after_s": 2, "to": {"flow": "onward"}}},
        "away": {**quiet, "overflow": {"after_s": 2, "to": {"number": OUTSIDE}}},
        "alone": {**quiet, "left_alone": {"after_s": 2, "to": {"flow": "message"}}},
        "wide": {**quiet, "wait": {"flow": "tell", "first_s": 1, "every_s": 10}},
        "box": {**quiet, "closed": {"voicemail": "box"}},
    }
    for agent in site["agents"].values():
        if agent["queues"]:
            agent["queues"] = [*agent["queues"], *NUMBERS.values()]
    site["numbers"] |= {number: {"flow": f"to_{queue}"} for number, queue in NUMBERS.items()}


@pytest.fixture(scope="module")
def center(make_center: CenterFactory, network: Network) -> Center:
    """A running center with these queues."""
    texts = {f"to_{queue}": _FLOW.format(queue=queue) for queue in NUMBERS.values()}
    texts |= {
        "message": _MESSAGE.format(then="bye").replace("  in: {do: queue, queue: wide}\n", "")
    }
    texts |= {"onward": _MESSAGE.format(then="in").replace("  bye: {do: hang_up}\n", "")}
    texts["tell"] = _TELL
    center = make_center(trunk=(ADDRESS, network.port), change=change, flows=flows() | texts)
    center.spawn()
    start_network(network, center)
    center.wait_ready()
    return center


def entries(record: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry for entry in record["timeline"] if entry["kind"] == kind]


async def test_a_closed_queue_is_heard_and_ends_the_call(world: World) -> None:
    """The words of the menu that the rule names, no music, and the end; nobody was rung."""
    boss = await world.boss()
    await boss.do("close_queue", queue="shut", why="fire drill")
    ani = world.stranger()
    caller = await world.lines.call("401", ani)
    await caller.until_over(20.0)
    heard = await caller.heard()
    assert heard.length_s > 1.5
    assert heard.loudness(0.3) > 0.005, "the caller heard nothing"
    record = await world.record(ani, outcome="turned away")
    (turned,) = entries(record, "turned-away")
    assert turned["why"]["code"] == "turned-closed"
    assert "fire drill" in turned["why"]["text"]["en"]
    assert entries(record, "queued") == []
    await boss.do("queue_by_hours", queue="shut")
    again = await world.lines.call("401", world.stranger())
    await world.row(again.ani, outcome="waiting")


async def test_who_waited_too_long_comes_to_a_menu_and_into_another_queue(world: World) -> None:
    """Asterisk takes the caller from the music to the menu; from there an agent is reached."""
    await world.agent("anna", ready=False)
    ani = world.stranger()
    await world.lines.call("402", ani)
    boss = await world.boss()
    row = await world.row(ani)
    call = row["call_id"]
    waits = await boss.until(
        lambda: (w := boss.get(f"waiting:{call}")) and w["queue"] == "wide" and w, "the next", 20.0
    )
    assert waits["why"]["text"]["zh"]
    anna = world.consoles[0]
    await anna.do("ready")
    await anna.until_state("talking", timeout_s=15.0)
    await asyncio.sleep(1.0)
    await anna.do("hang_up", call_id=call)
    record = await world.record(ani)
    (sent,) = entries(record, "sent-on")
    assert sent["data"]["target"] == "onward"
    assert [entry["kind"] for entry in record["timeline"] if entry["kind"] in ("overflowed",)]
    assert record["call"]["outcome"] == "answered"


async def test_who_waited_too_long_is_led_outside(world: World) -> None:
    """Over the trunk to the other network, which hears the caller."""
    await world.lines.number(OUTSIDE, "answer")
    ani = world.stranger()
    caller = await world.lines.call("403", ani)
    who = f"n{OUTSIDE.lstrip('+')}"
    await world.lines.until_rung(who, timeout_s=15.0)
    await world.lines.until(lambda: any(one.who == who for one in world.lines.answered), who)
    await asyncio.sleep(1.5)
    await caller.hang_up()
    there = await complete(world.lines.last_heard(who))
    assert there.tone_s(CALLER_TONE_HZ) > 0.8
    record = await world.record(ani)
    assert record["call"]["outcome"] == "overflowed"
    (ended,) = entries(record, "ended")
    assert ended["data"]["cause"] == "transferred"


async def test_who_is_left_alone_hears_so(world: World) -> None:
    """The last agent signs out: the caller does not wait all night."""
    anna = await world.agent("anna", ready=False)
    ani = world.stranger()
    caller = await world.lines.call("404", ani)
    await world.row(ani, outcome="waiting")
    await asyncio.sleep(3.0)
    assert not caller.over
    await anna.do("sign_out")
    await caller.until_over(20.0)
    record = await world.record(ani)
    (sent,) = entries(record, "sent-on")
    assert sent["why"]["code"] == "left-alone"


async def test_who_is_cut_off_and_calls_again_is_back_in_front(world: World) -> None:
    """Known by the number, within the grace; who fell back hears a worse place for a reason."""
    await world.agent("anna", ready=False)
    cut, other = world.stranger(), world.stranger()
    first = await world.lines.call("405", cut)
    await world.row(cut, outcome="waiting")
    await world.lines.call("405", other)
    row = await world.row(other, outcome="waiting")
    boss = await world.boss()

    async def until_told(position: int) -> dict[str, Any]:
        """The caller who was never cut off hears this position."""
        async with asyncio.timeout(30):
            while True:
                record = await boss.ask(f"/api/calls/{row['call_id']}")
                said = entries(record, "position-told")
                if said and said[-1]["data"]["position"] == position:
                    return said[-1]
                await asyncio.sleep(0.3)

    await until_told(2)
    await first.hang_up()
    await boss.until(lambda: len(boss.all("waiting")) == 1, "one waiting call")
    assert (await until_told(1))["why"]["code"] == "position-better"
    await world.lines.call("405", cut)

    def at(position: int) -> Any:
        found = (w for w in boss.all("waiting") if w["position"] == position)
        return next(found, None)

    back = await boss.until(lambda: at(1) and at(2) and at(1), "two waiting calls")
    assert back["call_id"] != row["call_id"]
    assert at(2)["call_id"] == row["call_id"]
    detail = functools.partial(boss.ask, f"/api/calls/{back['call_id']}")
    (queued,) = entries(await detail(), "queued")
    assert queued["why"]["code"] == "place-kept"
    worse = (await until_told(2))["why"]
    assert (worse["code"], worse["data"]["kept"]) == ("position-worse", 1)


@pytest.mark.parametrize("ends", ["with a key", "by hanging up"])
async def test_a_caller_leaves_a_message_that_the_supervisor_hears(world: World, ends: str) -> None:
    """What is in the file is what the caller said, and it waits until somebody dealt with it."""
    boss = await world.boss()
    await boss.do("close_queue", queue="box", why="")
    ani = world.stranger()
    caller = await world.lines.call("406", ani)

    def recorded() -> list[dict[str, Any]]:
        rows = [row for row in boss.all("call") if row["ani"] == ani]
        return [row for row in rows if row["outcome"] == "turned away"]

    (row,) = await boss.until(recorded, "the caller in the voicemail", 15.0)
    folder = world.center.var / "asterisk" / "spool" / "monitor"
    async with asyncio.timeout(30):
        while not [file for file in folder.glob("*~vm-*") if file.stat().st_size > 48_000]:
            await asyncio.sleep(0.1)
    if ends == "with a key":
        await caller.press("#")
        await caller.until_over(30.0)  # having heard the thanks
    else:
        await caller.hang_up()
    message = await boss.until(
        lambda: next((m for m in boss.all("voicemail") if m["call_id"] == row["call_id"]), None),
        "the message",
        15.0,
    )
    assert message["box"] == "box"
    assert message["length_s"] > 2.0
    async with asyncio.timeout(20):
        while True:
            async with boss.http.get(f"{boss.url}/api/recordings/{message['id']}") as answer:
                if answer.status == 200:
                    sound = await answer.read()
                    break
            await asyncio.sleep(0.2)
    file = world.center.folder / f"{message['id']}.wav"
    file.write_bytes(sound)
    assert Recording(file).tone_s(CALLER_TONE_HZ) > 2.0
    record = await world.record(ani)
    (left,) = entries(record, "voicemail")
    assert left["text"]["en"].startswith("Left a message of")
    await boss.do("voicemail_done", recording=message["id"])
    await boss.until(lambda: not boss.get(f"voicemail:{message['id']}"), "it being dealt with")
    await boss.do("queue_by_hours", queue="box")
