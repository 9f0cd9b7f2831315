"""Figures of a window, from its buckets. Returns are shares of one capital for the whole window,
so the capital that an owner states moves no ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from quant.arrays import FloatArray
from quant.performance import Sharpe, sharpe, sortino, wilson

DAYS_PER_YEAR: Final = 365.0
"""Calendar days: one that brought nothing counts with a return of 0, for every market alike."""
HOURS_PER_YEAR: Final = 8760.0
YEAR_S: Final = 365.0 * 86_400.0


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of a cell in order, each field of shape (n,); `place` counts periods from any one."""

    place: FloatArray
    profit: FloatArray
    high: FloatArray
    low: FloatArray
    fall: FloatArray
    fees: FloatArray
    spread: FloatArray
    trades: FloatArray
    closings: FloatArray
    wins: FloatArray
    gains: FloatArray
    losses: FloatArray
    best: FloatArray
    exposed_s: FloatArray

    def since(self, place: float) -> Buckets:
        """Return the buckets from a period on."""
        kept = self.place >= place
        return Buckets(*(getattr(self, name)[kept] for name in self.__slots__))


class Figures(NamedTuple):
    """Figures of a window; NaN where there is none. Ratios are for a year, depth is a share."""

    net: Sharpe
    gross: Sharpe
    return_share: float
    sortino: float
    calmar: float
    drawdown: float
    profit_factor: float
    win_rate: float
    win_low: float
    win_high: float
    exposure: float
    active: int
    trades: int
    closings: int
    best_share: float


def figures(
    buckets: Buckets, *, first: float, periods: int, per_year: float, capital: float
) -> Figures:
    """Return the figures of a window.

    Parameters
    ----------
    buckets : Buckets
        Those of the window.
    first : float
        The place of its first period.
    periods : int
        How many it has, quiet ones included; at least 1.
    per_year : float
        Periods in a year.
    capital : float
        US dollars, above 0.
    """
    returns, gross = np.zeros(periods), np.zeros(periods)
    places = (buckets.place - first).astype(np.int64)
    returns[places] = buckets.profit / capital
    gross[places] = (buckets.profit + buckets.fees + buckets.spread) / capital
    share = float(returns.sum())
    depth = drawdown(buckets, capital)
    years = periods / per_year
    gains, losses = float(buckets.gains.sum()), float(buckets.losses.sum())
    wins, closings = int(buckets.wins.sum()), int(buckets.closings.sum())
    low, high = wilson(wins, closings)
    span_s = periods * YEAR_S / per_year
    return Figures(
        net=sharpe(returns),
        gross=sharpe(gross),
        return_share=share,
        sortino=_finite(sortino(returns) * math.sqrt(per_year)),
        calmar=share / years / depth if depth > 0 and periods > 1 else math.nan,
        drawdown=depth,
        profit_factor=gains / losses if losses > 0 else math.nan,
        win_rate=wins / closings if closings else math.nan,
        win_low=low,
        win_high=high,
        exposure=min(float(buckets.exposed_s.sum()) / span_s, 1.0),
        active=int(np.count_nonzero((buckets.trades > 0) | (buckets.profit != 0))),
        trades=int(buckets.trades.sum()),
        closings=closings,
        best_share=float(buckets.best.max(initial=0.0)) / gains if gains > 0 else 0.0,
    )


def drawdown(buckets: Buckets, capital: float) -> float:
    """Return the deepest fall of capital and profit together as a share of the peak before it.

    Exact in dollars though only buckets are known: a fall either began before its bucket, then it
    is the peak less the bucket's low, or within it. A fall within is a share of the highest value
    until that bucket's end.
    """
    if not buckets.place.size:
        return 0.0
    opening = capital + np.concatenate(([0.0], np.cumsum(buckets.profit)[:-1]))
    highs = opening + buckets.high
    before = np.maximum.accumulate(np.concatenate(([capital], highs[:-1])))
    across = np.maximum(before - (opening + buckets.low), 0.0) / before
    within = buckets.fall / np.maximum(before, highs)
    return float(min(max(across.max(), within.max()), 1.0))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
