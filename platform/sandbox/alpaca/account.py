"""The account: cash, positions, what it may do, and the list of what happened to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sandbox.alpaca.clock import stamp
from sandbox.alpaca.orders import ZERO, Order
from sandbox.alpaca.prices import Prices
from sandbox.alpaca.symbols import asset_id, contract, kind, multiplier, text

UNBOUNDED: Final = Decimal("Infinity")
_CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class Held:
    """A position: below zero when short. `cost` is its whole cost, of the same sign."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    def move(self, quantity: Decimal, price: Decimal, many: Decimal) -> None:
        """Add a quantity; what closes leaves at its average cost."""
        if self.quantity * quantity >= 0:
            self.cost += quantity * price * many
        elif abs(quantity) <= abs(self.quantity):
            self.cost += self.cost * quantity / self.quantity
        else:
            self.cost = (self.quantity + quantity) * price * many
        self.quantity += quantity


@dataclass(slots=True)
class Account:
    """One account with money, made up."""

    id: str
    number: str
    prices: Prices
    cash: Decimal = Decimal(100_000)
    level: int = 3
    """How far it may trade options: 0 nothing, 1 covered, 2 long, 3 spreads."""
    margin: int = 2
    status: str = "ACTIVE"
    shorting: bool = True
    suspended: bool = False
    """By `account/configurations`."""
    blocked: bool = False
    positions: dict[str, Held] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)

    def quantity(self, symbol: str) -> Decimal:
        """Return what is held of a symbol."""
        held = self.positions.get(symbol)
        return held.quantity if held else ZERO

    def trade(self, symbol: str, quantity: Decimal, price: Decimal) -> None:
        """Book a trade: a quantity, below zero when sold, at a price each."""
        many = multiplier(symbol)
        held = self.positions.setdefault(symbol, Held())
        held.move(quantity, price, many)
        self.cash -= quantity * price * many
        if held.quantity == 0:
            del self.positions[symbol]

    def worth(self, symbol: str) -> Decimal:
        """Return the market's value of a position."""
        held = self.quantity(symbol)
        return held * self.prices.get(symbol).mid * multiplier(symbol)

    @property
    def equity(self) -> Decimal:
        """Cash and the value of all positions."""
        return self.cash + sum((self.worth(symbol) for symbol in self.positions), ZERO)

    def collateral(self) -> Decimal:
        """Return what the options held may still cost at the worst."""
        by_root: dict[str, dict[str, Decimal]] = {}
        for symbol, held in self.positions.items():
            option = contract(symbol)
            if option is not None:
                by_root.setdefault(option.underlying, {})[symbol] = held.quantity
        return sum((worst(legs, self.quantity(root)) for root, legs in by_root.items()), ZERO)

    def power(self, orders: Iterable[Order]) -> tuple[Decimal, Decimal]:
        """Return what is free for shares and for options, given the open orders."""
        held = sum((one.held for one in orders), ZERO)
        bound = sum(
            (abs(self.worth(symbol)) for symbol in self.positions if not contract(symbol)), ZERO
        )
        shares = self.equity * self.margin - bound - held - self.collateral()
        options = self.cash - held - self.collateral()
        return max(shares, ZERO), max(options, ZERO)

    def note(self, kind_: str, at: dt.datetime, ident: str, **more: Any) -> dict[str, Any]:
        """Add what happened to the list of activities and return it."""
        local = at.astimezone(dt.UTC)
        made = {
            "id": f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}::{ident}",
            "account_id": self.id, "activity_type": kind_, **more,
        }  # fmt: skip
        self.activities.append(made)
        return made

    # --- how Alpaca shows it --------------------------------------------------------------------
    def shape(self, orders: Iterable[Order], now: dt.datetime) -> dict[str, Any]:
        """Return the account as Alpaca shows it; the removed day-trading fields are not there."""
        shares, options = self.power(orders)
        long = sum((max(self.worth(one), ZERO) for one in self.positions), ZERO)
        short = sum((min(self.worth(one), ZERO) for one in self.positions), ZERO)
        return {
            "id": self.id, "account_number": self.number, "status": self.status,
            "crypto_status": self.status, "currency": "USD", "cash": _money(self.cash),
            "buying_power": _money(shares), "regt_buying_power": _money(shares),
            "options_buying_power": _money(options),
            "non_marginable_buying_power": _money(max(self.cash, ZERO)),
            "equity": _money(self.equity), "last_equity": _money(self.equity),
            "portfolio_value": _money(self.equity), "long_market_value": _money(long),
            "short_market_value": _money(short), "multiplier": str(self.margin),
            "initial_margin": _money(long - short), "maintenance_margin": _money(long - short),
            "accrued_fees": "0", "trading_blocked": self.blocked, "transfers_blocked": False,
            "account_blocked": False, "trade_suspended_by_user": self.suspended,
            "shorting_enabled": self.shorting, "created_at": stamp(now),
            "options_approved_level": self.level, "options_trading_level": self.level,
        }  # fmt: skip

    def position(self, symbol: str, orders: Iterable[Order]) -> dict[str, Any]:
        """Return a position as Alpaca shows it."""
        held = self.positions[symbol]
        many = multiplier(symbol)
        price = self.prices.get(symbol).mid
        closing = sum((leg.left for one in orders for leg in _parts(one)
                       if leg.symbol == symbol and leg.sign * held.quantity < 0), ZERO)  # fmt: skip
        value = held.quantity * price * many
        profit = value - held.cost
        return {
            "asset_id": asset_id(symbol), "symbol": symbol.replace("/", ""), "exchange": "",
            "asset_class": kind(symbol), "asset_marginable": kind(symbol) == "us_equity",
            "avg_entry_price": text(held.cost / held.quantity / many),
            "qty": text(held.quantity), "side": "long" if held.quantity > 0 else "short",
            "market_value": _money(value), "cost_basis": _money(held.cost),
            "unrealized_pl": _money(profit),
            "unrealized_plpc": text((profit / abs(held.cost)).quantize(Decimal("0.000001")))
            if held.cost else "0",
            "unrealized_intraday_pl": "0", "unrealized_intraday_plpc": "0",
            "current_price": text(price), "lastday_price": text(price), "change_today": "0",
            "qty_available": text(abs(held.quantity) - closing),
        }  # fmt: skip


def worst(legs: Mapping[str, Decimal], shares: Decimal = ZERO) -> Decimal:
    """Return the most that option legs of one root can cost at expiry, 0 or more.

    Shares held cover short calls. Infinity when there is no bound.
    """
    options = [(contract(symbol), quantity * 100) for symbol, quantity in legs.items()]
    slope = sum((many for one, many in options if one and one.right == "C"), max(shares, ZERO))
    if slope < 0:
        return UNBOUNDED
    strikes = [one.strike for one, _ in options if one]
    lowest = ZERO
    for spot in (ZERO, *strikes):
        paid = sum((many * max((spot - one.strike) if one.right == "C" else (one.strike - spot),
                               ZERO) for one, many in options if one), ZERO)  # fmt: skip
        cover = max(shares, ZERO) * max(spot - min(strikes), ZERO)
        lowest = min(lowest, paid + cover)
    return -lowest


def _parts(order: Order) -> list[Order]:
    return order.legs if order.package else [order]


def _money(value: Decimal) -> str:
    return text(value.quantize(_CENT))
