"""Alpaca's stream of trade updates, read by a reader of our own.

The client's reader loses an event whose order has a status that it does not know, or whose handler
fails, and connects anew in silence. This one tells states as they come and takes fills from the
list of activities, where each has its one id: what the stream doubles, mixes or says of packages
then makes no difference. A connection that is lost ends it, so that the caller looks after what
was missed.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import structlog
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from trading.brokers.alpaca import reading
from trading.brokers.alpaca.reading import Payload
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import (
    Activity,
    BrokerError,
    NotTakenError,
    OutcomeUnknownError,
    RejectedError,
)
from trading.orders.machine import News
from trading.orders.venue import Event

OPEN_S: Final = 5.0
PATIENCE_S: Final = 60.0
"""How long a fill that was told may be missing in the list before the stream counts as broken."""
_POLL_S: Final = 1.0
_LONGEST_WAIT_S: Final = 4.0
_SLACK: Final = dt.timedelta(minutes=5)
_LARGEST: Final = 2**20
_REMEMBERED: Final = 20_000
_REFUSED: Final = frozenset({"order_cancel_rejected", "order_replace_rejected"})
_TAKEN_BACK: Final = frozenset({"trade_bust", "trade_correct"})
log = structlog.get_logger(__name__)
_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.CRITICAL)  # the library writes frames to its log, and one holds the keys
_quiet.propagate = False

Fills = Callable[[dt.datetime], Sequence[Event]]
Named = Callable[[Payload], Payload | None]
"""Gives an order the id that is ours, None while that is not known."""


@dataclass(slots=True)
class _Owed:
    """An order of which fills were told that are not in the list yet."""

    order: Payload
    filled: Decimal
    since: float
    tries: int = 0
    due: float = 0.0


class TradeUpdates:
    """Follows `protocol.Stream`."""

    def __init__(self, credentials: Credentials, fills: Fills, named: Named) -> None:
        self._fills, self._named = fills, named
        self._closed = False
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._sums: OrderedDict[str, Decimal] = OrderedDict()
        self._owed: dict[str, _Owed] = {}
        self._ready: deque[Event | Activity] = deque()
        self._link = _listen(credentials)

    def close(self) -> None:
        """End it; safe from another thread."""
        self._closed = True
        self._link.close()

    def __iter__(self) -> Iterator[Event | Activity]:
        """Give news until it is closed; raise BrokerError when the connection is lost."""
        while not self._closed:
            update = self._receive()
            if update is not None:
                self._take(update)
            self._look_after()
            while self._ready:
                yield self._ready.popleft()

    def _receive(self) -> Payload | None:
        wait = min((one.due - time.monotonic() for one in self._owed.values()), default=_POLL_S)
        try:
            message = self._link.recv(timeout=max(0.0, min(wait, _POLL_S)))
        except TimeoutError:
            return None
        except (WebSocketException, OSError) as error:
            if self._closed:
                return None
            raise BrokerError(f"The stream was cut: {type(error).__name__}.") from None
        return _read(message)

    def _take(self, message: Payload) -> None:
        """Tell an update, or owe it until its fills are listed."""
        if message.get("stream") != "trade_updates":
            return
        update = reading.thing(message.get("data"))
        order = self._named(reading.thing(update.get("order")))
        if order is None:
            return  # the list of orders tells it, and its fills, once it shows whose it is
        kind = str(update.get("event"))
        if kind in _TAKEN_BACK:
            self._tell_of(_taken_back(update, kind))
        elif kind in _REFUSED:
            self._tell(_refusal(update, order, kind))
        filled = reading.filled(order)
        ident = reading.words(order, "id")
        if filled <= self._sums.get(ident, Decimal(0)):
            self._tell(reading.state_event(order))
            return
        ended = reading.words(order, "status") in reading.ENDED
        if not ended:
            self._tell(reading.state_event(order))
        before = self._owed.get(ident)
        if before is None:
            self._owed[ident] = _Owed(order, filled, time.monotonic())
        elif filled >= before.filled:
            before.order = order if ended or not _ended(before.order) else before.order
            before.filled, before.due, before.tries = filled, 0.0, 0

    def _look_after(self) -> None:
        """Look for fills that are owed, all at once."""
        now = time.monotonic()
        due = [one for one in self._owed.values() if one.due <= now]
        if not due:
            return
        for event in self._listed(due):
            if event.execution is not None and self._tell(event):
                so_far = self._sums.pop(event.venue_order_id, Decimal(0))
                self._sums[event.venue_order_id] = so_far + abs(event.execution.quantity)
                if len(self._sums) > _REMEMBERED:
                    self._sums.popitem(last=False)
        for ident, one in list(self._owed.items()):
            if self._sums.get(ident, Decimal(0)) >= one.filled:
                del self._owed[ident]
                self._tell(reading.state_event(one.order))
            elif now - one.since > PATIENCE_S:
                raise BrokerError("Fills that were told are not in the broker's list.")
            elif one.due <= now:
                one.tries += 1
                one.due = time.monotonic() + min(0.25 * 2**one.tries, _LONGEST_WAIT_S)

    def _listed(self, due: Sequence[_Owed]) -> Sequence[Event]:
        """Return fills from the list: the newest, and all of an order when those do not do."""
        after = dt.datetime.now(dt.UTC) - _SLACK
        for one in due:
            told = reading.instant(one.order.get("updated_at"), "updated_at") - _SLACK
            placed = reading.instant(one.order.get("submitted_at"), "submitted_at")
            after = min(after, told if one.tries < 2 else placed)
        try:
            return self._fills(after)
        except (NotTakenError, OutcomeUnknownError) as error:
            log.info("fills_not_read", broker=reading.SOURCE, error=str(error))
            return ()

    def _tell(self, event: Event) -> bool:
        """Give an event on, once; return whether it was new."""
        if event.event_id in self._seen:
            return False
        self._seen[event.event_id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self._ready.append(event)
        return True

    def _tell_of(self, activity: Activity) -> None:
        if activity.activity_id not in self._seen:
            self._seen[activity.activity_id] = None
            self._ready.append(activity)


def _ended(order: Payload) -> bool:
    return reading.words(order, "status") in reading.ENDED


def _refusal(update: Payload, order: Payload, kind: str) -> Event:
    at = reading.instant(update.get("timestamp") or update.get("at"), "timestamp")
    ident = reading.words(order, "id")
    return Event(
        reading.SOURCE, str(update.get("event_id") or f"{ident}:{kind}:{at:%s.%f}"),
        News.CANCEL_REFUSED, at, client_order_id=reading.words(order, "client_order_id"),
        venue_order_id=ident,
    )  # fmt: skip


def _taken_back(update: Payload, kind: str) -> Activity:
    """Return an execution that was busted or corrected: a person must look at it."""
    execution = str(update.get("execution_id") or update.get("event_id"))
    at = reading.instant(update.get("timestamp") or update.get("at"), "timestamp")
    return Activity(f"{kind}:{execution}", "", at, text=f"{kind} of execution {execution}")


# --- the connection -----------------------------------------------------------------------------
def _listen(credentials: Credentials) -> ClientConnection:
    """Connect, show the keys, and listen; return once the broker confirmed it."""
    address = credentials.address.replace("http", "ws", 1) + "/stream"
    try:
        link = connect(
            address, open_timeout=OPEN_S, close_timeout=2, max_size=_LARGEST, logger=_quiet,
            proxy=None,
        )  # fmt: skip
    except (WebSocketException, OSError, TimeoutError) as error:
        raise NotTakenError(f"The stream cannot be opened: {_why(error)}.") from None
    try:
        keys = {"key_id": credentials.key, "secret_key": credentials.secret}
        link.send(json.dumps({"action": "authenticate", "data": keys}))
        data = reading.thing(_answer(link, "authorization"))
        if data.get("status") != "authorized":
            raise RejectedError("The broker refuses the keys.", "unauthorized")
        link.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        if "trade_updates" not in (_answer(link, "listening").get("streams") or ()):
            raise RejectedError("The broker gives no trade updates.", "listening")
    except BrokerError:
        link.close()
        raise
    except (WebSocketException, OSError, TimeoutError) as error:
        link.close()
        raise NotTakenError(f"The stream cannot be opened: {_why(error)}.") from None
    return link


def _answer(link: ClientConnection, stream: str) -> Payload:
    """Return the answer that is awaited; nothing is told before it."""
    until = time.monotonic() + OPEN_S
    while True:
        message = _read(link.recv(timeout=max(0.0, until - time.monotonic())))
        if message.get("stream") == stream:
            return reading.thing(message.get("data"))


def _read(message: Any) -> Payload:
    try:
        return reading.thing(json.loads(message))
    except ValueError:
        raise BrokerError("The stream sent what is no message.") from None


def _why(error: Exception) -> str:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return type(error).__name__ if status is None else f"HTTP {status}"
