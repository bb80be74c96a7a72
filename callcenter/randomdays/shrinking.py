"""Makes a day that breaks a rule as small as it can: fewer happenings, agents, queues, options.

Delta debugging: halves, quarters, ... of what is to happen are left out as long as the same rule
is broken (A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002);
then agents and queues one by one, and each option goes back to its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from acd.configuring import mistake
from acd.engine import Engine
from acd.site import Site
from callcenter.randomdays.day import Day, Violation
from callcenter.randomdays.plan import Happening, Plan
from callcenter.randomdays.story import line

MOST_DAYS = 2_000


@dataclass(frozen=True, slots=True)
class Small:
    """The smallest day found that breaks the same rule; `days` were played to find it."""

    plan: Plan
    violation: Violation
    days: int

    def __str__(self) -> str:
        """The day and its story up to the violation."""
        return f"{self.plan}\n\n{self.story()}\n{self.violation}"

    def story(self, engine_of: Callable[[Site], Engine] = Engine) -> str:
        """Every step of the small day, a line each."""
        lines: list[str] = []
        violation_of(self.plan, engine_of, lambda at, what: lines.append(line(at, what)))
        return "\n".join(lines)


def violation_of(
    plan: Plan,
    engine_of: Callable[[Site], Engine] = Engine,
    trace: Callable[[float, object], None] | None = None,
) -> Violation | None:
    """What the day breaks, None when it is sound."""
    try:
        Day(plan, engine_of=engine_of, trace=trace).run()
    except Violation as violation:
        return violation
    return None


def shrink(plan: Plan, engine_of: Callable[[Site], Engine] = Engine) -> Small | None:
    """The small day, or None when `plan` breaks nothing. Plays `MOST_DAYS` at most."""
    violation = violation_of(plan, engine_of)
    return None if violation is None else _Shrinking(plan, violation, engine_of).run()


class _Shrinking:
    def __init__(
        self, plan: Plan, violation: Violation, engine_of: Callable[[Site], Engine]
    ) -> None:
        self.plan = plan
        self.violation = violation
        self.days = 1
        self._engine_of = engine_of

    def run(self) -> Small:
        before = None
        while before != self.plan:  # what one pass took away may make more needless
            before = self.plan
            self._fewer_happenings()
            for smaller in (_without_an_agent, _without_a_queue, _plainer):
                self._one_by_one(smaller)
        return Small(self.plan, self.violation, self.days)

    def _still_fails(self, plan: Plan) -> bool:
        if self.days >= MOST_DAYS or mistake(plan.site):
            return False
        self.days += 1
        violation = violation_of(plan, self._engine_of)
        if violation is None or violation.rule != self.violation.rule:
            return False
        self.plan, self.violation = plan, violation
        return True

    def _fewer_happenings(self) -> None:
        # Whatever was to come after the violation has no part in it.
        self._try(x for x in self.plan.happenings if x.at_s <= self.violation.at)
        size = max(1, len(self.plan.happenings) // 2)
        while True:
            first = 0
            while first < len(self.plan.happenings):
                now = self.plan.happenings
                if not self._try((*now[:first], *now[first + size :])):
                    first += size
            if size == 1:
                return
            size //= 2

    def _try(self, happenings: Iterator[Happening] | tuple[Happening, ...]) -> bool:
        kept = tuple(happenings)
        fewer = len(kept) < len(self.plan.happenings)
        return fewer and self._still_fails(replace(self.plan, happenings=kept))

    def _one_by_one(self, smaller: Callable[[Plan], Iterator[Plan]]) -> None:
        """The first smaller plan that still fails, again and again."""
        while any(self._still_fails(plan) for plan in smaller(self.plan)):
            pass


def _without_an_agent(plan: Plan) -> Iterator[Plan]:
    site = plan.site
    for gone in site.agents:
        agents = tuple(agent for agent in site.agents if agent is not gone)
        happenings = tuple(x for x in plan.happenings if x.who != gone.id)
        yield replace(plan, site=replace(site, agents=agents), happenings=happenings)


def _without_a_queue(plan: Plan) -> Iterator[Plan]:
    site = plan.site
    for gone in site.queues:
        queues = tuple(queue for queue in site.queues if queue is not gone)
        agents = tuple(
            replace(agent, queues=tuple(q for q in agent.queues if q != gone.id))
            for agent in site.agents
        )
        yield replace(plan, site=replace(site, queues=queues, agents=agents))


def _plainer(plan: Plan) -> Iterator[Plan]:
    """One option after the other back at its default."""
    site = plan.site
    yield from _defaults(plan)
    for changed in _defaults(site):
        yield replace(plan, site=changed)
    for n, queue in enumerate(site.queues):
        for changed in _defaults(queue):
            queues = (*site.queues[:n], changed, *site.queues[n + 1 :])
            yield replace(plan, site=replace(site, queues=queues))
    for n, agent in enumerate(site.agents):
        for changed in _defaults(agent):
            agents = (*site.agents[:n], changed, *site.agents[n + 1 :])
            yield replace(plan, site=replace(site, agents=agents))


def _defaults(of: Any) -> Iterator[Any]:
    """`of` with one field after the other at its default, where it is not."""
    for field in fields(of):
        default = field.default if field.default is not MISSING else MISSING
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if default is not MISSING and getattr(of, field.name) != default:
            yield replace(of, **{field.name: default})
