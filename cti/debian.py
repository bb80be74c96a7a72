"""Programs of another Debian release, without touching this one.

apt fetches the packages and everything that they need into a private folder, with
its own lists and an empty idea of what is installed; apt checks the signatures
with the machine's own Debian keys. The packages are then only unpacked: nothing is
installed, no maintainer script runs, no root, chroot or mount is needed. A program
is started through the loader that lies beside it, so that it gets the libraries of
its own release.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import platform
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SPACE_BYTES = 1_000_000_000  # measured: 110 MB of packages and 310 MB unpacked for Asterisk
_LOCK_WAIT_S = 900.0
_STEP_LIMIT_S = 1800.0  # a slow line: 110 MB at 1 Mbit/s take 15 minutes
_LAST_LINES = 12


class FetchFailed(Exception):  # noqa: N818 - reads as what happened
    """The packages cannot be had. `why` is for people, `fix` is what they can do."""

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


def silent(progress: Progress) -> None:
    """Show nothing."""


def command_in(tree: Path, program: str) -> tuple[str, ...] | None:
    """How to start `program` (such as "usr/bin/sox") of a tree; None if it is not there."""
    path = tree / program
    # Older releases keep the C library in /lib, newer ones in /usr/lib.
    loaders = [*tree.glob("usr/lib/*/ld-linux*.so*"), *tree.glob("lib/*/ld-linux*.so*")]
    if not path.is_file() or not loaders:
        return None
    loader = loaders[0]
    # The loader and the C library belong together; the host's may be older.
    machine_folder = loader.parent.name
    folders = (
        loader.parent,
        tree / "usr/lib" / machine_folder,
        tree / "usr/lib" / machine_folder / "pulseaudio",  # libpulse names it absolutely
        tree / "usr/lib",
    )
    libraries = ":".join(dict.fromkeys(str(folder) for folder in folders))
    return (str(loader), "--library-path", libraries, "--argv0", path.name, str(path))


async def fetch_tree(
    folder: Path,
    packages: Sequence[str],
    works: Callable[[Path], bool],
    *,
    release: str = "",
    progress: ProgressSink = silent,
    sources: str = "",
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Make `folder` a tree with `packages`; returns it. Raises `FetchFailed`.

    `release` is a Debian release to take them from (its mirror is the one that this
    machine's apt names); empty: the machine's own sources. `sources` (lines of a
    sources.list) overrides both. `works` tries a tree: one that fails is never kept.
    The folder appears whole or not at all; of two processes the second waits and
    uses what the first has made.
    """
    environment = dict(os.environ if environment is None else environment)
    if shutil.which("apt-get", path=environment.get("PATH")) is None:
        raise FetchFailed(
            "this machine has no apt-get, so Debian packages cannot be fetched",
            "Use Debian 12 or later or Ubuntu, or install the programs yourself.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder.parent).free < _SPACE_BYTES:
        raise FetchFailed(
            f"less than {_SPACE_BYTES // 1_000_000} MB are free at {folder.parent}",
            "Free some space, or point XDG_CACHE_HOME to a larger disk.",
        )
    async with _only_one(folder, progress) as lock:
        if await asyncio.to_thread(works, folder):
            return folder
        await asyncio.to_thread(_remove_remains, folder)
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
        try:
            text = sources or (_release_line(release) if release else "")
            apt = _Apt(partial, text, environment, lock, progress)
            await apt.update()
            archives = await apt.download(packages)
            tree = await apt.unpack(archives)
            if not await asyncio.to_thread(works, tree):
                raise FetchFailed(
                    f"the fetched {packages[0]} does not run on {machine()}",
                    "Install it yourself.",
                )
            tree.rename(folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
    return folder


@contextlib.asynccontextmanager
async def _only_one(folder: Path, progress: ProgressSink) -> AsyncIterator[int]:
    """Keep a second process (or a child that a killed one left behind) out."""
    handle = os.open(
        folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        waited = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waited >= _LOCK_WAIT_S:
                    raise FetchFailed(
                        f"another process has been fetching {folder.name} for very long",
                        "End it and try again.",
                    ) from None
                progress(Progress("waiting for another process that fetches the same"))
                await asyncio.sleep(0.5)
                waited += 0.5
        yield handle
    finally:
        os.close(handle)


def _remove_remains(folder: Path) -> None:
    """What killed attempts left, and a tree of another machine or half deleted."""
    for remains in (folder, *folder.parent.glob(f"{folder.name}.partial-*")):
        shutil.rmtree(remains, ignore_errors=True)


class _Apt:
    """apt with its own folders below `root`."""

    def __init__(
        self,
        root: Path,
        sources: str,
        environment: Mapping[str, str],
        lock: int,
        progress: ProgressSink,
    ) -> None:
        self._root = root
        self._lock = lock
        self._progress = progress
        settled = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        self._environment = {**environment, **settled}
        for part in ("state/lists/partial", "cache/archives/partial", "tree"):
            (root / part).mkdir(parents=True)
        (root / "status").touch()
        self._options = self._make_options(sources)

    def _make_options(self, sources: str) -> list[str]:
        settings = {
            "Dir::State": self._root / "state",
            "Dir::State::status": self._root / "status",  # empty: everything is fetched
            "Dir::Cache": self._root / "cache",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Install-Recommends": "0",
            "APT::Sandbox::User": "root",  # _apt may not write into our folder
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "30",
        }
        if sources:
            source_list = self._root / "sources.list"
            source_list.write_text(sources)
            settings["Dir::Etc::sourcelist"] = source_list
            settings["Dir::Etc::sourceparts"] = "/dev/null"
        return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]

    async def update(self) -> None:
        self._progress(Progress("fetching the package lists"))
        code, lines = await self._run("apt-get", *self._options, "update")
        if code != 0:
            raise FetchFailed(
                f"the package lists cannot be fetched: {_reason(lines)}",
                "Check this machine's network and the mirror in /etc/apt.",
            )

    async def download(self, packages: Sequence[str]) -> list[Path]:
        """Fetch the packages and all they depend on; the verified files."""
        step = f"fetching {packages[0]} and what it needs"
        read, write = os.pipe()
        watcher = asyncio.ensure_future(self._watch(read, step))
        try:
            code, lines = await self._run(
                "apt-get",
                *self._options,
                *("-y", "--download-only", "-o", f"APT::Status-Fd={write}", "install"),
                *packages,
                keep_open=(write,),
            )
        finally:
            os.close(write)
            await watcher
        if code != 0:
            raise FetchFailed(
                f"{packages[0]} cannot be fetched: {_reason(lines)}",
                "Check this machine's network and the mirror in /etc/apt.",
            )
        archives = sorted((self._root / "cache/archives").glob("*.deb"))
        if not archives:  # apt reads a file: archive in place
            raise FetchFailed("apt fetched nothing", "Write copy: instead of file: for a mirror.")
        return archives

    async def _watch(self, handle: int, step: str) -> None:
        """Turn apt's own progress lines into ours, until apt closes the pipe."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", 0)
        )
        try:
            async for line in reader:
                if match := re.match(rb"dlstatus:\d+:([0-9.]+):(.*)", line):
                    percent = min(100, int(float(match.group(1))))
                    item = match.group(2).decode("utf-8", "replace").strip()
                    self._progress(Progress(step, percent, 100, item))
        finally:
            transport.close()

    async def unpack(self, archives: Sequence[Path]) -> Path:
        tree = self._root / "tree"
        for done, archive in enumerate(archives):
            name = archive.name.split("_")[0]
            self._progress(Progress("unpacking", done, len(archives), name))
            code, lines = await self._run("dpkg-deb", "-x", str(archive), str(tree))
            if code != 0:
                raise FetchFailed(
                    f"{name} cannot be unpacked: {_reason(lines)}", "Check the disk and try again."
                )
            archive.unlink()
        await asyncio.to_thread(_drop_set_id_bits, tree)
        self._progress(Progress("unpacking", len(archives), len(archives)))
        return tree

    async def _run(self, *command: str, keep_open: tuple[int, ...] = ()) -> tuple[int, list[str]]:
        """Exit code and last lines. The child holds the lock too, in case we are killed."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            cwd=self._root,
            pass_fds=(self._lock, *keep_open),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_STEP_LIMIT_S):
                output, _ = await process.communicate()
        except TimeoutError:
            raise FetchFailed(f"{command[0]} took too long", "Check the network.") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                await process.wait()
        lines = output.decode("utf-8", "replace").splitlines()
        return process.returncode or 0, lines[-_LAST_LINES:]


def _reason(lines: Sequence[str]) -> str:
    errors = [line[2:].strip() for line in lines if line.startswith(("E:", "W:"))]
    return errors[0] if errors else (lines[-1].strip() if lines else "no reason given")


def _drop_set_id_bits(tree: Path) -> None:
    """Unpacked as root, `su` and the like would be a way in; nothing here needs them."""
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                path.chmod(stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))


