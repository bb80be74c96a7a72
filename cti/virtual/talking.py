"""What an agent does in a conversation on the virtual switch: hold, mute, digits, recording."""

from __future__ import annotations

from cti import commands as c
from cti import events as e
from cti.calls import Place
from cti.virtual.exchange import Call, Exchange

PAUSES = "w,"
DTMF = frozenset("0123456789*#ABCDabcd" + PAUSES)
MOST_DIGITS = 32
_Pausing = c.PauseRecording | c.ResumeRecording | c.StopRecording


class Talking:
    """Orders that fit a conversation and leave it what it is."""

    def __init__(self, exchange: Exchange) -> None:
        self._x = exchange
        self.orders = {
            c.HoldCall: self._hold,
            c.RetrieveCall: self._retrieve,
            c.MuteAgent: self._mute,
            c.SendDigits: self._send_digits,
            c.StartRecording: self._start_recording,
            c.PauseRecording: self._pause_recording,
            c.ResumeRecording: self._resume_recording,
            c.StopRecording: self._stop_recording,
        }

    def _hold(self, order: c.HoldCall) -> None:
        self._change(order, Place.TALKING, Place.HELD, e.CallHeld(order.call_id))

    def _retrieve(self, order: c.RetrieveCall) -> None:
        self._change(order, Place.HELD, Place.TALKING, e.CallRetrieved(order.call_id))

    def _change(
        self, order: c.HoldCall | c.RetrieveCall, place: Place, to: Place, fact: e.Fact
    ) -> None:
        call = self._x.talking(order)
        if call is None:
            return
        if call.place is not place or call.consulted() is not None:
            self._x.refuse(order, f"the call is not {place.value}")
            return
        call.place = to
        self._x.report_soon(fact)

    def _mute(self, order: c.MuteAgent) -> None:
        call = self._x.talking(order)
        if call is not None:
            call.muted = order.on
            self._x.report_soon(e.AgentMuted(call.id, order.on))

    def _send_digits(self, order: c.SendDigits) -> None:
        call = self._x.talking(order)
        if call is None:
            return
        count = sum(1 for sign in order.digits if sign not in PAUSES)
        if not count or len(order.digits) > MOST_DIGITS or set(order.digits) - DTMF:
            self._x.refuse(order, "these are no digits")  # never which
        else:
            self._x.report_soon(e.DigitsSent(call.id, count))

    # Recording -----------------------------------------------------------------------------

    def _start_recording(self, order: c.StartRecording) -> None:
        call = self._x.talking(order)
        if call is None:
            return
        if call.recording:
            self._x.refuse(order, "a recording runs already")
            return
        call.recording, call.recorded_since = order.recording_id, self._x.time.now()
        self._x.report_soon(e.RecordingStarted(call.id, order.recording_id))

    def _recorded(self, order: _Pausing) -> Call | None:
        call = self._x.calls.get(order.call_id)
        if call is None or not call.recording or call.recording != order.recording_id:
            self._x.refuse(order, "no such recording runs")
            return None
        return call

    def _pause_recording(self, order: c.PauseRecording) -> None:
        call = self._recorded(order)
        if call is not None:
            call.paused = True
            self._x.report_soon(e.RecordingPaused(call.id, call.recording))

    def _resume_recording(self, order: c.ResumeRecording) -> None:
        call = self._recorded(order)
        if call is not None:
            call.paused = False
            self._x.report_soon(e.RecordingResumed(call.id, call.recording))

    def _stop_recording(self, order: c.StopRecording) -> None:
        call = self._recorded(order)
        if call is not None:
            self._x.report_soon(*self._x.stop_recording(call))
