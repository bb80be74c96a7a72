"""The journal's batches on SQLite: a whole transaction in one visit to one thread.

An asynchronous driver visits its thread for every cursor, statement and result, a dozen times
for each batch; at ten calls a second that cost as much as routing the calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from storage.database import prepare_sqlite

Row = tuple[int, float, str, str, str, int, bytes]
Fresh = Callable[[Sequence[Row], int, int], Sequence[Row]]
"""Of these rows, given the stored owner and end, those to write. Raises to write none."""

_OWNER_AND_END = (
    "SELECT (SELECT epoch FROM journal_owner WHERE id = 1), (SELECT max(seq) FROM journal)"
)
_INSERT = (
    "INSERT INTO journal (seq, at, stream, kind, call_id, epoch, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class SqliteWriter:
    """One connection that only its own thread touches; opened when first used.

    `lock_wait_s` is how long a transaction waits for another writer.
    """

    def __init__(self, file: str, lock_wait_s: float) -> None:
        self._file = file
        self._lock_wait_s = lock_wait_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def open(self) -> None:
        """Connect. Raises `sqlite3.Error`."""
        await self._in_thread(self._connected)

    async def store(self, rows: Sequence[Row], fresh: Fresh) -> None:
        """One transaction. Raises `sqlite3.Error` and what `fresh` raises: nothing is stored."""
        await self._in_thread(self._store, rows, fresh)

    async def drop(self) -> None:
        """Close the connection; the next use opens a new one."""
        await self._in_thread(self._drop)

    async def close(self) -> None:
        """`drop`, and end the thread; a second time does nothing."""
        if not self._closed:
            self._closed = True
            await self.drop()
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # Only the one thread uses it, but another may have to clear it away.
            connection = sqlite3.connect(
                self._file, timeout=self._lock_wait_s, check_same_thread=False
            )
            try:
                prepare_sqlite(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _store(self, rows: Sequence[Row], fresh: Fresh) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            owner, end = connection.execute(_OWNER_AND_END).fetchone()
            wanted = fresh(rows, owner or 0, end or 0)
            if wanted:
                connection.executemany(_INSERT, wanted)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
