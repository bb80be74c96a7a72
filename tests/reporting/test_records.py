"""Call records: folded from journal entries, whatever order or repetition they come in."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from reporting.figures import aht, check_books, transfer_rate
from reporting.intervals import Calendar, IntervalFold
from reporting.records import MOST_MOMENTS, MOST_PARTIES, RecordFold
from reporting.timeline import TEXTS, text_of

Entry = tuple[str, str, str, dict[str, Any], float]
WHY = {"code": "longest-idle", "data": {"agent": "anna", "idle_s": 12.0}}


def answered_call(call: str = "c1", at: float = 1000.0) -> list[Entry]:
    """Menu, queue, a refusal, an answer with a hold, wrap-up and its disposition."""
    q = {"call": call, "queue": "billing"}
    o1 = {"offer": f"{call}-o1", "agent": "bob", **q}
    o2 = {"offer": f"{call}-o2", "agent": "anna", **q}
    arrived = {
        "call_id": call,
        "link": "v",
        "ani": "+14165550100",
        "ani_name": "Eve",
        "dnis": "100",
    }
    left = {"entered": at + 9, "outcome": "answered", "waited_s": 21.0, "agent": "anna"}
    return [
        ("switch", "CallArrived", call, {**arrived, "trunk": "t"}, at),
        ("ivr", "Trail", call, {"what": "menu", "label": "Billing", "value": "2"}, at + 8),
        ("ivr", "FlowEnded", call, {"how": "queue", "queue": "billing"}, at + 9),
        ("decision", "CallEntered", call, {**q, "entered": at + 9, "kind": "call"}, at + 9),
        ("decision", "Offer", call, {**o1, "reason": WHY}, at + 10),
        ("switch", "OfferRinging", call, {"offer_id": o1["offer"]}, at + 11),
        ("decision", "OfferEnded", call, {**o1, "outcome": "refused"}, at + 15),
        ("decision", "Offer", call, {**o2, "reason": WHY}, at + 15),
        ("switch", "OfferRinging", call, {"offer_id": o2["offer"]}, at + 16),
        ("decision", "OfferEnded", call, {**o2, "outcome": "accepted"}, at + 30),
        ("decision", "CallLeft", call, {**q, **left, "reason": WHY}, at + 30),
        ("switch", "CallHeld", call, {"call_id": call}, at + 40),
        ("switch", "CallRetrieved", call, {"call_id": call}, at + 50),
        (
            "decision",
            "CallCompleted",
            call,
            {**q, "agent": "anna", "by": "caller", "talk_s": 60.0, "hold_s": 10.0},
            at + 100,
        ),
        ("switch", "CallEnded", call, {"call_id": call, "by": "caller", "cause": "16"}, at + 100),
        ("crm", "CustomerMatched", call, {"customer_id": "7", "name": "Eve <b>"}, at + 101),
        (
            "person",
            "WrapUpSaved",
            call,
            {"agent": "anna", "disposition": "solved", "note": "paid {twice}"},
            at + 110,
        ),
        (
            "decision",
            "WrapUpEnded",
            call,
            {**q, "agent": "anna", "wrap_up_s": 10.0, "forced": False},
            at + 110,
        ),
    ]


def conversation(call: str, queue: str, agent: str, entered: float, since: float) -> list[Entry]:
    """A queue visit that ends with an answer."""
    q = {"call": call, "queue": queue, "entered": entered}
    left = {"outcome": "answered", "waited_s": since - entered, "agent": agent, "reason": WHY}
    return [
        ("decision", "CallEntered", call, {**q, "kind": "call"}, entered),
        ("decision", "CallLeft", call, {**q, **left}, since),
    ]


def completed(
    call: str, queue: str, agent: str, at: float, talk_s: float, hold_s: float, onward: str = ""
) -> Entry:
    data = {"call": call, "queue": queue, "agent": agent, "talk_s": talk_s, "hold_s": hold_s}
    by = "transferred" if onward else "caller"
    return ("decision", "CallCompleted", call, {**data, "by": by, "onward": onward}, at)


def wrapped_up(call: str, queue: str, agent: str, at: float, wrap_up_s: float) -> list[Entry]:
    saved = {"call_id": call, "agent": agent, "disposition": f"by {agent}", "note": "…"}
    over = {"call": call, "queue": queue, "agent": agent, "wrap_up_s": wrap_up_s}
    return [
        ("person", "WrapUpSaved", call, saved, at),
        ("decision", "WrapUpEnded", call, {**over, "forced": False}, at),
    ]


def transferred_call(call: str = "t1", at: float = 2000.0) -> list[Entry]:
    """Anna in billing gives the caller to the queue service, where Bob answers."""
    arrived = {"call_id": call, "ani": "+14165550100", "dnis": "100"}
    action = {"call_id": call, "by": "anna", "verb": "transfer", "detail": "queue service"}
    return [
        ("switch", "CallArrived", call, arrived, at),
        *conversation(call, "billing", "anna", at, at + 10),
        ("person", "CallAction", call, action, at + 40),
        completed(call, "billing", "anna", at + 41, 31.0, 0.0, "queue"),
        *conversation(call, "service", "bob", at + 41, at + 61),
        *wrapped_up(call, "billing", "anna", at + 65, 24.0),
        completed(call, "service", "bob", at + 100, 39.0, 0.0),
        ("switch", "CallEnded", call, {"call_id": call, "by": "caller"}, at + 100),
        *wrapped_up(call, "service", "bob", at + 110, 10.0),
    ]


def consulted_call(call: str = "k1", at: float = 3000.0) -> list[Entry]:
    """Anna asks Bob, they confer with the caller, then Bob has the call; Zoe listens."""
    leg = {"call_id": call, "leg_id": "l1", "agent_id": "bob"}
    zoe = {"call_id": call, "leg_id": "l2", "agent_id": "zoe"}
    placed = {"call_id": call, "by": "anna", "leg_id": "l1", "agent": "bob"}
    listens = {"call_id": call, "by": "zoe", "leg_id": "l2", "agent": "zoe"}
    taken = {"call": call, "queue": "billing", "agent": "bob", "giver": "anna"}
    return [
        ("switch", "CallArrived", call, {"call_id": call, "ani": "x", "dnis": "100"}, at),
        *conversation(call, "billing", "anna", at, at + 10),
        ("person", "LegPlaced", call, {**listens, "supervision": "listen"}, at + 15),
        ("switch", "LegAnswered", call, zoe, at + 16),
        ("switch", "CallHeld", call, {"call_id": call}, at + 20),
        ("person", "LegPlaced", call, placed, at + 20),
        ("switch", "LegAnswered", call, leg, at + 25),
        ("switch", "LegsSwapped", call, {**leg, "caller_held": False}, at + 30),
        ("switch", "LegsSwapped", call, {**leg, "caller_held": True}, at + 32),
        ("switch", "RecordingStarted", call, {"call_id": call, "recording_id": "r1"}, at + 33),
        ("switch", "ConferenceBegan", call, {"call_id": call}, at + 40),
        ("switch", "LegEnded", call, zoe, at + 45),
        ("switch", "CallHandedOver", call, leg, at + 50),
        completed(call, "billing", "anna", at + 50, 22.0, 18.0, "agent"),
        ("decision", "CallTaken", call, taken, at + 50),
        *wrapped_up(call, "billing", "anna", at + 60, 10.0),
        completed(call, "billing", "bob", at + 90, 40.0, 0.0),
        ("switch", "CallEnded", call, {"call_id": call, "by": "caller"}, at + 90),
        *wrapped_up(call, "billing", "bob", at + 95, 5.0),
    ]


def abandoned_call(call: str, at: float, waited_s: float) -> list[Entry]:
    q = {"call": call, "queue": "billing", "entered": at}
    end = at + waited_s
    return [
        ("switch", "CallArrived", call, {"call_id": call, "ani": "", "dnis": "100"}, at),
        ("decision", "CallEntered", call, {**q, "kind": "call"}, at),
        (
            "decision",
            "CallLeft",
            call,
            {**q, "outcome": "abandoned", "waited_s": waited_s, "agent": "", "reason": WHY},
            end,
        ),
        ("switch", "CallEnded", call, {"call_id": call, "by": "caller"}, end),
    ]


def fold_of(entries: list[Entry]) -> RecordFold:
    fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
    for entry in entries:
        fold.feed(*entry)
    return fold


def picture(fold: RecordFold) -> Any:
    """Everything that people or reports can see."""
    assert fold.intervals is not None
    return (
        {ident: fold.detail(record) for ident, record in sorted(fold.calls.items())},
        fold.intervals.tallies,
        fold.all_spans(),
    )


def test_a_call_from_trunk_to_disposition() -> None:
    """The record must tell every moment and who did what: it is what complaints are settled by."""
    fold = fold_of(answered_call())
    record = fold.calls["c1"]
    assert fold.row(record) == {
        "call_id": "c1",
        "arrived": 1000.0,
        "direction": "inbound",
        "ani": "+14165550100",
        "caller": "+14165550100",
        "caller_name": "Eve",
        "customer": "Eve <b>",
        "dnis": "100",
        "queue": "billing",
        "agent": "anna",
        "outcome": "answered",
        "waited_s": 21.0,
        "talk_s": 60.0,
        "ended": 1100.0,
    }
    detail = fold.detail(record)
    assert detail["moments"] == {
        "arrived": 1000.0,
        "menu_ended": 1009.0,
        "queued": 1009.0,
        "offered": 1010.0,
        "rang": 1011.0,
        "answered": 1030.0,
        "ended": 1100.0,
        "wrap_up_ended": 1110.0,
    }
    assert (detail["disposition"], detail["note"]) == ("solved", "paid {twice}")
    assert [entry["kind"] for entry in detail["timeline"]] == [
        "arrived",
        "menu",
        "menu-ended",
        "queued",
        "offered",
        "ringing",
        "refused",
        "offered",
        "ringing",
        "answered",
        "held",
        "retrieved",
        "completed",
        "ended",
        "customer",
        "saved",
        "wrapped-up",
    ]
    assert detail["timeline"][4]["why"]["code"] == "longest-idle"
    assert record.held == [(1040.0, 1050.0)]
    assert [o.outcome for o in record.offers] == ["refused", "accepted"]


@pytest.mark.parametrize("seed", range(30))
def test_repeated_and_late_entries_change_nothing(seed: int) -> None:
    """The journal is replayed after a crash and switches repeat themselves."""
    dice = random.Random(seed)
    entries = answered_call() + abandoned_call("c2", 1003.0, 4.0) + abandoned_call("c3", 1004.0, 9)
    entries += transferred_call() + consulted_call()
    once = picture(fold_of(entries))
    echoed: list[Entry] = []
    for entry in entries:
        echoed.append(entry)
        echoed.extend(dice.choices(echoed, k=dice.randrange(3)))
    assert picture(fold_of(echoed)) == once
    assert picture(fold_of(entries + entries)) == once


def test_books_balance_after_each_entry() -> None:
    """Offered = answered + abandoned + flowed out + waiting must hold at every moment, live."""
    fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
    assert fold.intervals is not None
    entries = answered_call() + abandoned_call("c2", 1003.0, 4.0)
    for entry in sorted(entries, key=lambda e: e[4]):
        fold.feed(*entry)
        total = fold.intervals.total("billing", 0.0)
        assert check_books(total) == 0
    assert (total.offered, total.answered, total.abandoned, total.handled) == (2, 1, 1, 1)
    assert (total.talk_s, total.hold_s, total.wrap_up_s) == (60.0, 10.0, 10.0)


def test_entries_for_an_unknown_call_are_ignored() -> None:
    """A late word on a call of yesterday must not make an empty record over the full one."""
    fold = fold_of(answered_call()[10:])
    assert fold.calls == {}
    assert fold.take_finished() == []


def test_a_caller_who_hangs_up_in_the_menu_never_was_offered() -> None:
    """The service level starts at the queue, not at the menu."""
    fold = fold_of(
        [
            ("switch", "CallArrived", "c1", {"call_id": "c1", "ani": "x", "dnis": "1"}, 1.0),
            ("switch", "CallEnded", "c1", {"call_id": "c1", "by": "caller"}, 5.0),
        ]
    )
    assert fold.calls["c1"].outcome == "ended in menu"
    assert fold.intervals is not None
    assert fold.intervals.tallies == {}


def test_overflow_is_two_visits_of_one_call() -> None:
    """Each queue's books must balance by itself, and the caller's wait is one."""
    q = {"call": "c1", "priority": 0}
    left = {"outcome": "overflowed", "waited_s": 60.0, "agent": "", "reason": WHY}
    left2 = {"outcome": "answered", "waited_s": 30.0, "agent": "anna", "reason": WHY}
    fold = fold_of(
        [
            ("switch", "CallArrived", "c1", {"call_id": "c1", "ani": "x", "dnis": "1"}, 0.0),
            ("decision", "CallEntered", "c1", {**q, "queue": "a", "entered": 1.0}, 1.0),
            ("decision", "CallLeft", "c1", {**q, "queue": "a", "entered": 1.0, **left}, 61.0),
            ("decision", "CallEntered", "c1", {**q, "queue": "b", "entered": 61.0}, 61.0),
            ("decision", "CallLeft", "c1", {**q, "queue": "b", "entered": 61.0, **left2}, 91.0),
        ]
    )
    assert fold.intervals is not None
    a, b = fold.intervals.total("a", 0.0), fold.intervals.total("b", 0.0)
    assert (a.offered, a.flowed_out, b.offered, b.answered) == (1, 1, 1, 1)
    assert (check_books(a), check_books(b)) == (0, 0)
    assert fold.calls["c1"].waited_s == 90.0
    assert fold.calls["c1"].outcome == "talking"


def test_a_callback_is_a_record_of_its_own() -> None:
    """The promise to call back is kept, late or failed; it must be found under its own id."""
    changed = {"callback": "cb", "call": "c1", "queue": "q", "number": "+49301", "due": None}
    q = {"call": "cb", "queue": "q", "entered": 5.0}
    entries: list[Entry] = [
        ("decision", "CallEntered", "cb", {**q, "kind": "callback"}, 10.0),
        ("decision", "CallbackChanged", "c1", {**changed, "state": "queued", "attempts": 0}, 10.0),
        ("switch", "CallEnded", "cb", {"call_id": "cb", "by": "system"}, 20.0),  # an attempt
        ("decision", "CallbackChanged", "c1", {**changed, "state": "retry", "attempts": 1}, 20.0),
        (
            "decision",
            "CallLeft",
            "cb",
            {**q, "kind": "callback", "outcome": "reached", "waited_s": 95.0, "agent": "anna"},
            100.0,
        ),
        ("switch", "CallEnded", "cb", {"call_id": "cb", "by": "caller"}, 160.0),
    ]
    fold = fold_of(entries)
    record = fold.calls["cb"]
    assert (record.direction, record.ani, record.asked_in) == ("callback", "+49301", "c1")
    assert (record.answered, record.ended, record.outcome) == (100.0, 160.0, "reached")
    assert "c1" not in fold.calls


def test_agents_spans_do_not_overlap() -> None:
    """Time by state must add up to the shift; repeated notices must not add to it."""
    fold = RecordFold()
    changes = [("not ready", 0.0), ("ready", 10.0), ("ready", 10.0), ("reserved", 30.0)]
    for state, since in [*changes, ("ready", 10.0), ("talking", 35.0)]:
        data = {"agent": "anna", "state": state, "since": since, "reason": ""}
        fold.feed("decision", "AgentChanged", "", data, since)
    spans = fold.all_spans()
    assert [(s.state, s.start, s.end) for s in spans] == [
        ("not ready", 0.0, 10.0),
        ("ready", 10.0, 30.0),
        ("reserved", 30.0, 35.0),
        ("talking", 35.0, None),
    ]


def test_what_could_not_be_saved_is_taken_again() -> None:
    """A locked database must not lose a record."""
    fold = fold_of(answered_call())
    taken = fold.take_finished()
    assert [record.call_id for record in taken] == ["c1"]
    assert fold.take_finished() == []
    fold.give_back(taken)
    fold.forget(before=1e12)
    assert fold.take_finished() == taken


def test_a_late_change_of_a_saved_call_is_saved_again() -> None:
    """Agents write their notes after the call ended and was written down."""
    entries = answered_call()
    fold = fold_of(entries[:-2])
    assert len(fold.take_finished()) == 1
    fold.feed(*entries[-2])
    assert [r.disposition for r in fold.take_finished()] == ["solved"]


def test_yesterday_is_forgotten_but_not_the_living() -> None:
    """Memory is for today's calls; a call over midnight stays."""
    fold = fold_of(answered_call() + abandoned_call("c2", 50_000.0, 3.0)[:2])
    fold.take_finished()
    fold.forget(before=40_000.0)
    assert list(fold.calls) == ["c2"]
    assert fold.intervals is not None
    assert [start for _, start in fold.intervals.tallies] == [49_500.0]


