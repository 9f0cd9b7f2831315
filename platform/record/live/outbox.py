"""What waits for one socket: bounded, written by nobody but itself, never in another's way.

Two ways out. A server that offers a `FrameSink` (pulse.server) takes ready WebSocket frames, built
once for all sockets, at once and says when it is full. Any other ASGI server is fed message by
message by a task of the socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from record.live.protocol import QUEUE_LIMIT

Send = Callable[[dict[str, Any]], Awaitable[None]]
EXTENSION: Final = "pulse.frames"
"""Name of the ASGI extension that carries a FrameSink."""


class FrameSink(Protocol):
    """A transport that takes ready frames."""

    writable: bool
    on_writable: Callable[[], None] | None

    def write(self, frames: bytes) -> None:
        """Pass whole frames to the network without waiting."""


def frame(payload: bytes) -> bytes:
    """Return an unmasked final text frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Batch:
    """Messages that go out together; frames and texts are made once, when first asked for."""

    __slots__ = ("_frames", "_texts", "payloads")

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.payloads = payloads
        self._frames: bytes | None = None
        self._texts: list[str] | None = None

    @property
    def frames(self) -> bytes:
        """All messages as WebSocket frames, joined."""
        if self._frames is None:
            self._frames = b"".join(map(frame, self.payloads))
        return self._frames

    @property
    def texts(self) -> list[str]:
        """All messages as text."""
        if self._texts is None:
            self._texts = [payload.decode() for payload in self.payloads]
        return self._texts


class Outbox:
    """The queue of one socket."""

    def __init__(
        self,
        send: Send,
        *,
        sink: FrameSink | None = None,
        limit: int = QUEUE_LIMIT,
        on_overflow: Callable[[], None],
    ) -> None:
        self._send = send
        self._sink = sink
        self._limit = limit
        self._on_overflow = on_overflow
        self._queue: deque[Batch] = deque()
        self._waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._work = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self.closed = False
        if sink is None:
            self._writer = asyncio.create_task(self._write())
        else:
            sink.on_writable = self._flush

    def push(self, batch: Batch) -> None:
        """Queue messages; a socket that has too many waiting is given up."""
        if self.closed:
            return
        sink = self._sink
        if sink is not None and not self._queue and sink.writable:
            sink.write(batch.frames)
            return
        self._queue.append(batch)
        self._waiting += len(batch.payloads)
        self._idle.clear()
        self._work.set()
        if self._waiting > self._limit:
            self.close()
            self._on_overflow()

    def say(self, payload: bytes) -> None:
        """Queue one message."""
        self.push(Batch((payload,)))

    async def drained(self) -> None:
        """Wait until nothing waits for this socket."""
        if self._sink is None and not self._queue:
            await asyncio.sleep(0)
        await self._idle.wait()

    async def last(self, payload: bytes) -> None:
        """Write a farewell past whatever waits, and take no more."""
        self.close()
        if self._sink is not None:
            self._sink.write(frame(payload))
        else:
            await self._send({"type": "websocket.send", "text": payload.decode()})

    def close(self) -> None:
        """Forget what waits and take no more."""
        self.closed = True
        self._queue.clear()
        self._waiting = 0
        self._idle.set()
        if self._writer is not None:
            self._writer.cancel()
        if self._sink is not None:
            self._sink.on_writable = None

    def _flush(self) -> None:
        sink = self._sink
        while self._queue and sink is not None and sink.writable:
            batch = self._queue.popleft()
            self._waiting -= len(batch.payloads)
            sink.write(batch.frames)
        if not self._queue:
            self._idle.set()

    async def _write(self) -> None:
        while True:
            await self._work.wait()
            while self._queue:
                batch = self._queue.popleft()
                for text in batch.texts:
                    await self._send({"type": "websocket.send", "text": text})
                    self._waiting -= 1
            self._work.clear()
            self._idle.set()
