"""What other programs hear about: journal entries told in a public, stable vocabulary.

One entry gives at most one event, with the entry's own number. What an event says of its call
(from, to, queue, agent) is folded from the call's earlier entries alone, so that the same
journal tells the same events for ever: live, to whoever catches up, and after a restart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from agent_console.api.vocabulary import EVENTS

CALLS_MAX = 20_000
Data = dict[str, Any]
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """One event (`agent_console.api.vocabulary.Event`); `body` is its JSON."""

    sequence: int
    type: str
    call_id: str
    queue: str
    agents: tuple[str, ...]
    at: float
    data: Data
    body: bytes


@dataclass(slots=True)
class _Call:
    direction: str = "inbound"
    customer_side: str = ""  # the number of the customer
    our_side: str = ""  # the number that was dialled
    name: str = ""
    queue: str = ""
    agent: str = ""
    customer_id: str = ""
    arrived: float = 0.0
    answered: bool = False
    onward: str = ""  # where an agent sent it on last
    over: bool = False


# What an entry makes of its call, and the event: (type, data beside the call) or None.
_Tell = Callable[["EventFold", _Call, Data, float], tuple[str, Data] | None]
BEGINNINGS = frozenset((("switch", "CallArrived"), ("acd", "CallDialled")))


class EventFold:
    """Folds entries into events. Feed it, for each call, all entries in their order."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, _Call] = OrderedDict()

    def knows(self, call_id: str) -> bool:
        """Whether the call's earlier entries need not be looked up."""
        return call_id in self._calls

    def feed(
        self, seq: int, at: float, stream: str, kind: str, call_id: str, data: Data
    ) -> PublicEvent | None:
        """Take one entry; the event that it is, if it is one."""
        tell = _TELL.get((stream, kind))
        if tell is None:
            return None
        call = self._call(call_id) if call_id else _Call()
        told = tell(self, call, data, at)
        if told is None:
            return None
        name, more = told
        body: Data = {}
        if call_id and not name.startswith("agent."):
            body["call"] = self._shown(call_id, call)
        body.update(more)
        agents = tuple({str(who): None for who in (more.get("agent"), call.agent) if who})
        queue = str(more.get("queue") or call.queue)
        event = {"id": f"ev_{seq}", "type": name, "at": at, "sequence": seq, "data": body}
        return PublicEvent(seq, name, call_id, queue, agents, at, body, _encode(event))

    def _call(self, call_id: str) -> _Call:
        call = self._calls.get(call_id)
        if call is None:
            call = self._calls[call_id] = _Call()
            if len(self._calls) > CALLS_MAX:
                self._calls.popitem(last=False)
        else:
            self._calls.move_to_end(call_id)
        return call

    @staticmethod
    def _shown(call_id: str, call: _Call) -> Data:
        inbound = call.direction == "inbound"
        return {
            "id": call_id,
            "direction": call.direction,
            "from": call.customer_side if inbound else call.our_side,
            "from_name": call.name if inbound else "",
            "to": call.our_side if inbound else call.customer_side,
            "queue": call.queue,
            "agent": call.agent,
            "customer_id": call.customer_id,
        }


# What switches say ------------------------------------------------------------------------------


