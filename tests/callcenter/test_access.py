"""Browser phones' log-ins on an Asterisk that was started anew."""

from __future__ import annotations

import asyncio
from typing import Any

from callcenter.access import AsteriskPhones
from cti.asterisk.ari import AriFailed


class SlowAri:
    """An Asterisk that takes its time for every log-in, and refuses `broken` ones."""

    def __init__(self) -> None:
        self.pushed: list[str] = []
        self.broken: set[str] = set()

    async def push_auth(self, agent: str, password: str) -> None:
        await asyncio.sleep(0)
        if agent in self.broken:
            raise AriFailed("busy")
        self.pushed.append(agent)

    async def push_web_endpoint(self, visitor: str, password: str, **more: Any) -> None:
        await asyncio.sleep(0)
        self.pushed.append(visitor)


async def opened() -> tuple[SlowAri, AsteriskPhones]:
    ari = SlowAri()
    phones = AsteriskPhones(ari, 8088, lambda: "100")  # type: ignore[arg-type]
    for agent in ("anna", "ben"):
        await phones.agent_access(agent)
    await phones.caller_access("v1")
    ari.pushed.clear()
    return ari, phones


async def test_everybody_is_pushed_again_though_somebody_comes_meanwhile() -> None:
    """Or the phones of those who come after would stay dead after a restart of Asterisk."""
    ari, phones = await opened()
    again = asyncio.create_task(phones.push_again())
    await asyncio.sleep(0)
    await asyncio.gather(phones.agent_access("dana"), phones.caller_access("v2"))
    await again
    assert {"anna", "ben", "v1"} <= set(ari.pushed)


async def test_one_that_is_refused_keeps_no_other_phone_from_working() -> None:
    """Its own console asks for a new log-in by itself."""
    ari, phones = await opened()
    ari.broken = {"anna"}
    await phones.push_again()
    assert ari.pushed == ["ben", "v1"]
