"""Work items: what programs and people do with them (`agent_console.ports.Items`)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from acd import facts as f
from acd.site import SkillNeed
from acd.views import ItemView
from agent_console.acting import doer
from agent_console.ports import Refusal
from callcenter import happenings as h
from callcenter.deeds import Deeds


def web_link(text: str) -> str:
    """The link, if a browser may be sent there: http or https, with a host; else a refusal."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or any(c in text for c in ' "<>\\^`{|}'):
        raise Refusal("bad-link", "A link begins with http:// or https://.", 422)
    return text


class ItemDeeds(Deeds):
    """Work items on the router."""

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
        link = web_link(link)
        item = item_id or f"item-{uuid4().hex[:16]}"
        asked = tuple(SkillNeed(skill, level) for skill, level in sorted(needs.items()))
        lost = self._can_save()
        self._refuse_if(self._router.act(f.ItemQueued(item, queue, asked, priority)))
        self._router.note(h.ItemFiled(item, title, link, doer(by)), self._router.now())
        self._router.touch_items(item)
        await self._saved(lost)
        return item

    async def accept_item(self, agent: str, offer_id: str) -> None:
        self._offered(agent, offer_id)
        await self._tell(f.OfferAccepted(offer_id))

    async def decline_item(self, agent: str, offer_id: str) -> None:
        self._offered(agent, offer_id)
        await self._tell(f.OfferDeclined(offer_id))

    async def finish_item(self, agent: str, item_id: str) -> None:
        self._router.catch_up()
        item = self._router.engine.item(item_id)
        if item is None or item.agent != agent:
            raise Refusal("not-your-item", "You have no such work item.", 404)
        await self._tell(f.ItemDone(item_id))

    async def withdraw_item(self, by: str, item_id: str, why: str) -> None:
        agent = self._router.items.agent_of(item_id)
        lost = self._can_save()
        self._refuse_if(self._router.act(f.ItemWithdrawn(item_id, why)))
        if agent:
            self._router.note(h.SupervisorActed(by, agent, "item withdrawn"), self._router.now())
        await self._saved(lost)

    def _offered(self, agent: str, offer_id: str) -> ItemView:
        self._router.catch_up()  # its time may be over in this very moment
        for item in self._router.engine.items_of(agent):
            if item.offer == offer_id:
                return item
        raise Refusal("offer-over", "This work item is no longer offered to you.")
