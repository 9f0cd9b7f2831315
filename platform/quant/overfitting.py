"""How likely it is that a search found noise: combinatorially symmetric cross-validation.

Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting": the
history is cut into S blocks; for each half of them the best configuration is ranked on the other
half. Sums per block are made once, so each of the C(S, S/2) halves is a matrix product.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import comb
from scipy.stats import rankdata

from quant.arrays import FloatArray, FloatLike

_MOST_BLOCKS = 20
_AT_ONCE = 1024


class Overfitting(NamedTuple):
    """What the search's winners did on the halves that did not choose them.

    Attributes
    ----------
    pbo : float
        Share of halves whose winner ranks at or below the median of the other half.
    loss : float
        Share of halves whose winner loses on the other half.
    logits : (halves,) float64
        Logit of the winner's relative rank.
    slope : float
        Of the winner's ratio on the other half against that on its own: below 0, what looked
        better was worse. NaN when all winners had one ratio.
    halves : int
    """

    pbo: float
    loss: float
    logits: FloatArray
    slope: float
    halves: int


def overfitting(returns: FloatLike, blocks: int = 16) -> Overfitting:
    """Return the probability of backtest overfitting, by Sharpe ratio.

    Parameters
    ----------
    returns : (n, configurations) float64
        One column per configuration tried, one row per period; finite. Rows beyond a multiple of
        `blocks` are left out at the start.
    blocks : int
        Even, from 2 to 20: 12,870 halves for 16.

    Raises
    ------
    ValueError
        Naming what is wrong.
    """
    r = np.asarray(returns, dtype=np.float64)
    if r.ndim != 2 or r.shape[1] < 2:
        raise ValueError(f"returns has shape {r.shape}; give at least two columns")
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS:
        raise ValueError(f"blocks is {blocks}; give an even number from 2 to {_MOST_BLOCKS}")
    if r.shape[0] < 2 * blocks:
        raise ValueError(f"returns has {r.shape[0]} rows; give at least {2 * blocks}")
    if not np.isfinite(r).all():
        raise ValueError("returns has a value that is not finite")
    size = r.shape[0] // blocks
    cut = r[r.shape[0] - size * blocks :].reshape(blocks, size, -1)
    sums, squares = cut.sum(axis=1), (cut * cut).sum(axis=1)
    total, total_squares = sums.sum(axis=0), squares.sum(axis=0)
    half = size * (blocks // 2)
    halves = int(comb(blocks, blocks // 2, exact=True))
    chosen = np.zeros((halves, blocks))
    members = np.array(list(combinations(range(blocks), blocks // 2)))
    np.put_along_axis(chosen, members, 1.0, axis=1)
    ranks, own, other = np.empty(halves), np.empty(halves), np.empty(halves)
    for at in range(0, halves, _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        first, first_squares = chosen[part] @ sums, chosen[part] @ squares
        inside = _ratios(first, first_squares, half)
        outside = _ratios(total - first, total_squares - first_squares, half)
        winner = np.argmax(inside, axis=1)
        row = np.arange(winner.size)
        ranks[part] = rankdata(outside, axis=1)[row, winner]
        own[part], other[part] = inside[row, winner], outside[row, winner]
    share = ranks / (r.shape[1] + 1.0)
    logits = np.log(share / (1.0 - share))
    level = np.ptp(own) == 0.0
    slope = float("nan") if level else float(np.polyfit(own, other, 1)[0])
    return Overfitting(
        float(np.mean(logits <= 0.0)), float(np.mean(other < 0.0)), logits, slope, halves
    )


def _ratios(sums: FloatArray, squares: FloatArray, count: int) -> FloatArray:
    """Return Sharpe ratios from sums and sums of squares; 0 where nothing varies."""
    mean = sums / count
    variance = np.maximum(squares / count - mean * mean, 0.0)
    flat = variance <= 1e-14 * squares / count
    out: FloatArray = np.where(flat, 0.0, mean / np.sqrt(np.where(flat, 1.0, variance)))
    return out
