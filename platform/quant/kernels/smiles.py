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
_SABR_DONE = 1e-6  # steps of three parameters converge quadratically: what is left is its square
_LEAST_CORRELATION = 0.9995


@inlined
def _gather(
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
def _at_zero(x: FloatArray, vol: FloatArray, count: int) -> float:
    """Return the volatility at k = 0 between its neighbours, that of the end beyond the points."""
    if x[0] >= 0.0:
        return vol[0]
    for i in range(1, count):
        if x[i] >= 0.0:
            share = -x[i - 1] / (x[i] - x[i - 1])
            return vol[i - 1] + share * (vol[i] - vol[i - 1])
    return vol[count - 1]


@inlined
def _in_units(x: FloatArray, vol: FloatArray, count: int, root_years: float) -> tuple[float, float]:
    """Scale points to the volatility at the money and its total; return both."""
    middle = _at_zero(x, vol, count)
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
    count = _gather(k, iv, weight, 0, k.size, -math.inf, x, vol, w)
    out[0] = count
    out[1] = _in_units(x, vol, count, root_years)[1] if count else 1.0


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
    s, sums, next_sums = np.zeros(_SCRATCH), np.zeros(_SUMS), np.zeros(_SUMS)
    longest = 0
    for one in range(max(0, span[0]), span[1]):
        longest = max(longest, offsets[one + 1] - offsets[one])
    x, vol, weight = np.empty(longest), np.empty(longest), np.empty(longest)
    for one in range(max(0, span[0]), span[1]):
        at = 0
        first, last = offsets[one], offsets[one + 1]
        end = _gather(k, iv, weights, first, last, -math.inf, x, vol, weight)
        out[one, 7] = end
        if end < least_points:
            continue
        middle, unit = _in_units(x, vol, end, root_years[one])
        steepest = lee / unit
        _svi_start(x, vol, weight, at, end, steepest, p, s)
        cost = _svi(x, vol, weight, at, end, p, s, sums)
        damping = 1e-3
        for _ in range(_STEPS):
            before = cost
            for _ in range(12):
                if solve_damped(sums, damping, w, 5):
                    rho = _shifted(p[2], w[2])
                    b = min(max(_grown(p[1], w[1]), 1e-6), steepest / (1.0 + abs(rho)))
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


# --- SABR -----------------------------------------------------------------------------------------
@inlined
def _sabr_growth(
    alpha: float, rho: float, nu: float, beta: float, per_tilt: float
) -> tuple[float, float, float]:
    """Return the three parts of the expansion's correction for time; rho times the second."""
    free = 1.0 - beta
    local = free * free * alpha * alpha * (1.0 / 24.0) * per_tilt * per_tilt
    mixed = 0.25 * beta * nu * alpha * per_tilt
    wave = (2.0 - 3.0 * rho * rho) * (1.0 / 24.0) * nu * nu
    return local, mixed, wave


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
    local, mixed, wave = _sabr_growth(alpha, rho, nu, beta, per_tilt)
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


@inlined
def _sabr_start(
    x: FloatArray, vol: FloatArray, count: int, beta: float, most_nu: float, p: FloatArray
) -> None:
    """Set p to alpha, rho and nu of level, slope and curvature at the money.

    With z small, sigma = alpha (1 + rho nu x/(2 alpha) + (2 - 3 rho^2) nu^2 x^2/(12 alpha^2)), less
    (1 - beta) x/2 of the slope for the tilt of beta. The three are a least-squares parabola.
    """
    level = _at_zero(x, vol, count)
    per = 1.0 / max(level, 1e-12)
    m0, m1, m2, m3, m4, r0, r1, r2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        y = x[i] * per
        near = math.exp(-min(y * y, 700.0))
        m0 += near
        m1 += near * y
        m2 += near * y * y
        m3 += near * y * y * y
        m4 += near * y * y * y * y
        r0 += near * vol[i]
        r1 += near * y * vol[i]
        r2 += near * y * y * vol[i]
    c00, c01, c02 = m2 * m4 - m3 * m3, m2 * m3 - m1 * m4, m1 * m3 - m2 * m2
    det = m0 * c00 + m1 * c01 + m2 * c02
    slope, curve = 0.0, 0.0
    if abs(det) > 1e-14 * m0 * m2 * m4:
        level = (c00 * r0 + c01 * r1 + c02 * r2) / det
        slope = (c01 * r0 + (m0 * m4 - m2 * m2) * r1 + (m1 * m2 - m0 * m3) * r2) / det * per
        bend = (c02 * r0 + (m1 * m2 - m0 * m3) * r1 + (m0 * m2 - m1 * m1) * r2) / det
        curve = bend * per * per
    level = max(level, 1e-6)
    slope += 0.5 * (1.0 - beta) * level
    nu = math.sqrt(max(6.0 * level * curve + 6.0 * slope * slope, 0.01))
    nu = min(nu, 0.9 * most_nu)
    p[0], p[1], p[2] = level, min(max(2.0 * slope / nu, -0.95), 0.95), nu


@inlined
def _sabr_judged(
    x: FloatArray, vol: FloatArray, weight: FloatArray, end: int, beta: float, p: FloatArray,
    s: FloatArray,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Return root mean square and largest error, least volatility, farthest time correction."""
    square, worst, least, farthest = 0.0, 0.0, math.inf, 0.0
    for first in range(0, end, TILE):
        count = _load(s, x, vol, weight, first, end)
        for i in range(count):
            s[_MISS + i] = sabr_point(s[_X + i], p[0], p[1], p[2], beta)[0]
        for i in range(min(count, end - first)):
            miss = s[_MISS + i] - s[_V + i]
            square += miss * miss
            worst = max(worst, abs(miss))
            least = min(least, s[_MISS + i])
    # For beta 1 the correction is the same at all strikes.
    for i in range(0, end, end if beta == 1.0 else 1):
        per_tilt = math.exp(-0.5 * (1.0 - beta) * x[i])
        local, mixed, wave = _sabr_growth(p[0], p[1], p[2], beta, per_tilt)
        growth = local + p[1] * mixed + wave
        if abs(growth) > abs(farthest):
            farthest = growth
    return math.sqrt(square / end), worst, least, 1.0 + farthest


@kernel(
    INTS, INTS, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR, types.float64, types.float64, types.int64,
    MATRIX,
)  # fmt: skip
def sabr_kernel(
    span: IntArray,
    offsets: IntArray,
    K: FloatArray,
    iv: FloatArray,
    weights: FloatArray,
    forwards: FloatArray,
    root_years: FloatArray,
    beta: float,
    most_nu: float,
    least_points: int,
    out: FloatArray,
) -> None:
    """Fit alpha, rho and nu to the smiles from `span[0]` up to `span[1]`.

    Parameters
    ----------
    offsets : (smiles + 1,) int64
        Where each smile's points begin.
    K, iv, weights : (points,) float64
        Strikes, volatility per square root of a year, weight of its squared error (empty for
        equal ones); those that are not finite or not above zero are passed over.
    forwards, root_years : (smiles,) float64
    most_nu : float
        Bound of nu in units without time, as in `sabr_point`.
    least_points : int
        Smiles with fewer get a count and nothing else.
    out : (smiles, 8) float64
        alpha, rho and nu in those units, root mean square and largest error of total volatility,
        the least total volatility, the correction for time that is farthest from one, and how
        many points were used.
    """
    p, trial, w = np.zeros(5), np.zeros(5), np.zeros(35)
    s, sums, next_sums = np.zeros(_SCRATCH), np.zeros(_SUMS), np.zeros(_SUMS)
    longest = 0
    for one in range(max(0, span[0]), span[1]):
        longest = max(longest, offsets[one + 1] - offsets[one])
    x, vol, weight = np.empty(longest), np.empty(longest), np.empty(longest)
    for one in range(max(0, span[0]), span[1]):
        at = 0
        end = _gather(K, iv, weights, offsets[one], offsets[one + 1], 0.0, x, vol, weight)
        out[one, 7] = end
        if end < least_points:
            continue
        for i in range(end):
            x[i] = math.log(x[i] / forwards[one])
            vol[i] *= root_years[one]
        _sabr_start(x, vol, end, beta, most_nu, p)
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
            if not (before - cost > _SABR_DONE * before):
                break
        out[one, :3] = p[:3]
        out[one, 3], out[one, 4], out[one, 5], out[one, 6] = _sabr_judged(
            x, vol, weight, end, beta, p, s
        )
