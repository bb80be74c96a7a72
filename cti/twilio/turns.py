"""The lead's documents, one after the other: what the last one brought, and what comes next.

    webhook (end of document n) ──▶ _hear: facts ──▶ sink ──▶ … ──▶ execute: a plan
                                                                        │
    document n+1 ◀──────────────────── _carry_out ◀─────────────────────┘

Each document is answered once. Asked again for the same one, by a repeated webhook or an old
one that somebody replays, we give the same answer, and nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from cti import commands as c
from cti import events as e
from cti.calls import OfferFailure, Place
from cti.twilio.book import FINAL, Book, dial_failure
from cti.twilio.hearing import digits_said
from cti.twilio.live import Live, Move, Plan, Room

log = logging.getLogger(__name__)

Params = Mapping[str, str]

_ASKS_MAX = 60  # "ask again" so many times in a row: whoever should say a step has lost the call
_UNREACHABLE_SHARE = 0.5  # of the ringing time: who was never rung and fails sooner is away


class Turns:
    """Answers the lead of each call."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.on_message: Callable[[str, c.RecordMessage], None] = lambda call_id, step: None
        self._carry: dict[type, Callable[[Live, Plan], str]] = {
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.OfferCall: self._ring,
            c.DialCallback: self._dial_customer,
            c.TransferCall: self._transfer,
            c.StartMenu: self._start_menu,
        }

    async def ask(self, call: Live, how: str, n: int, params: Params) -> str:
        """The next document. `how` is the webhook's name, `n` the document that has ended."""
        status = params.get("CallStatus", "")
        if status in FINAL:
            self._book.lead_over(call, status)
            return self._book.documents.nothing()
        told = how == "again" and call.nudge is not None
        if n != call.turn and not told and how != "back":
            return call.replies.get(n) or call.last_reply or self._again(call)
        if call.answer is not None:
            return await asyncio.shield(call.answer)
        if how in ("again", "back"):
            call.nudge = None
        elif call.nudge is not None:
            return self._again(call)  # REST takes the lead away from here at this moment
        return await self._answer(call, how, params)

    async def _answer(self, call: Live, how: str, params: Params) -> str:
        answer = call.answer = asyncio.get_running_loop().create_future()
        asked_again, call.asked_again = call.asked_again, False
        text = ""
        try:
            if call.plan is None:
                self._hear(call, how, params, asked_again)
            text = await self._next(call)
        except Exception:
            log.exception("call %s: a webhook could not be answered", call.call_id)
            if call.place is Place.RINGING and call.callback is None:
                call.plan = Move.BACK
        finally:
            text = text or self._nothing_yet(call)
            call.answer = None
            call.keep_reply(call.turn, text)
            call.turn += 1
            self._book.keep(call)
            answer.set_result(text)
        return text

    def _again(self, call: Live) -> str:
        """Nothing to hear yet. The lead asks once more, for the document it is at."""
        return self._book.documents.ask_again(self._book.urls.step(call.call_id, call.turn))

    def _then(self, call: Live) -> str:
        """Where the document that is being written leads."""
        return self._book.urls.step(call.call_id, call.turn + 1)

    # What comes next ----------------------------------------------------------------------

    async def _next(self, call: Live) -> str:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._book.settings.answer_s
        while self._book.is_live(call):
            plan, call.plan = call.plan, None
            if plan is not None:
                call.asks = 0
                text = self._carry_out(call, plan)
                if text:
                    return text
                continue
            call.wake.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await call.wake.wait()
            except TimeoutError:
                return self._nothing_yet(call)
        return self._book.documents.hang_up()

    def _nothing_yet(self, call: Live) -> str:
        call.asked_again = True
        call.asks += 1
        if call.asks > _ASKS_MAX:
            call.asks = 0
            why = "nobody says what the caller is to hear"
            self._book.report(e.OrderFailed(call.call_id, "RunStep", why))
        return self._book.documents.ask_again(self._then(call))

    def _carry_out(self, call: Live, plan: Plan) -> str:
        """The document for a plan; "" when carrying it out has brought another plan."""
        match plan:
            case Move.BACK:
                return self._wait(call)
            case Move.STAY:
                return self._music(call)
            case Move.ROOM:
                return self._book.documents.room(call, self._then(call))
            case Move.HANG_UP:
                self._book.end(call, call.lead_by, "hung up")
                return self._book.documents.hang_up()
            case _:
                return self._carry[type(plan)](call, plan)

    def _run_step(self, call: Live, plan: Plan) -> str:
        assert isinstance(plan, c.RunStep)
        call.step = plan
        try:
            step = plan.step
            if isinstance(step, c.RecordMessage) and step.prompts:
                # A document of its own: who hangs up before the tone has not been recorded.
                step = c.PlayPrompts(step.prompts)
            text = self._book.documents.step(step, self._then(call), call.call_id)
            if isinstance(step, c.RecordMessage):
                self._book.report(e.RecordingStarted(call.call_id, step.recording_id))
                self.on_message(call.call_id, step)
            return text
        except Exception:
            log.exception("call %s: step %d cannot be said", call.call_id, plan.step_no)
            call.step = None
            self._book.report(e.StepFinished(call.call_id, plan.step_no, "failed"))
            return ""

    def _start_waiting(self, call: Live, plan: Plan) -> str:
        assert isinstance(plan, c.StartWaiting)
        self._book.part(call)
        call.wait = plan
        call.visit_at = 0.0
        if 0.0 < plan.visit_after_s < 86_400.0:
            call.visit_at = self._book.clock() + plan.visit_after_s
        return self._wait(call)

    def _wait(self, call: Live) -> str:
        """The caller is with the music (again) and can be moved."""
        rang = call.open_offers
        why = OfferFailure.CANCELLED if call.cancelled else call.failed
        call.no_offer()
        call.place, call.visiting, call.step = Place.WAITING, False, None
        self._book.offers_over(call, rang, why or OfferFailure.CANCELLED)
        if call.plan is None and self._book.is_live(call):
            self._book.report(e.CallWaiting(call.call_id))
        if call.plan is not None or not self._book.is_live(call):
            return ""
        self._book.arm_visit(call)
        return self._music(call)

    def _music(self, call: Live) -> str:
        wait = call.wait
        music, digits = ("default", "") if wait is None else (wait.music, wait.digits)
        return self._book.documents.waiting(music, digits, self._then(call))

    def _ring(self, call: Live, plan: Plan) -> str:
        assert isinstance(plan, c.OfferCall)
        settings = self._book.settings
        call.dialled_at = self._book.clock()
        self._book.on_rung(call)
        phones = {one.offer_id: settings.address(one.phone) for one in plan.phones}
        return self._book.documents.ring_agents(
            phones,
            plan.ring_s,
            call.call_id,
            settings.caller_id or call.dnis,
            self._then(call),
        )

    def _dial_customer(self, call: Live, plan: Plan) -> str:
        assert isinstance(plan, c.DialCallback)
        self._book.on_rung(call)
        return self._book.documents.dial_customer(
            plan.number,
            plan.caller_id or self._book.settings.caller_id,
            plan.dial_s,
            call.call_id,
            plan.offer_id,
            self._then(call),
        )

    def _transfer(self, call: Live, plan: Plan) -> str:
        assert isinstance(plan, c.TransferCall)
        caller_id = self._book.settings.caller_id or call.dnis
        call.ended_by, call.why = None, ""
        self._book.transferred(call)
        return self._book.documents.transfer(plan.number, caller_id)

    def _start_menu(self, call: Live, plan: Plan) -> str:
        """Take the caller to a voice session, out of the conversation or the music."""
        assert isinstance(plan, c.StartMenu)
        self._book.part(call)
        call.stop_visits()
        call.place, call.visiting, call.step, call.wait = Place.ENTRY, False, None, None
        call.visit_at = 0.0
        self._book.keep(call)
        self._book.report(e.IvrResumed(call.call_id, plan.flow_state))
        return ""

    # What the last one brought ------------------------------------------------------------

    def _hear(self, call: Live, how: str, params: Params, asked_again: bool) -> None:
        in_menu = call.place is Place.ENTRY or call.visiting
        if how == "voice":
            self._arrived(call)
        elif how == "agent":
            self._agent_answered(call)
        elif in_menu and (call.resume or how in ("again", "back")):
            call.resume = False
            self._book.report(e.IvrResumed(call.call_id, call.flow_state))
        elif how in ("again", "back"):
            self._came(call, how)
        elif asked_again:
            return
        elif in_menu:
            self._step_finished(call, params)
        elif call.place is Place.WAITING:
            self._wait_over(call, params)
        elif call.room is not Room.NO:
            self._room_over(call)
        else:
            self._dialled(call, params)

    def _arrived(self, call: Live) -> None:
        self._book.report(
            e.CallArrived(
                call.call_id, self._book.name, call.ani, call.ani_name, call.dnis, "twilio"
            )
        )

    def _agent_answered(self, call: Live) -> None:
        """The agent of a callback is there: now the customer."""
        if call.callback is None or call.agent_answered:
            return
        call.agent_answered = True
        call.set_plan(call.callback)
        self._book.report(e.OfferAnswered(call.call_id, call.offer_id, call.agent_id))

    def _step_finished(self, call: Live, params: Params) -> None:
        run, call.step = call.step, None
        if run is None:
            return
        if isinstance(run.step, c.RecordMessage) and run.step.prompts:
            call.set_plan(replace(run, step=replace(run.step, prompts=())))
            return
        digits = "".join(key for key in params.get("Digits", "") if key in "0123456789*#")
        if isinstance(run.step, c.PlayPrompts):
            outcome, digits = "done", ""
        elif isinstance(run.step, c.RecordMessage):
            # Without a word Twilio goes on as if nothing had been recorded.
            outcome, digits = ("done" if params.get("RecordingUrl") else "timeout"), ""
        else:
            digits = digits or digits_said(params.get("SpeechResult", ""), run.step.words)
            outcome = "digits" if digits else "timeout"
            digits = digits[: max(1, run.step.max_digits)]
        self._book.report(e.StepFinished(call.call_id, run.step_no, outcome, digits))

    def _wait_over(self, call: Live, params: Params) -> None:
        """A key, or the music has come to its end."""
        digit = params.get("Digits", "")[:1]
        if digit and call.wait is not None and digit in call.wait.digits:
            self._visit(call, digit)
        else:
            call.set_plan(Move.STAY)

    def _visit(self, call: Live, digit: str) -> None:
        call.stop_visits()
        call.visiting = True
        self._book.report(e.WaitVisited(call.call_id, digit))

    def _came(self, call: Live, how: str) -> None:
        """The lead was told to come, or the fallback sends it; what for is not planned any more."""
        if call.place is Place.WAITING and call.visit_due and how == "again":
            self._visit(call, "")
        elif call.place is Place.WAITING:
            call.set_plan(Move.BACK if how == "back" else Move.STAY)
        elif call.place is Place.RINGING and call.callback is None:
            call.set_plan(Move.BACK)  # the ringing was broken off, and it is nobody's fault
        elif call.room is not Room.NO:
            call.set_plan(Move.ROOM)
        else:
            self._book.end(call, call.other_by, "completed")

    def _room_over(self, call: Live) -> None:
        """The dial is over because both go to a conference, or that is over for everybody."""
        if call.room is Room.ENTERING:
            call.set_plan(Move.ROOM)
        else:
            self._book.end(call, call.other_by, "completed")

    def _dialled(self, call: Live, params: Params) -> None:
        status = params.get("DialCallStatus", "")
        bridged = status in ("completed", "answered") and params.get("DialBridged") != "false"
        if bridged and not self._must_confirm(call, params.get("DialCallSid", "")):
            self._book.answered(call, params.get("DialCallSid", ""))  # if that is still unsaid
        if call.connected:
            self._book.end(call, call.other_by, status)
        elif call.callback is not None:
            self._book.end(call, call.lead_by, status, callback_why=_callback_why(status))
        else:
            # Of several phones each has said what became of it, or nobody answered.
            call.failed = OfferFailure.NO_ANSWER if call.ringing else dial_failure(status)
            silent = status == "no-answer" and not call.rang and not call.ringing
            if silent and self._too_soon(call):
                call.failed = OfferFailure.UNREACHABLE
            call.set_plan(Move.BACK)

    @staticmethod
    def _must_confirm(call: Live, sid: str) -> bool:
        rung = next((one for one in call.ringing.values() if sid and one.sid == sid), call)
        return rung.confirms and not call.connected

    def _too_soon(self, call: Live) -> bool:
        """A Twilio Client that is not there is "no answer" too, but at once."""
        rung_s = self._book.clock() - call.dialled_at
        return rung_s < call.ring_s * _UNREACHABLE_SHARE


def _callback_why(status: str) -> str:
    return {"busy": "busy", "failed": "unreachable"}.get(status, "no answer")