def _arrived(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    call.customer_side, call.name = data["ani"], data["ani_name"]
    call.our_side, call.arrived = data["dnis"], at
    return "call.arrived", {}


def _adopted(fold: EventFold, call: _Call, data: Data, at: float) -> None:
    if not call.arrived:  # found on the switch, unknown to the journal till now
        _arrived(fold, call, data, at)
        call.queue, call.agent = data.get("queue", ""), data.get("agent_id", "")


def _ringing(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    return "call.ringing", {"agent": data["agent_id"], "offer": data["offer_id"]}


def _ended(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data] | None:
    if call.over or (call.direction == "callback" and not call.answered):
        return None  # of a callback, only this attempt ended
    call.over = True
    return "call.ended", {
        "by": data.get("by", "system"),
        "cause": data.get("cause", "not on its switch any more"),
        "answered": call.answered,
        "onward": call.onward,
        "lasted_s": round(max(0.0, at - call.arrived), 3) if call.arrived else 0.0,
    }


def _leg(name: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        more = {"leg": data["leg_id"], "agent": data.get("agent_id", "")}
        if "why" in data:
            more["why"] = data["why"]
        return name, more

    return tell


def _swapped(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    return "call.swapped", {"leg": data["leg_id"], "caller_held": data["caller_held"]}


def _handed_over(fold: EventFold, call: _Call, data: Data, at: float) -> None:
    call.agent = data["agent_id"]  # the engine's CallCompleted tells of it


def _recording(state: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        return "call.recording", {"recording": data["recording_id"], "state": state}

    return tell


def _recorded(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    return "call.recorded", {
        "recording": data["recording_id"],
        "length_s": data["length_s"],
        "channels": data["channels"],
    }


# What the engine decided ------------------------------------------------------------------------


def _entered(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data] | None:
    call.queue = data["queue"]
    if data["kind"] != "call":
        return None  # CallbackChanged tells of it
    return "call.queued", {"queue": data["queue"], "priority": data["priority"]}


def _offered(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    call.queue = data["queue"] or call.queue
    if call.direction == "outbound":
        call.agent = data["agent"]
        return "call.dialled", {"agent": data["agent"], "number": data.get("number", "")}
    return "call.offered", {
        "agent": data["agent"],
        "offer": data["offer"],
        "ring_s": data["ring_s"],
        "why": data["reason"]["code"],
    }


def _offer_ended(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data] | None:
    if data["outcome"] == "accepted":
        return None
    names = ("agent", "offer", "outcome")
    return "call.offer_ended", {name: data[name] for name in names}


def _left(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    queue = data["queue"]
    if data["outcome"] in ("answered", "reached"):
        call.agent, call.queue, call.answered, call.onward = data["agent"], queue, True, ""
        return "call.answered", {"agent": data["agent"], "waited_s": data["waited_s"]}
    more = {"queue": queue, "outcome": data["outcome"], "waited_s": data["waited_s"]}
    return "call.left_queue", more


def _completed(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data] | None:
    onward = data.get("onward", "")
    if not onward:
        return None
    call.onward = onward
    if call.agent == data["agent"]:
        call.agent = ""
    # After a hand-over the new agent talks already; after a blind transfer an offer follows.
    return "call.transferred", {"agent": data["agent"], "onward": onward, "to_agent": call.agent}


def _wrapped_up(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    names = ("agent", "wrap_up_s", "forced")
    return "call.wrapped_up", {name: data[name] for name in names}


def _agent(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    names = ("agent", "state", "since", "reason", "intent")
    return "agent.state", {**{name: data[name] for name in names}, "call_id": data["call"]}


def _staffing(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    names = ("agent", "queues", "skills", "order")
    reason = data["reason"]
    more = {"by": str(reason["data"].get("by", "")), "why": reason["code"]}
    return "agent.staffing", {**{name: data[name] for name in names}, **more}


def _item(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    names = ("item", "queue", "work", "agent")
    more = {name: data[name] for name in names}
    if data["state"] in ("queued", "withdrawn"):
        more["why"] = data["reason"]["data"].get("why") or data["reason"]["code"]
    return f"item.{data['state']}", more


def _callback(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data] | None:
    call.direction, call.customer_side = "callback", data["number"]
    call.queue, call.arrived = data["queue"], call.arrived or at
    names = ("number", "attempts", "due")
    more = {"asked_in": data["call"], **{name: data[name] for name in names}}
    name = f"callback.{data['state'].replace(' ', '_')}"
    return (name, more) if name in EVENTS else None


def _dialled(fold: EventFold, call: _Call, data: Data, at: float) -> None:
    # The engine may refuse it; its decision to ring tells of the call.
    call.direction, call.customer_side = "outbound", data["number"]
    call.queue, call.arrived = data["queue"], at


# What people did, and records ---------------------------------------------------------------------


def _acted(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    names = ("by", "verb", "detail")
    return "call.action", {name: data[name] for name in names}


def _saved(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    return "call.disposition", {"agent": data["agent"], "disposition": data["disposition"]}


def _matched(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    call.customer_id = data["customer_id"]
    return "call.customer", {"customer_id": data["customer_id"]}


def _elsewhere(name: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        more = {field: data[field] for field in ("queue", "kind", "target")}
        return name, {**more, "why": data["reason"]["code"]}

    return tell


def _queue_changed(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
    return "queue.changed", {
        "queue": data["queue"],
        "open": data["open"],
        "why": data["reason"]["code"],
    }


def _plain(name: str, *fields: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        return name, {field: data[field] for field in fields}

    return tell


def _alert(name: str, *fields: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        more = {field: data[field] for field in ("alert", *fields)}
        if data.get("scope") == "queue":
            more["queue"] = data["target"]
        return name, more

    return tell


def _message(name: str, *fields: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        return name, {
            "recording": data["recording_id"],
            **{field: data[field] for field in fields},
        }

    return tell


def _link(name: str, *fields: str) -> _Tell:
    def tell(fold: EventFold, call: _Call, data: Data, at: float) -> tuple[str, Data]:
        return name, {"switch": data["link"], **{field: data[field] for field in fields}}

    return tell


_TELL: dict[tuple[str, str], _Tell] = {
    ("switch", "CallArrived"): _arrived,
    ("switch", "CallAdopted"): _adopted,
    ("switch", "OfferRinging"): _ringing,
    ("switch", "CallHeld"): _plain("call.held"),
    ("switch", "CallRetrieved"): _plain("call.retrieved"),
    ("switch", "AgentMuted"): _plain("call.muted", "on"),
    ("switch", "LegRinging"): _leg("call.leg_ringing"),
    ("switch", "LegAnswered"): _leg("call.leg_answered"),
    ("switch", "LegFailed"): _leg("call.leg_failed"),
    ("switch", "LegEnded"): _leg("call.leg_ended"),
    ("switch", "LegsSwapped"): _swapped,
    ("switch", "ConferenceBegan"): _plain("call.conference"),
    ("switch", "CallHandedOver"): _handed_over,
    ("switch", "RecordingStarted"): _recording("recording"),
    ("switch", "RecordingPaused"): _recording("paused"),
    ("switch", "RecordingResumed"): _recording("recording"),
    ("switch", "RecordingStopped"): _recording("stopped"),
    ("switch", "RecordingKept"): _recorded,
    ("switch", "CallEnded"): _ended,
    ("switch", "CallMissed"): _ended,
    ("switch", "LinkUp"): _link("switch.up"),
    ("switch", "LinkDown"): _link("switch.down", "why"),
    ("decision", "CallTurnedAway"): _elsewhere("call.turned_away"),
    ("decision", "SendOn"): _elsewhere("call.sent_on"),
    ("decision", "QueueChanged"): _queue_changed,
    ("decision", "CallEntered"): _entered,
    ("decision", "Offer"): _offered,
    ("decision", "Callback"): _offered,
    ("decision", "OfferEnded"): _offer_ended,
    ("decision", "CallLeft"): _left,
    ("decision", "CallCompleted"): _completed,
    ("decision", "WrapUpEnded"): _wrapped_up,
    ("decision", "AgentChanged"): _agent,
    ("decision", "StaffingChanged"): _staffing,
    ("decision", "ItemChanged"): _item,
    ("decision", "CallbackChanged"): _callback,
    ("acd", "CallDialled"): _dialled,
    ("ivr", "VoicemailLeft"): _message("call.voicemail", "box", "length_s"),
    ("person", "VoicemailDone"): _message("call.voicemail_done", "box", "by"),
    ("person", "CallAction"): _acted,
    ("person", "WrapUpSaved"): _saved,
    ("crm", "CustomerMatched"): _matched,
    ("alert", "AlertRaised"): _alert(
        "alert.raised",
        *("rule", "figure", "scope", "target", "window", "value", "threshold", "clear", "about"),
    ),
    ("alert", "AlertCleared"): _alert("alert.cleared", "scope", "target", "value", "why"),
    ("alert", "AlertAcknowledged"): _alert("alert.acknowledged", "by"),
}


def tells(stream: str, kind: str) -> bool:
    """Whether such an entry may be an event, or is needed to tell later ones."""
    return (stream, kind) in _TELL
