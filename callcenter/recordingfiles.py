"""The store's files: `<folder>/YYYY/MM/DD/<recording id>.wav`, for nobody's eyes but ours.

What a switch leaves is a wav file, or raw (8 kHz, 16 bit): everybody mixed, and beside it a file
for each side. Nothing here touches what it came from: that is taken away only when the copy is
safe.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cti.speech import SpeechFailed, SpeechTools, find_speech_tools, run_tool

RATE_HZ = 8000
SETTLED_S = 0.3  # a file that somebody writes to grows every second at the latest
SETTLE_MOST_S = 5.0

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,79}")


class KeepFailed(Exception):  # noqa: N818 - reads as what happened
    """A recording could not be taken into the store; where it was, it still is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the store, named below its folder."""

    file: str
    length_s: float
    channels: int


class RecordingFiles:
    """Takes recordings in, finds them, deletes them. `tools` finds sox."""

    def __init__(
        self, folder: Path, tools: Callable[[], SpeechTools | None] = find_speech_tools
    ) -> None:
        self.folder = folder
        self._tools = tools

    async def keep(self, source: Path, recording_id: str, started: float) -> Kept:
        """Take a copy of `source`, playable by browsers. Raises `KeepFailed`.

        A raw file becomes stereo when both sides are there, and its name does not end in
        ".mono.raw"; the length is the file's.
        """
        if not _ID.fullmatch(recording_id):
            raise KeepFailed(f"{recording_id[:40]!r} cannot be a file's name")
        day = datetime.fromtimestamp(started, UTC).strftime("%Y/%m/%d")
        file = f"{day}/{recording_id}.wav"
        target = self.folder / file
        partial = target.with_suffix(".partial")
        try:
            await _settled(source)
            await asyncio.to_thread(self._make_room, target, partial)
            if source.suffix == ".raw":
                await self._convert(source, partial)
            else:
                await asyncio.to_thread(shutil.copyfile, source, partial)
            return await asyncio.to_thread(_finish, partial, target, file)
        except (OSError, SpeechFailed, wave.Error, EOFError) as error:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
            raise KeepFailed(str(error) or type(error).__name__) from error

    def _make_room(self, target: Path, partial: Path) -> None:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in target.parent.relative_to(self.folder).parts:
            folder = folder / part
            folder.mkdir(exist_ok=True, mode=0o700)
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    async def _convert(self, source: Path, partial: Path) -> None:
        tools = self._tools()
        if tools is None:
            raise KeepFailed("there is no sox: install it")
        one = ("-t", "raw", "-r", str(RATE_HZ), "-e", "signed-integer", "-b", "16", "-c", "1")
        caller, others = sides(source)
        if source.name.endswith(".mono.raw") or not (caller.exists() and others.exists()):
            sound: tuple[str, ...] = (*one, str(source))
        else:
            sound = ("-M", *one, str(caller), *one, str(others))
        command = (*tools.sox, "-V1", *sound, "-t", "wav", str(partial))
        await run_tool(command, environment=tools.environment)

    def path(self, file: str) -> Path | None:
        """Where a kept file lies; None for what is not in the store."""
        path = (self.folder / file).resolve()
        inside = path.is_relative_to(self.folder.resolve()) and path.suffix == ".wav"
        return path if inside and path.is_file() else None

    def delete(self, file: str) -> None:
        """Raises OSError; a file that is gone already is no error."""
        if file and (path := self.path(file)) is not None:
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """How much room there is. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return shutil.disk_usage(self.folder).free


def sides(source: Path) -> tuple[Path, Path]:
    """Where a switch leaves what the caller said and what everybody else said."""
    name = source.name.rpartition("~")[2].removesuffix(".raw")
    recording = name.removesuffix(".stereo").removesuffix(".mono")
    return source.with_name(f"{recording}.in.sln"), source.with_name(f"{recording}.out.sln")


def take_away(source: Path) -> None:
    """What a switch left of a recording, all of it. Raises OSError."""
    for file in (*sides(source), source):
        file.unlink(missing_ok=True)


async def _settled(source: Path) -> None:
    """Return when nobody writes to the file any more. Raises OSError when there is none."""
    until = time.monotonic() + SETTLE_MOST_S
    size = -1
    while time.monotonic() < until:
        found = await asyncio.to_thread(source.stat)
        if found.st_size == size or time.time() - found.st_mtime > SETTLED_S + 1.0:
            return
        size = found.st_size
        await asyncio.sleep(SETTLED_S)


def _finish(partial: Path, target: Path, file: str) -> Kept:
    with wave.open(str(partial), "rb") as sound:
        length_s = sound.getnframes() / sound.getframerate()
        channels = sound.getnchannels()
    partial.chmod(0o600)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(target)
    return Kept(file, round(length_s, 3), channels)
