"""What really happened on some days: who called when, for how long, and which agents were there.

From the journal, for running the same callers and shifts again under other circumstances. Of
each caller: when, which queue, how long the caller waited and whether the patience ended then,
and the conversations with their handle times. The agents' part is in `callcenter.pastdays.shifts`.

What is not told apart: a call that changed hands keeps one agent, for the handle time of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Site, SkillNeed
from acd.states import OFFLINE
from callcenter.pastdays.figures import Account
from callcenter.pastdays.reading import Rerun, Step
from callcenter.pastdays.shifts import Desks, Shifts
from reporting.intervals import Limits
from reporting.patience import Wait

LOOK_BEYOND_S = 6 * 3600.0  # how long after the range calls of the range are followed


@dataclass(slots=True)
class Talk:
    """A conversation: talk and hold, then after-call work; `forced`: that was cut by its time."""

    queue: str
    talk_s: float = 0.0
    wrap_up_s: float = 0.0
    forced: bool = False


@dataclass(slots=True)
class Asking:
    """What a caller waits for: at the arrival, or when an agent gave the call to a queue."""

    queue: str
    needs: tuple[SkillNeed, ...]
    priority: int
    at: float
    queued: f.CallQueued | None = None  # with all that the engine was told; None on a transfer
    waited_s: float | None = None  # None: was never in the line
    gave_up: bool = False
    left: str = ""  # "callback" or "withdrawn", by the caller's own wish
    entered: float | None = None  # when the caller waited already as the range began

    @property
    def place(self) -> float | None:
        """The moment of an earlier place that the caller has in the line; None for the last."""
        if self.entered is None and self.queued is not None:
            kept = self.queued.entered
            return kept if kept is not None and kept < self.at else None
        return self.entered


@dataclass(slots=True)
class Callback:
    """The callback that a waiting caller asked for; `talk` is None when it never came to one."""

    due: float | None
    talk: Talk | None = None


@dataclass(slots=True)
class Journey:
    """A caller from the arrival to the end: wait, talk, and again after a transfer."""

    call: str
    number: int  # of the same call's journeys, from 1 on
    waits: list[Asking]
    talks: list[Talk] = field(default_factory=list)
    callback: Callback | None = None
    turned_away: bool = False
    open: bool = True
    after: Journey | None = None  # the same caller's journey before, which led to this one

    @property
    def id(self) -> str:
        """The call's id, with a number for its later journeys."""
        return self.call if self.number == 1 else f"{self.call}#{self.number}"

    @property
    def at(self) -> float:
        """When the caller arrived at the queue."""
        return self.waits[0].at


@dataclass(slots=True)
class Observed:
    """The days between `since` and `until`, and what belongs to them until `end`."""

    since: float
    until: float
    end: float
    site: Site  # in force at the beginning
    account: Account
    journeys: list[Journey] = field(default_factory=list)
    changes: list[tuple[float, f.Fact]] = field(default_factory=list)  # of site and queues
    shifts: Shifts = field(default_factory=Shifts)
    left_out: int = 0  # callbacks that were promised before

    def waits_of(self, queue: str) -> list[Wait]:
        """Every wait for this queue, "" for all, for the patience of its callers."""
        return [
            Wait(one.waited_s, one.gave_up)
            for journey in self.journeys
            for one in journey.waits
            if one.waited_s is not None and queue in ("", one.queue)
        ]

    def talks_of(self, queue: str) -> list[Talk]:
        """Every conversation of this queue, "" for all."""
        return [
            talk
            for journey in self.journeys
            for talk in journey.talks
            if queue in ("", talk.queue) and talk.talk_s > 0.0
        ]

    @property
    def queues(self) -> list[str]:
        """The queues that callers asked for."""
        return sorted({journey.waits[0].queue for journey in self.journeys})


async def observe(
    rerun: Rerun,
    since: float | None,
    until: float,
    limits: Callable[[str], Limits],
    progress: Callable[[float], None] = lambda at: None,
) -> Observed | None:
    """Follow the days between `since` (None: from the first entry on) and `until`.

    None when nothing happened there.
    """
    watching: _Watching | None = None
    at = 0.0
    steps = 0
    async for step in rerun.steps():
        at = step.at
        steps += 1
        if steps % 500 == 0:
            progress(at)
        if watching is None:
            if since is not None and at < since:
                continue
            # The engine has taken this step already: what its fact decided is seen in a moment.
            begin = at if since is None else since
            watching = _Watching(rerun.engine, begin, until, limits, step)
        if at >= until and (not watching.unfinished or at > until + LOOK_BEYOND_S):
            break
        watching.take(step)
    if watching is None or watching.day.since >= until:
        return None
    return watching.finished(at)


