"""The figures of this moment for every queue, agent, team and the site, and the books check.

One look reads the counters (`reporting.live`) and the engine, tells the consoles what has
changed, and has the alerts looked after. It pauses as it goes and takes at most a twentieth of
the time, however large the site is. Everybody who asks in between (the API) is answered from
the same functions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from acd.engine import Engine
from acd.states import OFFLINE, READY
from agent_console.live import SUPERVISOR
from callcenter.bookscheck import apart, engines
from callcenter.metrics import Metrics
from config.site import Site
from reporting.definitions import Moment, definitions, values, values_now
from reporting.figures import Tally
from reporting.live import ROLLING, WINDOWS, LiveFigures, together, window_start
from reporting.records import RecordFold

log = structlog.get_logger("callcenter.figuresnow")

EVERY_S = 1.0
AGENTS_EVERY_S = 15.0
CONTACTS_EVERY_S = 60.0
SHARE_OF_TIME = 20  # a look that takes a second is followed by twenty others'
TURN_S = 0.003  # then others have theirs
SCOPES = ("site", "queue", "team", "agent")
_DIGITS = 3  # of shares and seconds on a console

Windows = dict[str, Tally]
Key = tuple[str, str]  # scope and id


class Store(Protocol):
    """What is needed of `agent_console.live.LiveStore`."""

    def put(self, room: str, key: str, value: Any) -> bool: ...
    def drop(self, room: str, key: str) -> bool: ...
    def keys(self, room: str) -> list[str]: ...


@dataclass(slots=True)
class _Staff:
    signed_in: int = 0
    ready: int = 0


class FiguresNow:
    """Reads, and publishes. `watch` is called after each look (`callcenter.alerting`)."""

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        figures: LiveFigures,
        fold: RecordFold,
        metrics: Metrics,
        site: Callable[[], Site],
        now: Callable[[], float],
        watch: Callable[[FiguresNow], None] = lambda figures: None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._figures = figures
        self._fold = fold
        self._metrics = metrics
        self._site = site
        self.now = now
        self._watch = watch
        self.contacts = Tally()  # of today, as of a minute ago; see `reporting.contacts`
        self.seen: dict[Key, tuple[Windows, Moment]] = {}  # of the last look
        self._agents_at = -AGENTS_EVERY_S
        self._members_of: tuple[Site, dict[str, list[str]]] | None = None

    # Reading -------------------------------------------------------------------------------

    def ids(self, scope: str) -> list[str]:
        """What there are figures of."""
        site = self._site()
        if scope == "site":
            return [""]
        known: Mapping[str, Iterable[str]] = {
            "queue": site.queues,
            "team": site.team_members(),
            "agent": site.agents,
        }
        return list(known[scope])

    def windows(self, scope: str, ident: str) -> Windows:
        """What is counted of it now, in each of `reporting.live.WINDOWS`."""
        now, site = self.now(), self._site()
        if scope == "queue":
            members = self._members(site).get(ident, ())
            times = _times(self._of_agent(agent, now) for agent in members)
            return _with_times(self._figures.windows("queue", ident, now), times)
        if scope == "agent":
            return self._of_agent(ident, now)
        if scope == "team":
            return together(self._of_agent(a, now) for a in site.team_members().get(ident, ()))
        queues = together(self._figures.windows("queue", queue, now) for queue in site.queues)
        times = _times(self._of_agent(agent, now) for agent in site.agents)
        return self._whole(_with_times(queues, times))

    async def several(self, scope: str, idents: Iterable[str]) -> dict[str, tuple[Windows, Moment]]:
        """Windows and moment of each of these, read now and without keeping others waiting."""
        found, staff, turn = {}, self._staff(), _Turn()
        for ident in idents:
            found[ident] = self.windows(scope, ident), self._moment(scope, ident, staff)
            await turn.over()
        return found

    def moment(self, scope: str, ident: str) -> Moment:
        """How it stands now."""
        return self._moment(scope, ident, self._staff())

    def _moment(self, scope: str, ident: str, staff: Mapping[str, _Staff]) -> Moment:
        site = self._site()
        if scope == "queue":
            return self._queue_now(ident, staff.get(ident, _Staff()))
        if scope == "site":
            return self._site_now([self._queue_now(q, staff.get(q, _Staff())) for q in site.queues])
        members = site.team_members().get(ident, ()) if scope == "team" else (ident,)
        return self._team_now(members)

    def since(self, window: str) -> float:
        """When a window begins."""
        now, calendar = self.now(), self._figures.calendar
        if window in ROLLING:
            return window_start(window, now)
        return calendar.start(now) if window == "interval" else calendar.midnight(now)

    def books(self, queue: str) -> dict[str, tuple[int, int]]:
        """Where the engine's books and the records' differ: engine's count and records'."""
        told, counts = self._fold.books, self._engine.counts.get(queue)
        if told is None or counts is None:
            return {}
        return apart(engines(counts), told.get(queue, {}))

    def trust_engine(self) -> None:
        """A snapshot of an older version has no books: they begin as the engine's."""
        if self._fold.books is None:
            self._fold.books = {queue: engines(of) for queue, of in self._engine.counts.items()}

    def _of_agent(self, agent: str, now: float) -> Windows:
        return self._figures.windows("agent", agent, now)

    def _members(self, site: Site) -> Mapping[str, Sequence[str]]:
        """Who serves each queue, as the reports have it."""
        if self._members_of is None or self._members_of[0] is not site:
            members: dict[str, list[str]] = {queue: [] for queue in site.queues}
            for agent in site.agents.values():
                for queue in agent.queues:
                    members.setdefault(queue, []).append(agent.id)
            self._members_of = site, members
        return self._members_of[1]

    def _whole(self, windows: Windows) -> Windows:
        """The site's day also has what is known of all calls together."""
        self.with_contacts(windows["day"], self.contacts)
        return windows

    def with_contacts(self, tally: Tally, contacts: Tally) -> Tally:
        """The site's tally, with what is known of all calls together, and what it cost."""
        tally += contacts
        prices = self._site().reckoning
        hours, minutes = tally.signed_in_s / 3600.0, tally.line_s / 60.0
        tally.cost = hours * prices.agent_hour + minutes * prices.line_minute
        return tally

    def tally_of(
        self, scope: str, ident: str, queues: Mapping[str, Tally], agents: Mapping[str, Tally]
    ) -> Tally:
        """One queue, team or agent, or the site, of what was counted of queues and agents."""
        site = self._site()
        if scope in ("agent", "team"):
            who = (ident,) if scope == "agent" else site.team_members().get(ident, ())
            return _sum(agents.get(agent) for agent in who)
        members: Iterable[str] = site.agents
        lines: Iterable[str] = site.queues
        if scope == "queue":
            members, lines = self._members(site).get(ident, ()), (ident,)
        time = {"": _sum(agents.get(agent) for agent in members)}
        return _with_times({"": _sum(queues.get(queue) for queue in lines)}, time)[""]

    def _staff(self) -> dict[str, _Staff]:
        found: dict[str, _Staff] = {}
        for agent in self._engine.agents.values():
            if agent.state == OFFLINE:
                continue
            for queue in agent.config.queues:
                staff = found.setdefault(queue, _Staff())
                staff.signed_in += 1
                staff.ready += agent.state == READY
        return found

    def _queue_now(self, queue: str, staff: _Staff) -> Moment:
        now = self.now()
        callers = [one for one in self._engine.waiting(queue) if one.kind == "call"]
        first = min((one.entered for one in callers), default=None)
        differences = self.books(queue).values()
        low_s, high_s = self._expected(queue, len(callers), staff)
        return Moment(
            waiting=len(callers),
            longest_wait_s=None if first is None else max(0.0, now - first),
            signed_in=staff.signed_in,
            ready=staff.ready,
            unstaffed=0 if staff.signed_in else len(callers),
            expected_wait_low_s=low_s,
            expected_wait_s=high_s,
            books=max((abs(mine - theirs) for mine, theirs in differences), default=0),
        )

    def _expected(
        self, queue: str, waiting: int, staff: _Staff
    ) -> tuple[float | None, float | None]:
        """For somebody who enters now: nothing when an agent is ready and nobody before."""
        if staff.ready and not waiting:
            return 0.0, 0.0
        found = self._engine.expected_wait(queue, waiting + 1)
        return (None, None) if found is None else (round(found.low_s), round(found.high_s))

    def _site_now(self, queues: Sequence[Moment]) -> Moment:
        here = [agent for agent in self._engine.agents.values() if agent.state != OFFLINE]
        longest = [one.longest_wait_s for one in queues if one.longest_wait_s is not None]
        return Moment(
            waiting=sum(one.waiting for one in queues),
            longest_wait_s=max(longest, default=None),
            signed_in=len(here),
            ready=sum(agent.state == READY for agent in here),
            unstaffed=sum(one.unstaffed for one in queues),
            books=max((one.books for one in queues), default=0),
        )

    def _team_now(self, members: Iterable[str]) -> Moment:
        records = [self._engine.agents.get(agent) for agent in members]
        states = [record.state for record in records if record is not None]
        here = [state for state in states if state != OFFLINE]
        return Moment(signed_in=len(here), ready=here.count(READY))

    # Looking -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look for ever."""
        self._store.put(SUPERVISOR, "definitions", {"figures": definitions()})
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self.look()
            except Exception:
                self._metrics.errors.labels("figures").inc()
                log.exception("figures could not be looked at")
            await asyncio.sleep(max(EVERY_S, SHARE_OF_TIME * (clock() - began)))

    async def look(self) -> None:
        """Read everything once, publish it, and have the alerts looked after."""
        now, site, turn = self.now(), self._site(), _Turn()
        agents: dict[str, Windows] = {}
        for agent in site.agents:
            agents[agent] = self._of_agent(agent, now)
            await turn.over()
        self.seen = seen = await self._read(site, agents, turn)
        for key, (windows, moment) in seen.items():
            self._publish(*key, windows, moment)
            await turn.over()
        if now >= self._agents_at + AGENTS_EVERY_S:
            self._agents_at = now
            for agent, windows in agents.items():
                self._publish("agent", agent, windows, Moment())
                await turn.over()
        self._drop_others({*seen, *(("agent", agent) for agent in agents)})
        await self._measure(seen, turn)
        self._watch(self)

    async def _read(
        self, site: Site, agents: Mapping[str, Windows], turn: _Turn
    ) -> dict[Key, tuple[Windows, Moment]]:
        """Queues, teams and the site; an agent is only read once for all of them."""
        seen: dict[Key, tuple[Windows, Moment]] = {}
        staff, members, now = self._staff(), self._members(site), self.now()
        whole, moments = together(()), []
        for queue in site.queues:
            windows = self._figures.windows("queue", queue, now)
            _add(whole, windows)
            times = _times(agents[agent] for agent in members[queue] if agent in agents)
            moments.append(self._queue_now(queue, staff.get(queue, _Staff())))
            seen["queue", queue] = _with_times(windows, times), moments[-1]
            await turn.over()
        for team, who in site.team_members().items():
            windows = together(())
            for agent in who:
                if agent in agents:
                    _add(windows, agents[agent])
                    await turn.over()
            seen["team", team] = windows, self._team_now(who)
        times = together(())
        for windows in agents.values():
            _add_times(times, windows)
            await turn.over()
        seen["site", ""] = self._whole(_with_times(whole, times)), self._site_now(moments)
        return seen

    def _publish(self, scope: str, ident: str, windows: Windows, moment: Moment) -> None:
        now = values_now(moment, scope)
        now.pop("longest_wait_s", None)  # a console counts on by itself
        entity = {
            "scope": scope,
            "id": ident,
            "label": self._label(scope, ident),
            "now": now,
            "books": {} if scope != "queue" else self.books(ident),
            "windows": {name: values(windows[name], scope, _DIGITS) for name in WINDOWS},
        }
        self._store.put(SUPERVISOR, f"figures:{scope}:{ident}", entity)

    def _label(self, scope: str, ident: str) -> dict[str, str]:
        site = self._site()
        if scope == "agent":
            return dict.fromkeys(site.languages, site.agents[ident].name)
        if scope == "site":
            return dict.fromkeys(site.languages, site.company)
        known = site.queues if scope == "queue" else site.teams
        return dict(known[ident].labels) if ident in known else dict.fromkeys(site.languages, ident)

    def _drop_others(self, there: Iterable[Key]) -> None:
        keep = {f"figures:{scope}:{ident}" for scope, ident in there}
        for key in self._store.keys(SUPERVISOR):
            if key.startswith("figures:") and key not in keep:
                self._store.drop(SUPERVISOR, key)

    async def _measure(self, seen: Mapping[Key, tuple[Windows, Moment]], turn: _Turn) -> None:
        """What Prometheus is told: the last half hour of each queue."""
        gauges = self._metrics.figures
        for (scope, ident), (windows, moment) in seen.items():
            if scope == "queue":
                gauges.tell(
                    ident,
                    moment.longest_wait_s or 0.0,
                    moment.books,
                    values(windows["30"], "queue"),
                )
                await turn.over()
        gauges.keep({ident for scope, ident in seen if scope == "queue"})


