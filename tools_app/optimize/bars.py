"""Rows of tools 16 to 18 at a timeframe, made causally from finer bars.

A bar ends on the clock: of New York for what trades in sessions (the first bar of a day begins at
the open, the last one ends at the close, and a daily bar is a session), of UTC for crypto, where a
day is a session. A row is known at its bar's end and is made of bars that ended by then.

The tools count rows. At 1m the 60 rows of "the hour" are an hour; at 5m they are five hours, at 1d
sixty sessions, and a horizon of 60 minutes is 60 bars of the timeframe. At 1m in sessions windows
begin anew each session and a signal ends with it, as in the live feed; at longer timeframes, and
in crypto, windows and signals run on overnight, so the gap to the next open is part of the move.

A bar that is not there is a row without prices, never a guess; a session without any bar is one
such row, across which no window reaches and no signal is held.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from market import calendars
from market.bars import Bars
from market.clock import DAY, SECOND, local_date, midnight_ns
from market.frames import FloatArray, Frame, IntArray, Kind, Missing

BoolArray = npt.NDArray[np.bool_]

TIMEFRAMES: Final = {
    "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400,
}  # fmt: skip
"""Seconds of each."""
BY_SESSION: Final = "1m"
MOST_ROWS: Final = 200_000
"""Of a unit, the newest."""


@dataclass(frozen=True, slots=True, eq=False)
class BarRows:
    """T rows of one symbol at one timeframe.

    Attributes
    ----------
    times : (T,) int64
        Ends of the bars, ns UTC.
    high, low, close, volume : (T,) float64
        NaN where there is no bar.
    last : (T,) int64
        Last row to which a signal of each row may be held.
    interval : int
        Seconds of the stored bars that they were made of.
    unpriced, absent, outside : int
        Rows without a bar inside sessions, sessions without any, stored bars outside sessions.
    """

    symbol: str
    timeframe: str
    times: IntArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    last: IntArray
    interval: int
    unpriced: int
    absent: int
    outside: int

    def __len__(self) -> int:
        return int(self.times.size)

    def frame(self) -> Frame:
        """Return the rows as a frame of one path: what the tools read of bars."""
        named = {name: getattr(self, name)[None, :] for name in ("high", "low", "close", "volume")}
        codes = {
            name: np.where(np.isfinite(values), np.uint8(Missing.OK), np.uint8(Missing.NO_BAR))
            for name, values in named.items()
        }
        return Frame(Kind.INTRADAY, self.symbol, self.times, named, codes)

    def digest(self) -> str:
        """Return the SHA-256 of all that the tools are judged by."""
        found = hashlib.sha256(f"{self.timeframe} {self.interval}".encode())
        for part in (self.times, self.high, self.low, self.close, self.volume, self.last):
            found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()

    def missing(self) -> str:
        """Say in words what is missing, "" when nothing is."""
        said = (
            (self.unpriced, "without a bar", "row", "rows"),
            (self.absent, "without any bar", "session", "sessions"),
            (self.outside, "outside sessions left out", "stored bar", "stored bars"),
        )
        return ", ".join(
            f"{count:,} {one if count == 1 else many} {what}"
            for count, what, one, many in said
            if count
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Ends at which rows may stand, and the session that each belongs to."""

    ends: IntArray
    session: IntArray
    opens: IntArray
    closes: IntArray


def resample(
    symbol: str, source: Bars, *, interval: int, timeframe: str, round_the_clock: bool
) -> BarRows:
    """Return the rows of a timeframe from bars of `interval` seconds.

    Rows end with the last stored bar: one whose end has not been reached is not there yet. So
    more bars add rows and change none.

    Parameters
    ----------
    symbol : str
    source : Bars
        In order of time.
    interval : int
        Seconds; divides the timeframe.
    timeframe : str
        One of `TIMEFRAMES`.
    round_the_clock : bool
        Crypto: UTC days in place of sessions.

    Raises
    ------
    ValueError
        When the interval does not divide the timeframe.
    """
    step = TIMEFRAMES[timeframe]
    if step % interval:
        raise ValueError(f"bars of {interval} s do not make {timeframe}")
    if not len(source):
        return _nothing(symbol, timeframe, interval)
    grid = _grid(source.times, step, timeframe, round_the_clock=round_the_clock)
    place = np.searchsorted(grid.closes, source.times, side="left")
    near = np.minimum(place, grid.closes.size - 1)
    inside = (place < grid.closes.size) & (source.times > grid.opens[near])
    bucket = np.searchsorted(grid.ends, source.times[inside], side="left")
    outside = int(np.count_nonzero(~inside))
    if not bucket.size:
        return _nothing(symbol, timeframe, interval, outside)
    reached = grid.ends <= source.times[-1]
    made = _joined(source, inside, bucket, grid.ends.size)
    held = np.isin(grid.session, grid.session[bucket])
    closing = grid.ends == grid.closes[grid.session]
    begun = np.arange(grid.ends.size) >= bucket[0]
    kept = np.flatnonzero(reached & begun & (held | closing))
    return _rows(symbol, timeframe, interval, grid, kept, held, made, outside)


