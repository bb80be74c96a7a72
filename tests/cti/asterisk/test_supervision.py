"""Supervisors on a real Asterisk: who hears whom in each mode, and that nobody is disturbed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy
import pytest

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, LegState, OfferFailure, Phone, PhoneKind, Supervision
from tests.cti.asterisk.conftest import CALLER_TONE_HZ, PHONE_TONE_HZ, samples_of

pytestmark = pytest.mark.asterisk

RATE_HZ = 8000
SUPERVISOR_TONE_HZ = 1900
GAP_S = 0.06  # what nobody notices
CLEO = Phone(PhoneKind.DESK, "cleo")


class Tone:
    """One party's tone in what somebody heard, moment by moment."""

    def __init__(self, heard: str | Path | numpy.ndarray, hertz: float) -> None:
        samples = heard if isinstance(heard, numpy.ndarray) else samples_of(Path(heard))
        turned = samples * numpy.exp(-2j * numpy.pi * hertz * numpy.arange(samples.size) / RATE_HZ)
        # 20 ms: the other tones, whole multiples of 50 Hz away, cancel out.
        self.level = 2 * numpy.abs(numpy.convolve(turned, numpy.ones(160) / 160, "same"))

    def longest_gap_s(self, from_s: float, to_s: float) -> float:
        """The longest time without the tone, in a stretch that should be full of it."""
        part = self.level[int(from_s * RATE_HZ) : int(to_s * RATE_HZ)]
        heard = numpy.flatnonzero(part > 0.1)
        edges = numpy.concatenate(([-1], heard, [part.size]))
        return float(numpy.diff(edges).max() - 1) / RATE_HZ

    def heard_s(self, from_s: float = 0.0, to_s: float | None = None) -> float:
        end = None if to_s is None else int(to_s * RATE_HZ)
        return float((self.level[int(from_s * RATE_HZ) : end] > 0.1).sum()) / RATE_HZ


def others_of(stopped: e.RecordingStopped) -> numpy.ndarray:
    """What the caller heard, from a raw recording."""
    mixed = Path(stopped.address.removeprefix("file://"))
    file = mixed.with_name(f"{stopped.recording_id}.out.sln")
    return numpy.frombuffer(file.read_bytes(), dtype="<i2").astype(float) / 32768


class Listening:
    """Notes when something happened, in seconds from the agent's answer."""

    def __init__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self.at: dict[str, float] = {}

    def now(self, what: str) -> None:
        self.at[what] = asyncio.get_running_loop().time() - self._began


async def talking(desk) -> tuple[str, Path]:
    await desk.tone("deskcleo", SUPERVISOR_TONE_HZ)
    record = await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    desk.link.execute(c.StartWaiting(call_id, "sales", 1.0))
    await desk.facts.wait(e.CallWaiting, call_id=call_id)
    desk.link.execute(c.OfferCall(call_id, "o1", "anna", Phone(PhoneKind.DESK, "anna"), 8.0))
    await desk.facts.wait(e.OfferAnswered, call_id=call_id)
    return call_id, record


def supervise(desk, call_id: str, mode: Supervision, ring_s: float = 8.0) -> None:
    desk.link.execute(c.SuperviseCall(call_id, "s1", "cleo", CLEO, mode, ring_s))


async def supervised(desk, mode: Supervision = Supervision.LISTEN) -> tuple[str, Path]:
    call_id, record = await talking(desk)
    supervise(desk, call_id, mode)
    await desk.facts.wait(e.LegRinging, call_id=call_id, leg_id="s1", agent_id="cleo")
    await desk.facts.wait(e.LegAnswered, call_id=call_id, leg_id="s1", agent_id="cleo")
    return call_id, record


async def change(desk, call_id: str, mode: Supervision) -> None:
    desk.link.execute(c.ChangeSupervision(call_id, "s1", mode))
    await desk.facts.wait(e.SupervisionChanged, call_id=call_id, leg_id="s1", mode=mode)


