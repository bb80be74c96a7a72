"""How long callers are ready to wait, estimated from who gave up and who did not.

Waits are censored: of a caller who was answered after 40 s it is known only that the patience
was longer. Leaving those out makes callers look far less patient than they are. So: for
exponential patience the censored maximum-likelihood estimate, total waiting time / abandons;
without such an assumption the product-limit estimate (Kaplan and Meier 1958).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

QUANTILE = 1.959963984540054  # of the normal distribution, for 95 %


@dataclass(frozen=True, slots=True)
class Wait:
    """One caller's wait; `gave_up`: it ended because the patience did."""

    waited_s: float
    gave_up: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """The mean of exponential patience with its 95 % interval; None when nobody gave up.

    By the normal approximation of the logarithm: the relative standard error is one over the
    square root of the abandons.
    """

    callers: int
    abandons: int
    waited_s: float
    mean_s: float | None
    low_s: float | None
    high_s: float | None


def patience_of(waits: Iterable[Wait]) -> Patience:
    """Estimate exponential patience. Order does not matter."""
    callers = abandons = 0
    waited_s = 0.0
    for wait in waits:
        callers += 1
        abandons += wait.gave_up
        waited_s += wait.waited_s
    if abandons == 0 or waited_s <= 0.0:
        return Patience(callers, abandons, waited_s, None, None, None)
    mean_s, factor = waited_s / abandons, math.exp(QUANTILE / math.sqrt(abandons))
    return Patience(callers, abandons, waited_s, mean_s, mean_s / factor, mean_s * factor)


class Survival:
    """The share of callers who are still ready to wait after so long, by Kaplan and Meier.

    Beyond the last abandon nothing was seen: from there on patience is taken as exponential
    with the mean `tail_s` (math.inf: for ever).
    """

    def __init__(self, waits: Sequence[Wait], tail_s: float) -> None:
        ended = sorted(wait.waited_s for wait in waits)
        gave_up = sorted(wait.waited_s for wait in waits if wait.gave_up)
        self.tail_s = tail_s
        self.times: list[float] = []  # at which somebody gave up
        self.shares: list[float] = []  # who is still ready to wait just after
        share, at = 1.0, 0
        while at < len(gave_up):
            moment = gave_up[at]
            deaths = bisect_right(gave_up, moment) - at
            at_risk = len(ended) - bisect_left(ended, moment)
            share *= 1.0 - deaths / at_risk
            self.times.append(moment)
            self.shares.append(share)
            at += deaths

    def share(self, waited_s: float) -> float:
        """Who is still ready to wait after `waited_s`."""
        step = bisect_right(self.times, waited_s)
        share = self.shares[step - 1] if step else 1.0
        beyond = waited_s - self.times[-1] if self.times else waited_s
        if step < len(self.times) or beyond <= 0.0 or math.isinf(self.tail_s):
            return share
        return share * math.exp(-beyond / self.tail_s)

    def median_s(self) -> float | None:
        """When half of the callers have given up; None when never."""
        found = self.outlasting(0.5, 0.0)
        return None if math.isinf(found) else found

    def outlasting(self, chance: float, waited_s: float) -> float:
        """The patience that only the share `chance` of those exceeds who outlasted `waited_s`.

        With a uniform `chance` (above 0) this draws the patience of a caller of whom only the
        wait is known. math.inf when it never ends.
        """
        share = chance * self.share(waited_s)
        step = bisect_right(self.times, waited_s)
        while step < len(self.times):
            if self.shares[step] <= share:
                return self.times[step]
            step += 1
        last_s = max(waited_s, self.times[-1] if self.times else 0.0)
        if math.isinf(self.tail_s):
            return math.inf
        left = self.share(last_s)
        return last_s if left <= 0.0 else last_s + self.tail_s * math.log(left / share)
