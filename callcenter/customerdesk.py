"""The customer records as the console asks for them: errors become refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_console.ports import Refusal
from agent_console.protocol import Customer, Match
from crm_link.customers import UnknownCustomer
from crm_link.desk import CustomerDesk


class ConsoleCustomers:
    """`agent_console.ports.Customers` on `crm_link`."""

    def __init__(self, desk: CustomerDesk) -> None:
        self._desk = desk

    async def search(self, text: str, limit: int) -> Sequence[Match]:
        found: Sequence[Any] = await self._desk.search(text, limit)
        return found

    async def get(self, customer_id: str) -> Customer | None:
        customer: Any = await self._desk.get(customer_id)
        found: Customer | None = customer
        return found

    async def add_note(self, customer_id: str, author: str, text: str) -> Customer:
        try:
            customer: Any = await self._desk.add_note(customer_id, author, text)
        except UnknownCustomer:
            raise Refusal("unknown-customer", "There is no such customer.", 404) from None
        except ValueError as error:
            raise Refusal("bad-note", str(error), 422) from None
        noted: Customer = customer
        return noted

    async def import_csv(self, data: bytes) -> dict[str, Any]:
        try:
            return await self._desk.import_csv(data)
        except ValueError as error:
            raise Refusal("bad-file", str(error), 422) from None

    async def export_csv(self) -> str:
        return await self._desk.export_csv()
