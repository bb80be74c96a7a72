"""Push phones' passwords, and whole web phones, into a running Asterisk over ARI.

What is pushed lives in Asterisk's memory: it takes effect at once, without a
reload, and is lost when Asterisk restarts, so push again at each log-in and each
time the switch is back.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from types import TracebackType

import aiohttp

from cti.asterisk.configuration import (
    ENTRY_CONTEXT,
    AsteriskConfig,
    browser_aor,
    browser_endpoint,
)
from cti.asterisk.layout import Identity

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_ID = re.compile(r"[a-z0-9-]{1,32}")
_PASSWORD = re.compile(r"[A-Za-z0-9_.~+=/-]{8,128}")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")


class AriFailed(Exception):  # noqa: N818 - reads as what happened
    """Asterisk refused, or could not be reached (`status` 0)."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


class AriClient:
    """Configuration pushes to one Asterisk; an async context manager.

    Every method raises `AriFailed` within 5 s, and `ValueError` for a value that
    may not go into Asterisk, before anything is sent.
    """

    def __init__(self, identity: Identity, config: AsteriskConfig) -> None:
        self._base = f"http://127.0.0.1:{identity.ports.http}/ari"
        pair = f"{identity.ari_user}:{identity.ari_secret}".encode()
        self._headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        self._config = config
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AriClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def push_auth(self, agent_id: str, password: str) -> None:
        """Let the agent's browser phone `agent-<id>` register with `password` from now on."""
        await self._push_auth(f"agent-{_checked(_ID, agent_id, 'agent id')}", password)

    async def remove_auth(self, agent_id: str) -> None:
        """Let nobody register as this agent any more; a call that runs goes on."""
        await self._delete("auth", f"agent-{_checked(_ID, agent_id, 'agent id')}")

    async def push_web_endpoint(
        self, visitor: str, password: str, *, caller_number: str = "", caller_name: str = ""
    ) -> None:
        """Make a caller's web phone `web-<visitor>`; its calls enter like those of a trunk.

        The caller's number and name are set here: what the browser claims is ignored.
        """
        name = f"web-{_checked(_ID, visitor, 'visitor')}"
        _checked(_PASSWORD, password, "password")
        number = _checked(_NUMBER, caller_number, "caller number") if caller_number else name
        shown = re.sub(r"[^\w .,'-]", "", caller_name)[:40].strip() or "Web caller"
        endpoint = (
            *browser_endpoint(self._config, name, ENTRY_CONTEXT),
            ("callerid", f'"{shown}" <{number}>'),
            ("trust_id_inbound", "no"),
            ("device_state_busy_at", 1),
        )
        await self._put("aor", name, browser_aor())
        await self._push_auth(name, password)
        await self._put("endpoint", name, endpoint)

    async def remove_web_endpoint(self, visitor: str) -> None:
        """Take a web phone away again; one that is not there is fine."""
        name = f"web-{_checked(_ID, visitor, 'visitor')}"
        for kind in ("endpoint", "auth", "aor"):
            await self._delete(kind, name)

    async def endpoints(self) -> dict[str, str]:
        """Every SIP endpoint's name and state: "online", "offline" or "unknown"."""
        found = await self._request("GET", "/endpoints/PJSIP")
        if not isinstance(found, list):
            raise AriFailed("Asterisk's list of endpoints is no list")
        return {str(one.get("resource", "")): str(one.get("state", "unknown")) for one in found}

    async def _push_auth(self, name: str, password: str) -> None:
        _checked(_PASSWORD, password, "password")
        fields = (("auth_type", "userpass"), ("username", name), ("password", password))
        await self._put("auth", name, fields)

    async def _put(self, kind: str, name: str, fields: tuple[tuple[str, object], ...]) -> None:
        body = {"fields": [{"attribute": key, "value": str(value)} for key, value in fields]}
        await self._request("PUT", f"/asterisk/config/dynamic/res_pjsip/{kind}/{name}", body)

    async def _delete(self, kind: str, name: str) -> None:
        try:
            await self._request("DELETE", f"/asterisk/config/dynamic/res_pjsip/{kind}/{name}")
        except AriFailed as error:
            if error.status != 404:
                raise

    async def _request(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> object:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=_TIMEOUT, trust_env=False
            )
        try:
            async with self._session.request(method, self._base + path, json=body) as response:
                if response.status >= 400:
                    said = (await response.text())[:200]
                    raise AriFailed(f"{method} {path}: {response.status} {said}", response.status)
                return await response.json() if response.content_length != 0 else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise AriFailed(f"{method} {path}: {error or type(error).__name__}") from error


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{what} is not allowed: it must match {pattern.pattern}")
    return text
