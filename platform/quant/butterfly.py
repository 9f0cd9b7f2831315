"""Butterfly arbitrage of any smile: where the density that it implies would be negative.

With total variance w(k), Durrleman's function (Gatheral and Jacquier 2014, eq. 2.1)

    g(k) = (1 - k w'/(2 w))^2 - w'^2/4 (1/w + 1/4) + w''/2

has the sign of the density. A slice is free of butterfly arbitrage when g >= 0 everywhere and
call prices vanish at large strikes, which wings no steeper than 2 make sure of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quant.arrays import FloatArray

Derivatives = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""From log-moneyness to w, dw/dk and d2w/dk2."""
_GRID = 401
_ROUNDING = 1e-9
_REFINE = 40


class Butterfly(NamedTuple):
    """What a search for butterfly arbitrage found.

    `least` and `at` are the smallest g and its log-moneyness; `intervals` the stretches of
    log-moneyness where g is below zero; `steepest` the larger wing slope (NaN when not known).
    """

    least: float
    at: float
    intervals: tuple[tuple[float, float], ...]
    steepest: float

    @property
    def violated(self) -> bool:
        """Whether there is any arbitrage, in the stretch searched or in the wings."""
        return bool(self.intervals) or not (self.least >= -_ROUNDING) or self.steepest > 2.0


def durrleman(k: FloatArray, w: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Return g(k) from w and its two derivatives; NaN where w is not above zero."""
    with np.errstate(all="ignore"):
        safe = np.where(w > 0.0, w, np.nan)
        lean = 1.0 - 0.5 * k * first / safe
        out: FloatArray = lean * lean - 0.25 * first * first * (1.0 / safe + 0.25) + 0.5 * second
    return out


def density(k: FloatArray, w: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the risk-neutral density of ln(S_T/F) at k."""
    with np.errstate(all="ignore"):
        d2 = -k / np.sqrt(w) - 0.5 * np.sqrt(w)
        out: FloatArray = (
            durrleman(k, w, first, second) * np.exp(-0.5 * d2 * d2) / np.sqrt(2.0 * np.pi * w)
        )
    return out


def butterfly_of(
    derivatives: Derivatives,
    width: float,
    *,
    steepest: float = float("nan"),
    also: FloatArray | None = None,
) -> Butterfly:
    """Search k in [-width, width] for g < 0.

    A grid finds the minima, a golden-section search sharpens the lowest, and bisection the ends
    of each stretch.

    Parameters
    ----------
    derivatives
        Of the smile.
    width : float
        Above zero.
    steepest : float, optional
        Larger slope of the wings, where it is known.
    also : float64, optional
        Further places to look at, where the smile bends most.
    """
    places = np.linspace(-width, width, _GRID)
    if also is not None:
        near = also[np.abs(also) <= width]
        places = np.union1d(places, np.concatenate([near + d for d in (-0.01, 0.0, 0.01)]))

    def g(k: FloatArray) -> FloatArray:
        return np.nan_to_num(durrleman(k, *derivatives(k)), nan=-np.inf)

    values = g(places)
    lowest = int(np.argmin(values))
    low, high = places[max(lowest - 1, 0)], places[min(lowest + 1, places.size - 1)]
    at, least = _descend(g, float(low), float(high), float(places[lowest]), float(values[lowest]))
    if least < -_ROUNDING and not (values < -_ROUNDING).any():
        places = np.sort(np.append(places, at))
        values = g(places)
    return Butterfly(least, at, _stretches(g, places, values), steepest)


def _descend(
    g: Callable[[FloatArray], FloatArray], low: float, high: float, at: float, least: float
) -> tuple[float, float]:
    """Return place and value of the minimum between two places."""
    for _ in range(_REFINE // 8):
        inner = np.linspace(low, high, 9)
        values = g(inner)
        best = int(np.argmin(values))
        if values[best] < least:
            at, least = float(inner[best]), float(values[best])
        low, high = float(inner[max(best - 1, 0)]), float(inner[min(best + 1, 8)])
    return at, least


def _stretches(
    g: Callable[[FloatArray], FloatArray], places: FloatArray, values: FloatArray
) -> tuple[tuple[float, float], ...]:
    """Return the intervals where g is below zero, their ends sharpened."""
    below = values < -_ROUNDING
    if not below.any():
        return ()
    edges = np.flatnonzero(below[1:] != below[:-1])
    ends = _crossings(g, places[edges], places[edges + 1], below[edges]).tolist()
    if below[0]:
        ends.insert(0, float(places[0]))
    if below[-1]:
        ends.append(float(places[-1]))
    return tuple(zip(ends[::2], ends[1::2], strict=True))


def _crossings(
    g: Callable[[FloatArray], FloatArray],
    left: FloatArray,
    right: FloatArray,
    negative_left: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> FloatArray:
    """Return where g changes sign within each pair, all by bisection at once."""
    left, right = left.copy(), right.copy()
    for _ in range(_REFINE):
        middle = 0.5 * (left + right)
        same = (g(middle) < -_ROUNDING) == negative_left
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return 0.5 * (left + right)
