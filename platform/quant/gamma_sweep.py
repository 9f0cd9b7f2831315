"""Exposure as a function of spot, and the spots where gamma exposure changes sign."""

from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, FloatArray, IntArray
from quant.bsm_terms import log_ratio
from quant.mills import INV_SQRT_2PI
from quant.threads import in_chunks

_MAX_STEPS = 200
_NARROW_RANGE = 0.03
_RANGE_SDS = 6.0
_STEPS_PER_SD = 4
_STEPS_PER_STRIKE = 4
_MAX_COARSE_STEPS = 400


class GammaSweep:
    """Total gamma exposure of fixed positions at any spot, volatilities fixed by strike.

    What does not depend on the spot is computed once: d1 is linear in the logarithm of the spot,
    so each spot costs one multiply-add, one square and one exponential per contract. Neighbors
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
        changed = np.ones(strikes.size, dtype=np.bool_)
        changed[1:] = np.diff(strikes) != 0.0
        for key in (iv, years):
            changed[1:] |= np.diff(key) != 0.0
        first = np.flatnonzero(changed)
        T, s = years[first], iv[first] * np.sqrt(years[first])
        net = np.add.reduceat(weight, first) if first.size else weight
        self._spot = spot
        self._per_log = _padded(1.0 / s)
        self._center = _padded(_distance(spot, strikes[first], T, s, r, q))
        self._weight = _padded(net * np.exp(-q * T) * INV_SQRT_2PI / s)

    def __call__(self, spots: FloatArray) -> FloatArray:
        """Return the exposure in $ of delta per +1 % at each of (m,) spots, all above zero."""
        from quant.kernels import sweep

        out = np.empty(spots.size)
        with np.errstate(all="ignore"):
            moves = np.ascontiguousarray(log_ratio(spots, np.asarray(self._spot)))

        def work(span: IntArray) -> None:
            sweep.gamma_kernel(span, moves, self._per_log, self._center, self._weight, out)

        in_chunks(work, spots.size, grain=_grain(self._weight.size, sweep.GRAIN))
        out *= spots / 100.0
        return out


class BookAtSpots(NamedTuple):
    """Exposures at each of (m,) spots: vanna in $ of delta per vol point, charm in $ of delta a
    day, delta in $."""

    vanna: FloatArray
    charm_day: FloatArray
    delta: FloatArray


def book_at(
    spots: FloatArray,
    *,
    spot: float,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    weight: FloatArray,
    is_call: BoolArray,
    r: float,
    q: float,
) -> BookAtSpots:
    """Return vanna, charm and delta exposure with spot moved to each of (m,) spots.

    Parameters
    ----------
    spots : (m,) float64
        In currency, above zero.
    is_call : (n,) bool
    spot, strikes, years, iv, weight, r, q
        As in `GammaSweep`.
    """
    from quant.kernels import sweep

    with np.errstate(all="ignore"):
        moves = np.ascontiguousarray(log_ratio(spots, np.asarray(spot)))
        s = iv * np.sqrt(years)
        right = np.where(is_call, 1.0, -1.0)
        held = weight * np.exp(-q * years)
        columns = {
            "center": _distance(spot, strikes, years, s, r, q),
            "per_log": 1.0 / s,
            "total": s,
            "density": held * INV_SQRT_2PI,
            "per_vol": 1.0 / iv,
            "drift": (r - q) / s,
            "decay": 0.5 / years,
            "carried": np.full(s.shape, q),
            "held": held * right,
            "right": right,
        }
    padded = np.stack([_padded(columns[name]) for name in sweep.COLUMNS])
    out = np.empty((3, spots.size))

    def work(span: IntArray) -> None:
        sweep.book_kernel(span, moves, padded, out)

    in_chunks(work, spots.size, grain=_grain(4 * s.size, sweep.GRAIN))
    vanna, charm, delta = out
    return BookAtSpots(vanna * spots / 100.0, charm * spots / 365.0, delta * spots)


def _distance(
    spot: float, strikes: FloatArray, years: FloatArray, s: FloatArray, r: float, q: float
) -> FloatArray:
    """Return d1 of each contract at the center of the sweep."""
    out: FloatArray = (log_ratio(np.asarray(spot), strikes) + (r - q) * years) / s + 0.5 * s
    return out


def _padded(column: FloatArray) -> FloatArray:
    """Return a column followed by zeros up to a whole number of tiles."""
    from quant.kernels.sweep import TILE

    out = np.zeros(-(-column.size // TILE) * TILE)
    out[: column.size] = column
    return out


def _grain(contracts: int, pairs: int) -> int:
    """Return how many spots make up so many pairs of spot and contract."""
    return max(1, pairs // max(1, contracts))


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
