"""A switch in memory, with virtual callers and agents' phones, on the same port as a real one.

    call_in ──▶ entry ⇄ steps ──StartWaiting──▶ waiting ⇄ visits
                  ▲                             │   ▲
        StartMenu │                   OfferCall ▼   │ offer failed, or StartWaiting
                  │                           ringing ──answered──▶ talking ⇄ held ──▶ ended
                  └───────────────────────────────────────────────── │   ▲ handed over
                                                             DialLeg ▼   │
                                                    consulting ──JoinLegs──▶ conference

Each capability is a module that carries out its orders on the shared `Exchange`: `voice`,
`ringing`, `talking`, `parties`, `endings`.

Time comes from an injected scheduler: `VirtualTime` runs as fast as it computes and always
the same way; `RealTime` runs on the asyncio loop. No fact is ever reported from inside
`execute`: what an order causes follows as soon as the present fact is dealt with.

Every fact passes `Exchange.report` and every order `execute`: there it meets the `Weather`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from cti import commands as c
from cti import events as e
from cti.calls import Leg, LegState, OfferFailure, PhoneKind, Place
from cti.link import FactSink
from cti.virtual.callers import Caller, Customer
from cti.virtual.endings import Endings
from cti.virtual.exchange import Call, Exchange, Party
from cti.virtual.parties import Parties
from cti.virtual.people import People
from cti.virtual.phones import AT_ONCE, Phones, always
from cti.virtual.ringing import Ringing
from cti.virtual.scheduling import Scheduler
from cti.virtual.talking import Talking
from cti.virtual.voice import Voice
from cti.virtual.weather import Passage, Weather


def answering(number: str) -> Customer:
    """Customers who answer a callback after two seconds and talk for a minute."""
    return Customer()


class VirtualSwitch:
    """`cti.link.SwitchLink` over virtual calls.

    `phones` decides what an agent's phone does, `customers` what happens when an outside
    number is dialled. `agents` are those whose browser and desk phones are reported up.
    `weather` is between us and the switch, drawn from `seed`; `passage` is where it may change.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        *,
        phones: Phones | None = None,
        customers: Callable[[str], Customer] = answering,
        agents: Iterable[str] = (),
        weather: Weather | None = None,
        seed: int = 1,
    ) -> None:
        self._time = scheduler
        self._agents = tuple(agents)
        x = self._x = Exchange(name, scheduler, phones or always(AT_ONCE), customers)
        self._calls = x.calls
        self._endings = Endings(x)
        self._voice = Voice(x, self._endings)
        self._ringing = Ringing(x, self._endings, self._voice)
        self._parties = Parties(x, self._endings)
        self.people = People(x, self._endings, self._voice, self._ringing, self._parties)
        capabilities: tuple[Any, ...] = (
            self._voice,
            self._ringing,
            Talking(x),
            self._parties,
            self._endings,
        )
        self._carry_out: dict[type, Callable[..., None]] = {
            order: method for one in capabilities for order, method in one.orders.items()
        }
        self.passage: Passage | None = None
        if weather is not None:
            self.passage = Passage(
                weather,
                seed,
                scheduler,
                name=name,
                carry_out=self._carries_out,
                cut_off=self._cut_off,
                reconnect=self.connect,
            )
        self._prefix = f"{name}-{int(scheduler.now() * 1000):x}"
        self._count = 0

    # The port ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._x.name

    @property
    def up(self) -> bool:
        return self._x.sink is not None

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
        if offer is not None:
            return call.place, offer.agent_id, offer.offer_id
        return call.place, call.agent, ""

    def legs(self, call_id: str) -> tuple[Leg, ...]:
        """The further parties of a live call; for checks."""
        call = self._calls.get(call_id)
        return () if call is None else tuple(one.leg() for one in (call.parties or {}).values())

    async def start(self, sink: FactSink) -> None:
        self.connect(sink)

    async def stop(self) -> None:
        self.disconnect()

    def connect(self, sink: FactSink) -> None:
        """Begin to report to `sink`: first the phones and what lives on the switch already."""
        self._x.sink = sink
        if self.passage is not None:
            self.passage.connected(sink)
        for agent in self._agents:
            if agent in self._x.down:
                self._report_phone_down(agent, "unplugged")
            else:
                self._report_phone(agent)
        resumed = []
        for call in list(self._calls.values()):
            if not call.arrived_told:
                self._arrived(call)
                continue
            sink(_adopted(call, self.name))
            if call.recording:
                sink(e.RecordingStarted(call.id, call.recording))
                if call.paused:
                    sink(e.RecordingPaused(call.id, call.recording))
            if call.place is Place.ENTRY or call.visiting:
                resumed.append(call)
        sink(e.LinkUp(self.name, tuple(self._calls)))
        for call in resumed:
            sink(e.IvrResumed(call.id, call.flow_state))
        if self.passage is not None and self._x.sink is sink:
            self._x.sink = self.passage.fact

    def disconnect(self) -> None:
        """Stop to report. Calls, callers and phones go on; what happens meanwhile is not told."""
        self._cut_off()
        if self.passage is not None:
            self.passage.disconnected()

    def _cut_off(self) -> None:
        self._x.sink = None

    def execute(self, order: c.Order) -> None:
        if self.passage is None:
            self._carries_out(order)
        else:
            self.passage.order(order)

    def _carries_out(self, order: c.Order) -> None:
        self._carry_out[type(order)](order)

    # What people do ------------------------------------------------------------------------

    def call_in(self, caller: Caller, call_id: str = "") -> str:
        """A caller dials in now. Returns the call's id."""
        if not call_id:
            self._count += 1
            call_id = f"{self._prefix}-{self._count}"
        call = self._calls[call_id] = Call(call_id, caller)
        if caller.stays_s != math.inf:
            call.stays = self._time.after(caller.stays_s, self._endings.caller_leaves, call)
        self._time.soon(self._arrived, call)
        return call_id

    def caller_hangs_up(self, call_id: str) -> None:
        """The caller of a live call hangs up."""
        call = self._calls.get(call_id)
        if call is not None:
            self._time.soon(self._endings.caller_leaves, call)

    def agent_hangs_up(self, call_id: str) -> None:
        """The agent in a live call hangs up."""
        call = self._calls.get(call_id)
        if call is not None:
            self._time.soon(self._endings.agent_leaves, call)

    def agent_answers(self, offer_id: str) -> None:
        """The person at a ringing phone picks up; also a further leg, by its id."""
        self._by_hand(offer_id, self._ringing.answers, self._parties.answer)

    def agent_refuses(self, offer_id: str) -> None:
        """The person at a ringing phone refuses; also a further leg, by its id."""
        self._by_hand(offer_id, self._ringing.refuses, self._parties.leave)

    def _by_hand(
        self,
        ringing: str,
        offered: Callable[[Call, str], None],
        further: Callable[[Call, Party], None],
    ) -> None:
        for call in self._calls.values():
            offer, party = call.offer, call.party(ringing)
            rings = ringing in call.rivals or (offer is not None and offer.offer_id == ringing)
            if rings and call.place is Place.RINGING:
                self._time.soon(lambda one: offered(*one), (call, ringing))
            elif party is not None and party.state is LegState.RINGING:
                self._time.soon(lambda one: further(*one), (call, party))

    def press(self, call_id: str, digit: str) -> None:
        """A waiting caller presses a key."""
        call = self._calls.get(call_id)
        if call is not None:
            self._time.soon(self._voice.pressed, (call, digit))

    def phone_down(self, agent: str, why: str = "unplugged") -> None:
        """The agent's phone cannot be reached any more; what rings or talks there is lost."""
        if agent in self._x.down:
            return
        self._x.down.add(agent)
        self._time.soon(lambda _: self._report_phone_down(agent, why), None)
        call = self._calls.get(self._x.busy.get(agent, ""))
        if call is None:
            return
        for party in (call.parties or {}).values():
            if party.agent == agent:
                what = (call, party, OfferFailure.UNREACHABLE)
                self._time.soon(lambda one: self._parties.leave(*one), what)
                return
        self._time.soon(lambda one: self._ringing.phone_lost(*one), (call, agent))

    def phone_up(self, agent: str) -> None:
        """The agent's phone is back."""
        self._x.down.discard(agent)
        self._time.soon(self._report_phone, agent)

    # Reporting -----------------------------------------------------------------------------

    def _report_phone(self, agent: str) -> None:
        for kind in (PhoneKind.BROWSER, PhoneKind.DESK):
            self._x.report(e.PhoneUp(agent, self.name, kind))

    def _report_phone_down(self, agent: str, why: str) -> None:
        for kind in (PhoneKind.BROWSER, PhoneKind.DESK):
            self._x.report(e.PhoneDown(agent, self.name, why, kind))

    def _arrived(self, call: Call) -> None:
        if self._x.sink is None or call.arrived_told or call.place is Place.ENDED:
            return
        call.arrived_told = True
        caller = call.caller
        self._x.report(
            e.CallArrived(call.id, self.name, caller.ani, caller.name, caller.dnis, caller.trunk)
        )


def _adopted(call: Call, link: str) -> e.CallAdopted:
    caller, wait, offer = call.caller, call.wait, call.offer
    dialling = isinstance(offer, c.DialCallback)  # the two don't talk yet
    return e.CallAdopted(
        call.id,
        link,
        caller.ani,
        caller.name,
        caller.dnis,
        caller.trunk,
        Place.RINGING if dialling else call.place,
        wait.queue if wait is not None else "",
        wait.entered_at if wait is not None else 0.0,
        offer.agent_id if offer is not None else call.agent,
        offer.offer_id if offer is not None else "",
        call.flow_state,
        tuple(party.leg() for party in (call.parties or {}).values()),
        tuple((offer_id, rival.offer.agent_id) for offer_id, rival in call.rivals.items()),
    )
