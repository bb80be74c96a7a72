"""What the API needs of the rest of the product, handed in by the composition root."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent_console.api.vocabulary import Event
from agent_console.live import LiveStore
from agent_console.ports import Customers, Floor, History, Recordings


class Key(Protocol):
    """A program's key. Moments are UTC epoch seconds; `agent` "" acts for everybody."""

    @property
    def key_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def agent(self) -> str: ...
    @property
    def expires(self) -> float | None: ...
    @property
    def revoked(self) -> float | None: ...


class Keys(Protocol):
    async def verify(self, text: str) -> Key | None:
        """The key, also an expired or revoked one; None when there is no such key."""
        ...


class Answered(Protocol):
    """What an order came to; `status` 0: nobody knows."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class Answers(Protocol):
    """Orders that carried an idempotency key, kept over restarts for 24 hours."""

    async def begin(self, key_id: str, name: str, fingerprint: str) -> Answered | None:
        """None: written down, carry it out. Raises `Refusal` when there are too many."""
        ...

    async def finish(self, key_id: str, name: str, status: int, body: bytes) -> None: ...
    async def forget(self, key_id: str, name: str) -> None: ...


class CallsNow(Protocol):
    """The calls of this moment, as `agent_console.api.shapes.Call` and `Record` say."""

    def live(self) -> Sequence[dict[str, Any]]: ...
    def one(self, call_id: str) -> dict[str, Any] | None: ...
    def callbacks(self) -> Sequence[dict[str, Any]]:
        """All that are open, as `agent_console.api.shapes.CallbackRow` says."""
        ...

    def voicemails(self) -> Sequence[dict[str, Any]]:
        """Those nobody has dealt with, as `agent_console.api.shapes.VoicemailRow` says."""
        ...

    def why(self, call_id: str) -> Mapping[str, Any] | None:
        """Why the call waits, or is with whom it is: `code`, `data`, and `text` by language.

        None where there is nothing to say.
        """
        ...

    def record(self, call_id: str) -> Mapping[str, Any] | None:
        """The customer record that the call shows; None for a call that is not live."""
        ...


class ItemsNow(Protocol):
    """The open work items, as `agent_console.api.shapes.Item` says."""

    def all(self, queue: str, agent: str, limit: int) -> Sequence[dict[str, Any]]:
        """Oldest first; "" is for all queues, and for whoever has them."""
        ...

    def one(self, item_id: str) -> dict[str, Any] | None: ...


class Figures(Protocol):
    """Figures and alerts, as `agent_console.api.shapes.FigureRow` and `Alert` say."""

    def definitions(self) -> Sequence[dict[str, Any]]: ...
    async def now(self, scope: str, ident: str, window: str) -> Sequence[dict[str, Any]]:
        """Of one, or with `ident` "" of all of this scope."""
        ...

    async def past(
        self, scope: str, ident: str, since: float, until: float
    ) -> Sequence[dict[str, Any]]: ...
    def alerts(self) -> Sequence[dict[str, Any]]: ...


class Reader(Protocol):
    """One program's place in the stream of events."""

    @property
    def position(self) -> int: ...
    async def next(self, limit: int = ...) -> Sequence[Event]: ...
    async def wait(self, timeout_s: float) -> bool: ...


class Feed(Protocol):
    """The stream of events."""

    @property
    def last(self) -> int: ...
    async def oldest(self) -> int:
        """The number from which on everything is still known."""
        ...

    def reader(self, after: int | None = None) -> Reader: ...


class Webhooks(Protocol):
    """Subscriptions as plain dicts (`agent_console.api.shapes.Webhook`); refuses by `Refusal`."""

    async def all(self) -> Sequence[dict[str, Any]]: ...
    async def get(self, webhook_id: str) -> dict[str, Any]: ...
    async def create(self, given: Mapping[str, Any], by: str) -> dict[str, Any]: ...
    async def change(self, webhook_id: str, given: Mapping[str, Any]) -> dict[str, Any]: ...
    async def delete(self, webhook_id: str) -> None: ...
    async def rotate(self, webhook_id: str) -> dict[str, Any]: ...
    async def drop_old_secret(self, webhook_id: str) -> dict[str, Any]: ...
    async def ping(self, webhook_id: str) -> dict[str, Any]: ...
    async def letters(
        self, webhook_id: str, after: int, limit: int
    ) -> Sequence[dict[str, Any]]: ...
    async def resend(self, webhook_id: str, letter_id: int) -> dict[str, Any]: ...
    async def drop_letter(self, webhook_id: str, letter_id: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Bounds. Times in seconds, sizes in bytes."""

    requests_per_minute: int = 600  # of one key; as many at once
    wrong_keys_per_minute: int = 30  # from one address
    body_limit: int = 64 * 1024
    body_within_s: float = 30.0
    sockets_per_key: int = 10
    sockets_in_all: int = 500
    slow_after_s: float = 15.0
    position_every_s: float = 20.0
    check_key_every_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPorts:
    """`note(by, agent, verb)` writes down who did something for an agent outside any call."""

    keys: Keys
    answers: Answers
    floor: Floor
    calls: CallsNow
    items: ItemsNow
    history: History
    customers: Customers
    live: LiveStore
    feed: Feed
    webhooks: Webhooks
    note: Callable[[str, str, str], None]
    figures: Figures
    recordings: Recordings | None = None
    version: str = "1"
    settings: ApiSettings = field(default_factory=ApiSettings)
    clock: Callable[[], float] = time.time
