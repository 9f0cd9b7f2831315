"""The newest quotes of an underlying and its options, and when anything was last heard of them.

A connection that answers pings may say nothing for hours, so what counts is content: without a
fresh quote of the underlying there is no snapshot.

A minute is closed as it was by the vendor's own time stamps: of each instrument the newest quote up
to the minute's end, however late this process gets to it. What came after is not in it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from market import calendars, occ
from market.clock import MINUTE, NEW_YORK, SECOND, from_ns, to_ns
from market.feed.source import STALE_SCALAR
from market.snapshot import SPOT_AGE, SnapshotData, make_layout
from market.vendors.minutes import Minutes

FRESH_S: Final = 5.0
"""How old the underlying's quote may be in a snapshot."""
FUTURE_S: Final = 1.0
"""How far a quote may be ahead of our clock."""
TOLD_S: Final = 30.0
"""An option of which nothing was heard for so long has no quote at a minute's end: not even that it
is the same was said."""
CHAIN_FRESH_S: Final = 60.0
"""How old the chain's newest quote may be by the vendor's clock: a feed that is late has no fresh
one at all, though single options may be quiet for long."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Both sides of a market; `at` is ns UTC by the vendor's clock."""

    bid: float
    ask: float
    bid_size: float
    ask_size: float
    at: int

    @property
    def sound(self) -> bool:
        """Whether it is a market: finite, not below zero, not crossed, somebody asks."""
        numbers = (self.bid, self.ask, self.bid_size, self.ask_size)
        return all(map(math.isfinite, numbers)) and 0 <= self.bid <= self.ask and self.ask > 0


