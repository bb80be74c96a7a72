"""What the link remembers of one live call. Asterisk is the truth; this is for speed."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cti.asterisk.sessions import VoiceSession
from cti.calls import EndedBy, Leg, LegState, Place, Supervision

_FLOW_VARIABLE_MAX = 1800  # bytes: what fits into one AGI command beside its name


@dataclass(slots=True)
class LiveLeg:
    """A further party of a call, with a channel of its own that runs the dialplan.

    `channel` is "" until its phone rings; `uniqueid` was given by us, so that it is known
    before. `cancelled`: an order to end it is out. `reason` and `cause` say why it failed.
    """

    leg_id: str
    agent_id: str
    uniqueid: str
    number: str = ""
    channel: str = ""
    state: LegState = LegState.RINGING
    supervision: Supervision | None = None
    cancelled: bool = False
    reason: str = ""  # of an Originate that failed
    cause: str = ""  # of the channel's hang-up

    @property
    def answered(self) -> bool:
        return self.state is not LegState.RINGING

    def fact(self) -> Leg:
        """The leg as others know it."""
        return Leg(self.leg_id, self.agent_id, self.number, self.state, self.supervision)


@dataclass(slots=True)
class Rung:
    """One of several phones that ring for a caller (`cti.asterisk.rounds`).

    `dialled` is what Dial was given for it, without the technology; `channel` is "" until it
    rings. `status` (DialEnd) and `cause` (Hangup) say how that ended.
    """

    offer_id: str
    agent_id: str
    dialled: str
    channel: str = ""
    uniqueid: str = ""
    status: str = ""
    cause: str = ""
    cancelled: bool = False


@dataclass(slots=True)
class Live:
    """One call. `channel` runs the dialplan: the caller's, for a callback the agent's.

    `peer` is the channel it is connected to, or that rings for it. `offer_id` is the
    offer that is open or was answered. `cancelled`: an order to stop ringing is out.
    `ends_by` is set once we know who ends the call, before the switch says it ended.
    """

    call_id: str
    channel: str
    uniqueid: str
    place: Place
    offer_id: str = ""
    agent_id: str = ""
    peer: str = ""
    peer_uniqueid: str = ""
    callback: bool = False
    agent_answered: bool = False
    connected: bool = False
    cancelled: bool = False
    ends_by: EndedBy | None = None
    why: str = ""
    cause: str = ""  # of the channel's hang-up
    reason: str = ""  # of an Originate that failed
    session: VoiceSession | None = None
    legs: dict[str, LiveLeg] = field(default_factory=dict)  # by leg id
    agent_gone: bool = False
    rings: str = ""  # how the name of the phone's channel begins that the offer rings
    ringing: dict[str, Rung] = field(default_factory=dict)  # by offer: when several phones ring
    round_id: str = ""  # the offer by which the dialplan knows them

    @property
    def caller_channel(self) -> str:
        return self.peer if self.callback else self.channel

    @property
    def agent_channel(self) -> str:
        return self.channel if self.callback else self.peer

    def is_peer(self, channel: str, uniqueid: str) -> bool:
        """Whether this is the peer. While Asterisk moves it, another bears its name and ends."""
        return channel == self.peer != "" and self.peer_uniqueid in ("", uniqueid)

    @property
    def talking_legs(self) -> list[LiveLeg]:
        """The further parties, supervisors aside."""
        return [leg for leg in self.legs.values() if leg.supervision is None]

    @property
    def consulted(self) -> LiveLeg | None:
        """The party of a consultation; None in a conference, which is none."""
        legs = [] if self.place is Place.CONFERENCE else self.talking_legs
        return legs[0] if legs else None


class LiveCalls:
    """Every call that lives on the switch, by our id and by its channel's."""

    def __init__(self) -> None:
        self._by_id: dict[str, Live] = {}
        self._by_uniqueid: dict[str, Live] = {}
        self._legs: dict[str, tuple[Live, LiveLeg]] = {}  # by their channels' uniqueids
        self._rungs: dict[str, tuple[Live, Rung]] = {}  # likewise

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._by_id.values()))

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._by_id

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._by_id)

    def get(self, call_id: str) -> Live | None:
        return self._by_id.get(call_id)

    def on_channel(self, uniqueid: str) -> Live | None:
        """The call whose dialplan runs on this channel."""
        return self._by_uniqueid.get(uniqueid)

    def add(self, call: Live) -> None:
        self._by_id[call.call_id] = call
        self._by_uniqueid[call.uniqueid] = call

    def move(self, call: Live, channel: str, uniqueid: str) -> None:
        """The call's dialplan runs on another channel now."""
        self._by_uniqueid.pop(call.uniqueid, None)
        call.channel, call.uniqueid = channel, uniqueid
        self.add(call)

    def on_leg(self, uniqueid: str) -> tuple[Live, LiveLeg] | None:
        """The call and its further leg whose channel this is."""
        return self._legs.get(uniqueid)

    @property
    def any_legs(self) -> bool:
        """Whether any call has further parties at all."""
        return bool(self._legs)

    def add_leg(self, call: Live, leg: LiveLeg) -> None:
        call.legs[leg.leg_id] = leg
        self._legs[leg.uniqueid] = (call, leg)

    def forget_leg(self, call: Live, leg: LiveLeg) -> None:
        call.legs.pop(leg.leg_id, None)
        self._legs.pop(leg.uniqueid, None)

    def on_rung(self, uniqueid: str) -> tuple[Live, Rung] | None:
        """The call and the one of its several phones whose channel this is."""
        return self._rungs.get(uniqueid)

    def add_rung(self, call: Live, rung: Rung, uniqueid: str) -> None:
        rung.uniqueid = uniqueid
        self._rungs[uniqueid] = (call, rung)

    def forget_rung(self, rung: Rung) -> None:
        self._rungs.pop(rung.uniqueid, None)

    def forget(self, call: Live) -> None:
        for rung in call.ringing.values():
            self.forget_rung(rung)
        for leg in list(call.legs.values()):
            self.forget_leg(call, leg)
        if call.session is not None:
            call.session.abandon()
        if self._by_id.get(call.call_id) is call:
            del self._by_id[call.call_id]
        if self._by_uniqueid.get(call.uniqueid) is call:
            del self._by_uniqueid[call.uniqueid]


def pack_flow(state: str) -> str:
    """Flow state as plain letters, safe in every protocol between here and the channel.

    Raises `ValueError` when it is too large to be kept with a call.
    """
    if not state:
        return ""
    packed = zlib.compress(state.encode("utf-8", "surrogatepass"), 6)
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    if len(text) > _FLOW_VARIABLE_MAX:
        raise ValueError(f"flow state of {len(state)} characters does not fit on a channel")
    return text


def unpack_flow(text: str) -> str:
    """The flow state, or "" when what the channel carries cannot be read."""
    if not text:
        return ""
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        # Bounded: a channel variable could be set by someone else.
        return zlib.decompressobj().decompress(packed, 1_000_000).decode("utf-8", "surrogatepass")
    except (ValueError, binascii.Error, zlib.error):
        return ""
