"""Wild floors with work items beside the calls, under the invariants; and planted bugs of items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from acd import decisions as d
from acd import facts as f
from acd import items
from acd.engine import HANDLERS
from acd.floor import Floor
from acd.site import Agent, Queue, Rona, Site, SkillNeed
from tests.acd.test_wild_floor import Wild

CALLS = (
    Queue("sales", ring_s=10.0, wrap_up_s=20.0, rona=Rona(2, "pause", 25.0)),
    Queue("rest", priority=2, wrap_up_s=None, callback_attempts=1),
)
CHATS = Queue("chats", work="chat", ring_s=20.0, rona=Rona(2, "not ready", 15.0))
TASKS = Queue(
    "tasks", work="task", priority=1, choice="round-robin", ring_s=60.0, rona=Rona(1, "pause", 9.0)
)
SITE = Site(
    (*CALLS, CHATS, TASKS),
    (
        Agent("anna", "", ("sales", "chats"), {"german": 3}, capacity={"chat": 2, "task": 1}),
        Agent("bob", "", ("sales", "rest", "chats")),
        Agent(
            "cleo", "", ("rest", "chats", "tasks"), {"german": 2}, capacity={"chat": 1, "task": 3}
        ),
        Agent("dan", "", ("tasks",), capacity={"task": 1}),
    ),
)
SMALL = Site(
    (CALLS[0], Queue("new", work="task", choice="fewest-calls")),
    (
        Agent("anna", "", ("sales", "new"), capacity={"task": 1}),
        Agent("cleo", "", ("sales", "new")),
        Agent("eve", "", ("sales", "new"), capacity={"task": 2}),
    ),
)


class WildItems(Wild):
    """Half of what happens is about items; staffing moves people between their queues."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, (SITE, SMALL))

    def draw(self) -> f.Fact:
        """See `Wild.draw`."""
        return self.draw_item() if self.random.random() < 0.45 else super().draw()

    def draw_item(self) -> f.Fact:
        """An item comes, or something becomes of one."""
        r = self.random
        open_ = self.live.items()
        if not open_ or r.random() < 0.3:
            self.calls += 1
            needs = r.choice(((), (), (SkillNeed("german", 2),)))
            queue = r.choice(("chats", "chats", "tasks", "new", "sales"))
            return f.ItemQueued(f"i{self.calls}", queue, needs, r.choice((0, 0, 2)))
        offered = [one for one in open_ if one.offer]
        if offered and r.random() < 0.7:
            kinds = (f.OfferAccepted, f.OfferAccepted, f.OfferDeclined, f.OfferUnanswered)
            return r.choice(kinds)(r.choice(offered).offer)
        item = r.choice(open_).item
        return r.choice((f.ItemDone(item), f.ItemDone(item), f.ItemWithdrawn(item)))

    def draw_staffing(self, agent: str) -> f.Fact:
        """See `Wild.draw_staffing`."""
        r = self.random
        queues = r.choice((None, ("sales", "chats"), ("tasks",), ("new", "sales"), ()))
        skills = r.choice((None, None, {"german": 2}, {}))
        order = r.choice((None, None, {"chats": 2, "sales": 2}, {"tasks": 3}))
        return f.AgentStaffed(agent, queues, skills, order, r.random() < 0.3, "zoe")

    def drain(self) -> None:
        """See `Wild.drain`."""
        for item in self.live.items():
            self.tell(f.ItemWithdrawn(item.item))
        super().drain()


def test_wild_floors_with_items_keep_every_invariant() -> None:
    """I1-I3, I5, I6, I9, I12 of items and of calls, through restarts and new configurations."""
    met: set[str] = set()
    for seed in range(1, 101):
        wild = WildItems(seed)
        try:
            wild.run(120)
            engine, decisions = wild.folded()
            wild.checked.tick(wild.now)
            assert engine.snapshot() == wild.live.snapshot(), "fold(journal) is not the live state"
            assert decisions == wild.decisions, "fold(journal) decides differently"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        met |= {x.reason.code for x in wild.decisions if isinstance(x, d.ItemChanged)}
        met |= {x.code for x in wild.decisions if isinstance(x, d.Refused)}
    assert met >= {"item-fewest", "item-only-room", "item-accepted", "item-declined", "item-done"}
    assert met >= {"item-unanswered", "item-call-first", "agent-signed-out", "item-not-served"}
    assert met >= {
        "agent-not-ready",
        "queue-removed",
        "item-withdrawn",
        "not-for-items",
        "item-over",
    }


# Planted bugs ----------------------------------------------------------------------------


def _attribute(name: str, bug: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(items, name, bug)


def _open_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(items.Desk, "open", lambda desk, work: 0)


def _last_come_first_served(patch: pytest.MonkeyPatch) -> None:
    real = items._first_pair

    def bug(line: items.ItemLine) -> Any:
        line.waiting.reverse()
        pair = real(line)
        line.waiting.reverse()
        return pair

    patch.setattr(items, "_first_pair", bug)


def _done_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    changed = {**HANDLERS, f.ItemDone: lambda floor, fact: None}
    patch.setattr("acd.engine.HANDLERS", changed)


def _signed_out_keeps_items(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(items, "_why_back", lambda agent, item, may: None)


def _lost_when_declined(floor: Floor, fact: f.OfferDeclined) -> None:
    item = floor.work.offers[fact.offer]
    items._off_desk(floor, item)


def _declined_is_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "acd.engine.HANDLERS",
        {
            **HANDLERS,
            f.OfferDeclined: lambda floor, fact: (
                _lost_when_declined if fact.offer in floor.work.offers else HANDLERS[type(fact)]
            )(floor, fact),
        },
    )


BUGS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "more than the capacity": _open_is_forgotten,
    "an offer stays during a call": _attribute(
        "_why_back", lambda agent, item, may: items.SIGNED_OUT if agent.state == "offline" else None
    ),
    "last come, first served": _last_come_first_served,
    "an item that is done stays open": _done_is_forgotten,
    "who is gone keeps the items": _signed_out_keeps_items,
    "a declined item is lost": _declined_is_lost,
    "nobody is looked for": _attribute("settle", lambda floor: floor.work.changed.clear()),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The books of items find what they are there to find."""
    BUGS[bug](monkeypatch)
    for seed in range(1, 41):
        try:
            WildItems(seed).run(120)
        except AssertionError:  # of the ledger, or of the fact that is told twice
            return
    pytest.fail(f"not caught: {bug}")
