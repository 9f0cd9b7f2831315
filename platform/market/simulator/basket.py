"""Closes of names that move with the underlying: one factor, whose grip tightens under stress."""

import numpy as np

from market.simulator.config import SimulatorConfig
from market.simulator.streams import Purpose, hashed_uniform, stream
from quant.arrays import BoolArray, FloatArray, IntArray

CALM_CORRELATION, STRESS_CORRELATION = 0.30, 0.75
"""Average correlation of two names, in ordinary sessions and in stress."""

_SECTORS = 3
_SECTOR_SHARE = 0.2  # of a name's own variance


def basket_closes(
    config: SimulatorConfig,
    paths: IntArray,
    *,
    returns: FloatArray,
    variances: FloatArray,
    stress: BoolArray,
    names: int,
    anchor: int,
) -> FloatArray:
    """Return daily closes.

    Parameters
    ----------
    config : SimulatorConfig
    paths : (n,) int64
    returns, variances : (n, d) float64
        Of the underlying, close to close: what the names share, and its size expected before.
    stress : (n, d) bool
        Sessions in which the names move together.
    names : int
        How many; closes of a basket of another size are others.
    anchor : int
        Position in d of the close at which each name has its round starting price.

    Returns
    -------
    (n, names, d) float64
        $. More sessions at the end leave the earlier closes as they are.
    """
    if names < 2:
        raise ValueError("a basket has at least two names")
    count, days = returns.shape
    own = np.empty((count, days, names + _SECTORS))
    for row, path in enumerate(paths.tolist()):
        stream(config.seed, Purpose.BASKET, path=path).standard_normal(out=own[row])
    index = np.arange(names)
    sector = own[:, :, names + index % _SECTORS]
    noise = np.sqrt(1.0 - _SECTOR_SHARE) * own[:, :, :names] + np.sqrt(_SECTOR_SHARE) * sector
    correlation = np.where(stress, STRESS_CORRELATION, CALM_CORRELATION)
    size = np.sqrt(variances * (1.0 - correlation) / correlation)
    drawn = hashed_uniform(config.seed, Purpose.BASKET, paths[:, None], index[None, :])
    beta = 0.7 + 0.6 * drawn
    changes = beta[:, None, :] * (returns[:, :, None] + size[:, :, None] * noise)
    summed = np.cumsum(changes, axis=1)
    start = np.rint(20.0 + 380.0 * drawn)[:, None, :]
    closes = start * np.exp(summed - summed[:, anchor : anchor + 1, :])
    return np.ascontiguousarray(closes.transpose(0, 2, 1))
