"""Finding and fetching Asterisk, with the real apt and dpkg on an archive of two packages."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cti.debian
from cti.asterisk.install import (
    OVERRIDE,
    PACKAGES,
    AsteriskUnavailable,
    find_asterisk,
    obtain_asterisk,
    tree_folder,
)
from cti.debian import FetchFailed, Progress, debian_mirror, fetch_tree, os_release

needs_apt = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("dpkg-deb")) and os.environ.get("CI") != "true",
    reason="needs apt-get and dpkg-deb (Debian or Ubuntu)",
)


def _package(folder: Path, name: str, depends: str, files: dict[str, str]) -> str:
    """Build a package with the real dpkg-deb; its stanza for the archive's index."""
    root = folder / f"{name}-root"
    (root / "DEBIAN").mkdir(parents=True)
    control = (
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\n"
        f"{f'Depends: {depends}' + chr(10) if depends else ''}Description: test\n"
    )
    (root / "DEBIAN/control").write_text(control)
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o4755)
    deb = folder / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(root), str(deb)], check=True, capture_output=True)
    raw = deb.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    return f"{control}Filename: ./{deb.name}\nSize: {len(raw)}\nSHA256: {digest}\n\n"


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Sources of a small archive whose "Asterisk" says its version and does nothing else."""
    folder = tmp_path / "archive"
    folder.mkdir()
    loader = "usr/lib/x86_64-linux-gnu/ld-linux-test.so.2"
    index = _package(
        folder,
        "asterisk",
        "libtest",
        {
            "usr/sbin/asterisk": "",
            "usr/lib/x86_64-linux-gnu/asterisk/modules/chan_pjsip.so": "",
            "usr/share/asterisk/documentation/core-en_US.xml": "",
        },
    )
    says = '#!/bin/sh\necho "Asterisk 22.9.9-test"\n'
    index += _package(folder, "libtest", "", {loader: says})
    for name in PACKAGES[1:]:
        index += _package(folder, name, "", {f"usr/share/{name}": ""})
    (folder / "Packages").write_text(index)
    return f"deb [trusted=yes] copy:{folder} ./\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine without Asterisk and with an empty cache."""
    return {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def _no_host_asterisk() -> bool:
    return shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin") is None


needs_bare_host = pytest.mark.skipif(
    not _no_host_asterisk() and os.environ.get("CI") != "true",
    reason="this machine has an Asterisk of its own, which would be found first",
)


@needs_apt
@needs_bare_host
async def test_asterisk_is_fetched_with_all_it_needs(
    archive: str, environment: dict[str, str]
) -> None:
    """A fresh Debian 12 has no Asterisk: `make run` must get one, show how far it is, keep it."""
    assert find_asterisk(environment) is None
    seen: list[Progress] = []
    found = await obtain_asterisk(seen.append, environment=environment, sources=archive)
    assert (found.version, found.origin) == ("22.9.9-test", "tree")
    assert find_asterisk(environment) == found
    assert [one.step.split()[0] for one in seen[:2]] == ["fetching", "fetching"]
    unpacked = [one for one in seen if one.step == "unpacking"]
    assert [one.done for one in unpacked] == [0, 1, 2, 3, 4]
    assert unpacked[-1].total == 4
    tree = tree_folder(environment)
    assert not list(tree.parent.glob("*.partial*"))
    modes = [path.lstat().st_mode for path in tree.rglob("*")]
    assert not any(mode & (stat.S_ISUID | stat.S_ISGID) for mode in modes if stat.S_ISREG(mode))
    seen.clear()
    await obtain_asterisk(seen.append, environment=environment, sources="deb file:/none ./\n")
    assert not seen  # the second run fetches nothing


@needs_apt
@needs_bare_host
async def test_two_at_once_fetch_once(archive: str, environment: dict[str, str]) -> None:
    """`make run` and `make test` in two terminals must not spoil each other's tree."""
    seen: list[Progress] = []
    both = await asyncio.gather(
        *(obtain_asterisk(seen.append, environment=environment, sources=archive) for _ in "ab")
    )
    assert both[0] == both[1]
    assert [one.done for one in seen if one.step == "unpacking"] == [0, 1, 2, 3, 4]


_FETCH = """
import asyncio, sys, time
from pathlib import Path
from cti.debian import fetch_tree

def progress(one):
    print(one.step, flush=True)
    if one.step == "unpacking":
        time.sleep(60)

asyncio.run(fetch_tree(
    Path(sys.argv[1]), ("asterisk",), Path.is_dir, sources=sys.argv[2], progress=progress
))
"""


@needs_apt
async def test_a_killed_attempt_is_repeated(archive: str, tmp_path: Path) -> None:
    """Whoever pulls the plug in the middle must not be left with half a tree for ever."""
    folder = tmp_path / "cache" / "tree"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _FETCH, str(folder), archive), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while b"unpacking" not in await process.stdout.readline():
            pass
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert not folder.exists()
    assert list(folder.parent.glob("tree.partial-*"))
    await fetch_tree(folder, ("asterisk",), Path.is_dir, sources=archive)
    assert (folder / "usr/sbin/asterisk").is_file()
    assert not list(folder.parent.glob("tree.partial-*"))


@needs_apt
async def test_a_cancelled_attempt_leaves_nothing(archive: str, tmp_path: Path) -> None:
    """Ctrl-C during the first start must stop apt and clean up."""
    folder = tmp_path / "cache" / "tree"

    def progress(one: Progress) -> None:
        if one.step == "unpacking":
            task.cancel()

    task = asyncio.ensure_future(
        fetch_tree(folder, ("asterisk",), Path.is_dir, sources=archive, progress=progress)
    )
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in folder.parent.iterdir()] == ["tree.lock"]


