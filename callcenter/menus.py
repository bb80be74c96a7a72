"""Voice menus: what the pure flow runner asks for becomes orders, and facts become answers.

Two kinds of flow run here. The *entry* flow leads a new call to a queue; the queue's *wait*
flow is run at every visit to a waiting caller (announcements, the callback offer). Whatever
breaks, the caller ends up waiting in a queue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from acd import decisions as d
from acd import facts as f
from callcenter import happenings as h
from callcenter.announcing import Announcing, Plans
from callcenter.callbook import LiveCall
from callcenter.door import Door
from callcenter.opening import Hours
from callcenter.voicemails import new_message
from config.site import Preference
from cti import commands as c
from cti import events as e
from cti.calls import Prompt
from ivr import actions as a
from ivr import runner
from ivr.flow import Flow
from ivr.times import Slot

if TYPE_CHECKING:
    from callcenter.router import Router

log = structlog.get_logger("callcenter.menus")

POSITION = frozenset(("position", "expected_low_s", "expected_wait_s"))
SOON_S = 300.0  # sooner than that no time can be chosen
MOST_TIMES = 24
MAX_TURNS = 50  # actions answered at once (hours, …) before a flow counts as broken


class QueueWait(Protocol):
    """How a queue treats its waiting callers."""

    @property
    def music(self) -> str: ...
    @property
    def preferred(self) -> Sequence[Preference]: ...


class MenuSite(Plans, Protocol):
    """What the menus need of the site's configuration (adapted in `callcenter.compose`)."""

    def entry_flow(self, dnis: str) -> tuple[Flow, str]:
        """The flow for a number that was dialled (or the default), and its language."""
        ...

    def waiting(self, queue: str) -> QueueWait: ...
    def default_queue(self) -> str: ...
    def hours(self, calendar: str, utc_s: float) -> str: ...
    def callback_number(self, number: str) -> str:
        """The number as it may be dialled (E.164), "" when it may not be."""
        ...

    def transfer_number(self, number: str) -> str: ...
    def callback_times(self, queue: str, after: float, most: int) -> tuple[Slot, ...]:
        """When callers of a queue may choose to be called back."""
        ...

    def e164(self, number: str) -> str:
        """Who calls, "" when that is withheld or no number."""
        ...

    def number_priority(self, dnis: str) -> int:
        """How far callers of this number come before others."""
        ...

    def tier_priority(self, tier: str) -> int: ...
    def queues(self) -> Iterable[str]: ...
    def opening(self, queue: str, utc: float) -> Hours: ...
    def next_opening_change(self, after: float) -> float | None: ...


CustomerOf = Callable[[str], Mapping[str, str]]
"""The record of a call's customer as flow variables ("customer.name", …), {} if unknown.

Beside those of flows: "customer.owner", "customer.last_agent" and "customer.last_contact" (UTC).
"""


@dataclass(slots=True)
class _Visit:
    """One open voice session of one call."""

    flow: Flow
    state: str
    step_no: int
    action: a.Action | None = None


