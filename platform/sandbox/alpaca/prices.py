"""Where prices come from: quotes that were set, else a walk that a seed decides."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sandbox.alpaca.clock import CLOSE, NEW_YORK, Clock
from sandbox.alpaca.symbols import Contract, contract, kind

_CENT: Final = Decimal("0.01")
_SIZE: Final = Decimal(1000)
_YEAR: Final = 365 * 86_400
_VOLATILITY: Final = 0.25


@dataclass(frozen=True, slots=True)
class Quote:
    """Both sides of a market at an instant."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    at: dt.datetime

    @property
    def mid(self) -> Decimal:
        """The middle of both sides."""
        return (self.bid + self.ask) / 2


class Prices:
    """Quotes by symbol. One that was set stays until it is set anew or let go."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self._random = random.Random(f"prices {seed}")
        self._pinned: dict[str, Quote] = {}
        self._spots: dict[str, Decimal] = {}

    def set(self, symbol: str, bid: Decimal, ask: Decimal, size: Decimal = _SIZE) -> None:
        """Set a quote, with the same size on both sides."""
        self._pinned[symbol] = Quote(bid, ask, size, size, self._clock.now())

    def let_go(self, symbol: str) -> None:
        """Let a symbol walk again, from where it stands."""
        self._spots[symbol] = self._pinned.pop(symbol).mid

    def get(self, symbol: str) -> Quote:
        """Return the quote of a symbol."""
        if symbol in self._pinned:
            return self._pinned[symbol]
        option = contract(symbol)
        if option is not None:
            return self._of_option(option)
        return self._around(self._spot(symbol), Decimal("0.0001"))

    def step(self) -> None:
        """Let all that is not pinned walk a step."""
        for symbol, spot in sorted(self._spots.items()):
            if symbol not in self._pinned:
                moved = float(spot) * math.exp(self._random.gauss(0, 0.0004))
                self._spots[symbol] = max(Decimal(moved).quantize(_CENT), _CENT)

    def _spot(self, symbol: str) -> Decimal:
        if symbol not in self._spots:
            first = random.Random(f"{symbol} {self._seed}")
            most = 60_000 if kind(symbol) == "crypto" else 500
            self._spots[symbol] = Decimal(first.uniform(most / 20, most)).quantize(_CENT)
        return self._spots[symbol]

    def _of_option(self, option: Contract) -> Quote:
        """Return a plausible quote: intrinsic value and a bell of time value over the strike."""
        spot = float(self.get(option.underlying).mid)
        strike = float(option.strike)
        ends = dt.datetime.combine(option.expiry, CLOSE, NEW_YORK)
        years = max((ends - self._clock.now()).total_seconds(), 0) / _YEAR
        spread = spot * _VOLATILITY * math.sqrt(years)
        sign = 1 if option.right == "C" else -1
        bell = 0.4 * spread * math.exp(-0.5 * ((strike - spot) / spread) ** 2) if spread else 0
        worth = max(sign * (spot - strike), 0) + bell
        return self._around(Decimal(worth).quantize(_CENT), Decimal("0.02"))

    def _around(self, middle: Decimal, share: Decimal) -> Quote:
        half = max((middle * share).quantize(_CENT), _CENT)
        bid = max(middle - half, Decimal(0))
        return Quote(bid, middle + half, _SIZE, _SIZE, self._clock.now())