@needs_apt
@needs_bare_host
async def test_reasons_are_named(
    archive: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where none can be had the program says why, names the fix and goes on without."""
    with pytest.raises(AsteriskUnavailable, match="no apt-get") as failure:
        await obtain_asterisk(environment={**environment, "PATH": str(tmp_path)})
    assert OVERRIDE in failure.value.fix
    with pytest.raises(AsteriskUnavailable, match="package lists cannot be fetched"):
        await obtain_asterisk(environment=environment, sources="deb file:/nowhere ./\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "Packages").write_text("")
    nothing = f"deb [trusted=yes] copy:{empty} ./\n"
    with pytest.raises(AsteriskUnavailable, match="Unable to locate package asterisk"):
        await obtain_asterisk(environment=environment, sources=nothing)
    monkeypatch.setattr(cti.debian, "_SPACE_BYTES", 1 << 60)
    with pytest.raises(AsteriskUnavailable, match="are free at"):
        await obtain_asterisk(environment=environment, sources=archive)


@needs_apt
async def test_unsigned_packages_are_refused(archive: str, tmp_path: Path) -> None:
    """What is fetched runs with our rights: without a trusted signature nothing is unpacked."""
    with pytest.raises(FetchFailed):
        await fetch_tree(
            tmp_path / "tree",
            ("asterisk",),
            Path.is_dir,
            sources=archive.replace("[trusted=yes] ", ""),
        )
    assert not (tmp_path / "tree").exists()


@needs_apt
@needs_bare_host
async def test_a_damaged_tree_is_replaced(archive: str, environment: dict[str, str]) -> None:
    """A tree of another machine, or half deleted, must not be taken for an Asterisk."""
    tree = tree_folder(environment)
    (tree / "usr/sbin").mkdir(parents=True)
    (tree / "usr/sbin/asterisk").write_text("not a program")
    (tree / "usr/lib/x86_64-linux-gnu/asterisk/modules").mkdir(parents=True)
    (tree / "usr/lib/x86_64-linux-gnu/ld-linux-test.so.2").write_text("neither")
    (tree / "usr/share/asterisk/documentation").mkdir(parents=True)
    assert find_asterisk(environment) is None
    found = await obtain_asterisk(environment=environment, sources=archive)
    assert found.version == "22.9.9-test"


@needs_apt
async def test_a_tree_that_does_not_run_is_not_kept(archive: str, tmp_path: Path) -> None:
    """Packages for another processor would else fail at every start, for ever."""
    with pytest.raises(FetchFailed, match="does not run"):
        await fetch_tree(tmp_path / "tree", ("asterisk",), lambda tree: False, sources=archive)
    assert not (tmp_path / "tree").exists()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    """A typing error in the setting must not silently start another Asterisk."""
    for path in (tmp_path, tmp_path / "none", Path("/bin/true")):
        with pytest.raises(AsteriskUnavailable, match=str(path)):
            find_asterisk({OVERRIDE: str(path)})


@pytest.mark.asterisk
def test_a_tree_can_be_named(asterisk_install: object, asterisk_tree: Path | None) -> None:
    """A site may keep its Asterisk where it likes."""
    if asterisk_tree is None:
        assert asterisk_install is not None  # the host's own; there is no tree to name
        return
    found = find_asterisk({OVERRIDE: str(asterisk_tree)})
    assert found is not None
    assert found.origin == "setting"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "sources.list.d/debian.sources",
            "Types: deb\n# a comment\nURIs: http://mirror.example/debian/\n"
            "Suites: bookworm bookworm-updates\nComponents: main contrib\n",
            "http://mirror.example/debian",
        ),
        (
            "sources.list",
            "# deb http://old.example/debian bookworm main\n"
            "deb-src http://src.example/debian bookworm main\n"
            "deb http://sec.example/debian-security bookworm-security main\n"
            "deb [arch=amd64 signed-by=/x] https://mirror.example/debian bookworm main\n",
            "https://mirror.example/debian",
        ),
        (
            "sources.list.d/debian.sources",
            "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\n"
            "Components: main\n\nTypes: deb\nURIs:\n http://mirror.example/debian\n"
            "Suites: bookworm\nComponents: main\n",
            "http://mirror.example/debian",
        ),
        ("sources.list", "deb https://packages.example/node nodistro main\n", None),
        ("sources.list", "deb http://x.example/debian;rm bookworm main\n", None),
        ("sources.list", "", None),
    ],
)
def test_the_mirror_is_read_from_apts_sources(
    name: str, text: str, expected: str | None, tmp_path: Path
) -> None:
    """The company's own mirror is used, in both of apt's formats; other archives are not."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert debian_mirror(tmp_path) == expected


def test_a_mirror_list_is_followed(tmp_path: Path) -> None:
    """Debian's cloud images name a file of mirrors instead of a mirror."""
    (tmp_path / "mirrors").write_text("https://mirror.example/debian\nhttps://b.example/debian\n")
    (tmp_path / "sources.list").write_text(f"deb mirror+file:{tmp_path}/mirrors bookworm main\n")
    assert debian_mirror(tmp_path) == "https://mirror.example/debian"


def test_a_machine_without_os_release_is_no_debian(tmp_path: Path) -> None:
    """Minimal containers lack the file; that must not be a crash."""
    assert os_release(tmp_path / "none") == {}
    (tmp_path / "one").write_text('ID=debian\nPRETTY_NAME="Debian 12"\nbroken\n')
    assert os_release(tmp_path / "one") == {"ID": "debian", "PRETTY_NAME": "Debian 12"}


def test_factories_make_short_paths(asterisk_folder: Callable[[], Path]) -> None:
    """A unix socket's path holds 107 bytes; a longer one leaves Asterisk without its console."""
    assert len(str(asterisk_folder())) < 60
