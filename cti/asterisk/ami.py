"""Our connection to Asterisk's manager interface (AMI): panoramisk, hardened by subclassing.

What it promises:

- one order makes one frame: a key or value that could become a second one is
  refused (`BadAction`) before a byte is sent;
- an order is sent once or not at all. While the link is down it is refused
  (`NotSent`); when the link drops, or the answer is late, nobody knows what became
  of it (`OutcomeUnknown`). It is never sent again by itself;
- events and answers reach us in the order in which Asterisk wrote them: `Ami` calls
  one synchronous sink, and the `done` callback of an order, right as the bytes come in.
  Nothing is queued here, so nothing can pile up: a slow sink slows the socket;
- an exception in the sink, or a frame that cannot be read, costs that frame only, and
  is told to who can ask Asterisk how things stand;
- the connection comes back by itself, and a peer that went silent is noticed.

Errors: `AmiError` > `BadAction` | `NotSent` | `OutcomeUnknown` | `Refused`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panoramisk.actions import Action as PanoramiskAction
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

log = logging.getLogger(__name__)

Headers = Mapping[str, str | Sequence[str]]

# Asterisk reads an action line into 1,025 bytes and keeps 128 lines of an action;
# what is beyond is dropped there without a word, so it is refused here.
LINE_MAX_BYTES = 1000
LINES_MAX = 120
_LIST_MAX = 200_000
_DOUBT_AFTER_S = 0.3  # what is broken is seldom broken in one place
_DOUBT_EVERY_S = 10.0
_OWN_PAUSE_S = 0.05  # the answer may be here, unread: it was we who were held up
_FORBIDDEN = ("\r", "\n", "\0")


class AmiError(Exception):
    """An order to the manager interface did not succeed."""


class BadAction(AmiError, ValueError):  # noqa: N818
    """Ours: the action cannot be written as one frame. Nothing was sent."""


class NotSent(AmiError):  # noqa: N818
    """The link is down or its buffers are full. Nothing was sent."""


class OutcomeUnknown(AmiError):  # noqa: N818
    """It was sent, and the link dropped or the answer never came."""


class Refused(AmiError):  # noqa: N818
    """Asterisk answered with an error."""


class _LoginRefusedError(AmiError):
    """Asterisk does not know us: trying again at once would not help."""


@dataclass(frozen=True, slots=True)
class AmiSettings:
    """Where the manager interface is, who we are, and how patient. Times in seconds."""

    port: int
    username: str
    secret: str
    host: str = "127.0.0.1"
    connect_timeout_s: float = 5.0
    boot_timeout_s: float = 60.0
    request_timeout_s: float = 5.0
    ping_every_s: float = 3.0
    ping_deadline_s: float = 3.0
    retry_first_s: float = 0.2
    retry_most_s: float = 3.0
    retry_refused_s: float = 30.0
    frame_limit_bytes: int = 4 * 1024 * 1024
    write_limit_bytes: int = 4 * 1024 * 1024
    pending_limit: int = 10_000


class Frame:
    """One event or answer, parsed when its fields are first asked for.

    Bytes that are no UTF-8 come out as the replacement character. Of a repeated
    key `get` gives the last value (what stands later was written by Asterisk, not
    by a caller's name), `get_all` every one.
    """

    __slots__ = ("_fields", "name", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.name = ""  # the event's name; "" for an answer
        if raw.startswith(b"Event: "):
            end = raw.find(b"\r\n")
            self.name = (raw[7:end] if end >= 0 else raw[7:]).decode("utf-8", "replace")
        self._fields: dict[str, str] | None = None

    def get(self, key: str, default: str = "") -> str:
        fields = self._fields
        if fields is None:
            fields = self._fields = self._parse()
        return fields.get(key, default)

    def get_all(self, key: str) -> list[str]:
        prefix = key + ": "
        lines = self.raw.decode("utf-8", "replace").split("\r\n")
        return [line[len(prefix) :] for line in lines if line.startswith(prefix)]

    def fields(self) -> dict[str, str]:
        if self._fields is None:
            self._fields = self._parse()
        return self._fields

    def _parse(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for line in self.raw.decode("utf-8", "replace").split("\r\n"):
            key, colon, value = line.partition(": ")
            if colon:
                fields[key] = value
        return fields

    def __repr__(self) -> str:
        return f"Frame({self.raw[:200]!r})"


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer to one order; `items` are the events of a list."""

    response: Frame
    items: tuple[Frame, ...] = ()

    @property
    def ok(self) -> bool:
        return self.response.get("Response") in ("Success", "Follows", "Goodbye")

    @property
    def message(self) -> str:
        return self.response.get("Message")


Done = Callable[[Reply | AmiError], None]


class Action(PanoramiskAction):  # type: ignore[misc]
    """An order on its way. Settles once: with a `Reply` or with an `AmiError`."""

    def __init__(self, headers: Headers, action_id: str, done: Done | None = None) -> None:
        # Fields first: the base class answers a missing attribute with "".
        self.done = done
        self.timer: asyncio.TimerHandle | None = None
        self.response: Frame | None = None
        self.items_so_far: list[Frame] = []
        super().__init__(headers)
        self["ActionID"] = action_id

    def encode(self) -> bytes:
        """The frame. Raises `BadAction` rather than write anything ambiguous."""
        lines: list[str] = []
        for key, value in self.items():
            values = value if isinstance(value, list | tuple) else (value,)
            lines.extend(_line(key, one) for one in values)
        if len(lines) > LINES_MAX:
            raise BadAction(f"an action of {len(lines)} lines; Asterisk takes {LINES_MAX}")
        try:
            return ("\r\n".join(lines) + "\r\n\r\n").encode()
        except UnicodeEncodeError as error:
            raise BadAction("a value is no valid text") from error

    def settle(self, outcome: Reply | AmiError) -> None:
        """Hand the outcome over, in order, and to whoever awaits it."""
        if self.timer is not None:
            self.timer.cancel()
        if self.done is not None:
            done, self.done = self.done, None
            done(outcome)
        if not self.future.done():
            self.future.set_result(outcome)


def _line(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadAction(f"{key!r} is {type(value).__name__}, not text")
    line = f"{key}: {value}"
    if any(char in line for char in _FORBIDDEN):
        raise BadAction(f"a line break or NUL in {key[:40]!r}")
    if not key or ":" in key or key != key.strip():
        raise BadAction(f"{key[:40]!r} is no name of a field")
    if len(line) * 4 > LINE_MAX_BYTES and len(line.encode("utf-8", "replace")) > LINE_MAX_BYTES:
        raise BadAction(f"{key[:40]!r} is longer than Asterisk reads")
    return line


class Protocol(AMIProtocol):  # type: ignore[misc]
    """Bytes to frames and back, for one connection."""

    closed: bool
    responses: dict[str, Action]
    version: str | None

    def __init__(self, manager: Ami) -> None:
        self.manager = manager
        self.settings = manager.settings
        self.partial = bytearray()
        self.scanned = 0
        self.lists = 0  # orders whose list is coming in
        self.heard = False  # anything since the last heartbeat
        self.why = ""
        self.bad_frames = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.factory = self.manager
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        transport.set_write_buffer_limits(self.settings.write_limit_bytes)

    # Reading ------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.heard = True
        start = 0
        if self.partial:
            start = self._complete_partial(data)
            if start < 0:
                return
        find = data.find
        while (end := find(b"\r\n\r\n", start)) >= 0:
            self._frame(data[start:end])
            if self.closed:
                return
            start = end + 4
        if start < len(data):
            self.partial += memoryview(data)[start:]
            self.scanned = max(0, len(self.partial) - 3)
            self._check_size()

    def _complete_partial(self, data: bytes) -> int:
        """Finish the frame that was cut by the last read; where to go on in `data`, or -1."""
        before = len(self.partial)
        self.partial += data
        end = self.partial.find(b"\r\n\r\n", self.scanned)
        if end < 0:
            self.scanned = max(0, len(self.partial) - 3)
            self._check_size()
            return -1
        raw = bytes(memoryview(self.partial)[:end])
        self.partial = bytearray()
        self.scanned = 0
        self._frame(raw)
        return -1 if self.closed else end + 4 - before

    def _check_size(self) -> None:
        if len(self.partial) > self.settings.frame_limit_bytes:
            self.fail(f"a frame of more than {self.settings.frame_limit_bytes} bytes")

    def _frame(self, raw: bytes) -> None:
        """Take one frame; whatever it does costs this frame only."""
        try:
            if raw.startswith(b"Event: "):
                frame = Frame(raw)
                if self.lists and b"\r\nActionID: " in raw:
                    self._list_item(frame)
                self.manager.dispatch(frame)
            elif raw.startswith(b"Response: "):
                self._answer(Frame(raw))
            elif raw.startswith(b"Asterisk Call Manager/"):
                banner, _, rest = raw.partition(b"\r\n")
                self.version = banner[22:].decode("ascii", "replace").strip()
                if rest:
                    self._frame(rest)
            elif raw.strip():
                self._bad(raw)
        except Exception:
            log.exception("a frame could not be handled: %r", raw[:500])
            self.manager.doubt()

    def _bad(self, raw: bytes) -> None:
        self.manager.doubt()
        self.bad_frames += 1
        if self.bad_frames & (self.bad_frames - 1) == 0:  # 1st, 2nd, 4th, 8th …
            log.warning("not an AMI frame (number %d): %r", self.bad_frames, raw[:200])

    def _answer(self, frame: Frame) -> None:
        action = self.responses.get(frame.get("ActionID"))
        if action is None or action.response is not None:
            return  # came after its deadline
        if frame.get("EventList").lower() == "start":
            action.response = frame
            self.lists += 1
            return
        self._settle(action, Reply(frame))

    def _list_item(self, frame: Frame) -> None:
        action = self.responses.get(frame.get("ActionID"))
        if action is None or action.response is None:
            return
        if frame.get("EventList").lower() == "complete":
            self._settle(action, Reply(action.response, tuple(action.items_so_far)))
        elif len(action.items_so_far) < _LIST_MAX:
            action.items_so_far.append(frame)
        else:
            self._settle(action, AmiError(f"a list of more than {_LIST_MAX} items"))

    def _settle(self, action: Action, outcome: Reply | AmiError) -> None:
        self.responses.pop(action["ActionID"], None)
        if action.response is not None:
            self.lists -= 1
        action.settle(outcome)

    # Writing ------------------------------------------------------------------------

    def send(self, data: Action, as_list: bool = False) -> Any:
        """Write one action. Raises `BadAction` or `NotSent`; else it settles in bounded time."""
        frame = data.encode()
        if self.closed or self.transport.is_closing():
            raise NotSent("the link to Asterisk is down")
        if len(self.responses) >= self.settings.pending_limit:
            raise NotSent(f"{len(self.responses)} orders wait for an answer already")
        if self.transport.get_write_buffer_size() > self.settings.write_limit_bytes:
            raise NotSent("Asterisk does not read")
        self.responses[data["ActionID"]] = data
        self.transport.write(frame)
        return data.future

    def give_up(self, action: Action, timeout_s: float) -> None:
        """The deadline of an action passed."""
        if action["ActionID"] in self.responses:
            try:
                self._settle(action, OutcomeUnknown(f"no answer within {timeout_s} s"))
            except Exception:
                log.exception("the outcome of %s could not be handled", action["Action"])

    def forget(self, action: Action) -> None:
        """Nobody wants the answer any more."""
        if self.responses.pop(action["ActionID"], None) is not None and action.response:
            self.lists -= 1
        if action.timer is not None:
            action.timer.cancel()

    # Ending -------------------------------------------------------------------------

    def fail(self, why: str) -> None:
        """Drop the connection at once."""
        self.why = self.why or why
        self.transport.abort()
        self.connection_lost(None)

    def connection_lost(self, exc: object) -> None:
        if self.closed:
            return
        self.closed = True
        self.why = self.why or (str(exc) if exc else "Asterisk closed the connection")
        pending = list(self.responses.values())
        self.responses.clear()
        self.lists = 0
        self.partial = bytearray()
        if not self.lost.done():
            self.lost.set_result(self.why)
        self.manager.connection_lost(self)
        for action in pending:
            try:
                action.settle(OutcomeUnknown(f"the link dropped: {self.why}"))
            except Exception:
                log.exception("the outcome of %s could not be handled", action["Action"])

    def close(self) -> None:
        self.why = self.why or "closed by us"
        if not self.closed:
            self.transport.close()
            self.connection_lost(None)


class Ami(Manager):  # type: ignore[misc]
    """The manager interface of one Asterisk, kept connected.

    `sink` gets every event in order. `on_up` is called when Asterisk has accepted
    our login and is fully booted; `on_down` (with the reason) when that ends. `on_doubt`
    is called soon after something in the stream could not be read: an event may be missing.
    `on_refused` is told of each login that Asterisk refused.
    """

    protocol: Protocol | None

    def __init__(
        self,
        settings: AmiSettings,
        sink: Callable[[Frame], None],
        *,
        on_up: Callable[[], None] | None = None,
        on_down: Callable[[str], None] | None = None,
        on_doubt: Callable[[], None] | None = None,
        on_refused: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            host=settings.host,
            port=settings.port,
            protocol_factory=lambda: Protocol(self),
            log=log,
        )
        self.settings = settings
        self.up = False
        self.logins_refused = 0
        self._sink = sink
        self._on_up = on_up
        self._on_down = on_down
        self._on_doubt = on_doubt
        self._on_refused = on_refused
        self._doubt: asyncio.TimerHandle | None = None
        self._doubted_at = -math.inf
        self._task: asyncio.Task[None] | None = None
        self._booted: asyncio.Future[None] | None = None
        self._started_at: float | None = None  # Asterisk, on our monotonic clock
        self._numbers = 0
        # Answers to an earlier process of ours can never be taken for ours.
        self._prefix = f"cc{random.getrandbits(40):x}-"

    @property
    def switch_age_s(self) -> float:
        """For how long Asterisk has been running, to the second; 0 when it did not say."""
        return 0.0 if self._started_at is None else max(0.0, time.monotonic() - self._started_at)

    # Orders -------------------------------------------------------------------------

    def order(
        self, headers: Headers, done: Done | None = None, timeout_s: float | None = None
    ) -> Action:
        """Send an action now; `done` gets the answer, in the order of the stream.

        Raises `BadAction` or `NotSent` (then `done` is not called).
        """
        if not self.up:
            raise NotSent("the link to Asterisk is down")
        return self._send(headers, done, timeout_s)

    async def request(self, headers: Headers, timeout_s: float | None = None) -> Reply:
        """Send an action and wait. Raises any `AmiError`."""
        return await self._await(self.order(headers, None, timeout_s))

    def send_action(self, action: Headers, as_list: object = None, **kwargs: str) -> Any:
        """panoramisk's way of asking: a future of a `Reply` or an `AmiError` (as a result)."""
        return self.order({**action, **kwargs}).future

    def _send(
        self, headers: Headers, done: Done | None = None, timeout_s: float | None = None
    ) -> Action:
        if self.protocol is None:
            raise NotSent("the link to Asterisk is down")
        self._numbers += 1
        action = Action(headers, f"{self._prefix}{self._numbers}", done)
        self.protocol.send(action)
        limit = self.settings.request_timeout_s if timeout_s is None else timeout_s
        loop = asyncio.get_running_loop()
        action.timer = loop.call_later(limit, self.protocol.give_up, action, limit)
        return action

    async def _await(self, action: Action) -> Reply:
        try:
            outcome: Reply | AmiError = await action.future
        except asyncio.CancelledError:
            if self.protocol is not None:
                self.protocol.forget(action)
            raise
        if isinstance(outcome, AmiError):
            raise outcome
        if not outcome.ok:
            raise Refused(outcome.message or "refused without a reason")
        return outcome

    # Events -------------------------------------------------------------------------

    def dispatch(self, event: Frame) -> None:
        if event.name == "FullyBooted" and self._booted is not None and not self._booted.done():
            uptime = event.get("Uptime")
            self._started_at = time.monotonic() - float(uptime) if uptime.isdecimal() else None
            self._booted.set_result(None)
        elif event.name == "Shutdown" and self.protocol is not None:
            self.protocol.why = "Asterisk shuts down"
        self._sink(event)

    def doubt(self) -> None:
        """An event may be missing. Tells `on_doubt`, at most every `_DOUBT_EVERY_S`."""
        if self._doubt is None and self.up:
            loop = asyncio.get_running_loop()
            due = max(loop.time() + _DOUBT_AFTER_S, self._doubted_at + _DOUBT_EVERY_S)
            self._doubt = loop.call_at(due, self._tell_doubt)

    def _tell_doubt(self) -> None:
        self._doubt = None
        if self.up:
            self._doubted_at = asyncio.get_running_loop().time()
            self._guarded(self._on_doubt)

    # Connection ---------------------------------------------------------------------

    def connect(self, *_: object, **__: object) -> asyncio.Task[None]:
        """Begin to keep the connection; does nothing when begun already."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_connected())
        return self._task

    def close(self) -> None:
        """Let go, now and for good (also in the middle of a back-off)."""
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.protocol is not None:
            self.protocol.close()
            self.protocol = None

    async def stop(self) -> None:
        """`close`, and wait until nothing of it runs any more."""
        task = self._task
        self.close()
        if task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def connection_lost(self, protocol: Protocol) -> None:
        if protocol is not self.protocol:
            return
        self.protocol = None
        if self.up:
            self.up = False
            log.log(
                logging.INFO if self._task is None else logging.WARNING,
                "AMI link ended: %s",
                protocol.why,
            )
            self._guarded(self._on_down, protocol.why)

    async def _keep_connected(self) -> None:
        delay_s = self.settings.retry_first_s
        while True:
            try:
                if await self._one_connection():
                    delay_s = self.settings.retry_first_s
                wait_s = delay_s
            except _LoginRefusedError as error:
                self.logins_refused += 1
                wait_s = self.settings.retry_refused_s
                log.error(
                    "Asterisk at %s:%d refuses the manager login of %r (%s);"
                    " no calls can be routed; next try in %.0f s",
                    self.settings.host,
                    self.settings.port,
                    self.settings.username,
                    error,
                    wait_s,
                )
                self._guarded(self._on_refused, str(error))
            except (OSError, TimeoutError, AmiError) as error:
                wait_s = delay_s
                log.warning("AMI not reached (%s); next try in %.1f s", error, wait_s)
            if self.protocol is not None:
                self.protocol.close()
                self.protocol = None
            delay_s = min(delay_s * 2, self.settings.retry_most_s)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))

    async def _one_connection(self) -> bool:
        """Connect, log in, serve until the link is lost. True when it was up."""
        settings = self.settings
        loop = asyncio.get_running_loop()
        self._booted = loop.create_future()
        async with asyncio.timeout(settings.connect_timeout_s):
            _, protocol = await loop.create_connection(
                lambda: Protocol(self), settings.host, settings.port
            )
        self.protocol = protocol
        await self._login()
        ends: set[asyncio.Future[Any]] = {self._booted, protocol.lost}
        done, _ = await asyncio.wait(
            ends,
            timeout=settings.boot_timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._booted not in done:
            why = protocol.why or "no FullyBooted event (the user needs read=system and the event)"
            raise AmiError(why)
        if protocol.closed:
            raise AmiError(protocol.why)
        self.up = True
        self._guarded(self._on_up)
        await self._heartbeat(protocol)
        return True

    async def _login(self) -> None:
        action = self._send(
            {
                "Action": "Login",
                "Username": self.settings.username,
                "Secret": self.settings.secret,
                "Events": "on",
            },
            timeout_s=self.settings.connect_timeout_s,
        )
        try:
            await self._await(action)
        except Refused as error:
            raise _LoginRefusedError(str(error)) from error

    async def _heartbeat(self, protocol: Protocol) -> None:
        """Notice a peer that went silent without closing."""
        while not protocol.lost.done():
            protocol.heard = False
            await asyncio.wait({protocol.lost}, timeout=self.settings.ping_every_s)
            if protocol.heard or protocol.closed:
                continue
            deadline_s = self.settings.ping_deadline_s
            try:
                await self._await(self._send({"Action": "Ping"}, timeout_s=deadline_s))
            except AmiError:
                await asyncio.sleep(_OWN_PAUSE_S)
                if not protocol.heard:
                    protocol.fail(f"no sign of life within {deadline_s} s of a ping")

    def _guarded(self, callback: Callable[..., None] | None, *args: object) -> None:
        if callback is None:
            return
        try:
            callback(*args)
        except Exception:
            log.exception("a callback of the AMI link failed")
