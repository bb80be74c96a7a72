"""What every HTTP request passes: body sizes, the Origin of changes, headers of answers."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_console.auth import Door
from agent_console.problems import broken, problem
from agent_console.settings import ConsoleSettings

IMPORT_PATH = "/api/customers.csv"
EMBED_PATH = "/embed"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


class ChangesFromHereOnly:
    """Requests that may change something: from our own pages, of a bounded size, as JSON.

    A foreign page can make a browser send a request with our cookie (a form, an image); it can
    neither forge the Origin nor send JSON without being asked. Only /api/ is looked at: what
    others mount beside it (a telephone company's webhooks) has its own guards, and so has
    /api/v1/, which knows programs by their keys and looks at no cookie.
    """

    def __init__(self, app: ASGIApp, door: Door, settings: ConsoleSettings) -> None:
        self._app = app
        self._door = door
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] in _SAFE
            or not scope["path"].startswith("/api/")
            or scope["path"].startswith("/api/v1/")
        ):
            await self._app(scope, receive, send)
            return
        if not self._door.origin_is_ours(HTTPConnection(scope)):
            answer = problem(403, "foreign-origin", "This must come from the console's own pages.")
            await answer(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_import = scope["path"] == IMPORT_PATH
        limit = self._settings.import_limit if is_import else self._settings.body_limit
        length = headers.get("content-length", "0")
        body: bytes | None = None
        if length.isdecimal() and len(length) < 16 and int(length) <= limit:
            try:
                async with asyncio.timeout(self._settings.body_within_s):
                    body = await read_body(receive, limit)
            except TimeoutError:
                answer = problem(408, "too-late", "The request did not arrive in time.")
                await answer(scope, receive, send)
                return
        if body is None:
            answer = problem(413, "too-large", f"At most {limit} bytes are taken here.")
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        wanted = "text/csv" if is_import else "application/json"
        sent = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and sent != wanted:
            await problem(415, "wrong-type", f"Send this as {wanted}.")(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when it is longer than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def security_headers(settings: ConsoleSettings) -> dict[str, str]:
    """The same strict headers for every answer."""
    # 'self' is not taken to cover websockets by every browser in use.
    sockets = " ".join(origin.replace("http", "ws", 1) for origin in settings.origins)
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "media-src": "'self' blob:",
        "connect-src": f"'self' {sockets}",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": (
            "microphone=(self), autoplay=(self), camera=(), geolocation=(), "
            "display-capture=(), payment=(), usb=()"
        ),
    }
    if all(origin.startswith("https://") for origin in settings.origins):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def embedded_headers(settings: ConsoleSettings) -> dict[str, str]:
    """For the one page that others may show inside, and only those that the settings name."""
    headers = security_headers(settings)
    if settings.embed_origins:
        policy, mine = headers["Content-Security-Policy"], " ".join(settings.embed_origins)
        headers["Content-Security-Policy"] = policy.replace(
            "frame-ancestors 'none'", f"frame-ancestors {mine}"
        )
        del headers["X-Frame-Options"]  # it knows all or nobody
    return headers


class SecurityHeaders:
    """Adds `security_headers`, and keeps answers of the API out of every cache.

    Also answers for what broke further in, so that this answer has the headers too.
    """

    def __init__(self, app: ASGIApp, settings: ConsoleSettings) -> None:
        self._app = app
        self._headers = security_headers(settings)
        self._embedded = embedded_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = False
        wanted = self._embedded if scope["path"] == EMBED_PATH else self._headers

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as wrong:
            if started:
                raise
            await broken(scope["path"], wrong)(scope, receive, with_headers)
