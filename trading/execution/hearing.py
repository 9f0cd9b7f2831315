"""What a broker tells, brought into the books: news of orders, and what happened without one.

Everything is booked once by its id, whoever tells it and however often. What cannot be booked is
kept as an alert that a person must hear; it is never dropped.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import structlog
from django.db import transaction

from trading.brokers.protocol import Activity
from trading.execution import services
from trading.execution.states import EXECUTION, Standing
from trading.ledger import services as ledger
from trading.ledger.book import ZERO, LedgerError, Move, plain
from trading.ledger.services import Kind, Posted, Source
from trading.models import Fill, OrderEvent, Position
from trading.orders import venue
from trading.orders.machine import News
from trading.orders.services import note
from trading.orders.venue import Applied, Event
from trading.scopes import underlying

log = structlog.get_logger(__name__)
OPTION_MULTIPLIER = Decimal(100)
_DELIVERS = frozenset({Kind.EXERCISE, Kind.ASSIGNMENT})
_CASH = frozenset({Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.DIVIDEND, Kind.INTEREST, Kind.FEE})
_ENDS = _DELIVERS | {Kind.EXPIRY, Kind.SETTLEMENT}


class Heard(NamedTuple):
    """What came of something that a broker told.

    `broken` says why it could not be booked; `later` that a part of it is still to come; `halts`
    why the account was halted with it.
    """

    fresh: bool = False
    alert: str = ""
    broken: str = ""
    later: bool = False
    applied: Applied | None = None
    news: News | None = None
    halts: str = ""


def hear(account_id: int, event: Event) -> Heard:
    """Apply news of an order; a fill of no order of this house halts the account with it."""
    try:
        with transaction.atomic():
            applied = venue.apply(account_id, event)
            why = _of_nobody(event) if applied.fresh and applied.order is None else ""
            if why:
                services.step(account_id, Standing.HALTED, actor=EXECUTION, reason=why)
    except LedgerError as error:
        return _quarantine(account_id, event.source, event.event_id, event.at, str(error))
    if applied.alert:
        log.warning("order_alert", account=account_id, alert=applied.alert)
    return Heard(applied.fresh, applied.alert, applied=applied, news=event.news, halts=why)


def _of_nobody(event: Event) -> str:
    """Say what a fill of nobody's order is; empty for other news."""
    one = event.execution
    if one is None:
        return ""
    verb = "bought" if one.quantity > 0 else "sold"
    return (
        f"Not as this house knows it: {event.source} {verb} {plain(abs(one.quantity))} "
        f"{one.symbol} at {plain(one.price)} for no order of this account here "
        f"({one.execution_id}). It is booked; find out who traded, then let it reconcile."
    )[:300]


def fresh_of(account_id: int, source: str, events: Iterable[Event]) -> list[Event]:
    """Return those of many news that are not booked yet, or that are booked otherwise."""
    told = list(events)
    names = [one.event_id for one in told]
    seen = set(
        OrderEvent.objects.filter(
            account_id=account_id, source=source, event_id__in=names
        ).values_list("event_id", flat=True)
    )
    executions = [one.execution.execution_id for one in told if one.execution is not None]
    booked = {
        row[0]: row[1:]
        for row in Fill.objects.filter(
            account_id=account_id, source=source, execution_id__in=executions
        ).values_list("execution_id", "symbol", "quantity", "price", "fee")
    }
    return [one for one in told if one.event_id not in seen and not _same(one, booked)]


def _same(event: Event, booked: Mapping[str, tuple[object, ...]]) -> bool:
    one = event.execution
    if one is None:
        return False
    return booked.get(one.execution_id) == (one.symbol, one.quantity, one.price, one.fee)


def book(account_id: int, source: str, activities: Sequence[Activity]) -> list[Heard]:
    """Book what happened without an order; the parts of a delivery as one entry."""
    groups: dict[str, list[Activity]] = defaultdict(list)
    for place, one in enumerate(activities):
        groups[f"group {one.group}" if one.group else f"single {place}"].append(one)
    heard = []
    for parts in groups.values():
        try:
            heard.append(_book(account_id, source, parts))
        except LedgerError as error:
            first = parts[0]
            name = f"activity {first.activity_id}"
            heard.append(_quarantine(account_id, source, name, first.at, str(error)))
    return heard


