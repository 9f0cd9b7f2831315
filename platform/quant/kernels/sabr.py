"""Least-squares fits of SABR, many in one call, with exact derivatives, in units without time."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, inlined, kernel
from quant.kernels.elementary import exp, log_ratio
from quant.kernels.least_squares import (
    COST,
    MISS,
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

_DONE = 1e-4  # steps of three parameters converge quadratically: what is left is its square


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
        count = load_points(s, x, vol, weight, first, end)
        for i in range(count):
            value, by_alpha, by_rho, by_nu = sabr_point(s[X + i], alpha, rho, nu, beta)
            weighed = s[W + i]
            s[MISS + i] = weighed * (value - s[V + i])
            s[J + i] = weighed * by_alpha
            s[J + TILE + i] = weighed * by_rho * (1.0 - rho * rho)
            s[J + 2 * TILE + i] = weighed * by_nu
        accumulate(s, count, 3, sums)
    cost = sums[COST]
    return cost if cost >= 0.0 else math.inf


@inlined
def _sabr_start(
    x: FloatArray, vol: FloatArray, count: int, beta: float, most_nu: float, p: FloatArray
) -> None:
    """Set p to alpha, rho and nu of level, slope and curvature at the money.

    With z small, sigma = alpha (1 + rho nu x/(2 alpha) + (2 - 3 rho^2) nu^2 x^2/(12 alpha^2)), less
    (1 - beta) x/2 of the slope for the tilt of beta. The three are a least-squares parabola.
    """
    level = at_zero(x, vol, count)
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
        count = load_points(s, x, vol, weight, first, end)
        for i in range(count):
            s[MISS + i] = sabr_point(s[X + i], p[0], p[1], p[2], beta)[0]
        for i in range(min(count, end - first)):
            miss = s[MISS + i] - s[V + i]
            square += miss * miss
            worst = max(worst, abs(miss))
            least = min(least, s[MISS + i])
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
    s, sums, next_sums = np.zeros(SCRATCH), np.zeros(SUMS), np.zeros(SUMS)
    longest = 0
    for one in range(max(0, span[0]), span[1]):
        longest = max(longest, offsets[one + 1] - offsets[one])
    x, vol, weight = np.empty(longest), np.empty(longest), np.empty(longest)
    for one in range(max(0, span[0]), span[1]):
        at = 0
        end = gather(K, iv, weights, offsets[one], offsets[one + 1], 0.0, x, vol, weight)
        out[one, 7] = end
        if end < least_points:
            continue
        for i in range(end):
            x[i] = math.log(x[i] / forwards[one])
            vol[i] *= root_years[one]
        _sabr_start(x, vol, end, beta, most_nu, p)
        cost = _sabr(x, vol, weight, at, end, beta, p, s, sums)
        damping = 1e-3
        for _ in range(STEPS):
            before = cost
            for _ in range(12):
                if solve_damped(sums, damping, w, 3):
                    trial[0] = grown(p[0], w[0])
                    trial[1] = shifted(p[1], w[1])
                    trial[2] = min(max(grown(p[2], w[2]), 1e-4), most_nu)
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
        out[one, 3], out[one, 4], out[one, 5], out[one, 6] = _sabr_judged(
            x, vol, weight, end, beta, p, s
        )
