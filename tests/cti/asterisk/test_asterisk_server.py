"""The Asterisk process on the real program: start, take over, rights, reload, stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cti.asterisk.configuration import AgentLine, AsteriskConfig, Trunk, render
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout, free_ports
from cti.asterisk.server import AsteriskFailed, AsteriskServer, Began, find_process

pytestmark = pytest.mark.asterisk

Factory = Callable[..., Awaitable[AsteriskServer]]

_DIALPLAN = """
[cc-entry]
exten => music,1,Answer()
 same => n,MusicOnHold(default)
exten => _X.,1,Answer()
 same => n,Wait(20)
exten => event,1,UserEvent(Seen,Word: hello)
[cc-agent]
"""


class _Ami:
    """A bare AMI connection, to try what the manager lets us do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, source: str = "127.0.0.1") -> _Ami:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        await reader.readline()
        return cls(reader, writer)

    async def ask(self, **fields: str) -> dict[str, str]:
        """Send one action; its response."""
        text = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
        self._writer.write(f"{text}ActionID: 1\r\n\r\n".encode())
        while True:
            frame = await self.frame()
            if "Response" in frame:
                return frame

    async def frame(self, timeout_s: float = 5.0) -> dict[str, str]:
        async with asyncio.timeout(timeout_s):
            raw = await self._reader.readuntil(b"\r\n\r\n")
        pairs = (line.partition(":") for line in raw.decode().splitlines() if line)
        return {key: value.strip() for key, _, value in pairs}

    async def log_in(self, identity: Identity, secret: str = "") -> dict[str, str]:
        return await self.ask(
            Action="Login", Username=identity.ami_user, Secret=secret or identity.ami_secret
        )

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def _files(install: AsteriskInstall, layout: Layout, config: AsteriskConfig) -> dict[str, str]:
    return render(config, layout, install, layout.identity(), _DIALPLAN)


