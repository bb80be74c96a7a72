"""A live call as plain JSON values, and back: what a restart must know of it."""

from __future__ import annotations

from typing import Any

from cti import commands as c
from cti.calls import LegState, Phone, PhoneKind, Place, Supervision
from cti.twilio.live import Live, Party, Recording, Room, Rung


def pack(call: Live) -> dict[str, Any]:
    """What a restart must know of the call, as plain JSON values."""
    wait, callback, step, recording = call.wait, call.callback, call.step, call.recording
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
        "ringing": [
            [one.offer_id, one.agent_id, one.confirms, one.sid, one.rang, one.status, one.cancelled]
            for one in call.ringing.values()
        ],
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
        "dialled": call.agent_dialled,
        "other": call.other_sid,
        "outsider": call.outsider,
        "gone": call.agent_gone,
        "state": [
            call.rang,
            call.agent_answered,
            call.connected,
            call.leaving,
            call.confirms,
        ],
        "room": [call.room.value, call.room_no, call.room_sid],
        "parties": [_pack_party(party) for party in call.parties.values()],
        "recording": None if recording is None else [recording.recording_id, recording.sid],
    }


def _pack_party(party: Party) -> list[Any]:
    return [
        party.leg_id,
        party.agent_id,
        party.number,
        None if party.mode is None else party.mode.value,
        party.confirms,
        party.state.value,
        party.sid,
        party.rang,
    ]


def unpack(call_id: str, kept: dict[str, Any]) -> Live:
    """The call again. Raises `ValueError`, `KeyError` or `TypeError` on what cannot be read."""
    call = Live(call_id, str(kept["sid"]), Place(kept["place"]))
    call.ani, call.ani_name, call.dnis = kept["ani"], kept["name"], kept["dnis"]
    call.turn, call.flow_state = int(kept["turn"]), kept["flow"]
    call.visiting = bool(kept["visiting"])
    call.offer_id, call.agent_id, call.other_sid = kept["offer"], kept["agent"], kept["other"]
    call.ringing = {row[0]: Rung(*row) for row in kept.get("ringing", ())}
    call.agent_dialled, call.outsider = bool(kept["dialled"]), bool(kept["outsider"])
    call.agent_gone = bool(kept["gone"])
    state = kept["state"]
    call.rang, call.agent_answered, call.connected, call.leaving, call.confirms = state
    room, call.room_no, call.room_sid = kept["room"]
    call.room = Room(room)
    for packed in kept["parties"]:
        party = _unpack_party(packed)
        call.parties[party.leg_id] = party
    if kept["recording"] is not None:
        call.recording = Recording(*kept["recording"])
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


def _unpack_party(packed: list[Any]) -> Party:
    leg_id, agent_id, number, mode, confirms, state, sid, rang = packed
    return Party(
        str(leg_id),
        agent_id,
        number,
        None if mode is None else Supervision(mode),
        bool(confirms),
        LegState(state),
        sid,
        bool(rang),
    )
