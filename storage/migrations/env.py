"""Runs the migrations on the address that `storage.database.upgrade` puts in."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from alembic import context

from storage.database import open_engine


def _migrate(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Two processes that start at once: the second waits, and finds nothing to do.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(725198)")
    context.configure(connection=connection, transactional_ddl=True)
    context.run_migrations()


async def _run() -> None:
    engine = open_engine(context.config.attributes["url"], busy_timeout_s=30.0)
    try:
        async with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations run against a live database only")
asyncio.run(_run())
