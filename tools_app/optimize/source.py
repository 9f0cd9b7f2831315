"""Stored bars of a symbol: which there are, and the rows that they make."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from django.db.models import Exists, OuterRef

from market.bars import coverage, read_bars
from market.models import Bar, Instrument, InstrumentKind
from tools_app.optimize.bars import TIMEFRAMES, BarRows, resample

KINDS: Final = (InstrumentKind.EQUITY, InstrumentKind.CRYPTO)
TRADE: Final = Bar.Price.TRADE
_SESSION_S: Final = 23_400
_NEARLY: Final = 0.8
"""Share of the longest series' time that a finer one must cover to be taken in its place."""


class NoBarsError(LookupError):
    """A symbol has no bars that make the rows asked for; the text says which there are."""


class Series(NamedTuple):
    """One stored series of trades."""

    interval: int
    first: dt.datetime
    last: dt.datetime
    bars: int


def symbols() -> list[str]:
    """Return the equities and crypto pairs that have bars of trades."""
    held = Bar.objects.filter(instrument=OuterRef("pk"), price=TRADE)
    found = Instrument.objects.filter(Exists(held), kind__in=KINDS)
    return list(found.order_by("symbol").values_list("symbol", flat=True))


def is_crypto(symbol: str) -> bool:
    """Return whether a symbol is a crypto pair, which trades around the clock."""
    return Instrument.objects.filter(symbol=symbol, kind=InstrumentKind.CRYPTO).exists()


def series(symbol: str) -> list[Series]:
    """Return the stored series of trades of a symbol, finest first."""
    return [Series(*one[1:]) for one in coverage(symbol) if one[0] == TRADE]


def chosen(held: list[Series], timeframe: str, *, crypto: bool) -> Series | None:
    """Return the series that makes the rows: the finest that covers nearly as much as any."""
    step = TIMEFRAMES[timeframe]
    able = sorted(one for one in held if step % one.interval == 0)
    longest = TIMEFRAMES["1d"] if crypto else _SESSION_S
    covered = [one.bars * min(one.interval, longest) for one in able]
    return next(
        (one for one, time in zip(able, covered, strict=True) if time >= _NEARLY * max(covered)),
        None,
    )


def rows_of(symbol: str, timeframe: str, *, until: dt.datetime) -> BarRows:
    """Return the rows of a symbol at a timeframe from the bars that ended by an instant.

    Raises
    ------
    NoBarsError
        When no stored series makes that timeframe.
    """
    crypto = is_crypto(symbol)
    held = series(symbol)
    one = chosen(held, timeframe, crypto=crypto)
    if one is None:
        there = ", ".join(f"{item.bars:,} of {item.interval} s" for item in held) or "none"
        raise NoBarsError(f"{symbol} has no bars that make {timeframe}; stored are {there}")
    source = read_bars(symbol, interval=one.interval, start=one.first, end=until)
    return resample(
        symbol,
        source,
        interval=one.interval,
        timeframe=timeframe,
        round_the_clock=crypto,
    )