async def test_each_mode_is_heard_by_the_right_ones_and_nobody_is_disturbed(desk, hearing):
    """Coming, each change and leaving: caller and agent go on hearing each other without a gap."""
    call_id, record = await talking(desk)
    times = Listening()
    desk.link.execute(c.StartRecording(call_id, "rec-1"))
    await desk.facts.wait(e.RecordingStarted)
    times.now("recording")
    await asyncio.sleep(0.5)
    supervise(desk, call_id, Supervision.LISTEN)
    await desk.facts.wait(e.LegAnswered, leg_id="s1")
    times.now("listen")
    await asyncio.sleep(1.5)
    await change(desk, call_id, Supervision.WHISPER)
    times.now("whisper")
    await asyncio.sleep(1.5)
    await change(desk, call_id, Supervision.BARGE)
    times.now("barge")
    await asyncio.sleep(1.5)
    await change(desk, call_id, Supervision.LISTEN)
    times.now("again")
    await asyncio.sleep(1.0)
    desk.link.execute(c.EndLeg(call_id, "s1"))
    await desk.facts.wait(e.LegEnded, call_id=call_id, leg_id="s1", agent_id="cleo")
    await asyncio.sleep(0.7)
    times.now("end")
    assert desk.facts.of(e.CallEnded) == []
    await desk.phone_hangs_up("deskanna")
    assert (await desk.facts.wait(e.CallEnded)).by is EndedBy.AGENT
    caller, agent = f"{record}-heard.wav", f"{record}-deskanna-heard.wav"
    await hearing(caller)
    await hearing(agent)
    supervisor = f"{record}-deskcleo-heard.wav"
    await hearing(supervisor)
    end = times.at["end"] - 0.2
    agent_hears = Tone(agent, CALLER_TONE_HZ)  # begins with the agent's answer, as our clock
    assert agent_hears.longest_gap_s(0.3, end) < GAP_S, "the agent was disturbed"
    whole = len(samples_of(Path(caller))) / RATE_HZ
    late = whole - times.at["end"]  # the caller's own recording began earlier
    caller_hears = Tone(caller, PHONE_TONE_HZ)
    assert caller_hears.longest_gap_s(late + 0.3, late + end) < GAP_S, "the caller was disturbed"

    at = {name: (moment + 0.4, moment + 1.3) for name, moment in times.at.items()}
    told = Tone(agent, SUPERVISOR_TONE_HZ)
    assert told.heard_s(*at["whisper"]) > 0.8, "the agent did not hear the whisper"
    assert told.heard_s(*at["barge"]) > 0.8
    assert told.heard_s(0, times.at["whisper"] - 0.2) < 0.02, "the agent heard a listener"
    assert told.heard_s(times.at["again"] + 0.3) < 0.02, "the agent heard a listener"
    leaked = Tone(caller, SUPERVISOR_TONE_HZ)
    barge = at["barge"]
    assert leaked.heard_s(late + barge[0], late + barge[1]) > 0.8, "the caller did not hear"
    assert leaked.heard_s(0, late + times.at["barge"] - 0.2) < 0.02, "a whisper reached the caller"
    assert leaked.heard_s(late + times.at["again"] + 0.4) < 0.02
    kept = Tone(others_of(await desk.facts.wait(e.RecordingStopped)), SUPERVISOR_TONE_HZ)
    assert kept.heard_s() < 0.02, "a whisper is in the recording"
    assert Tone(supervisor, CALLER_TONE_HZ).heard_s() > 4.0
    assert Tone(supervisor, PHONE_TONE_HZ).heard_s() > 4.0


async def test_a_supervisor_stays_through_hold_and_a_restart_of_ours(desk, hearing):
    """Still attached after hold; a new process finds the supervisor with the mode of then."""
    call_id, record = await supervised(desk, Supervision.WHISPER)
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld)
    await asyncio.sleep(0.4)
    desk.link.execute(c.RetrieveCall(call_id))
    await desk.facts.wait(e.CallRetrieved)
    await change(desk, call_id, Supervision.LISTEN)
    await desk.disconnect()
    desk.facts.seen.clear()
    await desk.connect()
    (leg,) = (await desk.facts.wait(e.CallAdopted, call_id=call_id)).legs
    assert (leg.leg_id, leg.agent_id) == ("s1", "cleo")
    assert (leg.state, leg.supervision) == (LegState.SUPERVISING, Supervision.LISTEN)
    await change(desk, call_id, Supervision.BARGE)
    await asyncio.sleep(1.2)
    await desk.caller_hangs_up(record)
    await desk.facts.wait(e.CallEnded, call_id=call_id)
    await desk.nobody_left()
    caller = f"{record}-heard.wav"
    await hearing(caller)
    assert Tone(caller, SUPERVISOR_TONE_HZ).heard_s() > 0.6, "not heard after hold and restart"
    assert Tone(f"{record}-deskcleo-heard.wav", CALLER_TONE_HZ).heard_s() > 1.0


async def test_who_barges_into_a_conference_is_heard_by_everybody(desk, hearing):
    """Not by the agent and the caller only: all of them talk together."""
    call_id, record = await supervised(desk)
    desk.link.execute(c.DialLeg(call_id, "l1", "bert", Phone(PhoneKind.DESK, "bert"), "", 8.0))
    await desk.facts.wait(e.LegAnswered, leg_id="l1")
    desk.link.execute(c.JoinLegs(call_id))
    await desk.facts.wait(e.ConferenceBegan, call_id=call_id)
    await asyncio.sleep(0.3)
    await change(desk, call_id, Supervision.BARGE)
    await asyncio.sleep(1.2)
    await change(desk, call_id, Supervision.LISTEN)
    await asyncio.sleep(0.7)
    assert desk.facts.of(e.LegEnded) == []
    await desk.caller_hangs_up(record)
    await desk.facts.wait(e.CallEnded, call_id=call_id)
    await desk.nobody_left()
    for who in ("", "-deskanna", "-deskbert"):
        file = f"{record}{who}-heard.wav"
        await hearing(file)
        assert 0.8 < Tone(file, SUPERVISOR_TONE_HZ).heard_s() < 1.6, who


