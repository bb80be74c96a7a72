"""Recordings from the answer to their deletion, with a real database, real files and real sox."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import struct
import threading
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent_console.ports import Refusal
from callcenter import happenings as h
from callcenter import recordings as under_test
from callcenter.callbook import LiveCall
from callcenter.recordingfiles import Kept, RecordingFiles, sides
from callcenter.recordings import DAY_S, Recordings
from config.site import RecordingRule
from cti import commands as c
from cti import events as e
from cti.calls import Place
from cti.speech import SpeechTools, find_speech_tools, obtain_speech_tools
from storage.database import open_engine, upgrade
from storage.recordings import Recording, RecordingRows, State

NOW = 1_780_000_000.0  # 2026-05-28
RULES = {
    "sales": RecordingRule("always", keep_days=30),
    "orders": RecordingRule("always", stereo=False, keep_days=1),
    "support": RecordingRule("on demand"),
    "private": RecordingRule("never"),
}


class World:
    """Everything around the recordings: a router that only notes, a spool of the switch."""

    def __init__(self, folder: Path, rows: RecordingRows) -> None:
        self.orders: list[c.Order] = []
        self.entries: list[object] = []
        self.alarms: dict[str, str] = {}
        self.live: dict[str, LiveCall] = {}
        self.time = NOW
        self.on_disk = True
        self.broken: set[str] = set()
        self.taken_away: list[str] = []
        self.tools: Callable[[], SpeechTools | None] = find_speech_tools
        self.rows = rows
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.store = folder / "recordings"
        self.desk = Recordings(
            rows,
            RecordingFiles(self.store, lambda: self.tools()),
            self,
            self,
            rule=lambda queue: RULES.get(queue, RecordingRule()),
            call=self.live.get,
            calls=lambda link: [x for x in self.live.values() if x.link == link],
            hear_own=lambda: True,
            alarm=self.alarm,
            source=lambda link: self,
        )

    def execute(self, order: c.Order) -> None:
        self.orders.append(order)

    def note(self, entry: object, at: float) -> int:
        self.entries.append(entry)
        return len(self.entries)

    def now(self) -> float:
        return self.time

    async def committed(self, seq: int, timeout_s: float = 5.0) -> None:
        if not self.on_disk:
            raise RuntimeError("not on disk")

    def alarm(self, code: str, text: dict[str, str] | None) -> None:
        if text is None:
            self.alarms.pop(code, None)
        else:
            self.alarms[code] = text["en"]

    async def fetch_recording(self, address: str, target: Path) -> None:
        wav(target)
        if address in self.broken:
            raise RuntimeError("half of it came")

    async def delete_recording(self, address: str) -> None:
        self.taken_away.append(address)

    def call(self, call_id: str = "c-1", queue: str = "sales", **more: Any) -> LiveCall:
        given = {"link": "pbx", "agent": "anna", "answered": NOW, "place": Place.TALKING, **more}
        call = LiveCall(call_id, queue=queue, **given)
        self.live[call_id] = call
        return call

    def stopped(self, name: str, seconds: float = 1.0, call_id: str = "c-1") -> Path:
        """A recording that the switch has completed."""
        file = self.spool / f"{call_id}~{name}.stereo.raw"
        raw(file, seconds)
        self.desk.on_fact(e.RecordingStarted(call_id, name))
        self.desk.on_fact(e.RecordingStopped(call_id, name, file.as_uri(), seconds))
        return file

    async def state(self, name: str, state: State) -> Recording:
        async with asyncio.timeout(10):
            while True:
                row = await self.rows.get(name)
                if row is not None and row.state is state:
                    return row
                await asyncio.sleep(0.02)

    async def alarmed(self, code: str, on: bool = True) -> str:
        async with asyncio.timeout(10):
            while (code in self.alarms) is not on:
                await asyncio.sleep(0.02)
        return self.alarms.get(code, "")


def raw(file: Path, seconds: float) -> None:
    """What Asterisk leaves: the caller loud, everybody else silent, and both mixed."""
    caller = struct.pack("<8h8h", *[8000] * 8, *[-8000] * 8) * int(seconds * 500)
    in_file, out_file = sides(file)
    in_file.write_bytes(caller)
    out_file.write_bytes(bytes(len(caller)))
    file.write_bytes(caller)


def wav(file: Path) -> None:
    """A second of silence in stereo."""
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(32_000))


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    await obtain_speech_tools()
    monkeypatch.setattr(under_test, "AGAIN_S", 0.3)
    monkeypatch.setattr(under_test, "MISSING_AFTER_S", 0.1)
    url = f"sqlite:///{tmp_path}/test.db"
    await upgrade(url)
    engine = open_engine(url)
    made = World(tmp_path, RecordingRows(engine))
    running = asyncio.create_task(made.desk.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await engine.dispose()


async def test_a_queue_that_is_always_recorded_begins_at_the_answer(world: World) -> None:
    """Nobody has to think of it, and nobody is recorded whom the site does not name."""
    for queue in RULES:
        world.call(queue, queue)
        world.desk.on_fact(e.OfferAnswered(queue, "o", "anna"))
    world.call("cb", direction="callback")
    world.desk.on_fact(e.OfferAnswered("cb", "o", "anna"))  # the agent only
    await asyncio.sleep(0)
    begun = [order for order in world.orders if isinstance(order, c.StartRecording)]
    assert [(order.call_id, order.stereo) for order in begun] == [
        ("sales", True),
        ("orders", False),
    ]
    assert len({order.recording_id for order in begun}) == 2
    world.desk.on_fact(e.CallbackConnected("cb", "o", "anna"))
    await asyncio.sleep(0)
    assert world.orders[-1].call_id == "cb"


@pytest.mark.parametrize(
    "fact",
    [
        e.CallWaiting("c-1"),  # back in a queue, or parked
        e.IvrResumed("c-1", ""),  # in a menu, which may ask for secrets
        e.CallHandedOver("c-1", "l-1", ""),  # with somebody outside
    ],
)
async def test_whom_nobody_of_us_talks_with_is_not_recorded(world: World, fact: e.Fact) -> None:
    """What callers say and type there is nobody's affair."""
    world.call()
    world.desk.on_fact(e.RecordingStarted("c-1", "r-1"))
    world.desk.on_fact(e.CallHandedOver("c-1", "l-1", "ben"))
    assert world.orders == []
    world.desk.on_fact(fact)
    assert world.orders == [c.StopRecording("c-1", "r-1")]


