"""Lots of positions and their profit, exact in decimals, by first in first out or average cost.

A book takes executions in the order in which they happened and keeps what is open, what was
earned and what was turned over. Amounts are in the instrument's currency, quantities in units or
contracts, and an execution's worth is quantity x price x multiplier. Fees count when they are
paid. At any time, exactly and by both methods,

    realised + unrealised = cash + value of what is open.

Executions that share an instant have no order: a book puts them into one of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

ZERO: Final = Decimal(0)
QUANTUM: Final = Decimal("1e-24")
"""To which the cost that a part of an average lot takes along is rounded; the rest stays."""
DIGITS: Final = 40
"""Digits before and behind the point that a given number may have: products of three are exact."""
_CONTEXT: Final = Context(prec=8 * DIGITS)


class Method(StrEnum):
    """Which cost a closed quantity had."""

    FIFO = "fifo"
    AVERAGE = "average"


class LotError(ValueError):
    """An execution that no book can hold; the message says why."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What was bought or sold; a spread is one execution for each leg, all at one instant.

    Attributes
    ----------
    at : int
        When, on any clock that rises; equal numbers are one instant.
    instrument : str
    quantity : Decimal
        Bought above zero, sold (or sold short) below.
    price : Decimal
        Per unit, as quoted.
    multiplier : Decimal
        Units of each contract: 100 for an equity option, 1 for a share or a coin.
    fee : Decimal
        Paid; below zero for a rebate.
    """

    at: int
    instrument: str
    quantity: Decimal
    price: Decimal
    multiplier: Decimal = Decimal(1)
    fee: Decimal = ZERO

    def __post_init__(self) -> None:
        for name in ("quantity", "price", "multiplier", "fee"):
            _check(name, getattr(self, name))
        if self.quantity == 0:
            raise LotError("quantity is 0")
        if self.multiplier <= 0:
            raise LotError("multiplier is not above 0")


@dataclass(frozen=True, slots=True)
class Settlement:
    """An expiry: what is open is closed at a price per unit, at 0 when it is worthless."""

    at: int
    instrument: str
    price: Decimal
    fee: Decimal = ZERO

    def __post_init__(self) -> None:
        for name in ("price", "fee"):
            _check(name, getattr(self, name))


Event = Execution | Settlement


def _check(name: str, value: Decimal) -> None:
    if not value.is_finite():
        raise LotError(f"{name} is not a finite number")
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    if len(digits) > DIGITS or abs(int(exponent)) > DIGITS:
        raise LotError(f"{name} has more than {DIGITS} digits")


def _sum(parts: Iterable[Decimal]) -> Decimal:
    """Add up exactly; what `parts` computes on the way is exact, too."""
    with localcontext(_CONTEXT):
        return sum(parts, ZERO)


@dataclass(slots=True)
class Lot:
    """An open quantity (below zero when short) and what it cost, signed alike."""

    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Closing:
    """A quantity that was closed, signed as it was held, and its profit before fees."""

    at: int
    instrument: str
    quantity: Decimal
    profit: Decimal


@dataclass(slots=True)
class Position:
    """The lots of one instrument, oldest first; by average cost there is one."""

    instrument: str
    multiplier: Decimal
    lots: deque[Lot] = field(default_factory=deque)

    @property
    def quantity(self) -> Decimal:
        """What is held, below zero when short."""
        return _sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Decimal:
        """What it cost, below zero when short: then it was received."""
        return _sum(lot.cost for lot in self.lots)

    @property
    def average(self) -> Decimal:
        """The average price per unit of what is held; 0 when nothing is."""
        held = self.quantity
        return self.cost / (held * self.multiplier) if held else ZERO


class Book:
    """Positions of any number of instruments under one method."""

    def __init__(self, method: Method = Method.FIFO) -> None:
        self.method = method
        self.realised = ZERO
        self.fees = ZERO
        self.cash = ZERO
        self.turnover = ZERO
        self.closings: list[Closing] = []
        self._positions: dict[str, Position] = {}
        self._last: int | None = None

    def apply(self, events: Iterable[Event]) -> None:
        """Take events, which may not lie before those taken already; LotError when they do.

        Parameters
        ----------
        events : iterable of Execution or Settlement
            In any order. Those of one instant are taken by the book's own order: what reduces a
            position first, then by price, quantity and fee; settlements last.
        """
        ordered = sorted(events, key=lambda event: event.at)
        if ordered and self._last is not None and ordered[0].at < self._last:
            raise LotError(f"an event at {ordered[0].at} lies before {self._last}")
        with localcontext(_CONTEXT):
            for at, instant in groupby(ordered, key=lambda event: event.at):
                self._instant(list(instant))
                self._last = at

    def positions(self) -> list[Position]:
        """Return what is open, by instrument."""
        return [self._positions[name] for name in sorted(self._positions)]

    def value(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return what is open at prices per unit; KeyError where one is missing."""
        return _sum(
            position.quantity * marks[position.instrument] * position.multiplier
            for position in self._positions.values()
        )

    def unrealised(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return the profit of what is open at prices per unit; KeyError where one is missing."""
        cost = _sum(position.cost for position in self._positions.values())
        return _sum((self.value(marks), cost.copy_negate()))

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON with exact numbers as text; closings are not part of it."""
        return {
            "method": self.method.value,
            "realised": str(self.realised),
            "fees": str(self.fees),
            "cash": str(self.cash),
            "turnover": str(self.turnover),
            "last": self._last,
            "positions": [
                [one.instrument, str(one.multiplier),
                 [[str(lot.quantity), str(lot.cost)] for lot in one.lots]]
                for one in self.positions()
            ],
        }  # fmt: skip

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> Book:
        """Return the book that was dumped, without its closings."""
        book = cls(Method(state["method"]))
        for name in ("realised", "fees", "cash", "turnover"):
            setattr(book, name, Decimal(state[name]))
        book._last = state["last"]
        for instrument, multiplier, lots in state["positions"]:
            held = deque(Lot(Decimal(quantity), Decimal(cost)) for quantity, cost in lots)
            book._positions[instrument] = Position(instrument, Decimal(multiplier), held)
        return book

    def _instant(self, events: list[Event]) -> None:
        held = {name: position.quantity for name, position in self._positions.items()}

        def place(event: Execution) -> tuple[str, bool, Decimal, Decimal, Decimal]:
            before = held.get(event.instrument, ZERO)
            adds = event.quantity * (before or Decimal(1)) > 0
            return (event.instrument, adds, event.price, event.quantity, event.fee)

        traded = [event for event in events if isinstance(event, Execution)]
        for execution in sorted(traded, key=place):
            self._trade(execution)
        settled = [event for event in events if isinstance(event, Settlement)]
        for settlement in sorted(settled, key=lambda event: (event.instrument, event.price)):
            self._settle(settlement)

    def _trade(self, event: Execution) -> None:
        position = self._positions.setdefault(
            event.instrument, Position(event.instrument, event.multiplier)
        )
        if position.multiplier != event.multiplier:
            raise LotError(f"{event.instrument} has the multiplier {position.multiplier}")
        worth = event.quantity * event.price * event.multiplier
        self.turnover += abs(worth)
        self.cash -= worth
        self._pay(event.fee)
        left = self._close(position, event.quantity, event.price, event.at)
        if left:
            self._open(position, Lot(left, left * event.price * event.multiplier))
        self._forget_empty(position)

    def _settle(self, event: Settlement) -> None:
        self._pay(event.fee)
        position = self._positions.get(event.instrument)
        if position is None:
            return
        held = position.quantity
        self.cash += held * event.price * position.multiplier
        self._close(position, -held, event.price, event.at)
        self._forget_empty(position)

    def _pay(self, fee: Decimal) -> None:
        self.fees += fee
        self.cash -= fee
        self.realised -= fee

    def _open(self, position: Position, lot: Lot) -> None:
        if self.method is Method.AVERAGE and position.lots:
            held = position.lots[0]
            held.quantity += lot.quantity
            held.cost += lot.cost
        else:
            position.lots.append(lot)

    def _close(self, position: Position, quantity: Decimal, price: Decimal, at: int) -> Decimal:
        """Close against open lots of the other side and return what is left to open."""
        while quantity and position.lots and position.lots[0].quantity * quantity < 0:
            lot = position.lots[0]
            part = min(abs(quantity), abs(lot.quantity)).copy_sign(lot.quantity)
            cost = self._cost_of(lot, part)
            profit = part * price * position.multiplier - cost
            self.realised += profit
            self.closings.append(Closing(at, position.instrument, part, profit))
            lot.quantity -= part
            lot.cost -= cost
            quantity += part
            if not lot.quantity:
                position.lots.popleft()
        return quantity

    def _cost_of(self, lot: Lot, part: Decimal) -> Decimal:
        """Return the cost of a part of a lot; the parts of a lot always add up to its cost."""
        if part == lot.quantity:
            return lot.cost
        cost = lot.cost * part / lot.quantity  # of one purchase it is part x price, so exact
        return cost if self.method is Method.FIFO else cost.quantize(QUANTUM)

    def _forget_empty(self, position: Position) -> None:
        if not position.lots:
            del self._positions[position.instrument]


def replay(events: Iterable[Event], method: Method = Method.FIFO) -> Book:
    """Return the book of a whole history."""
    book = Book(method)
    book.apply(events)
    return book
