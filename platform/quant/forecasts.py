"""Scores of forecasts and tests between two of them.

Loss differences: Diebold and Mariano (1995) with the small-sample correction of Harvey, Leybourne
and Newbold (1997); Clark and West (2007) for nested models. Variances: QLIKE, which like squared
error ranks correctly under a noisy proxy (Patton 2011), and Mincer and Zarnowitz (1969).
Distributions: the continuous ranked probability score (Gneiting and Raftery 2007), pinball loss,
and Berkowitz's test of probability integral transforms (2001).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from quant.arrays import FloatArray, FloatLike


class Test(NamedTuple):
    """A statistic, its p value, and the observations behind it."""

    statistic: float
    p: float
    observations: int


def _long_run(values: FloatArray, lags: int) -> float:
    """Return the variance of a mean whose terms are correlated over `lags`, equal weights."""
    n = values.size
    away = values - values.mean()
    total = float(away @ away)
    for lag in range(1, min(lags, n - 1) + 1):
        total += 2.0 * float(away[lag:] @ away[:-lag])
    return total / n**2


def diebold_mariano(
    losses: FloatLike, others: FloatLike, horizon: int = 1, alternative: str = "two-sided"
) -> Test:
    """Test whether two forecasts have equal expected loss.

    Parameters
    ----------
    losses, others : (n,) float64
    horizon : int
        Steps ahead; losses are correlated over one fewer.
    alternative : str
        "two-sided", or "less" when the first is held to be the better.

    Returns
    -------
    Test
        Student's t with n - 1 degrees of freedom. NaN where the losses differ by a constant.
    """
    gap = np.asarray(losses, dtype=np.float64) - np.asarray(others, dtype=np.float64)
    n = gap.size
    variance = _long_run(gap, horizon - 1)
    if variance <= 0.0:
        return Test(float("nan"), float("nan"), n)
    small = (n + 1.0 - 2.0 * horizon + horizon * (horizon - 1.0) / n) / n
    statistic = float(gap.mean() / np.sqrt(variance) * np.sqrt(small))
    below = float(stats.t.cdf(statistic, n - 1))
    return Test(statistic, below if alternative == "less" else 2.0 * min(below, 1.0 - below), n)


def clark_west(actual: FloatLike, small: FloatLike, large: FloatLike, horizon: int = 1) -> Test:
    """Test whether a model that contains another forecasts better by squared error.

    Parameters
    ----------
    actual, small, large : (n,) float64
        What came, and the forecasts of the contained and the containing model.
    """
    y, one, two = (np.asarray(part, dtype=np.float64) for part in (actual, small, large))
    gain = (y - one) ** 2 - ((y - two) ** 2 - (one - two) ** 2)
    variance = _long_run(gain, horizon - 1)
    if variance <= 0.0:
        return Test(float("nan"), float("nan"), gain.size)
    statistic = float(gain.mean() / np.sqrt(variance))
    return Test(statistic, float(ndtr(-statistic)), gain.size)


def qlike(realized: FloatLike, forecast: FloatLike) -> FloatArray:
    """Return s/h - ln(s/h) - 1 for each realized variance s and forecast h; 0 is perfect."""
    ratio = np.asarray(realized, dtype=np.float64) / np.asarray(forecast, dtype=np.float64)
    out: FloatArray = ratio - np.log(ratio) - 1.0
    return out


class Calibration(NamedTuple):
    """y = intercept + slope forecast: 0 and 1 when it is unbiased; `p` of that together."""

    intercept: float
    slope: float
    r_squared: float
    p: float
    observations: int


def mincer_zarnowitz(actual: FloatLike, forecast: FloatLike, horizon: int = 1) -> Calibration:
    """Regress what came on its forecast, errors by Newey and West."""
    # Not on the module: it takes a second to load and pulls in data frames.
    import statsmodels.api as sm

    y = np.asarray(actual, dtype=np.float64)
    design = sm.add_constant(np.asarray(forecast, dtype=np.float64), has_constant="add")
    found = sm.OLS(y, design).fit(cov_type="HAC", cov_kwds={"maxlags": max(horizon - 1, 0)})
    joint = found.f_test((np.eye(2), np.array([0.0, 1.0])))
    return Calibration(
        float(found.params[0]),
        float(found.params[1]),
        float(found.rsquared),
        float(joint.pvalue),
        int(found.nobs),
    )


def crps_normal(actual: FloatLike, mean: FloatLike, sd: FloatLike) -> FloatArray:
    """Return the continuous ranked probability score of normal forecasts, in the actual's unit."""
    scale = np.asarray(sd, dtype=np.float64)
    z = (np.asarray(actual, dtype=np.float64) - np.asarray(mean, dtype=np.float64)) / scale
    out: FloatArray = scale * (
        z * (2.0 * ndtr(z) - 1.0) + 2.0 * stats.norm.pdf(z) - 1.0 / np.sqrt(np.pi)
    )
    return out


def pinball(actual: FloatLike, quantile: FloatLike, level: FloatLike) -> FloatArray:
    """Return the loss that a forecast of the `level` quantile minimizes."""
    miss = np.asarray(actual, dtype=np.float64) - np.asarray(quantile, dtype=np.float64)
    share = np.asarray(level, dtype=np.float64)
    out: FloatArray = np.maximum(share * miss, (share - 1.0) * miss)
    return out


def berkowitz(transforms: FloatLike) -> Test:
    """Test probability integral transforms for uniformity and independence at once.

    Their normal scores are fitted as an autoregression; the likelihood ratio against mean 0,
    variance 1 and no correlation is chi-squared with 3 degrees of freedom.
    """
    u = np.asarray(transforms, dtype=np.float64)
    z = ndtri(np.clip(u, 1e-12, 1.0 - 1e-12))
    now, last = z[1:], z[:-1]
    slope = float(np.cov(now, last, ddof=0)[0, 1] / last.var())
    level = float(now.mean() - slope * last.mean())
    rest = now - level - slope * last
    spread = float(rest.var())
    free = float(np.sum(stats.norm.logpdf(rest, scale=np.sqrt(spread))))
    tied = float(np.sum(stats.norm.logpdf(now)))
    statistic = 2.0 * (free - tied)
    return Test(statistic, float(stats.chi2.sf(statistic, 3)), now.size)