@pytest.mark.parametrize(
    ("place", "agent"), [(Place.WAITING, ""), (Place.ENTRY, ""), (Place.TALKING, "")]
)
async def test_one_that_begins_too_late_is_stopped(world: World, place: Place, agent: str) -> None:
    """The caller was given away in the moment in which the recording began."""
    world.call(place=place, agent=agent)
    world.desk.on_fact(e.RecordingStarted("c-1", "r-1"))
    assert world.orders == [c.StopRecording("c-1", "r-1")]


async def test_a_recording_that_should_run_and_does_not_is_an_alarm(world: World) -> None:
    """Somebody must know; and after a restart what does not run is begun."""
    world.call()
    world.desk.on_fact(e.OrderFailed("c-1", "StartRecording", "no room"))
    assert "no room" in world.alarms["recording-failed"]
    world.desk.on_fact(e.LinkUp("pbx", ("c-1",)))
    (order,) = world.orders
    assert isinstance(order, c.StartRecording)


async def test_a_complete_recording_is_kept_for_nobody_else_to_read(world: World) -> None:
    """A playable file below its day, the raw one gone, and the journal knows."""
    world.call()
    source = world.stopped("r-1", 1.5)
    row = await world.state("r-1", State.KEPT)
    assert (row.call_id, row.agent, row.queue, row.link) == ("c-1", "anna", "sales", "pbx")
    assert (row.file, row.length_s, row.channels) == ("2026/05/28/r-1.wav", 1.5, 2)
    path = world.store / row.file
    with wave.open(str(path), "rb") as sound:
        samples = struct.unpack("<24000h", sound.readframes(12_000))
    assert max(samples[0::2]) > 7000, "the caller is not left"
    assert max(samples[1::2]) < 10, "the others are not right"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (world.store, *path.relative_to(world.store).parents[:-1]):
        assert stat.S_IMODE((world.store / folder).stat().st_mode) == 0o700
    await _gone(source)
    assert list(world.spool.iterdir()) == []
    assert h.RecordingKept("c-1", "r-1", "anna", 1.5, 2) in world.entries
    held = await world.desk.find("r-1")
    assert held is not None
    assert (held.agent, held.path.read_bytes()[:4]) == ("anna", b"RIFF")
    assert [one.recording_id for one in await world.rows.of_call("c-1")] == ["r-1"]


