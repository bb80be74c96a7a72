"""One call's record: raw moments, from which every duration and figure is derived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reporting.intervals import Visit
from reporting.segments import Segment

CONNECTED = ("answered", "reached")
TURNED_AWAY = "turned away"
"""Kind and outcome of a "visit" to a queue that did not let the caller in."""


@dataclass(slots=True)
class OfferRecord:
    """One ringing of one agent's phone for a call."""

    offer: str
    agent: str
    queue: str
    at: float
    rang: float | None = None
    ended: float | None = None
    outcome: str = ""  # see acd.decisions.OfferEnded


@dataclass(slots=True)
class Moment:
    """One line of the timeline; `reason` is a routing reason's code and data."""

    at: float
    kind: str
    data: dict[str, Any]
    reason: dict[str, Any] | None = None


@dataclass(slots=True)
class CallRecord:
    """One call with its raw moments (UTC epoch seconds; None is "not yet" or "never")."""

    call_id: str
    arrived: float
    direction: str = "inbound"  # or "callback", "outbound"
    link: str = ""
    trunk: str = ""
    ani: str = ""
    ani_name: str = ""
    dnis: str = ""
    menu: str = ""  # the flow that the call began in
    served: bool = False  # the menu gave the caller what was wanted
    menu_ended: float | None = None
    ended: float | None = None
    ended_by: str = ""
    cause: str = ""
    wrap_up_ended: float | None = None
    customer_id: str = ""
    customer: str = ""  # the name
    disposition: str = ""
    note: str = ""
    asked_in: str = ""  # callbacks: the call in which the number was left
    visits: list[Visit] = field(default_factory=list)
    offers: list[OfferRecord] = field(default_factory=list)
    held: list[tuple[float, float | None]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    parties: dict[str, dict[str, str]] = field(default_factory=dict)  # who a leg is, by its id
    trail: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[Moment] = field(default_factory=list)

    @property
    def queued(self) -> float | None:
        """When the call first entered a queue."""
        return next((v.entered for v in self.visits if v.kind != TURNED_AWAY), None)

    @property
    def answered(self) -> float | None:
        """When an agent first answered."""
        return next((v.left for v in self.visits if v.outcome in CONNECTED), None)

    @property
    def queue(self) -> str:
        """The queue the call was in last."""
        return self.visits[-1].queue if self.visits else ""

    @property
    def agent(self) -> str:
        """Who talked with the caller last."""
        return next((v.agent for v in reversed(self.visits) if v.agent), "")

    @property
    def outcome(self) -> str:
        """What became of the call, or where it is now."""
        if not self.visits:
            return "in menu" if self.ended is None else "ended in menu"
        last = self.visits[-1]
        if last.outcome in CONNECTED and last.ended is None and self.ended is None:
            return "talking"
        return last.outcome or "waiting"

    @property
    def waited_s(self) -> float | None:
        """In all queues together, talking between two of them left out; None while waiting."""
        if self.queued is None or self.visits[-1].left is None:
            return None
        return sum(max(0.0, v.left - v.entered) for v in self.visits if v.left is not None)

    @property
    def talk_s(self) -> float | None:
        talks = [v.talk_s for v in self.visits if v.talk_s is not None]
        return sum(talks) if talks else None

    @property
    def hold_s(self) -> float | None:
        holds = [v.hold_s for v in self.visits if v.hold_s is not None]
        return sum(holds) if holds else None

    @property
    def wrap_up_s(self) -> float | None:
        works = [v.wrap_up_s for v in self.visits if v.wrap_up_s is not None]
        return sum(works) if works else None

    def moments(self) -> dict[str, float | None]:
        """All moments by name."""
        offered = next((offer.at for offer in self.offers), None)
        rang = next((offer.rang for offer in self.offers if offer.rang is not None), None)
        return {
            "arrived": self.arrived,
            "menu_ended": self.menu_ended,
            "queued": self.queued,
            "offered": offered,
            "rang": rang,
            "answered": self.answered,
            "ended": self.ended,
            "wrap_up_ended": self.wrap_up_ended,
        }
