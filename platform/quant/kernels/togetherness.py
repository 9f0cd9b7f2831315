"""How closely a basket moves together over a rolling window, for many baskets at once."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray
from quant.kernels.compile import MATRIX, inlined, kernel

CUBE = types.Array(types.float64, 3, "C")
_TURNS, _CLOSE = 200, 1e-13


@inlined
def _largest_eigenvalue(matrix: FloatArray, vector: FloatArray, spare: FloatArray) -> float:
    """Return the largest eigenvalue of a correlation matrix by power iteration from a guess."""
    n = vector.size
    before, value = -1.0, 0.0
    for _ in range(_TURNS):
        square = 0.0
        value = 0.0
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += matrix[i, j] * vector[j]
            spare[i] = total
            square += total * total
            value += vector[i] * total
        size = math.sqrt(square)
        for i in range(n):
            vector[i] = spare[i] / size
        if abs(value - before) <= _CLOSE * value:
            break
        before = value
    return value


@kernel(CUBE, types.int64, MATRIX, MATRIX)
def together_kernel(
    returns: FloatArray, window: int, average: FloatArray, share: FloatArray
) -> None:
    """Write the average pairwise correlation and the first eigenvalue's share of the names.

    Parameters
    ----------
    returns : (p, names, d) float64
        Of p baskets; all finite, none of them constant over a window.
    window : int
    average, share : (p, d) float64
        Written from the window's last row on; the rows before are left as they are.
    """
    paths, n, days = returns.shape
    sums, products = np.empty(n), np.empty((n, n))
    matrix, spread = np.empty((n, n)), np.empty(n)
    vector, spare = np.empty(n), np.empty(n)
    for p in range(paths):
        sums[:], products[:, :] = 0.0, 0.0
        vector[:] = 1.0 / math.sqrt(n)
        for d in range(days):
            gone = d - window
            for i in range(n):
                new = returns[p, i, d]
                old = returns[p, i, gone] if gone >= 0 else 0.0
                sums[i] += new - old
                for j in range(i + 1):
                    products[i, j] += new * returns[p, j, d]
                    if gone >= 0:
                        products[i, j] -= old * returns[p, j, gone]
            if d < window - 1:
                continue
            total = 0.0
            for i in range(n):
                spread[i] = math.sqrt(products[i, i] - sums[i] * sums[i] / window)
                matrix[i, i] = 1.0
                for j in range(i):
                    moved = products[i, j] - sums[i] * sums[j] / window
                    matrix[i, j] = matrix[j, i] = moved / (spread[i] * spread[j])
                    total += 2.0 * matrix[i, j]
            average[p, d] = total / (n * (n - 1))
            share[p, d] = _largest_eigenvalue(matrix, vector, spare) / n
