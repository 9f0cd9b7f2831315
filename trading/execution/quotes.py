"""Whether the market is seen when an order leaves: the last look, after the gate's.

Where quotes come from is registered when the house starts. Without a source nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trading.models import Account

OPENING_S: Final = 5.0
CLOSING_S: Final = 30.0
FUTURE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Quote:
    """Bid and ask of an instrument, and how many seconds ago they were known here.

    `good_for_s` is for how long they count when a position is opened. `doubt` says in words what
    is wrong with the market around them, so that nothing opens by them; empty when nothing is.
    """

    bid: Decimal
    ask: Decimal
    age_s: float
    good_for_s: float = OPENING_S
    doubt: str = ""


Source = Callable[["Account", str], Quote | None]


def blind(account: Account, symbol: str) -> Quote | None:
    """Know no quote: there is no source yet."""
    return None


_sources: list[Source] = [blind]


def register(source: Source) -> Source:
    """Put a source in place of the one before and return that one."""
    before = _sources[-1]
    _sources[:] = [source]
    return before


def quote(account: Account, symbol: str) -> Quote | None:
    """Return the newest quote of an instrument in an account's market, None when unknown."""
    return _sources[-1](account, symbol)


def hindrance(account: Account, symbols: Iterable[str], *, closing: bool) -> str:
    """Return in words why an order must not leave by what is seen; empty when it may."""
    for symbol in symbols:
        why = blindness(symbol, quote(account, symbol), closing=closing)
        if why:
            return why
    return ""


def blindness(symbol: str, seen: Quote | None, *, closing: bool) -> str:
    """Return in words why no order may leave by an instrument's quote; empty when one may."""
    if seen is None:
        return f"there is no quote of {symbol}"
    if not (seen.bid.is_finite() and seen.ask.is_finite() and 0 <= seen.bid <= seen.ask):
        return f"the quote of {symbol} is no market: {seen.bid} to {seen.ask}"
    if not closing and (seen.doubt or seen.bid <= 0):
        return seen.doubt or f"nobody bids for {symbol}"
    if not seen.age_s >= -FUTURE_S:
        return f"the quote of {symbol} is of the future by {-seen.age_s:.1f} s"
    most = max(CLOSING_S, seen.good_for_s) if closing else seen.good_for_s
    if not seen.age_s <= most:
        return f"the quote of {symbol} is {seen.age_s:.1f} s old; {most:g} s are allowed"
    return ""