def _release_line(release: str) -> str:
    facts = os_release()
    mirror = debian_mirror()
    if facts.get("ID") != "debian" or mirror is None or not KEYRING.is_file():
        raise FetchFailed(
            f"this machine ({facts.get('PRETTY_NAME', 'not Debian')}) names no Debian mirror"
            " that it trusts",
            "Use Debian 12 or later, or install the programs yourself.",
        )
    mirror = re.sub("^file:", "copy:", mirror)  # else apt leaves the packages where they are
    return f"deb [signed-by={KEYRING}] {mirror} {release} main\n"


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """The facts of os-release(5); empty when there is no such file."""
    try:
        text = path.read_text()
    except OSError:
        text = ""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value.strip("\"'") for key, sign, value in pairs if sign}


def debian_mirror(apt: Path = Path("/etc/apt")) -> str | None:
    """The mirror of the main Debian archive that this machine's apt sources name."""
    candidates: list[str] = []
    parts = apt / "sources.list.d"
    for path in sorted(parts.glob("*.sources")) if parts.is_dir() else ():
        candidates += _deb822_mirrors(path.read_text(errors="replace"))
    lists = [apt / "sources.list", *(sorted(parts.glob("*.list")) if parts.is_dir() else ())]
    for path in lists:
        if path.is_file():
            candidates += _list_mirrors(path.read_text(errors="replace"))
    return next((found for uri in candidates if (found := _plain_mirror(uri)) is not None), None)


