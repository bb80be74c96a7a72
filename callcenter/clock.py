"""The one clock of the running system."""

from __future__ import annotations

import time


class Clock:
    """UTC epoch seconds that never run backwards, across a restart too.

    The wall clock is read once; from then on the monotonic clock counts, so that a
    changed system clock or a leap cannot make a duration negative.
    """

    def __init__(self, not_before: float = 0.0) -> None:
        """`not_before` is the last moment in the journal: time goes on from there."""
        self._base = max(time.time(), not_before) - time.monotonic()

    def now(self) -> float:
        """Engine time: UTC epoch seconds, monotonic."""
        return self._base + time.monotonic()
