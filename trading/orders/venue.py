"""What a venue says of orders, applied once: the venue's word is booked whatever was expected."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from trading.ledger.book import ZERO, Fact, LedgerError, Move, fits, plain, total
from trading.ledger.services import AlteredError, Kind, Source, lock, post
from trading.models import Account, ClientOrderId, Fill, JournalEntry, Order, OrderEvent
from trading.orders import groups, machine
from trading.orders.machine import FINAL, News
from trading.orders.services import Row, locked, note, ripple, step


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill as the venue tells it: its own quantity and price, never the order's sums.

    `quantity` is below zero when sold. The multiplier counts where no order of this house says it.
    """

    execution_id: str
    symbol: str
    quantity: Decimal
    price: Decimal
    multiplier: Decimal
    fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Event:
    """What a venue says of an order, which it names by our id or by its own."""

    source: str
    event_id: str
    news: News
    at: dt.datetime
    client_order_id: str = ""
    venue_order_id: str = ""
    execution: Execution | None = None
    cancel: int = 0
    """Which cancel is refused, from 1; 0 is the newest."""
    reason: str = ""


class Applied(NamedTuple):
    """The order that an event was of, whether it was new, and what a person must hear."""

    order: Order | None
    fresh: bool
    alert: str


@transaction.atomic
def apply(account_id: int, event: Event) -> Applied:
    """Apply what a venue says: once, in any order, in one transaction.

    A fill of no order of this house, or of an instrument that its order does not have, is booked
    without an order, with an alert.

    Raises
    ------
    AlteredError
        When the execution is booked with other numbers: take that entry back first.
    """
    account = lock(account_id)
    seen = OrderEvent.objects.filter(
        account=account, source=event.source, event_id=event.event_id
    ).first()
    if seen is not None:
        return Applied(seen.order, False, seen.alert)
    if (event.news == News.FILL) != (event.execution is not None):
        raise LedgerError("execution", "A fill has an execution, and nothing else has.")
    if event.execution is not None:
        _check(event.execution)
        known = _booked(account, event.source, event.execution)
        if known is not None:
            return Applied(known.order, False, "")
    found, attempt = _order_of(account, event)
    if found is None:
        return _of_nobody(account, event)
    row = locked(account_id, found, account)
    place = _leg_of(row, event.execution)
    if place is None:
        return _of_nobody(account, event)
    applied = _of_order(row, event, place, attempt)
    ripple(row.order)
    return applied


def _check(one: Execution) -> None:
    for name in ("quantity", "price", "fee", "multiplier"):
        fits(name, getattr(one, name))
    if one.quantity == 0:
        raise LedgerError("quantity", "A fill has a quantity other than 0.")


def _booked(account: Account, source: str, one: Execution) -> Fill | None:
    known = Fill.objects.filter(
        account=account, source=source, execution_id=one.execution_id
    ).first()
    if known is not None:
        mine = (known.symbol, known.quantity, known.price, known.fee)
        if mine != (one.symbol, one.quantity, one.price, one.fee):
            raise AlteredError(
                "execution_id", f"{one.execution_id} is booked as fill {known.pk}, otherwise."
            )
    return known


def _order_of(account: Account, event: Event) -> tuple[int | None, int]:
    """Return which order an event names, by our id or the venue's, and the attempt named."""
    if event.client_order_id:
        sent = ClientOrderId.objects.filter(
            text=event.client_order_id, order__account=account
        ).first()
        if sent is not None:
            return sent.order_id, sent.attempt
    if not event.venue_order_id:
        return None, 0
    orders = Order.objects.filter(account=account, venue_order_id=event.venue_order_id)
    return orders.values_list("pk", flat=True).first(), 0


def _leg_of(row: Row, one: Execution | None) -> int | None:
    """Return the place of the leg that was filled, 0 without a fill; None when none fits."""
    if one is None:
        return 0
    for place, leg in enumerate(row.legs):
        if leg.symbol == one.symbol and leg.ratio * one.quantity > 0:
            return place
    return None


def _of_order(row: Row, event: Event, place: int, attempt: int) -> Applied:
    before = row.known
    one = event.execution
    cancel = event.cancel or before.cancels
    size = ZERO if one is None else abs(one.quantity)
    after = machine.learn(before, event.news, event.at, leg=place, quantity=size, cancel=cancel)
    found = machine.alerts(before, after, event.news)
    if 0 < attempt <= before.retracted:
        found.append(f"attempt {attempt} arrived after all")
    if event.venue_order_id and not row.order.venue_order_id:
        row.order.venue_order_id = event.venue_order_id
    if event.news == News.REJECTED:
        row.order.reason = event.reason[:300]
    late = one is not None and before.state in FINAL
    if one is not None:
        leg = row.legs[place]
        leg.filled = after.filled[place]
        leg.value = total((leg.value, size * one.price))
        leg.save(update_fields=["filled", "value"])
    released = step(row, after)
    if one is not None:
        found.append(groups.overfilled(row.order))
    alert = "; ".join(filter(None, found))
    source = Source(event.source, event.event_id, event.at)
    entry = None
    if one is not None:
        entry = _book(row.account, event, row, place, released, late)
    elif released:
        entry = post(row.account, Fact(Kind.HOLD, hold=-released), source, audited=True).entry
    note(row.account, row.order, source, event.news, actor=event.source, alert=alert,
         body=_body(event), entry=entry)  # fmt: skip
    return Applied(row.order, True, alert)


def _of_nobody(account: Account, event: Event) -> Applied:
    """Book what is of no order here, and say so."""
    alert = f"{event.news} of an order that is not known here"
    entry = None
    if event.execution is not None:
        entry = _book(account, event, None, 0, ZERO, late=False)
    note(account, None, Source(event.source, event.event_id, event.at), event.news,
         actor=event.source, alert=alert, body=_body(event), entry=entry)  # fmt: skip
    return Applied(None, True, alert)


def _book(
    account: Account, event: Event, row: Row | None, place: int, released: Decimal, late: bool
) -> JournalEntry:
    one = event.execution
    assert one is not None  # noqa: S101 - told the type checker
    leg = None if row is None else row.legs[place]
    many = one.multiplier if leg is None else leg.multiplier
    move = Move(one.symbol, one.quantity, one.price, many)
    fact = Fact(Kind.FILL, (move,), fee=one.fee, hold=-released)
    source = Source(event.source, f"execution {one.execution_id}", event.at)
    entry = post(account, fact, source, audited=True).entry
    Fill.objects.create(
        account=account, source=event.source, execution_id=one.execution_id,
        order=None if row is None else row.order, leg=leg, symbol=one.symbol,
        quantity=one.quantity, price=one.price, multiplier=many, fee=one.fee, at=event.at,
        late=late, entry=entry,
    )  # fmt: skip
    return entry


def _body(event: Event) -> dict[str, Any]:
    """Return an event as it came, exact numbers as text."""
    body: dict[str, Any] = {
        "client_order_id": event.client_order_id, "venue_order_id": event.venue_order_id,
        "reason": event.reason,
    }  # fmt: skip
    one = event.execution
    if one is not None:
        body["execution"] = [one.execution_id, one.symbol, plain(one.quantity), plain(one.price),
                             plain(one.fee)]  # fmt: skip
    return {name: value for name, value in body.items() if value}
