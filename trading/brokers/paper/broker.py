"""The paper venue as a broker like any other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from trading.brokers.paper import selectors, services
from trading.brokers.paper.models import PaperAccount, PaperActivity, PaperFill, PaperOrder
from trading.brokers.paper.tickets import KINDS
from trading.brokers.protocol import (
    Abilities,
    Activity,
    NotTakenError,
    Request,
    Stream,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.brokers.symbols import check_group
from trading.ledger.book import ZERO, total
from trading.orders.intents import TIMES
from trading.orders.venue import Event

LEVEL: Final = 3
"""Spreads and covered options; what is uncovered the house's gate refuses."""
ABILITIES: Final = Abilities(
    assets=frozenset({"equity", "option"}),
    kinds={"equity": frozenset(KINDS), "option": frozenset(KINDS)},
    times={"equity": frozenset(TIMES), "option": frozenset(TIMES)},
    packages=frozenset(KINDS),
)


class PaperBroker:
    """One account at the paper venue.

    What happens here is booked in the transaction in which it happens, under the ids that this
    class tells; to hear it again changes nothing.
    """

    name = selectors.SOURCE
    abilities = ABILITIES

    def __init__(self, account_id: int, *, now: Callable[[], dt.datetime] = timezone.now) -> None:
        self.account_id, self._now = account_id, now

    def submit(self, request: Request) -> VenueOrder:
        """Take an order, once by its id."""
        check_group(request, self.abilities)
        return selectors.venue_order(services.submit(self.account_id, request, now=self._now()))

    def cancel(self, client_order_id: str, venue_order_id: str) -> None:
        """End an order now; RejectedError when it is over."""
        services.cancel(self.account_id, client_order_id, now=self._now())

    def replace(self, venue_order_id: str, request: Request) -> VenueOrder:
        """Take an order in the place of one."""
        order = services.replace(self.account_id, venue_order_id, request, now=self._now())
        return selectors.venue_order(order)

    def cancel_all(self) -> int:
        """End every open order; return how many."""
        return services.cancel_all(self.account_id, now=self._now())

    def find(self, client_order_id: str) -> VenueOrder | None:
        """Return an order by our id."""
        order = self._orders().filter(client_order_id=client_order_id).first()
        return None if order is None else selectors.venue_order(order)

    def orders(
        self, since: dt.datetime, fills: Sequence[Event] | None = None
    ) -> Sequence[VenueOrder]:
        """Return what is open, and what came or changed since (on the server's clock)."""
        changed = self._orders().filter(changed__gte=since)
        rows = {one.pk: one for one in (*selectors.open_orders(self.account_id), *changed)}
        return [selectors.venue_order(rows[pk]) for pk in sorted(rows)]

    def executions(self, since: dt.datetime) -> Sequence[Event]:
        """Return all fills since (on the server's clock), oldest first."""
        rows = PaperFill.objects.filter(account_id=self.account_id, created__gte=since)
        return selectors.executions(rows.select_related("order").order_by("id"))

    def activities(self, since: dt.datetime) -> Sequence[Activity]:
        """Return what happened without an order since (on the server's clock), oldest first."""
        rows = PaperActivity.objects.filter(account_id=self.account_id, created__gte=since)
        return [
            Activity(one.activity_id, one.kind, one.at, one.symbol, one.quantity, one.price,
                     one.cash, one.group, one.text)
            for one in rows.order_by("id")
        ]  # fmt: skip

    def positions(self) -> Sequence[VenuePosition]:
        """Return what the venue holds for the account."""
        found = selectors.held(self.account_id)
        return [VenuePosition(symbol, found[symbol]) for symbol in sorted(found)]

    def account(self) -> VenueAccount:
        """Return cash, and equity at the middle of the newest quotes."""
        paper = PaperAccount.objects.get(pk=self.account_id)
        cash, worth = selectors.cash(self.account_id), selectors.worth(paper)
        obstacles = ("Trading is suspended on this account.",) if paper.suspended else ()
        return VenueAccount(cash, total((cash, worth)), max(cash, ZERO), LEVEL, obstacles)

    def suspend(self, *, on: bool) -> None:
        """Take no orders any more, or take them again."""
        services.suspend(self.account_id, on=on)

    def stream(self) -> Stream:
        """There is none: news are booked where they arise."""
        raise NotTakenError("The paper venue books its news itself; there is no stream.")

    def _orders(self) -> QuerySet[PaperOrder]:
        return PaperOrder.objects.filter(account_id=self.account_id, own=False)
