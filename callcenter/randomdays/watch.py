"""Compares engine, switch, call book and records of a random day, after every step.

It knows the engine only by its decisions and views, as everything else in the product does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from acd import decisions as d
from callcenter import happenings as h
from callcenter.bookscheck import apart, engines
from callcenter.callbook import CallBook
from cti.calls import CONVERSATION, LegState, Place
from reporting.figures import check_books
from reporting.intervals import Calendar, IntervalFold
from reporting.records import RecordFold

if TYPE_CHECKING:
    from callcenter.randomdays.day import Day

MOST_OFFER_S: Final = 40.0  # longest ring (20 s), the engine's margin, and slack


class Watch:
    """Compares engine, switch and records. Knows the engine only by its decisions and views."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
        self.offers: dict[str, tuple[str, str, float]] = {}  # open: agent, call, since
        self.over: set[str] = set()  # offers that ended
        self.visits: dict[tuple[str, str, float], str] = {}  # open "" or outcome
        self.answered = 0
        self.book = CallBook()
        self._changed = True

    def feed(self, entry: Any) -> None:
        """Something that is journaled: for the records and the call book."""
        stream, kind = h.stream_of(entry), type(entry).__name__
        at, data = self.day.time.time, h.as_dict(entry)
        self.fold.feed(stream, kind, h.call_of(entry), data, at)
        self.book.apply(entry, at)

    def decided(self, decision: d.Decision) -> None:
        """I2, I3, I11, I12 and the offers' own order, by the decisions alone."""
        match decision:
            case d.Offer() | d.Callback():
                self._offered(decision)
            case d.OfferEnded():
                self._offer_ended(decision)
            case d.CallEntered():
                self._changed = True
                key = (decision.call, decision.queue, decision.entered)
                if self.visits.get(key) == "":
                    self.day.fail("I2", f"entered twice: {decision}")
                self.visits[key] = ""
            case d.CallLeft():
                self._left(decision)
            case d.CallCompleted():
                if decision.talk_s < 0 or decision.hold_s < 0:
                    self.day.fail("I11", f"negative: {decision}")
            case d.WrapUpEnded():
                if decision.wrap_up_s < 0:
                    self.day.fail("I11", f"negative wrap-up: {decision}")

    def _offered(self, offer: d.Offer | d.Callback) -> None:
        for agent, _, _ in self.offers.values():
            if agent == offer.agent:
                self.day.fail("I3", f"{agent} gets {offer.offer} with one open")
        if offer.offer in self.over:
            self.day.fail("I12", f"offer id used again: {offer.offer}")
        self.offers[offer.offer] = (offer.agent, offer.call, self.day.time.time)

    def _offer_ended(self, ended: d.OfferEnded) -> None:
        known = self.offers.pop(ended.offer, None)
        if known is None:
            self.day.fail("I12", f"offer ended twice or never made: {ended}")
        self.over.add(ended.offer)
        if not 0 <= ended.lasted_s <= MOST_OFFER_S:
            self.day.fail("I12", f"offer lasted: {ended}")

    def _left(self, left: d.CallLeft) -> None:
        self._changed = True
        key = (left.call, left.queue, left.entered)
        if self.visits.get(key) != "":
            self.day.fail("I2", f"left twice or never entered: {left}")
        if left.waited_s < 0:
            self.day.fail("I11", f"negative wait: {left}")
        self.visits[key] = left.outcome
        self.answered += left.outcome == "answered"

    def at_rest(self) -> None:
        """I1, I4, I12, I16: after a step everybody must tell the same story."""
        day = self.day
        now = day.time.time
        for offer, (agent, _, since) in self.offers.items():
            if now - since > MOST_OFFER_S:
                self.day.fail("I12", f"{agent} still has {offer}")
        views = day.engine.visits()
        talking = [v.agent for v in views if v.place in ("connected", "dialling")]
        if len(talking) != len(set(talking)):
            self.day.fail("I4", f"one agent in two calls: {talking}")
        for view in views:
            self._compare(view)
        known = {view.call for view in views}
        for call in day.switch.live:
            look = day.switch.look(call)
            lost = look is not None and look[0] is not Place.ENTRY and call not in known
            outside = look is not None and look[0] in CONVERSATION and not look[1]
            if lost and not outside and call not in day.callers.led:
                self.day.fail("I1", f"the engine does not know {call}: {look}")
            self._compare_book(call)
        if self._changed:
            self._changed = False
            self._books(views)

    def _compare(self, view: Any) -> None:
        """One visit in the engine against the same call on the switch."""
        look = self.day.switch.look(view.call)
        where = look[0] if look is not None else None
        expected: dict[str, Sequence[Place | None]] = {
            "waiting": (Place.WAITING, Place.ENTRY),
            "offered": (Place.RINGING,),
            "connected": CONVERSATION,
            "leaving": (Place.WAITING, Place.ENTRY),
            "dialling": (Place.TALKING,),
            "parked": (None,) if view.kind == "callback" else (Place.WAITING, Place.ENTRY),
            "retry": (None,),
            "due later": (None,),
        }
        fits = (
            (None,) if (view.kind, view.place) == ("callback", "waiting") else expected[view.place]
        )
        if where not in fits:
            self.day.fail("I9", f"engine: {view}; switch: {look}")
        if look is not None and view.place in ("offered", "connected", "dialling"):
            # Who hung up while a party rings leaves the caller to the party, if it answers.
            left = not look[1] and look[0] is Place.CONSULTING
            if look[1] != view.agent and not left:
                self.day.fail("I9", f"engine: {view}; switch: {look}")
        if look is not None and view.place == "connected":
            self._compare_parties(view, look[0])

    def _compare_parties(self, view: Any, place: Place) -> None:
        """Who is in the conversation, and how, by engine and by switch."""
        day = self.day
        legs = {leg.leg_id: leg for leg in day.switch.legs(view.call)}
        agents = {leg_id for leg_id, leg in legs.items() if leg.agent_id}
        known = set(day.engine.legs(view.call))
        if agents != known:
            self.day.fail("I4", f"legs of {view.call}: engine {known}, switch {agents}")
        for leg_id in agents:
            one, leg = day.engine.agent_view(legs[leg_id].agent_id), legs[leg_id]
            reserved = one.state == "reserved"
            fits = one.leg == leg_id and reserved == (leg.state is LegState.RINGING)
            if not fits:
                self.day.fail("I4", f"{leg_id} on the switch: {leg}; engine: {one}")
        state = day.engine.agent_view(view.agent).state
        parties = [leg for leg in legs.values() if leg.supervision is None]
        rings = place is Place.CONSULTING and parties[0].state is LegState.RINGING
        wrong = state != ("held" if rings else place.value)
        if wrong:
            self.day.fail("I9", f"{view.agent} is {state} by the engine, {place} {legs}")

    def _compare_book(self, call: str) -> None:
        """What consoles show, against the switch."""
        known, look = self.book.get(call), self.day.switch.look(call)
        if known is None or look is None or not look[1] or look[0] not in CONVERSATION:
            return
        legs = {leg.leg_id: leg for leg in self.day.switch.legs(call)}
        if known.legs != legs:
            self.day.fail("I9 book", f"book: {known.legs}; switch: {legs}")
        if known.agent != look[1]:
            self.day.fail("I9 book", f"book: {known.agent} has {call}; switch: {look}")

    def _books(self, views: Sequence[Any]) -> None:
        """I1, I16: records, engine and interval figures count the same callers."""
        intervals = self.fold.intervals
        assert intervals is not None
        for queue in self.day.site.queues:
            total = intervals.total(queue.id, 0.0)
            inside = sum(
                v.kind == "call" and v.queue == queue.id and v.place != "connected" for v in views
            )
            if check_books(total) != 0:
                self.day.fail("I1", f"books of {queue.id}: {total}")
            if total.waiting != inside:
                self.day.fail("I1", f"{queue.id}: {inside} wait, {total}")
            told = (self.fold.books or {}).get(queue.id, {})
            if differences := apart(engines(self.day.engine.counts[queue.id]), told):
                self.day.fail("I16", f"books of {queue.id}, engine's and records': {differences}")

    def at_the_end(self) -> None:
        """I6, I12: once faults stop, nobody waits and nothing is open."""
        day = self.day
        if day.engine.visits():
            self.day.fail("I6", f"still there: {day.engine.visits()}")
        if day.switch.live:
            self.day.fail("I1", f"still on the switch: {day.switch.live}")
        if self.offers:
            self.day.fail("I12", f"open offers: {self.offers}")
        open_visits = [key for key, outcome in self.visits.items() if not outcome]
        if open_visits:
            self.day.fail("I1", f"no outcome: {open_visits}")
        if self.book.calls:
            self.day.fail("I1 book", f"still in the book: {self.book.calls}")
        on_legs = [agent.id for agent in day.engine.agents.values() if agent.leg]
        if on_legs:
            day.fail("I12", f"still on legs: {on_legs}")
        unfinished = [r.call_id for r in self.fold.calls.values() if r.ended is None]
        if unfinished:
            self.day.fail("I16", f"records without an end: {unfinished}")
        self._parts()
        intervals = self.fold.intervals
        assert intervals is not None
        answered = sum(t.answered for t in intervals.tallies.values())
        if answered != self.answered:
            self.day.fail("I16", f"{answered} answered, {self.answered} told")
        handled = sum(t.handled for t in intervals.tallies.values())
        if handled != self.answered:
            self.day.fail("I16", f"{self.answered} answered, {handled} handled")

    def _parts(self) -> None:
        """I11: the parts of a call follow each other, and the books have all of their time."""
        in_parts = 0.0
        for record in self.fold.calls.values():
            until = 0.0
            for part in record.segments:
                if part.role != "agent":
                    continue
                seen = (record.call_id, part)
                spent_s = (part.talk_s or 0.0) + (part.hold_s or 0.0)
                lasted_s = (part.ended or 0.0) - part.began
                if abs(spent_s - lasted_s) > 1e-6:
                    self.day.fail("I11", f"{lasted_s} s: {seen}")
                if part.began < until or part.wrap_up_s is None:
                    self.day.fail("I11", f"{seen}")
                until = part.ended or 0.0
                if record.visits[part.visit].kind == "call":
                    in_parts += spent_s + (part.wrap_up_s or 0.0)
        intervals = self.fold.intervals
        assert intervals is not None
        handled_s = sum(t.talk_s + t.hold_s + t.wrap_up_s for t in intervals.tallies.values())
        if abs(handled_s - in_parts) > 1e-3:
            self.day.fail("I11", f"{handled_s} s, parts {in_parts} s")
