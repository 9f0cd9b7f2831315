"""Daphne, with sockets that take ready frames and say when they are full.

Stock Daphne builds a frame anew for each socket, hands it over through a task of that socket, and
buffers without bound for one that does not read. Here a socket offers a `FrameSink` in its scope
(record.live.outbox): frames come built, go to the kernel at once when it takes them, and a full
buffer is told, so that the live layer's own bounded queue can do its work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer, tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from record.live.outbox import EXTENSION
from record.live.protocol import MAX_FRAME, Close

MAX_UNHEARD: Final = 256
"""Messages of a client that may wait for the application before its socket is closed."""


@implementer(IPushProducer)
class TransportSink:
    """The FrameSink of one WebSocket: Twisted tells it when the transport is full."""

    def __init__(self, protocol: PulseWebSocket) -> None:
        self.protocol = protocol
        self.writable = True
        self.on_writable: Callable[[], None] | None = None

    def write(self, frames: bytes) -> None:
        """Send at once what the kernel takes and leave the rest to the transport."""
        if self.protocol.state != WebSocketProtocol.STATE_OPEN:
            return
        transport = self.protocol.transport
        sent = 0
        if isinstance(transport, tcp.Connection) and _is_idle(transport):
            done = transport.writeSomeData(frames)
            # A broken connection is left to the transport, which tells the protocol.
            sent = done if isinstance(done, int) else 0
        if sent < len(frames):
            transport.write(frames[sent:])

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Hear that the transport's buffer is full."""
        self.writable = False

    def resumeProducing(self) -> None:  # noqa: N802
        """Hear that the transport's buffer is empty again."""
        self.writable = True
        if self.protocol.transport.disconnecting:
            self.protocol.transport.unregisterProducer()
        elif self.on_writable is not None:
            self.on_writable()

    def stopProducing(self) -> None:  # noqa: N802
        """Hear that the connection is gone."""
        self.writable = False


def _is_idle(transport: Any) -> bool:
    return bool(
        transport.connected
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
    )


class PulseWebSocket(WebSocketProtocol):  # type: ignore[misc]
    """A WebSocket with back-pressure in both directions."""

    failByDrop = False  # noqa: N815 - Autobahn's name: say why before dropping
    closeHandshakeTimeout = 2.0  # noqa: N815

    def onOpen(self) -> None:  # noqa: N802 - Autobahn's name
        """Take the transport over from the HTTP channel, which was its producer."""
        super().onOpen()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.sink, True)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802
        """Pass a message on, unless its sender is faster than the application."""
        if self.application_queue.qsize() >= MAX_UNHEARD:
            self.muted = True
            self.application_queue.put_nowait(
                {"type": "websocket.disconnect", "code": int(Close.FAULTS)}
            )
            self.sendClose(code=int(Close.FAULTS))
            return
        super().onMessage(payload, isBinary)


class PulseServer(Server):  # type: ignore[misc]
    """Daphne with Pulse's sockets."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            websocket_max_frame_size=MAX_FRAME, websocket_max_message_size=MAX_FRAME, **options
        )

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Offer the frame sink to the application."""
        if isinstance(protocol, PulseWebSocket):
            protocol.sink = TransportSink(protocol)
            scope.setdefault("extensions", {})[EXTENSION] = protocol.sink
        return super().create_application(protocol, scope)

    def kill_all_applications(self) -> Any:
        """Let every application say goodbye; Daphne's own stumbles over finished ones."""
        pending = []
        for details in self.connections.values():
            application = details.get("application_instance")
            if application is not None and not application.done():
                application.cancel()
                pending.append(application)
        gathered = asyncio.gather(*pending, return_exceptions=True)
        return defer.Deferred.fromFuture(asyncio.ensure_future(_at_most(gathered)))


async def _at_most(gathered: asyncio.Future[Any]) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(gathered, 3)


def make_server(application: Any, *, host: str, port: int, **options: Any) -> PulseServer:
    """Return a server of `application` that listens on one port."""
    WebSocketFactory.protocol = PulseWebSocket
    endpoints = build_endpoint_description_strings(host=host, port=port)
    return PulseServer(
        application=application,
        endpoints=endpoints,
        server_name="pulse",
        application_close_timeout=2,
        **options,
    )


def run(port: int, host: str = "127.0.0.1") -> None:
    """Serve pulse.asgi until a signal stops the process."""
    from pulse.asgi import application

    make_server(application, host=host, port=port).run()
