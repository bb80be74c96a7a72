"""One random day: the real engine and routing on the virtual switch, watched at every step."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.invariants import Broken, CheckedEngine
from acd.site import Site
from callcenter import happenings as h
from callcenter.randomdays.agents import Agents
from callcenter.randomdays.callers import Callers
from callcenter.randomdays.plan import CALM_AT_S, Happening, Plan, plan_of
from callcenter.randomdays.sites import calls_of
from callcenter.randomdays.supervisor import Supervisor
from callcenter.randomdays.watch import Watch
from callcenter.randomdays.work import Work
from callcenter.routing import Routing
from cti import commands as c
from cti import events as e
from cti.virtual.scheduling import VirtualTime
from cti.virtual.switch import VirtualSwitch

DRAINED_BY_S = 12_000.0


class Violation(AssertionError):  # noqa: N818 - it is what it is called
    """Something that must always hold did not. Says how to see it again.

    `rule` is what was broken without the particulars, to recognise it in a smaller day.
    """

    def __init__(self, seed: int, at: float, rule: str, what: str) -> None:
        super().__init__(
            f"seed {seed}, {at:.3f} s: {rule}: {what}\nreplay: callcenter seeds {seed}"
        )
        self.seed, self.at, self.rule = seed, at, rule

    def __reduce__(self) -> tuple[Callable[..., Violation], tuple[object, ...]]:
        return _violation_again, (self.seed, self.at, self.rule, str(self))


def _violation_again(seed: int, at: float, rule: str, text: str) -> Violation:
    again = Violation(seed, at, rule, "")
    again.args = (text,)
    return again


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a day came to. `met` counts what was decided, such as "CallLeft answered"."""

    steps: int
    met: Counter[str]


