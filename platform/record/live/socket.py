"""The socket at /ws: a plain ASGI application in front of the hub."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import weakref
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from channels.auth import AuthMiddlewareStack, get_user
from channels.db import database_sync_to_async
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from redis.exceptions import RedisError

from record.live import protocol, tickets
from record.live.feed import Source
from record.live.hub import Hub, Member
from record.live.outbox import EXTENSION, Outbox
from record.live.protocol import MAX_FAULTS, MAX_FRAME, SUBPROTOCOL, Close

log = structlog.get_logger("pulse.live")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH: Final = "/ws"
RETRY: Final = 2
"""Seconds after which a client may come back when the server is restarted."""
MAX_SUBS: Final = 200
"""Channels that a socket may ask for in `_WINDOW` seconds."""
_WINDOW: Final = 10.0

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def process_hub() -> Hub:
    """Return the hub of this process (of its event loop), made at the first call."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        from record.live.sources import LogSource, StateSource

        sources: dict[str, Source] = {"log": LogSource(), "state": StateSource()}
        hub = _hubs[loop] = Hub(sources, redis_url=settings.REDIS_URL)
    return hub


def live_application(hub: Callable[[], Hub] = process_hub) -> Application:
    """Return the application: a ticket, or an allowed origin with its session, opens the socket."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await Connection(scope, receive, send, hub()).run()

    by_session = AllowedHostsOriginValidator(AuthMiddlewareStack(serve))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != PATH or SUBPROTOCOL not in scope.get("subprotocols", ()):
            await _reject(receive, send)
            return
        ticket = _ticket(scope)
        if ticket is None:
            await by_session(scope, receive, send)
            return
        # A ticket is no ambient authority, so it needs no Origin; a bot has none.
        holder = await _ticket_holder(ticket)
        user = None if holder is None else await _holding_user(holder)
        if user is None:
            await _reject(receive, send)
            return
        await serve({**scope, "user": user, "ticket": holder}, receive, send)

    return application


async def _reject(receive: Receive, send: Send) -> None:
    """Refuse the handshake, which the browser sees as 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


def _ticket(scope: Scope) -> str | None:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["ticket"][0] if "ticket" in query else None


async def _ticket_holder(ticket: str) -> tickets.Holder | None:
    try:
        return await tickets.redeem(ticket)
    except (RedisError, OSError) as fault:
        log.warning("live_ticket_failed", error=str(fault))
        return None


@database_sync_to_async  # type: ignore[untyped-decorator]
def _holding_user(holder: tickets.Holder) -> Any | None:
    if not tickets.key_stands(holder.key):
        return None
    return get_user_model().objects.filter(pk=holder.user_id, is_active=True).first()


async def reload_user(scope: Scope) -> Any:
    """Return who this socket speaks for by now."""
    if scope.get("ticket"):
        return await _holding_user(scope["ticket"]) or AnonymousUser()
    # A new object, since the scope's has kept what it read: a sign-out empties the stored one.
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return await get_user({"session": store(scope["session"].session_key)})


class Connection:
    """One socket from its acceptance to its end."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, hub: Hub) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.hub = hub
        self.faults = 0
        self.asked: list[float] = []
        self.reader: asyncio.Task[None] | None = None
        self.code: int | None = None

    async def run(self) -> None:
        """Accept, listen until the end, and leave nothing behind."""
        if (await self.receive())["type"] != "websocket.connect":
            return
        await self.send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        sink = self.scope.get("extensions", {}).get(EXTENSION)
        outbox = Outbox(self.send, sink=sink, on_overflow=lambda: self.close(Close.SLOW))
        self.member = Member(
            user=self.scope["user"],
            outbox=outbox,
            reload_user=lambda: reload_user(self.scope),
            close=self.close,
        )
        self.hub.attach(self.member)
        outbox.say(protocol.hello(secrets.token_hex(8)))
        self.reader = asyncio.create_task(self._listen())
        try:
            await asyncio.wait({self.reader})
            if self.code is not None:
                await self.send({"type": "websocket.close", "code": self.code})
        except asyncio.CancelledError:
            await self._farewell()
            raise
        finally:
            self.hub.detach(self.member)
            outbox.close()
            self.reader.cancel()
        if self.code is None and not self.reader.cancelled():
            self.reader.result()

    def close(self, code: int) -> None:
        """End this socket with `code`; no more is said on it."""
        if self.code is None:
            self.code = int(code)
            self.member.outbox.close()
            self.hub.detach(self.member)
            if self.reader is not None:
                self.reader.cancel()

    async def _farewell(self) -> None:
        """The server stops: tell the client when to come back."""
        with contextlib.suppress(Exception):
            await self.member.outbox.last(protocol.bye("deploy", RETRY))
            await self.send({"type": "websocket.close", "code": int(Close.RESTART)})

    async def _listen(self) -> None:
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                self._fault(protocol.Malformed("binary messages are not understood"))
            elif len(text) > MAX_FRAME or len(text.encode(errors="replace")) > MAX_FRAME:
                self.close(Close.TOO_BIG)
            else:
                self._hear(text)

    def _hear(self, text: str) -> None:
        try:
            message = protocol.parse(text)
        except protocol.Malformed as fault:
            self._fault(fault)
            return
        if isinstance(message, protocol.Sub):
            if self._too_fast(len(message.entries)):
                self._fault(protocol.Malformed("too many subscriptions", message.id, "rate"))
                return
            self.hub.subscribe(self.member, message.entries, message.id)
        elif isinstance(message, protocol.Unsub):
            for name in message.names:
                self.hub.unsubscribe(self.member, name)
        else:
            self.member.outbox.say(protocol.hb(self.hub.heads(self.member), message.id))

    def _fault(self, fault: protocol.Malformed) -> None:
        self.faults += 1
        self.member.outbox.say(protocol.err(fault.code, str(fault), request=fault.request))
        if self.faults >= MAX_FAULTS:
            self.close(Close.FAULTS)

    def _too_fast(self, count: int) -> bool:
        now = asyncio.get_running_loop().time()
        self.asked = [moment for moment in self.asked if moment > now - _WINDOW]
        if len(self.asked) + count > MAX_SUBS:
            return True
        self.asked += [now] * count
        return False
