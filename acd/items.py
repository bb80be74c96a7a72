"""Work items: chats, tasks and whatever else is no call, beside the calls.

An item waits in the line of its queue (`Queue.work` is its kind), is offered to an agent who
has room for one more of that kind (`Agent.capacity`), and is the agent's until it is done.

Voice comes first. An agent with items stays available for calls; one who is rung for a call,
talks, wraps up or is paused is offered no items, and an open offer is taken back then. Items
that were accepted stay with the agent, who only loses them by signing out: they go back to the
line, at their place by arrival. So calls know nothing of items: an agent who takes items is
noted in `Work.changed` at each change of state, and `settle` sees to the rest once the fact or
timer is done with.

                       agent with room            accepted
    queued ───────────────▶ offered ─────────────▶ working ──▶ done
      ▲                        │  declined, no answer,            │
      └────────────────────────┘  a call comes first              │  withdrawn: from anywhere
      └───────────── the agent signs out ─────────────────────────┘
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

from acd import choice, rona
from acd import decisions as d
from acd import facts as f
from acd.refusals import Refusal
from acd.site import CALL, SkillNeed
from acd.states import OFFLINE, READY
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor
    from acd.lines import Line, QueueState

MAX_ITEMS: Final = 20_000
"""How many items may be open; a program that sends more is refused."""

MAX_OVER: Final = 1_000
"""How many finished items are remembered, to know late news from a new item."""

ItemState = Literal["queued", "offered", "working"]
QUEUED: Final = "queued"
OFFERED: Final = "offered"
WORKING: Final = "working"

ARRIVED: Final = d.Reason("item-queued")
ACCEPTED: Final = d.Reason("item-accepted")
DECLINED: Final = d.Reason("item-declined")
UNANSWERED: Final = d.Reason("item-unanswered")
CALL_FIRST: Final = d.Reason("item-call-first")
NOT_READY: Final = d.Reason("agent-not-ready")
SIGNED_OUT: Final = d.Reason("agent-signed-out")
NO_LONGER: Final = d.Reason("item-not-served")
QUEUE_REMOVED: Final = d.Reason("queue-removed")
DONE: Final = d.Reason("item-done")

ItemKey = tuple[int, float, int, "Item"]
"""The order of serving: higher priority, earlier arrival, earlier seen."""

RoomKey = tuple[int, int, float, float, int, "AgentRecord"]
"""Who is asked first: `Agent.order`, fewest open items of this kind, the queue's choice, longest
without a new one, who became so first."""


class Item:
    """One work item. `asked`: who declined or missed it a moment ago and is not asked now."""

    __slots__ = (
        "again",
        "arrived",
        "asked",
        "deadline",
        "holder",
        "id",
        "key",
        "line",
        "needs",
        "offer",
        "priority",
        "seq",
        "state",
        "timer",
        "work",
    )

    def __init__(
        self,
        item: str,
        line: Line,
        needs: tuple[SkillNeed, ...],
        priority: int,
        arrived: float,
        seq: int,
    ) -> None:
        self.id = item
        self.line = line
        self.work = line.queue.config.work
        self.needs = needs
        self.priority = priority
        self.arrived = arrived
        self.seq = seq
        self.key: ItemKey | None = None  # while it is in its line
        self.state: ItemState = QUEUED
        self.holder: AgentRecord | None = None  # while offered or working
        self.offer = ""
        self.deadline: float | None = None
        self.timer = NO_TIMER  # of the offer
        self.asked: tuple[str, ...] = ()
        self.again = NO_TIMER  # then they are asked again


class Desk:
    """What an agent who takes items has of them."""

    __slots__ = ("free_since", "items", "keys", "seq")

    def __init__(self, since: float, seq: int) -> None:
        self.items: dict[str, Item] = {}  # offered and working, oldest first
        self.free_since = since  # when the agent last got or ended an item
        self.seq = seq  # no two agents have the same
        self.keys: dict[ItemLine, RoomKey] = {}  # the places among those with room

    def open(self, work: str) -> int:
        """How many of a kind the agent has; few, so they are counted."""
        return sum(1 for item in self.items.values() if item.work == work)


class ItemLine:
    """The waiting items of a line, and who has room for them; both sorted."""

    __slots__ = ("line", "room", "waiting")

    def __init__(self, line: Line) -> None:
        self.line = line
        self.waiting: list[ItemKey] = []
        self.room: list[RoomKey] = []


class Work:
    """All items; and until `settle`, whose room and which lines have to be looked at again."""

    __slots__ = ("changed", "items", "lines", "offers", "over", "touched")

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.offers: dict[str, Item] = {}
        self.lines: dict[Line, ItemLine] = {}
        self.over: dict[str, None] = {}  # finished items, oldest first
        self.changed: dict[str, AgentRecord] = {}
        self.touched: dict[Line, None] = {}

    def remember_over(self, item: str) -> None:
        """Late news of it is refused for a while."""
        self.over[item] = None
        if len(self.over) > MAX_OVER:
            del self.over[next(iter(self.over))]


# Facts ------------------------------------------------------------------------------------


def queued(floor: Floor, fact: f.ItemQueued) -> None:
    """An item comes: to an agent with room at once, or into the line."""
    work = floor.work
    if fact.item in work.items:
        raise Refusal("item-known", f"item {fact.item} is open already")
    if fact.item in work.over:
        raise Refusal("item-over", f"item {fact.item} is over")
    queue = floor.queues.get(fact.queue)
    if queue is None:
        raise Refusal("unknown-queue", f"no queue {fact.queue}")
    if queue.config.work == CALL:
        raise Refusal("not-for-items", f"queue {fact.queue} is for calls")
    if len(work.items) >= MAX_ITEMS:
        raise Refusal("too-many-items", f"{MAX_ITEMS} items are open already")
    line = floor.matching.line(queue, fact.needs)
    item = Item(fact.item, line, fact.needs, fact.priority, floor.now, floor.next_seq())
    work.items[item.id] = item
    line.visits += 1
    _put_in_line(floor, item, ARRIVED)


def accepted(floor: Floor, fact: f.OfferAccepted) -> None:
    """The agent takes the item."""
    item = floor.work.offers[fact.offer]
    agent = _close(floor, item)
    item.state = WORKING
    agent.misses = 0
    if item.line.queue.remembers:
        choice.counted(agent, item.line.queue)
    _tell(floor, item, WORKING, ACCEPTED)
    floor.work.changed[agent.id] = agent


def declined(floor: Floor, fact: f.OfferDeclined) -> None:
    """The agent stays ready; somebody else is asked."""
    _not_taken(floor, floor.work.offers[fact.offer], DECLINED)


def unanswered(floor: Floor, fact: f.OfferUnanswered) -> None:
    """The agent did not react: RONA, by the queue's rule."""
    _missed(floor, floor.work.offers[fact.offer])


