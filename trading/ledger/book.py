"""Which postings a fact makes: the double entry, as plain rules.

Every posting is an amount on an account of the books in one unit: the currency, or an
instrument's symbol. Those of a fact sum to zero in every unit. In the currency

    cash + cost + realised + fees + deposits + dividends + interest + adjustments = 0,

where what came from outside or was earned stands below zero. `cost` is what open positions cost;
what was earned by closing them follows from the lots, first in first out or by average cost.
Holds are a pair of their own and touch no cash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from typing import Any, Final

from quant.lots import Book, Execution, LotError, Method

ZERO: Final = Decimal(0)
PLACES: Final = 24
"""Decimals that a posting may have."""
_DIGITS: Final = 20
"""Before the point, at most."""
_LONGEST: Final = 100
"""Decimals, zeros at the end included, beyond which a number is not even looked at: to write out
one with a million of them takes a process minutes."""
_EXACT: Final = Context(prec=120)
_EMPTY: Final = dict.fromkeys(("realised", "fees", "cash", "turnover"), "0") | {"last": None}


class LedgerError(ValueError):
    """A fact that cannot be posted; `field` names the part and the text the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Side(StrEnum):
    """The accounts of the books."""

    CASH = "cash"
    COST = "cost"
    REALISED = "realised"
    FEES = "fees"
    DEPOSITS = "deposits"
    DIVIDENDS = "dividends"
    INTEREST = "interest"
    ADJUSTMENTS = "adjustments"
    POSITION = "position"
    STREET = "street"
    """Whoever gave or took the quantity."""
    HOLDS = "holds"
    RESERVED = "reserved"


CASH_OF: Final[Mapping[str, Side]] = {
    "deposit": Side.DEPOSITS,
    "withdrawal": Side.DEPOSITS,
    "dividend": Side.DIVIDENDS,
    "interest": Side.INTEREST,
    "adjustment": Side.ADJUSTMENTS,
}
"""What stands against the cash that a fact moves by itself."""


@dataclass(frozen=True, slots=True)
class Move:
    """A quantity of an instrument that came (above zero) or went, at a price per unit."""

    symbol: str
    quantity: Decimal
    price: Decimal
    multiplier: Decimal = Decimal(1)

    @property
    def worth(self) -> Decimal:
        """Quantity x price x multiplier, exact."""
        with localcontext(_EXACT):
            return self.quantity * self.price * self.multiplier


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened to an account outside of these books.

    Attributes
    ----------
    kind : str
        One of `JournalEntry.Kind`.
    moves : tuple of Move
        Quantities that came and went; their worth leaves the cash.
    cash : Decimal
        What came (above zero) or went beside the moves and the fee.
    fee : Decimal
        Paid; below zero for a rebate.
    hold : Decimal
        By how much the sum of the holds rises or falls.
    """

    kind: str
    moves: tuple[Move, ...] = ()
    cash: Decimal = ZERO
    fee: Decimal = ZERO
    hold: Decimal = ZERO

    def as_json(self) -> dict[str, Any]:
        """Return it with exact numbers as text."""
        moves = [
            [one.symbol, plain(one.quantity), plain(one.price), plain(one.multiplier)]
            for one in self.moves
        ]
        named = {"cash": self.cash, "fee": self.fee, "hold": self.hold}
        return {"moves": moves} | {name: plain(value) for name, value in named.items() if value}

    @classmethod
    def of_json(cls, kind: str, facts: Mapping[str, Any]) -> Fact:
        """Return the fact that `as_json` wrote."""
        moves = tuple(
            Move(symbol, *(Decimal(text) for text in numbers))
            for symbol, *numbers in facts["moves"]
        )
        cash, fee, hold = (Decimal(facts.get(name, 0)) for name in ("cash", "fee", "hold"))
        return cls(kind, moves, cash, fee, hold)


def plain(value: Decimal) -> str:
    """Write a number without exponent and without zeros at its end: one text for one number."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


@dataclass(frozen=True, slots=True)
class Line:
    """One posting."""

    side: str
    unit: str
    amount: Decimal
    instrument: str = ""
    """Of which instrument a cost or a profit in the currency is."""


@dataclass(slots=True)
class Held:
    """A position: its lots as (quantity, cost), oldest first, and what it earned so far."""

    symbol: str
    multiplier: Decimal
    lots: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    realised: Decimal = ZERO

    @property
    def quantity(self) -> Decimal:
        """What is held, below zero when short."""
        return total(quantity for quantity, _ in self.lots)

    @property
    def cost(self) -> Decimal:
        """What it cost, below zero when short."""
        return total(cost for _, cost in self.lots)

    @property
    def average(self) -> Decimal:
        """The average price per unit, 0 when nothing is held."""
        held = self.quantity
        return self.cost / (held * self.multiplier) if held else ZERO


