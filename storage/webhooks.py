"""Subscriptions to events, how far each has been delivered, and what could not be.

`secret` and `old_secret` sign what is sent, so they are kept as they are: guard the database.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.tables import webhook_dead_letters, webhooks

WEBHOOKS_MAX = 100
DEAD_LETTERS_MAX = 10_000  # of one subscription; the oldest make room
_ID = re.compile(r"wh_[0-9a-f]{12}")


class UnknownWebhook(LookupError):  # noqa: N818 - says what is, not that something broke
    """There is no such subscription, or no such dead letter."""


class TooManyWebhooks(ValueError):  # noqa: N818
    """There are as many subscriptions as there may be."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One subscription. Moments are UTC epoch seconds; `cursor` is a journal number."""

    webhook_id: str
    name: str
    url: str
    format: str
    types: tuple[str, ...]
    queues: tuple[str, ...]
    secret: str = field(repr=False)
    old_secret: str = field(repr=False)
    enabled: bool
    created: float
    created_by: str
    cursor: int
    last_success: float | None
    last_error: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up, with the last reason."""

    letter_id: int
    webhook_id: str
    sequence: int
    event: bytes
    why: str
    attempts: int
    at: float


class Webhooks:
    """Subscriptions in the database."""

    def __init__(self, engine: AsyncEngine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._writes = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._clock = clock

    async def create(
        self,
        *,
        name: str,
        url: str,
        format: str,  # noqa: A002 - the word that people use
        types: Sequence[str],
        queues: Sequence[str],
        secret: str,
        created_by: str,
        cursor: int,
    ) -> Webhook:
        """A new subscription to what comes after `cursor`. Raises `TooManyWebhooks`."""
        webhook = Webhook(
            f"wh_{secrets.token_hex(6)}",
            name,
            url,
            format,
            tuple(types),
            tuple(queues),
            secret,
            "",
            True,
            self._clock(),
            created_by,
            cursor,
            None,
            "",
        )
        async with self._writes.begin() as connection:
            count = await connection.scalar(sa.select(sa.func.count()).select_from(webhooks))
            if (count or 0) >= WEBHOOKS_MAX:
                raise TooManyWebhooks(f"there are {WEBHOOKS_MAX} webhooks already")
            await connection.execute(
                sa.insert(webhooks).values(
                    id=webhook.webhook_id,
                    name=name,
                    url=url,
                    format=format,
                    types=list(types),
                    queues=list(queues),
                    secret=secret,
                    old_secret="",
                    enabled=True,
                    created=webhook.created,
                    created_by=created_by,
                    cursor=cursor,
                    last_error="",
                )
            )
        return webhook

    async def all(self) -> list[Webhook]:
        """All subscriptions, the oldest first."""
        async with self._engine.connect() as connection:
            rows = (
                await connection.execute(sa.select(webhooks).order_by(webhooks.c.created))
            ).all()
        return [_webhook(row) for row in rows]

    async def get(self, webhook_id: str) -> Webhook:
        """One subscription. Raises `UnknownWebhook`."""
        _given_out(webhook_id)
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(sa.select(webhooks).where(webhooks.c.id == webhook_id))
            ).first()
        if row is None:
            raise UnknownWebhook(webhook_id[:64])
        return _webhook(row)

    async def change(self, webhook_id: str, **values: Any) -> Webhook:
        """Set columns (lists for `types` and `queues`). Raises `UnknownWebhook`."""
        _given_out(webhook_id)
        if not values:
            return await self.get(webhook_id)
        async with self._writes.begin() as connection:
            changed = await connection.execute(
                sa.update(webhooks).where(webhooks.c.id == webhook_id).values(values)
            )
            if changed.rowcount != 1:
                raise UnknownWebhook(webhook_id[:64])
        return await self.get(webhook_id)

    async def delivered(
        self, webhook_id: str, cursor: int, last_success: float | None, last_error: str
    ) -> None:
        """Keep how far it came. Harmless when the subscription is gone."""
        values: dict[str, Any] = {"cursor": cursor, "last_error": last_error}
        if last_success is not None:
            values["last_success"] = last_success
        async with self._writes.begin() as connection:
            await connection.execute(
                sa.update(webhooks).where(webhooks.c.id == webhook_id).values(values)
            )

    async def delete(self, webhook_id: str) -> None:
        """End a subscription, with its dead letters. Raises `UnknownWebhook`."""
        _given_out(webhook_id)
        async with self._writes.begin() as connection:
            gone = await connection.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))
            if gone.rowcount != 1:
                raise UnknownWebhook(webhook_id[:64])

    # Dead letters --------------------------------------------------------------------------

    async def bury(
        self, webhook_id: str, sequence: int, event: bytes, why: str, attempts: int
    ) -> None:
        """Give an event up and move the cursor past it, in one transaction."""
        letters = webhook_dead_letters
        async with self._writes.begin() as connection:
            moved = await connection.execute(
                sa.update(webhooks)
                .where(webhooks.c.id == webhook_id)
                .values(cursor=sequence, last_error=why)
            )
            if moved.rowcount != 1:
                return
            await connection.execute(
                sa.insert(letters).values(
                    webhook_id=webhook_id,
                    sequence=sequence,
                    event=event,
                    why=why,
                    attempts=attempts,
                    at=self._clock(),
                )
            )
            kept = (
                sa.select(letters.c.id)
                .where(letters.c.webhook_id == webhook_id)
                .order_by(letters.c.id.desc())
                .limit(DEAD_LETTERS_MAX)
            )
            await connection.execute(
                sa.delete(letters).where(
                    letters.c.webhook_id == webhook_id, letters.c.id.not_in(kept)
                )
            )

    async def letters(self, webhook_id: str, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters after one id, in their order."""
        letters = webhook_dead_letters
        query = (
            sa.select(letters)
            .where(letters.c.webhook_id == webhook_id, letters.c.id > after)
            .order_by(letters.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            DeadLetter(r.id, r.webhook_id, r.sequence, bytes(r.event), r.why, r.attempts, r.at)
            for r in rows
        ]

    async def letter(self, webhook_id: str, letter_id: int) -> DeadLetter:
        """One dead letter. Raises `UnknownWebhook`."""
        found = await self.letters(webhook_id, letter_id - 1, 1)
        if not found or found[0].letter_id != letter_id:
            raise UnknownWebhook(str(letter_id))
        return found[0]

    async def forget_letters(self, at: float) -> int:
        """Drop the letters of before `at`: they are kept no longer than the journal; how many."""
        async with self._writes.begin() as connection:
            gone = await connection.execute(
                sa.delete(webhook_dead_letters).where(webhook_dead_letters.c.at < at)
            )
        return int(gone.rowcount)

    async def drop_letter(self, webhook_id: str, letter_id: int) -> None:
        """Take one dead letter off the list. Raises `UnknownWebhook`."""
        _given_out(webhook_id)
        letters = webhook_dead_letters
        async with self._writes.begin() as connection:
            gone = await connection.execute(
                sa.delete(letters).where(
                    letters.c.webhook_id == webhook_id, letters.c.id == letter_id
                )
            )
            if gone.rowcount != 1:
                raise UnknownWebhook(str(letter_id))


def _given_out(webhook_id: str) -> None:
    # PostgreSQL takes offence at some texts; what cannot be an id need not be looked for.
    if not _ID.fullmatch(webhook_id):
        raise UnknownWebhook(webhook_id[:64])


def _webhook(row: Any) -> Webhook:
    return Webhook(
        row.id,
        row.name,
        row.url,
        row.format,
        tuple(row.types),
        tuple(row.queues),
        row.secret,
        row.old_secret,
        row.enabled,
        row.created,
        row.created_by,
        int(row.cursor),
        row.last_success,
        row.last_error,
    )
