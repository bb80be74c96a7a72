"""A part of the journal, run again on the engine: what it was told, what it decided then and now.

The journal is one story, however many lives of the process have written it: between two of them
nothing of the engine is lost, so it is simply folded through. To begin in the middle the last
snapshot before it is taken, or the first entry of all.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from callcenter import happenings as h
from callcenter.restart import Kept, decide, engine_of

STREAMS = ("acd", "decision")


class NothingToRun(ValueError):  # noqa: N818 - says what is wrong
    """The journal has nothing in this range, or not what it takes to begin there."""


class Journal(Protocol):
    """What running again needs of `storage.journal.Journal`."""

    def read(
        self,
        after_seq: int = 0,
        until_seq: int | None = None,
        *,
        streams: Sequence[str] | None = None,
    ) -> AsyncIterator[Any]: ...
    async def stored_seq(self) -> int: ...
    async def load_snapshot(self, by: float | None = None, *, before: int | None = None) -> Any: ...
    async def first_snapshot_at(self) -> float | None: ...
    async def first_stored_seq(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A decision as the journal has it; `data` are the fields that there were then."""

    kind: str
    data: dict[str, Any]

    def decision(self) -> Any:
        """As this version's dataclass; None for a kind that it does not know."""
        return h.from_dict("decision", self.kind, self.data)


@dataclass(slots=True)
class Step:
    """One fact, with what was decided `then` (journalled) and what is decided `now`.

    `fact` is None for an entry of a kind that this version does not know. `last`: the journal
    ends here, so that `then` may have been cut off by the end of the process.
    """

    seq: int
    at: float
    kind: str
    fact: Any
    now: list[Any]  # acd.decisions
    then: list[Written] = field(default_factory=list)
    problem: str = ""  # why the engine could not be told this fact
    last: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Where running again begins: just after entry `seq`, at the moment `at`."""

    kept: Kept
    at: float | None  # None: at the first entry of all


async def start_before(journal: Journal, since: float | None) -> Start:
    """The last point before `since` from which the engine's state is known.

    `since` None: the earliest there is. Raises `NothingToRun`; its second argument is then the
    first moment that could be asked for, or None.
    """
    first = await journal.first_stored_seq()
    if first == 0:
        raise NothingToRun("The journal is empty.", None)
    if first == 1 and since is None:
        return Start(Kept(), None)
    earliest = await journal.first_snapshot_at()
    by, before = earliest if since is None else since, None
    while (found := await journal.load_snapshot(by, before=before)) is not None:
        before = found.seq
        if found.seq + 1 < first:
            break
        with contextlib.suppress(Exception):  # damaged, or of a version that nobody reads any more
            kept = Kept(found.seq, msgspec.json.decode(found.blob))
            engine_of(kept)
            return Start(kept, found.at)
    if first == 1:
        return Start(Kept(), None)
    raise NothingToRun("What was before has been forgotten.", earliest)


async def extent(journal: Journal) -> tuple[float, float] | None:
    """The moments of the first and the last entry; None when there is none."""
    first = await journal.first_stored_seq()
    last = await journal.stored_seq()
    found = [entry.at for seq in (first, last) async for entry in journal.read(seq - 1, seq)]
    return (found[0], found[-1]) if found else None


class Rerun:
    """Folds the journal from `start` on. `engine` is the engine, between any two steps."""

    def __init__(self, journal: Journal, start: Start) -> None:
        self.engine = engine_of(start.kept)
        self._journal = journal
        self._after = start.kept.seq

    async def steps(self) -> AsyncIterator[Step]:
        """Every step to the journal's end; the engine has taken its fact already."""
        step: Step | None = None
        async for entry in self._journal.read(self._after, streams=STREAMS):
            if entry.stream == "acd":
                if step is not None:
                    yield step
                step = self._take(entry)
            elif step is not None:  # else: what a fact before the snapshot decided
                step.then.append(Written(entry.kind, entry.decode()))
        if step is not None:
            step.last = True
            yield step

    def _take(self, entry: Any) -> Step:
        try:
            fact = h.from_dict("acd", entry.kind, entry.decode())
            if fact is None:
                return Step(entry.seq, entry.at, entry.kind, None, [], problem="unknown to us")
            decided = decide(self.engine, fact, entry.at)
        except Exception as error:  # told as a difference: a live system goes on as well
            problem = f"{type(error).__name__}: {error}"
            return Step(entry.seq, entry.at, entry.kind, None, [], problem=problem)
        return Step(entry.seq, entry.at, entry.kind, fact, decided)
