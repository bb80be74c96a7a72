"""A console without a page: the live protocol, spoken by a program."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp

from tools.lab.center import PASSWORD

T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - as the protocol calls it
    """The server said no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Console:
    """One person's console: it keeps the entities up to date and comes back by itself."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.entities: dict[str, Any] = {}
        self.snapshots = 0
        self.resumes = 0
        self.seqs: list[int] = []
        self._epoch, self._seq = "", 0
        self.http = aiohttp.ClientSession(headers={"Origin": url})
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> Console:
        """Log in and connect; returns with the first snapshot."""
        body = {"name": self.name, "password": PASSWORD}
        async with self.http.post(f"{self.url}/api/login", json=body) as answer:
            if answer.status != 200:
                raise Refused(str(answer.status), await answer.text())
        self._task = asyncio.create_task(self._keep_connected())
        await self.until(lambda: self.snapshots, "the first snapshot")
        return self

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.http.close()

    @property
    def connected(self) -> bool:
        return self._ws is not None

    # What it shows -------------------------------------------------------------------------

    def get(self, key: str) -> Any:
        return self.entities.get(key)

    def all(self, kind: str) -> list[Any]:
        """All entities of a kind, such as "waiting"."""
        return [value for key, value in self.entities.items() if key.startswith(f"{kind}:")]

    @property
    def desk(self) -> dict[str, Any]:
        found: dict[str, Any] = self.entities.get("desk") or {}
        return found

    @property
    def state(self) -> str:
        return str(self.desk.get("state", ""))

    @property
    def call(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.desk.get("call")
        return found

    async def until(self, what: Callable[[], T], says: str = "", timeout_s: float = 10.0) -> T:
        """Wait until `what` is true of the entities; its value."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := what()):
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{self.name}: never {says or what}; {self._shown()}") from None

    def _shown(self) -> str:
        """What stands on the page, for the message of a failed test."""
        kinds = ("desk", "waiting", "agent") if self.desk else ("waiting", "agent", "call")
        mine = [f"{k} {v}" for k, v in self.entities.items() if k.split(":")[0] in kinds]
        return "\n".join(["shows", *mine])[:4000]

    async def until_state(self, *states: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait for one of these agent states; the desk."""
        await self.until(lambda: self.state in states, f"{' or '.join(states)}", timeout_s)
        return self.desk

    # What it does --------------------------------------------------------------------------

    async def do(self, verb: str, **args: Any) -> Any:
        """Carry out a verb; its result. Raises `Refused`."""
        if self._ws is None:
            await self.until(lambda: self._ws, "a connection")
        assert self._ws is not None
        self._next += 1
        number = self._next
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await self._ws.send_json({"t": "do", "id": number, "verb": verb, "args": args})
            async with asyncio.timeout(10):
                return await answer
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Refused("outcome-unknown", "connection lost") from error
        finally:
            self._answers.pop(number, None)

    async def begin_shift(self, phone: str = "desk", *, ready: bool = True) -> None:
        """Sign in with a phone that is up, and take calls."""
        await self.do("sign_in", phone=phone)
        await self.until(lambda: self.desk["phone"]["up"], "a phone that is up")
        if ready:
            await self.do("ready")
            await self.until_state("ready", "reserved", "talking")

    async def wrap_up(self, disposition: str = "solved", note: str = "", then: str = "") -> None:
        await self.until_state("wrap-up")
        call = self.call
        assert call is not None
        await self.do(
            "wrap_up", call_id=call["call_id"], disposition=disposition, note=note, then=then
        )

    async def ask(self, path: str, **params: Any) -> Any:
        """GET over REST."""
        async with self.http.get(f"{self.url}{path}", params=params) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise Refused(str(answer.status), text)
            return json.loads(text)

    # The connection ------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        while True:
            try:
                async with self.http.ws_connect(f"{self.url}/live", heartbeat=10) as ws:
                    await ws.send_json({"t": "hello", "epoch": self._epoch, "seq": self._seq})
                    async for message in ws:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._take(json.loads(message.data), ws)
            except (aiohttp.ClientError, OSError):
                pass
            self._ws = None
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(Refused("outcome-unknown", "connection lost"))
            self._changed.set()
            await asyncio.sleep(0.1)

    def _take(self, frame: dict[str, Any], ws: aiohttp.ClientWebSocketResponse) -> None:
        match frame["t"]:
            case "snapshot":
                self._epoch, self._seq = frame["epoch"], frame["seq"]
                self.entities = dict(frame["put"])
                self.snapshots += 1
                self._ws = ws
            case "resumed":
                self.resumes += 1
                self._ws = ws
            case "delta":
                self._seq = frame["seq"]
                self.seqs.append(frame["seq"])
                self.entities |= frame.get("put") or {}
                for key in frame.get("drop") or []:
                    self.entities.pop(key, None)
            case "done" | "refused":
                answer = self._answers.get(frame["id"])
                if answer is not None and not answer.done():
                    if frame["t"] == "done":
                        answer.set_result(frame.get("result"))
                    else:
                        answer.set_exception(Refused(frame["code"], frame["message"]))
        self._changed.set()
