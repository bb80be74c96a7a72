"""Recording on a real Asterisk: who is on which side, pauses, moves, restarts and crashes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy
import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Phone, PhoneKind
from tests.cti.asterisk.conftest import CALLER_TONE_HZ, PHONE_TONE_HZ, Lab, rms
from tools.lab.sound import share_of

pytestmark = pytest.mark.asterisk

RATE_HZ = 8000
DESK = Phone(PhoneKind.DESK, "anna")


def samples_in(file: Path) -> numpy.ndarray:
    return numpy.frombuffer(file.read_bytes(), dtype="<i2").astype(float) / 32768


class Heard:
    """A raw recording: a file for each side, 8 kHz."""

    def __init__(self, fact: e.RecordingStopped) -> None:
        self.path = Path(url2pathname(urlparse(fact.address).path))
        sides = (self.path.with_name(f"{fact.recording_id}.{side}.sln") for side in ("in", "out"))
        caller, others = sides
        self.caller, self.others = samples_in(caller), samples_in(others)

    @property
    def length_s(self) -> float:
        return self.caller.size / RATE_HZ

    def tenths(self, samples: numpy.ndarray, hertz: float) -> float:
        """For how many seconds this tone is there, in all."""
        step = RATE_HZ // 10
        parts = (samples[n : n + step] for n in range(0, samples.size - step, step))
        return sum(0.1 for part in parts if rms(part) > 0.01 and share_of(part, hertz) > 0.6)

    def silence_s(self, samples: numpy.ndarray) -> float:
        step = RATE_HZ // 10
        parts = (samples[n : n + step] for n in range(0, samples.size - step, step))
        return sum(0.1 for part in parts if rms(part) < 0.0001)


@pytest.fixture(autouse=True)
def nothing_left_behind(lab: Lab) -> Iterator[None]:
    """Who keeps recordings takes them away; here nobody does."""
    yield
    for file in lab.office.layout.recordings.iterdir():
        file.unlink()


async def talking(desk, agent: str = "anna") -> tuple[str, Path]:
    record = await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    desk.link.execute(c.OfferCall(call_id, "o1", agent, Phone(PhoneKind.DESK, agent), 8.0))
    await desk.facts.wait(e.OfferAnswered, call_id=call_id)
    return call_id, record


async def begin(desk, call_id: str, name: str = "rec-1", **how) -> None:
    desk.link.execute(c.StartRecording(call_id, name, **how))
    await desk.facts.wait(e.RecordingStarted, call_id=call_id, recording_id=name)


async def test_caller_left_others_right_with_a_pause_through_hold(desk, lab):
    """One file tells both sides apart, goes on through hold, and has nothing of the pause."""
    call_id, _ = await talking(desk)
    await begin(desk, call_id)
    await asyncio.sleep(1.5)
    desk.link.execute(c.PauseRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingPaused, recording_id="rec-1")
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld)
    await asyncio.sleep(0.7)
    desk.link.execute(c.RetrieveCall(call_id))
    await desk.facts.wait(e.CallRetrieved)
    await asyncio.sleep(0.8)
    desk.link.execute(c.ResumeRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingResumed, recording_id="rec-1")
    await asyncio.sleep(1.5)
    desk.link.execute(c.StopRecording(call_id, "rec-1"))
    stopped = await desk.facts.wait(e.RecordingStopped, recording_id="rec-1")
    heard = Heard(stopped)
    assert heard.path.parent == lab.office.layout.recordings
    assert abs(heard.length_s - stopped.length_s) < 0.2
    assert 4.0 < heard.length_s < 6.5
    assert 2.5 < heard.tenths(heard.caller, CALLER_TONE_HZ) < heard.length_s - 1.2
    assert 2.5 < heard.tenths(heard.others, PHONE_TONE_HZ) < heard.length_s - 1.2
    assert heard.tenths(heard.caller, PHONE_TONE_HZ) == 0
    assert heard.tenths(heard.others, CALLER_TONE_HZ) == 0
    assert heard.silence_s(heard.caller) > 1.2, "what was said in the pause is in the file"
    assert heard.silence_s(heard.others) > 1.2, "what was said in the pause is in the file"
    assert desk.facts.of(e.CallEnded) == []


async def test_the_end_of_the_call_ends_its_recording_first(desk):
    """Nothing of a call is reported after its end, its recording included."""
    call_id, record = await talking(desk)
    await begin(desk, call_id, stereo=False)
    await asyncio.sleep(0.5)
    await desk.caller_hangs_up(record)
    await desk.facts.wait(e.CallEnded)
    stopped = await desk.facts.wait(e.RecordingStopped)
    kinds = [type(fact) for fact in desk.facts.seen]
    assert kinds.index(e.RecordingStopped) < kinds.index(e.CallEnded)
    assert stopped.address.endswith(f"/{call_id}~rec-1.mono.raw")


async def test_a_pause_and_the_recording_itself_outlive_our_process(desk):
    """Paused stays paused: nothing said after our death and restart gets into the file."""
    call_id, record = await talking(desk)
    await begin(desk, call_id)
    await asyncio.sleep(1.0)
    desk.link.execute(c.PauseRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingPaused)
    await desk.disconnect()
    desk.facts.seen.clear()
    await asyncio.sleep(0.7)
    await desk.connect()
    kinds = [type(fact) for fact in desk.facts.seen]
    assert kinds.index(e.CallAdopted) < kinds.index(e.RecordingStarted)
    assert kinds.index(e.RecordingStarted) < kinds.index(e.RecordingPaused) < kinds.index(e.LinkUp)
    await asyncio.sleep(0.7)
    desk.link.execute(c.ResumeRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingResumed)
    await asyncio.sleep(1.0)
    await desk.caller_hangs_up(record)
    await desk.facts.wait(e.CallEnded)
    heard = Heard(await desk.facts.wait(e.RecordingStopped, recording_id="rec-1"))
    assert heard.silence_s(heard.others) > 1.2
    assert heard.tenths(heard.others, PHONE_TONE_HZ) > 1.2


async def test_a_recording_that_ended_while_we_were_away_is_found_by_its_file(desk):
    """A call that ends without us leaves a recording that is reported when we are back."""
    call_id, record = await talking(desk)
    await begin(desk, call_id)
    await asyncio.sleep(0.5)
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.caller_hangs_up(record)
    await desk.nobody_left()
    await desk.connect()
    stopped = await desk.facts.wait(e.RecordingStopped, call_id=call_id, recording_id="rec-1")
    assert Heard(stopped).length_s > 0.3
    assert desk.facts.seen.index(stopped) < desk.facts.seen.index(desk.facts.of(e.LinkUp)[0])


async def test_a_callback_is_recorded_on_the_customers_side(desk):
    """The customer is left here too, also once hold has turned the call around."""
    await desk.phone("n49301234", "answer")
    await desk.tone("n49301234", 900)
    desk.link.execute(c.DialCallback("cb-1", "o9", "anna", DESK, "+49301234", "+4930999", 5, 5))
    await desk.facts.wait(e.OfferAnswered)
    desk.link.execute(c.StartRecording("cb-1", "early"))
    assert "not on the line" in (await desk.facts.wait(e.OrderFailed)).why
    await desk.facts.wait(e.CallbackConnected)
    await begin(desk, "cb-1")
    await asyncio.sleep(1.0)
    desk.link.execute(c.PauseRecording("cb-1", "rec-1"))
    await desk.facts.wait(e.RecordingPaused)
    desk.link.execute(c.HoldCall("cb-1"))
    await desk.facts.wait(e.CallHeld)
    await asyncio.sleep(0.5)
    desk.link.execute(c.RetrieveCall("cb-1"))
    await desk.facts.wait(e.CallRetrieved)
    await asyncio.sleep(0.7)
    desk.link.execute(c.ResumeRecording("cb-1", "rec-1"))
    await desk.facts.wait(e.RecordingResumed)
    await asyncio.sleep(0.5)
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    await desk.facts.wait(e.RecordingStarted, call_id="cb-1")
    await asyncio.sleep(0.5)
    desk.link.execute(c.StopRecording("cb-1", "rec-1"))
    heard = Heard(await desk.facts.wait(e.RecordingStopped))
    assert heard.tenths(heard.caller, 900) > 1.5
    assert heard.tenths(heard.others, PHONE_TONE_HZ) > 1.2
    assert heard.silence_s(heard.caller) > 1.0, "the pause did not survive being turned around"
    assert heard.tenths(heard.caller, PHONE_TONE_HZ) == 0


async def test_it_goes_on_through_consultation_conference_and_hand_over(desk):
    """One recording has the caller throughout, the whole conference, and no consultation."""
    await desk.tone("deskbert", 1900)
    call_id, record = await talking(desk)
    clock = asyncio.get_running_loop()
    await begin(desk, call_id)
    began = clock.time()
    desk.link.execute(c.DialLeg(call_id, "l1", "bert", Phone(PhoneKind.DESK, "bert"), "", 8.0))
    await desk.facts.wait(e.LegAnswered, call_id=call_id, leg_id="l1")
    await asyncio.sleep(1.0)
    alone_s = clock.time() - began
    desk.link.execute(c.JoinLegs(call_id))
    await desk.facts.wait(e.ConferenceBegan, call_id=call_id)
    await asyncio.sleep(1.0)
    desk.link.execute(c.HandOver(call_id, "l1"))
    await desk.facts.wait(e.CallHandedOver, call_id=call_id)
    await asyncio.sleep(1.5)
    await desk.caller_hangs_up(record)
    await desk.facts.wait(e.CallEnded, call_id=call_id)
    assert len(desk.facts.of(e.RecordingStopped)) == 1
    heard = Heard(await desk.facts.wait(e.RecordingStopped, recording_id="rec-1"))
    assert heard.tenths(heard.caller, CALLER_TONE_HZ) > 3.0
    together = heard.others[int(alone_s * RATE_HZ) : int((alone_s + 1.0) * RATE_HZ)]
    assert share_of(together, 1900) > 0.15, "the third of the conference is not in the recording"
    assert share_of(together, PHONE_TONE_HZ) > 0.15
    consulted = heard.others[: int((alone_s - 0.2) * RATE_HZ)]
    assert heard.tenths(consulted, 1900) == 0, "the caller did not hear the consultation"
    last = heard.others[-int(1.2 * RATE_HZ) : -int(0.2 * RATE_HZ)]
    assert share_of(last, 1900) > 0.9, "who got the caller is not in the recording"
    assert abs(heard.caller.size - heard.others.size) < 0.05 * RATE_HZ, "the sides are not in step"


async def test_one_that_is_paused_through_a_hand_over_goes_on_with_the_new_agent(desk):
    """Nothing is recorded before it is resumed, and then both are, also of the one who swaps."""
    await desk.tone("deskbert", 1900)
    call_id, record = await talking(desk)
    await begin(desk, call_id)
    await asyncio.sleep(0.5)
    desk.link.execute(c.PauseRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingPaused, call_id=call_id)
    desk.link.execute(c.DialLeg(call_id, "l1", "bert", Phone(PhoneKind.DESK, "bert"), "", 8.0))
    await desk.facts.wait(e.LegAnswered, call_id=call_id, leg_id="l1")
    await asyncio.sleep(0.4)
    desk.link.execute(c.HandOver(call_id, "l1"))
    await desk.facts.wait(e.CallHandedOver, call_id=call_id)
    await asyncio.sleep(1.0)
    desk.link.execute(c.ResumeRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingResumed, call_id=call_id)
    resumed = asyncio.get_running_loop().time()
    await asyncio.sleep(1.3)
    desk.link.execute(c.StopRecording(call_id, "rec-1"))
    heard = Heard(await desk.facts.wait(e.RecordingStopped, recording_id="rec-1"))
    spoken_s = asyncio.get_running_loop().time() - resumed
    assert desk.facts.of(e.OrderFailed) == []
    assert 1.0 < heard.tenths(heard.others, 1900) < spoken_s + 0.3
    assert heard.tenths(heard.caller, CALLER_TONE_HZ) < spoken_s + 1.0, "the pause was recorded"
    assert abs(heard.caller.size - heard.others.size) < 0.05 * RATE_HZ
    await desk.caller_hangs_up(record)


async def test_a_caller_who_is_sent_away_is_recorded_no_longer(desk):
    """After a blind transfer outside, the caller's words are none of our business."""
    await desk.phone("n49301234", "answer")
    call_id, _ = await talking(desk)
    await begin(desk, call_id)
    desk.link.execute(c.TransferCall(call_id, "+49301234"))
    await desk.facts.wait(e.CallEnded, call_id=call_id)
    stopped = await desk.facts.wait(e.RecordingStopped)
    await asyncio.sleep(0.3)
    size = Heard(stopped).path.stat().st_size
    await asyncio.sleep(1.2)
    assert Heard(stopped).path.stat().st_size == size


