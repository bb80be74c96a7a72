"""What the link knows of one live call, and of the parties in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from cti import commands as c
from cti.calls import CONVERSATION, EndedBy, Leg, LegState, OfferFailure, Place, Supervision

_REPLIES_KEPT = 4
_ENDED_KEPT = 20_000


class Timer(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None: ...


class Room(Enum):
    """How the two who talk are connected."""

    NO = "no"  # one has dialled the other
    ENTERING = "entering"  # both are told to go to a conference of their own
    IN = "in"


class Move(Enum):
    """What a caller is to do next, where no order says it."""

    BACK = "back"  # to the wait treatment after an offer, which is said
    STAY = "stay"  # in the wait treatment, the music once more: nothing to say
    ROOM = "room"  # into the conference
    HANG_UP = "hang up"


Plan = (
    c.RunStep | c.StartWaiting | c.OfferCall | c.TransferCall | c.DialCallback | c.StartMenu | Move
)


@dataclass(slots=True)
class Party:
    """A further party of a call: consulted, in the conference, or a supervisor (`mode`).

    `sid` is "" until Twilio has named the leg. `confirms`: only a key takes the call.
    """

    leg_id: str
    agent_id: str = ""
    number: str = ""
    mode: Supervision | None = None
    confirms: bool = False
    state: LegState = LegState.RINGING
    sid: str = ""
    rang: bool = False
    dialled_at: float = 0.0
    ring_s: float = 0.0
    missing: int = 0  # how many lists of calls in a row did not have it

    @property
    def answered(self) -> bool:
        return self.state is not LegState.RINGING

    @property
    def joins(self) -> bool:
        """Whether Twilio lets it into the conference as soon as it answers, without asking us."""
        return self.mode is None and not self.confirms

    def leg(self) -> Leg:
        return Leg(self.leg_id, self.agent_id, self.number, self.state, self.mode)


@dataclass(slots=True)
class Rung:
    """One of several phones that ring for a caller (`cti.twilio.rounds`).

    `sid` is "" until Twilio has named the leg, `status` until it is over.
    """

    offer_id: str
    agent_id: str
    confirms: bool = False
    sid: str = ""
    rang: bool = False
    status: str = ""
    cancelled: bool = False


@dataclass(slots=True)
class Recording:
    """The recording that runs. `sid` is Twilio's name of it."""

    recording_id: str
    sid: str = ""


