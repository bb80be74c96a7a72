"""The routing engine: facts and the time in, decisions out.

No clock, no randomness, no input or output: the same facts at the same times always give
the same decisions and the same state. Timers are handled at their own time, before
anything later, so it does not matter how late (or whether) `tick` is called: folding the
journal of facts with their times gives the live state.

    fact, now ─▶ timers due by then, in order ─▶ the fact's handler ─▶ decisions
                                                     │ raises Refusal: nothing has changed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from acd import (
    ageing,
    callbacks,
    calls,
    configuring,
    desk,
    entrance,
    expected,
    items,
    legs,
    offers,
    opening,
    overflowing,
    positions,
    resuming,
    rona,
    snapshots,
    staffing,
    transfers,
    views,
)
from acd import decisions as d
from acd import facts as f
from acd.agents import AgentRecord
from acd.counters import QueueCounts
from acd.facts import Resumed
from acd.floor import Floor
from acd.refusals import Refusal
from acd.site import Site

Handler = Callable[[Floor, Any], None]


def _either(of_call: Handler, of_item: Handler) -> Handler:
    """Calls and work items are offered, accepted and declined in the same words."""

    def handle(floor: Floor, fact: Any) -> None:
        (of_item if fact.offer in floor.work.offers else of_call)(floor, fact)

    return handle


HANDLERS: Mapping[type, Handler] = MappingProxyType(
    {
        f.Resumed: resuming.resumed,
        f.Configured: configuring.configured,
        f.AgentSignedIn: desk.signed_in,
        f.AgentSignedOut: desk.signed_out,
        f.AgentReady: desk.ready,
        f.AgentNotReady: desk.not_ready,
        f.PhoneFailed: desk.phone_failed,
        f.PhoneHealthy: desk.phone_healthy,
        f.ConsoleLost: desk.console_lost,
        f.ConsoleBack: desk.console_back,
        f.WrapUpDone: desk.wrap_up_done,
        f.WrapUpExtended: desk.wrap_up_extended,
        f.AgentStaffed: staffing.staffed,
        f.EntryAsked: entrance.asked,
        f.QueueOpened: opening.opened,
        f.QueueClosed: opening.closed,
        f.PositionAsked: positions.asked,
        f.ItemQueued: items.queued,
        f.ItemDone: items.done,
        f.ItemWithdrawn: items.withdrawn,
        f.CallQueued: calls.queued,
        f.CallerGone: calls.caller_gone,
        f.CallWithdrawn: calls.withdrawn,
        f.CallHeld: calls.held,
        f.CallRetrieved: calls.retrieved,
        f.CallEnded: calls.ended,
        f.CallFoundConnected: calls.found_connected,
        f.ConsultBegan: calls.consult_began,
        f.ConsultEnded: calls.consult_ended,
        f.ConferenceBegan: calls.conference_began,
        f.CallTransferred: transfers.transferred,
        f.CallHandedOver: transfers.handed_over,
        f.CallPicked: transfers.picked,
        f.CallDialled: transfers.dialled,
        f.LegOffered: legs.offered,
        f.LegAnswered: legs.answered,
        f.LegOver: legs.over,
        f.OfferRang: offers.rang,
        f.OfferAccepted: _either(offers.accepted, items.accepted),
        f.OfferDeclined: _either(offers.declined, items.declined),
        f.OfferUnanswered: _either(offers.unanswered, items.unanswered),
        f.OfferUnreachable: offers.unreachable,
        f.OfferLost: offers.lost,
        f.CallbackRequested: callbacks.requested,
        f.CallbackRescheduled: callbacks.rescheduled,
        f.CallbackConnected: callbacks.connected,
        f.CallbackFailed: callbacks.failed,
        f.CallbackCancelled: callbacks.cancelled,
    }
)

ALARMS: Mapping[str, Handler] = MappingProxyType(
    {
        "offer": offers.ring_time_over,
        "wrap-up": desk.wrap_up_time_over,
        "console": desk.console_grace_over,
        "leg": legs.ring_time_over,
        "pause": rona.pause_over,
        "item": items.offer_time_over,
        "item-again": items.ask_again,
        "park": transfers.park_time_over,
        "ageing": ageing.due,
        "overflow": overflowing.overflow_due,
        "left-alone": overflowing.left_alone_for_long,
        "closing": overflowing.closed_for_long,
        "dial": callbacks.dial_time_over,
        "retry": callbacks.retry_due,
        "callback-due": callbacks.due,
        "callback-expiry": callbacks.expiry_due,
        "goodbye": callbacks.goodbye_over,
    }
)


class Engine:
    """One routing domain. Times are engine time in seconds; a time that goes back is clamped."""

    def __init__(self, site: Site) -> None:
        problem = configuring.mistake(site)
        if problem:
            raise ValueError(problem)
        self._floor = Floor()
        self._pending: list[d.Decision] = []  # decided while restoring, not told yet
        configuring.install(self._floor, site)

    # Driving ---------------------------------------------------------------------------

    def handle(self, fact: f.Fact, now: float) -> list[d.Decision]:
        """Take one fact and decide. A fact that does not fit gives one `Refused`."""
        floor = self._floor
        out = floor.out = self._begin() if self._pending else []
        kind = type(fact)
        if isinstance(fact, Resumed):  # before any deadline of our absence is looked at
            self._run_timers(resuming.went_away(fact, now))
            floor.now = max(floor.now, now)
            self._take(fact, kind)
            self._run_timers(now)
            return out
        if floor.timers.earliest <= now:
            self._run_timers(now)
        elif now > floor.now:
            floor.now = now
        self._take(fact, kind)
        return out

    def tick(self, now: float) -> list[d.Decision]:
        """Do what has become due."""
        out = self._floor.out = self._begin()
        self._run_timers(now)
        return out

    def deadline(self) -> float | None:
        """When `tick` should be called next; None when nothing is open."""
        return self._floor.now if self._pending else self._floor.timers.next_due()

    def _begin(self) -> list[d.Decision]:
        out, self._pending = self._pending, []
        return out

    def _take(self, fact: f.Fact, kind: type) -> None:
        try:
            handler = HANDLERS.get(kind)
            if handler is None:
                raise Refusal("unknown-fact", f"{kind.__name__} is no fact")
            handler(self._floor, fact)
            if self._floor.loose:
                self._floor.match_loose()
            work = self._floor.work
            if work.changed or work.touched:
                items.settle(self._floor)
        except Refusal as no:
            self._floor.out.append(d.Refused(kind.__name__, no.code, no.message))

    def _run_timers(self, now: float) -> None:
        """Process every deadline up to `now` at its own time, then let it be `now`."""
        floor = self._floor
        timers, work = floor.timers, floor.work
        while (timer := timers.pop_due(now)) is not None:
            due, kind, about = timer
            if due > floor.now:
                floor.now = due
            ALARMS[kind](floor, about)
            if floor.loose:
                floor.match_loose()
            if work.changed or work.touched:
                items.settle(floor)
        if now > floor.now:
            floor.now = now

    # Keeping ---------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON-able data, the site included."""
        return snapshots.take(self._floor)

    @classmethod
    def restore(cls, site: Site, snapshot: Mapping[str, Any]) -> Engine:
        """The engine that gave `snapshot`, then configured with `site` if that is another one.

        What the change of site decides is given out by the next `handle` or `tick`.
        """
        engine = cls(snapshots.site_of(snapshot))
        floor = engine._floor
        snapshots.fill(floor, snapshot)
        if site != floor.site:
            floor.out = engine._pending
            engine._take(f.Configured(site), f.Configured)
        return engine

    # Looking ---------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time of the last fact, timer or tick."""
        return self._floor.now

    @property
    def site(self) -> Site:
        """The configuration in force."""
        return self._floor.site

    @property
    def agents(self) -> Mapping[str, AgentRecord]:
        """Every agent by id, for reading only."""
        return MappingProxyType(self._floor.agents)

    @property
    def counts(self) -> Mapping[str, QueueCounts]:
        """The books by queue id, for reading only."""
        return MappingProxyType(self._floor.counts)

    def agent_view(self, agent: str) -> d.AgentChanged:
        """The whole public state of an agent; `KeyError` for an unknown one."""
        return self._floor.agents[agent].view()

    def waiting(self, queue: str) -> list[views.Waiting]:
        """Who waits in `queue`, in the order of serving; empty for an unknown queue."""
        return views.waiting(self._floor, queue)

    def visit(self, call: str) -> views.VisitView | None:
        """Where a call or callback is; None when it is in no queue and with no agent."""
        return views.visit(self._floor, call)

    def legs(self, call: str) -> list[str]:
        """The open legs of a call that agents are on, or are being rung for."""
        return [leg.id for leg in self._floor.legs.values() if leg.call == call]

    def visits(self) -> list[views.VisitView]:
        """Every open visit: waiting, ringing, dialling, connected, callbacks to come."""
        return views.visits(self._floor)

    def position(self, call: str) -> int | None:
        """The call's place in its queue from 1 on; None when it is not in the line."""
        return views.position(self._floor, call)

    def expected_wait(self, queue: str, position: int) -> expected.Expected | None:
        """For a caller at this place of the queue; None when there is nothing to go by."""
        state = self._floor.queues.get(queue)
        return None if state is None else expected.at_position(self._floor, state, position)

    def expected_wait_of(self, call: str) -> expected.Expected | None:
        """For a call in a line; None when it is in none, or there is nothing to go by."""
        visit = self._floor.visits.get(call)
        return None if visit is None else expected.of_call(self._floor, visit)

    def closed(self, queue: str) -> bool:
        """Whether the queue is known and closed."""
        state = self._floor.queues.get(queue)
        return state is not None and state.closed.since is not None

    def why_waiting(self, call: str, now: float) -> d.Reason:
        """Why nobody has the call yet; code "not-waiting" when that is no question."""
        return views.why_waiting(self._floor, call, now)

    def item(self, item: str) -> views.ItemView | None:
        """Where a work item is; None when it is not open."""
        return views.item(self._floor, item)

    def items(self) -> list[views.ItemView]:
        """Every open work item."""
        return views.items(self._floor)

    def items_of(self, agent: str) -> list[views.ItemView]:
        """The items that an agent is offered or works on, oldest first."""
        return views.items_of(self._floor, agent)

    def items_waiting(self, queue: str) -> list[views.ItemView]:
        """The items in a queue's line, in the order of serving."""
        return views.items_waiting(self._floor, queue)

    def extension_left_s(self, agent: str) -> float | None:
        """By how much an agent's wrap-up may still be made longer; None: without a bound."""
        return desk.extension_left_s(self._floor, self._floor.agents[agent])

    def agents_by_state(self, queue: str) -> dict[str, int]:
        """How many agents of `queue` are in each state; states without agents are left out."""
        return views.agents_by_state(self._floor, queue)
