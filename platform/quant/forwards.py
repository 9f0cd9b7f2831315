"""Forward and discount factor of each expiry, implied from put-call parity, with their quality."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from quant.arrays import ByteArray, FloatArray, IntArray
from quant.chain import Chain

_PAIRS = 16
"""Strikes nearest the forward that take part; farther ones only add early-exercise value."""
_MIN_PAIRS = 3
_CERTAIN = 1e-9  # a doubt of the discount factor below this is none
RATE_DOUBT = 0.05
"""Standard deviation, per year, of the rate given: what parity may correct it by."""
_MIN_HALF_SPREAD = 0.005
_OUTLIER_SPREADS = 3.0
_OUTLIER_SHARE = 2e-4
"""A pair is dropped beyond three half-spreads plus this share of the forward from the median."""


class ForwardSource(IntEnum):
    """Where a forward comes from."""

    PARITY = 0
    CARRY = 1


class Forwards(NamedTuple):
    """Per contract: forward in currency, discount factor, and a `ForwardSource` byte."""

    forward: FloatArray
    discount: FloatArray
    source: ByteArray


class ForwardCurve(NamedTuple):
    """Forwards of the chain's m expiries, ascending, and how well the quotes determine them.

    Attributes
    ----------
    expiries : (m,) int64
        Settlement instants, ns UTC.
    years, forward, discount : (m,) float64
    source : (m,) uint8
        A `ForwardSource`.
    pairs, dropped : (m,) int64
        Call-put pairs that the fit used, and those that it dropped as outliers.
    rms : (m,) float64
        Root mean square residual of parity in half-spreads; NaN without a fit. Well above 1, the
        quotes do not agree with one another (or the options are American).
    error : (m,) float64
        Standard error of the forward in currency, from the residuals; NaN without a fit.
    """

    expiries: IntArray
    years: FloatArray
    forward: FloatArray
    discount: FloatArray
    source: ByteArray
    pairs: IntArray
    dropped: IntArray
    rms: FloatArray
    error: FloatArray

    def rate(self) -> FloatArray:
        """Return the continuously compounded rate per year that each discount factor implies."""
        with np.errstate(all="ignore"):
            out: FloatArray = np.where(self.years > 0.0, -np.log(self.discount) / self.years, 0.0)
        return out

    def carry(self, spot: float) -> FloatArray:
        """Return dividends and borrow together, as a yield per year: rate - ln(F/S)/T."""
        with np.errstate(all="ignore"):
            grown = np.where(self.years > 0.0, np.log(self.forward / spot) / self.years, 0.0)
        out: FloatArray = self.rate() - grown
        return out


class _Pairs(NamedTuple):
    """Quoted call-put pairs: expiry index, strike, C - P, and its half-spread."""

    expiry: IntArray
    strike: FloatArray
    gap: FloatArray
    half: FloatArray


class _Fit(NamedTuple):
    """Parity of one expiry."""

    forward: float
    discount: float
    pairs: int
    dropped: int
    rms: float
    error: float


def forward_curve(chain: Chain, rate_doubt: float = RATE_DOUBT) -> ForwardCurve:
    """Return the forward and discount factor of each expiry, with their quality.

    C - P = D (F - K) is fitted per expiry over the strikes nearest the forward by least squares,
    weighted by the quotes' spreads, without pairs far from the median forward. The slope is
    poorly determined near expiry, so the given rate enters as one more observation of D with the
    precision of `rate_doubt`, its standard deviation per year (0: the rate stands). An expiry
    with fewer than three usable pairs keeps the carry forward S exp((r - q) T) and says so.
    """
    expiries, where = np.unique(chain.expiries, return_inverse=True)
    count = expiries.size
    years = np.zeros(count)
    years[where] = chain.years()
    curve = ForwardCurve(
        expiries=expiries,
        years=years,
        forward=chain.spot * np.exp((chain.r - chain.q) * years),
        discount=np.exp(-chain.r * years),
        source=np.full(count, ForwardSource.CARRY, dtype=np.uint8),
        pairs=np.zeros(count, dtype=np.int64),
        dropped=np.zeros(count, dtype=np.int64),
        rms=np.full(count, np.nan),
        error=np.full(count, np.nan),
    )
    pairs = _pairs(chain, where)
    for index in np.flatnonzero(years > 0.0):
        mine = pairs.expiry == index
        one = _Pairs(*(field[mine] for field in pairs))
        fit = _fit(one, curve.forward[index], curve.discount[index], rate_doubt * years[index])
        if fit is not None:
            for name, value in fit._asdict().items():
                getattr(curve, name)[index] = value
            curve.source[index] = ForwardSource.PARITY
    return curve


def implied_forwards(chain: Chain, curve: ForwardCurve | None = None) -> Forwards:
    """Return each contract's forward and discount factor, of `forward_curve`."""
    known = forward_curve(chain) if curve is None else curve
    where = np.searchsorted(known.expiries, chain.expiries)
    return Forwards(known.forward[where], known.discount[where], known.source[where])


