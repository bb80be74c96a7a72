"""Where customer records come from: the port, and the product's own database behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from crm_link.customers import CustomerStore
from crm_link.records import Customer, Match


@dataclass(frozen=True, slots=True)
class Found:
    """Who has a number. `customer` is the whole record when there is exactly one match."""

    matches: list[Match]
    customer: Customer | None = None


class CustomerSource(Protocol):
    """A place to look customers up. May be slow, may raise, may answer nonsense."""

    async def look_up(self, e164: str) -> Found:
        """The customers with this number."""
        ...

    async def get(self, customer_id: str) -> Customer | None:
        """One whole record."""
        ...


class DatabaseSource:
    """The product's own customer records."""

    def __init__(self, store: CustomerStore) -> None:
        self._store = store

    async def look_up(self, e164: str) -> Found:
        """The customers with this number."""
        return Found(*await self._store.look_up(e164))

    async def get(self, customer_id: str) -> Customer | None:
        """One whole record."""
        return await self._store.get(customer_id)
