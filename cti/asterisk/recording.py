"""Recording what is said: MixMonitor on the caller's channel.

The caller's channel stays the same through hold, transfer, consultation and conference, and
so does the recording. What is recorded goes into raw files (8 kHz, 16 bit) that need no proper
end: after a crash of Asterisk all but the last two seconds are there. Each side has a file of
its own, which Asterisk converts from whatever the channel speaks; interleaving them itself it
would not (a browser's 48 kHz come out garbled). Asterisk itself keeps what a recording is
called and whether it is paused, in variables of the channel, and writes silence while it is:
so paused stays paused whatever becomes of us. (`CC_REC_MIX` is Asterisk's own name of the
recorder, set when it runs.)

Whenever the caller is joined with somebody, the dialplan puts a new recorder into the old one's
place, which goes on in the same files; why stands in `cti.asterisk.legs_plan`. A paused one is
renewed by us when it is to go on (`CC_REC_STALE`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cti import commands as c
from cti import events as e
from cti.asterisk.actions import Actions, Handler, OrderError, token
from cti.asterisk.adoption import variables_of
from cti.asterisk.ami import AmiError, Frame, Reply
from cti.asterisk.control import ControlFailed, console_command
from cti.asterisk.live import LiveCalls

log = logging.getLogger(__name__)

RATE_HZ = 8000
BYTES_PER_S = RATE_HZ * 2  # 16 bit
LEFT_BEHIND_MAX = 1000
RENEWAL_S = 0.1  # without a recorder, so that Asterisk forgets what it recorded before

_FILE = re.compile(r"(?P<call>[A-Za-z0-9_.:@+-]+)~(?P<id>[A-Za-z0-9_.:@+-]+)\.(stereo|mono)\.raw")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_.@+-]{0,120}")
_RECORDER = re.compile(r"0x[0-9a-f]+")


def file_name(call_id: str, recording_id: str, *, stereo: bool) -> str:
    """A recording's file says whose it is, so that nobody has to remember it.

    It holds both sides mixed. Beside it lie what the caller said (`<recording>.in.sln`) and
    what everybody else said (`<recording>.out.sln`); ".mono." says that nobody wants these.
    """
    return f"{call_id}~{recording_id}.{'stereo' if stereo else 'mono'}.raw"


@dataclass(slots=True)
class _Recording:
    call_id: str
    recording_id: str
    channel: str
    file: Path
    recorder: str = ""  # Asterisk's name of it; "" until it runs
    paused: bool = False
    resuming: bool = False  # it gets a new recorder


@dataclass(frozen=True, slots=True)
class Recorder:
    """What it takes to record on one Asterisk of this machine.

    `folder` is Asterisk's own for recordings, which we read; `socket` is its console's.
    """

    folder: Path
    socket: Path


class Recordings:
    """Carries out the recording orders, and finds recordings again after a restart.

    Without a `recorder` nothing can be recorded. `spawn` runs a coroutine of ours for as long
    as the link lives.
    """

    def __init__(
        self,
        actions: Actions,
        recorder: Recorder | None,
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._do = actions
        self._recorder = recorder
        self._spawn = spawn
        self._running: dict[str, _Recording] = {}  # by call id
        self._messages: dict[str, Path] = {}  # that callers are leaving, by recording id
        self.orders: dict[type, Handler] = {
            c.StartRecording: self._start,
            c.PauseRecording: self._pause,
            c.ResumeRecording: self._resume,
            c.StopRecording: self._stop,
        }

    # Orders ---------------------------------------------------------------------------

    def _start(self, order: c.StartRecording) -> None:
        call = self._do.call(order)
        if self._recorder is None:
            raise OrderError("this switch keeps no recordings")
        if order.call_id in self._running:
            raise OrderError("the call is being recorded")
        channel = call.caller_channel
        if not channel or not call.connected:
            raise OrderError("the caller is not on the line with anybody yet")
        if not _CHANNEL.fullmatch(channel):
            raise OrderError("not a channel that can be recorded")
        name = file_name(
            token(order.call_id, "call", 80),
            token(order.recording_id, "recording"),
            stereo=order.stereo,
        )
        recording = _Recording(
            order.call_id, order.recording_id, channel, self._recorder.folder / name
        )
        for variable, value in (
            ("CC_REC", order.recording_id),
            ("CC_REC_KIND", "stereo" if order.stereo else "mono"),
            ("CC_REC_FILE", name),
            ("CC_REC_PAUSED", ""),
            ("CC_REC_STALE", ""),
            ("CC_REC_OFF", ""),
        ):
            self._do.set(channel, variable, value)
        socket = self._recorder.socket
        self._running[order.call_id] = recording
        # Answered before the recorder starts, which sets the same variable from elsewhere.
        self._do.send(
            {"Action": "Setvar", "Channel": channel, "Variable": "CC_REC_MIX", "Value": ""},
            order,
            lambda _: self._spawn(self._begin(order, recording, socket)),
            lambda _: self._not_begun(recording),
        )

    def _not_begun(self, recording: _Recording) -> None:
        if self._running.get(recording.call_id) is recording:
            del self._running[recording.call_id]

    async def _begin(self, order: c.StartRecording, recording: _Recording, socket: Path) -> None:
        try:
            said = await console_command(socket, _begins(recording))
        except ControlFailed as error:
            said = str(error)  # carried out or not
        try:
            self._confirm(order, recording, said or "Asterisk did not begin to record")
        except AmiError as error:
            self._not_begun(recording)
            self._do.order_failed(order, str(error))

    def _confirm(self, order: c.StartRecording, recording: _Recording, why: str) -> None:
        """The console does not say whether it worked; the variable does."""

        def found(reply: Reply) -> None:
            known = self._running.get(order.call_id)
            recorder = reply.response.get("Value")
            if known is not recording:  # ended for us meanwhile, or found by `take_up`
                if known is None and _RECORDER.fullmatch(recorder):
                    recording.recorder = recorder
                    self._stop_unasked(recording)
                return
            if not _RECORDER.fullmatch(recorder):
                self._not_begun(recording)
                self._do.order_failed(order, why)
                return
            recording.recorder = recorder
            self._do.report(e.RecordingStarted(order.call_id, order.recording_id))

        self._do.send(
            _ask(recording, "CC_REC_MIX"), order, found, lambda _: self._not_begun(recording)
        )

    def _pause(self, order: c.PauseRecording) -> None:
        recording = self._of(order)
        # Written down first: whatever is cut short here, we come back to a paused recording.
        self._do.set(recording.channel, "CC_REC_PAUSED", "1")

        def paused(_: Reply) -> None:
            recording.paused = True
            self._do.report(e.RecordingPaused(order.call_id, order.recording_id))

        def again() -> None:
            self._spawn(self._pause_late(order, recording, paused))

        self._do.send(_mute(recording, on=True), order, paused, refused=again)

    async def _pause_late(
        self, order: c.PauseRecording, recording: _Recording, paused: Callable[[Reply], None]
    ) -> None:
        """The recorder was just being renewed, or is off since it found the pause then."""

        def found(reply: Reply) -> None:
            if reply.response.get("Value") == "1":
                paused(reply)
            else:
                self._do.order_failed(order, "Asterisk did not pause the recording")

        def off() -> None:
            self._do.send(_ask(recording, "CC_REC_STALE"), order, found)

        await asyncio.sleep(RENEWAL_S)
        try:
            self._do.send(_mute(recording, on=True), order, paused, refused=off)
        except AmiError as error:
            self._do.order_failed(order, str(error))

    def _resume(self, order: c.ResumeRecording) -> None:
        recording = self._of(order)

        def resumed(_: Reply) -> None:
            recording.paused = False
            self._do.set(recording.channel, "CC_REC_PAUSED", "")
            self._do.report(e.RecordingResumed(order.call_id, order.recording_id))

        def found(reply: Reply) -> None:
            if reply.response.get("Value") != "1" or self._recorder is None:
                self._do.send(_mute(recording, on=False), order, resumed)
            else:
                recording.resuming = True
                socket = self._recorder.socket
                self._spawn(self._renew(order, recording, socket, resumed))

        self._do.send(_ask(recording, "CC_REC_STALE"), order, found)

    async def _renew(
        self,
        order: c.ResumeRecording,
        recording: _Recording,
        socket: Path,
        resumed: Callable[[Reply], None],
    ) -> None:
        """It stays written down as paused until the new recorder runs."""

        def runs(reply: Reply) -> None:
            recording.resuming = False
            recorder = reply.response.get("Value")
            if not _RECORDER.fullmatch(recorder):
                self._do.order_failed(order, "Asterisk did not go on to record")
                return
            recording.recorder = recorder
            if self._running.get(order.call_id) is not recording:
                self._stop_unasked(recording)
                return
            self._do.set(recording.channel, "CC_REC_MIX", recorder)
            self._do.set(recording.channel, "CC_REC_STALE", "")
            resumed(reply)

        def failed(_: c.Order) -> None:
            recording.resuming = False

        try:
            self._do.set(recording.channel, "CC_REC_NEXT", "")
            self._do.send(_take_off(recording))
            await asyncio.sleep(RENEWAL_S)
            if self._running.get(order.call_id) is recording:
                await console_command(socket, _begins(recording, again=True))
            self._do.send(_ask(recording, "CC_REC_NEXT"), order, runs, failed)
        except (ControlFailed, AmiError) as error:
            recording.resuming = False
            self._do.order_failed(order, str(error))

    def _stop(self, order: c.StopRecording) -> None:
        recording = self._of(order)

        def stopped(_: Reply) -> None:
            self._over(recording)

        self._send_stop(recording, order, stopped)

    def _send_stop(
        self,
        recording: _Recording,
        order: c.StopRecording | None = None,
        done: Callable[[Reply], None] | None = None,
    ) -> None:
        # Said first: one that is just being renewed is not put on again.
        self._do.set(recording.channel, "CC_REC_MIX", "")
        refused = None if order is None else (lambda: self._over(recording))
        self._do.send(_take_off(recording), order, done, refused=refused)

    def _of(self, order: c.PauseRecording | c.ResumeRecording | c.StopRecording) -> _Recording:
        self._do.call(order)
        recording = self._running.get(order.call_id)
        if recording is None or recording.recording_id != order.recording_id:
            raise OrderError("there is no such recording")
        if not recording.recorder:
            raise OrderError("the recording has not begun yet")
        if recording.resuming and not isinstance(order, c.StopRecording):
            raise OrderError("the recording is just being resumed")
        return recording

    # What callers say after the tone ----------------------------------------------------

    def begins(self, call_id: str, recording_id: str) -> str:
        """See `cti.asterisk.sessions.Messages`."""
        if self._recorder is None:
            raise OrderError("this switch keeps no recordings")
        name = file_name(token(call_id, "call", 80), token(recording_id, "recording"), stereo=False)
        file = self._recorder.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)  # what else records makes it by itself
        self._messages[recording_id] = file
        self._do.report(e.RecordingStarted(call_id, recording_id))
        return str(file.with_suffix(""))

    def ends(self, call_id: str, recording_id: str) -> float:
        """See `cti.asterisk.sessions.Messages`."""
        file = self._messages.pop(recording_id)
        return self._tell_stopped(call_id, recording_id, file)

    # Its end --------------------------------------------------------------------------

    def call_ended(self, call_id: str, *, lives_on: bool = False) -> None:
        """The call is about to be told as ended: so is its recording.

        `lives_on`: only for us; the caller's channel goes on and must be recorded no longer.
        """
        recording = self._running.get(call_id)
        if recording is None:
            return
        if lives_on and recording.recorder:
            self._stop_unasked(recording)
        self._over(recording)

    def _stop_unasked(self, recording: _Recording) -> None:
        try:
            self._send_stop(recording)
        except AmiError as error:
            log.warning("call %s: cannot stop its recording: %s", recording.call_id, error)

    def _over(self, recording: _Recording) -> None:
        if self._running.get(recording.call_id) is recording:
            del self._running[recording.call_id]
            self._tell_stopped(recording.call_id, recording.recording_id, recording.file)

    def _tell_stopped(self, call_id: str, recording_id: str, file: Path) -> float:
        """Without an address when there is no file: then nothing was recorded. Its length."""
        try:
            length_s = file.stat().st_size / BYTES_PER_S
            address = file.as_uri()
        except OSError as error:
            log.error("call %s: recording %s is missing: %s", call_id, recording_id, error)
            length_s, address = 0.0, ""
        self._do.report(e.RecordingStopped(call_id, recording_id, address, length_s))
        return length_s

    # After a restart ------------------------------------------------------------------

    def take_up(self, channels: Sequence[Frame], calls: LiveCalls) -> None:
        """Compare with what runs on the switch, and tell what we did not know.

        A file whose recording runs no more belongs to a call that ended while we were away.
        """
        there: set[str] = set()
        for channel in channels:
            found = self._running_on(channel, calls)
            if found is None:
                continue
            there.add(found.call_id)
            known = self._running.get(found.call_id)
            if known is None or known.recording_id != found.recording_id or not known.recorder:
                self._running[found.call_id] = found
                self._do.report(e.RecordingStarted(found.call_id, found.recording_id))
                known = None
            if found.paused:
                self._pause_again(found, told=known is not None and known.paused)
        for recording in list(self._running.values()):
            if recording.call_id in there:
                continue
            if recording.recorder:
                self._over(recording)
            else:
                self._not_begun(recording)
        self._tell_left_behind()

    def _running_on(self, channel: Frame, calls: LiveCalls) -> _Recording | None:
        variables = variables_of(channel)
        recording_id, recorder = variables.get("CC_REC", ""), variables.get("CC_REC_MIX", "")
        name = channel.get("Channel")
        call = next((x for x in calls if name and name == x.caller_channel), None)
        if self._recorder is None or call is None or not recording_id or not recorder:
            return None
        stereo = variables.get("CC_REC_KIND") != "mono"
        file = self._recorder.folder / file_name(call.call_id, recording_id, stereo=stereo)
        paused = variables.get("CC_REC_PAUSED") == "1"
        return _Recording(call.call_id, recording_id, name, file, recorder, paused)

    def _pause_again(self, found: _Recording, *, told: bool) -> None:
        """We may have been cut short between writing it down and doing it."""
        recording = self._running[found.call_id]
        recording.paused = True
        try:
            self._do.send(_mute(recording, on=True))
        except AmiError as error:
            log.warning("call %s: cannot pause its recording: %s", found.call_id, error)
        if not told:
            self._do.report(e.RecordingPaused(recording.call_id, recording.recording_id))

    def _tell_left_behind(self) -> None:
        running = {recording.file for recording in self._running.values()}
        running.update(self._messages.values())
        for file in self._files():
            match = _FILE.fullmatch(file.name)
            if match is not None and file not in running:
                self._tell_stopped(match["call"], match["id"], file)

    def _files(self) -> Iterator[Path]:
        if self._recorder is None:
            return
        try:
            yield from sorted(self._recorder.folder.glob("*~*.raw"))[:LEFT_BEHIND_MAX]
        except OSError as error:
            log.error("cannot look for recordings: %s", error)


def _begins(recording: _Recording, *, again: bool = False) -> str:
    """The console's command; `again`: into the files that are there."""
    sides = recording.recording_id
    append, name = ("a", "CC_REC_NEXT") if again else ("", "CC_REC_MIX")
    options = f"{append}r({sides}.in.sln)t({sides}.out.sln)Si({name})"
    return f"mixmonitor start {recording.channel} {recording.file.name},{options}"


def _ask(recording: _Recording, variable: str) -> dict[str, str]:
    return {"Action": "Getvar", "Channel": recording.channel, "Variable": variable}


def _take_off(recording: _Recording) -> dict[str, str]:
    """Whichever recorder it is: the dialplan may have renewed it, and there is one only."""
    return {"Action": "StopMixMonitor", "Channel": recording.channel}


def _mute(recording: _Recording, *, on: bool) -> dict[str, str]:
    return {
        "Action": "MixMonitorMute",
        "Channel": recording.channel,
        "Direction": "both",
        "State": "1" if on else "0",
    }
