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

from cti import commands as c
from cti import events as e
from cti.twilio.book import Book, OrderError
from cti.twilio.http import RestError
from cti.twilio.live import Live, Recording
from cti.twilio.rooms import Rooms
from cti.twilio.urls import TOKEN

log = logging.getLogger(__name__)

Params = Mapping[str, str]

_SID = re.compile(r"RE[0-9a-fA-F]{32}")
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

        self._rooms.carry_out(order, work)

    @staticmethod
    def _running(call: Live, recording_id: str) -> Recording:
        recording = call.recording
        if recording is None or recording.recording_id != recording_id or not recording.sid:
            raise OrderError("no such recording runs")
        return recording

    def progress(self, call_id: str, recording_id: str, params: Params) -> None:
        """Twilio has the file, or there is none to be had. Told once."""
        status, sid = params.get("RecordingStatus", ""), params.get("RecordingSid", "")
        if status not in _OVER or (call_id, recording_id) in self._told:
            return
        self._told[call_id, recording_id] = None
        if len(self._told) > _TOLD_MAX:
            self._told.popitem(last=False)
        call = self._book.calls.get(call_id)
        running = None if call is None else call.recording
        if call is not None and running is not None and running.recording_id == recording_id:
            call.recording = None
            self._book.keep(call)
        length = params.get("RecordingDuration", "")
        length_s = float(length) if _LENGTH.fullmatch(length) else 0.0
        there = status == "completed" and _SID.fullmatch(sid) is not None
        address = self._book.open_rest.recording_address(sid) if there else ""
        self._book.report(e.RecordingStopped(call_id, recording_id, address, length_s))
