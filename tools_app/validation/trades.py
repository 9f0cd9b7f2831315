"""Signals on many paths at once and what became of each: the rules of a live run, as arrays.

A signal is what `evaluation.firings` and `evaluation.cooled` make of a run's rows, and the gain of
one with a side what `outcomes.follow` says of it; here for n paths in one go. A signal without a
side is measured against what the market expected, which many paths tell better than the rows
before one: variance over the horizon for each unit of implied variance, over the average of that
on all paths at the same row, less 1. So neither the shape of the day nor the premium that implied
variance carries makes a winner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.frames import FloatArray, IntArray
from tools_app.contract import Evaluation, Tool
from tools_app.costs import VOLATILITY

SideArray = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """k signals on n paths, by path and then by time.

    Attributes
    ----------
    path, row : (k,) int64
    score : (k,) float64
    side, volatility : (k,) int8
    """

    path: IntArray
    row: IntArray
    score: FloatArray
    side: SideArray
    volatility: SideArray

    def __len__(self) -> int:
        return int(self.path.size)


def signals_of(
    evaluation: Evaluation, pause: int, since: int = 0, until: int | None = None
) -> Signals:
    """Return the signals that a tool makes on each path.

    Parameters
    ----------
    evaluation : Evaluation
        Of (n, t) rows.
    pause : int
        Rows within which the same reading is not repeated.
    since, until : int
        Rows that may make a signal; those before warm up, those after show what became of it.
    """
    fires, side, about = evaluation.fires, evaluation.side, evaluation.volatility
    begins = fires.copy()
    same = (side[:, 1:] == side[:, :-1]) & (about[:, 1:] == about[:, :-1])
    begins[:, 1:] &= ~(fires[:, :-1] & same)
    begins[:, :since] = False
    if until is not None:
        begins[:, until:] = False
    path, row = np.nonzero(begins)
    reads = 3 * side[path, row].astype(np.int64) + about[path, row]
    kept = _cooled(path, row, reads, pause)
    path, row = path[kept], row[kept]
    return Signals(
        path=path,
        row=row,
        score=evaluation.score[path, row],
        side=side[path, row],
        volatility=about[path, row],
    )


def _cooled(path: IntArray, row: IntArray, reads: IntArray, pause: int) -> npt.NDArray[np.bool_]:
    kept = np.ones(path.size, dtype=np.bool_)
    last_path, last_row, last_reads = -1, 0, 0
    for k, (p, r, s) in enumerate(zip(path.tolist(), row.tolist(), reads.tolist(), strict=True)):
        if p == last_path and s == last_reads and r - last_row < pause:
            kept[k] = False
        else:
            last_path, last_row, last_reads = p, r, s
    return kept


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Closes of n paths over t rows, with what signals on them are measured by.

    Attributes
    ----------
    logs : (n, t) float64
        Log closes.
    squares : (n, t) float64
        Sum of squared log returns up to each row.
    implied : (n, t) float64 or None
        Variance of the log return that options expect from each row to the session's close.
    """

    logs: FloatArray
    squares: FloatArray
    implied: FloatArray | None = None

    @classmethod
    def of(cls, close: FloatArray, expected_move: FloatArray | None = None) -> Prices:
        """Return what (n, t) closes, all above zero, and moves expected ($) are measured by."""
        logs = np.log(close)
        steps = np.diff(logs, axis=1, prepend=logs[:, :1])
        implied = None if expected_move is None else (expected_move / close) ** 2
        return cls(logs, np.cumsum(steps**2, axis=1), implied)

    def ahead(self, horizon: int) -> FloatArray:
        """Return the log return over the horizon, or to the last row, from every row, (n, t)."""
        ends = self._ends(horizon)
        moved: FloatArray = self.logs[:, ends] - self.logs
        return moved

    def excess(self, horizon: int) -> FloatArray:
        """Return how much more variance came for each unit implied than on all paths, (n, t).

        NaN at the last row, and where nothing is implied.
        """
        if self.implied is None:
            return np.full_like(self.logs, np.nan)
        came = self.squares[:, self._ends(horizon)] - self.squares
        with np.errstate(all="ignore"):
            ratio = came / self.implied
            usual: FloatArray = ratio.mean(axis=0)
            return ratio / usual - 1.0

    def _ends(self, horizon: int) -> IntArray:
        last = self.logs.shape[1] - 1
        ends: IntArray = np.minimum(np.arange(last + 1) + horizon, last)
        return ends


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What became of k signals.

    Attributes
    ----------
    signals : Signals
        Those whose end can be told.
    gain : (k,) float64
        Before costs, in the signal's direction: log return, or share of the usual variance.
    cost : (k,) float64
    base : (k,) float64
        Share of all paths on which the same reading at the same row won after costs.
    """

    signals: Signals
    gain: FloatArray
    cost: FloatArray
    base: FloatArray

    @property
    def won(self) -> npt.NDArray[np.bool_]:
        """Whether each gained more than it cost."""
        return self.gain > self.cost


def judge(signals: Signals, prices: Prices, tool: Tool, cost: float) -> Judged:
    """Return what became of a tool's signals; one at the last row has no end and is left out.

    Parameters
    ----------
    signals : Signals
    prices : Prices
    tool : Tool
    cost : float
        Log return that a signal with a side costs.
    """
    sided = signals.side != 0
    ahead = prices.ahead(tool.horizon)
    excess = prices.excess(tool.horizon) if not sided.all() else np.full_like(ahead, np.nan)
    at = (signals.path, signals.row)
    sign = np.where(sided, signals.side, np.where(signals.volatility < 0, -1, 1))
    gain = sign * np.where(sided, ahead[at], excess[at])
    each = np.where(sided, cost, VOLATILITY)
    last = prices.logs.shape[1] - 1
    kept = np.isfinite(gain) & (signals.row < last)
    chosen = Signals(
        path=signals.path[kept],
        row=signals.row[kept],
        score=signals.score[kept],
        side=signals.side[kept],
        volatility=signals.volatility[kept],
    )
    base = _base(chosen, sign[kept], ahead, excess, cost)
    return Judged(chosen, gain[kept], each[kept], base)


def _base(
    signals: Signals, sign: IntArray, ahead: FloatArray, excess: FloatArray, cost: float
) -> FloatArray:
    """Return how often the same reading won at the same row on all paths, (k,)."""
    base = np.empty(len(signals))
    for sided in (True, False):
        moves, least = (ahead, cost) if sided else (excess, VOLATILITY)
        for way in (1, -1):
            mine = ((signals.side != 0) == sided) & (sign == way)
            if mine.any():
                base[mine] = np.mean(way * moves > least, axis=0)[signals.row[mine]]
    return base
