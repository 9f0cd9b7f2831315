"""Causal filters of daily returns: trend, realized volatility, and their joint regime.

Nothing here looks ahead: the value at t is a function of returns up to t, computed by a forward
recursion (filtered probabilities, never smoothed ones). The leading axes are independent paths,
so one call serves a live series and 100,000 simulated ones, with bit-equal results.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quant.arrays import FloatArray, FloatLike, IntArray

TRENDS = ("down", "flat", "up")
VOLATILITIES = ("low", "normal", "high")
SESSIONS_PER_YEAR = 252
_HUGE = 1e300
"""Values from here on count as missing: their sums would overflow."""


@dataclass(frozen=True, slots=True)
class RegimeModel:
    """A hidden Markov model of 3 trends x 3 volatility levels with fixed parameters.

    Returns are measured in units of their own long-run standard deviation, known up to the
    session before, so one parameter set serves every underlying and nothing is fitted to the
    future. Given the state they are Student-t, so that one shock does not decide alone.

    Attributes
    ----------
    drift : float
        Mean of the up trend per session, in standard deviations of the volatility level that it
        meets; down mirrors it.
    scales : tuple of 3 floats
        Standard deviation of the three volatility levels, in long-run standard deviations.
    trend_stay, volatility_stay : float
        Probability, per session, that the factor keeps its state.
    degrees : float
        Degrees of freedom of the Student-t, above 2.
    half_life : float
        Of the weights that define the long-run standard deviation, in sessions.
    warm_up : int
        Sessions with a return before the first answer.
    """

    drift: float = 0.25
    scales: tuple[float, float, float] = (0.6, 1.0, 1.9)
    trend_stay: float = 0.98
    volatility_stay: float = 0.97
    degrees: float = 6.0
    half_life: float = 126.0
    warm_up: int = 42

    def trend_moves(self) -> FloatArray:
        """Return the (3, 3) transition matrix of the trend; up and down meet through flat."""
        leave = 1.0 - self.trend_stay
        stay = self.trend_stay
        return np.array([[stay, leave, 0.0], [0.5 * leave, stay, 0.5 * leave], [0.0, leave, stay]])

    def volatility_moves(self) -> FloatArray:
        """Return the (3, 3) transition matrix of volatility; any level may follow any other."""
        leave = 0.5 * (1.0 - self.volatility_stay)
        return np.full((3, 3), leave) + np.eye(3) * (self.volatility_stay - leave)


class RegimePosterior(NamedTuple):
    """Filtered probabilities at each session, given the returns up to and including it.

    `joint` is (..., T, 3, 3), trend x volatility in the order of `TRENDS` and `VOLATILITIES`;
    NaN during the warm-up and where the session's return is missing.
    """

    joint: FloatArray

    @property
    def trend(self) -> FloatArray:
        """(..., T, 3) probabilities of the trends."""
        out: FloatArray = self.joint.sum(axis=-1)
        return out

    @property
    def volatility(self) -> FloatArray:
        """(..., T, 3) probabilities of the volatility levels."""
        out: FloatArray = self.joint.sum(axis=-2)
        return out

    @property
    def leading(self) -> IntArray:
        """(..., T) index 0..8 (trend * 3 + volatility) of the likeliest state, -1 if unknown."""
        flat = self.joint.reshape(*self.joint.shape[:-2], 9)
        known = np.isfinite(flat[..., 0])
        return np.where(known, np.argmax(np.nan_to_num(flat, nan=-1.0), axis=-1), -1)

    @property
    def leading_probability(self) -> FloatArray:
        """(..., T) probability of the likeliest state."""
        out: FloatArray = self.joint.max(axis=(-2, -1))
        return out


def regime_filter(
    returns: FloatLike, model: RegimeModel | None = None, *, window: int = 0
) -> RegimePosterior:
    """Return the filtered posterior of the joint trend x volatility regime.

    Parameters
    ----------
    returns : (..., T) float64
        Daily log returns, NaN where missing. A missing session advances the state by its
        transition probabilities alone and has no answer itself.
    model : RegimeModel, optional
        Parameters; the defaults unless given.
    window : int
        Above 0, each session's answer is that of a filter over so many sessions up to it: it then
        does not depend on where a longer series begins.

    Returns
    -------
    RegimePosterior
        `joint` of shape (..., T, 3, 3), 72 bytes per path and session: pass large ensembles in
        blocks.
    """
    # Not on the module: it takes a second to load what was compiled.
    from quant.kernels.regime import regime_kernel

    given = np.asarray(returns, dtype=np.float64)
    chosen = model or RegimeModel()
    paths = np.ascontiguousarray(given.reshape(-1, given.shape[-1]))
    numbers = np.array(
        [
            chosen.drift,
            *chosen.scales,
            chosen.degrees,
            0.5 ** (1.0 / chosen.half_life),
            chosen.warm_up,
        ]
    )
    out = np.full((paths.size, 9), np.nan)
    regime_kernel(
        paths,
        window,
        numbers,
        chosen.trend_moves().ravel(),
        chosen.volatility_moves().ravel(),
        out,
    )
    return RegimePosterior(out.reshape(*given.shape, 3, 3))


def ewma(values: FloatLike, half_life: float, warm_up: int = 1) -> FloatArray:
    """Return the exponentially weighted mean of the values so far.

    Parameters
    ----------
    values : (..., T) float64
        Not finite where missing; a missing value leaves the mean as it was and has no answer.
    half_life : float
        Steps after which a value's weight has halved; above zero.
    warm_up : int
        Values needed before the first answer.

    Returns
    -------
    (..., T) float64
        NaN where missing and while warming up.
    """
    given = np.asarray(values, dtype=np.float64)
    keep = 0.5 ** (1.0 / half_life)
    paths = np.ascontiguousarray(given.reshape(-1, given.shape[-1]).T)
    total, weight, count = (np.zeros(paths.shape[1]) for _ in range(3))
    out = np.full_like(paths, np.nan)
    for t, now in enumerate(paths):
        seen = np.abs(now) < _HUGE
        total = np.where(seen, keep * total + np.where(seen, now, 0.0), total)
        weight = np.where(seen, keep * weight + 1.0, weight)
        count = count + seen
        np.divide(total, weight, out=out[t], where=seen & (count >= warm_up))
    return np.ascontiguousarray(out.T).reshape(given.shape)


def _squares(returns: FloatLike) -> FloatArray:
    """Return squared returns, without a warning where one overflows (and so counts as missing)."""
    with np.errstate(all="ignore"):
        return np.square(np.asarray(returns, dtype=np.float64))


def realized_volatility(
    returns: FloatLike, half_life: float = 10.0, warm_up: int = 10
) -> FloatArray:
    """Return the annualized volatility of daily returns, exponentially weighted, zero mean.

    Parameters
    ----------
    returns : (..., T) float64
        Daily log returns, NaN where missing.
    half_life, warm_up
        As in `ewma`, in sessions.

    Returns
    -------
    (..., T) float64
        Per square root of a year of 252 sessions.
    """
    out: FloatArray = np.sqrt(ewma(_squares(returns), half_life, warm_up))
    return out * float(np.sqrt(SESSIONS_PER_YEAR))


def trend_strength(returns: FloatLike, half_life: float = 20.0, warm_up: int = 20) -> FloatArray:
    """Return the weighted mean return over its standard error: the trend filter.

    Parameters
    ----------
    returns : (..., T) float64
        Daily log returns, NaN where missing.
    half_life, warm_up
        As in `ewma`, in sessions.

    Returns
    -------
    (..., T) float64
        In standard errors, about standard normal without a trend; NaN while warming up, where
        missing and where the returns so far are all zero.
    """
    keep = 0.5 ** (1.0 / half_life)
    mean, square = ewma(returns, half_life, warm_up), ewma(_squares(returns), half_life, warm_up)
    # Sum of squared weights over the squared sum of weights, for an infinite past.
    effective = (1.0 + keep) / (1.0 - keep)
    with np.errstate(all="ignore"):
        strength = mean / np.sqrt(square / effective)
    return np.where(np.isfinite(strength), strength, np.nan)
