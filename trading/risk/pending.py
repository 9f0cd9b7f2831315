"""What may still come of other open orders, alone and in groups, and what they leave to close."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from trading.ledger.book import ZERO, total
from trading.risk.facts import Filling, Holding, Pending


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An open order with what is left of it; `group` and `role` as in `orders.models`."""

    pk: int
    moves: tuple[Holding, ...]
    cost: Decimal
    hold: Decimal
    group: int | None = None
    role: str = ""


def grouped(
    orders: Iterable[OpenOrder], held: Mapping[str, Decimal]
) -> tuple[tuple[Pending, ...], dict[str, Decimal]]:
    """Return what may come of open orders, and what of each position they leave to others.

    Parameters
    ----------
    orders : of OpenOrder, oldest first
    held : Decimal by symbol
        Positions.
    """
    left: dict[str, Decimal] = defaultdict(Decimal, held)
    units: dict[tuple[str, int], list[OpenOrder]] = defaultdict(list)
    for one in orders:
        if one.moves:
            units[("order", one.pk) if one.group is None else ("group", one.group)].append(one)
    found = []
    for unit in units.values():
        entries = [one for one in unit if one.role == "entry"]
        exits = [one for one in unit if one.role != "entry"]
        if not exits:  # the entry of exits that have ended is an order like any other
            entries, exits = [], entries
        outcomes = _outcomes(entries, exits)
        taken = _taken(entries, exits)
        closing = not entries and _closes(taken, left)
        if closing or entries:
            for symbol, quantity in taken.items():
                if quantity * left[symbol] < 0:
                    left[symbol] = _towards_zero(left[symbol], quantity)
        hold = total(one.hold for one in unit)
        found.append(Pending(tuple(outcomes), hold, closing))
    return tuple(found), dict(left)


def _outcomes(entries: list[OpenOrder], exits: list[OpenOrder]) -> list[Filling]:
    """One exit, an entry, or an entry with one exit behind it; never two exits."""
    if not entries:
        return [Filling(one.moves, one.cost) for one in exits]
    moves = tuple(move for one in entries for move in one.moves)
    cost = total(one.cost for one in entries)
    both = [Filling((*moves, *one.moves), total((cost, one.cost))) for one in exits]
    early = [
        Filling(part, one.cost) for one in exits if (part := _beyond(one.moves, moves))
    ]  # an entry that filled in part leaves something to the exits by itself
    return [Filling(moves, cost), *both, *early]


def _beyond(exit_moves: tuple[Holding, ...], entry: tuple[Holding, ...]) -> tuple[Holding, ...]:
    """Return what an exit moves beyond undoing what its entry has still to move."""
    coming = {one.instrument.symbol: one.quantity for one in entry}
    kept = []
    for one in exit_moves:
        rest = one.quantity + coming.get(one.instrument.symbol, ZERO)
        if rest * one.quantity > 0:
            kept.append(Holding(one.instrument, rest, one.quote))
    return tuple(kept)


def _taken(entries: list[OpenOrder], exits: list[OpenOrder]) -> dict[str, Decimal]:
    """Return the most that exits, of which one fills, take of each position."""
    coming = tuple(move for one in entries for move in one.moves)
    taken: dict[str, Decimal] = {}
    for one in exits:
        for move in _beyond(one.moves, coming) if coming else one.moves:
            symbol = move.instrument.symbol
            if abs(move.quantity) > abs(taken.get(symbol, ZERO)):
                taken[symbol] = move.quantity
    return taken


def _closes(taken: Mapping[str, Decimal], left: Mapping[str, Decimal]) -> bool:
    return all(
        quantity * left.get(symbol, ZERO) < 0 and abs(quantity) <= abs(left.get(symbol, ZERO))
        for symbol, quantity in taken.items()
    )


def _towards_zero(position: Decimal, quantity: Decimal) -> Decimal:
    after = position + quantity
    return after if after * position > 0 else ZERO


def closes(quantity: Decimal, left: Decimal) -> bool:
    """Return whether a quantity only leaves what of a position others left to it."""
    return quantity * left < 0 and abs(quantity) <= abs(left)
