"""The stream of public events: live from memory, earlier ones from the journal on disk.

    router ──append──▶ Tap ──▶ journal ──on disk──▶ EventFeed ──▶ readers (websockets, webhooks)

Nothing is told before it is on disk: what a program has heard never un-happens in a crash.
Each reader goes at its own pace and holds only a number; there is no queue for it to overflow.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Protocol

import structlog

from callcenter.publicevents import BEGINNINGS, EventFold, PublicEvent, tells
from storage.journal import JournalUnavailable

log = structlog.get_logger("callcenter.eventfeed")

REMEMBERED = 5_000  # at least; twice as many at most
WAITING_MAX = 20_000
PAGE = 1_000


class Entry(Protocol):
    """One entry of the journal."""

    seq: int
    at: float
    stream: str
    kind: str
    call_id: str

    def decode(self) -> Any: ...


class Journal(Protocol):
    """What the feed needs of `storage.journal.Journal`."""

    @property
    def committed_seq(self) -> int: ...
    def append(self, stream: str, kind: str, call_id: str, data: object, at: float) -> int: ...
    async def beyond(self, seq: int) -> int: ...
    async def first_stored_seq(self) -> int: ...
    def read(
        self, after_seq: int = 0, until_seq: int | None = None, call_id: str | None = None
    ) -> AsyncIterator[Any]: ...


_Raw = tuple[int, float, str, str, str, dict[str, Any]]


class EventFeed:
    """Events in the order of the journal. `run` it beside everything else."""

    def __init__(self, journal: Journal, *, remembered: int = REMEMBERED) -> None:
        self._journal = journal
        self._remembered = remembered
        self._fold = EventFold()
        self._raw: deque[_Raw] = deque()
        self._ring: list[PublicEvent] = []
        self.last = journal.committed_seq  # told up to this number of the journal
        self._taken = self.last  # the last entry that came through here
        self._dropped = 0  # entries up to this number wait in no memory
        self._since = self.last  # the ring has everything after this number
        self._news = asyncio.Event()

    # From the router -----------------------------------------------------------------------

    def append(self, stream: str, kind: str, call_id: str, data: object, at: float) -> int:
        """The journal's own `append`, listened to."""
        seq = self._journal.append(stream, kind, call_id, data, at)
        if seq > self._taken + 1:
            self._forget_raw(seq - 1)  # somebody else wrote into the journal, too
        self._taken = seq
        if tells(stream, kind) and isinstance(data, dict):
            self._raw.append((seq, at, stream, kind, call_id, data))
            if len(self._raw) > WAITING_MAX:
                self._forget_raw(seq)
        return seq

    def _forget_raw(self, upto: int) -> None:
        """What came up to this number is to be read from the disk."""
        self._raw = deque(raw for raw in self._raw if raw[0] > upto)
        self._dropped = max(self._dropped, upto)

    async def run(self) -> None:
        """Tell what gets to disk, until the journal closes."""
        while True:
            try:
                upto = await self._journal.beyond(self.last)
            except JournalUnavailable:
                return
            try:
                await self._tell(upto)
            except Exception:
                log.exception("events could not be told; trying again")
                self._forget_raw(upto)
                self._fold = EventFold()
                await asyncio.sleep(1.0)

    async def _tell(self, upto: int) -> None:
        fresh: list[PublicEvent] = []
        if upto > self._taken:
            self._forget_raw(upto)
        if self._dropped > self.last:
            upto = min(upto, self._dropped)
            raws = [_raw(entry) async for entry in self._journal.read(self.last, upto)]
        else:
            raws = []
            while self._raw and self._raw[0][0] <= upto:
                raws.append(self._raw.popleft())
        for raw in raws:
            event = await self._event(self._fold, raw)
            if event is not None:
                fresh.append(event)
        self._ring.extend(fresh)
        if len(self._ring) > 2 * self._remembered:
            gone = len(self._ring) - self._remembered
            self._since = self._ring[gone - 1].sequence
            del self._ring[:gone]
        self.last = upto
        if fresh:
            news, self._news = self._news, asyncio.Event()
            news.set()

    async def _event(self, fold: EventFold, raw: _Raw) -> PublicEvent | None:
        seq, _, stream, kind, call_id, _ = raw
        if not tells(stream, kind):
            return None
        if call_id and not fold.knows(call_id) and (stream, kind) not in BEGINNINGS:
            async for entry in self._journal.read(0, seq - 1, call_id):
                _fed(fold, _raw(entry))
        return _fed(fold, raw)

    # For readers ---------------------------------------------------------------------------

    def reader(self, after: int | None = None) -> Reader:
        """Reads what comes after this number; None: from now on."""
        return Reader(self, self.last if after is None else after)

    async def oldest(self) -> int:
        """The number from which on everything is still known."""
        return await self._journal.first_stored_seq()

    def remembered(self, after: int, limit: int) -> list[PublicEvent] | None:
        """The next events from memory; None when some of them are on disk only."""
        if after < self._since:
            return None
        first = bisect_right(self._ring, after, key=_sequence)
        return self._ring[first : first + limit]

    async def from_disk(
        self, fold: EventFold, after: int, limit: int
    ) -> tuple[list[PublicEvent], int]:
        """Earlier events, and up to which number was looked."""
        until = min(self.last, after + limit)
        raws = [_raw(entry) async for entry in self._journal.read(after, until)]
        events = [event for raw in raws if (event := await self._event(fold, raw)) is not None]
        return events, until

    @property
    def news(self) -> asyncio.Event:
        """Set at the next event; look whether there is one already after taking it."""
        return self._news


class Reader:
    """One program's place in the stream: `position` is the number up to which it has all."""

    def __init__(self, feed: EventFeed, after: int) -> None:
        self._feed = feed
        self.position = after
        self._fold: EventFold | None = None

    async def next(self, limit: int = 200) -> list[PublicEvent]:
        """The next events in order; [] when nothing (wanted or not) is left to be told now."""
        feed = self._feed
        await asyncio.sleep(0)  # whoever has much to catch up on lets others have their turn
        while self.position < feed.last:
            last = feed.last
            events = feed.remembered(self.position, limit)
            if events is None:
                self._fold = self._fold or EventFold()
                events, self.position = await feed.from_disk(self._fold, self.position, PAGE)
            else:
                self._fold = None
                self.position = events[-1].sequence if len(events) == limit else last
            if events:
                return events
        return []

    async def wait(self, timeout_s: float) -> bool:
        """Wait for more; False when the time is over first."""
        news = self._feed.news
        if self.position < self._feed.last:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await news.wait()
        except TimeoutError:
            return False
        return True


def _fed(fold: EventFold, raw: _Raw) -> PublicEvent | None:
    try:
        return fold.feed(*raw)
    except Exception:
        # An entry of another version, say: it must not keep all that follows from programs.
        log.exception("an entry cannot be told", sequence=raw[0], kind=raw[3])
        return None


def _sequence(event: PublicEvent) -> int:
    return event.sequence


def _raw(entry: Entry) -> _Raw:
    return entry.seq, entry.at, entry.stream, entry.kind, entry.call_id, entry.decode()
