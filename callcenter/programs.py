"""What the API for other programs is told of the live system (`agent_console.api.ports`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from agent_console.api.ports import Answered, ApiPorts, ApiSettings, Figures
from agent_console.live import LiveStore
from agent_console.ports import Customers, Floor, History, Recordings, Refusal
from callcenter.callbook import LiveCall
from callcenter.eventfeed import EventFeed, Journal
from callcenter.happenings import SupervisorActed
from callcenter.itembook import ItemsNow
from callcenter.pops import Pops
from callcenter.posting import Poster
from callcenter.router import Router
from callcenter.webhooks import Webhooks
from storage.apikeys import ApiAnswers, ApiKeys, TooManyAnswers
from storage.webhooks import Webhooks as Store

_OUTCOMES = {"entry": "in menu", "ringing": "waiting", "held": "talking"}


class CallsNow:
    """The live calls, in the API's shape. `name_of(kind, id)` gives labels.

    `sentence` gives a reason's words in each language.
    """

    def __init__(
        self,
        router: Router,
        pops: Pops,
        name_of: Callable[[str, str], str],
        sentence: Callable[[str, Any], dict[str, str]],
    ) -> None:
        self._router = router
        self._book = router.book
        self._pops = pops
        self._name_of = name_of
        self._sentence = sentence

    def live(self) -> Sequence[dict[str, Any]]:
        """All of them, the latest first. A call in wrap-up is still one."""
        found = sorted(self._book.calls.values(), key=lambda call: -call.arrived)
        return [self._shown(call) for call in found]

    def one(self, call_id: str) -> dict[str, Any] | None:
        """One live call."""
        call = self._book.get(call_id)
        return None if call is None else self._shown(call)

    def callbacks(self) -> Sequence[dict[str, Any]]:
        """Who is to be called back; the oldest first."""
        calls = (call for call in self._book.calls.values() if call.direction == "callback")
        return [shown for call in calls if (shown := self._callback(call)) is not None]

    def voicemails(self) -> Sequence[dict[str, Any]]:
        """What nobody has dealt with; the oldest first."""
        found = (asdict(one) for one in self._router.voicemails.open.values())
        return [{"id": one.pop("recording_id"), **one} for one in found]

    def _callback(self, call: LiveCall) -> dict[str, Any] | None:
        visit = self._router.engine.visit(call.call_id)
        if visit is None or call.ended is not None:
            return None
        return {
            "id": call.call_id,
            "asked_in": call.asked_in,
            "queue": visit.queue,
            "number": visit.number,
            "customer_name": call.customer_name,
            "state": visit.place,
            "attempts": visit.attempts,
            "entered": visit.entered,
            "due": visit.due,
            "promised": call.promised,
        }

    def why(self, call_id: str) -> Mapping[str, Any] | None:
        """Why the call waits, or rings or talks where it does: code, data, and the words."""
        reason = self._router.whys.now(call_id)
        if reason is None:
            return None
        text = self._sentence(reason.code, reason.data)
        return {"code": reason.code, "data": dict(reason.data), "text": text}

    def record(self, call_id: str) -> Mapping[str, Any] | None:
        """The customer record that the call shows."""
        return self._pops.record(call_id)

    def _shown(self, call: LiveCall) -> dict[str, Any]:
        inbound = call.direction == "inbound"
        customer = call.number or call.ani
        place = call.place.value
        return {
            "id": call.call_id,
            "direction": call.direction,
            "from": call.ani if inbound else "",
            "from_name": call.ani_name if inbound else "",
            "to": call.dnis if inbound else customer,
            "queue": call.queue,
            "agent": call.agent,
            "agent_name": self._name_of("agent", call.agent) if call.agent else "",
            "customer_id": call.customer_id,
            "customer_name": call.customer_name,
            "arrived": call.arrived,
            "ended": call.ended,
            "waited_s": call.waited_s,
            "talk_s": None,
            "outcome": _OUTCOMES.get(place, place),
            "live": {
                "place": place,
                "offer_id": call.offer_id,
                "legs": [
                    {
                        "id": leg.leg_id,
                        "agent": leg.agent_id,
                        "number": leg.number,
                        "state": leg.state.value,
                        "supervision": leg.supervision.value if leg.supervision else "",
                    }
                    for leg in call.legs.values()
                ],
                "muted": call.muted,
                "recording": _recording(call),
                "switch": call.link,
                "answered": call.answered,
            },
        }


def _recording(call: LiveCall) -> str:
    if not call.recording:
        return ""
    return "paused" if call.recording_paused else "recording"


class Answers:
    """`agent_console.api.ports.Answers` on the database."""

    def __init__(self, kept: ApiAnswers) -> None:
        self._kept = kept
        self.finish = kept.finish
        self.forget = kept.forget

    async def begin(self, key_id: str, name: str, fingerprint: str) -> Answered | None:
        """Write the order down, or tell what it came to before."""
        try:
            return await self._kept.begin(key_id, name, fingerprint)
        except TooManyAnswers:
            message = "Too many idempotency keys in 24 hours."
            raise Refusal("too-many-idempotency-keys", message, 429) from None


class Programs:
    """Everything that other programs use: built with the system, started and stopped with it."""

    def __init__(
        self,
        database: AsyncEngine,
        journal: Journal,
        *,
        now: Callable[[], float],
        name_of: Callable[[str, str], str],
        sentence: Callable[[str, Any], dict[str, str]],
        allowed_hosts: Sequence[str] = (),
        settings: ApiSettings | None = None,
        alarm: Callable[[str, dict[str, str] | None], None] = lambda code, text: None,
    ) -> None:
        """Keys live by the world's clock (the command line makes them), events by `now`."""
        self.feed = EventFeed(journal)
        self.webhooks = Webhooks(
            Store(database, clock=now),
            self.feed,
            Poster(allowed_hosts),
            name_of=name_of,
            clock=now,
            alarm=alarm,
        )
        self._keys = ApiKeys(database)
        self._answers = Answers(ApiAnswers(database))
        self._settings = settings or ApiSettings()
        self._name_of = name_of
        self._sentence = sentence
        self._now = now

    def ports(
        self,
        router: Router,
        pops: Pops,
        *,
        floor: Floor,
        history: History,
        customers: Customers,
        live: LiveStore,
        figures: Figures,
        recordings: Recordings | None = None,
    ) -> ApiPorts:
        """What the API is built from."""

        def note(by: str, agent: str, verb: str) -> None:
            router.note(SupervisorActed(by, agent, verb), router.now())

        return ApiPorts(
            keys=self._keys,
            answers=self._answers,
            floor=floor,
            calls=CallsNow(router, pops, self._name_of, self._sentence),
            history=history,
            customers=customers,
            live=live,
            items=ItemsNow(router.engine, router.items),
            feed=self.feed,
            webhooks=self.webhooks,
            note=note,
            figures=figures,
            recordings=recordings,
            settings=self._settings,
            clock=self._now,
        )
