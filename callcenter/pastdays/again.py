"""The same days simulated: the same callers and shifts on the real engine and a virtual switch.

Nothing but the voice menu is left out, as in `callcenter.simulate`. What is known of a caller is
kept: the moment, the wish, the handle time, and the patience of whoever gave up. What is not
known is drawn, from the seed and the caller alone, so that two configurations meet the same
callers: the patience of those who were answered (it was longer than their wait), the handle time
of those who never were, and how fast a phone is answered.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Site
from callcenter.pastdays.figures import Account, Figures
from callcenter.pastdays.observed import Asking, Journey, Observed, Talk
from callcenter.routing import Routing
from cti import commands as c
from cti import events as e
from cti.calls import Place
from cti.virtual.callers import Caller, Customer
from cti.virtual.phones import Act, Reaction
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from reporting.intervals import Limits
from reporting.patience import Patience, Survival, patience_of

NOBODY: Mapping[str, str] = MappingProxyType({})
MOST_BEYOND_S = 12 * 3600.0  # how long after the days the last callers may still be there
DIAL_S = 5.0  # a customer who is called back answers so long after


@dataclass(frozen=True, slots=True)
class Offered:
    """An agent's phone rang for a caller."""

    at: float
    agent: str
    reason: d.Reason


@dataclass(slots=True)
class Simulated:
    """One run: figures by queue ("" for all), offers and the end of each caller's last wait."""

    seed: int
    figures: dict[str, Figures]
    offers: dict[str, list[Offered]]
    ends: dict[str, d.CallLeft | d.CallTurnedAway]


@dataclass(slots=True)
class Habits:
    """What is not known of single callers, learned from all of them, by queue ("" for all)."""

    patience: dict[str, Patience]
    survival: dict[str, Survival]
    talks: dict[str, list[Talk]]

    def outlasting(self, queue: str, waited_s: float, chance: float) -> float:
        """A patience of more than `waited_s`."""
        return (self.survival.get(queue) or self.survival[""]).outlasting(chance, waited_s)

    def talk(self, queue: str, dice: random.Random) -> Talk:
        """A conversation as this queue really had them."""
        known = self.talks.get(queue) or self.talks[""]
        return dice.choice(known) if known else Talk(queue)


def habits_of(day: Observed) -> Habits:
    """Patience and handle times; a queue in which nobody gave up is taken as all together."""
    habits = Habits({}, {}, {"": day.talks_of("")})
    for queue in ("", *day.queues):
        waits = day.waits_of(queue)
        estimate = habits.patience[queue] = patience_of(waits)
        if queue == "" or estimate.mean_s is not None:
            tail_s = math.inf if estimate.mean_s is None else estimate.mean_s
            habits.survival[queue] = Survival(waits, tail_s)
        habits.talks[queue] = day.talks_of(queue)
    return habits


@dataclass(slots=True)
class _Live:
    """A caller who is on the switch."""

    journey: Journey
    dice: random.Random
    waits: int = 0  # that have begun
    talks: int = 0


class _AsAsked:
    """The engine, told of each caller all that it was really told at the arrival."""

    def __init__(self, engine: Engine, queued: Mapping[str, f.CallQueued]) -> None:
        self.engine = engine
        self._queued = queued

    def handle(self, fact: f.Fact, now: float) -> Sequence[d.Decision]:
        if type(fact) is f.CallQueued and (asked := self._queued.get(fact.call)) is not None:
            fact = replace(asked, call=fact.call, queue=fact.queue, entered=fact.entered)
        return self.engine.handle(fact, now)

    def tick(self, now: float) -> Sequence[d.Decision]:
        return self.engine.tick(now)

    def deadline(self) -> float | None:
        return self.engine.deadline()


