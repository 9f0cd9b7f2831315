"""Rows of single contracts assembled into snapshots of all of them at each instant.

Time. A file's bar is marked with its start and is known at its end, so a bar marked 09:30 is part
of the snapshot of 09:31 and of none before. Open interest is known from its own time of day on.

Quotes. A side without a price in a bar was not renewed in it; it stands until it is `MAX_AGE`
old and is not known after that. When one side moves through the other's older price, the older
one is not known: such a quote was never shown. `quote_age` is the age of the older side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from market import occ
from market.clock import MINUTE, SECOND
from market.importers.parity import spot_from_parity
from market.snapshot import FloatArray, IntArray, SnapshotData, make_layout

MAX_AGE = 15 * MINUTE
Quote = tuple[int, float, float, float, float]
"""Instant, bid, its size, ask, its size."""
BarMap = Mapping[int, tuple[float, float, float, float, float]]


@dataclass
class Series:
    """What one contract's files say, by instant (ns UTC)."""

    quotes: list[Quote] = field(default_factory=list)
    trades: list[tuple[int, float, float]] = field(default_factory=list)
    interest: list[tuple[int, float]] = field(default_factory=list)

    def filled(self) -> bool:
        """Return whether any file says anything of the contract."""
        return bool(self.quotes or self.trades or self.interest)


@dataclass(frozen=True)
class Underlying:
    """Bars of the underlying by their end; empty maps when there are none."""

    trade: BarMap
    bid: BarMap
    ask: BarMap


@dataclass
class Assembly:
    """One day (or other span) of one underlying's contracts."""

    symbol: str
    source: str
    times: IntArray
    series: dict[occ.Contract, Series] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    american: bool | None = None
    multiplier: float = 100.0
    interval: int = MINUTE

    def contract(self, contract: occ.Contract) -> Series:
        """Return the series of a contract, begun the first time."""
        return self.series.setdefault(contract, Series())

    def snapshots(self, underlying: Underlying) -> Iterator[SnapshotData]:
        """Yield a snapshot at each instant."""
        contracts = list(self.series)
        layout, order = make_layout(
            self.symbol,
            roots=[c.root for c in contracts],
            expiries=[c.expiry for c in contracts],
            is_call=[c.right == "C" for c in contracts],
            strikes=[c.strike_thousandths / 1000 for c in contracts],
            american=None if self.american is None else [self.american] * len(contracts),
            multipliers=self.multiplier,
        )
        series = [self.series[contracts[place]] for place in order.tolist()]
        grids = self._grids(series)
        for row, at in enumerate(self.times.tolist()):
            columns = {name: grid[row] for name, grid in grids.items()}
            bid, ask, last, scalars = spot_at(underlying, at, self.interval)
            data = SnapshotData(
                self.symbol, self.source, at, at, bid, ask, last, layout, columns, scalars
            )
            yield data if np.isfinite(data.spot) else spot_from_parity(data)

    def _grids(self, series: list[Series]) -> dict[str, FloatArray]:
        shape = (len(self.times), len(series))
        grids: dict[str, FloatArray] = {}
        if "quote" in self.seen:
            names = ("bids", "bid_sizes", "asks", "ask_sizes", "quote_age")
            grids |= {name: np.full(shape, np.nan) for name in names}
            for place, one in enumerate(series):
                if one.quotes:
                    self._fill_quotes(grids, place, one.quotes)
        if "trade" in self.seen:
            grids["volume"], grids["last"] = np.zeros(shape), np.full(shape, np.nan)
            for place, one in enumerate(series):
                for at, price, volume in one.trades:
                    row = int(np.searchsorted(self.times, at))
                    grids["volume"][row, place], grids["last"][row, place] = volume, price
        if "openinterest" in self.seen:
            grids["open_interest"] = np.full(shape, np.nan)
            for place, one in enumerate(series):
                for at, contracts in one.interest:
                    row = int(np.searchsorted(self.times, at))
                    grids["open_interest"][row:, place] = contracts
        return grids

    def _fill_quotes(self, grids: dict[str, FloatArray], place: int, quotes: list[Quote]) -> None:
        marks = np.array([quote[0] for quote in quotes], dtype=np.int64)
        prices = np.array([quote[1:] for quote in quotes], dtype=np.float64)
        bid, bid_size, bid_at = self._carried(marks, prices[:, 0], prices[:, 1])
        ask, ask_size, ask_at = self._carried(marks, prices[:, 2], prices[:, 3])
        crossed = bid > ask
        older_bid, older_ask = crossed & (bid_at < ask_at), crossed & (ask_at < bid_at)
        for values in (bid, bid_size):
            values[older_bid] = np.nan
        for values in (ask, ask_size):
            values[older_ask] = np.nan
        oldest = np.minimum(
            np.where(np.isnan(bid), np.iinfo(np.int64).max, bid_at),
            np.where(np.isnan(ask), np.iinfo(np.int64).max, ask_at),
        )
        known = ~(np.isnan(bid) & np.isnan(ask))
        age = np.full(len(self.times), np.nan)
        age[known] = (self.times[known] - oldest[known]) / SECOND
        columns = (bid, bid_size, ask, ask_size, age)
        names = ("bids", "bid_sizes", "asks", "ask_sizes", "quote_age")
        for name, values in zip(names, columns, strict=True):
            grids[name][:, place] = values

    def _carried(
        self, marks: IntArray, prices: FloatArray, sizes: FloatArray
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return the newest price, its size and its time at each instant."""
        n = len(self.times)
        given = np.isfinite(prices)
        marks, prices, sizes = marks[given], prices[given], sizes[given]
        if not marks.size:
            return np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64)
        index = np.searchsorted(marks, self.times, side="right") - 1
        at = marks[np.maximum(index, 0)]
        known = (index >= 0) & (self.times - at <= max(MAX_AGE, self.interval - MINUTE))
        price = np.where(known, prices[np.maximum(index, 0)], np.nan)
        size = np.where(known, sizes[np.maximum(index, 0)], np.nan)
        return price, size, at


def spot_at(
    underlying: Underlying, at: int, interval: int
) -> tuple[float, float, float, dict[str, float]]:
    """Return bid, ask, last price of the underlying and what else its bar says, as known at `at`.

    A minute without a trade or a quote has the one before it, up to `MAX_AGE` back.
    """

    def newest(bars: BarMap) -> float:
        for back in range(0, MAX_AGE + 1, MINUTE):
            found = bars.get(at - back)
            if found is not None:
                return found[3]
        return float("nan")

    bar = underlying.trade.get(at) if interval == MINUTE else None
    scalars = {}
    if bar is not None:
        scalars = {"open": bar[0], "high": bar[1], "low": bar[2], "volume": bar[4]}
    return newest(underlying.bid), newest(underlying.ask), newest(underlying.trade), scalars
