"""Least-squares fits of smiles, many in one call: Levenberg-Marquardt with exact derivatives.

Both fits work in units in which a smile of one minute and one of two years look alike, and in
parameters without bounds (logarithms, and the inverse hyperbolic tangent of a correlation). A
model is evaluated for a tile of strikes at once, its derivatives beside it, in vector code.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, inlined, kernel, summed
from quant.kernels.elementary import exp, log_ratio

TILE = 256  # strikes at once
_LANES = 16  # the last ones of a tile are filled up to a multiple of this, with weight 0
_X, _V, _W, _MISS = (TILE * row for row in range(4))
_J = TILE * 4
_SCRATCH = TILE * 9
_MOST = 5  # parameters of a smile
# Results of an evaluation: the cost, J'r (5) and the lower half of J'J (5 x 5).
_COST, _SLOPE, _NORMAL = 0, 1, 6
_SUMS = 31
_STEPS = 60
_DONE = 1e-9  # relative fall of the cost that ends a fit
_LEAST_CORRELATION = 0.9995


@inlined
def _load(
    s: FloatArray, x: FloatArray, vol: FloatArray, weight: FloatArray, at: int, end: int
) -> int:
    """Copy a tile of points; return how many there are with the filling."""
    count = min(TILE, end - at)
    filled = (count + _LANES - 1) // _LANES * _LANES
    for i in range(count):
        s[_X + i] = x[at + i]
        s[_V + i] = vol[at + i]
        s[_W + i] = weight[at + i]
    for i in range(count, filled):
        s[_X + i], s[_V + i], s[_W + i] = 0.0, 1.0, 0.0
    return filled


@summed
def _accumulate(s: FloatArray, count: int, parameters: int, sums: FloatArray) -> None:
    """Add a tile's cost, J'r and J'J."""
    total = 0.0
    for i in range(count):
        total += s[_MISS + i] * s[_MISS + i]
    sums[_COST] += total
    for row in range(parameters):
        left = _J + TILE * row
        total = 0.0
        for i in range(count):
            total += s[left + i] * s[_MISS + i]
        sums[_SLOPE + row] += total
        for column in range(row + 1):
            right = _J + TILE * column
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
def _shifted(rho: float, step: float) -> float:
    """Return tanh(atanh(rho) + step), the step cut to one."""
    grown = math.exp(2.0 * min(max(step, -1.0), 1.0))
    tangent = (grown - 1.0) / (grown + 1.0)
    moved = (rho + tangent) / (1.0 + rho * tangent)
    return min(max(moved, -_LEAST_CORRELATION), _LEAST_CORRELATION)


@inlined
def _grown(value: float, step: float) -> float:
    """Return value e^step, the step cut to 1.5."""
    return value * math.exp(min(max(step, -1.5), 1.5))


# --- SVI ------------------------------------------------------------------------------------------
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
        count = _load(s, x, vol, weight, first, end)
        for i in range(count):
            k = s[_X + i] - m
            root = math.sqrt(k * k + sigma * sigma)
            wing = b * (rho * k + root)
            model = math.sqrt(max(a + wing, 1e-12))
            scale = 0.5 * s[_W + i] / model
            per_root = 1.0 / root
            s[_MISS + i] = s[_W + i] * (model - s[_V + i])
            s[_J + i] = scale
            s[_J + TILE + i] = scale * (wing - b * sigma)
            s[_J + 2 * TILE + i] = scale * (b * (1.0 - rho * rho)) * k
            s[_J + 3 * TILE + i] = -scale * b * (rho + k * per_root)
            s[_J + 4 * TILE + i] = scale * (b * sigma) * (sigma * per_root - 1.0)
        _accumulate(s, count, 5, sums)
    return sums[_COST]


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
        s[_X + i], s[_V + i], s[_W + i] = x[place], v * v, u * u
    s1, t1, tt = 0.0, 0.0, 0.0
    for i in range(count):
        s1 += s[_W + i]
        t1 += s[_W + i] * s[_V + i]
        tt += s[_W + i] * s[_V + i] * s[_V + i]
    best = math.inf
    low, high = s[_X], s[_X + count - 1]
    reach = 0.0375 * min(high - low, 4.0)
    for _ in range(5):
        sigma = reach
        reach *= 2.6
        for place in range(7):
            m = low + (high - low) * (place + 0.5) / 7.0
            per_sigma = 1.0 / sigma
            sy, sz, syy, syz, szz, ty, tz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(count):
                u, v = s[_W + i], s[_V + i]
                y = (s[_X + i] - m) * per_sigma
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
            d = min(max(d, -_LEAST_CORRELATION * c), _LEAST_CORRELATION * c)
            d = min(max(d, c - steepest * sigma), steepest * sigma - c)
            level = (t1 - d * sy - c * sz) / s1
            fall = d * vy + c * vz
            cost = tt - t1 * t1 / s1 - 2.0 * fall + d * d * yy + 2.0 * c * d * yz + c * c * zz
            if cost < best and level > -0.999 * math.sqrt(c * c - d * d):
                best = cost
                p[0], p[1], p[2], p[3], p[4] = level, c * per_sigma, d / c, m, sigma
    if best == math.inf:
        p[0], p[1], p[2], p[3], p[4] = 0.5 * t1 / s1, 0.1, 0.0, 0.5 * (low + high), 1.0