async def test_it_is_ready_soon(asterisk_factory: Factory) -> None:
    """`make run` promises to be up in 15 s, so Asterisk itself must be ready in far less."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        server = await asterisk_factory(dialplan=_DIALPLAN)
        times.append(time.monotonic() - began)
        await server.stop()
    print(f"start to ready: median {statistics.median(times):.2f} s of {times}")
    assert statistics.median(times) < 10


async def test_it_starts_without_a_single_complaint(asterisk_factory: Factory) -> None:
    """An error in the generated configuration hides in the log unless somebody looks."""
    server = await asterisk_factory(
        dialplan=_DIALPLAN,
        config=AsteriskConfig(
            agents=(AgentLine("anna", desk_secret="a-long-secret"), AgentLine("bo")),
            trunks=(
                Trunk("main", ("127.0.0.1",), "127.0.0.1:5999", user="u", secret="s3cret-long"),
            ),
        ),
    )
    log = server.layout.message_log.read_text()
    assert "ERROR" not in log
    assert "WARNING" not in log


async def test_our_manager_login_cannot_run_programs(asterisk_factory: Factory) -> None:
    """A stolen AMI password must not give a shell: command, config and system stay closed."""
    server = await asterisk_factory(dialplan=_DIALPLAN)
    ami = await _Ami.connect(server.identity.ports.ami)
    assert (await ami.log_in(server.identity))["Response"] == "Success"
    refused = [
        {"Action": "Command", "Command": "core show uptime"},
        {"Action": "GetConfig", "Filename": "manager.conf"},
        {"Action": "UpdateConfig", "SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
        {"Action": "ModuleLoad", "Module": "app_system.so", "LoadType": "load"},
        {"Action": "Originate", "Channel": "Local/1234@cc-entry", "Application": "System"},
        {"Action": "AGI", "Channel": "x", "Command": "ANSWER"},
    ]
    for action in refused:
        answer = await ami.ask(**action)
        assert answer["Response"] == "Error", action
        assert any(word in answer["Message"] for word in ("ermission", "Forbidden")), answer
    assert (await ami.ask(Action="CoreShowChannels"))["Response"] == "Success"
    await ami.close()


async def test_strangers_are_kept_out_of_the_manager(asterisk_factory: Factory) -> None:
    """Neither a wrong password nor the right one from another address may log in."""
    server = await asterisk_factory()
    wrong = await _Ami.connect(server.identity.ports.ami)
    assert (await wrong.log_in(server.identity, "not-the-secret"))["Response"] == "Error"
    await wrong.close()
    foreign = await _Ami.connect(server.identity.ports.ami, source="127.0.0.2")
    assert (await foreign.log_in(server.identity))["Response"] == "Error"
    await foreign.close()


async def test_only_events_that_we_use_leave_asterisk(asterisk_factory: Factory) -> None:
    """Every event costs both sides; the filter must drop some and let ours through."""
    server = await asterisk_factory(dialplan=_DIALPLAN)
    ami = await _Ami.connect(server.identity.ports.ami)
    await ami.log_in(server.identity)
    await ami.ask(
        Action="Originate",
        Channel="Local/event@cc-entry",
        Application="Wait",
        Data="1",
        Async="true",
    )
    names: list[str] = []
    words: list[str] = []
    while "Hangup" not in names:
        frame = await ami.frame()
        names.append(frame.get("Event", ""))
        words.append(frame.get("Word", ""))
    await ami.close()
    assert "hello" in words
    assert not {"Newexten", "VarSet", "Newstate", "NewConnectedLine"} & set(names), names


async def _sip(
    port: int, source: str, method: str, user: str, to: str, audio_port: int = 40000
) -> str:
    """The status line that Asterisk answers to one SIP request from `source`."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((source, 0))
        line.setblocking(False)
        mine = f"{source}:{line.getsockname()[1]}"
        body = f"v=0\r\no=- 1 1 IN IP4 {source}\r\ns=-\r\nc=IN IP4 {source}\r\nt=0 0\r\n"
        body += f"m=audio {audio_port} RTP/AVP 0\r\n"
        request = (
            f"{method} sip:{to}@127.0.0.1:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {mine};branch=z9hG4bK{time.monotonic_ns()}\r\n"
            f"From: <sip:{user}@{mine}>;tag=1\r\nTo: <sip:{to}@127.0.0.1>\r\n"
            f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 {method}\r\nMax-Forwards: 10\r\n"
            f"Contact: <sip:{user}@{mine}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        await loop.sock_sendto(line, request.encode(), ("127.0.0.1", port))
        while True:
            async with asyncio.timeout(5):
                answer = (await loop.sock_recv(line, 65536)).decode()
            status = answer.split("\r\n", 1)[0].removeprefix("SIP/2.0 ")
            if not status.startswith("1"):
                return status


def _loudness(ulaw: bytes) -> float:
    """Root mean square of G.711 mu-law sound, on the scale of 16 bit samples."""
    total = 0
    for byte in ulaw:
        code = ~byte & 0xFF
        sample = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
        total += sample * sample
    return float((total / max(1, len(ulaw))) ** 0.5)


async def test_a_waiting_caller_hears_music(asterisk_factory: Factory) -> None:
    """A music class without readable files ends at once and hangs up on the caller."""
    server = await asterisk_factory(
        dialplan=_DIALPLAN, config=AsteriskConfig(trunks=(Trunk("main", ("127.0.0.1",)),))
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as audio:
        audio.bind(("127.0.0.1", 0))
        audio.setblocking(False)
        answered = await _sip(
            *(server.identity.ports.sip, "127.0.0.1", "INVITE", "4165550100", "music"),
            audio_port=audio.getsockname()[1],
        )
        assert answered.startswith("200")
        heard = b""
        async with asyncio.timeout(10):
            while len(heard) < 16000:  # two seconds
                packet = await asyncio.get_running_loop().sock_recv(audio, 2048)
                heard += packet[12:]
    assert _loudness(heard) > 100


async def test_only_known_trunks_may_call_in(asterisk_factory: Factory) -> None:
    """Anonymous SIP is how toll fraud begins: an unknown address gets a challenge, no call."""
    server = await asterisk_factory(
        dialplan=_DIALPLAN,
        config=AsteriskConfig(
            agents=(AgentLine("anna"),), trunks=(Trunk("main", ("127.0.0.1/32",)),)
        ),
    )
    port = server.identity.ports.sip
    assert (await _sip(port, "127.0.0.1", "INVITE", "4165550100", "1800")).startswith("200")
    assert (await _sip(port, "127.0.0.2", "INVITE", "4165550100", "1800")).startswith("401")
    assert (await _sip(port, "127.0.0.2", "INVITE", "trunk-main", "1800")).startswith("401")
    # An agent who is not logged in has no password at all; Asterisk says 500 to that.
    for request in (("INVITE", "1800"), ("REGISTER", "agent-anna")):
        answer = await _sip(port, "127.0.0.2", request[0], "agent-anna", request[1])
        assert answer[:3] in ("401", "500")
    assert len((await server.console("core show channels concise")).splitlines()) == 1


_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from cti.asterisk.configuration import AsteriskConfig, render
from cti.asterisk.install import find_asterisk
from cti.asterisk.layout import Layout
from cti.asterisk.server import AsteriskServer

async def main():
    layout = Layout(Path(sys.argv[1]))
    install = find_asterisk()
    identity = layout.identity()
    files = render(AsteriskConfig(), layout, install, identity, sys.argv[2])
    server = AsteriskServer(install, layout, identity, files)
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_asterisk_outlives_our_kill_and_is_taken_over(
    asterisk_install: AsteriskInstall, asterisk_folder: Callable[[], Path]
) -> None:
    """kill -9 of our process must not end a single call; the next start takes Asterisk over."""
    layout = Layout(asterisk_folder() / "a")
    layout.identity(free_ports())
    ours = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _OTHER_PROCESS, str(layout.root), _DIALPLAN),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "DATABASE_PASSWORD": "must-not-leak"},
    )
    assert ours.stdout is not None
    async with asyncio.timeout(30):
        pid = int(await ours.stdout.readline())
    files = _files(asterisk_install, layout, AsteriskConfig())
    second = AsteriskServer(asterisk_install, layout, layout.identity(), files)
    with pytest.raises(AsteriskFailed, match="another process already"):
        await second.start()

    os.kill(ours.pid, signal.SIGKILL)
    await ours.wait()
    assert find_process(layout) == pid
    assert b"must-not-leak" not in Path(f"/proc/{pid}/environ").read_bytes()
    try:
        assert await second.start() is Began.TAKEN_OVER
        assert second.pid == pid
    finally:
        await second.stop()
    assert find_process(layout) is None


