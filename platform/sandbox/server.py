"""A server on loopback that keeps what it receives and answers as its vendor does, or wrongly."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from sandbox.certificates import Authority
from sandbox.faults import Fault


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form."""

    name: str
    file: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in; headers in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    method: str = "POST"

    def json(self) -> Any:
        """Return the body as JSON."""
        return orjson.loads(self.body)

    def parts(self) -> dict[str, Part]:
        """Return the parts of a multipart form by name."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        form = BytesParser(policy=policy.HTTP).parsebytes(head + self.body)
        found = {}
        for item in form.iter_parts():
            name = str(item.get_param("name", header="content-disposition"))
            body = item.get_payload(decode=True)
            assert isinstance(body, bytes)  # noqa: S101 - parts of a form are never multipart
            found[name] = Part(name, item.get_filename() or "", item.get_content_type(), body)
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a vendor."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(status: int, body: Any, **headers: str) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, orjson.dumps(body), {"Content-Type": "application/json", **headers})


class StandIn:
    """A vendor's server on a port of loopback. Vendors override `answer`."""

    hosts: tuple[str, ...] = ("hooks.example.com",)

    def __init__(self, authority: Authority | None = None, port: int = 0) -> None:
        """Serve over TLS when an authority is given, else plainly; port 0 takes a free one."""
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self.faults: deque[Fault] = deque()
        self.down = False
        self.connections = 0
        self._news = threading.Condition()
        self._server = _Server(self, authority.serving(self.hosts) if authority else None, port)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def answer(self, request: Received) -> Reply:
        """Return what the vendor says to a request."""
        return Reply()

    def take(self, request: Received) -> Reply | Fault:
        """Keep a request and return the answer: the next fault, or the vendor's."""
        with self._news:
            self.received.append(request)
            fault = self.faults.popleft() if self.faults else None
            reply = fault or self.answer(request)
            if isinstance(reply, Reply) and reply.status < 300:
                self.accepted.append(request)
            self._news.notify_all()
        return reply

    def wait_for(self, count: int, seconds: float = 5.0) -> list[Received]:
        """Wait until so many requests were accepted and return all of them."""
        with self._news:
            self._news.wait_for(lambda: len(self.accepted) >= count, seconds)
            return list(self.accepted)

    def upgrade(self, request: Received, link: socket.socket) -> None:
        """Serve a WebSocket over the connection of a request that asked for one."""

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, stand_in: StandIn, tls: ssl.SSLContext | None, port: int) -> None:
        self.stand_in = stand_in
        super().__init__(("127.0.0.1", port), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        self.stand_in.connections += 1
        if self.stand_in.down:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, body, time.time(), self.command)
        if headers.get("upgrade", "").lower() == "websocket":
            self.close_connection = True
            self.server.stand_in.upgrade(received, self.connection)
            return
        reply = self.server.stand_in.take(received)
        self.close_connection = True
        with suppress(OSError):
            if isinstance(reply, Fault):
                self._go_wrong(reply)
            else:
                self._say(reply.status, reply.headers, reply.body)

    do_GET = do_DELETE = do_PATCH = do_PUT = do_POST  # noqa: N815 - named by the library

    def _go_wrong(self, fault: Fault) -> None:
        time.sleep(fault.hang_s)
        if fault.cut:
            return
        self._say(fault.status, fault.headers, fault.body, drip_s=fault.drip_s)

    def _say(
        self, status: int, headers: Mapping[str, str], body: bytes, *, drip_s: float = 0.0
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not drip_s:
            self.wfile.write(body)
            return
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
            time.sleep(drip_s)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: requests hold secrets."""
