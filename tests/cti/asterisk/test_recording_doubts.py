"""Recordings that begin while somebody else acts, or while the console does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from cti import commands as c
from cti import events as e
from cti.asterisk import recording
from cti.asterisk.actions import Actions, Headers
from cti.asterisk.ami import Done, Frame, Reply
from cti.asterisk.control import ControlFailed
from cti.asterisk.live import Live, LiveCalls
from cti.asterisk.recording import Recorder, Recordings
from cti.calls import Place
from cti.dialing import Dialing, DialRules

CALLER = "PJSIP/trunk-1"


class World:
    """One conversation on an Asterisk that records when it is told to; `console` answers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = LiveCalls()
        self.call = Live("m-1", CALLER, "u1", Place.TALKING, "o1", "anna", "PJSIP/desk-anna-2")
        self.call.connected = True
        self.calls.add(self.call)
        self.facts: list[e.Fact] = []
        self.runs = False
        self.stopped: list[str] = []
        self.console: Callable[[], str] = self.begins
        self.folder = folder
        self.tasks: list[asyncio.Task[None]] = []
        actions = Actions(
            self.calls, self.ask, self.facts.append, self.facts.append, Dialing(DialRules()), ""
        )
        self.recordings = Recordings(
            actions,
            Recorder(folder, folder / "socket"),
            lambda work: self.tasks.append(asyncio.create_task(work)),
        )

        async def command(socket: Path, text: str) -> str:
            return self.console()

        monkeypatch.setattr(recording, "console_command", command)

    def begins(self) -> str:
        self.runs = True
        (self.folder / "m-1~r-1.stereo.raw").write_bytes(bytes(16_000))
        return ""

    def ask(self, headers: Headers, done: Done) -> object:
        if headers["Action"] == "StopMixMonitor":
            self.stopped.append(str(headers["Channel"]))
            self.runs = False
        value = "0x1f" if headers["Action"] == "Getvar" and self.runs else ""
        done(Reply(Frame(f"Response: Success\r\nValue: {value}".encode())))
        return None

    async def start(self) -> None:
        self.recordings.orders[c.StartRecording](c.StartRecording("m-1", "r-1"))
        await asyncio.gather(*self.tasks)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


async def test_what_a_silent_console_began_all_the_same_is_known(world: World) -> None:
    """Or it would run on with nobody able to pause it while card numbers are read out."""

    def begins_and_hangs() -> str:
        world.begins()
        raise ControlFailed("Asterisk's console: TimeoutError")

    world.console = begins_and_hangs
    await world.start()
    assert world.facts == [e.RecordingStarted("m-1", "r-1")]
    world.recordings.orders[c.PauseRecording](c.PauseRecording("m-1", "r-1"))
    assert world.facts[-1] == e.RecordingPaused("m-1", "r-1")


async def test_what_a_console_did_not_begin_is_told_with_its_reason(world: World) -> None:
    """And nothing is left behind: the next try may begin."""

    def refuses() -> str:
        raise ControlFailed("Asterisk's console: no such file")

    world.console = refuses
    await world.start()
    why = "Asterisk's console: no such file"
    assert world.facts == [e.OrderFailed("m-1", "StartRecording", why)]
    world.console = world.begins
    await world.start()
    assert world.facts[-1] == e.RecordingStarted("m-1", "r-1")


async def test_one_that_begins_when_the_caller_has_been_sent_away_is_stopped(world: World) -> None:
    """What the caller says to somebody outside is not our affair."""

    def too_late() -> str:
        world.recordings.call_ended("m-1", lives_on=True)
        return world.begins()

    world.console = too_late
    await world.start()
    assert world.stopped == [CALLER]
    assert not world.runs
