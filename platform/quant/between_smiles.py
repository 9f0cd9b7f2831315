"""Smiles between and beyond expiries, free of arbitrage where their neighbors are.

Between two expiries normalized prices at equal forward log-moneyness are mixed, with the weights
of Gatheral and Jacquier (2014, lemma 5.1): a mix of convex decreasing functions is one too, and
prices rise with time. Sooner than the first, the smile shrinks in proportion to its deviations,
w(k) -> s w(k/sqrt(s)); later than the last, one amount of variance is added everywhere.
"""

from __future__ import annotations

import numpy as np

from quant.arrays import FloatArray
from quant.bsm import price
from quant.implied_vol import implied_vol
from quant.status import Status
from quant.svi import SVI


def total_variance(
    k: FloatArray, years: float, times: FloatArray, smiles: tuple[SVI, ...]
) -> FloatArray:
    """Return total variance at log-moneyness k for one instant.

    Parameters
    ----------
    k : (n,) float64
    years : float
        Above zero.
    times : (m,) float64
        Years of the smiles, ascending.
    smiles : tuple of m SVI
        Free of arbitrage and not crossing; at least one.
    """
    place = int(np.searchsorted(times, years))
    if place < times.size and times[place] == years:
        return smiles[place].total_variance(k)
    if place == 0:
        share = years / float(times[0])
        return share * smiles[0].total_variance(k / np.sqrt(share))
    if place == times.size:
        last = smiles[-1]
        grown = last.total_variance(0.0).item() * (years / float(times[-1]) - 1.0)
        return last.total_variance(k) + grown
    early, late = float(times[place - 1]), float(times[place])
    return _mixed(k, (years - early) / (late - early), smiles[place - 1], smiles[place])


def _mixed(k: FloatArray, share: float, one: SVI, two: SVI) -> FloatArray:
    """Return the smile at a share of the way from one expiry to the next."""
    first, second = one.total_variance(k), two.total_variance(k)
    money = [smile.total_variance(0.0).item() for smile in (one, two)]
    roots = np.sqrt([money[0], money[1], money[0] + share * (money[1] - money[0])])
    rise = float(roots[1] - roots[0])
    late = share if rise <= 0.0 else float(roots[2] - roots[0]) / rise
    calls = k >= 0.0
    strikes = np.exp(k)
    values = [price(1.0, strikes, 1.0, 0.0, 0.0, np.sqrt(w), calls) for w in (first, second)]
    found = implied_vol(
        (1.0 - late) * values[0] + late * values[1], 1.0, strikes, 1.0, 0.0, 0.0, calls
    )
    # So far out that prices are no longer numbers, variance itself is mixed.
    plain = first + share * (second - first)
    return np.where(found.status == Status.OK, found.iv**2, plain)
