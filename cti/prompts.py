"""Sound files for what callers hear: rendered once, kept by content.

A prompt becomes an 8 kHz, 16 bit, mono wav file, which a switch plays without
converting. The site's own recordings win over the synthesiser.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from cti.calls import Prompt
from cti.debian import Progress, ProgressSink, silent
from cti.speech import SpeechFailed, SpeechTools, Synthesiser, run_tool

MAX_TEXT = 1000  # characters: more than a minute of speech
_CONVERSION = "8 kHz 16 bit mono, norm -3, v1"  # part of every key: change it with `_convert`
_AT_ONCE = 2
_MAX_PENDING = 200
_PRUNE_EVERY = 500
_RECORDING = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_EXTENSIONS = ("wav", "flac", "ogg", "mp3")


class PromptFailed(Exception):  # noqa: N818 - reads as what happened
    """A prompt cannot be made into sound. The call should go on without it."""


class PromptStore:
    """Prompts as sound files below `root`; the site's recordings lie in `recordings`.

    A recording `name` is looked for as `<language>/<name>` and `<name>` with the
    extensions wav, flac, ogg and mp3; if there is none, the text is spoken. At most
    `keep_files` files are kept, the longest unused go first: texts with names and
    numbers in them would fill the disk in time.
    """

    def __init__(
        self,
        root: Path,
        synthesiser: Synthesiser,
        tools: SpeechTools,
        recordings: Path,
        keep_files: int = 20_000,
    ) -> None:
        self._root = root
        self._synthesiser = synthesiser
        self._tools = tools
        self._recordings = recordings
        self._keep_files = keep_files
        self._running: dict[Path, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._rendered = 0

    async def path(self, prompt: Prompt) -> Path:
        """The prompt's sound file, without extension, ready to play.

        Raises `PromptFailed`. Several callers wait for one rendering; cancelling
        one of them does not stop it for the others.
        """
        recording = self._find_recording(prompt)
        text = "" if recording else speakable(prompt.text)
        target = self._target(prompt, recording, text)
        if target.is_file():
            with contextlib.suppress(OSError):
                os.utime(target)
            return target.with_suffix("")
        task = self._running.get(target)
        if task is None:
            if len(self._running) >= _MAX_PENDING:
                raise PromptFailed(f"{_MAX_PENDING} prompts are waiting to be rendered already")
            task = asyncio.ensure_future(self._render(prompt, recording, text, target))
            self._running[target] = task
            task.add_done_callback(lambda done: self._finished(target, done))
        await asyncio.shield(task)
        return target.with_suffix("")

    async def prerender(
        self, prompts: Iterable[Prompt], progress: ProgressSink = silent
    ) -> list[tuple[Prompt, str]]:
        """Render what will surely be needed; the prompts that failed, each with the reason."""
        wanted = list(dict.fromkeys(prompts))
        failed: list[tuple[Prompt, str]] = []
        for done, prompt in enumerate(wanted):
            progress(Progress("rendering prompts", done, len(wanted), prompt.text[:40]))
            try:
                await self.path(prompt)
            except PromptFailed as error:
                failed.append((prompt, str(error)))
        progress(Progress("rendering prompts", len(wanted), len(wanted)))
        return failed

    async def close(self) -> None:
        """Give up what is being rendered."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _find_recording(self, prompt: Prompt) -> Path | None:
        if not prompt.recording:
            return None
        if not _RECORDING.fullmatch(prompt.recording):
            raise PromptFailed(f"{prompt.recording[:60]!r} is no name of a recording")
        for name in (f"{_language(prompt)}/{prompt.recording}", prompt.recording):
            for extension in _EXTENSIONS:
                path = self._recordings / f"{name}.{extension}"
                if path.is_file():
                    return path
        if not prompt.text.strip():
            raise PromptFailed(f"there is no recording {prompt.recording!r} and no text")
        return None

    def _target(self, prompt: Prompt, recording: Path | None, text: str) -> Path:
        language = _language(prompt)
        if recording is None:
            identity = f"{self._synthesiser.key}\0{language}\0{text}"
            folder = language
        else:
            facts = recording.stat()
            identity = f"{recording}\0{facts.st_size}\0{facts.st_mtime_ns}"
            folder = "recorded"
        name = hashlib.sha256(f"{_CONVERSION}\0{identity}".encode()).hexdigest()[:40]
        return self._root / folder / name[:2] / f"{name}.wav"

    async def _render(
        self, prompt: Prompt, recording: Path | None, text: str, target: Path
    ) -> None:
        async with self._slots:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                work = Path(tempfile.mkdtemp(prefix=".render-", dir=self._root))
            except OSError as error:
                raise PromptFailed(f"the prompt cannot be stored: {error}") from error
            try:
                source = recording or work / "spoken.wav"
                if recording is None:
                    await self._synthesiser.speak(text, _language(prompt), source)
                await self._convert(source, work / "ready.wav")
                (work / "ready.wav").replace(target)
            except (SpeechFailed, OSError) as error:
                raise PromptFailed(f"{(prompt.recording or text)[:60]!r}: {error}") from error
            finally:
                shutil.rmtree(work, ignore_errors=True)
        self._rendered += 1
        if self._rendered % _PRUNE_EVERY == 1:
            with contextlib.suppress(OSError):  # the prompt is there, whatever became of others
                await asyncio.to_thread(self.prune)

    async def _convert(self, source: Path, target: Path) -> None:
        """To what a telephone line carries; peaks at -3 dB leave room for the codec."""
        await run_tool(
            (
                *self._tools.sox,
                *("-V1", "--", str(source)),
                *("-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer", str(target)),
                *(
                    "gain",
                    "-6",
                    "highpass",
                    "100",
                    "rate",
                    "8000",
                    "norm",
                    "-3",
                    "pad",
                    "0.05",
                    "0.15",
                ),
            ),
            environment=self._tools.environment,
        )
        if _size(target) <= 44:  # the header alone
            raise SpeechFailed("no sound came out")

    def prune(self) -> None:
        """Drop the longest unused files beyond `keep_files` and remains of killed runs."""
        aged: list[tuple[float, Path]] = []
        # Not into folders where something is being rendered: they vanish while one looks.
        for path in self._root.glob("[!.]*/??/*.wav"):
            with contextlib.suppress(OSError):
                aged.append((path.stat().st_mtime, path))
        for _, path in sorted(aged)[: max(0, len(aged) - self._keep_files)]:
            path.unlink(missing_ok=True)
        for folder in self._root.glob(".render-*"):
            with contextlib.suppress(OSError):
                if folder.stat().st_mtime < time.time() - 3600:
                    shutil.rmtree(folder, ignore_errors=True)

    def _finished(self, target: Path, task: asyncio.Task[None]) -> None:
        self._running.pop(target, None)
        if not task.cancelled():
            task.exception()  # every waiter may be gone; the reason was theirs to see


def speakable(text: str) -> str:
    """The text without control characters, on one line, of at most `MAX_TEXT` characters.

    Raises `PromptFailed` when nothing is left or it is too long.
    """
    if len(text) > MAX_TEXT:
        raise PromptFailed(f"the text has {len(text)} characters; {MAX_TEXT} are allowed")
    kept = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in text)
    plain = " ".join(kept.split())
    if not plain:
        raise PromptFailed("there is nothing to say")
    return plain


def _language(prompt: Prompt) -> str:
    language = prompt.language.lower()
    if not _LANGUAGE.fullmatch(language):
        raise PromptFailed(f"{prompt.language[:20]!r} is no language")
    return language


def _size(path: Path) -> int:
    return path.stat().st_size
