"""The server's end of a WebSocket, over the socket of an HTTP request that asked for one."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from sandbox.server import Received

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)  # frames hold secrets


class Socket:
    """Reads messages in the caller's thread and sends from a thread of its own, when due."""

    def __init__(self, request: Received, link: socket.socket) -> None:
        self._link = link
        self._protocol = ServerProtocol(logger=_quiet)
        head = [f"GET {request.path} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
        self._protocol.receive_data(("\r\n".join(head) + "\r\n\r\n").encode())
        (self._request,) = self._protocol.events_received()
        self._due: deque[tuple[float, str, bytes]] = deque()
        self._news = threading.Condition()
        self._wire = threading.Lock()
        """Of the protocol's state and what goes out; a slow reader holds up nothing else."""
        self._open = True

    def refuse(self, status: int, text: str) -> None:
        """Answer that there is no WebSocket to be had."""
        self._protocol.send_response(self._protocol.reject(status, text))
        self._flush()
        self.close()

    def accept(self) -> None:
        """Open the WebSocket."""
        self._protocol.send_response(self._protocol.accept(self._request))  # type: ignore[arg-type]
        self._flush()
        threading.Thread(target=self._send_when_due, daemon=True).start()

    def messages(self) -> Iterator[bytes]:
        """Give messages until the other end is gone; pings are answered on the way."""
        parts = b""
        while True:
            try:
                data = self._link.recv(65_536)
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            with self._wire:
                self._protocol.receive_data(data)
                events = self._protocol.events_received()
                self._flush()
            for event in events:
                assert isinstance(event, Frame)  # noqa: S101 - after the handshake all are
                if event.opcode is Opcode.CLOSE:
                    self.close()
                    return
                if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    parts += bytes(event.data)
                    if event.fin:
                        yield parts
                        parts = b""

    def send(self, data: bytes, *, text: bool = False, after: float = 0.0) -> None:
        """Send a message, after so many seconds; order among equals is kept."""
        self._add(after, "text" if text else "binary", data)

    def break_off(self, data: bytes = b"", *, after: float = 0.0) -> None:
        """Cut the connection, in the middle of a message when one is given."""
        self._add(after, "half", data)

    def close(self) -> None:
        """Cut the connection now."""
        with self._news:
            self._open = False
            self._news.notify_all()
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def _add(self, after: float, kind: str, data: bytes) -> None:
        with self._news:
            self._due.append((time.monotonic() + after, kind, data))
            self._due = deque(sorted(self._due, key=lambda one: one[0]))
            self._news.notify_all()

    def _send_when_due(self) -> None:
        while True:
            with self._news:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if not self._open:
                    return
                if wait is None or wait > 0:
                    self._news.wait(wait)
                    continue
                _, kind, data = self._due.popleft()
            with self._wire:
                self._send_now(kind, data)

    def _send_now(self, kind: str, data: bytes) -> None:
        if kind == "text":
            self._protocol.send_text(data)
        else:
            self._protocol.send_binary(data)
        if kind != "half":
            self._flush()
            return
        whole = b"".join(self._protocol.data_to_send())
        with suppress(OSError):
            self._link.sendall(whole[: len(whole) // 2])
        self.close()

    def _flush(self) -> None:
        with suppress(OSError):
            self._link.sendall(b"".join(self._protocol.data_to_send()))
