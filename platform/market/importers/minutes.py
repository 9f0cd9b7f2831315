"""Rows of single contracts assembled into snapshots of all of them at each instant.

Time. A file's bar is marked with its start and is known at its end, so a bar marked 09:30 is part
of the snapshot of 09:31 and of none before. Open interest is known from its own time of day on.

Quotes. A side without a price in a bar was not renewed in it; it stands until it is `MAX_AGE`
old and is not known after that. When one side moves through the other's older price, the older
one is not known: such a quote was never shown. `quote_age` is the age of the older side.

Memory holds a few arrays of one value a contract and a block of rows, whatever the files' size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from market import occ
from market.clock import MINUTE, SECOND
from market.importers.parity import spot_from_parity
from market.importers.spool import Kind, Rows, Spool, Values
from market.snapshot import FloatArray, IntArray, Layout, SnapshotData, make_layout

MAX_AGE = 15 * MINUTE
_NEVER = np.iinfo(np.int64).min
_COLUMNS = {
    Kind.QUOTE: ("bids", "bid_sizes", "asks", "ask_sizes", "quote_age"),
    Kind.TRADE: ("volume", "last"),
    Kind.INTEREST: ("open_interest",),
}
BarMap = Mapping[int, tuple[float, float, float, float, float]]


@dataclass(frozen=True)
class Underlying:
    """Bars of the underlying by their end; empty maps when there are none."""

    trade: BarMap
    bid: BarMap
    ask: BarMap


class Assembly:
    """One day (or other span) of one underlying's contracts.

    Parameters
    ----------
    symbol, source : str
    spool : Spool
        Where rows wait; the caller's, who closes it.
    american : bool or None
        Exercise style of all contracts; None lets their roots say.
    multiplier : float
    interval : int
        Length of a bar, ns.
    """

    def __init__(
        self,
        symbol: str,
        source: str,
        spool: Spool,
        *,
        american: bool | None = None,
        multiplier: float = 100.0,
        interval: int = MINUTE,
    ) -> None:
        self.symbol, self.source = symbol, source
        self._american, self._multiplier, self._interval = american, multiplier, interval
        self._spool = spool
        self._numbers: dict[occ.Contract, int] = {}
        self._seen: set[Kind] = set()
        self._bars: set[int] = set()
        self._stated: set[int] = set()

    def add(self, contract: occ.Contract, kind: Kind, time: int, values: Values) -> None:
        """Take in a row; instants of one contract and kind go forward.

        Parameters
        ----------
        values
            QUOTE: bid, its size, ask, its size, NaN on a side that has none. TRADE: price and
            volume. INTEREST: contracts. What a kind does not use is ignored.
        """
        number = self._numbers.setdefault(contract, len(self._numbers))
        self._spool.add(time, number, kind, values)
        self._seen.add(kind)
        (self._stated if kind is Kind.INTEREST else self._bars).add(time)

    def instants(self) -> set[int]:
        """Return when bars ended; when there are none, from when open interest was known."""
        return self._bars or self._stated

    def snapshots(self, times: IntArray, underlying: Underlying) -> Iterator[SnapshotData]:
        """Yield a snapshot at each of the instants given; none when no row was added."""
        if not self._numbers:
            return
        layout, place = self._layout()
        book = _Book(len(layout), max(MAX_AGE, self._interval - MINUTE))
        names = [name for kind in sorted(self._seen) for name in _COLUMNS[kind]]
        rows = _Ahead(self._spool.blocks(), place)
        for at in times.tolist():
            for found in rows.until(at):
                book.take(found, at)
            columns = book.columns(at, names)
            bid, ask, last, scalars = spot_at(underlying, at, self._interval)
            data = SnapshotData(
                self.symbol, self.source, at, at, bid, ask, last, layout, columns, scalars
            )
            yield data if np.isfinite(data.spot) else spot_from_parity(data)

    def _layout(self) -> tuple[Layout, IntArray]:
        """Return the layout and the position in it of each contract's number."""
        contracts = list(self._numbers)
        layout, order = make_layout(
            self.symbol,
            roots=[c.root for c in contracts],
            expiries=[c.expiry for c in contracts],
            is_call=[c.right == "C" for c in contracts],
            strikes=[c.strike_thousandths / 1000 for c in contracts],
            american=None if self._american is None else [self._american] * len(contracts),
            multipliers=self._multiplier,
        )
        place = np.empty(len(contracts), dtype=np.int64)
        place[order] = np.arange(len(contracts))
        return layout, place


