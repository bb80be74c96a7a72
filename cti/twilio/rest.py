"""Orders to Twilio over its REST API: bounded in time and number, never on a blocking thread.

Redirecting and ending a call are safe to order twice, so they are tried again when nobody
knows what became of them. Creating a call is not: it is sent once, whatever happens.

    RestRefused       Twilio answered, and the answer is no
    RestUnreachable   no answer; `sent` says whether the request may have arrived
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from cti.twilio.settings import TwilioSettings

log = logging.getLogger(__name__)

_AT_ONCE = 20  # Twilio refuses too many requests at once (429)
_ANSWER_MAX = 4_000_000  # bytes: a page of 1,000 calls has about a million
_PAGE = 1000
_T = TypeVar("_T")

# Twilio's numbers for "this call cannot be changed": it is over, or was never there.
_OVER_CODES = frozenset((20404, 21220))


class RestError(Exception):
    """An order to Twilio came to nothing."""


class RestRefused(RestError):  # noqa: N818 - reads as what happened
    """Twilio said no. `status` is HTTP's, `code` Twilio's own number."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"Twilio refused ({status}, {code}): {message}"[:300])
        self.status = status
        self.code = code

    @property
    def call_is_over(self) -> bool:
        return self.status == 404 or self.code in _OVER_CODES

    @property
    def again_later(self) -> bool:
        """Too many requests at once, or a fault on Twilio's side: nothing was done."""
        return self.status == 429 or self.status >= 500


class RestUnreachable(RestError):  # noqa: N818 - reads as what happened
    """Twilio did not answer. `sent`: the request may have arrived all the same."""

    def __init__(self, why: str, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Leg:
    """One of Twilio's calls, as its list of calls has it."""

    sid: str
    parent_sid: str
    status: str
    direction: str
    to: str


class AioHttp(AsyncHttpClient):  # type: ignore[misc]
    """Twilio's library on our own aiohttp session: one deadline, no redirects, no retries."""

    def __init__(self, timeout_s: float, origin: str = "") -> None:
        super().__init__(log, True, timeout_s)
        self._origin = urlsplit(origin) if origin else None
        connections = aiohttp.TCPConnector(limit=_AT_ONCE)
        self._session = aiohttp.ClientSession(
            connector=connections, timeout=aiohttp.ClientTimeout(total=timeout_s)
        )

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        body = urlencode(data, doseq=True).encode() if data is not None else None
        query = urlencode(params, doseq=True) if params else ""
        url = self._url(uri) + (f"?{query}" if query else "")
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=sent,
                allow_redirects=False,
            ) as answer:
                text = await answer.content.read(_ANSWER_MAX)
                return Response(answer.status, text.decode("utf-8", "replace"), answer.headers)
        except aiohttp.ClientConnectorError as error:
            raise RestUnreachable(f"no connection to Twilio: {error}", sent=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise RestUnreachable(f"no answer from Twilio: {why}", sent=True) from error

    def _url(self, uri: str) -> str:
        if self._origin is None:
            return uri
        return urlunsplit(urlsplit(uri)._replace(scheme=self._origin[0], netloc=self._origin[1]))

    async def close(self) -> None:
        await self._session.close()


class Rest:
    """The few things that we ask of Twilio. Needs a running loop to be made."""

    def __init__(self, settings: TwilioSettings, http: AioHttp | None = None) -> None:
        self._http = http or AioHttp(settings.rest_timeout_s, settings.api_url)
        self._client = Client(
            settings.api_key or settings.account_sid,
            settings.api_secret if settings.api_key else settings.auth_token,
            settings.account_sid,
            http_client=self._http,
        )
        self._tries = settings.rest_tries
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def close(self) -> None:
        await self._http.close()

    async def redirect(self, sid: str, url: str, fallback: str) -> None:
        """Let a live call ask at `url` what to do next."""
        await self._repeated(
            lambda: self._client.calls(sid).update_async(
                url=url, method="POST", fallback_url=fallback, fallback_method="POST"
            )
        )

    async def hang_up(self, sid: str) -> None:
        """End a call, ringing or talking. One that is over already is no error."""
        try:
            await self._repeated(lambda: self._client.calls(sid).update_async(status="completed"))
        except RestRefused as refused:
            if not refused.call_is_over:
                raise

    async def create(
        self, to: str, caller_id: str, url: str, fallback: str, progress: str, ring_s: int
    ) -> str:
        """Call somebody; the new call's id. Sent once and never again."""
        call = await self._once(
            lambda: self._client.calls.create_async(
                to=to,
                from_=caller_id,
                url=url,
                method="POST",
                fallback_url=fallback,
                fallback_method="POST",
                status_callback=progress,
                status_callback_method="POST",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                timeout=ring_s,
            )
        )
        return str(call.sid)

    async def live(self) -> list[Leg]:
        """Every call that rings or talks now."""
        legs = []
        for status in ("in-progress", "ringing", "queued"):
            found = await self._repeated(
                lambda status=status: self._client.calls.list_async(  # type: ignore[misc]
                    status=status, page_size=_PAGE
                )
            )
            legs += [_leg(call) for call in found]
        return legs

    async def status(self, sid: str) -> str:
        """What has become of one call; "" when Twilio knows no such call."""
        try:
            found = await self._repeated(lambda: self._client.calls(sid).fetch_async())
        except RestRefused as refused:
            if refused.call_is_over:
                return ""
            raise
        return str(found.status)

    async def _repeated(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask until there is an answer, with growing pauses, `rest_tries` times at most."""
        pause_s = 0.25
        for left in range(self._tries - 1, -1, -1):
            try:
                return await self._once(ask)
            except RestRefused as refused:
                if not refused.again_later or not left:
                    raise
            except RestUnreachable:
                if not left:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("rest_tries must be at least 1")

    async def _once(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        async with self._slots:
            try:
                return await ask()
            except TwilioRestException as error:
                raise RestRefused(error.status, error.code or 0, error.msg) from error
            except TwilioServiceException as error:
                raise RestRefused(error.status, error.code or 0, error.title) from error
            except TwilioException as error:
                status = _page_status(error)
                raise RestRefused(status, 0, "the list of calls was refused") from error
            except (ValueError, KeyError, TypeError) as error:
                why = f"an answer that cannot be read: {type(error).__name__}"
                raise RestUnreachable(why, sent=True) from error


def _page_status(error: TwilioException) -> int:
    """The library keeps the answer of a refused list among the error's arguments."""
    response: Any = error.args[-1] if error.args else None
    return int(getattr(response, "status_code", 0))


def _leg(call: Any) -> Leg:
    return Leg(
        str(call.sid),
        str(call.parent_call_sid or ""),
        str(call.status),
        str(call.direction or ""),
        str(call.to or ""),
    )
