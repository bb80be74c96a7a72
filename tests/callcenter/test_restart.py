"""kill -9 at any moment: the next life folds the journal and takes up what lives on the switch."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from callcenter import restart
from cti.virtual.callers import Customer
from cti.virtual.phones import Act, Reaction, always, careless
from reporting.figures import Tally, check_books


def _tally(center: Any) -> Tally:
    total = Tally()
    for tally in center.fold.intervals.tallies.values():
        total += tally
    return total


async def test_folding_the_journal_gives_the_live_state(opened: Any) -> None:
    """I9: what the journal says is all there is; nothing lives only in memory."""
    center = await opened(phones=careless(7, refuse=0.1, ignore=0.1, unreachable=0.0))
    await center.staff("anna", "dana", "ben")
    for n in range(12):
        center.call(talk_s=20.0, patience_s=40.0 + n, digits=("1", "123"[n % 3]))
        await center.run(7.0)
    live = center.router.engine.snapshot()
    center.die()
    kept = await restart.load(center.journal)
    engine = restart.engine_of(kept)
    later = type(center)(center.time, center.switch, center.journal, engine)
    await restart.replay(center.journal, kept, later.router)
    assert later.router.engine.snapshot() == live
    assert later.router.book.calls == center.router.book.calls
    assert _tally(later) == _tally(center)


async def test_calls_in_every_place_survive_the_process(opened: Any) -> None:
    """The menu, the queue, the ring and the conversation: each goes on where it was."""
    center = await opened(phones=lambda agent: Reaction(after_s=0.0 if agent == "anna" else 9.0))
    await center.staff("anna")
    talking = center.call(talk_s=300.0)
    await center.run(20.0)
    ringing = center.call(talk_s=300.0)
    await center.run(20.0)
    await center.staff("dana")
    await center.run(2.0)
    first = center.call(talk_s=300.0)
    await center.run(15.0)
    second = center.call(talk_s=300.0)
    await center.run(15.0)
    menu = center.call(talk_s=300.0)
    await center.run(2.0)
    before = {call: center.fold.calls[call].outcome for call in (talking, ringing, first, second)}
    entered = {call: center.router.engine.visit(call).entered for call in (first, second)}
    center.die()
    await_s = 5.0
    center.time.run(until=center.time.now() + await_s)
    again = await opened(after=center)
    assert {call: again.fold.calls[call].outcome for call in before} == before
    assert {c: again.router.engine.visit(c).entered for c in entered} == entered
    assert [w.call for w in again.router.engine.waiting("sales")] == [first, second]
    await again.run(90.0)  # nobody presses anything any more: the menu gives up by itself
    assert again.fold.calls[menu].queue == "support"
    assert [w.call for w in again.router.engine.waiting("sales")] == [first, second]
    assert check_books(_tally(again)) == 0


async def test_an_offer_that_our_absence_ended_blames_nobody(opened: Any) -> None:
    """The agent's phone rang while we were away: no RONA, the caller keeps the place."""
    center = await opened(phones=always(Reaction(Act.IGNORE)))
    await center.staff("anna")
    call = center.call()
    await center.run(18.0)
    assert center.state("anna") == "reserved"
    center.die()
    center.time.run(until=center.time.now() + 60.0)
    again = await opened(after=center)
    await again.run(1.0)
    assert again.router.engine.agent_view("anna").reason != "no answer"
    assert again.outcome(call) == "waiting"


async def test_a_call_that_ended_while_we_were_away_is_over(opened: Any) -> None:
    """Nobody talks for ever with a caller who hung up when we did not look."""
    center = await opened()
    await center.staff("anna")
    call = center.call(talk_s=20.0)
    await center.run(20.0)
    assert center.state("anna") == "talking"
    center.die()
    center.time.run(until=center.time.now() + 60.0)
    again = await opened(after=center)
    assert again.outcome(call) == "answered"
    assert again.fold.calls[call].ended is not None
    assert again.state("anna") == "wrap-up"


async def test_who_waited_before_can_still_ask_for_a_callback(opened: Any) -> None:
    """The queue's way of waiting is the site's, not a default that we begin with."""
    center = await opened()
    call = center.call(patience_s=900.0)
    await center.run(30.0)
    center.die()
    again = await opened(after=center)
    await again.run(60.0)  # an announcement came, and then our own order to wait on
    again.switch.press(call, "1")
    await again.run(1.0)
    visits = [e.decode() for e in again.journal.entries if e.kind == "WaitVisited"]
    assert visits[-1]["digit"] == "1"


