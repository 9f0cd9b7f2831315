"""What an order pays when its options end, in dollars, exact; its most and its least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from trading.ledger.book import ZERO, total

_BESIDE: Final = Decimal("0.6")
"""How far beyond the outer strikes is looked, as a share of what lies between them."""
_LEAST: Final = Decimal("0.06")
"""The same as a share of the price, at least."""


class Part(NamedTuple):
    """One leg: `units` of the underlying that it stands for, below zero when sold.

    `strike` is None for the underlying itself.
    """

    units: Decimal
    strike: Decimal | None = None
    is_call: bool = True


@dataclass(frozen=True, slots=True)
class Payoff:
    """The profit at the end by price of the underlying.

    Attributes
    ----------
    points : tuple of (price, profit)
        From zero over every strike, and one far beyond the last.
    most, least : Decimal, optional
        Largest and smallest profit; None where there is no end to it.
    even : tuple of Decimal
        Prices at which it neither makes nor loses, rising.
    """

    points: tuple[tuple[Decimal, Decimal], ...]
    most: Decimal | None
    least: Decimal | None
    even: tuple[Decimal, ...]

    def at(self, price: Decimal) -> Decimal:
        """Return the profit at a price within the points."""
        for (low, first), (high, last) in pairwise(self.points):
            if price <= high:
                return first + (last - first) * (price - low) / (high - low)
        return self.points[-1][1]

    def shown(self, spot: Decimal) -> list[tuple[Decimal, Decimal]]:
        """Return the points of a drawing around the strikes and the spot."""
        inner = [price for price, _ in self.points[1:-1]] + [spot]
        beside = max((max(inner) - min(inner)) * _BESIDE, spot * _LEAST)
        low, high = max(min(inner) - beside, ZERO), max(inner) + beside
        places = sorted({low, high, spot, *inner, *(one for one in self.even if low < one < high)})
        return [(price, self.at(price)) for price in places]


def payoff(parts: Sequence[Part], cost: Decimal) -> Payoff:
    """Return what legs pay at one end, given what all of them cost, $ (below zero: a credit)."""
    strikes = sorted({one.strike for one in parts if one.strike is not None})
    far = max([*strikes, abs(cost), Decimal(1)]) * 100
    prices = [ZERO, *(strike for strike in strikes if strike > 0), far]
    points = tuple((price, _worth(parts, price) - cost) for price in prices)
    slope = total(one.units for one in parts if one.strike is None or one.is_call)
    inner = [profit for _, profit in points[:-1]] + ([points[-1][1]] if not slope else [])
    return Payoff(
        points,
        None if slope > 0 else max(inner),
        None if slope < 0 else min(inner),
        _even(points),
    )


def _worth(parts: Sequence[Part], price: Decimal) -> Decimal:
    return total(one.units * _each(one, price) for one in parts)


def _each(one: Part, price: Decimal) -> Decimal:
    if one.strike is None:
        return price
    return max(price - one.strike if one.is_call else one.strike - price, ZERO)


def _even(points: Sequence[tuple[Decimal, Decimal]]) -> tuple[Decimal, ...]:
    """Return where the line crosses zero."""
    found = []
    for (low, first), (high, last) in pairwise(points):
        if first * last < 0:
            found.append(low + (high - low) * first / (first - last))
        elif not first and last:
            found.append(low)
    return tuple(found)