def _pairs(chain: Chain, where: IntArray) -> _Pairs:
    """Return the call-put pairs of equal expiry, strike and multiplier with both sides quoted."""
    order = np.lexsort((~chain.is_call, chain.multiplier, chain.strikes, chain.expiries))
    call, put = order[:-1], order[1:]
    same = chain.is_call[call] & ~chain.is_call[put]
    for key in (chain.expiries, chain.strikes, chain.multiplier):
        same &= key[call] == key[put]
    mids = chain.mids()
    gap = mids[call] - mids[put]
    same &= np.isfinite(gap) & (chain.bids[call] > 0) & (chain.bids[put] > 0)
    call, put, gap = call[same], put[same], gap[same]
    half = 0.5 * (chain.asks - chain.bids)
    both = np.maximum(half[call] + half[put], _MIN_HALF_SPREAD)
    return _Pairs(where[call], chain.strikes[call], gap, both)


def _fit(pairs: _Pairs, forward: float, discount: float, doubt: float) -> _Fit | None:
    """Return parity of one expiry, or None when it is not determined."""
    nearest = np.argsort(np.abs(pairs.strike - forward), kind="stable")[:_PAIRS]
    strike, gap, half = pairs.strike[nearest], pairs.gap[nearest], pairs.half[nearest]
    if strike.size < _MIN_PAIRS:
        return None
    each = strike + gap / discount
    middle = np.median(each)
    keep = np.abs(each - middle) <= _OUTLIER_SPREADS * half + _OUTLIER_SHARE * forward
    kept = int(np.count_nonzero(keep))
    if kept < _MIN_PAIRS:
        return None
    strike, gap, half = strike[keep], gap[keep], half[keep]
    weight = half**-2
    total = weight.sum()
    mean_strike, mean_gap = weight @ strike / total, weight @ gap / total
    away = strike - mean_strike
    prior = max(doubt * discount, _CERTAIN) ** -2
    fitted = (prior * discount - weight @ (away * (gap - mean_gap))) / (prior + weight @ away**2)
    implied = mean_strike + mean_gap / fitted
    if not (fitted > 0.0 and np.isfinite(implied) and implied > 0.0):
        return None
    residual = (gap - fitted * (implied - strike)) / half
    rms = float(np.sqrt(np.mean(residual**2)))
    # The residuals' own size, but no less than the quotes' rounding to a tick.
    leverage = 1.0 / total + (implied - mean_strike) ** 2 / (weight @ away**2 + prior)
    error = max(rms, 0.1) * float(np.sqrt(leverage)) / fitted
    return _Fit(float(implied), float(fitted), kept, int(keep.size - kept), rms, float(error))


def spot_gap(chain: Chain, forwards: Forwards) -> float:
    """Return how far the options' own spot is from the quoted one, as a share of it.

    The nearest expiry whose forward comes from parity is carried back to now. A gap well beyond
    the options' spreads means that the quoted spot is stale, or the rate and yield are wrong. NaN
    when no expiry's parity speaks.
    """
    years = chain.years()
    told = (forwards.source == ForwardSource.PARITY) & (years > 0.0)
    if not told.any():
        return float("nan")
    nearest = int(np.flatnonzero(told)[np.argmin(years[told])])
    implied = forwards.forward[nearest] * np.exp(-(chain.r - chain.q) * years[nearest])
    return float(implied / chain.spot - 1.0)
