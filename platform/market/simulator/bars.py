"""What the tape and the screen show of one session's path: minute bars, quotes, the daily bar."""

from dataclasses import dataclass

import numpy as np

from market.simulator.config import SimulatorConfig
from market.simulator.daily import DailyState, relative_spread
from market.simulator.paths import IntradayPaths
from market.simulator.term import month_vol
from quant.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class DailyBar:
    """One session: prices in $, volume in shares.

    `month_vol` is the 30-day volatility at the money at the close, per root year; `spread` the
    average quoted bid-ask as a share of price.
    """

    open: float
    high: float
    low: float
    close: float
    volume: float
    month_vol: float
    spread: float


class MinuteBars:
    """The underlying's minutes, each (t,), prices in cents.

    Attributes
    ----------
    open, high, low, close : (t,) float64
        $; a minute opens at the close before it.
    bid, ask : (t,) float64
        At the minute's end, $: wider with volatility, at the open and at the close.
    volume : (t,) float64
        Whole shares.
    """

    def __init__(self, config: SimulatorConfig, state: DailyState, walked: IntradayPaths) -> None:
        self._config, self._walked = config, walked
        self.close = np.round(walked.spot[0], 2)
        self.open = np.append(np.round(walked.opening[0], 2), self.close[:-1])
        self.high = np.maximum(np.round(walked.high[0], 2), np.maximum(self.open, self.close))
        self.low = np.minimum(np.round(walked.low[0], 2), np.minimum(self.open, self.close))
        self.volume = np.rint(walked.volume[0])
        half = self._half_spreads(state)
        self.bid, self.ask = _cents_below(self.close - half), -_cents_below(-(self.close + half))

    def _half_spreads(self, state: DailyState) -> FloatArray:
        minutes = self._walked.minutes
        minute = np.arange(minutes)
        ends = np.exp(-minute / 15.0) + 0.8 * np.exp((minute + 1 - minutes) / 10.0)
        usual = relative_spread(self._config, variance=state.variance, liquidity=state.liquidity)
        tension = np.exp(self._walked.front[0])
        half: FloatArray = 0.5 * usual * self.close * tension * (0.9 + ends)
        return half

    def daily_bar(self) -> DailyBar:
        """Return the session's bar, known at the close."""
        walked = self._walked
        vol = month_vol(self._config, variance=walked.variance, front=walked.front[:, -1])
        return DailyBar(
            open=float(self.open[0]),
            high=float(self.high.max()),
            low=float(self.low.min()),
            close=float(self.close[-1]),
            volume=float(self.volume.sum()),
            month_vol=float(vol[0]),
            spread=float(np.mean((self.ask - self.bid) / self.close)),
        )


def _cents_below(price: FloatArray) -> FloatArray:
    """Return prices rounded down to the cent."""
    return np.round(np.floor(price * 100.0 + 1e-7) / 100.0, 2)