async def test_who_overflowed_waits_as_the_other_queue_does(opened: Any) -> None:
    """Music, keys and announcements are those of the queue that the caller is in."""
    center = await opened()
    call = center.call(patience_s=900.0)
    await center.run(260.0)
    assert center.router.engine.visit(call).queue == "support"
    assert center.switch._calls[call].wait.queue == "support"


async def test_a_callback_that_is_being_dialled_survives_us(opened: Any) -> None:
    """Killed while the customer's phone rings: nobody is taken for reached who is not."""
    center = await opened(customers=lambda number: Customer("busy", 20.0))
    call = center.call(digits=("1", "1", "1", "1"), patience_s=600.0)
    await center.run(90.0)
    await center.staff("anna")
    await center.run(5.0)
    assert center.router.engine.visit(f"cb-{call}").place == "dialling"
    center.die()
    again = await opened(after=center)
    await again.run(1.0)
    assert again.router.engine.visit(f"cb-{call}").place == "dialling"
    await again.run(30.0)
    assert again.router.engine.visit(f"cb-{call}").place == "retry"
    assert again.state("anna") == "ready"


@pytest.mark.parametrize("seed", range(25))
async def test_killed_again_and_again_nothing_is_lost_or_counted_twice(
    opened: Any, seed: int
) -> None:
    """Random load, random kills, some snapshots: each call ends once and the books balance."""
    dice = random.Random(seed)
    center = await opened(phones=careless(seed, refuse=0.1, ignore=0.1, unreachable=0.05))
    agents = ["anna", "dana", "ben", "emeka"]
    await center.staff(*agents)
    calls: list[str] = []
    for _ in range(30):
        calls.append(
            center.call(
                digits=(dice.choice("12"), dice.choice("123"), "", "1", "1")[: dice.randint(0, 5)],
                patience_s=dice.uniform(5.0, 120.0),
                talk_s=dice.uniform(2.0, 60.0),
            )
        )
        await center.run(dice.uniform(0.0, 12.0))
        if dice.random() < 0.2:
            await restart.keep(center.journal, center.router)
        if dice.random() < 0.3:
            center.die()
            center.time.run(until=center.time.now() + dice.uniform(0.0, 20.0))
            center = await opened(after=center)
        for agent in agents:
            if center.state(agent) in ("not ready", "fault", "wrap-up"):
                await _come_back(center, agent)
    for _ in range(60):
        await center.run(20.0)
        for agent in agents:
            if center.state(agent) in ("not ready", "fault", "wrap-up"):
                await _come_back(center, agent)
    print(f"replay with seed {seed}")
    assert center.switch.live == ()
    for call in calls:
        kinds = center.journal.kinds(call)
        assert kinds.count("CallArrived") == 1, call
    tally = _tally(center)
    assert tally.waiting == 0
    assert check_books(tally) == 0
    left = [e for e in center.journal.entries if e.kind == "CallLeft"]
    keys = [(e.call_id, e.decode()["queue"], e.decode()["entered"]) for e in left]
    assert len(keys) == len(set(keys))


async def _come_back(center: Any, agent: str) -> None:
    if center.state(agent) == "wrap-up":
        call = center.router.call_of(agent).call_id
        await center.floor.wrap_up(agent, call, "solved", "", "ready")
    else:
        await center.floor.ready(agent)


@pytest.mark.parametrize("damage", ["cut", "version", "book", "all"])
async def test_a_snapshot_that_cannot_be_read_costs_no_call(opened: Any, damage: str) -> None:
    """A snapshot is a short cut: without it the older one, or the whole journal, says it all."""
    center = await opened()
    await center.staff("anna")
    talking = center.call(talk_s=300.0)
    await center.run(20.0)
    await restart.keep(center.journal, center.router)
    waiting = center.call(talk_s=30.0, patience_s=900.0)
    await center.run(20.0)
    await restart.keep(center.journal, center.router)
    older, newest = center.journal.snapshots
    state = msgspec.json.decode(newest.blob)
    if damage == "cut":
        newest.blob = newest.blob[:1000]
    elif damage == "version":
        newest.blob = msgspec.json.encode({**state, "engine": {**state["engine"], "version": 99}})
    else:
        newest.blob = msgspec.json.encode({**state, "book": [{"call_id": 5}]})
    if damage == "all":
        older.blob = b""
    live = center.router.engine.snapshot()
    center.die()
    kept = await restart.load(center.journal)
    assert kept.seq == (0 if damage == "all" else older.seq)
    after = await opened(after=center)
    assert set(after.router.book.calls) == {talking, waiting}
    assert after.state("anna") == "talking"
    assert {visit["call"] for visit in after.router.engine.snapshot()["visits"]} == {
        visit["call"] for visit in live["visits"]
    }
