"""Recordings from the answer to their deletion.

    answer ──always?──▶ StartRecording ──▶ … ──▶ RecordingStopped ──▶ store ──▶ RecordingKept
                                                     │ fails: tried again       │ keep_days
                                                     └ nothing there: missing   └ deleted

Calls never wait for any of this. What the switch has recorded stays there until the store has
it safely: a full disk, a missing program or a database that is away cost time, no recording.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import structlog

from agent_console.ports import HeldRecording, Refusal
from callcenter import happenings as h
from callcenter.callbook import LiveCall
from callcenter.recordingfiles import KeepFailed, RecordingFiles, take_away
from callcenter.voicemails import is_message
from config.site import RecordingRule
from cti import commands as c
from cti import events as e
from cti.calls import CONVERSATION
from storage.recordings import Recording, RecordingRows, State

log = structlog.get_logger("callcenter.recordings")

AGAIN_S = 60.0
SWEEP_S = 3600.0
MISSING_AFTER_S = 60.0  # a switch may need a while to hand over what it has
LEAST_FREE_BYTES = 500_000_000
DAY_S = 86400.0
HEARD_AGAIN_S = 600.0  # a player asks for one recording in many pieces
_HEARD_MAX = 1000
_WORK_MAX = 10_000


class Calls(Protocol):
    """What is needed of `callcenter.router.Router`."""

    def execute(self, order: c.Order) -> None: ...
    def note(self, entry: object, at: float) -> int: ...
    def now(self) -> float: ...


class Durable(Protocol):
    """What is needed of the journal."""

    async def committed(self, seq: int, timeout_s: float = ...) -> None: ...


@runtime_checkable
class HandsOutRecordings(Protocol):
    """A link whose recordings are not on this machine."""

    async def fetch_recording(self, address: str, target: Path) -> None:
        """Write the wav file at `address` (of a `RecordingStopped`) to `target`, bounded in size
        and time. Raises whatever goes wrong.
        """
        ...

    async def delete_recording(self, address: str) -> None:
        """Take it away there; one that is gone already is no error. Raises whatever else."""
        ...


Alarm = Callable[[str, dict[str, str] | None], None]
Source = Callable[[str], HandsOutRecordings | None]
"""Who hands out the recordings of a link; None for a link whose recordings are files here."""


class Recordings:
    """Begins recordings where the site says so, keeps them, hands them out, deletes them.

    `rule` is the site's for a queue; `call` and `calls` are the live calls. `run` it beside
    everything else.
    """

    def __init__(
        self,
        rows: RecordingRows,
        files: RecordingFiles,
        router: Calls,
        durable: Durable,
        *,
        rule: Callable[[str], RecordingRule],
        call: Callable[[str], LiveCall | None],
        calls: Callable[[str], Iterable[LiveCall]],
        hear_own: Callable[[], bool],
        alarm: Alarm,
        source: Source,
    ) -> None:
        self.rows = rows
        self._files = files
        self._router = router
        self._durable = durable
        self._rule = rule
        self._call = call
        self._calls = calls
        self._hear_own = hear_own
        self._alarm = alarm
        self._source = source
        self._work: asyncio.Queue[tuple[Callable[..., Awaitable[None]], tuple[Any, ...]]] = (
            asyncio.Queue(_WORK_MAX)
        )
        self._running: dict[str, str] = {}  # call id to the recording that runs
        self._heard: dict[tuple[str, str], float] = {}
        self._leaving = False  # nothing more is begun

    # What happens to calls -----------------------------------------------------------------

    def on_fact(self, fact: e.Fact) -> None:
        """Hear a fact after the router has dealt with it. Never waits."""
        match fact:
            case e.OfferAnswered() | e.CallbackConnected():
                asyncio.get_running_loop().call_soon(self._answered, fact)
            case e.CallWaiting() | e.IvrResumed() | e.CallHandedOver(agent_id=""):
                # None of us talks with the caller any more: what is said is not our affair.
                if running := self._running.pop(fact.call_id, ""):
                    self._router.execute(c.StopRecording(fact.call_id, running))
            case e.RecordingStarted() if is_message(fact.recording_id):
                self._put(self.rows.begin, self._row(fact.call_id, fact.recording_id))
            case e.RecordingStarted():
                self._put(self.rows.begin, self._row(fact.call_id, fact.recording_id))
                if self._given_away(fact.call_id):  # while the recording was about to begin
                    self._router.execute(c.StopRecording(fact.call_id, fact.recording_id))
                else:
                    self._running[fact.call_id] = fact.recording_id
            case e.RecordingStopped():
                if self._running.get(fact.call_id) == fact.recording_id:
                    del self._running[fact.call_id]
                self._put(self._stopped, fact, self._row(fact.call_id, fact.recording_id))
            case e.OrderFailed(order="StartRecording"):
                self._not_begun(fact)
            case e.LinkUp():
                self._link_up(fact)
            case _:
                pass

    def _given_away(self, call_id: str) -> bool:
        call = self._call(call_id)
        if call is None or call.ended is not None:
            return False
        return call.place not in CONVERSATION or not call.agent

    def _answered(self, fact: e.OfferAnswered | e.CallbackConnected) -> None:
        call = self._call(fact.call_id)
        outward = call is not None and call.direction != "inbound"
        if call is not None and outward == isinstance(fact, e.CallbackConnected):
            self._begin_if_always(call)

    def _begin_if_always(self, call: LiveCall) -> None:
        rule = self._rule(call.queue)
        running = call.recording or self._running.get(call.call_id)
        if rule.calls == "always" and call.ended is None and not running:
            recording_id = f"rec-{uuid4().hex}"
            self._router.execute(c.StartRecording(call.call_id, recording_id, rule.stereo))

    def _not_begun(self, fact: e.OrderFailed) -> None:
        call = self._call(fact.call_id)
        if call is None or call.ended is not None or self._rule(call.queue).calls != "always":
            return
        log.error("a call is not recorded", call_id=fact.call_id, why=fact.why)
        self._alarm(
            "recording-failed",
            {
                "en": f"Calls that should be recorded are not: {fact.why}",
                "zh": f"应录音的通话未能录音：{fact.why}",
            },
        )

    def _link_up(self, fact: e.LinkUp) -> None:
        for call in self._calls(fact.link):
            if call.place in CONVERSATION and call.answered is not None:
                self._begin_if_always(call)
        loop = asyncio.get_running_loop()
        loop.call_later(MISSING_AFTER_S, self._put, self._look_for_missing, fact.link)

    def _row(self, call_id: str, recording_id: str) -> Recording:
        call = self._call(call_id)
        link, agent, queue = (call.link, call.agent, call.queue) if call else ("", "", "")
        return Recording(recording_id, call_id, link, agent, queue, self._router.now())

    # Keeping -------------------------------------------------------------------------------

    def _put(self, work: Callable[..., Awaitable[None]], *given: Any) -> None:
        try:
            self._work.put_nowait((work, given))
        except asyncio.QueueFull:  # its file is found again when the link next comes up
            log.error("too many recordings at once", work=work.__name__)

    async def run(self) -> None:
        """Work for ever; what fails is tried again."""
        loop = asyncio.get_running_loop()
        next_sweep = next_retry = loop.time()
        while True:
            due = min(next_sweep, next_retry)
            try:
                async with asyncio.timeout_at(due):
                    work, given = await self._work.get()
            except TimeoutError:
                if loop.time() >= next_retry:
                    await self._do(self._keep_waiting)
                    next_retry = loop.time() + AGAIN_S
                if loop.time() >= next_sweep:
                    await self._do(self.sweep)
                    next_sweep = loop.time() + SWEEP_S
                continue
            if not await self._do(work, *given):
                loop.call_later(AGAIN_S, self._put, work, *given)

    async def _do(self, work: Callable[..., Awaitable[None]], *given: Any) -> bool:
        doing = asyncio.ensure_future(work(*given))
        try:
            await asyncio.shield(doing)
        except asyncio.CancelledError:
            self._leaving = True
            await asyncio.gather(doing, return_exceptions=True)  # what has begun is finished
            raise
        except Exception as error:
            log.warning("recordings must wait", what=work.__name__, exc_info=True)
            self._cannot_keep(str(error))
            return False
        return True

    async def _stopped(self, fact: e.RecordingStopped, row: Recording) -> None:
        await self.rows.begin(row)
        known = await self.rows.get(fact.recording_id)
        if known is None or known.state in (State.KEPT, State.DELETED):
            await self._take_away(replace(row, address=fact.address))  # killed after keeping it
            return
        if not fact.address:
            await self._missing(known)
            return
        await self.rows.stopped(fact.recording_id, fact.address, fact.length_s)
        await self._keep_waiting(fact.recording_id)

    async def _keep_waiting(self, only: str = "") -> None:
        """Take in what is complete; the rest of them goes on when one fails."""
        failed = ""
        for row in await self.rows.in_state(State.STOPPED):
            if only in ("", row.recording_id) and not self._leaving:
                try:
                    await self._keep(row)
                except KeepFailed as error:
                    log.warning("recording not kept yet", id=row.recording_id, why=str(error))
                    failed = str(error)
        if failed:
            self._cannot_keep(failed)
        elif not only:
            self._alarm("recordings-not-kept", None)
        await self._watch_the_disk()

    async def _keep(self, row: Recording) -> None:
        source, fetched = _local(row.address), None
        if source is None:
            if not row.address.startswith("https:"):
                await self.rows.missing(row.recording_id)  # the virtual switch records nothing
                return
            source = fetched = await self._fetched(row)
        elif not await asyncio.to_thread(source.exists):
            await self._missing(row)
            return
        try:
            kept = await self._files.keep(source, row.recording_id, row.started)
        finally:
            if fetched is not None:
                await asyncio.to_thread(fetched.unlink, missing_ok=True)
        await self.rows.kept(row.recording_id, kept.file, kept.length_s, kept.channels)
        self._router.note(
            h.RecordingKept(row.call_id, row.recording_id, row.agent, kept.length_s, kept.channels),
            self._router.now(),
        )
        await self._take_away(row)

    async def _fetched(self, row: Recording) -> Path:
        """A copy of what is on another machine. Raises `KeepFailed`."""
        source = self._source(row.link)
        if source is None:
            raise KeepFailed(f"the switch {row.link!r} hands out no recordings")
        target = self._files.folder / f"{uuid4().hex}.fetched.wav"
        try:
            await asyncio.to_thread(self._files.free_bytes)  # there is a folder
            await source.fetch_recording(row.address, target)
        except Exception as error:
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise KeepFailed(f"it cannot be fetched: {error}") from error
        return target

    async def _take_away(self, row: Recording) -> None:
        """From where the switch left it; a copy that stays there is told and no more."""
        if (file := _local(row.address)) is not None:
            await asyncio.to_thread(take_away, file)
        elif (source := self._source(row.link)) is not None and row.address:
            try:
                await source.delete_recording(row.address)
            except Exception as error:
                log.error("a recording stays with its switch", id=row.recording_id, why=str(error))

    async def _look_for_missing(self, link: str) -> None:
        """What ran on this switch and neither runs nor was handed over since it came back."""
        for row in await self.rows.in_state(State.RUNNING):
            call = self._call(row.call_id)
            runs = self._running.get(row.call_id) == row.recording_id
            if row.link == link and not runs and (call is None or call.ended is not None):
                await self._missing(row)

    async def _missing(self, row: Recording) -> None:
        await self.rows.missing(row.recording_id)
        log.error("recording is missing", id=row.recording_id, call_id=row.call_id)
        self._alarm(
            "recording-missing",
            {
                "en": f"The recording of call {row.call_id} is missing.",
                "zh": f"通话 {row.call_id} 的录音丢失。",
            },
        )

    def _cannot_keep(self, why: str) -> None:
        self._alarm(
            "recordings-not-kept",
            {
                "en": f"Recordings cannot be stored at the moment; they are tried again: {why}",
                "zh": f"录音暂时无法保存；系统会重试：{why}",
            },
        )

    async def _watch_the_disk(self) -> None:
        try:
            low = await asyncio.to_thread(self._files.free_bytes) < LEAST_FREE_BYTES
        except OSError as error:
            self._cannot_keep(str(error))
            return
        text = {
            "en": "The disk for recordings is nearly full.",
            "zh": "录音磁盘空间即将用尽。",
        }
        self._alarm("recordings-disk", text if low else None)

    # Deleting ------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Delete what is older than the site keeps it; the rest of it when one cannot be."""
        stay: dict[str, str] = {}  # what cannot be deleted, and why
        for queue in await self.rows.queues():
            before = self._router.now() - self._rule(queue).keep_days * DAY_S
            while not self._leaving:
                old = await self.rows.kept_before(queue, before, but=stay)
                if not old:
                    break
                for row in old:
                    try:
                        await self._delete(row)
                    except OSError as error:
                        log.error("recording not deleted", id=row.recording_id, why=str(error))
                        stay[row.recording_id] = str(error)
                log.info("recordings whose time is over", queue=queue, count=len(old))
        self._cannot_delete(stay)

    def _cannot_delete(self, stay: Mapping[str, str]) -> None:
        if not stay:
            self._alarm("recordings-not-deleted", None)
            return
        one = next(f"{name}: {why}" for name, why in stay.items())
        self._alarm(
            "recordings-not-deleted",
            {
                "en": f"{len(stay)} recordings whose time is over cannot be deleted; {one}",
                "zh": f"{len(stay)} 条到期录音无法删除；{one}",
            },
        )

    async def erase(self, call_ids: Iterable[str]) -> int:
        """Delete every recording of these calls, kept or not; how many there were.

        Raises OSError when a file cannot be deleted; what was deleted before it stays so.
        """
        found = [
            row
            for row in await self.rows.of_calls(list(call_ids))
            if row.state not in (State.DELETED, State.RUNNING)
        ]
        for row in found:
            await self._take_away(row)
            await self._delete(row)
        return len(found)

    async def _delete(self, row: Recording) -> None:
        await asyncio.to_thread(self._files.delete, row.file)
        await self.rows.deleted(row.recording_id, self._router.now())

    # Hearing (the console's port) ----------------------------------------------------------

    @property
    def agents_hear_own(self) -> bool:
        return self._hear_own()

    async def find(self, recording_id: str) -> HeldRecording | None:
        """A recording that can be heard; None for every other."""
        row = await self.rows.get(recording_id)
        if row is None or row.state is not State.KEPT:
            return None
        path = await asyncio.to_thread(self._files.path, row.file)
        return None if path is None else HeldRecording(row.recording_id, row.agent, path)

    async def heard(self, recording_id: str, by: str) -> None:
        """Write down who hears it, before the first byte goes out."""
        now = self._router.now()
        if now - self._heard.get((recording_id, by), float("-inf")) < HEARD_AGAIN_S:
            return
        row = await self.rows.get(recording_id)
        entry = h.RecordingHeard(row.call_id if row else "", recording_id, by)
        seq = self._router.note(entry, now)
        try:
            await self._durable.committed(seq, 5.0)
        except Exception as error:
            message = "It cannot be written down who hears this; try again shortly."
            raise Refusal("cannot-save", message, 503) from error
        self._heard[recording_id, by] = now
        while len(self._heard) > _HEARD_MAX:
            del self._heard[next(iter(self._heard))]


def _local(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
