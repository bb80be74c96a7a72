"""What is on the switches, and what of it we have on our books: links and phones that come and go.

A link that is up has told us of every call that lives on its switch; what we remember and it
did not name is over. While it is down its phones and callers are unknown, which is nobody's fault.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from acd import facts as f
from callcenter import happenings as h
from callcenter.callbook import LiveCall
from cti import commands as c
from cti import events as e
from cti.calls import CONVERSATION, Place

if TYPE_CHECKING:
    from callcenter.router import Router

log = structlog.get_logger("callcenter.presence")

SWITCH_LOST = "switch lost"
BEFORE_BLAME_S = 0.5
OTHERS_COME_S = 3.0  # after a restart, from the first switch that is heard


class Presence:
    """Keeps books and engine at what the switches have."""

    def __init__(self, router: Router) -> None:
        self._router = router

    # Phones ------------------------------------------------------------------------------------

    def phone(self, fact: e.PhoneUp | e.PhoneDown, now: float) -> None:
        if not self._router.phones.take(fact):
            return
        self._router.note(fact, now)
        if self._router.phones.chosen.get(fact.agent_id) is fact.phone:
            if isinstance(fact, e.PhoneUp):
                self._router.routing.act(f.PhoneHealthy(fact.agent_id), now)
            elif self._router.phones.is_up(fact.agent_id, fact.phone) is False:
                self._router.routing.act(f.PhoneFailed(fact.agent_id, fact.why), now)
        self._router.touch_agent(fact.agent_id)

    def check_phones(self, agents: Iterable[str], *, lost: bool) -> None:
        """Tell the engine whose phones have come or, where a switch is `lost`, gone with it.

        A phone that rings is left alone then: its offer may well come to something. Only
        when its time is nearly over without a word it counts as lost, before the agent would
        be blamed for not answering.
        """
        now = self._router.now()
        for agent in agents:
            record = self._router.engine.agents.get(agent)
            if record is None or record.state == "offline":
                continue
            up = self._router.phones.is_up(agent, self._router.phones.kind_of(agent))
            if up and (not record.phone_up or record.state == "fault"):
                self._router.routing.act(f.PhoneHealthy(agent), now)
            elif record.phone_up and (up is False or (up is None and lost and not record.offer)):
                self._router.routing.act(f.PhoneFailed(agent, SWITCH_LOST if lost else ""), now)
            elif lost and up is None and record.offer and record.deadline is not None:
                left_s = max(0.0, record.deadline - now - BEFORE_BLAME_S)
                self._router.later(left_s, functools.partial(self._spare, agent, record.offer))
            self._router.touch_agent(agent)

    def _spare(self, agent: str, offer: str) -> None:
        """The ringing of a lost switch is about to become somebody's missed call."""
        record = self._router.engine.agents.get(agent)
        if record is None or record.offer != offer:
            return
        if self._router.phones.is_up(agent, self._router.phones.kind_of(agent)) is None:
            self._router.routing.act(f.PhoneFailed(agent, SWITCH_LOST), self._router.now())
            self._router.touch_agent(agent)
            self._router.arm()

    # Links -----------------------------------------------------------------------------------

    def link_up(self, fact: e.LinkUp, now: float) -> None:
        self._router.metrics.link_up.labels(fact.link).set(1)
        self._router.phones.links_up.add(fact.link)
        self._router.note(fact, now)
        if self._router.board is not None:
            self._router.board.alarm(f"switch-lost-{fact.link}", None)
        there = set(fact.calls)
        # Told to the second: a call of the switch's first second may look older than it.
        began = now - fact.switch_age_s - 1.0 if fact.switch_age_s else 0.0
        for call in self._router.book.of_link(fact.link):
            to_place = call.direction != "inbound" and not call.reached and call.answered is None
            if call.call_id in there:
                continue
            if call.offer_id or not to_place:
                log.info("call ended while we were away", call_id=call.call_id)
            if to_place:
                self._router.routing.taking_up.callback_missed(call.call_id, call.offer_id, now)
                continue
            self._router.missed(call.call_id, lost=call.arrived < began)
        for call in self._led_over(fact.link):
            if call.answered is not None and call.answered < began:
                self._lost_its_agent(call, now)
        self._router.routing.go_on(now)
        self.check_phones(self._router.phones.chosen, lost=False)
        if self._router.live or self._router.phones.links_up.issuperset(self._router.links):
            self._router.go_live()
        else:  # the calls of the others are not known yet: nobody shall be blamed for them
            self._router.later(OTHERS_COME_S, self._router.go_live)

    def switch_gone(self, link: str) -> None:
        """A switch's process has ended: its phones are silent, also in calls of other switches."""
        now = self._router.now()
        for call in self._led_over(link):
            self._lost_its_agent(call, now)
        for call in list(self._router.book.calls.values()):
            for leg_id in [leg_id for leg_id in call.legs if call.led.get(leg_id) == link]:
                self._router.execute(c.EndLeg(call.call_id, leg_id))
        self._router.arm()

    def _led_over(self, link: str) -> list[LiveCall]:
        return [call for call in self._router.book.calls.values() if call.is_led_over(link)]

    def _lost_its_agent(self, call: LiveCall, now: float) -> None:
        """The agent's phone went with its switch, the caller is on another: back into the line."""
        if call.place is Place.RINGING:
            self._router.routing.act(f.PhoneFailed(call.agent, SWITCH_LOST), now)
        elif call.place in CONVERSATION and call.answered is None:
            self._router.execute(c.HangUpCall(call.call_id, "lost"))  # nobody has been reached yet
        elif call.place in CONVERSATION:
            log.warning("agent lost with a switch, the caller waits again", call_id=call.call_id)
            entered = call.entered if call.entered is not None else call.arrived
            order = self._router.menus.wait_order(call.call_id, call.queue, entered)
            self._router.routing.transfer(f.CallTransferred(call.call_id, call.queue), order, now)
        self._router.note(h.PhoneLed(call.call_id, "", ""), now)

    def link_down(self, fact: e.LinkDown, now: float) -> None:
        self._router.metrics.link_up.labels(fact.link).set(0)
        self._router.phones.links_up.discard(fact.link)
        self._router.note(fact, now)
        self.check_phones(self._router.phones.chosen, lost=True)
        self._alarm_link(fact.link, fact.why)

    def end_strangers(self, links: Container[str]) -> None:
        """After a restart: calls on a switch that is no longer configured are nobody's any more."""
        for call in list(self._router.book.calls.values()):
            gone = call.link and call.link not in links and call.ended is None
            if gone and (call.direction == "inbound" or call.answered is not None):
                self._router.missed(call.call_id, lost=True)

    def adopted(self, fact: e.CallAdopted, now: float) -> None:
        """Bring the engine's picture of a call to what the switch says of it."""
        legs = self._router.engine.legs(fact.call_id)
        visit = self._router.engine.visit(fact.call_id)
        if visit is None:
            call = self._router.book.get(fact.call_id)
            if call is not None and call.sent is not None and fact.place is Place.WAITING:
                self._router.routing.sending.decided(call.sent)  # and never done
            self._router.routing.taking_up.call(fact, "", "", now, legs=legs)
            return
        # The switch does not know of overflows; of a transfer that we missed it alone knows.
        gone = visit.place == "connected" and fact.place is Place.WAITING
        here = fact if gone else replace(fact, queue=visit.queue)
        self._router.routing.taking_up.call(
            here,
            visit.place,
            visit.offer,
            now,
            others=visit.others,
            callback=visit.kind != "call",
            agent=visit.agent,
            legs=legs,
        )

    def _alarm_link(self, link: str, why: str) -> None:
        if self._router.board is not None:
            self._router.board.alarm(
                f"switch-lost-{link}",
                {
                    "en": f"No connection with switch {link}: {why}. Calls go on there; "
                    "new offers wait until it is back.",
                    "zh": f"与交换机 {link} 的连接中断：{why}。通话继续，新的派单等待恢复。",
                },
            )
