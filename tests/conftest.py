"""Fixtures that more than one package's tests use: a real Asterisk, as many as wanted."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cti.asterisk.configuration import AsteriskConfig, render
from cti.asterisk.install import (
    AsteriskInstall,
    AsteriskUnavailable,
    obtain_asterisk,
)
from cti.asterisk.layout import Layout, Ports, free_ports
from cti.asterisk.server import AsteriskServer, find_process

_PREFIX = f"cc-test-{os.getuid()}-"
_EMPTY_DIALPLAN = "[cc-entry]\n[cc-agent]\n"

AsteriskFactory = Callable[..., Awaitable[AsteriskServer]]


@pytest.fixture(scope="session")
def asterisk_install() -> AsteriskInstall:
    """The machine's Asterisk, fetched into the cache the first time."""
    try:
        return asyncio.run(obtain_asterisk())
    except AsteriskUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Asterisk: {error.why}")


@pytest.fixture(scope="session")
def asterisk_tree(asterisk_install: AsteriskInstall) -> Path | None:
    """The fetched tree, or None when the machine has an Asterisk of its own."""
    return asterisk_install.data.parents[2] if asterisk_install.origin == "tree" else None


@pytest.fixture(scope="session")
def asterisk_folder() -> Iterator[Callable[[], Path]]:
    """Makes short folders for instances; ends what a killed test run left behind."""
    _sweep()
    made: list[Path] = []

    def make() -> Path:
        # pytest's own tmp_path is too long for the path of Asterisk's control socket.
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        (folder / "owner").write_text(str(os.getpid()))
        made.append(folder)
        return folder

    yield make
    for folder in made:
        _end(folder)


@pytest.fixture
async def asterisk_factory(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]
) -> AsyncIterator[AsteriskFactory]:
    """Starts isolated Asterisks on free ports and stops them after the test.

    `await asterisk_factory(dialplan="…", config=AsteriskConfig(…), files_extra={…})`
    returns a started `AsteriskServer`. `files_extra` replaces generated files by
    name (so a second Asterisk can play the public network). `dialplan` and values
    of `files_extra` may be functions of the identity, to put ports into the text.
    """
    servers: list[AsteriskServer] = []

    async def start(
        *,
        dialplan: str | Callable[..., str] = _EMPTY_DIALPLAN,
        config: AsteriskConfig | None = None,
        files_extra: Mapping[str, str | Callable[..., str]] | None = None,
        ports: Ports | None = None,
    ) -> AsteriskServer:
        layout = Layout(asterisk_folder() / "a")
        identity = layout.identity(ports or free_ports())
        text = dialplan if isinstance(dialplan, str) else dialplan(identity)
        files = render(config or AsteriskConfig(), layout, asterisk_install, identity, text)
        for name, extra in (files_extra or {}).items():
            files[name] = extra if isinstance(extra, str) else extra(identity)
        server = AsteriskServer(asterisk_install, layout, identity, files)
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in reversed(servers):
        await server.stop(graceful_s=2.0)
        shutil.rmtree(server.layout.root.parent, ignore_errors=True)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            owner = int((folder / "owner").read_text())
        except (OSError, ValueError):
            continue
        if not Path(f"/proc/{owner}").exists():
            _end(folder)


def _end(folder: Path) -> None:
    for config in folder.glob("*/etc/asterisk.conf"):
        pid = find_process(Layout(config.parent.parent))
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
