"""The stream of trade updates: one connection an account, JSON in binary frames, faults."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.alpaca.faults import StreamFaults
from sandbox.alpaca.sockets import Socket

Allowed = Callable[[str, str], bool]


class Updates:
    """Sends events to the one that listens. What happens while nobody does is never sent."""

    def __init__(self, allowed: Allowed, faults: StreamFaults) -> None:
        self._allowed = allowed
        self._lock = threading.Lock()
        self._socket: Socket | None = None
        self._listening = False
        self.faults = faults
        self.told: list[bytes] = []
        """All events that ever were."""

    def serve(self, socket: Socket) -> None:
        """Serve a connection until it ends; a second one is refused."""
        with self._lock:
            taken = self._socket is not None
            if not taken:
                self._socket, self._listening = socket, False
        if taken:
            socket.refuse(429, "connection limit exceeded")
            return
        try:
            socket.accept()
            for message in socket.messages():
                self._answer(socket, orjson.loads(message))
        finally:
            with self._lock:
                self._socket = None

    def _answer(self, socket: Socket, asked: dict[str, Any]) -> None:
        data = asked.get("data") or {}
        if asked.get("action") in ("authenticate", "auth"):
            key = data.get("key_id") or asked.get("key", "")
            secret = data.get("secret_key") or asked.get("secret", "")
            status = "authorized" if self._allowed(key, secret) else "unauthorized"
            reply = {"status": status, "action": "authenticate"}
            socket.send(orjson.dumps({"stream": "authorization", "data": reply}))
            if status != "authorized":
                socket.break_off()
        elif asked.get("action") == "listen":
            with self._lock:
                self._listening = "trade_updates" in data.get("streams", ())
            streams = {"streams": ["trade_updates"] if self._listening else []}
            socket.send(orjson.dumps({"stream": "listening", "data": streams}))

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event, or spoil it."""
        body = orjson.dumps(event)
        with self._lock:
            if self._socket is not None and self._listening:
                self.faults.send(self._socket, body, self.told)
        self.told.append(body)

    def cut(self) -> None:
        """Cut the connection of whoever listens."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