def offer_time_over(floor: Floor, item_id: str) -> None:
    """The same, as the clock says."""
    _missed(floor, floor.work.items[item_id])


def done(floor: Floor, fact: f.ItemDone) -> None:
    """The agent has room again."""
    item = _item(floor, fact.item)
    if item.state != WORKING:
        raise Refusal("item-not-working", f"item {item.id} is {item.state}")
    _end(floor, item, "done", DONE)


def withdrawn(floor: Floor, fact: f.ItemWithdrawn) -> None:
    """Nobody needs it done, wherever it is."""
    reason = d.Reason("item-withdrawn", {"why": fact.why})
    _end(floor, _item(floor, fact.item), "withdrawn", reason)


def ask_again(floor: Floor, item_id: str) -> None:
    """Those who declined or missed it may be asked again."""
    item = floor.work.items[item_id]
    item.again = NO_TIMER
    item.asked = ()
    if item.state == QUEUED:
        floor.work.touched[item.line] = None


def _item(floor: Floor, item_id: str) -> Item:
    item = floor.work.items.get(item_id)
    if item is None:
        if item_id in floor.work.over:
            raise Refusal("item-over", f"item {item_id} is over")
        raise Refusal("unknown-item", f"no item {item_id}")
    return item


# Ends -------------------------------------------------------------------------------------


