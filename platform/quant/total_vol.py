"""Total volatility from a normalized out-of-the-money price, to the last digits.

With k = |ln(F/K)| and total volatility s, the normalized price (price / sqrt(S Dq K Dr)) is

    b(s) = n(u) exp(-s^2/8) [M(u - s/2) - M(u + s/2)],       u = k/s,

where M is the Mills ratio; it rises from 0 to exp(-k/2), and what is left above it is

    c(s) = n(u) exp(-s^2/8) [M(s/2 - u) + M(s/2 + u)].

db/ds = n(u) exp(-s^2/8) is a log-concave function of s, hence so are b and c, and Newton on ln b
or ln c converges from any start. The code takes the third-order Householder step instead, keeps
every iterate inside a bracket, and works on the smaller of the two, so neither end loses digits.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, ndtri

from quant.arrays import BoolArray, FloatArray, IntArray
from quant.mills import INV_SQRT_2PI, LOG_SQRT_2PI, SQRT_HALF_PI, mills, mills_drop

_WIDE = 1.5
"""Total volatility from which the two Mills ratios of b no longer cancel."""
_CLOSE = 1e-4
"""A relative step below this is the last: the next would be of its fourth power."""
_MAX_STEPS = 80
# Normal-model inversion as a rational function of eta (see `_near_guess`); relative error 6e-4.
_NUMERATOR = (147.67944172, 78.18525564, 10.49575541, 0.39951874)
_DENOMINATOR = (55.88715578, 156.20231659, 23.69531576, 1.0)


class _Problem(NamedTuple):
    """What one element asks: distance, side, and the logarithm to be met on that side."""

    k: FloatArray
    upper: BoolArray
    target: FloatArray

    def take(self, which: IntArray) -> "_Problem":
        """Return the elements at the given positions."""
        return _Problem(self.k[which], self.upper[which], self.target[which])


def total_volatility(k: FloatArray, log_value: FloatArray, log_room: FloatArray) -> FloatArray:
    """Solve b(s) = value for s.

    Parameters
    ----------
    k : (n,) float64
        Absolute log-moneyness of the forward, finite.
    log_value, log_room : (n,) float64
        Logarithms of the normalized out-of-the-money price and of exp(-k/2) minus that price,
        both finite; each is used where it is the smaller and so the more exact of the two.

    Returns
    -------
    (n,) float64
        Total volatility sigma sqrt(T).
    """
    upper = log_value > log_room
    problem = _Problem(k=k, upper=upper, target=np.where(upper, log_room, log_value))
    s = _guess(problem, log_value)
    low, high = np.zeros_like(s), np.full_like(s, np.inf)
    open_ = np.arange(s.size)
    for _ in range(_MAX_STEPS):
        if open_.size == 0:
            break
        moved = _advance(problem.take(open_), s[open_], low, high)
        step = np.abs(moved / s[open_] - 1.0)
        s[open_] = moved
        far = step > _CLOSE
        open_, low, high = open_[far], low[far], high[far]
    return s


def _guess(problem: _Problem, log_value: FloatArray) -> FloatArray:
    """Return a first estimate, within 1e-3 for everything that trades."""
    k = problem.k
    near = _near_guess(k, np.exp(log_value))
    # Above the inflection at sqrt(2 k) the remaining room is about 2 N(-s/2).
    above = np.maximum(np.sqrt(2.0 * k), -2.0 * ndtri(0.5 * np.exp(problem.target)))
    # Below it the exponent k^2/(2 s^2) + s^2/8 alone, a quadratic in s^2, is followed down.
    log_at_bend = np.log1p(-erfcx(np.sqrt(k))) - np.log(2.0) - 0.5 * k
    depth = np.maximum(log_at_bend - log_value, 0.0)
    below = k / np.sqrt(0.5 * k + depth + np.sqrt(depth * (depth + k)))
    far = np.where(problem.upper, above, below)
    s = np.where(np.isfinite(near) & (near > 0.0), near, far)
    return np.where(np.isfinite(s) & (s > 0.0), s, 1.0)


def _near_guess(k: FloatArray, value: FloatArray) -> FloatArray:
    """Return the lognormal equivalent of the normal model's volatility; NaN out of its range.

    eta = v/atanh(v), v the intrinsic value over the straddle, runs from 1 at the money to 0.
    """
    distance = 2.0 * np.sinh(0.5 * k)
    straddle = distance + 2.0 * value
    eta = np.where(
        distance > 1e-8 * value,
        2.0 * distance / (straddle * np.log1p(distance / value)),
        1.0,
    )
    ratio = np.polyval(_NUMERATOR, eta) / np.polyval(_DENOMINATOR, eta)
    normal_vol = SQRT_HALF_PI * straddle * ratio * np.sqrt(eta)
    normal_vol *= np.where(k > 1e-8, k / distance, 1.0)
    # At the money the two models meet in vol/sqrt(2 pi) = 2 N(s/2) - 1; trusted up to s = 2.
    share = INV_SQRT_2PI * normal_vol
    return np.where(share < 0.68, -2.0 * ndtri(0.5 - 0.5 * share), np.nan)


def _advance(problem: _Problem, s: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the next iterate, and narrow the bracket [low, high] in place."""
    k, upper, target = problem
    u, half = k / s, 0.5 * s
    tails = np.where(upper, mills(half - u) + mills(u + half), _drop(u, half, s))
    miss = np.log(tails) - 0.5 * (u * u + half * half) - LOG_SQRT_2PI - target
    too_small = np.where(upper, miss > 0.0, ~(miss >= 0.0))
    np.copyto(low, s, where=too_small)
    np.copyto(high, s, where=~too_small)
    slope = np.where(upper, -s, s) / tails  # s d(ln)/ds; the next two are scaled alike
    bend = u * u - half * half
    second = bend - slope
    third = bend * bend - 3.0 * u * u - half * half - 3.0 * bend * slope + 2.0 * slope * slope
    newton = -miss / slope
    step = newton * (1.0 + 0.5 * second * newton)
    step /= 1.0 + newton * (second + third * newton / 6.0)
    moved = s * (1.0 + step)
    halved = np.where(np.isinf(high), 2.0 * s, np.where(low > 0.0, np.sqrt(low * high), half))
    return np.where((moved >= low) & (moved <= high) & (moved > 0.0), moved, halved)


def _drop(u: FloatArray, half: FloatArray, s: FloatArray) -> FloatArray:
    """Return M(u - s/2) - M(u + s/2)."""
    wide = s >= _WIDE
    narrow = mills_drop(np.where(wide, 0.0, u - half), np.where(wide, 0.0, s))
    if not wide.any():
        return narrow
    return np.where(wide, mills(u - half) - mills(u + half), narrow)
