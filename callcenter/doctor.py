"""What is missing on this machine, and how to get it."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

from cti.asterisk.install import AsteriskUnavailable, find_asterisk
from cti.debian import debian_mirror
from cti.speech import find_speech_tools


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `ok` None means: not here, but there is a way round."""

    what: str
    ok: bool | None
    says: str
    fix: str = ""


def examine(var: Path, static: Path, host: str, port: int) -> list[Finding]:
    """Look at everything that `callcenter up` needs; changes nothing."""
    return [
        _python(),
        _asterisk(),
        _speech(),
        _pages(static),
        _folder(var),
        _space(var),
        _port(host, port),
    ]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 11)
    fix = "" if ok else "Install Python 3.11 or newer."
    return Finding("Python", ok, f"{version}, SQLite {sqlite3.sqlite_version}", fix)


def _asterisk() -> Finding:
    try:
        found = find_asterisk()
    except AsteriskUnavailable as error:
        return Finding("Asterisk", False, error.why, error.fix)
    if found is not None:
        return Finding("Asterisk", True, f"{found.version} ({found.command[-1]})")
    if shutil.which("apt-get") and debian_mirror() is not None:
        return Finding(
            "Asterisk",
            None,
            "not here yet; `callcenter up` fetches it (about a minute, 500 MB)",
        )
    return Finding(
        "Asterisk",
        None,
        "not here, and this is no Debian; everything runs on the virtual switch",
        "Install Asterisk 20 or later, or name its program in CALLCENTER_ASTERISK.",
    )


def _speech() -> Finding:
    found = find_speech_tools()
    if found is not None:
        return Finding("speech", True, f"{found.espeak[-1]}, {found.sox[-1]}")
    return Finding(
        "speech",
        None,
        "no espeak-ng and sox; `callcenter up` fetches them where it can",
        "apt-get install espeak-ng sox",
    )


def _pages(static: Path) -> Finding:
    if (static / "index.html").is_file():
        return Finding("web pages", True, "built")
    return Finding("web pages", False, f"not built in {static}", "make front-end")


def _folder(var: Path) -> Finding:
    nearest = var
    while not nearest.exists():
        nearest = nearest.parent
    if os.access(nearest, os.W_OK):
        return Finding("data folder", True, str(var))
    return Finding(
        "data folder",
        False,
        f"{var} cannot be written",
        "Choose another with CALLCENTER_VAR, or correct its owner.",
    )


def _space(var: Path) -> Finding:
    nearest = var
    while not nearest.exists():
        nearest = nearest.parent
    free_mb = shutil.disk_usage(nearest).free // 1_000_000
    return Finding(
        "disk space",
        free_mb >= 2000,
        f"{free_mb} MB free",
        "" if free_mb >= 2000 else "Free some space: 2 GB are enough for a start.",
    )


def _port(host: str, port: int) -> Finding:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(
                "console's port",
                False,
                f"{host}:{port}: {error.strerror}",
                "Stop what uses it, or set CALLCENTER_PORT.",
            )
    return Finding("console's port", True, f"{host}:{port} is free")
