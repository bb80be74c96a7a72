"""Twilio on loopback: takes REST orders, interprets TwiML, calls webhooks, all over real HTTP.

Callers and phones are virtual; time runs `speed` times as fast as the clock. What it does not
know it refuses, so a test never passes on something that Twilio would not do. Behaviour that is
told apart here as on the real one: redirecting a leg that was dialled lets the leg that dialled
it go on with the dial's action; redirecting the one that dialled ends the other.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import random
import secrets
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.cti.twilio.fake_rooms import Rooms
from tests.cti.twilio.openapi import description

FINAL = ("completed", "busy", "no-answer", "failed", "canceled")
PLAY_S = 60.0  # each recording
SAY_S_PER_CHARACTER = 0.05
EVENTS = {"queued": "initiated", "ringing": "ringing", "in-progress": "answered"}


BY_HAND = "by hand"


@dataclass
class Phone:
    """What happens when an address is dialled. `act`: answer, busy, no-answer, failed, silent
    (fails at once, as an unregistered client does), or `BY_HAND`: rings till `Leg.does` says.
    Times in (Twilio's) seconds."""

    act: str = "answer"
    rings_after_s: float = 0.1
    after_s: float = 1.0
    hang_up_after_s: float | None = None
    keys: tuple[str, ...] = ()


class Bridge:
    """Two legs that talk with each other."""

    def __init__(self, *legs: Leg) -> None:
        self.legs = legs
        self.over = asyncio.Event()
        for leg in legs:
            leg.bridge = self

    def part(self) -> None:
        for leg in self.legs:
            if leg.bridge is self:
                leg.bridge = None
        self.over.set()


@dataclass(eq=False)
class Leg:
    """One of Twilio's calls."""

    twilio: FakeTwilio
    sid: str
    direction: str
    from_: str
    to: str
    parent: Leg | None = None
    status: str = "queued"
    keys: list[str] = field(default_factory=list)
    fallback: str = ""
    progress: str = ""  # status callback
    progress_events: tuple[str, ...] = ()
    name: str = ""
    sequence: int = 0
    answered_at: float = 0.0
    bridge: Bridge | None = None
    child: Leg | Several | None = None
    program: asyncio.Task[None] | None = None
    pressed: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    does: asyncio.Queue[str] = field(default_factory=asyncio.Queue)  # "answer" or "busy"
    heard: list[str] = field(default_factory=list)
    left_dial: asyncio.Event = field(default_factory=asyncio.Event)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def live(self) -> bool:
        return self.status not in FINAL

    @property
    def peer(self) -> Leg | None:
        """The one leg that this one talks with."""
        if self.bridge is not None:
            return next(leg for leg in self.bridge.legs if leg is not self)
        found = [leg for leg in self.talks_with if self in leg.talks_with]
        return found[0] if len(found) == 1 else None

    @property
    def talks_with(self) -> list[Leg]:
        """Whom this leg hears."""
        if self.bridge is not None:
            return [leg for leg in self.bridge.legs if leg is not self]
        others = (leg for leg in self.twilio.live if leg is not self)
        return [leg for leg in others if self.twilio.rooms.hears(self, leg)]

    def press(self, keys: str) -> None:
        """Keys one after the other, or "say:" and what is said."""
        for key in [keys] if keys.startswith("say:") else keys:
            self.pressed.put_nowait(key)

    def hang_up(self) -> None:
        """The person at this end hangs up."""
        self.twilio.end(self, "completed")


class Several:
    """Legs that one dial rings at the same time."""

    def __init__(self, legs: list[Leg]) -> None:
        self.legs = legs


class FakeTwilio:
    """One account. Give `voice_url`, `status_url` and `fallback` as a number is set up."""

    def __init__(self, *, speed: float = 20.0, seed: int = 1) -> None:
        self.account = "AC" + "5" * 32
        self.token = "token-of-the-account"
        self.speed = speed
        self.voice_url = self.status_url = self.fallback = ""
        self.static: dict[str, str] = {}  # TwiML that is hosted elsewhere, by address
        self.phones: dict[str, Phone] = {}
        self.legs: dict[str, Leg] = {}
        self.rooms = Rooms(self)
        self.duplicates = 0.0  # share of webhooks that are sent twice
        self.shuffle_s = 0.0  # status callbacks are late by up to this
        self.lost = 0.0  # share of status callbacks that never come
        self.random = random.Random(seed)
        self.checks = True  # hold every REST request against Twilio's description
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.violations: list[str] = []
        self.different: list[str] = []  # a repeated webhook that got another answer
        self.errors: list[str] = []
        self.latencies: list[float] = []
        self.webhooks: Counter[str] = Counter()
        self.sent: list[tuple[str, dict[str, str]]] = []
        self.rest_status = 200  # something else: every REST call is refused so
        self.rest_delay_s = 0.0
        self.rest_hangs = False
        self._validator = RequestValidator(self.token)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ids = itertools.count(1)

    # Its life ---------------------------------------------------------------------------

    async def start(self) -> None:
        app = web.Application()
        root = "/2010-04-01/Accounts/{account}"
        app.router.add_route("*", root + "/Calls.json", self._calls)
        app.router.add_route("*", root + "/Calls/{sid}.json", self._call)
        self.rooms.routes(app, root)
        self._stopping = asyncio.Event()
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.api_url = f"http://127.0.0.1:{port}"
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15.0))

    async def stop(self) -> None:
        self._stopping.set()
        await self._runner.cleanup()  # from now on nobody orders anything
        while self._tasks:  # what is cancelled may begin something else
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.errors.append(repr(task.exception()))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    @property
    def live(self) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.live]

    def leg_to(self, address: str) -> Leg:
        """The live leg that rings or talks at an address."""
        return next(leg for leg in self.live if leg.to == address)

    # People -----------------------------------------------------------------------------

    def call_in(self, number: str = "+12025550100", to: str = "100", **how: Any) -> Leg:
        """Somebody calls; `keys` are what they press, menu by menu."""
        leg = Leg(self, self._sid(), "inbound", number, to, fallback=self.fallback, **how)
        leg.progress, leg.progress_events = self.status_url, ("completed",)
        leg.status = "ringing"
        self.legs[leg.sid] = leg
        self._run(leg, self.voice_url)
        return leg

    def _sid(self) -> str:
        return f"CA{next(self._ids):08x}{secrets.token_hex(12)}"

    def end(self, leg: Leg, status: str) -> None:
        """A leg is over, however it came to that."""
        if not leg.live:
            return
        dialling = leg.child or self.rooms.of(leg)
        leg.status = status
        leg.gone.set()
        if leg.program is not None and leg.program is not asyncio.current_task():
            leg.program.cancel()
        self._leave(leg)
        if dialling is not None:
            # Twilio tells the dial's action of a caller who hung up, and wants no answer.
            action = dialling_action(leg)
            if action:
                said = {"DialCallStatus": "completed" if leg.connected.is_set() else "canceled"}
                self.spawn(self._quietly(leg, action, said))
        self._tell_progress(leg)
        self.rooms.leg_over(leg)

    def _leave(self, leg: Leg) -> None:
        """Out of whatever this leg is in with others."""
        if leg.bridge is not None:
            leg.bridge.part()
        leg.left_dial.set()
        child, leg.child = leg.child, None
        for one in child.legs if isinstance(child, Several) else [child]:
            if one is not None and one.live and not one.left_dial.is_set():
                ringing = one.status in ("queued", "ringing")
                self.end(one, "canceled" if ringing else "completed")
        self.rooms.leave(leg)

    # Webhooks ---------------------------------------------------------------------------

    def parameters(self, leg: Leg, more: Mapping[str, str] | None = None) -> dict[str, str]:
        said = {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "CallSid": leg.sid,
            "CallStatus": leg.status,
            "Direction": leg.direction,
            "From": leg.from_,
            "Caller": leg.from_,
            "To": leg.to,
            "Called": leg.to,
        }
        if leg.name:
            said["CallerName"] = leg.name
        if leg.parent is not None:
            said["ParentCallSid"] = leg.parent.sid
        return {**said, **(more or {})}

    def signature(self, url: str, said: Mapping[str, str]) -> str:
        return str(self._validator.compute_signature(url, dict(said)))

    async def post(self, url: str, said: Mapping[str, str], token: str = "") -> tuple[int, str]:
        headers = {"X-Twilio-Signature": self.signature(url, said)}
        if token:
            headers["I-Twilio-Idempotency-Token"] = token
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self._http.post(url, data=dict(said), headers=headers) as answer:
            text = await answer.text()
        self.latencies.append(loop.time() - began)
        self.webhooks[urlsplit(url).path.split("/")[2]] += 1
        self.sent.append((url, dict(said)))
        return answer.status, text

    async def fetch(self, leg: Leg, url: str, said: Mapping[str, str]) -> str:
        """The TwiML at an address, or the fallback's when there is none to be had."""
        if url in self.static:
            return self.static[url]
        said = self.parameters(leg, said)
        twice = self.random.random() < self.duplicates
        try:
            if url == leg.fallback:
                status, text, twice = *await self._get(url), False
            else:
                status, text = await self.post(url, said)
            if status == 200 and twice:
                _, again = await self.post(url, said)
                if again != text:
                    self.different.append(f"{url}\n{text}\n{again}")
            if status in (200, 204):
                return text
            why = f"{url}: {status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            why = f"{url}: {error!r}"
        if not leg.fallback or url == leg.fallback:
            self.errors.append(why)
            return "<Response><Hangup/></Response>"
        await self.sleep(1.0)
        return await self.fetch(leg, leg.fallback, {})

    async def _get(self, url: str) -> tuple[int, str]:
        """As a number's fallback is set up: a file hosted anywhere."""
        async with self._http.get(url) as answer:
            return answer.status, await answer.text()

    async def _quietly(self, leg: Leg, url: str, said: Mapping[str, str]) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await self.post(url, self.parameters(leg, said))

    def _tell_progress(self, leg: Leg) -> None:
        event = EVENTS.get(leg.status, "completed")
        if not leg.progress or event not in leg.progress_events:
            return
        said = {
            "SequenceNumber": str(leg.sequence),
            "CallbackSource": "call-progress-events",
            "Timestamp": "Mon, 24 Nov 2025 03:00:00 +0000",
        }
        leg.sequence += 1
        self.spawn(self.status(leg.progress, self.parameters(leg, said)))

    async def status(self, url: str, said: Mapping[str, str]) -> None:
        """A status callback: late, twice, or never, as the test wants it."""
        await self.sleep(self.random.random() * self.shuffle_s)
        if self.random.random() < self.lost:
            return
        for _ in range(2 if self.random.random() < self.duplicates else 1):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self.post(url, said)

    # Documents --------------------------------------------------------------------------

    def _run(self, leg: Leg, url: str) -> None:
        leg.program = self.spawn(self._program(leg, url))

    async def _program(self, leg: Leg, url: str | None) -> None:
        said: dict[str, str] = {}
        while url and leg.live:
            text = await self.fetch(leg, url, said)
            if leg.status == "ringing" and leg.direction == "inbound":
                leg.status = "in-progress"  # the first document answers the call
            where = await self._document(leg, text)
            url, said = where if where is not None else (None, {})
        self.end(leg, "completed")

    async def _document(self, leg: Leg, text: str) -> tuple[str, dict[str, str]] | None:
        """Carry out a document; where it leads, with what to say there."""
        root = ET.fromstring(text)
        assert root.tag == "Response", text
        for verb in root:
            handle: Callable[..., Any] = getattr(self, f"_verb_{verb.tag.lower()}")
            where = await handle(leg, verb)
            if where is not None or not leg.live:
                return where
        return None

    async def _verb_say(self, leg: Leg, verb: ET.Element) -> None:
        text = verb.text or ""
        assert verb.get("language"), "a voice without a language"
        leg.heard.append(text)
        await self.sleep(len(text) * SAY_S_PER_CHARACTER)

    async def _verb_play(self, leg: Leg, verb: ET.Element) -> None:
        if verb.get("digits"):
            leg.heard.append(f"({verb.get('digits')})")
            return
        leg.heard.append(f"[{(verb.text or '').rpartition('/')[2]}]")
        await self.sleep(PLAY_S * (int(verb.get("loop", "1")) or 1000))

    async def _verb_pause(self, leg: Leg, verb: ET.Element) -> None:
        await self.sleep(float(verb.get("length", "1")))

    async def _verb_hangup(self, leg: Leg, verb: ET.Element) -> None:
        self.end(leg, "completed")

    async def _verb_reject(self, leg: Leg, verb: ET.Element) -> None:
        self.end(leg, "busy")

    async def _verb_redirect(self, leg: Leg, verb: ET.Element) -> tuple[str, dict[str, str]]:
        return (verb.text or "", {})

    async def _verb_record(self, leg: Leg, verb: ET.Element) -> tuple[str, dict[str, str]]:
        """Until a key or the longest time; nobody on this network is ever silent."""
        assert verb.get("playBeep") == "true", "nobody knows when to begin"
        recording = self.rooms.begin_recording(leg, verb.get("recordingStatusCallback", ""))
        finish = verb.get("finishOnKey", "1234567890*#")
        pressed = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(verb.get("maxLength", "3600")) / self.speed):
                while not pressed or pressed not in finish:
                    pressed = await leg.pressed.get()
        self.rooms.end_recording(recording)
        said = dict(self.rooms.recording_said(recording))
        return verb.get("action", ""), {**said, "Digits": pressed or ""}

    async def _verb_gather(self, leg: Leg, verb: ET.Element) -> tuple[str, dict[str, str]] | None:
        most = int(verb.get("numDigits", "1000"))
        finish = verb.get("finishOnKey", "#")
        if verb.find("Say") is not None and leg.keys:
            leg.press(leg.keys.pop(0))

        async def speak() -> None:
            for one in verb:
                await getattr(self, f"_verb_{one.tag.lower()}")(leg, one)

        speaking = asyncio.ensure_future(speak())
        first = asyncio.ensure_future(leg.pressed.get())
        try:
            await asyncio.wait({speaking, first}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                await asyncio.wait({first}, timeout=float(verb.get("timeout", "5")) / self.speed)
            if not first.done():
                return None
            if first.result().startswith("say:"):
                assert "speech" in verb.get("input", ""), "speech, and nobody listens"
                assert verb.get("language"), "recognition without a language"
                said = first.result().removeprefix("say:")
                return verb.get("action", ""), {"SpeechResult": said, "Confidence": "0.9"}
            digits = await self._digits(leg, first.result(), most, finish, verb)
        finally:
            speaking.cancel()
            if not first.done():
                first.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
        return (verb.get("action", ""), {"Digits": digits}) if digits else None

    async def _digits(self, leg: Leg, key: str, most: int, finish: str, verb: ET.Element) -> str:
        digits = ""
        while True:
            if key == finish:
                return digits
            digits += key
            if len(digits) >= most:
                return digits
            try:
                wait_s = float(verb.get("timeout", "5")) / self.speed
                key = await asyncio.wait_for(leg.pressed.get(), wait_s)
            except TimeoutError:
                return digits

    async def music(self, leg: Leg, url: str) -> None:
        """On hold: the document is played again and again."""
        while leg.live:
            text = await self.fetch(leg, url, {})
            for verb in ET.fromstring(text):
                assert verb.tag in ("Play", "Say", "Pause", "Redirect")
                await self.verb(leg, verb)

    async def verb(self, leg: Leg, verb: ET.Element) -> None:
        await getattr(self, f"_verb_{verb.tag.lower()}")(leg, verb)

    # Dialling ---------------------------------------------------------------------------

    async def _verb_dial(self, leg: Leg, verb: ET.Element) -> tuple[str, dict[str, str]] | None:
        action = verb.get("action", "")
        leg.dial_action = action  # type: ignore[attr-defined]
        noun = verb[0] if len(verb) else ET.fromstring(f"<Number>{verb.text}</Number>")
        if noun.tag == "Conference":
            said = await self.rooms.dial(leg, noun)
        elif len(verb) > 1:
            said = await self._dial_several(leg, verb)
        else:
            said = await self._dial_leg(leg, verb, noun)
        return (action, said) if action else None

    async def _dial_several(self, leg: Leg, verb: ET.Element) -> dict[str, str]:
        """All ring at once; whoever answers first (and hears the whole of what is to be heard
        before) is connected, and the others are cancelled."""
        leg.connected.clear()
        leg.child = rings = Several([self._child(leg, verb, noun) for noun in verb])
        timeout_s = float(verb.get("timeout", "30"))

        async def answers(child: Leg, noun: ET.Element) -> Leg | None:
            if await self.ring(child, timeout_s) != "in-progress":
                return None
            here = await self._whisper(child, noun.get("url", ""))
            return child if child.live and here else None

        ringing = [
            asyncio.ensure_future(answers(child, noun))
            for child, noun in zip(rings.legs, verb, strict=True)
        ]
        taken: Leg | None = None
        try:
            for told in asyncio.as_completed(ringing):
                if (taken := await told) is not None:
                    break
        finally:
            for one in ringing:
                one.cancel()
        if taken is None:
            leg.child = None
            busy = any(child.status == "busy" for child in rings.legs)
            return {"DialCallStatus": "busy" if busy else "no-answer", "DialBridged": "false"}
        for child in rings.legs:
            if child is not taken:
                self.end(child, "canceled")
        leg.child = taken
        await self._talk(leg, taken)
        if leg.child is taken:
            leg.child = None
        return {"DialCallStatus": "completed", "DialCallSid": taken.sid, "DialBridged": "true"}

    def _child(self, leg: Leg, verb: ET.Element, noun: ET.Element) -> Leg:
        to = {"Client": "client:", "Sip": "", "Number": ""}[noun.tag] + (noun.text or "")
        child = Leg(
            self,
            self._sid(),
            "outbound-dial",
            verb.get("callerId") or leg.from_,
            to,
            parent=leg,
            progress=noun.get("statusCallback", ""),
            progress_events=tuple(noun.get("statusCallbackEvent", "completed").split()),
        )
        child.fallback = leg.fallback
        self.legs[child.sid] = child
        return child

    async def _dial_leg(self, leg: Leg, verb: ET.Element, noun: ET.Element) -> dict[str, str]:
        leg.child = child = self._child(leg, verb, noun)
        leg.connected.clear()
        status = await self.ring(child, float(verb.get("timeout", "30")))
        bridged = "false"
        if status == "in-progress":
            here = await self._whisper(child, noun.get("url", ""))
            if child.live and here:
                bridged = "true"
                await self._talk(leg, child)
            status = "completed"
        if leg.child is child:
            leg.child = None
        return {"DialCallStatus": status, "DialCallSid": child.sid, "DialBridged": bridged}

    async def ring(self, child: Leg, timeout_s: float) -> str:
        """Ring a leg; its status once it is answered or will not be."""
        self._tell_progress(child)
        phone = self.phones.get(child.to, Phone())
        child.keys = list(phone.keys)
        if phone.act == "silent":
            await self._unless_gone(child, 0.2)
            self.end(child, "no-answer")
            return child.status
        await self._unless_gone(child, phone.rings_after_s)
        if phone.act == "failed":
            self.end(child, "failed")
        if child.live:
            child.status = "ringing"
            self._tell_progress(child)
            act = phone.act
            if act == BY_HAND:
                act = await self._told(child, timeout_s)
            else:
                if phone.after_s >= timeout_s:
                    act = "no-answer"
                await self._unless_gone(child, timeout_s if act == "no-answer" else phone.after_s)
            if act == "no-answer":
                self.end(child, "no-answer")
            elif act == "busy":
                self.end(child, "busy")
        if child.live:
            child.status = "in-progress"
            self._tell_progress(child)
            if phone.hang_up_after_s is not None:
                self.spawn(self._hang_up_later(child, phone.hang_up_after_s))
        return child.status

    async def _told(self, child: Leg, timeout_s: float) -> str:
        """What somebody at a ringing phone does in this time."""
        told = asyncio.ensure_future(child.does.get())
        gone = asyncio.ensure_future(child.gone.wait())
        await asyncio.wait(
            {told, gone}, timeout=timeout_s / self.speed, return_when=asyncio.FIRST_COMPLETED
        )
        gone.cancel()
        if told.done():
            return told.result()
        told.cancel()
        return "no-answer"

    async def _hang_up_later(self, leg: Leg, after_s: float) -> None:
        await self.sleep(after_s)
        leg.hang_up()

    async def _unless_gone(self, leg: Leg, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(leg.gone.wait(), seconds / self.speed)

    async def _whisper(self, child: Leg, url: str) -> bool:
        """What the dialled leg hears before it is connected; False when it was redirected."""
        if not url:
            return True

        async def documents() -> None:
            where: tuple[str, dict[str, str]] | None = (url, {})
            while where is not None and child.live:
                where = await self._document(child, await self.fetch(child, *where))

        left = child.left_dial
        hears = asyncio.ensure_future(documents())
        leaves = asyncio.ensure_future(left.wait())
        try:
            await asyncio.wait({hears, leaves}, return_when=asyncio.FIRST_COMPLETED)
            if hears.done():
                hears.result()
        finally:
            hears.cancel()
            leaves.cancel()
        return not left.is_set()

    async def _talk(self, leg: Leg, child: Leg) -> None:
        leg.connected.set()
        bridge = Bridge(leg, child)
        gone = asyncio.ensure_future(child.gone.wait())
        over = asyncio.ensure_future(bridge.over.wait())
        try:
            await asyncio.wait({gone, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            over.cancel()
            bridge.part()

    # REST -------------------------------------------------------------------------------

    async def _calls(self, request: web.Request) -> web.Response:
        form = await self.received(request)
        if isinstance(form, web.Response):
            return form
        if request.method == "GET":
            wanted = request.query.get("Status")
            parent = request.query.get("ParentCallSid")
            found = [
                leg
                for leg in self.legs.values()
                if wanted in (None, leg.status)
                and parent in (None, "" if leg.parent is None else leg.parent.sid)
            ]
            return self.page(request, "calls", [self._shown(leg) for leg in found])
        leg = self.created(form)
        leg.program = self.spawn(self._outbound(leg, form["Url"], float(form.get("Timeout", 60))))
        return self.answer(request, 201, self._shown(leg))

    def created(self, form: Mapping[str, str]) -> Leg:
        """A leg that REST asks for; it is not rung yet."""
        leg = Leg(self, self._sid(), "outbound-api", form["From"], form["To"])
        leg.fallback = form.get("FallbackUrl", "")
        leg.progress = form.get("StatusCallback", "")
        leg.progress_events = tuple(form.get("StatusCallbackEvent", "completed").split())
        self.legs[leg.sid] = leg
        return leg

    def page(self, request: web.Request, what: str, found: list[Any]) -> web.Response:
        page = {
            what: found,
            "end": max(0, len(found) - 1),
            "first_page_uri": request.path,
            "next_page_uri": None,
            "page": 0,
            "page_size": 1000,
            "previous_page_uri": None,
            "start": 0,
            "uri": request.path,
        }
        return self.answer(request, 200, page)

    async def _outbound(self, leg: Leg, url: str, timeout_s: float) -> None:
        if await self.ring(leg, timeout_s) == "in-progress":
            await self._program(leg, url)

    async def _call(self, request: web.Request) -> web.Response:
        form = await self.received(request)
        if isinstance(form, web.Response):
            return form
        leg = self.legs.get(request.match_info["sid"])
        if leg is None:
            return self.error(404, 20404, "The requested resource was not found")
        if request.method == "GET":
            return self.answer(request, 200, self._shown(leg))
        if "Status" in form:
            if leg.live:
                ringing = leg.status in ("queued", "ringing") and leg.direction != "inbound"
                self.end(leg, "canceled" if ringing else "completed")
        elif leg.status != "in-progress":
            return self.error(400, 21220, "Call is not in-progress. Cannot redirect.")
        else:
            self._redirect(leg, form["Url"], form.get("FallbackUrl", leg.fallback))
        return self.answer(request, 200, self._shown(leg))

    def _redirect(self, leg: Leg, url: str, fallback: str) -> None:
        leg.fallback = fallback
        if leg.program is not None:
            leg.program.cancel()
        self._leave(leg)
        leg.left_dial = asyncio.Event()
        self._run(leg, url)

    async def received(self, request: web.Request) -> dict[str, str] | web.Response:
        body = await request.post()
        pairs = [(name, str(value)) for name, value in body.items()]
        form: dict[str, str] = {}
        for name, value in pairs:
            form[name] = f"{form[name]} {value}" if name in form else value
        self.requests.append((request.method, request.path, form))
        api = description() if self.checks else None
        if api is not None:
            query = list(request.query.items())
            wrong = api.request(request.method, request.path, query, pairs)
            self.violations += wrong
            if wrong:
                return self.error(400, 20001, "; ".join(wrong))
        if self.rest_hangs:
            await self._stopping.wait()
            return self.error(503, 20503, "stopping")
        await self.sleep(self.rest_delay_s)
        if not self.authorized(request):
            return self.error(401, 20003, "Authenticate")
        if self.rest_status != 200:
            return self.error(self.rest_status, 20500, "An internal server error")
        return form

    def authorized(self, request: web.Request) -> bool:
        expected = "Basic " + base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        return request.headers.get("Authorization") == expected

    def answer(self, request: web.Request, status: int, value: Any) -> web.Response:
        api = description() if self.checks else None
        if api is not None:
            self.violations += api.answer(request.method, request.path, status, value)
        return web.json_response(value, status=status)

    def error(self, status: int, code: int, message: str) -> web.Response:
        value = {"code": code, "message": message, "more_info": "", "status": status}
        return web.json_response(value, status=status)

    def _shown(self, leg: Leg) -> dict[str, Any]:
        return {
            "sid": leg.sid,
            "parent_call_sid": leg.parent.sid if leg.parent is not None else None,
            "account_sid": self.account,
            "to": leg.to,
            "from": leg.from_,
            "status": leg.status,
            "direction": leg.direction,
            "date_created": None,
            "start_time": None,
            "end_time": None,
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{self.account}/Calls/{leg.sid}.json",
            "subresource_uris": {},
        }


def dialling_action(leg: Leg) -> str:
    return str(getattr(leg, "dial_action", ""))


def plain(value: Any) -> str:
    """For messages of failed tests."""
    return json.dumps(value, indent=1, default=str)
