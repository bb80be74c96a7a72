"""The history that the console shows: the finished calls, and what can be heard of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reporting.store import History
from storage.recordings import RecordingRows


class CallHistory:
    """`reporting.store.History` with recordings; satisfies the console's port of that name."""

    def __init__(
        self, history: History, rows: RecordingRows, name_of: Callable[[str], str]
    ) -> None:
        self._history = history
        self._rows = rows
        self._name_of = name_of
        self.calls = history.calls
        self.intervals = history.intervals
        self.intervals_csv = history.intervals_csv

    async def call(self, call_id: str) -> dict[str, Any] | None:
        detail = await self._history.call(call_id)
        if detail is None:
            return None
        return {**detail, "recordings": await self._heard(call_id)}

    async def _heard(self, call_id: str) -> Sequence[dict[str, Any]]:
        return [
            {
                "id": row.recording_id,
                "agent": self._name_of(row.agent) if row.agent else "",
                "at": row.started,
                "length_s": row.length_s,
                "channels": row.channels,
            }
            for row in await self._rows.of_call(call_id)
        ]
