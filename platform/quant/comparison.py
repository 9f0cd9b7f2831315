"""Two track records over the same days: whose Sharpe ratio is higher, and how sure that is.

The difference and its error are those of Ledoit and Wolf (2008), "Robust performance hypothesis
testing with the Sharpe ratio": delta method on the first two moments of both, with a variance
that allows for fat tails, for returns of one day that go together, and for days that hang
together (quadratic spectral kernel, bandwidth of Andrews 1991 from a first-order
autoregression, T/(T - 4) for the four moments). Over 250 days whose autocorrelation is 0.3 the
error comes out about 6 % short, as such variances do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from quant.arrays import FloatArray, FloatLike

_Z_95 = 1.959963984540054
_MOST_PERSISTENT = 0.97
LEAST = 5
"""Observations below which nothing is said: four moments are estimated."""


class Difference(NamedTuple):
    """The Sharpe ratio of x less that of y, per period until `annual`.

    Attributes
    ----------
    value, error : float
        NaN where it is not known: fewer than `LEAST` observations, or returns that are all equal.
    low, high : float
        95 % interval of the difference.
    p : float
        Two-sided probability of one at least so far from 0 if the true ratios were equal.
    observations : int
    """

    value: float
    error: float
    low: float
    high: float
    p: float
    observations: int

    def annual(self, periods: float) -> Difference:
        """Return it for a year of `periods`."""
        root = float(np.sqrt(periods))
        parts = (self.value, self.error, self.low, self.high)
        value, error, low, high = (part * root for part in parts)
        return self._replace(value=value, error=error, low=low, high=high)


class Correlation(NamedTuple):
    """A correlation with its 95 % interval; NaN where it is not known."""

    value: float
    low: float
    high: float
    observations: int


def sharpe_difference(x: FloatLike, y: FloatLike) -> Difference:
    """Return the difference of two Sharpe ratios with its error.

    Parameters
    ----------
    x, y : (n,) float64
        Returns of the same periods in order, finite.

    Raises
    ------
    ValueError
        When they are not equally many.
    """
    a, b = _pair(x, y)
    n = a.size
    if n < LEAST or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        unknown = float("nan")
        return Difference(unknown, unknown, unknown, unknown, unknown, n)
    value = float(a.mean() / a.std() - b.mean() / b.std())
    error = float(np.sqrt(_long_run_variance(_influence(a) - _influence(b)) / n))
    reach = _Z_95 * error
    p = 1.0 if error == 0.0 else float(2.0 * ndtr(-abs(value) / error))
    return Difference(value, error, value - reach, value + reach, p, n)


def correlation(x: FloatLike, y: FloatLike) -> Correlation:
    """Return Pearson's correlation with Fisher's interval (1921), periods taken as independent.

    Parameters
    ----------
    x, y : (n,) float64
        Returns of the same periods, finite.

    Raises
    ------
    ValueError
        When they are not equally many.
    """
    a, b = _pair(x, y)
    n = a.size
    unknown = float("nan")
    if n < LEAST or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return Correlation(unknown, unknown, unknown, n)
    value = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    with np.errstate(divide="ignore"):
        middle, reach = np.arctanh(value), _Z_95 / np.sqrt(n - 3.0)
    return Correlation(value, float(np.tanh(middle - reach)), float(np.tanh(middle + reach)), n)


def _pair(x: FloatLike, y: FloatLike) -> tuple[FloatArray, FloatArray]:
    a, b = (np.asarray(one, dtype=np.float64).ravel() for one in (x, y))
    if a.size != b.size:
        raise ValueError(f"x has {a.size} returns and y {b.size}; give the same periods of both")
    return a, b


def _influence(r: FloatArray) -> FloatArray:
    """Return what each return adds to its Sharpe ratio: gradient times centred moments."""
    mean, square = float(r.mean()), float(np.mean(r**2))
    cubed = float(r.var()) ** 1.5
    made: FloatArray = (square * (r - mean) - 0.5 * mean * (r**2 - square)) / cubed
    return made


def _long_run_variance(z: FloatArray) -> float:
    """Return the variance of a centred series' mean, times its length."""
    n = z.size
    own = np.correlate(z, z, "full")[n - 1 :] / n
    if own[0] <= 0.0:
        return 0.0
    if n < 2 * LEAST:
        return float(own[0]) * n / (n - 4.0)
    rho = float(np.clip(own[1] / own[0], -_MOST_PERSISTENT, _MOST_PERSISTENT))
    width = 1.3221 * (4.0 * rho**2 / (1.0 - rho) ** 4 * n) ** 0.2
    if width == 0.0:
        return float(own[0]) * n / (n - 4.0)
    weights = _quadratic_spectral(np.arange(1, n) / width)
    total = float(own[0] + 2.0 * (weights @ own[1:]))
    return max(total, 0.0) * n / (n - 4.0)


def _quadratic_spectral(x: FloatArray) -> FloatArray:
    away = 1.2 * np.pi * x
    made: FloatArray = 3.0 / away**2 * (np.sin(away) / away - np.cos(away))
    return made
