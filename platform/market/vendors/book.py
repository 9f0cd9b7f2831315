"""The newest quotes of an underlying and its options, and when anything was last heard of them.

A connection that answers pings may say nothing for hours, so what counts is content: without a
fresh quote of the underlying there is no snapshot.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np

from market import calendars, occ
from market.clock import NEW_YORK, SECOND, from_ns, to_ns
from market.snapshot import SnapshotData, make_layout

FRESH_S: Final = 5.0
"""How old the underlying's quote may be in a snapshot."""
FUTURE_S: Final = 1.0
"""How far a quote may be ahead of our clock."""


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
        self._last = (math.nan, 0)

    def hear(self, symbol: str, quote: Quoted, now: int) -> bool:
        """Take a quote in; return whether it is newer than what was known, and a market.

        One that is no market takes the place of the one before: that one is not to be had either.
        """
        with self._lock:
            known = self._quotes.get(symbol)
            if quote.at - now > FUTURE_S * SECOND:
                self.refused += 1
                return False
            if known is not None and quote.at <= known.at:
                return False
            self._quotes[symbol] = quote
            if not quote.sound:
                self.refused += 1
            return quote.sound

    def traded(self, price: float, at: int) -> None:
        """Take in a trade of the underlying."""
        with self._lock:
            if math.isfinite(price) and price > 0 and at > self._last[1]:
                self._last = (price, at)

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
        if not self.age_s(now) <= FRESH_S:
            return None
        with self._lock:
            quotes = dict(self._quotes)
            last = self._last[0]
        own = quotes.pop(self.symbol)
        live = {name: one for name, one in quotes.items() if _alive(name, now)}
        contracts = [occ.parse(name) for name in live]
        layout, order = make_layout(
            self.symbol,
            roots=[one.root for one in contracts],
            expiries=[one.expiry for one in contracts],
            is_call=[one.right == "C" for one in contracts],
            strikes=[float(one.strike) for one in contracts],
        )
        rows = np.array([_row(one, now) for one in live.values()], dtype=np.float64).reshape(-1, 5)
        names = ("bids", "asks", "bid_sizes", "ask_sizes", "quote_age")
        columns = {name: rows[order, place] for place, name in enumerate(names)}
        return SnapshotData(
            symbol=self.symbol, source=self.source, time=now, known_at=now, bid=own.bid,
            ask=own.ask, last=last, layout=layout, columns=columns,
        )  # fmt: skip

    def forget_expired(self, now: int) -> None:
        """Drop contracts that trade no more."""
        with self._lock:
            for name in [one for one in self._quotes if one != self.symbol]:
                if not _alive(name, now):
                    del self._quotes[name]


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