def test_hostile_text_stays_text() -> None:
    """Names come from the trunk: braces and format fields must not be carried out."""
    evil = "{__class__} {0} %s <script>"
    said = text_of("menu", {"label": evil, "value": "{label}"})
    assert said["en"] == f"{evil}: {{label}}"


def test_a_missing_number_does_not_break_a_timeline() -> None:
    """A record without its wait must still be shown."""
    for kind in TEXTS:
        said = text_of(kind, {"waited_s": None, "talk_s": None, "wrap_up_s": None})
        assert said["en"]
        assert said["zh"]


def test_the_timeline_says_what_happened_in_words() -> None:
    """People read it: ids become names in their language, and each menu step says what it was."""

    def names(kind: str, ident: str, language: str = "") -> str:
        return f"{kind} {ident} ({language})"

    said = text_of("saved", {"agent": "anna", "disposition": "sale"}, names)
    assert said == {
        "en": "agent anna (en): disposition disposition sale (en)",
        "zh": "agent anna (zh)：处理结果 disposition sale (zh)",
    }
    pressed = text_of("menu", {"what": "menu", "label": "Sales", "value": "1"})
    assert pressed == {"en": "Pressed 1: Sales", "zh": "按 1：Sales"}
    assert text_of("menu", {"what": "language", "label": "中文", "value": "zh"})["en"] == (
        "Language: 中文"
    )
    waits = text_of("callback-state", {"state": "queued", "attempts": 0})
    assert waits == {"en": "Callback waits for an agent", "zh": "回拨等待坐席"}
    again = text_of("callback-state", {"state": "retry", "attempts": 2})
    assert again["en"] == "Attempt 2 did not reach the customer; another one follows"
    assert text_of("ended", {"by": "agent"}) == {"en": "Agent hung up", "zh": "坐席挂机"}
    assert text_of("ended", {"by": "a new word"})["en"] == "Call ended"
    closed = text_of("menu", {"what": "hours", "label": "shop", "value": "closed"})
    assert closed["zh"] == "营业时间“shop”：已下班"
    pauses = text_of("action", {"by": "anna", "verb": "record", "detail": "pause"})
    assert pauses == {"en": "anna: recording pauses", "zh": "anna：录音暂停"}
    nothing = text_of("saved", {"agent": "anna", "disposition": ""})
    assert nothing["en"] == "anna saved without a disposition"
    menu = text_of("action", {"by": "anna", "verb": "transfer", "detail": "flow main"}, names)
    assert menu["en"] == "agent anna (en) transfers the call to flow main (en)"
    gone = text_of("ended", {"by": "system", "cause": "transferred"})
    assert gone == {"en": "Gone to somebody outside", "zh": "已转至外线"}
    news = text_of("action", {"by": "anna", "verb": "sings", "detail": "agent bob"})
    assert news["en"] == "anna: sings bob"
    left = text_of("callback", {"value": "declined"})
    assert left["en"] == "Left a number to be called back"
    assert text_of("menu", {"what": "digits", "label": "Order", "value": "123"})["en"] == (
        "Order: 123"
    )


