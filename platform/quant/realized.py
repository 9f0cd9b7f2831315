"""Realized volatility: estimators from returns and bars, jumps, HAR, and the spread to implied.

All variances are per period over which the returns or bars extend; `annual` turns them into
volatilities per year. Sources: Barndorff-Nielsen and Shephard (2004, 2006) for bipower variation
and jumps; Parkinson (1980), Garman and Klass (1980), Rogers and Satchell (1991), Yang and Zhang
(2000) for bars; Corsi (2009) for HAR; Bollerslev, Tauchen and Zhou (2009) for the variance risk
premium.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, ndtr

from quant.arrays import FloatArray, FloatLike

_MU_1 = float(np.sqrt(2.0 / np.pi))  # E|z|
_MU_43 = float(2.0 ** (2.0 / 3.0) * np.exp(gammaln(7.0 / 6.0) - gammaln(0.5)))  # E|z|^(4/3)
_JUMP_WEIGHT = np.pi**2 / 4.0 + np.pi - 5.0
_DAY, _WEEK, _MONTH = 1, 5, 22
_LEAST_SESSIONS = 60


def annual(variance: FloatLike, periods: float) -> FloatArray:
    """Return the volatility per square root of a year of a variance, `periods` to a year."""
    out: FloatArray = np.sqrt(np.asarray(variance, dtype=np.float64) * periods)
    return out


def variance(returns: FloatLike) -> FloatArray:
    """Return realized variance, the sum of squared returns along the last axis."""
    r = np.asarray(returns, dtype=np.float64)
    out: FloatArray = np.sum(r * r, axis=-1)
    return out


def semivariances(returns: FloatLike) -> tuple[FloatArray, FloatArray]:
    """Return the realized variance of falls and that of rises."""
    r = np.asarray(returns, dtype=np.float64)
    return variance(np.minimum(r, 0.0)), variance(np.maximum(r, 0.0))


def bipower(returns: FloatLike) -> FloatArray:
    """Return bipower variation along the last axis: the variance without jumps.

    pi/2 n/(n-1) sum |r_i| |r_{i-1}|, n returns; NaN for fewer than two.
    """
    r = np.abs(np.asarray(returns, dtype=np.float64))
    n = r.shape[-1]
    if n < 2:
        return np.full(r.shape[:-1], np.nan)
    out: FloatArray = n / (n - 1.0) / _MU_1**2 * np.sum(r[..., 1:] * r[..., :-1], axis=-1)
    return out


def tripower_quarticity(returns: FloatLike) -> FloatArray:
    """Return tripower quarticity along the last axis, n/(n-2) n mu^-3 sum of |r|^(4/3) products."""
    r = np.abs(np.asarray(returns, dtype=np.float64)) ** (4.0 / 3.0)
    n = r.shape[-1]
    if n < 3:
        return np.full(r.shape[:-1], np.nan)
    products = np.sum(r[..., 2:] * r[..., 1:-1] * r[..., :-2], axis=-1)
    out: FloatArray = n * n / (n - 2.0) / _MU_43**3 * products
    return out


class Jumps(NamedTuple):
    """Part of realized variance that jumps made, not below 0; test statistic; its p value."""

    share: FloatArray
    z: FloatArray
    p: FloatArray


def jumps(returns: FloatLike) -> Jumps:
    """Test for jumps along the last axis by the ratio statistic of Barndorff-Nielsen and Shephard.

    z = (1 - BV/RV) / sqrt((pi^2/4 + pi - 5)/n max(1, TQ/BV^2)), standard normal without jumps
    (Huang and Tauchen 2005). NaN where nothing moved or for fewer than three returns.
    """
    r = np.asarray(returns, dtype=np.float64)
    total, smooth, fourth = variance(r), bipower(r), tripower_quarticity(r)
    with np.errstate(all="ignore"):
        share = 1.0 - smooth / total
        scale = np.maximum(1.0, fourth / smooth**2)
        z: FloatArray = share / np.sqrt(_JUMP_WEIGHT / r.shape[-1] * scale)
        return Jumps(np.maximum(share, 0.0), z, np.asarray(ndtr(-z)))


def parkinson(high: FloatLike, low: FloatLike) -> FloatArray:
    """Return each bar's variance from its range, ln(H/L)^2 / (4 ln 2): five times as efficient
    as squared returns for a driftless walk."""
    span = np.log(np.asarray(high, dtype=np.float64) / np.asarray(low, dtype=np.float64))
    out: FloatArray = span * span / (4.0 * np.log(2.0))
    return out


def garman_klass(open_: FloatLike, high: FloatLike, low: FloatLike, close: FloatLike) -> FloatArray:
    """Return each bar's variance, ln(H/L)^2/2 - (2 ln 2 - 1) ln(C/O)^2; no drift, no gap."""
    o, h, low_, c = (np.asarray(part, dtype=np.float64) for part in (open_, high, low, close))
    out: FloatArray = 0.5 * np.log(h / low_) ** 2 - (2.0 * np.log(2.0) - 1.0) * np.log(c / o) ** 2
    return out


def rogers_satchell(
    open_: FloatLike, high: FloatLike, low: FloatLike, close: FloatLike
) -> FloatArray:
    """Return each bar's variance whatever its drift: h (h - c) + l (l - c), logs from the open."""
    o, h, low_, c = (np.asarray(part, dtype=np.float64) for part in (open_, high, low, close))
    up, down, end = np.log(h / o), np.log(low_ / o), np.log(c / o)
    out: FloatArray = up * (up - end) + down * (down - end)
    return out


