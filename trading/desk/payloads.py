"""Bodies that REST and pages share. Money and quantities are exact, as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Count

from market.reach import Reach
from trading import late
from trading.desk import reading
from trading.desk.clocks import clock_of
from trading.desk.marks import Mark, Marks
from trading.desk.reading import Line
from trading.execution.selectors import Stand, states_of
from trading.ledger import selectors as ledger
from trading.ledger.book import ZERO, Held, plain, total
from trading.ledger.selectors import Balances
from trading.models import Account, Fill, GateDecision, Order, OrderEvent, OrderLeg
from trading.orders.machine import FINAL, OPEN

Payload = dict[str, Any]


def amount(value: Decimal | None) -> str | None:
    """Return a number as text; None stays None."""
    return None if value is None else plain(value)


def iso(at: dt.datetime | None) -> str | None:
    """Return an instant as ISO 8601 with Z; None stays None."""
    if at is None:
        return None
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def account_payload(account: Account, marks: Marks) -> Payload:
    """Return an account with its balances, and its worth where everything held has a mark."""
    return account_payloads([account], marks)[0]


def account_payloads(accounts: Iterable[Account], marks: Marks) -> list[Payload]:
    """Return some accounts, asked for at once."""
    rows = list(accounts)
    balances, held = ledger.balances_of(rows), ledger.positions_of(rows)
    stands = states_of(one.pk for one in rows)
    working = Order.objects.filter(account__in=rows, state__in=sorted(OPEN)).order_by()
    orders = dict(working.values_list("account").annotate(count=Count("pk")))
    return [
        _account(one, balances[one.pk], held[one.pk], stands[one.pk], marks)
        | {"open_orders": orders.get(one.pk, 0)}
        for one in rows
    ]


def _account(
    account: Account, now: Balances, held: Sequence[Held], stand: Stand, marks: Marks
) -> Payload:
    found = marks.seen_by(account).all_of(one.symbol for one in held)
    unmarked = [symbol for symbol, mark in found.items() if mark.price is None]
    value = unrealised = None
    if not unmarked:
        value = total(_worth(one, found[one.symbol]) or ZERO for one in held)
        unrealised = total((value, *(-one.cost for one in held)))
    return {
        "id": account.pk,
        "name": account.name,
        "mode": account.mode,
        "broker": account.broker,
        "currency": account.currency,
        "method": account.method,
        "standing": standing_payload(stand, marks.reach),
        "equity": None if value is None else plain(total((now.cash, value))),
        "value": amount(value),
        "unrealised": amount(unrealised),
        "unmarked": unmarked,
        "delayed_s": max((mark.delayed_s for mark in found.values()), default=0),
        "free": plain(total((now.cash, account.credit, -now.holds))),
        "credit": plain(account.credit),
        **{name: plain(getattr(now, name)) for name in _SUMS},
        "earned": plain(now.earned),
        "positions": len(held),
        "created": iso(account.created),
    }


def standing_payload(stand: Stand, reach: Reach) -> Payload:
    """Return where an account stands and why."""
    return {
        "state": stand.state.value,
        "reason": late.words(stand.reason, stand.since, reach),
        "since": iso(stand.since),
    }


_SUMS = ("cash", "holds", "cost", "realised", "fees", "deposits", "dividends", "interest",
         "adjustments")  # fmt: skip


def _worth(one: Held, mark: Mark) -> Decimal | None:
    return None if mark.price is None else one.quantity * mark.price * one.multiplier


def position_payload(account: Account, one: Held, mark: Mark) -> Payload:
    """Return a position with its average price, its mark and what it would earn there."""
    worth = _worth(one, mark)
    units = one.quantity * one.multiplier
    return {
        "account": account.pk,
        "symbol": one.symbol,
        "quantity": plain(one.quantity),
        "multiplier": plain(one.multiplier),
        "average_price": plain(_rounded(one.cost / units)) if units else None,
        "cost": plain(one.cost),
        "mark": amount(mark.price),
        "mark_time": iso(mark.at),
        "delayed_s": mark.delayed_s,
        "value": amount(worth),
        "unrealised": None if worth is None else plain(total((worth, -one.cost))),
        "realised": plain(one.realised),
    }


def position_payloads(accounts: Sequence[Account], marks: Marks) -> list[Payload]:
    """Return what some accounts hold, account by account."""
    held = ledger.positions_of(accounts)
    return [
        position_payload(account, one, marks.seen_by(account).of(one.symbol))
        for account in accounts
        for one in held[account.pk]
    ]


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"))


def order_payload(order: Order, reach: Reach) -> Payload:
    """Return an order with its legs and what the gate said of it."""
    legs = list(order.legs.all())
    said = decision_payload(order.decision, reach)
    by_quotes = order.limit_price is None and late.held(order.decision.at, reach)
    after = getattr(order, "replaced_by", None)
    return {
        "id": order.pk,
        "account": order.account_id,
        "account_name": order.account.name,
        "intent_id": order.intent_id,
        "origin": order.origin,
        "state": order.state,
        "reason": late.words(order.reason, order.decision.at, reach),
        "open": order.state not in FINAL,
        "kind": order.kind,
        "time_in_force": order.time_in_force,
        "quantity": plain(order.quantity),
        "limit_price": amount(order.limit_price),
        "stop_price": amount(order.stop_price),
        "trail": amount(order.trail),
        "filled_quantity": plain(order.filled_quantity),
        "average_price": amount(average_price(legs)),
        "excess": plain(order.excess),
        "held": None if by_quotes else plain(order.held),
        "legs": [_leg(one) for one in legs],
        "group": order.group_id,
        "role": order.role,
        "replaces": order.replaces_id,
        "replaced_by": None if after is None else after.pk,
        "venue_order_id": order.venue_order_id,
        "decision": said,
        "created": iso(order.created),
    }


def average_price(legs: Sequence[OrderLeg]) -> Decimal | None:
    """Return what a unit was filled at on the average: above zero paid; None before a fill.

    A package's is its legs' by their ratios; a single leg's is its own price, sold or bought.
    """
    if not legs or any(not leg.filled for leg in legs):
        return None
    if len(legs) == 1:
        return _rounded(legs[0].value / legs[0].filled)
    return _rounded(sum((leg.ratio * leg.value / leg.filled for leg in legs), ZERO))


def _leg(leg: OrderLeg) -> Payload:
    return {
        "symbol": leg.symbol,
        "ratio": leg.ratio,
        "multiplier": plain(leg.multiplier),
        "filled": plain(leg.filled),
        "average_price": plain(_rounded(leg.value / leg.filled)) if leg.filled else None,
    }


def decision_payload(one: GateDecision, reach: Reach) -> Payload:
    """Return what the gate said: the rule, what it compared, and why."""
    told = {
        "allowed": one.allowed,
        "rule": one.rule,
        "text": one.text,
        "value": one.value,
        "limit": one.limit,
        "at": iso(one.at),
    }
    return late.decision(told, one.at, reach)


def event_payload(one: OrderEvent, reach: Reach) -> Payload:
    """Return what was heard of an order or done with it."""
    return {
        "kind": one.kind,
        "source": one.source,
        "at": iso(one.at),
        "clock": clock_of(one.source),
        "heard_at": iso(one.heard_at),
        "state": one.state,
        "alert": late.words(one.alert, one.heard_at, reach),
        "reason": late.words(str(one.body.get("reason", "")), one.heard_at, reach),
    }


def whole_order(order: Order, reach: Reach) -> Payload:
    """Return an order with its events, oldest first, its fills and the rules of its decision."""
    fills = list(order.fills.select_related("account", "entry").order_by("pk"))
    names = order.client_ids.order_by("attempt").values_list("text", flat=True)
    return {
        **order_payload(order, reach),
        "rules": late.rules(order.decision.facts.get("rules", []), order.decision.at, reach),
        "client_order_ids": list(names),
        "events": [event_payload(one, reach) for one in order.events.order_by("pk")],
        "fills": fill_payloads(fills),
    }


def fill_payloads(page: Sequence[Fill]) -> list[Payload]:
    """Return fills with what each moved in cash and why it had its price."""
    said = reading.reasons(page)
    return [_fill(one, said) for one in page]


def _fill(one: Fill, said: Mapping[int, str]) -> Payload:
    return {
        "id": one.pk,
        "account": one.account_id,
        "account_name": one.account.name,
        "order": one.order_id,
        "symbol": one.symbol,
        "quantity": plain(one.quantity),
        "price": plain(one.price),
        "multiplier": plain(one.multiplier),
        "fee": plain(one.fee),
        "cash": plain(total((-one.quantity * one.price * one.multiplier, -one.fee))),
        "at": iso(one.at),
        "clock": clock_of(one.source),
        "late": one.late,
        "source": one.source,
        "execution_id": one.execution_id,
        "entry": one.entry.seq,
        "reason": said.get(one.pk, ""),
    }


def line_payload(line: Line) -> Payload:
    """Return a journal entry with its postings, the cash that it moved and the cash after it."""
    one = line.entry
    return {
        "seq": one.seq,
        "at": iso(one.at),
        "clock": clock_of(one.source),
        "booked_at": iso(one.booked_at),
        "kind": one.kind,
        "source": one.source,
        "external_id": one.external_id,
        "reason": one.reason,
        "change": plain(line.change),
        "cash": plain(line.cash),
        "postings": [
            {"side": row.side, "unit": row.unit, "instrument": row.instrument,
             "amount": plain(row.amount)}
            for row in sorted(one.postings.all(), key=lambda row: row.pk)
        ],
    }  # fmt: skip
