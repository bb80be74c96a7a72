"""SIP log-ins for browser phones: short-lived passwords, pushed to the switch on demand."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from agent_console.ports import Refusal
from agent_console.protocol import SipAccess
from cti.asterisk.ari import AriClient, AriFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

VALID_S = 12 * 3600.0
MAX_VISITORS = 500


class AsteriskPhones:
    """`agent_console.ports.Phones` on one Asterisk."""

    def __init__(
        self,
        ari: AriClient,
        http_port: int,
        target: Callable[[], str],
        caller: tuple[str, str] = ("", ""),
    ) -> None:
        """`target` is the number that the callers' web phone dials unless told otherwise.

        `caller` is the number and name that web calls show; empty for a stranger's.
        """
        self._ari = ari
        self._http_port = http_port
        self._target = target
        self._caller = caller
        self._agents: dict[str, str] = {}
        self._visitors: dict[str, str] = {}

    @property
    def sip_url(self) -> str:
        return f"ws://127.0.0.1:{self._http_port}/ws"

    async def agent_access(self, agent: str) -> SipAccess:
        """The same password until the switch forgets it, so that a second tab works too."""
        password = self._agents.get(agent) or secrets.token_urlsafe(24)
        await self._push(self._ari.push_auth(agent, password))
        self._agents[agent] = password
        return _access(f"agent-{agent}", password, "")

    async def caller_access(self, visitor: str) -> SipAccess:
        password = self._visitors.get(visitor) or secrets.token_urlsafe(24)
        await self._push(self._web(visitor, password))
        self._visitors[visitor] = password
        while len(self._visitors) > MAX_VISITORS:
            oldest = next(iter(self._visitors))
            del self._visitors[oldest]
            await self._push(self._ari.remove_web_endpoint(oldest))
        return _access(f"web-{visitor}", password, self._target())

    async def push_again(self) -> None:
        """After a restart of the switch: what it kept in memory is gone."""
        for agent, password in self._agents.items():
            await self._push(self._ari.push_auth(agent, password))
        for visitor, password in self._visitors.items():
            await self._push(self._web(visitor, password))

    def _web(self, visitor: str, password: str) -> Awaitable[None]:
        number, name = self._caller
        return self._ari.push_web_endpoint(
            visitor, password, caller_number=number, caller_name=name
        )

    @staticmethod
    async def _push(push: Awaitable[None]) -> None:
        try:
            await push
        except AriFailed as error:
            raise Refusal(
                "switch-away",
                f"The telephone switch does not answer; try again in a moment. ({error})",
                503,
            ) from error


class NoPhones:
    """The virtual switch has no SIP."""

    sip_url = ""

    async def agent_access(self, agent: str) -> SipAccess:
        raise Refusal("virtual-switch", "The virtual switch has no browser phones.", 409)

    async def caller_access(self, visitor: str) -> SipAccess:
        raise Refusal(
            "virtual-switch",
            "There is no telephone switch here, so there is nothing to call. "
            "Run `callcenter doctor` to see how to get one.",
            409,
        )


def _access(user: str, password: str, number: str) -> SipAccess:
    return {
        "uri": f"sip:{user}@callcenter.invalid",
        "user": user,
        "password": password,
        "ws": "/sip",
        "expires": time.time() + VALID_S,
        "target": f"sip:{number}@callcenter.invalid" if number else "",
    }
