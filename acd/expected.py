"""The expected wait of a caller, as a range: reckoned from the line and the agents at work.

The caller at position `k` waits for `k` agents to come free, among those who may serve the
caller. With `n` of them at work and calls that last `h` seconds, that takes a gamma-distributed
time of shape `k` and mean `k * h / n`, exactly so for exponential durations. Four things are
added, each in the mean and the variance of the sum that the time is:

- agents who serve others as well (other skills, other queues) take those first who come first:
  a team's time is shared by the load per agent that lies before the caller, here and there;
- some of those in front give up: each of them at the rate that was seen (`Pace.impatience`);
- callers of a higher priority, or of queues that have one, will come and be served first: a delay
  cycle with that much load (Conway, Maxwell, Miller, "Theory of Scheduling", 1967, chapter 8);
- the phone rings.

The range is from the 10 % to the 90 % quantile of the gamma distribution with that mean and
variance, by Wilson and Hilferty's approximation ("The distribution of chi-square", PNAS 1931).

It costs one look at each line of the queue, and of the other queues of its agents, and at each
team of agents, however many wait. Sums are exact (`fsum`): in whatever order lines and teams
were built, the figure is the same.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import fsum, log, sqrt
from typing import TYPE_CHECKING, Final

from acd.lines import Key, Line, QueueState, Visit
from acd.presence import WORKING, Team, at_work
from acd.sharing import key_of
from acd.skills import able

if TYPE_CHECKING:
    from acd.decisions import Value
    from acd.floor import Floor
    from acd.site import SkillNeed

NORMAL_90: Final = 1.2815515655446004
"""The 90 % quantile of the standard normal distribution."""

MOST_OUTRANKED: Final = 0.9
"""At most so much of the agents' time is taken to go to callers who come later and go first."""

LAST_SEEN: Final = 2**62
"""As if seen after everybody who is in a line."""


@dataclass(frozen=True, slots=True)
class Expected:
    """In four of five cases the wait from now on is between `low_s` and `high_s`.

    `agents` are at work who may serve the caller, for whom `ahead` callers of the queue come
    before, and `elsewhere` of other queues that these agents serve; `handle_s` each.
    """

    low_s: float
    mean_s: float
    high_s: float
    ahead: int
    elsewhere: int
    agents: int
    handle_s: float

    def data(self) -> dict[str, Value]:
        """What it was reckoned from, for reasons."""
        return {
            "low_s": self.low_s,
            "high_s": self.high_s,
            "ahead": self.ahead,
            "elsewhere": self.elsewhere,
            "agents": self.agents,
            "handle_s": self.handle_s,
        }


def of_call(floor: Floor, visit: Visit) -> Expected | None:
    """For a call in the line; None when it is not there, or nothing is known, or nobody is."""
    if visit.key is None:
        return None
    line = visit.line
    if line.only:  # waits for one agent for a while, then for all who may serve it
        line = floor.matching.line(visit.queue, visit.needs, visit.steps)
    return _reckon(floor, line, visit.key, bisect_left(line.callers, visit.key) + 1, visit.priority)


def at_the_end(
    floor: Floor, queue: QueueState, needs: tuple[SkillNeed, ...], priority: int
) -> Expected | None:
    """For somebody who would come now."""
    line = floor.matching.line(queue, needs)
    key = _key_now(floor, line, priority)
    return _reckon(floor, line, key, bisect_left(line.callers, key) + 1, priority)


def at_position(floor: Floor, queue: QueueState, position: int) -> Expected | None:
    """For somebody at this place of the queue, from 1 on, with no skills asked for."""
    line = floor.matching.line(queue, ())
    return _reckon(floor, line, _key_now(floor, line, 0), max(1, position), 0, others=False)


def _key_now(floor: Floor, line: Line, priority: int) -> Key:
    now = floor.now
    return key_of(Visit("", "call", line, line.needs, priority, now, now, LAST_SEEN))


