"""A customer store on a fresh database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from crm_link.customers import CustomerStore
from storage.database import open_engine, upgrade


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of today's schema, to copy."""
    path = tmp_path_factory.mktemp("template") / "callcenter.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def engine(migrated_file: Path, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A migrated SQLite database, `callcenter.db` in `tmp_path`."""
    path = tmp_path / "callcenter.db"
    shutil.copyfile(migrated_file, path)
    made = open_engine(f"sqlite:///{path}")
    yield made
    await made.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> CustomerStore:
    """An empty customer store for a company in the United States."""
    return CustomerStore(engine, region="US", clock=lambda: 1_764_000_000.0)
