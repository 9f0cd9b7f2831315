"""The forward filter of the joint trend and volatility regime, path by path."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray
from quant.kernels.compile import MATRIX, VECTOR, inlined, kernel

CLIP = 50.0
"""Standard deviations at which a return is cut: bad data must not empty every state at once."""
LEAST_SCALED = 10
"""Returns needed before their standard deviation is used to measure the next one."""


@inlined
def _moved(state: FloatArray, spare: FloatArray, trend: FloatArray, volatility: FloatArray) -> None:
    """Move nine probabilities one session ahead, always in the same order of operations."""
    for j in range(3):
        for k in range(3):
            spare[3 * j + k] = (
                state[k] * trend[j] + state[3 + k] * trend[3 + j] + state[6 + k] * trend[6 + j]
            )
    for i in range(3):
        for j in range(3):
            state[3 * i + j] = (
                spare[3 * i] * volatility[j]
                + spare[3 * i + 1] * volatility[3 + j]
                + spare[3 * i + 2] * volatility[6 + j]
            )


@inlined
def _weighed(state: FloatArray, size: float, model: FloatArray) -> None:
    """Weigh nine probabilities by the likelihood of a standardized return."""
    degrees = model[4]
    unit = math.sqrt((degrees - 2.0) / degrees)
    power = -0.5 * (degrees + 1.0)
    clipped = min(max(size, -CLIP), CLIP)
    total = 0.0
    for i in range(3):
        for j in range(3):
            spread = model[1 + j]
            z = (clipped / spread - (i - 1.0) * model[0]) / unit
            state[3 * i + j] *= math.exp(power * math.log1p(z * z / degrees)) / spread
            total += state[3 * i + j]
    for i in range(9):
        state[i] /= total


@kernel(MATRIX, types.int64, VECTOR, VECTOR, VECTOR, MATRIX)
def regime_kernel(
    returns: FloatArray,
    window: int,
    model: FloatArray,
    trend: FloatArray,
    volatility: FloatArray,
    out: FloatArray,
) -> None:
    """Filter each path, or each window of it anew.

    Parameters
    ----------
    returns : (n, t) float64
        NaN where missing.
    window : int
        0: one filter over the whole path, answered at every session. Above 0: for each session a
        filter over so many up to it alone, or over all there are.
    model : (7,) float64
        Drift, three scales, degrees, what a session keeps of the weights, warm-up.
    trend, volatility : (9,) float64
        Transition matrices, row by row.
    out : (n t, 9) float64
        Probabilities, trend x volatility; NaN where there is no answer.
    """
    paths, sessions = returns.shape
    state, spare = np.zeros(9), np.zeros(9)
    keep, warm_up = model[5], model[6]
    # Windows that reach back to the first session are one filter, answered as it goes.
    whole = min(window - 1, sessions) if window > 0 else sessions
    for path in range(paths):
        for end in range(whole - 1 if whole > 0 else 0, sessions):
            growing = end < whole
            start = 0 if growing else end - window + 1
            for i in range(3):
                for j in range(3):
                    state[3 * i + j] = (0.5 if i == 1 else 0.25) / 3.0
            squares, weight, count = 0.0, 0.0, 0.0
            for t in range(start, end + 1):
                _moved(state, spare, trend, volatility)
                now = returns[path, t]
                seen = math.isfinite(now)
                told = seen and count >= LEAST_SCALED and squares > 0.0
                if told:
                    size = now / math.sqrt(squares / weight)
                    told = math.isfinite(size)
                    if told:
                        _weighed(state, size, model)
                if seen:
                    squares = keep * squares + now * now
                    weight = keep * weight + 1.0
                    count += 1.0
                if growing or t == end:
                    answered = told and count >= warm_up
                    for i in range(9):
                        out[path * sessions + t, i] = state[i] if answered else math.nan
