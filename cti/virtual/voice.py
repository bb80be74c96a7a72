"""The voice sessions and the wait treatment of the virtual switch."""

from __future__ import annotations

import math

from cti import commands as c
from cti import events as e
from cti.calls import CONVERSATION, Place
from cti.virtual.endings import Endings
from cti.virtual.exchange import Call, Exchange, stop

SPEECH_S_PER_CHARACTER = 0.06
KEYPRESS_S = 0.3


class Voice:
    """Menus and waiting: what a caller hears while no agent is there."""

    def __init__(self, exchange: Exchange, endings: Endings) -> None:
        self._x = exchange
        self._endings = endings
        self.orders = {
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.StartMenu: self._start_menu,
        }

    # Voice steps ---------------------------------------------------------------------------

    def _run_step(self, order: c.RunStep) -> None:
        call = self._x.calls.get(order.call_id)
        if call is None or not (call.place is Place.ENTRY or call.visiting):
            self._x.refuse(order, "no open voice session")
            return
        call.step_no, call.flow_state = order.step_no, order.flow_state
        step = order.step
        speech_s = sum(len(prompt.text) for prompt in step.prompts) * SPEECH_S_PER_CHARACTER
        stop(call.step)
        call.collecting = None
        if isinstance(step, c.PlayPrompts):
            finished = e.StepFinished(call.id, order.step_no, "done")
            call.step = self._x.time.after(speech_s, self._step_done, (call, finished))
            return
        if isinstance(step, c.RecordMessage):
            call.step = self._x.time.after(speech_s, self._tone, (call, order))
            return
        call.collecting = step
        keys = self._what_is_entered(call, step)
        if keys:
            self._collect(call, step, keys, call.caller.press_after_s)
        else:
            finished = e.StepFinished(call.id, order.step_no, "timeout")
            delay = speech_s + step.first_timeout_s
            call.step = self._x.time.after(delay, self._step_done, (call, finished))

    def _collect(self, call: Call, step: c.CollectDigits, keys: str, after_s: float) -> None:
        """The caller begins to press `keys` so much later."""
        digits, end, _ = keys.partition(step.terminator or "\0")
        digits = digits[: step.max_digits]
        finished = e.StepFinished(call.id, call.step_no, "digits", digits)
        delay = after_s + KEYPRESS_S * len(digits)
        if len(digits) < step.max_digits and not end:
            delay += step.between_timeout_s
        stop(call.step)
        call.step = self._x.time.after(delay, self._step_done, (call, finished))

    def enters(self, call: Call, keys: str) -> None:
        """The caller presses keys now: in the step that waits for them, or while waiting."""
        listening = call.place is Place.ENTRY or call.visiting
        if isinstance(call.collecting, c.RecordMessage):
            if keys[:1] == call.collecting.terminator:
                stop(call.step)
                self._step_done((call, e.StepFinished(call.id, call.step_no, "done")))
        elif call.collecting is not None and listening:
            self._collect(call, call.collecting, keys, 0.0)
        else:
            self.pressed((call, keys[:1]))

    def _what_is_entered(self, call: Call, step: c.CollectDigits) -> str:
        """The next of the caller's `digits`. What is said counts if the step knows the word."""
        if call.pressed >= len(call.caller.digits):
            return ""
        entered = call.caller.digits[call.pressed]
        call.pressed += 1
        if any(sign.isalpha() for sign in entered):
            said = entered.casefold()
            return next((digits for word, digits in step.words if word.casefold() == said), "")
        return entered

    def _tone(self, what: tuple[Call, c.RunStep]) -> None:
        """From now on what the caller says is recorded."""
        call, order = what
        step = order.step
        assert isinstance(step, c.RecordMessage)
        call.collecting = step
        said_s = min(call.caller.message_s, step.max_s)
        call.recording, call.recorded_since = step.recording_id, self._x.time.now()
        finished = e.StepFinished(call.id, order.step_no, "done" if said_s else "timeout")
        lasts_s = min(said_s + step.silence_s, step.max_s)
        call.step = self._x.time.after(lasts_s, self._step_done, (call, finished))
        self._x.report(e.RecordingStarted(call.id, step.recording_id))

    def _step_done(self, what: tuple[Call, e.StepFinished]) -> None:
        call, finished = what
        call.step = call.collecting = None
        if call.recording:  # without the silence that ended it
            silent_s = self._x.time.now() - call.recorded_since - call.caller.message_s
            call.recorded_since += max(0.0, silent_s)
        for fact in (*self._x.stop_recording(call), finished):
            self._x.report(fact)

    def _start_menu(self, order: c.StartMenu) -> None:
        call = self._x.calls.get(order.call_id)
        if call is None or isinstance(call.offer, c.DialCallback):
            self._x.refuse(order, "the caller is not there")
            return
        if call.place is Place.RINGING:
            self._x.refuse(order, "a phone rings for the caller")
            return
        self._leave_the_agent(call)
        self._end_of_waiting(call)
        call.place, call.flow_state = Place.ENTRY, order.flow_state
        self._x.report_soon(e.IvrResumed(call.id, order.flow_state))

    def _leave_the_agent(self, call: Call) -> None:
        """The agent's leg ends, and every further leg with it."""
        if call.place in CONVERSATION:
            facts = [*self._x.drop_all(call), *self._x.stop_recording(call)]
            self._x.free_agent(call)
            stop(call.talk)
            call.talk = None
            self._x.report_soon(*facts)

    @staticmethod
    def _end_of_waiting(call: Call) -> None:
        for timer in (call.patience, call.press, call.step):
            stop(timer)
        call.patience = call.press = call.step = None
        call.wait, call.collecting, call.visiting = None, None, False

    # Waiting -------------------------------------------------------------------------------

    def _start_waiting(self, order: c.StartWaiting) -> None:
        call = self._x.calls.get(order.call_id)
        if call is None or call.place is Place.RINGING or isinstance(call.offer, c.DialCallback):
            self._x.refuse(order, "the caller cannot be moved")
            return
        if call.place in CONVERSATION:
            self._leave_the_agent(call)
            call.wait, call.place = None, Place.WAITING  # patience begins anew
        if call.wait is None:
            caller = call.caller
            if caller.patience_s != math.inf:
                call.patience = self._x.time.after(
                    caller.patience_s, self._endings.caller_leaves, call
                )
            if caller.wait_digit:
                call.press = self._x.time.after(
                    caller.wait_digit_after_s, self.pressed, (call, caller.wait_digit)
                )
        call.wait = order
        self._x.time.soon(self.waits, call)

    def waits(self, call: Call) -> None:
        """The caller is with the music (again) and can be moved."""
        wait = call.wait
        if wait is None or call.offer is not None or call.place is Place.ENDED:
            return
        call.place = Place.WAITING
        call.visiting = False
        stop(call.step)
        call.step = None
        if 0.0 < wait.visit_after_s != math.inf:
            call.step = self._x.time.after(wait.visit_after_s, self._visit_due, call)
        self._x.report(e.CallWaiting(call.id))

    def _visit_due(self, call: Call) -> None:
        call.step = None
        self._visit(call, "")

    def pressed(self, what: tuple[Call, str]) -> None:
        """The waiting caller presses a key."""
        call, digit = what
        call.press = None
        if call.wait is not None and digit in call.wait.digits and not call.visiting:
            self._visit(call, digit)

    def _visit(self, call: Call, digit: str) -> None:
        if call.place is not Place.WAITING or self._x.sink is None:
            return
        stop(call.step)
        call.step = None
        call.visiting = True
        self._x.report(e.WaitVisited(call.id, digit))
