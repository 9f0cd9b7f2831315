"""What positions are worth to whoever looks: the middle of quotes as near as the plan lets see."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from market import occ, selectors
from market.clock import from_ns
from market.kept import Kept, indexed
from market.reach import Reach
from trading.models import Account
from trading.scopes import underlying

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """A price for an instrument, and when the market showed it; None where nothing is known."""

    price: Decimal | None
    at: dt.datetime | None
    delayed_s: int = 0


NOTHING: Final = Mark(None, None)


class Marks:
    """Prices for one look; each underlying's snapshot is read once.

    They are those of what plays a symbol; those of `seen_by` an account at a broker are of the
    recorded market, whatever is played.
    """

    def __init__(self, reach: Reach, *, real: bool = False) -> None:
        self.reach = reach
        self._real = real
        self._other: Marks | None = None
        self._seen: dict[str, tuple[Kept, int] | None] = {}

    def seen_by(self, account: Account | None) -> Marks:
        """Return the prices of the market that an account trades in."""
        real = account is not None and account.broker != "paper"
        if real == self._real:
            return self
        if self._other is None:
            self._other = Marks(self.reach, real=real)
            self._other._other = self
        return self._other

    def of(self, symbol: str) -> Mark:
        """Return the mark of an instrument: the middle, or the one side that there is."""
        name = underlying(symbol)
        if name not in self._seen:
            self._seen[name] = self._look(name)
        seen = self._seen[name]
        if seen is None:
            return NOTHING
        kept, delayed_s = seen
        price = _price(kept, symbol)
        return Mark(price, None if price is None else from_ns(kept.data.known_at), delayed_s)

    def all_of(self, symbols: Iterable[str]) -> dict[str, Mark]:
        """Return the marks of some instruments."""
        return {symbol: self.of(symbol) for symbol in symbols}

    def quote(self, symbol: str) -> tuple[Decimal | None, Decimal | None]:
        """Return bid and offer of an instrument; None for a side that nobody shows."""
        self.of(symbol)
        seen = self._seen[underlying(symbol)]
        return (None, None) if seen is None else _sides(seen[0], symbol)

    def spot(self, name: str) -> Decimal | None:
        """Return the price of an underlying."""
        return self.of(name).price

    def listed(self, name: str) -> list[occ.Contract]:
        """Return the contracts of an underlying that are quoted, by expiry, strike and right."""
        self.of(name)
        seen = self._seen[underlying(name)]
        if seen is None:
            return []
        found = [occ.parse(one) for one in seen[0].data.layout.symbols()]
        return sorted(found, key=lambda one: (one.expiry, one.strike, one.right))

    def multiplier(self, symbol: str) -> Decimal | None:
        """Return how many units a listed contract stands for; None where it is not listed."""
        self.of(symbol)
        seen = self._seen[underlying(symbol)]
        place = None if seen is None else _place(seen[0], symbol)
        if seen is None or place is None:
            return None
        return exact(float(seen[0].data.layout.multipliers[place]))

    def _look(self, name: str) -> tuple[Kept, int] | None:
        where = selectors.newest_prices(name, self.reach, real=self._real)
        if where is None:
            return None
        found = where.load()
        return indexed(found.data), found.delayed_s


def _price(kept: Kept, symbol: str) -> Decimal | None:
    data = kept.data
    if underlying(symbol) == symbol:
        return exact(data.spot)
    bid, ask = _sides(kept, symbol)
    if ask is None:  # nobody sells: what is bid is all that is known
        return bid
    return ask if bid is None else (bid + ask) / 2


def _sides(kept: Kept, symbol: str) -> tuple[Decimal | None, Decimal | None]:
    data = kept.data
    if underlying(symbol) == symbol:
        return exact(data.bid), exact(data.ask)
    place = _place(kept, symbol)
    if place is None:
        return None, None
    bid, ask = (exact(float(data.column(name)[place])) for name in ("bids", "asks"))
    return bid, None if ask is not None and ask <= 0 else ask


def _place(kept: Kept, symbol: str) -> int | None:
    try:
        contract = occ.parse(symbol)
    except occ.OccError:
        return None
    return kept.place(
        contract.root, contract.expiry, is_call=contract.right == "C",
        thousandths=contract.strike_thousandths,
    )  # fmt: skip


def exact(value: float) -> Decimal | None:
    """Return a number of the market as it was meant; None when it is none."""
    return Decimal(repr(round(value, _DIGITS))) if math.isfinite(value) else None
