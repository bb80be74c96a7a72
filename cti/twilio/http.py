"""HTTP to Twilio on our own session, and the two ways in which an order comes to nothing.

RestRefused       Twilio answered, and the answer is no
RestUnreachable   no answer; `sent` says whether the request may have arrived
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

AT_ONCE = 20  # Twilio refuses too many requests at once (429)
_DOWNLOAD_S = 300.0
_PART = 1_000_000
_FILE_MAX = 1_000_000_000  # bytes: eight hours in stereo
_ANSWER_MAX = 4_000_000  # bytes: a page of 1,000 calls has about a million

# Twilio's numbers for "this cannot be changed": it is over, or was never there.
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


class AioHttp(AsyncHttpClient):  # type: ignore[misc]
    """Twilio's library on our own aiohttp session: one deadline, no redirects, no retries."""

    def __init__(self, timeout_s: float, origin: str = "") -> None:
        super().__init__(log, True, timeout_s)
        self._origin = urlsplit(origin) if origin else None
        connections = aiohttp.TCPConnector(limit=AT_ONCE)
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
            sent["Authorization"] = _basic(auth)
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

    async def download(self, url: str, auth: tuple[str, str], target: Path) -> None:
        """Write what is at `url` to a file. Raises `RestRefused`, `RestUnreachable` or `OSError`;
        the file may be incomplete then."""
        timeout = aiohttp.ClientTimeout(total=_DOWNLOAD_S, sock_read=30.0)
        headers = {"Authorization": _basic(auth)}
        try:
            async with self._session.get(
                url, headers=headers, timeout=timeout, max_redirects=3
            ) as answer:
                if answer.status != 200:
                    raise RestRefused(answer.status, 0, "the file is not to be had")
                await self._write(answer, target)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RestUnreachable(f"the file broke off: {error!r}", sent=True) from error

    async def _write(self, answer: aiohttp.ClientResponse, target: Path) -> None:
        size = 0
        with await asyncio.to_thread(target.open, "wb") as file:
            async for part in answer.content.iter_chunked(_PART):
                size += len(part)
                if size > _FILE_MAX:
                    raise RestRefused(answer.status, 0, "the file is too large")
                await asyncio.to_thread(file.write, part)

    async def close(self) -> None:
        await self._session.close()


def _basic(auth: tuple[str, str]) -> str:
    return "Basic " + b64encode(":".join(auth).encode()).decode()
