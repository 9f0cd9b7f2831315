"""Figures of a track record, each with what it takes to believe it.

Returns are per period, simple or excess as the caller has them; a Sharpe ratio without a unit is
per period too. Sources: Lo (2002) and Mertens (2002) for its standard error; Bailey and Lopez de
Prado (2012) for the probabilistic ratio and the minimum track record, (2014) for the deflated one;
Bailey, Borwein, Lopez de Prado and Zhu (2014) for the minimum backtest length. Kurtosis is raw: 3
for the normal distribution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from quant.arrays import FloatArray, FloatLike

_EULER = 0.5772156649015329
_Z_95 = 1.959963984540054


class Sharpe(NamedTuple):
    """A Sharpe ratio per period with its standard error, and what the error was made from."""

    ratio: float
    error: float
    observations: int
    skewness: float
    kurtosis: float

    def annual(self, periods: float) -> Sharpe:
        """Return it with ratio and error for a year of `periods`, returns uncorrelated."""
        root = float(np.sqrt(periods))
        return self._replace(ratio=self.ratio * root, error=self.error * root)

    def interval(self, z: float = _Z_95) -> tuple[float, float]:
        """Return the ratio less and plus z standard errors."""
        return self.ratio - z * self.error, self.ratio + z * self.error


def sharpe(returns: FloatLike) -> Sharpe:
    """Return mean over standard deviation (n - 1), and its standard error under any distribution.

    sqrt((1 - g3 SR + (g4 - 1)/4 SR^2)/(n - 1)), g3 and g4 skewness and raw kurtosis. NaN for
    fewer than two returns, or when all are equal.
    """
    r = _finite(returns)
    n = r.size
    unknown = float("nan")
    if n < 2 or np.ptp(r) == 0.0:
        return Sharpe(unknown, unknown, n, unknown, unknown)
    away = r - r.mean()
    second = float(np.mean(away**2))
    skewness = float(np.mean(away**3)) / second**1.5
    kurtosis = float(np.mean(away**4)) / second**2
    ratio = float(r.mean() / r.std(ddof=1))
    return Sharpe(
        ratio, float(np.sqrt(_spread(ratio, skewness, kurtosis) / (n - 1))), n, skewness, kurtosis
    )


def _spread(ratio: float, skewness: float, kurtosis: float) -> float:
    """Return n - 1 times the variance of an estimated ratio."""
    return max(1.0 - skewness * ratio + 0.25 * (kurtosis - 1.0) * ratio**2, 0.0)


def probabilistic_sharpe(
    ratio: float,
    observations: int,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
) -> float:
    """Return the probability that the true ratio is above a benchmark; all per period."""
    spread = np.sqrt(_spread(ratio, skewness, kurtosis))
    with np.errstate(all="ignore"):
        return float(ndtr((ratio - benchmark) * np.sqrt(observations - 1.0) / spread))


def expected_maximum(trials: float) -> float:
    """Return about the expected largest of `trials` independent standard normal numbers.

    (1 - gamma) z(1 - 1/N) + gamma z(1 - 1/(N e)), gamma Euler's constant; 0 for one trial.
    """
    if trials <= 1.0:
        return 0.0
    top, next_top = ndtri(1.0 - 1.0 / trials), ndtri(1.0 - 1.0 / (trials * np.e))
    return float((1.0 - _EULER) * top + _EULER * next_top)


def deflated_sharpe(
    ratio: float,
    observations: int,
    skewness: float,
    kurtosis: float,
    trials: int,
    trial_variance: float,
) -> float:
    """Return the probability that a ratio found by search is above what luck alone would find.

    Parameters
    ----------
    ratio : float
        The best one, per period.
    observations : int
    skewness, kurtosis : float
    trials : int
        Every configuration ever tried, at least 1.
    trial_variance : float
        Variance of their ratios, per period squared.
    """
    luck = float(np.sqrt(trial_variance)) * expected_maximum(trials)
    return probabilistic_sharpe(ratio, observations, skewness, kurtosis, luck)


def minimum_track_record(
    ratio: float,
    benchmark: float = 0.0,
    confidence: float = 0.95,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return how many periods it takes until a ratio is above a benchmark with confidence.

    Infinite when it is not above it.
    """
    if not ratio > benchmark:
        return float("inf")
    z = float(ndtri(confidence))
    return 1.0 + _spread(ratio, skewness, kurtosis) * (z / (ratio - benchmark)) ** 2