@dataclass(slots=True)
class Live:
    """One call. `sid` is its lead: the leg that our documents steer.

    The lead is the caller; of a callback, where the agent has dialled the caller, it is the
    agent until both are in a conference. `other_sid` is the other of the two. `turn` is the
    number of the document that the lead is at; `plan` what it will hear next, not handed out
    yet. `leaving`: an order takes the caller away from the conversation.
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
    ringing: dict[str, Rung] = field(default_factory=dict)  # by offer: when several phones ring
    callback: c.DialCallback | None = None
    agent_dialled: bool = False
    other_sid: str = ""
    outsider: bool = False  # the call was handed over to somebody outside
    agent_gone: bool = False  # and a consulted party rings for the caller
    rang: bool = False
    agent_answered: bool = False
    connected: bool = False
    leaving: bool = False
    cancelled: bool = False
    confirms: bool = False  # an outside phone: only a key takes the call
    ring_s: float = 0.0
    room: Room = Room.NO
    room_no: int = 0  # each conversation has a conference of its own
    room_sid: str = ""
    parties: dict[str, Party] = field(default_factory=dict)
    recording: Recording | None = None
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
    dialled_at: float = 0.0
    answer: asyncio.Future[str] | None = None  # the webhook that is being answered
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    replies: dict[int, str] = field(default_factory=dict)
    visit: Timer | None = None
    visit_at: float = 0.0
    visit_due: bool = False
    missing: int = 0  # how many lists of calls in a row did not have it
    in_room: set[str] = field(default_factory=set)
    left_room: set[str] = field(default_factory=set)
    room_changed: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one order in the room at a time
    pending: int = 0  # orders that wait for it
    digits: dict[str, str] = field(default_factory=dict)  # to be played once, by token

    @property
    def agent_leads(self) -> bool:
        return self.agent_dialled and self.room is Room.NO and not self.leaving

    @property
    def lead_by(self) -> EndedBy:
        """Who it is when the lead hangs up."""
        return EndedBy.AGENT if self.agent_leads else EndedBy.CALLER

    @property
    def other_by(self) -> EndedBy:
        if self.agent_leads:
            return EndedBy.CALLER
        return EndedBy.SYSTEM if self.outsider else EndedBy.AGENT

    @property
    def in_conversation(self) -> bool:
        """Whether the caller is out of the menu and the queue."""
        return self.place in CONVERSATION and self.connected and not self.leaving

    @property
    def talks(self) -> bool:
        """Whether somebody has the caller."""
        return self.in_conversation and not self.agent_gone

    @property
    def room_name(self) -> str:
        return f"{self.call_id}.{self.room_no}"

    @property
    def consulted(self) -> Party | None:
        """The party of a consultation: none in a conference, and no supervisor."""
        if self.place is Place.CONFERENCE:
            return None
        return next((party for party in self.parties.values() if party.mode is None), None)

    def party_of(self, sid: str) -> Party | None:
        return next((one for one in self.parties.values() if sid and one.sid == sid), None)

    def enter_room(self) -> None:
        """Both are on the way into a conference; from now on our documents steer the caller."""
        if self.room is Room.NO:
            self.no_room()
            self.room_no += 1
            self._swap()
        self.left_room.clear()  # who is sent in once more, leaves and comes again
        self.room = Room.ENTERING

    def not_entered(self) -> None:
        self.no_room()
        self._swap()

    def caller_leaves(self) -> None:
        """The caller is told to come away; from now on our documents steer the caller."""
        self.leaving = True
        if self.room is Room.NO:
            self._swap()

    def caller_stays(self) -> None:
        self.leaving = False
        if self.room is Room.NO:
            self._swap()

    def _swap(self) -> None:
        if self.agent_dialled:
            self.sid, self.other_sid = self.other_sid, self.sid

    def set_plan(self, plan: Plan) -> None:
        self.plan = plan
        self.wake.set()

    def keep_reply(self, turn: int, text: str) -> None:
        self.replies[turn] = text
        self.replies.pop(turn - _REPLIES_KEPT, None)

    @property
    def last_reply(self) -> str:
        return self.replies.get(self.turn - 1, "")

    @property
    def open_offers(self) -> list[Rung]:
        """The phones that ring for the call, or are to: one or several."""
        if self.ringing or not self.offer_id or self.connected:
            return list(self.ringing.values())
        return [Rung(self.offer_id, self.agent_id, rang=True)]

    def lead_round(self, rung: Rung) -> None:
        """Of several phones this one stands for the call: it is answered, or the next of them."""
        self.offer_id, self.agent_id, self.confirms = rung.offer_id, rung.agent_id, rung.confirms

    def no_offer(self) -> None:
        """Nobody's phone rings for the call, and nobody has it."""
        self.ringing.clear()
        self.offer_id = self.agent_id = self.other_sid = ""
        self.rang = self.cancelled = self.connected = self.agent_answered = False
        self.outsider = self.agent_dialled = self.leaving = False
        self.agent_gone = False
        self.failed = None

    def no_room(self) -> None:
        """The conference is over, or was never entered."""
        self.room, self.room_sid = Room.NO, ""
        self.in_room.clear()
        self.left_room.clear()
        self.digits.clear()

    def stop_visits(self) -> None:
        if self.visit is not None:
            self.visit.cancel()
            self.visit = None
        self.visit_due = False


class LiveCalls:
    """Every live call, by our id and by its legs'; and the ids of leads that ended."""

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
        for sid in _sids(call):
            self._by_sid[sid] = call

    def forget(self, call: Live) -> None:
        if self._by_id.get(call.call_id) is call:
            del self._by_id[call.call_id]
        for sid in _sids(call):
            self.forget_leg(sid)
            self.remember_ended(sid)

    def forget_leg(self, sid: str) -> None:
        self._by_sid.pop(sid, None)

    def remember_ended(self, sid: str) -> None:
        if sid:
            self._ended[sid] = None
            if len(self._ended) > _ENDED_KEPT:
                del self._ended[next(iter(self._ended))]

    def has_ended(self, sid: str) -> bool:
        """A webhook about it is late, or somebody repeats an old one."""
        return sid in self._ended


def _sids(call: Live) -> list[str]:
    sids = [call.sid, call.other_sid, *(party.sid for party in call.parties.values())]
    return [sid for sid in sids if sid]
