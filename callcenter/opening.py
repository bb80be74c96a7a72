"""Queues open and close: by their calendars, to the second, or as a supervisor says.

    calendars ──next change──▶ timer ──▶ QueueOpened, QueueClosed ──▶ engine
    supervisor ──close, open, back to the hours──▶ the same, until it is taken back

What the engine was told last, and what supervisors have said, is folded from the journal: a
restart closes no queue twice, and forgets no word of a supervisor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
import structlog

from acd import facts as f
from callcenter import happenings as h

if TYPE_CHECKING:
    from callcenter.router import Router, Timer

log = structlog.get_logger("callcenter.opening")

LOOK_AGAIN_S = 900.0  # this machine's clock may be put right while we wait
Hours = Literal["open", "closed", "holiday"]


class Calendars(Protocol):
    """What is needed of the site's configuration."""

    def queues(self) -> Iterable[str]:
        """Every queue, by id."""
        ...

    def opening(self, queue: str, utc: float) -> Hours:
        """The state of a queue's calendar at a moment."""
        ...

    def next_opening_change(self, after: float) -> float | None:
        """When the state of some queue's calendar changes next."""
        ...


@dataclass(frozen=True, slots=True)
class Override:
    """A supervisor has said how a queue is, until it is taken back."""

    open: bool
    by: str
    why: str = ""


class Opening:
    """Tells the engine of each queue whether it is open."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars
        self.closed: set[str] = set()  # as the engine was told
        self.overrides: dict[str, Override] = {}
        self._router: Router | None = None
        self._timer: Timer | None = None

    # From the journal ----------------------------------------------------------------------

    def apply(self, entry: object) -> None:
        """Take one journal entry."""
        match entry:
            case f.QueueClosed():
                self.closed.add(entry.queue)
            case f.QueueOpened():
                self.closed.discard(entry.queue)
            case h.QueueOverridden():
                if entry.state == "hours":
                    self.overrides.pop(entry.queue, None)
                else:
                    said = Override(entry.state == "open", entry.by, entry.why)
                    self.overrides[entry.queue] = said

    def snapshot(self) -> dict[str, Any]:
        """All of it, ready to be encoded."""
        said = {queue: asdict(one) for queue, one in self.overrides.items()}
        return {"closed": sorted(self.closed), "overrides": said}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Become what a decoded `snapshot` says."""
        self.closed = set(kept.get("closed", ()))
        self.overrides = msgspec.convert(kept.get("overrides", {}), dict[str, Override])

    # By the clock --------------------------------------------------------------------------

    def begin(self, router: Router) -> None:
        """From now on the queues are kept as they should be."""
        self._router = router
        self.look()

    def look(self) -> None:
        """Bring every queue to what calendar and supervisors say now; wake at the next change.

        Also after a new configuration.
        """
        router = self._router
        if router is None:
            return
        now = router.now()
        known = list(self._calendars.queues())
        self.closed.intersection_update(known)
        for queue in known:
            self._bring(router, queue, now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        change = self._calendars.next_opening_change(now)
        if change is not None:
            wait_s = min(LOOK_AGAIN_S, max(0.0, change - now))
            self._timer = router.later(wait_s, self._due)

    def _due(self) -> None:
        self._timer = None
        try:
            self.look()
        except Exception:
            log.exception("the hours of the queues could not be kept")
            if self._router is not None:
                self._timer = self._router.later(LOOK_AGAIN_S, self._due)

    def _bring(self, router: Router, queue: str, now: float) -> None:
        said = self.overrides.get(queue)
        hours = self._calendars.opening(queue, now)
        is_open = hours == "open" if said is None else said.open
        if is_open == (queue not in self.closed):
            return
        by = "" if said is None else said.by
        if is_open:
            router.act(f.QueueOpened(queue, by))
        else:
            why = "holiday" if hours == "holiday" else "hours"
            router.act(f.QueueClosed(queue, why if said is None else said.why, by))
        router.touch_queue(queue)

    # By a supervisor -----------------------------------------------------------------------

    def is_open(self, queue: str) -> bool:
        """Whether callers are let into the queue."""
        return queue not in self.closed

    def said_by(self, queue: str) -> str:
        """Who has said how the queue is; "" when it follows its hours."""
        said = self.overrides.get(queue)
        return "" if said is None else said.by

    def override(self, queue: str, state: str, by: str, why: str = "") -> None:
        """A supervisor says "open" or "closed", or "hours": by the calendar again."""
        router = self._router
        assert router is not None
        router.note(h.QueueOverridden(queue, state, by, why), router.now())
        self.look()
        router.touch_queue(queue)
