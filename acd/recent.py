"""The last so many of something, by key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """At most `most` entries; the one that was kept longest ago goes first."""

    __slots__ = ("_entries", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[str, V] = {}

    def keep(self, key: str, value: V) -> None:
        """Set an entry; it is the newest then."""
        entries = self._entries
        entries.pop(key, None)
        entries[key] = value
        if len(entries) > self._most:
            del entries[next(iter(entries))]

    def get(self, key: str) -> V | None:
        """The entry, which stays; None when there is none."""
        return self._entries.get(key)

    def take(self, key: str) -> V | None:
        """The entry, which is gone then; None when there is none."""
        return self._entries.pop(key, None)

    def __iter__(self) -> Iterator[tuple[str, V]]:
        """Every entry with its key, the oldest first."""
        return iter(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)
