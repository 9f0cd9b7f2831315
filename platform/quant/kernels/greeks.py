"""Price and the twelve derivatives of Black-Scholes-Merton in one pass, a tile at a time.

A tile's numbers stay in the first-level cache and every loop over it has a fixed length and no
branch, so LLVM makes vector code of all of it; and an element's result depends on nothing but its
own inputs, so any cut into chunks and any number of threads give the same bits.

The kernel serves contracts with T > 0 and volatilities and prices of ordinary size, however short
the time left. The rest (bad input, expired, no volatility, extreme magnitudes) it marks `HARD`,
and the caller asks `quant.bsm.reference` for those.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import ByteArray, FloatArray, IntArray
from quant.kernels.compile import (
    BYTES,
    INTS,
    VECTOR,
    copy_out,
    drain,
    inlined,
    kernel,
    load,
    load_sides,
    stream_four,
)
from quant.kernels.elementary import exp, exp_both, log_ratio, mills_pair

FIELDS = (
    "price", "delta", "theta", "rho", "charm",
    "gamma", "vega", "vanna", "vomma", "speed", "zomma", "color", "ultima",
)  # fmt: skip
"""What the kernel computes, in its own order; the last eight carry the density alone."""
HARD = 255
"""Status of an element that the reference must answer."""
GRAIN = 1 << 15
"""Contracts that are worth a thread."""
STREAM_FROM = 1 << 17
"""Contracts whose results are larger than the caches."""

TILE = 64
_S, _K, _T, _R, _Q, _V, _W = (TILE * row for row in range(7))
_Y, _TOTAL, _ROOT, _INV, _DR, _EM, _F1 = (TILE * row for row in range(7, 14))
_A, _MA, _MB, _SPOT, _STRIKE, _D1, _D2 = (TILE * row for row in range(14, 21))
_OTM, _HARD, _DEAD = (TILE * row for row in range(21, 24))
_WORK = TILE * 24
_PRICE, _DELTA, _THETA, _RHO, _CHARM = (TILE * row for row in range(5))
_GAMMA, _VEGA, _VANNA, _VOMMA = (TILE * row for row in range(5, 9))
_SPEED, _ZOMMA, _COLOR, _ULTIMA = (TILE * row for row in range(9, 13))
_OUT = TILE * 13
_DENSE = 5  # fields from here on

_UNDERFLOW = 4  # quant.status.Status.UNDERFLOW
_INV_SQRT_2PI = 0.3989422804014327
_NARROW = 0.1  # total volatility below which the near distance is not below -0.05
_LIVE, _GONE = 37.4, 39.0  # standard deviations: density normal up to here, zero from there


@inlined
def _load(w: FloatArray, columns: IntArray, at: int, count: int) -> None:
    """Copy the inputs of a tile."""
    for column in range(6):
        load(w, TILE * column, columns, column, at, count)
    load_sides(w, _W, columns, 6, at, count)


@inlined
def _moneyness(w: FloatArray) -> None:
    """Distance, carry and discounts of each contract, and whether they are ordinary."""
    for i in range(TILE):
        S, K, T, v = w[_S + i], w[_K + i], w[_T + i], w[_V + i]
        # Sizes at which no product below overflows; NaN fails every comparison.
        tame = (S >= 1e-100) & (S <= 1e100) & (K >= 1e-100) & (K <= 1e100)
        tame &= (T >= 1e-15) & (T <= 1e3) & (v >= 1e-8) & (v <= 1e3)
        span = max(T, 1.0)
        tame &= (abs(w[_R + i]) * span <= 600.0) & (abs(w[_Q + i]) * span <= 600.0)
        w[_HARD + i] = 0.0 if tame else 1.0
        root = math.sqrt(T)
        w[_ROOT + i] = root
        w[_TOTAL + i] = v * root
        w[_INV + i] = 1.0 / (S * (v * root))
    for i in range(TILE):
        w[_Y + i] = log_ratio(w[_S + i], w[_K + i])
    for i in range(TILE):
        w[_DR + i] = exp(-w[_R + i] * w[_T + i])
    for i in range(TILE):
        grown, less_one = exp_both((w[_R + i] - w[_Q + i]) * w[_T + i])
        w[_SPOT + i] = w[_S + i] * (w[_DR + i] * grown)
        w[_EM + i] = less_one


@inlined
def _tails(w: FloatArray) -> None:
    """d1 and d2, the density, and the Mills ratios of the two distances with their difference.

    With z = y/s, the near distance is a = |z| - s/2 and the far one b = |z| + s/2; {d1, d2} are
    these but for sign. `_F1` is S Dq n(d1), which equals K Dr n(d2). Where s is so wide that a is
    well below 0, `_MA` is of |a| and `_OTM` has no meaning.
    """
    for i in range(TILE):
        S, s = w[_S + i], w[_TOTAL + i]
        y = w[_Y + i] + (w[_R + i] - w[_Q + i]) * w[_T + i]
        z = y * (S * w[_INV + i])
        half = 0.5 * s
        far1, far2 = abs(z + half), abs(z - half)
        dead = (far1 > _GONE) & (far2 > _GONE)
        near = abs(z) - half
        w[_Y + i] = y
        w[_STRIKE + i] = w[_K + i] * w[_DR + i]
        w[_DEAD + i] = 1.0 if dead else 0.0
        w[_HARD + i] = 1.0 if (far1 > _LIVE) & (not dead) else w[_HARD + i]
        w[_D1 + i] = z + half
        w[_D2 + i] = z - half
        w[_A + i] = near
        w[_MA + i] = near if s < _NARROW else abs(near)
        w[_MB + i] = abs(z) + half
    for i in range(TILE):
        density = _INV_SQRT_2PI * exp(-0.5 * (w[_D1 + i] * w[_D1 + i]))
        w[_F1 + i] = 0.0 if w[_DEAD + i] > 0.0 else w[_SPOT + i] * density
    for i in range(TILE):
        near_ratio, far_ratio, drop = mills_pair(w[_MA + i], w[_MB + i])
        w[_MA + i] = near_ratio
        w[_MB + i] = far_ratio
        w[_OTM + i] = drop


@inlined
def _cumulative(w: FloatArray, o: FloatArray) -> None:
    """Price, delta, theta, rho and charm: what carries the distribution function."""
    for i in range(TILE):
        S, K, T, r, q, v = w[_S + i], w[_K + i], w[_T + i], w[_R + i], w[_Q + i], w[_V + i]
        side, s, inv, f1, a = w[_W + i], w[_TOTAL + i], w[_INV + i], w[_F1 + i], w[_A + i]
        y, spot, strike = w[_Y + i], w[_SPOT + i], w[_STRIKE + i]
        per_s, per_S = S * inv, s * inv
        per_T = (v * per_s) * (v * per_s)
        above = y >= 0.0
        # The discounted cheaper side times N(-a) and N(a), the dearer times N(-b) and N(b).
        straight = (s < _NARROW) | (a >= 0.0)
        tail = f1 * w[_MA + i]
        low, high = (strike, spot) if above else (spot, strike)
        near = tail if straight else low - tail
        near_rest = low - tail if straight else tail
        far = f1 * w[_MB + i]
        far_rest = high - far
        otm = f1 * (s * w[_OTM + i]) if straight else near - far
        # S Dq - K Dr, exact where the carry is small, and without cancellation where it is large.
        small = (w[_EM + i] > -0.6) & (w[_EM + i] < 1.7)
        gap = w[_DR + i] * ((S - K) + S * w[_EM + i]) if small else spot - strike
        o[_PRICE + i] = otm + (side * gap if side * y > 0.0 else 0.0)
        # near and far are tails on the side of the put where y >= 0, of the call where y < 0.
        other = (side > 0.0) == above
        near_part = near_rest if other else near
        far_part = far_rest if other else far
        spot_part = far_part if above else near_part
        strike_part = near_part if above else far_part
        slope = (r - q) * per_s - 0.5 * (w[_D2 + i] * per_T)
        o[_DELTA + i] = side * (spot_part * per_S)
        o[_THETA + i] = side * (q * spot_part - r * strike_part) - 0.5 * (f1 * s) * per_T
        o[_RHO + i] = side * (T * strike_part)
        o[_CHARM + i] = side * (q * (spot_part * per_S)) - (f1 * per_S) * slope


@inlined
def _dense(w: FloatArray, o: FloatArray) -> None:
    """The eight fields that carry the density alone; the same for call and put."""
    for i in range(TILE):
        S, q, v = w[_S + i], w[_Q + i], w[_V + i]
        s, inv, f1, root = w[_TOTAL + i], w[_INV + i], w[_F1 + i], w[_ROOT + i]
        d1, d2 = w[_D1 + i], w[_D2 + i]
        per_s, per_S = S * inv, s * inv
        per_v, per_T = root * per_s, (v * per_s) * (v * per_s)
        slope = (w[_R + i] - q) * per_s - 0.5 * (d2 * per_T)
        gamma, vega = f1 * inv * per_S, f1 * root
        e1, e2, product = d1 * per_v, d2 * per_v, d1 * d2
        o[_GAMMA + i] = gamma
        o[_VEGA + i] = vega
        o[_VANNA + i] = -(f1 * per_S) * e2
        o[_VOMMA + i] = vega * d1 * e2
        o[_SPEED + i] = -gamma * per_S * (d1 * per_s + 1.0)
        o[_ZOMMA + i] = gamma * (product - 1.0) * per_v
        o[_COLOR + i] = gamma * (q + d1 * slope + 0.5 * per_T)
        o[_ULTIMA + i] = -vega * (e1 * e2 * (1.0 - product) + e1 * e1 + e2 * e2)


@inlined
def _put(address: int, source: FloatArray, at: int, count: int, stream: bool) -> None:
    """Write a tile's results of one field."""
    if stream and count == TILE:
        for i in range(0, TILE, 4):
            stream_four(address + 8 * i, source, at + i)
    else:
        copy_out(address, source, at, count)


