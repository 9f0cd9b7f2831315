"""Moving windows of many rows of numbers: each value from its own window alone, to the bit."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray
from quant.kernels.compile import MATRIX, inlined, kernel
from quant.kernels.joins import ADD, EARLIEST, LATEST, MAXIMUM

GIVEN = types.Array(types.float64, 2, "C", readonly=True)
"""What is only read: an array that may be written fits as well."""


@inlined
def _join(one: float, two: float, how: int) -> float:
    """Return the sum or the extreme, NaN where one of them is, or the one that is known.

    `one` is of the later columns.
    """
    if how == ADD:
        return one + two
    if how == LATEST:
        return two if math.isnan(one) else one
    if how == EARLIEST:
        return one if math.isnan(two) else two
    if math.isnan(one) or math.isnan(two):
        return math.nan
    if how == MAXIMUM:
        return max(one, two)
    return min(one, two)


@kernel(GIVEN, types.int64, types.int64, types.float64, MATRIX)
def fold_kernel(x: FloatArray, n: int, how: int, fill: float, out: FloatArray) -> None:
    """Join the last n columns of each row pairwise, windows of 1, 2, 4 ... glued by n's digits.

    Parameters
    ----------
    x : (p, t) float64
    n : int
        At least 1.
    how : int
        One of `quant.kernels.joins`.
    fill : float
        Stands before the first column.
    out : (p, t) float64
        Written whole.
    """
    rows, columns = x.shape
    power = np.empty(columns)
    for r in range(rows):
        power[:] = x[r]
        covered, size = 0, 1
        while True:
            if n & size:
                for t in range(columns):
                    part = power[t - covered] if t >= covered else fill
                    out[r, t] = part if covered == 0 else _join(out[r, t], part, how)
                covered += size
            if covered == n:
                break
            for t in range(columns - 1, -1, -1):
                earlier = power[t - size] if t >= size else fill
                power[t] = _join(power[t], earlier, how)
            size *= 2


@kernel(GIVEN, types.int64, MATRIX)
def deviation_kernel(x: FloatArray, n: int, out: FloatArray) -> None:
    """Write the standard deviation (n - 1) of the last n columns of each row.

    Around the newest value, so that what moves little around a large level keeps its digits.

    Parameters
    ----------
    x : (p, t) float64
    n : int
        At least 2.
    out : (p, t) float64
        NaN where the window is not full or holds a NaN.
    """
    rows, columns = x.shape
    for r in range(rows):
        for t in range(columns):
            if t < n - 1:
                out[r, t] = math.nan
                continue
            newest, total, squares = x[r, t], 0.0, 0.0
            for i in range(t - n + 1, t):
                away = x[r, i] - newest
                total += away
                squares += away * away
            spread = (squares - total * total / n) / (n - 1)
            out[r, t] = math.nan if math.isnan(spread) else math.sqrt(max(spread, 0.0))


@kernel(GIVEN, types.int64, types.int64, MATRIX)
def rank_kernel(x: FloatArray, n: int, needed: int, out: FloatArray) -> None:
    """Write the share of the n - 1 columns before that lie below each, ties counted half.

    Parameters
    ----------
    x : (p, t) float64
    n : int
        Columns of the window, the ranked one included.
    needed : int
        Known ones before it that are enough.
    out : (p, t) float64
        NaN where fewer are known, or the ranked one is not.
    """
    rows, columns = x.shape
    for r in range(rows):
        for t in range(columns):
            newest = x[r, t]
            known, beaten = 0, 0
            for i in range(max(0, t - n + 1), t):
                known += not math.isnan(x[r, i])
                beaten += 2 * (x[r, i] < newest) + (x[r, i] == newest)
            enough = known >= max(needed, 1) and not math.isnan(newest)
            out[r, t] = 0.5 * beaten / known if enough else math.nan