def minimum_backtest(trials: float, target: float = 1.0) -> float:
    """Return how many years keep the best of `trials` worthless configurations, in expectation,
    below an annual ratio of `target`."""
    return (expected_maximum(trials) / target) ** 2


def sortino(returns: FloatLike, target: float = 0.0) -> float:
    """Return mean excess over the root mean square of what falls short, per period.

    NaN without returns; infinite when nothing falls short and the mean is above the target.
    """
    r = _finite(returns) - target
    if not r.size:
        return float("nan")
    short = float(np.sqrt(np.mean(np.minimum(r, 0.0) ** 2)))
    mean = float(r.mean())
    if short == 0.0:
        return float("inf") if mean > 0.0 else float("nan")
    return mean / short


class Drawdown(NamedTuple):
    """The deepest fall of an equity curve.

    Attributes
    ----------
    depth : float
        As a share of the peak, 0 when it never falls.
    peak, trough : int
        Positions in the curve.
    recovered : int or None
        First position back at the peak, None while it is not.
    longest : int
        Most periods spent below any earlier peak.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None
    longest: int


def drawdown(equity: FloatLike) -> Drawdown:
    """Return the deepest fall of a curve of values above zero.

    Raises
    ------
    ValueError
        When a value is not a finite number above zero: a share of the peak means nothing then.
    """
    curve = np.asarray(equity, dtype=np.float64)
    if curve.ndim != 1 or not curve.size or not np.all(np.isfinite(curve) & (curve > 0.0)):
        raise ValueError("equity is empty or has a value that is not a finite number above zero")
    peaks = np.maximum.accumulate(curve)
    fall = 1.0 - curve / peaks
    trough = int(np.argmax(fall))
    peak = int(np.flatnonzero(curve[: trough + 1] == peaks[trough])[-1])
    back = np.flatnonzero(curve[trough:] >= peaks[trough])
    recovered = int(trough + back[0]) if back.size and fall[trough] > 0.0 else None
    at_peak = np.flatnonzero(curve == peaks)
    runs = np.diff(np.append(at_peak, curve.size))
    return Drawdown(float(fall[trough]), peak, trough, recovered, int(runs.max()) - 1)


def calmar(equity: FloatLike, periods: float) -> float:
    """Return growth per year over the deepest drawdown; infinite without one.

    Parameters
    ----------
    equity : (n,) float64
        Values above zero, one period apart.
    periods : float
        To a year.
    """
    curve = np.asarray(equity, dtype=np.float64)
    depth = drawdown(curve).depth
    if curve.size < 2:
        return float("nan")
    growth = float((curve[-1] / curve[0]) ** (periods / (curve.size - 1)) - 1.0)
    if depth == 0.0:
        return float("inf") if growth > 0.0 else float("nan")
    return growth / depth


def wilson(successes: float, trials: float, z: float = _Z_95) -> tuple[float, float]:
    """Return Wilson's interval (1927) of a share; (0, 1) without trials.

    Trials that hang together count as fewer, so neither number need be whole.
    """
    if trials <= 0:
        return 0.0, 1.0
    share, square = successes / trials, z * z / trials
    middle = (share + 0.5 * square) / (1.0 + square)
    half = (
        z / (1.0 + square) * float(np.sqrt(share * (1.0 - share) / trials + 0.25 * square / trials))
    )
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _finite(values: FloatLike) -> FloatArray:
    found = np.asarray(values, dtype=np.float64).ravel()
    return found[np.isfinite(found)]
