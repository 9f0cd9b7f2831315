"""Moving windows over the last axis that keep promises to the bit.

The value at row t is a function of rows t-n+1..t alone, computed by the same tree of elementwise
operations wherever the row stands: cutting the past before the window, adding a future, or
computing many paths at once changes no bit. (Differences of cumulative sums, and sums over a
strided axis, do not have that property.) A window that is not full, or has a NaN in it, gives NaN
unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from market.frames import FloatArray

Pairwise = Callable[[FloatArray, FloatArray], FloatArray]
_BLOCK = 4_000_000
"""Elements of a window view that are compared at once."""


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
    return _fold(x, n, np.add, fill)


def mean(x: FloatArray, n: int) -> FloatArray:
    """Return the mean of the last n rows."""
    return total(x, n) / n


def highest(x: FloatArray, n: int) -> FloatArray:
    """Return the maximum of the last n rows."""
    return _fold(x, n, np.maximum, np.nan)


def lowest(x: FloatArray, n: int) -> FloatArray:
    """Return the minimum of the last n rows."""
    return _fold(x, n, np.minimum, np.nan)


def deviation(x: FloatArray, n: int) -> FloatArray:
    """Return the standard deviation (n - 1) of the last n rows.

    Computed around the row's own value, so that a series that moves little around a large level
    keeps its digits.
    """
    around = np.zeros(x.shape)
    square = np.zeros(x.shape)
    for back in range(n - 1, 0, -1):
        away = shift(x, back) - x
        around = around + away
        square = square + away * away
    spread: FloatArray = np.maximum(square - around * around / n, 0.0) / (n - 1)
    return np.sqrt(np.where(np.isnan(x), np.nan, spread))


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
    flat = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    out = np.empty(flat.shape)
    step = max(1, _BLOCK // max(1, flat.shape[-1] * n))
    for start in range(0, flat.shape[0], step):
        out[start : start + step] = _rank_block(flat[start : start + step], n, needed)
    return out.reshape(x.shape)


def latest(x: FloatArray, n: int) -> FloatArray:
    """Return the newest value that is not NaN among the last n rows, NaN where there is none."""
    return _fold(x, n, _newer, np.nan)


def earliest(x: FloatArray, n: int) -> FloatArray:
    """Return the oldest value that is not NaN among the last n rows, NaN where there is none."""
    return _fold(x, n, lambda new, old: _newer(old, new), np.nan)


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


def _newer(new: FloatArray, old: FloatArray) -> FloatArray:
    return np.where(np.isnan(new), old, new)


def _fold(x: FloatArray, n: int, join: Pairwise, fill: float) -> FloatArray:
    """Join the last n rows pairwise: windows of 1, 2, 4 ... rows, glued by the digits of n.

    Takes 2 log2(n) passes, and each row's own tree of operations is always the same.
    """
    if n < 1:
        raise ValueError("a window has at least one row")
    out: FloatArray | None = None
    covered, size, power = 0, 1, x
    while True:
        if n & size:
            part = shift(power, covered, fill)
            out = part if out is None else join(out, part)
            covered += size
        if covered == n:
            return out if out is not None else x
        power = join(power, shift(power, size, fill))
        size *= 2


def _rank_block(block: FloatArray, n: int, needed: int) -> FloatArray:
    """Rank each row of (paths, T) among the n - 1 before it; counts are whole, so exact."""
    before = windows(block, n)[..., :-1]
    now = block[..., None]
    known = np.count_nonzero(~np.isnan(before), axis=-1)
    beaten = np.count_nonzero(before < now, axis=-1) + 0.5 * np.count_nonzero(
        before == now, axis=-1
    )
    out = np.full(block.shape, np.nan)
    enough = (known >= max(needed, 1)) & ~np.isnan(block)
    np.divide(beaten, known, out=out, where=enough)
    return out
