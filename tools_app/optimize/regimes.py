"""Bull, bear or sideways at each row: a rule of the closes up to that row alone.

The trend of a row is the log return over the last `WINDOW` rows divided by the root of the sum of
the squared returns of those rows: under a random walk without drift it is about standard normal at
any volatility. Above `STRENGTH` the row is bull, below its negative bear, and sideways between, so
that a random walk is in each about a third of the time. A row without a price keeps the price
before it; until the window is full, no regime is known and none is assumed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from market.features import rolling
from market.frames import FloatArray

WINDOW: Final = 120
"""Rows: half a year of sessions at 1d, two hours at 1m."""
STRENGTH: Final = 0.43
BoolArray = npt.NDArray[np.bool_]


class Regime(StrEnum):
    """Where a market goes."""

    BULL = "bull"
    BEAR = "bear"
    SIDEWAYS = "sideways"


def trend(close: FloatArray) -> FloatArray:
    """Return the trend of each row in usual moves, NaN until the window is full.

    Parameters
    ----------
    close : (T,) float64
        NaN where there is no price.

    Returns
    -------
    (T,) float64
        0 where no price moved in the window.
    """
    logs = rolling.log(carried(close))
    moved = logs - rolling.shift(logs, WINDOW)
    steps = logs - rolling.shift(logs, 1)
    size = np.sqrt(rolling.total(steps * steps, WINDOW))
    return np.where(size == 0.0, 0.0, rolling.ratio(moved, size))


def carried(close: FloatArray) -> FloatArray:
    """Return the newest price known at each row, NaN before the first."""
    place = np.where(np.isfinite(close), np.arange(close.size), -1)
    newest = np.maximum.accumulate(place)
    found: FloatArray = np.where(newest < 0, np.nan, close[newest])
    return found


def rows_in(regime: Regime, close: FloatArray) -> BoolArray:
    """Return which rows are in a regime; a row without a known trend is in none."""
    strength = trend(close)
    if regime is Regime.BULL:
        found: BoolArray = strength > STRENGTH
    elif regime is Regime.BEAR:
        found = strength < -STRENGTH
    else:
        found = np.abs(strength) <= STRENGTH
    return found
