"""What an observation is made from: plain values that the caller has at that instant."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np

from market.frames import FloatArray, IntArray, Missing
from quant.arrays import BoolArray
from quant.chain import Chain


@dataclass(frozen=True, slots=True)
class MinuteBar:
    """The underlying over one minute; NaN where not known.

    Prices in currency, `volume` in shares, `bid` and `ask` at the minute's end.
    """

    open: float
    high: float
    low: float
    close: float
    volume: float
    bid: float
    ask: float


@dataclass(frozen=True, slots=True, eq=False)
class MinuteView:
    """Everything that is known at the end of one minute.

    Attributes
    ----------
    time : int
        The minute's end, ns since the epoch, UTC.
    bar : MinuteBar or None
    chain : Chain or None
        Quotes, open interest known that morning, and the contracts traded in the minute.
    stale : bool
        Whether the chain is too old to be used.
    option_flow : (n,) float64 or None
        Contracts that customers bought less those they sold in the minute, by position in the
        chain; zero where none traded, NaN where trades could not be signed. None when the source
        has no signed trades at all.
    peer : float
        Price of the paired index; NaN where there is none.
    advancing : float
        Share of the basket's names above their last close; NaN where there is no basket.
    off_exchange : float
        Share of the minute's volume that the tape marks as off-exchange; NaN where not known.
    """

    time: int
    bar: MinuteBar | None
    chain: Chain | None
    stale: bool = False
    option_flow: FloatArray | None = None
    peer: float = np.nan
    advancing: float = np.nan
    off_exchange: float = np.nan


class Release(NamedTuple):
    """A scheduled release of the day, ns UTC, and whether it is a decision of the Fed."""

    time: int
    fed: bool = False


class CryptoNights(NamedTuple):
    """Crypto's log returns from the equity close to the next open, and the index's opening gaps.

    `overnight` is last night's; `past` and `gaps`, (n,) float64, those of earlier nights.
    """

    overnight: float
    past: FloatArray
    gaps: FloatArray


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What was known of the session when it opened; instants in ns UTC.

    `releases` are the scheduled ones of its day (FOMC, consumer prices, payrolls); None when the
    source has no event calendar. `previous_close` is NaN, and `crypto` None, where not known.
    """

    symbol: str
    open: int
    close: int
    releases: tuple[Release, ...] | None = None
    previous_close: float = np.nan
    crypto: CryptoNights | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Dealers' net contracts from the session's signed trades so far, + long.

    `complete` is False from the first minute without signed trades on: what came after it is not
    known. A session starts with `Positions()`.
    """

    strikes: FloatArray = field(default_factory=lambda: np.empty(0))
    expiries: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    is_call: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    held: FloatArray = field(default_factory=lambda: np.empty(0))
    complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class DailyBars:
    """Sessions of the underlying, oldest first, each known at its close.

    Attributes
    ----------
    time : (n,) int64
        Closes, ns UTC, increasing.
    open, high, low, close : (n,) float64
        In currency.
    volume : (n,) float64
        Shares; NaN where not known.
    spread : (n,) float64
        Bid-ask spread as a share of price; NaN where there are no quotes.
    """

    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    spread: FloatArray

    def first(self, count: int) -> DailyBars:
        """Return the oldest `count` sessions."""
        return DailyBars(**{one.name: getattr(self, one.name)[:count] for one in fields(self)})

    def then(self, more: DailyBars) -> DailyBars:
        """Return these sessions followed by others."""
        pairs = {
            one.name: (getattr(self, one.name), getattr(more, one.name)) for one in fields(self)
        }
        return DailyBars(**{name: np.concatenate(pair) for name, pair in pairs.items()})


@dataclass(frozen=True, slots=True)
class Report:
    """A company report: when it is due, and when that became known; ns UTC."""

    scheduled: int
    known: int


@dataclass(frozen=True, slots=True, eq=False)
class DailyContext:
    """Everything that is known at the close of a session.

    Attributes
    ----------
    symbol : str
    bars : DailyBars
        Up to and including the session.
    chain : Chain or None
        At the close.
    basket : (names, sessions) float64 or None
        Closes of the names that move with the underlying, up to and including the session.
    reports : tuple of Report or None
        Past and scheduled; None when there is no event calendar for the symbol.
    decisions : tuple of int or None
        Scheduled Fed decisions ahead, ns UTC; None when there is no event calendar.
    proxies : (3, sessions) float64 or None
        Closes of credit, of bonds and of the dollar, up to and including the session.
    coming_closes : (m,) int64
        Closes of the next sessions, ns UTC: as far as the calendar of reports is looked ahead.
    """

    symbol: str
    bars: DailyBars
    chain: Chain | None = None
    basket: FloatArray | None = None
    reports: tuple[Report, ...] | None = None
    decisions: tuple[int, ...] | None = None
    proxies: FloatArray | None = None
    coming_closes: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Observation:
    """One row: a value per column, NaN with its reason where missing."""

    values: dict[str, float]
    reasons: dict[str, Missing]


class RowBuilder:
    """Collects one row's values, each with the reason that holds if it is not finite."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._reasons: dict[str, Missing] = {}

    def put(self, name: str, value: float | None, why: Missing = Missing.BAD_VALUE) -> None:
        """Set a column; `why` counts only when the value is None or not finite."""
        finite = value is not None and bool(np.isfinite(value))
        self._values[name] = float(value) if finite and value is not None else np.nan
        self._reasons[name] = Missing.OK if finite else why

    def put_missing(self, names: tuple[str, ...], why: Missing) -> None:
        """Set columns that nothing is known of."""
        for name in names:
            self.put(name, None, why)

    def row(self) -> Observation:
        """Return the row."""
        return Observation(values=self._values, reasons=self._reasons)
