"""Taking up live calls: from Asterisk's list of channels to calls. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cti.asterisk import rounds
from cti.asterisk.ami import Frame
from cti.asterisk.live import LiveLeg, Rung, unpack_flow
from cti.calls import LegState, Place, Supervision

_PLACES = {
    "cc-in": Place.ENTRY,
    "cc-wait": Place.WAITING,
    "cc-visit": Place.WAITING,
    "cc-connect": Place.RINGING,
    "cc-ring": Place.RINGING,
    "cc-hold": Place.HELD,
    "cc-held": Place.HELD,
    "cc-retrieve": Place.TALKING,
    "cc-handed-over": Place.TALKING,
    "cc-conference": Place.CONFERENCE,
    "cc-callback": Place.RINGING,
}


# Where the other one is known by name: both may be on their way to each other.
_PEER_BY_NAME = frozenset(("cc-hold", "cc-held", "cc-retrieve", "cc-handed-over", "cc-conference"))
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
    legs: tuple[LiveLeg, ...] = ()
    ringing: tuple[Rung, ...] = ()  # all of them, when several phones ring


def find_calls(channels: Sequence[Frame]) -> list[Found]:
    """The calls among the channels of a Status list, oldest first.

    A call's channel carries CC_CALL. The other party is found by the bridge, or,
    while it rings or is held, by the variable or by the common origin (Linkedid).
    """
    index: _Index = {}
    legs: dict[str, list[LiveLeg]] = {}
    for channel in channels:
        for key in ("BridgeID", "Linkedid", "Channel"):
            if value := channel.get(key):
                index.setdefault((key, value), []).append(channel)
    with_variables = [(channel, variables_of(channel)) for channel in channels]
    for channel, variables in with_variables:
        if variables.get("CC_LEG") and (call_id := variables.get("CC_LEG_CALL")):
            legs.setdefault(call_id, []).append(_leg(channel, variables))
    found = []
    for channel, variables in with_variables:
        call_id = variables.get("CC_CALL")
        if call_id and (call := _call(channel, variables, index)) is not None:
            call = _with_round(call, channel, variables, index)
            found.append(_with_legs(call, legs.get(call_id, ())))
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


def _leg(channel: Frame, variables: dict[str, str]) -> LiveLeg:
    mode = variables.get("CC_LEG_MODE", "")
    supervision = Supervision(mode) if mode in set(Supervision) else None
    context = channel.get("Context")
    # In cc-leg only once it talks: before, it may still have to press a digit.
    waits = context == "cc-leg" and channel.get("Exten") not in ("talk", "room")
    if channel.get("ChannelStateDesc") != "Up" or context == "cc-confirm" or waits:
        state = LegState.RINGING
    elif supervision is not None:
        state = LegState.SUPERVISING
    else:
        state = LegState.HELD if context == "cc-leg-parked" else LegState.TALKING
    return LiveLeg(
        variables["CC_LEG"],
        variables.get("CC_LEG_AGENT", ""),
        channel.get("Uniqueid"),
        variables.get("CC_LEG_NUMBER", ""),
        channel.get("Channel"),
        state,
        supervision,
    )


def _with_round(call: Found, channel: Frame, variables: dict[str, str], index: _Index) -> Found:
    """All the phones that ring for a caller, or which of several was answered."""
    others = rounds.read(variables.get("CC_ROUND", ""), call.offer_id)
    if not others or call.callback:
        return call
    if call.place is not Place.RINGING:
        took = next((one for one in others if rounds.is_phone(one, call.peer)), None)
        return (
            call if took is None else replace(call, offer_id=took.offer_id, agent_id=took.agent_id)
        )
    rung = [Rung(call.offer_id, call.agent_id, ""), *others]
    ringing = index.get(("Linkedid", channel.get("Linkedid")), ())
    for phone in ringing:
        name = phone.get("Channel")
        if name == call.channel or name.endswith(";2"):
            continue
        # The phone that none of the others is, is the one that began the round.
        one = next((one for one in others if rounds.is_phone(one, name)), rung[0])
        one.channel, one.uniqueid = name, phone.get("Uniqueid")
    return replace(call, ringing=tuple(rung))


def _with_legs(call: Found, legs: Sequence[LiveLeg]) -> Found:
    """One that was handed the call is its peer now, and no further leg."""
    legs = tuple(leg for leg in legs if leg.channel != call.peer)
    consulted = any(leg.supervision is None for leg in legs)
    place = call.place
    if place is Place.HELD and consulted:
        place = Place.CONSULTING
    return replace(call, place=place, legs=legs)


def _peer(channel: Frame, variables: dict[str, str], index: _Index) -> Frame | None:
    if channel.get("Context") in _PEER_BY_NAME:
        key = ("Channel", variables.get("CC_PEER", ""))
    elif bridge := channel.get("BridgeID"):
        key = ("BridgeID", bridge)
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