def test_a_transferred_call_is_two_visits_and_two_parts_of_one_call() -> None:
    """Each queue's books and each agent's time are right, and the caller is not told twice."""
    fold = fold_of(transferred_call())
    assert fold.intervals is not None
    billing, service = fold.intervals.total("billing", 0.0), fold.intervals.total("service", 0.0)
    for tally in (billing, service):
        assert (tally.offered, tally.answered, tally.handled) == (1, 1, 1)
        assert check_books(tally) == 0
    assert (transfer_rate(billing), transfer_rate(service)) == (1.0, 0.0)
    assert (aht(billing), aht(service)) == (31.0 + 24.0, 39.0 + 10.0)
    record = fold.calls["t1"]
    # I11: what the caller went through, one after the other, is the whole call.
    assert (record.waited_s, record.talk_s, record.hold_s) == (30.0, 70.0, 0.0)
    assert record.ended == record.arrived + 30.0 + 70.0
    parts = fold.detail(record)["segments"]
    assert [(p["agent"], p["queue"], p["how"]) for p in parts] == [
        ("anna", "billing", "to queue"),
        ("bob", "service", "caller"),
    ]
    assert [(p["wrap_up_s"], p["disposition"]) for p in parts] == [
        (24.0, "by anna"),
        (10.0, "by bob"),
    ]


