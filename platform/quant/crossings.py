"""Calendar arbitrage: where a later expiry has less total variance than an earlier one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quant.svi import SVI

_GRID = 241
_REACH = 6.0
_ROUNDING = 1e-12


class Crossing(NamedTuple):
    """One pair of expiries whose smiles cross.

    Attributes
    ----------
    earlier, later : int
        Positions of the two slices.
    low, high : float
        Stretch of log-moneyness over which the later one is below; infinite in a wing.
    at, size : float
        Where the gap is largest within the stretch searched, and how large it is there, in
        volatility of the later expiry per square root of a year.
    """

    earlier: int
    later: int
    low: float
    high: float
    at: float
    size: float


def crossing(earlier: SVI, later: SVI, places: tuple[int, int], years: float) -> Crossing | None:
    """Return where two slices cross, None when they do not.

    Searched over six at-the-money deviations of the later slice, and in the wings by their
    slopes.

    Parameters
    ----------
    earlier, later : SVI
    places : tuple of int
        Positions of the slices, for the report.
    years : float
        To the later settlement.
    """
    reach = _REACH * float(np.sqrt(max(later.total_variance(0.0).item(), 1e-12)))
    k = np.linspace(-reach, reach, _GRID)
    near, far = earlier.total_variance(k), later.total_variance(k)
    below = far < near - _ROUNDING
    wings = [
        later.b * (1.0 + side * later.rho) < earlier.b * (1.0 + side * earlier.rho) - 1e-9
        for side in (-1.0, 1.0)
    ]
    if not below.any() and not any(wings):
        return None
    size = np.sqrt(np.maximum(near, 0.0) / years) - np.sqrt(np.maximum(far, 0.0) / years)
    worst = int(np.argmax(size))
    # A wing that crosses only beyond the stretch searched begins at its end.
    ends = k[below] if below.any() else np.array([reach, -reach] if wings[1] else [-reach, -reach])
    low = -np.inf if wings[0] else float(ends[0])
    high = np.inf if wings[1] else float(ends[-1])
    return Crossing(*places, low, high, float(k[worst]), max(float(size[worst]), 0.0))