def simulate_again(
    day: Observed,
    habits: Habits,
    limits: Callable[[str], Limits],
    *,
    site: Site | None = None,
    seed: int = 1,
    shifts: Mapping[str, str] = NOBODY,
) -> Simulated:
    """Simulate `day` from the first caller until the last one is gone.

    `site` None: the configuration as it was, with every change of it. `limits` is what each
    queue promises, `shifts` says who works when whom; everybody else works the own hours.
    """
    return _Run(day, habits, limits, site, seed, shifts).run()


class _Run:
    def __init__(
        self,
        day: Observed,
        habits: Habits,
        limits: Callable[[str], Limits],
        site: Site | None,
        seed: int,
        shifts: Mapping[str, str],
    ) -> None:
        self.day, self.habits, self.site = day, habits, site
        self.seed, self.shifts = seed, shifts
        self.time = VirtualTime(day.since)
        self.engine = Engine(site or day.site)
        self.switch = VirtualSwitch(
            "virtual", self.time, phones=self._phone, customers=self._customer
        )
        skip = {one.id for one in day.journeys if one.waits[0].entered is not None}
        self.account = Account(day.since, day.until, limits, skip)
        queued = {one.id: one.waits[0].queued for one in day.journeys}
        told = _AsAsked(self.engine, {k: v for k, v in queued.items() if v is not None})
        self.routing = Routing(
            told,
            self.switch.execute,
            self._notice,
            other=self._menu,
            wait_order=_wait_order,
            onward=lambda sent: c.TransferCall(sent.call, "elsewhere"),
        )
        self.live: dict[str, _Live] = {}
        self.callbacks: dict[str, Journey] = {}
        self.offers: dict[str, list[Offered]] = {}
        self.ends: dict[str, d.CallLeft | d.CallTurnedAway] = {}
        self._phones: dict[str, random.Random] = {}
        self._all_answers = sorted(s for answers in day.shifts.answer_s.values() for s in answers)
        self.switch.connect(lambda fact: self.routing.on_fact(fact, self.time.time))
        self._on: dict[type, Callable[[Any], None]] = {
            d.Offer: self._offered,
            d.CallLeft: self._left,
            d.CallCompleted: self._completed,
            d.CallTurnedAway: self._turned_away,
        }

    def run(self) -> Simulated:
        day = self.day
        for at, fact in (*self._changes(), *self._presence()):
            self.time.after(at - day.since, self._act, fact)
        for journey in day.journeys:
            self.time.after(journey.at - day.since, self._arrives, journey)
        last = max((day.until, *(journey.at for journey in day.journeys)))
        self.time.run(
            deadline=self.engine.deadline,
            tick=self.routing.tick,
            until=day.end + MOST_BEYOND_S,
            stop=lambda: self.time.time > last and not self.switch.live,
        )
        figures = self.account.figures(agents_of(self.engine.site))
        return Simulated(self.seed, figures, self.offers, self.ends)

    def _changes(self) -> Iterator[tuple[float, f.Fact]]:
        """Of the configuration where everything is as it was; of opening hours anyhow."""
        for at, fact in self.day.changes:
            if self.site is None or isinstance(fact, f.QueueOpened | f.QueueClosed):
                yield at, fact

    def _presence(self) -> Iterator[tuple[float, f.Fact]]:
        """Of all agents of this configuration who were there, or work when somebody was."""
        followers: dict[str, list[str]] = {}
        for agent, like in self.shifts.items():
            followers.setdefault(like, []).append(agent)
        for at, fact in self.day.shifts.presence:
            for agent in (fact.agent, *followers.get(fact.agent, ())):
                if agent in self.engine.agents and self.shifts.get(agent, fact.agent) == fact.agent:
                    yield at, replace(fact, agent=agent)

    def _act(self, fact: f.Fact) -> None:
        self.routing.act(fact, self.time.time)

    # Callers ---------------------------------------------------------------------------------

    def _arrives(self, journey: Journey) -> None:
        """The caller is there; unless what went before has come to something else by now."""
        before = journey.after
        then = self.live.get(before.id) if before is not None else None
        if before is not None and then is not None and bool(before.talks) != bool(then.talks):
            return
        dice = random.Random(f"{self.seed}/{journey.id}")
        self.live[journey.id] = _Live(journey, dice)
        self.switch.call_in(Caller(ani=journey.id), journey.id)

    def _menu(self, fact: e.Fact, now: float) -> None:
        if isinstance(fact, e.CallArrived):
            self._at_the_door(self.live[fact.call_id], now)
        elif isinstance(fact, e.OrderFailed):
            self.switch.execute(c.HangUpCall(fact.call_id, "nowhere to go"))

    def _at_the_door(self, live: _Live, now: float) -> None:
        journey = live.journey
        asking, call = journey.waits[0], journey.id
        queue = asking.queue
        if asking.entered is None:
            for _ in range(len(self.engine.site.queues)):
                asked = f.EntryAsked(call, queue, asking.needs, asking.priority)
                decided = self.routing.act(asked, now)
                away = next((x for x in decided if isinstance(x, d.CallTurnedAway)), None)
                if away is None:
                    break
                if away.kind != "queue":
                    self.switch.execute(c.HangUpCall(call, "turned away"))
                    return
                queue = away.target
        self.routing.queue_call(
            call,
            queue,
            now,
            needs=asking.needs,
            priority=asking.priority,
            entered=asking.place,
            visit_after_s=0.0,
        )
        self._waits(live, asking)

    def _waits(self, live: _Live, asking: Asking) -> None:
        """From now on the caller waits, and does something about it one day."""
        live.waits += 1
        patience_s = self._patience_s(live, asking)
        if patience_s != math.inf:
            self.time.after(patience_s, partial(self._gives_up, live.waits), live)
        if asking.left and asking.waited_s is not None:
            self.time.after(asking.waited_s, partial(self._leaves, live.waits, asking), live)

    def _patience_s(self, live: _Live, asking: Asking) -> float:
        chance = 1.0 - live.dice.random()
        if asking.gave_up and asking.waited_s is not None:
            return asking.waited_s
        return self.habits.outlasting(asking.queue, asking.waited_s or 0.0, chance)

    def _still_waits(self, live: _Live, wait: int) -> Place | None:
        look = self.switch.look(live.journey.id)
        mine = look is not None and live.waits == wait and live.talks < wait
        return look[0] if look is not None and mine else None

    def _gives_up(self, wait: int, live: _Live) -> None:
        if self._still_waits(live, wait) in (Place.WAITING, Place.RINGING, Place.ENTRY):
            self.switch.caller_hangs_up(live.journey.id)

    def _leaves(self, wait: int, asking: Asking, live: _Live) -> None:
        """What the caller really chose at this moment, unless a phone rings by now."""
        if self._still_waits(live, wait) is not Place.WAITING:
            return
        call, now = live.journey.id, self.time.time
        if asking.left == "withdrawn":
            self.routing.act(f.CallWithdrawn(call, "elsewhere"), now)
        else:
            callback = f"callback-{call}"
            self.callbacks[callback] = live.journey
            asked = live.journey.callback
            due = asked.due if asked is not None else None
            self.routing.act(f.CallbackRequested(call, callback, callback, due), now)
        self.switch.execute(c.HangUpCall(call, asking.left))

    def _customer(self, number: str) -> Customer:
        journey = self.callbacks.get(number)
        talk = journey.callback.talk if journey is not None and journey.callback else None
        if talk is None:
            return Customer("no answer", DIAL_S)
        return Customer("answer", DIAL_S, max(1.0, talk.talk_s))

    # Conversations ---------------------------------------------------------------------------

    def _talk(self, live: _Live, number: int) -> Talk:
        """The caller's conversation of this number (from 0): the real one, or one of the queue."""
        journey = live.journey
        if number < len(journey.talks) and journey.talks[number].talk_s > 0.0:
            return journey.talks[number]
        if journey.callback is not None and journey.callback.talk is not None:
            return journey.callback.talk
        queue = journey.waits[min(number, len(journey.waits) - 1)].queue
        return self.habits.talk(queue, random.Random(f"{self.seed}/{journey.id}/{number}"))

    def _left(self, left: d.CallLeft) -> None:
        live = self.live.get(left.call)
        if live is None:
            return
        self.ends[left.call] = left
        if left.outcome == "answered":
            live.talks += 1
            talk = self._talk(live, live.talks - 1)
            self.time.after(talk.talk_s, partial(self._talked, live.talks), live)

    def _talked(self, talk: int, live: _Live) -> None:
        """The conversation is over: for good, or the caller waits in another queue."""
        call, now = live.journey.id, self.time.time
        if live.talks != talk:
            return
        if talk < len(live.journey.waits) and talk <= len(live.journey.talks):
            asking = live.journey.waits[talk]
            if asking.queue in {queue.id for queue in self.engine.site.queues}:
                given = f.CallTransferred(call, asking.queue, "", asking.needs, asking.priority)
                self.routing.transfer(given, _wait_order(call, asking.queue, now), now)
                self._waits(live, asking)
                return
        self.switch.caller_hangs_up(call)

    def _completed(self, done: d.CallCompleted) -> None:
        live = self.live.get(done.call)
        journey = self.callbacks.get(done.call)
        if live is not None:
            talk = self._talk(live, live.talks - 1)
        elif journey is not None and journey.callback is not None:
            talk = journey.callback.talk or Talk(done.queue)
        else:
            return
        allowed_s = next(
            (one.wrap_up_s for one in self.engine.site.queues if one.id == done.queue), None
        )
        wrap_up_s = talk.wrap_up_s
        if talk.forced and allowed_s is not None:
            wrap_up_s = max(wrap_up_s, allowed_s)  # cut then: it takes what it is given
        self.time.after(wrap_up_s, self._wrapped_up, (done.agent, done.call))

    def _wrapped_up(self, what: tuple[str, str]) -> None:
        agent, call = what
        record = self.engine.agents.get(agent)
        if record is not None and record.state == "wrap-up" and record.call == call:
            self.routing.act(f.WrapUpDone(agent), self.time.time)

    # Phones, and what is told ----------------------------------------------------------------

    def _phone(self, agent: str) -> Reaction:
        like = self.shifts.get(agent, agent)
        now = self.time.time
        for lapse in self.day.shifts.lapses.get(like, ()):
            if lapse.since <= now < lapse.until:
                return Reaction(lapse.act, lapse.after_s if lapse.act is Act.REFUSE else 0.0)
        dice = self._phones.get(agent)
        if dice is None:
            dice = self._phones[agent] = random.Random(f"{self.seed}/{agent}")
        answers = self.day.shifts.answer_s.get(like) or self._all_answers
        return Reaction(Act.ANSWER, dice.choice(answers) if answers else 0.0)

    def _notice(self, decision: d.Decision) -> None:
        self.account.decided(decision, self.time.time)
        take = self._on.get(type(decision))
        if take is not None:
            take(decision)

    def _turned_away(self, away: d.CallTurnedAway) -> None:
        self.ends[away.call] = away

    def _offered(self, offer: d.Offer) -> None:
        told = Offered(self.time.time, offer.agent, offer.reason)
        self.offers.setdefault(offer.call, []).append(told)


def agents_of(site: Site) -> dict[str, list[str]]:
    """Who serves each queue."""
    return {
        queue.id: [agent.id for agent in site.agents if queue.id in agent.queues]
        for queue in site.queues
    }


def _wait_order(call: str, queue: str, entered: float) -> c.StartWaiting:
    """Music, and nothing between."""
    return c.StartWaiting(call, queue, entered, visit_after_s=0.0)
