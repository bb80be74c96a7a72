"""The open websockets: whose they are, how to end them, and which agents have a console."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any

import structlog

from agent_console.ports import Floor, Refusal

log = structlog.get_logger(__name__)

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 10.0


class Close(IntEnum):
    """Why the server closes a websocket. All but NOT_LOGGED_IN and FORBIDDEN: come back."""

    LEAVING = 1001
    TOO_BIG = 1009
    FULL = 1013
    BAD_FRAME = 4400
    NOT_LOGGED_IN = 4401  # the session is over, or its role changed: log in (again)
    FORBIDDEN = 4403  # SIP in another's name
    NO_HELLO = 4408
    TOO_SLOW = 4410  # reads too slowly: reconnect and resume
    FLOOD = 4429
    SWITCH_AWAY = 4502  # /sip only: the switch cannot be reached


class OpenSocket:
    """One accepted websocket. `ended` is set when it is to be closed from this side."""

    def __init__(self, *, token: str = "", user_id: str = "", agent: str = "") -> None:
        self.token = token
        self.user_id = user_id
        self.agent = agent
        self.ended: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    def end(self, code: Close) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


class Consoles:
    """All open websockets. Tells the floor when an agent's last console goes and one comes."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._sockets: set[OpenSocket] = set()
        self._by_user: Counter[str] = Counter()
        self._by_agent: Counter[str] = Counter()
        self._told: set[str] = set()  # agents whom the floor knows to be here
        self._telling: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    @property
    def agents(self) -> set[str]:
        """Agents with at least one console open now."""
        return set(self._by_agent)

    def of_user(self, user_id: str) -> int:
        """How many websockets this user has open."""
        return self._by_user[user_id]

    def add(self, socket: OpenSocket) -> None:
        """`socket.agent` is named only by consoles, not by phones: only they count as present."""
        self._sockets.add(socket)
        self._by_user[socket.user_id] += 1
        if socket.agent:
            self._by_agent[socket.agent] += 1
            self._tell(socket.agent)

    def remove(self, socket: OpenSocket) -> None:
        if socket not in self._sockets:
            return
        self._sockets.remove(socket)
        _less(self._by_user, socket.user_id)
        if socket.agent:
            _less(self._by_agent, socket.agent)
            self._tell(socket.agent)

    def end_session(self, token: str) -> None:
        """Close what this log-in has open."""
        for socket in [s for s in self._sockets if token and s.token == token]:
            socket.end(Close.NOT_LOGGED_IN)

    def end_user(self, user_id: str) -> None:
        """Close what this user has open: the role or password changed, or the user is shut out."""
        for socket in [s for s in self._sockets if user_id and s.user_id == user_id]:
            socket.end(Close.NOT_LOGGED_IN)

    def end_all(self) -> None:
        for socket in list(self._sockets):
            socket.end(Close.LEAVING)

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run to its end even if the console that asked for it goes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self, within_s: float = 5.0) -> None:
        """Wait until what is under way is done (at shutdown, and in tests)."""
        try:
            async with asyncio.timeout(within_s):
                while self._tasks:
                    await asyncio.gather(*self._tasks, return_exceptions=True)
        except TimeoutError:
            log.warning("work-cut-off", tasks=len(self._tasks))

    def _tell(self, agent: str) -> None:
        if agent not in self._telling:
            self._telling.add(agent)
            self.background(self._tell_floor(agent))

    async def _tell_floor(self, agent: str) -> None:
        # One teller per agent, so that lost and back never overtake each other; a blink of the
        # eye between two tabs is not told at all.
        wait_s = _FIRST_RETRY_S
        try:
            while (here := agent in self._by_agent) != (agent in self._told):
                try:
                    if here:
                        await self._floor.console_back(agent)
                    else:
                        await self._floor.console_lost(agent)
                except Refusal as why:
                    log.info("presence-refused", agent=agent, here=here, code=why.code)
                except Exception as wrong:
                    # Untold, an agent who left would be offered calls: try until it is known.
                    log.warning("presence-not-told", agent=agent, here=here, exc_info=wrong)
                    await asyncio.sleep(wait_s)
                    wait_s = min(2 * wait_s, _LAST_RETRY_S)
                    continue
                if here:
                    self._told.add(agent)
                else:
                    self._told.discard(agent)
        finally:
            self._telling.discard(agent)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
