"""Fits of eSSVI slices, one after the other, each within the bounds that the last one leaves."""

from __future__ import annotations

import math

import numpy as np

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, inlined, kernel, summed

_STEPS = 40
_DONE = 1e-10
_NUDGE = 1e-5
_MOST_RHO = 0.99


@inlined
def _slice(u: FloatArray, last: FloatArray, p: FloatArray) -> bool:
    """Turn three numbers without bounds into theta, rho and psi within theirs.

    `last` is the slice before, or zeros. Returns whether any psi is allowed.
    """
    theta = last[0] + math.exp(min(max(u[0], -40.0), 3.0))
    rho = _MOST_RHO * math.tanh(u[1])
    wing = 1.0 + abs(rho)
    high = min(4.0 / wing, 2.0 * math.sqrt(theta / wing))
    low = 1e-8
    if last[0] > 0.0:
        low = last[2] * max((1.0 + last[1]) / (1.0 + rho), (1.0 - last[1]) / (1.0 - rho))
        high = min(high, last[2] / last[0] * theta)
    share = 1.0 / (1.0 + math.exp(-min(max(u[2], -30.0), 30.0)))
    p[0], p[1], p[2] = theta, rho, low + share * (high - low)
    return low < high


@summed
def _cost(k: FloatArray, total: FloatArray, weight: FloatArray, p: FloatArray) -> float:
    """Return the weighted sum of squared total-volatility errors."""
    theta, rho, phi = p[0], p[1], p[2] / p[0]
    flat = 1.0 - rho * rho
    found = 0.0
    for i in range(k.size):
        x = phi * k[i]
        w = 0.5 * theta * (1.0 + rho * x + math.sqrt((x + rho) * (x + rho) + flat))
        miss = weight[i] * (math.sqrt(w) - total[i])
        found += miss * miss
    return found


@summed
def _sums(
    k: FloatArray, total: FloatArray, weight: FloatArray, p: FloatArray,
    moved: FloatArray, normal: FloatArray,
) -> None:  # fmt: skip
    """Sum J'J (6) and J'r (3) by forward differences; `moved` holds three nudged slices."""
    normal[:] = 0.0
    for i in range(k.size):
        x = k[i] * (p[2] / p[0])
        flat = 1.0 - p[1] * p[1]
        here = math.sqrt(0.5 * p[0] * (1.0 + p[1] * x + math.sqrt((x + p[1]) * (x + p[1]) + flat)))
        miss = weight[i] * (here - total[i])
        x0 = k[i] * (moved[2] / moved[0])
        x1 = k[i] * (moved[5] / moved[3])
        x2 = k[i] * (moved[8] / moved[6])
        r0, r1, r2 = moved[1], moved[4], moved[7]
        v0 = 0.5 * moved[0] * (1.0 + r0 * x0 + math.sqrt((x0 + r0) * (x0 + r0) + 1.0 - r0 * r0))
        v1 = 0.5 * moved[3] * (1.0 + r1 * x1 + math.sqrt((x1 + r1) * (x1 + r1) + 1.0 - r1 * r1))
        v2 = 0.5 * moved[6] * (1.0 + r2 * x2 + math.sqrt((x2 + r2) * (x2 + r2) + 1.0 - r2 * r2))
        scale = weight[i] / _NUDGE
        j0 = scale * (math.sqrt(v0) - here)
        j1 = scale * (math.sqrt(v1) - here)
        j2 = scale * (math.sqrt(v2) - here)
        normal[0] += j0 * j0
        normal[1] += j1 * j0
        normal[2] += j1 * j1
        normal[3] += j2 * j0
        normal[4] += j2 * j1
        normal[5] += j2 * j2
        normal[6] += j0 * miss
        normal[7] += j1 * miss
        normal[8] += j2 * miss