class Book:
    """Quotes of one underlying; safe between threads."""

    def __init__(self, symbol: str, source: str) -> None:
        self.symbol = symbol
        self.source = source
        self.refused = 0
        """Quotes that were no market, or of the future."""
        self._lock = threading.Lock()
        self._quotes: dict[str, Quoted] = {}
        self._told: dict[str, int] = {}
        self._ended: dict[str, Quoted] = {}
        self._end = 0
        self._minutes = Minutes()
        self._interest: dict[str, float] = {}

    def interested(self, found: Mapping[str, float]) -> None:
        """Take in the open interest of contracts, which holds until it is told anew."""
        with self._lock:
            self._interest = dict(found)

    def hear(self, symbol: str, quote: Quoted, now: int) -> bool:
        """Take a quote in; return whether it is newer than what was known, and a market.

        One that is no market takes the place of the one before: that one is not to be had either.
        """
        with self._lock:
            known = self._quotes.get(symbol)
            if quote.at - now > FUTURE_S * SECOND:
                self.refused += 1
                return False
            if known is None or quote.at >= known.at:
                self._told[symbol] = now
            self._into_ended(symbol, quote)
            if known is not None and quote.at <= known.at:
                return False
            self._turn_over(quote.at)
            self._quotes[symbol] = quote
            if not quote.sound:
                self.refused += 1
            elif symbol == self.symbol:
                self._minutes.quoted(0.5 * (quote.bid + quote.ask), quote.at)
            return quote.sound

    def _into_ended(self, symbol: str, quote: Quoted) -> None:
        """Take a quote of the minute before that comes late."""
        if quote.at <= self._end:
            known = self._ended.get(symbol)
            if known is None or quote.at > known.at:
                self._ended[symbol] = quote

    def _turn_over(self, at: int) -> None:
        """Keep how the minute before ended when the first quote of the next one comes."""
        end = (at - 1) // MINUTE * MINUTE
        if end > self._end:
            self._ended, self._end = dict(self._quotes), end

    def traded(self, price: float, size: float, at: int, now: int) -> None:
        """Take in a trade of the underlying."""
        with self._lock:
            if at - now <= FUTURE_S * SECOND:
                self._minutes.traded(price, size, at)

    def listened(self, now: int) -> None:
        """Note that the underlying's stream said something."""
        with self._lock:
            self._minutes.listened(now)

    def age_s(self, now: int) -> float:
        """Return how old the underlying's quote is, in seconds; infinity without one."""
        with self._lock:
            known = self._quotes.get(self.symbol)
        return math.inf if known is None or not known.sound else (now - known.at) / SECOND

    def spot(self) -> float:
        """Return the middle of the underlying's quote, NaN without one."""
        with self._lock:
            known = self._quotes.get(self.symbol)
        return math.nan if known is None or not known.sound else 0.5 * (known.bid + known.ask)

    def nearest(self, most: int) -> list[str]:
        """Return the options nearest to the money, soonest expiries first."""
        spot = self.spot()
        with self._lock:
            names = [name for name in self._quotes if name != self.symbol]
        contracts = [(occ.parse(name), name) for name in names]
        contracts.sort(key=lambda one: (one[0].expiry, abs(float(one[0].strike) - spot)))
        return [name for _, name in contracts[:most]]

    def snapshot(self, now: int) -> SnapshotData | None:
        """Return the market as it is known now; None while the underlying's quote is not fresh.

        `quote_age` says of each option how old its quote is; one that is no market is NaN.
        """
        with self._lock:
            quotes, last = dict(self._quotes), self._minutes.last(now)
        own = quotes.pop(self.symbol, None)
        if own is None or not _fresh(own, now):
            return None
        return self._made(own, quotes, now, last, {})

    def closed(self, end: int, now: int) -> SnapshotData | None:
        """Return the market at the end of a minute, with the minute's bar; None: nothing fresh.

        None, too, once a later minute has begun to end. An option of which nothing was heard
        lately has no quote; with a chain that is old as a whole none has one, and the snapshot
        says so.
        """
        with self._lock:
            if self._end > end:
                return None
            quotes = dict(self._ended if self._end == end else self._quotes)
            told = {name for name, at in self._told.items() if now - at <= TOLD_S * SECOND}
            last, bar = self._minutes.last(end), self._minutes.bar(end, now)
        own = quotes.pop(self.symbol, None)
        if own is None or not _fresh(own, end):
            return None
        newest = max((one.at for name, one in quotes.items() if name in told), default=0)
        stale = bool(quotes) and end - newest > CHAIN_FRESH_S * SECOND
        kept = {
            name: one if name in told and not stale else Quoted(*(math.nan,) * 4, one.at)
            for name, one in quotes.items()
        }
        data = self._made(own, kept, end, last, {**bar, STALE_SCALAR: 1.0} if stale else bar)
        if "high" not in bar:
            return data
        # The bar holds the price that the minute ends with, which may be a trade's.
        ends = {"high": max(bar["high"], data.spot), "low": min(bar["low"], data.spot)}
        return replace(data, scalars={**data.scalars, **ends})

    def _made(
        self,
        own: Quoted,
        quotes: Mapping[str, Quoted],
        at: int,
        last: float,
        scalars: Mapping[str, float],
    ) -> SnapshotData:
        live = {name: one for name, one in quotes.items() if _alive(name, at)}
        contracts = [occ.parse(name) for name in live]
        layout, order = make_layout(
            self.symbol,
            roots=[one.root for one in contracts],
            expiries=[one.expiry for one in contracts],
            is_call=[one.right == "C" for one in contracts],
            strikes=[float(one.strike) for one in contracts],
        )
        rows = np.array([_row(one, at) for one in live.values()], dtype=np.float64).reshape(-1, 5)
        names = ("bids", "asks", "bid_sizes", "ask_sizes", "quote_age")
        columns = {name: rows[order, place] for place, name in enumerate(names)}
        if self._interest:
            held = np.array([self._interest.get(name, math.nan) for name in live], np.float64)
            columns["open_interest"] = held[order]
        return SnapshotData(
            symbol=self.symbol, source=self.source, time=at, known_at=at, bid=own.bid,
            ask=own.ask, last=last, layout=layout, columns=columns,
            scalars={**scalars, SPOT_AGE: max(0.0, (at - own.at) / SECOND)},
        )  # fmt: skip

    def forget_expired(self, now: int) -> None:
        """Drop contracts that trade no more."""
        with self._lock:
            for name in [one for one in self._quotes if one != self.symbol]:
                if not _alive(name, now):
                    del self._quotes[name]
                    self._ended.pop(name, None)
                    self._told.pop(name, None)


def _fresh(own: Quoted, at: int) -> bool:
    return own.sound and at - own.at <= FRESH_S * SECOND


def _row(quote: Quoted, now: int) -> tuple[float, ...]:
    age = max(0.0, (now - quote.at) / SECOND)
    if not quote.sound:
        return (math.nan, math.nan, math.nan, math.nan, age)
    return (quote.bid, quote.ask, quote.bid_size, quote.ask_size, age)


def _alive(name: str, now: int) -> bool:
    """Return whether a contract still trades; a symbol that cannot be read does not."""
    try:
        contract = occ.parse(name)
    except occ.OccError:
        return False
    if contract.expiry < from_ns(now).astimezone(NEW_YORK).date():
        return False
    return to_ns(calendars.settlement(contract.root, contract.expiry)) > now
