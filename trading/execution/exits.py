"""Exits and stops that this house keeps: at most one exit of a group is at the broker at a time.

(Groups that the broker itself keeps leave whole: see `native`.)

A limit exit rests there; the others wait here until their price is reached, then have it
cancelled and leave in its place, for what is left. So two exits can never both fill, whatever
crashes or crosses. The same watch stands in for kinds of order that a broker lacks. All that it
knows is in the tables: which price was best, which was reached, what filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import structlog

from trading.brokers.symbols import leaves_as_limit
from trading.execution import native, quotes
from trading.execution import services as standing
from trading.execution.lease import fenced
from trading.execution.quotes import Quote
from trading.execution.session import Session
from trading.execution.states import Standing
from trading.ledger.book import ZERO, total
from trading.models import Account, AccountState, Order
from trading.orders import groups, services, ticks
from trading.orders.intents import Intent, of_json
from trading.orders.machine import FINAL, State

log = structlog.get_logger(__name__)
REST_S: Final = 2.0
"""For how long a bracket's entry that filled in part waits for the rest, unprotected meanwhile."""
_LOOKED_AT: Final = 20
COLLAR: Final = Decimal("0.05")
"""Share of the price, and least amount, that a triggered order may go beyond the far side."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be sent of an order now, or why nothing is; with `final` nothing ever is."""

    intent: Intent
    why: str = ""
    final: bool = False


def wanted(order: Order) -> Intent:
    """Return what an order wants now: an exit at most what there is to leave."""
    intent = replace(of_json(order.intent_id, order.intent), quantity=order.quantity)
    if order.role == Order.Role.EXIT and order.group is not None and not native.kept(order):
        left = groups.left(order.group)
        if 0 < left < intent.quantity:
            return replace(intent, quantity=left)
    return intent


def watches(session: Session, order: Order, intent: Intent) -> bool:
    """Return whether an order waits for something that only the market brings."""
    if order.triggered_at is not None or order.kind == "market":
        return False
    return order.role == Order.Role.EXIT or _waits_here(session, order, intent)


def plan(session: Session, account: Account, order: Order, intent: Intent) -> Plan:
    """Return what of a pending order is to be sent now, given what it wants."""
    if native.kept(order):
        return Plan(intent, *native.hindrance(order, intent))
    if order.role == Order.Role.EXIT and order.group is not None:
        sized = _sized(account, order, intent)
        if sized.why:
            return sized
        _fit_others(account, order)
    if not _waits_here(session, order, intent):
        rival = _rival(order)
        return Plan(intent, f"exit {rival.pk} is at the broker" if rival else "")
    return _watched(account, order, intent)


def _sized(account: Account, order: Order, intent: Intent) -> Plan:
    """Fit an exit to what there is to leave, once its entry will bring no more."""
    group = order.group
    assert group is not None  # noqa: S101 - told the type checker
    entries = [one for one in group.orders.all() if one.role == Order.Role.ENTRY]
    if any(one.state not in FINAL for one in entries):
        return Plan(intent, "its entry is still open")
    left = groups.left(group)
    if left <= 0:
        return Plan(intent, "nothing is left to leave", final=True)
    if left < order.quantity:
        services.resize(account.pk, order.pk, left, reason="what is left to leave")
        order.refresh_from_db()
    return Plan(intent)


def _fit_others(account: Account, order: Order) -> None:
    """Fit the exits that wait beside one: they may leave with it, as one."""
    for one in _exits(order):
        if one.pk != order.pk and one.state == State.PENDING:
            _sized(account, one, wanted(one))


def _waits_here(session: Session, order: Order, intent: Intent) -> bool:
    """Return whether an order's price is watched here and not at the broker."""
    if leaves_as_limit(intent, session.outlet.broker.abilities):
        return True
    if order.role != Order.Role.EXIT or order.group is None:
        return False
    limits = [one for one in _exits(order) if one.kind == "limit" and one.triggered_at is None]
    return not limits or limits[0].pk != order.pk


def _exits(order: Order) -> list[Order]:
    """Return the exits of its group that have not ended, but for the one that it replaces."""
    if order.group is None:
        return []
    rows = order.group.orders.filter(role=Order.Role.EXIT).order_by("pk")
    return [one for one in rows if one.state not in FINAL and one.pk != order.replaces_id]


def _rival(order: Order) -> Order | None:
    """Return the other exit that is at the broker, or that takes its turn before this one."""
    if order.role != Order.Role.EXIT:
        return None
    for one in _exits(order):
        first = one.state != State.PENDING or one.triggered_at is not None
        if first and one.pk != order.pk:
            return one
    return None


