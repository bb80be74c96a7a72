"""Orders with an idempotency key: carried out once, answered as often as asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import structlog
from starlette.responses import Response

from agent_console.api.answers import PROBLEM
from agent_console.api.guard import Denied
from agent_console.api.ports import Answered, Answers, Key
from agent_console.ports import Refusal
from agent_console.problems import TryAgain

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[!-~]{1,64}")
REPEATED = "Idempotency-Replayed"
# Done, but perhaps not on disk: doing it again would be worse than saying so again.
_DONE_ALL_THE_SAME = (b'"not-saved-yet"', b'"not-saved"')


class Repeats:
    """Remembers answers in the database; those under way in memory."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._under_way: dict[tuple[str, str], tuple[str, asyncio.Task[Response]]] = {}

    async def once(
        self, key: Key, name: str, fingerprint: str, do: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Carry it out, or give the answer that it had. Raises `Refusal`."""
        if not _NAME.fullmatch(name):
            raise Denied("bad-idempotency-key")
        this = key.key_id, name
        running = self._under_way.get(this)
        repeated = running is not None
        if running is None:
            task = asyncio.ensure_future(self._once(this, fingerprint, do))
            running = self._under_way[this] = fingerprint, task
            task.add_done_callback(lambda done: self._done(this, done))
        if running[0] != fingerprint:
            raise Denied("idempotency-key-reused")
        response = await asyncio.shield(running[1])
        copy = Response(response.body, response.status_code, media_type=response.media_type)
        copy.headers.update(
            {k: v for k, v in response.headers.items() if k in ("retry-after", REPEATED.lower())}
        )
        if repeated:
            copy.headers[REPEATED] = "true"
        return copy

    def _done(self, this: tuple[str, str], task: asyncio.Task[Response]) -> None:
        self._under_way.pop(this, None)
        if not task.cancelled():
            task.exception()  # told to whoever waited, if anybody did

    async def _once(
        self, this: tuple[str, str], fingerprint: str, do: Callable[[], Awaitable[Response]]
    ) -> Response:
        try:
            before = await self._answers.begin(*this, fingerprint)
        except Refusal:
            raise
        except Exception as wrong:
            # Without a note of it a repeat would be carried out again: better not at all.
            log.error("idempotency-not-noted", exc_info=wrong)
            raise TryAgain from wrong
        if before is not None:
            return _as_before(before, fingerprint)
        response = await do()
        body = bytes(response.body)
        nothing_done = response.status_code in (429, 500, 502, 503) and not any(
            code in body for code in _DONE_ALL_THE_SAME
        )
        try:
            if nothing_done and response.status_code != 500:
                await self._answers.forget(*this)
            else:
                await self._answers.finish(*this, response.status_code, body)
        except Exception as wrong:
            # A repeat will be told that nobody knows; this program gets its answer.
            log.error("idempotency-answer-not-kept", exc_info=wrong)
        return response


def _as_before(before: Answered, fingerprint: str) -> Response:
    if before.fingerprint != fingerprint:
        raise Denied("idempotency-key-reused")
    if not before.status:
        raise Denied("outcome-unknown")
    kind = "application/json" if before.status < 400 else PROBLEM
    return Response(before.body, before.status, {REPEATED: "true"}, media_type=kind)
