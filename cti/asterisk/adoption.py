"""Taking up live calls: from Asterisk's list of channels to calls. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cti.asterisk.ami import Frame
from cti.asterisk.live import unpack_flow
from cti.calls import Place

_PLACES = {
    "cc-in": Place.ENTRY,
    "cc-wait": Place.WAITING,
    "cc-visit": Place.WAITING,
    "cc-connect": Place.RINGING,
    "cc-ring": Place.RINGING,
    "cc-hold": Place.HELD,
    "cc-held": Place.HELD,
    "cc-retrieve": Place.TALKING,
    "cc-callback": Place.RINGING,
}


_VISITS = frozenset(("cc-in", "cc-visit"))
_IN_SESSION = frozenset(("AGI", "Read"))
_UNSET = "(null)"  # how Asterisk writes a variable that is not there

_Index = dict[tuple[str, str], list[Frame]]


@dataclass(frozen=True, slots=True)
class Found:
    """A live call as the switch has it. `in_session`: it is in a voice session, ours or not."""

    call_id: str
    channel: str
    uniqueid: str
    place: Place
    ani: str
    ani_name: str
    dnis: str
    trunk: str
    queue: str
    entered_at: float
    offer_id: str
    agent_id: str
    flow_state: str
    peer: str
    peer_uniqueid: str
    callback: bool
    agent_answered: bool
    in_session: bool


def find_calls(channels: Sequence[Frame]) -> list[Found]:
    """The calls among the channels of a Status list, oldest first.

    A call's channel carries CC_CALL. The other party is found by the bridge, or,
    while it rings or is held, by the variable or by the common origin (Linkedid).
    """
    index: _Index = {}
    for channel in channels:
        for key in ("BridgeID", "Linkedid", "Channel"):
            if value := channel.get(key):
                index.setdefault((key, value), []).append(channel)
    found = []
    for channel in channels:
        variables = variables_of(channel)
        if variables.get("CC_CALL") and (call := _call(channel, variables, index)) is not None:
            found.append(call)
    found.sort(key=lambda call: (call.entered_at or float("inf"), call.uniqueid))
    return found


def variables_of(channel: Frame) -> dict[str, str]:
    """The channel variables of a Status event."""
    pairs = (line.partition("=") for line in channel.get_all("Variable"))
    return {name: "" if value == _UNSET else value for name, _, value in pairs}


def _call(channel: Frame, variables: dict[str, str], index: _Index) -> Found | None:
    context = channel.get("Context")
    # A callback's agent who has not answered yet: no dialplan runs there.
    callback = variables.get("CC_CALLBACK") == "1" and context not in ("cc-held", "cc-retrieve")
    ringing = callback and channel.get("ChannelStateDesc") in ("Down", "Ringing", "Ring")
    place = Place.RINGING if ringing else _PLACES.get(context)
    if place is None:
        return None
    if place is Place.RINGING and channel.get("BridgeID"):
        place = Place.TALKING
    peer = _peer(channel, variables, index)
    name = channel.get("CallerIDName")
    return Found(
        call_id=variables["CC_CALL"],
        channel=channel.get("Channel"),
        uniqueid=channel.get("Uniqueid"),
        place=place,
        ani=_known(channel.get("CallerIDNum")),
        ani_name=_known(name),
        dnis=variables.get("CC_DNIS", ""),
        trunk=variables.get("CC_TRUNK", "").removeprefix("trunk-"),
        queue=variables.get("CC_QUEUE", ""),
        entered_at=_seconds(variables.get("CC_ENTERED", "")),
        offer_id=variables.get("CC_OFFER", ""),
        agent_id=variables.get("CC_AGENT", ""),
        flow_state=unpack_flow(variables.get("CC_FLOW", "")),
        peer=peer.get("Channel") if peer else "",
        peer_uniqueid=peer.get("Uniqueid") if peer else "",
        callback=callback,
        agent_answered=callback and not ringing,
        in_session=context in _VISITS and channel.get("Application") in _IN_SESSION,
    )


def _peer(channel: Frame, variables: dict[str, str], index: _Index) -> Frame | None:
    if bridge := channel.get("BridgeID"):
        key = ("BridgeID", bridge)
    elif channel.get("Context") in ("cc-held", "cc-hold"):
        key = ("Channel", variables.get("CC_PEER", ""))
    else:
        key = ("Linkedid", channel.get("Linkedid"))
    own = channel.get("Uniqueid")
    return next((one for one in index.get(key, ()) if one.get("Uniqueid") != own), None)


def _known(text: str) -> str:
    return "" if text == "<unknown>" else text


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
