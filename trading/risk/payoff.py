"""The most that options can lose, and how many stay uncovered, whichever open orders fill. Exact.

Every option is worth its exercise at its expiry, and a long one at any time before at least as
much (it may be sold or exercised), so a long one may cover a short one that expires no later. The
price at one expiry says nothing about the price at another: each expiry's worst counts.

Shares are options in disguise: their loss ends at a gap, so a long share is the gap's floor and a
call struck there; a short one mirrors it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from trading.ledger.book import ZERO, total

D = Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """Options of one series: `units` is contracts times multiplier, below zero when short."""

    is_call: bool
    strike: Decimal
    expiry: dt.date
    units: Decimal


FOREVER: Final = dt.date.max
"""Expiry of shares: they outlive every option."""


@dataclass(frozen=True, slots=True)
class Pile:
    """What is held, or wanted, in one underlying.

    Attributes
    ----------
    lines : tuple of Line
    shares : Decimal
    spot : Decimal
        Of a share, $.
    gap : Decimal
        Share of the spot that a share may lose at once.
    cost : Decimal
        $ that all of it costs, or is worth now; below zero for a credit.
    """

    lines: tuple[Line, ...] = ()
    shares: Decimal = ZERO
    spot: Decimal = ZERO
    gap: Decimal = ZERO
    cost: Decimal = ZERO

    def plus(self, other: Pile) -> Pile:
        """Return both together, at this one's spot."""
        return Pile(
            self.lines + other.lines, self.shares + other.shares, self.spot or other.spot,
            self.gap or other.gap, self.cost + other.cost,
        )  # fmt: skip


