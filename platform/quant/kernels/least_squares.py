"""Least squares of smiles: points made ready, and the steps of Levenberg and Marquardt.

A model is evaluated for a tile of strikes at once, its derivatives beside it, in vector code; its
parameters have no bounds (logarithms, and the inverse hyperbolic tangent of a correlation).
"""

from __future__ import annotations

import math

from quant.arrays import FloatArray
from quant.kernels.compile import inlined, summed

TILE = 256  # strikes at once
_LANES = 16  # the last ones of a tile are filled up to a multiple of this, with weight 0
X, V, W, MISS = (TILE * row for row in range(4))
J = TILE * 4
SCRATCH = TILE * 9
_MOST = 5  # parameters of a smile
# Results of an evaluation: the cost, J'r (5) and the lower half of J'J (5 x 5).
COST, _SLOPE, _NORMAL = 0, 1, 6
SUMS = 31
STEPS = 60
MOST_CORRELATION = 0.9995


@inlined
def gather(
    k: FloatArray, iv: FloatArray, weight: FloatArray, at: int, end: int, least: float,
    x: FloatArray, vol: FloatArray, w: FloatArray,
) -> int:  # fmt: skip
    """Copy a smile's usable points, those of k above `least`, ascending; return how many.

    The weights are those of errors, not of squares, and their squares average one; an empty
    `weight` makes all of them one.
    """
    count, total = 0, 0.0
    for i in range(at, end):
        own = weight[i] if weight.size else 1.0
        if least < k[i] < math.inf and 0.0 < iv[i] < math.inf and 0.0 < own < math.inf:
            place = count
            while place > 0 and x[place - 1] > k[i]:
                x[place], vol[place], w[place] = x[place - 1], vol[place - 1], w[place - 1]
                place -= 1
            x[place], vol[place], w[place] = k[i], iv[i], own
            count += 1
            total += own
    for i in range(count):
        w[i] = math.sqrt(w[i] * count / total)
    return count


@inlined
def at_zero(x: FloatArray, vol: FloatArray, count: int) -> float:
    """Return the volatility at k = 0 between its neighbours, that of the end beyond the points."""
    if x[0] >= 0.0:
        return vol[0]
    for i in range(1, count):
        if x[i] >= 0.0:
            share = -x[i - 1] / (x[i] - x[i - 1])
            return vol[i - 1] + share * (vol[i] - vol[i - 1])
    return vol[count - 1]


@inlined
def load_points(
    s: FloatArray, x: FloatArray, vol: FloatArray, weight: FloatArray, at: int, end: int
) -> int:
    """Copy a tile of points; return how many there are with the filling."""
    count = min(TILE, end - at)
    filled = (count + _LANES - 1) // _LANES * _LANES
    for i in range(count):
        s[X + i] = x[at + i]
        s[V + i] = vol[at + i]
        s[W + i] = weight[at + i]
    for i in range(count, filled):
        s[X + i], s[V + i], s[W + i] = 0.0, 1.0, 0.0
    return filled


@summed
def accumulate(s: FloatArray, count: int, parameters: int, sums: FloatArray) -> None:
    """Add a tile's cost, J'r and J'J."""
    total = 0.0
    for i in range(count):
        total += s[MISS + i] * s[MISS + i]
    sums[COST] += total
    for row in range(parameters):
        left = J + TILE * row
        total = 0.0
        for i in range(count):
            total += s[left + i] * s[MISS + i]
        sums[_SLOPE + row] += total
        for column in range(row + 1):
            right = J + TILE * column
            total = 0.0
            for i in range(count):
                total += s[left + i] * s[right + i]
            sums[_NORMAL + _MOST * row + column] += total


@inlined
def solve_damped(sums: FloatArray, damping: float, w: FloatArray, n: int) -> bool:
    """Solve (J'J + damping diag) x = -J'r by Cholesky; x is w[:n]. False: not positive."""
    for i in range(n):
        for j in range(i + 1):
            total = sums[_NORMAL + i * _MOST + j]
            if i == j:
                total += damping * total
            for k in range(j):
                total -= w[5 + i * _MOST + k] * w[5 + j * _MOST + k]
            if i > j:
                w[5 + i * _MOST + j] = total * w[30 + j]
            elif total > 0.0:
                w[30 + i] = 1.0 / math.sqrt(total)
            else:
                return False
    for i in range(n):
        total = -sums[_SLOPE + i]
        for k in range(i):
            total -= w[5 + i * _MOST + k] * w[k]
        w[i] = total * w[30 + i]
    for i in range(n - 1, -1, -1):
        total = w[i]
        for k in range(i + 1, n):
            total -= w[5 + k * _MOST + i] * w[k]
        w[i] = total * w[30 + i]
    return True


@inlined
def shifted(rho: float, step: float) -> float:
    """Return tanh(atanh(rho) + step), the step cut to one."""
    grown = math.exp(2.0 * min(max(step, -1.0), 1.0))
    tangent = (grown - 1.0) / (grown + 1.0)
    moved = (rho + tangent) / (1.0 + rho * tangent)
    return min(max(moved, -MOST_CORRELATION), MOST_CORRELATION)


@inlined
def grown(value: float, step: float) -> float:
    """Return value e^step, the step cut to 1.5."""
    return value * math.exp(min(max(step, -1.5), 1.5))