class _Ahead:
    """Reads blocks up to an instant and keeps the rest."""

    def __init__(self, blocks: Iterator[Rows], place: IntArray) -> None:
        self._blocks, self._place = blocks, place
        self._rest: Rows | None = next(blocks, None)

    def until(self, at: int) -> Iterator[tuple[IntArray, Rows]]:
        """Yield (positions in the layout, rows) of all rows known at `at`, in order of time."""
        while self._rest is not None:
            count = int(np.searchsorted(self._rest["time"], at, side="right"))
            if count:
                yield self._place[self._rest["contract"][:count]], self._rest[:count]
            if count < len(self._rest):
                self._rest = self._rest[count:]
                return
            self._rest = next(self._blocks, None)


class _Book:
    """The newest state of each contract; all arrays (n,)."""

    def __init__(self, n: int, max_age: int) -> None:
        self._max_age = max_age
        self._price = {side: np.full(n, np.nan) for side in ("bid", "ask")}
        self._size = {side: np.full(n, np.nan) for side in ("bid", "ask")}
        self._given = {side: np.full(n, _NEVER, dtype=np.int64) for side in ("bid", "ask")}
        self._volume, self._last = np.zeros(n), np.full(n, np.nan)
        self._traded_at = _NEVER
        self._interest = np.full(n, np.nan)

    def take(self, found: tuple[IntArray, Rows], at: int) -> None:
        """Take in rows in order of time, all known at `at`; the last row of a contract stands."""
        places, rows = found
        if at != self._traded_at:
            self._volume[:], self._last[:], self._traded_at = 0.0, np.nan, at
        kinds, values, times = rows["kind"], rows["values"], rows["time"]
        for side, first in (("bid", 0), ("ask", 2)):
            which = (kinds == Kind.QUOTE) & np.isfinite(values[:, first])
            where = places[which]
            self._price[side][where] = values[which, first]
            self._size[side][where] = values[which, first + 1]
            self._given[side][where] = times[which]
        which = (kinds == Kind.TRADE) & (times == at)
        self._last[places[which]] = values[which, 0]
        self._volume[places[which]] = values[which, 1]
        which = kinds == Kind.INTEREST
        self._interest[places[which]] = values[which, 0]

    def columns(self, at: int, names: list[str]) -> dict[str, FloatArray]:
        """Return the columns named as they are known at `at`."""
        made = self._quotes(at) if "bids" in names else {}
        traded = self._traded_at == at
        n = len(self._interest)
        made["volume"] = self._volume.copy() if traded else np.zeros(n)
        made["last"] = self._last.copy() if traded else np.full(n, np.nan)
        made["open_interest"] = self._interest.copy()
        return {name: made[name] for name in names}

    def _quotes(self, at: int) -> dict[str, FloatArray]:
        known = {
            side: (given != _NEVER) & (at - np.maximum(given, 0) <= self._max_age)
            for side, given in self._given.items()
        }
        bid = np.where(known["bid"], self._price["bid"], np.nan)
        ask = np.where(known["ask"], self._price["ask"], np.nan)
        crossed = bid > ask
        no_bid = ~known["bid"] | crossed & (self._given["bid"] < self._given["ask"])
        no_ask = ~known["ask"] | crossed & (self._given["ask"] < self._given["bid"])
        newest = np.iinfo(np.int64).max
        oldest = np.minimum(
            np.where(no_bid, newest, self._given["bid"]),
            np.where(no_ask, newest, self._given["ask"]),
        )
        age = np.full(len(bid), np.nan)
        quoted = ~(no_bid & no_ask)
        age[quoted] = (at - oldest[quoted]) / SECOND
        return {
            "bids": np.where(no_bid, np.nan, bid),
            "bid_sizes": np.where(no_bid, np.nan, self._size["bid"]),
            "asks": np.where(no_ask, np.nan, ask),
            "ask_sizes": np.where(no_ask, np.nan, self._size["ask"]),
            "quote_age": age,
        }


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
