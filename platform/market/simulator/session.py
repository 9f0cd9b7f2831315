"""One simulated session: minute snapshots with the whole chain, and its daily bar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from market.simulator.bars import DailyBar, MinuteBars
from market.simulator.book import SessionBook
from market.simulator.companions import session_companions
from market.simulator.config import SimulatorConfig
from market.simulator.daily import DailyState
from market.simulator.listing import (
    Contracts,
    MarketSession,
    list_contracts,
)
from market.simulator.paths import IntradayPaths
from market.simulator.scenarios import NAMES
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
    peer : float
        Price of the paired index, $.
    advancing, off_exchange : float
        Share of names above their last close; of the minute's volume printed off exchange.
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
    peer: float
    advancing: float
    off_exchange: float


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
        self._config = config
        self.index, self.calendar = index, calendar[index]
        self.walked = walked
        self.previous_close = round(float(walked.previous_close[0]), 2)
        self.contracts: Contracts = list_contracts(
            config, calendar, index, float(walked.opening[0])
        )
        self._bars = MinuteBars(config, state, walked)
        self._companions = session_companions(
            config,
            index,
            self._bars.close,
            previous_close=self.previous_close,
            variance=float(walked.variance[0]),
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
        bars, walked = self._bars, self.walked
        last = float(bars.close[minute])
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
            bid=float(bars.bid[minute]),
            ask=float(bars.ask[minute]),
            last=last,
            open=float(bars.open[minute]),
            high=float(bars.high[minute]),
            low=float(bars.low[minute]),
            volume=float(bars.volume[minute]),
            signed_volume=float(np.rint(walked.signed_volume[0, minute])),
            chain=chain,
            net_customer_buys=quotes.net_customer_buys,
            peer=float(self._companions.peer[minute]),
            advancing=float(self._companions.advancing[minute]),
            off_exchange=float(self._companions.off_exchange[minute]),
        )

    def opening_gap(self) -> float:
        """Return the log of the first price over the close before."""
        return float(np.log(self._bars.open[0] / self.previous_close))

    def fair(self, minute: int) -> tuple[FloatArray, FloatArray]:
        """Return each contract's price without spread, $, and its volatility: latent."""
        time = self.calendar.open_ns + (minute + 1) * MINUTE_NS
        return self._book.values(minute, time=time, spot=float(self._bars.close[minute]))

    def snapshots(self, start: int = 0) -> Iterator[SimulatedSnapshot]:
        """Yield the snapshots from a minute on."""
        for minute in range(start, self.minutes):
            yield self.snapshot(minute)

    def daily_bar(self) -> DailyBar:
        """Return the bar that the session's minutes make, known at the close."""
        return self._bars.daily_bar()
