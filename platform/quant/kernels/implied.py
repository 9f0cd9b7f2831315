"""Implied volatility of many prices at once: a good guess, then two or three steps for all.

The equation and the step are those of `quant.total_vol`, which is the reference: Householder's
third-order step on the logarithm of the smaller of the normalized price and what is left above
it, whose error shrinks to its fourth power. Here all elements of a tile take the step together,
without brackets; one that has settled stays as it is, so its neighbors do not change its bits,
and one that does not settle is marked `HARD` for the reference.
"""

from __future__ import annotations

import math

import numpy as np

from quant.arrays import ByteArray, FloatArray, IntArray
from quant.kernels.compile import BYTES, INTS, copy_out, inlined, kernel, load, load_sides
from quant.kernels.elementary import exp, exp_both, log_ratio, mills_pair

HARD = 255
"""Status of an element that the reference must answer."""
GRAIN = 1 << 14
"""Prices that are worth a thread."""
TILE = 64

_OK, _BELOW, _ABOVE = 0, 6, 7  # quant.status.Status: OK, BELOW_INTRINSIC, ABOVE_MAX
_P, _S, _K, _T, _R, _Q, _W = (TILE * row for row in range(7))
_Y, _SPOT, _STRIKE, _GAP, _VALUE, _ROOM, _SCALE = (TILE * row for row in range(7, 14))
_CODE, _FAR, _TARGET, _UPPER, _TOTAL, _OPEN, _MISS = (TILE * row for row in range(14, 21))
_U, _HALF, _A, _MA, _MB, _TAILS = (TILE * row for row in range(21, 27))
_WORK = TILE * 27

_MOST_STEPS = 6
_SETTLED = 1e-4  # relative step: the next would be of its fourth power
_SERIES = -0.05  # near distance from which `mills_pair` serves
_LOG_SQRT_2PI = 0.9189385332046727
_SQRT_2PI = 2.5066282746310002
_LN_2 = 0.6931471805599453


@inlined
def _normalize(w: FloatArray) -> None:
    """Turn prices out of the money and classify them: value, what is left above, their scale."""
    for i in range(TILE):
        P, S, K, T, side = w[_P + i], w[_S + i], w[_K + i], w[_T + i], w[_W + i]
        y = w[_Y + i]
        inside = side * y > 0.0
        value = P - side * w[_GAP + i] if inside else P
        room = (w[_SPOT + i] if side > 0.0 else w[_STRIKE + i]) - P
        span = max(T, 1.0)
        tame = (S >= 1e-100) & (S <= 1e100) & (K >= 1e-100) & (K <= 1e100) & (P >= 0.0)
        tame &= (T >= 1e-15) & (T <= 1e3) & (P <= 1e100)
        tame &= (abs(w[_R + i]) * span <= 600.0) & (abs(w[_Q + i]) * span <= 600.0)
        far = abs(y)
        solid = (value >= 1e-290) & (room >= 1e-290) & (far <= 500.0)
        code = float(_OK) if solid else float(HARD)
        code = float(_BELOW) if value <= 0.0 else code
        code = float(_ABOVE) if room <= 0.0 else code
        w[_CODE + i] = code if tame else float(HARD)
        solved = solid & tame
        w[_FAR + i] = far if solved else 0.0
        w[_VALUE + i] = value if solved else 0.25
        w[_ROOM + i] = room if solved else 0.75
        w[_SCALE + i] = math.sqrt(w[_SPOT + i]) * math.sqrt(w[_STRIKE + i]) if solved else 1.0
    for i in range(TILE):
        w[_TARGET + i] = log_ratio(w[_VALUE + i], w[_SCALE + i])
    for i in range(TILE):
        log_room = log_ratio(w[_ROOM + i], w[_SCALE + i])
        upper = w[_TARGET + i] > log_room
        w[_UPPER + i] = 1.0 if upper else 0.0
        w[_TARGET + i] = log_room if upper else w[_TARGET + i]


@inlined
def _carry(w: FloatArray) -> None:
    """Discounted spot, strike and their difference, as `quant.kernels.greeks` has them."""
    for i in range(TILE):
        w[_Y + i] = log_ratio(w[_S + i], w[_K + i])
    for i in range(TILE):
        w[_MA + i] = exp(-w[_R + i] * w[_T + i])
    for i in range(TILE):
        S, K, discount = w[_S + i], w[_K + i], w[_MA + i]
        drift = (w[_R + i] - w[_Q + i]) * w[_T + i]
        grown, less_one = exp_both(drift)
        spot, strike = S * (discount * grown), K * discount
        small = (less_one > -0.6) & (less_one < 1.7)
        w[_Y + i] = w[_Y + i] + drift
        w[_SPOT + i] = spot
        w[_STRIKE + i] = strike
        w[_GAP + i] = discount * ((S - K) + S * less_one) if small else spot - strike


