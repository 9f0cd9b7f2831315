"""Exposures, levels and open interest of a book on few strikes, for many paths by the minute.

The same figures as `quant.exposure` gives for a whole chain, without its choices: calls are held
long and puts short, every volatility is known, and zero gamma is looked for outward from spot on
a grid of `GRID` of a strike step.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels.compile import INTS, MATRIX, VECTOR, inlined, kernel

CUBE = types.Array(types.float64, 3, "C")
INT_MATRIX = types.Array(types.int64, 2, "C")

COLUMNS = (
    "gamma", "gamma_gross", "vanna", "charm_hour", "speed", "zomma",
    "zero_gamma", "vol_trigger", "call_wall", "put_wall", "abs_gamma_strike",
    "abs_gamma_share", "gamma_under_put_wall",
    "gamma_0dte", "gamma_gross_0dte", "charm_hour_0dte",
    "thin_above", "thin_below", "heavy_above", "heavy_below", "magnet_strike", "magnet_share",
    "wall_kept", "otm_call_flow", "squeeze_gamma", "squeeze_strike",
)  # fmt: skip
"""What a row of the kernel's answer holds; NaN where there is no such level."""

_ROOT_TAU = math.sqrt(2.0 * math.pi)
_FAR = 7.5  # standard deviations from which a contract's gamma is nothing
_GRID = 0.5
_REACH, _REACH_SDS = 0.03, 6.0
_REFINED = 40
_TRIGGER_SDS = 1.5
_MINUTES = 525_600.0
_HEAVY, _AROUND_MOVES, _NEAR_MOVES, _NEAR_STEPS, _ZONE_MOVES = 2.0, 3.0, 0.5, 2.0, 2.0


@inlined
def _gamma_at(
    log_move: float, d1: FloatArray, s: FloatArray, weight: FloatArray, count: int
) -> float:
    """Return net gamma, without its factor of spot, after spot moved by a logarithm."""
    total = 0.0
    for m in range(count):
        d = d1[m] + log_move / s[m]
        if -_FAR < d < _FAR:
            total += weight[m] * math.exp(-0.5 * d * d)
    return total


@inlined
def _bracketed(
    spot: float,
    step: float,
    sd: float,
    d1: FloatArray,
    s: FloatArray,
    weight: FloatArray,
    out: FloatArray,
) -> bool:
    """Put the two moves of spot, $, between which net gamma first changes sign, and its values."""
    count = d1.size
    here = _gamma_at(0.0, d1, s, weight, count)
    reach = max(_REACH * spot, _REACH_SDS * sd)
    fine = min(_GRID * step, max(0.25 * sd, 0.25 * _GRID * step))
    last = np.array([here, here])
    before = away = 0.0
    while away < reach and here != 0.0:
        before = away
        away += fine if before < 8.0 * _GRID * step else _GRID * step
        for side in range(2):
            way = 1.0 - 2.0 * side
            value = _gamma_at(math.log1p(way * away / spot), d1, s, weight, count)
            if value * last[side] < 0.0:
                out[0], out[1], out[2], out[3] = way * before, way * away, last[side], value
                return True
            last[side] = value if value != 0.0 else last[side]
    return False


@inlined
def _zero_gamma(
    spot: float, step: float, sd: float, d1: FloatArray, s: FloatArray, weight: FloatArray
) -> float:
    """Return the spot nearest to here at which net gamma changes sign, NaN for none in reach."""
    found = np.empty(4)
    if not _bracketed(spot, step, sd, d1, s, weight, found):
        return math.nan
    low, high, at_low, at_high = found[0], found[1], found[2], found[3]
    for turn in range(_REFINED):
        middle = 0.5 * (low + high)
        if turn % 2 == 0:
            cut = low - at_low * (high - low) / (at_high - at_low)
            if min(low, high) < cut < max(low, high):
                middle = cut
        value = _gamma_at(math.log1p(middle / spot), d1, s, weight, d1.size)
        if value * at_low < 0.0:
            high, at_high = middle, value
        else:
            low, at_low = middle, value
        if abs(high - low) < 1e-7 * spot or value == 0.0:
            break
    return spot + 0.5 * (low + high)


@inlined
def _largest(strikes: FloatArray, score: FloatArray, spot: float) -> int:
    """Return the place of the highest score above zero, ties to the strike nearest spot."""
    best, at = 0.0, -1
    for u in range(strikes.size):
        tie = score[u] >= best * (1.0 - 1e-12) and best > 0.0 and at >= 0
        nearer = tie and abs(strikes[u] - spot) < abs(strikes[at] - spot)
        if score[u] > 0.0 and (score[u] > best * (1.0 + 1e-12) or nearer):
            best, at = max(best, score[u]), u
    return at


