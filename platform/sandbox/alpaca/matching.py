"""At what price, and how much of, an order fills against the quotes as they stand."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from sandbox.alpaca.account import Account
from sandbox.alpaca.checks import net_quote
from sandbox.alpaca.orders import Order
from sandbox.alpaca.prices import Quote

PARTIAL = 0.1
"""How often a fill is only a part, as on Alpaca's paper accounts."""


class Match(NamedTuple):
    """A quantity (units of a package) and the price of each symbol."""

    quantity: Decimal
    prices: Mapping[str, Decimal]


def match(order: Order, account: Account, dice: random.Random) -> Match | None:
    """Return what of an order fills now; None when nothing does. Stops are set off on the way."""
    if order.package:
        return _match_package(order, account, dice)
    quote = account.prices.get(order.symbol)
    if not _set_off(order, quote):
        return None
    price = quote.ask if order.side == "buy" else quote.bid
    size = quote.ask_size if order.side == "buy" else quote.bid_size
    if price <= 0:
        return None
    if order.limit is not None and (order.limit - price) * order.sign < 0:
        return None
    many = _share(min(order.left, size), order, dice)
    return Match(many, {order.symbol: price}) if many > 0 else None


def _match_package(order: Order, account: Account, dice: random.Random) -> Match | None:
    if order.limit is not None and net_quote(order, account) > order.limit:
        return None
    prices, most = {}, order.left
    for leg in order.legs:
        quote = account.prices.get(leg.symbol)
        price = quote.ask if leg.side == "buy" else quote.bid
        size = quote.ask_size if leg.side == "buy" else quote.bid_size
        prices[leg.symbol] = price
        most = min(most, size // leg.ratio)
    many = _share(most, order, dice)
    return Match(many, prices) if many > 0 else None


def _share(most: Decimal, order: Order, dice: random.Random) -> Decimal:
    """Return all of it, or now and then a whole part."""
    if order.time_in_force == "fok" and most < order.left:
        return Decimal(0)
    if order.time_in_force == "fok" or most < 2 or dice.random() >= PARTIAL:
        return most
    return Decimal(dice.randint(1, int(most) - 1))


def _set_off(order: Order, quote: Quote) -> bool:
    """Return whether an order is in the market; a stop is once its price was reached."""
    if order.type == "trailing_stop" and not order.triggered:
        _trail(order, quote)
    if order.stop is None or order.triggered:
        return True
    reached = quote.bid <= order.stop if order.side == "sell" else quote.ask >= order.stop
    order.triggered = reached
    return reached


def _trail(order: Order, quote: Quote) -> None:
    """Let the stop follow the best price since the order began."""
    seen = quote.bid if order.side == "sell" else quote.ask
    better = max if order.side == "sell" else min
    order.best = seen if order.best is None else better(order.best, seen)
    by = order.trail_price
    if by is None:
        by = order.best * (order.trail_percent or Decimal(0)) / 100
    order.stop = (order.best + order.sign * by).quantize(Decimal("0.01"))
