"""Run one Asterisk: start, take over a running one, reload, stop.

Asterisk keeps the calls, so it must outlive us: it runs in its own session with
its output in a file, and when our process is killed it goes on. The next start
finds it in the process table by its configuration file (a pid file could lie)
and takes it over. Only an orderly `stop` ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import socket
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from cti.asterisk.configuration import check_file_name
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout, write_private

_POLL_S: Final = 0.05
_LOG_TAIL_BYTES: Final = 4000
# A change in these takes effect only when Asterisk starts anew.
RESTART_FILES: Final = frozenset(
    {"asterisk.conf", "modules.conf", "sorcery.conf", "rtp.conf", "pjproject.conf", "stasis.conf"}
)


class AsteriskFailed(Exception):  # noqa: N818 - reads as what happened
    """Asterisk did not start, reload or stop; the message ends with its last log lines."""


class Began(StrEnum):
    """How `start` came to a running Asterisk."""

    STARTED = "started"
    TAKEN_OVER = "taken over"


class AsteriskServer:
    """One Asterisk process of one layout. Times in seconds.

    `files` are the generated configuration, file name to text (`render`). One
    object at a time may hold a layout; a lock file keeps a second one out.
    """

    def __init__(
        self,
        install: AsteriskInstall,
        layout: Layout,
        identity: Identity,
        files: Mapping[str, str],
        *,
        ready_s: float = 30.0,
    ) -> None:
        self.install = install
        self.layout = layout
        self.identity = identity
        self._files = _checked(files)
        self._ready_s = ready_s
        self._process: _Process | None = None
        self._lock: int | None = None
        self._restart_needed: frozenset[str] = frozenset()

    @property
    def pid(self) -> int | None:
        """The process id while Asterisk runs, else None."""
        if self._process is not None and not self._process.running:
            self._process.close()
            self._process = None
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def restart_needed(self) -> frozenset[str]:
        """Files that were changed but are only read when Asterisk starts anew."""
        return self._restart_needed

    async def start(self) -> Began:
        """Start Asterisk, or take over the one that runs; returns when it is fully booted.

        Raises `AsteriskFailed`. A running one that does not answer is replaced.
        """
        self.layout.create()
        self._take_lock()
        try:
            return await self._start()
        except BaseException:
            self._release_lock()
            raise

    async def _start(self) -> Began:
        self._process = _find(self.layout)
        if self._process is not None:
            try:
                await self._wait_ready()
            except AsteriskFailed:
                await self._end_process(graceful_s=2.0)
            else:
                await self.reload(self._files)
                return Began.TAKEN_OVER
        self._link_data()
        self._write(self._files)
        self._restart_needed = frozenset()
        _check_ports_free(self.identity)
        self.layout.control_socket.unlink(missing_ok=True)
        self._process = self._spawn()
        try:
            await self._wait_ready()
        except BaseException:
            await self._end_process(graceful_s=1.0)
            raise
        return Began.STARTED

    async def stop(self, graceful_s: float = 5.0) -> None:
        """End Asterisk and its calls; returns when no process is left."""
        if self.pid is None:
            self._process = _find(self.layout)
        try:
            await self._end_process(graceful_s)
        finally:
            self._release_lock()

    def leave_running(self) -> None:
        """Let go without stopping, so that another process can take over."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._release_lock()

    async def restart(self) -> None:
        """Stop and start: all calls end."""
        await self._end_process(graceful_s=5.0)
        await self._start()

    async def reload(self, files: Mapping[str, str]) -> bool:
        """Write changed files and let Asterisk read them; calls go on. True if any changed.

        Files of `RESTART_FILES` are written too and then named by `restart_needed`.
        """
        wanted = _checked(files)
        changed = {name for name, text in wanted.items() if self._on_disk(name) != text}
        self._files = wanted
        if not changed:
            return False
        self._write({name: wanted[name] for name in changed})
        self._restart_needed |= changed & RESTART_FILES
        await self.console("core reload")
        return True

    async def wait_exit(self) -> None:
        """Return when Asterisk ends, whoever ends it."""
        process = self._process
        if process is not None:
            await process.wait()

    async def console(self, command: str, timeout_s: float = 10.0) -> str:
        """Run one command of Asterisk's own console over its private socket.

        For starting, checks and diagnosis by the operator of this machine; never
        with text from outside.
        """
        process = await asyncio.create_subprocess_exec(
            *self.install.command,
            "-C",
            str(self.layout.config_file),
            "-rx",
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_environment(self.layout),
        )
        try:
            async with asyncio.timeout(timeout_s):
                output, _ = await process.communicate()
        except TimeoutError:
            raise AsteriskFailed(self._said(f"no answer to {command!r} in {timeout_s} s")) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = output.decode("utf-8", "replace")
        if process.returncode != 0:
            raise AsteriskFailed(f"{command!r} failed: {text.strip()[-300:]}")
        return text

    def log_tail(self) -> str:
        """The last lines of what Asterisk said, for error messages and `doctor`."""
        tails = (_tail(self.layout.message_log), _tail(self.layout.console_log))
        return "\n".join(text for text in tails if text)

    def _said(self, what: str) -> str:
        tail = self.log_tail()
        return f"{what}; Asterisk's last words:\n{tail}" if tail else what

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        handle = os.open(self.layout.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise AsteriskFailed(
                f"another process already looks after the Asterisk in {self.layout.root}"
            ) from None
        self._lock = handle

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _on_disk(self, name: str) -> str | None:
        try:
            return (self.layout.etc / name).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def _write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            write_private(self.layout.etc / name, text)
        for stray in self.layout.etc.glob("*.conf"):
            if stray.name not in self._files:
                stray.unlink()

    def _link_data(self) -> None:
        """Show Asterisk the installation's files; a tree's own links point at the host's root."""
        sounds = self.layout.data / "sounds"
        sounds.mkdir(exist_ok=True)
        english = self.install.data / "sounds" / "en_US_f_Allison"
        links = {
            self.layout.data / "documentation": self.install.data / "documentation",
            self.layout.data / "rest-api": self.install.data / "rest-api",
            sounds / "en": english if english.is_dir() else self.install.data / "sounds" / "en",
        }
        for link, target in links.items():
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def _spawn(self) -> _Process:
        """Start the process in its own session; it holds nothing of ours open."""
        for log in (self.layout.message_log, self.layout.console_log):
            if log.exists():
                log.replace(log.with_suffix(".log.old"))
        out = os.open(self.layout.console_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        command = [*self.install.command, "-f", "-C", str(self.layout.config_file)]
        try:
            pid = os.posix_spawn(
                command[0],
                command,
                _environment(self.layout),
                file_actions=(
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, out, 1),
                    (os.POSIX_SPAWN_DUP2, out, 2),
                ),
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
            )
        except OSError as error:
            raise AsteriskFailed(f"cannot start {command[0]}: {error}") from error
        finally:
            os.close(out)
        return _Process(pid)

    async def _wait_ready(self) -> None:
        """Wait until Asterisk says that it is fully booted and every listener is ours."""
        try:
            async with asyncio.timeout(self._ready_s):
                await self._wait_control_socket()
                await self.console("core waitfullybooted", timeout_s=self._ready_s)
                await self._check_ami()
                transports = await self.console("pjsip show transports")
        except TimeoutError:
            raise AsteriskFailed(
                self._said(f"Asterisk was not ready within {self._ready_s:.0f} s")
            ) from None
        missing = [name for name in ("ws", "udp", "tcp") if f" {name} " not in transports]
        if missing and "[ws]" in self._files.get("pjsip.conf", ""):
            raise AsteriskFailed(self._said(f"no SIP over {', '.join(missing)}"))

    async def _wait_control_socket(self) -> None:
        while not self.layout.control_socket.exists():
            if not self.running:
                raise AsteriskFailed(self._said("Asterisk ended while it was starting"))
            await asyncio.sleep(_POLL_S)

    async def _check_ami(self) -> None:
        """Log in once: proves the port is open and that the Asterisk behind it is ours."""
        identity = self.identity
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", identity.ports.ami)
        except OSError as error:
            raise AsteriskFailed(
                self._said(f"the manager port {identity.ports.ami} is closed: {error}")
            ) from error
        try:
            writer.write(
                f"Action: Login\r\nUsername: {identity.ami_user}\r\n"
                f"Secret: {identity.ami_secret}\r\nEvents: off\r\n\r\n".encode()
            )
            answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError) as error:
            raise AsteriskFailed(self._said("the manager port closed on us")) from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if b"Response: Success" not in answer:
            raise AsteriskFailed(
                f"the manager on port {identity.ports.ami} refuses our password:"
                " another Asterisk uses this port"
            )

    async def _end_process(self, graceful_s: float) -> None:
        """SIGTERM, then SIGKILL to whatever is left of its session."""
        process = self._process
        if process is None:
            return
        process.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(graceful_s):
                await process.wait()
        except TimeoutError:
            process.signal(signal.SIGKILL)
        _kill_session(process.pid)
        try:
            async with asyncio.timeout(5.0):
                await process.wait()
        except TimeoutError:
            raise AsteriskFailed(f"Asterisk (process {process.pid}) cannot be ended") from None
        process.close()
        self._process = None


