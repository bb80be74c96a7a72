"""The live store: snapshot plus deltas is the fresh snapshot, from wherever a console resumes."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_console.live import EVERYONE, SUPERVISOR, LiveStore, Outbox, agent_room

ROOMS = (EVERYONE, SUPERVISOR, agent_room("anna"))
KEYS = ("site", "desk", "queue:a", "queue:b", 'agent:"<&\n')
VIEWS = ((EVERYONE,), (EVERYONE, SUPERVISOR), (EVERYONE, ROOMS[2]), ROOMS)

values = st.one_of(
    st.none(), st.integers(-5, 5), st.text(max_size=4), st.lists(st.booleans(), max_size=2)
)
changes = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(ROOMS), st.sampled_from(KEYS), values),
    st.tuples(st.just("drop"), st.sampled_from(ROOMS), st.sampled_from(KEYS), st.none()),
    st.just(("turn", "", "", None)),
)


class Page:
    """What a browser does with the frames of one outbox."""

    def __init__(self) -> None:
        self.entities: dict[str, Any] = {}
        self.epoch = ""
        self.seq = 0

    def hear(self, frames: list[str]) -> None:
        for text in frames:
            frame = json.loads(text)
            if frame["t"] == "snapshot":
                self.entities = {}
            if frame["t"] == "delta":
                assert frame["seq"] > self.seq, "a number came twice"
            for key in frame.get("drop", ()):
                self.entities.pop(key, None)
            self.entities.update(frame.get("put", {}))
            self.epoch = frame.get("epoch", self.epoch)
            self.seq = frame["seq"]


def turn(store: LiveStore, change: tuple[str, str, str, Any]) -> None:
    kind, room, key, value = change
    if kind == "put":
        store.put(room, key, value)
    elif kind == "drop":
        store.drop(room, key)


def in_a_loop(work: Any) -> None:
    """Puts gather only within a loop; outside each is a turn of its own."""

    async def run() -> None:
        work()

    asyncio.run(run())


@settings(max_examples=150, deadline=None)
@given(
    script=st.lists(changes, max_size=60),
    view=st.sampled_from(VIEWS),
    keep=st.sampled_from([0, 1, 3, 1000]),
    reads=st.lists(st.integers(0, 3), min_size=1, max_size=10),
)
def test_snapshot_and_deltas_are_the_fresh_snapshot(
    script: list[Any], view: tuple[str, ...], keep: int, reads: list[int]
) -> None:
    """I9: whatever happens, and however seldom it reads, a console shows what is true."""

    def work() -> None:
        store = LiveStore(keep_dropped=keep)
        outbox, page = store.attach(view), Page()
        page.hear(outbox.open())
        for number, change in enumerate(script):
            turn(store, change)
            if change[0] == "turn":
                store.flush()
            if reads[number % len(reads)] == 0:
                page.hear(outbox.take())
        store.flush()
        page.hear(outbox.take())
        assert page.entities == json.loads(store.snapshot(view))["put"]

    in_a_loop(work)


@settings(max_examples=150, deadline=None)
@given(
    script=st.lists(changes, max_size=50),
    view=st.sampled_from(VIEWS),
    keep=st.sampled_from([0, 1, 3, 1000]),
    leave=st.integers(0, 50),
    back=st.integers(0, 50),
)
def test_resuming_from_any_point_gives_the_same_state(
    script: list[Any], view: tuple[str, ...], keep: int, leave: int, back: int
) -> None:
    """A console that was away comes back to what all others see."""

    def work() -> None:
        store = LiveStore(keep_dropped=keep)
        page = Page()
        outbox: Outbox | None = store.attach(view)
        assert outbox is not None
        page.hear(outbox.open())
        for number, change in enumerate(script):
            turn(store, change)
            if change[0] == "turn":
                store.flush()
                if outbox:
                    page.hear(outbox.take())
            if number == leave and outbox:
                outbox.close()
                outbox = None
            if number == leave + back and outbox is None:
                outbox = store.attach(view)
                page.hear(outbox.open(page.epoch, page.seq))
        if outbox is None:
            outbox = store.attach(view)
            page.hear(outbox.open(page.epoch, page.seq))
        store.flush()
        page.hear(outbox.take())
        assert page.entities == json.loads(store.snapshot(view))["put"]

    in_a_loop(work)


def test_a_short_absence_is_resumed_and_not_sent_anew() -> None:
    """A blink of the network must not cost 5,000 consoles a snapshot each."""
    store = LiveStore()
    store.put(EVERYONE, "site", 1)
    outbox = store.attach([EVERYONE])
    (snapshot,) = outbox.open()
    seq = json.loads(snapshot)["seq"]
    outbox.close()
    store.put(EVERYONE, "queue:a", 2)
    again = store.attach([EVERYONE])
    resumed, delta = again.open(again.epoch, seq)
    assert json.loads(resumed)["t"] == "resumed"
    assert json.loads(delta) == {"t": "delta", "seq": seq + 1, "put": {"queue:a": 2}, "drop": []}


@pytest.mark.parametrize(
    ("epoch", "seq"), [("", 0), ("other.abc", 1), (None, 99), (None, -1), ("' OR 1", 2**53)]
)
def test_a_resume_point_that_is_not_ours_gets_a_snapshot(epoch: str | None, seq: int) -> None:
    """After a restart, or with an invented number, only a snapshot is right."""
    store = LiveStore()
    store.put(EVERYONE, "site", 1)
    outbox = store.attach([EVERYONE])
    (frame,) = outbox.open(outbox.epoch if epoch is None else epoch, seq)
    assert json.loads(frame)["t"] == "snapshot"


def test_a_resume_point_does_not_serve_other_rights() -> None:
    """One who was a supervisor a minute ago must not keep the supervisor's entities."""
    store = LiveStore()
    supervisor = store.attach([EVERYONE, SUPERVISOR], {"me": {"role": "supervisor"}})
    supervisor.open()
    agent = store.attach([EVERYONE], {"me": {"role": "agent"}})
    (frame,) = agent.open(supervisor.epoch, store.seq)
    assert json.loads(frame)["t"] == "snapshot"


