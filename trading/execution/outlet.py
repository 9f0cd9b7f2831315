"""The only way to a broker: everything that stops an order is looked at here, right before it.

Whatever runs away above, this lets out what may leave and nothing twice. It needs no database.
Cancels and questions always pass; only a broker's own limit holds them up.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from trading.brokers.protocol import (
    Activity,
    Broker,
    NotTakenError,
    Request,
    Stream,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.execution.clock import Clock
from trading.execution.lease import Lease
from trading.execution.pace import Pace, RunawayError
from trading.orders.venue import Event
from trading.scopes import Scope

CALL_S: Final = 10.0
"""A broker's call ends within this; a lease that ends sooner lets nothing out any more."""
REFUSALS: Final = 5
"""Refusals by the broker, one after the other, from which the account halts."""

Guard = Callable[[Iterable[Scope]], str]
"""Returns in words what stops some scopes, empty when nothing does; never raises."""


class HeldBackError(NotTakenError):
    """Nothing was sent: something stops it."""


class Outlet:
    """What leaves for one account, by one holder of its lease.

    Attributes
    ----------
    left : int
        Orders that left under this lease.
    tripped : str
        Why nothing leaves any more until a person looked; empty while all is well.
    """

    def __init__(
        self,
        broker: Broker,
        lease: Lease,
        clock: Clock,
        guards: Sequence[Guard],
        pace: Pace | None = None,
    ) -> None:
        self.broker, self.lease = broker, lease
        self.left, self.refused_in_a_row, self.tripped = 0, 0, ""
        self._clock, self._guards = clock, guards
        self._pace = pace or Pace()
        self._names: set[str] = set()
        self._lock = threading.Lock()

    def anew(self) -> Outlet:
        """Return one that lets out again, with everything counted so far but the refusals."""
        after = Outlet(self.broker, self.lease, self._clock, self._guards)
        after.left, after._names = self.left, self._names
        after._pace = self._pace
        return after

    @property
    def name(self) -> str:
        """Name of the broker."""
        return self.broker.name

    def wait_s(self) -> float:
        """Return how long until another order may leave."""
        return self._pace.wait_s(self._clock.monotonic())

    def submit(self, request: Request, scopes: Iterable[Scope]) -> VenueOrder:
        """Let an order out, once.

        Raises
        ------
        HeldBackError
            When something stops it.
        RunawayError
            When it left before, or too many want to leave; nothing leaves from then on.
        """
        self._let_out(request, scopes)
        return self.broker.submit(request)

    def replace(self, venue_id: str, request: Request, scopes: Iterable[Scope]) -> VenueOrder:
        """Let an order out that takes the place of one, once; raises as `submit`."""
        self._let_out(request, scopes)
        return self.broker.replace(venue_id, request)

    def trip(self, why: str) -> None:
        """Let nothing out any more."""
        self.tripped = self.tripped or why

    def _let_out(self, request: Request, scopes: Iterable[Scope]) -> None:
        wanted = tuple(scopes)
        with self._lock:
            if self.tripped:
                raise RunawayError(self.tripped)
            now = self._clock.monotonic()
            try:
                wait = self._pace.take(now)
                if request.client_order_id in self._names:
                    raise RunawayError(f"{request.client_order_id} was to leave a second time")
            except RunawayError as error:
                self.trip(str(error))
                raise
            if wait > 0:
                after = self._clock.now() + dt.timedelta(seconds=wait)
                raise HeldBackError(f"the rate is used up for {wait:.1f} s", after)
            why = self._hindrance(wanted)
            if why:
                raise HeldBackError(why)
            self._names.add(request.client_order_id)
            self.left += 1 + len(request.exits)

    def stopped(self, scopes: tuple[Scope, ...]) -> str:
        """Return in words what stops some scopes, empty when nothing does."""
        return self.tripped or next(filter(None, (one(scopes) for one in self._guards)), "")

    def _hindrance(self, scopes: tuple[Scope, ...]) -> str:
        why = self.stopped(scopes)
        if why:
            return why
        # Last, so that nothing slow stands between the look at the lease and the sending.
        if self._clock.monotonic() + CALL_S > self.lease.deadline:
            return "the lease of the account ends too soon"
        return ""

    def heard_refusal(self) -> None:
        """Count an order that the broker refused; too many in a row trip it."""
        self.refused_in_a_row += 1
        if self.refused_in_a_row >= REFUSALS:
            self.trip(f"the broker refused {self.refused_in_a_row} orders one after the other")

    def heard_acceptance(self) -> None:
        """Note that the broker takes orders."""
        self.refused_in_a_row = 0

    def cancel(self, client_order_id: str, venue_order_id: str) -> None:
        """Ask for a cancel; it waits for nothing here but the broker's own limit."""
        self.broker.cancel(client_order_id, venue_order_id)

    def cancel_all(self) -> int:
        """Ask for the cancel of everything; return of how many."""
        return self.broker.cancel_all()

    def find(self, client_order_id: str) -> VenueOrder | None:
        """Ask what became of an order."""
        return self.broker.find(client_order_id)

    def orders(
        self, since: dt.datetime, fills: Sequence[Event] | None = None
    ) -> Sequence[VenueOrder]:
        """Ask for orders; the fills since then where they are known."""
        return self.broker.orders(since, fills)

    def executions(self, since: dt.datetime) -> Sequence[Event]:
        """Ask for fills."""
        return self.broker.executions(since)

    def activities(self, since: dt.datetime) -> Sequence[Activity]:
        """Ask what happened without an order."""
        return self.broker.activities(since)

    def positions(self) -> Sequence[VenuePosition]:
        """Ask what is held."""
        return self.broker.positions()

    def account(self) -> VenueAccount:
        """Ask for the account."""
        return self.broker.account()

    def stream(self) -> Stream:
        """Open the stream of news."""
        return self.broker.stream()