async def test_stop_leaves_nothing_behind(asterisk_factory: Factory) -> None:
    """Ctrl-C must leave no process and no mount on the user's machine."""
    mounts = Path("/proc/self/mountinfo").read_text()
    server = await asterisk_factory()
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert find_process(server.layout) is None
    assert not Path(f"/proc/{pid}").exists()
    assert Path("/proc/self/mountinfo").read_text() == mounts
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.identity.ports.ami))


async def test_a_hung_asterisk_is_replaced_and_can_be_stopped(
    asterisk_factory: Factory, asterisk_install: AsteriskInstall
) -> None:
    """One that answers nobody serves nobody: the next start must not wait for it for ever."""
    first = await asterisk_factory()
    pid = first.pid
    assert pid is not None
    first.leave_running()
    os.kill(pid, signal.SIGSTOP)
    files = _files(asterisk_install, first.layout, AsteriskConfig())
    second = AsteriskServer(asterisk_install, first.layout, first.identity, files, ready_s=4)
    assert await second.start() is Began.STARTED
    assert second.pid != pid
    assert second.pid is not None
    os.kill(second.pid, signal.SIGSTOP)
    await second.stop(graceful_s=0.3)
    assert find_process(first.layout) is None


async def test_a_taken_port_is_named(asterisk_factory: Factory) -> None:
    """Asterisk would go on without the port, and calls would just never come."""
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.ami))
        taken.listen()
        with pytest.raises(AsteriskFailed, match=rf"port {ports.ami} is in use"):
            await asterisk_factory(ports=ports)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", ports.sip))
        with pytest.raises(AsteriskFailed, match="udp"):
            await asterisk_factory(ports=ports, config=AsteriskConfig(sip_address="127.0.0.2"))


async def test_a_failed_start_says_why(asterisk_factory: Factory) -> None:
    """Without Asterisk's last words nobody can repair it; and no half-dead process may stay."""
    with pytest.raises(AsteriskFailed, match="no_such_module") as failure:
        await asterisk_factory(
            files_extra={"modules.conf": "[modules]\nautoload=no\nrequire=no_such_module.so\n"}
        )
    assert "last words" in str(failure.value)


async def test_reload_keeps_calls(
    asterisk_factory: Factory, asterisk_install: AsteriskInstall
) -> None:
    """A new agent's phone must not cost the calls that are in progress."""
    server = await asterisk_factory(dialplan=_DIALPLAN)
    ami = await _Ami.connect(server.identity.ports.ami)
    await ami.log_in(server.identity)
    await ami.ask(Action="Originate", Channel="Local/1234@cc-entry", Application="Wait", Data="20")
    await ami.close()
    calls = await server.console("core show channels concise")
    assert "1234@cc-entry" in calls
    same = _files(asterisk_install, server.layout, AsteriskConfig())
    assert not await server.reload(same)
    more = AsteriskConfig(agents=(AgentLine("nina"),))
    assert await server.reload(_files(asterisk_install, server.layout, more))
    assert "agent-nina" in await server.console("pjsip show endpoints")
    assert [one.split("!")[0] for one in calls.split()] == [
        one.split("!")[0] for one in (await server.console("core show channels concise")).split()
    ]
    assert not server.restart_needed
    await server.reload(
        _files(asterisk_install, server.layout, AsteriskConfig(stun_server="127.0.0.1:3478"))
    )
    assert server.restart_needed == {"rtp.conf"}


async def test_a_crash_is_noticed_at_once_and_restart_works(asterisk_factory: Factory) -> None:
    """The owner of the process restarts it, so it has to learn of its end without polling."""
    server = await asterisk_factory(dialplan=_DIALPLAN)
    pid = server.pid
    assert pid is not None
    watch = asyncio.ensure_future(server.wait_exit())
    await asyncio.sleep(0.05)
    assert not watch.done()
    os.kill(pid, signal.SIGSEGV)
    async with asyncio.timeout(2):
        await watch
    assert find_process(server.layout) is None
    await server.restart()
    assert server.pid not in (None, pid)
