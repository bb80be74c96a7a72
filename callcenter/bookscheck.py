"""The two books of each queue, compared: the routing engine's own, and what the records say."""

from __future__ import annotations

from collections.abc import Mapping

from acd.counters import QueueCounts

KINDS = ("call", "callback", "outbound")


def engines(counts: QueueCounts) -> dict[str, int]:
    """The engine's books of a queue as `reporting.records.RecordFold.books` are: "call offered"."""
    found: dict[str, int] = {}
    for kind in KINDS:
        books = counts.of(kind)
        found[f"{kind} offered"] = books.offered
        found |= {f"{kind} {outcome}": number for outcome, number in books.left.items()}
    return found


def apart(engine: Mapping[str, int], records: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Where they differ: the engine's count and the records'."""
    return {
        name: (engine.get(name, 0), records.get(name, 0))
        for name in sorted({*engine, *records})
        if engine.get(name, 0) != records.get(name, 0)
    }
