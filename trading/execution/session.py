"""What one process remembers while it acts for an account. All of it may be lost: see `lane`."""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from trading.brokers.protocol import Activity
from trading.execution.clock import Clock
from trading.execution.hearing import Heard
from trading.execution.lease import Lease
from trading.execution.outlet import Outlet
from trading.orders import groups
from trading.orders.machine import News
from trading.orders.venue import Event

_TAKEN: Final = frozenset({News.ACCEPTED, News.WORKING, News.FILL})


@dataclass(slots=True)
class Session:
    """One holder's time with an account.

    Attributes
    ----------
    asked : dict
        When the broker was last asked for an order in doubt, by the clock that only rises.
    cancels : dict
        Which cancel of an order was sent last, and when.
    partly : dict
        Since when an entry is known to have filled in part.
    restless : dict
        Since when a group at the broker is not as it should be, by the clock that only rises.
    home_at : float
        Before when no other group comes home.
    halts : str
        What was heard that halts the account: a fill beyond what there was to leave, or of nobody.
    inbox : deque
        News of the stream that are not booked yet.
    listening : bool
        Whether the news of the broker are heard: the stream is up, or there is none.
    reconciled : bool
        Whether the books were compared since the news were last missed.
    compared : bool
        Whether this holder has found the books to be the broker's.
    day_due : float
        From when on the broker is to tell a whole day, by the clock that only rises.
    broken : list of str
        What could not be booked since the last reconciliation.
    """

    account_id: int
    owner_id: int | None
    lease: Lease
    outlet: Outlet
    clock: Clock
    asked: dict[int, float] = field(default_factory=dict)
    cancels: dict[int, tuple[int, float]] = field(default_factory=dict)
    inbox: deque[Event | Activity] = field(default_factory=deque)
    listening: bool = False
    reconciled: bool = False
    compared: bool = False
    day_due: float = 0.0
    partly: dict[int, float] = field(default_factory=dict)
    restless: dict[int, float] = field(default_factory=dict)
    home_at: float = 0.0
    halts: str = ""
    broken: list[str] = field(default_factory=list)
    busy: threading.Lock = field(default_factory=threading.Lock)
    busy_cancelling: threading.Lock = field(default_factory=threading.Lock)
    _not_before: dict[int, float] = field(default_factory=dict)
    _looked: set[int] = field(default_factory=set)

    @property
    def ready(self) -> bool:
        """Whether positions may be opened, as far as the news of the broker go."""
        return self.listening and self.reconciled

    def put_off(self, order_id: int, until: dt.datetime, *, looked: bool = False) -> None:
        """Send an order no sooner; `looked` when news may change that."""
        # In time that only rises: a clock that goes back holds no order for as long.
        wait = (until - self.clock.now()).total_seconds()
        self._not_before[order_id] = self.clock.monotonic() + wait
        if looked:
            self._looked.add(order_id)

    def waiting(self) -> list[int]:
        """Return the orders that are put off."""
        now = self.clock.monotonic()
        self._not_before = {one: until for one, until in self._not_before.items() if until > now}
        return list(self._not_before)

    def heard(self, heard: Heard) -> None:
        """Take note of something that was booked, or could not be."""
        if heard.broken and heard.fresh:
            self.broken.append(heard.broken)
        if heard.applied is None or not heard.fresh:
            return
        for order_id in self._looked:
            self._not_before.pop(order_id, None)
        self._looked.clear()
        order = heard.applied.order
        if order is None:
            self.halts = heard.halts or self.halts
            return
        self.asked.pop(order.pk, None)
        if heard.news == News.FILL and groups.overfilled(order):
            self.halts = f"order {order.pk}: {groups.overfilled(order)}"
        if heard.news == News.REJECTED:
            self.outlet.heard_refusal()
        elif heard.news in _TAKEN:
            self.outlet.heard_acceptance()
