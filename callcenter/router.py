"""The one loop: facts in, journal, engine and menus, orders and notices out.

    link ──fact──▶ receive ──▶ journal ──▶ routing ──▶ engine ──▶ orders back to the link
                      │                                   └─▶ notices: journal, book, board
                      └─▶ menus (voice steps)

Nothing here waits: the journal commits behind our back, records are looked up behind our
back, and whoever must wait for durability (people) does so in `callcenter.floor`.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Protocol

import structlog

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from callcenter import happenings as h
from callcenter.agentphones import AgentPhones
from callcenter.callbook import CallBook, LiveCall
from callcenter.itembook import ItemBook
from callcenter.linkchoice import LinkChoice
from callcenter.menus import Menus
from callcenter.metrics import Metrics
from callcenter.opening import Opening
from callcenter.presence import Presence
from callcenter.retries import Retries
from callcenter.routing import Routing
from callcenter.voicemails import Voicemails
from callcenter.whys import Whys
from cti import commands as c
from cti import events as e
from cti.calls import EndedBy, Phone, PhoneKind, Place
from cti.link import SwitchLink

log = structlog.get_logger("callcenter.router")

INBOX_BOUND = 100_000


class Journal(Protocol):
    """What the router needs of `storage.journal.Journal`."""

    def append(self, stream: str, kind: str, call_id: str, data: object, at: float) -> int: ...


class Fold(Protocol):
    """What the router feeds call records with (`reporting.records.RecordFold`)."""

    def feed(
        self, stream: str, kind: str, call_id: str, data: dict[str, Any], at: float
    ) -> object: ...
    def snapshot(self, needed: Container[str]) -> dict[str, Any]: ...
    def restore(self, kept: Mapping[str, Any]) -> None: ...


class Board(Protocol):
    """What people see; told what changed, it publishes once per turn of the loop."""

    def touch_agent(self, agent: str) -> None: ...
    def touch_call(self, call_id: str) -> None: ...
    def touch_queue(self, queue: str) -> None: ...
    def touch_message(self, recording_id: str) -> None: ...
    def touch_staffing(self, agent: str) -> None: ...
    def alarm(self, code: str, text: dict[str, str] | None) -> None: ...


class Pops(Protocol):
    """The screen pop: begins a look-up, and says whose the call is."""

    def begin(self, call_id: str, number: str, customer_id: str = "") -> None: ...
    def show(self, call_id: str, agent: str, number: str, customer_id: str = "") -> None: ...
    def hide(self, call_id: str, agent: str = "") -> None: ...
    def forget(self, call_id: str) -> None: ...


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]


def _on_the_loop(delay_s: float, action: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay_s, action)


class JournaledEngine:
    """The engine, with everything that changes it written down first."""

    def __init__(self, engine: Engine, note: Callable[[object, float], int]) -> None:
        self.engine = engine
        self._note = note

    def handle(self, fact: f.Fact, now: float) -> Sequence[d.Decision]:
        self._note(fact, now)
        return self.engine.handle(fact, now)

    def tick(self, now: float) -> Sequence[d.Decision]:
        due = self.engine.deadline()
        if due is None or due > now:
            return ()
        self._note(h.DeadlinePassed(), now)
        return self.engine.tick(now)

    def deadline(self) -> float | None:
        return self.engine.deadline()


class Router:
    """Holds the live system together. Single-threaded: call it only from its event loop."""

    def __init__(
        self,
        *,
        engine: Engine,
        journal: Journal,
        fold: Fold,
        menus: Menus,
        metrics: Metrics,
        now: Callable[[], float],
        caller_id: Callable[[str], str],
        address: Callable[[str, PhoneKind], str],
        later: Later | None = None,
    ) -> None:
        self.engine = engine
        self.book = CallBook(self._over)
        self.items = ItemBook()
        self.links: dict[str, SwitchLink] = {}
        self.phones = AgentPhones(address)
        self.last_seq = 0
        self.lost = 0  # entries that the journal did not take
        self.board: Board | None = None
        self.pops: Pops | None = None
        self._journal = journal
        self._fold = fold
        self.menus = menus
        self.metrics = metrics
        self._now = now
        self.routing = Routing(
            JournaledEngine(engine, self.note),
            self.execute,
            self._notice,
            other=self._on_menu_fact,
            phone=self.phones.of,
            caller_id=caller_id,
            reachable=self.reachable,
            wait_order=menus.wait_order,
            wait_on=menus.wait_on,
            onward=menus.door.onward,
            in_session=menus.door.onward_in_session,
        )
        self.choice = LinkChoice(self.links, self.book, self.phones, self.routing.is_dialled)
        menus.attach(self)
        self._retries = Retries(self)
        self.opening = Opening(menus.site)
        self.voicemails = Voicemails()
        self.presence = Presence(self)
        self.whys = Whys(self)
        self._on_legs: dict[str, str] = {}  # agent to the call that the agent is a party of
        self._inbox: deque[e.Fact] = deque()
        self._draining = False
        self.later = later or _on_the_loop
        self._timer: Timer | None = None
        self._timer_due: float | None = None
        self.live = False

    # Time and journal ----------------------------------------------------------------------

    def now(self) -> float:
        return self._now()

    def note(self, entry: object, at: float) -> int:
        """Write one entry to the journal and fold it into the book and the records.

        Returns its sequence number. A journal that is full must not stop calls: it is
        counted and shown as an alarm by whoever watches the journal.
        """
        stream, call_id = h.stream_of(entry), h.call_of(entry)
        data = h.as_dict(entry)
        try:
            self.last_seq = self._journal.append(stream, type(entry).__name__, call_id, data, at)
        except Exception:
            self.lost += 1
            self.metrics.errors.labels("journal").inc()
            log.exception("journal refused an entry", kind=type(entry).__name__, call_id=call_id)
        self._remember(entry, data, at)
        return self.last_seq

    def _remember(self, entry: object, data: dict[str, Any], at: float) -> None:
        self.book.apply(entry, at)
        self.items.apply(entry, at)
        self.opening.apply(entry)
        self.voicemails.apply(entry, at)
        self._fold.feed(h.stream_of(entry), type(entry).__name__, h.call_of(entry), data, at)

    # Facts ---------------------------------------------------------------------------------

    def receive(self, fact: e.Fact) -> None:
        """The sink of every link: one fact, in order. Never raises, never waits."""
        if len(self._inbox) >= INBOX_BOUND:
            self.metrics.errors.labels("inbox").inc()
            log.error("inbox full, fact dropped", fact=type(fact).__name__)
            return
        self._inbox.append(fact)
        if self._draining:
            return  # a link spoke from inside an order: its turn comes after this fact
        self._draining = True
        try:
            while self._inbox:
                self._take(self._inbox.popleft())
        finally:
            self._draining = False
        self.arm()

    def _take(self, fact: e.Fact) -> None:
        now = self._now()
        call_id = h.call_of(fact)
        self.metrics.facts.labels(getattr(fact, "link", ""), type(fact).__name__).inc()
        structlog.contextvars.bind_contextvars(call_id=call_id)
        try:
            with self.metrics.decide_s.time():
                self._dispatch(fact, now)
        except Exception:
            # One bad fact must never take the others' calls with it.
            self.metrics.errors.labels("router").inc()
            log.exception("fact could not be handled", fact=repr(fact)[:500])
            if isinstance(fact, e.CallArrived | e.StepFinished | e.IvrResumed | e.WaitVisited):
                self._retries.failed(e.OrderFailed(call_id, "StartWaiting", "a fault of ours"))
        finally:
            structlog.contextvars.unbind_contextvars("call_id")

    def _dispatch(self, fact: e.Fact, now: float) -> None:
        match fact:
            case e.PhoneUp() | e.PhoneDown():
                self.presence.phone(fact, now)
                return
            case e.LinkUp():
                self.presence.link_up(fact, now)
                return
            case e.LinkDown():
                self.presence.link_down(fact, now)
                return
            case e.CallArrived() if self.book.has_had(fact.call_id):
                return  # told twice
            case e.CallAdopted() if self._nobody_wants(fact):
                self.links[fact.link].execute(c.CancelOffer(fact.call_id, fact.offer_id))
                return
        written = self.menus.without_secrets(fact) if isinstance(fact, e.StepFinished) else fact
        self.note(written, now)
        match fact:
            case e.CallAdopted():
                self.presence.adopted(fact, now)
            case e.CallEnded():
                self.menus.ended(fact.call_id)
                self.routing.on_fact(fact, now)
            case e.CallWaiting():
                self._retries.forget(fact.call_id)
                self.routing.on_fact(fact, now)
            case e.RecordingStopped():
                left = self.voicemails.left(fact)
                if left is not None:
                    self.note(left, now)
                    self.show_message(left.recording_id, left.box)
                self.routing.on_fact(fact, now)
            case _:
                self.routing.on_fact(fact, now)
        self._touch(h.call_of(fact))

    def _nobody_wants(self, fact: e.CallAdopted) -> bool:
        """A phone rings for a call that we were to place, and that we have given up since."""
        dialled = fact.place is Place.RINGING and fact.offer_id != "" and not fact.queue
        return dialled and fact.link in self.links and self.book.get(fact.call_id) is None

    def _over(self, call_id: str) -> None:
        """Nobody needs the call any more: nothing about it stays in memory."""
        self.menus.ended(call_id)
        self._retries.forget(call_id)
        if self.pops is not None:
            self.pops.forget(call_id)

    def call_of(self, agent: str) -> LiveCall | None:
        """The call that rings at, talks with or is being wrapped up by an agent, as it sees it.

        Also the call of which the agent is only a further party.
        """
        record = self.engine.agents.get(agent)
        call = self.book.get(record.call) if record is not None and record.call else None
        return None if call is None else call.as_seen_by(agent)

    def _on_menu_fact(self, fact: e.Fact, now: float) -> None:
        match fact:
            case e.CallArrived():
                self.metrics.calls.labels(fact.link).inc()
                if self.pops is not None:
                    self.pops.begin(fact.call_id, fact.ani)
                self.menus.arrived(fact)
            case e.IvrResumed():
                self.menus.resumed(fact)
            case e.StepFinished():
                self.menus.step_finished(fact)
            case e.WaitVisited():
                self.menus.visited(fact)
            case e.OrderFailed():
                self._retries.failed(fact)

    # What is on the switches ------------------------------------------------------------------

    def missed(self, call_id: str, *, lost: bool = False) -> None:
        """A call is over on its switch, and nobody told us when; `lost`: together with it."""
        now = self._now()
        ended = e.CallEnded(call_id, EndedBy.SWITCH_LOST, "switch restarted")
        self.note(ended if lost else h.CallMissed(call_id), now)
        self.menus.ended(call_id)
        self.routing.taking_up.missed(call_id, now, lost=lost)
        # The engine has nothing to say of a call that was in the menu.
        self._touch(call_id)

    def reachable(self, call_id: str) -> bool:
        """Whether the switch of a call can be given orders now."""
        return self.choice.reachable(call_id)

    # Orders and notices ----------------------------------------------------------------------

    def execute(self, order: c.Order) -> None:
        """Give an order to the link of its call."""
        link = self.choice.for_order(order)
        if link is None:
            log.error("no switch for an order", order=type(order).__name__)
            return
        if isinstance(order, c.OfferCall):
            self.menus.taken_out(order.call_id)
        if isinstance(order, c.DialCallback):
            self._note_place(order.call_id, link.name)
        order = self.choice.led(order, link)
        self._note_phone(order)
        link.execute(order)

    def _note_phone(self, order: c.Order) -> None:
        """Where the phone is that an order rings, when it is not where the call is."""
        phone: Phone | None = getattr(order, "phone", None)
        call = self.book.get(order.call_id)
        if phone is None or call is None:
            return
        leg_id = str(getattr(order, "leg_id", ""))
        if call.led.get(leg_id, "") != phone.via:
            self.note(h.PhoneLed(order.call_id, leg_id, phone.via), self._now())

    def _note_place(self, call_id: str, link: str) -> None:
        """A call that we place lives from now on where it is dialled."""
        call = self.book.get(call_id)
        if call is not None and call.link != link:
            self.note(h.CallPlaced(call_id, link), self._now())

    def _notice(self, decision: d.Decision) -> None:
        now = self._now()
        if isinstance(decision, d.Refused):
            self.metrics.refused.labels(decision.code).inc()
            log.info("refused", fact=decision.fact, code=decision.code)
            return
        if isinstance(decision, d.ItemChanged):
            self.touch_items(decision.item)  # who has had it till now
        self.note(decision, now)
        match decision:
            case d.Offer() | d.Callback():
                self._show_record(decision.call, decision.agent)
            case d.CallbackChanged() if decision.state not in ("dialling", "reached"):
                if self.pops is not None:
                    self.pops.hide(decision.callback)
                self.touch_queue(decision.queue)
            case d.CallParked():
                self.touch_queue(decision.queue)
            case d.CallTaken():
                self._show_record(decision.call, decision.agent)
            case d.WrapUpEnded() if self.pops is not None:
                self.pops.hide(decision.call, decision.agent)
            case d.AgentChanged():
                self._legs_seen(decision)
            case d.StaffingChanged() if self.board is not None:
                self.board.touch_staffing(decision.agent)
            case d.ItemChanged() | d.CallEntered():
                self.touch_queue(decision.queue)
            case d.CallLeft():
                self.metrics.visits.labels(decision.queue, decision.outcome).inc()
                self.touch_queue(decision.queue)
                self.menus.left(decision.call)
            case d.OfferEnded():
                self.metrics.offers.labels(decision.outcome).inc()
                if decision.outcome != "accepted" and self.pops is not None:
                    self.pops.hide(decision.call, decision.agent)
                if not self.reachable(decision.call):
                    check = functools.partial(
                        self.presence.check_phones, [decision.agent], lost=True
                    )
                    self.later(0.0, check)  # not in the middle of what was decided
        agent = getattr(decision, "agent", "")
        if agent:
            self.touch_agent(agent)
        self._touch(h.call_of(decision))

    def caller_id(self, queue: str) -> str:
        """The number that people outside see when we call them for a queue."""
        return self.routing.caller_id(queue)

    def dial_leg(
        self, order: c.DialLeg | c.SuperviseCall, by: str, number: str = ""
    ) -> d.Refused | None:
        """Ring a further party of a call for `by`; the engine's refusal, if it refused."""
        now = self._now()
        refused = self.routing.parties.dial(order, now)
        if refused is not None:
            return refused
        mode = order.mode.value if isinstance(order, c.SuperviseCall) else ""
        placed = h.LegPlaced(order.call_id, order.leg_id, by, order.agent_id, number, mode)
        self.note(placed, now)
        if order.agent_id:
            self._show_record(order.call_id, order.agent_id)
            self.touch_agent(order.agent_id)
        self._touch(order.call_id)
        self.arm()
        return None

    def _legs_seen(self, now: d.AgentChanged) -> None:
        """The record of a call goes from the screen of who is no party of it any more."""
        if now.leg:
            self._on_legs[now.agent] = now.call
        else:
            before = self._on_legs.pop(now.agent, "")
            if before and before != now.call and self.pops is not None:
                self.pops.hide(before, now.agent)

    def _show_record(self, call_id: str, agent: str) -> None:
        call = self.book.get(call_id)
        if self.pops is not None and call is not None:
            self.pops.show(call_id, agent, call.ani, call.customer_id)

    def show_records(self) -> None:
        """After a restart: look for every live call's record, and show them where they were."""
        if self.pops is None:
            return
        for call in self.book.calls.values():
            self.pops.begin(call.call_id, call.ani, call.customer_id)
        for agent, record in self.engine.agents.items():
            if record.call:
                self._show_record(record.call, agent)
            if record.leg:
                self._on_legs[agent] = record.call

    def _touch(self, call_id: str) -> None:
        if call_id and self.board is not None:
            self.board.touch_call(call_id)

    def show_message(self, recording_id: str, box: str) -> None:
        """A message has come, or somebody has dealt with it."""
        if self.board is not None:
            self.board.touch_message(recording_id)
            self.board.touch_queue(box)

    def touch_agent(self, agent: str) -> None:
        if self.board is not None:
            self.board.touch_agent(agent)

    def touch_queue(self, queue: str) -> None:
        if self.board is not None:
            self.board.touch_queue(queue)

    def touch_items(self, item: str) -> None:
        """A work item has changed for whoever has it."""
        agent = self.items.agent_of(item)
        if agent:
            self.touch_agent(agent)

    def act(self, fact: f.Fact) -> d.Refused | None:
        """Tell the engine what a person did; the refusal, if it was refused."""
        decisions = self.routing.act(fact, self._now())
        self.arm()
        return next((x for x in decisions if isinstance(x, d.Refused)), None)

    # The engine's clock ------------------------------------------------------------------------

    def go_live(self) -> None:
        """From now on deadlines are kept (after a restart: once the switch has been heard)."""
        self.live = True
        self.arm()

    def arm(self) -> None:
        """Make sure that we wake at the engine's next deadline."""
        if not self.live:
            return
        due = self.engine.deadline()
        if due == self._timer_due and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due is not None:
            self._timer = self.later(max(0.0, due - self._now()), self._ring)

    def catch_up(self) -> None:
        """Let everything happen that is due by now, however late our timer is."""
        self.routing.tick(self._now())

    def _ring(self) -> None:
        self._timer, self._timer_due = None, None
        try:
            self.catch_up()
        except Exception:
            self.metrics.errors.labels("tick").inc()
            log.exception("deadline could not be handled")
        self.arm()

    # Restart -------------------------------------------------------------------------------------

    def fold(self, entry: object, data: dict[str, Any], at: float, seq: int) -> None:
        """Take one entry that the journal has already."""
        self.last_seq = seq
        if isinstance(entry, h.ShiftBegan):
            self.phones.chosen[entry.agent] = PhoneKind(entry.phone)
        self._remember(entry, data, at)

    def snapshot(self) -> dict[str, Any]:
        """Everything that the journal would have to be read for, ready to be encoded."""
        return {
            "engine": self.engine.snapshot(),
            "book": self.book.snapshot(),
            "items": self.items.snapshot(),
            "opening": self.opening.snapshot(),
            "voicemails": self.voicemails.snapshot(),
            "records": self._fold.snapshot(self.book.calls),
            "phones": self.phones.chosen,
        }

    def restore(self, seq: int, kept: Mapping[str, Any]) -> None:
        """Take up a decoded `snapshot` of just after entry `seq`, but for the engine."""
        self.last_seq = seq
        self.book.restore(kept["book"])
        self.items.restore(kept.get("items", []))
        self.opening.restore(kept.get("opening", {}))
        self.voicemails.restore(kept.get("voicemails", {}))
        self._fold.restore(kept["records"])
        self.phones.chosen = {a: PhoneKind(phone) for a, phone in kept["phones"].items()}