@dataclass(slots=True)
class _Group:
    """What ends together: strikes with their units, of calls and of puts."""

    calls: dict[Decimal, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    puts: dict[Decimal, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def worst(self) -> Decimal | None:
        """Return the least that it pays at any price; None when there is no least."""
        if sum(self.calls.values(), ZERO) < 0:
            return None
        prices = {ZERO, *self.calls, *self.puts}
        return min(self._pays(price) for price in prices)

    def _pays(self, price: Decimal) -> Decimal:
        calls = (units * max(price - strike, ZERO) for strike, units in self.calls.items())
        puts = (units * max(strike - price, ZERO) for strike, units in self.puts.items())
        return total((*calls, *puts))


def worst_loss(pile: Pile) -> Decimal | None:
    """Return the most that a pile loses against its cost, $, below zero when it must win.

    None when there is no most: more short calls than anything covers.
    """
    floor, lines = _as_options(pile)
    groups: dict[dt.date, _Group] = defaultdict(_Group)
    for is_call in (True, False):
        for line in _grouped([one for one in lines if one.is_call == is_call], is_call):
            group = groups[line.expiry]
            (group.calls if is_call else group.puts)[line.strike] += line.units
    paid = [group.worst() for group in groups.values()]
    if any(one is None for one in paid):
        return None
    return total((pile.cost, -floor, *(-one for one in paid if one is not None)))


def _as_options(pile: Pile) -> tuple[Decimal, list[Line]]:
    """Return what shares pay at least, and their options; other series with what remains."""
    sums: dict[tuple[bool, Decimal, dt.date], Decimal] = defaultdict(Decimal)
    for one in pile.lines:
        sums[one.is_call, one.strike, one.expiry] += one.units
    lines = [Line(*key, units) for key, units in sums.items() if units]
    if not pile.shares:
        return ZERO, lines
    long = pile.shares > 0
    edge = pile.spot * (1 - pile.gap if long else 1 + pile.gap)
    lines.append(Line(long, edge, FOREVER, abs(pile.shares)))
    return pile.shares * edge, lines


def _grouped(lines: Sequence[Line], is_call: bool) -> list[Line]:
    """Return the lines of one right with what covers a short one moved to its expiry.

    At each expiry, the last first, longs that are not needed there are free for earlier shorts.
    """
    found: list[Line] = []
    free: list[Line] = []
    for expiry in sorted({one.expiry for one in lines}, reverse=True):
        mine = [one for one in lines if one.expiry == expiry]
        # What protects most is lent last: low strikes of calls, high ones of puts.
        longs = sorted((one for one in mine if one.units > 0), key=_protects(is_call))
        shorts = [one for one in mine if one.units < 0]
        owed = -sum((one.units for one in shorts), ZERO)
        kept, spare = _split(longs, owed)
        found += [*shorts, *kept]
        owed -= sum((one.units for one in kept), ZERO)
        moved, free = _split(free, owed)
        found += [Line(is_call, one.strike, expiry, one.units) for one in moved]
        free = [*spare, *free]
    return found + free


def _protects(is_call: bool) -> Callable[[Line], Decimal]:
    return lambda one: one.strike if is_call else -one.strike


def _split(lines: Iterable[Line], units: Decimal) -> tuple[list[Line], list[Line]]:
    """Return the first so many units of some lines, and the rest."""
    taken: list[Line] = []
    rest: list[Line] = []
    for one in lines:
        part = min(one.units, max(units, ZERO))
        units -= part
        if part:
            taken.append(Line(one.is_call, one.strike, one.expiry, part))
        if one.units > part:
            rest.append(Line(one.is_call, one.strike, one.expiry, one.units - part))
    return taken, rest


def uncovered(held: Pile, orders: Iterable[Sequence[Pile]]) -> Decimal:
    """Return the units of short options that nothing covers when the worst of the orders fill.

    Each order is given by what may come of it, of which one comes true, in part or whole, or
    nothing. What one order moves, it moves together.

    By Hall's theorem shorts are covered when at no expiry those that live on outnumber the longs
    that do, and the shares: long ones cover calls, short ones puts.
    """
    given = list(orders)
    return total(bare(held, given, is_call) for is_call in (True, False))


def bare(held: Pile, orders: Sequence[Sequence[Pile]], is_call: bool) -> Decimal:
    """Return the same of one right."""
    piles = [held, *(pile for order in orders for pile in order)]
    expiries = {one.expiry for pile in piles for one in pile.lines if one.is_call == is_call}
    return max((_bare_at(held, orders, is_call, day) for day in expiries), default=ZERO)


def _bare_at(
    held: Pile, orders: Sequence[Sequence[Pile]], is_call: bool, expiry: dt.date
) -> Decimal:
    """Return what is bare at one expiry: shorts that live on, less shares where there are some.

    The lesser of two sums over what fills is asked for at its greatest. That is the least that
    any weighting of the two sums comes to when each order fills where the weighted sum is worse
    (von Neumann's minimax theorem); it lies where an order has no preference.
    """
    first = _short_at(held, is_call, expiry)
    found = [[_short_at(way, is_call, expiry) for way in order] for order in orders]
    plain = [max((ZERO, *(one for one, _ in ways))) for ways in found]
    if not any(cover for ways in found for _, cover in ways):
        return max(total((first[0], *plain)) - max(first[1], ZERO), ZERO)
    weights = sorted({Fraction(0), Fraction(1)}.union(*map(_indifferent, found)))
    worst = _least([[first], *([(ZERO, ZERO), *ways] for ways in found)], weights)
    return max(D(worst.numerator) / D(worst.denominator), ZERO)


def _short_at(pile: Pile, is_call: bool, expiry: dt.date) -> tuple[Decimal, Decimal]:
    """Return the units that are short beyond what is long, and the shares that cover them."""
    return -_alive(pile, is_call, expiry), _shares(pile, is_call)


_Ways = Sequence[tuple[Decimal, Decimal]]


def _indifferent(ways: _Ways) -> set[Fraction]:
    """Return the weights of shares, from 0 to 1, at which two ways are equally bad."""
    found = set()
    for (a, b), (c, d) in itertools.combinations([(ZERO, ZERO), *ways], 2):
        if b != d and 0 < (weight := Fraction(a - c) / Fraction(b - d)) < 1:
            found.add(weight)
    return found


def _least(orders: Sequence[_Ways], weights: Sequence[Fraction]) -> Fraction:
    """Return the least that the weighted sum comes to; it falls with the weight, then it rises."""
    low, high = 0, len(weights) - 1
    while low < high:
        middle = (low + high) // 2
        if _weighted(orders, weights[middle]) <= _weighted(orders, weights[middle + 1]):
            high = middle
        else:
            low = middle + 1
    return _weighted(orders, weights[low])


def _weighted(orders: Iterable[_Ways], weight: Fraction) -> Fraction:
    worst = (max(Fraction(a) - weight * Fraction(b) for a, b in ways) for ways in orders)
    return sum(worst, Fraction(0))


def over_cash(held: Pile, orders: Sequence[Sequence[Pile]]) -> Decimal:
    """Return the strikes of as many short puts as may be bare, the dearest first, $."""
    left = bare(held, orders, is_call=False)
    # Of one order no two ways come true, and each may bring its own puts: the dearest count.
    shorts = [_shorts(held), *(part for order in orders for part in map(_shorts, order))]
    found = ZERO
    for one in sorted((one for part in shorts for one in part), key=_dearest):
        units = min(-one.units, left)
        found += units * one.strike
        left -= units
    return found


def _shorts(pile: Pile) -> list[Line]:
    return [one for one in pile.lines if not one.is_call and one.units < 0]


def _dearest(one: Line) -> Decimal:
    return -one.strike


def _alive(pile: Pile, is_call: bool, expiry: dt.date) -> Decimal:
    """Return long less short units of a right that live to an expiry."""
    return total(one.units for one in pile.lines if one.is_call == is_call and one.expiry >= expiry)


def _shares(pile: Pile, is_call: bool) -> Decimal:
    """Return shares as what they cover: long ones calls, short ones puts."""
    return pile.shares if is_call else -pile.shares