def test_an_unchanged_put_sends_nothing() -> None:
    """Publishers may put as often as they like; only changes cost anything."""
    store = LiveStore()
    value = {"a": [1, 2.5, None], "b": "x"}
    assert store.put(EVERYONE, "site", value)
    outbox = store.attach([EVERYONE])
    outbox.open()
    seq = store.seq
    assert not store.put(EVERYONE, "site", {"a": [1, 2.5, None], "b": "x"})
    assert not store.drop(EVERYONE, "never-there")
    assert store.seq == seq
    assert outbox.take() == []
    value["b"] = "changed in place"
    assert store.put(EVERYONE, "site", value), "a value that was changed in place is a change"


async def test_changes_of_one_turn_are_one_delta_with_the_latest_values() -> None:
    """Ten facts handled in a row must not make ten frames."""
    store = LiveStore()
    outbox = store.attach([EVERYONE])
    outbox.open()
    for n in range(10):
        store.put(EVERYONE, "queue:a", n)
        store.put(EVERYONE, f"call:{n}", n)
        store.drop(EVERYONE, f"call:{n - 1}")
    async with asyncio.timeout(1):
        (frame,) = await outbox.next()
    told = json.loads(frame)
    assert told["put"] == {"queue:a": 9, "call:9": 9}
    assert len(told["drop"]) == 9


def test_rooms_keep_to_themselves() -> None:
    """Ben must not see Anna's desk, nor an agent the supervisor's list."""
    store = LiveStore()
    store.put(agent_room("anna"), "desk", "anna's")
    store.put(SUPERVISOR, "call:1", "secret")
    ben = store.attach([EVERYONE, agent_room("ben")])
    assert json.loads(ben.open()[0])["put"] == {}
    store.put(agent_room("anna"), "desk", "anna's still")
    assert ben.take() == []


async def test_a_frame_is_encoded_once_for_all_who_see_it() -> None:
    """5,000 consoles must not cost 5,000 encodings."""
    store = LiveStore()
    boxes = [store.attach([EVERYONE, SUPERVISOR]) for _ in range(5)]
    for box in boxes:
        box.open()
    store.put(SUPERVISOR, "call:1", "x" * 1000)
    store.flush()
    frames = [box.take()[0] for box in boxes]
    assert all(frame is frames[0] for frame in frames)


def test_broken_text_does_not_stop_the_figures() -> None:
    """A caller's name in broken UTF-8 must not make a queue's figures stand still."""
    store = LiveStore()
    store.put(
        EVERYONE, "call:\ud800", {"name": "a\udcffb", "list": ["\ud800"], "nan": float("nan")}
    )
    ((key, value),) = json.loads(store.snapshot((EVERYONE,)))["put"].items()
    assert key == "call:?"
    assert value == {"name": "a?b", "list": ["?"], "nan": None}


def test_memory_is_bounded_however_many_calls_come_and_go() -> None:
    """I15: a day of calls, and consoles that never read, must not fill the memory."""
    store = LiveStore(keep_dropped=100)
    idle = [store.attach([EVERYONE, SUPERVISOR]) for _ in range(50)]
    for box in idle:
        box.open()

    def day(calls: int) -> None:
        for n in range(calls):
            store.put(SUPERVISOR, f"call:{n}", "x" * 200)
            store.put(SUPERVISOR, "queue:a", n)
            store.drop(SUPERVISOR, f"call:{n - 20}")

    tracemalloc.start()
    try:
        day(500)
        before, _ = tracemalloc.get_traced_memory()
        day(5000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
    assert len(idle[0].take()) == 1, "one frame catches up with everything"


def test_answers_that_are_not_read_are_bounded() -> None:
    """A page that asks and never reads is let go instead of filling the memory."""
    outbox = LiveStore().attach([EVERYONE], replies=3)
    assert [outbox.reply(b"{}") for _ in range(5)] == [True, True, True, False, False]


async def test_a_change_goes_before_the_answer_about_it() -> None:
    """The answer to a verb is given in the very turn in which the verb changed something."""
    store = LiveStore()
    outbox = store.attach([EVERYONE])
    outbox.open()
    store.put(EVERYONE, "desk", "ready")
    outbox.reply(b'{"t":"done"}')
    assert [json.loads(frame)["t"] for frame in outbox.take()] == ["delta", "done"]


def test_a_key_that_comes_again_is_not_forgotten_with_its_drop() -> None:
    """Forgetting an old drop must not forget the newer put of the same key."""
    store = LiveStore(keep_dropped=1)
    store.put(EVERYONE, "a", 1)
    store.put(EVERYONE, "b", 1)
    store.drop(EVERYONE, "a")
    seen = store.seq
    outbox = store.attach([EVERYONE])
    store.put(EVERYONE, "a", 2)
    store.drop(EVERYONE, "b")
    page = Page()
    page.entities, page.seq = {"b": 1}, seen
    page.hear(outbox.open(outbox.epoch, seen))
    assert page.entities == {"a": 2}