def _reckon(
    floor: Floor, line: Line, key: Key, own: int, priority: int, *, others: bool = True
) -> Expected | None:
    """`own`: how many agents have to come free for who waits in the line, the caller included.

    `others`: those before in other lines of the queue come in addition.
    """
    queue, pace = line.queue, line.queue.pace
    teams = [team for team in _teams(floor, line) if team.there[WORKING]]
    pool = sum(team.there[WORKING] for team in teams)
    if not pool or not pace.known:
        return None
    before = _Before()
    ahead = own - 1
    elsewhere = 0
    for other in dict.fromkeys(each for team in teams for each in team.queues):
        if other is not queue:
            elsewhere += before.look(floor, other, key, line)
        elif others:
            ahead += before.look(floor, other, key, line)
    handle_s = pace.handle_s
    mine = own * handle_s / pool
    share = fsum(
        team.there[WORKING] * mine / fsum((mine, *before.loads.get(team, ()))) for team in teams
    )
    rate = pool / handle_s
    mean_s, variance = _drain(own * pool / share, rate, pace.impatience)
    mean_s, variance = _delayed(
        mean_s, variance, 1.0 / rate, _outranked(floor, queue, teams, priority)
    )
    shape = mean_s * mean_s / variance
    ring_s = pace.ring.mean
    return Expected(
        ring_s + mean_s * _quantile(shape, -NORMAL_90),
        ring_s + mean_s,
        ring_s + mean_s * _quantile(shape, NORMAL_90),
        ahead,
        elsewhere,
        pool,
        handle_s,
    )


class _Before:
    """The load per agent that comes before a caller, by team."""

    __slots__ = ("loads",)

    def __init__(self) -> None:
        self.loads: dict[Team, list[float]] = {}

    def look(self, floor: Floor, queue: QueueState, key: Key, but: Line) -> int:
        """Take in the lines of a queue; how many of their callers come before `key`."""
        found = 0
        for line in queue.lines:
            if line is but or not line.callers:
                continue
            number = bisect_left(line.callers, key)
            found += number
            teams = _teams(floor, line)
            working = sum(team.there[WORKING] for team in teams)
            if number and working:
                load = number * queue.pace.handle_s / working
                for team in teams:
                    self.loads.setdefault(team, []).append(load)
        return found


def _outranked(floor: Floor, queue: QueueState, teams: list[Team], priority: int) -> float:
    """Which part of the agents' time callers take who will come and be served first.

    Within the queue these are the callers with a priority, for one who has none.
    """
    if queue.worth_s is not None:  # who has waited for longer is not overtaken for ever
        return 0.0
    parts: list[float] = []
    pool = 0
    loads: dict[str, float] = {}
    for team in teams:
        working = team.there[WORKING]
        pool += working
        for other in team.queues:
            if other is queue:
                goes_first = other.pace.ranked.mean if priority <= 0 else 0.0
            else:
                goes_first = 1.0 if other.config.priority > queue.config.priority else 0.0
            if not goes_first:
                continue
            load = loads.get(other.id)
            if load is None:
                rate = other.pace.arrivals(floor.now) * goes_first
                load = loads[other.id] = rate * other.pace.handle_s / at_work(other)
            parts.append(working * load)
    return min(MOST_OUTRANKED, fsum(parts) / pool)


def _delayed(mean: float, variance: float, each: float, load: float) -> tuple[float, float]:
    """A delay, prolonged by those who come during it and are served first.

    `each` is the mean of their exponential services, `load` the part of the time they take.
    """
    if not load:
        return mean, variance
    left = 1.0 - load
    return mean / left, variance / left**2 + mean * 2.0 * load * each / left**3


def _drain(number: float, rate: float, impatience: float) -> tuple[float, float]:
    """Mean and variance of the time until `number` have been served at `rate` or have given up.

    The sum over j = 0 .. number - 1 of independent exponential times at `rate` plus j times
    `impatience`, by Euler and Maclaurin's formula (the first term of it).
    """
    first = 1.0 / rate
    behind = max(0.0, number - 1.0)
    lost = impatience * behind / rate
    if lost < 1e-6:
        return number / rate, number / (rate * rate)
    last = first / (1.0 + lost)
    return (
        (first + last) / 2.0 + log(1.0 + lost) / impatience,
        (first * first + last * last) / 2.0 + (first - last) / impatience,
    )


def _quantile(shape: float, normal: float) -> float:
    """A quantile of the gamma distribution of mean 1, from that of the normal distribution."""
    ninth = 1.0 / (9.0 * shape)
    return max(0.0, 1.0 - ninth + normal * sqrt(ninth)) ** 3


# Skills ------------------------------------------------------------------------------------


class Reach:
    """The teams that may serve a line; known until an agent changes teams."""

    __slots__ = ("teams", "version")

    def __init__(self, version: int, teams: list[Team]) -> None:
        self.version = version
        self.teams = teams


def _teams(floor: Floor, line: Line) -> list[Team]:
    known = line.reach
    version = floor.presence.version
    if known is None or known.version != version:
        queues = (line.queue, *(floor.queues[q] for q in sorted(line.also) if q in floor.queues))
        serving = dict.fromkeys(team for queue in queues for team in queue.teams)
        teams = [team for team in serving if able(team.skills, line.needs)]
        known = line.reach = Reach(version, [] if line.only else teams)
    return known.teams
