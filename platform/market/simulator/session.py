"""One simulated session: minute snapshots with the whole chain, and its daily bar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from market.simulator.book import SessionBook
from market.simulator.config import SimulatorConfig
from market.simulator.daily import DailyState, relative_spread
from market.simulator.listing import (
    Contracts,
    MarketSession,
    list_contracts,
)
from market.simulator.paths import IntradayPaths
from market.simulator.scenarios import NAMES
from market.simulator.term import month_vol
from quant.arrays import FloatArray
from quant.chain import Chain

MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedSnapshot:
    """The market at the end of one minute.

    Attributes
    ----------
    time : int
        ns UTC.
    minute : int
        From 0; the session's last ends at the close.
    bid, ask, last : float
        Of the underlying, $, in cents.
    open, high, low : float
        Of the minute, $; its close is `last`.
    volume, signed_volume : float
        Shares traded in the minute; bought less sold by who crossed the spread.
    chain : Chain
        Its `volume` counts the minute's trades; `open_interest` is the morning's.
    net_customer_buys : (n,) float64
        Contracts that customers bought less those they sold in the minute.
    """

    time: int
    minute: int
    bid: float
    ask: float
    last: float
    open: float
    high: float
    low: float
    volume: float
    signed_volume: float
    chain: Chain
    net_customer_buys: FloatArray


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


class SimulatedSession:
    """One session of a market. Snapshots can be asked for in any order.

    Attributes
    ----------
    index : int
    calendar : MarketSession
        Date, open and close.
    previous_close : float
        $.
    contracts : Contracts
        What is listed all day; the chain's positions.
    walked : IntradayPaths
        The path behind the snapshots, one row: latent, for tests and reports.
    """

    def __init__(
        self,
        config: SimulatorConfig,
        calendar: Sequence[MarketSession],
        *,
        index: int,
        state: DailyState,
        walked: IntradayPaths,
    ) -> None:
        self._config, self._state = config, state
        self.index, self.calendar = index, calendar[index]
        self.walked = walked
        self.previous_close = round(float(walked.previous_close[0]), 2)
        self.contracts: Contracts = list_contracts(
            config, calendar, index, float(walked.opening[0])
        )
        self._book = SessionBook(
            config,
            self.contracts,
            walked,
            liquidity=float(state.liquidity[0]),
            session=index,
        )

    @property
    def minutes(self) -> int:
        """Minutes of the session, and so snapshots."""
        return self.walked.minutes

    @property
    def scenario(self) -> str:
        """The kind of day, a name of `scenarios.SCENARIOS`: latent."""
        return NAMES[int(self.walked.plan.scenario[0])]

    @property
    def open_interest(self) -> FloatArray:
        """Contracts open since the morning, (n,)."""
        return self._book.open_interest

    @cached_property
    def _prices(self) -> dict[str, FloatArray]:
        """Return minute bars rounded to cents."""
        walked = self.walked
        closes = np.round(walked.spot[0], 2)
        opens = np.append(np.round(walked.opening[0], 2), closes[:-1])
        high = np.maximum(np.round(walked.high[0], 2), np.maximum(opens, closes))
        low = np.minimum(np.round(walked.low[0], 2), np.minimum(opens, closes))
        return {"open": opens, "high": high, "low": low, "close": closes}

    @cached_property
    def _quotes(self) -> tuple[FloatArray, FloatArray]:
        """Return the underlying's bids and asks: wider with volatility, at the open and close."""
        walked, minute = self.walked, np.arange(self.minutes)
        ends = np.exp(-minute / 15.0) + 0.8 * np.exp((minute + 1 - self.minutes) / 10.0)
        usual = float(self._usual_spread())
        price = self._prices["close"]
        half = 0.5 * usual * price * np.exp(walked.front[0]) * (0.9 + ends)
        return _cents_below(price - half), -_cents_below(-(price + half))

    def _usual_spread(self) -> float:
        state = self._state
        spread = relative_spread(self._config, variance=state.variance, liquidity=state.liquidity)
        return float(spread[0])

    def snapshot(self, minute: int) -> SimulatedSnapshot:
        """Return the snapshot at a minute's end; `minute` counts from 0.

        Raises
        ------
        IndexError
            Outside the session.
        """
        if not 0 <= minute < self.minutes:
            raise IndexError(f"minute {minute} is not within [0, {self.minutes})")
        time = self.calendar.open_ns + (minute + 1) * MINUTE_NS
        prices, walked = self._prices, self.walked
        last = float(prices["close"][minute])
        bids, asks = self._quotes
        quotes = self._book.quotes(minute, time=time, spot=last)
        config, contracts = self._config, self.contracts
        chain = Chain(
            time=time,
            spot=last,
            strikes=contracts.strikes,
            expiries=contracts.settlements,
            is_call=contracts.is_call,
            bids=quotes.bids,
            asks=quotes.asks,
            bid_sizes=quotes.bid_sizes,
            ask_sizes=quotes.ask_sizes,
            open_interest=self.open_interest,
            volume=quotes.volume,
            multiplier=contracts.multipliers,
            r=config.rate,
            q=config.dividend,
        )
        return SimulatedSnapshot(
            time=time,
            minute=minute,
            bid=float(bids[minute]),
            ask=float(asks[minute]),
            last=last,
            open=float(prices["open"][minute]),
            high=float(prices["high"][minute]),
            low=float(prices["low"][minute]),
            volume=float(np.rint(walked.volume[0, minute])),
            signed_volume=float(np.rint(walked.signed_volume[0, minute])),
            chain=chain,
            net_customer_buys=quotes.net_customer_buys,
        )

    def fair(self, minute: int) -> tuple[FloatArray, FloatArray]:
        """Return each contract's price without spread, $, and its volatility: latent."""
        time = self.calendar.open_ns + (minute + 1) * MINUTE_NS
        return self._book.values(minute, time=time, spot=float(self._prices["close"][minute]))

    def snapshots(self, start: int = 0) -> Iterator[SimulatedSnapshot]:
        """Yield the snapshots from a minute on."""
        for minute in range(start, self.minutes):
            yield self.snapshot(minute)

    def daily_bar(self) -> DailyBar:
        """Return the bar that the session's minutes make, known at the close."""
        prices, walked = self._prices, self.walked
        vol = month_vol(self._config, variance=walked.variance, front=walked.front[:, -1])
        bids, asks = self._quotes
        return DailyBar(
            open=float(prices["open"][0]),
            high=float(prices["high"].max()),
            low=float(prices["low"].min()),
            close=float(prices["close"][-1]),
            volume=float(np.rint(walked.volume[0]).sum()),
            month_vol=float(vol[0]),
            spread=float(np.mean((asks - bids) / prices["close"])),
        )


def _cents_below(price: FloatArray) -> FloatArray:
    """Return prices rounded down to the cent."""
    return np.round(np.floor(price * 100.0 + 1e-7) / 100.0, 2)