class _Process:
    """A process that may or may not be our child, held by a handle that cannot go stale."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    @property
    def running(self) -> bool:
        return self._handle >= 0 and not select.select([self._handle], [], [], 0)[0]

    def signal(self, number: signal.Signals) -> None:
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    async def wait(self) -> None:
        """Return when the process has ended."""
        if not self.running:
            return
        handle = os.dup(self._handle)  # several may wait, and we may be closed meanwhile
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(handle, lambda: None if ended.done() else ended.set_result(None))
        try:
            await ended
        finally:
            loop.remove_reader(handle)
            os.close(handle)

    def close(self) -> None:
        """Let go; takes the exit status if it was our child."""
        if self._handle >= 0:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            os.close(self._handle)
            self._handle = -1


def find_process(layout: Layout) -> int | None:
    """The Asterisk that runs with this layout's configuration, from the process table."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _is_ours(int(entry.name), layout):
            return int(entry.name)
    return None


def _find(layout: Layout) -> _Process | None:
    pid = find_process(layout)
    if pid is None:
        return None
    try:
        process = _Process(pid)
    except ProcessLookupError:
        return None
    if not _is_ours(pid, layout):  # the number was given to another process meanwhile
        process.close()
        return None
    return process


def _is_ours(pid: int, layout: Layout) -> bool:
    """Whether `pid` is this layout's Asterisk (and not a console of it, nor a dead child)."""
    folder = Path("/proc") / str(pid)
    try:
        arguments = (folder / "cmdline").read_bytes().split(b"\0")
        if b"-f" not in arguments or os.fsencode(layout.config_file) not in arguments:
            return False
        return _stat(pid)[0] not in "ZX" and folder.stat().st_uid == os.geteuid()
    except (OSError, IndexError):
        return False


def _kill_session(leader: int) -> None:
    """End what Asterisk may have started (a music player, say)."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, IndexError):
            pid = int(entry.name)
            if pid != leader and _stat(pid)[3] == str(leader):
                os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    """/proc/<pid>/stat after the name: state, parent, group, session …"""
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _checked(files: Mapping[str, str]) -> dict[str, str]:
    return {check_file_name(name): text for name, text in files.items()}


def _environment(layout: Layout) -> dict[str, str]:
    """Nothing of our own environment: it may hold passwords."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(layout.root),
        "TZ": os.environ.get("TZ", ""),
    }


def _check_ports_free(identity: Identity) -> None:
    """A taken port would leave Asterisk running half; say so before it starts."""
    ports = identity.ports
    for name, port, kind in (
        ("manager (AMI)", ports.ami, socket.SOCK_STREAM),
        ("HTTP", ports.http, socket.SOCK_STREAM),
        ("SIP", ports.sip, socket.SOCK_DGRAM),
        ("SIP", ports.sip, socket.SOCK_STREAM),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise AsteriskFailed(
                    f"Asterisk's {name} port {port} is in use ({error.strerror}):"
                    " end the program that uses it or choose another port"
                ) from error


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
