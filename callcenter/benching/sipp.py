"""SIPp as callers and as desk phones, on the loopback address only.

Every run is bounded in calls and in time; a run that is cut short leaves no process behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cti.debian import FetchFailed, ProgressSink, command_in, fetch_tree, silent

_SDP = """v=0
      o=bench 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 0
      a=rtpmap:0 PCMU/8000
      a=sendrecv"""
# Whoever waits for the end of the pause answers a re-INVITE meanwhile. No answer has code 699:
# anything else that comes (Asterisk hanging up, say) fails the call.
_CALLER = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
      INVITE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
      To: <sip:[field1]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:[field0]@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      {_SDP}
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200"/>
  <send><![CDATA[
      ACK sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
      To: <sip:[field1]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  <label id="talk"/>
  <recv request="INVITE" optional="true" next="again" timeout="{{hold_ms}}" ontimeout="hang_up"/>
  <recv response="699" timeout="{{hold_ms}}" ontimeout="hang_up"/>
  <label id="again"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[field0]@[local_ip]:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]

      {_SDP}
  ]]></send>
  <recv request="ACK" next="talk"/>
  <label id="hang_up"/>
  <send retrans="500"><![CDATA[
      BYE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
      To: <sip:[field1]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 2 BYE
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""
_ANSWER = """
      Via: [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]p[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port]>""".replace("Via: [last_Via:]", "[last_Via:]")
# Asterisk asks every phone now and then whether it is alive (OPTIONS).
_PHONE = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="phone">
  <recv request="OPTIONS" optional="true" next="alive"/>
  <recv request="INVITE"/>
  <send><![CDATA[
      SIP/2.0 180 Ringing{_ANSWER}
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK{_ANSWER}
      Content-Type: application/sdp
      Content-Length: [len]

      {_SDP}
  ]]></send>
  <recv request="ACK"/>
  <recv request="BYE" next="ended"/>
  <label id="alive"/>
  <send><![CDATA[
      SIP/2.0 200 OK{_ANSWER}
      Content-Length: 0

  ]]></send>
  <pause milliseconds="1" next="over"/>
  <label id="ended"/>
  <send><![CDATA[
      SIP/2.0 200 OK{_ANSWER.replace(";tag=[pid]p[call_number]", "")}
      Content-Length: 0

  ]]></send>
  <label id="over"/>
  <pause milliseconds="100"/>
</scenario>
"""
_REGISTER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
      REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[remote_ip]:[remote_port]>;tag=[pid]r[call_number]
      To: <sip:[field0]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 REGISTER
      Contact: <sip:[field0]@[local_ip]:[local_port]>
      Max-Forwards: 70
      Expires: 3600
      Content-Length: 0

  ]]></send>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[
      REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[remote_ip]:[remote_port]>;tag=[pid]r[call_number]
      To: <sip:[field0]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 2 REGISTER
      Contact: <sip:[field0]@[local_ip]:[local_port]>
      [field1]
      Max-Forwards: 70
      Expires: 3600
      Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""


class SippFailed(Exception):  # noqa: N818 - reads as what happened
    """SIPp is not here, or did not do what it was started for."""


@dataclass(frozen=True, slots=True)
class SippProgram:
    """How to start SIPp."""

    command: tuple[str, ...]
    version: str


def find_sipp(cache: Path | None = None) -> SippProgram | None:
    """The machine's SIPp, else the one fetched into the cache, else None."""
    host = shutil.which("sipp")
    command = (host,) if host else command_in(_folder(cache), "usr/bin/sipp")
    if command is None:
        return None
    try:
        said = subprocess.run(  # noqa: S603 - our own list of arguments, no shell
            [*command, "-v"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"SIPp v?(\S+?)\.?\s", said.stdout + said.stderr)
    return SippProgram(tuple(command), found[1]) if found else None


async def obtain_sipp(progress: ProgressSink = silent, cache: Path | None = None) -> SippProgram:
    """`find_sipp`, or fetch it (Debian, Ubuntu; no root needed). Raises `SippFailed`."""
    found = find_sipp(cache)
    if found is None:
        try:
            await fetch_tree(
                _folder(cache),
                ("sip-tester",),
                lambda tree: command_in(tree, "usr/bin/sipp") is not None,
                progress=progress,
            )
        except FetchFailed as error:
            raise SippFailed(
                f"there is no sipp on PATH, and {error.why}. Run: apt-get install sip-tester"
            ) from error
        found = find_sipp(cache)
    if found is None:
        raise SippFailed("the fetched sipp does not run here. Run: apt-get install sip-tester")
    return found


def _folder(cache: Path | None) -> Path:
    base = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "callcenter" / "sipp"


@dataclass(frozen=True, slots=True)
class CallerRun:
    """What the callers saw of one run."""

    started: int
    succeeded: int


class SippLoad:
    """Callers and phones against one Asterisk; files go below `folder`.

    All phones share one port, so they can answer for any number of agents.
    """

    def __init__(
        self, program: SippProgram, folder: Path, *, sip_port: int, phone_port: int
    ) -> None:
        self.phone_port = phone_port
        self._program = program
        self._folder = folder
        self._sip_port = sip_port
        self._phones: asyncio.subprocess.Process | None = None
        self._runs = 0
        folder.mkdir(parents=True, exist_ok=True)

    async def register(self, secrets: Mapping[str, str]) -> None:
        """Register every endpoint (name to password) from the phones' port."""
        rows = [
            f"{name};[authentication username={name} password={secret}]"
            for name, secret in secrets.items()
        ]
        for _ in range(3):  # a busy machine answers too late for one or the other
            run = await self._dial("register", _REGISTER, rows, len(rows), 50.0, self.phone_port)
            if run.succeeded == len(rows):
                return
        raise SippFailed(f"{run.succeeded} of {len(rows)} phones could register")

    async def start_phones(self) -> None:
        """The phones answer every call at once, until `stop`."""
        self._phones = await self._start("phone", _PHONE, ("-p", str(self.phone_port)))
        await asyncio.sleep(0.3)
        if self._phones.returncode is not None:
            raise SippFailed(f"the phones ended at once: {self._last_words('phone')}")

    async def call(
        self, callers: Sequence[tuple[str, str]], rate: float, hold_s: float
    ) -> CallerRun:
        """Place a call for each (number of the caller, number dialled), `rate` a second.

        A caller hangs up `hold_s` after being answered. Nobody sends sound, and Asterisk's
        `Answer` waits half a second for some before it goes on.
        """
        self._runs += 1
        rows = (f"{ani};{dialled}" for ani, dialled in callers)
        name = f"caller{self._runs}"
        return await self._dial(
            name, _CALLER.format(hold_ms=round(hold_s * 1000)), rows, len(callers), rate
        )

    async def stop(self) -> None:
        """End the phones."""
        phones, self._phones = self._phones, None
        if phones is not None:
            await _end(phones)

    async def _dial(
        self,
        name: str,
        scenario: str,
        rows: Iterable[str],
        count: int,
        rate: float,
        port: int = 0,
    ) -> CallerRun:
        table = self._folder / f"{name}.csv"
        table.write_text("SEQUENTIAL\n" + "\n".join(rows) + "\n")
        limit_s = count / rate + 30.0
        arguments = (
            *("-inf", str(table), "-m", str(count), "-l", str(count)),
            # SIPp takes a whole number of calls per period.
            *("-r", "1", "-rp", str(max(1, round(1000 / rate)))),
            *("-recv_timeout", "20000", "-timeout", str(round(limit_s))),
            *(("-p", str(port)) if port else ()),
        )
        process = await self._start(name, scenario, arguments)
        try:
            async with asyncio.timeout(limit_s + 10.0):
                await process.wait()
        except TimeoutError:
            raise SippFailed(f"{name}: SIPp did not end in {limit_s:.0f} s") from None
        finally:
            await _end(process)
        return self._result(name)

    async def _start(
        self, name: str, scenario: str, arguments: tuple[str, ...]
    ) -> asyncio.subprocess.Process:
        file = self._folder / f"{name}.xml"
        file.write_text(scenario)
        (self._folder / f"{name}.stat").unlink(missing_ok=True)
        with (self._folder / f"{name}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *self._program.command,
                f"127.0.0.1:{self._sip_port}",
                *("-sf", str(file), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-aa"),
                *("-trace_stat", "-stf", str(self._folder / f"{name}.stat"), "-fd", "1"),
                *("-trace_err", "-error_file", str(self._folder / f"{name}.errors")),
                *("-timer_resol", "1", "-max_socket", "1000"),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={"PATH": os.defpath, "TERM": "dumb", "LANG": "C.UTF-8"},
                start_new_session=True,
            )

    def _result(self, name: str) -> CallerRun:
        try:
            with (self._folder / f"{name}.stat").open(newline="") as file:
                last = list(csv.DictReader(file, delimiter=";"))[-1]
            return CallerRun(int(last["TotalCallCreated"]), int(last["SuccessfulCall(C)"]))
        except (OSError, IndexError, KeyError, ValueError) as error:
            raise SippFailed(f"{name}: no figures from SIPp: {self._last_words(name)}") from error

    def _last_words(self, name: str) -> str:
        text = ""
        for ending in ("errors", "log"):
            with contextlib.suppress(OSError):
                text += (self._folder / f"{name}.{ending}").read_text(errors="replace")[-500:]
        return text.strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
