"""What a trade costs besides its price: rates of `quant.fee_rates` applied, on arrays or exactly.

Brokers add up each fee over the day and round it up to the cent (Alpaca's documentation of
regulatory fees); `posted` does. A single trade's fees are therefore never rounded here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from typing import Final, NamedTuple

import numpy as np

from quant.arrays import BoolArray, BoolLike, FloatArray, FloatLike
from quant.fee_rates import Asset, Pays, Rate, Unit

CENT: Final = Decimal("0.01")


class Charges(NamedTuple):
    """Fees by name and trade.

    `names` are those in force; `amounts` (names, n) float64 in currency, not rounded; `confirmed`
    whether every rate was confirmed for that day.
    """

    names: tuple[str, ...]
    amounts: FloatArray
    confirmed: bool

    @property
    def total(self) -> FloatArray:
        """All fees of each trade."""
        total: FloatArray = self.amounts.sum(axis=0)
        return total


def in_force(rates: Iterable[Rate], day: dt.date) -> tuple[Rate, ...]:
    """Return the rate of each name that holds on a day; before its first day, its first one."""
    found: dict[str, Rate] = {}
    for rate in sorted(rates, key=lambda rate: rate.since):
        if rate.since <= day or rate.name not in found:
            found[rate.name] = rate
    return tuple(found.values())


def charges(
    rates: Iterable[Rate],
    day: dt.date,
    asset: Asset,
    *,
    side: FloatLike,
    quantity: FloatLike,
    price: FloatLike,
    multiplier: FloatLike = 1.0,
    maker: BoolLike = False,
) -> Charges:
    """Return the fees of trades in one kind of asset on one day.

    Parameters
    ----------
    rates : iterable of Rate
    day : date
        Of the trade.
    asset : Asset
    side : float64, broadcast together with those that follow
        Above 0 buys, below 0 sells.
    quantity : float64
        Shares, contracts or coins, above 0.
    price : float64
        Per unit, as quoted. A negative one has no value to charge on.
    multiplier : float64
        Shares of a contract.
    maker : bool
        Whether the order rested.

    Returns
    -------
    Charges
    """
    sold = np.asarray(side, dtype=np.float64) < 0.0
    rested = np.asarray(maker, dtype=bool)
    count, worth, size = np.broadcast_arrays(
        np.asarray(quantity, dtype=np.float64), np.asarray(price, dtype=np.float64),
        np.asarray(multiplier, dtype=np.float64), sold, rested, subok=False,
    )[:3]  # fmt: skip
    base = {
        Unit.UNIT: count,
        Unit.SHARE: count * size,
        Unit.VALUE: np.maximum(worth, 0.0) * count * size,
    }
    payers: dict[Pays, BoolArray] = {
        Pays.ALL: np.ones_like(sold), Pays.SELLER: sold, Pays.MAKER: rested, Pays.TAKER: ~rested,
    }  # fmt: skip
    held = [rate for rate in in_force(rates, day) if asset in rate.assets]
    amounts = np.zeros((len(held), *count.shape))
    for row, rate in enumerate(held):
        due = base[rate.unit] * float(rate.amount)
        if rate.cap is not None:
            due = np.minimum(due, float(rate.cap))
        amounts[row] = np.where(payers[rate.pays], due, 0.0)
    surely = all(rate.confirmed and rate.since <= day for rate in held)
    return Charges(tuple(rate.name for rate in held), amounts, surely)


def exact(
    rates: Iterable[Rate],
    day: dt.date,
    asset: Asset,
    *,
    side: int,
    quantity: Decimal,
    price: Decimal,
    multiplier: Decimal = Decimal(1),
    maker: bool = False,
) -> dict[str, Decimal]:
    """Return the fees of one trade by name, exactly; parameters as of `charges`."""
    base = {
        Unit.UNIT: quantity,
        Unit.SHARE: quantity * multiplier,
        Unit.VALUE: max(price, Decimal(0)) * quantity * multiplier,
    }
    pays = {Pays.ALL: True, Pays.SELLER: side < 0, Pays.MAKER: maker, Pays.TAKER: not maker}
    due = {}
    for rate in in_force(rates, day):
        if asset in rate.assets and pays[rate.pays]:
            amount = base[rate.unit] * rate.amount
            due[rate.name] = amount if rate.cap is None else min(amount, rate.cap)
    return due


def posted(amounts: Iterable[Decimal]) -> Decimal:
    """Return what one day's amounts of one fee come to in the account: rounded up to the cent."""
    return sum(amounts, Decimal(0)).quantize(CENT, ROUND_CEILING)
