"""GARCH and GJR paths, many at once: the lanes of a vector are paths."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, kernel
from quant.kernels.random import LANES, choices, normals, students

TILE = LANES
GRAIN = 4 * LANES
NORMAL, STUDENT, DRAWN = 0, 1, 2
_WORD = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)


@kernel(
    INTS,
    types.int64,
    types.int64,
    types.uint64,
    types.int64,
    VECTOR,
    VECTOR,
    VECTOR,
    MATRIX,
    MATRIX,
)
def garch_kernel(
    span: IntArray,
    steps: int,
    first_step: int,
    seed: int,
    kind: int,
    model: FloatArray,
    values: FloatArray,
    variance: FloatArray,
    out: FloatArray,
    sums: FloatArray,
) -> None:
    """Walk the paths from `span[0]` up to `span[1]`, both multiples of `TILE` but the last.

    Parameters
    ----------
    steps, first_step : int
        How many, and the number of the first, which the random numbers depend on.
    seed : int
        Not below 0.
    kind : int
        Of innovations: `NORMAL`, `STUDENT`, `DRAWN` from `values`.
    model : (6,) float64
        mu, omega, alpha, gamma, beta, degrees of freedom.
    values : (m,) float64
        Standardized residuals to draw from; any one number for the other kinds.
    variance : (paths,) float64
        Of the first step, and afterwards of the one after the last.
    out : (steps, paths) float64
        Returns; not written when it has no rows.
    sums : (2, paths) float64
        To which the returns and their squares are added.
    """
    mu, omega, alpha, gamma, beta, freedom = (
        model[0], model[1], model[2], model[3], model[4], model[5],
    )  # fmt: skip
    k0, k1 = np.uint64(seed) & _WORD, np.uint64(seed) >> _HALF_WORD
    z, h = np.zeros(LANES), np.zeros(LANES)
    total, squares, path = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for at in range(max(0, span[0]), span[1], LANES):
        count = min(LANES, span[1] - at)
        h[:count] = variance[at : at + count]
        total[:] = 0.0
        squares[:] = 0.0
        for step in range(steps):
            if kind == STUDENT:
                students(z, at // LANES, first_step + step, 0, k0, k1, freedom)
            elif kind == DRAWN:
                choices(z, at // LANES, first_step + step, 0, k0, k1, values)
            else:
                normals(z, at // LANES, first_step + step, 0, k0, k1)
            for i in range(LANES):
                shock = math.sqrt(h[i]) * z[i]
                h[i] = (
                    omega + beta * h[i] + (alpha + (gamma if shock < 0.0 else 0.0)) * shock * shock
                )
                path[i] = mu + shock
                total[i] += path[i]
                squares[i] += path[i] * path[i]
            if out.shape[0] > 0:
                out[step, at : at + count] = path[:count]
        variance[at : at + count] = h[:count]
        for i in range(count):
            sums[0, at + i] += total[i]
            sums[1, at + i] += squares[i]
