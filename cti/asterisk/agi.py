"""Our FastAGI server: panoramisk's, hardened by subclassing.

Asterisk calls us for every voice session. One `Session` is one such call: it sends
a command, waits a bounded time and gets the answer. `HANGUP`, which Asterisk puts
between the answers, is a flag (`hung_up`), never an answer; a usage text of many
lines is read to its end; an end of file is an error, not an empty answer.

Errors: `AgiError` > `BadArgument` (ours, nothing was sent) | `AgiClosed` |
`AgiTimeout` | `AgiRefused` (Asterisk said no). After `AgiClosed` and `AgiTimeout`
the session is of no more use.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from panoramisk.fast_agi import Application, Request

log = logging.getLogger(__name__)

# Asterisk reads a command into 2,048 bytes; the rest of a longer line would be
# taken for the next command.
COMMAND_MAX_BYTES = 2000
_PLAIN = re.compile(r"[A-Za-z0-9_./:+@-]+")
_ANSWER = re.compile(r"(\d{3})[ -](?:result=(\S*)(?: (.*))?)?")
_USAGE_LINES_MAX = 500


class AgiError(Exception):
    """A voice session did not do what was asked."""


class BadArgument(AgiError, ValueError):  # noqa: N818
    """Ours: this cannot be written as one command. Nothing was sent."""


class AgiClosed(AgiError):  # noqa: N818
    """Asterisk closed the session, or said something that is no answer."""


class AgiTimeout(AgiError):  # noqa: N818
    """No answer in time."""


class AgiRefused(AgiError):  # noqa: N818
    """Asterisk does not know the command or its arguments, or the caller is gone."""


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """Bounds of the server. Times in seconds."""

    line_bytes: int = 65_536
    header_lines: int = 200
    header_timeout_s: float = 5.0
    command_timeout_s: float = 5.0
    sessions: int = 4_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What Asterisk answered: `200 result=<result> <data>`; `data` without its parentheses."""

    code: int
    result: str
    data: str = ""


