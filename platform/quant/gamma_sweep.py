"""Gamma exposure as a function of spot, and the spots where it changes sign."""

from typing import NamedTuple

import numpy as np

from quant.arrays import FloatArray
from quant.bsm_terms import log_ratio
from quant.mills import INV_SQRT_2PI

_TILE = 1 << 16
"""Spot-contract pairs evaluated at once: 512 kB of float64, within a core's cache."""
_MAX_STEPS = 200
_NARROW_RANGE = 0.03
_RANGE_SDS = 6.0
_STEPS_PER_SD = 4
_STEPS_PER_STRIKE = 4
_MAX_COARSE_STEPS = 400


class GammaSweep:
    """Total gamma exposure of fixed positions at any spot, volatilities fixed by strike.

    What does not depend on the spot is computed once: d1 is linear in the logarithm of the spot,
    so each spot costs one multiply-add, one square and one exponential per contract. Contracts
    of equal strike, expiry and volatility (a call and its put) are merged first.

    Parameters
    ----------
    spot : float
        Where the sweep is centered, in currency.
    strikes, years, iv, weight : (n,) float64
        All finite; strike, years and iv above zero; `weight` is position times multiplier.
    r, q : float
        Rate and dividend yield, per year.
    """

    def __init__(
        self,
        *,
        spot: float,
        strikes: FloatArray,
        years: FloatArray,
        iv: FloatArray,
        weight: FloatArray,
        r: float,
        q: float,
    ) -> None:
        keys = (iv, strikes, years)
        order = np.lexsort(keys)
        changed = np.zeros(order.size, dtype=np.bool_)
        changed[:1] = True
        for key in keys:
            changed[1:] |= np.diff(key[order]) != 0.0
        starts = np.flatnonzero(changed)
        first = order[starts]
        T, s = years[first], iv[first] * np.sqrt(years[first])
        net = np.add.reduceat(weight[order], starts) if starts.size else weight[:0]
        self._spot = spot
        self._per_log = 1.0 / s
        self._center = (log_ratio(np.asarray(spot), strikes[first]) + (r - q) * T) / s + 0.5 * s
        self._weight = net * np.exp(-q * T) * INV_SQRT_2PI / s

    def __call__(self, spots: FloatArray) -> FloatArray:
        """Return the exposure in $ of delta per +1 % at each of (m,) spots, all above zero."""
        with np.errstate(all="ignore"):
            return self._evaluate(spots)

    def _evaluate(self, spots: FloatArray) -> FloatArray:
        moves = log_ratio(spots, np.asarray(self._spot))
        out = np.empty(spots.size)
        rows = max(1, _TILE // max(1, self._weight.size))
        for start in range(0, spots.size, rows):
            d1 = np.multiply.outer(moves[start : start + rows], self._per_log)
            d1 += self._center
            np.multiply(d1, d1, out=d1)
            d1 *= -0.5
            np.exp(d1, out=d1)
            out[start : start + rows] = d1 @ self._weight
        out *= spots / 100.0
        return out


class Roots(NamedTuple):
    """Spots where gamma exposure is zero, ascending; slope +1 where it turns positive above."""

    spots: FloatArray
    slopes: FloatArray


def sweep_grid(*, spot: float, sd: float, spacing: float) -> FloatArray:
    """Return the spots to look at for changes of sign.

    Quarters of a strike step over the wider of 3 % and six standard deviations either side, and
    quarters of a standard deviation inside those six, where 0DTE gamma has its narrow peaks.

    Parameters
    ----------
    spot, sd, spacing : float
        Spot, one standard deviation to the nearest expiry, and distance between strikes, all in
        currency and above zero.
    """
    reach = min(max(_NARROW_RANGE * spot, _RANGE_SDS * sd), 0.9 * spot)
    steps = int(min(np.ceil(_STEPS_PER_STRIKE * reach / spacing), _MAX_COARSE_STEPS // 2))
    coarse = reach * np.linspace(-1.0, 1.0, 2 * max(steps, 10) + 1)
    inner = min(_RANGE_SDS * sd, reach)
    count = int(_RANGE_SDS * _STEPS_PER_SD)
    fine = inner * np.linspace(-1.0, 1.0, 2 * count + 1)
    return spot + np.union1d(coarse, fine)


def find_roots(sweep: GammaSweep, spots: FloatArray, values: FloatArray) -> Roots:
    """Return every change of sign between neighboring grid points, refined to rounding.

    Parameters
    ----------
    sweep : GammaSweep
    spots, values : (m,) float64
        Ascending grid and the sweep's values on it. Points where the exposure underflows to zero
        are passed over: a root inside such a stretch is placed within it.
    """
    solid = values != 0.0
    grid, known = spots[solid], values[solid]
    left = np.flatnonzero(np.sign(known[:-1]) * np.sign(known[1:]) < 0.0)
    if left.size == 0:
        return Roots(np.empty(0), np.empty(0))
    slopes = np.sign(known[left + 1])
    with np.errstate(all="ignore"):
        return Roots(_refine(sweep, grid[left], grid[left + 1], slopes), slopes)


def _refine(sweep: GammaSweep, low: FloatArray, high: FloatArray, slopes: FloatArray) -> FloatArray:
    """Close all brackets at once: a false-position step, then a bisection, in turn.

    Bisection alone would do in 50 rounds; the secant halves that, and the alternation keeps the
    guarantee.
    """
    low, high = low.copy(), high.copy()
    at_low, at_high = sweep(low) * slopes, sweep(high) * slopes  # below zero, above zero
    for step in range(_MAX_STEPS):
        middle = 0.5 * (low + high)
        if step % 2 == 0:
            cut = low - at_low * (high - low) / (at_high - at_low)
            middle = np.where((cut > low) & (cut < high), cut, middle)
        value = sweep(middle) * slopes
        below = value < 0.0
        low, at_low = np.where(below, middle, low), np.where(below, value, at_low)
        high, at_high = np.where(below, high, middle), np.where(below, at_high, value)
        exact = value == 0.0
        low, at_low = np.where(exact, middle, low), np.where(exact, -0.0, at_low)
        if np.all(high - low <= 2.0 * np.spacing(high)):
            break
    return np.where(-at_low <= at_high, low, high)