def _close(floor: Floor, item: Item) -> AgentRecord:
    """End an item's offer, if there is one; its agent has the item still, and is returned."""
    if item.offer:
        floor.timers.cancel(item.timer)
        item.timer = NO_TIMER
        item.deadline = None
        del floor.work.offers[item.offer]
        item.offer = ""
    assert item.holder is not None
    return item.holder


def _not_taken(floor: Floor, item: Item, reason: d.Reason) -> AgentRecord:
    """Somebody else is asked, and this agent not before a while."""
    agent = _close(floor, item)
    item.asked = (*item.asked, agent.id)
    floor.timers.cancel(item.again)
    due = floor.now + item.line.queue.config.rona.pause_s
    item.again = floor.timers.start(due, "item-again", item.id)
    _back_to_line(floor, item, reason)
    return agent


def _missed(floor: Floor, item: Item) -> None:
    rule = item.line.queue.config.rona
    rona.missed(floor, _not_taken(floor, item, UNANSWERED), rule)


def _back_to_line(floor: Floor, item: Item, reason: d.Reason) -> None:
    """From an agent, to the place by arrival."""
    _off_desk(floor, item)
    if _is_homeless(item) and not _rehome(floor, item):
        _end(floor, item, "withdrawn", QUEUE_REMOVED)
    else:
        _put_in_line(floor, item, reason)


def _off_desk(floor: Floor, item: Item) -> None:
    agent = _close(floor, item)
    desk = agent.desk
    assert desk is not None
    del desk.items[item.id]
    desk.free_since = floor.now
    item.holder = None
    floor.work.changed[agent.id] = agent


def _end(floor: Floor, item: Item, state: str, reason: d.Reason) -> None:
    """Once and for all."""
    _tell(floor, item, state, reason)
    if item.key is not None:
        _leave_line(floor, item)
    if item.holder is not None:
        _off_desk(floor, item)
    floor.timers.cancel(item.again)
    del floor.work.items[item.id]
    floor.work.remember_over(item.id)
    _line_left(floor, item.line)


def _tell(floor: Floor, item: Item, state: str, reason: d.Reason) -> None:
    agent = "" if item.holder is None else item.holder.id
    floor.out.append(
        d.ItemChanged(item.id, item.line.queue.id, item.work, state, agent, item.arrived, reason)
    )


# Lines ------------------------------------------------------------------------------------


def _line_of(floor: Floor, line: Line) -> ItemLine:
    """The items' side of a line, with everybody who has room for them."""
    known = floor.work.lines.get(line)
    if known is None:
        known = floor.work.lines[line] = ItemLine(line)
        for group in line.groups:
            for agent in group.members.values():
                _list_in(agent, line, known)
    return known


def _line_left(floor: Floor, line: Line) -> None:
    """An item is out of a line; one that is no queue's own may be forgotten when unused."""
    line.visits -= 1
    known = floor.work.lines.get(line)
    if line.visits or known is None or line.queue.retired:
        return
    if not _is_own(floor, line):
        del floor.work.lines[line]
        for key in known.room:
            desk = key[-1].desk
            if desk is not None:
                desk.keys.pop(known, None)


def _is_own(floor: Floor, line: Line) -> bool:
    """Whether it is the line of items that need no more than their queue asks for."""
    return floor.matching.line(line.queue, ()) is line


def _put_in_line(floor: Floor, item: Item, reason: d.Reason) -> None:
    item.state = QUEUED
    priority = item.line.queue.config.priority + item.priority
    item.key = (-priority, item.arrived, item.seq, item)
    insort(_line_of(floor, item.line).waiting, item.key)
    floor.work.touched[item.line] = None
    _tell(floor, item, QUEUED, reason)


