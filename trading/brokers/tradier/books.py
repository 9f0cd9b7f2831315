"""What Tradier's adapter must know of our books: what is booked, and what was sent when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Protocol

from trading.brokers.tradier.slices import Sum


class Books(Protocol):
    """Of one account."""

    def booked(self, venue_order_id: str) -> Mapping[str, Sum]:
        """Return what is booked of an order of the venue, by symbol."""

    def sent_at(self, client_order_id: str) -> dt.datetime | None:
        """Return when an attempt was begun; None when none has this id."""


class AccountBooks:
    """The books of an account in the database."""

    def __init__(self, account_id: int) -> None:
        self._account_id = account_id

    def booked(self, venue_order_id: str) -> Mapping[str, Sum]:
        """Return the sums of the fills whose id names the order."""
        from trading.models import Fill

        found: dict[str, Sum] = {}
        rows = Fill.objects.filter(
            account_id=self._account_id, source="tradier",
            execution_id__startswith=f"{venue_order_id}:",
        ).values_list("symbol", "quantity", "price")  # fmt: skip
        for symbol, quantity, price in rows:
            so_far = found.get(symbol, Sum())
            size = abs(quantity)
            found[symbol] = Sum(so_far.quantity + size, so_far.value + size * price)
        return found

    def sent_at(self, client_order_id: str) -> dt.datetime | None:
        """Return when the house noted that it begins the attempt."""
        from trading.models import ClientOrderId, OrderEvent

        sent = ClientOrderId.objects.filter(
            text=client_order_id, order__account_id=self._account_id
        ).first()
        if sent is None:
            return None
        name = f"order {sent.order_id} sent {sent.attempt}"
        return (
            OrderEvent.objects.filter(account_id=self._account_id, event_id=name)
            .values_list("at", flat=True)
            .first()
        )