def test_a_call_that_is_handed_over_is_answered_once() -> None:
    """Two agents had it, one after the other, in one visit: the handle time is that of both."""
    fold = fold_of(consulted_call())
    assert fold.intervals is not None
    tally = fold.intervals.total("billing", 0.0)
    assert (tally.offered, tally.answered, tally.handled, tally.transferred) == (1, 1, 1, 1)
    assert (tally.talk_s, tally.hold_s, tally.wrap_up_s) == (62.0, 18.0, 15.0)
    record = fold.calls["k1"]
    assert record.held == [(3020.0, 3030.0), (3032.0, 3040.0)]  # the consultation included
    assert record.ended == record.arrived + 10.0 + 62.0 + 18.0  # I11
    parts = fold.detail(record)["segments"]
    assert [(p["agent"], p["role"], p["began"], p["ended"], p["how"]) for p in parts] == [
        ("anna", "agent", 3010.0, 3050.0, "to agent"),
        ("zoe", "supervisor", 3016.0, 3045.0, "left"),
        ("bob", "conference", 3025.0, 3050.0, "took over"),
        ("bob", "agent", 3050.0, 3090.0, "caller"),
    ]


def test_books_balance_in_the_middle_of_transfers() -> None:
    """At every moment each caller is counted in one place."""
    fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
    assert fold.intervals is not None
    for entry in sorted(transferred_call() + consulted_call("k1", 2005.0), key=lambda e: e[4]):
        fold.feed(*entry)
        for queue in ("billing", "service"):
            assert check_books(fold.intervals.total(queue, 0.0)) == 0


