"""What must always hold of work items, checked from the outside, beside `acd.invariants`.

I1  an item is queued, offered, working or over; it goes from one to the other as it may
I2  one end for each item, and none for one that is not there
I3  offered and working items of a kind never exceed the agent's capacity for it when one
    more is offered, and only an agent who is ready gets one
I5  no item with more right waits that the agent may take, and nobody with fewer open items
    could take it
I6  no item waits beside an agent with room who was not asked a moment ago
I12 every offer of an item ends in bounded time
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from acd import decisions as d
from acd import facts as f
from acd.site import Agent, Queue, SkillNeed

TOLERANCE_S: Final = 1e-5

NEXT: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"queued"}),
    "queued": frozenset({"queued", "offered", "withdrawn"}),
    "offered": frozenset({"queued", "working", "withdrawn"}),
    "working": frozenset({"queued", "done", "withdrawn"}),
}


@dataclass(slots=True)
class _Item:
    item: str
    queue: str
    work: str
    needs: tuple[SkillNeed, ...]
    priority: int
    entered: float
    seq: int
    state: str = ""
    agent: str = ""
    deadline: float = 0.0
    asked: set[str] = field(default_factory=set)
    asked_until: float = 0.0


def _fits(skills: Mapping[str, int], need: SkillNeed) -> bool:
    has = (skills.get(need.skill, 0) >= need.level) is not need.below
    return has or any(_fits(skills, other) for other in need.others)


class Floor(Protocol):
    """What the other ledger knows."""

    now: float
    agents: dict[str, d.AgentChanged]

    @property
    def people(self) -> Mapping[str, Agent]: ...
    @property
    def queues(self) -> Mapping[str, Queue]: ...


class ItemLedger:
    """Independent books over the items of one engine. `broken` takes invariant and text."""

    def __init__(self, floor: Floor, broken: Callable[[str, str], None]) -> None:
        self.items: dict[str, _Item] = {}
        self._floor = floor
        self._broken = broken
        self._seq = 0

    def before(self, fact: f.Fact) -> None:
        """A fact that is about to be carried out."""
        if isinstance(fact, f.ItemQueued):
            if fact.item in self.items:
                self._broken("I2", f"item {fact.item} came while it was open")
            queue = self._floor.queues[fact.queue]
            self._seq += 1
            self.items[fact.item] = _Item(
                fact.item,
                fact.queue,
                queue.work,
                fact.needs,
                fact.priority,
                self._floor.now,
                self._seq,
            )
        elif isinstance(fact, f.Resumed):
            for item in self.items.values():
                item.deadline += fact.away_s
                item.asked_until += fact.away_s

    def offer(self, x: d.OfferItem) -> None:
        """An item is offered: is it right?"""
        item, agent = self.items.get(x.item), self._floor.agents.get(x.agent)
        if item is None or item.state != "queued":
            self._broken("I2", f"item {x.item} is offered and does not wait")
            return
        if agent is None or not self._available(agent):
            self._broken("I3", f"{x.agent} is offered item {x.item} and is not ready")
            return
        if self._room(x.agent, item.work) < 1:
            self._broken("I3", f"{x.agent} is offered item {x.item} without room for it")
        if not self._may(x.agent, item, -TOLERANCE_S):
            self._broken("I5", f"{x.agent} may not have item {x.item}")
        for other in self.items.values():
            if (
                other.state == "queued"
                and self._rank(x.agent, other) < self._rank(x.agent, item)
                and self._room(x.agent, other.work) > 0
                and self._may(x.agent, other)
            ):
                self._broken("I5", f"{x.agent} is offered {x.item} before {other.item}")
        mine = self._open(x.agent, item.work)
        for one in self._floor.agents.values():
            if (
                self._available(one)
                and self._room(one.agent, item.work) > 0
                and self._open(one.agent, item.work) < mine
                and self._order(one.agent, item) <= self._order(x.agent, item)
                and self._may(one.agent, item)
            ):
                self._broken("I5", f"{x.agent} is offered {x.item}, {one.agent} has fewer")
        item.deadline = x.deadline

    def changed(self, x: d.ItemChanged) -> None:
        """An item's next state."""
        item = self.items.get(x.item)
        if item is None:
            self._broken("I2", f"item {x.item} is {x.state} and was never there")
            return
        if x.state not in NEXT[item.state]:
            self._broken("I1", f"item {x.item} went from {item.state!r} to {x.state}")
        if (x.work, x.entered) != (item.work, item.entered):
            self._broken("I1", f"item {x.item} is told as another one: {x}")
        if x.state == "working" and x.agent != item.agent:
            self._broken("I4", f"item {x.item} was offered to {item.agent}, {x.agent} has it")
        if x.state == "queued" and x.reason.code in ("item-declined", "item-unanswered"):
            if self._floor.now >= item.asked_until - TOLERANCE_S:
                item.asked.clear()
            item.asked.add(item.agent)
            queue = self._floor.queues.get(item.queue, Queue(""))
            item.asked_until = self._floor.now + queue.rona.pause_s
        item.state, item.queue = x.state, x.queue
        item.agent = x.agent if x.state in ("offered", "working") else ""
        if x.state in ("done", "withdrawn"):
            del self.items[x.item]

    def at_rest(self) -> None:
        """What must hold between two facts."""
        for item in self.items.values():
            if item.state == "":
                self._broken("I1", f"item {item.item} came and is nowhere")
            elif item.state == "offered":
                self._offered(item)
            elif item.state == "working" and self._state(item.agent) == "offline":
                self._broken("I1", f"{item.agent} is gone and has item {item.item}")
            elif item.state == "queued":
                self._waits(item)

    def _offered(self, item: _Item) -> None:
        if self._floor.now > item.deadline + TOLERANCE_S:
            self._broken("I12", f"item {item.item} is offered after its deadline")
        agent = self._floor.agents[item.agent]
        if not self._available(agent):
            self._broken("I3", f"{item.agent} is {agent.state} and is offered {item.item}")

    def _waits(self, item: _Item) -> None:
        for one in self._floor.agents.values():
            if (
                self._available(one)
                and self._room(one.agent, item.work) > 0
                and self._may(one.agent, item)
            ):
                self._broken("I6", f"item {item.item} waits beside {one.agent}, who has room")

    def compare(self, engine: Any) -> None:
        """The engine's own items against these."""
        theirs = {view.item: (view.state, view.agent, view.queue) for view in engine.items()}
        mine = {item.item: (item.state, item.agent, item.queue) for item in self.items.values()}
        if theirs != mine:
            self._broken("I9", f"items by the notices {mine}, in the engine {theirs}")

    # ---------------------------------------------------------------------------------------

    def _state(self, agent: str) -> str:
        known = self._floor.agents.get(agent)
        return "offline" if known is None else known.state

    @staticmethod
    def _available(agent: d.AgentChanged) -> bool:
        return agent.state == "ready" and agent.idle_since is not None

    def _open(self, agent: str, work: str) -> int:
        return sum(
            1
            for item in self.items.values()
            if item.agent == agent and item.work == work and item.state in ("offered", "working")
        )

    def _room(self, agent: str, work: str) -> int:
        known = self._floor.people.get(agent)
        return 0 if known is None else known.capacity.get(work, 0) - self._open(agent, work)

    def _order(self, agent: str, item: _Item) -> int:
        return self._floor.people[agent].order.get(item.queue, 1)

    def _rank(self, agent: str, item: _Item) -> tuple[int, tuple[int, float, int]]:
        return self._order(agent, item), self._key(item)

    def _may(self, agent: str, item: _Item, late_s: float = TOLERANCE_S) -> bool:
        """`late_s`: so long after its time an agent must be asked again; before it may be."""
        known, queue = self._floor.people.get(agent), self._floor.queues.get(item.queue)
        if known is None or queue is None or queue.id not in known.queues:
            return False
        if agent in item.asked and self._floor.now < item.asked_until + late_s:
            return False
        return all(_fits(known.skills, need) for need in (*queue.needs, *item.needs))

    def _key(self, item: _Item) -> tuple[int, float, int]:
        queue = self._floor.queues.get(item.queue)
        return (-(item.priority + (queue.priority if queue else 0)), item.entered, item.seq)
