"""The product as a process of its own: `python -m callcenter up`."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from config.settings import DEMO_SITE
from cti.asterisk.layout import Layout, Ports, free_ports, write_private
from cti.asterisk.server import find_process

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "demo-2468"  # noqa: S105 - of the demonstration
DESK_AGENTS = ("anna", "ben", "chen", "emeka")
SUPERVISOR = "sam"

Site = dict[str, Any]


class _Plain(yaml.SafeDumper):
    """Writes values out: a site has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class CenterFailed(Exception):  # noqa: N818 - what happened
    """It did not start, or not stop, in time; the message ends with its last log lines."""


class Center:
    """One installation below `folder` (a short path: Asterisk's socket lies in it).

    `change` edits the demonstration's site before the first start; `flows` adds flow texts by
    name. `trunk` is the address (host, port) of the public network. `switches` names several
    Asterisks, each with a trunk, and `homes` the one where an agent's phones register (the
    first unless named).
    """

    def __init__(
        self,
        folder: Path,
        *,
        trunk: tuple[str, int] | None = None,
        change: Callable[[Site], None] = lambda site: None,
        flows: Mapping[str, str] | None = None,
        switch: str = "asterisk",
        switches: tuple[str, ...] = (),
        homes: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.log = folder / "center.log"
        self.switch = switch
        self.ports: Ports = free_ports(rtp_ports=400)
        self.switch_ports = dict.fromkeys(switches[:1], self.ports)
        while len(self.switch_ports) < len(switches):
            ports = free_ports(rtp_ports=400)
            if ports.rtp_first not in {other.rtp_first for other in self.switch_ports.values()}:
                self.switch_ports[switches[len(self.switch_ports)]] = ports
        self.homes = dict(homes or {})
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        with_desks = (*DESK_AGENTS, SUPERVISOR)
        self.desk_secrets = {agent: f"desk-phone-of-{agent}" for agent in with_desks}
        self._write_site(trunk, change, flows or {})
        self.var.mkdir()
        write_private(self.var / "desk-phones.json", json.dumps(self.desk_secrets))

    def _write_site(
        self,
        trunk: tuple[str, int] | None,
        change: Callable[[Site], None],
        flows: Mapping[str, str],
    ) -> None:
        self.site = self.folder / "site"
        shutil.copytree(DEMO_SITE, self.site)
        file = self.site / "site.yaml"
        site: Site = yaml.safe_load(file.read_text())
        if trunk is not None:
            host, port = trunk
            trunk_there = {"addresses": [host], "contact": f"{host}:{port}"}
            site["trunks"] = {
                f"public-{name}" if name else "public": trunk_there
                | ({"switch": name} if name else {})
                for name in self.switch_ports or ("",)
            }
        if self.switch_ports:
            site["switches"] = {
                name: {"kind": "asterisk"} | _named_ports(ports)
                for name, ports in self.switch_ports.items()
            }
        for agent, home in self.homes.items():
            site["agents"][agent]["switch"] = home
        change(site)
        file.write_text(yaml.dump(site, Dumper=_Plain, allow_unicode=True, sort_keys=False))
        for name, text in flows.items():
            (self.site / "flows" / f"{name}.yaml").write_text(text)

    # The process ---------------------------------------------------------------------------

    async def start(self, within_s: float = 60.0) -> float:
        """Start (again) and wait until calls can be served; how long that took in seconds."""
        began = time.monotonic()
        self.spawn()  # not in a thread of a pool: it would die with that thread
        await asyncio.to_thread(self.wait_ready, within_s)
        return time.monotonic() - began

    def spawn(self) -> None:
        """Start the process and do not wait for it."""
        if self.process is not None and self.process.poll() is None:
            raise CenterFailed("it runs already")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "callcenter", "up", "--demo"],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # a killed test run leaves no orphan
            )

    def wait_ready(self, within_s: float = 60.0) -> None:
        """Return when /readyz says yes; raises `CenterFailed`."""
        deadline = time.monotonic() + within_s
        while not self.ready():
            if self.process is None or self.process.poll() is not None:
                raise CenterFailed(f"callcenter ended while starting:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise CenterFailed(f"callcenter is not ready in {within_s} s:\n{self.tail()}")
            time.sleep(0.03)

    def check_alive(self) -> None:
        """Raises `CenterFailed` when it ended and nobody here ended it."""
        if self.process is not None and (status := self.process.poll()) is not None:
            raise CenterFailed(f"callcenter ended by itself with {status}:\n{self.tail()}")

    def ready(self) -> bool:
        return bool(self.health().get("ready"))

    def health(self) -> dict[str, Any]:
        """What /readyz tells; {} when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310
                told = answer.read()
        except urllib.error.HTTPError as error:
            told = error.read()
        except OSError:
            return {}
        found: dict[str, Any] = json.loads(told)
        return found

    def kill(self) -> None:
        """kill -9: nothing can be saved any more. Asterisk lives on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def interrupt(self, within_s: float = 30.0) -> int:
        """Ctrl-C; the exit status."""
        process = self.process
        if process is None:
            raise CenterFailed("it does not run")
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise CenterFailed(f"no end {within_s} s after Ctrl-C:\n{self.tail()}") from None
        self.process = None
        return status

    def clean_up(self) -> None:
        """End whatever is left, Asterisk included."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.interrupt()
        except CenterFailed:
            self.kill()
        finally:
            for switch in self.switch_ports or ("",):
                if (pid := self.asterisk_pid(switch)) is not None:
                    os.kill(pid, signal.SIGKILL)

    # Looking inside --------------------------------------------------------------------------

    def asterisk_pid(self, switch: str = "") -> int | None:
        """Our Asterisk's process while it lives; of several, the named one."""
        return find_process(Layout(self.var / (f"asterisk-{switch}" if switch else "asterisk")))

    def desk_port(self, agent: str) -> int:
        """The SIP port where an agent's desk phone registers."""
        home = self.homes.get(agent, "")
        return self.switch_ports.get(home, self.ports).sip

    def tail(self, lines: int = 40) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def troubles(self) -> list[str]:
        """Errors and tracebacks in the log."""
        marks = ("error", "Traceback", "exception")
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if any(mark in line for mark in marks)]

    def _environment(self) -> dict[str, str]:
        ours = {
            "VAR": self.var,
            "SITE": self.site,
            "PORT": self.port,
            "SWITCH": self.switch,
        }
        if not self.switch_ports:
            ours |= {
                "AMI_PORT": self.ports.ami,
                "ASTERISK_HTTP_PORT": self.ports.http,
                "SIP_PORT": self.ports.sip,
                "AGI_PORT": self.ports.agi,
                "RTP_FIRST_PORT": self.ports.rtp_first,
                "RTP_LAST_PORT": self.ports.rtp_last,
            }
        kept = {"CALLCENTER_ASTERISK", "CALLCENTER_CACHE"}
        outside = {
            name: value
            for name, value in os.environ.items()
            if name in kept or not name.startswith("CALLCENTER_")
        }
        return outside | {f"CALLCENTER_{name}": str(value) for name, value in ours.items()}


def _named_ports(ports: Ports) -> dict[str, int]:
    return {
        "sip_port": ports.sip,
        "ami_port": ports.ami,
        "http_port": ports.http,
        "agi_port": ports.agi,
        "rtp_first_port": ports.rtp_first,
        "rtp_last_port": ports.rtp_last,
    }


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
