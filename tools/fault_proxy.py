"""A TCP proxy that misbehaves on demand, between two programs that should survive it.

    client ──▶ FaultProxy ──▶ server        up: client to server, down: server to client

Every fault can be switched on and off while connections live:

- `latency_s`, `bytes_per_s`, `slice_bytes`: late, slow, and in small pieces;
- `hold()` … `release()`: nothing goes through for a while, and then all of it (one
  direction only: `hold(up=False)` or `hold(down=False)`);
- `go_dark()`: half-open; what lives now is silent for ever, without being closed;
- `cut()` closes, `reset()` resets (RST), `reset_after(n)` in the middle of a burst;
- `refuse`: newcomers are reset;
- `inject(data)`: bytes that the server never sent, `flood(frames)` many of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_READ_BYTES = 65_536
_QUEUE_MAX = 256
_LINGER_RESET = struct.pack("ii", 1, 0)  # close sends RST and drops what was not sent yet


@dataclass(eq=False)
class _Pipe:
    """One direction of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    queue: asyncio.Queue[tuple[float, bytes]] = field(
        default_factory=lambda: asyncio.Queue(_QUEUE_MAX)
    )


@dataclass(eq=False)
class _Connection:
    """Both directions of one connection."""

    up: _Pipe
    down: _Pipe
    dark: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class FaultProxy:
    """Listens on 127.0.0.1 and forwards to `target()`, a port there. Times in seconds."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = 0
        self.latency_s = 0.0
        self.slice_bytes = 0  # 0: as they come
        self.bytes_per_s = 0.0  # 0: no limit
        self.refuse = False
        self.accepted = 0
        self.carried_bytes = 0  # to the client
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._open = {"up": asyncio.Event(), "down": asyncio.Event()}
        self.release()
        self._reset_at: int | None = None
        self._injections: list[tuple[bytes, bytes]] = []

    async def start(self, port: int = 0) -> FaultProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        tasks = [task for connection in self._connections for task in connection.tasks]
        self.reset()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many live, silent ones included."""
        return len(self._connections)

    # Faults ------------------------------------------------------------------------------

    def heal(self) -> None:
        """No more faults, for what lives and for newcomers; the silent stay silent."""
        self.latency_s, self.slice_bytes, self.bytes_per_s = 0.0, 0, 0.0
        self.refuse, self._reset_at = False, None
        self._injections.clear()
        self.release()

    def hold(self, *, up: bool = True, down: bool = True) -> None:
        for held, name in ((up, "up"), (down, "down")):
            if held:
                self._open[name].clear()

    def release(self) -> None:
        for gate in self._open.values():
            gate.set()

    def go_dark(self) -> None:
        for connection in self._connections:
            connection.dark = True

    def cut(self) -> None:
        for connection in list(self._connections):
            self._end(connection, reset=False)

    def reset(self) -> None:
        for connection in list(self._connections):
            self._end(connection, reset=True)

    def reset_after(self, count: int) -> None:
        """Reset the connection that carries the byte `count` from now to its client."""
        self._reset_at = self.carried_bytes + count

    def inject(self, data: bytes, after: bytes = b"\r\n\r\n") -> None:
        """Put `data` into the stream to the client, once, after the next such mark."""
        self._injections.append((after, data))

    async def flood(self, frames: Iterable[bytes]) -> int:
        """Write all of these to the one live client as fast as it reads; how many bytes."""
        (connection,) = [one for one in self._connections if not one.dark]
        writer, count, chunk = connection.down.writer, 0, bytearray()
        for frame in frames:
            chunk += frame
            if len(chunk) >= _READ_BYTES:
                writer.write(bytes(chunk))
                count += len(chunk)
                chunk.clear()
                await writer.drain()
                await asyncio.sleep(0)  # the kernel takes much before it makes us wait
        writer.write(bytes(chunk))
        await writer.drain()
        return count + len(chunk)

    # Forwarding --------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.refuse:
            _close(writer, reset=True)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            _close(writer, reset=True)
            return
        up, down = _Pipe(reader, far_writer), _Pipe(far_reader, writer)
        connection = _Connection(up, down)
        self._connections.add(connection)
        for pipe in (up, down):
            for work in (self._read, self._write):
                connection.tasks.append(asyncio.ensure_future(work(connection, pipe)))

    async def _read(self, connection: _Connection, pipe: _Pipe) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await pipe.reader.read(_READ_BYTES):
                await pipe.queue.put((loop.time() + self.latency_s, data))
        await pipe.queue.put((loop.time() + self.latency_s, b""))

    async def _write(self, connection: _Connection, pipe: _Pipe) -> None:
        loop = asyncio.get_running_loop()
        gate = self._open["up" if pipe is connection.up else "down"]
        while True:
            due, data = await pipe.queue.get()
            if (delay := due - loop.time()) > 0:
                await asyncio.sleep(delay)
            await gate.wait()
            if connection.dark:
                continue  # swallowed, its end too
            if not data:
                self._end(connection, reset=False)
                return
            try:
                for piece in self._pieces(connection, pipe, data):
                    pipe.writer.write(piece)
                    await pipe.writer.drain()
                    if self.bytes_per_s:
                        await asyncio.sleep(len(piece) / self.bytes_per_s)
                    elif self.slice_bytes:
                        await asyncio.sleep(0)
                    if self._reached_reset(connection, pipe, len(piece)):
                        return
            except OSError:
                self._end(connection, reset=True)
                return

    def _pieces(self, connection: _Connection, pipe: _Pipe, data: bytes) -> Iterable[bytes]:
        if pipe is connection.down:
            data = self._with_injections(data)
        size = self.slice_bytes or (1024 if self.bytes_per_s else 0)
        if pipe is connection.down and self._reset_at is not None:
            left = max(1, self._reset_at - self.carried_bytes)
            size = min(size or left, left)
        if not size:
            return (data,)
        return (data[start : start + size] for start in range(0, len(data), size))

    def _with_injections(self, data: bytes) -> bytes:
        for pending in list(self._injections):
            mark, extra = pending
            end = data.find(mark)
            if end >= 0:
                end += len(mark)
                data = data[:end] + extra + data[end:]
                self._injections.remove(pending)
        return data

    def _reached_reset(self, connection: _Connection, pipe: _Pipe, count: int) -> bool:
        if pipe is not connection.down:
            return False
        self.carried_bytes += count
        if self._reset_at is None or self.carried_bytes < self._reset_at:
            return False
        self._reset_at = None
        self._end(connection, reset=True)
        return True

    def _end(self, connection: _Connection, *, reset: bool) -> None:
        self._connections.discard(connection)
        for pipe in (connection.up, connection.down):
            _close(pipe.writer, reset=reset)
        current = asyncio.current_task()
        for task in connection.tasks:
            if task is not current:
                task.cancel()


def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET
            )
        writer.transport.abort()
    else:
        writer.close()