@inlined
def _guess(w: FloatArray) -> None:
    """A first total volatility, within 1e-3 for what trades; `quant.total_vol._guess` has why."""
    for i in range(TILE):
        scale = w[_SCALE + i]
        distance = abs(w[_SPOT + i] - w[_STRIKE + i]) / scale if w[_FAR + i] > 0.0 else 0.0
        value = w[_VALUE + i] / scale
        w[_U + i] = distance
        w[_HALF + i] = value
        w[_A + i] = log_ratio(value + distance, value)
    for i in range(TILE):
        k, distance, value = w[_FAR + i], w[_U + i], w[_HALF + i]
        straddle = distance + 2.0 * value
        eta = 2.0 * distance / (straddle * w[_A + i]) if distance > 1e-8 * value else 1.0
        top = ((147.67944172 * eta + 78.18525564) * eta + 10.49575541) * eta + 0.39951874
        bottom = ((55.88715578 * eta + 156.20231659) * eta + 23.69531576) * eta + 1.0
        normal = 1.2533141373155003 * straddle * (top / bottom) * math.sqrt(eta)
        share = 0.3989422804014327 * (normal * (k / distance) if k > 1e-8 else normal)
        # The series of the inverse error function: 2 N(s/2) - 1 = share.
        x2 = share * share
        series = 1.0 + x2 * (
            0.2617993877991494 + x2 * (0.143931731 + x2 * (0.097663620 + 0.0733 * x2))
        )
        near = _SQRT_2PI * share * series
        depth = max(-0.5 * k - _LN_2 - 0.6 / math.sqrt(max(k, 0.1)) - w[_TARGET + i], 0.0)
        below = k / math.sqrt(0.5 * k + depth + math.sqrt(depth * (depth + k)))
        # Abramowitz and Stegun 26.2.23: the quantile of half the room.
        t = math.sqrt(max(2.0 * (_LN_2 - w[_TARGET + i]), 0.0))
        fall = (2.515517 + t * (0.802853 + 0.010328 * t)) / (
            1.0 + t * (1.432788 + t * (0.189269 + 0.001308 * t))
        )
        above = max(math.sqrt(2.0 * k), 2.0 * (t - fall))
        far = above if w[_UPPER + i] > 0.0 else below
        good = (share > 0.0) & (share < 0.68)
        w[_TOTAL + i] = near if good else far
        w[_OPEN + i] = 1.0


@inlined
def _step(w: FloatArray) -> None:
    """Move every element that has not settled by one step."""
    for i in range(TILE):
        s = w[_TOTAL + i]
        u, half = w[_FAR + i] / s, 0.5 * s
        near = u - half
        straight = (near >= _SERIES) & (w[_UPPER + i] == 0.0)
        w[_U + i] = u
        w[_HALF + i] = half
        w[_A + i] = near
        w[_MA + i] = near if straight else abs(near)
        w[_MB + i] = u + half
    for i in range(TILE):
        near_ratio, far_ratio, drop = mills_pair(w[_MA + i], w[_MB + i])
        w[_MA + i] = near_ratio
        w[_MB + i] = far_ratio
        w[_TAILS + i] = w[_TOTAL + i] * drop
    for i in range(TILE):
        near = w[_A + i]
        # Below 0 the Mills ratio is 1/n less that of the other side.
        wide = _SQRT_2PI * exp(0.5 * near * near) - w[_MA + i] - w[_MB + i]
        lower = w[_TAILS + i] if near >= _SERIES else wide
        w[_TAILS + i] = w[_MA + i] + w[_MB + i] if w[_UPPER + i] > 0.0 else lower
    for i in range(TILE):
        w[_MISS + i] = log_ratio(w[_TAILS + i], 1.0)
    for i in range(TILE):
        s, u, half, tails = w[_TOTAL + i], w[_U + i], w[_HALF + i], w[_TAILS + i]
        square, quarter = u * u, half * half
        miss = w[_MISS + i] - 0.5 * (square + quarter) - _LOG_SQRT_2PI - w[_TARGET + i]
        per_slope = -tails / s if w[_UPPER + i] > 0.0 else tails / s
        slope = 1.0 / per_slope
        bend = square - quarter
        second = bend - slope
        third = bend * bend - 3.0 * square - quarter - 3.0 * bend * slope + 2.0 * slope * slope
        newton = -miss * per_slope
        step = newton * (1.0 + 0.5 * second * newton)
        step /= 1.0 + newton * (second + third * newton * (1.0 / 6.0))
        step = max(min(step, 3.0), -0.75)  # a wild first step stays within reach of the next
        open_ = w[_OPEN + i] > 0.0
        w[_TOTAL + i] = s + s * step if open_ else s
        w[_OPEN + i] = 1.0 if open_ & (not (abs(step) <= _SETTLED)) else 0.0


@kernel(INTS, INTS, INTS, BYTES)
def implied_kernel(span: IntArray, columns: IntArray, address: IntArray, status: ByteArray) -> None:
    """Compute the volatilities of the prices from `span[0]` up to `span[1]`.

    Parameters
    ----------
    columns : (14,) int64
        Address and stride in bytes of price, S, K, T, r, q (float64) and is_call (bool).
    address : (1,) int64
        Where the volatilities are to be written; NaN unless the status is OK.
    status : (n,) uint8
        OK, BELOW_INTRINSIC, ABOVE_MAX or `HARD`.
    """
    w = np.zeros(_WORK)
    for at in range(max(0, span[0]), span[1], TILE):
        count = min(TILE, span[1] - at)
        for column in range(6):
            load(w, TILE * column, columns, column, at, count)
        load_sides(w, _W, columns, 6, at, count)
        _carry(w)
        _normalize(w)
        _guess(w)
        for _ in range(_MOST_STEPS):
            _step(w)
            left = 0.0
            for i in range(TILE):
                left += w[_OPEN + i]
            if left == 0.0:
                break
        for i in range(TILE):
            code = float(HARD) if w[_OPEN + i] > 0.0 else w[_CODE + i]
            code = w[_CODE + i] if w[_CODE + i] > 0.0 else code
            w[_CODE + i] = code
            w[_TOTAL + i] = w[_TOTAL + i] / math.sqrt(w[_T + i]) if code == 0.0 else math.nan
        copy_out(address[0] + 8 * at, w, _TOTAL, count)
        for i in range(count):
            status[at + i] = int(w[_CODE + i])
