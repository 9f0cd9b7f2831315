"""Where the nearest expiry may settle: the chance of ending near each strike.

Probabilities are lognormal under each strike's own implied volatility, the market's measure and
not a forecast. Strikes with much dealer gamma are said to attract spot on the last day
(Avellaneda and Lipkin 2003; Ni, Pearson and Poteshman 2005); the score weighs the chance by that.
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

    `probability` is of settling within `half_width` (currency) of the strike; `distance` the
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
    half = 0.5 * float(np.median(np.diff(strikes)))
    share = _gamma_share(chain, front, strikes, profile)
    sd = chain.spot * vols[np.argmin(np.abs(strikes - chain.spot))] * np.sqrt(T)
    near = np.abs(strikes - chain.spot) <= max(_REACH_SDS * sd, 2.0 * half)
    strikes, vols, share = strikes[near], vols[near], share[near]
    chance = pin_probability(chain.spot, strikes, half, T, chain.r, chain.q, vols)
    weighed = chance * share
    total = np.nansum(weighed)
    return Pins(
        expiry=expiry,
        half_width=half,
        strikes=strikes,
        probability=chance,
        distance=expected_distance(chain.spot, strikes, T, chain.r, chain.q, vols),
        gamma_share=share,
        score=weighed / total if total > 0.0 else np.full(weighed.shape, np.nan),
    )


def expected_distance(
    S: float, K: FloatArray, T: float, r: float, q: float, sigma: FloatArray
) -> FloatArray:
    """Return E|S_T - K|: the undiscounted value of a straddle, in currency.

    Parameters
    ----------
    S, T, r, q : float
        Spot, years to settlement, rate and yield; T above zero.
    K, sigma : (n,) float64
        Strikes and volatilities, above zero.
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
