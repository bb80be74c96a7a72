"""A router on a link to the simulated Twilio: webhooks and REST over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from acd import facts as f
from acd.engine import Engine
from acd.site import Site as RoutingSite
from callcenter import restart
from callcenter.menus import Menus
from callcenter.metrics import Metrics
from callcenter.router import Router
from callcenter.siteview import SiteView
from config.check import load_site
from config.settings import DEMO_SITE
from cti import events as e
from cti.calls import PhoneKind
from cti.dialing import DialRules
from cti.twilio.link import TwilioLink
from cti.twilio.settings import TwilioSettings
from cti.twilio.twiml import Documents
from cti.twilio.urls import Urls
from reporting.intervals import Calendar, IntervalFold
from reporting.records import RecordFold
from tests.cti.twilio.fake_twilio import FakeTwilio, Leg

START = 1_800_000_000.0
SITE = load_site(DEMO_SITE)
RULES = DialRules(("+1", "+86"), ("+1900",), per_minute=1000)


class ScaledTime:
    """Seconds that pass `speed` times as fast."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        return START + self.monotonic()

    def monotonic(self) -> float:
        return (self._loop.time() - self._began) * self.speed

    def later(self, delay_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s / self.speed, action)


class MemoryJournal:
    """The journal's face, in memory."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def append(self, stream: str, kind: str, call_id: str, data: object, at: float) -> int:
        seq = len(self.entries) + 1
        blob = msgspec.json.encode(data)
        entry = SimpleNamespace(seq=seq, at=at, stream=stream, kind=kind, call_id=call_id)
        entry.decode = lambda: msgspec.json.decode(blob)
        self.entries.append(entry)
        return seq

    async def committed(self, seq: int, timeout_s: float = 5.0) -> None:
        await asyncio.sleep(0)

    @property
    def last_at(self) -> float:
        return max((entry.at for entry in self.entries), default=0.0)

    async def read(self, after_seq: int = 0) -> AsyncIterator[Any]:
        for entry in self.entries[after_seq:]:
            yield entry

    async def load_snapshot(self, *, before: int | None = None) -> None:
        return None


class Center:
    """One life of our process."""

    def __init__(
        self, time: ScaledTime, link: TwilioLink, journal: MemoryJournal, engine: Engine
    ) -> None:
        self.link = link
        self.journal = journal
        self.facts: list[e.Fact] = []
        self.dead = False
        self.work: set[asyncio.Future[None]] = set()
        view = SiteView(lambda: SITE)
        calendar = Calendar(SITE.time_zone)
        self.fold = RecordFold(
            intervals=IntervalFold(calendar, view.limits), sentence=view.sentence
        )
        menus = Menus(
            view,
            committed=journal.committed,
            customer_of=lambda call_id: {},
            spawn=self._spawn,
        )
        self.router = Router(
            engine=engine,
            journal=journal,
            fold=self.fold,
            menus=menus,
            metrics=Metrics(),
            now=time.now,
            caller_id=view.caller_id,
            address=view.phone_address,
            later=lambda delay, act: time.later(delay, lambda: None if self.dead else act()),
        )
        self.router.links[link.name] = link

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.work.add(task)
        task.add_done_callback(self.work.discard)

    def sink(self, fact: e.Fact) -> None:
        self.facts.append(fact)
        self.router.receive(fact)

    def of(self, call_id: str) -> list[str]:
        """The names of the facts about one call, in order."""
        return [type(f).__name__ for f in self.facts if getattr(f, "call_id", "") == call_id]

    def last(self, kind: type[Any]) -> Any:
        return next(fact for fact in reversed(self.facts) if isinstance(fact, kind))

    def count(self, kind: type[Any]) -> int:
        return sum(isinstance(fact, kind) for fact in self.facts)

    def staff(self, *agents: str, phone: PhoneKind = PhoneKind.BROWSER) -> None:
        """Sign in and press Ready."""
        for agent in agents:
            self.router.phones.chosen[agent] = phone
            self.router.act(f.AgentSignedIn(agent, True))
            self.router.act(f.AgentReady(agent))

    def state(self, agent: str) -> str:
        return self.router.engine.agent_view(agent).state


class World:
    """Everything: the simulated Twilio, our web server, and our process, which may die."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.twilio = FakeTwilio(speed=speed)
        self.time = ScaledTime(speed)
        self.folder = folder
        self.journal = MemoryJournal()
        self.inside_s: list[float] = []  # what each webhook took from its headers to its answer
        self.center: Center | None = None
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(100)
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def start(self) -> None:
        await self.twilio.start()
        app = Starlette(routes=[Mount("/twilio", app=self._webhooks)])
        config = uvicorn.Config(
            app, log_level="warning", lifespan="off", ws="none", access_log=False
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[assignment]
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        self.twilio.voice_url = f"{self.base}/twilio/voice"
        self.twilio.status_url = f"{self.base}/twilio/status"
        self.twilio.fallback = "https://elsewhere.example/fallback"
        settings = self.settings()
        documents = Documents(settings, Urls(settings.public_url))
        self.twilio.static[self.twilio.fallback] = documents.fallback()
        while not self._server.started:
            await asyncio.sleep(0.01)

    async def _webhooks(self, scope: Any, receive: Any, send: Any) -> None:
        if self.center is None:
            await PlainTextResponse("our process is away", 502)(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.center.link.asgi(scope, receive, send)
        self.inside_s.append(loop.time() - began)

    def settings(self, **more: Any) -> TwilioSettings:
        given: dict[str, Any] = {
            "account_sid": self.twilio.account,
            "auth_token": self.twilio.token,
            "public_url": f"{self.base}/twilio",
            "api_url": self.twilio.api_url,
            "caller_id": "+14165550100",
            "fallback_url": self.twilio.fallback,
            "phones": tuple((agent, PhoneKind.BROWSER) for agent in SITE.agents),
            "music": {"default": "https://music.example/waltz.mp3"},
            "state_file": self.folder / "twilio.calls",
            "check_s": 0.5,
            "answer_s": 0.3,
            "rest_timeout_s": 2.0,
        }
        return TwilioSettings(**{**given, **more})

    async def open(self, **more: Any) -> Center:
        """Our process comes up, for the first time or again."""
        link = TwilioLink(
            "twilio",
            self.settings(**more),
            dialling=RULES,
            later=self.time.later,
            clock=self.time.monotonic,
        )
        kept = await restart.load(self.journal)
        center = Center(self.time, link, self.journal, Engine(RoutingSite()))
        last_at = self.journal.last_at
        await restart.replay(self.journal, kept, center.router)
        away_s = self.time.now() - last_at if last_at else 0.0
        restart.take_up(center.router, SITE.routing(), away_s)
        await link.start(center.sink)
        self.center = center
        await self.until(lambda: link.up or self.twilio.rest_status != 200, "the link is up")
        for agent in center.router.phones.chosen:
            center.router.act(f.ConsoleBack(agent))
        return center

    async def die(self) -> None:
        """kill -9: no word to anybody; what we had in memory is lost."""
        center, self.center = self.center, None
        assert center is not None
        center.dead = True
        await center.link.stop()

    async def stop(self) -> None:
        await self.twilio.stop()
        if self.center is not None:
            self.center.dead = True
            await self.center.link.stop()
        self._server.should_exit = True
        await self._serving
        self._socket.close()

    async def sleep(self, seconds: float) -> None:
        """Some seconds of Twilio's."""
        await self.twilio.sleep(seconds)

    async def until(self, what: Callable[[], Any], why: str, within_s: float = 8.0) -> None:
        """Wait (in seconds of the clock) until something is so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not what():
                    await asyncio.sleep(0.01)
        assert what(), f"never: {why}\n{self.story()}"

    def story(self) -> str:
        """What happened, for the message of a failed test."""
        facts = "\n".join(map(repr, self.center.facts)) if self.center is not None else ""
        legs = "\n".join(f"{x.sid[:10]} {x.to} {x.status} {x.heard}" for x in self.twilio.live)
        sent = "\n".join(
            f"{url.partition('/twilio')[2]} {said.get('CallStatus')} {said.get('DialCallStatus')}"
            for url, said in self.twilio.sent[-30:]
        )
        return f"{facts}\n--\n{sent}\n--\n{legs}\n--\n{self.twilio.errors}"

    def call_id(self, leg: Leg) -> str:
        return f"twilio-{leg.sid}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`world.twilio` with our web server in front of it; `await world.open()` starts us."""
    made = World(tmp_path, speed=20.0)
    await made.start()
    yield made
    await made.stop()
    assert made.twilio.violations == [], made.twilio.violations
    assert made.twilio.different == [], made.twilio.different
    assert made.twilio.errors == [], made.twilio.errors
