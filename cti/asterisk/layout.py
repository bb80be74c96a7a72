"""Where one Asterisk instance keeps its files, ports and passwords.

Everything lies below one root folder, so that several instances, and an Asterisk
of the host, never meet. Ports and passwords are chosen once and kept in
`identity.json`: our process may die and come back while Asterisk lives on, and
must then still know how to reach it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_SOCKET_PATH_MAX = 107  # bytes of a unix socket's path (sun_path), without the final NUL
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./~+@-]*")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one instance. `agi` is ours: we listen there, Asterisk calls.

    `sip` is UDP and TCP port of trunks and desk phones; `rtp_first` to `rtp_last`
    (inclusive) are UDP; the others are TCP on the loopback address.
    """

    ami: int
    http: int
    sip: int
    agi: int
    rtp_first: int
    rtp_last: int

    def __post_init__(self) -> None:
        for name, port in asdict(self).items():
            if not 1024 <= port <= 65535:
                raise ValueError(f"port {name} is {port}: it must be between 1024 and 65535")
        if self.rtp_last - self.rtp_first < 3:
            raise ValueError("the RTP range needs at least four ports (two for each side)")


DEFAULT_PORTS = Ports(ami=15038, http=18088, sip=5060, agi=14573, rtp_first=20000, rtp_last=23999)


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same over restarts of us and of Asterisk."""

    ports: Ports
    ami_user: str
    ami_secret: str
    ari_user: str
    ari_secret: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one instance below `root` (absolute, plain characters, short)."""

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_absolute() or not _PLAIN_PATH.fullmatch(str(self.root)):
            raise ValueError(
                f"{self.root}: Asterisk's folder must be an absolute path of plain characters"
            )
        if len(os.fsencode(self.control_socket)) > _SOCKET_PATH_MAX:
            raise ValueError(f"{self.root}: too long a path; Asterisk's socket would not fit")

    @property
    def etc(self) -> Path:
        """The generated configuration."""
        return self.root / "etc"

    @property
    def config_file(self) -> Path:
        return self.etc / "asterisk.conf"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def control_socket(self) -> Path:
        return self.run / "asterisk.ctl"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def lib(self) -> Path:
        """Asterisk's own state (astdb: registered contacts)."""
        return self.root / "lib"

    @property
    def data(self) -> Path:
        """Links to the installation's documentation, sounds and music."""
        return self.root / "data"

    @property
    def sounds(self) -> Path:
        """Rendered prompts."""
        return self.root / "sounds"

    @property
    def recordings(self) -> Path:
        """Where Asterisk puts what it records under a name without a folder."""
        return self.spool / "monitor"

    @property
    def console_log(self) -> Path:
        """What Asterisk writes to its standard output and error."""
        return self.log / "console.log"

    @property
    def message_log(self) -> Path:
        """Notices, warnings and errors of Asterisk's logger."""
        return self.log / "messages.log"

    @property
    def identity_file(self) -> Path:
        return self.root / "identity.json"

    def create(self) -> None:
        """Make the folders; only the owner may look inside (passwords, recordings)."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for folder in (
            self.etc,
            self.run,
            self.spool,
            self.log,
            self.lib,
            self.data,
            self.sounds,
            self.recordings,
        ):
            folder.mkdir(exist_ok=True)

    def identity(
        self, wanted: Ports | None = None, *, preferred: Ports = DEFAULT_PORTS
    ) -> Identity:
        """The kept identity, or a new one with `wanted` ports, else free ones near `preferred`.

        `wanted` given later than the first time changes the ports and keeps the
        passwords; Asterisk then has to be restarted.
        """
        self.create()
        kept = self._read_identity()
        if kept is None:
            kept = Identity(
                ports=wanted or choose_ports(preferred),
                ami_user="callcenter",
                ami_secret=secrets.token_urlsafe(24),
                ari_user="callcenter",
                ari_secret=secrets.token_urlsafe(24),
            )
            self._write_identity(kept)
        elif wanted is not None and wanted != kept.ports:
            kept = Identity(wanted, kept.ami_user, kept.ami_secret, kept.ari_user, kept.ari_secret)
            self._write_identity(kept)
        return kept

    def _read_identity(self) -> Identity | None:
        try:
            raw = json.loads(self.identity_file.read_text())
            return Identity(ports=Ports(**raw.pop("ports")), **raw)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{self.identity_file} is damaged ({error}); stop Asterisk and delete the file"
            ) from error

    def _write_identity(self, identity: Identity) -> None:
        write_private(self.identity_file, json.dumps(asdict(identity), indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only the owner can read, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def choose_ports(preferred: Ports = DEFAULT_PORTS, host: str = "127.0.0.1") -> Ports:
    """`preferred`, with each port that is taken on this machine replaced by a free one."""
    with ExitStack() as held:
        ami = _free(held, preferred.ami, host, socket.SOCK_STREAM)
        http = _free(held, preferred.http, host, socket.SOCK_STREAM)
        agi = _free(held, preferred.agi, host, socket.SOCK_STREAM)
        sip = _free(held, preferred.sip, host, socket.SOCK_DGRAM)
    return Ports(ami, http, sip, agi, preferred.rtp_first, preferred.rtp_last)


def free_ports(rtp_ports: int = 200, host: str = "127.0.0.1") -> Ports:
    """Ports that nobody uses now, for tests and for several instances on one machine.

    Below those that systems give to outgoing connections, so that none of these takes a
    port before Asterisk does, or while it starts anew.
    """
    with ExitStack() as held:
        ami, http, agi, sip = (_quiet(held, host) for _ in range(4))
        first = 24000 + secrets.randbelow((60000 - 24000 - rtp_ports) // rtp_ports) * rtp_ports
    return Ports(ami, http, sip, agi, first, first + rtp_ports - 1)


def _quiet(held: ExitStack, host: str) -> int:
    """A port that is free for TCP and UDP; kept bound until `held` ends."""
    for _ in range(200):
        port = 10_000 + secrets.randbelow(14_000)
        with ExitStack() as both, suppress(OSError):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                both.enter_context(socket.socket(socket.AF_INET, kind)).bind((host, port))
            held.enter_context(both.pop_all())
            return port
    raise OSError("no free port")


def _free(held: ExitStack, port: int, host: str, kind: socket.SocketKind) -> int:
    """`port` if it can be bound, else a free one; kept bound until `held` ends."""
    for candidate in (port, 0) if port else (0,):
        probe = held.enter_context(socket.socket(socket.AF_INET, kind))
        try:
            probe.bind((host, candidate))
        except OSError:
            continue
        chosen: int = probe.getsockname()[1]
        return chosen
    raise OSError("no free port")
