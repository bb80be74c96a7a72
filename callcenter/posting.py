"""Requests to addresses that other people chose, without becoming their tool.

Only https to public addresses, unless the site allows a host by name. A name is resolved here,
every address of it is checked, and the connection goes to the very address that was checked, so
that a name which answers differently the second time wins nothing. No redirects, no proxies
from the environment, no cookies; bounded in time and size.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

ANSWER_LIMIT = 64 * 1024
URL_MAX = 2000

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Public by their numbers, but of a cloud's own machinery.
_MACHINERY = tuple(ipaddress.ip_network(net) for net in ("168.63.129.16/32", "192.0.0.0/24"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")  # private in the IPv6 of old, public to Python


class AddressRefused(Exception):  # noqa: N818 - an answer to whoever chose the address
    """We do not send anything there; the text says why, for people."""


class PostFailed(Exception):  # noqa: N818
    """Nothing came back, or not what was hoped for. `status` is None when nobody answered."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


def _inner(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address.teredo:
            return address.teredo[1]
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def forbidden(text: str, *, private_too: bool = False) -> str:
    """Why nothing is sent to this IP address; "" when it is fine.

    With `private_too` private and loopback addresses are fine: the site has named the host.
    """
    try:
        given = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "this is no IP address"
    address = _inner(given)
    if address.is_multicast or address.is_unspecified or given.is_multicast:
        return f"{given} is no address of one machine"
    if address.is_link_local or any(address in net for net in _MACHINERY):
        return f"{given} is link-local or of the cloud's own machinery"
    if private_too:
        return ""
    if not address.is_global or address.is_reserved or address in _SITE_LOCAL:
        return f"{given} is not a public address"
    return ""


class Poster:
    """Sends JSON. `allowed_hosts` ("zammad.lan", "127.0.0.1:3000") may be http and private."""

    def __init__(
        self,
        allowed_hosts: Iterable[str] = (),
        *,
        timeout_s: float = 10.0,
        at_once: int = 50,
    ) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._resolver = CheckedResolver(self._is_allowed)
        self._session: aiohttp.ClientSession | None = None

    def _is_allowed(self, host: str, port: int) -> bool:
        name = host.lower().strip("[]")
        return name in self._allowed or f"{name}:{port}" in self._allowed

    def check(self, text: str) -> URL:
        """The address, if something may be sent there. Raises `AddressRefused`."""
        if len(text) > URL_MAX or not text.isascii() or not text.isprintable():
            raise AddressRefused("write the address in ASCII, of at most 2000 characters")
        try:
            url = URL(text)
            port = url.port
        except ValueError as error:
            raise AddressRefused(f"this is no address: {error}") from None
        host = url.host
        if url.scheme not in ("https", "http") or not host or not port:
            raise AddressRefused("write it like https://crm.example.com/hooks")
        if url.user is not None or url.password is not None or url.fragment:
            raise AddressRefused("no user, password or fragment may stand in the address")
        if any(not 0 < len(part) < 64 for part in host.rstrip(".").split(".")) or len(host) > 253:
            raise AddressRefused("no machine has such a name")
        allowed = self._is_allowed(host, port)
        if url.scheme != "https" and not allowed:
            raise AddressRefused("only https, unless the settings allow this host")
        if _is_ip(host) and (why := forbidden(host, private_too=allowed)):
            raise AddressRefused(why)
        return url

    async def look(self, text: str) -> None:
        """Like `check`, and resolves a name; one that cannot be resolved now is let pass."""
        url = self.check(text)
        if url.host and url.port and not _is_ip(url.host):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._resolver.resolve(url.host, url.port)
            except (OSError, TimeoutError):
                return

    async def post(self, text: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send; the status (2xx). Raises `AddressRefused` or `PostFailed`."""
        url = self.check(text)
        try:
            async with self._opened().post(
                url,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                allow_redirects=False,
            ) as answer:
                await answer.content.read(ANSWER_LIMIT)  # so that the connection may serve again
                status = answer.status
        except TimeoutError:
            raise PostFailed(f"no answer within {self._timeout_s:g} s") from None
        except AddressRefused:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            for cause in (error.__cause__, getattr(error, "os_error", None)):
                if isinstance(cause, AddressRefused):
                    raise cause from None
            # Some errors name the whole address, and that may hold the receiver's token.
            why = f"{type(error).__name__}: {error}".replace(str(url), "the address")
            raise PostFailed(why[:300]) from None
        if 300 <= status < 400:
            raise PostFailed(f"answered {status}: redirects are not followed", status)
        if not 200 <= status < 300:
            raise PostFailed(f"answered {status}", status)
        return status

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,
                limit=self._at_once,
                limit_per_host=8,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Let go of all connections."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await session.close()
        await self._resolver.close()


class CheckedResolver(AbstractResolver):
    """Gives only addresses that may be connected to, in threads of its own.

    A name server that hangs must not take the threads that others need.
    """

    def __init__(self, is_allowed: Any) -> None:
        self._is_allowed = is_allowed
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of the name. Raises `AddressRefused` when one of them is forbidden."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses, host, port, family)
        allowed = self._is_allowed(host, port)
        results: list[ResolveResult] = []
        for kind, address in found:
            if why := forbidden(address, private_too=allowed):
                raise AddressRefused(f"{host}: {why}")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=kind,
                    proto=0,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not results:
            raise OSError(f"{host} has no address")
        return results

    async def close(self) -> None:
        """End the threads; one that waits for a name server ends when it answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int, family: int) -> list[tuple[int, str]]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(kind), str(where[0])) for kind, _, _, _, where in found))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
