"""The live store: every figure on every screen, as entities in rooms.

An entity is a key and a JSON value in a room. A console watches a few rooms and holds, for
each key, the value of the last of its rooms that has it. Each change gets the number of the
event-loop turn in which it happened, so a delta is "what changed in my rooms since number n":
it always carries the newest value, needs no queue per console (a slow console costs one
number), and resuming after a lost connection is the same question as the next delta.

Only the most recently dropped keys are remembered. A console that was away for longer than
that gets a snapshot.

Call everything from the event loop's thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

EVERYONE = "everyone"
SUPERVISOR = "supervisor"


def _encode(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half a character (broken UTF-8 from a switch, say) must not stop the figures.
        return msgspec.json.encode(mended(value)).decode()


def mended(value: Any) -> Any:
    """The same value with each lone surrogate (half a character) replaced by "?"."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {mended(key): mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mended(item) for item in value]
    return value


def agent_room(agent: str) -> str:
    """The room that only this agent's consoles watch."""
    return f"agent:{agent}"


class _Room:
    """Entities of one room, each with the number of its last change."""

    __slots__ = ("changed", "dropped", "forgotten", "pairs", "watchers")

    def __init__(self) -> None:
        self.pairs: dict[str, str] = {}  # key to '"key":value'
        self.changed: OrderedDict[str, int] = OrderedDict()  # oldest change first
        self.dropped: OrderedDict[str, int] = OrderedDict()
        self.forgotten = 0  # drops up to this number are no longer remembered
        self.watchers: set[Outbox] = set()


