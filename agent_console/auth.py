"""Who is asking: sessions in cookies, the Origin check, tickets for phones, the guard of routes."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
import structlog
from fastapi import Depends, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response

from agent_console.permissions import SIGNED_OUT, may_use
from agent_console.ports import Accounts, Refusal, User
from agent_console.problems import TryAgain
from agent_console.settings import ConsoleSettings

log = structlog.get_logger(__name__)

SESSION = "callcenter_session"
AGENT_PHONE = "callcenter_phone"
VISITOR_PHONE = "callcenter_visitor"


class Ticket(msgspec.Struct, frozen=True):
    """Which SIP user a browser may speak for on `/sip`. `who` is an agent's or visitor's id."""

    kind: str  # AGENT_PHONE or VISITOR_PHONE
    who: str
    sip_user: str
    until: float


class Door:
    """Reads and writes what a browser carries to show who it is."""

    def __init__(
        self,
        accounts: Accounts,
        settings: ConsoleSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.accounts = accounts
        self._settings = settings
        self._clock = clock
        self._origins = frozenset(settings.origins)
        # A cookie named __Host- can be set only by this very host over https.
        self._secure = tuple({origin.startswith("https://") for origin in settings.origins})

    # Origin -------------------------------------------------------------------------------

    def origin_is_ours(self, connection: HTTPConnection) -> bool:
        """Exactly one Origin header, and it is one of the addresses of this console."""
        named = connection.headers.getlist("origin")
        return len(named) == 1 and named[0] in self._origins

    # Sessions -----------------------------------------------------------------------------

    def token(self, connection: HTTPConnection) -> str:
        """The session token that the browser sent, or ""."""
        for secure in sorted(self._secure, reverse=True):
            if token := connection.cookies.get(_cookie(SESSION, secure)):
                return token if len(token) <= 200 else ""
        return ""

    async def user(self, connection: HTTPConnection) -> User | None:
        """Who is logged in; raises `TryAgain` when that cannot be found out."""
        token = self.token(connection)
        return await self.user_of(token) if token else None

    async def user_of(self, token: str) -> User | None:
        try:
            return await self.accounts.session_user(token)
        except Exception as wrong:
            log.warning("session-not-looked-up", exc_info=wrong)
            raise TryAgain from wrong

    def keep(self, request: Request, answer: Response, name: str, value: str, for_s: float) -> None:
        """Set a cookie that scripts cannot read and other sites cannot send."""
        secure = self._is_secure(request)
        answer.set_cookie(
            _cookie(name, secure),
            value,
            max_age=int(for_s),
            path="/",
            httponly=True,
            samesite="strict",
            secure=secure,
        )

    def forget(self, request: Request, answer: Response, name: str) -> None:
        secure = self._is_secure(request)
        answer.delete_cookie(
            _cookie(name, secure), path="/", httponly=True, samesite="strict", secure=secure
        )

    def _is_secure(self, request: Request) -> bool:
        # The Origin (checked before) is what the browser itself sees, also behind a proxy.
        return request.headers.get("origin", "").startswith("https://")

    # Tickets ------------------------------------------------------------------------------

    def write_ticket(self, kind: str, who: str, sip_user: str) -> str:
        until = self._clock() + self._settings.ticket_s
        body = msgspec.json.encode(Ticket(kind, who, sip_user, until))
        return f"{_b64(body)}.{_b64(self._seal(body))}"

    def read_ticket(self, connection: HTTPConnection, kind: str) -> Ticket | None:
        """The ticket of this kind that the browser carries, if it is ours and still good."""
        for secure in sorted(self._secure, reverse=True):
            if written := connection.cookies.get(_cookie(kind, secure)):
                return self._read_ticket(written, kind)
        return None

    def _read_ticket(self, written: str, kind: str) -> Ticket | None:
        body_text, _, seal_text = written.partition(".")
        try:
            body, seal = _unb64(body_text), _unb64(seal_text)
            if not hmac.compare_digest(seal, self._seal(body)):
                return None
            ticket = msgspec.json.decode(body, type=Ticket)
        except (ValueError, msgspec.MsgspecError):
            return None
        return ticket if ticket.kind == kind and ticket.until > self._clock() else None

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._settings.secret, b"phone ticket\n" + body, "sha256")


def _cookie(name: str, secure: bool) -> str:
    return f"__Host-{name}" if secure else name


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


async def guard(request: Request) -> None:
    """Every route passes here first: default deny, by the one table of permissions."""
    door: Door = request.app.state.door
    route = request.scope.get("route")
    path = getattr(route, "path", "")
    if may_use(SIGNED_OUT, request.method, path):
        return
    user = await door.user(request)
    if user is None:
        raise Refusal("not-logged-in", "Log in first.", 401)
    if not may_use(user.role, request.method, path):
        raise Refusal("forbidden", "Your role does not allow this.", 403)
    request.state.user = user


def the_user(request: Request) -> User:
    """The user whom the guard let through; only on routes that need a log-in."""
    user: User = request.state.user
    return user


TheUser = Annotated[User, Depends(the_user)]
