"""What people do with calls (`agent_console.ports.CallControl`), carried out.

A call leaves its agent only when the switch has done it: transfers are ordered here, and
`callcenter.routing` tells the engine when the switch says so. What the switch refuses leaves
the call with its agent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from acd import facts as f
from acd.legs import RING_S
from acd.site import CALL
from acd.states import NOT_READY, READY
from agent_console.ports import Refusal
from callcenter.callbook import LiveCall
from callcenter.deeds import Deeds, Durability
from callcenter.router import Router
from config.site import RecordingRule
from cti import commands as c
from cti.calls import CONVERSATION, MOST_LEGS, Leg, LegState, Phone, PhoneKind, Place, Supervision

PARK_S = 120.0
MOST_DIALS = 20  # of one agent in a minute, to numbers outside
DIALS_IN_S = 60.0


def random_token() -> str:
    """Short, of plain characters: switches carry it about with their channels."""
    return uuid4().hex[:16]


class CallControl(Deeds):
    """Call control on the router. `park_s` is how long a parked call waits to be picked.

    `recording` is how calls of a queue are recorded. `token` makes the ids of legs, recordings
    and calls that agents place: never the same twice.
    """

    def __init__(
        self,
        router: Router,
        durable: Durability,
        *,
        recording: Callable[[str], RecordingRule] = lambda queue: RecordingRule("on demand"),
        park_s: float = PARK_S,
        token: Callable[[], str] = random_token,
    ) -> None:
        super().__init__(router, durable)
        self._token = token
        self._recording = recording
        self._park_s = park_s
        self._dials: dict[str, deque[float]] = {}  # when each agent dialled outside numbers

    # In the conversation -------------------------------------------------------------------

    async def hang_up(self, agent: str, call_id: str) -> None:
        """The agent's own call ends for everybody; a party of another's call only leaves it."""
        call = self._call_of(agent, call_id)
        leg = call.leg_of(agent)
        if leg is not None and call.agent != agent:
            self._end(agent, call, leg, back=False)
            return
        if call.place is Place.RINGING:
            raise Refusal("still-ringing", "The call is not answered yet. Use Decline.")
        if call.place is Place.ENDED:
            raise Refusal("call-over", "The call is over already.")
        self._order(c.HangUpCall(call_id, "agent"))
        self._note(call_id, agent, "hang_up")

    async def hold(self, agent: str, call_id: str) -> None:
        call = self._own_call(agent, call_id)
        if call.place is not Place.TALKING or call.consulted() is not None:
            raise Refusal("not-talking", "Only a call that you are talking on can be held.")
        self._order(c.HoldCall(call_id))
        self._note(call_id, agent, "hold")

    async def retrieve(self, agent: str, call_id: str) -> None:
        """Talk with the caller again; a party that is still being rung is given up for it."""
        call = self._own_call(agent, call_id)
        if call.place is not Place.HELD:
            raise Refusal("not-held", "This call is not on hold.")
        ringing = call.consulted()
        if ringing is not None:
            self._end(agent, call, ringing, back=True)
            return
        self._order(c.RetrieveCall(call_id))
        self._note(call_id, agent, "retrieve")

    async def mute(self, agent: str, call_id: str, on: bool) -> None:
        self._conversation(agent, call_id)
        await self._do(agent, c.MuteAgent(call_id, on), "mute", "on" if on else "off")

    async def send_digits(self, agent: str, call_id: str, digits: str) -> None:
        call = self._conversation(agent, call_id)
        if call.place not in (Place.TALKING, Place.CONFERENCE):
            raise Refusal("not-talking", "Digits can be sent only while the caller hears you.")
        if not 1 <= len(digits) <= 32 or not set(digits) <= set("0123456789ABCD*#w,"):
            message = "Only digits, * and # can be sent, up to 32 of them."
            raise Refusal("bad-digits", message, 422)
        await self._do(agent, c.SendDigits(call_id, digits), "send_digits", str(len(digits)))

    async def record(self, agent: str, call_id: str, action: str) -> None:
        call = self._conversation(agent, call_id)
        running, paused, rule = call.recording, call.recording_paused, self._recording(call.queue)
        if action == "start":
            if running:
                raise Refusal("recording-already", "The call is being recorded already.")
            if rule.calls == "never":
                raise Refusal("recording-off", "Calls of this queue are not recorded here.", 403)
            order: c.Order = c.StartRecording(call_id, f"rec-{self._token()}", rule.stereo)
        elif action not in ("stop", "pause", "resume"):
            raise Refusal("unknown-action", f"A recording cannot “{action}”.", 422)
        elif not running:
            raise Refusal("not-recording", "The call is not being recorded.")
        elif action == "stop":
            if rule.calls == "always":
                message = "Calls of this queue are always recorded. You can pause the recording."
                raise Refusal("always-recorded", message, 403)
            order = c.StopRecording(call_id, running)
        elif action == "pause":
            if paused:
                raise Refusal("paused-already", "The recording is paused already.")
            order = c.PauseRecording(call_id, running)
        else:
            if not paused:
                raise Refusal("not-paused", "The recording is not paused.")
            order = c.ResumeRecording(call_id, running)
        await self._do(agent, order, "record", action)

    # Calls that agents place ---------------------------------------------------------------

    async def dial(self, agent: str, number: str, queue: str) -> str:
        known = self._router.engine.agents.get(agent)
        served = () if known is None else known.config.queues
        callers = {one.id for one in self._router.engine.site.queues if one.work == CALL}
        queue = queue or next((one for one in served if one in callers), "")
        self._for_callers(queue)
        self._free(agent, own=True)
        lost = self._can_save()
        dialled = self._number(agent, "dial", number, self._router.menus.site.callback_number)
        call_id = f"out-{self._token()}"
        self._refuse_if(self._router.act(f.CallDialled(call_id, agent, queue, dialled)))
        self._note(call_id, agent, "dial", dialled)
        await self._saved(lost)
        return call_id

    # Giving the call away ------------------------------------------------------------------

    async def transfer(self, agent: str, call_id: str, kind: str, to: str) -> None:
        call = self._transferable(agent, call_id, "transferred")
        lost = self._can_save()
        if kind == "agent":
            self._not_oneself(agent, to)
            self._free(to)
            gone = f.CallTransferred(call_id, call.queue, to)
            self._wait(gone, call.queue)
        elif kind == "queue":
            self._for_callers(to)
            if not self._router.opening.is_open(to):
                message = "That queue is closed now; the caller stays with you."
                raise Refusal("queue-closed", message)
            self._wait(f.CallTransferred(call_id, to), to)
        elif kind == "number":
            to = self._number(agent, "transfer", to, self._router.menus.site.transfer_number)
            self._router.routing.transfer(
                f.CallTransferred(call_id, onward="outside"),
                c.TransferCall(call_id, to),
                self._router.now(),
            )
        elif kind == "flow":
            flow = self._router.menus.site.flow(to)
            if flow is None or flow.kind == "wait":
                raise Refusal("unknown-flow", f"There is no menu “{to}” for callers.", 422)
            self._router.routing.transfer(
                f.CallTransferred(call_id, onward="menu"),
                c.StartMenu(call_id, f"{to}:"),
                self._router.now(),
            )
        else:
            raise Refusal("unknown-kind", f"A call cannot be transferred to a “{kind}”.", 422)
        self._note(call_id, agent, "transfer", f"{kind} {to}")
        await self._saved(lost)

    async def park(self, agent: str, call_id: str) -> None:
        call = self._transferable(agent, call_id, "parked")
        lost = self._can_save()
        self._wait(f.CallTransferred(call_id, call.queue, park_s=self._park_s), call.queue)
        self._note(call_id, agent, "park")
        await self._saved(lost)

    def _for_callers(self, queue: str) -> None:
        """Refuse a queue that is not there, or is for work items."""
        work = {one.id: one.work for one in self._router.engine.site.queues}.get(queue)
        if work != CALL:
            raise Refusal("unknown-queue", f"There is no queue “{queue}” for callers.", 422)

    def _transferable(self, agent: str, call_id: str, what: str) -> LiveCall:
        call = self._own_call(agent, call_id)
        if call.place not in (Place.TALKING, Place.HELD) or call.answered is None:
            message = f"Only a call that you are talking on can be {what}."
            if call.place in CONVERSATION:
                message = f"End the consultation or the conference before the call is {what}."
            raise Refusal("not-talking", message)
        if call.consulted() is not None:
            raise Refusal("consulting", f"End the consultation before the call is {what}.")
        if self._router.routing.is_leaving(call_id, self._router.now()):
            raise Refusal("leaving-already", "This call is being given away already.")
        self._reach(call_id)
        return call

    def _wait(self, fact: f.CallTransferred, queue: str) -> None:
        """Order the switch to let the caller wait; the rest follows when it does."""
        menus = self._router.menus
        order = menus.wait_order(fact.call, queue, self._router.now())
        if fact.park_s:
            order = replace(order, visit_after_s=fact.park_s + order.visit_after_s, digits="")
        else:
            order = replace(order, visit_after_s=menus.announcing.first_in(queue))
        self._router.routing.transfer(fact, order, self._router.now())

    # Out of turn ---------------------------------------------------------------------------

    async def pick(self, agent: str, call_id: str) -> None:
        self._waits(call_id)
        visit = self._router.engine.visit(call_id)
        record = self._router.engine.agents.get(agent)
        queues = () if record is None else record.config.queues
        if visit is not None and visit.place != "parked" and visit.queue not in queues:
            raise Refusal("not-your-queue", "This caller waits in a queue that is not yours.")
        self._free(agent, own=True)
        lost = self._can_save()
        self._refuse_if(self._router.act(f.CallPicked(call_id, agent)))
        self._note(call_id, agent, "pick")
        await self._saved(lost)

    async def assign(self, by: str, call_id: str, agent: str) -> None:
        self._waits(call_id)
        self._free(agent)
        lost = self._can_save()
        self._refuse_if(self._router.act(f.CallPicked(call_id, agent, by)))
        self._note(call_id, by, "assign", f"agent {agent}")
        await self._saved(lost)

    def _waits(self, call_id: str) -> None:
        visit = self._router.engine.visit(call_id)
        parked = visit is not None and visit.place == "parked" and visit.kind == "call"
        if visit is None or (visit.place != "waiting" and not parked):
            raise Refusal("call-not-waiting", "This call is not waiting any more.")
        if visit.kind == "call":
            self._reach(call_id)

    # Further parties -----------------------------------------------------------------------

    async def consult(self, agent: str, call_id: str, kind: str, to: str) -> str:
        call = self._conversation(agent, call_id)
        if call.consulted() is not None:
            raise Refusal("consulting", "You are consulting somebody already.")
        if len(call.legs) >= MOST_LEGS:
            raise Refusal("too-many-parties", f"A call can have {MOST_LEGS} further parties.")
        if kind not in ("agent", "number"):
            raise Refusal("unknown-kind", f"There is no “{kind}” to consult.", 422)
        self._reach(call_id)
        lost = self._can_save()
        if kind == "agent":
            self._not_oneself(agent, to)
            self._free(to)
            phone, number = self._router.phones.of(to), ""
        else:
            number = self._number(agent, "consult", to, self._router.menus.site.transfer_number)
            phone = Phone(PhoneKind.OUTSIDE, number)
        party = to if kind == "agent" else ""
        leg_id = f"leg-{self._token()}"
        order = c.DialLeg(call_id, leg_id, party, phone, self._router.caller_id(call.queue), RING_S)
        self._ring(agent, order, number)
        self._note(call_id, agent, "consult", f"{kind} {number or to}")
        await self._saved(lost)
        return leg_id

    async def swap(self, agent: str, call_id: str) -> None:
        leg = self._consulted(agent, call_id)
        await self._do(agent, c.SwapLegs(call_id, leg.leg_id), "swap")

    async def conference(self, agent: str, call_id: str) -> None:
        self._consulted(agent, call_id)
        await self._do(agent, c.JoinLegs(call_id), "conference")

    async def complete(self, agent: str, call_id: str) -> None:
        call = self._conversation(agent, call_id)
        if call.place is Place.CONFERENCE:
            there = [leg for leg in call.legs.values() if leg.state is LegState.TALKING]
            heir = min(there, key=lambda leg: not leg.agent_id, default=None)
            if heir is None:
                raise Refusal("nobody-there", "Nobody else is in the conference.")
        else:
            heir = self._consulted(agent, call_id)
        await self._do(agent, c.HandOver(call_id, heir.leg_id), "complete", _who(heir))

    async def end_leg(self, agent: str, call_id: str, leg_id: str) -> None:
        call = self._conversation(agent, call_id)
        leg = call.legs.get(leg_id)
        if leg is None or leg.supervision is not None:
            raise Refusal("no-such-leg", "There is no such party in this call.", 404)
        lost = self._can_save()
        self._end(agent, call, leg, back=call.place in (Place.HELD, Place.CONSULTING))
        await self._saved(lost)

    # Supervisors ---------------------------------------------------------------------------

    async def supervise(self, agent: str, call_id: str, mode: str) -> None:
        call = self._router.book.get(call_id)
        if call is None or call.place not in CONVERSATION or not call.agent:
            raise Refusal("not-talking", "Nobody is talking on this call.", 404)
        if mode not in ("off", *Supervision):
            raise Refusal("unknown-mode", f"There is no way to supervise called “{mode}”.", 422)
        leg = call.leg_of(agent)
        if leg is not None and leg.supervision is None:
            raise Refusal("party-already", "You are a party of this call already.")
        if mode == "off":
            if leg is None:
                raise Refusal("not-supervising", "You are not in this call.")
            lost = self._can_save()
            self._end(agent, call, leg, back=False, verb="supervise", detail="off")
        elif leg is None:
            lost = self._start_supervising(agent, call, Supervision(mode))
        else:
            lost = self._can_save()
            self._order(c.ChangeSupervision(call_id, leg.leg_id, Supervision(mode)))
            self._note(call_id, agent, "supervise", mode)
        await self._saved(lost)

    def _start_supervising(self, agent: str, call: LiveCall, mode: Supervision) -> int:
        if call.agent == agent:
            raise Refusal("own-call", "This is your own call.")
        self._reach(call.call_id)
        self._free(agent, own=True)
        lost = self._can_save()
        phone = self._router.phones.of(agent)
        leg_id = f"leg-{self._token()}"
        self._ring(agent, c.SuperviseCall(call.call_id, leg_id, agent, phone, mode, RING_S), "")
        self._note(call.call_id, agent, "supervise", mode.value)
        return lost

    async def take_over(self, agent: str, call_id: str) -> None:
        call = self._call_of(agent, call_id)
        leg = call.leg_of(agent)
        if leg is None or leg.supervision is None or leg.state is LegState.RINGING:
            raise Refusal("not-supervising", "Join the conversation first, then take it over.")
        if not call.agent:
            raise Refusal("not-talking", "No agent has this call any more.")
        await self._do(agent, c.HandOver(call_id, leg.leg_id), "take_over")

    # ---------------------------------------------------------------------------------------

    async def _do(self, agent: str, order: c.Order, verb: str, detail: str = "") -> None:
        """Give an order about a call, and leave it in the call's timeline."""
        lost = self._can_save()
        self._order(order)
        self._note(order.call_id, agent, verb, detail)
        await self._saved(lost)

    def _conversation(self, agent: str, call_id: str) -> LiveCall:
        """The agent's own call, with the customer on the line."""
        call = self._own_call(agent, call_id)
        if call.place not in CONVERSATION or call.answered is None:
            raise Refusal("not-talking", "This is possible only while you are in the call.")
        return call

    def _consulted(self, agent: str, call_id: str) -> Leg:
        """The party of the agent's consultation, who has answered."""
        leg = self._conversation(agent, call_id).consulted()
        if leg is None:
            raise Refusal("not-consulting", "You are not consulting anybody.")
        if leg.state is LegState.RINGING:
            raise Refusal("not-answered", "The other party has not answered yet.")
        return leg

    def _ring(self, by: str, order: c.DialLeg | c.SuperviseCall, number: str) -> None:
        """Ring a further party, if the engine has the agent for it."""
        router = self._router
        self._refuse_if(router.dial_leg(order, by, number))

    def _end(
        self,
        by: str,
        call: LiveCall,
        leg: Leg,
        *,
        back: bool,
        verb: str = "end_leg",
        detail: str = "",
    ) -> None:
        self._reach(call.call_id)
        self._router.routing.parties.end(call.call_id, leg.leg_id, back=back)
        self._note(call.call_id, by, verb, detail or _who(leg))

    def _free(self, agent: str, *, own: bool = False) -> None:
        """Refuse unless the agent can be rung; `own`: by the agent's own wish."""
        known = self._router.engine.agents.get(agent)
        if known is None:
            raise Refusal("unknown-agent", f"There is no agent “{agent}”.", 404)
        if known.state == READY or (own and known.state == NOT_READY):
            if not known.phone_up:
                raise Refusal("phone-down", f"The phone of {self._name(agent)} cannot be rung.")
            return
        if own:
            message = "You can do this only while you are signed in and have no other call."
            raise Refusal("not-free", message)
        raise Refusal("agent-not-ready", f"{self._name(agent)} is not ready ({known.state}).")

    @staticmethod
    def _not_oneself(agent: str, to: str) -> None:
        if agent == to:
            raise Refusal("yourself", "That is you.", 422)

    def _number(self, agent: str, verb: str, number: str, permitted: Callable[[str], str]) -> str:
        """The number as it is dialled, if it may be and the agent is not dialling like mad."""
        dialled = permitted(number)
        if not dialled:
            self._note("", agent, verb, "refused: a number that may not be dialled")
            raise Refusal("number-not-allowed", "This number may not be dialled.", 422)
        now = self._router.now()
        times = self._dials.setdefault(agent, deque(maxlen=MOST_DIALS))
        while times and times[0] <= now - DIALS_IN_S:
            times.popleft()
        if len(times) >= MOST_DIALS:
            self._note("", agent, verb, "refused: too many numbers in a minute")
            message = f"No more than {MOST_DIALS} numbers a minute can be dialled."
            raise Refusal("too-many-dials", message, 429)
        times.append(now)
        return dialled


def _who(leg: Leg) -> str:
    return f"agent {leg.agent_id}" if leg.agent_id else f"number {leg.number}"
