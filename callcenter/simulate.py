"""`callcenter simulate`: the real engine on the virtual switch, in virtual time.

Nothing is bypassed: virtual callers arrive on `cti.virtual.VirtualSwitch`, its facts pass
`callcenter.routing`, the engine decides, its orders go back to the switch. Only the voice menu
is left out: each caller enters the queue on arrival.

With Poisson arrivals and exponential handling this must reproduce Erlang C, and with
exponential patience Erlang A (`reporting.erlang`). The first calls find an empty house: give
`warm_up_calls` to leave them out of the figures when the run is short. Agents' time is counted
until the last call arrives, so that the emptying house does not count as idle time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Agent, Queue, Site
from callcenter.routing import Routing
from cti import commands as c
from cti import events as e
from cti.virtual.callers import Caller, poisson
from cti.virtual.phones import Phones
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch
from reporting.figures import Tally, abandon_rate, asa, occupancy, service_levels
from reporting.intervals import BUSY

QUEUE = "queue"
AT_THE_DOOR = frozenset({"closed", "nobody", "full", "expected-wait"})
_BUSY, _READY = 1, 2
_KIND = {**dict.fromkeys(BUSY, _BUSY), "ready": _READY}


@dataclass(frozen=True, slots=True)
class Params:
    """What is simulated. Durations in seconds; `patience_s` None: nobody gives up."""

    arrivals_per_hour: float = 200.0
    handle_time_s: float = 180.0
    agents: int = 12
    calls: int = 200_000
    threshold_s: float = 20.0
    seed: int = 1
    patience_s: float | None = None
    wrap_up_s: float = 0.0
    short_abandon_s: float = 5.0
    warm_up_calls: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What came out; every share is between 0 and 1, None where nothing was counted."""

    offered: int
    answered: int
    abandoned: int
    abandon_rate: float | None
    mean_wait_s: float | None
    mean_wait_answered_s: float | None
    occupancy: float | None
    probability_of_wait: float | None
    service_level: dict[str, float | None]
    seed: int
    wall_s: float
    cpu_s: float
    calls_per_s: float  # by the wall clock
    calls_per_cpu_s: float  # of one core
    virtual_s: float


@dataclass(slots=True)
class Counter:
    """Folds the engine's notices into a tally and the agents' time by state.

    `on_left` is shown every counted `CallLeft`, for tests that need more than sums.
    """

    params: Params
    tally: Tally = field(default_factory=Tally)
    on_left: Callable[[d.CallLeft], None] | None = None
    skipped: set[str] = field(default_factory=set)
    counting: bool = False  # the warm-up is over
    timing: bool = False  # ... and calls still arrive
    busy_s: float = 0.0
    ready_s: float = 0.0
    _busy: int = 0
    _ready: int = 0
    _kind: dict[str, int] = field(default_factory=dict)
    _since: float = 0.0

    def entered(self, call: str) -> None:
        """A caller enters the queue; those of the warm-up are remembered as not counted."""
        if self.counting:
            self.tally.offered += 1
        else:
            self.skipped.add(call)

    def left(self, notice: d.CallLeft) -> None:
        if self.skipped and notice.call in self.skipped:
            self.skipped.discard(notice.call)
            return
        params = self.params
        self.tally.leave(
            notice.outcome,
            notice.waited_s,
            threshold_s=params.threshold_s,
            short_s=params.short_abandon_s,
        )
        if self.on_left is not None:
            self.on_left(notice)

    def agent(self, notice: d.AgentChanged, now: float) -> None:
        kind = _KIND.get(notice.state, 0)
        before = self._kind.get(notice.agent, 0)
        if before == kind:
            return
        self._kind[notice.agent] = kind
        self.elapse(now)
        self._busy += (kind == _BUSY) - (before == _BUSY)
        self._ready += (kind == _READY) - (before == _READY)

    def elapse(self, now: float) -> None:
        """Give the time since the last change to the states the agents were in."""
        passed = now - self._since
        self._since = now
        if self.timing:
            self.busy_s += passed * self._busy
            self.ready_s += passed * self._ready


