"""Whether fills come far worse than they used to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

FEWEST: Final = 20
"""Fills from which on it is known what is usual."""
MOST_SIGMAS: Final = 3.0
_LEAST_SD: Final = 1e-4
"""A basis point: fills that were all alike do not make the next cent unusual."""


def sigmas(before: Sequence[float], newest: float) -> float | None:
    """Return by how many standard deviations the newest fill is worse than those before.

    Parameters
    ----------
    before : sequence of float
        Slips of earlier fills: by how much, as a share of the middle, each was worse than it.
    newest : float

    Returns
    -------
    float or None
        None while there are too few fills to say.
    """
    known = [one for one in before if math.isfinite(one)]
    if len(known) < FEWEST or not math.isfinite(newest):
        return None
    spread = max(statistics.stdev(known), _LEAST_SD)
    return (newest - statistics.fmean(known)) / spread
