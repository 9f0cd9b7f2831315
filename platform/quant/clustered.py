"""Means of observations that come in clusters: signals of one session are no separate evidence.

The error is the cluster sandwich of Liang and Zeger (1986) with Student's t for the number of
clusters less one. The test removes the skewness of the clusters' sums by Hall's transformation
(1992), "On the removal of skewness by transformation": without it a series of many small gains
and rare large losses passes too often.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from quant.arrays import FloatArray, FloatLike

IntLike = npt.NDArray[np.int64]


class ClusteredMean(NamedTuple):
    """A mean over all observations with the uncertainty that the clusters leave.

    Attributes
    ----------
    mean, error : float
        NaN without observations; the error is NaN for fewer than two clusters.
    low, high : float
        95 % interval, infinite where the error is not known.
    p : float
        Probability of a mean at least so large if the true one were zero; 1 where not known.
    observations, clusters : int
    """

    mean: float
    error: float
    low: float
    high: float
    p: float
    observations: int
    clusters: int


def clustered_mean(values: FloatLike, cluster: IntLike) -> ClusteredMean:
    """Return the mean of values and what their clusters say of it.

    Parameters
    ----------
    values : (n,) float64
        Finite.
    cluster : (n,) int64
        Equal for observations that may depend on each other.
    """
    x = np.asarray(values, dtype=np.float64)
    if not x.size:
        return ClusteredMean(np.nan, np.nan, -np.inf, np.inf, 1.0, 0, 0)
    mean = float(x.mean())
    away = cluster_sums(x - mean, cluster)
    m = away.size
    if m < 2:
        return ClusteredMean(mean, np.nan, -np.inf, np.inf, 1.0, x.size, m)
    error = float(np.sqrt(m / (m - 1.0) * (away @ away))) / x.size
    reach = float(stdtrit(m - 1.0, 0.975)) * error
    p = chance_of_sum(cluster_sums(x, cluster))
    return ClusteredMean(mean, error, mean - reach, mean + reach, p, x.size, m)


def cluster_sums(values: FloatArray, cluster: IntLike) -> FloatArray:
    """Return the sum of each cluster that has an observation, in the order of their numbers."""
    _, place = np.unique(cluster, return_inverse=True)
    return np.bincount(place, weights=values).astype(np.float64)


def chance_of_sum(sums: FloatLike) -> float:
    """Return the one-sided p of independent sums whose mean would be zero, skewness removed.

    1 for fewer than two sums, or when all are equal.
    """
    s = np.asarray(sums, dtype=np.float64)
    if s.size < 2 or np.ptp(s) == 0.0:
        return 1.0
    return float(1.0 - stdtr(s.size - 1.0, unskewed_t(s)))


def unskewed_t(sums: FloatLike) -> float:
    """Return Hall's transformed t of a mean: t + g t^2/(3 r) + g^2 t^3/(27 n) + g/(6 r).

    r is the root of n, g the skewness; the transformation rises with t.
    """
    s = np.asarray(sums, dtype=np.float64)
    n = s.size
    away = s - s.mean()
    spread = float(np.sqrt(np.mean(away**2)))
    skewness = float(np.mean(away**3)) / spread**3
    root = float(np.sqrt(n))
    t = root * float(s.mean()) / float(s.std(ddof=1))
    a = skewness / root
    return t + a * t * t / 3.0 + a * a * t**3 / 27.0 + a / 6.0
