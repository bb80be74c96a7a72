"""Where figures are kept (`benchmarks/results/`), and how every benchmark hands out its own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


def keep(name: str, result: dict[str, Any]) -> None:
    """Store the figures as `benchmarks/results/<name>.json`."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def is_kept(name: str) -> bool:
    """Whether there are figures of this name."""
    return (FOLDER / f"{name}.json").exists()


def kept(name: str) -> dict[str, Any]:
    """The figures that were kept. Raises `FileNotFoundError`."""
    result: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--keep` and `--json`, for `hand_out`."""
    parser.add_argument("--keep", action="store_true", help="store the figures")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def hand_out(name: str, result: dict[str, Any], asked: argparse.Namespace) -> bool:
    """Keep and print the figures as asked; False when people want to read them instead."""
    if asked.keep:
        keep(name, result)
    if asked.json:
        print(json.dumps(result))
    return bool(asked.json)
