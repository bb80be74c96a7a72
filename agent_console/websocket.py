"""The live websocket of a console: `agent_console.protocol`, spoken by the server.

Four things run for each console and the first to finish ends it: the reader, the writer, the
worker that does verbs one after the other, and the watch on its log-in.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

import msgspec
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from agent_console.auth import Door
from agent_console.consoles import Close, Consoles, OpenSocket
from agent_console.live import EVERYONE, SUPERVISOR, LiveStore, Outbox, agent_room, mended
from agent_console.pace import Bucket
from agent_console.permissions import ADMIN, may_use
from agent_console.permissions import SUPERVISOR as SUPERVISOR_ROLE
from agent_console.ports import Floor, Refusal, User
from agent_console.settings import ConsoleSettings
from agent_console.verbs import carry_out

log = structlog.get_logger(__name__)

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Hello(msgspec.Struct, tag_field="t", tag="hello"):
    epoch: Annotated[str, msgspec.Meta(max_length=100)] = ""
    seq: _Number = 0


class _Do(msgspec.Struct, tag_field="t", tag="do"):
    id: _Number
    verb: Annotated[str, msgspec.Meta(max_length=100)]
    args: dict[str, Any] = {}


class _Ping(msgspec.Struct, tag_field="t", tag="ping"):
    id: _Number


_Frame = _Hello | _Do | _Ping
_strictly = msgspec.json.Decoder(_Frame).decode
_encode = msgspec.json.encode


def read_frame(text: str) -> _Frame | Close:
    """The frame that a page sent, or why to close."""
    try:
        frame: _Frame = _strictly(text)
        return frame
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        # A page may cut an emoji in two; the rest of the note is worth keeping.
        found: _Frame = msgspec.convert(mended(json.loads(text)), _Frame)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return Close.BAD_FRAME
    return found


# Verbs that wait for the one before them; a person does not get this far ahead.
_VERBS_WAITING = 16


def rooms_of(user: User) -> Sequence[str]:
    """The rooms that a user's console watches; later ones win."""
    rooms = [EVERYONE]
    if user.role in (SUPERVISOR_ROLE, ADMIN):
        rooms.append(SUPERVISOR)
    if user.agent_id:
        rooms.append(agent_room(user.agent_id))
    return rooms


def as_me(user: User) -> dict[str, str]:
    """The entity `me` (`agent_console.protocol.Me`)."""
    return {
        "user_id": user.user_id,
        "name": user.name,
        "role": user.role,
        "agent_id": user.agent_id,
        "language": user.language,
    }


