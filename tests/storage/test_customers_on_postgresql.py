"""The customer records on PostgreSQL; here because the server is."""

from __future__ import annotations

from crm_link.csv_exchange import export_csv, import_csv
from crm_link.customers import CustomerStore
from crm_link.demo import DEMO_KNOWN_NUMBER, seed_demo
from storage.database import opened


async def test_customers_on_postgresql_are_the_same(postgres_url: str) -> None:
    """The same calls must mean the same on the other database."""
    async with opened(postgres_url) as engine:
        store = CustomerStore(engine)
        await seed_demo(store)
        assert await seed_demo(store) == 0
        _, known = await store.look_up(DEMO_KNOWN_NUMBER)
        assert known is not None
        assert [m["name"] for m in await store.search("王秀英")] == ["王秀英"]
        assert len(await store.search("BENN")) == 2
        unchanged = await import_csv(store, (await export_csv(store)).encode())
        assert (unchanged["unchanged"], unchanged["rejected"]) == (200, [])
        for _ in range(2):
            await store.add_contact(
                known["customer_id"], call_id="c", summary="s", agent="a", disposition="d"
            )
        await store.erase(known["customer_id"])
        assert await store.look_up(DEMO_KNOWN_NUMBER) == ([], None)
        assert await store.search("zebra\0\udc80") == []
        hostile = await store.create({"name": "<b>\r\n'; DROP TABLE customers;--\0\udc80"})
        assert hostile["name"] == "<b> '; DROP TABLE customers;--"
