"""The commands of docs/planning.md and what they print on the busy morning.

`python -m tests.callcenter.planning_page` writes the outputs, and the picture, anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from typer.testing import CliRunner

from acd import facts as f
from acd.engine import Engine
from callcenter.cli import app
from tests.callcenter.busyday import busy_morning

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "planning.md"
PICTURE = DOCS / "images" / "staff.svg"
BLOCK = re.compile(
    r"^```console\n\$ callcenter (?P<command>[^\n]+)\n(?P<output>.*?)^```$", re.M | re.S
)


def prepared(folder: Path) -> None:
    """Everything that the commands read."""
    shutil.copy(DOCS / "examples" / "monday.csv", folder)
    asyncio.run(busy_morning(folder))


def examples() -> Iterator[tuple[str, str]]:
    """Each command of the page, with the output that the page shows."""
    for found in BLOCK.finditer(PAGE.read_text("utf-8")):
        yield found["command"], found["output"]


def output_of(command: str, folder: Path) -> str:
    """What the command prints there. AssertionError when it fails."""
    command, _, other = command.partition("  # ")
    env = {"CALLCENTER_VAR": str(folder), "CALLCENTER_SITE": "", "COLUMNS": "80"}
    before = Path.cwd()
    os.chdir(folder)
    try:
        with unfair() if other else contextlib.nullcontext():
            run = CliRunner().invoke(app, shlex.split(command), env=env)
    finally:
        os.chdir(before)
    assert run.exit_code == (1 if other else 0), run.output
    return "\n".join(line.rstrip() for line in run.stdout.splitlines()).strip("\n") + "\n"


@contextlib.contextmanager
def unfair() -> Iterator[None]:
    """Meanwhile the engine takes anna out of all queues."""
    handle = Engine.handle

    def without_anna(engine: Engine, fact: Any, now: float) -> Any:
        if isinstance(fact, f.Configured):
            agents = tuple(
                replace(one, queues=() if one.id == "anna" else one.queues)
                for one in fact.site.agents
            )
            fact = f.Configured(replace(fact.site, agents=agents))
        return handle(engine, fact, now)

    with mock.patch.object(Engine, "handle", without_anna):
        yield


def write() -> None:
    """The page with the outputs of today."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared(folder)

        def renewed(found: re.Match[str]) -> str:
            command = found["command"]
            return f"```console\n$ callcenter {command}\n{output_of(command, folder)}```"

        PAGE.write_text(BLOCK.sub(renewed, PAGE.read_text("utf-8")), "utf-8")
        shutil.copy(folder / "staff.svg", PICTURE)


if __name__ == "__main__":
    write()
