"""The expected wait of a caller, as a range: reckoned from the line and the agents at work.

The caller at position `k` waits for `k` agents to come free, among those who may serve the
caller. With `n` of them at work and calls that last `h` seconds, that takes a gamma-distributed
time of shape `k` and mean `k * h / n`, exactly so for exponential durations. Three things are
added, each in the mean and the variance of the sum that the time is:

- agents who serve other queues, too, take the callers there who come first: a team's time is
  shared by the load per agent that lies before the caller, here and there;
- some of those in front give up: each of them at the rate that was seen (`Pace.impatience`);
- the phone rings.

The range is from the 10 % to the 90 % quantile of the gamma distribution with that mean and
variance, by Wilson and Hilferty's approximation ("The distribution of chi-square", PNAS 1931).

It costs one look at each line of the queue and each queue of its teams, however many wait.
Sums are exact (`fsum`): in whatever order lines and teams were built, the figure is the same.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import fsum, log, sqrt
from typing import TYPE_CHECKING, Final

from acd.lines import Key, Line, QueueState, Visit
from acd.presence import WORKING, at_work
from acd.sharing import key_of

if TYPE_CHECKING:
    from acd.decisions import Value
    from acd.floor import Floor
    from acd.site import SkillNeed

NORMAL_90: Final = 1.2815515655446004
"""The 90 % quantile of the standard normal distribution."""

MAX_OVERLAPS: Final = 100
"""Of so many other lines it is remembered how many agents they share with this one."""

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
    return _reckon(floor, line, visit.key, bisect_left(line.callers, visit.key) + 1)


def at_the_end(
    floor: Floor, queue: QueueState, needs: tuple[SkillNeed, ...], priority: int
) -> Expected | None:
    """For somebody who would come now."""
    line = floor.matching.line(queue, needs)
    key = _key_now(floor, line, priority)
    return _reckon(floor, line, key, bisect_left(line.callers, key) + 1)


def at_position(floor: Floor, queue: QueueState, position: int) -> Expected | None:
    """For somebody at this place of the queue, from 1 on, with no skills asked for."""
    line = floor.matching.line(queue, ())
    return _reckon(floor, line, _key_now(floor, line, 0), max(1, position), others=False)


def _key_now(floor: Floor, line: Line, priority: int) -> Key:
    now = floor.now
    return key_of(Visit("", "call", line, line.needs, priority, now, now, LAST_SEEN))


def _reckon(
    floor: Floor, line: Line, key: Key, own: int, *, others: bool = True
) -> Expected | None:
    """`own`: how many agents have to come free for who waits in the line, the caller included.

    `others`: those before in other lines of the queue come in addition.
    """
    queue = line.queue
    pace = queue.pace
    reach = _reach(floor, line)
    pool = at_work(queue) * reach.part
    if pool <= 0 or not pace.known:
        return None
    ahead = own - 1
    beside: list[float] = []
    for other in queue.lines if others else ():
        if other is not line and (number := bisect_left(other.callers, key)):
            ahead += number
            beside.append(number * _overlap(floor, line, reach, other))
    handle_s = pace.handle_s
    share, elsewhere = _share(queue, key, own / pool * handle_s, fsum(beside) * handle_s)
    mean_s, variance = _drain(own * at_work(queue) / share, pool / handle_s, pace.impatience)
    shape = mean_s * mean_s / variance
    ring_s = pace.ring.mean
    return Expected(
        ring_s + mean_s * _quantile(shape, -NORMAL_90),
        ring_s + mean_s,
        ring_s + mean_s * _quantile(shape, NORMAL_90),
        ahead,
        elsewhere,
        max(1, round(pool)),
        handle_s,
    )


def _share(queue: QueueState, key: Key, mine: float, beside: float) -> tuple[float, int]:
    """As if so many agents (no whole number) had nothing else to do, and who waits elsewhere.

    `mine` and `beside` are seconds of work that lie before each agent, in this line and in the
    others of the queue. Of a team's time a line gets its part of all that lies before the team.
    """
    loads: dict[str, float] = {}
    elsewhere = 0
    shares: list[float] = []
    for team in queue.teams:
        working = team.there[WORKING]
        if not working:
            continue
        before = [mine, beside]
        for other in team.queues:
            if other is queue:
                continue
            known = loads.get(other.id)
            if known is None:
                number = sum(bisect_left(line.callers, key) for line in other.lines if line.callers)
                elsewhere += number
                known = number * other.pace.handle_s / at_work(other) if number else 0.0
                loads[other.id] = known
            before.append(known)
        shares.append(working * mine / fsum(before))
    return fsum(shares), elsewhere


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
    """How many of a queue's agents may serve a line; known until an agent changes groups."""

    __slots__ = ("members", "overlaps", "part", "version")

    def __init__(self, version: int, members: int, part: float) -> None:
        self.version = version
        self.members = members
        self.part = part
        self.overlaps: dict[Line, float] = {}


def _reach(floor: Floor, line: Line) -> Reach:
    known = line.reach
    version = floor.presence.version
    if known is None or known.version != version:
        members = sum(len(group.members) for group in line.groups)
        size = sum(team.size for team in line.queue.teams)
        known = line.reach = Reach(version, members, members / size if size else 0.0)
    return known


def _overlap(floor: Floor, line: Line, reach: Reach, other: Line) -> float:
    """How much of each call of `other` falls to each agent of `line`."""
    known = reach.overlaps.get(other)
    if known is None:
        shared = sum(len(group.members) for group in other.groups if group in line.groups)
        if len(reach.overlaps) >= MAX_OVERLAPS:
            reach.overlaps.clear()
        known = reach.overlaps[other] = shared / reach.members
    if not known:
        return 0.0
    return known / (at_work(other.queue) * _reach(floor, other).part)
