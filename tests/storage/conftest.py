"""Databases to test on: a fresh SQLite file, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.database import open_engine, upgrade


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a file that does not exist yet."""
    return f"sqlite:///{tmp_path}/callcenter.db"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of today's schema, to copy."""
    path = tmp_path_factory.mktemp("template") / "callcenter.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def engine(migrated_file: Path, sqlite_url: str) -> AsyncIterator[AsyncEngine]:
    """A migrated SQLite database at `sqlite_url`."""
    shutil.copyfile(migrated_file, sqlite_url.removeprefix("sqlite:///"))
    made = open_engine(sqlite_url)
    yield made
    await made.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server, for as long as the tests run."""
    programs = _programs()
    if programs is None:
        missing = "PostgreSQL's server programs (initdb, pg_ctl): apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(f"not installed: {missing}")
    folder = Path(tempfile.mkdtemp(prefix="cc-pg-"))
    user = "postgres" if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = str(folder / "data")

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=user,
            cwd=folder,
        )

    run("initdb", "-D", data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--no-sync")
    options = f"-k {folder} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty PostgreSQL database."""
    name = f"t{os.urandom(6).hex()}"
    host, _, port = postgres_server.rpartition("@")[2].partition(":")
    programs = _programs()
    assert programs is not None
    subprocess.run(
        [str(programs / "createdb"), "-h", host, "-p", port, "-U", "tester", name], check=True
    )
    return f"{postgres_server}/{name}"


def _programs() -> Path | None:
    """The folder of the newest server's programs; Debian keeps them off the PATH."""
    on_path = shutil.which("pg_ctl")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), reverse=True)
    if on_path is not None:
        return Path(on_path).resolve().parent
    return found[0].parent if found else None