def quote(argument: str) -> str:
    """One argument of a command. Raises `BadArgument` for what no quoting can carry."""
    if _PLAIN.fullmatch(argument):
        return argument
    if "\n" in argument or "\r" in argument or "\0" in argument:
        raise BadArgument("a line break or NUL in an argument")
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Session(Request):  # type: ignore[misc]
    """One voice session. `headers` are what Asterisk said of the call (first value wins)."""

    headers: dict[str, str]

    def __init__(
        self,
        app: AgiServer,
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: AgiLimits,
    ) -> None:
        super().__init__(app, headers, reader, writer)
        self.limits = limits
        self.hung_up = False
        self._lock = asyncio.Lock()

    @property
    def arguments(self) -> list[str]:
        """What the dialplan gave after the address."""
        found: list[str] = []
        while (key := f"agi_arg_{len(found) + 1}") in self.headers:
            found.append(self.headers[key])
        return found

    # Commands -----------------------------------------------------------------------

    async def command(self, *words: str, timeout_s: float | None = None) -> Answer:
        """Send one command, each word quoted as needed, and wait for its answer."""
        line = " ".join([quote(word) for word in words])
        return await self._exchange(line, timeout_s)

    async def send_command(self, command: str) -> Answer:
        """panoramisk's way: a whole line, with the caller's own quoting."""
        if "\n" in command or "\r" in command or "\0" in command:
            raise BadArgument("a line break or NUL in a command")
        return await self._exchange(command, None)

    async def answer(self) -> Answer:
        return await self.command("ANSWER")

    async def stream_file(
        self, path: str, escape_digits: str = "", *, timeout_s: float = 120.0
    ) -> str:
        """Play a file (no extension); the digit that cut it short, or "".

        Raises `AgiRefused` when it cannot be played.
        """
        said = await self.command("STREAM", "FILE", path, escape_digits, timeout_s=timeout_s)
        if said.result == "-1" or (said.result == "0" and said.data == "endpos=0"):
            self._raise_if_gone()
            raise AgiRefused(f"{path} cannot be played")
        return _digit(said.result)

    async def record_file(
        self, path: str, kind: str, escape_digits: str, most_s: float, silence_s: float
    ) -> str:
        """Record into `path` (no extension) until a digit, which is returned, silence or the time.

        Raises `AgiRefused` when it cannot be written.
        """
        said = await self.command(
            "RECORD",
            "FILE",
            path,
            kind,
            escape_digits,
            str(round(most_s * 1000)),
            f"s={round(silence_s)}",
            timeout_s=most_s + 30.0,
        )
        if said.result == "-1" and "hangup" in said.data:
            self.hung_up = True  # which is how most messages end
        elif said.result == "-1":
            self._raise_if_gone()
            raise AgiRefused(f"{path} cannot be written")
        return _digit(said.result)

    async def get_variable(self, name: str) -> str:
        """A channel variable's value, "" when unset."""
        return (await self.command("GET", "VARIABLE", name)).data

    async def execute(self, app: str, options: str = "", *, timeout_s: float = 5.0) -> str:
        """Run a dialplan application; its result."""
        return (await self.command("EXEC", app, options, timeout_s=timeout_s)).result

    async def hang_up(self) -> None:
        await self.command("HANGUP")

    async def watch(self) -> None:
        """While nothing is being asked: returns when the caller is gone. May be cancelled."""
        async with self._lock:
            while not self.hung_up:
                line = await self._line()
                if line != "HANGUP":
                    raise AgiClosed(f"unasked for: {line[:80]!r}")
                self.hung_up = True

    # The wire -----------------------------------------------------------------------

    async def _exchange(self, line: str, timeout_s: float | None) -> Answer:
        try:
            frame = line.encode() + b"\n"
        except UnicodeEncodeError as error:
            raise BadArgument("an argument is no valid text") from error
        if len(frame) > COMMAND_MAX_BYTES:
            raise BadArgument(
                f"a command of {len(frame)} bytes; Asterisk reads {COMMAND_MAX_BYTES}"
            )
        limit_s = self.limits.command_timeout_s if timeout_s is None else timeout_s
        async with self._lock:
            try:
                async with asyncio.timeout(limit_s):
                    self.writer.write(frame)
                    answer = await self._answer()
            except TimeoutError:
                self.writer.transport.abort()  # a late answer must not be taken for the next one
                raise AgiTimeout(f"no answer within {limit_s} s to {line[:80]!r}") from None
        if answer.code == 200:
            return answer
        if answer.code == 511:
            self.hung_up = True
        raise AgiRefused(f"{answer.code} to {line[:80]!r}")

    async def _answer(self) -> Answer:
        while True:
            line = await self._line()
            if line == "HANGUP":
                self.hung_up = True
                continue
            found = _ANSWER.match(line)
            if found is None:
                self.writer.transport.abort()
                raise AgiClosed(f"not an answer: {line[:80]!r}")
            code = int(found[1])
            if code == 100:
                continue
            if line.startswith("520-"):
                await self._skip_usage()
            data = found[3] or ""
            if data == "(hangup)":
                self.hung_up = True
            elif data.startswith("(") and data.endswith(")"):
                data = data[1:-1]
            return Answer(code, found[2] or "", data)

    async def _skip_usage(self) -> None:
        for _ in range(_USAGE_LINES_MAX):
            line = await self._line()
            if line.startswith("520 "):
                return
            if line == "HANGUP":
                self.hung_up = True
        raise AgiClosed("a usage text without an end")

    async def _line(self) -> str:
        return await _read_line(self.reader)

    def _raise_if_gone(self) -> None:
        if self.hung_up:
            raise AgiClosed("the caller hung up")


