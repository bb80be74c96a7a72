"""The agent whom a caller should get: the last one spoken to, or the account's owner.

The caller waits for that agent alone, in a line of its own, up to the limit. The agent has to
serve the queue, but needs no skills for it: the two know each other. The caller keeps the
usual place in the order of serving, so nobody has to wait longer because of it. As soon as the
agent does not want calls any more, or lets this one ring out, the caller is for everybody.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from acd.choice import AWAY
from acd.states import READY

if TYPE_CHECKING:
    from acd.agents import AgentRecord
    from acd.floor import Floor
    from acd.lines import Visit


def waits_for(floor: Floor, visit: Visit) -> str:
    """The agent whom a visit in no line waits for now; "" for everybody, and then for good."""
    if visit.preferred and not _is_worth_it(floor, visit):
        visit.preferred = ""
    return visit.preferred


def _is_worth_it(floor: Floor, visit: Visit) -> bool:
    agent = floor.agents.get(visit.preferred)
    if agent is None or agent.removed or visit.queue.id not in agent.group.queues:
        return False
    if floor.now > visit.preferred_until or agent.intent != READY:
        return False
    if agent.is_idle:
        return True  # with a limit of no time as well: nobody has to wait
    # who is ready and not idle has a pause
    return floor.now < visit.preferred_until and agent.state not in AWAY


def give_up(floor: Floor, visit: Visit) -> None:
    """A visit in no line is for everybody from now on."""
    visit.preferred = ""
    floor.take_line(visit)


def let_go(floor: Floor, agent: AgentRecord, but: Collection[str] = ()) -> None:
    """The agent takes no calls for now: those who wait for this agent are for everybody.

    They are in the line at once, and matched when the present step is complete. `but`: the
    queues that the agent goes on serving.
    """
    for line in [line for line in agent.wanted if line.queue.id not in but]:
        for *_, visit in list(line.callers):
            floor.leave_line(visit)
            give_up(floor, visit)
            floor.put_back(visit)
            floor.loose.append(visit)
