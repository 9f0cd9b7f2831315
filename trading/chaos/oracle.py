"""What a venue says happened against what the books say: every difference, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from trading.ledger.book import plain

Held = Mapping[str, Decimal]


class Execution(NamedTuple):
    """An execution: the client order id it came under, signed quantity, price."""

    name: str
    symbol: str
    quantity: Decimal
    price: Decimal


class Booked(NamedTuple):
    """A booked fill by its execution id: the order here, None for nobody's."""

    execution_id: str
    order: int | None
    symbol: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Venue:
    """What really happened: `names` is the client order id of each order, once for each order."""

    names: Sequence[str]
    fills: Mapping[str, Execution]
    positions: Held
    cash: Decimal
    open: frozenset[str] = frozenset()
    """Client order ids of what is still open."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the house believes. `orders` is the order of each client order id."""

    orders: Mapping[str, int]
    fills: Sequence[Booked]
    positions: Held
    cash: Decimal
    states: Mapping[int, str]
    open: frozenset[int] = frozenset()


def differences(venue: Venue, books: Books) -> list[str]:
    """Return every difference; nothing when the books are what happened."""
    return [*_orders(venue, books), *_fills(venue, books), *_sums(venue, books)]


def _orders(venue: Venue, books: Books) -> Iterator[str]:
    """At most one order at the venue for each intent, and none of nobody's."""
    there: dict[int, list[str]] = defaultdict(list)
    for name in venue.names:
        if name in books.orders:
            there[books.orders[name]].append(name)
        else:
            yield f"the venue has an order {name} that nobody here sent"
    for order, names in sorted(there.items()):
        if len(names) > 1:
            yield f"order {order} is at the venue {len(names)} times: {', '.join(names)}"
    for order, state in sorted(books.states.items()):
        if state in ("unknown", "submitting"):
            yield f"order {order} is still {state}"
    left = {books.orders[name] for name in venue.open if name in books.orders}
    for order in sorted(left - books.open):
        yield f"order {order} is over here and open at the venue"
    for order in sorted((books.open & set(there)) - left):
        yield f"order {order} is open here and over at the venue"


def _fills(venue: Venue, books: Books) -> Iterator[str]:
    """Every execution booked once, as it was, under its order; and nothing else."""
    for name, count in sorted(Counter(one.execution_id for one in books.fills).items()):
        if count > 1:
            yield f"execution {name} is booked {count} times"
    booked = {one.execution_id: one for one in books.fills}
    for name in sorted(set(venue.fills) - set(booked)):
        yield f"execution {name} is lost"
    for name in sorted(set(booked) - set(venue.fills)):
        yield f"execution {name} is booked and never was"
    for name in sorted(set(booked) & set(venue.fills)):
        was, here = venue.fills[name], booked[name]
        if (was.symbol, was.quantity, was.price) != (here.symbol, here.quantity, here.price):
            yield f"execution {name} is booked as {here}, and was {was}"
        if books.orders.get(was.name) != here.order:
            yield f"execution {name} is of {was.name}, and is booked for order {here.order}"


def _sums(venue: Venue, books: Books) -> Iterator[str]:
    for symbol in sorted({*venue.positions, *books.positions}):
        was = venue.positions.get(symbol, Decimal(0))
        here = books.positions.get(symbol, Decimal(0))
        if was != here:
            yield f"the venue holds {plain(was)} of {symbol}, the books {plain(here)}"
    if venue.cash != books.cash:
        yield f"the venue has {plain(venue.cash)} in cash, the books {plain(books.cash)}"
