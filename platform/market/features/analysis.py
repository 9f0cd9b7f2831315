"""One pass over a chain that every figure of a minute shares: volatilities and exposures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from market.frames import FloatArray
from quant.chain import Chain
from quant.exposure import Profile, profile
from quant.implied_vol import ChainVols, chain_iv
from quant.smile import contract_vols

DAY_YEARS = 1.0 / 365.0
MONTH_YEARS = 30.0 * DAY_YEARS
ALONE_YEARS = (20.0 * DAY_YEARS, 45.0 * DAY_YEARS)
"""Where an expiry may stand for 30 days when no pair of expiries encloses them."""
WIDEST_GAP = 0.05
"""Quoted strikes around the forward may lie at most this share of it apart."""
QUARTER_DELTA = 0.25
FRONT_YEARS = 5.0 * DAY_YEARS


@dataclass(frozen=True, slots=True, eq=False)
class Smile:
    """The out-of-the-money quotes of one expiry.

    `strikes` and `iv` are (m,) float64, ascending in strike; `years` to settlement; `forward` in
    currency.
    """

    years: float
    forward: float
    strikes: FloatArray
    iv: FloatArray

    def at_the_money(self) -> float:
        """Return the volatility at the forward, NaN unless quoted strikes enclose it."""
        index = int(np.searchsorted(self.strikes, self.forward))
        if not 0 < index < self.strikes.size:
            return np.nan
        if self.strikes[index] - self.strikes[index - 1] > WIDEST_GAP * self.forward:
            return np.nan
        return float(np.interp(self.forward, self.strikes, self.iv))

    def skew(self) -> float:
        """Return the 25-delta put's volatility less the call's; NaN unless quotes reach there."""
        total = self.iv * np.sqrt(self.years)
        call_delta = ndtr(np.log(self.forward / self.strikes) / total + 0.5 * total)
        put = _at(QUARTER_DELTA, 1.0 - call_delta, self.iv)
        call = _at(QUARTER_DELTA, call_delta[::-1], self.iv[::-1])
        return put - call


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """A chain with its implied volatilities, its smiles by live expiry and its exposures."""

    chain: Chain
    vols: ChainVols
    iv: FloatArray
    smiles: dict[int, Smile]
    profile: Profile


def analyze(chain: Chain) -> Analysis:
    """Invert the quotes once and compute the dealers' exposures (naive sign) from them."""
    vols = chain_iv(chain)
    iv = contract_vols(chain, vols)
    return Analysis(
        chain=chain,
        vols=vols,
        iv=iv,
        smiles=smiles(chain, vols),
        profile=profile(chain, iv=iv),
    )


def smiles(chain: Chain, vols: ChainVols) -> dict[int, Smile]:
    """Return the smile of each expiry that is not past and has a quote, nearest first."""
    outside = np.where(chain.is_call, chain.strikes >= vols.forward, chain.strikes < vols.forward)
    usable = outside & np.isfinite(vols.mid) & (chain.expiries > chain.time)
    years = chain.years()
    found: dict[int, Smile] = {}
    for expiry in chain.expiry_values().tolist():
        mine = np.flatnonzero(usable & (chain.expiries == expiry))
        if mine.size:
            strikes, first = np.unique(chain.strikes[mine], return_index=True)
            found[expiry] = Smile(
                years=float(years[mine[0]]),
                forward=float(vols.forward[mine[0]]),
                strikes=strikes,
                iv=vols.mid[mine][first],
            )
    return found


def month_volatility(found: dict[int, Smile]) -> float:
    """Return the at-the-money volatility of 30 days, linear in total variance, NaN if unknown."""
    points = [(s.years, s.at_the_money()) for s in _around_month(found)]
    return float(np.sqrt(_between([(t, iv * iv * t) for t, iv in points]) / MONTH_YEARS))


def month_skew(found: dict[int, Smile]) -> float:
    """Return the 25-delta skew of 30 days, linear in time, NaN if unknown."""
    return _between([(s.years, s.skew()) for s in _around_month(found)], flat=True)


def term_slope(found: dict[int, Smile]) -> float:
    """Return the volatility of 30 days less that of the first expiry five days away or more."""
    later = next((s for s in found.values() if s.years >= FRONT_YEARS), None)
    return np.nan if later is None else month_volatility(found) - later.at_the_money()


def _around_month(found: dict[int, Smile]) -> list[Smile]:
    """Return the expiries that enclose 30 days, or one that is near enough alone."""
    before = [s for s in found.values() if s.years <= MONTH_YEARS]
    after = [s for s in found.values() if s.years > MONTH_YEARS]
    if before and after:
        return [before[-1], after[0]]
    near = [s for s in (*before[-1:], *after[:1]) if ALONE_YEARS[0] <= s.years <= ALONE_YEARS[1]]
    return near[:1]


def _between(points: list[tuple[float, float]], *, flat: bool = False) -> float:
    """Interpolate at 30 days; a point alone is scaled in proportion to time, or held flat."""
    if not points:
        return np.nan
    if len(points) == 1:
        time, value = points[0]
        return value if flat else value * MONTH_YEARS / time
    (t0, v0), (t1, v1) = points
    return v0 + (v1 - v0) * (MONTH_YEARS - t0) / (t1 - t0)


def _at(delta: float, deltas: FloatArray, iv: FloatArray) -> float:
    """Interpolate a volatility at a delta that the deltas, ascending but for noise, enclose."""
    rising = np.maximum.accumulate(deltas)
    if not rising[0] <= delta <= rising[-1]:
        return np.nan
    return float(np.interp(delta, rising, iv))
