"""What the link knows of one live call, and what of it is kept over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from cti import commands as c
from cti.calls import EndedBy, OfferFailure, Phone, PhoneKind, Place

_REPLIES_KEPT = 4
_ENDED_KEPT = 20_000


class Timer(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None: ...


class Hold(Enum):
    """Where a call is on its way onto hold and back."""

    NO = "no"
    BEGINNING = "beginning"  # the other leg is told; the lead comes when their bridge ends
    ON = "on"
    ENDING = "ending"  # the other leg is told to fetch the lead


class Move(Enum):
    """What a caller is to do next, where no order says it."""

    BACK = "back"  # to the wait treatment after an offer, which is said
    STAY = "stay"  # in the wait treatment, the music once more: nothing to say
    HOLD = "hold"
    HANG_UP = "hang up"


Plan = c.RunStep | c.StartWaiting | c.OfferCall | c.TransferCall | c.DialCallback | Move


@dataclass(slots=True)
class Live:
    """One call. `sid` is its lead: the leg that our documents steer.

    The lead is the caller, and for a callback the agent. `other_sid` is the leg that the lead
    dialled. `turn` is the number of the document that the lead is at; `plan` what it will hear
    next, not handed out yet. `parted`: the two have been on hold, so each is a leg of its own.
    """

    call_id: str
    sid: str
    place: Place = Place.ENTRY
    ani: str = ""
    ani_name: str = ""
    dnis: str = ""
    turn: int = 0
    flow_state: str = ""
    step: c.RunStep | None = None
    wait: c.StartWaiting | None = None
    visiting: bool = False
    offer_id: str = ""
    agent_id: str = ""
    callback: c.DialCallback | None = None
    other_sid: str = ""
    rang: bool = False
    agent_answered: bool = False
    connected: bool = False
    cancelled: bool = False
    parted: bool = False
    confirms: bool = False  # an outside phone: only a key takes the call
    ring_s: float = 0.0
    hold: Hold = Hold.NO
    # Not kept:
    plan: Plan | None = None
    ended_by: EndedBy | None = None
    why: str = ""
    failed: OfferFailure | None = None  # why the last ringing ended
    resume: bool = False  # taken up after a restart: the flow must be told
    asked_again: bool = False  # the document out there says "ask again": the lead will
    asks: int = 0
    nudge: object | None = None  # while REST makes the lead come and ask
    orders: list[tuple[c.Order, Callable[[], None] | None]] = field(default_factory=list)
    transfer: c.TransferCall | None = None  # of the other leg
    dialled_at: float = 0.0
    answer: asyncio.Future[str] | None = None  # the webhook that is being answered
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    replies: dict[int, str] = field(default_factory=dict)
    visit: Timer | None = None
    visit_at: float = 0.0
    visit_due: bool = False
    missing: int = 0  # how many lists of calls in a row did not have it

    @property
    def lead_by(self) -> EndedBy:
        """Who it is when the lead hangs up."""
        return EndedBy.CALLER if self.callback is None else EndedBy.AGENT

    @property
    def other_by(self) -> EndedBy:
        return EndedBy.AGENT if self.callback is None else EndedBy.CALLER

    def set_plan(self, plan: Plan) -> None:
        self.plan = plan
        self.wake.set()

    def keep_reply(self, turn: int, text: str) -> None:
        self.replies[turn] = text
        self.replies.pop(turn - _REPLIES_KEPT, None)

    @property
    def last_reply(self) -> str:
        return self.replies.get(self.turn - 1, "")

    def no_offer(self) -> None:
        """Nobody's phone rings for the call, and nobody has it."""
        self.offer_id = self.agent_id = self.other_sid = ""
        self.rang = self.cancelled = self.connected = self.agent_answered = False
        self.failed = None

    def stop_visits(self) -> None:
        if self.visit is not None:
            self.visit.cancel()
            self.visit = None
        self.visit_due = False


class LiveCalls:
    """Every live call, by our id and by its lead's; and the ids of those that ended."""

    def __init__(self) -> None:
        self._by_id: dict[str, Live] = {}
        self._by_sid: dict[str, Live] = {}
        self._ended: dict[str, None] = {}

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._by_id

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._by_id)

    def get(self, call_id: str) -> Live | None:
        return self._by_id.get(call_id)

    def of_sid(self, sid: str) -> Live | None:
        return self._by_sid.get(sid)

    def add(self, call: Live) -> None:
        self._by_id[call.call_id] = call
        if call.sid:
            self._by_sid[call.sid] = call

    def forget(self, call: Live) -> None:
        if self._by_id.get(call.call_id) is call:
            del self._by_id[call.call_id]
        if self._by_sid.get(call.sid) is call:
            del self._by_sid[call.sid]
        self.remember_ended(call.sid)

    def remember_ended(self, sid: str) -> None:
        if sid:
            self._ended[sid] = None
            if len(self._ended) > _ENDED_KEPT:
                del self._ended[next(iter(self._ended))]

    def has_ended(self, sid: str) -> bool:
        """A webhook about it is late, or somebody repeats an old one."""
        return sid in self._ended


def pack(call: Live) -> dict[str, Any]:
    """What a restart must know of the call, as plain JSON values."""
    wait, callback, step = call.wait, call.callback, call.step
    return {
        "sid": call.sid,
        "place": call.place.value,
        "ani": call.ani,
        "name": call.ani_name,
        "dnis": call.dnis,
        "turn": call.turn,
        "flow": call.flow_state,
        "step": step is not None,
        "wait": None
        if wait is None
        else [wait.queue, wait.entered_at, wait.music, wait.visit_after_s, wait.digits],
        "visiting": call.visiting,
        "offer": call.offer_id,
        "agent": call.agent_id,
        "callback": None
        if callback is None
        else [
            callback.phone.kind.value,
            callback.phone.address,
            callback.number,
            callback.caller_id,
            callback.ring_s,
            callback.dial_s,
        ],
        "other": call.other_sid,
        "state": [call.rang, call.agent_answered, call.connected, call.parted, call.confirms],
        "hold": call.hold.value,
    }


def unpack(call_id: str, kept: dict[str, Any]) -> Live:
    """The call again. Raises `ValueError`, `KeyError` or `TypeError` on what cannot be read."""
    call = Live(call_id, str(kept["sid"]), Place(kept["place"]))
    call.ani, call.ani_name, call.dnis = kept["ani"], kept["name"], kept["dnis"]
    call.turn, call.flow_state = int(kept["turn"]), kept["flow"]
    call.visiting = bool(kept["visiting"])
    call.offer_id, call.agent_id, call.other_sid = kept["offer"], kept["agent"], kept["other"]
    call.rang, call.agent_answered, call.connected, call.parted, call.confirms = kept["state"]
    call.hold = Hold(kept["hold"])
    if kept["wait"] is not None:
        call.wait = c.StartWaiting(call_id, *kept["wait"])
    if kept["callback"] is not None:
        kind, address, number, caller_id, ring_s, dial_s = kept["callback"]
        phone = Phone(PhoneKind(kind), address)
        call.callback = c.DialCallback(
            call_id, call.offer_id, call.agent_id, phone, number, caller_id, ring_s, dial_s
        )
    call.resume = call.place is Place.ENTRY or call.visiting
    return call