class _Journaling(CheckedEngine):
    """Remembers what the engine was told: folded again it must give the same engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.journal: list[tuple[f.Fact, float]] = []

    def handle(self, fact: f.Fact, now: float) -> list[d.Decision]:
        self.journal.append((fact, now))
        return super().handle(fact, now)


class Day:
    """Plays a plan. `trace` is told every fact, order and decision.

    `engine_of` makes the engine; the tests plant bugs with it.
    """

    def __init__(
        self,
        plan: Plan | int,
        *,
        trace: Callable[[float, object], None] | None = None,
        engine_of: Callable[[Site], Engine] = Engine,
    ) -> None:
        self.plan = plan if isinstance(plan, Plan) else plan_of(plan)
        self.site = self.plan.site  # as it is at first: the queues' and agents' names stay
        self.queues = calls_of(self.site)
        self.time = VirtualTime()
        self.calm = False
        self.steps = 0
        self.met: Counter[str] = Counter()
        self._trace = trace
        self._fates: dict[str, random.Random] = {}
        self._engine_of = engine_of
        self.engine = engine_of(self.site)
        self.checked = _Journaling(self.engine)
        self.callers = Callers(self)
        self.agents = Agents(self)
        self.supervisor = Supervisor(self)
        self.work = Work(self)
        self.switch = VirtualSwitch(
            "v", self.time, phones=self.agents.rung, customers=self.callers.dialled
        )
        self.routing = Routing(
            self.checked,
            self.execute,
            self._notice,
            other=self.callers.menu,
            in_session=self.callers.led_away,
        )
        self.watch = Watch(self)
        self.switch.connect(self.sink)
        self.time.soon(self.agents.begin)
        for happening in self.plan.happenings:
            self.time.after(happening.at_s, self._happens, happening)
        self.time.after(CALM_AT_S, self.supervisor.calm_down)
        self.time.after(CALM_AT_S, self.agents.calm_down)

    def run(self) -> Outcome:
        """The whole day; raises `Violation`."""
        try:
            self.time.run(
                deadline=self.checked.deadline,
                tick=self.routing.tick,
                until=DRAINED_BY_S,
                after_each=self._after_step,
            )
            self.work.finish()
        except Violation:
            raise
        except Exception as error:
            rule = error.first.invariant if isinstance(error, Broken) else type(error).__name__
            raise Violation(self.plan.seed, self.time.time, rule, str(error)) from error
        self.checked.ledger.drained()
        for broken in self.checked.ledger.violations:
            self.fail(broken.invariant, broken.text)
        self.watch.at_the_end()
        self._fold_again()
        return Outcome(self.steps, self.met)

    def fail(self, rule: str, what: str) -> NoReturn:
        """Raises `Violation`."""
        raise Violation(self.plan.seed, self.time.time, rule, what)

    def fate(self, of: str) -> random.Random:
        """The dice of one caller, phone or number: nobody else's throws change them."""
        dice = self._fates.get(of)
        if dice is None:
            dice = self._fates[of] = random.Random(f"{self.plan.seed}/{of}")
        return dice

    def _happens(self, happening: Happening) -> None:
        dice = happening.dice(self.plan.seed)
        match happening.kind:
            case "call":
                self.callers.calls(f"c{happening.number}", dice)
            case "chat":
                self.work.comes(f"i{happening.number}", dice)
            case "agent":
                self.agents.moment(happening.who, happening.number, dice)
            case "doors":
                self.supervisor.doors(dice)
            case "staffing":
                self.supervisor.staffing(dice)
            case "configuration":
                self.supervisor.configuration(dice)
            case _:
                self._restart()

    def _restart(self) -> None:
        """The engine's process dies, and a new one goes on from the snapshot."""
        self.tell("the engine is restored from its snapshot")
        self.routing.tick(self.time.time)
        kept = json.loads(json.dumps(self.engine.snapshot()))
        self.engine = type(self.engine).restore(self.engine.site, kept)
        self.checked.engine = self.engine
        self.act(f.Resumed(0.0))

    def _fold_again(self) -> None:
        """I9: what the engine was told, folded again, is the live state."""
        again = self._engine_of(self.site)
        for fact, now in self.checked.journal:
            again.handle(fact, now)
        again.tick(self.time.time)
        self.checked.tick(self.time.time)
        if again.snapshot() != self.engine.snapshot():
            self.fail("I9", "the journal, folded again, is another state")

    # Wiring --------------------------------------------------------------------------------

    def act(self, fact: f.Fact) -> Sequence[d.Decision]:
        """Tell the engine something, and have done what it decides."""
        self.tell(fact)
        return self.routing.act(fact, self.time.time)

    def sink(self, fact: e.Fact) -> None:
        """Take a fact of the switch, perhaps twice."""
        share, times = self.plan.repeats, 1
        if share and self.fate(f"repeat/{h.call_of(fact)}").random() < share:
            times = 2
        for _ in range(times):
            self.tell(fact)
            self.watch.feed(fact)
            self.routing.on_fact(fact, self.time.time)

    def execute(self, order: c.Order) -> None:
        """Give the switch an order."""
        self.tell(order)
        self.switch.execute(order)

    def _notice(self, decision: d.Decision) -> None:
        self.tell(decision)
        self.met[_name_of(decision)] += 1
        if isinstance(decision, d.Refused):
            return
        self.watch.feed(decision)
        self.watch.decided(decision)
        if isinstance(decision, d.OfferItem):
            self.work.offered(decision)

    def tell(self, what: object) -> None:
        """Put it into the story."""
        if self._trace is not None:
            self._trace(self.time.time, what)

    def _after_step(self) -> None:
        self.steps += 1
        self.watch.at_rest()


def _name_of(decision: d.Decision) -> str:
    """What was decided, without the particulars."""
    kind = type(decision).__name__
    match decision:
        case d.CallLeft() | d.OfferEnded():
            return f"{kind} {decision.outcome}"
        case d.Offer() | d.Callback() | d.PositionTold() | d.CallTurnedAway() | d.SendOn():
            return f"{kind} {decision.reason.code}"
        case d.CallEntered() if decision.reason is not None:
            return f"{kind} {decision.reason.code}"
        case d.Refused():
            return f"{kind} {decision.code}"
        case d.CallCompleted():
            return f"{kind} {decision.onward}".rstrip()
        case d.AgentChanged() | d.CallbackChanged() | d.ItemChanged():
            return f"{kind} {decision.state}"
    return kind
