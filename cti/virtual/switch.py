"""A switch in memory, with virtual callers and agents' phones, on the same port as a real one.

    call_in ──▶ entry ⇄ steps ──StartWaiting──▶ waiting ⇄ visits
                                                │   ▲
                                      OfferCall ▼   │ offer failed
                                              ringing ──answered──▶ talking ⇄ held ──▶ ended

Time comes from an injected scheduler: `VirtualTime` runs as fast as it computes and always
the same way; `RealTime` runs on the asyncio loop. No fact is ever reported from inside
`execute`: what an order causes follows as soon as the present fact is dealt with.

Every fact passes `_report` and every order `execute`: latency, loss and duplication belong there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, OfferFailure, PhoneKind, Place
from cti.link import FactSink
from cti.virtual.callers import Caller, Customer
from cti.virtual.phones import AT_ONCE, Act, Phones, Reaction, always
from cti.virtual.scheduling import Scheduler, Timer

SPEECH_S_PER_CHARACTER = 0.06
KEYPRESS_S = 0.3


class _Call:
    """One live call. Timers are None when not running."""

    __slots__ = (
        "arrived_told",
        "busy_agent",
        "caller",
        "flow_state",
        "id",
        "offer",
        "patience",
        "place",
        "press",
        "pressed",
        "reaction",
        "ring",
        "stays",
        "step",
        "step_no",
        "talk",
        "visiting",
        "wait",
    )

    def __init__(self, call_id: str, caller: Caller) -> None:
        self.id = call_id
        self.caller = caller
        self.place = Place.ENTRY
        self.arrived_told = False
        self.flow_state = ""
        self.wait: c.StartWaiting | None = None
        self.offer: c.OfferCall | c.DialCallback | None = None
        self.reaction: Reaction = AT_ONCE
        self.busy_agent = ""
        self.visiting = False
        self.pressed = 0  # how many entries of caller.digits are used up
        self.step_no = 0
        self.patience: Timer | None = None
        self.stays: Timer | None = None
        self.press: Timer | None = None
        self.step: Timer | None = None  # the running voice step, or the next visit
        self.ring: Timer | None = None
        self.talk: Timer | None = None


def answering(number: str) -> Customer:
    """Customers who answer a callback after two seconds and talk for a minute."""
    return Customer()


class VirtualSwitch:
    """`cti.link.SwitchLink` over virtual calls.

    `phones` decides what an agent's phone does, `customers` what happens when a callback
    dials a number. `agents` are those whose browser and desk phones are reported up.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        *,
        phones: Phones | None = None,
        customers: Callable[[str], Customer] = answering,
        agents: Iterable[str] = (),
    ) -> None:
        self._name = name
        self._time = scheduler
        self._phones = phones or always(AT_ONCE)
        self._customers = customers
        self._agents = tuple(agents)
        self._down: set[str] = set()
        self._calls: dict[str, _Call] = {}
        self._busy: dict[str, str] = {}  # agent to call
        self._sink: FactSink | None = None
        self._prefix = f"{name}-{int(scheduler.now() * 1000):x}"
        self._count = 0
        self._carry_out: dict[type, Callable[..., None]] = {
            c.RunStep: self._run_step,
            c.StartWaiting: self._start_waiting,
            c.OfferCall: self._offer_call,
            c.CancelOffer: self._cancel_offer,
            c.DialCallback: self._dial_callback,
            c.HoldCall: self._hold,
            c.RetrieveCall: self._retrieve,
            c.TransferCall: self._transfer,
            c.HangUpCall: self._hang_up,
        }

    # The port ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def up(self) -> bool:
        return self._sink is not None

    @property
    def live(self) -> tuple[str, ...]:
        """The ids of all live calls."""
        return tuple(self._calls)

    def look(self, call_id: str) -> tuple[Place, str, str] | None:
        """Where a live call is, with which agent and offer ("" for none); for checks."""
        call = self._calls.get(call_id)
        if call is None:
            return None
        offer = call.offer
        return (call.place, *(("", "") if offer is None else (offer.agent_id, offer.offer_id)))

    async def start(self, sink: FactSink) -> None:
        self.connect(sink)

    async def stop(self) -> None:
        self.disconnect()

    def connect(self, sink: FactSink) -> None:
        """Begin to report to `sink`: first the phones and what lives on the switch already."""
        self._sink = sink
        for agent in self._agents:
            if agent in self._down:
                self._report_phone_down(agent, "unplugged")
            else:
                self._report_phone(agent)
        resumed = []
        for call in list(self._calls.values()):
            if not call.arrived_told:
                self._arrived(call)
                continue
            sink(self._adopted(call))
            if call.place is Place.ENTRY or call.visiting:
                resumed.append(call)
        sink(e.LinkUp(self._name, tuple(self._calls)))
        for call in resumed:
            sink(e.IvrResumed(call.id, call.flow_state))

    def disconnect(self) -> None:
        """Stop to report. Calls, callers and phones go on; what happens meanwhile is not told."""
        self._sink = None

    def execute(self, order: c.Order) -> None:
        self._carry_out[type(order)](order)

    # What people do ------------------------------------------------------------------------

    def call_in(self, caller: Caller, call_id: str = "") -> str:
        """A caller dials in now. Returns the call's id."""
        if not call_id:
            self._count += 1
            call_id = f"{self._prefix}-{self._count}"
        call = self._calls[call_id] = _Call(call_id, caller)
        if caller.stays_s != math.inf:
            call.stays = self._time.after(caller.stays_s, self._caller_leaves, call)
        self._time.soon(self._arrived, call)
        return call_id

    def caller_hangs_up(self, call_id: str) -> None:
        """The caller of a live call hangs up."""
        call = self._calls.get(call_id)
        if call is not None:
            self._time.soon(self._caller_leaves, call)

    def agent_hangs_up(self, call_id: str) -> None:
        """The agent in a live call hangs up."""
        call = self._calls.get(call_id)
        if call is not None:
            self._time.soon(self._agent_leaves, call)

    def agent_answers(self, offer_id: str) -> None:
        """The person at a ringing phone picks up."""
        call = self._ringing(offer_id)
        if call is not None:
            self._time.soon(self._answer, call)

    def agent_refuses(self, offer_id: str) -> None:
        """The person at a ringing phone refuses."""
        call = self._ringing(offer_id)
        if call is not None:
            self._time.soon(self._refuse, call)

    def press(self, call_id: str, digit: str) -> None:
        """A waiting caller presses a key."""
        call = self._calls.get(call_id)
        if call is not None:
            self._time.soon(self._pressed, (call, digit))

    def phone_down(self, agent: str, why: str = "unplugged") -> None:
        """The agent's phone cannot be reached any more; what rings or talks there is lost."""
        if agent in self._down:
            return
        self._down.add(agent)
        self._time.soon(lambda _: self._report_phone_down(agent, why), None)
        call = self._calls.get(self._busy.get(agent, ""))
        if call is not None:
            self._time.soon(self._phone_lost, call)

    def phone_up(self, agent: str) -> None:
        """The agent's phone is back."""
        self._down.discard(agent)
        self._time.soon(self._report_phone, agent)

    # Voice steps ---------------------------------------------------------------------------

    def _run_step(self, order: c.RunStep) -> None:
        call = self._calls.get(order.call_id)
        if call is None or not (call.place is Place.ENTRY or call.visiting):
            self._failed(order, "no open voice session")
            return
        call.step_no, call.flow_state = order.step_no, order.flow_state
        step = order.step
        speech_s = sum(len(prompt.text) for prompt in step.prompts) * SPEECH_S_PER_CHARACTER
        _stop(call.step)
        if isinstance(step, c.PlayPrompts):
            finished = e.StepFinished(call.id, order.step_no, "done")
            call.step = self._time.after(speech_s, self._step_done, (call, finished))
            return
        keys = ""
        if call.pressed < len(call.caller.digits):
            keys = call.caller.digits[call.pressed]
            call.pressed += 1
        if not keys:
            finished = e.StepFinished(call.id, order.step_no, "timeout")
            delay = speech_s + step.first_timeout_s
        else:
            digits, end, _ = keys.partition(step.terminator or "\0")
            digits = digits[: step.max_digits]
            finished = e.StepFinished(call.id, order.step_no, "digits", digits)
            delay = call.caller.press_after_s + KEYPRESS_S * len(digits)
            if len(digits) < step.max_digits and not end:
                delay += step.between_timeout_s
        call.step = self._time.after(delay, self._step_done, (call, finished))

    def _step_done(self, what: tuple[_Call, e.StepFinished]) -> None:
        call, finished = what
        call.step = None
        self._report(finished)

    # Waiting -------------------------------------------------------------------------------

    def _start_waiting(self, order: c.StartWaiting) -> None:
        call = self._calls.get(order.call_id)
        if call is None or call.place not in (Place.ENTRY, Place.WAITING):
            self._failed(order, "the caller is not in a voice session")
            return
        if call.wait is None:
            caller = call.caller
            if caller.patience_s != math.inf:
                call.patience = self._time.after(caller.patience_s, self._caller_leaves, call)
            if caller.wait_digit:
                call.press = self._time.after(
                    caller.wait_digit_after_s, self._pressed, (call, caller.wait_digit)
                )
        call.wait = order
        self._time.soon(self._waits, call)

    def _waits(self, call: _Call) -> None:
        """The caller is with the music (again) and can be moved."""
        wait = call.wait
        if wait is None or call.offer is not None or call.place is Place.ENDED:
            return
        call.place = Place.WAITING
        call.visiting = False
        _stop(call.step)
        call.step = None
        if 0.0 < wait.visit_after_s != math.inf:
            call.step = self._time.after(wait.visit_after_s, self._visit_due, call)
        self._report(e.CallWaiting(call.id))

    def _visit_due(self, call: _Call) -> None:
        call.step = None
        self._visit(call, "")

    def _pressed(self, what: tuple[_Call, str]) -> None:
        call, digit = what
        call.press = None
        if call.wait is not None and digit in call.wait.digits and not call.visiting:
            self._visit(call, digit)

    def _visit(self, call: _Call, digit: str) -> None:
        if call.place is not Place.WAITING or self._sink is None:
            return
        _stop(call.step)
        call.step = None
        call.visiting = True
        self._report(e.WaitVisited(call.id, digit))

    # Offers --------------------------------------------------------------------------------

    def _offer_call(self, order: c.OfferCall) -> None:
        call = self._calls.get(order.call_id)
        if call is None or call.place is not Place.WAITING or call.offer is not None:
            self._failed(order, "the caller is not waiting")
            return
        if call.step is not None:
            call.step.cancel()
            call.step = None
        call.visiting = False
        call.place = Place.RINGING
        self._ring_agent(call, order)

    def _ring_agent(self, call: _Call, order: c.OfferCall | c.DialCallback) -> None:
        call.offer = order
        agent = order.agent_id
        reaction = call.reaction = self._phones(agent)
        if reaction.act is Act.UNREACHABLE or agent in self._busy or agent in self._down:
            self._time.soon(self._unreachable, (call, order.offer_id))
            return
        self._busy[agent] = call.id
        call.busy_agent = agent
        if reaction.ring_delay_s > 0.0:
            call.ring = self._time.after(reaction.ring_delay_s, self._rings, call)
        else:
            self._time.soon(self._rings, call)

    def _rings(self, call: _Call) -> None:
        offer = call.offer
        if offer is None:
            return
        call.ring = None
        self._report(e.OfferRinging(call.id, offer.offer_id, offer.agent_id))
        if call.offer is not offer:
            return  # cancelled by whoever heard of it
        reaction = call.reaction
        act = reaction.act
        left_s = offer.ring_s - reaction.ring_delay_s
        if act is Act.ANSWER and reaction.after_s < left_s:
            if reaction.after_s > 0.0:
                call.ring = self._time.after(reaction.after_s, self._answer, call)
            else:
                self._answer(call)
        elif act is Act.REFUSE and reaction.after_s < left_s:
            call.ring = self._time.after(reaction.after_s, self._refuse, call)
        else:
            call.ring = self._time.after(left_s, self._rings_out, call)

    def _answer(self, call: _Call) -> None:
        offer = call.offer
        if offer is None or call.place is not Place.RINGING:
            return
        _stop(call.ring)
        _stop(call.patience)
        _stop(call.press)
        call.ring = call.patience = call.press = None
        call.place = Place.TALKING
        if isinstance(offer, c.DialCallback):
            customer = self._customers(offer.number)
            delay = min(customer.after_s, offer.dial_s)
            call.talk = self._time.after(delay, self._customer_reacts, (call, customer))
        else:
            self._talk_for(call, call.caller.talk_s)
        self._report(e.OfferAnswered(call.id, offer.offer_id, offer.agent_id))

    def _talk_for(self, call: _Call, caller_s: float | None) -> None:
        agent_s = call.reaction.hang_up_after_s
        if caller_s is not None and (agent_s is None or caller_s <= agent_s):
            call.talk = self._time.after(caller_s, self._caller_leaves, call)
        elif agent_s is not None:
            call.talk = self._time.after(agent_s, self._agent_leaves, call)

    def _refuse(self, call: _Call) -> None:
        self._offer_over(call, OfferFailure.REFUSED)

    def _rings_out(self, call: _Call) -> None:
        self._offer_over(call, OfferFailure.NO_ANSWER)

    def _unreachable(self, what: tuple[_Call, str]) -> None:
        call, offer_id = what
        if call.offer is not None and call.offer.offer_id == offer_id:
            self._offer_over(call, OfferFailure.UNREACHABLE)

    def _cancel_offer(self, order: c.CancelOffer) -> None:
        call = self._calls.get(order.call_id)
        if call is not None:
            self._time.soon(self._cancelled, (call, order.offer_id))

    def _cancelled(self, what: tuple[_Call, str]) -> None:
        call, offer_id = what
        offer = call.offer
        if offer is None or offer.offer_id != offer_id:
            return
        if isinstance(offer, c.DialCallback) and call.place is not Place.RINGING:
            self._forget(call)  # the agent was there already, the customer was being dialled
            gone = OfferFailure.CANCELLED
            self._report(e.OfferFailed(call.id, offer_id, offer.agent_id, gone))
        else:
            self._offer_over(call, OfferFailure.CANCELLED)

    def _offer_over(self, call: _Call, why: OfferFailure) -> None:
        offer = call.offer
        if offer is None or call.place is not Place.RINGING:
            return
        self._let_go(call)
        failed = e.OfferFailed(call.id, offer.offer_id, offer.agent_id, why)
        if isinstance(offer, c.DialCallback):
            self._forget(call)
            self._report(failed)
        else:
            self._time.soon(self._waits, call)
            self._report(failed)

    def _let_go(self, call: _Call) -> None:
        """Free the agent's phone of this call."""
        if call.busy_agent:
            self._busy.pop(call.busy_agent, None)
            call.busy_agent = ""
        _stop(call.ring)
        call.ring = None
        call.offer = None

    def _ringing(self, offer_id: str) -> _Call | None:
        for call_id in self._busy.values():
            call = self._calls.get(call_id)
            if (
                call is not None
                and call.place is Place.RINGING
                and call.offer is not None
                and call.offer.offer_id == offer_id
            ):
                return call
        return None

    # Callbacks -----------------------------------------------------------------------------

    def _dial_callback(self, order: c.DialCallback) -> None:
        if order.call_id in self._calls:
            self._failed(order, "the call exists already")
            return
        call = _Call(order.call_id, Caller(ani=order.number, dnis=order.caller_id))
        call.arrived_told = True
        call.place = Place.RINGING
        self._calls[call.id] = call
        self._ring_agent(call, order)

    def _customer_reacts(self, what: tuple[_Call, Customer]) -> None:
        call, customer = what
        call.talk = None
        offer = call.offer
        if not isinstance(offer, c.DialCallback):
            return
        if customer.outcome == "answer" and customer.after_s <= offer.dial_s:
            call.offer = c.OfferCall(
                call.id, offer.offer_id, offer.agent_id, offer.phone, offer.ring_s
            )
            self._talk_for(call, customer.talk_s)
            self._report(e.CallbackConnected(call.id, offer.offer_id, offer.agent_id))
        else:
            why = customer.outcome if customer.after_s <= offer.dial_s else "no answer"
            self._callback_over(call, offer, why)

    def _callback_over(self, call: _Call, offer: c.DialCallback, why: str) -> None:
        self._forget(call)
        self._report(e.CallbackFailed(call.id, offer.offer_id, offer.agent_id, why))

    # In the call ---------------------------------------------------------------------------

    def _hold(self, order: c.HoldCall) -> None:
        self._change(order, Place.TALKING, Place.HELD, e.CallHeld(order.call_id))

    def _retrieve(self, order: c.RetrieveCall) -> None:
        self._change(order, Place.HELD, Place.TALKING, e.CallRetrieved(order.call_id))

    def _change(
        self, order: c.HoldCall | c.RetrieveCall, place: Place, to: Place, fact: e.Fact
    ) -> None:
        call = self._calls.get(order.call_id)
        if call is None or call.place is not place:
            self._failed(order, f"the call is not {place.value}")
            return
        call.place = to
        self._time.soon(self._report, fact)

    def _transfer(self, order: c.TransferCall) -> None:
        call = self._calls.get(order.call_id)
        if call is None:
            self._failed(order, "no such call")
        else:
            self._time.soon(self._ends, (call, EndedBy.SYSTEM, "transferred"))

    def _hang_up(self, order: c.HangUpCall) -> None:
        call = self._calls.get(order.call_id)
        if call is None:
            self._failed(order, "no such call")
            return
        by = EndedBy.AGENT if order.why == "agent" else EndedBy.SYSTEM
        self._time.soon(self._ends, (call, by, order.why))

    def _ends(self, what: tuple[_Call, EndedBy, str]) -> None:
        self._end(*what)

    # The end -------------------------------------------------------------------------------

    def _caller_leaves(self, call: _Call) -> None:
        self._end(call, EndedBy.CALLER, "normal")

    def _agent_leaves(self, call: _Call) -> None:
        if call.place in (Place.TALKING, Place.HELD):
            self._end(call, EndedBy.AGENT, "normal")

    def _phone_lost(self, call: _Call) -> None:
        if call.place is Place.RINGING:
            self._offer_over(call, OfferFailure.UNREACHABLE)
        else:
            self._agent_leaves(call)

    def _end(self, call: _Call, by: EndedBy, cause: str) -> None:
        if call.place is Place.ENDED:
            return
        offer, place = call.offer, call.place
        if isinstance(offer, c.DialCallback):
            if place is Place.RINGING:
                self._offer_over(call, OfferFailure.CANCELLED)
            else:
                self._callback_over(call, offer, "agent gone")
            return
        self._forget(call)
        if place is Place.RINGING and offer is not None:
            self._report(
                e.OfferFailed(call.id, offer.offer_id, offer.agent_id, OfferFailure.CALLER_GONE)
            )
        self._report(e.CallEnded(call.id, by, cause))

    def _forget(self, call: _Call) -> None:
        self._let_go(call)
        call.place = Place.ENDED
        self._calls.pop(call.id, None)
        for timer in (call.patience, call.stays, call.press, call.step, call.talk):
            if timer is not None:
                timer.cancel()

    # Reporting -----------------------------------------------------------------------------

    def _report(self, fact: e.Fact) -> None:
        if self._sink is not None:
            self._sink(fact)

    def _report_phone(self, agent: str) -> None:
        for kind in (PhoneKind.BROWSER, PhoneKind.DESK):
            self._report(e.PhoneUp(agent, self._name, kind))

    def _report_phone_down(self, agent: str, why: str) -> None:
        for kind in (PhoneKind.BROWSER, PhoneKind.DESK):
            self._report(e.PhoneDown(agent, self._name, why, kind))

    def _failed(self, order: c.Order, why: str) -> None:
        fact = e.OrderFailed(order.call_id, type(order).__name__, why)
        self._time.soon(self._report, fact)

    def _arrived(self, call: _Call) -> None:
        if self._sink is None or call.arrived_told or call.place is Place.ENDED:
            return
        call.arrived_told = True
        caller = call.caller
        self._sink(
            e.CallArrived(call.id, self._name, caller.ani, caller.name, caller.dnis, caller.trunk)
        )

    def _adopted(self, call: _Call) -> e.CallAdopted:
        caller, wait, offer = call.caller, call.wait, call.offer
        dialling = isinstance(offer, c.DialCallback)  # the two don't talk yet
        return e.CallAdopted(
            call.id,
            self._name,
            caller.ani,
            caller.name,
            caller.dnis,
            caller.trunk,
            Place.RINGING if dialling else call.place,
            wait.queue if wait is not None else "",
            wait.entered_at if wait is not None else 0.0,
            offer.agent_id if offer is not None else "",
            offer.offer_id if offer is not None else "",
            call.flow_state,
        )


def _stop(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()