def _nothing(symbol: str, timeframe: str, interval: int, outside: int = 0) -> BarRows:
    none, whole = np.empty(0), np.empty(0, dtype=np.int64)
    return BarRows(symbol, timeframe, whole, none, none, none, none, whole, interval, 0, 0, outside)


def _grid(times: IntArray, step: int, timeframe: str, *, round_the_clock: bool) -> _Grid:
    first, last = int(times[0]), int(times[-1])
    if round_the_clock:
        opens = np.arange((first - 1) // DAY * DAY, last, DAY, dtype=np.int64)
        closes, anchors = opens + DAY, opens
    else:
        days = calendars.sessions(local_date(first), local_date(last))
        opens = np.array([day.open_ns for day in days], dtype=np.int64)
        closes = np.array([day.close_ns for day in days], dtype=np.int64)
        anchors = np.array([midnight_ns(day.date) for day in days], dtype=np.int64)
    width = step * SECOND
    parts = []
    for opened, closed, anchor in zip(
        opens.tolist(), closes.tolist(), anchors.tolist(), strict=True
    ):
        begin = opened + width - (opened - anchor) % width
        ends = [*range(begin, closed, width), closed]
        # A row without prices at the open: windows of the session before do not reach across it.
        parts.append([opened, *ends] if timeframe == BY_SESSION and not round_the_clock else ends)
    number = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    flat = np.array([end for part in parts for end in part], dtype=np.int64)
    return _Grid(flat, number, opens, closes)


def _joined(source: Bars, inside: BoolArray, bucket: IntArray, rows: int) -> dict[str, FloatArray]:
    """Return high, low, close and volume of each end of the grid, NaN without a bar."""
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    place = bucket[starts]
    closing = np.append(starts[1:], bucket.size) - 1
    values = {
        "high": np.maximum.reduceat(source.high[inside], starts),
        "low": np.minimum.reduceat(source.low[inside], starts),
        "close": source.close[inside][closing],
        "volume": np.add.reduceat(source.volume[inside], starts),
    }
    made = {}
    for name, found in values.items():
        column = np.full(rows, np.nan)
        column[place] = found
        made[name] = column
    return made


def _rows(
    symbol: str,
    timeframe: str,
    interval: int,
    grid: _Grid,
    kept: IntArray,
    held: BoolArray,
    made: dict[str, FloatArray],
    outside: int,
) -> BarRows:
    gone = ~held[kept]
    between = grid.ends[kept] == grid.opens[grid.session[kept]]
    unpriced = np.isnan(made["close"][kept]) & ~gone & ~between
    newest = slice(max(0, kept.size - MOST_ROWS), None)
    chosen = kept[newest]
    stops = np.append(np.flatnonzero((gone | between)[newest]), chosen.size)
    rows = np.arange(chosen.size)
    # A row that is a stop itself is held to itself: nothing is measured from it.
    after = np.minimum(np.searchsorted(stops, rows, side="right"), stops.size - 1)
    last = np.maximum(stops[after] - 1, rows)
    return BarRows(
        symbol=symbol,
        timeframe=timeframe,
        times=grid.ends[chosen],
        last=last,
        interval=interval,
        unpriced=int(np.count_nonzero(unpriced)),
        absent=int(np.count_nonzero(gone)),
        outside=outside,
        **{name: column[chosen] for name, column in made.items()},
    )
