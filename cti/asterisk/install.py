"""Find an Asterisk on this machine, or get one.

Debian 12 and 13 have no Asterisk package, so one of a later Debian release is
fetched into a cache and run from there (`cti.debian`). It sees the host's
/etc/hosts and our folders under their real names; an Asterisk that the host may
have is not touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cti.debian import (
    FetchFailed,
    ProgressSink,
    command_in,
    fetch_tree,
    os_release,
    silent,
)

OVERRIDE = "CALLCENTER_ASTERISK"  # a program, or a folder that holds a Debian tree
RELEASE = "forky"  # the first Debian release with Asterisk 22 LTS
PACKAGES = ("asterisk", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
_WITHOUT_ASTERISK = ("bullseye", "bookworm", "trixie")


class AsteriskUnavailable(Exception):  # noqa: N818 - a state, not a fault
    """No Asterisk can be had here. `why` is for people, `fix` is what they can do."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(f"{why}. {fix}")
        self.why = why
        self.fix = fix


@dataclass(frozen=True, slots=True)
class AsteriskInstall:
    """A program and its files. `command` starts it; arguments are appended."""

    command: tuple[str, ...]
    modules: Path
    data: Path  # documentation, rest-api, sounds
    music: Path  # folder of wav files that callers hear
    version: str
    origin: str  # "setting", "host" or "tree"

    def has_module(self, name: str) -> bool:
        """Whether the module (without .so) is installed."""
        return (self.modules / f"{name}.so").is_file()


def find_asterisk(environment: Mapping[str, str] | None = None) -> AsteriskInstall | None:
    """The Asterisk that is here already: the setting, the host's, or the cached tree.

    Raises `AsteriskUnavailable` only when the setting names something unusable.
    """
    environment = os.environ if environment is None else environment
    wanted = environment.get(OVERRIDE, "")
    if wanted:
        return _from_setting(Path(wanted))
    path = f"{environment.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    program = shutil.which("asterisk", path=path)
    if program is not None and (found := _on_host(Path(program))) is not None:
        return found
    return _in_tree(tree_folder(environment))


async def obtain_asterisk(
    progress: ProgressSink = silent,
    *,
    environment: Mapping[str, str] | None = None,
    sources: str = "",
) -> AsteriskInstall:
    """`find_asterisk`, or fetch one; raises `AsteriskUnavailable` when none can be had.

    Needs no root. Safe to interrupt and to call from several processes at once.
    `sources` (lines of a sources.list) replaces the machine's Debian mirror.
    """
    found = find_asterisk(environment)
    if found is not None:
        return found
    folder = tree_folder(environment)
    facts = os_release()
    old_debian = facts.get("VERSION_CODENAME", "") in _WITHOUT_ASTERISK
    try:
        await fetch_tree(
            folder,
            PACKAGES,
            lambda tree: _in_tree(tree) is not None,
            release=RELEASE if old_debian else "",
            progress=progress,
            sources=sources,
            environment=environment,
        )
    except FetchFailed as error:
        raise AsteriskUnavailable(
            f"there is no asterisk on PATH, and {error.why}",
            f"{error.fix} Or install Asterisk 20 or later and set {OVERRIDE} to its program.",
        ) from error
    found = _in_tree(folder)
    if found is None:
        raise AsteriskUnavailable(
            f"the Asterisk fetched into {folder} is gone again",
            "Try again.",
        )
    return found


def tree_folder(environment: Mapping[str, str] | None = None, name: str = RELEASE) -> Path:
    """Where a fetched tree is kept between runs."""
    environment = os.environ if environment is None else environment
    cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "callcenter" / "asterisk" / name


def _from_setting(path: Path) -> AsteriskInstall:
    found = _in_tree(path, origin="setting") if path.is_dir() else _on_host(path, "setting")
    if found is None:
        raise AsteriskUnavailable(
            f"{OVERRIDE} names {path}, but there is no complete Asterisk",
            "Correct or remove the setting.",
        )
    return found


def _on_host(program: Path, origin: str = "host") -> AsteriskInstall | None:
    data = next(
        (
            folder
            for folder in (Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
            if (folder / "documentation").is_dir()
        ),
        None,
    )
    candidates = sorted(Path("/usr/lib").glob("*-linux-gnu/asterisk/modules"))
    for library in ("/usr/lib", "/usr/lib64", "/usr/local/lib"):
        candidates.append(Path(library) / "asterisk" / "modules")
    modules = next((one for one in candidates if (one / "chan_pjsip.so").is_file()), None)
    version = _version((str(program),))
    if data is None or modules is None or not version:
        return None
    return AsteriskInstall((str(program),), modules, data, data / "moh", version, origin)


def _in_tree(tree: Path, origin: str = "tree") -> AsteriskInstall | None:
    command = command_in(tree, "usr/sbin/asterisk")
    modules = next(iter(sorted(tree.glob("usr/lib/*/asterisk/modules"))), None)
    data = tree / "usr/share/asterisk"
    if command is None or modules is None or not (data / "documentation").is_dir():
        return None
    version = _version(command)
    if not version:
        return None
    return AsteriskInstall(command, modules, data, data / "moh", version, origin)


def _version(command: tuple[str, ...]) -> str:
    """What the program says it is, or "" when it cannot run here."""
    try:
        done = subprocess.run(  # noqa: S603 - our own list of arguments, no shell
            [*command, "-V"], capture_output=True, timeout=10, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.match(r"Asterisk (\S+)", done.stdout)
    return match.group(1) if done.returncode == 0 and match else ""
