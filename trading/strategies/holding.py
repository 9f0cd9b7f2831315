"""What a strategy's trade holds, by the fills of its own orders and at most what its account has.

What ended otherwise (expiry, assignment, the venue's sweep, its owner's hand) is left to the books.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.ledger.book import ZERO, total
from trading.models import Order, Position, StrategyTrade
from trading.orders.machine import FINAL


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trade stands: units bought, left, and still held; the exit's order that is open."""

    bought: Decimal
    held: Decimal
    elsewhere: Decimal
    """Units that ended without an order of the trade."""
    exit: Order | None
    over: bool
    """Whether nothing more of its entry can fill."""


def standing(trade: StrategyTrade) -> Standing:
    """Return how a trade stands by its orders and the account's positions."""
    return standings([trade])[trade.pk]


def standings(trades: Sequence[StrategyTrade]) -> dict[int, Standing]:
    """Return how some trades stand, asked for at once."""
    exits = exit_orders(trades)
    symbols = {symbol for trade in trades for symbol, _, _ in trade.legs}
    rows = Position.objects.filter(
        account__in={one.strategy.account_id for one in trades}, symbol__in=symbols
    )
    held: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for account, symbol, quantity in rows.values_list("account", "symbol", "quantity"):
        held[account][symbol] = quantity
    return {one.pk: _standing(one, exits[one.pk], held[one.strategy.account_id]) for one in trades}


def _standing(
    trade: StrategyTrade, exits: Sequence[Order], positions: Mapping[str, Decimal]
) -> Standing:
    entry = trade.entry
    bought: Decimal = entry.filled_quantity
    held = total((bought, *(-one.filled_quantity for one in exits)))
    there = min(held, _units_there(trade, positions))
    working = next((one for one in exits if one.state not in FINAL), None)
    return Standing(bought, there, total((held, -there)), working, entry.state in FINAL)


def exit_orders(trades: Sequence[StrategyTrade]) -> dict[int, list[Order]]:
    """Return the orders that were to leave some trades, the newest first."""
    entries = {one.pk: one.entry_id for one in trades}
    found: dict[int, list[Order]] = {one.pk: [] for one in trades}
    rows = Order.objects.filter(of_strategy__trade__in=list(entries))
    for order in rows.select_related("of_strategy").order_by("-pk"):
        trade = order.of_strategy.trade_id
        if trade is not None and order.pk != entries[trade]:
            found[trade].append(order)
    return found


def _units_there(trade: StrategyTrade, held: Mapping[str, Decimal]) -> Decimal:
    """Return the whole units of a trade's structure that its account has positions for."""
    parts = [held.get(symbol, ZERO) / ratio for symbol, ratio, _ in trade.legs]
    return max(Decimal(int(min(parts))), ZERO)
