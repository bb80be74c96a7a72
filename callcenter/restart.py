"""Across a restart: the state is folded from the journal, snapshots keep that short."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog

from acd import decisions as d
from acd import facts as f
from acd.engine import Engine
from acd.site import Site
from acd.snapshots import site_of
from callcenter import happenings as h
from callcenter.callbook import CallBook
from callcenter.router import Router
from reporting.records import RecordFold

log = structlog.get_logger("callcenter.restart")


class Entry(Protocol):
    """One entry of the journal."""

    seq: int
    at: float
    stream: str
    kind: str
    call_id: str

    def decode(self) -> Any: ...


class Journal(Protocol):
    """What a restart needs of `storage.journal.Journal`."""

    @property
    def last_at(self) -> float: ...
    def read(self, after_seq: int = 0) -> AsyncIterator[Any]: ...
    async def load_snapshot(self, *, before: int | None = None) -> Any: ...
    async def save_snapshot(self, seq: int, at: float, blob: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot: everything as it was just after entry `seq`; `state` None for nothing."""

    seq: int = 0
    state: dict[str, Any] | None = None


async def load(journal: Journal) -> Kept:
    """The newest snapshot that can be read, or an empty one: then the journal has it all.

    A snapshot is only ever a short cut: one that is damaged, or of a version that nobody can
    read any more, costs time and never a call.
    """
    before: int | None = None
    while (found := await journal.load_snapshot(before=before)) is not None:
        try:
            kept = Kept(found.seq, msgspec.json.decode(found.blob))
            _try_out(kept)
        except Exception:
            log.exception("snapshot left out: it cannot be read", sequence=found.seq)
            before = found.seq
        else:
            return kept
    return Kept()


def _try_out(kept: Kept) -> None:
    """Raise whatever would be raised by taking the snapshot up."""
    assert kept.state is not None
    engine_of(kept)
    CallBook().restore(kept.state["book"])
    RecordFold().restore(kept.state["records"])
    if not isinstance(kept.state["phones"], dict):
        raise TypeError("no phones")


def engine_of(kept: Kept) -> Engine:
    """The engine under the configuration that it had then."""
    if kept.state is None:
        return Engine(Site())
    engine = kept.state["engine"]
    return Engine.restore(site_of(engine), engine)


async def replay(journal: Journal, kept: Kept, router: Router) -> int:
    """Fold what the journal has into engine, book and records; how many entries.

    Decisions are journaled after what caused them. A crash may have cut between the two, or
    between two decisions: what is not there is then taken from the engine.
    """
    count = 0
    if kept.state is not None:
        router.restore(kept.seq, kept.state)
    missing: deque[d.Decision] = deque()
    decided_at = 0.0
    async for entry in journal.read(kept.seq):
        count += 1
        router.last_seq = entry.seq
        try:
            data = entry.decode()
            known = h.from_dict(entry.stream, entry.kind, data)
            if known is None:
                log.warning("unknown journal entry", stream=entry.stream, kind=entry.kind)
                continue
            if entry.stream == "acd":
                missing, decided_at = deque(), entry.at
                missing.extend(decide(router.engine, known, entry.at))
            elif entry.stream == "decision" and missing:
                missing.popleft()
            router.fold(known, data, entry.at, entry.seq)
        except Exception:
            # Of another version, or a fault of ours: when it happened, all else went on as well.
            log.exception("journal entry left out", sequence=entry.seq, kind=entry.kind)
    for decision in missing:
        router.note(decision, decided_at)
    return count


def decide(engine: Engine, entry: Any, at: float) -> list[d.Decision]:
    """What the engine decides on an entry of the stream "acd"; refusals are not journaled."""
    passed = isinstance(entry, h.DeadlinePassed)
    decisions = engine.tick(at) if passed else engine.handle(entry, at)
    return [x for x in decisions if not isinstance(x, d.Refused)]


def take_up(router: Router, site: Site, away_s: float) -> None:
    """After the fold: nobody is blamed for our absence, and the present configuration holds."""
    if away_s > 0:
        router.act(f.Resumed(away_s))
    if router.engine.site != site:
        router.act(f.Configured(site))
    router.opening.begin(router)
    for agent, record in router.engine.agents.items():
        if record.view().state != "offline":
            router.act(f.ConsoleLost(agent))


async def keep(journal: Journal, router: Router) -> None:
    """Save a snapshot of now. Raises what the journal raises; the older one stays then."""
    seq, at = router.last_seq, router.now()
    await journal.save_snapshot(seq, at, msgspec.json.encode(router.snapshot()))
