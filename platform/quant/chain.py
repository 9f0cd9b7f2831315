"""The option chain of one underlying at one instant, as plain arrays."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from quant.arrays import BoolArray, FloatArray, IntArray

NANOSECONDS_PER_YEAR = 31_536_000 * 1_000_000_000
"""365 days of 86,400 s: the calendar clock on which every time to expiry is measured."""

_SCALARS = ("time", "spot", "r", "q", "american")
_DTYPES = {"expiries": np.int64, "is_call": np.bool_}


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Quotes of n contracts of one underlying, identified by their position.

    The usual order, which `order` computes, is by expiry, strike, call before put; no method
    depends on it. Arrays are kept as read-only views and are never modified.

    Attributes
    ----------
    time : int
        Instant of the snapshot, ns since the epoch, UTC.
    spot : float
        Price of the underlying, in its currency; finite and above zero.
    strikes : (n,) float64
        Finite and above zero.
    expiries : (n,) int64
        Settlement instants, ns since the epoch, UTC.
    is_call : (n,) bool
    bids, asks : (n,) float64
        Quotes in currency per unit of the underlying; NaN when there is none.
    bid_sizes, ask_sizes, open_interest, volume : (n,) float64
        Contracts; NaN when not known.
    multiplier : (n,) float64
        Units of the underlying per contract.
    r, q : float
        Continuously compounded rate and dividend yield, per year.
    american : bool
        Whether the contracts can be exercised early.

    Raises
    ------
    ValueError
        Naming the field, when lengths differ or a required number is not finite.
    """

    time: int
    spot: float
    strikes: FloatArray
    expiries: IntArray
    is_call: BoolArray
    bids: FloatArray
    asks: FloatArray
    bid_sizes: FloatArray
    ask_sizes: FloatArray
    open_interest: FloatArray
    volume: FloatArray
    multiplier: FloatArray
    r: float = 0.0
    q: float = 0.0
    american: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name not in _SCALARS:
                self._freeze(field.name)
        for name in ("r", "q"):
            if not np.isfinite(getattr(self, name)):
                raise ValueError(f"{name} is not finite")
        if not (np.isfinite(self.spot) and self.spot > 0):
            raise ValueError("spot is not a finite number above zero")
        for name in ("strikes", "multiplier"):
            values = getattr(self, name)
            if not np.all(np.isfinite(values) & (values > 0)):
                raise ValueError(f"{name} has a value that is not a finite number above zero")

    def _freeze(self, name: str) -> None:
        given: npt.NDArray[Any] = np.asarray(
            getattr(self, name), dtype=_DTYPES.get(name, np.float64)
        )
        if given.shape != np.shape(self.strikes) or given.ndim != 1:
            raise ValueError(f"{name} has shape {given.shape}, strikes {np.shape(self.strikes)}")
        view = given.view()
        view.flags.writeable = False
        object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return int(self.strikes.size)

    def years(self) -> FloatArray:
        """Return calendar years to settlement, never below zero, to the nanosecond."""
        left: FloatArray = np.maximum(self.expiries - self.time, 0) / NANOSECONDS_PER_YEAR
        return left

    def mids(self) -> FloatArray:
        """Return quote midpoints, NaN unless 0 <= bid <= ask and ask > 0."""
        quoted = (self.bids >= 0) & (self.bids <= self.asks) & (self.asks > 0)
        quoted &= np.isfinite(self.asks)
        return np.where(quoted, 0.5 * self.bids + 0.5 * self.asks, np.nan)

    def order(self) -> IntArray:
        """Return the positions that sort by expiry, strike, call before put."""
        return np.lexsort((~self.is_call, self.strikes, self.expiries))

    def select(self, which: npt.ArrayLike) -> "Chain":
        """Return the contracts of a boolean mask, or those at the given positions, in order."""
        index = np.asarray(which)
        parts = {
            field.name: getattr(self, field.name)
            if field.name in _SCALARS
            else getattr(self, field.name)[index]
            for field in fields(self)
        }
        return Chain(**parts)

    def expiry_values(self) -> IntArray:
        """Return the distinct settlement instants, ascending, ns UTC."""
        return np.unique(self.expiries)
