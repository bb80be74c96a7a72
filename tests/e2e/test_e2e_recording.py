"""A recording's whole way, with a kill -9 in the middle of its pause."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import TYPE_CHECKING

import numpy
import pytest

from tools.lab.network import CALLER_TONE_HZ, DESK_TONE_HZ
from tools.lab.sound import share_of

if TYPE_CHECKING:
    from tests.e2e.conftest import World

pytestmark = pytest.mark.asterisk

QUICK = "303"
TENTH = 800  # samples


async def test_a_paused_recording_survives_kill_9_and_is_heard_by_those_who_may(
    world: World,
) -> None:
    """Nothing that was said in the pause is anywhere; the rest is played to the right people."""
    anna = await world.agent("anna")
    ben = await world.agent("ben", ready=False)
    caller = await world.lines.call(QUICK, world.stranger())
    await anna.until_state("talking")
    assert anna.call is not None
    call_id = anna.call["call_id"]

    async def record(action: str, shown: str) -> None:
        await anna.do("record", call_id=call_id, action=action)
        await anna.until(
            lambda: anna.call is not None and anna.call["recording"] == shown, f"recording {shown}"
        )

    await record("start", "on")
    await asyncio.sleep(1.5)
    await record("pause", "paused")
    before = anna.snapshots
    world.center.kill()
    world.center.spawn()
    await asyncio.to_thread(world.center.wait_ready, 30.0)
    await anna.until(lambda: anna.snapshots > before, "the console's return")
    await anna.until(lambda: anna.call is not None, "the call")
    assert anna.call["recording"] == "paused"
    await asyncio.sleep(0.5)
    await record("resume", "on")
    await asyncio.sleep(1.5)
    await caller.hang_up()
    await anna.wrap_up()

    boss = await world.boss()
    async with asyncio.timeout(15):
        while not (found := (await boss.ask(f"/api/calls/{call_id}"))["recordings"]):
            await asyncio.sleep(0.2)
    (recording,) = found
    assert recording["channels"] == 2
    path = f"{world.center.url}/api/recordings/{recording['id']}"
    async with boss.http.get(path) as answer:
        assert answer.status == 200
        sound = await answer.read()
    async with anna.http.get(path, headers={"Range": "bytes=0-3"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"RIFF")
    async with ben.http.get(path) as answer:
        assert answer.status == 404
    left, right = _channels(sound)
    for samples, hertz in ((left, CALLER_TONE_HZ), (right, DESK_TONE_HZ)):
        parts = [samples[n : n + TENTH] for n in range(0, samples.size - TENTH, TENTH)]
        loud = [float(abs(part).max()) > 0.001 for part in parts]
        heard = [share_of(part, hertz) > 0.6 for part in parts]
        assert sum(heard) > 24, "what was said is not in the recording"
        pause = loud.index(False, 5)
        again = loud.index(True, pause)
        assert again - pause > 10, "there is no pause"
        assert not any(loud[pause:again])
    assert not list(world.center.var.glob("asterisk/spool/monitor/*")), (
        "the raw file is still there"
    )
    kept = list((world.center.var / "recordings").rglob("*.wav"))
    assert [file.stem for file in kept] == [recording["id"]]


def _channels(sound: bytes) -> tuple[numpy.ndarray, numpy.ndarray]:
    with wave.open(io.BytesIO(sound), "rb") as file:
        raw = file.readframes(file.getnframes())
    samples = numpy.frombuffer(raw, dtype="<i2").astype(float) / 32768
    return samples[0::2], samples[1::2]
