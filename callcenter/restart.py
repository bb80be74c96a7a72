"""Across a restart: the state is folded from the journal, snapshots keep that short."""

from __future__ import annotations

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
from callcenter.router import Router

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
    async def load_snapshot(self) -> Any: ...
    async def save_snapshot(self, seq: int, at: float, blob: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot: the engine as it was after entry `seq`, and from where to fold the rest."""

    seq: int = 0
    fold_after: int = 0
    engine: dict[str, Any] | None = None
    phones: dict[str, str] | None = None
    days: dict[str, Any] | None = None


async def load(journal: Journal) -> Kept:
    """The newest snapshot, or an empty one."""
    found = await journal.load_snapshot()
    if found is None:
        return Kept()
    blob = msgspec.json.decode(found.blob)
    return Kept(found.seq, blob["fold_after"], blob["engine"], blob["phones"], blob["days"])


def engine_of(kept: Kept) -> Engine:
    """The engine under the configuration that it had then."""
    if kept.engine is None:
        return Engine(Site())
    return Engine.restore(site_of(kept.engine), kept.engine)


async def replay(journal: Journal, kept: Kept, router: Router) -> int:
    """Fold what the journal has into engine, book and records; how many entries.

    Decisions are journaled after the facts that caused them. A crash may have cut between
    the two, so what the last fact decided is taken from the engine if it is not there.
    """
    count = 0
    decided: list[d.Decision] = []
    decided_at = 0.0
    router.days.restore(kept.days or {})
    for agent, phone in (kept.phones or {}).items():
        router.remember_phone(agent, phone)
    async for entry in journal.read(kept.fold_after):
        data = entry.decode()
        known = h.from_dict(entry.stream, entry.kind, data)
        count += 1
        if known is None:
            continue
        if entry.stream == "acd" and entry.seq > kept.seq:
            decided = list(router.engine.handle(known, entry.at))  # type: ignore[arg-type]
            decided_at = entry.at
        elif entry.stream == "decision":
            decided = []
        router.fold(
            known,
            entry.stream,
            entry.kind,
            entry.call_id,
            data,
            entry.at,
            entry.seq,
            counted=entry.seq <= kept.seq,
        )
    for decision in decided:
        if not isinstance(decision, d.Refused):
            router.note(decision, decided_at)
    router.agents_as_they_are()
    return count


def take_up(router: Router, site: Site, away_s: float) -> None:
    """After the fold: nobody is blamed for our absence, and the present configuration holds."""
    if away_s > 0:
        router.act(f.Resumed(away_s))
    if router.engine.site != site:
        router.act(f.Configured(site))
    for agent, record in router.engine.agents.items():
        if record.view().state != "offline":
            router.act(f.ConsoleLost(agent))


async def keep(journal: Journal, router: Router) -> None:
    """Save a snapshot of now. Raises what the journal raises; the older one stays then."""
    seq, at = router.last_seq, router.now()
    blob = msgspec.json.encode(
        {
            "engine": router.engine.snapshot(),
            "fold_after": router.oldest_needed() - 1,
            "days": router.days.snapshot(),
            "phones": {agent: kind.value for agent, kind in router.phones.items()},
        }
    )
    await journal.save_snapshot(seq, at, blob)