def _digit(code: str) -> str:
    return chr(int(code)) if code.isdecimal() and 32 < int(code) < 127 else ""


async def _read_line(reader: asyncio.StreamReader) -> str:
    line = await _read_until(reader, b"\n")
    return line[:-1].decode("utf-8", "replace").removesuffix("\r")


async def _read_until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    try:
        return await reader.readuntil(end)
    except asyncio.IncompleteReadError as error:
        raise AgiClosed("the session ended") from error
    except asyncio.LimitOverrunError as error:
        raise AgiClosed("a line too long") from error
    except OSError as error:
        raise AgiClosed(str(error)) from error


Handler = Callable[[Session], Awaitable[None]]


class AgiServer(Application):  # type: ignore[misc]
    """Takes Asterisk's voice sessions and hands each to the handler of its path."""

    def __init__(self, port: int, host: str = "127.0.0.1", limits: AgiLimits | None = None) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.host = host
        self.port = port
        self.limits = limits or AgiLimits()
        self.refused = 0
        self._stopping = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def add_route(self, path: str, endpoint: Callable[[Session], Any]) -> None:
        """`path` without a leading slash; `endpoint` may be plain or a coroutine function."""
        if path in self._route:
            raise ValueError(f"the route {path!r} exists already")
        if not callable(endpoint):
            raise TypeError(f"{endpoint!r} cannot be called")
        self._route[path] = endpoint

    async def start(self) -> None:
        """Listen. `port` 0 takes a free one, then found in `port`."""
        await self.bind()
        await self.open()

    async def bind(self) -> None:
        """Take the port without listening yet: who calls is refused. Raises `OSError`."""
        self._server = await asyncio.start_server(
            self.handler,
            self.host,
            self.port,
            limit=self.limits.line_bytes,
            backlog=512,
            start_serving=False,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def open(self) -> None:
        """Listen on the port that `bind` took; does nothing when open already."""
        if self._server is not None:
            await self._server.start_serving()

    async def stop(self) -> None:
        """Stop listening and end every session; the dialplan goes on by itself."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def sessions(self) -> int:
        return len(self._tasks)

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its end; never raises but for a cancellation."""
        if len(self._tasks) >= self.limits.sessions:
            self.refused += 1
            if self.refused & (self.refused - 1) == 0:
                log.error("%d voice sessions are open; %d refused", len(self._tasks), self.refused)
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except AgiError as error:
            log.info("voice session ended: %s", error)
        except asyncio.CancelledError:
            # asyncio's own callback would complain aloud of a cancelled session.
            if not self._stopping:
                raise
        except Exception:
            log.exception("a voice session failed")
        finally:
            if task is not None:
                self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self.limits.header_timeout_s):
                headers = await self._headers(reader)
        except TimeoutError:
            raise AgiTimeout("the headers of a voice session did not come") from None
        path = self._path(headers)
        endpoint = self._route.get(path)
        if endpoint is None:
            log.error("no voice route for %r", path[:80])
            return
        outcome = endpoint(Session(self, headers, reader, writer, self.limits))
        if isinstance(outcome, Awaitable):
            await outcome

    async def _headers(self, reader: asyncio.StreamReader) -> dict[str, str]:
        """All lines up to the empty one, taken at once; the first value of a key wins."""
        lines = (await _read_until(reader, b"\n\n")).decode("utf-8", "replace").split("\n")
        if len(lines) > self.limits.header_lines:
            raise AgiClosed("too many header lines")
        headers: dict[str, str] = {}
        for line in lines:
            key, colon, value = line.removesuffix("\r").partition(":")
            if colon:
                headers.setdefault(key, value.removeprefix(" "))
        return headers

    @staticmethod
    def _path(headers: dict[str, str]) -> str:
        script = headers.get("agi_network_script", "")
        if script:
            return script
        with contextlib.suppress(ValueError):
            return urlsplit(headers.get("agi_request", "")).path.strip("/")
        return ""
