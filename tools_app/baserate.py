"""What every row would have gained, whether a tool fired there or not: the base rate of signals.

The same rules as `tools_app.outcomes`, on all rows of a session at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.frames import FloatArray
from tools_app.outcomes import USUAL_LEAST, USUAL_ROWS


class Windows(NamedTuple):
    """The horizon after each row; NaN where there is no price or no later row.

    Attributes
    ----------
    gain : (t,) float64
        Log return to the horizon, or to the last row where that comes first.
    scale : (t,) float64
        Usual move over the horizon; NaN where too few rows came before.
    excess : (t,) float64
        Sum of squared returns over the usual one, less 1.
    """

    gain: FloatArray
    scale: FloatArray
    excess: FloatArray


class Base(NamedTuple):
    """Sums over rows that were seen, which add up over sessions.

    `rows` have a gain and a usual move; `up` and `down` are how many gained and lost; `moves` is
    the sum of gains in usual moves; `above`, `below` and `excess` the same of variance.
    """

    rows: int = 0
    up: int = 0
    down: int = 0
    moves: float = 0.0
    above: int = 0
    below: int = 0
    excess: float = 0.0

    def plus(self, other: Base) -> Base:
        """Return the sums over both."""
        return Base(
            rows=self.rows + other.rows,
            up=self.up + other.up,
            down=self.down + other.down,
            moves=self.moves + other.moves,
            above=self.above + other.above,
            below=self.below + other.below,
            excess=self.excess + other.excess,
        )

    def share(self, side: int, volatility: int) -> float:
        """Return how often a reading won anyway; NaN without rows."""
        won = self.up if side > 0 else self.down if side < 0 else self._varied(volatility)
        return won / self.rows if self.rows else np.nan

    def _varied(self, volatility: int) -> int:
        return self.below if volatility < 0 else self.above

    def move(self, side: int, volatility: int) -> float:
        """Return what a reading gained anyway, in usual moves or usual variances."""
        if not self.rows:
            return np.nan
        return (side * self.moves if side else (volatility or 1) * self.excess) / self.rows


def windows(close: FloatArray, horizon: int) -> Windows:
    """Return what followed each row of one session, or of daily rows.

    Parameters
    ----------
    close : (t,) float64
        NaN where there was no price.
    horizon : int
        Rows.
    """
    known = np.isfinite(close)
    rows = np.arange(close.size)
    last_known = np.maximum.accumulate(np.where(known, rows, -1))
    log = np.log(close)
    filled = log[np.maximum(last_known, 0)]
    end = np.minimum(rows + horizon, close.size - 1)
    followed = known & (last_known[end] > rows)
    scale = np.sqrt(_usual_square(log) * horizon)
    gain = np.where(followed, filled[end] - log, np.nan)
    moved = np.concatenate([[0.0], np.cumsum(np.nan_to_num(np.diff(filled)) ** 2)])
    length = np.maximum(end - rows, 1)
    excess = (moved[end] - moved) / (scale**2 * length / horizon) - 1.0
    return Windows(gain, scale, np.where(followed, excess, np.nan))


def _usual_square(log: FloatArray) -> FloatArray:
    """Return the mean squared return of the rows before each row; NaN where too few are known."""
    step = np.diff(log, prepend=np.nan)
    square = np.nan_to_num(step**2)
    sums = np.concatenate([[0.0], np.cumsum(square)])
    counts = np.concatenate([[0], np.cumsum(np.isfinite(step))])
    upto = np.arange(1, log.size + 1)
    since = np.maximum(upto - USUAL_ROWS, 0)
    count, total = counts[upto] - counts[since], sums[upto] - sums[since]
    fits = (count >= USUAL_LEAST) & (total > 0.0)
    return np.where(fits, total / np.maximum(count, 1), np.nan)


def base_of(found: Windows) -> Base:
    """Return the sums over the rows whose gain and usual move are known."""
    known = np.isfinite(found.gain) & np.isfinite(found.scale)
    gain, excess = found.gain[known], found.excess[known]
    return Base(
        rows=int(known.sum()),
        up=int((gain > 0.0).sum()),
        down=int((gain < 0.0).sum()),
        moves=float((gain / found.scale[known]).sum()),
        above=int((excess > 0.0).sum()),
        below=int((excess < 0.0).sum()),
        excess=float(excess.sum()),
    )
