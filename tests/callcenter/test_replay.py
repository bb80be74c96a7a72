"""What the journal says is all there is: any part of it gives the state that was."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from acd import facts as f
from acd.engine import Engine
from callcenter import restart
from cti.virtual.callers import Customer
from cti.virtual.phones import careless
from reporting.figures import Tally, check_books


def _tally(center: Any) -> Tally:
    total = Tally()
    for tally in center.fold.intervals.tallies.values():
        total += tally
    return total


def _customers(seed: int) -> Any:
    dice = random.Random(seed)
    outcomes = ("answer", "answer", "busy", "no answer")
    return lambda number: Customer(dice.choice(outcomes), dice.uniform(0, 20), dice.uniform(1, 60))


async def _wild(opened: Any, seed: int) -> Any:
    center = await opened(
        phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05), customers=_customers(seed)
    )
    await center.staff("anna", "dana")
    return center


async def _folded(center: Any, entries: list[Any] | None = None, snapshots: Any = ()) -> Any:
    """A router folded from (a part of) the journal of another; nothing is taken up yet."""
    journal = type(center.journal)()
    journal.entries = list(center.journal.entries if entries is None else entries)
    journal.snapshots = list(snapshots)
    kept = await restart.load(journal)
    later = type(center)(center.time, center.switch, journal, restart.engine_of(kept))
    await restart.replay(journal, kept, later.router)
    return later


def _picture(center: Any) -> dict[str, Any]:
    """Everything that survives a restart."""
    return {
        "engine": center.router.engine.snapshot(),
        "book": center.router.book.calls,
        "phones": center.router.phones.chosen,
        "spans": center.fold.open_spans,
    }


@pytest.mark.parametrize("seed", range(12))
async def test_the_journal_alone_gives_the_live_state(
    opened: Any, wild_dice: Any, seed: int
) -> None:
    """I9 after callbacks, overflow, holds and restless agents: nothing lives only in memory."""
    center = await _wild(opened, seed)
    await wild_dice(seed).happen(center, 120)
    later = await _folded(center)
    assert _picture(later) == _picture(center)
    assert later.fold.calls == center.fold.calls
    assert _tally(later) == _tally(center)
    assert check_books(_tally(center)) == 0


@pytest.mark.parametrize("seed", range(6))
async def test_a_snapshot_and_the_rest_give_the_live_state(
    opened: Any, wild_dice: Any, seed: int
) -> None:
    """The same with a snapshot from the middle of it, however long the calls are."""
    center = await _wild(opened, seed)
    dice = wild_dice(seed)
    for _ in range(4):
        await dice.happen(center, 30)
        center.fold.take_finished()  # on disk: a restart does not get them from the journal
        await restart.keep(center.journal, center.router)
    await dice.happen(center, 15)
    later = await _folded(center, snapshots=center.journal.snapshots)
    assert _picture(later) == _picture(center)
    for call, record in later.fold.calls.items():
        assert record == center.fold.calls[call]
    live = {r.call_id for r in center.fold.calls.values() if r.ended is None}
    assert live <= set(later.fold.calls)


@pytest.mark.parametrize("seed", range(3))
async def test_a_crash_between_a_fact_and_its_decisions_changes_nothing(
    opened: Any, wild_dice: Any, seed: int
) -> None:
    """Batches end anywhere: what a fact decided is the same whether it was written down or not."""
    center = await _wild(opened, seed)
    await wild_dice(seed).happen(center, 60)
    entries = center.journal.entries
    dice = random.Random(seed)
    begins = [n for n, entry in enumerate(entries) if entry.stream == "acd"]
    for begin in dice.sample(begins, 25):
        end = begin + 1
        while end < len(entries) and entries[end].stream == "decision":
            end += 1
        whole = await _folded(center, entries[:end])
        for cut in range(begin + 1, end):
            part = await _folded(center, entries[:cut])
            assert part.journal.kinds() == whole.journal.kinds()
            assert part.router.engine.snapshot() == whole.router.engine.snapshot()
            assert part.router.book.calls.keys() == whole.router.book.calls.keys()
            assert _tally(part) == _tally(whole)


async def test_a_deadline_that_passed_before_the_crash_is_not_passed_again(opened: Any) -> None:
    """Who overflowed and then lost us is not sent on a second time, nor counted twice."""
    center = await opened()
    call = center.call(patience_s=1000.0)
    while not any(entry.kind == "CallLeft" for entry in center.journal.entries):
        await center.run(1.0)
    center.die()
    again = await opened(after=center)
    assert again.router.engine.visit(call).queue == "support"
    await again.run(400.0)
    assert again.journal.kinds(call).count("CallLeft") == 1
    assert again.journal.kinds(call).count("CallEntered") == 2
    assert _tally(again).offered == 2


async def test_a_long_call_does_not_spoil_the_records_of_short_ones(opened: Any) -> None:
    """What is on disk as a whole record must not be overwritten by its second half."""
    center = await opened()
    await center.staff("anna")
    short = center.call(ani="+12025550111", talk_s=40.0)
    await center.run(4.0)
    long = center.call(digits=(), patience_s=5000.0)  # arrives while the short call is in the menu
    await center.run(60.0)
    await center.floor.wrap_up("anna", short, "solved", "", "not_ready")
    assert center.fold.take_finished()
    for _ in range(4):
        await center.run(30.0)
        await restart.keep(center.journal, center.router)
    later = await _folded(center, snapshots=center.journal.snapshots)
    assert long in later.router.book.calls
    assert [r.ani for r in later.fold.take_finished() if r.call_id == short] == []


async def test_nobody_is_signed_in_twice_by_a_refusal(opened: Any) -> None:
    """A refused fact is in the journal too, and changes as little when it is read again."""
    center = await opened()
    await center.staff("anna")
    assert center.router.act(f.AgentSignedIn("anna")) is not None
    later = await _folded(center)
    assert _picture(later) == _picture(center)


@pytest.mark.parametrize("broken", ["journal", "engine", "book"])
async def test_one_entry_that_cannot_be_taken_keeps_nobody_from_starting(
    opened: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A row of another version, or a fault of ours that is in the journal for ever."""
    center = await opened()
    call = center.call()
    await center.run(1.0)
    await center.staff("anna")
    await center.floor.not_ready("anna", "lunch")
    entries = list(center.journal.entries)
    nth = next(n for n, entry in enumerate(entries) if entry.kind == "AgentNotReady")
    if broken == "journal":
        entries[nth:nth] = [replace(entries[nth], data=b'{"agent": 7}')]
    elif broken == "engine":
        handle = Engine.handle

        def faulty(engine: Engine, fact: f.Fact, now: float) -> Any:
            if isinstance(fact, f.AgentNotReady) and not faults:
                faults.append(fact)
                raise KeyError("a fault of ours")
            return handle(engine, fact, now)

        faults: list[f.Fact] = []
        monkeypatch.setattr(Engine, "handle", faulty)
        entries[nth:nth] = [entries[nth]]
    else:
        strange = {"call_id": call, "leg_id": "l", "by": "anna", "supervision": "coach"}
        data = msgspec.json.encode(strange)
        entries[nth:nth] = [replace(entries[nth], stream="person", kind="LegPlaced", data=data)]
    later = await _folded(center, entries)
    assert later.state("anna") == "not ready"
