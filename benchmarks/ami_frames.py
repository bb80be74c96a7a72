"""Frames of the manager interface and voice sessions per second: ours, plain panoramisk, bare.

    python -m benchmarks.ami_frames [--seconds 2] [--sessions 2000] [--json] [--keep]

Frames: a recorded mix of the events of one call, given to each protocol in reads of 64 kB as a
socket would, without the network. Every contender hands each frame to a sink that looks at
three fields of it, which is what a link does. "bare" is a hand-written loop that does nothing
else (no answers, no bounds, no guard): the floor for Python.

Sessions: a FastAGI session as a new call makes it (connect, 22 headers, one command and its
answer), eight at a time over the loopback interface; the caller is another process.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.fast_agi import Application
from panoramisk.manager import Manager

from benchmarks import figures
from cti.asterisk.agi import AgiServer, Session
from cti.asterisk.ami import Ami, AmiSettings, Frame, Protocol

READ_BYTES = 65_536
AT_ONCE = 8

_CHANNEL = (
    "Privilege: call,all\r\nChannel: PJSIP/trunk-main-{n:08x}\r\nChannelState: 6\r\n"
    "ChannelStateDesc: Up\r\nCallerIDNum: +12025550100\r\nCallerIDName: Grace Chen\r\n"
    "ConnectedLineNum: <unknown>\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\n"
    "AccountCode: \r\nContext: cc-ring\r\nExten: s\r\nPriority: 2\r\n"
    "Uniqueid: asterisk-1795490107.{n}\r\nLinkedid: asterisk-1795490107.{n}\r\n"
)
_DEST = (
    "DestChannel: PJSIP/desk-anna-{n:08x}\r\nDestChannelState: 5\r\n"
    "DestChannelStateDesc: Ringing\r\nDestCallerIDNum: s\r\nDestCallerIDName: <unknown>\r\n"
    "DestConnectedLineNum: +12025550100\r\nDestConnectedLineName: Grace Chen\r\n"
    "DestLanguage: en\r\nDestAccountCode: \r\nDestContext: cc-agent\r\nDestExten: s\r\n"
    "DestPriority: 1\r\nDestUniqueid: asterisk-1795490108.{n}\r\n"
    "DestLinkedid: asterisk-1795490107.{n}\r\n"
)
_CALL = (
    f"Event: UserEvent\r\n{_CHANNEL}UserEvent: CallWaiting\r\nCall: asterisk-1795490107.{{n}}",
    f"Event: DialBegin\r\n{_CHANNEL}{_DEST}DialString: desk-anna",
    f"Event: DialEnd\r\n{_CHANNEL}{_DEST}DialStatus: ANSWER",
    f"Event: Hangup\r\n{_CHANNEL}Cause: 16\r\nCause-txt: Normal Clearing",
)


def stream(calls: int = 500) -> tuple[bytes, int]:
    """The bytes of this many calls' events, and how many frames they are."""
    frames = [text.format(n=n) for n in range(calls) for text in _CALL]
    return ("\r\n\r\n".join(frames) + "\r\n\r\n").encode(), len(frames)


class _Transport:
    """What a protocol needs of its socket when it only reads."""

    def set_write_buffer_limits(self, high: int) -> None:
        return

    def abort(self) -> None:
        raise AssertionError("the protocol gave up")


def _ours(seen: list[str]) -> Callable[[bytes], None]:
    def sink(frame: Frame) -> None:
        seen[0], seen[1] = frame.get("Uniqueid"), frame.get("DestChannel")

    ami = Ami(AmiSettings(1, "bench", "bench"), sink)
    protocol = Protocol(ami)
    protocol.connection_made(_Transport())
    return protocol.data_received


def _panoramisk(seen: list[str]) -> Callable[[bytes], None]:
    class Sink(Manager):  # type: ignore[misc]
        def dispatch(self, message: Any) -> None:
            seen[0], seen[1] = message.uniqueid, message.destchannel

    protocol = AMIProtocol()
    protocol.connection_made(_Transport())
    protocol.version = "5.0"
    protocol.factory = Sink()
    receive: Callable[[bytes], None] = protocol.data_received
    return receive


def _bare(seen: list[str]) -> Callable[[bytes], None]:
    rest = b""

    def receive(data: bytes) -> None:
        nonlocal rest
        *frames, rest = (rest + data).split(b"\r\n\r\n")
        for raw in frames:
            fields = dict(
                line.split(": ", 1) for line in raw.decode().split("\r\n") if ": " in line
            )
            seen[0], seen[1] = fields.get("Uniqueid", ""), fields.get("DestChannel", "")

    return receive


CONTENDERS = {"ours": _ours, "panoramisk": _panoramisk, "bare": _bare}


async def frames_per_s(seconds: float) -> dict[str, int]:
    """Medians of rounds in which the contenders take turns."""
    data, count = stream()
    reads = [data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES)]
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    stop = time.perf_counter() + seconds * len(CONTENDERS)
    while time.perf_counter() < stop or not rates["bare"]:
        for name, make in CONTENDERS.items():
            seen = ["", ""]
            receive = make(seen)
            began = time.process_time()
            for read in reads:
                receive(read)
            rates[name].append(count / (time.process_time() - began))
            if not seen[0].endswith(".499"):
                raise AssertionError(f"{name} lost frames: {seen}")
    return {name: round(statistics.median(found)) for name, found in rates.items()}


