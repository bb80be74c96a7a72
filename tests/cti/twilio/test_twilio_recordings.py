"""Recordings over the simulated Twilio: started, paused, filed, fetched, never forgotten."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from cti import commands as c
from cti import events as e
from cti.twilio.http import RestRefused
from tests.cti.twilio.conftest import World
from tests.cti.twilio.test_twilio_conversations import dial, talking, told


async def test_a_recording_without_a_gap_from_start_to_file(world: World, tmp_path: Path) -> None:
    """Both sides apart, card data left out, the file fetched with our token and deleted there."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    bridge = caller.bridge
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    (recording,) = world.twilio.rooms.recordings.values()
    assert (recording.leg, recording.channels) == (caller, "dual")
    assert caller.bridge is bridge, "recording must not be heard"
    await told(world, center, c.PauseRecording(call_id, "r1"), e.RecordingPaused)
    assert (recording.status, recording.pauses) == ("paused", ["silence"])
    await told(world, center, c.ResumeRecording(call_id, "r1"), e.RecordingResumed)
    assert recording.status == "in-progress"
    await world.sleep(3.0)
    await told(world, center, c.StopRecording(call_id, "r1"), e.RecordingStopped)
    stopped = center.last(e.RecordingStopped)
    assert stopped.recording_id == "r1"
    assert stopped.address.startswith("https://api.twilio.com/")
    assert 1.0 <= stopped.length_s <= 60.0
    file = tmp_path / "r1.wav"
    await center.link.fetch_recording(stopped.address, file)
    with wave.open(str(file)) as sound:
        assert sound.getnchannels() == 2
    await center.link.delete_recording(stopped.address)
    assert world.twilio.rooms.recordings == {}
    await center.link.delete_recording(stopped.address)
    with pytest.raises(RestRefused):
        await center.link.fetch_recording(stopped.address, file)
    assert caller.live
    await told(world, center, c.StartRecording(call_id, "r2", stereo=False), e.RecordingStarted)
    (second,) = world.twilio.rooms.recordings.values()
    assert second.channels == "mono"


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/Recordings/..%2f..", "", "file:///etc/passwd", "https://evil.example/x"],
)
async def test_our_token_goes_nowhere_else(world: World, tmp_path: Path, address: str) -> None:
    """An address is text from outside: only the recording's name in it counts."""
    center = await world.open()
    with pytest.raises(ValueError, match="not the address"):
        await center.link.fetch_recording(address, tmp_path / "x")
    elsewhere = "https://evil.example/Recordings/RE" + "0" * 32 + ".wav"
    with pytest.raises(RestRefused):  # it is looked for at Twilio, where it is not
        await center.link.fetch_recording(elsewhere, tmp_path / "x")


async def test_it_goes_on_in_the_conference_and_ends_with_the_caller(world: World) -> None:
    """One recording of one call, whoever comes and goes."""
    center = await world.open()
    caller, call_id = await talking(world, center)
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    await told(world, center, dial(call_id), e.LegAnswered)
    await told(world, center, c.HandOver(call_id, "l1"), e.CallHandedOver)
    (recording,) = world.twilio.rooms.recordings.values()
    assert recording.status == "in-progress"
    caller.hang_up()
    await world.until(lambda: center.count(e.RecordingStopped), "it is filed")
    assert center.of(call_id)[-2:] == ["CallEnded", "RecordingStopped"]
    assert list(center.link._book.unfiled) == []


async def test_twilio_tells_it_three_times(world: World) -> None:
    """A repeated word must not file the recording again."""
    center = await world.open()
    _, call_id = await talking(world, center)
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    await told(world, center, c.StopRecording(call_id, "r1"), e.RecordingStopped)
    (recording,) = world.twilio.rooms.recordings.values()
    for _ in range(2):
        await world.twilio.status(recording.callback, world.twilio.rooms.recording_said(recording))
    assert center.count(e.RecordingStopped) == 1


async def test_a_file_that_nobody_told_us_of_is_looked_for(world: World) -> None:
    """Twilio tells it once; a recording must not be lost with one request."""
    center = await world.open(check_s=0.2)
    caller, call_id = await talking(world, center)
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    world.twilio.lost = 1.0
    caller.hang_up()
    await world.until(lambda: center.count(e.RecordingStopped), "it is found")
    assert center.last(e.RecordingStopped).address.endswith(".wav?RequestedChannels=2")


@pytest.mark.parametrize("ends", ["before", "while"])
async def test_a_recording_over_a_kill(world: World, ends: str) -> None:
    """The call ended just before or while we were away; its recording is filed all the same."""
    center = await world.open(check_s=0.2)
    caller, call_id = await talking(world, center)
    await told(world, center, c.StartRecording(call_id, "r1"), e.RecordingStarted)
    if ends == "before":
        caller.hang_up()
        await world.until(lambda: center.count(e.CallEnded), "it ends")
    await world.die()
    caller.hang_up()
    await world.sleep(5.0)
    center = await world.open(check_s=0.2)
    await world.until(lambda: center.count(e.RecordingStopped), "it is found")
    assert center.last(e.RecordingStopped).recording_id == "r1"


async def test_a_recording_is_begun_once_even_when_nobody_knows(world: World) -> None:
    """Two recordings of one call would be two truths; the failure says that nobody knows."""
    center = await world.open(rest_timeout_s=0.3, check_s=30.0)
    _, call_id = await talking(world, center)
    world.twilio.rest_delay_s = 12.0
    await told(world, center, c.StartRecording(call_id, "r1"), e.OrderFailed)
    world.twilio.rest_delay_s = 0.0
    assert center.last(e.OrderFailed).outcome_unknown
    asked = [x for x in world.twilio.requests if x[1].endswith("/Recordings.json")]
    assert len(asked) == 1