def yang_zhang(open_: FloatLike, high: FloatLike, low: FloatLike, close: FloatLike) -> float:
    """Return the variance per bar of n bars with gaps between them, drift and gaps allowed for.

    V_gap + k V_open-close + (1 - k) V_RS with k = 0.34/(1.34 + (n+1)/(n-1)) over the n - 1 bars
    that have one before them; NaN for fewer than three bars.
    """
    o, h, low_, c = (np.asarray(part, dtype=np.float64) for part in (open_, high, low, close))
    n = o.size - 1
    if n < 2:
        return float("nan")
    gap, day = np.log(o[1:] / c[:-1]), np.log(c[1:] / o[1:])
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    within = rogers_satchell(o[1:], h[1:], low_[1:], c[1:])
    return float(gap.var(ddof=1) + k * day.var(ddof=1) + (1.0 - k) * within.mean())


@dataclass(frozen=True, slots=True, eq=False)
class Har:
    """A heterogeneous autoregression of realized variance.

    Attributes
    ----------
    intercept, daily, weekly, monthly : float
    errors : (4,) float64
        Newey-West standard errors, in that order.
    r_squared : float
    observations : int
    horizon : int
        Sessions ahead over which the mean variance is forecast.
    forecast : float
        From the newest sessions; not below the smallest variance seen.
    forecast_error : float
        Standard deviation of the fit's misses.
    """

    intercept: float
    daily: float
    weekly: float
    monthly: float
    errors: FloatArray
    r_squared: float
    observations: int
    horizon: int
    forecast: float
    forecast_error: float


def har(variances: FloatLike, horizon: int = 1) -> Har:
    """Fit RV(t+1..t+h) = c + d RV(t) + w RV(t-4..t) + m RV(t-21..t) by least squares (Corsi 2009).

    Parameters
    ----------
    variances : (n,) float64
        Realized variance of each session, in order; at least 60, finite, not below 0.
    horizon : int
        Sessions ahead, over which the mean is forecast.

    Raises
    ------
    ValueError
        Naming what is wrong.
    """
    # Not on the module: it takes a second to load and pulls in data frames.
    import statsmodels.api as sm

    values = np.asarray(variances, dtype=np.float64)
    if values.ndim != 1 or values.size < _LEAST_SESSIONS + horizon:
        raise ValueError(f"variances has shape {values.shape}; give at least {_LEAST_SESSIONS}")
    if horizon < 1:
        raise ValueError(f"horizon is {horizon}; give at least 1")
    if not np.all(np.isfinite(values) & (values >= 0.0)):
        raise ValueError("variances has a value that is not a finite number of at least 0")
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(_MONTH, values.size + 1)
    lags = np.column_stack([(sums[ends] - sums[ends - n]) / n for n in (_DAY, _WEEK, _MONTH)])
    able = ends[: lags.shape[0] - horizon]
    ahead = (sums[able + horizon] - sums[able]) / horizon
    design = sm.add_constant(lags[: able.size], has_constant="add")
    found = sm.OLS(ahead, design).fit(
        cov_type="HAC", cov_kwds={"maxlags": max(horizon, round(4 * (able.size / 100) ** (2 / 9)))}
    )
    intercept, daily, weekly, monthly = (float(value) for value in found.params)
    newest = float(found.params @ np.concatenate([[1.0], lags[-1]]))
    return Har(
        intercept,
        daily,
        weekly,
        monthly,
        errors=np.asarray(found.bse, dtype=np.float64),
        r_squared=float(found.rsquared),
        observations=int(found.nobs),
        horizon=horizon,
        forecast=max(newest, float(values.min())),
        forecast_error=float(np.std(found.resid)),
    )


class Spread(NamedTuple):
    """Implied less realized.

    `vol` and `variance` are newest values, per year; `mean`, `error` and `observations` describe
    the variance spread over the series, the error by Newey and West for overlapping horizons.
    """

    vol: float
    variance: float
    mean: float
    error: float
    observations: int


def implied_spread(implied: FloatLike, realized: FloatLike, overlap: int = 1) -> Spread:
    """Compare implied with realized volatilities of the same horizons: the variance risk premium.

    Parameters
    ----------
    implied, realized : (n,) float64
        Volatilities per square root of a year; pairs with a value that is not finite are left
        out. The realized one is that of the time the implied one looks ahead to, known only then.
    overlap : int
        Periods that neighboring horizons share, plus one.
    """
    sold, got = np.broadcast_arrays(
        np.asarray(implied, dtype=np.float64), np.asarray(realized, dtype=np.float64)
    )
    good = np.isfinite(sold) & np.isfinite(got)
    one, two = sold[good], got[good]
    if not one.size:
        unknown = float("nan")
        return Spread(unknown, unknown, unknown, unknown, 0)
    gaps = one**2 - two**2
    return Spread(
        vol=float(one[-1] - two[-1]),
        variance=float(gaps[-1]),
        mean=float(gaps.mean()),
        error=newey_west(gaps, max(overlap - 1, 0)),
        observations=int(gaps.size),
    )


def newey_west(values: FloatArray, lags: int) -> float:
    """Return the standard error of a mean whose terms are correlated over `lags` periods.

    Bartlett weights (Newey and West 1987); NaN for fewer than two values.
    """
    n = values.size
    if n < 2:
        return float("nan")
    away = values - values.mean()
    total = float(away @ away)
    for lag in range(1, min(lags, n - 1) + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(away[lag:] @ away[:-lag])
    return float(np.sqrt(max(total, 0.0) / n / (n - 1.0)))
