"""What the engine keeps of one agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd.decisions import AgentChanged
from acd.site import Agent
from acd.staffing import AS_CONFIGURED
from acd.states import NOT_READY, OFFLINE, Intent, State
from acd.timers import NO_TIMER

if TYPE_CHECKING:
    from acd.choice import History
    from acd.items import Desk
    from acd.lines import Line
    from acd.matching import Group
    from acd.presence import Team

IdleKey = tuple[int, float, float, int, "AgentRecord"]
"""The order of a line's idle agents: `Agent.order`, the queue's choice (`acd.choice`), longest
idle, who began to be idle first."""


class AgentRecord:
    """One agent. Read it freely; only the engine writes it.

    `call` and `queue` are the call that rings, talks or is being wrapped up; `leg` is set
    while the agent is (or is being rung for) only a further leg of that call.
    `config` is what is in force, `staffing` what of it a supervisor changed from `configured`.
    `idle_since` is kept while the phone rings, so that a caller who hangs up
    does not cost the agent the place among the idle ones.
    """

    __slots__ = (
        "answer_s",
        "busy_since",
        "call",
        "config",
        "configured",
        "console_out",
        "deadline",
        "desk",
        "extended_s",
        "grace_timer",
        "group",
        "history",
        "id",
        "idle_key",
        "idle_seq",
        "idle_since",
        "intent",
        "intent_reason",
        "leg",
        "level",
        "load",
        "load_at",
        "misses",
        "offer",
        "own_keys",
        "pause_timer",
        "paused_until",
        "phone_up",
        "position",
        "queue",
        "reason",
        "removed",
        "since",
        "staffing",
        "state",
        "team",
        "timer",
        "wanted",
    )

    def __init__(self, config: Agent, group: Group, since: float) -> None:
        self.id = config.id
        self.config = self.configured = config
        self.staffing = AS_CONFIGURED
        self.group = group
        self.state: State = OFFLINE
        self.since = since
        self.reason = ""
        self.intent: Intent = OFFLINE
        self.intent_reason = ""
        self.idle_since: float | None = None
        self.idle_seq = 0
        self.idle_key: IdleKey | None = None  # the usual place in the lines, while idle
        self.own_keys: dict[Line, IdleKey] = {}  # the place in lines with another order
        self.position = 0  # in the configuration
        self.busy_since: float | None = None  # with a call or on a leg of one, or after one
        self.load = 0.0  # the decaying average of busy time at `load_at` (`acd.choice`)
        self.load_at = since
        self.wanted: dict[Line, None] = {}  # lines whose callers wait for this agent alone
        self.history: dict[str, History] = {}  # by queue, where its choice asks for it
        self.call = ""
        self.queue = ""
        self.offer = ""
        self.leg = ""
        self.deadline: float | None = None
        self.timer = NO_TIMER  # the end of the wrap-up
        self.grace_timer = NO_TIMER  # runs after the console was lost
        self.console_out = False  # lost, and the grace is over
        self.phone_up = True
        self.answer_s = 0.0  # what the phone takes to answer beyond its ringing
        self.misses = 0  # calls that rang out, in a row
        self.paused_until: float | None = None  # ready, but not offered anything (RONA)
        self.pause_timer = NO_TIMER
        self.desk: Desk | None = None  # what an agent who takes work items has of them
        self.extended_s = 0.0  # by how much this wrap-up was made longer
        self.removed = False  # no longer configured; goes when the call is over
        self.team: Team | None = None  # where the agent is counted, at `level` (`acd.presence`)
        self.level = 0

    @property
    def is_idle(self) -> bool:
        """Whether calls may be offered: among the idle agents of the lines."""
        return self.idle_key is not None

    def want(self, intent: Intent, reason: str = "") -> None:
        """Set what to become after the call."""
        self.intent = intent
        self.intent_reason = reason if intent == NOT_READY else ""

    def view(self) -> AgentChanged:
        """The whole public state."""
        return AgentChanged(
            self.id,
            self.state,
            self.since,
            self.reason,
            self.intent,
            self.intent_reason,
            self.call,
            self.offer,
            self.deadline,
            self.idle_since,
            self.leg,
        )
