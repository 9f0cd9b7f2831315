"""What was executed under an order, for those who rank trades: its legs, prices and times.

One reference, the order's number, stands for all that an order ever filled, so nothing can be
told twice in parts; it is answered once the order is over.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Max, QuerySet, Sum

from trading.brokers.paper.models import PaperAccount
from trading.brokers.paper.selectors import SOURCE as PAPER
from trading.models import Account, Fill, Order, OrderLeg
from trading.orders.machine import FINAL

PLACES: Final = Decimal("1e-8")
"""To which an average price is rounded, half to even."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LegFilled:
    """One leg: how much, below zero when it was sold, and its average price."""

    symbol: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Executed:
    """What an order filled.

    `at` is the market's time of its last fill, `known_at` ours; `simulated` whose prices they are;
    `fee` is what all its fills cost.
    """

    legs: tuple[LegFilled, ...]
    at: dt.datetime
    known_at: dt.datetime
    simulated: bool
    fee: Decimal


def server_priced(owner_id: int | None, reference: str) -> Executed | None:
    """Return what an order filled at the paper venue, on a simulated or the live market.

    None: nothing counts. Replayed days are for practice: whoever replays one knows how it ends.
    """
    order = (
        _orders(owner_id, reference)
        .filter(account__mode=Account.Mode.PAPER, account__broker=PAPER)
        .exclude(account__paper__market=PaperAccount.Market.REPLAY)
        .select_related("account__paper")
        .first()
    )
    simulator = PaperAccount.Market.SIMULATOR
    simulated = order is not None and order.account.paper.market == simulator
    return _executed(order, simulated=simulated)


def broker_verified(owner_id: int | None, reference: str) -> Executed | None:
    """Return what an order filled at a broker, with real money; None: nothing counts."""
    orders = _orders(owner_id, reference).filter(account__mode=Account.Mode.LIVE)
    return _executed(orders.first(), simulated=False)


def average(leg: OrderLeg) -> Decimal:
    """Return a leg's average price as it is to be reported."""
    price: Decimal = leg.value / leg.filled
    return price.quantize(PLACES)


def _orders(owner_id: int | None, reference: str) -> QuerySet[Order]:
    """Return the order of a reference when it is this owner's, and is over."""
    # One text for one order: "007" would be told beside "7", and the same fill counted again.
    if owner_id is None or not _NUMBER.fullmatch(reference):
        return Order.objects.none()
    return Order.objects.filter(
        pk=int(reference), account__owner=owner_id, state__in=sorted(FINAL), filled_quantity__gt=0
    ).select_related("account")


def _executed(order: Order | None, *, simulated: bool) -> Executed | None:
    if order is None:
        return None
    fills = Fill.objects.filter(order=order)
    if fills.exclude(source=order.account.broker).exists():
        return None  # somebody else than the venue says so
    last = fills.aggregate(at=Max("at"), known=Max("entry__booked_at"), fee=Sum("fee"))
    legs, fee = _legs(order.legs.all()), last["fee"].quantize(PLACES)
    return Executed(legs, last["at"], last["known"], simulated, fee)


def _legs(legs: Iterable[OrderLeg]) -> tuple[LegFilled, ...]:
    return tuple(
        LegFilled(leg.symbol, leg.filled * (1 if leg.ratio > 0 else -1), average(leg))
        for leg in legs
        if leg.filled
    )
