"""What the journal forgets: entries older than a site wants to keep, from its beginning on."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.journal import PAGE, SNAPSHOTS_KEPT, TAIL
from storage.tables import journal, snapshots

PAUSE_S = 0.05  # between two pages: the journal's writer wants the database too


async def forget_before(engine: AsyncEngine, at: float, *, page: int = PAGE) -> int:
    """Delete the entries of before `at` (engine time); how many.

    Never what a restart needs (all after the last snapshots), and never the last entries, which
    carry the numbering on. Deletes page by page, so that nobody waits long for the database.
    """
    writes = engine.execution_options(sqlite_begin="IMMEDIATE")
    newest = sa.select(snapshots.c.seq).order_by(snapshots.c.seq.desc()).limit(SNAPSHOTS_KEPT)
    old_days = sa.delete(snapshots).where(snapshots.c.at < at, snapshots.c.seq.not_in(newest))
    async with writes.begin() as connection:
        await connection.execute(old_days)
    forgotten = 0
    while True:
        async with engine.connect() as connection:
            last = int(await connection.scalar(sa.select(sa.func.max(journal.c.seq))) or 0)
            needed = await connection.scalar(sa.select(sa.func.min(snapshots.c.seq)))
            until = min(int(needed or 0), last - TAIL)
            query = sa.select(journal.c.seq, journal.c.at).where(journal.c.seq <= until)
            rows = (await connection.execute(query.order_by(journal.c.seq).limit(page))).all()
        old = [row.seq for row in rows if row.at < at]
        if not old:
            return forgotten
        async with writes.begin() as connection:
            await connection.execute(
                sa.delete(journal).where(journal.c.seq <= old[-1], journal.c.at < at)
            )
        forgotten += len(old)
        if len(rows) < page or len(old) < len(rows):
            return forgotten
        await asyncio.sleep(PAUSE_S)