async def test_what_cannot_be_recorded_is_refused_and_changes_nothing(desk):
    """Twice, an unknown one, a hostile name: a typed refusal each, and the call goes on."""
    call_id, _ = await talking(desk)
    for order in (
        c.StartRecording(call_id, "x,b,touch /tmp/owned"),
        c.StartRecording(call_id, "../../etc/passwd"),
        c.PauseRecording(call_id, "rec-1"),
        c.StopRecording("t-nowhere-1.1", "rec-1"),
    ):
        desk.facts.seen.clear()
        desk.link.execute(order)
        failed = await desk.facts.wait(e.OrderFailed)
        assert failed.order == type(order).__name__
    await begin(desk, call_id)
    desk.link.execute(c.StartRecording(call_id, "rec-2"))
    await desk.facts.wait(e.OrderFailed, order="StartRecording", why="the call is being recorded")
    desk.link.execute(c.StopRecording(call_id, "rec-2"))
    await desk.facts.wait(e.OrderFailed, order="StopRecording")
    desk.link.execute(c.StopRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingStopped, recording_id="rec-1")
    await begin(desk, call_id, "rec-3")


async def test_a_crash_of_asterisk_leaves_the_recording(desk, lab):
    """What was said up to the crash can be heard; the file needs no proper end."""
    call_id, _ = await talking(desk)
    await begin(desk, call_id)
    await asyncio.sleep(3.0)
    os.kill(lab.office.pid, signal.SIGKILL)
    await desk.facts.wait(e.LinkDown)
    await lab.office.restart()
    ended = await desk.facts.wait(e.CallEnded, timeout_s=20, call_id=call_id)
    assert ended.by is EndedBy.SWITCH_LOST
    heard = Heard(await desk.facts.wait(e.RecordingStopped, recording_id="rec-1"))
    assert heard.length_s > 1.5
    assert heard.tenths(heard.caller, CALLER_TONE_HZ) > 1.2