async def _gone(file: Path) -> None:
    async with asyncio.timeout(5):
        while file.exists():
            await asyncio.sleep(0.02)


async def test_mono_mixes_both_sides(world: World) -> None:
    """One channel, and the one who talked is in it."""
    world.call()
    file = world.spool / "c-1~r-1.mono.raw"
    raw(file, 1.0)
    world.desk.on_fact(e.RecordingStopped("c-1", "r-1", file.as_uri(), 1.0))
    row = await world.state("r-1", State.KEPT)
    assert row.channels == 1
    with wave.open(str(world.store / row.file), "rb") as sound:
        samples = struct.unpack(f"<{sound.getnframes()}h", sound.readframes(sound.getnframes()))
    assert max(samples) > 3000


async def test_without_sox_the_raw_file_waits_and_is_tried_again(world: World) -> None:
    """A missing program costs time, no recording."""
    world.call()
    world.tools = lambda: None
    source = world.stopped("r-1")
    assert "sox" in await world.alarmed("recordings-not-kept")
    assert source.exists()
    world.tools = find_speech_tools
    await world.state("r-1", State.KEPT)
    await _gone(source)
    await world.alarmed("recordings-not-kept", on=False)


async def test_a_disk_that_takes_nothing_costs_no_recording(world: World) -> None:
    """Full, gone or not writable: the alarm shows, and when there is room all is kept."""
    world.call()
    world.store.write_text("no folder")
    sources = [world.stopped("r-1"), world.stopped("r-2")]
    await world.alarmed("recordings-not-kept")
    assert all(source.exists() for source in sources)
    assert list(world.spool.iterdir()) != []
    world.store.unlink()
    await world.state("r-1", State.KEPT)
    await world.state("r-2", State.KEPT)
    assert list(world.store.rglob("*.partial")) == []