def _watched(account: Account, order: Order, intent: Intent) -> Plan:
    """Watch the price of an order; when it is reached, clear the way and let it leave."""
    seen = _quotes(account, intent)
    if seen is None:
        return Plan(intent, "its price cannot be watched: a quote is missing or old")
    now = _price(intent, seen)
    if order.triggered_at is None:
        if not reached(order, intent, now):
            return Plan(intent, "its price is not reached")
        services.trigger(account.pk, order.pk, reason=f"the price was {now}")
        order.refresh_from_db()
        log.warning("exit_triggered", account=account.pk, order=order.pk, price=str(now))
    for rival in _exits(order):
        if rival.pk == order.pk or rival.state == State.PENDING:
            continue
        services.cancel(
            account.pk, rival.pk, actor=services.HOUSE, reason=f"exit {order.pk} takes its place"
        )
        return Plan(intent, f"exit {rival.pk} is being cancelled")
    return Plan(as_limit(order, intent, now))


def _quotes(account: Account, intent: Intent) -> list[Quote] | None:
    symbols = [one.symbol for one in intent.legs]
    if quotes.hindrance(account, symbols, closing=True):
        return None
    found = [quotes.quote(account, one) for one in symbols]
    return [one for one in found if one is not None] if None not in found else None


def _price(intent: Intent, seen: Sequence[Quote]) -> Decimal:
    """Return what one unit costs now: what a single sold leg brings, else what all legs cost."""
    if _sold(intent):
        return seen[0].bid
    return total(
        leg.ratio * (one.ask if leg.ratio > 0 else one.bid)
        for leg, one in zip(intent.legs, seen, strict=True)
    )


def _sold(intent: Intent) -> bool:
    return len(intent.legs) == 1 and intent.legs[0].ratio < 0


def reached(order: Order, intent: Intent, now: Decimal) -> bool:
    """Return whether a price reaches that of an order; keep the best price of a trailing one."""
    side = -1 if _sold(intent) else 1  # a stop that sells is below the market
    if intent.kind == "market":
        return True
    if intent.kind == "limit":
        limit = intent.limit_price or ZERO
        return (now - limit) * side <= 0
    stop = intent.stop_price
    if intent.kind == "trailing_stop":
        better = order.best is None or side * (order.best - now) > 0
        best = now if better else order.best
        if best != order.best:
            order.best = best
            order.save(update_fields=["best"])
        stop = total((best, side * (intent.trail or ZERO)))
    return stop is not None and (now - stop) * side >= 0


def as_limit(order: Order, intent: Intent, now: Decimal) -> Intent:
    """Return a triggered order as it is sent: a limit order, collared where it had no limit."""
    limit = intent.limit_price
    if limit is None:
        room = max(abs(now) * COLLAR, COLLAR)
        limit = total((now, -room if _sold(intent) else room))
        limit = ticks.no_better(intent.legs, limit)
    return replace(intent, kind="limit", limit_price=limit, stop_price=None, trail=None)


def tend(session: Session) -> None:
    """End the rest of entries that filled in part, so that their exits may protect what came in.

    The exits of a bracket wait for its entry's end, so an entry that stays open in part keeps
    what came in without protection.
    """
    _unprotected(session)
    rows = Order.objects.filter(
        account_id=session.account_id, role=Order.Role.ENTRY, group__kind="bracket",
        state=State.PARTIALLY_FILLED.value,
    )  # fmt: skip
    now = session.clock.monotonic()
    for order in rows.order_by("pk"):
        if now - session.partly.setdefault(order.pk, now) >= REST_S:
            services.cancel(
                order.account_id, order.pk, actor=services.HOUSE,
                reason="It filled in part; its rest ends so that its exits protect what came in.",
            )  # fmt: skip


def _unprotected(session: Session) -> None:
    """Let an account only reduce whose exits were all refused while something is left to leave."""
    refused = Order.objects.filter(
        account_id=session.account_id, role=Order.Role.EXIT, state=State.REJECTED.value, sent__gt=0
    ).order_by("-pk")[:_LOOKED_AT]
    for order in refused:
        group = order.group
        if group is None or _exits(order) or groups.left(group) <= 0:
            continue
        with fenced(session.lease) as account:
            if AccountState.objects.get(pk=account.pk).state == Standing.LIVE:
                reason = f"The exits of group {group.pk} were refused; nothing protects it."
                standing.step(account.pk, Standing.REDUCING, actor="exits", reason=reason)
