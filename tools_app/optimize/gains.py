"""What a tool's signals gained after costs, row by row.

A signal is entered at the close of its row and held for the tool's horizon, or to the last row to
which it may be held. Its gain, the log return in its direction less its cost, is spread over the
rows in which it was made. The rows add up to the gains of the signals, two settings can be
compared row by row, and signals that overlap do not make returns that are correlated by counting
one move twice in neighbouring observations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.frames import FloatArray, IntArray
from quant.performance import sharpe
from tools_app.contract import Tool
from tools_app.optimize.bars import BarRows
from tools_app.optimize.regimes import Regime, carried, rows_in
from tools_app.safety import judged
from tools_app.validation.trades import signals_of

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """k signals of one setting: their rows and sides, in order."""

    rows: IntArray
    sides: IntArray

    def inside(self, mask: BoolArray) -> Signals:
        """Return those at the rows of a mask."""
        kept = mask[self.rows]
        return Signals(self.rows[kept], self.sides[kept])

    def __len__(self) -> int:
        return int(self.rows.size)


class Ground:
    """A tool on the rows of a symbol in one regime: what every setting of it is judged on.

    Parameters
    ----------
    tool : Tool
    bars : BarRows
    regime : Regime
    cost : float
        Log return that a signal costs.
    """

    def __init__(self, tool: Tool, bars: BarRows, regime: Regime, cost: float) -> None:
        self.tool, self.bars, self.cost = tool, bars, cost
        self.regime = rows_in(regime, bars.close)
        self._frame = bars.frame()
        logs = np.log(carried(bars.close))
        self._steps = np.diff(logs, prepend=logs[:1])
        rows = np.arange(len(bars))
        self.ends: IntArray = np.minimum(rows + tool.horizon, bars.last)

    def signals(self, params: Mapping[str, float]) -> Signals:
        """Return the signals of a setting in the regime; one without a row after it is none."""
        found = signals_of(judged(self.tool, self._frame, params), self.tool.pause)
        kept = (found.side != 0) & (self.ends[found.row] > found.row) & self.regime[found.row]
        return Signals(found.row[kept], found.side[kept].astype(np.int64))

    def gains(self, signals: Signals) -> FloatArray:
        """Return the gain after costs of each row, (T,), 0 where nothing is held."""
        held = np.zeros(len(self.bars) + 1)
        first = signals.rows + 1
        np.add.at(held, first, signals.sides)
        np.add.at(held, self.ends[signals.rows] + 1, -signals.sides)
        gains: FloatArray = np.where(np.isfinite(self._steps), self._steps, 0.0)
        gains = gains * np.cumsum(held[:-1])
        np.add.at(gains, first, -self.cost)
        return gains


def standing(gains: FloatArray) -> float:
    """Return the Sharpe ratio over what chance alone would spread it by: sqrt(n) times the ratio.

    It does not change when rows without gains are added, so settings on spans of different length
    can be compared; about standard normal for a worthless one. NaN when nothing was gained or
    lost.
    """
    if gains.size < 2 or not gains.any():
        return math.nan
    return sharpe(gains).ratio * math.sqrt(gains.size)