class _Watching:
    """Builds `day` step by step."""

    def __init__(
        self,
        engine: Engine,
        since: float,
        until: float,
        limits: Callable[[str], Limits],
        first: Step,
    ) -> None:
        account = Account(since, until, limits)
        self.day = Observed(since, until, until, _site_of(engine), account)
        self._open: dict[str, Journey] = {}  # by call: waits or talks
        self._journeys: dict[str, Journey] = {}  # by call, the latest
        self._wrapping: dict[tuple[str, str], Talk] = {}  # by call and agent
        self._callbacks: dict[str, Callback] = {}
        self._asked: dict[str, Journey] = {}  # may I wait? And not in the line yet
        self._desks = Desks(self.day.shifts, self._is_ours)
        self._on: dict[type, Callable[[Any, float], None]] = {
            f.Resumed: lambda fact, at: self._desks.away(at - fact.away_s, at),
            f.EntryAsked: self._entry_asked,
            f.CallQueued: self._queued,
            f.CallTransferred: self._transferred,
            f.CallbackRequested: self._callback_asked,
            f.Configured: self._changed,
            f.QueueOpened: self._changed,
            f.QueueClosed: self._changed,
            f.AgentStaffed: self._changed,
            d.CallTurnedAway: self._turned_away,
            d.CallLeft: self._left,
            d.SendOn: self._sent_on,
            d.CallCompleted: self._completed,
            d.CallTaken: self._taken,
            d.WrapUpEnded: self._wrapped_up,
            d.Offer: self._desks.offered,
            d.Callback: self._desks.offered,
            d.OfferEnded: self._desks.offer_ended,
            d.AgentChanged: self._desks.changed,
        }
        told = {one.agent for one in first.now if isinstance(one, d.AgentChanged)}
        self._house(engine, since, told)

    def _is_ours(self, call: str) -> bool:
        """Whether the call, or callback, is simulated: it came within the range."""
        return call in self._journeys or call in self._callbacks

    @property
    def unfinished(self) -> bool:
        return bool(self._open or self._wrapping)

    def _house(self, engine: Engine, since: float, told: set[str]) -> None:
        """Who waits and who is there as it begins."""
        for visit in engine.visits():
            if visit.kind == "call" and visit.place in ("waiting", "offered"):
                if visit.entered < since:
                    asking = Asking(visit.queue, (), visit.priority, since)
                    asking.entered = visit.entered
                    self._open[visit.call] = self._begin(visit.call, asking)
            elif visit.kind == "callback":
                self.day.left_out += 1
        for queue in engine.site.queues:
            if engine.closed(queue.id):
                self.day.changes.append((since, f.QueueClosed(queue.id)))
        for agent in engine.agents:
            view = engine.agent_view(agent)
            if view.state != OFFLINE and agent not in told:
                self.day.account.agent(view, since)
                self._desks.changed(view, since)

    def take(self, step: Step) -> None:
        at = step.at
        known = self._on.get(type(step.fact))
        if known is not None:
            known(step.fact, at)
        for written in step.then:
            decision = written.decision()
            if decision is None:
                continue
            self.day.account.decided(decision, at)
            take = self._on.get(type(decision))
            if take is not None:
                take(decision, at)

    def finished(self, at: float) -> Observed:
        day = self.day
        day.end = max(at, day.until)
        self._desks.end(day.end)
        day.journeys = [one for one in day.journeys if _was_there(one)]
        for journey in day.journeys:
            last = journey.waits[-1]
            if journey.open and last.waited_s is None and len(journey.talks) < len(journey.waits):
                last.waited_s = max(0.0, day.end - last.at)  # still there: censored
        return day

    # Callers ---------------------------------------------------------------------------------

    def _begin(self, call: str, asking: Asking) -> Journey:
        before = self._journeys.get(call)
        number = 1 if before is None else before.number + 1
        journey = self._journeys[call] = Journey(call, number, [asking], after=before)
        self.day.journeys.append(journey)
        return journey

    def _entry_asked(self, fact: f.EntryAsked, at: float) -> None:
        if at >= self.day.until or fact.call in self._asked:
            return  # sent from queue to queue at the door: the first is what was asked for
        asking = Asking(fact.queue, fact.needs, fact.priority, at)
        self._asked[fact.call] = self._begin(fact.call, asking)

    def _turned_away(self, away: d.CallTurnedAway, at: float) -> None:
        journey = self._asked.get(away.call)
        if journey is not None and away.kind != "queue":
            journey.turned_away, journey.open = True, False
            del self._asked[away.call]

    def _queued(self, fact: f.CallQueued, at: float) -> None:
        journey = self._asked.pop(fact.call, None)
        if fact.call in self._open:
            return  # told twice
        if journey is None:
            if at >= self.day.until:
                return
            journey = self._begin(fact.call, Asking(fact.queue, fact.needs, fact.priority, at))
        self._open[fact.call] = journey
        journey.waits[0].queued = fact
        journey.waits[0].at = at

    def _transferred(self, fact: f.CallTransferred, at: float) -> None:
        journey = self._open.get(fact.call)
        if journey is None or not journey.talks:
            return
        if fact.queue:
            journey.waits.append(Asking(fact.queue, fact.needs, fact.priority, at))
        else:
            self._over(journey)

    def _callback_asked(self, fact: f.CallbackRequested, at: float) -> None:
        journey = self._open.get(fact.call)
        if journey is not None:
            journey.callback = self._callbacks[fact.callback] = Callback(fact.due)

    def _left(self, left: d.CallLeft, at: float) -> None:
        if left.kind == "callback":
            callback = self._callbacks.get(left.call)
            if callback is not None and left.outcome == "reached":
                callback.talk = self._wrapping[left.call, left.agent] = Talk(left.queue)
            return
        journey = self._open.get(left.call)
        if journey is None:
            return
        wait = journey.waits[-1]
        if left.outcome == "overflowed":
            return  # waits on elsewhere, or is sent on
        wait.waited_s = max(0.0, at - wait.at)
        if left.outcome == "answered":
            talk = Talk(left.queue)
            journey.talks.append(talk)
            self._wrapping[left.call, left.agent] = talk
            return
        wait.gave_up = left.outcome == "abandoned"
        wait.left = left.outcome if left.outcome in ("callback", "withdrawn") else ""
        self._over(journey)

    def _sent_on(self, sent: d.SendOn, at: float) -> None:
        journey = self._open.get(sent.call)
        if journey is not None:
            journey.waits[-1].waited_s = max(0.0, at - journey.waits[-1].at)
            self._over(journey)

    def _completed(self, done: d.CallCompleted, at: float) -> None:
        talk = self._wrapping.get((done.call, done.agent))
        if talk is not None:
            talk.talk_s += done.talk_s + done.hold_s
        journey = self._open.get(done.call)
        if journey is not None and len(journey.waits) == len(journey.talks):
            self._over(journey)

    def _taken(self, taken: d.CallTaken, at: float) -> None:
        talk = self._wrapping.get((taken.call, taken.giver))
        if talk is not None:
            self._wrapping[taken.call, taken.agent] = talk
            journey = self._journeys.get(taken.call)
            if journey is not None:
                journey.open = True
                self._open[taken.call] = journey

    def _wrapped_up(self, ended: d.WrapUpEnded, at: float) -> None:
        talk = self._wrapping.pop((ended.call, ended.agent), None)
        if talk is not None:
            talk.wrap_up_s += ended.wrap_up_s
            talk.forced = talk.forced or ended.forced

    def _over(self, journey: Journey) -> None:
        journey.open = False
        self._open.pop(journey.call, None)

    def _changed(self, fact: f.Fact, at: float) -> None:
        self.day.changes.append((at, fact))


def _was_there(journey: Journey) -> bool:
    """Not so who hung up at the door."""
    first = journey.waits[0]
    return journey.turned_away or first.queued is not None or first.entered is not None


def _site_of(engine: Engine) -> Site:
    """The configuration in force, with what supervisors have changed of it."""
    staffed = tuple(engine.agents[agent.id].config for agent in engine.site.agents)
    return replace(engine.site, agents=staffed)