@inlined
def _median(values: FloatArray, count: int) -> float:
    """Return the median of the first so many values, which are sorted in place."""
    for i in range(1, count):
        moved, j = values[i], i - 1
        while j >= 0 and values[j] > moved:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = moved
    if count == 0:
        return 0.0
    half = count // 2
    return values[half] if count % 2 else 0.5 * (values[half - 1] + values[half])


@inlined
def _interest(
    row: FloatArray,
    spot: float,
    move: float,
    step: float,
    strikes: FloatArray,
    contracts: FloatArray,
    near_gross: FloatArray,
    spare: FloatArray,
    at: int,
) -> None:
    """Put where the nearest expiry's open interest is thick and thin, from column `at` on."""
    count = 0
    for k in range(strikes.size):
        if abs(strikes[k] - spot) <= _AROUND_MOVES * move and contracts[k] > 0.0:
            spare[count] = contracts[k]
            count += 1
    usual = _median(spare, count)
    for c in range(6):
        row[at + c] = math.nan
    if not usual > 0.0:
        return
    near = max(_NEAR_MOVES * move, _NEAR_STEPS * step)
    sums, counts = np.zeros(2), np.zeros(2)
    gross, nearest = 0.0, -1
    for k in range(strikes.size):
        away = strikes[k] - spot
        if 0.0 < abs(away) <= near:
            side = 0 if away > 0.0 else 1
            sums[side] += contracts[k]
            counts[side] += 1.0
        gross += near_gross[k]
        if contracts[k] >= _HEAVY * usual:
            if away > 0.0 and math.isnan(row[at + 2]):
                row[at + 2] = strikes[k]
            if away <= 0.0:
                row[at + 3] = strikes[k]
            if nearest < 0 or abs(away) < abs(strikes[nearest] - spot):
                nearest = k
    row[at] = sums[0] / counts[0] / usual if counts[0] else 0.0
    row[at + 1] = sums[1] / counts[1] / usual if counts[1] else 0.0
    if nearest >= 0:
        row[at + 4] = strikes[nearest]
        row[at + 5] = near_gross[nearest] / gross if gross > 0.0 else math.nan


@inlined
def _bought(
    row: FloatArray,
    spot: float,
    move: float,
    share: float,
    strikes: FloatArray,
    bought: FloatArray,
    s: FloatArray,
    at: int,
) -> None:
    """Put what customers bought of the calls above spot, from column `at` on."""
    flow, short, center = 0.0, 0.0, 0.0
    for k in range(strikes.size):
        if spot < strikes[k] <= spot + _ZONE_MOVES * move and bought[k] > 0.0:
            held = share * bought[k]
            unit = strikes[k] * math.exp(-0.125 * s[k] * s[k]) / (_ROOT_TAU * s[k])
            flow += held
            short += held * unit
            center += held * unit * strikes[k]
    row[at] = flow
    row[at + 1] = -short
    row[at + 2] = center / short if short > 0.0 else math.nan


@inlined
def _place(
    log_moneyness: float, level: float, years: float, market: FloatArray, out: FloatArray
) -> None:
    """Put d1, total volatility and the factor of dividends of one contract."""
    rho, eta, rate, dividend = market[0], market[1], market[2], market[3]
    k = log_moneyness - (rate - dividend) * years
    x = eta / math.sqrt(level * (1.0 + level)) * k
    w = 0.5 * level * (1.0 + rho * x + math.sqrt((x + rho) ** 2 + 1.0 - rho * rho))
    out[1] = math.sqrt(w)
    out[0] = -k / out[1] + 0.5 * out[1]
    out[2] = math.exp(-dividend * years)


@inlined
def _sums(
    row: FloatArray, gamma: float, d1: float, s: float, years: float, carry: float, expiry: int
) -> None:
    """Add one strike's net gamma and what follows from it to a row's totals.

    The decay of the dividends' discount is left out of charm: thousandths of its gross size.
    """
    d2, sigma = d1 - s, s / math.sqrt(years)
    hour = gamma * s * (0.5 * d2 / years - carry / s) * 6000.0 / _MINUTES
    row[0] += gamma
    row[2] -= gamma * s * d2 / sigma
    row[3] += hour
    row[4] -= gamma * (d1 / s + 1.0) / 100.0
    row[5] += gamma * (d1 * d2 - 1.0) / (100.0 * sigma)
    if expiry == 0:
        row[13] += gamma
        row[15] += hour


@inlined
def _trigger(
    zero: float,
    reach: float,
    strikes: FloatArray,
    by_call: FloatArray,
    by_put: FloatArray,
) -> float:
    """Return the strike of the largest net gamma at or just below zero gamma."""
    best, found = 0.0, math.nan
    for u in range(strikes.size):
        size = abs(by_call[u] - by_put[u])
        if zero - reach <= strikes[u] <= zero and size >= best and size > 0.0:
            best, found = size, strikes[u]
    return found


