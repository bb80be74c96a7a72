"""Recordings: of the caller's own leg, so they go on whatever becomes of the conversation.

The caller is on the left, and on the right is what the caller hears: the agent, everybody in
the conference, music on hold; never what a supervisor whispers. Twilio needs a while for the
file, so `RecordingStopped` may follow the end of the call.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from cti import commands as c
from cti import events as e
from cti.twilio.book import Book, OrderError
from cti.twilio.http import RestError, RestRefused
from cti.twilio.live import Live, Recording
from cti.twilio.rooms import Rooms
from cti.twilio.urls import TOKEN

log = logging.getLogger(__name__)

Params = Mapping[str, str]

_SID = re.compile(r"RE[0-9a-fA-F]{32}")
_LOOKS_FIRST = 3  # lists of calls that pass before we look for a file ourselves
_LOOKS_MAX = 200
_AT_ONCE = 5
_MESSAGE_AFTER_S = 120.0  # a message is there by then, or never
_LENGTH = re.compile(r"[0-9]{1,6}")
_TOLD_MAX = 5_000
_OVER = ("completed", "absent", "failed")


class Recordings:
    """Starts, pauses, resumes and stops recordings; hears from Twilio when one is complete."""

    def __init__(self, book: Book, rooms: Rooms) -> None:
        self._book = book
        self._rooms = rooms
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.orders: dict[type, Callable[..., None]] = {
            c.StartRecording: self._start,
            c.PauseRecording: self._pause,
            c.ResumeRecording: self._resume,
            c.StopRecording: self._stop,
        }

    def _start(self, order: c.StartRecording) -> None:
        if not TOKEN.fullmatch(order.recording_id):
            raise OrderError("the recording's name cannot stand in an address")

        async def work(call: Live) -> None:
            if call.recording is not None:
                raise OrderError("a recording runs already")
            if call.agent_leads:
                await self._rooms.enter(call)  # before it, the caller has no leg of its own
            call.recording = recording = Recording(order.recording_id)
            caller = call.sid
            progress = self._book.urls.recording(call.call_id, order.recording_id)
            try:
                recording.sid = await self._book.open_rest.record(
                    caller, progress, stereo=order.stereo
                )
            except RestError:
                if call.recording is recording:
                    call.recording = None
                raise
            if call.recording is not recording:  # the caller has left meanwhile
                await self._book.end_recording(caller, recording.sid)
            self._book.report(e.RecordingStarted(call.call_id, order.recording_id))

        self._rooms.carry_out(order, work)

    def _pause(self, order: c.PauseRecording) -> None:
        async def work(call: Live) -> None:
            recording = self._running(call, order.recording_id)
            await self._book.open_rest.pause_recording(call.sid, recording.sid)
            self._book.report(e.RecordingPaused(call.call_id, order.recording_id))

        self._rooms.carry_out(order, work)

    def _resume(self, order: c.ResumeRecording) -> None:
        async def work(call: Live) -> None:
            recording = self._running(call, order.recording_id)
            await self._book.open_rest.resume_recording(call.sid, recording.sid)
            self._book.report(e.RecordingResumed(call.call_id, order.recording_id))

        self._rooms.carry_out(order, work)

    def _stop(self, order: c.StopRecording) -> None:
        async def work(call: Live) -> None:
            recording = self._running(call, order.recording_id)
            await self._book.open_rest.stop_recording(call.sid, recording.sid)
            if call.recording is recording:
                call.recording = None
                self._book.unfiled.add(call, recording)

        self._rooms.carry_out(order, work)

    def message_begun(self, call_id: str, step: c.RecordMessage) -> None:
        """A caller is to leave a message. Of one who hangs up before the tone nothing is told."""

        def nothing_came() -> None:
            self.progress(call_id, step.recording_id, {"RecordingStatus": "absent"})

        self._book.later(step.max_s + _MESSAGE_AFTER_S, nothing_came)

    @staticmethod
    def _running(call: Live, recording_id: str) -> Recording:
        recording = call.recording
        if recording is None or recording.recording_id != recording_id or not recording.sid:
            raise OrderError("no such recording runs")
        return recording

    def progress(self, call_id: str, recording_id: str, params: Params) -> None:
        """Twilio has the file, or there is none to be had. Told once."""
        status, sid = params.get("RecordingStatus", ""), params.get("RecordingSid", "")
        length, channels = params.get("RecordingDuration", ""), params.get("RecordingChannels", "")
        self._file(call_id, recording_id, status, sid, length, channels == "2")

    def _file(
        self, call_id: str, recording_id: str, status: str, sid: str, length: str, stereo: bool
    ) -> None:
        if status not in _OVER:
            return
        self._book.unfiled.filed(recording_id)
        if (call_id, recording_id) in self._told:
            return
        self._told[call_id, recording_id] = None
        if len(self._told) > _TOLD_MAX:
            self._told.popitem(last=False)
        call = self._book.calls.get(call_id)
        running = None if call is None else call.recording
        if call is not None and running is not None and running.recording_id == recording_id:
            call.recording = None
            self._book.keep(call)
        length_s = float(length) if _LENGTH.fullmatch(length) else 0.0
        there = status == "completed" and _SID.fullmatch(sid) is not None
        address = self._book.open_rest.recording_address(sid, stereo=stereo) if there else ""
        self._book.report(e.RecordingStopped(call_id, recording_id, address, length_s))

    async def look_for_files(self) -> None:
        """Ask for recordings that should be there by now, and that nobody told us of."""
        asked = 0
        for row in self._book.unfiled:
            row.looks += 1
            if row.looks < _LOOKS_FIRST or asked >= _AT_ONCE:
                continue
            asked += 1
            try:
                status, length, channels = await self._book.open_rest.recording(
                    row.caller_sid, row.sid
                )
            except RestError as error:
                log.warning("recording %s cannot be looked up: %s", row.recording_id, error)
                status = "absent" if isinstance(error, RestRefused) and error.call_is_over else ""
                length, channels = "", 1
            if row.looks > _LOOKS_MAX:
                status = status or "absent"
            self._file(row.call_id, row.recording_id, status, row.sid, length, channels == 2)

    # Files --------------------------------------------------------------------------------

    async def fetch(self, address: str, target: Path) -> None:
        """Write the file at `address` to `target`. Our token is sent to Twilio only, whatever
        the address says."""
        sid, stereo = _taken_apart(address)
        await self._book.open_rest.fetch_recording(sid, target, stereo=stereo)

    async def delete(self, address: str) -> None:
        sid, _ = _taken_apart(address)
        await self._book.open_rest.delete_recording(sid)


def _taken_apart(address: str) -> tuple[str, bool]:
    path, _, query = address.partition("?")
    sid = path.rpartition("/")[2].removesuffix(".wav")
    if not _SID.fullmatch(sid):
        raise ValueError("not the address of a recording")
    return sid, "RequestedChannels=2" in query
