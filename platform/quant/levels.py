"""Price levels that traders read from dealer exposure and open interest."""

from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

from quant.arrays import BoolArray, FloatArray, FloatLike

WallMode = Literal["gross", "net"]

_TIE = 1e-12
"""Strikes whose gamma agrees to this share are equal, and the one nearest spot is taken."""
_TRIGGER_SDS = 1.5


class MaxPain(NamedTuple):
    """The strike at which holders of one expiry would be paid least, and that sum in $."""

    strike: float
    payout: float


def best_strike(strikes: FloatArray, score: FloatArray, spot: float) -> float | None:
    """Return the strike of the highest score above zero, ties to the one nearest spot."""
    if score.size == 0 or not score.max() > 0.0:
        return None
    top = strikes[score >= score.max() * (1.0 - _TIE)]
    return float(top[np.argmin(np.abs(top - spot))])


def walls(
    *,
    strikes: FloatArray,
    gamma_call: FloatArray,
    gamma_put: FloatArray,
    spot: float,
    mode: WallMode,
) -> tuple[float | None, float | None]:
    """Return (call wall, put wall).

    `gross` takes the strike with the largest gamma exposure of calls, and of puts, whatever their
    sign; `net` takes the most positive and the most negative sum of the two.
    """
    if mode == "gross":
        call, put = np.abs(gamma_call), np.abs(gamma_put)
    else:
        call, put = gamma_call + gamma_put, -(gamma_call + gamma_put)
    return best_strike(strikes, call, spot), best_strike(strikes, put, spot)


def vol_trigger_proxy(
    *,
    strikes: FloatArray,
    gamma: FloatArray,
    zero_gamma: float,
    sd: float,
    spacing: float,
) -> float | None:
    """Return the strike with the largest net gamma, of either sign, just below zero gamma.

    Our own definition: among the strikes at or below zero gamma and within 1.5 standard
    deviations of it, or one strike step where that is more.
    """
    reach = max(_TRIGGER_SDS * sd, spacing)
    near = (strikes <= zero_gamma) & (strikes >= zero_gamma - reach)
    return best_strike(strikes[near], np.abs(gamma[near]), zero_gamma)


def max_pain(
    *,
    strikes: FloatArray,
    is_call: BoolArray,
    open_interest: FloatArray,
    multiplier: FloatArray,
    spot: float,
) -> MaxPain | None:
    """Return the listed strike where settlement would pay the holders of one expiry least.

    Parameters
    ----------
    strikes, is_call, open_interest, multiplier : (n,) arrays
        One expiry's contracts; NaN open interest counts for nothing.
    spot : float
        Breaks ties, in currency.

    Returns
    -------
    MaxPain or None
        None when no open interest is above zero.
    """
    units = np.nan_to_num(open_interest) * multiplier
    if not units.any():
        return None
    listed = np.unique(strikes)
    moved = listed[:, None] - strikes
    owed = np.maximum(np.where(is_call, moved, -moved), 0.0) @ units
    least = listed[owed <= owed.min() * (1.0 + _TIE)]
    strike = float(least[np.argmin(np.abs(least - spot))])
    return MaxPain(strike, float(owed.min()))


def pin_probability(
    S: FloatLike,
    K: FloatLike,
    half_width: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
) -> FloatArray:
    """Return the lognormal probability that spot settles within `half_width` of the strike.

    Parameters
    ----------
    S, K, half_width : float64, broadcast together with all the others
        In currency, above zero.
    T : float64
        Years to settlement.
    r, q : float64
        Rate and dividend yield, per year.
    sigma : float64
        Volatility per square root of a year.

    Returns
    -------
    float64
        NaN where an input is not a valid number or T or sigma is not above zero.
    """
    spot, strike, h, years, rate, dividend, vol = (
        np.asarray(value, dtype=np.float64) for value in (S, K, half_width, T, r, q, sigma)
    )
    with np.errstate(all="ignore"):
        s = vol * np.sqrt(years)
        drift = (rate - dividend) * years - 0.5 * s * s
        below = (np.log((strike - h) / spot) - drift) / s
        above = (np.log((strike + h) / spot) - drift) / s
        below = np.where(strike <= h, -np.inf, below)
        # The tail on the strike's own side keeps its digits far from the money.
        flip = below > 0.0
        value = np.where(flip, ndtr(-below) - ndtr(-above), ndtr(above) - ndtr(below))
        valid = (spot > 0) & (strike > 0) & (h > 0) & (s > 0) & np.isfinite(above)
    return np.where(valid, value, np.nan)