@inlined
def _levels(
    row: FloatArray,
    spot: float,
    strikes: FloatArray,
    by_call: FloatArray,
    by_put: FloatArray,
    gross: FloatArray,
) -> int:
    """Put the walls and what belongs to them; return the place of the largest gamma, or -1."""
    call, put = _largest(strikes, by_call, spot), _largest(strikes, by_put, spot)
    most = _largest(strikes, gross, spot)
    row[8] = strikes[call] if call >= 0 else math.nan
    row[9] = strikes[put] if put >= 0 else math.nan
    row[10] = strikes[most] if most >= 0 else math.nan
    row[11] = gross[most] / row[1] if most >= 0 else math.nan
    row[12] = math.nan
    if put >= 0:
        row[12] = 0.0
        for u in range(strikes.size):
            if strikes[u] < strikes[put]:
                row[12] += by_call[u] - by_put[u]
    return most


@kernel(
    MATRIX, MATRIX, INTS, INT_MATRIX, MATRIX, MATRIX, MATRIX, CUBE, MATRIX, MATRIX,
    VECTOR, CUBE,
)  # fmt: skip
def book_kernel(
    spot: FloatArray,
    strikes: FloatArray,
    expiry: IntArray,
    slot: IntArray,
    calls: FloatArray,
    puts: FloatArray,
    bought: FloatArray,
    theta: FloatArray,
    years: FloatArray,
    share: FloatArray,
    market: FloatArray,
    out: FloatArray,
) -> None:
    """Write every column of every minute of n paths.

    Parameters
    ----------
    spot : (n, t) float64
    strikes : (n, m) float64
        Of the contracts, each a call and a put; those of expiry 0 come first, ascending.
    expiry : (m,) int64
    slot : (n, m) int64
        Place among `strikes` at which each contract counts: its own, or that of the same strike.
    calls, puts : (n, m) float64
        Open contracts, of 100 shares.
    bought : (n, k) float64
        Calls of expiry 0 that customers buy in the session.
    theta : (e, n, t) float64
        Total variance at the money to each expiry.
    years : (e, t) float64
        Calendar time to each expiry.
    share : (n, t) float64
        Of `bought` that has been bought.
    market : (6,) float64
        rho and eta of the surface, rate, dividend yield, strike step, and the square root of a
        session's calendar years.
    out : (n, t, c) float64
        As `COLUMNS`.
    """
    carry, step = market[2] - market[3], market[4]
    count, distinct, today = expiry.size, strikes.shape[1], bought.shape[1]
    d1, s, weight, placed = np.empty(count), np.empty(count), np.empty(count), np.empty(3)
    by_call, by_put, gross = np.empty(distinct), np.empty(distinct), np.empty(distinct)
    near_gross, contracts, spare = np.empty(today), np.empty(today), np.empty(today)
    for i in range(spot.shape[0]):
        for k in range(today):
            contracts[k] = calls[i, k] + puts[i, k]
        for j in range(spot.shape[1]):
            S, row = spot[i, j], out[i, j]
            row[:] = 0.0
            by_call[:], by_put[:] = 0.0, 0.0
            for m in range(count):
                e, u, net = expiry[m], slot[i, m], calls[i, m] - puts[i, m]
                _place(math.log(strikes[i, m] / S), theta[e, i, j], years[e, j], market, placed)
                d1[m], s[m] = placed[0], placed[1]
                weight[m] = net * placed[2] / s[m]
                unit = S * placed[2] * math.exp(-0.5 * d1[m] * d1[m]) / (_ROOT_TAU * s[m])
                by_call[u] += calls[i, m] * unit
                by_put[u] += puts[i, m] * unit
                _sums(row, net * unit, d1[m], s[m], years[e, j], carry, e)
                if e == 0:
                    near_gross[m] = contracts[m] * unit
                    row[14] += near_gross[m]
            for u in range(distinct):
                gross[u] = by_call[u] + by_put[u]
                row[1] += gross[u]
            sd = S * math.sqrt(theta[0, i, j])
            move = S * math.sqrt(theta[0, i, j] / years[0, j]) * market[5]
            row[6] = _zero_gamma(S, step, sd, d1, s, weight)
            row[7] = _trigger(row[6], max(_TRIGGER_SDS * sd, step), strikes[i], by_call, by_put)
            most = _levels(row, S, strikes[i], by_call, by_put, gross)
            _interest(row, S, move, step, strikes[i, :today], contracts, near_gross, spare, 16)
            row[22] = math.nan
            if most >= 0:
                traded, held = 0.0, 0.0
                for m in range(count):
                    if slot[i, m] == most:
                        held += calls[i, m] + puts[i, m]
                        traded += bought[i, m] if m < today else 0.0
                row[22] = 1.0 - share[i, j] * traded / held if held > 0.0 else math.nan
            _bought(row, S, move, share[i, j], strikes[i, :today], bought[i], s, 23)