class Simulation:
    """One run: a site, its agents, and callers one after the other.

    Without a `site` there is one queue, and `params.agents` serve it. With one, `callers` are
    to be given too: each enters the queue that is called as the number dialled (`Caller.dnis`),
    or the one where its rules send the caller; who is sent elsewhere hangs up uncounted.
    `self.counter` counts all queues together; its `on_left` sees each call.
    """

    def __init__(
        self,
        params: Params,
        *,
        phones: Phones | None = None,
        callers: Iterator[tuple[float, Caller]] | None = None,
        site: Site | None = None,
    ) -> None:
        self.params = params
        self.time = VirtualTime()
        self.engine = Engine(site or one_queue(params))
        self.switch = VirtualSwitch("virtual", self.time, phones=phones)
        self.counter = Counter(params)
        self._notices: dict[type, Callable[[Any], None]] = {
            d.CallLeft: self.counter.left,
            d.AgentChanged: self._agent_changed,
            d.CallCompleted: self._completed,
            d.Refused: self._refused,
        }
        self.routing = Routing(
            self.engine, self.switch.execute, self._notice, other=self._menu_fact
        )
        self.switch.connect(self._sink)
        for agent in self.engine.agents:
            self.routing.act(f.AgentSignedIn(agent), 0.0)
            self.routing.act(f.AgentReady(agent), 0.0)
        self.arrived = 0
        rules = [rule for queue in self.engine.site.queues for rule in queue.rules]
        self._doors = any(rule.when in AT_THE_DOOR for rule in rules)
        self._callers = callers or poisson(
            params.seed,
            per_hour=params.arrivals_per_hour,
            talk_s=params.handle_time_s,
            patience_s=params.patience_s,
            dnis=QUEUE,
        )
        if params.warm_up_calls == 0:
            self._begin_counting()
        self._next_caller(None)

    def run(self, *, progress: Callable[[int], None] | None = None) -> Result:
        """Run to the last call's end. `progress` is told how many calls have arrived."""
        began, spent = time.perf_counter(), time.process_time()
        total = self.params.calls + self.params.warm_up_calls
        for part in range(1, 201 if progress is not None else 2):
            goal = total * part // 200 if progress is not None else 0
            stop = (lambda goal=goal: self.arrived >= goal) if goal and goal < total else None
            self.time.run(deadline=self.engine.deadline, tick=self.routing.tick, stop=stop)
            if progress is not None:
                progress(self.arrived)
        return self._result(time.perf_counter() - began, time.process_time() - spent)

    def _sink(self, fact: e.Fact) -> None:
        self.routing.on_fact(fact, self.time.time)

    def _menu_fact(self, fact: e.Fact, now: float) -> None:
        if type(fact) is e.CallArrived:
            call, queue = fact.call_id, fact.dnis
            if self._doors and (queue := self._let_in(call, queue, now)) == "":
                self.switch.execute(c.HangUpCall(call, "turned away"))
                return
            self.counter.entered(call)
            self.routing.queue_call(call, queue, now, visit_after_s=0.0)

    def _let_in(self, call: str, queue: str, now: float) -> str:
        """The queue that lets the caller wait; "" when the way ends elsewhere."""
        while True:
            decided = self.routing.act(f.EntryAsked(call, queue), now)
            away = next((x for x in decided if isinstance(x, d.CallTurnedAway)), None)
            if away is None:
                return queue
            if away.kind != "queue":
                return ""
            queue = away.target

    def _notice(self, decision: d.Decision) -> None:
        take = self._notices.get(type(decision))
        if take is not None:
            take(decision)

    def _refused(self, refused: d.Refused) -> None:
        raise AssertionError(f"the engine refused a fact: {refused}")

    def _agent_changed(self, notice: d.AgentChanged) -> None:
        self.counter.agent(notice, self.time.time)

    def _completed(self, notice: d.CallCompleted) -> None:
        self.counter.tally.handle(notice.talk_s, notice.hold_s, 0.0)

    def _next_caller(self, caller: Caller | None) -> None:
        params = self.params
        if caller is not None:
            if self.arrived == params.warm_up_calls and not self.counter.counting:
                self._begin_counting()
            self.arrived += 1
            self.switch.call_in(caller)
        if self.arrived < params.calls + params.warm_up_calls:
            gap, following = next(self._callers)
            self.time.after(gap, self._next_caller, following)
        else:
            self.counter.elapse(self.time.time)
            self.counter.timing = False

    def _begin_counting(self) -> None:
        self.counter.elapse(self.time.time)
        self.counter.counting = self.counter.timing = True

    def _result(self, wall_s: float, cpu_s: float) -> Result:
        tally, params = self.counter.tally, self.params
        left = tally.answered + tally.abandoned + tally.flowed_out
        return Result(
            offered=tally.offered,
            answered=tally.answered,
            abandoned=tally.abandoned,
            abandon_rate=abandon_rate(tally),
            mean_wait_s=tally.wait_s / left if left else None,
            mean_wait_answered_s=asa(tally),
            occupancy=occupancy(self.counter.busy_s, self.counter.ready_s),
            probability_of_wait=tally.waited / left if left else None,
            service_level=service_levels(tally),
            seed=params.seed,
            wall_s=round(wall_s, 3),
            cpu_s=round(cpu_s, 3),
            calls_per_s=round(self.arrived / wall_s, 1) if wall_s > 0 else 0.0,
            calls_per_cpu_s=round(self.arrived / cpu_s, 1) if cpu_s > 0 else 0.0,
            virtual_s=self.time.time,
        )


