"""Tradier's stream of account events: it says which order to look at, and that it is alive."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from trading.brokers.protocol import (
    Activity,
    BrokerError,
    NotTakenError,
    OutcomeUnknownError,
    VenueOrder,
)
from trading.orders.venue import Event

OPEN_S: Final = 5.0
SILENCE_S: Final = 45.0
"""Without a heartbeat for so long the stream counts as broken."""
_AGAIN_S: Final = 1.0
_LARGEST: Final = 2**20
_HOSTS: Final = {"api.tradier.com": "wss://ws.tradier.com",
                 "sandbox.tradier.com": "wss://sandbox-ws.tradier.com"}  # fmt: skip
_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.CRITICAL)  # the library writes frames to its log
_quiet.propagate = False

Look = Callable[[str], VenueOrder | None]


class AccountEvents:
    """Follows `protocol.Stream`. What an event says of an order is read anew."""

    def __init__(self, address: str, session: str, look: Look) -> None:
        self._look = look
        self._closed = False
        self._ready: deque[Event] = deque()
        self._due: dict[str, float] = {}
        self._link = _listen(address, session)
        self._heard = time.monotonic()

    def close(self) -> None:
        """End it; safe from another thread."""
        self._closed = True
        self._link.close()

    def __iter__(self) -> Iterator[Event | Activity]:
        """Give news until it is closed; raise BrokerError when the connection is lost."""
        while not self._closed:
            self._receive()
            self._look_at_due()
            while self._ready:
                yield self._ready.popleft()

    def _receive(self) -> None:
        wait = 0.0 if any(due <= time.monotonic() for due in self._due.values()) else 0.25
        try:
            message = self._link.recv(timeout=wait)
        except TimeoutError:
            if time.monotonic() - self._heard > SILENCE_S:
                raise BrokerError("The stream is silent.") from None
            return
        except (WebSocketException, OSError) as error:
            if self._closed:
                return
            raise BrokerError(f"The stream was cut: {type(error).__name__}.") from None
        self._heard = time.monotonic()
        event = _read(message)
        if event.get("event") == "order" and event.get("id") is not None:
            self._due[str(event["id"])] = 0.0
        elif "error" in event:
            raise BrokerError("The stream was refused.")

    def _look_at_due(self) -> None:
        for ident in [one for one, due in self._due.items() if due <= time.monotonic()]:
            try:
                order = self._look(ident)
            except (NotTakenError, OutcomeUnknownError):
                self._due[ident] = time.monotonic() + _AGAIN_S
                continue
            del self._due[ident]
            if order is not None:
                self._ready.extend(order.news)


def _listen(address: str, session: str) -> ClientConnection:
    host = urlsplit(address).hostname or ""
    base = _HOSTS.get(host, address.replace("http", "ws", 1))
    try:
        link = connect(
            f"{base}/v1/accounts/events", open_timeout=OPEN_S, close_timeout=2, max_size=_LARGEST,
            logger=_quiet, proxy=None,
        )  # fmt: skip
        link.send(json.dumps({"events": ["order"], "sessionid": session}))
    except (WebSocketException, OSError, TimeoutError) as error:
        raise NotTakenError(f"The stream cannot be opened: {type(error).__name__}.") from None
    return link


def _read(message: Any) -> dict[str, Any]:
    try:
        read = json.loads(message)
    except ValueError:
        raise BrokerError("The stream sent what is no message.") from None
    if not isinstance(read, dict):
        raise BrokerError("The stream sent what is no message.")
    return read