def _deb822_mirrors(text: str) -> list[str]:
    found: list[str] = []
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        joined = re.sub(r"\n[ \t]+", " ", stanza)
        fields = {
            key.strip().lower(): value.split()
            for key, sign, value in (line.partition(":") for line in joined.splitlines())
            if sign
        }
        enabled = fields.get("enabled", ["yes"])[:1] != ["no"]
        if enabled and "deb" in fields.get("types", []) and "main" in fields.get("components", []):
            found += _archive_of(fields.get("uris", []), fields.get("suites", []))
    return found


def _list_mirrors(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
        if match and "main" in match.group(3).split():
            found += _archive_of([match.group(1)], [match.group(2)])
    return found


def _archive_of(uris: Sequence[str], suites: Sequence[str]) -> list[str]:
    """The addresses, if this is the release itself: not security, updates or backports."""
    return list(uris) if any(re.fullmatch(r"[a-z]+", suite) for suite in suites) else []


def _plain_mirror(uri: str) -> str | None:
    if uri.startswith("mirror+file:"):
        try:
            listed = Path(uri.removeprefix("mirror+file:")).read_text().split()
        except OSError:
            return None
        uri = listed[0] if listed else ""
    plain = re.fullmatch(r"(https?|file|ftp):/[A-Za-z0-9:/._~%+@-]+", uri)
    # Other companies' sources use the same form; only Debian's own archive will do.
    return uri.rstrip("/") if plain and "debian" in uri and "security" not in uri else None


def machine() -> str:
    """What this machine is, for messages: "Debian GNU/Linux 12 (bookworm), x86_64"."""
    return f"{os_release().get('PRETTY_NAME', platform.system())}, {platform.machine()}"