class LiveStore:
    """All entities. `keep_dropped` is how many dropped keys each room remembers."""

    def __init__(
        self,
        *,
        keep_dropped: int = 5000,
        epoch: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.epoch = epoch or secrets.token_hex(6)
        self.seq = 0
        self._clock = clock
        self._keep_dropped = keep_dropped
        self._rooms: dict[str, _Room] = {}
        self._touched: set[str] = set()
        self._deltas: dict[tuple[tuple[str, ...], int], str] = {}

    # Publishing ---------------------------------------------------------------------------

    def put(self, room: str, key: str, value: Any) -> bool:
        """Set an entity; returns whether that changed anything. Raises TypeError on non-JSON."""
        pair = _encode(key) + ":" + _encode(value)
        place = self._room(room)
        if place.pairs.get(key) == pair:
            return False
        place.pairs[key] = pair
        place.dropped.pop(key, None)
        self._note(room, place, key)
        return True

    def drop(self, room: str, key: str) -> bool:
        """Remove an entity; returns whether it was there."""
        place = self._rooms.get(room)
        if place is None or place.pairs.pop(key, None) is None:
            return False
        place.dropped[key] = self.seq + 1
        self._note(room, place, key)
        while len(place.dropped) > self._keep_dropped:
            oldest, place.forgotten = place.dropped.popitem(last=False)
            del place.changed[oldest]
        return True

    def keys(self, room: str) -> list[str]:
        """The keys in a room now."""
        place = self._rooms.get(room)
        return list(place.pairs) if place else []

    def get(self, room: str, key: str) -> Any:
        """An entity's value as a console sees it; None when it is not there."""
        place = self._rooms.get(room)
        pair = place.pairs.get(key) if place else None
        return None if pair is None else msgspec.json.decode("{" + pair + "}")[key]

    def flush(self) -> None:
        """End the current turn: consoles are told of what changed in it."""
        if not self._touched:
            return
        self.seq += 1
        self._deltas.clear()
        touched, self._touched = self._touched, set()
        for room in touched:
            for outbox in self._rooms[room].watchers:
                outbox.wake()

    def _room(self, name: str) -> _Room:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = _Room()
        return room

    def _note(self, name: str, room: _Room, key: str) -> None:
        room.changed[key] = self.seq + 1
        room.changed.move_to_end(key)
        if not self._touched:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                # No loop yet: the composition root is still filling the store.
                self._touched.add(name)
                self.flush()
                return
        self._touched.add(name)

    # Watching -----------------------------------------------------------------------------

    def attach(
        self,
        rooms: Iterable[str],
        own: Mapping[str, Any] | None = None,
        *,
        replies: int = 64,
    ) -> Outbox:
        """A new console's outbox. Later rooms win; `own` are entities of this console alone."""
        names = tuple(dict.fromkeys(rooms))
        outbox = Outbox(self, names, own or {}, replies)
        for name in names:
            self._room(name).watchers.add(outbox)
        return outbox

    def detach(self, outbox: Outbox) -> None:
        for name in outbox.rooms:
            self._room(name).watchers.discard(outbox)

    @property
    def watchers(self) -> int:
        """How many consoles are attached."""
        return len(set().union(*(room.watchers for room in self._rooms.values())))

    def snapshot(self, rooms: tuple[str, ...], own: Iterable[str] = (), epoch: str = "") -> str:
        """The snapshot frame for these rooms, now."""
        self.flush()
        pairs: dict[str, str] = {}
        for name in rooms:
            pairs.update(self._room(name).pairs)
        body = ",".join([*own, *pairs.values()])
        return (
            f'{{"t":"snapshot","epoch":"{epoch or self.epoch}","seq":{self.seq},'
            f'"now":{self._clock():.3f},"put":{{{body}}}}}'
        )

    def resumed(self, epoch: str, seq: int) -> str:
        return f'{{"t":"resumed","epoch":"{epoch}","seq":{seq},"now":{self._clock():.3f}}}'

    def remembers(self, rooms: tuple[str, ...], since: int) -> bool:
        """Whether a delta since that number would be complete."""
        return 0 <= since <= self.seq and all(self._room(name).forgotten <= since for name in rooms)

    def delta(self, rooms: tuple[str, ...], since: int) -> str | None:
        """What changed in these rooms since that number, or None. Encoded once for all."""
        known = self._deltas.get((rooms, since))
        if known is None:
            known = self._delta(rooms, since)
            self._deltas[rooms, since] = known
        return known or None

    def _delta(self, rooms: tuple[str, ...], since: int) -> str:
        places = [self._room(name) for name in rooms]
        touched: dict[str, int] = {}
        for place in places:
            for key in reversed(place.changed):
                seq = place.changed[key]
                if seq <= since:
                    break
                touched[key] = max(seq, touched.get(key, 0))
        put, drop = [], []
        # In the order of the changes: lists on a screen grow at their end.
        order = list(reversed(touched))
        order.sort(key=touched.__getitem__)
        for key in order:
            pair = next((p.pairs[key] for p in reversed(places) if key in p.pairs), None)
            if pair is None:
                drop.append(_encode(key))
            else:
                put.append(pair)
        if not touched:
            return ""
        return (
            f'{{"t":"delta","seq":{self.seq},"put":{{{",".join(put)}}},"drop":[{",".join(drop)}]}}'
        )


class Outbox:
    """What one console is still to be sent: a number, and a bounded list of answers."""

    __slots__ = ("_event", "_most", "_own", "_replies", "_store", "cursor", "epoch", "rooms")

    def __init__(
        self, store: LiveStore, rooms: tuple[str, ...], own: Mapping[str, Any], most: int
    ) -> None:
        self.rooms = rooms
        self.cursor = -1  # not opened yet
        self._store = store
        self._own = [_encode(key) + ":" + _encode(value) for key, value in own.items()]
        # The resume point of one person must not serve another, nor the same with other rights.
        mark = hashlib.sha256("\n".join([*rooms, *self._own]).encode()).hexdigest()[:12]
        self.epoch = f"{store.epoch}.{mark}"
        self._event = asyncio.Event()
        self._replies: deque[str] = deque()
        self._most = most

    def open(self, epoch: str = "", seq: int = 0) -> list[str]:
        """The first frames, for a console that has seen everything up to `seq` of `epoch`."""
        store = self._store
        store.flush()
        self.cursor = store.seq
        if epoch != self.epoch or not store.remembers(self.rooms, seq):
            return [store.snapshot(self.rooms, self._own, self.epoch)]
        missed = store.delta(self.rooms, seq)
        first = store.resumed(self.epoch, seq)
        return [first, missed] if missed else [first]

    def reply(self, frame: bytes) -> bool:
        """Queue an answer; False when the console reads none of them and is to be let go."""
        if len(self._replies) >= self._most:
            return False
        # What the answer is about, changed in this very turn, is to be sent before it.
        self._store.flush()
        self._replies.append(frame.decode())
        self._event.set()
        return True

    def wake(self) -> None:
        self._event.set()

    async def next(self) -> list[str]:
        """Wait for something to send. Changes come before answers, which may be about them."""
        while True:
            await self._event.wait()
            self._event.clear()
            if frames := self.take():
                return frames

    def take(self) -> list[str]:
        """Everything that can be sent now."""
        frames: list[str] = []
        store = self._store
        if 0 <= self.cursor < store.seq:
            if store.remembers(self.rooms, self.cursor):
                delta = store.delta(self.rooms, self.cursor)
                if delta:
                    frames.append(delta)
            else:
                frames.append(store.snapshot(self.rooms, self._own, self.epoch))
            self.cursor = store.seq
        while self._replies:
            frames.append(self._replies.popleft())
        return frames

    def close(self) -> None:
        self._store.detach(self)
