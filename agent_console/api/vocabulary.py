"""The public events, version 1: what there is to hear about, for the stream and for webhooks.

An event is JSON: `id`, `type`, `at` (UTC epoch seconds), `sequence` (rising; the journal's number,
with gaps) and `data`. New types and new fields may come within a version; what is here stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

VERSION = 1

# Type: what happened; then the fields of `data` beside `call` (or `agent`, `callback`).
EVENTS: dict[str, str] = {
    "call.arrived": "A call reached a switch and was answered by the menu.",
    "call.queued": "The call waits in a queue's line. `queue`, `priority`.",
    "call.turned_away": "The queue did not let it in. `queue`, `kind` and `target` (where it goes: "
    "queue, flow, voicemail or number), `why`.",
    "call.sent_on": "It waits no longer and goes elsewhere. `queue`, `kind`, `target`, `why`.",
    "call.offered": "An agent's phone is about to ring for it. `agent`, `offer`, `ring_s`, `why`.",
    "call.dialled": "An agent places the call: that phone rings first. `agent`, `number`.",
    "call.ringing": "The agent's phone rings. `agent`, `offer`.",
    "call.offer_ended": "The offer came to nothing. `agent`, `offer`, `outcome`: refused, "
    "unanswered, unreachable or cancelled.",
    "call.answered": "Caller and agent talk. `agent`, `waited_s`.",
    "call.left_queue": "It left the queue otherwise. `queue`, `waited_s`, `outcome`: abandoned, "
    "overflowed, callback, withdrawn, switch lost or expired.",
    "call.held": "The caller hears music.",
    "call.retrieved": "The held caller is talking again.",
    "call.muted": "Nobody hears the agent, or everybody again. `on`.",
    "call.leg_ringing": "A further party's phone rings. `leg`, `agent` (or empty: outside).",
    "call.leg_answered": "A further party is on the line. `leg`, `agent`.",
    "call.leg_failed": "A further party was not reached. `leg`, `agent`, `why`.",
    "call.leg_ended": "A further party is gone; the call goes on. `leg`, `agent`.",
    "call.swapped": "The agent talks with the other of caller and consulted party. `leg`, "
    "`caller_held`.",
    "call.conference": "Three or more talk together.",
    "call.transferred": "The agent gave the call away. `agent` (who did), `onward`: queue, agent, "
    "parked, menu or outside; `to_agent` has it now, if anybody.",
    "call.recording": "A recording began, paused, went on or stopped. `recording`, `state`: "
    "recording, paused or stopped.",
    "call.recorded": "A recording can be heard now. `recording`, `length_s`, `channels`.",
    "call.customer": "Whose call it is became known. `customer_id`.",
    "call.action": "Somebody did something with it. `by` (an agent, a user, or key:NAME), `verb`, "
    "`detail`.",
    "call.voicemail": "The caller left a message for `box`, a queue or another name. `recording`, "
    "`length_s`; it can be heard after `call.recorded`.",
    "call.voicemail_done": "Somebody dealt with it. `recording`, `box`, `by`.",
    "call.ended": "The call is over. `by`: caller, agent, system or switch lost; `cause`, "
    "`answered`, `onward` (where an agent sent it on last), `lasted_s`.",
    "call.disposition": "The agent wrote down how it went. `agent`, `disposition`.",
    "call.wrapped_up": "The after-call work is over. `agent`, `wrap_up_s`, `forced`.",
    "agent.state": "An agent's state changed. `agent`, `state`, `since`, `reason`, `intent`, "
    "`call_id`.",
    "agent.staffing": "What an agent does was changed. `agent`, `queues`, `skills`, `order`: in "
    "force now; `by`, `why`: staffed, staffing-reset or staffing-narrowed (a queue was removed).",
    "item.queued": "A work item waits in its queue's line, anew or again. `item`, `queue`, `work`, "
    "`why`: item-queued, item-declined, item-unanswered, item-call-first, agent-signed-out, …",
    "item.offered": "It is shown to an agent with room for it. `item`, `queue`, `work`, `agent`.",
    "item.working": "The agent accepted it. `item`, `queue`, `work`, `agent`.",
    "item.done": "The agent finished it. `item`, `queue`, `work`, `agent`.",
    "item.withdrawn": "Nobody needs it done any more. `item`, `queue`, `work`, `agent`, `why`.",
    "callback.queued": "A caller is to be called back. `number`, `attempts`, `due`.",
    "callback.due_later": "The caller, or one of us, chose the time `due`.",
    "callback.dialling": "The callback is with an agent and being dialled.",
    "callback.retry": "Nobody was reached; it is tried again at `due`.",
    "callback.reached": "The customer answered.",
    "callback.expired": "Nobody was reached in all attempts.",
    "callback.cancelled": "Nobody needs it any more.",
    "queue.changed": "Callers are let into the queue, or no more. `queue`, `open`, `why`.",
    "alert.raised": "A figure has been beyond its threshold for long enough. `alert`, `rule`, "
    "`figure`, `scope` and `target` (which queue or team, if one), `window`, `value`, `threshold`, "
    "`clear`, `about`.",
    "alert.cleared": "It is well back. `alert`, `scope`, `target`, `value`, `why` (`gone`: nobody "
    "looks any more).",
    "alert.acknowledged": "Somebody has seen it. `alert`, `by`.",
    "switch.up": "A telephone switch can be reached. `switch`.",
    "switch.down": "A telephone switch cannot be reached; its calls go on. `switch`, `why`.",
}

_GROUPS = frozenset(name.partition(".")[0] for name in EVENTS)
_PATTERN = re.compile(r"([a-z]+)\.(\*|[a-z_]+)")


class Event(Protocol):
    """One public event: what filters look at, and its JSON."""

    @property
    def sequence(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def agents(self) -> tuple[str, ...]:
        """Whom it is about: the agent whose call it is, the one who is named, or both."""
        ...

    @property
    def body(self) -> bytes: ...


def is_pattern(text: str) -> bool:
    """Whether this names an event or, such as `call.*`, a group of them."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        return False
    return match[1] in _GROUPS if match[2] == "*" else text in EVENTS


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody wants: each empty field stands for all.

    With `queues`, only what is about those queues' calls comes (not agents' states); with
    `agent`, only that agent's state and calls.
    """

    types: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    agent: str = ""

    def takes(self, event: Event) -> bool:
        """Whether this event is wanted."""
        if self.types and event.type not in self.types:
            group = event.type.partition(".")[0]
            if f"{group}.*" not in self.types:
                return False
        if self.queues and event.queue not in self.queues:
            return False
        return not self.agent or self.agent in event.agents
