"""The real console application on a real uvicorn, over the preview's play in memory."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from playwright.async_api import Browser, Page, async_playwright
from websockets.asyncio.client import ClientConnection

from agent_console.app import listen, serve_options
from agent_console.preview import Play, PreviewAccounts, preview_app, preview_settings
from tests.agent_console.browsing import CHROMIUM, FLAGS, KEEP_CONNECTIONS, SOON_MS
from tools.build_front_end import build


class RunningConsole:
    """A console that answers on `url`; `http` is a client without cookies."""

    def __init__(self, url: str, app: FastAPI, play: Play, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.app = app
        self.play = play
        self.http = http
        self.server: uvicorn.Server

    @property
    def accounts(self) -> PreviewAccounts:
        accounts: PreviewAccounts = self.app.state.door.accounts
        return accounts

    async def ask(
        self,
        method: str,
        path: str,
        *,
        cookie: str = "",
        origin: str | None = "",
        **more: Any,
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, decoded body (text when it is not JSON), response. "" is our own Origin."""
        headers = dict(more.pop("headers", {}))
        if origin is not None:
            headers["Origin"] = origin or self.url
        if cookie:
            headers["Cookie"] = cookie
        async with self.http.request(method, self.url + path, headers=headers, **more) as answer:
            text = await answer.text(errors="replace")
        try:
            return answer.status, json.loads(text), answer
        except ValueError:
            return answer.status, text, answer

    async def log_in(self, name: str, cookie: str = "") -> str:
        """Log in; returns the Cookie header."""
        status, _, answer = await self.ask(
            "POST", "/api/login", json={"name": name, "password": name}, cookie=cookie
        )
        assert status == 200
        return cookies_of(answer)

    @asynccontextmanager
    async def socket(
        self, path: str = "/live", *, cookie: str = "", origin: str | None = "", **more: Any
    ) -> AsyncIterator[ClientConnection]:
        async with websockets.connect(
            self.url.replace("http", "ws") + path,
            origin=self.url if origin == "" else origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": cookie} if cookie else {},
            compression=None,
            proxy=None,
            **more,
        ) as socket:
            yield socket

    async def closed(self, socket: ClientConnection) -> int:
        """Wait for the server to close; the close code."""
        return await close_code(socket)

    @asynccontextmanager
    async def console(self, name: str = "", *, cookie: str = "") -> AsyncIterator[Screen]:
        """A console that has said hello and has its snapshot."""
        async with self.socket(cookie=cookie or await self.log_in(name)) as socket:
            screen = Screen(socket)
            await screen.hello()
            yield screen


class Screen:
    """What a page does with the live protocol: holds the entities, sends verbs."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.epoch = ""
        self.seq = 0
        self.entities: dict[str, Any] = {}
        self.frames: list[dict[str, Any]] = []
        self._next_id = 1

    async def hello(self, epoch: str = "", seq: int = 0) -> None:
        await self.send({"t": "hello", "epoch": epoch, "seq": seq})
        await self.until(lambda f: f["t"] in ("snapshot", "resumed"))

    async def send(self, frame: object) -> None:
        await self.socket.send(json.dumps(frame))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        self.frames.append(frame)
        apply(self.entities, frame)
        self.epoch = frame.get("epoch", self.epoch)
        self.seq = frame.get("seq", self.seq)
        return frame

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(frame := await self.hear()):
            pass
        return frame

    async def do(self, verb: str, **args: Any) -> dict[str, Any]:
        """Send a verb and return its answer."""
        number = self._next_id
        self._next_id += 1
        await self.send({"t": "do", "id": number, "verb": verb, "args": args})
        return await self.until(lambda f: f["t"] in ("done", "refused") and f["id"] == number)

    async def closed(self) -> int:
        """Wait for the server to close; the close code."""
        return await close_code(self.socket)


async def close_code(socket: ClientConnection) -> int:
    """Read on until the server closes: a client that does not read never sees the end."""
    async with asyncio.timeout(5):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed:
            assert socket.close_code is not None
            return socket.close_code


def apply(entities: dict[str, Any], frame: dict[str, Any]) -> None:
    """What a page does with a frame."""
    if frame["t"] == "snapshot":
        entities.clear()
    for key in frame.get("drop", ()):
        entities.pop(key, None)
    entities.update(frame.get("put", {}))


def cookies_of(answer: aiohttp.ClientResponse) -> str:
    """The Cookie header that a browser would send after this answer."""
    set_cookies = answer.headers.getall("Set-Cookie", [])
    return "; ".join(c.partition(";")[0] for c in set_cookies)


StartConsole = Callable[..., Awaitable[RunningConsole]]


@pytest.fixture
async def start_console() -> AsyncIterator[StartConsole]:
    """Starts consoles: `await start_console(sip_url="", **changed_settings)`."""
    async with AsyncExitStack() as stack:

        async def start(sip_url: str = "", **changed: Any) -> RunningConsole:
            listening = stack.enter_context(listen("127.0.0.1", 0))
            port = listening.getsockname()[1]
            settings = dataclasses.replace(preview_settings(port), **changed)
            app, play = preview_app(settings, sip_url)
            http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            await stack.enter_async_context(http)
            running = RunningConsole(f"http://127.0.0.1:{port}", app, play, http)
            running.server = uvicorn.Server(uvicorn.Config(app, **serve_options(settings)))
            serving = asyncio.create_task(running.server.serve(sockets=[listening]))

            async def stop() -> None:
                running.server.should_exit = True
                await serving

            stack.push_async_callback(stop)
            while not running.server.started:
                await asyncio.sleep(0.005)
            return running

        yield start


@pytest.fixture
async def console(start_console: StartConsole) -> RunningConsole:
    """A console with the preview's settings."""
    return await start_console()


OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def pages_are_built() -> None:
    """The pages of these sources, where there is a browser to show them."""
    if not CHROMIUM and os.environ.get("CI") != "true":
        pytest.skip("no Chromium on PATH")
    build()


@pytest.fixture
async def browser(pages_are_built: None) -> AsyncIterator[Browser]:
    """Chromium, with a microphone that needs no permission."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens pages of separate people; at the end no page may have had an error of its own."""
    troubles: list[str] = []
    async with AsyncExitStack() as stack:

        async def open_one(language: str = "en-GB", **options: Any) -> Page:
            context = await browser.new_context(locale=language, **options)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(SOON_MS)
            await page.add_init_script(KEEP_CONNECTIONS)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on(
                "console",
                lambda said: (
                    troubles.append(said.text) if "Content Security" in said.text else None
                ),
            )
            return page

        yield open_one
    assert troubles == []
