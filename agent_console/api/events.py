"""The stream of events over a websocket, with resume.

    GET /api/v1/events?after=1234&types=call.*,agent.state&queues=sales     (Upgrade: websocket)

The first frame is {"type": "stream.opened", "version": 1, "sequence": n, "oldest": m}: what came
before number m is no longer known. Then come events in order, and every now and then
{"type": "stream.position", "sequence": n}: everything up to n has been told, so that a program
with filters can resume from there. What a program sends is ignored.

There is no queue: each connection holds its place in the stream and is sent what comes after it
as fast as it reads. One that does not read is closed with 4410 and may resume.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import IntEnum

import msgspec
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent_console.api.answers import known_problem, problem
from agent_console.api.guard import Denied, Guard, check_scope
from agent_console.api.ports import ApiPorts, Key, Reader
from agent_console.api.vocabulary import VERSION, Wanted, is_pattern
from agent_console.pace import Bucket
from agent_console.ports import Refusal

log = structlog.get_logger(__name__)

SCOPE = "events:read"
FILTERS_MAX = 60
MESSAGES_PER_S, MESSAGES_BURST = 5.0, 50


class Close(IntEnum):
    """Why the server closes. After all but KEY_OVER: come back with `after`."""

    LEAVING = 1001
    BROKEN = 1011
    KEY_OVER = 4401  # revoked or expired
    TOO_SLOW = 4410
    FLOOD = 4429  # nothing needs to be sent here, let alone that much


class EventSockets:
    """Lets programs in and tells them what happens."""

    def __init__(self, ports: ApiPorts, guard: Guard) -> None:
        self._ports = ports
        self._guard = guard
        self._open: Counter[str] = Counter()
        self._leaving = asyncio.Event()

    def __len__(self) -> int:
        return self._open.total()

    def end_all(self) -> None:
        """At shutdown: every program is told to come back."""
        self._leaving.set()

    async def serve(self, websocket: WebSocket) -> None:
        """Everything is checked before the websocket is accepted."""
        try:
            key = await self._guard.key(websocket)
            self._guard.pace(key)
            check_scope(key, SCOPE)
            wanted = self._wanted(websocket, key)
            reader = self._reader(websocket)
            oldest = await self._ports.feed.oldest()
            self._check_room(key)  # last: nothing else happens before it is counted
        except Refusal as why:
            headers = why.headers if isinstance(why, Denied) else {}
            more = why.more if isinstance(why, Denied) else {}
            answer = problem(why.status, why.code, why.message, headers, **more)
            await websocket.send_denial_response(answer)
            return
        except Exception as wrong:
            log.error("event-stream-failed", exc_info=wrong)
            await websocket.send_denial_response(known_problem("internal"))
            return
        self._open[key.key_id] += 1
        try:
            await websocket.accept()
            code = await self._run(websocket, reader, wanted, oldest)
            if code is not None:
                await _close(websocket, code)
        except WebSocketDisconnect:
            pass
        finally:
            self._open[key.key_id] -= 1
            if not self._open[key.key_id]:
                del self._open[key.key_id]

    def _wanted(self, websocket: WebSocket, key: Key) -> Wanted:
        query = websocket.query_params
        if unknown := set(query) - {"after", "types", "queues"}:
            raise _bad(f"{min(unknown)[:50]}: this is not known here")
        types, queues = (_words(query.get(name, "")) for name in ("types", "queues"))
        for one in types:
            if not is_pattern(one):
                raise _bad("types: name events of the vocabulary, or a group.*")
        return Wanted(types, queues, key.agent)

    def _reader(self, websocket: WebSocket) -> Reader:
        text = websocket.query_params.get("after")
        if text is None:
            return self._ports.feed.reader()
        if not (text.isascii() and text.isdecimal() and len(text) <= 16):
            raise _bad("after: the sequence of the last event that you have")
        after = int(text)
        if after > self._ports.feed.last:
            raise _bad("after: there is no such sequence yet; has the database been replaced?")
        return self._ports.feed.reader(after)

    def _check_room(self, key: Key) -> None:
        settings = self._ports.settings
        if (
            self._open[key.key_id] >= settings.sockets_per_key
            or len(self) >= settings.sockets_in_all
        ):
            raise Denied("too-many-requests", {"Retry-After": "10"})

    async def _run(
        self, websocket: WebSocket, reader: Reader, wanted: Wanted, oldest: int
    ) -> Close | None:
        text = websocket.headers.get("authorization", "").partition(" ")[2].strip()
        work = [
            asyncio.ensure_future(one)
            for one in (
                self._telling(websocket, reader, wanted, oldest),
                self._hearing(websocket),
                self._watching(text),
                self._leave(),
            )
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        for one in done:
            if isinstance(wrong := one.exception(), WebSocketDisconnect):
                return None
            if wrong is not None:
                log.error("event-stream-failed", exc_info=wrong)
                return Close.BROKEN
        return next(iter(done)).result()

    async def _telling(
        self, websocket: WebSocket, reader: Reader, wanted: Wanted, oldest: int
    ) -> Close:
        settings = self._ports.settings
        opened = {"type": "stream.opened", "version": VERSION, "sequence": reader.position}
        opened["oldest"] = oldest
        frames = [msgspec.json.encode(opened)]
        told = reader.position
        loop = asyncio.get_running_loop()
        position_due = loop.time() + settings.position_every_s
        while True:
            try:
                # The server's buffer is full: this waits until the program has read some of it.
                async with asyncio.timeout(settings.slow_after_s):
                    for frame in frames:
                        await websocket.send_text(frame.decode())
            except TimeoutError:
                return Close.TOO_SLOW
            events = [event for event in await reader.next() if wanted.takes(event)]
            frames = [event.body for event in events]
            if events:
                told = events[-1].sequence
                continue
            await reader.wait(max(0.0, position_due - loop.time()))
            if loop.time() < position_due:
                continue
            position_due = loop.time() + settings.position_every_s
            if reader.position > told:
                told = reader.position
                position = {"type": "stream.position", "sequence": told}
                frames = [msgspec.json.encode(position)]

    async def _hearing(self, websocket: WebSocket) -> Close | None:
        """What a program says is thrown away; that it goes is noticed."""
        pace = Bucket(MESSAGES_PER_S, MESSAGES_BURST)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            if not pace.take():
                return Close.FLOOD
        return None

    async def _watching(self, text: str) -> Close:
        while True:
            await asyncio.sleep(self._ports.settings.check_key_every_s)
            if not await self._guard.still(text):
                return Close.KEY_OVER

    async def _leave(self) -> Close:
        await self._leaving.wait()
        return Close.LEAVING


def _words(text: str) -> frozenset[str]:
    found = frozenset(word for word in text.split(",") if word)
    if len(found) > FILTERS_MAX:
        raise _bad(f"at most {FILTERS_MAX} of each filter")
    return found


def _bad(detail: str) -> Refusal:
    return Refusal("bad-request", detail, 422)


async def _close(websocket: WebSocket, code: Close, within_s: float = 2.0) -> None:
    try:
        async with asyncio.timeout(within_s):
            await websocket.close(code, code.name.lower().replace("_", "-"))
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        pass
