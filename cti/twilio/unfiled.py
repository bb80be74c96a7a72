"""Recordings that are over, and whose file Twilio has not told us of yet.

They are kept over a restart: their calls have ended, and nobody else remembers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cti.twilio.live import Live, Recording
from cti.twilio.memory import Memory

_MOST = 10_000
_NAME = "recording "  # such names in the memory are no calls


@dataclass(slots=True)
class Row:
    """`sid` is Twilio's name of the recording; `looks`: how often we have thought of looking."""

    call_id: str
    recording_id: str
    caller_sid: str
    sid: str
    looks: int = 0


class Unfiled:
    """By the recording's id."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._rows: dict[str, Row] = {}

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def add(self, call: Live, recording: Recording) -> None:
        """The recording is over; there will be a file soon."""
        if recording.sid and len(self._rows) < _MOST:
            row = Row(call.call_id, recording.recording_id, call.sid, recording.sid)
            self._rows[row.recording_id] = row
            kept = [row.call_id, row.recording_id, row.caller_sid, row.sid]
            self._memory.keep(_NAME + row.recording_id, {"row": kept})

    def filed(self, recording_id: str) -> None:
        """Nobody waits for it any more."""
        if self._rows.pop(recording_id, None) is not None:
            self._memory.forget(_NAME + recording_id, "")

    def remember(self, name: str, data: dict[str, Any]) -> bool:
        """Take up what the memory kept; False when it is something else.

        Raises `KeyError` or `TypeError` on what cannot be read.
        """
        if not name.startswith(_NAME):
            return False
        row = Row(*data["row"])
        self._rows[row.recording_id] = row
        return True
