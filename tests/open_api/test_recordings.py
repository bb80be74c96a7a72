"""Recordings over the API: heard by who may, and written down."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recorded(center: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A recording of Anna's in the store; who has heard it."""
    from agent_console.ports import HeldRecording

    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\1\0" * 16_000)
    store = center.system.recordings
    held = HeldRecording(recording_id="rec-1", agent="anna", path=path)

    async def find(recording_id: str) -> Any:
        return held if recording_id == "rec-1" else None

    heard: list[tuple[str, str]] = []

    async def note(recording_id: str, by: str) -> None:
        heard.append((recording_id, by))

    monkeypatch.setattr(store, "find", find)
    monkeypatch.setattr(store, "heard", note)
    return {"heard": heard, "bytes": path.read_bytes()}


async def test_a_recording_is_heard_in_the_keys_name(center: Any, recorded: Any) -> None:
    """Whole or in part, and the book of hearings has the program's name."""
    url = f"{center.url}/api/v1/recordings/rec-1"
    headers = {"Authorization": f"Bearer {center.key}"}
    async with center.http.get(url, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/wav")
        assert await answer.read() == recorded["bytes"]
    async with center.http.get(url, headers={**headers, "Range": "bytes=4-7"}) as answer:
        assert answer.status == 206
        assert await answer.read() == recorded["bytes"][4:8]
    assert recorded["heard"] == [("rec-1", "key:everything")] * 2


async def test_what_one_may_not_hear_is_not_found(
    center: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, hostile, another agent's: it is all 404, and nothing is written down."""
    other = await center.new_key("danas", agent="dana")
    mine = await center.new_key("annas", agent="anna")
    monkeypatch.setattr(type(center.system.recordings), "agents_hear_own", False)
    for key, ident in (("", "rec-2"), ("", "..%2fsound.wav"), (other, "rec-1"), (mine, "rec-1")):
        status, told, _ = await center.ask("GET", f"/recordings/{ident}", key=key)
        assert (status, told["code"]) == (404, "not-found"), ident
    assert recorded["heard"] == []