def test_a_call_that_an_agent_placed_is_in_no_inbound_figure() -> None:
    """Dialling out makes no service level better; it is counted by itself."""
    call = "d1"
    q = {"call": call, "queue": "billing", "entered": 10.0, "kind": "outbound"}
    offer = {"offer": "o1", "call": call, "agent": "anna", "queue": "billing", "number": "+49301"}
    reached = {**q, "outcome": "reached", "waited_s": 5.0, "agent": "anna"}
    entries: list[Entry] = [
        ("decision", "CallEntered", call, q, 10.0),
        ("decision", "Callback", call, offer, 10.0),
        ("decision", "CallLeft", call, reached, 15.0),
        completed(call, "billing", "anna", 45.0, 30.0, 0.0),
        ("switch", "CallEnded", call, {"call_id": call, "by": "agent"}, 45.0),
    ]
    fold = fold_of(entries)
    assert fold.intervals is not None
    tally = fold.intervals.total("billing", 0.0)
    assert (tally.offered, tally.answered, tally.handled) == (0, 0, 0)
    assert (tally.placed, tally.placed_reached) == (1, 1)
    record = fold.calls[call]
    assert (record.direction, record.ani, record.outcome) == ("outbound", "+49301", "reached")
    missed = {**q, "outcome": "not reached", "waited_s": 5.0, "agent": "", "reason": WHY}
    fold = fold_of([*entries[:2], ("decision", "CallLeft", call, missed, 15.0)])
    assert fold.calls[call].ended == 15.0


