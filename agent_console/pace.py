"""How often somebody may do something: token buckets, kept for a bounded number of keys."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable


class Bucket:
    """`burst` at once, then `per_s` a second."""

    __slots__ = ("_at", "_burst", "_clock", "_left", "_per_s")

    def __init__(
        self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._left = self._burst
        self._clock = clock
        self._at = clock()

    def take(self) -> bool:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        self._left = min(self._burst, self._left + 1)

    @property
    def left(self) -> float:
        """How many are allowed at once, now (as of the last `take`)."""
        return self._left

    @property
    def wait_s(self) -> float:
        """How long until the next one is allowed."""
        return max(0.0, (1 - self._left) / self._per_s)


class Pace:
    """A bucket for each key; beyond `keys` of them the longest unused is forgotten."""

    def __init__(
        self, per_minute: int, *, keys: int = 20_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def of(self, key: str) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = Bucket(self._per_minute / 60, self._per_minute, self._clock)
            self._buckets[key] = bucket
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


def address_key(host: str) -> str:
    """One household: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return host
