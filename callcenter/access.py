"""SIP log-ins for browser phones: short-lived passwords, pushed to the switch on demand."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Protocol

import structlog

from agent_console.ports import Phones, Refusal
from agent_console.protocol import SipAccess
from cti.asterisk.ari import AriClient, AriFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger("callcenter.access")

VALID_S = 12 * 3600.0
MAX_VISITORS = 500


class PhoneSwitches(Protocol):
    """What `HomePhones` needs of `callcenter.switches.Switches`."""

    @property
    def names(self) -> tuple[str, ...]: ...
    def phones_of(self, name: str) -> Phones | None: ...
    def is_up(self, name: str) -> bool: ...


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

    def sip_url(self, at: str = "") -> str:
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
        """After a restart of the switch: what it kept in memory is gone.

        A log-in that the switch does not take is fetched anew by its own console.
        """
        for agent, password in list(self._agents.items()):  # more may come meanwhile
            await self._try(self._ari.push_auth(agent, password))
        for visitor, password in list(self._visitors.items()):
            await self._try(self._web(visitor, password))

    @staticmethod
    async def _try(push: Awaitable[None]) -> None:
        try:
            await push
        except AriFailed as error:
            log.warning("a phone's log-in was not taken", why=str(error))

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

    def sip_url(self, at: str = "") -> str:
        return ""

    async def agent_access(self, agent: str) -> SipAccess:
        raise Refusal("virtual-switch", "The virtual switch has no browser phones.", 409)

    async def caller_access(self, visitor: str) -> SipAccess:
        raise Refusal(
            "virtual-switch",
            "There is no telephone switch here, so there is nothing to call. "
            "Run `callcenter doctor` to see how to get one.",
            409,
        )


class HomePhones:
    """`agent_console.ports.Phones` on several switches: each browser registers at one of them.

    An agent's is the `home` of the configuration while that is up, else the first that is. A
    console whose switch went away asks for a new access by itself and so comes to another one.
    """

    def __init__(self, switches: PhoneSwitches, home: Callable[[str], str]) -> None:
        self._switches = switches
        self._home = home

    def sip_url(self, at: str = "") -> str:
        name = at or self._choose("")
        phones = self._switches.phones_of(name)
        return phones.sip_url() if phones is not None else ""

    async def agent_access(self, agent: str) -> SipAccess:
        name = self._choose(self._home(agent))
        return self._at(name, await self._phones(name).agent_access(agent))

    async def caller_access(self, visitor: str) -> SipAccess:
        name = self._choose("")
        return self._at(name, await self._phones(name).caller_access(visitor))

    def _choose(self, wanted: str) -> str:
        """The wanted switch if it is up, else the first that is; with none, where to try."""
        able = [n for n in self._switches.names if self._switches.phones_of(n) is not None]
        order = sorted(able, key=lambda name: name != wanted)
        return next(filter(self._switches.is_up, order), order[0] if order else "")

    def _phones(self, name: str) -> Phones:
        return self._switches.phones_of(name) or NoPhones()

    def _at(self, name: str, access: SipAccess) -> SipAccess:
        several = len(self._switches.names) > 1
        return {**access, "ws": f"/sip?at={name}"} if several else access


def _access(user: str, password: str, number: str) -> SipAccess:
    return {
        "uri": f"sip:{user}@callcenter.invalid",
        "user": user,
        "password": password,
        "ws": "/sip",
        "expires": time.time() + VALID_S,
        "target": f"sip:{number}@callcenter.invalid" if number else "",
    }
