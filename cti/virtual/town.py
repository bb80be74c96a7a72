"""Callers who keep calling: the life in a demonstration without a telephone network."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cti.virtual.callers import Caller
from cti.virtual.scheduling import Scheduler, Timer
from cti.virtual.switch import VirtualSwitch


class Town:
    """Lets `callers` dial in at random, `per_hour` on average, while fewer than `most` are live.

    The limit keeps the line short when nobody signs in to answer.
    """

    def __init__(
        self,
        switch: VirtualSwitch,
        scheduler: Scheduler,
        callers: Iterator[Caller],
        *,
        per_hour: float = 60.0,
        most: int = 12,
        seed: int = 1,
    ) -> None:
        self._switch = switch
        self._time = scheduler
        self._callers = callers
        self._rate = per_hour / 3600.0
        self._most = most
        self._dice = random.Random(seed)
        self._next: Timer | None = None

    def start(self) -> None:
        """The first caller comes soon, the others at their own pace. Harmless when started."""
        if self._next is None:
            self._next = self._time.after(self._dice.uniform(0.5, 3.0), self._someone_calls)

    def stop(self) -> None:
        """Nobody calls any more; live calls go on."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _someone_calls(self, _: object) -> None:
        if len(self._switch.live) < self._most:
            self._switch.call_in(next(self._callers))
        self._next = self._time.after(self._dice.expovariate(self._rate), self._someone_calls)
