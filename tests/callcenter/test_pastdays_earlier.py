"""Journals of earlier versions: what they decided is still decided.

`data/journal-before-rules.jsonl.gz` was written by the version before queues had rules, on a busy
morning with overflows, missed calls and needs of skills: [number, moment, stream, kind, call,
data] in each line, and one snapshot among them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acd import facts as f
from acd.site import Onward, Rule
from callcenter import happenings as h
from callcenter.pastdays.reading import Rerun, start_before
from callcenter.pastdays.same import Comparison, compare

FILE = Path(__file__).parent / "data" / "journal-before-rules.jsonl.gz"


@dataclass(frozen=True)
class Entry:
    seq: int
    at: float
    stream: str
    kind: str
    call_id: str
    data: dict[str, Any]

    def decode(self) -> dict[str, Any]:
        return self.data


class EarlierJournal:
    """The file as a journal."""

    def __init__(self) -> None:
        lines = gzip.decompress(FILE.read_bytes()).decode("utf-8").splitlines()
        entries = [Entry(*json.loads(line)) for line in lines]
        self.snapshot = next(entry for entry in entries if entry.stream == "snapshot")
        self.entries = [entry for entry in entries if entry is not self.snapshot]

    async def read(
        self,
        after_seq: int = 0,
        until_seq: int | None = None,
        *,
        streams: Sequence[str] | None = None,
    ) -> AsyncIterator[Entry]:
        for entry in self.entries:
            if entry.seq > after_seq:
                yield entry

    async def load_snapshot(self, by: float | None = None, *, before: int | None = None) -> Any:
        if before is not None or (by is not None and by < self.snapshot.at):
            return None
        blob = json.dumps(self.snapshot.data).encode()
        return SimpleNamespace(seq=self.snapshot.seq, at=self.snapshot.at, blob=blob)

    async def first_snapshot_at(self) -> float | None:
        return self.snapshot.at

    async def first_stored_seq(self) -> int:
        return 1

    async def stored_seq(self) -> int:
        return self.entries[-1].seq


async def _compared(since: float | None) -> Comparison:
    journal = EarlierJournal()
    start = await start_before(journal, since)
    assert (start.at is None) is (since is None)
    return await compare(Rerun(journal, start))


async def test_an_earlier_versions_day_comes_to_the_same_decisions() -> None:
    """Updating changes nothing about what was decided before: no agent, no caller, no reason."""
    found = await _compared(None)
    assert found.differences == 0, found.first
    assert found.decisions > 700
    written = {(entry.kind, entry.data.get("outcome")) for entry in EarlierJournal().entries}
    assert {("CallLeft", "overflowed"), ("OfferEnded", "unanswered")} <= written


async def test_an_earlier_versions_snapshot_is_taken_up() -> None:
    """Waiting callers with their needs, overflow clocks and all, also when nothing else is left."""
    waiting = [one for one in EarlierJournal().snapshot.data["engine"]["visits"] if one["needs"]]
    assert waiting
    found = await _compared(EarlierJournal().snapshot.at + 1.0)
    assert found.differences == 0, found.first
    assert 0 < found.decisions < 700


@pytest.mark.parametrize(
    ("queue", "rules"),
    [
        (
            {"overflow_to": "b", "overflow_after_s": 180.0},
            (Rule("waited", Onward("queue", "b"), 180.0),),
        ),
        ({"overflow_to": "b", "overflow_after_s": None}, ()),
        ({"overflow_to": None, "overflow_after_s": 180.0}, ()),
        ({}, ()),
    ],
)
def test_an_overflow_is_a_rule_now(queue: dict[str, Any], rules: tuple[Rule, ...]) -> None:
    """The one way to elsewhere that there was."""
    site = {"queues": [{"id": "a", **queue}, {"id": "b"}], "agents": []}
    fact = h.from_dict("acd", "Configured", {"site": site})
    assert isinstance(fact, f.Configured)
    assert fact.site.queues[0].rules == rules
