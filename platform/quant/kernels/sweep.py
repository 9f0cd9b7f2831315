"""Exposure of fixed positions at many spots: one exponential a pair of spot and contract.

Sums run over the same 64 lanes in the same order whatever the number of threads, so a sweep's
bits depend on its contracts and its spot alone.
"""

from __future__ import annotations

import numpy as np

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, kernel
from quant.kernels.elementary import exp, mills

GRAIN = 1 << 15
"""Pairs of spot and contract that are worth a thread."""
TILE = 64
SPOTS = 8
COLUMNS = (
    "center", "per_log", "total", "density", "per_vol", "drift", "decay", "carried", "held", "right"
)  # fmt: skip
"""Rows of `book_kernel`'s columns: with s = total, per_vol is 1/sigma, drift (r - q)/s, decay
1/(2 T), carried q."""


@kernel(INTS, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR)
def gamma_kernel(
    span: IntArray,
    moves: FloatArray,
    per_log: FloatArray,
    center: FloatArray,
    weight: FloatArray,
    out: FloatArray,
) -> None:
    """Sum weight exp(-d1^2/2) over n contracts at each of the spots of a span.

    Parameters
    ----------
    moves : (m,) float64
        ln(spot / center spot).
    per_log, center, weight : (n,) float64, n a multiple of `TILE`
        d1 = center + per_log * move; padding has weight 0.
    out : (m,) float64
    """
    lanes = np.zeros(SPOTS * TILE)
    tile = np.zeros(3 * TILE)
    for first in range(max(0, span[0]), span[1], SPOTS):
        spots = min(SPOTS, span[1] - first)
        for i in range(SPOTS * TILE):
            lanes[i] = 0.0
        # A tile of contracts stays in the first-level cache for several spots.
        for at in range(0, weight.size, TILE):
            tile[:TILE] = center[at : at + TILE]
            tile[TILE : 2 * TILE] = per_log[at : at + TILE]
            tile[2 * TILE :] = weight[at : at + TILE]
            for j in range(spots):
                move = moves[first + j]
                row = j * TILE
                for i in range(TILE):
                    d1 = tile[i] + tile[TILE + i] * move
                    lanes[row + i] += tile[2 * TILE + i] * exp(-0.5 * (d1 * d1))
        for j in range(spots):
            total = 0.0
            for i in range(TILE):
                total += lanes[j * TILE + i]
            out[first + j] = total


@kernel(INTS, VECTOR, MATRIX, MATRIX)
def book_kernel(span: IntArray, moves: FloatArray, columns: FloatArray, out: FloatArray) -> None:
    """Sum vanna, charm and delta of n contracts at each of the spots of a span, raw units.

    Parameters
    ----------
    moves : (m,) float64
        ln(spot / center spot).
    columns : (10, n) float64, n a multiple of `TILE`
        `COLUMNS`: d1 is center + per_log * move, d2 = d1 - total; `density` is position times
        Dq / sqrt(2 pi), `held` position times Dq and negative for a put, `right` -1 for a put.
    out : (3, m) float64
        Sums of position times vanna, charm and delta.
    """
    lanes = np.zeros(3 * SPOTS * TILE)
    tile = np.zeros(len(COLUMNS) * TILE)
    for first in range(max(0, span[0]), span[1], SPOTS):
        spots = min(SPOTS, span[1] - first)
        lanes[:] = 0.0
        # A tile of contracts stays in the first-level cache for several spots.
        for at in range(0, columns.shape[1], TILE):
            for row in range(len(COLUMNS)):
                tile[row * TILE : (row + 1) * TILE] = columns[row, at : at + TILE]
            for j in range(spots):
                move = moves[first + j]
                row = 3 * TILE * j
                for i in range(TILE):
                    d1 = tile[i] + tile[TILE + i] * move
                    d2 = d1 - tile[2 * TILE + i]
                    shape = exp(-0.5 * (d1 * d1))
                    moving = tile[3 * TILE + i] * shape
                    tail = 0.3989422804014327 * shape * mills(abs(d1))
                    chance = 1.0 - tail if tile[9 * TILE + i] * d1 > 0.0 else tail
                    part = tile[8 * TILE + i] * chance
                    slope = tile[5 * TILE + i] - d2 * tile[6 * TILE + i]
                    lanes[row + i] -= moving * d2 * tile[4 * TILE + i]
                    lanes[row + TILE + i] += tile[7 * TILE + i] * part - moving * slope
                    lanes[row + 2 * TILE + i] += part
        for j in range(spots):
            for field in range(3):
                total = 0.0
                for i in range(TILE):
                    total += lanes[(3 * j + field) * TILE + i]
                out[field, first + j] = total
