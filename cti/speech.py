"""Text to speech, and the two programs that it needs: espeak-ng and sox.

The text may come from outside (a caller's name in a greeting): it reaches the
synthesiser on its standard input, never through a shell or as an argument.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cti.debian import (
    FetchFailed,
    ProgressSink,
    command_in,
    fetch_tree,
    silent,
)

_TOOL_LIMIT_S = 30.0
_VOICES = {"en": "en-us", "zh": "cmn", "yue": "yue"}


class SpeechFailed(Exception):  # noqa: N818 - reads as what happened
    """No sound came of it, and why."""


@dataclass(frozen=True, slots=True)
class SpeechTools:
    """How to start espeak-ng and sox, and what they need in their environment."""

    espeak: tuple[str, ...]
    sox: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def find_speech_tools(cache: Path | None = None) -> SpeechTools | None:
    """espeak-ng and sox of this machine, else those fetched into the cache, else None."""
    espeak, sox = shutil.which("espeak-ng"), shutil.which("sox")
    if espeak and sox:
        return SpeechTools((espeak,), (sox,))
    return _in_tree(_tools_folder(cache))


def _in_tree(tree: Path) -> SpeechTools | None:
    espeak_command = command_in(tree, "usr/bin/espeak-ng")
    sox_command = command_in(tree, "usr/bin/sox")
    data = next(iter(tree.glob("usr/lib/*/espeak-ng-data")), None)
    if espeak_command is None or sox_command is None or data is None:
        return None
    return SpeechTools(espeak_command, sox_command, {"ESPEAK_DATA_PATH": str(data.parent)})


async def obtain_speech_tools(
    progress: ProgressSink = silent, cache: Path | None = None
) -> SpeechTools:
    """`find_speech_tools`, or fetch them (no root needed); raises `SpeechFailed`."""
    found = find_speech_tools(cache)
    if found is None:
        try:
            await fetch_tree(
                _tools_folder(cache),
                ("espeak-ng", "sox"),
                lambda tree: _in_tree(tree) is not None,
                progress=progress,
            )
        except FetchFailed as error:
            raise SpeechFailed(
                f"there are no espeak-ng and sox, and {error.why}."
                f" {error.fix} Or: apt-get install espeak-ng sox"
            ) from error
        found = find_speech_tools(cache)
    if found is None:
        raise SpeechFailed("the fetched espeak-ng and sox do not run here")
    return found


def _tools_folder(cache: Path | None) -> Path:
    base = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "callcenter" / "speech"


class Synthesiser(Protocol):
    """Speaks text. Another engine takes this one's place through this port."""

    @property
    def key(self) -> str:
        """Names engine and settings: a change makes every prompt new."""
        ...

    async def speak(self, text: str, language: str, target: Path) -> None:
        """Write a wav file of any rate; raises `SpeechFailed`."""
        ...


class EspeakSynthesiser:
    """espeak-ng: robotic, but offline, small and fast (4 s of speech in 0.05 s).

    `voices` maps a language (BCP 47, or its first part) to a voice name;
    `words_per_minute` is the pace: a telephone wants it slower than a screen reader.
    """

    def __init__(
        self,
        tools: SpeechTools,
        voices: Mapping[str, str] | None = None,
        words_per_minute: int = 150,
    ) -> None:
        self._tools = tools
        self._voices = {**_VOICES, **(voices or {})}
        self._pace = words_per_minute

    @property
    def key(self) -> str:
        return f"espeak-ng {self._pace} {sorted(self._voices.items())}"

    async def speak(self, text: str, language: str, target: Path) -> None:
        command = (
            *self._tools.espeak,
            *("-v", self.voice(language), "-s", str(self._pace), "-b", "1"),
            *("-w", str(target), "--stdin"),
        )
        # [[…]] would be read as phonemes.
        plain = text.replace("[[", "[ [")
        await run_tool(command, plain.encode(), self._tools.environment)

    def voice(self, language: str) -> str:
        """The voice of a language; a language without one is spoken by a voice of its name."""
        full, first = language.lower(), language.lower().split("-")[0]
        return self._voices.get(full) or self._voices.get(first) or first


async def run_tool(
    command: Sequence[str], text: bytes = b"", environment: Mapping[str, str] | None = None
) -> None:
    """Run one program of ours with `text` on its input; raises `SpeechFailed`.

    Takes at most 30 s. The program gets nothing of our environment but PATH.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", **(environment or {})},
        )
    except OSError as error:
        raise SpeechFailed(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(_TOOL_LIMIT_S):
            _, said = await process.communicate(text or None)
    except TimeoutError:
        raise SpeechFailed(f"{command[0]} took longer than {_TOOL_LIMIT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        reason = said.decode("utf-8", "replace").strip()[-200:]
        raise SpeechFailed(f"{command[0]} failed ({process.returncode}): {reason}")
