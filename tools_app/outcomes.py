"""What became of a signal: its price at the horizon, its stop and its target. Plain functions.

Stop and target stand at fixed multiples of the move that is usual over the horizon, measured on
the rows before the signal, so that they mean the same for every tool. A row that reaches both
counts as the stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from market.frames import FloatArray

STOP, TARGET = 1.0, 1.5
"""Distances in usual moves over the horizon."""
USUAL_ROWS, USUAL_LEAST = 30, 10
"""Rows before the signal whose returns say what is usual, and how many are enough."""


class Bracket(NamedTuple):
    """What a signal is measured against; NaN where not known.

    `scale` is one standard deviation of the log return over the horizon; `stop` and `target` are
    prices, NaN for a signal without a side.
    """

    scale: float
    stop: float
    target: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What happened after a signal.

    Attributes
    ----------
    rows : int
        From the signal to its end: the horizon, or the session's close where that came first.
    price : float
        At the end.
    gain : float
        Log return to the end in the signal's direction; for volatility, how much more moved than
        is usual (or less, where it reads short): sum of squares over the usual one, less 1.
    best, worst : float
        Largest log return in the direction and against it on the way; 0 for volatility.
    stop_row, target_row : int or None
        Rows after the signal at which they were reached first.
    quarters : tuple of float
        Gain so far after each quarter of the horizon, see `quarter_rows`; empty where the session
        ended before the horizon. For volatility the excess so far, of the horizon's usual one.
    """

    rows: int
    price: float
    gain: float
    best: float
    worst: float
    stop_row: int | None
    target_row: int | None
    quarters: tuple[float, ...] = ()

    @property
    def result(self) -> str:
        """What came first: "stop", "target" or "horizon"."""
        never = self.rows + 1
        stop = never if self.stop_row is None else self.stop_row
        target = never if self.target_row is None else self.target_row
        if stop == target == never:
            return "horizon"
        return "target" if target < stop else "stop"


def quarter_rows(horizon: int) -> tuple[int, int, int, int]:
    """Return the rows after a signal that end each quarter of its horizon."""
    first, second, third, last = (-(-horizon * quarter // 4) for quarter in (1, 2, 3, 4))
    return first, second, third, last


def bracket(closes: FloatArray, horizon: int, side: int) -> Bracket:
    """Return the bracket of a signal at the last of the closes given.

    Parameters
    ----------
    closes : (t,) float64
        Up to and including the signal's row.
    horizon : int
        Rows.
    side : int
        +1, -1, or 0 for volatility.
    """
    recent = np.diff(np.log(closes[-USUAL_ROWS - 1 :]))
    known = recent[np.isfinite(recent)]
    price = float(closes[-1]) if closes.size else math.nan
    if known.size < USUAL_LEAST or not np.any(known != 0.0):
        return Bracket(math.nan, math.nan, math.nan)
    scale = float(np.sqrt(np.mean(known**2) * horizon))
    if not side:
        return Bracket(scale, math.nan, math.nan)
    return Bracket(
        scale,
        price * math.exp(-side * STOP * scale),
        price * math.exp(side * TARGET * scale),
    )


def follow(
    *,
    price: float,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    bracket: Bracket,
    side: int,
    volatility: int,
    horizon: int,
    ended: bool,
) -> Followed | None:
    """Return what happened, or None while it cannot be said yet.

    Parameters
    ----------
    price : float
        At the signal.
    high, low, close : (t,) float64
        Rows after the signal, oldest first; NaN where there was no price.
    bracket : Bracket
    side, volatility : int
        As the signal reads.
    horizon : int
        Rows.
    ended : bool
        Whether no further row will come: the session closed, or its run ended.
    """
    rows = min(horizon, close.size)
    if rows == 0 or (rows < horizon and not ended):
        return None
    known = np.flatnonzero(np.isfinite(close[:rows]))
    if not known.size or not price > 0.0:
        return None
    last = float(close[known[-1]])
    if side:
        up = np.log(np.where(side > 0, high[:rows], low[:rows]) / price) * side
        down = np.log(np.where(side > 0, low[:rows], high[:rows]) / price) * side
        return Followed(
            rows=rows,
            price=last,
            gain=side * math.log(last / price),
            best=max(float(np.nanmax(up)), 0.0),
            worst=min(float(np.nanmin(down)), 0.0),
            stop_row=_first(down <= -STOP * bracket.scale),
            target_row=_first(up >= TARGET * bracket.scale),
            quarters=_quarters(close, horizon, lambda way: side * math.log(way[-1] / price)),
        )
    steps = np.diff(np.log(np.append(price, close[known])))
    usual = bracket.scale**2 * rows / horizon
    moved = float(steps @ steps) / usual - 1.0 if usual > 0.0 else math.nan
    sign = volatility or 1

    def excess(way: FloatArray) -> float:
        part = np.diff(np.log(np.append(price, way)))
        return sign * (float(part @ part) / bracket.scale**2 - way.size / horizon)

    quarters = _quarters(close, horizon, excess) if usual > 0.0 else ()
    return Followed(rows, last, sign * moved, 0.0, 0.0, None, None, quarters)


def _quarters(
    close: FloatArray, horizon: int, gained: Callable[[FloatArray], float]
) -> tuple[float, ...]:
    """Return what was gained by the end of each quarter, where every row has its price."""
    if close.size < horizon or not np.all(np.isfinite(close[:horizon])):
        return ()
    return tuple(gained(close[:rows]) for rows in quarter_rows(horizon))


def _first(reached: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
    """Return the number of the first row, from 1, at which something holds."""
    found = np.flatnonzero(reached)
    return int(found[0]) + 1 if found.size else None
