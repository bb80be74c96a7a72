"""What the console needs from the rest of the product, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent_console.protocol import CallDetail, CallRow, Customer, Match, SipAccess


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A request that is not carried out; nothing has changed.

    `code` is stable and in kebab-case; `status` is the HTTP status for REST.
    """

    def __init__(self, code: str, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class CallControl(Protocol):
    """What people do with calls, beyond `Floor`; the same rules hold.

    A call has a caller (the customer), the agent whose call it is, and further legs.
    """

    async def mute(self, agent: str, call_id: str, on: bool) -> None: ...
    async def send_digits(self, agent: str, call_id: str, digits: str) -> None: ...
    async def dial(self, agent: str, number: str, queue: str) -> str:
        """Place a call: the agent's phone rings first. Returns the call's id.

        `queue` gives the number that is shown; "" is the agent's first.
        """
        ...

    async def transfer(self, agent: str, call_id: str, kind: str, to: str) -> None:
        """Give the call away unseen. `kind`: "agent", "queue", "number" or "flow"."""
        ...

    async def consult(self, agent: str, call_id: str, kind: str, to: str) -> str:
        """Ask somebody while the caller waits; in a conference: add somebody.

        `kind`: "agent" or "number". Returns the new leg's id.
        """
        ...

    async def swap(self, agent: str, call_id: str) -> None:
        """Talk with the other of caller and consulted party."""
        ...

    async def complete(self, agent: str, call_id: str) -> None:
        """Leave the caller with the consulted party; also: leave a conference."""
        ...

    async def conference(self, agent: str, call_id: str) -> None:
        """Caller, agent and consulted party talk together."""
        ...

    async def end_leg(self, agent: str, call_id: str, leg_id: str) -> None:
        """Cancel a consultation (back to the caller), or remove somebody from a conference."""
        ...

    async def park(self, agent: str, call_id: str) -> None:
        """Put the caller where anybody may pick the call up; it goes back to its queue in time."""
        ...

    async def pick(self, agent: str, call_id: str) -> None:
        """Take a waiting or parked call out of turn."""
        ...

    async def record(self, agent: str, call_id: str, action: str) -> None:
        """`action`: "start", "stop", "pause" or "resume"."""
        ...

    # supervisors
    async def assign(self, by: str, call_id: str, agent: str) -> None:
        """Offer a waiting or parked call to this agent, out of turn."""
        ...

    async def supervise(self, agent: str, call_id: str, mode: str) -> None:
        """Join somebody's conversation, or change what one does in it.

        `agent` is the supervisor's own agent id, whose phone rings. `mode`: "listen",
        "whisper", "barge"; "off" leaves.
        """
        ...

    async def take_over(self, agent: str, call_id: str) -> None:
        """The supervisor who is in this conversation has the call; its agent is out."""
        ...


class Staffing(Protocol):
    """What supervisors make of agents, live. `by` is the user, or `key:NAME`."""

    async def staff(
        self,
        by: str,
        agent: str,
        queues: Sequence[str] | None,
        skills: Mapping[str, int] | None,
        order: Mapping[str, int] | None,
        reset: bool,
    ) -> None:
        """What the agent does from now on; None leaves a part as it is.

        With `reset` on top of the configuration, else on top of what is in force.
        """
        ...

    async def reset_staffing(self, by: str, agent: str) -> None:
        """The agent does again what the configuration says."""
        ...

    async def end_wrap_up(self, by: str, agent: str) -> None:
        """The agent's after-call work is over."""
        ...


class Items(Protocol):
    """Work items that are no calls: chats, tasks."""

    async def add_item(
        self,
        by: str,
        queue: str,
        title: str,
        link: str,
        item_id: str,
        needs: Mapping[str, int],
        priority: int,
    ) -> str:
        """Let an item wait in a queue for items. Returns its id, a new one for "".

        `link` is http or https, or "". `needs`: skill to least level.
        """
        ...

    async def withdraw_item(self, by: str, item_id: str, why: str) -> None:
        """Nobody needs it done any more, wherever it is."""
        ...

    async def accept_item(self, agent: str, offer_id: str) -> None: ...
    async def decline_item(self, agent: str, offer_id: str) -> None:
        """Somebody else is asked; the agent stays ready."""
        ...

    async def finish_item(self, agent: str, item_id: str) -> None:
        """Done: the agent has room for another one."""
        ...


class Floor(CallControl, Staffing, Items, Protocol):
    """What people do on the floor. Each returns after the journal has it, or raises `Refusal`.

    Each method is at once a verb of the websocket. `agent` is the acting agent's id.
    """

    async def sign_in(self, agent: str, phone: str) -> None:
        """Begin a shift on the given kind of phone: "browser", "desk" or "outside"."""
        ...

    async def sign_out(self, agent: str) -> None: ...
    async def ready(self, agent: str) -> None: ...
    async def not_ready(self, agent: str, reason: str) -> None: ...
    async def decline(self, agent: str, offer_id: str) -> None: ...
    async def hang_up(self, agent: str, call_id: str) -> None: ...
    async def hold(self, agent: str, call_id: str) -> None: ...
    async def retrieve(self, agent: str, call_id: str) -> None: ...
    async def wrap_up(
        self, agent: str, call_id: str, disposition: str, note: str, then: str
    ) -> None:
        """Save the after-call work and end it.

        `then` is "ready", "not_ready" or "" (the intent).
        """
        ...

    async def extend_wrap_up(self, agent: str, by_s: float) -> None: ...
    async def choose_customer(self, agent: str, call_id: str, customer_id: str) -> None: ...
    async def create_customer(self, agent: str, call_id: str, fields: Mapping[str, str]) -> str: ...
    async def console_lost(self, agent: str) -> None:
        """The agent's last console is gone (not signed out)."""
        ...

    async def console_back(self, agent: str) -> None: ...

    # supervisors
    async def set_agent_state(self, by: str, agent: str, state: str, reason: str) -> None:
        """`state`: "ready", "not ready" or "offline"."""
        ...

    async def acknowledge_alert(self, by: str, alert: str) -> None:
        """Say that somebody has seen it; it goes on standing."""
        ...

    async def voicemail_done(self, by: str, recording: str) -> None:
        """A caller's message has been dealt with; its sound stays."""
        ...

    async def cancel_callback(self, by: str, callback: str, why: str) -> None: ...
    async def move_callback(self, by: str, callback: str, due: float) -> None:
        """Call back at `due` (UTC epoch seconds); what the customer was promised stays."""
        ...

    async def call_back_now(self, by: str, callback: str) -> None:
        """Call back as soon as an agent is free."""
        ...

    async def close_queue(self, by: str, queue: str, why: str) -> None:
        """Let nobody into the queue, whatever its hours; who waits is still served."""
        ...

    async def open_queue(self, by: str, queue: str) -> None:
        """Let callers in, whatever the queue's hours."""
        ...

    async def queue_by_hours(self, by: str, queue: str) -> None:
        """The queue opens and closes by its hours again."""
        ...


class Phones(Protocol):
    """Short-lived SIP log-ins for browser phones, and where their SIP goes."""

    async def agent_access(self, agent: str) -> SipAccess: ...
    async def caller_access(self, visitor: str) -> SipAccess: ...

    def sip_url(self, at: str = "") -> str:
        """The websocket that `/sip?at=…` relays to, as the access said; "" where there is none.

        `at` comes from outside.
        """
        ...


class History(Protocol):
    """Finished and live calls, and figures."""

    async def calls(self, *, since: float, until: float, limit: int) -> Sequence[CallRow]: ...
    async def call(self, call_id: str) -> CallDetail | None: ...
    async def intervals(
        self, *, since: float, until: float, minutes: int, queue: str
    ) -> Sequence[dict[str, Any]]:
        """One row per queue and interval: see `reporting.intervals`."""
        ...

    async def intervals_csv(
        self, *, since: float, until: float, minutes: int, queue: str
    ) -> str: ...


class Customers(Protocol):
    async def search(self, text: str, limit: int) -> Sequence[Match]: ...
    async def get(self, customer_id: str) -> Customer | None: ...
    async def add_note(self, customer_id: str, author: str, text: str) -> Customer: ...
    async def import_csv(self, data: bytes) -> dict[str, Any]:
        """{"created": n, "updated": n, "rejected": [{"line": n, "why": "…", "text": "…"}]}"""
        ...

    async def export_csv(self) -> str: ...


@dataclass(frozen=True, slots=True)
class HeldRecording:
    """A recording that can be heard: a wav file. `agent` is whose call it was, by id."""

    recording_id: str
    agent: str
    path: Path


class Recordings(Protocol):
    """What has been recorded, and the book of who hears it."""

    @property
    def agents_hear_own(self) -> bool:
        """Whether the site lets agents hear their own calls."""
        ...

    async def find(self, recording_id: str) -> HeldRecording | None: ...
    async def heard(self, recording_id: str, by: str) -> None:
        """Called before the first byte goes out; returns when it is written down.

        Raises `Refusal` when it cannot be. `by` is the user's id.
        """
        ...


class User(Protocol):
    """Who is logged in. Any object with these attributes will do (a frozen dataclass)."""

    @property
    def user_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str:
        """ "agent", "supervisor" or "admin"; anything else may do nothing."""
        ...

    @property
    def agent_id(self) -> str:
        """The agent whose calls this user takes; "" when the user takes no calls."""
        ...

    @property
    def language(self) -> str: ...


class Accounts(Protocol):
    """Users, passwords and server-side sessions.

    Passwords are checked with argon2 in a thread. A token is random (at least 128 bits), stored
    only as a hash, and dies by age, by idleness, by `end_session` and by `end_sessions_of`.
    Nothing here refuses by raising: None is the answer. Whatever is raised counts as "storage is
    away", and the person is asked to try again.
    """

    async def verify(self, name: str, password: str) -> User | None:
        """The user, or None; an unknown name takes as long as a wrong password."""
        ...

    async def new_session(self, user_id: str) -> str:
        """A fresh session; returns its token."""
        ...

    async def session_user(self, token: str) -> User | None:
        """Whose session this is, with the role of this moment; None when it is over.

        Asked at every request, every verb and every few seconds per console: keep it cheap.
        """
        ...

    async def end_session(self, token: str) -> None:
        """Harmless when there is no such session."""
        ...

    async def end_sessions_of(self, user_id: str) -> None:
        """At a change of role or password, and when a user is shut out."""
        ...
