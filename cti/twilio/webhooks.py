"""Twilio's requests to us: an ASGI application that the composition root mounts.

Only a request that Twilio signed gets any further than this module. The signature is checked
against the configured public address; what the request says of its own host counts for nothing.

    403  no signature, a wrong one, or another account
    404  no such webhook            405  not a POST
    413  a body that is too large   400  a form that cannot be read
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, ImmutableMultiDict
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from cti.twilio.settings import TwilioSettings
from cti.twilio.urls import Route, parse

log = logging.getLogger(__name__)

BODY_MAX = 64_000  # bytes: Twilio's largest have a few thousand
_FIELDS_MAX = 200
_TOKENS_KEPT = 4096
_READ_S = 10.0

Params = ImmutableMultiDict[str, str]
Handle = Callable[[Route, Params], Awaitable[str]]
"""Answers one webhook with TwiML, "" for none. May raise: the caller is kept then."""


class _Refused(Exception):  # noqa: N818 - reads as what happened
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Webhooks:
    """Checks, takes apart and answers. `keep` is the TwiML for when answering breaks."""

    def __init__(self, settings: TwilioSettings, handle: Handle, keep: str) -> None:
        self._settings = settings
        self._handle = handle
        self._keep = keep
        self._validator = RequestValidator(settings.auth_token)
        self._answers: OrderedDict[str, asyncio.Future[str]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("webhooks are plain HTTP")
        try:
            response = await self._respond(scope, receive)
        except _Refused as refused:
            response = PlainTextResponse(str(refused), refused.status)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        path = _path(scope)
        route = parse(path)
        if route is None:
            raise _Refused(404, "no such webhook")
        if route.name == "fallback":
            return _xml(self._keep)  # static, and secret from nobody
        if scope["method"] != "POST":
            raise _Refused(405, "webhooks are posted")
        headers = Headers(scope=scope)
        params = _form(await _body(headers, receive))
        self._check(path, scope["query_string"], headers, params)
        return _xml(await self._answer_once(route, params, headers))

    def _check(self, path: str, query: bytes, headers: Headers, params: Params) -> None:
        url = self._settings.public_url + path
        if query:
            url += "?" + query.decode("latin-1")
        signature = headers.get("x-twilio-signature", "")
        if not signature.isascii() or not self._validator.validate(url, params, signature):
            log.warning("a webhook without Twilio's signature was refused")
            raise _Refused(403, "not signed by Twilio")
        if params.get("AccountSid", self._settings.account_sid) != self._settings.account_sid:
            raise _Refused(403, "another account")

    async def _answer_once(self, route: Route, params: Params, headers: Headers) -> str:
        """A request that Twilio sends again carries the same token, and gets the same answer."""
        token = headers.get("i-twilio-idempotency-token", "")[:200]
        if not token:
            return await self._answer(route, params)
        known = self._answers.get(token)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        if len(self._answers) > _TOKENS_KEPT:
            self._answers.popitem(last=False)
        text = self._keep
        try:
            text = await self._answer(route, params)
        finally:
            answer.set_result(text)
        return text

    async def _answer(self, route: Route, params: Params) -> str:
        try:
            return await self._handle(route, params)
        except Exception:
            log.exception("webhook %s failed", route.name)
            return self._keep


def _path(scope: Scope) -> str:
    """The path below the mount. Ours hold nothing that is ever percent-encoded."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root else path


async def _body(headers: Headers, receive: Receive) -> bytes:
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise _Refused(400, "a form is expected")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_MAX:
        raise _Refused(413, "too large")
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _Refused(400, "the request broke off")
                body += message.get("body", b"")
                if len(body) > BODY_MAX:
                    raise _Refused(413, "too large")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _Refused(408, "the request did not come to its end") from None


def _form(body: bytes) -> Params:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise _Refused(400, "a form that cannot be read") from None
    return ImmutableMultiDict(pairs)


def _xml(text: str) -> Response:
    if not text:
        return Response(status_code=204)
    return Response(text, media_type="text/xml", headers={"Cache-Control": "no-store"})
