"""What a strategy's trade holds, by the fills of its own orders and at most what its account has.

What ended otherwise (expiry, assignment, the venue's sweep, its owner's hand) is left to the books.
"""

from __future__ import annotations

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
    entry = trade.entry
    exits = list(exit_orders(trade))
    bought: Decimal = entry.filled_quantity
    held = total((bought, *(-one.filled_quantity for one in exits)))
    there = min(held, _units_there(trade))
    working = next((one for one in exits if one.state not in FINAL), None)
    return Standing(bought, there, total((held, -there)), working, entry.state in FINAL)


def exit_orders(trade: StrategyTrade) -> list[Order]:
    """Return the orders that were to leave a trade, the newest first."""
    rows = Order.objects.filter(of_strategy__trade=trade).exclude(pk=trade.entry_id)
    return list(rows.order_by("-pk"))


def _units_there(trade: StrategyTrade) -> Decimal:
    """Return the whole units of a trade's structure that its account has positions for."""
    symbols = [symbol for symbol, _, _ in trade.legs]
    rows = Position.objects.filter(account_id=trade.strategy.account_id, symbol__in=symbols)
    held: dict[str, Decimal] = dict(rows.values_list("symbol", "quantity"))
    parts = [held.get(symbol, ZERO) / ratio for symbol, ratio, _ in trade.legs]
    return max(Decimal(int(min(parts))), ZERO)
