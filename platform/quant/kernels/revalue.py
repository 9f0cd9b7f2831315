"""The value of a book of options in many scenarios at once: the lanes of a vector are scenarios."""

from __future__ import annotations

import numpy as np

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, kernel
from quant.kernels.elementary import exp, mills

TILE = 256
GRAIN = 1 << 13
"""Pairs of scenario and contract that are worth a thread."""
COLUMNS = ("forward_log", "strike", "carried", "total", "side", "quantity")
"""Rows: ln(K) - (r - q) T, K e^{-rT}, e^{-qT}, sigma sqrt(T), 1 or -1, units held."""
_INV_SQRT_2PI = 0.3989422804014327


@kernel(INTS, MATRIX, MATRIX, VECTOR)
def revalue_kernel(
    span: IntArray, scenarios: FloatArray, columns: FloatArray, out: FloatArray
) -> None:
    """Add the book's value in the scenarios from `span[0]` up to `span[1]`.

    Parameters
    ----------
    scenarios : (4, m) float64
        Spot, its logarithm, factor of every volatility, and one over it.
    columns : (6, n) float64
        `COLUMNS`, one contract each; `total` 0 is worth its exercise.
    out : (m,) float64
    """
    spot, x, v, per_v, value = (
        np.zeros(TILE), np.zeros(TILE), np.zeros(TILE), np.zeros(TILE), np.zeros(TILE),
    )  # fmt: skip
    for at in range(max(0, span[0]), span[1], TILE):
        count = min(TILE, span[1] - at)
        v[:] = 1.0
        spot[:count], x[:count] = scenarios[0, at : at + count], scenarios[1, at : at + count]
        v[:count], per_v[:count] = scenarios[2, at : at + count], scenarios[3, at : at + count]
        value[:] = 0.0
        for i in range(columns.shape[1]):
            center, strike, carried = columns[0, i], columns[1, i], columns[2, i]
            total, side, held = columns[3, i], columns[4, i], columns[5, i]
            if not (total > 0.0):
                for j in range(TILE):
                    value[j] += held * max(side * (spot[j] * carried - strike), 0.0)
                continue
            per_total = 1.0 / total
            for j in range(TILE):
                s = total * v[j]
                d1 = (x[j] - center) * per_total * per_v[j] + 0.5 * s
                d2 = d1 - s
                stock = spot[j] * carried
                # S e^{-qT} n(d1) = K e^{-rT} n(d2): one exponential serves both tails.
                weight = stock * _INV_SQRT_2PI * exp(-0.5 * d1 * d1)
                tail1, tail2 = weight * mills(abs(d1)), weight * mills(abs(d2))
                part1 = stock - tail1 if side * d1 > 0.0 else tail1
                part2 = strike - tail2 if side * d2 > 0.0 else tail2
                value[j] += held * side * (part1 - part2)
        for j in range(count):
            out[at + j] += value[j]
