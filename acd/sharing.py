"""Who comes first: the order of serving, within a queue and between the queues of an agent.

Within a queue (and wherever nothing below says otherwise) a caller's place is a `Key` that is
given when the caller joins the line:

    who has waited for `Queue.first_after_s`   before all who have not, by arrival
    priority, of queue and call                higher first; or, with `Site.priority_worth_s`,
                                               so many seconds of waiting for each point
    arrival                                    earlier first; with `sharing: target` the moment
                                               when `Queue.threshold_s` is over

Between the queues of one agent (`standing`) the agent's own order of queues comes before the
priority, and with `sharing: weight` the queue's turn before the arrival. Who has waited for
`first_after_s` comes before all of that.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from acd.lines import Key, QueueState, Visit

FIRST: Final = -inf
"""The rank of who has waited for `Queue.first_after_s`."""

Standing = tuple[int, float, float, "Key"]


def key_of(visit: Visit) -> Key:
    """The place of a visit in its queue."""
    queue = visit.queue
    arrived = visit.arrived
    if visit.first:
        return (FIRST, arrived, visit.seq, visit)
    priority = queue.config.priority + visit.priority
    if queue.worth_s is None:
        return (-priority, arrived + queue.lag_s, visit.seq, visit)
    return (0.0, arrived + queue.lag_s - priority * queue.worth_s, visit.seq, visit)


def standing(key: Key, order: int, turn: float) -> Standing:
    """Which of two callers comes first for an agent: the one whose standing is less.

    `order`: the agent's for the caller's queue; `turn`: the queue's (`Shares`), 0 when calls
    are not shared by weight.
    """
    if key[0] == FIRST:
        return (0, FIRST, 0.0, key)
    return (order, key[0], turn, key)


class Shares:
    """How the calls of a group of agents are shared among its queues: in proportion to weight.

    Stride scheduling (C. A. Waldspurger, W. E. Weihl, 1995), for each group of agents by
    itself: the queue with the lowest turn is next, and a call moves it on by one over the
    weight. A queue where nobody waited is not owed the calls of that time: no turn is lower
    than `base`, the lowest among the queues with callers at the last offer.
    """

    __slots__ = ("base", "turns")

    def __init__(self) -> None:
        self.base = 0.0
        self.turns: dict[str, float] = {}

    def turn(self, queue: str) -> float:
        """How far the queue is."""
        return max(self.base, self.turns.get(queue, 0.0))

    def took(self, queue: QueueState, waiting: Iterable[str]) -> None:
        """A caller of `queue` is offered; the queues in `waiting` have callers, too."""
        mine = self.turn(queue.id)
        self.base = min([mine, *map(self.turn, waiting)])
        self.turns[queue.id] = mine + 1.0 / queue.config.weight

    def keep_only(self, queues: Iterable[str]) -> None:
        """Forget what is no longer configured."""
        known = set(queues)
        self.turns = {queue: turn for queue, turn in self.turns.items() if queue in known}
