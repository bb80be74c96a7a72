"""One Twilio account as a `cti.link.SwitchLink`.

    webhook ──▶ Webhooks (signed?) ──▶ Turns, Legs ──▶ facts ──▶ sink ──▶ … ──▶ execute
                     ▲                                                              │
                     └────── TwiML: the caller's next document ◀── plan ── Orders ◀─┘
                                                                             │
    Twilio ◀──── REST: "ask for the next document", hang up, call ◀──────────┘

Plain calls are a two-party affair: wait music is a document, and an agent is dialled from there
(Twilio limits calls that REST creates to one a second, dialled ones not at all, and charges no
conference). The first order that needs more brings both into a conference (`rooms`). Nothing
a caller needs depends on one particular REST request arriving: it only tells the caller to come
and ask us, so it can be repeated, and the answer is what the call's state says at that moment.

Facts are reported from webhooks and from what REST answered, never from inside `execute`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp

from cti import commands as c
from cti import events as e
from cti.calls import PhoneKind, Place
from cti.dialing import Dialing, DialRules
from cti.link import FactSink
from cti.twilio.adoption import compare, take_up
from cti.twilio.book import FINAL, Book, Later
from cti.twilio.conversation import Conversation
from cti.twilio.http import RestError
from cti.twilio.legs import Legs
from cti.twilio.live import Live, Timer
from cti.twilio.orders import Orders
from cti.twilio.parties import Parties
from cti.twilio.phones import Phones
from cti.twilio.recordings import Recordings
from cti.twilio.rest import Leg, Rest
from cti.twilio.rooms import Rooms
from cti.twilio.settings import TwilioSettings
from cti.twilio.turns import Turns
from cti.twilio.urls import Route
from cti.twilio.webhooks import Params, Webhooks

log = logging.getLogger(__name__)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TEXT_MAX = 256
_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_QUIET = ("status", "leg", "lead", "conference", "recording")  # webhooks that want no TwiML
_FAILS_MAX = 2  # lists of calls in a row that Twilio did not give
# What Twilio puts where a number was withheld, and words of SIP callers for the same.
_NUMBERS_OF_NOBODY = ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253")
_NOBODY = frozenset((*_NUMBERS_OF_NOBODY, "anonymous", "unknown", "restricted"))


def _on_the_loop(delay_s: float, action: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay_s, action)


class TwilioLink:
    """Links one Twilio account. `asgi` takes Twilio's webhooks: mount it at the path of
    `settings.public_url`, before anything that wants a log-in.

    `dialling` is the allow-list for outside numbers. `later` and `clock` are for tests.
    """

    def __init__(
        self,
        name: str,
        settings: TwilioSettings,
        *,
        dialling: DialRules | None = None,
        later: Later = _on_the_loop,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._sink: FactSink | None = None
        self._up = False
        self._taken_up = False
        self._fails = 0
        self._hurry = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._later = later
        self._book = Book(
            name,
            settings,
            report=self._report,
            later=later,
            clock=clock or (lambda: asyncio.get_running_loop().time()),
            trouble=self._trouble,
        )
        rooms = Rooms(self._book)
        self._book.on_answered = rooms.begin
        self._turns = Turns(self._book)
        self._parties = Parties(self._book, rooms)
        self._book.on_rung = self._parties.watch_dialled
        self._legs = Legs(self._book, self._parties)
        self._recordings = Recordings(self._book, rooms)
        self._turns.on_message = self._recordings.message_begun
        rules = Dialing(dialling or DialRules())
        phones = Phones(settings, rules)
        conversation = Conversation(self._book, rooms, self._parties, phones)
        further = {**conversation.orders, **self._recordings.orders}
        self._orders = Orders(self._book, phones, further)
        self._webhooks = Webhooks(settings, self._handle, self._book.documents.fallback())

    # The port -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def up(self) -> bool:
        return self._up

    @property
    def asgi(self) -> ASGIApp:
        """The application for Twilio's webhooks."""
        return self._webhooks

    @property
    def live(self) -> tuple[str, ...]:
        """The ids of all live calls."""
        return self._book.calls.ids

    async def start(self, sink: FactSink) -> None:
        """Begin to connect. Raises `OSError` when the calls' file cannot be opened."""
        self._sink = sink
        kept, ended = self._book.memory.open()
        for sid in ended:
            self._book.calls.remember_ended(sid)
        self._book.remember(kept)
        self._book.rest = Rest(self._settings)
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Let go. Calls live on, on Twilio's fallback when they ask for us."""
        self._sink = None
        self._up = self._taken_up = False
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._book.stop()
        if self._book.rest is not None:
            await self._book.rest.close()
            self._book.rest = None
        self._book.memory.close()

    def execute(self, order: c.Order) -> None:
        self._orders.execute(order)

    async def fetch_recording(self, address: str, target: Path) -> None:
        """Write the file at `address`, of a `RecordingStopped`, to `target`.

        Raises `RestError`, `OSError`, or `ValueError` for an address that is no recording's.
        """
        await self._recordings.fetch(address, target)

    async def delete_recording(self, address: str) -> None:
        """Delete at Twilio what has been fetched. Raises as `fetch_recording`."""
        await self._recordings.delete(address)

    def write_fallback(self, file: Path) -> None:
        """The TwiML that keeps callers while we are away, for a site to host elsewhere."""
        file.write_text(self._book.documents.fallback(), encoding="utf-8")

    # Reporting ------------------------------------------------------------------------

    def _report(self, fact: e.Fact) -> None:
        if self._sink is None:
            return
        try:
            self._sink(fact)
        except Exception:
            log.exception("the sink failed on %s", type(fact).__name__)

    # Is Twilio there? -----------------------------------------------------------------

    def _trouble(self, why: str) -> None:
        log.warning("link %s: %s", self._name, why)
        self._hurry.set()

    async def _watch(self) -> None:
        """List the calls again and again: the first time to take them up, then to compare."""
        while True:
            rest = self._book.rest
            try:
                if rest is not None:
                    found = await rest.live()
                    self._fails = 0
                    self._listed(found)
            except RestError as error:
                self._failed(str(error))
            except Exception:
                log.exception("link %s: the list of calls could not be taken", self._name)
            self._hurry.clear()
            await self._pause()

    def _listed(self, found: list[Leg]) -> None:
        self._book.spawn(self._recordings.look_for_files())
        if self._up:
            compare(self._book, self._parties, found)
            return
        restarted = not self._taken_up
        self._up = self._taken_up = True
        for agent, kind in self._settings.phones:
            self._report(e.PhoneUp(agent, self._name, kind))
        take_up(self._book, self._parties, found, restarted=restarted)

    def _failed(self, why: str) -> None:
        self._fails += 1
        log.warning("link %s: no list of calls: %s", self._name, why)
        if self._up and self._fails >= _FAILS_MAX:
            self._up = False
            self._report(e.LinkDown(self._name, why))

    async def _pause(self) -> None:
        pause_s = self._settings.check_s
        if not self._up or self._fails:
            pause_s = min(pause_s, 0.5 * 2 ** min(self._fails, 5))
        try:
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()
            await asyncio.sleep(0.1)  # trouble comes in bursts
        except TimeoutError:
            return

    # Webhooks -------------------------------------------------------------------------

    async def _handle(self, route: Route, params: Params) -> str:
        documents, urls = self._book.documents, self._book.urls
        if not self._taken_up:
            return "" if route.name in _QUIET else documents.ask_again(urls.back)
        if route.name in ("voice", "back"):
            return await self._new_or_back(route, params)
        if route.name == "status":
            self._lead_status(params)
            return ""
        if route.name == "recording":
            self._recordings.progress(route.call, route.leg, params)
            return ""
        call = self._book.calls.get(route.call)
        if call is None:
            return self._of_nobody(route, params)
        return await self._of_call(call, route, params)

    def _of_nobody(self, route: Route, params: Params) -> str:
        """The call is over, or never was. Whoever asks is alone on the line."""
        if route.name in ("leg", "lead") and params.get("CallStatus", "") not in FINAL:
            # We gave up ringing it when Twilio did not answer, and it was rung all the same.
            self._book.hang_up(params.get("CallSid", ""))
        return "" if route.name in _QUIET else self._book.documents.hang_up()

    async def _of_call(self, call: Live, route: Route, params: Params) -> str:
        sid = params.get("CallSid", "")
        match route.name:
            case "step" | "again" if call.sid in ("", sid):
                return await self._turns.ask(call, route.name, route.n, params)
            case "agent" | "yes" if route.leg not in call.parties:
                return await self._agent(call, route, params)
            case "agent" | "yes":
                party = call.parties[route.leg]
                self._parties.learn_sid(call, party, params)
                key = params.get("Digits", "") if route.name == "yes" else None
                return self._parties.picked_up(call, party, key)
            case "step" | "again" | "room":
                return self._legs.aside(call, sid)
            case "hold":
                return self._legs.hold(call)
            case "digits":
                digits = call.digits.pop(route.leg, "")
                return self._book.documents.digits(digits) if digits else ""
            case "leg":
                self._legs.progress(call, route.leg, params)
            case "lead":
                self._legs.lead(call, route.leg, params)
            case "conference":
                self._parties.event(call, route.n, params)
        return ""

    async def _agent(self, call: Live, route: Route, params: Params) -> str:
        documents = self._book.documents
        callback = call.callback
        rings = route.leg == call.offer_id or route.leg in call.ringing
        if not rings or call.cancelled:
            return documents.hang_up()
        if callback is None:
            if route.name == "yes":
                return self._legs.confirmed(call, route.leg, params)
            return documents.confirm(call.call_id, route.leg)
        self._legs.learn_sid(call, params)
        if call.sid != params.get("CallSid", ""):
            return self._legs.aside(call, params.get("CallSid", ""))
        outside = callback.phone.kind is PhoneKind.OUTSIDE
        if route.name == "agent" and outside and self._settings.confirm_outside:
            return documents.confirm(call.call_id, route.leg)
        if route.name == "yes" and not params.get("Digits"):
            return documents.hang_up()
        return await self._turns.ask(call, "agent", 0, params)

    async def _new_or_back(self, route: Route, params: Params) -> str:
        sid = params.get("CallSid", "")
        calls = self._book.calls
        if not _SID.fullmatch(sid) or calls.has_ended(sid):
            return self._book.documents.hang_up()
        call = calls.of_sid(sid)
        if call is not None and call.sid == sid:
            return await self._turns.ask(call, route.name, 0, params)
        if call is not None:
            return self._legs.aside(call, sid)
        if params.get("CallStatus", "") in FINAL:
            return self._book.documents.nothing()
        if params.get("Direction", "inbound") != "inbound":
            return self._book.documents.hang_up()
        if len(calls) >= self._settings.max_calls:
            log.error("link %s: %d calls live, one more is refused", self._name, len(calls))
            return self._book.documents.busy()
        call = Live(f"{self._name}-{sid}", sid, Place.ENTRY)
        call.ani = _text(params.get("From", ""))
        call.ani_name = _text(params.get("CallerName", ""))
        call.dnis = _text(params.get("To", ""))
        calls.add(call)
        return await self._turns.ask(call, "voice", 0, params)

    def _lead_status(self, params: Params) -> None:
        sid, status = params.get("CallSid", ""), params.get("CallStatus", "")
        call = self._book.calls.of_sid(sid)
        if call is not None and call.sid == sid and status in FINAL:
            self._book.lead_over(call, status)


def _text(text: str) -> str:
    """Text from outside: bounded, without control characters. It stays hostile."""
    text = _CONTROL.sub(" ", text[:_TEXT_MAX]).strip()
    return "" if text.lower() in _NOBODY else text
