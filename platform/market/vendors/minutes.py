"""The underlying's minutes out of what is heard of it: first, highest and lowest price, volume.

Prices are middles of quotes: they are known at the minute's end, without waiting for a bar that the
vendor makes afterwards, and the free feed's trades are those of one exchange. Volume is what was
traded on the stream, and not known of a minute in which the stream was silent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from market.clock import MINUTE, SECOND

SILENT_S: Final = 10.0
"""A stream that says nothing of the underlying for so long may have missed trades."""
FIRST_S: Final = 10.0
"""A minute whose first price was heard later than this was not heard from its beginning."""
_KEPT: Final = 3


@dataclass(slots=True)
class _Prices:
    since: int
    first: float
    highest: float
    lowest: float


@dataclass(slots=True)
class _Trades:
    price: float
    at: int
    size: float


class Minutes:
    """The newest minutes of one underlying, each by its end. Instants are ns UTC."""

    def __init__(self) -> None:
        self._prices: dict[int, _Prices] = {}
        self._trades: dict[int, _Trades] = {}
        self._since = 0
        self._voice = 0

    def quoted(self, middle: float, at: int) -> None:
        """Take in a quote's middle; quotes come in order of time."""
        end = _end_of(at)
        known = self._prices.get(end)
        if known is None:
            _put(self._prices, end, _Prices(at, middle, middle, middle))
        else:
            known.highest = max(known.highest, middle)
            known.lowest = min(known.lowest, middle)

    def traded(self, price: float, size: float, at: int) -> None:
        """Take in a trade; one that is no trade is left out."""
        if not (math.isfinite(price) and price > 0 and math.isfinite(size) and size >= 0):
            return
        end = _end_of(at)
        known = self._trades.get(end)
        if known is None:
            _put(self._trades, end, _Trades(price, at, size))
            return
        known.size += size
        if at >= known.at:
            known.price, known.at = price, at

    def listened(self, now: int) -> None:
        """Note that the stream said something of the underlying."""
        if now - self._voice > SILENT_S * SECOND:
            self._since = now
        self._voice = now

    def last(self, until: int) -> float:
        """Return the newest traded price up to an instant, NaN when none is kept."""
        known = [one for one in self._trades.values() if one.at <= until]
        return max(known, key=lambda one: one.at).price if known else math.nan

    def bar(self, end: int, now: int) -> dict[str, float]:
        """Return `open`, `high`, `low` and `volume` of the minute that ended, as far as known."""
        found: dict[str, float] = {}
        prices, trades = self._prices.get(end), self._trades.get(end)
        if prices is not None and prices.since <= end - MINUTE + FIRST_S * SECOND:
            found |= {"open": prices.first, "high": prices.highest, "low": prices.lowest}
        whole = self._since <= end - MINUTE and now - self._voice <= SILENT_S * SECOND
        if whole:
            found["volume"] = 0.0 if trades is None else trades.size
        return found


def _end_of(at: int) -> int:
    return -(-at // MINUTE) * MINUTE


def _put(kept: dict[int, Any], end: int, value: _Prices | _Trades) -> None:
    """Keep a minute, and of the earlier ones a few."""
    kept[end] = value
    for old in sorted(kept)[:-_KEPT]:
        del kept[old]
