"""The journal forgets what is older than a site keeps, and nothing that is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import journal_retention
from storage.journal import Journal
from storage.journal_retention import forget_before


@pytest.fixture
async def journal(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    """A hundred entries, one each second from 1000 on, and a snapshot at the eightieth."""
    monkeypatch.setattr(journal_retention, "TAIL", 10)
    monkeypatch.setattr(journal_retention, "PAUSE_S", 0.0)
    opened = Journal(engine)
    await opened.open()
    for second in range(100):
        opened.append("acd", "CallQueued", f"c-{second}", {}, 1000.0 + second)
        if second == 79:
            await opened.save_snapshot(opened.last_seq, 1079.0, b"{}")
    await opened.committed(opened.last_seq)
    yield opened
    await opened.close()


async def _seqs(journal: Journal) -> list[int]:
    return [entry.seq async for entry in journal.read()]


async def test_what_is_old_is_gone(engine: AsyncEngine, journal: Journal) -> None:
    """Numbers of callers are personal: a site says for how long it keeps them."""
    assert await forget_before(engine, 1030.0, page=7) == 30
    assert await _seqs(journal) == list(range(31, 101))
    assert await forget_before(engine, 1030.0, page=7) == 0


async def test_what_a_restart_needs_stays(engine: AsyncEngine, journal: Journal) -> None:
    """However short the time: the state of now must be foldable."""
    assert await forget_before(engine, 9999.0, page=7) == 80
    assert await _seqs(journal) == list(range(81, 101))


async def test_the_snapshots_of_forgotten_days_go_too(
    engine: AsyncEngine, journal: Journal
) -> None:
    """They hold callers' numbers as well, and without their entries nothing begins there."""
    for day in (1, 2, 3):
        at = 1100.0 + day * 86_400.0
        await journal.save_snapshot(journal.append("acd", "X", "c", {}, at), at, b"{}")
    assert await journal.first_snapshot_at() == 1079.0
    assert await forget_before(engine, 1200.0 + 86_400.0) == 93  # all but the last
    assert await journal.first_snapshot_at() == 1100.0 + 2 * 86_400.0
    assert await _seqs(journal) == list(range(94, 104))


async def test_numbers_go_on_when_nearly_all_is_forgotten(
    engine: AsyncEngine, journal: Journal
) -> None:
    """A number that is given twice would be two entries of one name."""
    await journal.save_snapshot(journal.last_seq, 1100.0, b"{}")
    await journal.save_snapshot(journal.append("acd", "X", "c", {}, 1101.0), 1101.0, b"{}")
    await forget_before(engine, 9999.0)
    assert await _seqs(journal) == list(range(92, 102))
    again = Journal(engine)
    await again.open()
    assert again.append("acd", "X", "c", {}, 1102.0) == 102
    await again.close()


async def test_without_a_snapshot_nothing_is_forgotten(engine: AsyncEngine) -> None:
    """Then the whole journal is the state."""
    opened = Journal(engine)
    await opened.open()
    await opened.committed(opened.append("acd", "X", "c", {}, 1.0))
    assert await forget_before(engine, 9999.0) == 0
    await opened.close()
