"""Moving windows over the last axis that keep promises to the bit.

The value at row t is a function of rows t-n+1..t alone, computed by the same tree of elementwise
operations wherever the row stands: cutting the past before the window, adding a future, or
computing many paths at once changes no bit. (Differences of cumulative sums, and sums over a
strided axis, do not have that property.) A window that is not full, or has a NaN in it, gives NaN
unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from market.frames import FloatArray
from quant.kernels.joins import ADD, EARLIEST, LATEST, MAXIMUM, MINIMUM


def shift(x: FloatArray, rows: int, fill: float = np.nan) -> FloatArray:
    """Return what stood `rows` rows before; `fill` where the frame had not begun."""
    if rows == 0:
        return x
    out = np.full(x.shape, fill)
    if rows < x.shape[-1]:
        out[..., rows:] = x[..., :-rows]
    return out


def total(x: FloatArray, n: int, fill: float = np.nan) -> FloatArray:
    """Return the sum of the last n rows, with `fill` for rows before the first."""
    return _folded(x, n, ADD, fill)


def mean(x: FloatArray, n: int) -> FloatArray:
    """Return the mean of the last n rows."""
    return total(x, n) / n


def highest(x: FloatArray, n: int) -> FloatArray:
    """Return the maximum of the last n rows."""
    return highest_from(x, n, np.nan)


def lowest(x: FloatArray, n: int) -> FloatArray:
    """Return the minimum of the last n rows."""
    return lowest_from(x, n, np.nan)


def highest_from(x: FloatArray, n: int, fill: float) -> FloatArray:
    """Return the maximum of the last n rows, with `fill` for rows before the first."""
    return _folded(x, n, MAXIMUM, fill)


def lowest_from(x: FloatArray, n: int, fill: float) -> FloatArray:
    """Return the minimum of the last n rows, with `fill` for rows before the first."""
    return _folded(x, n, MINIMUM, fill)


def deviation(x: FloatArray, n: int) -> FloatArray:
    """Return the standard deviation (n - 1) of the last n rows.

    Computed around the row's own value, so that a series that moves little around a large level
    keeps its digits.
    """
    from quant.kernels.windows import deviation_kernel

    return _filled(x, lambda flat, out: deviation_kernel(flat, n, out))


def rank(x: FloatArray, n: int, least: int | None = None) -> FloatArray:
    """Return the share of the n - 1 rows before that lie below the row, ties counted half.

    Parameters
    ----------
    x : (..., T) float64
    n : int
        Rows in the window, the row itself included.
    least : int, optional
        Known rows needed before it, fewer being enough for an answer; NaNs are then left out.
        By default all n - 1 are needed.

    Returns
    -------
    (..., T) float64
        In [0, 1]; 1 where the row is above all others.
    """
    needed = n - 1 if least is None else least
    from quant.kernels.windows import rank_kernel

    return _filled(x, lambda flat, out: rank_kernel(flat, n, needed, out))


def latest(x: FloatArray, n: int) -> FloatArray:
    """Return the newest value that is not NaN among the last n rows, NaN where there is none."""
    return _folded(x, n, LATEST, np.nan)


def earliest(x: FloatArray, n: int) -> FloatArray:
    """Return the oldest value that is not NaN among the last n rows, NaN where there is none."""
    return _folded(x, n, EARLIEST, np.nan)


def windows(x: FloatArray, n: int) -> FloatArray:
    """Return a (..., T, n) view of the last n rows, oldest first, NaN before the first row."""
    padded = np.concatenate([np.full((*x.shape[:-1], n - 1), np.nan), x], axis=-1)
    view: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, n, axis=-1)
    return view


def log(x: npt.ArrayLike) -> FloatArray:
    """Return the natural logarithm, NaN where the value is not above zero.

    On a contiguous copy: NumPy may round a strided array differently.
    """
    dense = np.ascontiguousarray(x, dtype=np.float64)
    valid = dense > 0.0
    return np.where(valid, np.log(np.where(valid, dense, 1.0)), np.nan)


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return part / whole, NaN where the whole is not above zero."""
    out = np.full(part.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0.0)
    return out


def _folded(x: FloatArray, n: int, how: int, fill: float) -> FloatArray:
    from quant.kernels.windows import fold_kernel

    if n < 1:
        raise ValueError("a window has at least one row")
    return _filled(x, lambda flat, out: fold_kernel(flat, n, how, fill, out))


def _filled(x: FloatArray, write: Callable[[FloatArray, FloatArray], None]) -> FloatArray:
    """Return what a kernel writes, row of numbers by row of numbers."""
    flat = np.ascontiguousarray(x, dtype=np.float64).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = np.empty_like(flat)
    write(flat, out)
    return out.reshape(x.shape)
