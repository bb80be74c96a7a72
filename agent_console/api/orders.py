"""Every verb of the floor and of call control as a route: one row each.

A verb's arguments are those of the console's websocket (`agent_console.verbs`); those that the
path names are taken from there, the rest is the body. Who acts: a route below `/agents/{agent}`
names the agent; for a call it is `agent` of the body or, left out, the agent whose call it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from agent_console.verbs import VERBS, Nothing, Verb

CALLS, AGENTS, QUEUES = "calls:control", "agents:control", "queues:control"
ITEMS = "items:control"
ALERTS = "alerts:control"
# Signals of presence are no verbs of the console, whose websocket itself is the signal.
_PRESENCE = {
    "console_back": Verb(Nothing, lambda f, who, a: f.console_back(who)),
    "console_lost": Verb(Nothing, lambda f, who, a: f.console_lost(who)),
}


@dataclass(frozen=True)
class Order:
    """`method path`. `refusals` are the codes of the floor to expect; `result` names the answer."""

    verb: str
    path: str
    scope: str
    summary: str
    description: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    result: str = ""
    method: str = "POST"

    @property
    def known(self) -> Verb:
        """The console's verb."""
        return _PRESENCE.get(self.verb) or VERBS[self.verb]

    @property
    def in_path(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def names_actor(self) -> bool:
        """Whether the body may say which agent acts."""
        return self.known.as_agent and "agent" not in self.in_path

    @cached_property
    def body(self) -> type[BaseModel]:
        """The model of the body."""
        fields: dict[str, Any] = {
            name: (one.annotation, one)
            for name, one in self.known.args.model_fields.items()
            if name not in self.in_path
        }
        if self.names_actor:
            about = "Who acts; left out: the agent whose call it is (or the key's own agent)"
            fields["agent"] = (str, Field("", max_length=200, description=about))
        name = "".join(word.capitalize() for word in self.verb.split("_")) + "Order"
        config = ConfigDict(extra="forbid", strict=True)
        return create_model(name, __config__=config, **fields)


_YOURS = ("not-your-call", "switch-away", "cannot-save", "not-saved-yet")
_STATE = ("unknown-agent", "not-signed-in", "cannot-save", "not-saved-yet")


def _of_call(verb: str, what: str, summary: str, description: str = "", **more: Any) -> Order:
    more.setdefault("refusals", _YOURS)
    return Order(verb, f"/calls/{{call_id}}/{what}", CALLS, summary, description, **more)


def _of_agent(verb: str, what: str, summary: str, description: str = "", **more: Any) -> Order:
    more.setdefault("refusals", _STATE)
    return Order(verb, f"/agents/{{agent}}/{what}", AGENTS, summary, description, **more)


def _of_queue(verb: str, what: str, summary: str, description: str = "", **more: Any) -> Order:
    refusals = ("unknown-queue", "cannot-save", "not-saved-yet")
    path = f"/queues/{{queue}}/{what}"
    return Order(verb, path, QUEUES, summary, description, refusals=refusals, **more)


def _of_callback(
    verb: str,
    what: str,
    summary: str,
    description: str = "",
    *,
    refusals: tuple[str, ...] = ("callback-connected",),
    **more: Any,
) -> Order:
    refusals = ("unknown-callback", *refusals, "cannot-save", "not-saved-yet")
    path = f"/callbacks/{{callback}}/{what}"
    return Order(verb, path, CALLS, summary, description, refusals=refusals, **more)


ORDERS: tuple[Order, ...] = (
    # Agents
    _of_agent("sign_in", "sign-in", "Begin an agent's shift", example={"phone": "browser"}),
    _of_agent("sign_out", "sign-out", "End an agent's shift", "During a call: after it."),
    _of_agent("ready", "ready", "Take calls", "During a call or wrap-up: after it."),
    _of_agent("not_ready", "not-ready", "Take no calls, for a reason", example={"reason": "lunch"}),
    _of_agent(
        "set_agent_state",
        "state",
        "Set an agent's state as a supervisor does",
        example={"state": "not ready", "reason": "meeting"},
    ),
    _of_agent(
        "staff",
        "staffing",
        "Change what an agent does: queues, skills, order",
        "At once, and until it is changed again or taken back (`DELETE`), also over a restart and "
        "a new configuration. What is left out stays as it is; with `reset`, as configured. A call "
        "goes on; a ringing one that no longer fits goes to somebody else.",
        example={"queues": ["sales", "support"], "skills": {"german": 3}},
        refusals=("unknown-agent", "unknown-queue", "unknown-skill", "no-change", "cannot-save"),
        method="PUT",
    ),
    _of_agent(
        "reset_staffing",
        "staffing",
        "Let an agent do again what the configuration says",
        refusals=("unknown-agent", "no-change", "cannot-save"),
        method="DELETE",
    ),
    _of_agent(
        "end_wrap_up",
        "end-wrap-up",
        "End an agent's after-call work as a supervisor does",
        refusals=("unknown-agent", "not-in-wrap-up", "cannot-save"),
    ),
    _of_agent("extend_wrap_up", "extend-wrap-up", "More time after a call", example={"by_s": 60}),
    _of_agent(
        "console_back",
        "console-back",
        "The agent is at a screen of yours",
        "Only for programs that replace the console: an agent counts as present until "
        "`console-lost`.",
    ),
    _of_agent(
        "console_lost",
        "console-lost",
        "The agent's screen of yours is gone",
        "After the site's grace time the agent gets no more calls; a call in hand goes on.",
    ),
    # Callbacks
    _of_callback(
        "cancel_callback", "cancel", "Nobody needs a callback any more", example={"why": "solved"}
    ),
    _of_callback(
        "move_callback",
        "move",
        "Call back at another time",
        "`due` in UTC epoch seconds. What the customer was promised stays the promise.",
        example={"due": 1800000000.0},
        refusals=("bad-time", "callback-begun"),
    ),
    _of_callback(
        "call_back_now",
        "now",
        "Call back as soon as an agent is free",
        refusals=("callback-begun",),
    ),
    Order(
        "voicemail_done",
        "/voicemails/{recording}/done",
        CALLS,
        "Somebody has dealt with a caller's message",
        "It is listed no more; its sound stays as long as recordings are kept.",
        refusals=("unknown-voicemail", "cannot-save", "not-saved-yet"),
    ),
    # Queues
    _of_queue(
        "close_queue",
        "close",
        "Let nobody into a queue, whatever its hours",
        "Callers are led where the queue's rules for `closed` say; who waits already is served. "
        "It holds, also over a restart, until the queue is opened or follows its hours again.",
        example={"why": "fire drill"},
    ),
    _of_queue("open_queue", "open", "Let callers in, whatever the queue's hours"),
    _of_queue("queue_by_hours", "hours", "Open and close by the queue's hours again"),
    # Alerts
    Order(
        "acknowledge_alert",
        "/alerts/{alert}/acknowledge",
        ALERTS,
        "Say that somebody has seen an alert",
        "It goes on standing until the figure is well back.",
        refusals=("alert-over", "cannot-save", "not-saved-yet"),
    ),
    # Placing and taking calls
    Order(
        "dial",
        "/agents/{agent}/calls",
        CALLS,
        "Click-to-dial: place a call for an agent",
        "The agent's phone rings first, then the number is dialled. What may be dialled is "
        "the site's to say. `queue` gives the number that is shown.",
        example={"number": "+14165550123"},
        refusals=("number-not-allowed", "too-many-dials", "phone-down", "unknown-queue", *_STATE),
        result="the call's id",
    ),
    Order(
        "decline",
        "/agents/{agent}/offers/{offer_id}/decline",
        CALLS,
        "Refuse a ringing call",
        refusals=("offer-over", "not-your-call", "cannot-save"),
    ),
    _of_call(
        "pick", "pick", "Take a waiting or parked call out of turn", example={"agent": "anna"}
    ),
    _of_call(
        "assign",
        "assign",
        "Offer a waiting or parked call to an agent, out of turn",
        example={"agent": "anna"},
        refusals=("call-not-waiting", "agent-not-ready", "cannot-save"),
    ),
    # In a call
    _of_call("hang_up", "hang-up", "End the call for everyone in it"),
    _of_call("hold", "hold", "Let the caller hear music", refusals=("not-talking", *_YOURS)),
    _of_call("retrieve", "retrieve", "Talk with the held caller", refusals=("not-held", *_YOURS)),
    _of_call("mute", "mute", "Let nobody hear the agent, or everybody again", example={"on": True}),
    _of_call(
        "send_digits",
        "digits",
        "Play DTMF digits to the caller's side",
        "They are neither journaled nor logged.",
        example={"digits": "12#"},
    ),
    _of_call(
        "transfer",
        "transfer",
        "Give the call away unseen",
        "`kind`: agent, queue, number or flow (a menu).",
        example={"kind": "queue", "to": "support"},
        refusals=(
            "unknown-queue",
            "queue-closed",
            "unknown-flow",
            "number-not-allowed",
            "agent-not-ready",
            *_YOURS,
        ),
    ),
    _of_call(
        "consult",
        "consult",
        "Ask somebody while the caller waits; in a conference: add somebody",
        example={"kind": "agent", "to": "ben"},
        refusals=("consulting", "number-not-allowed", "agent-not-ready", *_YOURS),
        result="the new leg's id",
    ),
    _of_call("swap", "swap", "Talk with the other of caller and consulted party"),
    _of_call("complete", "complete", "Leave the caller with the consulted party"),
    _of_call("conference", "conference", "Caller, agent and consulted party talk together"),
    Order(
        "end_leg",
        "/calls/{call_id}/legs/{leg_id}/end",
        CALLS,
        "Cancel a consultation, or remove somebody from a conference",
        refusals=("no-such-leg", *_YOURS),
    ),
    _of_call("park", "park", "Put the caller where anybody may pick the call up"),
    _of_call(
        "record",
        "recording",
        "Start, stop, pause or resume recording",
        example={"action": "pause"},
        refusals=("not-recording", *_YOURS),
    ),
    # After the call, and the record
    _of_call(
        "wrap_up",
        "wrap-up",
        "Save the after-call work and end it",
        example={"disposition": "solved", "note": "Sent the invoice again.", "then": "ready"},
        refusals=("still-talking", "unknown-disposition", *_YOURS),
    ),
    _of_call(
        "choose_customer",
        "customer",
        "Say whose call it is",
        example={"customer_id": "c-1"},
        refusals=("unknown-customer", *_YOURS),
    ),
    _of_call(
        "create_customer",
        "new-customer",
        "Make a customer of the caller",
        example={"fields": {"name": "Grace Chen"}},
        refusals=("bad-customer", *_YOURS),
        result="the customer's id",
    ),
    # Supervisors
    _of_call(
        "supervise",
        "supervise",
        "Listen, whisper or barge; off leaves",
        "`agent` is the supervisor's own agent id, whose phone rings; it must be named.",
        example={"agent": "sam", "mode": "listen"},
    ),
    _of_call(
        "take_over",
        "take-over",
        "The supervisor in the conversation has the call",
        "`agent` is the supervisor's own agent id; it must be named.",
        example={"agent": "sam"},
    ),
    # Work items
    Order(
        "add_item",
        "/items",
        ITEMS,
        "Bring a work item (a chat, a task) to a queue",
        "The queue's `work` says its kind. It is offered to an agent who has room for one more. "
        "`item_id` is yours to choose; the same one is refused while it is known.",
        example={
            "queue": "tasks",
            "title": "Check the address of order 10042",
            "link": "https://crm.example.com/orders/10042",
        },
        refusals=("unknown-queue", "not-for-items", "item-known", "too-many-items", "bad-link"),
        result="the item's id",
    ),
    Order(
        "accept_item",
        "/agents/{agent}/item-offers/{offer_id}/accept",
        ITEMS,
        "Take an offered work item",
        refusals=("offer-over", "cannot-save"),
    ),
    Order(
        "decline_item",
        "/agents/{agent}/item-offers/{offer_id}/decline",
        ITEMS,
        "Leave an offered work item to somebody else",
        refusals=("offer-over", "cannot-save"),
    ),
    Order(
        "finish_item",
        "/items/{item_id}/done",
        ITEMS,
        "Say that a work item is done",
        "`agent` is who did it; left out: who has it.",
        refusals=("not-your-item", "item-not-working", "cannot-save"),
    ),
    Order(
        "withdraw_item",
        "/items/{item_id}/withdraw",
        ITEMS,
        "Take a work item back, wherever it is",
        example={"why": "answered by e-mail"},
        refusals=("unknown-item", "item-over", "cannot-save"),
    ),
)

# Who acts is never the agent whose call it is.
ACTOR_NAMED = frozenset(("pick", "supervise", "take_over"))
# A key that is bound to an agent is not a supervisor's.
LEADS_ONLY = frozenset(
    (
        "set_agent_state",
        "acknowledge_alert",
        "voicemail_done",
        "cancel_callback",
        "move_callback",
        "call_back_now",
        "close_queue",
        "open_queue",
        "queue_by_hours",
        "assign",
        "supervise",
        "take_over",
        "staff",
        "reset_staffing",
        "end_wrap_up",
        "add_item",
        "withdraw_item",
    )
)
