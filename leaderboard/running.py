"""A log of trades, replayed: its book, what its instruments are worth, its equity step by step.

Profit comes first in first out from `quant.lots`, after fees. What is open is valued at the last
price of the instrument's own trades, or at the server's price of the last midnight where one is
asked for. An option whose settlement has passed is settled at its intrinsic value where the
server knows the underlying's price then, and else stays open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from leaderboard.claims import MULTIPLIER, Leg
from market import calendars, occ
from quant.lots import Book, Closing, Execution, Settlement

ZERO: Final = Decimal(0)
DAY: Final = dt.timedelta(days=1)
SHORT_MARGIN: Final = Decimal("0.2")
"""Of the strike that a written option ties up, at least: the usual margin of an index option."""
PriceAt = Callable[[str, dt.datetime], Decimal | None]
"""Given an instrument and an instant: its price then, None when the server does not know it."""


class Step(NamedTuple):
    """What one trade, settlement or midnight did; amounts are US dollars.

    `since` is the instant of the step before, None at the first; `held` whether something was
    open in between. `realised` is the change of realised profit, after `fee`; `spread` is what
    was paid against the middle of bid and offer, which the prices of the trade hold already.
    """

    at: dt.datetime
    since: dt.datetime | None
    held: bool
    is_trade: bool
    equity: Decimal
    realised: Decimal
    fee: Decimal
    spread: Decimal
    closings: tuple[Closing, ...]


Note = Callable[[Step], None]


@dataclass
class Run:
    """A book that is being replayed.

    Attributes
    ----------
    settled_at : callable
        The price of an underlying at a settlement.
    note : callable
        Hears of every step.
    mark_at : callable or None
        The price of an instrument at a midnight, UTC; without it nothing is valued then.
    """

    settled_at: PriceAt
    note: Note
    mark_at: PriceAt | None = None
    book: Book = field(default_factory=Book)
    marks: dict[str, Decimal] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    equity: Decimal = ZERO
    committed: Decimal = ZERO
    at: dt.datetime | None = None
    step: int = 0

    def trade(
        self, at: dt.datetime, legs: Iterable[Leg], fee: Decimal, spread: Decimal = ZERO
    ) -> None:
        """Take one trade; the clock of a log never goes back."""
        at = at if self.at is None else max(at, self.at)
        self.until(at)
        self.step += 1
        events = []
        for leg in legs:
            multiplier = Decimal(MULTIPLIER[leg.kind])
            events.append(Execution(self.step, leg.symbol, leg.signed, leg.price, multiplier, fee))
            self.marks[leg.symbol] = leg.price
            fee = ZERO
        self._take(events, at, is_trade=True, spread=spread)
        self.committed = max(self.committed, self._at_work())

    def until(self, now: dt.datetime) -> None:
        """Settle what is due and value what is open at each midnight, up to an instant."""
        while True:
            due = self._due(now)
            if due is None:
                return
            at, name = due
            if name is None:
                self._value(at)
            else:
                self._settle(name, at)

    def _due(self, now: dt.datetime) -> tuple[dt.datetime, str | None] | None:
        """Return what comes next: a settlement, or a midnight without an instrument."""
        held = [one.instrument for one in self.book.positions()]
        if not held or self.at is None:
            return None
        found: list[tuple[dt.datetime, str | None]] = [
            (max(settles(name), self.at), name)
            for name in held
            if name not in self.unknown and settles(name) <= now
        ]
        midnight = (self.at + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.mark_at is not None and midnight <= now:
            found.append((midnight, None))
        return min(found, key=lambda due: (due[0], due[1] is None, due[1] or ""), default=None)

    def _value(self, at: dt.datetime) -> None:
        for one in self.book.positions():
            price = None if self.mark_at is None else self.mark_at(one.instrument, at)
            if price is not None:
                self.marks[one.instrument] = price
        self._take([], at, is_trade=False)

    def _settle(self, name: str, at: dt.datetime) -> None:
        price = self._intrinsic(name, settles(name))
        if price is None:
            self.unknown.add(name)
            return
        self.step += 1
        self._take([Settlement(self.step, name, price)], at, is_trade=False)

    def _intrinsic(self, name: str, at: dt.datetime) -> Decimal | None:
        contract = occ.parse(name)
        spot = self.settled_at(occ.rule(contract.root).underlying, at)
        if spot is None:
            return None
        side = spot - contract.strike if contract.right == "C" else contract.strike - spot
        return max(side, ZERO)

    def _take(
        self,
        events: Iterable[Execution | Settlement],
        at: dt.datetime,
        *,
        is_trade: bool,
        spread: Decimal = ZERO,
    ) -> None:
        book = self.book
        held, since = bool(book.positions()), self.at
        realised, fees, closed = book.realised, book.fees, len(book.closings)
        book.apply(events)
        self.equity = book.realised + book.unrealised(self.marks)
        self.at = at
        self.note(
            Step(
                at,
                since,
                held,
                is_trade,
                self.equity,
                book.realised - realised,
                book.fees - fees,
                spread,
                tuple(book.closings[closed:]),
            )
        )

    def _at_work(self) -> Decimal:
        """Return what is tied up: what was paid, and for written options their margin at least."""
        total = ZERO
        for one in self.book.positions():
            cost = abs(one.cost)
            strike = _strike(one.instrument)
            if one.quantity < 0 and strike is not None:
                cost = max(cost, SHORT_MARGIN * strike * -one.quantity * one.multiplier)
            total += cost
        return total

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON, from which `load` goes on."""
        held = {one.instrument for one in self.book.positions()}
        return {
            "book": self.book.dump(),
            "marks": {name: str(price) for name, price in self.marks.items() if name in held},
            "unknown": sorted(self.unknown & held),
            "equity": str(self.equity),
            "committed": str(self.committed),
            "at": None if self.at is None else self.at.isoformat(),
            "step": self.step,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a dumped state."""
        self.book = Book.load(state["book"])
        self.marks = {name: Decimal(price) for name, price in state["marks"].items()}
        self.unknown = set(state["unknown"])
        self.equity, self.committed = Decimal(state["equity"]), Decimal(state["committed"])
        self.at = None if state["at"] is None else dt.datetime.fromisoformat(state["at"])
        self.step = state["step"]


@lru_cache(maxsize=65_536)
def settles(name: str) -> dt.datetime:
    """Return the instant at which an instrument settles; what is no option never does."""
    try:
        contract = occ.parse(name)
        return calendars.settlement(contract.root, contract.expiry)
    except (occ.OccError, calendars.CalendarError):
        return dt.datetime.max.replace(tzinfo=dt.UTC)


@lru_cache(maxsize=65_536)
def _strike(name: str) -> Decimal | None:
    try:
        return occ.parse(name).strike
    except occ.OccError:
        return None
