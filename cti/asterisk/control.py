"""Asterisk's own console over its private socket: for the few things that the manager refuses.

The manager would start a recording only for a user who may also run any program. The socket
lies in the instance's folder, which only its owner can enter, so no password guards it and
none can be stolen. Nothing from outside may become part of a command.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

_ANSWER_MAX = 64_000
_PLAIN = re.compile(r"[ -~]{1,400}")


class ControlFailed(Exception):  # noqa: N818 - reads as what happened
    """The console did not take the command; whether it was carried out is unknown."""


async def console_command(socket: Path, command: str, timeout_s: float = 5.0) -> str:
    """Run one command; its output as text, without the greeting. Raises `ControlFailed`."""
    if not _PLAIN.fullmatch(command):
        raise ControlFailed("not a plain command")
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(socket, command)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        raise ControlFailed(f"Asterisk's console: {error or type(error).__name__}") from error


async def _ask(socket: Path, command: str) -> str:
    reader, writer = await asyncio.open_unix_connection(str(socket), limit=_ANSWER_MAX)
    try:
        await reader.readuntil(b"\n")  # who it is: host, process, version
        writer.write(b"cli quit after " + command.encode() + b"\0")
        await writer.drain()
        text = await reader.read(_ANSWER_MAX)
        while text and len(text) < _ANSWER_MAX:
            more = await reader.read(_ANSWER_MAX - len(text))
            if not more:
                break
            text += more
        return text.replace(b"\0", b"").decode("utf-8", "replace").strip()
    finally:
        writer.close()
