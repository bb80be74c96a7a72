"""At the door of a queue: whether the caller may wait there, and where to otherwise.

    menu ──enter──▶ EntryAsked ──▶ engine ──▶ nothing: the caller waits
                                      └─▶ CallTurnedAway: to another queue (asked there again),
                                          a menu, the voicemail, a number outside

Whatever a target comes to, the caller ends up in a line rather than nowhere: after `MOST_HOPS`
targets in a row, with no word from the caller in between, the last queue takes the caller in.

A waiting caller who is sent on by the engine (`SendOn`) goes the same ways. From the music that
is an order to the switch; while an announcement is spoken it is done in that voice session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from acd import decisions as d
from acd import facts as f
from acd.site import SkillNeed
from callcenter import happenings as h
from callcenter.callbook import LiveCall
from callcenter.routing import Preferred
from config.site import skill_needs
from cti import commands as c
from ivr import actions as a

if TYPE_CHECKING:
    from callcenter.menus import Menus

log = structlog.get_logger("callcenter.door")

MOST_HOPS = 5
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a caller asks of a queue: skills, and the points that make up the priority."""

    needs: tuple[SkillNeed, ...]
    parts: dict[str, int]
    tier: str = ""

    @property
    def priority(self) -> int:
        """Beside the queue's."""
        return sum(self.parts.values())


