"""The database: one engine for SQLite or PostgreSQL, and its migrations.

On SQLite every transaction is explicit. It begins DEFERRED; code that reads before
it writes asks for `engine.execution_options(sqlite_begin="IMMEDIATE")`, so that it
waits for the writer before it rather than failing half-way; "NONE" begins nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# Alembic keeps what it works on in module globals.
_ONE_AT_A_TIME = threading.Lock()
MIGRATIONS = Path(__file__).with_name("migrations")


class SchemaError(Exception):
    """The database was made by a newer version of the product, or by something else."""


def database_url(text: str) -> URL:
    """A site's database address with the right driver. Raises ValueError for another database.

    `sqlite:///var/callcenter.db` (three slashes: relative, four: absolute) or
    `postgresql://user:password@host/name`.
    """
    try:
        url = make_url(text)
    except sa.exc.ArgumentError as error:
        raise ValueError(f"not a database address: {error}") from None
    backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    if backend == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file: sqlite:///path/to/callcenter.db")
        return url.set(drivername="sqlite+aiosqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+asyncpg")
    raise ValueError(f"the database must be sqlite or postgresql, not {backend}")


def open_engine(url: str, *, busy_timeout_s: float = 5.0) -> AsyncEngine:
    """The engine for `url`; dispose of it at the end. Opens no connection yet."""
    address = database_url(url)
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, pool_pre_ping=True, pool_size=10)
    Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    given = {"timeout": busy_timeout_s, "async_creator_fn": _sqlite}
    engine = create_async_engine(address, connect_args=given)
    sa.event.listen(engine.sync_engine, "connect", lambda made, _: prepare_sqlite(made))
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


class _Sqlite(aiosqlite.Connection):
    """A connection that may be stopped twice, as two cancellations in a row do.

    Its thread obeys the first time only: who waits for a second one of its own waits for ever,
    and the event loop, which waits for everybody at its end, never ends.
    """

    _ending: tuple[asyncio.Future[Any] | None] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        if self._ending is None:
            self._ending = (super().stop(),)
        return self._ending[0]


def _sqlite(database: str, **options: Any) -> _Sqlite:
    connection = _Sqlite(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy has it for its own
    return connection


def prepare_sqlite(connection: Any) -> None:
    """What every connection to SQLite begins with."""
    # The driver's own habit of opening transactions late is switched off: see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit that was acknowledged survives a power cut
        "foreign_keys=ON",
        "secure_delete=ON",  # what is erased leaves no trace in free pages
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    if mode != "NONE":  # some pragmas work outside a transaction only
        connection.exec_driver_sql(f"BEGIN {mode}")


async def upgrade(url: str) -> str:
    """Bring the schema to this version's; the revision. Safe to call at every start.

    Raises `SchemaError` when the database is newer than this program.
    """
    return await asyncio.to_thread(_upgrade, url)


def _upgrade(url: str) -> str:
    database_url(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    script = ScriptDirectory.from_config(config)
    try:
        with _ONE_AT_A_TIME:
            command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaError(f"this database belongs to another version: {error}") from error
    return script.get_current_head() or ""


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[AsyncEngine]:
    """An upgraded database for the length of a block."""
    await upgrade(url)
    engine = open_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


async def backup(engine: AsyncEngine, target: Path) -> None:
    """Copy a live SQLite database to a new file, consistently and while it is in use."""
    source = engine.url.database
    if engine.dialect.name != "sqlite" or source is None:
        raise ValueError("only SQLite is copied this way; use pg_dump for PostgreSQL")
    await asyncio.to_thread(_backup, source, target)


def _backup(source: str, target: Path) -> None:
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    with (
        contextlib.closing(sqlite3.connect(source)) as live,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy, pages=1000, sleep=0.01)
