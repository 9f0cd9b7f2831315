"""What margin is asked for: rules of an account, holdings in one underlying, the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, BoolLike, FloatArray, FloatLike, IntArray

BROAD_INDEX_RATE = 0.15
EQUITY_RATE = 0.20
LEAST_RATE = 0.10
LEAST_SHORT = 5.0
LEAST_SHORT_CHEAP = 2.5


@dataclass(frozen=True, slots=True)
class Rules:
    """An account's rules.

    Attributes
    ----------
    stock_long, stock_short : float
        Share of the market value of stock; for short stock on top of its proceeds.
    cash : bool
        No credit: short puts are secured by their strike, short calls by stock alone, and
        spreads are not offered.
    secured : bool
        Short puts that nothing else covers are secured by their strike, spreads are offered.
    """

    stock_long: float
    stock_short: float
    cash: bool = False
    secured: bool = False


REG_T = Rules(0.50, 0.50)
"""Initial: Regulation T, 12 CFR 220.12."""
MAINTENANCE = Rules(0.25, 0.30)
"""FINRA Rule 4210(c); a broker may ask for more."""
CASH = Rules(1.0, np.inf, cash=True)


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """Options on one underlying and shares of it.

    Attributes
    ----------
    spot : float
        Of the underlying, $.
    strikes, prices : (n,) float64
        $ a unit; prices are the options' current market values.
    expiries : (n,) int64
        Any clock that rises, one for all holdings.
    is_call : (n,) bool
    quantity : (n,) float64
        Contracts, below zero for short.
    shares : float
        Of the underlying, below zero for short.
    multiplier : float
        Units a contract.
    rate : float
        Of the spot, for an uncovered short option: `EQUITY_RATE`, `BROAD_INDEX_RATE`, either
        times a fund's leverage.
    """

    spot: float
    strikes: FloatArray
    expiries: IntArray
    is_call: BoolArray
    quantity: FloatArray
    prices: FloatArray
    shares: float = 0.0
    multiplier: float = 100.0
    rate: float = EQUITY_RATE

    @classmethod
    def of(
        cls,
        spot: float,
        strikes: FloatLike = (),
        expiries: FloatLike = (),
        is_call: BoolLike = (),
        quantity: FloatLike = (),
        prices: FloatLike = 0.0,
        *,
        shares: float = 0.0,
        multiplier: float = 100.0,
        rate: float = EQUITY_RATE,
    ) -> Holding:
        """Return a holding of anything that broadcasts to one dimension.

        Raises
        ------
        ValueError
            Naming the field that has a value that is not valid.
        """
        given = {"strikes": strikes, "quantity": quantity, "prices": prices}
        arrays = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
        dates, rights = np.asarray(expiries, dtype=np.int64), np.asarray(is_call, dtype=np.bool_)
        single = {"spot": spot, "shares": shares, "multiplier": multiplier, "rate": rate}
        for name, values in (*arrays.items(), *((n, np.asarray(v)) for n, v in single.items())):
            signed = name in ("quantity", "shares")
            if not np.all(np.isfinite(values) & (signed | (values >= 0.0))):
                raise ValueError(f"{name} has a value that is not finite or is below 0")
        if not (spot > 0.0 and multiplier > 0.0):
            raise ValueError(f"spot is {spot} and multiplier {multiplier}; give both above 0")
        # The strikes say how many there are: a price for all does not make a contract of none.
        shape = np.broadcast_shapes(
            arrays["strikes"].shape, dates.shape, rights.shape, arrays["quantity"].shape
        )
        flat = {name: np.broadcast_to(a, shape).ravel() for name, a in arrays.items()}
        return cls(
            float(spot), flat["strikes"], np.broadcast_to(dates, shape).ravel(),
            np.broadcast_to(rights, shape).ravel(), flat["quantity"], flat["prices"],
            float(shares), float(multiplier), float(rate),
        )  # fmt: skip

    def plus(self, order: Holding) -> Holding:
        """Return what is held once an order on the same underlying is filled, at our spot.

        Raises
        ------
        ValueError
            When the order's contracts have another multiplier.
        """
        if order.multiplier != self.multiplier:
            raise ValueError(
                f"multiplier is {order.multiplier:g} in the order and {self.multiplier:g} held;"
                " keep adjusted contracts as a holding of their own"
            )
        return replace(
            self,
            strikes=np.concatenate([self.strikes, order.strikes]),
            expiries=np.concatenate([self.expiries, order.expiries]),
            is_call=np.concatenate([self.is_call, order.is_call]),
            quantity=np.concatenate([self.quantity, order.quantity]),
            prices=np.concatenate([self.prices, order.prices]),
            shares=self.shares + order.shares,
        )

    def paid(self) -> float:
        """Return what it costs to buy all of this at its prices, below zero for a credit."""
        options = self.multiplier * float(self.quantity @ self.prices)
        return options + self.shares * self.spot


class Piece(NamedTuple):
    """A part of the requirement, to show: what it is for, contracts, and $.

    `kind` is stock, covered, spread, straddle or naked; `expiry` that of its short options, None
    where it has none or several.
    """

    kind: str
    expiry: int | None
    contracts: float
    amount: float


class Requirement(NamedTuple):
    """Margin in $, not below 0, held against cash that has the proceeds of sales in it.

    `naked` is what the options would need without any pairing, `uncovered` the contracts that
    neither stock nor a long option covers.
    """

    total: float
    options: float
    stock: float
    naked: float
    uncovered: float
    pieces: tuple[Piece, ...]