class Door:
    """Lets callers into queues, and leads those elsewhere who may not wait."""

    def __init__(self, menus: Menus) -> None:
        self._menus = menus
        self._hops: dict[str, int] = {}  # by call, since the caller last said anything

    def heard(self, call_id: str) -> None:
        """The caller has chosen something, or is gone: what follows is a new way."""
        self._hops.pop(call_id, None)

    # In ------------------------------------------------------------------------------------

    def enter(self, call: LiveCall, action: a.EnterQueue, language: str = "") -> None:
        """Let the caller wait in the queue of `action`, or go where its rules say.

        Who comes back from a menu keeps skills and priority, where the menu names none.
        """
        queue, wishes = action.queue, self._wishes(call, action)
        while (away := self._turned_away(call.call_id, queue, wishes)) is not None:
            if away.kind == "queue":
                queue = away.target
            elif self._led_away(call, away.kind, away.target, away.queue, language):
                return
            else:
                break
        self._hops.pop(call.call_id, None)
        self._take_in(call, queue, action, wishes, language)

    def _wishes(self, call: LiveCall, action: a.EnterQueue) -> Wishes:
        site, known = self._menus.site, self._menus.customer_of(call.call_id)
        needs = skill_needs(action.needs)
        if not needs and call.queued is not None:
            needs = call.queued.needs
        tier = known.get("customer.tier", "")
        parts = {
            "number": site.number_priority(call.dnis),
            "tier": site.tier_priority(tier),
            "choice": action.priority or call.rank.get("choice", 0),
        }
        return Wishes(needs, {what: points for what, points in parts.items() if points}, tier)

    def _preferred(self, call: LiveCall, queue: str) -> Preferred | None:
        """Whom the queue looks for first, if the customer's record is there by now."""
        router, known = self._menus.router, self._menus.customer_of(call.call_id)
        for one in self._menus.site.waiting(queue).preferred:
            agent = known.get("customer.owner", "")
            if one.who == "last agent":
                agent = known.get("customer.last_agent", "")
                at = float(known.get("customer.last_contact", "") or 0.0)
                if at < router.now() - one.within_days * DAY_S:
                    continue
            if agent in router.engine.agents:
                return Preferred(agent, one.wait_s, one.who)
        return None

    def _turned_away(self, call_id: str, queue: str, wishes: Wishes) -> d.CallTurnedAway | None:
        """Where the caller goes instead; None: in, at the latest after `MOST_HOPS`."""
        router, hops = self._menus.router, self._hops.get(call_id, 0)
        if hops >= MOST_HOPS:
            log.warning("a caller is turned away in a circle and waits", queue=queue)
            return None
        self._hops[call_id] = hops + 1
        asked = f.EntryAsked(call_id, queue, wishes.needs, wishes.priority)
        decisions = router.routing.act(asked, router.now())
        return next((x for x in decisions if isinstance(x, d.CallTurnedAway)), None)

    def _take_in(
        self, call: LiveCall, queue: str, action: a.EnterQueue, wishes: Wishes, language: str
    ) -> None:
        router, now, site = self._menus.router, self._menus.router.now(), self._menus.site
        visit = router.engine.visit(call.call_id)
        if visit is not None and visit.queue == queue:  # there already, and back at the place
            router.routing.wait_again(call.call_id)
            return
        self._leave_line(call, f"to queue {queue}")
        first_s = self._menus.announcing.first_in(queue)
        broken = action.why != "chosen"
        ended = h.FlowEnded(
            call.call_id,
            "broken" if broken else "queue",
            action.why if broken else "",
            queue,
            language=language or call.language,
        )
        router.note(ended, now)
        if wishes.parts != call.rank:
            tier = wishes.tier if "tier" in wishes.parts else ""
            ranked = h.Ranked(call.call_id, queue, wishes.priority, wishes.parts, tier)
            router.note(ranked, now)
        router.routing.queue_call(
            call.call_id,
            queue,
            now,
            needs=wishes.needs,
            priority=wishes.priority,
            music=site.waiting(queue).music,
            visit_after_s=first_s,
            digits=self._menus.announcing.digits(queue),
            entered=call.entered if action.why.startswith("fallback") else None,
            preferred=self._preferred(call, queue),
            caller=site.e164(call.ani),
        )

    def _leave_line(self, call: LiveCall, why: str) -> None:
        """A wait flow sends the caller on: out of the line where the caller waits."""
        router = self._menus.router
        if router.engine.visit(call.call_id) is not None:
            router.routing.act(f.CallWithdrawn(call.call_id, why), router.now())

    # Elsewhere -----------------------------------------------------------------------------

    def _led_away(
        self, call: LiveCall, kind: str, target: str, queue: str, language: str = ""
    ) -> bool:
        """In the open voice session to a menu, the voicemail or outside; False: not possible."""
        menus = self._menus
        if kind == "number":
            return self.transfer(call, target)
        flow = menus.site.flow(menu_of(kind, target, queue))
        if flow is None or flow.kind == "wait":
            log.warning("callers are sent to a menu that is not there", kind=kind, target=target)
            return False
        self._leave_line(call, f"to {kind} {target}".rstrip())
        menus.begin(call.call_id, flow, language or call.language)
        return True

    def transfer(self, call: LiveCall, to: str) -> bool:
        """Outside; False when the number may not be dialled.

        A waiting caller keeps the place until the switch says that the call has gone.
        """
        router = self._menus.router
        number = self._menus.site.transfer_number(to)
        if not number:
            log.warning("transfer to a number that is not allowed")
            return False
        router.routing.hold_back(call.call_id)
        router.note(h.FlowEnded(call.call_id, "transfer", language=call.language), router.now())
        router.execute(c.TransferCall(call.call_id, number))
        return True

    # For callers who wait already ----------------------------------------------------------

    def onward(self, sent: d.SendOn) -> c.StartMenu | c.TransferCall | None:
        """The order that takes a caller from the music to where the engine sent the caller."""
        site = self._menus.site
        if sent.kind == "number":
            number = site.transfer_number(sent.target)
            return c.TransferCall(sent.call, number) if number else None
        flow = site.flow(menu_of(sent.kind, sent.target, sent.queue))
        if flow is None or flow.kind == "wait":
            return None
        return c.StartMenu(sent.call, f"{flow.id}:")

    def onward_in_session(self, sent: d.SendOn) -> None:
        """Begin the menu while an announcement is spoken: in that voice session."""
        call = self._menus.router.book.get(sent.call)
        if call is not None:
            self._led_away(call, sent.kind, sent.target, sent.queue)


def menu_of(kind: str, target: str, queue: str) -> str:
    """The id of the flow behind a target: its own, or that of the queue's voicemail."""
    return target if kind == "flow" else f"voicemail.{target or queue}"
