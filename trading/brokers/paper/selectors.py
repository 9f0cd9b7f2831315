"""What the paper venue says of itself: its own positions, cash and news, from its own rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from django.db.models import DecimalField, ExpressionWrapper, F, QuerySet, Sum

from market.clock import from_ns
from quant.kernels.fill_codes import Reason, State
from trading.brokers.paper import markets
from trading.brokers.paper.models import PaperAccount, PaperActivity, PaperFill, PaperOrder
from trading.brokers.paper.tickets import Quote, exact
from trading.brokers.protocol import VenueOrder
from trading.ledger.book import PLACES, ZERO, total
from trading.ledger.models import DIGITS
from trading.orders.machine import News
from trading.orders.venue import Event, Execution

SOURCE: Final = "paper"
"""Under which name its news and activities are in the books."""
SWEPT: Final = "closed by the venue before it expires, for want of money or shares"
_WORTH: Final = ExpressionWrapper(
    F("quantity") * F("price") * F("multiplier"),
    DecimalField(max_digits=DIGITS, decimal_places=PLACES),
)


def held(account_id: int) -> dict[str, Decimal]:
    """Return what the venue holds for an account, by symbol; below zero when short."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    tables: tuple[QuerySet[PaperFill] | QuerySet[PaperActivity], ...] = (
        PaperFill.objects.filter(account_id=account_id),
        PaperActivity.objects.filter(account_id=account_id).exclude(symbol=""),
    )
    for rows in tables:
        for symbol, quantity in rows.values_list("symbol").annotate(Sum("quantity")).order_by():
            sums[symbol] = total((sums[symbol], quantity))
    return {symbol: quantity for symbol, quantity in sums.items() if quantity}


def multipliers(account_id: int) -> dict[str, Decimal]:
    """Return how many units each instrument that was ever traded stands for."""
    rows = PaperFill.objects.filter(account_id=account_id)
    return dict(rows.values_list("symbol", "multiplier").distinct().order_by())


def cash(account_id: int) -> Decimal:
    """Return the cash that the venue holds for an account."""
    fills = PaperFill.objects.filter(account_id=account_id).aggregate(
        worth=Sum(_WORTH), fees=Sum("fee")
    )
    came = PaperActivity.objects.filter(account_id=account_id).aggregate(sum=Sum("cash"))["sum"]
    return total((came or ZERO, -(fills["worth"] or ZERO), -(fills["fees"] or ZERO)))


def worth(paper: PaperAccount) -> Decimal:
    """Return what an account's positions are worth at the middle of the newest quotes.

    Where there is no two-sided quote, what there is of it counts; without any, nothing does.
    """
    mine = held(paper.pk)
    row = markets.row_of(markets.newest_first(paper)) if mine else None
    snapshot = None if row is None else markets.kept(row)
    if snapshot is None:
        return ZERO
    many = multipliers(paper.pk)
    return total(
        quantity * _mark(markets.quote_of(snapshot, symbol)) * many.get(symbol, Decimal(1))
        for symbol, quantity in mine.items()
    )


def _mark(quote: Quote) -> Decimal:
    sides = [exact(side) for side in (quote.bid, quote.ask) if math.isfinite(side)]
    return total(sides) / len(sides) if sides else ZERO


def open_orders(account_id: int) -> QuerySet[PaperOrder]:
    """Return the orders that may still fill, in the order in which they came."""
    rows = PaperOrder.objects.filter(account_id=account_id, state__lt=State.FILLED.value)
    return rows.order_by("id")


def venue_order(order: PaperOrder) -> VenueOrder:
    """Return an order as the protocol has it, with all that ever happened to it."""
    symbols = tuple(symbol for symbol, _, _ in order.intent["legs"])
    news = [accepted(order), *(fill_event(one, order) for one in order.executions.order_by("id"))]
    if (last := end_event(order)) is not None:
        news.append(last)
    return VenueOrder(
        order.venue_order_id, order.client_order_id, symbols, order.is_open, tuple(news)
    )


def accepted(order: PaperOrder) -> Event:
    """Return the news that the venue has an order."""
    return _event(order, "accepted", News.ACCEPTED, order.sent)


def fill_event(fill: PaperFill, order: PaperOrder) -> Event:
    """Return the news of an execution."""
    one = Execution(
        fill.execution_id, fill.symbol, fill.quantity, fill.price, fill.multiplier, fill.fee
    )
    return Event(
        SOURCE, fill.execution_id, News.FILL, fill.at, order.client_order_id,
        order.venue_order_id, execution=one,
        reason=f"{SWEPT}: {fill.why['text']}" if order.own else fill.why["text"],
    )  # fmt: skip


def end_event(order: PaperOrder) -> Event | None:
    """Return the news of an order's end; None while it is open, and when it is filled."""
    if order.ended is None or order.state == State.FILLED:
        return None
    news = {State.CANCELED: News.CANCELED, State.EXPIRED: News.EXPIRED}[State(order.state)]
    if PaperOrder.objects.filter(replaces=order).exists():
        news = News.REPLACED
    return _event(order, "end", news, order.ended, Reason(order.reason).text)


def why(order: PaperOrder) -> str:
    """Say why an order waits, or how it ended."""
    return "filled" if order.state == State.FILLED else Reason(order.reason).text


def executions(fills: Iterable[PaperFill]) -> list[Event]:
    """Return the news of executions."""
    return [fill_event(one, one.order) for one in fills]


def _event(order: PaperOrder, name: str, news: News, at: int, reason: str = "") -> Event:
    return Event(
        SOURCE, f"{order.venue_order_id} {name}", news, from_ns(at), order.client_order_id,
        order.venue_order_id, reason=reason,
    )  # fmt: skip