class Menus:
    """Runs the flows of all calls."""

    def __init__(
        self,
        site: MenuSite,
        *,
        committed: Callable[[int], Awaitable[None]],
        customer_of: CustomerOf,
        spawn: Callable[[Awaitable[None]], None],
    ) -> None:
        self.site = site
        self._committed = committed
        self.customer_of = customer_of
        self._spawn = spawn
        self._visits: dict[str, _Visit] = {}
        self.announcing = Announcing(site)
        self._steps = 0
        self.door = Door(self)
        self._router: Router | None = None

    def attach(self, router: Router) -> None:
        self._router = router

    @property
    def router(self) -> Router:
        if self._router is None:
            raise RuntimeError("menus are used before the router exists")
        return self._router

    def wait_order(self, call_id: str, queue: str, entered: float) -> c.StartWaiting:
        """How callers of a queue wait on, between two announcements."""
        music, digits = self.site.waiting(queue).music, self.announcing.digits(queue)
        first_s = self.announcing.first_in(queue)
        return self.wait_on(c.StartWaiting(call_id, queue, entered, music, first_s, digits))

    def wait_on(self, wait: c.StartWaiting) -> c.StartWaiting:
        """The same wait, till the next announcement for this caller."""
        call = self.router.book.get(wait.call_id)
        if call is None or call.queue != wait.queue:
            return wait
        next_s = self.announcing.next_in(call, self.router.now())
        return replace(wait, visit_after_s=next_s)

    # What links say ------------------------------------------------------------------------

    def arrived(self, fact: e.CallArrived) -> None:
        """A new call: start the flow of the number that was dialled."""
        flow, language = self.site.entry_flow(fact.dnis)
        self.begin(fact.call_id, flow, language)

    def resumed(self, fact: e.IvrResumed) -> None:
        """The voice session broke and is back: the same step once more, no greeting.

        Without a state an agent has sent the caller to this menu, from its beginning.
        """
        call = self.router.book.get(fact.call_id)
        if call is None:
            log.warning("a voice session came back for a call that nobody knows")
            self.router.execute(c.HangUpCall(fact.call_id, "unknown call"))
            return
        flow_id, _, state = fact.flow_state.partition(":")
        flow = self.site.flow(flow_id)
        if self.router.engine.visit(call.call_id) is not None and (
            flow is None or flow.kind != "wait"
        ):
            self.rescue(call.call_id)  # the menu is behind this caller
            return
        if flow is None or not state:
            entry, language = self.site.entry_flow(call.dnis)
            begun = entry if flow is None or flow.kind == "wait" else flow
            self.begin(call.call_id, begun, call.language or language)
            return
        self._turn(call.call_id, flow, runner.again(flow, state))

    def visited(self, fact: e.WaitVisited) -> None:
        """A waiting caller pressed a digit or is due for an announcement."""
        call = self.router.book.get(fact.call_id)
        if self._is_leaving(fact.call_id):
            self.rescue(fact.call_id)  # the visit of the promise broke
            return
        if call is None or call.ended is not None:
            return
        now = self.router.now()
        digit, announcing = fact.digit, self.announcing
        due = announcing.pressed(call, digit) if digit else announcing.due(call, now)
        if due is None:
            self.router.routing.wait_again(fact.call_id)
            return
        told = h.Announced(call.call_id, call.queue, due.flow.id, due.place, due.visit)
        self.router.note(told, now)
        self.begin(call.call_id, due.flow, call.language, digit=fact.digit, visit=due.visit)

    def step_finished(self, fact: e.StepFinished) -> None:
        visit = self._visits.get(fact.call_id)
        if visit is None or visit.step_no != fact.step_no:
            return  # late: the caller has been moved on
        if fact.digits:
            self.door.heard(fact.call_id)
        answer: a.Answer
        match fact.outcome:
            case "done":
                answer = a.Done()
            case "digits":
                answer = a.Digits(fact.digits)
            case "timeout":
                answer = a.Timeout()
            case _:
                answer = a.Failed("step failed")
        known = self.customer_of(fact.call_id)  # the record may have come meanwhile
        self._turn(fact.call_id, visit.flow, runner.resume(visit.flow, visit.state, answer, known))

    def without_secrets(self, fact: e.StepFinished) -> e.StepFinished:
        """The fact as it may be written down: digits of a secret step are starred out."""
        visit = self._visits.get(fact.call_id)
        if visit is not None and isinstance(visit.action, a.Collect) and visit.action.secret:
            return e.StepFinished(fact.call_id, fact.step_no, fact.outcome, "*" * len(fact.digits))
        return fact

    def left(self, call_id: str) -> None:
        """The call left its queue: its announcements are over."""
        self.announcing.forget(call_id)

    def ended(self, call_id: str) -> None:
        self.door.heard(call_id)
        self._visits.pop(call_id, None)
        self.announcing.forget(call_id)

    def taken_out(self, call_id: str) -> None:
        """The caller is being moved to a phone: what the voice session still says is late."""
        self._visits.pop(call_id, None)

    def rescue(self, call_id: str) -> None:
        """Something of ours broke for this caller: wait in a queue rather than hear silence."""
        self._visits.pop(call_id, None)
        call = self.router.book.get(call_id)
        if call is None or call.ended is not None:
            return
        if self._is_leaving(call_id):
            self.router.execute(c.HangUpCall(call_id, "callback promised"))
        elif self.router.routing.knows(call_id):
            self.router.routing.wait_again(call_id)
        else:
            self.door.enter(call, a.EnterQueue(self.site.default_queue(), why="fallback: fault"))

    def _is_leaving(self, call_id: str) -> bool:
        """Whether the caller has a callback's promise and nothing to wait for any more."""
        visit = self.router.engine.visit(call_id)
        return visit is not None and visit.place == "leaving"

    # The runner ----------------------------------------------------------------------------

    def begin(
        self, call_id: str, flow: Flow, language: str, *, digit: str = "", visit: int = 1
    ) -> None:
        """Start a flow in the call's open voice session; `visit`: for the nth time."""
        router = self.router
        call = router.book.get(call_id)
        if call is None or call.ended is not None:
            return
        now = router.now()
        variables: dict[str, str] = {
            "ani": call.ani,
            "dnis": call.dnis,
            "digit": digit,
            **self.customer_of(call_id),
        }
        if flow.kind == "wait":
            variables["visit"] = str(visit)
            variables["waited_s"] = str(int(now - (call.entered or now)))
            variables |= self._position(call_id, flow)
        else:
            router.note(h.FlowStarted(call_id, flow.id, language), now)
        self._turn(call_id, flow, runner.start(flow, variables, language))

    def _position(self, call_id: str, flow: Flow) -> dict[str, str]:
        """What the flow may say of position and expected wait; written down, if it says it."""
        if not flow.uses & POSITION:
            return {}
        router = self.router
        decisions = router.routing.act(f.PositionAsked(call_id), router.now())
        told = next((x for x in decisions if isinstance(x, d.PositionTold)), None)
        if told is None:
            return dict.fromkeys(POSITION, "")  # a phone rings for the caller already
        variables = {"position": str(told.position)}
        for name, seconds in (("expected_low_s", told.low_s), ("expected_wait_s", told.high_s)):
            variables[name] = "" if seconds is None else str(round(seconds))
        return variables

    def _turn(self, call_id: str, flow: Flow, turn: runner.Turn) -> None:
        """Carry out the action of a turn; goes on at once where no caller is needed."""
        for _ in range(MAX_TURNS):
            self._note_trail(call_id, turn)
            action = turn.action
            if isinstance(action, a.AskHours):
                hours = self.site.hours(action.calendar, self.router.now())
                turn = runner.resume(flow, turn.state, a.Hours(hours))  # type: ignore[arg-type]
                continue
            if isinstance(action, a.AskTimes):
                slots = self._times(call_id)
                turn = runner.resume(flow, turn.state, a.Times(slots))
                continue
            self._do(call_id, flow, turn)
            return
        log.error("flow goes round in circles", flow=flow.id)
        self.rescue(call_id)

    def _note_trail(self, call_id: str, turn: runner.Turn) -> None:
        for item in turn.trail:
            self.router.note(h.Trail(call_id, item.what, item.label, item.value), self.router.now())

    def _do(self, call_id: str, flow: Flow, turn: runner.Turn) -> None:
        call = self.router.book.get(call_id)
        if call is None:
            return
        action = turn.action
        match action:
            case a.Say():
                self._run(call_id, flow, turn, c.PlayPrompts(_prompts(action.prompts)))
            case a.Collect():
                step = c.CollectDigits(
                    _prompts(action.prompts),
                    action.max_digits,
                    action.first_timeout_s,
                    action.between_timeout_s,
                    action.terminator,
                    action.words,
                )
                self._run(call_id, flow, turn, step)
            case a.RecordMessage():
                self._record(call, flow, turn, action)
            case a.TakeCallback():
                self._take_callback(call, flow, turn, action)
            case a.EnterQueue():
                self._visits.pop(call_id, None)
                self.door.enter(call, action, turn.language)
            case a.KeepWaiting():
                self._visits.pop(call_id, None)
                self.router.routing.wait_again(call_id)
            case a.Transfer():
                self._visits.pop(call_id, None)
                if not self.door.transfer(call, action.number):
                    why = "fallback: number"
                    self.door.enter(call, a.EnterQueue(self.site.default_queue(), why=why))
            case a.HangUp():
                self._visits.pop(call_id, None)
                ended = h.FlowEnded(
                    call_id, "hang up", action.why, served=action.served, language=call.language
                )
                self.router.note(ended, self.router.now())
                self.router.execute(c.HangUpCall(call_id, action.why))
            case a.AskHours() | a.AskTimes():
                raise AssertionError("answered in _turn")

    def _run(self, call_id: str, flow: Flow, turn: runner.Turn, step: c.VoiceStep) -> None:
        self._steps += 1
        self._visits[call_id] = _Visit(flow, turn.state, self._steps, turn.action)
        self.router.execute(c.RunStep(call_id, self._steps, step, f"{flow.id}:{turn.state}"))

    def _record(
        self, call: LiveCall, flow: Flow, turn: runner.Turn, action: a.RecordMessage
    ) -> None:
        """Let the caller leave a message; whose it is stands in the journal before the tone."""
        message = new_message(call.call_id, self.router.now())
        self.router.note(
            h.MessageAsked(
                call.call_id, message, action.box, call.ani, call.customer_id, call.customer_name
            ),
            self.router.now(),
        )
        prompts = _prompts(action.prompts)
        step = c.RecordMessage(prompts, message, action.max_s, action.silence_s)
        self._run(call.call_id, flow, turn, step)

    def _times(self, call_id: str) -> tuple[Slot, ...]:
        call = self.router.book.get(call_id)
        if call is None:
            return ()
        return self.site.callback_times(call.queue, self.router.now() + SOON_S, MOST_TIMES)

    def _take_callback(
        self, call: LiveCall, flow: Flow, turn: runner.Turn, wish: a.TakeCallback
    ) -> None:
        """Promise a callback only once it is on disk."""
        dial = self.site.callback_number(wish.number)
        if not dial:
            answer: a.Answer = a.Failed("number refused")
            self._turn(call.call_id, flow, runner.resume(flow, turn.state, answer))
            return
        self._steps += 1
        self._visits[call.call_id] = _Visit(flow, turn.state, self._steps, turn.action)
        wanted = a.TakeCallback(dial, wish.due)
        self._spawn(self._promise(call.call_id, flow, turn, wanted, self._steps))

    async def _promise(
        self, call_id: str, flow: Flow, turn: runner.Turn, wish: a.TakeCallback, step_no: int
    ) -> None:
        """Whoever is offered to an agent meanwhile, or hangs up, is promised nothing."""
        router = self.router
        saved = await self._is_saved(router.lost)  # is there a disk at all?
        if not self._is_at(call_id, step_no):
            return
        answer: a.Answer = a.Done()
        if not saved:
            answer = a.Failed("cannot be saved")
        else:
            lost = router.lost
            asked = f.CallbackRequested(call_id, f"cb-{call_id}", wish.number, wish.due)
            refused = router.act(asked)
            if refused is not None:
                log.warning("callback refused", code=refused.code)
                answer = a.Failed(refused.message)
            elif not await self._is_saved(lost):
                # No promise that a crash could break: the caller goes on waiting instead.
                router.act(f.CallbackCancelled(f"cb-{call_id}", "not saved"))
                answer = a.Failed("cannot be saved")
        if self._is_at(call_id, step_no):
            self._turn(call_id, flow, runner.resume(flow, turn.state, answer))
        router.arm()

    def _is_at(self, call_id: str, step_no: int) -> bool:
        visit = self._visits.get(call_id)
        return visit is not None and visit.step_no == step_no

    async def _is_saved(self, lost: int) -> bool:
        """Whether everything is on disk, and the journal has lost no more entries than `lost`."""
        try:
            await self._committed(self.router.last_seq)
        except Exception:
            log.warning("the journal does not get to disk", exc_info=True)
            return False
        return self.router.lost == lost


def _prompts(prompts: tuple[a.Prompt, ...]) -> tuple[Prompt, ...]:
    return tuple(Prompt(p.text, p.language, p.recording) for p in prompts)
