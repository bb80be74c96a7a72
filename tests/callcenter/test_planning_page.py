"""docs/planning.md: every command is run, and prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.callcenter.planning_page import PICTURE, examples, output_of, prepared

EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("planning")
    prepared(made)
    return made


def _outline(output: str) -> list[str]:
    """The lines without their numbers, and without who was served by whom and why."""
    lines = []
    for line in output.splitlines():
        line = re.sub(r"^(  (simulated|other|then|now)  ).*$", r"\1…", line)
        line = re.sub(r"\d[\d,.]*(-\d+)*", "0", line)
        lines.append(re.sub(r"\s+", " ", line).strip())
    return lines


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[c for c, _ in EXAMPLES])
def test_the_page_shows_what_the_command_prints(folder: Path, command: str, shown: str) -> None:
    """Figures may move with the engine, what is told may not: write it anew with
    python -m tests.callcenter.planning_page."""
    assert _outline(output_of(command, folder)) == _outline(shown)


def test_the_picture_is_the_one_that_the_command_draws(folder: Path) -> None:
    """Nobody has drawn it by hand."""
    command = next(command for command, _ in EXAMPLES if "--picture" in command)
    output_of(command, folder)
    assert (folder / "staff.svg").read_text("utf-8") == PICTURE.read_text("utf-8")


def test_the_page_has_examples() -> None:
    """A pattern that finds nothing would prove nothing."""
    assert len(EXAMPLES) == 6