async def test_taking_over_gives_the_supervisor_the_caller(desk, hearing):
    """The agent is out, the two talk, and the call can be held like any other."""
    call_id, record = await supervised(desk)
    await change(desk, call_id, Supervision.BARGE)  # whose channel leaves it late
    desk.link.execute(c.HandOver(call_id, "s1"))
    handed = await desk.facts.wait(e.CallHandedOver, call_id=call_id)
    assert (handed.leg_id, handed.agent_id) == ("s1", "cleo")
    await asyncio.sleep(1.0)
    desk.link.execute(c.HoldCall(call_id))
    await desk.facts.wait(e.CallHeld, call_id=call_id)
    await asyncio.sleep(0.3)
    desk.link.execute(c.RetrieveCall(call_id))
    await desk.facts.wait(e.CallRetrieved, call_id=call_id)
    await asyncio.sleep(1.0)
    await desk.phone_hangs_up("deskcleo")
    assert (await desk.facts.wait(e.CallEnded, call_id=call_id)).by is EndedBy.AGENT
    await desk.nobody_left()
    caller = f"{record}-heard.wav"
    await hearing(caller)
    whole = len(samples_of(Path(caller))) / RATE_HZ
    assert Tone(caller, SUPERVISOR_TONE_HZ).heard_s() > 1.5
    assert Tone(caller, PHONE_TONE_HZ).heard_s(whole - 1.0) < 0.02, "the agent is still there"
    supervisor = f"{record}-deskcleo-heard.wav"
    assert Tone(supervisor, CALLER_TONE_HZ).heard_s() > 1.5


@pytest.mark.parametrize(
    ("act", "why"), [("ring", OfferFailure.NO_ANSWER), ("refuse", OfferFailure.REFUSED)]
)
async def test_a_supervisor_who_is_not_reached_changes_nothing(desk, act, why):
    """The conversation does not know that somebody wanted to listen."""
    call_id, _ = await talking(desk)
    await desk.phone("deskcleo", act)
    supervise(desk, call_id, Supervision.LISTEN, ring_s=1.0)
    failed = await desk.facts.wait(e.LegFailed, call_id=call_id, leg_id="s1")
    assert failed.why is why
    assert desk.facts.of(e.CallEnded) == []
    await desk.phone("deskcleo", "answer")
    supervise(desk, call_id, Supervision.LISTEN)
    await desk.facts.wait(e.LegAnswered, leg_id="s1")


async def test_an_invitation_that_is_taken_back_stops_ringing(desk):
    """A supervisor who changes the mind need not pick up first."""
    call_id, _ = await talking(desk)
    await desk.phone("deskcleo", "ring")
    supervise(desk, call_id, Supervision.LISTEN)
    await desk.facts.wait(e.LegRinging)
    desk.link.execute(c.EndLeg(call_id, "s1"))
    failed = await desk.facts.wait(e.LegFailed, leg_id="s1")
    assert failed.why is OfferFailure.CANCELLED


async def test_who_hangs_up_while_supervising_just_leaves(desk):
    """The supervisor's own receiver ends the listening, not the call."""
    call_id, _ = await supervised(desk, Supervision.BARGE)
    await desk.phone_hangs_up("deskcleo")
    await desk.facts.wait(e.LegEnded, call_id=call_id, leg_id="s1")
    desk.link.execute(c.ChangeSupervision(call_id, "s1", Supervision.LISTEN))
    await desk.facts.wait(e.OrderFailed, order="ChangeSupervision")
    assert desk.facts.of(e.CallEnded) == []


async def test_the_keys_of_a_supervisors_phone_change_nothing(desk, hearing):
    """A key pressed by accident neither ends the listening nor makes the supervisor heard."""
    call_id, record = await supervised(desk)
    for key in "56*#":
        await desk.press("deskcleo", key)
        await asyncio.sleep(0.4)
    await asyncio.sleep(1.0)
    assert desk.facts.of(e.LegEnded) == []
    await change(desk, call_id, Supervision.BARGE)
    await asyncio.sleep(1.0)
    await desk.caller_hangs_up(record)
    await desk.facts.wait(e.CallEnded, call_id=call_id)
    await desk.nobody_left()
    caller = f"{record}-heard.wav"
    await hearing(caller)
    assert 0.5 < Tone(caller, SUPERVISOR_TONE_HZ).heard_s() < 1.6


async def test_supervising_needs_a_conversation(desk):
    """A caller in the menu is nobody's to listen to."""
    await desk.call()
    call_id = (await desk.facts.wait(e.CallArrived)).call_id
    supervise(desk, call_id, Supervision.LISTEN)
    await desk.facts.wait(e.OrderFailed, order="SuperviseCall")
