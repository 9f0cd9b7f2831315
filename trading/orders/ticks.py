"""The steps in which prices are quoted, and prices on them.

Options in steps of $0.01 below $3 and $0.05 from there on, the indices' in twice or five times
that, a few names in cents at every price (Cboe and Nasdaq product specifications). The net price
of a package, shares and coins are in cents.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final, NamedTuple

from market import occ
from trading.orders.intents import Intent, Leg, OrderError

CENT: Final = Decimal("0.01")
_CENTS: Final = frozenset({"SPY", "QQQ", "IWM", "XSP"})
"""Roots whose options trade in cents at every price."""
_COARSE: Final = frozenset({"SPX", "SPXW", "NDX", "NDXP", "RUT", "RUTW"})
"""Roots in 0.05, from $3 on in 0.10."""


class Steps(NamedTuple):
    """The steps of a price, $: `tick` below `wide_from`, `wide` from there on."""

    tick: Decimal
    wide: Decimal
    wide_from: Decimal

    def at(self, price: Decimal) -> Decimal:
        """Return the step at a price."""
        return self.wide if abs(price) >= self.wide_from else self.tick

    def rounded(self, price: Decimal, rounding: str) -> Decimal:
        """Return a price on the steps, at least one of them."""
        step = self.at(price)
        return max((price / step).to_integral_value(rounding) * step, step)


_EVEN: Final = Steps(CENT, CENT, Decimal("Infinity"))


def steps_of(symbol: str) -> Steps:
    """Return the steps of an instrument's price."""
    try:
        root = occ.parse(symbol).root
    except occ.OccError:
        return _EVEN
    if root in _CENTS:
        return _EVEN
    five, three = Decimal("0.05"), Decimal(3)
    return Steps(five, 2 * five, three) if root in _COARSE else Steps(CENT, five, three)


def no_worse(legs: tuple[Leg, ...], price: Decimal) -> Decimal:
    """Return the nearest limit on the steps that is no worse than this one."""
    if len(legs) > 1:
        return price.quantize(CENT, ROUND_FLOOR)
    rounding = ROUND_FLOOR if legs[0].ratio > 0 else ROUND_CEILING
    return steps_of(legs[0].symbol).rounded(price, rounding)


def no_better(legs: tuple[Leg, ...], price: Decimal) -> Decimal:
    """Return the nearest limit on the steps that trades at least where this one does."""
    if len(legs) > 1:
        return price.quantize(CENT, ROUND_CEILING)
    rounding = ROUND_CEILING if legs[0].ratio > 0 else ROUND_FLOOR
    return steps_of(legs[0].symbol).rounded(price, rounding)


def nearest(legs: tuple[Leg, ...], price: Decimal) -> Decimal:
    """Return the nearest limit on the steps."""
    if len(legs) > 1:
        return price.quantize(CENT, ROUND_HALF_EVEN)
    return steps_of(legs[0].symbol).rounded(price, ROUND_HALF_EVEN)


def check(intent: Intent) -> None:
    """Raise OrderError where a price of one option lies between two steps."""
    if len(intent.legs) != 1:  # a package is in cents, and no leg at all is no order
        return
    symbol = intent.legs[0].symbol
    steps = steps_of(symbol)
    if steps is _EVEN:
        return
    for name in ("limit_price", "stop_price"):
        price: Decimal | None = getattr(intent, name)
        if price is None or price <= 0 or price % steps.at(price) == 0:
            continue
        low, high = (steps.rounded(price, way) for way in (ROUND_FLOOR, ROUND_CEILING))
        raise OrderError(
            name, f"At this price {symbol} trades in steps of {steps.at(price)}: "
            f"give {low:f} or {high:f}.",
        )  # fmt: skip
