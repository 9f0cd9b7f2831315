"""What one account's orders see of a quote: size that one of them took is not there for another.

The kernel lets orders know nothing of one another; here those of one account share a display, so
that many small orders get no more than one large one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from quant.fill_types import Progress
from quant.kernels.fill_codes import TAKEN, TAKEN_AT, Reason
from trading.brokers.paper.tickets import Match, Quote, Ticket

_NEAR: Final = 1e-9
_FROM_DISPLAY: Final = frozenset({Reason.TAKEN, Reason.MET})


@dataclass(slots=True)
class Display:
    """What an account took of each level, as (price, size) by symbol and side.

    `traded` is what came to its resting orders of the volume of the row that is on, by symbol.
    """

    taken: dict[str, tuple[float, float]] = field(default_factory=dict)
    traded: dict[str, float] = field(default_factory=dict)

    @classmethod
    def load(cls, stored: dict[str, list[str]]) -> Display:
        """Return what `dump` wrote."""
        return cls({key: (float(price), float(size)) for key, (price, size) in stored.items()})

    def dump(self) -> dict[str, list[str]]:
        """Return it as JSON, to the bit; levels of which nothing was taken are left out."""
        return {
            key: [repr(price), repr(size)]
            for key, (price, size) in self.taken.items()
            if size > 0.0
        }

    def seen(self, ticket: Ticket, progress: Progress, quotes: Sequence[Quote]) -> list[Quote]:
        """Return each leg's quote without what the account's other orders had of it."""
        return [
            self._less(leg.symbol, leg.ratio, quote, *_own(progress, place, len(ticket.legs)))
            for place, (leg, quote) in enumerate(zip(ticket.legs, quotes, strict=True))
        ]

    def note(
        self,
        ticket: Ticket,
        progress: Progress,
        quotes: Sequence[Quote],
        shown: Sequence[Quote],
        matches: Sequence[Match],
    ) -> None:
        """Keep what a walk took, given the quotes as they are and as they were shown to it."""
        for place, (leg, quote, less) in enumerate(zip(ticket.legs, quotes, shown, strict=True)):
            price, size = _touch(quote, leg.ratio)
            others = size - _touch(less, leg.ratio)[1] if math.isfinite(size) else 0.0
            at, own = _own(progress, place, len(ticket.legs))
            mine = own if _same(at, price) else 0.0
            self.taken[_key(leg.symbol, leg.ratio)] = (price, others + mine)
            came = sum(float(one.units) for one in matches if one.reason not in _FROM_DISPLAY)
            self.traded[leg.symbol] = self.traded.get(leg.symbol, 0.0) + came

    def _less(self, symbol: str, ratio: int, quote: Quote, own_at: float, own: float) -> Quote:
        price, size = _touch(quote, ratio)
        at, had = self.taken.get(_key(symbol, ratio), (math.nan, 0.0))
        volume = max(quote.volume - self.traded.get(symbol, 0.0), 0.0)
        others = 0.0
        if _same(at, price) and math.isfinite(size):
            mine = min(own, size) if _same(own_at, price) else 0.0
            others = max(min(had, size) - mine, 0.0)
        if ratio > 0:
            return replace(quote, ask_size=quote.ask_size - others, volume=volume)
        return replace(quote, bid_size=quote.bid_size - others, volume=volume)


def _key(symbol: str, ratio: int) -> str:
    return f"{symbol} {'ask' if ratio > 0 else 'bid'}"


def _touch(quote: Quote, ratio: int) -> tuple[float, float]:
    """Return price and size of the side that an order takes."""
    return (quote.ask, quote.ask_size) if ratio > 0 else (quote.bid, quote.bid_size)


def _own(progress: Progress, place: int, legs: int) -> tuple[float, float]:
    """Return at which price an order took of a leg's display last, and how much."""
    if legs > 1:
        return float(progress.legs[place, 0]), float(progress.legs[place, 1])
    return float(progress.numbers[0, TAKEN_AT]), float(progress.numbers[0, TAKEN])


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR
