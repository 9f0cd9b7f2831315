"""Whether a risk model's limits are broken as often, and as evenly, as it says.

Kupiec (1995) counts breaches; Christoffersen (1998) asks whether they come alone; the Basel
committee's zones (1996) grade 250 days at 99 %; Acerbi and Szekely's second test (2014) judges
expected shortfall.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import stats
from scipy.special import xlogy

from quant.arrays import BoolArray, FloatLike

Zone = Literal["green", "yellow", "red"]


class LikelihoodRatio(NamedTuple):
    """A likelihood ratio, its p value, and the counts behind it."""

    statistic: float
    p: float
    breaches: int
    observations: int


def kupiec(breaches: int, observations: int, level: float) -> LikelihoodRatio:
    """Test whether limits are broken as often as they should be.

    Parameters
    ----------
    breaches, observations : int
    level : float
        Probability of a breach, 0.01 for a 99 % limit.
    """
    rate = breaches / observations if observations else 0.0
    quiet = observations - breaches
    free = xlogy(breaches, rate) + xlogy(quiet, 1.0 - rate)
    tied = xlogy(breaches, level) + xlogy(quiet, 1.0 - level)
    statistic = float(2.0 * (free - tied))
    return LikelihoodRatio(statistic, float(stats.chi2.sf(statistic, 1)), breaches, observations)


def christoffersen(broken: BoolArray) -> LikelihoodRatio:
    """Test whether a breach makes another the next day more or less likely."""
    hit = np.asarray(broken, dtype=np.bool_)
    last, now = hit[:-1], hit[1:]
    n00, n01 = int(np.sum(~last & ~now)), int(np.sum(~last & now))
    n10, n11 = int(np.sum(last & ~now)), int(np.sum(last & now))
    after_quiet = n01 / (n00 + n01) if n00 + n01 else 0.0
    after_hit = n11 / (n10 + n11) if n10 + n11 else 0.0
    rate = (n01 + n11) / now.size if now.size else 0.0
    free = xlogy(n00, 1 - after_quiet) + xlogy(n01, after_quiet)
    free += xlogy(n10, 1 - after_hit) + xlogy(n11, after_hit)
    tied = xlogy(n00 + n10, 1 - rate) + xlogy(n01 + n11, rate)
    statistic = float(2.0 * (free - tied))
    return LikelihoodRatio(
        statistic, float(stats.chi2.sf(statistic, 1)), int(hit.sum()), int(hit.size)
    )


def conditional_coverage(broken: BoolArray, level: float) -> LikelihoodRatio:
    """Test frequency and independence together, with two degrees of freedom."""
    hit = np.asarray(broken, dtype=np.bool_)
    often = kupiec(int(hit.sum()), int(hit.size), level)
    statistic = often.statistic + christoffersen(hit).statistic
    return often._replace(statistic=statistic, p=float(stats.chi2.sf(statistic, 2)))


def basel_zone(breaches: int) -> Zone:
    """Return the zone of 250 days at 99 %: green up to 4 breaches, yellow up to 9, then red."""
    if breaches <= 4:
        return "green"
    return "yellow" if breaches <= 9 else "red"


def acerbi_szekely(
    results: FloatLike, limit: FloatLike, shortfall: FloatLike, level: float
) -> float:
    """Return Z2 = 1 + sum of results beyond the limit / (n level shortfall).

    0 in expectation when the model is right, below it when losses beyond the limit are larger or
    more frequent; about -0.7 is the 5 % critical value for 250 days at 2.5 %, whatever the tails.

    Parameters
    ----------
    results : (n,) float64
        Profit and loss.
    limit, shortfall : float64
        Value at risk and expected shortfall, as losses above zero.
    level : float
        Probability of a breach.
    """
    gained = np.asarray(results, dtype=np.float64)
    beyond = gained < -np.asarray(limit, dtype=np.float64)
    shares = np.where(beyond, gained / np.asarray(shortfall, dtype=np.float64), 0.0)
    return float(1.0 + shares.sum() / (gained.size * level))
