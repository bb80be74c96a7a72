"""What is known of each recording: whose it is, where it is, whether it is still there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.tables import recordings

_AT_ONCE = 500  # ids in one statement


class State(StrEnum):
    """How far a recording has come."""

    RUNNING = "running"
    STOPPED = "stopped"  # complete on its switch, not yet in the store
    KEPT = "kept"
    MISSING = "missing"  # it ran, and there is nothing
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. Moments are UTC epoch seconds; `file` is below the store's folder."""

    recording_id: str
    call_id: str
    link: str = ""
    agent: str = ""
    queue: str = ""
    started: float = 0.0
    state: State = State.RUNNING
    address: str = ""
    file: str = ""
    length_s: float = 0.0
    channels: int = 0
    deleted: float | None = None


class RecordingRows:
    """The table of recordings. Raises what the database raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")

    async def begin(self, recording: Recording) -> None:
        """Note a recording; one that is known already stays as it is."""
        row = {
            "id": recording.recording_id,
            "call_id": recording.call_id,
            "link": recording.link,
            "agent": recording.agent,
            "queue": recording.queue,
            "started": recording.started,
            "state": recording.state.value,
            "address": recording.address,
            "file": recording.file,
            "length_s": recording.length_s,
            "channels": recording.channels,
            "deleted": recording.deleted,
        }
        known = sa.select(recordings.c.id).where(recordings.c.id == recording.recording_id)
        async with self._writing.begin() as connection:
            if (await connection.execute(known)).first() is None:
                await connection.execute(sa.insert(recordings).values(row))

    async def stopped(self, recording_id: str, address: str, length_s: float) -> None:
        """It is complete on its switch; only what still runs, or was missed, can stop."""
        await self._update(
            recording_id,
            (State.RUNNING, State.MISSING),
            state=State.STOPPED.value,
            address=address,
            length_s=length_s,
        )

    async def missing(self, recording_id: str) -> None:
        """Nothing of it was found."""
        states = (State.RUNNING, State.STOPPED)
        await self._update(recording_id, states, state=State.MISSING.value)

    async def kept(self, recording_id: str, file: str, length_s: float, channels: int) -> None:
        """It is in the store."""
        await self._update(
            recording_id,
            (State.STOPPED,),
            state=State.KEPT.value,
            address="",
            file=file,
            length_s=length_s,
            channels=channels,
        )

    async def deleted(self, recording_id: str, at: float) -> None:
        """Its file is gone; that it existed is still known."""
        await self._update(recording_id, tuple(State), state=State.DELETED.value, deleted=at)

    async def _update(self, recording_id: str, states: Sequence[State], **values: Any) -> None:
        change = (
            sa.update(recordings)
            .where(recordings.c.id == recording_id)
            .where(recordings.c.state.in_([state.value for state in states]))
            .values(**values)
        )
        async with self._writing.begin() as connection:
            await connection.execute(change)

    async def get(self, recording_id: str) -> Recording | None:
        found = await self._select(recordings.c.id == recording_id)
        return found[0] if found else None

    async def of_call(self, call_id: str) -> list[Recording]:
        """What can be heard of a call, the earliest first."""
        kept = recordings.c.state == State.KEPT.value
        return await self._select(recordings.c.call_id == call_id, kept)

    async def of_calls(self, call_ids: Sequence[str]) -> list[Recording]:
        """Everything that is known of recordings of these calls, whatever has become of it."""
        found: list[Recording] = []
        for first in range(0, len(call_ids), _AT_ONCE):
            some = list(call_ids[first : first + _AT_ONCE])
            found += await self._select(recordings.c.call_id.in_(some), limit=None)
        return found

    async def in_state(self, state: State, limit: int = 1000) -> list[Recording]:
        """The earliest in this state."""
        return await self._select(recordings.c.state == state.value, limit=limit)

    async def queues(self) -> list[str]:
        """The queues that have recordings in the store ("" for calls of none)."""
        kept = recordings.c.state == State.KEPT.value
        query = sa.select(recordings.c.queue).where(kept).distinct()
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def kept_before(
        self, queue: str, at: float, limit: int = 200, but: Collection[str] = ()
    ) -> list[Recording]:
        """What this queue has in the store from before `at`, the earliest first.

        `but` are ids that are left out.
        """
        found = await self._select(
            recordings.c.state == State.KEPT.value,
            recordings.c.queue == queue,
            recordings.c.started < at,
            limit=limit + len(but),
        )
        return [row for row in found if row.recording_id not in but][:limit]

    async def _select(
        self, *where: sa.ColumnElement[bool], limit: int | None = 1000
    ) -> list[Recording]:
        query = sa.select(recordings).where(*where).order_by(recordings.c.started).limit(limit)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Recording(
                row.id,
                row.call_id,
                row.link,
                row.agent,
                row.queue,
                row.started,
                State(row.state),
                row.address,
                row.file,
                row.length_s,
                row.channels,
                row.deleted,
            )
            for row in rows
        ]
