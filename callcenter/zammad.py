"""Zammad's generic CTI: three messages about a call, told from our events.

`newCall`, `answer` and `hangup`, each with `callId`, `direction` ("in" or "out"), `from` and `to`
as digits; `user` is the agent's name, `answeringNumber` the agent's id (Zammad looks it up among
its users' phones, logins and ids), `cause` tells missed calls from answered ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callcenter.publicevents import PublicEvent

Payload = dict[str, Any]
WITHHELD = "anonymous"
# The events that are told at all; others are not even looked at.
TYPES = (
    "call.arrived",
    "call.dialled",
    "call.answered",
    "call.ended",
    "callback.dialling",
    "callback.reached",
    "callback.expired",
    "callback.cancelled",
)


def payload(event: PublicEvent, name_of: Callable[[str, str], str]) -> Payload | None:
    """The message, or None for an event that Zammad has no word for."""
    call = event.data.get("call")
    if call is None or event.type not in TYPES:
        return None
    told: Payload = {
        "event": "",
        "from": _number(call["from"]),
        "to": _number(call["to"]),
        "direction": "in" if call["direction"] == "inbound" else "out",
        "callId": call["id"],
    }
    agent = str(event.data.get("agent") or call["agent"])
    match event.type:
        case "call.arrived" | "call.dialled":
            told["event"] = "newCall"
        case "callback.dialling" if event.data["attempts"] <= 1:
            told["event"] = "newCall"
        case "call.answered" if call["direction"] != "callback":
            told["event"] = "answer"
            told["answeringNumber"] = agent
        case "callback.reached":
            told["event"] = "answer"
            told["answeringNumber"] = agent
        case "call.ended" | "callback.expired" | "callback.cancelled":
            told["event"] = "hangup"
            told["cause"] = _cause(event)
            if agent:
                told["answeringNumber"] = agent
        case _:
            return None
    if call["queue"]:
        told["queue"] = call["queue"]
    if agent:
        told["user"] = name_of("agent", agent)
    return told


def _cause(event: PublicEvent) -> str:
    data = event.data
    if event.type == "callback.expired":
        return "noAnswer"
    if event.type == "callback.cancelled":
        return "cancel"
    if data["onward"] == "outside":
        return "forwarded"
    if data["answered"]:
        return "normalClearing"
    switch_word = str(data["cause"]).lower()
    if "busy" in switch_word:
        return "busy"
    if "congestion" in switch_word or data["by"] == "switch lost":
        return "congestion"
    return "cancel" if data["by"] == "caller" else "noAnswer"


def _number(text: str) -> str:
    digits = "".join(c for c in text if c.isascii() and c.isdigit())
    return digits or text[:100] or WITHHELD
