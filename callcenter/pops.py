"""The screen pop on its way to the agent: look-up at arrival, record at the offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent_console.live import LiveStore, agent_room
from crm_link.records import Record
from crm_link.screen_pop import ScreenPop


class Pops:
    """Puts the record of each agent's call into the agent's room."""

    def __init__(
        self,
        screen_pop: ScreenPop,
        store: LiveStore,
        matched: Callable[[str, str, str], None],
        link: Callable[[str, Record], str] = lambda call_id, record: "",
    ) -> None:
        """`matched(call_id, customer_id, name)` is told once per customer of a call.

        `link(call_id, record)` gives the address in another program that goes with the record.
        """
        self._pop = screen_pop
        self._store = store
        self._matched = matched
        self._link = link
        self._calls: dict[str, str] = {}  # agent to the call whose record is shown there
        self._told: dict[str, str] = {}  # call to its customer
        screen_pop.on_record = self._on_record

    def begin(self, call_id: str, number: str, customer_id: str = "") -> None:
        """Start looking, as soon as the number (or even the customer) is known."""
        if customer_id:
            self._told[call_id] = customer_id
        self._pop.begin(call_id, number, customer_id)
        record = self._pop.record(call_id)
        if record is not None:
            self._match(call_id, record)  # there are answers that come at once

    def show(self, call_id: str, agent: str, number: str, customer_id: str = "") -> None:
        """The call (or a leg of it) is offered to `agent`: the record now, and as it comes.

        Several agents may see the record of one call, each agent sees one record.
        """
        self._calls[agent] = call_id
        if self._pop.record(call_id) is None:  # a callback, or a call found on the switch
            self.begin(call_id, number, customer_id)
        record = self._pop.record(call_id)
        if record is not None:
            self._publish(agent, record)

    def hide(self, call_id: str, agent: str = "") -> None:
        """The agent ("": whoever) is done with the call."""
        for who, shown in list(self._calls.items()):
            if shown == call_id and agent in ("", who):
                del self._calls[who]
                self._store.put(agent_room(who), "record", None)

    def forget(self, call_id: str) -> None:
        """Nobody needs the record any more."""
        self.hide(call_id)
        self._told.pop(call_id, None)
        self._pop.forget(call_id)

    def record(self, call_id: str) -> Record | None:
        """The record that the call shows; None for a call that is not live."""
        record = self._pop.record(call_id)
        return None if record is None else {**record, "url": self._link(call_id, record)}

    def variables(self, call_id: str) -> Mapping[str, str]:
        """What the menus may know of the customer; {} until the record is there."""
        record = self._pop.record(call_id)
        customer = record["customer"] if record is not None else None
        if customer is None:
            return {}
        last = next((one for one in customer["contacts"] if one["channel"] == "phone"), None)
        return {
            "customer.owner": customer.get("owner", ""),
            "customer.last_agent": last["agent"] if last is not None else "",
            "customer.last_contact": f"{last['at']:.0f}" if last is not None else "",
            "customer.name": customer["name"],
            "customer.company": customer["company"],
            "customer.tier": customer["tier"],
            "customer.language": customer["language"],
            "customer.account_number": customer["account_number"],
            "customer.customer_id": customer["customer_id"],
        }

    def _on_record(self, call_id: str, record: Record) -> None:
        self._match(call_id, record)
        for agent, shown in self._calls.items():
            if shown == call_id:
                self._publish(agent, record)

    def _match(self, call_id: str, record: Record) -> None:
        customer = record["customer"]
        if customer is not None and self._told.get(call_id) != customer["customer_id"]:
            self._told[call_id] = customer["customer_id"]
            self._matched(call_id, customer["customer_id"], customer["name"])

    def _publish(self, agent: str, record: Record) -> None:
        linked = {**record, "url": self._link(record["call_id"], record)}
        self._store.put(agent_room(agent), "record", linked)