def total(parts: Iterable[Decimal]) -> Decimal:
    """Add up exactly."""
    with localcontext(_EXACT):
        return sum(parts, ZERO)


def check(fact: Fact) -> None:
    """Raise LedgerError when a fact has a number that the books cannot hold exactly."""
    for name, value in (("cash", fact.cash), ("fee", fact.fee), ("hold", fact.hold)):
        fits(name, value)
    for place, move in enumerate(fact.moves):
        for name in ("quantity", "price", "multiplier", "worth"):
            fits(f"moves/{place}/{name}", getattr(move, name))
        if not move.symbol:
            raise LedgerError(f"moves/{place}/symbol", "Name the instrument.")
        if move.quantity == 0:
            raise LedgerError(f"moves/{place}/quantity", "Give a quantity other than 0.")
        if move.multiplier <= 0:
            raise LedgerError(f"moves/{place}/multiplier", "Give a multiplier above 0.")


def fits(name: str, value: Decimal) -> None:
    """Raise LedgerError when a number is no Decimal that the books hold exactly."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise LedgerError(name, "Give a finite decimal number.")
    whole = value.adjusted() < _DIGITS or not value
    near = whole and -int(value.as_tuple().exponent) <= _LONGEST
    if not near or -int(value.normalize(_EXACT).as_tuple().exponent) > PLACES:
        raise LedgerError(name, f"Give at most {_DIGITS} digits and {PLACES} decimals.")


def move(held: Held, change: Move, method: Method) -> Held:
    """Return a position after a quantity came or went."""
    if not held.lots:  # a contract that was adjusted may come back with another multiplier
        held = Held(held.symbol, change.multiplier, realised=held.realised)
    if held.multiplier != change.multiplier:
        raise LedgerError(
            "multiplier", f"{held.symbol} is held with {plain(held.multiplier)} units a contract."
        )
    lots = [[str(quantity), str(cost)] for quantity, cost in held.lots]
    book = Book.load(_EMPTY | {
        "method": method.value,
        "positions": [[held.symbol, str(held.multiplier), lots]] if lots else [],
    })  # fmt: skip
    try:
        book.apply([Execution(0, held.symbol, change.quantity, change.price, change.multiplier)])
    except LotError as error:
        raise LedgerError("moves", f"{error}.") from error
    left = [(lot.quantity, lot.cost) for one in book.positions() for lot in one.lots]
    return Held(held.symbol, held.multiplier, left, total((held.realised, book.realised)))


def postings(
    fact: Fact, before: Mapping[str, Held], after: Mapping[str, Held], currency: str
) -> list[Line]:
    """Return the postings of a fact, given the positions of its symbols before and after it.

    A fact that is undone has its moves turned round, and `after` from a replay without it: then
    cost and profit also take up what later closings would have cost.
    """
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    with localcontext(_EXACT):
        for one in fact.moves:
            sums[Side.POSITION, one.symbol, one.symbol] += one.quantity
            sums[Side.STREET, one.symbol, one.symbol] -= one.quantity
            sums[_against(fact), currency, ""] -= one.worth
        for symbol, now in after.items():
            then = before[symbol]
            sums[Side.COST, currency, symbol] += now.cost - then.cost
            sums[Side.REALISED, currency, symbol] -= now.realised - then.realised
        sums[Side.CASH, currency, ""] += fact.cash - fact.fee
        sums[Side.FEES, currency, ""] += fact.fee
        if fact.cash:
            sums[CASH_OF[fact.kind], currency, ""] -= fact.cash
        sums[Side.HOLDS, currency, ""] += fact.hold
        sums[Side.RESERVED, currency, ""] -= fact.hold
    return [
        Line(side, unit, amount, symbol) for (side, unit, symbol), amount in sums.items() if amount
    ]


def _against(fact: Fact) -> Side:
    """Return what a quantity is paid from: a difference that is found has moved no cash."""
    return Side.ADJUSTMENTS if fact.kind == "adjustment" else Side.CASH


def undone(fact: Fact) -> Fact:
    """Return what takes a fact back. Its hold stays as it is: it belongs to an order."""
    moves = tuple(Move(one.symbol, -one.quantity, one.price, one.multiplier) for one in fact.moves)
    return Fact(fact.kind, moves, -fact.cash, -fact.fee)


def replay(facts: Sequence[Fact], symbol: str, multiplier: Decimal, method: Method) -> Held:
    """Return the position of one instrument from all its facts, in the order of the journal."""
    held = Held(symbol, multiplier)
    for fact in facts:
        for one in fact.moves:
            if one.symbol == symbol:
                held = move(held, one, method)
    return held
