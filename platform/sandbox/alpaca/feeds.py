"""Streams of market data: JSON, or msgpack for who asks for it and always for options."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field
from typing import Any

import msgpack
import orjson

from sandbox.alpaca import data
from sandbox.alpaca.faults import StreamFaults
from sandbox.alpaca.sockets import Socket
from sandbox.alpaca.stream import Allowed
from sandbox.alpaca.venue import Venue
from sandbox.server import Received


@dataclass(slots=True)
class _Listener:
    socket: Socket
    packed: bool
    options: bool
    wanted: dict[str, set[str]] = field(default_factory=lambda: {"quotes": set(), "trades": set()})

    def say(self, messages: list[dict[str, Any]]) -> None:
        """Send messages in the form that the other end reads."""
        if not self.packed:
            self.socket.send(orjson.dumps(messages), text=True)
            return
        timed = [one | {"t": _packed_time(one["t"])} if "t" in one else one for one in messages]
        self.socket.send(msgpack.packb(timed))


class Feeds:
    """Serves every data stream; each tick sends what its listeners asked for."""

    def __init__(self, allowed: Allowed, venue: Venue) -> None:
        self._allowed = allowed
        self._venue = venue
        self._lock = threading.Lock()
        self._listeners: list[_Listener] = []
        self.faults = StreamFaults()

    def serve(self, socket: Socket, request: Received) -> None:
        """Serve a connection until it ends."""
        options = "/v1beta1/" in request.path
        packed = options or "msgpack" in request.headers.get("content-type", "")
        one = _Listener(socket, packed, options)
        socket.accept()
        one.say([{"T": "success", "msg": "connected"}])
        known = False
        try:
            for message in socket.messages():
                asked = msgpack.unpackb(message) if packed else orjson.loads(message)
                if asked.get("action") == "auth":
                    known = self._allowed(asked.get("key", ""), asked.get("secret", ""))
                    one.say([{"T": "success", "msg": "authenticated"} if known else
                             {"T": "error", "code": 402, "msg": "auth failed"}])  # fmt: skip
                elif known:
                    self._subscribe(one, asked)
        finally:
            with self._lock:
                if one in self._listeners:
                    self._listeners.remove(one)

    def _subscribe(self, one: _Listener, asked: dict[str, Any]) -> None:
        if one.options and "*" in asked.get("quotes", ()):
            one.say([{"T": "error", "code": 413, "msg": "invalid subscribe"}])
            return
        with self._lock:
            for name, symbols in one.wanted.items():
                change = (
                    symbols.update
                    if asked["action"] == "subscribe"
                    else (symbols.difference_update)
                )
                change(asked.get(name, ()))
            if one not in self._listeners:
                self._listeners.append(one)
        one.say([{"T": "subscription", **{k: sorted(v) for k, v in one.wanted.items()}}])

    def tick(self) -> None:
        """Send everyone the newest quotes and trades."""
        if self.faults.mute:
            return
        with self._lock:
            for one in self._listeners:
                quotes = [{"T": "q", "S": symbol, **data.quote(self._venue, symbol)}
                          for symbol in sorted(one.wanted["quotes"])]  # fmt: skip
                trades = [{"T": "t", "S": symbol, **data.trade(self._venue, symbol)}
                          for symbol in sorted(one.wanted["trades"])]  # fmt: skip
                if quotes or trades:
                    one.say(quotes + trades)

    def cut(self) -> None:
        """Cut every connection."""
        with self._lock:
            for one in self._listeners:
                one.socket.close()


def _packed_time(text: str) -> msgpack.Timestamp:
    return msgpack.Timestamp.from_datetime(dt.datetime.fromisoformat(text))
