"""What consoles and the floor ask of the customer records, screen pops kept up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crm_link.csv_exchange import export_csv, import_csv
from crm_link.customers import CustomerStore, Erased
from crm_link.records import Customer, Match
from crm_link.screen_pop import ScreenPop


class CustomerDesk:
    """The store and the screen pop as one; its shape is that of the console's port."""

    def __init__(self, store: CustomerStore, pop: ScreenPop) -> None:
        self._store = store
        self._pop = pop

    async def search(self, text: str, limit: int) -> Sequence[Match]:
        """See `CustomerStore.search`."""
        return await self._store.search(text, limit)

    async def get(self, customer_id: str) -> Customer | None:
        """One whole record."""
        return await self._store.get(customer_id)

    async def add_note(self, customer_id: str, author: str, text: str) -> Customer:
        """Write a note. Raises `UnknownCustomer`, ValueError."""
        customer = await self._store.add_note(customer_id, author, text)
        self._pop.changed(customer)
        return customer

    async def update(self, customer_id: str, fields: Mapping[str, str]) -> Customer:
        """Change the given fields. Raises `UnknownCustomer`, ValueError."""
        customer = await self._store.update(customer_id, fields)
        self._pop.changed(customer)
        return customer

    async def import_csv(self, data: bytes) -> dict[str, Any]:
        """See `crm_link.csv_exchange.import_csv`."""
        return await import_csv(self._store, data)

    async def export_csv(self) -> str:
        """All customers as CSV that a spreadsheet can open without harm."""
        return await export_csv(self._store)

    async def choose(self, call_id: str, customer_id: str) -> str | None:
        """Attach a customer to a call; the customer's name, None if unknown."""
        customer = await self._pop.choose(call_id, customer_id)
        return None if customer is None else customer["name"]

    async def create(self, call_id: str, fields: Mapping[str, str]) -> tuple[str, str]:
        """Make a customer and attach it to the call; id and name. Raises ValueError."""
        customer = await self._store.create(fields)
        await self._pop.choose(call_id, customer["customer_id"])
        return customer["customer_id"], customer["name"]

    async def contact(
        self, customer_id: str, *, call_id: str, summary: str, agent: str, disposition: str
    ) -> None:
        """Write the contact history. Raises `UnknownCustomer`."""
        await self._store.add_contact(
            customer_id, call_id=call_id, summary=summary, agent=agent, disposition=disposition
        )
        customer = await self._store.get(customer_id)
        if customer is not None:
            self._pop.changed(customer)

    async def erase(self, customer_id: str) -> Erased:
        """Forget a person, on screens too. Raises `UnknownCustomer`."""
        erased = await self._store.erase(customer_id)
        self._pop.erased(customer_id)
        return erased
