"""Expected variance ahead: the at-the-money term structure that the simulated market quotes."""

import math

import numpy as np

from market.simulator.config import SimulatorConfig
from quant.arrays import FloatArray, FloatLike

FADE_SESSIONS = 5.0
"""After how many sessions e^-1 of today's intraday volatility move is left in expectations."""


def total_variance(
    config: SimulatorConfig,
    *,
    variance: FloatLike,
    front: FloatLike,
    remaining: FloatLike,
    sessions: FloatLike,
) -> FloatArray:
    """Return implied total variance at the money from now to the close of a coming session.

    Parameters
    ----------
    config : SimulatorConfig
    variance : float64
        Of today's close-to-close return, as expected before the open.
    front : float64
        Log of the factor by which intraday volatility differs from what `variance` says.
    remaining : float64
        Share of today's session variance still to come (`profiles.variance_left`).
    sessions : float64
        Sessions from today's to that of the expiry, 0 for today's own.

    Returns
    -------
    float64
        Of the broadcast shape; strictly increasing in `sessions` and in `remaining`.
    """
    today = np.asarray(variance, dtype=np.float64)
    count = np.asarray(sessions, dtype=np.float64)
    factor = np.exp(2.0 * np.asarray(front, dtype=np.float64))
    ahead = (
        config.daily_variance * count
        + (today - config.daily_variance) * _decaying(config.persistence, count)
        + today * (factor - 1.0) * _decaying(math.exp(-1.0 / FADE_SESSIONS), count)
    )
    rest = config.session_share * today * factor * np.asarray(remaining, dtype=np.float64)
    total: FloatArray = config.risk_premium**2 * (rest + ahead)
    return total


def _decaying(ratio: float, count: FloatArray) -> FloatArray:
    """Return ratio + ratio^2 + ... + ratio^count."""
    return ratio * (1.0 - ratio**count) / (1.0 - ratio)


def month_vol(config: SimulatorConfig, *, variance: FloatLike, front: FloatLike) -> FloatArray:
    """Return the 30-day at-the-money implied volatility after the close, per root year."""
    ahead = total_variance(config, variance=variance, front=front, remaining=0.0, sessions=21.0)
    return np.sqrt(ahead / (30.0 / 365.0))
