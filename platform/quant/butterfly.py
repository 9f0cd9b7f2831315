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

from quant.arrays import BoolArray, FloatArray, IntArray

Derivatives = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""From log-moneyness to w, dw/dk and d2w/dk2."""
RowDerivatives = Callable[[IntArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""The same of several smiles: which one, and log-moneyness, broadcast together."""
_UNIT = np.linspace(-1.0, 1.0, 401)
ROUNDING = 1e-9
_ROUNDS, _NINTHS = 5, np.linspace(0.0, 1.0, 9)
_HALVINGS = 26  # of a grid's step: to a hundred-millionth of it


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
        return bool(self.intervals) or not (self.least >= -ROUNDING) or self.steepest > 2.0


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


def butterflies_of(
    derivatives: RowDerivatives,
    widths: FloatArray,
    *,
    steepest: FloatArray | None = None,
    also: FloatArray | None = None,
) -> list[Butterfly]:
    """Search several smiles for g < 0, each over k in [-width, width].

    A grid finds the lowest place, ever finer grids about it the minimum, and bisection the ends
    of each stretch.

    Parameters
    ----------
    derivatives
        Of the smiles.
    widths : (n,) float64
        Above zero.
    steepest : (n,) float64, optional
        Larger slope of the wings, where it is known.
    also : (n, m) float64, optional
        Further places to look at, where the smiles bend most.
    """
    rows = np.arange(widths.size)
    places = _places(widths, also)
    least, at, values = _least(derivatives, rows, places)
    slopes = np.full(widths.size, np.nan) if steepest is None else steepest
    hidden = (least < -ROUNDING) & ~(values < -ROUNDING).any(axis=1)
    if hidden.any():
        # Narrower than the grid: the minimum itself stands for the place nearest to it.
        nearest = np.argmin(np.abs(places - at[:, None]), axis=1)[hidden]
        places[hidden, nearest], values[hidden, nearest] = at[hidden], least[hidden]
    stretches = _stretches(derivatives, places, values)
    found = zip(least.tolist(), at.tolist(), stretches, slopes.tolist(), strict=True)
    return [Butterfly(*one) for one in found]


def butterfly_of(
    derivatives: Derivatives,
    width: float,
    *,
    steepest: float = float("nan"),
    also: FloatArray | None = None,
) -> Butterfly:
    """Search one smile; as `butterflies_of`."""
    places = None if also is None else np.atleast_2d(also)
    slopes = np.array([steepest])
    widths = np.array([width])
    return butterflies_of(_alone(derivatives), widths, steepest=slopes, also=places)[0]


def least_of(derivatives: Derivatives, width: float, *, also: FloatArray | None = None) -> float:
    """Return the smallest g of one smile over k in [-width, width]."""
    places = _places(np.array([width]), None if also is None else np.atleast_2d(also))
    return float(_least(_alone(derivatives), np.arange(1), places)[0][0])


def _alone(derivatives: Derivatives) -> RowDerivatives:
    return lambda _, k: derivatives(k)


def _places(widths: FloatArray, also: FloatArray | None) -> FloatArray:
    places = widths[:, None] * _UNIT
    if also is None:
        return places
    near = np.clip(also, -widths[:, None], widths[:, None])
    return np.sort(np.concatenate([places, near - 0.01, near, near + 0.01], axis=1), axis=1)


def _g(derivatives: RowDerivatives, rows: IntArray, k: FloatArray) -> FloatArray:
    """Return g, minus infinity where there is no variance."""
    w, first, second = derivatives(rows, k)
    with np.errstate(all="ignore"):
        return np.where(w > 0.0, durrleman(k, w, first, second), -np.inf)


def _least(
    derivatives: RowDerivatives, rows: IntArray, places: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the smallest g of each row, its place, and g at all places."""
    column = rows[:, None]
    values = _g(derivatives, column, places)
    best = np.argmin(values, axis=1)
    at, least = places[rows, best], values[rows, best]
    low = places[rows, np.maximum(best - 1, 0)]
    high = places[rows, np.minimum(best + 1, places.shape[1] - 1)]
    for _ in range(_ROUNDS):
        inner = low[:, None] + (high - low)[:, None] * _NINTHS
        found = _g(derivatives, column, inner)
        best = np.argmin(found, axis=1)
        lower = found[rows, best] < least
        at = np.where(lower, inner[rows, best], at)
        least = np.where(lower, found[rows, best], least)
        low, high = inner[rows, np.maximum(best - 1, 0)], inner[rows, np.minimum(best + 1, 8)]
    return least, at, values


def _stretches(
    derivatives: RowDerivatives, places: FloatArray, values: FloatArray
) -> list[tuple[tuple[float, float], ...]]:
    """Return each row's intervals where g is below zero, their ends sharpened."""
    below = values < -ROUNDING
    rows, edges = np.nonzero(below[:, 1:] != below[:, :-1])
    ends = np.zeros(0)
    if rows.size:
        left, right = places[rows, edges], places[rows, edges + 1]
        ends = _crossings(derivatives, rows, left, right, below[rows, edges])
    out = []
    for row, line in enumerate(places):
        mine: list[float] = ends[rows == row].tolist()
        if below[row, 0]:
            mine.insert(0, float(line[0]))
        if below[row, -1]:
            mine.append(float(line[-1]))
        out.append(tuple(zip(mine[::2], mine[1::2], strict=True)))
    return out


def _crossings(
    derivatives: RowDerivatives,
    rows: IntArray,
    left: FloatArray,
    right: FloatArray,
    negative_left: BoolArray,
) -> FloatArray:
    """Return where g changes sign within each pair, all by bisection at once."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (left + right)
        same = (_g(derivatives, rows, middle) < -ROUNDING) == negative_left
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return 0.5 * (left + right)