def _book(account_id: int, source: str, parts: Sequence[Activity]) -> Heard:
    kinds = {one.kind for one in parts}
    if kinds & _DELIVERS:
        return _deliver(account_id, source, parts)
    booked = [_single(account_id, source, one) for one in parts]
    broken = "; ".join(one.broken for one in booked if one.broken)
    return Heard(any(one.fresh for one in booked), broken=broken)


def _deliver(account_id: int, source: str, parts: Sequence[Activity]) -> Heard:
    """Book an exercise or an assignment: the option goes and the shares come, in one entry."""
    options = [one for one in parts if underlying(one.symbol) != one.symbol]
    shares = [one for one in parts if one.symbol and underlying(one.symbol) == one.symbol]
    if len(options) != 1 or len(shares) > 1:
        raise LedgerError("activities", f"A delivery of {len(options)} options is not known here.")
    if not shares:
        return Heard(later=True)
    option, share = options[0], shares[0]
    kind = option.kind if option.kind in _DELIVERS else share.kind
    gone = Move(option.symbol, option.quantity, ZERO, _multiplier(account_id, option.symbol))
    came = Move(share.symbol, share.quantity, share.price or ZERO)
    fact = _source(source, option)
    return _posted(ledger.option_ended(account_id, kind, gone, fact, deliverable=came))


def _single(account_id: int, source: str, one: Activity) -> Heard:
    fact = _source(source, one)
    if one.kind in _ENDS:
        many = _multiplier(account_id, one.symbol)
        price = one.price or ZERO
        if one.kind == Kind.SETTLEMENT and one.price is None and one.quantity:
            price = abs(one.cash / (one.quantity * many))
        gone = Move(one.symbol, one.quantity, price if one.kind == Kind.SETTLEMENT else ZERO, many)
        return _posted(ledger.option_ended(account_id, one.kind, gone, fact))
    if one.kind == Kind.ADJUSTMENT:
        reason = one.text or "adjusted by the broker"
        moves = _moves(account_id, one)
        return _posted(ledger.adjust(account_id, fact, reason=reason, cash=one.cash, moves=moves))
    if one.kind in _CASH:
        return _posted(_cash(account_id, one, fact))
    text = f"an activity that is not known here: {one.text or one.kind or one.activity_id}"
    return _quarantine(account_id, source, f"activity {one.activity_id}", one.at, text)


def _cash(account_id: int, one: Activity, fact: Source) -> Posted:
    if one.kind == Kind.DIVIDEND:
        return ledger.dividend(account_id, one.cash, fact, symbol=one.symbol)
    if one.kind == Kind.INTEREST:
        return ledger.interest(account_id, one.cash, fact)
    if one.kind == Kind.FEE:
        return ledger.charge(account_id, -one.cash, fact, reason=one.text)
    move = ledger.deposit if one.cash > 0 else ledger.withdraw
    return move(account_id, abs(one.cash), fact)


def _moves(account_id: int, one: Activity) -> tuple[Move, ...]:
    if not one.symbol or not one.quantity:
        return ()
    many = _multiplier(account_id, one.symbol)
    return (Move(one.symbol, one.quantity, one.price or ZERO, many),)


def _source(name: str, one: Activity) -> Source:
    return Source(name, f"activity {one.activity_id}", one.at)


def _posted(posted: Posted) -> Heard:
    return Heard(posted.fresh)


def _multiplier(account_id: int, symbol: str) -> Decimal:
    """Return how many units one of an instrument is: as it is held, or as is usual."""
    rows = Position.objects.filter(account_id=account_id, symbol=symbol)
    held: Decimal | None = rows.values_list("multiplier", flat=True).first()
    if held is not None:
        return held
    return OPTION_MULTIPLIER if underlying(symbol) != symbol else Decimal(1)


@transaction.atomic
def _quarantine(account_id: int, source: str, name: str, at: dt.datetime, text: str) -> Heard:
    """Keep what cannot be booked, once, as an alert."""
    account = ledger.lock(account_id)
    kept = f"refused {name}"[:100]
    rows = OrderEvent.objects.filter(account=account, source=source, event_id=kept)
    fresh = not rows.exists()
    if fresh:
        told = Source(source, kept, at)
        note(account, None, told, "refused", actor=source, alert=text, body={"text": text[:300]})
        log.error("news_refused", account=account_id, name=name, text=text)
    return Heard(fresh, text, broken=text)
