"""docs/security.md names a test for each attack: they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [
    line
    for line in (ROOT / "docs" / "security.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and "::" in line
]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "\n".join(ROWS))))


def test_every_attack_has_a_test() -> None:
    """A row without a test would be a promise."""
    assert len(ROWS) > 30
    for row in ROWS:
        *_, tests, _ = row.split("|")
        assert re.search(r"`tests/[\w/]+\.py::\w+`", tests), row


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_is_there(file: str, name: str) -> None:
    """A test that was renamed must be renamed on the page."""
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^(async )?def {name}\(", text, re.M), f"{file} has no {name}"
