"""The facts of an order, out of the database and the market, for the rules to judge."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.plans import FREE
from market.clock import NEW_YORK
from quant.account_classes import AccountClass, account_class
from trading import scopes
from trading.brokers.catalogue import OFFERS
from trading.ledger.book import ZERO, total
from trading.models import Account, Order
from trading.orders.gate import ALONE, Among
from trading.orders.intents import Intent
from trading.risk import greeks, limits, markets
from trading.risk.facts import Book, Day, Facts, Ground, Holding, Leg, Sensitivity, Standing, Stop
from trading.risk.glance import Glance, OrderRow, glance
from trading.risk.history import day_trades
from trading.risk.markets import Seen
from trading.risk.pending import OpenOrder, closes, grouped

FEWEST: Final = 10
"""Orders from which on a median says what is usual."""
RISKS: Final = "2026-11"
"""Version of the words on the risks that an owner of a live account accepts."""
DAY_RULES: Final = ("intraday_margin", "legacy_pdt")
OLD_RULE_UNTIL: Final = dt.date(2027, 10, 20)
"""After which no broker may count day trades any more (SR-FINRA-2025-017)."""


@dataclass(slots=True)
class Gathering:
    """What is looked up once for one decision; without `now` each market by the clock of then."""

    account: Account
    now: dt.datetime | None = None
    seen: dict[str, Seen] = field(default_factory=dict)

    def market(self, name: str) -> Seen:
        """Return the market of an underlying."""
        if name not in self.seen:
            self.seen[name] = markets.look(self.account, name, self.now)
        return self.seen[name]

    def holding(self, symbol: str, quantity: Decimal, multiplier: Decimal) -> Holding:
        """Return a quantity with its quote."""
        instrument = markets.instrument_of(symbol, multiplier)
        return self.market(instrument.underlying).holding(instrument, quantity)

    @property
    def grounds(self) -> dict[str, Ground]:
        """Every market that was looked at."""
        return {name: one.ground for name, one in self.seen.items()}


def facts_of(
    account: Account, intent: Intent, now: dt.datetime | None = None, *, among: Among = ALONE
) -> Facts:
    """Return what the gate knows of an order; call it under the account's lock."""
    look = Gathering(account, now)
    now = now or timezone.now()
    names = list(dict.fromkeys(
        markets.instrument_of(one.symbol, one.multiplier).underlying for one in intent.legs
    ))  # fmt: skip
    symbols = [one.symbol for one in intent.legs]
    where = scopes.of_order(account.owner_id, account.pk, intent.origin, symbols)
    kept = glance(account, now, where, names, intent=intent, among=among)
    orders, entry = _open_orders(look, kept, among)
    positions = _positions(look, kept, entry)
    pending, left = grouped(orders, {one.instrument.symbol: one.quantity for one in positions})
    legs = tuple(_legs(look, intent, left))
    equity = _equity(kept.cash, positions)
    plan, size = kept.plan or FREE, _size(equity)
    day = market_day([one.ground for one in look.seen.values()], now)
    order = [leg.as_holding() for leg in legs]
    sums = _greeks(look, positions, order, [way.moves for one in pending for way in one.outcomes])
    parts = iter(sums[2:])
    rule = day_rule(account.broker, now.date())
    return Facts(
        at=now, account=_standing(account, plan, kept), limits=_limits(account, plan, size, kept),
        size=size, intent=intent, legs=legs, grounds=look.grounds, positions=positions,
        pending=pending, cash=kept.cash, credit=account.credit, counts=kept.counts, equity=equity,
        deposits=kept.deposits,
        day=_day(kept, day, equity),
        stops=tuple(Stop(str(scope), state, why) for scope, state, why in kept.switches),
        breakers=kept.breakers, greeks_held=sums[0], greeks_order=sums[1],
        greeks_pending=None if None in sums[2:] else tuple(
            tuple(known for _ in one.outcomes if (known := next(parts)) is not None)
            for one in pending
        ),
        median=median(kept.notional) if len(kept.notional) >= FEWEST else None,
        losses=frozenset(scopes.underlying(one) for one in kept.losses),
        day_trades=day_trades(account, now) if rule == DAY_RULES[1] else None, day_rule=rule,
        objection=_objection(account, intent, legs, among),
    )  # fmt: skip


def book_of(account: Account, now: dt.datetime | None = None) -> Book:
    """Return what the breakers watch of an account; call it under the account's lock."""
    look = Gathering(account, now)
    now = now or timezone.now()
    where = scopes.of_order(account.owner_id, account.pk, "", ())
    kept = glance(account, now, where, ())
    positions = _positions(look, kept, ())
    equity = _equity(kept.cash, positions)
    told = _limits(account, kept.plan or FREE, _size(equity), kept)
    day = market_day(list(look.grounds.values()), now)
    costs = {symbol: cost for symbol, _, _, cost in kept.positions}
    losses: dict[str, Decimal] = defaultdict(Decimal)
    for one in positions:
        mark = mark_of(one)
        if mark is not None:
            losses[one.instrument.underlying] += costs[one.instrument.symbol] - one.units * mark
    return Book(
        now, told, look.grounds, equity, kept.deposits,
        _day(kept, day, equity),
        dict(losses), kept.counts.refusals,
    )  # fmt: skip


def _objection(account: Account, intent: Intent, legs: Sequence[Leg], among: Among) -> str:
    """Return why the broker would refuse it; what trades on paper here takes every order."""
    offer = OFFERS.get(account.broker)
    if offer is None:
        return ""
    closing = tuple(one.closing for one in legs)
    return offer.objection(intent, closing, waits=among.role == Order.Role.EXIT)