@inlined
def _solve(normal: FloatArray, damping: float, step: FloatArray) -> bool:
    """Solve the damped normal equations of three parameters; return whether they allow it."""
    grow = 1.0 + damping
    a, b, c = normal[0] * grow, normal[1], normal[2] * grow
    d, e, f = normal[3], normal[4], normal[5] * grow
    if not (a > 0.0):
        return False
    ba, da = b / a, d / a
    c -= b * ba
    e -= b * da
    f -= d * da
    if not (c > 0.0):
        return False
    ec = e / c
    f -= e * ec
    if not (f > 0.0):
        return False
    y0 = -normal[6]
    y1 = -normal[7] - ba * y0
    y2 = -normal[8] - da * y0 - ec * y1
    step[2] = y2 / f
    step[1] = y1 / c - ec * step[2]
    step[0] = y0 / a - ba * step[1] - da * step[2]
    return True


@inlined
def _start(
    k: FloatArray, total: FloatArray, weight: FloatArray, rise: float,
    last: FloatArray, trial: FloatArray, p: FloatArray, u: FloatArray,
) -> float:  # fmt: skip
    """Leave the best of a few starts in `u` and return its cost; infinite where none is allowed."""
    cost = math.inf
    for lean in (-0.9, -0.5, -0.2, 0.2):
        for bend in (-2.0, 0.0, 2.0):
            trial[0], trial[1], trial[2] = rise, math.atanh(lean), bend
            if _slice(trial, last, p):
                found = _cost(k, total, weight, p)
                if found < cost:
                    cost = found
                    u[:] = trial
    return cost


@inlined
def _improve(
    k: FloatArray, total: FloatArray, weight: FloatArray, cost: float,
    damping: FloatArray, last: FloatArray, normal: FloatArray, trial: FloatArray,
    step: FloatArray, p: FloatArray, u: FloatArray,
) -> float:  # fmt: skip
    """Move `u` by the first damped step that lowers the cost; return the cost then."""
    for _ in range(12):
        if _solve(normal, damping[0], step):
            for i in range(3):
                trial[i] = u[i] + min(max(step[i], -2.0), 2.0)
            if _slice(trial, last, p):
                found = _cost(k, total, weight, p)
                if found < cost:
                    u[:] = trial
                    damping[0] = max(0.1 * damping[0], 1e-12)
                    return found
        damping[0] *= 8.0
    return cost


@kernel(INTS, VECTOR, VECTOR, VECTOR, VECTOR, MATRIX)
def essvi_kernel(
    offsets: IntArray,
    k: FloatArray,
    total: FloatArray,
    weight: FloatArray,
    money: FloatArray,
    out: FloatArray,
) -> None:
    """Fit slices in order of expiry.

    Parameters
    ----------
    offsets : (slices + 1,) int64
        Where each slice's points begin.
    k, total, weight : (points,) float64
        Log-moneyness, total volatility, weight of its error.
    money : (slices,) float64
        At-the-money total variance of each slice, to begin with.
    out : (slices, 4) float64
        theta, rho, psi, and 1 where a bound of the slice before was met, else 0.
    """
    last, p, best, damping = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(1)
    u, trial, step, normal, moved = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(9), np.zeros(9)
    for one in range(offsets.size - 1):
        at, end = offsets[one], offsets[one + 1]
        x, vol, root = k[at:end], total[at:end], weight[at:end]
        rise = math.log(max(money[one] - last[0], 1e-3 * money[one]))
        cost = _start(x, vol, root, rise, last, trial, p, u)
        if cost == math.inf:
            # Not even the farthest wings fit beside the slice before: it is moved in time.
            out[one, 0], out[one, 1], out[one, 2] = last[0] * (1.0 + 1e-9), last[1], last[2]
            out[one, 3] = 1.0
            last[0] = out[one, 0]
            continue
        damping[0] = 1e-2
        for _ in range(_STEPS):
            _slice(u, last, best)
            for i in range(3):
                trial[:] = u
                trial[i] += _NUDGE
                _slice(trial, last, p)
                moved[3 * i], moved[3 * i + 1], moved[3 * i + 2] = p[0], p[1], p[2]
            _sums(x, vol, root, best, moved, normal)
            before = cost
            cost = _improve(x, vol, root, cost, damping, last, normal, trial, step, p, u)
            if not (before - cost > _DONE * before):
                break
        _slice(u, last, best)
        out[one, :3] = best
        bound = last[0] > 0.0 and (abs(u[2]) > 6.0 or best[0] < last[0] * (1.0 + 1e-6))
        out[one, 3] = 1.0 if bound else 0.0
        last[:] = best