@kernel(INTS, INTS, VECTOR, VECTOR, VECTOR, VECTOR, MATRIX)
def svi_kernel(
    span: IntArray,
    offsets: IntArray,
    x: FloatArray,
    vol: FloatArray,
    weight: FloatArray,
    steepest: FloatArray,
    out: FloatArray,
) -> None:
    """Fit raw SVI to the smiles from `span[0]` up to `span[1]`.

    Parameters
    ----------
    offsets : (smiles + 1,) int64
        Where each smile's points begin.
    x, vol, weight : (points,) float64
        Log-moneyness and total volatility over the at-the-money total volatility, ascending in
        the first; weight of a volatility error.
    steepest : (smiles,) float64
        Largest b (1 + |rho|), in the same units.
    out : (smiles, 6) float64
        a, b, rho, m, sigma in the same units, and the cost.
    """
    p, trial, w = np.zeros(5), np.zeros(5), np.zeros(35)
    s, sums, next_sums = np.zeros(_SCRATCH), np.zeros(_SUMS), np.zeros(_SUMS)
    for one in range(max(0, span[0]), span[1]):
        at, end = offsets[one], offsets[one + 1]
        _svi_start(x, vol, weight, at, end, steepest[one], p, s)
        cost = _svi(x, vol, weight, at, end, p, s, sums)
        damping = 1e-3
        for _ in range(_STEPS):
            before = cost
            for _ in range(12):
                if solve_damped(sums, damping, w, 5):
                    rho = _shifted(p[2], w[2])
                    b = min(max(_grown(p[1], w[1]), 1e-6), steepest[one] / (1.0 + abs(rho)))
                    sigma = min(max(_grown(p[4], w[4]), 1e-4), 100.0)
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
        out[one, :5] = p
        out[one, 5] = cost


# --- SABR -----------------------------------------------------------------------------------------
@inlined
def sabr_point(
    x: float, alpha: float, rho: float, nu: float, beta: float
) -> tuple[float, float, float, float]:
    """Return Hagan's total volatility and its derivatives by ln alpha, rho and ln nu.

    Hagan, Kumar, Lesniewski and Woodward (2002), eq. 2.17a, in units without time: x = ln(K/F),
    alpha = alpha F^(beta-1) sqrt(T), nu = nu sqrt(T).
    """
    free = 1.0 - beta
    tilt = exp(0.5 * free * x)  # (FK)^((1-beta)/2) over F^(1-beta)
    per_tilt = 1.0 / tilt
    square = free * free * x * x
    spread = 1.0 + square * (1.0 / 24.0) + square * square * (1.0 / 1920.0)
    z = -(nu / alpha) * tilt * x
    per_root = 1.0 / math.sqrt(1.0 - 2.0 * rho * z + z * z)
    root = (1.0 - 2.0 * rho * z + z * z) * per_root
    # chi = ln[(root + z - rho)/(1 - rho)], by the conjugate where z is below rho.
    above = z >= rho
    far = root + z - rho if above else root - (z - rho)
    edge = 1.0 - rho if above else 1.0 + rho
    chi = log_ratio(far if above else edge, edge if above else far)
    near = abs(z) < 1e-3
    per_chi = 1.0 / (1.0 if near else chi)
    ratio = z * per_chi
    by_z = (1.0 - ratio * per_root) * per_chi
    sign = 1.0 if above else -1.0
    chi_rho = 1.0 / edge - (1.0 + sign * z * per_root) / far
    by_rho = -ratio * (sign * chi_rho if above else chi_rho) * per_chi
    bend = (2.0 - 3.0 * rho * rho) * (1.0 / 12.0)
    cube = rho * (5.0 - 6.0 * rho * rho) * (1.0 / 24.0)
    ratio = 1.0 - z * (0.5 * rho - z * (bend + z * cube)) if near else ratio
    by_z = -0.5 * rho + 2.0 * z * bend if near else by_z
    by_rho = -0.5 * z - 0.5 * rho * z * z if near else by_rho
    local = free * free * alpha * alpha * (1.0 / 24.0) * per_tilt * per_tilt
    mixed = 0.25 * beta * nu * alpha * per_tilt
    wave = bend * nu * nu * 0.5
    grown = 1.0 + local + rho * mixed + wave
    front = alpha * per_tilt / spread
    value = front * ratio * grown
    turn = front * grown * z * by_z
    by_alpha = value - turn + front * ratio * (2.0 * local + rho * mixed)
    by_nu = turn + front * ratio * (rho * mixed + 2.0 * wave)
    slope = front * (by_rho * grown + ratio * (mixed - 0.25 * rho * nu * nu))
    return value, by_alpha, slope, by_nu


