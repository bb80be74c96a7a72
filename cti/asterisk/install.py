"""Find an Asterisk on this machine, or get one.

Debian 12 and 13 have no Asterisk package, so a tree of a later Debian release is
fetched into a cache. The program in that tree is started through the tree's own
dynamic loader: no chroot, no mounts and no rights are needed to run it, it sees
the host's /etc/hosts and our folders under their real names, and nothing on the
host is changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

OVERRIDE = "CALLCENTER_ASTERISK"  # a program, or a folder that holds a Debian tree
RELEASE = "forky"  # the first Debian release with Asterisk 22 LTS
PACKAGES = ("asterisk", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
HOST_TOOLS = {"espeak-ng": "espeak-ng", "sox": "sox"}  # program -> package


class AsteriskUnavailable(Exception):  # noqa: N818 - a state, not a fault
    """No Asterisk can be had here. `why` is for people, `fix` is what they can do."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(f"{why}. {fix}")
        self.why = why
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is: `done` of `total` (0: not known), with the current item."""

    step: str
    done: int = 0
    total: int = 0
    item: str = ""


ProgressSink = Callable[[Progress], None]


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
    """The Asterisk that is here already: the setting, the host's, or the cached tree."""
    environment = os.environ if environment is None else environment
    wanted = environment.get(OVERRIDE, "")
    if wanted:
        return _from_setting(Path(wanted))
    program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if program is not None and (found := _on_host(Path(program))) is not None:
        return found
    return _in_tree(tree_folder(environment))


def tree_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where the fetched tree is kept between runs."""
    environment = os.environ if environment is None else environment
    cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "callcenter" / "asterisk" / RELEASE


def _from_setting(path: Path) -> AsteriskInstall:
    found = _in_tree(path, origin="setting") if path.is_dir() else _on_host(path, "setting")
    if found is None:
        raise AsteriskUnavailable(
            f"{OVERRIDE} names {path}, but there is no complete Asterisk",
            "Correct or remove the setting.",
        )
    return found


def _on_host(program: Path, origin: str = "host") -> AsteriskInstall | None:
    data = _first_folder("documentation", Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
    libraries = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"))
    candidates = [library / "asterisk" / "modules" for library in libraries]
    candidates[:0] = sorted(Path("/usr/lib").glob("*-linux-gnu/asterisk/modules"))
    modules = next((one for one in candidates if (one / "chan_pjsip.so").is_file()), None)
    version = _version((str(program),))
    if data is None or modules is None or not version:
        return None
    return AsteriskInstall((str(program),), modules, data, data / "moh", version, origin)


def _in_tree(tree: Path, origin: str = "tree") -> AsteriskInstall | None:
    program = tree / "usr/sbin/asterisk"
    modules = next(iter(sorted(tree.glob("usr/lib/*/asterisk/modules"))), None)
    if not program.is_file() or modules is None:
        return None
    libraries = modules.parent.parent
    loader = next(iter(sorted(libraries.glob("ld-linux*.so*"))), None)
    if loader is None:
        return None
    # The tree's loader and C library belong together; the host's may be older.
    command = (
        str(loader),
        "--library-path",
        f"{libraries}:{tree / 'usr/lib'}",
        "--argv0",
        "asterisk",
        str(program),
    )
    version = _version(command)
    data = tree / "usr/share/asterisk"
    if not version or not (data / "documentation").is_dir():
        return None
    return AsteriskInstall(command, modules, data, data / "moh", version, origin)


def _first_folder(inside: str, *folders: Path) -> Path | None:
    return next((folder for folder in folders if (folder / inside).is_dir()), None)


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