def test_every_deed_and_every_party_is_in_the_timeline() -> None:
    """In words, in each language; who asks what happened gets an answer."""
    fold = fold_of(transferred_call() + consulted_call())
    said = [
        (entry["kind"], entry["text"]["en"], entry["text"]["zh"])
        for call in ("t1", "k1")
        for entry in fold.detail(fold.calls[call])["timeline"]
    ]
    for row in [
        ("action", "anna transfers the call to service", "anna 将通话转接到 service"),
        (
            "completed",
            "anna gave the call to a queue after 31 s",
            "anna 通话 31 秒后转入队列",
        ),
        ("leg-answered", "zoe is in the call as supervisor", "zoe 以班长身份进入"),
        ("leg-answered", "bob is on the line", "bob 已接入"),
        ("swapped", "Talking with the caller", "与来电者通话"),
        ("conference", "Everybody talks together", "多方通话"),
        ("recording-started", "Recording", "开始录音"),
        ("leg-ended", "zoe left", "zoe 已离开"),
        ("taken", "anna handed the call over to bob", "anna 将通话移交给 bob"),
    ]:
        assert row in said


def test_a_recording_that_is_told_again_is_no_news() -> None:
    """After a restart the switch tells how things stand; people see each change once."""
    named = {"call_id": "c1", "recording_id": "r1"}
    said = ["Started", "Paused", "Started", "Paused", "Resumed", "Paused", "Stopped", "Stopped"]
    fold = fold_of(answered_call()[:13])
    for second, what in enumerate(said):
        fold.feed("switch", f"Recording{what}", "c1", named, 1000.0 + second)
    kinds = [moment.kind for moment in fold.calls["c1"].timeline if "recording" in moment.kind]
    wanted = ["started", "paused", "resumed", "paused", "stopped"]
    assert kinds == [f"recording-{what}" for what in wanted]