class LiveSockets:
    """Lets consoles in and serves them."""

    def __init__(
        self,
        *,
        door: Door,
        live: LiveStore,
        floor: Floor,
        consoles: Consoles,
        settings: ConsoleSettings,
        rooms: Callable[[User], Sequence[str]] = rooms_of,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.door = door
        self.live = live
        self.floor = floor
        self.consoles = consoles
        self.settings = settings
        self.rooms = rooms
        self.clock = clock

    async def serve(self, websocket: WebSocket) -> None:
        """Everything is checked before the websocket is accepted."""
        user = await self._who(websocket)
        if user is None or not self._has_room(user):
            await websocket.close()
            return
        socket = OpenSocket(
            token=self.door.token(websocket), user_id=user.user_id, agent=user.agent_id
        )
        outbox = self.live.attach(self.rooms(user), {"me": as_me(user)})
        self.consoles.add(socket)
        try:
            # A log-out while we looked the session up found no websocket to close.
            again = await self._who(websocket)
            if again is None or _rights(again) != _rights(user):
                await websocket.close()
                return
            await websocket.accept()
            code = await _Console(self, websocket, socket, outbox, user).run()
            await close(websocket, code)
        except WebSocketDisconnect:
            pass
        finally:
            outbox.close()
            self.consoles.remove(socket)

    async def _who(self, websocket: WebSocket) -> User | None:
        if not self.door.origin_is_ours(websocket):
            return None
        try:
            user = await self.door.user(websocket)
        except Refusal:
            return None
        return user if user and may_use(user.role, "WS", "/live") else None

    def _has_room(self, user: User) -> bool:
        return (
            len(self.consoles) < self.settings.sockets_in_all
            and self.consoles.of_user(user.user_id) < self.settings.sockets_per_user
        )


class _Console:
    def __init__(
        self,
        sockets: LiveSockets,
        websocket: WebSocket,
        socket: OpenSocket,
        outbox: Outbox,
        user: User,
    ) -> None:
        self._all = sockets
        self._settings = sockets.settings
        self._websocket = websocket
        self._socket = socket
        self._outbox = outbox
        self._user = user
        self._verbs: asyncio.Queue[_Do] = asyncio.Queue(_VERBS_WAITING)
        self._pace = Bucket(self._settings.messages_per_s, self._settings.messages_burst)

    async def run(self) -> Close | None:
        """Serve until somebody ends it; the code to close with, or None when it is closed."""
        return await first_of(
            self._socket.ended, self._talk(), self._verb_after_verb(), self._watch_session()
        )

    async def _talk(self) -> Close | None:
        try:
            async with asyncio.timeout(self._settings.hello_within_s):
                hello = await self._read()
        except TimeoutError:
            return Close.NO_HELLO
        if not isinstance(hello, _Hello):
            return hello if isinstance(hello, Close) else Close.NO_HELLO
        first = self._outbox.open(hello.epoch, hello.seq)
        never: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        return await first_of(never, self._reading(), self._writing(first))

    async def _reading(self) -> Close | None:
        while True:
            frame = await self._read()
            if isinstance(frame, _Ping):
                pong = {"t": "pong", "id": frame.id, "now": self._all.clock()}
                if not self._outbox.reply(_encode(pong)):
                    return Close.TOO_SLOW
            elif isinstance(frame, _Do):
                if self._verbs.full():
                    busy = Refusal("busy", "Too many actions are waiting.")
                    if not self._refuse(frame, busy):
                        return Close.TOO_SLOW
                else:
                    self._verbs.put_nowait(frame)
            elif isinstance(frame, _Hello):
                return Close.BAD_FRAME
            else:
                return frame

    async def _read(self) -> _Frame | Close | None:
        """The next frame; a code when it is not acceptable; None when the console has gone."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        if text is None:
            return Close.BAD_FRAME
        # A character has up to four bytes: look at the cheap bound first.
        limit = self._settings.frame_limit
        if len(text) > limit or (len(text) * 4 > limit and len(text.encode()) > limit):
            return Close.TOO_BIG
        if not self._pace.take():
            return Close.FLOOD
        return read_frame(text)

    async def _writing(self, frames: list[str]) -> Close | None:
        settings = self._settings
        while True:
            try:
                # The server's buffer is full: this waits until the console has read some of it.
                async with asyncio.timeout(settings.slow_after_s):
                    for frame in frames:
                        await self._websocket.send_text(frame)
            except TimeoutError:
                return Close.TOO_SLOW
            # The first change goes at once; what follows within this time is gathered.
            await asyncio.sleep(settings.gather_s)
            frames = await self._outbox.next()

    async def _verb_after_verb(self) -> Close | None:
        while True:
            do = await self._verbs.get()
            # Not stopped half-way when the console goes: the journal may have it already.
            work = self._all.consoles.background(self._carry_out(do))
            if not await asyncio.shield(work):
                return Close.TOO_SLOW

    async def _carry_out(self, do: _Do) -> bool:
        try:
            user = await self._all.door.user_of(self._socket.token)
            if user is None or _rights(user) != _rights(self._user):
                self._socket.end(Close.NOT_LOGGED_IN)
                return True
            result = await carry_out(self._all.floor, user, do.verb, do.args)
        except Refusal as why:
            return self._refuse(do, why)
        except Exception as wrong:
            log.error("verb-failed", verb=do.verb, user=self._user.user_id, exc_info=wrong)
            return self._refuse(do, Refusal("internal", "This failed; it is in the log."))
        return self._outbox.reply(_encode({"t": "done", "id": do.id, "result": result}))

    def _refuse(self, do: _Do, why: Refusal) -> bool:
        answer = {"t": "refused", "id": do.id, "code": why.code, "message": why.message}
        return self._outbox.reply(_encode(answer))

    async def _watch_session(self) -> Close | None:
        """Notices what happened elsewhere: another process, the passing of time."""
        while True:
            await asyncio.sleep(self._settings.check_session_every_s)
            try:
                user = await self._all.door.user_of(self._socket.token)
            except Refusal:
                continue  # the database is away: work in hand goes on
            if user is None or _rights(user) != _rights(self._user):
                return Close.NOT_LOGGED_IN


def _rights(user: User) -> tuple[str, str, str]:
    return user.user_id, user.role, user.agent_id


async def first_of(
    ended: asyncio.Future[Close], *work: Coroutine[Any, Any, Close | None]
) -> Close | None:
    """Run all until the first is done, stop the others, and hand on what the first says."""
    tasks = [asyncio.ensure_future(one) for one in work]
    awaited: list[asyncio.Future[Any]] = [ended, *tasks]
    try:
        done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if ended in done:
        return ended.result()
    for task, result in zip(tasks, results, strict=True):
        if task in done:
            if isinstance(result, WebSocketDisconnect):
                return None
            if isinstance(result, BaseException):
                raise result
            return result
    return None


async def close(websocket: WebSocket, code: Close | None, within_s: float = 2.0) -> None:
    """Close it if it is still open; a browser that reads nothing is not waited for."""
    if code is None or websocket.application_state is not WebSocketState.CONNECTED:
        return
    try:
        async with asyncio.timeout(within_s):
            await websocket.close(code, code.name.lower().replace("_", "-"))
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        pass