def one_queue(params: Params) -> Site:
    """The site of `params`: everybody serves the one queue."""
    return Site(
        queues=(Queue(QUEUE, wrap_up_s=params.wrap_up_s),),
        agents=tuple(Agent(f"agent-{n}", queues=(QUEUE,)) for n in range(1, params.agents + 1)),
    )


def run_simulation(params: Params, *, progress: Callable[[int], None] | None = None) -> Result:
    """Simulate; raises ValueError for parameters that make no sense."""
    check(params)
    return Simulation(params).run(progress=progress)


def check(params: Params) -> None:
    """ValueError when a parameter makes no sense."""
    if params.arrivals_per_hour <= 0 or params.handle_time_s <= 0:
        raise ValueError("arrivals per hour and handle time must be above 0")
    if params.agents < 1 or params.calls < 1:
        raise ValueError("there must be at least one agent and one call")
    if params.patience_s is not None and params.patience_s <= 0:
        raise ValueError("patience must be above 0; leave it out for endless patience")
    if params.threshold_s < 0 or params.wrap_up_s < 0 or params.warm_up_calls < 0:
        raise ValueError("threshold, wrap-up and warm-up cannot be negative")


def simulate(
    arrivals_per_hour: Annotated[float, typer.Option(help="Calls per hour, on average.")] = 200.0,
    handle_time_s: Annotated[float, typer.Option(help="Mean talk time.")] = 180.0,
    agents: Annotated[int, typer.Option(help="Agents on duty.")] = 12,
    calls: Annotated[int, typer.Option(help="How many calls to simulate.")] = 200_000,
    threshold_s: Annotated[float, typer.Option(help="Service-level threshold.")] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same calls.")] = 1,
    patience_s: Annotated[
        float | None, typer.Option(help="Mean patience; left out, nobody gives up.")
    ] = None,
    wrap_up_s: Annotated[float, typer.Option(help="After-call work, the same each time.")] = 0.0,
    short_abandon_s: Annotated[float, typer.Option(help="Shorter waits are short abandons.")] = 5.0,
    warm_up_calls: Annotated[int, typer.Option(help="First calls, not counted.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Simulate a queue with the real routing engine, thousands of times faster than real."""
    params = Params(
        arrivals_per_hour,
        handle_time_s,
        agents,
        calls,
        threshold_s,
        seed,
        patience_s,
        wrap_up_s,
        short_abandon_s,
        warm_up_calls,
    )
    try:
        check(params)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        print(json.dumps(asdict(run_simulation(params))))
        return
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("calls", total=calls + warm_up_calls)
        result = run_simulation(params, progress=lambda done: bar.update(task, completed=done))
    console.print(_table(params, result))


def _table(params: Params, result: Result) -> Table:
    table = Table(
        title=f"{params.agents} agents, {params.arrivals_per_hour:g} calls/h, "
        f"{params.handle_time_s:g} s each"
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    rows: dict[str, object] = asdict(result)
    levels = rows.pop("service_level")
    assert isinstance(levels, dict)
    for name, value in [*rows.items(), *((f"service level, {k}", v) for k, v in levels.items())]:
        shown = "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), shown)
    return table
