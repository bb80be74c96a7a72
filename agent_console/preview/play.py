"""A floor and its callers in memory: what happens by itself, and what people do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from agent_console.live import SUPERVISOR
from agent_console.ports import Refusal
from agent_console.preview.callcontrol import Control
from agent_console.preview.company import QUEUES, a_customer
from agent_console.preview.duties import DutiesAndItems
from agent_console.preview.figures import publish_alert


class Play(Control, DutiesAndItems):
    """A floor, a history and callers, without a switch; also `Floor` and `History`."""

    # Floor --------------------------------------------------------------------------------

    async def sign_in(self, agent: str, phone: str) -> None:
        person = self._person(agent, "sign_in", phone)
        if phone == "browser":
            raise Refusal("no-browser-phone", "There is no switch for a browser phone here.")
        if person.state != "offline":
            raise Refusal("signed-in-already", "Signed in already.")
        person.phone, person.played = phone, False
        self._set(person, "not ready", reason="")

    async def sign_out(self, agent: str) -> None:
        person = self._person(agent, "sign_out")
        if person.call:
            person.intent = "offline"
        else:
            self._set(person, "offline")
        self.publish()

    async def ready(self, agent: str) -> None:
        person = self._signed_in(agent, "ready")
        if person.call:
            person.intent = "ready"
        else:
            self._set(person, "ready")
            person.next_at = time.time() + 4
        self.publish()

    async def not_ready(self, agent: str, reason: str) -> None:
        person = self._signed_in(agent, "not_ready", reason)
        if person.call:
            person.intent, person.intent_reason = "not ready", reason
        else:
            self._set(person, "not ready", reason=reason)
        self.publish()

    async def decline(self, agent: str, offer_id: str) -> None:
        person = self._signed_in(agent, "decline", offer_id)
        if person.host and person.leg == offer_id and person.state == "reserved":
            self._free(person)
            self._set(person, "not ready", reason="break")
            return
        if not person.call or person.state != "reserved" or person.call["offer_id"] != offer_id:
            raise Refusal("offer-gone", "This offer is over.")
        self._end(person, "abandoned")
        person.call = None
        self._set(person, "not ready", reason="break")

    async def hang_up(self, agent: str, call_id: str) -> None:
        me = self.people[agent]
        if me.host:  # only a party: the call goes on
            await self.end_leg(agent, call_id, me.leg)
            return
        person = self._on_call(agent, "hang_up", call_id)
        self._wrap(person)

    async def hold(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "hold", call_id)
        self._set(person, "held")

    async def retrieve(self, agent: str, call_id: str) -> None:
        person = self._on_call(agent, "retrieve", call_id)
        self._set(person, "talking")

    async def wrap_up(
        self, agent: str, call_id: str, disposition: str, note: str, then: str
    ) -> None:
        person = self._on_call(agent, "wrap_up", call_id, disposition, note, then)
        if person.state != "wrap-up":
            raise Refusal("not-in-wrap-up", "The call is not over yet.")
        if then:
            person.intent = then.replace("_", " ")
        self._finish(person)

    async def extend_wrap_up(self, agent: str, by_s: float) -> None:
        person = self._signed_in(agent, "extend_wrap_up", str(by_s))
        if person.state != "wrap-up" or person.deadline is None:
            raise Refusal("not-in-wrap-up", "There is nothing to extend.")
        person.deadline += by_s
        self.publish()

    async def choose_customer(self, agent: str, call_id: str, customer_id: str) -> None:
        person = self._on_call(agent, "choose_customer", call_id, customer_id)
        customer = self.customers.all.get(customer_id)
        if customer is None:
            raise Refusal("not-found", "There is no such customer.", 404)
        self._record(person, "found", customer)

    async def create_customer(self, agent: str, call_id: str, fields: Mapping[str, str]) -> str:
        person = self._on_call(agent, "create_customer", call_id)
        number = len(self.customers.all)
        customer = a_customer(number)
        customer["name"] = fields.get("name", "")
        customer["contacts"], customer["orders"], customer["notes"] = [], [], []
        self.customers.all[customer["customer_id"]] = customer
        self._record(person, "found", customer)
        return customer["customer_id"]

    async def console_lost(self, agent: str) -> None:
        self.told.append(("console_lost", agent))

    async def console_back(self, agent: str) -> None:
        self.told.append(("console_back", agent))

    async def set_agent_state(self, by: str, agent: str, state: str, reason: str) -> None:
        self.told.append(("set_agent_state", by, agent, state, reason))
        if agent not in self.people:
            raise Refusal("not-found", "There is no such agent.", 404)
        self._set(self.people[agent], state, reason=reason)

    async def acknowledge_alert(self, by: str, alert: str) -> None:
        self.told.append(("acknowledge_alert", by, alert))
        publish_alert(self.live, time.time())

    async def voicemail_done(self, by: str, recording: str) -> None:
        self.told.append(("voicemail_done", by, recording))
        self.live.drop(SUPERVISOR, f"voicemail:{recording}")

    async def cancel_callback(self, by: str, callback: str, why: str) -> None:
        self.told.append(("cancel_callback", by, callback, why))

    async def move_callback(self, by: str, callback: str, due: float) -> None:
        self.told.append(("move_callback", by, callback, str(due)))

    async def call_back_now(self, by: str, callback: str) -> None:
        self.told.append(("call_back_now", by, callback))

    async def close_queue(self, by: str, queue: str, why: str) -> None:
        self.told.append(("close_queue", by, queue, why))
        self._door(queue, by, is_open=False)

    async def open_queue(self, by: str, queue: str) -> None:
        self.told.append(("open_queue", by, queue))
        self._door(queue, by, is_open=True)

    async def queue_by_hours(self, by: str, queue: str) -> None:
        self.told.append(("queue_by_hours", by, queue))
        self._door(queue, "", is_open=True)

    def _door(self, queue: str, by: str, *, is_open: bool) -> None:
        if queue not in QUEUES:
            raise Refusal("unknown-queue", "There is no such queue.", 404)
        self.doors[queue] = (is_open, by)
        self.publish()

    async def run(self) -> None:
        """Play on, for ever."""
        while True:
            await asyncio.sleep(0.5)
            self.step(time.time())
