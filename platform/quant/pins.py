"""Where the nearest expiry may settle: the chance of ending near each strike.

Probabilities are lognormal under the volatility at the money, the market's measure and not a
forecast: one distribution for all strikes, so that they never add up to more than one, as they
would under each strike's own volatility. Strikes with much dealer gamma are said to attract spot
on the last day (Avellaneda and Lipkin 2003; Ni, Pearson and Poteshman 2005); the score weighs the
chance by that.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from quant.arrays import FloatArray, IntArray
from quant.chain import Chain
from quant.exposure_types import Profile
from quant.levels import pin_probability

_REACH_SDS = 3.0


class Pins(NamedTuple):
    """The strikes around spot of the nearest live expiry, one element each, ascending.

    `probability` is of settling within `half_width` (currency, half of the smallest gap between
    these strikes) of the strike; `distance` the
    expected distance from it at settlement, in currency; `gamma_share` the strike's share of all
    gamma of the expiry, signs aside; `score` the probability weighted by that share, summing to 1
    over the strikes (NaN without open interest).
    """

    expiry: int
    half_width: float
    strikes: FloatArray
    probability: FloatArray
    distance: FloatArray
    gamma_share: FloatArray
    score: FloatArray


def pins(chain: Chain, iv: FloatArray, profile: Profile) -> Pins | None:
    """Return the pin table of a chain, None when nothing is alive or priced.

    Parameters
    ----------
    chain : Chain
    iv : (n,) float64
        Volatility per contract, as `quant.smile.contract_vols` gives it.
    profile : Profile
        Of the same chain; its gamma by contract gives the shares.
    """
    years = chain.years()
    live = (years > 0.0) & np.isfinite(iv) & (iv > 0.0)
    if not live.any():
        return None
    expiry = int(chain.expiries[live].min())
    front = np.flatnonzero(live & (chain.expiries == expiry))
    strikes, first = np.unique(chain.strikes[front], return_index=True)
    if strikes.size < 2:
        return None
    vols, T = iv[front][first], float(years[front[0]])
    share = _gamma_share(chain, front, strikes, profile)
    away = np.abs(strikes - chain.spot)
    vol = float(vols[np.argmin(away)])
    spacing = float(np.median(np.diff(strikes)))
    near = away <= max(_REACH_SDS * chain.spot * vol * np.sqrt(T), spacing)
    if np.count_nonzero(near) < 2:
        near[np.argsort(away)[:2]] = True
    strikes, share = strikes[near], share[near]
    half = 0.5 * float(np.diff(strikes).min())
    chance = pin_probability(chain.spot, strikes, half, T, chain.r, chain.q, vol)
    weighed = chance * share
    total = np.nansum(weighed)
    return Pins(
        expiry=expiry,
        half_width=half,
        strikes=strikes,
        probability=chance,
        distance=expected_distance(chain.spot, strikes, T, chain.r, chain.q, vol),
        gamma_share=share,
        score=weighed / total if total > 0.0 else np.full(weighed.shape, np.nan),
    )


def expected_distance(
    S: float, K: FloatArray, T: float, r: float, q: float, sigma: float
) -> FloatArray:
    """Return E|S_T - K|: the undiscounted value of a straddle, in currency.

    Parameters
    ----------
    S, T, r, q, sigma : float
        Spot, years to settlement, rate, yield and volatility; T and sigma above zero.
    K : (n,) float64
        Strikes, above zero.
    """
    forward = S * np.exp((r - q) * T)
    s = sigma * np.sqrt(T)
    d1 = np.log(forward / K) / s + 0.5 * s
    out: FloatArray = forward * (2.0 * ndtr(d1) - 1.0) - K * (2.0 * ndtr(d1 - s) - 1.0)
    return out


def _gamma_share(
    chain: Chain, front: IntArray, strikes: FloatArray, profile: Profile
) -> FloatArray:
    """Return each strike's share of the expiry's gamma, NaN when there is none."""
    gross = np.abs(np.nan_to_num(profile.contracts.gamma[front]))
    by_strike = np.bincount(
        np.searchsorted(strikes, chain.strikes[front]), weights=gross, minlength=strikes.size
    )
    total = by_strike.sum()
    return by_strike / total if total > 0.0 else np.full(strikes.shape, np.nan)