class _Turn:
    """Of the event loop: whoever has had it for long enough lets others have theirs."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def over(self) -> None:
        if time.perf_counter() - self._began > TURN_S:
            await asyncio.sleep(0)
            self._began = time.perf_counter()


def _add(sums: Windows, windows: Windows) -> None:
    for name, tally in windows.items():
        sums[name] += tally


def _times(several: Iterable[Windows]) -> Windows:
    """Only the agents' time of several, added up."""
    sums = together(())
    for windows in several:
        _add_times(sums, windows)
    return sums


def _add_times(sums: Windows, windows: Windows) -> None:
    for name, tally in windows.items():
        sum_ = sums[name]
        sum_.busy_s += tally.busy_s
        sum_.ready_s += tally.ready_s
        sum_.signed_in_s += tally.signed_in_s


def _sum(tallies: Iterable[Tally | None]) -> Tally:
    sum_ = Tally()
    for tally in tallies:
        if tally is not None:
            sum_ += tally
    return sum_


def _with_times(windows: Windows, times: Windows) -> Windows:
    """A queue's counts with the time of its agents, who may serve other queues as well."""
    for name, tally in windows.items():
        tally.busy_s, tally.ready_s = times[name].busy_s, times[name].ready_s
        tally.signed_in_s = times[name].signed_in_s
    return windows
