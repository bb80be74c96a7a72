"""The journal: everything that happened, in order, once, for as long as a site keeps it.

`append` is synchronous and never waits: it gives the entry its number and puts it in
a bounded buffer. One writer task stores the buffer in batches, one transaction each,
in order; it lets entries gather for `linger_s`, unless somebody waits for one. While
storage fails (locked, disk full, connection lost) the writer tries again with back-off;
entries stay in the buffer in their order and nothing is lost as long as the process lives.
`committed` tells when an entry is on disk: only then may what it says be acknowledged.

    append ──▶ buffer (bounded) ──▶ writer: BEGIN · am I still the owner? · INSERT · COMMIT
                                        └──────── back-off ◀── storage failed ──┘

Ownership: each opening raises the owner epoch in the database. A writer whose epoch
is no longer the highest is refused inside its own transaction, so two processes can
never interleave.

Errors
    JournalUnavailable      the entry is not (known to be) on disk
    ├── JournalFull         the buffer is at its bound; the entry was not taken
    ├── JournalFenced       another process owns the journal now
    └── JournalClosed       not open (any more)
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar, overload

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.sqlite_writer import Row, SqliteWriter
from storage.tables import journal, journal_owner, snapshots

log = structlog.get_logger("storage.journal")

Stream = Literal["switch", "acd", "decision", "ivr", "person", "crm"]
T = TypeVar("T")

PAGE = 2_000
# Entries are in the order of their moments, but for what was noted late: looked at for the latest.
TAIL = 1_000
SNAPSHOTS_KEPT = 2  # the newest; and the first of each day, for who wants to run that day again
DAY_S = 86_400.0
# The writer's own wait for SQLite's lock: short, so that trouble shows and closing is quick.
LOCK_WAIT_MS = 250
ATTEMPT_TIMEOUT_S = 10.0
BACK_OFF_S = (0.02, 1.0)
ALARM_AFTER_S = 1.0


# FOR SHARE keeps a new owner waiting until this batch is in.
_OWNER = sa.select(journal_owner.c.epoch).where(journal_owner.c.id == 1).with_for_update(read=True)
_END = sa.select(sa.func.max(journal.c.seq))
_INSERT = (
    "INSERT INTO journal (seq, at, stream, kind, call_id, epoch, data)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


class JournalUnavailable(Exception):  # noqa: N818 - a state of the storage, read as such
    """The entry is not known to be on disk."""


class JournalFull(JournalUnavailable):
    """The buffer is at its bound; the entry was not taken."""


class JournalFenced(JournalUnavailable):
    """Another process owns the journal now; nothing more is written by this one."""


class JournalClosed(JournalUnavailable):
    """The journal is not open."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `at` is engine time: UTC epoch seconds."""

    seq: int
    at: float
    stream: str
    kind: str
    call_id: str
    data: bytes

    @overload
    def decode(self) -> Any: ...
    @overload
    def decode(self, as_type: type[T]) -> T: ...
    def decode(self, as_type: Any = Any) -> Any:
        """The data: plain JSON values, or an object of `as_type`."""
        return msgspec.json.decode(self.data, type=as_type)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State folded from all entries up to and with `seq`."""

    seq: int
    at: float
    blob: bytes


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """For health pages and metrics. `error` is "" when the last attempt succeeded."""

    healthy: bool
    epoch: int
    last_seq: int
    committed_seq: int
    buffered: int
    buffered_bytes: int
    oldest_s: float  # age of the oldest entry not on disk
    commits: int
    failures: int
    refused: int  # entries not taken because the buffer was full
    error: str


Text = dict[str, str]
AlarmCallback = Callable[[str, Text | None], None]

_ALARMS: dict[str, Text] = {
    "journal-unavailable": {
        "en": "The journal cannot be written. Calls go on; actions cannot be confirmed.",
        "zh": "日志无法写入。通话继续，但操作暂时无法确认。",
    },
    "journal-full": {
        "en": "The journal's buffer is full: entries are being lost.",
        "zh": "日志缓冲区已满：正在丢失记录。",
    },
    "journal-fenced": {
        "en": "Another process has taken over the journal. This one must stop.",
        "zh": "另一个进程已接管日志，本进程必须停止。",
    },
}


class Journal:
    """See the module. `append` and `committed` belong to the event loop that opened it.

    `on_alarm(code, text)` is told when something is wrong and, with None, when it is
    over; codes: "journal-unavailable", "journal-full", "journal-fenced".
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        on_alarm: AlarmCallback | None = None,
        max_entries: int = 200_000,
        max_bytes: int = 256 * 1024 * 1024,
        batch: int = 1_000,
        linger_s: float = 0.05,
    ) -> None:
        self._engine = engine
        self._writes = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._on_alarm = on_alarm
        self._alarms: set[str] = set()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._batch = batch
        self._linger_s = linger_s
        self._encode = msgspec.json.Encoder().encode
        self._buffer: deque[Row] = deque()
        self._taken: deque[float] = deque()  # when each buffered row was taken, monotonic
        self._bytes = 0
        self._epoch = 0
        self._last_seq = 0
        self._last_at = 0.0
        self._committed_seq = 0
        self._commits = self._failures = self._refused = 0
        self._error = ""
        self._fenced = False
        self._closing = False
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()  # somebody waits for an entry to be on disk
        self._progress = asyncio.Condition()
        self._further = asyncio.Event()  # set, and replaced, when more is on disk
        self._writer: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None
        self._sqlite: SqliteWriter | None = None
        if engine.dialect.name == "sqlite":
            self._sqlite = SqliteWriter(str(engine.url.database), LOCK_WAIT_MS / 1000)

    # Opening and closing -------------------------------------------------------------------

    async def open(self) -> None:
        """Become the owner, find the end, start the writer. Raises when storage is not there."""
        if self._writer is not None:
            raise RuntimeError("the journal is open already")
        await self.open_epoch()
        if self._sqlite is not None:
            await self._sqlite.open()
        else:
            await self._connected()
        self._writer = asyncio.create_task(self._write_all(), name="journal-writer")

    async def open_epoch(self) -> int:
        """Raise the owner epoch and take the end of the journal from there; the new epoch.

        From this moment every earlier owner's writes are refused. In one transaction, so
        that none of them can slip in between.
        """
        async with self._writes.begin() as connection:
            raised = await connection.execute(
                sa.update(journal_owner)
                .where(journal_owner.c.id == 1)
                .values(epoch=journal_owner.c.epoch + 1)
                .returning(journal_owner.c.epoch)
            )
            self._epoch = int(raised.scalar_one())
            tail = (
                await connection.execute(
                    sa.select(journal.c.seq, journal.c.at)
                    .order_by(journal.c.seq.desc())
                    .limit(TAIL)
                )
            ).all()
        self._last_seq = self._committed_seq = int(tail[0].seq) if tail else 0
        self._last_at = max((float(row.at) for row in tail), default=0.0)
        return self._epoch

    async def close(self, timeout_s: float = 5.0) -> int:
        """Write what is buffered and stop; how many entries did not get to disk in time."""
        writer, self._writer = self._writer, None
        self._closing = True
        self._wake.set()
        self._hurry.set()
        if writer is not None:
            done, _ = await asyncio.wait({writer}, timeout=timeout_s)
            if not done:
                writer.cancel()
                await asyncio.wait({writer})
        await self._drop_connection()
        if self._sqlite is not None:
            await self._sqlite.close()
        await self._tell_progress()
        if self._buffer:
            log.error("journal closed with entries not on disk", lost=len(self._buffer))
        return len(self._buffer)

    # Writing -------------------------------------------------------------------------------

    def append(self, stream: Stream | str, kind: str, call_id: str, data: object, at: float) -> int:
        """Take one entry; its number. Never waits.

        `data` is anything msgspec can encode, and is encoded before this returns. Raises
        `JournalFull`, `JournalFenced` or `JournalClosed` (the entry was not taken), and
        TypeError or ValueError for data that cannot be stored.
        """
        if self._writer is None or self._closing:
            raise JournalClosed("the journal is not open")
        if self._fenced:
            raise JournalFenced("another process owns the journal")
        if not math.isfinite(at):
            raise ValueError(f"at is not a time: {at}")
        encoded = self._encoded(data)
        if len(self._buffer) >= self._max_entries or self._bytes + len(encoded) > self._max_bytes:
            self._refused += 1
            self._alarm("journal-full")
            raise JournalFull(f"{len(self._buffer)} entries wait for the disk")
        seq = self._last_seq = self._last_seq + 1
        self._last_at = max(self._last_at, at)
        self._buffer.append(
            (seq, at, stream, _storable(kind), _storable(call_id), self._epoch, encoded)
        )
        self._bytes += len(encoded)
        self._taken.append(time.monotonic())
        self._wake.set()
        return seq

    def _encoded(self, data: object) -> bytes:
        try:
            return self._encode(data)
        except UnicodeEncodeError:
            # Half a surrogate pair, from bytes that were not UTF-8: keep the rest of the text.
            return self._encode(_without_surrogates(msgspec.to_builtins(data)))

    async def committed(self, seq: int, timeout_s: float = 5.0) -> None:
        """Return once entry `seq` is on disk.

        Raises `JournalUnavailable` when that takes longer than `timeout_s`, at once when
        storage has been failing that long already. The entry may still get there later.
        """
        if seq <= self._committed_seq:
            return
        if seq > self._last_seq:
            raise ValueError(f"entry {seq} was never taken; the last is {self._last_seq}")
        if self._error and self._oldest_s() >= timeout_s:
            raise JournalUnavailable(f"storage has been failing: {self._error}")
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s), self._progress:
                await self._progress.wait_for(lambda: self._settled(seq))
        except TimeoutError:
            why = self._error or "the writer is behind"
            raise JournalUnavailable(f"not on disk after {timeout_s:g} s: {why}") from None
        if seq > self._committed_seq:
            kind = JournalFenced if self._fenced else JournalClosed
            raise kind("the entry did not get to disk")

    async def beyond(self, seq: int) -> int:
        """Wait until more than entry `seq` is on disk, without hurrying the writer; how far it is.

        Raises `JournalClosed` or `JournalFenced` when no more will come.
        """
        while not (self._committed_seq > seq or self._fenced or self._stopped):
            await self._further.wait()
        if self._committed_seq > seq:
            return self._committed_seq
        raise JournalFenced("taken over") if self._fenced else JournalClosed("closed")

    async def _tell_progress(self) -> None:
        """Wake whoever waits for an entry to be on disk, or for the end."""
        further, self._further = self._further, asyncio.Event()
        further.set()
        async with self._progress:
            self._progress.notify_all()

    def _settled(self, seq: int) -> bool:
        return seq <= self._committed_seq or self._fenced or self._stopped

    @property
    def _stopped(self) -> bool:
        return self._closing and self._writer is None

    async def _write_all(self) -> None:
        while True:
            await self._wake.wait()
            await self._let_gather()
            rows = list(islice(self._buffer, self._batch))
            if rows:
                try:
                    await self._store_patiently(rows)
                except JournalFenced as fenced:
                    await self._give_up(fenced)
                    return
                await self._stored(rows)
            if not self._buffer:
                self._wake.clear()
                if self._closing:
                    return

    async def _let_gather(self) -> None:
        """A commit costs as much as what a call does otherwise: take several at once."""
        if len(self._buffer) < self._batch and not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._linger_s):
                    await self._hurry.wait()
        self._hurry.clear()

    async def _store_patiently(self, rows: list[Row]) -> None:
        delay = BACK_OFF_S[0]
        while True:
            try:
                await self._store(rows)
                return
            except JournalFenced:
                raise
            except Exception as error:
                # Whatever it is: a writer that gives up would stop the journal for good.
                await self._failed(error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACK_OFF_S[1])

    async def _store(self, rows: Sequence[Row]) -> None:
        """One transaction. Rows that an attempt of unknown outcome has stored are left out."""
        if self._sqlite is not None:  # it bounds its own waits
            await self._sqlite.store(rows, self._fresh)
            return
        async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
            connection = await self._connected()
            async with connection.begin():
                owner = await connection.scalar(_OWNER)
                end = await connection.scalar(_END)
                fresh = self._fresh(rows, int(owner or 0), int(end or 0))
                if fresh:
                    await connection.exec_driver_sql(_INSERT, [*fresh])

    def _fresh(self, rows: Sequence[Row], owner: int, end: int) -> Sequence[Row]:
        """Those that are not stored yet, if the journal is ours and they continue it."""
        self._must_own(owner)
        fresh = rows if end < rows[0][0] else [row for row in rows if row[0] > end]
        if fresh and end != fresh[0][0] - 1:
            raise JournalFenced(f"the journal ends at {end}, not at {fresh[0][0] - 1}")
        return fresh

    def _must_own(self, owner: int) -> None:
        if owner != self._epoch:
            raise JournalFenced(f"epoch {owner} has replaced {self._epoch}")

    async def _connected(self) -> AsyncConnection:
        """The writer's own connection: others may use up the pool without stopping it."""
        if self._connection is None:
            self._connection = await self._engine.connect()
        return self._connection

    async def _drop_connection(self) -> None:
        if self._sqlite is not None:
            await self._sqlite.drop()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(SQLAlchemyError, OSError):
            await connection.invalidate()
        with contextlib.suppress(SQLAlchemyError, OSError):
            await connection.close()

    async def _stored(self, rows: list[Row]) -> None:
        for row in rows:
            self._buffer.popleft()
            self._taken.popleft()
            self._bytes -= len(row[6])
        last = rows[-1][0]
        self._committed_seq = last
        self._commits += 1
        if self._error:
            log.info("journal is being written again", behind=len(self._buffer))
        self._error = ""
        self._alarm_over("journal-unavailable")
        if len(self._buffer) < self._max_entries // 2:
            self._alarm_over("journal-full")
        await self._tell_progress()

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        text = str(getattr(error, "orig", None) or error) or type(error).__name__
        if not self._error:
            log.warning("journal cannot be written", error=text, waiting=len(self._buffer))
        self._error = text
        if self._oldest_s() >= ALARM_AFTER_S:
            self._alarm("journal-unavailable")
        # After an error of the connection nobody knows what it still holds; a lock is harmless.
        if "locked" not in text:
            await self._drop_connection()

    async def _give_up(self, fenced: JournalFenced) -> None:
        self._fenced = True
        self._error = str(fenced)
        log.error("journal taken over", why=str(fenced), lost=len(self._buffer))
        self._alarm("journal-fenced")
        await self._tell_progress()

    # Health --------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """The number of the last entry taken (0: none yet)."""
        return self._last_seq

    @property
    def last_at(self) -> float:
        """The latest moment in the journal: the clock must not run behind it."""
        return self._last_at

    @property
    def committed_seq(self) -> int:
        """Everything up to this number is on disk."""
        return self._committed_seq

    @property
    def epoch(self) -> int:
        """This owner's epoch."""
        return self._epoch

    @property
    def healthy(self) -> bool:
        """Whether something done now can be expected to be on disk in a moment."""
        return (
            self._writer is not None
            and not self._fenced
            and "journal-full" not in self._alarms
            and not (self._error and self._oldest_s() >= ALARM_AFTER_S)
        )

    @property
    def status(self) -> JournalStatus:
        """A picture for health pages and metrics."""
        return JournalStatus(
            healthy=self.healthy,
            epoch=self._epoch,
            last_seq=self._last_seq,
            committed_seq=self._committed_seq,
            buffered=len(self._buffer),
            buffered_bytes=self._bytes,
            oldest_s=self._oldest_s(),
            commits=self._commits,
            failures=self._failures,
            refused=self._refused,
            error=self._error,
        )

    def _oldest_s(self) -> float:
        return time.monotonic() - self._taken[0] if self._taken else 0.0

    def _alarm(self, code: str) -> None:
        if code not in self._alarms:
            self._alarms.add(code)
            if self._on_alarm is not None:
                self._on_alarm(code, _ALARMS[code])

    def _alarm_over(self, code: str) -> None:
        if code in self._alarms:
            self._alarms.discard(code)
            if self._on_alarm is not None:
                self._on_alarm(code, None)

    # Reading -------------------------------------------------------------------------------

    async def read(
        self,
        after_seq: int = 0,
        until_seq: int | None = None,
        call_id: str | None = None,
        streams: Sequence[str] | None = None,
    ) -> AsyncIterator[Entry]:
        """Stored entries in order, after one number and up to another (both optional).

        Reads page by page, so that a slow reader holds no transaction open; entries that
        are stored after it began are not given. Works on a journal that was not opened.
        """
        until = until_seq if until_seq is not None else await self.stored_seq()
        while True:
            query = sa.select(journal).where(journal.c.seq > after_seq, journal.c.seq <= until)
            if call_id is not None:
                # The second condition lets the database use its index of calls.
                query = query.where(journal.c.call_id == call_id, journal.c.call_id != "")
            if streams is not None:
                query = query.where(journal.c.stream.in_(streams))
            async with self._engine.connect() as connection:
                result = await connection.execute(query.order_by(journal.c.seq).limit(PAGE))
                page = result.all()
            for row in page:
                yield Entry(row.seq, row.at, row.stream, row.kind, row.call_id, row.data)
            if len(page) < PAGE:
                return
            after_seq = page[-1].seq

    async def stored_seq(self) -> int:
        """The number of the last entry on disk."""
        async with self._engine.connect() as connection:
            return int(await connection.scalar(sa.select(sa.func.max(journal.c.seq))) or 0)

    async def first_stored_seq(self) -> int:
        """The number of the oldest entry that is kept; 0 when there is none."""
        async with self._engine.connect() as connection:
            return int(await connection.scalar(sa.select(sa.func.min(journal.c.seq))) or 0)

    # Snapshots -----------------------------------------------------------------------------

    async def save_snapshot(
        self, seq: int, at: float, blob: bytes, *, timeout_s: float = 30.0
    ) -> None:
        """Keep the state after entry `seq`, once that entry is on disk itself.

        Older snapshots but one are removed, and but the first of each day (UTC). Raises like
        `committed`.
        """
        await self.committed(seq, timeout_s)
        try:
            async with self._writes.begin() as connection:
                self._must_own(int(await connection.scalar(_OWNER) or 0))
                await connection.execute(sa.delete(snapshots).where(snapshots.c.seq == seq))
                await connection.execute(sa.insert(snapshots).values(seq=seq, at=at, blob=blob))
                known = sa.select(snapshots.c.seq, snapshots.c.at).order_by(snapshots.c.seq)
                surplus = _surplus([(s, at) for s, at in await connection.execute(known)])
                await connection.execute(sa.delete(snapshots).where(snapshots.c.seq.in_(surplus)))
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(f"the snapshot was not saved: {error}") from error

    async def load_snapshot(
        self, by: float | None = None, *, before: int | None = None
    ) -> Snapshot | None:
        """The newest snapshot (`by`: of no later than that moment; `before`: of an earlier
        entry than this one), or None.

        Fold the entries after it to get the state of now (or of later).
        """
        query = sa.select(snapshots).order_by(snapshots.c.seq.desc()).limit(1)
        if by is not None:
            query = query.where(snapshots.c.at <= by)
        if before is not None:
            query = query.where(snapshots.c.seq < before)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Snapshot(row.seq, row.at, row.blob)

    async def first_snapshot_at(self) -> float | None:
        """The moment of the oldest snapshot; None when there is none."""
        async with self._engine.connect() as connection:
            at = await connection.scalar(sa.select(sa.func.min(snapshots.c.at)))
        return None if at is None else float(at)


def _surplus(known: Sequence[tuple[int, float]]) -> list[int]:
    """Of the snapshots (number, moment; in order) those that nobody needs any more."""
    old, days, surplus = known[:-SNAPSHOTS_KEPT], set[float](), []
    for seq, at in old:
        if at // DAY_S in days:
            surplus.append(seq)
        days.add(at // DAY_S)
    return surplus


def _storable(text: str) -> str:
    """Text that every database takes: no NUL, no half surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
