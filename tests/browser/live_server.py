"""A server that plays `pulse.v1` by a script, with a page that loads the real client."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

STATIC = Path(__file__).resolve().parents[2] / "static"
CSP = "default-src 'none'; script-src 'self'; connect-src 'self'"
PAGE = b'<!doctype html><title>live</title><script type="module" src="/page.js"></script>'
SCRIPT = b"""
import { live, Live } from "/js/live/live.js";
import { Channel } from "/js/live/channel.js";
window.T = { live, Live, Channel, events: [], snaps: [], statuses: [], restored: [], said: [],
  violations: [], frames: 0 };
document.addEventListener("securitypolicyviolation", (e) => T.violations.push(e.violatedDirective));
document.addEventListener("live:status", (e) => T.said.push(e.detail));
document.addEventListener("live:restored", (e) => T.restored.push(e.detail));
T.follow = (name, options = {}) => live.subscribe(name, {
  onEvent: (e) => T.events.push(e), onSnapshot: (s) => T.snaps.push(s),
  onStatus: (s) => T.statuses.push(s), ...options });
"""
TYPES = {".js": "text/javascript", "": "text/html"}


class ScriptedServer:
    """Keeps one numbered history per channel; the test decides what is lost on the way."""

    def __init__(self) -> None:
        self.epoch = "e1"
        self.rows: dict[str, list[str]] = {}
        self.heard: list[dict[str, Any]] = []
        self.refused: dict[str, dict[str, Any]] = {}
        self.sockets: set[ServerConnection] = set()
        self.subscribed: dict[ServerConnection, set[str]] = {}
        self.accepting = True
        self.keep = 10_000
        self.port = 0
        self.csp = CSP
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serve(
            self._talk, "127.0.0.1", 0, process_request=self._file, subprotocols=["pulse.v1"]
        ) as server:
            self._server: Server = server
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _file(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/ws":
            return None if self.accepting else connection.respond(HTTPStatus.BAD_GATEWAY, "")
        body = {"/": PAGE, "/page.js": SCRIPT}.get(path)
        file = STATIC / path.lstrip("/")
        if body is None and path.startswith("/js/live/") and file.is_file():
            body = file.read_bytes()
        if body is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        headers = Headers(
            {
                "Content-Type": TYPES[Path(path).suffix],
                "Content-Length": str(len(body)),
                "Content-Security-Policy": self.csp,
                "Connection": "close",
            }
        )
        return Response(200, "OK", headers, body)

    async def _talk(self, socket: ServerConnection) -> None:
        self.sockets.add(socket)
        self.subscribed[socket] = set()
        try:
            await self._say(socket, {"t": "hello", "v": 1, "sid": "s", "now": "T", "hb": 5})
            async for text in socket:
                message = json.loads(text)
                self.heard.append(message)
                await self._answer(socket, message)
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)

    async def _answer(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        if message["t"] == "unsub":
            self.subscribed[socket] -= set(message["ch"])
        if message["t"] != "sub":
            return
        for wish in message["ch"]:
            name = wish["n"]
            if name in self.refused:
                await self._say(socket, {"t": "err", "ch": name, **self.refused[name]})
                continue
            self.subscribed[socket].add(name)
            rows, since = self.rows.setdefault(name, []), wish.get("since")
            known = wish.get("epoch") == self.epoch and since is not None
            if known and len(rows) - since <= self.keep:
                for seq in range(since + 1, len(rows) + 1):
                    await self._say(socket, self.event(name, seq))
            else:
                await self._say(socket, self.snap(name))
        await self._say(socket, self.heads(socket))

    @staticmethod
    async def _say(socket: ServerConnection, message: dict[str, Any]) -> None:
        """Whoever left in this moment hears nothing: it asks again when it is back."""
        with suppress(ConnectionClosed):
            await socket.send(json.dumps(message))

    def event(self, name: str, seq: int) -> dict[str, Any]:
        return {
            "t": "ev", "ch": name, "epoch": self.epoch, "seq": seq, "ts": "T", "op": "add",
            "k": self.rows[name][seq - 1], "d": {"seq": seq},
        }  # fmt: skip

    def snap(self, name: str) -> dict[str, Any]:
        rows = self.rows[name]
        data = {key: {"seq": i} for i, key in enumerate(rows, 1)}
        return {
            "t": "snap", "ch": name, "epoch": self.epoch, "seq": len(rows), "ts": "T", "d": data,
        }  # fmt: skip

    def heads(self, socket: ServerConnection) -> dict[str, Any]:
        heads = {name: len(self.rows[name]) for name in self.subscribed[socket]}
        return {"t": "hb", "now": "T", "heads": heads}

    # --- what the test does ---------------------------------------------------------------------
    def _do(self, work: Any) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.result(10)

    def add(self, name: str, count: int = 1, *, lose: bool = False) -> None:
        """Write events; with `lose` nobody is told."""

        async def work() -> None:
            rows = self.rows.setdefault(name, [])
            for _ in range(count):
                rows.append(f"k{len(rows) + 1}")
                for socket in tuple(self.sockets) if not lose else ():
                    if name in self.subscribed[socket]:
                        await self._say(socket, self.event(name, len(rows)))

        self._do(work())

    def beat(self) -> None:
        async def work() -> None:
            for socket in tuple(self.sockets):
                await self._say(socket, self.heads(socket))

        self._do(work())

    def say(self, message: dict[str, Any]) -> None:
        async def work() -> None:
            for socket in tuple(self.sockets):
                await self._say(socket, message)

        self._do(work())

    def kill(self) -> None:
        """Cut every connection without a word."""

        async def work() -> None:
            for socket in tuple(self.sockets):
                socket.transport.abort()

        self._do(work())

    def subs(self) -> list[dict[str, Any]]:
        return [m for m in self.heard if m["t"] == "sub"]
