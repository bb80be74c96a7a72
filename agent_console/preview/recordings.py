"""The recordings of the play: two tones each, the caller's left and the agent's right."""

from __future__ import annotations

import math
import re
import shutil
import struct
import tempfile
import wave
import weakref
from pathlib import Path

from agent_console.ports import HeldRecording

RATE_HZ = 8000
LENGTH_S = 2.0
_ID = re.compile(r"call-[0-9]+-1")


class PreviewRecordings:
    """Every call of the play has one, of its agent "anna"; `heard_by` says who heard it."""

    def __init__(self) -> None:
        self.agents_hear_own = True
        self.heard_by: list[tuple[str, str]] = []
        folder = tempfile.mkdtemp(prefix="preview-recordings-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = Path(folder) / "tones.wav"

    async def find(self, recording_id: str) -> HeldRecording | None:
        if not _ID.fullmatch(recording_id):
            return None
        if not self._path.exists():
            _write(self._path)
        return HeldRecording(recording_id, "anna", self._path)

    async def heard(self, recording_id: str, by: str) -> None:
        self.heard_by.append((recording_id, by))


def _write(path: Path) -> None:
    def sample(at: int, hertz: float) -> int:
        return int(6000 * math.sin(2 * math.pi * hertz * at / RATE_HZ))

    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        frames = range(int(LENGTH_S * RATE_HZ))
        file.writeframes(
            b"".join(struct.pack("<hh", sample(n, 440), sample(n, 660)) for n in frames)
        )