@inlined
def _sabr(
    x: FloatArray, vol: FloatArray, weight: FloatArray, at: int, end: int, beta: float,
    p: FloatArray, s: FloatArray, sums: FloatArray,
) -> float:  # fmt: skip
    """Evaluate SABR, its derivatives by (ln alpha, atanh rho, ln nu); return the cost."""
    alpha, rho, nu = p[0], p[1], p[2]
    sums[:] = 0.0
    for first in range(at, end, TILE):
        count = _load(s, x, vol, weight, first, end)
        for i in range(count):
            value, by_alpha, by_rho, by_nu = sabr_point(s[_X + i], alpha, rho, nu, beta)
            weighed = s[_W + i]
            s[_MISS + i] = weighed * (value - s[_V + i])
            s[_J + i] = weighed * by_alpha
            s[_J + TILE + i] = weighed * by_rho * (1.0 - rho * rho)
            s[_J + 2 * TILE + i] = weighed * by_nu
        _accumulate(s, count, 3, sums)
    cost = sums[_COST]
    return cost if cost >= 0.0 else math.inf


@kernel(INTS, INTS, VECTOR, VECTOR, VECTOR, MATRIX, types.float64, types.float64, MATRIX)
def sabr_kernel(
    span: IntArray,
    offsets: IntArray,
    x: FloatArray,
    vol: FloatArray,
    weight: FloatArray,
    starts: FloatArray,
    beta: float,
    most_nu: float,
    out: FloatArray,
) -> None:
    """Fit alpha, rho and nu to the smiles from `span[0]` up to `span[1]`.

    Parameters
    ----------
    offsets : (smiles + 1,) int64
        Where each smile's points begin.
    x, vol, weight : (points,) float64
        ln(K/F), total volatility, and weight of its error.
    starts : (smiles, 3) float64
        First alpha, rho and nu, in units without time as in `sabr_point`.
    most_nu : float
        Bound of nu in those units.
    out : (smiles, 4) float64
        alpha, rho and nu in those units, and the cost.
    """
    p, trial, w = np.zeros(5), np.zeros(5), np.zeros(35)
    s, sums, next_sums = np.zeros(_SCRATCH), np.zeros(_SUMS), np.zeros(_SUMS)
    for one in range(max(0, span[0]), span[1]):
        at, end = offsets[one], offsets[one + 1]
        p[:3] = starts[one]
        cost = _sabr(x, vol, weight, at, end, beta, p, s, sums)
        damping = 1e-3
        for _ in range(_STEPS):
            before = cost
            for _ in range(12):
                if solve_damped(sums, damping, w, 3):
                    trial[0] = _grown(p[0], w[0])
                    trial[1] = _shifted(p[1], w[1])
                    trial[2] = min(max(_grown(p[2], w[2]), 1e-4), most_nu)
                    moved = _sabr(x, vol, weight, at, end, beta, trial, s, next_sums)
                    if moved < cost:
                        cost = moved
                        p[:] = trial
                        sums[:] = next_sums
                        damping = max(0.1 * damping, 1e-12)
                        break
                damping *= 8.0
            if not (before - cost > _DONE * before):
                break
        out[one, :3] = p[:3]
        out[one, 3] = cost
