"""Legs that have to end: hung up over REST, and once more when that came to nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container

from cti.twilio.http import RestError
from cti.twilio.rest import Rest

log = logging.getLogger(__name__)

_MOST = 1_000


class HangUps:
    """`rest` raises `RestUnreachable` while the link is stopped."""

    def __init__(self, rest: Callable[[], Rest]) -> None:
        self._rest = rest
        self._failed: dict[str, None] = {}

    async def end(self, sid: str) -> None:
        """End a leg; one that has ended is no error."""
        try:
            await self._rest().hang_up(sid)
        except RestError as error:
            log.warning("cannot hang up %s: %s", sid, error)
            if len(self._failed) < _MOST:
                self._failed[sid] = None

    def left(self, live: Container[str]) -> list[str]:
        """Legs that could not be hung up and that still live; they are forgotten here."""
        failed, self._failed = self._failed, {}
        return [sid for sid in failed if sid in live]
