"""What people see of work items, folded from the journal: title, link, who has it.

Who gets an item is the engine's affair (`acd.items`), which knows nothing of titles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from acd import decisions as d
from acd.engine import Engine
from acd.reasons import sentence
from acd.views import ItemView
from callcenter import happenings as h


@dataclass(slots=True)
class OpenItem:
    """A work item that is not over. `why`: of its last change, as reason code and data."""

    item: str
    queue: str
    work: str
    entered: float
    title: str = ""
    link: str = ""
    by: str = ""
    state: str = "queued"
    agent: str = ""
    since: float = 0.0  # in this state
    why: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class ItemBook:
    """All open items, in the order of their coming."""

    def __init__(self) -> None:
        self.items: dict[str, OpenItem] = {}

    def agent_of(self, item: str) -> str:
        """Who is offered it or works on it; "" for nobody."""
        known = self.items.get(item)
        return "" if known is None else known.agent

    def apply(self, entry: object, at: float) -> None:
        """Take one journal entry."""
        if isinstance(entry, d.ItemChanged):
            self._changed(entry, at)
        elif isinstance(entry, h.ItemFiled):
            known = self.items.get(entry.item)
            if known is not None:
                known.title, known.link, known.by = entry.title, entry.link, entry.by

    def _changed(self, x: d.ItemChanged, at: float) -> None:
        if x.state in ("done", "withdrawn"):
            self.items.pop(x.item, None)
            return
        item = self.items.get(x.item)
        if item is None:
            item = self.items[x.item] = OpenItem(x.item, x.queue, x.work, x.entered)
        item.queue, item.state, item.agent = x.queue, x.state, x.agent
        item.since, item.why, item.data = at, x.reason.code, x.reason.data

    def snapshot(self) -> list[OpenItem]:
        """All of it, ready to be encoded."""
        return list(self.items.values())

    def restore(self, kept: object) -> None:
        """Become what a decoded `snapshot` says."""
        items = msgspec.convert(kept, list[OpenItem])
        self.items = {item.item: item for item in items}


class ItemsNow:
    """The open work items, in the API's shape."""

    def __init__(self, engine: Engine, book: ItemBook) -> None:
        self._engine = engine
        self._book = book

    def all(self, queue: str, agent: str, limit: int) -> Sequence[dict[str, Any]]:
        """Oldest first; "" is for all queues, and for whoever has them."""
        views = self._engine.items_of(agent) if agent else self._engine.items()
        found = (view for view in views if queue in ("", view.queue))
        return [self._shown(view) for view in islice(found, limit)]

    def one(self, item_id: str) -> dict[str, Any] | None:
        """One open item."""
        view = self._engine.item(item_id)
        return None if view is None else self._shown(view)

    def _shown(self, view: ItemView) -> dict[str, Any]:
        known = self._book.items.get(view.item) or OpenItem(
            view.item, view.queue, view.work, view.entered
        )
        return {
            "id": view.item,
            "queue": view.queue,
            "work": view.work,
            "title": known.title,
            "link": known.link,
            "by": known.by,
            "priority": view.priority,
            "state": view.state,
            "agent": view.agent,
            "offer_id": view.offer,
            "entered": view.entered,
            "since": known.since,
            "deadline": view.deadline,
            "why": sentence(d.Reason(known.why, known.data), "en"),
        }
