"""How variance and volume spread over a session: high at the open, low at noon, high at the close.

The shapes are U-shaped densities on the session's own clock, so that a half day has the same form
in fewer minutes and proportionally less of both.
"""

from functools import lru_cache

import numpy as np

from market.simulator.config import FULL_SESSION
from quant.arrays import FloatArray


@lru_cache(maxsize=8)
def variance_weights(minutes: int) -> FloatArray:
    """Return each minute's share of a full session's variance; a full session sums to 1.

    Parameters
    ----------
    minutes : int
        Of the session, 1 to 390.
    """
    at = _middles(minutes)
    shape = 0.62 + 1.9 * np.exp(-at / 0.07) + 0.75 * np.exp((at - 1.0) / 0.09)
    return _frozen(shape / shape.sum() * (minutes / FULL_SESSION))


@lru_cache(maxsize=8)
def volume_weights(minutes: int) -> FloatArray:
    """Return each minute's share of a full session's volume; a full session sums to 1."""
    at = _middles(minutes)
    shape = 0.6 + 1.6 * np.exp(-at / 0.08) + 2.2 * np.exp((at - 1.0) / 0.06)
    return _frozen(shape / shape.sum() * (minutes / FULL_SESSION))


@lru_cache(maxsize=8)
def variance_left(minutes: int) -> FloatArray:
    """Return the share of variance still to come at each minute's beginning, and 0 at the close.

    Returns
    -------
    (minutes + 1,) float64
        On the scale of `variance_weights`.
    """
    ahead = np.cumsum(variance_weights(minutes)[::-1])[::-1]
    return _frozen(np.append(ahead, 0.0))


def _middles(minutes: int) -> FloatArray:
    if not 1 <= minutes <= FULL_SESSION:
        raise ValueError(f"a session of {minutes} minutes is not within [1, {FULL_SESSION}]")
    return (np.arange(minutes) + 0.5) / minutes


def _frozen(values: FloatArray) -> FloatArray:
    values.flags.writeable = False
    return values