# Voice sessions ---------------------------------------------------------------------------------


def headers(n: int) -> bytes:
    """What Asterisk says of a call before the first command."""
    lines = [
        "agi_network: yes",
        "agi_network_script: entry",
        "agi_request: agi://127.0.0.1:4573/entry",
        f"agi_channel: PJSIP/trunk-main-{n:08x}",
        "agi_language: en",
        "agi_type: PJSIP",
        f"agi_uniqueid: asterisk-1795490107.{n}",
        "agi_version: 22.10.1",
        "agi_callerid: +12025550100",
        "agi_calleridname: Grace Chen",
        "agi_callingpres: 0",
        "agi_callingani2: 0",
        "agi_callington: 0",
        "agi_callingtns: 0",
        "agi_dnid: 100",
        "agi_rdnis: unknown",
        "agi_context: cc-in",
        "agi_extension: s",
        "agi_priority: 9",
        "agi_enhanced: 0.0",
        f"agi_arg_1: asterisk-asterisk-1795490107.{n}",
        "agi_arg_2: trunk-main",
    ]
    return ("\n".join(lines) + "\n\n").encode()


async def _answer_ours(session: Session) -> None:
    await session.execute("MSet", "CC_QUEUE=sales,CC_NEXT=wait")


async def _answer_panoramisk(request: Any) -> None:
    await request.send_command('EXEC MSet "CC_QUEUE=sales,CC_NEXT=wait"')


async def _serve_ours() -> tuple[asyncio.Server, int]:
    app = AgiServer(0)
    app.add_route("entry", _answer_ours)
    server = await asyncio.start_server(app.handler, "127.0.0.1", 0, backlog=512)
    return server, server.sockets[0].getsockname()[1]


async def _serve_panoramisk() -> tuple[asyncio.Server, int]:
    app = Application(loop=asyncio.get_running_loop())
    app.add_route("entry", _answer_panoramisk)
    server = await asyncio.start_server(app.handler, "127.0.0.1", 0, backlog=512)
    return server, server.sockets[0].getsockname()[1]


async def sessions_per_s(count: int) -> dict[str, dict[str, float]]:
    """For each: sessions per second, and per CPU second of the server."""
    logging.getLogger("panoramisk").setLevel(logging.WARNING)
    found: dict[str, dict[str, float]] = {}
    for name, serve in (("ours", _serve_ours), ("panoramisk", _serve_panoramisk)):
        server, port = await serve()
        async with server:
            cpu = time.process_time()
            caller = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.ami_frames"),
                *("--call", str(port), "--sessions", str(count)),
                stdout=subprocess.PIPE,
            )
            said, _ = await asyncio.wait_for(caller.communicate(), 120)
            cpu = time.process_time() - cpu
            lasted = float(said)
        found[name] = {"per_s": round(count / lasted), "per_cpu_s": round(count / cpu)}
    return found


async def call_many(port: int, count: int) -> float:
    """Play Asterisk for `count` sessions; how many seconds it took."""
    numbers = iter(range(count))

    async def caller() -> None:
        for n in numbers:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(headers(n))
            command = await reader.readline()
            if not command.startswith(b"EXEC MSet"):
                raise AssertionError(f"not the command: {command!r}")
            writer.write(b"200 result=0\n")
            await reader.read()  # until the server lets go
            writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


def measure(seconds: float, sessions: int) -> dict[str, Any]:
    """All figures, with their ratios to plain panoramisk."""
    frames = asyncio.run(frames_per_s(seconds))
    voice = asyncio.run(sessions_per_s(sessions))
    return {
        "python": platform.python_version(),
        "frames_per_s": frames,
        "agi_sessions": voice,
        "ratio": {
            "frames_ours_to_panoramisk": round(frames["ours"] / frames["panoramisk"], 2),
            "frames_ours_to_bare": round(frames["ours"] / frames["bare"], 2),
            "sessions_ours_to_panoramisk": round(
                voice["ours"]["per_cpu_s"] / voice["panoramisk"]["per_cpu_s"], 2
            ),
        },
    }


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="per contender")
    parser.add_argument("--sessions", type=int, default=2000)
    figures.add_arguments(parser)
    parser.add_argument("--call", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.call:
        print(asyncio.run(call_many(asked.call, asked.sessions)))
        return
    result = measure(asked.seconds, asked.sessions)
    if figures.hand_out("ami_frames", result, asked):
        return
    for name, rate in result["frames_per_s"].items():
        print(f"{name:>12}: {rate:>8} frames/s")
    for name, rates in result["agi_sessions"].items():
        print(f"{name:>12}: {rates['per_s']:>8} voice sessions/s, {rates['per_cpu_s']}/CPU s")


if __name__ == "__main__":
    main()