def _limits(account: Account, plan: str, size: AccountClass | None, kept: Glance) -> limits.Limits:
    told = limits.effective(
        plan, live=account.mode == Account.Mode.LIVE, settings=kept.settings,
        own=scopes.Scope("account", str(account.pk)),
    )  # fmt: skip
    return told if size is None else limits.within_class(told, size)


def _day(kept: Glance, day: dt.date, equity: Decimal | None) -> Day | None:
    """Return how the day goes; None without a mark, or for an account that has no money yet."""
    if equity is None or not (equity or kept.deposits):
        return None
    return kept.day(day, equity, equity - kept.deposits)


def day_rule(broker: str, day: dt.date) -> str:
    """Return which rule of day trades a broker applies: the old one while it says so."""
    old = broker in settings.LEGACY_PDT_BROKERS and day < OLD_RULE_UNTIL
    return DAY_RULES[1] if old else DAY_RULES[0]


def market_day(grounds: Sequence[Ground], now: dt.datetime) -> dt.date:
    """Return the day on the clock of the markets that an account is in, the latest of them."""
    return max((one.now for one in grounds), default=now).astimezone(NEW_YORK).date()


def _standing(account: Account, plan: str, kept: Glance) -> Standing:
    return Standing(
        account.pk, account.mode == Account.Mode.LIVE, account.broker, plan, kept.state,
        kept.reason, live_enabled=settings.LIVE_TRADING, opted_in=kept.accepted == RISKS,
        market_orders=kept.market_orders,
    )  # fmt: skip


def _size(equity: Decimal | None) -> AccountClass | None:
    return None if equity is None else account_class(float(equity))


def _equity(cash: Decimal, positions: Iterable[Holding]) -> Decimal | None:
    """Return cash and marks, None where one is not known."""
    parts = [cash]
    for one in positions:
        mark = mark_of(one)
        if mark is None:
            return None
        parts.append(one.units * mark)
    return total(parts)


def mark_of(one: Holding) -> Decimal | None:
    """Return the middle of a quote, None where there is none."""
    return None if one.quote is None else one.quote.mid


def _open_orders(
    look: Gathering, kept: Glance, among: Among
) -> tuple[list[OpenOrder], tuple[Holding, ...]]:
    """Return the other open orders, oldest first, and what the entry of its own group still moves.

    Of those in the order's own group one alone fills, so they are left out; so is the order that
    it replaces. An exit is sent once its entry has filled: it is judged as if it had.
    """
    group, role = kept.replaced or (among.group, among.role)
    found: list[OpenOrder] = []
    entry: tuple[Holding, ...] = ()
    for row in kept.orders:
        if row.pk == among.replaces:
            continue
        moves = tuple(_left(look, row))
        if group is not None and row.group == group:
            if role == Order.Role.EXIT and row.role == Order.Role.ENTRY:
                entry = moves
            continue
        found.append(OpenOrder(row.pk, moves, _cost(row, moves), row.held, row.group, row.role))
    return found, entry


def _left(look: Gathering, row: OrderRow) -> Iterable[Holding]:
    for symbol, ratio, multiplier, filled in row.legs:
        rest = max(row.quantity * abs(ratio) - filled, ZERO)
        if rest:
            yield look.holding(symbol, rest if ratio > 0 else -rest, multiplier)


def _cost(row: OrderRow, moves: tuple[Holding, ...]) -> Decimal:
    """Return what the rest of an order costs at its limit; without one, what it holds."""
    if row.limit_price is None or not moves:
        return row.held
    scale = max(one.instrument.multiplier for one in moves)
    sold = len(row.legs) == 1 and row.legs[0][1] < 0
    net = -row.limit_price if sold else row.limit_price
    return net * scale * (row.quantity - row.filled)


def _positions(look: Gathering, kept: Glance, entry: tuple[Holding, ...]) -> tuple[Holding, ...]:
    """Return what is held, with an entry that is taken to fill."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    many: dict[str, Decimal] = {}
    for symbol, quantity, multiplier, _ in kept.positions:
        sums[symbol] += quantity
        many[symbol] = multiplier
    for one in entry:
        sums[one.instrument.symbol] += one.quantity
        many[one.instrument.symbol] = one.instrument.multiplier
    return tuple(
        look.holding(symbol, quantity, many[symbol])
        for symbol, quantity in sums.items()
        if quantity
    )


def _legs(look: Gathering, intent: Intent, left: dict[str, Decimal]) -> Iterable[Leg]:
    for one in intent.legs:
        quantity = intent.quantity * one.ratio
        held = look.holding(one.symbol, quantity, one.multiplier)
        seen = look.market(held.instrument.underlying)
        yield Leg(
            held.instrument, one.ratio, quantity, held.quote,
            closes(quantity, left.get(one.symbol, ZERO)), seen.listed(held.instrument),
        )  # fmt: skip


def _greeks(
    look: Gathering,
    positions: Sequence[Holding],
    order: Sequence[Holding],
    ways: Sequence[Sequence[Holding]],
) -> list[Sensitivity | None]:
    """Return the Greeks of positions, of the order, and of each way that others may fill."""
    groups = [positions, order, *ways]
    flat = greeks.sensitivities([one for part in groups for one in part], look.grounds)
    parts = iter(flat)
    return [greeks.summed([next(parts) for _ in group]) for group in groups]
