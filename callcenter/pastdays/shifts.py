"""The agents' real shifts: when each was there for calls, when not and why, and how phones were
answered.

Of what routing makes of an agent only the agent's own part is kept. Who was made not ready for
letting a phone ring was not there without saying so, from that ringing on until pressing Ready: a
`Lapse`, in which another phone that rings would be let ring, too. Calls that agents placed,
consultations and further legs are other work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from acd import decisions as d
from acd import facts as f
from acd.offers import DECLINED
from acd.rona import NO_ANSWER
from acd.states import FAULT, NOT_READY, OFFLINE, RESERVED, WITH_CALLER, WRAP_UP
from callcenter.pastdays.figures import OTHER_WORK
from cti.virtual.phones import Act

Presence = f.AgentSignedIn | f.AgentSignedOut | f.AgentReady | f.AgentNotReady
_BY_OUTCOME = {"unanswered": Act.IGNORE, "refused": Act.REFUSE}
_BY_REASON = {NO_ANSWER: Act.IGNORE, DECLINED: Act.REFUSE}
AWAY = "our process was away"
LESS_S = 0.5  # an outside phone may answer later than it rings; the virtual ones do not


@dataclass(frozen=True, slots=True)
class Lapse:
    """From `since` to `until` the agent lets the phone ring, or refuses after `after_s`."""

    since: float
    until: float
    act: Act
    after_s: float


@dataclass(slots=True)
class Shifts:
    """Everybody's; `answer_s` are the times from an offer to its answer, by agent."""

    presence: list[tuple[float, Presence]] = field(default_factory=list)
    lapses: dict[str, list[Lapse]] = field(default_factory=dict)
    answer_s: dict[str, list[float]] = field(default_factory=dict)


class Desks:
    """Builds `shifts` from what the engine decided. `is_ours`: whether a call is simulated."""

    def __init__(self, shifts: Shifts, is_ours: Callable[[str], bool]) -> None:
        self._shifts = shifts
        self._is_ours = is_ours
        self._how: dict[str, tuple[str, str]] = {}  # each agent is there, and why not
        self._missed: dict[str, Lapse] = {}  # an offer came to nothing: how long does it go on?
        self._ring_s: dict[str, float] = {}  # by offer

    def offered(self, offer: d.Offer | d.Callback, at: float) -> None:
        """A phone is to ring."""
        if self._is_ours(offer.call):
            self._ring_s[offer.offer] = offer.ring_s

    def offer_ended(self, ended: d.OfferEnded, at: float) -> None:
        """It was answered, or came to nothing; of other work (a chat, a call placed) no matter."""
        ring_s = self._ring_s.pop(ended.offer, None)
        if ring_s is None:
            return
        if ended.outcome == "accepted":
            answer_s = min(ended.lasted_s, max(0.0, ring_s - LESS_S))
            self._shifts.answer_s.setdefault(ended.agent, []).append(answer_s)
        act = _BY_OUTCOME.get(ended.outcome)
        if act is not None:
            self._missed[ended.agent] = Lapse(at - ended.lasted_s, at, act, ended.lasted_s)

    def changed(self, changed: d.AgentChanged, at: float) -> None:
        """An agent's whole state from now on."""
        agent = changed.agent
        missed = self._missed.get(agent)
        if missed is not None:
            if changed.state == NOT_READY and _BY_REASON.get(changed.reason) is missed.act:
                return  # routing made it so: this goes on until the agent says something
            del self._missed[agent]
            if changed.state != NOT_READY or at > missed.until:
                self._lapsed(agent, missed, at)
        how, before = self._how_now(changed), self._how.get(agent, ("out", ""))
        if how == before and missed is None:
            return
        self._how[agent] = how
        if how[0] == "out":
            self._note(at, f.AgentSignedOut(agent))
            return
        if before[0] == "out":
            self._note(at, f.AgentSignedIn(agent))
        here = how[0] == "here"
        self._note(at, f.AgentReady(agent) if here else f.AgentNotReady(agent, how[1]))

    def away(self, since: float, at: float) -> None:
        """Our process was not there: nobody got a call, whatever the agents wanted."""
        here = [agent for agent, how in self._how.items() if how[0] == "here"]
        for moment, fact in ((since, f.AgentNotReady("", AWAY)), (at, f.AgentReady(""))):
            for agent in here:
                self._note(moment, replace(fact, agent=agent))

    def end(self, at: float) -> None:
        """Nothing more is known."""
        for agent, missed in self._missed.items():
            self._lapsed(agent, missed, at)

    def _lapsed(self, agent: str, missed: Lapse, until: float) -> None:
        lapse = Lapse(missed.since, max(missed.until, until), missed.act, missed.after_s)
        self._shifts.lapses.setdefault(agent, []).append(lapse)

    def _note(self, at: float, fact: Presence) -> None:
        self._shifts.presence.append((at, fact))

    def _how_now(self, changed: d.AgentChanged) -> tuple[str, str]:
        """Whether the agent is "here" for calls, "away" and why, or "out"."""
        if changed.state == OFFLINE:
            return "out", ""
        if changed.state in (NOT_READY, FAULT):
            return "away", changed.reason or changed.state
        if changed.state in (RESERVED, *WITH_CALLER, WRAP_UP):
            if changed.leg or not self._is_ours(changed.call):
                return "away", OTHER_WORK
            if changed.intent == OFFLINE:
                return "out", ""
            if changed.intent == NOT_READY:
                return "away", changed.intent_reason or changed.intent
        return "here", ""
