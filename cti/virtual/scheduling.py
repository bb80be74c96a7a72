"""Time for the virtual switch: virtual (as fast as it computes) or real (asyncio).

Both offer the same few calls. `soon` runs after what is running now and before anything
later, in order: immediate consequences never run inside their cause.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Protocol

Action = Callable[[Any], None]


class Timer:
    """Something due at `when`. Cancelled timers do nothing."""

    __slots__ = ("action", "arg", "handle", "when")

    def __init__(self, when: float, action: Action, arg: Any) -> None:
        self.when = when
        self.action: Action | None = action
        self.arg = arg
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Never run it."""
        self.action = None
        self.arg = None
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None


class Scheduler(Protocol):
    """Runs actions later. Times and delays are seconds."""

    def now(self) -> float: ...
    def after(self, delay_s: float, action: Action, arg: Any = None) -> Timer: ...
    def soon(self, action: Action, arg: Any = None) -> None: ...


class VirtualTime:
    """A deterministic clock that jumps from one action to the next.

    Actions due at the same moment run in the order they were asked for.
    """

    def __init__(self, start: float = 0.0) -> None:
        self.time = start
        self._heap: list[tuple[float, int, Timer]] = []
        self._soon: deque[tuple[Action, Any]] = deque()
        self._count = 0

    def now(self) -> float:
        return self.time

    def after(self, delay_s: float, action: Action, arg: Any = None) -> Timer:
        when = self.time + delay_s if delay_s > 0.0 else self.time
        timer = Timer(when, action, arg)
        self._count += 1
        heappush(self._heap, (when, self._count, timer))
        return timer

    def soon(self, action: Action, arg: Any = None) -> None:
        self._soon.append((action, arg))

    def settle(self) -> None:
        """Run what is due immediately, until nothing is."""
        soon = self._soon
        while soon:
            action, arg = soon.popleft()
            action(arg)

    def next_at(self) -> float | None:
        """When the next action is due; None when there is none."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heappop(heap)
        return heap[0][0] if heap else None

    def step(self) -> bool:
        """Jump to the next action, run it and its immediate consequences. False: none left."""
        heap = self._heap
        while heap:
            when, _, timer = heappop(heap)
            action = timer.action
            if action is None:
                continue
            self.time = when
            arg = timer.arg
            timer.action = timer.arg = None
            action(arg)
            self.settle()
            return True
        return False

    def run(
        self,
        *,
        deadline: Callable[[], float | None] | None = None,
        tick: Callable[[float], object] | None = None,
        until: float = float("inf"),
        stop: Callable[[], bool] | None = None,
        after_each: Callable[[], None] | None = None,
    ) -> None:
        """Run till nothing is due by `until`, or `stop` says so.

        `tick(now)` is called whenever `deadline()` comes before (or with) the next action.
        """
        heap, soon = self._heap, self._soon
        self.settle()
        while stop is None or not stop():
            while heap and heap[0][2].action is None:
                heappop(heap)
            wake = None if deadline is None else deadline()
            if wake is not None and (not heap or wake <= heap[0][0]):
                if wake > until or tick is None:
                    break
                if wake > self.time:
                    self.time = wake
                tick(self.time)
            elif not heap or heap[0][0] > until:
                break
            else:
                self.time, _, timer = heappop(heap)
                action, arg = timer.action, timer.arg
                timer.action = timer.arg = None  # or the timer and its call would hold each other
                action(arg)  # type: ignore[misc]  # the cancelled ones are gone
            while soon:
                action, arg = soon.popleft()
                action(arg)
            if after_each is not None:
                after_each()
        if until != float("inf") and self.time < until:
            self.time = until


class RealTime:
    """The same on the running asyncio loop; `now` is UTC epoch seconds and never goes back."""

    def __init__(self, speed: float = 1.0) -> None:
        self._offset = time.time() - time.monotonic()
        self._speed = speed

    def now(self) -> float:
        return self._offset + time.monotonic()

    def after(self, delay_s: float, action: Action, arg: Any = None) -> Timer:
        timer = Timer(self.now() + delay_s, action, arg)
        delay = max(delay_s, 0.0) / self._speed
        timer.handle = asyncio.get_running_loop().call_later(delay, _fire, timer)
        return timer

    def soon(self, action: Action, arg: Any = None) -> None:
        asyncio.get_running_loop().call_soon(action, arg)


def _fire(timer: Timer) -> None:
    action, arg = timer.action, timer.arg
    timer.action = timer.arg = timer.handle = None
    if action is not None:
        action(arg)
