"""A whole call center on the virtual switch, its API, and receivers of webhooks."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from aiohttp import web
from websockets.asyncio.client import ClientConnection

from agent_console.api.scopes import SCOPES
from callcenter.system import System
from config.settings import DEMO_SITE, Settings
from cti.virtual.callers import Caller
from cti.virtual.phones import AT_ONCE, always
from storage.apikeys import ApiKeys


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def until(what: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Wait until it is true; what it came to."""
    async with asyncio.timeout(timeout_s):
        while not (found := what()):
            await asyncio.sleep(0.02)
        return found


class Center:
    """A running system; `key` may do everything, `http` is a client without cookies."""

    def __init__(self, system: System, http: aiohttp.ClientSession) -> None:
        self.system = system
        self.http = http
        self.key = ""

    until = staticmethod(until)

    @property
    def url(self) -> str:
        return self.system.settings.base_url

    async def new_key(self, name: str, *scopes: str, **more: Any) -> str:
        """A key with these scopes; with none, all of them."""
        keys = ApiKeys(self.system.database)
        return (await keys.create(name, scopes or SCOPES, **more))[1]

    async def ask(
        self, method: str, path: str, *, key: str | None = "", **more: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, decoded body, response. `key` "" is the all-powerful one, None sends none."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key or self.key}"
        url = f"{self.url}/api/v1{path}"
        async with self.http.request(method, url, headers=headers, **more) as answer:
            text = await answer.text()
        return answer.status, json.loads(text) if text else None, answer

    async def done(self, path: str, key: str = "", **body: Any) -> Any:
        """An order that must be carried out; its result."""
        status, told, _ = await self.ask("POST", path, key=key, json=body)
        assert status == 200, told
        return told["result"]

    @asynccontextmanager
    async def stream(self, query: str = "", key: str = "") -> AsyncIterator[ClientConnection]:
        async with websockets.connect(
            f"{self.url.replace('http', 'ws')}/api/v1/events{query}",
            additional_headers={"Authorization": f"Bearer {key or self.key}"},
            compression=None,
            proxy=None,
        ) as connection:
            yield connection

    async def calls(self, **caller: Any) -> str:
        """Somebody calls and chooses sales; the call's id."""
        given = {"ani": "+12025550100", "dnis": "100", "digits": ("1", "1"), "press_after_s": 0.05}
        switch: Any = self.system.switches.up["virtual"].link
        call: str = switch.call_in(Caller(**{**given, "talk_s": 60.0, **caller}))
        return call

    async def talking(self, agent: str = "anna", **caller: Any) -> str:
        """An agent talks with a caller; the call's id."""
        await self.done(f"/agents/{agent}/sign-in", phone="browser")
        await self.done(f"/agents/{agent}/ready")
        call = await self.calls(**caller)
        await until(lambda: self.system.router.engine.agent_view(agent).state == "talking")
        return call


StartCenter = Callable[..., Awaitable[Center]]


@pytest.fixture
async def start_center(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StartCenter]:
    """`await start_center(**settings)`; again on the same data after `center.system.stop()`."""
    monkeypatch.setattr("cti.virtual.voice.SPEECH_S_PER_CHARACTER", 0.001)
    site = tmp_path / "site"
    shutil.copytree(DEMO_SITE, site)
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Center:
            given = {
                "var": tmp_path / "var",
                "site": site,
                "switch": "virtual",
                "port": free_port(),
                "demo": False,
                "webhook_hosts": ("127.0.0.1",),
            }
            system = System(Settings(**{**given, **changes}))
            stack.push_async_callback(system.stop)
            await system.start()
            link: Any = system.switches.up["virtual"].link
            link._x.phones = always(AT_ONCE)
            http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            await stack.enter_async_context(http)
            return Center(system, http)

        yield start


@pytest.fixture
async def center(start_center: StartCenter) -> Center:
    """A call center with an all-powerful key."""
    center = await start_center()
    center.key = await center.new_key("everything")
    system = center.system
    # What the start itself told is not what a test listens for.
    await until(lambda: system.programs.feed.last == system.journal.last_seq)
    return center


class Receiver:
    """A program that receives webhooks; `answers` are its next statuses, then 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.always = 200
        self.location = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else self.always
        headers = {"Location": self.location} if self.location else {}
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An HTTP server on loopback."""
    app = web.Application()
    port = free_port()
    taking = Receiver(f"http://127.0.0.1:{port}/hook")
    app.router.add_post("/hook", taking.take)
    app.router.add_get("/hook", taking.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield taking
    await runner.cleanup()