def _leave_line(floor: Floor, item: Item) -> None:
    waiting = floor.work.lines[item.line].waiting
    assert item.key is not None
    del waiting[bisect_left(waiting, item.key)]
    item.key = None


# Who has room -----------------------------------------------------------------------------


def available(agent: AgentRecord) -> bool:
    """Whether the agent may be offered items now, if there is room for them."""
    return agent.state == READY and agent.paused_until is None and not agent.removed


def _unlist(agent: AgentRecord) -> None:
    assert agent.desk is not None
    for line, key in agent.desk.keys.items():
        del line.room[bisect_left(line.room, key)]
    agent.desk.keys.clear()


def _list(floor: Floor, agent: AgentRecord) -> None:
    """Put an agent among those who are asked, wherever there is room.

    A line without items that is no queue's own is forgotten till the next item comes.
    """
    for line in agent.group.lines:
        if line.queue.config.work != CALL and (line.visits or _is_own(floor, line)):
            _list_in(agent, line, _line_of(floor, line))


def _list_in(agent: AgentRecord, line: Line, known: ItemLine) -> None:
    desk = agent.desk
    if desk is None or known in desk.keys or not available(agent):
        return
    work = line.queue.config.work
    number = desk.open(work)
    if number >= agent.config.capacity.get(work, 0):
        return
    order, rank, idle_since, *_ = choice.key_of(agent, line)
    since = max(idle_since, desk.free_since)
    key = desk.keys[known] = (order, number, rank, since, desk.seq, agent)
    insort(known.room, key)


# Matching ---------------------------------------------------------------------------------


def settle(floor: Floor) -> None:
    """After a fact or a timer: look again at who and what has changed, then serve."""
    work = floor.work
    while work.changed:
        changed, work.changed = work.changed, {}
        for agent in changed.values():
            _look_again(floor, agent)
    lines, work.touched = work.touched, {}
    _serve(floor, lines)


def _look_again(floor: Floor, agent: AgentRecord) -> None:
    """Take back what the agent cannot have any more, and list the agent anew."""
    desk = agent.desk
    if desk is None:
        return
    _unlist(agent)
    may = available(agent)
    for item in list(desk.items.values()):
        reason = _why_back(agent, item, may)
        if reason is not None:
            _back_to_line(floor, item, reason)
    floor.work.changed.pop(agent.id, None)
    if may:
        desk.seq = floor.next_seq()
        _list(floor, agent)
        for known in desk.keys:
            floor.work.touched[known.line] = None
    elif not desk.items and not takes_items(agent):
        agent.desk = None


def _why_back(agent: AgentRecord, item: Item, may: bool) -> d.Reason | None:
    if agent.state == OFFLINE:
        return SIGNED_OUT
    if not item.offer:
        return None
    if not may:
        return CALL_FIRST if agent.call else NOT_READY
    return None if agent.group in item.line.groups else NO_LONGER


def _serve(floor: Floor, lines: Iterable[Line]) -> None:
    """Offer items of these lines while somebody has room for them."""
    open_ = list(lines)
    while open_:
        best: tuple[int, ItemKey] | None = None
        for line in list(open_):
            known = floor.work.lines.get(line)
            pair = None if known is None else _first_pair(known)
            if pair is None:
                open_.remove(line)
            elif best is None or pair < best:
                best = pair
        if best is None:
            return
        _offer(floor, best[1][-1])


def _first_pair(line: ItemLine) -> tuple[int, ItemKey] | None:
    """The first item for which there is somebody to ask, behind that agent's order number."""
    for key in line.waiting:
        asked = _first_asked(line, key[-1])
        if asked is not None:
            return asked[0], key
        if not key[-1].asked:
            return None  # there is nobody at all
    return None


def _first_asked(line: ItemLine, item: Item) -> RoomKey | None:
    return next((key for key in line.room if key[-1].id not in item.asked), None)


