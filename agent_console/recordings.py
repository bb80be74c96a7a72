"""Recordings, to be heard in the browser: one route, with ranges so that a player can seek."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from agent_console.auth import TheUser
from agent_console.permissions import ADMIN, SUPERVISOR
from agent_console.ports import HeldRecording, Recordings, Refusal, User

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,79}")
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_PIECE = 64 * 1024


def recording_routes(recordings: Recordings | None) -> APIRouter:
    router = APIRouter()

    @router.get("/api/recordings/{recording_id}")
    async def recording(recording_id: str, request: Request, user: TheUser) -> Response:
        found = await _find(recordings, recording_id, user)
        assert recordings is not None
        return await handed_out(recordings, found, request.headers.get("range", ""), user.user_id)

    return router


async def handed_out(
    recordings: Recordings, found: HeldRecording, range_header: str, by: str
) -> Response:
    """The recording or the part of it that is asked for; `by` is who hears it."""
    size = await asyncio.to_thread(_size, found.path)
    wanted = _wanted(range_header, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{found.recording_id}.wav"',
    }
    if wanted is None:
        headers["Content-Range"] = f"bytes */{size}"
        return Response(status_code=416, headers=headers)
    await recordings.heard(found.recording_id, by)
    start, end = wanted
    headers["Content-Length"] = str(end - start)
    partly = (start, end) != (0, size)
    if partly:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(
        _pieces(found.path, start, end),
        206 if partly else 200,
        headers,
        media_type="audio/wav",
    )


async def find(recordings: Recordings | None, recording_id: str) -> HeldRecording | None:
    """The recording of this id, whatever stands there."""
    if recordings is None or not _ID.fullmatch(recording_id):
        return None
    return await recordings.find(recording_id)


async def _find(recordings: Recordings | None, recording_id: str, user: User) -> HeldRecording:
    """What this user may hear. That there is something else is not told: it is all 404."""
    found = await find(recordings, recording_id)
    if recordings is not None and found is not None:
        own = user.agent_id != "" and user.agent_id == found.agent
        if user.role in (SUPERVISOR, ADMIN) or (own and recordings.agents_hear_own):
            return found
    raise Refusal("not-found", "There is no such thing.", 404)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # deleted in this moment
        raise Refusal("not-found", "There is no such thing.", 404) from None


def _wanted(header: str, size: int) -> tuple[int, int] | None:
    """The bytes [start, end) that a Range header asks for; None when there are none such.

    One range at most: whatever else stands there is no range to us, and the whole is the
    right answer to that.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match[0] == "bytes=-":
        return 0, size
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return 0, size
    return (start, end) if start < end else None


async def _pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, start)
        while start < end:
            piece = await asyncio.to_thread(file.read, min(_PIECE, end - start))
            if not piece:
                return
            start += len(piece)
            yield piece
    finally:
        file.close()
