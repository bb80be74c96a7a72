"""The engine's settings and the migrations."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

import crm_link.tables
import reporting.tables
import storage.tables
from storage.database import (
    MIGRATIONS,
    SchemaError,
    backup,
    database_url,
    open_engine,
    opened,
    upgrade,
)

DECLARED = (storage.tables.METADATA, crm_link.tables.METADATA, reporting.tables.METADATA)


def _differences(connection: sa.Connection) -> list[object]:
    together = sa.MetaData()
    for metadata in DECLARED:
        for table in metadata.sorted_tables:
            table.to_metadata(together)
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, together))


async def _assert_same(url: str) -> None:
    async with opened(url) as engine, engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        # An index's WHERE is not compared by alembic.
        if engine.dialect.name == "sqlite":
            statements = await connection.scalars(
                sa.text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'")
            )
            assert len(statements.all()) == 2


async def test_migrated_schema_is_the_declared_one(sqlite_url: str) -> None:
    """A forgotten migration would only show on a customer's machine."""
    await _assert_same(sqlite_url)


async def test_migrated_schema_is_the_declared_one_on_postgresql(postgres_url: str) -> None:
    """The migrations are written by hand and must mean the same in both databases."""
    await _assert_same(postgres_url)


async def test_a_difference_would_be_seen(sqlite_url: str) -> None:
    """The comparison above must be able to fail."""
    async with opened(sqlite_url) as engine, engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE users ADD COLUMN shoe_size INTEGER")
        await connection.exec_driver_sql("DROP INDEX ix_journal_call")
        differences = await connection.run_sync(_differences)
    assert [d[0] for d in differences if isinstance(d, tuple)] == ["add_index", "remove_column"]


_UPGRADE = "import asyncio, sys, storage.database as d; asyncio.run(d.upgrade(sys.argv[1]))"


async def _upgrade_in_another_process(url: str) -> int:
    root = Path(__file__).parents[2]
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _UPGRADE, url, cwd=root)
    return await child.wait()


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
async def test_agents_have_their_figures_of_the_day_of_the_upgrade(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Parts of calls from before are made of the visits; a call that nobody answered has none."""
    url = request.getfixturevalue(kind)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    await asyncio.to_thread(command.upgrade, config, "0005")
    row = "'{}', 0, 'sales', 10.0, 'call', {}, '{}', 5.0, 'anna', 90.0, 60.0, 5.0, 10.0, {}"
    before = open_engine(url)
    async with before.begin() as connection:
        for call, left, outcome, onward in (
            ("c1", "15.0", "answered", "true"),
            ("c2", "15.0", "reached", "false"),
            ("c3", "15.0", "abandoned", "false"),
            ("c4", "NULL", "", "false"),
        ):
            values = row.format(call, left, outcome, onward)
            await connection.exec_driver_sql(f"INSERT INTO queue_visits VALUES ({values})")
    await before.dispose()
    async with opened(url) as engine, engine.connect() as connection:
        query = "SELECT call_id, agent, queue, began, talk_s, how FROM call_parts ORDER BY call_id"
        found = [tuple(kept) for kept in await connection.exec_driver_sql(query)]
    assert found == [
        ("c1", "anna", "sales", 15.0, 60.0, "to queue"),
        ("c2", "anna", "sales", 15.0, 60.0, ""),
    ]


async def test_upgrading_twice_and_at_once_is_harmless(sqlite_url: str) -> None:
    """Every start upgrades, and two processes may start together."""
    ends = await asyncio.gather(*(_upgrade_in_another_process(sqlite_url) for _ in range(2)))
    assert ends == [0, 0]
    assert await upgrade(sqlite_url) == await upgrade(sqlite_url)
    await asyncio.gather(*(upgrade(sqlite_url) for _ in range(3)))


async def test_upgrading_at_once_on_postgresql(postgres_url: str) -> None:
    """Two nodes may start together on one database."""
    ends = await asyncio.gather(*(_upgrade_in_another_process(postgres_url) for _ in range(2)))
    assert ends == [0, 0]


async def test_a_newer_schema_is_refused(sqlite_url: str) -> None:
    """An old program must not write into a newer database."""
    async with opened(sqlite_url) as engine, engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError):
        await upgrade(sqlite_url)


async def test_a_failed_migration_leaves_nothing_behind(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut in the middle of an upgrade must leave the old schema, not half of the new."""
    from alembic.operations import Operations

    real = Operations.create_table
    monkeypatch.setattr(
        Operations,
        "create_table",
        lambda self, name, *a, **k: (
            (_ for _ in ()).throw(RuntimeError("cut"))
            if name == "customer_notes"
            else real(self, name, *a, **k)
        ),
    )
    with pytest.raises(RuntimeError, match="cut"):
        await upgrade(sqlite_url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()


async def test_sqlite_is_set_up_for_durability(engine: AsyncEngine) -> None:
    """An acknowledged commit must survive a power cut, and a reader must not stop the writer."""
    async with engine.connect() as connection:
        settings = {
            name: await connection.scalar(sa.text(f"PRAGMA {name}"))
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "secure_delete",
            )
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
    }


async def test_transactions_roll_back_reads_and_schema_too(engine: AsyncEngine) -> None:
    """Python's driver opens transactions late by itself; ours are to be real ones."""
    async with engine.connect() as connection:
        await connection.exec_driver_sql("CREATE TABLE passing (n INTEGER)")
        await connection.rollback()
        tables = await connection.run_sync(lambda c: sa.inspect(c).get_table_names())
    assert "passing" not in tables


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///var/x.db", "sqlite+aiosqlite"),
        ("postgresql://u:p@h/db", "postgresql+asyncpg"),
        ("postgres://u:p@h/db", "postgresql+asyncpg"),
        ("postgresql+psycopg2://h/db", "postgresql+asyncpg"),
    ],
)
def test_the_driver_is_ours_to_choose(text: str, driver: str) -> None:
    """A site writes the address it knows from elsewhere."""
    assert database_url(text).drivername == driver


@pytest.mark.parametrize("text", ["mysql://h/db", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_other_databases_are_refused(text: str) -> None:
    """Better a clear sentence at the start than a strange failure under load."""
    with pytest.raises(ValueError, match=r"SQLite needs|must be|not a database"):
        database_url(text)


async def test_a_backup_of_a_live_database_is_whole(
    engine: AsyncEngine, sqlite_url: str, tmp_path: Path
) -> None:
    """Copying the file of a running system gives half of it: the rest is in the log."""
    target = tmp_path / "copy.db"
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE journal_owner SET epoch = 7")
    await backup(engine, target)
    other = open_engine(f"sqlite:///{target}")
    async with other.connect() as connection:
        assert await connection.scalar(sa.text("SELECT epoch FROM journal_owner")) == 7
    await other.dispose()
    with pytest.raises(FileExistsError):
        await backup(engine, target)


async def test_who_is_cancelled_twice_in_a_statement_comes_to_an_end(sqlite_url: str) -> None:
    """Once by its owner, and again when the event loop ends, which waits for everybody."""
    await upgrade(sqlite_url)
    engine = open_engine(sqlite_url)
    file = str(database_url(sqlite_url).database)

    async def write() -> None:
        async with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            await connection.exec_driver_sql("DELETE FROM sessions")

    before = asyncio.all_tasks()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(write())
        await asyncio.sleep(0.2)
        writing.cancel()
        await asyncio.sleep(0.1)
        (closing,) = asyncio.all_tasks() - before - {writing}
        writing.cancel()
        closing.cancel()
    _, hanging = await asyncio.wait({writing, closing}, timeout=10)
    assert not hanging
    await engine.dispose()