def test_a_record_of_an_older_version_gets_its_parts() -> None:
    """An update in the middle of a call costs nothing of its record."""
    entries = answered_call()
    fold = fold_of(entries[:13])
    kept = json.loads(msgspec.json.encode(fold.snapshot()))
    for record in kept["calls"]:
        del record["segments"]
    fold = RecordFold(intervals=IntervalFold(Calendar("UTC")))
    fold.restore(kept)
    for entry in entries[13:]:
        fold.feed(*entry)
    assert fold.calls["c1"].talk_s == 60.0
    assert fold.calls["c1"].wrap_up_s == 10.0


def test_a_button_that_is_pressed_all_day_fills_no_memory() -> None:
    """The call's end and its figures are still right; only its timeline is cut."""
    fold = fold_of(answered_call()[:11])
    record = fold.calls["c1"]
    for n in range(5_000):
        at = 1031.0 + n / 1000
        leg = {"call_id": "c1", "leg_id": f"l{n}", "agent": "bob", "agent_id": "bob"}
        fold.feed("person", "CallAction", "c1", {"by": "anna", "verb": "mute"}, at)
        fold.feed("person", "LegPlaced", "c1", leg, at)
        fold.feed("switch", "LegAnswered", "c1", leg, at)
        fold.feed("switch", "LegEnded", "c1", leg, at)
    for entry in answered_call()[11:]:
        fold.feed(*entry)
    assert len(record.timeline) == MOST_MOMENTS
    assert len(record.segments) == len(record.parties) == MOST_PARTIES
    assert (record.ended, record.talk_s, record.wrap_up_s) == (1100.0, 60.0, 10.0)
