"""Call records, folded from the journal: pure, the same for today's calls and for history.

`RecordFold.feed` takes entries in their order. It keeps raw moments; every duration and figure
is derived. Entries that come twice, late, or for a call nobody has heard of are harmless.

    stream     kinds
    switch     class names of `cti.events`, fields as data
    decision   class names of `acd.decisions`, fields as data
    ivr        "Trail" (what, label, value), "FlowStarted" (flow), "FlowEnded" (served)
    person     "WrapUpSaved" (agent, disposition, note), "CallAction", "LegPlaced"
    crm        "CustomerMatched" (customer_id, name)
    alert      class names of `reporting.alerts`, fields as data
    acd        not needed: what the engine made of its facts is in its decisions
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from reporting.alerts import AlertBook
from reporting.callrecord import CONNECTED, TURNED_AWAY, CallRecord, Moment, OfferRecord
from reporting.intervals import IntervalFold, Span, Visit
from reporting.live import LiveFigures
from reporting.segments import (
    AGENT,
    CONFERENCE,
    CONSULTED,
    OUTSIDE,
    SUPERVISOR,
    Segment,
    last_part,
    leave,
    open_part,
    part_to_wrap_up,
)
from reporting.timeline import Names, plain_names, text_of

Data = Mapping[str, Any]
Sentence = Callable[[str, Data], dict[str, str]]
"""A routing reason (code, data) as a sentence in each language."""

MOST_MOMENTS = 2_000  # in one timeline: a button that is pressed all day fills no memory
MOST_PARTIES = 500  # in one call, one after the other
MOST_ENDED = 5_000  # calls of today that are over and on disk; earlier ones are on disk only
MOST_SPANS = 20_000
ITEM = "item"
NO_ITEMS: Mapping[str, Visit] = {}
_CHANGES = ("recording-paused", "recording-resumed")
_RECORDING = ("recording-started", *_CHANGES, "recording-stopped", "recording-kept")


def code_only(code: str, data: Data) -> dict[str, str]:
    """The reason's code, where nobody gave better words."""
    return {"en": code, "zh": code}


