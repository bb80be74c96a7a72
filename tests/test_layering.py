"""The structure of the whole: who may import whom, and that the docs show what is built."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from acd.diagram import mermaid

ROOT = Path(__file__).parents[1]


def test_the_import_contracts_hold() -> None:
    """Layering is a test, not a hope: a package that reaches across fails here."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_state_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    """A reader of the architecture page must see the states that the engine really has."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- states -->\n(.*?)<!-- /states -->", page, re.DOTALL)
    assert shown is not None
    assert shown[1] == f"```mermaid\n{mermaid()}```\n", (
        "put the output of `python -m acd.diagram` between the markers"
    )


def test_nothing_of_this_machine_stands_in_the_project() -> None:
    """A clone elsewhere must work: no registry hosts, no absolute paths of a workplace."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    pattern = re.compile(r"(debian|pypi|pythonhosted|npmjs)[.](org|com)")
    for name in filter(None, tracked):
        file = ROOT / name
        if not file.is_file() or file.suffix in (".png", ".wav"):
            continue
        found = pattern.search(file.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{name} names a registry host: {found[0] if found else ''}"
