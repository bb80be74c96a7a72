"""What the preview's agents do, and their work items: changed by people, in memory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from agent_console.ports import Refusal
from agent_console.preview.company import AGENTS, QUEUES, SKILLS, why
from agent_console.preview.moves import Moves
from agent_console.protocol import Duties, ItemCard

CAPACITY = {"chat": 2, "task": 1}
OFFER_S = 30.0


def as_configured(agent: str) -> Duties:
    """What the preview's configuration says of an agent."""
    _, queues, skills = AGENTS[agent]
    return {"queues": list(queues), "skills": dict(skills), "order": {}}


class DutiesAndItems(Moves):
    """`agent_console.ports.Staffing` and `Items`."""

    async def staff(
        self,
        by: str,
        agent: str,
        queues: Sequence[str] | None,
        skills: Mapping[str, int] | None,
        order: Mapping[str, int] | None,
        reset: bool,
    ) -> None:
        self.told.append(("staff", by, agent))
        if agent not in self.people:
            raise Refusal("unknown-agent", "There is no such agent.")
        if not set(queues or ()) <= set(QUEUES) or not set(skills or ()) <= set(SKILLS):
            raise Refusal("unknown-queue", "There is no such queue or skill.")
        duties = as_configured(agent) if reset else self.duties[agent]
        self.duties[agent] = {
            "queues": duties["queues"] if queues is None else list(queues),
            "skills": duties["skills"] if skills is None else dict(skills),
            "order": duties["order"] if order is None else dict(order),
        }
        self.publish()

    async def reset_staffing(self, by: str, agent: str) -> None:
        self.told.append(("reset_staffing", by, agent))
        self.duties[agent] = as_configured(agent)
        self.publish()

    async def end_wrap_up(self, by: str, agent: str) -> None:
        self.told.append(("end_wrap_up", by, agent))
        person = self.people[agent]
        if person.state != "wrap-up":
            raise Refusal("not-in-wrap-up", "The agent is not in wrap-up.")
        self._finish(person)

    # Work items ----------------------------------------------------------------------------

    async def add_item(
        self,
        by: str,
        queue: str,
        title: str,
        link: str,
        item_id: str,
        needs: Mapping[str, int],
        priority: int,
    ) -> str:
        """To the first agent of the queue who has signed in."""
        self.told.append(("add_item", by, queue, title))
        number = len(self.told)
        item: ItemCard = {
            "item_id": item_id or f"item-{number}",
            "offer_id": f"item-offer-{number}",
            "queue": queue,
            "queue_name": QUEUES[queue]["en"] if queue in QUEUES else queue,
            "work": "task",
            "title": title,
            "link": link,
            "state": "offered",
            "since": time.time(),
            "entered": time.time(),
            "deadline": time.time() + OFFER_S,
            "why": why(
                "item-fewest",
                "fewest open items (0) of 3 agents with room; the only item waiting",
                "3 名有余量的坐席中未完成任务最少（0 个）；唯一等待的任务",
            ),
        }
        for person in self.people.values():
            if person.state != "offline" and not person.played:
                self.items[person.id].append(item)
                break
        self.publish()
        return item["item_id"]

    async def withdraw_item(self, by: str, item_id: str, why: str) -> None:
        self.told.append(("withdraw_item", by, item_id))
        for items in self.items.values():
            items[:] = [item for item in items if item["item_id"] != item_id]
        self.publish()

    async def accept_item(self, agent: str, offer_id: str) -> None:
        self.told.append(("accept_item", agent, offer_id))
        item = self._item(agent, "offer_id", offer_id)
        item.update({"state": "working", "offer_id": "", "deadline": None, "since": time.time()})
        self.publish()

    async def decline_item(self, agent: str, offer_id: str) -> None:
        self.told.append(("decline_item", agent, offer_id))
        self.items[agent].remove(self._item(agent, "offer_id", offer_id))
        self.publish()

    async def finish_item(self, agent: str, item_id: str) -> None:
        self.told.append(("finish_item", agent, item_id))
        self.items[agent].remove(self._item(agent, "item_id", item_id))
        self.publish()

    def _item(self, agent: str, field: str, ident: str) -> ItemCard:
        for item in self.items[agent]:
            if item[field] == ident:  # type: ignore[literal-required]
                return item
        raise Refusal("offer-over", "This work item is no longer yours.")
