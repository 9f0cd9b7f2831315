"""Least-squares fits of raw SVI, many in one call, with exact derivatives.

They work in units of the at-the-money total volatility, in which a smile of one minute and one of
two years look alike.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, inlined, kernel, summed
from quant.kernels.least_squares import (
    COST,
    MISS,
    MOST_CORRELATION,
    SCRATCH,
    STEPS,
    SUMS,
    TILE,
    J,
    V,
    W,
    X,
    accumulate,
    at_zero,
    gather,
    grown,
    load_points,
    shifted,
    solve_damped,
)

_DONE = 1e-9  # relative fall of the cost that ends a fit


@inlined
def _in_units(x: FloatArray, vol: FloatArray, count: int, root_years: float) -> tuple[float, float]:
    """Scale points to the volatility at the money and its total; return both."""
    middle = at_zero(x, vol, count)
    unit = middle * root_years
    for i in range(count):
        x[i] /= unit
        vol[i] /= middle
    return middle, unit


@kernel(VECTOR, VECTOR, VECTOR, types.float64, VECTOR, VECTOR, VECTOR, VECTOR)
def points_kernel(
    k: FloatArray,
    iv: FloatArray,
    weight: FloatArray,
    root_years: float,
    x: FloatArray,
    vol: FloatArray,
    w: FloatArray,
    out: FloatArray,
) -> None:
    """Make one smile's points ready for a fit of SVI.

    Parameters
    ----------
    k, iv : (n,) float64
        Log-moneyness and volatility per square root of a year.
    weight : (n,) float64
        Of squared errors; empty for equal ones.
    x, vol, w : (n,) float64
        Filled with the points as `svi_kernel` uses them.
    out : (2,) float64
        How many there are, and the at-the-money total volatility.
    """
    count = gather(k, iv, weight, 0, k.size, -math.inf, x, vol, w)
    out[0] = count
    out[1] = _in_units(x, vol, count, root_years)[1] if count else 1.0


@inlined
def _svi(
    x: FloatArray, vol: FloatArray, weight: FloatArray, at: int, end: int, p: FloatArray,
    s: FloatArray, sums: FloatArray,
) -> float:  # fmt: skip
    """Evaluate raw SVI, its derivatives by (a + b sigma, ln b, atanh rho, m, ln sigma).

    The first is the variance at m: held fixed, b and sigma change the shape alone, and the fit
    does not have to follow a bent valley. Returns the cost.
    """
    a, b, rho, m, sigma = p[0], p[1], p[2], p[3], p[4]
    sums[:] = 0.0
    for first in range(at, end, TILE):
        count = load_points(s, x, vol, weight, first, end)
        for i in range(count):
            k = s[X + i] - m
            root = math.sqrt(k * k + sigma * sigma)
            wing = b * (rho * k + root)
            model = math.sqrt(max(a + wing, 1e-12))
            scale = 0.5 * s[W + i] / model
            per_root = 1.0 / root
            s[MISS + i] = s[W + i] * (model - s[V + i])
            s[J + i] = scale
            s[J + TILE + i] = scale * (wing - b * sigma)
            s[J + 2 * TILE + i] = scale * (b * (1.0 - rho * rho)) * k
            s[J + 3 * TILE + i] = -scale * b * (rho + k * per_root)
            s[J + 4 * TILE + i] = scale * (b * sigma) * (sigma * per_root - 1.0)
        accumulate(s, count, 5, sums)
    return sums[COST]


@summed
def _svi_start(
    x: FloatArray, vol: FloatArray, weight: FloatArray, at: int, end: int, steepest: float,
    p: FloatArray, s: FloatArray,
) -> None:  # fmt: skip
    """Set p to the best of a grid over (m, sigma), the rest by linear least squares.

    The quasi-explicit form of De Marco and Martini (2009): with y = (k - m)/sigma, the variance
    A + d y + c sqrt(y^2 + 1) is linear in A, d = rho b sigma and c = b sigma. A long smile is
    represented by its first tile's worth of points, spread over all of it.
    """
    count = min(TILE, end - at)
    stride = (end - at) / count
    for i in range(count):
        place = at + int(i * stride)
        v = vol[place]
        # A volatility error is a variance error over twice the volatility.
        u = weight[place] / (2.0 * v)
        s[X + i], s[V + i], s[W + i] = x[place], v * v, u * u
    s1, t1, tt = 0.0, 0.0, 0.0
    for i in range(count):
        s1 += s[W + i]
        t1 += s[W + i] * s[V + i]
        tt += s[W + i] * s[V + i] * s[V + i]
    best = math.inf
    low, high = s[X], s[X + count - 1]
    reach = 0.0375 * min(high - low, 4.0)
    for _ in range(5):
        sigma = reach
        reach *= 2.6
        for place in range(7):
            m = low + (high - low) * (place + 0.5) / 7.0
            per_sigma = 1.0 / sigma
            sy, sz, syy, syz, szz, ty, tz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(count):
                u, v = s[W + i], s[V + i]
                y = (s[X + i] - m) * per_sigma
                z = math.sqrt(y * y + 1.0)
                sy += u * y
                sz += u * z
                syy += u * y * y
                syz += u * y * z
                szz += u * z * z
                ty += u * y * v
                tz += u * z * v
            # Eliminate A, then the two slopes.
            yy, yz, zz = syy - sy * sy / s1, syz - sy * sz / s1, szz - sz * sz / s1
            vy, vz = ty - sy * t1 / s1, tz - sz * t1 / s1
            det = yy * zz - yz * yz
            if not (det > 0.0):
                continue
            d, c = (vy * zz - vz * yz) / det, (vz * yy - vy * yz) / det
            c = min(max(c, 1e-4 * sigma), steepest * sigma)
            d = min(max(d, -MOST_CORRELATION * c), MOST_CORRELATION * c)
            d = min(max(d, c - steepest * sigma), steepest * sigma - c)
            level = (t1 - d * sy - c * sz) / s1
            fall = d * vy + c * vz
            cost = tt - t1 * t1 / s1 - 2.0 * fall + d * d * yy + 2.0 * c * d * yz + c * c * zz
            if cost < best and level > -0.999 * math.sqrt(c * c - d * d):
                best = cost
                p[0], p[1], p[2], p[3], p[4] = level, c * per_sigma, d / c, m, sigma
    if best == math.inf:
        p[0], p[1], p[2], p[3], p[4] = 0.5 * t1 / s1, 0.1, 0.0, 0.5 * (low + high), 1.0


@kernel(INTS, INTS, VECTOR, VECTOR, VECTOR, VECTOR, types.float64, types.int64, MATRIX)
def svi_kernel(
    span: IntArray,
    offsets: IntArray,
    k: FloatArray,
    iv: FloatArray,
    weights: FloatArray,
    root_years: FloatArray,
    lee: float,
    least_points: int,
    out: FloatArray,
) -> None:
    """Fit raw SVI to the smiles from `span[0]` up to `span[1]`.

    Parameters
    ----------
    offsets : (smiles + 1,) int64
        Where each smile's points begin.
    k, iv, weights : (points,) float64
        Log-moneyness, volatility per square root of a year, weight of its squared error (empty
        for equal ones); those that are not finite or not above zero are passed over.
    root_years : (smiles,) float64
    lee : float
        Largest b (1 + |rho|).
    least_points : int
        Smiles with fewer get a count and nothing else.
    out : (smiles, 8) float64
        a, b, rho, m and sigma of total variance, root mean square and largest error per square
        root of a year, and how many points were used.
    """
    p, trial, w = np.zeros(5), np.zeros(5), np.zeros(35)
    s, sums, next_sums = np.zeros(SCRATCH), np.zeros(SUMS), np.zeros(SUMS)
    longest = 0
    for one in range(max(0, span[0]), span[1]):
        longest = max(longest, offsets[one + 1] - offsets[one])
    x, vol, weight = np.empty(longest), np.empty(longest), np.empty(longest)
    for one in range(max(0, span[0]), span[1]):
        at = 0
        first, last = offsets[one], offsets[one + 1]
        end = gather(k, iv, weights, first, last, -math.inf, x, vol, weight)
        out[one, 7] = end
        if end < least_points:
            continue
        middle, unit = _in_units(x, vol, end, root_years[one])
        steepest = lee / unit
        _svi_start(x, vol, weight, at, end, steepest, p, s)
        cost = _svi(x, vol, weight, at, end, p, s, sums)
        damping = 1e-3
        for _ in range(STEPS):
            before = cost
            for _ in range(12):
                if solve_damped(sums, damping, w, 5):
                    rho = shifted(p[2], w[2])
                    b = min(max(grown(p[1], w[1]), 1e-6), steepest / (1.0 + abs(rho)))
                    sigma = min(max(grown(p[4], w[4]), 1e-4), 100.0)
                    lowest = -0.9999 * b * sigma * math.sqrt(1.0 - rho * rho)
                    level = p[0] + p[1] * p[4] + w[0]
                    trial[0] = max(level - b * sigma, lowest)
                    trial[1], trial[2], trial[3], trial[4] = b, rho, p[3] + w[3], sigma
                    moved = _svi(x, vol, weight, at, end, trial, s, next_sums)
                    if moved < cost:
                        cost = moved
                        p[:] = trial
                        sums[:] = next_sums
                        damping = max(0.1 * damping, 1e-12)
                        break
                damping *= 8.0
            if not (before - cost > _DONE * before):
                break
        out[one, 0], out[one, 1], out[one, 2] = p[0] * unit * unit, p[1] * unit, p[2]
        out[one, 3], out[one, 4] = p[3] * unit, p[4] * unit
        square, worst = 0.0, 0.0
        for i in range(end):
            away = x[i] - p[3]
            wing = p[1] * (p[2] * away + math.sqrt(away * away + p[4] * p[4]))
            miss = (math.sqrt(max(p[0] + wing, 0.0)) - vol[i]) * middle
            square += miss * miss
            worst = max(worst, abs(miss))
        out[one, 5], out[one, 6] = math.sqrt(square / end), worst
