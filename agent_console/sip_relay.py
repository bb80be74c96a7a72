"""Browser phones' SIP, passed on to the switch: one origin, one log-in, no foreign names.

A browser can reach only this server, so the switch's websocket needs no port of its own to the
outside. Each message is looked at as little as is needed to be sure of three things: it is one
message, it is of a kind that a phone sends, and outside of a dialog it speaks for the agent or
visitor who holds the ticket. The rest is the switch's business.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from agent_console.auth import AGENT_PHONE, VISITOR_PHONE, Door, Ticket
from agent_console.consoles import Close, Consoles, OpenSocket
from agent_console.pace import Bucket
from agent_console.permissions import VISITOR, may_use
from agent_console.ports import Phones, Refusal, User
from agent_console.settings import ConsoleSettings
from agent_console.websocket import close, first_of

log = structlog.get_logger(__name__)

# What a phone sends. Transfers are made by the server, so no REFER; no MESSAGE, no PUBLISH.
METHODS = frozenset(
    ("REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK")
)
# Outside of a dialog a phone only registers, calls and asks.
OPENING = frozenset(("REGISTER", "INVITE", "OPTIONS", "ACK", "CANCEL"))

_REQUEST_LINE = re.compile(r"([A-Z]{3,12}) (\S{1,1000}) SIP/2\.0")
_STATUS_LINE = re.compile(r"SIP/2\.0 [1-6]\d\d [^\r\n]*")
_HEADER = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_COMPACT = {"f": "from", "t": "to", "l": "content-length", "i": "call-id", "m": "contact"}
# Who calls is said by the log-in; these would say it otherwise.
_NEVER = frozenset(("p-asserted-identity", "p-preferred-identity", "remote-party-id"))
# Bounds for reading a message in a fraction of a millisecond, whatever it holds.
_MOST_LINES = 200
_LONGEST_PARTY = 1000
_ONCE = frozenset(("from", "to", "content-length", "call-id", "cseq"))
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_NAME_ADDR = re.compile(
    rf"(?:{_QUOTED}|[^\"<>;,:@]*?)\s*<sips?:(?:([^@<>;?\s:\"]+)@)?[^<>\s\"@]+>([^<,]*)"
)
_ADDR_SPEC = re.compile(r"sips?:(?:([^@<>;?\s:\",]+)@)?[^<>;?\s\",@]+([^<,]*)")
_TAG = re.compile(r";\s*tag\s*=\s*[^\s;,]+", re.IGNORECASE)


class NotForUs(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A message that is not passed on; `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def speaker_of(text: str) -> str:
    """For whom a message opens something: the From user, or "" when it opens nothing.

    Raises `NotForUs` when it is not exactly one SIP message of a kind that a phone sends.
    """
    if text in ("\r\n\r\n", "\r\n"):
        return ""  # keep-alive
    head, end, body = text.partition("\r\n\r\n")
    if not end:
        raise NotForUs("not a whole message")
    lines = head.split("\r\n")
    if len(lines) > _MOST_LINES:
        raise NotForUs("too many lines")
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise NotForUs("stray line end")
    headers = _headers(lines[1:])
    # A second message behind the first would pass unseen.
    length = headers.get("content-length", "0" if not body else "")
    if not length.isdecimal() or not length.isascii() or int(length[:9]) != len(body.encode()):
        raise NotForUs("length does not fit")
    request = _REQUEST_LINE.fullmatch(lines[0])
    if request is None:
        if _STATUS_LINE.fullmatch(lines[0]):
            return ""
        raise NotForUs("neither request nor answer")
    return _opener(request[1], headers)


def _opener(method: str, headers: dict[str, str]) -> str:
    if method not in METHODS:
        raise NotForUs(f"method {method}")
    if named := _NEVER & headers.keys():
        raise NotForUs(f"says {min(named)}")
    from_user, _ = _party(headers.get("from", ""))
    to_user, in_dialog = _party(headers.get("to", ""))
    if method == "REGISTER":
        if to_user != from_user:
            raise NotForUs("registers somebody else")
    elif in_dialog:
        return ""
    if method not in OPENING:
        raise NotForUs(f"{method} outside of a dialog")
    if not from_user:
        raise NotForUs("opens in nobody's name")
    return from_user


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            if not unfolded:
                raise NotForUs("folded first line")
            unfolded[-1] += " " + line.strip()
        else:
            unfolded.append(line)
    for line in unfolded:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise NotForUs("not a header")
        name = header[1].lower()
        name = _COMPACT.get(name, name)
        if name in _ONCE and name in found:
            raise NotForUs(f"two {name}")
        found[name] = header[2].strip()
    return found


def _party(value: str) -> tuple[str, bool]:
    """The user of a From or To, and whether it has a tag."""
    if len(value) > _LONGEST_PARTY:
        raise NotForUs("overlong From or To")
    match = _NAME_ADDR.fullmatch(value) or _ADDR_SPEC.fullmatch(value)
    if match is None:
        raise NotForUs("unreadable From or To")
    return match[1] or "", _TAG.search(match[2]) is not None


class SipRelay:
    """Lets phones in and passes their SIP on, both ways, at the pace of the slower side."""

    def __init__(
        self, *, door: Door, phones: Phones, consoles: Consoles, settings: ConsoleSettings
    ) -> None:
        self._door = door
        self._phones = phones
        self._consoles = consoles
        self._settings = settings
        self._visitors = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Everything is checked before the websocket is accepted."""
        tickets, user = await self._who(websocket)
        if not tickets or "sip" not in websocket.scope["subprotocols"]:
            await websocket.close()
            return
        by_visitor = user is None
        if not self._has_room(user):
            await websocket.close()
            return
        socket = OpenSocket(
            token=self._door.token(websocket) if user else "",
            user_id=user.user_id if user else "",
        )
        self._visitors += by_visitor
        self._consoles.add(socket)
        try:
            # A log-out while we looked the session up found no websocket to close.
            again, _ = await self._who(websocket)
            if again != tickets:
                await websocket.close()
                return
            await websocket.accept(subprotocol="sip")
            code = await self._relay(websocket, socket, tickets)
            await close(websocket, code)
        except WebSocketDisconnect:
            pass
        finally:
            self._consoles.remove(socket)
            self._visitors -= by_visitor

    async def _who(self, websocket: WebSocket) -> tuple[list[Ticket], User | None]:
        """The good tickets of this browser, and the user if one of them is an agent's."""
        if not self._door.origin_is_ours(websocket) or not self._url(websocket):
            return [], None
        tickets = []
        user = None
        agent_ticket = self._door.read_ticket(websocket, AGENT_PHONE)
        if agent_ticket:
            try:
                user = await self._door.user(websocket)
            except Refusal:
                user = None
            if user and user.agent_id == agent_ticket.who and may_use(user.role, "WS", "/sip"):
                tickets.append(agent_ticket)
            else:
                user = None
        visitor_ticket = self._door.read_ticket(websocket, VISITOR_PHONE)
        if visitor_ticket and self._settings.web_phone and may_use(VISITOR, "WS", "/sip"):
            tickets.append(visitor_ticket)
        return tickets, user

    def _url(self, websocket: WebSocket) -> str:
        """Of the switch that the access sent this phone to; "" for one that is not known."""
        return self._phones.sip_url(websocket.query_params.get("at", ""))

    def _has_room(self, user: User | None) -> bool:
        if len(self._consoles) >= self._settings.sockets_in_all:
            return False
        if user is None:
            return self._visitors < self._settings.visitor_sockets
        return self._consoles.of_user(user.user_id) < self._settings.sockets_per_user

    async def _relay(
        self, websocket: WebSocket, socket: OpenSocket, tickets: list[Ticket]
    ) -> Close | None:
        url = self._url(websocket)
        try:
            switch = await connect(
                url,
                subprotocols=[Subprotocol("sip")],
                compression=None,
                ping_interval=None,
                proxy=None,
                open_timeout=5,
                close_timeout=2,
                max_size=self._settings.sip_frame_limit,
                max_queue=8,
            )
        except (OSError, WebSocketException, TimeoutError) as wrong:
            log.warning("sip-switch-away", url=url, error=str(wrong))
            return Close.SWITCH_AWAY
        async with switch:
            return await first_of(
                socket.ended,
                self._to_switch(websocket, switch, {ticket.sip_user for ticket in tickets}),
                self._to_browser(websocket, switch),
                self._watch_session(socket),
            )

    async def _to_switch(
        self, websocket: WebSocket, switch: ClientConnection, users: set[str]
    ) -> Close | None:
        settings = self._settings
        pace = Bucket(settings.sip_messages_per_s, settings.sip_messages_burst)
        while True:
            message: dict[str, Any] = dict(await websocket.receive())
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if text is None:
                try:
                    text = (message.get("bytes") or b"").decode()
                except UnicodeDecodeError:
                    return Close.BAD_FRAME
            if len(text) > settings.sip_frame_limit:
                return Close.TOO_BIG
            if not pace.take():
                return Close.FLOOD
            try:
                speaker = speaker_of(text)
            except NotForUs as refused:
                log.warning("sip-refused", why=refused.why, users=sorted(users))
                return Close.BAD_FRAME
            if speaker and speaker not in users:
                log.warning("sip-forged", speaker=speaker[:100], users=sorted(users))
                return Close.FORBIDDEN
            try:
                await switch.send(text)
            except ConnectionClosed:
                return Close.SWITCH_AWAY

    async def _to_browser(self, websocket: WebSocket, switch: ClientConnection) -> Close | None:
        while True:
            try:
                message = await switch.recv()
            except ConnectionClosed:
                return Close.SWITCH_AWAY
            try:
                async with asyncio.timeout(self._settings.slow_after_s):
                    if isinstance(message, str):
                        await websocket.send_text(message)
                    else:
                        await websocket.send_bytes(message)
            except TimeoutError:
                return Close.TOO_SLOW

    async def _watch_session(self, socket: OpenSocket) -> Close | None:
        """An agent's phone ends with the agent's log-in."""
        while True:
            await asyncio.sleep(self._settings.check_session_every_s)
            if not socket.token:
                continue
            try:
                user = await self._door.user_of(socket.token)
            except Refusal:
                continue
            if user is None or user.user_id != socket.user_id:
                return Close.NOT_LOGGED_IN
