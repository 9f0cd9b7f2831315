"""Clones and mirrors: pairs of different owners' bots that are alike by trades or by profits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.trusting.correlation import (
    Correlation,
    correlation,
    correlations,
    described,
)
from leaderboard.trusting.overlap import Overlap, Trades, overlaps


@dataclass(frozen=True, slots=True)
class Alike:
    """Two bots, by their places, and what they are alike in; one of both at least is there."""

    first: int
    second: int
    kind: str
    overlap: Overlap | None
    correlation: Correlation | None


def alike(trades: Trades, profits: NDArray[np.float64]) -> list[Alike]:
    """Return clones and mirrors of different owners.

    Parameters
    ----------
    trades : Trades
    profits : float array, (bots, days)
        Daily profits on one axis of days, NaN where a bot was not active.
    """
    shared = overlaps(trades)
    moved = correlations(profits, trades.owners)
    found = []
    for pair in sorted({*shared, *moved}):
        overlap, together = shared.get(pair), moved.get(pair)
        if together is None:
            together = _told(profits, *pair)
        kind = overlap.kind if overlap is not None else moved[pair].kind
        found.append(Alike(*pair, kind, overlap, together))
    return found


def _told(profits: NDArray[np.float64], first: int, second: int) -> Correlation | None:
    """Return the correlation of a pair that was found by its trades."""
    found = correlation(profits[first], profits[second])
    return None if found is None else described(*found, float("nan"))
