"""Forward and discount factor of each expiry, implied from put-call parity."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from quant.arrays import ByteArray, FloatArray, IntArray
from quant.chain import Chain

_PAIRS = 16
"""Strikes nearest the forward that take part; farther ones only add early-exercise value."""
_MIN_PAIRS = 3
_RATE_DOUBT = 0.05
"""Standard deviation, per year, of the rate given: what parity may correct it by."""
_MIN_HALF_SPREAD = 0.005
_OUTLIER_SPREADS = 3.0
_OUTLIER_SHARE = 2e-4
"""A pair is dropped beyond three half-spreads plus this share of spot from the median."""


class ForwardSource(IntEnum):
    """Where a forward comes from."""

    PARITY = 0
    CARRY = 1


class Forwards(NamedTuple):
    """Per contract: forward in currency, discount factor, and a `ForwardSource` byte."""

    forward: FloatArray
    discount: FloatArray
    source: ByteArray


class _Pairs(NamedTuple):
    """Quoted call-put pairs: expiry index, strike, C - P, and its half-spread."""

    expiry: IntArray
    strike: FloatArray
    gap: FloatArray
    half: FloatArray


def implied_forwards(chain: Chain) -> Forwards:
    """Return each contract's forward and discount factor.

    C - P = D (F - K) is fitted per expiry over the strikes nearest the forward by least squares,
    weighted by the quotes' spreads. The slope is poorly determined near expiry, so the given rate
    enters as one more observation of D with the precision of `_RATE_DOUBT`. An expiry with fewer
    than three usable pairs keeps the carry forward S exp((r - q) T) and says so.
    """
    expiries, where = np.unique(chain.expiries, return_inverse=True)
    years = np.zeros(expiries.size)
    years[where] = chain.years()
    discount = np.exp(-chain.r * years)
    forward = chain.spot * np.exp((chain.r - chain.q) * years)
    source = np.full(expiries.size, ForwardSource.CARRY, dtype=np.uint8)
    pairs = _pairs(chain, where)
    for index in np.flatnonzero(years > 0.0):
        mine = pairs.expiry == index
        one = _Pairs(*(field[mine] for field in pairs))
        fitted = _fit(one, forward[index], discount[index], years[index])
        if fitted is not None:
            forward[index], discount[index] = fitted
            source[index] = ForwardSource.PARITY
    return Forwards(forward[where], discount[where], source[where])


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


def _fit(
    pairs: _Pairs, forward: float, discount: float, years: float
) -> tuple[float, float] | None:
    """Return (F, D) of one expiry, or None when parity does not determine them."""
    nearest = np.argsort(np.abs(pairs.strike - forward), kind="stable")[:_PAIRS]
    strike, gap, half = pairs.strike[nearest], pairs.gap[nearest], pairs.half[nearest]
    if strike.size < _MIN_PAIRS:
        return None
    each = strike + gap / discount
    middle = np.median(each)
    keep = np.abs(each - middle) <= _OUTLIER_SPREADS * half + _OUTLIER_SHARE * forward
    if np.count_nonzero(keep) < _MIN_PAIRS:
        return None
    strike, gap, weight = strike[keep], gap[keep], half[keep] ** -2
    total = weight.sum()
    mean_strike, mean_gap = weight @ strike / total, weight @ gap / total
    away = strike - mean_strike
    prior = (_RATE_DOUBT * years * discount) ** -2
    fitted = (prior * discount - weight @ (away * (gap - mean_gap))) / (prior + weight @ away**2)
    implied = mean_strike + mean_gap / fitted
    if not (fitted > 0.0 and np.isfinite(implied) and implied > 0.0):
        return None
    return float(implied), float(fitted)


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
