"""What differs between the books and what a broker says, and how grave it is. Plain rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from trading.ledger.book import PLACES, ZERO, plain

CENT: Final = Decimal("0.01")
SMALL: Final = Decimal(1)
"""Cash up to this is a broker's rounding: it is booked with that reason."""
_PLACES: Final = 10
GRAVE_SHARE: Final = Decimal("0.05")
"""Of the equity, from which a difference halts the account."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of an instrument, and what one unit is worth, where it is known."""

    quantity: Decimal
    price: Decimal | None = None
    multiplier: Decimal = Decimal(1)


def average(price: Decimal | None, quantity: Decimal) -> Decimal | None:
    """Return an average price, a quotient of any length, as far as the books hold its product."""
    if price is None:
        return None
    places = min(_PLACES, PLACES + min(0, int(quantity.normalize().as_tuple().exponent)))
    return round(price, places)


@dataclass(frozen=True, slots=True)
class Side:
    """One side's figures."""

    cash: Decimal
    holdings: Mapping[str, Holding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more the broker has: of cash where `symbol` is empty."""

    symbol: str
    amount: Decimal
    ours: Decimal
    theirs: Decimal
    price: Decimal | None = None
    multiplier: Decimal = Decimal(1)

    def __str__(self) -> str:
        name = self.symbol or "cash"
        return f"{name}: here {plain(self.ours)}, at the broker {plain(self.theirs)}"

    @property
    def worth(self) -> Decimal | None:
        """Its value without sign, None where no price is known."""
        if not self.symbol:
            return abs(self.amount)
        return None if self.price is None else abs(self.amount * self.price * self.multiplier)


class Weight(StrEnum):
    """What a set of differences asks for."""

    NOTHING = "nothing"
    ROUNDING = "rounding"
    REDUCE = "reduce"
    HALT = "halt"


def compare(ours: Side, theirs: Side, skip: Collection[str] = ()) -> list[Difference]:
    """Return what differs, cash first, then by symbol; without the symbols to skip.

    Whoever skips symbols knows nothing of the cash either, so it is not compared then.
    """
    found = []
    if not skip and abs(theirs.cash - ours.cash) >= CENT:
        found.append(Difference("", theirs.cash - ours.cash, ours.cash, theirs.cash))
    none = Holding(ZERO)
    for symbol in sorted({*ours.holdings, *theirs.holdings} - set(skip)):
        mine, its = ours.holdings.get(symbol, none), theirs.holdings.get(symbol, none)
        if mine.quantity != its.quantity:
            known = mine if mine.price is not None else its
            price = its.price if its.price is not None else mine.price
            found.append(Difference(symbol, its.quantity - mine.quantity, mine.quantity,
                                    its.quantity, price, known.multiplier))  # fmt: skip
    return found


def weigh(found: list[Difference], equity: Decimal) -> Weight:
    """Return what differences ask for, given the broker's equity."""
    if not found:
        return Weight.NOTHING
    worths = [one.worth for one in found]
    if any(worth is None for worth in worths):
        return Weight.HALT
    total = sum((worth for worth in worths if worth is not None), ZERO)
    if all(not one.symbol for one in found) and total <= SMALL:
        return Weight.ROUNDING
    return Weight.HALT if total > GRAVE_SHARE * max(equity, ZERO) else Weight.REDUCE