@kernel(INTS, INTS, INTS, INTS, INTS, VECTOR, BYTES, types.boolean)
def greeks_kernel(
    span: IntArray,
    columns: IntArray,
    rows: IntArray,
    alias_of: IntArray,
    alias_rows: IntArray,
    alias_scale: FloatArray,
    status: ByteArray,
    stream: bool,
) -> None:
    """Compute the contracts from `span[0]` up to `span[1]`.

    Parameters
    ----------
    columns : (14,) int64
        Address and stride in bytes of S, K, T, r, q, sigma (float64) and is_call (bool).
    rows : (13,) int64
        Address where each of `FIELDS` is to be written, 0 for one that is not wanted.
    alias_of, alias_rows, alias_scale : (m,)
        Further results: a field's number, an address, what the field is multiplied by.
    status : (n,) uint8
        0, UNDERFLOW, or `HARD`.
    stream : bool
        Whether to write past the caches; all addresses are then on cache lines.
    """
    w, o = np.zeros(_WORK), np.zeros(_OUT)
    dense = False
    for field in range(_DENSE, 13):
        dense |= rows[field] > 0
    for one in range(alias_of.size):
        dense |= alias_of[one] >= _DENSE
    # Known to be no less than 0, an index needs no check for counting from the end.
    for at in range(max(0, span[0]), span[1], TILE):
        count = min(TILE, span[1] - at)
        _load(w, columns, at, count)
        _moneyness(w)
        _tails(w)
        _cumulative(w, o)
        if dense:
            _dense(w, o)
        for field in range(13):
            if rows[field] > 0:
                _put(rows[field] + 8 * at, o, TILE * field, count, stream)
        for one in range(alias_of.size):
            of, scale = TILE * alias_of[one], alias_scale[one]
            for i in range(TILE):
                w[_Y + i] = o[of + i] * scale
            _put(alias_rows[one] + 8 * at, w, _Y, count, stream)
        for i in range(count):
            status[at + i] = HARD if w[_HARD + i] > 0.0 else _UNDERFLOW if w[_DEAD + i] > 0.0 else 0
    if stream:
        drain()
