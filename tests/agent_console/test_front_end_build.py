"""The web front end is built from its sources alone, without Node on the machine."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest

from tools.build_front_end import ROOT, build, content_hash, is_current

WEB = ROOT / "agent_console" / "web"
STATIC = ROOT / "agent_console" / "static"

BUDGET_KB = 175
"""What a browser may have to load for all pages together, compressed."""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Types and unit tests of the front end first; a failure of either fails every test here."""
    build(check=True)


def built_files() -> list[Path]:
    return [path for path in STATIC.rglob("*") if path.is_file()]


def test_a_second_build_is_skipped() -> None:
    """`make run` must be quick the second time."""
    assert is_current(WEB, STATIC)
    assert build() is False


def test_content_decides_and_not_time(tmp_path: Path) -> None:
    """A fresh checkout has new times but the same contents."""
    source = tmp_path / "src" / "a.ts"
    source.parent.mkdir()
    source.write_text("one")
    installed = tmp_path / "node_modules" / "b.js"
    installed.parent.mkdir()
    installed.write_text("not a source")
    first = content_hash(tmp_path)
    os.utime(source, (1, 1))
    installed.write_text("changed")
    assert content_hash(tmp_path) == first
    source.write_text("two")
    changed = content_hash(tmp_path)
    assert changed != first
    source.rename(source.with_name("b.ts"))
    assert content_hash(tmp_path) != changed


def test_a_build_that_was_broken_off_is_not_current(tmp_path: Path) -> None:
    """The stamp alone is no front end."""
    (tmp_path / ".source-hash").write_text(content_hash(WEB))
    assert not is_current(WEB, tmp_path)


def test_the_page_satisfies_a_strict_content_security_policy() -> None:
    """No inline script, style or event handler: script-src 'self' and style-src 'self'."""
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", page) == []
    assert "<style" not in page
    assert re.findall(r"\s(?:style|on[a-z]+)=", page) == []
    for script in STATIC.rglob("*.js"):
        text = script.read_text()
        assert not re.search(r"\bnew Function\(|[^.\w]eval\(", text), script.name
    for source in (WEB / "src").rglob("*.ts*"):
        assert not re.search(r"dangerouslySetInnerHTML|innerHTML|outerHTML", source.read_text())


def test_nothing_is_loaded_from_elsewhere() -> None:
    """A call center must work without the internet, and tell nobody who is looking."""
    for path in built_files():
        if path.suffix not in (".html", ".css", ".js"):
            continue
        for found in re.findall(
            r"(?:url\(|src=|href=|from)\s*[\"']?(https?://[^\"')\s]+)", path.read_text()
        ):
            pytest.fail(f"{path.name} refers to {found}")


def test_the_lock_file_names_no_registry() -> None:
    """Packages come from whatever registry the machine's npm is set up for."""
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in p for name, p in lock["packages"].items() if name)


def test_the_pages_stay_small() -> None:
    """Budget for everything, compressed; each page loads only its part of it."""
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in built_files())
    assert size < BUDGET_KB * 1024