async def test_a_database_that_is_away_costs_no_recording(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written down is written down later."""

    async def away(recording: Recording) -> None:
        raise RuntimeError("the database is locked")

    world.call()
    with monkeypatch.context() as broken:
        broken.setattr(world.rows, "begin", away)
        world.stopped("r-1")
        await world.alarmed("recordings-not-kept")
    await world.state("r-1", State.KEPT)


async def test_told_twice_it_is_kept_once(world: World) -> None:
    """We may be killed after keeping a recording and before its raw file is gone."""
    world.call()
    world.stopped("r-1")
    await world.state("r-1", State.KEPT)
    again = world.spool / "c-1~r-1.stereo.raw"
    await _gone(again)
    raw(again, 1.0)
    world.desk.on_fact(e.RecordingStopped("c-1", "r-1", again.as_uri(), 1.0))
    await _gone(again)
    assert sum(isinstance(entry, h.RecordingKept) for entry in world.entries) == 1


async def test_a_recording_whose_call_we_do_not_know_is_kept_all_the_same(world: World) -> None:
    """Our process was away for all of the call's end."""
    file = world.spool / "c-9~r-9.stereo.raw"
    raw(file, 1.0)
    world.desk.on_fact(e.RecordingStopped("c-9", "r-9", file.as_uri(), 1.0))
    assert (await world.state("r-9", State.KEPT)).call_id == "c-9"


async def test_a_recording_on_another_machine_is_fetched(world: World) -> None:
    """Switches elsewhere give an https address; it is deleted there once we have it."""
    address = "https://api.example.com/r"
    world.call()
    world.broken.add(address)
    world.desk.on_fact(e.RecordingStopped("c-1", "r-1", address, 1.0))
    assert "half of it came" in await world.alarmed("recordings-not-kept")
    assert world.taken_away == []
    world.broken.clear()
    assert (await world.state("r-1", State.KEPT)).length_s == 1.0
    assert [path.name for path in world.store.rglob("*.wav")] == ["r-1.wav"]
    async with asyncio.timeout(5):
        while world.taken_away != [address]:
            await asyncio.sleep(0.02)


async def test_what_is_missing_is_said(world: World) -> None:
    """A recording never disappears silently, neither with its file nor with its switch."""
    world.call()
    world.desk.on_fact(e.RecordingStarted("c-1", "r-1"))
    world.desk.on_fact(e.RecordingStopped("c-1", "r-1", "", 0.0))
    await world.state("r-1", State.MISSING)
    assert "c-1" in await world.alarmed("recording-missing")
    world.call("c-2")
    world.call("c-3")
    world.desk.on_fact(e.RecordingStarted("c-2", "r-2"))
    world.desk.on_fact(e.RecordingStarted("c-3", "r-3"))
    await world.state("r-3", State.RUNNING)
    del world.live["c-2"]  # it ended with the switch, which hands nothing over
    world.desk._running.clear()
    world.desk.on_fact(e.LinkUp("pbx", ("c-3",)))
    world.desk.on_fact(e.RecordingStarted("c-3", "r-3"))  # found again
    await world.state("r-2", State.MISSING)
    await world.state("r-3", State.RUNNING)


async def test_recordings_are_deleted_when_their_time_is_over(world: World) -> None:
    """Each queue's own time; what was deleted can be heard by nobody, and is still counted."""
    world.call("c-1", "sales")
    world.call("c-2", "orders")
    world.stopped("r-1")
    world.stopped("r-2", call_id="c-2")
    await world.state("r-1", State.KEPT)
    kept = await world.state("r-2", State.KEPT)
    world.time = NOW + 2 * DAY_S
    await world.desk.sweep()
    assert (await world.state("r-2", State.DELETED)).deleted == world.time
    assert not (world.store / kept.file).exists()
    assert await world.desk.find("r-2") is None
    assert await world.desk.find("r-1") is not None
    world.time = NOW + 31 * DAY_S
    await world.desk.sweep()
    assert list(world.store.rglob("*.wav")) == []


async def test_one_that_cannot_be_deleted_keeps_no_other_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, it is tried again, and it is no reason to keep what nobody may keep."""
    world.call()
    for name in ("r-1", "r-2"):
        world.stopped(name)
        await world.state(name, State.KEPT)
    delete = RecordingFiles.delete

    def refuse(files: RecordingFiles, file: str) -> None:
        if "r-1" in file:
            raise PermissionError("not yours")
        delete(files, file)

    monkeypatch.setattr(RecordingFiles, "delete", refuse)
    world.time = NOW + 31 * DAY_S
    await world.desk.sweep()
    await world.state("r-2", State.DELETED)
    assert "r-1: not yours" in world.alarms["recordings-not-deleted"]
    monkeypatch.undo()
    await world.desk.sweep()
    await world.state("r-1", State.DELETED)
    assert "recordings-not-deleted" not in world.alarms


async def test_a_disk_that_hangs_holds_up_no_calls(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are nothing that the thread of all calls ever waits for."""
    asked: list[threading.Thread] = []

    def ask(files: RecordingFiles) -> int:
        asked.append(threading.current_thread())
        return 0

    monkeypatch.setattr(RecordingFiles, "free_bytes", ask)
    world.call()
    world.stopped("r-1")
    await world.state("r-1", State.KEPT)
    await world.alarmed("recordings-disk")
    assert asked
    assert threading.main_thread() not in asked


async def test_an_erased_customers_calls_lose_their_recordings(world: World) -> None:
    """Kept or still with the switch: nothing is left of them."""
    world.call()
    world.stopped("r-1")
    await world.state("r-1", State.KEPT)
    world.tools = lambda: None
    waiting = world.stopped("r-2")
    await world.state("r-2", State.STOPPED)
    assert await world.desk.erase(["c-1", "c-7"]) == 2
    assert not waiting.exists()
    assert list(world.store.rglob("*.wav")) == []
    assert await world.rows.of_call("c-1") == []


async def test_whoever_called_often_is_erased_as_well(world: World) -> None:
    """However many calls and recordings there are: all of them."""
    calls = [f"c-{number}" for number in range(1100)]
    for call in calls:
        await world.rows.begin(Recording(f"r-{call}", call, state=State.MISSING))
    assert await world.desk.erase(calls) == 1100
    assert await world.rows.in_state(State.MISSING) == []


async def test_stopping_waits_for_one_recording_not_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is taken in after the next start, however much it is."""
    await upgrade(f"sqlite:///{tmp_path}/test.db")
    engine = open_engine(f"sqlite:///{tmp_path}/test.db")
    world = World(tmp_path, RecordingRows(engine))
    for number in range(5):
        file = world.spool / f"c-{number}.stereo.raw"
        raw(file, 0.1)
        row = Recording(f"r-{number}", f"c-{number}", state=State.STOPPED, address=file.as_uri())
        await world.rows.begin(row)
    begun: list[str] = []

    async def slowly(files: RecordingFiles, source: Path, name: str, started: float) -> Kept:
        begun.append(name)
        await asyncio.sleep(0.2)
        return Kept(f"{name}.wav", 1.0, 1)

    monkeypatch.setattr(RecordingFiles, "keep", slowly)
    running = asyncio.create_task(world.desk.run())
    async with asyncio.timeout(10):
        while not begun:
            await asyncio.sleep(0.01)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert len(begun) == 1
    assert len(await world.rows.in_state(State.STOPPED)) == 4
    await engine.dispose()


async def test_every_hearing_is_written_down_first(world: World) -> None:
    """Once for a player that asks in many pieces; and what cannot be written is not played."""
    world.call()
    world.stopped("r-1")
    await world.state("r-1", State.KEPT)
    world.on_disk = False
    with pytest.raises(Refusal) as refused:
        await world.desk.heard("r-1", "u-sam")
    assert refused.value.status == 503
    world.on_disk = True
    world.entries.clear()
    for _ in range(3):
        await world.desk.heard("r-1", "u-sam")
    await world.desk.heard("r-1", "u-anna")
    assert world.entries == [
        h.RecordingHeard("c-1", "r-1", "u-sam"),
        h.RecordingHeard("c-1", "r-1", "u-anna"),
    ]


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "x" * 200, "a\nb"])
async def test_a_recordings_name_is_never_a_path(world: World, name: str) -> None:
    """Ids come from switches: what could lead out of the store is not kept, and nothing stops."""
    file = world.spool / "odd.stereo.raw"
    raw(file, 1.0)
    world.desk.on_fact(e.RecordingStopped("c-1", name, file.as_uri(), 1.0))
    assert "file's name" in await world.alarmed("recordings-not-kept")
    world.call()
    world.stopped("r-2")
    await world.state("r-2", State.KEPT)
    assert [path.name for path in world.store.rglob("*.wav")] == ["r-2.wav"]


def test_only_what_is_in_the_store_is_found(tmp_path: Path) -> None:
    """A row that was tampered with opens no other file."""
    files = RecordingFiles(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "secret.wav").write_text("x")
    (tmp_path / "store" / "link.wav").symlink_to(tmp_path / "secret.wav")
    assert files.path("../secret.wav") is None
    assert files.path("link.wav") is None
    assert files.path(str(tmp_path / "secret.wav")) is None
    assert files.path("none.wav") is None
