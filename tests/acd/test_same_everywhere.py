"""The same facts are decided the same by every process, whatever order it keeps its sets in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import json

from tests.acd.test_wild_floor import Wild
from tests.acd.test_wild_items import WildItems
from tests.acd.test_wild_matching import WildSite

PROJECT = Path(__file__).parents[2]
SEEDS = range(1, 7)
STEPS = 120


def days() -> Iterator[Wild]:
    """Random floors of every kind, played to their end."""
    for seed in SEEDS:
        for kind in (Wild, WildItems, WildSite):
            wild = kind(seed)
            wild.run(STEPS)
            yield wild


def main() -> None:
    """Write every decision of the days, and the state they end in, to the standard output."""
    for wild in days():
        for decision in wild.decisions:
            print(decision)
        print(json.encode(wild.live.snapshot()).decode())


def test_the_same_days_give_the_same_decisions_under_any_hashing_of_text() -> None:
    """Who gets which call, every reason and every kept number are the same to the byte, so that a
    journal that one process wrote is folded by another to the same state."""
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.acd.test_same_everywhere"],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": hashing},
            stdout=subprocess.PIPE,
        )
        for hashing in ("1", "2")
    ]
    told = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert len(told[0]) > 500_000
    assert len(set(told)) == 1  # not compared as text: the difference would take minutes to show


if __name__ == "__main__":
    main()
