"""Live calls, kept over a restart: one line of JSON for each change, appended to a file.

Twilio tells which calls live, but not our queue, entry time or flow state; this file does. A
line is in the kernel's hands before a webhook is answered, so killing the process loses
nothing. When the whole machine dies the last seconds may be lost: such a caller's flow begins
anew when Twilio asks for the next document.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_GROWN = 8_000_000  # bytes: then only what lives is written anew
_ENDED_KEPT = 20_000


class Memory:
    """`file` None: nothing is kept (tests, a trial)."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._descriptor = -1
        self._size = 0
        self._live: dict[str, dict[str, Any]] = {}
        self._ended: deque[str] = deque(maxlen=_ENDED_KEPT)

    def open(self) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """The calls that were live, and the leads of calls that had ended.

        Raises `OSError` when the file cannot be read or written.
        """
        if self._file is None:
            return {}, []
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._live, self._ended = {}, deque(maxlen=_ENDED_KEPT)
        if self._file.exists():
            for line in self._file.read_bytes().splitlines():
                self._take(line)
        self._rewrite()
        return dict(self._live), list(self._ended)

    def _take(self, line: bytes) -> None:
        try:
            call_id, kept = json.loads(line)
            if isinstance(kept, dict):
                self._live[call_id] = kept
            else:
                self._live.pop(call_id, None)
                self._ended.append(kept)
        except (ValueError, TypeError):
            log.warning("a line of the calls' file cannot be read: %r", line[:80])

    def keep(self, call_id: str, kept: dict[str, Any]) -> None:
        """The call as it is now."""
        if self._live.get(call_id) != kept:
            self._live[call_id] = kept
            self._append(call_id, kept)

    def forget(self, call_id: str, sid: str) -> None:
        """The call ended; `sid` is remembered for a while."""
        self._live.pop(call_id, None)
        self._ended.append(sid)
        self._append(call_id, sid)

    def _append(self, call_id: str, what: Mapping[str, Any] | str) -> None:
        if self._descriptor < 0:
            return
        line = json.dumps([call_id, what], separators=(",", ":")).encode() + b"\n"
        try:
            os.write(self._descriptor, line)
            self._size += len(line)
            if self._size > _GROWN:
                self._rewrite()
        except OSError:
            # Calls go on. What is not kept is asked of the caller again after a restart.
            log.exception("the calls' file cannot be written")

    def _rewrite(self) -> None:
        if self._file is None:
            return
        fresh = self._file.with_suffix(".new")
        lines = [json.dumps(["", sid]) for sid in self._ended]
        lines += [json.dumps(pair, separators=(",", ":")) for pair in self._live.items()]
        text = "".join(f"{line}\n" for line in lines).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        descriptor = os.open(fresh, flags, 0o600)  # callers' numbers: ours alone
        try:
            os.write(descriptor, text)
            fresh.replace(self._file)
        except OSError:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor, self._size = descriptor, len(text)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
