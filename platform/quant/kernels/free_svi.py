"""SVI fits held free of arbitrage: against butterflies, and against an earlier slice.

Levenberg-Marquardt on the quotes' misses with two kinds of penalties on a grid of log-moneyness:
Durrleman's g below zero, and total volatility below that of the slice before. They grow by stages
until nothing of them is left.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray
from quant.kernels.compile import VECTOR, inlined, kernel, summed
from quant.kernels.least_squares import MOST_CORRELATION, solve_damped

GRID = 57
_AROUND = 9  # places about the bend, which the grid may step over
_NODES = GRID + _AROUND
_MISSES = 2 * _NODES + 2  # where the quotes' misses begin
_REACH = 9.0  # standard deviations
_STEPS = 30
_STAGES = (10.0, 100.0, 1000.0)
# So that nothing is left when the quotes pull, and between the places: of g, of total volatility
# over the at-the-money one, and of a wing's slope.
_MARGIN, _GAP, _SLOPE = 2e-3, 1e-3, 1e-4
_NUDGE = 1e-6
_DONE = (1e-2, 1e-3, 1e-6)  # relative fall of the cost that ends a stage


@inlined
def _raw(u: FloatArray, steepest: float, p: FloatArray) -> None:
    """Turn five numbers without bounds into a, b, rho, m and sigma within theirs."""
    rho = MOST_CORRELATION * math.tanh(u[2])
    share = 1.0 / (1.0 + math.exp(-min(max(u[1], -30.0), 30.0)))
    b = share * steepest / (1.0 + abs(rho))
    sigma = math.exp(min(max(u[4], -9.0), 5.0))
    lowest = math.exp(min(max(u[0], -25.0), 5.0))
    p[0] = lowest - b * sigma * math.sqrt(1.0 - rho * rho)
    p[1], p[2], p[3], p[4] = b, rho, u[3], sigma


@inlined
def _places(m: float, sigma: float, at: int, floor: FloatArray, nodes: FloatArray) -> None:
    """Set the places about a bend, and the heights of the floor from place `at` on.

    `nodes` has two rows: log-moneyness, and the floor's total volatility (below any other where
    there is none).
    """
    for j in range(GRID, _NODES):
        nodes[0, j] = m + sigma * 0.5 * (j - GRID - (_AROUND - 1) * 0.5)
    for j in range(at, _NODES):
        z = nodes[0, j] - floor[3]
        w = floor[0] + floor[1] * (floor[2] * z + math.sqrt(z * z + floor[4] * floor[4]))
        nodes[1, j] = math.sqrt(max(w, 0.0)) + _GAP if floor[1] > 0.0 else -1.0


@inlined
def _penalties(
    p: FloatArray, unit: float, floor: FloatArray, force: float, nodes: FloatArray, r: FloatArray
) -> None:
    """Write the penalties."""
    a, b, rho, m, sigma = p[0], p[1], p[2], p[3], p[4]
    _places(m, sigma, GRID, floor, nodes)
    flat = 0.25 * unit * unit
    for j in range(_NODES):
        x = nodes[0, j]
        y = x - m
        root = math.sqrt(y * y + sigma * sigma)
        per_root = 1.0 / root
        w = max(a + b * (rho * y + root), 1e-12)
        per_w = 1.0 / w
        first = b * (rho + y * per_root)
        second = b * sigma * sigma * per_root * per_root * per_root
        lean = 1.0 - 0.5 * x * first * per_w
        g = lean * lean - 0.25 * first * first * (per_w + flat) + 0.5 * second
        r[j] = force * min(g - _MARGIN, 0.0)
        r[_NODES + j] = force * min(math.sqrt(w) - nodes[1, j], 0.0)
    for side in range(2):
        sign = 2.0 * side - 1.0
        gap = b * (1.0 + sign * rho) - floor[1] * (1.0 + sign * floor[2]) - _SLOPE
        r[2 * _NODES + side] = force * min(gap, 0.0) if floor[1] > 0.0 else 0.0


@summed
def _residuals(
    u: FloatArray, x: FloatArray, vol: FloatArray, weight: FloatArray, unit: float,
    steepest: float, floor: FloatArray, force: float, nodes: FloatArray, p: FloatArray,
    r: FloatArray,
) -> float:  # fmt: skip
    """Write penalties and misses; return the sum of their squares."""
    _raw(u, steepest, p)
    _penalties(p, unit, floor, force, nodes, r)
    a, b, rho, m, sigma = p[0], p[1], p[2], p[3], p[4]
    for i in range(x.size):
        y = x[i] - m
        w = a + b * (rho * y + math.sqrt(y * y + sigma * sigma))
        r[_MISSES + i] = weight[i] * (math.sqrt(max(w, 0.0)) - vol[i])
    total = 0.0
    for i in range(r.size):
        total += r[i] * r[i]
    return total


@summed
def _sums(here: FloatArray, moved: FloatArray, sums: FloatArray) -> None:
    """Set J'r and the lower half of J'J from residuals here and a nudge away, per parameter."""
    for row in range(5):
        total = 0.0
        for i in range(here.size):
            total += (moved[row, i] - here[i]) * here[i]
        sums[1 + row] = total / _NUDGE
        for column in range(row + 1):
            total = 0.0
            for i in range(here.size):
                total += (moved[row, i] - here[i]) * (moved[column, i] - here[i])
            sums[6 + 5 * row + column] = total / (_NUDGE * _NUDGE)


@kernel(VECTOR, VECTOR, VECTOR, types.float64, types.float64, VECTOR, VECTOR)
def free_svi_kernel(
    x: FloatArray,
    vol: FloatArray,
    weight: FloatArray,
    unit: float,
    steepest: float,
    floor: FloatArray,
    p: FloatArray,
) -> None:
    """Move `p` to the best slice free of arbitrage.

    Parameters
    ----------
    x, vol, weight : (n,) float64
        Log-moneyness and total volatility over the at-the-money total volatility; weights.
    unit : float
        That total volatility.
    steepest : float
        Largest b (1 + |rho|), in the same units.
    floor : (5,) float64
        The slice not to fall below, in the same units; b = 0 for none.
    p : (5,) float64
        a, b, rho, m, sigma in the same units: a start, and the answer.
    """
    here, next_one = np.zeros(_MISSES + x.size), np.zeros(_MISSES + x.size)
    moved, nodes = np.zeros((5, _MISSES + x.size)), np.zeros((2, _NODES))
    u, trial, w, sums = np.zeros(5), np.zeros(5), np.zeros(35), np.zeros(31)
    for j in range(GRID):
        t = 2.0 * j / (GRID - 1.0) - 1.0
        nodes[0, j] = _REACH * t * (0.3 + 0.7 * t * t)
    _places(0.0, 0.0, 0, floor, nodes)
    rho = min(max(p[2] / MOST_CORRELATION, -0.999), 0.999)
    share = min(max(p[1] * (1.0 + abs(p[2])) / steepest, 1e-6), 1.0 - 1e-6)
    lowest = p[0] + p[1] * p[4] * math.sqrt(1.0 - p[2] * p[2])
    u[0], u[1] = math.log(max(lowest, 1e-3)), math.log(share / (1.0 - share))
    u[2], u[3], u[4] = math.atanh(rho), p[3], math.log(max(p[4], 0.05))
    for stage in range(len(_STAGES)):
        force = _STAGES[stage]
        cost = _residuals(u, x, vol, weight, unit, steepest, floor, force, nodes, p, here)
        damping = 1e-3
        for _ in range(_STEPS):
            for row in range(5):
                trial[:] = u
                trial[row] += _NUDGE
                _residuals(
                    trial, x, vol, weight, unit, steepest, floor, force, nodes, p, moved[row]
                )
            _sums(here, moved, sums)
            before = cost
            for _ in range(12):
                if solve_damped(sums, damping, w, 5):
                    for i in range(5):
                        trial[i] = u[i] + min(max(w[i], -1.0), 1.0)
                    found = _residuals(
                        trial, x, vol, weight, unit, steepest, floor, force, nodes, p, next_one
                    )
                    if found < cost:
                        cost = found
                        u[:] = trial
                        here[:] = next_one
                        damping = max(0.1 * damping, 1e-10)
                        break
                damping *= 8.0
            if not (before - cost > _DONE[stage] * before):
                break
    _raw(u, steepest, p)
