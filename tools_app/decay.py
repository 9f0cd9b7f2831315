"""How fast a tool's edge is used up: the half-life of what a signal knows. Plain functions.

The edge is taken to be gained at a rate that falls by half every H rows after the signal, so that
A (1 - 2^(-t/H)) is gained by row t: the information horizon of Grinold and Kahn ("Active Portfolio
Management", chapter 13). H is fitted by least squares to the mean gain of each quarter of the
horizon, weighted by the inverse of its length, and its interval comes from a bootstrap over
clusters of sessions. Where the quarters do not tell it, that is what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from market.frames import FloatArray, IntArray

DRAWS, CANDIDATES, SEED = 400, 49, 20
LEAST_SIGNALS = 30
SHORTEST, LONGEST = 0.125, 8.0
"""Candidates of the half-life, in horizons: beyond them a quarter says nothing of it."""


class HalfLife(NamedTuple):
    """Rows until half of the edge is used up, with a 95 % interval; NaN with a reason."""

    value: float
    low: float
    high: float
    n: int
    reason: str


def half_life(quarters: FloatArray, cluster: IntArray, rows: Sequence[int], p: float) -> HalfLife:
    """Return the half-life of an edge.

    Parameters
    ----------
    quarters : (n, 4) float64
        Gain so far at the end of each quarter of the horizon, in comparable units; NaN rows are
        left out.
    cluster : (n,) int64
    rows : four int
        Rows after the signal at which the quarters end.
    p : float
        Of the edge itself: what is not there cannot decay.
    """
    known = np.isfinite(quarters).all(axis=1) if quarters.size else np.zeros(0, dtype=np.bool_)
    n = int(known.sum())
    if n < LEAST_SIGNALS:
        return _unknown(n, f"fewer than {LEAST_SIGNALS} signals were followed to their horizon")
    if len(set(rows)) < len(rows):
        return _unknown(n, "the horizon has fewer than four rows")
    if not p < 0.05:
        return _unknown(n, "no edge is seen that could decay")
    _, place = np.unique(cluster[known], return_inverse=True)
    steps = np.diff(quarters[known], axis=1, prepend=0.0)
    sums = np.stack([np.bincount(place, weights=step) for step in steps.T], axis=1)
    draws = np.random.default_rng(SEED).integers(sums.shape[0], size=(DRAWS, sums.shape[0]))
    found = _fitted(np.concatenate([sums.sum(axis=0)[None], sums[draws].sum(axis=1)]), rows)
    low, high = np.quantile(found[1:], (0.025, 0.975))
    if low <= SHORTEST * rows[-1] or high >= LONGEST * rows[-1]:
        return _unknown(n, "the quarters of the horizon do not tell fast from slow yet")
    return HalfLife(float(found[0]), float(low), float(high), n, "")


def _fitted(steps: FloatArray, rows: Sequence[int]) -> FloatArray:
    """Return the half-life that fits each line of gains per quarter best."""
    ends = np.asarray(rows, dtype=np.float64)
    lengths = np.diff(ends, prepend=0.0)
    lives = ends[-1] * np.geomspace(SHORTEST, LONGEST, CANDIDATES)
    left = 2.0 ** -(np.concatenate([[0.0], ends]) / lives[:, None])
    shape = -np.diff(left, axis=1) / np.sqrt(lengths)
    fit = np.maximum((steps / np.sqrt(lengths)) @ shape.T, 0.0)
    found: FloatArray = lives[np.argmax(fit**2 / (shape**2).sum(axis=1), axis=1)]
    return found


def _unknown(n: int, reason: str) -> HalfLife:
    return HalfLife(np.nan, np.nan, np.nan, n, reason)
