"""Walks an account along the rows of its market: what matches, what is swept, what ends.

Each row is one transaction: the orders' progress, the venue's executions and their postings in
the books are committed together or not at all, and `through` says which rows are done. So a
process that is killed anywhere loses nothing, and a row that is told again does nothing.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from market.clock import from_ns, to_ns
from trading.brokers.paper import markets, nights, selectors
from trading.brokers.paper.display import Display
from trading.brokers.paper.markets import Row
from trading.brokers.paper.matching import Seat, finish, match, sit
from trading.brokers.paper.models import PaperOrder
from trading.models import ClientOrderId
from trading.orders.machine import State


def step(account_id: int) -> int:
    """Walk an account along all rows that it has not seen; return how many things were done.

    Safe to repeat and to run twice at once.
    """
    count = 0
    while _once(account_id):
        count += 1
    return count


@transaction.atomic
def _once(account_id: int) -> bool:
    return advance(sit(account_id))


def advance(seat: Seat) -> bool:
    """Do what comes next for an account that is locked: a row, or a night. False: nothing is."""
    paper = seat.paper
    row = markets.row_of(markets.rows(paper))
    day = paper.day
    if day is not None and paper.night != day and (row is None or row.day > day):
        if row is None and not markets.is_over(paper, day):
            return False
        nights.end(seat, day)
        return True
    if row is None:
        return False
    sweeps = nights.sweeps_at(seat, row.day)
    skipped = _skipped(seat, row, sweeps)
    if skipped is None:
        _row(seat, row, swept=sweeps is not None and row.time >= sweeps)
    seen = skipped or row
    paper.through, paper.day = seen.time, seen.day
    paper.save()
    return True


def _skipped(seat: Seat, row: Row, sweeps: dt.datetime | None) -> Row | None:
    """Return the last row of the session before anything is to be done, None when that is now."""
    arrivals = (sent + latency for sent, latency in
                selectors.open_orders(seat.account.pk).values_list("sent", "latency"))  # fmt: skip
    first = min(arrivals, default=None)
    begins = [at for at in (None if first is None else from_ns(first), sweeps) if at is not None]
    rest = markets.session_rows(seat.paper, row.day).filter(time__gte=row.time)
    if begins:
        rest = rest.filter(time__lt=min(begins))
    return markets.row_of(rest.reverse())


def _row(seat: Seat, row: Row, *, swept: bool) -> None:
    """Walk the open orders over a row, in the order in which they came."""
    snapshot = markets.kept(row)
    if swept:
        nights.sweep(seat, row, snapshot)
    display = Display.load(seat.paper.taken)
    at = to_ns(row.time)
    orders = {order.pk: order for order in selectors.open_orders(seat.account.pk)}
    for order in orders.values():
        if not order.is_open or order.sent + order.latency > at:
            continue
        symbols = [symbol for symbol, _, _ in order.intent["legs"]]
        if match(seat, order, row, markets.quotes_of(snapshot, symbols), display):
            _cancel_siblings(seat, [one for one in orders.values() if one is not order], at)
    seat.paper.taken = display.dump()


def _cancel_siblings(seat: Seat, others: list[PaperOrder], at: int) -> None:
    """End the orders that the house cancelled when the other exit of their group was filled."""
    waiting = [one for one in others if one.is_open and not one.own]
    if not waiting:
        return
    asked = set(
        ClientOrderId.objects.filter(
            text__in=[one.client_order_id for one in waiting],
            order__state=State.CANCEL_PENDING, order__group__isnull=False,
        ).values_list("text", flat=True)
    )  # fmt: skip
    for one in waiting:
        if one.client_order_id in asked:
            finish(seat, one, at, asked=True)
