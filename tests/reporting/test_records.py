"""Call records: folded from journal entries, whatever order or repetition they come in."""

from __future__ import annotations

import random
from typing import Any

import pytest

from reporting.figures import check_books
from reporting.intervals import Calendar, IntervalFold
from reporting.records import RecordFold
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

    said = text_of("saved", {"disposition": "sale"}, names)
    assert said == {
        "en": "Disposition: disposition sale (en)",
        "zh": "处理结果：disposition sale (zh)",
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
    left = text_of("callback", {"value": "declined"})
    assert left["en"] == "Left a number to be called back"
    assert text_of("menu", {"what": "digits", "label": "Order", "value": "123"})["en"] == (
        "Order: 123"
    )
