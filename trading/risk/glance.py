"""All that is stored of an account and the gate asks for, in one statement.

One question instead of twenty: the gate stands before every order, under the account's lock.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from market.clock import NEW_YORK
from trading.ledger.book import ZERO, Side
from trading.models import Account, Breaker
from trading.orders.gate import ALONE, Among
from trading.orders.intents import Intent
from trading.orders.machine import OPEN
from trading.risk.facts import Counts, Day, Stop
from trading.scopes import Scope

SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)
NOTIONAL_DAYS, WASH_DAYS = dt.timedelta(days=20), dt.timedelta(days=30)
_SQL: Final = """
WITH mine AS (
    -- A group counts as one order, and the order's own group not at all.
    SELECT DISTINCT ON (coalesce(-o.group_id, o.id)) o.created, o.intent, o.origin, d.opening
    FROM trading_order o JOIN trading_gatedecision d ON d.order_id = o.id AND d.allowed
    WHERE o.account_id = %(account)s AND o.created >= %(today)s
      AND coalesce(o.group_id, 0) <> %(group)s
    ORDER BY coalesce(-o.group_id, o.id), o.id
), wanted AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(targets)s::text[]) AS w(kind, target)
)
SELECT json_build_object(
'plan', (SELECT plan FROM accounts_user WHERE id = %(owner)s),
'standing', (SELECT json_build_array(state, reason, since) FROM trading_accountstate
    WHERE account_id = %(account)s),
'profile', (SELECT json_build_array(market_orders, accepted) FROM trading_riskprofile
    WHERE account_id = %(account)s),
'switches', (SELECT json_agg(json_build_array(kind, target, state, reason) ORDER BY id)
    FROM trading_switch JOIN wanted USING (kind, target) WHERE state <> 'off'),
'limits', (SELECT json_agg(json_build_array(kind, target, name, value::text) ORDER BY id)
    FROM trading_limitsetting JOIN wanted USING (kind, target)),
'breakers', (SELECT json_agg(json_build_array(kind, symbol, state, reason) ORDER BY id DESC)
    FROM trading_breaker WHERE account_id = %(account)s AND state <> 'closed'
    AND symbol = ANY(%(names)s)),
'balances', (SELECT json_object_agg(side, amount::text) FROM (SELECT side, sum(amount) AS amount
    FROM trading_balance WHERE account_id = %(account)s AND unit = %(currency)s
    GROUP BY side) AS sums),
'positions', (SELECT json_agg(json_build_array(symbol, quantity::text, multiplier::text,
    cost::text) ORDER BY symbol)
    FROM trading_position WHERE account_id = %(account)s AND quantity <> 0),
'orders', (SELECT json_agg(json_build_array(o.id, o.group_id, o.role, o.quantity::text,
    o.filled_quantity::text, o.limit_price::text, o.held::text,
    (SELECT json_agg(json_build_array(l.symbol, l.ratio, l.multiplier::text, l.filled::text)
     ORDER BY l.number) FROM trading_orderleg l WHERE l.order_id = o.id)) ORDER BY o.id)
    FROM trading_order o WHERE o.account_id = %(account)s AND o.state = ANY(%(open)s)),
'replaced', (SELECT json_build_array(group_id, role) FROM trading_order
    WHERE id = %(replaces)s AND account_id = %(account)s),
'counts', (SELECT json_build_array(count(*) FILTER (WHERE created > %(second)s),
    count(*) FILTER (WHERE created > %(minute)s), count(*),
    count(*) FILTER (WHERE created > %(minute)s AND intent->'legs' = %(legs)s::jsonb
                     AND intent->'quantity' = %(quantity)s::jsonb),
    count(*) FILTER (WHERE origin <> 'user' AND opening = 'true'),
    extract(epoch FROM %(now)s - max(created)
            FILTER (WHERE origin <> 'user' AND opening = 'true'))) FROM mine),
'answers', (SELECT json_agg(ended_as) FROM (SELECT ended_as FROM trading_order
    WHERE account_id = %(account)s AND sent > 0
    AND NOT (ended_as = '' AND NOT accepted AND NOT working AND filled_quantity = 0)
    AND created >= coalesce((SELECT since FROM trading_accountstate
                             WHERE account_id = %(account)s), '-infinity')
    ORDER BY created DESC, id DESC LIMIT 20) AS newest),
'notional', (SELECT json_agg(notional) FROM (SELECT d.notional
    FROM (SELECT id FROM trading_order WHERE account_id = %(account)s
          ORDER BY id DESC LIMIT 1000) AS o JOIN trading_gatedecision d ON d.order_id = o.id
    WHERE d.allowed AND d.at > %(month)s AND d.notional IS NOT NULL
    ORDER BY d.id DESC LIMIT 200) AS newest),
'losses', (SELECT json_agg(DISTINCT p.instrument) FROM trading_posting p
    JOIN trading_journalentry e ON e.id = p.entry_id
    WHERE p.side = 'realised' AND p.amount > 0 AND e.booked_at > %(wash)s
    AND p.account_id IN (SELECT id FROM trading_account
                         WHERE id = %(account)s OR owner_id = %(owner)s)),
'days', (SELECT json_agg(json_build_array(day, first_equity::text, first_profit::text,
    highest_profit::text, profit::text) ORDER BY id)
    FROM trading_accountday WHERE account_id = %(account)s
    AND (day >= %(since)s OR id = (SELECT max(id) FROM trading_accountday
                                   WHERE account_id = %(account)s)))
)
"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An open order as it is stored; its legs as (symbol, ratio, multiplier, filled)."""

    pk: int
    group: int | None
    role: str
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    held: Decimal
    legs: tuple[tuple[str, int, Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day of the account as `AccountDay` keeps it."""

    day: dt.date
    first_equity: Decimal
    first_profit: Decimal
    highest_profit: Decimal
    profit: Decimal


@dataclass(frozen=True, slots=True)
class Glance:
    """What is stored of an account.

    Attributes
    ----------
    plan : str, optional
        Of its owner; None without one.
    state, reason : str
        Where it stands; disabled while it never was armed.
    market_orders : bool
    accepted : str
        Version of the risks that its owner accepted.
    switches : of scope, state and reason
    settings : of scope, limit and value
    positions : of symbol, quantity, multiplier and cost
    replaced : pair, optional
        Group and role of the order that is replaced.
    answers : tuple of str
        How the orders sent last ended, the newest first; empty for those that the broker took.
    notional : tuple of Decimal
        Of the newest orders that passed.
    """

    plan: str | None
    state: str
    reason: str
    market_orders: bool
    accepted: str
    switches: tuple[tuple[Scope, str, str], ...]
    settings: tuple[tuple[Scope, str, str], ...]
    breakers: tuple[Stop, ...]
    cash: Decimal
    deposits: Decimal
    positions: tuple[tuple[str, Decimal, Decimal, Decimal], ...]
    orders: tuple[OrderRow, ...]
    replaced: tuple[int | None, str] | None
    counts: Counts
    answers: tuple[str, ...]
    notional: tuple[Decimal, ...]
    losses: tuple[str, ...]
    days: tuple[DayRow, ...]

    def day(self, day: dt.date, equity: Decimal, profit: Decimal) -> Day:
        """Return how the account's day goes, of which this may be the first look."""
        row = next((one for one in self.days if one.day == day), None)
        last = row or (self.days[-1] if self.days else None)
        highest = profit if last is None else max(last.highest_profit, profit)
        if row is not None:
            first = row.first_equity, row.first_profit
        else:
            first = begin(last, equity, profit)
        top = equity + highest - profit
        fall = (highest - profit) / top if top > 0 else ZERO
        return Day(first[0], profit - first[1], fall)


def begin(last: DayRow | None, equity: Decimal, profit: Decimal) -> tuple[Decimal, Decimal]:
    """Return equity and profit with which a day begins: where the one before ended."""
    if last is None:
        return equity, profit
    return equity + last.profit - profit, last.profit


def glance(
    account: Account,
    now: dt.datetime,
    where: Iterable[Scope],
    names: Iterable[str],
    *,
    intent: Intent | None = None,
    among: Among = ALONE,
) -> Glance:
    """Read what is stored of an account, for an order in some scopes and underlyings."""
    scopes = list(where)
    today = now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
    body = {} if intent is None else intent.as_json()
    given = {
        "account": account.pk, "owner": account.owner_id, "currency": account.currency,
        "today": today, "now": now, "second": now - SECOND, "minute": now - MINUTE,
        "month": now - NOTIONAL_DAYS, "wash": now - WASH_DAYS, "names": ["", *names],
        "kinds": [one.kind for one in scopes], "targets": [one.id for one in scopes],
        "open": sorted(OPEN), "replaces": among.replaces, "group": among.group or -1,
        "since": today.date() - dt.timedelta(days=10),
        "legs": json.dumps(body.get("legs")), "quantity": json.dumps(body.get("quantity")),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SQL, given)
        (told,) = cursor.fetchone()
    return _parsed(json.loads(told) if isinstance(told, str) else told)


def _parsed(told: dict[str, Any]) -> Glance:
    state, reason, _ = told["standing"] or ("disabled", "It was never armed.", None)
    market_orders, accepted = told["profile"] or (False, "")
    sums = {side: Decimal(text) for side, text in (told["balances"] or {}).items()}
    second, minute, day, same, openings, since = told["counts"]
    answers = tuple(told["answers"] or ())
    refused = next((at for at, one in enumerate(answers) if one != "rejected"), len(answers))
    return Glance(
        plan=told["plan"], state=state, reason=reason, market_orders=market_orders,
        accepted=accepted,
        switches=_scoped(told["switches"]), settings=_scoped(told["limits"]),
        breakers=tuple(
            Stop(Breaker(kind=kind, symbol=symbol).what, is_, why)
            for kind, symbol, is_, why in told["breakers"] or ()
        ),
        cash=sums.get(Side.CASH, ZERO), deposits=-sums.get(Side.DEPOSITS, ZERO),
        positions=tuple(
            (symbol, Decimal(quantity), Decimal(many), Decimal(cost))
            for symbol, quantity, many, cost in told["positions"] or ()
        ),
        orders=tuple(map(_order, told["orders"] or ())),
        replaced=None if told["replaced"] is None else tuple(told["replaced"]),
        counts=Counts(
            second, minute, day, same, refused, openings,
            None if since is None else max(float(since), 0.0),
        ),
        answers=answers, notional=tuple(map(Decimal, told["notional"] or ())),
        losses=tuple(told["losses"] or ()),
        days=tuple(
            DayRow(dt.date.fromisoformat(day), *map(Decimal, numbers))
            for day, *numbers in told["days"] or ()
        ),
    )  # fmt: skip


def _scoped(rows: list[list[str]] | None) -> tuple[tuple[Scope, str, str], ...]:
    return tuple((Scope(kind, target), first, second) for kind, target, first, second in rows or ())


def _order(row: list[Any]) -> OrderRow:
    pk, group, role, quantity, filled, price, held, legs = row
    return OrderRow(
        pk, group, role, Decimal(quantity), Decimal(filled),
        None if price is None else Decimal(price), Decimal(held),
        tuple((symbol, ratio, Decimal(many), Decimal(done)) for symbol, ratio, many, done in legs),
    )  # fmt: skip