def _offer(floor: Floor, item: Item) -> None:
    line = floor.work.lines[item.line]
    first = _first_asked(line, item)
    assert first is not None
    agent, among, waiting = first[-1], len(line.room), len(line.waiting)
    queue = item.line.queue
    _leave_line(floor, item)
    floor.last_offer = number = floor.last_offer + 1
    item.state = OFFERED
    item.holder = agent
    item.offer = f"o{number}"
    item.deadline = floor.now + queue.config.ring_s
    item.timer = floor.timers.start(item.deadline, "item", item.id)
    floor.work.offers[item.offer] = item
    reason = d.Reason(
        "item-fewest" if among > 1 else "item-only-room",
        {
            "needs": item.line.needs_text,
            "agents": among,
            "open": first[1],
            "waiting": waiting,
            "waited_s": floor.now - item.arrived,
            "priority": queue.config.priority + item.priority,
        },
    )
    desk = agent.desk
    assert desk is not None
    desk.items[item.id] = item
    desk.free_since = floor.now
    if queue.remembers:
        choice.offered(agent, queue, number, floor.now)
    _unlist(agent)
    desk.seq = floor.next_seq()
    _list(floor, agent)
    floor.out.append(
        d.OfferItem(item.offer, item.id, agent.id, queue.id, item.work, item.deadline, reason)
    )
    _tell(floor, item, OFFERED, reason)


# Configuration ----------------------------------------------------------------------------


def takes_items(agent: AgentRecord) -> bool:
    """Whether the agent has room for any work that is no call."""
    return any(work != CALL and number > 0 for work, number in agent.config.capacity.items())


def installed(floor: Floor) -> None:
    """A new configuration: lines and desks anew. `rehome_all` is to follow, then `settle`."""
    floor.work.lines = {}
    floor.work.touched = {}
    for agent in floor.agents.values():
        if agent.desk is not None:
            agent.desk.keys.clear()
        elif takes_items(agent):
            agent.desk = Desk(floor.now, floor.next_seq())
    for item in floor.work.items.values():
        queue = item.line.queue
        item.line = floor.matching.line(queue, item.needs)
        item.line.visits += 1
        if item.key is not None:
            priority = queue.config.priority + item.priority
            item.key = (-priority, item.arrived, item.seq, item)
            insort(_line_of(floor, item.line).waiting, item.key)


def restored(floor: Floor) -> None:
    """From a snapshot: items and agents at the places that they had."""
    for item in floor.work.items.values():
        if item.state == QUEUED:
            priority = item.line.queue.config.priority + item.priority
            item.key = (-priority, item.arrived, item.seq, item)
            insort(_line_of(floor, item.line).waiting, item.key)
    for agent in floor.agents.values():
        if agent.desk is not None and available(agent):
            _list(floor, agent)


def rehome_all(floor: Floor) -> None:
    """Look at everybody again; waiting items of a queue that is gone go to another of their
    kind, or are withdrawn."""
    for agent in floor.agents.values():
        if agent.desk is not None:
            floor.work.changed[agent.id] = agent
    for item in sorted(floor.work.items.values(), key=lambda item: item.seq):
        if item.key is None or not _is_homeless(item):
            continue
        _leave_line(floor, item)
        if _rehome(floor, item):
            _put_in_line(floor, item, QUEUE_REMOVED)
        else:
            _end(floor, item, "withdrawn", QUEUE_REMOVED)


def _is_homeless(item: Item) -> bool:
    queue = item.line.queue
    return queue.retired or queue.config.work != item.work


def _rehome(floor: Floor, item: Item) -> bool:
    """Find another queue of the item's kind; whether there is one."""
    found: QueueState | None = next(
        (queue for queue in floor.queues.values() if queue.config.work == item.work), None
    )
    if found is None:
        return False
    _line_left(floor, item.line)
    item.line = floor.matching.line(found, item.needs)
    item.line.visits += 1
    return True
