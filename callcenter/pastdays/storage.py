"""The journal and the database of this installation, for reading only: they may be in use."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from callcenter.pastdays.reading import NothingToRun
from config.settings import Settings
from storage.database import open_engine
from storage.journal import Journal


@contextlib.asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The database as it is; `NothingToRun` when it is none of ours, or there is none."""
    _must_be_there(settings)
    engine = open_engine(settings.database)
    where = engine.url.render_as_string(hide_password=True)
    try:
        yield engine
    except (sa.exc.SQLAlchemyError, OSError) as error:
        why = str(getattr(error, "orig", None) or error)
        raise NothingToRun(f"There is no journal in {where}: {why}", None) from None
    finally:
        await engine.dispose()


def _must_be_there(settings: Settings) -> None:
    """A file that is only looked for must not be made."""
    url = sa.engine.make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise NothingToRun(
            f"There is no database {url.database}. CALLCENTER_VAR (or CALLCENTER_DATABASE_URL) "
            "says where the call center keeps it.",
            None,
        )


@contextlib.asynccontextmanager
async def opened_journal(settings: Settings) -> AsyncIterator[Journal]:
    """The journal, not opened for writing. `NothingToRun`."""
    async with opened_database(settings) as engine:
        yield Journal(engine)