class RecordFold:
    """Folds journal entries into call records, queue visits and agents' spans.

    `books` is what has been counted of each queue since the journal began: for each kind of
    visit ("call", "callback", "outbound") how many were "offered" and left with each outcome,
    as "call offered", "call answered". It is compared with the engine's own books; None when
    the snapshot that was taken up did not have it.
    """

    def __init__(
        self,
        *,
        intervals: IntervalFold | None = None,
        sentence: Sentence = code_only,
        names: Names = plain_names,
        local: Callable[[str], str] = lambda number: number,
    ) -> None:
        self.calls: dict[str, CallRecord] = {}
        self.intervals = intervals
        self.spans: list[Span] = []  # closed, in the order they closed
        self.open_spans: dict[str, Span] = {}
        self.books: dict[str, dict[str, int]] | None = {}
        self.alerts = AlertBook()
        self._items: dict[str, Visit] = {}  # work items that are no calls, and not over
        self._items_over: dict[str, Visit] = {}  # not taken yet
        self._sentence = sentence
        self._names = names
        self._local = local
        self._dirty: dict[str, CallRecord] = {}  # changed since last taken
        self._unsaved_spans: list[Span] = []
        self._on: dict[tuple[str, str], Callable[[CallRecord, Data, float], bool]] = {
            ("switch", "CallAdopted"): self._adopted,
            ("switch", "OfferRinging"): self._rang,
            ("switch", "CallHeld"): self._held,
            ("switch", "CallRetrieved"): self._retrieved,
            ("switch", "CallEnded"): self._ended,
            ("switch", "CallMissed"): self._ended,
            ("switch", "CallbackFailed"): self._callback_failed,
            ("switch", "OrderFailed"): self._order_failed,
            ("switch", "LegAnswered"): self._leg_answered,
            ("switch", "LegFailed"): self._leg_failed,
            ("switch", "LegEnded"): self._leg_ended,
            ("switch", "LegsSwapped"): self._legs_swapped,
            ("switch", "ConferenceBegan"): self._conference,
            ("switch", "CallHandedOver"): self._handed_over,
            ("switch", "SupervisionChanged"): self._supervision,
            ("switch", "AgentMuted"): self._muted,
            ("switch", "DigitsSent"): self._digits_sent,
            ("switch", "RecordingStarted"): self._recording("recording-started"),
            ("switch", "RecordingPaused"): self._recording("recording-paused"),
            ("switch", "RecordingResumed"): self._recording("recording-resumed"),
            ("switch", "RecordingStopped"): self._recording("recording-stopped"),
            ("switch", "RecordingKept"): self._recording("recording-kept"),
            ("switch", "CallPlaced"): self._placed,
            ("decision", "CallEntered"): self._entered,
            ("decision", "Offer"): self._offer,
            ("decision", "Callback"): self._offer,
            ("decision", "OfferEnded"): self._offer_ended,
            ("decision", "CallLeft"): self._left,
            ("decision", "CallCompleted"): self._completed,
            ("decision", "CallTaken"): self._taken,
            ("decision", "CallParked"): self._parked,
            ("decision", "WrapUpEnded"): self._wrap_up_ended,
            ("decision", "CallbackChanged"): self._callback_changed,
            ("decision", "CallTurnedAway"): self._turned_away,
            ("decision", "SendOn"): self._sent_on,
            ("decision", "PositionTold"): self._position_told,
            ("decision", "RequirementRelaxed"): self._relaxed,
            ("ivr", "Trail"): self._trail,
            ("ivr", "FlowStarted"): self._flow_started,
            ("ivr", "FlowEnded"): self._flow_ended,
            ("ivr", "Announced"): self._announced,
            ("ivr", "Ranked"): self._ranked,
            ("ivr", "VoicemailLeft"): self._voicemail("voicemail"),
            ("person", "VoicemailDone"): self._voicemail("voicemail-done"),
            ("ivr", "WaitExplained"): self._explained,
            ("person", "WrapUpSaved"): self._saved,
            ("person", "CallAction"): self._action,
            ("person", "LegPlaced"): self._leg_placed,
            ("person", "RecordingHeard"): self._recording("recording-heard"),
            ("crm", "CustomerMatched"): self._customer,
        }

    # In ------------------------------------------------------------------------------------

    def feed(self, stream: str, kind: str, call_id: str, data: Data, at: float) -> bool:
        """Take one entry. False: it changed nothing (repeated, late, or none of ours)."""
        if kind == "AgentChanged":
            return self._agent_changed(data)
        if kind == "ItemChanged":
            return self._item_changed(data, at)
        if stream == "alert":
            return self.alerts.feed(kind, data, at)
        if kind == "CallArrived":
            return self._arrived(call_id or str(data.get("call_id", "")), data, at)
        take = self._on.get((stream, kind))
        if take is None:
            return False
        ident = call_id or str(data.get("call", data.get("call_id", "")))
        if kind == "CallbackChanged":
            ident = str(data.get("callback", ident))
        record = self.calls.get(ident)
        if record is None:
            record = self._new(kind, ident, data, at)
            if record is None:
                return False
        changed = take(record, data, at)
        if changed:
            self._dirty[ident] = record
        return changed

    def _new(self, kind: str, ident: str, data: Data, at: float) -> CallRecord | None:
        """Some entries begin a record; the rest are about calls that were dropped long ago."""
        if not ident:
            return None
        if kind == "CallAdopted":
            record = CallRecord(ident, data.get("entered_at") or at)
            _identify(record, data)
        elif kind == "CallEntered":
            record = CallRecord(ident, data["entered"])
            if data.get("kind") in ("callback", "outbound"):
                record.direction = str(data["kind"])
        elif kind == "CallbackChanged":
            record = CallRecord(ident, at, direction="callback")
        else:
            return None
        self.calls[ident] = record
        return record

    def _arrived(self, ident: str, data: Data, at: float) -> bool:
        if not ident or ident in self.calls:
            return False
        record = self.calls[ident] = CallRecord(ident, at)
        _identify(record, data)
        self._note(record, at, "arrived", {"ani": record.ani or "-", "dnis": record.dnis or "-"})
        self._dirty[ident] = record
        return True

    def _adopted(self, record: CallRecord, data: Data, at: float) -> bool:
        return self._note(record, at, "adopted", {"place": str(data.get("place", ""))})

    def _trail(self, record: CallRecord, data: Data, at: float) -> bool:
        step = {"at": at, **{k: str(data.get(k, "")) for k in ("what", "label", "value")}}
        if step in record.trail:
            return False
        record.trail.append(step)
        return self._note(record, at, "menu", {k: v for k, v in step.items() if k != "at"})

    def _flow_ended(self, record: CallRecord, data: Data, at: float) -> bool:
        served, record.served = record.served, record.served or bool(data.get("served"))
        if record.menu_ended is not None:
            return record.served != served
        record.menu_ended = at
        return self._note(record, at, "menu-ended", {})

    def _flow_started(self, record: CallRecord, data: Data, at: float) -> bool:
        if record.menu:
            return False
        record.menu = str(data.get("flow", ""))
        return True

    def _entered(self, record: CallRecord, data: Data, at: float) -> bool:
        queue, entered = str(data["queue"]), float(data["entered"])
        if _find_visit(record, queue, entered) is not None:
            return False
        visit = Visit(queue, entered, str(data.get("kind", "call")))
        record.visits.append(visit)
        self._book(visit, "offered")
        self._count(record, visit)
        return self._note(record, at, "queued", {"queue": queue}, data.get("reason"))

    def _offer(self, record: CallRecord, data: Data, at: float) -> bool:
        offer = str(data["offer"])
        if any(known.offer == offer for known in record.offers):
            return False
        agent, queue = str(data["agent"]), str(data["queue"])
        record.ani = record.ani or str(data.get("number", ""))
        record.offers.append(OfferRecord(offer, agent, queue, at))
        return self._note(
            record, at, "offered", {"agent": agent, "queue": queue}, data.get("reason")
        )

    def _rang(self, record: CallRecord, data: Data, at: float) -> bool:
        offer = _find_offer(record, data.get("offer_id"))
        if offer is None or offer.rang is not None:
            return False
        offer.rang = at
        return self._note(record, at, "ringing", {"agent": offer.agent})

    def _offer_ended(self, record: CallRecord, data: Data, at: float) -> bool:
        offer = _find_offer(record, data.get("offer"))
        if offer is None or offer.ended is not None:
            return False
        offer.ended, offer.outcome = at, str(data["outcome"])
        if offer.outcome != "accepted":  # "answered" tells that better
            self._note(record, at, offer.outcome, {"agent": offer.agent})
        return True

    def _left(self, record: CallRecord, data: Data, at: float) -> bool:
        visit = _find_visit(record, str(data["queue"]), float(data["entered"]))
        if visit is None or visit.outcome:
            return False
        visit.left, visit.outcome = at, str(data["outcome"])
        self._book(visit, visit.outcome)
        visit.waited_s = max(0.0, float(data["waited_s"]))
        if visit.outcome in CONNECTED:
            visit.agent = str(data["agent"])
            self._part(record, visit, visit.agent, at)
        visit.why = _plain(data.get("reason"))
        self._count(record, visit)
        shown = {"queue": visit.queue, "agent": visit.agent, "waited_s": visit.waited_s}
        over = ("expired", "withdrawn") if visit.kind == "callback" else ("not reached",)
        if record.direction == visit.kind and visit.outcome in over:
            record.ended = record.ended or at
        kind = visit.outcome.replace(" ", "-")
        return self._note(record, at, kind, shown, data.get("reason"))

    def _part(self, record: CallRecord, visit: Visit, agent: str, at: float) -> None:
        """From now on the call is this agent's."""
        number = record.visits.index(visit)
        part = Segment(AGENT, visit.queue, at, agent, visit=number)
        record.segments.append(part)
        self._count_part(record, part)

    def _turned_away(self, record: CallRecord, data: Data, at: float) -> bool:
        queue, reason = str(data["queue"]), data.get("reason")
        shown = {"queue": queue, "to": str(data.get("kind", "")), "target": data.get("target", "")}
        if not self._note(record, at, "turned-away", shown, reason):
            return False
        visit = Visit(queue, at, TURNED_AWAY, at, TURNED_AWAY, 0.0, why=_plain(reason))
        record.visits.append(visit)
        self._count(record, visit)
        return True

    def _sent_on(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {name: str(data.get(name, "")) for name in ("queue", "target")}
        shown["to"] = str(data.get("kind", ""))
        return self._note(record, at, "sent-on", shown, data.get("reason"))

    def _announced(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {"target": str(data.get("flow", "")), "to": "flow"}
        return self._note(record, at, "announced", shown)

    def _explained(self, record: CallRecord, data: Data, at: float) -> bool:
        queue = str(data.get("queue", ""))
        return self._note(record, at, "waits", {"queue": queue}, data.get("reason"))

    def _voicemail(self, kind: str) -> Callable[[CallRecord, Data, float], bool]:
        def take(record: CallRecord, data: Data, at: float) -> bool:
            names = ("recording_id", "box", "length_s", "by")
            shown = {name: data[name] for name in names if name in data}
            return self._note(record, at, kind, {**shown, "queue": str(data.get("box", ""))})

        return take

    def _ranked(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {name: data.get(name) for name in ("priority", "parts", "tier")}
        return self._note(record, at, "ranked", shown)

    def _position_told(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {name: data.get(name) for name in ("position", "before", "low_s", "high_s")}
        if not self._note(record, at, "position-told", shown, data.get("reason")):
            return False
        visit = next((v for v in record.visits if v.queue == data["queue"] and not v.outcome), None)
        if visit is not None and visit.told_at is None and data.get("high_s") is not None:
            visit.told_at = at
            visit.told_low_s, visit.told_high_s = data.get("low_s"), data["high_s"]
        return True

    def _relaxed(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {"needs": str(data.get("needs", "")), "also": ", ".join(data.get("also", ()))}
        return self._note(record, at, "relaxed", shown, data.get("reason"))

    def _held(self, record: CallRecord, data: Data, at: float) -> bool:
        return self._music(record, at) and self._note(record, at, "held", {})

    @staticmethod
    def _music(record: CallRecord, at: float) -> bool:
        """The caller hears music; False when that is no news."""
        last = record.held[-1] if record.held else (0.0, 0.0)
        if record.ended is not None or last[1] is None or at < last[1]:
            return False  # held already, or an old word
        record.held.append((at, None))
        return True

    def _retrieved(self, record: CallRecord, data: Data, at: float) -> bool:
        return self._music_over(record, at) and self._note(record, at, "retrieved", {})

    @staticmethod
    def _music_over(record: CallRecord, at: float) -> bool:
        if not record.held or record.held[-1][1] is not None or at < record.held[-1][0]:
            return False
        record.held[-1] = (record.held[-1][0], at)
        return True

    def _completed(self, record: CallRecord, data: Data, at: float) -> bool:
        agent, onward = str(data["agent"]), str(data.get("onward", ""))
        part = open_part(record.segments, agent, at)
        if part is None:
            return False
        part.ended, part.how = at, f"to {onward}" if onward else str(data.get("by", ""))
        part.talk_s, part.hold_s = float(data["talk_s"]), float(data["hold_s"])
        self._count_part(record, part)
        visit = record.visits[part.visit]
        visit.ended = at
        visit.talk_s = (visit.talk_s or 0.0) + part.talk_s
        visit.hold_s = (visit.hold_s or 0.0) + part.hold_s
        visit.transferred = visit.transferred or bool(onward)
        self._music_over(record, at)
        self._count(record, visit)
        shown = {"agent": agent, "talk_s": part.talk_s}
        if onward:
            shown["onward"] = onward
        return self._note(record, at, "completed", shown)

    def _taken(self, record: CallRecord, data: Data, at: float) -> bool:
        agent = str(data["agent"])
        given = last_part(record.segments, str(data.get("giver", "")))
        taken = last_part(record.segments, agent)
        if given is None or (taken is not None and taken.began >= at):
            return False
        visit = record.visits[given.visit]
        visit.agent, visit.ended = agent, None
        self._part(record, visit, agent, at)
        self._count(record, visit)
        return self._note(record, at, "taken", {"agent": agent, "giver": given.agent})

    def _parked(self, record: CallRecord, data: Data, at: float) -> bool:
        kind = "unparked" if data.get("until") is None else "parked"
        return self._note(record, at, kind, {"queue": str(data.get("queue", ""))})

    def _wrap_up_ended(self, record: CallRecord, data: Data, at: float) -> bool:
        agent = str(data["agent"])
        part = part_to_wrap_up(record.segments, agent, at)
        if part is None:
            return False
        part.wrap_up_s = float(data["wrap_up_s"])
        self._count_part(record, part)
        record.wrap_up_ended = at
        visit = record.visits[part.visit]
        visit.wrap_up_s = (visit.wrap_up_s or 0.0) + part.wrap_up_s
        self._count(record, visit)
        shown = {"agent": agent, "wrap_up_s": part.wrap_up_s}
        return self._note(record, at, "wrapped-up", shown)

    def _ended(self, record: CallRecord, data: Data, at: float) -> bool:
        if record.ended is not None:
            return False
        if record.direction == "callback" and record.answered is None:
            return False  # only this attempt is over; the engine says when the callback is
        record.ended = at
        leave(record.segments, "", at, "left")
        record.ended_by, record.cause = str(data.get("by", "")), str(data.get("cause", ""))
        return self._note(record, at, "ended", {"by": record.ended_by, "cause": record.cause})

    def _callback_changed(self, record: CallRecord, data: Data, at: float) -> bool:
        record.direction = "callback"
        record.ani = record.ani or str(data.get("number", ""))
        if not record.asked_in:
            record.asked_in = str(data.get("call", ""))
            self._same_person(record)
        state = str(data.get("state", ""))
        visit = next((v for v in reversed(record.visits) if v.kind == "callback"), None)
        if visit is not None:
            visit.attempts = max(visit.attempts, int(data.get("attempts", 0)))
            visit.promise = str(data.get("promise", "")) or visit.promise
            self._count(record, visit)
        if state in ("expired", "cancelled") and record.ended is None:
            record.ended, record.ended_by = at, "system"
        return self._note(
            record, at, "callback-state", {"state": state, "attempts": data.get("attempts", 0)}
        )

    def _same_person(self, callback: CallRecord) -> None:
        """Who left the number is who is called back."""
        asked = self.calls.get(callback.asked_in)
        if asked is not None:
            callback.ani_name = callback.ani_name or asked.ani_name
            callback.dnis = callback.dnis or asked.dnis
            callback.customer_id = callback.customer_id or asked.customer_id
            callback.customer = callback.customer or asked.customer

    def _callback_failed(self, record: CallRecord, data: Data, at: float) -> bool:
        return self._note(record, at, "callback-failed", {"why": str(data.get("why", ""))})

    def _order_failed(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {"order": str(data.get("order", "")), "why": str(data.get("why", ""))}
        return self._note(record, at, "order-failed", shown)

    def _saved(self, record: CallRecord, data: Data, at: float) -> bool:
        """What an agent wrote about the own part; the call has what was written last."""
        disposition, note = str(data.get("disposition", "")), str(data.get("note", ""))
        agent = str(data.get("agent", ""))
        if not self._note(record, at, "saved", {"agent": agent, "disposition": disposition}):
            return False
        part = last_part(record.segments, agent)
        if part is not None:
            part.disposition, part.note = disposition, note
        record.disposition, record.note = disposition, note
        return True

    # Further parties, recording, people's deeds ----------------------------------------------

    def _placed(self, record: CallRecord, data: Data, at: float) -> bool:
        record.link = str(data.get("link", ""))
        return True

    def _action(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {name: str(data.get(name, "")) for name in ("by", "verb", "detail")}
        return self._note(record, at, "action", shown)

    def _leg_placed(self, record: CallRecord, data: Data, at: float) -> bool:
        leg = str(data.get("leg_id", ""))
        if leg in record.parties or len(record.parties) >= MOST_PARTIES:
            return False
        names = ("agent", "number", "supervision")
        record.parties[leg] = {name: str(data.get(name, "")) for name in names}
        return True

    def _who(self, record: CallRecord, data: Data) -> dict[str, str]:
        party = record.parties.get(str(data.get("leg_id", "")), {})
        agent = str(data.get("agent_id", "")) or party.get("agent", "")
        return {"agent": agent} if agent else {"number": party.get("number", "")}

    def _leg_answered(self, record: CallRecord, data: Data, at: float) -> bool:
        leg, who = str(data.get("leg_id", "")), self._who(record, data)
        if record.ended is not None or any(part.leg == leg for part in record.segments):
            return False
        if len(record.segments) >= MOST_PARTIES:
            return False
        if record.parties.get(leg, {}).get("supervision"):
            role = SUPERVISOR
        else:
            confers = any(p.role == CONFERENCE and p.ended is None for p in record.segments)
            role = CONFERENCE if confers else CONSULTED
        agent, number = who.get("agent", ""), who.get("number", "")
        record.segments.append(Segment(role, record.queue, at, agent, number, leg=leg))
        return self._note(record, at, "leg-answered", {**who, "role": role})

    def _leg_failed(self, record: CallRecord, data: Data, at: float) -> bool:
        shown = {**self._who(record, data), "why": str(data.get("why", ""))}
        return self._note(record, at, "leg-failed", shown)

    def _leg_ended(self, record: CallRecord, data: Data, at: float) -> bool:
        if not self._note(record, at, "leg-ended", self._who(record, data)):
            return False
        leave(record.segments, str(data.get("leg_id", "")), at, "left")
        return True

    def _legs_swapped(self, record: CallRecord, data: Data, at: float) -> bool:
        held = bool(data.get("caller_held"))
        changed = self._music(record, at) if held else self._music_over(record, at)
        with_ = {"with": "party" if held else "caller"}
        return changed and self._note(record, at, "swapped", with_)

    def _conference(self, record: CallRecord, data: Data, at: float) -> bool:
        if not self._note(record, at, "conference", {}):
            return False
        self._music_over(record, at)
        for part in record.segments:
            if part.role == CONSULTED and part.ended is None and part.began <= at:
                part.role = CONFERENCE
        return True

    def _handed_over(self, record: CallRecord, data: Data, at: float) -> bool:
        leave(record.segments, str(data.get("leg_id", "")), at, "took over")
        self._music_over(record, at)
        who = self._who(record, data)
        if "agent" in who:
            return True  # "taken" tells it
        if not self._note(record, at, "handed-over", who):
            return False
        if record.ended is None:
            leg = f"{data.get('leg_id', '')}, handed over"
            record.segments.append(Segment(OUTSIDE, record.queue, at, "", who["number"], leg=leg))
        return True

    def _supervision(self, record: CallRecord, data: Data, at: float) -> bool:
        mode = {"mode": str(data.get("mode", ""))}
        return self._note(record, at, "supervision", {**self._who(record, data), **mode})

    def _muted(self, record: CallRecord, data: Data, at: float) -> bool:
        return self._note(record, at, "muted" if data.get("on") else "unmuted", {})

    def _digits_sent(self, record: CallRecord, data: Data, at: float) -> bool:
        return self._note(record, at, "digits-sent", {"count": int(data.get("count", 0))})

    def _recording(self, kind: str) -> Callable[[CallRecord, Data, float], bool]:
        def take(record: CallRecord, data: Data, at: float) -> bool:
            shown = {name: str(data[name]) for name in ("recording_id", "by") if name in data}
            told = [
                moment.kind
                for moment in record.timeline
                if moment.kind in _RECORDING and moment.data == shown
            ]
            # A switch tells again how things stand when it is back.
            again = told[-1:] == [kind] if kind in _CHANGES else kind in told
            return not again and self._note(record, at, kind, shown)

        return take

    def _customer(self, record: CallRecord, data: Data, at: float) -> bool:
        customer, name = str(data.get("customer_id", "")), str(data.get("name", ""))
        if (record.customer_id, record.customer) == (customer, name):
            return False
        record.customer_id, record.customer = customer, name
        return self._note(record, at, "customer", {"customer": name, "customer_id": customer})

    def _agent_changed(self, data: Data) -> bool:
        agent, state, since = str(data["agent"]), str(data["state"]), float(data["since"])
        reason = str(data.get("reason", ""))
        now = self.open_spans.get(agent)
        if now is not None:
            if since < now.start or (now.state, now.reason) == (state, reason):
                return False
            if since > now.start:
                closed = Span(agent, now.state, now.reason, now.start, since)
                self.spans.append(closed)
                self._unsaved_spans.append(closed)
                self._spent(closed)
        self._now_in(Span(agent, state, reason, since))
        return True

    def _item_changed(self, data: Data, at: float) -> bool:
        """A work item is counted like a visit to its queue; it has no record of its own."""
        ident, state = str(data["item"]), str(data["state"])
        item = self._items.get(ident)
        if item is None:
            if state != "queued":
                return False
            item = self._items[ident] = Visit(str(data["queue"]), float(data["entered"]), ITEM)
        elif item.queue != data["queue"]:
            return False
        item.agent = str(data.get("agent", "")) or item.agent
        if state in ("done", "withdrawn"):
            item.left, item.outcome = at, state
            item.waited_s = max(0.0, at - item.entered)
            self._items_over[ident] = self._items.pop(ident)
        self._count_item(ident, item)
        return True

    def _count_item(self, ident: str, item: Visit) -> None:
        if self.intervals is not None:
            self.intervals.put(visit_key(ident, item.queue, item.entered), item)

    def _spent(self, span: Span) -> None:
        if self.intervals is not None:
            self.intervals.spend(span)

    def _now_in(self, span: Span) -> None:
        self.open_spans[span.agent] = span
        if isinstance(self.intervals, LiveFigures):
            self.intervals.now_in(span)

    def _count(self, record: CallRecord, visit: Visit) -> None:
        if self.intervals is not None:
            self.intervals.put(visit_key(record.call_id, visit.queue, visit.entered), visit)

    def _count_part(self, record: CallRecord, part: Segment) -> None:
        if self.intervals is not None:
            self.intervals.put_part(part_key(record.call_id, part.agent, part.began), part)

    def _book(self, visit: Visit, what: str) -> None:
        if self.books is not None:
            books = self.books.setdefault(visit.queue, {})
            name = f"{visit.kind} {what}"
            books[name] = books.get(name, 0) + 1

    def live_keys(self) -> set[Hashable]:
        """What may still change of what was counted: all that is known of the calls in memory."""
        items = self.items_in_memory()
        keys = {visit_key(name, item.queue, item.entered) for name, item in items.items()}
        return keys | {key for record in self.calls.values() for key in _keys(record)}

    def _note(
        self, record: CallRecord, at: float, kind: str, data: dict[str, Any], reason: Any = None
    ) -> bool:
        timeline = record.timeline
        for moment in reversed(timeline):
            if moment.at < at:
                break
            if moment.at == at and moment.kind == kind and moment.data == data:
                return False
        if len(timeline) < MOST_MOMENTS:
            timeline.append(Moment(at, kind, data, _plain(reason)))
        return True

    # Out -----------------------------------------------------------------------------------

    def take_finished(self) -> list[CallRecord]:
        """The ended calls that changed since they were last taken, to be written down."""
        taken = [record for record in self._dirty.values() if record.ended is not None]
        for record in taken:
            del self._dirty[record.call_id]
        return taken

    def give_back(
        self,
        records: Iterable[CallRecord],
        spans: Iterable[Span] = (),
        items: Mapping[str, Visit] = NO_ITEMS,
    ) -> None:
        """What could not be written down will be taken again."""
        self._items_over = {**items, **self._items_over}
        for record in records:
            self._dirty[record.call_id] = record
        self._unsaved_spans[:0] = spans

    def items_in_memory(self) -> dict[str, Visit]:
        """The work items that are not (known to be) on disk."""
        return {**self._items, **self._items_over}

    def take_items(self) -> dict[str, Visit]:
        """The work items that were over since they were last taken, by id."""
        taken, self._items_over = self._items_over, {}
        for ident, item in taken.items():
            if self.intervals is not None:
                self.intervals.settle([visit_key(ident, item.queue, item.entered)])
        return taken

    def take_spans(self) -> list[Span]:
        """The agents' spans that closed since they were last taken."""
        taken, self._unsaved_spans = self._unsaved_spans, []
        return taken

    def snapshot(self, needed: Container[str] = ()) -> dict[str, Any]:
        """What cannot be read from disk, ready to be encoded: unfinished and untaken calls.

        `needed` are ids of calls that more is to be heard of, such as those in wrap-up.
        """
        calls = [
            record
            for ident, record in self.calls.items()
            if record.ended is None or ident in self._dirty or ident in needed
        ]
        return {
            "calls": calls,
            "spans": self._unsaved_spans,
            "open_spans": self.open_spans,
            "books": self.books,
            "items": self.items_in_memory(),
            "alerts": self.alerts.snapshot(),
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Take up what a decoded `snapshot` says; for a fold that has been fed nothing yet."""
        for record in msgspec.convert(kept["calls"], list[CallRecord]):
            self.calls[record.call_id] = self._dirty[record.call_id] = record
            _add_parts(record)
            for visit in record.visits:
                self._count(record, visit)
            for part in record.segments:
                self._count_part(record, part)
        self._unsaved_spans = msgspec.convert(kept["spans"], list[Span])
        self.spans = list(self._unsaved_spans)
        for span in self.spans:
            self._spent(span)
        for span in msgspec.convert(kept["open_spans"], dict[str, Span]).values():
            self._now_in(span)
        self.books = msgspec.convert(kept.get("books"), dict[str, dict[str, int]] | None)
        self.alerts.restore(kept.get("alerts", {}))
        for ident, item in msgspec.convert(kept.get("items", {}), dict[str, Visit]).items():
            (self._items_over if item.outcome else self._items)[ident] = item
            self._count_item(ident, item)

    def forget(self, before: float) -> None:
        """Drop calls that ended, and were taken, before `before`; spans and intervals too.

        Of the others no more than `MOST_ENDED` stay: what is on disk need not be in memory,
        but for calls that an agent is still at work for.
        """
        over = [
            record
            for ident, record in self.calls.items()
            if record.ended is not None and ident not in self._dirty and not self._works_on(record)
        ]
        over.sort(key=lambda record: record.ended or 0.0)
        many = len(over) - MOST_ENDED
        for number, record in enumerate(over):
            if number < many or (record.ended or 0.0) < before:
                del self.calls[record.call_id]
                if self.intervals is not None:
                    self.intervals.settle(_keys(record))
        self.alerts.forget(before)
        self.spans = [s for s in self.spans[-MOST_SPANS:] if s.end is None or s.end >= before]
        if self.intervals is not None:
            self.intervals.forget(before)

    def _works_on(self, record: CallRecord) -> bool:
        """Whether an agent is in the after-call work for it."""
        for part in record.segments:
            now = self.open_spans.get(part.agent) if part.role == AGENT else None
            if now is not None and now.state == "wrap-up" and part.wrap_up_s is None:
                return True
        return False

    def all_spans(self) -> list[Span]:
        """Closed and open spans; those that are on disk already only for a while."""
        unsaved = {(span.agent, span.start): span for span in self._unsaved_spans}
        known = {(span.agent, span.start): span for span in self.spans}
        return [*(unsaved | known).values(), *self.open_spans.values()]

    def row(self, record: CallRecord) -> dict[str, Any]:
        """The call as one line of a list (`agent_console.protocol.CallRow`)."""
        return {
            "call_id": record.call_id,
            "arrived": record.arrived,
            "direction": record.direction,
            "ani": record.ani,
            "caller": self._local(record.ani) if record.ani else "",
            "caller_name": record.ani_name,
            "customer": record.customer,
            "dnis": record.dnis,
            "queue": record.queue,
            "agent": self._names("agent", record.agent) if record.agent else "",
            "outcome": record.outcome,
            "waited_s": record.waited_s,
            "talk_s": record.talk_s,
            "ended": record.ended,
        }

    def detail(self, record: CallRecord) -> dict[str, Any]:
        """The call with its whole timeline (`agent_console.protocol.CallDetail`)."""
        return {
            "call": self.row(record),
            "timeline": [self._entry(moment) for moment in record.timeline],
            "moments": record.moments(),
            "disposition": record.disposition,
            "note": record.note,
            "segments": [self._segment(part) for part in record.segments],
        }

    def _segment(self, part: Segment) -> dict[str, Any]:
        """A part of the call (`agent_console.protocol.SegmentRow`)."""
        who = self._names("agent", part.agent) if part.agent else self._local(part.number)
        return {
            "agent": who,
            "role": part.role,
            "queue": part.queue,
            "began": part.began,
            "ended": part.ended,
            "talk_s": part.talk_s,
            "hold_s": part.hold_s,
            "wrap_up_s": part.wrap_up_s,
            "how": part.how,
            "disposition": part.disposition,
            "note": part.note,
        }

    def _entry(self, moment: Moment) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "at": moment.at,
            "kind": moment.kind,
            "text": text_of(moment.kind, moment.data, self._names),
            "data": moment.data,
        }
        if moment.reason is not None:
            code, data = moment.reason["code"], moment.reason["data"]
            entry["why"] = {"code": code, "data": data, "text": self._sentence(code, data)}
        return entry


def visit_key(call_id: str, queue: str, entered: float) -> Hashable:
    """What a queue visit is counted under."""
    return (call_id, queue, entered)


def part_key(call_id: str, agent: str, began: float) -> Hashable:
    """What an agent's part of a call is counted under."""
    return (call_id, agent, began, AGENT)


def _keys(record: CallRecord) -> Iterator[Hashable]:
    for visit in record.visits:
        yield visit_key(record.call_id, visit.queue, visit.entered)
    for part in record.segments:
        yield part_key(record.call_id, part.agent, part.began)


def _identify(record: CallRecord, data: Data) -> None:
    for name in ("link", "trunk", "ani", "ani_name", "dnis"):
        setattr(record, name, str(data.get(name, "")))


def _find_visit(record: CallRecord, queue: str, entered: float) -> Visit | None:
    """The stay in the queue that began then; who was turned away at that moment did not stay."""
    for visit in record.visits:
        if visit.queue == queue and visit.entered == entered and visit.kind != TURNED_AWAY:
            return visit
    return None


def _find_offer(record: CallRecord, offer: Any) -> OfferRecord | None:
    return next((known for known in record.offers if known.offer == offer), None)


def _add_parts(record: CallRecord) -> None:
    """A record of an older version knows conversations by its visits only."""
    if record.segments:
        return
    for number, v in enumerate(record.visits):
        if v.outcome in CONNECTED and v.left is not None:
            times = (v.ended, v.talk_s, v.hold_s, v.wrap_up_s)
            record.segments.append(Segment(AGENT, v.queue, v.left, v.agent, "", *times))
            record.segments[-1].visit = number


def _plain(reason: Any) -> dict[str, Any] | None:
    """A reason as {"code", "data"}; None when there is none."""
    if not isinstance(reason, Mapping) or not reason.get("code"):
        return None
    return {"code": str(reason["code"]), "data": dict(reason.get("data", {}))}
