"""The stand-in's server: Alpaca's addresses, keys, rates and errors."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from sandbox.alpaca import data
from sandbox.alpaca.base import BrokerStandIn, same
from sandbox.alpaca.errors import Refusal
from sandbox.alpaca.feeds import Feeds
from sandbox.alpaca.routes import Routes
from sandbox.alpaca.sockets import Socket
from sandbox.alpaca.stream import Updates
from sandbox.server import Received, Reply, json_reply

_RATE: Final = 200


class Alpaca(BrokerStandIn):
    """One account at Alpaca. Takes the key pair in `key` and `secret`."""

    key = "PKSTANDIN00000000000"
    secret = "standin-secret-that-opens-nothing-but-itself"  # noqa: S105 - says it itself
    orders_path = "/v2/orders"

    def __init__(
        self, port: int = 0, *, start: dt.datetime | None = None, seed: int = 1,
        rate: int = _RATE, always: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(port, start=start, seed=seed, rate=rate, always=always)
        self.updates: Updates = Updates(self._allowed, self.stream_faults)
        self.feeds = Feeds(self._allowed, self.venue)
        self.venue.tell = self.updates.tell
        self._routes = Routes(self.venue, self.expiries)
        self.stream_address = f"ws://127.0.0.1:{self.port}/stream"
        self.begin()

    def tick(self) -> None:
        """Let prices walk a step, orders fill and feeds speak."""
        super().tick()
        self.feeds.tick()

    def cut(self) -> None:
        """Cut all streams."""
        self.updates.cut()
        self.feeds.cut()

    def answer(self, request: Received) -> Reply:
        """Answer as Alpaca does."""
        left, reset = self.count()
        limits = {
            "X-RateLimit-Limit": str(self.rate or _RATE), "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Remaining": str(max(left, 0)),
        }  # fmt: skip
        try:
            if not self._has_key(request):
                raise Refusal(401, 40110000, "request is not authorized")
            if left < 0:
                raise Refusal(429, 42910000, "rate limit exceeded")
            status, body = self._do(request)
        except Refusal as refusal:
            return json_reply(refusal.status, refusal.body(), **limits)
        if body is None:
            return Reply(status, b"", limits)
        return json_reply(status, body, **limits)

    def _do(self, request: Received) -> tuple[int, Any]:
        path, raw = urlsplit(request.path)[2:4]
        query = dict(parse_qsl(raw))
        self._routes.stale, self._routes.lost = self.stale, self.lost
        try:
            body = orjson.loads(request.body) if request.body else None
            found = data.answer(self.venue, request.method, path, query)
            if found is None:
                route = path.removeprefix("/v2/").strip("/")
                found = self._routes.answer(request.method, route, query, body)
        except ValueError as error:
            raise Refusal(400, 40010000, f"request body format is invalid: {error}") from None
        return found

    def _has_key(self, request: Received) -> bool:
        return self._allowed(
            request.headers.get("apca-api-key-id", ""),
            request.headers.get("apca-api-secret-key", ""),
        )

    def _allowed(self, key: str, secret: str) -> bool:
        return same(f"{key} {secret}", f"{self.key} {self.secret}")

    def upgrade(self, request: Received, link: socket.socket) -> None:
        """Serve a WebSocket until it ends."""
        made = Socket(request, link)
        if urlsplit(request.path).path == "/stream":
            self.updates.serve(made)
        else:
            self.feeds.serve(made, request)
