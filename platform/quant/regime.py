"""Causal filters of daily returns: trend, realized volatility, and their joint regime.

Nothing here looks ahead: the value at t is a function of returns up to t, computed by a forward
recursion (filtered probabilities, never smoothed ones). The leading axes are independent paths,
so one call serves a live series and 100,000 simulated ones, with bit-equal results.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, FloatArray, FloatLike, IntArray

TRENDS = ("down", "flat", "up")
VOLATILITIES = ("low", "normal", "high")
SESSIONS_PER_YEAR = 252
_MIN_SCALE_COUNT = 10
"""Returns needed before their standard deviation is used to measure the next one."""
_CLIP = 50.0
"""Standard deviations at which a return is cut: bad data must not empty every state at once."""
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


class _Scale:
    """Exponentially weighted mean square of each path's returns so far."""

    def __init__(self, paths: int, half_life: float) -> None:
        self._keep = 0.5 ** (1.0 / half_life)
        self._squares = np.zeros(paths)
        self._weight = np.zeros(paths)
        self.count = np.zeros(paths)

    def root(self) -> FloatArray:
        """Return the root mean square, NaN until enough returns were seen."""
        ready = (self.count >= _MIN_SCALE_COUNT) & (self._squares > 0.0)
        return np.sqrt(np.where(ready, self._squares / self._weight, np.nan))

    def add(self, returns: FloatArray, seen: BoolArray) -> None:
        """Take in one session; paths where nothing was seen keep their state."""
        self._squares = np.where(seen, self._keep * self._squares + returns**2, self._squares)
        self._weight = np.where(seen, self._keep * self._weight + 1.0, self._weight)
        self.count = self.count + seen


def regime_filter(returns: FloatLike, model: RegimeModel | None = None) -> RegimePosterior:
    """Return the filtered posterior of the joint trend x volatility regime.

    Parameters
    ----------
    returns : (..., T) float64
        Daily log returns, NaN where missing. A missing session advances the state by its
        transition probabilities alone and has no answer itself.
    model : RegimeModel, optional
        Parameters; the defaults unless given.

    Returns
    -------
    RegimePosterior
        `joint` of shape (..., T, 3, 3), 72 bytes per path and session: pass large ensembles in
        blocks.
    """
    given = np.asarray(returns, dtype=np.float64)
    chosen = model or RegimeModel()
    sessions = given.shape[-1]
    paths = np.ascontiguousarray(given.reshape(-1, sessions).T)
    count = paths.shape[1]
    scale = _Scale(count, chosen.half_life)
    trend_moves, volatility_moves = chosen.trend_moves(), chosen.volatility_moves()
    state = np.empty((3, 3, count))
    state[:] = np.multiply.outer([0.25, 0.5, 0.25], [1 / 3, 1 / 3, 1 / 3])[..., None]
    out = np.empty((sessions, 3, 3, count))
    with np.errstate(all="ignore"):
        for t in range(sessions):
            state = _predict(state, trend_moves, volatility_moves)
            now = paths[t]
            seen = np.isfinite(now)
            size = now / scale.root()
            told = np.isfinite(size)
            state = np.where(told, _update(state, size, chosen), state)
            scale.add(now, seen)
            answered = told & (scale.count >= chosen.warm_up)
            out[t] = np.where(answered, state, np.nan)
    joint = np.moveaxis(out, -1, 0).reshape(*given.shape, 3, 3)
    return RegimePosterior(joint)


def _predict(state: FloatArray, trend: FloatArray, volatility: FloatArray) -> FloatArray:
    """Move (3, 3, n) probabilities one session ahead.

    Written as sums of elementwise products, in a fixed order, so that a path's numbers do not
    depend on how many paths are computed beside it.
    """
    moved = np.empty_like(state)
    for j in range(3):
        moved[j] = state[0] * trend[0, j] + state[1] * trend[1, j] + state[2] * trend[2, j]
    out = np.empty_like(state)
    for j in range(3):
        out[:, j] = (
            moved[:, 0] * volatility[0, j]
            + moved[:, 1] * volatility[1, j]
            + moved[:, 2] * volatility[2, j]
        )
    return out


def _update(state: FloatArray, size: FloatArray, model: RegimeModel) -> FloatArray:
    """Weigh (3, 3, n) probabilities by the likelihood of (n,) standardized returns."""
    clipped = np.clip(size, -_CLIP, _CLIP)
    unit = np.sqrt((model.degrees - 2.0) / model.degrees)
    power = -0.5 * (model.degrees + 1.0)
    weighed = np.empty_like(state)
    for i, mean in enumerate((-model.drift, 0.0, model.drift)):
        for j, spread in enumerate(model.scales):
            z = (clipped / spread - mean) / unit
            likelihood = np.exp(power * np.log1p(z * z / model.degrees)) / spread
            weighed[i, j] = state[i, j] * likelihood
    total = np.zeros(state.shape[-1])
    for part in weighed.reshape(9, -1):
        total += part
    return weighed / total


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
